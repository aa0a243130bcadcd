#ifndef TOKIC_RUNTIME_JUDGE_WIDTH_H
#define TOKIC_RUNTIME_JUDGE_WIDTH_H
/* What must stay wide, derived from the graph as parsed and the op records, and not from what the passes chose. The
   bounds of kernels and the judgement of passes allow for the storage that the passes left, so neither sees a value
   that was narrowed by mistake. The rules:
     - a dtype that the file writes is kept; a value that casts or views turn into a declared f32 is stored in f32 too
     - what an op record or an expansion marks keep_f32 (statistics, losses) is stored in f32
     - what a keep_f32 operand (scores, weights of a routing) is computed from, back to a contraction, is stored in f32;
       the contraction multiplies in f32 unless its operands are f16 in the graph
     - what is computed from scores, chosen sets and sources alone is stored in f32
     - a source is stored in f16 only if matrix units alone read it */
#include "passes/pass.h"

struct width;
/* Expands a copy of the parsed graph. `c`: the context of the passes. */
struct width *width_of(struct session *s, const struct graph *parsed, const struct pass_ctx *c);
/* The first node of a graph after precision that is narrower than it must be, and a sentence about it; NULL: none. */
const struct node *width_lost(const struct width *w, const struct graph *after, const char **why);
#endif
