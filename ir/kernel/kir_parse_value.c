/* Index expressions and values of the kernel text.

   ix      = [ "-" ] term { ( "+" | "-" ) term }
   term    = factor { ( "*" | "/" | "%" ) factor }            floor division and modulus, left to right
   factor  = integer | NAME | "(" ix ")" | ( "min" | "max" ) "(" ix "," ix ")"
   guards  = "(" guard { "," guard } ")"                      at most four
   guard   = "0" "<=" ix "<" ix
   value   = float | "inf" | "nan" | "-" float                f32
           | "f64" "(" number ")" | ( "i32" | "i64" ) "(" ix ")" | "true" | "false"
           | MEMORY subscript [ "where" guards "else" number ]
           | NAME                                             a let or a temporary
           | "elem"                                           the current element of an each
           | "cast" "(" TYPE "," value ")"
           | OPERATION "(" value { "," value } ")"                OPERATION: a name in ir/kernel/kop.def
   subscript = [ "[" ix "]" ] "[" ix "]"                      of two, the first is the ring slot */
#include "ir/kernel/kir_parse.h"

#include <string.h>

static const struct index *zero(struct kparse *p) { return index_const(p->b.indices, 0); }

static bool enter(struct kparse *p)
{
    return ++p->depth <= KPARSE_DEPTH || klex_error(&p->l, p->l.cur.loc, "nested more than %d deep", KPARSE_DEPTH);
}

void kparse_bind(struct kparse *p, const char *name, const struct index *ix, const struct kexpr *x)
{
    *arena_push(p->b.arena, p->bound, p->n_bound, p->cap_bound) = (struct kbound){ name, ix, x };
}

static const struct kbound *lookup(const struct kparse *p, const char *name)
{
    for (size_t i = p->n_bound; i-- > 0;)
        if (!strcmp(p->bound[i].name, name))
            return &p->bound[i];
    return NULL;
}

/* ---- index expressions ---- */

/* Limits on parsed index expressions, since larger ones would overflow in ir/index.c. */
enum { TERMS = 16 };
static const int64_t MAGNITUDE = (int64_t)1 << 48;

static void size_of(const struct index *e, int *terms, int *degree, int64_t *magnitude)
{
    *terms = 1;
    *degree = 1;
    *magnitude = 1;
    if (e->kind != INDEX_SUM)
        return;
    *terms = e->n_terms + 1;
    *degree = 0;
    *magnitude = e->k < 0 ? -e->k : e->k;
    for (int i = 0; i < e->n_terms; i++) {
        int64_t c = e->terms[i].coef < 0 ? -e->terms[i].coef : e->terms[i].coef;
        if (c > *magnitude)
            *magnitude = c;
        if (e->terms[i].n > *degree)
            *degree = e->terms[i].n;
    }
}

static const struct index *combine(struct kparse *p, struct loc loc, int op, const struct index *x,
                                   const struct index *y)
{
    struct index_table *t = p->b.indices;
    int tx, ty, dx, dy;
    int64_t mx, my, product = 0;
    if (p->l.failed)
        return x;
    size_of(x, &tx, &dx, &mx);
    size_of(y, &ty, &dy, &my);
    bool over = op == '*' && (__builtin_mul_overflow(mx, my, &product) || product > MAGNITUDE);
    if (over || mx > MAGNITUDE || my > MAGNITUDE) {
        klex_error(&p->l, loc, "this index has too large a number in it");
        return x;
    }
    if (op == '*' ? tx * ty > TERMS || dx + dy > INDEX_DEGREE : tx + ty > TERMS) {
        klex_error(&p->l, loc, "this index has too many terms");
        return x;
    }
    switch (op) {
    case '+': return index_add(t, x, y);
    case '-': return index_sub(t, x, y);
    case '*': return index_mul(t, x, y);
    default: break;
    }
    if (y->hi <= 0) {
        klex_error(&p->l, loc, "an index is divided by something that is not above 0");
        return x;
    }
    return op == '/' ? index_div(t, x, y) : index_mod(t, x, y);
}

static const struct index *factor(struct kparse *p)
{
    struct klex *l = &p->l;
    struct loc loc = l->cur.loc;
    if (l->cur.kind == KTOK_INT)
        return index_const(p->b.indices, klex_int(l, "a number", 0, MAGNITUDE));
    if (klex_is(l, '(')) {
        if (!enter(p))
            return zero(p);
        klex_next(l);
        const struct index *e = kparse_index(p);
        klex_expect(l, ')');
        p->depth--;
        return e;
    }
    const char *name = klex_name(l, "an index");
    bool min = !strcmp(name, "min");
    if ((min || !strcmp(name, "max")) && klex_is(l, '(')) {
        if (!enter(p))
            return zero(p);
        klex_next(l);
        const struct index *x = kparse_index(p);
        klex_expect(l, ',');
        const struct index *y = kparse_index(p);
        klex_expect(l, ')');
        p->depth--;
        return min ? index_min(p->b.indices, x, y) : index_max(p->b.indices, x, y);
    }
    const struct kbound *b = lookup(p, name);
    if (b && b->index)
        return b->index;
    if (b)
        klex_error(l, loc, "'%s' is a value, not an index: give it a range with 'let %s in LO..HI = ...'", name, name);
    else
        klex_error(l, loc, "'%s' is neither a dim nor an index variable", name);
    return zero(p);
}

static const struct index *term(struct kparse *p)
{
    const struct index *e = factor(p);
    while (klex_is(&p->l, '*') || klex_is(&p->l, '/') || klex_is(&p->l, '%')) {
        struct loc loc = p->l.cur.loc;
        int op = p->l.cur.punct;
        klex_next(&p->l);
        e = combine(p, loc, op, e, factor(p));
    }
    return e;
}

const struct index *kparse_index(struct kparse *p)
{
    struct loc loc = p->l.cur.loc;
    const struct index *e = klex_take(&p->l, '-') ? combine(p, loc, '-', zero(p), term(p)) : term(p);
    while (klex_is(&p->l, '+') || klex_is(&p->l, '-')) {
        loc = p->l.cur.loc;
        int op = p->l.cur.punct;
        klex_next(&p->l);
        e = combine(p, loc, op, e, term(p));
    }
    return e;
}

struct kmask kparse_guards(struct kparse *p)
{
    struct kmask m = { 0 };
    klex_expect(&p->l, '(');
    do {
        if (m.n == 4) {
            klex_error(&p->l, p->l.cur.loc, "a mask has at most 4 conditions");
            break;
        }
        klex_int(&p->l, "the lower end of a condition, 0", 0, 0);
        klex_expect(&p->l, KPUNCT_LESS_EQ);
        m.g[m.n].e = kparse_index(p);
        klex_expect(&p->l, '<');
        m.g[m.n++].bound = kparse_index(p);
    } while (klex_take(&p->l, ','));
    klex_expect(&p->l, ')');
    return m;
}

/* ---- memory ---- */
struct kmem *kparse_mem(struct kparse *p, const char *name, struct loc loc)
{
    const struct kernel *k = p->k;
    for (size_t i = 0; i < k->n_args; i++)
        if (!strcmp(k->args[i]->name, name))
            return k->args[i];
    for (size_t i = 0; i < k->n_shared; i++)
        if (!strcmp(k->shared[i]->name, name))
            return k->shared[i];
    for (size_t i = 0; i < k->n_priv; i++)
        if (!strcmp(k->priv[i]->name, name))
            return k->priv[i];
    klex_error(&p->l, loc, "'%s' is not a memory of this kernel", name);
    return NULL;
}

void kparse_subscript(struct kparse *p, const struct kmem *m, const struct index **slot, const struct index **index)
{
    struct loc loc = p->l.cur.loc;
    *slot = NULL;
    klex_expect(&p->l, '[');
    *index = kparse_index(p);
    klex_expect(&p->l, ']');
    if (!klex_take(&p->l, '['))
        return;
    *slot = *index;
    *index = kparse_index(p);
    klex_expect(&p->l, ']');
    if (m && m->space != KS_SHARED)
        klex_error(&p->l, loc, "%s is no ring of shared memory: it has one index", m->name);
}

/* ---- values ---- */
static const struct kexpr *load(struct kparse *p, const char *name, struct loc loc)
{
    const struct kmem *m = kparse_mem(p, name, loc);
    const struct index *slot, *index;
    struct kmask mask = { 0 };
    double fill = 0;
    kparse_subscript(p, m, &slot, &index);
    if (klex_take_word(&p->l, "where")) {
        mask = kparse_guards(p);
        klex_expect_word(&p->l, "else");
        fill = klex_number(&p->l);
    }
    return p->l.failed ? kexpr_f32(&p->b, 0) : kexpr_load(&p->b, m, slot, index, &mask, fill);
}

/* Parses an integer before a closing parenthesis, as in `i64(-7)`. The integer may be too large for an index.
   If the parentheses hold anything else, consumes nothing and returns false. */
static bool integer(struct kparse *p, enum dtype t, const struct kexpr **out)
{
    struct klex saved = p->l;
    bool minus = klex_take(&p->l, '-');
    bool is_int = p->l.cur.kind == KTOK_INT;
    if (is_int)
        klex_next(&p->l);
    is_int = is_int && klex_is(&p->l, ')') && !p->l.failed;
    (void)minus;
    p->l = saved;
    if (!is_int)
        return false;
    int64_t v = klex_int(&p->l, t == DT_I32 ? "an i32" : "an i64", t == DT_I32 ? INT32_MIN : INT64_MIN,
                         t == DT_I32 ? INT32_MAX : INT64_MAX);
    *out = t == DT_I32 ? kexpr_i32(&p->b, v) : kexpr_i64(&p->b, v);
    return true;
}

static const struct kexpr *typed(struct kparse *p, enum dtype t)
{
    const struct kexpr *x = NULL;
    klex_expect(&p->l, '(');
    if (t == DT_F32 || t == DT_F64) {
        x = kexpr_const(&p->b, t, klex_number(&p->l));
    } else if (!integer(p, t, &x)) {
        struct loc loc = p->l.cur.loc;
        const struct index *e = kparse_index(p);
        int64_t v;
        if (t == DT_I32 && index_const_value(e, &v) && (v < INT32_MIN || v > INT32_MAX))
            klex_error(&p->l, loc, "%lld is not an i32", (long long)v);
        x = p->l.failed ? kexpr_i32(&p->b, 0) : kexpr_index(&p->b, t, e);
    }
    klex_expect(&p->l, ')');
    return x;
}

static enum dtype type_name(struct kparse *p)
{
    struct loc loc = p->l.cur.loc;
    enum dtype t = DT_F32;
    const char *name = klex_name(&p->l, "a type");
    if (!p->l.failed && !dtype_parse(name, &t))
        klex_error(&p->l, loc, "'%s' is not a type", name);
    return t;
}

static const struct kexpr *operation(struct kparse *p, enum kop op, struct loc loc)
{
    const struct kop_info *info = &kop_table[op];
    const struct kexpr *arg[3] = { NULL };
    enum dtype to = DT_F32;
    enum dtype t[3] = { DT_F32, DT_F32, DT_F32 };
    klex_expect(&p->l, '(');
    if (op == K_CAST) {
        to = type_name(p);
        klex_expect(&p->l, ',');
    }
    for (int i = 0; i < info->arity; i++) {
        if (i)
            klex_expect(&p->l, ',');
        arg[i] = kparse_value(p);
        t[i] = arg[i]->type;
    }
    klex_expect(&p->l, ')');
    if (p->l.failed)
        return kexpr_f32(&p->b, 0);
    const char *wrong = kexpr_op_wrong(op, t, to);
    if (wrong) {
        const char *types = dtype_name(t[0]);
        for (int i = 1; i < info->arity; i++)
            types = arena_printf(p->b.arena, "%s, %s", types, dtype_name(t[i]));
        klex_error(&p->l, loc, "%s(%s): %s", info->name, types, wrong);
        return kexpr_f32(&p->b, 0);
    }
    return op == K_CAST ? kexpr_cast(&p->b, to, arg[0]) : kexpr_op(&p->b, op, arg[0], arg[1], arg[2]);
}

static const struct kexpr *named(struct kparse *p)
{
    struct loc loc = p->l.cur.loc;
    const char *name = klex_name(&p->l, "a value");
    enum dtype t;
    if (p->l.failed)
        return kexpr_f32(&p->b, 0);
    if (!strcmp(name, "true") || !strcmp(name, "false"))
        return kexpr_bool(&p->b, name[0] == 't');
    if (!strcmp(name, "elem"))
        return kexpr_frag(&p->b);
    if (klex_is(&p->l, '['))
        return load(p, name, loc);
    if (klex_is(&p->l, '(')) {
        if (dtype_parse(name, &t) && (t == DT_F32 || t == DT_F64 || t == DT_I32 || t == DT_I64))
            return typed(p, t);
        for (int op = 0; op < K_COUNT; op++)
            if (op != K_READ && !strcmp(kop_table[op].name, name))
                return operation(p, (enum kop)op, loc);
        klex_error(&p->l, loc, "'%s' is not an operation of kernels", name);
        return kexpr_f32(&p->b, 0);
    }
    const struct kbound *b = lookup(p, name);
    if (b && b->x)
        return b->x;
    if (b)
        klex_error(&p->l, loc, "'%s' is an index: as a value it is i32(%s) or i64(%s)", name, name, name);
    else
        klex_error(&p->l, loc, "'%s' is not known here", name);
    return kexpr_f32(&p->b, 0);
}

const struct kexpr *kparse_value(struct kparse *p)
{
    const struct klex *l = &p->l;
    if (!enter(p))
        return kexpr_f32(&p->b, 0);
    bool number = l->cur.kind == KTOK_INT || l->cur.kind == KTOK_FLOAT || klex_is(l, '-') || klex_is_word(l, "inf") ||
                  klex_is_word(l, "nan");
    const struct kexpr *x = number ? kexpr_f32(&p->b, klex_number(&p->l)) : named(p);
    p->depth--;
    return x;
}
