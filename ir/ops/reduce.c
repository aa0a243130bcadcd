/* sum and mean. Over no elements, the sum is 0 and the mean a NaN. */
#include "ir/ops/integer.h"
#include "ir/ops/reduction.h"

static const struct index *length_of(const struct contract *c) { return reduction_length(c->g->s, c->n); }

static bool mean_infer(struct graph *g, struct node *n)
{
    return need_float(g, n, 0) && reduce_shape_infer(g, n, DT_FLOAT);
}

static void mean_sample(struct sample *d)
{
    static const enum dtype floats[] = { DT_FLOAT, DT_FLOAT, DT_F32, DT_F16 };
    sample_reduction(d, floats[sample_range(d, 0, 3)]);
}

/* ---- sum, mean ---- */
static NUM sum_of(const struct ev *c, int64_t i, int64_t *n)
{
    struct n_sum sum = n_sum_begin(c);
    struct terms t = terms_of(c, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t))
        n_sum_add(&sum, c->in[0].v[t.at]);
    *n = t.n;
    return n_sum_end(&sum);
}

static int64_t int_sum_of(const struct ev *c, int64_t i)
{
    uint64_t sum = 0;
    struct terms t = terms_of(c, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t))
        sum += (uint64_t)c->in[0].v[t.at].i;
    return int_wrapped(c->out.dtype, sum);
}

static void sum_eval(struct ev *c)
{
    int64_t n;
    bool ints = dtype_is_int(c->out.dtype);
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            if (ints)
                n_store_i(c, i, int_sum_of(c, i));
            else
                n_store(c, i, sum_of(c, i, &n));
        }
}

static void mean_eval(struct ev *c)
{
    int64_t n;
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            NUM sum = sum_of(c, i, &n);
            n_store(c, i, n_div(c, sum, n_of_int(c, n)));
        }
}

static double sum_error(const struct bd *b, int64_t i, int64_t *n)
{
    struct summands sum = { 0 };
    struct terms t = terms_of(&b->v, i);
    *n = t.n;
    for (int64_t k = 0; k < t.n; k++, terms_next(&t))
        summands_add(&sum, b->v.in[0].v[t.at].d, bd_operand(b, 0, t.at));
    return summands_error(b, &sum);
}

static double int_error(const struct bd *b, int64_t i)
{
    double err = 0;
    struct terms t = terms_of(&b->v, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t))
        err += bd_operand(b, 0, t.at);
    return int_sum_error(b, b->v.out.v[i].i, err);
}

static void sum_bound(struct bd *b)
{
    int64_t n;
    bool ints = dtype_is_int(b->v.out.dtype);
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = ints ? int_error(b, i) : sum_error(b, i, &n);
}

/* Returns the sum's error over n, plus the division's rounding. Above 2^24, the conversion of n to f32 rounds too. */
static double mean_error(const struct bd *b, int64_t i)
{
    int64_t terms;
    double y = b->v.out.v[i].d;
    double e = sum_error(b, i, &terms);
    double n = (double)terms;
    e = n > 0 ? e / n : 0;
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

static void sum_contract(struct contract *c) { sum_facts(c, (double)length_of(c)->lo, (double)length_of(c)->hi); }

static void mean_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    facts_set(c, x->lo, x->hi, x->finite && length_of(c)->lo > 0, false);
}

static struct node *sum_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    return over_terms(b, n, gy);
}

static struct node *terms_count(struct builder *b, struct node *n)
{
    const struct type *x = &n->in[0]->type;
    struct reduction d = reduction_of(n);
    struct type terms = { .rank = 0 };
    for (int i = 0; i < x->rank; i++)
        if (d.reduced[i])
            terms.dim[terms.rank++] = x->dim[i];
    return build_extent(b, &terms);
}

static struct node *mean_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    return over_terms(b, n, build2(b, "div", gy, terms_count(b, n)));
}

const struct op_def op_sum = {
    .call = {
        .name = "sum",
        .doc = "sum of the elements along the axes; integers wrap",
        .about = {
            .shapes = "x [3, 4], axis=0 -> [4], or [1, 4] with keepdim",
            .formula = "y = sum_i x_i; over no elements 0",
            .gradient = "gy, broadcast to x",
        },
        .operands = { { .name = "x" } },
        .attrs = reduce_attrs,
        .n_attrs = N_ATTRS(reduce_attrs),
    },
    .class = CLS_REDUCE,
    .type = { .infer = reduce_infer, .contract = sum_contract },
    .reference = { .needs = reduce_needs, .work = reduce_work, .eval = sum_eval, .bound = sum_bound },
    .kernel = { .acc = KACC_SUM },
    .gradient = sum_grad,
    .sample = reduce_sample,
};

const struct op_def op_mean = {
    .call = {
        .name = "mean",
        .doc = "mean of the elements along the axes",
        .about = {
            .shapes = "x [3, 4], axis=0 -> [4], or [1, 4] with keepdim",
            .formula = "y = (sum_i x_i) / n; over no elements a NaN",
            .gradient = "gy / n, broadcast to x",
        },
        .operands = { { .name = "x" } },
        .attrs = reduce_attrs,
        .n_attrs = N_ATTRS(reduce_attrs),
    },
    .class = CLS_REDUCE,
    .type = { .infer = mean_infer, .contract = mean_contract },
    .reference = {
        .needs = reduce_needs,
        .work = reduce_work,
        .eval = mean_eval,
        .bound = mean_bound,
        .total = &op_sum,
    },
    .kernel = { .acc = KACC_SUM, .finish = mean_finish },
    .gradient = mean_grad,
    .sample = mean_sample,
};
