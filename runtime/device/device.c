#include "runtime/device/device.h"

static bool grid_fits(struct device *d, const struct launch *l)
{
    const struct target *t = d->target;
    for (int i = 0; i < 3; i++)
        if (l->grid[i] > t->max_grid[i])
            return diag_error(d->s, FAIL_INPUT, l->loc,
                              "kernel %s needs a grid of %llu x %llu x %llu blocks, %s takes %llu x %llu x %llu",
                              l->kernel, (unsigned long long)l->grid[0], (unsigned long long)l->grid[1],
                              (unsigned long long)l->grid[2], d->spec, (unsigned long long)t->max_grid[0],
                              (unsigned long long)t->max_grid[1], (unsigned long long)t->max_grid[2]);
    if (l->grid[0] > t->max_items / l->block)
        return diag_error(d->s, FAIL_INPUT, l->loc,
                          "kernel %s needs %llu blocks of %u work-items, %s takes %llu work-items", l->kernel,
                          (unsigned long long)l->grid[0], l->block, d->spec, (unsigned long long)t->max_items);
    return true;
}

bool launch_fits(struct device *d, const struct launch *l)
{
    const struct target *t = d->target;
    BUG_IF(!l->block, "kernel %s is launched with empty blocks", l->kernel);
    if (l->block > (unsigned)t->max_block)
        return diag_error(d->s, FAIL_INPUT, l->loc, "kernel %s has %u work-items per block, %s takes %d", l->kernel,
                          l->block, d->spec, t->max_block);
    unsigned shared = l->smem > l->shared ? l->smem : l->shared;
    if (shared > (unsigned)t->shared_bytes)
        return diag_error(d->s, FAIL_INPUT, l->loc, "kernel %s uses %u bytes of shared memory, %s has %d per block",
                          l->kernel, shared, d->spec, t->shared_bytes);
    return grid_fits(d, l);
}
