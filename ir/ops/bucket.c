/* A stable counting sort by destination, and sums over its buckets. Of M integers, those that equal d are bucket d:
       offsets [n + 1]   the integers of 0..n-1 below d: where bucket d begins, and bucket n - 1 ends
       order [M]         the positions of bucket 0 in their order, of bucket 1, …; last, of those outside 0..n-1
   scatter_add sorts its indices so, and sums each bucket in order: no atomics, equal bits in every run. */
#include "ir/ops/gather.h"

static const struct attr_def n_attr[] = {
    { .name = "n", .kind = ATTR_DIMS, .required = true, .doc = "number of destinations" },
};

static const struct index *n_of(const struct node *n) { return node_attr(n, 0)->dims[0]; }

static const struct index *elements(struct graph *g, const struct node *n, int operand)
{
    return type_count(g->s, &n->in[operand]->type);
}

/* x as one dimension. */
static struct node *flattened(struct builder *b, struct node *x)
{
    struct type flat = { .dtype = x->type.dtype, .rank = 1, .dim = { type_count(b->g->s, &x->type) } };
    return build_reshape(b, x, &flat);
}

static struct node *iota_of(struct builder *b, const struct type *t, int axis)
{
    struct attr attrs[MAX_ATTRS];
    const struct op_def *op = op_find("iota");
    op_defaults_of_type(op, t, attrs);
    attrs[op_attr(op, "axis")].i = axis;
    return build(b, "iota", NULL, 0, attrs);
}

static void everything(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                       struct box *in)
{
    const struct type *x = &n->in[operand]->type;
    (void)out;
    *in = (struct box){ .rank = x->rank };
    for (int d = 0; d < x->rank; d++)
        in->hi[d] = dims_eval(dims, x->dim[d]) - 1;
}

static double certain_or_unbounded(const struct bd *b)
{
    for (int k = 0; k < b->v.n_in; k++)
        for (int64_t i = 0; !dtype_is_float(b->v.in[k].dtype) && i < b->v.in[k].count; i++)
            if (bd_err(b, k, i) != 0)
                return INFINITY;
    return 0;
}

static void bound_exact(struct bd *b)
{
    double e = certain_or_unbounded(b);
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = e;
}

static bool need_vector(struct graph *g, const struct node *n, int operand)
{
    return n->in[operand]->type.rank == 1 || infer_error(g, n, operand, "must have 1 dimension");
}

/* ---- bucket_offsets ---- */
static bool bucket_offsets_infer(struct graph *g, struct node *n)
{
    if (!need_indices(g, n, 0) || !need_one_dim(g, n))
        return false;
    n->type = (struct type){ .dtype = DT_I32, .rank = 1, .dim = { index_addk(g->s->indices, n_of(n), 1) } };
    struct type flat = { .dtype = DT_I32, .rank = 1, .dim = { elements(g, n, 0) } };
    const char *why = type_misfit(g->s, &flat);
    return !why || infer_error(g, n, 0, "must be countable in one dimension: %s", why);
}

static void bucket_offsets_contract(struct contract *c)
{
    facts_set(c, 0, (double)elements(c->g, c->n, 0)->hi, true, true);
    c->out->exact = true;
}

static void bucket_offsets_eval(struct ev *c)
{
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t d = c->runs[r].lo; d < c->runs[r].hi; d++) {
            int64_t below = 0;
            for (int64_t i = 0; i < c->in[0].count; i++)
                below += c->in[0].v[i].i >= 0 && c->in[0].v[i].i < d;
            n_store_i(c, d, below);
        }
}

/* sum over i of (0 <= indices[i] < d) */
static struct node *bucket_offsets_expand(struct builder *b, struct node *n)
{
    struct node *x = flattened(b, n->in[0]);
    struct type column = { .dtype = x->type.dtype,
                           .rank = 2,
                           .dim = { n->type.dim[0], index_const(b->g->s->indices, 1) } };
    struct type whole = { .dtype = x->type.dtype, .rank = 2, .dim = { n->type.dim[0], x->type.dim[0] } };
    struct node *d = build_broadcast(b, iota_of(b, &column, 0), &whole);
    struct node *key = build_broadcast(b, x, &whole);
    struct node *inside =
        build2(b, "logical_and", build2(b, "less", key, d), build2(b, "greater_equal", key, build_const(b, &whole, 0)));
    const int64_t axis = 1;
    return build_sum(b, build_cast(b, inside, DT_I32), &axis, 1, false);
}

static void bucket_offsets_sample(struct sample *d)
{
    struct type indices = sample_type(d, sample_range(d, 0, 1) ? DT_I64 : DT_I32, 0, 2);
    const struct index *n = draw_index(d, sample_dim(d));
    sample_operand(d, 0, &indices, -2, (double)n->k + 1);
    d->attrs[0] = sample_attr_dims(d, 1, &n);
}

const struct op_def op_bucket_offsets = {
    .call = {
        .name = "bucket_offsets",
        .doc = "where each bucket begins, of indices sorted by destination",
        .about = { .shapes = "indices [I..] -> i32[n + 1]",
                   .formula = "y[d] = the number of i with 0 <= indices[i] < d",
                   .source = "Knuth, The Art of Computer Programming 3, section 5.2, distribution counting",
                   .gradient = "none: the indices are integers" },
        .operands = { { .name = "indices" } },
        .attrs = n_attr,
        .n_attrs = N_ATTRS(n_attr),
    },
    .class = CLS_INDEX,
    .exact = true,
    .type = { .infer = bucket_offsets_infer, .contract = bucket_offsets_contract },
    .reference = { .eval = bucket_offsets_eval, .bound = bound_exact },
    .kernel = { .expand = bucket_offsets_expand },
    .sample = bucket_offsets_sample,
};

/* ---- bucket_fill ---- */
/* Whatever the offsets are: slot k belongs to bucket d = the number of offsets, but the first, that are at most k, and
   holds its (k - offsets[d])-th index. */
static bool bucket_fill_infer(struct graph *g, struct node *n)
{
    if (!need_indices(g, n, 0) || !need_vector(g, n, 0) || !need_indices(g, n, 1) || !need_vector(g, n, 1))
        return false;
    if (n->in[1]->type.dim[0]->lo < 1)
        return infer_error(g, n, 1, "must provably have an element: one more than there are destinations");
    n->type = n->in[0]->type;
    n->type.dtype = DT_I32;
    return true;
}

static void bucket_fill_contract(struct contract *c)
{
    facts_set(c, -1, fmax(-1, (double)c->n->type.dim[0]->hi - 1), true, true);
    c->out->exact = true;
}

static int64_t slot_content(const struct ev *c, int64_t k)
{
    const NUM *offsets = c->in[1].v;
    int64_t n = c->in[1].count - 1;
    int64_t d = 0;
    for (int64_t j = 1; j <= n; j++)
        d += offsets[j].i <= k;
    int64_t skip = k - offsets[d].i;
    for (int64_t i = 0; i < c->in[0].count; i++) {
        int64_t key = c->in[0].v[i].i;
        bool mine = d < n ? key == d : key < 0 || key >= n;
        if (mine && skip-- == 0)
            return i;
    }
    return -1;
}

static void bucket_fill_eval(struct ev *c)
{
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t k = c->runs[r].lo; k < c->runs[r].hi; k++)
            n_store_i(c, k, slot_content(c, k));
}

static const struct index *zero(struct at *c) { return index_const(at_index(c), 0); }

static struct kmem *counter(struct at *c, const char *name, int64_t value)
{
    struct kmem *m = kernel_private(c->k->k, arena_printf(c->k->arena, "%s%zu", name, c->k->k->n_priv), DT_I64, 1);
    kstmt_store(c->k, m, NULL, zero(c), kexpr_i64(c->k, value), NULL);
    return m;
}

static const struct kexpr *read_counter(struct at *c, const struct kmem *m)
{
    return kexpr_load(c->k, m, NULL, zero(c), NULL, 0);
}

/* The bucket of slot k: a loop over the offsets. */
static const struct index *bucket_of_slot(struct at *c)
{
    struct index_table *t = at_index(c);
    struct kmem *d = counter(c, "bucket", 0);
    struct kstmt *loop = kstmt_for(c->k, "j", index_const(t, 1), c->n->in[1]->type.dim[0], 1, false);
    struct at_scope s = at_enter(c, loop);
    const struct kexpr *offset = kexpr_cast(c->k, DT_I64, c->value(c, 1, &loop->var));
    const struct kexpr *passed = kexpr_op2(c->k, K_LE, offset, kexpr_index(c->k, DT_I64, c->index[0]));
    kstmt_store(c->k, d, NULL, zero(c), kexpr_op2(c->k, K_ADD, read_counter(c, d), kexpr_cast(c->k, DT_I64, passed)),
                NULL);
    at_leave(c, s);
    return at_loaded(c, "bucket", read_counter(c, d));
}

/* A loop over the indices: those of the bucket count `skip` down, and the one that finds it at 0 is the result. */
static const struct kexpr *bucket_fill_at(struct at *c)
{
    struct index_table *t = at_index(c);
    const struct index *n = index_addk(t, c->n->in[1]->type.dim[0], -1);
    const struct index *d = bucket_of_slot(c);
    const struct index *first = index_min(t, d, n);
    struct kmem *skip = counter(c, "skip", 0);
    struct kmem *found = counter(c, "found", -1);
    kstmt_store(c->k, skip, NULL, zero(c),
                kexpr_op2(c->k, K_SUB, kexpr_index(c->k, DT_I64, c->index[0]),
                          kexpr_cast(c->k, DT_I64, c->value(c, 1, &first))),
                NULL);
    struct kstmt *loop = kstmt_for(c->k, "i", zero(c), c->n->in[0]->type.dim[0], 1, false);
    struct at_scope s = at_enter(c, loop);
    const struct index *key = at_loaded(c, "key", c->value(c, 0, &loop->var));
    const struct index *outside = index_const(t, -1);
    const struct kexpr *inside = kexpr_op2(c->k, K_AND, at_compare(c, K_GT, key, outside), at_compare(c, K_LT, key, n));
    const struct kexpr *mine = kexpr_op(c->k, K_SELECT, at_compare(c, K_LT, d, n), at_compare(c, K_EQ, key, d),
                                        kexpr_op1(c->k, K_NOT, inside));
    const struct kexpr *here = kexpr_op2(c->k, K_EQ, read_counter(c, skip), kexpr_i64(c->k, 0));
    kstmt_store(c->k, found, NULL, zero(c),
                kexpr_op(c->k, K_SELECT, kexpr_op2(c->k, K_AND, mine, here), kexpr_index(c->k, DT_I64, loop->var),
                         read_counter(c, found)),
                NULL);
    kstmt_store(c->k, skip, NULL, zero(c),
                kexpr_op2(c->k, K_SUB, read_counter(c, skip), kexpr_cast(c->k, DT_I64, mine)), NULL);
    at_leave(c, s);
    return kexpr_cast(c->k, DT_I32, read_counter(c, found));
}

static void bucket_fill_sample(struct sample *d)
{
    struct type indices = sample_type(d, sample_range(d, 0, 1) ? DT_I64 : DT_I32, 1, 1);
    struct type offsets = { .dtype = DT_I32, .rank = 1, .dim = { draw_index(d, sample_range(d, 1, 6)) } };
    int64_t n = sample_dim_of(&offsets, 0) - 1;
    sample_operand(d, 0, &indices, -1, (double)n);
    sample_operand(d, 1, &offsets, 0, (double)sample_dim_of(&indices, 0));
}

const struct op_def op_bucket_fill = {
    .call = {
        .name = "bucket_fill",
        .doc = "the positions of indices sorted by destination, given where each bucket begins",
        .about = { .shapes = "indices [M], offsets [n + 1] -> i32[M]",
                   .formula = "y[k] = the (k - offsets[d])-th i with indices[i] = d, d the last bucket that begins "
                              "at or before k; bucket n holds what is outside 0..n-1; -1 if there is none",
                   .source = "Knuth, The Art of Computer Programming 3, section 5.2, distribution counting",
                   .gradient = "none: the operands are integers" },
        .operands = { { .name = "indices" }, { .name = "offsets" } },
    },
    .class = CLS_INDEX,
    .exact = true,
    .type = { .infer = bucket_fill_infer, .contract = bucket_fill_contract },
    .reference = { .needs = everything, .eval = bucket_fill_eval, .bound = bound_exact },
    .kernel = { .at = bucket_fill_at },
    .sample = bucket_fill_sample,
};

/* ---- sort_by_bucket ---- */
static bool sort_by_bucket_infer(struct graph *g, struct node *n)
{
    if (!need_indices(g, n, 0) || !need_one_dim(g, n))
        return false;
    n->type = (struct type){ .dtype = DT_I32, .rank = 1, .dim = { elements(g, n, 0) } };
    return true;
}

static void sort_by_bucket_contract(struct contract *c)
{
    facts_set(c, 0, fmax(0, (double)c->n->type.dim[0]->hi - 1), true, true);
    c->out->exact = true;
}

static bool goes_to(int64_t key, int64_t d, int64_t n) { return d < n ? key == d : key < 0 || key >= n; }

static void sort_by_bucket_eval(struct ev *c)
{
    int64_t n = dims_eval(c->dims, n_of(c->n));
    int64_t m = c->in[0].count;
    int32_t *order = arena_array(c->s->run, int32_t, m + 1);
    int64_t at = 0;
    for (int64_t d = 0; d <= n; d++)
        for (int64_t i = 0; i < m; i++)
            if (goes_to(c->in[0].v[i].i, d, n))
                order[at++] = (int32_t)i;
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t k = c->runs[r].lo; k < c->runs[r].hi; k++)
            n_store_i(c, k, order[k]);
}

static struct node *sort_by_bucket_expand(struct builder *b, struct node *n)
{
    struct node *x = flattened(b, n->in[0]);
    return build2(b, "bucket_fill", x, build(b, "bucket_offsets", &x, 1, n->attrs));
}

const struct op_def op_sort_by_bucket = {
    .call = {
        .name = "sort_by_bucket",
        .doc = "the positions of indices, sorted by destination; equal ones keep their order",
        .about = { .shapes = "indices [I..] -> i32[M], M the number of indices",
                   .formula = "y = the permutation of 0..M-1 that sorts indices stably; those outside 0..n-1 are last",
                   .source = "Knuth, The Art of Computer Programming 3, section 5.2, distribution counting",
                   .gradient = "none: the indices are integers" },
        .operands = { { .name = "indices" } },
        .attrs = n_attr,
        .n_attrs = N_ATTRS(n_attr),
    },
    .class = CLS_INDEX,
    .exact = true,
    .type = { .infer = sort_by_bucket_infer, .contract = sort_by_bucket_contract },
    .reference = { .eval = sort_by_bucket_eval, .bound = bound_exact },
    .kernel = { .expand = sort_by_bucket_expand },
    .sample = bucket_offsets_sample,
};
