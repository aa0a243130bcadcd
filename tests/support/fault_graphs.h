#ifndef TOKIC_TESTS_FAULT_GRAPHS_H
#define TOKIC_TESTS_FAULT_GRAPHS_H
/* A graph for each way that templates compute: small ones, with tails. */
#include <stddef.h>

extern const char *const fault_graphs[];
extern const size_t fault_n_graphs;
#endif
