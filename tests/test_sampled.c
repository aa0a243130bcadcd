/* Large kernels and graphs are judged on chosen elements. Tails are among them, their values are those of a walk of the
   whole, and a fault in them is found. --full finds a fault elsewhere. */
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/emu/emu_device.h"
#include "runtime/judge/verify.h"
#include "tests/support/chain.h"

static const char *const everything = "graph everything\n"
                                      "dim B\n"
                                      "input x: f32[B, 24] where -1 <= x <= 1\n"
                                      "h = gelu(layernorm(linear(x, 40)))\n"
                                      "t = transpose(reshape(h, [B, 8, 5]), [0, 2, 1])\n"
                                      "u = concat(slice(t, [0, 1, 0], [B, 3, 8]), slice(t, [0, 0, 0], [B, 2, 8]), "
                                      "axis=1)\n"
                                      "c = topk_mask(h, 3)\n"
                                      "output chosen = c\n"
                                      "output p = softmax(u) * mean(u, keepdim=true)\n"
                                      "output w = select(c, h, 0.0)\n"
                                      "output columns = sum(h, axis=0)\n"
                                      "output products = matmul(h, h, transpose_a=true)\n"
                                      "output most = max(transpose(h, [1, 0]))\n";

static struct graph *parse(struct session *s, const char *text)
{
    struct chain *c = chain_new(s, target_find("gfx90a"), source_of_string(s, "g", text), NULL);
    if (!c)
        fail_msg("%s", chain_why(s, 0));
    return c->parsed;
}

static struct binding *bind(struct session *s, const struct graph *g, int64_t batch)
{
    return bind_sources(s, g, &(struct bind_options){ .batch = batch, .seed = 7, .init = INIT_JUDGE });
}

static struct walk *walk_all(struct session *s, struct graph *g, const struct binding *b, const struct subsets *p)
{
    struct node *outs[16];
    struct walk *w = walk_begin(s, g, &b->dims, NUMERICS_REAL, 2);
    w->subsets = p;
    walk_bind(w, b);
    for (size_t i = 0; i < g->n_outs; i++)
        outs[i] = g->outs[i].node;
    assert_true(walk_run(w, outs, g->n_outs, true, NULL, NULL));
    return w;
}

static void must_be_equal(const struct walk *whole, const struct walk *part, const struct node *n)
{
    const struct wval *x = walk_value(whole, n);
    const struct wval *y = walk_value(part, n);
    for (int64_t i = 0; i < x->count; i++)
        if (subsets_has(part->subsets, n, i) && memcmp(&x->v[i], &y->v[i], sizeof x->v[i]))
            fail_msg("%s[%lld] is %a in part, %a of the whole", n->op->call.name, (long long)i, y->v[i].d, x->v[i].d);
}

/* The chosen elements of every value have the bits that they have in a walk of the whole. */
static void a_part_equals_the_whole(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parse(s, everything);
    struct binding *b = bind(s, g, 70);
    struct walk *whole = walk_all(s, g, b, NULL);
    for (size_t out = 0; out < g->n_outs; out++) {
        struct subsets *p = subsets_new(s, g, &b->dims);
        const struct node *n = g->outs[out].node;
        subsets_draw(p, n, 12, 3, out);
        subsets_spread(p, g->nodes, g->n_nodes);
        assert_in_range(subsets_count(p, n), 1, 200);
        assert_true(subsets_work(p, g->nodes, g->n_nodes) > 0);
        struct walk *part = walk_all(s, g, b, p);
        for (size_t i = 0; i < g->n_nodes; i++)
            must_be_equal(whole, part, g->nodes[i]);
        walk_end(part);
        subsets_free(p);
    }
    walk_end(whole);
    session_end(s);
}

static void tails_are_chosen(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parse(s, "graph g\ndim B\ninput x: f32[B, 3, 1000]\noutput y = neg(x)\n");
    const struct node *y = g->outs[0].node;
    struct binding *b = bind(s, g, 437);
    struct subsets *p = subsets_new(s, g, &b->dims);
    subsets_draw(p, y, 4096, 64, 1);
    assert_int_equal(subsets_count(p, y), 4096);
    static const int64_t rows[] = { 0, 1310 };
    static const int64_t columns[] = { 0, 999, 991, 992, 959, 960, 895, 896, 767, 768 };
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < sizeof columns / sizeof *columns; k++)
            assert_true(subsets_has(p, y, rows[i] * 1000 + columns[k]));
    int64_t seen[10] = { 0 };
    for (int64_t i = 0; i < 437 * 3000; i++)
        seen[i / 131100] += subsets_has(p, y, i);
    for (int i = 0; i < 10; i++)
        assert_in_range(seen[i], 64, 1024);
    subsets_free(p);
    session_end(s);
}

/* ---- kernels ---- */
static const char *const gemm = "graph gemm\n"
                                "dim B\n"
                                "input x: f16[B, 1024] where -1 <= x <= 1\n"
                                "output y: f32[B, 1030] = linear(x, 1030)\n";
enum { BATCH = 98, COLUMNS = 1030 };

struct ran {
    struct session *s;
    struct chain *c;
    struct device *d;
    struct exec *e;
    struct binding *b;
    const struct group *group;
    const struct tensor *ins[8], *outs[2];
};

static void run_gemm(struct ran *r)
{
    struct session *s = session_begin();
    const struct target *t = target_find("gfx90a");
    *r = (struct ran){ .s = s, .c = chain_new(s, t, source_of_string(s, "gemm", gemm), NULL) };
    assert_true(r->c && chain_compile(&r->c, 1, false));
    r->b = chain_bind(r->c, BATCH, 3);
    r->d = emu_open(s, t, false, 2);
    r->e = exec_open(s, r->c->program, r->d, &r->c->code, r->b);
    assert_true(r->e && r->c->after->n_groups == 1);
    r->group = r->c->after->groups[0];
    for (size_t i = 0; i < r->group->n_ins; i++)
        r->ins[i] = exec_read(r->e, r->group->ins[i], s->run);
    assert_true(exec_run(r->e) && r->group->n_outs == 1);
    r->outs[0] = exec_read(r->e, r->group->outs[0], s->run);
}

static void end_gemm(struct ran *r)
{
    exec_close(r->e);
    r->d->ops->close(r->d);
    session_end(r->s);
}

static struct kernel_verdict judge(struct ran *r, bool full, uint64_t seed)
{
    struct kernel_verdict v;
    assert_true(judge_group(r->s, r->c->program, r->c->program->n_launches - 1, &r->b->dims, r->ins, r->outs,
                            &(struct judge_how){ .threads = 2, .full = full, .seed = seed }, NULL, &v));
    return v;
}

static void spoil(struct ran *r, int64_t i, double by)
{
    tensor_set((struct tensor *)r->outs[0], i, tensor_get(r->outs[0], i) + by);
}

static void a_large_kernel_is_judged_in_part(void **state)
{
    (void)state;
    struct ran r;
    run_gemm(&r);
    struct kernel_verdict v = judge(&r, false, 1);
    assert_true(v.pass && v.all == BATCH * COLUMNS && v.elements == 4096);
    struct kernel_verdict all = judge(&r, true, 1);
    assert_true(all.pass && all.elements == all.all && all.ratio >= v.ratio && v.ratio > 0);
    static const int64_t tails[][2] = { { 0, 0 }, { 0, 1029 }, { 97, 0 }, { 97, 1029 }, { 96, 1023 }, { 95, 1024 } };
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        spoil(&r, tails[i][0] * COLUMNS + tails[i][1], 1);
        v = judge(&r, false, i);
        assert_false(v.pass);
        assert_int_equal(v.worst_at, tails[i][0] * COLUMNS + tails[i][1]);
        spoil(&r, tails[i][0] * COLUMNS + tails[i][1], -1);
    }
    end_gemm(&r);
}

/* One wrong element is seldom chosen; a whole wrong column, tile or row always is. */
static void full_finds_what_the_sample_misses(void **state)
{
    (void)state;
    struct ran r;
    run_gemm(&r);
    int missed = 0;
    for (uint64_t seed = 0; seed < 3; seed++) {
        spoil(&r, 50 * COLUMNS + 500 + (int64_t)seed, 1);
        missed += judge(&r, false, seed).pass;
        assert_false(judge(&r, true, seed).pass);
        spoil(&r, 50 * COLUMNS + 500 + (int64_t)seed, -1);
    }
    assert_true(missed > 0);
    for (int64_t i = 0; i < 32; i++)
        for (int64_t k = 0; k < 32; k++)
            spoil(&r, (32 + i) * COLUMNS + 480 + k, 1);
    assert_false(judge(&r, false, 9).pass);
    end_gemm(&r);
}

/* ---- the reference ---- */
/* 1.3e9 multiply-adds. */
static const char *const wide = "graph wide\n"
                                "dim B\n"
                                "input x: f32[B, 2048] where -1 <= x <= 1\n"
                                "y = linear(x, 2048)\n"
                                "c = topk_mask(slice(y, [0, 0], [B, 8]), 2)\n"
                                "output z = y * y\n"
                                "output chosen = c\n";

static void rows_of_a_large_graph_are_evaluated(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parse(s, wide);
    struct binding *b = bind(s, g, 310);
    struct reference *r = reference_begin(s, g, b, &(struct judge_how){ .threads = 2 });
    struct reference *whole = reference_begin(s, g, b, &(struct judge_how){ .threads = 2, .full = true });
    assert_true(reference_run(r) && reference_run(whole));
    assert_true(r->subsets && !whole->subsets);
    assert_int_equal(subsets_count(r->subsets, g->outs[0].node), 4096);
    assert_int_equal(subsets_count(r->subsets, g->outs[1].node), 310 * 8);
    for (size_t i = 0; i < g->n_nodes; i++)
        must_be_equal(whole->w, r->w, g->nodes[i]);
    reference_end(r);
    reference_end(whole);
    session_end(s);
}

/* A pass that changes the function is found in the rows that are evaluated. */
static void passes_are_compared_in_part(void **state)
{
    (void)state;
    static const struct rule wrong = { "mul(?x, ?y)", "add(?x, ?y)", true, "planted" };
    for (int planted = 0; planted < 2; planted++) {
        struct session *s = session_begin();
        struct chain_options o = { .rules = &wrong, .n_rules = planted ? 1 : 0 };
        struct chain *c = chain_new(s, target_find("gfx90a"), source_of_string(s, "wide", wide), planted ? &o : NULL);
        struct binding *b = bind(s, c->parsed, 310);
        struct reference *r = reference_begin(s, c->parsed, b, &(struct judge_how){ .threads = 2 });
        struct verify_report v = { 0 };
        assert_true(verify_passes(r, c->after, &c->ctx, &c->passes, &v));
        assert_true(v.pass_elements > 4096 && v.pass_elements < v.pass_all / 4 && !v.pass_left_out);
        assert_true(v.passes_ok == !planted);
        if (planted)
            assert_string_equal(v.pass_failed, "simplify");
        reference_end(r);
        session_end(s);
    }
}

/* `all` needs all rows of 260 products, which is 5e10 multiply-adds. */
static void a_cone_that_is_too_large_is_left_out(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parse(s, "graph deep\n"
                               "dim B\n"
                               "input x: f32[B, 1024] where -1 <= x <= 1\n"
                               "input w: f32[1024, 1024] where -0.01 <= w <= 0.01\n"
                               "h = matmul(x, w)\n"
                               "output first = h\n"
                               "repeat 259 { h = matmul(h, w) }\n"
                               "output all = sum(h, axis=0)\n"
                               "output rows = sum(first)\n");
    struct binding *b = bind(s, g, 190);
    struct reference *r = reference_begin(s, g, b, &(struct judge_how){ .threads = 2 });
    assert_true(reference_run(r));
    assert_true(r->left_out[0] == 0 && r->left_out[1] > 4e10 && r->left_out[2] == 0);
    assert_false(r->w->val[g->outs[1].node->id].set);
    assert_true(r->w->val[g->outs[2].node->id].set);
    reference_end(r);
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_equals_the_whole),
        cmocka_unit_test(tails_are_chosen),
        cmocka_unit_test(a_large_kernel_is_judged_in_part),
        cmocka_unit_test(full_finds_what_the_sample_misses),
        cmocka_unit_test(rows_of_a_large_graph_are_evaluated),
        cmocka_unit_test(passes_are_compared_in_part),
        cmocka_unit_test(a_cone_that_is_too_large_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
