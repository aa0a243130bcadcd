#include "ir/ops/reduction.h"

struct reduction reduction_of(const struct node *n)
{
    struct reduction d = { .keepdim = node_attr(n, op_attr(n->op, "keepdim"))->i };
    const struct attr *axes = node_attr(n, op_attr(n->op, "axis"));
    int rank = n->in[0]->type.rank;
    for (int i = 0; i < axes->n; i++)
        d.reduced[axes->ints[i] < 0 ? axes->ints[i] + rank : axes->ints[i]] = true;
    return d;
}

const struct index *reduction_length(struct session *s, const struct node *n)
{
    struct reduction d = reduction_of(n);
    const struct index *length = index_const(s->indices, 1);
    for (int i = 0; i < n->in[0]->type.rank; i++)
        if (d.reduced[i])
            length = index_mul(s->indices, length, n->in[0]->type.dim[i]);
    return length;
}

bool reduction_is_of_rows(const struct node *n)
{
    struct reduction d = reduction_of(n);
    for (int i = 0; i < n->in[0]->type.rank; i++)
        if (d.reduced[i] != (i + 1 == n->in[0]->type.rank))
            return false;
    return true;
}

struct reduce_shape reduction_shape(struct session *s, const struct node *n)
{
    struct index_table *t = s->indices;
    struct reduction d = reduction_of(n);
    const struct type *x = &n->in[0]->type;
    struct reduce_shape r = { index_const(t, 1), index_const(t, 1), reduction_length(s, n) };
    bool inside = true;
    for (int i = x->rank - 1; i >= 0; i--) {
        inside &= !d.reduced[i];
        if (inside)
            r.inner = index_mul(t, r.inner, x->dim[i]);
        else if (!d.reduced[i])
            r.outer = index_mul(t, r.outer, x->dim[i]);
    }
    return r;
}
