/* Functions of one float, and rounding to integers. */
#include "ir/ops/pointwise.h"

/* ---- exp ---- */
static NUM exp_eval1(const struct ev *c, const NUM *x) { return n_fn(c, FN_EXP, x[0]); }

/* An error e of x moves exp(x) by at most exp(x)·(exp(e) − 1). If exp(x) underflows, the bound is exp(x + e). */
static double exp_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    double out;
    if (settled(1, x, e, y, &out))
        return out;
    if (isinf(x[0].d))
        return 0;
    double grown = y.d > 0x1p-1000 ? times(y.d, expm1(e[0])) : e[0] > 0 ? exp(x[0].d + e[0]) : 0;
    return of_function(b, FN_EXP, y, grown * (1 + 0x1p-50));
}

static void exp_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    double lo = exp(x->lo);
    double hi = exp(x->hi);
    lo = fmax(lo - lo * 0x1p-51, 0);
    hi += hi * 0x1p-51;
    facts_set(c, lo, hi, x->finite && hi < INFINITY, false);
}

static const struct kexpr *exp_at(struct at *c) { return at1(c, K_EXP); }

static struct node *exp_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    return build2(b, "mul", gy, n);
}

const struct op_def op_exp = {
    .call = {
        .name = "exp",
        .doc = "e to the power of x",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "e^x",
            .gradient = "gy * exp(x)",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = exp_contract },
    .reference = { .eval1 = exp_eval1, .bound1 = exp_bound1 },
    .kernel = { .at = exp_at },
    .gradient = exp_grad,
    .sample = sample_any1,
};

/* ---- log ---- */
static NUM log_eval1(const struct ev *c, const NUM *x) { return n_fn(c, FN_LOG, x[0]); }

/* An error e of x moves log x by at most −log(1 − e/x). If all of x ± e is negative, the result is a NaN. */
static double log_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    double out, v = x[0].d;
    if (v + e[0] < 0)
        return 0;
    if (e[0] > 0 && v - e[0] <= 0)
        return INFINITY;
    if (settled(1, x, e, y, &out))
        return out;
    return of_function(b, FN_LOG, y, -log1p(-e[0] / v) * (1 + 0x1p-50));
}

static void log_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    contract_need(c, 0, "x > 0", (struct facts){ .lo = 0x1p-1074, .hi = INFINITY, .max_nonzero = -1 });
    double lo = x->lo > 0 ? log(x->lo) : -INFINITY;
    double hi = x->hi > 0 ? log(x->hi) : INFINITY;
    lo -= fabs(lo) * 0x1p-51;
    hi += fabs(hi) * 0x1p-51;
    facts_set(c, lo, hi, x->finite && x->lo > 0 && hi < INFINITY, false);
}

static const struct kexpr *log_at(struct at *c) { return at1(c, K_LOG); }
static void log_sample(struct sample *d) { sample_same(d, 1, 0.0625, 8); }

static struct node *log_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    return build2(b, "div", gy, n->in[operand]);
}

const struct op_def op_log = {
    .call = {
        .name = "log",
        .doc = "natural logarithm",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "ln x; -inf at 0, a NaN below 0",
            .gradient = "gy / x",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = log_contract },
    .reference = { .eval1 = log_eval1, .bound1 = log_bound1 },
    .kernel = { .at = log_at },
    .gradient = log_grad,
    .sample = log_sample,
};

/* ---- log1p ---- */
static NUM log1p_eval1(const struct ev *c, const NUM *x) { return n_fn(c, FN_LOG1P, x[0]); }

/* The bound of log at 1 + x. */
static double log1p_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    double out, v = x[0].d;
    if (v + e[0] < -1)
        return 0;
    if (e[0] > 0 && v - e[0] <= -1)
        return INFINITY;
    if (settled(1, x, e, y, &out))
        return out;
    if (is_zero(x, e, 0))
        return 0;
    return of_function(b, FN_LOG1P, y, -log1p(-e[0] / (1 + v)) * (1 + 0x1p-48));
}

static void log1p_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    contract_need(c, 0, "x > -1", (struct facts){ .lo = nextafter(-1, 0), .hi = INFINITY, .max_nonzero = -1 });
    double lo = x->lo > -1 ? log1p(x->lo) : -INFINITY;
    double hi = x->hi > -1 ? log1p(x->hi) : INFINITY;
    lo -= fabs(lo) * 0x1p-51;
    hi += fabs(hi) * 0x1p-51;
    facts_set(c, lo, hi, x->finite && x->lo > -1 && hi < INFINITY, false);
}

static const struct kexpr *log1p_at(struct at *c) { return at1(c, K_LOG1P); }
static void log1p_sample(struct sample *d) { sample_same(d, 1, -0.875, 8); }

static struct node *log1p_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    return build2(b, "div", gy, build2(b, "add", n->in[operand], build_scalar(b, 1)));
}

const struct op_def op_log1p = {
    .call = {
        .name = "log1p",
        .doc = "log(1 + x), accurate for small x",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "ln(1 + x); -inf at -1, a NaN below -1",
            .gradient = "gy / (1 + x)",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = log1p_contract },
    .reference = { .eval1 = log1p_eval1, .bound1 = log1p_bound1 },
    .kernel = { .at = log1p_at },
    .gradient = log1p_grad,
    .sample = log1p_sample,
};

/* ---- sqrt ---- */
static NUM sqrt_eval1(const struct ev *c, const NUM *x) { return n_fn(c, FN_SQRT, x[0]); }

/* |√x' − √x| = |x' − x| / (√x' + √x) ≤ e / (√x + √(x − e)). If x' may be 0, the bound is √e.
   If x ± e reaches below 0, the result may be a NaN, unless facts say that x is nonnegative. */
static double sqrt_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    double out, v = x[0].d;
    if (v + e[0] < 0)
        return 0;
    if (e[0] > 0 && v < e[0] && !known_nonnegative(b, 0, v))
        return INFINITY;
    if (settled(1, x, e, y, &out))
        return out;
    if (is_zero(x, e, 0))
        return 0;
    double moved = v > e[0] ? e[0] / (y.d + sqrt(v - e[0])) : fmin(sqrt(e[0]), e[0] / y.d);
    return of_function(b, FN_SQRT, y, moved * (1 + 0x1p-50));
}

static void sqrt_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    contract_need(c, 0, "x >= 0", (struct facts){ .lo = 0, .hi = INFINITY, .max_nonzero = -1 });
    double lo = x->lo > 0 ? facts_down(sqrt(x->lo)) : 0;
    double hi = x->hi > 0 ? facts_up(sqrt(x->hi)) : 0;
    facts_set(c, lo, hi, x->finite && x->lo >= 0, false);
}

static const struct kexpr *sqrt_at(struct at *c) { return at1(c, K_SQRT); }
static void sqrt_sample(struct sample *d) { sample_same(d, 1, 0, 8); }

/* dx = gy / (2·√x), which is infinite at x = 0. n is √x. */
static struct node *sqrt_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    return build2(b, "div", build2(b, "mul", gy, build_scalar(b, 0.5)), n);
}

const struct op_def op_sqrt = {
    .call = {
        .name = "sqrt",
        .doc = "square root",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "x^(1/2); a NaN below 0",
            .gradient = "gy / (2 * sqrt(x)); infinite at 0",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = sqrt_contract },
    .reference = { .eval1 = sqrt_eval1, .bound1 = sqrt_bound1 },
    .kernel = { .at = sqrt_at },
    .gradient = sqrt_grad,
    .sample = sqrt_sample,
};

/* ---- rsqrt ---- */
static NUM rsqrt_eval1(const struct ev *c, const NUM *x) { return n_fn(c, FN_RSQRT, x[0]); }

/* An error e of x moves 1/√x by at most ((1 − e/x)^(−1/2) − 1)/√x. */
static double rsqrt_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    double out, v = x[0].d;
    if (v + e[0] < 0 || is_infinite(x, e, 0))
        return 0;
    if (e[0] > 0 && v - e[0] <= 0)
        return INFINITY;
    if (settled(1, x, e, y, &out))
        return out;
    return of_function(b, FN_RSQRT, y, times(y.d, expm1(-0.5 * log1p(-e[0] / v))) * (1 + 0x1p-48));
}

static void rsqrt_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    contract_need(c, 0, "x > 0", (struct facts){ .lo = 0x1p-1074, .hi = INFINITY, .max_nonzero = -1 });
    double lo = x->hi > 0 ? 1 / sqrt(x->hi) : 0;
    double hi = x->lo > 0 ? 1 / sqrt(x->lo) : INFINITY;
    facts_set(c, x->lo > 0 ? lo - lo * 0x1p-50 : -INFINITY, hi + hi * 0x1p-50, x->finite && x->lo > 0, false);
}

static const struct kexpr *rsqrt_at(struct at *c) { return at1(c, K_RSQRT); }
static void rsqrt_sample(struct sample *d) { sample_same(d, 1, 0.0625, 8); }

/* dx = −½·gy·y³. n is y. */
static struct node *rsqrt_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    struct node *cube = build2(b, "mul", n, build2(b, "mul", n, n));
    return build2(b, "mul", build2(b, "mul", gy, build_scalar(b, -0.5)), cube);
}

const struct op_def op_rsqrt = {
    .call = {
        .name = "rsqrt",
        .doc = "1 / sqrt(x)",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "x^(-1/2); inf at 0, -inf at -0, a NaN below 0",
            .gradient = "-gy / 2 * rsqrt(x)^3",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = rsqrt_contract },
    .reference = { .eval1 = rsqrt_eval1, .bound1 = rsqrt_bound1 },
    .kernel = { .at = rsqrt_at },
    .gradient = rsqrt_grad,
    .sample = rsqrt_sample,
};

/* ---- tanh ---- */
static NUM tanh_eval1(const struct ev *c, const NUM *x) { return n_fn(c, FN_TANH, x[0]); }

/* Returns the smaller of two bounds.
   `ends`: tanh is monotone, so its value farthest from y is at an end of x ± e.
   The other bound is e times the largest slope in x ± e: 1/cosh² at the point nearest to 0. */
static double tanh_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    if (isnan(x[0].d) && e[0] < INFINITY)
        return 0;
    if (e[0] == INFINITY)
        return INFINITY; /* the operand may be a NaN */
    if (is_zero(x, e, 0) || isinf(x[0].d))
        return 0;
    double ch = cosh(fmax(fabs(x[0].d) - e[0], 0));
    double ends = fmax(tanh(x[0].d + e[0]) - y.d, y.d - tanh(x[0].d - e[0])) + 0x1p-50;
    double moved = e[0] == 0 ? 0 : fmin(e[0] / ch / ch, ends);
    return of_function(b, FN_TANH, y, moved * (1 + 0x1p-48));
}

static void tanh_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    double lo = tanh(x->lo);
    double hi = tanh(x->hi);
    facts_set(c, fmax(lo - fabs(lo) * 0x1p-50, -1), fmin(hi + fabs(hi) * 0x1p-50, 1), x->finite, false);
}

static const struct kexpr *tanh_at(struct at *c) { return at1(c, K_TANH); }

/* 1 − t² is computed as (1 − t)·(1 + t), which does not cancel near t = ±1. */
static struct node *tanh_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *one = build_scalar(b, 1);
    (void)operand;
    return build2(b, "mul", gy, build2(b, "mul", build2(b, "sub", one, n), build2(b, "add", one, n)));
}

const struct op_def op_tanh = {
    .call = {
        .name = "tanh",
        .doc = "hyperbolic tangent",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
            .gradient = "gy * (1 - tanh(x)^2)",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = tanh_contract },
    .reference = { .eval1 = tanh_eval1, .bound1 = tanh_bound1 },
    .kernel = { .at = tanh_at },
    .gradient = tanh_grad,
    .sample = sample_any1,
};

/* ---- erf ---- */
#define TWO_OVER_SQRT_PI 1.12837916709551257390

static NUM erf_eval1(const struct ev *c, const NUM *x) { return n_fn(c, FN_ERF, x[0]); }

/* The two bounds of tanh_bound1, with the slope 2/√π·exp(−x²). */
static double erf_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    if (isnan(x[0].d) && e[0] < INFINITY)
        return 0;
    if (e[0] == INFINITY)
        return INFINITY; /* the operand may be a NaN */
    if (is_zero(x, e, 0) || isinf(x[0].d))
        return 0;
    double nearest = fmax(fabs(x[0].d) - e[0], 0);
    double slope = TWO_OVER_SQRT_PI * exp(-nearest * nearest);
    double ends = fmax(erf(x[0].d + e[0]) - y.d, y.d - erf(x[0].d - e[0])) + 0x1p-50;
    double moved = e[0] == 0 ? 0 : fmin(times(e[0], slope), ends);
    return of_function(b, FN_ERF, y, moved * (1 + 0x1p-40));
}

static void erf_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    double lo = erf(x->lo);
    double hi = erf(x->hi);
    facts_set(c, fmax(lo - fabs(lo) * 0x1p-50, -1), fmin(hi + fabs(hi) * 0x1p-50, 1), x->finite, false);
}

static const struct kexpr *erf_at(struct at *c) { return at1(c, K_ERF); }

static struct node *erf_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[operand];
    struct node *bell = build1(b, "exp", build1(b, "neg", build2(b, "mul", x, x)));
    return build2(b, "mul", gy, build2(b, "mul", bell, build_scalar(b, TWO_OVER_SQRT_PI)));
}

const struct op_def op_erf = {
    .call = {
        .name = "erf",
        .doc = "error function of Gauss",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "2 / sqrt(pi) * integral of exp(-t^2) for t from 0 to x",
            .gradient = "gy * 2 / sqrt(pi) * exp(-x^2)",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = erf_contract },
    .reference = { .eval1 = erf_eval1, .bound1 = erf_bound1 },
    .kernel = { .at = erf_at },
    .gradient = erf_grad,
    .sample = sample_any1,
};

/* ---- sigmoid ---- */
static double logistic(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }

static NUM sigmoid_eval1(const struct ev *c, const NUM *x) { return n_fn(c, FN_SIGMOID, x[0]); }

/* With the logistic function s and u < v: s(v) − s(u) = s(v)·s(−u)·(1 − exp(u − v)). The product does not cancel. */
static double sigmoid_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    double v = x[0].d;
    if (isnan(v) && e[0] < INFINITY)
        return 0;
    if (e[0] == INFINITY)
        return INFINITY; /* the operand may be a NaN */
    if (isinf(v))
        return 0;
    double step = -expm1(-e[0]);
    double up = logistic(v + e[0]) * logistic(-v) * step;
    double down = logistic(v) * logistic(e[0] - v) * step;
    return of_function(b, FN_SIGMOID, y, fmax(up, down) * (1 + 0x1p-40));
}

static void sigmoid_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    double lo = logistic(x->lo);
    double hi = logistic(x->hi);
    facts_set(c, lo - lo * 0x1p-49, fmin(hi + hi * 0x1p-49, 1), x->finite, false);
}

static const struct kexpr *sigmoid_at(struct at *c) { return at1(c, K_SIGMOID); }

/* dx = gy·s(x)·s(−x), where n is s(x). Unlike 1 − s(x), s(−x) does not cancel. */
static struct node *sigmoid_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *other = build1(b, "sigmoid", build1(b, "neg", n->in[operand]));
    return build2(b, "mul", gy, build2(b, "mul", n, other));
}

const struct op_def op_sigmoid = {
    .call = {
        .name = "sigmoid",
        .doc = "logistic function, 1 / (1 + exp(-x))",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "1 / (1 + exp(-x))",
            .gradient = "gy * s(x) * s(-x), s = sigmoid",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = sigmoid_contract },
    .reference = { .eval1 = sigmoid_eval1, .bound1 = sigmoid_bound1 },
    .kernel = { .at = sigmoid_at },
    .gradient = sigmoid_grad,
    .sample = sample_any1,
};

/* ---- sin, cos ---- */
static NUM sin_eval1(const struct ev *c, const NUM *x) { return n_fn(c, FN_SIN, x[0]); }
static NUM cos_eval1(const struct ev *c, const NUM *x) { return n_fn(c, FN_COS, x[0]); }

/* Returns the error of y, a sine or cosine with the derivative ±slope at x.
   sin(x + t) − sin(x) = 2·sin(t/2)·cos(x + t/2).
   For |u| <= h, |cos(x + u)| <= |cos x|·cos h + |sin x|·sin h, or 1 if sin has a zero in x ± h. */
static double wave_bound(const struct bd *b, const NUM *x, const double *e, NUM y, enum num_fn f, double slope)
{
    double out;
    if (settled(1, x, e, y, &out))
        return isinf(x[0].d) && e[0] < INFINITY ? 0 : out;
    if (is_zero(x, e, 0) && y.d == 0)
        return 0;
    double sin_h = e[0] < 3.14159265358979 ? sin(e[0] / 2) : 1;
    double cos_h = e[0] < 3.14159265358979 ? cos(e[0] / 2) : 0;
    double steepest = fabs(y.d) <= sin_h ? 1 : fmin(fabs(slope) * cos_h + fabs(y.d) * sin_h, 1);
    return of_function(b, f, y, fmin(2 * sin_h * steepest, 1 + fabs(y.d)) * (1 + 0x1p-48));
}

static double sin_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    return wave_bound(b, x, e, y, FN_SIN, cos(x[0].d));
}

static double cos_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    return wave_bound(b, x, e, y, FN_COS, sin(x[0].d));
}

static void wave_contract(struct contract *c) { facts_set(c, -1, 1, fact(c, 0)->finite, false); }

static const struct kexpr *sin_at(struct at *c) { return at1(c, K_SIN); }
static const struct kexpr *cos_at(struct at *c) { return at1(c, K_COS); }

static struct node *sin_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    return build2(b, "mul", gy, build1(b, "cos", n->in[operand]));
}

static struct node *cos_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    return build1(b, "neg", build2(b, "mul", gy, build1(b, "sin", n->in[operand])));
}

const struct op_def op_sin = {
    .call = {
        .name = "sin",
        .doc = "sine of x in radians",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "sin(x), right for every x; a NaN at an infinity",
            .source = "Payne, Hanek, SIGNUM Newsletter 18(1), 1983",
            .gradient = "gy * cos(x)",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = wave_contract },
    .reference = { .eval1 = sin_eval1, .bound1 = sin_bound1 },
    .kernel = { .at = sin_at },
    .gradient = sin_grad,
    .sample = sample_any1,
};

const struct op_def op_cos = {
    .call = {
        .name = "cos",
        .doc = "cosine of x in radians",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "cos(x), right for every x; a NaN at an infinity",
            .source = "Payne, Hanek, SIGNUM Newsletter 18(1), 1983",
            .gradient = "-gy * sin(x)",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = infer_same, .contract = wave_contract },
    .reference = { .eval1 = cos_eval1, .bound1 = cos_bound1 },
    .kernel = { .at = cos_at },
    .gradient = cos_grad,
    .sample = sample_any1,
};

/* ---- sign, round, floor ---- */
/* Returns x if x is a zero or a NaN. */
static NUM sign_eval1(const struct ev *c, const NUM *x)
{
    NUM zero = n_const(c, 0);
    return n_less(c, zero, x[0]) ? n_const(c, 1) : n_less(c, x[0], zero) ? n_const(c, -1) : x[0];
}
static NUM round_eval1(const struct ev *c, const NUM *x) { return n_rint(c, x[0]); }
static NUM floor_eval1(const struct ev *c, const NUM *x) { return n_floor(c, x[0]); }

/* A step function is monotone, so its value farthest from y is at an end of x ± e.
   The computed operand is a double in x ± e. Rounding is monotone, so this double is between the rounded ends. */
static double step_bound(const struct bd *b, const NUM *x, const double *e, NUM y,
                         NUM (*of)(const struct ev *, const NUM *))
{
    double out;
    if (is_infinite(x, e, 0))
        return 0;
    if (settled(1, x, e, y, &out))
        return out;
    NUM hi = { .d = x[0].d + e[0] };
    NUM lo = { .d = x[0].d - e[0] };
    return fmax(of(&b->v, &hi).d - y.d, y.d - of(&b->v, &lo).d);
}

static double sign_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    return step_bound(b, x, e, y, sign_eval1);
}
static double round_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    return step_bound(b, x, e, y, round_eval1);
}
static double floor_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    return step_bound(b, x, e, y, floor_eval1);
}

static void sign_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    facts_set(c, x->lo > 0 ? 1 : x->lo == 0 ? 0 : -1, x->hi < 0 ? -1 : x->hi == 0 ? 0 : 1, x->finite, x->finite);
    c->out->max_nonzero = x->max_nonzero;
}
static void round_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    facts_set(c, rint(x->lo), rint(x->hi), x->finite, x->finite);
    c->out->max_nonzero = x->max_nonzero;
}
static void floor_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    facts_set(c, floor(x->lo), floor(x->hi), x->finite, x->finite);
}

static const struct kexpr *sign_at(struct at *c)
{
    const struct kexpr *x = at_float(c, 0);
    const struct kexpr *zero = kexpr_f32(c->k, 0);
    const struct kexpr *below = kexpr_op(c->k, K_SELECT, kexpr_op2(c->k, K_LT, x, zero), kexpr_f32(c->k, -1), x);
    return kexpr_op(c->k, K_SELECT, kexpr_op2(c->k, K_GT, x, zero), kexpr_f32(c->k, 1), below);
}
static const struct kexpr *round_at(struct at *c) { return at1(c, K_RINT); }
static const struct kexpr *floor_at(struct at *c) { return at1(c, K_FLOOR); }

static struct node *step_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)n;
    (void)operand;
    return build_const(b, &gy->type, 0);
}

const struct op_def op_sign = {
    .call = {
        .name = "sign",
        .doc = "-1, 0 or 1; a zero keeps its sign, a NaN stays",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "-1 if x < 0, 1 if x > 0, else x",
            .gradient = "0 everywhere",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .exact = true,
    .type = { .infer = infer_same, .contract = sign_contract },
    .reference = { .eval1 = sign_eval1, .bound1 = sign_bound1 },
    .kernel = { .at = sign_at },
    .gradient = step_grad,
    .sample = sample_any1,
};

const struct op_def op_round = {
    .call = {
        .name = "round",
        .doc = "to the nearest integer, halves to the even one",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "the integer nearest to x; of two the even one",
            .gradient = "0 everywhere",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .exact = true,
    .type = { .infer = infer_same, .contract = round_contract },
    .reference = { .eval1 = round_eval1, .bound1 = round_bound1 },
    .kernel = { .at = round_at },
    .gradient = step_grad,
    .sample = sample_any1,
};

const struct op_def op_floor = {
    .call = {
        .name = "floor",
        .doc = "the largest integer that is not above x",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "the largest integer <= x",
            .gradient = "0 everywhere",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .exact = true,
    .type = { .infer = infer_same, .contract = floor_contract },
    .reference = { .eval1 = floor_eval1, .bound1 = floor_bound1 },
    .kernel = { .at = floor_at },
    .gradient = step_grad,
    .sample = sample_any1,
};
