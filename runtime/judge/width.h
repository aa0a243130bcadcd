#ifndef TOKIC_RUNTIME_JUDGE_WIDTH_H
#define TOKIC_RUNTIME_JUDGE_WIDTH_H
/* Checks that the passes have made no value too narrow. The other judgements take storage as the passes left it, so
   they cannot see such a mistake. The rules depend only on the parsed graph and the op records:
     - a value keeps the dtype that the graph declares; a value that is cast to a declared f32, also through views, is
       stored in f32
     - a value that an op record or an expansion marks keep_f32 (statistics, losses) is stored in f32
     - every value that a keep_f32 operand (scores, weights of a routing) is computed from, back to a contraction, is
       stored in f32; the contraction multiplies in f32 unless its operands are f16 in the graph
     - a value computed from scores, chosen sets and sources alone is stored in f32
     - a source is stored in f16 only if matrix units alone read it */
#include "passes/pass.h"

struct width;
struct width *width_of(struct session *s, const struct graph *parsed, const struct pass_ctx *c);
/* The first node of `after` that is too narrow; NULL: none. *why is a sentence about it. `after`: a graph after the
   precision pass. */
const struct node *width_lost(const struct width *w, const struct graph *after, const char **why);
#endif
