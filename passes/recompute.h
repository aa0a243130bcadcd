#ifndef TOKIC_PASSES_RECOMPUTE_H
#define TOKIC_PASSES_RECOMPUTE_H
/* A part of fuse: values that every reader recomputes because that moves fewer bytes than storing them. */
#include "passes/pass.h"

/* Dissolves pointwise groups into their readers where that moves fewer bytes, with symbolic dims taken as c->hint. The
   nodes of such a group become `recomputed` and belong to no group; the group itself stays in the graph, empty. */
void recompute_cheap(struct graph *g, const struct pass_ctx *c);
#endif
