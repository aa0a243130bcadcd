/* The emulator as a device: memory, modules, launches. How a block runs is in the second half. */
#include "runtime/emu.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { GUARD = 256, GUARD_BYTE = 0xa5, FRESH_BYTE = 0xff };     /* fresh memory is NaN in every float format and -1 in integers */

struct memory {
    struct memory *next;
    unsigned char *block, *data;        /* guard, data, guard */
    size_t bytes;
};

struct module {
    struct module *next;
    void *so;
    int fd;
    const struct source *text;          /* the kernels, for diagnostics */
};

/* Why a work-item waits. */
enum wait { WAIT_NOT, WAIT_BLOCK, WAIT_WAVE, WAIT_SHUFFLE, WAIT_BALLOT, WAIT_MMA, WAIT_END };

/* One work-item, or, of a kernel without collectives, all of its block in turn. */
struct lane {
    struct tk_item item;                /* first: callbacks get its address */
    struct fiber fiber;
    struct worker *worker;
    int items;
    enum wait wait;
    int line;
    uint64_t bits;                      /* given to a shuffle or ballot, then its result */
    int source;
    struct matrix_regs regs;
};

/* One OS thread's share of a launch. Its memory is kept from launch to launch. */
struct worker {
    struct emu *emu;
    struct job *job;
    pthread_t thread;
    struct fiber home;
    struct lane *lanes;
    unsigned char *stacks, *smem;
    int cap;
    bool failed;
    uint64_t block;                     /* of the failure */
    int line;
    char why[512];
};

/* A launch under way. */
struct job {
    const struct launch *l;
    tk_entry *entry;
    uint64_t blocks;
    struct checker *checker;
    atomic_ullong next, failed;         /* the next block to run; the first block that failed */
};

struct emu {
    struct device d;
    struct tk_host host;
    struct matrix_places places;
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
    if (d->s->faults.device_at <= 0 || --d->s->faults.device_at) return true;
    return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: %s failed (as the test asked)", d->name, call);
}

/* ---- memory ---- */

static bool emu_alloc(struct device *d, size_t bytes, dptr *out)
{
    struct emu *e = emu_of(d);
    if (!call_allowed(d, "alloc")) return false;
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
        if (m->block[i] != GUARD_BYTE || m->data[m->bytes + (size_t)i] != GUARD_BYTE) return false;
    return true;
}

static bool memory_check(struct device *d, struct memory *m)
{
    if (guards_intact(m)) return true;
    memset(m->block, GUARD_BYTE, GUARD);
    memset(m->data + m->bytes, GUARD_BYTE, GUARD);
    return diag_error(d->s, FAIL_JUDGED, NOWHERE, "%s: a kernel wrote beyond the ends of an allocation of %zu bytes; the checking emulator can say which",
                      d->name, m->bytes);
}

static void emu_free(struct device *d, dptr p)
{
    if (!p) return;
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
        if (at >= m->data && at <= m->data + m->bytes && bytes <= (size_t)(m->data + m->bytes - at)) return at;
    BUG("%s: a copy of %zu bytes leaves its allocation", d->name, bytes);
}

static bool emu_copy_in(struct device *d, dptr dst, const void *src, size_t bytes)
{
    if (!call_allowed(d, "copy to the device")) return false;
    if (bytes) memcpy(bytes_at(d, dst, bytes), src, bytes);
    return true;
}

static bool emu_copy_out(struct device *d, void *dst, dptr src, size_t bytes)
{
    if (!call_allowed(d, "copy from the device")) return false;
    if (bytes) memcpy(dst, bytes_at(d, src, bytes), bytes);
    return true;
}

static bool emu_copy(struct device *d, dptr dst, dptr src, size_t bytes)
{
    if (!call_allowed(d, "copy")) return false;
    if (bytes) memmove(bytes_at(d, dst, bytes), bytes_at(d, src, bytes), bytes);
    return true;
}

static bool emu_fill(struct device *d, dptr dst, int byte, size_t bytes)
{
    if (!call_allowed(d, "fill")) return false;
    if (bytes) memset(bytes_at(d, dst, bytes), byte, bytes);
    return true;
}

static bool emu_sync(struct device *d)
{
    bool ok = call_allowed(d, "sync");
    for (struct memory *m = emu_of(d)->memory; m; m = m->next) ok &= memory_check(d, m);
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
    if (m->so) dlclose(m->so);
    if (m->fd >= 0) close(m->fd);
    free(m);
}

static bool write_all(int fd, const void *bytes, size_t n)
{
    for (const char *p = bytes; n;) {
        ssize_t put = write(fd, p, n);
        if (put <= 0) return false;
        p += put, n -= (size_t)put;
    }
    return true;
}

/* From a file in memory, open as long as the module: dlopen knows libraries by name, and a number used again would be the old one. */
static bool module_open(struct device *d, const struct code *code, struct module *m)
{
    char path[64];
    m->fd = memfd_create("tokic-module", MFD_CLOEXEC);
    if (m->fd < 0 || !write_all(m->fd, code->object, code->size))
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: no room for a module of %zu bytes", d->name, code->size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", m->fd);
    m->so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!m->so) return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: the module does not load: %s", d->name, dlerror());
    const int *abi = dlsym(m->so, "tk_abi"), *checked = dlsym(m->so, "tk_is_checked");
    if (!abi || *abi != TK_EMU_ABI || !checked || (*checked != 0) != emu_of(d)->checking)
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: the module was made for another kind of emulator", d->name);
    const char *text = dlsym(m->so, "tk_kernel_text");
    char *name = arena_printf(d->s->run, "kernels for %s", d->name);
    m->text = source_of_string(d->s, name, text ? text : "");
    return true;
}

static struct module *emu_load(struct device *d, const struct code *code)
{
    if (!call_allowed(d, "load")) return NULL;
    struct module *m = calloc(1, sizeof *m);
    BUG_IF(!m, "out of memory");
    m->fd = -1;
    if (!module_open(d, code, m)) { module_free(m); return NULL; }
    m->next = emu_of(d)->modules;
    emu_of(d)->modules = m;
    return m;
}

/* ---- how a block runs ---- */

static struct lane *lane_of(struct tk_item *me) { return (struct lane *)me; }

/* Gives up the launch: back to the worker's own stack, for good. */
__attribute__((format(printf, 3, 4))) static void lane_fail(struct lane *me, int line, const char *fmt, ...)
{
    struct worker *w = me->worker;
    va_list ap;
    va_start(ap, fmt);
    w->failed = true, w->line = line;
    vsnprintf(w->why, sizeof w->why, fmt, ap);
    va_end(ap);
    fiber_switch(&me->fiber, &w->home, false);
    BUG("a work-item of a failed launch went on");
}

/* To the next lane of the wave, which stands where this one stood before, or home after the last. */
static void lane_pass(struct lane *me, bool ends)
{
    struct worker *w = me->worker;
    ptrdiff_t next = me - w->lanes + 1;
    bool more = w->job->l->collective && next < (ptrdiff_t)w->job->l->block && next % w->emu->d.target->wave;
    fiber_switch(&me->fiber, more ? &w->lanes[next].fiber : &w->home, ends);
}

static const char *wait_name(enum wait w)
{
    static const char *const names[] = { "runs", "waits for the block", "waits for its wave", "is at a shuffle", "is at a ballot",
                                         "is at a matrix instruction", "has ended" };
    return names[w];
}

static void lane_wait(struct lane *me, enum wait why, int line)
{
    if (!me->worker->job->l->collective) lane_fail(me, line, "thread %d %s in a launch that is not marked collective", me->item.tid, wait_name(why));
    me->wait = why, me->line = line;
    lane_pass(me, false);
}

static void host_sync_block(struct tk_item *me, int line) { lane_wait(lane_of(me), WAIT_BLOCK, line); }
static void host_sync_wave(struct tk_item *me, int line) { lane_wait(lane_of(me), WAIT_WAVE, line); }

static unsigned long long host_shuffle(struct tk_item *item, int line, unsigned long long bits, int source)
{
    struct lane *me = lane_of(item);
    me->bits = bits, me->source = source;
    lane_wait(me, WAIT_SHUFFLE, line);
    return me->bits;
}

static unsigned long long host_ballot(struct tk_item *item, int line, int yes)
{
    struct lane *me = lane_of(item);
    me->bits = (uint64_t)yes;
    lane_wait(me, WAIT_BALLOT, line);
    return me->bits;
}

static void host_mma(struct tk_item *item, int line, float *c, const unsigned *a, const unsigned *b)
{
    struct lane *me = lane_of(item);
    me->regs = (struct matrix_regs){ c, a, b };
    lane_wait(me, WAIT_MMA, line);
}

static void host_shared(struct tk_item *me, int line, unsigned bytes)
{
    lane_fail(lane_of(me), line, "the kernel uses %u bytes of shared memory, the launch gives %u", bytes, me->smem_bytes);
}

static struct checker *checker_of(struct tk_item *me) { return lane_of(me)->worker->job->checker; }

static int host_touch(struct tk_item *me, int line, const void *at, int bytes, int write)
{
    return checker_touch(checker_of(me), me->tid, line, at, bytes, write != 0);
}

static void host_issue(struct tk_item *me, int line, void *dst, const void *src, int bytes, int on)
{
    checker_issue(checker_of(me), me->tid, line, dst, src, bytes, on != 0);
}

static void host_commit(struct tk_item *me) { checker_commit(checker_of(me), me->tid); }
static void host_wait(struct tk_item *me, int in_flight) { checker_wait(checker_of(me), me->tid, in_flight); }

static void lane_run(struct fiber *f)
{
    struct lane *me = (struct lane *)(void *)((char *)f - offsetof(struct lane, fiber));
    const struct job *job = me->worker->job;
    job->entry(job->l->args, &me->item, me->items);
    me->wait = WAIT_END, me->line = 0;
    lane_pass(me, true);
}

/* What only a fiber can record, recorded by the worker. */
__attribute__((format(printf, 3, 4))) static bool block_fail(struct worker *w, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    w->failed = true, w->line = line;
    vsnprintf(w->why, sizeof w->why, fmt, ap);
    va_end(ap);
    return false;
}

/* Do all lanes of [first, first + n) wait for the same thing at the same line? */
static bool lanes_agree(struct worker *w, int first, int n)
{
    const struct lane *a = &w->lanes[first];
    for (int i = 1; i < n; i++) {
        const struct lane *b = a + i;
        if (a->wait == b->wait && a->line == b->line) continue;
        const struct lane *early = a->wait == WAIT_END ? b : a, *other = early == a ? b : a;
        char where[32] = "";
        if (other->wait != WAIT_END) snprintf(where, sizeof where, " at line %d", other->line);
        return block_fail(w, early->line, "divergent control: thread %d %s at line %d, thread %d %s%s", (int)(early - w->lanes), wait_name(early->wait),
                          early->line, (int)(other - w->lanes), wait_name(other->wait), where);
    }
    return true;
}

static bool wave_shuffle(struct worker *w, int first, int n)
{
    uint64_t given[MATRIX_LANES];
    for (int i = 0; i < n; i++) given[i] = w->lanes[first + i].bits;
    for (int i = 0; i < n; i++) {
        struct lane *me = &w->lanes[first + i];
        if (me->source >= n) return block_fail(w, me->line, "thread %d reads lane %d of a wave of %d work-items", first + i, me->source, n);
        me->bits = given[me->source];
    }
    return true;
}

/* Does what all lanes of a wave wait for. */
static bool wave_serve(struct worker *w, int first, int n)
{
    const struct target *t = w->emu->d.target;
    struct lane *lanes = &w->lanes[first];
    struct matrix_regs regs[MATRIX_LANES];
    uint64_t votes = 0;
    switch (lanes->wait) {
    case WAIT_WAVE:
        if (w->job->checker) checker_wave_seam(w->job->checker, first / t->wave);
        return true;
    case WAIT_SHUFFLE:
        return wave_shuffle(w, first, n);
    case WAIT_BALLOT:
        for (int i = 0; i < n; i++) votes |= (lanes[i].bits & 1) << i;
        for (int i = 0; i < n; i++) lanes[i].bits = votes;
        return true;
    case WAIT_MMA:
        if (n != t->wave) return block_fail(w, lanes->line, "a matrix instruction in a wave of %d work-items", n);
        for (int i = 0; i < n; i++) regs[i] = lanes[i].regs;
        matrix_mma(t->matrix, &w->emu->places, n, regs);
        return true;
    case WAIT_NOT: case WAIT_BLOCK: case WAIT_END:
        break;
    }
    BUG("a wave does not wait for a wave operation");
}

/* Runs a wave until all of it waits for the block or has ended. */
static bool wave_run(struct worker *w, int first, int n)
{
    for (;;) {
        fiber_switch(&w->home, &w->lanes[first].fiber, false);
        if (w->failed || !lanes_agree(w, first, n)) return false;
        enum wait why = w->lanes[first].wait;
        if (why == WAIT_BLOCK || why == WAIT_END) return true;
        if (!wave_serve(w, first, n)) return false;
    }
}

static void lanes_start(struct worker *w, uint64_t block, int lanes, int items)
{
    const struct launch *l = w->job->l;
    const struct target *t = w->emu->d.target;
    int x = (int)(block % l->grid[0]), y = (int)(block / l->grid[0] % l->grid[1]), z = (int)(block / l->grid[0] / l->grid[1]);
    for (int i = 0; i < lanes; i++) {
        struct lane *me = &w->lanes[i];
        me->item = (struct tk_item){ .tid = i, .lane = i % t->wave, .wave = i / t->wave, .bid = { x, y, z },
                                     .smem = w->smem, .smem_bytes = l->smem, .host = &w->emu->host };
        me->worker = w, me->items = items, me->wait = WAIT_NOT, me->line = 0;
        fiber_start(&me->fiber, w->stacks + (size_t)i * FIBER_STACK, lane_run);
    }
}

static bool stacks_intact(struct worker *w, int lanes)
{
    for (int i = 0; i < lanes; i++)
        if (!fiber_intact(&w->lanes[i].fiber))
            return block_fail(w, 0, "thread %d needs more private memory than the emulator's stack of %d KiB", i, FIBER_STACK >> 10);
    return true;
}

static bool block_run(struct worker *w, uint64_t block)
{
    const struct launch *l = w->job->l;
    int lanes = l->collective ? (int)l->block : 1, wave = w->emu->d.target->wave;
    memset(w->smem, FRESH_BYTE, l->smem);
    if (w->job->checker) checker_block_begin(w->job->checker, (unsigned)block);
    lanes_start(w, block, lanes, (int)l->block / lanes);
    do {
        for (int first = 0; first < lanes; first += wave)
            if (!wave_run(w, first, lanes - first < wave ? lanes - first : wave)) return false;
        if (!lanes_agree(w, 0, lanes)) return false;
        if (w->job->checker && w->lanes->wait == WAIT_BLOCK) checker_block_seam(w->job->checker);
    } while (w->lanes->wait != WAIT_END);
    if (w->job->checker) checker_block_end(w->job->checker);
    return stacks_intact(w, lanes);
}

/* ---- launches ---- */

/* Blocks are handed out in order, so when one fails all before it are done or under way: the first failure does not hang on the threads. */
static void *worker_run(void *arg)
{
    struct worker *w = arg;
    struct job *job = w->job;
    for (;;) {
        uint64_t block = atomic_fetch_add(&job->next, 1);
        if (block >= job->blocks || block > atomic_load(&job->failed)) return NULL;
        if (block_run(w, block)) continue;
        w->block = block;
        unsigned long long seen = atomic_load(&job->failed);
        while (block < seen && !atomic_compare_exchange_weak(&job->failed, &seen, block)) continue;
        return NULL;
    }
}

static void worker_release(struct worker *w)
{
    fiber_stacks_free(w->stacks, w->cap);
    free(w->lanes);
    free(w->smem);
    w->stacks = NULL, w->lanes = NULL, w->smem = NULL, w->cap = 0;
}

/* Memory for blocks of `lanes` work-items, and the target's most of shared memory. */
static bool worker_prepare(struct worker *w, struct emu *e, struct job *job, int lanes)
{
    w->emu = e, w->job = job, w->failed = false;
    w->home = (struct fiber){ 0 };
    if (w->cap >= lanes) return true;
    worker_release(w);
    w->lanes = calloc((size_t)lanes, sizeof *w->lanes);
    w->stacks = fiber_stacks_new(lanes);
    void *smem = NULL;
    if (posix_memalign(&smem, GUARD, (size_t)e->d.target->shared_bytes)) smem = NULL;
    w->smem = smem;
    w->cap = w->stacks ? lanes : 0;
    if (w->lanes && w->stacks && w->smem) return true;
    worker_release(w);
    return diag_error(e->d.s, FAIL_DEVICE, NOWHERE, "%s: no memory for the stacks of %d work-items", e->d.name, lanes);
}

static bool workers_run(struct emu *e, struct job *job, const struct source *text)
{
    struct session *s = e->d.s;
    int lanes = job->l->collective ? (int)job->l->block : 1;
    int n = e->checking ? 1 : job->blocks < (uint64_t)e->n_workers ? (int)job->blocks : e->n_workers, started = 1;
    for (int i = 0; i < n; i++)
        if (!worker_prepare(&e->workers[i], e, job, lanes)) return false;
    while (started < n && !pthread_create(&e->workers[started].thread, NULL, worker_run, &e->workers[started])) started++;
    worker_run(&e->workers[0]);
    for (int i = 1; i < started; i++) pthread_join(e->workers[i].thread, NULL);
    for (int i = 0; i < started; i++) {
        struct worker *w = &e->workers[i];
        if (!w->failed || w->block != atomic_load(&job->failed)) continue;
        struct loc loc = { text, w->line, 1, 0 };
        return diag_error(s, FAIL_JUDGED, w->line ? loc : NOWHERE, "kernel %s, block %llu: %s", job->l->kernel, (unsigned long long)w->block, w->why);
    }
    return true;
}

static const int *kernel_number(struct module *m, const char *kernel, const char *what)
{
    char name[300];
    snprintf(name, sizeof name, "%s_%s", kernel, what);
    return dlsym(m->so, name);
}

static bool emu_launch(struct device *d, struct module *m, const struct launch *l)
{
    struct emu *e = emu_of(d);
    struct job job = { .l = l, .blocks = (uint64_t)l->grid[0] * l->grid[1] * l->grid[2], .failed = UINT64_MAX };
    if (!job.blocks) return true;
    if (!call_allowed(d, "launch")) return false;
    void *entry = dlsym(m->so, l->kernel);
    const int *block = kernel_number(m, l->kernel, "block"), *args = kernel_number(m, l->kernel, "args_bytes");
    if (!entry || !block || !args) return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: the module has no kernel %s", d->name, l->kernel);
    memcpy(&job.entry, &entry, sizeof entry);           /* C has no cast from an object's address to a function's */
    BUG_IF(l->block != (unsigned)*block || (int)l->block > d->target->max_block, "%s: %u work-items a block, its text says %d", l->kernel, l->block, *block);
    BUG_IF(l->args_size != (size_t)*args, "%s: %zu bytes of arguments, its text says %d", l->kernel, l->args_size, *args);
    if (l->smem > (unsigned)d->target->shared_bytes)
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: %s uses %u bytes of shared memory, there are %d", d->name, l->kernel, l->smem,
                          d->target->shared_bytes);
    if (e->checking && !worker_prepare(&e->workers[0], e, &job, l->collective ? (int)l->block : 1)) return false;
    if (e->checking && !(job.checker = checker_new(d->target, l, e->workers[0].smem)))
        return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: no memory for the shadow of %s", d->name, l->kernel);
    bool ok = workers_run(e, &job, m->text);
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
    while (e->memory) emu_free(d, (dptr)(uintptr_t)e->memory->data);
    for (struct module *m = e->modules, *next; m; m = next) { next = m->next; module_free(m); }
    for (int i = 0; i < e->n_workers; i++) worker_release(&e->workers[i]);
    free(e->workers);
    free(e);
}

static const struct device_ops emu_ops = {
    .kind = "emu", .close = emu_close, .alloc = emu_alloc, .free = emu_free, .copy_in = emu_copy_in, .copy_out = emu_copy_out, .copy = emu_copy,
    .fill = emu_fill, .load = emu_load, .launch = emu_launch, .sync = emu_sync, .mark = emu_mark, .elapsed = emu_elapsed,
};

static const struct tk_host host = {
    .sync_block = host_sync_block, .sync_wave = host_sync_wave, .shuffle = host_shuffle, .ballot = host_ballot, .mma = host_mma, .shared = host_shared,
    .touch = host_touch, .issue = host_issue, .commit = host_commit, .wait = host_wait,
};

/* The texts' fma and f16 conversions are these instructions (runtime/compile_host.c). */
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
    if (!cpu_serves(s)) return NULL;
    if (threads < 1) threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    struct emu *e = calloc(1, sizeof *e);
    BUG_IF(!e, "out of memory");
    e->n_workers = threads < 1 ? 1 : threads;
    e->workers = calloc((size_t)e->n_workers, sizeof *e->workers);
    BUG_IF(!e->workers, "out of memory");
    e->checking = checking;
    e->host = host;
    BUG_IF(t->matrix && !matrix_places_of(t->matrix, t->wave, &e->places), "the emulator has no lane map of %s", t->matrix->name);
    const char *name = arena_printf(s->run, "emu:%s", t->name);
    e->d = (struct device){ .ops = &emu_ops, .s = s, .target = t, .name = name, .spec = name };
    return &e->d;
}
