/* Sums an operand of a gemm along k (SINK_OPERAND), from the slices in shared memory that the product reads too. The
   blocks of the first column of tiles sum A, those of the first row of tiles sum B. The threads of a block form teams:
   thread i of a team sums row (column) i of the tile, over every `teams`-th k of each slice. Elements outside the
   matrix are zeros in the slices. At the end, the totals of the teams are added in order. */
#include "codegen/gemm.h"
#include "ir/ops/reduction.h"

enum { MOST_UNROLLED = 16 };

struct operand_sum {
    const struct sink *sink;
    struct kmem *acc, *totals;
};

static const struct index *number(const struct gemm *g, int64_t v) { return index_const(g->l->indices, v); }

void sums_begin(struct gemm *g)
{
    struct lower *l = g->l;
    const struct group_launch *launch = l->launch;
    g->sums = arena_array(l->k->arena, struct operand_sum, launch->n_sinks + 1);
    for (size_t i = 0; i < launch->n_sinks; i++) {
        const struct sink *s = &launch->sinks[i];
        if (s->kind != SINK_OPERAND)
            continue;
        bool of_a = group_gemm_margin(l->s, l->gr, s->node) == MARGIN_A;
        g->summed = of_a ? &g->a : &g->b;
        g->sum_tile = of_a ? g->tile_n : g->tile_m;
        g->sum_extent = of_a ? g->tile.m : g->tile.n;
        BUG_IF(g->threads % g->sum_extent, "%d rows or columns for %d threads", g->sum_extent, g->threads);
        g->sum_teams = g->threads / g->sum_extent < g->tile.k ? g->threads / g->sum_extent : g->tile.k;
        struct operand_sum *sum = &g->sums[g->n_sums++];
        enum dtype type = node_accumulator_type(s->node);
        *sum = (struct operand_sum){ .sink = s, .acc = kernel_private(l->k, "total", type, 1) };
        sum->totals = kernel_shared(l->k, "sums", type, 1, KL_ROWS, g->sum_teams, g->sum_extent);
        fill_accumulators(l, sum->acc, 1, KACC_SUM);
    }
}

/* Moves the insertion point to code of the blocks that sum, and of the first `threads` threads. */
static struct insert_point enter_summing(struct gemm *g, int threads)
{
    struct insert_point p = lower_enter(g->l, kstmt_region(&g->l->b));
    struct kmask mine = { .n = 2, .g = { { g->sum_tile, number(g, 1) }, { g->l->k->tid, number(g, threads) } } };
    g->l->b = kb_in(&g->l->b, kstmt_if(&g->l->b, &mine));
    return p;
}

void sums_take(struct gemm *g, const struct index *slot)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    const struct side *s = g->summed;
    if (!g->n_sums)
        return;
    struct insert_point p = enter_summing(g, g->sum_teams * g->sum_extent);
    int turns = g->tile.k / g->sum_teams;
    struct kstmt *loop = kstmt_for(&l->b, "k", number(g, 0), number(g, turns), 1, turns <= MOST_UNROLLED);
    l->b = kb_in(&l->b, loop);
    const struct index *outer = index_mod(t, l->k->tid, number(g, g->sum_extent));
    const struct index *team = index_div(t, l->k->tid, number(g, g->sum_extent));
    const struct index *depth = index_add(t, index_mulk(t, loop->var, g->sum_teams), team);
    const struct index *at =
        kl_index(t, s->ring->layout, s->cols, s->depth_first ? depth : outer, s->depth_first ? outer : depth);
    for (size_t i = 0; i < g->n_sums; i++)
        kstmt_accumulate(&l->b, g->sums[i].acc, number(g, 0), KACC_SUM, kexpr_load(&l->b, s->ring, slot, at, NULL, 0),
                         false);
    lower_leave(l, p);
}

static void record_sum(struct gemm *g, const struct node *n)
{
    const struct index *chain = index_mulk(g->l->indices, g->most_slices, g->tile.k / g->sum_teams);
    struct sum_level level = { .block = 1, .depth = g->sum_teams - 1 };
    if (!index_const_value(chain, &level.chain))
        level.chain_of = chain;
    kernel_sum(g->l->k, n, level);
}

/* Adds the totals of the teams, and stores this part's sum in scratch or makes it the value of the sum's node. */
static void finish_sum(struct gemm *g, const struct operand_sum *sum, const struct index *row)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    const struct index *tid = l->k->tid;
    const struct node *n = sum->sink->node;
    kstmt_store(&l->b, sum->acc, NULL, number(g, 0), kexpr_load(&l->b, sum->totals, NULL, tid, NULL, 0), NULL);
    for (int team = 1; team < g->sum_teams; team++)
        kstmt_join(&l->b, sum->acc, number(g, 0), KACC_SUM,
                   kexpr_load(&l->b, sum->totals, NULL, index_addk(t, tid, (int64_t)team * g->sum_extent), NULL, 0));
    const struct kexpr *total = kstmt_let(&l->b, kexpr_load(&l->b, sum->acc, NULL, number(g, 0), NULL, 0));
    if (sum->sink->scratch >= 0) {
        const struct index *part = index_mul(t, g->part, type_count(l->s, &n->type));
        kstmt_store(&l->b, l->scratch[sum->sink->scratch], NULL, index_add(t, part, row), total, NULL);
        return;
    }
    struct value_loc w = { .node = n, .kind = LOC_VALUE, .index = { row } };
    w.value = kstmt_let(&l->b, finish_reduction(l, n, total, reduction_length(l->s, n)));
    value_loc_set(l, w);
}

void sums_end(struct gemm *g)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    const struct index *tid = l->k->tid;
    if (!g->n_sums)
        return;
    lower_forget(l);
    struct insert_point p = enter_summing(g, g->sum_teams * g->sum_extent);
    for (size_t i = 0; i < g->n_sums; i++)
        kstmt_store(&l->b, g->sums[i].totals, NULL, tid, kexpr_load(&l->b, g->sums[i].acc, NULL, number(g, 0), NULL, 0),
                    NULL);
    lower_leave(l, p);
    kstmt_barrier(&l->b, KSCOPE_BLOCK, -1);
    p = enter_summing(g, g->sum_extent);
    const struct index *row = index_add(t, g->summed->outer0, tid);
    struct kmask inside = mask_of(row, g->summed->outer);
    l->b = kb_in(&l->b, kstmt_if(&l->b, &inside));
    for (size_t i = 0; i < g->n_sums; i++) {
        finish_sum(g, &g->sums[i], row);
        record_sum(g, g->sums[i].sink->node);
    }
    for (size_t i = 0; i < l->launch->n_sinks && !g->part; i++) {
        const struct sink *s = &l->launch->sinks[i];
        if (s->kind == SINK_FULL && type_same_shape(&s->node->type, &g->sums[0].sink->node->type))
            kstmt_store(&l->b, arg_of(l, s->node), NULL, row, lower_value(l, s->node, (const struct index *[]){ row }),
                        NULL);
    }
    lower_leave(l, p);
}
