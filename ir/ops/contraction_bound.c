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
    double unit;    /* a unit's rounding errors in its running sums */
    double parts;   /* at least Σ |computed running sum| */
    bool lost;      /* no bound exists: an operand is unbounded, or may overflow its format */
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

/* The power of two 2^e ≤ mag < 2^(e+1), at least `least`. */
static double power_of(double mag, double least)
{
    union {
        double d;
        uint64_t u;
    } x = { .d = mag };
    x.u &= UINT64_C(0x7ff0000000000000);
    return x.d > least ? x.d : least;
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
    if (fabs(a) - ea < normal)
        m->flushed += fmin(ua, normal) * ub;
    if (fabs(b) - eb < normal)
        m->flushed += fmin(ub, normal) * ua;
}

/* For operands that are not all finite: the result is special or has no bound, whatever a unit loses. */
static struct mass mass_of(const struct bd *b, const struct dot *d)
{
    enum dtype in = multiplied_in(b);
    struct mass m = { 0 };
    for (int64_t k = 0; k < d->k; k++) {
        int64_t ia = d->a + k * d->sa;
        int64_t ib = d->b + k * d->sb;
        add_term(&m, in, b->v.in[0].v[ia].d, operand_error(b, in, 0, ia), b->v.in[1].v[ib].d,
                 operand_error(b, in, 1, ib));
    }
    m.unit = m.parts = m.mass;
    return m;
}

/* The running sums' errors, and those of the additions that join them. */
static double unit_error(const struct bd *b, const struct mass *m, int64_t n)
{
    const struct sum_level *r = &b->sum->level[0];
    struct bd ref = *b;
    ref.kernel = false;
    ref.sum = NULL;
    ref.v.acc = DT_F64;
    double joins = r->depth + bd_sum_steps(b->sum, 1, n);
    return bd_sum(&ref, m->mass, m->err, n) + m->unit + bd_gamma(joins, b->u) * m->parts;
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

enum { COLUMNS_AT_ONCE = 32 };

/* A row of a or a column of b, prepared for all dot products that it is part of. Of each element: v = value, x =
   magnitude, e = error, u = x + e, f = what a flush to 0 may remove, p = 2^exponent of u in the format of the unit.
   tame: all u are finite and in the format's range. exact: all e are 0. */
struct vector {
    double *v, *x, *e, *u, *f, *p;
    bool tame, exact;
};

static struct vector vector_new(struct arena *a, int64_t k)
{
    return (struct vector){ .v = arena_array(a, double, k),
                            .x = arena_array(a, double, k),
                            .e = arena_array(a, double, k),
                            .u = arena_array(a, double, k),
                            .f = arena_array(a, double, k),
                            .p = arena_array(a, double, k) };
}

static void vector_fill(const struct bd *b, enum dtype in, int operand, int64_t at, int64_t stride, int64_t k,
                        struct vector *v)
{
    double max = in == DT_F64 ? INFINITY : dtype_table[in].max;
    double normal = in == DT_F64 ? 0 : ldexp(1, dtype_table[in].emin);
    v->tame = v->exact = true;
    for (int64_t i = 0; i < k; i++, at += stride) {
        double x = fabs(b->v.in[operand].v[at].d);
        double e = operand_error(b, in, operand, at);
        double u = x + e;
        v->v[i] = b->v.in[operand].v[at].d;
        v->x[i] = x;
        v->e[i] = e;
        v->u[i] = u;
        v->f[i] = x - e < normal ? fmin(u, normal) : 0;
        v->p[i] = power_of(u, normal);
        v->tame &= isfinite(u) && u <= max;
        v->exact &= e == 0;
    }
}

/* Σ x·y of nonnegative numbers, in four running sums. */
static double dot_of_magnitudes(const double *x, const double *y, int64_t n)
{
    double s[4] = { 0 };
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int j = 0; j < 4; j++)
            s[j] += x[i + j] * y[i + j];
    for (; i < n; i++)
        s[0] += x[i] * y[i];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

/* The state of a running sum after n terms: s = exact sum of a·b, mass = Σ max |a'·b'|, err = Σ max |a'·b' − a·b|, e =
   bound on the unit's own errors so far. The magnitude of the computed sum is then at most reach(), whose last term
   allows for the rounding of s and mass here. */
struct running {
    double n, s, mass, err, e;
};
static double reach(const struct running *r, double more)
{
    return fmin(fabs(r->s) + r->err + r->e + more, r->mass) + r->n * 0x1p-52 * r->mass;
}

/* One step of a unit, which adds terms first..last-1 to the running sum c: d = c + Σ a'·b'.
   MODEL_ALIGNED_SUM: let E be the largest exponent of c and of the n products of a group. Each of these terms is cut to
   a multiple of 2^(E−F), F = fbits, and d is cut to f32: |error| ≤ (n + 1)·2^(E−F) + 2⁻²³·|d|. The exponent of c is at
   most that of its reach. All cuts are towards 0, so that mass bounds |c| and |d| without the errors.
   MODEL_TREE4: the sum of four products rounds twice, to nearest: γ₂ of their mass. The addition to c rounds once. A
   unit that flushes subnormals loses at most 2⁻¹²⁶ at each result. */
static void unit_step(const struct matrix_model *u, const struct vector *a, const struct vector *b, int64_t first,
                      int64_t last, struct running *r)
{
    double mass = 0;
    double err = 0;
    double top = 0x1p-126;
    double before = reach(r, 0);
    for (int64_t i = first; i < last; i++) {
        r->s += a->v[i] * b->v[i];
        mass += a->u[i] * b->u[i];
        err += a->x[i] * b->e[i] + a->e[i] * b->u[i];
    }
    if (mass == 0)
        return;
    r->n += (double)(last - first);
    r->mass += mass;
    r->err += err;
    if (u->kind == MODEL_ALIGNED_SUM) {
        for (int64_t i = first; i < last; i++)
            top = fmax(top, a->p[i] * b->p[i]);
        double cut = (u->group + 1) * ldexp(power_of(before, top), -u->fbits);
        r->e += cut + 0x1p-23 * reach(r, cut) + 0x1p-149;
    } else {
        double tree = bd_gamma(2, 0x1p-24) * mass + u->group * (u->flush ? 0x1p-126 + 0x1p-149 : 0x1p-149);
        r->mass += tree;
        r->e += tree;
        r->e += 0x1p-24 * reach(r, 0) * (1 + 0x1p-23);
        r->mass += 0x1p-24 * r->mass * (1 + 0x1p-23);
    }
}

/* The terms of a running sum are consecutive, and so are those of a group. */
static void add_unit(const struct sum_level *l, const struct vector *a, const struct vector *b, int64_t k,
                     struct mass *m)
{
    int64_t length = (int64_t)l->block * l->chain;
    for (int64_t first = 0; first < k; first += length) {
        struct running r = { 0 };
        int64_t last = first + length < k ? first + length : k;
        for (int64_t i = first; i < last; i += l->unit->group)
            unit_step(l->unit, a, b, i, i + l->unit->group < last ? i + l->unit->group : last, &r);
        m->unit += r.e;
        m->parts += reach(&r, 0);
    }
    if (l->unit->flush)
        m->unit += m->flushed;
}

static struct mass mass_of_vectors(const struct bd *bd, enum dtype in, const struct vector *a, const struct vector *b,
                                   int64_t k)
{
    const struct sum_level *l = bd->sum ? &bd->sum->level[0] : NULL;
    struct mass m = { .mass = dot_of_magnitudes(a->u, b->u, k) };
    if (!a->exact || !b->exact)
        m.err = dot_of_magnitudes(a->x, b->e, k) + dot_of_magnitudes(a->e, b->u, k);
    if (in != DT_F64)
        m.flushed = dot_of_magnitudes(a->f, b->u, k) + dot_of_magnitudes(b->f, a->u, k);
    if (l && l->unit)
        add_unit(l, a, b, k, &m);
    return m;
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
        struct mass m = row->tame && column->tame ? mass_of_vectors(b, in, row, column, d.k) : mass_of(b, &d);
        b->e_out[at] = dot_error(b, &m, d.k);
    }
}

/* The runs of v lie in one matrix. Each block of b's columns is prepared once, then used for all rows of a. */
static void bound_matrix(void *ctx, const struct ev *v)
{
    struct bd b = *(const struct bd *)ctx;
    b.v = *v;
    enum dtype in = multiplied_in(&b);
    int64_t n = v->out.last;
    int64_t k = dot_of(v, v->runs[0].lo).k;
    int64_t base = matrix_begin(v);
    struct arena *a = arena_new();
    struct vector row = vector_new(a, k);
    struct vector *columns = arena_array(a, struct vector, COLUMNS_AT_ONCE);
    for (int c = 0; c < COLUMNS_AT_ONCE && c < n; c++)
        columns[c] = vector_new(a, k);
    for (int64_t first = 0; first < n; first += COLUMNS_AT_ONCE) {
        int64_t last = first + COLUMNS_AT_ONCE < n ? first + COLUMNS_AT_ONCE : n;
        bool wanted[COLUMNS_AT_ONCE];
        if (!columns_wanted(v, first, last, wanted))
            continue;
        for (int64_t c = first; c < last; c++) {
            struct dot d = dot_of(v, base + c);
            if (wanted[c - first])
                vector_fill(&b, in, 1, d.b, d.sb, k, &columns[c - first]);
        }
        for (size_t r = 0; r < v->n_runs; r++)
            bound_columns(&b, in, &v->runs[r], first, last, &row, columns);
    }
    arena_free(a);
}

void matmul_bound(struct bd *b) { each_matrix(&b->v, bound_matrix, b); }
