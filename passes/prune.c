/* Drops what no output depends on. Requires types; keeps values. Runs first of a target's passes, so that the others
   see only what is compiled. A loss is an output only if it is asked for by name. */
#include "passes/pass.h"

bool pass_prune(struct graph *g, struct pass_ctx *c)
{
    (void)c;
    g->loss = NULL;
    return graph_sweep(g) > 0;
}
