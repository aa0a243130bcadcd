/* Two sessions in one process know nothing of each other: used in turns and from two threads, each gives what it gives
   alone. */
#include "tests/support/support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "passes/pass.h"
#include "tests/support/small_run.h"

/* What runs beside what, with the code for it and its result when it is alone. */
struct part {
    const char *text, *target;
    struct code code;
    char *alone;
};
struct parts {
    struct session *keep;
    struct part part[2];
};

static char *result_of(const struct part *p)
{
    struct small_run r;
    small_begin(&r, p->text, p->target);
    r.code = &p->code;
    bool ok = small_steps(&r, 0, SMALL_STEPS);
    if (!ok)
        diags_print(r.s, 0, stderr, false);
    char *result = ok ? strdup(r.result) : NULL;
    small_end(&r);
    return result;
}

static int setup(void **state)
{
    struct parts *p = calloc(1, sizeof *p);
    *p = (struct parts){ session_begin(),
                         { { .text = small_rows, .target = "gfx90a" }, { .text = small_route, .target = "sm_90" } } };
    *state = p;
    for (int i = 0; i < 2; i++) {
        if (!small_compile(p->keep, p->part[i].text, p->part[i].target, &p->part[i].code))
            return -1;
        p->part[i].alone = result_of(&p->part[i]);
        if (!p->part[i].alone)
            return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    struct parts *p = *state;
    for (int i = 0; i < 2; i++)
        free(p->part[i].alone);
    session_end(p->keep);
    free(p);
    return 0;
}

static void results_say_something(void **state)
{
    const struct parts *p = *state;
    assert_string_not_equal(p->part[0].alone, p->part[1].alone);
    for (int i = 0; i < 2; i++) {
        assert_non_null(strstr(p->part[i].alone, "TK_KERNEL("));
        assert_non_null(strstr(p->part[i].alone, " passes "));
        assert_null(strstr(p->part[i].alone, " fails "));
    }
    /* another batch shows */
    struct small_run r;
    small_begin(&r, p->part[0].text, p->part[0].target);
    r.code = &p->part[0].code;
    r.batch = 6;
    assert_true(small_steps(&r, 0, SMALL_STEPS));
    assert_string_not_equal(r.result, p->part[0].alone);
    small_end(&r);
}

/* One step of each, in turns; then once more with one a step behind the other. */
static void in_turns(void **state)
{
    const struct parts *p = *state;
    for (int behind = 0; behind < 3; behind++) {
        struct small_run r[2];
        for (int i = 0; i < 2; i++) {
            small_begin(&r[i], p->part[i].text, p->part[i].target);
            r[i].code = &p->part[i].code;
        }
        for (int step = 0; step < SMALL_STEPS + behind; step++) {
            if (step < SMALL_STEPS)
                assert_true(small_step(&r[0], step));
            if (step >= behind)
                assert_true(small_step(&r[1], step - behind));
        }
        for (int i = 0; i < 2; i++) {
            assert_string_equal(r[i].result, p->part[i].alone);
            assert_int_equal(r[i].s->n_diags, 0);
            small_end(&r[i]);
        }
    }
}

/* Errors, wishes for failure and log topics are one session's alone. */
static void errors_stay_where_they_are(void **state)
{
    const struct parts *p = *state;
    struct small_run good, bad;
    small_begin(&good, p->part[0].text, p->part[0].target);
    small_begin(&bad, "graph bad\ndim B\ninput x: f32[B, 3]\noutput y = nothing(x)\n", "gfx90a");
    good.code = &p->part[0].code;
    bad.s->faults = (struct faults){ .file_at = 1, .device_at = 1 };
    assert_true(small_step(&good, 0));
    assert_false(small_step(&bad, 0));
    assert_int_equal(bad.s->n_errors, 1);
    assert_true(small_steps(&good, 1, SMALL_STEPS));
    assert_int_equal(good.s->n_diags, 0);
    assert_int_equal(bad.s->faults.device_at, 1);
    assert_string_equal(good.result, p->part[0].alone);
    small_end(&bad);
    small_end(&good);
}

enum { TIMES = 4 };
struct share {
    const struct part *part;
    int equal;
    pthread_t thread;
};

static void *share_run(void *arg)
{
    struct share *s = arg;
    for (int i = 0; i < TIMES; i++) {
        char *result = result_of(s->part);
        s->equal += result && !strcmp(result, s->part->alone);
        free(result);
    }
    return NULL;
}

/* The same graph in both, then two different ones. */
static void from_two_threads(void **state)
{
    const struct parts *p = *state;
    for (int other = 0; other < 2; other++) {
        struct share shares[2] = { { .part = &p->part[0] }, { .part = &p->part[other] } };
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&shares[i].thread, NULL, share_run, &shares[i]), 0);
        for (int i = 0; i < 2; i++)
            pthread_join(shares[i].thread, NULL);
        for (int i = 0; i < 2; i++)
            assert_int_equal(shares[i].equal, TIMES);
    }
}

/* From text to kernel texts and back to nothing. */
static void build_and_free(struct session *s, const struct source *src, const char *target)
{
    const struct target *t = target_find(target);
    struct pass_ctx c = pass_ctx_for(s, t);
    struct graph *g = graph_parse(s, src, NULL);
    assert_non_null(g);
    assert_true(passes_run(g, &c, pipeline_all, NULL));
    struct graph *after = graph_clone(g);
    assert_true(passes_run(after, &c, pipeline_target, NULL));
    assert_non_null(codegen_program(s, after, t, c.hint));
    graph_free(g);
}

/* What a build made goes with it: a session that has seen every graph once does not grow with further ones. */
static void builds_leave_nothing(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const struct source *rows = source_of_string(s, "rows", small_rows);
    const struct source *route = source_of_string(s, "route", small_route);
    const struct source *bad = source_of_string(s, "bad", "graph g\nh = \n");
    size_t after_first = 0;
    for (int i = 0; i < 50; i++) {
        build_and_free(s, rows, i % 2 ? "gfx90a" : "sm_90");
        build_and_free(s, route, i % 2 ? "sm_90" : "gfx90a");
        assert_int_equal(s->n_builds, 0);
        if (i == 1)
            after_first = arena_bytes(s->run);
    }
    assert_int_equal(arena_bytes(s->run), after_first);
    assert_null(graph_parse(s, bad, NULL));
    assert_int_equal(s->n_builds, 0);
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_leave_nothing),
        cmocka_unit_test(results_say_something),
        cmocka_unit_test(in_turns),
        cmocka_unit_test(errors_stay_where_they_are),
        cmocka_unit_test(from_two_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
