#ifndef TOKIC_IR_GRAPH_HINT_H
#define TOKIC_IR_GRAPH_HINT_H
/* What users of other tools type, and what to write in a .graph file instead. */
#include <stddef.h>

struct hint {
    const char *typed;
    const char *write; /* what to write instead; for an op: a whole expression over x, y and the condition c */
};

/* The i-th hint for an op of other tools, such as maximum(x, 0) for "relu". NULL past the last. */
const struct hint *hint_op_at(size_t i);
/* What to write in a graph for this op, attribute or dtype of another tool; NULL: unknown. */
const char *hint_op(const char *name);
const char *hint_attr(const char *name);
const char *hint_dtype(const char *name);
/* The call that this operator of other languages means; NULL: unknown. */
const char *hint_operator(const char *text);
#endif
