#ifndef TOKIC_RUNTIME_JUDGE_EXACT_H
#define TOKIC_RUNTIME_JUDGE_EXACT_H
/* Judges kernels without rounding: the same kernel IR runs on the host over the integers modulo 2^61 − 1
   (codegen/prelude/field.h), and every value that a group writes must equal the reference's, element for element. A
   function that is no polynomial or quotient is a hash of its operands. So the judgement sees any other index, term or
   operation, but neither rounding nor overflow. */
#include "codegen/program.h"
#include "runtime/bind.h"
#include "runtime/judge/exact_run.h"
#include "runtime/judge/walk.h"

/* The verdict on the kernels of one group. */
struct exact_verdict {
    const struct group *group;
    size_t kernel;
    int64_t elements;
    int64_t unequal;          /* of `elements` */
    int64_t outside;          /* number of accesses outside of their buffer */
    const struct node *first; /* element first_at of this value is the first that is unequal; NULL: none is */
    int64_t first_at;
    double error; /* a wrong kernel passes with at most this probability */
};
static inline bool exact_is_equal(const struct exact_verdict *v) { return !v->unequal && !v->outside; }

struct exact_report {
    struct exact_verdict *kernels; /* one for each group, in launch order */
    size_t n_kernels;
    /* Values that only a selection reads: a comparison, a top-K, a cast to an integer. A fault in one of them changes
       what is selected, and so is seen, with constant probability only. */
    const struct node **selected;
    size_t n_selected;
    double error;                             /* the sum of the kernels' error probabilities */
    double seconds;                           /* without the compiler's time */
    const struct exact_device_report *device; /* exact_device.h; NULL: not run */
    bool pass;
};

/* Judges all groups of p in launch order, each on inputs of its own: floats are independent and uniform, except that a
   zero that an earlier group computed stays zero; integers are what earlier groups computed, or the tensors of `b`.
   false with diagnostics if there is no compiler. */
bool exact_field(struct session *s, const struct program *p, const struct binding *b, int threads,
                 struct exact_report *out);

/* The same in steps, for tests that plant faults. `lib`: payloads over the field, the program's kernels from number
   `first` on. */
void exact_all(struct session *s, const struct program *p, const struct binding *b, int threads,
               const struct payloads *lib, size_t first, struct exact_report *out);
struct exact;
struct exact *exact_begin(struct session *s, const struct program *p, const struct binding *b, int threads,
                          const struct payloads *lib, size_t first);
void exact_end(struct exact *x);
bool exact_is_done(const struct exact *x);
const struct program_launch *exact_launch(const struct exact *x); /* the next group's first */
payload_run **exact_code(struct exact *x, size_t kernel);         /* what runs as that kernel; may be replaced */
const struct walk *exact_values(const struct exact *x);           /* of all groups so far */
/* Judges the next group; exact_pass_on goes on to the one after it. */
void exact_judge(struct exact *x, struct exact_verdict *v);
void exact_pass_on(struct exact *x);
#endif
