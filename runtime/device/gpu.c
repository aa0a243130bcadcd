/* The devices nvidia (libcuda) and amd (libamdhip64). Both use struct gpu_driver. */
#include "runtime/device/gpu_stream.h"

#include <stdlib.h>
#include <string.h>

enum {
    COMPUTE_CAPABILITY_MAJOR = 75,
    COMPUTE_CAPABILITY_MINOR = 76,         /* CUdevice_attribute */
    MAX_DYNAMIC_SHARED = 8,                /* CUfunction_attribute */
    PROGRAMMATIC_STREAM_SERIALIZATION = 6, /* CUlaunchAttributeID */
    SHARED_WITHOUT_OPT_IN = 48 << 10,
};

struct function {
    const char *name;
    void *handle;
    unsigned shared; /* CUDA: current limit on dynamic shared memory, in bytes */
};
struct module {
    void *handle;
    struct module *next;
};

static bool gpu_alloc(struct device *d, size_t bytes, dptr *out)
{
    struct gpu *g = gpu_of(d);
    size_t left, total;
    *out = 0;
    if (!gpu_use(g))
        return false;
    if (CALL(g, mem_alloc, (out, bytes ? bytes : 1)))
        return true;
    *out = 0;
    if (g->api.mem_info(&left, &total) == 0)
        diag_note(d->s, NOWHERE, "%zu bytes were asked for; %zu of %zu bytes are free", bytes, left, total);
    return false;
}

static void gpu_free(struct device *d, dptr p)
{
    struct gpu *g = gpu_of(d);
    if (p && gpu_use_release(g))
        RELEASE(g, mem_free, (p));
}

static bool gpu_copy_in(struct device *d, struct stream *st, dptr dst, const void *src, size_t bytes)
{
    struct gpu *g = gpu_of(d);
    void *on = gpu_stream_handle(st);
    return !bytes ||
           (gpu_use(g) && (st ? CALL(g, copy_in_async, (dst, src, bytes, on)) : CALL(g, copy_in, (dst, src, bytes))));
}

static bool gpu_copy_out(struct device *d, struct stream *st, void *dst, dptr src, size_t bytes)
{
    struct gpu *g = gpu_of(d);
    void *on = gpu_stream_handle(st);
    return !bytes ||
           (gpu_use(g) && (st ? CALL(g, copy_out_async, (dst, src, bytes, on)) : CALL(g, copy_out, (dst, src, bytes))));
}

static bool gpu_copy(struct device *d, struct stream *st, dptr dst, dptr src, size_t bytes)
{
    struct gpu *g = gpu_of(d);
    return !bytes || (gpu_use(g) && CALL(g, copy, (dst, src, bytes, gpu_stream_handle(st))));
}

static bool gpu_fill(struct device *d, struct stream *st, dptr dst, int byte, size_t bytes)
{
    struct gpu *g = gpu_of(d);
    return !bytes || (gpu_use(g) && CALL(g, fill, (dst, (unsigned char)byte, bytes, gpu_stream_handle(st))));
}

static bool gpu_forget(struct device *d, struct stream *st, dptr dst, size_t bytes)
{
    return gpu_fill(d, st, dst, 0xff, bytes);
}

static struct module *gpu_load(struct device *d, const struct code *code)
{
    struct gpu *g = gpu_of(d);
    void *handle = NULL;
    if (!gpu_use(g))
        return NULL;
    if (!CALL(g, module_load, (&handle, code->object))) {
        diag_note(d->s, NOWHERE, "the code was made for %s by %s; this device is %s (%s)",
                  code->target ? code->target->name : "an unknown target",
                  code->compiler ? code->compiler : "an unknown compiler", d->name, d->target->name);
        return NULL;
    }
    struct module *m = arena_new_of(d->s->run, struct module);
    *m = (struct module){ .handle = handle, .next = g->modules };
    return g->modules = m;
}

static struct function *gpu_find(struct device *d, struct module *m, const char *kernel)
{
    struct gpu *g = gpu_of(d);
    void *handle = NULL;
    if (!gpu_use(g))
        return NULL;
    if (!CALL(g, module_function, (&handle, m->handle, kernel))) {
        diag_note(d->s, NOWHERE, "the kernel asked for is %s", kernel);
        return NULL;
    }
    struct function *f = arena_new_of(d->s->run, struct function);
    *f = (struct function){ arena_strdup(d->s->run, kernel), handle, SHARED_WITHOUT_OPT_IN };
    return f;
}

static bool gpu_prepare(struct device *d, const struct launch *l)
{
    struct gpu *g = gpu_of(d);
    struct function *f = l->function;
    if (!launch_fits(d, l))
        return false;
    if (!g->api.vendor->cuda || l->shared <= f->shared)
        return true;
    if (!gpu_use(g) || !CALL(g, function_attribute, (f->handle, MAX_DYNAMIC_SHARED, (int)l->shared)))
        return false;
    f->shared = l->shared;
    return true;
}

static bool gpu_current(struct device *d) { return gpu_use(gpu_of(d)); }

/* The kernel may start before earlier launches end. The launch then takes a fifth less time on the host. */
static bool launch_early(struct gpu *g, void *stream, const struct launch *l, void **config)
{
    static const struct cuda_launch_attribute early = { .id = PROGRAMMATIC_STREAM_SERIALIZATION, .value.flag = 1 };
    struct cuda_launch how = { .grid = { (unsigned)l->grid[0], (unsigned)l->grid[1], (unsigned)l->grid[2] },
                               .block = { l->block, 1, 1 },
                               .shared = l->shared,
                               .stream = stream,
                               .attributes = &early,
                               .n_attributes = 1 };
    return CALL(g, launch_config, (&how, l->function->handle, NULL, config));
}

/* Passes the packed argument struct through `config`, which both drivers accept. */
static bool gpu_launch(struct device *d, struct stream *st, const struct launch *l)
{
    struct gpu *g = gpu_of(d);
    struct function *f = l->function;
    if (launch_is_empty(l))
        return true;
    size_t size = l->args_size;
    void *const param_pointer = (void *)1;
    void *const param_size = (void *)2; /* CU_LAUNCH_PARAM_BUFFER_POINTER and _SIZE; HIP has the same numbers */
    void *config[] = { param_pointer, (void *)(uintptr_t)l->args, param_size, &size, g->api.vendor->param_end };
    unsigned grid[] = { (unsigned)l->grid[0], (unsigned)l->grid[1], (unsigned)l->grid[2] };
    bool good = l->early && g->api.launch_config && d->target->early_launch
                    ? launch_early(g, gpu_stream_handle(st), l, config)
                    : CALL(g, launch,
                           (f->handle, grid[0], grid[1], grid[2], l->block, 1, 1, l->shared, gpu_stream_handle(st),
                            NULL, config));
    if (!good)
        diag_note(
            d->s, l->loc,
            "launching %s: grid %llu x %llu x %llu, %u work-items per block, %u bytes of shared memory, %zu bytes "
            "of arguments",
            f->name, (unsigned long long)l->grid[0], (unsigned long long)l->grid[1], (unsigned long long)l->grid[2],
            l->block, l->shared, l->args_size);
    g->last = f->name;
    return good;
}

static bool gpu_sync(struct device *d)
{
    struct gpu *g = gpu_of(d);
    if (!gpu_use(g) || !CALL(g, synchronize, ()))
        return false;
    g->last = NULL;
    return true;
}

static void gpu_close(struct device *d)
{
    struct gpu *g = gpu_of(d);
    gpu_streams_free(g);
    if (g->modules && gpu_use_release(g))
        for (struct module *m = g->modules; m; m = m->next)
            RELEASE(g, module_unload, (m->handle));
    if (g->context)
        RELEASE(g, context_release, (g->device));
    g->modules = NULL;
    g->context = NULL;
}

#define GPU_OPS                                                                                                        \
    .close = gpu_close, .alloc = gpu_alloc, .free = gpu_free, .copy_in = gpu_copy_in, .copy_out = gpu_copy_out,        \
    .copy = gpu_copy, .fill = gpu_fill, .forget = gpu_forget, .load = gpu_load, .find = gpu_find,                      \
    .prepare = gpu_prepare, .use = gpu_current, .launch = gpu_launch, .sync = gpu_sync, .stream_new = gpu_stream_new,  \
    .stream_free = gpu_stream_free, .stream_sync = gpu_stream_sync, .event_new = gpu_event_new,                        \
    .event_free = gpu_event_free, .event_record = gpu_event_record, .event_wait = gpu_event_wait,                      \
    .event_seconds = gpu_event_seconds, .capture_begin = gpu_capture_begin, .capture_end = gpu_capture_end,            \
    .capture_drop = gpu_capture_drop, .captured_submit = gpu_captured_submit, .captured_free = gpu_captured_free
static const struct device_ops nvidia_ops = { .kind = "nvidia", GPU_OPS };
static const struct device_ops amd_ops = { .kind = "amd", GPU_OPS };

static bool nvidia_arch(struct gpu *g, char arch[static 64])
{
    int major, minor;
    if (!CALL(g, device_attribute, (&major, COMPUTE_CAPABILITY_MAJOR, g->device)) ||
        !CALL(g, device_attribute, (&minor, COMPUTE_CAPABILITY_MINOR, g->device)))
        return false;
    snprintf(arch, 64, "sm_%d%d", major, minor);
    return true;
}

/* Finds "gfx90a" in hipDeviceProp_t. The offset depends on the HIP release; only the first 256 bytes, the device's
   name, are fixed. */
static bool amd_arch(struct gpu *g, char arch[static 64])
{
    enum { ROOM = 8192, NAME = 256 };
    char *props = arena_alloc(g->d.s->run, ROOM);
    bool six = g->api.properties_6 != NULL;
    if (!six && !g->api.properties)
        return diag_error(g->d.s, FAIL_DEVICE, NOWHERE, "%s: HIP has no hipGetDeviceProperties", g->d.spec);
    if (six ? !CALL(g, properties_6, (props, g->device)) : !CALL(g, properties, (props, g->device)))
        return false;
    for (const char *p = props + NAME; (p = memmem(p, (size_t)(props + ROOM - p), "gfx", 3)); p++) {
        size_t n = 3;
        while (p + n < props + ROOM && n < 63 && strchr("0123456789abcdef", p[n]) && p[n])
            n++;
        if (n < 6)
            continue;
        snprintf(arch, 64, "%.*s", (int)n, p);
        return true;
    }
    return diag_error(g->d.s, FAIL_DEVICE, NOWHERE, "%s: HIP does not tell the architecture of this device", g->d.spec);
}

static bool target_of(struct gpu *g, const char *arch)
{
    const char *known = "";
    g->d.target = target_find(arch);
    for (int i = 0; !g->d.target && target_at(i); i++)
        known = arena_printf(g->d.s->run, "%s %s", known, target_at(i)->name);
    return g->d.target || diag_error(g->d.s, FAIL_DEVICE, NOWHERE,
                                     "%s is %s (%s), an architecture that tokic has no target for. It has:%s",
                                     g->d.spec, g->d.name, arch, known);
}

static int count_of(struct session *s, const struct gpu_vendor *v, struct gpu_driver *api, const char **why)
{
    int n = 0;
    const char *name, *text;
    if (!gpu_driver_open(s, v, api, why))
        return 0;
    int code = api->init(0);
    if (!code)
        code = api->device_count(&n);
    if (code) {
        gpu_error_words(api, code, &name, &text);
        *why = arena_printf(s->run, "its driver says %s (%d), %s: %s", name, code, text, v->remedy);
        return 0;
    }
    *why = arena_printf(s->run, "its driver sees none: %s", v->remedy);
    return n > 0 ? n : 0;
}

static bool gpu_begin(struct gpu *g)
{
    struct session *s = g->d.s;
    bool cuda = g->api.vendor->cuda;
    char name[256] = "", arch[64];
    if (!CALL(g, device_get, (&g->device, g->ordinal)) ||
        !CALL(g, device_name, (name, (int)sizeof name - 1, g->device)))
        return false;
    g->d.name = arena_strdup(s->run, *name ? name : g->api.vendor->brand);
    if (!(cuda ? nvidia_arch(g, arch) : amd_arch(g, arch)) || !target_of(g, arch))
        return false;
    return (!cuda || CALL(g, context_retain, (&g->context, g->device))) && gpu_use(g);
}

static struct device *gpu_open(struct session *s, const struct gpu_vendor *v, const struct device_ops *ops, int ordinal)
{
    struct gpu *g = arena_new_of(s->run, struct gpu);
    const char *why;
    int n = count_of(s, v, &g->api, &why);
    g->d = (struct device){ .ops = ops, .s = s, .spec = arena_printf(s->run, "%s:%d", v->kind, ordinal) };
    g->ordinal = ordinal;
    if (!n) {
        diag_error(s, FAIL_DEVICE, NOWHERE, "no %s GPU: %s", v->brand, why);
        return NULL;
    }
    if (ordinal < 0 || ordinal >= n) {
        diag_error(s, FAIL_DEVICE, NOWHERE, "no device %s: this machine has %d of %s, numbered from 0", g->d.spec, n,
                   v->brand);
        return NULL;
    }
    if (gpu_begin(g)) {
        log_line(s, LOG_DEVICE, "%s is %s, target %s", g->d.spec, g->d.name, g->d.target->name);
        return &g->d;
    }
    gpu_close(&g->d);
    return NULL;
}

struct device *nvidia_open(struct session *s, int ordinal) { return gpu_open(s, &gpu_nvidia, &nvidia_ops, ordinal); }
struct device *amd_open(struct session *s, int ordinal) { return gpu_open(s, &gpu_amd, &amd_ops, ordinal); }

static int count(struct session *s, const struct gpu_vendor *v)
{
    struct gpu_driver api;
    const char *why;
    return count_of(s, v, &api, &why);
}

int nvidia_count(struct session *s) { return count(s, &gpu_nvidia); }
int amd_count(struct session *s) { return count(s, &gpu_amd); }
