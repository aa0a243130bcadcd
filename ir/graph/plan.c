#include "ir/graph/plan.h"

#include "ir/ops/reduction.h"

/* LEAST_TERMS: least terms of a part for each thread. BLOCKS_A_UNIT: blocks that fill a multiprocessor. */
enum { LEAST_TERMS = 16, BLOCKS_A_UNIT = 4, MOST_PARTS = 1024 };

static int64_t at_most(int64_t x, int64_t most) { return x < most ? x : most; }
static int64_t at_least(int64_t x, int64_t least) { return x > least ? x : least; }

/* Returns how many parts to split each sum into, so that the blocks fill the device. 1: no split. */
static int64_t parts_for(const struct planner *p, const struct reduce_shape *r, bool columns)
{
    int64_t inner = plan_hint(p, r->inner);
    int64_t across = (int64_t)p->t->wave * REDUCE_WIDTH;
    int64_t blocks = plan_hint(p, r->outer) * (columns ? (inner + across - 1) / across : 1);
    int64_t least = columns ? LEAST_TERMS * (REDUCE_BLOCK / p->t->wave) : (int64_t)LEAST_TERMS * REDUCE_BLOCK;
    int64_t wanted = (int64_t)p->t->units * BLOCKS_A_UNIT / at_least(blocks, 1);
    return at_least(at_most(at_most(wanted, plan_hint(p, r->length) / least), MOST_PARTS), 1);
}

/* Returns the number of terms of each part. A part is a whole number of rounds of a block, and `parts` parts
   suffice. */
static const struct index *part_of(const struct planner *p, const struct reduce_shape *r, int64_t parts, bool columns)
{
    struct index_table *t = p->g->s->indices;
    int64_t round = columns ? REDUCE_BLOCK / p->t->wave * REDUCE_UNROLL : REDUCE_BLOCK * REDUCE_WIDTH * REDUCE_UNROLL;
    const struct index *rounds = index_ceil_div(t, r->length, index_const(t, parts * round));
    return index_mulk(t, index_max(t, rounds, index_const(t, 1)), round);
}

/* Sets the mark of each node: 1 for a reduction or a node that is computed from one, else 0. */
static void mark_following(struct group *gr)
{
    for (size_t i = 0; i < gr->n_nodes; i++) {
        struct node *n = gr->nodes[i];
        n->mark = node_is_reduce(n);
        for (int k = 0; k < n->n_in; k++)
            n->mark |= n->in[k]->group == gr && n->in[k]->mark == 1;
    }
}

/* Plans one launch if each block reads all terms of a result. Otherwise plans two launches.
   The first writes partial results to scratch[part, result], and writes the outputs that precede the reductions.
   The second reduces the partial results. */
static void plan_reduce(struct planner *p)
{
    struct group *gr = p->gr;
    struct index_table *t = p->g->s->indices;
    struct reduce_shape r = reduction_shape(p->g->s, gr->anchor);
    bool columns = !(index_is_const(r.inner) && r.inner->k == 1);
    int64_t parts = parts_for(p, &r, columns);
    mark_following(gr);
    struct group_launch *l = plan_launch(p, columns ? LAUNCH_COLUMNS : LAUNCH_CHUNKS, gr->anchor);
    for (size_t i = 0; i < gr->n_outs; i++)
        if (parts == 1 || !gr->outs[i]->mark)
            plan_sink(p, l, SINK_FULL, gr->outs[i], -1);
    if (parts == 1)
        return;
    const struct index *count = type_count(p->g->s, &gr->anchor->type);
    const struct index *part = part_of(p, &r, parts, columns);
    l->parts = index_const(t, parts);
    l->part = part;
    /* if an operand is short, some parts have no terms and nobody writes their scratch; a sum needs zeros there */
    bool sums = true;
    for (size_t i = 0; i < gr->n_nodes; i++)
        sums &= !node_is_reduce(gr->nodes[i]) || gr->nodes[i]->op->kernel.acc == KACC_SUM;
    for (size_t i = 0; i < gr->n_nodes; i++)
        if (node_is_reduce(gr->nodes[i])) {
            int scratch = plan_scratch(p, "parts", index_mulk(t, count, parts), sums);
            gr->scratch[scratch].dtype = node_accumulator_type(gr->nodes[i]);
            plan_sink(p, &gr->launches[0], SINK_PARTIAL, gr->nodes[i], scratch);
        }
    plan_finish(p, gr->anchor, 0, gr->launches[0].parts, part);
    for (size_t i = 0; i < gr->n_outs; i++)
        if (gr->outs[i]->mark)
            plan_sink(p, &gr->launches[1], SINK_FULL, gr->outs[i], -1);
}

/* For rows that do not fit in shared memory: adds scratch for the scores of each selection.
   A selection whose operand is in memory needs none. */
static void plan_spills(struct planner *p)
{
    struct group *gr = p->gr;
    for (size_t i = 0; i < gr->n_nodes; i++) {
        const struct node *n = gr->nodes[i];
        if (!node_is_row_selection(n) || group_finds_in_memory(gr, n->in[0]))
            continue;
        int at = plan_scratch(p, "scores", type_count(p->g->s, &n->in[0]->type), false);
        gr->scratch[at].dtype = node_score_type(n);
    }
}

static void plan_rows(struct planner *p)
{
    if (!group_rows_fit(p->gr, p->t))
        plan_spills(p);
    struct group_launch *l = plan_launch(p, LAUNCH_ROWS, NULL);
    for (size_t i = 0; i < p->gr->n_outs; i++)
        plan_sink(p, l, SINK_FULL, p->gr->outs[i], -1);
}

void group_plan(struct graph *g, struct group *gr, const struct target *t, int64_t hint)
{
    struct planner p = { .g = g, .gr = gr, .t = t, .hint = hint };
    gr->launches = NULL;
    gr->scratch = NULL;
    gr->n_launches = gr->n_scratch = 0;
    switch (gr->kind) {
    case GROUP_ROWS: plan_rows(&p); break;
    case GROUP_REDUCE: plan_reduce(&p); break;
    case GROUP_GEMM: plan_gemm(&p); break;
    }
    for (size_t i = 0; i < gr->n_nodes; i++)
        gr->nodes[i]->mark = -1;
}
