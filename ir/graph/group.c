#include "ir/graph/group.h"

#include <string.h>

struct contraction contraction_of(struct session *s, const struct node *n)
{
    const struct op_def *op = n->op;
    const struct type *b = &n->in[1]->type;
    const struct type *y = &n->type;
    struct contraction c = { .n = n,
                             .transpose_a = n->attrs[op_attr(op, "transpose_a")].i,
                             .transpose_b = n->attrs[op_attr(op, "transpose_b")].i,
                             .batched = b->rank > 2 };
    c.k = b->dim[b->rank - (c.transpose_b ? 1 : 2)];
    c.nn = y->dim[y->rank - 1];
    c.m = y->dim[y->rank - 2];
    for (int i = 0; !c.batched && i + 2 < y->rank; i++)
        c.m = index_mul(s->indices, c.m, y->dim[i]);
    return c;
}

static bool is_source(const struct node *n) { return n->op->class == CLS_SOURCE; }

/* A source, or a view of one. */
static bool is_source_view(const struct node *n)
{
    if (n->materialised)
        return false;
    if (is_source(n))
        return true;
    if (n->op->class != CLS_VIEW)
        return false;
    for (int i = 0; i < n->n_in; i++)
        if (!is_source_view(n->in[i]))
            return false;
    return true;
}

bool node_is_rematerialised(const struct node *n)
{
    if (n->materialised || is_source(n))
        return false;
    if (n->op->class == CLS_VIEW)
        return true;
    if (n->op->class != CLS_POINTWISE || !n->op->cheap)
        return false;
    for (int i = 0; i < n->n_in; i++)
        if (!is_source(n->in[i]) && !is_source_view(n->in[i]))
            return false;
    return true;
}

bool node_is_gemm(const struct node *n) { return n->op->class == CLS_CONTRACT && n->compute == DT_F16; }

bool node_is_stage(const struct node *n)
{
    return n->op->class == CLS_REDUCE || n->op->class == CLS_SELECT ||
           (n->op->class == CLS_CONTRACT && !node_is_gemm(n));
}

struct row_space row_space_of(const struct node *n)
{
    struct row_space r = { .rank = n->type.rank, .flat = !node_is_stage(n) };
    if (n->op->class == CLS_SELECT)
        r.rank = n->in[0]->type.rank - 1;
    if (n->op->class == CLS_CONTRACT)
        r.rank--;
    memcpy(r.dim, n->type.dim, sizeof r.dim);
    return r;
}

bool group_has(const struct group *gr, const struct node *n)
{
    for (size_t i = gr->n_nodes; i-- > 0;)
        if (gr->nodes[i] == n)
            return true;
    return false;
}

/* The group's row space: the first stage's; without one, its first node's whole shape. */
static struct row_space group_space(const struct group *gr)
{
    for (size_t i = 0; i < gr->n_nodes; i++)
        if (node_is_stage(gr->nodes[i]))
            return row_space_of(gr->nodes[i]);
    return row_space_of(gr->nodes[0]);
}

static bool starts_with(const struct type *t, const struct row_space *r)
{
    if (t->rank < r->rank || t->rank > r->rank + 1)
        return false;
    for (int i = 0; i < r->rank; i++)
        if (t->dim[i] != r->dim[i])
            return false;
    return true;
}

enum { SAMPLE_DIM = 5 };
static int64_t sample_dim(void *ctx, const struct index *atom)
{
    (void)ctx;
    (void)atom;
    return SAMPLE_DIM;
}

/* Does `box` of x stay within row `at` of the space? */
static bool box_in_row(const struct row_space *r, const struct box *box, const int64_t *at)
{
    for (int i = 0; i < r->rank; i++)
        if (box->lo[i] != at[i] || box->hi[i] != at[i])
            return false;
    return true;
}

/* Do all values of the group that `n` reads for the box `out` stand in row `at`? Free nodes in between are followed. */
static bool reads_row(const struct group *gr, const struct row_space *r, const struct node *n, const struct box *out,
                      const int64_t *at, const struct dim_values *dims)
{
    for (int i = 0; i < n->n_in; i++) {
        const struct node *x = n->in[i];
        struct box in = { 0 };
        if (is_source(x))
            continue;
        op_needs(n, i, dims, out, &in);
        if (group_has(gr, x) && !node_is_rematerialised(x)) {
            if (!starts_with(&x->type, r) || !box_in_row(r, &in, at))
                return false;
        } else if (node_is_rematerialised(x) && !reads_row(gr, r, x, &in, at, dims)) {
            return false;
        }
    }
    return true;
}

/* Row-wise: asked of the rows' own `needs`, at the first, a middle and the last row of sample dims. */
static bool is_row_wise(const struct graph *g, const struct group *gr, const struct row_space *r, const struct node *n)
{
    const char *names[16];
    int64_t values[16];
    struct dim_values dims = { names, values, 0 };
    for (size_t i = 0; i < g->n_dims && i < 16; i++)
        if (g->dims[i].index->kind == INDEX_SYM) {
            names[dims.n] = g->dims[i].name;
            values[dims.n++] = SAMPLE_DIM;
        }
    for (int where = 0; where < 3; where++) {
        struct box out = { .rank = n->type.rank };
        int64_t at[MAX_RANK];
        for (int i = 0; i < n->type.rank; i++) {
            int64_t d = index_eval(n->type.dim[i], sample_dim, NULL);
            if (d == 0)
                return true;
            at[i] = where == 0 ? 0 : where == 1 ? d / 2 : d - 1;
            out.lo[i] = i < r->rank ? at[i] : 0;
            out.hi[i] = i < r->rank ? at[i] : d - 1;
        }
        if (!reads_row(gr, r, n, &out, at, &dims))
            return false;
    }
    return true;
}

static bool rows_admit(const struct graph *g, const struct group *gr, const struct node *n)
{
    struct row_space r = group_space(gr);
    if (node_is_gemm(n) || n->op->class == CLS_EFFECT || (!n->op->kernel.at && !node_is_stage(n)))
        return false;
    if (r.flat) {
        if (!node_is_stage(n))
            return type_same_shape(&gr->nodes[0]->type, &n->type) && is_row_wise(g, gr, &r, n);
        struct row_space want = row_space_of(n);
        if (want.rank + 1 != r.rank)
            return false;
        for (int i = 0; i < want.rank; i++)
            if (want.dim[i] != r.dim[i])
                return false;
        return is_row_wise(g, gr, &want, n);
    }
    if (node_is_stage(n)) {
        struct row_space want = row_space_of(n);
        if (want.rank != r.rank)
            return false;
    }
    return starts_with(&n->type, &r) && is_row_wise(g, gr, &r, n);
}

static bool gemm_admits(const struct group *gr, const struct node *n)
{
    return n->op->class == CLS_POINTWISE && type_same_shape(&n->type, &gr->anchor->type);
}

/* Does n read a value of the group through a view that changes its place? A gemm epilogue has one element at hand. */
static bool reads_through_view(const struct group *gr, const struct node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        const struct node *x = n->in[i];
        if (!node_is_rematerialised(x))
            continue;
        for (int k = 0; k < x->n_in; k++)
            if (group_has(gr, x->in[k]) && !is_source(x->in[k]) && !node_is_rematerialised(x->in[k]))
                return true;
        if (reads_through_view(gr, x))
            return true;
    }
    return false;
}

bool group_admits(const struct graph *g, const struct group *gr, const struct node *n)
{
    return gr->kind == GROUP_GEMM ? gemm_admits(gr, n) && !reads_through_view(gr, n) : rows_admit(g, gr, n);
}
