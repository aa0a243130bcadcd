/* The losses at numbers worked out by hand, at large logits and at indices that name no class, in their own `eval` and
   in their expansions; and their kernels, forward and backward. */
#include "tests/support/support.h"

#include <string.h>

#include "passes/pass.h"
#include "tests/support/chain.h"
#include "tests/support/walk_ops.h"

enum { MOST = 6 };

/* ---- values ---- */
static const struct value {
    const char *loss, *target; /* x is f32[2, 3] */
    double x[MOST], t[MOST], want;
} values[] = {
    /* log(e^-2 + e^-1 + 1) and log 3 */
    { "cross_entropy(x, t)", "i64[2]", { 1, 2, 3, 0, 0, 0 }, { 2, 0 }, 0.7531091265562451 },
    { "cross_entropy(x, t)", "i32[2]", { 1e4, 0, -1e4, 1e4, 0, -1e4 }, { 1, 0 }, 5000 },
    { "cross_entropy(x, t)", "i64[2]", { 0 }, { 0, 3 }, NAN },
    { "cross_entropy(x, t)", "i64[2]", { 0 }, { -1, 2 }, NAN },
    { "cross_entropy(x, t)", "i64[2]", { 0, 0, -INFINITY, 0, -INFINITY, 0 }, { 0, 2 }, 0.6931471805599453 },
    { "cross_entropy(x, t)", "f32[2, 3]", { 0, 0, 0, 1e4, 0, 0 }, { 0.5, 0.25, 0.25, 0, 1, 0 }, 5000.549306144334 },
    { "cross_entropy(x, t)", "f32[2, 3]", { 0 }, { 1, 1, 1, 2, 0, 0 }, 2.746530721670274 }, /* rows of any sum */
    { "cross_entropy(slice(x, [0, 0], [2, 0]), t)", "i64[2]", { 0 }, { 0 }, NAN },
    { "cross_entropy(slice(x, [0, 0], [0, 3]), slice(t, [0], [0]))", "i64[2]", { 0 }, { 0 }, NAN },
    { "bce(x, t)", "f32[2, 3]", { 0, 800, -800, 0, 800, -800 }, { 0.25, 1, 0, 1, 0, 1 }, 266.8977157268533 },
    { "huber(x, t)", "f32[2, 3]", { 0.5, 3, -3, 1, 0, 0 }, { 0 }, 0.9375 },
    { "huber(x, t, delta=2)", "f32[2, 3]", { 0.5, 3, -3, 1, 0, 0 }, { 0 }, 1.4375 },
    { "huber(x, t)", "f32[2, 3]", { -INFINITY }, { 0 }, INFINITY },
};

static struct graph *parsed(struct session *s, const struct value *v)
{
    const char *text =
        arena_printf(s->run, "graph l\ninput x: f32[2, 3]\ninput t: %s\nloss = %s\n", v->target, v->loss);
    struct graph *g = graph_parse(s, source_of_string(s, "loss.graph", text), NULL);
    if (!g)
        fail_msg("%s: %s", v->loss, chain_why(s, 0));
    return g;
}

/* Walks g with the case's operands bound. */
static void walk(struct op_walk *w, struct graph *g, const struct value *v)
{
    op_walk_begin(w, g);
    for (int k = 0; k < 2; k++) {
        const struct node *n = g->nodes[0];
        for (size_t i = 0; strcmp(n->name ? n->name : "", k ? "t" : "x"); i++)
            n = g->nodes[i];
        struct view in = op_walk_view(g->arena, &n->type);
        for (int64_t i = 0; i < in.count; i++)
            in.v[i] = dtype_is_float(in.dtype) ? (NUM){ .d = k ? v->t[i] : v->x[i] } : (NUM){ .i = (int64_t)v->t[i] };
        op_walk_bind(w, n, in, NULL);
    }
    op_walk_run(w);
}

static void close_to(const struct value *v, const char *how, double got)
{
    bool same = isnan(v->want) ? isnan(got) : got == v->want || fabs(got - v->want) <= 1e-14 * fabs(v->want);
    if (!same)
        fail_msg("%s of %s, %s: %.17g, expected %.17g", v->loss, v->target, how, got, v->want);
}

static void values_are_those_of_the_formulas(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct session *s = session_begin();
        struct op_walk w;
        struct graph *g = parsed(s, &values[i]);
        walk(&w, g, &values[i]);
        close_to(&values[i], "itself", w.value[g->loss->id].v[0].d);
        struct node *by = op_walk_expand(g, g->loss);
        walk(&w, g, &values[i]);
        close_to(&values[i], "expanded", w.value[by->id].v[0].d);
        session_end(s);
    }
}

/* A row whose index names no class has a NaN for a gradient; the other row has its own. */
static void only_the_row_without_a_class_has_no_gradient(void **state)
{
    static const char *const pipeline[] = { "infer", "autodiff", "contracts", NULL };
    static const struct value v = { "cross_entropy(x, t)", "i64[2]", { 1, 2, 3, 0, 0, 0 }, { 3, 1 }, NAN };
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parsed(s, &v);
    struct pass_ctx ctx = pass_ctx_for(s, target_find("gfx90a"));
    struct op_walk w;
    ctx.gradients.names = (const char *[]){ "x" };
    ctx.gradients.n_names = 1;
    assert_true(passes_run(g, &ctx, pipeline, NULL));
    walk(&w, g, &v);
    const NUM *dx = w.value[g->outs[g->n_outs - 1].node->id].v;
    for (int i = 0; i < 3; i++)
        assert_true(isnan(dx[i].d));
    for (int i = 3; i < 6; i++)
        assert_true(fabs(dx[i].d - (i == 4 ? -1.0 / 3 : 1.0 / 6)) < 1e-15);
    session_end(s);
}

/* ---- kernels ---- */
static const char head[] = "graph losses\ndim B\ninput x: f32[B, 3, 5] where -1 <= x <= 1\n"
                           "label c: i32[B, 3] where 0 <= c <= 11\nlabel o: i64[B, 3] where -1 <= o <= 12\n"
                           "label t: f32[B, 3, 12] where 0 <= t <= 1\nh = linear(x, 12)\noutput y = 2 * h\n";
static const char *const uses[] = {
    "cross_entropy(h, c) + cross_entropy(50 * h, c)",
    "cross_entropy(h, o)",
    "cross_entropy(h, t) + cross_entropy(h, softmax(-h)) + bce(h, t)",
    "bce(100 * h, q) + huber(h, t) + huber(t, h * h, delta=0.25)",
};

static void judge(const char *target, const int64_t *batches, int n)
{
    const struct chain_options backward = { .gradients = true };
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        struct session *s = session_begin();
        const char *text = arena_printf(s->run, "%sq = 1 / (1 + exp(-h))\nloss = %s\n", head, uses[i]);
        for (int k = 0; k < n; k++) {
            struct verify_report v;
            bool ran = chain_run(s, target_find(target), source_of_string(s, "losses.graph", text), &backward, true,
                                 batches[k], &v);
            if (!ran || !v.pass || !v.passes_ok)
                fail_msg("%s, B = %lld: %s%s", uses[i], (long long)batches[k], ran ? chain_wrong(s, &v) : "",
                         chain_why(s, 0));
        }
        session_end(s);
    }
}

static void on_gfx90a(void **state)
{
    (void)state;
    judge("gfx90a", (int64_t[]){ 0, 7 }, 2);
}

static void on_sm_90(void **state)
{
    (void)state;
    judge("sm_90", (int64_t[]){ 1, 13 }, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_the_formulas),
        cmocka_unit_test(only_the_row_without_a_class_has_no_gradient),
        cmocka_unit_test(on_gfx90a),
        cmocka_unit_test(on_sm_90),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
