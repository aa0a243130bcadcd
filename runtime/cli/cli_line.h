#ifndef TOKIC_RUNTIME_CLI_CLI_LINE_H
#define TOKIC_RUNTIME_CLI_CLI_LINE_H
/* The steps from a file to a launch, which several verbs share: line_open (read, parse, check), line_device,
   line_program (passes, code generation), line_compile, then exec_open. Each returns false, or NULL, with
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
    const char *what; /* the file or directory that the command works on */
    const struct source *src;
    struct build *build;  /* NULL: the command works on a .graph file */
    struct graph *parsed; /* with the outputs that --output adds */
    bool extra_outputs;
    int64_t hint;
};

/* Opens the file or build that the command names, or the last build. Refuses flags that would overwrite a file that the
   command reads. */
bool line_open(struct cli *c, struct line *l);

/* The gradients that --grad, --output grad:NAME and the build ask for. */
struct gradients line_gradients(const struct line *l);
/* The steps of runtime/compiled.h, with the command's flags. */
struct pass_ctx line_pass_ctx(const struct line *l, const struct target *t);
struct pass_options line_pass_options(const struct line *l);
bool line_passes(const struct line *l, const struct target *t, const char *stop_after, struct compiled *out);
bool line_program(const struct line *l, const struct target *t, struct compiled *out);
/* Sets k->text, which the compiler for device_kind ("emu", or any GPU) gets. */
void line_text(const struct line *l, struct compiled *k, const char *device_kind);
/* Compiles k->text, or takes the build's code object if this version of tokic generates the same kernels as in the
   build. */
bool line_compile(const struct line *l, struct compiled *k, const char *device_kind);

/* list: the value of --target, "gfx90a,sm_90". */
bool line_targets(struct session *s, const char *list, const struct target *out[], size_t max, size_t *n);
/* The target when no device is named: the first of --target, else the build's first, else gfx90a. */
const struct target *line_target(const struct line *l);
/* The device of --device, else the first GPU, else (if or_emu) an emulator. NULL with a diagnostic if there is none
   (FAIL_DEVICE), or if --target names another target than the device's. */
struct device *line_device(const struct line *l, bool or_emu);
int line_threads(const struct cli *c);
/* Makes the directory of --dump-launches. A directory with files is refused, since old dumps could be taken for new
   ones. */
bool line_dump_dir(struct cli *c);

/* Binds inputs and parameters as the flags say. For a .graph file, sets l->hint to the value of the first symbolic dim,
   so that kernels are optimised for it. NULL with diagnostics. */
struct binding *line_bind(struct line *l, enum init_mode init_default);
/* The first line of --json output: the graph, its file and its dims; with a binding also the seed and where weights
   come from. */
struct cJSON *line_json(const struct line *l, const char *kind, const struct binding *b, enum init_mode init_default);
/* "weights: judge, seed 42" */
const char *line_weights_text(const struct line *l, enum init_mode init_default);
#endif
