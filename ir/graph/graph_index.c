/* x[a:b:s, …]: the tensor's items as at most one reverse, one slice and one reshape. As in Python, a negative index
   counts from the end, a negative step goes from the end to the front, and an integer drops its dimension. Unlike in
   Python, an index outside of its dimension is an error; counted from the end of a symbolic dimension, it stops at the
   dimension's end. */
#include "ir/graph/graph_unfold.h"

static const struct value poison;
enum { MAX_INDEX_TERMS = 24 };

/* What one item chooses from a dimension: `size` elements from `start` on, `step` apart, counted from the end if
   flipped. */
struct chosen {
    const struct index *start, *size;
    int64_t step;
    bool flipped, dropped;
};

/* The dimension that an item indexes, and that item. */
struct place {
    struct unfold *u;
    struct scope *sc;
    const struct index *dim;
    int number;
    const struct expr *item;
};

static struct index_table *indices(const struct place *p) { return p->u->s->indices; }

/* max(e, 0), or e if it is provably not negative. */
static const struct index *at_least_0(const struct place *p, const struct index *e)
{
    const struct index *zero = index_const(indices(p), 0);
    return index_nonnegative(indices(p), e) ? e : index_max(indices(p), e, zero);
}

static bool outside(const struct place *p, struct loc loc, const struct index *e, const struct index *dim)
{
    struct arena *a = p->u->step;
    bool known = index_is_const(e) && index_is_const(dim);
    return diag_error(p->u->s, FAIL_INPUT, loc, "index %s is %s dimension %d, which has %s elements", index_text(a, e),
                      known ? "outside of" : "not provably inside of", p->number, index_text(a, dim));
}

/* Evaluates an index. *from_end: it is a negative constant, which counts from the end. */
static bool index_expr(const struct place *p, const struct expr *e, const struct index **out, bool *from_end)
{
    struct value v = value_eval(p->u, p->sc, e);
    if (v.kind == VAL_POISON)
        return false;
    if (v.kind != VAL_INT && v.kind != VAL_DIM)
        return diag_error(p->u->s, FAIL_INPUT, e->loc, "an index is an integer or a dimension, but this is %s",
                          value_text(p->u, &v));
    if (!value_dim(p->u, v, "an index", out))
        return false;
    if ((*out)->n_terms > MAX_INDEX_TERMS || p->dim->n_terms > MAX_INDEX_TERMS)
        return diag_error(p->u->s, FAIL_INPUT, e->loc, "this index is too long as an expression");
    *from_end = index_is_const(*out) && (*out)->k < 0;
    return true;
}

/* dim + k, for k < 0; of a symbolic dimension at least 0, in the form that the range's length becomes simple. */
static const struct index *from_end_of(const struct place *p, const struct index *k, bool is_first)
{
    struct index_table *t = indices(p);
    if (index_is_const(p->dim))
        return index_add(t, p->dim, k);
    if (is_first)
        return index_sub(t, p->dim, index_min(t, p->dim, index_mulk(t, k, -1)));
    return at_least_0(p, index_add(t, p->dim, k));
}

/* An end of a range, as an index from 0 to dim. If the dimension is symbolic, an end may lie beyond it that was counted
   from its other end, and the first index of a range to the end. */
static bool range_end(const struct place *p, const struct expr *e, bool flipped, bool is_first,
                      const struct index **out)
{
    struct index_table *t = indices(p);
    bool from_end;
    if (!index_expr(p, e, out, &from_end))
        return false;
    const struct index *written = *out;
    if (from_end && flipped)
        *out = index_addk(t, index_mulk(t, written, -1), -1);
    else if (from_end)
        *out = from_end_of(p, written, is_first);
    else if (flipped)
        *out = index_addk(t, index_sub(t, p->dim, written), -1);
    bool beyond = !index_is_const(p->dim) && (is_first || flipped);
    bool inside = index_nonnegative(t, *out) && (beyond || index_nonnegative(t, index_sub(t, p->dim, *out)));
    return inside || outside(p, e->loc, written, p->dim);
}

static bool step_of(const struct place *p, const struct expr *e, int64_t *step)
{
    struct value v = value_eval(p->u, p->sc, e);
    if (v.kind == VAL_POISON || !value_int(p->u, v, "the step of an index", step))
        return false;
    if (*step == 0 || *step > INDEX_DIM_MAX || *step < -INDEX_DIM_MAX)
        return diag_error(p->u->s, FAIL_INPUT, e->loc, "the step of an index is from 1 to %lld, or negative, not %lld",
                          (long long)INDEX_DIM_MAX, (long long)*step);
    return true;
}

/* a:b:s. In the flipped dimension, the range goes upwards. Where a may lie beyond b, the start is b less the length, so
   that it is never beyond the dimension. */
static bool choose_range(const struct place *p, struct chosen *c)
{
    struct index_table *t = indices(p);
    const struct arg *range = p->item->args;
    const struct index *lo = index_const(t, 0);
    const struct index *hi = p->dim;
    if (range[2].value && !step_of(p, range[2].value, &c->step))
        return false;
    c->flipped = c->step < 0;
    c->step = c->flipped ? -c->step : c->step;
    if (range[0].value && !range_end(p, range[0].value, c->flipped, true, &lo))
        return false;
    if (range[1].value && !range_end(p, range[1].value, c->flipped, false, &hi))
        return false;
    if (!index_nonnegative(t, index_sub(t, p->dim, hi)))
        hi = index_min(t, hi, p->dim);
    const struct index *length = at_least_0(p, index_sub(t, hi, lo));
    c->start = index_sub(t, hi, length);
    c->size = index_ceil_div(t, length, index_const(t, c->step));
    return true;
}

static bool choose_one(const struct place *p, struct chosen *c)
{
    struct index_table *t = indices(p);
    bool from_end;
    if (!index_expr(p, p->item, &c->start, &from_end))
        return false;
    const struct index *written = c->start;
    c->start = from_end ? index_add(t, p->dim, written) : written;
    c->size = index_const(t, 1);
    c->dropped = true;
    const struct index *after = index_addk(t, index_sub(t, p->dim, c->start), -1);
    return (index_nonnegative(t, c->start) && index_nonnegative(t, after)) || outside(p, p->item->loc, written, p->dim);
}

/* The items of e, one for each dimension of x: an ellipsis stands for all that have none, as the end does. */
static bool items_of(struct unfold *u, const struct expr *e, const struct node *x, const struct expr **item)
{
    int n = (int)e->n - 1;
    int ellipsis = -1;
    for (int i = 0; i < n; i++) {
        if (e->args[i + 1].value->kind != EX_ELLIPSIS)
            continue;
        if (ellipsis >= 0)
            return diag_error(u->s, FAIL_INPUT, e->args[i + 1].value->loc, "only one ... may stand in an index");
        ellipsis = i;
    }
    int given = n - (ellipsis >= 0);
    if (given > x->type.rank)
        return diag_error(u->s, FAIL_INPUT, e->loc, "this has %d indices, but the tensor is %s", given,
                          type_text(u->step, &x->type));
    for (int i = 0; i < x->type.rank; i++)
        item[i] = NULL;
    for (int i = 0; i < n; i++) {
        bool after = ellipsis >= 0 && i > ellipsis;
        if (i != ellipsis)
            item[after ? x->type.rank - n + i : i] = e->args[i + 1].value;
    }
    return true;
}

static struct node *flipped_node(struct builder *b, struct node *x, const struct chosen *c)
{
    int64_t axes[MAX_RANK];
    int n = 0;
    for (int i = 0; i < x->type.rank; i++)
        if (c[i].flipped)
            axes[n++] = i;
    return n ? build(b, "reverse", &x, 1, (struct attr[]){ { .n = n, .ints = axes } }) : x;
}

static struct node *sliced_node(struct builder *b, struct node *x, const struct chosen *c)
{
    const struct index *start[MAX_RANK];
    const struct index *size[MAX_RANK];
    int64_t step[MAX_RANK];
    int rank = x ? x->type.rank : 0;
    bool steps = false;
    bool whole = true;
    for (int i = 0; i < rank; i++) {
        start[i] = c[i].start;
        size[i] = c[i].size;
        step[i] = c[i].step;
        steps |= step[i] != 1;
        whole &= size[i] == x->type.dim[i];
    }
    if (whole)
        return x;
    return build(b, "slice", &x, 1,
                 (struct attr[]){ { .n = rank, .dims = start },
                                  { .n = rank, .dims = size },
                                  { .n = steps ? rank : 0, .ints = step } });
}

static struct node *dropped_node(struct builder *b, struct node *x, const struct chosen *c)
{
    if (!x)
        return NULL;
    struct type to = { .dtype = x->type.dtype };
    for (int i = 0; i < x->type.rank; i++)
        if (!c[i].dropped)
            to.dim[to.rank++] = x->type.dim[i];
    return build_reshape(b, x, &to);
}

struct value index_value(struct unfold *u, struct scope *sc, const struct expr *e)
{
    struct value v = value_eval(u, sc, e->args[0].value);
    const struct expr *item[MAX_RANK];
    struct chosen c[MAX_RANK];
    bool good = true;
    if (v.kind == VAL_POISON || !unfold_step(u, e->loc))
        return poison;
    if (v.kind != VAL_NODE) {
        diag_error(u->s, FAIL_INPUT, e->loc, "only a tensor is indexed, but this is %s", value_text(u, &v));
        return poison;
    }
    if (!items_of(u, e, v.node, item))
        return poison;
    for (int i = 0; i < v.node->type.rank; i++) {
        struct place p = { u, sc, v.node->type.dim[i], i, item[i] };
        c[i] = (struct chosen){ .start = index_const(indices(&p), 0), .size = p.dim, .step = 1 };
        if (item[i])
            good &= item[i]->kind == EX_RANGE ? choose_range(&p, &c[i]) : choose_one(&p, &c[i]);
    }
    if (!good)
        return poison;
    struct builder b = { .g = u->g, .loc = e->loc, .instance = sc->instance };
    v.node = dropped_node(&b, sliced_node(&b, flipped_node(&b, v.node, c), c), c);
    return v.node ? v : poison;
}
