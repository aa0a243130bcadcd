/* What a group's launches are. Passes decide, codegen obeys: nothing here is decided again while lowering. */
#include "ir/graph/group.h"

static int64_t hint_value(void *ctx, const struct index *atom)
{
    (void)atom;
    return *(const int64_t *)ctx;
}

static struct group_launch *add_launch(struct graph *g, struct group *gr, enum launch_kind kind, struct node *anchor)
{
    size_t cap = gr->n_launches;
    struct group_launch *l = arena_push(g->arena, gr->launches, gr->n_launches, cap);
    *l = (struct group_launch){ .kind = kind, .anchor = anchor, .from = -1 };
    return l;
}

static void add_sink(struct graph *g, struct group_launch *l, enum sink_kind kind, struct node *n, int scratch)
{
    size_t cap = l->n_sinks;
    *arena_push(g->arena, l->sinks, l->n_sinks, cap) = (struct sink){ kind, n, scratch };
}

void group_plan(struct graph *g, struct group *gr, const struct target *t, int64_t hint)
{
    gr->n_launches = gr->n_scratch = 0;
    gr->launches = NULL;
    gr->scratch = NULL;
    if (gr->kind == GROUP_GEMM) {
        struct contraction c = contraction_of(g->s, gr->anchor);
        gr->tile = tile_for(t, index_eval(c.m, hint_value, &hint), index_eval(c.nn, hint_value, &hint),
                            index_eval(c.k, hint_value, &hint));
    }
    struct group_launch *l = add_launch(g, gr, gr->kind == GROUP_GEMM ? LAUNCH_GEMM : LAUNCH_ROWS, gr->anchor);
    for (size_t i = 0; i < gr->n_outs; i++)
        add_sink(g, l, SINK_FULL, gr->outs[i], -1);
}
