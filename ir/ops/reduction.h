#ifndef TOKIC_IR_OPS_REDUCTION_H
#define TOKIC_IR_OPS_REDUCTION_H
/* The dimensions that a sum, mean or max reduces. */
#include "ir/ops/row.h"

struct reduction {
    bool reduced[MAX_RANK];
    bool keepdim;
};
struct reduction reduction_of(const struct node *n);
/* The number of terms of one result: the product of the reduced dimensions. */
const struct index *reduction_length(struct session *s, const struct node *n);
/* The result has outer·inner elements, each of `length` terms. inner: the product of the dimensions after the last
   reduced one. [2, 3, 4, 5] reduced along its third dimension: outer 6, length 4, inner 5. */
struct reduce_shape {
    const struct index *outer, *inner, *length;
};
struct reduce_shape reduction_shape(struct session *s, const struct node *n);
bool reduction_is_of_rows(const struct node *n);
#endif
