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
/* The last dimension alone goes: a row of the operand gives one result. */
bool reduction_is_of_rows(const struct node *n);
#endif
