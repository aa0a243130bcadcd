/* The rows template: pointwise work, and reductions, selections and small contractions along the last dimension.

   Without a stage: one thread an element. With stages: a team (one wave; the whole block where there is one row in all)
   takes a row; element i of a row is its thread i mod T's. Stages run in node order: a reduction keeps an accumulator a
   thread and combines them over the team; the scores of a selection and the results of a selection or contraction stand
   in the team's shared memory, since others of the team read them. Then the results are stored. Everything else is
   pulled where it is needed. */
#include <string.h>

#include "codegen/lower.h"

enum { BLOCK = 256, CONTRACT_AT_ONCE = 8, SHARED_SPARE = 1024, KEPT = 64 };

struct rows {
    struct lower *l;
    struct row_space space;
    int team, teams;                    /* threads a row, rows a block */
    bool by_block;                      /* the team is the block */
    const struct index *row, *member;   /* this team's row; this thread in the team */
    const struct index *lead[MAX_RANK]; /* the row as indices of the leading dims */
    int width;                          /* neighbours that a thread takes at a time in rows of vector_length */
    const struct index *vector_length, *same_turn;
    bool keep; /* a thread's part of such a row fits in registers */
};

static void full_index(const struct rows *r, const struct index *last, const struct index **index)
{
    memcpy(index, r->lead, sizeof *index * (size_t)r->space.rank);
    index[r->space.rank] = last;
}

/* Loops over the elements of a row of length n that are this thread's: enters the loops and the guard, and gives the
   element's number. Where the rows are swept `width` neighbours at a time, a loop over these is innermost, and `outer`
   is the place around it. */
struct sweep {
    struct insert_point start;
    const struct index *i;
    const struct index *e, *first;
    struct kbuild outer;
};

/* The innermost loop, over neighbours, and what the vectoriser must know of it. */
static void sweep_neighbours(struct rows *r, struct sweep *s, const struct index *turn, int64_t turns)
{
    struct lower *l = r->l;
    struct index_table *t = l->indices;
    s->outer = l->b;
    struct kstmt *loop = kstmt_for(&l->b, "e", index_const(t, 0), index_const(t, r->width), 1, true);
    if (!r->same_turn)
        r->same_turn = index_var(t, "turn", 0, turns - 1, UNIFORM_BLOCK);
    l->vec = (struct vector){ .width = r->width,
                              .e = loop->var,
                              .turn = turn,
                              .same_turn = r->same_turn,
                              .thread = r->member,
                              .turns = r->keep ? (int)turns : 0,
                              .outer = s->outer,
                              .loop = loop };
    l->b = kb_in(&l->b, loop);
    s->e = loop->var;
    s->first = s->i;
    s->i = index_add(t, s->i, loop->var);
}

static struct sweep sweep_begin(struct rows *r, const struct index *n)
{
    struct lower *l = r->l;
    struct index_table *t = l->indices;
    int64_t length, count = 0;
    int width = n == r->vector_length ? r->width : 1;
    int stride = r->team * width;
    struct sweep s = { .start = lower_enter(l, kstmt_region(&l->b)) };
    const struct index *turns = index_ceil_div(t, n, index_const(t, stride));
    const struct index *turn = NULL;
    if (!(index_const_value(turns, &count) && count == 1)) {
        struct kstmt *loop = kstmt_for(&l->b, "j", index_const(t, 0), turns, 1, width > 1 && r->keep);
        l->b = kb_in(&l->b, loop);
        turn = loop->var;
    }
    s.i = index_mulk(t, r->member, width);
    if (turn)
        s.i = index_add(t, index_mulk(t, turn, stride), s.i);
    if (!(index_const_value(n, &length) && length % stride == 0)) {
        struct kmask m = mask_of(s.i, n);
        l->b = kb_in(&l->b, kstmt_if(&l->b, &m));
    }
    if (width > 1)
        sweep_neighbours(r, &s, turn, count);
    return s;
}

static void sweep_end(struct rows *r, struct sweep s)
{
    r->l->vec.width = 1;
    lower_forget_turn(r->l);
    lower_leave(r->l, s.start);
}

/* How rows of reductions are swept: the widest that leaves no thread idle and divides the row, where nothing in the
   group reads a row out of turn. */
static void choose_width(struct rows *r)
{
    const struct group *gr = r->l->gr;
    const struct index *n = NULL;
    int64_t length = 0;
    r->width = 1;
    for (size_t i = 0; i < gr->n_nodes; i++) {
        const struct node *x = gr->nodes[i];
        if (x->op->class == CLS_SELECT || x->op->class == CLS_CONTRACT)
            return;
        if (x->op->class == CLS_REDUCE && !n)
            n = type_last(r->l->s, &x->in[0]->type);
    }
    if (!n || !index_const_value(n, &length))
        return;
    for (int w = 8; w >= 2 && r->width == 1; w /= 2)
        if (length % w == 0 && length >= (int64_t)r->team * w)
            r->width = w;
    r->vector_length = n;
    r->keep = (length + r->team - 1) / r->team <= KEPT;
}

static void team_barrier(struct rows *r) { kstmt_barrier(&r->l->b, r->by_block ? KSCOPE_BLOCK : KSCOPE_WAVE, -1); }

static void team_combine(struct rows *r, struct kmem *acc, int n, enum kacc op)
{
    if (r->by_block)
        combine_block(r->l, acc, n, op);
    else
        combine_wave(r->l, acc, n, op);
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

static const char *numbered(struct lower *l, const char *stem, size_t i)
{
    return arena_printf(l->k->arena, "%s%zu", stem, i);
}

static void stage_reduce(struct rows *r, const struct node *n)
{
    struct lower *l = r->l;
    const struct node *x = n->in[0];
    const struct index *length = type_last(l->s, &x->type), *index[MAX_RANK];
    struct kmem *acc = kernel_private(l->k, numbered(l, "acc", l->k->n_priv), DT_F32, 1);
    fill_accumulators(l, acc, 1, n->op->kernel.acc);
    struct sweep s = sweep_begin(r, length);
    full_index(r, s.i, index);
    kstmt_accumulate(&l->b, acc, index_const(l->indices, 0), n->op->kernel.acc,
                     kexpr_cast(&l->b, DT_F32, lower_value(l, x, index)), false);
    sweep_end(r, s);
    team_combine(r, acc, 1, n->op->kernel.acc);
    struct value_loc w = { .node = n, .kind = LOC_VALUE };
    full_index(r, index_const(l->indices, 0), w.index);
    w.value = kstmt_let(
        &l->b, finish_reduction(l, n, kexpr_load(&l->b, acc, NULL, index_const(l->indices, 0), NULL, 0), length));
    value_loc_set(l, w);
    record_sum(r, n, length);
}

/* The team's part of a shared buffer that holds one row of n elements a team. */
static struct value_loc row_buffer(struct rows *r, const struct node *n, enum dtype t, const char *stem)
{
    struct lower *l = r->l;
    int64_t length = 0;
    BUG_IF(!index_const_value(type_last(l->s, &n->type), &length), "a row buffer of symbolic length");
    struct kmem *m =
        kernel_shared(l->k, numbered(l, stem, l->k->n_shared), t, 1, KL_ROWS, r->teams, length ? (int)length : 1);
    return (struct value_loc){ .node = n,
                               .kind = LOC_SHARED,
                               .mem = m,
                               .base = r->by_block ? index_const(l->indices, 0)
                                                   : index_mulk(l->indices, l->k->wave_id, length) };
}

/* ---- selections ---- */
/* Scores are read many times, by others of the team too: from memory where they stand there, else from a buffer that
   the team fills first. */
static bool is_in_memory(const struct lower *l, const struct node *x)
{
    while (x->op->class == CLS_VIEW && x->n_in == 1 && node_is_rematerialised(x))
        x = x->in[0];
    return x->group != l->gr && arg_of(l, x) != NULL;
}

static enum dtype score_type(const struct node *x)
{
    return x->type.dtype == DT_I64 || x->type.dtype == DT_I32 ? x->type.dtype : DT_F32;
}

struct scores {
    const struct node *x;
    struct value_loc buffer;
    bool buffered;
};

static const struct kexpr *score_at(struct rows *r, const struct scores *s, const struct index *i)
{
    struct lower *l = r->l;
    if (s->buffered)
        return kexpr_load(&l->b, s->buffer.mem, NULL, index_add(l->indices, s->buffer.base, i), NULL, 0);
    const struct index *index[MAX_RANK];
    full_index(r, i, index);
    return kexpr_cast(&l->b, score_type(s->x), lower_value(l, s->x, index));
}

static struct scores gather_scores(struct rows *r, const struct node *x)
{
    struct lower *l = r->l;
    struct scores out = { .x = x };
    if (is_in_memory(l, x))
        return out;
    const struct index *index[MAX_RANK];
    out.buffer = row_buffer(r, x, score_type(x), "score");
    struct sweep s = sweep_begin(r, type_last(l->s, &x->type));
    full_index(r, s.i, index);
    kstmt_store(&l->b, out.buffer.mem, NULL, index_add(l->indices, out.buffer.base, s.i), lower_value(l, x, index),
                NULL);
    sweep_end(r, s);
    team_barrier(r);
    lower_forget(l);
    out.buffered = true;
    return out;
}

static const struct kexpr *precedes(struct rows *r, const struct node *n, const struct kexpr *sj, const struct kexpr *j,
                                    const struct kexpr *si, const struct kexpr *i)
{
    struct at c = { .k = &r->l->b, .n = n, .lower = r->l };
    return n->op->kernel.precedes(&c, sj, j, si, i);
}

static const struct kexpr *one_if(struct lower *l, const struct kexpr *c)
{
    return kexpr_op(&l->b, K_SELECT, c, kexpr_i32(&l->b, 1), kexpr_i32(&l->b, 0));
}
static const struct kexpr *read0(struct lower *l, const struct kmem *m)
{
    return kexpr_load(&l->b, m, NULL, index_const(l->indices, 0), NULL, 0);
}
static void write0(struct lower *l, const struct kmem *m, const struct kexpr *v)
{
    kstmt_store(&l->b, m, NULL, index_const(l->indices, 0), v, NULL);
}

/* Every element of the row its result from the number of those that stand before it. */
static void select_each(struct rows *r, const struct node *n)
{
    struct lower *l = r->l;
    struct index_table *t = l->indices;
    struct scores scores = gather_scores(r, n->in[0]);
    struct value_loc chosen = row_buffer(r, n, n->type.dtype, "chosen");
    struct kmem *rank = kernel_private(l->k, numbered(l, "rank", l->k->n_priv), DT_I32, 1);
    struct sweep s = sweep_begin(r, type_last(l->s, &n->type));
    write0(l, rank, kexpr_i32(&l->b, 0));
    const struct kexpr *si = kstmt_let(&l->b, score_at(r, &scores, s.i));
    struct kstmt *loop = kstmt_for(&l->b, "other", index_const(t, 0), type_last(l->s, &n->type), 1, false);
    struct insert_point p = lower_enter(l, loop);
    const struct kexpr *before = precedes(r, n, score_at(r, &scores, loop->var), kexpr_index(&l->b, DT_I32, loop->var),
                                          si, kexpr_index(&l->b, DT_I32, s.i));
    kstmt_accumulate(&l->b, rank, index_const(t, 0), KACC_SUM, one_if(l, before), false);
    lower_leave(l, p);
    struct at c = { .k = &l->b, .n = n, .lower = l };
    kstmt_store(&l->b, chosen.mem, NULL, index_add(t, chosen.base, s.i), n->op->kernel.from_rank(&c, read0(l, rank)),
                NULL);
    sweep_end(r, s);
    team_barrier(r);
    value_loc_set(l, chosen);
}

/* A thread's best of its own elements into score and place; place −1: it has none. */
static void best_of_mine(struct rows *r, const struct node *n, struct kmem *score, struct kmem *best_index)
{
    struct lower *l = r->l;
    struct scores scores = { .x = n->in[0] }; /* each element is read once: no buffer */
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    write0(l, score, kexpr_const(&l->b, score->dtype, 0));
    write0(l, best_index, kexpr_i32(&l->b, -1));
    lower_leave(l, p);
    struct sweep s = sweep_begin(r, type_last(l->s, &n->in[0]->type));
    const struct kexpr *si = kstmt_let(&l->b, score_at(r, &scores, s.i));
    const struct kexpr *i = kexpr_index(&l->b, DT_I32, s.i);
    const struct kexpr *old = kstmt_let(&l->b, read0(l, best_index));
    const struct kexpr *none = kexpr_op2(&l->b, K_LT, old, kexpr_i32(&l->b, 0));
    const struct kexpr *better = precedes(r, n, si, i, read0(l, score), old);
    const struct kexpr *take = kstmt_let(&l->b, one_if(l, kexpr_op2(&l->b, K_OR, none, better)));
    const struct kexpr *taken = kexpr_op2(&l->b, K_EQ, take, kexpr_i32(&l->b, 1));
    write0(l, score, kexpr_op(&l->b, K_SELECT, taken, si, read0(l, score)));
    write0(l, best_index, kexpr_op(&l->b, K_SELECT, taken, i, old));
    sweep_end(r, s);
}

/* The index of the element that nobody stands before: each thread's best, then the best of those. */
static void select_first(struct rows *r, const struct node *n)
{
    struct lower *l = r->l;
    struct index_table *t = l->indices;
    size_t id = l->k->n_shared;
    struct kmem *score = kernel_private(l->k, numbered(l, "best", id), score_type(n->in[0]), 1);
    struct kmem *best_index = kernel_private(l->k, numbered(l, "place", id), DT_I32, 1);
    struct kmem *rank = kernel_private(l->k, numbered(l, "rank", id), DT_I32, 1);
    struct kmem *scores = kernel_shared(l->k, numbered(l, "bests", id), score->dtype, 1, KL_ROWS, r->teams, r->team);
    struct kmem *best_indices =
        kernel_shared(l->k, numbered(l, "best_indices", id), DT_I32, 1, KL_ROWS, r->teams, r->team);
    struct kmem *first = kernel_shared(l->k, numbered(l, "first", id), DT_I32, 1, KL_ROWS, r->teams, 1);
    const struct index *team = r->by_block ? index_const(t, 0) : l->k->wave_id;
    const struct index *base = index_mulk(t, team, r->team);
    const struct index *mine = index_add(t, base, r->member);
    best_of_mine(r, n, score, best_index);
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    kstmt_store(&l->b, scores, NULL, mine, read0(l, score), NULL);
    kstmt_store(&l->b, best_indices, NULL, mine, read0(l, best_index), NULL);
    struct kmask one = mask_of(r->member, index_const(t, 1));
    l->b = kb_in(&l->b, kstmt_if(&l->b, &one));
    kstmt_store(&l->b, first, NULL, team, kexpr_i32(&l->b, -1), NULL);
    lower_leave(l, p);
    team_barrier(r);
    p = lower_enter(l, kstmt_region(&l->b));
    const struct kexpr *my_index = kstmt_let(&l->b, read0(l, best_index));
    const struct kexpr *my_score = kstmt_let(&l->b, read0(l, score));
    write0(l, rank, one_if(l, kexpr_op2(&l->b, K_LT, my_index, kexpr_i32(&l->b, 0)))); /* who has none stands behind */
    struct kstmt *loop = kstmt_for(&l->b, "other", index_const(t, 0), index_const(t, r->team), 1, false);
    struct insert_point q = lower_enter(l, loop);
    const struct index *its = index_add(t, base, loop->var);
    const struct kexpr *sj = kexpr_load(&l->b, scores, NULL, its, NULL, 0);
    const struct kexpr *j = kexpr_load(&l->b, best_indices, NULL, its, NULL, 0);
    const struct kexpr *there = kexpr_op2(&l->b, K_GE, j, kexpr_i32(&l->b, 0));
    const struct kexpr *before = precedes(r, n, sj, j, my_score, my_index);
    kstmt_accumulate(&l->b, rank, index_const(t, 0), KACC_SUM, one_if(l, kexpr_op2(&l->b, K_AND, there, before)),
                     false);
    lower_leave(l, q);
    const struct index *standing = kstmt_let_index(&l->b, "standing", read0(l, rank), 0, INDEX_DIM_MAX);
    struct kmask nobody = mask_of(standing, index_const(t, 1));
    l->b = kb_in(&l->b, kstmt_if(&l->b, &nobody));
    kstmt_store(&l->b, first, NULL, team, my_index, NULL);
    lower_leave(l, p);
    team_barrier(r);
    struct value_loc w = { .node = n, .kind = LOC_VALUE };
    memcpy(w.index, r->lead, sizeof w.index);
    w.value = kstmt_let(&l->b, kexpr_cast(&l->b, n->type.dtype, kexpr_load(&l->b, first, NULL, team, NULL, 0)));
    value_loc_set(l, w);
}

static void stage_select(struct rows *r, const struct node *n)
{
    if (n->type.rank == n->in[0]->type.rank)
        select_each(r, n);
    else
        select_first(r, n);
}

/* y[row, e] = Σ_k a[row, k]·b[k, e]: some columns at a time, each thread its k, then combined over the team. */
static void stage_contract(struct rows *r, const struct node *n)
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
        int batch = b->type.rank - 2; /* leading dims that b has too */
        full_index(r, s.i, ia);
        full_index(r, s.i, ib);
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

/* Neighbours are gathered in private memory and stored at once. */
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

/* One value a row: of a reduction that keeps its dimension, the last is 1. */
static bool is_one_a_row(const struct rows *r, const struct node *n)
{
    const struct index *last = type_last(r->l->s, &n->type);
    return n->type.rank == r->space.rank || (index_is_const(last) && last->k == 1);
}

/* Results with a last dimension: those of equal length in one sweep. Then those with one value a row, by the team's
   first thread. */
static void store_results(struct rows *r)
{
    struct lower *l = r->l;
    const struct group *gr = l->gr;
    const struct index *index[MAX_RANK];
    bool *done = arena_array(l->k->arena, bool, gr->n_outs + 1);
    for (size_t i = 0; i < gr->n_outs; i++) {
        const struct node *n = gr->outs[i];
        if (done[i] || is_one_a_row(r, n))
            continue;
        struct sweep s = sweep_begin(r, type_last(l->s, &n->type));
        full_index(r, s.i, index);
        for (size_t k = i; k < gr->n_outs; k++) {
            const struct node *m = gr->outs[k];
            if (is_one_a_row(r, m) || type_last(l->s, &m->type) != type_last(l->s, &n->type))
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
    full_index(r, index_const(l->indices, 0), index);
    for (size_t i = 0; i < gr->n_outs; i++)
        if (!done[i])
            store_out(l, gr->outs[i], index);
    lower_leave(l, p);
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
    for (size_t i = 0; i < l->gr->n_outs; i++)
        store_out(l, l->gr->outs[i], index);
    lower_leave(l, p);
}

/* Bytes of shared memory that the buffers of one row take. */
static int64_t bytes_of_row(const struct lower *l)
{
    int64_t bytes = 0, length;
    for (size_t i = 0; i < l->gr->n_nodes; i++) {
        const struct node *n = l->gr->nodes[i];
        bool each = n->op->class == CLS_SELECT && n->type.rank == n->in[0]->type.rank;
        bool contract = n->op->class == CLS_CONTRACT;
        if ((!each && !contract) || !index_const_value(type_last(l->s, &n->type), &length))
            continue;
        bytes += length * (contract ? 4 : 1 + (is_in_memory(l, n->in[0]) ? 0 : dtype_size(score_type(n->in[0]))));
    }
    return bytes;
}

/* One wave a row; the whole block where there is only one row, or where the rows' buffers would not fit in shared
   memory side by side. */
static struct rows rows_of(struct lower *l, const struct node *anchor)
{
    struct index_table *t = l->indices;
    struct rows r = { .l = l, .space = row_space_of(anchor), .team = l->t->wave, .teams = BLOCK / l->t->wave };
    const struct index *count = index_const(t, 1);
    for (int i = 0; i < r.space.rank; i++)
        count = index_mul(t, count, r.space.dim[i]);
    int64_t rows;
    bool alone = index_const_value(count, &rows) && rows == 1;
    r.by_block = alone || bytes_of_row(l) * r.teams > l->t->shared_bytes - SHARED_SPARE;
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
    if (!r.by_block) {
        struct kmask m = mask_of(r.row, count);
        l->b = kb_in(&l->b, kstmt_if(&l->b, &m)); /* the whole wave is in or out */
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
        else if (n->op->class == CLS_CONTRACT)
            stage_contract(&r, n);
    }
    lower_forget(l);
    store_results(&r);
}
