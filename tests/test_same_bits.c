/* A program's results are a function of its text and its target: the emulator gives the same bits whatever its thread
   count, and, where an NVIDIA GPU of that target and NVRTC are present, so does the device, from the same text.
   Compared launch by launch, every value of every kernel. */
#include "tests/support/support.h"

#include <string.h>

#include "codegen/spell.h"
#include "runtime/compile/compile.h"
#include "tests/support/chain.h"
#include "tests/support/random_graph.h"

enum { RANDOM = 20, SEED = 7000 };
static const int64_t batches[] = { 1, 7, 33, 65 };

/* Graph i of the test: the models at nano, then random ones. NULL past the last. */
static const struct source *graph_at(struct session *s, int i)
{
    static const char *const models[] = { "models/moe_sheaf.graph", "models/moe_softmax.graph", "models/dense.graph",
                                          "models/router.graph" };
    if (i < 4)
        return source_read(s, models[i]);
    return i < 4 + RANDOM ? source_of_string(s, "random", random_graph_text(s->run, SEED + (uint64_t)i)) : NULL;
}

static void must_be_same(struct chain *c, struct device *a, const struct code *of_a, struct device *b,
                         const struct code *of_b, int64_t batch, struct same_bits *sum)
{
    struct same_bits bits;
    struct binding *bound = chain_bind(c, batch, 42);
    assert_non_null(bound);
    struct exec *x = exec_open(c->s, c->program, a, of_a, bound);
    struct exec *y = exec_open(c->s, c->program, b, of_b, bound);
    if (!x || !y || !chain_same_bits(x, y, &bits))
        fail_msg("%s", chain_why(c->s, 0));
    if (bits.differing)
        fail_msg("%s, batch %lld: %lld values differ on %s and %s, first %s\n%s", c->parsed->name, (long long)batch,
                 (long long)bits.differing, a->name, b->name, bits.first, c->src->text);
    sum->kernels += bits.kernels;
    sum->values += bits.values;
    exec_close(x);
    exec_close(y);
}

static void run_all(const char *target, struct same_bits *emus, struct same_bits *gpus, bool gpu)
{
    for (int i = 0;; i++) {
        struct session *s = session_begin();
        const struct source *src = graph_at(s, i);
        if (!src) {
            session_end(s);
            break;
        }
        struct chain *c = chain_new(s, target_find(target), src, NULL);
        if (!c || !chain_compile(&c, 1, false))
            fail_msg("%s", chain_why(s, 0));
        struct device *one = emu_open(s, c->target, false, 1);
        struct device *three = emu_open(s, c->target, false, 3);
        struct device *dev = gpu ? nvidia_open(s, 0) : NULL;
        assert_true(one && three);
        if (gpu && !dev)
            fail_msg("%s", chain_why(s, 0));
        struct code code = { 0 };
        if (dev) {
            const char **names = arena_array(s->run, const char *, c->program->n_kernels + 1);
            for (size_t k = 0; k < c->program->n_kernels; k++)
                names[k] = c->program->kernels[k].k->name;
            const char *text = arena_printf(s->run, "%s%s", spell_prelude(s, c->target, SPELL_CUDA), c->text);
            if (!compile_gpu(s, c->target, text, names, c->program->n_kernels, &code))
                fail_msg("%s", chain_why(s, 0));
        }
        int64_t batch = batches[i % 4];
        must_be_same(c, one, &c->code, three, &c->code, batch, emus);
        if (dev)
            must_be_same(c, one, &c->code, dev, &code, batch, gpus);
        if (dev)
            dev->ops->close(dev);
        one->ops->close(one);
        three->ops->close(three);
        session_end(s);
    }
}

/* A device of that target and its compiler; else why not. */
static bool gpu_present(const char *target, const char **why)
{
    struct session *s = session_begin();
    bool present = compile_available(s, target_find(target), why) && nvidia_count(s) > 0;
    if (present) {
        struct device *d = nvidia_open(s, 0);
        present = d && d->target && !strcmp(d->target->name, target);
        if (d)
            d->ops->close(d);
    }
    if (!present)
        *why = "no NVIDIA GPU of that target, or no NVRTC";
    session_end(s);
    return present;
}

static void test_sm_90(void **state)
{
    (void)state;
    struct same_bits emus = { 0 };
    struct same_bits gpus = { 0 };
    const char *why = "";
    bool gpu = gpu_present("sm_90", &why);
    run_all("sm_90", &emus, &gpus, gpu);
    print_message("emu:sm_90 on 1 and 3 threads: %lld kernels, %lld values, all bits equal\n", (long long)emus.kernels,
                  (long long)emus.values);
    if (gpu)
        print_message("emu:sm_90 and nvidia:0: %lld kernels, %lld values, all bits equal\n", (long long)gpus.kernels,
                      (long long)gpus.values);
    else
        print_message("emu:sm_90 and nvidia:0: skipped, %s\n", why);
    assert_true(emus.kernels > 100 && emus.values > 10000);
    assert_true(!gpu || gpus.values == emus.values);
}

static void test_gfx90a(void **state)
{
    (void)state;
    struct same_bits emus = { 0 };
    struct same_bits none = { 0 };
    run_all("gfx90a", &emus, &none, false);
    print_message("emu:gfx90a on 1 and 3 threads: %lld kernels, %lld values, all bits equal\n", (long long)emus.kernels,
                  (long long)emus.values);
    assert_true(emus.kernels > 100 && emus.values > 10000);
}

/* The comparison sees one bit: the factor's last one, in one of two texts. */
static const char *one_bit(void *ctx, struct session *s, const char *text)
{
    (void)ctx;
    const char *at = strstr(text, "3.0f");
    assert_non_null(at);
    return arena_printf(s->run, "%.*s0x1.800002p+1f%s", (int)(at - text), text, at + 4);
}

static void test_a_difference_is_seen(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const struct target *t = target_find("sm_90");
    const struct source *src = source_of_string(
        s, "small", "graph small\ndim B\ninput x: f32[B, 40] where 1 <= x <= 2\noutput y: f32[B, 40] = x * 3.0\n");
    struct chain *c = chain_new(s, t, src, NULL);
    struct chain *other = chain_new(s, t, src, &(struct chain_options){ .change_text = one_bit });
    assert_true(c && other && chain_compile(&c, 1, false) && chain_compile(&other, 1, false));
    struct device *d = emu_open(s, t, false, 1);
    struct binding *b = chain_bind(c, 5, 42);
    struct same_bits bits;
    struct exec *x = exec_open(s, c->program, d, &c->code, b);
    struct exec *y = exec_open(s, c->program, d, &other->code, b);
    assert_true(chain_same_bits(x, y, &bits));
    assert_true(bits.differing > 100 && bits.differing <= bits.values);
    assert_int_equal(bits.values, 200);
    assert_non_null(strstr(bits.first, "y of kernel "));
    assert_non_null(strstr(bits.first, "element 0: "));
    exec_close(x);
    exec_close(y);
    d->ops->close(d);
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_a_difference_is_seen), cmocka_unit_test(test_sm_90),
                                        cmocka_unit_test(test_gfx90a) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
