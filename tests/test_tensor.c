/* Conversions round once and refuse what does not fit; JSON numbers read back. */
#include "tests/support/support.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/format/json_out.h"
#include "runtime/format/tensor.h"

static struct tensor *of_doubles(struct session *s, enum dtype dtype, int n, const double *x)
{
    struct tensor *t = tensor_new(s->run, dtype, 1, (int64_t[]){ n });
    for (int i = 0; i < n; i++)
        tensor_set(t, i, x[i]);
    return t;
}

static struct tensor *of_ints(struct session *s, enum dtype dtype, int n, const int64_t *x)
{
    struct tensor *t = tensor_new(s->run, dtype, 1, (int64_t[]){ n });
    for (int i = 0; i < n; i++)
        tensor_set_i64(t, i, x[i]);
    return t;
}

static void floats_round_once(void **state)
{
    (void)state;
    struct session *s = session_begin();
    /* 1 + 2^-11 + 2^-40 is above the midpoint of two f16; by way of f32 it would be the midpoint itself, and round to
       1. */
    struct tensor *t =
        of_doubles(s, DT_F64, 6, (double[]){ 1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-11, 65519.999, -0x1p-25, INFINITY, NAN });
    struct tensor *h = tensor_convert(s, s->run, "x", t, DT_F16);
    assert_non_null(h);
    assert_true(tensor_get(h, 0) == 1 + 0x1p-10 && tensor_get(h, 1) == 1 && tensor_get(h, 2) == 65504);
    assert_true(tensor_get(h, 3) == 0 && signbit(tensor_get(h, 3)) && isinf(tensor_get(h, 4)) &&
                isnan(tensor_get(h, 5)));
    struct tensor *b =
        tensor_convert(s, s->run, "x", of_doubles(s, DT_F32, 2, (double[]){ 1 + 0x1p-8, 1 + 0x3p-8 }), DT_BF16);
    assert_true(tensor_get(b, 0) == 1 && tensor_get(b, 1) == 1 + 0x1p-6);
    assert_int_equal(s->n_errors, 0);
    session_end(s);
}

static void integers_round_once(void **state)
{
    (void)state;
    struct session *s = session_begin();
    /* 2^60 + 2^36 is a midpoint of f32; one more must round up, but is lost in a double. 2^60 + 2^52 the same for bf16.
       */
    const int64_t big = INT64_C(1) << 60;
    const int64_t mid = big + (INT64_C(1) << 36);
    const int64_t x[] = { mid, mid + 1, -mid - 1, INT64_MIN, INT64_MAX, big + (INT64_C(1) << 52) + 1, 16777217 };
    struct tensor *t = of_ints(s, DT_I64, 7, x);
    struct tensor *f = tensor_convert(s, s->run, "x", t, DT_F32);
    struct tensor *b = tensor_convert(s, s->run, "x", t, DT_BF16);
    assert_true(tensor_get(f, 0) == 0x1p60 && tensor_get(f, 1) == 0x1.000002p60 && tensor_get(f, 2) == -0x1.000002p60);
    assert_true(tensor_get(f, 3) == -0x1p63 && tensor_get(f, 4) == 0x1p63 && tensor_get(f, 6) == 16777216);
    assert_true(tensor_get(b, 5) == 0x1.02p60 && tensor_get(b, 0) == 0x1p60);
    for (int i = 0; i < 7; i++)
        assert_true((float)x[i] == ((float *)f->data)[i]);
    struct tensor *d = tensor_convert(s, s->run, "x", t, DT_F64);
    for (int i = 0; i < 7; i++)
        assert_true((double)x[i] == tensor_get(d, i));
    session_end(s);
}

static void misfits_are_named(void **state)
{
    (void)state;
    static const struct {
        enum dtype from, to;
        double x[4];
        const char *error;
    } cases[] = {
        { DT_F32,
          DT_F16,
          { 1, 65520, 2, -1e5 },
          "b[1, 0] is 65520 (f32), which f16 cannot hold: it is beyond its largest number, 65504 "
          "(and 1 more of its elements)" },
        { DT_F64, DT_F32, { 1, 2, 3, 1e300 }, "b[3, 0] is 1e+300 (f64), which f32 cannot hold" },
        { DT_F64, DT_BF16, { 3.4e38, 2, 3, 4 }, "b[0, 0] is 3.4e+38" },
        { DT_I32, DT_F16, { 1, 65519, 70000, 0 }, "b[2, 0] is 70000 (i32), which f16 cannot hold" },
        { DT_F32, DT_I32, { 1, 2.5, 3, 4 }, "b[1, 0] is 2.5 (f32), which i32 cannot hold: it is not an integer" },
        { DT_F32, DT_I32, { 1, 2, 0x1p31, 4 }, "is out of its range" },
        { DT_F32, DT_I64, { 1, 2, 3, 0x1p63 }, "is out of its range" },
        { DT_F32, DT_I64, { NAN, 2, 3, 4 }, "b[0, 0] is nan (f32), which i64 cannot hold: it is not an integer" },
        { DT_I64,
          DT_I32,
          { 0, 0x1p31, 0, 0 },
          "b[1, 0] is 2147483648 (i64), which i32 cannot hold: it is out of its range" },
        { DT_I64, DT_BOOL, { 0, 1, 2, 0 }, "b[2, 0] is 2 (i64), which bool cannot hold: it is neither 0 nor 1" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct session *s = session_begin();
        struct tensor *t = tensor_new(s->run, cases[i].from, 2, (int64_t[]){ 4, 1 });
        for (int k = 0; k < 4; k++)
            tensor_set(t, k, cases[i].x[k]);
        assert_null(tensor_convert(s, s->run, "b", t, cases[i].to));
        assert_int_equal(s->n_errors, 1);
        assert_int_equal(s->fail, FAIL_INPUT);
        if (!strstr(s->diags[0].text, cases[i].error))
            fail_msg("%s", s->diags[0].text);
        session_end(s);
    }
}

static void shapes_have_limits(void **state)
{
    (void)state;
    size_t n;
    assert_true(tensor_size(DT_F32, 0, NULL, &n) && n == 4);
    assert_true(tensor_size(DT_F64, 2, (int64_t[]){ 3, 5 }, &n) && n == 120);
    assert_true(tensor_size(DT_F64, 3, (int64_t[]){ 3, 0, 5 }, &n) && n == 0);
    assert_false(tensor_size(DT_F64, 2, (int64_t[]){ 3, -1 }, &n));
    assert_false(tensor_size(DT_F64, 3, (int64_t[]){ INT64_C(1) << 40, INT64_C(1) << 40, 0 }, &n));
    assert_true(tensor_size(DT_BOOL, 1, (int64_t[]){ INT64_C(1) << 62 }, &n));
    assert_false(tensor_size(DT_F16, 1, (int64_t[]){ INT64_C(1) << 62 }, &n));
    assert_false(tensor_size(DT_F16, TENSOR_RANK + 1, (int64_t[TENSOR_RANK + 1]){ 0 }, &n));
}

static void json_reads_back(void **state)
{
    (void)state;
    struct session *s = session_begin();
    uint64_t rnd = 1;
    for (int i = 0; i < 3000; i++) {
        union {
            uint64_t u;
            double d;
        } x = { rnd_u64(&rnd) };
        if (!isfinite(x.d))
            continue;
        struct cJSON *o = json_new();
        json_real(o, "x", x.d);
        cJSON *back = cJSON_Parse(json_compact(s->run, o));
        assert_true(cJSON_GetObjectItem(back, "x")->valuedouble == x.d);
        cJSON_Delete(back);
    }
    struct cJSON *o = json_new();
    struct cJSON *in = json_object(o, "in");
    json_real(o, "tenth", 0.1);
    json_real(o, "sum", 0.1 + 0.2);
    json_real(o, "eps", 1e-5);
    json_reals(o, "odd", (double[]){ NAN, INFINITY, -INFINITY, -0.0 }, 4);
    json_int(in, "big", INT64_MIN);
    json_bool(in, "yes", true);
    json_null(in, "none");
    json_text(o, "text", "a\"\n\xc3\xa9\xff\xed\xa0\x80");
    json_ints(o, "ints", (int64_t[]){ 1, INT64_MAX }, 2);
    json_texts(o, "texts", (const char *[]){ "a", NULL }, 2);
    json_array(o, "empty");
    assert_string_equal(json_compact(s->run, o),
                        "{\"in\":{\"big\":-9223372036854775808,\"yes\":true,\"none\":null},\"tenth\":0.1,\"sum\":0."
                        "30000000000000004,\"eps\":1e-05,"
                        "\"odd\":[\"nan\",\"inf\",\"-inf\",-0],\"text\":"
                        "\"a\\\"\\n\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
                        "\"ints\":[1,9223372036854775807],\"texts\":[\"a\",null],\"empty\":[]}");
    session_end(s);
}

static void json_lines_and_files(void **state)
{
    (void)state;
    struct session *s = session_begin();
    char *dir = tmp_make();
    char *path = arena_printf(s->run, "%s/r.json", dir);
    FILE *f = fopen(path, "w+");
    for (int i = 0; i < 2; i++) {
        struct cJSON *o = json_new();
        json_int(o, "step", i);
        assert_true(json_line(s, o, f));
    }
    fclose(f);
    assert_string_equal(source_read(s, path)->text, "{\"step\":0}\n{\"step\":1}\n");
    struct cJSON *o = json_new();
    json_int(o, "step", 2);
    assert_true(json_save(s, o, path));
    assert_string_equal(source_read(s, path)->text, "{\n\t\"step\":\t2\n}\n");
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_false(json_line(s, json_new(), full));
    assert_int_equal(s->n_errors, 1);
    fclose(full);
    tmp_remove(dir);
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_round_once), cmocka_unit_test(integers_round_once),
        cmocka_unit_test(misfits_are_named), cmocka_unit_test(shapes_have_limits),
        cmocka_unit_test(json_reads_back),   cmocka_unit_test(json_lines_and_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
