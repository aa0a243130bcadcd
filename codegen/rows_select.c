/* Selections along rows, such as top-k. select_each computes the rank of every element. select_first finds only the
   first element. select_by_bisection finds the first k elements of a long row. */
#include <string.h>

#include "codegen/rows.h"

/* The scores of a row. All threads of the team read the scores many times. If the scores are not in memory, the team
   first computes them into `buffer`. */
struct scores {
    const struct node *x;
    enum dtype type;
    struct kmem *buffer; /* NULL: scores are read with lower_value */
    const struct index *base;
};

static const struct kexpr *score_at(struct rows *r, const struct scores *s, const struct index *i)
{
    struct lower *l = r->l;
    if (s->buffer)
        return kexpr_load(&l->b, s->buffer, NULL, index_add(l->indices, s->base, i), NULL, 0);
    const struct index *index[MAX_RANK];
    full_index(r, &s->x->type, i, index);
    return kexpr_cast(&l->b, s->type, lower_value(l, s->x, index));
}

static const struct index *length_of(const struct rows *r, const struct node *x)
{
    return row_space_length(r->l->s, &r->space, &x->type);
}

static struct scores gather_scores(struct rows *r, const struct node *n)
{
    struct lower *l = r->l;
    const struct node *x = n->in[0];
    struct scores out = { .x = x, .type = node_score_type(n) };
    if (group_finds_in_memory(l->gr, x))
        return out;
    if (group_rows_fit(l->gr, l->t)) {
        struct value_loc w = row_buffer(r, x, out.type, "score");
        out.base = w.base;
        out.buffer = w.mem;
    } else {
        out.base = index_mul(l->indices, r->row, length_of(r, x));
        out.buffer = l->scratch[r->n_spilled++];
    }
    const struct index *index[MAX_RANK];
    struct sweep s = sweep_begin(r, length_of(r, x));
    full_index(r, &x->type, s.i, index);
    kstmt_store(&l->b, out.buffer, NULL, index_add(l->indices, out.base, s.i), lower_value(l, x, index), NULL);
    sweep_end(r, s);
    team_barrier(r);
    lower_forget(l);
    return out;
}

/* Returns the place for a row's results: shared memory, or, if rows do not fit there, the output buffer of n. */
static struct value_loc results_of(struct rows *r, const struct node *n)
{
    struct lower *l = r->l;
    if (group_rows_fit(l->gr, l->t))
        return row_buffer(r, n, n->type.dtype, "chosen");
    return (struct value_loc){ .node = n, .kind = LOC_STORED, .mem = arg_of(l, n) };
}

/* Stores result i of the row. */
static void store_result(struct rows *r, const struct value_loc *w, const struct index *i, const struct kexpr *value,
                         const struct kmask *mask)
{
    struct index_table *t = r->l->indices;
    const struct index *index[MAX_RANK];
    full_index(r, &w->node->type, i, index);
    const struct index *at = w->kind == LOC_STORED ? flat_index(t, &w->node->type, index) : index_add(t, w->base, i);
    kstmt_store(&r->l->b, w->mem, NULL, at, value, mask);
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

/* Sets `rank` to the number of elements that precede element i. */
static void count_ahead(struct rows *r, const struct node *n, const struct scores *scores, const struct index *i,
                        struct kmem *rank)
{
    struct lower *l = r->l;
    struct index_table *t = l->indices;
    write0(l, rank, kexpr_i32(&l->b, 0));
    const struct kexpr *si = kstmt_let(&l->b, score_at(r, scores, i));
    struct kstmt *loop = kstmt_for(&l->b, "other", index_const(t, 0), length_of(r, n->in[0]), 1, false);
    struct insert_point p = lower_enter(l, loop);
    const struct kexpr *before = precedes(r, n, score_at(r, scores, loop->var), kexpr_index(&l->b, DT_I32, loop->var),
                                          si, kexpr_index(&l->b, DT_I32, i));
    kstmt_accumulate(&l->b, rank, index_const(t, 0), KACC_SUM, one_if(l, before), false);
    lower_leave(l, p);
}

/* Computes the result for each element from the element's rank: the number of elements that precede the element. */
static void select_each(struct rows *r, const struct node *n)
{
    struct lower *l = r->l;
    struct scores scores = gather_scores(r, n);
    struct value_loc chosen = results_of(r, n);
    struct kmem *rank = kernel_private(l->k, numbered(l, "rank", l->k->n_priv), DT_I32, 1);
    struct sweep s = sweep_begin(r, length_of(r, n->in[0]));
    count_ahead(r, n, &scores, s.i, rank);
    struct at c = { .k = &l->b, .n = n, .lower = l };
    store_result(r, &chosen, s.i, n->op->kernel.from_rank(&c, read0(l, rank)), NULL);
    sweep_end(r, s);
    team_barrier(r);
    value_loc_set(l, chosen);
}

/* Stores the index of each element at its rank, if that is a result. Where the row is shorter than the result, first
   fills the result with -1. */
static void select_in_order(struct rows *r, const struct node *n)
{
    struct lower *l = r->l;
    const struct index *results = length_of(r, n);
    struct scores scores = gather_scores(r, n);
    struct value_loc chosen = results_of(r, n);
    struct kmem *rank = kernel_private(l->k, numbered(l, "rank", l->k->n_priv), DT_I32, 1);
    if (!index_less_eq(l->indices, results, length_of(r, n->in[0]))) {
        struct sweep fill = sweep_begin(r, results);
        store_result(r, &chosen, fill.i, kexpr_i64(&l->b, -1), NULL);
        sweep_end(r, fill);
        team_barrier(r);
    }
    struct sweep s = sweep_begin(r, length_of(r, n->in[0]));
    count_ahead(r, n, &scores, s.i, rank);
    const struct index *place = kstmt_let_index(&l->b, "place", read0(l, rank), 0, INDEX_DIM_MAX);
    struct kmask inside = mask_of(place, results);
    store_result(r, &chosen, place, kexpr_index(&l->b, DT_I64, s.i), &inside);
    sweep_end(r, s);
    team_barrier(r);
    value_loc_set(l, chosen);
}

/* Finds the first of the thread's own elements in the selection's order. Sets `score` and `best_index` to the score and
   index of this element. Sets best_index to -1 if the thread has no elements. */
static void best_of_mine(struct rows *r, const struct node *n, struct kmem *score, struct kmem *best_index)
{
    struct lower *l = r->l;
    struct scores scores = { .x = n->in[0], .type = node_score_type(n) }; /* no buffer, since each score is read once */
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    write0(l, score, kexpr_const(&l->b, score->dtype, 0));
    write0(l, best_index, kexpr_i32(&l->b, -1));
    lower_leave(l, p);
    struct sweep s = sweep_begin(r, length_of(r, n->in[0]));
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

/* Finds the index of the row's first element in the selection's order. Each thread finds the first of its own elements.
   Then the team finds the first of the threads' elements. */
static void select_first(struct rows *r, const struct node *n)
{
    struct lower *l = r->l;
    struct index_table *t = l->indices;
    size_t id = l->k->n_shared;
    struct kmem *score = kernel_private(l->k, numbered(l, "best", id), node_score_type(n), 1);
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
    /* A thread without elements begins with rank 1, so it never has the first element. */
    write0(l, rank, one_if(l, kexpr_op2(&l->b, K_LT, my_index, kexpr_i32(&l->b, 0))));
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
    full_index(r, &n->type, index_const(t, 0), w.index);
    w.value = kstmt_let(&l->b, kexpr_cast(&l->b, n->type.dtype, kexpr_load(&l->b, first, NULL, team, NULL, 0)));
    value_loc_set(l, w);
}

/* The state of a bisection. All threads of the team hold the same state. */
struct bisection {
    struct rows *r;
    const struct node *n;
    struct scores scores;
    const struct index *length;
    struct kmem *count;
    struct kmem *last; /* the key of the last chosen element; later the index of that element */
    struct kmem *step;
};

/* Returns the score of element i as an i64 key. Elements with larger keys are chosen first. */
static const struct kexpr *key_at(struct bisection *b, const struct index *i)
{
    struct kbuild *k = &b->r->l->b;
    const struct kexpr *s = score_at(b->r, &b->scores, i);
    return kexpr_cast(k, DT_I64, b->scores.type == DT_F32 ? kexpr_op1(k, K_ORDER, s) : s);
}

enum counted { ABOVE, ABOVE_OR_EQUAL, EQUAL_BEFORE };
/* Sets b->count to the number of elements in the row with a key above `key` (ABOVE), with a key above or equal to `key`
   (ABOVE_OR_EQUAL), or with a key equal to `key` and an index below `end` (EQUAL_BEFORE). */
static void count_keys(struct bisection *b, enum counted what, const struct kexpr *key, const struct kexpr *end)
{
    struct lower *l = b->r->l;
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    write0(l, b->count, kexpr_i32(&l->b, 0));
    lower_leave(l, p);
    struct sweep s = sweep_begin(b->r, b->length);
    const struct kexpr *mine = kstmt_let(&l->b, key_at(b, s.i));
    const struct kexpr *yes = kexpr_op2(&l->b, what == ABOVE ? K_GT : what == ABOVE_OR_EQUAL ? K_GE : K_EQ, mine, key);
    if (what == EQUAL_BEFORE)
        yes = kexpr_op2(&l->b, K_AND, yes, kexpr_op2(&l->b, K_LT, kexpr_index(&l->b, DT_I64, s.i), end));
    kstmt_accumulate(&l->b, b->count, index_const(l->indices, 0), KACC_SUM, one_if(l, yes), false);
    sweep_end(b->r, s);
    team_combine(b->r, b->count, 1, KACC_SUM);
}

static void set0(struct lower *l, const struct kmem *m, const struct kexpr *v)
{
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    write0(l, m, v);
    lower_leave(l, p);
}

/* One step of the bisection. If `stays` is true, sets last = to. Then sets step = step / 2. */
static void narrow(struct bisection *b, const struct kexpr *stays, const struct kexpr *to)
{
    struct lower *l = b->r->l;
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    write0(l, b->last, kexpr_op(&l->b, K_SELECT, stays, to, read0(l, b->last)));
    write0(l, b->step, kexpr_op2(&l->b, K_DIV, read0(l, b->step), kexpr_i64(&l->b, 2)));
    lower_leave(l, p);
}

/* Returns the key of the last chosen element: the largest K such that at least `chosen` elements have a key >= K. Finds
   K bit by bit, from the highest bit down. Keys have 64 bits for i64 scores, and 32 bits for other scores. */
static const struct kexpr *last_key(struct bisection *b, int64_t chosen)
{
    struct lower *l = b->r->l;
    struct index_table *t = l->indices;
    bool narrow_keys = b->scores.type != DT_I64;
    int64_t least = narrow_keys ? INT32_MIN : INT64_MIN;
    const struct kexpr *wanted = kexpr_i32(&l->b, chosen < INT32_MAX ? chosen : INT32_MAX);
    set0(l, b->last, kexpr_i64(&l->b, least));
    set0(l, b->step, kexpr_i64(&l->b, (int64_t)1 << (narrow_keys ? 30 : 62)));
    count_keys(b, ABOVE_OR_EQUAL, kexpr_i64(&l->b, 0), NULL);
    struct insert_point q = lower_enter(l, kstmt_region(&l->b));
    const struct kexpr *positive = kexpr_op2(&l->b, K_GE, read0(l, b->count), wanted);
    write0(l, b->last, kexpr_op(&l->b, K_SELECT, positive, kexpr_i64(&l->b, 0), read0(l, b->last)));
    lower_leave(l, q);
    struct kstmt *loop = kstmt_for(&l->b, "bit", index_const(t, 0), index_const(t, narrow_keys ? 31 : 63), 1, false);
    struct insert_point p = lower_enter(l, loop);
    const struct kexpr *to = kstmt_let(&l->b, kexpr_op2(&l->b, K_ADD, read0(l, b->last), read0(l, b->step)));
    count_keys(b, ABOVE_OR_EQUAL, to, NULL);
    narrow(b, kexpr_op2(&l->b, K_GE, read0(l, b->count), wanted), to);
    lower_leave(l, p);
    return kstmt_let(&l->b, read0(l, b->last));
}

/* Several elements may have the key `key` of the last chosen element. Of these, the elements with an index below the
   returned index are chosen. */
static const struct kexpr *last_index(struct bisection *b, int64_t chosen, const struct kexpr *key)
{
    struct lower *l = b->r->l;
    struct index_table *t = l->indices;
    enum { INDEX_BITS = 31 };
    count_keys(b, ABOVE, key, NULL);
    const struct kexpr *left = kstmt_let(
        &l->b, kexpr_op2(&l->b, K_SUB, kexpr_i32(&l->b, chosen < INT32_MAX ? chosen : INT32_MAX), read0(l, b->count)));
    set0(l, b->last, kexpr_i64(&l->b, 0));
    set0(l, b->step, kexpr_i64(&l->b, (int64_t)1 << (INDEX_BITS - 1)));
    struct kstmt *loop = kstmt_for(&l->b, "bit", index_const(t, 0), index_const(t, INDEX_BITS), 1, false);
    struct insert_point p = lower_enter(l, loop);
    const struct kexpr *to = kstmt_let(&l->b, kexpr_op2(&l->b, K_ADD, read0(l, b->last), read0(l, b->step)));
    count_keys(b, EQUAL_BEFORE, key, to);
    narrow(b, kexpr_op2(&l->b, K_LT, read0(l, b->count), left), to);
    lower_leave(l, p);
    return kstmt_let(&l->b, kexpr_op2(&l->b, K_ADD, read0(l, b->last), kexpr_i64(&l->b, 1)));
}

static void select_by_bisection(struct rows *r, const struct node *n)
{
    struct lower *l = r->l;
    size_t id = l->k->n_priv;
    struct bisection b = { .r = r, .n = n, .length = length_of(r, n->in[0]) };
    int64_t chosen = n->op->kernel.chosen(n);
    b.scores = gather_scores(r, n);
    b.count = kernel_private(l->k, numbered(l, "count", id), DT_I32, 1);
    b.last = kernel_private(l->k, numbered(l, "last", id), DT_I64, 1);
    b.step = kernel_private(l->k, numbered(l, "step", id), DT_I64, 1);
    const struct kexpr *key = last_key(&b, chosen);
    const struct kexpr *end = last_index(&b, chosen, key);
    struct value_loc results = results_of(r, n);
    struct sweep s = sweep_begin(r, b.length);
    const struct kexpr *mine = kstmt_let(&l->b, key_at(&b, s.i));
    const struct kexpr *among = kexpr_op2(&l->b, K_AND, kexpr_op2(&l->b, K_EQ, mine, key),
                                          kexpr_op2(&l->b, K_LT, kexpr_index(&l->b, DT_I64, s.i), end));
    store_result(r, &results, s.i, kexpr_op2(&l->b, K_OR, kexpr_op2(&l->b, K_GT, mine, key), among), NULL);
    sweep_end(r, s);
    team_barrier(r);
    lower_forget(l);
    value_loc_set(l, results);
}

/* Rows longer than this are bisected. For shorter rows, comparing all pairs is faster, although it takes quadratic
   time. */
enum { LONG_SELECTION = 1024 };
static bool is_long(const struct rows *r, const struct node *n)
{
    int64_t length;
    return !index_const_value(length_of(r, n->in[0]), &length) || length > LONG_SELECTION;
}

void stage_select(struct rows *r, const struct node *n)
{
    if (n->op->kernel.chosen && is_long(r, n))
        select_by_bisection(r, n);
    else if (n->op->kernel.lists)
        select_in_order(r, n);
    else if (node_is_row_selection(n))
        select_each(r, n);
    else
        select_first(r, n);
}
