#ifndef TOKIC_RUNTIME_JUDGE_DUMP_H
#define TOKIC_RUNTIME_JUDGE_DUMP_H
/* --dump-launches saves every launch, so that another program can replay it. The directory contains:
     kernels.txt             the kernels' text, without a prelude
     TARGET.o                the text's code object (for emulated launches: if the target's compiler is installed)
     emulated.so             for emulated launches: the code that ran
     NNN-KERNEL/launch.json  kernel, grid, block, shared bytes; the arguments in order: first buffers as
                             {name, dtype, shape, before, after, written}, then i32 scalars
     NNN-KERNEL/argK.before.npy, argK.after.npy
     NNN-KERNEL/outK.want.npy, outK.bound.npy    verify only: the reference's K-th result and its error bounds (f64) */
#include "runtime/device/exec.h"

/* Creates `dir` and saves the kernels' text and code there. After this call, every launch saves its files there. */
bool dump_begin(struct exec *e, const char *dir);
const char *dump_launch_dir(struct exec *e, size_t number);
#endif
