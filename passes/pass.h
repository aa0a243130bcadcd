#ifndef TOKIC_PASSES_PASS_H
#define TOKIC_PASSES_PASS_H
/* The interface of passes and of their driver. The driver verifies the graph after every pass. */
#include "ir/graph/graph.h"
#include "ir/ops/op.h"
#include "ir/target.h"

/* A rewrite rule: two patterns, in the syntax given in passes/simplify.c. */
struct rule {
    const char *from, *to;
    bool exact;
    const char *why;
};

/* What autodiff is asked for. Nothing, if of_params is false and there are no names. */
struct gradients {
    bool of_params;           /* of every parameter */
    bool of_inputs;           /* of every float input and label */
    bool where_they_reach;    /* leaves out what no gradient reaches, which is an error otherwise */
    const char *const *names; /* of these parameters and inputs */
    size_t n_names;
    double scale; /* the loss scale, a power of two */
};

struct pass_ctx {
    struct session *s;
    struct arena *step; /* working memory, freed after each pass */
    const struct target *target;
    int64_t hint;
    const struct rule *rules;
    size_t n_rules;
    struct gradients gradients;
};

struct pass {
    const char *name;
    bool (*run)(struct graph *g, struct pass_ctx *c); /* true: the graph has changed */
    const char *needs;                                /* passes that must have run before, separated by spaces */
    const char *keeps; /* "all": changes nothing; "values": may drop values, but changes the meaning of none */
    const char *doc;
};

struct pass_options {
    const char *dump_after;
    const char *stop_after;
    FILE *dump_to;
    bool reparse;               /* check after each pass that the printed graph parses to the same graph */
    const struct pass *instead; /* for tests: passes that replace those of the same name */
    size_t n_instead;
    struct {
        const char *name;
        double seconds;
    } * times; /* out: one entry per pass, room for 32; NULL: not wanted */
    size_t n_times;
};

const struct pass *pass_find(const char *name);
const struct pass *pass_at(int i);

/* Names of passes in the order in which they run; NULL ends the list. */
extern const char *const pipeline_all[];    /* for every parsed graph */
extern const char *const pipeline_target[]; /* then for each target, on a clone */

/* o may be NULL. False on errors, with a diagnostic; if a pass broke the graph, the diagnostic names it. */
bool passes_run(struct graph *g, struct pass_ctx *c, const char *const *pipeline, struct pass_options *o);
/* With simplify_rules, and 128 as the expected value of symbolic dims. */
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
