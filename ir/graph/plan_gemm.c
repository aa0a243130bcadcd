/* The launches of a gemm: its tile, and into how many parts its depth is cut. */
#include "ir/graph/plan.h"

/* What parts must be worth: a launch more, which adds them up. A part of fewer slices does not fill its ring. */
enum { LEAST_SLICES = 4, LEAST_PARTS = 4 };

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Matrices that a batched contraction multiplies. */
static const struct index *batch_of(const struct planner *p, const struct contraction *c)
{
    const struct index *count = index_const(p->g->s->indices, 1);
    for (int i = 0; c->batched && i + 2 < c->n->type.rank; i++)
        count = index_mul(p->g->s->indices, count, c->n->type.dim[i]);
    return count;
}

/* Parts of the depth that fill the card where tiles alone leave most of it idle; 1: not cut. */
static int64_t parts_for(const struct planner *p, const struct contraction *c)
{
    const struct tile *tile = &p->gr->tile;
    int64_t blocks =
        ceil_div(plan_hint(p, c->m), tile->m) * ceil_div(plan_hint(p, c->nn), tile->n) * plan_hint(p, batch_of(p, c));
    int64_t slices = ceil_div(plan_hint(p, c->k), tile->k);
    if (!blocks)
        return 1;
    int64_t parts = least(p->t->units / blocks, slices / LEAST_SLICES);
    return parts < LEAST_PARTS ? 1 : ceil_div(slices, ceil_div(slices, parts));
}

static void plan_sinks(struct planner *p)
{
    struct group *gr = p->gr;
    for (size_t i = 0; i < gr->n_outs; i++)
        plan_sink(p, &gr->launches[gr->n_launches - 1], SINK_FULL, gr->outs[i], -1);
}

/* The parts' products to scratch; a second launch adds them up and has the epilogue. */
static void plan_split(struct planner *p, const struct contraction *c, int64_t parts)
{
    struct index_table *t = p->g->s->indices;
    struct group *gr = p->gr;
    const struct index *slices = index_ceil_div(t, c->k, index_const(t, gr->tile.k));
    const struct index *count = index_mulk(t, type_count(p->g->s, &c->n->type), parts);
    int scratch = plan_scratch(p, "parts", count, false);
    struct group_launch *l = &gr->launches[0];
    l->parts = index_const(t, parts);
    l->part = index_mulk(t, index_ceil_div(t, slices, l->parts), gr->tile.k);
    plan_sink(p, l, SINK_PARTIAL, gr->anchor, scratch);
    plan_finish(p, gr->anchor, scratch, l->parts, l->part);
    plan_sinks(p);
}

void plan_gemm(struct planner *p)
{
    struct group *gr = p->gr;
    struct contraction c = contraction_of(p->g->s, gr->anchor);
    int64_t m = plan_hint(p, c.m);
    int64_t n = plan_hint(p, c.nn);
    int64_t k = plan_hint(p, c.k);
    gr->tile = gr->anchor->compute == DT_F16 ? tile_for(p->t, m, n, k) : tile_for_lanes(p->t, m, n, k);
    plan_launch(p, LAUNCH_GEMM, gr->anchor);
    int64_t parts = parts_for(p, &c);
    if (parts > 1)
        plan_split(p, &c, parts);
    else
        plan_sinks(p);
}
