/* Running sums along a row. Each thread of the team has a chunk of neighbouring elements. It first adds up its chunk,
   then the totals of the chunks before it, and then runs through its chunk again, from this sum on. The results are in
   the node's own memory. */
#include "codegen/rows.h"

struct scan {
    struct rows *r;
    const struct node *n;
    const struct index *length, *chunk;
    struct scan_form form;
    struct kmem *acc;
};

/* Enters a loop over the thread's chunk, in the scan's order. Returns the index of the element. */
static const struct index *enter_chunk(const struct scan *s)
{
    struct lower *l = s->r->l;
    struct index_table *t = l->indices;
    struct kstmt *loop = kstmt_for(&l->b, "j", index_const(t, 0), s->chunk, 1, false);
    l->b = kb_in(&l->b, loop);
    const struct index *i = index_add(t, index_mul(t, s->r->member, s->chunk), loop->var);
    struct kmask inside = mask_of(i, s->length);
    l->b = kb_in(&l->b, kstmt_if(&l->b, &inside));
    return s->form.reverse ? index_sub(t, index_addk(t, s->length, -1), i) : i;
}

static void add_element(const struct scan *s, const struct index *i)
{
    struct lower *l = s->r->l;
    const struct index *index[MAX_RANK];
    full_index(s->r, &s->n->in[0]->type, i, index);
    const struct kexpr *x = kexpr_cast(&l->b, s->acc->dtype, lower_value(l, s->n->in[0], index));
    kstmt_accumulate(&l->b, s->acc, index_const(l->indices, 0), KACC_SUM, x, false);
}

static void store_sum(const struct scan *s, const struct index *i)
{
    struct lower *l = s->r->l;
    const struct index *index[MAX_RANK];
    full_index(s->r, &s->n->type, i, index);
    kstmt_store(&l->b, arg_of(l, s->n), NULL, flat_index(l->indices, &s->n->type, index),
                kexpr_load(&l->b, s->acc, NULL, index_const(l->indices, 0), NULL, 0), NULL);
}

/* acc := the total of the thread's chunk; then, through shared memory, acc := the totals of all chunks before it. */
static void sum_before(const struct scan *s)
{
    struct lower *l = s->r->l;
    struct index_table *t = l->indices;
    const struct index *zero = index_const(t, 0);
    struct kmem *totals =
        kernel_shared(l->k, numbered(l, "chunks", l->k->n_shared), s->acc->dtype, 1, KL_ROWS, s->r->teams, s->r->team);
    const struct index *base = s->r->by_block ? zero : index_mulk(t, l->k->wave_id, s->r->team);
    fill_accumulators(l, s->acc, 1, KACC_SUM);
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    add_element(s, enter_chunk(s));
    lower_leave(l, p);
    p = lower_enter(l, kstmt_region(&l->b));
    kstmt_store(&l->b, totals, NULL, index_add(t, base, s->r->member), kexpr_load(&l->b, s->acc, NULL, zero, NULL, 0),
                NULL);
    lower_leave(l, p);
    team_barrier(s->r);
    fill_accumulators(l, s->acc, 1, KACC_SUM);
    p = lower_enter(l, kstmt_region(&l->b));
    struct kstmt *loop = kstmt_for(&l->b, "w", zero, index_const(t, s->r->team), 1, false);
    l->b = kb_in(&l->b, loop);
    struct kmask before = mask_of(loop->var, s->r->member);
    l->b = kb_in(&l->b, kstmt_if(&l->b, &before));
    kstmt_join(&l->b, s->acc, zero, KACC_SUM, kexpr_load(&l->b, totals, NULL, index_add(t, base, loop->var), NULL, 0));
    lower_leave(l, p);
}

/* A term is added in its chunk's total, in the sum of the chunks before a later one, and in that chunk. */
static void record_sum(const struct scan *s)
{
    struct lower *l = s->r->l;
    const struct index *chain = index_mulk(l->indices, s->chunk, 2);
    struct sum_level level = { .block = 1, .depth = s->r->team - 1 };
    if (!index_const_value(chain, &level.chain))
        level.chain_of = chain;
    kernel_sum(l->k, s->n, level);
}

void stage_scan(struct rows *r, const struct node *n)
{
    struct lower *l = r->l;
    struct index_table *t = l->indices;
    struct scan s = { .r = r, .n = n, .length = row_space_length(l->s, &r->space, &n->type) };
    s.form = n->op->kernel.scan(n);
    s.chunk = index_ceil_div(t, s.length, index_const(t, r->team));
    s.acc = kernel_private(l->k, numbered(l, "acc", l->k->n_priv), node_accumulator_type(n), 1);
    sum_before(&s);
    lower_forget(l);
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    const struct index *i = enter_chunk(&s);
    if (s.form.exclusive)
        store_sum(&s, i);
    add_element(&s, i);
    if (!s.form.exclusive)
        store_sum(&s, i);
    lower_leave(l, p);
    team_barrier(r);
    lower_forget(l);
    value_loc_set(l, (struct value_loc){ .node = n, .kind = LOC_STORED, .mem = arg_of(l, n) });
    record_sum(&s);
}
