#include "ir/graph/plan.h"

/* LEAST_PARTS: least parts of K that are worth a second launch.
   LEAST_SLICES: least steps of tile.k terms in a part, so that loading one step overlaps with computing another. */
enum { LEAST_SLICES = 4, LEAST_PARTS = 4 };

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Returns how many parts to split K into if the tiles alone leave most of the device idle. 1: no split. */
static int64_t parts_for(const struct planner *p, const struct contraction *c)
{
    const struct tile *tile = &p->gr->tile;
    int64_t blocks =
        ceil_div(plan_hint(p, c->m), tile->m) * ceil_div(plan_hint(p, c->nn), tile->n) * plan_hint(p, c->matrices);
    int64_t slices = ceil_div(plan_hint(p, c->k), tile->k);
    if (!blocks)
        return 1;
    int64_t parts = least(p->t->units / blocks, slices / LEAST_SLICES);
    return parts < LEAST_PARTS ? 1 : ceil_div(slices, ceil_div(slices, parts));
}

/* Gives the last launch a sink for each output with this mark and shape. See mark_margins for the marks. */
static void plan_sinks(struct planner *p, int follows, const struct type *shape)
{
    struct group *gr = p->gr;
    for (size_t i = 0; i < gr->n_outs; i++)
        if (gr->outs[i]->mark == follows && type_same_shape(&gr->outs[i]->type, shape))
            plan_sink(p, &gr->launches[gr->n_launches - 1], SINK_FULL, gr->outs[i], -1);
}

/* Splits K. The first launch writes the sums of each part to scratch. The second adds them and runs the epilogue. */
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
    plan_sinks(p, MARGIN_NONE, &c->n->type);
}

/* Sets the mark of each node: the kinds (enum gemm_margin, or'ed) of all reductions that the node is or depends on.
   Returns the kinds of all reductions of the group. */
static int mark_margins(struct session *s, struct group *gr)
{
    int any = MARGIN_NONE;
    for (size_t i = 0; i < gr->n_nodes; i++) {
        struct node *n = gr->nodes[i];
        n->mark = n->group == gr ? (int)group_gemm_margin(s, gr, n) : MARGIN_NONE;
        any |= n->mark;
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k]->group == gr && n->group == gr)
                n->mark |= n->in[k]->mark;
    }
    return any;
}

/* True if a launch already reduces partial results of the same kind (mark) and shape as n. */
static bool is_reduced(const struct group *gr, const struct node *n)
{
    for (size_t i = 1; i < gr->n_launches; i++)
        if (gr->launches[i].anchor->mark == n->mark && type_same_shape(&gr->launches[i].anchor->type, &n->type))
            return true;
    return false;
}

/* Each tile reduces its part of each row or column into scratch.
   A further launch for each kind and result shape reduces these partial results. */
static void plan_margins(struct planner *p, const struct contraction *c)
{
    struct index_table *t = p->g->s->indices;
    struct group *gr = p->gr;
    const struct index *tiles[] = { [MARGIN_ROWS] = index_ceil_div(t, c->nn, index_const(t, gr->tile.n)),
                                    [MARGIN_COLUMNS] = index_ceil_div(t, c->m, index_const(t, gr->tile.m)) };
    const int extent[] = { [MARGIN_ROWS] = gr->tile.n, [MARGIN_COLUMNS] = gr->tile.m };
    size_t n = gr->n_nodes;
    for (size_t i = 0; i < n; i++) {
        struct node *x = gr->nodes[i];
        enum gemm_margin margin = x->group == gr ? group_gemm_margin(p->g->s, gr, x) : MARGIN_NONE;
        if (!(margin & MARGIN_OF_RESULT))
            continue;
        const struct index *count = index_mul(t, tiles[margin], type_count(p->g->s, &x->type));
        int scratch = plan_scratch(p, margin == MARGIN_ROWS ? "rows" : "columns", count, false);
        gr->scratch[scratch].dtype = node_accumulator_type(x);
        plan_sink(p, &gr->launches[0], margin == MARGIN_ROWS ? SINK_ROW_PARTIAL : SINK_COLUMN_PARTIAL, x, scratch);
        if (is_reduced(gr, x))
            continue;
        plan_finish(p, x, scratch, tiles[margin], index_const(t, extent[margin]));
        plan_sinks(p, (int)margin, &x->type);
    }
}

/* The first launch sums an operand along k. If K is split, it sums each part into scratch, and a further launch adds
   the parts. All sums of the group are of the same operand (gemm_admits). */
static void plan_operand_sums(struct planner *p)
{
    struct index_table *t = p->g->s->indices;
    struct group *gr = p->gr;
    const struct index *parts = gr->launches[0].parts;
    const struct index *part = gr->launches[0].part;
    bool finished = false;
    for (size_t i = 0; i < gr->n_nodes; i++) {
        struct node *x = gr->nodes[i];
        enum gemm_margin margin = x->group == gr ? group_gemm_margin(p->g->s, gr, x) : MARGIN_NONE;
        if (!(margin & MARGIN_OF_OPERAND))
            continue;
        int scratch = parts ? plan_scratch(p, "sums", index_mul(t, parts, type_count(p->g->s, &x->type)), false) : -1;
        plan_sink(p, &gr->launches[0], SINK_OPERAND, x, scratch);
        if (finished)
            continue;
        if (parts)
            plan_finish(p, x, scratch, parts, part);
        plan_sinks(p, (int)margin, &x->type);
        finished = true;
    }
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
    int margins = mark_margins(p->g->s, gr);
    int64_t parts = margins & MARGIN_OF_RESULT ? 1 : parts_for(p, &c);
    if (parts > 1) {
        plan_split(p, &c, parts);
        plan_operand_sums(p);
        return;
    }
    plan_sinks(p, MARGIN_NONE, &c.n->type);
    plan_operand_sums(p);
    plan_margins(p, &c);
}
