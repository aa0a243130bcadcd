#ifndef TOKIC_TESTS_WILD_GRAPH_H
#define TOKIC_TESTS_WILD_GRAPH_H
/* Graph texts that hold whatever the parser accepts: each statement is any op on any earlier values, with attributes
   that may or may not fit, and stays if the graph still parses. Dims are 0, 1, large, symbolic, and expressions. */
#include <stddef.h>
#include <stdint.h>

#include "ir/arena.h"

/* A function of its seed. `at_work`, of `size` bytes, holds the text that is being parsed. */
const char *wild_graph_text(struct arena *a, uint64_t seed, char *at_work, size_t size);
#endif
