#ifndef TOKIC_RUNTIME_DEVICE_LAUNCH_H
#define TOKIC_RUNTIME_DEVICE_LAUNCH_H
/* From a kernel to a launch record. */
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"
#include "runtime/device/device.h"

/* One launch of k on the buffers `at` (k->n_args addresses) for these dims: grid, block, shared memory, and the
   argument struct, which lives in the arena. The caller adds the function and the buffer records. */
struct launch launch_of(struct arena *a, const struct kernel *k, const dptr *at, const struct dim_values *dims);
#endif
