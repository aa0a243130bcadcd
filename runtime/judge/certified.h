#ifndef TOKIC_RUNTIME_JUDGE_CERTIFIED_H
#define TOKIC_RUNTIME_JUDGE_CERTIFIED_H
/* Certified routing (ir/route/certify.h): counts the rows whose chosen set no rounding in the program can change, for
   one binding of the sources. */
#include "codegen/program.h"
#include "runtime/bind.h"

/* Adds the number of routed rows to *rows, and of certified rows to *certified. Scores are evaluated in real numbers,
   with a bound on the program's error from the sources on: sums, stores, and the rounding of sources on upload. */
void certified_rows(struct session *s, const struct program *p, const struct binding *b, int threads, int64_t *rows,
                    int64_t *certified);
#endif
