/* tokic's math functions as the host's C: on inputs spread over all of f32, each errs by no more than its row of
   ir/mathfn.c says, and at the special values it is exactly what it must be. bench/ulp takes all 2^32 inputs. */
#include "tests/support/support.h"

#include "ir/mathfn.h"
#include "tests/support/math_host.h"

struct fn {
    const char *name;
    float (*eval)(float x);
    double (*ref)(double x);
};
#define EVAL(f)                                                                                                        \
    static float f##_eval(float x) { return tk_##f##_f32(x); }
MATH_HOST_NAMES(EVAL)
#define ROW(f) { #f, f##_eval, f##_ref },
static const struct fn fns[] = { MATH_HOST_NAMES(ROW) };
enum { N_FNS = sizeof fns / sizeof *fns };

static const struct fn *fn_find(const char *name)
{
    for (int i = 0; i < N_FNS; i++) {
        if (strcmp(fns[i].name, name) == 0)
            return &fns[i];
    }
    fail_msg("no function %s", name);
    return NULL;
}

static void expect_within(const struct fn *fn, float x, double bound, double *worst)
{
    float y = fn->eval(x);
    double ref = fn->ref((double)x);
    double err = math_ulp_error(y, ref);
    if (math_special_differs(y, ref) || err > bound)
        fail_msg("%s(%a = %08x) = %a, exact %a: %g ulp, bound %g", fn->name, (double)x, tk_f32_bits(x), (double)y, ref,
                 err, bound);
    if (err > *worst)
        *worst = err;
}

/* Every 4099th input (a prime: all exponents, no common low bits), a million random ones with small exponents, where
   results are neither 0 nor 1 nor infinite, and the neighbourhood of every power of two and of every switch between two
   formulas. */
static void test_within_table(void **state)
{
    (void)state;
    static const float edges[] = { 0.6f,        0.85f,        4.0f,         10.0f,    9.0109f, 3.9192f,
                                   88.7228394f, -87.3365479f, -103.972084f, -126.0f,  -149.5f, 2.0f / 3,
                                   4.0f / 3,    0.707106769f, -1.0f / 3,    1.0f / 3, -1.0f,   0.785398163f,
                                   1.57079637f, 3.14159274f,  131072.0f };
    for (int i = 0; i < N_FNS; i++) {
        const struct fn *fn = &fns[i];
        const struct mathfn *row = mathfn_find(fn->name);
        assert_non_null(row);
        uint64_t seed = 7;
        double worst = 0;
        for (uint64_t b = 0; b < (uint64_t)1 << 32; b += 4099)
            expect_within(fn, tk_bits_f32((tk_u32)b), row->measured, &worst);
        for (int k = 0; k < 1000000; k++) {
            uint64_t r = rnd_u64(&seed);
            uint32_t e = 127 - 10 + (uint32_t)(r >> 32) % 18;
            expect_within(fn, tk_bits_f32((tk_u32)(r & 0x807FFFFF) | e << 23), row->measured, &worst);
        }
        for (uint32_t e = 0; e < 256; e++) {
            for (uint32_t d = 0; d < 1025; d++) {
                expect_within(fn, tk_bits_f32((e << 23) + d - 512), row->measured, &worst);
                expect_within(fn, tk_bits_f32((e << 23 | 0x80000000u) + d - 512), row->measured, &worst);
            }
        }
        for (size_t k = 0; k < sizeof edges / sizeof *edges; k++) {
            for (uint32_t d = 0; d < 4001; d++)
                expect_within(fn, tk_bits_f32(tk_f32_bits(edges[k]) + d - 2000), row->measured, &worst);
        }
        assert_true(worst >
                    0.5 * row->measured); /* the sample does reach the hard places: the measured bound is not idle */
    }
}

/* Of the floats in [2^e, 2^(e+1)), e = 0 … 127, the one nearest to a multiple of π/2: there the error of the argument's
   reduction is that of sin or cos. */
static void test_near_multiples_of_half_pi(void **state)
{
    (void)state;
    static const uint32_t hard[128] = {
        0x3FC90FDB, 0x40490FDB, 0x4096CBE4, 0x4116CBE4, 0x4196CBE4, 0x4216CBE4, 0x4296CBE4, 0x437CE5F1, 0x43FCE5F1,
        0x447CE5F1, 0x44FCE5F1, 0x450BE628, 0x458BE628, 0x460BE628, 0x468BE628, 0x474D246F, 0x47CD246F, 0x484D246F,
        0x4882665E, 0x4902665E, 0x4982665E, 0x4A2562AE, 0x4AA562AE, 0x4B2562AE, 0x4BF3B47B, 0x4C2332E9, 0x4CA332E9,
        0x4D2332E9, 0x4D847661, 0x4E13D4A5, 0x4E93D4A5, 0x4F0FFD14, 0x4FDBD32F, 0x507FD274, 0x50A3E87F, 0x5123E87F,
        0x51A3E87F, 0x5223E87F, 0x52A3E87F, 0x5323E87F, 0x53B146A6, 0x543146A6, 0x54B146A6, 0x553146A6, 0x55B146A6,
        0x56787577, 0x56F87577, 0x57787577, 0x57B82989, 0x58382989, 0x58DC36C9, 0x596E3D69, 0x59F740B9, 0x5A7BC261,
        0x5AFE0335, 0x5B7F239F, 0x5BFFB3D4, 0x5C07BCD0, 0x5C87BCD0, 0x5D07BCD0, 0x5D87BCD0, 0x5E07BCD0, 0x5E87BCD0,
        0x5F07BCD0, 0x5FE4112C, 0x6064112C, 0x60AB0CE1, 0x617C556B, 0x61D3B126, 0x6253B126, 0x62EC1B4A, 0x636C1B4A,
        0x63E600C1, 0x642E0733, 0x64AE0733, 0x652E0733, 0x65898498, 0x66098498, 0x66898498, 0x67098498, 0x67898498,
        0x68098498, 0x68898498, 0x6946E3BB, 0x69C6E3BB, 0x6A1976F1, 0x6A9976F1, 0x6B1976F1, 0x6B9976F1, 0x6C55DA58,
        0x6CD5DA58, 0x6D2063C2, 0x6D85A877, 0x6E05A877, 0x6E85A877, 0x6F79BE45, 0x6FF9BE45, 0x7079BE45, 0x70F9BE45,
        0x7179BE45, 0x71F9BE45, 0x723FA09A, 0x72BFA09A, 0x733FA09A, 0x73E61C18, 0x7452DE59, 0x74D2DE59, 0x756FA1DC,
        0x75949471, 0x76507CE8, 0x76A426EB, 0x77584625, 0x77D84625, 0x78584625, 0x78A8B883, 0x79407F54, 0x79C07F54,
        0x7A105F7F, 0x7AFCCBAB, 0x7B1675C0, 0x7B9675C0, 0x7C6C3305, 0x7CFF01BD, 0x7D7F01BD, 0x7DFF01BD, 0x7E7F01BD,
        0x7EBDCDA0, 0x7F3DCDA0
    };
    for (int i = 0; i < 128; i++) {
        double worst = 0;
        for (uint32_t sign = 0; sign < 2; sign++) {
            float x = tk_bits_f32(hard[i] | sign << 31);
            expect_within(fn_find("sin"), x, mathfn_find("sin")->measured, &worst);
            expect_within(fn_find("cos"), x, mathfn_find("cos")->measured, &worst);
        }
        assert_true(fmin(fabs(sin((double)tk_bits_f32(hard[i]))), fabs(cos((double)tk_bits_f32(hard[i])))) < 1e-5);
    }
}

/* What each function is where no rounding is allowed for. NAN: any NaN. */
static void test_special_values(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float x, y;
    } table[] = {
        { "exp", 0, 1 },
        { "exp", -0.0f, 1 },
        { "exp", INFINITY, INFINITY },
        { "exp", -INFINITY, 0 },
        { "exp", 89, INFINITY },
        { "exp", 3e38f, INFINITY },
        { "exp", -104, 0 },
        { "exp", -3e38f, 0 },
        { "exp", -103.9f, 0x1p-149f },
        { "exp", 1e-30f, 1 },
        { "exp2", 0, 1 },
        { "exp2", -0.0f, 1 },
        { "exp2", 127, 0x1p127f },
        { "exp2", 128, INFINITY },
        { "exp2", -126, 0x1p-126f },
        { "exp2", -149, 0x1p-149f },
        { "exp2", -150, 0 },
        { "exp2", INFINITY, INFINITY },
        { "exp2", -INFINITY, 0 },
        { "exp2", 3e38f, INFINITY },
        { "exp2", -3e38f, 0 },
        { "log", 1, 0 },
        { "log", 0, -INFINITY },
        { "log", -0.0f, -INFINITY },
        { "log", INFINITY, INFINITY },
        { "log", -1, NAN },
        { "log", -INFINITY, NAN },
        { "log", -0x1p-149f, NAN },
        { "log2", 1, 0 },
        { "log2", 0x1p-149f, -149 },
        { "log2", 0x1p-127f, -127 },
        { "log2", 0x1p127f, 127 },
        { "log2", 0.5f, -1 },
        { "log2", 8, 3 },
        { "log2", 0, -INFINITY },
        { "log2", -0.0f, -INFINITY },
        { "log2", INFINITY, INFINITY },
        { "log2", -1, NAN },
        { "log2", -INFINITY, NAN },
        { "tanh", 0, 0 },
        { "tanh", -0.0f, -0.0f },
        { "tanh", INFINITY, 1 },
        { "tanh", -INFINITY, -1 },
        { "tanh", 0x1p-149f, 0x1p-149f },
        { "tanh", 10, 1 },
        { "tanh", -20, -1 },
        { "erf", 0, 0 },
        { "erf", -0.0f, -0.0f },
        { "erf", INFINITY, 1 },
        { "erf", -INFINITY, -1 },
        { "erf", 0x1p-149f, 0x1p-149f },
        { "erf", 4, 1 },
        { "erf", -5, -1 },
        { "rsqrt", 0, INFINITY },
        { "rsqrt", -0.0f, -INFINITY },
        { "rsqrt", INFINITY, 0 },
        { "rsqrt", -1, NAN },
        { "rsqrt", -INFINITY, NAN },
        { "rsqrt", 4, 0.5f },
        { "rsqrt", 0x1p-148f, 0x1p74f },
        { "sigmoid", 0, 0.5f },
        { "sigmoid", -0.0f, 0.5f },
        { "sigmoid", INFINITY, 1 },
        { "sigmoid", -INFINITY, 0 },
        { "sigmoid", 100, 1 },
        { "sigmoid", -103.9f, 0x1p-149f },
        { "sigmoid", -105, 0 },
        { "sin", 0, 0 },
        { "sin", -0.0f, -0.0f },
        { "sin", 0x1p-149f, 0x1p-149f },
        { "sin", INFINITY, NAN },
        { "sin", -INFINITY, NAN },
        { "cos", 0, 1 },
        { "cos", -0.0f, 1 },
        { "cos", 0x1p-149f, 1 },
        { "cos", INFINITY, NAN },
        { "cos", -INFINITY, NAN },
        { "log1p", 0, 0 },
        { "log1p", -0.0f, -0.0f },
        { "log1p", 0x1p-149f, 0x1p-149f },
        { "log1p", -1, -INFINITY },
        { "log1p", -1.5f, NAN },
        { "log1p", INFINITY, INFINITY },
        { "log1p", -INFINITY, NAN },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        float y = fn_find(table[i].name)->eval(table[i].x);
        bool good = isnan(table[i].y) ? isnan(y) : tk_f32_bits(y) == tk_f32_bits(table[i].y);
        if (!good)
            fail_msg("%s(%a) = %a, want %a", table[i].name, (double)table[i].x, (double)y, (double)table[i].y);
    }
    static const uint32_t nans[] = { 0x7FC00000, 0xFFC00000, 0x7FFFFFFF, 0x7F800001, 0xFFFFFFFF };
    for (int i = 0; i < N_FNS; i++) {
        for (int k = 0; k < 5; k++)
            assert_true(isnan(fns[i].eval(tk_bits_f32(nans[k]))));
    }
}

/* The judge itself: it must see an error, at a normal number, a subnormal, the largest number, and on the wrong side of
   special values. */
static void test_error_measure(void **state)
{
    (void)state;
    assert_true(math_ulp_error(1.0f, 1.0) == 0 && math_ulp_error(tk_bits_f32(0x3F800003), 1.0) == 3);
    assert_true(math_ulp_error(0x1p-149f, 0x1.8p-149) == 0.5 && math_ulp_error(0, 0x1p-148) == 2);
    assert_true(math_ulp_error(INFINITY, 0x1.FFFFFEp127) == 1 && math_ulp_error(INFINITY, 1e300) == 0 &&
                math_ulp_error(INFINITY, 1) > 1e9);
    assert_true(math_ulp_error(-INFINITY, 0) > 1e9 && math_ulp_error(INFINITY, -INFINITY) > 1e7 &&
                math_ulp_error(-INFINITY, -INFINITY) == 0);
    assert_true(math_special_differs(NAN, 1) && math_special_differs(1, NAN) && !math_special_differs(NAN, NAN));
    assert_true(math_special_differs(INFINITY, 1) && math_special_differs(1, 1e300) &&
                math_special_differs(-INFINITY, INFINITY));
    assert_true(math_special_differs(0, -0.0) && !math_special_differs(-0.0f, -0.0) &&
                !math_special_differs(INFINITY, 1e300));
}

static void test_table(void **state)
{
    (void)state;
    assert_int_equal(N_FNS, MATHFN_COUNT);
    for (int i = 0; i < MATHFN_COUNT; i++) {
        const struct mathfn *row = &mathfn_table[i];
        assert_ptr_equal(mathfn_find(row->name), row);
        assert_non_null(fn_find(row->name));
        assert_true(mathfn_ulp(row->name) == 2.0 && row->measured > 0.5 && row->measured <= row->ulp);
    }
    assert_null(mathfn_find("sinh"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_error_measure),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_within_table),
        cmocka_unit_test(test_near_multiples_of_half_pi),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
