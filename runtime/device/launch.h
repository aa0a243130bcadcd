#ifndef TOKIC_RUNTIME_DEVICE_LAUNCH_H
#define TOKIC_RUNTIME_DEVICE_LAUNCH_H
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"
#include "runtime/device/device.h"

/* One launch of k for these dims: grid, block, shared memory and packed arguments. `at` has k->n_args addresses. The
   caller adds the function and the buffers. */
struct launch launch_of(struct arena *a, const struct kernel *k, const dptr *at, const struct dim_values *dims);
#endif
