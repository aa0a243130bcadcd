#include "runtime/emu/emu_device.h"

bool emu_allows(struct device *d, const char *call)
{
    if (d->s->faults.device_at <= 0 || --d->s->faults.device_at)
        return true;
    return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: %s failed (as the test asked)", d->name, call);
}
