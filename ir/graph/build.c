#include <string.h>

#include "ir/ops/op.h"

struct builder build_at(struct graph *g, const struct node *like)
{
    return (struct builder){ .g = g, .loc = like->loc, .instance = like->instance, .keep_f32 = false };
}

static struct node *add(struct builder *b, const struct op_def *op, struct node *const *in, int n_in,
                        const struct attr *attrs)
{
    struct node *n = graph_add(b->g, op, in, n_in, attrs, b->loc);
    if (!n)
        return NULL;
    n->instance = b->instance;
    n->keep_f32 |= b->keep_f32;
    return n;
}

static const struct op_def *row(const char *name)
{
    const struct op_def *op = op_find(name);
    BUG_IF(!op, "no op named %s", name);
    return op;
}

static const struct index *one_of(const struct index *a, const struct index *b)
{
    return index_is_const(a) && a->k == 1 ? b : a;
}

/* Broadcasts `to` with `t`: [3, 1] and [4] -> [3, 4]. If two dims do not match, keeps the dim of `to`; the check of the
   op then reports the error. */
static void broaden(struct graph *g, struct type *to, const struct type *t)
{
    const struct index *one = index_const(g->s->indices, 1);
    struct type out = { .dtype = to->dtype, .rank = to->rank > t->rank ? to->rank : t->rank };
    for (int i = 1; i <= out.rank; i++)
        out.dim[out.rank - i] =
            one_of(i <= to->rank ? to->dim[to->rank - i] : one, i <= t->rank ? t->dim[t->rank - i] : one);
    *to = out;
}

static bool reaches(const struct type *from, const struct type *to)
{
    if (from->rank > to->rank)
        return false;
    for (int i = 1; i <= from->rank; i++) {
        const struct index *d = from->dim[from->rank - i];
        if (d != to->dim[to->rank - i] && !(index_is_const(d) && d->k == 1))
            return false;
    }
    return true;
}

bool build_align(struct builder *b, struct node **in, int n_in)
{
    if (n_in < 2)
        return true;
    struct type to = in[0]->type;
    for (int i = 1; i < n_in; i++)
        broaden(b->g, &to, &in[i]->type);
    for (int i = 0; i < n_in; i++) {
        to.dtype = in[i]->type.dtype;
        if (reaches(&in[i]->type, &to))
            in[i] = build_broadcast(b, in[i], &to);
        if (!in[i])
            return false;
    }
    return true;
}

struct node *build(struct builder *b, const char *op_name, struct node *const *in, int n_in, const struct attr *attrs)
{
    enum { MAX_POINTWISE = 8 };
    const struct op_def *op = row(op_name);
    struct node *aligned[MAX_POINTWISE];
    for (int i = 0; i < n_in; i++)
        if (!in[i])
            return NULL;
    if (op->class != CLS_POINTWISE || n_in > MAX_POINTWISE)
        return add(b, op, in, n_in, attrs);
    for (int i = 0; i < n_in; i++)
        aligned[i] = in[i];
    return build_align(b, aligned, n_in) ? add(b, op, aligned, n_in, attrs) : NULL;
}

struct node *build1(struct builder *b, const char *op, struct node *x) { return build(b, op, &x, 1, NULL); }
struct node *build2(struct builder *b, const char *op, struct node *x, struct node *y)
{
    return build(b, op, (struct node *[]){ x, y }, 2, NULL);
}
struct node *build3(struct builder *b, const char *op, struct node *x, struct node *y, struct node *z)
{
    return build(b, op, (struct node *[]){ x, y, z }, 3, NULL);
}

struct node *build_const(struct builder *b, const struct type *like, double value)
{
    const struct op_def *op = row("constant");
    struct attr attrs[MAX_ATTRS];
    op_defaults_of_type(op, like, attrs);
    attrs[op_attr(op, "value")].f = value;
    return add(b, op, NULL, 0, attrs);
}

static struct node *reshaped(struct builder *b, const char *op_name, struct node *x, const struct type *to)
{
    if (!x || type_same_shape(&x->type, to))
        return x;
    const struct op_def *op = row(op_name);
    struct attr attrs[MAX_ATTRS];
    op_defaults_of_type(op, to, attrs);
    return add(b, op, &x, 1, attrs);
}

struct node *build_broadcast(struct builder *b, struct node *x, const struct type *to)
{
    return reshaped(b, "broadcast", x, to);
}

struct node *build_reshape(struct builder *b, struct node *x, const struct type *to)
{
    return reshaped(b, "reshape", x, to);
}

struct node *build_scalar(struct builder *b, double value)
{
    return build_const(b, &(struct type){ .dtype = DT_FLOAT }, value);
}

static const int64_t *kept_ints(struct builder *b, const int64_t *ints, int n)
{
    int64_t *copy = arena_array(b->g->arena, int64_t, n + 1);
    memcpy(copy, ints, sizeof *ints * (size_t)n);
    return copy;
}

struct node *build_sum(struct builder *b, struct node *x, const int64_t *axes, int n, bool keepdim)
{
    if (n == 0)
        return x;
    return build(b, "sum", &x, 1, (struct attr[]){ { .n = n, .ints = kept_ints(b, axes, n) }, { .i = keepdim } });
}

struct node *build_reduce_to(struct builder *b, struct node *x, const struct type *to)
{
    int64_t axes[MAX_RANK];
    int n = 0;
    if (!x || type_same_shape(&x->type, to))
        return x;
    int added = x->type.rank - to->rank;
    for (int i = 0; i < x->type.rank; i++)
        if (i < added || x->type.dim[i] != to->dim[i - added])
            axes[n++] = i;
    return build_reshape(b, build_sum(b, x, axes, n, false), to);
}

struct node *build_transpose(struct builder *b, struct node *x, const int64_t *perm)
{
    if (!x)
        return NULL;
    int n = x->type.rank;
    return build(b, "transpose", &x, 1, (struct attr[]){ { .n = n, .ints = kept_ints(b, perm, n) } });
}

struct node *build_cast(struct builder *b, struct node *x, enum dtype to)
{
    return x && x->type.dtype != to ? build(b, "cast", &x, 1, (struct attr[]){ { .i = to } }) : x;
}

struct node *build_extent(struct builder *b, const struct type *t)
{
    const struct index **dims = arena_array(b->g->arena, const struct index *, t->rank + 1);
    memcpy(dims, t->dim, sizeof *dims * (size_t)t->rank);
    return build_cast(b, build(b, "extent", NULL, 0, (struct attr[]){ { .n = t->rank, .dims = dims } }), DT_FLOAT);
}
