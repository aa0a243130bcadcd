#ifndef TOKIC_RUNTIME_DEVICE_LAUNCH_H
#define TOKIC_RUNTIME_DEVICE_LAUNCH_H
/* From a kernel to what a device launches. */
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"
#include "runtime/device/device.h"

/* One launch of k over buffers at `at` (k->n_args addresses) for these dims: grid, block, shared memory, and the
   argument struct, which lives in the arena. What the buffers are for checkers, and the function, are the caller's. */
struct launch launch_of(struct arena *a, const struct kernel *k, const dptr *at, const struct dim_values *dims);
#endif
