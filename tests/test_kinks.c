/* Pointwise ops and their gradients at single points: kinks, ties, zeros of both signs, infinities and NaNs. Elsewhere
   test_ops_grad.c compares gradients with differences. */
#include "tests/support/support.h"

#include <string.h>

#include "passes/pass.h"
#include "tests/support/op_case.h"

/* An expression of x, its value at x, and its slope there. */
struct point {
    const char *text;
    double x, y, slope;
};

static const struct point points[] = {
    { "relu(x)", 0, 0, 0 },
    { "relu(x)", -0.0, -0.0, 0 },
    { "relu(x)", 0x1p-149, 0x1p-149, 1 },
    { "relu(x)", -INFINITY, 0, 0 },
    { "relu(x)", NAN, NAN, 1 },
    { "abs(x)", 0, 0, 0 },
    { "abs(x)", -0.0, 0, 0 },
    { "abs(x)", NAN, NAN, 0 },
    { "maximum(x, 2)", 2, 2, 1 },
    { "maximum(2, x)", 2, 2, 0 },
    { "minimum(x, 2)", 2, 2, 1 },
    { "minimum(2, x)", 2, 2, 0 },
    { "clamp(x, lo=-1, hi=2)", -1, -1, 1 },
    { "clamp(x, lo=-1, hi=2)", 2, 2, 1 },
    { "clamp(x, lo=-1, hi=2)", -1.5, -1, 0 },
    { "clamp(x, lo=-1, hi=2)", INFINITY, 2, 0 },
    { "clamp(x, lo=-1, hi=2)", NAN, NAN, 0 },
    { "clamp(x, lo=1)", INFINITY, INFINITY, 1 },
    { "clamp(x, hi=1)", -INFINITY, -INFINITY, 1 },
    { "sign(x)", 3, 1, 0 },
    { "sign(x)", -0x1p-149, -1, 0 },
    { "sign(x)", 0, 0, 0 },
    { "sign(x)", -0.0, -0.0, 0 },
    { "sign(x)", -INFINITY, -1, 0 },
    { "sign(x)", NAN, NAN, 0 },
    { "round(x)", 0.5, 0, 0 },
    { "round(x)", 1.5, 2, 0 },
    { "round(x)", -2.5, -2, 0 },
    { "round(x)", -0.25, -0.0, 0 },
    { "round(x)", INFINITY, INFINITY, 0 },
    { "round(x)", NAN, NAN, 0 },
    { "floor(x)", -0.25, -1, 0 },
    { "floor(x)", -0.0, -0.0, 0 },
    { "floor(x)", 3, 3, 0 },
    { "floor(x)", -INFINITY, -INFINITY, 0 },
    { "pow(x, 0)", NAN, 1, 0 },
    { "pow(x, 0)", 0, 1, 0 },
    { "pow(x, 1)", -0.0, -0.0, 1 },
    { "pow(x, 2)", -3, 9, -6 },
    { "pow(x, 5)", -2, -32, 80 },
    { "pow(x, -1)", -0.0, -INFINITY, -INFINITY },
    { "pow(x, -2)", 2, 0.25, -0.25 },
    { "pow(x, -3)", INFINITY, 0, -0.0 },
    { "sqrt(x)", 0, 0, INFINITY },
    { "rsqrt(x)", 0.25, 2, -4 },
    { "rsqrt(x)", 0, INFINITY, -INFINITY },
    { "rsqrt(x)", -0.0, -INFINITY, INFINITY },
    { "rsqrt(x)", INFINITY, 0, -0.0 },
    { "rsqrt(x)", -1, NAN, NAN },
    { "log1p(x)", 0, 0, 1 },
    { "log1p(x)", -1, -INFINITY, INFINITY },
    { "log1p(x)", -2, NAN, -1 },
    { "sigmoid(x)", 0, 0.5, 0.25 },
    { "sigmoid(x)", INFINITY, 1, 0 },
    { "sigmoid(x)", -INFINITY, 0, 0 },
    { "silu(x)", 0, 0, 0.5 },
    { "silu(x)", INFINITY, INFINITY, NAN },
    { "gelu_erf(x)", 0, 0, 0.5 },
    { "gelu_erf(x)", -INFINITY, NAN, NAN },
    { "erf(x)", -INFINITY, -1, 0 },
    { "softplus(x)", INFINITY, INFINITY, 1 },
    { "softplus(x)", -INFINITY, 0, 0 },
    { "hardswish(x)", 3, 3, 1 },
    { "hardswish(x)", -3, -0.0, 0 },
    { "hardswish(x)", 0, 0, 0.5 },
    { "sin(x)", -0.0, -0.0, 1 },
    { "sin(x)", INFINITY, NAN, NAN },
    { "cos(x)", 0, 1, -0.0 },
    { "cos(x)", -INFINITY, NAN, NAN },
    { "where(less(x, 1), x * 2, x * 3)", 1, 3, 3 },
    { "where(less(x, 1), x * 2, x * 3)", NAN, NAN, 3 },
};

static bool same(double a, double b) { return num_same(DT_F64, NUM_DOUBLE, (NUM){ .d = a }, (NUM){ .d = b }); }

static void judge(const struct point *p)
{
    static const char *const pipeline[] = { "infer", "autodiff", "contracts", NULL };
    static const char *const x[] = { "x" };
    struct session *s = session_begin();
    const char *text = arena_printf(s->run, "graph g\ninput x: f32[1]\ny = %s\noutput y\nloss = sum(y)\n", p->text);
    struct graph *g = graph_parse(s, source_of_string(s, p->text, text), NULL);
    if (!g)
        fail_msg("%s: %s", p->text, s->diags[0].text);
    struct pass_ctx ctx = pass_ctx_for(s, target_find("gfx90a"));
    ctx.gradients.names = x;
    ctx.gradients.n_names = 1;
    assert_true(passes_run(g, &ctx, pipeline, NULL));
    struct op_walk w;
    op_walk_begin(&w, g);
    struct view v = op_walk_view(s->run, &graph_find(g, "x")->type);
    v.v[0].d = p->x;
    op_walk_bind(&w, graph_find(g, "x"), v, NULL);
    op_walk_run(&w);
    double y = w.value[graph_find(g, "y")->id].v[0].d;
    if (!same(y, p->y))
        fail_msg("%s at %g is %g, not %g", p->text, p->x, y, p->y);
    for (size_t i = 0; i < g->n_outs; i++) {
        double slope = w.value[g->outs[i].node->id].v[0].d;
        if (!strcmp(g->outs[i].name, "grad:x") && !same(slope, p->slope))
            fail_msg("%s at %g has the slope %g, not %g", p->text, p->x, slope, p->slope);
    }
    session_end(s);
}

static void values_and_slopes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        judge(&points[i]);
}

static void the_graph_is_refused(const char *call, const char *why)
{
    struct session *s = session_begin();
    const char *text = arena_printf(s->run, "graph g\ninput x: f32[1]\noutput y = %s\n", call);
    assert_null(graph_parse(s, source_of_string(s, "t", text), NULL));
    if (!strstr(s->diags[0].text, why))
        fail_msg("%s: %s", call, s->diags[0].text);
    session_end(s);
}

static void attributes_are_checked(void **state)
{
    (void)state;
    the_graph_is_refused("clamp(x, lo=2, hi=1)", "its range is empty");
    the_graph_is_refused("clamp(x)", "it needs lo, hi or both");
    the_graph_is_refused("clamp(x, min=0)", "did you mean lo?");
    the_graph_is_refused("pow(x, 2000000)", "the exponent must be between");
    the_graph_is_refused("pow(x, 0.5)", "exponent");
    the_graph_is_refused("pow(x)", "exponent");
}

/* An alias is read as the op; what is printed has the op's own name. */
static void an_alias_is_the_op(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const char *text = "graph g\ninput x: f32[3]\ny = where(less(x, 0), 1, x)\noutput y\n";
    struct graph *g = graph_parse(s, source_of_string(s, "t", text), NULL);
    assert_non_null(g);
    assert_ptr_equal(op_find("where"), op_find("select"));
    assert_ptr_equal(graph_find(g, "y")->op, op_find("select"));
    const char *printed = graph_text(g);
    assert_non_null(strstr(printed, "select("));
    assert_null(strstr(printed, "where("));
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_slopes),
        cmocka_unit_test(attributes_are_checked),
        cmocka_unit_test(an_alias_is_the_op),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
