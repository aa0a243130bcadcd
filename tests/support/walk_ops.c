#include "tests/support/walk_ops.h"

void op_walk_begin(struct op_walk *w, struct graph *g)
{
    *w = (struct op_walk){ .g = g, .store = DT_F64, .acc = DT_F64 };
    w->value = arena_array(g->arena, struct view, g->next_id);
    w->err = arena_array(g->arena, double *, g->next_id);
}

struct view op_walk_view(struct arena *a, const struct type *t)
{
    struct view v = { .dtype = t->dtype, .rank = t->rank, .count = 1, .last = 1 };
    for (int i = 0; i < t->rank; i++) {
        BUG_IF(!index_const_value(t->dim[i], &v.dim[i]), "a test's dimension is not constant");
        v.count *= v.last = v.dim[i];
    }
    v.v = arena_array(a, NUM, v.count + 1);
    return v;
}

void op_walk_bind(struct op_walk *w, const struct node *n, struct view v, double *err)
{
    w->value[n->id] = v;
    w->err[n->id] = err;
}

struct run *op_walk_rows(struct arena *a, const struct view *v, size_t *n)
{
    *n = v->count ? (size_t)(v->count / v->last) : 0;
    struct run *runs = arena_array(a, struct run, *n + 1);
    for (size_t r = 0; r < *n; r++)
        runs[r] = (struct run){ (int64_t)r * v->last, (int64_t)(r + 1) * v->last };
    return runs;
}

void op_walk_frame(struct op_walk *w, const struct node *n, struct ev *c)
{
    struct view *in = arena_array(w->g->arena, struct view, n->n_in + 1);
    for (int i = 0; i < n->n_in; i++)
        in[i] = w->value[n->in[i]->id];
    *c = (struct ev){ .kind = w->kind,
                      .s = w->g->s,
                      .n = n,
                      .n_in = n->n_in,
                      .in = in,
                      .acc = w->acc,
                      .store = w->store,
                      .key = w->key };
    c->out = op_walk_view(w->g->arena, &n->type);
    c->runs = op_walk_rows(w->g->arena, &c->out, &c->n_runs);
}

void op_walk_bound(struct op_walk *w, const struct ev *c, double *e_out)
{
    const double **e_in = arena_array(w->g->arena, const double *, c->n_in + 1);
    for (int i = 0; i < c->n_in; i++)
        e_in[i] = w->err[c->n->in[i]->id];
    struct work work;
    struct sum_record sum = { 1, { { .block = 1 } } };
    op_work(w->g->s, c->n, &work);
    BUG_IF(!index_const_value(work.sum_length, &sum.level[0].chain), "a test's sum has no constant length");
    struct bd b = { .v = *c,
                    .e_in = e_in,
                    .e_out = e_out,
                    .u = w->kernel ? 0x1p-24 : 0x1p-53,
                    .sum = w->kernel ? &sum : NULL,
                    .kernel = w->kernel };
    op_bound(&b);
}

void op_walk_run(struct op_walk *w)
{
    for (size_t i = 0; i < w->g->n_nodes; i++) {
        const struct node *n = w->g->nodes[i];
        if (w->value[n->id].v)
            continue;
        struct ev c;
        op_walk_frame(w, n, &c);
        op_eval(&c);
        w->value[n->id] = c.out;
        if (!w->bounds)
            continue;
        w->err[n->id] = arena_array(w->g->arena, double, c.out.count + 1);
        op_walk_bound(w, &c, w->err[n->id]);
    }
}

/* New nodes stand at the end; those among them that are composites are expanded in turn. */
struct node *op_walk_expand(struct graph *g, struct node *n)
{
    struct node *top = n;
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *old = g->nodes[i];
        if (!op_is_composite(old->op))
            continue;
        struct builder b = build_at(g, old);
        struct node *by = old->op->kernel.expand(&b, old);
        BUG_IF(!by, "%s does not expand", old->op->call.name);
        node_replace(g, old, by);
        if (old == top)
            top = by;
        for (size_t j = i; j + 1 < g->n_nodes; j++)
            g->nodes[j] = g->nodes[j + 1]; /* old has no users left */
        g->n_nodes--;
        i--;
    }
    BUG_IF(!graph_sort(g), "expansion made a cycle");
    return top;
}
