#ifndef TOKIC_TESTS_MATH_HOST_H
#define TOKIC_TESTS_MATH_HOST_H
/* codegen/prelude/math.h as C on this machine, beside a reference in double: for the test that samples and the program
   that measures all inputs. Needs -ffp-contract=off. The double functions of libm err by about 2^-52, that is 2^-29 of
   an f32 ulp: nothing here. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef float tk_f32;
typedef double tk_f64;
typedef int32_t tk_i32;
typedef int64_t tk_i64;
typedef uint32_t tk_u32;
typedef uint64_t tk_u64;
#define TK_FN static inline
#define TK_INF __builtin_inff()
#define TK_NAN __builtin_nanf("")
TK_FN tk_f32 tk_fma_f32(tk_f32 a, tk_f32 b, tk_f32 c) { return __builtin_fmaf(a, b, c); }
TK_FN tk_f32 tk_sqrt_f32(tk_f32 x) { return __builtin_sqrtf(x); }
TK_FN tk_f32 tk_bits_f32(tk_u32 u)
{
    tk_f32 x;
    memcpy(&x, &u, sizeof x);
    return x;
}
TK_FN tk_u32 tk_f32_bits(tk_f32 x)
{
    tk_u32 u;
    memcpy(&u, &x, sizeof u);
    return u;
}
#include "codegen/prelude/math.h"

#define MATH_HOST_NAMES(X) X(exp) X(exp2) X(log) X(log2) X(tanh) X(erf) X(rsqrt) X(sigmoid) X(sin) X(cos) X(log1p)

static inline double exp_ref(double x) { return exp(x); }
static inline double exp2_ref(double x) { return exp2(x); }
static inline double log_ref(double x) { return log(x); }
static inline double log2_ref(double x) { return log2(x); }
static inline double tanh_ref(double x) { return tanh(x); }
static inline double erf_ref(double x) { return erf(x); }
static inline double rsqrt_ref(double x) { return 1 / sqrt(x); }
static inline double sigmoid_ref(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }

static inline double sin_ref(double x) { return sin(x); }
static inline double cos_ref(double x) { return cos(x); }
static inline double log1p_ref(double x) { return log1p(x); }

/* |y - ref| in units of the last place that f32 has at ref (2^-149 for subnormals). Infinite or too large counts as
   2^128, where f32 would go on: an infinity for a value that rounds to the largest finite number errs by less than one.
   NaN on either side: 0, see math_special_differs. */
static inline double math_ulp_error(float y, double ref)
{
    const double top = 0x1p128;
    double v = y > 0x1p127f * 1.99999988f ? top : y < -0x1p127f * 1.99999988f ? -top : y;
    double r = ref > top ? top : ref < -top ? -top : ref;
    uint64_t bits;
    memcpy(&bits, &r, sizeof bits);
    int64_t e = (int64_t)(bits >> 52 & 0x7FF); /* biased by 1023 */
    e = e < 1023 - 126 ? 1023 - 126 : e > 1023 + 127 ? 1023 + 127 : e;
    uint64_t scale_bits = (uint64_t)(2 * 1023 + 23 - e) << 52;
    double scale;
    memcpy(&scale, &scale_bits, sizeof scale);
    double d = fabs(v - r) * scale;
    return d >= 0 ? d : 0;
}

/* What an error in ulp does not see: NaN on one side only, infinity where a correctly rounded result is finite (or the
   reverse), the sign of zero. */
static inline bool math_special_differs(float y, double ref)
{
    float r = (float)ref;
    if (isnan(r) || isnan(y))
        return isnan(r) != isnan(y);
    if (isinf(r) || isinf(y))
        return r != y;
    return y == 0 && r == 0 && (signbit(y) != 0) != (signbit(ref) != 0);
}
#endif
