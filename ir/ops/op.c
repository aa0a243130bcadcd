/* The defaults of an op's class for functions that the op's record lacks. Also `infer` functions that records share. */
#include "ir/ops/op.h"

#include <math.h>

#include "ir/ops/row.h"

enum { MAX_POINTWISE = 8 };

/* ---- eval ---- */
static void eval_pointwise(struct ev *c)
{
    NUM x[MAX_POINTWISE];
    bool is_float = dtype_is_float(c->out.dtype);
    BUG_IF(c->n_in > MAX_POINTWISE, "%s: %d operands", c->n->op->call.name, c->n_in);
    for (size_t r = 0; r < c->n_runs; r++) {
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            for (int k = 0; k < c->n_in; k++)
                x[k] = c->in[k].v[i];
            NUM y = c->n->op->reference.eval1(c, x);
            if (is_float)
                n_store(c, i, y);
            else
                n_store_i(c, i, y.i);
        }
    }
}

void op_eval(struct ev *c)
{
    const struct op_def *op = c->n->op;
    if (op->reference.eval)
        op->reference.eval(c);
    else if (op->class == CLS_POINTWISE && op->reference.eval1)
        eval_pointwise(c);
    else
        BUG("%s cannot be evaluated", op->call.name);
}

/* ---- bound ---- */
static void bound_pointwise(struct bd *b)
{
    const struct op_def *op = b->v.n->op;
    const struct ev *c = &b->v;
    NUM x[MAX_POINTWISE];
    double e[MAX_POINTWISE];
    for (size_t r = 0; r < c->n_runs; r++) {
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            for (int k = 0; k < c->n_in; k++) {
                x[k] = c->in[k].v[i];
                e[k] = bd_operand(b, k, i);
            }
            b->e_out[i] = op->reference.bound1(b, x, e, c->out.v[i]);
        }
    }
}

void op_bound(struct bd *b)
{
    const struct op_def *op = b->v.n->op;
    if (op->reference.bound)
        op->reference.bound(b);
    else if (op->class == CLS_POINTWISE && op->reference.bound1)
        bound_pointwise(b);
    else
        BUG("%s has no bound of its own", op->call.name);
}

/* ---- needs ---- */
static void whole(const struct type *t, const struct dim_values *dims, struct box *in)
{
    *in = (struct box){ .rank = t->rank };
    for (int i = 0; i < t->rank; i++)
        in->hi[i] = dims_eval(dims, t->dim[i]) - 1;
}

int op_axis(const struct node *n)
{
    int rank = n->in[0]->type.rank;
    int at = op_attr(n->op, "axis");
    if (at < 0)
        return rank - 1;
    const struct attr *a = node_attr(n, at);
    int64_t axis = n->op->call.attrs[at].kind == ATTR_INTS ? a->ints[0] : a->i;
    return (int)(axis < 0 ? axis + rank : axis);
}

/* Default: the same elements (pointwise), whole rows (reductions, scans, selections), or the whole operand. */
void op_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out, struct box *in)
{
    const struct op_def *op = n->op;
    const struct type *t = &n->in[operand]->type;
    if (op->reference.needs) {
        op->reference.needs(n, operand, dims, out, in);
        return;
    }
    whole(t, dims, in);
    if (op->class == CLS_POINTWISE)
        *in = *out;
    if (op->class == CLS_REDUCE || op->class == CLS_SCAN || (op->class == CLS_SELECT && out->rank >= t->rank - 1)) {
        int axis = op_axis(n);
        for (int i = 0; i < t->rank; i++) {
            int at = out->rank < t->rank ? i - (i > axis) : i;
            if (i == axis)
                continue;
            in->lo[i] = out->lo[at];
            in->hi[i] = out->hi[at];
        }
    }
}

/* ---- work ---- */
static const struct index *bytes_of(struct session *s, const struct node *n)
{
    enum dtype t = n->storage != DT_FLOAT ? n->storage : n->type.dtype;
    return index_mulk(s->indices, type_count(s, &n->type), t == DT_FLOAT ? 4 : dtype_size(t));
}

/* Default: no multiply-adds for views and sources, one for each element of a pointwise result.
   Other ops take one for each element of the first operand. */
void op_work(struct session *s, const struct node *n, struct work *w)
{
    const struct op_def *op = n->op;
    const struct type *along = op->class == CLS_POINTWISE || n->n_in == 0 ? &n->type : &n->in[0]->type;
    w->macs = op->class == CLS_VIEW || op->class == CLS_SOURCE ? index_const(s->indices, 0) : type_count(s, along);
    w->bytes = bytes_of(s, n);
    for (int i = 0; i < n->n_in; i++)
        w->bytes = index_add(s->indices, w->bytes, bytes_of(s, n->in[i]));
    w->sum_length = op->class == CLS_REDUCE ? type_last(s, along) : index_const(s->indices, 1);
    if (op->reference.work)
        op->reference.work(s, n, w);
}

/* ---- infer ---- */
bool infer_numbers(struct graph *g, struct node *n)
{
    enum dtype t = n->in[0]->type.dtype;
    if (t != DT_I32 && t != DT_I64)
        return infer_same(g, n);
    for (int i = 1; i < n->n_in; i++) {
        if (n->in[i]->type.dtype != t)
            return infer_error(g, n, i, "must be %s, as the first is (cast makes one)", dtype_name(t));
        if (!type_same_shape(&n->in[i]->type, &n->in[0]->type))
            return infer_error(g, n, i, "must have the shape of the first, which is %s",
                               type_text(g->arena, &n->in[0]->type));
    }
    n->type = n->in[0]->type;
    return true;
}

bool infer_same(struct graph *g, struct node *n)
{
    bool good = true;
    for (int i = 0; i < n->n_in; i++) {
        if (!dtype_is_float(n->in[i]->type.dtype))
            good = infer_error(g, n, i, "must be a float (cast makes one)");
        else
            good &= need_shape_of_first(g, n, i);
    }
    n->type = n->in[0]->type;
    n->type.dtype = DT_FLOAT;
    return good;
}

/* ---- stand-ins ---- */
bool op_stands_in(const struct node *n)
{
    const struct op_def *op = n->op;
    if (!dtype_is_float(n->type.dtype))
        return false;
    if (op->class == CLS_REDUCE)
        return op->kernel.finish != NULL;
    return (op->class == CLS_POINTWISE && !op->exact && !op->whole) ||
           (op->class == CLS_SOURCE && op_attr(op, "value") >= 0);
}

double op_stand_in_constant(double x) { return x < 0 ? floor(x) : ceil(x); }
