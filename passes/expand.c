/* Replaces every composite op by primitives. Requires typed nodes. Changes no value. Runs before simplify, since the
   rules of simplify contain only primitives.
   An expansion may contain composites. The loop expands these too, since new nodes are appended to the graph. */
#include "passes/pass.h"

bool pass_expand(struct graph *g, struct pass_ctx *c)
{
    (void)c;
    bool changed = false;
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *n = g->nodes[i];
        if (!op_is_composite(n->op))
            continue;
        node_settle(n);
        struct builder b = build_at(g, n);
        size_t first = g->n_nodes;
        struct node *by = n->op->kernel.expand(&b, n);
        if (!by)
            return changed;
        BUG_IF(!type_same_shape(&by->type, &n->type), "the expansion of %s has another shape", n->op->call.name);
        for (size_t k = first; k < g->n_nodes; k++)
            g->nodes[k]->origin = n->origin ? n->origin : n->op->call.name;
        if (n->keep_f32 || n->op->keep_f32)
            by->keep_f32 = true;
        node_replace(g, n, by);
        changed = true;
    }
    graph_sweep(g);
    BUG_IF(!graph_sort(g), "expand made a cycle");
    return changed;
}
