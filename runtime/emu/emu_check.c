/* Finds races and bad reads in a launch. A cell is an element of a buffer, or a byte of shared memory. Each cell has a
   record of its last accesses ("touches").

   Two counters stand for time. The epoch increases when a block starts and at each block barrier. Each wave has a
   count, which increases at each barrier of the wave.

   Two touches of a cell by different threads, one of them a write, are a race in these cases:
     - different blocks: no barrier orders blocks
     - one block, different waves, same epoch
     - one wave, same epoch, same count of the wave */
#include "runtime/emu/emu_check.h"
#include "ir/memory.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FINDINGS = 10, NOBODY = 0xffff, MAX_WAVES = 1024, MAX_BLOCK = 1024 };

enum fault { RACE, IN_FLIGHT, SOURCE_IN_FLIGHT, OUTSIDE, MISALIGNED, READ_ONLY, UNWRITTEN, OTHER_VALUE };

struct past {
    uint32_t epoch, wave_count, block;
    int32_t line;
    uint16_t tid;
};

struct cell {
    struct past write, read; /* the last write and the last read; epoch 0: none */
    /* Reads of the cell before `read`.
         other_*: the last one by another thread or block
         many_waves: several waves have read the cell in this epoch
         many_threads: several threads of a wave have read the cell since the wave's last barrier
         many_blocks: several blocks have read the cell */
    uint16_t other_tid;
    int32_t other_line;
    uint32_t other_block;
    bool many_waves, many_threads, many_blocks;
    bool written;     /* by this launch or an earlier one */
    uint16_t flying;  /* the thread whose asynchronous copy will write this cell, or NOBODY */
    uint16_t readers; /* number of unfinished asynchronous copies that read this cell */
    int32_t flying_line;
};

struct region {
    const char *name;
    unsigned char *at;
    size_t bytes;
    int elem;
    bool written, read, shared;
    uint32_t *held;     /* [i]: number of the value in byte i before the launch; NULL: unknown */
    uint32_t value;     /* launch_buffer.value; 0: unknown */
    struct cell *cells; /* NULL if the launch only reads the region */
};

/* An asynchronous copy in progress. `group`: number of its commit group, counted from 0 for each thread. `on` false:
   the copy writes zeros. */
struct flight {
    int line, group;
    void *dst;
    const void *src;
    int bytes;
    bool on;
};
struct flights {
    struct flight *list;
    int n, cap, committed;
};

struct finding {
    enum fault what;
    int line, other_line, tid, other_tid;
    unsigned block, other_block;
    const struct region *where;
    size_t elem;
    const void *at;
    bool write;
};

struct checker {
    const struct target *target;
    const struct launch *launch;
    struct region *regions;
    int n_regions, last;
    uint32_t block, epoch, block_start;
    uint32_t wave_count[MAX_WAVES];
    struct flights flights[MAX_BLOCK];
    struct finding findings[MAX_FINDINGS];
    int n_findings;
    uint64_t n_all;
};

static int by_address(const void *a, const void *b)
{
    const struct region *x = a;
    const struct region *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Buffers of an in-place operation overlap. They become one region. */
static void regions_merge(struct checker *c)
{
    int n = 0;
    for (int i = 0; i < c->n_regions; i++) {
        struct region *r = &c->regions[i];
        struct region *p = n ? &c->regions[n - 1] : NULL;
        if (!p || r->at >= p->at + p->bytes) {
            c->regions[n++] = *r;
            continue;
        }
        if (r->at + r->bytes > p->at + p->bytes)
            p->bytes = (size_t)(r->at + r->bytes - p->at);
        if (!p->written && r->written)
            p->name = r->name;
        if (p->value != r->value)
            p->value = 0;
        p->elem = p->elem < r->elem ? p->elem : r->elem;
        p->written |= r->written;
        p->read |= r->read;
    }
    c->n_regions = n;
}

/* The first number in bytes [from, end) of r->held that is not r->value, or else r->value. HOLDS_ANY does not count. */
static uint32_t value_held(const struct region *r, size_t from, size_t end)
{
    for (size_t i = from; r->value && r->held && i < end && i < r->bytes; i++)
        if (r->held[i] != r->value && r->held[i] != HOLDS_ANY)
            return r->held[i];
    return r->value;
}

static bool region_shadow(struct region *r)
{
    if (!r->written && !r->shared)
        return true;
    size_t n = (r->bytes + (size_t)r->elem - 1) / (size_t)r->elem;
    r->cells = calloc(n ? n : 1, sizeof *r->cells);
    if (!r->cells)
        return false;
    for (size_t i = 0; i < n; i++) {
        r->cells[i].flying = NOBODY;
        r->cells[i].written = r->read && value_held(r, i * (size_t)r->elem, (i + 1) * (size_t)r->elem) == r->value;
    }
    return true;
}

struct checker *checker_new(const struct target *t, const struct launch *l, uint32_t *const *held, unsigned char *smem)
{
    struct checker *c = calloc(1, sizeof *c);
    struct region *r = c ? c->regions = calloc(l->n_buffers + 1, sizeof *r) : NULL;
    if (!r) {
        checker_free(c);
        return NULL;
    }
    c->target = t;
    c->launch = l;
    for (size_t i = 0; i < l->n_buffers; i++) {
        const struct launch_buffer *b = &l->buffers[i];
        bool whole = (b->elem == 2 || b->elem == 4 || b->elem == 8) && b->bytes % (size_t)b->elem == 0;
        if (b->bytes)
            r[c->n_regions++] = (struct region){ .name = b->name,
                                                 .at = (unsigned char *)(uintptr_t)b->at,
                                                 .bytes = b->bytes,
                                                 .elem = whole ? b->elem : 1,
                                                 .written = b->written,
                                                 .read = b->read,
                                                 .held = held[i],
                                                 .value = b->value };
    }
    qsort(r, (size_t)c->n_regions, sizeof *r, by_address);
    regions_merge(c);
    if (l->smem)
        r[c->n_regions++] = (struct region){
            .name = "shared memory", .at = smem, .bytes = l->smem, .elem = 1, .written = true, .shared = true
        };
    qsort(r, (size_t)c->n_regions, sizeof *r, by_address);
    for (int i = 0; i < c->n_regions; i++)
        if (!region_shadow(&r[i])) {
            checker_free(c);
            return NULL;
        }
    return c;
}

void checker_free(struct checker *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->n_regions; i++)
        free(c->regions[i].cells);
    for (int i = 0; i < MAX_BLOCK; i++)
        free(c->flights[i].list);
    free(c->regions);
    free(c);
}

void checker_keep(struct checker *c)
{
    for (int k = 0; k < c->n_regions; k++) {
        const struct region *r = &c->regions[k];
        for (size_t i = 0; r->cells && r->held && i < r->bytes; i++)
            if (r->cells[i / (size_t)r->elem].write.epoch)
                r->held[i] = r->value ? r->value : HOLDS_ANY;
    }
}

static struct region *region_of(struct checker *c, const void *at, int bytes)
{
    const unsigned char *p = at;
    for (int i = 0; i < c->n_regions; i++) {
        struct region *r = &c->regions[(c->last + i) % c->n_regions];
        if (p < r->at || p + bytes > r->at + r->bytes)
            continue;
        c->last = (int)(r - c->regions);
        return r;
    }
    return NULL;
}

/* Counts every finding. Keeps up to MAX_FINDINGS, one for each (kind, line, other line, region). */
static void found(struct checker *c, struct finding f)
{
    c->n_all++;
    f.block = c->block;
    for (int i = 0; i < c->n_findings; i++) {
        const struct finding *g = &c->findings[i];
        if (g->what == f.what && g->line == f.line && g->other_line == f.other_line && g->where == f.where)
            return;
    }
    if (c->n_findings < MAX_FINDINGS)
        c->findings[c->n_findings++] = f;
}

static const char *touch_name(bool write) { return write ? "written" : "read"; }

static const char *other_end(struct session *s, const struct finding *f)
{
    if (f->other_tid == NOBODY)
        return "";
    if (f->other_block != f->block)
        return arena_printf(s->run, "thread %d of block %u at line %d", f->other_tid, f->other_block, f->other_line);
    return arena_printf(s->run, "thread %d at line %d", f->other_tid, f->other_line);
}

static const char *what_is_wrong(struct session *s, const struct finding *f)
{
    const char *touch = touch_name(f->write);
    const char *other = other_end(s, f);
    switch (f->what) {
    case RACE: return arena_printf(s->run, "race: %s, and touched by %s with no barrier between", touch, other);
    case IN_FLIGHT: return arena_printf(s->run, "%s while a copy into it is in flight, issued by %s", touch, other);
    case SOURCE_IN_FLIGHT: return arena_printf(s->run, "written while a copy out of it is in flight");
    case OUTSIDE: return arena_printf(s->run, "%s outside every buffer of the launch", touch);
    case MISALIGNED: return arena_printf(s->run, "%s at an address that is not aligned to its size", touch);
    case READ_ONLY: return arena_printf(s->run, "written, but the launch only reads it");
    case UNWRITTEN: return arena_printf(s->run, "read before anything was written there");
    case OTHER_VALUE: return arena_printf(s->run, "read, but another value was written there");
    }
    BUG("unknown finding");
}

/* "scores[37]", or the distance from the nearest buffer below the address. */
static const char *cell_name(struct session *s, const struct checker *c, const struct finding *f)
{
    const struct region *below = f->where;
    if (below)
        return arena_printf(s->run, below->shared ? "%s, byte %zu" : "%s[%zu]", below->name, f->elem);
    for (int i = 0; i < c->n_regions; i++)
        if (c->regions[i].at <= (const unsigned char *)f->at)
            below = &c->regions[i];
    if (!below)
        return "memory";
    return arena_printf(s->run, "%zd bytes from the start of %s (of %zu bytes)",
                        (const unsigned char *)f->at - below->at, below->name, below->bytes);
}

bool checker_report(struct checker *c, struct session *s, const struct source *text)
{
    for (int i = 0; i < c->n_findings; i++) {
        const struct finding *f = &c->findings[i];
        struct loc loc = { text, f->line, 1, 0 };
        diag_error(s, FAIL_JUDGED, loc, "kernel %s, thread %d, block %u: %s: %s", c->launch->kernel, f->tid, f->block,
                   cell_name(s, c, f), what_is_wrong(s, f));
    }
    if (c->n_all > (uint64_t)c->n_findings)
        diag_note(s, NOWHERE, "%llu findings in all in this launch of %s", (unsigned long long)c->n_all,
                  c->launch->kernel);
    return !c->n_all;
}

static int wave_of(const struct checker *c, int tid) { return tid / c->target->wave; }

static struct past now(const struct checker *c, int tid, int line)
{
    return (struct past){ c->epoch, c->wave_count[wave_of(c, tid)], c->block, line, (uint16_t)tid };
}

/* True if two touches are by different threads without a barrier between them. */
static bool unordered(const struct checker *c, const struct past *was, const struct past *me)
{
    if (!was->epoch)
        return false;
    if (was->block != me->block)
        return true;
    if (was->tid == me->tid || was->epoch != me->epoch)
        return false;
    return wave_of(c, was->tid) != wave_of(c, me->tid) || was->wave_count == me->wave_count;
}

/* True if the write `me` races with an earlier read of the cell. Stores that read's thread, line and block in `f`. */
static bool read_unordered(const struct checker *c, const struct cell *cell, const struct past *me, struct finding *f)
{
    const struct past *was = &cell->read;
    if (!was->epoch)
        return false;
    f->other_tid = was->tid;
    f->other_line = was->line;
    f->other_block = was->block;
    if (was->block != me->block || unordered(c, was, me))
        return true;
    if (was->epoch == me->epoch && (cell->many_waves || (cell->many_threads && was->wave_count == me->wave_count))) {
        if (was->tid == me->tid) {
            f->other_tid = cell->other_tid;
            f->other_line = cell->other_line;
        }
        return true;
    }
    if (cell->many_blocks) {
        f->other_tid = cell->other_tid;
        f->other_line = cell->other_line;
        f->other_block = cell->other_block;
    }
    return cell->many_blocks;
}

static void remember_read(const struct checker *c, struct cell *cell, const struct past *me)
{
    struct past *was = &cell->read;
    bool other_block = was->epoch && was->block != me->block;
    if (other_block || was->tid != me->tid) {
        cell->other_tid = was->tid;
        cell->other_line = was->line;
        cell->other_block = was->block;
    }
    if (!was->epoch || was->epoch != me->epoch)
        cell->many_waves = cell->many_threads = false;
    else if (was->tid != me->tid) {
        if (wave_of(c, was->tid) != wave_of(c, me->tid)) {
            cell->many_waves = true;
            cell->many_threads = false;
        } else
            cell->many_threads = was->wave_count == me->wave_count;
    } else if (was->wave_count != me->wave_count)
        cell->many_threads = false;
    cell->many_blocks |= other_block;
    *was = *me;
}

/* A block's first touch resets a cell of shared memory, which is empty when a block starts. */
static struct cell *cell_at(struct checker *c, struct region *r, size_t i)
{
    struct cell *cell = &r->cells[i];
    if (r->shared && cell->write.epoch < c->block_start && cell->read.epoch < c->block_start && cell->flying == NOBODY)
        *cell = (struct cell){ .flying = NOBODY };
    return cell;
}

static void touch_cell(struct checker *c, struct region *r, size_t i, const struct past *me, bool write, bool by_copy)
{
    struct cell *cell = cell_at(c, r, i);
    struct finding f = { .line = me->line, .tid = me->tid, .where = r, .elem = i, .write = write, .other_tid = NOBODY };
    if (cell->flying != NOBODY) {
        f.what = IN_FLIGHT;
        f.other_tid = cell->flying;
        f.other_line = cell->flying_line;
        f.other_block = c->block;
        found(c, f);
    } else if (write && cell->readers && !by_copy) {
        f.what = SOURCE_IN_FLIGHT;
        found(c, f);
    } else if (unordered(c, &cell->write, me)) {
        f.what = RACE;
        f.other_tid = cell->write.tid;
        f.other_line = cell->write.line;
        f.other_block = cell->write.block;
        found(c, f);
    } else if (write && read_unordered(c, cell, me, &f)) {
        f.what = RACE;
        found(c, f);
    } else if (!write && !cell->written) {
        size_t from = i * (size_t)r->elem;
        f.what = r->read && value_held(r, from, from + 1) != HOLDS_NOTHING ? OTHER_VALUE : UNWRITTEN;
        f.other_tid = NOBODY;
        f.other_line = 0;
        found(c, f);
    }
    if (write) {
        cell->write = *me;
        cell->written = true;
    } else
        remember_read(c, cell, me);
}

/* Returns NULL and adds a finding if the launch must not access these bytes. */
static struct region *region_asked(struct checker *c, int tid, int line, const void *at, int bytes, bool write)
{
    struct region *r = region_of(c, at, bytes);
    struct finding f = { .line = line, .tid = tid, .where = r, .at = at, .write = write, .other_tid = NOBODY };
    if (r)
        f.elem = (size_t)((const unsigned char *)at - r->at) / (size_t)r->elem;
    if (!r)
        f.what = OUTSIDE;
    else if ((uintptr_t)at % (uintptr_t)bytes)
        f.what = MISALIGNED;
    else if (write && !r->cells)
        f.what = READ_ONLY;
    else
        return r;
    found(c, f);
    return NULL;
}

static size_t first_cell(const struct region *r, const void *at)
{
    return (size_t)((const unsigned char *)at - r->at) / (size_t)r->elem;
}
static size_t end_cell(const struct region *r, const void *at, int bytes)
{
    return ((size_t)((const unsigned char *)at - r->at) + (size_t)bytes - 1) / (size_t)r->elem + 1;
}

/* Checks a read of a region that the launch does not write. Such a region has no cells. */
static void read_held(struct checker *c, struct region *r, const struct past *me, const void *at, int bytes)
{
    size_t from = (size_t)((const unsigned char *)at - r->at);
    uint32_t held = value_held(r, from, from + (size_t)bytes);
    if (held != r->value)
        found(c, (struct finding){ .what = held ? OTHER_VALUE : UNWRITTEN,
                                   .line = me->line,
                                   .tid = me->tid,
                                   .where = r,
                                   .elem = from / (size_t)r->elem,
                                   .other_tid = NOBODY });
}

static void touch_cells(struct checker *c, struct region *r, const struct past *me, const void *at, int bytes,
                        bool write, bool by_copy)
{
    if (!r->cells) {
        read_held(c, r, me, at, bytes);
        return;
    }
    for (size_t i = first_cell(r, at), end = end_cell(r, at, bytes); i < end; i++)
        touch_cell(c, r, i, me, write, by_copy);
}

bool checker_touch(struct checker *c, int tid, int line, const void *at, int bytes, bool write)
{
    struct region *r = region_asked(c, tid, line, at, bytes, write);
    struct past me = now(c, tid, line);
    if (r)
        touch_cells(c, r, &me, at, bytes, write, false);
    return r != NULL;
}

/* Asynchronous copies. A copy counts as a read of `src` and a write of `dst` twice: at its issue and at its completion.
   Between the two, any touch of `dst` and any write of `src` is a fault. The bytes are copied at completion. */

static void fly(struct checker *c, const struct flight *f, int tid, bool up)
{
    struct region *dst = region_of(c, f->dst, f->bytes);
    struct region *src = f->on ? region_of(c, f->src, f->bytes) : NULL;
    for (size_t i = first_cell(dst, f->dst), end = end_cell(dst, f->dst, f->bytes); i < end; i++) {
        dst->cells[i].flying = up ? (uint16_t)tid : NOBODY;
        dst->cells[i].flying_line = f->line;
    }
    if (!src || !src->cells)
        return;
    for (size_t i = first_cell(src, f->src), end = end_cell(src, f->src, f->bytes); i < end; i++) {
        if (up)
            src->cells[i].readers++;
        else
            src->cells[i].readers--;
    }
}

static void touch_ends(struct checker *c, const struct flight *f, int tid)
{
    struct past me = now(c, tid, f->line);
    if (f->on)
        touch_cells(c, region_of(c, f->src, f->bytes), &me, f->src, f->bytes, false, true);
    touch_cells(c, region_of(c, f->dst, f->bytes), &me, f->dst, f->bytes, true, true);
}

void checker_issue(struct checker *c, int tid, int line, void *dst, const void *src, int bytes, bool on)
{
    struct flights *mine = &c->flights[tid];
    if (!region_asked(c, tid, line, dst, bytes, true) || (on && !region_asked(c, tid, line, src, bytes, false)))
        return;
    if (mine->n == mine->cap) {
        mine->cap = mine->cap ? 2 * mine->cap : 16;
        size_t bytes = (size_t)mine->cap * sizeof *mine->list;
        mine->list = memory_must(realloc(mine->list, bytes), bytes);
    }
    struct flight *f = &mine->list[mine->n++];
    *f = (struct flight){ line, mine->committed, dst, src, bytes, on };
    touch_ends(c, f, tid);
    fly(c, f, tid, true);
}

void checker_commit(struct checker *c, int tid) { c->flights[tid].committed++; }

/* Completes a thread's copies of groups below `end`, in the order of issue. */
static void land(struct checker *c, int tid, int end)
{
    struct flights *mine = &c->flights[tid];
    int left = 0;
    for (int i = 0; i < mine->n; i++) {
        const struct flight f = mine->list[i];
        if (f.group >= end) {
            mine->list[left++] = f;
            continue;
        }
        fly(c, &f, tid, false);
        touch_ends(c, &f, tid);
        if (f.on)
            memcpy(f.dst, f.src, (size_t)f.bytes);
        else
            memset(f.dst, 0, (size_t)f.bytes);
    }
    mine->n = left;
}

void checker_wait(struct checker *c, int tid, int in_flight) { land(c, tid, c->flights[tid].committed - in_flight); }

void checker_block_begin(struct checker *c, unsigned block)
{
    c->block = block;
    c->block_start = ++c->epoch;
    memset(c->wave_count, 0, sizeof c->wave_count);
}

void checker_block_barrier(struct checker *c) { c->epoch++; }
void checker_wave_barrier(struct checker *c, int wave) { c->wave_count[wave]++; }

void checker_block_end(struct checker *c)
{
    for (unsigned tid = 0; tid < c->launch->block; tid++) {
        land(c, (int)tid, c->flights[tid].committed + 1);
        c->flights[tid].committed = 0;
    }
}
