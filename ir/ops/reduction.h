#ifndef TOKIC_IR_OPS_REDUCTION_H
#define TOKIC_IR_OPS_REDUCTION_H
/* Which dimensions a node of CLS_REDUCE reduces. */
#include "ir/ops/row.h"

struct reduction {
    bool reduced[MAX_RANK]; /* by dimension of the operand */
    bool keepdim;           /* reduced dimensions stay in the result, with length 1 */
};
struct reduction reduction_of(const struct node *n);
/* Terms of one result: the product of the reduced dimensions. */
const struct index *reduction_length(struct session *s, const struct node *n);
/* A reduction as kernels see it: `outer` blocks of `inner` contiguous results, each result of `length` terms. */
struct reduce_shape {
    const struct index *outer, *inner, *length;
};
struct reduce_shape reduction_shape(struct session *s, const struct node *n);
/* Is only the last dimension reduced, so that each row of the operand gives one result? */
bool reduction_is_of_rows(const struct node *n);
#endif
