#ifndef TOKIC_PASSES_PASS_H
#define TOKIC_PASSES_PASS_H
/* Passes: one file each, one row in passes.def each. What a pass decides is written on the graph. The driver runs the
   graph's verifier after each, and can dump, stop, time, and print-and-reparse after any. */
#include "ir/graph/graph.h"
#include "ir/ops/op.h"
#include "ir/target.h"

/* A rewrite of simplify: two patterns in the syntax of passes/simplify.c. */
struct rule {
    const char *from, *to;
    bool exact;
    const char *why;
};

struct pass_ctx {
    struct session *s;
    struct arena *step;          /* for what a pass needs while it runs: the driver frees it after each */
    const struct target *target; /* whose numbers fuse and precision read */
    int64_t hint;                /* value that symbolic dims are expected to have */
    const struct rule *rules;
    size_t n_rules; /* of simplify */
};

struct pass {
    const char *name;
    bool (*run)(struct graph *g, struct pass_ctx *c); /* "changed" */
    const char *needs;                                /* names of passes that must have run, space-separated */
    const char
        *keeps; /* "values": every value that survives is the same function of the inputs; "all": the graph itself */
    const char *doc;
};

/* How to drive a pipeline. */
struct pass_options {
    const char *dump_after; /* a pass's name, or "all"; NULL: none */
    const char *stop_after;
    FILE *dump_to;
    bool reparse; /* tests: print and read back after each pass, and compare */
    const struct pass *instead;
    size_t n_instead; /* tests plant faults: a pass of this name runs in the table's place */
    struct {
        const char *name;
        double seconds;
    } * times;
    size_t n_times; /* out: room for 32; NULL: not asked */
};

const struct pass *pass_find(const char *name);
const struct pass *pass_at(int i);

/* The lists of names. */
extern const char *const pipeline_all[];    /* infer, contracts: every graph as parsed */
extern const char *const pipeline_target[]; /* then, on a clone, for one target */

/* Runs the passes in order. false with a diagnostic (FAIL_INPUT, or a named internal error where a pass broke the
   graph). */
bool passes_run(struct graph *g, struct pass_ctx *c, const char *const *pipeline, struct pass_options *o);
/* A context with the defaults: simplify's own rules, hint 128. */
struct pass_ctx pass_ctx_for(struct session *s, const struct target *t);

bool pass_infer(struct graph *g, struct pass_ctx *c);
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
