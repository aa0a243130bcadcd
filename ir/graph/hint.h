#ifndef TOKIC_IR_GRAPH_HINT_H
#define TOKIC_IR_GRAPH_HINT_H
/* Hints for users of other tools: a word of such a tool, and what to write in a .graph file instead. */
#include <stddef.h>

struct hint {
    const char *typed;
    const char *write; /* hint for an op: an expression with operands x and y and condition c */
};

/* Returns the i-th hint for an op, such as { "relu", "maximum(x, 0)" }; NULL past the last. */
const struct hint *hint_op_at(size_t i);
/* Each function returns what to write instead of an op, attribute or dtype of another tool; NULL: unknown. */
const char *hint_op(const char *name);
const char *hint_attr(const char *name);
const char *hint_dtype(const char *name);
/* Returns what to write instead of an operator of another language: "matmul(x, y)" for "@"; NULL: unknown. */
const char *hint_operator(const char *text);
#endif
