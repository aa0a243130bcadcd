/* The build directory: what it holds, that it is replaced as a whole, and that what was changed in it is not believed.
   */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/support.h"

#include "runtime/compile/builddir.h"
#include "runtime/compile/compile_child.h"
#include "runtime/format/file.h"
#include "runtime/format/hash.h"

static const struct kernel_info kernel_info = {
    .name = "tk0", .regs = 19, .agprs = -1, .sgprs = 20, .spills = 0, .stack = 0, .shared = 208, .matrix = 0
};

/* A build with one target that is compiled and one that is not. `mark` tells two builds apart. */
static struct build *some_build(struct session *s, const char *mark)
{
    struct build *b = arena_new_of(s->run, struct build);
    struct build_target *t = arena_array(s->run, struct build_target, 2);
    struct build_kernel *k = arena_new_of(s->run, struct build_kernel);
    *k = (struct build_kernel){ "tk0", mark };
    t[0] = (struct build_target){ .target = target_find("gfx90a"),
                                  .text = arena_printf(s->run, "prelude %s", mark),
                                  .kernels = k,
                                  .n_kernels = 1,
                                  .compiled = true,
                                  .code = { .object = mark,
                                            .size = strlen(mark),
                                            .compiler = "hiprtc 5.2",
                                            .flags = "-O3",
                                            .kernels = (struct kernel_info *)&kernel_info,
                                            .n_kernels = 1 } };
    t[1] = (struct build_target){ .target = target_find("sm_90"), .text = "other", .kernels = k, .n_kernels = 1 };
    static const char *const sets[] = { "H=64", "D=1" };
    *b = (struct build){ .graph = "g",
                         .size = "nano",
                         .source = "models/g.graph",
                         .text = arena_printf(s->run, "graph g # %s\n", mark),
                         .checked = "flat graph g\n",
                         .sets = sets,
                         .n_sets = 2,
                         .hint = 77,
                         .targets = t,
                         .n_targets = 2 };
    return b;
}

static int entries_of(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(d);
    return n;
}

static void same_text(const char *path, const char *want)
{
    char *got = read_text(path);
    assert_string_equal(got, want);
    free(got);
}

static void written_and_read_back(void **state)
{
    (void)state;
    struct place p = enter_place();
    struct session *s = session_begin();
    assert_true(build_write(s, some_build(s, "one"), "deep/er/b/"));
    same_text("deep/er/b/graph.graph", "graph g # one\n");
    same_text("deep/er/b/kernels/gfx90a.txt", "prelude one");
    same_text("deep/er/b/kernels/gfx90a/tk0.txt", "one");
    assert_int_equal(entries_of("deep/er"), 1);
    struct build *b = build_read(s, "deep/er/b/");
    assert_non_null(b);
    assert_string_equal(b->graph, "g");
    assert_string_equal(b->size, "nano");
    assert_string_equal(b->text, "graph g # one\n");
    assert_int_equal(b->hint, 77);
    assert_int_equal(b->n_sets, 2);
    assert_string_equal(b->sets[1], "D=1");
    assert_int_equal(b->n_targets, 2);
    assert_ptr_equal(b->targets[0].target, target_find("gfx90a"));
    char hash[SHA256_HEX];
    sha256_hex("prelude one", 11, hash);
    assert_string_equal(b->targets[0].text_hash, hash);
    assert_true(b->targets[0].code.object);
    assert_int_equal(b->targets[0].code.size, 3);
    assert_memory_equal(b->targets[0].code.object, "one", 3);
    assert_string_equal(b->targets[0].code.flags, "-O3");
    assert_true(!b->targets[1].compiled && !b->targets[1].code.object);
    assert_string_equal(b->tokic, TOKIC_VERSION);
    assert_int_equal(b->n_files, 7);
    assert_int_equal(s->n_errors, 0);
    session_end(s);
    leave_place(&p);
}

/* Each file is in the manifest with the hash of its bytes, and each entry of the manifest is a file. */
static void the_manifest_tells_every_file(void **state)
{
    (void)state;
    struct place p = enter_place();
    struct session *s = session_begin();
    assert_true(build_write(s, some_build(s, "one"), "b"));
    char *text = read_text("b/manifest.json"), hash[SHA256_HEX];
    cJSON *m = cJSON_Parse(text);
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(m, "files"), *k;
    assert_int_equal(cJSON_GetArraySize(files), 7);
    cJSON_ArrayForEach(k, files)
    {
        assert_true(sha256_file(s, arena_printf(s->run, "b/%s", k->string), hash));
        assert_string_equal(hash, k->valuestring);
    }
    assert_int_equal(entries_of("b") + entries_of("b/kernels") + entries_of("b/kernels/gfx90a") +
                         entries_of("b/kernels/sm_90"),
                     7 + 1 + 3);
    const cJSON *targets = cJSON_GetObjectItemCaseSensitive(m, "targets");
    const cJSON *one = cJSON_GetArrayItem(targets, 0);
    const cJSON *kernel = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(one, "kernels"), 0);
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(kernel, "registers")->valueint, 19);
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(kernel, "agprs")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(targets, 1), "object")));
    cJSON_Delete(m);
    free(text);
    session_end(s);
    leave_place(&p);
}

/* What a user left in a build stays; what is not a build is not touched. */
static void replaced_with_care(void **state)
{
    (void)state;
    struct place p = enter_place();
    struct session *s = session_begin();
    assert_true(build_write(s, some_build(s, "one"), "b"));
    write_text("b/mine.npy", "precious");
    assert_int_equal(mkdir("b/notes", 0777), 0);
    write_text("b/notes/a", "also");
    assert_true(build_write(s, some_build(s, "two"), "b"));
    same_text("b/graph.graph", "graph g # two\n");
    same_text("b/gfx90a.o", "two");
    same_text("b/mine.npy", "precious");
    same_text("b/notes/a", "also");
    assert_int_equal(mkdir("home", 0777), 0);
    write_text("home/thesis", "years");
    assert_int_equal(mkdir("empty", 0777), 0);
    assert_false(build_write(s, some_build(s, "two"), "home"));
    assert_false(build_write(s, some_build(s, "two"), "."));
    assert_false(build_write(s, some_build(s, "two"), "home/thesis"));
    assert_int_equal(s->fail, FAIL_INPUT);
    same_text("home/thesis", "years");
    assert_int_equal(entries_of("home"), 1);
    assert_true(build_write(s, some_build(s, "two"), "empty"));
    assert_int_equal(symlink("b", "link"), 0);
    assert_true(build_write(s, some_build(s, "three"), "link"));
    same_text("b/graph.graph", "graph g # three\n");
    assert_int_equal(entries_of("."), 5); /* models, b, home, empty, link: nothing temporary is left */
    session_end(s);
    leave_place(&p);
}

/* Whichever call to the system fails, the old build is whole, and nothing is left beside it. */
static void a_failed_write_leaves_the_old_one(void **state)
{
    (void)state;
    struct place p = enter_place();
    struct session *s = session_begin();
    assert_true(build_write(s, some_build(s, "one"), "b"));
    int failures = 0;
    for (bool done = false; !done; failures += !done) {
        struct session *t = session_begin();
        t->faults.file_at = failures + 1;
        done = build_write(t, some_build(t, "two"), "b");
        assert_true(done || (t->n_errors && t->fail == FAIL_INPUT));
        session_end(t);
        same_text("b/graph.graph", done ? "graph g # two\n" : "graph g # one\n");
        assert_int_equal(entries_of("."), 2);
        struct build *b = build_read(s, "b");
        assert_true(b && b->targets[0].code.object);
    }
    assert_true(failures > 20);
    session_end(s);
    leave_place(&p);
}

static bool is_said(const struct session *s, const char *what)
{
    for (size_t i = 0; i < s->n_diags; i++)
        if (strstr(s->diags[i].text, what))
            return true;
    return false;
}

/* A build that is there, in a directory of that name, cannot be read, and this is why. */
static void refused(const char *dir, const char *why)
{
    struct session *s = session_begin();
    if (build_read(s, dir) || s->fail != FAIL_INPUT || !is_said(s, why))
        fail_msg("not '%s', but: %s", why, s->n_diags ? s->diags[0].text : "it was read");
    session_end(s);
}

/* Every file, one after the other: changed, then missing. */
static void changed_files_are_not_believed(void **state)
{
    (void)state;
    static const char *const names[] = { "graph.graph",        "graph.checked",          "gfx90a.o",
                                         "kernels/gfx90a.txt", "kernels/gfx90a/tk0.txt", "kernels/sm_90.txt" };
    struct place p = enter_place();
    struct session *s = session_begin();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = arena_printf(s->run, "b/%s", names[i]);
        assert_true(build_write(s, some_build(s, "one"), "b"));
        write_text(path, "0ne");
        refused("b", arena_printf(s->run, "%s was changed after the build; build again", path));
        unlink(path);
        refused("b", arena_printf(s->run, "%s is missing; build again", path));
    }
    assert_true(build_write(s, some_build(s, "one"), "b"));
    assert_non_null(build_read(s, "b"));
    assert_int_equal(s->n_diags, 0);
    session_end(s);
    leave_place(&p);
}

/* All that is wrong is said at once; what a user put beside the build's files is not its business. */
static void files_that_are_not_of_the_build(void **state)
{
    (void)state;
    struct place p = enter_place();
    struct session *s = session_begin();
    assert_true(build_write(s, some_build(s, "one"), "b"));
    write_text("b/mine.npy", "precious");
    assert_int_equal(mkdir("b/notes", 0777), 0);
    write_text("b/notes/a", "also");
    assert_non_null(build_read(s, "b"));
    write_text("b/sm_90.o", "an object that nobody made");
    write_text("b/kernels/gfx90a/tk1.txt", "a kernel too many");
    write_text("b/kernels/gfx90a.txt", "changed");
    assert_null(build_read(s, "b"));
    assert_int_equal(s->n_errors, 3);
    assert_true(is_said(s, "b/sm_90.o is not a file of the build") &&
                is_said(s, "b/kernels/gfx90a/tk1.txt is not a file of the build") &&
                is_said(s, "b/kernels/gfx90a.txt was changed") && is_said(s, "it was built from models/g.graph"));
    session_end(s);
    leave_place(&p);
}

/* ---- what killed processes left ---- */

static const char nobody[] = "999999999"; /* no process number is so large */

static void make_dir(const char *path, bool hours_old)
{
    assert_int_equal(mkdir(path, 0777), 0);
    struct timespec then[2] = { { time(NULL) - 7200, 0 }, { time(NULL) - 7200, 0 } };
    if (hours_old)
        assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
}

static bool is_there(const char *path) { return !access(path, F_OK); }

static void what_killed_builds_left(void **state)
{
    (void)state;
    struct place p = enter_place();
    struct session *s = session_begin();
    const char *gone = arena_printf(s->run, "b.tokic-%s-abcdef", nobody);
    const char *old = arena_printf(s->run, "%s.old", gone);
    const char *mine = arena_printf(s->run, "b.tokic-%ld-abcdef", (long)getpid());
    const char *stale = arena_printf(s->run, "b.tokic-%ld-ABCDEF", (long)getpid());
    const char *full = arena_printf(s->run, "b.tokic-%s-second", nobody);
    const char *taken = arena_printf(s->run, "%s/mine.npy", full);
    make_dir(gone, false);
    make_dir(old, false);
    make_dir(mine, false);
    make_dir(stale, true);
    make_dir(full, false);
    make_dir("b.tokic-notes", true);
    make_dir("b.tokic-zyxwvu", false);
    make_dir("b.tokic-uvwxyz", true);
    make_dir("c.tokic-999999999-abcdef", true);
    write_text(arena_printf(s->run, "%s/graph.graph", gone), "half a build");
    write_text(arena_printf(s->run, "%s/manifest.json.tokic-1-0.tmp", gone), "half a file");
    write_text(arena_printf(s->run, "%s/mine.npy", old), "precious"); /* killed before it had moved along */
    write_text(taken, "precious too");
    assert_true(build_write(s, some_build(s, "one"), "b"));
    assert_false(is_there(gone) || is_there(stale) || is_there("b.tokic-uvwxyz"));
    assert_true(is_there(mine) && is_there("b.tokic-notes") && is_there("b.tokic-zyxwvu") &&
                is_there("c.tokic-999999999-abcdef"));
    assert_true(is_there("b/mine.npy") &&
                is_there(full) != is_there(old)); /* one of the two could move, the other stays where it is */
    assert_true(is_said(s, "cannot be kept as"));
    assert_int_equal(entries_of("b"), 6);
    struct build *b = build_read(s, "b");
    assert_true(b && !strcmp(b->tokic, TOKIC_VERSION));
    session_end(s);
    leave_place(&p);
}

static int no_work(const struct compile_job *job) { return child_put(job, CHILD_OBJECT, "x", 1, CHILD_GOOD); }

static void what_killed_compilers_left(void **state)
{
    (void)state;
    struct place p = enter_place();
    struct session *s = session_begin();
    char *before = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
    char *here = getcwd(NULL, 0);
    make_dir("tokic-compile-999999999-abcdef", false);
    make_dir("tokic-compile-abcdef", true);
    make_dir("tokic-compile-notes", true);
    write_text("tokic-compile-999999999-abcdef/module.hip", "half a text");
    write_text("tokic-compile-999999999-uvwxyz", "no directory");
    setenv("TMPDIR", here, 1);
    struct compile_job job = { .text = "" };
    struct child_result r;
    assert_true(child_run(s, no_work, &job, 60, &r));
    assert_int_equal(entries_of("."), 3); /* models, what is no directory, what has another name */
    assert_true(is_there("tokic-compile-notes") && is_there("tokic-compile-999999999-uvwxyz"));
    if (before)
        setenv("TMPDIR", before, 1);
    else
        unsetenv("TMPDIR");
    free(before);
    free(here);
    session_end(s);
    leave_place(&p);
}

/* Any byte of the manifest may be wrong: an error or the same build, never a crash, and never another graph. */
static void hostile_manifests(void **state)
{
    (void)state;
    struct place p = enter_place();
    struct session *s = session_begin();
    assert_true(build_write(s, some_build(s, "one"), "b"));
    char *text = read_text("b/manifest.json");
    uint64_t rnd = 11;
    size_t n = strlen(text);
    for (int i = 0; i < 400; i++) {
        char *copy = strdup(text);
        size_t at = (size_t)rnd_range(&rnd, 0, (int64_t)n - 1);
        if (i % 2)
            copy[at] = (char)rnd_range(&rnd, 1, 255);
        else
            copy[at] = 0;
        write_text("b/manifest.json", copy);
        struct session *t = session_begin();
        struct build *b = build_read(t, "b");
        assert_true(b ? !strcmp(b->text, "graph g # one\n") : t->fail == FAIL_INPUT);
        for (size_t k = 0; b && k < b->n_targets; k++)
            assert_true(!b->targets[k].code.object || !memcmp(b->targets[k].code.object, "one", 3));
        session_end(t);
        free(copy);
    }
#define HEAD "{\"tokic\":\"0\",\"graph\":\"g\",\"size\":\"\",\"source\":\"s\","
    static const char *const others[] = {
        "",
        "[]",
        "{}",
        "null",
        "{\"graph\":1}",
        HEAD "\"hint\":1e300}",
        HEAD "\"hint\":1,\"files\":{},\"targets\":[{\"target\":\"../../etc\"}]}",
        HEAD "\"hint\":1,\"files\":{},\"targets\":[7]}",
        HEAD "\"hint\":1,\"files\":{},\"targets\":[]}",
        HEAD "\"hint\":1,\"files\":{\"../x\":1},\"targets\":[]}",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct session *t = session_begin();
        write_text("b/manifest.json", others[i]);
        assert_null(build_read(t, "b"));
        assert_int_equal(t->fail, FAIL_INPUT);
        session_end(t);
    }
    free(text);
    session_end(s);
    leave_place(&p);
}

static void the_last_build(void **state)
{
    (void)state;
    struct place p = enter_place();
    struct session *s = session_begin();
    const char *name, *dir = build_default_dir(s, "g", "nano", NULL, 0, &name);
    assert_string_equal(dir, "tokic-out/g-nano");
    assert_null(build_last(s));
    assert_int_equal(s->fail, FAIL_USAGE);
    assert_true(build_write(s, some_build(s, "one"), dir) && build_set_last(s, name));
    assert_string_equal(build_last(s), "tokic-out/g-nano");
    assert_int_equal(rename("tokic-out/g-nano", "elsewhere"), 0);
    assert_null(build_last(s));
    assert_string_equal(build_default_dir(s, "router", "", NULL, 0, &name), "tokic-out/router");
    session_end(s);
    leave_place(&p);
}

/* Every combination of graph, size and settings has a directory of its own. */
static void names_of_builds(void **state)
{
    (void)state;
    static const struct {
        const char *graph, *size, *sets[3], *dir;
    } cases[] = {
        { "g", "", { 0 }, "tokic-out/g" },
        { "g", "nano", { "H=64" }, "tokic-out/g-nano-H=64" },
        { "g", "", { "H=64", "D=1" }, "tokic-out/g-D=1-H=64" },
        { "g", "", { "D=1", "H=64" }, "tokic-out/g-D=1-H=64" },
        { "g", "", { "H=1", "D=-2", "H=064" }, "tokic-out/g-D=-2-H=64" }, /* the last one counts, as a number */
        { "last", "", { 0 }, "tokic-out/last.build" },                    /* tokic-out/last is a file */
        { "last", "a", { 0 }, "tokic-out/last-a" },
    };
    struct session *s = session_begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 0;
        const char *name;
        while (n < 3 && cases[i].sets[n])
            n++;
        const char *dir = build_default_dir(s, cases[i].graph, cases[i].size, cases[i].sets, n, &name);
        assert_string_equal(dir, cases[i].dir);
        assert_string_equal(name, strchr(dir, '/') + 1);
    }
    session_end(s);
}

/* A build of another file is not replaced unasked; one of the same file under another path is. */
static void builds_of_other_files_are_kept(void **state)
{
    (void)state;
    struct place p = enter_place();
    const char *text = "graph one\ninput x: f32[4]\noutput y = neg(x)\n";
    write_text("a.graph", text);
    write_text("b.graph", text);
    assert_int_equal(mkdir("deep", 0777), 0);
    command_expect("build a.graph", 0, "wrote tokic-out/one", NULL);
    command_expect("build b.graph", 3, NULL,
                   "tokic-out/one holds the build of a.graph, and this is the build of b.graph: their graphs have one "
                   "name\nnote: name another directory with -o, or remove tokic-out/one");
    command_expect("build b.graph -o tokic-out/two", 0, "wrote tokic-out/two", NULL);
    command_expect("build ./deep/../a.graph", 0, "wrote tokic-out/one", NULL);
    assert_int_equal(unlink("a.graph"), 0);
    command_expect("build b.graph", 3, NULL, "holds the build of ./deep/../a.graph");
    leave_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read_back),
        cmocka_unit_test(the_manifest_tells_every_file),
        cmocka_unit_test(replaced_with_care),
        cmocka_unit_test(a_failed_write_leaves_the_old_one),
        cmocka_unit_test(changed_files_are_not_believed),
        cmocka_unit_test(hostile_manifests),
        cmocka_unit_test(files_that_are_not_of_the_build),
        cmocka_unit_test(what_killed_builds_left),
        cmocka_unit_test(what_killed_compilers_left),
        cmocka_unit_test(the_last_build),
        cmocka_unit_test(names_of_builds),
        cmocka_unit_test(builds_of_other_files_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
