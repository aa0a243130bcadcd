/* segment_sum and scatter_add: sums of the rows that have one destination, in the order of the rows. */
#include "ir/ops/gather.h"

enum { VALUES, ORDER, OFFSETS };

static const struct index *count_of(struct builder *b, const struct node *x) { return type_count(b->g->s, &x->type); }

/* Sums of n terms, one after the other from 0 on. mass: sum of their magnitudes, with their errors err. sum: of the
   finite terms. drift: the largest error of a kernel's sum of the terms so far, if they are added in this order. */
struct mass {
    double mass, err, sum, drift;
    int64_t n;
    bool nan, infinite;
};

static void mass_add(const struct bd *b, struct mass *m, int operand, int64_t i)
{
    double x = b->v.in[operand].v[i].d;
    double e = bd_operand(b, operand, i);
    m->n++;
    m->nan |= isnan(x);
    m->infinite |= isinf(x);
    m->mass += isfinite(x) ? fabs(x) + e : 0;
    m->err += e;
    m->sum += isfinite(x) ? x : 0;
    m->drift += e;
    if (m->n > 1)
        m->drift += b->u * (fabs(m->sum) + m->drift + (double)m->n * 0x1p-52 * m->mass);
}

/* A kernel rounds each partial sum, by at most u times its magnitude (Higham, section 4.2). In the reference and in
   m->sum, each of n terms passes through at most n - 1 additions that round: γ_{n-1} (section 3.1). */
static double mass_bound(const struct bd *b, const struct mass *m, double y)
{
    double n = m->n > 1 ? (double)m->n - 1 : 0;
    double u = fmax(b->u, dtype_unit(b->v.acc));
    double e = b->kernel ? m->drift : m->err + bd_gamma(n, u) * m->mass;
    e = (e + bd_gamma(n, 0x1p-53) * m->mass) * (1 + 0x1p-40 + n * 0x1p-51);
    if (!(m->err < INFINITY))
        return INFINITY;
    if (m->nan)
        return 0;
    if (!(m->mass + e <= bd_max(b)))
        return INFINITY;
    return isfinite(y) ? e : 0;
}

static bool is_uncertain(const struct bd *b, int operand)
{
    for (int64_t i = 0; i < b->v.in[operand].count; i++)
        if (bd_err(b, operand, i) != 0)
            return true;
    return false;
}

/* ---- segment_sum ---- */
/* values [M, Q..], order [M], offsets [n + 1] -> [n, Q..] */
static bool segment_sum_infer(struct graph *g, struct node *n)
{
    const struct type *x = &n->in[VALUES]->type;
    struct index_table *t = g->s->indices;
    if (!need_float(g, n, VALUES) || !need_indices(g, n, ORDER) || !need_indices(g, n, OFFSETS))
        return false;
    if (x->rank < 1)
        return infer_error(g, n, VALUES, "must have at least 1 dimension");
    const struct type *order = &n->in[ORDER]->type;
    const struct type *offsets = &n->in[OFFSETS]->type;
    if (order->rank != 1 || order->dim[0] != x->dim[0])
        return infer_error(g, n, ORDER, "must have one element for each row of the first, which is %s",
                           type_text(g->arena, x));
    if (offsets->rank != 1 || offsets->dim[0]->lo < 1)
        return infer_error(g, n, OFFSETS, "must have 1 dimension, provably not empty");
    n->type = *x;
    n->type.dtype = DT_FLOAT;
    n->type.dim[0] = index_addk(t, offsets->dim[0], -1);
    return true;
}

/* A sum of m terms lies in m times the range of a term; 0 terms give 0. */
static void segment_sum_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    double m = (double)c->n->in[VALUES]->type.dim[0]->hi;
    double lo = x->lo < 0 ? facts_down(m * x->lo * (1 + 0x1p-40)) : 0;
    double hi = x->hi > 0 ? facts_up(m * x->hi * (1 + 0x1p-40)) : 0;
    facts_set(c, lo, hi, x->finite && isfinite(lo) && isfinite(hi), x->integral);
    c->out->exact = false;
}

/* The rows of values that segment d sums: order[lo..hi-1]. */
static void segment_of(const struct ev *c, int64_t d, int64_t *lo, int64_t *hi)
{
    int64_t m = c->in[ORDER].count;
    *lo = c->in[OFFSETS].v[d].i;
    *hi = c->in[OFFSETS].v[d + 1].i;
    *lo = *lo < 0 ? 0 : *lo;
    *hi = *hi > m ? m : *hi;
}

static int64_t columns_of(const struct ev *c) { return c->out.dim[0] ? c->out.count / c->out.dim[0] : 0; }

static void segment_sum_eval(struct ev *c)
{
    int64_t columns = columns_of(c);
    int64_t lo, hi;
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            struct n_sum sum = n_sum_begin(c);
            segment_of(c, i / columns, &lo, &hi);
            for (int64_t k = lo; k < hi; k++) {
                int64_t row = c->in[ORDER].v[k].i;
                if (row >= 0 && row < c->in[VALUES].dim[0])
                    n_sum_add(&sum, c->in[VALUES].v[row * columns + i % columns]);
            }
            n_store(c, i, n_sum_end(&sum));
        }
}

static void segment_sum_bound(struct bd *b)
{
    const struct ev *c = &b->v;
    int64_t columns = columns_of(c);
    int64_t lo, hi;
    bool uncertain = is_uncertain(b, ORDER) || is_uncertain(b, OFFSETS);
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            struct mass m = { 0 };
            segment_of(c, i / columns, &lo, &hi);
            for (int64_t k = lo; k < hi; k++) {
                int64_t row = c->in[ORDER].v[k].i;
                if (row >= 0 && row < c->in[VALUES].dim[0])
                    mass_add(b, &m, VALUES, row * columns + i % columns);
            }
            b->e_out[i] = uncertain ? INFINITY : mass_bound(b, &m, c->out.v[i].d);
        }
}

static void segment_sum_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                              struct box *in)
{
    const struct type *x = &n->in[operand]->type;
    *in = (struct box){ .rank = x->rank };
    in->hi[0] = dims_eval(dims, x->dim[0]) - 1;
    if (operand == OFFSETS) {
        in->lo[0] = out->lo[0];
        in->hi[0] = out->hi[0] + 1;
    }
    for (int d = 1; d < x->rank; d++) {
        in->lo[d] = out->lo[d];
        in->hi[d] = out->hi[d];
    }
}

static void segment_sum_work(struct session *s, const struct node *n, struct work *w)
{
    w->macs = type_count(s, &n->in[VALUES]->type);
    w->sum_length = n->in[VALUES]->type.dim[0];
}

/* A thread sums one column of one segment. */
static const struct kexpr *segment_sum_at(struct at *c)
{
    struct index_table *t = at_index(c);
    const struct type *x = &c->n->in[VALUES]->type;
    const struct index *zero = index_const(t, 0);
    const struct index *end = index_addk(t, c->index[0], 1);
    const struct index *index[MAX_RANK];
    if (dim_is(x->dim[0], 0))
        return kexpr_f32(c->k, 0);
    struct kmem *acc = kernel_private(c->k->k, arena_printf(c->k->arena, "segment%zu", c->k->k->n_priv), DT_F32, 1);
    kstmt_store(c->k, acc, NULL, zero, kexpr_f32(c->k, 0), NULL);
    const struct index *lo = index_max(t, at_loaded(c, "from", c->value(c, OFFSETS, c->index)), zero);
    const struct index *hi = index_min(t, at_loaded(c, "to", c->value(c, OFFSETS, &end)), x->dim[0]);
    struct kstmt *loop = kstmt_for(c->k, "k", lo, hi, 1, false);
    struct at_scope s = at_enter(c, loop);
    const struct index *row = at_loaded(c, "row", c->value(c, ORDER, &loop->var));
    for (int d = 0; d < x->rank; d++)
        index[d] = d ? c->index[d] : clamped_index(t, row, x->dim[0]);
    const struct kexpr *inside =
        kexpr_op2(c->k, K_AND, at_compare(c, K_GE, row, zero), at_compare(c, K_LT, row, x->dim[0]));
    const struct kexpr *term = kexpr_cast(c->k, DT_F32, c->value(c, VALUES, index));
    kstmt_accumulate(c->k, acc, zero, KACC_SUM, kexpr_op(c->k, K_SELECT, inside, term, kexpr_f32(c->k, 0)), false);
    at_leave(c, s);
    return kexpr_load(c->k, acc, NULL, zero, NULL, 0);
}

static void segment_sum_sample(struct sample *d)
{
    struct type x = sample_type(d, sample_range(d, 0, 2) ? DT_FLOAT : DT_F16, 1, 3);
    struct type order = { .dtype = DT_I32, .rank = 1, .dim = { x.dim[0] } };
    struct type offsets = { .dtype = DT_I32, .rank = 1, .dim = { draw_index(d, sample_range(d, 1, 5)) } };
    int64_t m = sample_dim_of(&x, 0);
    sample_operand(d, VALUES, &x, -4, 4);
    sample_operand(d, ORDER, &order, m && sample_range(d, 0, 3) ? 0 : -1,
                   (double)(m && sample_range(d, 0, 3) ? m - 1 : m));
    sample_operand(d, OFFSETS, &offsets, 0, (double)m);
    d->rising[OFFSETS] = true;
}

/* gather(table, indices), with zeros where an index is out of range: table [N, Q..], indices [I..] -> [I.., Q..]. */
static struct node *gather_or_zero(struct builder *b, struct node *table, struct node *indices)
{
    struct node *rows = build2(b, "gather", table, indices);
    if (!rows)
        return NULL;
    struct node *inside = build_inside(b, indices, table->type.dim[0]);
    struct type column = { .dtype = DT_BOOL, .rank = rows->type.rank };
    struct type whole = rows->type;
    whole.dtype = DT_BOOL;
    for (int i = 0; i < column.rank; i++)
        column.dim[i] = i < indices->type.rank ? indices->type.dim[i] : index_const(b->g->s->indices, 1);
    inside = build_broadcast(b, build_reshape(b, inside, &column), &whole);
    return build3(b, "select", inside, rows, build_const(b, &rows->type, 0));
}

static struct attr one_dim(struct builder *b, const struct index *n)
{
    const struct index **dims = arena_array(b->g->arena, const struct index *, 1);
    dims[0] = n;
    return (struct attr){ .n = 1, .dims = dims };
}

/* Row order[k] gets the gradient of slot k's segment: the last that begins at or before k. Slots before the first
   segment and after the last get none. */
static struct node *segment_sum_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *order = n->in[ORDER];
    struct node *offsets = n->in[OFFSETS];
    const struct index *slots = order->type.dim[0];
    struct type next = { .dtype = offsets->type.dtype, .rank = 1, .dim = { slots } };
    struct attr iota[MAX_ATTRS];
    if (operand != VALUES)
        return NULL;
    op_defaults_of_type(op_find("iota"), &next, iota);
    struct node *slot = build(b, "iota", NULL, 0, iota);
    struct node *begun = build2(b, "search_sorted", offsets, build2(b, "add", slot, build_const(b, &next, 1)));
    struct node *segment = begun ? build2(b, "sub", begun, build_const(b, &begun->type, 1)) : NULL;
    struct node *in[] = { order, segment ? gather_or_zero(b, gy, segment) : NULL };
    return build(b, "scatter_add", in, 2, (struct attr[]){ one_dim(b, slots) });
}

const struct op_def op_segment_sum = {
    .call = {
        .name = "segment_sum",
        .doc = "sums of the rows that an order lists between two offsets, in that order",
        .about = { .shapes = "values [M, Q..], order [M], offsets [n + 1] -> [n, Q..]",
                   .formula = "y[d, q] = sum over offsets[d] <= k < offsets[d + 1] of values[order[k], q]; what is "
                              "outside 0..M-1 is left out; offsets never fall",
                   .source = "Blelloch, Prefix sums and their applications, CMU-CS-90-190, segmented sums",
                   .gradient = "values: to row order[k], gy of the segment that holds k" },
        .operands = { { .name = "values" }, { .name = "order" }, { .name = "offsets" } },
    },
    .class = CLS_INDEX,
    .type = { .infer = segment_sum_infer, .contract = segment_sum_contract },
    .reference = { .needs = segment_sum_needs,
                   .work = segment_sum_work,
                   .eval = segment_sum_eval,
                   .bound = segment_sum_bound },
    .kernel = { .at = segment_sum_at, .loops = true },
    .gradient = segment_sum_grad,
    .sample = segment_sum_sample,
};

/* ---- scatter_add ---- */
static const struct attr_def scatter_attrs[] = {
    { .name = "n", .kind = ATTR_DIMS, .required = true, .doc = "number of destinations" },
};

/* indices [I..], values [I.., Q..] -> [n, Q..] */
static bool scatter_add_infer(struct graph *g, struct node *n)
{
    const struct type *indices = &n->in[0]->type;
    const struct type *x = &n->in[1]->type;
    if (!need_indices(g, n, 0) || !need_float(g, n, 1) || !need_one_dim(g, n))
        return false;
    bool fits = x->rank >= indices->rank && x->rank - indices->rank < MAX_RANK;
    for (int i = 0; i < indices->rank && fits; i++)
        fits = x->dim[i] == indices->dim[i];
    if (!fits)
        return infer_error(g, n, 1, "must begin with the dimensions of the first, which is %s",
                           type_text(g->arena, indices));
    n->type = (struct type){ .dtype = DT_FLOAT, .rank = 1 + x->rank - indices->rank };
    n->type.dim[0] = node_attr(n, 0)->dims[0];
    for (int i = 1; i < n->type.rank; i++)
        n->type.dim[i] = x->dim[indices->rank + i - 1];
    return true;
}

static void scatter_add_contract(struct contract *c)
{
    const struct facts *x = fact(c, 1);
    double m = (double)type_count(c->g->s, &c->n->in[0]->type)->hi;
    need_in_range(c, 0, node_attr(c->n, 0)->dims[0]);
    double lo = x->lo < 0 ? facts_down(m * x->lo * (1 + 0x1p-40)) : 0;
    double hi = x->hi > 0 ? facts_up(m * x->hi * (1 + 0x1p-40)) : 0;
    facts_set(c, lo, hi, x->finite && isfinite(lo) && isfinite(hi), x->integral);
    c->out->exact = false;
}

/* Lists of the positions of each destination, in order: first[d], then next[k] of each; -1 ends a list. */
static void list_positions(const struct view *indices, int64_t *first, int64_t n, int64_t *next)
{
    for (int64_t d = 0; d < n; d++)
        first[d] = -1;
    for (int64_t k = indices->count - 1; k >= 0; k--) {
        int64_t d = indices->v[k].i;
        if (d < 0 || d >= n)
            continue;
        next[k] = first[d];
        first[d] = k;
    }
}

static void scatter_add_eval(struct ev *c)
{
    struct arena *a = arena_new();
    int64_t columns = columns_of(c);
    int64_t *first = arena_array(a, int64_t, c->out.dim[0] + 1);
    int64_t *next = arena_array(a, int64_t, c->in[0].count + 1);
    list_positions(&c->in[0], first, c->out.dim[0], next);
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            struct n_sum sum = n_sum_begin(c);
            for (int64_t k = first[i / columns]; k >= 0; k = next[k])
                n_sum_add(&sum, c->in[1].v[k * columns + i % columns]);
            n_store(c, i, n_sum_end(&sum));
        }
    arena_free(a);
}

static struct node *scatter_add_expand(struct builder *b, struct node *n)
{
    const struct index *m = count_of(b, n->in[0]);
    struct type flat = { .dtype = n->in[0]->type.dtype, .rank = 1, .dim = { m } };
    struct type rows = n->type;
    rows.dim[0] = m;
    struct node *x = build_reshape(b, n->in[0], &flat);
    struct node *order = build(b, "sort_by_bucket", &x, 1, n->attrs);
    struct node *offsets = build(b, "bucket_offsets", &x, 1, n->attrs);
    return build3(b, "segment_sum", build_reshape(b, n->in[1], &rows), order, offsets);
}

static struct node *scatter_add_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    return operand == 1 ? gather_or_zero(b, gy, n->in[0]) : NULL; /* the indices are integers */
}

static void scatter_add_sample(struct sample *d)
{
    struct type indices = sample_type(d, sample_range(d, 0, 1) ? DT_I64 : DT_I32, 0, 2);
    struct type x = sample_type(d, sample_range(d, 0, 2) ? DT_FLOAT : DT_F16, 0, 2);
    const struct index *n = draw_index(d, sample_range(d, 0, 9) ? sample_range(d, 1, 9) : 0);
    bool beyond = n->k == 0 || sample_range(d, 0, 3) == 0;
    for (int i = x.rank; i-- > 0;)
        x.dim[i + indices.rank] = x.dim[i];
    for (int i = 0; i < indices.rank; i++)
        x.dim[i] = indices.dim[i];
    x.rank += indices.rank;
    sample_operand(d, 0, &indices, beyond ? -2 : 0, (double)n->k - !beyond);
    sample_operand(d, 1, &x, -4, 4);
    d->attrs[0] = sample_attr_dims(d, 1, &n);
}

const struct op_def op_scatter_add = {
    .call = {
        .name = "scatter_add",
        .doc = "values added up by destination, those of one destination in their order",
        .about = { .shapes = "indices [I..], values [I.., Q..] -> [n, Q..]",
                   .formula = "y[d, q] = sum over indices[i] = d of values[i, q]; an index outside 0..n-1 is dropped",
                   .source = "a stable counting sort by destination (sort_by_bucket), then segment_sum",
                   .gradient = "values: gy at the index (gather); 0 where it is out of range" },
        .operands = { { .name = "indices" }, { .name = "values" } },
        .attrs = scatter_attrs,
        .n_attrs = N_ATTRS(scatter_attrs),
    },
    .class = CLS_INDEX,
    .type = { .infer = scatter_add_infer, .contract = scatter_add_contract },
    .reference = { .eval = scatter_add_eval },
    .kernel = { .expand = scatter_add_expand },
    .gradient = scatter_add_grad,
    .sample = scatter_add_sample,
};
