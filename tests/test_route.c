/* Routing: scores as integers and back, the choice of the K largest, the sum over the chosen, and which rows are
   certified. */
#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/route/certify.h"
#include "tests/support/walk_ops.h"

struct fixture {
    struct session *s;
    struct graph *g;
    uint64_t rnd;
};

static int begin(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->s = session_begin();
    f->g = graph_new(f->s, "test");
    f->rnd = 4711;
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    session_end(f->s);
    test_free(f);
    return 0;
}

static struct node *input(struct fixture *f, enum dtype dtype, int rank, int64_t d0, int64_t d1, double lo, double hi)
{
    const struct index **dims = arena_array(f->g->arena, const struct index *, 2);
    dims[0] = index_const(f->s->indices, d0);
    dims[1] = index_const(f->s->indices, d1);
    struct attr a[4] = { { .n = rank, .dims = dims }, { .i = dtype }, { .f = lo }, { .f = hi } };
    struct node *n = graph_add(f->g, op_find("input"), NULL, 0, a, NOWHERE);
    assert_non_null(n);
    op_contract(f->g, n);
    return n;
}

static struct node *op(struct fixture *f, const char *name, int n_in, struct node **in, const struct attr *attrs)
{
    struct node *n = graph_add(f->g, op_find(name), in, n_in, attrs, NOWHERE);
    assert_non_null(n);
    op_contract(f->g, n);
    return n;
}

/* The frame of one node over given operand values, evaluated. */
static struct ev evaluated(struct fixture *f, struct node *n, const struct view *v)
{
    struct op_walk w;
    struct ev c;
    op_walk_begin(&w, f->g);
    for (int i = 0; i < n->n_in; i++)
        op_walk_bind(&w, n->in[i], v[i], NULL);
    op_walk_frame(&w, n, &c);
    op_eval(&c);
    return c;
}

static double *bounded(struct fixture *f, const struct ev *c, const double *const *e_in, bool kernel)
{
    double *e = arena_array(f->g->arena, double, c->out.count + 1);
    struct bd b = { .v = *c, .e_in = e_in, .e_out = e, .u = kernel ? 0x1p-24 : 0x1p-53, .kernel = kernel };
    op_bound(&b);
    return e;
}

/* ---- the ring ---- */
static void only_rings_are_made(void **state)
{
    (void)state;
    struct padic a;
    const char *why;
    for (int64_t p = -3; p < 3000; p++) {
        bool prime = p > 1;
        for (int64_t d = 2; d * d <= p; d++)
            prime &= p % d != 0;
        assert_int_equal(padic_make(p, 1, 8, &a, &why), prime);
    }
    assert_true(padic_make(2, 63, 1, &a, &why) && a.top == INT64_MAX && a.limit == INT64_MAX / 2);
    assert_false(padic_make(2, 64, 1, &a, &why));
    assert_true(padic_make(3, 39, 1, &a, &why));
    assert_false(padic_make(3, 40, 1, &a, &why));
    assert_true(padic_make(INT64_C(9223372036854775783), 1, 1, &a, &why));
    assert_false(padic_make(INT64_C(9223372036854775781), 1, 1, &a, &why));
    assert_false(padic_make(INT64_C(3037000493) * 3037000453, 1, 1, &a, &why));
    assert_false(padic_make(2, 16, 1000, &a, &why));
    assert_string_equal(why, "s a power of two");
    assert_false(padic_make(2, 0, 1024, &a, &why) || padic_make(2, 16, 0, &a, &why) ||
                 padic_make(2, 16, -4, &a, &why) || padic_make(2, INT64_MAX, 1, &a, &why));
}

static const struct {
    int64_t p, n, s;
} rings[] = { { 2, 16, 1024 }, { 2, 1, 4 }, { 2, 63, 1024 }, { 3, 4, 8 }, { 5, 1, 1 }, { 7, 22, 1 } };
enum { RINGS = sizeof rings / sizeof *rings };

static struct padic ring(int i)
{
    struct padic a;
    const char *why;
    assert_true(padic_make(rings[i].p, rings[i].n, rings[i].s, &a, &why));
    return a;
}

static void encode_rounds_and_clamps(void **state)
{
    (void)state;
    struct padic a = ring(0);
    assert_int_equal(a.limit, 32767);
    /* half to even, in both directions */
    assert_int_equal(padic_encode(&a, 0.5 / 1024), 0);
    assert_int_equal(padic_encode(&a, 1.5 / 1024), 2);
    assert_int_equal(padic_encode(&a, -2.5 / 1024), -2);
    /* equality is not clamped; what rounds to L is not */
    assert_int_equal(padic_encode(&a, 32767.0 / 1024), 32767);
    assert_false(padic_clamps(&a, 32767.0 / 1024) || padic_clamps(&a, 32767.49 / 1024) ||
                 padic_clamps(&a, -32767.0 / 1024) || padic_clamps(&a, NAN));
    assert_true(padic_clamps(&a, 32767.5 / 1024) && padic_clamps(&a, -32.0) && padic_clamps(&a, INFINITY) &&
                padic_clamps(&a, -1e300));
    assert_int_equal(padic_encode(&a, 32.0), 32767);
    assert_int_equal(padic_encode(&a, -INFINITY), -32767);
    assert_int_equal(padic_encode(&a, NAN), INT64_MIN);
    struct padic big = ring(2);
    assert_int_equal(padic_encode(&big, 1e300), big.limit);
    assert_int_equal(padic_encode(&big, -0x1p60), -big.limit);
}

/* Against residues counted by hand: q and its class are pⁿ apart, the representative is the one in −⌊pⁿ/2⌋..⌊(pⁿ−1)/2⌋.
   */
static void decode_takes_the_balanced_representative(void **state)
{
    (void)state;
    static const struct {
        int64_t p, n, modulus;
    } small[] = { { 2, 1, 2 }, { 2, 3, 8 }, { 3, 2, 9 }, { 5, 1, 5 } };
    for (int i = 0; i < 4; i++) {
        struct padic a;
        const char *why;
        assert_true(padic_make(small[i].p, small[i].n, 1, &a, &why));
        for (int64_t q = -40; q <= 40; q++) {
            int64_t m = small[i].modulus;
            int64_t r = padic_residue(&a, q);
            int64_t b = padic_balanced(&a, q);
            assert_true(r >= 0 && r < m && (q - r) % m == 0);
            assert_true(b >= -(m / 2) && b <= (m - 1) / 2 && (q - b) % m == 0);
        }
    }
    struct padic big = ring(2);
    assert_int_equal(padic_balanced(&big, INT64_MAX), -1);
    assert_int_equal(padic_balanced(&big, INT64_C(1) << 62), -(INT64_C(1) << 62));
    assert_int_equal(padic_residue(&big, -1), INT64_MAX);
}

static void decode_of_encode_is_near(void **state)
{
    struct fixture *f = *state;
    for (int trial = 0; trial < 5000; trial++) {
        struct padic a = ring((int)(trial % RINGS));
        double z = ldexp(2 * rnd_unit(&f->rnd) - 1, (int)rnd_range(&f->rnd, -12, 8));
        double back = (double)padic_balanced(&a, padic_encode(&a, z)) / (double)a.s;
        if (!padic_clamps(&a, z))
            assert_true(fabs(back - z) <= 0.5 / (double)a.s);
        else
            assert_true(fabs(back) == (double)a.limit / (double)a.s && fabs(z) > fabs(back));
    }
}

/* ---- the rows' `at`: kernel values over constants, computed here ---- */
struct pull {
    struct at at;
    const struct view *v;
};

static NUM kexpr_run(const struct kexpr *x);
static double as_double(const struct kexpr *x)
{
    return dtype_is_float(x->type) ? kexpr_run(x).d : (double)kexpr_run(x).i;
}

static NUM run_compare(const struct kexpr *x)
{
    NUM a = kexpr_run(x->arg[0]);
    NUM b = kexpr_run(x->arg[1]);
    bool real = dtype_is_float(x->arg[0]->type);
    switch (x->op) {
    case K_EQ: return (NUM){ .i = real ? a.d == b.d : a.i == b.i };
    case K_NE: return (NUM){ .i = real ? a.d != b.d : a.i != b.i };
    case K_LT: return (NUM){ .i = real ? a.d < b.d : a.i < b.i };
    case K_GT: return (NUM){ .i = real ? a.d > b.d : a.i > b.i };
    case K_AND: return (NUM){ .i = a.i && b.i };
    case K_OR: return (NUM){ .i = a.i || b.i };
    default: fail_msg("comparison %d", x->op);
    }
    return a;
}

static double rounded(enum dtype t, double x) { return t == DT_F64 ? x : dtype_round(t, x); }

static NUM kexpr_run(const struct kexpr *x)
{
    if (x->kind == KEXPR_CONST)
        return dtype_is_float(x->type) ? (NUM){ .d = x->f } : (NUM){ .i = x->i };
    assert_int_equal(x->kind, KEXPR_OP);
    const struct kexpr *p = x->arg[0];
    const struct kexpr *q = x->arg[1];
    bool real = dtype_is_float(x->type);
    switch (x->op) {
    case K_CAST: {
        double d = as_double(p);
        if (real)
            return (NUM){ .d = rounded(x->type, d) };
        if (dtype_is_float(p->type))
            assert_true(d > -0x1p63 && d < 0x1p63); /* else C does not say */
        return (NUM){ .i = dtype_is_float(p->type) ? (int64_t)d : kexpr_run(p).i };
    }
    case K_SELECT: return kexpr_run(p).i ? kexpr_run(q) : kexpr_run(x->arg[2]);
    case K_NOT: return (NUM){ .i = !kexpr_run(p).i };
    case K_RINT: return (NUM){ .d = rint(kexpr_run(p).d) };
    case K_REM: return (NUM){ .i = kexpr_run(p).i % kexpr_run(q).i };
    case K_ADD:
        return real ? (NUM){ .d = rounded(x->type, kexpr_run(p).d + kexpr_run(q).d) }
                    : (NUM){ .i = kexpr_run(p).i + kexpr_run(q).i };
    case K_SUB:
        return real ? (NUM){ .d = rounded(x->type, kexpr_run(p).d - kexpr_run(q).d) }
                    : (NUM){ .i = kexpr_run(p).i - kexpr_run(q).i };
    case K_MUL:
        return real ? (NUM){ .d = rounded(x->type, kexpr_run(p).d * kexpr_run(q).d) }
                    : (NUM){ .i = kexpr_run(p).i * kexpr_run(q).i };
    case K_MAX:
        return real                              ? (NUM){ .d = fmax(kexpr_run(p).d, kexpr_run(q).d) }
               : kexpr_run(p).i > kexpr_run(q).i ? kexpr_run(p)
                                                 : kexpr_run(q);
    case K_MIN:
        return real                              ? (NUM){ .d = fmin(kexpr_run(p).d, kexpr_run(q).d) }
               : kexpr_run(p).i < kexpr_run(q).i ? kexpr_run(p)
                                                 : kexpr_run(q);
    default: return run_compare(x);
    }
}

static const struct kexpr *element_at(struct at *c, int operand, const struct index *const *index)
{
    const struct view *v = &((struct pull *)c->lower)->v[operand];
    int64_t flat = 0, i;
    for (int d = 0; d < v->rank; d++) {
        assert_true(index_const_value(index[d], &i));
        flat = flat * v->dim[d] + i;
    }
    if (!dtype_is_float(v->dtype))
        return kexpr_i64(c->k, v->v[flat].i);
    return v->dtype == DT_F64 ? kexpr_f64(c->k, v->v[flat].d) : kexpr_f32(c->k, v->v[flat].d);
}

static NUM pulled(struct fixture *f, struct kbuild *k, const struct node *n, const struct view *v, int64_t flat)
{
    const struct index *index[MAX_RANK];
    for (int d = n->type.rank; d-- > 0;) {
        int64_t len;
        assert_true(index_const_value(n->type.dim[d], &len));
        index[d] = index_const(f->s->indices, flat % len);
        flat /= len;
    }
    struct pull p = { .at = { .k = k, .n = n, .index = index, .value = element_at }, .v = v };
    p.at.lower = &p;
    return kexpr_run(n->op->kernel.at(&p.at));
}

static void kernels_encode_and_decode_the_same(void **state)
{
    struct fixture *f = *state;
    enum { N = 400 };
    struct kernel *kernel = kernel_new(f->s, f->g->arena, "k", target_find("sm_90"), 64);
    struct kbuild k = kb_at(kernel);
    for (int r = 0; r < RINGS; r++) {
        struct attr ring_attrs[3] = { { .i = rings[r].p }, { .i = rings[r].n }, { .i = rings[r].s } };
        struct node *z = input(f, DT_F32, 1, N, 0, -INFINITY, INFINITY);
        struct node *q = input(f, DT_I64, 1, N, 0, -INFINITY, INFINITY);
        struct node *encode = op(f, "padic_encode", 1, &z, ring_attrs);
        struct node *decode = op(f, "padic_decode", 1, &q, ring_attrs);
        struct view vz = op_walk_view(f->g->arena, &z->type);
        struct view vq = op_walk_view(f->g->arena, &q->type);
        const double special[] = { NAN,        INFINITY,       -INFINITY,       0,    -0.0, 0.5 / 1024,
                                   1.5 / 1024, 32767.5 / 1024, -32767.5 / 1024, 1e38, -1e38 };
        for (int i = 0; i < N; i++) {
            vz.v[i].d = i < 11
                            ? dtype_round(DT_F32, special[i])
                            : dtype_round(DT_F32, ldexp(2 * rnd_unit(&f->rnd) - 1, (int)rnd_range(&f->rnd, -10, 64)));
            vq.v[i].i = i == 0    ? INT64_MIN
                        : i == 1  ? INT64_MAX
                        : i == 2  ? INT64_MIN + 1
                        : i < 200 ? rnd_range(&f->rnd, -70, 70)
                                  : (int64_t)rnd_u64(&f->rnd) >> rnd_range(&f->rnd, 0, 50);
        }
        struct ev ce = evaluated(f, encode, &vz);
        struct ev cd = evaluated(f, decode, &vq);
        for (int i = 0; i < N; i++) {
            assert_int_equal(pulled(f, &k, encode, &vz, i).i, ce.out.v[i].i);
            double got = pulled(f, &k, decode, &vq, i).d;
            double want = cd.out.v[i].d;
            assert_true((isnan(got) && isnan(want)) || got == dtype_round(DT_F32, want));
        }
        assert_int_equal(ce.out.v[0].i, INT64_MIN);
        assert_true(isnan(cd.out.v[0].d) && cd.out.v[3].d == cd.out.v[3].d);
    }
}

/* Encode of any z' near z stays within the hull, and its ends are met. */
static void encode_bound_is_the_hull(void **state)
{
    struct fixture *f = *state;
    enum { N = 64 };
    int met = 0;
    for (int r = 0; r < RINGS; r++) {
        struct padic a = ring(r);
        struct node *z = input(f, DT_F32, 1, N, 0, -INFINITY, INFINITY);
        struct node *q = op(f, "padic_encode", 1, &z, (struct attr[]){ { .i = a.p }, { .i = a.n }, { .i = a.s } });
        struct view v = op_walk_view(f->g->arena, &z->type);
        double e[N], near[N];
        for (int i = 0; i < N; i++)
            v.v[i].d = i ? 2 * rnd_unit(&f->rnd) - 1 : NAN;
        for (int i = 0; i < N; i++)
            e[i] = i % 4 ? ldexp(rnd_unit(&f->rnd), (int)rnd_range(&f->rnd, -16, 2)) : 0;
        struct ev c = evaluated(f, q, &v);
        double *out = bounded(f, &c, (const double *const[]){ e }, true);
        assert_true(out[0] == 0);
        for (int trial = 0; trial < 50; trial++)
            for (int i = 1; i < N; i++) {
                near[i] = v.v[i].d + e[i] * (trial == 0 ? 1 : trial == 1 ? -1 : 2 * rnd_unit(&f->rnd) - 1);
                double away = fabs((double)padic_encode(&a, near[i]) - (double)c.out.v[i].i);
                assert_true(away <= out[i]);
                met += e[i] > 0 && away == out[i];
            }
        assert_true(out[4] == 0);
    }
    assert_true(met > 500);
    struct node *z = input(f, DT_F32, 1, 1, 0, -1, 1);
    struct node *q = op(f, "padic_encode", 1, &z, NULL);
    struct node *back = op(f, "padic_decode", 1, &q, NULL);
    assert_true(q->facts.lo == -1024 && q->facts.hi == 1024 && q->facts.integral && q->facts.finite &&
                back->facts.lo == -1 && back->facts.hi == 1);
    struct node *wild = input(f, DT_F32, 1, 1, 0, -INFINITY, INFINITY);
    struct node *clamped = op(f, "padic_encode", 1, &wild, NULL);
    assert_true(clamped->facts.lo == -32767 && clamped->facts.hi == 32767 && !clamped->facts.finite);
}

static void decode_bound_holds(void **state)
{
    struct fixture *f = *state;
    enum { N = 200 };
    for (int r = 0; r < RINGS; r++) {
        struct padic a = ring(r);
        struct node *q = input(f, DT_I64, 1, N, 0, -INFINITY, INFINITY);
        struct node *z = op(f, "padic_decode", 1, &q, (struct attr[]){ { .i = a.p }, { .i = a.n }, { .i = a.s } });
        struct view v = op_walk_view(f->g->arena, &q->type);
        double e[N];
        for (int i = 0; i < N; i++) {
            v.v[i].i = (int64_t)((2 * rnd_unit(&f->rnd) - 1) * (double)a.limit);
            e[i] = (double)(i % 3);
        }
        struct ev c = evaluated(f, z, &v);
        double *out = bounded(f, &c, (const double *const[]){ e }, true);
        for (int i = 0; i < N; i++)
            for (int64_t d = -(int64_t)e[i]; d <= (int64_t)e[i]; d++) {
                double got = dtype_round(DT_F32, (double)padic_balanced(&a, v.v[i].i + d) / (double)a.s);
                assert_true(fabs(got - c.out.v[i].d) <= out[i]);
            }
    }
}

/* ---- topk_mask ---- */
static int worse(const struct view *v, int64_t row, int64_t i, int64_t j) /* i stands after j */
{
    NUM x = v->v[row + i];
    NUM y = v->v[row + j];
    if (!dtype_is_float(v->dtype))
        return x.i != y.i ? x.i < y.i : i > j;
    if (isnan(x.d) || isnan(y.d))
        return isnan(x.d) && isnan(y.d) ? i > j : isnan(x.d);
    return x.d != y.d ? x.d < y.d : i > j;
}

/* By repeated search for the best that is left. */
static void choose(const struct view *v, int64_t row, int64_t k, bool *chosen)
{
    memset(chosen, 0, (size_t)v->last);
    for (int64_t n = 0; n < k && n < v->last; n++) {
        int64_t best = -1;
        for (int64_t i = 0; i < v->last; i++)
            if (!chosen[i] && (best < 0 || worse(v, row, best, i)))
                best = i;
        chosen[best] = true;
    }
}

static struct view random_scores(struct fixture *f, const struct node *n)
{
    struct view v = op_walk_view(f->g->arena, &n->type);
    for (int64_t i = 0; i < v.count; i++) {
        int64_t odd = rnd_range(&f->rnd, 0, 15);
        int64_t level = rnd_range(&f->rnd, -3, 3);
        if (v.dtype == DT_I64)
            v.v[i].i = odd == 0 ? INT64_MIN : odd == 1 ? INT64_MAX - (i & 1) : level;
        else
            v.v[i].d = odd == 0   ? NAN
                       : odd == 1 ? -INFINITY
                       : odd == 2 ? INFINITY
                       : odd == 3 ? -0.0
                                  : (double)level / 2;
    }
    return v;
}

static void the_k_largest_are_chosen(void **state)
{
    struct fixture *f = *state;
    struct kernel *kernel = kernel_new(f->s, f->g->arena, "k", target_find("sm_90"), 64);
    struct kbuild kb = kb_at(kernel);
    for (int trial = 0; trial < 400; trial++) {
        int64_t rows = rnd_range(&f->rnd, 1, 6);
        int64_t n = rnd_range(&f->rnd, 1, 9);
        int64_t k = rnd_range(&f->rnd, 1, n);
        f->g = graph_new(f->s, "trial");
        struct node *x = input(f, trial % 2 ? DT_I64 : DT_F32, 2, rows, n, -INFINITY, INFINITY);
        struct node *m = op(f, "topk_mask", 1, &x, (struct attr[]){ { .i = k }, { .i = -1 } });
        struct view v = random_scores(f, x);
        struct ev c = evaluated(f, m, &v);
        struct at at = { .k = &kb, .n = m };
        bool want[16];
        for (int64_t r = 0; r < rows; r++) {
            int64_t count = 0;
            choose(&v, r * n, k, want);
            for (int64_t i = 0; i < n; i++) {
                assert_int_equal(c.out.v[r * n + i].i, want[i]);
                count += c.out.v[r * n + i].i;
                int64_t rank = 0;
                for (int64_t j = 0; j < n; j++) {
                    NUM a = v.v[r * n + j];
                    NUM b = v.v[r * n + i];
                    const struct kexpr *sj = trial % 2 ? kexpr_i64(&kb, a.i) : kexpr_f32(&kb, a.d);
                    const struct kexpr *si = trial % 2 ? kexpr_i64(&kb, b.i) : kexpr_f32(&kb, b.d);
                    rank += i != j &&
                            kexpr_run(m->op->kernel.precedes(&at, sj, kexpr_i32(&kb, j), si, kexpr_i32(&kb, i))).i;
                }
                assert_int_equal(kexpr_run(m->op->kernel.from_rank(&at, kexpr_i32(&kb, rank))).i, want[i]);
            }
            assert_int_equal(count, k);
        }
    }
}

static NUM moved(const struct view *v, int64_t i, double by)
{
    return v->dtype == DT_I64 ? (NUM){ .i = v->v[i].i + (int64_t)by } : (NUM){ .d = v->v[i].d + by };
}

/* Where the bound says certain no outcome within the errors differs; where it says uncertain, pushing the element down
   and all others up, or the reverse, shows both. */
static void topk_bound_is_what_errors_allow(void **state)
{
    struct fixture *f = *state;
    int uncertain = 0;
    for (int trial = 0; trial < 400; trial++) {
        int64_t n = rnd_range(&f->rnd, 1, 7);
        int64_t k = rnd_range(&f->rnd, 1, n);
        f->g = graph_new(f->s, "trial");
        struct node *x = input(f, trial % 2 ? DT_I64 : DT_F32, 2, 1, n, -INFINITY, INFINITY);
        struct node *m = op(f, "topk_mask", 1, &x, (struct attr[]){ { .i = k }, { .i = -1 } });
        struct view v = op_walk_view(f->g->arena, &x->type);
        struct view near = op_walk_view(f->g->arena, &x->type);
        double e[8];
        for (int64_t i = 0; i < n; i++) {
            e[i] = (double)rnd_range(&f->rnd, 0, 2);
            if (trial % 2)
                v.v[i].i = rnd_range(&f->rnd, -5, 5);
            else
                v.v[i].d = (double)rnd_range(&f->rnd, -5, 5);
        }
        struct ev c = evaluated(f, m, &v);
        double *out = bounded(f, &c, (const double *const[]){ e }, true);
        bool chosen[8];
        for (int t = 0; t < 40; t++) {
            for (int64_t i = 0; i < n; i++)
                near.v[i] = moved(&v, i, (double)rnd_range(&f->rnd, (int64_t)-e[i], (int64_t)e[i]));
            choose(&near, 0, k, chosen);
            for (int64_t i = 0; i < n; i++)
                assert_true(out[i] == 1 || chosen[i] == c.out.v[i].i);
        }
        for (int64_t i = 0; i < n; i++) {
            if (out[i] == 0)
                continue;
            for (int up = 0; up < 2; up++) {
                for (int64_t j = 0; j < n; j++)
                    near.v[j] = moved(&v, j, (j == i) == up ? e[j] : -e[j]);
                choose(&near, 0, k, chosen);
                assert_int_equal(chosen[i], up);
            }
            uncertain++;
        }
    }
    assert_true(uncertain > 100);
}

/* Errors of each kind: none, small and large integers, fractions, none known; more than one kind in a row. */
static double random_error(struct fixture *f, int kind)
{
    switch (kind) {
    case 0: return 0;
    case 1: return (double)rnd_range(&f->rnd, 0, 2);
    case 2: return rnd_unit(&f->rnd);
    case 3: return rnd_range(&f->rnd, 0, 7) ? 0 : INFINITY;
    case 4: return rnd_range(&f->rnd, 0, 7) ? 0 : 0x1p60;
    default: return random_error(f, (int)rnd_range(&f->rnd, 0, kind == 5 ? 3 : 4));
    }
}

/* Long rows are chosen from, and bounded, by the k-th of the row, short ones element by element: both give the same. */
static void long_rows_are_as_short_runs(void **state)
{
    struct fixture *f = *state;
    enum { LONGEST = 200, ROWS = 2 };
    int64_t chosen = 0;
    int64_t uncertain = 0;
    int64_t certain = 0;
    for (int trial = 0; trial < 1400; trial++) {
        int64_t n = rnd_range(&f->rnd, 65, LONGEST);
        int64_t k = rnd_range(&f->rnd, 0, 3) ? rnd_range(&f->rnd, 1, n) : rnd_range(&f->rnd, -1, n + 1);
        int kind = trial / 2 % 7;
        int wide = trial / 14 % 3;
        bool near = rnd_range(&f->rnd, 0, 3) == 0;
        f->g = graph_new(f->s, "trial");
        struct node *x = input(f, trial % 2 ? DT_I64 : DT_F32, 2, ROWS, n, -INFINITY, INFINITY);
        struct node *m = op(f, "topk_mask", 1, &x, (struct attr[]){ { .i = k }, { .i = -1 } });
        struct view v = random_scores(f, x);
        double e[ROWS * LONGEST];
        for (int64_t i = 0; i < v.count; i++) {
            if (wide && trial % 2 && v.v[i].i > -4 && v.v[i].i < 4)
                v.v[i].i = (int64_t)rnd_u64(&f->rnd) >> (wide == 1 ? 50 : rnd_range(&f->rnd, 0, 60));
            if (wide && trial % 2 == 0 && isfinite(v.v[i].d))
                v.v[i].d = wide == 1 ? 40 * rnd_unit(&f->rnd) : ldexp(rnd_unit(&f->rnd) - 0.5, (int)(i % 200) - 100);
            e[i] = random_error(f, kind);
            /* Integers have keys where the largest are absent and the least, which stands for no score, is certain;
               with `near` large ones crowd. */
            if (trial % 2 == 0 || trial % 5 == 0)
                continue;
            if (v.v[i].i >= INT64_MAX - 1)
                v.v[i].i = 3;
            if (v.v[i].i == INT64_MIN && e[i] < INFINITY)
                e[i] = 0;
            if (near && v.v[i].i != INT64_MIN)
                v.v[i].i = (INT64_C(1) << 55) + rnd_range(&f->rnd, 0, 20);
        }
        struct ev whole = evaluated(f, m, &v);
        struct ev single = whole;
        struct run one[ROWS * LONGEST];
        for (int64_t i = 0; i < v.count; i++)
            one[i] = (struct run){ i, i + 1 };
        single.runs = one;
        single.n_runs = (size_t)v.count;
        double *long_e = bounded(f, &whole, (const double *const[]){ e }, true);
        double *short_e = bounded(f, &single, (const double *const[]){ e }, true);
        bool want[LONGEST];
        for (int64_t i = 0; i < v.count; i++) {
            if (i % n == 0)
                choose(&v, i, k, want);
            assert_int_equal(whole.out.v[i].i, want[i % n]);
            assert_true(long_e[i] == short_e[i]);
            chosen += want[i % n];
            uncertain += long_e[i] == 1;
            certain += long_e[i] == 0 && e[i] > 0;
        }
        single.out = op_walk_view(f->g->arena, &m->type);
        op_eval(&single);
        for (int64_t i = 0; i < v.count; i++)
            assert_int_equal(single.out.v[i].i, whole.out.v[i].i);
    }
    assert_true(chosen > 10000 && uncertain > 10000 && certain > 10000);
}

/* A row of a million scores, which pairs of elements would take hours for. */
static void a_long_row_takes_no_pairs(void **state)
{
    struct fixture *f = *state;
    enum { N = 1000000, K = 1000 };
    struct node *x = input(f, DT_F32, 2, 1, N, -INFINITY, INFINITY);
    struct node *m = op(f, "topk_mask", 1, &x, (struct attr[]){ { .i = K }, { .i = -1 } });
    struct view v = op_walk_view(f->g->arena, &x->type);
    double *e = arena_array(f->g->arena, double, N);
    for (int64_t i = 0; i < N; i++) {
        v.v[i].d = (double)(i * 7919 % N);
        e[i] = 2;
    } /* a permutation of 0 … N − 1 */
    struct ev c = evaluated(f, m, &v);
    double *out = bounded(f, &c, (const double *const[]){ e }, true);
    for (int64_t i = 0; i < N; i++) {
        assert_int_equal(c.out.v[i].i, v.v[i].d >= N - K);
        /* the next four on its own side may pass it, or it them */
        assert_int_equal(out[i] == 1, v.v[i].d >= N - K - 4 && v.v[i].d < N - K + 4);
    }
}

/* ---- combine ---- */
static void combine_sums_the_chosen(void **state)
{
    struct fixture *f = *state;
    struct node *in[4] = { input(f, DT_F32, 2, 3, 3, -1, 1) };
    for (int e = 0; e < 3; e++)
        in[e + 1] = input(f, DT_F32, 2, 3, 2, -9, 9);
    struct node *n = op(f, "combine", 4, in, NULL);
    struct view v[4];
    for (int i = 0; i < 4; i++)
        v[i] = op_walk_view(f->g->arena, &in[i]->type);
    const double w[9] = { 0.5, 0, 0.25, 0, -0.0, 0, NAN, 0, 1 };
    const double y[3][6] = { { 2, 4, 1, 1, 1, 1 },
                             { INFINITY, NAN, INFINITY, 1, NAN, NAN },
                             { 8, INFINITY, NAN, 1, 1, 1 } };
    for (int i = 0; i < 9; i++)
        v[0].v[i].d = w[i];
    for (int e = 0; e < 3; e++)
        for (int i = 0; i < 6; i++)
            v[e + 1].v[i].d = y[e][i];
    struct ev c = evaluated(f, n, v);
    const double want[6] = { 3, INFINITY, 0, 0, NAN, NAN };
    struct kernel *kernel = kernel_new(f->s, f->g->arena, "k", target_find("sm_90"), 64);
    struct kbuild k = kb_at(kernel);
    double *none[4] = { 0 };
    double *e = bounded(f, &c, (const double *const *)none, true);
    for (int i = 0; i < 6; i++) {
        double got = c.out.v[i].d;
        double there = pulled(f, &k, n, v, i).d;
        assert_true(isnan(want[i]) ? isnan(got) && isnan(there) : got == want[i] && there == want[i]);
        assert_true(isnan(want[i]) || isinf(want[i]) ? e[i] == 0 : e[i] < 1e-5);
    }
}

static void combine_bound_holds(void **state)
{
    struct fixture *f = *state;
    enum { E = 3, N = 40 };
    double worst = 0;
    for (int trial = 0; trial < 100; trial++) {
        f->g = graph_new(f->s, "trial");
        struct kernel *kernel = kernel_new(f->s, f->g->arena, "k", target_find("sm_90"), 64);
        struct kbuild k = kb_at(kernel);
        struct node *in[1 + E] = { input(f, DT_F32, 2, N, E, -1, 1) };
        for (int i = 0; i < E; i++)
            in[i + 1] = input(f, DT_F32, 2, N, 1, -9, 9);
        struct node *n = op(f, "combine", 1 + E, in, NULL);
        struct view v[1 + E], near[1 + E];
        double *err[1 + E];
        for (int j = 0; j <= E; j++) {
            v[j] = op_walk_view(f->g->arena, &in[j]->type);
            near[j] = op_walk_view(f->g->arena, &in[j]->type);
            err[j] = arena_array(f->g->arena, double, v[j].count);
            for (int64_t i = 0; i < v[j].count; i++) {
                bool zero = rnd_range(&f->rnd, 0, 3) == 0;
                v[j].v[i].d = zero ? 0 : dtype_round(DT_F32, 2 * rnd_unit(&f->rnd) - 1);
                err[j][i] = trial % 2 && rnd_range(&f->rnd, 0, 1) ? 0x1p-12 * rnd_unit(&f->rnd) : 0;
                double x = dtype_round(DT_F32, v[j].v[i].d + err[j][i] * (2 * rnd_unit(&f->rnd) - 1));
                near[j].v[i].d = fabs(x - v[j].v[i].d) <= err[j][i] ? x : v[j].v[i].d;
            }
        }
        struct ev c = evaluated(f, n, v);
        double *e = bounded(f, &c, (const double *const *)err, true);
        for (int i = 0; i < N; i++) {
            double away = fabs(pulled(f, &k, n, near, i).d - c.out.v[i].d);
            assert_true(away <= e[i]);
            if (e[i] > 0 && away / e[i] > worst)
                worst = away / e[i];
        }
    }
    assert_true(worst > 0.2);
}

/* ---- certified routing ---- */
static void set_of(const struct padic *a, const double *z, int n, int k, bool *chosen)
{
    int64_t q[8];
    memset(chosen, 0, 8);
    for (int i = 0; i < n; i++)
        q[i] = a ? padic_encode(a, z[i]) : 0;
    for (int got = 0; got < k; got++) {
        int best = -1;
        for (int i = 0; i < n; i++)
            if (!chosen[i] && (best < 0 || (a ? q[i] > q[best] : z[i] > z[best])))
                best = i;
        chosen[best] = true;
    }
}

static void outward_rounding(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20000; i++) {
        double z = ldexp(2 * rnd_unit(&f->rnd) - 1, (int)rnd_range(&f->rnd, -60, 60));
        double e = ldexp(rnd_unit(&f->rnd), (int)rnd_range(&f->rnd, -60, 60));
        long double up = (long double)z + e;
        long double down = (long double)z - e;
        /* 64 bits of significand say which side of it the double lies, unless they rounded too: then the double is a
           neighbour outside */
        assert_true((long double)round_up(z, e) >= up && (long double)round_down(z, e) <= down);
        assert_true(round_up(z, e) <= nextafter(z + e, INFINITY) && round_down(z, e) >= nextafter(z - e, -INFINITY));
    }
    assert_true(round_up(1, 0) == 1 && round_down(1, 0) == 1 && round_up(1, 0x1p-80) > 1 && round_down(1, 0x1p-80) < 1);
    assert_true(round_up(1, INFINITY) == INFINITY && round_down(1, INFINITY) == -INFINITY &&
                round_up(1.7e308, 1.7e308) == INFINITY);
}

static void certified_rows_never_change(void **state)
{
    struct fixture *f = *state;
    int64_t certified_rows = 0;
    int64_t flips = 0;
    for (int trial = 0; trial < 3000; trial++) {
        struct padic ring_of = ring(trial % 5 == 4 ? 3 : 0);
        struct padic *a = trial % 2 ? &ring_of : NULL;
        int n = (int)rnd_range(&f->rnd, 1, 6);
        int k = (int)rnd_range(&f->rnd, 1, n);
        double z[8], beta[8], near[8];
        bool yes, set[8], other[8];
        for (int i = 0; i < n; i++) {
            z[i] = (double)rnd_range(&f->rnd, -6, 6) / (trial % 3 ? 1024 : 1) + (trial % 7 ? 0 : 0.5 / 1024);
            beta[i] = ldexp(rnd_unit(&f->rnd), (int)rnd_range(&f->rnd, -16, -7));
        }
        int64_t count = certify_rows(a, z, beta, 1, n, k, &yes);
        assert_int_equal(count, yes);
        certified_rows += count;
        set_of(a, z, n, k, set);
        bool flipped = false;
        for (int t = 0; t < 60; t++) {
            for (int i = 0; i < n; i++) {
                double by = t == 0 ? (set[i] ? -beta[i] : beta[i])
                                   : beta[i] * (t % 2                  ? 2 * rnd_unit(&f->rnd) - 1
                                                : rnd_u64(&f->rnd) & 1 ? 1
                                                                       : -1);
                near[i] = z[i] + by;
                if (fabs(near[i] - z[i]) > beta[i])
                    near[i] = z[i];
            }
            set_of(a, near, n, k, other);
            flipped |= memcmp(set, other, (size_t)n) != 0;
        }
        assert_false(yes && flipped);
        flips += flipped;
    }
    assert_true(certified_rows > 500 && flips > 300);
}

static void certification_is_not_given_away(void **state)
{
    (void)state;
    struct padic a = ring(0);
    bool yes[4];
    /* no error: ties too are certain, by index; a NaN never is, nor an unbounded score */
    const double z[8] = { 1, 1, 2, 1, NAN, 0, 3, 1 };
    const double none[8] = { 0 };
    const double open[8] = { 0, 0, INFINITY, 0, 0, 0, 0, NAN };
    assert_int_equal(certify_rows(&a, z, none, 4, 2, 1, yes), 3);
    assert_true(yes[0] && yes[1] && !yes[2] && yes[3]);
    assert_int_equal(certify_rows(NULL, z, none, 4, 2, 1, NULL), 3);
    assert_int_equal(certify_rows(&a, z, open, 4, 2, 1, yes), 1);
    assert_int_equal(certify_rows(&a, z, open, 4, 2, 2, yes), 1); /* all are chosen, and still */
    /* both clamp to L for certain: the lower index wins whatever the scores do */
    const double far[2] = { 100, 200 };
    const double wide[2] = { 50, 50 };
    assert_int_equal(certify_rows(&a, far, wide, 1, 2, 1, yes), 1);
    assert_int_equal(certify_rows(NULL, far, wide, 1, 2, 1, yes), 0);
    /* an error below half a step that moves no score over a rounding point */
    const double apart[2] = { 10.25 / 1024, 11.25 / 1024 };
    const double small[2] = { 0.2 / 1024, 0.2 / 1024 };
    const double large[2] = { 0.3 / 1024, 0.76 / 1024 };
    assert_int_equal(certify_rows(&a, apart, small, 1, 2, 1, yes), 1);
    assert_int_equal(certify_rows(&a, apart, large, 1, 2, 1, yes), 0);
}

/* ---- over the field ---- */
/* A moved payload moves an encoded score and, through it, choices: a fault before a selection can be seen. */
static void the_field_sees_through_selections(void **state)
{
    struct fixture *f = *state;
    int differ = 0;
    struct node *z = input(f, DT_F32, 2, 8, 4, -1, 1);
    struct node *q = op(f, "padic_encode", 1, &z, NULL);
    struct node *m = op(f, "topk_mask", 1, &q, (struct attr[]){ { .i = 2 }, { .i = -1 } });
    struct node *back = op(f, "padic_decode", 1, &q, NULL);
    for (int trial = 0; trial < 50; trial++) {
        struct view v = op_walk_view(f->g->arena, &z->type), got[2];
        for (int64_t i = 0; i < v.count; i++)
            v.v[i].u = rnd_u64(&f->rnd) % FIELD_P;
        for (int pass = 0; pass < 2; pass++) {
            struct op_walk w;
            op_walk_begin(&w, f->g);
            w.kind = NUM_FIELD;
            w.key = 99;
            op_walk_bind(&w, z, v, NULL);
            op_walk_run(&w);
            got[pass] = w.value[m->id];
            for (int64_t i = 0; i < v.count; i++)
                assert_true(w.value[q->id].v[i].i >= 0 && w.value[back->id].v[i].u < FIELD_P);
            for (int64_t r = 0; r < 8; r++) {
                int64_t chosen = 0;
                for (int64_t i = 0; i < 4; i++)
                    chosen += got[pass].v[r * 4 + i].i;
                assert_int_equal(chosen, 2);
            }
            v.v[5].u = field_add(v.v[5].u, 1);
        }
        for (int64_t i = 0; i < v.count; i++)
            differ += got[0].v[i].i != got[1].v[i].i;
    }
    assert_true(differ > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(only_rings_are_made),
        T(encode_rounds_and_clamps),
        T(decode_takes_the_balanced_representative),
        T(decode_of_encode_is_near),
        T(kernels_encode_and_decode_the_same),
        T(encode_bound_is_the_hull),
        T(decode_bound_holds),
        T(the_k_largest_are_chosen),
        T(topk_bound_is_what_errors_allow),
        T(long_rows_are_as_short_runs),
        T(a_long_row_takes_no_pairs),
        T(combine_sums_the_chosen),
        T(combine_bound_holds),
        T(outward_rounding),
        T(certified_rows_never_change),
        T(certification_is_not_given_away),
        T(the_field_sees_through_selections),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
