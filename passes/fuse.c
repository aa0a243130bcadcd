/* Gathers nodes into groups. Each group becomes one kernel, or a few. Requires precision, which chooses the
   contractions for the matrix unit. Changes no value.
   The pass visits nodes in order, and does two steps for a node n:
   1. It merges the pointwise groups that n reads.
   2. It adds n to the last group that n reads, if fusion_admits allows this. Otherwise n starts a new group.
   So a group reads only from earlier groups, and groups can be launched in order.
   A rematerialised node, such as a view, joins no group: each reader recomputes the node.
   A materialised value is written to memory. These values are materialised: outputs, results of selections (top-k), and
   values that another group reads. */
#include <string.h>

#include "ir/graph/fusion.h"
#include "passes/keep.h"
#include "passes/limit.h"
#include "passes/recompute.h"

struct list {
    struct node **v;
    size_t n, cap;
};

static void add_once(struct arena *a, struct list *l, struct node *n)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i] == n)
            return;
    *arena_push(a, l->v, l->n, l->cap) = n;
}

/* Returns the last group that n reads, directly or through rematerialised nodes. NULL if n reads no group. */
static struct group *last_read(const struct node *n)
{
    struct group *last = NULL;
    for (int i = 0; i < n->n_in; i++) {
        struct node *x = n->in[i];
        struct group *from = node_is_rematerialised(x) ? last_read(x) : x->group;
        if (from && (!last || from->id > last->id))
            last = from;
    }
    return last;
}

enum { MOST_SIBLINGS = 16 };
/* Adds the groups that n reads to `list`, which is sorted by id. `list` has `count` groups on entry, and never more
   than MOST_SIBLINGS. Returns the new number of groups. */
static int groups_read(const struct node *n, struct group **list, int count)
{
    for (int i = 0; i < n->n_in; i++) {
        struct node *x = n->in[i];
        int at = count;
        if (node_is_rematerialised(x)) {
            count = groups_read(x, list, count);
            continue;
        }
        while (at > 0 && x->group && list[at - 1]->id > x->group->id)
            at--;
        if (!x->group || count == MOST_SIBLINGS || (at > 0 && list[at - 1] == x->group))
            continue;
        memmove(list + at + 1, list + at, sizeof *list * (size_t)(count - at));
        list[at] = x->group;
        count++;
    }
    return count;
}

/* Merges the groups that n reads into the last of these groups, where fusion_merge allows this. Example: if n adds
   exp(x) and exp(z), both exps get into one group. */
static void merge_siblings(struct fusion *f, struct node *n)
{
    struct group *list[MOST_SIBLINGS];
    int count = groups_read(n, list, 0);
    for (int i = count - 2; i >= 0; i--)
        fusion_merge(f, list[i], list[count - 1], n);
}

static void drop_empty(struct graph *g)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->n_groups; i++)
        if (g->groups[i]->n_nodes) {
            g->groups[i]->id = (int)kept;
            g->groups[kept++] = g->groups[i];
        }
    g->n_groups = kept;
}

/* True if n is an input or a parameter. Constants and iota are sources too, but kernels compute them. */
static bool is_bound(const struct node *n) { return n->op->class == CLS_SOURCE && !n->op->kernel.at; }

static void mark_reads(const struct node *n, const struct group *gr)
{
    for (int i = 0; i < n->n_in; i++) {
        struct node *x = n->in[i];
        if (group_computes_again(gr, x))
            mark_reads(x, gr);
        else if (x->group && x->group != gr)
            x->materialised = true;
    }
}

/* Dissolves the groups of which every value is computed again by its readers. */
static void dissolve_unstored(struct graph *g)
{
    for (size_t i = 0; i < g->n_groups; i++) {
        struct group *gr = g->groups[i];
        bool stored = false;
        for (size_t k = 0; k < gr->n_nodes; k++)
            stored |= gr->nodes[k]->materialised;
        for (size_t k = 0; k < gr->n_nodes && !stored; k++) {
            gr->nodes[k]->recomputed = true;
            gr->nodes[k]->group = NULL;
        }
        gr->n_nodes = stored ? gr->n_nodes : 0;
    }
    drop_empty(g);
}

/* Lists the operands of n that do not belong to gr. Rematerialised nodes, constants and iota go to `nodes`: the kernel
   of gr computes them. Other operands go to `ins`: the kernel loads them from memory. `nodes` lists the operands of a
   node before the node. */
static void add_rematerialised(struct arena *a, struct list *nodes, struct list *ins, const struct group *gr,
                               struct node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        struct node *x = n->in[i];
        if (group_computes_again(gr, x)) {
            add_rematerialised(a, nodes, ins, gr, x);
            add_once(a, nodes, x);
        } else if (x->group != gr) {
            bool computed = x->op->class == CLS_SOURCE && !is_bound(x);
            if (computed)
                add_once(a, nodes, x);
            else
                add_once(a, ins, x);
        }
    }
}

static void add_after(struct graph *g, struct group *gr, struct group *from)
{
    for (size_t i = 0; i < gr->n_after; i++)
        if (gr->after[i] == from)
            return;
    if (from)
        *arena_push(g->arena, gr->after, gr->n_after, gr->cap_after) = from;
}

static void close_group(struct graph *g, struct group *gr)
{
    struct list nodes = { 0 };
    struct list ins = { 0 };
    struct list outs = { 0 };
    for (size_t i = 0; i < gr->n_nodes; i++) {
        add_rematerialised(g->arena, &nodes, &ins, gr, gr->nodes[i]);
        add_once(g->arena, &nodes, gr->nodes[i]);
        if (gr->nodes[i]->materialised)
            add_once(g->arena, &outs, gr->nodes[i]);
    }
    gr->nodes = nodes.v;
    gr->n_nodes = nodes.n;
    gr->ins = ins.v;
    gr->n_ins = ins.n;
    gr->outs = outs.v;
    gr->n_outs = outs.n;
    for (size_t i = 0; i < ins.n; i++)
        add_after(g, gr, ins.v[i]->group);
}

/* Returns the layer of the first parameter that n reads: "expert0.lin0" for expert0.lin0.weight. NULL if n reads no
   parameter. */
static const char *param_scope(struct arena *a, const struct node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        const struct node *x = n->in[i];
        while (x->op->class == CLS_VIEW && x->n_in == 1)
            x = x->in[0];
        if (!node_is_param(x) || !x->name)
            continue;
        const char *dot = strrchr(x->name, '.');
        if (dot)
            return arena_strndup(a, x->name, (size_t)(dot - x->name));
    }
    return NULL;
}

/* Returns a name for messages, such as "expert0.lin0 softmax". Each node adds a word to the name: the layer of the
   parameter that the node reads, or else the node's op. No word occurs twice. */
static const char *group_title(struct arena *a, const struct group *gr)
{
    const char *seen[16], *title = "";
    int n_seen = 0;
    for (size_t i = 0; i < gr->n_nodes && n_seen < 16; i++) {
        const struct node *n = gr->nodes[i];
        if (n->group != gr || n->op->class == CLS_VIEW)
            continue;
        const char *origin = n->origin ? n->origin : n->op->call.name;
        const char *scope = param_scope(a, n);
        const struct op_def *by = op_find(origin);
        const char *word = scope ? scope : by && by->call.stem ? NULL : origin;
        for (int k = 0; word && k < n_seen; k++)
            if (strcmp(seen[k], word) == 0)
                word = NULL;
        if (!word)
            continue;
        seen[n_seen++] = word;
        title = *title ? arena_printf(a, "%s %s", title, word) : word;
    }
    return *title ? title : gr->nodes[gr->n_nodes - 1]->op->call.name;
}

enum { MOST_RECOMPUTED = 32 };
/* Sets n->materialised if n is too costly to recompute in each reader, as for a long chain of views. Sets n->mark to
   the cost: (n->n_in + marks of rematerialised operands) · fusion_index_copies. */
static void limit_rematerialisation(struct fusion *f, struct node *n)
{
    if (!node_is_rematerialised(n))
        return;
    n->mark = n->n_in;
    for (int i = 0; i < n->n_in && n->mark <= MOST_RECOMPUTED; i++)
        n->mark += node_is_rematerialised(n->in[i]) ? n->in[i]->mark : 0;
    n->mark *= fusion_index_copies(f, n);
    n->materialised = n->mark > MOST_RECOMPUTED;
}

static void mark_kept(struct graph *g, struct fusion *f)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *n = g->nodes[i];
        n->group = NULL;
        n->recomputed = false;
        n->materialised = n->op->class == CLS_SELECT || n->op->class == CLS_SCAN;
        n->by_rows = fusion_reduces_by_rows(f, n);
    }
    for (size_t i = 0; i < g->n_outs; i++)
        if (!is_bound(g->outs[i].node))
            g->outs[i].node->materialised = true;
    for (size_t i = 0; i < g->n_nodes; i++)
        limit_rematerialisation(f, g->nodes[i]);
}

static bool belongs_to_a_group(const struct node *n)
{
    return n->op->class == CLS_SOURCE ? n->materialised : n->op->class != CLS_EFFECT && !node_is_rematerialised(n);
}

/* Operands are limited, since each operand may become an argument of the kernel. */
enum { MOST_OPERANDS = 96 };
static bool operands_fit(struct session *s, const struct node *n)
{
    return n->n_in <= MOST_OPERANDS ||
           diag_error(s, FAIL_INPUT, n->loc, "%s has %d operands, and a kernel takes at most %d: combine them in steps",
                      n->op->call.name, n->n_in, MOST_OPERANDS);
}

/* Decides what is stored. Completes and plans the groups. again: see keep_or_recompute. */
static void close_groups(struct graph *g, const struct pass_ctx *c, const bool *again)
{
    keep_or_recompute(g, c, again);
    for (size_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->group)
            mark_reads(g->nodes[i], g->nodes[i]->group);
    if (again)
        dissolve_unstored(g);
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->mark = -1;
    for (size_t i = 0; i < g->n_groups; i++) {
        close_group(g, g->groups[i]);
        g->groups[i]->name = group_title(g->arena, g->groups[i]);
        group_plan(g, g->groups[i], c->target, c->hint);
    }
}

static void close_within_limit(struct graph *g, const struct pass_ctx *c)
{
    struct limit *l = limit_begin(g, c);
    close_groups(g, c, NULL);
    while (limit_tighten(l))
        close_groups(g, c, limit_again(l));
    limit_end(l);
}

bool pass_fuse(struct graph *g, struct pass_ctx *c)
{
    struct arena *scratch = arena_new();
    struct fusion *f = fusion_begin(g, c->target, scratch);
    bool ok = true;
    g->n_groups = 0;
    mark_kept(g, f);
    for (size_t i = 0; i < g->n_nodes && ok; i++) {
        struct node *n = g->nodes[i];
        if (!belongs_to_a_group(n))
            continue;
        ok = operands_fit(c->s, n);
        merge_siblings(f, n);
        struct group *gr = last_read(n);
        if (!gr || !fusion_admits(f, gr, n))
            gr = fusion_sibling(f, n, gr);
        if (gr)
            fusion_join(f, gr, n);
        else
            fusion_open(f, n);
    }
    recompute_cheap(g, c);
    drop_empty(g);
    if (ok && c->memory_limit)
        close_within_limit(g, c);
    else
        close_groups(g, c, NULL);
    arena_free(scratch);
    return true;
}
