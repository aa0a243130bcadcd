#include "ir/ops/reduction.h"

#include "ir/ops/integer.h"

struct reduction reduction_of(const struct node *n)
{
    struct reduction d = { .keepdim = node_attr(n, op_attr(n->op, "keepdim"))->i };
    const struct attr *axes = node_attr(n, op_attr(n->op, "axis"));
    int rank = n->in[0]->type.rank;
    for (int i = 0; i < axes->n; i++)
        d.reduced[axes->ints[i] < 0 ? axes->ints[i] + rank : axes->ints[i]] = true;
    return d;
}

const struct index *reduction_length(struct session *s, const struct node *n)
{
    struct reduction d = reduction_of(n);
    const struct index *length = index_const(s->indices, 1);
    for (int i = 0; i < n->in[0]->type.rank; i++)
        if (d.reduced[i])
            length = index_mul(s->indices, length, n->in[0]->type.dim[i]);
    return length;
}

bool reduction_is_of_rows(const struct node *n)
{
    struct reduction d = reduction_of(n);
    for (int i = 0; i < n->in[0]->type.rank; i++)
        if (d.reduced[i] != (i + 1 == n->in[0]->type.rank))
            return false;
    return true;
}

struct reduce_shape reduction_shape(struct session *s, const struct node *n)
{
    struct index_table *t = s->indices;
    struct reduction d = reduction_of(n);
    const struct type *x = &n->in[0]->type;
    struct reduce_shape r = { index_const(t, 1), index_const(t, 1), reduction_length(s, n) };
    bool inside = true;
    for (int i = x->rank - 1; i >= 0; i--) {
        inside &= !d.reduced[i];
        if (inside)
            r.inner = index_mul(t, r.inner, x->dim[i]);
        else if (!d.reduced[i])
            r.outer = index_mul(t, r.outer, x->dim[i]);
    }
    return r;
}

/* ---- what the records share ---- */
static const int64_t last_axis[] = { -1 };
const struct attr_def reduce_attrs[N_REDUCE_ATTRS] = {
    { .name = "axis",
      .kind = ATTR_INTS,
      .value = { .n = 1, .ints = last_axis },
      .doc = "the dimensions that are reduced, from the end if negative; the last one if not given" },
    { .name = "keepdim", .kind = ATTR_BOOL, .doc = "a reduced dimension stays, as 1" },
};

bool reduce_shape_infer(struct graph *g, struct node *n, enum dtype to)
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

bool reduce_infer(struct graph *g, struct node *n)
{
    enum dtype t = n->in[0]->type.dtype;
    if (dtype_is_int(t))
        return reduce_shape_infer(g, n, t);
    return need_float(g, n, 0) && reduce_shape_infer(g, n, DT_FLOAT);
}

void reduce_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
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

void reduce_work(struct session *s, const struct node *n, struct work *w) { w->sum_length = reduction_length(s, n); }

void sample_reduction(struct sample *d, enum dtype dtype)
{
    struct type t = sample_type(d, dtype, 1, 4);
    double reach = dtype == DT_I32 ? 0x1p31 - 1 : dtype == DT_I64 ? 0x1.fffffffffffffp62 : 4;
    sample_operand(d, 0, &t, dtype == DT_BOOL ? 0 : -reach, dtype == DT_BOOL ? 1 : reach);
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

void reduce_sample(struct sample *d)
{
    static const enum dtype dtypes[] = { DT_FLOAT, DT_FLOAT, DT_FLOAT, DT_F32, DT_F16, DT_I32, DT_I64 };
    sample_reduction(d, dtypes[sample_range(d, 0, 6)]);
}

struct terms terms_of(const struct ev *c, int64_t i)
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

void terms_next(struct terms *t)
{
    for (int k = 0; k < t->rank; k++) {
        t->at += t->stride[k];
        if (++t->index[k] < t->dim[k])
            return;
        t->at -= t->stride[k] * t->dim[k];
        t->index[k] = 0;
    }
}

/* ---- sums ---- */
void summands_add(struct summands *t, double x, double e)
{
    t->n++;
    t->err += e;
    if (isnan(x) && e < INFINITY)
        t->nan = true;
    else if (isinf(x) && e < INFINITY)
        t->infinite = true;
    else
        t->mass += fabs(x);
}

double summands_error(const struct bd *b, const struct summands *t)
{
    if (t->nan)
        return 0;
    double e = bd_sum(b, t->mass, t->err, t->n);
    if (!(t->mass + e <= bd_max(b)))
        return INFINITY;
    return t->infinite ? 0 : e;
}

double int_sum_error(const struct bd *b, int64_t sum, double err)
{
    enum dtype dtype = b->v.out.dtype;
    double y = (double)sum;
    double e = err * (1 + 0x1p-40);
    if (e == 0 || e == INFINITY)
        return e;
    return y - e >= (double)int_least(dtype) && y + e < (double)int_most(dtype) ? e : int_farthest(dtype, sum);
}

void sum_facts(struct contract *c, double least, double most)
{
    const struct facts *x = fact(c, 0);
    double lo = times(x->lo, x->lo < 0 ? most : least);
    double hi = times(x->hi, x->hi > 0 ? most : least);
    if (dtype_is_int(c->n->type.dtype))
        int_facts(c, x->finite ? lo : -INFINITY, x->finite ? hi : INFINITY);
    else
        facts_set(c, facts_down(lo), facts_up(hi), x->finite && isfinite(lo) && isfinite(hi), x->integral);
}

struct node *over_terms(struct builder *b, struct node *n, struct node *value)
{
    const struct type *x = &n->in[0]->type;
    struct reduction d = reduction_of(n);
    struct type kept = { .dtype = value->type.dtype, .rank = x->rank };
    for (int i = 0; i < x->rank; i++)
        kept.dim[i] = d.reduced[i] ? index_const(b->g->s->indices, 1) : x->dim[i];
    return build_broadcast(b, build_reshape(b, value, &kept), x);
}
