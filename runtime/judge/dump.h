#ifndef TOKIC_RUNTIME_JUDGE_DUMP_H
#define TOKIC_RUNTIME_JUDGE_DUMP_H
/* --dump-launches: every launch as a reproducer that another program can replay. In the directory:
     kernels.txt             the kernels' text: the same bytes for every compiler
     TARGET.o                the text's code object (emulated launches: if the target's compiler is there)
     emulated.so             emulated launches: the code that ran
     NNN-KERNEL/launch.json  kernel, grid, block, shared bytes; arguments in order, first the buffers as
                             {name, dtype, shape, before, after, written}, then i32 scalars
     NNN-KERNEL/argK.before.npy, argK.after.npy
     NNN-KERNEL/outK.want.npy, outK.bound.npy    verify only: the reference's K-th result and its error bounds (f64) */
#include "runtime/device/exec.h"

/* Writes the kernels' text and code into the directory, which is created if needed. From then on each launch also
   writes launch.json, its buffers before it, and its results after it. */
bool dump_begin(struct exec *e, const char *dir);
const char *dump_launch_dir(struct exec *e, size_t number);
#endif
