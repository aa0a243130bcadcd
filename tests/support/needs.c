#include "tests/support/needs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "runtime/compile/compile.h"
#include "runtime/device/device.h"

enum { MAX_TESTS = 100, WHY_BYTES = 400 };

/* ---- what is here ---- */

static bool has_compiler(struct session *s, const struct target *t, const char **why)
{
    return compile_available(s, t, why);
}

static bool has_hiprtc(struct session *s, const char **why)
{
    return has_compiler(s, &(struct target){ .name = "gfx90a", .compiler = COMPILER_HIPRTC, .wave = 64 }, why);
}

static bool has_nvrtc(struct session *s, const char **why)
{
    return has_compiler(s, &(struct target){ .name = "sm_90", .compiler = COMPILER_NVRTC, .wave = 32 }, why);
}

static bool has_clang(struct session *s, const char **why)
{
    return has_compiler(s, &(struct target){ .name = "gfx1100", .compiler = COMPILER_CLANG, .wave = 32 }, why);
}

/* A GPU that cannot be opened counts as present: its tests fail, and say why. */
static bool has_gpu(struct session *s, int count, struct device *(*open)(struct session *, int), const char **why)
{
    *why = "no such GPU here";
    if (!count)
        return false;
    struct device *d = open(s, 0);
    if (!d)
        return true;
    *why = "the GPU's target has no row";
    bool present = d->target && compile_available(s, d->target, why);
    d->ops->close(d);
    return present;
}

static bool has_nvidia(struct session *s, const char **why) { return has_gpu(s, nvidia_count(s), nvidia_open, why); }
static bool has_amd(struct session *s, const char **why) { return has_gpu(s, amd_count(s), amd_open, why); }

static bool has_numpy(struct session *s, const char **why)
{
    (void)s;
    *why = "no /usr/bin/python3 with NumPy: apt-get install python3-numpy";
    int status = system("/usr/bin/python3 -c 'import numpy' >/dev/null 2>&1");
    return WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool has_torch(struct session *s, const char **why)
{
    (void)s;
    *why = "no /usr/bin/python3 with PyTorch: apt-get install python3-torch";
    int status = system("/usr/bin/python3 -c 'import torch' >/dev/null 2>&1");
    return WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool has_terminal(struct session *s, const char **why)
{
    (void)s;
    *why = "no pseudo-terminal here";
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    bool present = master >= 0 && !grantpt(master) && !unlockpt(master);
    if (master >= 0)
        close(master);
    return present;
}

/* Asked of the processor itself: clang before 17 does not know the name "f16c". AVX tells that the system saves the
   registers. */
static bool has_f16c(struct session *s, const char **why)
{
    (void)s;
    *why = "the processor has no F16C";
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) && __builtin_cpu_supports("avx");
#else
    return false;
#endif
}

static bool has_mounts(struct session *s, const char **why)
{
    (void)s;
    *why = "no file system can be mounted here";
    char *dir = tmp_make();
    pid_t pid = fork();
    if (pid == 0)
        _exit(!small_disk(dir, "size=64k"));
    int status;
    bool present = pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
    tmp_remove(dir);
    return present;
}

static const struct need {
    const char *name;
    bool (*present)(struct session *s, const char **why);
} all[] = {
    { "hiprtc", has_hiprtc }, { "nvrtc", has_nvrtc },   { "clang", has_clang }, { "nvidia", has_nvidia },
    { "amd", has_amd },       { "numpy", has_numpy },   { "torch", has_torch }, { "terminal", has_terminal },
    { "f16c", has_f16c },     { "mounts", has_mounts },
};

/* Is `name` an item of a list divided by commas? */
static bool is_listed(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (; list && *list; list += strcspn(list, ","), list += *list == ',')
        if (!strncmp(list, name, n) && (!list[n] || list[n] == ','))
            return true;
    return false;
}

bool needs_present(const char *what, char *why, size_t size)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i].name, what))
            continue;
        struct session *s = session_begin();
        const char *said = "";
        bool present = all[i].present(s, &said);
        snprintf(why, size, "%s", said);
        session_end(s);
        return present;
    }
    snprintf(why, size, "tests/support/needs.c has no row for it");
    return false;
}

/* ---- a program ---- */

/* Stand in for a test whose need is absent; the state says which, and why. */
static void absent(void **state)
{
    print_message("skipped: needs %s\n", (const char *)*state);
    skip();
}

static void absent_but_required(void **state) { fail_msg("required by TOKIC_REQUIRE: %s", (const char *)*state); }

/* The tests of a program's part, those whose need is absent replaced. */
struct choice {
    struct CMUnitTest run[MAX_TESTS];
    char absent[MAX_TESTS][2 * WHY_BYTES];
    size_t n;
    int skipped;
};

static void choose(struct choice *c, const struct CMUnitTest *t)
{
    const char *need = t->initial_state;
    char why[WHY_BYTES];
    struct CMUnitTest *run = &c->run[c->n];
    *run = *t;
    if (need && !needs_present(need, why, sizeof why)) {
        bool required = is_listed(getenv("TOKIC_REQUIRE"), need);
        snprintf(c->absent[c->n], sizeof c->absent[c->n], "%s: %s", need, why);
        run->test_func = required ? absent_but_required : absent;
        run->initial_state = c->absent[c->n];
        c->skipped += !required;
    }
    c->n++;
}

int tests_run(int argc, char **argv, const struct CMUnitTest *tests, size_t n, CMFixtureFunction setup,
              CMFixtureFunction teardown)
{
    struct choice c = { .n = 0 };
    const char *part = argc > 1 ? argv[1] : NULL;
    const char *parts = getenv("TOKIC_TEST_PARTS"); /* set by ctest: the needs that have a part of this program */
    for (size_t i = 0; i < n && i < MAX_TESTS; i++) {
        const char *need = tests[i].initial_state;
        if (need && parts && !is_listed(parts, need)) {
            fprintf(stderr, "%s needs %s: list it for %s in tests/CMakeLists.txt\n", tests[i].name, need, argv[0]);
            return 1;
        }
        if (!part || !strcmp(need ? need : "bare", part))
            choose(&c, &tests[i]);
    }
    if (!c.n || n > MAX_TESTS) {
        fprintf(stderr, "%s: %s\n", argv[0], c.n ? "too many tests" : "no test has this need");
        return 1;
    }
    if (_cmocka_run_group_tests("tests", c.run, c.n, setup, teardown))
        return 1;
    return c.skipped ? NEEDS_SKIPPED : 0;
}
