#include "tests/support/edges.h"

#include <string.h>

/* ---- what launches touch ---- */

struct touch {
    dptr at;
    size_t bytes;
    bool write;
    const char *name;
};
struct touches {
    struct touch *v;
    size_t n;
};

/* Zeroing is done whether or not the launch has a block. */
static struct touches touches_of(const struct exec *e, struct arena *a, size_t launch)
{
    const struct prepared *p = &e->launches[launch];
    const struct launch *l = &p->launch;
    struct touches t = { .v = arena_array(a, struct touch, l->n_buffers + p->n_zero + 1) };
    for (size_t i = 0; i < l->n_buffers && !launch_is_empty(l); i++)
        t.v[t.n++] = (struct touch){ l->buffers[i].at, l->buffers[i].bytes, l->buffers[i].written, l->buffers[i].name };
    for (size_t i = 0; i < p->n_zero; i++)
        t.v[t.n++] = (struct touch){ p->zero[i].at, p->zero[i].bytes, true, "zeroed scratch" };
    return t;
}

static bool overlap(const struct touch *a, const struct touch *b)
{
    return a->at < b->at + b->bytes && b->at < a->at + a->bytes && a->bytes && b->bytes;
}

static const char *conflict_of(struct session *s, const struct touches *a, const struct touches *b)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            if ((a->v[i].write || b->v[k].write) && overlap(&a->v[i], &b->v[k]))
                return arena_printf(s->run, "%s %s, then %s %s", a->v[i].write ? "writes" : "reads", a->v[i].name,
                                    b->v[k].write ? "writes" : "reads", b->v[k].name);
    return NULL;
}

static bool is_output(const struct exec *e, const struct touch *x)
{
    for (size_t i = 0; i < e->p->g->n_outs; i++)
        if (e->at[e->p->g->outs[i].node->id] == x->at)
            return true;
    return false;
}

/* Is what launch `of` writes at x read by another launch, or an output? */
static bool is_used(const struct exec *e, const struct touches *t, size_t of, const struct touch *x)
{
    for (size_t i = 0; i < e->p->n_launches; i++)
        for (size_t k = 0; i != of && k < t[i].n; k++)
            if (!t[i].v[k].write && overlap(&t[i].v[k], x))
                return true;
    return is_output(e, x);
}

static bool matters(const struct exec *e, const struct touches *t, const struct conflict *c)
{
    for (size_t i = 0; i < t[c->from].n; i++)
        for (size_t k = 0; k < t[c->to].n; k++) {
            const struct touch *a = &t[c->from].v[i];
            const struct touch *b = &t[c->to].v[k];
            if (overlap(a, b) && a->write != b->write)
                return true;
            if (overlap(a, b) && a->write && (is_used(e, t, c->from, a) || is_used(e, t, c->to, b)))
                return true;
        }
    return false;
}

/* ---- what edges order ---- */

/* Row i: a bit for each launch from which a path leads to i. */
static uint64_t *paths(const struct program *p, struct arena *a, size_t words)
{
    uint64_t *before = arena_array(a, uint64_t, p->n_launches * words + 1);
    for (size_t i = 0; i < p->n_launches; i++)
        for (size_t k = 0; k < p->launches[i].n_after; k++) {
            size_t from = p->launches[i].after[k];
            BUG_IF(from >= i, "launch %zu comes after launch %zu", i, from);
            before[i * words + from / 64] |= UINT64_C(1) << from % 64;
            for (size_t w = 0; w < words; w++)
                before[i * words + w] |= before[from * words + w];
        }
    return before;
}

size_t edges_missing(const struct exec *e, struct conflict *out, size_t max)
{
    struct arena *a = arena_new();
    size_t n = e->p->n_launches;
    size_t words = (n + 63) / 64;
    const uint64_t *before = paths(e->p, a, words);
    struct touches *t = arena_array(a, struct touches, n + 1);
    size_t missing = 0;
    for (size_t i = 0; i < n; i++)
        t[i] = touches_of(e, a, i);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++) {
            if (before[i * words + k / 64] >> k % 64 & 1)
                continue;
            const char *what = conflict_of(e->s, &t[k], &t[i]);
            if (what && missing < max) {
                out[missing] = (struct conflict){ k, i, what, false };
                out[missing].matters = matters(e, t, &out[missing]);
            }
            missing += what != NULL;
        }
    arena_free(a);
    return missing;
}

/* ---- a device of addresses ---- */

struct paper {
    struct device d;
    dptr next;
};

static bool paper_alloc(struct device *d, size_t bytes, dptr *out)
{
    struct paper *p = (struct paper *)d;
    *out = p->next;
    p->next += (bytes / 4096 + 2) * 4096;
    return true;
}
static void paper_free(struct device *d, dptr p)
{
    (void)d;
    (void)p;
}
static bool paper_copy_in(struct device *d, struct stream *st, dptr dst, const void *src, size_t bytes)
{
    (void)d;
    (void)st;
    (void)dst;
    (void)src;
    (void)bytes;
    return true;
}
static bool paper_fill(struct device *d, struct stream *st, dptr dst, int byte, size_t bytes)
{
    (void)byte;
    return paper_copy_in(d, st, dst, NULL, bytes);
}
static struct module *paper_load(struct device *d, const struct code *code)
{
    (void)code;
    return (struct module *)d;
}
static struct function *paper_find(struct device *d, struct module *m, const char *kernel)
{
    (void)m;
    (void)kernel;
    return (struct function *)d;
}
static struct stream *paper_stream_new(struct device *d) { return (struct stream *)d; }
static void paper_stream_free(struct device *d, struct stream *st)
{
    (void)d;
    (void)st;
}
static void paper_captured_free(struct device *d, struct captured *c)
{
    (void)d;
    (void)c;
}

static const struct device_ops paper_ops = {
    .kind = "paper",
    .alloc = paper_alloc,
    .free = paper_free,
    .copy_in = paper_copy_in,
    .fill = paper_fill,
    .load = paper_load,
    .find = paper_find,
    .prepare = launch_fits,
    .stream_new = paper_stream_new,
    .stream_free = paper_stream_free,
    .captured_free = paper_captured_free,
};

struct device *paper_open(struct session *s, const struct target *t)
{
    struct paper *p = arena_new_of(s->run, struct paper);
    p->d = (struct device){ .ops = &paper_ops, .s = s, .target = t, .name = "paper", .spec = "paper" };
    p->next = (dptr)1 << 40;
    return &p->d;
}
