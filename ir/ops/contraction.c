/* matmul, which kernels compute on matrix units, and linear, which is x·Wᵀ + b. */
#include <math.h>
#include <string.h>

#include "ir/ops/row.h"

/* ---- matmul ---- */
/* a [.., M, K] · b [K, N] -> [.., M, N]. If b is [batch.., K, N], a must be [batch.., M, K]. */
static const struct attr_def matmul_attrs[] = {
    { "transpose_a", ATTR_BOOL, false, { .i = 0 }, "a is stored [K, M]; rank 2 only" },
    { "transpose_b", ATTR_BOOL, false, { .i = 0 }, "b is stored [N, K]" },
};
static bool is_ta(const struct node *n) { return node_attr(n, 0)->i; }
static bool is_tb(const struct node *n) { return node_attr(n, 1)->i; }

static const struct index *from_end(const struct type *t, int i) { return t->dim[t->rank - i]; }
static const struct index *k_of_a(const struct node *n) { return from_end(&n->in[0]->type, is_ta(n) ? 2 : 1); }
static const struct index *k_of_b(const struct node *n) { return from_end(&n->in[1]->type, is_tb(n) ? 1 : 2); }

static bool matmul_ranks(struct graph *g, const struct node *n)
{
    const struct type *a = &n->in[0]->type;
    const struct type *b = &n->in[1]->type;
    if (!need_float(g, n, 0) || !need_float(g, n, 1))
        return false;
    if (a->rank < 2)
        return infer_error(g, n, 0, "must have at least 2 dimensions");
    if (b->rank < 2)
        return infer_error(g, n, 1, "must have at least 2 dimensions");
    if (is_ta(n) && a->rank != 2)
        return infer_error(g, n, 0, "must have 2 dimensions with transpose_a");
    if (b->rank == 2)
        return true;
    if (a->rank != b->rank)
        return infer_error(g, n, 1, "must have 2 dimensions or as many as the first, %s", type_text(g->arena, a));
    for (int i = 0; i + 2 < b->rank; i++)
        if (a->dim[i] != b->dim[i])
            return infer_error(g, n, 1, "must have dimension %d of the first, %s", i, type_text(g->arena, a));
    return true;
}

static bool matmul_infer(struct graph *g, struct node *n)
{
    const struct type *a = &n->in[0]->type;
    const struct type *b = &n->in[1]->type;
    if (!matmul_ranks(g, n))
        return false;
    if (k_of_a(n) != k_of_b(n)) {
        return infer_error(g, n, 1,
                           "must have %s as dimension %d, which is summed over with dimension %d of the first, %s",
                           index_text(g->arena, k_of_a(n)), b->rank - (is_tb(n) ? 1 : 2), a->rank - (is_ta(n) ? 2 : 1),
                           type_text(g->arena, a));
    }
    struct type out = *a;
    out.dtype = DT_FLOAT;
    if (is_ta(n))
        out.dim[0] = a->dim[1];
    out.dim[out.rank - 1] = from_end(b, is_tb(n) ? 2 : 1);
    n->type = out;
    return true;
}

/* |Σ a·b| ≤ K·max|a|·max|b|. */
static void matmul_contract(struct contract *c)
{
    const struct facts *a = fact(c, 0);
    const struct facts *b = fact(c, 1);
    int64_t k;
    if (!index_const_value(k_of_a(c->n), &k))
        return;
    double ma = fmax(fabs(a->lo), fabs(a->hi));
    double mb = fmax(fabs(b->lo), fabs(b->hi));
    double hi = facts_up(facts_up((double)k * ma) * mb);
    double lo = a->lo >= 0 && b->lo >= 0 ? 0 : -hi;
    if (!isfinite(hi))
        return;
    c->out->lo = lo;
    c->out->hi = hi;
    c->out->finite = a->finite && b->finite;
}

static void span(struct box *in, int i, const struct dim_values *dims, const struct index *d)
{
    in->lo[i] = 0;
    in->hi[i] = dims_eval(dims, d) - 1;
}

static void matmul_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                         struct box *in)
{
    const struct type *t = &n->in[operand]->type;
    int last = out->rank - 1;
    int own = operand == 0 ? last - 1 : last; /* the result's dimension M (operand a) or N (operand b) */
    bool k_first = operand == 0 ? is_ta(n) : !is_tb(n);
    *in = (struct box){ .rank = t->rank };
    for (int i = 0; i + 2 < t->rank; i++) {
        in->lo[i] = out->lo[i];
        in->hi[i] = out->hi[i];
    }
    int at = k_first ? t->rank - 1 : t->rank - 2;
    in->lo[at] = out->lo[own];
    in->hi[at] = out->hi[own];
    at = k_first ? t->rank - 2 : t->rank - 1;
    span(in, at, dims, t->dim[at]);
}

static void matmul_work(struct session *s, const struct node *n, struct work *w)
{
    w->sum_length = k_of_a(n);
    w->macs = index_mul(s->indices, type_count(s, &n->type), w->sum_length);
}

/* One element of the result: Σ x[a + i·sa]·y[b + i·sb] over i < k, where x and y are the flat operands. */
struct dot {
    int64_t a, sa, b, sb, k;
};

static struct dot dot_of(const struct ev *c, int64_t at)
{
    const struct view *a = &c->in[0];
    const struct view *b = &c->in[1];
    bool ta = is_ta(c->n);
    bool tb = is_tb(c->n);
    int64_t n = c->out.last;
    int64_t row = at / n;
    int64_t col = at % n;
    int64_t k = ta ? a->dim[0] : a->last;
    int64_t batch = b->rank > 2 ? row / c->out.dim[c->out.rank - 2] : 0;
    return (struct dot){ .a = ta ? row : row * k,
                         .sa = ta ? a->last : 1,
                         .b = batch * k * n + (tb ? col * k : col),
                         .sb = tb ? 1 : n,
                         .k = k };
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
    int64_t n = b->v.out.last;
    int64_t start = r->lo / n * n;
    int64_t lo = r->lo > start + first ? r->lo : start + first;
    int64_t hi = r->hi < start + last ? r->hi : start + last;
    if (lo >= hi)
        return;
    struct dot d = dot_of(&b->v, lo);
    vector_fill(b, in, 0, d.a, d.sa, d.k, row);
    for (int64_t at = lo; at < hi; at++) {
        const struct vector *column = &columns[at - start - first];
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
        for (int64_t c = first; c < last; c++) {
            struct dot d = dot_of(&b->v, c);
            vector_fill(b, in, 1, d.b, d.sb, k, &columns[c - first]);
        }
        for (size_t r = 0; r < b->v.n_runs; r++)
            bound_columns(b, in, &b->v.runs[r], first, last, &row, columns);
    }
    arena_free(a);
}

static void matmul_bound(struct bd *b)
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

/* ---- matmul: adjoints ---- */
static struct node *product(struct builder *b, struct node *x, bool tx, struct node *y, bool ty)
{
    return build(b, "matmul", (struct node *[]){ x, y }, 2, (struct attr[]){ { .i = tx }, { .i = ty } });
}

/* Merges the leading dims of x: [2, 3, 4] -> [6, 4]. */
static struct node *joined(struct builder *b, struct node *x)
{
    struct index_table *indices = b->g->s->indices;
    if (x->type.rank == 2)
        return x;
    const struct index *rows = index_const(indices, 1);
    for (int i = 0; i + 1 < x->type.rank; i++)
        rows = index_mul(indices, rows, x->type.dim[i]);
    struct type to = { .dtype = x->type.dtype, .rank = 2, .dim = { rows, type_last(b->g->s, &x->type) } };
    return build_reshape(b, x, &to);
}

static struct node *turned(struct builder *b, struct node *x)
{
    int64_t *perm = arena_array(b->g->arena, int64_t, x->type.rank);
    for (int i = 0; i < x->type.rank; i++)
        perm[i] = i;
    perm[x->type.rank - 2] = x->type.rank - 1;
    perm[x->type.rank - 1] = x->type.rank - 2;
    return build(b, "transpose", &x, 1, (struct attr[]){ { .n = x->type.rank, .ints = perm } });
}

/* y = A·B gives dA = gy·Bᵀ and dB = Aᵀ·gy. The gradient is transposed if the operand is stored transposed. */
static struct node *matmul_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[0];
    struct node *w = n->in[1];
    bool ta = is_ta(n);
    bool tb = is_tb(n);
    if (operand == 0)
        return ta ? product(b, w, tb, gy, true) : product(b, gy, false, w, !tb);
    if (w->type.rank > 2)
        return tb ? product(b, turned(b, gy), false, x, false) : product(b, turned(b, x), false, gy, false);
    x = joined(b, x);
    gy = joined(b, gy);
    return tb ? product(b, gy, true, x, ta) : product(b, x, !ta, gy, false);
}

static void matmul_sample(struct sample *d)
{
    bool batched = sample_range(d, 0, 2) == 0;
    bool ta = !batched && sample_range(d, 0, 2) == 0;
    bool tb = sample_range(d, 0, 1);
    const struct index *k = draw_index(d, sample_dim(d));
    const struct index *cols = draw_index(d, sample_range(d, 0, 9));
    struct type a = sample_type(d, DT_FLOAT, batched ? 3 : 2, ta ? 2 : 3), b;
    a.dim[ta ? 0 : a.rank - 1] = k;
    b = a;
    if (!batched)
        b.rank = 2;
    b.dim[b.rank - 2] = tb ? cols : k;
    b.dim[b.rank - 1] = tb ? k : cols;
    sample_operand(d, 0, &a, -2, 2);
    sample_operand(d, 1, &b, -2, 2);
    d->attrs[0] = sample_attr_int(ta);
    d->attrs[1] = sample_attr_int(tb);
}

const struct op_def op_matmul = {
    .call = {
        .name = "matmul",
        .doc = "sums of products: a [.., M, K] times b [K, N], or batch by batch",
        .operands = { { .name = "a" }, { .name = "b" } },
        .attrs = matmul_attrs,
        .n_attrs = N_ATTRS(matmul_attrs),
    },
    .class = CLS_CONTRACT,
    .type = { .infer = matmul_infer, .contract = matmul_contract },
    .reference = { .needs = matmul_needs, .work = matmul_work, .eval = matmul_eval, .bound = matmul_bound },
    .gradient = matmul_grad,
    .sample = matmul_sample,
};

/* ---- linear ---- */
static const struct attr_def linear_attrs[] = {
    { "features", ATTR_INT, false, { .i = 0 }, "columns of the result; taken from w if w is given" },
};
static const struct param_def linear_params[] = { { "w", "weight", INIT_FAN_IN }, { "b", "bias", INIT_ZERO } };

static bool linear_param_type(struct graph *g, const struct node *call, const struct loc *attr_loc, int operand,
                              struct type *out)
{
    const struct node *x = call->in[0];
    const struct node *w = operand == 2 ? call->in[1] : NULL;
    int64_t given = node_attr(call, 0)->i;
    if (x->type.rank < 1)
        return infer_error(g, call, 0, "must have at least 1 dimension");
    if (attr_loc[0].line && given < 1)
        return diag_error(g->s, FAIL_INPUT, attr_loc[0], "linear needs at least 1 feature, not %lld", (long long)given);
    if (!w && !attr_loc[0].line)
        return infer_error(g, call, -1, "without weights, the number of features must be given: linear(x, 128)");
    if (w && w->type.rank != 2)
        return infer_error(g, call, 1, "must have 2 dimensions");
    const struct index *features = w ? w->type.dim[0] : index_const(g->s->indices, given);
    *out = (struct type){ .dtype = DT_FLOAT,
                          .rank = operand == 1 ? 2 : 1,
                          .dim = { features, operand == 1 ? type_last(g->s, &x->type) : NULL } };
    return true;
}

static bool linear_infer(struct graph *g, struct node *n)
{
    const struct type *x = &n->in[0]->type;
    const struct type *w = &n->in[1]->type;
    const struct type *b = &n->in[2]->type;
    int64_t features = node_attr(n, 0)->i;
    if (!need_float(g, n, 0) || !need_float(g, n, 1) || !need_float(g, n, 2))
        return false;
    if (x->rank < 1)
        return infer_error(g, n, 0, "must have at least 1 dimension");
    if (w->rank != 2)
        return infer_error(g, n, 1, "must have 2 dimensions, [features, in]");
    if (features < 0)
        return infer_error(g, n, -1, "at least 1 feature is needed, not %lld", (long long)features);
    if (w->dim[1] != type_last(g->s, x))
        return infer_error(g, n, 1, "must have rows as long as those of the first, %s", type_text(g->arena, x));
    if (features && w->dim[0] != index_const(g->s->indices, features))
        return infer_error(g, n, 1, "must have %lld rows, the features asked for", (long long)features);
    if (b->rank != 1 || b->dim[0] != w->dim[0])
        return infer_error(g, n, 2, "must have one bias for each row of the second, %s", type_text(g->arena, w));
    n->type = *x;
    n->type.dtype = DT_FLOAT;
    n->type.dim[x->rank - 1] = w->dim[0];
    return true;
}

static void linear_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct facts *w = fact(c, 1);
    const struct facts *b = fact(c, 2);
    int64_t k;
    if (!index_const_value(type_last(c->g->s, &c->n->in[0]->type), &k))
        return;
    double sum = facts_up(facts_up((double)k * fmax(fabs(x->lo), fabs(x->hi))) * fmax(fabs(w->lo), fabs(w->hi)));
    if (!isfinite(sum) || !isfinite(b->lo) || !isfinite(b->hi))
        return;
    facts_set(c, facts_down(b->lo - sum), facts_up(b->hi + sum), x->finite && w->finite && b->finite, false);
}

static void linear_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                         struct box *in)
{
    const struct type *t = &n->in[operand]->type;
    int last = out->rank - 1;
    *in = (struct box){ .rank = t->rank };
    for (int i = 0; operand == 0 && i < last; i++) {
        in->lo[i] = out->lo[i];
        in->hi[i] = out->hi[i];
    }
    if (operand != 0) {
        in->lo[0] = out->lo[last];
        in->hi[0] = out->hi[last];
    }
    if (operand != 2)
        span(in, t->rank - 1, dims, t->dim[t->rank - 1]);
}

static void linear_work(struct session *s, const struct node *n, struct work *w)
{
    w->sum_length = type_last(s, &n->in[0]->type);
    w->macs = index_mul(s->indices, type_count(s, &n->type), w->sum_length);
}

static void linear_eval(struct ev *c)
{
    int64_t k = c->in[0].last;
    int64_t cols = c->out.last;
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            int64_t row = i / cols;
            int64_t j = i % cols;
            n_store(c, i, n_add(c, n_dot(c, c->in[0].v + row * k, 1, c->in[1].v + j * k, 1, k), c->in[2].v[j]));
        }
}

static struct node *linear_expand(struct builder *b, struct node *n)
{
    struct node *x = n->in[0];
    struct type row = { .dtype = x->type.dtype,
                        .rank = 2,
                        .dim = { index_const(b->g->s->indices, 1), type_last(b->g->s, &x->type) } };
    if (x->type.rank == 1)
        x = build_reshape(b, x, &row);
    struct node *y = build2(b, "add", product(b, x, false, n->in[1], true), n->in[2]);
    return n->type.rank == 1 ? build_reshape(b, y, &n->type) : y;
}

static void linear_sample(struct sample *d)
{
    struct type x = sample_type(d, DT_FLOAT, 1, 3);
    struct type w = { .dtype = DT_FLOAT, .rank = 2 };
    struct type b = { .dtype = DT_FLOAT, .rank = 1 };
    int64_t features = sample_range(d, 1, 12);
    w.dim[0] = b.dim[0] = draw_index(d, features);
    w.dim[1] = x.dim[x.rank - 1];
    sample_operand(d, 0, &x, -2, 2);
    sample_operand(d, 1, &w, -1, 1);
    sample_operand(d, 2, &b, -1, 1);
    d->attrs[0] = sample_attr_int(sample_range(d, 0, 1) ? features : 0);
}

/* y = x·Wᵀ + b gives dx = gy·W, dW = gyᵀ·x and db = Σ_rows gy. */
static struct node *linear_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[0];
    if (operand == 2)
        return build_reduce_to(b, gy, &n->in[2]->type);
    if (operand == 1)
        return product(b, joined(b, gy), true, joined(b, x), false);
    if (x->type.rank > 1)
        return product(b, gy, false, n->in[1], false);
    return build_reshape(b, product(b, joined(b, gy), false, n->in[1], false), &x->type);
}

const struct op_def op_linear = {
    .call = {
        .name = "linear",
        .doc = "x·Wᵀ + b with W [features, in]",
        .operands = { { .name = "x" }, { .name = "w" }, { .name = "b" } },
        .stem = "lin",
        .params = linear_params,
        .n_params = 2,
        .param_type = linear_param_type,
        .attrs = linear_attrs,
        .n_attrs = N_ATTRS(linear_attrs),
    },
    .class = CLS_CONTRACT,
    .type = { .infer = linear_infer, .contract = linear_contract },
    .reference = { .needs = linear_needs, .work = linear_work, .eval = linear_eval },
    .kernel = { .expand = linear_expand },
    .gradient = linear_grad,
    .sample = linear_sample,
};
