#ifndef TOKIC_TESTS_OP_CASE_H
#define TOKIC_TESTS_OP_CASE_H
/* One random legal use of an op, as its row draws it: a graph of sources and the node, with values for the operands. */
#include "ir/ops/op.h"
#include "tests/support/walk_ops.h"

struct op_case {
    struct session *s;
    struct graph *g;
    const struct op_def *op;
    struct sample sample;
    struct node *node; /* NULL: infer refused, and diagnostics say why */
    struct node *in[MAX_SAMPLE];
    struct view value[MAX_SAMPLE];
};
/* Draws operands and makes the node. One session may serve several cases. */
void op_case_make(struct op_case *c, struct session *s, const struct op_def *op, uint64_t *rnd);
/* The same, but the types may be changed between: draw, then node. */
void op_case_sample(struct op_case *c, struct session *s, const struct op_def *op, uint64_t *rnd);
void op_case_node(struct op_case *c);
/* A fresh value for element of operand k, legal as drawn: floats are f32 numbers that a written dtype holds, of many
   magnitudes. */
NUM op_case_number(const struct op_case *c, int k, uint64_t *rnd);
void op_case_values(struct op_case *c, uint64_t *rnd);
/* Walk with the operands bound (exact). */
void op_case_begin(const struct op_case *c, struct op_walk *w);
/* The frame of the node over the case's values, not evaluated. */
void op_case_frame(const struct op_case *c, struct op_walk *w, struct ev *e);
/* A composite's own evaluation beside its expansion, over doubles: each is within the bound that the expansion's walk
   gives. NULL, or what differs. Counts the elements that had a bound, and the worst part of it that was seen. */
struct op_case_seen {
    double worst;
    int judged;
};
const char *op_case_expansion_differs(struct op_case *c, struct op_case_seen *seen);
/* Bound by walkers, never evaluated: input, label, param. */
bool op_is_bound_by_walkers(const struct op_def *op);
/* Equal as bits of a result: two NaNs are. */
bool num_same(enum dtype t, enum num_kind kind, NUM a, NUM b);
#endif
