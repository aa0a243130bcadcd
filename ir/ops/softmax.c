/* softmax, log_softmax and logsumexp. Each `eval` uses the textbook formula, not the op's expansion. */
#include <math.h>

#include "ir/ops/line.h"
#include "ir/ops/reduction.h"

static bool row_infer(struct graph *g, struct node *n)
{
    if (!need_float(g, n, 0) || !need_axis_attr(g, n))
        return false;
    n->type = n->in[0]->type;
    n->type.dtype = DT_FLOAT;
    return true;
}

static void row_work(struct session *s, const struct node *n, struct work *w)
{
    w->macs = index_mulk(s->indices, type_count(s, &n->type), 4);
    w->sum_length = n->type.dim[op_axis(n)];
}

static void row_sample(struct sample *d)
{
    struct type t = sample_type(d, DT_FLOAT, 1, 3);
    sample_operand(d, 0, &t, -4, 4);
    d->attrs[0] = sample_attr_int(sample_range(d, 0, 1) ? -1 : sample_range(d, -t.rank, t.rank - 1));
}

/* shared[0]: the row's largest element m. Subtracting m prevents overflow. shared[1]: Σ_j exp(x_j − m). */
static void softmax_row(void *ctx, const struct line *l, NUM *shared)
{
    const struct ev *c = ctx;
    const NUM *x = c->in[0].v + l->first;
    struct n_sum t = n_sum_begin(c);
    NUM m = n_max_begin(c);
    for (int64_t k = 0; k < l->n; k++)
        m = n_max_take(c, m, x[k * l->stride]);
    for (int64_t k = 0; k < l->n; k++)
        n_sum_add(&t, n_fn(c, FN_EXP, n_sub(c, x[k * l->stride], m)));
    shared[0] = m;
    shared[1] = n_sum_end(&t);
}

/* ---- softmax ---- */
static void softmax_result(void *ctx, const struct line *l, int64_t i, int64_t k, const NUM *shared)
{
    struct ev *c = ctx;
    (void)l;
    (void)k;
    n_store(c, i, n_div(c, n_fn(c, FN_EXP, n_sub(c, c->in[0].v[i], shared[0])), shared[1]));
}

static void softmax_eval(struct ev *c)
{
    static const struct line_fns fns = { softmax_row, softmax_result };
    each_line(c, &fns, c);
}

static void softmax_contract(struct contract *c)
{
    facts_set(c, 0, 1, fact(c, 0)->finite, false);
    c->out->sums_to_one = op_axis(c->n) == c->n->type.rank - 1;
}

static struct node *softmax_expand(struct builder *b, struct node *n)
{
    int axis = op_axis(n);
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *e = build1(b, "exp", build2(b, "sub", n->in[0], build_along(b, "max", n->in[0], axis)));
    struct node *total = build_along(b, "sum", e, axis);
    b->keep_f32 = keep;
    return build2(b, "div", e, total);
}

/* dx = p·(gy − Σ_j gy_j·p_j), where p is the softmax. */
static struct node *softmax_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *mean = build_along(b, "sum", build2(b, "mul", gy, n), op_axis(n));
    b->keep_f32 = keep;
    return build2(b, "mul", n, build2(b, "sub", gy, mean));
}

const struct op_def op_softmax = {
    .call = {
        .name = "softmax",
        .doc = "exp(x) divided by its sum, along one dimension",
        .about = {
            .shapes = "x [.., n, ..] -> [.., n, ..]",
            .formula = "p_i = exp(x_i - m) / sum_j exp(x_j - m), m = max_j x_j",
            .gradient = "p * (gy - sum_j gy_j * p_j)",
        },
        .operands = { { .name = "x" } },
        .attrs = &axis_attr,
        .n_attrs = 1,
    },
    .class = CLS_REDUCE,
    .type = { .infer = row_infer, .contract = softmax_contract },
    .reference = { .work = row_work, .eval = softmax_eval },
    .kernel = { .expand = softmax_expand },
    .gradient = softmax_grad,
    .sample = row_sample,
};

/* ---- log_softmax ---- */
static void log_softmax_result(void *ctx, const struct line *l, int64_t i, int64_t k, const NUM *shared)
{
    struct ev *c = ctx;
    (void)l;
    (void)k;
    n_store(c, i, n_sub(c, n_sub(c, c->in[0].v[i], shared[0]), n_fn(c, FN_LOG, shared[1])));
}

static void log_softmax_eval(struct ev *c)
{
    static const struct line_fns fns = { softmax_row, log_softmax_result };
    each_line(c, &fns, c);
}

static void log_softmax_contract(struct contract *c) { facts_set(c, -INFINITY, 0x1p-20, fact(c, 0)->finite, false); }

static struct node *log_softmax_expand(struct builder *b, struct node *n)
{
    int axis = op_axis(n);
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *d = build2(b, "sub", n->in[0], build_along(b, "max", n->in[0], axis));
    struct node *total = build1(b, "log", build_along(b, "sum", build1(b, "exp", d), axis));
    b->keep_f32 = keep;
    return build2(b, "sub", d, total);
}

/* dx = gy − p·Σ_j gy_j, where p = exp(y) is the softmax. */
static struct node *log_softmax_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *total = build_along(b, "sum", gy, op_axis(n));
    struct node *back = build2(b, "mul", build1(b, "exp", n), total);
    b->keep_f32 = keep;
    return build2(b, "sub", gy, back);
}

const struct op_def op_log_softmax = {
    .call = {
        .name = "log_softmax",
        .doc = "logarithm of the softmax along one dimension",
        .about = {
            .shapes = "x [.., n, ..] -> [.., n, ..]",
            .formula = "y_i = x_i - m - log(sum_j exp(x_j - m)), m = max_j x_j",
            .gradient = "gy - exp(y) * sum_j gy_j",
        },
        .operands = { { .name = "x" } },
        .attrs = &axis_attr,
        .n_attrs = 1,
    },
    .class = CLS_REDUCE,
    .type = { .infer = row_infer, .contract = log_softmax_contract },
    .reference = { .work = row_work, .eval = log_softmax_eval },
    .kernel = { .expand = log_softmax_expand },
    .gradient = log_softmax_grad,
    .sample = row_sample,
};

/* ---- logsumexp ---- */
static bool logsumexp_infer(struct graph *g, struct node *n)
{
    return need_float(g, n, 0) && reduce_shape_infer(g, n, DT_FLOAT);
}

static NUM logsumexp_of(const struct ev *c, int64_t i)
{
    struct terms t = terms_of(c, i);
    NUM m = n_max_begin(c);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t))
        m = n_max_take(c, m, c->in[0].v[t.at]);
    if (!n_less(c, n_abs(c, m), n_const(c, INFINITY)))
        m = n_const(c, 0);
    struct n_sum sum = n_sum_begin(c);
    t = terms_of(c, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t))
        n_sum_add(&sum, n_fn(c, FN_EXP, n_sub(c, c->in[0].v[t.at], m)));
    return n_add(c, n_fn(c, FN_LOG, n_sum_end(&sum)), m);
}

static void logsumexp_eval(struct ev *c)
{
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++)
            n_store(c, i, logsumexp_of(c, i));
}

/* max x ≤ y ≤ max x + log n for n terms */
static void logsumexp_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct index *n = reduction_length(c->g->s, c->n);
    double hi = n->hi > 0 ? x->hi + log((double)n->hi) : -INFINITY;
    double lo = n->lo > 0 ? x->lo : -INFINITY;
    facts_set(c, lo - fabs(lo) * 0x1p-20 - 0x1p-20, hi + fabs(hi) * 0x1p-20 + 0x1p-20, x->finite && n->lo > 0, false);
}

static struct node *logsumexp_reduce(struct builder *b, struct node *n, const char *op, struct node *x)
{
    return build(b, op, &x, 1, n->attrs);
}

/* An infinite or NaN maximum is replaced by 0, so that rows of −∞ give −∞, and rows with ∞ give ∞. */
static struct node *logsumexp_expand(struct builder *b, struct node *n)
{
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *m = logsumexp_reduce(b, n, "max", n->in[0]);
    struct node *finite = build2(b, "less", build1(b, "abs", m), build_scalar(b, INFINITY));
    m = build3(b, "select", finite, m, build_scalar(b, 0));
    struct node *e = build1(b, "exp", build2(b, "sub", n->in[0], over_terms(b, n, m)));
    struct node *total = build1(b, "log", logsumexp_reduce(b, n, "sum", e));
    b->keep_f32 = keep;
    return build2(b, "add", total, m);
}

/* dx_i = gy·exp(x_i − y). A y of −∞ is replaced by 0, so that rows of −∞ get no gradient. */
static struct node *logsumexp_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *some = build2(b, "greater", n, build_scalar(b, -INFINITY));
    struct node *y = build3(b, "select", some, n, build_scalar(b, 0));
    struct node *p = build1(b, "exp", build2(b, "sub", n->in[operand], over_terms(b, n, y)));
    b->keep_f32 = keep;
    return build2(b, "mul", over_terms(b, n, gy), p);
}

static void logsumexp_sample(struct sample *d) { sample_reduction(d, DT_FLOAT); }

const struct op_def op_logsumexp = {
    .call = {
        .name = "logsumexp",
        .doc = "logarithm of the sum of exp(x) along the axes, without overflow",
        .about = {
            .shapes = "x [3, 4], axis=0 -> [4], or [1, 4] with keepdim",
            .formula = "y = m + log(sum_i exp(x_i - m)), m = max_i x_i; over no elements -inf",
            .gradient = "gy * exp(x - y); 0 where y is -inf, a NaN where x is inf",
        },
        .operands = { { .name = "x" } },
        .attrs = reduce_attrs,
        .n_attrs = N_REDUCE_ATTRS,
    },
    .class = CLS_REDUCE,
    .type = { .infer = logsumexp_infer, .contract = logsumexp_contract },
    .reference = { .needs = reduce_needs, .work = reduce_work, .eval = logsumexp_eval },
    .kernel = { .expand = logsumexp_expand },
    .gradient = logsumexp_grad,
    .sample = logsumexp_sample,
};
