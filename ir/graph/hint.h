#ifndef TOKIC_IR_GRAPH_HINT_H
#define TOKIC_IR_GRAPH_HINT_H
/* What users of other tools type, and what to write in a .graph file instead. */
#include <stddef.h>

struct hint {
    const char *typed;
    const char *write; /* for an op: an expression with operands x and y and condition c */
};

/* The i-th hint for an op, such as { "relu", "maximum(x, 0)" }; NULL past the last. */
const struct hint *hint_op_at(size_t i);
/* What to write instead of this op, attribute or dtype of another tool; NULL: unknown. */
const char *hint_op(const char *name);
const char *hint_attr(const char *name);
const char *hint_dtype(const char *name);
/* What to write instead of this operator: "@" gives "matmul(x, y)"; NULL: unknown. */
const char *hint_operator(const char *text);
#endif
