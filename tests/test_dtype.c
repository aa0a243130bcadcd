/* Number formats: ir/dtype.c against the formats' definitions (a table of every value, built by ldexp), the host's own
   conversions, and F16C. */
#include "tests/support/needs.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "ir/dtype.h"

/* A 16-bit format and what converts to and from it. */
struct half {
    enum dtype type;
    int frac, bias;
    uint16_t inf;
    uint16_t (*from_double)(double x);
    uint16_t (*from_float)(float x);
    float (*to_float)(uint16_t h);
};
static const struct half halves[] = {
    { DT_F16, 10, 15, 0x7C00, f16_from_double, f16_from_float, f16_to_float },
    { DT_BF16, 7, 127, 0x7F80, bf16_from_double, bf16_from_float, bf16_to_float },
};

static float float_of(uint32_t b)
{
    float x;
    memcpy(&x, &b, sizeof x);
    return x;
}

static uint32_t bits_of(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static double double_of(uint64_t b)
{
    double x;
    memcpy(&x, &b, sizeof x);
    return x;
}

static bool same_double(double a, double b)
{
    return isnan(a) ? isnan(b) && signbit(a) == signbit(b) : a == b && signbit(a) == signbit(b);
}

/* The value of bits h below the sign, by the definition; at h = inf what would come next after the largest finite
   number. */
static double half_value(const struct half *f, uint16_t h)
{
    int e = h >> f->frac;
    int m = h & ((1 << f->frac) - 1);
    return e == 0 ? ldexp(m, 1 - f->bias - f->frac) : ldexp((1 << f->frac) + m, e - f->bias - f->frac);
}

/* Round to nearest even by search: the largest h whose value is at most |x|, then |x| against the midpoint, which a
   double has exactly. */
static uint16_t half_by_search(const struct half *f, double x)
{
    uint16_t sign = signbit(x) ? 0x8000 : 0;
    uint16_t lo = 0;
    uint16_t hi = f->inf;
    double a = fabs(x);
    if (a >= half_value(f, hi))
        return sign | hi;
    while (hi - lo > 1) {
        uint16_t mid = (uint16_t)((lo + hi) / 2);
        if (half_value(f, mid) <= a)
            lo = mid;
        else
            hi = mid;
    }
    double middle = (half_value(f, lo) + half_value(f, hi)) / 2;
    if (a != middle)
        return sign | (a < middle ? lo : hi);
    return sign | (lo % 2 == 0 ? lo : hi);
}

static void expect_half(const struct half *f, double x)
{
    uint16_t want = half_by_search(f, x);
    uint16_t got = f->from_double(x);
    if (got != want)
        fail_msg("%s from %a: %04x, want %04x", dtype_name(f->type), x, got, want);
    double rounded = dtype_round(f->type, x);
    if (!same_double(rounded, (double)f->to_float(want)))
        fail_msg("dtype_round(%s, %a) = %a", dtype_name(f->type), x, rounded);
}

static void test_table(void **state)
{
    (void)state;
    static const char *const names[] = { "float", "f16", "bf16", "f32", "f64", "i32", "i64", "bool" };
    static const int sizes[] = { 0, 2, 2, 4, 8, 4, 8, 1 };
    enum dtype t;
    for (int i = 0; i < DT_COUNT; i++) {
        assert_true(dtype_parse(names[i], &t));
        assert_int_equal(t, i);
        assert_string_equal(dtype_name(t), names[i]);
        assert_int_equal(dtype_size(t), sizes[i]);
        assert_int_equal(dtype_is_float(t), i <= DT_F64);
    }
    assert_false(dtype_parse("f8", &t));
    assert_false(dtype_parse("", &t));
    assert_true(dtype_table[DT_F16].max == 65504 && dtype_table[DT_F32].max == (double)FLT_MAX &&
                dtype_table[DT_F64].max == DBL_MAX);
    assert_true(dtype_table[DT_BF16].max == (double)float_of(0x7F7F0000));
    assert_true(dtype_unit(DT_F16) == ldexp(1, -11) && dtype_unit(DT_BF16) == ldexp(1, -8));
    assert_true(dtype_unit(DT_F32) == ldexp(1, -24) && dtype_unit(DT_F64) == ldexp(1, -53));
}

/* Every bit pattern, to float and back. */
static void test_half_all_values(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        const struct half *f = &halves[k];
        for (uint32_t i = 0; i < 0x10000; i++) {
            uint16_t h = (uint16_t)i;
            uint16_t mag = h & 0x7FFF;
            float x = f->to_float(h);
            if (mag > f->inf) {
                assert_true(isnan(x) && (signbit(x) != 0) == (h >> 15));
                uint16_t quiet = h | (uint16_t)(1 << (f->frac - 1));
                assert_int_equal(f->from_float(x), quiet);
                assert_int_equal(f->from_double((double)x), quiet);
                continue;
            }
            double want = mag == f->inf ? INFINITY : half_value(f, mag);
            assert_true(same_double((double)x, h >> 15 ? -want : want));
            assert_int_equal(f->from_float(x), h);
            assert_int_equal(f->from_double((double)x), h);
            assert_true(same_double(dtype_round(f->type, (double)x), (double)x));
        }
    }
}

/* Between every two neighbours (zero, the subnormals and the step beyond the largest included): the ends, the tie, and
   a double to each side of them. */
static void test_half_neighbours(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        const struct half *f = &halves[k];
        for (uint16_t h = 0; h < f->inf; h++) {
            double lo = half_value(f, h);
            double hi = half_value(f, h + 1);
            double mid = (lo + hi) / 2;
            const double at[] = {
                lo, nextafter(lo, hi), nextafter(mid, lo), mid, nextafter(mid, hi), nextafter(hi, lo)
            };
            for (int i = 0; i < 6; i++) {
                expect_half(f, at[i]);
                expect_half(f, -at[i]);
            }
        }
    }
    assert_int_equal(f16_from_double(65519.999), 0x7BFF);
    assert_int_equal(f16_from_double(65520), 0x7C00);
    assert_int_equal(f16_from_double(-1e300), 0xFC00);
    assert_int_equal(f16_from_double(0x1p-25), 0);
    assert_int_equal(f16_from_double(-0x1.0000000000001p-25), 0x8001);
    assert_int_equal(bf16_from_double(0x1.8p-133), 2); /* the tie between the first two subnormals */
}

/* 1 + 2^-11 + 2^-40 lies above a tie of f16, but rounds onto it in f32: two roundings would go down. */
static void test_single_rounding(void **state)
{
    (void)state;
    double x = 1 + ldexp(1, -11) + ldexp(1, -40);
    assert_int_equal(f16_from_double(x), 0x3C01);
    assert_int_equal(f16_from_float((float)x), 0x3C00);
    x = 1 + ldexp(1, -8) + ldexp(1, -40);
    assert_int_equal(bf16_from_double(x), 0x3F81);
    assert_int_equal(bf16_from_float((float)x), 0x3F80);
}

static void test_half_random(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 300000; i++) {
        uint64_t r = rnd_u64(&seed);
        for (int k = 0; k < 2; k++) {
            int e = (int)rnd_range(&seed, -halves[k].bias - halves[k].frac - 3, halves[k].bias + 2);
            expect_half(&halves[k], ldexp(double_of((r & 0x800FFFFFFFFFFFFFu) | 0x3FF0000000000000u), e));
        }
        double any = double_of(r);
        if (!isnan(any))
            expect_half(&halves[i % 2], any);
    }
}

static void test_half_special(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        const struct half *f = &halves[k];
        expect_half(f, 0.0);
        expect_half(f, -0.0);
        expect_half(f, INFINITY);
        expect_half(f, -INFINITY);
        expect_half(f, DBL_MAX);
        expect_half(f, -DBL_TRUE_MIN);
        for (int sign = 0; sign < 2; sign++) {
            /* quiet, quiet with payload, and signalling with nothing in the bits that are kept: must not become
               infinity */
            static const uint64_t nans[] = { 0x7FF8000000000000u, 0x7FFFFFFFFFFFFFFFu, 0x7FF0000000000001u };
            for (int i = 0; i < 3; i++) {
                uint16_t h = f->from_double(double_of(nans[i] | (uint64_t)sign << 63));
                assert_true((h & 0x7FFF) > f->inf && (h >> 15) == sign);
                assert_true(h & 1 << (f->frac - 1));
            }
            uint16_t h = f->from_float(float_of(0x7F800001u | (uint32_t)sign << 31));
            assert_true((h & 0x7FFF) > f->inf && (h >> 15) == sign);
        }
    }
}

/* Every 977th float (977 is prime: all exponents and all low bits occur). */
static void test_half_from_float(void **state)
{
    (void)state;
    for (uint64_t b = 0; b < (uint64_t)1 << 32; b += 977) {
        float x = float_of((uint32_t)b);
        for (int k = 0; k < 2; k++) {
            uint16_t a = halves[k].from_float(x);
            uint16_t d = halves[k].from_double((double)x);
            if (a != d)
                fail_msg("%s from %08x: %04x as a float, %04x as a double", dtype_name(halves[k].type), (uint32_t)b, a,
                         d);
        }
    }
}

/* Rounding to f32 against the host's own conversion; f64 and `float` change nothing. */
static void test_round_f32(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 1000000; i++) {
        uint64_t r = rnd_u64(&seed);
        double x = i % 4 == 0 ? double_of(r)
                              : ldexp(double_of((r & 0x800FFFFFFFFFFFFFu) | 0x3FF0000000000000u),
                                      (int)rnd_range(&seed, -153, 129));
        volatile float want = (float)x;
        if (!same_double(dtype_round(DT_F32, x), (double)want))
            fail_msg("dtype_round(f32, %a) = %a, want %a", x, dtype_round(DT_F32, x), (double)want);
        assert_true(same_double(dtype_round(DT_F64, x), x) && same_double(dtype_round(DT_FLOAT, x), x));
        /* A float, its upper neighbour, the tie between them and the doubles beside it. */
        float lo = float_of((uint32_t)r & 0x7FFFFFFF);
        if (!(lo < FLT_MAX))
            continue;
        float hi = float_of(bits_of(lo) + 1);
        double mid = ((double)lo + (double)hi) / 2;
        assert_true(dtype_round(DT_F32, nextafter(mid, 0)) == (double)lo &&
                    dtype_round(DT_F32, nextafter(mid, INFINITY)) == (double)hi);
        assert_true(dtype_round(DT_F32, mid) == (double)(bits_of(lo) % 2 == 0 ? lo : hi));
    }
    for (uint32_t b = 0; b < 5000; b++) { /* ties of subnormals: the random ones are mostly normal */
        double mid = ldexp(b + 0.5, -149);
        assert_true(dtype_round(DT_F32, mid) == ldexp(b + b % 2, -149));
        assert_true(dtype_round(DT_F32, nextafter(mid, 1)) == ldexp(b + 1, -149));
        assert_true(dtype_round(DT_F32, nextafter(mid, 0)) == ldexp(b, -149));
    }
    double edge = ldexp(1 - ldexp(1, -25), 128);
    assert_true(isinf(dtype_round(DT_F32, edge)) && dtype_round(DT_F32, nextafter(edge, 0)) == (double)FLT_MAX);
}

/* Twice the half ulp is the step to the next number of the format. */
static void test_half_ulp(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        const struct half *f = &halves[k];
        for (uint16_t h = 0; h < f->inf; h++) {
            double v = half_value(f, h);
            double step = half_value(f, h + 1) - v;
            assert_true(dtype_half_ulp(f->type, v) == step / 2 && dtype_half_ulp(f->type, -v) == step / 2);
            assert_true(dtype_half_ulp(f->type, v + step * 0.75) == step / 2);
        }
    }
    uint64_t seed = 3;
    for (int i = 0; i < 100000; i++) {
        uint32_t b = (uint32_t)rnd_u64(&seed) & 0x7FFFFFFF;
        if (b >= 0x7F7FFFFF)
            continue;
        assert_true(dtype_half_ulp(DT_F32, (double)float_of(b)) == ((double)float_of(b + 1) - (double)float_of(b)) / 2);
        double x = double_of(rnd_u64(&seed) & 0x7FFFFFFFFFFFFFFFu);
        if (!(x < DBL_MAX) || x < 0x1p-1000)
            continue;
        assert_true(dtype_half_ulp(DT_F64, x) == (nextafter(x, INFINITY) - x) / 2);
    }
    assert_true(dtype_half_ulp(DT_F32, 0) == ldexp(1, -150) && dtype_half_ulp(DT_F64, 0) == DBL_TRUE_MIN &&
                dtype_half_ulp(DT_F64, 1) == ldexp(1, -53));
    assert_true(isinf(dtype_half_ulp(DT_F16, -INFINITY)) && isnan(dtype_half_ulp(DT_F16, NAN)));
}

#if defined(__x86_64__)
__attribute__((target("f16c"))) static uint16_t f16c_from_float(float x)
{
    return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT);
}
__attribute__((target("f16c"))) static float f16c_to_float(uint16_t h) { return _cvtsh_ss(h); }
#endif

/* The processor's own conversions: bit for bit, NaNs included. */
static void test_f16c(void **state)
{
    (void)state;
#if defined(__x86_64__)
    for (uint32_t h = 0; h < 0x10000; h++)
        assert_int_equal(bits_of(f16_to_float((uint16_t)h)), bits_of(f16c_to_float((uint16_t)h)));
    for (uint64_t b = 0; b < (uint64_t)1 << 32; b += 499) {
        float x = float_of((uint32_t)b);
        uint16_t got = f16_from_float(x);
        uint16_t want = f16c_from_float(x);
        if (got != want)
            fail_msg("f16 from %08x: %04x, the processor has %04x", (uint32_t)b, got, want);
    }
#endif
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),           cmocka_unit_test(test_half_all_values),
        cmocka_unit_test(test_half_neighbours), cmocka_unit_test(test_single_rounding),
        cmocka_unit_test(test_half_random),     cmocka_unit_test(test_half_special),
        cmocka_unit_test(test_half_from_float), cmocka_unit_test(test_round_f32),
        cmocka_unit_test(test_half_ulp),        needs("f16c", test_f16c),
    };
    return tests_main(argc, argv, tests, NULL, NULL);
}
