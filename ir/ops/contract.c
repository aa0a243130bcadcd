/* Sums of products. matmul is the primitive that templates lower to matrix units; linear is x·Wᵀ + b. */
#include <math.h>
#include <string.h>

#include "ir/ops/row.h"

/* ---- matmul ---- */
/* a [.., M, K] · b [K, N]: all leading dims of a are rows. b [batch.., K, N]: the leading dims are equal. */
static const struct attr_def matmul_attrs[] = {
    { "transpose_a", ATTR_BOOL, false, { .i = 0 }, "a is stored [K, M]; rank 2 only" },
    { "transpose_b", ATTR_BOOL, false, { .i = 0 }, "b is stored [N, K]" },
};
static bool is_ta(const struct node *n) { return node_attr(n, 0)->i; }
static bool is_tb(const struct node *n) { return node_attr(n, 1)->i; }

static const struct ix *from_end(const struct type *t, int i) { return t->dim[t->rank - i]; }
static const struct ix *k_of_a(const struct node *n) { return from_end(&n->in[0]->type, is_ta(n) ? 2 : 1); }
static const struct ix *k_of_b(const struct node *n) { return from_end(&n->in[1]->type, is_tb(n) ? 1 : 2); }

static bool matmul_ranks(struct graph *g, const struct node *n)
{
    const struct type *a = &n->in[0]->type, *b = &n->in[1]->type;
    if (!need_float(g, n, 0) | !need_float(g, n, 1)) return false;
    if (a->rank < 2) return infer_error(g, n, 0, "at least 2 dimensions are needed");
    if (b->rank < 2) return infer_error(g, n, 1, "at least 2 dimensions are needed");
    if (is_ta(n) && a->rank != 2) return infer_error(g, n, 0, "transpose_a takes a matrix of 2 dimensions");
    if (b->rank == 2) return true;
    if (a->rank != b->rank) return infer_error(g, n, 1, "a batch has the dimensions of a, which is %s", type_text(g->arena, a));
    for (int i = 0; i + 2 < b->rank; i++)
        if (a->dim[i] != b->dim[i]) return infer_error(g, n, 1, "dimension %d differs from that of a, which is %s", i, type_text(g->arena, a));
    return true;
}

static bool matmul_infer(struct graph *g, struct node *n)
{
    const struct type *a = &n->in[0]->type, *b = &n->in[1]->type;
    if (!matmul_ranks(g, n)) return false;
    if (k_of_a(n) != k_of_b(n)) {
        return infer_error(g, n, 1, "it sums over %s elements a row, but a, %s, has %s", ix_text(g->arena, k_of_b(n)), type_text(g->arena, a),
                           ix_text(g->arena, k_of_a(n)));
    }
    struct type out = *a;
    out.dtype = DT_FLOAT;
    if (is_ta(n)) out.dim[0] = a->dim[1];
    out.dim[out.rank - 1] = from_end(b, is_tb(n) ? 2 : 1);
    n->type = out;
    return true;
}

/* |Σ a·b| ≤ K·max|a|·max|b|. */
static void matmul_contract(struct contract *c)
{
    const struct facts *a = fact(c, 0), *b = fact(c, 1);
    int64_t k;
    if (!ix_const_value(k_of_a(c->n), &k)) return;
    double ma = fmax(fabs(a->lo), fabs(a->hi)), mb = fmax(fabs(b->lo), fabs(b->hi));
    double hi = facts_up(facts_up((double)k * ma) * mb), lo = a->lo >= 0 && b->lo >= 0 ? 0 : -hi;
    if (!isfinite(hi)) return;
    c->out->lo = lo;
    c->out->hi = hi;
    c->out->finite = a->finite && b->finite;
}

static void span(struct box *in, int i, const struct dim_values *dims, const struct ix *d) { in->lo[i] = 0, in->hi[i] = dims_eval(dims, d) - 1; }

static void matmul_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out, struct box *in)
{
    const struct type *t = &n->in[operand]->type;
    int last = out->rank - 1, own = operand == 0 ? last - 1 : last;             /* the dim of the result that is this operand's own */
    bool k_first = operand == 0 ? is_ta(n) : !is_tb(n);
    *in = (struct box){ .rank = t->rank };
    for (int i = 0; i + 2 < t->rank; i++) in->lo[i] = out->lo[i], in->hi[i] = out->hi[i];
    int at = k_first ? t->rank - 1 : t->rank - 2;
    in->lo[at] = out->lo[own], in->hi[at] = out->hi[own];
    at = k_first ? t->rank - 2 : t->rank - 1;
    span(in, at, dims, t->dim[at]);
}

static void matmul_work(struct session *s, const struct node *n, struct work *w)
{
    w->sum_length = k_of_a(n);
    w->macs = ix_mul(s->ix, type_count(s, &n->type), w->sum_length);
}

/* The row of a and the column of b that element `at` of the result is the product of: first elements and strides. */
struct dot { int64_t a, sa, b, sb, k; };

static struct dot dot_of(const struct ev *c, int64_t at)
{
    const struct view *a = &c->in[0], *b = &c->in[1];
    bool ta = is_ta(c->n), tb = is_tb(c->n);
    int64_t n = c->out.last, row = at / n, col = at % n, k = ta ? a->dim[0] : a->last;
    int64_t batch = b->rank > 2 ? row / c->out.dim[c->out.rank - 2] : 0;
    return (struct dot){ .a = ta ? row : row * k, .sa = ta ? a->last : 1, .b = batch * k * n + (tb ? col * k : col), .sb = tb ? 1 : n, .k = k };
}

static void matmul_eval(struct ev *c)
{
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            struct dot d = dot_of(c, i);
            n_store(c, i, n_dot(c, c->in[0].v + d.a, d.sa, c->in[1].v + d.b, d.sb, d.k));
        }
}

/* ---- matmul: bound ---- */
/* What the terms of one sum are, as far as a bound asks. |computed operand| ≤ |x| + error, its rounding to the unit's format included. */
struct mass {
    double mass, err;               /* Σ of the largest |a·b|; Σ of what operand errors change */
    double flushed;                 /* Σ of the largest |a·b| that may vanish with a subnormal operand */
    int exponent;                   /* the largest sum of two operands' exponents, a subnormal one's (and zero's) being its format's smallest */
    bool lost;                      /* an operand is not bounded, or leaves its format */
    bool special;                   /* an operand is a NaN or an infinity */
};

static enum dtype multiplied_in(const struct bd *b)
{
    enum dtype t = b->v.n->compute;
    if (t == DT_F16 || t == DT_BF16) return t;
    return b->sum && b->sum->unit ? DT_F16 : DT_F64;
}

/* The error of an operand as the sum meets it: a matrix unit takes it rounded to its own format. */
static double operand_error(const struct bd *b, enum dtype in, double x, double e)
{
    if (!b->kernel && !(b->sum && b->sum->unit)) return e;
    if (in == DT_F64 || !isfinite(x) || (e == 0 && dtype_round(in, x) == x)) return e;
    return e + dtype_half_ulp(in, fabs(x) + e);
}

static int exponent_of(double mag, int emin)
{
    int e = emin;
    if (mag > 0) frexp(mag, &e), e--;
    return e > emin ? e : emin;
}

static void add_term(struct mass *m, enum dtype in, double a, double ea, double b, double eb)
{
    double ua = fabs(a) + ea, ub = fabs(b) + eb, max = in == DT_F64 ? INFINITY : dtype_table[in].max;
    if (!isfinite(a) || !isfinite(b)) m->special = true;
    /* An infinity is exact, but its product's sign, and whether it is a NaN, hang on the other operand. */
    if (isinf(ea) || isinf(eb) || (isinf(a) && eb >= fabs(b) && eb > 0) || (isinf(b) && ea >= fabs(a) && ea > 0)) m->lost = true;
    if (!isfinite(a) || !isfinite(b)) return;
    if (ua > max || ub > max) m->lost = true;
    m->mass += ua * ub;
    m->err += times(fabs(a), eb) + times(fabs(b), ea) + times(ea, eb);
    if (in == DT_F64) return;
    int emin = dtype_table[in].emin, e = exponent_of(ua, emin) + exponent_of(ub, emin);
    double normal = ldexp(1, emin);
    if (e > m->exponent) m->exponent = e;
    if (fabs(a) - ea < normal) m->flushed += fmin(ua, normal) * ub;
    if (fabs(b) - eb < normal) m->flushed += fmin(ub, normal) * ua;
}

static struct mass mass_of(const struct bd *b, const struct dot *d)
{
    enum dtype in = multiplied_in(b);
    struct mass m = { .exponent = in == DT_F64 ? 0 : 2 * dtype_table[in].emin };
    for (int64_t k = 0; k < d->k; k++) {
        int64_t ia = d->a + k * d->sa, ib = d->b + k * d->sb;
        double xa = b->v.in[0].v[ia].d, xb = b->v.in[1].v[ib].d;
        add_term(&m, in, xa, operand_error(b, in, xa, bd_err(b, 0, ia)), xb, operand_error(b, in, xb, bd_err(b, 1, ib)));
    }
    return m;
}

/* Running sums that the unit makes: `chain` blocks of n products and the sum so far, in each of 2^depth sums.
   Aligned sum (TARGETS): |error| ≤ 2⁻²³|d| + (n + 1)·2^(E−F) a block, E the larger of the products' exponents and that of the running sum c. Terms are
   cut toward zero and so is d: |c|, |d| ≤ mass in every order of the terms. With max(x, y) ≤ x + y the blocks of all sums together give
     chain·mass·(2⁻²³ + (n + 1)·2^−F) + 2^depth·chain·(n + 1)·2^(E−F). */
static double aligned_error(const struct sum_record *r, const struct mass *m)
{
    double n = (double)(r->block > r->unit->group ? r->block : r->unit->group), chain = (double)r->chain, blocks = ldexp(chain, r->depth);
    return chain * m->mass * (0x1p-23 + (n + 1) * ldexp(1, -r->unit->fbits)) + blocks * ((n + 1) * ldexp(1, m->exponent - r->unit->fbits) + 0x1p-149);
}

/* Products are exact in f32 (down to its smallest number); a product passes two additions in its group, then at most `chain` of groups, each to
   nearest: γ (Higham, section 3.1). Flushing takes the products of subnormal operands, and up to 2⁻¹²⁶ at each partial sum and result. */
static double tree4_error(const struct bd *b, const struct sum_record *r, const struct mass *m)
{
    double chain = (double)r->chain, blocks = ldexp(chain, r->depth), group = (double)(r->block > 4 ? r->block : 4);
    double e = bd_gamma(chain + 2, b->u) * m->mass + blocks * group * 0x1p-149;
    return r->unit->flush ? e + m->flushed + blocks * group * 0x1p-126 : e;
}

static double unit_error(const struct bd *b, const struct mass *m, int64_t n)
{
    const struct sum_record *r = b->sum;
    /* The reference's own share, and the operands'. */
    struct bd ref = *b;
    ref.kernel = false, ref.sum = NULL, ref.v.acc = DT_F64;
    double e = bd_sum(&ref, m->mass, m->err, n);
    e += r->unit->kind == MODEL_ALIGNED_SUM ? aligned_error(r, m) : tree4_error(b, r, m);
    return e + bd_gamma(r->depth, b->u) * (m->mass + e);
}

/* fma takes its product unrounded; a product that is rounded by itself costs at most one roundoff of the mass more. */
static double plain_error(const struct bd *b, const struct mass *m, int64_t n)
{
    double u = b->kernel ? b->u : fmax(0x1p-53, dtype_unit(b->v.acc));
    return bd_sum(b, m->mass, m->err, n) + u * (m->mass + m->err);
}

static double dot_error(const struct bd *b, int64_t at)
{
    struct dot d = dot_of(&b->v, at);
    struct mass m = mass_of(b, &d);
    bool unit = b->sum && b->sum->unit;
    BUG_IF(unit && ldexp((double)b->sum->block * (double)b->sum->chain, b->sum->depth) < (double)d.k, "a sum record of fewer terms than the sum has");
    double e = unit ? unit_error(b, &m, d.k) : plain_error(b, &m, d.k);
    double top = b->kernel || unit ? dtype_table[DT_F32].max : bd_max(b);
    if (m.lost || isnan(e) || m.mass + e > top || (m.special && unit && b->sum->unit->flush && m.flushed > 0)) return INFINITY;
    return m.special ? 0 : e * (1 + 0x1p-40);
}

static void matmul_bound(struct bd *b)
{
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++) b->e_out[i] = dot_error(b, i);
}

/* ---- matmul: adjoints ---- */
static struct node *product(struct builder *b, struct node *x, bool tx, struct node *y, bool ty)
{
    return build(b, "matmul", (struct node *[]){ x, y }, 2, (struct attr[]){ { .i = tx }, { .i = ty } });
}
