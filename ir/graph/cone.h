#ifndef TOKIC_IR_GRAPH_CONE_H
#define TOKIC_IR_GRAPH_CONE_H
/* Which values must stay f32 because an op says so of an operand. */
#include "ir/graph/graph.h"

/* By node id: is the node keep_f32, or in the cone of a keep_f32 operand? The cone is everything that the operand is
   computed from, back to and including a contraction; sources are not in it. Only primitives show every operand:
   before expand, a cone ends where a composite begins that marks its operands after its expansion. */
bool *graph_keep_f32_cones(const struct graph *g, struct arena *a);
#endif
