#ifndef TOKIC_RUNTIME_JUDGE_VERIFY_H
#define TOKIC_RUNTIME_JUDGE_VERIFY_H
/* Judges each kernel on the inputs that it actually read, and the passes against the parsed graph. Reports how far the
   outputs drift from the real numbers, end to end, without a judgement. */
#include "passes/pass.h"
#include "runtime/device/exec.h"
#include "runtime/judge/walk.h"

/* How much of a value was judged. */
struct coverage {
    int64_t elements; /* judged */
    int64_t range;    /* not judged: an interior value may have overflowed or left its domain */
    int64_t beyond;   /* of `range`, those where the reference itself is not finite in the value's dtype */
};

/* The verdict on one kernel, over every element of every value that its group materialises. */
struct kernel_verdict {
    const struct group *group;
    size_t kernel; /* index of its text in the program */
    bool pass;
    int64_t elements; /* judged */
    int64_t wrong;    /* of `elements`, those beyond the bound */
    int64_t range;    /* not judged: an interior value may have overflowed or left its domain */
    /* Judged right, but not finite: a NaN as in the reference, or an infinity where the reference is infinite or may
       exceed the dtype's largest number. */
    int64_t not_finite;
    double observed;          /* error at the element with the worst ratio */
    double bound;             /* its bound */
    double ratio;             /* observed / bound */
    const struct node *worst; /* the node of that element */
    int64_t worst_at;         /* its position */
    double got;               /* its value from the kernel */
    double want;              /* its value in the reference */
    int64_t uncertain_rows;   /* chosen sets that differ from the reference's, as their scores' bounds allow */
    struct coverage *outs;    /* how much was judged of each of the group's results */
    /* The first element that was not judged: number blind_at of node `blind` (NULL: none). blind_of is the first value
       without a bound among those from which that element is computed. */
    const struct node *blind;
    int64_t blind_at;
    const struct node *blind_of;
    const char *blind_why; /* "may overflow", "may leave its domain" */
};

/* The distance of an output, a, from its value in real numbers, b, end to end. */
struct drift {
    const char *name;
    double relative;   /* max|a−b| / max|b| over the elements that are finite on both sides */
    int64_t elements;  /* all of them */
    int64_t finite;    /* finite on both sides */
    int64_t nans;      /* NaN on both sides */
    int64_t infinite;  /* the same infinity on both sides */
    int64_t one_sided; /* finite on one side only */
    int64_t unlike;    /* finite on neither side, but different */
};

/* How much of one output was judged. Several outputs may share a value. */
struct output_verdict {
    const char *name;
    struct coverage of;
};

enum verdict {
    VERDICT_PASS,
    VERDICT_PARTLY,     /* nothing is wrong, but over 1 % of an output was not judged though finite in the reference */
    VERDICT_NOT_JUDGED, /* nothing is wrong, but no element of a kernel or output was judged */
    VERDICT_FAIL,
};

struct verify_report {
    struct kernel_verdict *kernels; /* one for each group, in launch order */
    size_t n_kernels;
    struct drift *drifts; /* one for each output; no part of the verdict */
    size_t n_drifts;
    struct output_verdict *outputs; /* those that a kernel computes */
    size_t n_outputs;
    bool memory_ok;         /* every value, whenever read, was as it was bound or as its kernel left it */
    const char *memory_why; /* a sentence: which value was not, and by how much */
    struct loc memory_loc;
    int64_t rows;           /* rows that are routed; 0: the graph has no routing */
    int64_t rows_equal;     /* of `rows`, those whose chosen set is the same in real numbers */
    int64_t rows_certified; /* rows whose chosen set no rounding can change */
    size_t pass_values;     /* values compared in judgement 2 */
    bool passes_ok;
    const char *pass_failed; /* name of the pass that broke a value; NULL */
    const char *pass_value;  /* a sentence: which value, where, and by how much */
    struct loc pass_loc;
    double worst; /* worst ratio of all kernels */
    bool pass;    /* nothing is wrong */
};

enum verdict verify_verdict(const struct verify_report *r);
/* Does the value have elements, none of which was judged? */
static inline bool coverage_is_blind(const struct coverage *c) { return !c->elements && c->range; }

/* Callbacks that follow the progress of verify_kernels. */
struct verify_watch {
    void *ctx;
    /* Group `group` is about to run. If `group` is the number of groups, all groups are judged, and the comparison of
       the outputs is about to begin. */
    void (*begins)(void *ctx, size_t group);
    /* A group was judged. */
    void (*judged)(void *ctx, const struct kernel_verdict *v);
};
/* Judgement 1 and the drift, on the opened program `e`. `parsed` is the graph as parsed, `b` its sources; `watch` may
   be NULL. false with diagnostics if it cannot be judged. */
bool verify_kernels(struct exec *e, const struct graph *parsed, const struct binding *b, int threads,
                    const struct verify_watch *watch, struct verify_report *out);
/* Judgement 2: compares `after`, the graph after the passes, with `parsed`. On failure it runs the pipeline again,
   stopping after each pass, to name the pass at fault. */
bool verify_passes(struct session *s, const struct graph *parsed, const struct graph *after, const struct binding *b,
                   struct pass_ctx *c, struct pass_options *o, int threads, struct verify_report *out);
/* Judges one group on given inputs and outputs. If `dump` is not NULL, it is a directory that receives the reference's
   value and the bound of each element of each float result: outK.want.npy, outK.bound.npy (f64; infinite: not judged).
   */
bool judge_group(struct session *s, const struct program *p, size_t launch, const struct dim_values *dims,
                 const struct tensor *const *ins, const struct tensor *const *outs, int threads, const char *dump,
                 struct kernel_verdict *v);
#endif
