#ifndef TOKIC_RUNTIME_CLI_CLI_LINE_H
#define TOKIC_RUNTIME_CLI_CLI_LINE_H
/* The straight line from a file to a launch, as the verbs share it: line_open (read, parse, check) → line_device →
   line_program (passes, lowering) for its target → line_compile → exec_open. Each returns false, or NULL, with
   diagnostics. */
#include "runtime/bind.h"
#include "runtime/compile/builddir.h"
#include "runtime/cli/cli.h"
#include "runtime/compiled.h"
#include "runtime/device/device.h"

struct cJSON;
struct line {
    struct cli *c;
    struct session *s;
    const char *what; /* the file or directory, as the command names it or as it was found */
    const struct source *src;
    struct build *build;  /* NULL: the command names a file */
    struct graph *parsed; /* after pipeline_all, with the outputs asked for */
    bool extra_outputs;   /* --output named a tensor that is not an output of the graph */
    int64_t hint;
};

/* Opens the graph of the command's file or directory, else of the last build, with the outputs asked for. Refuses to
   overwrite what the command reads. */
bool line_open(struct cli *c, struct line *l);

/* The steps of runtime/compiled.h for one target, with the command's options. */
/* The gradients that --grad, --output grad:NAME and the build ask for. */
struct gradients line_gradients(const struct line *l);
struct pass_ctx line_pass_ctx(const struct line *l, const struct target *t);
struct pass_options line_pass_options(const struct line *l);
bool line_passes(const struct line *l, const struct target *t, const char *stop_after, struct compiled *out);
bool line_program(const struct line *l, const struct target *t, struct compiled *out);
/* Sets k->text: prelude and kernels of k->program, as the compiler for a device kind ("emu", or a GPU's) gets them. */
void line_text(const struct line *l, struct compiled *k, const char *device_kind);
/* Compiles k->text. A build's object is used instead if this version of tokic made it from the same text. A program
   without kernels needs no compiler. */
bool line_compile(const struct line *l, struct compiled *k, const char *device_kind);

/* The targets of --target: a list of names, separated by commas. */
bool line_targets(struct session *s, const char *list, const struct target *out[], size_t max, size_t *n);
/* The target if no device implies one: the first of --target, else the build's first, else gfx90a. */
const struct target *line_target(const struct line *l);
/* The device of --device, else the first GPU, else (if `or_emu`) an emulator of line_target. With none of these,
   FAIL_DEVICE with the remedy. A --target other than the device's is refused. */
struct device *line_device(const struct line *l, bool or_emu);
int line_threads(const struct cli *c);
/* Makes the directory of --dump-launches. Refuses a directory with files, since they could be taken for this run's. */
bool line_dump_dir(struct cli *c);

/* Binds the graph's sources as the command asks. Sets l->hint to the value of the first dim, for which a .graph file is
   then compiled; a build keeps its own hint. NULL with diagnostics. */
struct binding *line_bind(struct line *l, enum init_mode init_default);
/* The first line of a verb's JSON: the graph with its size and settings, where it is from, its dims (null: symbolic)
   and, with a binding, the seed and the weights' source. */
struct cJSON *line_json(const struct line *l, const char *kind, const struct binding *b, enum init_mode init_default);
/* "weights: judge, seed 42" */
const char *line_weights_text(const struct line *l, enum init_mode init_default);
#endif
