/* argmax and argmin along the last dimension: [3, 4] -> [3]. An empty row gives −1. */
#include "ir/ops/row.h"

static const struct index *length_of(const struct contract *c) { return type_last(c->g->s, &c->n->in[0]->type); }

static void arg_sample(struct sample *d)
{
    static const enum dtype floats[] = { DT_FLOAT, DT_FLOAT, DT_F32, DT_F16 };
    struct type t = sample_type(d, floats[sample_range(d, 0, 3)], 1, 3);
    sample_operand(d, 0, &t, -4, 4);
}

static bool arg_infer(struct graph *g, struct node *n)
{
    if (n->in[0]->type.rank < 1)
        return infer_error(g, n, 0, "must have at least 1 dimension");
    if (!need_float(g, n, 0))
        return false;
    set_type(n, DT_I64, n->in[0]->type.rank - 1, n->in[0]->type.dim);
    return true;
}

/* The index of the first NaN, or else of the first largest (least) element. */
static int64_t extremum_at(const struct ev *c, int64_t row, bool least)
{
    int64_t n = c->in[0].last;
    int64_t best = n ? 0 : -1;
    const NUM *x = c->in[0].v + row * n;
    for (int64_t k = 1; k < n && !n_is_nan(c, x[best]); k++)
        if (n_is_nan(c, x[k]) || (least ? n_less(c, x[k], x[best]) : n_less(c, x[best], x[k])))
            best = k;
    return best;
}

static void arg_eval(struct ev *c, bool least)
{
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++)
            n_store_i(c, i, extremum_at(c, i, least));
}

static void argmax_eval(struct ev *c) { arg_eval(c, false); }
static void argmin_eval(struct ev *c) { arg_eval(c, true); }

/* The ends of x ± e, rounded outward. */
static double lower_end(double x, double e)
{
    return isnan(x) || e == INFINITY ? -INFINITY : e == 0 ? x : nextafter(x - e, -INFINITY);
}
static double upper_end(double x, double e)
{
    return isnan(x) || e == INFINITY ? INFINITY : e == 0 ? x : nextafter(x + e, INFINITY);
}

/* A row of n elements, all negated for the least. */
struct row {
    const struct bd *b;
    int64_t at, n;
    bool least;
};

static double value_at(const struct row *r, int64_t k)
{
    double x = r->b->v.in[0].v[r->at + k].d;
    return r->least ? -x : x;
}
static double error_at(const struct row *r, int64_t k) { return bd_operand(r->b, 0, r->at + k); }

/* The largest lower end (x − e) in a row, and the first index at which it occurs. nan: the index of the first certain
   NaN, or n. */
struct floor {
    double value;
    int64_t first, nan;
};

static struct floor floor_of(const struct row *r)
{
    struct floor f = { -INFINITY, r->n, r->n };
    for (int64_t k = 0; k < r->n; k++) {
        double x = value_at(r, k);
        double e = error_at(r, k);
        if (isnan(x) && e < INFINITY && f.nan == r->n)
            f.nan = k;
        double lower = lower_end(x, e);
        if (f.first == r->n || lower > f.value) {
            f.value = lower;
            f.first = k;
        }
    }
    return f;
}

/* The distance from the result y to the farthest index that may be the true one. If the row has a certain NaN, that NaN
   wins, or an earlier element that may be a NaN. Otherwise an element may win if its upper end reaches the largest
   lower end. */
static double arg_error(const struct row *r, int64_t y)
{
    struct floor f = floor_of(r);
    double out = 0;
    for (int64_t k = 0; k < r->n; k++) {
        double e = error_at(r, k);
        double upper = upper_end(value_at(r, k), e);
        bool candidate = f.nan < r->n ? k == f.nan || (e == INFINITY && k < f.nan)
                                      : e == INFINITY || upper > f.value || (upper == f.value && k <= f.first);
        if (candidate)
            out = fmax(out, fabs((double)(k - y)));
    }
    return out;
}

static void arg_bound(struct bd *b, bool least)
{
    struct row row = { .b = b, .n = b->v.in[0].last, .least = least };
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++) {
            row.at = i * row.n;
            b->e_out[i] = arg_error(&row, b->v.out.v[i].i);
        }
}

static void argmax_bound(struct bd *b) { arg_bound(b, false); }
static void argmin_bound(struct bd *b) { arg_bound(b, true); }

static void arg_contract(struct contract *c)
{
    const struct index *n = length_of(c);
    facts_set(c, n->lo > 0 ? 0 : -1, n->hi > 0 ? (double)n->hi - 1 : -1, true, true);
}

/* `more`: sj is the larger, or for argmin the lesser. */
static const struct kexpr *arg_precedes(struct at *c, const struct kexpr *more, const struct kexpr *sj,
                                        const struct kexpr *j, const struct kexpr *si, const struct kexpr *i)
{
    struct kbuild *k = c->k;
    const struct kexpr *nan_j = kexpr_op2(k, K_NE, sj, sj);
    const struct kexpr *nan_i = kexpr_op2(k, K_NE, si, si);
    const struct kexpr *first = kexpr_op2(k, K_LT, j, i);
    more = kexpr_op2(k, K_OR, more, kexpr_op2(k, K_AND, nan_j, kexpr_op1(k, K_NOT, nan_i)));
    const struct kexpr *same = kexpr_op2(k, K_OR, kexpr_op2(k, K_EQ, sj, si), kexpr_op2(k, K_AND, nan_j, nan_i));
    return kexpr_op2(k, K_OR, more, kexpr_op2(k, K_AND, same, first));
}

static const struct kexpr *argmax_precedes(struct at *c, const struct kexpr *sj, const struct kexpr *j,
                                           const struct kexpr *si, const struct kexpr *i)
{
    return arg_precedes(c, kexpr_op2(c->k, K_GT, sj, si), sj, j, si, i);
}

static const struct kexpr *argmin_precedes(struct at *c, const struct kexpr *sj, const struct kexpr *j,
                                           const struct kexpr *si, const struct kexpr *i)
{
    return arg_precedes(c, kexpr_op2(c->k, K_LT, sj, si), sj, j, si, i);
}

const struct op_def op_argmax = {
    .call = {
        .name = "argmax",
        .doc = "index of the largest of each row: the first on a tie; a NaN wins",
        .about = {
            .shapes = "x [.., n] -> i64 [..]",
            .formula = "the least i with x_i = max_j x_j, or the first NaN; -1 in an empty row",
            .gradient = "none: an integer",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_SELECT,
    .exact = true,
    .type = { .infer = arg_infer, .contract = arg_contract },
    .reference = { .eval = argmax_eval, .bound = argmax_bound },
    .kernel = { .precedes = argmax_precedes },
    .sample = arg_sample,
};

const struct op_def op_argmin = {
    .call = {
        .name = "argmin",
        .doc = "index of the least of each row: the first on a tie; a NaN wins",
        .about = {
            .shapes = "x [.., n] -> i64 [..]",
            .formula = "the least i with x_i = min_j x_j, or the first NaN; -1 in an empty row",
            .gradient = "none: an integer",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_SELECT,
    .exact = true,
    .type = { .infer = arg_infer, .contract = arg_contract },
    .reference = { .eval = argmin_eval, .bound = argmin_bound },
    .kernel = { .precedes = argmin_precedes },
    .sample = arg_sample,
};
