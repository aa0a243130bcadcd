/* No bound is idle: each is within a factor 2 of an error that exists. For pointwise ops the worst error of every case is
   searched over the operands' intervals; sums meet operands of which each addition loses as much as it can. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "ir/mathfn.h"
#include "ir/ops/op.h"
#include "tests/support/op_case.h"

enum { CASES = 400, MAX_IN = 3, MAX_POINTS = 12 };

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

/* The ends, the middle, 0, its neighbours, and the ends of the other operands' intervals. */
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
        if (!is_float_in(t, k)) {
            add_point(t, k, x - 1);
            add_point(t, k, x + 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointwise_bounds_are_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
