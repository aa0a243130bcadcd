#ifndef TOKIC_PASSES_LIMIT_H
#define TOKIC_PASSES_LIMIT_H
#include "passes/pass.h"

/* Makes the memory plan fit c->memory_limit, by further values that each reader computes again. The caller closes the
   groups, asks limit_tighten, and closes them again as long as the answer is true. */
struct limit;
/* Remembers the groups of g as they are before they are closed. */
struct limit *limit_begin(struct graph *g, const struct pass_ctx *c);
/* By node id: values that each reader must compute again. */
const bool *limit_again(const struct limit *l);
/* Requires closed, planned groups. Returns false if the plan fits, or, with an error, if no value is left that would
   free memory. Else marks more values in limit_again, and undoes the closing of the groups. */
bool limit_tighten(struct limit *l);
void limit_end(struct limit *l);

/* The size of the memory plan of closed groups, in bytes, with every symbolic dim equal to c->hint. */
int64_t memplan_peak(struct graph *g, const struct pass_ctx *c);
#endif
