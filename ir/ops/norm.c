/* gelu, softmax and layernorm. Each `eval` is the textbook formula and does not use the op's expansion. */
#include <math.h>

#include "ir/ops/row.h"

static struct node *per_row(struct builder *b, struct node *x)
{
    struct type t = x ? x->type : (struct type){ 0 };
    t.dim[t.rank++] = index_const(b->g->s->indices, 1);
    return build_reshape(b, x, &t);
}

static bool need_row(struct graph *g, struct node *n)
{
    if (!need_float(g, n, 0))
        return false;
    if (n->in[0]->type.rank < 1)
        return infer_error(g, n, 0, "must have at least 1 dimension");
    n->type = n->in[0]->type;
    n->type.dtype = DT_FLOAT;
    return true;
}

static void row_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                      struct box *in)
{
    const struct type *t = &n->in[operand]->type;
    int last = out->rank - 1;
    *in = *out;
    if (t->rank == 1 && last > 0)
        *in = (struct box){ .rank = 1, .lo = { out->lo[last] }, .hi = { out->hi[last] } };
    if (operand == 0) {
        in->lo[last] = 0;
        in->hi[last] = dims_eval(dims, t->dim[last]) - 1;
    }
}

/* ---- gelu ---- */
/* x·½·(1 + tanh(√(2/π)·(x + 0.044715·x³))): Hendrycks and Gimpel, arXiv 1606.08415. */
#define GELU_CUBIC 0.044715
#define GELU_SCALE 0.79788456080286535588 /* √(2/π) */
#define GELU_LEAST (-0.1701)              /* just below the minimum, −0.17004… at x = −0.7524… */

static NUM gelu_eval1(const struct ev *c, const NUM *x)
{
    NUM cube = n_mul(c, *x, n_mul(c, *x, *x));
    NUM arg = n_mul(c, n_const(c, GELU_SCALE), n_add(c, *x, n_mul(c, n_const(c, GELU_CUBIC), cube)));
    return n_mul(c, n_mul(c, n_const(c, 0.5), *x), n_add(c, n_const(c, 1), n_fn(c, FN_TANH, arg)));
}

/* gelu(x) <= max(x, 0), and gelu(x) >= 0 for x >= 0. */
static void gelu_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    facts_set(c, x->lo >= 0 ? 0 : GELU_LEAST, fmax(x->hi, 0), x->finite, false);
}

/* tanh(√(2/π)·x·(1 + 0.044715·x²)) */
static struct node *gelu_tanh(struct builder *b, struct node *x)
{
    struct node *grown =
        build2(b, "add", build2(b, "mul", build2(b, "mul", x, x), build_scalar(b, GELU_CUBIC)), build_scalar(b, 1));
    return build1(b, "tanh", build2(b, "mul", build2(b, "mul", x, build_scalar(b, GELU_SCALE)), grown));
}

static struct node *gelu_expand(struct builder *b, struct node *n)
{
    struct node *x = n->in[0];
    struct node *t = gelu_tanh(b, x);
    return build2(b, "mul", build2(b, "mul", x, build_scalar(b, 0.5)), build2(b, "add", t, build_scalar(b, 1)));
}

/* With t = gelu_tanh(x): gelu'(x) = ½(1 + t)·(1 + x·(1 − t)·√(2/π)·(1 + 3·0.044715·x²)). */
static struct node *gelu_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[operand];
    struct node *t = gelu_tanh(b, x);
    struct node *slope =
        build2(b, "add", build2(b, "mul", build2(b, "mul", x, x), build_scalar(b, 3 * GELU_CUBIC * GELU_SCALE)),
               build_scalar(b, GELU_SCALE));
    struct node *curved = build2(b, "mul", build2(b, "mul", x, build2(b, "sub", build_scalar(b, 1), t)), slope);
    struct node *half = build2(b, "mul", build2(b, "add", t, build_scalar(b, 1)), build_scalar(b, 0.5));
    return build2(b, "mul", gy, build2(b, "mul", half, build2(b, "add", curved, build_scalar(b, 1))));
}

static void gelu_sample(struct sample *d) { sample_same(d, 1, -6, 6); }

const struct op_def op_gelu = {
    .call = {
        .name = "gelu",
        .doc = "Gaussian error linear unit in its tanh form; gelu_erf is the erf form",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "x * (1 + t) / 2, t = tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))",
            .source = "Hendrycks, Gimpel, arXiv 1606.08415",
            .gradient = "gy * (1 + t) / 2 * (1 + x * (1 - t) * sqrt(2 / pi) * (1 + 3 * 0.044715 * x^2))",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = gelu_contract },
    .reference = { .eval1 = gelu_eval1 },
    .kernel = { .expand = gelu_expand },
    .gradient = gelu_grad,
    .sample = gelu_sample,
};

/* ---- softmax ---- */
static bool softmax_infer(struct graph *g, struct node *n) { return need_row(g, n); }

static NUM row_max(const struct ev *c, const NUM *x, int64_t n)
{
    NUM m = n_max_begin(c);
    for (int64_t i = 0; i < n; i++)
        m = n_max_take(c, m, x[i]);
    return m;
}

/* p_i = exp(x_i − m) / Σ_j exp(x_j − m). m is the row's largest element, which prevents overflow. */
static void softmax_eval(struct ev *c)
{
    int64_t n = c->out.last;
    int64_t done = -1;
    NUM m = { 0 };
    NUM total = { 0 };
    for (size_t r = 0; r < c->n_runs; r++) {
        if (c->runs[r].lo >= c->runs[r].hi)
            continue;
        int64_t row = c->runs[r].lo / n;
        const NUM *x = c->in[0].v + row * n;
        if (row != done) {
            struct n_sum t = n_sum_begin(c);
            m = row_max(c, x, n);
            for (int64_t i = 0; i < n; i++)
                n_sum_add(&t, n_fn(c, FN_EXP, n_sub(c, x[i], m)));
            total = n_sum_end(&t);
            done = row;
        }
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++)
            n_store(c, i, n_div(c, n_fn(c, FN_EXP, n_sub(c, x[i - row * n], m)), total));
    }
}

static void softmax_contract(struct contract *c)
{
    facts_set(c, 0, 1, fact(c, 0)->finite, false);
    c->out->sums_to_one = true;
}

static void softmax_work(struct session *s, const struct node *n, struct work *w)
{
    w->macs = index_mulk(s->indices, type_count(s, &n->type), 4);
    w->sum_length = type_last(s, &n->type);
}

static struct node *softmax_expand(struct builder *b, struct node *n)
{
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *e = build1(b, "exp", build2(b, "sub", n->in[0], per_row(b, build1(b, "max", n->in[0]))));
    struct node *total = per_row(b, build1(b, "sum", e));
    b->keep_f32 = keep;
    return build2(b, "div", e, total);
}

static void row_sample(struct sample *d)
{
    struct type t = sample_type(d, DT_FLOAT, 1, 3);
    sample_operand(d, 0, &t, -4, 4);
}

/* dx = p·(gy − Σ_j gy_j·p_j), where p is the softmax. */
static struct node *softmax_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *mean = per_row(b, build1(b, "sum", build2(b, "mul", gy, n)));
    b->keep_f32 = keep;
    return build2(b, "mul", n, build2(b, "sub", gy, mean));
}

const struct op_def op_softmax = {
    .call = {
        .name = "softmax",
        .doc = "exp(x) divided by its sum, along the last dimension",
        .operands = { { .name = "x" } },
    },
    .class = CLS_REDUCE,
    .type = { .infer = softmax_infer, .contract = softmax_contract },
    .reference = { .needs = row_needs, .work = softmax_work, .eval = softmax_eval },
    .kernel = { .expand = softmax_expand },
    .gradient = softmax_grad,
    .sample = row_sample,
};

/* ---- layernorm ---- */
static const struct attr_def layernorm_attrs[] = {
    { "eps", ATTR_FLOAT, false, { .f = 1e-5 }, "added to the variance" }
};
static const struct param_def layernorm_params[] = { { "gamma", "gamma", INIT_ONE }, { "beta", "beta", INIT_ZERO } };
static double eps_of(const struct node *n) { return node_attr(n, 0)->f; }

static bool layernorm_param_type(struct graph *g, const struct node *call, const struct loc *attr_loc, int operand,
                                 struct type *out)
{
    (void)attr_loc;
    (void)operand;
    const struct type *x = &call->in[0]->type;
    if (x->rank < 1)
        return infer_error(g, call, 0, "must have at least 1 dimension");
    *out = (struct type){ .dtype = DT_FLOAT, .rank = 1, .dim = { type_last(g->s, x) } };
    return true;
}

static bool layernorm_infer(struct graph *g, struct node *n)
{
    bool good = need_row(g, n);
    for (int i = 1; good && i < 3; i++) {
        const struct type *t = &n->in[i]->type;
        if (!need_float(g, n, i))
            good = false;
        else if (t->rank != 1 || t->dim[0] != type_last(g->s, &n->type))
            good = infer_error(g, n, i, "must have one value for each element of a row of the first, %s",
                               type_text(g->arena, &n->in[0]->type));
    }
    return good;
}

/* |x − mean| ≤ √(n−1)·√var; the extreme is one element against n−1 equal ones. So |y| ≤ √n·|gamma| + |beta|. The result
   is finite if the squares of x and their sum are finite in f32. */
static void layernorm_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct facts *gamma = fact(c, 1);
    const struct facts *beta = fact(c, 2);
    int64_t n;
    bool holds = eps_of(c->n) > 0;
    contract_need_attr(c, holds, holds ? "eps > 0" : arena_printf(c->g->arena, "eps > 0, but eps is %g", eps_of(c->n)));
    if (!index_const_value(type_last(c->g->s, &c->n->type), &n))
        return;
    double scale = sqrt((double)n) * fmax(fabs(gamma->lo), fabs(gamma->hi)) * (1 + 0x1p-20);
    double largest = fmax(fabs(x->lo), fabs(x->hi));
    bool small = (double)n * 4 * largest * largest < dtype_table[DT_F32].max;
    if (!isfinite(scale))
        return;
    facts_set(c, beta->lo - scale, beta->hi + scale, x->finite && gamma->finite && beta->finite && small, false);
}

static void layernorm_work(struct session *s, const struct node *n, struct work *w)
{
    w->macs = index_mulk(s->indices, type_count(s, &n->type), 5);
    w->sum_length = type_last(s, &n->type);
}

struct moments {
    NUM mean, deviation;
};

/* mean = Σx / n, var = Σ(x − mean)² / n (biased), deviation = √(var + eps) */
static struct moments moments_of(const struct ev *c, const NUM *x, int64_t n)
{
    NUM count = n_of_int(c, n);
    struct n_sum t = n_sum_begin(c);
    for (int64_t i = 0; i < n; i++)
        n_sum_add(&t, x[i]);
    NUM mean = n_div(c, n_sum_end(&t), count);
    t = n_sum_begin(c);
    for (int64_t i = 0; i < n; i++) {
        NUM d = n_sub(c, x[i], mean);
        n_sum_add(&t, n_mul(c, d, d));
    }
    NUM var = n_div(c, n_sum_end(&t), count);
    return (struct moments){ mean, n_fn(c, FN_SQRT, n_add(c, var, n_const(c, eps_of(c->n)))) };
}

static void layernorm_eval(struct ev *c)
{
    int64_t n = c->out.last;
    int64_t done = -1;
    struct moments m = { 0 };
    for (size_t r = 0; r < c->n_runs; r++) {
        if (c->runs[r].lo >= c->runs[r].hi)
            continue;
        int64_t row = c->runs[r].lo / n;
        if (row != done) {
            m = moments_of(c, c->in[0].v + row * n, n);
            done = row;
        }
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            NUM y = n_div(c, n_sub(c, c->in[0].v[i], m.mean), m.deviation);
            n_store(c, i, n_add(c, n_mul(c, y, c->in[1].v[i - row * n]), c->in[2].v[i - row * n]));
        }
    }
}

/* Returns (x − mean) / deviation, and sets *deviation [.., 1]. The variance is the mean of (x − mean)², since Σx² −
   (Σx)²/n would cancel. */
static struct node *normalised(struct builder *b, struct node *n, struct node **deviation)
{
    struct node *d = build2(b, "sub", n->in[0], per_row(b, build1(b, "mean", n->in[0])));
    struct node *var = build1(b, "mean", build2(b, "mul", d, d));
    *deviation = per_row(b, build1(b, "sqrt", build2(b, "add", var, build_scalar(b, eps_of(n)))));
    return build2(b, "div", d, *deviation);
}

static struct node *layernorm_expand(struct builder *b, struct node *n)
{
    struct node *deviation;
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *y = build2(b, "mul", normalised(b, n, &deviation), n->in[1]);
    b->keep_f32 = keep;
    return build2(b, "add", y, n->in[2]);
}

/* With x̂ = (x − mean)/deviation and g = gy·gamma: dx = (g − mean(g) − x̂·mean(g·x̂)) / deviation, dgamma = Σ_rows
   gy·x̂, dbeta = Σ_rows gy. */
static struct node *layernorm_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *deviation;
    if (operand == 2)
        return build_reduce_to(b, gy, &n->in[2]->type);
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *x = normalised(b, n, &deviation);
    if (operand == 1) {
        struct node *g = build_reduce_to(b, build2(b, "mul", gy, x), &n->in[1]->type);
        b->keep_f32 = keep;
        return g;
    }
    struct node *g = build2(b, "mul", gy, n->in[1]);
    struct node *along = build2(b, "mul", x, per_row(b, build1(b, "mean", build2(b, "mul", g, x))));
    struct node *centred = build2(b, "sub", build2(b, "sub", g, per_row(b, build1(b, "mean", g))), along);
    b->keep_f32 = keep;
    return build2(b, "div", centred, deviation);
}

static void layernorm_sample(struct sample *d)
{
    struct type x = sample_type(d, DT_FLOAT, 1, 3);
    struct type v = { .dtype = DT_FLOAT, .rank = 1, .dim = { x.dim[x.rank - 1] } };
    sample_operand(d, 0, &x, -4, 4);
    sample_operand(d, 1, &v, 0.5, 1.5);
    sample_operand(d, 2, &v, -1, 1);
    d->attrs[0] = sample_attr_float(sample_range(d, 0, 1) ? 1e-5 : 0.25);
}

const struct op_def op_layernorm = {
    .call = {
        .name = "layernorm",
        .doc = "rows shifted and scaled to mean 0 and variance 1, then times gamma plus beta",
        .operands = { { .name = "x" }, { .name = "gamma" }, { .name = "beta" } },
        .stem = "ln",
        .params = layernorm_params,
        .n_params = 2,
        .param_type = layernorm_param_type,
        .attrs = layernorm_attrs,
        .n_attrs = N_ATTRS(layernorm_attrs),
    },
    .class = CLS_REDUCE,
    .type = { .infer = layernorm_infer, .contract = layernorm_contract },
    .reference = { .needs = row_needs, .work = layernorm_work, .eval = layernorm_eval },
    .kernel = { .expand = layernorm_expand },
    .gradient = layernorm_grad,
    .sample = layernorm_sample,
};
