/* slice with steps, pad, reverse, tile and reshape's -1 on symbolic dims, forward and backward, judged at sizes that
   include 0 and 1. */
#include "tests/support/support.h"

#include "tests/support/chain.h"

/* h is float[B, 12], computed from a weight; the loss sums each result under a fixed pattern. */
static const char head[] = "graph views\ndim B\ninput x: f32[B, 5] where -1 <= x <= 1\nh = linear(x, 12)\n";

static const struct use {
    const char *name, *text;
} uses[] = {
    { "a stepped slice", "y = slice(h, [0, 1], [(B + 1) / 2, 4], [2, 3])\n" },
    { "a stepped slice from the second row", "y = slice(pad(h, [1, 0], [0, 0]), [1, 0], [(B + 2) / 3, 12], [3, 1])\n" },
    { "a pad between rows", "y = pad(h, [1, 0], [2, 3], [2, 1], 0.75)\n" },
    { "a pad between rows and its slice", "y = slice(pad(h, [0, 0], [1, 0], [1, 0]), [0, 0], [B, 12])\n" },
    { "reverse", "y = exp(reverse(h, [0, 1])) + h\n" },
    { "tile", "y = tile(h, [3, 2])\n" },
    { "tile by nothing", "y = concat(tile(h, [0, 1]), h, axis=0)\n" },
    { "reshape", "y = reshape(h, [-1, B, 4]) * 2\n" },
    { "reshape of a multiple", "y = reshape(h, [4, -1])\n" },
    { "a pad of a constant", "y = h * pad(constant([B, 10], f32, 1), [0, 1], [0, 1], [0, 0], 1) + "
                             "h * pad(constant([B, 10], f32, 1), [0, 1], [0, 1])\n" },
};
enum { USES = sizeof uses / sizeof *uses };

static void judge(const char *target, const int64_t *batches, int n)
{
    struct session *s = session_begin();
    const char *texts[USES];
    for (int i = 0; i < USES; i++)
        texts[i] =
            arena_printf(s->run, "%s%soutput z = exp(y)\nloss = sum(reshape(y * y, [-1]))\n", head, uses[i].text);
    chains_must_pass(s, target_find(target), texts, USES, batches, n);
    session_end(s);
}

static void on_gfx90a(void **state)
{
    (void)state;
    judge("gfx90a", (int64_t[]){ 0, 1, 7 }, 3);
}

static void on_sm_90(void **state)
{
    (void)state;
    judge("sm_90", (int64_t[]){ 2, 13 }, 2);
}

static struct type type_of(struct session *s, const char *expr)
{
    const char *text = arena_printf(s->run, "graph t\ndim B, T\ninput x: f32[B, 12, T]\noutput y = %s\n", expr);
    struct graph *g = graph_parse(s, source_of_string(s, "t.graph", text), NULL);
    if (!g)
        fail_msg("%s: %s", expr, chain_why(s, 0));
    return g->outs[0].node->type;
}

/* The dimension that -1 stands for, without a division where the others cancel. */
static void reshape_resolves_its_rest(void **state)
{
    static const char *const uses[][2] = {
        { "reshape(x, [-1])", "f32[12*B*T]" },          { "reshape(x, [B, -1])", "f32[B, 12*T]" },
        { "reshape(x, [T, -1, 4])", "f32[T, 3*B, 4]" }, { "reshape(x, [B*T, -1])", "f32[B*T, 12]" },
        { "reshape(x, [-1, 12, T])", "f32[B, 12, T]" }, { "reshape(x, [3*B, 4, -1])", "f32[3*B, 4, T]" },
    };
    (void)state;
    struct session *s = session_begin();
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        struct type t = type_of(s, uses[i][0]);
        assert_string_equal(type_text(s->run, &t), uses[i][1]);
    }
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_gfx90a),
        cmocka_unit_test(on_sm_90),
        cmocka_unit_test(reshape_resolves_its_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
