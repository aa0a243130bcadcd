#ifndef TOKIC_TESTS_RANDOM_GRAPH_H
#define TOKIC_TESTS_RANDOM_GRAPH_H
/* Random .graph texts, each a function of its seed: chains of every kind of op, and single ops as their rows draw them.
   Shapes are odd and even, with a symbolic B; magnitudes are kept where f16 is comfortable, and nothing is divided by
   what may cross 0. */
#include <stdint.h>

#include "ir/ops/op.h"

const char *random_graph_text(struct arena *a, uint64_t seed);
/* The same graph with a loss over its outputs, unless none of them is a float. */
const char *random_loss_text(struct arena *a, uint64_t seed);
/* One op on inputs of the types, ranges and attributes that its row draws. Integers and booleans are made from floats.
   NULL: the row draws nothing that a kernel could compute (a source that is bound, an effect). */
const char *random_op_text(struct session *s, const struct op_def *op, uint64_t seed);
/* The same with dimensions from 16 to `longest`. wide: the result is cast to f32, and floats are f32 unless the op is a
   contraction. loss: the sum of the result's squares. */
const char *random_op_text_long(struct session *s, const struct op_def *op, uint64_t seed, int64_t longest, bool wide,
                                bool loss);
/* The same with operand i of dtype as[i modulo n_as], whether the op accepts that or not. */
const char *random_op_text_of(struct session *s, const struct op_def *op, uint64_t seed, const enum dtype *as,
                              int n_as);
#endif
