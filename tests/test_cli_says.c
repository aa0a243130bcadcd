/* What commands say without being asked: what was done, what was left out, what to type instead. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/needs.h"
#include "tests/support/support.h"

#include "runtime/cli/progress.h"
#include "runtime/cli/report.h"
#include "runtime/format/npy.h"

/* ---- verify ---- */

/* Rounded towards zero, and only what is beyond its bound shows 1.00 or more. */
static void ratios_are_rounded_towards_zero(void **state)
{
    (void)state;
    static const struct {
        double ratio;
        const char *text;
    } cases[] = {
        { 0, "0.00" },         { 0.29, "0.29" },   { 0.57, "0.57" },  { 0.9983, "0.99" }, { 1, "0.99" },
        { 1 - 1e-12, "0.99" }, { 1.0001, "1.00" }, { 1.239, "1.23" }, { 9.999, "9.99" },  { 12.9, "12" },
        { 12345.6, "12,345" }, { INFINITY, "∞" },  { NAN, "NaN" },
    };
    struct session *s = session_begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(ratio_text(s->run, cases[i].ratio), cases[i].text);
    session_end(s);
}

static void a_clean_sanitize_says_so(void **state)
{
    (void)state;
    struct place p = enter_small();
    command_expect("verify small.graph --device emu --batch 3 --sanitize", 0,
                   "  sanitize    no race, no unwritten and no out-of-range access in ", NULL);
    command_expect("run small.graph --backend hip --device emu --batch 3 --sanitize", 0, "f16[3, 8]",
                   "--sanitize: no race, no unwritten and no out-of-range access in ");
    struct command c = command_run(NULL, "verify small.graph --device emu --batch 3");
    assert_null(strstr(c.out, "sanitize"));
    command_free(&c);
    leave_place(&p);
}

static void exact_says_what_it_compared(void **state)
{
    (void)state;
    struct place p = enter_small();
    command_expect("verify small.graph --device emu --batch 3 --exact", 0,
                   " kernels equal over 2⁶¹−1, error probability ", NULL);
    struct command c = command_run(NULL, "verify small.graph --device emu --batch 3 --exact --json");
    assert_non_null(strstr(c.out, "\"exact\":{\"pass\":true,"));
    assert_non_null(strstr(c.out, "\"error_probability\":"));
    command_free(&c);
    c = command_run(NULL, "verify small.graph --device emu --batch 3");
    assert_null(strstr(c.out, "exact"));
    command_free(&c);
    leave_place(&p);
}

/* Lines of the kernels are there before the last of them is judged: a run that fails on the way has printed the others.
   Here the device fails. */
static void kernels_are_printed_as_they_are_judged(void **state)
{
    (void)state;
    struct place p = enter_small();
    bool some = false;
    for (int at = 1; at < 200 && !some; at++) {
        char *out = NULL;
        size_t n = 0;
        FILE *to = open_memstream(&out, &n);
        FILE *err = fopen("/dev/null", "w");
        struct session *s = session_begin();
        s->faults.device_at = at;
        char *argv[] = { (char[]){ "verify" },
                         (char[]){ "small.graph" },
                         (char[]){ "--device" },
                         (char[]){ "emu" },
                         (char[]){ "--batch" },
                         (char[]){ "3" },
                         NULL };
        int code = cli_run_verb(s, to, err, NULL, 6, argv);
        session_end(s);
        fclose(to);
        fclose(err);
        some = code == 4 && strstr(out, "\n  lin0") && !strstr(out, "\n  softmax");
        free(out);
    }
    assert_true(some);
    leave_place(&p);
}

static void the_time_to_go(void **state)
{
    (void)state;
    static const struct {
        double spent, done;
        const char *text;
    } cases[] = {
        { 0.5, 0.5, "" },
        { 10, 0.01, "" },
        { 10, 0.2, "about 40 s to go" },
        { 100, 0.25, "about 5 min to go" },
        { 3600, 0.25, "about 3.0 hours to go" },
        { 10, 1, "" },
        { 10, 0.99, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[40];
        assert_string_equal(time_to_go(text, cases[i].spent, cases[i].done), cases[i].text);
    }
}

static void a_used_directory_of_launches_is_refused(void **state)
{
    (void)state;
    struct place p = enter_small();
    command_expect("verify small.graph --device emu --batch 3 --dump-launches d", 0, "PASS", NULL);
    static const char *const again[] = { "verify small.graph --device emu --batch 3 --dump-launches d",
                                         "run small.graph --backend hip --device emu --dump-launches d" };
    for (size_t i = 0; i < 2; i++)
        command_expect(again[i], 3, NULL,
                       "--dump-launches d: it holds files already; name a new directory, or empty this one");
    assert_int_equal(mkdir("empty", 0777), 0);
    command_expect("run small.graph --backend hip --device emu --batch 3 --dump-launches empty", 0, NULL, NULL);
    leave_place(&p);
}

/* ---- the graph ---- */

static const char *const lossy = "graph l\ndim B\ninput x: f32[B, 8] where 0 <= x <= 1\nlabel y: f32[B, 4]\n"
                                 "input spare: f32[B]\nlabel extra: f32[B]\nweight w: f32[3]\n"
                                 "unread = linear(x, 2)\noutput z = linear(x, 4)\nloss = mse(z, y)\n";

static void unused_sources_are_warned_about(void **state)
{
    (void)state;
    struct place p = enter_small();
    write_text("l.graph", lossy);
    static const char *const names[] = { "input spare", "label extra", "parameter w", "parameter lin0.weight",
                                         "parameter lin0.bias" };
    struct command c = command_run(NULL, "build l.graph");
    int n = 0;
    for (const char *at = c.err; (at = strstr(at, "warning: ")); at++)
        n++;
    assert_int_equal(n, 5);
    for (size_t i = 0; i < 5; i++) {
        char text[100];
        snprintf(text, sizeof text, "warning: %s is not used: no output or loss depends on it\n", names[i]);
        assert_non_null(strstr(c.err, text));
    }
    command_free(&c);
    c = command_run(NULL, "run --backend cpu --batch 2"); /* a build has been warned about */
    assert_string_equal(c.err, "");
    command_free(&c);
    c = command_run(NULL, "verify small.graph --device emu --batch 2");
    assert_string_equal(c.err, "");
    command_free(&c);
    leave_place(&p);
}

/* A loss is compiled and judged only if it is asked for. */
static void a_loss_that_is_left_out_is_said(void **state)
{
    (void)state;
    struct place p = enter_small();
    write_text("l.graph", lossy);
    command_expect("build l.graph", 0,
                   "\nloss        not an output, so not compiled: run and verify add it with --output loss\n", NULL);
    command_expect("verify l.graph --device emu --batch 3", 0,
                   "\n  loss        not an output, so not judged: --output loss adds it\n", NULL);
    command_expect("run l.graph --backend hip --device emu --batch 3 --output loss", 0, "\n  loss  f32[]", NULL);
    struct command c = command_run(NULL, "verify l.graph --device emu --batch 3 --output loss");
    assert_int_equal(c.code, 0);
    assert_non_null(strstr(c.out, "mse "));
    assert_null(strstr(c.out, "not judged"));
    command_free(&c);
    command_expect("verify l.graph --device emu --output loss=l.npy", 2, NULL, "verify writes no outputs; tokic run");
    c = command_run(NULL, "build small.graph");
    assert_null(strstr(c.out, "loss"));
    command_free(&c);
    leave_place(&p);
}

static void graph_lists_parameters(void **state)
{
    (void)state;
    struct place p = enter_small();
    command_expect("graph small.graph", 0, "\n  weight   lin0.weight: float[16, 24]\n", NULL);
    command_expect("graph small.graph --size two", 0, "\n  weight   ln0.gamma: float[32]\n", NULL);
    leave_place(&p);
}

/* ---- values and places ---- */

/* A value beyond f16 is an error that says what to declare, whether the file or the draw has it. */
static void what_f16_cannot_hold_is_declared_f32(void **state)
{
    (void)state;
    struct place p = enter_place();
    struct session *s = session_begin();
    struct tensor *x = tensor_new(s->run, DT_F32, 1, (const int64_t[]){ 2 });
    tensor_set(x, 1, 70000);
    assert_true(npy_write(s, "x.npy", x));
    session_end(s);
    write_text("f16.graph", "graph g\ninput x: f16[2]\noutput y = x / 2.0\n");
    write_text("drawn.graph", "graph g\ninput x: f16[2] where 90000 <= x <= 100000\noutput y = x / 2.0\n");
    write_text("f32.graph", "graph g\ninput x: f32[2]\noutput y = x / 2.0\n");
    command_expect("run f16.graph --backend cpu --input x=x.npy", 3, NULL,
                   "f16.graph:2:7: note: x is f16 in the graph: declare it f32\n");
    command_expect("run drawn.graph --backend hip --device emu", 3, NULL,
                   "drawn.graph:2:7: note: x is stored as f16: declare it f32\n");
    command_expect("run f32.graph --backend hip --device emu --input x=x.npy", 0, "35008", NULL);
    leave_place(&p);
}

static void integers_are_shown_whole(void **state)
{
    (void)state;
    struct place p = enter_place();
    write_text("int.graph", "graph g\ninput x: i64[1] where 3 <= x <= 3\noutput y = x * 1234567890123\n");
    command_expect("run int.graph --backend cpu", 0, "y  i64[1]  3703703670369\n", NULL);
    leave_place(&p);
}

/* In a child: its TMPDIR is a file system without room, and the compiler has nowhere to say so. */
static int compile_without_room(void)
{
    if (mkdir("full", 0777) || !small_disk("full", "size=16k"))
        return 1;
    setenv("TMPDIR", "full", 1);
    struct command c = command_run(NULL, "run small.graph --backend hip --device emu --batch 3");
    bool good = c.code == 4 && strstr(c.err, "full is full (") &&
                strstr(c.err, " KiB left): make room there, or set TMPDIR to another directory\n");
    if (!good)
        fprintf(stderr, "exit code %d\n%s", c.code, c.err);
    return good ? 0 : 2;
}

static void a_full_directory_for_temporary_files_is_said(void **state)
{
    (void)state;
    struct place p = enter_small();
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(compile_without_room());
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    leave_place(&p);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ratios_are_rounded_towards_zero),
        cmocka_unit_test(a_clean_sanitize_says_so),
        cmocka_unit_test(exact_says_what_it_compared),
        cmocka_unit_test(kernels_are_printed_as_they_are_judged),
        cmocka_unit_test(the_time_to_go),
        cmocka_unit_test(a_used_directory_of_launches_is_refused),
        cmocka_unit_test(unused_sources_are_warned_about),
        cmocka_unit_test(a_loss_that_is_left_out_is_said),
        cmocka_unit_test(graph_lists_parameters),
        cmocka_unit_test(what_f16_cannot_hold_is_declared_f32),
        cmocka_unit_test(integers_are_shown_whole),
        needs("mounts", a_full_directory_for_temporary_files_is_said),
    };
    return tests_main(argc, argv, tests, NULL, NULL);
}
