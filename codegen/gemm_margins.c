/* Reduces the results of a gemm along rows or columns. Each thread reduces its own results. Then lanes that share a row
   (column) combine their totals by shuffles. Then waves combine their totals through shared memory. The totals of a
   tile go to scratch. A later launch reduces the totals of all tiles. */
#include "codegen/gemm.h"
#include "ir/kernel/fragment.h"

struct margin {
    const struct sink *sink;
    bool of_rows;
    enum kacc op;
    int slots;       /* number of rows (columns) in which a thread has results */
    int chain;       /* number of results that a thread has in one row (column) */
    int first, span; /* lanes i and j share a row (column) if i / span == j / span and i % first == j % first */
    int waves;       /* number of waves that share a row (column) */
    const struct index *wave;
    int extent;
    struct kmem *acc, *totals;
};

static const struct index *number(const struct gemm *g, int64_t v) { return index_const(g->l->indices, v); }

static void lanes_that_share(struct gemm *g, struct margin *m)
{
    int wave = g->l->t->wave;
    if (!g->unit) {
        m->first = m->of_rows ? 1 : TILE_LANES_N;
        m->span = m->of_rows ? TILE_LANES_N : wave;
        return;
    }
    unsigned bits = m->of_rows ? frag_row_lanes(g->unit, wave) : frag_col_lanes(g->unit, wave);
    unsigned first = bits & -bits;
    m->first = bits ? (int)first : 1;
    m->span = bits ? (int)(bits + first) : 1;
    BUG_IF(m->span & (m->span - 1), "the lanes of %s that share a row or column are not every n-th", g->unit->name);
}

static struct margin make_margin(struct gemm *g, const struct sink *s)
{
    struct index_table *t = g->l->indices;
    const struct tile *tile = &g->tile;
    struct margin m = { .sink = s, .of_rows = s->kind == SINK_ROW_PARTIAL, .op = s->node->op->kernel.acc };
    int rows = g->unit ? frag_rows(g->fc) : g->rm.n;
    int cols = g->unit ? frag_cols(g->fc) : g->rn.n;
    m.slots = m.of_rows ? rows : cols;
    m.chain = m.of_rows ? cols : rows;
    m.waves = m.of_rows ? tile->waves_n : tile->waves_m;
    m.extent = m.of_rows ? tile->m : tile->n;
    m.wave = m.of_rows ? index_mod(t, g->l->k->wave_id, number(g, tile->waves_n))
                       : index_div(t, g->l->k->wave_id, number(g, tile->waves_n));
    lanes_that_share(g, &m);
    enum dtype type = node_accumulator_type(s->node);
    m.acc = kernel_private(g->l->k, m.of_rows ? "row" : "column", type, m.slots);
    m.totals = kernel_shared(g->l->k, "totals", type, 1, KL_ROWS, m.waves, m.extent);
    return m;
}

void margins_begin(struct gemm *g)
{
    const struct group_launch *launch = g->l->launch;
    g->margins = arena_array(g->l->k->arena, struct margin, launch->n_sinks + 1);
    for (size_t i = 0; i < launch->n_sinks; i++) {
        const struct sink *s = &launch->sinks[i];
        if (s->kind != SINK_ROW_PARTIAL && s->kind != SINK_COLUMN_PARTIAL)
            continue;
        struct margin *m = &g->margins[g->n_margins++];
        *m = make_margin(g, s);
        fill_accumulators(g->l, m->acc, m->slots, m->op);
    }
}

bool margins_of_columns(const struct gemm *g)
{
    for (size_t i = 0; i < g->n_margins; i++)
        if (!g->margins[i].of_rows)
            return true;
    return false;
}

void margins_take(struct gemm *g, const struct index *row_slot, const struct index *col_slot,
                  const struct index *const *index)
{
    struct lower *l = g->l;
    for (size_t i = 0; i < g->n_margins; i++) {
        const struct margin *m = &g->margins[i];
        const struct kexpr *x = lower_value(l, m->sink->node->in[0], index);
        kstmt_accumulate(&l->b, m->acc, m->of_rows ? row_slot : col_slot, m->op, kexpr_cast(&l->b, m->acc->dtype, x),
                         false);
    }
}

/* Returns the row (column) of the tile whose results the thread accumulates in acc[slot]. */
static const struct index *at_slot(const struct gemm *g, const struct margin *m, const struct index *slot)
{
    struct index_table *t = g->l->indices;
    if (!g->unit)
        return lanes_at(g, m->of_rows ? &g->rm : &g->rn, slot);
    const struct matrix_unit *u = g->unit;
    const struct index *each = number(g, m->of_rows ? frag_row_slots(u) : frag_col_slots(u));
    const struct index *in_frag = index_mod(t, slot, each);
    const struct index *frag = index_mulk(t, index_div(t, slot, each), m->of_rows ? u->m : u->n);
    const struct index *at =
        m->of_rows ? frag_row_at(t, u, g->l->k->lane, in_frag) : frag_col_at(t, u, g->l->k->lane, in_frag);
    return index_add(t, index_add(t, m->of_rows ? g->wave_m : g->wave_n, frag), at);
}

/* Stores the wave's totals in shared memory. Of the lanes that share a row (column), only the first stores. */
static void write_wave(struct gemm *g, const struct margin *m)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    const struct index *member =
        index_mod(t, index_div(t, l->k->lane, number(g, m->first)), number(g, m->span / m->first));
    struct kmask one = mask_of(member, number(g, 1));
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    l->b = kb_in(&l->b, kstmt_if(&l->b, &one));
    struct kstmt *loop = kstmt_for(&l->b, "i", number(g, 0), number(g, m->slots), 1, true);
    l->b = kb_in(&l->b, loop);
    const struct index *to = index_add(t, index_mulk(t, m->wave, m->extent), at_slot(g, m, loop->var));
    kstmt_store(&l->b, m->totals, NULL, to, kexpr_load(&l->b, m->acc, NULL, loop->var, NULL, 0), NULL);
    lower_leave(l, p);
}

/* One thread for each row (column) combines the waves' totals and stores the tile's total in scratch. */
static void write_tile(struct gemm *g, const struct margin *m)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    const struct index *tid = l->k->tid;
    const struct index *zero = number(g, 0);
    const struct index *at = index_add(t, m->of_rows ? g->m0 : g->n0, tid);
    BUG_IF(m->extent > g->threads, "%d rows or columns for %d threads", m->extent, g->threads);
    struct kmask mine = { .n = 2, .g = { { tid, number(g, m->extent) }, { at, m->of_rows ? g->c.m : g->c.nn } } };
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    l->b = kb_in(&l->b, kstmt_if(&l->b, &mine));
    kstmt_store(&l->b, m->acc, NULL, zero, kexpr_load(&l->b, m->totals, NULL, tid, NULL, 0), NULL);
    for (int w = 1; w < m->waves; w++)
        kstmt_join(&l->b, m->acc, zero, m->op,
                   kexpr_load(&l->b, m->totals, NULL, index_addk(t, tid, (int64_t)w * m->extent), NULL, 0));
    const struct index *result = m->of_rows && g->batch ? index_add(t, index_mul(t, g->batch, g->c.m), at) : at;
    const struct index *part = index_mul(t, m->of_rows ? g->tile_n : g->tile_m, type_count(l->s, &m->sink->node->type));
    kstmt_store(&l->b, l->scratch[m->sink->scratch], NULL, index_add(t, part, result),
                kexpr_load(&l->b, m->acc, NULL, zero, NULL, 0), NULL);
    lower_leave(l, p);
}

void margins_end(struct gemm *g)
{
    struct lower *l = g->l;
    for (size_t i = 0; i < g->n_margins; i++) {
        const struct margin *m = &g->margins[i];
        for (int k = 0; k < m->slots; k++)
            kstmt_combine_from(&l->b, m->acc, number(g, k), m->op, m->first, m->span);
        write_wave(g, m);
        int depth = log2_ceil(m->span / m->first) + m->waves - 1;
        kernel_sum(l->k, m->sink->node, (struct sum_level){ .block = 1, .chain = m->chain, .depth = depth });
    }
    if (g->n_margins)
        kstmt_barrier(&l->b, KSCOPE_BLOCK, -1);
    for (size_t i = 0; i < g->n_margins; i++)
        write_tile(g, &g->margins[i]);
}
