#ifndef TOKIC_RUNTIME_JUDGE_WIDTH_H
#define TOKIC_RUNTIME_JUDGE_WIDTH_H
/* Checks that the passes store no value in too narrow a dtype. The other judgements take storage dtypes as given, so
   they cannot see that. The rules depend only on the parsed graph and the op records:
     - A value keeps the dtype that the graph declares.
     - A value that is cast to a declared f32, also through views, is stored in f32.
     - A value that an op record or an expansion marks keep_f32 (statistics, losses) is stored in f32.
     - A keep_f32 operand (scores, weights of a routing), and all values that it is computed from, back to a
       contraction, are stored in f32. The contraction multiplies in f32 unless the graph declares its operands f16.
     - A value computed only from scores, chosen sets and sources is stored in f32.
     - A source is stored in f16 only if nothing but matrix units reads it. */
#include "passes/pass.h"

struct width;
struct width *width_of(struct session *s, const struct graph *parsed, const struct pass_ctx *c);
/* Returns the first node of `after` that is too narrow, and why; NULL: none. Call after the precision pass. */
const struct node *width_lost(const struct width *w, const struct graph *after, const char **why);
#endif
