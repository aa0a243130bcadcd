/* gelu, layernorm, rmsnorm and the global norm. Each `eval` uses the textbook formula, not the op's expansion. */
#include <math.h>

#include "ir/ops/line.h"

/* ---- gelu ---- */
/* gelu(x) = x·½·(1 + tanh(√(2/π)·(x + 0.044715·x³))): Hendrycks and Gimpel, arXiv 1606.08415. */
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

/* ---- layernorm, rmsnorm: what they share ---- */
#define EPS_ATTR(text)                                                                                                 \
    {                                                                                                                  \
        "eps", ATTR_FLOAT, false, { .f = 1e-5 }, text                                                                  \
    }
static double eps_of(const struct node *n) { return node_attr(n, 0)->f; }

static bool row_param_type(struct graph *g, const struct node *call, const struct loc *attr_loc, int operand,
                           struct type *out)
{
    (void)attr_loc;
    (void)operand;
    if (!need_axis_attr(g, call))
        return false;
    *out = (struct type){ .dtype = DT_FLOAT, .rank = 1, .dim = { call->in[0]->type.dim[op_axis(call)] } };
    return true;
}

static bool row_infer(struct graph *g, struct node *n)
{
    bool good = need_float(g, n, 0) && need_axis_attr(g, n);
    n->type = n->in[0]->type;
    n->type.dtype = DT_FLOAT;
    for (int i = 1; good && i < n->n_in; i++) {
        const struct type *t = &n->in[i]->type;
        if (!need_float(g, n, i))
            good = false;
        else if (t->rank != 1 || t->dim[0] != n->type.dim[op_axis(n)])
            good = infer_error(g, n, i, "must have one value for each element of a row of the first, %s",
                               type_text(g->arena, &n->in[0]->type));
    }
    return good;
}

static void row_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                      struct box *in)
{
    int axis = op_axis(n);
    *in = *out;
    if (operand > 0) {
        *in = (struct box){ .rank = 1, .lo = { out->lo[axis] }, .hi = { out->hi[axis] } };
        return;
    }
    in->lo[axis] = 0;
    in->hi[axis] = dims_eval(dims, n->in[0]->type.dim[axis]) - 1;
}

static void row_work(struct session *s, const struct node *n, struct work *w)
{
    w->macs = index_mulk(s->indices, type_count(s, &n->type), 5);
    w->sum_length = n->type.dim[op_axis(n)];
}

static void row_sample(struct sample *d, int operands)
{
    struct type x = sample_type(d, DT_FLOAT, 1, 3);
    int axis = sample_range(d, 0, 1) ? x.rank - 1 : (int)sample_range(d, 0, x.rank - 1);
    struct type v = { .dtype = DT_FLOAT, .rank = 1, .dim = { x.dim[axis] } };
    sample_operand(d, 0, &x, -4, 4);
    sample_operand(d, 1, &v, 0.5, 1.5);
    if (operands > 2)
        sample_operand(d, 2, &v, -1, 1);
    d->attrs[0] = sample_attr_float(sample_range(d, 0, 1) ? 1e-5 : 0.25);
    d->attrs[1] = sample_attr_int(sample_range(d, 0, 1) ? axis : axis - x.rank);
}

/* |y| ≤ √n·|gamma| + |beta|. In the extreme row, one element differs from n − 1 equal ones.
   The result is finite if the squares of x and their sum are finite in f32. */
static void row_contract(struct contract *c)
{
    static const struct facts no_beta = { .lo = 0, .hi = 0, .finite = true };
    const struct facts *x = fact(c, 0);
    const struct facts *gamma = fact(c, 1);
    const struct facts *beta = c->n->n_in > 2 ? fact(c, 2) : &no_beta;
    int64_t n;
    bool holds = eps_of(c->n) > 0;
    contract_need_attr(c, holds, holds ? "eps > 0" : arena_printf(c->g->arena, "eps > 0, but eps is %g", eps_of(c->n)));
    if (!index_const_value(c->n->type.dim[op_axis(c->n)], &n))
        return;
    double scale = sqrt((double)n) * fmax(fabs(gamma->lo), fabs(gamma->hi)) * (1 + 0x1p-20);
    double largest = fmax(fabs(x->lo), fabs(x->hi));
    bool small = (double)n * 4 * largest * largest < dtype_table[DT_F32].max;
    if (!isfinite(scale))
        return;
    facts_set(c, beta->lo - scale, beta->hi + scale, x->finite && gamma->finite && beta->finite && small, false);
}

/* Returns √(Σ(x − from)² / n + eps). */
static NUM deviation_from(const struct ev *c, const struct line *l, NUM from)
{
    const NUM *x = c->in[0].v + l->first;
    struct n_sum t = n_sum_begin(c);
    for (int64_t k = 0; k < l->n; k++) {
        NUM d = n_sub(c, x[k * l->stride], from);
        n_sum_add(&t, n_mul(c, d, d));
    }
    NUM var = n_div(c, n_sum_end(&t), n_of_int(c, l->n));
    return n_fn(c, FN_SQRT, n_add(c, var, n_const(c, eps_of(c->n))));
}

/* Returns d / *deviation. *deviation is √(mean of d² + eps) of each row, with size 1 along the row. */
static struct node *scaled(struct builder *b, struct node *n, struct node *d, struct node **deviation)
{
    struct node *var = build_along(b, "mean", build2(b, "mul", d, d), op_axis(n));
    *deviation = build1(b, "sqrt", build2(b, "add", var, build_scalar(b, eps_of(n))));
    return build2(b, "div", d, *deviation);
}

static struct node *weight(struct builder *b, struct node *n, int operand)
{
    return build_on_axis(b, n->in[operand], &n->in[0]->type, op_axis(n));
}

/* ---- layernorm ---- */
static const struct attr_def layernorm_attrs[] = {
    EPS_ATTR("added to the variance"),
    { "axis", ATTR_INT, false, { .i = -1 }, "the dimension that is normalised; the last one if not given" },
};
static const struct param_def layernorm_params[] = { { "gamma", "gamma", INIT_ONE }, { "beta", "beta", INIT_ZERO } };

/* shared[0]: the mean Σx / n. shared[1]: the deviation √(Σ(x − mean)² / n + eps), with the biased variance. */
static void layernorm_row(void *ctx, const struct line *l, NUM *shared)
{
    const struct ev *c = ctx;
    struct n_sum t = n_sum_begin(c);
    for (int64_t k = 0; k < l->n; k++)
        n_sum_add(&t, c->in[0].v[l->first + k * l->stride]);
    shared[0] = n_div(c, n_sum_end(&t), n_of_int(c, l->n));
    shared[1] = deviation_from(c, l, shared[0]);
}

static void layernorm_result(void *ctx, const struct line *l, int64_t i, int64_t k, const NUM *shared)
{
    struct ev *c = ctx;
    (void)l;
    NUM y = n_div(c, n_sub(c, c->in[0].v[i], shared[0]), shared[1]);
    n_store(c, i, n_add(c, n_mul(c, y, c->in[1].v[k]), c->in[2].v[k]));
}

static void layernorm_eval(struct ev *c)
{
    static const struct line_fns fns = { layernorm_row, layernorm_result };
    each_line(c, &fns, c);
}

/* Returns (x − mean) / deviation. The variance is the mean of (x − mean)², since Σx² − (Σx)²/n would cancel. */
static struct node *normalised(struct builder *b, struct node *n, struct node **deviation)
{
    struct node *d = build2(b, "sub", n->in[0], build_along(b, "mean", n->in[0], op_axis(n)));
    return scaled(b, n, d, deviation);
}

static struct node *layernorm_expand(struct builder *b, struct node *n)
{
    struct node *deviation;
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *y = build2(b, "mul", normalised(b, n, &deviation), weight(b, n, 1));
    b->keep_f32 = keep;
    return build2(b, "add", y, weight(b, n, 2));
}

/* With x̂ = (x − mean)/deviation and g = gy·gamma:
   dx = (g − mean(g) − x̂·mean(g·x̂)) / deviation, dgamma = Σ_rows gy·x̂, dbeta = Σ_rows gy. */
static struct node *layernorm_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *deviation;
    int axis = op_axis(n);
    if (operand == 2)
        return build_sum_to_axis(b, gy, axis);
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *x = normalised(b, n, &deviation);
    if (operand == 1) {
        struct node *g = build_sum_to_axis(b, build2(b, "mul", gy, x), axis);
        b->keep_f32 = keep;
        return g;
    }
    struct node *g = build2(b, "mul", gy, weight(b, n, 1));
    struct node *along = build2(b, "mul", x, build_along(b, "mean", build2(b, "mul", g, x), axis));
    struct node *centred = build2(b, "sub", build2(b, "sub", g, build_along(b, "mean", g, axis)), along);
    b->keep_f32 = keep;
    return build2(b, "div", centred, deviation);
}

static void layernorm_sample(struct sample *d) { row_sample(d, 3); }

const struct op_def op_layernorm = {
    .call = {
        .name = "layernorm",
        .doc = "rows shifted and scaled to mean 0 and variance 1, then times gamma plus beta",
        .about = {
            .shapes = "x [.., n, ..], gamma [n], beta [n] -> [.., n, ..]",
            .formula = "y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * gamma + beta",
            .source = "Ba, Kiros, Hinton, arXiv 1607.06450",
            .gradient = "with r = sqrt(mean((x - mean(x))^2) + eps), h = (x - mean(x)) / r, g = gy * gamma. x: (g - "
                        "mean(g) - h * mean(g * h)) / r. gamma: sum of gy * h over the rows. beta: sum of gy "
                        "over the rows",
        },
        .operands = { { .name = "x" }, { .name = "gamma" }, { .name = "beta" } },
        .stem = "ln",
        .params = layernorm_params,
        .n_params = 2,
        .param_type = row_param_type,
        .attrs = layernorm_attrs,
        .n_attrs = N_ATTRS(layernorm_attrs),
    },
    .class = CLS_REDUCE,
    .type = { .infer = row_infer, .contract = row_contract },
    .reference = { .needs = row_needs, .work = row_work, .eval = layernorm_eval },
    .kernel = { .expand = layernorm_expand },
    .gradient = layernorm_grad,
    .sample = layernorm_sample,
};

/* ---- rmsnorm ---- */
static const struct attr_def rmsnorm_attrs[] = {
    EPS_ATTR("added to the mean of the squares"),
    { "axis", ATTR_INT, false, { .i = -1 }, "the dimension that is normalised; the last one if not given" },
};
static const struct param_def rmsnorm_params[] = { { "gamma", "gamma", INIT_ONE } };

static void rmsnorm_row(void *ctx, const struct line *l, NUM *shared)
{
    const struct ev *c = ctx;
    shared[0] = deviation_from(c, l, n_const(c, 0));
}

static void rmsnorm_result(void *ctx, const struct line *l, int64_t i, int64_t k, const NUM *shared)
{
    struct ev *c = ctx;
    (void)l;
    n_store(c, i, n_mul(c, n_div(c, c->in[0].v[i], shared[0]), c->in[1].v[k]));
}

static void rmsnorm_eval(struct ev *c)
{
    static const struct line_fns fns = { rmsnorm_row, rmsnorm_result };
    each_line(c, &fns, c);
}

static struct node *rmsnorm_expand(struct builder *b, struct node *n)
{
    struct node *rms;
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *y = scaled(b, n, n->in[0], &rms);
    b->keep_f32 = keep;
    return build2(b, "mul", y, weight(b, n, 1));
}

/* With x̂ = x/rms and g = gy·gamma: dx = (g − x̂·mean(g·x̂)) / rms, dgamma = Σ_rows gy·x̂. */
static struct node *rmsnorm_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *rms;
    int axis = op_axis(n);
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *x = scaled(b, n, n->in[0], &rms);
    if (operand == 1) {
        struct node *g = build_sum_to_axis(b, build2(b, "mul", gy, x), axis);
        b->keep_f32 = keep;
        return g;
    }
    struct node *g = build2(b, "mul", gy, weight(b, n, 1));
    struct node *along = build2(b, "mul", x, build_along(b, "mean", build2(b, "mul", g, x), axis));
    struct node *rest = build2(b, "sub", g, along);
    b->keep_f32 = keep;
    return build2(b, "div", rest, rms);
}

static void rmsnorm_sample(struct sample *d) { row_sample(d, 2); }

const struct op_def op_rmsnorm = {
    .call = {
        .name = "rmsnorm",
        .doc = "rows scaled to a root mean square of 1, then times gamma",
        .about = {
            .shapes = "x [.., n, ..], gamma [n] -> [.., n, ..]",
            .formula = "y = x / sqrt(mean(x^2) + eps) * gamma",
            .source = "Zhang, Sennrich, arXiv 1910.07467",
            .gradient = "with r = sqrt(mean(x^2) + eps), h = x / r, g = gy * gamma. x: (g - h * mean(g * h)) / r. "
                        "gamma: sum of gy * h over the rows",
        },
        .operands = { { .name = "x" }, { .name = "gamma" } },
        .stem = "rms",
        .params = rmsnorm_params,
        .n_params = 1,
        .param_type = row_param_type,
        .attrs = rmsnorm_attrs,
        .n_attrs = N_ATTRS(rmsnorm_attrs),
    },
    .class = CLS_REDUCE,
    .type = { .infer = row_infer, .contract = row_contract },
    .reference = { .needs = row_needs, .work = row_work, .eval = rmsnorm_eval },
    .kernel = { .expand = rmsnorm_expand },
    .gradient = rmsnorm_grad,
    .sample = rmsnorm_sample,
};

/* ---- norm ---- */
static bool norm_infer(struct graph *g, struct node *n)
{
    if (n->n_in == 0)
        return infer_error(g, n, -1, "must have at least one operand");
    for (int i = 0; i < n->n_in; i++)
        if (!need_float(g, n, i))
            return false;
    set_type(n, DT_FLOAT, 0, NULL);
    return true;
}

static void norm_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                       struct box *in)
{
    const struct type *t = &n->in[operand]->type;
    (void)out;
    *in = (struct box){ .rank = t->rank };
    for (int i = 0; i < t->rank; i++)
        in->hi[i] = dims_eval(dims, t->dim[i]) - 1;
}

static void norm_work(struct session *s, const struct node *n, struct work *w)
{
    w->macs = index_const(s->indices, 0);
    for (int i = 0; i < n->n_in; i++)
        w->macs = index_add(s->indices, w->macs, type_count(s, &n->in[i]->type));
    w->sum_length = w->macs;
}

static void norm_eval(struct ev *c)
{
    struct n_sum t = n_sum_begin(c);
    if (!c->n_runs || c->runs[0].lo >= c->runs[0].hi)
        return;
    for (int k = 0; k < c->n_in; k++)
        for (int64_t i = 0; i < c->in[k].count; i++)
            n_sum_add(&t, n_mul(c, c->in[k].v[i], c->in[k].v[i]));
    n_store(c, 0, n_fn(c, FN_SQRT, n_sum_end(&t)));
}

static void norm_contract(struct contract *c)
{
    double squares = 0;
    bool finite = true;
    for (int i = 0; i < c->n->n_in; i++) {
        const struct facts *x = fact(c, i);
        double most = fmax(fabs(x->lo), fabs(x->hi));
        squares += times(most * most, (double)type_count(c->g->s, &c->n->in[i]->type)->hi);
        finite &= x->finite;
    }
    facts_set(c, 0, sqrt(squares) * (1 + 0x1p-10), finite && squares < dtype_table[DT_F32].max / 2, false);
}

static struct node *norm_expand(struct builder *b, struct node *n)
{
    struct node *total = NULL;
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    for (int i = 0; i < n->n_in; i++) {
        int64_t axes[MAX_RANK];
        struct node *x = n->in[i];
        for (int k = 0; k < x->type.rank; k++)
            axes[k] = k;
        struct node *sum = build_sum(b, build2(b, "mul", x, x), axes, x->type.rank, false);
        total = total ? build2(b, "add", total, sum) : sum;
    }
    b->keep_f32 = keep;
    return build1(b, "sqrt", total);
}

static struct node *norm_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *none = build_scalar(b, 0);
    struct node *unit = build3(b, "select", build2(b, "equal", n, none), none, build2(b, "div", gy, n));
    b->keep_f32 = keep;
    return build2(b, "mul", n->in[operand], unit);
}

static void norm_sample(struct sample *d)
{
    static const enum dtype floats[] = { DT_FLOAT, DT_F32, DT_F16 };
    int n = (int)sample_range(d, 1, 4);
    for (int i = 0; i < n; i++) {
        struct type t = sample_type(d, floats[sample_range(d, 0, 2)], 0, 3);
        sample_operand(d, i, &t, -4, 4);
    }
}

const struct op_def op_norm = {
    .call = {
        .name = "norm",
        .doc = "Euclidean norm of all elements of all operands together: the global norm",
        .about = {
            .shapes = "x of any shape, y of any shape, .. -> []",
            .formula = "sqrt(sum of x^2 + sum of y^2 + ..); the sum is in f32, which overflows where the norm exceeds "
                       "1.84e19",
            .gradient = "gy * x / norm; 0 where the norm is 0",
        },
        .operands = { { .name = "x", .variadic = true } },
    },
    .class = CLS_REDUCE,
    .type = { .infer = norm_infer, .contract = norm_contract },
    .reference = { .needs = norm_needs, .work = norm_work, .eval = norm_eval },
    .kernel = { .expand = norm_expand },
    .gradient = norm_grad,
    .sample = norm_sample,
};
