/* Routing of rows to experts: scores to integers and back (ir/route/certify.h), and the weighted sum over the chosen
   experts. The experts are chosen in ir/ops/topk.c. */
#include <math.h>

#include "ir/route/certify.h"
#include "ir/ops/row.h"

/* ---- padic_encode, padic_decode ---- */
static const struct attr_def padic_attrs[] = {
    { "p", ATTR_INT, false, { .i = 2 }, "a prime" },
    { "n", ATTR_INT, false, { .i = 16 }, "the ring is Z/p^n" },
    { "s", ATTR_INT, false, { .i = 1024 }, "steps per unit, a power of two" },
};

static struct padic padic_of(const struct node *n)
{
    struct padic a;
    const char *why;
    BUG_IF(!padic_make(node_attr(n, 0)->i, node_attr(n, 1)->i, node_attr(n, 2)->i, &a, &why), "%s without %s",
           n->op->call.name, why);
    return a;
}

static bool padic_infer(struct graph *g, struct node *n, enum dtype to)
{
    struct padic a;
    const char *why;
    long long p = node_attr(n, 0)->i;
    long long e = node_attr(n, 1)->i;
    long long s = node_attr(n, 2)->i;
    n->type = n->in[0]->type;
    n->type.dtype = to;
    return padic_make(p, e, s, &a, &why) ||
           infer_error(g, n, -1, "p = %lld, n = %lld, s = %lld: needs %s", p, e, s, why);
}

static void padic_needs_ring(struct contract *c)
{
    contract_need_attr(c, true, "p prime, p^n <= 2^63, s a power of two");
}

static bool padic_encode_infer(struct graph *g, struct node *n)
{
    return need_float(g, n, 0) && padic_infer(g, n, DT_I64);
}

/* A NaN becomes the least i64. The range covers neither of them. */
static void padic_encode_contract(struct contract *c)
{
    struct padic a = padic_of(c->n);
    const struct facts *z = fact(c, 0);
    padic_needs_ring(c);
    double lo = isfinite(z->lo) ? (double)padic_encode(&a, z->lo) : -(double)a.limit;
    double hi = isfinite(z->hi) ? (double)padic_encode(&a, z->hi) : (double)a.limit;
    /* Beyond 2⁵³ the conversion to double rounds, so the ends move outward. */
    if (fabs(lo) > 0x1p53)
        lo = nextafter(lo, -INFINITY);
    if (fabs(hi) > 0x1p53)
        hi = nextafter(hi, INFINITY);
    facts_set(c, lo, hi, z->finite, true);
}

/* The integer is clamped to ±L, L = a->limit. If L is exact in double, the double is clamped before the conversion.
   Otherwise the double is clamped to ±2⁶², and the integer to ±L. */
static bool limit_is_double(const struct padic *a) { return a->limit <= INT64_C(1) << 53; }
static double clamp_of(const struct padic *a) { return limit_is_double(a) ? (double)a->limit : 0x1p62; }

/* Over the finite field (NUM_FIELD), hashes replace the rounding, the clamps and the cast, here and in kernels. The
   result may exceed ±L, which decode accepts. */
static NUM padic_encode_eval1(const struct ev *c, const NUM *z)
{
    struct padic a = padic_of(c->n);
    if (c->kind == NUM_DOUBLE)
        return (NUM){ .i = padic_encode(&a, z->d) };
    NUM t = n_rint(c, n_mul(c, *z, n_const(c, (double)a.s)));
    t = n_min(c, n_max(c, t, n_const(c, -clamp_of(&a))), n_const(c, clamp_of(&a)));
    return (NUM){ .i = n_to_int(c, DT_I64, t) };
}

static double distance(int64_t x, int64_t y)
{
    uint64_t d = x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x;
    return d > UINT64_C(1) << 53 ? nextafter((double)d, INFINITY) : (double)d;
}

/* encode is nondecreasing, so the result farthest from y is at z − e or z + e. */
static double padic_encode_bound1(const struct bd *b, const NUM *z, const double *e, NUM y)
{
    struct padic a = padic_of(b->v.n);
    if (isnan(z->d))
        return e[0] < INFINITY ? 0 : INFINITY;
    if (e[0] == INFINITY)
        return INFINITY;
    return fmax(distance(padic_encode(&a, round_up(z->d, e[0])), y.i),
                distance(y.i, padic_encode(&a, round_down(z->d, e[0]))));
}

static const struct kexpr *padic_encode_at(struct at *c)
{
    struct padic a = padic_of(c->n);
    struct kbuild *k = c->k;
    const struct kexpr *z = kexpr_cast(k, DT_F64, at_plain(c, 0));
    const struct kexpr *nan = kexpr_op2(k, K_NE, z, z);
    const struct kexpr *t = kexpr_op1(
        k, K_RINT, kexpr_op2(k, K_MUL, kexpr_op(k, K_SELECT, nan, kexpr_f64(k, 0), z), kexpr_f64(k, (double)a.s)));
    t = kexpr_op2(k, K_MIN, kexpr_op2(k, K_MAX, t, kexpr_f64(k, -clamp_of(&a))), kexpr_f64(k, clamp_of(&a)));
    const struct kexpr *q = kexpr_cast(k, DT_I64, t);
    if (!limit_is_double(&a))
        q = kexpr_op2(k, K_MIN, kexpr_op2(k, K_MAX, q, kexpr_i64(k, -a.limit)), kexpr_i64(k, a.limit));
    return kexpr_op(k, K_SELECT, nan, kexpr_i64(k, PADIC_NONE), q);
}

static void padic_sample_ring(struct sample *d, int64_t *top)
{
    static const struct {
        int64_t p, n, s;
    } rings[] = {
        { 2, 16, 1024 }, { 2, 63, 1024 }, { 3, 5, 16 }, { 7, 2, 1 }, { 2, 1, 8 }, { 5, 27, INT64_C(1) << 40 }
    };
    int64_t i = sample_range(d, 0, 5);
    int64_t s = rings[i].s;
    *top = (int64_t)fmin(pow((double)rings[i].p, (double)rings[i].n) / 2, 0x1p40);
    d->attrs[0] = sample_attr_int(rings[i].p);
    d->attrs[1] = sample_attr_int(rings[i].n);
    d->attrs[2] = sample_attr_int(s);
}

static void padic_encode_sample(struct sample *d)
{
    int64_t top;
    sample_same(d, 1, -40, 40);
    padic_sample_ring(d, &top);
}

/* The largest z that padic_encode does not clamp: round-half-even(s·z) <= L, with L = a->limit. Division by s is exact.
   From 2⁵² on every double is an integer. */
static double largest_unclamped(const struct padic *a)
{
    double top = (double)a->limit;
    if ((int64_t)top > a->limit)
        top = nextafter(top, 0);
    if (top >= 0x1p52)
        return top / (double)a->s;
    double half = top + 0.5;
    return (rint(half) <= top ? half : nextafter(half, 0)) / (double)a->s;
}

/* A straight-through gradient: dq/dz = s, or 0 where z is clamped. A NaN counts as not clamped. */
static struct node *padic_encode_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct padic a = padic_of(n);
    struct node *z = n->in[operand];
    struct type scalar = { .dtype = DT_F64 };
    struct node *most = build_const(b, &scalar, largest_unclamped(&a));
    struct node *clamped = build2(b, "greater", build1(b, "abs", z), most);
    struct node *g = build2(b, "mul", gy, build_scalar(b, (double)a.s));
    return build3(b, "select", clamped, build_const(b, &g->type, 0), g);
}

const struct op_def op_padic_encode = {
    .call = {
        .name = "padic_encode",
        .doc = "round-half-even(s·z), clamped to ±⌊(p^n − 1)/2⌋, as i64: fixed-point residues of Z/p^n; a NaN is the "
               "least i64",
        .about = {
            .shapes = "z [..] -> i64 [..]",
            .formula = "min(max(round(s * z), -L), L), L = floor((p^n - 1) / 2)",
            .gradient = "straight through: gy * s, 0 where z is clamped; gy * s at a NaN",
        },
        .operands = { { .name = "z", .keep_f32 = true } },
        .attrs = padic_attrs,
        .n_attrs = N_ATTRS(padic_attrs),
    },
    .class = CLS_POINTWISE,
    .exact = true,
    .type = { .infer = padic_encode_infer, .contract = padic_encode_contract },
    .reference = { .eval1 = padic_encode_eval1, .bound1 = padic_encode_bound1 },
    .kernel = { .at = padic_encode_at },
    .gradient = padic_encode_grad,
    .sample = padic_encode_sample,
};

static bool padic_decode_infer(struct graph *g, struct node *n)
{
    if (n->in[0]->type.dtype != DT_I64)
        return infer_error(g, n, 0, "must be i64 residues");
    return padic_infer(g, n, DT_FLOAT);
}

/* The balanced representative of a residue lies in −(pⁿ − 1 − L)..L, where L = ⌊(pⁿ − 1)/2⌋. */
static double least_of(const struct padic *a) { return -(double)(a->top - a->limit); }
static bool is_balanced(const struct padic *a, const struct facts *q)
{
    return q->lo >= least_of(a) && q->hi <= (double)a->limit;
}

static void padic_decode_contract(struct contract *c)
{
    struct padic a = padic_of(c->n);
    const struct facts *q = fact(c, 0);
    double s = (double)a.s;
    padic_needs_ring(c);
    bool same = is_balanced(&a, q);
    facts_set(c, facts_down((same ? q->lo : least_of(&a)) / s), facts_up((same ? q->hi : (double)a.limit) / s),
              q->finite, false);
}

static NUM padic_decode_eval1(const struct ev *c, const NUM *q)
{
    struct padic a = padic_of(c->n);
    if (q->i == PADIC_NONE)
        return n_const(c, NAN);
    int64_t r = is_balanced(&a, &c->n->in[0]->facts) ? q->i : padic_balanced(&a, q->i);
    return c->kind == NUM_DOUBLE ? (NUM){ .d = (double)r / (double)a.s }
                                 : n_mul(c, n_of_int(c, r), n_const(c, 1 / (double)a.s));
}

/* The error is e/s, plus one rounding if the integer has too many bits for the arithmetic (double in the reference; a
   kernel rounds the double r/s to f32). If q ± e leaves the balanced range, the representative may jump to the other
   end: by pⁿ. */
static double padic_decode_bound1(const struct bd *b, const NUM *q, const double *e, NUM y)
{
    struct padic a = padic_of(b->v.n);
    if (e[0] == INFINITY || (q->i == PADIC_NONE && e[0] > 0))
        return INFINITY;
    if (q->i == PADIC_NONE)
        return 0;
    double s = (double)a.s;
    double r = fabs(y.d) * s;
    double moved = e[0];
    if (e[0] > 0 && !is_balanced(&a, &b->v.n->in[0]->facts) &&
        r + e[0] > (double)a.limit - (limit_is_double(&a) ? 0 : r * 0x1p-50))
        moved = (double)a.top + 1;
    if (r + moved <= (b->u <= 0x1p-53 ? 0x1p53 : 0x1p24))
        return moved / s;
    if (moved == 0 && b->u > 0x1p-53 && dtype_round(DT_F32, y.d) == y.d)
        return 0;
    return bd_done(b, y.d, moved / s, bd_round(b, (fabs(y.d) + moved / s) * (1 + 0x1p-50)));
}

static const struct kexpr *into_range(struct kbuild *k, const struct kexpr *high, const struct kexpr *low, int64_t by)
{
    return kexpr_op(k, K_SELECT, high, kexpr_i64(k, -by),
                    kexpr_op(k, K_SELECT, low, kexpr_i64(k, by), kexpr_i64(k, 0)));
}

static const struct kexpr *decoded(struct at *c, const struct padic *a, const struct kexpr *q, const struct kexpr *r)
{
    struct kbuild *k = c->k;
    const struct kexpr *z = kexpr_op2(k, K_MUL, kexpr_cast(k, DT_F64, r), kexpr_f64(k, 1 / (double)a->s));
    return kexpr_op(k, K_SELECT, kexpr_op2(k, K_EQ, q, kexpr_i64(k, PADIC_NONE)), kexpr_f32(k, NAN),
                    kexpr_cast(k, DT_F32, z));
}

static const struct kexpr *padic_decode_at(struct at *c)
{
    struct padic a = padic_of(c->n);
    struct kbuild *k = c->k;
    /* A balanced q, such as a result of encode, is its own representative. Otherwise the representative is the
       remainder of q by pⁿ, plus or minus pⁿ if it is out of range. If pⁿ = 2⁶³, which is no i64, q is its own
       remainder, and pⁿ is added in two steps: 2⁶³ − 1 and 1. */
    bool fits = a.top < INT64_MAX;
    bool reduced = is_balanced(&a, &c->n->in[0]->facts);
    const struct kexpr *q = at_plain(c, 0);
    if (reduced)
        return decoded(c, &a, q, q);
    const struct kexpr *r = fits ? kexpr_op2(k, K_REM, q, kexpr_i64(k, a.top + 1)) : q;
    const struct kexpr *high = kexpr_op2(k, K_GT, r, kexpr_i64(k, a.limit));
    const struct kexpr *low = kexpr_op2(k, K_LT, r, kexpr_i64(k, a.limit - a.top));
    r = kexpr_op2(k, K_ADD, r, into_range(k, high, low, fits ? a.top + 1 : a.top));
    if (!fits)
        r = kexpr_op2(k, K_ADD, r, into_range(k, high, low, 1));
    return decoded(c, &a, q, r);
}

static void padic_decode_sample(struct sample *d)
{
    int64_t top;
    struct type t = sample_type(d, DT_I64, 0, 3);
    padic_sample_ring(d, &top);
    double most =
        sample_range(d, 0, 1) ? (double)top : fmin(3 * pow((double)d->attrs[0].i, (double)d->attrs[1].i), 0x1p62);
    sample_operand(d, 0, &t, -most, most);
}

static struct node *padic_decode_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct padic a = padic_of(n);
    (void)operand;
    return build2(b, "mul", gy, build_scalar(b, 1 / (double)a.s));
}

const struct op_def op_padic_decode = {
    .call = {
        .name = "padic_decode",
        .doc = "the balanced representative of a residue, divided by s; a NaN for the least i64",
        .about = {
            .shapes = "q i64 [..] -> [..]",
            .formula = "r / s, r = q modulo p^n with |r| <= p^n / 2; -p^n / 2 rather than p^n / 2",
            .gradient = "straight through: gy / s",
        },
        .operands = { { .name = "q" } },
        .attrs = padic_attrs,
        .n_attrs = N_ATTRS(padic_attrs),
    },
    .class = CLS_POINTWISE,
    .keep_f32 = true,
    .type = { .infer = padic_decode_infer, .contract = padic_decode_contract },
    .reference = { .eval1 = padic_decode_eval1, .bound1 = padic_decode_bound1 },
    .kernel = { .at = padic_decode_at },
    .gradient = padic_decode_grad,
    .sample = padic_decode_sample,
};

/* ---- combine ---- */
/* Operands: w [.., E] and y_0, …, y_{E−1}, each [.., N]. Result [.., N]: element [.., j] is Σ_e w[.., e]·y_e[.., j].
   The op is not pointwise, since all j of a row use the same weights. */
static bool combine_infer(struct graph *g, struct node *n)
{
    const struct type *w = &n->in[0]->type;
    if (!need_float(g, n, 0))
        return false;
    if (n->n_in < 2)
        return infer_error(g, n, -1, "at least one y is needed");
    const struct type *y = &n->in[1]->type;
    for (int e = 1; e < n->n_in; e++) {
        if (!need_float(g, n, e))
            return false;
        if (!type_same_shape(&n->in[e]->type, y))
            return infer_error(g, n, e, "must have the shape of the second, %s", type_text(g->arena, y));
    }
    if (w->rank < 1 || w->rank != y->rank || type_last(g->s, w) != index_const(g->s->indices, n->n_in - 1))
        return infer_error(g, n, 0,
                           "must have, in each row, one weight for each of the %d operands that follow, which are %s",
                           n->n_in - 1, type_text(g->arena, y));
    for (int i = 0; i + 1 < w->rank; i++)
        if (w->dim[i] != y->dim[i])
            return infer_error(g, n, 0, "must have dimension %d of the second, %s", i, type_text(g->arena, y));
    n->type = *y;
    n->type.dtype = DT_FLOAT;
    return true;
}

static double largest(const struct facts *f) { return fmax(fabs(f->lo), fabs(f->hi)); }

/* |Σ w·y| ≤ (number of nonzero weights in a row)·max|w|·max|y| */
static void combine_contract(struct contract *c)
{
    const struct facts *w = fact(c, 0);
    int terms = c->n->n_in - 1;
    double y = 0;
    bool finite = w->finite;
    bool positive = w->lo >= 0;
    for (int e = 1; e < c->n->n_in; e++) {
        y = fmax(y, largest(fact(c, e)));
        finite &= fact(c, e)->finite;
        positive &= fact(c, e)->lo >= 0;
    }
    if (w->max_nonzero >= 0 && w->max_nonzero < terms)
        terms = w->max_nonzero;
    double hi = facts_up(facts_up(times(terms, largest(w))) * y);
    if (isfinite(hi))
        facts_set(c, positive ? 0 : -hi, hi, finite, false);
    else
        facts_set(c, positive ? 0 : -INFINITY, INFINITY, false, false);
}

static void combine_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                          struct box *in)
{
    int last = out->rank - 1;
    *in = *out;
    if (operand == 0) {
        in->lo[last] = 0;
        in->hi[last] = dims_eval(dims, n->in[0]->type.dim[last]) - 1;
    }
}

static void combine_work(struct session *s, const struct node *n, struct work *w)
{
    w->macs = index_mulk(s->indices, type_count(s, &n->type), n->n_in - 1);
    w->sum_length = index_const(s->indices, n->n_in - 1);
}

/* A weight of exactly 0 marks an expert that was not chosen. Its term is left out: 0·y would be a NaN for an infinite
   y. */
static bool is_chosen(const struct ev *c, NUM w) { return !n_is_zero(c, w); }

static void combine_eval(struct ev *c)
{
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            const NUM *w = c->in[0].v + i / c->out.last * c->in[0].last;
            struct n_sum t = n_sum_begin(c);
            for (int e = 1; e < c->n_in; e++)
                if (is_chosen(c, w[e - 1]))
                    n_sum_add(&t, n_mul(c, w[e - 1], c->in[e].v[i]));
            n_store(c, i, n_sum_end(&t));
        }
}

/* Bounds on one term w·y. A kernel computes w'·y', with w' and y' within ew and ey of w and y. mass: the largest
   |w'y'|. err: |w'y' − wy| ≤ |w|·ey + |y|·ew + ew·ey. nan: the term is certainly a NaN. open: the term is unbounded. */
struct term {
    double mass, err;
    bool nan, open;
};

static struct term term_of(NUM w, double ew, NUM y, double ey)
{
    struct term t = { 0 };
    if (ew == 0 && w.d == 0)
        return t;
    if (ew == INFINITY || (ey == INFINITY))
        return (struct term){ .open = true };
    bool sure = isnan(w.d) || fabs(w.d) > ew;
    if (isnan(w.d) || isnan(y.d))
        return (struct term){ .nan = sure, .open = !sure };
    /* A product with an infinity is certain if the sign of the other factor is. */
    if (isinf(w.d))
        return (struct term){ .open = ey > 0 && fabs(y.d) <= ey };
    if (isinf(y.d))
        return (struct term){ .open = !sure };
    t.mass = (fabs(w.d) + ew) * (fabs(y.d) + ey);
    t.err = times(fabs(w.d), ey) + times(fabs(y.d), ew) + times(ew, ey);
    return t;
}

/* A term is rounded once in its product, and in at most E additions one after the other (E experts): γ_{E+1} (Higham,
   section 3.1). This is counted for the kernel and for the reference. */
static void combine_bound(struct bd *b)
{
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++) {
            int64_t row = i / b->v.out.last * b->v.in[0].last;
            double mass = 0;
            double err = 0;
            double n = b->v.n_in;
            double tiny = b->u <= 0x1p-53 ? 0x1p-1074 : 0x1p-149;
            bool nan = false;
            bool open = false;
            for (int e = 1; e < b->v.n_in; e++) {
                struct term t = term_of(b->v.in[0].v[row + e - 1], bd_operand(b, 0, row + e - 1), b->v.in[e].v[i],
                                        bd_operand(b, e, i));
                mass += t.mass;
                err += t.err;
                nan |= t.nan;
                open |= t.open;
            }
            double u = fmax(b->u, dtype_unit(b->v.acc));
            double e =
                (err + (bd_gamma(n, u) + bd_gamma(n, 0x1p-53)) * mass + (mass > 0 ? n * tiny : 0)) * (1 + 0x1p-40);
            bool special = !isfinite(b->v.out.v[i].d);
            if (nan)
                b->e_out[i] = 0;
            else if (open || mass + e > bd_max(b))
                b->e_out[i] = INFINITY;
            else
                b->e_out[i] = special ? 0 : e;
        }
}

static const struct kexpr *combine_at(struct at *c)
{
    struct kbuild *k = c->k;
    const struct index *index[MAX_RANK];
    const struct kexpr *sum = kexpr_f32(k, 0);
    int last = c->n->type.rank - 1;
    for (int i = 0; i < last; i++)
        index[i] = c->index[i];
    for (int e = 1; e < c->n->n_in; e++) {
        index[last] = index_const(at_index(c), e - 1);
        const struct kexpr *w = kexpr_cast(k, DT_F32, c->value(c, 0, index));
        const struct kexpr *y = at_float(c, e);
        sum = kexpr_op(k, K_SELECT, kexpr_op2(k, K_NE, w, kexpr_f32(k, 0)),
                       kexpr_op2(k, K_ADD, sum, kexpr_op2(k, K_MUL, w, y)), sum);
    }
    return sum;
}

static void combine_sample(struct sample *d)
{
    int64_t experts = sample_range(d, 1, 5);
    struct type y = sample_type(d, DT_FLOAT, 1, 3);
    struct type w = y;
    w.dim[w.rank - 1] = draw_index(d, experts);
    sample_operand(d, 0, &w, -1, 1);
    for (int e = 1; e <= experts; e++)
        sample_operand(d, e, &y, -2, 2);
}

/* Column `expert` of w, as [.., 1]. */
static struct node *weights_of(struct builder *b, const struct node *n, int expert)
{
    struct node *w = n->in[0];
    int last = w->type.rank - 1;
    const struct index **start = arena_array(b->g->arena, const struct index *, 2 * w->type.rank);
    const struct index **size = start + w->type.rank;
    for (int i = 0; i <= last; i++) {
        start[i] = index_const(b->g->s->indices, i == last ? expert : 0);
        size[i] = i == last ? index_const(b->g->s->indices, 1) : w->type.dim[i];
    }
    return build(b, "slice", &w, 1,
                 (struct attr[]){ { .n = last + 1, .dims = start }, { .n = last + 1, .dims = size }, { .n = 0 } });
}

/* The gradient of w: column e is Σ_j gy[.., j]·y_e[.., j]. */
static struct node *weights_grad(struct builder *b, struct node *n, struct node *gy)
{
    struct node **columns = arena_array(b->g->arena, struct node *, n->n_in);
    int64_t last = n->type.rank - 1;
    for (int e = 1; e < n->n_in; e++)
        columns[e - 1] = build_sum(b, build2(b, "mul", gy, n->in[e]), &last, 1, true);
    return build(b, "concat", columns, n->n_in - 1, (struct attr[]){ { .i = -1 } });
}

/* If an expert was not chosen (weight 0), neither its weight nor its result gets a gradient. */
static struct node *combine_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    bool keep = b->keep_f32;
    struct node *w = operand == 0 ? n->in[0] : weights_of(b, n, operand - 1);
    b->keep_f32 |= operand == 0;
    struct node *g = operand == 0 ? weights_grad(b, n, gy) : build2(b, "mul", gy, w);
    struct node *chosen = build2(b, "not_equal", w, build_scalar(b, 0));
    g = build3(b, "select", chosen, g, build_const(b, &g->type, 0));
    b->keep_f32 = keep;
    return g;
}

const struct op_def op_combine = {
    .call = {
        .name = "combine",
        .doc = "sum over e of w[.., e] times y_e, without those whose weight is exactly 0",
        .about = {
            .shapes = "w [.., E], y_1 [.., n], .., y_E [.., n] -> [.., n]",
            .formula = "sum over e with w[.., e] != 0 of w[.., e] * y_e[.., j]; a y_e of weight 0 counts as 0, even "
                       "if it is inf or NaN",
            .source = "Shazeer et al., arXiv 1701.06538, section 2",
            .gradient = "sum_j gy_j * y_e[.., j] to w[.., e], gy * w[.., e] to y_e; 0 to both where the weight is 0",
        },
        .operands = { { .name = "w", .keep_f32 = true }, { .name = "y", .variadic = true } },
    },
    .class = CLS_INDEX,
    .type = { .infer = combine_infer, .contract = combine_contract },
    .reference = { .needs = combine_needs, .work = combine_work, .eval = combine_eval, .bound = combine_bound },
    .kernel = { .at = combine_at },
    .gradient = combine_grad,
    .sample = combine_sample,
};
