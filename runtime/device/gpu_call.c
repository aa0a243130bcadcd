#include "runtime/device/gpu_call.h"

bool gpu_fault(struct gpu *g)
{
    struct faults *f = &g->d.s->faults;
    return f->device_at > 0 && --f->device_at == 0;
}

bool gpu_call_done(struct gpu *g, size_t field, int code)
{
    if (code == 0)
        return true;
    const char *name, *text;
    struct session *s = g->d.s;
    gpu_error_words(&g->api, code, &name, &text);
    g->failed = true;
    diag_error(s, FAIL_DEVICE, NOWHERE, "%s: %s failed: %s (%d), %s", g->d.spec,
               gpu_function_name(g->api.vendor, field), name, code, text);
    /* Kernels run asynchronously, so a later driver call reports a kernel's failure. */
    if (g->last)
        diag_note(s, NOWHERE, "the last kernel launched before it was %s", g->last);
    return false;
}

void gpu_release_done(struct gpu *g, size_t field, int code)
{
    if (!g->failed)
        gpu_call_done(g, field, code);
}

bool gpu_use(struct gpu *g)
{
    return g->api.vendor->cuda ? CALL(g, context_use, (g->context)) : CALL(g, device_use, (g->device));
}

bool gpu_use_release(struct gpu *g)
{
    if (!g->failed)
        return gpu_use(g);
    return g->api.vendor->cuda ? g->context && g->api.context_use(g->context) == 0 : g->api.device_use(g->device) == 0;
}
