#ifndef TOKIC_RUNTIME_JUDGE_CERTIFIED_H
#define TOKIC_RUNTIME_JUDGE_CERTIFIED_H
/* Counts the routed rows whose chosen set no rounding in the program can change (ir/route/certify.h). */
#include "codegen/program.h"
#include "runtime/bind.h"

/* Adds the number of routed rows to *rows, and the number of certified rows to *certified.
   Scores are evaluated in real numbers, with bounds on the errors of the program's sums and stores.
   The bounds also cover the rounding of sources on upload. */
void certified_rows(struct session *s, const struct program *p, const struct binding *b, int threads, int64_t *rows,
                    int64_t *certified);
#endif
