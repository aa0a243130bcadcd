/* Views that keep the rank: slice, pad, reverse and tile. slice and pad are each other's gradient. */
#include "ir/ops/view.h"

/* ---- slice ---- */
enum { START, SIZE, STEP };
static const struct attr_def slice_attrs[] = {
    { .name = "start", .kind = ATTR_DIMS, .required = true, .doc = "first index, for each dimension" },
    { .name = "size", .kind = ATTR_DIMS, .required = true, .doc = "the result's shape" },
    { .name = "step", .kind = ATTR_INTS, .doc = "distance of the elements, for each dimension; not given: 1" },
};

/* Returns number i of an attribute with one number for each dimension; `usual` if the attribute has no numbers. */
static int64_t number_at(const struct attr *a, int i, int64_t usual) { return a->n ? a->ints[i] : usual; }
static int64_t step_at(const struct node *n, int i) { return number_at(node_attr(n, STEP), i, 1); }

/* True if `size` elements, `step` apart from `start` on, are provably below dim. If size may be 0, start <= dim too. */
static bool fits_from(struct index_table *t, const struct index *start, const struct index *size, int64_t step,
                      const struct index *dim)
{
    const struct index *end = index_addk(t, index_add(t, start, index_mulk(t, size, step)), 1 - step);
    return index_nonnegative(t, index_sub(t, dim, end)) &&
           (step == 1 || size->lo > 0 || index_nonnegative(t, index_sub(t, dim, start)));
}

/* Requires one number for each of x's dimensions, or none, and none below `least`. Otherwise reports an error. */
static bool need_numbers(struct graph *g, const struct node *n, int attr, int64_t least)
{
    const struct attr *a = node_attr(n, attr);
    const char *name = n->op->call.attrs[attr].name;
    if (a->n && a->n != n->in[0]->type.rank)
        return infer_error(g, n, 0, "must have a dimension for each entry of %s (%d)", name, a->n);
    for (int i = 0; i < a->n; i++)
        if (a->ints[i] < least || a->ints[i] > INDEX_DIM_MAX)
            return infer_error(g, n, -1, "%s must be at least %lld, but entry %d is %lld", name, (long long)least, i,
                               (long long)a->ints[i]);
    return true;
}

static bool slice_infer(struct graph *g, struct node *n)
{
    const struct attr *start = node_attr(n, START);
    const struct attr *size = node_attr(n, SIZE);
    const struct type *x = &n->in[0]->type;
    set_type(n, x->dtype, size->n, size->dims);
    if (start->n != x->rank || size->n != x->rank)
        return infer_error(g, n, 0, "must have a dimension for each entry of start (%d) and size (%d)", start->n,
                           size->n);
    if (!need_numbers(g, n, STEP, 1))
        return false;
    if (type_misfit(g->s, &n->type))
        return true; /* graph_add reports the error */
    for (int i = 0; i < x->rank; i++) {
        const struct index *from = start->dims[i];
        int64_t step = step_at(n, i);
        bool starts = index_weight(from) <= INDEX_DIM_MAX && index_nonnegative(g->s->indices, from);
        if (starts && fits_from(g->s->indices, from, size->dims[i], step, x->dim[i]))
            continue;
        const char *apart = step == 1 ? "" : arena_printf(g->arena, ", %lld apart,", (long long)step);
        return infer_error(g, n, 0, "must provably have %s elements%s from index %s on in dimension %d",
                           index_text(g->arena, size->dims[i]), apart, index_text(g->arena, from), i);
    }
    return true;
}

static struct from slice_from(const struct ev *c, const int64_t *index)
{
    const struct attr *start = node_attr(c->n, START);
    int64_t at[MAX_RANK];
    for (int i = 0; i < c->out.rank; i++)
        at[i] = dims_eval(c->dims, start->dims[i]) + index[i] * step_at(c->n, i);
    return (struct from){ 0, view_flatten(&c->in[0], at) };
}

static void slice_eval(struct ev *c) { eval_from(c, slice_from); }
static void slice_bound(struct bd *b) { bound_from(b, slice_from); }

static void slice_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                        struct box *in)
{
    const struct attr *start = node_attr(n, START);
    (void)operand;
    *in = *out;
    for (int i = 0; i < out->rank; i++) {
        int64_t from = dims_eval(dims, start->dims[i]);
        in->lo[i] = from + out->lo[i] * step_at(n, i);
        in->hi[i] = from + out->hi[i] * step_at(n, i);
    }
}

static const struct kexpr *slice_at(struct at *c)
{
    struct index_table *t = at_index(c);
    const struct attr *start = node_attr(c->n, START);
    const struct index *index[MAX_RANK];
    for (int i = 0; i < start->n; i++)
        index[i] = index_add(t, index_mulk(t, c->index[i], step_at(c->n, i)), start->dims[i]);
    return c->value(c, 0, index);
}

static void slice_sample(struct sample *d)
{
    struct type t = sample_any(d, 0, 3);
    struct type r = t;
    const struct index *start[MAX_RANK];
    int64_t step[MAX_RANK];
    for (int i = 0; i < t.rank; i++) {
        int64_t k = sample_dim_of(&t, i);
        int64_t from = sample_range(d, 0, k > 0 ? k - 1 : 0);
        step[i] = sample_range(d, 0, 1) ? 1 : sample_range(d, 1, 4);
        start[i] = draw_index(d, from);
        r.dim[i] = draw_index(d, sample_range(d, k > 0 && sample_range(d, 0, 15), (k - from + step[i] - 1) / step[i]));
    }
    sample_source(d, 0, &t);
    d->attrs[START] = sample_attr_dims(d, t.rank, start);
    d->attrs[SIZE] = sample_attr_dims_of(d, &r);
    d->attrs[STEP] = sample_attr_ints(d, sample_range(d, 0, 2) ? t.rank : 0, step);
}

/* max(n - 1, 0): the number of gaps between n elements. */
static const struct index *gaps_of(struct index_table *t, const struct index *n)
{
    return index_max(t, index_addk(t, n, -1), index_const(t, 0));
}

/* Spreads gy out to x's shape, with zeros between and around its elements. */
static struct node *slice_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct index_table *t = b->g->s->indices;
    const struct type *x = &n->in[operand]->type;
    const struct attr *start = node_attr(n, START);
    const struct index **high = arena_array(b->g->arena, const struct index *, x->rank + 1);
    int64_t *interior = arena_array(b->g->arena, int64_t, x->rank + 1);
    for (int i = 0; i < x->rank; i++) {
        interior[i] = step_at(n, i) - 1;
        high[i] = index_sub(t, x->dim[i], index_add(t, start->dims[i], n->type.dim[i]));
        if (interior[i])
            high[i] = index_sub(t, high[i], index_mulk(t, gaps_of(t, n->type.dim[i]), interior[i]));
    }
    return build(b, "pad", &gy, 1,
                 (struct attr[]){ { .n = x->rank, .dims = start->dims },
                                  { .n = x->rank, .dims = high },
                                  { .n = x->rank, .ints = interior },
                                  { .f = 0 } });
}

const struct op_def op_slice = {
    .call = {
        .name = "slice",
        .doc = "a box of x, or every step-th element of it; the language writes x[a:b:step, ..]",
        .about = { .shapes = "x [D0, D1, ..] -> [size0, size1, ..]",
                   .formula = "y[i, j, ..] = x[start0 + i*step0, start1 + j*step1, ..]",
                   .source = "NumPy, basic slicing",
                   .gradient = "x: gy padded to x's shape, with step - 1 zeros between its elements" },
        .operands = { { .name = "x" } },
        .attrs = slice_attrs,
        .n_attrs = N_ATTRS(slice_attrs),
    },
    .class = CLS_VIEW,
    .exact = true,
    .type = { .infer = slice_infer },
    .reference = { .needs = slice_needs, .eval = slice_eval, .bound = slice_bound },
    .kernel = { .at = slice_at },
    .gradient = slice_grad,
    .sample = slice_sample,
};

/* ---- pad ---- */
enum { LOW, HIGH, INTERIOR, VALUE };
static const struct attr_def pad_attrs[] = {
    { .name = "low", .kind = ATTR_DIMS, .required = true, .doc = "elements added in front, for each dimension" },
    { .name = "high", .kind = ATTR_DIMS, .required = true, .doc = "elements added at the end, for each dimension" },
    { .name = "interior",
      .kind = ATTR_INTS,
      .doc = "elements added between two neighbours, for each dimension; not given: 0" },
    { .name = "value", .kind = ATTR_FLOAT, .value = { .f = 0 }, .doc = "the value of the added elements" },
};

static int64_t stride_at(const struct node *n, int i) { return number_at(node_attr(n, INTERIOR), i, 0) + 1; }

static bool pad_infer(struct graph *g, struct node *n)
{
    struct index_table *t = g->s->indices;
    const struct attr *low = node_attr(n, LOW);
    const struct attr *high = node_attr(n, HIGH);
    const struct type *x = &n->in[0]->type;
    n->type = *x;
    if (low->n != x->rank || high->n != x->rank)
        return infer_error(g, n, 0, "must have a dimension for each entry of low (%d) and high (%d)", low->n, high->n);
    if (!need_numbers(g, n, INTERIOR, 0))
        return false;
    for (int i = 0; i < x->rank; i++) {
        if (!index_nonnegative(t, low->dims[i]) || !index_nonnegative(t, high->dims[i]))
            return infer_error(g, n, -1, "low and high must not be negative: they are %s and %s in dimension %d",
                               index_text(g->arena, low->dims[i]), index_text(g->arena, high->dims[i]), i);
        const struct index *dim = index_add(t, index_add(t, low->dims[i], high->dims[i]), x->dim[i]);
        if (stride_at(n, i) > 1)
            dim = index_add(t, dim, index_mulk(t, gaps_of(t, x->dim[i]), stride_at(n, i) - 1));
        n->type.dim[i] = dim;
        if (type_misfit(g->s, &n->type))
            return true; /* graph_add reports the error */
    }
    double value = node_attr(n, VALUE)->f;
    return constant_fits(x->dtype, value) || infer_error(g, n, -1, "value: %g is no %s", value, dtype_name(x->dtype));
}

static void pad_contract(struct contract *c)
{
    double value = node_attr(c->n, VALUE)->f;
    struct facts *f = c->out;
    *f = *fact(c, 0);
    f->lo = fmin(f->lo, value);
    f->hi = fmax(f->hi, value);
    f->finite &= isfinite(value);
    f->integral &= value == rint(value);
    f->exact &= isnan(value) || constant_in_kernel(c->n->type.dtype, value) == value;
    f->sums_to_one = false;
    if (value != 0)
        f->max_nonzero = -1;
}

/* Sets *from to the operand's element at `index` of the result. Returns false if that element is an added one. */
static bool pad_from(const struct ev *c, const int64_t *index, struct from *from)
{
    int64_t at[MAX_RANK];
    for (int i = 0; i < c->out.rank; i++) {
        int64_t past = index[i] - dims_eval(c->dims, node_attr(c->n, LOW)->dims[i]);
        if (past < 0 || past % stride_at(c->n, i) || past / stride_at(c->n, i) >= c->in[0].dim[i])
            return false;
        at[i] = past / stride_at(c->n, i);
    }
    *from = (struct from){ 0, view_flatten(&c->in[0], at) };
    return true;
}

static void pad_eval(struct ev *c)
{
    int64_t index[MAX_RANK];
    double value = node_attr(c->n, VALUE)->f;
    bool is_float = dtype_is_float(c->out.dtype);
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            struct from from;
            view_unflatten(c->out.dim, c->out.rank, i, index);
            NUM y = is_float ? eval_constant(c, value) : (NUM){ .i = (int64_t)value };
            if (pad_from(c, index, &from))
                y = c->in[0].v[from.i];
            if (is_float)
                n_store(c, i, y);
            else
                n_store_i(c, i, y.i);
        }
}

static void pad_bound(struct bd *b)
{
    int64_t index[MAX_RANK];
    double value = node_attr(b->v.n, VALUE)->f;
    double in_kernel = constant_in_kernel(b->v.n->type.dtype, value);
    double added = !b->kernel || isnan(value) || in_kernel == value ? 0 : fabs(in_kernel - value);
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++) {
            struct from from;
            view_unflatten(b->v.out.dim, b->v.out.rank, i, index);
            b->e_out[i] = pad_from(&b->v, index, &from) ? bd_err(b, 0, from.i) : added;
        }
}

/* Sets *in to the operand's elements in the box. A dimension without any gets lo 0 and hi −1. */
static void pad_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                      struct box *in)
{
    in->rank = out->rank;
    for (int i = 0; i < out->rank; i++) {
        int64_t low = dims_eval(dims, node_attr(n, LOW)->dims[i]);
        int64_t last = dims_eval(dims, n->in[operand]->type.dim[i]) - 1;
        int64_t stride = stride_at(n, i);
        in->lo[i] = out->lo[i] <= low ? 0 : (out->lo[i] - low + stride - 1) / stride;
        in->hi[i] = out->hi[i] < low ? -1 : (out->hi[i] - low) / stride;
        if (in->hi[i] > last)
            in->hi[i] = last;
        if (in->lo[i] > in->hi[i]) {
            in->lo[i] = 0;
            in->hi[i] = -1;
        }
    }
}

static const struct kexpr *both(struct kbuild *k, const struct kexpr *x, const struct kexpr *y)
{
    return x ? kexpr_op2(k, K_AND, x, y) : y;
}

/* A select computes both of its values, so the operand's index is clamped to the operand's range. */
static const struct kexpr *pad_at(struct at *c)
{
    struct index_table *t = at_index(c);
    struct kbuild *k = c->k;
    const struct index *index[MAX_RANK];
    const struct kexpr *inside = NULL;
    enum dtype type = kexpr_value_type(c->n->type.dtype == DT_FLOAT ? DT_F32 : c->n->type.dtype);
    double value = node_attr(c->n, VALUE)->f;
    const struct kexpr *added = kexpr_const(k, type, constant_in_kernel(c->n->type.dtype, value));
    for (int i = 0; i < c->n->type.rank; i++) {
        const struct index *low = node_attr(c->n, LOW)->dims[i];
        const struct index *size = c->n->in[0]->type.dim[i];
        const struct index *stride = index_const(t, stride_at(c->n, i));
        if (dim_is(size, 0))
            return added;
        const struct index *past = index_max(t, index_sub(t, c->index[i], low), index_const(t, 0));
        const struct index *at = index_div(t, past, stride);
        if (!index_less_eq(t, low, c->index[i]))
            inside = both(k, inside, at_compare(c, K_GE, c->index[i], low));
        if (stride->k > 1)
            inside = both(k, inside, at_compare(c, K_EQ, index_mod(t, past, stride), index_const(t, 0)));
        if (!dim_is(node_attr(c->n, HIGH)->dims[i], 0))
            inside = both(k, inside, at_compare(c, K_LT, at, size));
        index[i] = clamped_index(t, at, size);
    }
    const struct kexpr *x = c->value(c, 0, index);
    return inside ? kexpr_op(k, K_SELECT, inside, x, added) : x;
}

static void pad_sample(struct sample *d)
{
    struct type t = sample_any(d, 0, 3);
    const struct index *low[MAX_RANK];
    const struct index *high[MAX_RANK];
    int64_t interior[MAX_RANK];
    for (int i = 0; i < t.rank; i++) {
        low[i] = draw_index(d, sample_range(d, 0, 1) ? 0 : sample_range(d, 0, 3));
        high[i] = draw_index(d, sample_range(d, 0, 1) ? 0 : sample_range(d, 0, 3));
        interior[i] = sample_range(d, 0, 1) ? 0 : sample_range(d, 0, 2);
    }
    sample_source(d, 0, &t);
    d->attrs[LOW] = sample_attr_dims(d, t.rank, low);
    d->attrs[HIGH] = sample_attr_dims(d, t.rank, high);
    d->attrs[INTERIOR] = sample_attr_ints(d, sample_range(d, 0, 1) ? t.rank : 0, interior);
    double value = (double)sample_range(d, 0, 1);
    d->attrs[VALUE] = sample_attr_float(dtype_is_float(t.dtype) ? value * 0.7 : value);
}

static struct node *pad_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    const struct type *x = &n->in[operand]->type;
    const struct index **size = arena_array(b->g->arena, const struct index *, x->rank + 1);
    int64_t *step = arena_array(b->g->arena, int64_t, x->rank + 1);
    for (int i = 0; i < x->rank; i++) {
        size[i] = x->dim[i];
        step[i] = stride_at(n, i);
    }
    return build(b, "slice", &gy, 1,
                 (struct attr[]){ { .n = x->rank, .dims = node_attr(n, LOW)->dims },
                                  { .n = x->rank, .dims = size },
                                  { .n = x->rank, .ints = step } });
}

const struct op_def op_pad = {
    .call = {
        .name = "pad",
        .doc = "x with further elements of one value around it, and between its elements",
        .about = { .shapes = "x [N, ..] -> [low + N + (N - 1)*interior + high, ..]; N = 0 -> [low + high, ..]",
                   .formula = "y[low + i*(interior + 1), ..] = x[i, ..]; every other element is value",
                   .source = "XLA operation semantics, Pad",
                   .gradient = "x: the slice of gy where x's elements are" },
        .operands = { { .name = "x" } },
        .attrs = pad_attrs,
        .n_attrs = N_ATTRS(pad_attrs),
    },
    .class = CLS_VIEW,
    .type = { .infer = pad_infer, .contract = pad_contract },
    .reference = { .needs = pad_needs, .eval = pad_eval, .bound = pad_bound },
    .kernel = { .at = pad_at },
    .gradient = pad_grad,
    .sample = pad_sample,
};

/* ---- reverse ---- */
static const struct attr_def reverse_attrs[] = {
    { .name = "axis",
      .kind = ATTR_INTS,
      .required = true,
      .doc = "the dimensions that are reversed; negative: counted from the last" },
};

static bool is_reversed(const struct node *n, int dim)
{
    const struct attr *axes = node_attr(n, 0);
    for (int i = 0; i < axes->n; i++)
        if (axes->ints[i] == dim || axes->ints[i] == dim - n->type.rank)
            return true;
    return false;
}

static bool reverse_infer(struct graph *g, struct node *n)
{
    const struct attr *axes = node_attr(n, 0);
    unsigned seen = 0;
    n->type = n->in[0]->type;
    for (int i = 0; i < axes->n; i++) {
        int axis;
        if (!need_axis(g, n, axes->ints[i], n->type.rank, &axis))
            return false;
        if (seen >> axis & 1)
            return infer_error(g, n, -1, "axis %d is named twice", axis);
        seen |= 1u << axis;
    }
    return true;
}

static struct from reverse_from(const struct ev *c, const int64_t *index)
{
    int64_t at[MAX_RANK];
    for (int i = 0; i < c->out.rank; i++)
        at[i] = is_reversed(c->n, i) ? c->out.dim[i] - 1 - index[i] : index[i];
    return (struct from){ 0, view_flatten(&c->in[0], at) };
}

static void reverse_eval(struct ev *c) { eval_from(c, reverse_from); }
static void reverse_bound(struct bd *b) { bound_from(b, reverse_from); }

static void reverse_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                          struct box *in)
{
    (void)operand;
    *in = *out;
    for (int i = 0; i < out->rank; i++) {
        if (!is_reversed(n, i))
            continue;
        int64_t last = dims_eval(dims, n->type.dim[i]) - 1;
        in->lo[i] = last - out->hi[i];
        in->hi[i] = last - out->lo[i];
    }
}

static const struct kexpr *reverse_at(struct at *c)
{
    struct index_table *t = at_index(c);
    const struct index *index[MAX_RANK];
    for (int i = 0; i < c->n->type.rank; i++)
        index[i] = is_reversed(c->n, i) ? index_addk(t, index_sub(t, c->n->type.dim[i], c->index[i]), -1) : c->index[i];
    return c->value(c, 0, index);
}

static void reverse_sample(struct sample *d)
{
    struct type t = sample_any(d, 1, 4);
    int64_t axes[MAX_RANK];
    int n = 0;
    uint64_t set = (uint64_t)sample_range(d, 1, (1 << t.rank) - 1);
    for (int i = 0; i < t.rank; i++)
        if (set >> i & 1)
            axes[n++] = sample_range(d, 0, 1) ? i : i - t.rank;
    sample_source(d, 0, &t);
    d->attrs[0] = sample_attr_ints(d, n, axes);
}

static struct node *reverse_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    return build(b, "reverse", &gy, 1, n->attrs);
}

const struct op_def op_reverse = {
    .call = {
        .name = "reverse",
        .doc = "the elements in the opposite order along dimensions; the language writes x[::-1]",
        .about = { .shapes = "x [.., N, ..] -> [.., N, ..]",
                   .formula = "y[.., i, ..] = x[.., N - 1 - i, ..]",
                   .source = "NumPy, flip",
                   .gradient = "x: gy reversed" },
        .operands = { { .name = "x" } },
        .attrs = reverse_attrs,
        .n_attrs = N_ATTRS(reverse_attrs),
    },
    .class = CLS_VIEW,
    .exact = true,
    .type = { .infer = reverse_infer },
    .reference = { .needs = reverse_needs, .eval = reverse_eval, .bound = reverse_bound },
    .kernel = { .at = reverse_at },
    .gradient = reverse_grad,
    .sample = reverse_sample,
};

/* ---- tile ---- */
static const struct attr_def tile_attrs[] = {
    { .name = "repeats", .kind = ATTR_INTS, .required = true, .doc = "how often x is repeated, for each dimension" },
};

static bool tile_infer(struct graph *g, struct node *n)
{
    const struct attr *repeats = node_attr(n, 0);
    n->type = n->in[0]->type;
    if (repeats->n != n->type.rank)
        return infer_error(g, n, 0, "must have a dimension for each entry of repeats (%d)", repeats->n);
    if (!need_numbers(g, n, 0, 0))
        return false;
    for (int i = 0; i < n->type.rank; i++)
        n->type.dim[i] = index_mulk(g->s->indices, n->type.dim[i], repeats->ints[i]);
    return true;
}

static struct from tile_from(const struct ev *c, const int64_t *index)
{
    int64_t at[MAX_RANK];
    for (int i = 0; i < c->out.rank; i++)
        at[i] = index[i] % c->in[0].dim[i];
    return (struct from){ 0, view_flatten(&c->in[0], at) };
}

static void tile_eval(struct ev *c) { eval_from(c, tile_from); }
static void tile_bound(struct bd *b) { bound_from(b, tile_from); }

/* If the box reaches into two repeats, the whole dimension is needed. */
static void tile_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                       struct box *in)
{
    in->rank = out->rank;
    for (int i = 0; i < out->rank; i++) {
        int64_t size = dims_eval(dims, n->in[operand]->type.dim[i]);
        bool one = size > 0 && out->lo[i] / size == out->hi[i] / size;
        in->lo[i] = one ? out->lo[i] % size : 0;
        in->hi[i] = one ? out->hi[i] % size : size - 1;
    }
}

static const struct kexpr *tile_at(struct at *c)
{
    struct index_table *t = at_index(c);
    const struct index *index[MAX_RANK];
    for (int i = 0; i < c->n->type.rank; i++) {
        const struct index *size = c->n->in[0]->type.dim[i];
        bool whole = node_attr(c->n, 0)->ints[i] == 1 || dim_is(size, 0);
        index[i] = whole ? c->index[i] : index_mod(t, c->index[i], size);
    }
    return c->value(c, 0, index);
}

static void tile_sample(struct sample *d)
{
    struct type t = sample_any(d, 0, 3);
    int64_t repeats[MAX_RANK];
    for (int i = 0; i < t.rank; i++)
        repeats[i] = sample_range(d, 0, 2) ? sample_range(d, 1, 3) : sample_range(d, 0, 1);
    sample_source(d, 0, &t);
    d->attrs[0] = sample_attr_ints(d, t.rank, repeats);
}

/* Sums over the repeats of each dimension in turn: [P, repeats, N·Q] -> [P, N·Q], where P and Q are joined dims. */
static struct node *tile_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct index_table *t = b->g->s->indices;
    const struct type *x = &n->in[operand]->type;
    const struct attr *repeats = node_attr(n, 0);
    const int64_t axis = 1;
    for (int i = 0; i < x->rank; i++) {
        struct type parts = { .dtype = gy->type.dtype, .rank = 3 };
        if (repeats->ints[i] == 1)
            continue;
        parts.dim[0] = parts.dim[2] = index_const(t, 1);
        parts.dim[1] = index_const(t, repeats->ints[i]);
        for (int k = 0; k < i; k++)
            parts.dim[0] = index_mul(t, parts.dim[0], x->dim[k]);
        for (int k = i; k < x->rank; k++)
            parts.dim[2] = index_mul(t, parts.dim[2], k == i ? x->dim[k] : n->type.dim[k]);
        gy = build_sum(b, build_reshape(b, gy, &parts), &axis, 1, false);
        if (!gy)
            return NULL;
    }
    return build_reshape(b, gy, x);
}

const struct op_def op_tile = {
    .call = {
        .name = "tile",
        .doc = "x repeated as a whole along its dimensions",
        .about = { .shapes = "x [N, ..] -> [repeats*N, ..]",
                   .formula = "y[i, ..] = x[i % N, ..]",
                   .source = "NumPy, tile",
                   .gradient = "x: the sum of gy over the repeats" },
        .operands = { { .name = "x" } },
        .attrs = tile_attrs,
        .n_attrs = N_ATTRS(tile_attrs),
    },
    .class = CLS_VIEW,
    .exact = true,
    .type = { .infer = tile_infer },
    .reference = { .needs = tile_needs, .eval = tile_eval, .bound = tile_bound },
    .kernel = { .at = tile_at },
    .gradient = tile_grad,
    .sample = tile_sample,
};
