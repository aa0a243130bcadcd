#ifndef TOKIC_RUNTIME_JUDGE_EXACT_H
#define TOKIC_RUNTIME_JUDGE_EXACT_H
/* Judges kernels without rounding. The host runs the same kernel IR over the integers modulo 2^61 − 1
   (codegen/prelude/field.h). Every element that a group writes must equal the reference's.
   Polynomials and quotients are computed. Any other function is a hash of its operands.
   So a wrong index, term or operation is found; rounding and overflow are not. */
#include "codegen/program.h"
#include "runtime/bind.h"
#include "runtime/judge/exact_run.h"
#include "runtime/judge/walk.h"

struct exact_verdict {
    const struct group *group;
    size_t kernel;
    int64_t elements;
    int64_t unequal;
    int64_t outside;          /* number of accesses outside their buffer */
    const struct node *first; /* element first_at of `first` is the first that differs; NULL: none */
    int64_t first_at;
    double error; /* bounds the probability that a wrong kernel passes */
};
static inline bool exact_is_equal(const struct exact_verdict *v) { return !v->unequal && !v->outside; }

struct exact_report {
    struct exact_verdict *kernels; /* one for each group, in launch order */
    size_t n_kernels;
    /* Values that only selections read (comparisons, top-K, casts to integers). A fault may change no selection. */
    const struct node **selected;
    size_t n_selected;
    double error;                             /* the sum of the kernels' `error` */
    double seconds;                           /* compile time not included */
    const struct exact_device_report *device; /* NULL: exact_device was not run */
    bool pass;
};

/* Judges all groups of p in launch order, each on inputs of its own:
     - A float is independent and uniform. A zero that an earlier group computed stays zero.
     - An integer is the one that an earlier group computed, or comes from the tensors of `b`.
   Returns false with diagnostics if there is no compiler. */
bool exact_field(struct session *s, const struct program *p, const struct binding *b, int threads,
                 struct exact_report *out);

/* The steps of exact_field, for tests that plant faults. lib->run[0] is the program's kernel number `first`. */
void exact_all(struct session *s, const struct program *p, const struct binding *b, int threads,
               const struct payloads *lib, size_t first, struct exact_report *out);
struct exact;
struct exact *exact_begin(struct session *s, const struct program *p, const struct binding *b, int threads,
                          const struct payloads *lib, size_t first);
void exact_end(struct exact *x);
bool exact_is_done(const struct exact *x);
const struct program_launch *exact_launch(const struct exact *x);
payload_run **exact_code(struct exact *x, size_t kernel); /* the code that runs as `kernel`; a test may replace it */
const struct walk *exact_values(const struct exact *x);   /* the reference's values so far */
/* Judges the next group. exact_pass_on then moves on to the group after it. */
void exact_judge(struct exact *x, struct exact_verdict *v);
void exact_pass_on(struct exact *x);
#endif
