/* Rounding uses integer arithmetic on the bits of a double.
   So the result does not depend on the rounding mode of the host, or on host support of f16. */
#include "ir/dtype.h"

#include <float.h>
#include <string.h>

#include "ir/arena.h"

const struct dtype_info dtype_table[DT_COUNT] = {
    [DT_FLOAT] = { .name = "float", .size = 0, .is_float = true, .mantissa = 53, .emin = -1022, .max = DBL_MAX },
    [DT_F16] = { .name = "f16", .size = 2, .is_float = true, .mantissa = 11, .emin = -14, .max = 65504.0 },
    [DT_BF16] = { .name = "bf16", .size = 2, .is_float = true, .mantissa = 8, .emin = -126, .max = 0x1.FEp127 },
    [DT_F32] = { .name = "f32", .size = 4, .is_float = true, .mantissa = 24, .emin = -126, .max = 0x1.FFFFFEp127 },
    [DT_F64] = { .name = "f64", .size = 8, .is_float = true, .mantissa = 53, .emin = -1022, .max = DBL_MAX },
    [DT_I32] = { .name = "i32", .size = 4, .max = 0x1p31 - 1 },
    [DT_I64] = { .name = "i64", .size = 8, .max = 0x1p63 },
    [DT_BOOL] = { .name = "bool", .size = 1, .max = 1 },
};

#define SIGN64 0x8000000000000000u
#define INF64 0x7FF0000000000000u

static uint64_t double_bits(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static double bits_double(uint64_t b)
{
    double x;
    memcpy(&x, &b, sizeof x);
    return x;
}

static uint32_t float_bits(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static float bits_float(uint32_t b)
{
    float x;
    memcpy(&x, &b, sizeof x);
    return x;
}

/* 2^e for -1022 <= e <= 1023. */
static double power_of_two(int e) { return bits_double((uint64_t)(e + 1023) << 52); }

bool dtype_parse(const char *name, enum dtype *out)
{
    for (int t = 0; t < DT_COUNT; t++) {
        if (strcmp(name, dtype_table[t].name) != 0)
            continue;
        *out = (enum dtype)t;
        return true;
    }
    return false;
}

/* Rounds |x| to `mantissa` significant bits, ties to even. `a` holds the bits of |x|, which must not be a NaN.
   Bit number `drop` of `a` is the lowest bit to keep. Let h be half its weight.
   To round, adds h (if that bit is set) or h-1 (if not), and clears the lower bits.
   A carry out of the mantissa increments the exponent. The result may exceed the largest number of the format.
   Below 2^emin, `drop` grows. Let u be the smallest subnormal of the format:
   drop 52, |x| in [u, 2u): only the implicit leading 1 is kept, and it counts as set.
   drop 53, |x| in [u/2, u): the result is u, or 0 for the tie |x| = u/2.
   drop > 53, |x| < u/2: the result is 0. */
static uint64_t magnitude_round(uint64_t a, int mantissa, int emin)
{
    int e = (int)(a >> 52) - 1023;
    int drop = 53 - mantissa + (e < emin ? emin - e : 0);
    if (drop > 53)
        return 0;
    if (drop == 53)
        return (a & 0xFFFFFFFFFFFFFu) ? (uint64_t)(e + 1 + 1023) << 52 : 0;
    uint64_t half = (uint64_t)1 << (drop - 1);
    uint64_t odd = drop == 52 ? 1 : a >> drop & 1;
    return (a + half - 1 + odd) & ~(half * 2 - 1);
}

double dtype_round(enum dtype t, double x)
{
    const struct dtype_info *d = &dtype_table[t];
    BUG_IF(!d->is_float, "dtype_round to %s", d->name);
    if (d->mantissa == 53)
        return x;
    uint64_t b = double_bits(x);
    uint64_t a = b & ~SIGN64;
    if (a >= INF64)
        return x;
    a = magnitude_round(a, d->mantissa, d->emin);
    if (a > double_bits(d->max))
        a = INF64;
    return bits_double(a | (b & SIGN64));
}

double dtype_half_ulp(enum dtype t, double x)
{
    const struct dtype_info *d = &dtype_table[t];
    BUG_IF(!d->is_float, "dtype_half_ulp of %s", d->name);
    uint64_t a = double_bits(x) & ~SIGN64;
    if (a >= INF64)
        return bits_double(a);
    int e = (int)(a >> 52) - 1023;
    if (e < d->emin)
        e = d->emin;
    e -= d->mantissa;
    if (e >= -1022)
        return power_of_two(e);
    return e >= -1074 ? bits_double((uint64_t)1 << (e + 1074)) : DBL_TRUE_MIN;
}

double dtype_unit(enum dtype t)
{
    const struct dtype_info *d = &dtype_table[t];
    BUG_IF(!d->is_float, "dtype_unit of %s", d->name);
    return power_of_two(-d->mantissa);
}

/* Packs |x| into a format with `frac` stored mantissa bits and smallest normal exponent `emin`.
   `a` holds the bits of |x| as a double. Requires that |x| is infinite or exact in the format. */
static uint32_t magnitude_pack(uint64_t a, int frac, int emin)
{
    int e = (int)(a >> 52) - 1023;
    uint64_t m = a & 0xFFFFFFFFFFFFFu;
    uint32_t inf = (uint32_t)(2 * (1 - emin) + 1) << frac; /* all exponent bits set */
    if (a >= INF64)
        return inf;
    if (e >= emin)
        return (uint32_t)(e - emin + 1) << frac | (uint32_t)(m >> (52 - frac));
    if (a == 0)
        return 0;
    return (uint32_t)((m | (uint64_t)1 << 52) >> (52 - frac + emin - e));
}

/* A NaN becomes quiet. Its sign and the top bits of its payload stay, as in the F16C instructions. */
static uint16_t half_from_double(enum dtype t, double x)
{
    const struct dtype_info *d = &dtype_table[t];
    int frac = d->mantissa - 1;
    uint64_t b = double_bits(x);
    uint64_t a = b & ~SIGN64;
    uint32_t sign = (uint32_t)(b >> 63) << 15;
    if (a > INF64) {
        uint32_t payload = (uint32_t)(a >> (52 - frac)) & (((uint32_t)1 << frac) - 1);
        return (uint16_t)(sign | magnitude_pack(INF64, frac, d->emin) | (uint32_t)1 << (frac - 1) | payload);
    }
    a = double_bits(dtype_round(t, x)) & ~SIGN64;
    return (uint16_t)(sign | magnitude_pack(a, frac, d->emin));
}

uint16_t f16_from_double(double x) { return half_from_double(DT_F16, x); }
uint16_t bf16_from_double(double x) { return half_from_double(DT_BF16, x); }

/* Rounds x only once, since widening a float to a double is exact. */
uint16_t f16_from_float(float x) { return half_from_double(DT_F16, (double)x); }

/* bf16 is the upper half of an f32. Adding 0x7FFF, or 0x8000 if the lowest kept bit is set, rounds to nearest even. */
uint16_t bf16_from_float(float x)
{
    uint32_t b = float_bits(x);
    if ((b & 0x7FFFFFFFu) > 0x7F800000u)
        return (uint16_t)(b >> 16 | 0x40u);
    return (uint16_t)((b + 0x7FFFu + (b >> 16 & 1)) >> 16);
}

float f16_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    uint32_t e = h >> 10 & 31;
    uint32_t m = h & 0x3FFu;
    if (e == 31)
        return bits_float(sign | 0x7F800000u | m << 13 | (m ? 0x400000u : 0));
    if (e > 0)
        return bits_float(sign | (e + 127 - 15) << 23 | m << 13);
    float v = (float)m * 0x1p-24f;
    return bits_float(sign | float_bits(v));
}

float bf16_to_float(uint16_t h) { return bits_float((uint32_t)h << 16); }
