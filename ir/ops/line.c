#include "ir/ops/line.h"

#include <string.h>

/* The shared values of AT_ONCE rows of a slab. In results of shape [outer, results, inner], a slab is one outer
   index. */
enum { AT_ONCE = 64 };
struct slab {
    int64_t index;
    bool known[AT_ONCE];
    NUM shared[AT_ONCE][LINE_SHARED];
};

struct lines {
    int64_t n, results, inner;
    const struct line_fns *f;
    void *ctx;
};

static void take(const struct lines *s, struct slab *slab, int64_t from, int64_t i)
{
    int64_t column = i % s->inner;
    int64_t at = column - from;
    int64_t outer = i / (s->results * s->inner);
    struct line l = { outer * s->n * s->inner + column, s->inner, s->n };
    if (outer != slab->index) {
        memset(slab->known, 0, sizeof slab->known);
        slab->index = outer;
    }
    if (!slab->known[at])
        s->f->row(s->ctx, &l, slab->shared[at]);
    slab->known[at] = true;
    s->f->result(s->ctx, &l, i, i / s->inner % s->results, slab->shared[at]);
}

void each_line(const struct ev *c, const struct line_fns *f, void *ctx)
{
    const struct view *x = &c->in[0];
    int axis = op_axis(c->n);
    struct lines s = { .n = x->dim[axis], .results = 1, .inner = 1, .f = f, .ctx = ctx };
    if (c->out.rank == x->rank)
        s.results = c->out.dim[axis];
    for (int i = axis + 1; i < x->rank; i++)
        s.inner *= x->dim[i];
    for (int64_t from = 0; from < s.inner; from += AT_ONCE) {
        struct slab slab = { .index = -1 };
        for (size_t r = 0; r < c->n_runs; r++)
            for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++)
                if (i % s.inner >= from && i % s.inner < from + AT_ONCE)
                    take(&s, &slab, from, i);
    }
}

const struct attr_def axis_attr = {
    .name = "axis",
    .kind = ATTR_INT,
    .value = { .i = -1 },
    .doc = "the dimension along which rows lie, from the end if negative; the last one if not given",
};

bool need_axis_attr(struct graph *g, const struct node *n)
{
    int axis;
    if (n->in[0]->type.rank < 1)
        return infer_error(g, n, 0, "must have at least 1 dimension");
    return need_axis(g, n, node_attr(n, op_attr(n->op, "axis"))->i, n->in[0]->type.rank, &axis);
}

static struct node *with_axis(struct builder *b, struct node *x, int axis)
{
    struct type t = x ? x->type : (struct type){ 0 };
    memmove(t.dim + axis + 1, t.dim + axis, sizeof *t.dim * (size_t)(t.rank - axis));
    t.dim[axis] = index_const(b->g->s->indices, 1);
    t.rank++;
    return build_reshape(b, x, &t);
}

struct node *build_along(struct builder *b, const char *op, struct node *x, int axis)
{
    int64_t *axes = arena_array(b->g->arena, int64_t, 1);
    *axes = axis == x->type.rank - 1 ? -1 : axis;
    return with_axis(b, build(b, op, &x, 1, (struct attr[]){ { .n = 1, .ints = axes }, { .i = false } }), axis);
}

struct node *build_on_axis(struct builder *b, struct node *v, const struct type *x, int axis)
{
    struct type t = v->type;
    for (int i = axis + 1; i < x->rank; i++)
        t.dim[t.rank++] = index_const(b->g->s->indices, 1);
    return build_reshape(b, v, &t);
}

struct node *build_sum_to_axis(struct builder *b, struct node *x, int axis)
{
    int64_t axes[MAX_RANK];
    int n = 0;
    for (int i = 0; i < x->type.rank; i++)
        if (i != axis)
            axes[n++] = i;
    return build_sum(b, x, axes, n, false);
}
