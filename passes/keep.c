#include "passes/keep.h"

#include "ir/graph/group.h"

/* Limits: nodes that a reader computes again for one value; nodes and reads of a reader; how far operands are
   followed, which bounds the work for a value by 3^MOST_DEPTH. */
enum { MOST_AGAIN = 24, MOST_NODES = 192, MOST_READS = 64, MOST_DEPTH = 5 };

struct ids {
    int *v;
    size_t n, cap;
};

struct nodes {
    const struct node **v;
    size_t n, cap;
};

struct keep {
    struct graph *g;
    struct arena *a;
    int64_t hint;
    struct ids *readers; /* by node id: groups that read the value and do not compute it */
    bool *stored;        /* by node id: a reader needs the value in memory */
    struct nodes *reads; /* by group id: what it reads from memory, as decided so far */
    int *again;          /* by group id: nodes that it computes again */
    const bool *must;    /* by node id: computed again in any case; NULL: none */
};

static double bytes_of(const struct keep *k, const struct node *n)
{
    return (double)index_eval_hint(type_count(k->g->s, &n->type), k->hint) *
           dtype_size(n->storage == DT_FLOAT ? DT_F32 : n->storage);
}

static bool is_computed_anywhere(const struct node *n)
{
    return n->op->class == CLS_SOURCE && n->op->kernel.at && !n->materialised;
}

static bool reads(const struct keep *k, int group, const struct node *n)
{
    for (size_t i = 0; i < k->reads[group].n; i++)
        if (k->reads[group].v[i] == n)
            return true;
    return false;
}

/* ---- who reads what ---- */
static void add_reader(struct keep *k, const struct node *x, int group)
{
    struct ids *r = &k->readers[x->id];
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i] == group)
            return;
    *arena_push(k->a, r->v, r->n, r->cap) = group;
    *arena_push(k->a, k->reads[group].v, k->reads[group].n, k->reads[group].cap) = x;
}

/* Notes what the group `gr` reads of n's operands. `whole`: n needs them in memory. */
static void note_operands(struct keep *k, const struct group *gr, const struct node *n, bool whole)
{
    for (int i = 0; i < n->n_in; i++) {
        const struct node *x = n->in[i];
        if (node_is_rematerialised(x)) {
            note_operands(k, gr, x, whole);
        } else if (x->group != gr && !is_computed_anywhere(x)) {
            k->stored[x->id] |= whole;
            add_reader(k, x, gr->id);
        }
    }
}

static bool is_stored(const struct keep *k, const struct node *n)
{
    return n->materialised || k->stored[n->id] || n->op->class != CLS_POINTWISE;
}

/* ---- prices ---- */
/* Bytes moved so that the groups in `by` can read n from memory, where `exists` says that it is there anyway. */
static double price_of_reading(const struct keep *k, const struct node *n, const struct ids *by, bool exists)
{
    size_t loads = 0;
    for (size_t i = 0; i < by->n; i++)
        loads += !exists || !reads(k, by->v[i], n);
    return bytes_of(k, n) * (double)(loads + !exists);
}

/* An operand that groups read already counts as stored, though that may be undecided. */
static bool exists(const struct keep *k, const struct node *n)
{
    return n->op->class == CLS_SOURCE || n->materialised || k->stored[n->id] || k->readers[n->id].n;
}

static double price(const struct keep *k, const struct node *n, const struct ids *by, int depth, int *nodes);

/* Bytes moved so that the groups in `by` can compute n again. */
static double price_of_operands(const struct keep *k, const struct node *n, const struct ids *by, int depth, int *nodes)
{
    double sum = 0;
    for (int i = 0; i < n->n_in; i++) {
        const struct node *x = n->in[i];
        *nodes += 1;
        if (node_is_rematerialised(x))
            sum += price_of_operands(k, x, by, depth, nodes);
        else if (!is_computed_anywhere(x))
            sum += price(k, x, by, depth, nodes);
    }
    return sum;
}

/* The lower price. Adds to *nodes what is computed again at that price. */
static double price(const struct keep *k, const struct node *n, const struct ids *by, int depth, int *nodes)
{
    int own = 0;
    double read = price_of_reading(k, n, by, exists(k, n));
    if (is_stored(k, n) || n->op->class == CLS_SOURCE || depth == MOST_DEPTH)
        return read;
    double again = price_of_operands(k, n, by, depth + 1, &own);
    if (again >= read)
        return read;
    *nodes += own;
    return again;
}

static bool readers_have_room(const struct keep *k, const struct ids *by, int nodes)
{
    for (size_t i = 0; i < by->n; i++) {
        const struct group *gr = k->g->groups[by->v[i]];
        if ((int)gr->n_nodes + k->again[by->v[i]] + nodes > MOST_NODES || k->reads[by->v[i]].n > MOST_READS)
            return false;
    }
    return true;
}

/* ---- the decision ---- */
static void drop_read(struct keep *k, int group, const struct node *n)
{
    struct nodes *list = &k->reads[group];
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->v[i] != n)
            list->v[kept++] = list->v[i];
    list->n = kept;
}

static void decide(struct keep *k, struct node *n)
{
    struct ids *by = &k->readers[n->id];
    int nodes = 0;
    bool must = k->must && k->must[n->id] && !n->materialised && n->group;
    if (!by->n || !n->group || (is_stored(k, n) && !must))
        return;
    double again = price_of_operands(k, n, by, 1, &nodes);
    if (!must &&
        (nodes > MOST_AGAIN || again >= price_of_reading(k, n, by, false) || !readers_have_room(k, by, nodes))) {
        k->stored[n->id] = true;
        return;
    }
    n->recomputed = true;
    for (size_t i = 0; i < by->n; i++) {
        drop_read(k, by->v[i], n);
        k->again[by->v[i]] += nodes;
        note_operands(k, k->g->groups[by->v[i]], n, false);
    }
}

void keep_or_recompute(struct graph *g, const struct pass_ctx *c, const bool *again)
{
    struct keep k = { .g = g, .a = arena_new(), .hint = c->hint, .must = again };
    k.readers = arena_array(k.a, struct ids, g->next_id + 1);
    k.stored = arena_array(k.a, bool, g->next_id + 1);
    k.reads = arena_array(k.a, struct nodes, g->n_groups + 1);
    k.again = arena_array(k.a, int, g->n_groups + 1);
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = g->nodes[i];
        if (n->group)
            note_operands(&k, n->group, n, n->op->class != CLS_POINTWISE && n->op->class != CLS_REDUCE);
    }
    for (size_t i = g->n_nodes; i-- > 0;) /* a value before what it is computed from */
        decide(&k, g->nodes[i]);
    arena_free(k.a);
}
