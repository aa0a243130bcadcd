#ifndef TOKIC_PASSES_PASS_H
#define TOKIC_PASSES_PASS_H
/* The interface of passes and of their driver. The driver verifies the graph after every pass. */
#include "ir/graph/graph.h"
#include "ir/ops/op.h"
#include "ir/target.h"

/* A rewrite rule: replaces the pattern `from` by the pattern `to`. passes/simplify.c gives the syntax of patterns. */
struct rule {
    const char *from, *to;
    bool exact;
    const char *why;
};

/* The gradients that autodiff adds. It adds none if of_params and of_inputs are false and n_names is 0. */
struct gradients {
    bool of_params;           /* add the gradient of every parameter */
    bool of_inputs;           /* add the gradient of every float input and label */
    bool where_they_reach;    /* a value that no gradient reaches is left out; if false, it is an error */
    const char *const *names; /* add the gradients of these parameters and inputs */
    size_t n_names;
    double scale; /* the loss scale, a power of two */
};

struct pass_ctx {
    struct session *s;
    struct arena *step; /* working memory, freed after each pass */
    const struct target *target;
    int64_t hint;
    int64_t
        memory_limit; /* most bytes for activations and scratch, with symbolic dims equal to the hint; 0: no limit */
    const struct rule *rules;
    size_t n_rules;
    struct gradients gradients;
};

struct pass {
    const char *name;
    bool (*run)(struct graph *g, struct pass_ctx *c); /* returns true if it changed the graph */
    const char *needs;                                /* passes that must have run before, separated by spaces */
    const char *keeps; /* "all": does not change the graph; "values": may drop nodes, but changes no value */
    const char *doc;
};

struct pass_options {
    const char *dump_after;
    const char *stop_after;
    FILE *dump_to;
    bool reparse;               /* check after each pass that the printed graph parses to the same graph */
    const struct pass *instead; /* for tests: each replaces the pass of the same name */
    size_t n_instead;
    struct {
        const char *name;
        double seconds;
    } * times; /* output: one entry for each pass that ran; room for 32 entries, or NULL */
    size_t n_times;
};

const struct pass *pass_find(const char *name);
const struct pass *pass_at(int i);

/* Names of passes in the order in which they run; NULL ends the list. */
extern const char *const pipeline_all[];    /* runs on every parsed graph */
extern const char *const pipeline_target[]; /* runs for each target, on a clone of the graph */

/* Runs the passes named in `pipeline`. `o` may be NULL.
   Returns false with a diagnostic after an error. If a pass broke the graph, the diagnostic names the pass. */
bool passes_run(struct graph *g, struct pass_ctx *c, const char *const *pipeline, struct pass_options *o);
/* Returns a context with the rules simplify_rules. Its `hint`, the expected value of symbolic dims, is 128. */
struct pass_ctx pass_ctx_for(struct session *s, const struct target *t);

bool pass_infer(struct graph *g, struct pass_ctx *c);
bool pass_autodiff(struct graph *g, struct pass_ctx *c);
bool pass_contracts(struct graph *g, struct pass_ctx *c);
bool pass_prune(struct graph *g, struct pass_ctx *c);
bool pass_expand(struct graph *g, struct pass_ctx *c);
bool pass_simplify(struct graph *g, struct pass_ctx *c);
bool pass_cse(struct graph *g, struct pass_ctx *c);
bool pass_split(struct graph *g, struct pass_ctx *c);
bool pass_precision(struct graph *g, struct pass_ctx *c);
bool pass_fuse(struct graph *g, struct pass_ctx *c);
bool pass_memplan(struct graph *g, struct pass_ctx *c);
extern const struct rule simplify_rules[];
extern const size_t simplify_n_rules;
#endif
