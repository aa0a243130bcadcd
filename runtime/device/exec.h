#ifndef TOKIC_RUNTIME_DEVICE_EXEC_H
#define TOKIC_RUNTIME_DEVICE_EXEC_H
/* A compiled program on a device. exec_open prepares all launches, so that a run only loops over them. */
#include "codegen/program.h"
#include "runtime/bind.h"
#include "runtime/device/device.h"

struct zeroing {
    dptr at;
    size_t bytes;
};

struct prepared {
    struct launch launch;
    struct zeroing *zero;
    size_t n_zero;
};

struct exec {
    struct session *s;
    const struct program *p;
    struct device *d;
    struct module *m;
    struct stream *stream;
    struct arena *arena;
    struct dim_values dims;
    dptr activations, weights, inputs;
    size_t activation_bytes;
    dptr *at; /* [node id]: device address of the node's value; 0: none */
    size_t n_at;
    dptr **scratch; /* [group id][number]: address of a scratch buffer */
    struct prepared *launches;
    size_t *first_launch; /* [group id]: index of the group's first launch; last entry: n_launches */
    struct captured *captured;
    size_t *order; /* for a checking device: the random order of this run */
    uint64_t seed; /* for a checking device: seed of `order`; each run adds 1 */
    /* exec_launch calls these before and after a launch. NULL: no call. */
    bool (*before)(struct exec *e, size_t launch, const struct launch *l);
    bool (*after)(struct exec *e, size_t launch);
    const char *dump_dir; /* directory for reproducers; NULL: none are written */
    const struct code *code;
};

/* Loads the code, allocates device memory for the bound dims, uploads parameters and inputs, and prepares the launches.
   Uploaded values are rounded to the storage dtype; overflow is an error. Returns NULL with diagnostics, also if the
   device cannot run one of the launches. */
struct exec *exec_open(struct session *s, const struct program *p, struct device *d, const struct code *code,
                       const struct binding *b);
void exec_close(struct exec *e);

/* Runs one launch. First zeroes the memory that the launch expects to be zero. May return before the device is done.
   `launch`: index in the program. */
bool exec_launch(struct exec *e, size_t launch);
bool exec_group(struct exec *e, const struct group *gr);
/* exec_start starts all launches in program order. On a checking device the order is random, but keeps the program's
   dependences. exec_sync waits for the end. exec_run does both. */
bool exec_start(struct exec *e);
bool exec_run(struct exec *e);
bool exec_sync(struct exec *e);

/* exec_capture records all launches once, in program order and without hooks. exec_submit runs the recording. */
bool exec_capture(struct exec *e);
bool exec_submit(struct exec *e);

/* Reads back the value of `n` in its storage dtype. Requires e->at[n->id] != 0. */
struct tensor *exec_read(struct exec *e, const struct node *n, struct arena *a);
/* Reads back a scratch buffer of a group, as a tensor of one dimension. */
struct tensor *exec_read_scratch(struct exec *e, const struct group *gr, int scratch, struct arena *a);
/* Discards a group's results and scratch by setting every bit to 1 (NaN in every float dtype). */
bool exec_forget(struct exec *e, const struct group *gr);

/* Fills `order`, p->n_launches numbers, with a random order that the program's dependences allow. */
void exec_order(const struct program *p, uint64_t seed, size_t *order);
#endif
