#ifndef TOKIC_RUNTIME_DEVICE_EXEC_H
#define TOKIC_RUNTIME_DEVICE_EXEC_H
/* A compiled program on a device: memory, arguments, launches. Opening it prepares every launch for the dims at hand;
   running it is a loop. */
#include "codegen/program.h"
#include "runtime/bind.h"
#include "runtime/device/device.h"

/* Bytes that are zero when a launch begins. */
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
    dptr *at; /* where each materialised node or source is, by node id; 0: nowhere */
    size_t n_at;
    dptr **scratch;            /* by group id: where each scratch of the group is */
    struct prepared *launches; /* one for each of the program's */
    size_t *first_launch;      /* by group id; one more at the end */
    struct captured *captured; /* exec_capture's; NULL: not yet */
    size_t *order;             /* of launches on a checking device; */
    uint64_t seed;             /* each run takes the next one */
    /* Called around each launch that exec_launch does; NULL: not. runtime/judge/dump.h sets them. */
    bool (*before)(struct exec *e, size_t launch, const struct launch *l);
    bool (*after)(struct exec *e, size_t launch);
    const char *dump_dir; /* where reproducers go; NULL: nowhere */
    const struct code *code;
};

/* Loads the code, places parameters, inputs and activations for these dims, uploads the bound sources (each rounded
   once into its node's storage; overflow is an error), prepares the launches. NULL with diagnostics: also at the kernel
   whose launch the device would refuse. */
struct exec *exec_open(struct session *s, const struct program *p, struct device *d, const struct code *code,
                       const struct binding *b);
void exec_close(struct exec *e);

/* One launch, by its number in the program, with the zeroing that it wants and the hooks around it. Asynchronous where
   the device is. */
bool exec_launch(struct exec *e, size_t launch);
/* The launches of one group, in order. */
bool exec_group(struct exec *e, const struct group *gr);
/* All launches, in program order; on a checking device in a random order that the program's edges allow. exec_run waits
   for them. */
bool exec_start(struct exec *e);
bool exec_run(struct exec *e);
/* Waits for all that was asked for. */
bool exec_sync(struct exec *e);

/* Records all launches once, in program order and without hooks; submit does the recording as a whole, asynchronously
   where the device is. */
bool exec_capture(struct exec *e);
bool exec_submit(struct exec *e);

/* A materialised value or source read back, in the node's storage dtype. */
struct tensor *exec_read(struct exec *e, const struct node *n, struct arena *a);
/* A group's scratch read back, as a flat tensor. */
struct tensor *exec_read_scratch(struct exec *e, const struct group *gr, int scratch, struct arena *a);
/* A group's results and scratch hold nothing from now on: ones in every bit (a NaN in every float format). */
bool exec_forget(struct exec *e, const struct group *gr);

/* The order in which exec_start launches on a checking device: any that the program's edges allow.
   order: p->n_launches numbers. */
void exec_order(const struct program *p, uint64_t seed, size_t *order);
#endif
