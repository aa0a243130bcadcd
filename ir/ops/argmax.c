/* argmax and argmin along one dimension: [3, 4] -> [3]. An empty row gives −1. */
#include "ir/ops/line.h"

static const struct attr_def arg_attrs[] = {
    { .name = "axis",
      .kind = ATTR_INT,
      .value = { .i = -1 },
      .doc = "the dimension that is searched, from the end if negative; the last one if not given" },
    { .name = "keepdim", .kind = ATTR_BOOL, .doc = "the searched dimension stays, as 1" },
};

static const struct index *length_of(const struct contract *c) { return c->n->in[0]->type.dim[op_axis(c->n)]; }

static void arg_sample(struct sample *d)
{
    static const enum dtype floats[] = { DT_FLOAT, DT_FLOAT, DT_F32, DT_F16 };
    struct type t = sample_type(d, floats[sample_range(d, 0, 3)], 1, 3);
    sample_operand(d, 0, &t, -4, 4);
    d->attrs[0] = sample_attr_int(sample_range(d, 0, 1) ? -1 : sample_range(d, -t.rank, t.rank - 1));
    d->attrs[1] = sample_attr_int(sample_range(d, 0, 1));
}

static bool arg_infer(struct graph *g, struct node *n)
{
    const struct type *x = &n->in[0]->type;
    const struct index *dims[MAX_RANK];
    int rank = 0;
    if (!need_axis_attr(g, n) || !need_float(g, n, 0))
        return false;
    int axis = op_axis(n);
    for (int i = 0; i < x->rank; i++)
        if (i != axis || node_attr(n, 1)->i)
            dims[rank++] = i == axis ? index_const(g->s->indices, 1) : x->dim[i];
    set_type(n, DT_I64, rank, dims);
    return true;
}

/* ---- eval ---- */
/* Returns the index of the first NaN, or else of the first largest (with `least`: smallest) element. */
static int64_t extremum_at(const struct ev *c, const struct line *l, bool least)
{
    int64_t best = l->n ? 0 : -1;
    const NUM *x = c->in[0].v + l->first;
    for (int64_t k = 1; k < l->n; k++) {
        NUM b = x[best * l->stride];
        NUM y = x[k * l->stride];
        if (n_is_nan(c, b))
            break;
        if (n_is_nan(c, y) || (least ? n_less(c, y, b) : n_less(c, b, y)))
            best = k;
    }
    return best;
}

static void no_row(void *ctx, const struct line *l, NUM *shared)
{
    (void)ctx;
    (void)l;
    (void)shared;
}

static void argmax_result(void *ctx, const struct line *l, int64_t i, int64_t k, const NUM *shared)
{
    (void)k;
    (void)shared;
    n_store_i(ctx, i, extremum_at(ctx, l, false));
}

static void argmin_result(void *ctx, const struct line *l, int64_t i, int64_t k, const NUM *shared)
{
    (void)k;
    (void)shared;
    n_store_i(ctx, i, extremum_at(ctx, l, true));
}

static void argmax_eval(struct ev *c) { each_line(c, &(struct line_fns){ no_row, argmax_result }, c); }
static void argmin_eval(struct ev *c) { each_line(c, &(struct line_fns){ no_row, argmin_result }, c); }

/* ---- bound ---- */
/* The ends of the interval x ± e, rounded outward. */
static double lower_end(double x, double e)
{
    return isnan(x) || e == INFINITY ? -INFINITY : e == 0 ? x : nextafter(x - e, -INFINITY);
}
static double upper_end(double x, double e)
{
    return isnan(x) || e == INFINITY ? INFINITY : e == 0 ? x : nextafter(x + e, INFINITY);
}

/* A row of n elements. With `least`, all elements are negated, so the largest is always sought. */
struct row {
    const struct bd *b;
    struct line l;
    int64_t n;
    bool least;
};

static double value_at(const struct row *r, int64_t k)
{
    double x = r->b->v.in[0].v[r->l.first + k * r->l.stride].d;
    return r->least ? -x : x;
}
static double error_at(const struct row *r, int64_t k) { return bd_operand(r->b, 0, r->l.first + k * r->l.stride); }

/* value: the largest lower end (x − e) in a row. first: the first index with this end.
   nan: the index of the first certain NaN, or n. */
struct floor {
    double value;
    int64_t first, nan;
};

static struct floor floor_of(const struct row *r)
{
    struct floor f = { -INFINITY, r->n, r->n };
    for (int64_t k = 0; k < r->n; k++) {
        double x = value_at(r, k);
        double e = error_at(r, k);
        if (isnan(x) && e < INFINITY && f.nan == r->n)
            f.nan = k;
        double lower = lower_end(x, e);
        if (f.first == r->n || lower > f.value) {
            f.value = lower;
            f.first = k;
        }
    }
    return f;
}

/* Returns the distance from the result y to the farthest index that may be right.
   With a certain NaN in the row, that NaN may be right, or an earlier element that may be a NaN.
   Otherwise an element may be right if its upper end reaches the largest lower end. */
static double arg_error(const struct row *r, int64_t y)
{
    struct floor f = floor_of(r);
    double out = 0;
    for (int64_t k = 0; k < r->n; k++) {
        double e = error_at(r, k);
        double upper = upper_end(value_at(r, k), e);
        bool candidate = f.nan < r->n ? k == f.nan || (e == INFINITY && k < f.nan)
                                      : e == INFINITY || upper > f.value || (upper == f.value && k <= f.first);
        if (candidate)
            out = fmax(out, fabs((double)(k - y)));
    }
    return out;
}

static void argmax_error(void *ctx, const struct line *l, int64_t i, int64_t k, const NUM *shared)
{
    struct bd *b = ctx;
    (void)k;
    (void)shared;
    b->e_out[i] = arg_error(&(struct row){ b, *l, l->n, false }, b->v.out.v[i].i);
}

static void argmin_error(void *ctx, const struct line *l, int64_t i, int64_t k, const NUM *shared)
{
    struct bd *b = ctx;
    (void)k;
    (void)shared;
    b->e_out[i] = arg_error(&(struct row){ b, *l, l->n, true }, b->v.out.v[i].i);
}

static void argmax_bound(struct bd *b) { each_line(&b->v, &(struct line_fns){ no_row, argmax_error }, b); }
static void argmin_bound(struct bd *b) { each_line(&b->v, &(struct line_fns){ no_row, argmin_error }, b); }

static void arg_contract(struct contract *c)
{
    const struct index *n = length_of(c);
    facts_set(c, n->lo > 0 ? 0 : -1, n->hi > 0 ? (double)n->hi - 1 : -1, true, true);
}

/* Builds "element j precedes element i". `more`: sj is larger than si (argmin: smaller). */
static const struct kexpr *arg_precedes(struct at *c, const struct kexpr *more, const struct kexpr *sj,
                                        const struct kexpr *j, const struct kexpr *si, const struct kexpr *i)
{
    struct kbuild *k = c->k;
    const struct kexpr *nan_j = kexpr_op2(k, K_NE, sj, sj);
    const struct kexpr *nan_i = kexpr_op2(k, K_NE, si, si);
    const struct kexpr *first = kexpr_op2(k, K_LT, j, i);
    more = kexpr_op2(k, K_OR, more, kexpr_op2(k, K_AND, nan_j, kexpr_op1(k, K_NOT, nan_i)));
    const struct kexpr *same = kexpr_op2(k, K_OR, kexpr_op2(k, K_EQ, sj, si), kexpr_op2(k, K_AND, nan_j, nan_i));
    return kexpr_op2(k, K_OR, more, kexpr_op2(k, K_AND, same, first));
}

static const struct kexpr *argmax_precedes(struct at *c, const struct kexpr *sj, const struct kexpr *j,
                                           const struct kexpr *si, const struct kexpr *i)
{
    return arg_precedes(c, kexpr_op2(c->k, K_GT, sj, si), sj, j, si, i);
}

static const struct kexpr *argmin_precedes(struct at *c, const struct kexpr *sj, const struct kexpr *j,
                                           const struct kexpr *si, const struct kexpr *i)
{
    return arg_precedes(c, kexpr_op2(c->k, K_LT, sj, si), sj, j, si, i);
}

const struct op_def op_argmax = {
    .call = {
        .name = "argmax",
        .doc = "index of the largest element along one dimension: the first on a tie; a NaN wins",
        .about = {
            .shapes = "x [3, 4], axis=0 -> i64 [4], or [1, 4] with keepdim",
            .formula = "the least i with x_i = max_j x_j, or the first NaN; -1 in an empty row",
            .gradient = "none: an integer",
        },
        .operands = { { .name = "x" } },
        .attrs = arg_attrs,
        .n_attrs = N_ATTRS(arg_attrs),
    },
    .class = CLS_SELECT,
    .exact = true,
    .type = { .infer = arg_infer, .contract = arg_contract },
    .reference = { .eval = argmax_eval, .bound = argmax_bound },
    .kernel = { .precedes = argmax_precedes },
    .sample = arg_sample,
};

const struct op_def op_argmin = {
    .call = {
        .name = "argmin",
        .doc = "index of the least element along one dimension: the first on a tie; a NaN wins",
        .about = {
            .shapes = "x [3, 4], axis=0 -> i64 [4], or [1, 4] with keepdim",
            .formula = "the least i with x_i = min_j x_j, or the first NaN; -1 in an empty row",
            .gradient = "none: an integer",
        },
        .operands = { { .name = "x" } },
        .attrs = arg_attrs,
        .n_attrs = N_ATTRS(arg_attrs),
    },
    .class = CLS_SELECT,
    .exact = true,
    .type = { .infer = arg_infer, .contract = arg_contract },
    .reference = { .eval = argmin_eval, .bound = argmin_bound },
    .kernel = { .precedes = argmin_precedes },
    .sample = arg_sample,
};
