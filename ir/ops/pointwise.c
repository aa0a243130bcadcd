/* Pointwise arithmetic. */
#include "ir/ops/pointwise.h"

static bool stays_nonzero(const NUM *x, const double *e, int i) { return fabs(x[i].d) > e[i]; }
static bool stays_finite(const struct bd *b, const NUM *x, const double *e, int i)
{
    return isfinite(x[i].d) && fabs(x[i].d) + e[i] <= bd_max(b);
}

/* The error of one correctly rounded operation. Over exact operands, the double y is within 2⁻⁵³·|y| of the exact
   result, so that f32 arithmetic also gives y if y is an f32 number. */
static double rounded(const struct bd *b, NUM y, double propagated)
{
    if (propagated == 0 && b->u > 0x1p-53 && isfinite(y.d) && dtype_round(DT_F32, y.d) == y.d)
        return 0;
    return bd_done(b, y.d, propagated, bd_round(b, (fabs(y.d) + propagated) * (1 + 0x1p-50)));
}

static bool is_settled(const struct bd *b, const NUM *x, const double *e, int i)
{
    return is_infinite(x, e, i) || stays_finite(b, x, e, i);
}

static bool product_is_infinite(const NUM *x, const double *e)
{
    return (is_infinite(x, e, 0) && stays_nonzero(x, e, 1)) || (is_infinite(x, e, 1) && stays_nonzero(x, e, 0));
}

static bool all_finite(const struct contract *c)
{
    for (int i = 0; i < c->n->n_in; i++)
        if (!fact(c, i)->finite)
            return false;
    return true;
}

static bool all_integral(const struct contract *c)
{
    for (int i = 0; i < c->n->n_in; i++)
        if (!fact(c, i)->integral)
            return false;
    return true;
}

static const struct kexpr *at2(struct at *c, enum kop op)
{
    const struct kexpr *x = at_number(c, 0);
    return kexpr_op2(c->k, op, x, at_number(c, 1));
}

static void sample_numbers(struct sample *d, int n)
{
    if (sample_range(d, 0, 2))
        sample_same(d, n, -4, 4);
    else
        sample_ints(d, n);
}
static void sample_numbers1(struct sample *d) { sample_numbers(d, 1); }
static void sample_numbers2(struct sample *d) { sample_numbers(d, 2); }

/* Defines NAME_eval1, NAME_bound1 and NAME_contract of an op on integers or floats. Integers use operation OP
   (ir/ops/integer.h). Floats use the expression FLOAT, NAME_float_bound and NAME_float_contract. */
#define OF_NUMBERS(NAME, OP, FLOAT)                                                                                    \
    static NUM NAME##_eval1(const struct ev *c, const NUM *x)                                                          \
    {                                                                                                                  \
        return dtype_is_int(c->out.dtype) ? int_eval1(c, OP, x) : FLOAT;                                               \
    }                                                                                                                  \
    static double NAME##_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)                              \
    {                                                                                                                  \
        return dtype_is_int(b->v.out.dtype) ? int_bound1(b, OP, x, e, y) : NAME##_float_bound(b, x, e, y);             \
    }                                                                                                                  \
    static void NAME##_contract(struct contract *c)                                                                    \
    {                                                                                                                  \
        if (dtype_is_int(c->n->type.dtype))                                                                            \
            int_contract(c, OP);                                                                                       \
        else                                                                                                           \
            NAME##_float_contract(c);                                                                                  \
    }

/* ---- add, sub ---- */

/* The error is 0 if one operand is certainly infinite and the other is certainly infinite or finite. It is also 0 if
   both operands are exact and their sum is 0. */
static double add_float_bound(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    double out;
    if (!isfinite(y.d) && is_settled(b, x, e, 0) && is_settled(b, x, e, 1) &&
        (is_infinite(x, e, 0) || is_infinite(x, e, 1)))
        return 0;
    if (settled(2, x, e, y, &out))
        return out;
    return e[0] + e[1] == 0 && y.d == 0 ? 0 : rounded(b, y, e[0] + e[1]);
}

static double sub_float_bound(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    return add_float_bound(b, x, e, y);
}

static void add_float_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct facts *y = fact(c, 1);
    double lo = facts_down(x->lo + y->lo);
    double hi = facts_up(x->hi + y->hi);
    facts_set(c, lo, hi, all_finite(c) && isfinite(lo) && isfinite(hi), all_integral(c));
}

static void sub_float_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct facts *y = fact(c, 1);
    double lo = facts_down(x->lo - y->hi);
    double hi = facts_up(x->hi - y->lo);
    facts_set(c, lo, hi, all_finite(c) && isfinite(lo) && isfinite(hi), all_integral(c));
}

OF_NUMBERS(add, INT_ADD, n_add(c, x[0], x[1]))
OF_NUMBERS(sub, INT_SUB, n_sub(c, x[0], x[1]))

static const struct kexpr *add_at(struct at *c) { return at2(c, K_ADD); }
static const struct kexpr *sub_at(struct at *c) { return at2(c, K_SUB); }

static struct node *add_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)b;
    (void)n;
    (void)operand;
    return gy;
}

const struct op_def op_add = {
    .call = {
        .name = "add",
        .doc = "x + y; integers wrap",
        .about = {
            .shapes = "x [..], y [..] -> [..], broadcast to a common shape",
            .formula = "x + y",
            .gradient = "gy to x and to y",
        },
        .operands = { { .name = "x" }, { .name = "y" } },
    },
    .class = CLS_POINTWISE,
    .whole = true,
    .commutes = true,
    .type = { .infer = infer_numbers, .contract = add_contract },
    .reference = { .eval1 = add_eval1, .bound1 = add_bound1 },
    .kernel = { .at = add_at },
    .gradient = add_grad,
    .sample = sample_numbers2,
};

static struct node *sub_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)n;
    return operand == 0 ? gy : build1(b, "neg", gy);
}

const struct op_def op_sub = {
    .call = {
        .name = "sub",
        .doc = "x - y; integers wrap",
        .about = {
            .shapes = "x [..], y [..] -> [..], broadcast to a common shape",
            .formula = "x - y",
            .gradient = "gy to x, -gy to y",
        },
        .operands = { { .name = "x" }, { .name = "y" } },
    },
    .class = CLS_POINTWISE,
    .whole = true,
    .type = { .infer = infer_numbers, .contract = sub_contract },
    .reference = { .eval1 = sub_eval1, .bound1 = sub_bound1 },
    .kernel = { .at = sub_at },
    .gradient = sub_grad,
    .sample = sample_numbers2,
};

/* ---- mul ---- */

/* The largest |x'y' − xy| for |x' − x| <= e[0], |y' − y| <= e[1]. */
static double product_error(const NUM *x, const double *e)
{
    return times(fabs(x[0].d), e[1]) + times(fabs(x[1].d), e[0]) + times(e[0], e[1]);
}

static double mul_float_bound(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    double out;
    if (product_is_infinite(x, e))
        return 0;
    if (settled(2, x, e, y, &out))
        return out;
    return is_zero(x, e, 0) || is_zero(x, e, 1) ? 0 : rounded(b, y, product_error(x, e));
}

/* The range of x·y. 0·∞ counts as 0, since its value is a NaN, which ranges do not cover. */
static void product_range(const struct facts *x, const struct facts *y, double *lo, double *hi)
{
    double c[4] = { times(x->lo, y->lo), times(x->lo, y->hi), times(x->hi, y->lo), times(x->hi, y->hi) };
    *lo = fmin(fmin(c[0], c[1]), fmin(c[2], c[3]));
    *hi = fmax(fmax(c[0], c[1]), fmax(c[2], c[3]));
}

static void mul_float_contract(struct contract *c)
{
    double lo, hi;
    product_range(fact(c, 0), fact(c, 1), &lo, &hi);
    if (c->n->in[0] == c->n->in[1] && lo < 0)
        lo = 0; /* a square */
    lo = facts_down(lo);
    hi = facts_up(hi);
    facts_set(c, lo, hi, all_finite(c) && isfinite(lo) && isfinite(hi), all_integral(c));
}

OF_NUMBERS(mul, INT_MUL, n_mul(c, x[0], x[1]))

static const struct kexpr *mul_at(struct at *c) { return at2(c, K_MUL); }

static struct node *mul_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    return build2(b, "mul", gy, n->in[1 - operand]);
}

const struct op_def op_mul = {
    .call = {
        .name = "mul",
        .doc = "x · y; integers wrap",
        .about = {
            .shapes = "x [..], y [..] -> [..], broadcast to a common shape",
            .formula = "x * y",
            .gradient = "gy * y to x, gy * x to y",
        },
        .operands = { { .name = "x" }, { .name = "y" } },
    },
    .class = CLS_POINTWISE,
    .whole = true,
    .commutes = true,
    .type = { .infer = infer_numbers, .contract = mul_contract },
    .reference = { .eval1 = mul_eval1, .bound1 = mul_bound1 },
    .kernel = { .at = mul_at },
    .gradient = mul_grad,
    .sample = sample_numbers2,
};

/* ---- fma ---- */
static NUM fma_eval1(const struct ev *c, const NUM *x)
{
    return c->kind == NUM_DOUBLE ? (NUM){ .d = fma(x[0].d, x[1].d, x[2].d) } : n_add(c, n_mul(c, x[0], x[1]), x[2]);
}

static double fma_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    double out;
    if (product_is_infinite(x, e) && is_settled(b, x, e, 2))
        return 0;
    if (is_infinite(x, e, 2) && stays_finite(b, x, e, 0) && stays_finite(b, x, e, 1))
        return 0;
    if (settled(3, x, e, y, &out))
        return out;
    if ((is_zero(x, e, 0) || is_zero(x, e, 1)) && is_zero(x, e, 2))
        return 0;
    return rounded(b, y, product_error(x, e) + e[2]);
}

static void fma_contract(struct contract *c)
{
    double lo, hi;
    product_range(fact(c, 0), fact(c, 1), &lo, &hi);
    if (c->n->in[0] == c->n->in[1] && lo < 0)
        lo = 0;
    lo = facts_down(facts_down(lo) + fact(c, 2)->lo);
    hi = facts_up(facts_up(hi) + fact(c, 2)->hi);
    facts_set(c, lo, hi, all_finite(c) && isfinite(lo) && isfinite(hi), all_integral(c));
}

static const struct kexpr *fma_at(struct at *c)
{
    const struct kexpr *x = at_float(c, 0);
    const struct kexpr *y = at_float(c, 1);
    return kexpr_op(c->k, K_FMA, x, y, at_float(c, 2));
}

static void fma_sample(struct sample *d) { sample_same(d, 3, -4, 4); }

static struct node *fma_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    return operand == 2 ? gy : build2(b, "mul", gy, n->in[1 - operand]);
}

const struct op_def op_fma = {
    .call = {
        .name = "fma",
        .doc = "x · y + z, rounded once",
        .about = {
            .shapes = "x [..], y [..], z [..] -> [..], broadcast to a common shape",
            .formula = "x * y + z",
            .gradient = "gy * y to x, gy * x to y, gy to z",
        },
        .operands = { { .name = "x" }, { .name = "y" }, { .name = "z" } },
    },
    .class = CLS_POINTWISE,
    .whole = true,
    .type = { .infer = infer_same, .contract = fma_contract },
    .reference = { .eval1 = fma_eval1, .bound1 = fma_bound1 },
    .kernel = { .at = fma_at },
    .gradient = fma_grad,
    .sample = fma_sample,
};

/* ---- div ---- */
static bool div_infer(struct graph *g, struct node *n)
{
    for (int i = 0; i < 2; i++)
        if (dtype_is_int(n->in[i]->type.dtype))
            return infer_error(g, n, i, "must be a float (cast makes one; floor_div and trunc_div divide integers)");
    return infer_same(g, n);
}

static NUM div_eval1(const struct ev *c, const NUM *x) { return n_div(c, x[0], x[1]); }

/* x'/y' − x/y = (x' − x − (x/y)(y' − y)) / y' */
static double div_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    double out, floor = fabs(x[1].d) - e[1];
    if (isfinite(x[0].d) && is_infinite(x, e, 1))
        return stays_finite(b, x, e, 0) ? 0 : INFINITY;
    if (is_infinite(x, e, 0) && stays_finite(b, x, e, 1) && stays_nonzero(x, e, 1))
        return 0;
    if (settled(2, x, e, y, &out))
        return out;
    if (floor <= 0)
        return INFINITY;
    return is_zero(x, e, 0) ? 0 : rounded(b, y, (times(fabs(y.d), e[1]) + e[0]) / floor);
}

static void div_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct facts *y = fact(c, 1);
    struct facts inverse = { .lo = -INFINITY, .hi = INFINITY };
    bool apart = y->lo > 0 || y->hi < 0;
    double lo, hi;
    if (apart) {
        inverse.lo = facts_down(1 / y->hi);
        inverse.hi = facts_up(1 / y->lo);
    } else
        contract_need(c, 1, "y != 0",
                      y->hi > 0 ? (struct facts){ .lo = 0x1p-1074, .hi = INFINITY, .max_nonzero = -1 }
                                : (struct facts){ .lo = -INFINITY, .hi = -0x1p-1074, .max_nonzero = -1 });
    product_range(x, &inverse, &lo, &hi);
    lo = facts_down(lo);
    hi = facts_up(hi);
    facts_set(c, lo, hi, apart && all_finite(c) && isfinite(lo) && isfinite(hi), false);
}

static const struct kexpr *div_at(struct at *c) { return at2(c, K_DIV); }

static void div_sample(struct sample *d)
{
    sample_same(d, 2, -4, 4);
    d->lo[1] = sample_range(d, 0, 1) ? 0.25 : -4;
    d->hi[1] = d->lo[1] < 0 ? -0.25 : 4;
}

/* d(x/y)/dy = −(x/y)/y. Unlike gy/y, it does not overflow where x is 0 and y is tiny. */
static struct node *div_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *y = n->in[1];
    return operand == 0 ? build2(b, "div", gy, y) : build1(b, "neg", build2(b, "mul", gy, build2(b, "div", n, y)));
}

const struct op_def op_div = {
    .call = {
        .name = "div",
        .doc = "x / y",
        .about = {
            .shapes = "x [..], y [..] -> [..], broadcast to a common shape",
            .formula = "x / y",
            .gradient = "gy / y to x, -gy / y * (x / y) to y",
        },
        .operands = { { .name = "x" }, { .name = "y" } },
    },
    .class = CLS_POINTWISE,
    .type = { .infer = div_infer, .contract = div_contract },
    .reference = { .eval1 = div_eval1, .bound1 = div_bound1 },
    .kernel = { .at = div_at },
    .gradient = div_grad,
    .sample = div_sample,
};

/* ---- neg, abs ---- */

static double neg_float_bound(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    (void)b;
    (void)x;
    (void)y;
    return e[0];
}

static double abs_float_bound(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    return neg_float_bound(b, x, e, y);
}

static void neg_float_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    facts_set(c, -x->hi, -x->lo, x->finite, x->integral);
    c->out->max_nonzero = x->max_nonzero;
}

static void abs_float_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    facts_set(c, x->lo > 0 ? x->lo : x->hi < 0 ? -x->hi : 0, fmax(-x->lo, x->hi), x->finite, x->integral);
    c->out->max_nonzero = x->max_nonzero;
}

OF_NUMBERS(neg, INT_NEG, n_neg(c, x[0]))
OF_NUMBERS(abs, INT_ABS, n_abs(c, x[0]))

static const struct kexpr *neg_at(struct at *c) { return at1(c, K_NEG); }
static const struct kexpr *abs_at(struct at *c) { return at1(c, K_ABS); }

static struct node *neg_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)n;
    (void)operand;
    return build1(b, "neg", gy);
}

/* 0 at 0 and at a NaN. */
static struct node *abs_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[operand];
    struct node *zero = build_scalar(b, 0);
    struct node *below = build3(b, "select", build2(b, "less", x, zero), build1(b, "neg", gy), zero);
    return build3(b, "select", build2(b, "greater", x, zero), gy, below);
}

const struct op_def op_neg = {
    .call = {
        .name = "neg",
        .doc = "-x: of floats the sign alone; the least integer stays",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "-x",
            .gradient = "-gy",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .exact = true,
    .type = { .infer = infer_numbers, .contract = neg_contract },
    .reference = { .eval1 = neg_eval1, .bound1 = neg_bound1 },
    .kernel = { .at = neg_at },
    .gradient = neg_grad,
    .sample = sample_numbers1,
};

const struct op_def op_abs = {
    .call = {
        .name = "abs",
        .doc = "|x|; the least integer stays",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "|x|",
            .gradient = "gy * sign(x); 0 at 0 and at a NaN",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .exact = true,
    .type = { .infer = infer_numbers, .contract = abs_contract },
    .reference = { .eval1 = abs_eval1, .bound1 = abs_bound1 },
    .kernel = { .at = abs_at },
    .gradient = abs_grad,
    .sample = sample_numbers1,
};

/* ---- maximum, minimum ---- */

/* The interval x[i] ± e[i] reaches beyond the result y by e[i] − |x[i] − y|. The error is the larger of the two. */
static double maximum_float_bound(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    (void)b;
    double out = 0;
    for (int i = 0; i < 2; i++)
        if (isnan(x[i].d) && e[i] < INFINITY)
            return 0;
    for (int i = 0; i < 2; i++) {
        double gap = x[i].d == y.d ? 0 : fabs(x[i].d - y.d) * (1 - 0x1p-50);
        out = fmax(out, e[i] == INFINITY ? INFINITY : e[i] - gap);
    }
    return out;
}

static double minimum_float_bound(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    return maximum_float_bound(b, x, e, y);
}

static void maximum_float_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct facts *y = fact(c, 1);
    facts_set(c, fmax(x->lo, y->lo), fmax(x->hi, y->hi), all_finite(c), all_integral(c));
}

static void minimum_float_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct facts *y = fact(c, 1);
    facts_set(c, fmin(x->lo, y->lo), fmin(x->hi, y->hi), all_finite(c), all_integral(c));
}

OF_NUMBERS(maximum, INT_MAX_OF, n_max(c, x[0], x[1]))
OF_NUMBERS(minimum, INT_MIN_OF, n_min(c, x[0], x[1]))

static const struct kexpr *maximum_at(struct at *c) { return at2(c, K_MAX); }
static const struct kexpr *minimum_at(struct at *c) { return at2(c, K_MIN); }

/* True where the result is x: x wins by `op` (a tie included), or x is a NaN. */
static struct node *taken_from_x(struct builder *b, struct node *n, const char *op)
{
    struct node *x = n->in[0];
    return build2(b, "logical_or", build2(b, op, x, n->in[1]), build2(b, "not_equal", x, x));
}

static struct node *extreme_grad(struct builder *b, struct node *n, struct node *gy, int operand, const char *op)
{
    struct node *zero = build_const(b, &gy->type, 0);
    struct node *from_x = taken_from_x(b, n, op);
    return operand == 0 ? build3(b, "select", from_x, gy, zero) : build3(b, "select", from_x, zero, gy);
}

static struct node *maximum_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    return extreme_grad(b, n, gy, operand, "greater_equal");
}

static struct node *minimum_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    return extreme_grad(b, n, gy, operand, "less_equal");
}

const struct op_def op_maximum = {
    .call = {
        .name = "maximum",
        .doc = "the larger of x and y; a NaN wins, x on a tie",
        .about = {
            .shapes = "x [..], y [..] -> [..], broadcast to a common shape",
            .formula = "x if x >= y, else y",
            .gradient = "gy to the larger; of equal ones to x; to an operand that is a NaN, x first",
        },
        .operands = { { .name = "x" }, { .name = "y" } },
    },
    .class = CLS_POINTWISE,
    .exact = true,
    .type = { .infer = infer_numbers, .contract = maximum_contract },
    .reference = { .eval1 = maximum_eval1, .bound1 = maximum_bound1 },
    .kernel = { .at = maximum_at },
    .gradient = maximum_grad,
    .sample = sample_numbers2,
};

const struct op_def op_minimum = {
    .call = {
        .name = "minimum",
        .doc = "the smaller of x and y; a NaN wins, x on a tie",
        .about = {
            .shapes = "x [..], y [..] -> [..], broadcast to a common shape",
            .formula = "x if x <= y, else y",
            .gradient = "gy to the smaller; of equal ones to x; to an operand that is a NaN, x first",
        },
        .operands = { { .name = "x" }, { .name = "y" } },
    },
    .class = CLS_POINTWISE,
    .exact = true,
    .type = { .infer = infer_numbers, .contract = minimum_contract },
    .reference = { .eval1 = minimum_eval1, .bound1 = minimum_bound1 },
    .kernel = { .at = minimum_at },
    .gradient = minimum_grad,
    .sample = sample_numbers2,
};
