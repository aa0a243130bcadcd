#ifndef TOKIC_TESTS_WALK_OPS_H
#define TOKIC_TESTS_WALK_OPS_H
/* A plain walk over a whole graph of constant shapes, for tests of ops: every node's value, and the bound on its
   error. */
#include "ir/ops/op.h"

struct op_walk {
    struct graph *g;
    enum num_kind kind;
    uint64_t key;
    enum dtype store, acc; /* DT_F64: nothing rounds */
    bool bounds, kernel;   /* kernel: bounds for f32 arithmetic and tokic's functions; else for doubles */
    struct view *value;    /* by node id */
    double **err;
};
void op_walk_begin(struct op_walk *w, struct graph *g);
/* A view of the node's type, elements zeroed. */
struct view op_walk_view(struct arena *a, const struct type *t);
/* Gives a node its value, and its errors (NULL: exact). */
void op_walk_bind(struct op_walk *w, const struct node *n, struct view v, double *err);
/* Evaluates all nodes that are not bound. */
void op_walk_run(struct op_walk *w);
/* The node's frame over its operands' values, result allocated; runs are the rows. */
void op_walk_frame(struct op_walk *w, const struct node *n, struct ev *c);
/* Bound of the node of a frame that was evaluated, with sums taken one term after the other. */
void op_walk_bound(struct op_walk *w, const struct ev *c, double *e_out);
/* Whole rows, as eval wants them. */
struct run *op_walk_rows(struct arena *a, const struct view *v, size_t *n);
/* Replaces n and every composite in its expansion by primitives; returns what holds its value. */
struct node *op_walk_expand(struct graph *g, struct node *n);
#endif
