#include <stdlib.h>
#include <unistd.h>

#include "runtime/emu/emu_memory.h"
#include "runtime/emu/emu_module.h"
#include "runtime/emu/emu_stream.h"
#include "ir/memory.h"

static void emu_free(struct device *d, dptr p)
{
    struct emu *e = emu_of(d);
    if (!p)
        return;
    BUG_IF(captured_uses(e, p, memory_size(e, p)), "%s: free of memory that recorded work uses", d->name);
    memory_drop(e, p);
}

static bool emu_copy_in(struct device *d, struct stream *st, dptr dst, const void *src, size_t bytes)
{
    return emu_submit(d, st, &(struct task){ .kind = TASK_IN, .dst = dst, .from = src, .bytes = bytes });
}

static bool emu_copy_out(struct device *d, struct stream *st, void *dst, dptr src, size_t bytes)
{
    return emu_submit(d, st, &(struct task){ .kind = TASK_OUT, .to = dst, .src = src, .bytes = bytes });
}

static bool emu_copy(struct device *d, struct stream *st, dptr dst, dptr src, size_t bytes)
{
    return emu_submit(d, st, &(struct task){ .kind = TASK_COPY, .dst = dst, .src = src, .bytes = bytes });
}

static bool emu_fill(struct device *d, struct stream *st, dptr dst, int byte, size_t bytes)
{
    return emu_submit(d, st, &(struct task){ .kind = TASK_FILL, .dst = dst, .byte = byte, .bytes = bytes });
}

static bool emu_forget(struct device *d, struct stream *st, dptr dst, size_t bytes)
{
    return emu_submit(d, st, &(struct task){ .kind = TASK_FORGET, .dst = dst, .bytes = bytes });
}

static bool emu_use(struct device *d)
{
    (void)d;
    return true;
}

static bool emu_launch(struct device *d, struct stream *st, const struct launch *l)
{
    return launch_is_empty(l) || emu_submit(d, st, &(struct task){ .kind = TASK_LAUNCH, .launch = *l });
}

/* Checks the guards around allocations even if a test makes this call fail, so that both errors are reported. */
static bool emu_sync(struct device *d)
{
    bool allowed = emu_allows(d, "sync");
    return memory_intact(emu_of(d)) && allowed;
}

static void emu_close(struct device *d)
{
    struct emu *e = emu_of(d);
    streams_free(e);
    memory_free(e);
    modules_free(e);
    workers_free(e->workers, e->n_workers);
    free(e);
}

static const struct device_ops emu_ops = {
    .kind = "emu",
    .close = emu_close,
    .alloc = emu_alloc,
    .free = emu_free,
    .copy_in = emu_copy_in,
    .copy_out = emu_copy_out,
    .copy = emu_copy,
    .fill = emu_fill,
    .forget = emu_forget,
    .load = emu_load,
    .find = emu_find,
    .prepare = emu_prepare,
    .use = emu_use,
    .launch = emu_launch,
    .sync = emu_sync,
    .stream_new = emu_stream_new,
    .stream_free = emu_stream_free,
    .stream_sync = emu_stream_sync,
    .event_new = emu_event_new,
    .event_free = emu_event_free,
    .event_record = emu_event_record,
    .event_wait = emu_event_wait,
    .event_seconds = emu_event_seconds,
    .capture_begin = emu_capture_begin,
    .capture_end = emu_capture_end,
    .capture_drop = emu_capture_drop,
    .captured_submit = emu_captured_submit,
    .captured_free = emu_captured_free,
};

/* Kernels are compiled with -mfma and -mf16c (runtime/compile/compile_host.c). */
static bool cpu_serves(struct session *s)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("fma") || !__builtin_cpu_supports("avx"))
        return diag_error(s, FAIL_DEVICE, NOWHERE, "the emulator needs a processor with AVX, FMA and F16C");
#endif
    (void)s;
    return true;
}

struct device *emu_open(struct session *s, const struct target *t, bool checking, int threads)
{
    if (!cpu_serves(s))
        return NULL;
    if (threads < 1)
        threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    struct emu *e = memory_must(calloc(1, sizeof *e), sizeof *e);
    e->n_workers = threads < 1 ? 1 : threads;
    e->workers = workers_new(e->n_workers);
    BUG_IF(t->matrix && !matrix_coords_of(t->matrix, t->wave, &e->coords), "the emulator has no lane map of %s",
           t->matrix->name);
    const char *name = arena_printf(s->run, "emu:%s", t->name);
    e->d = (struct device){ .ops = &emu_ops, .s = s, .target = t, .name = name, .spec = name, .checking = checking };
    return &e->d;
}
