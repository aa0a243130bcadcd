#ifndef TOKIC_IR_GRAPH_HINT_H
#define TOKIC_IR_GRAPH_HINT_H
/* What people type who come from other tools, and how a .graph says it. */
#include <stddef.h>

struct hint {
    const char *typed;
    const char *write; /* how a graph says it; of ops: a whole expression over x, y and the condition c */
};

/* Ops of other tools: "relu" is maximum(x, 0). NULL past the last. */
const struct hint *hint_op_at(size_t i);
/* How a graph says what this op, attribute or dtype of another tool means; NULL: unknown. */
const char *hint_op(const char *name);
const char *hint_attr(const char *name);
const char *hint_dtype(const char *name);
/* The call that this operator of other languages means; NULL: unknown. */
const char *hint_operator(const char *text);
#endif
