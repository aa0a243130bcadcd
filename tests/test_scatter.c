/* scatter_add and its sort over many tiles: what is computed, forward and backward, and how the work grows. */
#include "tests/support/support.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/chain.h"
#include "tests/support/kir_run.h"

/* ---- values ---- */
static const char *const uses[] = {
    "y = scatter_add(k, h, 512)\n",
    "y = scatter_add(k, h, 7)\n",
    "y = scatter_add(k - k, h, 1)\n",
    "y = scatter_add(k - k + 300, h, 512)\n",
    "y = scatter_add(i * 160 - 3, exp(h), 90000)\n",
    "y = segment_sum(h, sort_by_bucket(k, 512), bucket_offsets(k, 512))\n",
    "y = gather(table, k)\n",
};
enum { USES = sizeof uses / sizeof *uses };

static void judge(const char *target, const int64_t *batches, int n)
{
    struct session *s = session_begin();
    const char *texts[USES];
    for (int i = 0; i < USES; i++)
        texts[i] = arena_printf(s->run,
                                "graph rows\ndim B\ninput u: f32[B] where -2 <= u <= 600\n"
                                "input x: f32[B, 5] where -1 <= x <= 1\nweight table: float[600, 3]\n"
                                "i = cast(u, i32)\nk = cast(u, i64)\nh = linear(x, 3)\n%soutput z = y * 0.5\n"
                                "loss = sum(reshape(y * y, [-1])) + sum(reshape(h * h, [-1])) + "
                                "sum(reshape(table * table, [-1]))\n",
                                uses[i]);
    chains_must_pass(s, target_find(target), texts, USES, batches, n);
    session_end(s);
}

static void many_tiles_on_gfx90a(void **state)
{
    (void)state;
    judge("gfx90a", (int64_t[]){ 0, 64, 513 }, 3);
}

static void many_tiles_on_sm_90(void **state)
{
    (void)state;
    judge("sm_90", (int64_t[]){ 1, 65, 1000 }, 3);
}

/* ---- work ---- */
static const struct size {
    int rows, destinations;
} sizes[] = { { 1000, 500 }, { 4000, 2000 }, { 16000, 8000 }, { 2000, 40000 }, { 40000, 2 } };
enum { SIZES = sizeof sizes / sizeof *sizes };

/* How often a loop of any kernel turns, if all elements of its buffers are 0. */
static double turns_of(struct session *s, const struct size *z)
{
    const char *counting = arena_printf(s->run,
                                        "%s\nlong long turns;\n"
                                        "#define for(...) for (__VA_ARGS__) if (turns++, 0) ; else\n",
                                        kir_doubles);
    const char *text =
        arena_printf(s->run,
                     "graph g\ninput k: i32[%d] where 0 <= k <= %d\ninput v: f32[%d] where -1 <= v <= 1\n"
                     "output y = scatter_add(k, v, %d)\n",
                     z->rows, z->destinations - 1, z->rows, z->destinations);
    struct chain *c = chain_new(s, target_find("gfx90a"), source_of_string(s, "work.graph", text), NULL);
    struct kernel *k[32];
    if (!c)
        fail_msg("%s", chain_why(s, 0));
    size_t n = c->program->n_kernels;
    assert_in_range(n, 1, 32);
    for (size_t i = 0; i < n; i++)
        k[i] = c->program->kernels[i].k;
    struct kir_code code = kir_compile_payload(s, k, n, counting);
    long long *turns = dlsym(code.payload, "turns");
    assert_non_null(turns);
    for (size_t l = 0; l < c->program->n_launches; l++) {
        struct kernel launched = *c->program->launches[l].k;
        void *bufs[8];
        launched.name = k[c->program->launches[l].kernel]->name;
        assert_in_range(launched.n_args, 1, 8);
        for (size_t i = 0; i < launched.n_args; i++)
            bufs[i] = calloc((size_t)dims_eval(NULL, launched.args[i]->count) + 1, 8);
        kir_code_payload(&code, &launched, bufs, NULL);
        for (size_t i = 0; i < launched.n_args; i++)
            free(bufs[i]);
    }
    double all = (double)*turns;
    kir_code_free(&code);
    return all;
}

/* Passes over the bits of a destination, each with a loop over 64 values of a digit, a tile of 64 rows and a bisection:
   under two hundred turns a row and pass, however many rows there are. */
static void work_grows_with_rows_and_destinations(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++) {
        struct session *s = session_begin();
        const struct size *z = &sizes[i];
        int bits = 0;
        while (z->destinations >> bits)
            bits++;
        double turns = turns_of(s, z);
        double each = turns / (z->rows * ((bits + 5) / 6) + z->destinations);
        print_message("%d rows to %d destinations: %.0f turns, %.0f for each row and pass\n", z->rows, z->destinations,
                      turns, each);
        assert_true(turns > z->rows + z->destinations);
        assert_true(each < 190);
        session_end(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_tiles_on_gfx90a),
        cmocka_unit_test(many_tiles_on_sm_90),
        cmocka_unit_test(work_grows_with_rows_and_destinations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
