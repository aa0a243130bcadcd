#include "ir/graph/cone.h"

#include "ir/ops/op.h"

/* Operands precede their readers, so one backward sweep is enough. */
bool *graph_keep_f32_cones(const struct graph *g, struct arena *a)
{
    bool *cone = arena_array(a, bool, g->next_id + 1);
    bool *keep = arena_array(a, bool, g->next_id + 1);
    for (size_t i = g->n_nodes; i-- > 0;) {
        const struct node *n = g->nodes[i];
        keep[n->id] = n->keep_f32 || n->op->keep_f32 || (cone[n->id] && n->op->class != CLS_SOURCE);
        for (int k = 0; k < n->n_in; k++)
            cone[n->in[k]->id] |= op_operand_at(n->op, k)->keep_f32 || (cone[n->id] && n->op->class != CLS_CONTRACT);
    }
    return keep;
}
