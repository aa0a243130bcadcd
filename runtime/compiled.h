#ifndef TOKIC_RUNTIME_COMPILED_H
#define TOKIC_RUNTIME_COMPILED_H
/* From a text to compiled kernels for one target: the steps that the command line and the tests share. Each returns
   false, or NULL, with diagnostics. */
#include "codegen/program.h"
#include "passes/pass.h"
#include "runtime/device/device.h"

struct compiled {
    const struct target *target;
    struct graph *after; /* the graph after the target's passes */
    struct program *program;
    const char *text; /* prelude and kernels, as a compiler gets them */
    struct code code;
};

/* Parses a text and runs pipeline_all. The graph has facts and obligations, and is the reference against which passes
   are judged. `passes` may be NULL. */
struct graph *compiled_parse(const struct source *src, const struct graph_options *o, struct pass_ctx *c,
                             struct pass_options *passes);
/* Sets out->after: a clone of `parsed`, after the target's passes. */
bool compiled_passes(const struct graph *parsed, struct pass_ctx *c, struct pass_options *passes, struct compiled *out);
/* Sets out->program: the kernels of out->after. */
bool compiled_program(const struct pass_ctx *c, struct compiled *out);
/* Puts the prelude that a kind of device ("emu", or a GPU's) needs before the kernel texts. `checked`: the prelude of
   the checking emulator. */
const char *compiled_text(struct session *s, const struct target *t, const char *device_kind, bool checked,
                          const char *kernels);
/* Compiles out->text into out->code. A program without kernels needs no compiler. */
bool compiled_code(struct session *s, const char *device_kind, bool checked, struct compiled *out);
#endif
