#include "ir/graph/group.h"

#include <string.h>

#include "ir/ops/reduction.h"

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
    c.matrices = index_const(s->indices, 1);
    for (int i = 0; c.batched && i + 2 < y->rank; i++)
        c.matrices = index_mul(s->indices, c.matrices, y->dim[i]);
    return c;
}

static bool is_source(const struct node *n) { return n->op->class == CLS_SOURCE; }

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
    if (n->op->class == CLS_VIEW || (n->recomputed && !n->group))
        return true;
    if (n->op->class != CLS_POINTWISE || !n->op->cheap)
        return false;
    for (int i = 0; i < n->n_in; i++)
        if (!is_source(n->in[i]) && !is_source_view(n->in[i]))
            return false;
    return true;
}

/* Limits for a contraction in a rows kernel: the threads of a row hold the results of all columns in registers. */
enum { STAGE_COLUMNS = 16, STAGE_DEPTH = 1024 };
static bool contraction_is_row_stage(const struct node *n)
{
    const struct type *b = &n->in[1]->type;
    bool transposed = n->attrs[op_attr(n->op, "transpose_b")].i;
    int64_t columns, depth;
    return n->compute != DT_F16 && index_const_value(n->type.dim[n->type.rank - 1], &columns) &&
           columns <= STAGE_COLUMNS && index_const_value(b->dim[b->rank - (transposed ? 1 : 2)], &depth) &&
           depth <= STAGE_DEPTH;
}

bool node_is_gemm(const struct node *n) { return n->op->class == CLS_CONTRACT && !contraction_is_row_stage(n); }

bool node_is_stage(const struct node *n)
{
    return (n->op->class == CLS_REDUCE && !node_is_reduce(n)) || n->op->class == CLS_SELECT ||
           n->op->class == CLS_SCAN || (n->op->class == CLS_CONTRACT && !node_is_gemm(n));
}

/* A rows kernel has one block for each row. With few but long rows, most of the device would be idle. */
enum { FEW_ROWS = 32, LONG_ROW = 1 << 16 };
static bool has_few_long_rows(const struct node *n)
{
    const struct type *x = &n->in[0]->type;
    int axis = op_axis(n);
    int64_t rows = 1;
    for (int i = 0; i < x->rank; i++) {
        int64_t d;
        if (i != axis && (!index_const_value(x->dim[i], &d) || (rows *= d) > FEW_ROWS))
            return false;
    }
    return x->dim[axis]->lo >= LONG_ROW;
}

bool node_is_reduce(const struct node *n)
{
    return n->op->class == CLS_REDUCE && !n->by_rows && (!reduction_is_of_rows(n) || has_few_long_rows(n));
}

bool node_may_reduce_by_rows(const struct node *n)
{
    return n->op->class == CLS_REDUCE && node_attr(n, op_attr(n->op, "axis"))->n == 1 && !reduction_is_of_rows(n) &&
           !has_few_long_rows(n);
}

struct row_space row_space_of(const struct node *n)
{
    struct row_space r = { .rank = n->type.rank, .axis = n->type.rank, .flat = true };
    memcpy(r.dim, n->type.dim, sizeof r.dim);
    if (!node_is_stage(n) && !node_is_gemm(n))
        return r;
    const struct type *x = n->op->class == CLS_CONTRACT ? &n->type : &n->in[0]->type;
    r.axis = n->op->class == CLS_CONTRACT ? x->rank - 1 : op_axis(n);
    r.rank = 0;
    r.flat = false;
    for (int i = 0; i < x->rank; i++)
        if (i != r.axis)
            r.dim[r.rank++] = x->dim[i];
    return r;
}

const struct index *row_space_length(struct session *s, const struct row_space *r, const struct type *t)
{
    return t->rank > r->rank ? t->dim[r->axis] : index_const(s->indices, 1);
}

bool node_reads_group(const struct node *x, const struct group *gr)
{
    for (int i = 0; i < x->n_in; i++)
        if (node_is_rematerialised(x->in[i]) ? node_reads_group(x->in[i], gr) : x->in[i]->group == gr)
            return true;
    return false;
}

/* In an epilogue, a thread has one element of the gemm's result. So n must not read another element through a view. */
bool group_gemm_admits(const struct group *gr, const struct node *n)
{
    if (n->op->class != CLS_POINTWISE || !type_same_shape(&n->type, &gr->anchor->type))
        return false;
    for (int i = 0; i < n->n_in; i++)
        if (node_is_rematerialised(n->in[i]) && node_reads_group(n->in[i], gr))
            return false;
    return true;
}

bool group_computes_again(const struct group *gr, const struct node *x)
{
    return node_is_rematerialised(x) || (x->recomputed && !x->materialised && x->group != gr);
}

bool group_finds_in_memory(const struct group *gr, const struct node *x)
{
    while (x->op->class == CLS_VIEW && x->n_in == 1 && node_is_rematerialised(x))
        x = x->in[0];
    if (x->op->class == CLS_SOURCE && !x->materialised)
        return !x->op->kernel.at;
    return x->group && x->group != gr && !group_computes_again(gr, x);
}

bool node_is_row_selection(const struct node *n)
{
    return n->op->class == CLS_SELECT && (n->op->kernel.from_rank || n->op->kernel.lists);
}

enum dtype node_score_type(const struct node *n)
{
    enum dtype t = n->in[0]->type.dtype;
    return t == DT_I64 || t == DT_I32 ? t : DT_F32;
}

enum dtype node_accumulator_type(const struct node *n)
{
    enum dtype t = n->type.dtype;
    return dtype_is_float(t) ? DT_F32 : t == DT_BOOL ? DT_I32 : t;
}

int64_t group_row_bytes(const struct group *gr)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < gr->n_nodes; i++) {
        const struct node *n = gr->nodes[i];
        int64_t length, scores = 0;
        bool contract = n->op->class == CLS_CONTRACT;
        if (!node_is_row_selection(n) && !contract)
            continue;
        int axis = contract ? n->type.rank - 1 : op_axis(n);
        bool gathers = !contract && !group_finds_in_memory(gr, n->in[0]);
        if (!index_const_value(n->type.dim[axis], &length) ||
            (!contract && !index_const_value(n->in[0]->type.dim[axis], &scores)))
            return -1;
        bytes += length * (contract ? 4 : dtype_size(n->type.dtype));
        bytes += gathers ? scores * dtype_size(node_score_type(n)) : 0;
    }
    return bytes;
}

bool group_rows_fit(const struct group *gr, const struct target *t)
{
    enum { SPARE = 1024 }; /* bytes kept free for the totals of reductions */
    int64_t bytes = group_row_bytes(gr);
    return bytes >= 0 && bytes <= t->shared_bytes - SPARE;
}

/* True if a gemm of this compute dtype stages the elements of x unchanged: x is in memory in the operands' dtype, or is
   a view with all elements of such a value. */
static bool is_staged_unchanged(struct session *s, const struct group *gr, const struct node *x, enum dtype compute)
{
    const struct index *count = type_count(s, &x->type);
    if (!group_finds_in_memory(gr, x))
        return false;
    while (x->op->class == CLS_VIEW && x->n_in == 1 && node_is_rematerialised(x))
        x = x->in[0];
    return type_count(s, &x->type) == count && (compute != DT_F16 || x->storage == DT_F16);
}

/* MARGIN_A or MARGIN_B if n sums an operand of the group's matrix product along k. The sums of A are computed by the
   blocks of the result's first columns, so the result must have columns; likewise rows for B. */
static enum gemm_margin operand_margin(struct session *s, const struct group *gr, const struct node *n)
{
    const struct node *y = gr->anchor;
    const struct node *x = n->in[0];
    struct contraction c = contraction_of(s, y);
    struct reduction d = reduction_of(n);
    if (n->op->kernel.acc != KACC_SUM || n->by_rows || n->type.rank != 1 || y->type.rank != 2 ||
        !is_staged_unchanged(s, gr, x, y->compute))
        return MARGIN_NONE;
    if (x == y->in[0] && c.transpose_a && d.reduced[0])
        return c.nn->lo > 0 ? MARGIN_A : MARGIN_NONE;
    return x == y->in[1] && !c.transpose_b && d.reduced[0] && c.m->lo > 0 ? MARGIN_B : MARGIN_NONE;
}

enum gemm_margin group_gemm_margin(struct session *s, const struct group *gr, const struct node *n)
{
    if (n->op->class == CLS_REDUCE && n->in[0]->group != gr)
        return operand_margin(s, gr, n);
    if (n->op->class != CLS_REDUCE || n->in[0]->group != gr || !type_same_shape(&n->in[0]->type, &gr->anchor->type))
        return MARGIN_NONE;
    struct reduction d = reduction_of(n);
    int last = n->in[0]->type.rank - 1;
    bool batched = gr->anchor->in[1]->type.rank > 2;
    if (reduction_is_of_rows(n))
        return MARGIN_ROWS;
    for (int i = 0; i < last; i++)
        if (!d.reduced[i])
            return MARGIN_NONE;
    return d.reduced[last] || batched ? MARGIN_NONE : MARGIN_COLUMNS;
}
