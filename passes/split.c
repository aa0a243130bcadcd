/* Splits an associative node with more than MOST_OPERANDS operands into a tree. Example: a concat of 20 operands
   becomes concat(concat of 16, concat of 4). Requires primitives. Changes no value. Runs before precision, which sets
   the dtypes of the new nodes. */
#include "passes/pass.h"

enum { MOST_OPERANDS = 16 }; /* a concat of 64 becomes 64 nested conditionals, which take C compilers minutes */

bool pass_split(struct graph *g, struct pass_ctx *c)
{
    bool changed = false;
    (void)c;
    for (size_t i = 0; i < g->n_nodes; i++) {
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
