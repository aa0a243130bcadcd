/* Bounds are worth having: kernels of one op use a good part of theirs and never more than all, and few elements have
   none. tests/tools/ratios.c has the table of all ops at larger sizes. */
#include "tests/support/support.h"

#include <math.h>

#include "ir/ops/op.h"
#include "runtime/emu/emu_device.h"
#include "tests/support/ratios.h"

/* ---- every op ---- */
static void check_op(const struct op_def *op, const char *target, int *kernels)
{
    struct op_ratios r;
    struct ratio_options o = { .cases = 4, .longest = 300, .seed = 5, .threads = 1 };
    struct session *s = session_begin();
    struct device *d = emu_open(s, target_find(target), false, 1);
    if (!d || !ratios_of(s, op, d, &o, &r))
        fail_msg("%s", chain_why(s, 0));
    if (r.wrong)
        fail_msg("beyond its bound on %s:\n%s", target, r.wrong);
    if (r.refused)
        fail_msg("%s", chain_why(s, 0));
    if (ratios_range(&r) > RATIO_MOST_RANGE)
        fail_msg("%s: %.3g %% of the elements are in `range`", op->call.name, 100 * ratios_range(&r));
    for (int kind = 0; kind < RATIO_KINDS; kind++) {
        if (ratios_are_low(&r, (enum ratio_kind)kind))
            fail_msg("%s on %s: as %s, the median is %g of the bound", op->call.name, target,
                     kind == RATIO_F16 ? "f16" : "f32", ratios_median(&r, (enum ratio_kind)kind));
        kernels[kind] += r.n[kind];
    }
    d->ops->close(d);
    session_end(s);
}

/* The targets take turns; each judges contractions, whose matrix units differ. */
static void bounds_are_used(void **state)
{
    static const char *const targets[] = { "sm_90", "gfx90a" };
    int kernels[RATIO_KINDS] = { 0 };
    (void)state;
    for (int i = 0; op_at(i); i++)
        for (int t = 0; t < 2 && !op_at(i)->exact; t++)
            if (i % 2 == t || op_at(i)->class == CLS_CONTRACT)
                check_op(op_at(i), targets[t], kernels);
    assert_true(kernels[RATIO_F16] > 60 && kernels[RATIO_F32] > 60);
}

/* ---- long sums ---- */
static struct kernel_verdict judged(struct session *s, const char *text)
{
    struct verify_report r;
    struct chain *c = chain_new(s, target_find("gfx90a"), source_of_string(s, "norm", text), NULL);
    struct device *d = emu_open(s, target_find("gfx90a"), false, 2);
    if (!c || !chain_compile(&c, 1, false) || !chain_judge(c, d, -1, 2, &r))
        fail_msg("%s", chain_why(s, 0));
    assert_true(r.pass && r.passes_ok && r.n_kernels == 1);
    d->ops->close(d);
    return r.kernels[0];
}

/* The bound grows with the depth of the sum's tree, not with its length n: γ_n says nothing from n = 2²⁴ on, and at
   the 2²⁰ elements here it is 3 % of the norm. */
static void a_long_norm_has_a_narrow_bound(void **state)
{
    struct session *s = session_begin();
    struct kernel_verdict v = judged(s, "graph long\n"
                                        "input x: f16[1024, 1024] where 65000 <= x <= 65504\n"
                                        "output y: f32 = norm(x)\n");
    (void)state;
    assert_true(v.elements == 1 && v.range == 0 && v.not_finite == 0);
    assert_true(v.want > 6e7 && v.bound > 0 && v.bound < 1e-5 * v.want);
    session_end(s);
}

static void a_norm_overflows_where_its_documentation_says(void **state)
{
    struct session *s = session_begin();
    struct kernel_verdict below = judged(s, "graph below\n"
                                            "input x: f32[4] where 9.19e18 <= x <= 9.2e18\n"
                                            "output y: f32 = norm(x)\n");
    struct kernel_verdict above = judged(s, "graph above\n"
                                            "input x: f32[4] where 9.23e18 <= x <= 9.24e18\n"
                                            "output y: f32 = norm(x)\n");
    (void)state;
    assert_true(below.elements == 1 && below.range == 0 && below.not_finite == 0 && below.want > 1.83e19);
    assert_true(above.elements == 0 && above.range == 1);
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_used),
        cmocka_unit_test(a_long_norm_has_a_narrow_bound),
        cmocka_unit_test(a_norm_overflows_where_its_documentation_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
