/* gather and one_hot: rows that integers choose. */
#include "ir/ops/gather.h"

bool need_indices(struct graph *g, const struct node *n, int operand)
{
    enum dtype t = n->in[operand]->type.dtype;
    return t == DT_I32 || t == DT_I64 || infer_error(g, n, operand, "must be i32 or i64 (cast makes one)");
}

/* An upper end that depends on a symbolic dim is no number that a guard could test. */
void need_in_range(struct contract *c, int operand, const struct index *n)
{
    int64_t k;
    struct arena *a = c->g->arena;
    const char *name = op_operand_at(c->n->op, operand)->name;
    struct facts need = { .lo = 0, .hi = INFINITY, .max_nonzero = -1 };
    if (index_const_value(n, &k) && k > 0)
        need.hi = (double)k - 1;
    contract_need(c, operand, arena_printf(a, "0 <= %s < %s", name, index_text(a, n)), need);
    if (need.hi == INFINITY)
        contract_state(c, arena_printf(a, "%s < %s", name, index_text(a, n)),
                       fact(c, operand)->hi < (double)n->lo ? OBLIGATION_PROVED : OBLIGATION_OPEN);
}

struct node *build_dim(struct builder *b, const struct index *n, enum dtype t)
{
    const struct index **dims = arena_array(b->g->arena, const struct index *, 1);
    dims[0] = n;
    return build_cast(b, build(b, "extent", NULL, 0, (struct attr[]){ { .n = 1, .dims = dims } }), t);
}

struct node *build_inside(struct builder *b, struct node *indices, const struct index *n)
{
    struct node *low = build2(b, "greater_equal", indices, build_const(b, &indices->type, 0));
    return build2(b, "logical_and", low, build2(b, "less", indices, build_dim(b, n, indices->type.dtype)));
}

/* ---- gather ---- */
static const struct attr_def gather_attrs[] = {
    { .name = "axis",
      .kind = ATTR_INT,
      .value = { .i = 0 },
      .doc = "the dimension of table that is indexed; negative: counted from the last" },
};

static int axis_of(const struct node *n)
{
    int64_t axis = node_attr(n, 0)->i;
    return (int)(axis < 0 ? axis + n->in[0]->type.rank : axis);
}

static bool gather_infer(struct graph *g, struct node *n)
{
    const struct type *table = &n->in[0]->type;
    const struct type *indices = &n->in[1]->type;
    int axis;
    if (!need_indices(g, n, 1) || !need_axis(g, n, node_attr(n, 0)->i, table->rank, &axis))
        return false;
    int rank = table->rank - 1 + indices->rank;
    if (rank > MAX_RANK)
        return infer_error(g, n, -1, "the result would have %d dimensions, and the maximum is %d", rank, MAX_RANK);
    n->type = (struct type){ .dtype = table->dtype, .rank = rank };
    for (int i = 0; i < rank; i++)
        n->type.dim[i] = i < axis                   ? table->dim[i]
                         : i < axis + indices->rank ? indices->dim[i - axis]
                                                    : table->dim[i - indices->rank + 1];
    return true;
}

static bool gathers_in_range(const struct contract *c)
{
    const struct index *n = c->n->in[0]->type.dim[axis_of(c->n)];
    return fact(c, 1)->finite && fact(c, 1)->lo >= 0 && fact(c, 1)->hi < (double)n->lo;
}

static void gather_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    bool is_float = dtype_is_float(c->n->type.dtype);
    bool inside = gathers_in_range(c);
    need_in_range(c, 1, c->n->in[0]->type.dim[axis_of(c->n)]);
    facts_set(c, is_float || inside ? x->lo : fmin(x->lo, 0), is_float || inside ? x->hi : fmax(x->hi, 0),
              x->finite && (inside || !is_float), x->integral);
    c->out->exact = x->exact;
}

/* The position in table of the result's element `index`, with i along the axis. */
static int64_t table_at(const struct ev *c, const int64_t *index, int64_t i)
{
    int axis = axis_of(c->n);
    const struct view *table = &c->in[0];
    int64_t flat = 0;
    for (int d = 0; d < table->rank; d++)
        flat = flat * table->dim[d] + (d < axis ? index[d] : d == axis ? i : index[d - 1 + c->in[1].rank]);
    return flat;
}

static int64_t indices_at(const struct ev *c, const int64_t *index)
{
    return view_flatten(&c->in[1], index + axis_of(c->n));
}

static void gather_eval(struct ev *c)
{
    int64_t index[MAX_RANK];
    int64_t n = c->in[0].dim[axis_of(c->n)];
    bool is_float = dtype_is_float(c->out.dtype);
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t k = c->runs[r].lo; k < c->runs[r].hi; k++) {
            view_unflatten(c->out.dim, c->out.rank, k, index);
            int64_t i = c->in[1].v[indices_at(c, index)].i;
            NUM y = is_float ? n_const(c, NAN) : (NUM){ .i = 0 };
            if (i >= 0 && i < n)
                y = c->in[0].v[table_at(c, index, i)];
            if (is_float)
                n_store(c, k, y);
            else
                n_store_i(c, k, y.i);
        }
}

/* The largest distance to what an index within e of i may choose. Unbounded if that may be out of range. */
static double hull(const struct bd *b, const int64_t *index, int64_t i, double e, int64_t k)
{
    enum { MOST = 64 };
    const struct ev *c = &b->v;
    double worst = 0;
    bool is_float = dtype_is_float(c->out.dtype);
    if (!(e <= MOST) || i - e < 0 || i + e >= (double)c->in[0].dim[axis_of(c->n)])
        return INFINITY;
    for (int64_t j = i - (int64_t)e; j <= i + (int64_t)e; j++) {
        int64_t at = table_at(c, index, j);
        double x = is_float ? c->in[0].v[at].d : (double)c->in[0].v[at].i;
        double y = is_float ? c->out.v[k].d : (double)c->out.v[k].i;
        double off = j == i || x == y || (isnan(x) && isnan(y)) ? 0 : fabs(x - y) * (1 + 0x1p-40);
        worst = fmax(worst, isnan(off) ? INFINITY : off + bd_err(b, 0, at));
    }
    return worst;
}

static void gather_bound(struct bd *b)
{
    int64_t index[MAX_RANK];
    const struct ev *c = &b->v;
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t k = c->runs[r].lo; k < c->runs[r].hi; k++) {
            view_unflatten(c->out.dim, c->out.rank, k, index);
            int64_t i = c->in[1].v[indices_at(c, index)].i;
            double e = bd_err(b, 1, indices_at(c, index));
            bool inside = i >= 0 && i < c->in[0].dim[axis_of(c->n)];
            if (e == 0)
                b->e_out[k] = inside ? bd_err(b, 0, table_at(c, index, i)) : 0;
            else
                b->e_out[k] = hull(b, index, i, e, k);
        }
}

static void gather_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                         struct box *in)
{
    int axis = axis_of(n);
    const struct type *x = &n->in[operand]->type;
    int indices = n->in[1]->type.rank;
    *in = (struct box){ .rank = x->rank };
    for (int d = 0; d < x->rank; d++) {
        int from = operand == 1 ? d + axis : d < axis ? d : d - 1 + indices;
        bool whole = operand == 0 && d == axis;
        in->lo[d] = whole ? 0 : out->lo[from];
        in->hi[d] = whole ? dims_eval(dims, x->dim[d]) - 1 : out->hi[from];
    }
}

static const struct kexpr *out_of_range(struct at *c)
{
    enum dtype t = c->n->type.dtype;
    return kexpr_const(c->k, kexpr_value_type(t == DT_FLOAT ? DT_F32 : t), dtype_is_float(t) ? NAN : 0);
}

/* A select computes both values, so the table is read at an index clamped to its range. */
static const struct kexpr *gather_at(struct at *c)
{
    struct index_table *t = at_index(c);
    const struct type *table = &c->n->in[0]->type;
    int axis = axis_of(c->n);
    int indices = c->n->in[1]->type.rank;
    const struct index *size = table->dim[axis];
    const struct index *index[MAX_RANK];
    if (dim_is(size, 0))
        return out_of_range(c);
    const struct index *i = at_loaded(c, "row", c->value(c, 1, c->index + axis));
    for (int d = 0; d < table->rank; d++)
        index[d] = d < axis ? c->index[d] : d == axis ? clamped_index(t, i, size) : c->index[d - 1 + indices];
    const struct kexpr *inside =
        kexpr_op2(c->k, K_AND, at_compare(c, K_GE, i, index_const(t, 0)), at_compare(c, K_LT, i, size));
    return kexpr_op(c->k, K_SELECT, inside, c->value(c, 0, index), out_of_range(c));
}

static void gather_sample(struct sample *d)
{
    struct type table = sample_any(d, 1, 3);
    int axis = (int)sample_range(d, 0, table.rank - 1);
    struct type indices = sample_type(d, sample_range(d, 0, 1) ? DT_I64 : DT_I32, 0, 2);
    int64_t n = sample_dim_of(&table, axis);
    bool beyond = n == 0 || sample_range(d, 0, 7) == 0;
    sample_source(d, 0, &table);
    sample_operand(d, 1, &indices, beyond ? -2 : 0, beyond ? (double)n + 1 : (double)n - 1);
    d->attrs[0] = sample_attr_int(sample_range(d, 0, 1) ? axis : axis - table.rank);
}

/* Moves n dims from `from` on to the front, or back: [P.., I.., Q..] -> [I.., P.., Q..]. */
static struct node *to_front(struct builder *b, struct node *x, int from, int n, bool back)
{
    int64_t perm[MAX_RANK];
    int64_t inverse[MAX_RANK];
    if (!x || from == 0 || n == 0)
        return x;
    for (int i = 0; i < x->type.rank; i++)
        perm[i] = i < n ? from + i : i < n + from ? i - n : i;
    for (int i = 0; i < x->type.rank; i++)
        inverse[perm[i]] = i;
    return build_transpose(b, x, back ? inverse : perm);
}

static struct node *gather_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    int axis = axis_of(n);
    if (operand != 0)
        return NULL; /* the indices are integers */
    const struct index **size = arena_array(b->g->arena, const struct index *, 1);
    size[0] = n->in[operand]->type.dim[axis];
    struct node *rows = to_front(b, gy, axis, n->in[1]->type.rank, false);
    struct node *in[] = { n->in[1], rows };
    return to_front(b, build(b, "scatter_add", in, 2, (struct attr[]){ { .n = 1, .dims = size } }), axis, 1, true);
}

const struct op_def op_gather = {
    .call = {
        .name = "gather",
        .doc = "elements of table along a dimension, chosen by integers: an embedding",
        .about = { .shapes = "table [P.., N, Q..], indices [I..] -> [P.., I.., Q..]",
                   .formula = "y[p, i, q] = table[p, indices[i], q]; an index outside 0..N-1 gives NaN, "
                       "or 0 if the table holds integers",
                   .source = "NumPy, take",
                   .gradient = "table: gy added up by index (scatter_add); an index out of range adds nothing" },
        .operands = { { .name = "table" }, { .name = "indices" } },
        .attrs = gather_attrs,
        .n_attrs = N_ATTRS(gather_attrs),
    },
    .class = CLS_INDEX,
    .exact = true,
    .type = { .infer = gather_infer, .contract = gather_contract },
    .reference = { .needs = gather_needs, .eval = gather_eval, .bound = gather_bound },
    .kernel = { .at = gather_at },
    .gradient = gather_grad,
    .sample = gather_sample,
};

/* ---- one_hot ---- */
static const struct attr_def one_hot_attrs[] = {
    { .name = "n", .kind = ATTR_DIMS, .required = true, .doc = "the length of a row" },
};

bool need_one_dim(struct graph *g, const struct node *n)
{
    const struct attr *a = node_attr(n, 0);
    return a->n == 1 || infer_error(g, n, -1, "n must be one dimension, not %d", a->n);
}

static bool one_hot_infer(struct graph *g, struct node *n)
{
    if (!need_indices(g, n, 0) || !need_one_dim(g, n))
        return false;
    n->type = n->in[0]->type;
    n->type.dtype = DT_FLOAT;
    if (n->type.rank < MAX_RANK)
        n->type.dim[n->type.rank] = node_attr(n, 0)->dims[0];
    n->type.rank++;
    return true;
}

static void one_hot_contract(struct contract *c)
{
    facts_set(c, 0, 1, true, true);
    c->out->exact = true;
    c->out->max_nonzero = 1;
}

static void one_hot_eval(struct ev *c)
{
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++)
            n_store(c, i, n_const(c, c->in[0].v[i / c->out.last].i == i % c->out.last));
}

/* select(equal(indices [.., 1], iota [.., n]), 1, 0) */
static struct node *one_hot_expand(struct builder *b, struct node *n)
{
    struct type column = n->in[0]->type;
    struct type whole = n->type;
    whole.dtype = column.dtype;
    column.dim[column.rank++] = index_const(b->g->s->indices, 1);
    struct attr attrs[MAX_ATTRS];
    op_defaults_of_type(op_find("iota"), &whole, attrs);
    struct node *x = build_broadcast(b, build_reshape(b, n->in[0], &column), &whole);
    struct node *is = build2(b, "equal", x, build(b, "iota", NULL, 0, attrs));
    return build3(b, "select", is, build_const(b, &n->type, 1), build_const(b, &n->type, 0));
}

static void one_hot_sample(struct sample *d)
{
    struct type indices = sample_type(d, sample_range(d, 0, 1) ? DT_I64 : DT_I32, 0, 2);
    const struct index *n = draw_index(d, sample_dim(d));
    sample_operand(d, 0, &indices, -1, (double)n->k);
    d->attrs[0] = sample_attr_dims(d, 1, &n);
}

const struct op_def op_one_hot = {
    .call = {
        .name = "one_hot",
        .doc = "a row of n for each index: 1 at the index, 0 elsewhere",
        .about = { .shapes = "indices [I..] -> [I.., n]",
                   .formula = "y[i, j] = 1 if indices[i] = j, else 0; an index outside 0..n-1 gives a row of zeros",
                   .gradient = "none: the indices are integers" },
        .operands = { { .name = "indices" } },
        .attrs = one_hot_attrs,
        .n_attrs = N_ATTRS(one_hot_attrs),
    },
    .class = CLS_INDEX,
    .exact = true,
    .type = { .infer = one_hot_infer, .contract = one_hot_contract },
    .reference = { .eval = one_hot_eval },
    .kernel = { .expand = one_hot_expand },
    .sample = one_hot_sample,
};
