/* take_along_axis: integers in each row choose elements of the same row. */
#include "ir/ops/gather.h"
#include "ir/ops/line.h"

static const struct attr_def take_attrs[] = {
    { "axis", ATTR_INT, false, { .i = -1 }, "the dimension that is indexed; the last one if not given" },
};

static bool take_infer(struct graph *g, struct node *n)
{
    const struct type *x = &n->in[0]->type;
    const struct type *indices = &n->in[1]->type;
    if (!need_axis_attr(g, n) || !need_indices(g, n, 1))
        return false;
    int axis = op_axis(n);
    for (int i = 0; i < x->rank || i < indices->rank; i++)
        if (indices->rank != x->rank || (i != axis && indices->dim[i] != x->dim[i]))
            return infer_error(g, n, 1, "must have the shape of the first, %s, except along dimension %d",
                               type_text(g->arena, x), axis);
    n->type = *indices;
    n->type.dtype = x->dtype;
    return true;
}

static void take_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct facts *i = fact(c, 1);
    const struct index *n = c->n->in[0]->type.dim[op_axis(c->n)];
    bool is_float = dtype_is_float(c->n->type.dtype);
    bool inside = i->finite && i->lo >= 0 && i->hi < (double)n->lo;
    need_in_range(c, 1, n);
    facts_set(c, is_float || inside ? x->lo : fmin(x->lo, 0), is_float || inside ? x->hi : fmax(x->hi, 0),
              x->finite && (inside || !is_float), x->integral);
    c->out->exact = x->exact;
}

static void take_row(void *ctx, const struct line *l, NUM *shared)
{
    (void)ctx;
    (void)l;
    (void)shared;
}

static void take_result(void *ctx, const struct line *l, int64_t at, int64_t k, const NUM *shared)
{
    struct ev *c = ctx;
    int64_t i = c->in[1].v[at].i;
    bool is_float = dtype_is_float(c->out.dtype);
    NUM y = is_float ? n_const(c, NAN) : (NUM){ .i = 0 };
    (void)k;
    (void)shared;
    if (i >= 0 && i < l->n)
        y = c->in[0].v[l->first + i * l->stride];
    if (is_float)
        n_store(c, at, y);
    else
        n_store_i(c, at, y.i);
}

static void take_eval(struct ev *c) { each_line(c, &(struct line_fns){ take_row, take_result }, c); }

/* Any index within e of i may be the right one. Stores the largest error of the result that this allows. */
static void take_error(void *ctx, const struct line *l, int64_t at, int64_t k, const NUM *shared)
{
    enum { MOST = 64 };
    struct bd *b = ctx;
    const NUM *x = b->v.in[0].v;
    bool is_float = dtype_is_float(b->v.out.dtype);
    int64_t i = b->v.in[1].v[at].i;
    double e = bd_err(b, 1, at);
    double worst = 0;
    (void)k;
    (void)shared;
    b->e_out[at] = 0;
    if (e == 0 && (i < 0 || i >= l->n))
        return;
    b->e_out[at] = INFINITY;
    if (!(e <= MOST) || i - e < 0 || i + e >= (double)l->n)
        return;
    for (int64_t j = i - (int64_t)e; j <= i + (int64_t)e; j++) {
        int64_t from = l->first + j * l->stride;
        double v = is_float ? x[from].d : (double)x[from].i;
        double y = is_float ? b->v.out.v[at].d : (double)b->v.out.v[at].i;
        double off = j == i || v == y || (isnan(v) && isnan(y)) ? 0 : fabs(v - y) * (1 + 0x1p-40);
        worst = fmax(worst, isnan(off) ? INFINITY : off + bd_err(b, 0, from));
    }
    b->e_out[at] = worst;
}

static void take_bound(struct bd *b) { each_line(&b->v, &(struct line_fns){ take_row, take_error }, b); }

static void take_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                       struct box *in)
{
    int axis = op_axis(n);
    *in = *out;
    if (operand == 1)
        return;
    in->lo[axis] = 0;
    in->hi[axis] = dims_eval(dims, n->in[0]->type.dim[axis]) - 1;
}

/* A select computes both of its values, so x is read at an index clamped to its range. */
static const struct kexpr *take_at(struct at *c)
{
    struct index_table *t = at_index(c);
    const struct type *x = &c->n->in[0]->type;
    enum dtype type = kexpr_value_type(x->dtype == DT_FLOAT ? DT_F32 : x->dtype);
    int axis = op_axis(c->n);
    const struct kexpr *otherwise = kexpr_const(c->k, type, dtype_is_float(type) ? NAN : 0);
    const struct index *index[MAX_RANK];
    if (dim_is(x->dim[axis], 0))
        return otherwise;
    const struct index *i = at_loaded(c, "at", at_plain(c, 1));
    for (int d = 0; d < x->rank; d++)
        index[d] = d == axis ? clamped_index(t, i, x->dim[axis]) : c->index[d];
    const struct kexpr *inside =
        kexpr_op2(c->k, K_AND, at_compare(c, K_GE, i, index_const(t, 0)), at_compare(c, K_LT, i, x->dim[axis]));
    return kexpr_op(c->k, K_SELECT, inside, c->value(c, 0, index), otherwise);
}

static void take_sample(struct sample *d)
{
    static const enum dtype dtypes[] = { DT_FLOAT, DT_FLOAT, DT_F32, DT_F16, DT_I64 };
    struct type x = sample_type(d, dtypes[sample_range(d, 0, 4)], 1, 3);
    int axis = (int)sample_range(d, 0, x.rank - 1);
    int64_t n = sample_dim_of(&x, axis);
    struct type indices = x;
    bool beyond = n == 0 || sample_range(d, 0, 7) == 0;
    indices.dtype = sample_range(d, 0, 1) ? DT_I64 : DT_I32;
    indices.dim[axis] = draw_index(d, sample_range(d, 0, 5));
    sample_operand(d, 0, &x, -4, 4);
    sample_operand(d, 1, &indices, beyond ? -2 : 0, beyond ? (double)n + 1 : (double)n - 1);
    d->attrs[0] = sample_attr_int(sample_range(d, 0, 1) ? axis : axis - x.rank);
}

static struct node *shaped(struct builder *b, struct node *x, const struct index *const *dims, int rank)
{
    struct type t = { .dtype = x->type.dtype, .rank = rank };
    for (int i = 0; i < rank; i++)
        t.dim[i] = dims[i];
    return build_reshape(b, x, &t);
}

/* gx[i] = Σ gy[k] over all k with indices[k] = i: a sum over k of a select.
   The operands are reshaped to [outer, n or k, inner]. The select is [outer, k, n, inner]. */
static struct node *take_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct index_table *t = b->g->s->indices;
    const struct type *x = &n->in[0]->type;
    int axis = op_axis(n);
    int64_t over_k = 1;
    const struct index *one = index_const(t, 1);
    const struct index *outer = one;
    const struct index *inner = one;
    if (operand != 0)
        return NULL;
    for (int i = 0; i < x->rank; i++) {
        outer = i < axis ? index_mul(t, outer, x->dim[i]) : outer;
        inner = i > axis ? index_mul(t, inner, x->dim[i]) : inner;
    }
    const struct index *from[] = { outer, n->type.dim[axis], one, inner };
    struct type numbers = { .dtype = n->in[1]->type.dtype, .rank = 1, .dim = { x->dim[axis] } };
    struct attr attrs[MAX_ATTRS];
    op_defaults_of_type(op_find("iota"), &numbers, attrs);
    struct node *number = shaped(b, build(b, "iota", NULL, 0, attrs), (const struct index *[]){ x->dim[axis], one }, 2);
    struct node *chosen = build2(b, "equal", shaped(b, n->in[1], from, 4), number);
    struct node *g = build3(b, "select", chosen, shaped(b, gy, from, 4), build_scalar(b, 0));
    return build_reshape(b, build_sum(b, g, &over_k, 1, false), x);
}

const struct op_def op_take_along_axis = {
    .call = {
        .name = "take_along_axis",
        .doc = "elements of each row of x, chosen by integers of the same row",
        .about = {
            .shapes = "x [P.., N, Q..], indices [P.., K, Q..] -> [P.., K, Q..]",
            .formula = "y[p, k, q] = x[p, indices[p, k, q], q]; an index outside 0..N-1 gives NaN, "
                       "or 0 if x is an integer",
            .source = "NumPy, take_along_axis",
            .gradient = "x: the sum of the gy whose index chose the element",
        },
        .operands = { { .name = "x" }, { .name = "indices" } },
        .attrs = take_attrs,
        .n_attrs = N_ATTRS(take_attrs),
    },
    .class = CLS_INDEX,
    .exact = true,
    .type = { .infer = take_infer, .contract = take_contract },
    .reference = { .needs = take_needs, .eval = take_eval, .bound = take_bound },
    .kernel = { .at = take_at },
    .gradient = take_grad,
    .sample = take_sample,
};
