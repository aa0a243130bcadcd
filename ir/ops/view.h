#ifndef TOKIC_IR_OPS_VIEW_H
#define TOKIC_IR_OPS_VIEW_H
/* Loops that views share. A view maps each element of the result to an element of an operand. */
#include "ir/ops/row.h"

/* Element i, in row-major order, of operand number `operand`. */
struct from {
    int operand;
    int64_t i;
};
/* Returns the operand element that becomes element `index` of the result. */
typedef struct from from_fn(const struct ev *c, const int64_t *index);
void eval_from(struct ev *c, from_fn *from);
void bound_from(struct bd *b, from_fn *from);

/* Convert a row-major position to one index for each dimension, and back. */
void view_unflatten(const int64_t *dim, int rank, int64_t flat, int64_t *index);
int64_t view_flatten(const struct view *v, const int64_t *index);

static inline bool dim_is(const struct index *d, int64_t k) { return index_is_const(d) && d->k == k; }
/* Draws the type of an operand, of any dtype. sample_source gives this operand small values. */
struct type sample_any(struct sample *d, int rank_lo, int rank_hi);
void sample_source(struct sample *d, int i, const struct type *t);
extern const struct attr_def view_dims_attr[1];
#endif
