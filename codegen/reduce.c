/* Reductions across rows, and reductions of a few long rows. All reductions of one operand share a pass over the
   operand. The operand has the shape [outer, length, inner] and is reduced to [outer, inner].

   LAUNCH_COLUMNS: each lane computes `width` neighbouring results along `inner`. The waves of a block divide the terms
   among themselves and combine their totals in shared memory.
   LAUNCH_CHUNKS: a block reduces one part of the terms of one result. Each thread takes `width` neighbouring terms at a
   time.
   A launch that reads scratch combines the partial results of an earlier launch. Then `length` is the number of partial
   results of each result, `inner` is the number of results, and `outer` is 1. */
#include <string.h>

#include "codegen/lower.h"
#include "ir/ops/reduction.h"

struct reduce {
    struct lower *l;
    const struct node **of;
    struct kmem **acc, **parts;
    size_t n;
    const struct index *outer, *inner, *length;
    const struct index *part;
    const struct index *first, *end;
    const struct index *o;      /* index along `outer` */
    const struct index *column; /* first index along `inner` */
    int width;
};

static bool is_finish(const struct reduce *r) { return r->l->launch->from >= 0; }

/* The result of n at (r->o, column) is a reduction of r->length terms. Sets `index` to the operand index of term k. */
static void operand_index(const struct reduce *r, const struct node *n, const struct index *k,
                          const struct index *column, const struct index **index)
{
    struct index_table *t = r->l->indices;
    struct reduction d = reduction_of(n);
    const struct type *x = &n->in[0]->type;
    const struct index *dims[3][MAX_RANK], *out[3][MAX_RANK];
    const struct index *flat[3] = { k, column, r->o };
    int which[MAX_RANK], rank[3] = { 0 };
    int last = x->rank - 1;
    while (last >= 0 && !d.reduced[last])
        last--;
    for (int i = 0; i < x->rank; i++) {
        which[i] = d.reduced[i] ? 0 : i > last ? 1 : 2;
        dims[which[i]][rank[which[i]]++] = x->dim[i];
    }
    for (int w = 0; w < 3; w++)
        split_index(t, dims[w], rank[w], flat[w], out[w]);
    int at[3] = { 0 };
    for (int i = 0; i < x->rank; i++)
        index[i] = out[which[i]][at[which[i]]++];
}

static const struct index *result_number(const struct reduce *r, const struct index *column)
{
    return index_add(r->l->indices, index_mul(r->l->indices, r->o, r->inner), column);
}

static const struct kexpr *term(struct reduce *r, size_t which, const struct index *k, const struct index *column)
{
    struct lower *l = r->l;
    if (is_finish(r)) {
        const struct index *flat = index_add(l->indices, index_mul(l->indices, k, r->inner), column);
        return load_arg(l, r->parts[which], flat);
    }
    const struct index *index[MAX_RANK];
    const struct node *x = r->of[which]->in[0];
    operand_index(r, r->of[which], k, column, index);
    return kexpr_cast(&l->b, r->acc[which]->dtype, lower_value(l, x, index));
}

/* Some results of the group have the operand's shape. Stores element (r->o, k, column) of each of these results, while
   the operand is reduced. */
static void store_elements(struct reduce *r, const struct index *k, const struct index *column)
{
    struct lower *l = r->l;
    const struct index *index[MAX_RANK];
    for (size_t i = 0; i < l->launch->n_sinks && !is_finish(r); i++) {
        const struct node *n = l->launch->sinks[i].node;
        if (l->launch->sinks[i].kind != SINK_FULL || !type_same_shape(&n->type, &r->of[0]->in[0]->type) ||
            n->op->class == CLS_REDUCE)
            continue;
        operand_index(r, r->of[0], k, column, index);
        kstmt_store(&l->b, arg_of(l, n), NULL, flat_index(l->indices, &n->type, index), lower_value(l, n, index), NULL);
    }
}

/* Takes `width` neighbouring elements, and accumulates element e in accumulator e. If along_columns, the elements
   belong to `width` results. Otherwise the elements are terms of one result. */
static void take(struct reduce *r, const struct index *k, const struct index *column, bool along_columns)
{
    struct lower *l = r->l;
    struct index_table *t = l->indices;
    struct kbuild outer = l->b;
    struct kstmt *loop = kstmt_for(&l->b, "e", index_const(t, 0), index_const(t, r->width), 1, true);
    struct insert_point p = lower_enter(l, loop);
    const struct index *thread = along_columns ? l->k->lane : l->k->tid;
    l->vec = (struct vector){ .width = r->width, .e = loop->var, .thread = thread, .outer = outer, .loop = loop };
    const struct index *kk = along_columns ? k : index_add(t, k, loop->var);
    const struct index *cc = along_columns ? index_add(t, column, loop->var) : column;
    for (size_t i = 0; i < r->n; i++)
        if (is_finish(r))
            kstmt_join(&l->b, r->acc[i], loop->var, r->of[i]->op->kernel.acc, term(r, i, kk, cc));
        else
            kstmt_accumulate(&l->b, r->acc[i], loop->var, r->of[i]->op->kernel.acc, term(r, i, kk, cc), false);
    store_elements(r, kk, cc);
    l->vec.width = 1;
    lower_leave(l, p);
    lower_forget_turn(l);
    lower_forget(l);
}

/* Loops over the block's terms. A step takes `round` terms, and the loop body has REDUCE_UNROLL steps. One bounds check
   covers all steps of the body, so that all loads of the body are in flight at once. Near the end this check fails, and
   each step has its own check. */
static void sweep(struct reduce *r, const struct index *mine, int round, bool along_columns)
{
    struct lower *l = r->l;
    struct index_table *t = l->indices;
    const struct index *turns = index_ceil_div(t, r->part, index_const(t, (int64_t)round * REDUCE_UNROLL));
    struct kstmt *loop = kstmt_for(&l->b, "turn", index_const(t, 0), turns, 1, false);
    struct insert_point p = lower_enter(l, loop);
    const struct index *k0 =
        index_add(t, index_add(t, r->first, mine), index_mulk(t, loop->var, round * REDUCE_UNROLL));
    int each = along_columns ? 1 : r->width;
    struct kmask all = mask_of(index_addk(t, k0, (int64_t)round * (REDUCE_UNROLL - 1) + each - 1), r->end);
    struct kstmt *inside = kstmt_if(&l->b, &all);
    struct insert_point q = lower_enter(l, inside);
    for (int u = 0; u < REDUCE_UNROLL; u++)
        take(r, index_addk(t, k0, (int64_t)round * u), r->column, along_columns);
    lower_leave(l, q);
    struct kbuild otherwise = kb_else(&l->b, inside);
    struct kbuild here = l->b;
    l->b = otherwise;
    for (int u = 0; u < REDUCE_UNROLL; u++) {
        const struct index *k = index_addk(t, k0, (int64_t)round * u);
        struct kmask m = mask_of(index_addk(t, k, each - 1), r->end);
        struct insert_point s = lower_enter(l, kstmt_if(&l->b, &m));
        take(r, k, r->column, along_columns);
        lower_leave(l, s);
    }
    l->b = here;
    lower_leave(l, p);
}

static void record_sum(struct reduce *r, int round, int depth)
{
    struct index_table *t = r->l->indices;
    const struct index *chain =
        index_mulk(t, index_ceil_div(t, r->part, index_const(t, (int64_t)round * REDUCE_UNROLL)), REDUCE_UNROLL);
    struct sum_level level = { .block = 1, .depth = depth };
    if (!index_const_value(chain, &level.chain))
        level.chain_of = chain;
    for (size_t i = 0; i < r->n; i++)
        kernel_sum(r->l->k, r->of[i], level);
}

static void store_partial(struct reduce *r, size_t which, const struct index *number, const struct kexpr *total)
{
    struct lower *l = r->l;
    struct index_table *t = l->indices;
    const struct index *count = index_mul(t, r->outer, r->inner);
    for (size_t i = 0; i < l->launch->n_sinks; i++) {
        const struct sink *s = &l->launch->sinks[i];
        if (s->kind == SINK_PARTIAL && s->node == r->of[which])
            kstmt_store(&l->b, l->scratch[s->scratch], NULL, index_add(t, index_mul(t, l->k->bid[1], count), number),
                        total, NULL);
    }
}

/* Computes element `number` of the group's results from the totals of the reductions, and stores it. If the terms are
   split into parts, stores the totals in scratch instead, as partial results. */
static void store_results(struct reduce *r, const struct index *number, const struct kexpr *const *totals)
{
    struct lower *l = r->l;
    const struct index *index[MAX_RANK];
    if (l->launch->parts && !is_finish(r)) {
        for (size_t i = 0; i < r->n; i++)
            store_partial(r, i, number, totals[i]);
        return;
    }
    lower_forget(l);
    for (size_t i = 0; i < r->n; i++) {
        const struct node *n = r->of[i];
        struct value_loc w = { .node = n, .kind = LOC_VALUE };
        split_index(l->indices, n->type.dim, n->type.rank, number, w.index);
        const struct index *length = n->op->class == CLS_REDUCE ? reduction_length(l->s, n) : NULL;
        w.value = kstmt_let(&l->b, finish_reduction(l, n, totals[i], length));
        value_loc_set(l, w);
    }
    for (size_t i = 0; i < l->launch->n_sinks; i++) {
        const struct node *n = l->launch->sinks[i].node;
        if (l->launch->sinks[i].kind != SINK_FULL || !type_same_shape(&n->type, &r->of[0]->type))
            continue;
        split_index(l->indices, n->type.dim, n->type.rank, number, index);
        kstmt_store(&l->b, arg_of(l, n), NULL, flat_index(l->indices, &n->type, index), lower_value(l, n, index), NULL);
    }
}

static void columns(struct reduce *r)
{
    struct lower *l = r->l;
    struct index_table *t = l->indices;
    int wave = l->t->wave;
    int waves = l->k->block / wave;
    int across = wave * r->width;
    const struct index *blocks = index_ceil_div(t, r->inner, index_const(t, across));
    l->k->grid[0] = index_mul(t, blocks, r->outer);
    const struct index *block = index_mod(t, l->k->bid[0], blocks);
    r->o = index_div(t, l->k->bid[0], blocks);
    r->column = index_add(t, index_mulk(t, block, across), index_mulk(t, l->k->lane, r->width));
    for (size_t i = 0; i < r->n; i++)
        fill_accumulators(l, r->acc[i], r->width, r->of[i]->op->kernel.acc);
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    struct kmask there = mask_of(r->column, r->inner);
    l->b = kb_in(&l->b, kstmt_if(&l->b, &there));
    sweep(r, l->k->wave_id, waves, true);
    lower_leave(l, p);
    record_sum(r, waves, waves - 1);
    struct kmem **shared = arena_array(l->k->arena, struct kmem *, r->n);
    p = lower_enter(l, kstmt_region(&l->b));
    for (size_t i = 0; i < r->n; i++) {
        shared[i] = kernel_shared(l->k, "totals", r->acc[i]->dtype, 1, KL_ROWS, waves, across);
        for (int e = 0; e < r->width; e++)
            kstmt_store(&l->b, shared[i], NULL,
                        index_add(t, index_mulk(t, l->k->wave_id, across),
                                  index_addk(t, index_mulk(t, l->k->lane, r->width), e)),
                        kexpr_load(&l->b, r->acc[i], NULL, index_const(t, e), NULL, 0), NULL);
    }
    lower_leave(l, p);
    kstmt_barrier(&l->b, KSCOPE_BLOCK, -1);
    p = lower_enter(l, kstmt_region(&l->b));
    const struct index *column = index_add(t, index_mulk(t, block, across), l->k->tid);
    struct kmask mine = { .n = 2, .g = { { l->k->tid, index_const(t, across) }, { column, r->inner } } };
    l->b = kb_in(&l->b, kstmt_if(&l->b, &mine));
    const struct kexpr **totals = arena_array(l->k->arena, const struct kexpr *, r->n);
    for (size_t i = 0; i < r->n; i++) {
        kstmt_store(&l->b, r->acc[i], NULL, index_const(t, 0), kexpr_load(&l->b, shared[i], NULL, l->k->tid, NULL, 0),
                    NULL);
        for (int w = 1; w < waves; w++)
            kstmt_join(&l->b, r->acc[i], index_const(t, 0), r->of[i]->op->kernel.acc,
                       kexpr_load(&l->b, shared[i], NULL, index_addk(t, l->k->tid, (int64_t)w * across), NULL, 0));
        totals[i] = kstmt_let(&l->b, kexpr_load(&l->b, r->acc[i], NULL, index_const(t, 0), NULL, 0));
    }
    store_results(r, result_number(r, column), totals);
    lower_leave(l, p);
}

static void chunks(struct reduce *r)
{
    struct lower *l = r->l;
    struct index_table *t = l->indices;
    l->k->grid[0] = index_mul(t, r->outer, r->inner);
    r->o = index_div(t, l->k->bid[0], r->inner);
    r->column = index_mod(t, l->k->bid[0], r->inner);
    for (size_t i = 0; i < r->n; i++)
        fill_accumulators(l, r->acc[i], r->width, r->of[i]->op->kernel.acc);
    int round = l->k->block * r->width;
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    sweep(r, index_mulk(t, l->k->tid, r->width), round, false);
    for (size_t i = 0; i < r->n; i++)
        for (int e = 1; e < r->width; e++)
            kstmt_join(&l->b, r->acc[i], index_const(t, 0), r->of[i]->op->kernel.acc,
                       kexpr_load(&l->b, r->acc[i], NULL, index_const(t, e), NULL, 0));
    lower_leave(l, p);
    int waves = l->k->block / l->t->wave;
    record_sum(r, round, r->width - 1 + log2_ceil(l->t->wave) + waves - 1);
    for (size_t i = 0; i < r->n; i++)
        combine_block(l, r->acc[i], 1, r->of[i]->op->kernel.acc);
    p = lower_enter(l, kstmt_region(&l->b));
    struct kmask one = mask_of(l->k->tid, index_const(t, 1));
    l->b = kb_in(&l->b, kstmt_if(&l->b, &one));
    const struct kexpr **totals = arena_array(l->k->arena, const struct kexpr *, r->n);
    for (size_t i = 0; i < r->n; i++)
        totals[i] = kstmt_let(&l->b, kexpr_load(&l->b, r->acc[i], NULL, index_const(t, 0), NULL, 0));
    store_results(r, l->k->bid[0], totals);
    lower_leave(l, p);
}

/* Returns the number of neighbouring elements that a thread takes at once: REDUCE_WIDTH if the elements always come in
   multiples of REDUCE_WIDTH, else 1. */
static int width_for(const struct reduce *r, bool along_columns)
{
    const struct index *along = along_columns ? r->inner : type_last(r->l->s, &r->of[0]->in[0]->type);
    if (is_finish(r) && !along_columns)
        return 1;
    if (!along_columns && !index_multiple_of(r->length, REDUCE_WIDTH))
        return 1;
    return index_multiple_of(along, REDUCE_WIDTH) ? REDUCE_WIDTH : 1;
}

/* Sets r->of to the reductions of this launch. A launch that reads operands computes all reductions of the group. A
   launch that reads scratch finishes the reductions whose sink kind and shape equal those of its anchor. */
static void find_reductions(struct reduce *r)
{
    struct lower *l = r->l;
    const struct group *gr = l->gr;
    r->of = arena_array(l->k->arena, const struct node *, gr->n_nodes);
    r->parts = arena_array(l->k->arena, struct kmem *, gr->n_nodes);
    for (size_t i = 0; i < gr->n_nodes && !is_finish(r); i++)
        if (node_is_reduce(gr->nodes[i]))
            r->of[r->n++] = gr->nodes[i];
    if (!is_finish(r))
        return;
    enum sink_kind kind = SINK_FULL;
    for (size_t i = 0; i < gr->launches[0].n_sinks; i++)
        if (gr->launches[0].sinks[i].scratch == l->launch->from)
            kind = gr->launches[0].sinks[i].kind;
    for (const struct group_launch *from = gr->launches; from < l->launch; from++)
        for (size_t i = 0; i < from->n_sinks; i++) {
            const struct sink *s = &from->sinks[i];
            if (s->kind != kind || !type_same_shape(&s->node->type, &l->launch->anchor->type))
                continue;
            r->of[r->n] = s->node;
            r->parts[r->n++] = l->scratch[s->scratch];
        }
}

void lower_reduce(struct lower *l)
{
    struct index_table *t = l->indices;
    bool along_columns = l->launch->kind == LAUNCH_COLUMNS;
    struct reduce r = { .l = l, .outer = index_const(t, 1), .inner = index_const(t, 1) };
    find_reductions(&r);
    if (is_finish(&r)) {
        r.inner = type_count(l->s, &l->launch->anchor->type);
        r.length = l->launch->parts;
    } else {
        struct reduce_shape shape = reduction_shape(l->s, l->launch->anchor);
        r.outer = shape.outer;
        r.inner = shape.inner;
        r.length = shape.length;
    }
    r.width = width_for(&r, along_columns);
    r.acc = arena_array(l->k->arena, struct kmem *, r.n);
    for (size_t i = 0; i < r.n; i++)
        r.acc[i] =
            kernel_private(l->k, arena_printf(l->k->arena, "acc%zu", i), node_accumulator_type(r.of[i]), r.width);
    bool cut = l->launch->parts && !is_finish(&r);
    r.part = cut ? l->launch->part : r.length;
    r.first = cut ? index_mul(t, l->k->bid[1], r.part) : index_const(t, 0);
    r.end = cut ? index_min(t, r.length, index_add(t, r.first, r.part)) : r.length;
    if (cut) {
        bool zeroed = l->gr->scratch[0].zeroed;
        const struct index *used = index_ceil_div(t, r.length, r.part);
        l->k->grid[1] = zeroed ? index_min(t, used, l->launch->parts) : l->launch->parts;
    }
    if (along_columns)
        columns(&r);
    else
        chunks(&r);
}
