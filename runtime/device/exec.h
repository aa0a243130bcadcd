#ifndef TOKIC_RUNTIME_DEVICE_EXEC_H
#define TOKIC_RUNTIME_DEVICE_EXEC_H
/* A compiled program on a device: memory, arguments, launches. */
#include "codegen/program.h"
#include "runtime/bind.h"
#include "runtime/device/device.h"

struct exec {
    struct session *s;
    const struct program *p;
    struct device *d;
    struct module *m;
    struct arena *arena;
    struct dim_values dims;
    dptr activations, weights, inputs; /* one allocation each */
    dptr *at;                          /* where each materialised node or source is, by node id; 0: nowhere */
    size_t n_at;
    dptr **scratch; /* by group id: where each scratch of the group is */
    /* Called around each launch; NULL: not. runtime/judge/dump.h sets them. */
    bool (*before)(struct exec *e, size_t launch, const struct launch *l);
    bool (*after)(struct exec *e, size_t launch);
    const char *dump_dir; /* where reproducers go; NULL: nowhere */
    const struct code *code;
};

/* Loads the code, places parameters, inputs and activations for these dims, uploads the bound sources (each rounded
   once into its node's storage; overflow is an error). NULL with diagnostics. */
struct exec *exec_open(struct session *s, const struct program *p, struct device *d, const struct code *code,
                       const struct binding *b);
void exec_close(struct exec *e);
/* One launch, by its number in the program; asynchronous where the device is. */
bool exec_launch(struct exec *e, size_t launch);
bool exec_run(struct exec *e); /* all launches, then sync */
/* Bytes of a group's scratch for these dims. */
size_t exec_scratch_bytes(const struct exec *e, const struct group *gr, int scratch);
/* A materialised value or source read back, in the node's storage dtype. */
struct tensor *exec_read(struct exec *e, const struct node *n, struct arena *a);
bool exec_fill(struct exec *e, const struct node *n, int byte);
#endif
