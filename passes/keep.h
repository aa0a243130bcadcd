#ifndef TOKIC_PASSES_KEEP_H
#define TOKIC_PASSES_KEEP_H
#include "passes/pass.h"

<<<<<<< HEAD
/* For each pointwise value that other groups read, decides: store the value, or recompute it in each reader.
   Takes the choice that moves fewer bytes, with every symbolic dim equal to c->hint.
   A recomputed value is marked `recomputed` and keeps its group. */
void keep_or_recompute(struct graph *g, const struct pass_ctx *c);
=======
/* Decides, of each pointwise value that groups read from another group, whether it is stored or each reader computes it
   again: whichever moves fewer bytes, with every symbolic dim equal to c->hint. A value that is computed again becomes
   `recomputed` and keeps its group. again: by node id, values that are computed again whatever the bytes say; NULL:
   none. */
void keep_or_recompute(struct graph *g, const struct pass_ctx *c, const bool *again);
>>>>>>> backward
#endif
