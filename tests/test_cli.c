/* The command line: exit codes, what it says when it cannot, and the three commands that must always work. */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cli_command.h"       /* before cmocka, which makes fail() a macro */
#include "tests/support/support.h"

#include "runtime/npy.h"
#include "runtime/report.h"

static const char *const small =
    "graph small\n"
    "size one { H = 16 }\n"
    "size two { H = 32 }\n"
    "dim B\n"
    "input x: f32[B, 24] where -1 <= x <= 1\n"
    "h = gelu(layernorm(linear(x, H)))\n"
    "output y = softmax(linear(h, 8))\n";

static struct place enter(void)
{
    struct place p = enter_place();
    write_text("small.graph", small);
    return p;
}

static int lines_of(const char *text)
{
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

/* ---- usage ---- */

static void no_verb_shows_three_commands(void **state)
{
    (void)state;
    struct command c = command_run(NULL, "");
    assert_int_equal(c.code, 0);
    assert_string_equal(c.err, "");
    assert_non_null(strstr(c.out, "tokic build models/moe_sheaf.graph "));
    assert_non_null(strstr(c.out, "tokic run --backend hip --device emu "));
    assert_non_null(strstr(c.out, "tokic verify --against cpu --device emu "));
    assert_true(lines_of(c.out) <= 6);
    command_free(&c);
}

static void wrong_usage_is_exit_2(void **state)
{
    (void)state;
    struct place p = enter();
    static const struct { const char *line, *says; } cases[] = {
        { "bild small.graph", "no verb 'bild'; did you mean build?" },
        { "xyzzy", "no verb 'xyzzy'" },
        { "help rnu", "did you mean run?" },
        { "build", "tokic build needs a .graph file" },
        { "build small.graph other.graph", "'other.graph' is one more" },
        { "build small.graph --tarket gfx90a", "no flag --tarket; did you mean --target?" },
        { "build small.graph --targ gfx90a", "no flag --targ" },
        { "build small.graph --input x=a.npy", "--input is a flag of: run, verify" },
        { "build small.graph --target gfx9a", "no target gfx9a; did you mean gfx90a?" },
        { "build small.graph --target gfx90a,", "no target " },
        { "build small.graph --size", "--size needs a value: NAME" },
        { "build small.graph --json=1", "--json takes no value" },
        { "build small.graph -z", "no flag -z" },
        { "build small.graph --dump=fuse", "after:PASS" },
        { "build small.graph --dump=after:fusee", "no pass fusee; did you mean fuse?" },
        { "build small.graph --stop=nothing", "no pass nothing" },
        { "build small.graph --batch -3", "a number from 0 to" },
        { "build small.graph --batch 12x", "a number from 0 to" },
        { "run small.graph", "--backend cpu" },
        { "run small.graph --backend host", "no backend host" },
        { "run small.graph --backend cpu --device emu", "takes no --device" },
        { "run small.graph --backend cpu --seed -1", "--seed -1" },
        { "run small.graph --backend hip --device emu --numerics f32", "hip has no --numerics f32" },
        { "run small.graph --backend hip --device emv", "no device emv" },
        { "run small.graph --backend hip --device emu:gfx90", "no target gfx90; did you mean gfx90a?" },
        { "run small.graph --backend hip --device nvidia:x", "no device nvidia:x" },
        { "run small.graph --backend cpu --output =f", "--output =f" },
        { "run small.graph --backend cpu --input x", "NAME=FILE.npy is needed" },
        { "run --backend cpu", "no last build" },
        { "verify small.graph --backend cpu", "cpu is what it judges by" },
        { "verify small.graph --exact", "no flag --exact" },
        { "verify small.graph --against host", "no against host" },
        { "ops gelo", "did you mean gelu?" },
        { "doctor here", "takes no argument" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) command_expect(cases[i].line, 2, NULL, cases[i].says);
    leave_place(&p);
}

/* Every verb's help names each flag that it takes, and every flag that a verb claims exists. */
static void help_of_every_verb(void **state)
{
    (void)state;
    for (int i = 0; cli_verb_at(i); i++) {
        const struct verb *v = cli_verb_at(i);
        char line[64];
        snprintf(line, sizeof line, "help %s", v->name);
        struct command a = command_run(NULL, line);
        snprintf(line, sizeof line, "%s --help", v->name);
        struct command b = command_run(NULL, line);
        assert_int_equal(a.code, 0);
        assert_int_equal(b.code, 0);
        assert_string_equal(a.out, b.out);
        int known = 0, claimed = *v->flags != 0;
        for (const char *f = v->flags; *f; f++) claimed += *f == ' ';
        for (int k = 0; cli_flag_at(k); k++) {
            if (!cli_has_word(v->flags, cli_flag_at(k)->name)) continue;
            known++;
            snprintf(line, sizeof line, "--%s", cli_flag_at(k)->name);
            assert_non_null(strstr(a.out, line));
        }
        assert_int_equal(known, claimed);
        command_free(&a), command_free(&b);
    }
    command_expect("help", 0, "Verbs:", NULL);
}

static void wrong_input_is_exit_3(void **state)
{
    (void)state;
    struct place p = enter();
    write_text("bad.graph", "graph bad\ndim B\ninput x: f32[B, 24]\nz = linear(x, 8\noutput y = nope(x)\n");
    command_expect("build missing.graph", 3, NULL, "cannot open missing.graph");
    command_expect("build bad.graph", 3, NULL, "bad.graph:");
    command_expect("print models", 3, NULL, "models is not a build");
    command_expect("run small.graph --backend cpu --output nothing", 3, NULL, "no tensor of this name");
    command_expect("run small.graph --backend cpu --weights none.safetensors", 3, NULL, "none.safetensors");
    command_expect("run small.graph --backend cpu --input x=none.npy", 3, NULL, "none.npy");
    assert_int_not_equal(access("tokic-out", F_OK), 0);
    leave_place(&p);
}

/* A GPU or its compiler that is not there: exit 4, and how to go on without. */
static void absent_devices_are_exit_4(void **state)
{
    (void)state;
    struct place p = enter();
    command_expect("run small.graph --backend hip", 4, NULL, "--device emu");
    command_expect("run small.graph --backend hip --device nvidia:0", 4, NULL, "no NVIDIA GPU");
    command_expect("run small.graph --backend hip --device amd:0", 4, NULL, "no AMD GPU");
    command_expect("build small.graph --target gfx90a", 4, NULL, "no compiler for gfx90a");
    command_expect("build small.graph --target gfx90a", 4, NULL, "--device emu:gfx90a");
    setenv("TOKIC_CC", "/nonexistent/cc", 1);
    command_expect("run small.graph --backend hip --device emu", 4, NULL, "apt-get install gcc");
    unsetenv("TOKIC_CC");
    leave_place(&p);
}

/* ---- build ---- */

static void a_build_without_a_compiler(void **state)
{
    (void)state;
    struct place p = enter();
    command_expect("build small.graph", 0, "wrote tokic-out/small-one", NULL);
    command_expect("build small.graph --size two", 0, "nothing was compiled for gfx90a", NULL);
    char *last = read_text("tokic-out/last"), *checked = read_text("tokic-out/small-two/graph.checked"), *text = read_text("tokic-out/small-two/graph.graph");
    assert_string_equal(last, "small-two\n");
    assert_string_equal(text, small);
    assert_non_null(strstr(checked, "[32, 24]"));
    assert_int_equal(access("tokic-out/small-two/kernels/gfx90a.txt", F_OK), 0);
    assert_int_not_equal(access("tokic-out/small-two/gfx90a.o", F_OK), 0);
    free(last), free(checked), free(text);
    command_expect("build small.graph -o elsewhere", 0, "wrote elsewhere", NULL);
    last = read_text("tokic-out/last");
    assert_string_equal(last, "small-two\n");       /* -o names no last build */
    free(last);
    command_expect("build small.graph -o models", 3, NULL, "is not a build");
    leave_place(&p);
}

/* With the GPU compilers that this machine has. */
static void a_build_with_compilers(void **state)
{
    (void)state;
    struct place p = enter();
    unsetenv("TOKIC_HIP"), unsetenv("TOKIC_CUDA");
    struct command c = command_run(NULL, "build small.graph --target gfx90a,sm_90");
    if (c.code == 4 && strstr(c.err, "not found")) {
        print_message("skipped: %s", c.err);
        command_free(&c);
        leave_place(&p);
        skip();
    }
    assert_int_equal(c.code, 0);
    struct stat st;
    assert_true(!stat("tokic-out/small-one/gfx90a.o", &st) && st.st_size > 1000);
    assert_true(!stat("tokic-out/small-one/sm_90.o", &st) && st.st_size > 1000);
    assert_non_null(strstr(c.out, "matrix unit: measured bit model"));
    command_free(&c);
    leave_place(&p);
}

static void passes_can_be_shown_and_stopped_at(void **state)
{
    (void)state;
    struct place p = enter();
    command_expect("print small.graph --dump=after:fuse", 0, "# after fuse", NULL);
    command_expect("build small.graph --stop=expand", 0, "flat graph small", "stopped after expand");
    command_expect("build small.graph --stop=contracts", 0, "layernorm", "stopped after contracts");
    assert_int_not_equal(access("tokic-out", F_OK), 0);
    struct command all = command_run(NULL, "print small.graph --dump=after:all --target gfx90a");
    int n = 0, want = 0;
    for (const char *at = all.out; (at = strstr(at, "# after ")); at++) n++;
    for (int i = 0; pipeline_all[i]; i++) want++;
    for (int i = 0; pipeline_target[i]; i++) want++;
    assert_int_equal(n, want);
    command_free(&all);
    leave_place(&p);
}

/* What print prints is a graph again. */
static void print_reads_back(void **state)
{
    (void)state;
    struct place p = enter();
    struct command a = command_run(NULL, "print small.graph --size two");
    write_text("again.graph", a.out);
    struct command b = command_run(NULL, "print again.graph");
    assert_int_equal(b.code, 0);
    assert_string_equal(a.out, b.out);
    command_free(&a), command_free(&b);
    command_expect("print small.graph --contracts", 0, " proved   0 checked with --check   0 open", NULL);
    command_expect("graph small.graph --dot", 0, "digraph", NULL);
    command_expect("graph small.graph", 0, "one, two", NULL);
    command_expect("ops", 0, "softmax(", NULL);
    command_expect("ops softmax", 0, "composite", NULL);
    command_expect("doctor", 0, "TOKIC_HIP=none", NULL);
    leave_place(&p);
}

/* ---- run ---- */

static void the_last_build_is_run(void **state)
{
    (void)state;
    struct place p = enter();
    command_expect("build small.graph --size two", 0, NULL, NULL);
    unlink("small.graph");
    command_expect("run --backend cpu", 0, "small two   B 128   cpu real", NULL);
    command_expect("run tokic-out/small-two --backend cpu --batch 3", 0, "f64[3, 8]", NULL);
    command_expect("run tokic-out/small-two --backend cpu --size one", 2, NULL, "is a build of size two");
    command_expect("build tokic-out/small-two", 2, NULL, "is a build already");
    leave_place(&p);
}

static struct tensor *load(struct session *s, const char *path)
{
    struct tensor *t = npy_read(s, path);
    if (!t) fail_msg("%s", s->n_diags ? s->diags[0].text : path);
    return t;
}

static void outputs_are_written(void **state)
{
    (void)state;
    struct place p = enter();
    struct session *s = session_begin();
    command_expect("run small.graph --backend cpu --batch 5 --output y=y.npy --output h=h.npy --output x=x.npy --save-weights w.safetensors", 0, "wrote h.npy",
                   NULL);
    const struct tensor *y = load(s, "y.npy"), *h = load(s, "h.npy");
    assert_int_equal(y->dtype, DT_F64);
    assert_int_equal(y->dim[0], 5);
    assert_int_equal(h->dim[1], 16);
    for (int r = 0; r < 5; r++) {
        double sum = 0;
        for (int i = 0; i < 8; i++) sum += tensor_get(y, r * 8 + i);
        assert_true(sum > 1 - 1e-12 && sum < 1 + 1e-12);
    }
    /* the same from files, whatever the seed; the batch comes from the file */
    command_expect("run small.graph --backend cpu --seed 9 --input x=x.npy --weights w.safetensors --output y=again.npy", 0, "B 5", NULL);
    const struct tensor *again = load(s, "again.npy");
    assert_memory_equal(again->data, y->data, y->bytes);
    /* and other numbers from another seed */
    command_expect("run small.graph --backend cpu --seed 9 --batch 5 --output y=other.npy", 0, NULL, NULL);
    assert_int_not_equal(memcmp(load(s, "other.npy")->data, y->data, y->bytes), 0);
    command_expect("run small.graph --backend cpu --numerics f16 --output y=f16.npy", 0, "cpu f16", NULL);
    assert_int_equal(load(s, "f16.npy")->dtype, DT_F16);
    command_expect("run small.graph --backend cpu --numerics f32 --output y=f32.npy --check", 0, "cpu f32", NULL);
    assert_int_equal(load(s, "f32.npy")->dtype, DT_F32);
    command_expect("run small.graph --backend cpu --batch 0", 0, "f64[0, 8]  empty", NULL);
    command_expect("run small.graph --backend cpu --output y=/nonexistent/y.npy", 3, NULL, "/nonexistent/y.npy");
    session_end(s);
    leave_place(&p);
}

static void the_emulator_runs_what_is_built(void **state)
{
    (void)state;
    struct place p = enter();
    struct session *s = session_begin();
    command_expect("build small.graph", 0, NULL, NULL);
    command_expect("run --backend hip --device emu --batch 9 --output y=a.npy --output h=h.npy", 0, "emu:gfx90a", NULL);
    command_expect("run small.graph --backend hip --device emu:gfx90a --batch 9 --output y=b.npy --threads 1", 0, NULL, NULL);
    const struct tensor *a = load(s, "a.npy"), *b = load(s, "b.npy");
    assert_int_equal(a->dtype, DT_F16);
    assert_memory_equal(a->data, b->data, a->bytes);
    assert_int_equal(load(s, "h.npy")->dim[0], 9);
    command_expect("run --backend hip --device emu:sm_90 --batch 9 --sanitize", 0, "emu:sm_90", NULL);
    command_expect("run --backend hip --device emu --batch 0", 0, "f16[0, 8]  empty", NULL);
    session_end(s);
    leave_place(&p);
}

/* ---- JSON, colour, streams ---- */

static void json_is_one_object_a_line(void **state)
{
    (void)state;
    static const char *const lines[] = { "build small.graph --json", "run small.graph --backend cpu --json", "ops --json", "doctor --json",
                                         "verify small.graph --device emu --batch 5 --json" };
    struct place p = enter();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct command c = command_run(NULL, lines[i]);
        assert_int_equal(c.code, 0);
        assert_true(lines_of(c.out) >= 1);
        for (char *rest = c.out, *line; (line = strsep(&rest, "\n")) && *line;) {
            cJSON *o = cJSON_Parse(line);
            if (!cJSON_IsObject(o)) fail_msg("tokic %s printed: %s", lines[i], line);
            cJSON_Delete(o);
        }
        command_free(&c);
    }
    leave_place(&p);
}

static void the_program(void **state)
{
    (void)state;
    struct place p = enter();
    static const struct { const char *line; int code; const char *out, *err; } cases[] = {
        { "", 0, "tokic 0.", "" }, { "--version", 0, "tokic " TOKIC_VERSION "\n", "" }, { "--help", 0, "Verbs:", "" }, { "bild", 2, "", "did you mean build?" },
        { "build none.graph", 3, "", "error: cannot open" }, { "run small.graph --backend hip", 4, "", "--device emu" },
        { "run small.graph --backend cpu", 0, "f64[128, 8]", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command c = command_program(cases[i].line);
        if (c.code != cases[i].code || !strstr(c.out, cases[i].out) || !strstr(c.err, cases[i].err))
            fail_msg("tokic %s: %d\n%s\n%s", cases[i].line, c.code, c.out, c.err);
        assert_null(strchr(c.err, '\033'));
        if (c.code) assert_string_equal(c.out, "");
        command_free(&c);
    }
    leave_place(&p);
}

/* Results that cannot be written are an error. */
static void a_full_disk_is_said(void **state)
{
    (void)state;
    FILE *out = fopen("/dev/full", "w"), *err = fopen("/dev/null", "w");
    assert_true(out && err);
    struct session *s = session_begin();
    char *argv[] = { (char[]){ "ops" }, NULL };
    assert_int_equal(cli_run_verb(s, out, err, NULL, 1, argv), 3);
    session_end(s);
    fclose(out), fclose(err);
}

/* What a command that fails writes to a terminal. */
static void said_to_a_terminal(char *buf, size_t size)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave = -1;
    char name[128];
    if (master < 0 || grantpt(master) || unlockpt(master) || ptsname_r(master, name, sizeof name) || (slave = open(name, O_RDWR | O_NOCTTY)) < 0) {
        print_message("skipped: no pseudo-terminal\n");
        skip();
    }
    FILE *err = fdopen(slave, "w"), *out = fopen("/dev/null", "w");
    assert_true(err && out);
    struct session *s = session_begin();
    char *argv[] = { (char[]){ "bild" }, NULL };
    assert_int_equal(cli_run_verb(s, out, err, NULL, 1, argv), 2);
    session_end(s);
    fflush(err);
    ssize_t n = read(master, buf, size - 1);
    assert_true(n > 0);
    buf[n] = 0;
    fclose(err), fclose(out), close(master);
}

static void colour_is_for_terminals(void **state)
{
    (void)state;
    char buf[4096];
    unsetenv("NO_COLOR");
    said_to_a_terminal(buf, sizeof buf);
    assert_non_null(strchr(buf, '\033'));
    setenv("NO_COLOR", "1", 1);
    said_to_a_terminal(buf, sizeof buf);
    assert_non_null(strstr(buf, "did you mean build?"));
    assert_null(strchr(buf, '\033'));
    unsetenv("NO_COLOR");
}

/* ---- verify ---- */

static void verify_passes_what_is_right(void **state)
{
    (void)state;
    struct place p = enter();
    command_expect("verify small.graph --against cpu --device emu --batch 9", 0, "PASS   ", NULL);
    command_expect("verify small.graph --batch 9 --device emu:sm_90 -q --full --report r.json", 0, "PASS   ", NULL);
    char *text = read_text("r.json");
    cJSON *r = cJSON_Parse(text);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r, "verdict")), "PASS");
    assert_true(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(r, "kernels")) >= 2);
    cJSON_Delete(r);
    free(text);
    command_expect("build small.graph", 0, NULL, NULL);
    command_expect("verify --batch 3", 0, "an emulation; the bit model of its matrix unit is published", NULL);
    command_expect("verify --batch 3 --sanitize", 0, "PASS", NULL);
    leave_place(&p);
}

/* A rule that is wrong: the passes' judgement sees it, names the pass, and the exit code is 1. */
static const struct rule wrong_rules[] = { { "mul(?x, ?y)", "add(?x, ?y)", true, "planted" } };

static void verify_fails_what_is_wrong(void **state)
{
    (void)state;
    struct place p = enter();
    struct cli_env env = { .rules = wrong_rules, .n_rules = 1 };
    struct command c = command_run(&env, "verify small.graph --device emu --batch 9");
    if (c.code != 1 || !strstr(c.out, "FAIL   pass simplify") || !strstr(c.out, "--dump=after:simplify"))
        fail_msg("exit code %d\n%s\n%s", c.code, c.out, c.err);
    assert_null(strstr(c.out, "PASS"));
    command_free(&c);
    c = command_run(&env, "verify small.graph --device emu --batch 9 --json");
    assert_int_equal(c.code, 1);
    assert_non_null(strstr(c.out, "\"verdict\":\"FAIL\""));
    command_free(&c);
    leave_place(&p);
}

/* Every value in one place: a kernel then reads what it has just overwritten. */
static bool memplan_overlapping(struct graph *g, struct pass_ctx *c)
{
    bool changed = pass_memplan(g, c);
    for (size_t i = 0; i < g->n_places; i++) g->places[i].offset = ix_const(c->s->ix, 0);
    return changed;
}

static void verify_fails_a_wrong_kernel(void **state)
{
    (void)state;
    struct place p = enter();
    const struct pass instead = { "memplan", memplan_overlapping, "fuse", "values", "planted" };
    struct cli_env env = { .passes_instead = &instead, .n_instead = 1 };
    struct command c = command_run(&env, "verify models/dense.graph --device emu --batch 9 --threads 1");
    static const char *const says[] = { "FAIL   ", "should be ", "× the bound)", "at models/dense.graph:", "--device emu:gfx90a --sanitize", " wrong\n" };
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        if (c.code != 1 || !strstr(c.out, says[i])) fail_msg("exit code %d, and no '%s' in\n%s\n%s", c.code, says[i], c.out, c.err);
    assert_null(strstr(c.out, "PASS"));
    command_free(&c);
    leave_place(&p);
}

/* The words of the SPEC, on the model that it names. */
static void the_use_that_must_always_work(void **state)
{
    (void)state;
    struct place p = enter();
    command_expect("build models/moe_sheaf.graph", 0, "195,540 parameters", NULL);
    command_expect("run --backend hip --device emu", 0, "f16[128, 20]", NULL);
    command_expect("verify --against cpu --device emu", 0, "dispatch    dense, no buckets: not checked", NULL);
    leave_place(&p);
}

/* ---- tables ---- */

static void tables_count_characters(void **state)
{
    (void)state;
    struct session *s = session_begin();
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    struct table *t = table_new(s->run, "lrl");
    table_row(t, (const char *[]){ "kernel", "n", "by" });
    table_row(t, (const char *[]){ "lin0  ×4", "–", NULL });
    table_row(t, (const char *[]){ "⌈x⌉", "1,234", "launch" });
    table_print(t, 2, to);
    fclose(to);
    assert_string_equal(text, "  kernel        n  by\n  lin0  ×4      –\n  ⌈x⌉       1,234  launch\n");
    free(text);
    assert_int_equal(text_width("a×–⌈"), 4);
    assert_string_equal(number_text(s->run, -1234567), "-1,234,567");
    assert_string_equal(number_text(s->run, 999), "999");
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_verb_shows_three_commands), cmocka_unit_test(wrong_usage_is_exit_2), cmocka_unit_test(help_of_every_verb),
        cmocka_unit_test(wrong_input_is_exit_3), cmocka_unit_test(absent_devices_are_exit_4), cmocka_unit_test(a_build_without_a_compiler),
        cmocka_unit_test(a_build_with_compilers), cmocka_unit_test(passes_can_be_shown_and_stopped_at), cmocka_unit_test(print_reads_back),
        cmocka_unit_test(the_last_build_is_run), cmocka_unit_test(outputs_are_written), cmocka_unit_test(the_emulator_runs_what_is_built),
        cmocka_unit_test(json_is_one_object_a_line), cmocka_unit_test(the_program), cmocka_unit_test(a_full_disk_is_said),
        cmocka_unit_test(verify_passes_what_is_right), cmocka_unit_test(verify_fails_what_is_wrong), cmocka_unit_test(verify_fails_a_wrong_kernel),
        cmocka_unit_test(colour_is_for_terminals), cmocka_unit_test(the_use_that_must_always_work),
        cmocka_unit_test(tables_count_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
