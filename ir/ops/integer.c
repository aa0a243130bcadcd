/* Wrapping integer arithmetic, and the ops floor_div, trunc_div, mod and rem. */
#include "ir/ops/integer.h"

__extension__ typedef __int128 i128;

/* ---- values ---- */
int64_t int_least(enum dtype t) { return t == DT_I32 ? INT32_MIN : INT64_MIN; }
int64_t int_most(enum dtype t) { return t == DT_I32 ? INT32_MAX : INT64_MAX; }

int64_t int_wrapped(enum dtype t, uint64_t x) { return t == DT_I32 ? (int64_t)(int32_t)(uint32_t)x : (int64_t)x; }

/* Returns the result before wrapping. 128 bits hold it, since |x|, |y| <= 2^63. */
static i128 exact(enum int_op op, i128 x, i128 y)
{
    i128 r = y ? x % y : 0;
    bool apart = r != 0 && (r < 0) != (y < 0); /* floor and truncated quotient differ */
    switch (op) {
    case INT_ADD: return x + y;
    case INT_SUB: return x - y;
    case INT_MUL: return x * y;
    case INT_NEG: return -x;
    case INT_ABS: return x < 0 ? -x : x;
    case INT_MAX_OF: return x > y ? x : y;
    case INT_MIN_OF: return x < y ? x : y;
    case INT_TRUNC_DIV: return y ? x / y : 0;
    case INT_FLOOR_DIV: return y ? x / y - apart : 0;
    case INT_REM: return r;
    case INT_MOD: return apart ? r + y : r;
    }
    BUG("integer operation %d", (int)op);
}

int64_t int_value(enum int_op op, enum dtype t, int64_t x, int64_t y)
{
    return int_wrapped(t, (uint64_t)exact(op, x, y));
}

int64_t int_of_double(enum dtype t, double x)
{
    double end = t == DT_I32 ? 0x1p31 : 0x1p63;
    if (isnan(x))
        return 0;
    if (x < -end)
        return int_least(t);
    return x >= end ? int_most(t) : (int64_t)x;
}

/* Returns x as a double, rounded up. A plain conversion may round down above 2^53. */
static double up(i128 x) { return x <= (i128)1 << 53 ? (double)x : nextafter((double)x, INFINITY); }

double int_gap(int64_t x, int64_t y) { return up(x > y ? (i128)x - y : (i128)y - x); }

double int_farthest(enum dtype t, int64_t x) { return fmax(int_gap(int_least(t), x), int_gap(int_most(t), x)); }

/* ---- intervals ---- */
struct hull {
    i128 lo, hi;
};

static void include(struct hull *h, i128 x)
{
    h->lo = x < h->lo ? x : h->lo;
    h->hi = x > h->hi ? x : h->hi;
}

static bool is_division(enum int_op op) { return op == INT_TRUNC_DIV || op == INT_FLOOR_DIV; }
static bool is_remainder(enum int_op op) { return op == INT_REM || op == INT_MOD; }

/* Adds the results at the corners of x × y, which are the extremes of an operation monotone in each operand.
   A division is monotone only if all divisors in y have one sign. */
static void include_corners(struct hull *h, enum int_op op, struct hull x, struct hull y)
{
    include(h, exact(op, x.lo, y.lo));
    include(h, exact(op, x.lo, y.hi));
    include(h, exact(op, x.hi, y.lo));
    include(h, exact(op, x.hi, y.hi));
}

static struct hull hull_of_quotients(enum int_op op, struct hull x, struct hull y)
{
    i128 first = exact(op, x.lo, y.lo);
    struct hull h = { first, first };
    if (y.hi > 0)
        include_corners(&h, op, x, (struct hull){ y.lo > 1 ? y.lo : 1, y.hi });
    if (y.lo < 0)
        include_corners(&h, op, x, (struct hull){ y.lo, y.hi < -1 ? y.hi : -1 });
    if (y.lo <= 0 && y.hi >= 0)
        include(&h, 0);
    return h;
}

/* With one divisor, and one quotient for all of x, the remainder increases with x.
   Otherwise the remainder may be any number below the largest divisor, with the sign of x (rem) or y (mod). */
static struct hull hull_of_remainders(enum int_op op, struct hull x, struct hull y)
{
    enum int_op quotient = op == INT_REM ? INT_TRUNC_DIV : INT_FLOOR_DIV;
    if (y.lo == y.hi && exact(quotient, x.lo, y.lo) == exact(quotient, x.hi, y.lo))
        return (struct hull){ exact(op, x.lo, y.lo), exact(op, x.hi, y.lo) };
    i128 most = exact(INT_MAX_OF, exact(INT_ABS, y.lo, 0), exact(INT_ABS, y.hi, 0)) - 1;
    struct hull sign = op == INT_REM ? x : y;
    if (most < 0)
        most = 0;
    return (struct hull){ sign.lo < 0 ? -most : 0, sign.hi > 0 ? most : 0 };
}

static struct hull hull_of(enum int_op op, struct hull x, struct hull y)
{
    if (is_division(op))
        return hull_of_quotients(op, x, y);
    if (is_remainder(op))
        return hull_of_remainders(op, x, y);
    i128 first = exact(op, x.lo, y.lo);
    struct hull h = { first, first };
    include_corners(&h, op, x, y);
    if (op == INT_ABS && x.lo < 0 && x.hi > 0)
        include(&h, 0);
    return h;
}

static bool fits(enum dtype t, struct hull h) { return h.lo >= int_least(t) && h.hi <= int_most(t); }

/* ---- eval, bound, contract ---- */
NUM int_eval1(const struct ev *c, enum int_op op, const NUM *x)
{
    return (NUM){ .i = int_value(op, c->out.dtype, x[0].i, c->n_in > 1 ? x[1].i : 0) };
}

static struct hull around(enum dtype t, int64_t x, double e)
{
    i128 by = e < 0x1p64 ? (i128)e : (i128)1 << 64;
    struct hull h = { (i128)x - by, (i128)x + by };
    return (struct hull){ h.lo < int_least(t) ? int_least(t) : h.lo, h.hi > int_most(t) ? int_most(t) : h.hi };
}

static bool is_small(struct hull x, struct hull y)
{
    enum { MOST = 16 };
    return x.hi - x.lo < MOST && y.hi - y.lo < MOST;
}

static double farthest_outcome(enum int_op op, enum dtype t, struct hull x, struct hull y, int64_t from)
{
    double far = 0;
    for (i128 a = x.lo; a <= x.hi; a++)
        for (i128 b = y.lo; b <= y.hi; b++)
            far = fmax(far, int_gap(int_value(op, t, (int64_t)a, (int64_t)b), from));
    return far;
}

double int_bound1(const struct bd *b, enum int_op op, const NUM *x, const double *e, NUM y)
{
    enum dtype t = b->v.out.dtype;
    bool two = b->v.n_in > 1;
    if (e[0] == 0 && (!two || e[1] == 0))
        return 0;
    if (e[0] == INFINITY || (two && e[1] == INFINITY))
        return INFINITY;
    struct hull a = around(t, x[0].i, e[0]);
    struct hull c = two ? around(t, x[1].i, e[1]) : (struct hull){ 0, 0 };
    if (is_small(a, c))
        return farthest_outcome(op, t, a, c, y.i);
    struct hull h = hull_of(op, a, c);
    /* The distance by which wrapping has moved the result. */
    i128 turns = y.i - exact(op, x[0].i, two ? x[1].i : 0);
    h = (struct hull){ h.lo + turns, h.hi + turns };
    return fits(t, h) ? fmax(up(h.hi - y.i), up(y.i - h.lo)) : int_farthest(t, y.i);
}

static struct hull known(const struct facts *f, enum dtype t)
{
    struct hull all = { int_least(t), int_most(t) };
    bool inside = f->finite && f->lo >= (double)all.lo && f->hi <= (double)all.hi;
    if (!inside)
        return all;
    return (struct hull){ exact(INT_MIN_OF, (i128)floor(f->lo), all.hi), exact(INT_MIN_OF, (i128)ceil(f->hi), all.hi) };
}

/* A result that may be the least i64 is not `finite`, since the least i64 stands for a missing value. */
static void facts_of_hull(struct contract *c, struct hull h)
{
    enum dtype t = c->n->type.dtype;
    if (!fits(t, h))
        h = (struct hull){ int_least(t), int_most(t) };
    double lo = h.lo < 0 ? -up(-h.lo) : (double)h.lo;
    facts_set(c, fmax(lo, (double)int_least(t)), fmin(h.hi > 0 ? up(h.hi) : (double)h.hi, (double)int_most(t)),
              t == DT_I32 || h.lo > INT64_MIN, true);
    c->out->exact = true;
    for (int i = 0; i < c->n->n_in; i++)
        c->out->exact &= fact(c, i)->exact;
}

void int_contract(struct contract *c, enum int_op op)
{
    enum dtype t = c->n->type.dtype;
    facts_of_hull(c, hull_of(op, known(fact(c, 0), t), c->n->n_in > 1 ? known(fact(c, 1), t) : (struct hull){ 0, 0 }));
}

void int_facts(struct contract *c, double lo, double hi)
{
    enum dtype t = c->n->type.dtype;
    bool in = lo > (double)int_least(t) && hi < (double)int_most(t);
    facts_of_hull(c,
                  in ? (struct hull){ (i128)floor(lo), (i128)ceil(hi) } : (struct hull){ int_least(t), int_most(t) });
}

/* ---- quotients and remainders ---- */
static bool divide_infer(struct graph *g, struct node *n)
{
    for (int i = 0; i < 2; i++)
        if (!dtype_is_int(n->in[i]->type.dtype))
            return infer_error(g, n, i, "must be i32 or i64 (cast makes one)");
    return infer_numbers(g, n);
}

static void divide_sample(struct sample *d) { sample_ints(d, 2); }

#define DIVIDE(NAME, TEXT, FORMULA, OP, KOP)                                                                           \
    static NUM NAME##_eval1(const struct ev *c, const NUM *x) { return int_eval1(c, OP, x); }                          \
    static double NAME##_bound1(const struct bd *b, const NUM *x, const double *e, NUM y)                              \
    {                                                                                                                  \
        return int_bound1(b, OP, x, e, y);                                                                             \
    }                                                                                                                  \
    static void NAME##_contract(struct contract *c) { int_contract(c, OP); }                                           \
    static const struct kexpr *NAME##_at(struct at *c)                                                                 \
    {                                                                                                                  \
        const struct kexpr *x = at_plain(c, 0);                                                                        \
        return kexpr_op2(c->k, KOP, x, at_plain(c, 1));                                                                \
    }                                                                                                                  \
    const struct op_def op_##NAME = {                                                                                  \
        .call = {                                                                                                      \
            .name = #NAME,                                                                                             \
            .doc = TEXT,                                                                                               \
            .about = {                                                                                                 \
                .shapes = "x [..], y [..] -> [..], broadcast to a common shape",                                       \
                .formula = FORMULA,                                                                                    \
                .gradient = "none: the result is an integer",                                                          \
            },                                                                                                         \
            .operands = { { .name = "x" }, { .name = "y" } },                                                          \
        },                                                                                                             \
        .class = CLS_POINTWISE,                                                                                        \
        .exact = true,                                                                                                 \
        .type = { .infer = divide_infer, .contract = NAME##_contract },                                                \
        .reference = { .eval1 = NAME##_eval1, .bound1 = NAME##_bound1 },                                               \
        .kernel = { .at = NAME##_at },                                                                                 \
        .sample = divide_sample,                                                                                       \
    }
DIVIDE(floor_div, "x / y of integers, rounded down; 0 if y is 0", "floor(x / y)", INT_FLOOR_DIV, K_FLOORDIV);
DIVIDE(trunc_div, "x / y of integers, rounded towards 0; 0 if y is 0", "sign(x / y) * floor(|x / y|)", INT_TRUNC_DIV,
       K_DIV);
DIVIDE(mod, "the remainder with the sign of y; 0 if y is 0", "x - y * floor_div(x, y)", INT_MOD, K_MOD);
DIVIDE(rem, "the remainder with the sign of x; 0 if y is 0", "x - y * trunc_div(x, y)", INT_REM, K_REM);
