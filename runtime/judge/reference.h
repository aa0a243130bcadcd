#ifndef TOKIC_RUNTIME_JUDGE_REFERENCE_H
#define TOKIC_RUNTIME_JUDGE_REFERENCE_H
/* The graph as parsed, in real numbers: what outputs, and the values of the graph after the passes, are compared with.
   It is evaluated once, when it is first asked for. Up to REFERENCE_WHOLE multiply-adds, every element is. Beyond that,
   chosen elements of each output are, and all that they are computed from. An output whose chosen elements would take
   the whole beyond REFERENCE_LIMIT multiply-adds is left out. */
#include "runtime/judge/walk.h"

#define REFERENCE_WHOLE 1e9
#define REFERENCE_LIMIT 4e10

/* How verify judges. */
struct judge_how {
    int threads;
    bool full; /* every element, whatever that costs */
    uint64_t seed;
};

struct reference {
    struct session *s;
    const struct graph *g;
    const struct binding *b;
    struct judge_how how;
    struct walk *w;          /* keeps all values that it has; NULL: not evaluated yet */
    struct subsets *subsets; /* NULL: every element of every output and of what it depends on */
    double *left_out;        /* by output: 0, or the multiply-adds of the elements that are not evaluated */
};
struct reference *reference_begin(struct session *s, const struct graph *parsed, const struct binding *b,
                                  const struct judge_how *how);
/* false with a diagnostic if memory is short. */
bool reference_run(struct reference *r);
void reference_end(struct reference *r);
#endif
