/* The numbers that ops are evaluated over, and the bounds that ops share. */
#include "tests/support/support.h"

#include "ir/ops/eval.h"

static uint64_t draw_field(uint64_t *rnd)
{
    static const uint64_t edges[] = { 0, 1, 2, FIELD_P - 1, FIELD_P - 2, UINT64_C(1) << 60, (UINT64_C(1) << 32) - 1 };
    return rnd_range(rnd, 0, 3) ? rnd_u64(rnd) % FIELD_P : edges[rnd_range(rnd, 0, 6)];
}

/* a·b by doubling and adding, with nothing wider than 64 bits. */
static uint64_t mul_slow(uint64_t a, uint64_t b)
{
    uint64_t r = 0;
    for (; b; b >>= 1) {
        if (b & 1)
            r = (r + a) % FIELD_P;
        a = a * 2 % FIELD_P;
    }
    return r;
}

static void test_field_is_a_field(void **state)
{
    (void)state;
    uint64_t rnd = 1;
    for (int i = 0; i < 3000; i++) {
        uint64_t a = draw_field(&rnd);
        uint64_t b = draw_field(&rnd);
        uint64_t c = draw_field(&rnd);
        assert_int_equal(field_add(a, b), (a + b) % FIELD_P);
        assert_int_equal(field_sub(a, b), (a + FIELD_P - b) % FIELD_P);
        assert_int_equal(field_mul(a, b), mul_slow(a, b));
        assert_int_equal(field_mul(a, field_add(b, c)), field_add(field_mul(a, b), field_mul(a, c)));
        assert_int_equal(field_mul(a, field_inv(a)), a != 0);
    }
}

static void test_numbers_map_into_the_field(void **state)
{
    (void)state;
    uint64_t rnd = 2;
    assert_int_equal(field_of_double(0), 0);
    assert_int_equal(field_of_double(-0.0), 0);
    assert_int_equal(field_of_double(-1), FIELD_P - 1);
    assert_int_equal(field_of_double(0.5), field_inv(2));
    assert_int_equal(field_of_double(0x1p61), 1);
    assert_int_equal(field_of_double(0x1p-1074), field_inv(UINT64_C(1) << (1074 % 61)));
    assert_int_equal(field_of_int(INT64_MIN), field_sub(0, field_of_double(0x1p63)));
    assert_int_equal(field_of_int(INT64_MAX), 3); /* 2^63 − 1 = 4·2^61 − 1 */
    for (int i = 0; i < 3000; i++) {              /* sums and products that doubles have exactly */
        double x = ldexp((double)rnd_range(&rnd, -(1 << 25), 1 << 25), (int)rnd_range(&rnd, -200, 200));
        double y = ldexp((double)rnd_range(&rnd, -(1 << 25), 1 << 25), (int)rnd_range(&rnd, -200, 200));
        assert_int_equal(field_of_double(x * y), field_mul(field_of_double(x), field_of_double(y)));
        int64_t k = rnd_range(&rnd, -(INT64_C(1) << 52), INT64_C(1) << 52);
        int64_t l = rnd_range(&rnd, -(INT64_C(1) << 52), INT64_C(1) << 52);
        assert_int_equal(field_of_double((double)(k + l)), field_add(field_of_int(k), field_of_int(l)));
        assert_int_equal(field_of_double((double)k), field_of_int(k));
    }
    uint64_t inf = field_of_double(INFINITY);
    uint64_t minus = field_of_double(-INFINITY);
    uint64_t nan = field_of_double(NAN);
    assert_true(inf < FIELD_P && minus < FIELD_P && nan < FIELD_P && inf != minus && inf != nan && minus != nan);
}

/* Each of key, function and operands counts, in order; every output bit flips about half of the time. */
static void test_mix_hangs_on_everything(void **state)
{
    (void)state;
    uint64_t rnd = 3;
    int ones[61] = { 0 };
    enum { N = 4000 };
    for (int i = 0; i < N; i++) {
        uint64_t key = rnd_u64(&rnd);
        uint64_t a = draw_field(&rnd);
        uint64_t b = (a + 1 + rnd_u64(&rnd) % (FIELD_P - 1)) % FIELD_P;
        uint64_t h = field_mix(key, 3, a, b);
        assert_true(h < FIELD_P);
        assert_int_equal(h, field_mix(key, 3, a, b));
        assert_int_not_equal(h, field_mix(key, 3, b, a));
        assert_int_not_equal(h, field_mix(key, 4, a, b));
        assert_int_not_equal(h, field_mix(key ^ 1, 3, a, b));
        uint64_t d = h ^ field_mix(key, 3, a ^ 1, b);
        for (int j = 0; j < 61; j++)
            ones[j] += d >> j & 1;
    }
    for (int j = 0; j < 61; j++)
        assert_in_range(ones[j], N / 2 - 6 * 32, N / 2 + 6 * 32); /* six standard deviations */
}

static const struct ev doubles = { .kind = NUM_DOUBLE, .acc = DT_F64, .store = DT_F64 };
static const struct ev field = { .kind = NUM_FIELD, .acc = DT_F64, .store = DT_F64, .key = 9 };

static double max2(double a, double b) { return n_max(&doubles, (NUM){ .d = a }, (NUM){ .d = b }).d; }
static double min2(double a, double b) { return n_min(&doubles, (NUM){ .d = a }, (NUM){ .d = b }).d; }

static void test_extrema(void **state)
{
    (void)state;
    assert_true(max2(1, 2) == 2 && max2(2, 1) == 2 && min2(1, 2) == 1 && min2(2, 1) == 1);
    assert_true(isnan(max2(NAN, 1)) && isnan(max2(1, NAN)) && isnan(min2(NAN, INFINITY)) &&
                isnan(min2(-INFINITY, NAN)));
    assert_true(signbit(max2(-0.0, 0.0)) && !signbit(max2(0.0, -0.0)) && signbit(min2(-0.0, 0.0)) &&
                !signbit(min2(0.0, -0.0)));
    NUM a = { .u = 5 };
    NUM b = { .u = 6 };
    assert_int_equal(n_max(&field, a, b).u, n_max(&field, b, a).u);
    assert_int_not_equal(n_max(&field, a, b).u, n_min(&field, a, b).u);
    assert_int_not_equal(n_fn(&field, FN_EXP, a).u, n_fn(&field, FN_LOG, a).u);
    assert_int_equal(n_ratio(&field, 1, 3).u, field_inv(3));
}

/* ---- sums ---- */
__extension__ typedef __int128 i128;

static double sum_of(const struct ev *c, const NUM *x, int n)
{
    struct n_sum t = n_sum_begin(c);
    for (int i = 0; i < n; i++)
        n_sum_add(&t, x[i]);
    return n_sum_end(&t).d;
}

/* Terms of a cancelling sum with few bits each, whose exact value is had in integers: k·2^-40. */
static void test_double_sums_lose_nothing(void **state)
{
    (void)state;
    uint64_t rnd = 4;
    for (int i = 0; i < 200; i++) {
        enum { N = 300 };
        NUM x[N], one[N];
        i128 exact = 0;
        int n = (int)rnd_range(&rnd, 0, N);
        for (int k = 0; k < n; k++) {
            int64_t m = rnd_range(&rnd, -(1 << 20), 1 << 20);
            int shift = (int)rnd_range(&rnd, 0, 60);
            x[k].d = ldexp((double)m, shift - 40);
            one[k].d = 1;
            exact += (i128)m * ((i128)1 << shift);
        }
        double want = ldexp((double)exact, -40);
        double got = sum_of(&doubles, x, n);
        double dot = n_dot(&doubles, x, 1, one, 1, n).d;
        assert_true(fabs(got - want) <= dtype_half_ulp(DT_F64, want) * 2);
        struct bd b = { .v = doubles, .u = 0x1p-53 };
        double mass = 0;
        for (int k = 0; k < n; k++)
            mass += fabs(x[k].d);
        assert_true(fabs(dot - want) <= bd_sum(&b, mass, 0, n) + dtype_half_ulp(DT_F64, want));
    }
    assert_true(sum_of(&doubles, (NUM[]){ { .d = 1 }, { .d = INFINITY }, { .d = -1 } }, 3) == INFINITY);
    assert_true(isnan(sum_of(&doubles, (NUM[]){ { .d = INFINITY }, { .d = -INFINITY } }, 2)));
    assert_true(sum_of(&doubles, NULL, 0) == 0);
}

static void test_f32_sums_round_each_addition(void **state)
{
    (void)state;
    uint64_t rnd = 5;
    struct ev c = doubles;
    c.acc = DT_F32;
    for (int i = 0; i < 200; i++) {
        enum { N = 200 };
        NUM x[N], w[N];
        float plain = 0;
        float dot = 0;
        for (int k = 0; k < N; k++) {
            x[k].d = f16_to_float(f16_from_double(rnd_unit(&rnd) - 0.5));
            w[k].d = f16_to_float(f16_from_double(rnd_unit(&rnd) - 0.5));
        }
        for (int k = 0; k < N; k++)
            dot += (float)x[k].d * (float)w[k].d; /* the products of f16 numbers are exact */
        assert_true(n_dot(&c, x, 1, w, 1, N).d == (double)dot);
        for (int k = 0; k < N; k++)
            x[k].d = (float)(rnd_unit(&rnd) - 0.5);
        for (int k = 0; k < N; k++)
            plain += (float)x[k].d;
        assert_true(sum_of(&c, x, N) == (double)plain);
    }
}

/* Any strides, over both kinds of numbers, against one product at a time. */
static void test_dots_walk_their_strides(void **state)
{
    (void)state;
    uint64_t rnd = 6;
    for (int i = 0; i < 200; i++) {
        NUM x[1000], w[1000], d[1000], e[1000];
        int64_t sx = rnd_range(&rnd, 1, 4);
        int64_t sw = rnd_range(&rnd, 1, 4);
        int64_t n = rnd_range(&rnd, 0, 249);
        for (int k = 0; k < 1000; k++) {
            x[k].u = draw_field(&rnd);
            w[k].u = draw_field(&rnd);
            d[k].d = (double)rnd_range(&rnd, -1000, 1000);
            e[k].d = (double)rnd_range(&rnd, -1000, 1000);
        }
        uint64_t want = 0;
        double exact = 0;
        for (int64_t k = 0; k < n; k++) {
            want = field_add(want, field_mul(x[k * sx].u, w[k * sw].u));
            exact += d[k * sx].d * e[k * sw].d;
        }
        assert_int_equal(n_dot(&field, x, sx, w, sw, n).u, want);
        assert_true(n_dot(&doubles, d, sx, e, sw, n).d == exact);
    }
}

/* ---- bounds ---- */
static void test_gamma(void **state)
{
    (void)state;
    assert_true(bd_gamma(0, 0x1p-24) == 0);
    assert_true(bd_gamma(1, 0x1p-24) >= 0x1p-24);
    assert_true(bd_gamma(0x1p24, 0x1p-24) == INFINITY);
    assert_true(bd_gamma(0x1p23, 0x1p-24) == 1);
}

/* Sums of f32 numbers by additions in f32, in one chain, in pairs, and in several chains that are then paired: the
   exact sum is had in double. */
static float chain_sum(const float *x, int n)
{
    float s = 0;
    for (int i = 0; i < n; i++)
        s += x[i];
    return s;
}

static void test_sum_bounds_hold_for_their_trees(void **state)
{
    (void)state;
    uint64_t rnd = 8;
    double worst = 0;
    for (int i = 0; i < 2000; i++) {
        enum { CHAINS = 8, LONG = 64 };
        int length = (int)rnd_range(&rnd, 1, LONG);
        int n = CHAINS * length;
        float x[CHAINS * LONG], part[CHAINS];
        double exact = 0;
        double mass = 0;
        for (int k = 0; k < n; k++) {
            x[k] = (float)(rnd_range(&rnd, 0, 3) ? rnd_unit(&rnd)
                                                 : ldexp(rnd_unit(&rnd) - 0.5, (int)rnd_range(&rnd, -20, 4)));
            exact += x[k];
            mass += fabs(x[k]);
        }
        for (int c = 0; c < CHAINS; c++)
            part[c] = chain_sum(x + c * length, length);
        float tree = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
        struct sum_record one = { 1, { { .block = 1, .chain = n } } };
        struct sum_record eight = { 1, { { .block = 1, .chain = length, .depth = 3 } } };
        struct bd b = { .v = doubles, .u = 0x1p-24, .kernel = true, .sum = &one };
        double e1 = fabs(chain_sum(x, n) - exact);
        double b1 = bd_sum(&b, mass, 0, n);
        b.sum = &eight;
        double e8 = fabs(tree - exact);
        double b8 = bd_sum(&b, mass, 0, n);
        assert_true(e1 <= b1 && e8 <= b8 && b8 <= b1);
        worst = fmax(worst, e8 / b8);
    }
    assert_true(worst > 0.01);
    struct bd b = { .v = doubles, .u = 0x1p-24, .kernel = true };
    assert_true(bd_sum(&b, 0, 0, 100) == 0);
    assert_true(bd_sum(&b, 5, 1, 1) >= 1 && bd_sum(&b, 5, 1, 1) < 1.001);
    assert_true(bd_sum(&b, 1, 0, 1024) >= 10 * 0x1p-24 && bd_sum(&b, 1, 0, 1024) < 10.1 * 0x1p-24);
    assert_true(bd_sum(&b, 1, INFINITY, 3) == INFINITY);
}

/* One rounding never errs by more than bd_round at the largest value, and does by almost that. */
static void test_rounding_bound(void **state)
{
    (void)state;
    uint64_t rnd = 10;
    struct bd b = { .v = doubles, .u = 0x1p-24, .kernel = true };
    double worst = 0;
    for (int i = 0; i < 20000; i++) {
        double x = ldexp(1 + rnd_unit(&rnd), (int)rnd_range(&rnd, -149, 126));
        double e = fabs((double)(float)x - x);
        assert_true(e <= bd_round(&b, x));
        worst = fmax(worst, e / bd_round(&b, x));
    }
    assert_true(worst > 0.99);
    assert_true(bd_max(&b) == 0x1.fffffep127);
    b.u = 0x1p-53;
    assert_true(bd_round(&b, 1) == 0x1p-53 && bd_round(&b, 1.99) == 0x1p-53 && bd_round(&b, 2) == 0x1p-52);
    assert_true(bd_fn(&b, FN_SQRT, 1) == 0x1p-53 && bd_fn(&b, FN_EXP, 1) == 0x1p-52);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_field_is_a_field),
        cmocka_unit_test(test_numbers_map_into_the_field),
        cmocka_unit_test(test_mix_hangs_on_everything),
        cmocka_unit_test(test_extrema),
        cmocka_unit_test(test_double_sums_lose_nothing),
        cmocka_unit_test(test_f32_sums_round_each_addition),
        cmocka_unit_test(test_dots_walk_their_strides),
        cmocka_unit_test(test_gamma),
        cmocka_unit_test(test_sum_bounds_hold_for_their_trees),
        cmocka_unit_test(test_rounding_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
