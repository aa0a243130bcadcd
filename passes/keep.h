#ifndef TOKIC_PASSES_KEEP_H
#define TOKIC_PASSES_KEEP_H
#include "passes/pass.h"

/* For each pointwise value that other groups read, decides between storing the value and recomputing it in each
   reader, whichever moves fewer bytes. Bytes are counted with every symbolic dim equal to c->hint. A value that
   readers recompute is marked `recomputed` and keeps its group. */
void keep_or_recompute(struct graph *g, const struct pass_ctx *c);
#endif
