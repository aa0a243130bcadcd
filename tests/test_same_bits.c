/* A program's results are a function of its text and its target: the emulator gives the same bits whatever its thread
   count, and, where an NVIDIA GPU of that target and NVRTC are present, so does the device, from the same text.
   Compared launch by launch, every value of every kernel. */
#include "tests/support/needs.h"

#include <string.h>

#include "codegen/spell.h"
#include "runtime/compile/compile.h"
#include "tests/support/chain.h"
#include "tests/support/random_graph.h"

enum { RANDOM = 20, SEED = 7000 };
static const int64_t batches[] = { 1, 7, 33, 65 };

/* Products without the matrix unit, since a selection reads them; in parts of their depth; with sums of their rows and
   columns. */
static const char *const products[] = {
    "graph in_f32\ninput a: f32[97, 113] where -1 <= a <= 1\ninput b: f32[113, 83] where -1 <= b <= 1\n"
    "output y = matmul(a, b)\noutput chosen = topk_mask(y, 2)\n",
    "graph turned\ninput a: f32[64, 300] where -1 <= a <= 1\ninput b: f32[72, 64] where -1 <= b <= 1\n"
    "output y = matmul(a, b, transpose_a=true, transpose_b=true)\noutput chosen = topk_mask(y, 2)\n",
    "graph in_parts\ndim B\ninput x: f16[B, 1100] where -1 <= x <= 1\noutput y = gelu(linear(x, 20))\n",
    "graph margins\ndim B\ninput x: f16[B, 72] where -1 <= x <= 1\noutput y = linear(x, 150)\n"
    "output s = sum(y, axis=0)\noutput m = mean(y)\noutput t = max(y)\n",
};
/* The models at nano, and what once differed. */
static const char *const files[] = {
    "models/moe_sheaf.graph",
    "models/moe_softmax.graph",
    "models/dense.graph",
    "models/router.graph",
    "tests/graphs/cast_out_of_range.graph",
    "tests/graphs/compare_booleans.graph",
    "tests/graphs/two_argmax.graph",
};
enum { FILES = sizeof files / sizeof *files, PRODUCTS = sizeof products / sizeof *products };

/* Graph i of the test: files, products, then random ones. NULL past the last. */
static const struct source *graph_at(struct session *s, int i)
{
    if (i < FILES)
        return source_read(s, files[i]);
    i -= FILES;
    if (i < PRODUCTS)
        return source_of_string(s, "products", products[i]);
    i -= PRODUCTS;
    return i < RANDOM ? source_of_string(s, "random", random_graph_text(s->run, SEED + (uint64_t)i)) : NULL;
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

/* Graph `src` at `batch` on one emulated thread and on `other`. */
static void compare_one(struct session *s, const struct source *src, const char *target, struct device *other,
                        int64_t batch, struct same_bits *sum)
{
    struct chain *c = chain_new(s, target_find(target), src, NULL);
    if (!c || !chain_compile(&c, 1, false))
        fail_msg("%s", chain_why(s, 0));
    struct device *one = emu_open(s, c->target, false, 1);
    struct code code = c->code;
    assert_non_null(one);
    if (other->ops != one->ops) {
        const char **names = arena_array(s->run, const char *, c->program->n_kernels + 1);
        for (size_t k = 0; k < c->program->n_kernels; k++)
            names[k] = c->program->kernels[k].k->name;
        const char *text = arena_printf(s->run, "%s%s", spell_prelude(s, c->target, SPELL_CUDA), c->text);
        if (!compile_gpu(s, c->target, text, names, c->program->n_kernels, &code))
            fail_msg("%s", chain_why(s, 0));
    }
    must_be_same(c, one, &c->code, other, &code, batch, sum);
    one->ops->close(one);
}

static struct device *three_threads(struct session *s, const char *target)
{
    return emu_open(s, target_find(target), false, 3);
}

static struct device *first_nvidia(struct session *s, const char *target)
{
    (void)target;
    return nvidia_open(s, 0);
}

static void compare_all(const char *target, struct device *(*open)(struct session *, const char *), const char *what)
{
    struct same_bits sum = { 0 };
    for (int i = 0;; i++) {
        struct session *s = session_begin();
        const struct source *src = graph_at(s, i);
        if (!src) {
            session_end(s);
            break;
        }
        struct device *other = open(s, target);
        if (!other)
            fail_msg("%s", chain_why(s, 0));
        compare_one(s, src, target, other, batches[i % 4], &sum);
        other->ops->close(other);
        session_end(s);
    }
    print_message("emu:%s on one thread and %s: %lld kernels, %lld values, all bits equal\n", target, what,
                  (long long)sum.kernels, (long long)sum.values);
    assert_true(sum.kernels > 100 && sum.values > 10000);
}

static void test_sm_90(void **state)
{
    (void)state;
    compare_all("sm_90", three_threads, "on three");
}

static void test_gfx90a(void **state)
{
    (void)state;
    compare_all("gfx90a", three_threads, "on three");
}

static void test_nvidia(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct device *d = first_nvidia(s, NULL);
    if (!d)
        fail_msg("%s", chain_why(s, 0));
    const char *target = d->target->name;
    d->ops->close(d);
    compare_all(target, first_nvidia, "nvidia:0");
    session_end(s);
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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_a_difference_is_seen), cmocka_unit_test(test_sm_90),
                                        cmocka_unit_test(test_gfx90a), needs("nvidia", test_nvidia) };
    return tests_main(argc, argv, tests, NULL, NULL);
}
