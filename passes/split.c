/* Replaces a node of an associative op with more than MOST_OPERANDS operands by a tree of nodes with fewer. Requires
   primitives; keeps values. Runs before precision, which decides the new nodes' dtypes too. */
#include "passes/pass.h"

enum { MOST_OPERANDS = 16 }; /* C compilers take minutes for the 64 nested conditionals of a concat of 64 */

bool pass_split(struct graph *g, struct pass_ctx *c)
{
    bool changed = false;
    (void)c;
    for (size_t i = 0; i < g->n_nodes; i++) { /* appended nodes are visited too, so a tree can have any depth */
        struct node *n = g->nodes[i];
        if (!n->op->associative || n->n_in <= MOST_OPERANDS)
            continue;
        int parts = (n->n_in + MOST_OPERANDS - 1) / MOST_OPERANDS;
        struct node **in = arena_array(g->arena, struct node *, parts);
        struct builder b = build_at(g, n);
        for (int k = 0; k < parts; k++) {
            int from = k * MOST_OPERANDS;
            int count = n->n_in - from < MOST_OPERANDS ? n->n_in - from : MOST_OPERANDS;
            in[k] = build(&b, n->op->call.name, n->in + from, count, n->attrs);
            in[k]->keep_f32 = n->keep_f32;
        }
        struct node *by = build(&b, n->op->call.name, in, parts, n->attrs);
        by->keep_f32 = n->keep_f32;
        node_replace(g, n, by);
        changed = true;
    }
    if (!changed)
        return false;
    graph_sweep(g);
    BUG_IF(!graph_sort(g), "split made a cycle");
    return true;
}
