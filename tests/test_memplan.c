/* memplan on graphs of groups made by hand: what shares memory is ordered by the edges, at every value of the dims; and
   many groups take seconds. */
#include "tests/support/support.h"

#include <string.h>
#include <time.h>

#include "passes/pack.h"
#include "ir/ops/op.h"
#include "passes/pass.h"

/* ---- graphs without meaning: groups that read some values and make others, with scratch ---- */

struct maker {
    struct session *s;
    struct graph *g;
    uint64_t rnd;
    const struct index *b, *t;
    bool odd; /* any size; else one of a few, as layers have */
};

/* A few sizes that come again, and odd ones; functions of two dims, one or none. */
static const struct index *draw_size(struct maker *m)
{
    static const int usual[] = { 1, 20, 96, 128, 284, 2048 };
    struct index_table *t = m->s->indices;
    bool any = m->odd && rnd_range(&m->rnd, 0, 3) == 0;
    int64_t k = any ? rnd_range(&m->rnd, 0, 5000) : usual[rnd_range(&m->rnd, 0, 5)];
    switch (rnd_range(&m->rnd, 0, 5)) {
    case 0: return index_const(t, k);
    case 1: return index_addk(t, index_mulk(t, m->b, k), m->odd ? rnd_range(&m->rnd, 0, 300) : 64);
    case 2: return index_mulk(t, index_mul(t, m->b, m->t), k);
    default: return index_mulk(t, m->b, k);
    }
}

static struct node *add_value(struct maker *m, struct group *gr)
{
    struct node *n = arena_new_of(m->g->arena, struct node);
    *n = (struct node){ .op = op_find("exp"), .id = m->g->next_id++, .group = gr, .materialised = true, .mark = -1 };
    n->type = (struct type){ .dtype = DT_F32, .rank = 1, .dim = { draw_size(m) } };
    n->storage = rnd_range(&m->rnd, 0, 1) ? DT_F16 : DT_F32;
    *arena_push(m->g->arena, m->g->nodes, m->g->n_nodes, m->g->cap_nodes) = n;
    return n;
}

/* It comes after the groups of what it reads, as fuse leaves it. */
static void read_value(struct maker *m, struct group *gr, struct node *n)
{
    for (size_t i = 0; i < gr->n_ins; i++)
        if (gr->ins[i] == n)
            return;
    gr->ins[gr->n_ins++] = n;
    for (size_t i = 0; i < gr->n_after; i++)
        if (gr->after[i] == n->group)
            return;
    *arena_push(m->g->arena, gr->after, gr->n_after, gr->cap_after) = n->group;
}

static void add_group(struct maker *m, int reach)
{
    struct graph *g = m->g;
    struct group *gr = arena_new_of(g->arena, struct group);
    gr->id = (int)g->n_groups;
    gr->ins = arena_array(g->arena, struct node *, 4);
    gr->outs = arena_array(g->arena, struct node *, 4);
    int reads = g->n_nodes ? (int)rnd_range(&m->rnd, 0, 3) : 0;
    for (int i = 0; i < reads; i++) {
        int64_t back = rnd_range(&m->rnd, 1, reach);
        read_value(m, gr, g->nodes[back > (int64_t)g->n_nodes ? 0 : g->n_nodes - (size_t)back]);
    }
    int makes = (int)rnd_range(&m->rnd, 1, 2);
    for (int i = 0; i < makes; i++)
        gr->outs[gr->n_outs++] = add_value(m, gr);
    gr->scratch = arena_array(g->arena, struct scratch, 1);
    gr->n_scratch = rnd_range(&m->rnd, 0, 3) == 0;
    gr->scratch[0] = (struct scratch){ .name = "parts", .dtype = DT_F32, .count = draw_size(m) };
    *arena_push(g->arena, g->groups, g->n_groups, g->cap_groups) = gr;
}

static struct maker make(uint64_t seed, int groups, int reach, bool odd)
{
    struct maker m = { .s = session_begin(), .rnd = seed, .odd = odd };
    m.g = graph_new(m.s, "made");
    m.b = index_sym(m.s->indices, "B");
    m.t = index_sym(m.s->indices, "T");
    for (int i = 0; i < groups; i++)
        add_group(&m, reach);
    for (size_t i = 0; i < m.g->n_nodes; i += 37)
        *arena_push(m.g->arena, m.g->outs, m.g->n_outs, m.g->cap_outs) = (struct graph_out){ .node = m.g->nodes[i] };
    return m;
}

static bool plan(struct maker *m)
{
    struct pass_ctx c = pass_ctx_for(m->s, target_find("sm_90"));
    return pass_memplan(m->g, &c);
}

/* ---- what shares memory is ordered ---- */

/* Groups from the first to the last that touch a slot, and its bytes at some dims. */
struct life {
    int64_t at, end;
    const int *users;
    size_t n;
    int writer;
    bool kept;
};

static bool *closure(const struct graph *g, struct arena *a)
{
    size_t n = g->n_groups;
    bool *before = arena_array(a, bool, n *n + 1);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < g->groups[i]->n_after; k++) {
            size_t from = (size_t)g->groups[i]->after[k]->id;
            assert_true(from < i);
            before[i * n + from] = true;
            for (size_t w = 0; w < n; w++)
                before[i * n + w] |= before[from * n + w];
        }
    return before;
}

static struct life life_of(const struct graph *g, const struct slot *s, const struct dim_values *dims, struct arena *a)
{
    struct life l = { .at = dims_eval(dims, s->offset) };
    int *users = arena_array(a, int, g->n_groups + 1);
    l.end = l.at + dims_eval(dims, s->bytes);
    l.writer = s->node ? s->node->group->id : s->group->id;
    users[l.n++] = l.writer;
    for (size_t i = 0; s->node && i < g->n_groups; i++)
        for (size_t k = 0; k < g->groups[i]->n_ins; k++)
            if (g->groups[i]->ins[k] == s->node)
                users[l.n++] = (int)i;
    for (size_t i = 0; i < g->n_outs; i++)
        l.kept |= g->outs[i].node == s->node;
    l.users = users;
    return l;
}

/* All of x is over before y is written. */
static bool is_over(const struct graph *g, const bool *before, const struct life *x, const struct life *y)
{
    for (size_t i = 0; i < x->n; i++)
        if (!before[(size_t)y->writer * g->n_groups + (size_t)x->users[i]])
            return false;
    return !x->kept;
}

static size_t expect_ordered(const struct graph *g, int64_t b, int64_t t)
{
    const char *names[] = { "B", "T" };
    int64_t values[] = { b, t };
    const struct dim_values dims = { names, values, 2 };
    struct arena *a = arena_new();
    const bool *before = closure(g, a);
    struct life *l = arena_array(a, struct life, g->n_slots + 1);
    size_t shared = 0;
    for (size_t i = 0; i < g->n_slots; i++) {
        l[i] = life_of(g, &g->slots[i], &dims, a);
        assert_true(l[i].at % 256 == 0 && l[i].at >= 0 && l[i].end <= dims_eval(&dims, g->memory));
        for (size_t k = 0; k < i; k++) {
            if (l[i].at >= l[k].end || l[k].at >= l[i].end)
                continue;
            if (!is_over(g, before, &l[k], &l[i]) && !is_over(g, before, &l[i], &l[k]))
                fail_msg("B %lld, T %lld: slots %zu and %zu share memory and are not ordered", (long long)b,
                         (long long)t, k, i);
            shared++;
        }
    }
    arena_free(a);
    return shared;
}

static void shared_memory_is_ordered(void **state)
{
    (void)state;
    size_t shared = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct maker m = make(seed, 120, seed % 2 ? 6 : 60, true);
        assert_true(plan(&m));
        assert_int_equal(m.s->n_diags, 0);
        static const int64_t dims[][2] = {
            { 0, 0 }, { 1, 1 }, { 1, 0 }, { 7, 3 }, { 128, 128 }, { 1000, 2 }, { 3, 999 }
        };
        for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
            shared += expect_ordered(m.g, dims[i][0], dims[i][1]);
        session_end(m.s);
    }
    print_message("%zu pairs of slots share memory, all ordered\n", shared);
    assert_true(shared > 10000);
}

/* ---- packing ---- */

static int64_t peak_of(enum pack_policy policy, const int64_t (*steps)[2], size_t n)
{
    static const int user = 0;
    struct session *s = session_begin();
    struct packer *p = packer_new(s, s->run, policy, 128);
    struct extent *x = arena_array(s->run, struct extent, n + 1);
    for (size_t i = 0; i < n; i++)
        if (steps[i][0] >= 0)
            x[i] = packer_take(p, index_mulk(s->indices, index_sym(s->indices, "B"), steps[i][0]));
        else
            packer_give(p, x[steps[i][1]], &user, 1);
    int64_t peak = packer_peak(p);
    session_end(s);
    return peak;
}

/* {k}: take k·B bytes; {-1, i}: give back what step i took. */
static void free_memory_is_found_again(void **state)
{
    (void)state;
    static const int64_t smaller[][2] = { { 1024, 0 }, { -1, 0 }, { 256, 0 }, { 512, 0 }, { 256, 0 } };
    static const int64_t joined[][2] = { { 256, 0 }, { 256, 0 }, { 256, 0 }, { -1, 0 }, { -1, 1 }, { 512, 0 } };
    static const int64_t grown[][2] = { { 256, 0 }, { -1, 0 }, { 512, 0 } };
    static const int64_t odd[][2] = { { 40, 0 }, { 8, 0 }, { -1, 0 }, { 24, 0 } }; /* not comparable once rounded */
    assert_int_equal(peak_of(PACK_FIT, smaller, 5), 1024 * 128);
    assert_int_equal(peak_of(PACK_EQUAL, smaller, 5), 2048 * 128);
    assert_int_equal(peak_of(PACK_FIT, joined, 6), 768 * 128);
    assert_int_equal(peak_of(PACK_EQUAL, joined, 6), 1280 * 128);
    assert_int_equal(peak_of(PACK_FIT, grown, 3), 512 * 128);
    assert_int_equal(peak_of(PACK_FIT, odd, 4), 48 * 128);
    assert_int_equal(peak_of(PACK_EQUAL, odd, 4), 72 * 128);
}

static void expect_apart(const struct extent *x, const struct extent *y)
{
    static const int64_t dims[][2] = { { 1, 1 }, { 100, 1 }, { 1000, 1 }, { 7, 3 }, { 3, 999 } };
    const char *names[] = { "B", "T" };
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
        int64_t values[] = { dims[i][0], dims[i][1] };
        const struct dim_values at = { names, values, 2 };
        int64_t a = dims_eval(&at, x->offset);
        int64_t b = dims_eval(&at, y->offset);
        if (a < b + dims_eval(&at, y->bytes) && b < a + dims_eval(&at, x->bytes))
            fail_msg("B %lld, T %lld: %lld bytes at %lld and %lld bytes at %lld", (long long)values[0],
                     (long long)values[1], (long long)dims_eval(&at, x->bytes), (long long)a,
                     (long long)dims_eval(&at, y->bytes), (long long)b);
    }
}

/* Extents in use are apart at all dims, also where sizes are products of dims and most of them are rounded coarsely. */
static void extents_in_use_are_apart(void **state)
{
    (void)state;
    static const int user = 0;
    enum { TAKEN = 200 };
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct session *s = session_begin();
        struct packer *p = packer_new(s, s->run, PACK_FIT, 128);
        const struct index *b = index_sym(s->indices, "B");
        const struct index *t = index_sym(s->indices, "T");
        struct extent held[TAKEN];
        uint64_t r = seed;
        int n = 0;
        for (int i = 0; i < TAKEN && packer_memory(p); i++) {
            const struct index *size = index_mulk(s->indices, b, 4 * rnd_range(&r, 1, 9));
            if (rnd_range(&r, 0, 1))
                size = index_add(s->indices, size,
                                 index_mulk(s->indices, index_mul(s->indices, b, t), 4 * rnd_range(&r, 1, 30)));
            held[n++] = packer_take(p, size);
            for (int k = 0; k < n - 1; k++)
                expect_apart(&held[n - 1], &held[k]);
            if (rnd_range(&r, 0, 2) && n > 3) {
                int gone = (int)rnd_range(&r, 0, n - 1);
                packer_give(p, held[gone], &user, 1);
                held[gone] = held[--n];
            }
        }
        session_end(s);
    }
}

/* An offset is a sum with a term for each way in which sizes depend on the dims; there is an end to it. */
static void too_many_dims_are_a_diagnostic(void **state)
{
    (void)state;
    for (int dims = 50; dims <= 80; dims += 30) {
        struct maker m = make(7, 2, 1, false);
        for (int i = 0; i < dims; i++) {
            add_group(&m, 1);
            struct group *gr = m.g->groups[m.g->n_groups - 1];
            const struct index *dim = index_sym(m.s->indices, arena_printf(m.s->run, "D%d", i));
            for (size_t k = 0; k < gr->n_outs; k++) {
                gr->outs[k]->type.dim[0] = index_mulk(m.s->indices, dim, 256);
                struct graph_out o = { .node = gr->outs[k] };
                *arena_push(m.g->arena, m.g->outs, m.g->n_outs, m.g->cap_outs) = o;
            }
        }
        assert_int_equal(plan(&m), dims == 50);
        assert_int_equal(m.s->n_errors, dims == 80);
        session_end(m.s);
    }
}

/* ---- size ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds_for(int groups, int reach)
{
    struct maker m = make(5, groups, reach, false);
    double start = now();
    assert_true(plan(&m));
    double seconds = now() - start;
    print_message("%d groups, reading up to %d values back: %.2f s\n", groups, reach, seconds);
    session_end(m.s);
    return seconds;
}

/* One value that all groups read, and one group that reads all values. */
static double seconds_for_fans(int groups)
{
    struct maker m = make(6, 1, 1, false);
    struct graph *g = m.g;
    for (int i = 0; i < groups; i++) {
        add_group(&m, 1);
        if (g->groups[i + 1]->ins[0] != g->nodes[0] && g->groups[i + 1]->n_ins < 4)
            read_value(&m, g->groups[i + 1], g->nodes[0]);
    }
    struct group *last = g->groups[g->n_groups - 1];
    last->ins = arena_array(g->arena, struct node *, g->n_nodes);
    last->n_ins = 0;
    for (size_t i = 0; i + last->n_outs < g->n_nodes; i++)
        last->ins[last->n_ins++] = g->nodes[i];
    for (int i = 0; i < 1000; i++)
        add_group(&m, 1);
    double start = now();
    assert_true(plan(&m));
    double seconds = now() - start;
    print_message("%d groups that all read one value and are all read by one group: %.2f s\n", groups, seconds);
    session_end(m.s);
    return seconds;
}

static void many_groups_take_seconds(void **state)
{
    (void)state;
    assert_true(seconds_for(100000, 4) < 10);
    assert_true(seconds_for(100000, 1000) < 10);
    assert_true(seconds_for_fans(100000) < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_memory_is_ordered), cmocka_unit_test(free_memory_is_found_again),
        cmocka_unit_test(extents_in_use_are_apart), cmocka_unit_test(too_many_dims_are_a_diagnostic),
        cmocka_unit_test(many_groups_take_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
