#ifndef TOKIC_RUNTIME_JUDGE_REFERENCE_H
#define TOKIC_RUNTIME_JUDGE_REFERENCE_H
/* The reference: the graph as parsed, evaluated in real numbers. Outputs, and values of the graph after the passes, are
   compared with the reference.
   If all elements take at most REFERENCE_WHOLE multiply-adds, all are evaluated. Otherwise only chosen elements of the
   outputs are, with the elements that they are computed from.
   An output is left out if its chosen elements would raise the total above REFERENCE_LIMIT multiply-adds. */
#include "runtime/judge/walk.h"

#define REFERENCE_WHOLE 1e9
#define REFERENCE_LIMIT 4e10

struct judge_how {
    int threads;
    bool full; /* judge every element, whatever the cost */
    uint64_t seed;
};

struct reference {
    struct session *s;
    const struct graph *g;
    const struct binding *b;
    struct judge_how how;
    struct walk *w;          /* keeps all its values; NULL: not evaluated yet */
    struct subsets *subsets; /* NULL: all elements are evaluated */
    double *left_out;        /* by output: 0, or the multiply-adds that a left-out output would add */
};
struct reference *reference_begin(struct session *s, const struct graph *parsed, const struct binding *b,
                                  const struct judge_how *how);
/* Evaluates the reference unless that is done. Returns false with a diagnostic if memory is short. */
bool reference_run(struct reference *r);
void reference_end(struct reference *r);
#endif
