/* Numbers and quoted names in texts: each reads back as what it was. */
#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/text.h"

static double of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void same_double(const char *text, double x)
{
    char *end;
    double y = strtod(text, &end);
    if (*end || memcmp(&x, &y, sizeof x))
        fail_msg("%a is written %s, which is %a", x, text, y);
}

/* With one significant digit less it would be another number. */
static void is_shortest(const char *text, double x)
{
    char shorter[TEXT_DOUBLE];
    int digits = 0;
    for (const char *c = text; *c && *c != 'e'; c++)
        digits += *c >= '0' && *c <= '9' && (digits || *c != '0');
    snprintf(shorter, sizeof shorter, "%.*g", digits - 1, x);
    if (digits > 1 && strtod(shorter, NULL) == x)
        fail_msg("%a is written %s, and %s is shorter", x, text, shorter);
}

static void reads_back(double x)
{
    char text[TEXT_DOUBLE];
    same_double(text_double(text, x, 1), x);
    is_shortest(text, x);
    same_double(text_double(text, x, 15), x);
    same_double(text_float(text, x), x);
    if (!strpbrk(text, ".e"))
        fail_msg("%s would be read as an integer", text);
}

static void doubles_read_back(void **state)
{
    (void)state;
    static const double edges[] = { 0.0,        -0.0,
                                    0.1,        1.0 / 3,
                                    100000,     1e15,
                                    1e22,       1e23,
                                    0x1p-1074,  -0x1p-1074,
                                    0x1p-1022,  0x1.fffffffffffffp-1023,
                                    0x1p53 + 2, 0x1.fffffffffffffp1023 };
    uint64_t rnd = 1;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        reads_back(edges[i]);
    for (int i = 0; i < 30000; i++) {
        double x = of_bits(rnd_u64(&rnd));                                             /* of any exponent */
        double tiny = of_bits(rnd_u64(&rnd) & UINT64_C(0x800fffffffffffff) >> i % 40); /* subnormal */
        double decimal = (double)rnd_range(&rnd, -100000, 100000) / 1000;
        if (isfinite(x))
            reads_back(x);
        reads_back(tiny);
        reads_back(decimal);
        reads_back((double)(float)decimal);
    }
}

static void doubles_as_written(void **state)
{
    (void)state;
    static const struct {
        double x;
        const char *shortest, *plain, *real;
    } rows[] = {
        { 0, "0", "0", "0.0" },
        { -0.0, "-0", "-0", "-0.0" },
        { 0.1, "0.1", "0.1", "0.1" },
        { 3, "3", "3", "3.0" },
        { 100000, "1e+05", "100000", "1e+05" },
        { 123456789, "123456789", "123456789", "123456789.0" },
        { 0.1 + 0.2, "0.30000000000000004", "0.30000000000000004", "0.30000000000000004" },
        { 0x1p-1074, "5e-324", "4.94065645841247e-324", "5e-324" },
        { INFINITY, "inf", "inf", "inf" },
        { -INFINITY, "-inf", "-inf", "-inf" },
        { NAN, "nan", "nan", "nan" },
        { -NAN, "nan", "nan", "nan" },
    };
    char text[TEXT_DOUBLE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(text_double(text, rows[i].x, 1), rows[i].shortest);
        assert_string_equal(text_double(text, rows[i].x, 15), rows[i].plain);
        assert_string_equal(text_float(text, rows[i].x), rows[i].real);
    }
}

static void quotes_read_back(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    uint64_t rnd = 2;
    for (int i = 0; i < 20000; i++) {
        static const char bytes[] = { '"', '\\', 'n', ' ', '\t', '\r', '\x01', '\xc3', '\xa9', 'x' };
        char text[12] = "";
        int n = (int)rnd_range(&rnd, 0, 11);
        for (int k = 0; k < n; k++)
            text[k] = bytes[rnd_range(&rnd, 0, sizeof bytes - 1)];
        const char *quoted = arena_printf(a, "%s rest", text_quoted(a, text));
        const char *at = quoted;
        const char *back = text_unquoted(a, &at);
        assert_non_null(back);
        assert_string_equal(back, text);
        assert_string_equal(at, " rest");
        assert_null(strchr(quoted, '\n'));
        assert_string_equal(arena_printf(a, "\"%s\" rest", text_escaped(a, text)), quoted);
    }
    arena_free(a);
}

static void quotes_as_written(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static const struct {
        const char *text, *read;
        size_t used;
    } rows[] = {
        { "\"\"", "", 2 },
        { "\"a\\\"b\\\\\"c", "a\"b\\", 8 },
        { "\"a\\b\"", "a\\b", 5 },
        { "\"open", NULL, 5 },
        { "\"line\nend\"", NULL, 5 },
        { "\"ends in \\\"", NULL, 11 },
        { "\"backslash \\", NULL, 12 },
    };
    assert_string_equal(text_quoted(a, "two\nlines"), "\"two lines\"");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *at = rows[i].text;
        const char *read = text_unquoted(a, &at);
        assert_int_equal(at - rows[i].text, rows[i].used);
        assert_int_equal(read != NULL, rows[i].read != NULL);
        if (read)
            assert_string_equal(read, rows[i].read);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_read_back),
        cmocka_unit_test(doubles_as_written),
        cmocka_unit_test(quotes_read_back),
        cmocka_unit_test(quotes_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
