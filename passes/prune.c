/* Drops nodes that no output depends on. Drops the loss too, unless the loss is an output. Requires typed nodes.
   Changes no value. Runs first for a target, so that later passes see only nodes that will be compiled. */
#include "passes/pass.h"

bool pass_prune(struct graph *g, struct pass_ctx *c)
{
    (void)c;
    g->loss = NULL;
    return graph_sweep(g) > 0;
}
