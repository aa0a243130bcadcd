#ifndef TOKIC_PASSES_PASS_H
#define TOKIC_PASSES_PASS_H
/* Passes: each has a file and an entry in passes.def, and writes its decisions on the graph. The driver verifies the
   graph after each, and can dump, stop, time, and print-and-reparse after any. */
#include "ir/graph/graph.h"
#include "ir/ops/op.h"
#include "ir/target.h"

/* A rewrite of simplify: two patterns in the syntax of passes/simplify.c. */
struct rule {
    const char *from, *to;
    bool exact;
    const char *why;
};

/* What autodiff is asked for. Nothing, if of_params is false and there are no names. */
struct gradients {
    bool of_params;           /* of every parameter */
    const char *const *names; /* of these parameters and inputs */
    size_t n_names;
    double scale; /* the loss scale, a power of two */
};

struct pass_ctx {
    struct session *s;
    struct arena *step;          /* a pass's working memory: the driver frees it after each pass */
    const struct target *target; /* read by fuse and precision */
    int64_t hint;                /* expected value of symbolic dims */
    const struct rule *rules;    /* the rules that simplify applies */
    size_t n_rules;
    struct gradients gradients;
};

struct pass {
    const char *name;
    bool (*run)(struct graph *g, struct pass_ctx *c); /* returns whether it changed the graph */
    const char *needs;                                /* passes that must have run before, space-separated */
    const char *keeps; /* "values": each surviving value is the same function of the inputs; "all": the whole graph */
    const char *doc;
};

/* How to drive a pipeline. */
struct pass_options {
    const char *dump_after; /* a pass's name, or "all"; NULL: none */
    const char *stop_after;
    FILE *dump_to;
    bool reparse;               /* tests: print and read back after each pass, and compare */
    const struct pass *instead; /* tests plant faults: these replace the table's passes of the same name */
    size_t n_instead;
    struct {
        const char *name;
        double seconds;
    } * times; /* out: the time of each pass, with room for 32; NULL: not wanted */
    size_t n_times;
};

const struct pass *pass_find(const char *name);
const struct pass *pass_at(int i);

/* Pipelines: lists of passes' names. */
extern const char *const pipeline_all[];    /* infer, autodiff, contracts: run on every parsed graph */
extern const char *const pipeline_target[]; /* run after these, on a clone, for one target */

/* Runs the passes in order. false with a diagnostic: FAIL_INPUT, or an internal error that names the pass which broke
   the graph. */
bool passes_run(struct graph *g, struct pass_ctx *c, const char *const *pipeline, struct pass_options *o);
/* A context with the defaults: simplify's own rules, hint 128. */
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
