/* Derives the type of every node from its op record, and compares the result with the node's type. Requires nothing.
   Does not change the graph. Runs first, so that later passes can trust types. */
#include "passes/pass.h"

bool pass_infer(struct graph *g, struct pass_ctx *c)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *n = g->nodes[i];
        struct type was = n->type;
        if (!n->op->type.infer(g, n))
            return false;
        bool same = type_same_shape(&was, &n->type) && was.dtype == n->type.dtype;
        if (!same)
            diag_error(c->s, FAIL_INPUT, n->loc, "internal: %s is %s, but its op says %s", n->op->call.name,
                       type_text(g->arena, &was), type_text(g->arena, &n->type));
    }
    return false;
}
