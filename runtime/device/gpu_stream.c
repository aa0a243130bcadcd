#include "runtime/device/gpu_stream.h"
#include "ir/memory.h"

#include <stdlib.h>

enum { CAPTURE_OF_THIS_THREAD = 1 }; /* "thread local" in both drivers: other threads may use the driver meanwhile */

struct stream {
    void *handle;
    struct stream *next;
};
struct event {
    void *handle;
    struct event *next;
};
struct captured {
    void *handle;
    struct captured *next;
};

void *gpu_stream_handle(const struct stream *st) { return st ? st->handle : NULL; }

static void *new_handle(size_t size) { return memory_must(calloc(1, size), size); }

struct stream *gpu_stream_new(struct device *d)
{
    struct gpu *g = gpu_of(d);
    void *handle = NULL;
    if (!gpu_use(g) || !CALL(g, stream_create, (&handle, 0)))
        return NULL;
    struct stream *st = new_handle(sizeof *st);
    *st = (struct stream){ handle, g->streams };
    return g->streams = st;
}

void gpu_stream_free(struct device *d, struct stream *st)
{
    struct gpu *g = gpu_of(d);
    struct stream **at = &g->streams;
    if (!st)
        return;
    while (*at && *at != st)
        at = &(*at)->next;
    BUG_IF(!*at, "%s: a stream is destroyed twice", d->spec);
    *at = st->next;
    if (gpu_use_release(g))
        RELEASE(g, stream_destroy, (st->handle));
    free(st);
}

bool gpu_stream_sync(struct device *d, struct stream *st)
{
    struct gpu *g = gpu_of(d);
    if (!gpu_use(g) || !CALL(g, stream_synchronize, (gpu_stream_handle(st))))
        return false;
    g->last = NULL;
    return true;
}

struct event *gpu_event_new(struct device *d)
{
    struct gpu *g = gpu_of(d);
    void *handle = NULL;
    if (!gpu_use(g) || !CALL(g, event_create, (&handle, 0)))
        return NULL;
    struct event *ev = new_handle(sizeof *ev);
    *ev = (struct event){ handle, g->events };
    return g->events = ev;
}

void gpu_event_free(struct device *d, struct event *ev)
{
    struct gpu *g = gpu_of(d);
    struct event **at = &g->events;
    if (!ev)
        return;
    while (*at && *at != ev)
        at = &(*at)->next;
    BUG_IF(!*at, "%s: an event is destroyed twice", d->spec);
    *at = ev->next;
    if (gpu_use_release(g))
        RELEASE(g, event_destroy, (ev->handle));
    free(ev);
}

bool gpu_event_record(struct device *d, struct event *ev, struct stream *st)
{
    struct gpu *g = gpu_of(d);
    return gpu_use(g) && CALL(g, event_record, (ev->handle, gpu_stream_handle(st)));
}

bool gpu_event_wait(struct device *d, struct event *ev, struct stream *st)
{
    struct gpu *g = gpu_of(d);
    return gpu_use(g) && CALL(g, stream_wait_event, (gpu_stream_handle(st), ev->handle, 0));
}

double gpu_event_seconds(struct device *d, struct event *from, struct event *to)
{
    struct gpu *g = gpu_of(d);
    float ms = 0;
    bool good = gpu_use(g) && CALL(g, event_synchronize, (from->handle)) && CALL(g, event_synchronize, (to->handle)) &&
                CALL(g, event_elapsed, (&ms, from->handle, to->handle));
    return good ? (double)ms * 1e-3 : -1;
}

bool gpu_capture_begin(struct device *d, struct stream *st)
{
    struct gpu *g = gpu_of(d);
    return gpu_use(g) && CALL(g, capture_begin, (gpu_stream_handle(st), CAPTURE_OF_THIS_THREAD));
}

void gpu_capture_drop(struct device *d, struct stream *st)
{
    struct gpu *g = gpu_of(d);
    void *graph = NULL;
    if (gpu_use_release(g) && !g->api.capture_end(gpu_stream_handle(st), &graph) && graph)
        (void)g->api.graph_destroy(graph);
}

struct captured *gpu_capture_end(struct device *d, struct stream *st)
{
    struct gpu *g = gpu_of(d);
    void *graph = NULL;
    void *handle = NULL;
    if (!gpu_use(g) || !CALL(g, capture_end, (gpu_stream_handle(st), &graph))) {
        gpu_capture_drop(d, st);
        return NULL;
    }
    bool good = CALL(g, graph_instantiate, (&handle, graph, 0));
    RELEASE(g, graph_destroy, (graph));
    if (!good)
        return NULL;
    struct captured *c = new_handle(sizeof *c);
    *c = (struct captured){ handle, g->captured };
    return g->captured = c;
}

bool gpu_captured_submit(struct device *d, struct captured *c, struct stream *st)
{
    struct gpu *g = gpu_of(d);
    return gpu_use(g) && CALL(g, graph_launch, (c->handle, gpu_stream_handle(st)));
}

void gpu_captured_free(struct device *d, struct captured *c)
{
    struct gpu *g = gpu_of(d);
    struct captured **at = &g->captured;
    if (!c)
        return;
    while (*at && *at != c)
        at = &(*at)->next;
    BUG_IF(!*at, "%s: a recording is destroyed twice", d->spec);
    *at = c->next;
    if (gpu_use_release(g))
        RELEASE(g, graph_exec_destroy, (c->handle));
    free(c);
}

void gpu_streams_free(struct gpu *g)
{
    while (g->captured)
        gpu_captured_free(&g->d, g->captured);
    while (g->events)
        gpu_event_free(&g->d, g->events);
    while (g->streams)
        gpu_stream_free(&g->d, g->streams);
}
