/* Stores the results of a gemm: the values after the pointwise epilogue, and reductions of these values. If the sum
   over k is split into parts, stores the sums of one part instead. */
#include "codegen/gemm.h"

#include <string.h>

static void result_index(const struct gemm *g, const struct index *row, const struct index *col,
                         const struct index **index)
{
    struct index_table *t = g->l->indices;
    const struct type *type = &g->c.n->type;
    int lead = type->rank - 2;
    if (g->batch) {
        split_index(t, type->dim, lead, g->batch, index);
        index[lead] = row;
    } else
        split_index(t, type->dim, lead + 1, row, index);
    index[lead + 1] = col;
}

static struct kmask inside(const struct gemm *g, const struct index *row, const struct index *col)
{
    return (struct kmask){ .n = 2, .g = { { row, g->c.m }, { col, g->c.nn } } };
}

/* Writes this block's part of a result's sum over k to scratch[part, result]. */
static void write_partial(struct gemm *g, const struct sink *s, const struct value_loc *w)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    const struct type *type = &g->c.n->type;
    const struct index *at = index_mul(t, g->part, type_count(l->s, type));
    kstmt_store(&l->b, l->scratch[s->scratch], NULL, index_add(t, at, flat_index(t, type, w->index)),
                lower_value(l, g->c.n, w->index), NULL);
}

static void write_result(struct gemm *g, const struct value_loc *w, const struct index *row_slot,
                         const struct index *col_slot)
{
    struct lower *l = g->l;
    value_loc_set(l, *w);
    for (size_t i = 0; i < l->launch->n_sinks; i++) {
        const struct sink *s = &l->launch->sinks[i];
        if (s->kind == SINK_PARTIAL)
            write_partial(g, s, w);
        else if (s->kind == SINK_FULL && type_same_shape(&s->node->type, &g->c.n->type))
            kstmt_store(&l->b, arg_of(l, s->node), NULL, flat_index(l->indices, &s->node->type, w->index),
                        lower_value(l, s->node, w->index), NULL);
    }
    margins_take(g, row_slot, col_slot, w->index);
}

static void frag_results(struct gemm *g)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    const struct index *row0 = index_add(t, g->m0, g->wave_m);
    const struct index *col0 = index_add(t, g->n0, g->wave_n);
    struct kstmt *each = kstmt_each(&l->b, g->fc, row0, col0);
    l->b = kb_in(&l->b, each);
    struct kmask m = inside(g, each->var, each->var2);
    l->b = kb_in(&l->b, kstmt_if(&l->b, &m));
    struct value_loc w = { .node = g->c.n, .kind = LOC_FRAG };
    result_index(g, each->var, each->var2, w.index);
    write_result(g, &w, g->n_margins ? kb_row_slot(&l->b) : NULL, margins_of_columns(g) ? kb_col_slot(&l->b) : NULL);
}

static void lane_results(struct gemm *g)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    const struct index *zero = index_const(t, 0);
    struct kstmt *rows = kstmt_for(&l->b, "i", zero, index_const(t, g->rm.n), 1, true);
    l->b = kb_in(&l->b, rows);
    struct kstmt *cols = kstmt_for(&l->b, "j", zero, index_const(t, g->rn.n), 1, true);
    l->b = kb_in(&l->b, cols);
    const struct index *row = index_add(t, g->m0, lanes_at(g, &g->rm, rows->var));
    const struct index *col = index_add(t, g->n0, lanes_at(g, &g->rn, cols->var));
    struct kmask m = inside(g, row, col);
    l->b = kb_in(&l->b, kstmt_if(&l->b, &m));
    struct value_loc w = { .node = g->c.n, .kind = LOC_VALUE };
    const struct index *at = index_add(t, index_mulk(t, rows->var, g->rn.n), cols->var);
    w.value = kexpr_load(&l->b, g->acc, NULL, at, NULL, 0);
    result_index(g, row, col, w.index);
    write_result(g, &w, rows->var, cols->var);
}

void gemm_sinks(struct gemm *g)
{
    struct lower *l = g->l;
    margins_begin(g);
    lower_forget(l);
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    if (g->unit)
        frag_results(g);
    else
        lane_results(g);
    lower_leave(l, p);
    margins_end(g);
}
