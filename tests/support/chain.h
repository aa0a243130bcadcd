#ifndef TOKIC_TESTS_CHAIN_H
#define TOKIC_TESTS_CHAIN_H
/* The whole line from a .graph text to judged kernels, for tests: many graphs may share one call of the compiler, and a
   test may change the kernels or their text on the way. */
#include "runtime/compiled.h"
#include "runtime/device/exec.h"
#include "runtime/judge/verify.h"

struct chain_options {
    const char *size; /* NULL: the first */
    const struct pass *instead;
    size_t n_instead; /* pass_options.instead */
    const struct rule *rules;
    size_t n_rules;                               /* NULL: simplify's own */
    uint64_t seed;                                /* of what chain_judge draws; 0: the usual one */
    int64_t hint, memory_limit;                   /* 0: the default; none */
    bool gradients;                               /* of the loss, if there is one, by all that it reaches */
    void (*change)(void *ctx, struct program *p); /* the kernels, before they are printed */
    const char *(*change_text)(void *ctx, struct session *s, const char *text); /* the kernels' text */
    void *ctx;
};

/* One graph on its way. */
struct chain {
    struct session *s;
    const struct source *src;
    const struct target *target;
    struct graph *parsed, *after;
    struct pass_ctx ctx;
    struct pass_options passes;
    struct program *program;
    const char *text; /* of its kernels, changed */
    struct code code; /* of the module that it is in */
    bool checked;     /* compiled for the checking emulator */
    uint64_t seed;
};

/* Parses, runs the passes (each printed and read back), lowers, prints. NULL with diagnostics. */
struct chain *chain_new(struct session *s, const struct target *t, const struct source *src,
                        const struct chain_options *o);
/* Compiles the kernels of n chains for one target as one module for the emulator; names are made unique. Where two of
   them changed their text, each needs a module of its own. */
bool chain_compile(struct chain *const *chains, size_t n, bool checked);
/* The text of n chains' kernels, as chain_compile gives it to the compiler, without prelude. */
const char *chain_module(struct chain *const *chains, size_t n);

/* Binds sources for a batch (judge's init), opens the program on a device, judges kernels and passes. false with
   diagnostics. */
bool chain_judge(struct chain *c, struct device *d, int64_t batch, int threads, struct verify_report *r);
/* Fails the test unless each text, with the gradient of every parameter, is judged right at each batch, in the checking
   emulator. All texts are one module. */
void chains_must_pass(struct session *s, const struct target *t, const char *const *texts, int n,
                      const int64_t *batches, int n_batches);
/* The same on a device of its own, from text to report, in one call. */
bool chain_run(struct session *s, const struct target *t, const struct source *src, const struct chain_options *o,
               bool checked, int64_t batch, struct verify_report *r);
/* Runs all launches on a device and judges nothing. */
bool chain_launch(struct chain *c, struct device *d, int64_t batch);

/* Runs two programs of one text launch by launch and compares every result bit for bit (two NaNs are equal); a
   difference is undone before the next launch. */
struct same_bits {
    int64_t kernels, values, differing;
    const char *first;
};
bool chain_same_bits(struct exec *a, struct exec *b, struct same_bits *out);
struct binding *chain_bind(struct chain *c, int64_t batch, uint64_t seed);

/* The diagnostics from number `from` on, and the first kernel that is wrong ("" if none is), as texts in the session's
   arena. */
const char *chain_why(struct session *s, size_t from);
const char *chain_wrong(struct session *s, const struct verify_report *r);
/* The first verdict that did not pass; NULL. */
const struct kernel_verdict *chain_culprit(const struct verify_report *r);
#endif
