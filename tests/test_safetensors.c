/* safetensors: every field of the header is checked against the file; what is written reads back. */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/format/safetensors.h"

#define CORPUS SOURCE_DIR "/tests/fuzz/corpus/safetensors/"

static const char *last_error(const struct session *s) { return s->n_diags ? s->diags[s->n_diags - 1].text : "(none)"; }

static void assert_says(const struct session *s, const char *what)
{
    if (s->n_errors != 1 || s->fail != FAIL_INPUT || !strstr(last_error(s), what))
        fail_msg("expected one error with \"%s\", got %d: %s", what, s->n_errors, last_error(s));
}

static void all_dtypes_are_read(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct tensor_list *l = safetensors_read(s, CORPUS "mixed.safetensors");
    if (!l)
        fail_msg("%s", last_error(s));
    assert_int_equal(l->n, 7);
    const struct tensor *t = tensor_list_find(l, "h");
    assert_true(t->dtype == DT_F16 && t->rank == 1 && tensor_count(t) == 3 && tensor_get(t, 0) == 1 &&
                tensor_get(t, 1) == 0.5 && tensor_get(t, 2) == -2);
    t = tensor_list_find(l, "b");
    assert_true(t->dtype == DT_BF16 && tensor_get(t, 0) == 1);
    t = tensor_list_find(l, "d");
    assert_true(t->dtype == DT_F64 && t->rank == 0 && tensor_get(t, 0) == 0.1);
    t = tensor_list_find(l, "e");
    assert_true(t->dtype == DT_F32 && t->rank == 2 && t->dim[1] == 4 && tensor_count(t) == 0);
    t = tensor_list_find(l, "m");
    assert_true(t->dtype == DT_BOOL && tensor_get_i64(t, 0) == 1 && tensor_get_i64(t, 1) == 0);
    t = tensor_list_find(l, "i");
    assert_true(t->dtype == DT_I64 && tensor_get_i64(t, 0) == -7);
    t = tensor_list_find(l, "j");
    assert_true(t->dtype == DT_I32 && tensor_get_i64(t, 0) == 9);
    assert_null(tensor_list_find(l, "__metadata__"));
    for (size_t i = 0; i < l->n; i++)
        assert_int_equal((uintptr_t)l->items[i].tensor.data % 16, 0);
    l = safetensors_read(s, CORPUS "none.safetensors");
    assert_true(l && l->n == 0 && !s->n_errors);
    session_end(s);
}

static size_t make(char *out, const char *header, size_t data)
{
    uint64_t n = strlen(header);
    memcpy(out, &n, 8);
    memcpy(out + 8, header, n);
    memset(out + 8 + n, 0, data);
    return 8 + n + data;
}

static void headers_are_judged(void **state)
{
    (void)state;
#define T(name, dtype, shape, span)                                                                                    \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" span "}"
    static const struct {
        const char *header;
        size_t data;
        const char *error;
    } cases[] = {
        { "{" T("a", "F32", "[2]", "[0,8]") "}", 8, NULL },
        { "{" T("b", "F32", "[1]", "[8,12]") "," T("a", "F32", "[2]", "[0,8]") "}   ", 12, NULL },
        { "{\"__metadata__\":{\"a\":\"b\"}," T("a", "F32", "[]", "[0,4]") "}", 4, NULL },
        { "{" T("a", "F32", "[2]", "[0,8]") "}", 7, "x.st: tensor a: data_offsets [0, 8] in 7 bytes" },
        { "{" T("a", "F32", "[2]", "[0,8]") "}", 9, "1 extra bytes after the last tensor, a" },
        { "{}", 3, "3 extra bytes after the last tensor" },
        { "{" T("a", "F32", "[3]", "[0,8]") "}", 8, "tensor a: f32[3] is 12 bytes, its data_offsets span 8" },
        { "{" T("a", "F32", "[1]", "[4,8]") "}", 8,
          "tensor a: begins at 4, which leaves bytes 0 to 4 without a tensor" },
        { "{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[1]", "[4,8]") "}", 8,
          "tensor b: begins at 4, inside tensor a, which ends at 8" },
        { "{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[0,4]") "}", 4,
          "tensor b: begins at 0, inside tensor a" },
        { "{" T("a", "F32", "[1]", "[0,4]") "," T("a", "F32", "[1]", "[4,8]") "}", 8, "tensor a: listed twice" },
        { "{" T("a", "F32", "[1]", "[4,0]") "}", 4, "tensor a: data_offsets [4, 0]" },
        { "{" T("a", "F32", "[1]", "[-4,0]") "}", 4, "data_offsets is not a pair of integers" },
        { "{" T("a", "F32", "[1]", "[0,4,8]") "}", 4, "data_offsets is not a pair" },
        { "{" T("a", "F32", "[1]", "[0]") "}", 4, "data_offsets is not a pair" },
        { "{" T("a", "F32", "[1]", "[0,18446744073709551616]") "}", 4, "data_offsets is not a pair" },
        { "{" T("a", "F32", "[1]", "[0,1e400]") "}", 4, "data_offsets is not a pair" },
        { "{" T("a", "F32", "[1.5]", "[0,4]") "}", 4, "dimension 0 is not an integer" },
        { "{" T("a", "F32", "[-1]", "[0,4]") "}", 4, "dimension 0 is not an integer" },
        { "{" T("a", "F32", "[\"1\"]", "[0,4]") "}", 4, "dimension 0 is not an integer" },
        { "{" T("a", "F32", "[4294967296,4294967296]", "[0,4]") "}", 4,
          "shape f32[4294967296, 4294967296] is too large" },
        { "{" T("a", "F32", "[0,9007199254740991,9007199254740991]", "[0,0]") "}", 0, "is too large" },
        { "{" T("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "more than 8 dimensions" },
        { "{" T("a", "F32", "1", "[0,4]") "}", 4, "shape is not an array" },
        { "{" T("a", "U8", "[4]", "[0,4]") "}", 4, "tensor a: dtype \"U8\"; tokic reads F16 BF16" },
        { "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "tensor a: dtype is missing" },
        { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape is missing" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets is missing" },
        { "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype twice" },
        { "{\"a\":{\"dtype\":\"F32\",\"x\":1,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown field \"x\"" },
        { "{\"a\":{\"dtype\":3,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype is not a string" },
        { "{\"a\":[]}", 0, "tensor a: its description is not an object" },
        { "{" T("", "F32", "[1]", "[0,4]") "}", 4, "bad tensor name \"\"" },
        { "{" T("a\\nb", "F32", "[1]", "[0,4]") "}", 4, "bad tensor name \"a\\x0ab\"" },
        { "{" T("a\xff", "F32", "[1]", "[0,4]") "}", 4, "bad tensor name \"a\\xff\"" },
        { "{" T("a\\u0000b", "F32", "[1]", "[0,4]") "}", 4, "a zero character" },
        { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ twice" },
        { "[]", 0, "not a JSON object" },
        { "{} {}", 0, "text after the JSON object" },
        { "{\"a\":", 0, "not JSON" },
        { "", 0, "not JSON" },
        { "{\"a\":[[[[[[[[1]]]]]]]]}", 0, "nested too deeply" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[512];
        size_t n = make(file, cases[i].header, cases[i].data);
        struct session *s = session_begin();
        struct tensor_list *l = safetensors_parse(s, "x.st", file, n);
        if (cases[i].error) {
            if (l)
                fail_msg("%s passed", cases[i].header);
            assert_says(s, cases[i].error);
            assert_non_null(strstr(last_error(s), "x.st"));
        } else if (!l)
            fail_msg("%s: %s", cases[i].header, last_error(s));
        session_end(s);
    }
}

static void lengths_are_judged(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *error;
    } cases[] = {
        { "", 0, "not a safetensors file: 0 bytes" },
        { "\2\0\0\0\0\0\0", 7, "7 bytes" },
        { "\3\0\0\0\0\0\0\0{}", 10, "a header of 3 bytes in a file of 10" },
        { "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "a header of 18446744073709551615 bytes" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct session *s = session_begin();
        assert_null(safetensors_parse(s, "x.st", cases[i].bytes, cases[i].n));
        assert_says(s, cases[i].error);
        session_end(s);
    }
    /* A header over the limit, and one of too many values, are refused before they are parsed. No byte of the first is
       read beyond its length, so they need not exist. */
    struct session *s = session_begin();
    uint64_t over = 100 * 1000 * 1000 + 1;
    assert_null(safetensors_parse(s, "x.st", &over, 8 + over));
    assert_says(s, "header of 100000001 bytes");
    session_end(s);
    s = session_begin();
    size_t n = 5 << 20;
    char *many = arena_alloc(s->run, 8 + n);
    memset(many, ',', 8 + n);
    memcpy(many, &(uint64_t){ n }, 8);
    assert_null(safetensors_parse(s, "x.st", many, 8 + n));
    assert_says(s, "values");
    session_end(s);
}

static void cuts_are_refused(void **state)
{
    (void)state;
    char bytes[1024];
    FILE *f = fopen(CORPUS "mixed.safetensors", "rb");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof bytes - 1, f);
    fclose(f);
    for (size_t cut = 0; cut <= n; cut++) {
        struct session *s = session_begin();
        assert_true((safetensors_parse(s, "x.st", bytes, cut) != NULL) == (cut == n));
        assert_int_equal(s->n_errors, cut != n);
        session_end(s);
    }
    struct session *s = session_begin();
    bytes[n - 14] = 2; /* the first bool: after it one more, an i64 and an i32 */
    assert_null(safetensors_parse(s, "x.st", bytes, n));
    assert_says(s, "tensor m: element [0] is neither 0 nor 1");
    session_end(s);
}

static struct tensor ramp(struct session *s, enum dtype dtype, int rank, const int64_t *dim, double from)
{
    struct tensor *t = tensor_new(s->run, dtype, rank, dim);
    for (int64_t i = 0; i < tensor_count(t); i++)
        tensor_set(t, i, from + (double)i * 0.1);
    return *t;
}

static void written_reads_back(void **state)
{
    (void)state;
    char *dir = tmp_make();
    struct session *s = session_begin();
    char *path = arena_printf(s->run, "%s/w.safetensors", dir);
    struct named_tensor items[] = {
        { "router.weight", ramp(s, DT_F32, 2, (int64_t[]){ 3, 5 }, -1) },
        { "half", ramp(s, DT_F16, 1, (int64_t[]){ 7 }, 0) },
        { "empty", ramp(s, DT_F32, 2, (int64_t[]){ 0, 3 }, 0) },
        { "w\xc3\xa9\"quoted\\", ramp(s, DT_F64, 0, NULL, 0.1) },
        { "brain", ramp(s, DT_BF16, 1, (int64_t[]){ 1 }, 3) },
    };
    struct tensor_list list = { items, 5 };
    assert_true(safetensors_write(s, path, &list));
    struct tensor_list *back = safetensors_read(s, path);
    if (!back)
        fail_msg("%s", last_error(s));
    assert_int_equal(back->n, 5);
    for (size_t i = 0; i < 5; i++) {
        const struct tensor *a = &items[i].tensor;
        const struct tensor *b = tensor_list_find(back, items[i].name);
        assert_non_null(b);
        assert_true(b->dtype == DT_F32 && tensor_same_shape(a, b));
        for (int64_t k = 0; k < tensor_count(a); k++)
            assert_true(tensor_get(b, k) == (double)(float)tensor_get(a, k));
    }
    FILE *f = fopen(path, "rb");
    uint64_t n = 1;
    assert_non_null(f);
    assert_int_equal(fread(&n, 8, 1, f), 1);
    fclose(f);
    assert_int_equal(n % 8, 0);
    tmp_remove(dir);
    session_end(s);
}

/* An f64 beyond f32, or a call that fails, leaves the old file. */
static void writing_is_whole_or_not_at_all(void **state)
{
    (void)state;
    char *dir = tmp_make();
    int failures = 0;
    for (int at = 0; at < 20; at++) {
        struct session *s = session_begin();
        char *path = arena_printf(s->run, "%s/w.safetensors", dir);
        struct named_tensor a = { "a", ramp(s, DT_F64, 1, (int64_t[]){ 4 }, 1) };
        struct named_tensor b = { "a", ramp(s, DT_F64, 1, (int64_t[]){ 4 }, 2) };
        assert_true(safetensors_write(s, path, &(struct tensor_list){ &a, 1 }));
        if (at)
            s->faults.file_at = at;
        else
            tensor_set(&b.tensor, 2, 1e39);
        bool ok = safetensors_write(s, path, &(struct tensor_list){ &b, 1 });
        failures += !ok;
        if (!at)
            assert_says(s,
                        "a[2] is 1e+39 (f64), which f32 cannot hold: it is beyond its largest number, 3.40282347e+38");
        assert_int_equal(s->n_errors, !ok);
        s->faults.file_at = 0;
        struct tensor_list *l = safetensors_read(s, path);
        assert_true(l && tensor_get(&l->items[0].tensor, 0) == (ok ? 2 : 1));
        session_end(s);
    }
    assert_int_equal(failures, 7); /* the value; create, three writes, sync, rename */
    tmp_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_dtypes_are_read), cmocka_unit_test(headers_are_judged),
        cmocka_unit_test(lengths_are_judged),  cmocka_unit_test(cuts_are_refused),
        cmocka_unit_test(written_reads_back),  cmocka_unit_test(writing_is_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
