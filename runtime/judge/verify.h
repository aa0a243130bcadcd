#ifndef TOKIC_RUNTIME_JUDGE_VERIFY_H
#define TOKIC_RUNTIME_JUDGE_VERIFY_H
/* Judges: each kernel on the inputs that it really had, the passes against the graph as parsed, the drift end to end.
   */
#include "passes/pass.h"
#include "runtime/device/exec.h"
#include "runtime/judge/walk.h"

/* What one kernel came to, over every element of every value that its group materialises. */
struct kernel_verdict {
    const struct group *group;
    size_t kernel; /* index of its text in the program */
    bool pass;
    int64_t elements, wrong,
        /* judged; of these beyond the bound; not judged (an interior value may have overflowed, or left a domain) */
        range;
    int64_t
        /* judged, and right: NaN as the reference is, or infinite where it is or may pass the dtype's largest number */
        not_finite;
    double observed, bound, ratio; /* at the element with the worst ratio */
    const struct node *worst;      /* that element's value, */
    int64_t worst_at;              /* its position, */
    double got, want;              /* what the kernel gave and the reference */
    int64_t uncertain_rows;        /* chosen sets that differ from the reference's own, as their scores' bounds allow */
};

/* How far an output is from real, end to end. */
struct drift {
    const char *name;
    double relative;           /* max|a−b| / max|b| over the elements that are finite on both sides */
    int64_t elements, finite;  /* all; finite on both sides */
    int64_t nans, infinite;    /* a NaN, or the same infinity, on both sides */
    int64_t one_sided, unlike; /* finite on one side only; not finite on either, and not the same */
};

struct verify_report {
    struct kernel_verdict *kernels;
    size_t n_kernels; /* one a group, in launch order */
    struct drift *drifts;
    size_t n_drifts;
    int64_t rows, rows_equal,
        rows_certified; /* routing: chosen sets equal to real's, and certified; rows 0: no routing */
    size_t pass_values; /* values compared in judgement 2 */
    bool passes_ok;
    const char *pass_failed; /* name of the pass that broke a value; NULL */
    const char *pass_value;  /* which value, where, by how much: a sentence */
    struct loc pass_loc;
    double worst; /* worst ratio of all kernels */
    bool pass;
};

/* Judgement 1 and the drift. `e` has the program bound. `parsed` is the graph as parsed, `b` its sources. false with
   diagnostics: it could not be judged. */
bool verify_kernels(struct exec *e, const struct graph *parsed, const struct binding *b, int threads,
                    struct verify_report *out);
/* Judgement 2: walks `after` (the graph after the passes) beside `parsed`. On failure runs the pipeline again, stopping
   after each pass, to name it. */
bool verify_passes(struct session *s, const struct graph *parsed, const struct graph *after, const struct binding *b,
                   struct pass_ctx *c, struct pass_options *o, int threads, struct verify_report *out);
/* One group judged on given inputs and outputs: the judge's core. dump, if not NULL, is a directory that gets, for each
   float result, what the reference wants and the bound of each element: outK.want.npy, outK.bound.npy (f64; infinite:
   not judged). */
bool judge_group(struct session *s, const struct program *p, size_t launch, const struct dim_values *dims,
                 const struct tensor *const *ins, const struct tensor *const *outs, int threads, const char *dump,
                 struct kernel_verdict *v);
#endif
