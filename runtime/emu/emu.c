/* The emulator as a device: modules, functions, launches. */
#include "runtime/emu/emu.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct module {
    struct module *next;
    void *so;
    int fd;
    const struct source *text; /* the kernels, for diagnostics */
};

struct function {
    struct module *module;
    tk_entry *entry;
    int block, args_bytes; /* as the text says */
};

/* Tests make the n-th call of a device fail. */
bool emu_allows(struct device *d, const char *call)
{
    if (d->s->faults.device_at <= 0 || --d->s->faults.device_at)
        return true;
    return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: %s failed (as the test asked)", d->name, call);
}

/* ---- work ---- */

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

/* Both are asked: what a failing call left in memory is said too. */
static bool emu_sync(struct device *d)
{
    bool allowed = emu_allows(d, "sync");
    return memory_intact(emu_of(d)) && allowed;
}

/* ---- modules ---- */

static void module_free(struct module *m)
{
    if (m->so)
        dlclose(m->so);
    if (m->fd >= 0)
        close(m->fd);
    free(m);
}

static bool write_all(int fd, const void *bytes, size_t n)
{
    for (const char *p = bytes; n;) {
        ssize_t put = write(fd, p, n);
        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

/* Opens the code from a file in memory. The file stays open as long as the module: dlopen identifies libraries by name,
   and a reused descriptor number would name the old library. */
static bool module_open(struct device *d, const struct code *code, struct module *m)
{
    char path[64];
    m->fd = memfd_create("tokic-module", MFD_CLOEXEC);
    if (m->fd < 0 || !write_all(m->fd, code->object, code->size))
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: no room for a module of %zu bytes", d->name, code->size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", m->fd);
    m->so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!m->so)
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: the module does not load: %s", d->name, dlerror());
    const int *abi = dlsym(m->so, "tk_abi");
    const int *checked = dlsym(m->so, "tk_is_checked");
    if (!abi || *abi != TK_EMU_ABI || !checked || (*checked != 0) != d->checking)
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: the module was made for another kind of emulator", d->name);
    const char *text = dlsym(m->so, "tk_kernel_text");
    char *name = arena_printf(d->s->run, "kernels for %s", d->name);
    m->text = source_of_string(d->s, name, text ? text : "");
    return true;
}

static struct module *emu_load(struct device *d, const struct code *code)
{
    if (!emu_allows(d, "load"))
        return NULL;
    struct module *m = calloc(1, sizeof *m);
    BUG_IF(!m, "out of memory");
    m->fd = -1;
    if (!module_open(d, code, m)) {
        module_free(m);
        return NULL;
    }
    m->next = emu_of(d)->modules;
    emu_of(d)->modules = m;
    return m;
}

/* ---- launches ---- */

static const int *kernel_number(struct module *m, const char *kernel, const char *what)
{
    char name[300];
    snprintf(name, sizeof name, "%s_%s", kernel, what);
    return dlsym(m->so, name);
}

static struct function *emu_find(struct device *d, struct module *m, const char *kernel)
{
    if (!emu_allows(d, "find"))
        return NULL;
    void *entry = dlsym(m->so, kernel);
    const int *block = kernel_number(m, kernel, "block");
    const int *args = kernel_number(m, kernel, "args_bytes");
    if (!entry || !block || !args) {
        diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: the module has no kernel %s", d->name, kernel);
        return NULL;
    }
    struct function *f = arena_new_of(d->s->run, struct function);
    *f = (struct function){ .module = m, .block = *block, .args_bytes = *args };
    memcpy(&f->entry, &entry, sizeof entry); /* C has no cast from an object's address to a function's */
    return f;
}

static bool emu_prepare(struct device *d, const struct launch *l)
{
    const struct function *f = l->function;
    BUG_IF(l->block != (unsigned)f->block, "%s: %u work-items a block, its text says %d", l->kernel, l->block,
           f->block);
    BUG_IF(l->args_size != (size_t)f->args_bytes, "%s: %zu bytes of arguments, its text says %d", l->kernel,
           l->args_size, f->args_bytes);
    return emu_allows(d, "prepare") && launch_fits(d, l);
}

static struct checker *shadow_of(struct emu *e, const struct launch *l)
{
    uint32_t **held = calloc(l->n_buffers + 1, sizeof *held);
    for (size_t i = 0; held && i < l->n_buffers; i++)
        held[i] = memory_held(e, l->buffers[i].at, l->buffers[i].bytes);
    struct checker *c = held ? checker_new(e->d.target, l, held, workers_shared(e->workers)) : NULL;
    free(held);
    return c;
}

bool emu_run(struct emu *e, const struct launch *l)
{
    struct device *d = &e->d;
    const struct source *text = l->function->module->text;
    struct job job = { .target = d->target,
                       .coords = &e->coords,
                       .l = l,
                       .entry = l->function->entry,
                       .blocks = l->grid[0] * l->grid[1] * l->grid[2],
                       .failed = UINT64_MAX };
    /* Checking uses one thread, since the findings must not depend on the thread count. */
    int n = d->checking ? 1 : job.blocks < (uint64_t)e->n_workers ? (int)job.blocks : e->n_workers;
    if (!workers_prepare(e->workers, n, d->s, &job))
        return false;
    if (d->checking && !(job.checker = shadow_of(e, l)))
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: no memory for the shadow of %s", d->name, l->kernel);
    bool ok = workers_run(e->workers, n, d->s, &job, text);
    if (job.checker) {
        checker_keep(job.checker);
        ok &= checker_report(job.checker, d->s, text);
        checker_free(job.checker);
    }
    return ok;
}

/* ---- open and close ---- */

static void emu_close(struct device *d)
{
    struct emu *e = emu_of(d);
    streams_free(e);
    memory_free(e);
    for (struct module *m = e->modules, *next; m; m = next) {
        next = m->next;
        module_free(m);
    }
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

/* The texts' fma and f16 conversions are these instructions (runtime/compile/compile_host.c). */
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
    struct emu *e = calloc(1, sizeof *e);
    BUG_IF(!e, "out of memory");
    e->n_workers = threads < 1 ? 1 : threads;
    e->workers = workers_new(e->n_workers);
    BUG_IF(t->matrix && !matrix_coords_of(t->matrix, t->wave, &e->coords), "the emulator has no lane map of %s",
           t->matrix->name);
    const char *name = arena_printf(s->run, "emu:%s", t->name);
    e->d = (struct device){ .ops = &emu_ops, .s = s, .target = t, .name = name, .spec = name, .checking = checking };
    return &e->d;
}
