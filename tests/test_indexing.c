/* x[a:b:s, …] and x @ y: what the language's sugar means, against Python's rules for lists. */
#include "tests/support/support.h"

#include <string.h>

#include "ir/ops/op.h"
#include "tests/support/chain.h"
#include "tests/support/walk_ops.h"

enum { MOST = 8, CASES = 400, NONE = 99 };

/* The indices of range(n)[a:b:s] in Python; a or b NONE: left out. */
static int python_range(int n, int a, int b, int s, int *out)
{
    int lo = s > 0 ? 0 : -1;
    int hi = s > 0 ? n : n - 1;
    int from = a == NONE ? (s > 0 ? lo : hi) : a < 0 ? a + n : a;
    int to = b == NONE ? (s > 0 ? hi : lo) : b < 0 ? b + n : b;
    from = from < lo ? lo : from > hi ? hi : from;
    to = to < lo ? lo : to > hi ? hi : to;
    int count = 0;
    for (int i = from; s > 0 ? i < to : i > to; i += s)
        out[count++] = i;
    return count;
}

static const char *range_text(struct session *s, int a, int b, int step)
{
    const char *text = a == NONE ? ":" : arena_printf(s->run, "%d:", a);
    text = b == NONE ? text : arena_printf(s->run, "%s%d", text, b);
    return step == 1 ? text : arena_printf(s->run, "%s:%d", text, step);
}

/* One item for a dimension of n, and the indices that it chooses. *drops: it is an integer. */
static const char *draw_item(struct session *s, uint64_t *r, int n, int *at, int *count, bool *drops)
{
    *drops = n > 0 && rnd_range(r, 0, 3) == 0;
    if (*drops) {
        int k = (int)rnd_range(r, -n, n - 1);
        at[0] = k < 0 ? k + n : k;
        *count = 1;
        return arena_printf(s->run, "%d", k);
    }
    int step = (int)rnd_range(r, 1, 3) * (rnd_range(r, 0, 1) ? 1 : -1);
    int a = rnd_range(r, 0, 2) ? (int)rnd_range(r, -n, n - (step < 0 && n)) : NONE;
    int b = rnd_range(r, 0, 2) ? (int)rnd_range(r, -n, n - (step < 0 && n)) : NONE;
    if (n == 0 && step < 0)
        a = b = NONE;
    *count = python_range(n, a, b, step, at);
    return range_text(s, a, b, step);
}

/* Of a constant [n0, n1, n2] that holds 0, 1, 2, …. */
static void check_constant(struct session *s, uint64_t *r)
{
    int n[3], at[3][MOST], count[3];
    bool drops[3];
    const char *items = "";
    int rank = 0;
    for (int i = 0; i < 3; i++) {
        n[i] = (int)rnd_range(r, rnd_range(r, 0, 9) > 0, MOST - 1);
        const char *item = draw_item(s, r, n[i], at[i], &count[i], &drops[i]);
        items = arena_printf(s->run, "%s%s%s", items, i ? ", " : "", item);
        rank += !drops[i];
    }
    const char *text = arena_printf(s->run, "graph c\nx = reshape(iota([%d], i64), [%d, %d, %d])\noutput y = x[%s]\n",
                                    n[0] * n[1] * n[2], n[0], n[1], n[2], items);
    struct graph *g = graph_parse(s, source_of_string(s, "c.graph", text), NULL);
    if (!g)
        fail_msg("%s%s", text, chain_why(s, 0));
    struct op_walk w;
    op_walk_begin(&w, g);
    op_walk_run(&w);
    const struct node *y = g->outs[0].node;
    const struct view *v = &w.value[y->id];
    assert_int_equal(v->rank, rank);
    assert_int_equal(v->count, count[0] * count[1] * count[2]);
    int64_t k = 0;
    for (int i = 0; i < count[0]; i++)
        for (int j = 0; j < count[1]; j++)
            for (int l = 0; l < count[2]; l++, k++)
                if (v->v[k].i != (at[0][i] * n[1] + at[1][j]) * n[2] + at[2][l])
                    fail_msg("element %lld of %s is %lld", (long long)k, text, (long long)v->v[k].i);
    graph_free(g);
}

static void constants_are_indexed_as_in_python(void **state)
{
    (void)state;
    struct session *s = session_begin();
    uint64_t r = 5;
    for (int i = 0; i < CASES; i++)
        check_constant(s, &r);
    session_end(s);
}

/* Which elements of x [B] the result holds at B = n: x's index for each. */
static int chosen_at(const struct node *y, int64_t n, int64_t *out)
{
    struct dim_values dims = { .names = (const char *[]){ "B" }, .values = &n, .n = 1 };
    if (!y->n_in) {
        for (int64_t i = 0; i < n; i++)
            out[i] = i;
        return (int)n;
    }
    int64_t from[MOST];
    int count = chosen_at(y->in[0], n, from);
    int size = (int)dims_eval(&dims, y->type.dim[0]);
    bool slice = op_is(y, "slice");
    int64_t start = slice ? dims_eval(&dims, y->attrs[0].dims[0]) : 0;
    int64_t step = slice && y->attrs[2].n ? y->attrs[2].ints[0] : 1;
    for (int i = 0; i < size; i++) {
        int64_t k = op_is(y, "reverse") ? count - 1 - i : start + i * step;
        assert_in_range(k, 0, count - 1);
        out[i] = from[k];
    }
    return size;
}

/* Ranges that are legal for every B, with ends counted from the side that they begin or end at. */
static void symbolic_dims_are_indexed_as_in_python(void **state)
{
    static const int ends[][2] = {
        { NONE, NONE }, { 1, NONE }, { 3, NONE }, { -1, NONE }, { -4, NONE }, { NONE, -1 }, { NONE, -3 }, { 2, -1 },
    };
    (void)state;
    struct session *s = session_begin();
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        for (int step = 1; step <= 3; step++)
            for (int flip = 0; flip <= (ends[i][0] < 0 || ends[i][0] == NONE); flip++) {
                int by = flip ? -step : step;
                const char *text = arena_printf(s->run, "graph s\ndim B\ninput x: i64[B]\noutput y = x[%s]\n",
                                                range_text(s, ends[i][0], ends[i][1], by));
                struct graph *g = graph_parse(s, source_of_string(s, "s.graph", text), NULL);
                if (!g)
                    fail_msg("%s%s", text, chain_why(s, 0));
                for (int n = 0; n < MOST; n++) {
                    int want[MOST];
                    int64_t got[MOST];
                    int count = python_range(n, ends[i][0], ends[i][1], by, want);
                    assert_int_equal(chosen_at(g->outs[0].node, n, got), count);
                    for (int k = 0; k < count; k++)
                        if (got[k] != want[k])
                            fail_msg("%s: element %d at B = %d is x[%lld]", text, k, n, (long long)got[k]);
                }
                graph_free(g);
            }
    session_end(s);
}

static const char *flat_of(struct session *s, const char *expr)
{
    const char *text =
        arena_printf(s->run, "graph f\ndim B\ninput x: f32[B, 4, 6]\ninput w: f32[6, 3]\noutput y = %s\n", expr);
    struct graph *g = graph_parse(s, source_of_string(s, "f.graph", text), NULL);
    if (!g)
        fail_msg("%s: %s", expr, chain_why(s, 0));
    const char *type = type_text(s->run, &g->outs[0].node->type);
    return arena_printf(s->run, "%s %s", g->outs[0].node->op->call.name, type);
}

static void sugar_is_its_ops(void **state)
{
    static const char *const uses[][2] = {
        { "x[...]", "input f32[B, 4, 6]" },
        { "x[:]", "input f32[B, 4, 6]" },
        { "x[..., 0]", "reshape f32[B, 4]" },
        { "x[:, 1]", "reshape f32[B, 6]" },
        { "x[:, 1:2]", "slice f32[B, 1, 6]" },
        { "x[B/2:, ..., ::-1]", "slice f32[B - (B/2), 4, 6]" },
        { "x[::-1]", "reverse f32[B, 4, 6]" },
        { "x[:, 0][:, 2:]", "slice f32[B, 4]" },
        { "(x * 2)[:, 3, 5]", "reshape float[B]" },
        { "x[:, 0] @ w", "matmul float[B, 3]" },
        { "1 + x @ w * 2", "add float[B, 4, 3]" },
        { "-x[:, 0]", "neg float[B, 6]" },
        { "x[-3:] - x[:-4:-1]", "sub float[min(B, 3), 4, 6]" },
        { "x[1:] - x[:-1]", "sub float[max(0, B - 1), 4, 6]" },
    };
    (void)state;
    struct session *s = session_begin();
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        assert_string_equal(flat_of(s, uses[i][0]), uses[i][1]);
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_are_indexed_as_in_python),
        cmocka_unit_test(symbolic_dims_are_indexed_as_in_python),
        cmocka_unit_test(sugar_is_its_ops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
