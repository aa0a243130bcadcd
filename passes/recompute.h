#ifndef TOKIC_PASSES_RECOMPUTE_H
#define TOKIC_PASSES_RECOMPUTE_H
#include "passes/pass.h"

/* Dissolves a pointwise group if all its readers can recompute its values with fewer bytes moved than by storing and
   loading them. Bytes are counted with every symbolic dim equal to c->hint. The group's nodes become `recomputed` and
   belong to no group; the empty group stays in the graph. */
void recompute_cheap(struct graph *g, const struct pass_ctx *c);
#endif
