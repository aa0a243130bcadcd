#ifndef TOKIC_PASSES_RECOMPUTE_H
#define TOKIC_PASSES_RECOMPUTE_H
#include "passes/pass.h"

/* Dissolves a pointwise group if that moves fewer bytes: its readers then recompute its values.
   Bytes are counted with every symbolic dim equal to c->hint.
   The nodes of a dissolved group are marked `recomputed` and belong to no group. The empty group stays in the graph. */
void recompute_cheap(struct graph *g, const struct pass_ctx *c);
#endif
