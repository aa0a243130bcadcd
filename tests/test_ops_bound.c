/* The bounds of ops hold, and are not idle: each op is computed in f32 from operands that are off by what the bound was
   told, and `at` says the same as `eval`. Composites are walked as their expansions. */
#include "tests/support/support.h"

#include <string.h>

#include "ir/kernel/kir.h"
#include "ir/ops/op.h"
#include "tests/support/op_case.h"

enum { CASES = 600, SESSION_CASES = 50, MAX_STATE = 32 };

struct seen {
    double worst;
    int judged, unbounded, inexact;
}; /* inexact: with a bound above 0 */

/* ---- bound ---- */
/* What an operand's element is where it is computed: near the reference's, at a distance that the bound is told; an f32
   number. Errors of integers are whole, and only for ops that say what they do with them (pointwise, views and
   reductions). */
static double move(const struct op_case *c, int k, enum dtype t, NUM x, NUM *moved, uint64_t *rnd)
{
    *moved = x;
    enum op_class class = c->op->class;
    bool decides = class == CLS_POINTWISE || class == CLS_VIEW || (class == CLS_REDUCE && !op_is_composite(c->op));
    if (!dtype_is_float(t)) {
        if (!decides || rnd_range(rnd, 0, 3))
            return 0;
        int64_t lo = (int64_t)c->sample.lo[k];
        int64_t hi = (int64_t)c->sample.hi[k];
        int64_t step = t == DT_BOOL ? 1 - 2 * x.i : rnd_range(rnd, -2, 2);
        bool legal = step < 0 ? x.i >= lo - step : x.i <= hi - step; /* computed operands are legal too */
        moved->i = legal ? x.i + step : x.i;
        return legal ? fabs((double)step) : 0;
    }
    if (c->op->class == CLS_EFFECT)
        return 0;
    double step = 0;
    switch (rnd_range(rnd, 0, 4)) {
    case 0: break;
    case 1: step = x.d * ldexp(rnd_unit(rnd) - 0.5, -20); break;
    case 2: step = x.d * ldexp(rnd_unit(rnd) - 0.5, -(int)rnd_range(rnd, 0, 12)); break;
    case 3: step = ldexp(rnd_unit(rnd) - 0.5, -(int)rnd_range(rnd, 0, 30)); break;
    default: step = ldexp(rnd_unit(rnd) - 0.5, -(int)rnd_range(rnd, 100, 150)); break;
    }
    moved->d = (double)(float)(x.d + step);
    if (c->sample.lo[k] >= 0 && moved->d < 0)
        moved->d = 0; /* what facts say of signs holds of computed values too */
    double e = fabs(moved->d - x.d);
    return rnd_range(rnd, 0, 3) ? e * (1 + 0x1p-52) : 3 * e;
}

/* Infinities, NaNs, zeros and numbers at the ends of f32. */
static double special(uint64_t *rnd)
{
    static const double v[] = { 0,        -0.0,   INFINITY, -INFINITY, NAN, 0x1p-149, 0x1.fffffep127, -0x1.fffffep127,
                                0x1p-126, 0x1p64, 80,       -100 };
    return v[rnd_range(rnd, 0, 11)];
}

/* One of these, certain or with an error. */
static void put_special(double *x, double *moved, double *e, uint64_t *rnd)
{
    *x = *moved = special(rnd);
    *e = 0;
    if (rnd_range(rnd, 0, 1))
        return;
    *e = ldexp(rnd_unit(rnd), -(int)rnd_range(rnd, 0, 40));
    if (isfinite(*x))
        *moved = (double)(float)(*x + *e * (2 * rnd_unit(rnd) - 1));
    if (!isfinite(*moved))
        *moved = *x;
    *e = fmax(*e, isfinite(*x) ? fabs(*moved - *x) : 0);
}

/* In a third of the cases all operands stay exact, so that the op's own rounding is seen alone. */
static void move_operands(struct op_case *c, struct view *moved, double **err, bool special, uint64_t *rnd)
{
    bool still = rnd_range(rnd, 0, 2) == 0;
    for (int k = 0; k < c->sample.n_in; k++) {
        const struct view *v = &c->value[k];
        moved[k] = op_walk_view(c->g->arena, &c->sample.in[k]);
        err[k] = arena_array(c->g->arena, double, v->count + 1);
        for (int64_t i = 0; i < v->count; i++) {
            /* a reference that is no f32 number: by up to half a unit of one more */
            if (dtype_is_float(v->dtype) && !still && rnd_range(rnd, 0, 1))
                v->v[i].d *= 1 + ldexp(rnd_unit(rnd) - 0.5, -24);
            moved[k].v[i] = v->v[i];
            if (!still)
                err[k][i] = move(c, k, v->dtype, v->v[i], &moved[k].v[i], rnd);
            if (special && dtype_is_float(v->dtype) && rnd_range(rnd, 0, 2) == 0)
                put_special(&v->v[i].d, &moved[k].v[i].d, &err[k][i], rnd);
        }
    }
}

static void judge(const struct op_case *c, enum dtype t, NUM ref, NUM got, double e, struct seen *seen)
{
    if (isnan(e) || e < 0)
        fail_msg("%s: a bound of %g at %g", c->op->call.name, e, dtype_is_float(t) ? ref.d : (double)ref.i);
    if (e == INFINITY) {
        seen->unbounded++;
        return;
    }
    seen->judged++;
    seen->inexact += e > 0;
    bool is_float = dtype_is_float(t);
    if (is_float && (isnan(ref.d) || isnan(got.d))) {
        if (isnan(ref.d) != isnan(got.d))
            fail_msg("%s: %g, and computed it is %g", c->op->call.name, ref.d, got.d);
        return;
    }
    double off = !is_float
                     ? (double)(ref.i > got.i ? (uint64_t)ref.i - (uint64_t)got.i : (uint64_t)got.i - (uint64_t)ref.i)
                 : ref.d == got.d ? 0
                                  : fabs(ref.d - got.d);
    if (!(off <= e))
        fail_msg("%s: off by %g, bound %g, value %g", c->op->call.name, off, e, is_float ? ref.d : (double)ref.i);
    if (off > 0)
        seen->worst = fmax(seen->worst, off / e);
}

static void bound_case(struct op_case *c, bool special, uint64_t *rnd, struct seen *seen)
{
    struct view moved[MAX_SAMPLE];
    double *err[MAX_SAMPLE];
    struct op_walk real, f32;
    move_operands(c, moved, err, special, rnd);
    const struct node *n = op_is_composite(c->op) ? op_walk_expand(c->g, c->node) : c->node;
    op_walk_begin(&real, c->g);
    op_walk_begin(&f32, c->g);
    for (int k = 0; k < c->sample.n_in; k++) {
        op_walk_bind(&real, c->in[k], c->value[k], err[k]);
        op_walk_bind(&f32, c->in[k], moved[k], NULL);
    }
    real.bounds = real.kernel = true;
    f32.store = f32.acc = DT_F32;
    op_walk_run(&real);
    op_walk_run(&f32);
    const struct view *y = &real.value[n->id];
    for (int64_t i = 0; i < y->count; i++)
        judge(c, y->dtype, y->v[i], f32.value[n->id].v[i], real.err[n->id][i], seen);
}

static void check_bound(struct op_case *c, uint64_t *rnd, struct seen *seen) { bound_case(c, false, rnd, seen); }

static void forget_facts(struct op_case *c)
{
    for (int k = 0; k < c->sample.n_in; k++) {
        c->in[k]->facts.lo = c->sample.lo[k] = dtype_is_float(c->sample.in[k].dtype) ? -INFINITY : c->sample.lo[k];
        c->in[k]->facts.hi = c->sample.hi[k] = dtype_is_float(c->sample.in[k].dtype) ? INFINITY : c->sample.hi[k];
    }
}

static void check_special(struct op_case *c, uint64_t *rnd, struct seen *seen)
{
    forget_facts(c);
    bound_case(c, true, rnd, seen);
}

/* ---- at ---- */
/* Kernel values of the node at every index, its operands loaded from arguments, computed as the kernel IR means them.
   */
struct value_reader {
    struct at at;
    const struct op_case *c;
    const struct kmem *arg[MAX_SAMPLE];
    const struct index *var[MAX_RANK];
    int64_t value[MAX_RANK];
    /* what statements have set: index variables, the cell of each private memory, and the values of lets */
    const struct index *set[MAX_STATE];
    int64_t to[MAX_STATE];
    const struct kmem *mem[MAX_STATE];
    NUM cell[MAX_STATE];
    const struct kexpr *let[MAX_STATE];
    NUM held[MAX_STATE];
    int n_set, n_mem, n_let;
};

static const struct kexpr *lower_value(struct at *at, int operand, const struct index *const *index)
{
    struct value_reader *p = at->lower;
    const struct type *t = &p->c->sample.in[operand];
    const struct index *flat = index_const(at->k->indices, 0);
    for (int d = 0; d < t->rank; d++)
        flat = index_add(at->k->indices, index_mul(at->k->indices, flat, t->dim[d]), index[d]);
    return kexpr_load(at->k, p->arg[operand], NULL, flat, NULL, 0);
}

static int64_t value_of(void *ctx, const struct index *atom)
{
    const struct value_reader *p = ctx;
    for (int d = 0; d < MAX_RANK; d++)
        if (p->var[d] == atom)
            return p->value[d];
    for (int i = 0; i < p->n_set; i++)
        if (p->set[i] == atom)
            return p->to[i];
    fail_msg("at names an index that it was not given: %s", atom->name);
    return 0;
}

static NUM *cell_of(struct value_reader *p, const struct kmem *m)
{
    int i = 0;
    while (i < p->n_mem && p->mem[i] != m)
        i++;
    assert_true(i < MAX_STATE && m->space == KS_PRIVATE && m->count->k == 1);
    p->mem[i] = m;
    p->n_mem = i == p->n_mem ? i + 1 : p->n_mem;
    return &p->cell[i];
}

static NUM load(struct value_reader *p, const struct kexpr *x)
{
    if (x->mem->space == KS_PRIVATE)
        return *cell_of(p, x->mem);
    int k = 0;
    while (p->arg[k] != x->mem)
        k++;
    const struct view *v = &p->c->value[k];
    int64_t i = index_eval(x->index, value_of, p);
    if (v->count == 0)
        return (NUM){ .u = 0 }; /* of an empty operand: never chosen */
    if (i < 0 || i >= v->count)
        fail_msg("%s: at reads element %lld of %lld", p->c->op->call.name, (long long)i, (long long)v->count);
    return v->v[i];
}

static double rounded_to(enum dtype t, double x) { return t == DT_F32 ? (double)(float)x : x; }

static NUM kexpr_value(struct value_reader *p, const struct kexpr *x);

static NUM cast_value(const struct kexpr *x, NUM a)
{
    enum dtype from = x->arg[0]->type;
    if (dtype_is_float(x->type))
        return (NUM){ .d = rounded_to(x->type, dtype_is_float(from) ? a.d : (double)a.i) };
    if (!dtype_is_float(from))
        return (NUM){ .i = x->type == DT_BOOL ? a.i != 0 : x->type == DT_I32 ? (int32_t)a.i : a.i };
    int64_t least = x->type == DT_I32 ? INT32_MIN : INT64_MIN;
    if (x->type == DT_BOOL)
        return (NUM){ .i = a.d != 0 };
    return (NUM){ .i = isnan(a.d) ? 0 : a.d < (double)least ? least : a.d >= -(double)least ? ~least : (int64_t)a.d };
}

static NUM compare_value(enum kop op, bool is_float, NUM a, NUM b)
{
    bool lt = is_float ? a.d < b.d : a.i < b.i;
    bool gt = is_float ? a.d > b.d : a.i > b.i;
    bool eq = is_float ? a.d == b.d : a.i == b.i;
    return (NUM){ .i = op == K_LT   ? lt
                       : op == K_GT ? gt
                       : op == K_EQ ? eq
                       : op == K_NE ? !eq
                       : op == K_LE ? lt || eq
                                    : gt || eq };
}

static double float_value(enum kop op, double a, double b, double c)
{
    static const struct ev ev = { .kind = NUM_DOUBLE, .acc = DT_F64, .store = DT_F64 };
    switch (op) {
    case K_ADD: return a + b;
    case K_SUB: return a - b;
    case K_MUL: return a * b;
    case K_DIV: return a / b;
    case K_FMA: return fma(a, b, c);
    case K_NEG: return -a;
    case K_ABS: return fabs(a);
    case K_MAX: return n_max(&ev, (NUM){ .d = a }, (NUM){ .d = b }).d;
    case K_MIN: return n_min(&ev, (NUM){ .d = a }, (NUM){ .d = b }).d;
    case K_SQRT: return sqrt(a);
    case K_RINT: return rint(a);
    case K_FLOOR: return floor(a);
    case K_EXP: return exp(a);
    case K_EXP2: return exp2(a);
    case K_LOG: return log(a);
    case K_LOG2: return log2(a);
    case K_TANH: return tanh(a);
    case K_ERF: return erf(a);
    case K_RSQRT: return 1 / sqrt(a);
    case K_SIGMOID: return 1 / (1 + exp(-a));
    case K_SIN: return sin(a);
    case K_COS: return cos(a);
    case K_LOG1P: return log1p(a);
    case K_ROUND16: return dtype_round(DT_F16, a);
    case K_ROUNDB16: return dtype_round(DT_BF16, a);
    default: fail_msg("no float operation %d", (int)op); return 0;
    }
}

__extension__ typedef __int128 i128;

static i128 floor_div(i128 a, i128 b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

/* The exact value modulo 2^32 or 2^64. */
static int64_t int_value(enum kop op, enum dtype t, i128 a, i128 b)
{
    bool divides = op == K_DIV || op == K_REM || op == K_FLOORDIV || op == K_MOD;
    i128 r = 0;
    switch (divides && b == 0 ? K_COUNT : op) {
    case K_COUNT: break;
    case K_ADD: r = a + b; break;
    case K_SUB: r = a - b; break;
    case K_MUL: r = a * b; break;
    case K_DIV: r = a / b; break;
    case K_REM: r = a % b; break;
    case K_FLOORDIV: r = floor_div(a, b); break;
    case K_MOD: r = a - b * floor_div(a, b); break;
    case K_NEG: r = -a; break;
    case K_ABS: r = a < 0 ? -a : a; break;
    case K_MAX: r = a > b ? a : b; break;
    case K_MIN: r = a < b ? a : b; break;
    case K_AND: r = a && b; break;
    case K_OR: r = a || b; break;
    case K_NOT: r = !a; break;
    default: fail_msg("no integer operation %d", (int)op);
    }
    return t == DT_I32 ? (int32_t)(uint32_t)r : (int64_t)(uint64_t)r;
}

/* The value of the let that x reads. */
static NUM *held(struct value_reader *p, const struct kexpr *x)
{
    int i = 0;
    while (i < p->n_let && p->let[i] != x)
        i++;
    assert_true(i < MAX_STATE);
    p->let[i] = x;
    p->n_let = i == p->n_let ? i + 1 : p->n_let;
    return &p->held[i];
}

static NUM op_value(struct value_reader *p, const struct kexpr *x)
{
    NUM a[3] = { 0 };
    if (x->op == K_READ)
        return *held(p, x);
    for (int i = 0; i < kop_table[x->op].arity; i++)
        a[i] = kexpr_value(p, x->arg[i]);
    bool is_float = dtype_is_float(x->arg[0]->type);
    if (x->op == K_SELECT)
        return a[0].i ? a[1] : a[2];
    if (x->op == K_CAST)
        return cast_value(x, a[0]);
    if (x->op >= K_EQ && x->op <= K_GE)
        return compare_value(x->op, is_float, a[0], a[1]);
    if (is_float)
        return (NUM){ .d = rounded_to(x->type, float_value(x->op, a[0].d, a[1].d, a[2].d)) };
    return (NUM){ .i = int_value(x->op, x->type, a[0].i, a[1].i) };
}

static NUM kexpr_value(struct value_reader *p, const struct kexpr *x)
{
    switch (x->kind) {
    case KEXPR_CONST: return dtype_is_float(x->type) ? (NUM){ .d = x->f } : (NUM){ .i = x->i };
    case KEXPR_INDEX: return (NUM){ .i = index_eval(x->index, value_of, p) };
    case KEXPR_LOAD: return load(p, x);
    case KEXPR_OP: return op_value(p, x);
    case KEXPR_FRAG: break;
    }
    fail_msg("%s: a value of kind %d", p->c->op->call.name, (int)x->kind);
    return (NUM){ 0 };
}

static void set_var(struct value_reader *p, const struct index *var, int64_t to)
{
    int i = 0;
    while (i < p->n_set && p->set[i] != var)
        i++;
    assert_true(i < MAX_STATE);
    p->set[i] = var;
    p->to[i] = to;
    p->n_set = i == p->n_set ? i + 1 : p->n_set;
    if (to < var->lo || to > var->hi)
        fail_msg("%s: %s is %lld, outside its range", p->c->op->call.name, var->name, (long long)to);
}

/* The statements that `at` has made: loops, variables, and counters in private memory. */
static void run_statements(struct value_reader *p, struct kstmt *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct kstmt *s = list[i];
        if (s->kind == KSTMT_LET && s->var) {
            set_var(p, s->var, kexpr_value(p, s->value).i);
        } else if (s->kind == KSTMT_LET) {
            NUM v = kexpr_value(p, s->value);
            *held(p, s->read) = v;
        } else if (s->kind == KSTMT_STORE) {
            NUM v = kexpr_value(p, s->value);
            *cell_of(p, s->mem) = v;
        } else if (s->kind == KSTMT_ACCUMULATE && s->acc == KACC_SUM) {
            double term = kexpr_value(p, s->value).d;
            NUM *sum = cell_of(p, s->mem);
            sum->d = rounded_to(s->mem->dtype, sum->d + term);
        } else if (s->kind == KSTMT_FOR) {
            int64_t hi = index_eval(s->hi, value_of, p);
            for (int64_t k = index_eval(s->lo, value_of, p); k < hi; k += index_eval(s->step, value_of, p)) {
                set_var(p, s->var, k);
                run_statements(p, s->body, s->n_body);
            }
        } else {
            fail_msg("%s: at makes a statement of kind %d", p->c->op->call.name, (int)s->kind);
        }
    }
}

static const struct kexpr *pull_node(struct value_reader *p, struct kbuild *b, struct kernel *k)
{
    static const char *const names[MAX_RANK] = { "i0", "i1", "i2", "i3", "i4", "i5" };
    const struct op_case *c = p->c;
    for (int o = 0; o < c->sample.n_in; o++) {
        enum dtype t = c->sample.in[o].dtype == DT_FLOAT ? DT_F32 : c->sample.in[o].dtype;
        p->arg[o] = kernel_arg(k, arena_printf(c->s->run, "a%d", o), t, type_count(c->s, &c->sample.in[o]), c->in[o]);
    }
    for (int d = 0; d < c->node->type.rank; d++) {
        int64_t size;
        assert_true(index_const_value(c->node->type.dim[d], &size));
        p->var[d] = index_var(c->s->indices, names[d], 0, size ? size - 1 : 0, UNIFORM_THREAD);
    }
    p->at = (struct at){ .k = b, .n = c->node, .index = p->var, .value = lower_value, .lower = p };
    return c->op->kernel.at(&p->at);
}

/* Within the bound from exact operands, that is, with the op's own rounding. */
static void check_at(struct op_case *c, uint64_t *rnd, struct seen *seen)
{
    struct op_walk w;
    (void)rnd;
    op_case_begin(c, &w);
    w.bounds = w.kernel = true;
    op_walk_run(&w);
    struct value_reader p = { .c = c };
    struct kernel *k = kernel_new(c->s, c->s->run, "k", target_at(0), 64);
    struct kbuild b = kb_at(k);
    const struct view *y = &w.value[c->node->id];
    const struct kexpr *x = pull_node(&p, &b, k);
    bool is_float = dtype_is_float(y->dtype);
    if (is_float != dtype_is_float(x->type))
        fail_msg("%s: at gives a value of type %s", c->op->call.name, dtype_name(x->type));
    for (int64_t i = 0; i < y->count; i++) {
        int64_t rest = i;
        for (int d = y->rank - 1; d >= 0; d--) {
            p.value[d] = rest % y->dim[d];
            rest /= y->dim[d];
        }
        run_statements(&p, k->body, k->n_body);
        NUM got = kexpr_value(&p, x);
        judge(c, y->dtype, y->v[i], got, w.err[c->node->id][i], seen);
        if (is_float && c->op->exact && y->v[i].d == 0 && signbit(y->v[i].d) != signbit(got.d))
            fail_msg("%s: %g, and at gives %g", c->op->call.name, y->v[i].d, got.d);
    }
}

static void check_at_special(struct op_case *c, uint64_t *rnd, struct seen *seen)
{
    forget_facts(c);
    for (int k = 0; k < c->sample.n_in; k++)
        for (int64_t i = 0; i < c->value[k].count; i++)
            if (dtype_is_float(c->value[k].dtype) && rnd_range(rnd, 0, 1))
                c->value[k].v[i].d = special(rnd);
    check_at(c, rnd, seen);
}

/* ---- all rows ---- */
static struct seen each_case(const struct op_def *op, void (*check)(struct op_case *, uint64_t *, struct seen *))
{
    uint64_t rnd = 3;
    struct seen seen = { 0 };
    for (int i = 0; i < CASES; i += SESSION_CASES) {
        struct session *s = session_begin();
        for (int j = 0; j < SESSION_CASES; j++) {
            struct op_case c;
            op_case_make(&c, s, op, &rnd);
            assert_non_null(c.node);
            check(&c, &rnd, &seen);
        }
        session_end(s);
    }
    return seen;
}

/* Primitives come near their bounds, or these are worth little; composites stay further below. */
static void test_bounds_hold(void **state)
{
    (void)state;
    for (int i = 0; op_at(i); i++) {
        const struct op_def *op = op_at(i);
        if (op_is_bound_by_walkers(op))
            continue;
        struct seen s = each_case(op, check_bound);
        print_message("%-14s %8d judged, %6d unbounded, at most %.3f of the bound\n", op->call.name, s.judged,
                      s.unbounded, s.worst);
        if (s.judged < 500)
            fail_msg("%s: only %d elements had a bound", op->call.name, s.judged);
        if (s.unbounded * 10 > s.judged)
            fail_msg("%s: %d elements have no bound", op->call.name, s.unbounded);
        bool moves = op->class <= CLS_CONTRACT && !op->kernel.expand;
        if (moves && s.worst < 0.9)
            fail_msg("%s: errors are at most %.3f of the bound", op->call.name, s.worst);
    }
}

static void test_bounds_hold_at_the_edges(void **state)
{
    (void)state;
    for (int i = 0; op_at(i); i++) {
        if (op_is_bound_by_walkers(op_at(i)) || op_at(i)->class == CLS_SOURCE)
            continue;
        struct seen s = each_case(op_at(i), check_special);
        print_message("%-14s %8d judged, %6d unbounded\n", op_at(i)->call.name, s.judged, s.unbounded);
        if (s.judged < 100)
            fail_msg("%s: only %d elements had a bound", op_at(i)->call.name, s.judged);
    }
}

/* What a kernel computes of exact operands is within the op's own rounding, and comes near it: the bounds of functions
   allow 2 ulp where the test's err by a half. */
static void test_at_is_eval(void **state)
{
    (void)state;
    int n = 0;
    for (int i = 0; op_at(i); i++) {
        const struct op_def *op = op_at(i);
        if (!op->kernel.at)
            continue;
        struct seen s = each_case(op, check_at);
        print_message("%-14s %8d judged, at most %.3f of the bound\n", op->call.name, s.judged, s.worst);
        if (s.judged < 500)
            fail_msg("%s: only %d elements had a bound", op->call.name, s.judged);
        if (op->class == CLS_POINTWISE && s.inexact && s.worst < 0.2)
            fail_msg("%s: its own rounding is %.3f of the bound", op->call.name, s.worst);
        n++;
    }
    assert_true(n > 25);
}

/* NaNs, infinities, and of exact ops the signs of zeros. */
static void test_at_is_eval_at_the_edges(void **state)
{
    (void)state;
    for (int i = 0; op_at(i); i++) {
        if (!op_at(i)->kernel.at || op_at(i)->class == CLS_SOURCE)
            continue;
        struct seen s = each_case(op_at(i), check_at_special);
        print_message("%-14s %8d judged, %6d unbounded\n", op_at(i)->call.name, s.judged, s.unbounded);
        if (s.judged < 100)
            fail_msg("%s: only %d elements had a bound", op_at(i)->call.name, s.judged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_bounds_hold),
                                        cmocka_unit_test(test_bounds_hold_at_the_edges),
                                        cmocka_unit_test(test_at_is_eval),
                                        cmocka_unit_test(test_at_is_eval_at_the_edges) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
