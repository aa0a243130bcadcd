/* Assigns every materialised value and all scratch of groups an offset in one allocation. Offsets are functions of the
   symbolic dims. Requires fuse. Changes no value.
   The pass visits groups in launch order. The memory of a value is freed after the last group that reads the value. The
   memory of scratch is freed after the scratch's group. The memory of outputs is never freed.
   A group that reuses memory must run after all earlier users of this memory. So the pass adds edges between groups.
   The pass tries two packing policies and keeps the smaller plan. */
#include <stdlib.h>

#include "passes/limit.h"
#include "passes/pack.h"
#include "passes/pass.h"

/* Several lists of numbers in one array. List i is v[from[i]] … v[from[i + 1] - 1]. */
struct lists {
    size_t *from;
    int *v;
};

struct plan {
    struct graph *g;
    struct arena *arena;
    struct lists readers; /* list i: ids of the groups that read g->nodes[i] */
    struct lists dying;   /* list i: positions in g->nodes of the values that group i is the last to use */
    int64_t hint;
};

struct attempt {
    struct packer *packer;
    struct extent *values;
    struct extent **scratch;
    int **users; /* users[i]: ids of the earlier users of memory that group i writes */
    size_t *n_users;
};

/* ---- liveness ---- */

/* On entry, l->from[i + 1] is the length of list i. Turns l->from into bounds, and allocates l->v. */
static void lists_begin(struct plan *p, struct lists *l, size_t n)
{
    for (size_t i = 0; i < n; i++)
        l->from[i + 1] += l->from[i];
    l->v = arena_array(p->arena, int, l->from[n] + 1);
}

/* Sets p->readers. In this pass, node->mark is the node's position in g->nodes. */
static void find_readers(struct plan *p)
{
    const struct graph *g = p->g;
    struct lists *l = &p->readers;
    l->from = arena_array(p->arena, size_t, g->n_nodes + 2);
    for (size_t i = 0; i < g->n_groups; i++)
        for (size_t k = 0; k < g->groups[i]->n_ins; k++)
            if (g->groups[i]->ins[k]->group)
                l->from[g->groups[i]->ins[k]->mark + 1]++;
    lists_begin(p, l, g->n_nodes);
    size_t *n = arena_array(p->arena, size_t, g->n_nodes + 1);
    for (size_t i = 0; i < g->n_groups; i++)
        for (size_t k = 0; k < g->groups[i]->n_ins; k++) {
            const struct node *x = g->groups[i]->ins[k];
            if (x->group)
                l->v[l->from[x->mark] + n[x->mark]++] = (int)i;
        }
}

/* Returns the id of the last group that reads n. If no group reads n, returns the id of gr, the group that writes n.
   -1 if n is an output. */
static int last_use(const struct plan *p, const struct group *gr, const struct node *n, const bool *kept)
{
    size_t from = p->readers.from[n->mark];
    size_t end = p->readers.from[n->mark + 1];
    return kept[n->mark] ? -1 : end > from ? p->readers.v[end - 1] : gr->id;
}

static void find_dying(struct plan *p)
{
    const struct graph *g = p->g;
    struct lists *l = &p->dying;
    bool *kept = arena_array(p->arena, bool, g->n_nodes + 1);
    size_t *n = arena_array(p->arena, size_t, g->n_groups + 1);
    for (size_t i = 0; i < g->n_outs; i++)
        kept[g->outs[i].node->mark] = true;
    l->from = arena_array(p->arena, size_t, g->n_groups + 2);
    for (int fill = 0; fill < 2; fill++) {
        for (size_t i = 0; i < g->n_groups; i++)
            for (size_t k = 0; k < g->groups[i]->n_outs; k++) {
                const struct node *x = g->groups[i]->outs[k];
                int at = last_use(p, g->groups[i], x, kept);
                if (at >= 0 && fill)
                    l->v[l->from[at] + n[at]++] = x->mark;
                else if (at >= 0)
                    l->from[at + 1]++;
            }
        if (!fill)
            lists_begin(p, l, g->n_groups);
    }
}

/* ---- offsets ---- */

static struct extent take(struct plan *p, struct attempt *a, const struct group *gr, const struct index *count,
                          enum dtype dtype, size_t *cap)
{
    struct extent x = packer_take(a->packer, index_mulk(p->g->s->indices, count, dtype_size(dtype)));
    for (size_t i = 0; i < x.n_users; i++)
        *arena_push(p->arena, a->users[gr->id], a->n_users[gr->id], *cap) = x.users[i];
    return x;
}

static void take_all(struct plan *p, struct attempt *a, const struct group *gr)
{
    size_t cap = 0;
    for (size_t i = 0; i < gr->n_outs; i++) {
        const struct node *n = gr->outs[i];
        a->values[n->mark] = take(p, a, gr, type_count(p->g->s, &n->type), n->storage, &cap);
    }
    a->scratch[gr->id] = arena_array(p->arena, struct extent, gr->n_scratch + 1);
    for (size_t i = 0; i < gr->n_scratch; i++)
        a->scratch[gr->id][i] = take(p, a, gr, gr->scratch[i].count, gr->scratch[i].dtype, &cap);
}

/* Frees the memory that no group after gr uses. A group that reuses the memory of a value must wait for the value's
   readers. If the value has no readers, gr has written the value, and the reusing group must wait for gr. */
static void give_dead(struct plan *p, struct attempt *a, const struct group *gr)
{
    const int *self = &gr->id;
    for (size_t i = 0; i < gr->n_scratch; i++)
        packer_give(a->packer, a->scratch[gr->id][i], self, 1);
    for (size_t i = p->dying.from[gr->id]; i < p->dying.from[gr->id + 1]; i++) {
        int n = p->dying.v[i];
        size_t from = p->readers.from[n];
        size_t n_readers = p->readers.from[n + 1] - from;
        packer_give(a->packer, a->values[n], n_readers ? &p->readers.v[from] : self, n_readers ? n_readers : 1);
    }
}

static struct attempt attempt(struct plan *p, enum pack_policy policy)
{
    const struct graph *g = p->g;
    struct attempt a = { .packer = packer_new(g->s, p->arena, policy, p->hint) };
    a.values = arena_array(p->arena, struct extent, g->n_nodes + 1);
    a.scratch = arena_array(p->arena, struct extent *, g->n_groups + 1);
    a.users = arena_array(p->arena, int *, g->n_groups + 1);
    a.n_users = arena_array(p->arena, size_t, g->n_groups + 1);
    for (size_t i = 0; i < g->n_groups; i++) {
        take_all(p, &a, g->groups[i]);
        give_dead(p, &a, g->groups[i]);
    }
    return a;
}

static void add_slot(struct graph *g, struct slot s, const struct extent *x)
{
    s.offset = x->offset;
    s.bytes = x->bytes;
    *arena_push(g->arena, g->slots, g->n_slots, g->cap_slots) = s;
}

static void write_slots(struct graph *g, const struct attempt *a)
{
    g->n_slots = 0;
    g->memory = packer_memory(a->packer);
    for (size_t i = 0; i < g->n_groups; i++) {
        const struct group *gr = g->groups[i];
        for (size_t k = 0; k < gr->n_outs; k++)
            add_slot(g, (struct slot){ .node = gr->outs[k], .scratch = -1 }, &a->values[gr->outs[k]->mark]);
        for (size_t k = 0; k < gr->n_scratch; k++)
            add_slot(g, (struct slot){ .group = gr, .scratch = (int)k }, &a->scratch[i][k]);
    }
}

/* ---- edges ---- */

/* The state of a search for all predecessors of a group, along the edges group->after. */
struct search {
    struct graph *g;
    int *seen; /* seen[i] == j + 1: group i was found to precede group j */
    int *stack;
    size_t n;
};

/* Marks the direct predecessors of `from` as predecessors of gr, and pushes them on the stack. Ignores groups with an
   id below `least`. Returns the number of edges of `from`. */
static size_t search_push(struct search *s, const struct group *gr, const struct group *from, int least)
{
    for (size_t i = 0; i < from->n_after; i++) {
        int id = from->after[i]->id;
        if (id < least || s->seen[id] == gr->id + 1)
            continue;
        s->seen[id] = gr->id + 1;
        s->stack[s->n++] = id;
    }
    return from->n_after;
}

/* Marks all predecessors of `from` as predecessors of gr. Ignores groups with an id below `least`. Stops after about
   MOST_EDGES edges; add_edges may then add redundant edges. */
static void search_back(struct search *s, const struct group *gr, const struct group *from, int least)
{
    enum { MOST_EDGES = 512 };
    search_push(s, gr, from, least);
    for (size_t edges = 0; s->n && edges < MOST_EDGES;)
        edges += 1 + search_push(s, gr, s->g->groups[s->stack[--s->n]], least);
    s->n = 0;
}

static int descending(const void *a, const void *b) { return *(const int *)b - *(const int *)a; }

/* Makes gr run after all groups in `users`. Adds an edge from gr to a user only if no path to this user is found. */
static void add_edges(struct search *s, struct group *gr, int *users, size_t n)
{
    if (!n)
        return;
    qsort(users, n, sizeof *users, descending);
    int least = users[n - 1];
    search_back(s, gr, gr, least);
    for (size_t i = 0; i < n; i++) {
        struct group *from = s->g->groups[users[i]];
        if (s->seen[from->id] == gr->id + 1)
            continue;
        s->seen[from->id] = gr->id + 1;
        *arena_push(s->g->arena, gr->after, gr->n_after, gr->cap_after) = from;
        search_back(s, gr, from, least);
    }
}

static void write_edges(struct plan *p, const struct attempt *a)
{
    size_t n = p->g->n_groups;
    struct search s = { .g = p->g,
                        .seen = arena_array(p->arena, int, n + 1),
                        .stack = arena_array(p->arena, int, n + 1) };
    for (size_t i = 0; i < n; i++)
        add_edges(&s, p->g->groups[i], a->users[i], a->n_users[i]);
}

static struct plan plan_begin(struct graph *g, const struct pass_ctx *c)
{
    struct plan p = { .g = g, .arena = arena_new(), .hint = c->hint };
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->mark = (int)i;
    find_readers(&p);
    find_dying(&p);
    return p;
}

static struct attempt best_attempt(struct plan *p)
{
    struct attempt equal = attempt(p, PACK_EQUAL);
    struct attempt fit = attempt(p, PACK_FIT);
    return packer_peak(fit.packer) < packer_peak(equal.packer) ? fit : equal;
}

static void plan_end(struct plan *p)
{
    arena_free(p->arena);
    for (size_t i = 0; i < p->g->n_nodes; i++)
        p->g->nodes[i]->mark = -1;
}

int64_t memplan_peak(struct graph *g, const struct pass_ctx *c)
{
    struct plan p = plan_begin(g, c);
    int64_t peak = packer_peak(best_attempt(&p).packer);
    plan_end(&p);
    return peak;
}

bool pass_memplan(struct graph *g, struct pass_ctx *c)
{
    struct plan p = plan_begin(g, c);
    struct attempt best = best_attempt(&p);
    bool fits = packer_memory(best.packer) != NULL;
    if (fits) {
        write_slots(g, &best);
        write_edges(&p, &best);
    }
    plan_end(&p);
    return fits ||
           diag_error(g->s, FAIL_INPUT, g->nodes[g->n_nodes - 1]->loc,
                      "the sizes of %s depend on the symbolic dims in too many different ways to be laid out in "
                      "one allocation",
                      g->name);
}
