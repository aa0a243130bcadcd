/* What shares a kernel: the models' groups as a list, diagonals and other views that a careless predicate would take
   for the same row, and the limits of a kernel. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/chain.h"

static const char *const targets[] = { "gfx90a", "sm_90" };

/* ---- the models' groups: tests/golden/groups.txt; TOKIC_GOLDEN=write makes it anew ---- */
static void put_groups(FILE *to, const char *model, const char *target, const struct graph *g)
{
    static const char *const kinds[] = { "rows", "reduce", "gemm" };
    for (size_t i = 0; i < g->n_groups; i++) {
        const struct group *gr = g->groups[i];
        fprintf(to, "%s %s: %s, %zu values, %zu launches, %s\n", model, target, kinds[gr->kind], gr->n_nodes,
                gr->n_launches, gr->name);
    }
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t n = 0;
    if (!f || getdelim(&text, &n, 0, f) < 0)
        fail_msg("cannot read %s", path);
    fclose(f);
    return text;
}

static void the_models_keep_their_groups(void **state)
{
    static const char *const models[] = { "moe_sheaf", "moe_softmax", "dense", "router" };
    const char *path = SOURCE_DIR "/tests/golden/groups.txt";
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        for (int t = 0; t < 2; t++) {
            struct session *s = session_begin();
            const struct source *src = source_read(s, arena_printf(s->run, SOURCE_DIR "/models/%s.graph", models[m]));
            struct chain *c = src ? chain_new(s, target_find(targets[t]), src, NULL) : NULL;
            assert_non_null(c);
            put_groups(to, models[m], targets[t], c->after);
            session_end(s);
        }
    fclose(to);
    if (getenv("TOKIC_GOLDEN")) {
        FILE *out = fopen(path, "wb");
        assert_non_null(out);
        fputs(text, out);
        fclose(out);
    }
    char *want = read_file(path);
    assert_string_equal(text, want);
    free(want);
    free(text);
}

/* ---- views between stages, dims equal on purpose: right, or not fused ---- */
static const char *const views[] = {
    "graph diagonal\ninput x: f32[4, 4, 8] where -1 <= x <= 1\nm = topk_mask(x, k=2)\nt = transpose(m, [1, 0, 2])\n"
    "y = logical_not(t)\noutput y\n",
    "graph crossed\ninput x: f32[8, 8] where -1 <= x <= 1\ny = softmax(transpose(softmax(x), [1, 0]) + x)\noutput y\n",
    "graph turned\ninput x: f32[5, 5, 5] where -1 <= x <= 1\ns = softmax(x)\n"
    "y = softmax(transpose(s, [1, 0, 2])) + s\noutput y\n",
    "graph shifted\ninput x: f32[6, 6] where -1 <= x <= 1\ns = softmax(x)\n"
    "y = concat(slice(s, [1, 0], [5, 6]), slice(s, [0, 0], [1, 6]), axis=0) * sum(s, keepdim=true)\noutput y\n",
    "graph folded\ndim B\ninput x: f32[B, 16] where -1 <= x <= 1\ns = softmax(x)\nr = reshape(s, [B, 4, 4])\n"
    "y = max(r) + sum(r, axis=1)\noutput y\n",
    "graph inside\ndim B\ninput x: f32[B, 6] where -1 <= x <= 1\ns = softmax(x)\n"
    "y = concat(slice(s, [0, 3], [B, 3]), slice(s, [0, 0], [B, 3]), axis=1) - s\noutput y, s\n",
    "graph square\ninput x: f32[7, 7] where -1 <= x <= 1\ny = sum(transpose(exp(x), [1, 0]), axis=0) + sum(exp(x), "
    "axis=0)\n"
    "output y\n",
    "graph ones\ndim B\ninput x: f32[B, 9, 3] where -1 <= x <= 1\ns = sum(x, axis=1, keepdim=true)\n"
    "q = cast(argmax(transpose(s, [0, 2, 1])), f32) + max(x, axis=1)\noutput q\n",
    "graph one_row\ninput x: f32[17, 33] where -1 <= x <= 1\ny = cast(argmax(sum(x, keepdim=true)), f32)\noutput y\n",
};

static void views_between_stages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        for (int t = 0; t < 2; t++) {
            struct session *s = session_begin();
            struct verify_report r;
            bool ran =
                chain_run(s, target_find(targets[t]), source_of_string(s, "test.graph", views[i]), NULL, t == 0, 5, &r);
            if (!ran || !r.pass)
                fail_msg("%s: %s%s\n%s", targets[t], ran ? chain_wrong(s, &r) : "", chain_why(s, 0), views[i]);
            session_end(s);
        }
}

/* A view inside a row stays in its kernel: the predicate is not merely careful. */
static void a_view_inside_a_row_is_fused(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct chain *c = chain_new(s, target_find("sm_90"), source_of_string(s, "test.graph", views[5]), NULL);
    assert_non_null(c);
    assert_int_equal(c->after->n_groups, 1);
    session_end(s);
}

/* ---- siblings, and values that are cheaper to recompute ---- */
static const struct {
    const char *text;
    size_t groups;
} shared[] = {
    { "y = exp(x) + exp(z)\n", 1 },
    { "y = gelu(x)\n", 1 },
    { "y = exp(x) * exp(-x)\n", 1 },
    { "y = softmax(x) * tanh(z) + exp(z)\n", 1 }, /* the row's kernel takes what comes after it */
    { "y = linear(x, 40) * tanh(z)\n", 1 },
    { "y = exp(z) * linear(x, 40)\n", 1 },
    { "a = exp(x)\noutput c = softmax(exp(z) + a)\ny = exp(z) * transpose(exp(x), [1, 0])\n", 2 },
    { "y = linear(x, 40) * transpose(exp(z), [1, 0])\n", 1 },
    { "output e = exp(z)\ny = linear(x, 40) * transpose(e, [1, 0])\n", 2 },
    /* the sum is read, across its rows, by the launch that its sibling belongs to: it stays where it is */
    { "output a = x * z + w\nb = softmax(transpose(a, [1, 0]))\noutput c = sum(b, axis=0)\ny = a + softmax(b)\n", 3 },
    /* h is read by two kernels across its rows: 4 bytes twice are less than 4 + 2 + 2 + 2 */
    { "h = exp(x)\noutput a = softmax(transpose(h, [1, 0]))\ny = sum(transpose(h, [1, 0]) * 0.5, axis=1)\n", 1 },
    /* three inputs are more */
    { "h = x * z + w\noutput a = softmax(transpose(h, [1, 0]))\ny = sum(transpose(h, [1, 0]) * 0.5, axis=1)\n", 1 },
};

static void siblings_share_a_kernel(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        for (int t = 0; t < 2; t++) {
            struct session *s = session_begin();
            struct verify_report r;
            const char *text =
                arena_printf(s->run,
                             "graph g\ninput x: f32[40, 40] where -2 <= x <= 2\ninput z: f32[40, 40] where "
                             "-2 <= z <= 2\ninput w: f32[40, 40] where -2 <= w <= 2\n%soutput y\n",
                             shared[i].text);
            const struct source *src = source_of_string(s, "test.graph", text);
            struct chain *c = chain_new(s, target_find(targets[t]), src, NULL);
            assert_non_null(c);
            if (c->after->n_groups != shared[i].groups)
                fail_msg("%zu groups instead of %zu\n%s", c->after->n_groups, shared[i].groups, text);
            if (!chain_run(s, target_find(targets[t]), src, NULL, t == 0, 5, &r) || !r.pass)
                fail_msg("%s: %s%s\n%s", targets[t], chain_wrong(s, &r), chain_why(s, 0), text);
            session_end(s);
        }
}

/* ---- limits ---- */
static void kernels_have_a_size(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const char *text =
        "graph deep\ninput x: f32[64] where -1 <= x <= 1\ny = x\nrepeat 2000 { y = tanh(y) }\noutput y\n";
    struct chain *c = chain_new(s, target_find("sm_90"), source_of_string(s, "test.graph", text), NULL);
    assert_non_null(c);
    assert_in_range(c->after->n_groups, 5, 200);
    text = "graph many\n";
    for (int i = 0; i < 300; i++)
        text = arena_printf(s->run, "%sinput x%d: f32[64] where -1 <= x%d <= 1\n", text, i, i);
    text = arena_printf(s->run, "%soutput y = x0", text);
    for (int i = 1; i < 300; i++)
        text = arena_printf(s->run, "%s + x%d", text, i);
    c = chain_new(s, target_find("sm_90"), source_of_string(s, "test.graph", arena_printf(s->run, "%s\n", text)), NULL);
    assert_non_null(c);
    for (size_t i = 0; i < c->after->n_groups; i++)
        assert_in_range(c->after->groups[i]->n_ins, 2, 96);
    session_end(s);
}

static void shared_views_are_not_recomputed_for_ever(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const char *text = "graph views\ninput x: f32[64] where -1 <= x <= 1\ny0 = x\n";
    for (int i = 0; i < 27; i++)
        text = arena_printf(s->run, "%sy%d = slice(concat(y%d, y%d, axis=0), [3], [64])\n", text, i + 1, i, i);
    text = arena_printf(s->run, "%sz = exp(y27)\noutput z\n", text);
    struct verify_report r;
    bool ran = chain_run(s, target_find("sm_90"), source_of_string(s, "test.graph", text), NULL, false, 1, &r);
    if (!ran || !r.pass)
        fail_msg("%s%s", ran ? chain_wrong(s, &r) : "", chain_why(s, 0));
    session_end(s);
}

/* A concat of many is a tree of concats of few. */
static void more_operands_than_a_kernel_takes(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const char *text = "graph wide\ninput x: float[4] where -1 <= x <= 1\ny = exp(x)\nz = concat(";
    for (int i = 0; i < 200; i++)
        text = arena_printf(s->run, "%s%s%s", text, i ? ", " : "", i % 3 ? "y" : "x");
    text = arena_printf(s->run, "%s, axis=0)\noutput z\n", text);
    struct verify_report r;
    bool ran = chain_run(s, target_find("gfx90a"), source_of_string(s, "test.graph", text), NULL, false, 1, &r);
    if (!ran || !r.pass)
        fail_msg("%s%s", ran ? chain_wrong(s, &r) : "", chain_why(s, 0));
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_models_keep_their_groups),
        cmocka_unit_test(views_between_stages),
        cmocka_unit_test(a_view_inside_a_row_is_fused),
        cmocka_unit_test(siblings_share_a_kernel),
        cmocka_unit_test(kernels_have_a_size),
        cmocka_unit_test(shared_views_are_not_recomputed_for_ever),
        cmocka_unit_test(more_operands_than_a_kernel_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
