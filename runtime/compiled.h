#ifndef TOKIC_RUNTIME_COMPILED_H
#define TOKIC_RUNTIME_COMPILED_H
/* The steps from a graph's text to compiled kernels for one target. On failure, each step returns false or NULL, with
   diagnostics. */
#include "codegen/program.h"
#include "passes/pass.h"
#include "runtime/device/device.h"

struct compiled {
    const struct target *target;
    struct graph *after;
    struct program *program;
    const char *text; /* input of the compiler: prelude and kernels */
    struct code code;
};

/* Parses a text and runs pipeline_all, the passes that every target needs. verify judges kernels against the returned
   graph. `passes` may be NULL. */
struct graph *compiled_parse(const struct source *src, const struct graph_options *o, struct pass_ctx *c,
                             struct pass_options *passes);
/* Clones `parsed` and runs the target's passes on the clone. */
bool compiled_passes(const struct graph *parsed, struct pass_ctx *c, struct pass_options *passes, struct compiled *out);
/* Generates the kernels of out->after. */
bool compiled_program(const struct pass_ctx *c, struct compiled *out);
/* Returns a prelude followed by `kernels`. The prelude depends on `device_kind` ("emu", "nvidia" or "amd") and on
   `checked` (true: for the checking emulator). */
const char *compiled_text(struct session *s, const struct target *t, const char *device_kind, bool checked,
                          const char *kernels);
/* Compiles out->text. A program without kernels needs no compiler. */
bool compiled_code(struct session *s, const char *device_kind, bool checked, struct compiled *out);
#endif
