#ifndef TOKIC_RUNTIME_EMU_EMU_BLOCK_H
#define TOKIC_RUNTIME_EMU_EMU_BLOCK_H
/* Runs the blocks of a launch on several OS threads (workers). A worker runs the work-items of a block as fibers. A
   fiber runs until its next barrier or wave operation; then the worker switches to the next fiber. */
#include <stdatomic.h>

#include "codegen/prelude/emu_abi.h"
#include "runtime/emu/emu_check.h"
#include "runtime/emu/emu_matrix.h"

struct job {
    const struct target *target;
    const struct matrix_coords *coords;
    const struct launch *l;
    tk_entry *entry;
    uint64_t blocks;
    struct checker *checker; /* NULL: not checking */
    atomic_ullong next;
    atomic_ullong failed; /* the lowest number of a failed block */
};

/* An OS thread. Later launches reuse its memory. */
struct worker;
struct worker *workers_new(int n);
void workers_free(struct worker *w, int n);
unsigned char *workers_shared(struct worker *w);
/* Allocates stacks and shared memory for n threads. false with a diagnostic. */
bool workers_prepare(struct worker *w, int n, struct session *s, struct job *job);
/* Runs the launch on n threads. A failure is a diagnostic at a line of `text`, the source of the kernels. */
bool workers_run(struct worker *w, int n, struct session *s, struct job *job, const struct source *text);
#endif
