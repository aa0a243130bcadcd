/* sum, mean and max along one or more dimensions, which are removed ([3, 4] -> [3]) or become 1 with keepdim ([3, 4] ->
   [3, 1]). Over no elements, the sum is 0, the max −∞ or the least integer, the mean a NaN. */
#include "ir/ops/integer.h"
#include "ir/ops/reduction.h"

static const int64_t last_axis[] = { -1 };
static const struct attr_def reduce_attrs[] = {
    { .name = "axis",
      .kind = ATTR_INTS,
      .value = { .n = 1, .ints = last_axis },
      .doc = "the dimensions that are reduced, from the end if negative; the last one where it is not given" },
    { .name = "keepdim", .kind = ATTR_BOOL, .doc = "a reduced dimension stays, as 1" },
};

static bool reduce_shape_infer(struct graph *g, struct node *n, enum dtype to)
{
    const struct attr *axes = node_attr(n, 0);
    const struct type *x = &n->in[0]->type;
    bool reduced[MAX_RANK] = { false };
    if (x->rank < 1)
        return infer_error(g, n, 0, "must have at least 1 dimension");
    for (int i = 0; i < axes->n; i++) {
        int axis;
        if (!need_axis(g, n, axes->ints[i], x->rank, &axis))
            return false;
        if (reduced[axis])
            return infer_error(g, n, -1, "axis %d is named twice", axis);
        reduced[axis] = true;
    }
    if (!axes->n)
        return infer_error(g, n, -1, "axis must name at least one dimension");
    const struct index *dims[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < x->rank; i++) {
        if (reduced[i] && !node_attr(n, 1)->i)
            continue;
        dims[rank++] = reduced[i] ? index_const(g->s->indices, 1) : x->dim[i];
    }
    set_type(n, to, rank, dims);
    return true;
}

static bool reduce_infer(struct graph *g, struct node *n)
{
    enum dtype t = n->in[0]->type.dtype;
    if (dtype_is_int(t))
        return reduce_shape_infer(g, n, t);
    return need_float(g, n, 0) && reduce_shape_infer(g, n, DT_FLOAT);
}

static bool mean_infer(struct graph *g, struct node *n)
{
    return need_float(g, n, 0) && reduce_shape_infer(g, n, DT_FLOAT);
}

static void reduce_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                         struct box *in)
{
    struct reduction d = reduction_of(n);
    const struct type *x = &n->in[operand]->type;
    *in = (struct box){ .rank = x->rank };
    for (int i = 0, at = 0; i < x->rank; i++) {
        if (d.reduced[i]) {
            in->hi[i] = dims_eval(dims, x->dim[i]) - 1;
            at += d.keepdim;
            continue;
        }
        in->lo[i] = out->lo[at];
        in->hi[i] = out->hi[at++];
    }
}

static void reduce_work(struct session *s, const struct node *n, struct work *w)
{
    w->sum_length = reduction_length(s, n);
}

static const struct index *length_of(const struct contract *c) { return reduction_length(c->g->s, c->n); }

static void sample_reduction(struct sample *d, enum dtype dtype)
{
    struct type t = sample_type(d, dtype, 1, 4);
    double reach = dtype == DT_I32 ? 0x1p31 - 1 : dtype == DT_I64 ? 0x1.fffffffffffffp62 : 4;
    sample_operand(d, 0, &t, -reach, reach);
    int64_t axes[MAX_RANK];
    int n = 0;
    uint64_t set = (uint64_t)sample_range(d, 1, (1 << t.rank) - 1);
    for (int i = 0; i < t.rank; i++)
        if (set >> i & 1)
            axes[n++] = sample_range(d, 0, 1) ? i : i - t.rank;
    bool usual = sample_range(d, 0, 2) == 0;
    d->attrs[0] = usual ? sample_attr_ints(d, 1, last_axis) : sample_attr_ints(d, n, axes);
    d->attrs[1] = sample_attr_int(sample_range(d, 0, 1));
}

static void mean_sample(struct sample *d)
{
    static const enum dtype floats[] = { DT_FLOAT, DT_FLOAT, DT_F32, DT_F16 };
    sample_reduction(d, floats[sample_range(d, 0, 3)]);
}

static void reduce_sample(struct sample *d)
{
    static const enum dtype dtypes[] = { DT_FLOAT, DT_FLOAT, DT_FLOAT, DT_F32, DT_F16, DT_I32, DT_I64 };
    sample_reduction(d, dtypes[sample_range(d, 0, 6)]);
}

/* ---- the terms of one result ---- */
/* Visits, in row-major order, the n elements of the operand that one result reduces. `at`: the current flat index. */
struct terms {
    int rank;
    int64_t dim[MAX_RANK], stride[MAX_RANK], index[MAX_RANK];
    int64_t n, at;
};

static struct terms terms_of(const struct ev *c, int64_t i)
{
    struct reduction d = reduction_of(c->n);
    const struct view *x = &c->in[0];
    struct terms t = { .n = 1 };
    int64_t stride = 1;
    for (int k = x->rank - 1; k >= 0; k--) {
        if (d.reduced[k]) {
            t.n *= x->dim[k];
        } else {
            t.at += i % x->dim[k] * stride;
            i /= x->dim[k];
        }
        stride *= x->dim[k];
    }
    stride = 1;
    for (int k = x->rank - 1; k >= 0; k--) {
        if (d.reduced[k]) {
            t.dim[t.rank] = x->dim[k];
            t.stride[t.rank++] = stride;
        }
        stride *= x->dim[k];
    }
    return t;
}

static void terms_next(struct terms *t)
{
    for (int k = 0; k < t->rank; k++) {
        t->at += t->stride[k];
        if (++t->index[k] < t->dim[k])
            return;
        t->at -= t->stride[k] * t->dim[k];
        t->index[k] = 0;
    }
}

/* ---- sum, mean ---- */
static NUM sum_of(const struct ev *c, int64_t i, int64_t *n)
{
    struct n_sum sum = n_sum_begin(c);
    struct terms t = terms_of(c, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t))
        n_sum_add(&sum, c->in[0].v[t.at]);
    *n = t.n;
    return n_sum_end(&sum);
}

static int64_t int_sum_of(const struct ev *c, int64_t i)
{
    uint64_t sum = 0;
    struct terms t = terms_of(c, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t))
        sum += (uint64_t)c->in[0].v[t.at].i;
    return int_wrapped(c->out.dtype, sum);
}

static void sum_eval(struct ev *c)
{
    int64_t n;
    bool ints = dtype_is_int(c->out.dtype);
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            if (ints)
                n_store_i(c, i, int_sum_of(c, i));
            else
                n_store(c, i, sum_of(c, i, &n));
        }
}

static void mean_eval(struct ev *c)
{
    int64_t n;
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            NUM sum = sum_of(c, i, &n);
            n_store(c, i, n_div(c, sum, n_of_int(c, n)));
        }
}

/* A term that is certainly NaN or infinite decides the sum. The error is then 0, unless the other terms may
   overflow. */
static double sum_error(const struct bd *b, int64_t i, int64_t *n)
{
    double mass = 0;
    double err = 0;
    bool decided = false;
    struct terms t = terms_of(&b->v, i);
    *n = t.n;
    for (int64_t k = 0; k < t.n; k++, terms_next(&t)) {
        double x = fabs(b->v.in[0].v[t.at].d);
        double e = bd_operand(b, 0, t.at);
        if (isnan(x) && e < INFINITY)
            return 0;
        if (isinf(x) && e < INFINITY)
            decided = true;
        else
            mass += x;
        err += e;
    }
    double e = bd_sum(b, mass, err, t.n);
    if (!(mass + e <= bd_max(b)))
        return INFINITY;
    return decided ? 0 : e;
}

static double int_sum_error(const struct bd *b, int64_t i)
{
    enum dtype dtype = b->v.out.dtype;
    int64_t sum = b->v.out.v[i].i;
    double y = (double)sum;
    double e = 0;
    struct terms t = terms_of(&b->v, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t))
        e += bd_operand(b, 0, t.at);
    e *= 1 + 0x1p-40;
    if (e == 0 || e == INFINITY)
        return e;
    return y - e >= (double)int_least(dtype) && y + e < (double)int_most(dtype) ? e : int_farthest(dtype, sum);
}

static void sum_bound(struct bd *b)
{
    int64_t n;
    bool ints = dtype_is_int(b->v.out.dtype);
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = ints ? int_sum_error(b, i) : sum_error(b, i, &n);
}

/* The sum's error divided by n, plus the rounding of the division. Above 2^24, the conversion of n to f32 rounds
   too. */
static double mean_error(const struct bd *b, int64_t i)
{
    int64_t terms;
    double y = b->v.out.v[i].d;
    double e = sum_error(b, i, &terms);
    double n = (double)terms;
    e = n > 0 ? e / n : 0;
    if (n == 0 || e == INFINITY || !isfinite(y) || (y == 0 && e == 0))
        return e;
    if (n > 0x1p24)
        e += (fabs(y) + e) * 0x1p-23;
    return bd_done(b, y, e, bd_round(b, (fabs(y) + e) * (1 + 0x1p-50)));
}

static void mean_bound(struct bd *b)
{
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = mean_error(b, i);
}

static const struct kexpr *mean_finish(struct at *c, const struct kexpr *total, const struct index *n)
{
    return kexpr_op2(c->k, K_DIV, total, kexpr_cast(c->k, DT_F32, kexpr_index(c->k, DT_I64, n)));
}

static void sum_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct index *n = length_of(c);
    double least = (double)n->lo;
    double most = (double)n->hi;
    double lo = times(x->lo, x->lo < 0 ? most : least);
    double hi = times(x->hi, x->hi > 0 ? most : least);
    if (dtype_is_int(c->n->type.dtype)) {
        int_facts(c, x->finite ? lo : -INFINITY, x->finite ? hi : INFINITY);
        return;
    }
    facts_set(c, facts_down(lo), facts_up(hi), x->finite && isfinite(lo) && isfinite(hi), x->integral);
}

static void mean_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    facts_set(c, x->lo, x->hi, x->finite && length_of(c)->lo > 0, false);
}

/* Broadcasts one value for each result over that result's terms: for a sum [3, 4] -> [3], from [3] to [3, 4]. */
static struct node *over_terms(struct builder *b, struct node *n, struct node *value)
{
    const struct type *x = &n->in[0]->type;
    struct reduction d = reduction_of(n);
    struct type kept = { .dtype = value->type.dtype, .rank = x->rank };
    for (int i = 0; i < x->rank; i++)
        kept.dim[i] = d.reduced[i] ? index_const(b->g->s->indices, 1) : x->dim[i];
    return build_broadcast(b, build_reshape(b, value, &kept), x);
}

static struct node *sum_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    return over_terms(b, n, gy);
}

static struct node *terms_count(struct builder *b, struct node *n)
{
    const struct type *x = &n->in[0]->type;
    struct reduction d = reduction_of(n);
    struct type terms = { .rank = 0 };
    for (int i = 0; i < x->rank; i++)
        if (d.reduced[i])
            terms.dim[terms.rank++] = x->dim[i];
    return build_extent(b, &terms);
}

static struct node *mean_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    return over_terms(b, n, build2(b, "div", gy, terms_count(b, n)));
}

const struct op_def op_sum = {
    .call = {
        .name = "sum",
        .doc = "sum of the elements along the axes; integers wrap",
        .operands = { { .name = "x" } },
        .attrs = reduce_attrs,
        .n_attrs = N_ATTRS(reduce_attrs),
    },
    .class = CLS_REDUCE,
    .type = { .infer = reduce_infer, .contract = sum_contract },
    .reference = { .needs = reduce_needs, .work = reduce_work, .eval = sum_eval, .bound = sum_bound },
    .kernel = { .acc = KACC_SUM },
    .gradient = sum_grad,
    .sample = reduce_sample,
};

const struct op_def op_mean = {
    .call = {
        .name = "mean",
        .doc = "mean of the elements along the axes",
        .operands = { { .name = "x" } },
        .attrs = reduce_attrs,
        .n_attrs = N_ATTRS(reduce_attrs),
    },
    .class = CLS_REDUCE,
    .type = { .infer = mean_infer, .contract = mean_contract },
    .reference = { .needs = reduce_needs, .work = reduce_work, .eval = mean_eval, .bound = mean_bound },
    .kernel = { .acc = KACC_SUM, .finish = mean_finish },
    .gradient = mean_grad,
    .sample = mean_sample,
};

/* ---- max ---- */
static NUM max_of(const struct ev *c, int64_t i)
{
    NUM best = n_max_begin(c);
    struct terms t = terms_of(c, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t))
        best = n_max_take(c, best, c->in[0].v[t.at]);
    return best;
}

static int64_t int_max_of(const struct ev *c, int64_t i)
{
    int64_t best = int_least(c->out.dtype);
    struct terms t = terms_of(c, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t))
        best = c->in[0].v[t.at].i > best ? c->in[0].v[t.at].i : best;
    return best;
}

static void max_eval(struct ev *c)
{
    bool ints = dtype_is_int(c->out.dtype);
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            if (ints)
                n_store_i(c, i, int_max_of(c, i));
            else
                n_store(c, i, max_of(c, i));
        }
}

/* The largest distance by which the interval x ± e of an element reaches beyond the result y: e − |x − y|. */
static double max_error(const struct bd *b, int64_t i)
{
    double y = b->v.out.v[i].d;
    double out = 0;
    struct terms t = terms_of(&b->v, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t)) {
        double x = b->v.in[0].v[t.at].d;
        double e = bd_operand(b, 0, t.at);
        if (isnan(x) && e < INFINITY)
            return 0;
        double gap = x == y ? 0 : fabs(y - x) * (1 - 0x1p-50);
        out = fmax(out, e == INFINITY ? e : e - gap);
    }
    return out;
}

static double int_max_error(const struct bd *b, int64_t i)
{
    double out = 0;
    struct terms t = terms_of(&b->v, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t)) {
        double gap = int_gap(b->v.out.v[i].i, b->v.in[0].v[t.at].i) * (1 - 0x1p-50);
        double e = bd_operand(b, 0, t.at);
        out = fmax(out, e == INFINITY ? e : e - gap);
    }
    return out;
}

static void max_bound(struct bd *b)
{
    bool ints = dtype_is_int(b->v.out.dtype);
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = ints ? int_max_error(b, i) : max_error(b, i);
}

static void max_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    bool some = length_of(c)->lo > 0;
    if (dtype_is_int(c->n->type.dtype)) {
        int_facts(c, some && x->finite ? x->lo : -INFINITY, x->hi);
        return;
    }
    facts_set(c, some ? x->lo : -INFINITY, x->hi, x->finite && some, x->integral && some);
}

/* Moves the reduced dims of x last and merges them. The result has shape *rows, [kept dims.., terms]: one row for each
   result of the reduction. perm: the new order of x's dims. */
static struct node *rows_of_terms(struct builder *b, struct node *n, struct node *x, int64_t *perm, struct type *rows)
{
    struct index_table *t = b->g->s->indices;
    struct reduction d = reduction_of(n);
    const struct index *length = index_const(t, 1);
    int at = 0;
    *rows = (struct type){ .dtype = x->type.dtype };
    for (int i = 0; i < x->type.rank; i++)
        if (!d.reduced[i]) {
            rows->dim[rows->rank++] = x->type.dim[i];
            perm[at++] = i;
        }
    for (int i = 0; i < x->type.rank; i++)
        if (d.reduced[i]) {
            length = index_mul(t, length, x->type.dim[i]);
            perm[at++] = i;
        }
    rows->dim[rows->rank++] = length;
    return build_reshape(b, build_transpose(b, x, perm), rows);
}

/* gy goes to a single term of each result: the first of the largest, which argmax finds. */
static struct node *max_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[operand];
    int64_t perm[MAX_RANK], back[MAX_RANK];
    struct type rows, turned = x->type;
    struct node *at = build1(b, "argmax", rows_of_terms(b, n, x, perm, &rows));
    struct type column = rows;
    column.dim[column.rank - 1] = index_const(b->g->s->indices, 1);
    struct attr attrs[MAX_ATTRS];
    const struct op_def *iota = op_find("iota");
    struct type numbers = rows;
    numbers.dtype = DT_I64;
    op_defaults_of_type(iota, &numbers, attrs);
    struct node *chosen = build2(b, "equal", build(b, "iota", NULL, 0, attrs), build_reshape(b, at, &column));
    struct node *g = build_broadcast(b, build_reshape(b, gy, &column), &rows);
    g = build3(b, "select", chosen, g, build_const(b, &g->type, 0));
    for (int i = 0; i < x->type.rank; i++) {
        turned.dim[i] = x->type.dim[perm[i]];
        back[perm[i]] = i;
    }
    return build_transpose(b, build_reshape(b, g, &turned), back);
}

const struct op_def op_max = {
    .call = {
        .name = "max",
        .doc = "largest of the elements along the axes; a NaN wins",
        .operands = { { .name = "x" } },
        .attrs = reduce_attrs,
        .n_attrs = N_ATTRS(reduce_attrs),
    },
    .class = CLS_REDUCE,
    .exact = true,
    .type = { .infer = reduce_infer, .contract = max_contract },
    .reference = { .needs = reduce_needs, .work = reduce_work, .eval = max_eval, .bound = max_bound },
    .kernel = { .acc = KACC_MAX },
    .gradient = max_grad,
    .sample = reduce_sample,
};
