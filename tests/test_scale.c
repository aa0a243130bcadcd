/* Large graphs from text to kernel texts: CPU time that grows with the nodes, and a stack that does not. */
#include "tests/support/support.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codegen/program.h"
#include "passes/pass.h"
#include "runtime/judge/walk.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SLOWER = 10, STACK = 1 << 20 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SLOWER = 10, STACK = 1 << 20 };
#else
enum { SLOWER = 1, STACK = 1 << 18 };
#endif
#else
enum { SLOWER = 1, STACK = 1 << 18 };
#endif

#define HEAD "graph scale\ndim B\ninput x: f32[B, 64]\nh = tanh(x)\n"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- texts ---- */
static char *turns(const char *body, int n)
{
    char *text = malloc(strlen(body) + 200);
    sprintf(text, HEAD "repeat %d {\n  %s\n}\noutput y = h\n", n, body);
    return text;
}

static char *layers(int n) { return turns("h = gelu(layernorm(linear(h, 64)))", n); }
static char *pointwise(int n) { return turns("h = tanh(h * 0.5 + x)", n); }
static char *halves(int n) { return turns("h = slice(concat(h, h), start=[0, 0], size=[B, 64])", n); }
static char *views(int n) { return turns("h = transpose(reshape(h, [64, B]), [1, 0])", n); }

/* What is cheaper to recompute than to store, over and over: 3^n paths. */
static char *recomputed(int n)
{
    char *text = malloc(300);
    sprintf(text, HEAD "m = max(x, axis=[0, 1], keepdim=true)\nrepeat %d {\n  m = fma(m, m, m)\n}\noutput y = m\n", n);
    return text;
}

/* A line for each of n values, and what joins them. */
static char *joined(int n, const char *line, const char *open, const char *between, const char *close)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    fputs(HEAD, to);
    for (int i = 0; i < n; i++)
        fprintf(to, line, i, i);
    fputs(open, to);
    for (int i = 0; i < n; i++)
        fprintf(to, "%sv%d", i ? between : "", i);
    fputs(close, to);
    fclose(to);
    return text;
}

static char *concatenated(int n) { return joined(n, "v%d = tanh(x * %d.5)\n", "output y = sum(concat(", ", ", "))\n"); }
static char *added(int n) { return joined(n, "v%d = tanh(x * %d.5)\n", "output y = ", " + ", "\n"); }
static char *outputs(int n) { return joined(n, "v%d = tanh(x * %d.5)\n", "output ", ", ", "\n"); }

static char *lines(int n)
{
    char *text = malloc((size_t)n * 28 + 200);
    char *at = stpcpy(text, HEAD "v0 = tanh(h)\n");
    for (int i = 1; i < n; i++)
        at += sprintf(at, "v%d = tanh(v%d)\n", i, i - 1);
    sprintf(at, "output y = v%d\n", n - 1);
    return text;
}

/* ---- the way ---- */
static struct program *built(struct session *s, const char *text, struct graph **parsed)
{
    const struct target *t = target_find("sm_90");
    struct pass_ctx c = pass_ctx_for(s, t);
    struct graph *g = graph_parse(s, source_of_string(s, "scale.graph", text), NULL);
    if (!g || !passes_run(g, &c, pipeline_all, NULL))
        return NULL;
    *parsed = g;
    struct graph *after = graph_clone(g);
    return passes_run(after, &c, pipeline_target, NULL) ? codegen_program(s, after, t, c.hint) : NULL;
}

/* A neighbour on the machine slows one attempt: the best of three counts. */
static void must_build(const char *what, char *text, size_t nodes, double limit)
{
    double best = INFINITY;
    for (int i = 0; i < 3 && best > limit * SLOWER; i++) {
        struct session *s = session_begin();
        struct graph *g = NULL;
        double start = now();
        struct program *p = built(s, text, &g);
        best = fmin(best, now() - start);
        if (!p)
            diags_print(s, 0, stderr, false);
        assert_non_null(p);
        assert_true(g->n_nodes >= nodes);
        print_message("%s: %zu nodes, %zu kernels: %.2f s\n", what, g->n_nodes, p->n_kernels, best);
        session_end(s);
    }
    assert_true(best <= limit * SLOWER);
    free(text);
}

static void ten_thousand_nodes(void **state)
{
    (void)state;
    must_build("layers", layers(1429), 10000, 2);
    must_build("pointwise", pointwise(2500), 10000, 2);
    must_build("concat", concatenated(3334), 10000, 2);
    must_build("add", added(2500), 10000, 2);
    must_build("outputs", outputs(3334), 10000, 2);
}

static void a_hundred_thousand_nodes(void **state)
{
    (void)state;
    must_build("pointwise", pointwise(25000), 100000, 30);
    must_build("lines", lines(100000), 100000, 30);
}

/* Each half is read twice: 2^27 paths. */
static void nested_views(void **state)
{
    (void)state;
    must_build("slice of concat", halves(27), 55, 1);
    must_build("transpose of reshape", views(27), 55, 1);
    must_build("one value", recomputed(5000), 5000, 2);
}

static void a_million_lines_are_refused(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = NULL;
    char *text = lines(1000002);
    assert_null(built(s, text, &g));
    free(text);
    assert_int_equal(s->fail, FAIL_INPUT);
    assert_int_equal(s->n_errors, 1);
    assert_non_null(strstr(s->diags[0].text, "the graph has over 1000000 nodes"));
    session_end(s);
}

/* ---- depth ---- */
struct deep {
    bool built, walked;
};

static bool walks(struct session *s, const struct graph *g)
{
    const char *names[] = { "B" };
    int64_t values[] = { 1 };
    struct walk *w = walk_begin(s, g, &(struct dim_values){ names, values, 1 }, NUMERICS_REAL, 1);
    int64_t dim[] = { 1, 64 };
    walk_set_tensor(w, g->nodes[0], tensor_new(s->run, DT_F32, 2, dim));
    bool ok = walk_run(w, &g->outs[0].node, 1, false, NULL, NULL);
    walk_end(w);
    return ok;
}

static void *build_and_walk(void *arg)
{
    struct deep *d = arg;
    struct session *s = session_begin();
    struct graph *g = NULL;
    const char *text = HEAD "repeat 100000 {\n  h = tanh(h)\n}\noutput chosen = topk_mask(h, k=2)\noutput y = h\n";
    d->built = built(s, text, &g);
    d->walked = g && walks(s, g);
    session_end(s);
    return NULL;
}

/* A frame for each node of the chain would be many times the stack. The selection keeps all of it in f32. */
static void a_chain_needs_no_stack(void **state)
{
    (void)state;
    struct deep d = { 0 };
    pthread_attr_t attr;
    pthread_t thread;
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attr, build_and_walk, &d), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attr);
    assert_true(d.built);
    assert_true(d.walked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_nodes),     cmocka_unit_test(a_hundred_thousand_nodes),
        cmocka_unit_test(nested_views),           cmocka_unit_test(a_million_lines_are_refused),
        cmocka_unit_test(a_chain_needs_no_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
