/* The error bound of a matmul: of f32 sums, and of sums on the matrix units that ir/target.c describes. */
#include <math.h>

#include "ir/ops/contraction.h"
#include "ir/ops/row.h"

/* Sums over the terms a·b of one dot product, for its error bound. A kernel multiplies a' and b', which lie within the
   errors of a and b. max: over all possible a' and b'. */
struct mass {
    double mass;    /* Σ max |a'·b'| */
    double err;     /* Σ max |a'·b' − a·b| */
    double flushed; /* at least the part of `mass` that a unit loses if it flushes subnormal operands to 0 */
    /* The largest (exponent of a') + (exponent of b'). Subnormals and 0 have their format's smallest exponent. */
    int exponent;
    bool lost; /* no bound exists: an operand is unbounded, or may overflow its format */
    bool special;
    bool inf_by_subnormal; /* a term may be ∞ times a subnormal, which is a NaN if the unit flushes subnormals */
};

static enum dtype multiplied_in(const struct bd *b)
{
    enum dtype t = b->v.n->compute;
    if (t == DT_F16 || t == DT_BF16)
        return t;
    return b->sum && b->sum->level[0].unit ? DT_F16 : DT_F64;
}

/* The operand's error, plus its rounding to `in`, the format of the multiplication. If n->compute is f32, a kernel must
   not round operands to f16, so the bound does not allow for that. */
static double operand_error(const struct bd *b, enum dtype in, int operand, int64_t i)
{
    double x = b->v.in[operand].v[i].d;
    double e = bd_operand(b, operand, i);
    bool rounds = in != DT_F64 && b->v.n->compute != DT_F32 && b->v.n->in[operand]->type.dtype != in &&
                  (b->kernel || (b->sum && b->sum->level[0].unit));
    if (!rounds || !isfinite(x) || (e == 0 && dtype_round(in, x) == x))
        return e;
    return e + dtype_half_ulp(in, fabs(x) + e);
}

static int exponent_of(double mag, int emin)
{
    int e = emin;
    if (mag > 0) {
        frexp(mag, &e);
        e--;
    }
    return e > emin ? e : emin;
}

static void add_term(struct mass *m, enum dtype in, double a, double ea, double b, double eb)
{
    double ua = fabs(a) + ea;
    double ub = fabs(b) + eb;
    double max = in == DT_F64 ? INFINITY : dtype_table[in].max;
    double normal = in == DT_F64 ? 0 : ldexp(1, dtype_table[in].emin);
    if (!isfinite(a) || !isfinite(b))
        m->special = true;
    m->inf_by_subnormal |=
        (isinf(a) && ub > 0 && fabs(b) - eb < normal) || (isinf(b) && ua > 0 && fabs(a) - ea < normal);
    /* ∞·b is uncertain if b ± eb includes 0. */
    if (isinf(ea) || isinf(eb) || (isinf(a) && eb >= fabs(b) && eb > 0) || (isinf(b) && ea >= fabs(a) && ea > 0))
        m->lost = true;
    if (!isfinite(a) || !isfinite(b))
        return;
    if (ua > max || ub > max)
        m->lost = true;
    m->mass += ua * ub;
    m->err += times(fabs(a), eb) + times(fabs(b), ea) + times(ea, eb);
    if (in == DT_F64)
        return;
    int emin = dtype_table[in].emin;
    int e = exponent_of(ua, emin) + exponent_of(ub, emin);
    if (e > m->exponent)
        m->exponent = e;
    if (fabs(a) - ea < normal)
        m->flushed += fmin(ua, normal) * ub;
    if (fabs(b) - eb < normal)
        m->flushed += fmin(ub, normal) * ua;
}

static struct mass mass_of(const struct bd *b, const struct dot *d)
{
    enum dtype in = multiplied_in(b);
    struct mass m = { .exponent = in == DT_F64 ? 0 : 2 * dtype_table[in].emin };
    for (int64_t k = 0; k < d->k; k++) {
        int64_t ia = d->a + k * d->sa;
        int64_t ib = d->b + k * d->sb;
        add_term(&m, in, b->v.in[0].v[ia].d, operand_error(b, in, 0, ia), b->v.in[1].v[ib].d,
                 operand_error(b, in, 1, ib));
    }
    return m;
}

/* The number of groups, of `group` products each, that a running sum adds one after the other. */
static double groups_of(const struct sum_level *r)
{
    return (double)r->chain * ceil((double)r->block / r->unit->group);
}

static double sums_of(const struct sum_level *r, int64_t n)
{
    double tree = ldexp(1, r->depth);
    return tree * fmax(1, ceil((double)n / ((double)r->block * (double)r->chain * tree)));
}

/* The error of a unit of kind MODEL_ALIGNED_SUM. In one step, it adds the n products of a group and the running sum c
   to d, all aligned to the largest exponent E among them. |error| ≤ 2⁻²³|d| + (n + 1)·2^(E−F), with F = fbits. It
   truncates, so |c|, |d| ≤ mass.
   Let P be the largest exponent of a product. There are s running sums of g groups each; running sum i has mass M_i,
   and Σ M_i = mass. The total error is at most
     g·mass·2⁻²³ + g·(n + 1)·2^−F·Σ max(2^P, M_i),
   and Σ max(2^P, M_i) is at most s·2^P + mass, and at most s·max(2^P, mass). */
static double aligned_error(const struct sum_level *r, const struct mass *m, double s)
{
    double n = r->unit->group;
    double g = groups_of(r);
    double one = (n + 1) * ldexp(1, -r->unit->fbits);
    double top = ldexp(1, m->exponent);
    double aligned = fmin(s * top + m->mass, s * fmax(top, m->mass));
    return g * (m->mass * 0x1p-23 + one * aligned + s * 0x1p-149);
}

/* The error of a unit of kind MODEL_TREE4. A product passes through two additions in its group of four, then through at
   most g additions to the running sum, each rounded to nearest: γ_{g+2} (Higham, section 3.1). Products are exact
   unless they underflow. A unit that flushes loses the products of subnormal operands, and at most 2⁻¹²⁶ at each
   result. */
static double tree4_error(const struct bd *b, const struct sum_level *r, const struct mass *m, double s)
{
    double g = groups_of(r);
    double sums = s * g * r->unit->group;
    double e = bd_gamma(g + 2, b->u) * m->mass + sums * 0x1p-149;
    return r->unit->flush ? e + m->flushed + sums * 0x1p-126 : e;
}

static double unit_error(const struct bd *b, const struct mass *m, int64_t n)
{
    const struct sum_level *r = &b->sum->level[0];
    struct bd ref = *b;
    ref.kernel = false;
    ref.sum = NULL;
    ref.v.acc = DT_F64;
    double e = bd_sum(&ref, m->mass, m->err, n);
    double sums = sums_of(r, n);
    e += r->unit->kind == MODEL_ALIGNED_SUM ? aligned_error(r, m, sums) : tree4_error(b, r, m, sums);
    return e + bd_gamma(r->depth + bd_sum_steps(b->sum, 1, n), b->u) * (m->mass + e);
}

/* Rounding each product, instead of using an fma, adds at most u·mass. */
static double plain_error(const struct bd *b, const struct mass *m, int64_t n)
{
    double u = b->kernel ? b->u : fmax(0x1p-53, dtype_unit(b->v.acc));
    return bd_sum(b, m->mass, m->err, n) + u * (m->mass + m->err);
}

static double terms_of(const struct sum_record *r)
{
    double n = 1;
    for (int i = 0; i < r->n; i++)
        n *= ldexp((double)r->level[i].block * (double)r->level[i].chain, r->level[i].depth);
    return n;
}

static double dot_error(const struct bd *b, const struct mass *m, int64_t k)
{
    bool unit = b->sum && b->sum->level[0].unit;
    BUG_IF(unit && terms_of(b->sum) < (double)k, "a sum record of fewer terms than the sum has");
    double e = unit ? unit_error(b, m, k) : plain_error(b, m, k);
    double top = b->kernel || unit ? dtype_table[DT_F32].max : bd_max(b);
    if (m->lost || isnan(e) || m->mass + e > top || (m->inf_by_subnormal && unit && b->sum->level[0].unit->flush))
        return INFINITY;
    return m->special ? 0 : e * (1 + 0x1p-40);
}

enum { COLUMNS_AT_ONCE = 128 };

/* A row of a or a column of b, prepared for all dot products that it is part of. Of each element: x = magnitude, e =
   error, u = x + e, f = what a flush to 0 may remove, ex = exponent. tame: all u are finite and in the format's range.
   exact: all e are 0. */
struct vector {
    double *x, *e, *u, *f;
    int *ex;
    bool tame, exact;
};

static struct vector vector_new(struct arena *a, int64_t k)
{
    return (struct vector){ .x = arena_array(a, double, k),
                            .e = arena_array(a, double, k),
                            .u = arena_array(a, double, k),
                            .f = arena_array(a, double, k),
                            .ex = arena_array(a, int, k) };
}

static void vector_fill(const struct bd *b, enum dtype in, int operand, int64_t at, int64_t stride, int64_t k,
                        struct vector *v)
{
    int emin = in == DT_F64 ? 0 : dtype_table[in].emin;
    double max = in == DT_F64 ? INFINITY : dtype_table[in].max;
    double normal = in == DT_F64 ? 0 : ldexp(1, emin);
    v->tame = v->exact = true;
    for (int64_t i = 0; i < k; i++, at += stride) {
        double x = fabs(b->v.in[operand].v[at].d);
        double e = operand_error(b, in, operand, at);
        double u = x + e;
        v->x[i] = x;
        v->e[i] = e;
        v->u[i] = u;
        v->f[i] = x - e < normal ? fmin(u, normal) : 0;
        v->ex[i] = in == DT_F64 ? 0 : exponent_of(u, emin);
        v->tame &= isfinite(u) && u <= max;
        v->exact &= e == 0;
    }
}

static struct mass mass_of_vectors(enum dtype in, const struct vector *a, const struct vector *b, int64_t k)
{
    double mass = 0;
    double err = 0;
    double flushed = 0;
    int exponent = in == DT_F64 ? 0 : 2 * dtype_table[in].emin;
    for (int64_t i = 0; i < k; i++)
        mass += a->u[i] * b->u[i];
    for (int64_t i = 0; i < k; i++)
        flushed += a->f[i] * b->u[i] + b->f[i] * a->u[i];
    if (!a->exact || !b->exact)
        for (int64_t i = 0; i < k; i++)
            err += a->x[i] * b->e[i] + b->x[i] * a->e[i] + a->e[i] * b->e[i];
    for (int64_t i = 0; i < k; i++)
        exponent = a->ex[i] + b->ex[i] > exponent ? a->ex[i] + b->ex[i] : exponent;
    return (struct mass){ .mass = mass, .err = err, .flushed = in == DT_F64 ? 0 : flushed, .exponent = exponent };
}

static void bound_columns(struct bd *b, enum dtype in, const struct run *r, int64_t first, int64_t last,
                          struct vector *row, const struct vector *columns)
{
    struct run part = run_within(r, b->v.out.last, first, last);
    if (part.lo >= part.hi)
        return;
    struct dot d = dot_of(&b->v, part.lo);
    vector_fill(b, in, 0, d.a, d.sa, d.k, row);
    for (int64_t at = part.lo; at < part.hi; at++) {
        const struct vector *column = &columns[at % b->v.out.last - first];
        d = dot_of(&b->v, at);
        struct mass m = row->tame && column->tame ? mass_of_vectors(in, row, column, d.k) : mass_of(b, &d);
        b->e_out[at] = dot_error(b, &m, d.k);
    }
}

/* For b of rank 2: each block of b's columns is prepared once, then used for all rows of a. */
static void bound_matrix(struct bd *b)
{
    enum dtype in = multiplied_in(b);
    int64_t n = b->v.out.last;
    int64_t k = dot_of(&b->v, b->v.runs[0].lo).k;
    struct arena *a = arena_new();
    struct vector row = vector_new(a, k);
    struct vector *columns = arena_array(a, struct vector, COLUMNS_AT_ONCE);
    for (int c = 0; c < COLUMNS_AT_ONCE && c < n; c++)
        columns[c] = vector_new(a, k);
    for (int64_t first = 0; first < n; first += COLUMNS_AT_ONCE) {
        int64_t last = first + COLUMNS_AT_ONCE < n ? first + COLUMNS_AT_ONCE : n;
        bool wanted[COLUMNS_AT_ONCE];
        if (!columns_wanted(&b->v, first, last, wanted))
            continue;
        for (int64_t c = first; c < last; c++) {
            struct dot d = dot_of(&b->v, c);
            if (wanted[c - first])
                vector_fill(b, in, 1, d.b, d.sb, k, &columns[c - first]);
        }
        for (size_t r = 0; r < b->v.n_runs; r++)
            bound_columns(b, in, &b->v.runs[r], first, last, &row, columns);
    }
    arena_free(a);
}

void matmul_bound(struct bd *b)
{
    if (b->v.in[1].rank == 2 && b->v.n_runs) {
        bound_matrix(b);
        return;
    }
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++) {
            struct dot d = dot_of(&b->v, i);
            struct mass m = mass_of(b, &d);
            b->e_out[i] = dot_error(b, &m, d.k);
        }
}
