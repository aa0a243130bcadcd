#ifndef TOKIC_RUNTIME_CLI_CLI_LINE_H
#define TOKIC_RUNTIME_CLI_CLI_LINE_H
/* The steps from a file to a launch. Several verbs share them:
       line_open     reads, parses and checks a graph
       line_device   opens the device
       line_program  runs the passes and generates kernels
       line_compile  compiles the kernels
       exec_open     loads the code and prepares launches (runtime/device/exec.h)
   On failure, each returns false or NULL, with diagnostics. */
#include "runtime/bind.h"
#include "runtime/compile/builddir.h"
#include "runtime/cli/cli.h"
#include "runtime/compiled.h"
#include "runtime/device/device.h"

struct cJSON;
struct line {
    struct cli *c;
    struct session *s;
    const char *what; /* the file or directory that the command works on */
    const struct source *src;
    struct build *build;  /* NULL: the command works on a .graph file */
    struct graph *parsed; /* with the outputs that --output adds */
    bool extra_outputs;
    int64_t hint;
};

/* Opens the file or build that the command names, else the last build. Refuses an output flag that would overwrite an
   input file of the command. */
bool line_open(struct cli *c, struct line *l);

/* Returns the gradients that --grad, --output grad:NAME and the build ask for. */
struct gradients line_gradients(const struct line *l);
/* The steps of runtime/compiled.h, with the command's flags. */
struct pass_ctx line_pass_ctx(const struct line *l, const struct target *t);
struct pass_options line_pass_options(const struct line *l);
bool line_passes(const struct line *l, const struct target *t, const char *stop_after, struct compiled *out);
bool line_program(const struct line *l, const struct target *t, struct compiled *out);
/* Sets k->text, the compiler's input. `device_kind`: "emu", or any other text for a GPU. */
void line_text(const struct line *l, struct compiled *k, const char *device_kind);
/* Compiles k->text. If the build has the same kernels, made by this version of tokic, takes the build's code object
   instead. */
bool line_compile(const struct line *l, struct compiled *k, const char *device_kind);

/* Parses `list`, the value of --target: "gfx90a,sm_90". */
bool line_targets(struct session *s, const char *list, const struct target *out[], size_t max, size_t *n);
/* Returns the target for a command without a device: the first of --target, else the build's first, else gfx90a. */
const struct target *line_target(const struct line *l);
/* Opens the device of --device, else the first GPU, else (if `or_emu`) an emulator. NULL with a diagnostic
   (FAIL_DEVICE) if there is none, or (FAIL_USAGE) if --target does not name the device's target. */
struct device *line_device(const struct line *l, bool or_emu);
int line_threads(const struct cli *c);
/* Makes the directory of --dump-launches. Refuses a non-empty directory, which could hold old dumps. */
bool line_dump_dir(struct cli *c);

/* Binds inputs and parameters as the flags say. For a .graph file, sets l->hint to the value of the first symbolic dim:
   kernels are optimised for this value. Returns NULL with diagnostics on failure. */
struct binding *line_bind(struct line *l, enum init_mode init_default);
/* Returns the first line of --json output: the graph, its file and its dims. With a binding, adds the seed and the
   source of the weights. */
struct cJSON *line_json(const struct line *l, const char *kind, const struct binding *b, enum init_mode init_default);
/* Returns "weights: judge, seed 42". */
const char *line_weights_text(const struct line *l, enum init_mode init_default);
#endif
