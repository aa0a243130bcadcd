/* Work runs at submission, so nothing waits. Work in a recorded stream runs when the recording is submitted. */
#include "runtime/emu/emu_stream.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/emu/emu_memory.h"
#include "runtime/emu/emu_module.h"
#include "ir/memory.h"

struct stream {
    struct stream *next;
    struct captured *into; /* the current recording; NULL: none */
};

struct event {
    struct event *next;
    bool recorded;
    double seconds;
    struct captured *in; /* the recording that contains the event; NULL: none */
};

struct captured {
    struct captured *next;
    struct stream *origin;
    struct task *tasks;
    size_t n, cap;
};

static bool misuse(struct device *d, const char *what)
{
    return diag_error(d->s, FAIL_DEVICE, NOWHERE, "%s: %s", d->name, what);
}

static bool stream_lives(struct device *d, const struct stream *st)
{
    for (const struct stream *s = emu_of(d)->streams; s; s = s->next)
        if (s == st)
            return true;
    return !st || misuse(d, "work in a stream that was destroyed");
}

static void do_copy(struct emu *e, const struct task *w)
{
    memmove(memory_at(e, w->dst, w->bytes), memory_at(e, w->src, w->bytes), w->bytes);
    uint32_t *to = memory_held(e, w->dst, w->bytes);
    if (to)
        memmove(to, memory_held(e, w->src, w->bytes), w->bytes * sizeof *to);
}

static void do_fill(struct emu *e, const struct task *w, int byte, uint32_t holds)
{
    memset(memory_at(e, w->dst, w->bytes), byte, w->bytes);
    memory_hold(e, w->dst, w->bytes, holds);
}

static bool task_do(struct emu *e, const struct task *w)
{
    if (w->kind == TASK_LAUNCH)
        return emu_run(e, &w->launch);
    if (!w->bytes)
        return true;
    switch (w->kind) {
    case TASK_IN:
        memcpy(memory_at(e, w->dst, w->bytes), w->from, w->bytes);
        memory_hold(e, w->dst, w->bytes, HOLDS_ANY);
        break;
    case TASK_OUT: memcpy(w->to, memory_at(e, w->src, w->bytes), w->bytes); break;
    case TASK_COPY: do_copy(e, w); break;
    case TASK_FILL: do_fill(e, w, w->byte, HOLDS_ANY); break;
    case TASK_FORGET: do_fill(e, w, FRESH_BYTE, HOLDS_NOTHING); break;
    case TASK_LAUNCH: break;
    }
    return true;
}

static void *copy_of(const void *from, size_t bytes)
{
    void *to = memory_must(malloc(bytes ? bytes : 1), bytes);
    if (bytes)
        memcpy(to, from, bytes);
    return to;
}

/* Copies a launch's arguments and buffers, since the recording may outlive the caller's. */
static void task_keep(struct captured *c, const struct task *w)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 64;
        c->tasks = memory_must(realloc(c->tasks, c->cap * sizeof *c->tasks), c->cap * sizeof *c->tasks);
    }
    struct task *kept = &c->tasks[c->n++];
    *kept = *w;
    if (w->kind != TASK_LAUNCH)
        return;
    kept->launch.args = copy_of(w->launch.args, w->launch.args_size);
    kept->launch.buffers = copy_of(w->launch.buffers, w->launch.n_buffers * sizeof *w->launch.buffers);
}

bool emu_submit(struct device *d, struct stream *st, const struct task *w)
{
    static const char *const calls[] = { [TASK_IN] = "copy to the device",
                                         [TASK_OUT] = "copy from the device",
                                         [TASK_COPY] = "copy",
                                         [TASK_FILL] = "fill",
                                         [TASK_FORGET] = "forget",
                                         [TASK_LAUNCH] = "launch" };
    struct emu *e = emu_of(d);
    if (!emu_allows(d, calls[w->kind]) || !stream_lives(d, st))
        return false;
    if (!st && e->recording)
        return misuse(d, "work in the default stream while another is recorded");
    if (!st || !st->into)
        return task_do(e, w);
    task_keep(st->into, w);
    return true;
}

struct stream *emu_stream_new(struct device *d)
{
    if (!emu_allows(d, "stream"))
        return NULL;
    struct stream *st = memory_must(calloc(1, sizeof *st), sizeof *st);
    st->next = emu_of(d)->streams;
    return emu_of(d)->streams = st;
}

void emu_stream_free(struct device *d, struct stream *st)
{
    if (!st)
        return;
    if (st->into)
        emu_capture_drop(d, st);
    struct stream **at = &emu_of(d)->streams;
    while (*at && *at != st)
        at = &(*at)->next;
    BUG_IF(!*at, "%s: a stream is destroyed twice", d->name);
    *at = st->next;
    free(st);
}

bool emu_stream_sync(struct device *d, struct stream *st)
{
    if (!emu_allows(d, "sync of a stream") || !stream_lives(d, st))
        return false;
    if (st && st->into)
        return misuse(d, "sync of a stream that is recorded");
    return memory_intact(emu_of(d));
}

struct event *emu_event_new(struct device *d)
{
    if (!emu_allows(d, "event"))
        return NULL;
    struct event *ev = memory_must(calloc(1, sizeof *ev), sizeof *ev);
    ev->next = emu_of(d)->events;
    return emu_of(d)->events = ev;
}

void emu_event_free(struct device *d, struct event *ev)
{
    if (!ev)
        return;
    struct event **at = &emu_of(d)->events;
    while (*at && *at != ev)
        at = &(*at)->next;
    BUG_IF(!*at, "%s: an event is destroyed twice", d->name);
    *at = ev->next;
    free(ev);
}

bool emu_event_record(struct device *d, struct event *ev, struct stream *st)
{
    struct timespec t;
    if (!emu_allows(d, "record") || !stream_lives(d, st))
        return false;
    clock_gettime(CLOCK_MONOTONIC, &t);
    ev->recorded = true;
    ev->seconds = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    ev->in = st ? st->into : NULL;
    return true;
}

bool emu_event_wait(struct device *d, struct event *ev, struct stream *st)
{
    if (!emu_allows(d, "wait") || !stream_lives(d, st))
        return false;
    if (!ev->recorded)
        return misuse(d, "a stream waits for an event that was not recorded");
    if (!ev->in)
        return true;
    if (!st || ev->in != emu_of(d)->recording)
        return misuse(d, "a stream waits for an event of a recording that it is no part of");
    st->into = ev->in;
    return true;
}

double emu_event_seconds(struct device *d, struct event *from, struct event *to)
{
    if (!emu_allows(d, "time between events"))
        return -1;
    if (!from->recorded || !to->recorded || from->in || to->in) {
        misuse(d, "the time between events that were not recorded");
        return -1;
    }
    return to->seconds - from->seconds;
}

bool emu_capture_begin(struct device *d, struct stream *st)
{
    struct emu *e = emu_of(d);
    if (!emu_allows(d, "begin of a recording") || !stream_lives(d, st))
        return false;
    if (!st || e->recording)
        return misuse(d, "a recording begins in the default stream or within another");
    e->recording = memory_must(calloc(1, sizeof *e->recording), sizeof *e->recording);
    e->recording->origin = st;
    st->into = e->recording;
    return true;
}

static void recording_free(struct captured *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->tasks[i].kind == TASK_LAUNCH) {
            free((void *)c->tasks[i].launch.args);
            free((void *)c->tasks[i].launch.buffers);
        }
    free(c->tasks);
    free(c);
}

/* Ends the current recording. Events recorded during it become unrecorded. */
static struct captured *recording_close(struct emu *e)
{
    struct captured *c = e->recording;
    for (struct stream *s = e->streams; s; s = s->next)
        s->into = NULL;
    for (struct event *ev = e->events; ev; ev = ev->next)
        if (ev->in)
            ev->recorded = false;
    e->recording = NULL;
    return c;
}

struct captured *emu_capture_end(struct device *d, struct stream *st)
{
    struct emu *e = emu_of(d);
    if (!emu_allows(d, "end of a recording") || !stream_lives(d, st))
        return NULL;
    if (!e->recording || e->recording->origin != st) {
        misuse(d, "a recording ends in a stream where none began");
        return NULL;
    }
    struct captured *c = recording_close(e);
    c->next = e->captured;
    return e->captured = c;
}

void emu_capture_drop(struct device *d, struct stream *st)
{
    struct emu *e = emu_of(d);
    if (e->recording && e->recording->origin == st)
        recording_free(recording_close(e));
}

bool emu_captured_submit(struct device *d, struct captured *c, struct stream *st)
{
    struct emu *e = emu_of(d);
    if (!emu_allows(d, "submission of a recording") || !stream_lives(d, st))
        return false;
    if (e->recording)
        return misuse(d, "a recording is submitted while another is made");
    for (size_t i = 0; i < c->n; i++)
        if (!task_do(e, &c->tasks[i]))
            return false;
    return true;
}

void emu_captured_free(struct device *d, struct captured *c)
{
    if (!c)
        return;
    struct captured **at = &emu_of(d)->captured;
    while (*at && *at != c)
        at = &(*at)->next;
    BUG_IF(!*at, "%s: a recording is destroyed twice", d->name);
    *at = c->next;
    recording_free(c);
}

static bool task_uses(const struct task *w, dptr at, size_t bytes)
{
    if (w->kind != TASK_LAUNCH)
        return w->dst - at < bytes || w->src - at < bytes;
    for (size_t i = 0; i < w->launch.n_buffers; i++)
        if (w->launch.buffers[i].at - at < bytes)
            return true;
    return false;
}

bool captured_uses(const struct emu *e, dptr at, size_t bytes)
{
    for (const struct captured *c = e->captured; c; c = c->next)
        for (size_t i = 0; i < c->n; i++)
            if (task_uses(&c->tasks[i], at, bytes))
                return true;
    return false;
}

void streams_free(struct emu *e)
{
    struct device *d = &e->d;
    while (e->streams)
        emu_stream_free(d, e->streams);
    while (e->captured)
        emu_captured_free(d, e->captured);
    while (e->events)
        emu_event_free(d, e->events);
}
