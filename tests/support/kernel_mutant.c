#include "tests/support/kernel_mutant.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/support.h"

const char *const mutant_names[MUTANT_CLASSES] = { "stride", "offset", "tail",   "transposition", "reduction axis",
                                                   "swap",   "drop",   "double", "function" };

/* ---- places ---- */
enum { MOST = 8192 };

/* All that a kernel's statements hold: statements with their lists, and values, each once. */
struct places {
    struct kstmt *stmt[MOST];
    struct kstmt ***list[MOST]; /* where stmt[i] stands, and how many stand there */
    size_t *n_list[MOST];
    size_t n;
    struct kexpr *value[MOST];
    size_t n_values;
};

static void find_values(struct places *p, const struct kexpr *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < p->n_values; i++)
        if (p->value[i] == x)
            return;
    assert_true(p->n_values < MOST);
    p->value[p->n_values++] = (struct kexpr *)x;
    for (int i = 0; x->kind == KEXPR_OP && i < kop_table[x->op].arity; i++)
        find_values(p, x->arg[i]);
}

static void find(struct places *p, struct kstmt ***list, size_t *n)
{
    for (size_t i = 0; i < *n; i++) {
        struct kstmt *it = (*list)[i];
        assert_true(p->n < MOST);
        p->stmt[p->n] = it;
        p->list[p->n] = list;
        p->n_list[p->n++] = n;
        find_values(p, it->value);
        find(p, &it->body, &it->n_body);
        find(p, &it->orelse, &it->n_orelse);
    }
}

/* A random one of n places for which `fits` holds; n if there is none. */
static size_t pick(uint64_t *rnd, size_t n, const void *of, bool (*fits)(const void *of, size_t i))
{
    size_t from = n ? (size_t)rnd_range(rnd, 0, (int64_t)n - 1) : 0;
    for (size_t i = 0; i < n; i++)
        if (fits(of, (from + i) % n))
            return (from + i) % n;
    return n;
}

static void save(struct mutant *m, void *at, size_t size)
{
    assert_true(size <= sizeof m->saved);
    m->at = at;
    m->size = size;
    memcpy(m->saved, at, size);
}

/* ---- subscripts ---- */
/* Subscripts of memory: first those of statements, then those of loads. */
static const struct index **subscript(const struct places *p, size_t i, uint64_t *rnd)
{
    if (i >= p->n)
        return &p->value[i - p->n]->index;
    struct kstmt *it = p->stmt[i];
    bool two = it->mem2 && it->index2 && it->index;
    return two && rnd_range(rnd, 0, 1) ? &it->index2 : &it->index;
}

static bool has_subscript(const void *of, size_t i)
{
    const struct places *p = of;
    if (i >= p->n)
        return p->value[i - p->n]->kind == KEXPR_LOAD;
    return p->stmt[i]->mem && p->stmt[i]->index;
}

static bool varies(const struct index *e) { return e && e->kind == INDEX_SUM && e->n_terms > 0; }
static bool has_variable_subscript(const void *of, size_t i)
{
    const struct places *p = of;
    if (!has_subscript(of, i))
        return false;
    return varies(i >= p->n ? p->value[i - p->n]->index : p->stmt[i]->index);
}

static void save_place(struct mutant *m, struct places *p, size_t i)
{
    if (i >= p->n)
        save(m, p->value[i - p->n], sizeof(struct kexpr));
    else
        save(m, p->stmt[i], sizeof(struct kstmt));
}

static const char *place_text(struct kernel *k, const struct index *from, const struct index *to)
{
    return arena_printf(k->s->run, "%s for %s", index_text(k->s->run, to), index_text(k->s->run, from));
}

static const struct index *product(struct index_table *t, const struct index_term *term)
{
    const struct index *x = index_const(t, 1);
    for (int i = 0; i < term->n; i++)
        x = index_mul(t, x, term->atom[i]);
    return x;
}

static const struct index *other_stride(struct index_table *t, const struct index *e, uint64_t *rnd)
{
    const struct index_term *term = &e->terms[rnd_range(rnd, 0, e->n_terms - 1)];
    static const int64_t by[] = { 1, -1, 8, 2 };
    int64_t delta = rnd_range(rnd, 0, 2) ? by[rnd_range(rnd, 0, 3)] : -term->coef;
    return index_add(t, e, index_mulk(t, product(t, term), delta));
}

static const struct index *other_offset(struct index_table *t, const struct index *e, uint64_t *rnd)
{
    static const int64_t by[] = { 1, -1, 2, 4, 8, -8, 16, 32 };
    return index_addk(t, e, by[rnd_range(rnd, 0, 7)]);
}

/* Two terms exchange their coefficients. */
static const struct index *other_order(struct index_table *t, const struct index *e, uint64_t *rnd)
{
    int i = (int)rnd_range(rnd, 0, e->n_terms - 1);
    int j = (int)rnd_range(rnd, 0, e->n_terms - 1);
    int64_t by = e->terms[j].coef - e->terms[i].coef;
    return index_add(t, index_add(t, e, index_mulk(t, product(t, &e->terms[i]), by)),
                     index_mulk(t, product(t, &e->terms[j]), -by));
}

static const char *
change_subscript(struct kernel *k, struct places *p, uint64_t *rnd, struct mutant *m,
                 const struct index *(*other)(struct index_table *, const struct index *, uint64_t *), bool varying)
{
    size_t all = p->n + p->n_values;
    size_t i = pick(rnd, all, p, varying ? has_variable_subscript : has_subscript);
    if (i == all)
        return NULL;
    const struct index **at = subscript(p, i, rnd);
    if (varying && !varies(*at))
        return NULL;
    const struct index *to = other(k->s->indices, *at, rnd);
    if (to == *at)
        return NULL;
    const char *text = place_text(k, *at, to);
    save_place(m, p, i);
    *at = to;
    return text;
}

/* ---- statements and operations ---- */
static struct kmask *mask(const struct places *p, size_t i)
{
    return i >= p->n ? &p->value[i - p->n]->mask : &p->stmt[i]->mask;
}
static bool has_mask(const void *of, size_t i) { return mask(of, i)->n > 0; }

static const char *change_tail(struct kernel *k, struct places *p, uint64_t *rnd, struct mutant *m)
{
    static const int64_t by[] = { 1, -1, 2, -2, 8, -8, 1 << 20 };
    size_t all = p->n + p->n_values;
    size_t i = pick(rnd, all, p, has_mask);
    if (i == all)
        return NULL;
    struct kguard *g = &mask(p, i)->g[rnd_range(rnd, 0, mask(p, i)->n - 1)];
    save_place(m, p, i);
    const struct index *was = g->bound;
    g->bound = index_addk(k->s->indices, g->bound, by[rnd_range(rnd, 0, 6)]);
    return place_text(k, was, g->bound);
}

static bool is_frag_load(const void *of, size_t i)
{
    return ((const struct places *)of)->stmt[i]->kind == KSTMT_FRAG_LOAD;
}
static bool is_combine(const void *of, size_t i) { return ((const struct places *)of)->stmt[i]->kind == KSTMT_COMBINE; }
static bool is_accumulate(const void *of, size_t i)
{
    enum kstmt_kind kind = ((const struct places *)of)->stmt[i]->kind;
    return kind == KSTMT_ACCUMULATE || kind == KSTMT_MMA || kind == KSTMT_COMBINE || kind == KSTMT_FRAG_REDUCE;
}
static bool is_loop(const void *of, size_t i)
{
    const struct kstmt *it = ((const struct places *)of)->stmt[i];
    int64_t step;
    return it->kind == KSTMT_FOR && index_const_value(it->step, &step);
}
static bool is_ordered(const void *of, size_t i)
{
    const struct kexpr *x = ((const struct places *)of)->value[i];
    return x->kind == KEXPR_OP && (x->op == K_SUB || x->op == K_DIV || x->op == K_LT || x->op == K_GT ||
                                   x->op == K_SELECT || x->op == K_FMA || x->op == K_LE || x->op == K_GE);
}
static bool is_function(const void *of, size_t i)
{
    const struct kexpr *x = ((const struct places *)of)->value[i];
    bool plain = x->kind == KEXPR_OP && (x->op == K_MAX || x->op == K_MIN || x->op == K_ABS || x->op == K_NEG ||
                                         x->op == K_SQRT || x->op == K_RINT || kop_table[x->op].is_fn);
    return plain && x->arg[0]->type == x->type;
}

static const char *transpose(struct kernel *k, struct places *p, uint64_t *rnd, struct mutant *m)
{
    size_t i = rnd_range(rnd, 0, 2) ? p->n : pick(rnd, p->n, p, is_frag_load);
    if (i == p->n)
        return change_subscript(k, p, rnd, m, other_order, true);
    save_place(m, p, i);
    p->stmt[i]->transposed ^= true;
    return "a fragment transposed";
}

static const char *change_axis(struct kernel *k, struct places *p, uint64_t *rnd, struct mutant *m)
{
    size_t i = rnd_range(rnd, 0, 1) ? p->n : pick(rnd, p->n, p, is_combine);
    if (i < p->n) {
        save_place(m, p, i);
        struct kstmt *it = p->stmt[i];
        if (it->span / it->first > 2 && rnd_range(rnd, 0, 1))
            it->first *= 2;
        else
            it->span /= 2;
        return arena_printf(k->s->run, "lanes combined from %d to %d", it->first, it->span);
    }
    i = pick(rnd, p->n, p, is_accumulate);
    if (i == p->n || p->stmt[i]->kind != KSTMT_ACCUMULATE || !p->stmt[i]->value)
        return NULL;
    struct places *in = calloc(1, sizeof *in);
    assert_non_null(in);
    find_values(in, p->stmt[i]->value);
    const char *what = change_subscript(k, in, rnd, m, other_order, true);
    free(in);
    return what;
}

static const char *swap(struct kernel *k, struct places *p, uint64_t *rnd, struct mutant *m)
{
    size_t i = pick(rnd, p->n_values, p, is_ordered);
    if (i == p->n_values)
        return NULL;
    struct kexpr *x = p->value[i];
    int a = x->op == K_SELECT || x->op == K_FMA ? 1 : 0;
    save(m, x, sizeof *x);
    const struct kexpr *was = x->arg[a];
    x->arg[a] = x->arg[a + 1];
    x->arg[a + 1] = was;
    return arena_printf(k->s->run, "operands of %s exchanged", kop_table[x->op].name);
}

/* The list with statement `it` left out, or twice. */
static const char *change_list(struct kernel *k, struct places *p, size_t i, bool twice, struct mutant *m)
{
    size_t n = *p->n_list[i];
    struct kstmt **old = *p->list[i];
    struct kstmt **list = arena_array(k->s->run, struct kstmt *, n + 1);
    m->list = old;
    m->n = n;
    m->at = p->list[i];
    m->size = 0;
    memcpy(m->saved, &p->n_list[i], sizeof p->n_list[i]);
    size_t kept = 0;
    for (size_t j = 0; j < n; j++) {
        if (old[j] != p->stmt[i] || twice)
            list[kept++] = old[j];
        if (old[j] == p->stmt[i] && twice) {
            list[kept] = arena_new_of(k->s->run, struct kstmt);
            *list[kept] = *old[j];
            list[kept++]->id = k->n_stmts++;
        }
    }
    *p->list[i] = list;
    *p->n_list[i] = kept;
    return twice ? "a statement twice" : "a statement left out";
}

static const char *drop(struct kernel *k, struct places *p, uint64_t *rnd, struct mutant *m)
{
    size_t i = pick(rnd, p->n, p, rnd_range(rnd, 0, 1) ? is_loop : is_accumulate);
    if (i == p->n)
        return NULL;
    struct kstmt *it = p->stmt[i];
    if (it->kind != KSTMT_FOR)
        return change_list(k, p, i, false, m);
    save_place(m, p, i);
    if (rnd_range(rnd, 0, 1))
        it->lo = index_add(k->s->indices, it->lo, it->step);
    else
        it->hi = index_sub(k->s->indices, it->hi, it->step);
    return "a turn of a loop left out";
}

static const char *twice(struct kernel *k, struct places *p, uint64_t *rnd, struct mutant *m)
{
    size_t i = pick(rnd, p->n, p, is_accumulate);
    return i == p->n ? NULL : change_list(k, p, i, true, m);
}

static const char *drop_function(struct kernel *k, struct places *p, uint64_t *rnd, struct mutant *m)
{
    size_t i = pick(rnd, p->n_values, p, is_function);
    if (i == p->n_values)
        return NULL;
    struct kexpr *x = p->value[i];
    const char *text = arena_printf(k->s->run, "%s left out", kop_table[x->op].name);
    int arg = kop_table[x->op].arity > 1 && x->arg[1]->kind != KEXPR_CONST ? (int)rnd_range(rnd, 0, 1) : 0;
    struct kbuild b = kb_at(k);
    save(m, x, sizeof *x);
    x->op = K_ADD; /* the argument plus 0; a copy of the argument would be another value */
    x->arg[0] = x->arg[arg];
    x->arg[1] = kexpr_const(&b, x->type, 0);
    return text;
}

static const char *make(struct kernel *k, enum mutant_class c, struct places *p, uint64_t *rnd, struct mutant *m)
{
    switch (c) {
    case MUTANT_STRIDE: return change_subscript(k, p, rnd, m, other_stride, true);
    case MUTANT_OFFSET: return change_subscript(k, p, rnd, m, other_offset, false);
    case MUTANT_TAIL: return change_tail(k, p, rnd, m);
    case MUTANT_TRANSPOSE: return transpose(k, p, rnd, m);
    case MUTANT_AXIS: return change_axis(k, p, rnd, m);
    case MUTANT_SWAP: return swap(k, p, rnd, m);
    case MUTANT_DROP: return drop(k, p, rnd, m);
    case MUTANT_DOUBLE: return twice(k, p, rnd, m);
    case MUTANT_FUNCTION: return drop_function(k, p, rnd, m);
    case MUTANT_CLASSES: break;
    }
    fail_msg("no class %d", (int)c);
    return NULL;
}

const char *mutant_make(struct kernel *k, enum mutant_class c, uint64_t *rnd, struct mutant *m)
{
    struct places *p = calloc(1, sizeof *p);
    assert_non_null(p);
    *m = (struct mutant){ .at = NULL };
    find(p, &k->body, &k->n_body);
    const char *what = make(k, c, p, rnd, m);
    free(p);
    return what;
}

void mutant_undo(struct mutant *m)
{
    if (m->list) {
        size_t *n;
        memcpy(&n, m->saved, sizeof n);
        *(struct kstmt ***)m->at = m->list;
        *n = m->n;
    } else if (m->at) {
        memcpy(m->at, m->saved, m->size);
    }
    *m = (struct mutant){ .at = NULL };
}
