/* prod: the product along one or more dimensions; 1 over no elements. */
#include "ir/ops/integer.h"
#include "ir/ops/reduction.h"

/* ---- eval ---- */
static NUM product_of(const struct ev *c, int64_t i)
{
    NUM y = n_const(c, 1);
    bool rounds = c->kind == NUM_DOUBLE && c->acc != DT_F64;
    struct terms t = terms_of(c, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t)) {
        y = k ? n_mul(c, y, c->in[0].v[t.at]) : c->in[0].v[t.at];
        if (k && rounds)
            y.d = dtype_round(c->acc, y.d);
    }
    return y;
}

static int64_t int_product_of(const struct ev *c, int64_t i)
{
    int64_t y = 1;
    struct terms t = terms_of(c, i);
    for (int64_t k = 0; k < t.n; k++, terms_next(&t))
        y = int_value(INT_MUL, c->out.dtype, y, c->in[0].v[t.at].i);
    return y;
}

static void prod_eval(struct ev *c)
{
    bool ints = dtype_is_int(c->out.dtype);
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            if (ints)
                n_store_i(c, i, int_product_of(c, i));
            else
                n_store(c, i, product_of(c, i));
        }
}

/* ---- bound ---- */
/* Bounds on the product of terms x ± e, and on products of some of the terms. */
struct reach {
    double size;  /* Π |x| */
    double moved; /* Π (|x| + e) − Π |x|, by the recurrence moved·(|x| + e) + size·e, which does not cancel */
    double most;  /* Π max(1, |x| + e): no product of some terms is larger */
    double least; /* Π min(1, |x| − e) without zeros: no nonzero product of some terms is smaller */
    int64_t n;
    bool zero, infinite, nan, open;
};

static struct reach reach_of(const struct bd *b, int64_t i)
{
    struct reach r = { .size = 1, .most = 1, .least = 1 };
    bool ints = dtype_is_int(b->v.out.dtype);
    struct terms t = terms_of(&b->v, i);
    r.n = t.n;
    for (int64_t k = 0; k < t.n; k++, terms_next(&t)) {
        double x = ints ? (double)b->v.in[0].v[t.at].i : b->v.in[0].v[t.at].d;
        double e = bd_operand(b, 0, t.at);
        x = fabs(x);
        if (e == INFINITY) {
            r.open = true;
        } else if (isnan(x)) {
            r.nan = true;
        } else if (isinf(x)) {
            r.infinite = true;
        } else if (x == 0 && e == 0) {
            r.zero = true;
        } else {
            r.moved = times(r.moved, x + e) + times(r.size, e);
            r.size = times(r.size, x);
            r.most *= fmax(1, x + e);
            r.least *= fmin(1, fmax(0, x - e));
        }
    }
    return r;
}

/* A product of n terms has n − 1 roundings in any order: γ_{n−1}·Π(|x| + e) (Higham, section 3.1).
   This counts twice, for the kernel and for the reference.
   A subnormal may also be off by half the smallest subnormal. Later terms enlarge this at most by `most`. */
static double product_error(const struct bd *b, int64_t i)
{
    struct reach r = reach_of(b, i);
    double slack = 1 + ((double)r.n + 4) * 0x1p-50;
    bool narrow = b->u > 0x1p-53 || b->v.acc != DT_F64;
    double normal = narrow ? 0x1p-126 : 0x1p-1022;
    bool underflows = r.least < normal * slack;
    if (r.nan)
        return 0;
    if (r.open || !(r.most * slack <= bd_max(b)))
        return INFINITY;
    if (r.infinite)
        return r.zero || !underflows ? 0 : INFINITY;
    if (r.zero)
        return 0;
    double steps = r.n > 0 ? (double)r.n - 1 : 0;
    double size = r.size + r.moved;
    double own = (bd_gamma(steps, fmax(b->u, dtype_unit(b->v.acc))) + bd_gamma(steps, 0x1p-53)) * size;
    if (underflows)
        own += steps * (dtype_half_ulp(b->v.acc, 0) + (narrow ? 0x1p-150 : 0x1p-1074)) * r.most;
    return (r.moved + own) * slack;
}

static double int_product_error(const struct bd *b, int64_t i)
{
    struct reach r = reach_of(b, i);
    int64_t y = b->v.out.v[i].i;
    double e = r.zero ? 0 : r.moved * (1 + ((double)r.n + 4) * 0x1p-50);
    bool fits = !r.open && r.size + e < (double)int_most(b->v.out.dtype) * (1 - 0x1p-40);
    return !r.open && (r.zero || r.moved == 0) ? 0 : fits ? e : int_farthest(b->v.out.dtype, y);
}

static void prod_bound(struct bd *b)
{
    bool ints = dtype_is_int(b->v.out.dtype);
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = ints ? int_product_error(b, i) : product_error(b, i);
}

/* ---- contract ---- */
/* The largest and the smallest x^k, for k in the range of n. Requires x >= 0. */
static double largest_power(double x, const struct index *n) { return pow(x, x <= 1 ? (double)n->lo : (double)n->hi); }
static double smallest_power(double x, const struct index *n) { return pow(x, x <= 1 ? (double)n->hi : (double)n->lo); }

static void prod_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct index *n = reduction_length(c->g->s, c->n);
    double hi = largest_power(fmax(fabs(x->lo), fabs(x->hi)), n) * (1 + 0x1p-20);
    double lo = x->lo >= 0 ? smallest_power(x->lo, n) * (1 - 0x1p-20) : -hi;
    if (dtype_is_int(c->n->type.dtype)) {
        int_facts(c, x->finite ? floor(lo) : -INFINITY, x->finite ? ceil(hi) : INFINITY);
        return;
    }
    /* The margins above cover few roundings only. */
    bool tight = n->hi < 1 << 3;
    bool small = hi < dtype_table[DT_F32].max;
    facts_set(c,
              tight        ? lo
              : x->lo >= 0 ? 0
                           : -INFINITY,
              tight ? hi : INFINITY, x->finite && small && tight, x->integral && tight);
}

/* ---- gradient ---- */
/* Each term gets gy times the product of the other terms. Without zeros, this is gy·y / x.
   With one zero, only the zero gets a gradient. With several zeros, no term does. safe: x with zeros replaced by 1. */
static struct node *prod_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[operand];
    struct node *one = build_scalar(b, 1);
    struct node *none = build_scalar(b, 0);
    struct node *is_zero = build2(b, "equal", x, none);
    struct node *safe = build3(b, "select", is_zero, one, x);
    struct node *zeros = build3(b, "select", is_zero, one, none);
    struct node *others = build2(b, "div", over_terms(b, n, build(b, "prod", &safe, 1, n->attrs)), safe);
    struct node *alone = build2(b, "equal", over_terms(b, n, build(b, "sum", &zeros, 1, n->attrs)), zeros);
    return build3(b, "select", alone, build2(b, "mul", over_terms(b, n, gy), others), none);
}

/* In long products, magnitudes are near 1, so that the product neither overflows nor vanishes. */
static void prod_sample(struct sample *d)
{
    reduce_sample(d);
    struct type *x = &d->in[0];
    double n = 1;
    for (int i = 0; i < x->rank; i++)
        n *= fmax(1, (double)sample_dim_of(x, i));
    if (!dtype_is_float(x->dtype))
        return;
    double reach = fmin(4, 1 + 8 / n);
    d->hi[0] = dtype_round(DT_F16, reach);
    d->lo[0] = n > 8 ? 1 : -reach;
}

const struct op_def op_prod = {
    .call = {
        .name = "prod",
        .doc = "product of the elements along the axes; integers wrap",
        .about = {
            .shapes = "x [3, 4], axis=0 -> [4], or [1, 4] with keepdim",
            .formula = "y = x_1 * x_2 * ...; over no elements 1",
            .gradient = "gy times the product of the other terms, also where some are 0. The second "
                        "derivative is right only where no term is 0",
        },
        .operands = { { .name = "x" } },
        .attrs = reduce_attrs,
        .n_attrs = N_REDUCE_ATTRS,
    },
    .class = CLS_REDUCE,
    .type = { .infer = reduce_infer, .contract = prod_contract },
    .reference = { .needs = reduce_needs, .work = reduce_work, .eval = prod_eval, .bound = prod_bound },
    .kernel = { .acc = KACC_PROD },
    .gradient = prod_grad,
    .sample = prod_sample,
};
