/* The emulator as a device: memory, modules, launches. */
#include "runtime/emu/emu.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { GUARD = 256, GUARD_BYTE = 0xa5 };

struct memory {
    struct memory *next;
    unsigned char *block, *data; /* guard, data, guard */
    size_t bytes;
};

struct module {
    struct module *next;
    void *so;
    int fd;
    const struct source *text; /* the kernels, for diagnostics */
};

struct emu {
    struct device d;
    struct matrix_coords coords;
    bool checking;
    int n_workers;
    struct worker *workers;
    struct memory *memory;
    struct module *modules;
    double marks[2];
};

static struct emu *emu_of(struct device *d) { return (struct emu *)d; }

/* Tests make the n-th call of a device fail. */
static bool call_allowed(struct device *d, const char *call)
{
    if (d->s->faults.device_at <= 0 || --d->s->faults.device_at)
        return true;
    return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: %s failed (as the test asked)", d->name, call);
}

/* ---- memory ---- */

static bool emu_alloc(struct device *d, size_t bytes, dptr *out)
{
    struct emu *e = emu_of(d);
    if (!call_allowed(d, "alloc"))
        return false;
    struct memory *m = calloc(1, sizeof *m);
    void *block = NULL;
    if (!m || bytes > SIZE_MAX / 2 || posix_memalign(&block, GUARD, bytes + 2 * GUARD)) {
        free(m);
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: no memory for %zu bytes", d->name, bytes);
    }
    *m = (struct memory){ .next = e->memory, .block = block, .data = (unsigned char *)block + GUARD, .bytes = bytes };
    memset(m->block, GUARD_BYTE, GUARD);
    memset(m->data, FRESH_BYTE, bytes);
    memset(m->data + bytes, GUARD_BYTE, GUARD);
    e->memory = m;
    *out = (dptr)(uintptr_t)m->data;
    return true;
}

static bool guards_intact(const struct memory *m)
{
    for (int i = 0; i < GUARD; i++)
        if (m->block[i] != GUARD_BYTE || m->data[m->bytes + (size_t)i] != GUARD_BYTE)
            return false;
    return true;
}

static bool memory_check(struct device *d, struct memory *m)
{
    if (guards_intact(m))
        return true;
    memset(m->block, GUARD_BYTE, GUARD);
    memset(m->data + m->bytes, GUARD_BYTE, GUARD);
    return diag_error(
        d->s, FAIL_JUDGED, NOWHERE,
        "%s: a kernel wrote beyond the ends of an allocation of %zu bytes; the checking emulator can say which",
        d->name, m->bytes);
}

static void emu_free(struct device *d, dptr p)
{
    if (!p)
        return;
    for (struct memory **at = &emu_of(d)->memory; *at; at = &(*at)->next)
        if ((dptr)(uintptr_t)(*at)->data == p) {
            struct memory *m = *at;
            memory_check(d, m);
            *at = m->next;
            free(m->block);
            free(m);
            return;
        }
    BUG("%s: free of an address that was not allocated", d->name);
}

/* The bytes behind an address that must lie in one allocation. */
static unsigned char *bytes_at(struct device *d, dptr p, size_t bytes)
{
    unsigned char *at = (unsigned char *)(uintptr_t)p;
    for (const struct memory *m = emu_of(d)->memory; m; m = m->next)
        if (at >= m->data && at <= m->data + m->bytes && bytes <= (size_t)(m->data + m->bytes - at))
            return at;
    BUG("%s: a copy of %zu bytes leaves its allocation", d->name, bytes);
}

static bool emu_copy_in(struct device *d, dptr dst, const void *src, size_t bytes)
{
    if (!call_allowed(d, "copy to the device"))
        return false;
    if (bytes)
        memcpy(bytes_at(d, dst, bytes), src, bytes);
    return true;
}

static bool emu_copy_out(struct device *d, void *dst, dptr src, size_t bytes)
{
    if (!call_allowed(d, "copy from the device"))
        return false;
    if (bytes)
        memcpy(dst, bytes_at(d, src, bytes), bytes);
    return true;
}

static bool emu_copy(struct device *d, dptr dst, dptr src, size_t bytes)
{
    if (!call_allowed(d, "copy"))
        return false;
    if (bytes)
        memmove(bytes_at(d, dst, bytes), bytes_at(d, src, bytes), bytes);
    return true;
}

static bool emu_fill(struct device *d, dptr dst, int byte, size_t bytes)
{
    if (!call_allowed(d, "fill"))
        return false;
    if (bytes)
        memset(bytes_at(d, dst, bytes), byte, bytes);
    return true;
}

static bool emu_sync(struct device *d)
{
    bool ok = call_allowed(d, "sync");
    for (struct memory *m = emu_of(d)->memory; m; m = m->next)
        ok &= memory_check(d, m);
    return ok;
}

static bool emu_mark(struct device *d, int which)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    emu_of(d)->marks[which & 1] = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    return true;
}

static double emu_elapsed(struct device *d) { return emu_of(d)->marks[1] - emu_of(d)->marks[0]; }

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

/* From a file in memory, open as long as the module: dlopen knows libraries by name, and a number used again would be
   the old one. */
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
    if (!abi || *abi != TK_EMU_ABI || !checked || (*checked != 0) != emu_of(d)->checking)
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: the module was made for another kind of emulator", d->name);
    const char *text = dlsym(m->so, "tk_kernel_text");
    char *name = arena_printf(d->s->run, "kernels for %s", d->name);
    m->text = source_of_string(d->s, name, text ? text : "");
    return true;
}

static struct module *emu_load(struct device *d, const struct code *code)
{
    if (!call_allowed(d, "load"))
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

static bool emu_launch(struct device *d, struct module *m, const struct launch *l)
{
    struct emu *e = emu_of(d);
    struct job job = { .target = d->target,
                       .coords = &e->coords,
                       .l = l,
                       .blocks = (uint64_t)l->grid[0] * l->grid[1] * l->grid[2],
                       .failed = UINT64_MAX };
    if (!job.blocks)
        return true;
    if (!call_allowed(d, "launch"))
        return false;
    void *entry = dlsym(m->so, l->kernel);
    const int *block = kernel_number(m, l->kernel, "block");
    const int *args = kernel_number(m, l->kernel, "args_bytes");
    if (!entry || !block || !args)
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: the module has no kernel %s", d->name, l->kernel);
    memcpy(&job.entry, &entry, sizeof entry); /* C has no cast from an object's address to a function's */
    BUG_IF(l->block != (unsigned)*block || (int)l->block > d->target->max_block,
           "%s: %u work-items a block, its text says %d", l->kernel, l->block, *block);
    BUG_IF(l->args_size != (size_t)*args, "%s: %zu bytes of arguments, its text says %d", l->kernel, l->args_size,
           *args);
    if (l->smem > (unsigned)d->target->shared_bytes)
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: %s uses %u bytes of shared memory, there are %d", d->name,
                          l->kernel, l->smem, d->target->shared_bytes);
    /* One shadow, one thread: which findings there are may not hang on the threads. */
    int n = e->checking ? 1 : job.blocks < (uint64_t)e->n_workers ? (int)job.blocks : e->n_workers;
    if (!workers_prepare(e->workers, n, d->s, &job))
        return false;
    if (e->checking && !(job.checker = checker_new(d->target, l, workers_shared(e->workers))))
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: no memory for the shadow of %s", d->name, l->kernel);
    bool ok = workers_run(e->workers, n, d->s, &job, m->text);
    if (job.checker) {
        ok &= checker_report(job.checker, d->s, m->text);
        checker_free(job.checker);
    }
    return ok;
}

/* ---- open and close ---- */

static void emu_close(struct device *d)
{
    struct emu *e = emu_of(d);
    while (e->memory)
        emu_free(d, (dptr)(uintptr_t)e->memory->data);
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
    .load = emu_load,
    .launch = emu_launch,
    .sync = emu_sync,
    .mark = emu_mark,
    .elapsed = emu_elapsed,
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
    e->checking = checking;
    BUG_IF(t->matrix && !matrix_coords_of(t->matrix, t->wave, &e->coords), "the emulator has no lane map of %s",
           t->matrix->name);
    const char *name = arena_printf(s->run, "emu:%s", t->name);
    e->d = (struct device){ .ops = &emu_ops, .s = s, .target = t, .name = name, .spec = name };
    return &e->d;
}
