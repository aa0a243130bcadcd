#ifndef TOKIC_RUNTIME_COMPILED_H
#define TOKIC_RUNTIME_COMPILED_H
/* From a text to compiled kernels, one target's way: what the command line's verbs and the tests share. Each step
   returns false, or NULL, with diagnostics. */
#include "codegen/program.h"
#include "passes/pass.h"
#include "runtime/device/device.h"

struct compiled {
    const struct target *target;
    struct graph *after; /* the target's passes */
    struct program *program;
    const char *text; /* prelude and kernels, as a compiler gets them */
    struct code code;
};

/* The graph of a text, its own reference for what passes may change, with facts and obligations. `passes` may be
   NULL. */
struct graph *compiled_parse(const struct source *src, const struct graph_options *o, struct pass_ctx *c,
                             struct pass_options *passes);
/* out->after: a clone behind the target's passes. out->program: its kernels. */
bool compiled_passes(const struct graph *parsed, struct pass_ctx *c, struct pass_options *passes, struct compiled *out);
bool compiled_program(const struct pass_ctx *c, struct compiled *out);
/* Kernel texts with the prelude that a kind of device ("emu", or a GPU's) needs; checked: for the checking emulator. */
const char *compiled_text(struct session *s, const struct target *t, const char *device_kind, bool checked,
                          const char *kernels);
/* out->code from out->text. A program without kernels needs no compiler. */
bool compiled_code(struct session *s, const char *device_kind, bool checked, struct compiled *out);
#endif
