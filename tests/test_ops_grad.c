/* The gradient of every record, on random uses that the records draw themselves: against central differences of the
   op's own `eval` in doubles, and, differentiated once more, Hessian-vector products against differences of gradients.
   A new record with a gradient is tested by being in ops.def. */
#include "tests/support/support.h"

#include <string.h>

#include "ir/ops/row.h"
#include "passes/pass.h"
#include "tests/support/op_case.h"

enum { CASES = 60, ELEMENTS = 6, MAX_SMALL = 600 };

/* Near a kink the slopes to the left and to the right differ by more than smooth functions' do over STEP. */
static const double STEP = 1e-5;
static const double KINK = 2e-3;

/* What one op's cases have shown. */
struct seen {
    int compared, kinks;
    double worst;
};

/* A use of an op under the loss Σ r·y. */
struct use {
    struct op_case *c;
    struct node *weights;
    struct view r;
    size_t n_forward; /* nodes up to the loss */
    struct node *loss;
};

static struct node *input_like(struct graph *g, const struct type *t, const char *name)
{
    struct attr a[] = { { .n = t->rank, .dims = t->dim }, { .i = DT_FLOAT }, { .f = -INFINITY }, { .f = INFINITY } };
    struct node *n = graph_add(g, op_find("input"), NULL, 0, a, NOWHERE);
    n->name = name;
    return n;
}

static struct node *sum_of_all(struct builder *b, struct node *x)
{
    int64_t axes[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++)
        axes[i] = i;
    return build_sum(b, x, axes, x->type.rank, false);
}

static struct view drawn_like(struct arena *a, const struct type *t, uint64_t *rnd)
{
    struct view v = op_walk_view(a, t);
    for (int64_t i = 0; i < v.count; i++)
        v.v[i].d = 0.25 + rnd_unit(rnd);
    return v;
}

/* Runs autodiff on g's loss for the float operands. False: it has said why not. */
static bool differentiate(struct op_case *c, bool *wanted)
{
    static const char *const pipeline[] = { "infer", "autodiff", "contracts", NULL };
    const char *names[MAX_SAMPLE];
    struct pass_ctx ctx = pass_ctx_for(c->s, target_find("gfx90a"));
    ctx.gradients.names = names;
    for (int k = 0; k < c->sample.n_in; k++)
        if (wanted[k])
            names[ctx.gradients.n_names++] = c->in[k]->name;
    return passes_run(c->g, &ctx, pipeline, NULL);
}

static struct node *gradient_of(const struct op_case *c, int k)
{
    for (size_t i = 0; i < c->g->n_outs; i++)
        if (!strncmp(c->g->outs[i].name, "grad:", 5) && !strcmp(c->g->outs[i].name + 5, c->in[k]->name))
            return c->g->outs[i].node;
    return NULL;
}

static void begin(struct op_walk *w, const struct use *u)
{
    op_case_begin(u->c, w);
    op_walk_bind(w, u->weights, u->r, NULL);
}

/* Evaluates the nodes of u up to the n-th. */
static void evaluate(struct op_walk *w, const struct use *u, size_t n)
{
    struct graph part = *u->c->g;
    part.n_nodes = n;
    w->g = &part;
    op_walk_run(w);
    w->g = u->c->g;
}

static double loss_at(const struct use *u, const struct node *of, size_t n)
{
    struct op_walk w;
    begin(&w, u);
    evaluate(&w, u, n);
    return w.value[of->id].v[0].d;
}

/* The slope of `of` by element i of operand k, and whether a kink is near. */
static double slope(const struct use *u, const struct node *of, size_t n, int k, int64_t i, bool *kink)
{
    double *x = &u->c->value[k].v[i].d;
    double at = *x;
    double h = STEP * fmax(1, fabs(at));
    double here = loss_at(u, of, n);
    *x = at + h;
    double right = loss_at(u, of, n);
    *x = at - h;
    double left = loss_at(u, of, n);
    *x = at;
    double d = (right - left) / (2 * h);
    *kink = fabs((right - here) - (here - left)) / h > KINK * fmax(1, fabs(d)) || !isfinite(d);
    return d;
}

static bool make_use(struct op_case *c, struct use *u, uint64_t *rnd, bool *wanted)
{
    bool any = false;
    int64_t count = 1;
    *u = (struct use){ .c = c };
    for (int i = 0; i < c->node->type.rank; i++)
        count *= sample_dim_of(&c->node->type, i);
    for (int k = 0; k < c->sample.n_in; k++) {
        c->in[k]->name = arena_printf(c->s->run, "x%d", k);
        wanted[k] = dtype_is_float(c->sample.in[k].dtype) && !op_operand_at(c->op, k)->decides;
        any |= wanted[k] && c->value[k].count;
        for (int64_t i = 0; i < c->value[k].count && wanted[k] && !c->sample.scores[k]; i++)
            c->value[k].v[i].d =
                c->sample.lo[k] + (c->sample.hi[k] - c->sample.lo[k]) * (0.001 + 0.998 * rnd_unit(rnd));
    }
    if (!any || !count || count > MAX_SMALL || !dtype_is_float(c->node->type.dtype))
        return false;
    struct builder b = build_at(c->g, c->node);
    u->weights = input_like(c->g, &c->node->type, "r");
    u->r = drawn_like(c->s->run, &c->node->type, rnd);
    u->loss = sum_of_all(&b, build2(&b, "mul", c->node, u->weights));
    c->g->loss = u->loss;
    u->n_forward = c->g->n_nodes;
    return true;
}

static void compare(const struct use *u, const struct view *got, const struct node *of, size_t n, int k, double within,
                    uint64_t *rnd, struct seen *seen)
{
    for (int j = 0; j < ELEMENTS && got->count; j++) {
        int64_t i = got->count <= ELEMENTS ? j % got->count : rnd_range(rnd, 0, got->count - 1);
        bool kink;
        double want = slope(u, of, n, k, i, &kink);
        if (kink) {
            seen->kinks++;
            continue;
        }
        double off = fabs(got->v[i].d - want) / fmax(1, fabs(want));
        seen->compared++;
        seen->worst = fmax(seen->worst, off);
        if (!(off <= within))
            fail_msg("%s: the gradient of operand %d, element %lld of %lld, is %.12g; differences give %.12g",
                     u->c->op->call.name, k, (long long)i, (long long)got->count, got->v[i].d, want);
    }
}

static void check_gradient(struct op_case *c, uint64_t *rnd, struct seen *seen)
{
    struct use u;
    struct op_walk w;
    bool wanted[MAX_SAMPLE];
    if (!make_use(c, &u, rnd, wanted))
        return;
    if (!differentiate(c, wanted))
        fail_msg("%s: %s", c->op->call.name, c->s->n_diags ? c->s->diags[0].text : "no gradient, and no reason");
    begin(&w, &u);
    evaluate(&w, &u, c->g->n_nodes);
    for (int k = 0; k < c->sample.n_in; k++)
        if (wanted[k])
            compare(&u, &w.value[gradient_of(c, k)->id], u.loss, u.n_forward, k, 1e-6, rnd, seen);
}

/* The gradient of Σ v·(gradient of operand k) by operand k, against differences of gradients. */
static void check_second(struct op_case *c, uint64_t *rnd, struct seen *seen)
{
    struct use u;
    struct op_walk w;
    bool wanted[MAX_SAMPLE];
    if (!make_use(c, &u, rnd, wanted) || !differentiate(c, wanted))
        return;
    int k = 0;
    while (!wanted[k] || !c->value[k].count)
        k++;
    struct node *gx = gradient_of(c, k);
    struct builder b = build_at(c->g, c->node);
    struct node *again = sum_of_all(&b, build2(&b, "mul", gx, build_cast(&b, c->in[k], DT_FLOAT)));
    size_t n = c->g->n_nodes;
    c->g->loss = again;
    c->g->n_outs = 0; /* the outputs of the second run have the same names */
    bool only[MAX_SAMPLE] = { false };
    only[k] = true;
    int errors = c->s->n_errors;
    if (!differentiate(c, only)) {
        c->s->n_errors = errors;
        return; /* linear in the operand: the gradient of the gradient is that of Σ v·g by v alone */
    }
    begin(&w, &u);
    evaluate(&w, &u, c->g->n_nodes);
    compare(&u, &w.value[gradient_of(c, k)->id], again, n, k, 1e-5, rnd, seen);
}

typedef void check_fn(struct op_case *c, uint64_t *rnd, struct seen *seen);

static struct seen each_case(const struct op_def *op, check_fn *check)
{
    struct seen seen = { 0 };
    uint64_t rnd = 11;
    for (const char *p = op->call.name; *p; p++)
        rnd = rnd * 31 + (uint64_t)*p;
    struct session *s = session_begin();
    for (int i = 0; i < CASES; i++) {
        struct op_case c;
        op_case_make(&c, s, op, &rnd);
        assert_non_null(c.node);
        check(&c, &rnd, &seen);
        graph_free(c.g);
    }
    session_end(s);
    return seen;
}

static void each_op(check_fn *check, double *worst)
{
    int ops = 0;
    for (int i = 0; op_at(i); i++) {
        const struct op_def *op = op_at(i);
        if (!op_is_differentiable(op))
            continue;
        struct seen seen = each_case(op, check);
        ops += seen.compared > 0;
        *worst = fmax(*worst, seen.worst);
        print_message("%-14s %5d compared, %4d near a kink, worst %.1e\n", op->call.name, seen.compared, seen.kinks,
                      seen.worst);
        if (seen.kinks * 5 > seen.compared + seen.kinks)
            fail_msg("%s: %d of %d elements lie near a kink", op->call.name, seen.kinks, seen.compared + seen.kinks);
    }
    assert_true(ops >= 20);
}

static void gradients_agree_with_central_differences(void **state)
{
    double worst = 0;
    (void)state;
    each_op(check_gradient, &worst);
    assert_true(worst > 0);
}

static void second_order_agrees_with_differences_of_gradients(void **state)
{
    double worst = 0;
    (void)state;
    each_op(check_second, &worst);
    assert_true(worst > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_agree_with_central_differences),
        cmocka_unit_test(second_order_agrees_with_differences_of_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
