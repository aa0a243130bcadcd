#include "runtime/emu/emu_block.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/emu/emu_fiber.h"
#include "ir/memory.h"

enum wait { WAIT_NOT, WAIT_BLOCK, WAIT_WAVE, WAIT_SHUFFLE, WAIT_BALLOT, WAIT_MMA, WAIT_END };

/* A work-item and its fiber. In a launch that is not collective, one fiber runs all work-items of the block. */
struct lane {
    struct tk_item item; /* first member: lane_of casts a pointer to `item` to a pointer to the lane */
    struct fiber fiber;
    struct worker *worker;
    int items;
    enum wait wait;
    int line;
    uint64_t bits; /* operand of a shuffle or ballot, then its result */
    int source;
    struct matrix_regs regs;
};

struct worker {
    struct job *job;
    pthread_t thread;
    struct fiber home;
    struct lane *lanes;
    unsigned char *stacks, *smem;
    int cap;
    bool failed;
    uint64_t block;
    int line;
    char why[512];
};

static struct lane *lane_of(struct tk_item *me) { return (struct lane *)me; }

__attribute__((format(printf, 3, 4))) static void lane_fail(struct lane *me, int line, const char *fmt, ...)
{
    struct worker *w = me->worker;
    va_list ap;
    va_start(ap, fmt);
    w->failed = true;
    w->line = line;
    vsnprintf(w->why, sizeof w->why, fmt, ap);
    va_end(ap);
    fiber_switch(&me->fiber, &w->home, false);
    BUG("a work-item of a failed launch went on");
}

/* Switches to the next lane of the wave, or from the last one to the worker. */
static void lane_pass(struct lane *me, bool ends)
{
    struct worker *w = me->worker;
    ptrdiff_t next = me - w->lanes + 1;
    bool more = w->job->l->collective && next < (ptrdiff_t)w->job->l->block && next % w->job->target->wave;
    fiber_switch(&me->fiber, more ? &w->lanes[next].fiber : &w->home, ends);
}

static const char *wait_name(enum wait w)
{
    static const char *const names[] = {
        "runs",           "waits for the block",        "waits for its wave", "is at a shuffle",
        "is at a ballot", "is at a matrix instruction", "has ended"
    };
    return names[w];
}

static void lane_wait(struct lane *me, enum wait why, int line)
{
    if (!me->worker->job->l->collective)
        lane_fail(me, line, "thread %d %s in a launch that is not marked collective", me->item.tid, wait_name(why));
    me->wait = why;
    me->line = line;
    lane_pass(me, false);
}

static void host_sync_block(struct tk_item *me, int line) { lane_wait(lane_of(me), WAIT_BLOCK, line); }
static void host_sync_wave(struct tk_item *me, int line) { lane_wait(lane_of(me), WAIT_WAVE, line); }

static unsigned long long host_shuffle(struct tk_item *item, int line, unsigned long long bits, int source)
{
    struct lane *me = lane_of(item);
    me->bits = bits;
    me->source = source;
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
    lane_fail(lane_of(me), line, "the kernel uses %u bytes of shared memory, the launch gives %u", bytes,
              me->smem_bytes);
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

static const struct tk_host host = {
    .sync_block = host_sync_block,
    .sync_wave = host_sync_wave,
    .shuffle = host_shuffle,
    .ballot = host_ballot,
    .mma = host_mma,
    .shared = host_shared,
    .touch = host_touch,
    .issue = host_issue,
    .commit = host_commit,
    .wait = host_wait,
};

static void lane_run(struct fiber *f)
{
    struct lane *me = (struct lane *)(void *)((char *)f - offsetof(struct lane, fiber));
    const struct job *job = me->worker->job;
    job->entry(job->l->args, &me->item, me->items);
    me->wait = WAIT_END;
    me->line = 0;
    lane_pass(me, true);
}

/* Like lane_fail, for code that runs on the worker's own stack. Returns false. */
__attribute__((format(printf, 3, 4))) static bool block_fail(struct worker *w, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    w->failed = true;
    w->line = line;
    vsnprintf(w->why, sizeof w->why, fmt, ap);
    va_end(ap);
    return false;
}

/* True if lanes `first` to `first` + n - 1 have stopped at the same line, for the same reason. */
static bool lanes_agree(struct worker *w, int first, int n)
{
    const struct lane *a = &w->lanes[first];
    for (int i = 1; i < n; i++) {
        const struct lane *b = a + i;
        if (a->wait == b->wait && a->line == b->line)
            continue;
        const struct lane *early = a->wait == WAIT_END ? b : a;
        const struct lane *other = early == a ? b : a;
        char where[32] = "";
        if (other->wait != WAIT_END)
            snprintf(where, sizeof where, " at line %d", other->line);
        return block_fail(w, early->line, "divergent control: thread %d %s at line %d, thread %d %s%s",
                          (int)(early - w->lanes), wait_name(early->wait), early->line, (int)(other - w->lanes),
                          wait_name(other->wait), where);
    }
    return true;
}

static bool wave_shuffle(struct worker *w, int first, int n)
{
    uint64_t given[MATRIX_LANES];
    for (int i = 0; i < n; i++)
        given[i] = w->lanes[first + i].bits;
    for (int i = 0; i < n; i++) {
        struct lane *me = &w->lanes[first + i];
        if (me->source >= n)
            return block_fail(w, me->line, "thread %d reads lane %d of a wave of %d work-items", first + i, me->source,
                              n);
        me->bits = given[me->source];
    }
    return true;
}

/* Requires that all lanes of the wave have stopped at the same wave operation. */
static bool wave_serve(struct worker *w, int first, int n)
{
    const struct target *t = w->job->target;
    struct lane *lanes = &w->lanes[first];
    struct matrix_regs regs[MATRIX_LANES];
    uint64_t votes = 0;
    switch (lanes->wait) {
    case WAIT_WAVE:
        if (w->job->checker)
            checker_wave_barrier(w->job->checker, first / t->wave);
        return true;
    case WAIT_SHUFFLE: return wave_shuffle(w, first, n);
    case WAIT_BALLOT:
        for (int i = 0; i < n; i++)
            votes |= (lanes[i].bits & 1) << i;
        for (int i = 0; i < n; i++)
            lanes[i].bits = votes;
        return true;
    case WAIT_MMA:
        if (n != t->wave)
            return block_fail(w, lanes->line, "a matrix instruction in a wave of %d work-items", n);
        for (int i = 0; i < n; i++)
            regs[i] = lanes[i].regs;
        matrix_mma(t->matrix, w->job->coords, n, regs);
        return true;
    case WAIT_NOT:
    case WAIT_BLOCK:
    case WAIT_END: break;
    }
    BUG("a wave does not wait for a wave operation");
}

static bool wave_run(struct worker *w, int first, int n)
{
    for (;;) {
        fiber_switch(&w->home, &w->lanes[first].fiber, false);
        if (w->failed || !lanes_agree(w, first, n))
            return false;
        enum wait why = w->lanes[first].wait;
        if (why == WAIT_BLOCK || why == WAIT_END)
            return true;
        if (!wave_serve(w, first, n))
            return false;
    }
}

static void lanes_start(struct worker *w, uint64_t block, int lanes, int items)
{
    const struct launch *l = w->job->l;
    const struct target *t = w->job->target;
    int x = (int)(block % l->grid[0]);
    int y = (int)(block / l->grid[0] % l->grid[1]);
    int z = (int)(block / l->grid[0] / l->grid[1]);
    for (int i = 0; i < lanes; i++) {
        struct lane *me = &w->lanes[i];
        me->item = (struct tk_item){ .tid = i,
                                     .lane = i % t->wave,
                                     .wave = i / t->wave,
                                     .bid = { x, y, z },
                                     .smem = w->smem,
                                     .smem_bytes = l->smem,
                                     .host = &host };
        me->worker = w;
        me->items = items;
        me->wait = WAIT_NOT;
        me->line = 0;
        fiber_start(&me->fiber, w->stacks + (size_t)i * FIBER_STACK, lane_run);
    }
}

static bool stacks_intact(struct worker *w, int lanes)
{
    for (int i = 0; i < lanes; i++)
        if (!fiber_intact(&w->lanes[i].fiber))
            return block_fail(w, 0, "thread %d needs more private memory than the emulator's stack of %d KiB", i,
                              FIBER_STACK >> 10);
    return true;
}

static bool block_run(struct worker *w, uint64_t block)
{
    const struct launch *l = w->job->l;
    int lanes = l->collective ? (int)l->block : 1;
    int wave = w->job->target->wave;
    memset(w->smem, FRESH_BYTE, l->smem);
    if (w->job->checker)
        checker_block_begin(w->job->checker, (unsigned)block);
    lanes_start(w, block, lanes, (int)l->block / lanes);
    do {
        for (int first = 0; first < lanes; first += wave)
            if (!wave_run(w, first, lanes - first < wave ? lanes - first : wave))
                return false;
        if (!lanes_agree(w, 0, lanes))
            return false;
        if (w->job->checker && w->lanes->wait == WAIT_BLOCK)
            checker_block_barrier(w->job->checker);
    } while (w->lanes->wait != WAIT_END);
    if (w->job->checker)
        checker_block_end(w->job->checker);
    return stacks_intact(w, lanes);
}

/* Workers take blocks in ascending order. When a block fails, all lower blocks have started, and they run to their end.
   So the lowest failed block does not depend on the number of threads. */
static void *worker_run(void *arg)
{
    struct worker *w = arg;
    struct job *job = w->job;
    for (;;) {
        uint64_t block = atomic_fetch_add(&job->next, 1);
        if (block >= job->blocks || block > atomic_load(&job->failed))
            return NULL;
        if (block_run(w, block))
            continue;
        w->block = block;
        unsigned long long seen = atomic_load(&job->failed);
        while (block < seen && !atomic_compare_exchange_weak(&job->failed, &seen, block))
            continue;
        return NULL;
    }
}

static void worker_release(struct worker *w)
{
    fiber_stacks_free(w->stacks, w->cap);
    free(w->lanes);
    free(w->smem);
    w->stacks = NULL;
    w->lanes = NULL;
    w->smem = NULL;
    w->cap = 0;
}

struct worker *workers_new(int n)
{
    return memory_must(calloc((size_t)n, sizeof(struct worker)), (size_t)n * sizeof(struct worker));
}

void workers_free(struct worker *w, int n)
{
    for (int i = 0; i < n; i++)
        worker_release(&w[i]);
    free(w);
}

unsigned char *workers_shared(struct worker *w) { return w->smem; }

static bool worker_prepare(struct worker *w, struct job *job)
{
    int lanes = job->l->collective ? (int)job->l->block : 1;
    w->job = job;
    w->failed = false;
    w->home = (struct fiber){ 0 };
    if (w->cap >= lanes)
        return true;
    worker_release(w);
    w->lanes = calloc((size_t)lanes, sizeof *w->lanes);
    w->stacks = fiber_stacks_new(lanes);
    void *smem = NULL;
    if (posix_memalign(&smem, 256, (size_t)job->target->shared_bytes))
        smem = NULL;
    w->smem = smem;
    w->cap = w->stacks ? lanes : 0;
    if (w->lanes && w->stacks && w->smem)
        return true;
    worker_release(w);
    return false;
}

bool workers_prepare(struct worker *w, int n, struct session *s, struct job *job)
{
    for (int i = 0; i < n; i++)
        if (!worker_prepare(&w[i], job))
            return diag_error(s, FAIL_INPUT, NOWHERE, "emu:%s: no memory for the stacks of %u work-items",
                              job->target->name, job->l->block);
    return true;
}

bool workers_run(struct worker *w, int n, struct session *s, struct job *job, const struct source *text)
{
    int started = 1;
    while (started < n && !pthread_create(&w[started].thread, NULL, worker_run, &w[started]))
        started++;
    worker_run(w);
    for (int i = 1; i < started; i++)
        pthread_join(w[i].thread, NULL);
    for (int i = 0; i < started; i++) {
        if (!w[i].failed || w[i].block != atomic_load(&job->failed))
            continue;
        struct loc loc = { text, w[i].line, 1, 0 };
        return diag_error(s, FAIL_JUDGED, w[i].line ? loc : NOWHERE, "kernel %s, block %llu: %s", job->l->kernel,
                          (unsigned long long)w[i].block, w[i].why);
    }
    return true;
}
