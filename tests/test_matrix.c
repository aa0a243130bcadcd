/* The matrix units: the emulator's lane maps against the targets' rows, and the bit models on cases worked out by hand
   and against a slow, exact sum. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "runtime/emu/emu_matrix.h"

enum { SIDE = 16 };

static uint32_t bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    return u;
}
static const struct matrix_unit *unit_of(const char *target) { return target_find(target)->matrix; }

static void maps_agree_with_the_rows(void **state)
{
    (void)state;
    const struct target *t;
    for (int i = 0; (t = target_at(i)); i++) {
        const struct matrix_unit *u = t->matrix;
        struct matrix_coords at;
        if (!u)
            continue;
        assert_true(matrix_coords_of(u, t->wave, &at));
        for (int lane = 0; lane < t->wave; lane++) {
            for (int e = 0; e < u->a_elems; e++)
                assert_int_equal(at.a[lane][e], map_row(&u->a, lane, e) * u->k + map_col(&u->a, lane, e));
            for (int e = 0; e < u->b_elems; e++)
                assert_int_equal(at.b[lane][e], map_row(&u->b, lane, e) * u->n + map_col(&u->b, lane, e));
            for (int e = 0; e < u->c_elems; e++)
                assert_int_equal(at.c[lane][e], map_row(&u->c, lane, e) * u->n + map_col(&u->c, lane, e));
        }
    }
}

static void unknown_units_are_refused(void **state)
{
    (void)state;
    struct matrix_coords at;
    struct matrix_unit other = *unit_of("sm_90");
    assert_false(matrix_coords_of(&other, 64, &at));
    other.name = "mma.of.another.kind";
    assert_false(matrix_coords_of(&other, 32, &at));
}

/* One dot product: a[0..n) · b[0..n) + c, the other operands zero, at a place that is not the corner. */
static float dot(const char *target, int n, const double *a, const double *b, float c)
{
    const struct matrix_unit *u = unit_of(target);
    uint16_t ma[SIDE * SIDE] = { 0 };
    uint16_t mb[SIDE * SIDE] = { 0 };
    float mc[SIDE * SIDE] = { 0 };
    for (int k = 0; k < n; k++) {
        ma[3 * u->k + k] = f16_from_double(a[k]);
        mb[k * u->n + 5] = f16_from_double(b[k]);
    }
    mc[3 * u->n + 5] = c;
    matrix_multiply(u, ma, mb, mc);
    for (int i = 0; i < u->m * u->n; i++)
        if (i != 3 * u->n + 5 && mc[i] == mc[i])
            assert_int_equal(bits(mc[i]) & 0x7fffffff, 0);
    return mc[3 * u->n + 5];
}
#define DOT(target, c, a, ...)                                                                                         \
    dot(target, (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[])a, (double[]){ __VA_ARGS__ }, c)
#define A(...)                                                                                                         \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

/* sm_90: F = 25. Bits of a term below 2^(E-25) are dropped, E the largest exponent sum; the total is cut toward zero.
   */
static void aligned_sum_by_hand(void **state)
{
    (void)state;
    assert_int_equal(bits(DOT("sm_90", 1.0f, A(2, 3), 4, 5)), bits(24.0f));
    /* cancellation of large terms leaves what survived their exponent: E = 20, so 2^-5 stays and 2^-6 goes */
    assert_int_equal(bits(DOT("sm_90", 0x1p-5f, A(1024, -1024), 1024, 1024)), bits(0x1p-5f));
    assert_int_equal(bits(DOT("sm_90", 0x1p-6f, A(1024, -1024), 1024, 1024)), 0);
    assert_int_equal(bits(DOT("sm_90", -0x1.8p-5f, A(1024, -1024), 1024, 1024)), bits(-0x1p-5f));
    /* toward zero: 1 + 2^-24 is 1 from above and from below */
    assert_int_equal(bits(DOT("sm_90", 1.0f, A(0x1p-12), 0x1p-12)), bits(1.0f));
    assert_int_equal(bits(DOT("sm_90", 1.0f, A(-0x1p-12), 0x1p-12)), bits(0x1.fffffep-1f));
    assert_int_equal(bits(DOT("sm_90", -1.0f, A(0x1p-12), 0x1p-12)), bits(-0x1.fffffep-1f));
    /* two half units add up before the cut, exactly */
    assert_int_equal(bits(DOT("sm_90", 1.0f, A(0x1p-12, 0x1p-12), 0x1p-12, 0x1p-12)), bits(0x1.000002p0f));
    /* a product's exponent is the sum of its operands', 1.5·1.5 = 2.25 has exponent 0: E = 0, and 2^-25 stays beside
       it. The result, exponent 1, drops it; in 2.25 - 1.5·1.5 + 2^-25 it remains */
    assert_int_equal(bits(DOT("sm_90", 0x1p-25f, A(1.5, -1.5), 1.5, 1.5)), bits(0x1p-25f));
    assert_int_equal(bits(DOT("sm_90", 0x1p-26f, A(1.5, -1.5), 1.5, 1.5)), 0);
}

/* A subnormal operand keeps the format's smallest exponent, -14: 2^-24 · 1 counts as exponent -14, so F = 25 keeps
   terms down to 2^-39. */
static void aligned_sum_of_subnormals(void **state)
{
    (void)state;
    assert_int_equal(bits(DOT("sm_90", 0.0f, A(0x1p-24), 0x1p-24)), bits(0x1p-48f));
    assert_int_equal(bits(DOT("sm_90", 0x1p-39f, A(0x1p-24), 1)), bits(0x1.0002p-24f));
    assert_int_equal(bits(DOT("sm_90", 0x1p-40f, A(0x1p-24, -0x1p-24), 1, 1)), 0);
    /* a product with a zero has no exponent, however large the other operand is */
    assert_int_equal(bits(DOT("sm_90", 0x1p-149f, A(32768), 0)), 1);
    assert_int_equal(bits(DOT("sm_90", 0.0f, A(0, 0x1p-12), 32768, 0x1p-13)), bits(0x1p-25f));
    assert_int_equal(bits(DOT("sm_90", 0x1p100f, A(65504), 65504)), bits(0x1p100f));
    assert_int_equal(bits(DOT("sm_90", 0x1p30f, A(65504), 65504)), bits(0x1.3fc004p32f));
}

/* The definition in long arithmetic: terms as integers over 2^-200 would not fit, so as (sign, significand, exponent),
   cut one by one. */
static float aligned_slow(int n, const uint16_t *a, const uint16_t *b, float c, int fbits)
{
    int e[SIDE + 1], top;
    double s[SIDE + 1]; /* s·2^e, |s| < 4 */
    for (int k = 0; k < n; k++) {
        int ea = a[k] >> 10 & 31 ? (a[k] >> 10 & 31) - 15 : -14;
        int eb = b[k] >> 10 & 31 ? (b[k] >> 10 & 31) - 15 : -14;
        e[k] = (a[k] & 0x7fff) && (b[k] & 0x7fff) ? ea + eb : -1000;
        s[k] = ldexp((double)f16_to_float(a[k]), -ea) * ldexp((double)f16_to_float(b[k]), -eb); /* 0 where e is -1000 */
    }
    int ec = (int)(bits(c) >> 23 & 255);
    e[n] = ec ? ec - 127 : -126;
    s[n] = ldexp((double)c, -e[n]);
    top = e[0];
    for (int k = 1; k <= n; k++)
        top = e[k] > top ? e[k] : top;
    long double sum = 0;
    for (int k = 0; k <= n; k++)
        sum += (long double)trunc(ldexp(s[k], e[k] - top + fbits));
    double exact = ldexp((double)sum, top - fbits);
    float r = (float)exact;
    if (fabs((double)r) > fabs(exact))
        r = nextafterf(r, 0);
    return r;
}

static uint16_t draw_f16(uint64_t *seed, int spread)
{
    uint16_t sign = (uint16_t)(rnd_u64(seed) & 0x8000);
    uint16_t mantissa = (uint16_t)(rnd_u64(seed) & 0x3ff);
    int e = (int)rnd_range(seed, 15 - spread, 15 + spread);
    if (rnd_range(seed, 0, 15) == 0)
        return sign;
    return (uint16_t)(sign | (e < 0 ? 0 : e > 30 ? 30 : e) << 10 | mantissa);
}

static void aligned_sum_against_its_definition(void **state)
{
    (void)state;
    const struct matrix_unit *u = unit_of("sm_90");
    uint64_t seed = 7;
    for (int round = 0; round < 300; round++) {
        uint16_t a[SIDE * SIDE], b[SIDE * SIDE], col[SIDE];
        float c[SIDE * SIDE], d[SIDE * SIDE];
        int spread = round % 20;
        for (int i = 0; i < SIDE * SIDE; i++) {
            a[i] = draw_f16(&seed, spread);
            b[i] = draw_f16(&seed, spread);
        }
        for (int i = 0; i < SIDE * SIDE; i++) {
            uint32_t r = (uint32_t)rnd_u64(&seed) & 0x807fffff;
            uint32_t e = (uint32_t)rnd_range(&seed, round % 3 ? 100 : 0, round % 3 ? 150 : 254);
            r |= e << 23;
            memcpy(&c[i], &r, 4);
            d[i] = c[i];
        }
        matrix_multiply(u, a, b, d);
        for (int i = 0; i < u->m; i++)
            for (int j = 0; j < u->n; j++) {
                for (int k = 0; k < u->k; k++)
                    col[k] = b[k * u->n + j];
                float want = aligned_slow(u->k, a + i * u->k, col, c[i * u->n + j], u->model.fbits);
                assert_int_equal(bits(d[i * u->n + j]), bits(want));
            }
    }
}

static void tree4_by_hand(void **state)
{
    (void)state;
    assert_int_equal(bits(DOT("gfx90a", 1.0f, A(2, 3), 4, 5)), bits(24.0f));
    /* to nearest even, each sum in f32: 2^24 + 1 is 2^24; (1 + 1) first keeps both */
    assert_int_equal(bits(DOT("gfx90a", 0.0f, A(4096, 1), 4096, 1)), bits(0x1p24f));
    assert_int_equal(bits(DOT("gfx90a", 0.0f, A(4096, 0, 1, 1), 4096, 0, 1, 1)), bits(0x1.000002p24f));
    /* groups of four in K order: c takes the first group before the second comes */
    assert_int_equal(bits(DOT("gfx90a", 0x1p24f, A(1, 0, 0, 0, 1), 1, 0, 0, 0, 1)), bits(0x1p24f));
    assert_int_equal(bits(DOT("gfx90a", 0x1p24f, A(1, 1), 1, 1)), bits(0x1.000002p24f));
    /* upward rounding, which truncation would not do */
    assert_int_equal(bits(DOT("gfx90a", 1.0f, A(0x1.8p-12), 0x1p-12)), bits(0x1.000002p0f));
}

static void tree4_flushes_where_the_row_says(void **state)
{
    (void)state;
    assert_int_equal(bits(DOT("gfx90a", 0.0f, A(0x1p-15), 1024)), 0);
    assert_int_equal(bits(DOT("gfx90a", 0.0f, A(0x1p-14), 1024)), bits(0x1p-4f));
    assert_int_equal(bits(DOT("gfx90a", 0x1p-130f, A(0), 0)) & 0x7fffffff, 0);
    assert_int_equal(bits(DOT("gfx90a", 0x1p-126f, A(0), 0)), bits(0x1p-126f));
    struct matrix_unit keeps = *unit_of("gfx90a");
    uint16_t a[SIDE * SIDE] = { 0 };
    uint16_t b[SIDE * SIDE] = { 0 };
    float c[SIDE * SIDE] = { 0 };
    keeps.model.flush = false;
    a[0] = f16_from_double(0x1p-24);
    b[0] = f16_from_double(0x1p-24);
    matrix_multiply(&keeps, a, b, c);
    assert_int_equal(bits(c[0]), bits(0x1p-48f));
}

static void specials_follow_ieee(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *t = i ? "gfx90a" : "sm_90";
        uint32_t nan = i ? 0x7fc00000u : 0x7fffffffu;
        assert_int_equal(bits(DOT(t, 1.0f, A(INFINITY, 2), 1, 3)), 0x7f800000u);
        assert_int_equal(bits(DOT(t, 1.0f, A(INFINITY, 2), -1, 3)), 0xff800000u);
        assert_int_equal(bits(DOT(t, -INFINITY, A(1), 1)), 0xff800000u);
        assert_int_equal(bits(DOT(t, -INFINITY, A(INFINITY), 1)), nan);
        assert_int_equal(bits(DOT(t, 0.0f, A(INFINITY, INFINITY), 1, -1)), nan);
        assert_int_equal(bits(DOT(t, 0.0f, A(INFINITY), 0)), nan);
        assert_int_equal(bits(DOT(t, 0.0f, A(NAN), 1)), nan);
        assert_int_equal(bits(DOT(t, NAN, A(1), 1)), nan);
    }
}

/* dot() puts zeros beside an infinity in the same row and column only where it means to: an infinity spoils its row and
   column, 0·inf. */
static float corner(const char *target, uint16_t a0, uint16_t b0)
{
    const struct matrix_unit *u = unit_of(target);
    uint16_t a[SIDE * SIDE] = { 0 };
    uint16_t b[SIDE * SIDE] = { 0 };
    float c[SIDE * SIDE] = { 0 };
    a[0] = a0;
    b[0] = b0;
    matrix_multiply(u, a, b, c);
    return c[1];
}

static void infinity_times_zero_is_nan_elsewhere_in_the_row(void **state)
{
    (void)state;
    assert_true(isnan(corner("sm_90", 0x7c00, 0x3c00)));
    assert_true(isnan(corner("gfx90a", 0x7c00, 0x3c00)));
    assert_false(isnan(corner("sm_90", 0x3c00, 0x7c00)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_agree_with_the_rows),
        cmocka_unit_test(unknown_units_are_refused),
        cmocka_unit_test(aligned_sum_by_hand),
        cmocka_unit_test(aligned_sum_of_subnormals),
        cmocka_unit_test(aligned_sum_against_its_definition),
        cmocka_unit_test(tree4_by_hand),
        cmocka_unit_test(tree4_flushes_where_the_row_says),
        cmocka_unit_test(specials_follow_ieee),
        cmocka_unit_test(infinity_times_zero_is_nan_elsewhere_in_the_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
