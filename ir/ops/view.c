/* Views: reshape, transpose, broadcast, slice, concat. Each op maps an element of the result to an element of an
   operand: by flat index (eval, bound), as an index expression (at), and for boxes of elements (needs). */
#include "ir/ops/row.h"

#include <string.h>

/* ---- shared loops ---- */
struct from {
    int operand;
    int64_t i;
};
typedef struct from from_fn(const struct ev *c, const int64_t *index);

static void unflatten(const int64_t *dim, int rank, int64_t flat, int64_t *index)
{
    for (int d = rank - 1; d >= 0; d--) {
        index[d] = flat % dim[d];
        flat /= dim[d];
    }
}

static int64_t flatten(const struct view *v, const int64_t *index)
{
    int64_t flat = 0;
    for (int d = 0; d < v->rank; d++)
        flat = flat * v->dim[d] + index[d];
    return flat;
}

static void eval_from(struct ev *c, from_fn *from)
{
    bool is_float = dtype_is_float(c->out.dtype);
    int64_t index[MAX_RANK];
    for (size_t r = 0; r < c->n_runs; r++) {
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            unflatten(c->out.dim, c->out.rank, i, index);
            struct from f = from(c, index);
            NUM x = c->in[f.operand].v[f.i];
            if (is_float)
                n_store(c, i, x);
            else
                n_store_i(c, i, x.i);
        }
    }
}

static void bound_from(struct bd *b, from_fn *from)
{
    int64_t index[MAX_RANK];
    for (size_t r = 0; r < b->v.n_runs; r++) {
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++) {
            unflatten(b->v.out.dim, b->v.out.rank, i, index);
            struct from f = from(&b->v, index);
            b->e_out[i] = bd_err(b, f.operand, f.i);
        }
    }
}

static const enum dtype any_dtype[] = { DT_FLOAT, DT_FLOAT, DT_F32, DT_F16, DT_I64, DT_BOOL };

static struct type sample_any(struct sample *d, int rank_lo, int rank_hi)
{
    return sample_type(d, any_dtype[sample_range(d, 0, N_ATTRS(any_dtype) - 1)], rank_lo, rank_hi);
}

static void sample_source(struct sample *d, int i, const struct type *t)
{
    sample_operand(d, i, t, t->dtype == DT_BOOL ? 0 : -4, t->dtype == DT_BOOL ? 1 : 4);
}

static bool is_one(const struct index *d) { return index_is_const(d) && d->k == 1; }

/* ---- reshape ---- */
static const struct attr_def dims_attr[] = {
    { .name = "dims", .kind = ATTR_DIMS, .required = true, .doc = "the result's shape" }
};

static bool reshape_infer(struct graph *g, struct node *n)
{
    const struct attr *a = node_attr(n, 0);
    set_type(n, n->in[0]->type.dtype, a->n, a->dims);
    if (type_misfit(g->s, &n->type))
        return true; /* graph_add reports the error */
    if (type_count(g->s, &n->type) == type_count(g->s, &n->in[0]->type))
        return true;
    return infer_error(g, n, 0, "must have as many elements as %s", type_text(g->arena, &n->type));
}

/* A reshape does not change flat indices. */
static void reshape_eval(struct ev *c)
{
    for (size_t r = 0; r < c->n_runs; r++) {
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            if (dtype_is_float(c->out.dtype))
                n_store(c, i, c->in[0].v[i]);
            else
                n_store_i(c, i, c->in[0].v[i].i);
        }
    }
}

static void reshape_bound(struct bd *b)
{
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = bd_err(b, 0, i);
}

/* Dims x0..x1-1 of the operand become dims y0..y1-1 of the result. [2, 3, 5] -> [6, 5] has two such blocks: [2, 3] ->
   [6] and [5] -> [5]. */
struct block {
    int x0, x1, y0, y1;
};

/* The smallest block that begins at x0 and y0. The product of its operand dims equals that of its result dims. */
static struct block block_after(struct index_table *t, const struct type *x, int x0, const struct type *y, int y0)
{
    const struct index *py = index_const(t, 1);
    for (int y1 = y0; y1 <= y->rank; y1++) {
        const struct index *px = index_const(t, 1);
        for (int x1 = x0; x1 <= x->rank; x1++) {
            if (px == py && x1 + y1 > x0 + y0 && (x1 < x->rank) == (y1 < y->rank))
                return (struct block){ x0, x1, y0, y1 };
            if (x1 < x->rank)
                px = index_mul(t, px, x->dim[x1]);
        }
        if (y1 < y->rank)
            py = index_mul(t, py, y->dim[y1]);
    }
    return (struct block){ x0, x->rank, y0, y->rank };
}

static const struct kexpr *reshape_at(struct at *c)
{
    struct index_table *t = at_index(c);
    const struct type *x = &c->n->in[0]->type;
    const struct type *y = &c->n->type;
    const struct index *index[MAX_RANK];
    for (struct block b = { 0 }; b.x1 < x->rank || b.y1 < y->rank;) {
        b = block_after(t, x, b.x1, y, b.y1);
        const struct index *flat = index_const(t, 0);
        for (int d = b.y0; d < b.y1; d++)
            flat = index_add(t, index_mul(t, flat, y->dim[d]), is_one(y->dim[d]) ? index_const(t, 0) : c->index[d]);
        for (int d = b.x1 - 1; d >= b.x0; d--) {
            bool empty =
                index_is_const(x->dim[d]) && x->dim[d]->k == 0; /* such an operand has no elements and is never read */
            index[d] = empty ? flat : d == b.x0 ? flat : index_mod(t, flat, x->dim[d]);
            if (!empty && d > b.x0)
                flat = index_div(t, flat, x->dim[d]);
        }
    }
    return c->value(c, 0, index);
}

/* The flat indices, within dims lo..hi-1, of the first and last element of a box. dim: the sizes of the dims. */
static void box_range(const int64_t *dim, const struct box *b, int lo, int hi, int64_t *first, int64_t *last)
{
    *first = *last = 0;
    for (int d = lo; d < hi; d++) {
        *first = *first * dim[d] + b->lo[d];
        *last = *last * dim[d] + b->hi[d];
    }
}

/* The smallest box, in dims lo..hi-1, that holds the flat indices first..last. */
static void range_box(const int64_t *dim, struct box *b, int lo, int hi, int64_t first, int64_t last)
{
    int64_t stride = 1;
    for (int d = lo; d < hi; d++)
        stride *= dim[d];
    bool whole = false; /* set once an outer index varies: then the inner ones take all values */
    for (int d = lo; d < hi; d++) {
        if (dim[d] == 0) {
            b->lo[d] = 0;
            b->hi[d] = -1;
            continue;
        }
        stride /= dim[d];
        b->lo[d] = whole ? 0 : first / stride;
        b->hi[d] = whole ? dim[d] - 1 : last / stride;
        whole |= b->lo[d] != b->hi[d];
        first %= stride;
        last %= stride;
    }
}

static void dims_at(const struct dim_values *v, const struct type *t, int64_t *dim)
{
    for (int d = 0; d < t->rank; d++)
        dim[d] = dims_eval(v, t->dim[d]);
}

static void reshape_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                          struct box *in)
{
    const struct type *tx = &n->in[operand]->type;
    const struct type *ty = &n->type;
    int64_t x[MAX_RANK], y[MAX_RANK], first, last;
    dims_at(dims, tx, x);
    dims_at(dims, ty, y);
    *in = (struct box){ .rank = tx->rank };
    for (int x0 = 0, y0 = 0; x0 < tx->rank || y0 < ty->rank;) {
        int x1 = x0;
        int y1 = y0;
        int64_t px = 1;
        int64_t py = 1;
        do {
            bool grow_x = x1 < tx->rank && (px <= py || y1 == ty->rank);
            if (grow_x)
                px *= x[x1++];
            else
                py *= y[y1++];
        } while ((px != py || px == 0) && (x1 < tx->rank || y1 < ty->rank));
        box_range(y, out, y0, y1, &first, &last);
        range_box(x, in, x0, x1, first, last);
        x0 = x1;
        y0 = y1;
    }
}

static void reshape_sample(struct sample *d)
{
    struct type t = sample_any(d, 0, 3);
    struct type r = { 0 };
    sample_source(d, 0, &t);
    if (t.rank == 3 && sample_range(d, 0, 1)) { /* [a, b, c] to [a·b, c] or [a, b·c] */
        int at = (int)sample_range(d, 0, 1);
        r.rank = 2;
        r.dim[at] = index_mul(d->s->indices, t.dim[at], t.dim[at + 1]);
        r.dim[1 - at] = t.dim[at ? 0 : 2];
    } else { /* the dims reversed, with a 1 inserted */
        r.rank = t.rank + 1;
        int one = (int)sample_range(d, 0, t.rank);
        for (int i = 0, k = t.rank; i < r.rank; i++)
            r.dim[i] = i == one ? draw_index(d, 1) : t.dim[--k];
    }
    d->attrs[0] = sample_attr_dims_of(d, &r);
}

static struct node *reshape_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    return build_reshape(b, gy, &n->in[operand]->type);
}

const struct op_def op_reshape = {
    .call = {
        .name = "reshape",
        .doc = "the same elements, row-major, in another shape",
        .operands = { { .name = "x" } },
        .attrs = dims_attr,
        .n_attrs = N_ATTRS(dims_attr),
    },
    .class = CLS_VIEW,
    .exact = true,
    .type = { .infer = reshape_infer },
    .reference = { .needs = reshape_needs, .eval = reshape_eval, .bound = reshape_bound },
    .kernel = { .at = reshape_at },
    .gradient = reshape_grad,
    .sample = reshape_sample,
};

/* ---- transpose ---- */
static const struct attr_def transpose_attrs[] = {
    { .name = "perm",
      .kind = ATTR_INTS,
      .required = true,
      .doc = "dimension i of the result is dimension perm[i] of x" },
};

static bool transpose_infer(struct graph *g, struct node *n)
{
    const struct attr *perm = node_attr(n, 0);
    const struct type *x = &n->in[0]->type;
    unsigned seen = 0;
    if (perm->n != x->rank)
        return infer_error(g, n, 0, "must have as many dimensions as perm has entries, %d", perm->n);
    n->type = *x;
    for (int i = 0; i < perm->n; i++) {
        int64_t p = perm->ints[i];
        if (p < 0 || p >= x->rank || seen >> p & 1)
            return infer_error(g, n, -1, "perm must name each dimension once, but entry %d is %lld", i, (long long)p);
        seen |= 1u << p;
        n->type.dim[i] = x->dim[p];
    }
    return true;
}

static struct from transpose_from(const struct ev *c, const int64_t *index)
{
    const struct attr *perm = node_attr(c->n, 0);
    int64_t at[MAX_RANK];
    for (int i = 0; i < perm->n; i++)
        at[perm->ints[i]] = index[i];
    return (struct from){ 0, flatten(&c->in[0], at) };
}

static void transpose_eval(struct ev *c) { eval_from(c, transpose_from); }
static void transpose_bound(struct bd *b) { bound_from(b, transpose_from); }

static void transpose_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                            struct box *in)
{
    const struct attr *perm = node_attr(n, 0);
    (void)operand;
    (void)dims;
    in->rank = out->rank;
    for (int i = 0; i < perm->n; i++) {
        in->lo[perm->ints[i]] = out->lo[i];
        in->hi[perm->ints[i]] = out->hi[i];
    }
}

static const struct kexpr *transpose_at(struct at *c)
{
    const struct attr *perm = node_attr(c->n, 0);
    const struct index *index[MAX_RANK];
    for (int i = 0; i < perm->n; i++)
        index[perm->ints[i]] = c->index[i];
    return c->value(c, 0, index);
}

static void transpose_sample(struct sample *d)
{
    struct type t = sample_any(d, 0, 4);
    int64_t perm[MAX_RANK];
    for (int i = 0; i < t.rank; i++) {
        int64_t j = sample_range(d, 0, i);
        perm[i] = perm[j];
        perm[j] = i;
    }
    sample_source(d, 0, &t);
    d->attrs[0] = sample_attr_ints(d, t.rank, perm);
}

static struct node *transpose_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    const struct attr *perm = node_attr(n, 0);
    int64_t back[MAX_RANK];
    (void)operand;
    for (int i = 0; i < perm->n; i++)
        back[perm->ints[i]] = i;
    return build_transpose(b, gy, back);
}

const struct op_def op_transpose = {
    .call = {
        .name = "transpose",
        .doc = "dimensions in another order",
        .operands = { { .name = "x" } },
        .attrs = transpose_attrs,
        .n_attrs = N_ATTRS(transpose_attrs),
    },
    .class = CLS_VIEW,
    .exact = true,
    .type = { .infer = transpose_infer },
    .reference = { .needs = transpose_needs, .eval = transpose_eval, .bound = transpose_bound },
    .kernel = { .at = transpose_at },
    .gradient = transpose_grad,
    .sample = transpose_sample,
};

/* ---- broadcast ---- */
static bool broadcast_infer(struct graph *g, struct node *n)
{
    const struct attr *a = node_attr(n, 0);
    const struct type *x = &n->in[0]->type;
    set_type(n, x->dtype, a->n, a->dims);
    if (a->n > MAX_RANK)
        return true; /* graph_add reports the error */
    bool fits = x->rank <= a->n;
    for (int i = 1; fits && i <= x->rank; i++)
        fits = x->dim[x->rank - i] == a->dims[a->n - i] || is_one(x->dim[x->rank - i]);
    return fits || infer_error(g, n, 0, "must broadcast to %s (counted from the last, its dimensions are equal or 1)",
                               type_text(g->arena, &n->type));
}

static struct from broadcast_from(const struct ev *c, const int64_t *index)
{
    const struct view *x = &c->in[0];
    int skip = c->out.rank - x->rank;
    int64_t at[MAX_RANK];
    for (int i = 0; i < x->rank; i++)
        at[i] = x->dim[i] == 1 ? 0 : index[i + skip];
    return (struct from){ 0, flatten(x, at) };
}

static void broadcast_eval(struct ev *c) { eval_from(c, broadcast_from); }
static void broadcast_bound(struct bd *b) { bound_from(b, broadcast_from); }

static void broadcast_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                            struct box *in)
{
    const struct type *x = &n->in[operand]->type;
    int skip = out->rank - x->rank;
    (void)dims;
    *in = (struct box){ .rank = x->rank };
    for (int i = 0; i < x->rank; i++) {
        if (is_one(x->dim[i]))
            continue;
        in->lo[i] = out->lo[i + skip];
        in->hi[i] = out->hi[i + skip];
    }
}

static const struct kexpr *broadcast_at(struct at *c)
{
    const struct type *x = &c->n->in[0]->type;
    const struct index *index[MAX_RANK];
    for (int i = 0; i < x->rank; i++)
        index[i] = is_one(x->dim[i]) ? index_const(at_index(c), 0) : c->index[i + c->n->type.rank - x->rank];
    return c->value(c, 0, index);
}

static void broadcast_sample(struct sample *d)
{
    struct type to = sample_any(d, 0, 4);
    struct type x = to;
    int drop = (int)sample_range(d, 0, to.rank);
    x.rank -= drop;
    for (int i = 0; i < x.rank; i++)
        x.dim[i] = sample_range(d, 0, 1) ? to.dim[i + drop] : draw_index(d, 1);
    sample_source(d, 0, &x);
    d->attrs[0] = sample_attr_dims_of(d, &to);
}

static struct node *broadcast_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    return build_reduce_to(b, gy, &n->in[operand]->type);
}

const struct op_def op_broadcast = {
    .call = {
        .name = "broadcast",
        .doc = "x repeated along new leading dimensions and along those that are 1",
        .operands = { { .name = "x" } },
        .attrs = dims_attr,
        .n_attrs = N_ATTRS(dims_attr),
    },
    .class = CLS_VIEW,
    .exact = true,
    .type = { .infer = broadcast_infer },
    .reference = { .needs = broadcast_needs, .eval = broadcast_eval, .bound = broadcast_bound },
    .kernel = { .at = broadcast_at },
    .gradient = broadcast_grad,
    .sample = broadcast_sample,
};

/* ---- slice ---- */
static const struct attr_def slice_attrs[] = {
    { .name = "start", .kind = ATTR_DIMS, .required = true, .doc = "first index, for each dimension" },
    { .name = "size", .kind = ATTR_DIMS, .required = true, .doc = "the result's shape" },
};

static bool slice_infer(struct graph *g, struct node *n)
{
    const struct attr *start = node_attr(n, 0);
    const struct attr *size = node_attr(n, 1);
    const struct type *x = &n->in[0]->type;
    set_type(n, x->dtype, size->n, size->dims);
    if (start->n != x->rank || size->n != x->rank)
        return infer_error(g, n, 0, "must have a dimension for each entry of start (%d) and size (%d)", start->n,
                           size->n);
    if (type_misfit(g->s, &n->type))
        return true; /* graph_add reports the error */
    for (int i = 0; i < x->rank; i++) {
        const struct index *from = start->dims[i];
        bool starts = from->lo >= 0 && index_weight(from) <= INDEX_DIM_MAX;
        if (starts && index_less_eq(g->s->indices, index_add(g->s->indices, size->dims[i], from), x->dim[i]))
            continue;
        return infer_error(g, n, 0, "must provably have %s elements from index %s on in dimension %d",
                           index_text(g->arena, size->dims[i]), index_text(g->arena, from), i);
    }
    return true;
}

static struct from slice_from(const struct ev *c, const int64_t *index)
{
    const struct attr *start = node_attr(c->n, 0);
    int64_t at[MAX_RANK];
    for (int i = 0; i < c->out.rank; i++)
        at[i] = dims_eval(c->dims, start->dims[i]) + index[i];
    return (struct from){ 0, flatten(&c->in[0], at) };
}

static void slice_eval(struct ev *c) { eval_from(c, slice_from); }
static void slice_bound(struct bd *b) { bound_from(b, slice_from); }

static void slice_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                        struct box *in)
{
    const struct attr *start = node_attr(n, 0);
    (void)operand;
    *in = *out;
    for (int i = 0; i < out->rank; i++) {
        int64_t from = dims_eval(dims, start->dims[i]);
        in->lo[i] += from;
        in->hi[i] += from;
    }
}

static const struct kexpr *slice_at(struct at *c)
{
    const struct attr *start = node_attr(c->n, 0);
    const struct index *index[MAX_RANK];
    for (int i = 0; i < start->n; i++)
        index[i] = index_add(at_index(c), c->index[i], start->dims[i]);
    return c->value(c, 0, index);
}

static void slice_sample(struct sample *d)
{
    struct type t = sample_any(d, 0, 3);
    struct type r = t;
    const struct index *start[MAX_RANK];
    for (int i = 0; i < t.rank; i++) {
        int64_t k = sample_dim_of(&t, i);
        int64_t from = sample_range(d, 0, k > 0 ? k - 1 : 0);
        start[i] = draw_index(d, from);
        r.dim[i] = draw_index(d, sample_range(d, k > 0 && sample_range(d, 0, 15), k - from));
    }
    sample_source(d, 0, &t);
    d->attrs[0] = sample_attr_dims(d, t.rank, start);
    d->attrs[1] = sample_attr_dims_of(d, &r);
}

const struct op_def op_slice = {
    .call = {
        .name = "slice",
        .doc = "a box of x",
        .operands = { { .name = "x" } },
        .attrs = slice_attrs,
        .n_attrs = N_ATTRS(slice_attrs),
    },
    .class = CLS_VIEW,
    .exact = true,
    .type = { .infer = slice_infer },
    .reference = { .needs = slice_needs, .eval = slice_eval, .bound = slice_bound },
    .kernel = { .at = slice_at },
    .sample = slice_sample,
};

/* ---- concat ---- */
static const struct attr_def concat_attrs[] = {
    { .name = "axis",
      .kind = ATTR_INT,
      .value = { .i = -1 },
      .doc = "the dimension that grows; negative: counted from the last" },
};

static int axis_of(const struct node *n)
{
    int64_t axis = node_attr(n, 0)->i;
    return (int)(axis < 0 ? axis + n->type.rank : axis);
}

static bool concat_infer(struct graph *g, struct node *n)
{
    if (n->n_in == 0)
        return infer_error(g, n, -1, "at least one operand is needed");
    const struct type *x = &n->in[0]->type;
    int axis;
    n->type = *x;
    if (!need_axis(g, n, node_attr(n, 0)->i, x->rank, &axis))
        return false;
    for (int k = 1; k < n->n_in; k++) {
        const struct type *y = &n->in[k]->type;
        bool fits = y->rank == x->rank;
        for (int i = 0; fits && i < x->rank; i++)
            fits = i == axis || x->dim[i] == y->dim[i];
        if (!fits)
            return infer_error(g, n, k, "must have the dimensions of the first, %s, all but dimension %d",
                               type_text(g->arena, x), axis);
        if (x->dtype != y->dtype) {
            const char *name = n->in[k]->name ? n->in[k]->name : "…";
            infer_error(g, n, k, "must be %s, as the first one is", dtype_name(x->dtype));
            diag_note(g->s, NOWHERE, "write cast(%s, %s)", name, dtype_name(x->dtype));
            return false;
        }
        n->type.dim[axis] = index_add(g->s->indices, n->type.dim[axis], y->dim[axis]);
        if (type_misfit(g->s, &n->type))
            return true; /* graph_add reports the error */
    }
    return true;
}

static struct from concat_from(const struct ev *c, const int64_t *index)
{
    int axis = axis_of(c->n);
    int k = 0;
    int64_t at[MAX_RANK];
    for (int i = 0; i < c->out.rank; i++)
        at[i] = index[i];
    for (; at[axis] >= c->in[k].dim[axis]; k++)
        at[axis] -= c->in[k].dim[axis];
    return (struct from){ k, flatten(&c->in[k], at) };
}

static void concat_eval(struct ev *c) { eval_from(c, concat_from); }
static void concat_bound(struct bd *b) { bound_from(b, concat_from); }

/* The part of the box *out that comes from the operand. An empty part has lo 0 and hi −1 along the axis. */
static void concat_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                         struct box *in)
{
    int axis = axis_of(n);
    int64_t first = 0;
    int64_t size = dims_eval(dims, n->in[operand]->type.dim[axis]);
    for (int k = 0; k < operand; k++)
        first += dims_eval(dims, n->in[k]->type.dim[axis]);
    *in = *out;
    int64_t lo = out->lo[axis] - first;
    int64_t hi = out->hi[axis] - first;
    in->lo[axis] = lo < 0 ? 0 : lo;
    in->hi[axis] = hi >= size ? size - 1 : hi;
    if (in->lo[axis] > in->hi[axis]) {
        in->lo[axis] = 0;
        in->hi[axis] = -1;
    }
}

/* Builds i < end_0 ? x_0 : i < end_1 ? x_1 : …, from the last operand back. A select computes both values, so each
   operand is read at an index clamped to its range. An operand that is empty at run time is read at 0, but never
   chosen. */
static const struct kexpr *concat_at(struct at *c)
{
    struct index_table *t = at_index(c);
    int axis = axis_of(c->n);
    const struct index *end = c->n->type.dim[axis], *index[MAX_RANK];
    const struct kexpr *out = NULL;
    for (int i = 0; i < c->n->type.rank; i++)
        index[i] = c->index[i];
    for (int k = c->n->n_in - 1; k >= 0; k--) {
        const struct index *size = c->n->in[k]->type.dim[axis];
        const struct index *first = index_sub(t, end, size);
        if (index_is_const(size) && size->k == 0)
            continue;
        index[axis] =
            index_max(t, index_const(t, 0), index_min(t, index_sub(t, c->index[axis], first), index_addk(t, size, -1)));
        const struct kexpr *x = c->value(c, k, index);
        if (!out)
            out = x;
        else
            out = kexpr_op(
                c->k, K_SELECT,
                kexpr_op2(c->k, K_LT, kexpr_index(c->k, DT_I64, c->index[axis]), kexpr_index(c->k, DT_I64, end)), x,
                out);
        end = first;
    }
    return out ? out
               : kexpr_const(c->k,
                             dtype_is_float(c->n->type.dtype) && c->n->type.dtype != DT_F64 ? DT_F32 : c->n->type.dtype,
                             0);
}

static void concat_sample(struct sample *d)
{
    struct type t = sample_any(d, 1, 3);
    int axis = (int)sample_range(d, 0, t.rank - 1);
    int n = (int)sample_range(d, 1, 4);
    for (int k = 0; k < n; k++) {
        t.dim[axis] = draw_index(d, sample_range(d, 0, 5));
        sample_source(d, k, &t);
    }
    d->attrs[0] = sample_attr_int(sample_range(d, 0, 1) ? axis : axis - t.rank);
}

/* The part of gy that belongs to this operand. */
static struct node *concat_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct index_table *t = b->g->s->indices;
    int axis = axis_of(n);
    const struct type *x = &n->in[operand]->type;
    const struct index **start = arena_array(b->g->arena, const struct index *, 2 * x->rank);
    const struct index **size = start + x->rank;
    for (int i = 0; i < x->rank; i++) {
        start[i] = index_const(t, 0);
        size[i] = x->dim[i];
    }
    for (int k = 0; k < operand; k++)
        start[axis] = index_add(t, start[axis], n->in[k]->type.dim[axis]);
    return build(b, "slice", &gy, 1,
                 (struct attr[]){ { .n = x->rank, .dims = start }, { .n = x->rank, .dims = size } });
}

const struct op_def op_concat = {
    .call = {
        .name = "concat",
        .doc = "operands one after the other along a dimension",
        .operands = { { .name = "x", .variadic = true } },
        .attrs = concat_attrs,
        .n_attrs = N_ATTRS(concat_attrs),
    },
    .class = CLS_VIEW,
    .associative = true,
    .exact = true,
    .type = { .infer = concat_infer },
    .reference = { .needs = concat_needs, .eval = concat_eval, .bound = concat_bound },
    .kernel = { .at = concat_at },
    .gradient = concat_grad,
    .sample = concat_sample,
};
