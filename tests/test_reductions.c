/* Reductions, selections and their gradients where random operands do not go: ties, zeros, NaNs, infinities, rows
   without elements. The expected values are written by hand. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "passes/pass.h"
#include "tests/support/walk_ops.h"

enum { MOST = 16 };
#define INF INFINITY

/* y is an expression of x. The gradient is that of the sum of r·y with r = 1, 2, … */
struct expected {
    const char *y, *x_shape, *y_shape;
    double x[MOST], want[MOST], grad[MOST];
    bool has_grad;
};

static const struct expected cases[] = {
    { "prod(x)",
      "4, 3",
      "4",
      { 2, 3, 5, 0, 3, 5, 0, 0, 5, 2, NAN, 1 },
      { 30, 0, 0, NAN },
      { 15, 10, 6, 30, 0, 0, 0, 0, 0, NAN, NAN, NAN },
      true },
    { "prod(x, axis=0)", "0, 3", "3", { 0 }, { 1, 1, 1 }, { 0 }, true },
    { "max(x)",
      "4, 3",
      "4",
      { 2, 2, 1, 1, NAN, NAN, -INF, -INF, -INF, -0.0, 0, INF },
      { 2, NAN, -INF, INF },
      { 1, 0, 0, 0, 2, 0, 3, 0, 0, 0, 0, 4 },
      true },
    { "min(x)",
      "4, 3",
      "4",
      { 2, 1, 1, 1, NAN, NAN, INF, INF, INF, 0, -0.0, 3 },
      { 1, NAN, INF, 0 },
      { 0, 1, 0, 0, 2, 0, 3, 0, 0, 4, 0, 0 },
      true },
    { "max(x, axis=[0, 1])", "2, 2, 2", "2", { 1, 7, 5, 7, 5, 0, 0, 0 }, { 5, 7 }, { 0, 2, 1, 0, 0, 0, 0, 0 }, true },
    { "cast(argmax(x, axis=0), float)", "2, 3", "3", { 1, NAN, 3, 1, NAN, 4 }, { 0, 0, 1 }, { 0 }, false },
    { "cast(argmin(x, axis=0, keepdim=true), float)",
      "2, 3",
      "1, 3",
      { 1, 5, 3, 1, NAN, 2 },
      { 0, 1, 1 },
      { 0 },
      false },
    { "cast(argmin(x, axis=0), float)", "0, 2", "2", { 0 }, { -1, -1 }, { 0 }, false },
    { "cast(any(greater(x, 0), axis=0), float)", "0, 2", "2", { 0 }, { 0, 0 }, { 0 }, false },
    { "cast(all(greater(x, 0), axis=0), float)", "0, 2", "2", { 0 }, { 1, 1 }, { 0 }, false },
    { "cast(all(greater(x, 0)), float)", "2, 2", "2", { 1, 2, 1, NAN }, { 1, 0 }, { 0 }, false },
    { "logsumexp(x)",
      "4, 2",
      "4",
      { -INF, -INF, INF, 0, 1000, 1000, 0, -INF },
      { -INF, INF, 1000.6931471805599453, 0 },
      { 0, 0, NAN, 0, 1.5, 1.5, 4, 0 },
      true },
    { "logsumexp(x, axis=0)", "0, 2", "2", { 0 }, { -INF, -INF }, { 0 }, true },
    { "log_softmax(x)",
      "2, 2",
      "2, 2",
      { 0, -INF, 1000, 1000 },
      { 0, -INF, -0.6931471805599453, -0.6931471805599453 },
      { 1 - 3, 2, 3 - 3.5, 4 - 3.5 },
      true },
    { "softmax(x, axis=0)", "2, 2", "2, 2", { 0, 7, -INF, 7 }, { 1, 0.5, 0, 0.5 }, { 0, -0.5, 0, 0.5 }, true },
    { "topk_values(x, 2)",
      "3, 3",
      "3, 2",
      { 1, 2, 2, NAN, -INF, 0, NAN, 3, NAN },
      { 2, 2, 0, -INF, 3, NAN },
      { 0, 1, 2, 0, 4, 3, 6, 5, 0 },
      true },
    { "cast(topk_indices(x, 3, axis=0), float)",
      "2, 2",
      "3, 2",
      { 1, NAN, 5, NAN },
      { 1, 0, 0, 1, -1, -1 },
      { 0 },
      false },
    { "take_along_axis(x, topk_indices(x, 3), -1)", "1, 2", "1, 3", { 4, 9 }, { 9, 4, NAN }, { 2, 1 }, true },
    { "cumsum(x)", "2, 3", "2, 3", { 1, 2, 3, 4, NAN, 6 }, { 1, 3, 6, 4, NAN, NAN }, { 6, 5, 3, 15, 11, 6 }, true },
    { "cumsum(x, axis=0, exclusive=true, reverse=true)", "3, 1", "3, 1", { 1, 2, 3 }, { 5, 3, 0 }, { 0, 1, 3 }, true },
    { "reshape(cumsum(x, exclusive=true), [2])", "2, 1", "2", { 5, INFINITY }, { 0, 0 }, { 0, 0 }, true },
    { "reshape(norm(x), [1])", "2, 2", "1", { 0, 0, 0, 0 }, { 0 }, { 0, 0, 0, 0 }, true },
    { "reshape(norm(x, x * 2), [1])",
      "2",
      "1",
      { 3, 4 },
      { 11.180339887498949 },
      { 1.3416407864998738, 1.7888543819998317 },
      true },
};

static void expect(const struct expected *e, const char *what, const struct view *got, const double *want)
{
    for (int64_t i = 0; i < got->count; i++) {
        double y = got->v[i].d;
        if (!(isnan(want[i]) ? isnan(y) : y == want[i] || fabs(y - want[i]) <= 1e-12 * fabs(want[i])))
            fail_msg("%s, %s: element %lld is %.17g, should be %.17g", e->y, what, (long long)i, y, want[i]);
    }
}

static const char *text_of(struct session *s, const struct expected *e)
{
    const char *axes = "0";
    int rank = 1;
    for (const char *p = e->y_shape; *p; p++)
        if (*p == ',')
            axes = arena_printf(s->run, "%s, %d", axes, rank++);
    return arena_printf(s->run,
                        "graph g\ninput x: f32[%s]\ninput r: f32[%s]\noutput y: float[%s] = %s\n"
                        "loss = sum(y * r, axis=[%s])\n",
                        e->x_shape, e->y_shape, e->y_shape, e->y, axes);
}

static void check(const struct expected *e)
{
    static const char *const pipeline[] = { "infer", "autodiff", NULL };
    struct session *s = session_begin();
    struct graph *g = graph_parse(s, source_of_string(s, "test.graph", text_of(s, e)), NULL);
    const char *names[] = { "x" };
    struct pass_ctx ctx = pass_ctx_for(s, target_find("gfx90a"));
    ctx.gradients.names = names;
    ctx.gradients.n_names = e->has_grad;
    if (!g || (e->has_grad && !passes_run(g, &ctx, pipeline, NULL))) {
        diags_print(s, 0, stderr, false);
        fail_msg("%s", e->y);
        return;
    }
    struct op_walk w;
    op_walk_begin(&w, g);
    struct view x = op_walk_view(g->arena, &graph_find(g, "x")->type);
    struct view r = op_walk_view(g->arena, &graph_find(g, "r")->type);
    for (int64_t i = 0; i < x.count; i++)
        x.v[i].d = e->x[i];
    for (int64_t i = 0; i < r.count; i++)
        r.v[i].d = (double)i + 1;
    op_walk_bind(&w, graph_find(g, "x"), x, NULL);
    op_walk_bind(&w, graph_find(g, "r"), r, NULL);
    op_walk_run(&w);
    expect(e, "value", &w.value[graph_find(g, "y")->id], e->want);
    for (size_t i = 0; i < g->n_outs && e->has_grad; i++)
        if (!strcmp(g->outs[i].name, "grad:x"))
            expect(e, "gradient", &w.value[g->outs[i].node->id], e->grad);
    session_end(s);
}

static void values_and_gradients_at_the_edges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(values_and_gradients_at_the_edges) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
