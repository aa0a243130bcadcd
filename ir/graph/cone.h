#ifndef TOKIC_IR_GRAPH_CONE_H
#define TOKIC_IR_GRAPH_CONE_H
#include "ir/graph/graph.h"

/* Returns an array by node id: true if the node must stay f32.
   It must if it is keep_f32, or if a keep_f32 operand of an op is computed from it. This does not hold for sources, nor
   for nodes that such an operand reads only through a contraction.
   A composite op may mark operands as keep_f32 only after its expansion. So before the expand pass, nodes are
   missing. */
bool *graph_keep_f32_cones(const struct graph *g, struct arena *a);
#endif
