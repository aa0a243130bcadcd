/* No bound is idle: each is within a factor 2 of an error that exists. For pointwise ops the worst error of every case
   is searched over the operands' intervals; sums meet operands of which each addition loses as much as it can. */
#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/mathfn.h"
#include "ir/ops/op.h"
#include "runtime/emu/emu_matrix.h"
#include "tests/support/op_case.h"

enum { CASES = 400, MAX_IN = 3, MAX_POINTS = 80, GRID = 64 };

/* ---- pointwise: the worst error over the operands' intervals ---- */
/* One element of one op: operands, their errors, and the points of each interval that are tried. */
struct element {
    const struct op_case *c;
    struct bd b;
    int n;
    NUM x[MAX_IN], y;
    double e[MAX_IN];
    NUM point[MAX_IN][MAX_POINTS];
    int n_points[MAX_IN];
};

static bool is_float_in(const struct element *t, int k) { return dtype_is_float(t->c->value[k].dtype); }

static void add_point(struct element *t, int k, double at)
{
    double x = is_float_in(t, k) ? t->x[k].d : (double)t->x[k].i;
    if (fabs(at - x) > (t->e[k] + dtype_half_ulp(DT_F64, x)) * (1 + 0x1p-50) && at != x)
        return;
    NUM *p = &t->point[k][t->n_points[k]++];
    if (is_float_in(t, k))
        p->d = at;
    else
        p->i = (int64_t)rint(at);
    if (t->c->value[k].dtype == DT_BOOL)
        p->i = p->i != 0;
}

/* The ends, the middle, 0, its neighbours, and the ends of the other operands' intervals. Of an only operand, also
   points between the ends: sin is not monotone. */
static void add_points(struct element *t)
{
    for (int k = 0; k < t->n; k++) {
        double x = is_float_in(t, k) ? t->x[k].d : (double)t->x[k].i;
        t->n_points[k] = 0;
        add_point(t, k, x);
        if (t->e[k] == 0)
            continue;
        add_point(t, k, x - t->e[k]);
        add_point(t, k, x + t->e[k]);
        add_point(t, k, 0);
        for (int i = 1; i < GRID && t->n == 1 && is_float_in(t, k); i++)
            add_point(t, k, x + t->e[k] * (2.0 * i / GRID - 1));
        if (!is_float_in(t, k)) {
            for (int by = 1; by <= 2; by++) {
                add_point(t, k, x - by);
                add_point(t, k, x + by);
            }
        }
        for (int o = 0; o < t->n; o++) {
            double other = is_float_in(t, o) ? t->x[o].d : (double)t->x[o].i;
            if (o == k || is_float_in(t, o) != is_float_in(t, k) || t->n_points[k] + 3 > MAX_POINTS)
                continue;
            add_point(t, k, other);
            add_point(t, k, other + t->e[o]);
            add_point(t, k, other - t->e[o]);
        }
    }
}

/* The op's own rounding at the largest result: of one operation, of a function, none of exact ones. */
static double own_rounding(const struct element *t, double mag)
{
    const struct op_def *op = t->c->op;
    const struct mathfn *fn = mathfn_find(op->call.name);
    enum dtype to = t->c->node->type.dtype;
    double half = dtype_half_ulp(t->b.kernel ? DT_F32 : DT_F64, mag);
    if (op->exact || !dtype_is_float(to))
        return 0;
    if (fn)
        return 2 * (t->b.kernel ? fn->ulp : 1) * half + 2 * dtype_half_ulp(DT_F64, mag);
    return half + (to == DT_F16 || to == DT_BF16 ? dtype_half_ulp(to, mag) : 0) +
           (to == DT_F64 || t->b.kernel ? dtype_half_ulp(DT_F64, mag) : 0);
}

/* The worst distance from y, and whether some outcome is not finite or beyond f32. */
static double search(const struct element *t, bool *wild)
{
    bool is_float = dtype_is_float(t->c->node->type.dtype);
    double worst = 0;
    double mag = is_float ? fabs(t->y.d) : 0;
    int at[MAX_IN] = { 0 };
    *wild = false;
    for (;;) {
        NUM x[MAX_IN];
        for (int k = 0; k < t->n; k++)
            x[k] = t->point[k][at[k]];
        NUM y = t->c->op->reference.eval1(&t->b.v, x);
        double off = is_float ? fabs(y.d - t->y.d) : fabs((double)y.i - (double)t->y.i);
        worst = fmax(worst, is_float && (isnan(y.d) == isnan(t->y.d)) && isnan(y.d) ? 0 : off);
        mag = is_float ? fmax(mag, fabs(y.d)) : 0;
        *wild |= is_float && !(fabs(y.d) < 0x1p127);
        int k = 0;
        while (k < t->n && ++at[k] == t->n_points[k])
            at[k++] = 0;
        if (k == t->n)
            break;
    }
    return worst + own_rounding(t, (mag + worst) * (1 + 0x1p-40));
}

static double number(const struct element *t, int k, NUM x) { return is_float_in(t, k) ? x.d : (double)x.i; }

/* Do two intervals have one point in common? There a comparison has two outcomes at most, and may have one. */
static bool touches(const struct element *t)
{
    double gap = t->n == 2 ? fabs(number(t, 0, t->x[0]) - number(t, 1, t->x[1])) : 0;
    return t->c->node->type.dtype == DT_BOOL && gap > 0 && gap == t->e[0] + t->e[1];
}

struct tally {
    int judged, unbounded;
    double widest;
};

static void judge(const struct element *t, struct tally *sum)
{
    bool wild;
    double bound = t->c->op->reference.bound1(&t->b, t->x, t->e, t->y);
    double worst = search(t, &wild);
    if (bound == INFINITY) {
        sum->unbounded++;
        if (!wild)
            fail_msg("%s(%g ± %g, %g ± %g) = %g has no bound, and %g is the worst error", t->c->op->call.name,
                     number(t, 0, t->x[0]), t->e[0], t->n > 1 ? number(t, 1, t->x[1]) : 0, t->e[1], t->y.d, worst);
        return;
    }
    sum->judged++;
    if (bound > 0 && worst > 0)
        sum->widest = fmax(sum->widest, bound / worst);
    if (bound > 2 * worst && !touches(t))
        fail_msg("%s(%.17g ± %g, %.17g ± %g) = %g: bound %g, worst error %g", t->c->op->call.name,
                 number(t, 0, t->x[0]), t->e[0], t->n > 1 ? number(t, 1, t->x[1]) : 0, t->e[1],
                 dtype_is_float(t->c->node->type.dtype) ? t->y.d : (double)t->y.i, bound, worst);
}

/* Errors of all sizes beside their operand; whole ones of integers; none of a third of them. */
static double random_error(const struct element *t, int k, uint64_t *rnd)
{
    if (rnd_range(rnd, 0, 2) == 0)
        return 0;
    if (t->c->value[k].dtype == DT_BOOL)
        return 1;
    if (!is_float_in(t, k))
        return (double)rnd_range(rnd, 0, 3);
    double x = t->x[k].d;
    switch (rnd_range(rnd, 0, 3)) {
    case 0: return ldexp(fabs(x), -(int)rnd_range(rnd, 10, 30));
    case 1: return fabs(x) * rnd_unit(rnd);
    case 2: return fabs(x) * (1 + rnd_unit(rnd));
    default: return ldexp(rnd_unit(rnd), -(int)rnd_range(rnd, 0, 140));
    }
}

/* The search itself computes in doubles, so beside these it can see only larger errors. */
static void drop_small_errors(struct element *t)
{
    double mag = dtype_is_float(t->c->node->type.dtype) ? fabs(t->y.d) : 0;
    for (int k = 0; k < t->n; k++)
        mag = fmax(mag, fabs(number(t, k, t->x[k])));
    for (int k = 0; k < t->n; k++)
        if (t->e[k] < 0x1p-40 * mag)
            t->e[k] = 0;
}

static void judge_op(const struct op_def *op, bool kernel, uint64_t *rnd, struct tally *sum)
{
    struct session *s = session_begin();
    for (int i = 0; i < CASES; i++) {
        struct op_case c;
        struct op_walk w;
        struct element t = { .c = &c };
        op_case_make(&c, s, op, rnd);
        assert_non_null(c.node);
        t.n = c.node->n_in;
        assert_true(t.n <= MAX_IN);
        op_case_frame(&c, &w, &t.b.v);
        t.b.kernel = kernel;
        t.b.u = kernel ? 0x1p-24 : 0x1p-53;
        for (int k = 0; k < t.n; k++) { /* no fact excludes what an interval holds */
            c.in[k]->facts.lo = -INFINITY;
            c.in[k]->facts.hi = INFINITY;
        }
        for (int64_t at = 0; at < c.value[0].count && at < 4; at++) {
            for (int k = 0; k < t.n; k++) {
                t.x[k] = c.value[k].v[at];
                t.e[k] = random_error(&t, k, rnd);
            }
            t.y = op->reference.eval1(&t.b.v, t.x);
            drop_small_errors(&t);
            add_points(&t);
            judge(&t, sum);
        }
    }
    session_end(s);
}

static void pointwise_bounds_are_near(void **state)
{
    (void)state;
    uint64_t rnd = 11;
    for (int i = 0; op_at(i); i++)
        for (int kernel = 0; kernel < 2 && op_at(i)->reference.bound1; kernel++) {
            struct tally sum = { 0 };
            judge_op(op_at(i), kernel, &rnd, &sum);
            print_message("%-14s %s %5d judged, %5d unbounded, at most %.2f times the worst error\n",
                          op_at(i)->call.name, kernel ? "kernel" : "double", sum.judged, sum.unbounded, sum.widest);
            assert_true(sum.judged > 300);
        }
}

/* ---- sums: terms of which each addition loses half an ulp ---- */
enum { LONGEST = 4096 };

/* The terms of one result of level `level`, in the order in which they are summed. main: the total stays 1 whatever is
   added; else it is 2⁻²⁴, which an addition to 1 loses. */
static void fill(const struct sum_record *r, int level, bool main, double *x, int *n)
{
    if (level < 0) {
        assert_true(*n < LONGEST);
        x[(*n)++] = main ? 1 : 0x1p-24;
        return;
    }
    int first = *n;
    for (int leaf = 0; leaf < 1 << r->level[level].depth; leaf++)
        for (int64_t c = 0; c < r->level[level].chain; c++) {
            int at = *n;
            bool joins = leaf & (leaf - 1) ? false : c == 0; /* leaf 1, 2, 4 … meets the sum of all before it */
            fill(r, level - 1, main && !leaf && !c, x, n);
            for (int i = at; i < *n && !(main ? !leaf || joins : at == first); i++)
                x[i] = 0;
        }
}

/* The result in f32, as the record says. */
static float tree(const struct sum_record *r, int level, const double *x, int *n)
{
    if (level < 0)
        return (float)x[(*n)++];
    float part[64] = { 0 };
    int leaves = 1 << r->level[level].depth;
    for (int leaf = 0; leaf < leaves; leaf++)
        for (int64_t c = 0; c < r->level[level].chain; c++)
            part[leaf] += tree(r, level - 1, x, n);
    for (; leaves > 1; leaves /= 2)
        for (int p = 0; p < leaves / 2; p++)
            part[p] += part[p + leaves / 2];
    return part[0];
}

/* The bound of an op's only result; errors NULL: over exact operands. */
static double bound_with(struct graph *g, const struct node *n, double *const *values, const double *const *errors,
                         const struct sum_record *sum, bool kernel, double *real)
{
    struct op_walk w;
    struct bd b = { .u = kernel ? 0x1p-24 : 0x1p-53, .kernel = kernel, .sum = sum };
    const double *none[16] = { NULL };
    double e;
    op_walk_begin(&w, g);
    for (int k = 0; k < n->n_in; k++) {
        struct view v = op_walk_view(g->arena, &n->in[k]->type);
        for (int64_t i = 0; i < v.count; i++)
            v.v[i].d = values[k][i];
        op_walk_bind(&w, n->in[k], v, NULL);
    }
    op_walk_frame(&w, n, &b.v);
    op_eval(&b.v);
    b.e_in = errors ? errors : none;
    b.e_out = &e;
    op_bound(&b);
    *real = b.v.out.v[0].d;
    return e;
}

static double bound_of(struct graph *g, const struct node *n, double *const *values, const struct sum_record *sum,
                       double *real)
{
    return bound_with(g, n, values, NULL, sum, true, real);
}

static struct node *input(struct graph *g, enum dtype t, int rank, int64_t d0, int64_t d1)
{
    const struct index *dims[] = { index_const(g->s->indices, d0), index_const(g->s->indices, d1) };
    struct attr a[] = { { .n = rank, .dims = dims }, { .i = t }, { .f = -INFINITY }, { .f = INFINITY } };
    return graph_add(g, op_find("input"), NULL, 0, a, (struct loc){ source_of_string(g->s, "t", "x"), 1, 1, 1 });
}

static struct node *node_of(struct graph *g, const char *op, struct node *const *in, int n_in)
{
    struct node *n = graph_add(g, op_find(op), in, n_in, NULL, in[0]->loc);
    assert_non_null(n);
    return n;
}

static void within_two(const char *what, double error, double bound)
{
    if (!(error <= bound) || bound > 2 * error)
        fail_msg("%s: error %g, bound %g", what, error, bound);
}

static void bounds_of_sums_are_near(void **state)
{
    (void)state;
    static const struct sum_record trees[] = {
        { 1, { { .block = 1, .chain = 5 } } },
        { 1, { { .block = 1, .chain = 900 } } },
        { 1, { { .block = 1, .chain = 3, .depth = 5 } } },
        { 1, { { .block = 1, .chain = 1, .depth = 6 } } },
        { 2, { { .block = 1, .chain = 3, .depth = 2 }, { .block = 1, .chain = 40 } } },
        { 2, { { .block = 1, .chain = 40 }, { .block = 1, .chain = 1, .depth = 4 } } },
        { 3, { { .block = 1, .chain = 4 }, { .block = 1, .chain = 5, .depth = 2 }, { .block = 1, .chain = 9 } } },
    };
    static double x[LONGEST], one[LONGEST];
    struct session *s = session_begin();
    for (int i = 0; i < LONGEST; i++)
        one[i] = 1;
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        const struct sum_record *r = &trees[i];
        int n = 0;
        int at = 0;
        double real;
        fill(r, r->n - 1, true, x, &n);
        double got = (double)tree(r, r->n - 1, x, &at);
        struct graph *g = graph_new(s, "sums");
        struct node *row = input(g, DT_F32, 1, n, 0);
        struct node *a = input(g, DT_F32, 2, 1, n);
        struct node *b = input(g, DT_F32, 2, n, 1);
        struct node *dot = node_of(g, "matmul", (struct node *[]){ a, b }, 2);
        dot->compute = DT_F32;
        double e = bound_of(g, node_of(g, "sum", &row, 1), (double *[]){ x }, r, &real);
        within_two("sum", fabs(got - real), e);
        e = bound_of(g, dot, (double *[]){ x, one }, r, &real);
        within_two("matmul", fabs(got - real), e);
        e = bound_of(g, node_of(g, "mean", &row, 1), (double *[]){ x }, r, &real);
        within_two("mean", fabs((double)(float)(got / n) - real), e);
    }
    struct graph *g = graph_new(s, "combine");
    enum { EXPERTS = 8 };
    struct node *in[EXPERTS + 1] = { input(g, DT_F32, 2, 1, EXPERTS) };
    double *values[EXPERTS + 1] = { one };
    double real;
    for (int i = 1; i <= EXPERTS; i++) {
        in[i] = input(g, DT_F32, 2, 1, 1);
        values[i] = &x[i];
        x[i] = i == 1 ? 1 : 0x1p-24;
    }
    double e = bound_of(g, node_of(g, "combine", in, EXPERTS + 1), values, NULL, &real);
    within_two("combine", fabs(1 - real), e);
    session_end(s);
}

/* ---- errors of operands ---- */
static struct node *input3(struct graph *g, int64_t d0, int64_t d1, int64_t d2)
{
    const struct index *dims[] = { index_const(g->s->indices, d0), index_const(g->s->indices, d1),
                                   index_const(g->s->indices, d2) };
    struct attr a[] = { { .n = 3, .dims = dims }, { .i = DT_FLOAT }, { .f = -INFINITY }, { .f = INFINITY } };
    return graph_add(g, op_find("input"), NULL, 0, a, (struct loc){ source_of_string(g->s, "t", "x"), 1, 1, 1 });
}

/* All operands are 1 and computed as 1 + 2⁻⁶: what this adds up to is the error. */
static void moved(struct graph *g, const char *op, struct node *const *in, int n_in, double error)
{
    double one[64], moved_by[64], real;
    double *values[16];
    const double *errors[16];
    for (int i = 0; i < 64; i++) {
        one[i] = 1;
        moved_by[i] = 0x1p-6;
    }
    for (int i = 0; i < n_in; i++) {
        values[i] = one;
        errors[i] = moved_by;
    }
    struct node *n = node_of(g, op, in, n_in);
    n->compute = DT_F32;
    within_two(op, error, bound_with(g, n, values, errors, NULL, true, &real));
}

static void errors_of_operands_add_up(void **state)
{
    (void)state;
    enum { N = 40, EXPERTS = 4 };
    const double product = (1 + 0x1p-6) * (1 + 0x1p-6) - 1;
    struct session *s = session_begin();
    struct graph *g = graph_new(s, "moved");
    struct node *row = input(g, DT_F32, 1, N, 0);
    struct node *experts[EXPERTS + 1] = { input(g, DT_F32, 2, 1, EXPERTS) };
    for (int i = 1; i <= EXPERTS; i++)
        experts[i] = input(g, DT_F32, 2, 1, 1);
    moved(g, "sum", &row, 1, N * 0x1p-6);
    moved(g, "mean", &row, 1, 0x1p-6);
    moved(g, "max", &row, 1, 0x1p-6);
    moved(g, "matmul", (struct node *[]){ input(g, DT_F32, 2, 1, N), input(g, DT_F32, 2, N, 1) }, 2, N * product);
    moved(g, "matmul", (struct node *[]){ input3(g, 1, 1, N), input3(g, 1, N, 1) }, 2, N * product);
    moved(g, "combine", experts, EXPERTS + 1, EXPERTS * product);
    /* An f64 operand is rounded to f32 at its use, an f32 operand of a matrix unit to f16. */
    struct node *wide = input(g, DT_F64, 1, 1, 0);
    double x[N], real;
    for (int i = 0; i < N; i++)
        x[i] = i ? 1 + 0x1p-11 : 1 + 0x1p-24;
    double e = bound_of(g, node_of(g, "neg", &wide, 1), (double *[]){ x }, NULL, &real);
    within_two("neg of f64", fabs(-(double)(float)x[0] - real), e);
    const struct matrix_unit *u = target_find("gfx90a")->matrix;
    struct sum_record r = { 1, { { .block = u->k, .chain = 1, .unit = &u->model, .unit_k = u->k } } };
    struct node *dot =
        node_of(g, "matmul", (struct node *[]){ input(g, DT_FLOAT, 2, 1, u->k), input(g, DT_FLOAT, 2, u->k, 1) }, 2);
    dot->compute = DT_F16;
    e = bound_of(g, dot, (double *[]){ x + 1, x + 1 }, &r, &real);
    within_two("matmul of f32 on a unit", fabs(u->k - real), e);
    session_end(s);
}

/* In doubles, where passes are judged: n_dot's blocks lose in each lane and each join, n_sum only at the end. */
static void sums_in_doubles_are_near(void **state)
{
    (void)state;
    enum { N = 64 };
    struct session *s = session_begin();
    struct graph *g = graph_new(s, "doubles");
    struct node *dot =
        node_of(g, "matmul", (struct node *[]){ input(g, DT_F32, 2, 1, N), input(g, DT_F32, 2, N, 1) }, 2);
    struct node *row = input(g, DT_F32, 1, 2, 0);
    double x[N] = { 1 }, one[N], real;
    double exact = 0;
    for (int k = 0; k < N; k++) {
        one[k] = 1;
        if (k && (k % 8 == 0 || k == 1 || k == 2 || k == 4))
            x[k] = 0x1p-53;
        exact += k ? x[k] : 0;
    }
    double e = bound_with(g, dot, (double *[]){ x, one }, NULL, NULL, false, &real);
    within_two("matmul in doubles", exact - (real - 1), e);
    e = bound_with(g, node_of(g, "sum", &row, 1), (double *[]){ x }, NULL, NULL, false, &real);
    within_two("sum in doubles", 0x1p-53 - (real - 1), e);
    session_end(s);
}

/* ---- matrix units ---- */
/* Σ a·b as the unit computes it: `parts` chains of instructions, one after the other added in f32. */
static double by_unit(const struct matrix_unit *u, const double *a, const double *b, int n, int parts)
{
    float total = 0;
    for (int p = 0; p < parts; p++) {
        float c[16 * 16] = { 0 };
        for (int k0 = p * (n / parts); k0 < (p + 1) * (n / parts); k0 += u->k) {
            uint16_t ma[16 * 16] = { 0 };
            uint16_t mb[16 * 16] = { 0 };
            for (int k = 0; k < u->k; k++) {
                ma[k] = f16_from_double(a[k0 + k]);
                mb[k * u->n] = f16_from_double(b[k0 + k]);
            }
            matrix_multiply(u, ma, mb, c);
        }
        total += c[0];
    }
    return (double)total;
}

/* Small terms beside a large one: the first of all is 1, or the first instruction's sum is; or the first of each group
   is a subnormal times a large number, whose exponent is above its product's. Or all are products of subnormals. */
enum beside { BESIDE_ONE, BESIDE_SUM, BESIDE_EXPONENT, SUBNORMAL };

static void fill_unit(const struct matrix_unit *u, enum beside how, int small, double *a, double *b, int n)
{
    static const double parts[] = { 1, 1.25, 1.5, 1.75, 1.875, 1.9375, 1.984375, 1.9990234375 };
    double term = ldexp(parts[small % 8], -30 + small / 8);
    for (int k = 0; k < n; k++) {
        a[k] = how == SUBNORMAL ? 0x1p-15 : 0x1p-9;
        b[k] = how == SUBNORMAL ? 1 : term * 0x1p9;
        if (how == BESIDE_ONE && !k)
            a[k] = b[k] = 1;
        if (how == BESIDE_SUM && k < u->k) {
            a[k] = 1;
            b[k] = 1.0 / u->k;
        }
        if (how == BESIDE_EXPONENT && k % u->model.group == 0) {
            a[k] = 0x1p-24;
            b[k] = 0x1p10;
        }
    }
}

/* The worst error / bound over the sizes of the small terms. */
static double search_unit(struct session *s, const struct matrix_unit *u, enum beside how, int n, int parts)
{
    static double a[LONGEST], b[LONGEST];
    double worst = 0;
    struct graph *g = graph_new(s, "unit");
    struct node *dot =
        node_of(g, "matmul", (struct node *[]){ input(g, DT_F16, 2, 1, n), input(g, DT_F16, 2, n, 1) }, 2);
    dot->compute = DT_F16;
    struct sum_record r = { 1, { { .block = u->k, .chain = n / u->k / parts, .unit = &u->model, .unit_k = u->k } } };
    if (parts > 1) {
        r.n = 2;
        r.level[1] = (struct sum_level){ .block = 1, .chain = parts };
    }
    for (int small = 0; small < 8 * 16; small++) {
        double real;
        fill_unit(u, how, small, a, b, n);
        double e = bound_of(g, dot, (double *[]){ a, b }, &r, &real);
        double error = fabs(by_unit(u, a, b, n, parts) - real);
        if (!(error <= e))
            fail_msg("unit: error %g, bound %g", error, e);
        worst = fmax(worst, error / e);
    }
    return worst;
}

static void bounds_of_units_are_near(void **state)
{
    (void)state;
    static const char *const targets[] = { "sm_90", "gfx90a" };
    for (int t = 0; t < 2; t++) {
        struct session *s = session_begin();
        const struct matrix_unit *u = target_find(targets[t])->matrix;
        bool aligned = u->model.kind == MODEL_ALIGNED_SUM;
        double one = search_unit(s, u, BESIDE_ONE, 1024, 1);
        double parts = search_unit(s, u, BESIDE_SUM, 256 * u->k, 256);
        double other = search_unit(s, u, aligned ? BESIDE_EXPONENT : SUBNORMAL, u->k, 1);
        print_message("%s: errors up to %.2f of the bound in one chain, %.2f in parts, %.2f %s\n", targets[t], one,
                      parts, other, aligned ? "below an exponent" : "of subnormal operands");
        if (one < 0.5 || parts < 0.5 || other < 0.5)
            fail_msg("%s: a bound is more than twice the worst error found", targets[t]);
        session_end(s);
    }
}

/* ---- matrix units: random and adversarial terms ---- */
enum { SHAPES = 8, HELD = 6000 };

/* Values of f16: of one sign or both, of close or wide magnitudes; each term cancelled by the next, or all by the
   second half; running sums that grow, or shrink to less than what was lost. */
static double unit_term(int shape, int k, int n, double half, uint64_t *rnd)
{
    double x = 1 + rnd_unit(rnd);
    double sign = rnd_range(rnd, 0, 1) ? 1 : -1;
    switch (shape) {
    case 0: return sign * x;
    case 1: return x;
    case 2: return sign * ldexp(x, -(int)rnd_range(rnd, 0, 16));
    case 3: return sign * ldexp(x, (int)rnd_range(rnd, -24, 7));
    case 4: return k % 2 ? -half : x;
    case 5: return sign * ldexp(x, 7 - 20 * k / n);
    case 6: return sign * ldexp(x, 20 * k / n - 13);
    default: return k < n / 2 ? x : -ldexp(x, -(int)rnd_range(rnd, 0, 1));
    }
}

struct unit_case {
    int n, parts;
    double a[LONGEST], b[LONGEST];   /* the reference's */
    double ma[LONGEST], mb[LONGEST]; /* the unit's, within the errors */
    double ea[LONGEST], eb[LONGEST];
};

static double drawn(double x, double size, uint64_t *rnd, double *moved, double *error)
{
    x = dtype_round(DT_F16, x);
    *moved = dtype_round(DT_F16, x * (1 + size * (2 * rnd_unit(rnd) - 1)));
    *error = fabs(*moved - x) * (1 + rnd_unit(rnd));
    return x;
}

static void draw_unit_case(struct unit_case *c, const struct matrix_unit *u, int round, uint64_t *rnd)
{
    int shape = round % SHAPES;
    double size = round / SHAPES % 3 ? 0 : ldexp(1, -(int)rnd_range(rnd, 4, 12));
    c->parts = round % 5 ? 1 : (int)rnd_range(rnd, 1, 6);
    c->n = u->k * c->parts * (int)rnd_range(rnd, 1, 1 << rnd_range(rnd, 0, 5));
    for (int k = 0; k < c->n; k++) {
        double x = unit_term(shape, k, c->n, k ? c->a[k - 1] : 0, rnd);
        double y = shape == 4 || shape == 7 ? 1 : unit_term(shape, k, c->n, 0, rnd);
        c->a[k] = drawn(x, size, rnd, &c->ma[k], &c->ea[k]);
        c->b[k] = drawn(y, size, rnd, &c->mb[k], &c->eb[k]);
    }
}

static double hold_unit(struct session *s, const struct matrix_unit *u, const struct unit_case *c)
{
    struct graph *g = graph_new(s, "unit");
    struct node *in[] = { input(g, DT_F16, 2, 1, c->n), input(g, DT_F16, 2, c->n, 1) };
    struct node *dot = node_of(g, "matmul", in, 2);
    dot->compute = DT_F16;
    struct sum_record r = {
        2,
        { { .block = u->k, .chain = c->n / u->k / c->parts, .unit = &u->model, .unit_k = u->k },
          { .block = 1, .chain = c->parts } },
    };
    double real;
    double *values[] = { (double *)c->a, (double *)c->b };
    const double *errors[] = { c->ea, c->eb };
    double e = bound_with(g, dot, values, errors, &r, true, &real);
    double error = fabs(by_unit(u, c->ma, c->mb, c->n, c->parts) - real);
    if (!(error <= e))
        fail_msg("unit, %d terms in %d parts: error %g, bound %g", c->n, c->parts, error, e);
    return e > 0 ? error / e : 0;
}

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x;
    double b = *(const double *)y;
    return (a > b) - (a < b);
}

static void bounds_of_units_hold(void **state)
{
    (void)state;
    static const char *const targets[] = { "sm_90", "gfx90a" };
    static struct unit_case c;
    static double ratio[HELD];
    uint64_t rnd = 5;
    for (int t = 0; t < 2; t++) {
        const struct matrix_unit *u = target_find(targets[t])->matrix;
        for (int at = 0; at < HELD; at += 100) {
            struct session *s = session_begin();
            for (int i = at; i < at + 100; i++) {
                draw_unit_case(&c, u, i, &rnd);
                ratio[i] = hold_unit(s, u, &c);
            }
            session_end(s);
        }
        qsort(ratio, HELD, sizeof *ratio, by_size);
        print_message("%s: of %d sums, median error %.3f of the bound, worst %.3f\n", targets[t], HELD, ratio[HELD / 2],
                      ratio[HELD - 1]);
        assert_true(ratio[HELD / 2] > 0.02 && ratio[HELD - 1] > 0.5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointwise_bounds_are_near), cmocka_unit_test(bounds_of_sums_are_near),
        cmocka_unit_test(errors_of_operands_add_up), cmocka_unit_test(sums_in_doubles_are_near),
        cmocka_unit_test(bounds_of_units_are_near),  cmocka_unit_test(bounds_of_units_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
