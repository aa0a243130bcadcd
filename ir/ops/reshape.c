/* reshape: the same elements, in the same order, under another shape. */
#include "ir/ops/view.h"

#include <string.h>

/* ---- reshape ---- */
static const struct attr_def reshape_attrs[] = {
    { .name = "dims",
      .kind = ATTR_DIMS,
      .required = true,
      .doc = "the result's shape; one dim may be -1, and becomes what the others leave" },
};

/* Sets *out to a / b: divides the coefficients and removes b's atoms. Returns false if b does not divide a. */
static bool term_without(const struct index_term *a, const struct index_term *b, struct index_term *out)
{
    *out = (struct index_term){ .coef = a->coef / b->coef };
    int k = 0;
    for (int i = 0; i < a->n; i++) {
        if (k < b->n && a->atom[i] == b->atom[k])
            k++;
        else
            out->atom[out->n++] = a->atom[i];
    }
    return k == b->n && a->coef % b->coef == 0;
}

/* Returns a / b if b is a constant or a product that divides each term of a; else NULL. */
static const struct index *exact_quotient(struct index_table *t, const struct index *a, const struct index *b)
{
    struct index_term by = { .coef = b->k };
    if (b->kind != INDEX_SUM)
        by = (struct index_term){ .coef = 1, .n = 1, .atom = { b } };
    else if (b->n_terms)
        by = b->terms[0];
    if (by.coef <= 0 || (b->kind == INDEX_SUM && (b->n_terms > 1 || (b->n_terms && b->k))))
        return NULL;
    const struct index *q = index_const(t, 0);
    const struct index_term whole = { .coef = 1, .n = 1, .atom = { a } };
    const struct index_term *terms = a->kind == INDEX_SUM ? a->terms : &whole;
    const struct index_term rest = { .coef = a->k };
    int n = a->kind == INDEX_SUM ? a->n_terms : 1;
    for (int i = 0; i <= n; i++) {
        struct index_term left;
        if (i == n && !a->k)
            continue;
        if (!term_without(i < n ? &terms[i] : &rest, &by, &left))
            return NULL;
        const struct index *p = index_const(t, left.coef);
        for (int k = 0; k < left.n; k++)
            p = index_mul(t, p, left.atom[k]);
        q = index_add(t, q, p);
    }
    return q;
}

/* Returns the dimension that -1 stands for: x's elements divided by the other dimensions; NULL: there is none.
   Dimensions that x has too cancel first, so symbolic ones need no division: x [B, 12] to [-1, B, 4] gives 12 / 4. */
static const struct index *rest_of(struct index_table *t, const struct type *x, const struct attr *a, int at)
{
    const struct index *above = index_const(t, 1);
    const struct index *below = index_const(t, 1);
    bool cancelled[MAX_RANK] = { false };
    for (int i = 0; i < a->n; i++) {
        int k = 0;
        while (k < x->rank && (cancelled[k] || x->dim[k] != a->dims[i]))
            k++;
        if (i == at)
            continue;
        if (k < x->rank && !dim_is(a->dims[i], 0))
            cancelled[k] = true;
        else
            below = index_mul(t, below, a->dims[i]);
    }
    for (int k = 0; k < x->rank; k++)
        if (!cancelled[k])
            above = index_mul(t, above, x->dim[k]);
    return dim_is(below, 1) ? above : exact_quotient(t, above, below);
}

/* Replaces a -1 among the attribute's dimensions by the dimension that it stands for. */
static bool resolve_rest(struct graph *g, struct node *n)
{
    const struct attr *a = node_attr(n, 0);
    int at = -1;
    for (int i = 0; i < a->n; i++) {
        if (!dim_is(a->dims[i], -1))
            continue;
        if (at >= 0)
            return infer_error(g, n, -1, "only one dimension may be -1, but %d and %d are", at, i);
        at = i;
    }
    if (at < 0)
        return true;
    const struct index **dims = arena_array(g->arena, const struct index *, a->n);
    struct attr *by = arena_array(g->arena, struct attr, n->op->call.n_attrs);
    memcpy(dims, a->dims, sizeof *dims * (size_t)a->n);
    dims[at] = rest_of(g->s->indices, &n->in[0]->type, a, at);
    if (!dims[at]) {
        dims[at] = index_const(g->s->indices, -1);
        struct type asked = { .dtype = n->in[0]->type.dtype, .rank = a->n };
        memcpy(asked.dim, dims, sizeof *dims * (size_t)a->n);
        return infer_error(g, n, 0, "must divide evenly into %s", type_text(g->arena, &asked));
    }
    *by = (struct attr){ .n = a->n, .dims = dims };
    n->attrs = by;
    return true;
}

static bool reshape_infer(struct graph *g, struct node *n)
{
    const struct attr *a = node_attr(n, 0);
    if (a->n <= MAX_RANK && !resolve_rest(g, n))
        return false;
    a = node_attr(n, 0);
    set_type(n, n->in[0]->type.dtype, a->n, a->dims);
    if (type_misfit(g->s, &n->type))
        return true; /* graph_add reports the error */
    if (type_count(g->s, &n->type) == type_count(g->s, &n->in[0]->type))
        return true;
    return infer_error(g, n, 0, "must have as many elements as %s", type_text(g->arena, &n->type));
}

/* A reshape does not change flat indices. */
static void reshape_eval(struct ev *c)
{
    for (size_t r = 0; r < c->n_runs; r++) {
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            if (dtype_is_float(c->out.dtype))
                n_store(c, i, c->in[0].v[i]);
            else
                n_store_i(c, i, c->in[0].v[i].i);
        }
    }
}

static void reshape_bound(struct bd *b)
{
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = bd_err(b, 0, i);
}

/* Dims x0..x1-1 of the operand become dims y0..y1-1 of the result.
   Example: [2, 3, 5] -> [6, 5] has the two blocks [2, 3] -> [6] and [5] -> [5]. */
struct block {
    int x0, x1, y0, y1;
};

/* Returns the smallest block from x0 and y0 on whose operand dims and result dims have equal products. */
static struct block block_after(struct index_table *t, const struct type *x, int x0, const struct type *y, int y0)
{
    const struct index *py = index_const(t, 1);
    for (int y1 = y0; y1 <= y->rank; y1++) {
        const struct index *px = index_const(t, 1);
        for (int x1 = x0; x1 <= x->rank; x1++) {
            if (px == py && x1 + y1 > x0 + y0 && (x1 < x->rank) == (y1 < y->rank))
                return (struct block){ x0, x1, y0, y1 };
            if (x1 < x->rank)
                px = index_mul(t, px, x->dim[x1]);
        }
        if (y1 < y->rank)
            py = index_mul(t, py, y->dim[y1]);
    }
    return (struct block){ x0, x->rank, y0, y->rank };
}

static const struct kexpr *reshape_at(struct at *c)
{
    struct index_table *t = at_index(c);
    const struct type *x = &c->n->in[0]->type;
    const struct type *y = &c->n->type;
    const struct index *index[MAX_RANK];
    for (struct block b = { 0 }; b.x1 < x->rank || b.y1 < y->rank;) {
        b = block_after(t, x, b.x1, y, b.y1);
        const struct index *flat = index_const(t, 0);
        for (int d = b.y0; d < b.y1; d++)
            flat = index_add(t, index_mul(t, flat, y->dim[d]), dim_is(y->dim[d], 1) ? index_const(t, 0) : c->index[d]);
        for (int d = b.x1 - 1; d >= b.x0; d--) {
            bool empty = index_is_const(x->dim[d]) && x->dim[d]->k == 0; /* such an operand is never read */
            index[d] = empty ? flat : d == b.x0 ? flat : index_mod(t, flat, x->dim[d]);
            if (!empty && d > b.x0)
                flat = index_div(t, flat, x->dim[d]);
        }
    }
    return c->value(c, 0, index);
}

/* Sets *first and *last to the flat indices of b's first and last element within dims lo..hi-1 of sizes `dim`. */
static void box_range(const int64_t *dim, const struct box *b, int lo, int hi, int64_t *first, int64_t *last)
{
    *first = *last = 0;
    for (int d = lo; d < hi; d++) {
        *first = *first * dim[d] + b->lo[d];
        *last = *last * dim[d] + b->hi[d];
    }
}

/* Sets dims lo..hi-1 of b to the smallest box that holds the flat indices first..last. */
static void range_box(const int64_t *dim, struct box *b, int lo, int hi, int64_t first, int64_t last)
{
    int64_t stride = 1;
    for (int d = lo; d < hi; d++)
        stride *= dim[d];
    bool whole = false; /* true once an outer index varies; inner ones then take all values */
    for (int d = lo; d < hi; d++) {
        if (dim[d] == 0) {
            b->lo[d] = 0;
            b->hi[d] = -1;
            continue;
        }
        stride /= dim[d];
        b->lo[d] = whole ? 0 : first / stride;
        b->hi[d] = whole ? dim[d] - 1 : last / stride;
        whole |= b->lo[d] != b->hi[d];
        first %= stride;
        last %= stride;
    }
}

static void dims_at(const struct dim_values *v, const struct type *t, int64_t *dim)
{
    for (int d = 0; d < t->rank; d++)
        dim[d] = dims_eval(v, t->dim[d]);
}

static void reshape_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                          struct box *in)
{
    const struct type *tx = &n->in[operand]->type;
    const struct type *ty = &n->type;
    int64_t x[MAX_RANK], y[MAX_RANK], first, last;
    dims_at(dims, tx, x);
    dims_at(dims, ty, y);
    *in = (struct box){ .rank = tx->rank };
    for (int x0 = 0, y0 = 0; x0 < tx->rank || y0 < ty->rank;) {
        int x1 = x0;
        int y1 = y0;
        int64_t px = 1;
        int64_t py = 1;
        do {
            bool grow_x = x1 < tx->rank && (px <= py || y1 == ty->rank);
            if (grow_x)
                px *= x[x1++];
            else
                py *= y[y1++];
        } while ((px != py || px == 0) && (x1 < tx->rank || y1 < ty->rank));
        box_range(y, out, y0, y1, &first, &last);
        range_box(x, in, x0, x1, first, last);
        x0 = x1;
        y0 = y1;
    }
}

static void reshape_sample(struct sample *d)
{
    struct type t = sample_any(d, 0, 3);
    struct type r = { 0 };
    sample_source(d, 0, &t);
    if (t.rank == 3 && sample_range(d, 0, 1)) { /* [a, b, c] to [a·b, c] or [a, b·c] */
        int at = (int)sample_range(d, 0, 1);
        r.rank = 2;
        r.dim[at] = index_mul(d->s->indices, t.dim[at], t.dim[at + 1]);
        r.dim[1 - at] = t.dim[at ? 0 : 2];
    } else { /* the dims reversed, with a 1 inserted */
        r.rank = t.rank + 1;
        int one = (int)sample_range(d, 0, t.rank);
        for (int i = 0, k = t.rank; i < r.rank; i++)
            r.dim[i] = i == one ? draw_index(d, 1) : t.dim[--k];
    }
    d->attrs[0] = sample_attr_dims_of(d, &r);
}

static struct node *reshape_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    return build_reshape(b, gy, &n->in[operand]->type);
}

const struct op_def op_reshape = {
    .call = {
        .name = "reshape",
        .doc = "the same elements, row-major, in another shape",
        .about = { .shapes = "x [D0, D1, ..] -> dims, of as many elements",
                   .formula = "y[k] = x[k], k the row-major position",
                   .source = "NumPy, reshape",
                   .gradient = "x: gy in x's shape" },
        .operands = { { .name = "x" } },
        .attrs = reshape_attrs,
        .n_attrs = N_ATTRS(reshape_attrs),
    },
    .class = CLS_VIEW,
    .exact = true,
    .type = { .infer = reshape_infer },
    .reference = { .needs = reshape_needs, .eval = reshape_eval, .bound = reshape_bound },
    .kernel = { .at = reshape_at },
    .gradient = reshape_grad,
    .sample = reshape_sample,
};
