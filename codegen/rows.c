/* The rows template: pointwise work, and reductions, selections, scans and small contractions along rows. Rows lie
   along the last dimension or, except for contractions, along any.

   A stage is an op that needs a whole row at once (node_is_stage). In a group without stages, each thread computes one
   element. In a group with stages, a team of threads computes a row. A team is one wave or the whole block. Stages run
   in node order:
       reduction     each thread accumulates its elements, then the team combines the accumulators
       selection     scores and results stay in shared memory if a row fits there, else in global memory
       scan          results are in global memory
       contraction   results stay in shared memory
   Other nodes are computed where they are used. The group's results are stored last. */
#include <string.h>

#include "codegen/rows.h"

enum { BLOCK = 256, CONTRACT_AT_ONCE = 8, SHARED_SPARE = 1024, KEPT = 64 };

/* Sets r->width to the largest of 8, 4 and 2 that divides the row's length and leaves no thread idle. Sets 1 if none of
   these fits, if the length is symbolic, or if a row's elements are not neighbours in memory. Also sets 1 if the group
   has a selection or a contraction, since selections and contractions read rows in another order. */
static void choose_width(struct rows *r)
{
    const struct group *gr = r->l->gr;
    const struct index *n = NULL;
    int64_t length = 0;
    r->width = 1;
    if (r->space.axis != r->space.rank)
        return;
    for (size_t i = 0; i < gr->n_nodes; i++) {
        const struct node *x = gr->nodes[i];
        if (x->op->class == CLS_SELECT || x->op->class == CLS_SCAN || x->op->class == CLS_CONTRACT)
            return;
        if (x->op->class == CLS_REDUCE && !n)
            n = row_space_length(r->l->s, &r->space, &x->in[0]->type);
    }
    if (!n || !index_const_value(n, &length))
        return;
    for (int w = 8; w >= 2 && r->width == 1; w /= 2)
        if (length % w == 0 && length >= (int64_t)r->team * w)
            r->width = w;
    r->vector_length = n;
    r->keep = (length + r->team - 1) / r->team <= KEPT;
}

static void record_sum(struct rows *r, const struct node *n, const struct index *length)
{
    struct lower *l = r->l;
    int width = length == r->vector_length ? r->width : 1;
    const struct index *chain = index_mulk(
        l->indices, index_ceil_div(l->indices, length, index_const(l->indices, (int64_t)r->team * width)), width);
    struct sum_level level = {
        .block = 1, .depth = log2_ceil(r->by_block ? l->t->wave : r->team) + (r->by_block ? BLOCK / l->t->wave - 1 : 0)
    };
    if (!index_const_value(chain, &level.chain))
        level.chain_of = chain;
    kernel_sum(l->k, n, level);
}

static void stage_reduce(struct rows *r, const struct node *n)
{
    struct lower *l = r->l;
    const struct node *x = n->in[0];
    const struct index *length = row_space_length(l->s, &r->space, &x->type), *index[MAX_RANK];
    struct kmem *acc = kernel_private(l->k, numbered(l, "acc", l->k->n_priv), node_accumulator_type(n), 1);
    fill_accumulators(l, acc, 1, n->op->kernel.acc);
    struct sweep s = sweep_begin(r, length);
    full_index(r, &x->type, s.i, index);
    kstmt_accumulate(&l->b, acc, index_const(l->indices, 0), n->op->kernel.acc,
                     kexpr_cast(&l->b, acc->dtype, lower_value(l, x, index)), false);
    sweep_end(r, s);
    team_combine(r, acc, 1, n->op->kernel.acc);
    struct value_loc w = { .node = n, .kind = LOC_VALUE };
    full_index(r, &n->type, index_const(l->indices, 0), w.index);
    w.value = kstmt_let(
        &l->b, finish_reduction(l, n, kexpr_load(&l->b, acc, NULL, index_const(l->indices, 0), NULL, 0), length));
    value_loc_set(l, w);
    record_sum(r, n, length);
}

/* Computes y[row, e] = Σ_k a[row, k]·b[k, e] for CONTRACT_AT_ONCE columns e at a time. Each thread sums over its own k.
   Then the team combines the sums. */
static void stage_contraction(struct rows *r, const struct node *n)
{
    struct lower *l = r->l;
    struct index_table *t = l->indices;
    struct contraction c = contraction_of(l->s, n);
    const struct node *a = n->in[0];
    const struct node *b = n->in[1];
    int64_t columns = 0;
    BUG_IF(!index_const_value(c.nn, &columns), "a contraction stage of symbolic width");
    struct value_loc y = row_buffer(r, n, DT_F32, "dot");
    for (int64_t first = 0; first < columns; first += CONTRACT_AT_ONCE) {
        int some = (int)(columns - first < CONTRACT_AT_ONCE ? columns - first : CONTRACT_AT_ONCE);
        struct kmem *acc = kernel_private(l->k, numbered(l, "acc", l->k->n_priv), DT_F32, some);
        fill_accumulators(l, acc, some, KACC_SUM);
        struct sweep s = sweep_begin(r, c.k);
        const struct index *ia[MAX_RANK], *ib[MAX_RANK];
        int batch = b->type.rank - 2;
        full_index(r, &a->type, s.i, ia);
        full_index(r, &a->type, s.i, ib);
        if (c.transpose_a) {
            ia[0] = s.i;
            ia[1] = r->lead[0];
        }
        for (int e = 0; e < some; e++) {
            const struct index *col = index_const(t, first + e);
            ib[batch] = c.transpose_b ? col : s.i;
            ib[batch + 1] = c.transpose_b ? s.i : col;
            kstmt_accumulate(&l->b, acc, index_const(t, e), KACC_SUM,
                             kexpr_op2(&l->b, K_MUL, kexpr_cast(&l->b, DT_F32, lower_value(l, a, ia)),
                                       kexpr_cast(&l->b, DT_F32, lower_value(l, b, ib))),
                             true);
        }
        sweep_end(r, s);
        team_combine(r, acc, some, KACC_SUM);
        struct kmask one = mask_of(r->member, index_const(t, 1));
        struct insert_point p = lower_enter(l, kstmt_region(&l->b));
        l->b = kb_in(&l->b, kstmt_if(&l->b, &one));
        for (int e = 0; e < some; e++)
            kstmt_store(&l->b, y.mem, NULL, index_addk(t, y.base, first + e),
                        kexpr_load(&l->b, acc, NULL, index_const(t, e), NULL, 0), NULL);
        lower_leave(l, p);
    }
    team_barrier(r);
    value_loc_set(l, y);
    record_sum(r, n, c.k);
}

static void store_out(struct lower *l, const struct node *n, const struct index *const *index)
{
    struct kmem *m = arg_of(l, n);
    kstmt_store(&l->b, m, NULL, flat_index(l->indices, &n->type, index), lower_value(l, n, index), NULL);
}

/* Computes r->width neighbouring elements into private memory, then stores them with one vector access. Calls store_out
   instead if the dtype or the alignment allows no vector access. */
static void store_out_vector(struct rows *r, const struct sweep *s, const struct node *n,
                             const struct index *const *index)
{
    struct lower *l = r->l;
    const struct kmem *m = arg_of(l, n);
    const struct index *best_index = index_sub(l->indices, flat_index(l->indices, &n->type, index), s->e);
    if ((m->dtype != DT_F16 && m->dtype != DT_F32) || index_mentions(best_index, s->e) ||
        !index_multiple_of(best_index, r->width)) {
        store_out(l, n, index);
        return;
    }
    struct kmem *held = kernel_private(l->k, numbered(l, "result", l->k->n_priv), DT_F32, r->width);
    kstmt_store(&l->b, held, NULL, s->e, kexpr_cast(&l->b, DT_F32, lower_value(l, n, index)), NULL);
    struct kbuild outer = s->outer;
    kstmt_store_vector(&outer, m, NULL, best_index, held, index_const(l->indices, 0), r->width, NULL);
}

static const struct index *length_of(const struct rows *r, const struct node *n)
{
    return row_space_length(r->l->s, &r->space, &n->type);
}

static bool is_one_a_row(const struct rows *r, const struct node *n)
{
    const struct index *length = length_of(r, n);
    return index_is_const(length) && length->k == 1;
}

static bool is_stored(const struct lower *l, const struct node *n)
{
    for (size_t i = 0; i < l->n_locs; i++)
        if (l->locs[i].node == n && l->locs[i].kind == LOC_STORED)
            return true;
    return false;
}

/* Stores the group's results. One sweep stores all results of equal row length. Last, the team's first thread stores
   results with one value per row. */
static void store_results(struct rows *r)
{
    struct lower *l = r->l;
    const struct group *gr = l->gr;
    const struct index *index[MAX_RANK];
    bool *done = arena_array(l->k->arena, bool, gr->n_outs + 1);
    for (size_t i = 0; i < gr->n_outs; i++) {
        const struct node *n = gr->outs[i];
        done[i] |= is_stored(l, n);
        if (done[i] || is_one_a_row(r, n))
            continue;
        struct sweep s = sweep_begin(r, length_of(r, n));
        full_index(r, &n->type, s.i, index);
        for (size_t k = i; k < gr->n_outs; k++) {
            const struct node *m = gr->outs[k];
            if (is_one_a_row(r, m) || is_stored(l, m) || length_of(r, m) != length_of(r, n))
                continue;
            if (s.e)
                store_out_vector(r, &s, m, index);
            else
                store_out(l, m, index);
            done[k] = true;
        }
        sweep_end(r, s);
    }
    struct kmask one = mask_of(r->member, index_const(l->indices, 1));
    bool any = false;
    for (size_t i = 0; i < gr->n_outs; i++)
        any |= !done[i];
    if (!any)
        return;
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    l->b = kb_in(&l->b, kstmt_if(&l->b, &one));
    for (size_t i = 0; i < gr->n_outs; i++)
        if (!done[i]) {
            full_index(r, &gr->outs[i]->type, index_const(l->indices, 0), index);
            store_out(l, gr->outs[i], index);
        }
    lower_leave(l, p);
}

static void set_own(struct lower *l, const struct index *const *index, struct row_space space)
{
    memcpy(l->own, index, sizeof *index * (size_t)space.rank);
    l->own_space = space;
}

static void lower_flat(struct lower *l)
{
    struct index_table *t = l->indices;
    const struct type *type = &l->gr->outs[0]->type;
    const struct index *count = type_count(l->s, type), *index[MAX_RANK];
    const struct index *e = index_add(t, index_mulk(t, l->k->bid[0], BLOCK), l->k->tid);
    l->k->grid[0] = index_ceil_div(t, count, index_const(t, BLOCK));
    struct kmask m = mask_of(e, count);
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    l->b = kb_in(&l->b, kstmt_if(&l->b, &m));
    split_index(t, type->dim, type->rank, e, index);
    set_own(l, index, row_space_of(l->gr->outs[0]));
    for (size_t i = 0; i < l->gr->n_outs; i++)
        store_out(l, l->gr->outs[i], index);
    lower_leave(l, p);
}

/* Sets up the teams. A team is the whole block if there is only one row, or if buffers for several rows do not fit in
   shared memory. Otherwise a team is one wave. */
static struct rows rows_of(struct lower *l, const struct node *anchor)
{
    struct index_table *t = l->indices;
    struct rows r = { .l = l, .space = row_space_of(anchor), .team = l->t->wave, .teams = BLOCK / l->t->wave };
    const struct index *count = index_const(t, 1);
    for (int i = 0; i < r.space.rank; i++)
        count = index_mul(t, count, r.space.dim[i]);
    int64_t rows;
    bool alone = index_const_value(count, &rows) && rows == 1;
    r.by_block =
        alone || !group_rows_fit(l->gr, l->t) || group_row_bytes(l->gr) * r.teams > l->t->shared_bytes - SHARED_SPARE;
    if (r.by_block) {
        r.team = BLOCK;
        r.teams = 1;
    }
    l->k->grid[0] = index_ceil_div(t, count, index_const(t, r.teams));
    r.member = r.by_block ? l->k->tid : l->k->lane;
    r.row = alone        ? index_const(t, 0)
            : r.by_block ? l->k->bid[0]
                         : index_add(t, index_mulk(t, l->k->bid[0], r.teams), l->k->wave_id);
    split_index(t, r.space.dim, r.space.rank, r.row, r.lead);
    set_own(l, r.lead, r.space);
    if (!r.by_block) {
        struct kmask m = mask_of(r.row, count);
        l->b = kb_in(&l->b, kstmt_if(&l->b, &m)); /* all lanes of a wave have equal masks */
    }
    return r;
}

void lower_rows(struct lower *l)
{
    const struct node *anchor = NULL;
    for (size_t i = 0; i < l->gr->n_nodes && !anchor; i++)
        if (node_is_stage(l->gr->nodes[i]))
            anchor = l->gr->nodes[i];
    if (!anchor) {
        lower_flat(l);
        return;
    }
    struct rows r = rows_of(l, anchor);
    choose_width(&r);
    for (size_t i = 0; i < l->gr->n_nodes; i++) {
        const struct node *n = l->gr->nodes[i];
        lower_forget(l);
        if (n->op->class == CLS_REDUCE)
            stage_reduce(&r, n);
        else if (n->op->class == CLS_SELECT)
            stage_select(&r, n);
        else if (n->op->class == CLS_SCAN)
            stage_scan(&r, n);
        else if (n->op->class == CLS_CONTRACT)
            stage_contraction(&r, n);
    }
    lower_forget(l);
    store_results(&r);
}
