#include "passes/limit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/graph/group.h"

/* Limits: paths along operands that are followed for one value; nodes and reads of a reader. */
enum { MOST_PATHS = 256, MOST_NODES = 192, MOST_READS = 64 };
enum { NAMED = 3 }; /* values that an error names */

struct nodes {
    struct node **v;
    size_t n, cap;
};

/* What a reader needs to compute a value again: nodes to compute, values to read. */
struct cone {
    struct nodes again, leaves;
    int paths;
};

/* `net`: bytes that are freed where most memory is in use. `work`: nodes times elements that readers compute again. */
struct choice {
    struct node *n;
    struct cone cone;
    double net, work;
};

/* The groups that hold a value in memory: from the one that writes it to the last one that reads it. */
struct life {
    int from, to;
};

struct saved_node {
    struct group *group;
    bool materialised, recomputed;
};

struct limit {
    struct graph *g;
    const struct pass_ctx *c;
    struct arena *a, *step;
    struct group **groups;
    size_t n_groups;
    struct group *group; /* the contents of groups[i] */
    struct saved_node *node;
    bool *again;       /* by node id */
    bool *tried;       /* by node id: chosen before */
    struct life *life; /* by node id; `to` is -1 for a value that is not in memory */
    int *more_nodes;   /* by group id: nodes added by the choices of this turn */
    bool *taken;       /* by node id: chosen in this turn, or read to compute such a value */
    int top;           /* the group while which most memory is in use */
};

static int64_t bytes_of(const struct limit *l, const struct node *n)
{
    return index_eval_hint(type_count(l->g->s, &n->type), l->c->hint) * dtype_size(n->storage);
}

static double elements_of(const struct limit *l, const struct node *n)
{
    return (double)index_eval_hint(type_count(l->g->s, &n->type), l->c->hint);
}

/* ---- the groups as they were ---- */
struct limit *limit_begin(struct graph *g, const struct pass_ctx *c)
{
    struct arena *a = arena_new();
    struct limit *l = arena_new_of(a, struct limit);
    *l = (struct limit){ .g = g, .c = c, .a = a, .n_groups = g->n_groups };
    l->groups = arena_array(a, struct group *, g->n_groups + 1);
    l->group = arena_array(a, struct group, g->n_groups + 1);
    l->node = arena_array(a, struct saved_node, g->n_nodes + 1);
    l->again = arena_array(a, bool, g->next_id + 1);
    l->tried = arena_array(a, bool, g->next_id + 1);
    for (size_t i = 0; i < g->n_groups; i++) {
        l->groups[i] = g->groups[i];
        l->group[i] = *g->groups[i];
    }
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = g->nodes[i];
        l->node[i] = (struct saved_node){ n->group, n->materialised, n->recomputed };
    }
    return l;
}

void limit_end(struct limit *l) { arena_free(l->a); }
const bool *limit_again(const struct limit *l) { return l->again; }

static void restore(struct limit *l)
{
    struct graph *g = l->g;
    g->n_groups = l->n_groups;
    for (size_t i = 0; i < l->n_groups; i++) {
        g->groups[i] = l->groups[i];
        *g->groups[i] = l->group[i];
    }
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *n = g->nodes[i];
        n->group = l->node[i].group;
        n->materialised = l->node[i].materialised;
        n->recomputed = l->node[i].recomputed;
    }
}

/* ---- where most memory is in use ---- */
static void find_lives(struct limit *l)
{
    const struct graph *g = l->g;
    l->life = arena_array(l->step, struct life, g->next_id + 1);
    for (size_t i = 0; i < g->n_nodes; i++)
        l->life[g->nodes[i]->id] = (struct life){ 0, -1 };
    for (size_t i = 0; i < g->n_groups; i++) {
        for (size_t k = 0; k < g->groups[i]->n_outs; k++)
            l->life[g->groups[i]->outs[k]->id] = (struct life){ (int)i, (int)i };
        for (size_t k = 0; k < g->groups[i]->n_ins; k++)
            if (g->groups[i]->ins[k]->group)
                l->life[g->groups[i]->ins[k]->id].to = (int)i;
    }
    for (size_t i = 0; i < g->n_outs; i++)
        if (g->outs[i].node->group)
            l->life[g->outs[i].node->id].to = (int)g->n_groups;
}

static void find_top(struct limit *l)
{
    const struct graph *g = l->g;
    int64_t *change = arena_array(l->step, int64_t, g->n_groups + 2);
    int64_t live = 0;
    int64_t most = -1;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = g->nodes[i];
        struct life life = l->life[n->id];
        if (life.to < 0)
            continue;
        change[life.from] += bytes_of(l, n);
        if (life.to < (int)g->n_groups)
            change[life.to + 1] -= bytes_of(l, n);
    }
    for (size_t i = 0; i < g->n_groups; i++) {
        int64_t scratch = 0;
        for (size_t k = 0; k < g->groups[i]->n_scratch; k++)
            scratch += index_eval_hint(g->groups[i]->scratch[k].count, l->c->hint) *
                       dtype_size(g->groups[i]->scratch[k].dtype);
        live += change[i];
        if (live + scratch > most) {
            most = live + scratch;
            l->top = (int)i;
        }
    }
}

static bool lives_at_top(const struct limit *l, const struct node *n)
{
    return l->life[n->id].from <= l->top && l->life[n->id].to >= l->top;
}

/* ---- what may be computed again ---- */
static void add_once(struct limit *l, struct nodes *list, struct node *n)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->v[i] == n)
            return;
    *arena_push(l->step, list->v, list->n, list->cap) = n;
}

/* Adds what n needs to the cone. Returns false if that is too much. */
static bool follow(struct limit *l, struct cone *c, const struct node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        struct node *x = n->in[i];
        if (++c->paths > MOST_PATHS)
            return false;
        if (x->op->class == CLS_SOURCE && x->op->kernel.at && !x->materialised)
            continue;
        bool again = x->group && x->op->class == CLS_POINTWISE && !x->materialised;
        if (again)
            add_once(l, &c->again, x);
        else if (!node_is_rematerialised(x))
            add_once(l, &c->leaves, x);
        if ((again || node_is_rematerialised(x)) && !follow(l, c, x))
            return false;
    }
    return true;
}

static bool reads(const struct node *n, const struct node *x)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] == x ||
            (n->in[i]->op->class == CLS_VIEW && node_is_rematerialised(n->in[i]) && reads(n->in[i], x)))
            return true;
    return false;
}

/* How often gr computes an element of x. 0: a node of gr needs x in memory. */
static double times_computed(const struct limit *l, const struct group *gr, const struct node *x)
{
    double times = 1;
    for (size_t i = 0; i < gr->n_nodes; i++) {
        const struct node *n = gr->nodes[i];
        enum op_class class = n->op->class;
        if (class == CLS_POINTWISE || class == CLS_VIEW || !reads(n, x))
            continue;
        if (class != CLS_REDUCE && !(class == CLS_CONTRACT && n == gr->anchor))
            return 0;
        if (class == CLS_REDUCE && gr->kind == GROUP_GEMM && group_gemm_margin(l->g->s, gr, n) & MARGIN_OF_OPERAND)
            return 0;
        if (class == CLS_REDUCE)
            continue;
        struct contraction c = contraction_of(l->g->s, n);
        if (reads(n, x))
            times += ceil((double)index_eval_hint(c.nn, l->c->hint) / gr->tile.n) +
                     ceil((double)index_eval_hint(c.m, l->c->hint) / gr->tile.m);
    }
    return times;
}

/* Sets the choice's work. Returns false if a reader of the value needs it in memory, or has no room. */
static bool readers_agree(const struct limit *l, struct choice *c)
{
    const struct graph *g = l->g;
    for (int i = l->life[c->n->id].from; i <= l->life[c->n->id].to && i < (int)g->n_groups; i++) {
        const struct group *gr = g->groups[i];
        bool reader = false;
        for (size_t k = 0; k < gr->n_ins; k++)
            reader |= gr->ins[k] == c->n;
        if (!reader)
            continue;
        double times = times_computed(l, gr, c->n);
        if (!(times > 0) || (int)(gr->n_nodes + c->cone.again.n) + l->more_nodes[i] > MOST_NODES ||
            gr->n_ins + c->cone.leaves.n > MOST_READS)
            return false;
        c->work += times * elements_of(l, c->n) * (double)(1 + c->cone.again.n);
    }
    return true;
}

/* Bytes of leaves that are in memory at the top only if n is computed again. */
static double bytes_of_leaves(const struct limit *l, const struct choice *c)
{
    double bytes = 0;
    for (size_t i = 0; i < c->cone.leaves.n; i++) {
        const struct node *x = c->cone.leaves.v[i];
        if (x->group && !lives_at_top(l, x))
            bytes += (double)bytes_of(l, x);
    }
    return bytes;
}

static bool may_choose(struct limit *l, struct node *n, struct choice *c)
{
    *c = (struct choice){ .n = n };
    if (l->tried[n->id] || n->op->class != CLS_POINTWISE || !lives_at_top(l, n) ||
        l->life[n->id].to >= (int)l->g->n_groups || !follow(l, &c->cone, n))
        return false;
    c->net = (double)bytes_of(l, n) - bytes_of_leaves(l, c);
    return c->net > 0 && readers_agree(l, c);
}

static int cheapest_first(const void *a, const void *b)
{
    const struct choice *x = a;
    const struct choice *y = b;
    double gap = x->work / x->net - y->work / y->net;
    return gap < 0 ? -1 : gap > 0 ? 1 : x->n->id - y->n->id;
}

/* ---- the decision ---- */
/* Takes a choice, unless another choice of this turn computes one of the same values again. */
static bool take(struct limit *l, const struct choice *c)
{
    bool free = !l->taken[c->n->id];
    for (size_t i = 0; i < c->cone.leaves.n; i++)
        free &= !l->taken[c->cone.leaves.v[i]->id] || !l->again[c->cone.leaves.v[i]->id];
    if (!free)
        return false;
    l->tried[c->n->id] = true;
    l->again[c->n->id] = true;
    l->taken[c->n->id] = true;
    for (size_t i = 0; i < c->cone.again.n; i++)
        l->again[c->cone.again.v[i]->id] = true;
    for (size_t i = 0; i < c->cone.leaves.n; i++)
        l->taken[c->cone.leaves.v[i]->id] = true;
    for (int i = l->life[c->n->id].from; i <= l->life[c->n->id].to; i++)
        l->more_nodes[i] += (int)c->cone.again.n;
    return true;
}

static bool choose(struct limit *l, double excess)
{
    struct choice *list = arena_array(l->step, struct choice, l->g->n_nodes + 1);
    size_t n = 0;
    bool any = false;
    l->more_nodes = arena_array(l->step, int, l->g->n_groups + 1);
    l->taken = arena_array(l->step, bool, l->g->next_id + 1);
    for (size_t i = 0; i < l->g->n_nodes; i++)
        n += may_choose(l, l->g->nodes[i], &list[n]);
    qsort(list, n, sizeof *list, cheapest_first);
    for (size_t i = 0; i < n && excess > 0; i++)
        if (take(l, &list[i])) {
            excess -= list[i].net;
            any = true;
        }
    return any;
}

static const char *size_text(struct arena *a, int64_t bytes)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB" };
    double x = (double)bytes;
    int unit = 0;
    for (; unit < 3 && x >= 1024; unit++)
        x /= 1024;
    return arena_printf(a, unit && x < 100 ? "%.1f %s" : "%.0f %s", x, units[unit]);
}

/* Names the largest values in memory where most memory is in use. */
static bool does_not_fit(struct limit *l, int64_t peak)
{
    struct graph *g = l->g;
    struct session *s = g->s;
    bool *named = arena_array(l->step, bool, g->next_id + 1);
    diag_error(s, FAIL_INPUT, NOWHERE,
               "%s needs %s (%lld bytes) for activations and scratch, whatever is recomputed, and --memory-limit is %s "
               "(%lld bytes); symbolic dims are taken as %lld",
               g->name, size_text(s->run, peak), (long long)peak, size_text(s->run, l->c->memory_limit),
               (long long)l->c->memory_limit, (long long)l->c->hint);
    for (int k = 0; k < NAMED; k++) {
        const struct node *most = NULL;
        for (size_t i = 0; i < g->n_nodes; i++) {
            const struct node *n = g->nodes[i];
            if (!named[n->id] && lives_at_top(l, n) && (!most || bytes_of(l, n) > bytes_of(l, most)))
                most = n;
        }
        if (!most)
            break;
        named[most->id] = true;
        diag_note(s, most->loc, "%s %s, stored as %s, holds %s until %s", most->name ? most->name : most->op->call.name,
                  type_text(s->run, &most->type), dtype_name(most->storage), size_text(s->run, bytes_of(l, most)),
                  l->life[most->id].to >= (int)g->n_groups ? "the end" : g->groups[l->life[most->id].to]->name);
    }
    return false;
}

bool limit_tighten(struct limit *l)
{
    int64_t peak = memplan_peak(l->g, l->c);
    if (peak <= l->c->memory_limit)
        return false;
    l->step = arena_new();
    find_lives(l);
    find_top(l);
    bool more = choose(l, (double)(peak - l->c->memory_limit)) || does_not_fit(l, peak);
    arena_free(l->step);
    if (more)
        restore(l);
    return more;
}
