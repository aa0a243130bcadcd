/* What can fail beneath tokic, failing: device calls, file calls, the C compiler, the directory for temporary files,
   GPU compilers that are not there. Always a diagnostic and the right exit code, nothing half written, never a crash;
   the sanitizers see what leaks. */
#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/support.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/compile/compile.h"
#include "runtime/format/npy.h"
#include "tests/support/small_run.h"

/* ---- device calls ---- */

/* Every call of a run and of its judge: open, memory, copies, launches, sync. */
static void nth_device_call_fails(void **state)
{
    (void)state;
    struct session *keep = session_begin();
    struct code code;
    assert_true(small_compile(keep, small_rows, "gfx90a", &code));
    int failures = 0;
    for (bool failed = true; failed; failures += failed) {
        struct small_run r;
        small_begin(&r, small_rows, "gfx90a");
        r.code = &code;
        assert_true(small_steps(&r, 0, SMALL_LOWERED));
        r.s->faults.device_at = failures + 1;
        failed = !small_steps(&r, SMALL_LOWERED, SMALL_STEPS);
        assert_int_equal(r.s->faults.device_at > 0, !failed);
        if (failed) {
            assert_true(r.s->n_errors >= 1);
            assert_int_equal(r.s->fail, FAIL_DEVICE);
            assert_non_null(strstr(r.s->diags[0].text, "emu:gfx90a: "));
        } else {
            assert_int_equal(r.s->n_errors, 0);
        }
        small_end(&r);
    }
    assert_true(failures > 30);
    session_end(keep);
}

/* A session with wishes for failure, running a command of the command line. */
static struct command command_with(struct faults faults, const char *line)
{
    struct command c = { 0 };
    size_t n_out = 0;
    size_t n_err = 0;
    char *copy = strdup(line);
    char *argv[40];
    char *rest = copy;
    int argc = 0;
    for (char *word; (word = strsep(&rest, " "));)
        argv[argc++] = word;
    argv[argc] = NULL;
    FILE *out = open_memstream(&c.out, &n_out);
    FILE *err = open_memstream(&c.err, &n_err);
    assert_true(out && err);
    struct session *s = session_begin();
    s->faults = faults;
    c.code = cli_run_verb(s, out, err, NULL, argc, argv);
    session_end(s);
    fclose(out);
    fclose(err);
    free(copy);
    return c;
}

static struct place enter(void)
{
    struct place p = enter_place();
    write_text("small.graph", small_rows);
    return p;
}

/* The first, one in the middle, and one of the judge's. */
static void device_failures_are_exit_4(void **state)
{
    (void)state;
    struct place p = enter();
    static const struct {
        int at;
        const char *line;
    } cases[] = {
        { 1, "run small.graph --backend hip --device emu --batch 3" },
        { 9, "run small.graph --backend hip --device emu --batch 3" },
        { 25, "verify small.graph --device emu --batch 3" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command c = command_with((struct faults){ .device_at = cases[i].at }, cases[i].line);
        if (c.code != 4 || !strstr(c.err, "failed (as the test asked)") || strstr(c.out, "PASS"))
            fail_msg("%s: %d\n%s\n%s", cases[i].line, c.code, c.out, c.err);
        command_free(&c);
    }
    leave_place(&p);
}

/* ---- files ---- */

static int temporary_files(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += strstr(e->d_name, ".tokic-") != NULL;
    closedir(d);
    return n;
}

static void expect_npy(const char *path, int dims)
{
    struct session *s = session_begin();
    const struct tensor *t = npy_read(s, path);
    assert_true(t && t->rank == dims && t->dim[0] == 3);
    session_end(s);
}

/* Whatever call fails: exit code 3 and the file's name, and each file is whole or as it was. */
static void nth_file_call_of_run_fails(void **state)
{
    (void)state;
    struct place p = enter();
    command_expect("run small.graph --backend cpu --batch 3 --output x=x.npy --save-weights w.safetensors", 0, NULL,
                   NULL);
    int failures = 0;
    for (bool failed = true; failed; failures += failed) {
        struct command c = command_with((struct faults){ .file_at = failures + 1 },
                                        "run small.graph --backend cpu --input x=x.npy --weights w.safetensors "
                                        "--output y=y.npy --save-weights v.safetensors");
        failed = c.code != 0;
        if (failed && (c.code != 3 || !strstr(c.err, "error: cannot ")))
            fail_msg("call %d: exit code %d\n%s", failures + 1, c.code, c.err);
        if (!access("y.npy", F_OK))
            expect_npy("y.npy", 2);
        assert_int_equal(temporary_files("."), 0);
        command_free(&c);
    }
    assert_true(failures > 20);
    command_expect("run small.graph --backend cpu --input x=x.npy --weights v.safetensors --output y=y.npy", 0, NULL,
                   NULL);
    leave_place(&p);
}

static void nth_file_call_of_build_fails(void **state)
{
    (void)state;
    struct place p = enter();
    command_expect("build small.graph -o b", 0, NULL, NULL);
    char *before = read_text("b/manifest.json");
    int failures = 0;
    for (bool failed = true; failed; failures += failed) {
        struct command c =
            command_with((struct faults){ .file_at = failures + 1 }, "build small.graph --batch 64 -o b");
        failed = c.code != 0;
        if (failed && (c.code != 3 || !strstr(c.err, "error: cannot ")))
            fail_msg("call %d: exit code %d\n%s", failures + 1, c.code, c.err);
        if (failed && strstr(c.out, "wrote b"))
            fail_msg("call %d failed, and it says\n%s", failures + 1, c.out);
        char *now = read_text("b/manifest.json");
        assert_int_equal(strcmp(now, before) == 0, failed);
        free(now);
        assert_int_equal(temporary_files("."), 0);
        command_free(&c);
    }
    assert_true(failures > 15);
    free(before);
    leave_place(&p);
}

/* ---- the C compiler ---- */

static void script(const char *path, const char *text)
{
    write_text(path, text);
    assert_int_equal(chmod(path, 0755), 0);
}

static void the_c_compiler_fails(void **state)
{
    (void)state;
    struct place p = enter();
    static const struct {
        const char *cc, *says;
    } cases[] = {
        { NULL, "apt-get install gcc, or name one in TOKIC_CC" },
        { "#!/bin/sh\necho 'kernels.c:7: error: no such thing as a tk_f16' >&2\nexit 1\n",
          "error: no such thing as a tk_f16" },
        { "#!/bin/sh\nkill -SEGV $$\n", "died: Segmentation fault" },
        { "#!/bin/sh\nexit 0\n", "does not compile the kernels for the emulator" },
        { "#!/bin/sh\nwhile [ \"$1\" != -o ]; do shift; done\necho nonsense >\"$2\"\n", "the module does not load" },
        { "#!/nonexistent/interpreter\n", "cannot run" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char cc[600];
        snprintf(cc, sizeof cc, "%s/cc%zu", p.dir, i);
        if (cases[i].cc)
            script(cc, cases[i].cc);
        setenv("TOKIC_CC", cc, 1);
        command_expect("run small.graph --backend hip --device emu --batch 3", 4, NULL, cases[i].says);
        command_expect("verify small.graph --device emu --batch 3", 4, NULL, cases[i].says);
        command_expect("run small.graph --backend cpu --batch 3", 0, "f64[3, 8]", NULL); /* which needs none */
    }
    unsetenv("TOKIC_CC");
    leave_place(&p);
}

/* Not by permissions, which root has. */
static void temporary_files_have_no_place(void **state)
{
    (void)state;
    struct place p = enter();
    char *was = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
    static const char *const places[] = { "/nonexistent", "/dev/null", "/proc" };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        setenv("TMPDIR", places[i], 1);
        struct command c = command_run(NULL, "run small.graph --backend hip --device emu --batch 3");
        struct command build = command_run(NULL, "build small.graph");
        if (was)
            setenv("TMPDIR", was, 1);
        else
            unsetenv("TMPDIR");
        if (c.code != 4 || !strstr(c.err, "Set TMPDIR") || !strstr(c.err, places[i]))
            fail_msg("%s: %d\n%s", places[i], c.code, c.err);
        if (build.code != 0)
            fail_msg("a build writes beside itself: %d\n%s", build.code, build.err);
        command_free(&c);
        command_free(&build);
    }
    free(was);
    leave_place(&p);
}

/* ---- no GPU, no GPU compiler ---- */

static void without_gpu_compilers_everything_is_emulated(void **state)
{
    (void)state;
    struct place p = enter();
    static const char *const targets[] = { "gfx90a", "sm_90" };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct session *s = session_begin();
        const char *why = "";
        assert_false(compile_available(s, target_find(targets[i]), &why));
        if (!strstr(why, "=none"))
            fail_msg("%s: %s", targets[i], why);
        assert_int_equal(s->n_diags, 0);
        assert_int_equal(nvidia_count(s) + amd_count(s), 0);
        session_end(s);
    }
    command_expect("doctor", 0, "TOKIC_CUDA=none", NULL);
    command_expect("doctor", 0, "TOKIC_HIP=none", NULL);
    command_expect("build small.graph", 0, "nothing was compiled for gfx90a", NULL);
    command_expect("verify --device emu --batch 3", 0, "PASS", NULL);
    command_expect("verify --device emu:sm_90 --batch 3", 0, "PASS", NULL);
    command_expect("run --backend hip --device emu --batch 3", 0, "f16[3, 8]", NULL);
    leave_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nth_device_call_fails),
        cmocka_unit_test(device_failures_are_exit_4),
        cmocka_unit_test(nth_file_call_of_run_fails),
        cmocka_unit_test(nth_file_call_of_build_fails),
        cmocka_unit_test(the_c_compiler_fails),
        cmocka_unit_test(temporary_files_have_no_place),
        cmocka_unit_test(without_gpu_compilers_everything_is_emulated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
