/* The summation trees that lowering records, against those that its kernels have: each launch of random graphs, the
   models and a graph for each template runs over a payload that counts additions. The bound of a sum grows with the
   most additions that a term goes through, so a record may never have fewer than are counted, and at most twice as
   many. */
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/chain.h"
#include "tests/support/kir_run.h"
#include "tests/support/random_graph.h"

enum { RANDOM = 20, MOST_KERNELS = 400, MOST_TOTALS = 64 };

/* One for each way to sum; each batch size gives others their turn. */
static const struct {
    const char *what, *text;
} templates[] = {
    { "rows of a wave", "graph g\ndim B\ninput x: f32[B, 1000]\noutput y: f32[B] = sum(x)\n" },
    { "rows of a wave, by vectors", "graph g\ndim B\ninput x: f32[B, 1024]\noutput y: f32[B] = mean(x)\n" },
    { "two sums in a row", "graph g\ndim B\ninput x: f32[B, 300]\noutput y: f32[B, 300] = layernorm(x)\n" },
    { "a softmax", "graph g\ndim B\ninput x: f32[B, 77]\noutput y: f32[B, 77] = softmax(x)\n" },
    { "one row", "graph g\ninput x: f32[1, 5000]\noutput y: f32[1, 5000] = softmax(x)\n" },
    { "long rows", "graph g\ndim B\ninput x: f32[B, 9000]\noutput y: f32[B, 9000] = softmax(x)\n" },
    { "symbolic rows", "graph g\ndim B\ninput x: f32[3, B]\noutput y: f32[3, B] = softmax(x)\n" },
    { "columns", "graph g\ndim B\ninput x: f32[B, 37]\noutput y: f32[37] = sum(x, axis=0)\n" },
    { "columns by vectors, in parts", "graph g\ninput x: f32[4000, 64]\noutput y: f32[64] = sum(x, axis=0)\n" },
    { "inner and outer columns", "graph g\ndim B\ninput x: f32[5, B, 12]\noutput y: f32[5, 12] = mean(x, axis=1)\n" },
    { "running sums", "graph g\ndim B\ninput x: f32[B, 300]\noutput y = cumsum(x)\n" },
    { "running sums of one row", "graph g\ninput x: f32[1, 5000]\noutput y = cumsum(x, reverse=true)\n" },
    { "running sums of symbolic columns", "graph g\ndim B\ninput x: f32[B, 9]\noutput y = cumsum(x, axis=0)\n" },
    { "rows along columns", "graph g\ndim B\ninput x: f32[B, 5, 12]\noutput y: f32[B, 5, 12] = softmax(x, axis=0)\n" },
    { "one sum of all", "graph g\ninput x: f32[300, 301]\noutput y: f32[] = sum(x, axis=[0, 1])\n" },
    { "one sum of all, by vectors", "graph g\ndim B\ninput x: f32[B, 1024]\noutput y: f32[] = mean(x, axis=[0, 1])\n" },
    { "several of one operand",
      "graph g\ndim B\ninput x: f32[B, 40]\noutput y: f32[40] = sum(x, axis=0)\noutput z: f32[40] = max(x, axis=0)\n" },
    { "a matrix unit", "graph g\ndim B\ninput x: f16[B, 200]\noutput y: f32[B, 48] = linear(x, 48)\n" },
    { "a matrix unit, deep", "graph g\ndim B\ninput x: f16[B, 1096]\noutput y: f32[B, 20] = linear(x, 20)\n" },
    { "a matrix unit, batched",
      "graph g\ndim B\ninput x: f16[B, 40, 72]\ninput w: f16[B, 72, 24]\noutput y: f32[B, 40, 24] = matmul(x, w)\n" },
    { "lanes", "graph g\ndim B\ninput x: f32[B, 200]\noutput y: f32[B, 48] = linear(x, 48)\n"
               "output s = topk_mask(y, 2)\n" },
    { "lanes, deep", "graph g\ndim B\ninput x: f32[B, 3000]\noutput y: f32[B, 80] = linear(x, 80)\n"
                     "output s = topk_mask(y, 2)\n" },
    { "a contraction in a row", "graph g\ndim B\ninput x: f32[B, 200]\noutput y: f32[B, 4] = linear(x, 4)\n"
                                "output s = topk_mask(y, 2)\n" },
    { "margins", "graph g\ndim B\ninput x: f16[B, 200]\ny = linear(x, 48)\noutput s: f32[48] = sum(y, axis=0)\n"
                 "output m: f32[B] = sum(y * y)\n" },
    { "wide margins", "graph g\ndim B\ninput x: f16[B, 64]\ny = linear(x, 300)\noutput s: f32[300] = mean(y, axis=0)\n"
                      "output m: f32[B] = mean(y)\n" },
};
enum { TEMPLATES = sizeof templates / sizeof *templates };

/* ---- all chains of a target in one payload ---- */
struct part {
    struct chain *c;
    const char *what;
    int64_t batch;
};

struct parts {
    struct session *s;
    struct part v[128];
    size_t n;
    struct kernel *k[MOST_KERNELS];
    size_t n_k;
};

static void add(struct parts *p, const struct target *t, const char *what, const struct source *src, int64_t batch)
{
    struct chain *c = src ? chain_new(p->s, t, src, NULL) : NULL;
    if (!c)
        fail_msg("%s: %s", what, chain_why(p->s, 0));
    assert_true(p->n < sizeof p->v / sizeof *p->v);
    for (size_t i = 0; i < c->program->n_kernels; i++) {
        struct kernel *k = c->program->kernels[i].k;
        assert_true(p->n_k < MOST_KERNELS);
        k->name = arena_printf(p->s->run, "g%zu_%s", p->n, k->name);
        p->k[p->n_k++] = k;
    }
    p->v[p->n++] = (struct part){ c, what, batch };
}

struct tally {
    int sums, launches;
    double slack; /* the most of recorded / counted */
};

/* Additions of a term in one level: of single terms, or of the blocks that a unit adds at once. */
static int64_t steps_of(const struct sum_level *l, const struct dim_values *dims)
{
    int64_t chain = l->chain_of ? dims_eval(dims, l->chain_of) : l->chain;
    assert_true(l->unit ? l->block == l->unit_k : l->block == 1);
    return chain + l->depth;
}

/* Is there an accumulator with as many additions as the record says? Totals of a tail have fewer. */
static bool is_counted(int64_t steps, const struct kir_total *t, size_t n, struct tally *sum)
{
    double least = 0;
    for (size_t i = 0; i < n; i++)
        if (t[i].steps <= steps && 2 * t[i].steps >= steps && (!least || (double)steps / t[i].steps < least))
            least = (double)steps / t[i].steps;
    sum->slack = least > sum->slack ? least : sum->slack;
    return least > 0;
}

static bool is_recorded(int steps, const struct kernel *k, const struct dim_values *dims)
{
    for (size_t i = 0; i < k->n_sums; i++)
        if (steps <= steps_of(&k->sums[i].level, dims))
            return true;
    return false;
}

static void count_launch(const struct kir_code *code, const struct part *p, const struct program_launch *l,
                         struct tally *sum)
{
    struct kir_total t[MOST_TOTALS];
    struct dim_values dims = { 0 };
    struct kdim named[8] = { { NULL, 0 } };
    struct graph *g = p->c->parsed;
    dims.names = arena_array(p->c->s->run, const char *, g->n_dims + 1);
    dims.values = arena_array(p->c->s->run, int64_t, g->n_dims + 1);
    for (; dims.n < g->n_dims; dims.n++) {
        dims.names[dims.n] = named[dims.n].name = g->dims[dims.n].name;
        dims.values[dims.n] = named[dims.n].value = p->batch;
    }
    struct kernel k = *l->k;
    k.name = p->c->program->kernels[l->kernel].k->name;
    size_t n = kir_code_steps(code, &k, named, t, MOST_TOTALS);
    const char *target = p->c->target->name;
    for (size_t i = 0; i < k.n_sums; i++, sum->sums++)
        if (steps_of(&k.sums[i].level, &dims) && !is_counted(steps_of(&k.sums[i].level, &dims), t, n, sum))
            fail_msg("%s on %s, kernel %s: the sum of %s is recorded with %lld additions of a term, and none of %zu "
                     "accumulators has them (%s: %d)",
                     p->what, target, l->group->name, k.sums[i].node->op->call.name,
                     (long long)steps_of(&k.sums[i].level, &dims), n, n ? t[0].acc : "", n ? t[0].steps : 0);
    for (size_t i = 0; i < n; i++)
        if (!is_recorded(t[i].steps, &k, &dims))
            fail_msg("%s on %s, kernel %s: %s has %d additions of a term, more than any record", p->what, target,
                     l->group->name, t[i].acc, t[i].steps);
    sum->launches++;
}

static void count_all(const char *name)
{
    const struct target *t = target_find(name);
    struct parts *p = calloc(1, sizeof *p);
    struct tally sum = { 0 };
    static const char *const models[] = { "dense", "moe_softmax", "moe_sheaf", "router" };
    assert_non_null(p);
    p->s = session_begin();
    for (int i = 0; i < TEMPLATES; i++)
        add(p, t, templates[i].what, source_of_string(p->s, templates[i].what, templates[i].text), 70);
    for (int i = 0; i < 4; i++)
        add(p, t, models[i], source_read(p->s, arena_printf(p->s->run, "%s/models/%s.graph", SOURCE_DIR, models[i])),
            33);
    for (uint64_t i = 0; i < RANDOM; i++)
        add(p, t, "a random graph", source_of_string(p->s, "random", random_graph_text(p->s->run, 500 + i)),
            5 + 2 * (int64_t)(i % 12));
    struct kir_code code = kir_compile_payload(p->s, p->k, p->n_k, kir_steps);
    for (size_t i = 0; i < p->n; i++)
        for (size_t l = 0; l < p->v[i].c->program->n_launches; l++)
            count_launch(&code, &p->v[i], &p->v[i].c->program->launches[l], &sum);
    print_message("%s: %d sums of %d launches, recorded at most %.2f times as deep as counted\n", name, sum.sums,
                  sum.launches, sum.slack);
    assert_true(sum.sums > 100);
    kir_code_free(&code);
    session_end(p->s);
    free(p);
}

static void records_are_counted_gfx90a(void **state)
{
    (void)state;
    count_all("gfx90a");
}
static void records_are_counted_sm_90(void **state)
{
    (void)state;
    count_all("sm_90");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_counted_gfx90a),
        cmocka_unit_test(records_are_counted_sm_90),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
