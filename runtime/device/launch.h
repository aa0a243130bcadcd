#ifndef TOKIC_RUNTIME_DEVICE_LAUNCH_H
#define TOKIC_RUNTIME_DEVICE_LAUNCH_H
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"
#include "runtime/device/device.h"

/* Returns a launch of `k` for given dims, with grid, block, shared memory and packed arguments. `at`: addresses of the
   k->n_args buffers. The caller sets `function` and `buffers`. */
struct launch launch_of(struct arena *a, const struct kernel *k, const dptr *at, const struct dim_values *dims);
#endif
