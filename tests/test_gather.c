/* gather, scatter_add and the sort behind it, forward and backward on symbolic dims: in range, beyond it, and where no
   row, no index or no destination is left. */
#include "tests/support/support.h"

#include <string.h>

#include "tests/support/chain.h"

static const char head[] =
    "graph rows\ndim B\ninput u: f32[B, 2] where %s <= u <= %s\ninput x: f32[B, 5] where -1 <= x <= 1\n"
    "weight table: float[6, 64]\ni = cast(u, i32)\nk = cast(u[:, 1], i64)\nh = linear(x, 6)\n";

static const char *const uses[] = {
    "y = gather(table, i)\n",
    "y = softmax(gather(table, k) * 2)\n",
    "y = gather(h, k - k)\n",
    "y = gather(table, argmax(h))\n",
    "y = scatter_add(argmax(h), h, 6)\n",
    "y = segment_sum(h, sort_by_bucket(argmax(h), 6), bucket_offsets(argmax(h), 6))\n",
    "y = gather(h, i, axis=-1)\n",
    "y = scatter_add(i, exp(gather(table, i)), 6)\n",
    "y = scatter_add(k, h, B)\n",
    "y = segment_sum(h, sort_by_bucket(k, 6), bucket_offsets(k, 6))\n",
    "y = one_hot(k, 6) * h\n",
    "y = scatter_add(iota([B], i32), h, B) - h\n",
    "y = gather(gather(h, iota([B], i32)), k - k)\n",
};
enum { USES = sizeof uses / sizeof *uses };

static const char *graph_of(struct session *s, int use, bool beyond)
{
    const char *text = arena_printf(s->run, head, beyond ? "-2" : "0", beyond ? "9" : "5.99"); /* NOLINT: a form */
    return arena_printf(s->run,
                        "%s%soutput z = y * 0.5\noutput key = k\nloss = sum(reshape(y * y, [-1])) + "
                        "sum(reshape(h * h, [-1])) + sum(reshape(table * table, [-1]))\n",
                        text, uses[use]);
}

static void judge(const char *target, bool beyond, const int64_t *batches, int n)
{
    struct session *s = session_begin();
    const char *texts[USES];
    for (int i = 0; i < USES; i++)
        texts[i] = graph_of(s, i, beyond);
    chains_must_pass(s, target_find(target), texts, USES, batches, n);
    session_end(s);
}

static void on_gfx90a(void **state)
{
    (void)state;
    judge("gfx90a", true, (int64_t[]){ 0, 1, 13 }, 3);
}

static void on_sm_90(void **state)
{
    (void)state;
    judge("sm_90", false, (int64_t[]){ 1, 18 }, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(on_gfx90a), cmocka_unit_test(on_sm_90) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
