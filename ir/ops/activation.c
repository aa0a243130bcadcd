/* Composites of one float: activation functions, clamp and integer powers. */
#include "ir/ops/pointwise.h"

static struct node *scaled(struct builder *b, struct node *x, double by)
{
    return build2(b, "mul", x, build_scalar(b, by));
}

static struct node *plus(struct builder *b, struct node *x, double by)
{
    return build2(b, "add", x, build_scalar(b, by));
}

/* ---- relu ---- */
static NUM relu_eval1(const struct ev *c, const NUM *x) { return n_max(c, x[0], n_const(c, 0)); }

static void relu_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    facts_set(c, fmax(x->lo, 0), fmax(x->hi, 0), x->finite, x->integral);
    c->out->max_nonzero = x->max_nonzero;
}

static struct node *relu_expand(struct builder *b, struct node *n)
{
    return build2(b, "maximum", n->in[0], build_scalar(b, 0));
}

static struct node *relu_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *off = build2(b, "less_equal", n->in[operand], build_scalar(b, 0));
    return build3(b, "select", off, build_const(b, &gy->type, 0), gy);
}

const struct op_def op_relu = {
    .call = {
        .name = "relu",
        .doc = "rectified linear unit, max(x, 0)",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "max(x, 0); a NaN stays",
            .source = "Nair, Hinton, ICML 2010",
            .gradient = "gy where x > 0, 0 where x <= 0; gy at a NaN",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .exact = true,
    .type = { .infer = infer_same, .contract = relu_contract },
    .reference = { .eval1 = relu_eval1 },
    .kernel = { .expand = relu_expand },
    .gradient = relu_grad,
    .sample = sample_any1,
};

/* ---- clamp ---- */
enum { CLAMP_LO, CLAMP_HI };
static const struct attr_def clamp_attrs[] = {
    [CLAMP_LO] = { .name = "lo", .kind = ATTR_FLOAT, .value = { .f = -INFINITY }, .doc = "the least result" },
    [CLAMP_HI] = { .name = "hi", .kind = ATTR_FLOAT, .value = { .f = INFINITY }, .doc = "the largest result" },
};

static double clamp_lo(const struct node *n) { return node_attr(n, CLAMP_LO)->f; }
static double clamp_hi(const struct node *n) { return node_attr(n, CLAMP_HI)->f; }

static bool clamp_infer(struct graph *g, struct node *n)
{
    double lo = clamp_lo(n);
    double hi = clamp_hi(n);
    if (!(lo <= hi))
        return infer_error(g, n, -1, "its range is empty: no number is at least %g and at most %g", lo, hi);
    if (!isfinite(lo) && !isfinite(hi))
        return infer_error(g, n, -1, "it needs lo, hi or both");
    return infer_same(g, n);
}

static NUM clamp_eval1(const struct ev *c, const NUM *x)
{
    double lo = clamp_lo(c->n);
    double hi = clamp_hi(c->n);
    NUM y = isfinite(lo) ? n_max(c, x[0], n_const(c, lo)) : x[0];
    return isfinite(hi) ? n_min(c, y, n_const(c, hi)) : y;
}

static void clamp_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    double lo = clamp_lo(c->n);
    double hi = clamp_hi(c->n);
    bool integral = x->integral && (isinf(lo) || lo == rint(lo)) && (isinf(hi) || hi == rint(hi));
    facts_set(c, fmin(fmax(x->lo, lo), hi), fmin(fmax(x->hi, lo), hi), x->finite, integral);
}

static struct node *clamp_expand(struct builder *b, struct node *n)
{
    double lo = clamp_lo(n);
    double hi = clamp_hi(n);
    struct node *y = isfinite(lo) ? build2(b, "maximum", n->in[0], build_scalar(b, lo)) : n->in[0];
    return isfinite(hi) ? build2(b, "minimum", y, build_scalar(b, hi)) : y;
}

static struct node *clamp_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[operand];
    struct node *above = build2(b, "greater_equal", x, build_scalar(b, clamp_lo(n)));
    struct node *below = build2(b, "less_equal", x, build_scalar(b, clamp_hi(n)));
    return build3(b, "select", build2(b, "logical_and", above, below), gy, build_const(b, &gy->type, 0));
}

static void clamp_sample(struct sample *d)
{
    int64_t sides = sample_range(d, 0, 3); /* 0: only lo; 1: only hi; else both */
    sample_any1(d);
    if (sides != 1)
        d->attrs[CLAMP_LO] = sample_attr_float((double)sample_range(d, -30, 5) / 10);
    if (sides != 0)
        d->attrs[CLAMP_HI] = sample_attr_float((double)sample_range(d, 6, 30) / 10);
}

const struct op_def op_clamp = {
    .call = {
        .name = "clamp",
        .doc = "the number in lo..hi nearest to x",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "min(max(x, lo), hi); a NaN stays",
            .gradient = "gy where lo <= x <= hi, 0 elsewhere and at a NaN",
        },
        .operands = { { .name = "x" } },
        .attrs = clamp_attrs,
        .n_attrs = N_ATTRS(clamp_attrs),
    },
    .class = CLS_POINTWISE,
    .type = { .infer = clamp_infer, .contract = clamp_contract },
    .reference = { .eval1 = clamp_eval1 },
    .kernel = { .expand = clamp_expand },
    .gradient = clamp_grad,
    .sample = clamp_sample,
};

/* ---- pow ---- */
enum { MOST_EXPONENT = 1 << 20 };
static const struct attr_def pow_attrs[] = {
    { .name = "exponent", .kind = ATTR_INT, .required = true, .doc = "an integer, which may be negative" },
};

static int64_t exponent_of(const struct node *n) { return node_attr(n, 0)->i; }

static bool pow_infer(struct graph *g, struct node *n)
{
    int64_t k = exponent_of(n);
    if (k < -MOST_EXPONENT || k > MOST_EXPONENT)
        return infer_error(g, n, -1, "the exponent must be between -%d and %d, but it is %lld", MOST_EXPONENT,
                           MOST_EXPONENT, (long long)k);
    return infer_same(g, n);
}

/* From the exponent's highest bit to its lowest: squares y, and multiplies y by x where the bit is 1. */
static NUM pow_eval1(const struct ev *c, const NUM *x)
{
    int64_t k = exponent_of(c->n);
    int64_t n = k < 0 ? -k : k;
    NUM y = n_const(c, 1);
    for (int64_t bit = MOST_EXPONENT; bit; bit >>= 1) {
        y = n_mul(c, y, y);
        if (n & bit)
            y = n_mul(c, y, x[0]);
    }
    return k < 0 ? n_div(c, n_const(c, 1), y) : y;
}

static void pow_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    double k = (double)exponent_of(c->n);
    double n = fabs(k);
    bool even = fmod(n, 2) == 0;
    bool apart = x->lo > 0 || x->hi < 0;
    if (k < 0 && !apart)
        contract_need(c, 0, "x != 0", (struct facts){ .lo = 0x1p-1074, .hi = INFINITY, .max_nonzero = -1 });
    double lo = pow(x->lo, k);
    double hi = pow(x->hi, k);
    double least = fmin(lo, hi);
    double most = fmax(lo, hi);
    if (even && k > 0 && !apart)
        least = 0;
    if (k < 0 && !apart) {
        least = even ? 0 : -INFINITY;
        most = INFINITY;
    }
    least -= fabs(least) * (n + 1) * 0x1p-50; /* covers the roundings of n multiplications and a division */
    most += fabs(most) * (n + 1) * 0x1p-50;
    bool finite = k == 0 || (x->finite && (k > 0 || apart) && isfinite(least) && isfinite(most));
    facts_set(c, least, most, finite, k == 0 || (k > 0 && x->integral));
}

/* From the exponent's lowest bit to its highest: multiplies y by x^(2^i) where bit i is 1. */
static struct node *pow_expand(struct builder *b, struct node *n)
{
    int64_t k = exponent_of(n);
    struct node *square = n->in[0];
    struct node *y = NULL;
    for (int64_t left = k < 0 ? -k : k; left; left >>= 1) {
        if (left & 1)
            y = y ? build2(b, "mul", y, square) : square;
        if (left > 1)
            square = build2(b, "mul", square, square);
    }
    if (!y)
        return build_const(b, &n->type, 1);
    if (k < 0)
        return build2(b, "div", build_scalar(b, 1), y);
    return k == 1 ? scaled(b, y, 1) : y;
}

/* dx = gy·k·x^(k − 1) */
static struct node *pow_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    int64_t k = exponent_of(n);
    struct attr less = { .i = k - 1 };
    if (k == 0)
        return build_const(b, &gy->type, 0);
    if (k == 1)
        return gy;
    return build2(b, "mul", gy, scaled(b, build(b, "pow", &n->in[operand], 1, &less), (double)k));
}

static void pow_sample(struct sample *d)
{
    int64_t k = sample_range(d, -4, 7);
    bool below = sample_range(d, 0, 1);
    if (k >= 0)
        sample_same(d, 1, -2, 2);
    else
        sample_same(d, 1, below ? -4 : 0.25, below ? -0.25 : 4);
    d->attrs[0] = sample_attr_int(k);
}

const struct op_def op_pow = {
    .call = {
        .name = "pow",
        .doc = "x to the power of an integer; x^0 is 1 for every x",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "x * x * ... * x; 1 / x^-k for an exponent k < 0",
            .source = "repeated squaring: Knuth, The Art of Computer Programming, vol. 2, 4.6.3",
            .gradient = "gy * k * x^(k - 1) for exponent k; 0 for k = 0",
        },
        .operands = { { .name = "x" } },
        .attrs = pow_attrs,
        .n_attrs = N_ATTRS(pow_attrs),
    },
    .class = CLS_POINTWISE,
    .type = { .infer = pow_infer, .contract = pow_contract },
    .reference = { .eval1 = pow_eval1 },
    .kernel = { .expand = pow_expand },
    .gradient = pow_grad,
    .sample = pow_sample,
};

/* ---- silu ---- */
#define SILU_LEAST (-0.2785) /* just below the minimum, −0.27846… at x = −1.2784… */

static NUM silu_eval1(const struct ev *c, const NUM *x) { return n_mul(c, x[0], n_fn(c, FN_SIGMOID, x[0])); }

/* silu(x) <= max(x, 0), and silu(x) >= 0 for x >= 0. */
static void silu_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    facts_set(c, x->lo >= 0 ? 0 : SILU_LEAST, fmax(x->hi, 0), x->finite, false);
}

static struct node *silu_expand(struct builder *b, struct node *n)
{
    return build2(b, "mul", n->in[0], build1(b, "sigmoid", n->in[0]));
}

/* With the sigmoid s: silu'(x) = s(x) + x·s(x)·(1 − s(x)) = s(x)·(1 + x·s(−x)). */
static struct node *silu_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[operand];
    struct node *other = build1(b, "sigmoid", build1(b, "neg", x));
    struct node *curved = plus(b, build2(b, "mul", x, other), 1);
    return build2(b, "mul", gy, build2(b, "mul", build1(b, "sigmoid", x), curved));
}

static void sample_wide1(struct sample *d) { sample_same(d, 1, -6, 6); }

const struct op_def op_silu = {
    .call = {
        .name = "silu",
        .doc = "x times sigmoid(x), also called swish",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "x / (1 + exp(-x))",
            .source = "Elfwing, Uchibe, Doya, arXiv 1702.03118",
            .gradient = "gy * (s + x * s * (1 - s)), s = sigmoid(x)",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = silu_contract },
    .reference = { .eval1 = silu_eval1 },
    .kernel = { .expand = silu_expand },
    .gradient = silu_grad,
    .sample = sample_wide1,
};

/* ---- gelu_erf ---- */
#define SQRT_HALF 0.70710678118654752440
#define BELL_PEAK 0.39894228040143267794 /* 1/√(2π) */
#define GELU_ERF_LEAST (-0.17)           /* just below the minimum, −0.16997… at x = −0.7518… */

static NUM gelu_erf_eval1(const struct ev *c, const NUM *x)
{
    NUM grown = n_add(c, n_const(c, 1), n_fn(c, FN_ERF, n_mul(c, x[0], n_const(c, SQRT_HALF))));
    return n_mul(c, n_mul(c, n_const(c, 0.5), x[0]), grown);
}

/* gelu(x) <= max(x, 0), and gelu(x) >= 0 for x >= 0. */
static void gelu_erf_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    facts_set(c, x->lo >= 0 ? 0 : GELU_ERF_LEAST, fmax(x->hi, 0), x->finite, false);
}

/* Builds 1 + erf(x/√2). This is twice the probability that a standard normal variable is below x. */
static struct node *twice_below(struct builder *b, struct node *x)
{
    return plus(b, build1(b, "erf", scaled(b, x, SQRT_HALF)), 1);
}

static struct node *gelu_erf_expand(struct builder *b, struct node *n)
{
    return build2(b, "mul", scaled(b, n->in[0], 0.5), twice_below(b, n->in[0]));
}

static struct node *gelu_erf_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[operand];
    struct node *bell = scaled(b, build1(b, "exp", scaled(b, build2(b, "mul", x, x), -0.5)), BELL_PEAK);
    struct node *slope = build2(b, "add", scaled(b, twice_below(b, x), 0.5), build2(b, "mul", x, bell));
    return build2(b, "mul", gy, slope);
}

const struct op_def op_gelu_erf = {
    .call = {
        .name = "gelu_erf",
        .doc = "Gaussian error linear unit in its erf form, PyTorch's default; gelu is the tanh form",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "x * P(x), P(x) = (1 + erf(x / sqrt(2))) / 2",
            .source = "Hendrycks, Gimpel, arXiv 1606.08415",
            .gradient = "gy * (P(x) + x * exp(-x^2 / 2) / sqrt(2 * pi))",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = gelu_erf_contract },
    .reference = { .eval1 = gelu_erf_eval1 },
    .kernel = { .expand = gelu_erf_expand },
    .gradient = gelu_erf_grad,
    .sample = sample_wide1,
};

/* ---- softplus ---- */
/* softplus(x) = log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). The last form does not overflow. */
static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }

static NUM softplus_eval1(const struct ev *c, const NUM *x)
{
    NUM rest = n_fn(c, FN_LOG1P, n_fn(c, FN_EXP, n_neg(c, n_abs(c, x[0]))));
    return n_add(c, n_max(c, x[0], n_const(c, 0)), rest);
}

static void softplus_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    double lo = softplus(x->lo);
    double hi = softplus(x->hi);
    facts_set(c, lo - lo * 0x1p-49, hi + hi * 0x1p-49, x->finite && hi < INFINITY, false);
}

static struct node *softplus_expand(struct builder *b, struct node *n)
{
    struct node *x = n->in[0];
    struct node *small = build1(b, "exp", build1(b, "neg", build1(b, "abs", x)));
    return build2(b, "add", build2(b, "maximum", x, build_scalar(b, 0)), build1(b, "log1p", small));
}

static struct node *softplus_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    return build2(b, "mul", gy, build1(b, "sigmoid", n->in[operand]));
}

const struct op_def op_softplus = {
    .call = {
        .name = "softplus",
        .doc = "log(1 + exp(x)), a smooth relu",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "max(x, 0) + log(1 + exp(-|x|))",
            .source = "Dugas, Bengio, Belisle, Nadeau, Garcia, NIPS 2000",
            .gradient = "gy * sigmoid(x)",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = softplus_contract },
    .reference = { .eval1 = softplus_eval1 },
    .kernel = { .expand = softplus_expand },
    .gradient = softplus_grad,
    .sample = sample_wide1,
};

/* ---- hardswish ---- */
static NUM hardswish_eval1(const struct ev *c, const NUM *x)
{
    NUM gate = n_min(c, n_max(c, n_add(c, x[0], n_const(c, 3)), n_const(c, 0)), n_const(c, 6));
    return n_div(c, n_mul(c, x[0], gate), n_const(c, 6));
}

/* The minimum is −3/8, at x = −3/2. The value is 0 up to x = −3, and x from x = 3 on. */
static void hardswish_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    facts_set(c, x->lo >= 0 ? 0 : -0.375 * (1 + 0x1p-50), fmax(x->hi, 0) * (1 + 0x1p-50), x->finite, false);
}

static struct node *hardswish_expand(struct builder *b, struct node *n)
{
    struct attr ends[] = { [CLAMP_LO] = { .f = 0 }, [CLAMP_HI] = { .f = 6 } };
    struct node *grown = plus(b, n->in[0], 3);
    struct node *gate = build(b, "clamp", &grown, 1, ends);
    return build2(b, "div", build2(b, "mul", n->in[0], gate), build_scalar(b, 6));
}

/* The derivative is 0 up to x = −3, x/3 + 1/2 between −3 and 3, and 1 from x = 3 on. */
static struct node *hardswish_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[operand];
    struct node *inner = build2(b, "mul", gy, plus(b, build2(b, "div", x, build_scalar(b, 3)), 0.5));
    struct node *above = build3(b, "select", build2(b, "greater_equal", x, build_scalar(b, 3)), gy, inner);
    return build3(b, "select", build2(b, "less_equal", x, build_scalar(b, -3)), build_const(b, &gy->type, 0), above);
}

const struct op_def op_hardswish = {
    .call = {
        .name = "hardswish",
        .doc = "x times a sigmoid of three straight lines",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "x * min(max(x + 3, 0), 6) / 6",
            .source = "Howard et al., arXiv 1905.02244",
            .gradient = "gy * (x / 3 + 1 / 2) for -3 < x < 3; 0 for x <= -3, gy for x >= 3",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = hardswish_contract },
    .reference = { .eval1 = hardswish_eval1 },
    .kernel = { .expand = hardswish_expand },
    .gradient = hardswish_grad,
    .sample = sample_wide1,
};
