#ifndef TOKIC_RUNTIME_JUDGE_VERIFY_H
#define TOKIC_RUNTIME_JUDGE_VERIFY_H
/* Judges each kernel on the inputs that it has read, and the passes against the parsed graph. Also reports, without a
   judgement, how far the outputs are from their values in real numbers. */
#include "passes/pass.h"
#include "runtime/device/exec.h"
#include "runtime/judge/exact.h"
#include "runtime/judge/reference.h"

/* How much of a value was judged. */
struct coverage {
    int64_t elements; /* number of judged elements */
    int64_t range;    /* number of elements not judged: an intermediate value may overflow or leave its domain */
    int64_t beyond;   /* of `range`: those where the reference itself overflows the value's dtype */
};

/* The verdict on the kernels of one group. */
struct kernel_verdict {
    const struct group *group;
    size_t kernel;
    bool pass;
    int64_t elements;
    int64_t all;   /* number of elements of the results, of which a large kernel is judged on some */
    int64_t wrong; /* of `elements`: those whose error exceeds the bound */
    int64_t range;
    /* Number of elements that are not finite, but right: a NaN where the reference is NaN, or an infinity where the
       reference is infinite or may overflow the dtype. */
    int64_t not_finite;
    /* Of all elements, the one with the largest ratio of error to bound: element worst_at of node `worst`. */
    double observed; /* the error */
    double bound;
    double ratio;
    const struct node *worst;
    int64_t worst_at;
    double got;             /* by the kernel */
    double want;            /* by the reference */
    int64_t uncertain_rows; /* chosen sets that differ from the reference's within the scores' errors */
    struct coverage *outs;
    /* The first element that was not judged is element blind_at of node `blind` (NULL: none). Among the values that the
       element is computed from, blind_of is the first without an error bound. */
    const struct node *blind;
    int64_t blind_at;
    const struct node *blind_of;
    const char *blind_why; /* "may overflow", "may leave its domain" */
};

/* Compares an output a with its value b in real numbers. The integers count elements. */
struct drift {
    const char *name;
    double relative;   /* max|a−b| / max|b| over the elements that are finite on both sides */
    double left_out;   /* if not 0: nothing is compared, since that would take so many multiply-adds more */
    int64_t all;       /* of the output */
    int64_t elements;  /* that are compared */
    int64_t finite;    /* both are finite */
    int64_t nans;      /* both are NaN */
    int64_t infinite;  /* both are the same infinity */
    int64_t one_sided; /* only one is finite */
    int64_t unlike;    /* neither is finite, and they differ */
};

struct output_verdict {
    const char *name;
    struct coverage of;
};

enum verdict {
    VERDICT_PASS,
    VERDICT_PARTLY,     /* nothing is wrong, but over 1 % of an output was not judged, though finite in the reference */
    VERDICT_NOT_JUDGED, /* nothing is wrong, but some kernel or output was not judged at all */
    VERDICT_FAIL,
};

struct verify_report {
    struct kernel_verdict *kernels; /* one for each group, in launch order */
    size_t n_kernels;
    struct drift *drifts;
    size_t n_drifts;
    struct output_verdict *outputs;
    size_t n_outputs;
    bool memory_ok; /* all values were right whenever they were read (held.h) */
    const char *memory_why;
    struct loc memory_loc;
    int64_t rows;           /* number of routed rows */
    int64_t rows_equal;     /* of `rows`: those whose chosen set is the same in real numbers */
    int64_t rows_certified; /* number of rows whose chosen set no rounding can change */
    size_t pass_values;
    size_t pass_left_out; /* number of further values that are not compared, since the reference lacks them */
    double pass_elements; /* number of compared elements of these values, which have pass_all */
    double pass_all;
    bool passes_ok;
    const char *pass_failed; /* the first pass that broke a value; NULL: none */
    const char *pass_value;
    struct loc pass_loc;
    const struct exact_report *exact; /* NULL: not asked for */
    double worst;                     /* largest ratio of error to bound */
    bool pass;
};

enum verdict verify_verdict(const struct verify_report *r);
/* Was none of the value's elements judged? */
static inline bool coverage_is_blind(const struct coverage *c) { return !c->elements && c->range; }

struct verify_watch {
    void *ctx;
    /* Group number `group` is about to run. After the last group, called once more with the number of groups. */
    void (*begins)(void *ctx, size_t group);
    void (*judged)(void *ctx, const struct kernel_verdict *v);
};
/* Runs program `e`, judges each group and measures the drift. `watch`: callbacks for progress, or NULL. false with
   diagnostics if the program cannot be judged. */
bool verify_kernels(struct exec *e, struct reference *ref, const struct verify_watch *watch, struct verify_report *out);
/* Compares the values of `after`, the graph after the passes, with those of the parsed graph. If a value differs, runs
   the passes again one by one, to name the first wrong one. false if the graph cannot be evaluated. */
bool verify_passes(struct reference *ref, const struct graph *after, struct pass_ctx *c, struct pass_options *o,
                   struct verify_report *out);
/* Judges the group whose last launch is `launch`, on given inputs and outputs. `dump`: NULL, or a directory for
   outK.want.npy and outK.bound.npy, which hold the reference and the error bounds of float result K (f64; an infinite
   bound: not judged). */
bool judge_group(struct session *s, const struct program *p, size_t launch, const struct dim_values *dims,
                 const struct tensor *const *ins, const struct tensor *const *outs, const struct judge_how *how,
                 const char *dump, struct kernel_verdict *v);
#endif
