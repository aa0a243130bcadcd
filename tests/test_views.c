/* Views between every pair of kinds of stages, with equal dims, where a wrong row has a right shape: each graph is
   right on both targets, fused or not. */
#include "tests/support/support.h"

#include <string.h>

#include "tests/support/chain.h"

/* `%s`: the operand, of shape [N, N, N] or [B, N, N]; the result has the same shape. */
static const char *const stages[] = {
    "exp(%s)",
    "softmax(%s)",
    "layernorm(%s)",
    "%s - mean(%s, axis=[1, 2], keepdim=true)",
    "%s * 0.5 + sum(%s, keepdim=true)",
    "%s + max(%s, axis=0, keepdim=true)",
    "select(topk_mask(%s, 2), %s, 0.25)",
    "linear(%s, 5)",
    "padic_decode(padic_encode(%s)) + cast(argmax(%s), f32) * 0.125",
};
enum { STAGES = sizeof stages / sizeof *stages };

/* Of the same shape on equal dims: [N, N, N] = [5, 5, 5]. */
static const char *const views[] = {
    "transpose(%s, [1, 0, 2])",
    "transpose(%s, [0, 2, 1])",
    "transpose(%s, [2, 1, 0])",
    "transpose(%s, [1, 2, 0])",
    "reshape(transpose(reshape(%s, [25, 5]), [1, 0]), [5, 5, 5])",
    "reshape(transpose(reshape(%s, [5, 25]), [1, 0]), [5, 5, 5])",
    "concat(slice(%s, [1, 0, 0], [4, 5, 5]), slice(%s, [0, 0, 0], [1, 5, 5]), axis=0)",
    "concat(slice(%s, [0, 2, 0], [5, 3, 5]), slice(%s, [0, 0, 0], [5, 2, 5]), axis=1)",
    "concat(slice(%s, [0, 0, 4], [5, 5, 1]), slice(%s, [0, 0, 0], [5, 5, 4]), axis=2)",
    "broadcast(slice(%s, [2, 0, 0], [1, 5, 5]), [5, 5, 5])",
    "broadcast(slice(%s, [0, 0, 3], [5, 5, 1]), [5, 5, 5])",
    "reshape(reshape(%s, [125]), [5, -1, 5])",
    "reverse(%s, [0, -1])",
    "reverse(%s, 1)",
    "pad(slice(%s, [1, 0, 0], [3, 5, 3], [1, 1, 2]), [0, 0, 0], [2, 0, 0], [0, 0, 1], 0.5)",
    "pad(slice(%s, [0, 1, 0], [5, 2, 5], [1, 2, 1]), [0, 2, 0], [0, 1, 0])",
    "tile(slice(%s, [4, 0, 0], [1, 5, 5]), [5, 1, 1])",
    "gather(%s, 4 - iota([5], i32))",
    "gather(%s, (3 * iota([5], i64)) % 5, axis=-1)",
    "scatter_add((2 * iota([5], i32)) % 5, %s, 5)",
    "reshape(tile(reshape(slice(%s, [0, 2, 0], [5, 1, 5]), [1, 25]), [5, 1]), [5, 5, 5])",
};
enum { VIEWS = sizeof views / sizeof *views, CHAINS = STAGES * STAGES };

/* Every %s of `form` becomes `with`. */
static const char *filled(struct session *s, const char *form, const char *with)
{
    const char *out = "";
    for (const char *p; (p = strstr(form, "%s")); form = p + 2)
        out = arena_printf(s->run, "%s%.*s%s", out, (int)(p - form), form, with);
    return arena_printf(s->run, "%s%s", out, form);
}

/* Stage a, one to three views, stage b, whose operand may hold the unmoved value too. */
static const char *graph_of(struct session *s, uint64_t *r, int a, int b, int target)
{
    const char *text =
        arena_printf(s->run, "graph v%d_%d_%d\ninput x: f32[5, 5, 5] where -1 <= x <= 1\nh = %s\nt = h\n", a, b, target,
                     filled(s, stages[a], "x"));
    int64_t n = rnd_range(r, 1, 3);
    for (int64_t i = 0; i < n; i++)
        text = arena_printf(s->run, "%st = %s\n", text, filled(s, views[rnd_range(r, 0, VIEWS - 1)], "t"));
    switch (rnd_range(r, 0, 3)) {
    case 0: text = arena_printf(s->run, "%st = t + h\n", text); break;
    case 1: text = arena_printf(s->run, "%st = maximum(exp(x) * t, h)\n", text); break;
    default: break;
    }
    text = arena_printf(s->run, "%soutput y = %s\n", text, filled(s, stages[b], "t"));
    return rnd_range(r, 0, 4) ? text : arena_printf(s->run, "%soutput z = h\n", text);
}

static void between_all_pairs(const char *target, uint64_t seed)
{
    struct session *s = session_begin();
    uint64_t r = seed;
    struct chain *chains[CHAINS];
    size_t n = 0;
    size_t kernels = 0;
    for (int a = 0; a < STAGES; a++)
        for (int b = 0; b < STAGES; b++) {
            const char *text = graph_of(s, &r, a, b, (int)(seed % 2));
            chains[n] = chain_new(s, target_find(target), source_of_string(s, "views.graph", text), NULL);
            if (!chains[n++])
                fail_msg("%s\n%s", chain_why(s, 0), text);
        }
    assert_true(chain_compile(chains, n, false));
    struct device *d = emu_open(s, target_find(target), false, 1);
    assert_non_null(d);
    for (size_t i = 0; i < n; i++) {
        struct verify_report v;
        if (!chain_judge(chains[i], d, 5, 1, &v) || !v.pass || !v.passes_ok)
            fail_msg("%s: %s%s\n%s", target, chain_wrong(s, &v), chain_why(s, 0), chains[i]->src->text);
        kernels += chains[i]->program->n_launches;
    }
    print_message("%s: %zu graphs, %zu launches\n", target, n, kernels);
    d->ops->close(d);
    session_end(s);
}

static void on_gfx90a(void **state)
{
    (void)state;
    between_all_pairs("gfx90a", 1);
}
static void on_sm_90(void **state)
{
    (void)state;
    between_all_pairs("sm_90", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(on_gfx90a), cmocka_unit_test(on_sm_90) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
