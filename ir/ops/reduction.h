#ifndef TOKIC_IR_OPS_REDUCTION_H
#define TOKIC_IR_OPS_REDUCTION_H
/* How a node of CLS_REDUCE reads its operand: which dimensions go. */
#include "ir/ops/row.h"

struct reduction {
    bool reduced[MAX_RANK]; /* by the operand's dimensions */
    bool keepdim;           /* they stay in the result, as 1 */
};
struct reduction reduction_of(const struct node *n);
/* Terms of one result: the product of the reduced dimensions. */
const struct index *reduction_length(struct session *s, const struct node *n);
/* Results and terms as kernels see them: `inner` results stand side by side in memory, `outer` times; each has `length`
   terms. */
struct reduce_shape {
    const struct index *outer, *inner, *length;
};
struct reduce_shape reduction_shape(struct session *s, const struct node *n);
/* The last dimension alone goes: a row of the operand gives one result. */
bool reduction_is_of_rows(const struct node *n);
#endif
