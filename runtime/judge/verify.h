#ifndef TOKIC_RUNTIME_JUDGE_VERIFY_H
#define TOKIC_RUNTIME_JUDGE_VERIFY_H
/* Judges each kernel on the inputs that it has read, and the passes against the parsed graph.
   Also measures the drift: how far the outputs are from their values in real numbers. */
#include "passes/pass.h"
#include "runtime/device/exec.h"
#include "runtime/judge/exact.h"
#include "runtime/judge/reference.h"

/* Numbers of elements of one value. */
struct coverage {
    int64_t elements; /* judged */
    int64_t range;    /* not judged: an intermediate value may overflow or leave its domain */
    int64_t beyond;   /* of `range`: the reference itself overflows the value's dtype */
};

struct kernel_verdict {
    const struct group *group;
    size_t kernel;
    bool pass;
    int64_t elements;
    int64_t all;   /* number of elements of all results; a large kernel is judged on some */
    int64_t wrong; /* number of judged elements whose error exceeds the bound */
    int64_t range;
    /* Number of judged elements that are rightly NaN or infinite, because the reference is, or may overflow. */
    int64_t not_finite;
    /* The judged element with the largest ratio of error to bound: element worst_at of node `worst`. */
    double observed;
    double bound;
    double ratio;
    const struct node *worst;
    int64_t worst_at;
    double got;
    double want;
    int64_t uncertain_rows; /* rows whose chosen set differs from the reference's, within the scores' errors */
    struct coverage *outs;
    /* The first element that was not judged: element blind_at of node `blind`; NULL: none.
       blind_of: the first node on the way to this element that has no error bound. */
    const struct node *blind;
    int64_t blind_at;
    const struct node *blind_of;
    const char *blind_why; /* "may overflow", "may leave its domain" */
};

/* Compares output a with its value b in real numbers. The int64_t fields count elements. */
struct drift {
    const char *name;
    double relative;   /* max|a−b| / max|b| over the elements that are finite in both */
    double left_out;   /* 0: compared. Else: not compared, since it would take this many more multiply-adds */
    int64_t all;       /* in the output */
    int64_t elements;  /* compared */
    int64_t finite;    /* finite in both */
    int64_t nans;      /* NaN in both */
    int64_t infinite;  /* the same infinity in both */
    int64_t one_sided; /* finite in only one */
    int64_t unlike;    /* finite in neither, and different */
};

struct output_verdict {
    const char *name;
    struct coverage of;
};

enum verdict {
    VERDICT_PASS,
    VERDICT_PARTLY,     /* nothing is wrong, but over 1 % of an output was not judged */
    VERDICT_NOT_JUDGED, /* nothing is wrong, but some kernel or output was not judged at all */
    VERDICT_FAIL,
};

struct verify_report {
    struct kernel_verdict *kernels;
    size_t n_kernels;
    struct drift *drifts;
    size_t n_drifts;
    struct output_verdict *outputs;
    size_t n_outputs;
    bool memory_ok; /* every value was right when it was read (held.h) */
    const char *memory_why;
    struct loc memory_loc;
    int64_t rows;
    int64_t rows_equal;     /* number of routed rows whose chosen set is the same in real numbers */
    int64_t rows_certified; /* number of compared elements, of pass_all */
    size_t pass_values;
    size_t pass_left_out; /* number of values that are not compared, since the reference lacks them */
    double pass_elements; /* `pass_elements` of the `pass_all` elements of these values are compared */
    double pass_all;
    bool passes_ok;
    const char *pass_failed; /* the first pass that broke a value; NULL: none */
    const char *pass_value;
    struct loc pass_loc;
    const struct exact_report *exact; /* NULL: not run */
    double worst;                     /* largest ratio of error to bound */
    bool pass;
};

enum verdict verify_verdict(const struct verify_report *r);
/* True if the value has unjudged elements and no judged ones. */
static inline bool coverage_is_blind(const struct coverage *c) { return !c->elements && c->range; }

struct verify_watch {
    void *ctx;
    /* Called before group number `group` runs. After the last group, called once more with the number of groups. */
    void (*begins)(void *ctx, size_t group);
    void (*judged)(void *ctx, const struct kernel_verdict *v);
};
/* Runs program e, judges each group, and measures the drift. `watch` may be NULL. Returns false with diagnostics. */
bool verify_kernels(struct exec *e, struct reference *ref, const struct verify_watch *watch, struct verify_report *out);
/* Compares the values of `after`, the graph after the passes, with those of the parsed graph.
   If a value differs, runs the passes again one by one to find the first wrong pass.
   Returns false if the graph cannot be evaluated. */
bool verify_passes(struct reference *ref, const struct graph *after, struct pass_ctx *c, struct pass_options *o,
                   struct verify_report *out);
/* Judges the group whose last launch is number `launch`, on given inputs and outputs.
   `dump`: NULL, or a directory. For float result K, outK.want.npy gets the reference, outK.bound.npy the error bounds.
   Both files are f64. An element with an infinite bound was not judged. */
bool judge_group(struct session *s, const struct program *p, size_t launch, const struct dim_values *dims,
                 const struct tensor *const *ins, const struct tensor *const *outs, const struct judge_how *how,
                 const char *dump, struct kernel_verdict *v);
#endif
