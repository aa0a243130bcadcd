/* A program's edges are what its memory needs: derived again from byte ranges, for the models and random graphs; and
   each one dropped alone is seen by that derivation and, in effect, by the checking emulator, as is each dropped
   zeroing of scratch. */
#include "tests/support/support.h"

#include <string.h>

#include "tests/support/chain.h"
#include "tests/support/edges.h"
#include "tests/support/random_graph.h"

static const char *const targets[] = { "gfx90a", "sm_90" };

/* Several launches a group, scratch that is zeroed, values of many sizes whose memory is used again. */
static const char sums[] = "graph sums\n"
                           "dim B\n"
                           "input x: f32[B, 3000] where -1 <= x <= 1\n"
                           "input y: f32[B, 3000] where -1 <= y <= 1\n"
                           "a = sum(x * y, axis=[0, 1])\n"
                           "b = mean(x + y, axis=0)\n"
                           "c = max(gelu(x), axis=0)\n"
                           "output z = b * c + a\n"
                           "output w = sum(x, axis=[0, 1]) + mean(y, axis=[0, 1])\n";
static const char towers[] = "graph towers\n"
                             "dim B\n"
                             "input x: f32[B, 40] where -1 <= x <= 1\n"
                             "p = linear(gelu(layernorm(linear(x, 64))), 24)\n"
                             "q = linear(gelu(layernorm(linear(x, 64))), 24)\n"
                             "r = linear(gelu(layernorm(linear(p, 200))), 10)\n"
                             "s = linear(gelu(layernorm(linear(q, 100))), 10)\n"
                             "output y = softmax(r + s)\n";

/* A product of few tiles and a long sum, its parts in scratch; and a column sum beside a product. */
static const char parts[] = "graph parts\n"
                            "dim B\n"
                            "input x: f32[B, 4096] where -1 <= x <= 1\n"
                            "h = gelu(linear(x, 20))\n"
                            "output y = softmax(linear(h, 36))\n"
                            "output s = sum(linear(h, 40), axis=0)\n";

static struct chain *chain_of(struct session *s, const struct target *t, const char *name, const char *text)
{
    struct chain *c = chain_new(s, t, source_of_string(s, name, text), NULL);
    if (!c)
        fail_msg("%s: %s\n%s", name, chain_why(s, 0), text);
    return c;
}

static struct chain *chain_of_model(struct session *s, const struct target *t, const char *model)
{
    const struct source *src = source_read(s, arena_printf(s->run, "%s/models/%s.graph", SOURCE_DIR, model));
    struct chain *c = src ? chain_new(s, t, src, NULL) : NULL;
    if (!c)
        fail_msg("%s: %s", model, chain_why(s, 0));
    return c;
}

/* ---- the derivation agrees ---- */

struct tally {
    int programs, launches, edges, zeroings;
};

static struct exec *open_at(struct chain *c, struct device *d, int64_t batch)
{
    struct binding *b = chain_bind(c, batch, 42);
    struct exec *e = b ? exec_open(c->s, c->program, d, &c->code, b) : NULL;
    if (!e)
        fail_msg("%s", chain_why(c->s, 0));
    return e;
}

static void expect_covered(struct chain *c, int64_t batch, struct tally *sum)
{
    struct conflict first = { 0 };
    struct exec *e = open_at(c, paper_open(c->s, c->target), batch);
    const struct program *p = c->program;
    if (edges_missing(e, &first, 1))
        fail_msg("%s, batch %lld: no path of edges from %s to %s, which %s", c->target->name, (long long)batch,
                 p->launches[first.from].group->name, p->launches[first.to].group->name, first.what);
    for (size_t i = 0; i < p->n_launches; i++) {
        sum->edges += (int)p->launches[i].n_after;
        sum->zeroings += (int)e->launches[i].n_zero;
    }
    sum->launches += (int)p->n_launches;
    sum->programs++;
    exec_close(e);
}

static void expect_covered_at_all(struct chain *c, struct tally *sum)
{
    static const int64_t batches[] = { 0, 1, 7, 128, 1000 };
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
        expect_covered(c, batches[i], sum);
}

static void edges_cover_what_launches_touch(void **state)
{
    (void)state;
    static const char *const models[] = { "moe_sheaf", "moe_softmax", "dense", "router" };
    for (int t = 0; t < 2; t++) {
        struct tally sum = { 0 };
        struct session *s = session_begin();
        for (size_t i = 0; i < sizeof models / sizeof *models; i++)
            expect_covered_at_all(chain_of_model(s, target_find(targets[t]), models[i]), &sum);
        expect_covered_at_all(chain_of(s, target_find(targets[t]), "sums", sums), &sum);
        expect_covered_at_all(chain_of(s, target_find(targets[t]), "towers", towers), &sum);
        expect_covered_at_all(chain_of(s, target_find(targets[t]), "parts", parts), &sum);
        session_end(s);
        for (uint64_t seed = 1; seed <= 80; seed++) {
            s = session_begin();
            expect_covered_at_all(
                chain_of(s, target_find(targets[t]), "random", random_graph_text(s->run, 7000 + seed)), &sum);
            session_end(s);
        }
        print_message("%s: %d programs and batches, %d launches, %d edges, %d zeroings\n", targets[t], sum.programs,
                      sum.launches, sum.edges, sum.zeroings);
        assert_true(sum.edges > 500 && sum.zeroings > 0);
    }
}

/* ---- a fault is seen ---- */

struct rig {
    struct session *s;
    struct chain *c;
    struct device *d;
    struct exec *e;
    struct tensor **want; /* the outputs of a run that went well */
};

static struct tensor **read_outputs(struct rig *r)
{
    const struct graph *g = r->c->after;
    struct tensor **v = arena_array(r->s->run, struct tensor *, g->n_outs + 1);
    for (size_t i = 0; i < g->n_outs; i++)
        if (g->outs[i].node->materialised && !(v[i] = exec_read(r->e, g->outs[i].node, r->s->run)))
            return NULL;
    return v;
}

static struct rig rig_open(const char *target, const char *name, const char *text, int64_t batch)
{
    struct rig r = { .s = session_begin() };
    const struct target *t = target_find(target);
    r.c = text ? chain_of(r.s, t, name, text) : chain_of_model(r.s, t, name);
    r.d = chain_compile(&r.c, 1, true) ? emu_open(r.s, t, true, 1) : NULL;
    if (!r.d)
        fail_msg("%s", chain_why(r.s, 0));
    r.e = open_at(r.c, r.d, batch);
    for (int i = 0; i < 3; i++)
        if (!exec_run(r.e))
            fail_msg("%s, unchanged: %s", name, chain_why(r.s, 0));
    r.want = read_outputs(&r);
    assert_non_null(r.want);
    return r;
}

static void rig_close(struct rig *r)
{
    exec_close(r->e);
    r->d->ops->close(r->d);
    session_end(r->s);
}

/* Does a run with this seed end as it should not: a finding, or other outputs? */
static bool run_is_wrong(struct rig *r, uint64_t seed)
{
    r->e->seed = seed;
    bool wrong = !exec_run(r->e);
    struct tensor **got = wrong ? NULL : read_outputs(r);
    for (size_t i = 0; got && i < r->c->after->n_outs; i++)
        wrong |= got[i] && memcmp(got[i]->data, r->want[i]->data, got[i]->bytes);
    r->s->n_diags = 0;
    r->s->n_errors = 0;
    r->s->fail = FAIL_NONE;
    return wrong;
}

/* A seed whose order has `to` before `from`; 0: none was found. */
static uint64_t seed_against(const struct program *p, const struct conflict *c, uint64_t from_seed)
{
    struct arena *a = arena_new();
    size_t *order = arena_array(a, size_t, p->n_launches + 1);
    uint64_t found = 0;
    for (uint64_t seed = from_seed; seed < from_seed + 20000 && !found; seed++) {
        exec_order(p, seed, order);
        for (size_t i = 0; i < p->n_launches && order[i] != c->from; i++)
            if (order[i] == c->to)
                found = seed;
    }
    arena_free(a);
    return found;
}

static bool emulator_sees(struct rig *r, const struct conflict *conflicts, size_t n)
{
    enum { TRIES = 4 };
    for (size_t i = 0; i < n; i++) {
        uint64_t seed = 1;
        for (int k = 0; k < TRIES && (seed = seed_against(r->c->program, &conflicts[i], seed)); k++, seed++)
            if (run_is_wrong(r, seed))
                return true;
    }
    return false;
}

static size_t those_that_matter(struct conflict *c, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (c[i].matters)
            c[kept++] = c[i];
    return kept;
}

/* Each edge that the memory needs, dropped alone. Returns how many. */
static int drop_edges(const char *target, const char *name, const char *text, int64_t batch)
{
    enum { MOST = 32 };
    struct rig r = rig_open(target, name, text, batch);
    int needed = 0;
    for (size_t i = 0; i < r.c->program->n_launches; i++) {
        struct program_launch *l = &r.c->program->launches[i];
        for (size_t k = 0; k < l->n_after; k++) {
            struct conflict missing[MOST];
            size_t from = l->after[k];
            l->after[k] = l->after[--l->n_after];
            size_t n = edges_missing(r.e, missing, MOST);
            n = those_that_matter(missing, n < MOST ? n : MOST);
            needed += n > 0;
            if (n && !emulator_sees(&r, missing, n))
                fail_msg("%s on %s: without the edge from %s to %s (it %s) the checking emulator finds nothing", name,
                         target, r.c->program->launches[from].group->name, l->group->name, missing[0].what);
            l->n_after++;
            l->after[l->n_after - 1] = l->after[k];
            l->after[k] = from;
        }
    }
    rig_close(&r);
    return needed;
}

static void dropped_edges_are_seen(void **state)
{
    (void)state;
    int needed = 0;
    for (int t = 0; t < 2; t++) {
        int model = drop_edges(targets[t], "moe_sheaf", NULL, 3);
        assert_true(model >= 29);
        needed += model + drop_edges(targets[t], "sums", sums, 300) + drop_edges(targets[t], "towers", towers, 5) +
                  drop_edges(targets[t], "parts", parts, 5);
        for (uint64_t seed = 1; seed <= 12; seed++) {
            struct arena *a = arena_new();
            needed += drop_edges(targets[t], "random", random_graph_text(a, 7000 + seed), 5);
            arena_free(a);
        }
    }
    print_message("%d edges dropped, one at a time, each of them seen\n", needed);
    assert_true(needed > 100);
}

/* Each zeroing, dropped alone, at a batch that leaves scratch unwritten. */
static int drop_zeroings(const char *target, const char *name, const char *text, int64_t batch)
{
    struct rig r = rig_open(target, name, text, batch);
    int dropped = 0;
    for (size_t i = 0; i < r.c->program->n_launches; i++) {
        struct prepared *l = &r.e->launches[i];
        for (size_t k = 0; k < l->n_zero; k++) {
            struct zeroing z = l->zero[k];
            l->zero[k].bytes = 0;
            dropped++;
            if (!run_is_wrong(&r, 1))
                fail_msg("%s on %s: without zeroed scratch of %s the checking emulator finds nothing", name, target,
                         r.c->program->launches[i].group->name);
            l->zero[k] = z;
        }
    }
    assert_false(run_is_wrong(&r, 1));
    rig_close(&r);
    return dropped;
}

static void dropped_zeroings_are_seen(void **state)
{
    (void)state;
    int dropped = 0;
    for (int t = 0; t < 2; t++) {
        dropped += drop_zeroings(targets[t], "sums", sums, 3);
        dropped += drop_zeroings(targets[t], "parts", parts, 3);
    }
    print_message("%d zeroings dropped, one at a time, each of them seen\n", dropped);
    assert_true(dropped >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_cover_what_launches_touch),
        cmocka_unit_test(dropped_edges_are_seen),
        cmocka_unit_test(dropped_zeroings_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
