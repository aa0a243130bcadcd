#include <string.h>

#include "codegen/rows.h"

void full_index(const struct rows *r, const struct type *t, const struct index *i, const struct index **index)
{
    for (int d = 0; d < t->rank; d++) {
        int at = row_space_dim(&r->space, t->rank, d);
        index[d] = at < 0 ? i : r->lead[at];
    }
}

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

struct sweep sweep_begin(struct rows *r, const struct index *n)
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

void sweep_end(struct rows *r, struct sweep s)
{
    r->l->vec.width = 1;
    lower_forget_turn(r->l);
    lower_leave(r->l, s.start);
}

void team_barrier(struct rows *r) { kstmt_barrier(&r->l->b, r->by_block ? KSCOPE_BLOCK : KSCOPE_WAVE, -1); }

void team_combine(struct rows *r, struct kmem *acc, int n, enum kacc op)
{
    if (r->by_block)
        combine_block(r->l, acc, n, op);
    else
        combine_wave(r->l, acc, n, op);
}

const char *numbered(struct lower *l, const char *stem, size_t i)
{
    return arena_printf(l->k->arena, "%s%zu", stem, i);
}

struct value_loc row_buffer(struct rows *r, const struct node *n, enum dtype t, const char *stem)
{
    struct lower *l = r->l;
    int64_t length = 0;
    BUG_IF(!index_const_value(row_space_length(l->s, &r->space, &n->type), &length), "a row buffer of symbolic length");
    struct kmem *m =
        kernel_shared(l->k, numbered(l, stem, l->k->n_shared), t, 1, KL_ROWS, r->teams, length ? (int)length : 1);
    return (struct value_loc){ .node = n,
                               .kind = LOC_SHARED,
                               .mem = m,
                               .base = r->by_block ? index_const(l->indices, 0)
                                                   : index_mulk(l->indices, l->k->wave_id, length) };
}
