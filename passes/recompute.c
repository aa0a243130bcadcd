#include "passes/recompute.h"

#include "ir/graph/group.h"

/* A recomputed group has at most MOST_RECOMPUTED nodes. Afterwards, each reader has at most MOST_NODES nodes and
   MOST_READS reads. MOST_PATHS: see has_few_paths. */
enum { MOST_RECOMPUTED = 32, MOST_NODES = 192, MOST_READS = 64, MOST_PATHS = 256 };

struct list {
    const struct node **v;
    size_t n, cap;
};

/* Memory traffic of one group. `reads`: values that the group reads. `readers`: ids of the groups that read its
   values. */
struct traffic {
    struct list reads;
    int *readers;
    size_t n_readers, cap_readers;
    size_t nodes;
    bool stays;
};

struct recompute {
    struct graph *g;
    struct arena *a;
    int64_t hint;
    struct traffic *of;
    int *paths; /* by node id: the number of paths that has_few_paths has counted */
};

static bool contains(const struct list *l, const struct node *n)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i] == n)
            return true;
    return false;
}

static void add(struct recompute *r, struct list *l, const struct node *n)
{
    if (!contains(l, n))
        *arena_push(r->a, l->v, l->n, l->cap) = n;
}

/* Requires that gr computes or recomputes n. Adds each value that n reads from memory to the reads of gr. Adds gr to
   the readers of the group that computes the value. */
static void add_reads(struct recompute *r, struct group *gr, const struct node *n, bool contraction)
{
    struct traffic *to = &r->of[gr->id];
    for (int i = 0; i < n->n_in; i++) {
        const struct node *x = n->in[i];
        if (node_is_rematerialised(x)) {
            add_reads(r, gr, x, contraction);
            continue;
        }
        bool computed = x->op->class == CLS_SOURCE && x->op->kernel.at && !x->materialised;
        if (computed || x->group == gr)
            continue;
        add(r, &to->reads, x);
        if (!x->group)
            continue;
        struct traffic *from = &r->of[x->group->id];
        from->stays |= contraction;
        if (!from->n_readers || from->readers[from->n_readers - 1] != gr->id)
            *arena_push(r->a, from->readers, from->n_readers, from->cap_readers) = gr->id;
    }
}

static void add_group(struct recompute *r, struct group *gr)
{
    struct traffic *t = &r->of[gr->id];
    t->nodes = gr->n_nodes;
    for (size_t i = 0; i < gr->n_nodes; i++) {
        const struct node *n = gr->nodes[i];
        t->stays |= n->op->class != CLS_POINTWISE || n->materialised;
        add_reads(r, gr, n, n->op->class == CLS_CONTRACT);
    }
}

static double bytes_of(const struct recompute *r, const struct node *n)
{
    return (double)index_eval_hint(type_count(r->g->s, &n->type), r->hint) * dtype_size(n->storage);
}

/* Bytes moved if p is a separate kernel. p reads its operands and writes each value once. Each reader then reads the
   values that it uses. */
static double price_of_storing(const struct recompute *r, const struct group *p)
{
    const struct traffic *t = &r->of[p->id];
    struct list written = { 0 };
    double bytes = 0;
    for (size_t i = 0; i < t->reads.n; i++)
        bytes += bytes_of(r, t->reads.v[i]);
    for (size_t k = 0; k < t->n_readers; k++) {
        const struct list *reads = &r->of[t->readers[k]].reads;
        for (size_t i = 0; i < reads->n; i++) {
            if (reads->v[i]->group != p)
                continue;
            bytes += bytes_of(r, reads->v[i]) * (contains(&written, reads->v[i]) ? 1 : 2);
            add((struct recompute *)r, &written, reads->v[i]);
        }
    }
    return bytes;
}

/* Bytes moved if the readers recompute p. Each reader reads the operands of p, except those that it already reads. */
static double price_of_recomputing(const struct recompute *r, const struct group *p)
{
    const struct traffic *t = &r->of[p->id];
    double bytes = 0;
    for (size_t k = 0; k < t->n_readers; k++)
        for (size_t i = 0; i < t->reads.n; i++)
            if (!contains(&r->of[t->readers[k]].reads, t->reads.v[i]))
                bytes += bytes_of(r, t->reads.v[i]);
    return bytes;
}

static bool readers_have_room(const struct recompute *r, const struct group *p)
{
    const struct traffic *t = &r->of[p->id];
    for (size_t k = 0; k < t->n_readers; k++) {
        const struct traffic *to = &r->of[t->readers[k]];
        if (to->nodes + t->nodes > MOST_NODES || to->reads.n + t->reads.n > MOST_READS)
            return false;
    }
    return true;
}

static int paths_of(const struct recompute *r, const struct group *p, const struct node *x)
{
    if (x->recomputed || x->group == p)
        return r->paths[x->id];
    int paths = 1;
    for (int i = 0; i < x->n_in && node_is_rematerialised(x) && paths <= MOST_PATHS; i++)
        paths += paths_of(r, p, x->in[i]);
    return paths;
}

/* True if each node of p has at most MOST_PATHS paths back along operands, through recomputed nodes. fuse follows every
   path, and there can be exponentially many: h = h·h, repeated n times, has 2^n paths. */
static bool has_few_paths(struct recompute *r, const struct group *p)
{
    for (size_t i = 0; i < p->n_nodes; i++) {
        const struct node *n = p->nodes[i];
        int paths = 1;
        for (int k = 0; k < n->n_in && paths <= MOST_PATHS; k++)
            paths += paths_of(r, p, n->in[k]);
        if (paths > MOST_PATHS)
            return false;
        r->paths[n->id] = paths;
    }
    return true;
}

static void dissolve(struct recompute *r, struct group *p)
{
    const struct traffic *t = &r->of[p->id];
    for (size_t k = 0; k < t->n_readers; k++) {
        struct traffic *to = &r->of[t->readers[k]];
        size_t kept = 0;
        for (size_t i = 0; i < to->reads.n; i++)
            if (to->reads.v[i]->group != p)
                to->reads.v[kept++] = to->reads.v[i];
        to->reads.n = kept;
        to->nodes += t->nodes;
        for (size_t i = 0; i < t->reads.n; i++) {
            const struct node *x = t->reads.v[i];
            add(r, &to->reads, x);
            if (x->group)
                *arena_push(r->a, r->of[x->group->id].readers, r->of[x->group->id].n_readers,
                            r->of[x->group->id].cap_readers) = t->readers[k];
        }
    }
    for (size_t i = 0; i < p->n_nodes; i++) {
        p->nodes[i]->recomputed = true;
        p->nodes[i]->group = NULL;
    }
    p->n_nodes = 0;
}

void recompute_cheap(struct graph *g, const struct pass_ctx *c)
{
    struct recompute r = { .g = g, .a = arena_new(), .hint = c->hint };
    r.of = arena_array(r.a, struct traffic, g->n_groups + 1);
    r.paths = arena_array(r.a, int, g->next_id + 1);
    for (size_t i = 0; i < g->n_groups; i++)
        add_group(&r, g->groups[i]);
    for (size_t i = 0; i < g->n_groups; i++) {
        struct group *p = g->groups[i];
        const struct traffic *t = &r.of[i];
        if (!t->stays && t->n_readers && t->nodes <= MOST_RECOMPUTED && readers_have_room(&r, p) &&
            has_few_paths(&r, p) && price_of_recomputing(&r, p) < price_of_storing(&r, p))
            dissolve(&r, p);
    }
    arena_free(r.a);
}
