/* max, min, any and all. any is the max of booleans, all is their min.
   Over no elements: max is −∞ or the least integer, min is ∞ or the greatest integer, any is false, all is true. */
#include "ir/ops/integer.h"
#include "ir/ops/reduction.h"

static const struct index *length_of(const struct contract *c) { return reduction_length(c->g->s, c->n); }

/* ---- eval ---- */
static NUM extremum_of(const struct ev *c, int64_t i, bool least)
{
    NUM best = least ? n_min_begin(c) : n_max_begin(c);
    struct terms t = terms_of(c, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t))
        best = least ? n_min_take(c, best, c->in[0].v[t.at]) : n_max_take(c, best, c->in[0].v[t.at]);
    return best;
}

static int64_t whole_extremum_of(const struct ev *c, int64_t i, bool least, int64_t first)
{
    int64_t best = first;
    struct terms t = terms_of(c, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t)) {
        int64_t x = c->in[0].v[t.at].i;
        if (least ? x < best : x > best)
            best = x;
    }
    return best;
}

/* `first`: the result over no elements, for integers and booleans. */
static void extremum_eval(struct ev *c, bool least, int64_t first)
{
    bool floats = dtype_is_float(c->out.dtype);
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            if (floats)
                n_store(c, i, extremum_of(c, i, least));
            else
                n_store_i(c, i, whole_extremum_of(c, i, least, first));
        }
}

static void max_eval(struct ev *c) { extremum_eval(c, false, int_least(c->out.dtype)); }
static void min_eval(struct ev *c) { extremum_eval(c, true, int_most(c->out.dtype)); }
static void any_eval(struct ev *c) { extremum_eval(c, false, 0); }
static void all_eval(struct ev *c) { extremum_eval(c, true, 1); }

/* ---- bound ---- */
/* Returns the largest e − |x − y|: how far an element's interval x ± e reaches beyond the result y. */
static double float_error(const struct bd *b, int64_t i)
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

static double int_error(const struct bd *b, int64_t i)
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

static void extremum_bound(struct bd *b)
{
    bool floats = dtype_is_float(b->v.out.dtype);
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = floats ? float_error(b, i) : int_error(b, i);
}

/* A certain element that decides the result (true for any, false for all) makes the error 0. */
static double bool_error(const struct bd *b, int64_t i, int64_t decisive)
{
    double e = 0;
    struct terms t = terms_of(&b->v, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t)) {
        bool sure = bd_err(b, 0, t.at) == 0;
        if (sure && b->v.in[0].v[t.at].i == decisive)
            return 0;
        if (!sure)
            e = 1;
    }
    return e;
}

static void bool_bound(struct bd *b, int64_t decisive)
{
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = bool_error(b, i, decisive);
}

static void any_bound(struct bd *b) { bool_bound(b, 1); }
static void all_bound(struct bd *b) { bool_bound(b, 0); }

/* ---- contract ---- */
static void extremum_contract(struct contract *c, bool least)
{
    const struct facts *x = fact(c, 0);
    bool some = length_of(c)->lo > 0;
    bool floats = dtype_is_float(c->n->type.dtype);
    bool known = some && (floats || x->finite);
    double lo = known || least ? x->lo : -INFINITY;
    double hi = known || !least ? x->hi : INFINITY;
    if (floats)
        facts_set(c, lo, hi, x->finite && some, x->integral && some);
    else
        int_facts(c, lo, hi);
}

static void max_contract(struct contract *c) { extremum_contract(c, false); }
static void min_contract(struct contract *c) { extremum_contract(c, true); }

/* ---- any, all: type and kernel ---- */
static bool bool_infer(struct graph *g, struct node *n)
{
    if (n->in[0]->type.dtype != DT_BOOL)
        return infer_error(g, n, 0, "must be a bool (a comparison makes one)");
    return reduce_shape_infer(g, n, DT_BOOL);
}

/* The total is 0 or 1. Over no elements, the total is the least i32 (any) or the greatest (all). */
static const struct kexpr *bool_finish(struct at *c, const struct kexpr *total, const struct index *n)
{
    (void)n;
    return kexpr_op2(c->k, K_GT, total, kexpr_i32(c->k, 0));
}

static void bool_sample(struct sample *d) { sample_reduction(d, DT_BOOL); }

/* ---- gradient ---- */
/* Moves the reduced dims of x to the end and merges them. *rows: the new shape, [kept dims.., terms].
   perm: the new order of x's dims. */
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

/* For each result, gy goes to one term: the first largest (or smallest), which the op `selection` finds. */
static struct node *extremum_grad(struct builder *b, struct node *n, struct node *gy, const char *selection)
{
    struct node *x = n->in[0];
    int64_t perm[MAX_RANK], back[MAX_RANK];
    struct type rows, turned = x->type;
    struct node *at = build1(b, selection, rows_of_terms(b, n, x, perm, &rows));
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

static struct node *max_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    return extremum_grad(b, n, gy, "argmax");
}

static struct node *min_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    return extremum_grad(b, n, gy, "argmin");
}

const struct op_def op_max = {
    .call = {
        .name = "max",
        .doc = "largest of the elements along the axes; a NaN wins",
        .about = {
            .shapes = "x [3, 4], axis=0 -> [4], or [1, 4] with keepdim",
            .formula = "y = max_i x_i; over no elements -inf, or the least integer",
            .gradient = "gy at the first of the largest in row-major order, 0 at the others; a NaN is the largest",
        },
        .operands = { { .name = "x" } },
        .attrs = reduce_attrs,
        .n_attrs = N_REDUCE_ATTRS,
    },
    .class = CLS_REDUCE,
    .exact = true,
    .type = { .infer = reduce_infer, .contract = max_contract },
    .reference = { .needs = reduce_needs, .work = reduce_work, .eval = max_eval, .bound = extremum_bound },
    .kernel = { .acc = KACC_MAX },
    .gradient = max_grad,
    .sample = reduce_sample,
};

const struct op_def op_min = {
    .call = {
        .name = "min",
        .doc = "least of the elements along the axes; a NaN wins",
        .about = {
            .shapes = "x [3, 4], axis=0 -> [4], or [1, 4] with keepdim",
            .formula = "y = min_i x_i; over no elements inf, or the greatest integer",
            .gradient = "gy at the first of the least in row-major order, 0 at the others; a NaN is the least",
        },
        .operands = { { .name = "x" } },
        .attrs = reduce_attrs,
        .n_attrs = N_REDUCE_ATTRS,
    },
    .class = CLS_REDUCE,
    .exact = true,
    .type = { .infer = reduce_infer, .contract = min_contract },
    .reference = { .needs = reduce_needs, .work = reduce_work, .eval = min_eval, .bound = extremum_bound },
    .kernel = { .acc = KACC_MIN },
    .gradient = min_grad,
    .sample = reduce_sample,
};

const struct op_def op_any = {
    .call = {
        .name = "any",
        .doc = "true if some element along the axes is true",
        .about = {
            .shapes = "x [3, 4], axis=0 -> [4], or [1, 4] with keepdim",
            .formula = "y = x_1 or x_2 or ...; over no elements false",
            .gradient = "none: the result is no float",
        },
        .operands = { { .name = "x" } },
        .attrs = reduce_attrs,
        .n_attrs = N_REDUCE_ATTRS,
    },
    .class = CLS_REDUCE,
    .exact = true,
    .type = { .infer = bool_infer },
    .reference = { .needs = reduce_needs, .work = reduce_work, .eval = any_eval, .bound = any_bound },
    .kernel = { .acc = KACC_MAX, .finish = bool_finish },
    .sample = bool_sample,
};

const struct op_def op_all = {
    .call = {
        .name = "all",
        .doc = "true if every element along the axes is true",
        .about = {
            .shapes = "x [3, 4], axis=0 -> [4], or [1, 4] with keepdim",
            .formula = "y = x_1 and x_2 and ...; over no elements true",
            .gradient = "none: the result is no float",
        },
        .operands = { { .name = "x" } },
        .attrs = reduce_attrs,
        .n_attrs = N_REDUCE_ATTRS,
    },
    .class = CLS_REDUCE,
    .exact = true,
    .type = { .infer = bool_infer },
    .reference = { .needs = reduce_needs, .work = reduce_work, .eval = all_eval, .bound = all_bound },
    .kernel = { .acc = KACC_MIN, .finish = bool_finish },
    .sample = bool_sample,
};
