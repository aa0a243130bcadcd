/* Views: transpose, broadcast, concat. A view maps each element of the result to an element of an operand:
   by flat index (eval, bound), as an index expression (at), and for boxes of elements (needs). */
#include "ir/ops/view.h"

void view_unflatten(const int64_t *dim, int rank, int64_t flat, int64_t *index)
{
    for (int d = rank - 1; d >= 0; d--) {
        index[d] = flat % dim[d];
        flat /= dim[d];
    }
}

int64_t view_flatten(const struct view *v, const int64_t *index)
{
    int64_t flat = 0;
    for (int d = 0; d < v->rank; d++)
        flat = flat * v->dim[d] + index[d];
    return flat;
}

void eval_from(struct ev *c, from_fn *from)
{
    bool is_float = dtype_is_float(c->out.dtype);
    int64_t index[MAX_RANK];
    for (size_t r = 0; r < c->n_runs; r++) {
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            view_unflatten(c->out.dim, c->out.rank, i, index);
            struct from f = from(c, index);
            NUM x = c->in[f.operand].v[f.i];
            if (is_float)
                n_store(c, i, x);
            else
                n_store_i(c, i, x.i);
        }
    }
}

void bound_from(struct bd *b, from_fn *from)
{
    int64_t index[MAX_RANK];
    for (size_t r = 0; r < b->v.n_runs; r++) {
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++) {
            view_unflatten(b->v.out.dim, b->v.out.rank, i, index);
            struct from f = from(&b->v, index);
            b->e_out[i] = bd_err(b, f.operand, f.i);
        }
    }
}

static const enum dtype any_dtype[] = { DT_FLOAT, DT_FLOAT, DT_F32, DT_F16, DT_I64, DT_BOOL };

struct type sample_any(struct sample *d, int rank_lo, int rank_hi)
{
    return sample_type(d, any_dtype[sample_range(d, 0, N_ATTRS(any_dtype) - 1)], rank_lo, rank_hi);
}

void sample_source(struct sample *d, int i, const struct type *t)
{
    sample_operand(d, i, t, t->dtype == DT_BOOL ? 0 : -4, t->dtype == DT_BOOL ? 1 : 4);
}

const struct attr_def view_dims_attr[1] = {
    { .name = "dims", .kind = ATTR_DIMS, .required = true, .doc = "the result's shape" }
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
    return (struct from){ 0, view_flatten(&c->in[0], at) };
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
        .about = { .shapes = "x [D0, D1, ..] -> [D_perm0, D_perm1, ..]",
                   .formula = "y[i_perm0, i_perm1, ..] = x[i_0, i_1, ..]",
                   .source = "NumPy, transpose",
                   .gradient = "x: gy, transposed back" },
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
        fits = x->dim[x->rank - i] == a->dims[a->n - i] || dim_is(x->dim[x->rank - i], 1);
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
    return (struct from){ 0, view_flatten(x, at) };
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
        if (dim_is(x->dim[i], 1))
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
        index[i] = dim_is(x->dim[i], 1) ? index_const(at_index(c), 0) : c->index[i + c->n->type.rank - x->rank];
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
        .about = { .shapes = "x [D, 1] -> dims: [.., D, N]",
                   .formula = "y[.., i, j] = x[i, 0]",
                   .source = "NumPy, broadcasting",
                   .gradient = "x: gy summed over the new and the grown dimensions" },
        .operands = { { .name = "x" } },
        .attrs = view_dims_attr,
        .n_attrs = N_ATTRS(view_dims_attr),
    },
    .class = CLS_VIEW,
    .exact = true,
    .type = { .infer = broadcast_infer },
    .reference = { .needs = broadcast_needs, .eval = broadcast_eval, .bound = broadcast_bound },
    .kernel = { .at = broadcast_at },
    .gradient = broadcast_grad,
    .sample = broadcast_sample,
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
    return (struct from){ k, view_flatten(&c->in[k], at) };
}

static void concat_eval(struct ev *c) { eval_from(c, concat_from); }
static void concat_bound(struct bd *b) { bound_from(b, concat_from); }

/* Sets *in to the part of the box *out that comes from the operand. An empty part has lo 0 and hi −1 along the axis. */
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

/* Builds i < end_0 ? x_0 : i < end_1 ? x_1 : …, beginning with the last operand.
   A select computes both of its values, so each operand is read at an index clamped to its range.
   An operand that is empty at run time is read at 0, but never chosen. */
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
                 (struct attr[]){ { .n = x->rank, .dims = start }, { .n = x->rank, .dims = size }, { .n = 0 } });
}

const struct op_def op_concat = {
    .call = {
        .name = "concat",
        .doc = "operands one after the other along a dimension",
        .about = { .shapes = "x_k [.., N_k, ..] -> [.., N_0 + N_1 + .., ..]",
                   .formula = "y[.., N_0 + .. + N_(k-1) + i, ..] = x_k[.., i, ..]",
                   .source = "NumPy, concatenate",
                   .gradient = "x_k: its part of gy" },
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
