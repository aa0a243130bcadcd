/* The command line: exit codes, what it says when it cannot, and the three commands that must always work. */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/small_run.h"
#include "tests/support/needs.h"

#include "runtime/format/npy.h"
#include "runtime/cli/report.h"

static int lines_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
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
    struct place p = enter_small();
    static const struct {
        const char *line, *says;
    } cases[] = {
        { "bild small.graph", "no verb 'bild'; did you mean build?" },
        { "xyzzy", "no verb 'xyzzy'" },
        { "help rnu", "did you mean run?" },
        { "build", "tokic build needs a .graph file" },
        { "build small.graph other.graph", "'other.graph' is extra" },
        { "build small.graph --tarket gfx90a", "no flag --tarket; did you mean --target?" },
        { "build small.graph --targ gfx90a", "no flag --targ" },
        { "build small.graph --input x=a.npy", "--input is a flag of: run, verify" },
        { "build small.graph --target gfx9a", "no target gfx9a; did you mean gfx90a?" },
        { "build small.graph --target gfx90a,", "a name is missing" },
        { "build small.graph --target ,", "a name is missing" },
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
        { "run small.graph --backend cuda", "choose one of cpu|hip; did you mean hip?" },
        { "run small.graph --backend gpu", "; did you mean hip?" },
        { "run small.graph --backend emu", "; did you mean --backend hip --device emu?" },
        { "run small.graph --backend hip --device cuda:1", "; did you mean nvidia:1?" },
        { "run small.graph --backend hip --device GPU", "; did you mean nvidia:0 or amd:0?" },
        { "run small.graph --backend hip --device cpu", "; did you mean emu, or --backend cpu?" },
        { "run small.graph --backend cpu --numerics float32", "; did you mean f32?" },
        { "run small.graph --backend cpu --output =f", "--output =f" },
        { "run small.graph --backend cpu --input x", "NAME=FILE.npy is needed" },
        { "run --backend cpu", "no last build" },
        { "verify small.graph --backend cpu", "cpu is what it judges against" },
        { "run small.graph --exact", "tokic run has no flag --exact" },
        { "verify small.graph --against host", "no against host" },
        { "graph small.graph --target gfx90a", "tokic graph takes a target only with --dot" },
        { "print small.graph --contracts --target gfx90a", "it takes no --target, --dump or --stop" },
        { "ops gelo", "did you mean gelu?" },
        { "doctor here", "takes no argument" },
        { "run small.graph --backend cpu --threads 0", "a number from 1 to" },
        { "run small.graph --backend cpu --target sm_90",
          "--target sm_90: backend cpu uses a target only with --numerics f16" },
        { "run small.graph --backend cpu --numerics f32 --target sm_90", "f32 evaluates the graph as written" },
        { "run small.graph --backend hip --device emu:gfx90a --target sm_90",
          "contradicts the device: emu:gfx90a is gfx90a" },
        { "verify small.graph --device emu:sm_90 --target gfx90a", "contradicts the device: emu:sm_90 is sm_90" },
        { "run small.graph --backend cpu --output nothing", "its tensors are: y, x, " },
        { "run small.graph --backend cpu --output lin0.weigt=a.npy", "did you mean lin0.weight?" },
        { "run small.graph --backend cpu --input z=none.npy", "its inputs and labels are: x" },
        { "run small.graph --backend cpu --input lin0.bias=none.npy", "parameters come from --weights" },
        { "run small.graph --backend cpu --size big", "sizes: one, two" },
        { "run small.graph --backend cpu --output y=a.npy --output y=b.npy", "write the same tensor" },
        { "run small.graph --backend cpu --set H=99999999999999999999", "this is not an integer" },
        { "run small.graph --backend cpu --set Q=5", "no size or let of this name (there are: H)" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        command_expect(cases[i].line, 2, NULL, cases[i].says);
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
        int known = 0;
        int claimed = *v->flags != 0;
        for (const char *f = v->flags; *f; f++)
            claimed += *f == ' ';
        for (int k = 0; cli_flag_at(k); k++) {
            if (!cli_has_word(v->flags, cli_flag_at(k)->name))
                continue;
            known++;
            snprintf(line, sizeof line, "--%s", cli_flag_at(k)->name);
            assert_non_null(strstr(a.out, line));
        }
        assert_int_equal(known, claimed);
        command_free(&a);
        command_free(&b);
    }
    command_expect("help", 0, "Verbs:", NULL);
}

static void wrong_input_is_exit_3(void **state)
{
    (void)state;
    struct place p = enter_small();
    write_text("bad.graph", "graph bad\ndim B\ninput x: f32[B, 24]\nz = linear(x, 8\noutput y = nope(x)\n");
    command_expect("build missing.graph", 3, NULL, "cannot open missing.graph");
    command_expect("build bad.graph", 3, NULL, "bad.graph:");
    command_expect("print models", 3, NULL, "models is not a build");
    command_expect("run tokic-out/none --backend cpu", 3, NULL, "tokic-out/none");
    command_expect("run small.graph --backend cpu --weights none.safetensors", 3, NULL, "none.safetensors");
    command_expect("run small.graph --backend cpu --input x=none.npy", 3, NULL, "none.npy");
    assert_int_not_equal(access("tokic-out", F_OK), 0);
    leave_place(&p);
}

/* A GPU or its compiler that is not there: exit 4, and how to go on without. */
static void absent_devices_are_exit_4(void **state)
{
    (void)state;
    struct place p = enter_small();
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
    struct place p = enter_small();
    command_expect("build small.graph", 0, "wrote tokic-out/small-one", NULL);
    command_expect("build small.graph --size two", 0, "nothing was compiled for gfx90a", NULL);
    char *last = read_text("tokic-out/last");
    char *checked = read_text("tokic-out/small-two/graph.checked");
    char *text = read_text("tokic-out/small-two/graph.graph");
    assert_string_equal(last, "small-two\n");
    assert_string_equal(text, small_graph);
    assert_non_null(strstr(checked, "[32, 24]"));
    assert_int_equal(access("tokic-out/small-two/kernels/gfx90a.txt", F_OK), 0);
    assert_int_not_equal(access("tokic-out/small-two/gfx90a.o", F_OK), 0);
    free(last);
    free(checked);
    free(text);
    command_expect("build small.graph -o elsewhere", 0, "wrote elsewhere", NULL);
    last = read_text("tokic-out/last");
    assert_string_equal(last, "small-two\n"); /* -o names no last build */
    free(last);
    command_expect("build small.graph -o models", 3, NULL, "is not a build");
    leave_place(&p);
}

/* Outputs that are inputs or parameters, or none at all: no compiler is called or needed, and nothing is judged. */
static void graphs_without_kernels(void **state)
{
    (void)state;
    static const char *const texts[] = { "graph g\ndim B\ninput x: f32[B, 3]\noutput x\n",
                                         "graph g\nweight w: f32[3]\noutput w\n",
                                         "graph g\ndim B\ninput x: f32[B, 3]\nlabel t: f32[B, 3]\nloss = mse(x, t)\n" };
    struct place p = enter_small();
    setenv("TOKIC_CC", "/nonexistent/cc", 1);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text("g.graph", texts[i]);
        command_expect("build g.graph --target gfx90a,sm_90", 0, "sm_90       no kernels, nothing to compile", NULL);
        command_expect("build g.graph --target gfx90a --json", 0, "\"why\":\"there are no kernels\"", NULL);
        command_expect("run --backend hip --device emu", 0, NULL, NULL);
        command_expect("verify --device emu", 0, "PASS   nothing to judge: no kernels\n", NULL);
    }
    unsetenv("TOKIC_CC");
    leave_place(&p);
}

static void built_with_its_compiler(const char *target, const char *unit)
{
    struct place p = enter_small();
    unsetenv("TOKIC_HIP");
    unsetenv("TOKIC_CUDA");
    char line[200], object[200];
    snprintf(line, sizeof line, "build small.graph --target %s", target);
    snprintf(object, sizeof object, "tokic-out/small-one/%s.o", target);
    command_expect(line, 0, unit, NULL);
    struct stat st;
    assert_true(!stat(object, &st) && st.st_size > 1000);
    snprintf(line, sizeof line, "verify small.graph --device emu:%s --batch 3 --dump-launches d", target);
    snprintf(object, sizeof object, "d/%s.o", target);
    command_expect(line, 0, "PASS", NULL);
    char *code = read_text(object);
    assert_memory_equal(code, "\177ELF", 4);
    free(code);
    leave_place(&p);
}

static void a_build_with_hiprtc(void **state)
{
    (void)state;
    built_with_its_compiler("gfx90a", "matrix unit: published bit model");
}

static void a_build_with_nvrtc(void **state)
{
    (void)state;
    built_with_its_compiler("sm_90", "matrix unit: measured bit model");
}

static void passes_can_be_shown_and_stopped_at(void **state)
{
    (void)state;
    struct place p = enter_small();
    command_expect("print small.graph --dump=after:fuse", 0, "# after fuse", NULL);
    command_expect("build small.graph --stop=expand", 0, "flat graph small", "stopped after expand");
    command_expect("build small.graph --stop=contracts", 0, "layernorm", "stopped after contracts");
    assert_int_not_equal(access("tokic-out", F_OK), 0);
    struct command all = command_run(NULL, "print small.graph --dump=after:all --target gfx90a");
    int n = 0;
    int want = 0;
    for (const char *at = all.out; (at = strstr(at, "# after ")); at++)
        n++;
    for (int i = 0; pipeline_all[i]; i++)
        want++;
    for (int i = 0; pipeline_target[i]; i++)
        want++;
    assert_int_equal(n, want);
    command_free(&all);
    leave_place(&p);
}

/* What print prints is a graph again. */
static void print_reads_back(void **state)
{
    (void)state;
    struct place p = enter_small();
    struct command a = command_run(NULL, "print small.graph --size two");
    write_text("again.graph", a.out);
    struct command b = command_run(NULL, "print again.graph");
    assert_int_equal(b.code, 0);
    assert_string_equal(a.out, b.out);
    command_free(&a);
    command_free(&b);
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
    struct place p = enter_small();
    command_expect("build small.graph --size two", 0, NULL, NULL);
    unlink("small.graph");
    command_expect("run --backend cpu", 0, "small two   B 128   cpu real", NULL);
    command_expect("run tokic-out/small-two --backend cpu --batch 3", 0, "f64[3, 8]", NULL);
    command_expect("run tokic-out/small-two --backend cpu --size one", 2, NULL, "is a build of size two");
    command_expect("build tokic-out/small-two", 2, NULL, "is a build already");
    leave_place(&p);
}

static void append(const char *path, const char *text)
{
    FILE *f = fopen(path, "ab");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* Whatever verb uses it, and whatever of it that verb needs. */
static void a_build_that_was_changed_is_not_used(void **state)
{
    (void)state;
    static const char *const uses[] = { "verify --device emu", "run --backend hip --device emu",
                                        "run tokic-out/small-one --backend cpu", "print tokic-out/small-one",
                                        "graph tokic-out/small-one" };
    struct place p = enter_small();
    command_expect("build small.graph", 0, NULL, NULL);
    write_text("tokic-out/small-one/mine.npy", "a user's own");
    command_expect("verify --device emu:sm_90 --batch 3", 0, "PASS", NULL); /* what it lacks is compiled */
    append("tokic-out/small-one/kernels/gfx90a.txt", "\n");
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        command_expect(uses[i], 3, NULL,
                       "tokic-out/small-one/kernels/gfx90a.txt was changed after the build; build again");
    command_expect("build small.graph", 0, NULL, NULL);
    unlink("tokic-out/small-one/graph.checked");
    command_expect("verify --device emu", 3, NULL, "tokic-out/small-one/graph.checked is missing");
    command_expect("build small.graph", 0, NULL, NULL);
    command_expect("verify --device emu --batch 3", 0, "PASS", NULL);
    leave_place(&p);
}

static void a_build_of_another_tokic_is_compiled_again(void **state)
{
    (void)state;
    struct place p = enter_small();
    command_expect("build small.graph", 0, NULL, NULL);
    char *text = read_text("tokic-out/small-one/manifest.json");
    char *version = strstr(text, "\"" TOKIC_VERSION "\"");
    assert_non_null(version);
    memset(version + 1, '9', strlen(TOKIC_VERSION));
    write_text("tokic-out/small-one/manifest.json", text);
    command_expect("verify --device emu --batch 3", 0, "PASS",
                   "and this is " TOKIC_VERSION ": compiling its kernels again");
    command_expect("run --backend cpu --batch 3", 0, "cpu real", NULL);
    free(text);
    leave_place(&p);
}

/* What a command reads it does not write over, under whatever name. */
static void inputs_are_not_overwritten(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "run small.graph --backend cpu --output y=small.graph",
        "run small.graph --backend cpu --save-weights ./small.graph",
        "run small.graph --backend cpu --save-weights link.graph",
        "verify small.graph --device emu --report small.graph",
        "run small.graph --backend cpu --input x=x.npy --output y=./x.npy",
        "run small.graph --backend cpu --input x=x.npy --output x=x.npy",
        "run small.graph --backend cpu --weights w.st --save-weights link.st",
        "run small.graph --backend cpu --weights w.st --output y=w.st",
        "run --backend cpu --output y=tokic-out/small-one/graph.graph",
        "run --backend cpu --output y=tokic-out/small-one/manifest.json",
        "run --backend cpu --output y=tokic-out/small-one/kernels/gfx90a.txt",
    };
    struct place p = enter_small();
    command_expect("build small.graph", 0, NULL, NULL);
    command_expect("run small.graph --backend cpu --batch 4 --output x=x.npy --save-weights w.st", 0, NULL, NULL);
    assert_int_equal(symlink("small.graph", "link.graph"), 0);
    assert_int_equal(link("w.st", "link.st"), 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        command_expect(lines[i], 2, NULL, "would be overwritten");
    command_expect("run small.graph --backend cpu --output y=y.npy --output h=y.npy", 2, NULL,
                   "would be written twice");
    char *text = read_text("small.graph");
    assert_string_equal(text, small_graph);
    free(text);
    command_expect("run --backend cpu --weights w.st --input x=x.npy --output y=y.npy", 0, "B 4", NULL);
    leave_place(&p);
}

static struct tensor *load(struct session *s, const char *path)
{
    struct tensor *t = npy_read(s, path);
    if (!t)
        fail_msg("%s", s->n_diags ? s->diags[0].text : path);
    return t;
}

static void outputs_are_written(void **state)
{
    (void)state;
    struct place p = enter_small();
    struct session *s = session_begin();
    command_expect("run small.graph --backend cpu --batch 5 --output y=y.npy --output h=h.npy --output x=x.npy "
                   "--save-weights w.safetensors",
                   0, "wrote h.npy", NULL);
    const struct tensor *y = load(s, "y.npy");
    const struct tensor *h = load(s, "h.npy");
    assert_int_equal(y->dtype, DT_F64);
    assert_int_equal(y->dim[0], 5);
    assert_int_equal(h->dim[1], 16);
    for (int r = 0; r < 5; r++) {
        double sum = 0;
        for (int i = 0; i < 8; i++)
            sum += tensor_get(y, r * 8 + i);
        assert_true(sum > 1 - 1e-12 && sum < 1 + 1e-12);
    }
    /* the same from files, whatever the seed; the batch comes from the file */
    command_expect(
        "run small.graph --backend cpu --seed 9 --input x=x.npy --weights w.safetensors --output y=again.npy", 0, "B 5",
        NULL);
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
    struct place p = enter_small();
    struct session *s = session_begin();
    command_expect("build small.graph", 0, NULL, NULL);
    command_expect("run --backend hip --device emu --batch 9 --output y=a.npy --output h=h.npy", 0, "emu:gfx90a", NULL);
    command_expect("run small.graph --backend hip --device emu:gfx90a --batch 9 --output y=b.npy --threads 1", 0, NULL,
                   NULL);
    const struct tensor *a = load(s, "a.npy");
    const struct tensor *b = load(s, "b.npy");
    assert_int_equal(a->dtype, DT_F16);
    assert_memory_equal(a->data, b->data, a->bytes);
    assert_int_equal(load(s, "h.npy")->dim[0], 9);
    command_expect("run --backend hip --device emu:sm_90 --batch 9 --sanitize", 0, "emu:sm_90", NULL);
    command_expect("run --backend hip --device emu --batch 0", 0, "f16[0, 8]  empty", NULL);
    session_end(s);
    leave_place(&p);
}

/* ---- the program ---- */

static void the_program(void **state)
{
    (void)state;
    struct place p = enter_small();
    static const struct {
        const char *line;
        int code;
        const char *out, *err;
    } cases[] = {
        { "", 0, "tokic 0.", "" },
        { "--version", 0, "tokic " TOKIC_VERSION "\n", "" },
        { "--help", 0, "Verbs:", "" },
        { "bild", 2, "", "did you mean build?" },
        { "build none.graph", 3, "", "error: cannot open" },
        { "run small.graph --backend hip", 4, "", "--device emu" },
        { "run small.graph --backend cpu", 0, "f64[128, 8]", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command c = command_program(cases[i].line);
        if (c.code != cases[i].code || !strstr(c.out, cases[i].out) || !strstr(c.err, cases[i].err))
            fail_msg("tokic %s: %d\n%s\n%s", cases[i].line, c.code, c.out, c.err);
        assert_null(strchr(c.err, '\033'));
        if (c.code)
            assert_string_equal(c.out, "");
        command_free(&c);
    }
    leave_place(&p);
}

/* ---- verify ---- */

static void verify_passes_what_is_right(void **state)
{
    (void)state;
    struct place p = enter_small();
    command_expect("verify small.graph --against cpu --device emu --batch 9", 0, "PASS   ", NULL);
    command_expect("verify small.graph --batch 9 --device emu:sm_90 -q --report r.json", 0, "PASS   ", NULL);
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

/* How much was judged is part of the verdict. */
static void verify_says_what_it_did_not_judge(void **state)
{
    (void)state;
    struct place p = enter_small();
    write_text("range.graph", "graph g\ndim B\ninput x: f32[B, 3] where 0.5 <= x <= 1\nh = exp(x * 400)\noutput y = h "
                              "/ (h + 1)\noutput z = mean(x)\n");
    write_text("over.graph",
               "graph g\ndim B\ninput x: f32[B, 3] where 0.5 <= x <= 1\noutput y = x * 200000.0\noutput z = mean(x)\n");
    command_expect("verify range.graph --device emu --batch 100", 1,
                   "NOT JUDGED: 300 of 400 elements   1 of 2 kernels within its bounds, worst ", NULL);
    command_expect("verify range.graph --device emu --batch 100 -q", 1,
                   "300 of 300 elements not judged: y[0, 0]: exp in it may overflow\n       no element of output y was "
                   "judged\n",
                   NULL);
    command_expect("verify range.graph --device emu --batch 100 --json", 1,
                   "\"verdict\":\"NOT JUDGED\",\"judged_in_part\":false,", NULL);
    command_expect("verify range.graph --device emu --batch 100 --json", 1,
                   "\"elements_judged\":100,\"elements_not_judged\":300", NULL);
    /* f16 ties three scores, of which real numbers choose the second; the last element of both sets is the same */
    write_text("ties.graph", "graph ties\ni = cast(iota([1, 3], dtype=i64, axis=1), f32)\n"
                             "x = i * (2.0 - i) * 0.0001 + 1.0\noutput m = topk_mask(cast(x, f16), 1)\n");
    command_expect("verify ties.graph --device emu", 0, "0 of 1 chosen sets equal, 0 certified", NULL);
    command_expect("verify ties.graph --device emu --json", 0, "\"worst\":\"m[0, 0]\"", NULL);
    write_text("part.graph", "graph g\ndim B\ninput x: f32[B, 3] where 0 <= x <= 1\nh = exp(x * 100)\n"
                             "output y: f32[B, 3] = h / (1 + h)\n");
    command_expect("verify part.graph --device emu --batch 1000", 0,
                   "PASS, 338 of 3,000 elements not judged   1 kernel within its bounds, worst ", NULL);
    command_expect("verify part.graph --device emu --batch 1000 -q", 0,
                   "338 of 3,000 elements not judged: y[2, 2]: exp in it may overflow\n", NULL);
    command_expect("verify part.graph --device emu --batch 1000 --json", 0,
                   "\"verdict\":\"PASS\",\"judged_in_part\":true,", NULL);
    write_text("part_over.graph",
               "graph g\ndim B\ninput x: f32[B, 3] where 0.5 <= x <= 1\noutput y: f32[B, 3] = exp(x * 100)\n");
    command_expect("verify part_over.graph --device emu --batch 100", 0, "PASS   1 kernel", NULL);
    command_expect("verify part_over.graph --device emu --batch 100 --json", 0,
                   "\"verdict\":\"PASS\",\"judged_in_part\":false,", NULL);
    command_expect("verify over.graph --device emu --batch 100", 0,
                   "; 300 of 400 not finite, as the reference allows\n       no element of mul is finite\n", NULL);
    command_expect("verify over.graph --device emu --batch 100", 0, "y 300 finite on one side only\n", NULL);
    command_expect("verify over.graph --device emu --batch 0", 0, "PASS   nothing to judge: B 0\n", NULL);
    command_expect("verify over.graph --device emu --batch 0", 0, "y has no elements", NULL);
    struct command c = command_run(NULL, "verify over.graph --device emu --batch 100");
    assert_null(strstr(c.out, " inf"));
    command_free(&c);
    leave_place(&p);
}

/* NaN in a weight: both sides have it, and the drift says so instead of 0. */
static void verify_counts_what_is_not_finite(void **state)
{
    (void)state;
    struct place p = enter_small();
    write_text("nan.graph", "graph g\ninput x: f32[4]\noutput y = x * 2.0\n");
    struct session *s = session_begin();
    const int64_t dim[] = { 4 };
    struct tensor *x = tensor_new(s->run, DT_F32, 1, dim);
    const double values[] = { NAN, 1, INFINITY, NAN };
    for (int i = 0; i < 4; i++)
        tensor_set(x, i, values[i]);
    assert_true(npy_write(s, "x.npy", x));
    command_expect("verify nan.graph --device emu --input x=x.npy", 0,
                   "y 0 from real where finite; 2 NaN on both sides, 1 infinite on both sides\n", NULL);
    command_expect("verify nan.graph --device emu --input x=x.npy", 0, "; 3 of 4 not finite, as the reference allows\n",
                   NULL);
    command_expect("verify nan.graph --device emu --input x=x.npy --json", 0,
                   "\"y\":{\"elements\":4,\"nan\":2,\"infinite\":1,\"one_sided\":0", NULL);
    session_end(s);
    leave_place(&p);
}

/* y = x·65510 in f16, at x = 1 (65510 rounds to 65504, the largest) and 2 (beyond it). Only infinity has no bound
   there. */
static void beyond_the_largest_number(void **state)
{
    (void)state;
    static const struct {
        double x, got;
        bool right;
        int64_t not_finite;
    } cases[] = {
        { 1, 65504, true, 0 },      { 1, 65472, false, 0 },     { 1, INFINITY, false, 0 }, { 2, INFINITY, true, 1 },
        { 2, 65504, false, 0 },     { 2, -INFINITY, false, 0 }, { 2, NAN, false, 0 },      { 2, 0, false, 0 },
        { -2, -INFINITY, true, 1 }, { -2, INFINITY, false, 0 }, { -2, -65504, false, 0 },
    };
    struct small_run r;
    small_begin(&r, "graph big\ninput x: f32[1]\noutput y = x * 65510.0\n", "gfx90a");
    assert_true(small_steps(&r, 0, SMALL_LOWERED));
    const struct group *gr = r.program->launches[0].group;
    const struct dim_values dims = { 0 };
    const int64_t one[] = { 1 };
    assert_int_equal(gr->outs[0]->storage, DT_F16);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tensor *x = tensor_new(r.s->run, gr->ins[0]->storage, 1, one);
        struct tensor *y = tensor_new(r.s->run, DT_F16, 1, one);
        tensor_set(x, 0, cases[i].x);
        tensor_set(y, 0, cases[i].got);
        struct kernel_verdict v;
        assert_true(judge_group(r.s, r.program, 0, &dims, (const struct tensor *[]){ x },
                                (const struct tensor *[]){ y }, &(struct judge_how){ .threads = 1 }, NULL, &v));
        if (v.pass != cases[i].right || v.not_finite != cases[i].not_finite || !isfinite(v.bound) || v.elements != 1 ||
            v.range)
            fail_msg("x = %g, y = %g: pass %d, bound %g, not finite %lld", cases[i].x, cases[i].got, v.pass, v.bound,
                     (long long)v.not_finite);
    }
    small_end(&r);
}

/* A rule that is wrong: the passes' judgement sees it, names the pass, and the exit code is 1. */
static const struct rule wrong_rules[] = { { "mul(?x, ?y)", "add(?x, ?y)", true, "planted" } };

static void verify_fails_what_is_wrong(void **state)
{
    (void)state;
    struct place p = enter_small();
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
    for (size_t i = 0; i < g->n_slots; i++)
        g->slots[i].offset = index_const(c->s->indices, 0);
    return changed;
}

static void verify_fails_a_wrong_kernel(void **state)
{
    (void)state;
    struct place p = enter_small();
    const struct pass instead = { "memplan", memplan_overlapping, "fuse", "values", "planted" };
    struct cli_env env = { .passes_instead = &instead, .n_instead = 1 };
    struct command c = command_run(&env, "verify models/dense.graph --device emu --batch 9 --threads 1");
    static const char *const says[] = {
        "FAIL   ", "should be ", "× the bound)", "at models/dense.graph:", "--device emu:gfx90a --sanitize", " wrong\n"
    };
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        if (c.code != 1 || !strstr(c.out, says[i]))
            fail_msg("exit code %d, and no '%s' in\n%s\n%s", c.code, says[i], c.out, c.err);
    assert_null(strstr(c.out, "PASS"));
    command_free(&c);
    leave_place(&p);
}

/* The three commands of the README, on their model. */
static void the_use_that_must_always_work(void **state)
{
    (void)state;
    struct place p = enter_small();
    command_expect("build models/moe_sheaf.graph", 0, "195,540 parameters", NULL);
    command_expect("run --backend hip --device emu", 0, "f16[128, 20]", NULL);
    command_expect("verify --against cpu --device emu", 0, "dispatch    dense, no buckets: not checked", NULL);
    leave_place(&p);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_verb_shows_three_commands),
        cmocka_unit_test(wrong_usage_is_exit_2),
        cmocka_unit_test(help_of_every_verb),
        cmocka_unit_test(wrong_input_is_exit_3),
        cmocka_unit_test(absent_devices_are_exit_4),
        cmocka_unit_test(a_build_without_a_compiler),
        needs("hiprtc", a_build_with_hiprtc),
        needs("nvrtc", a_build_with_nvrtc),
        cmocka_unit_test(passes_can_be_shown_and_stopped_at),
        cmocka_unit_test(print_reads_back),
        cmocka_unit_test(the_last_build_is_run),
        cmocka_unit_test(outputs_are_written),
        cmocka_unit_test(the_emulator_runs_what_is_built),
        cmocka_unit_test(the_program),
        cmocka_unit_test(verify_passes_what_is_right),
        cmocka_unit_test(verify_fails_what_is_wrong),
        cmocka_unit_test(verify_fails_a_wrong_kernel),
        cmocka_unit_test(the_use_that_must_always_work),
        cmocka_unit_test(graphs_without_kernels),
        cmocka_unit_test(a_build_that_was_changed_is_not_used),
        cmocka_unit_test(a_build_of_another_tokic_is_compiled_again),
        cmocka_unit_test(inputs_are_not_overwritten),
        cmocka_unit_test(verify_says_what_it_did_not_judge),
        cmocka_unit_test(verify_counts_what_is_not_finite),
        cmocka_unit_test(beyond_the_largest_number),
    };
    return tests_main(argc, argv, tests, NULL, NULL);
}
