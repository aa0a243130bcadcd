/* Drops nodes that no output depends on. Requires types; keeps values. Runs first for a target, so that the other
   passes see only nodes that are compiled. The loss is dropped too, unless it is also an output. */
#include "passes/pass.h"

bool pass_prune(struct graph *g, struct pass_ctx *c)
{
    (void)c;
    g->loss = NULL;
    return graph_sweep(g) > 0;
}
