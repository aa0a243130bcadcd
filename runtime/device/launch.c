#include "runtime/device/launch.h"

#include <string.h>

/* Layout: pointers, an int32 for each symbolic dim, padding to a multiple of 8 bytes. An empty struct has 8 bytes. */
static void pack_args(struct arena *a, const struct kernel *k, const dptr *at, const struct dim_values *dims,
                      struct launch *to)
{
    size_t size = k->n_args * sizeof(dptr) + k->n_dims * sizeof(int32_t);
    unsigned char *out = arena_alloc(a, size + sizeof(dptr));
    for (size_t i = 0; i < k->n_args; i++)
        memcpy(out + i * sizeof(dptr), &at[i], sizeof(dptr));
    for (size_t i = 0; i < k->n_dims; i++) {
        int32_t v = (int32_t)dims_eval(dims, k->dims[i].sym);
        memcpy(out + k->n_args * sizeof(dptr) + i * sizeof v, &v, sizeof v);
    }
    to->args = out;
    to->args_size = size ? (size + 7) / 8 * 8 : sizeof(dptr);
}

struct launch launch_of(struct arena *a, const struct kernel *k, const dptr *at, const struct dim_values *dims)
{
    struct launch l = { .kernel = k->name,
                        .loc = k->loc,
                        .block = (unsigned)k->block,
                        .smem = (unsigned)k->shared_bytes,
                        .collective = kernel_is_collective(k),
                        .early = kernel_may_start_early(k),
                        .n_buffers = k->n_args };
    for (int i = 0; i < 3; i++)
        l.grid[i] = k->grid[i] ? (uint64_t)dims_eval(dims, k->grid[i]) : 1;
    pack_args(a, k, at, dims, &l);
    return l;
}
