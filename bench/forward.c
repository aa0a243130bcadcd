/* How long a graph's forward pass takes on a device: all launches in a stream between two events, warmed up, the median
   of several runs of many repetitions; then the same captured and submitted as a whole.

   usage: forward [--device nvidia:N | amd:N | emu:TARGET] [--runs N] [--times N] GRAPH[:SIZE[:BATCH]]...
   A line a graph: launches, µs a pass in a stream and captured, GB/s of the bytes that its groups read and write once,
   and, first, the device's own copy of 1 GiB for comparison. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/op.h"
#include "passes/pass.h"
#include "runtime/compiled.h"
#include "runtime/device/exec.h"

struct job {
    const char *spec;
    int runs, times;
};

static struct device *device_open(struct session *s, const char *spec)
{
    if (!strncmp(spec, "nvidia:", 7))
        return nvidia_open(s, atoi(spec + 7));
    if (!strncmp(spec, "amd:", 4))
        return amd_open(s, atoi(spec + 4));
    const struct target *t = !strncmp(spec, "emu:", 4) ? target_find(spec + 4) : NULL;
    return t ? emu_open(s, t, false, 1) : NULL;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median seconds of one `once`, `times` of them between two events. */
static double seconds_of(struct exec *e, const struct job *j, bool (*once)(struct exec *e))
{
    struct device *d = e->d;
    struct event *from = d->ops->event_new(d);
    struct event *to = d->ops->event_new(d);
    double *t = calloc((size_t)j->runs, sizeof *t);
    bool ok = from && to && t && once(e) && exec_sync(e);
    for (int r = 0; r < j->runs && ok; r++) {
        ok = d->ops->event_record(d, from, e->stream);
        for (int i = 0; i < j->times && ok; i++)
            ok = once(e);
        ok = ok && d->ops->event_record(d, to, e->stream);
        t[r] = ok ? d->ops->event_seconds(d, from, to) / j->times : -1;
    }
    qsort(t, (size_t)j->runs, sizeof *t, ascending);
    double median = ok ? t[j->runs / 2] : -1;
    free(t);
    d->ops->event_free(d, from);
    d->ops->event_free(d, to);
    return median;
}

/* Bytes that the groups read and write, each value once a group. */
static double bytes_of(const struct exec *e)
{
    double bytes = 0;
    for (size_t i = 0; i < e->p->g->n_groups; i++) {
        const struct group *gr = e->p->g->groups[i];
        for (size_t k = 0; k < gr->n_ins + gr->n_outs; k++) {
            const struct node *n = k < gr->n_ins ? gr->ins[k] : gr->outs[k - gr->n_ins];
            bytes += (double)type_count_at(&n->type, &e->dims) * dtype_size(n->storage);
        }
    }
    return bytes;
}

static bool compile_for(struct session *s, struct program *p, const struct device *d, struct code *out)
{
    struct compiled c = { .target = d->target, .program = p };
    c.text = compiled_text(s, d->target, d->ops->kind, false, p->text);
    bool good = compiled_code(s, d->ops->kind, false, &c);
    *out = c.code;
    return good;
}

static bool time_graph(struct session *s, struct device *d, char *spec, const struct job *j)
{
    char *path = strsep(&spec, ":");
    char *size = strsep(&spec, ":");
    char *batch = strsep(&spec, ":");
    const struct source *src = source_read(s, path);
    struct graph *g = src ? graph_parse(s, src, &(struct graph_options){ .size = size && *size ? size : NULL }) : NULL;
    struct pass_ctx c = pass_ctx_for(s, d->target);
    if (!g || !passes_run(g, &c, pipeline_all, NULL))
        return false;
    struct binding *b =
        bind_sources(s, g, &(struct bind_options){ .batch = batch && *batch ? atoll(batch) : -1, .seed = 42 });
    struct graph *after = graph_clone(g);
    if (!b || !passes_run(after, &c, pipeline_target, NULL))
        return false;
    struct program *p = codegen_program(s, after, d->target, c.hint);
    struct code code;
    struct exec *e = p && compile_for(s, p, d, &code) ? exec_open(s, p, d, &code, b) : NULL;
    if (!e)
        return false;
    double stream = seconds_of(e, j, exec_start);
    double whole = exec_capture(e) ? seconds_of(e, j, exec_submit) : -1;
    printf("%-48s %4zu launches %10.2f us in a stream %10.2f us captured %8.1f GB/s\n", path, p->n_launches,
           stream * 1e6, whole * 1e6, bytes_of(e) / whole * 1e-9);
    fflush(stdout);
    exec_close(e);
    return stream >= 0 && whole >= 0;
}

/* The device's own copy: what memory gives, read and write counted. */
static void time_copy(struct device *d)
{
    enum { TIMES = 20 };
    size_t bytes = (size_t)1 << (strcmp(d->ops->kind, "emu") ? 30 : 24);
    dptr a = 0;
    dptr b = 0;
    struct stream *st = d->ops->stream_new(d);
    struct event *from = d->ops->event_new(d);
    struct event *to = d->ops->event_new(d);
    if (!d->ops->alloc(d, bytes, &a) || !d->ops->alloc(d, bytes, &b) || !d->ops->copy(d, st, a, b, bytes))
        return;
    d->ops->event_record(d, from, st);
    for (int i = 0; i < TIMES; i++)
        d->ops->copy(d, st, a, b, bytes);
    d->ops->event_record(d, to, st);
    printf("%s: copy %.1f GB/s\n", d->name, 2.0 * (double)bytes * TIMES / d->ops->event_seconds(d, from, to) * 1e-9);
    d->ops->event_free(d, from);
    d->ops->event_free(d, to);
    d->ops->stream_free(d, st);
    d->ops->free(d, a);
    d->ops->free(d, b);
}

int main(int argc, char **argv)
{
    struct job j = { "nvidia:0", 5, 50 };
    int i = 1;
    for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
        if (!strcmp(argv[i], "--device"))
            j.spec = argv[i + 1];
        else if (!strcmp(argv[i], "--runs"))
            j.runs = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--times"))
            j.times = atoi(argv[i + 1]);
        else
            break;
    }
    int bad = i >= argc;
    int first = 0;
    for (; i < argc; i++) {
        struct session *s = session_begin();
        struct device *d = device_open(s, j.spec);
        if (d && first++ == 0)
            time_copy(d);
        if (!d || !time_graph(s, d, argv[i], &j)) {
            diags_print(s, 0, stderr, false);
            bad = 1;
        }
        if (d)
            d->ops->close(d);
        session_end(s);
    }
    return bad;
}
