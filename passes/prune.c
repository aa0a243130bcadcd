/* Drops what no output depends on. Requires types; keeps values. Stands first: what is not asked for is not compiled. A
   loss is an output only when it is asked for by name. */
#include "passes/pass.h"

bool pass_prune(struct graph *g, struct pass_ctx *c)
{
    (void)c;
    g->loss = NULL;
    return graph_sweep(g) > 0;
}
