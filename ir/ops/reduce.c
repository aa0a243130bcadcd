/* Reductions along the last dimension, which goes: [.., N] -> [..]. The sum of no terms is 0, their largest −∞, their
   mean a NaN, its index −1. */
#include "ir/ops/row.h"

static bool reduce_infer(struct graph *g, struct node *n)
{
    if (n->in[0]->type.rank < 1)
        return infer_error(g, n, 0, "must have at least 1 dimension");
    if (!need_float(g, n, 0))
        return false;
    set_type(n, DT_FLOAT, n->in[0]->type.rank - 1, n->in[0]->type.dim);
    return true;
}

static const struct index *length_of(const struct contract *c) { return type_last(c->g->s, &c->n->in[0]->type); }

static void reduce_sample(struct sample *d)
{
    static const enum dtype floats[] = { DT_FLOAT, DT_FLOAT, DT_F32, DT_F16 };
    struct type t = sample_type(d, floats[sample_range(d, 0, 3)], 1, 3);
    sample_operand(d, 0, &t, -4, 4);
}

/* ---- sum, mean ---- */
static NUM row_sum(const struct ev *c, int64_t row)
{
    struct n_sum t = n_sum_begin(c);
    int64_t n = c->in[0].last;
    for (int64_t k = 0; k < n; k++)
        n_sum_add(&t, c->in[0].v[row * n + k]);
    return n_sum_end(&t);
}

static void sum_eval(struct ev *c)
{
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++)
            n_store(c, i, row_sum(c, i));
}

static void mean_eval(struct ev *c)
{
    NUM n = n_const(c, (double)c->in[0].last);
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++)
            n_store(c, i, n_div(c, row_sum(c, i), n));
}

/* Error of a row's sum. A NaN or infinity among terms whose errors are finite is there in every computation, and
   decides the result unless the others overflow: 0. */
static double row_sum_error(const struct bd *b, int64_t row)
{
    int64_t n = b->v.in[0].last;
    double mass = 0;
    double err = 0;
    bool decided = false;
    for (int64_t k = row * n; k < (row + 1) * n; k++) {
        double x = fabs(b->v.in[0].v[k].d);
        double e = bd_operand(b, 0, k);
        if (isnan(x) && e < INFINITY)
            return 0;
        if (isinf(x) && e < INFINITY)
            decided = true;
        else
            mass += x;
        err += e;
    }
    double e = bd_sum(b, mass, err, n);
    if (!(mass + e <= bd_max(b)))
        return INFINITY; /* a partial sum may overflow */
    return decided ? 0 : e;
}

static void sum_bound(struct bd *b)
{
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = row_sum_error(b, i);
}

/* The sum divided by its length, which an f32 has exactly up to 2^24. */
static double mean_error(const struct bd *b, int64_t i)
{
    double n = (double)b->v.in[0].last;
    double y = b->v.out.v[i].d;
    double e = n > 0 ? row_sum_error(b, i) / n : 0;
    if (n == 0 || e == INFINITY || !isfinite(y) || (y == 0 && e == 0))
        return e;
    if (n > 0x1p24)
        e += (fabs(y) + e) * 0x1p-23;
    return bd_done(b, y, e, bd_round(b, (fabs(y) + e) * (1 + 0x1p-50)));
}

static void mean_bound(struct bd *b)
{
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = mean_error(b, i);
}

static const struct kexpr *mean_finish(struct at *c, const struct kexpr *total, const struct index *n)
{
    return kexpr_op2(c->k, K_DIV, total, kexpr_cast(c->k, DT_F32, kexpr_index(c->k, DT_I64, n)));
}

static void sum_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct index *n = length_of(c);
    double least = (double)n->lo;
    double most = (double)n->hi;
    double lo = times(x->lo, x->lo < 0 ? most : least);
    double hi = times(x->hi, x->hi > 0 ? most : least);
    facts_set(c, facts_down(lo), facts_up(hi), x->finite && isfinite(lo) && isfinite(hi), x->integral);
}

static void mean_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    facts_set(c, x->lo, x->hi, x->finite && length_of(c)->lo > 0, false);
}

const struct op_def op_sum = {
    .call = {
        .name = "sum",
        .doc = "sum of each row",
        .operands = { { "x" } },
    },
    .class = CLS_REDUCE,
    .type = { .infer = reduce_infer, .contract = sum_contract },
    .reference = { .eval = sum_eval, .bound = sum_bound },
    .kernel = { .acc = KACC_SUM },
    .sample = reduce_sample,
};

const struct op_def op_mean = {
    .call = {
        .name = "mean",
        .doc = "mean of each row",
        .operands = { { "x" } },
    },
    .class = CLS_REDUCE,
    .type = { .infer = reduce_infer, .contract = mean_contract },
    .reference = { .eval = mean_eval, .bound = mean_bound },
    .kernel = { .acc = KACC_SUM, .finish = mean_finish },
    .sample = reduce_sample,
};

/* ---- max ---- */
static NUM row_max(const struct ev *c, int64_t row)
{
    int64_t n = c->in[0].last;
    const NUM *x = c->in[0].v + row * n;
    NUM best = { .d = -INFINITY };
    if (c->kind == NUM_FIELD)
        best.u = 0;
    for (int64_t k = 0; k < n; k++) {
        if (c->kind == NUM_FIELD)
            best.u = field_add(best.u, field_mix(c->key, FIELD_ROW_MAX, x[k].u, 0));
        else
            best = k ? n_max(c, best, x[k]) : x[0];
    }
    return best;
}

static void max_eval(struct ev *c)
{
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++)
            n_store(c, i, row_max(c, i));
}

/* The largest moves with the element that it is; another takes over where its interval passes it. */
static double max_error(const struct bd *b, int64_t row)
{
    int64_t n = b->v.in[0].last;
    double y = b->v.out.v[row].d;
    double out = 0;
    for (int64_t k = row * n; k < (row + 1) * n; k++) {
        double x = b->v.in[0].v[k].d;
        double e = bd_operand(b, 0, k);
        if (isnan(x) && e < INFINITY)
            return 0;
        double gap = x == y ? 0 : fabs(y - x) * (1 - 0x1p-50);
        out = fmax(out, e == INFINITY ? e : e - gap);
    }
    return out;
}

static void max_bound(struct bd *b)
{
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = max_error(b, i);
}

static void max_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    bool some = length_of(c)->lo > 0;
    facts_set(c, some ? x->lo : -INFINITY, x->hi, x->finite && some, x->integral && some);
}

const struct op_def op_max = {
    .call = {
        .name = "max",
        .doc = "largest of each row; a NaN wins",
        .operands = { { "x" } },
    },
    .class = CLS_REDUCE,
    .exact = true,
    .type = { .infer = reduce_infer, .contract = max_contract },
    .reference = { .eval = max_eval, .bound = max_bound },
    .kernel = { .acc = KACC_MAX },
    .sample = reduce_sample,
};

/* ---- argmax ---- */
static bool argmax_infer(struct graph *g, struct node *n)
{
    if (!reduce_infer(g, n))
        return false;
    n->type.dtype = DT_I64;
    return true;
}

/* The first of the largest; the first NaN, if there is one. */
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

/* The ends of an element's interval, outward of rounding. */
static double lower_end(double x, double e)
{
    return isnan(x) || e == INFINITY ? -INFINITY : e == 0 ? x : nextafter(x - e, -INFINITY);
}
static double upper_end(double x, double e)
{
    return isnan(x) || e == INFINITY ? INFINITY : e == 0 ? x : nextafter(x + e, INFINITY);
}

/* The row's largest lower end and where it first stands; the first NaN that is certain (n: none). */
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

/* Candidates are what no other element surely beats: by a higher lower end, or an equal one that stands before; before
   a certain NaN only what may be one itself. */
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

/* The larger stands before, a NaN before all; of equals the first. */
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
        .operands = { { "x" } },
    },
    .class = CLS_SELECT,
    .exact = true,
    .type = { .infer = argmax_infer, .contract = argmax_contract },
    .reference = { .eval = argmax_eval, .bound = argmax_bound },
    .kernel = { .precedes = argmax_precedes },
    .sample = reduce_sample,
};
