#ifndef TOKIC_TESTS_FAULT_RUN_H
#define TOKIC_TESTS_FAULT_RUN_H
/* Plants random faults (kernel_mutant.h) in the kernels of a graph, and asks verify --exact. */
#include "tests/support/chain.h"
#include "tests/support/kernel_mutant.h"

struct fault_tally {
    int64_t made;
    int64_t neutral;  /* changes no element by more than 1e-6 relative on random inputs, and none on small integers */
    int64_t caught;   /* of the others: what the kernels write is unequal over the field */
    int64_t selected; /* not caught, in a group with values that only a selection reads */
    int64_t missed;
};

/* Plants `count` faults of each class in the kernels of a graph for one target. Adds to `out`, an element for each
   class. Each fault that is missed is printed to `say`; with `all`, neutral ones too. */
void fault_run(const struct target *t, const char *text, int64_t batch, uint64_t seed, int count,
               struct fault_tally *out, FILE *say, bool all);
#endif
