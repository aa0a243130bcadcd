/* verify --exact over the field: kernels of every op, of random graphs and of the models are equal to their nodes'
   values, on both emulated targets, and planted faults are not. */
#include "tests/support/support.h"

#include <string.h>

#include "codegen/payload.h"
#include "ir/ops/op.h"
#include "runtime/judge/exact.h"
#include "tests/support/chain.h"
#include "tests/support/kernel_mutant.h"
#include "tests/support/random_graph.h"

static const char *const targets[] = { "gfx90a", "sm_90" };
enum { MOST = 400, MOST_KERNELS = 4000, SEEDS = 3, GRAPHS = 30 };

/* Chains of one target, whose payloads are one library. */
struct batch {
    struct session *s;
    const struct target *t;
    struct chain *c[MOST];
    size_t first[MOST];
    size_t n;
    struct kernel *k[MOST_KERNELS];
    size_t n_k;
};

static struct batch *batch_new(const char *target)
{
    struct session *s = session_begin();
    struct batch *b = arena_new_of(s->run, struct batch);
    *b = (struct batch){ .s = s, .t = target_find(target) };
    return b;
}

static void add(struct batch *b, const char *name, const char *text, const struct chain_options *o)
{
    struct chain *c = chain_new(b->s, b->t, source_of_string(b->s, name, text), o);
    if (!c)
        fail_msg("%s: %s\n%s", name, text, chain_why(b->s, 0));
    assert_true(b->n < MOST && b->n_k + c->program->n_kernels <= MOST_KERNELS);
    b->first[b->n] = b->n_k;
    for (size_t i = 0; i < c->program->n_kernels; i++) {
        struct kernel *k = c->program->kernels[i].k;
        k->name = arena_printf(b->s->run, "g%zu_%s", b->n, k->name);
        b->k[b->n_k++] = k;
    }
    b->c[b->n++] = c;
}

static void compile(struct batch *b, struct payloads *lib)
{
    if (!payloads_compile(b->s, b->t, payload_field(b->s), b->k, b->n_k, lib))
        fail_msg("%s", chain_why(b->s, 0));
}

static void must_be_equal(struct batch *b, size_t i, const struct payloads *lib, int64_t batch)
{
    struct exact_report r;
    struct chain *c = b->c[i];
    exact_all(b->s, c->program, chain_bind(c, batch, 42), 1, lib, b->first[i], &r);
    for (size_t k = 0; k < r.n_kernels; k++) {
        const struct exact_verdict *v = &r.kernels[k];
        if (!exact_is_equal(v))
            fail_msg("%s, batch %lld: kernel %s: %lld of %lld elements unequal, the first %s[%lld]; %lld accesses "
                     "outside\n%s",
                     b->t->name, (long long)batch, v->group->name, (long long)v->unequal, (long long)v->elements,
                     v->first ? v->first->op->call.name : "", (long long)v->first_at, (long long)v->outside,
                     c->src->text);
        if (!(v->error < 1e-6))
            fail_msg("%s, batch %lld: kernel %s: error probability %g\n%s", b->t->name, (long long)batch,
                     v->group->name, v->error, c->src->text);
    }
}

static void judge_all(struct batch *b, const int64_t *batches, size_t n)
{
    struct payloads lib;
    compile(b, &lib);
    for (size_t i = 0; i < b->n; i++)
        must_be_equal(b, i, &lib, batches[i % n]);
    payloads_close(&lib);
    session_end(b->s);
}

static const int64_t batches[] = { 7, 16, 1, 33 };

static void test_every_op(void **state)
{
    (void)state;
    for (int t = 0; t < 2; t++) {
        struct batch *b = batch_new(targets[t]);
        for (int i = 0; op_at(i); i++)
            for (uint64_t seed = 0; seed < SEEDS; seed++) {
                const char *text = random_op_text(b->s, op_at(i), seed);
                if (text)
                    add(b, op_at(i)->call.name, text, NULL);
            }
        assert_true(b->n > 100);
        judge_all(b, batches, 4);
    }
}

static void test_random_graphs(void **state)
{
    (void)state;
    for (int t = 0; t < 2; t++) {
        struct batch *b = batch_new(targets[t]);
        for (uint64_t seed = 0; seed < GRAPHS; seed++)
            add(b, "random", random_graph_text(b->s->run, 9000 + seed), NULL);
        judge_all(b, batches, 4);
    }
}

/* A wrong kernel alone is blamed, and fails the verdict that the other judgements pass. */
static void plant(void *ctx, struct program *p)
{
    struct mutant m;
    uint64_t rnd = 5;
    (void)ctx;
    assert_non_null(mutant_make(p->kernels[1].k, MUTANT_STRIDE, &rnd, &m));
}

static void test_a_wrong_kernel(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const char *text = "graph g\ndim B\ninput x: f32[B, 40]\ny = softmax(x)\noutput z: f32[40] = sum(y, axis=0)\n"
                       "output w: f32[B, 40] = softmax(y * 2.0)\n";
    struct chain_options o = { .change = plant };
    struct exact_report r;
    struct chain *c = chain_new(s, target_find("sm_90"), source_of_string(s, "wrong", text), &o);
    assert_non_null(c);
    assert_true(exact_field(s, c->program, chain_bind(c, 9, 42), 1, &r));
    assert_false(r.pass);
    for (size_t i = 0; i < r.n_kernels; i++) {
        assert_int_equal(exact_is_equal(&r.kernels[i]), r.kernels[i].kernel != 1);
        assert_true(r.kernels[i].kernel != 1 || r.kernels[i].first || r.kernels[i].outside);
    }
    struct verify_report all = { .pass = true };
    assert_int_equal(verify_verdict(&all), VERDICT_PASS);
    all.exact = &r;
    assert_int_equal(verify_verdict(&all), VERDICT_FAIL);
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_op),
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_a_wrong_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
