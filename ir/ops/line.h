#ifndef TOKIC_IR_OPS_LINE_H
#define TOKIC_IR_OPS_LINE_H
/* Loops over rows along any dimension (op_axis), for the references of ops. */
#include "ir/ops/row.h"

/* A row of the first operand. Its elements are at flat indices first + k·stride for k < n. */
struct line {
    int64_t first, stride, n;
};

/* `shared`: up to LINE_SHARED numbers that all results of a row use. */
enum { LINE_SHARED = 8 };
struct line_fns {
    void (*row)(void *ctx, const struct line *l, NUM *shared);
    /* Computes result i, which is the k-th of its row. */
    void (*result)(void *ctx, const struct line *l, int64_t i, int64_t k, const NUM *shared);
};
/* Calls f->result for each element of the runs of c. Calls f->row once for each row, before the row's first result. */
void each_line(const struct ev *c, const struct line_fns *f, void *ctx);

/* ---- building graphs ---- */
extern const struct attr_def axis_attr; /* int axis = -1 */
/* Reports an error and returns false if the attribute axis is no dimension of n's operand. */
bool need_axis_attr(struct graph *g, const struct node *n);
/* Reduces x along one dimension, which stays as 1: [3, 4] -> [3, 1]. */
struct node *build_along(struct builder *b, const char *op, struct node *x, int axis);
/* Reshapes v [n] to [n, 1, 1], so that it broadcasts along dimension `axis` of x. */
struct node *build_on_axis(struct builder *b, struct node *v, const struct type *x, int axis);
/* Sums x over all dimensions but `axis`. */
struct node *build_sum_to_axis(struct builder *b, struct node *x, int axis);
#endif
