/* What flags and builds are called, and that each name does what it says. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/support.h"

static void a_dim_by_its_name(void **state)
{
    (void)state;
    struct place p = enter_place();
    write_text("two.graph", "graph two\ndim B, T\ninput x: f32[B, T]\noutput y = exp(x)\noutput z = sum(x)\n");
    command_expect("run two.graph --backend cpu --batch 3", 0, "f64[3, 128]", NULL);
    command_expect("run two.graph --backend cpu --dim T=5", 0, "f64[128, 5]", NULL);
    command_expect("run two.graph --backend hip --device emu --dim T=5 --batch 3", 0, "f16[3, 5]", NULL);
    command_expect("verify two.graph --device emu --dim T=5 --dim B=3", 0, "two   B 3 T 5   emu", NULL);
    command_expect("run two.graph --backend cpu --dim S=5", 2, NULL, "has no symbolic dim S (it has: B, T)");
    leave_place(&p);
}

static void builds_of_settings_stand_beside_each_other(void **state)
{
    (void)state;
    struct place p = enter_small();
    command_expect("build small.graph", 0, "wrote tokic-out/small-one\n", NULL);
    command_expect("build small.graph --set H=48", 0, "wrote tokic-out/small-one-H=48\n", NULL);
    command_expect("run --backend cpu --batch 2 --output h", 0, "f64[2, 48]", NULL);
    command_expect("run tokic-out/small-one --backend cpu --batch 2 --output h", 0, "f64[2, 16]", NULL);
    write_text("last.graph", "graph last\ninput x: f32[4]\noutput y = neg(x)\n");
    command_expect("build last.graph", 0, "wrote tokic-out/last.build\n", NULL);
    command_expect("run --backend cpu", 0, "last   cpu real", NULL);
    leave_place(&p);
}

/* A build whose file was edited still runs, as it was, and says so. */
static void a_stale_build_is_named(void **state)
{
    (void)state;
    struct place p = enter_small();
    command_expect("build small.graph --size two --set H=48", 0, NULL, NULL);
    struct command c = command_run(NULL, "run --backend cpu --batch 2");
    assert_int_equal(c.code, 0);
    assert_string_equal(c.err, "");
    command_free(&c);
    write_text("small.graph", "graph small\ninput x: f32[4]\noutput y = neg(x)\n");
    static const char *const uses[] = { "run --backend cpu --batch 2", "verify --device emu --batch 2",
                                        "run tokic-out/small-two-H=48 --backend cpu --batch 2" };
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        command_expect(uses[i], 0, NULL,
                       "warning: small.graph has changed since tokic-out/small-two-H=48 was built from it; this is the "
                       "graph as it was\nnote: to build it as it is now: tokic build small.graph --size two --set "
                       "H=48\n");
    write_text("tokic-out/last", "gone\n");
    command_expect(
        "run --backend cpu", 2, NULL,
        "error: no file was named, and this directory has no last build: tokic-out/last names tokic-out/gone, "
        "which is not there\nnote: name a .graph file or a build, or run: tokic build GRAPH\n");
    leave_place(&p);
}

static bool same_files(const char *a, const char *b)
{
    char *x = read_text(a);
    char *y = read_text(b);
    bool same = !strcmp(x, y);
    free(x);
    free(y);
    return same;
}

/* run and verify of a file choose tiles for the batch that they have; a build keeps those that it was built with. */
static void tiles_are_chosen_for_the_batch(void **state)
{
    (void)state;
    struct place p = enter_place();
    write_text("g.graph", "graph g\ndim B\ninput x: f32[B, 64]\noutput y = linear(x, 96)\n");
    command_expect("verify g.graph --device emu --batch 3 --dump-launches small", 0, "PASS", NULL);
    command_expect("verify g.graph --device emu --batch 1024 --dump-launches large", 0, "PASS", NULL);
    command_expect("build g.graph --batch 3", 0, NULL, NULL);
    command_expect("verify --device emu --batch 1024 --dump-launches built", 0, "PASS", NULL);
    command_expect("run g.graph --backend hip --device emu --batch 1024 --dump-launches run", 0, NULL, NULL);
    assert_false(same_files("small/kernels.txt", "large/kernels.txt"));
    assert_true(same_files("small/kernels.txt", "built/kernels.txt"));
    assert_true(same_files("large/kernels.txt", "run/kernels.txt"));
    leave_place(&p);
}

/* Is ".FIELD" or "->FIELD" in the text? */
static bool reads_field(const char *text, const char *field)
{
    size_t n = strlen(field);
    for (const char *p = text; (p = strstr(p, field)); p += n)
        if ((p[-1] == '.' || p[-1] == '>') && !isalnum((unsigned char)p[n]) && p[n] != '_')
            return true;
    return false;
}

/* A flag that nobody reads is not a flag: each field of struct cli_options is used outside of its reader. --against has
   one word, which its reader has checked. */
static void every_flag_is_read(void **state)
{
    (void)state;
    static const char *const files[] = { "cli.c",     "cli_build.c", "cli_graph.c",  "cli_line.c",
                                         "cli_ops.c", "cli_run.c",   "cli_verify.c", "cli_doctor.c" };
    for (int i = 0; cli_flag_at(i); i++) {
        const char *name = cli_flag_at(i)->name;
        char field[64];
        snprintf(field, sizeof field, "%s", !strcmp(name, "out") ? "out_dir" : name);
        for (char *p = field; *p; p++)
            *p = *p == '-' ? '_' : *p;
        bool plural = cli_flag_at(i)->kind == FLAG_LIST;
        if (plural)
            strcat(field, "s");
        bool read = !strcmp(name, "against");
        for (size_t k = 0; k < sizeof files / sizeof *files && !read; k++) {
            char path[600];
            snprintf(path, sizeof path, "%s/runtime/cli/%s", SOURCE_DIR, files[k]);
            char *text = read_text(path);
            read = reads_field(text, field);
            free(text);
        }
        if (!read)
            fail_msg("nothing reads --%s", name);
    }
    command_expect("verify models/router.graph --faster", 2, NULL, "tokic verify has no flag --faster");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dim_by_its_name),      cmocka_unit_test(builds_of_settings_stand_beside_each_other),
        cmocka_unit_test(a_stale_build_is_named), cmocka_unit_test(tiles_are_chosen_for_the_batch),
        cmocka_unit_test(every_flag_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
