/* Selections along rows of symbolic length, shorter and longer than shared memory holds, judged on both targets. */
#include "tests/support/support.h"

#include <string.h>

#include "tests/support/chain.h"

static const char text[] = "graph rows\n"
                           "dim B\n"
                           "input x: f32[3, B] where -1 <= x <= 1\n"
                           "input s: f32[B, 2] where -1 <= s <= 1\n"
                           "output chosen = topk_mask(x, k=2)\n"
                           "output first = argmax(x * 2.0)\n"
                           "output w = cast(topk_mask(transpose(s, [1, 0]), k=5), float)\n";

static void selections_along_symbolic_rows(void **state)
{
    (void)state;
    static const char *const targets[] = { "gfx90a", "sm_90" };
    static const int64_t batches[] = { 5, 7, 64, 333, 80000 };
    for (int i = 0; i < 2; i++) {
        struct session *s = session_begin();
        const struct target *t = target_find(targets[i]);
        struct chain *c = chain_new(s, t, source_of_string(s, "rows.graph", text), NULL);
        if (!c || !chain_compile(&c, 1, false))
            fail_msg("%s", chain_why(s, 0));
        struct device *d = emu_open(s, t, false, 1);
        for (size_t k = 0; k < sizeof batches / sizeof *batches; k++) {
            struct verify_report r;
            if (!chain_judge(c, d, batches[k], 1, &r) || !r.pass || chain_culprit(&r))
                fail_msg("%s, B %lld:\n%s%s", targets[i], (long long)batches[k], chain_wrong(s, &r), chain_why(s, 0));
        }
        d->ops->close(d);
        session_end(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(selections_along_symbolic_rows) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
