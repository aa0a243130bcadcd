/* Draws and hashes against published vectors, and against values computed by another program from draw.h's words. */
#include "tests/support/support.h"

#include <string.h>

#include "runtime/draw.h"
#include "runtime/format/hash.h"

/* Random123's kat_vectors, philox4x32 10. */
static void philox_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t c[4], k[2], x[4];
    } kat[] = {
        { { 0 }, { 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { ~0u, ~0u, ~0u, ~0u }, { ~0u, ~0u }, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (int i = 0; i < 3; i++) {
        uint32_t x[4];
        philox4x32(kat[i].c, kat[i].k, x);
        assert_memory_equal(x, kat[i].x, sizeof x);
    }
}

/* Computed in Python with big integers. */
static void units_follow_the_words(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed;
        const char *name;
        uint64_t index;
        double u24;
    } cases[] = {
        { 42, "router.weight", 0, 14775064 },
        { 42, "router.weight", 1, 6027158 },
        { 42, "router.weight", 383, 15919664 },
        { 42, "router.bias", 0, 1815946 },
        { 0, "", 0, 4897152 },
        { 0x123456789abcdef0u, "expert3.ln2.gamma", ((uint64_t)1 << 32) + 5, 12409151 },
        { UINT64_MAX, "x", (uint64_t)1 << 40, 4600250 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true((double)draw_unit(cases[i].seed, cases[i].name, cases[i].index) == cases[i].u24 * 0x1p-24);
}

/* Computed in NumPy; lo, hi = -1/sqrt(96), 1/sqrt(96). */
static void fills_follow_the_words(void **state)
{
    (void)state;
    static const double w[6] = { 0x1.254df8p-4,  0x1.38a2a0p-5, 0x1.949dcap-4,
                                 -0x1.43e776p-4, 0x1.60c7bep-5, 0x1.499098p-10 };
    static const double h[4] = { -0x1.c8cp-2, -0x1.998p-4, -0x1.0c8p-3, 0x1.f8p-3 };
    static const int64_t labels[8] = { 0, 3, -2, 0, -3, 2, -1, -1 };
    struct arena *a = arena_new();
    double r = 0x1.a20bd700c2c3ep-4; /* 1/sqrt(96) */
    struct tensor *f32 = tensor_new(a, DT_F32, 2, (int64_t[]){ 2, 3 });
    struct tensor *f64 = tensor_new(a, DT_F64, 1, (int64_t[]){ 6 });
    draw_fill(7, "expert0.lin0.weight", -r, r, f32);
    draw_fill(7, "expert0.lin0.weight", -r, r, f64);
    for (int i = 0; i < 6; i++)
        assert_true(tensor_get(f32, i) == w[i] && tensor_get(f64, i) == w[i]);
    float part[2];
    const char *name = "expert0.lin0.weight";
    draw_block(7, fnv1a64(name, strlen(name)), -r, r, 3, 2, part);
    assert_true((double)part[0] == w[3] && (double)part[1] == w[4]);
    struct tensor *f16 = tensor_new(a, DT_F16, 1, (int64_t[]){ 4 });
    draw_fill(7, "b16", -0.5, 0.5, f16);
    for (int i = 0; i < 4; i++)
        assert_true(tensor_get(f16, i) == h[i]);
    struct tensor *i64 = tensor_new(a, DT_I64, 1, (int64_t[]){ 8 });
    draw_fill(7, "labels", -3, 4, i64);
    for (int i = 0; i < 8; i++)
        assert_int_equal(tensor_get_i64(i64, i), labels[i]);
    arena_free(a);
}

/* Every legal integer comes, none else; reals stay in their range and spread over it. */
static void draws_cover_their_range(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct tensor *i32 = tensor_new(a, DT_I32, 1, (int64_t[]){ 4000 });
    struct tensor *b = tensor_new(a, DT_BOOL, 1, (int64_t[]){ 4000 });
    struct tensor *x = tensor_new(a, DT_F32, 1, (int64_t[]){ 4000 });
    draw_fill(1, "i", 2, 5, i32);
    draw_fill(1, "b", 0, 1, b);
    draw_fill(1, "x", 0.5, 1.5, x);
    int seen[8] = { 0 };
    int ones = 0;
    double sum = 0;
    for (int i = 0; i < 4000; i++) {
        int64_t k = tensor_get_i64(i32, i);
        assert_in_range(k, 2, 5);
        seen[k]++;
        ones += (int)tensor_get_i64(b, i);
        assert_true(tensor_get(x, i) >= 0.5 && tensor_get(x, i) <= 1.5);
        sum += tensor_get(x, i);
    }
    for (int k = 2; k <= 5; k++)
        assert_in_range(seen[k], 850, 1150);
    assert_in_range(ones, 1850, 2150);
    assert_true(sum / 4000 > 0.98 && sum / 4000 < 1.02);
    arena_free(a);
}

static void hashes_known_answers(void **state)
{
    (void)state;
    assert_true(fnv1a64("", 0) == 0xcbf29ce484222325u && fnv1a64("a", 1) == 0xaf63dc4c8601ec8cu &&
                fnv1a64("foobar", 6) == 0x85944171f73967e8u);
    char hex[SHA256_HEX];
    sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    /* FIPS 180-4's million of "a", in uneven pieces and through a file. */
    struct session *s = session_begin();
    char *dir = tmp_make();
    char *path = arena_printf(s->run, "%s/a", dir);
    char *text = arena_alloc(s->run, 1000000);
    memset(text, 'a', 1000000);
    struct sha256_state *h = sha256_begin();
    for (size_t at = 0, n = 1, next; at < 1000000; at += n, n = next) {
        next = 3 * n;
        if (n > 1000000 - at)
            n = 1000000 - at;
        sha256_add(h, text + at, n);
    }
    uint8_t digest[SHA256_BYTES];
    sha256_end(h, digest);
    sha256_to_hex(digest, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    FILE *f = fopen(path, "wb");
    assert_true(f && fwrite(text, 1, 1000000, f) == 1000000 && !fclose(f));
    memset(hex, 0, sizeof hex);
    assert_true(sha256_file(s, path, hex));
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    s->faults.file_at = 4;
    assert_false(sha256_file(s, path, hex));
    assert_int_equal(s->n_errors, 1);
    tmp_remove(dir);
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),   cmocka_unit_test(units_follow_the_words),
        cmocka_unit_test(fills_follow_the_words), cmocka_unit_test(draws_cover_their_range),
        cmocka_unit_test(hashes_known_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
