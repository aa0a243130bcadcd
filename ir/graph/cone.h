#ifndef TOKIC_IR_GRAPH_CONE_H
#define TOKIC_IR_GRAPH_CONE_H
#include "ir/graph/graph.h"

/* Returns an array by node id: true if the node must stay f32.
   A node must stay f32 if it is keep_f32, or if a keep_f32 operand of some op is computed from it.
   Two exceptions: sources, and nodes from which the operand is computed only through a contraction.
   Before the expand pass, nodes may be missing: a composite op may mark operands only when it is expanded. */
bool *graph_keep_f32_cones(const struct graph *g, struct arena *a);
#endif
