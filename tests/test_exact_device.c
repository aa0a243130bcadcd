/* verify --exact on the device: kernels with stand-ins agree bit for bit with the reference on small integers, on both
   emulated targets, and planted faults do not. */
#include "tests/support/support.h"

#include "runtime/judge/exact_device.h"
#include "tests/support/chain.h"
#include "tests/support/fault_graphs.h"
#include "tests/support/kernel_mutant.h"
#include "tests/support/random_graph.h"

enum { RANDOM = 6, BATCH = 19 };

struct tally {
    size_t kernels, judged;
};

static struct exact_device_report run(struct session *s, const char *target, const char *text, const char *class_text,
                                      int fault, struct tally *sum)
{
    const struct target *t = target_find(target);
    struct chain *c = chain_new(s, t, source_of_string(s, "device", text), NULL);
    if (!c)
        fail_msg("%s\n%s", text, chain_why(s, 0));
    struct program *p = codegen_stand_ins(s, c->after, t, 128);
    assert_non_null(p);
    if (fault >= 0) {
        struct mutant m;
        uint64_t rnd = 3;
        assert_non_null(mutant_make(p->kernels[0].k, (enum mutant_class)fault, &rnd, &m));
        program_print(p);
    }
    struct device *d = emu_open(s, t, false, 1);
    struct exact_device_report r;
    if (!d || !exact_device(s, p, d, chain_bind(c, BATCH, 42), false, 1, &r))
        fail_msg("%s%s\n%s", class_text, text, chain_why(s, 0));
    d->ops->close(d);
    sum->kernels += r.n_kernels;
    sum->judged += r.n_judged;
    return r;
}

static void must_be_equal(const char *target, const char *text, struct tally *sum)
{
    struct session *s = session_begin();
    struct exact_device_report r = run(s, target, text, "", -1, sum);
    for (size_t i = 0; i < r.n_kernels; i++) {
        const struct exact_device_verdict *v = &r.kernels[i];
        if (v->unequal)
            fail_msg("%s, kernel %s: %s[%lld] is %.17g, should be %.17g; %lld of %lld unequal\n%s", target,
                     v->group->name, v->first->op->call.name, (long long)v->first_at, v->got, v->want,
                     (long long)v->unequal, (long long)v->elements, text);
    }
    session_end(s);
}

static void test_equal(void **state)
{
    (void)state;
    struct tally sum = { 0, 0 };
    struct arena *a = arena_new();
    for (size_t i = 0; i < fault_n_graphs; i++)
        must_be_equal(i % 2 ? "gfx90a" : "sm_90", fault_graphs[i], &sum);
    for (uint64_t i = 0; i < RANDOM; i++)
        must_be_equal(i % 2 ? "gfx90a" : "sm_90", random_graph_text(a, 400 + i), &sum);
    print_message("%zu of %zu kernels are exact\n", sum.judged, sum.kernels);
    assert_true(sum.judged * 10 > sum.kernels * 8);
    arena_free(a);
}

static void test_faults(void **state)
{
    (void)state;
    static const enum mutant_class classes[] = { MUTANT_STRIDE, MUTANT_DROP, MUTANT_DOUBLE };
    for (int i = 0; i < 3; i++) {
        struct session *s = session_begin();
        struct tally sum = { 0, 0 };
        struct exact_device_report r =
            run(s, i % 2 ? "gfx90a" : "sm_90", "graph g\ndim B\ninput x: f32[B, 100]\noutput y: f32[B] = sum(x * x)\n",
                mutant_names[classes[i]], (int)classes[i], &sum);
        if (r.pass)
            fail_msg("%s: not seen", mutant_names[classes[i]]);
        session_end(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
