/* Arithmetic on NUMs, in doubles and in the field of integers modulo 2^61 − 1.
   The field does not round, so formulas that agree on random elements are almost surely equal.
   Also error bounds of a rounding, a function and a sum. */
#include <float.h>
#include <string.h>

#include "ir/arena.h"
#include "ir/ops/integer.h"
#include "ir/mathfn.h"

__extension__ typedef unsigned __int128 u128;

/* ---- the field ---- */
/* Returns x modulo 2^61 − 1. Since 2^61 ≡ 1, the bits above the low 61 are added to the low ones. */
static uint64_t reduce(u128 x)
{
    x = (x & FIELD_P) + (x >> 61);
    uint64_t r = (uint64_t)(x & FIELD_P) + (uint64_t)(x >> 61);
    return r >= FIELD_P ? r - FIELD_P : r;
}

uint64_t field_add(uint64_t a, uint64_t b)
{
    uint64_t s = a + b;
    return s >= FIELD_P ? s - FIELD_P : s;
}
uint64_t field_sub(uint64_t a, uint64_t b) { return a >= b ? a - b : a + FIELD_P - b; }
uint64_t field_mul(uint64_t a, uint64_t b) { return reduce((u128)a * b); }

/* Returns a^(p−2), which is 1/a modulo the prime p (Fermat). */
uint64_t field_inv(uint64_t a)
{
    uint64_t r = 1;
    for (uint64_t e = FIELD_P - 2; e; e >>= 1, a = field_mul(a, a))
        if (e & 1)
            r = field_mul(r, a);
    return r;
}

uint64_t field_of_int(int64_t x)
{
    uint64_t m = reduce(x < 0 ? (u128)0 - (u128)(__extension__(__int128) x) : (u128)x);
    return x < 0 ? field_sub(0, m) : m;
}

uint64_t field_of_double(double x)
{
    if (!isfinite(x))
        return field_mix(0, FIELD_OP_COUNT, isnan(x) ? 0 : x > 0 ? 1 : 2, 0);
    int e;
    double m = frexp(x, &e); /* x = m·2^e, and m·2^53 is an integer */
    int shift = ((e - 53) % 61 + 61) % 61;
    return field_mul(field_of_int((int64_t)ldexp(m, 53)), UINT64_C(1) << shift);
}

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014): each input bit reaches every output bit. */
static uint64_t scramble(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t field_mix(uint64_t key, unsigned op, uint64_t a, uint64_t b)
{
    uint64_t h = scramble(key + UINT64_C(0x9e3779b97f4a7c15) * (op + 1));
    h = scramble(h ^ scramble(a + UINT64_C(0x9e3779b97f4a7c15)));
    h = scramble(h + scramble(b ^ UINT64_C(0xd1b54a32d192ed03)));
    return reduce(h);
}

int64_t field_order(uint64_t key, uint64_t x)
{
    uint64_t away = field_mix(key, FIELD_ORDER, x, 0) - field_mix(key, FIELD_ORDER, 0, 0) + (UINT64_C(1) << 60);
    return (int64_t)((away & FIELD_P) >> 30);
}

/* ---- degrees ---- */
static const uint64_t degree_low = (UINT64_C(1) << DEGREE_NEST) - 1;

static uint64_t degree_of(uint64_t low, uint64_t nest)
{
    return (low < degree_low ? low : degree_low) | nest << DEGREE_NEST;
}
static uint64_t nest_of(uint64_t a, uint64_t b)
{
    return a >> DEGREE_NEST > b >> DEGREE_NEST ? a >> DEGREE_NEST : b >> DEGREE_NEST;
}
uint64_t degree_max(uint64_t a, uint64_t b)
{
    uint64_t x = a & degree_low;
    uint64_t y = b & degree_low;
    return degree_of(x > y ? x : y, nest_of(a, b));
}
uint64_t degree_product(uint64_t a, uint64_t b)
{
    return degree_of((a & degree_low) + (b & degree_low), nest_of(a, b));
}
uint64_t degree_quotient(uint64_t a, uint64_t b)
{
    if (!b)
        return a;
    uint64_t nest = (b >> DEGREE_NEST) + 1;
    return degree_of((a & degree_low) + 1, nest > a >> DEGREE_NEST ? nest : a >> DEGREE_NEST);
}

/* ---- degrees and masses ---- */
static bool is_mass(const struct ev *c) { return c->kind == NUM_MASS; }

NUM n_const_bound(const struct ev *c, double x) { return is_mass(c) ? (NUM){ .d = fabs(x) } : (NUM){ .u = 0 }; }
NUM n_sum_bound(const struct ev *c, NUM a, NUM b)
{
    return is_mass(c) ? (NUM){ .d = a.d + b.d } : (NUM){ .u = degree_max(a.u, b.u) };
}
NUM n_product_bound(const struct ev *c, NUM a, NUM b)
{
    return is_mass(c) ? (NUM){ .d = a.d * b.d } : (NUM){ .u = degree_product(a.u, b.u) };
}
NUM n_quotient_bound(const struct ev *c, NUM a, NUM b)
{
    if (is_mass(c))
        return a;
    if (b.u && c->tally) {
        c->tally->inverses++;
        c->tally->divisor = degree_max(c->tally->divisor, b.u);
    }
    return (NUM){ .u = degree_quotient(a.u, b.u) };
}

/* ---- numbers ---- */
/* Applies a function that is no polynomial or quotient. Over the field, this is a hash of a and b. */
static NUM call(const struct ev *c, unsigned op, uint64_t a, uint64_t b)
{
    if (is_mass(c))
        return (NUM){ .d = fmax((NUM){ .u = a }.d, (NUM){ .u = b }.d) };
    if (c->tally)
        c->tally->calls++;
    return (NUM){ .u = c->kind == NUM_FIELD ? field_mix(c->key, op, a, b) : 1 };
}

NUM n_of_int(const struct ev *c, int64_t x)
{
    if (c->kind == NUM_DOUBLE)
        return (NUM){ .d = (double)x };
    return c->kind == NUM_FIELD ? (NUM){ .u = field_of_int(x) } : n_const_bound(c, (double)x);
}

static double fn_double(enum num_fn f, double x)
{
    switch (f) {
    case FN_EXP: return exp(x);
    case FN_LOG: return log(x);
    case FN_LOG1P: return log1p(x);
    case FN_SQRT: return sqrt(x);
    case FN_RSQRT: return 1 / sqrt(x);
    case FN_TANH: return tanh(x);
    case FN_ERF: return erf(x);
    case FN_SIGMOID: return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
    case FN_SIN: return sin(x);
    case FN_COS: return cos(x);
    case FN_COUNT: break;
    }
    BUG("number function %d", (int)f);
}

NUM n_fn(const struct ev *c, enum num_fn f, NUM x)
{
    return c->kind == NUM_DOUBLE ? (NUM){ .d = fn_double(f, x.d) } : call(c, f, x.u, 0);
}

static NUM symmetric_mix(const struct ev *c, unsigned op, NUM a, NUM b)
{
    return a.u < b.u ? call(c, op, a.u, b.u) : call(c, op, b.u, a.u);
}

NUM n_max(const struct ev *c, NUM a, NUM b)
{
    if (c->kind != NUM_DOUBLE)
        return symmetric_mix(c, FIELD_MAX, a, b);
    return isnan(a.d) || !(isnan(b.d) || b.d > a.d) ? a : b;
}

NUM n_min(const struct ev *c, NUM a, NUM b)
{
    if (c->kind != NUM_DOUBLE)
        return symmetric_mix(c, FIELD_MIN, a, b);
    return isnan(a.d) || !(isnan(b.d) || b.d < a.d) ? a : b;
}

NUM n_abs(const struct ev *c, NUM a)
{
    return c->kind == NUM_DOUBLE ? (NUM){ .d = fabs(a.d) } : call(c, FIELD_ABS, a.u, 0);
}

NUM n_rint(const struct ev *c, NUM a)
{
    return c->kind == NUM_DOUBLE ? (NUM){ .d = rint(a.d) } : call(c, FIELD_RINT, a.u, 0);
}

NUM n_floor(const struct ev *c, NUM a)
{
    return c->kind == NUM_DOUBLE ? (NUM){ .d = floor(a.d) } : call(c, FIELD_FLOOR, a.u, 0);
}

int64_t n_to_int(const struct ev *c, enum dtype to, NUM a)
{
    return c->kind == NUM_DOUBLE ? int_of_double(to, a.d) : (int64_t)(call(c, FIELD_CAST, a.u, 0).u >> 30);
}

static NUM take_field(const struct ev *c, unsigned op, double fill, NUM total, NUM x)
{
    if (is_mass(c))
        return (NUM){ .d = fmax(total.d, x.d) };
    if (c->kind == NUM_FIELD && x.u == field_of_double(fill))
        return total;
    return n_add(c, total, call(c, op, x.u, 0));
}

NUM n_max_begin(const struct ev *c) { return n_const(c, is_mass(c) ? 0 : -INFINITY); }
NUM n_min_begin(const struct ev *c) { return n_const(c, is_mass(c) ? 0 : INFINITY); }

NUM n_max_take(const struct ev *c, NUM total, NUM x)
{
    return c->kind == NUM_DOUBLE ? n_max(c, total, x) : take_field(c, FIELD_ROW_MAX, -INFINITY, total, x);
}

NUM n_min_take(const struct ev *c, NUM total, NUM x)
{
    return c->kind == NUM_DOUBLE ? n_min(c, total, x) : take_field(c, FIELD_ROW_MIN, INFINITY, total, x);
}

/* ---- sums ---- */
struct n_sum n_sum_begin(const struct ev *c) { return (struct n_sum){ .c = c }; }

/* Adds x to t->s, and the rounding error of this addition to t->e (Neumaier, Z. angew. Math. Mech. 54 (1974) 39). */
static void add_double(struct n_sum *t, double x)
{
    double s = t->s + x;
    t->e += fabs(t->s) >= fabs(x) ? (t->s - s) + x : (x - s) + t->s;
    t->s = s;
}

void n_sum_add(struct n_sum *t, NUM x)
{
    if (t->c->kind != NUM_DOUBLE)
        t->u = n_add(t->c, (NUM){ .u = t->u }, x).u;
    else if (t->c->acc == DT_F64)
        add_double(t, x.d);
    else
        t->s = dtype_round(t->c->acc, t->s + x.d);
}

/* If a term is infinite, t->e is a NaN. The sum is then t->s alone. */
NUM n_sum_end(const struct n_sum *t)
{
    if (t->c->kind != NUM_DOUBLE)
        return (NUM){ .u = t->u };
    return (NUM){ .d = isfinite(t->e) ? t->s + t->e : t->s };
}

/* Each product is below 2^122, so a u128 holds the sum of 32 products. */
static uint64_t dot_field(const NUM *x, int64_t sx, const NUM *w, int64_t sw, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t k = 0; k < n; k += 32) {
        u128 part = 0;
        for (int64_t j = k; j < n && j < k + 32; j++)
            part += (u128)x[j * sx].u * w[j * sw].u;
        sum = field_add(sum, reduce((u128)reduce(part)));
    }
    return sum;
}

/* A block of 64 products is added in 8 running sums of 8, then in 3 rounds of pairwise additions.
   So a term is rounded at most 1 + 8 + 3 times; the 1 is the rounding of its product. */
enum { DOT_LANES = 8, DOT_BLOCK = 64, DOT_ROUNDINGS = 12 };

static double dot_block(const NUM *x, int64_t sx, const NUM *w, int64_t sw)
{
    double a[DOT_LANES] = { 0 };
    if (sx == 1 && sw == 1) {
        for (int k = 0; k < DOT_BLOCK; k += DOT_LANES)
            for (int j = 0; j < DOT_LANES; j++)
                a[j] += x[k + j].d * w[k + j].d;
    } else {
        for (int64_t k = 0; k < DOT_BLOCK; k += DOT_LANES)
            for (int64_t j = 0; j < DOT_LANES; j++)
                a[j] += x[(k + j) * sx].d * w[(k + j) * sw].d;
    }
    return ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
}

NUM n_dot(const struct ev *c, const NUM *x, int64_t sx, const NUM *w, int64_t sw, int64_t n)
{
    if (c->kind == NUM_FIELD)
        return (NUM){ .u = dot_field(x, sx, w, sw, n) };
    struct n_sum t = n_sum_begin(c);
    int64_t k = 0;
    for (; k < n && c->kind != NUM_DOUBLE; k++)
        n_sum_add(&t, n_mul(c, x[k * sx], w[k * sw]));
    if (c->acc == DT_F64)
        for (; k + DOT_BLOCK <= n; k += DOT_BLOCK)
            add_double(&t, dot_block(x + k * sx, sx, w + k * sw, sw));
    for (; k < n; k++)
        n_sum_add(&t, (NUM){ .d = x[k * sx].d * w[k * sw].d });
    return n_sum_end(&t);
}

/* ---- bounds ---- */
double bd_gamma(double n, double u) { return n * u < 1 ? n * u / (1 - n * u) : INFINITY; }

static enum dtype arithmetic(const struct bd *b) { return b->u <= 0x1p-53 ? DT_F64 : DT_F32; }

double bd_max(const struct bd *b) { return dtype_table[arithmetic(b)].max; }

double bd_round(const struct bd *b, double mag)
{
    double e = dtype_half_ulp(arithmetic(b), mag);
    return arithmetic(b) == DT_F64 ? e : e + dtype_half_ulp(DT_F64, mag);
}

/* Errors of fn_double, in ulp. Those of glibc's functions are from the GNU C Library manual, "Known Maximum Errors in
   Math Functions". sin and cos reduce every argument exactly.
   rsqrt: 1 ulp from the root's rounding (a relative 2^-53), and half an ulp from the quotient's.
   sigmoid: 2 ulp from exp, 1 from the sum, half an ulp from the quotient. */
static const struct {
    const char *name;
    double ulp;
} fn_table[FN_COUNT] = {
    [FN_EXP] = { "exp", 1 },     [FN_LOG] = { "log", 1 },           [FN_LOG1P] = { "log1p", 1 },
    [FN_SQRT] = { "sqrt", 0.5 }, [FN_RSQRT] = { "rsqrt", 1.5 },     [FN_TANH] = { "tanh", 2 },
    [FN_ERF] = { "erf", 1 },     [FN_SIGMOID] = { "sigmoid", 3.5 }, [FN_SIN] = { "sin", 1 },
    [FN_COS] = { "cos", 1 },
};

const char *num_fn_name(enum num_fn f) { return fn_table[f].name; }

double bd_fn(const struct bd *b, enum num_fn f, double mag)
{
    if (f == FN_SQRT)
        return bd_round(b, mag);
    double c_library = 2 * fn_table[f].ulp * dtype_half_ulp(DT_F64, mag);
    if (arithmetic(b) == DT_F64)
        return c_library;
    double ulp = b->kernel ? mathfn_ulp(fn_table[f].name) : 1;
    return 2 * ulp * dtype_half_ulp(DT_F32, mag) + c_library;
}

/* Bounds the error of n_sum and n_dot over doubles. `mass`: the sum of the n terms' magnitudes.
   A compensated sum has one rounding at the end and an error of at most 2·γ_n²·mass (Ogita, Rump, Oishi, SIAM J.
   Sci. Comput. 26 (2005), prop. 4.5). n_dot adds the roundings within a block. */
static double reference_sum(const struct bd *b, double mass, int64_t n)
{
    double g = bd_gamma((double)n, 0x1p-53);
    bool blocks = !b->v.n || b->v.n->op->class == CLS_CONTRACT;
    int roundings = !blocks ? 0 : n < DOT_BLOCK ? 1 : DOT_ROUNDINGS;
    return (bd_gamma(roundings + 1, 0x1p-53) + 2 * g * g) * mass;
}

double bd_sum_steps(const struct sum_record *r, int from, int64_t n)
{
    double steps = 0;
    for (int i = from; i < r->n; i++)
        steps += fmin((double)r->level[i].block * (double)r->level[i].chain, (double)n) + r->level[i].depth;
    return steps;
}

double bd_sum(const struct bd *b, double mass, double err, int64_t n)
{
    BUG_IF(b->sum && b->sum->level[0].unit, "bd_sum of a sum that a matrix unit makes");
    double all = mass + err;
    /* The largest error of an underflowing product: half the least subnormal in f32; in double, the least subnormal. */
    double tiny = arithmetic(b) == DT_F64 ? 0x1p-1074 : 0x1p-150;
    if (n == 0 || all == 0)
        return 0;
    double e = err + reference_sum(b, all, n) + (double)n * tiny;
    if (b->kernel || b->v.acc != DT_F64) {
        double steps = (double)(n - 1);
        if (b->sum)
            steps = bd_sum_steps(b->sum, 0, n);
        else if (b->kernel)
            steps = ceil(log2((double)n));
        e += bd_gamma(steps, fmax(b->u, b->kernel ? 0 : dtype_unit(b->v.acc))) * all;
    }
    return e * (1 + 0x1p-40);
}
