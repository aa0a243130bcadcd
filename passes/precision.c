/* Chooses the dtype of every float whose dtype the graph leaves open. The default is f16 for activations and for
   operands of contractions. Requires primitives. Over the reals this pass changes no value, since a cast is the
   identity there. Rules for f32:
   1. A result gets f32 if an op record or an expansion marks the result keep_f32. Examples: statistics, losses.
   2. An operand gets f32 if an op record marks the operand keep_f32. Example: routing scores. All values that the
   operand is computed from get f32 too, back to the nearest contraction. This contraction multiplies in f32.
   3. A value gets f32 if it is computed only from routing scores, results of top-k, and sources.
   4. A value gets f32 if a node casts it to f32. */
#include <string.h>

#include "ir/graph/cone.h"
#include "passes/pass.h"

/* Applies rules 1 and 2. */
static void mark_keep_f32(struct graph *g, struct arena *step)
{
    const bool *keep = graph_keep_f32_cones(g, step);
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->keep_f32 |= keep[g->nodes[i]->id];
}

/* True if n reads a routing value (see keep_routing), and no other float except sources. False for a contraction. */
static bool reads_routing(const struct node *n, const bool *routing)
{
    bool some = false;
    for (int k = 0; k < n->n_in; k++) {
        const struct node *x = n->in[k];
        if (!routing[x->id] && dtype_is_float(x->type.dtype) && x->op->class != CLS_SOURCE)
            return false;
        some |= routing[x->id];
    }
    return some && n->op->class != CLS_CONTRACT;
}

/* Applies rule 3. Routing values are operands marked keep_f32, results of top-k, and values computed only from routing
   values and sources. */
static void keep_routing(struct graph *g, struct arena *step)
{
    bool *routing = arena_array(step, bool, g->next_id + 1);
    for (size_t i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i]->n_in; k++)
            routing[g->nodes[i]->in[k]->id] |= op_operand_at(g->nodes[i]->op, k)->keep_f32;
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *n = g->nodes[i];
        routing[n->id] |= n->op->class == CLS_SELECT || reads_routing(n, routing);
        n->keep_f32 |= routing[n->id] && n->op->class != CLS_SOURCE;
    }
}

/* Returns a flag for each node id: true if the node is cast to f32, directly or through views. A type that the graph
   declares is a cast too. */
static bool *wanted_in_f32(const struct graph *g, const struct op_def *cast, struct arena *step)
{
    bool *wanted = arena_array(step, bool, g->next_id + 1);
    for (size_t i = g->n_nodes; i-- > 0;) {
        const struct node *n = g->nodes[i];
        bool as_f32 = n->op == cast ? n->type.dtype == DT_F32 : n->op->class == CLS_VIEW && wanted[n->id];
        for (int k = 0; k < n->n_in; k++)
            wanted[n->in[k]->id] |= as_f32;
    }
    return wanted;
}

/* Sets the dtype in which float sources are stored: f16 for a parameter that only matrix units read, else f32. A
   parameter is rounded once, on upload. */
static void mark_params(struct graph *g)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->mark = 0;
    enum { MATRIX = 1, OTHER = 2 };
    for (size_t i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i]->n_in; k++)
            g->nodes[i]->in[k]->mark |=
                g->nodes[i]->compute == DT_F16 && g->nodes[i]->op->class == CLS_CONTRACT ? MATRIX : OTHER;
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *n = g->nodes[i];
        if (n->op->class == CLS_SOURCE && n->type.dtype == DT_FLOAT)
            n->storage = node_is_param(n) && n->mark == MATRIX ? DT_F16 : DT_F32;
        n->mark = -1;
    }
}

static enum dtype storage_of(const struct node *n, bool as_f32)
{
    if (n->type.dtype != DT_FLOAT)
        return n->type.dtype;
    if (n->keep_f32 || as_f32)
        return DT_F32;
    return n->op->class == CLS_VIEW && n->n_in ? n->in[0]->storage : DT_F16;
}

bool pass_precision(struct graph *g, struct pass_ctx *c)
{
    bool matrix = c->target->matrix != NULL;
    mark_keep_f32(g, c->step);
    keep_routing(g, c->step);
    const struct op_def *cast = op_find("cast");
    const bool *as_f32 = wanted_in_f32(g, cast, c->step);
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *n = g->nodes[i];
        n->compute = n->op->class == CLS_CONTRACT && !n->keep_f32 && matrix ? DT_F16 : DT_F32;
    }
    mark_params(g);
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *n = g->nodes[i];
        if (n->op->class != CLS_SOURCE || n->type.dtype != DT_FLOAT)
            n->storage = storage_of(n, as_f32[n->id]);
    }
    size_t n_nodes = g->n_nodes;
    for (size_t i = 0; i < n_nodes; i++) {
        struct node *n = g->nodes[i];
        if (n->op->class != CLS_CONTRACT || n->compute != DT_F16)
            continue;
        for (int k = 0; k < n->n_in; k++) {
            if (n->in[k]->storage == DT_F16)
                continue;
            struct node *as = graph_add(g, cast, &n->in[k], 1, &(struct attr){ .i = DT_F16 }, n->loc);
            as->instance = n->in[k]->instance;
            as->compute = DT_F32;
            as->storage = DT_F16;
            n->in[k] = as;
        }
    }
    if (g->n_nodes > n_nodes)
        BUG_IF(!graph_sort(g), "precision made a cycle");
    return true;
}
