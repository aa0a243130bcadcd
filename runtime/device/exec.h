#ifndef TOKIC_RUNTIME_DEVICE_EXEC_H
#define TOKIC_RUNTIME_DEVICE_EXEC_H
/* A compiled program on a device: memory, arguments, launches. Opening it prepares every launch for the bound dims;
   running it is a loop. */
#include "codegen/program.h"
#include "runtime/bind.h"
#include "runtime/device/device.h"

/* Bytes that are set to zero before a launch. */
struct zeroing {
    dptr at;
    size_t bytes;
};

/* A launch with everything that the device needs to know. */
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
    dptr activations, weights, inputs; /* one allocation each */
    size_t activation_bytes;
    dptr *at; /* address of each materialised node or source, by node id; 0: none */
    size_t n_at;
    dptr **scratch;            /* by group id: the address of each of its scratch buffers */
    struct prepared *launches; /* one for each launch of the program */
    size_t *first_launch;      /* by group id: number of the group's first launch; at the end n_launches */
    struct captured *captured; /* made by exec_capture; NULL: none yet */
    size_t *order;             /* checking device: the order of launches in this run */
    uint64_t seed;             /* checking device: the order's seed; each run takes the next */
    /* Called around each launch of exec_launch; NULL: not called. runtime/judge/dump.h sets them. */
    bool (*before)(struct exec *e, size_t launch, const struct launch *l);
    bool (*after)(struct exec *e, size_t launch);
    const char *dump_dir; /* where reproducers go; NULL: nowhere */
    const struct code *code;
};

/* Loads the code, allocates parameters, inputs and activations for these dims, uploads the bound sources, and prepares
   the launches. Sources are rounded once, to their node's storage; overflow is an error. NULL with diagnostics; a
   launch that the device would refuse is reported at its kernel's loc. */
struct exec *exec_open(struct session *s, const struct program *p, struct device *d, const struct code *code,
                       const struct binding *b);
void exec_close(struct exec *e);

/* Does one launch, given by its number in the program, with its zeroing and the hooks around it. Asynchronous if the
   device is. */
bool exec_launch(struct exec *e, size_t launch);
/* Does the launches of one group, in order. */
bool exec_group(struct exec *e, const struct group *gr);
/* Does all launches, in program order; on a checking device in a random order that the program's edges allow. exec_run
   also waits for them. */
bool exec_start(struct exec *e);
bool exec_run(struct exec *e);
/* Waits for all submitted work. */
bool exec_sync(struct exec *e);

/* exec_capture records all launches once, in program order and without hooks. exec_submit runs the recording,
   asynchronously if the device is. */
bool exec_capture(struct exec *e);
bool exec_submit(struct exec *e);

/* Reads back a materialised value or source, in the node's storage dtype. */
struct tensor *exec_read(struct exec *e, const struct node *n, struct arena *a);
/* Reads back a group's scratch, as a flat tensor. */
struct tensor *exec_read_scratch(struct exec *e, const struct group *gr, int scratch, struct arena *a);
/* Discards a group's results and scratch: every bit becomes one, a NaN in every float format. */
bool exec_forget(struct exec *e, const struct group *gr);

/* Fills `order` (p->n_launches numbers) with a random order of launches that the program's edges allow. exec_start
   takes such an order on a checking device. */
void exec_order(const struct program *p, uint64_t seed, size_t *order);
#endif
