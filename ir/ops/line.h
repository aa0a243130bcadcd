#ifndef TOKIC_IR_OPS_LINE_H
#define TOKIC_IR_OPS_LINE_H
/* Rows along any dimension, for the references of ops that work along one (op_axis). */
#include "ir/ops/row.h"

/* The row of the first operand that a result belongs to: its elements are at flat indices first + k·stride, k < n. */
struct line {
    int64_t first, stride, n;
};

/* What the results of a row share. */
enum { LINE_SHARED = 8 };
struct line_fns {
    void (*row)(void *ctx, const struct line *l, NUM *shared);
    /* Computes result i, the k-th of its row. */
    void (*result)(void *ctx, const struct line *l, int64_t i, int64_t k, const NUM *shared);
};
/* Calls f->result for each element of the runs of c, and f->row before the first of a row: once a row, even where
   neighbouring results belong to different rows. */
void each_line(const struct ev *c, const struct line_fns *f, void *ctx);

/* ---- building graphs ---- */
extern const struct attr_def axis_attr; /* int axis = -1 */
/* Checks the attribute axis of n. */
bool need_axis_attr(struct graph *g, const struct node *n);
/* A reduction of x along one dimension, which stays as 1. */
struct node *build_along(struct builder *b, const char *op, struct node *x, int axis);
/* v [n], as a value that broadcasts along dimension `axis` of x: [n, 1, 1]. */
struct node *build_on_axis(struct builder *b, struct node *v, const struct type *x, int axis);
/* x summed over all dimensions but one. */
struct node *build_sum_to_axis(struct builder *b, struct node *x, int axis);
#endif
