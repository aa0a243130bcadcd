#ifndef TOKIC_RUNTIME_JUDGE_CERTIFIED_H
#define TOKIC_RUNTIME_JUDGE_CERTIFIED_H
/* Certified routing (ir/route/certify.h) of a program on one binding: the number of rows whose chosen set no rounding
   in the program can change. */
#include "codegen/program.h"
#include "runtime/bind.h"

/* Evaluates the scores of each chosen set from the sources in real numbers, with the program's own error bound: its
   kernels' sums, its stores, the rounding of weights and inputs on upload. Adds to *rows and *certified. */
void certified_rows(struct session *s, const struct program *p, const struct binding *b, int threads, int64_t *rows,
                    int64_t *certified);
#endif
