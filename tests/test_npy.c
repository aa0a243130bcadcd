/* .npy: what NumPy wrote is read, what is written are NumPy's bytes, and nothing else passes. */
#include "tests/support/support.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/format/npy.h"

#define CORPUS SOURCE_DIR "/tests/fuzz/corpus/npy/" /* written by numpy.save */

static const char *last_error(const struct session *s) { return s->n_diags ? s->diags[s->n_diags - 1].text : "(none)"; }

static void assert_says(const struct session *s, const char *what)
{
    if (s->n_errors != 1 || s->fail != FAIL_INPUT || !strstr(last_error(s), what))
        fail_msg("expected one error with \"%s\", got %d: %s", what, s->n_errors, last_error(s));
}

static struct tensor *read_good(struct session *s, const char *path, enum dtype dtype, int rank)
{
    struct tensor *t = npy_read(s, path);
    if (!t)
        fail_msg("%s", last_error(s));
    assert_int_equal(t->dtype, dtype);
    assert_int_equal(t->rank, rank);
    return t;
}

static void numpy_files_are_read(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const struct tensor *t = read_good(s, CORPUS "f4_2x3.npy", DT_F32, 2);
    assert_int_equal(t->dim[0], 2);
    assert_int_equal(t->dim[1], 3);
    for (int i = 0; i < 6; i++)
        assert_true(tensor_get(t, i) == i / 4.0 - 0.5);
    t = read_good(s, CORPUS "f2_4.npy", DT_F16, 1);
    assert_true(tensor_get(t, 0) == 0 && signbit(tensor_get(t, 1)) && tensor_get(t, 2) == 65504 &&
                tensor_get(t, 3) == 0x1p-24);
    t = read_good(s, CORPUS "f8_scalar.npy", DT_F64, 0);
    assert_true(tensor_count(t) == 1 && tensor_get(t, 0) == 0.1);
    t = read_good(s, CORPUS "i4_1x1x2.npy", DT_I32, 3);
    assert_true(tensor_get_i64(t, 0) == INT32_MIN && tensor_get_i64(t, 1) == INT32_MAX);
    t = read_good(s, CORPUS "i8_2.npy", DT_I64, 1);
    assert_true(tensor_get_i64(t, 0) == INT64_MIN && tensor_get_i64(t, 1) == INT64_MAX);
    t = read_good(s, CORPUS "b1_3.npy", DT_BOOL, 1);
    assert_true(tensor_get_i64(t, 0) == 1 && tensor_get_i64(t, 1) == 0 && tensor_get_i64(t, 2) == 1);
    t = read_good(s, CORPUS "empty_0x5.npy", DT_F32, 2);
    assert_true(tensor_count(t) == 0 && t->dim[1] == 5 && t->data);
    assert_true(tensor_get(read_good(s, CORPUS "v2_f4_1.npy", DT_F32, 1), 0) == 1.5);
    assert_true(tensor_get(read_good(s, CORPUS "v3_f4_1.npy", DT_F32, 1), 0) == 1.5);
    assert_int_equal(s->n_errors, 0);
    session_end(s);
}

static void written_bytes_are_numpys(void **state)
{
    (void)state;
    static const char *const names[] = { "f4_2x3.npy", "f2_4.npy", "f8_scalar.npy", "i4_1x1x2.npy",
                                         "i8_2.npy",   "b1_3.npy", "empty_0x5.npy" };
    char *dir = tmp_make();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct session *s = session_begin();
        const char *from = arena_printf(s->run, CORPUS "%s", names[i]);
        const char *to = arena_printf(s->run, "%s/x.npy", dir);
        assert_true(npy_write(s, to, npy_read(s, from)));
        char *cmp = arena_printf(s->run, "cmp '%s' '%s'", from, to);
        assert_int_equal(system(cmp), 0);
        session_end(s);
    }
    tmp_remove(dir);
}

static void bf16_is_written_as_f4(void **state)
{
    (void)state;
    struct session *s = session_begin();
    char *dir = tmp_make();
    char *path = arena_printf(s->run, "%s/x.npy", dir);
    struct tensor *t = tensor_new(s->run, DT_BF16, 1, (int64_t[]){ 2 });
    tensor_set(t, 0, -3.0);
    tensor_set(t, 1, 0x1.fep127);
    assert_true(npy_write(s, path, t));
    t = read_good(s, path, DT_F32, 1);
    assert_true(tensor_get(t, 0) == -3.0 && tensor_get(t, 1) == 0x1.fep127);
    tmp_remove(dir);
    session_end(s);
}

/* A version 1.0 file with this header text and so many bytes of zeros. */
static size_t make(char *out, const char *header, size_t data)
{
    size_t n = strlen(header);
    memcpy(out, "\x93NUMPY\1\0", 8);
    out[8] = (char)(n & 255);
    out[9] = (char)(n >> 8);
    memcpy(out + 10, header, n);
    memset(out + 10 + n, 0, data);
    return 10 + n + data;
}

static void headers_are_judged(void **state)
{
    (void)state;
#define HEAD(shape) "{'descr': '<f4', 'fortran_order': False, 'shape': " shape "}"
    static const struct {
        const char *header;
        size_t data;
        const char *error;
    } cases[] = {
        { HEAD("(2, 1)"), 8, NULL },
        { "{\"shape\": ( 2L , ) , \"descr\":\"<f4\",\"fortran_order\":False,}  \n", 8, NULL },
        { HEAD("()"), 4, NULL },
        { HEAD("(1,1,1,1,1,1,1,1)"), 4, NULL },
        { HEAD("(0, 9223372036854775807)"), 0, "too large" },
        { HEAD("(1,1,1,1,1,1,1,1,1)"), 4, "at most 8 dimensions" },
        { HEAD("(2, 1)"), 7, "is truncated: f32[2, 1] is 8 bytes of data, the file holds 7" },
        { HEAD("(2, 1)"), 9, "has extra bytes: f32[2, 1] is 8 bytes of data, the file holds 9" },
        { HEAD("(-1,)"), 4, "a dimension, 0 or more, found \"-1,)}" },
        { HEAD("(1.5,)"), 4, "expected a comma or a closing parenthesis" },
        { HEAD("(4294967296, 4294967296)"), 4, "shape f32[4294967296, 4294967296] is too large" },
        { HEAD("(1000000000000,)"), 4, "is truncated" },
        { HEAD("(18446744073709551617,)"), 4, "below 2^63" },
        { HEAD("(9223372036854775808,)"), 4, "below 2^63" },
        { HEAD("2"), 8, "expected a shape" },
        { HEAD("(2"), 8, "closing parenthesis" },
        { HEAD("(2,,)"), 8, "a dimension" },
        { HEAD("(2)") "x", 8, "end of the header" },
        { "{'descr': '<f4', 'shape': (2,)}", 8, "'fortran_order' is missing" },
        { "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 8, "each once" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}", 8, "each once" },
        { "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", 8, "True or False" },
        { "{'descr': '<f4', 'fortran_order': True, 'shape': (2,)}", 8, "Fortran order" },
        { "{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}", 8,
          "dtype \">f4\"; tokic reads <f2 <f4 <f8 <i4 <i8 and |b1 (big-endian" },
        { "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", 8, "dtype \"<c8\"" },
        { "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8, "dtype \"|O\"" },
        { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", 8, "structured dtype" },
        { "{'descr': '<f4\033[2J', 'fortran_order': False, 'shape': (2,)}", 8, "<f4\\x1b[2J" },
        { "{'descr': '<f4", 8, "a closed string" },
        { "{'descr' '<f4'}", 8, "a colon" },
        { "{}", 8, "'descr' is missing" },
        { "", 8, "expected {" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[512];
        size_t n = make(file, cases[i].header, cases[i].data);
        struct session *s = session_begin();
        struct tensor *t = npy_parse(s, "data.npy", file, n);
        if (cases[i].error) {
            assert_null(t);
            assert_says(s, cases[i].error);
            assert_non_null(strstr(last_error(s), "data.npy"));
        } else if (!t)
            fail_msg("%s: %s", cases[i].header, last_error(s));
        session_end(s);
    }
}

static void outsides_are_judged(void **state)
{
    (void)state;
    char big[10] = "\x93NUMPY\1";
    static const struct {
        const char *bytes;
        size_t n;
        const char *error;
    } cases[] = {
        { "", 0, "not an npy file: it begins with \"\"" },
        { "\x93NUM", 4, "not an npy file: it begins with \"\\x93NUM\"" },
        { "PK\3\4xxxxxxxxx", 13, "not an npy file: it begins with \"PK\\x03\\x04xx\"" },
        { "\x93NUMPY\1\0\1", 9, "truncated: 9 bytes" },
        { "\x93NUMPY\2\0\1\0\0", 11, "truncated: 11 bytes" },
        { "\x93NUMPY\4\0\0\0\0\0", 12, "npy version 4.0" },
        { "\x93NUMPY\1\1\0\0\0\0", 12, "npy version 1.1" },
        { "\x93NUMPY\1\0\xff\xff{}", 12, "a header of 65535 bytes in a file of 12" },
        { "\x93NUMPY\2\0\xff\xff\xff\xff{}", 14, "a header of 4294967295 bytes" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct session *s = session_begin();
        assert_null(npy_parse(s, "data.npy", cases[i].bytes, cases[i].n));
        assert_says(s, cases[i].error);
        session_end(s);
    }
    struct session *s = session_begin();
    size_t n = (1 << 16) + 13;
    char *huge = arena_alloc(s->run, n);
    memcpy(huge, big, 6);
    huge[6] = 3;
    huge[8] = 1;
    huge[10] = 1;
    assert_null(npy_parse(s, "data.npy", huge, n));
    assert_says(s, "npy header of 65537 bytes");
    session_end(s);
}

/* Every cut of a good file is refused, and so is one byte more. */
static void cuts_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = { "f4_2x3.npy", "v2_f4_1.npy", "b1_3.npy", "f8_scalar.npy" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512], bytes[512];
        snprintf(path, sizeof path, CORPUS "%s", names[i]);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        size_t n = fread(bytes, 1, sizeof bytes - 1, f);
        fclose(f);
        bytes[n] = 0;
        for (size_t cut = 0; cut <= n + 1; cut++) {
            struct session *s = session_begin();
            struct tensor *t = npy_parse(s, path, bytes, cut);
            assert_true((t != NULL) == (cut == n));
            assert_int_equal(s->n_errors, cut != n);
            session_end(s);
        }
    }
}

static void bools_are_0_or_1(void **state)
{
    (void)state;
    char file[256];
    size_t n = make(file, "{'descr': '|b1', 'fortran_order': False, 'shape': (2, 2)}", 4);
    file[n - 2] = 2;
    struct session *s = session_begin();
    assert_null(npy_parse(s, "mask.npy", file, n));
    assert_says(s, "mask.npy: element [1, 0]");
    session_end(s);
}

static void only_files_are_read(void **state)
{
    (void)state;
    char *dir = tmp_make();
    char fifo[512];
    snprintf(fifo, sizeof fifo, "%s/pipe", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const char *const cases[][2] = {
        { dir, "a directory" },
        { "/dev/null", "a device or a pipe" },
        { fifo, "a device or a pipe" },
        { "/nonexistent/x.npy", "No such file" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct session *s = session_begin();
        assert_null(npy_read(s, cases[i][0]));
        assert_says(s, cases[i][1]);
        assert_non_null(strstr(last_error(s), cases[i][0]));
        session_end(s);
    }
    tmp_remove(dir);
}

static int files_in(const char *dir)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    int n = 0;
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(d);
    return n;
}

static double first_of(const char *path)
{
    struct session *s = session_begin();
    double x = tensor_get(read_good(s, path, DT_F64, 1), 0);
    session_end(s);
    return x;
}

static struct tensor *filled(struct session *s, int64_t n, double x)
{
    struct tensor *t = tensor_new(s->run, DT_F64, 1, &n);
    for (int64_t i = 0; i < n; i++)
        tensor_set(t, i, x);
    return t;
}

/* Whichever call fails, the old file stays whole and nothing is left beside it; with no failure the new one is there.
   */
static void writing_is_whole_or_not_at_all(void **state)
{
    (void)state;
    char *dir = tmp_make();
    char path[512];
    snprintf(path, sizeof path, "%s/x.npy", dir);
    int failures = 0;
    for (int at = 0; at < 20; at++) {
        struct session *s = session_begin();
        assert_true(npy_write(s, path, filled(s, 1000, 1.0)));
        s->faults.file_at = at;
        bool ok = npy_write(s, path, filled(s, 1000, 2.0));
        if (!ok) {
            assert_says(s, path);
            failures++;
        }
        assert_int_equal(s->n_errors, !ok);
        assert_true(first_of(path) == (ok ? 2.0 : 1.0));
        assert_int_equal(files_in(dir), 1);
        session_end(s);
    }
    assert_int_equal(failures, 5); /* create, two writes, sync, rename */
    tmp_remove(dir);
}

static void failing_reads_are_errors(void **state)
{
    (void)state;
    int failures = 0;
    for (int at = 1; at < 10; at++) {
        struct session *s = session_begin();
        s->faults.file_at = at;
        if (!npy_read(s, CORPUS "f4_2x3.npy")) {
            assert_says(s, "f4_2x3.npy: Input/output error");
            failures++;
        }
        session_end(s);
    }
    assert_int_equal(failures, 5); /* open, stat, three reads */
}

/* A real short write: the process may not make files larger than this. */
static void a_short_write_is_an_error(void **state)
{
    (void)state;
    char *dir = tmp_make();
    struct session *s = session_begin();
    char *path = arena_printf(s->run, "%s/x.npy", dir);
    assert_true(npy_write(s, path, filled(s, 10, 1.0)));
    struct rlimit old, tight;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = 5000;
    void (*was)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    bool ok = npy_write(s, path, filled(s, 10000, 2.0));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, was);
    assert_false(ok);
    assert_says(s, "File too large");
    assert_true(first_of(path) == 1.0);
    assert_int_equal(files_in(dir), 1);
    tmp_remove(dir);
    session_end(s);
}

static void what_is_no_file_is_not_replaced(void **state)
{
    (void)state;
    char *dir = tmp_make();
    struct session *s = session_begin();
    assert_false(npy_write(s, "/dev/null", filled(s, 1, 1.0)));
    assert_says(s, "/dev/null: it is a device");
    session_end(s);
    s = session_begin();
    char *file = arena_printf(s->run, "%s/x.npy", dir);
    char *link = arena_printf(s->run, "%s/link.npy", dir);
    assert_true(npy_write(s, file, filled(s, 1, 1.0)));
    assert_int_equal(chmod(file, 0640), 0);
    assert_int_equal(symlink("x.npy", link), 0);
    assert_true(npy_write(s, link, filled(s, 1, 2.0)));
    struct stat st;
    assert_true(!lstat(link, &st) && S_ISLNK(st.st_mode));
    assert_true(!stat(file, &st) && (st.st_mode & 0777) == 0640);
    assert_true(first_of(file) == 2.0);
    assert_false(npy_write(s, arena_printf(s->run, "%s/none/x.npy", dir), filled(s, 1, 1.0)));
    assert_says(s, "No such file");
    tmp_remove(dir);
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numpy_files_are_read),
        cmocka_unit_test(written_bytes_are_numpys),
        cmocka_unit_test(bf16_is_written_as_f4),
        cmocka_unit_test(headers_are_judged),
        cmocka_unit_test(outsides_are_judged),
        cmocka_unit_test(cuts_are_refused),
        cmocka_unit_test(bools_are_0_or_1),
        cmocka_unit_test(only_files_are_read),
        cmocka_unit_test(writing_is_whole_or_not_at_all),
        cmocka_unit_test(failing_reads_are_errors),
        cmocka_unit_test(a_short_write_is_an_error),
        cmocka_unit_test(what_is_no_file_is_not_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
