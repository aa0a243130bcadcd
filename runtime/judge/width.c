#include "runtime/judge/width.h"

#include <string.h>

struct width {
    struct session *s;
    const struct graph *expanded;
    const struct node **node;
    int n;
};

struct width *width_of(struct session *s, const struct graph *parsed, const struct pass_ctx *c)
{
    static const char *const expand[] = { "prune", "expand", NULL };
    struct width *w = arena_new_of(s->run, struct width);
    struct graph *g = graph_clone(parsed);
    struct pass_ctx ctx = *c;
    passes_run(g, &ctx, expand, NULL);
    *w = (struct width){ .s = s, .expanded = g, .n = g->next_id };
    w->node = arena_array(s->run, const struct node *, g->next_id + 1);
    for (size_t i = 0; i < g->n_nodes; i++)
        w->node[g->nodes[i]->id] = g->nodes[i];
    return w;
}

/* Returns n's node in the expanded graph; NULL: a later pass made n. */
static const struct node *origin_of(const struct width *w, const struct node *n)
{
    const struct node *was = n->id < w->n ? w->node[n->id] : NULL;
    return was && was->op == n->op ? was : NULL;
}

/* Marks, by node id: scores, chosen sets, and values computed only from these and sources (probabilities, weights). */
static bool *routing_of(struct arena *a, const struct graph *g)
{
    bool *routing = arena_array(a, bool, g->next_id + 1);
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = g->nodes[i];
        bool some = false;
        bool alone = n->op->class != CLS_CONTRACT;
        for (int k = 0; k < n->n_in; k++) {
            const struct node *x = n->in[k];
            routing[x->id] |= op_operand_at(n->op, k)->keep_f32;
            some |= routing[x->id];
            alone &= routing[x->id] || x->op->class == CLS_SOURCE || !dtype_is_float(x->type.dtype);
        }
        routing[n->id] |= n->op->class == CLS_SELECT || (some && alone);
    }
    return routing;
}

/* Why a node must be wide. stored: only in memory; a contraction may still multiply in f16. */
struct reason {
    const char *why; /* NULL: the node need not be wide */
    bool stored;
};

/* Returns, by node id, why each node must be wide. Operands precede their users, so one backward sweep suffices. */
static struct reason *reasons(const struct width *w, struct arena *a, const struct graph *g)
{
    enum { CONE = 1, DECLARED = 2 };
    struct reason *to = arena_array(a, struct reason, g->next_id + 1);
    unsigned char *of = arena_array(a, unsigned char, g->next_id + 1);
    const bool *routing = routing_of(a, g);
    for (size_t i = g->n_nodes; i-- > 0;) {
        const struct node *n = g->nodes[i];
        const struct node *was = origin_of(w, n);
        unsigned char in = n->op->class == CLS_CONTRACT ? 0 : of[n->id] & CONE;
        if (n->op->class == CLS_VIEW)
            in |= of[n->id] & DECLARED;
        if (was && n->type.dtype == DT_F32)
            in |= DECLARED;
        if (of[n->id] & CONE)
            to[n->id].why = "a selection or a weight of the routing is computed from it";
        else if (routing[n->id])
            to[n->id].why = "it belongs to the routing";
        else if (n->keep_f32 || n->op->keep_f32 || (was && was->keep_f32))
            to[n->id].why = "statistics and losses stay f32";
        else if (of[n->id] & DECLARED)
            to[n->id] = (struct reason){ "it is declared as f32", true };
        for (int k = 0; k < n->n_in; k++)
            of[n->in[k]->id] |= in | (op_operand_at(n->op, k)->keep_f32 ? CONE : 0);
    }
    return to;
}

static bool is_narrow(enum dtype t) { return t == DT_F16 || t == DT_BF16; }

/* True if contraction n multiplies in 16 bits an operand that is wider in the graph. */
static bool rounds_operands(const struct width *w, const struct node *n)
{
    const struct node *was = origin_of(w, n);
    for (int k = 0; k < n->n_in; k++)
        if ((is_narrow(n->compute) || is_narrow(n->in[k]->type.dtype)) && !(was && is_narrow(was->in[k]->type.dtype)))
            return true;
    return false;
}

/* True if some reader is no contraction that multiplies in the source's storage dtype. */
static bool is_read_wide(const struct graph *g, const struct node *source)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i]->n_in; k++)
            if (g->nodes[i]->in[k] == source &&
                (g->nodes[i]->op->class != CLS_CONTRACT || g->nodes[i]->compute != source->storage))
                return true;
    return false;
}

static const char *lost(const struct width *w, const struct graph *g, const struct node *n, struct reason must)
{
    struct arena *a = w->s->run;
    const char *name = n->name ? n->name : n->op->call.name;
    const char *stored = dtype_name(n->storage);
    if (n->type.dtype != DT_FLOAT && n->storage != n->type.dtype)
        return arena_printf(a, "%s is stored as %s, but it is declared as %s", name, stored, dtype_name(n->type.dtype));
    if (must.why && n->op->class != CLS_SOURCE && n->type.dtype == DT_FLOAT && is_narrow(n->storage))
        return arena_printf(a, "%s is stored as %s: %s", name, stored, must.why);
    if (must.why && !must.stored && n->op->class == CLS_CONTRACT && rounds_operands(w, n))
        return arena_printf(a, "%s multiplies rounded operands: %s", name, must.why);
    if (n->op->class == CLS_SOURCE && n->type.dtype == DT_FLOAT && is_narrow(n->storage) && is_read_wide(g, n))
        return arena_printf(a, "%s is stored as %s: only what matrix units alone read is", name, stored);
    return NULL;
}

const struct node *width_lost(const struct width *w, const struct graph *after, const char **why)
{
    struct arena *a = arena_new();
    const struct reason *must = reasons(w, a, after);
    const struct node *found = NULL;
    for (size_t i = 0; i < after->n_nodes && !found; i++)
        if ((*why = lost(w, after, after->nodes[i], must[after->nodes[i]->id])) != NULL)
            found = after->nodes[i];
    arena_free(a);
    return found;
}
