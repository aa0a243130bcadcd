#ifndef TOKIC_RUNTIME_EMU_EMU_BLOCK_H
#define TOKIC_RUNTIME_EMU_EMU_BLOCK_H
/* Runs the blocks of a launch. Workers, one OS thread each, share the blocks. Within a worker the work-items of a block
   are fibers that run one after the other, wave by wave, and meet at barriers and wave operations. */
#include <stdatomic.h>

#include "codegen/prelude/emu_abi.h"
#include "runtime/emu/emu_check.h"
#include "runtime/emu/emu_matrix.h"

/* A launch being run. */
struct job {
    const struct target *target;
    const struct matrix_coords *coords;
    const struct launch *l;
    tk_entry *entry;
    uint64_t blocks;
    struct checker *checker; /* NULL: not checking */
    atomic_ullong next;      /* the next block to run */
    atomic_ullong failed;    /* the first block that failed */
};

/* The state of one OS thread. Its memory is kept from launch to launch. */
struct worker;
struct worker *workers_new(int n);
void workers_free(struct worker *w, int n);
/* The first worker's shared memory, of the target's size. */
unsigned char *workers_shared(struct worker *w);
/* Allocates the memory for a launch's blocks on n threads. false with a diagnostic. */
bool workers_prepare(struct worker *w, int n, struct session *s, struct job *job);
/* Runs the launch on n threads. false with a diagnostic at a line of `text`. */
bool workers_run(struct worker *w, int n, struct session *s, struct job *job, const struct source *text);
#endif
