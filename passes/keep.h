#ifndef TOKIC_PASSES_KEEP_H
#define TOKIC_PASSES_KEEP_H
#include "passes/pass.h"

/* For each pointwise value that other groups read, decides: store the value, or recompute it in each reader.
   Takes the choice that moves fewer bytes, with every symbolic dim equal to c->hint.
   A recomputed value is marked `recomputed` and keeps its group.
   again: by node id, values to recompute whatever the bytes; NULL: none. */
void keep_or_recompute(struct graph *g, const struct pass_ctx *c, const bool *again);
#endif
