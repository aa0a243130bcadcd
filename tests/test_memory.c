/* Memory that does not suffice ends with a message that says how much is needed and exit code 3: the n-th allocation of
   a build fails, for every n, and commands run under a limit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/small_run.h"
#include "tests/support/support.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

enum { SAID = 4000, MOST_ALLOCATIONS = 5000 };

/* ---- the n-th allocation ---- */
static long until_failure; /* allocations up to the one that fails; 0: none fails */

static bool fails(void) { return until_failure && !--until_failure; }

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n) { return fails() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n) { return fails() ? NULL : __real_realloc(p, n); }

/* ---- what a child does and says ---- */
struct ended {
    int code; /* -1: a signal */
    char said[SAID];
};

static struct ended in_child(int (*what)(void *arg), void *arg)
{
    struct ended e = { .code = -1 };
    FILE *said = tmpfile();
    assert_non_null(said);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        dup2(fileno(said), STDERR_FILENO);
        exit(what(arg));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status))
        e.code = WEXITSTATUS(status);
    rewind(said);
    e.said[fread(e.said, 1, SAID - 1, said)] = 0;
    fclose(said);
    return e;
}

/* ---- a build ---- */
struct build {
    long fail_at;
    const char *want; /* the module without a failure */
};

enum { DONE = 0, OUT_OF_MEMORY = 3, OTHER_TEXT = 50 };

static int run_build(void *arg)
{
    const struct build *b = arg;
    until_failure = b->fail_at;
    struct small_run r;
    small_begin(&r, small_route, "sm_90");
    int code = small_steps(&r, 0, SMALL_LOWERED) ? DONE : (int)r.s->fail;
    bool reached = !until_failure;
    until_failure = 0;
    if (!code && strcmp(r.module, b->want))
        return OTHER_TEXT;
    small_end(&r);
    if (!code && reached)
        fputs("out of memory, and it did not matter\n", stderr);
    return code;
}

static void each_allocation_of_a_build_fails(void **state)
{
    (void)state;
    struct small_run r;
    small_begin(&r, small_route, "sm_90");
    assert_true(small_steps(&r, 0, SMALL_LOWERED));
    struct build b = { .want = r.module };
    int failed = 0;
    struct ended e = { .code = OUT_OF_MEMORY };
    for (b.fail_at = 1; e.code != DONE || *e.said; b.fail_at++) {
        assert_true(b.fail_at < MOST_ALLOCATIONS);
        e = in_child(run_build, &b);
        if ((e.code != OUT_OF_MEMORY && e.code != DONE) || (e.code && !strstr(e.said, "out of memory")))
            fail_msg("allocation %ld fails: exit %d, %s", b.fail_at, e.code, e.said);
        failed += e.code == OUT_OF_MEMORY;
    }
    print_message("%d allocations failed, one at a time\n", failed);
    assert_true(failed > 50);
    small_end(&r);
}

/* ---- commands under a limit ---- */
static int limited(void *line)
{
    struct rlimit limit = { .rlim_cur = (rlim_t)1 << 29, .rlim_max = (rlim_t)1 << 29 };
    if (setrlimit(RLIMIT_AS, &limit))
        return OTHER_TEXT;
    struct command c = command_run(NULL, line);
    fputs(c.err, stderr);
    return c.code;
}

static const char wide[] = "graph wide\n"
                           "dim B\n"
                           "input x: f32[B, 1000] where -1 <= x <= 1\n"
                           "h = tanh(x)\n"
                           "output y = sum(softmax(h))\n";
static const char grown[] = "graph grown\n"
                            "dim B\n"
                            "input x: f32[B] where -1 <= x <= 1\n"
                            "h = reshape(x, [B, 1]) + iota(dims=[B, 100000], axis=1, dtype=f32)\n"
                            "output y = tanh(h)\n";

static void expect_refused(const char *line, const char *words)
{
    char text[200];
    snprintf(text, sizeof text, "%s", line);
    struct ended e = in_child(limited, text);
    if (e.code != OUT_OF_MEMORY || !strstr(e.said, words))
        fail_msg("%s: exit %d, said: %s", line, e.code, e.said);
}

static void large_dims_are_refused(void **state)
{
    (void)state;
    if (SANITIZED) /* it reserves more than any limit */
        return;
    struct place p = enter_place();
    write_text("wide.graph", wide);
    write_text("grown.graph", grown);
    static const char *const drawn =
        "wide.graph:3:7: error: drawing the inputs and parameters for B = 1000000 takes 3.7 GiB";
    expect_refused("run wide.graph --backend cpu --batch 1000000", drawn);
    expect_refused("run wide.graph --backend hip --device emu --batch 1000000", drawn);
    expect_refused("verify wide.graph --against cpu --device emu --batch 1000000", drawn);
    expect_refused("run grown.graph --backend cpu --batch 2000", "takes 1.5 GiB of memory");
    expect_refused("run grown.graph --backend hip --device emu --batch 5000", "emu:gfx90a takes 0.9 GiB of memory");
    expect_refused("verify grown.graph --against cpu --device emu --batch 700", "out of memory");
    leave_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_of_a_build_fails),
        cmocka_unit_test(large_dims_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
