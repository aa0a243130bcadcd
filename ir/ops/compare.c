/* Pointwise comparisons, logic, select and cast.
   The error of a boolean is 1 if the operands' errors may change it, else 0.
   The error of an integer is its distance to the farthest value that the operands' errors allow. */
#include "ir/ops/integer.h"

/* ---- comparisons: of floats, of integers of one dtype, of booleans ---- */
static bool compare_infer(struct graph *g, struct node *n)
{
    enum dtype x = n->in[0]->type.dtype;
    enum dtype y = n->in[1]->type.dtype;
    n->type = n->in[0]->type;
    n->type.dtype = DT_BOOL;
    if (x != y && !(dtype_is_float(x) && dtype_is_float(y)))
        return infer_error(g, n, 1, "must be %s, as the first is", dtype_is_float(x) ? "a float" : dtype_name(x));
    return need_shape_of_first(g, n, 1);
}

enum order { BEFORE, SAME, AFTER, UNORDERED };

static enum order order_of(const struct ev *c, const NUM *x)
{
    if (!dtype_is_float(c->in[0].dtype))
        return x[0].i < x[1].i ? BEFORE : x[0].i > x[1].i ? AFTER : SAME;
    if (n_is_nan(c, x[0]) || n_is_nan(c, x[1]))
        return UNORDERED;
    return n_less(c, x[0], x[1]) ? BEFORE : n_less(c, x[1], x[0]) ? AFTER : SAME;
}

static NUM less_eval1(const struct ev *c, const NUM *x) { return (NUM){ .i = order_of(c, x) == BEFORE }; }
static NUM less_equal_eval1(const struct ev *c, const NUM *x)
{
    return (NUM){ .i = order_of(c, x) == BEFORE || order_of(c, x) == SAME };
}
static NUM equal_eval1(const struct ev *c, const NUM *x) { return (NUM){ .i = order_of(c, x) == SAME }; }
static NUM not_equal_eval1(const struct ev *c, const NUM *x) { return (NUM){ .i = order_of(c, x) != SAME }; }
static NUM greater_eval1(const struct ev *c, const NUM *x) { return (NUM){ .i = order_of(c, x) == AFTER }; }
static NUM greater_equal_eval1(const struct ev *c, const NUM *x)
{
    return (NUM){ .i = order_of(c, x) == AFTER || order_of(c, x) == SAME };
}

/* True if the operands are exact, differ by more than their errors, or one is certainly a NaN. */
static bool apart(const struct bd *b, const NUM *x, const double *e, double *gap)
{
    bool is_float = dtype_is_float(b->v.in[0].dtype);
    if (is_float)
        for (int i = 0; i < 2; i++)
            if (isnan(x[i].d) && e[i] < INFINITY)
                return true;
    *gap = !is_float ? int_gap(x[0].i, x[1].i) * (1 - 0x1p-50) : x[0].d == x[1].d ? 0 : fabs(x[0].d - x[1].d);
    return e[0] + e[1] == 0 || *gap > (e[0] + e[1]) * (1 + 0x1p-50);
}

static double compare_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    double gap;
    (void)y;
    return apart(b, x, e, &gap) ? 0 : 1;
}

static void truth_contract(struct contract *c) { facts_set(c, 0, 1, true, true); }

/* Floats are compared as f32, or as f64 if either is f64: that is exact. Booleans are compared as 0 and 1. */
static const struct kexpr *compare_at(struct at *c, enum kop op)
{
    const struct kexpr *x = at_plain(c, 0);
    const struct kexpr *y = at_plain(c, 1);
    enum dtype as = x->type == DT_F64 || y->type == DT_F64 ? DT_F64 : x->type == DT_BOOL ? DT_I32 : x->type;
    if (as != x->type || as != y->type) {
        x = kexpr_cast(c->k, as, x);
        y = kexpr_cast(c->k, as, y);
    }
    return kexpr_op2(c->k, op, x, y);
}

static const struct kexpr *less_at(struct at *c) { return compare_at(c, K_LT); }
static const struct kexpr *less_equal_at(struct at *c) { return compare_at(c, K_LE); }
static const struct kexpr *equal_at(struct at *c) { return compare_at(c, K_EQ); }
static const struct kexpr *not_equal_at(struct at *c) { return compare_at(c, K_NE); }
static const struct kexpr *greater_at(struct at *c) { return compare_at(c, K_GT); }
static const struct kexpr *greater_equal_at(struct at *c) { return compare_at(c, K_GE); }

static void compare_sample(struct sample *d)
{
    static const enum dtype dtypes[] = { DT_FLOAT, DT_F32, DT_I32, DT_I64 };
    enum dtype dtype = dtypes[sample_range(d, 0, 3)];
    struct type t = sample_type(d, dtype, 0, 3);
    for (int i = 0; i < 2; i++)
        sample_operand(d, i, &t, -3, 3);
}

#define COMPARE(NAME, TEXT, SIGN, COMMUTES)                                                                            \
    const struct op_def op_##NAME = {                                                                                  \
        .call = {                                                                                                      \
            .name = #NAME,                                                                                             \
            .doc = TEXT,                                                                                               \
            .about = {                                                                                                 \
                .shapes = "x [..], y [..] -> bool [..], broadcast to a common shape",                                  \
                .formula = "x " SIGN " y",                                                                             \
                .gradient = "none: the result is a bool",                                                              \
            },                                                                                                         \
            .operands = { { .name = "x" }, { .name = "y" } },                                                          \
        },                                                                                                             \
        .class = CLS_POINTWISE,                                                                                        \
        .commutes = COMMUTES,                                                                                          \
        .exact = true,                                                                                                 \
        .type = { .infer = compare_infer, .contract = truth_contract },                                                \
        .reference = { .eval1 = NAME##_eval1, .bound1 = compare_bound1 },                                              \
        .kernel = { .at = NAME##_at },                                                                                 \
        .sample = compare_sample,                                                                                      \
    }
COMPARE(less, "x < y, false with a NaN", "<", false);
COMPARE(less_equal, "x <= y, false with a NaN", "<=", false);
COMPARE(equal, "x = y, false with a NaN", "=", true);
COMPARE(not_equal, "x differs from y, true with a NaN", "!=", true);
COMPARE(greater, "x > y, false with a NaN", ">", false);
COMPARE(greater_equal, "x >= y, false with a NaN", ">=", false);

/* ---- logic ---- */
static bool logical_infer(struct graph *g, struct node *n)
{
    n->type = n->in[0]->type;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i]->type.dtype != DT_BOOL)
            return infer_error(g, n, i, "must be a bool");
        if (!need_shape_of_first(g, n, i))
            return false;
    }
    return true;
}

static NUM logical_and_eval1(const struct ev *c, const NUM *x)
{
    (void)c;
    return (NUM){ .i = x[0].i && x[1].i };
}
static NUM logical_or_eval1(const struct ev *c, const NUM *x)
{
    (void)c;
    return (NUM){ .i = x[0].i || x[1].i };
}
static NUM logical_not_eval1(const struct ev *c, const NUM *x)
{
    (void)c;
    return (NUM){ .i = !x[0].i };
}

/* Returns the error of `and` (settles = 0) or `or` (settles = 1): 0 if the result is certain, else 1.
   An operand that is certainly `settles` decides the result alone. */
static double deciding(const NUM *x, const double *e, int64_t settles)
{
    for (int i = 0; i < 2; i++)
        if (e[i] == 0 && x[i].i == settles)
            return 0;
    return e[0] == 0 && e[1] == 0 ? 0 : 1;
}

static double logical_and_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    (void)b;
    (void)y;
    return deciding(x, e, 0);
}
static double logical_or_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    (void)b;
    (void)y;
    return deciding(x, e, 1);
}
static double logical_not_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    (void)b;
    (void)x;
    (void)y;
    return e[0] == 0 ? 0 : 1;
}

static const struct kexpr *logical_and_at(struct at *c)
{
    const struct kexpr *x = at_plain(c, 0);
    return kexpr_op2(c->k, K_AND, x, at_plain(c, 1));
}

static const struct kexpr *logical_or_at(struct at *c)
{
    const struct kexpr *x = at_plain(c, 0);
    return kexpr_op2(c->k, K_OR, x, at_plain(c, 1));
}

static const struct kexpr *logical_not_at(struct at *c) { return kexpr_op1(c->k, K_NOT, at_plain(c, 0)); }

static void logical_sample(struct sample *d, int n)
{
    struct type t = sample_type(d, DT_BOOL, 0, 3);
    for (int i = 0; i < n; i++)
        sample_operand(d, i, &t, 0, 1);
}

static void logical_sample1(struct sample *d) { logical_sample(d, 1); }
static void logical_sample2(struct sample *d) { logical_sample(d, 2); }

const struct op_def op_logical_and = {
    .call = {
        .name = "logical_and",
        .doc = "both",
        .about = {
            .shapes = "x [..], y [..] -> [..], broadcast to a common shape",
            .formula = "x and y",
            .gradient = "none: the result is a bool",
        },
        .operands = { { .name = "x" }, { .name = "y" } },
    },
    .class = CLS_POINTWISE,
    .commutes = true,
    .exact = true,
    .type = { .infer = logical_infer, .contract = truth_contract },
    .reference = { .eval1 = logical_and_eval1, .bound1 = logical_and_bound1 },
    .kernel = { .at = logical_and_at },
    .sample = logical_sample2,
};

const struct op_def op_logical_or = {
    .call = {
        .name = "logical_or",
        .doc = "true where at least one is true",
        .about = {
            .shapes = "x [..], y [..] -> [..], broadcast to a common shape",
            .formula = "x or y",
            .gradient = "none: the result is a bool",
        },
        .operands = { { .name = "x" }, { .name = "y" } },
    },
    .class = CLS_POINTWISE,
    .commutes = true,
    .exact = true,
    .type = { .infer = logical_infer, .contract = truth_contract },
    .reference = { .eval1 = logical_or_eval1, .bound1 = logical_or_bound1 },
    .kernel = { .at = logical_or_at },
    .sample = logical_sample2,
};

const struct op_def op_logical_not = {
    .call = {
        .name = "logical_not",
        .doc = "not x",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "not x",
            .gradient = "none: the result is a bool",
        },
        .operands = { { .name = "x" } },
    },
    .class = CLS_POINTWISE,
    .exact = true,
    .type = { .infer = logical_infer, .contract = truth_contract },
    .reference = { .eval1 = logical_not_eval1, .bound1 = logical_not_bound1 },
    .kernel = { .at = logical_not_at },
    .sample = logical_sample1,
};

/* ---- select ---- */
static bool select_infer(struct graph *g, struct node *n)
{
    enum dtype x = n->in[1]->type.dtype;
    enum dtype y = n->in[2]->type.dtype;
    n->type = n->in[0]->type;
    n->type.dtype = dtype_is_float(x) ? DT_FLOAT : x;
    if (n->in[0]->type.dtype != DT_BOOL)
        return infer_error(g, n, 0, "must be a bool");
    if (x != y && !(dtype_is_float(x) && dtype_is_float(y)))
        return infer_error(g, n, 2, "must be %s, as the second is", dtype_is_float(x) ? "a float" : dtype_name(x));
    return need_shape_of_first(g, n, 1) && need_shape_of_first(g, n, 2);
}

static NUM select_eval1(const struct ev *c, const NUM *x)
{
    (void)c;
    return x[0].i ? x[1] : x[2];
}

/* If the condition is certain, the error is the chosen operand's.
   Otherwise the error is the largest distance from the result y to a value in either operand's x ± e. */
static double select_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    if (e[0] == 0)
        return x[0].i ? e[1] : e[2];
    bool is_float = dtype_is_float(b->v.out.dtype);
    double out = 0;
    for (int i = 1; i < 3; i++) {
        double away = !is_float ? int_gap(x[i].i, y.i) : x[i].d == y.d ? 0 : fabs(x[i].d - y.d);
        if (is_float && isnan(x[i].d) && isnan(y.d))
            away = 0;
        out = fmax(out, isnan(away) ? INFINITY : (e[i] + away) * (1 + 0x1p-50));
    }
    return b->v.out.dtype == DT_BOOL ? fmin(out, 1) : out;
}

static void select_contract(struct contract *c)
{
    const struct facts *x = fact(c, 1);
    const struct facts *y = fact(c, 2);
    facts_set(c, fmin(x->lo, y->lo), fmax(x->hi, y->hi), x->finite && y->finite, x->integral && y->integral);
}

static const struct kexpr *select_at(struct at *c)
{
    bool is_float = dtype_is_float(c->n->type.dtype);
    const struct kexpr *k = at_plain(c, 0);
    const struct kexpr *x = is_float ? at_float(c, 1) : at_plain(c, 1);
    return kexpr_op(c->k, K_SELECT, k, x, is_float ? at_float(c, 2) : at_plain(c, 2));
}

static void select_sample(struct sample *d)
{
    static const enum dtype dtypes[] = { DT_FLOAT, DT_F32, DT_F16, DT_I64, DT_BOOL };
    struct type t = sample_type(d, DT_BOOL, 0, 3);
    sample_operand(d, 0, &t, 0, 1);
    t.dtype = dtypes[sample_range(d, 0, 4)];
    for (int i = 1; i < 3; i++)
        sample_operand(d, i, &t, t.dtype == DT_BOOL ? 0 : -4, t.dtype == DT_BOOL ? 1 : 4);
}

static struct node *select_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    if (operand == 0)
        return NULL;
    struct node *zero = build_const(b, &gy->type, 0);
    return operand == 1 ? build3(b, "select", n->in[0], gy, zero) : build3(b, "select", n->in[0], zero, gy);
}

const struct op_def op_select = {
    .call = {
        .name = "select",
        .alias = "where",
        .doc = "x where c holds, else y",
        .about = {
            .shapes = "c [..], x [..], y [..] -> [..], broadcast to a common shape",
            .formula = "x if c, else y",
            .gradient = "gy to x where c holds, to y elsewhere; none to c",
        },
        .operands = { { .name = "c", .decides = true }, { .name = "x" }, { .name = "y" } },
    },
    .class = CLS_POINTWISE,
    .exact = true,
    .type = { .infer = select_infer, .contract = select_contract },
    .reference = { .eval1 = select_eval1, .bound1 = select_bound1 },
    .kernel = { .at = select_at },
    .gradient = select_grad,
    .sample = select_sample,
};

/* ---- cast ---- */
static const struct attr_def cast_attrs[] = {
    { .name = "dtype", .kind = ATTR_DTYPE, .required = true, .doc = "of the result" }
};

static enum dtype cast_to(const struct node *n) { return (enum dtype)node_attr(n, 0)->i; }

static bool cast_infer(struct graph *g, struct node *n)
{
    int64_t to = node_attr(n, 0)->i;
    n->type = n->in[0]->type;
    if (to < 0 || to >= DT_COUNT)
        return infer_error(g, n, -1, "no dtype has the number %lld", (long long)to);
    n->type.dtype = (enum dtype)to;
    return true;
}

/* A cast to a float is not rounded here: n_store rounds the result. */
static NUM cast_eval1(const struct ev *c, const NUM *x)
{
    enum dtype from = c->in[0].dtype;
    enum dtype to = c->out.dtype;
    if (dtype_is_float(to)) {
        if (dtype_is_float(from))
            return x[0];
        return n_of_int(c, x[0].i);
    }
    if (to == DT_BOOL)
        return (NUM){ .i = !dtype_is_float(from) ? x[0].i != 0 : !n_is_zero(c, x[0]) };
    if (!dtype_is_float(from))
        return (NUM){ .i = int_wrapped(to, (uint64_t)x[0].i) };
    return (NUM){ .i = n_to_int(c, to, x[0]) };
}

/* A cast to an integer is monotone, so the value farthest from y is at an end of x ± e. */
static double to_integer_bound(enum dtype to, double x, double e, int64_t y)
{
    if (isnan(x) && e < INFINITY)
        return 0;
    if (to == DT_BOOL)
        return e == 0 || fabs(x) > e ? 0 : 1;
    if (e == INFINITY)
        return INFINITY;
    double wide = e * (1 + 0x1p-50);
    return fmax(int_gap(int_of_double(to, x + wide), y), int_gap(y, int_of_double(to, x - wide)));
}

static double between_integers_bound(enum dtype to, double e, int64_t y)
{
    if (e == 0 || e == INFINITY || to == DT_I64)
        return e;
    return (double)y - e >= INT32_MIN && (double)y + e <= INT32_MAX ? e : int_farthest(to, y);
}

/* Kernels cast in f32, or in f64 if `to` is f64. A cast to f16 or bf16 then rounds once more.
   `e` includes the rounding of an f64 operand to f32. */
static double to_float_bound(const struct bd *b, enum dtype from, enum dtype to, double x, double e)
{
    if (isnan(x) && e < INFINITY)
        return 0;
    if (!b->kernel)
        return dtype_is_float(from) ? e : e + dtype_half_ulp(DT_F64, fabs(x) + e);
    double mag = (fabs(x) + e) * (1 + 0x1p-50);
    bool narrow = to == DT_F16 || to == DT_BF16;
    if (isinf(x))
        return e < INFINITY ? 0 : e;
    if ((from == DT_I32 || from == DT_I64) && to != DT_F64 && fabs(x) + e > 0x1p24)
        e += dtype_half_ulp(DT_F32, mag);
    if (narrow && !(e == 0 && dtype_round(to, x) == x))
        e += dtype_half_ulp(to, (fabs(x) + e) * (1 + 0x1p-50));
    if (from == DT_I64 && to == DT_F64 && fabs(x) + e >= 0x1p53)
        e += dtype_half_ulp(DT_F64, mag);
    return fabs(x) + e > (narrow         ? dtype_table[to].max
                          : to == DT_F64 ? dtype_table[DT_F64].max
                                         : bd_max(b))
               ? INFINITY
               : e * (1 + 0x1p-40);
}

static double cast_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)
{
    enum dtype from = b->v.in[0].dtype;
    enum dtype to = b->v.n->type.dtype;
    enum dtype written = b->v.n->in[0]->type.dtype;
    bool of_float = dtype_is_float(from);
    if (dtype_is_float(to))
        return to_float_bound(b, written, to, of_float ? x[0].d : (double)x[0].i, e[0]);
    if (of_float)
        return to_integer_bound(to, x[0].d, e[0], y.i);
    if (to == DT_BOOL)
        return e[0] == 0 || fabs((double)x[0].i) > e[0] ? 0 : 1;
    return between_integers_bound(to, e[0], y.i);
}

static void to_integer_contract(struct contract *c, enum dtype from)
{
    const struct facts *x = fact(c, 0);
    enum dtype to = cast_to(c->n);
    bool is_float = dtype_is_float(from);
    double lo = trunc(x->lo);
    double hi = trunc(x->hi);
    if (is_float && !x->finite) {
        lo = fmin(lo, 0);
        hi = fmax(hi, 0);
    }
    if (is_float) {
        double most = (double)int_most(to);
        facts_set(c, fmin(fmax(lo, (double)int_least(to)), most), fmax(fmin(hi, most), (double)int_least(to)),
                  to == DT_I32 || lo > (double)INT64_MIN, true);
    } else if (x->finite)
        int_facts(c, lo, hi);
    else
        int_facts(c, -INFINITY, INFINITY);
}

static void cast_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    enum dtype from = c->n->in[0]->type.dtype;
    enum dtype to = cast_to(c->n);
    bool missing = from == DT_I64 && !x->finite; /* lo..hi does not cover the least i64, which x may be */
    if (to == DT_BOOL)
        facts_set(c, 0, 1, true, true);
    else if (!dtype_is_float(to))
        to_integer_contract(c, from);
    else {
        double lo = missing ? -0x1p63 : dtype_round(to, x->lo);
        double hi = missing ? 0x1p63 : dtype_round(to, x->hi);
        facts_set(c, lo, hi, (x->finite || missing) && isfinite(lo) && isfinite(hi), x->integral);
        c->out->max_nonzero = x->max_nonzero;
        c->out->exact &= to == DT_FLOAT || to == DT_F64 || from == to || from == DT_BOOL;
    }
}

static const struct kexpr *cast_at(struct at *c)
{
    const struct kexpr *x = at_plain(c, 0);
    enum dtype to = cast_to(c->n);
    if (to == DT_BOOL)
        return x->type == DT_BOOL ? x : kexpr_op2(c->k, K_NE, x, kexpr_const(c->k, x->type, 0));
    if (to == DT_I32 || to == DT_I64 || to == DT_F64)
        return kexpr_cast(c->k, to, x);
    x = kexpr_cast(c->k, DT_F32, x);
    return to == DT_F16 || to == DT_BF16 ? kexpr_round(c->k, to, x) : x;
}

static void cast_sample(struct sample *d)
{
    struct type t = sample_type(d, (enum dtype)sample_range(d, 0, DT_COUNT - 1), 0, 3);
    sample_operand(d, 0, &t, t.dtype == DT_BOOL ? 0 : -100, t.dtype == DT_BOOL ? 1 : 100);
    d->attrs[0] = sample_attr_int(sample_range(d, 0, DT_COUNT - 1));
}

/* A cast between floats passes the gradient on as if it did not round. Other casts have no gradient. */
static struct node *cast_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)b;
    return dtype_is_float(n->in[operand]->type.dtype) && dtype_is_float(n->type.dtype) ? gy : NULL;
}

const struct op_def op_cast = {
    .call = {
        .name = "cast",
        .doc = "x as another dtype: floats round to nearest even; a float is truncated to an integer, at most and at "
               "least what it holds, a NaN to 0; i64 wraps to i32; bool is x != 0",
        .about = {
            .shapes = "x [..] -> [..]",
            .formula = "x, rounded or wrapped as above",
            .gradient = "gy between floats; none from or to an integer or bool",
        },
        .operands = { { .name = "x" } },
        .attrs = cast_attrs,
        .n_attrs = N_ATTRS(cast_attrs),
    },
    .class = CLS_POINTWISE,
    .whole = true,
    .cheap = true,
    .type = { .infer = cast_infer, .contract = cast_contract },
    .reference = { .eval1 = cast_eval1, .bound1 = cast_bound1 },
    .kernel = { .at = cast_at },
    .gradient = cast_grad,
    .sample = cast_sample,
};
