#ifndef TOKIC_IR_OPS_GATHER_H
#define TOKIC_IR_OPS_GATHER_H
/* What the ops that take integers as indices share. */
#include "ir/ops/view.h"

/* Each returns false, and reports an error, if the operand is not i32 or i64, or attribute 0 is not one dimension. */
bool need_indices(struct graph *g, const struct node *n, int operand);
bool need_one_dim(struct graph *g, const struct node *n);
/* The obligation 0 <= operand < n. */
void need_in_range(struct contract *c, int operand, const struct index *n);
/* The dim n as a scalar of this integer dtype. */
struct node *build_dim(struct builder *b, const struct index *n, enum dtype t);
/* 0 <= indices < n, as bools. */
struct node *build_inside(struct builder *b, struct node *indices, const struct index *n);
#endif
