/* argmax along the last dimension: [3, 4] -> [3]. An empty row gives −1. */
#include "ir/ops/row.h"

static const struct index *length_of(const struct contract *c) { return type_last(c->g->s, &c->n->in[0]->type); }

static void argmax_sample(struct sample *d)
{
    static const enum dtype floats[] = { DT_FLOAT, DT_FLOAT, DT_F32, DT_F16 };
    struct type t = sample_type(d, floats[sample_range(d, 0, 3)], 1, 3);
    sample_operand(d, 0, &t, -4, 4);
}

static bool argmax_infer(struct graph *g, struct node *n)
{
    if (n->in[0]->type.rank < 1)
        return infer_error(g, n, 0, "must have at least 1 dimension");
    if (!need_float(g, n, 0))
        return false;
    set_type(n, DT_I64, n->in[0]->type.rank - 1, n->in[0]->type.dim);
    return true;
}

/* The index of the first NaN, or else of the first largest element. */
static int64_t row_argmax(const struct ev *c, int64_t row)
{
    int64_t n = c->in[0].last;
    int64_t best = n ? 0 : -1;
    const NUM *x = c->in[0].v + row * n;
    for (int64_t k = 1; k < n && !n_is_nan(c, x[best]); k++)
        if (n_is_nan(c, x[k]) || n_less(c, x[best], x[k]))
            best = k;
    return best;
}

static void argmax_eval(struct ev *c)
{
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++)
            n_store_i(c, i, row_argmax(c, i));
}

/* The ends of x ± e, rounded outward. */
static double lower_end(double x, double e)
{
    return isnan(x) || e == INFINITY ? -INFINITY : e == 0 ? x : nextafter(x - e, -INFINITY);
}
static double upper_end(double x, double e)
{
    return isnan(x) || e == INFINITY ? INFINITY : e == 0 ? x : nextafter(x + e, INFINITY);
}

/* The largest lower end (x − e) in a row of n elements, and the first index at which it occurs. nan: the index of the
   first certain NaN, or n. */
struct floor {
    double value;
    int64_t first, nan;
};

static struct floor floor_of(const struct bd *b, int64_t row)
{
    int64_t n = b->v.in[0].last;
    struct floor f = { -INFINITY, n, n };
    for (int64_t k = 0; k < n; k++) {
        double x = b->v.in[0].v[row * n + k].d;
        double e = bd_operand(b, 0, row * n + k);
        if (isnan(x) && e < INFINITY && f.nan == n)
            f.nan = k;
        double lower = lower_end(x, e);
        if (f.first == n || lower > f.value) {
            f.value = lower;
            f.first = k;
        }
    }
    return f;
}

/* The distance from the result y to the farthest index that may be the true argmax. If the row has a certain NaN, that
   NaN wins, or an earlier element that may be a NaN. Otherwise an element may win if its upper end reaches the largest
   lower end. */
static double argmax_error(const struct bd *b, int64_t row)
{
    int64_t n = b->v.in[0].last;
    int64_t y = b->v.out.v[row].i;
    struct floor f = floor_of(b, row);
    double out = 0;
    for (int64_t k = 0; k < n; k++) {
        double x = b->v.in[0].v[row * n + k].d;
        double e = bd_operand(b, 0, row * n + k);
        double upper = upper_end(x, e);
        bool candidate = f.nan < n ? k == f.nan || (e == INFINITY && k < f.nan)
                                   : e == INFINITY || upper > f.value || (upper == f.value && k <= f.first);
        if (candidate)
            out = fmax(out, fabs((double)(k - y)));
    }
    return out;
}

static void argmax_bound(struct bd *b)
{
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = argmax_error(b, i);
}

static void argmax_contract(struct contract *c)
{
    const struct index *n = length_of(c);
    facts_set(c, n->lo > 0 ? 0 : -1, n->hi > 0 ? (double)n->hi - 1 : -1, true, true);
}

static const struct kexpr *argmax_precedes(struct at *c, const struct kexpr *sj, const struct kexpr *j,
                                           const struct kexpr *si, const struct kexpr *i)
{
    struct kbuild *k = c->k;
    const struct kexpr *nan_j = kexpr_op2(k, K_NE, sj, sj);
    const struct kexpr *nan_i = kexpr_op2(k, K_NE, si, si);
    const struct kexpr *first = kexpr_op2(k, K_LT, j, i);
    const struct kexpr *more =
        kexpr_op2(k, K_OR, kexpr_op2(k, K_GT, sj, si), kexpr_op2(k, K_AND, nan_j, kexpr_op1(k, K_NOT, nan_i)));
    const struct kexpr *same = kexpr_op2(k, K_OR, kexpr_op2(k, K_EQ, sj, si), kexpr_op2(k, K_AND, nan_j, nan_i));
    return kexpr_op2(k, K_OR, more, kexpr_op2(k, K_AND, same, first));
}

const struct op_def op_argmax = {
    .call = {
        .name = "argmax",
        .doc = "index of the largest of each row: the first on a tie; a NaN wins",
        .operands = { { .name = "x" } },
    },
    .class = CLS_SELECT,
    .exact = true,
    .type = { .infer = argmax_infer, .contract = argmax_contract },
    .reference = { .eval = argmax_eval, .bound = argmax_bound },
    .kernel = { .precedes = argmax_precedes },
    .sample = argmax_sample,
};
