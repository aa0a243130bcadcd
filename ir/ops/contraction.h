#ifndef TOKIC_IR_OPS_CONTRACTION_H
#define TOKIC_IR_OPS_CONTRACTION_H
/* What eval and bound of matmul share. */
#include "ir/ops/eval.h"

/* One element of the result: Σ x[a + i·sa]·y[b + i·sb] over i < k, where x and y are the flat operands. */
struct dot {
    int64_t a, sa, b, sb, k;
};
/* Of element `at` of the result. */
struct dot dot_of(const struct ev *c, int64_t at);
/* The part of r in columns first..last-1, where rows have `length` elements; empty (lo >= hi) if there is none. */
struct run run_within(const struct run *r, int64_t length, int64_t first, int64_t last);
/* Sets wanted[j - first] where a run has an element of column j, first <= j < last; else clears it. Returns whether one
   is set. */
bool columns_wanted(const struct ev *c, int64_t first, int64_t last, bool *wanted);
/* The first element of the result's matrix that the first run lies in: 0 if b has rank 2, since all rows of a then
   multiply the same matrix. */
int64_t matrix_begin(const struct ev *c);
/* Calls each() with the runs of one matrix after the other. */
void each_matrix(const struct ev *c, void (*each)(void *ctx, const struct ev *c), void *ctx);
void matmul_bound(struct bd *b);
#endif
