/* Facts and obligations; matmul, linear and the composites along a row against textbook values and their expansions;
   bounds of matrix units against the emulated units. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "runtime/emu/emu_matrix.h"
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
    f->rnd = 42;
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

/* ---- graphs ---- */
static struct type type_of(struct fixture *f, enum dtype dtype, int rank, const int64_t *dim)
{
    struct type t = { .dtype = dtype, .rank = rank };
    for (int i = 0; i < rank; i++)
        t.dim[i] = index_const(f->s->indices, dim[i]);
    return t;
}
#define TYPE(f, dtype, ...)                                                                                            \
    type_of(f, dtype, (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (const int64_t[]){ __VA_ARGS__ })

static struct node *input(struct fixture *f, struct type t, double lo, double hi)
{
    const struct op_def *op = op_find("input");
    const struct index **dims = arena_array(f->g->arena, const struct index *, t.rank);
    for (int i = 0; i < t.rank; i++)
        dims[i] = t.dim[i];
    struct attr a[4] = { { .n = t.rank, .dims = dims }, { .i = t.dtype }, { .f = lo }, { .f = hi } };
    struct node *n = graph_add(f->g, op, NULL, 0, a, NOWHERE);
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
#define OP_OF(f, name, attrs, ...)                                                                                     \
    op(f, name, (int)(sizeof((struct node *[]){ __VA_ARGS__ }) / sizeof(struct node *)),                               \
       (struct node *[]){ __VA_ARGS__ }, attrs)

static struct view filled(struct fixture *f, const struct node *n, const double *x)
{
    struct view v = op_walk_view(f->g->arena, &n->type);
    for (int64_t i = 0; i < v.count; i++)
        v.v[i].d = x[i];
    return v;
}

static struct view random_view(struct fixture *f, const struct node *n, enum num_kind kind, double lo, double hi)
{
    struct view v = op_walk_view(f->g->arena, &n->type);
    for (int64_t i = 0; i < v.count; i++)
        v.v[i] = kind == NUM_FIELD ? (NUM){ .u = rnd_u64(&f->rnd) % FIELD_P }
                                   : (NUM){ .d = lo + (hi - lo) * rnd_unit(&f->rnd) };
    return v;
}

static double at(const struct op_walk *w, const struct node *n, int64_t i) { return w->value[n->id].v[i].d; }

/* ---- facts ---- */
static void facts_go_from_operands_to_results(void **state)
{
    struct fixture *f = *state;
    struct type t = TYPE(f, DT_F32, 3, 8);
    struct node *x = input(f, t, 0, 1);
    struct node *y = input(f, t, -2, 0.5);
    struct node *any = input(f, t, -INFINITY, INFINITY);
    assert_true(x->facts.finite && x->facts.lo == 0 && x->facts.hi == 1);
    assert_false(any->facts.finite);

    for (int order = 0; order < 2; order++) {
        struct node *joined = OP_OF(f, "concat", NULL, order ? y : x, order ? x : y);
        assert_true(joined->facts.lo == -2 && joined->facts.hi == 1 && joined->facts.finite);
    }

    struct node *p = OP_OF(f, "softmax", NULL, y);
    struct node *q = OP_OF(f, "softmax", NULL, any);
    assert_true(p->facts.lo == 0 && p->facts.hi == 1 && p->facts.finite && p->facts.sums_to_one);
    assert_true(q->facts.hi == 1 && !q->facts.finite);
    struct node *reshaped =
        build_reshape(&(struct builder){ .g = f->g }, p,
                      &(struct type){ .dtype = DT_FLOAT, .rank = 1, .dim = { index_const(f->s->indices, 24) } });
    op_contract(f->g, reshaped);
    assert_true(reshaped->facts.hi == 1 && !reshaped->facts.sums_to_one);

    struct node *top = OP_OF(f, "topk_mask", ((struct attr[]){ { .i = 2 }, { .i = -1 } }), p);
    assert_int_equal(top->facts.max_nonzero, 2);
    struct node *gelu = OP_OF(f, "gelu", NULL, y);
    struct node *none = OP_OF(f, "gelu", NULL, x);
    assert_true(gelu->facts.lo < -0.17 && gelu->facts.lo > -0.171 && gelu->facts.hi == 0.5 && none->facts.lo == 0);

    struct node *w = input(f, TYPE(f, DT_F32, 8, 5), -3, 1);
    struct node *m = OP_OF(f, "matmul", NULL, x, w);
    struct node *open = OP_OF(f, "matmul", NULL, any, w);
    assert_true(m->facts.lo == -24 && m->facts.hi == 24 && m->facts.finite);
    assert_true(open->facts.lo == -INFINITY && !open->facts.finite);
    struct node *positive = input(f, TYPE(f, DT_F32, 8, 5), 0, 1);
    assert_true(OP_OF(f, "matmul", NULL, x, positive)->facts.lo == 0);
    struct node *whole = input(f, t, -2, 1);
    whole->facts.integral = true;
    const struct attr last[] = { { .ints = (int64_t[]){ 1 }, .n = 1 }, { .i = 0 } };
    assert_true(OP_OF(f, "sum", last, whole)->facts.integral);
    assert_false(OP_OF(f, "mean", last, whole)->facts.integral);
    struct node *loss = OP_OF(f, "mse", NULL, x, y);
    assert_true(loss->keep_f32);
    assert_true(loss->facts.lo == 0 && loss->facts.hi == 9 && loss->facts.finite);
}

/* What facts say must hold of values drawn in the inputs' ranges. */
static void facts_hold_of_values(void **state)
{
    struct fixture *f = *state;
    struct node *x = input(f, TYPE(f, DT_FLOAT, 6, 16), -3, 2);
    struct node *g1 = input(f, TYPE(f, DT_FLOAT, 16), 0.5, 1.5);
    struct node *w = input(f, TYPE(f, DT_FLOAT, 4, 16), -1, 1);
    struct node *b4 = input(f, TYPE(f, DT_FLOAT, 4), -0.5, 0.5);
    struct node *y = input(f, x->type, -1, 1);
    struct node *all[] = { OP_OF(f, "layernorm", NULL, x, g1, g1), OP_OF(f, "softmax", NULL, x),
                           OP_OF(f, "gelu", NULL, x), OP_OF(f, "linear", NULL, x, w, b4), OP_OF(f, "mse", NULL, x, y) };
    for (int trial = 0; trial < 40; trial++) {
        struct op_walk walk;
        op_walk_begin(&walk, f->g);
        /* now and then at the ends of the range, where facts are tightest */
        for (size_t i = 0; i < f->g->n_nodes; i++) {
            struct node *n = f->g->nodes[i];
            if (n->n_in)
                continue;
            struct view v = random_view(f, n, NUM_DOUBLE, n->facts.lo, n->facts.hi);
            for (int64_t k = 0; trial % 2 && k < v.count; k++)
                v.v[k].d = rnd_u64(&f->rnd) % 16 ? n->facts.lo : n->facts.hi;
            op_walk_bind(&walk, n, v, NULL);
        }
        op_walk_run(&walk);
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            for (int64_t i = 0; i < walk.value[all[k]->id].count; i++)
                assert_true(at(&walk, all[k], i) >= all[k]->facts.lo && at(&walk, all[k], i) <= all[k]->facts.hi);
    }
}

static enum obligation_status last_status(const struct fixture *f)
{
    return f->g->obligations[f->g->n_obligations - 1].status;
}

static void obligations_end(void **state)
{
    struct fixture *f = *state;
    struct type t = TYPE(f, DT_F32, 4, 6);
    struct node *near = input(f, t, 1, 2);
    struct node *wide = input(f, t, -1, 2);
    struct node *below = input(f, t, -2, -1);
    struct node *gamma = input(f, TYPE(f, DT_F32, 6), 0, 1);
    OP_OF(f, "log", NULL, near);
    assert_int_equal(last_status(f), OBLIGATION_PROVED);
    OP_OF(f, "log", NULL, wide);
    assert_int_equal(last_status(f), OBLIGATION_CHECKED);
    OP_OF(f, "log", NULL, below);
    assert_int_equal(last_status(f), OBLIGATION_CONTRADICTED);
    OP_OF(f, "layernorm", ((struct attr[]){ { .f = 1e-5 }, { .i = -1 } }), near, gamma, gamma);
    assert_int_equal(last_status(f), OBLIGATION_PROVED);
    OP_OF(f, "layernorm", ((struct attr[]){ { .f = 0 }, { .i = -1 } }), near, gamma, gamma);
    assert_int_equal(last_status(f), OBLIGATION_CONTRADICTED);
    OP_OF(f, "topk_mask", ((struct attr[]){ { .i = 6 }, { .i = -1 } }), near);
    assert_int_equal(last_status(f), OBLIGATION_PROVED);
    OP_OF(f, "topk_mask", ((struct attr[]){ { .i = 7 }, { .i = -1 } }), near);
    assert_int_equal(last_status(f), OBLIGATION_CONTRADICTED);
    struct type sym = { .dtype = DT_F32,
                        .rank = 2,
                        .dim = { index_const(f->s->indices, 4), index_sym(f->s->indices, "B") } };
    OP_OF(f, "topk_mask", ((struct attr[]){ { .i = 2 }, { .i = -1 } }), input(f, sym, 0, 1));
    assert_int_equal(last_status(f), OBLIGATION_OPEN);

    /* what no guard sees stays open, what it sees is checked */
    struct contract c = { f->g, OP_OF(f, "neg", NULL, wide), &(struct facts){ 0 } };
    contract_need(&c, 0, "integral",
                  (struct facts){ .lo = -INFINITY, .hi = INFINITY, .integral = true, .max_nonzero = -1 });
    assert_int_equal(last_status(f), OBLIGATION_OPEN);
    contract_need(&c, 0, "finite",
                  (struct facts){ .lo = -INFINITY, .hi = INFINITY, .finite = true, .max_nonzero = -1 });
    assert_int_equal(last_status(f), OBLIGATION_PROVED);
    assert_int_equal(f->g->obligations[f->g->n_obligations - 1].node->id, c.n->id);
}

/* ---- values ---- */
static void textbook_values(void **state)
{
    struct fixture *f = *state;
    struct node *x = input(f, TYPE(f, DT_FLOAT, 2, 3), -10, 10);
    struct node *v = input(f, TYPE(f, DT_FLOAT, 3), -10, 10);
    struct node *c = input(f, TYPE(f, DT_FLOAT, 3), -10, 10);
    struct node *p = OP_OF(f, "softmax", NULL, x);
    struct node *l = OP_OF(f, "layernorm", ((struct attr[]){ { .f = 0.5 }, { .i = -1 } }), x, v, c);
    struct node *g = OP_OF(f, "gelu", NULL, x);
    struct node *y = input(f, x->type, -10, 10);
    struct node *loss = OP_OF(f, "mse", NULL, x, y);
    struct op_walk w;
    op_walk_begin(&w, f->g);
    op_walk_bind(&w, x, filled(f, x, (double[]){ 0, log(2), log(5), 1, 2, 6 }), NULL);
    op_walk_bind(&w, v, filled(f, v, (double[]){ 1, 2, -1 }), NULL);
    op_walk_bind(&w, c, filled(f, c, (double[]){ 0, 10, 0.5 }), NULL);
    op_walk_bind(&w, y, filled(f, y, (double[]){ 0, log(2), log(5), 2, 2, 3 }), NULL);
    op_walk_run(&w);
    for (int i = 0; i < 3; i++)
        assert_true(fabs(at(&w, p, i) - (double[]){ 0.125, 0.25, 0.625 }[i]) < 1e-15);
    /* 1 2 6: mean 3, variance (4 + 1 + 9)/3 = 14/3 */
    double deviation = sqrt(14.0 / 3 + 0.5);
    double want[3] = { -2 / deviation, -2 / deviation + 10, -3 / deviation + 0.5 };
    for (int i = 0; i < 3; i++)
        assert_true(fabs(at(&w, l, 3 + i) - want[i]) < 1e-14);
    assert_true(at(&w, g, 0) == 0 && fabs(at(&w, g, 3) - 0.8411919906082768) < 1e-15);
    assert_true(fabs(at(&w, loss, 0) - 10.0 / 6) < 1e-15);
}

static void a_nan_spoils_its_row_alone(void **state)
{
    struct fixture *f = *state;
    struct node *x = input(f, TYPE(f, DT_FLOAT, 2, 3), -10, 10);
    struct node *v = input(f, TYPE(f, DT_FLOAT, 3), -10, 10);
    struct node *rows[] = { OP_OF(f, "softmax", NULL, x), OP_OF(f, "layernorm", NULL, x, v, v) };
    struct node *w3 = input(f, TYPE(f, DT_FLOAT, 3, 3), -1, 1);
    struct node *lin = OP_OF(f, "linear", NULL, x, w3, v);
    struct node *mse = OP_OF(f, "mse", NULL, x, x);
    struct op_walk w;
    op_walk_begin(&w, f->g);
    op_walk_bind(&w, x, filled(f, x, (double[]){ 0, NAN, 1, 3, 2, 1 }), NULL);
    op_walk_bind(&w, v, filled(f, v, (double[]){ 1, 2, -1 }), NULL);
    op_walk_bind(&w, w3, filled(f, w3, (double[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9 }), NULL);
    op_walk_run(&w);
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 2; k++)
            assert_int_equal(isnan(at(&w, rows[k], i)) != 0, i < 3);
        assert_int_equal(isnan(at(&w, lin, i)) != 0, i < 3);
    }
    assert_true(isnan(at(&w, mse, 0)));
}

/* One drawn call of a row: its operands as inputs. */
static struct node *drawn(struct fixture *f, const struct op_def *row, struct sample *d)
{
    *d = (struct sample){ .rnd = &f->rnd, .s = f->s };
    row->sample(d);
    struct node *in[MAX_SAMPLE];
    for (int i = 0; i < d->n_in; i++)
        in[i] = input(f, d->in[i], d->lo[i], d->hi[i]);
    return op(f, row->call.name, d->n_in, in, d->attrs);
}

static void bind_drawn(struct fixture *f, struct op_walk *w, const struct node *n, const struct sample *d,
                       struct view *v)
{
    for (int i = 0; i < d->n_in; i++) {
        if (!v[i].v)
            v[i] = random_view(f, n->in[i], w->kind, d->lo[i], d->hi[i]);
        op_walk_bind(w, n->in[i], v[i], NULL);
    }
}

static const char *const mine[] = { "linear", "gelu", "softmax", "layernorm", "mse" };

/* Over the field an expansion is the same function or (almost surely) shows; over doubles it is as near as its own
   bound says. */
static void composites_equal_their_expansions(void **state)
{
    struct fixture *f = *state;
    for (int trial = 0; trial < 300; trial++) {
        struct sample d;
        f->g = graph_new(f->s, "trial");
        struct node *n = drawn(f, op_find(mine[trial % 5]), &d), *operands[MAX_SAMPLE];
        memcpy(operands, n->in, sizeof *operands * (size_t)n->n_in);
        struct node keep = *n;
        keep.in = operands;
        struct view field[MAX_SAMPLE] = { 0 };
        struct view real[MAX_SAMPLE] = { 0 };
        struct view got[2];
        for (int kind = 0; kind < 2; kind++) {
            struct op_walk w;
            op_walk_begin(&w, f->g);
            w.kind = kind ? NUM_FIELD : NUM_DOUBLE;
            w.key = 7;
            bind_drawn(f, &w, &keep, &d, kind ? field : real);
            op_walk_run(&w);
            got[kind] = w.value[n->id];
        }
        struct node *by = op_walk_expand(f->g, n);
        assert_true(type_same_shape(&by->type, &n->type));
        for (int kind = 0; kind < 2; kind++) {
            struct op_walk w;
            op_walk_begin(&w, f->g);
            w.kind = kind ? NUM_FIELD : NUM_DOUBLE;
            w.key = 7;
            w.bounds = !kind;
            bind_drawn(f, &w, &keep, &d, kind ? field : real);
            op_walk_run(&w);
            struct view v = w.value[by->id];
            for (int64_t i = 0; i < v.count; i++) {
                if (kind)
                    assert_int_equal(v.v[i].u, got[1].v[i].u);
                else if (isnan(v.v[i].d))
                    assert_true(isnan(got[0].v[i].d));
                /* both computations err */
                else
                    assert_true(fabs(v.v[i].d - got[0].v[i].d) <= 2 * w.err[by->id][i]);
            }
        }
    }
}

/* An eval writes the wanted elements as it does alone, and nothing else. */
static void runs_are_all_that_is_written(void **state)
{
    struct fixture *f = *state;
    static const char *const rows[] = { "matmul", "linear", "softmax", "layernorm" };
    for (int trial = 0; trial < 200; trial++) {
        struct sample d;
        struct view v[MAX_SAMPLE] = { 0 };
        struct op_walk w;
        struct ev c;
        f->g = graph_new(f->s, "trial");
        struct node *n = drawn(f, op_find(rows[trial % 4]), &d);
        op_walk_begin(&w, f->g);
        bind_drawn(f, &w, n, &d, v);
        op_walk_run(&w);
        struct view whole = w.value[n->id];
        if (!whole.count)
            continue;
        op_walk_frame(&w, n, &c);
        int64_t row = rnd_range(&f->rnd, 0, whole.count / whole.last - 1) * whole.last;
        struct run run = { row + rnd_range(&f->rnd, 0, whole.last - 1), row + whole.last };
        for (int64_t i = 0; i < whole.count; i++)
            c.out.v[i].d = 777;
        c.runs = &run;
        c.n_runs = 1;
        op_eval(&c);
        for (int64_t i = 0; i < whole.count; i++)
            assert_memory_equal(&c.out.v[i].d, i >= run.lo && i < run.hi ? &whole.v[i].d : &(double){ 777 }, 8);
    }
}

/* By the definition, index by index. */
static void matmul_is_the_sum_of_products(void **state)
{
    struct fixture *f = *state;
    for (int trial = 0; trial < 200; trial++) {
        struct sample d;
        struct view v[MAX_SAMPLE] = { 0 };
        struct op_walk w;
        f->g = graph_new(f->s, "trial");
        struct node *n = drawn(f, op_find("matmul"), &d);
        op_walk_begin(&w, f->g);
        bind_drawn(f, &w, n, &d, v);
        op_walk_run(&w);
        struct view y = w.value[n->id];
        struct view a = v[0];
        struct view b = v[1];
        bool ta = d.attrs[0].i;
        bool tb = d.attrs[1].i;
        int64_t cols = y.last;
        int64_t k_len = ta ? a.dim[0] : a.last;
        int64_t m_len = a.rank > 2 ? y.dim[y.rank - 2] : 0;
        for (int64_t i = 0; i < y.count; i++) {
            int64_t row = i / cols;
            int64_t col = i % cols;
            int64_t batch = b.rank > 2 ? row / m_len : 0;
            long double sum = 0;
            for (int64_t k = 0; k < k_len; k++)
                sum += (long double)a.v[ta ? k * a.last + row : row * k_len + k].d *
                       b.v[batch * k_len * cols + (tb ? col * k_len + k : k * cols + col)].d;
            assert_true(fabsl(sum - y.v[i].d) <= 1e-13L);
        }
    }
}

/* Elements outside of the box that `needs` names change nothing. */
static void needs_name_what_is_read(void **state)
{
    struct fixture *f = *state;
    static const char *const rows[] = { "matmul", "linear", "softmax", "layernorm", "mse", "combine", "topk_mask" };
    int moved = 0;
    for (int trial = 0; trial < 400; trial++) {
        struct sample d;
        struct view v[MAX_SAMPLE] = { 0 };
        struct op_walk w;
        f->g = graph_new(f->s, "trial");
        struct node *n = drawn(f, op_find(rows[trial % 7]), &d);
        if (d.in[0].dtype == DT_I64)
            continue;
        op_walk_begin(&w, f->g);
        w.kind = NUM_FIELD;
        bind_drawn(f, &w, n, &d, v);
        op_walk_run(&w);
        struct view y = w.value[n->id];
        if (!y.count)
            continue;
        int64_t want = rnd_range(&f->rnd, 0, y.count - 1);
        struct box out = { .rank = y.rank }, in;
        for (int64_t i = y.rank - 1, rest = want; i >= 0; rest /= y.dim[i], i--)
            out.lo[i] = out.hi[i] = rest % y.dim[i];
        for (int k = 0; k < n->n_in; k++) {
            op_needs(n, k, &(struct dim_values){ 0 }, &out, &in);
            assert_int_equal(in.rank, v[k].rank);
            for (int64_t e = 0; e < v[k].count; e++) {
                bool inside = true;
                for (int64_t i = v[k].rank - 1, rest = e; i >= 0; rest /= v[k].dim[i], i--)
                    inside &= rest % v[k].dim[i] >= in.lo[i] && rest % v[k].dim[i] <= in.hi[i];
                if (!inside) {
                    v[k].v[e].u = rnd_u64(&f->rnd) % FIELD_P;
                    moved++;
                }
            }
        }
        struct ev c;
        op_walk_frame(&w, n, &c);
        op_eval(&c);
        assert_int_equal(c.out.v[want].u, y.v[want].u);
    }
    assert_true(moved > 1000);
}

/* ---- bounds of matrix units ---- */
enum { LONGEST = 256 };

/* Σ a·b as the unit computes it: `sums` chains of instructions over their shares of k, then pairwise f32 additions. */
static float by_unit(const struct matrix_unit *u, const double *a, const double *b, int k_len, int depth)
{
    float part[8];
    int sums = 1 << depth;
    int share = k_len / sums;
    for (int p = 0; p < sums; p++) {
        float c[16 * 16] = { 0 };
        for (int k0 = 0; k0 < share; k0 += u->k) {
            uint16_t ma[16 * 16] = { 0 };
            uint16_t mb[16 * 16] = { 0 };
            for (int k = 0; k < u->k; k++) {
                ma[k] = f16_from_double(a[p * share + k0 + k]);
                mb[k * u->n] = f16_from_double(b[p * share + k0 + k]);
            }
            matrix_multiply(u, ma, mb, c);
        }
        part[p] = c[0];
    }
    for (; sums > 1; sums /= 2)
        for (int p = 0; p < sums / 2; p++)
            part[p] = part[p] + part[p + sums / 2];
    return part[0];
}

/* Kinds of data: plain, all positive, subnormal operands, wide range, cancelling in pairs, not f16; and of a (6) and b
   (7): now and then a subnormal times a large number, whose exponents' sum is far above that of the product, among
   small ones. */
static double element(struct fixture *f, int kind, int k, const double *before)
{
    double x = 2 * rnd_unit(&f->rnd) - 1;
    switch (kind) {
    case 0: break;
    case 1: x = fabs(x); break;
    case 2: x *= 0x1p-15; break;
    case 3: x = ldexp(x, (int)rnd_range(&f->rnd, -20, 10)); break;
    case 4: x = k % 2 ? -before[k - 1] : x * 100; break;
    case 5: return x * 3;
    case 6: x = k % 16 ? x * 0x1p-8 : 0x1p-24; break;
    case 7: x = k % 16 ? x * 0x1p-8 : 0x1p15; break;
    }
    return dtype_round(DT_F16, x);
}

static void unit_errors_stay_within_the_bound(void **state)
{
    struct fixture *f = *state;
    static const char *const targets[] = { "sm_90", "gfx90a" };
    for (int t = 0; t < 2; t++) {
        const struct matrix_unit *u = target_find(targets[t])->matrix;
        double worst = 0;
        for (int trial = 0; trial < 1200; trial++) {
            int kind = trial % 7;
            int depth = (int)rnd_range(&f->rnd, 0, 2);
            int k_len = (int)(u->k << depth) * (int)rnd_range(&f->rnd, 1, (LONGEST / u->k) >> depth);
            f->g = graph_new(f->s, "trial");
            struct node *a = input(f, TYPE(f, DT_FLOAT, 1, k_len), -4096, 4096);
            struct node *b = input(f, TYPE(f, DT_FLOAT, k_len, 1), -4096, 4096);
            struct node *y = OP_OF(f, "matmul", NULL, a, b);
            y->compute = DT_F16;
            double xa[LONGEST], xb[LONGEST];
            for (int k = 0; k < k_len; k++) {
                xa[k] = element(f, kind, k, xa);
                xb[k] = element(f, kind == 6 ? 7 : kind == 4 ? 0 : kind, k, xb);
            }
            for (int k = 1; kind == 4 && k < k_len; k += 2)
                xb[k] = xb[k - 1];
            struct op_walk w;
            struct ev c;
            op_walk_begin(&w, f->g);
            op_walk_bind(&w, a, filled(f, a, xa), NULL);
            op_walk_bind(&w, b, filled(f, b, xb), NULL);
            op_walk_frame(&w, y, &c);
            op_eval(&c);
            int group = u->model.group;
            struct sum_record rec = { 1,
                                      { { .block = group,
                                          .chain = (k_len / group) >> depth,
                                          .depth = depth,
                                          .unit = &u->model,
                                          .unit_k = u->k } } };
            /* the other way that a lowering may count: an instruction a block */
            if (trial % 2) {
                rec.level[0].block = u->k;
                rec.level[0].chain = (k_len / u->k) >> depth;
            }
            double e, *none[2] = { NULL, NULL };
            struct bd bound = {
                .v = c, .e_in = (const double *const *)none, .e_out = &e, .u = 0x1p-24, .sum = &rec, .kernel = true
            };
            op_bound(&bound);
            double error = fabs((double)by_unit(u, xa, xb, k_len, depth) - c.out.v[0].d);
            assert_true(isfinite(e));
            if (!(error <= e))
                fail_msg("%s kind %d k %d depth %d: error %g above bound %g", targets[t], kind, k_len, depth, error, e);
            if (e > 0 && error / e > worst)
                worst = error / e;
        }
        print_message("%s: largest error / bound = %.3f\n", targets[t], worst);
        assert_true(worst > 0.02); /* a bound far above all errors would judge nothing */
    }
}

/* fma chains in f32, and products rounded on their own. */
static void plain_sums_stay_within_the_bound(void **state)
{
    struct fixture *f = *state;
    double worst = 0;
    for (int trial = 0; trial < 600; trial++) {
        int k_len = (int)rnd_range(&f->rnd, 1, 200);
        int kind = trial % 2 ? 1 : 3;
        f->g = graph_new(f->s, "trial");
        struct node *a = input(f, TYPE(f, DT_F32, 1, k_len), -4096, 4096);
        struct node *b = input(f, TYPE(f, DT_F32, k_len, 1), -4096, 4096);
        struct node *y = OP_OF(f, "matmul", NULL, a, b);
        y->compute = DT_F32;
        double xa[LONGEST], xb[LONGEST], ea[LONGEST], eb[LONGEST];
        float chain = 0;
        float apart = 0;
        for (int k = 0; k < k_len; k++) {
            xa[k] = (float)(element(f, kind, k, xa) / 3);
            xb[k] = (float)(element(f, kind, k, xb) / 7);
            ea[k] = trial % 3 ? 0 : 0x1p-20 * rnd_unit(&f->rnd);
            eb[k] = trial % 3 ? 0 : 0x1p-18;
            float ca = (float)(xa[k] + ea[k] * (1 - 0x1p-10));
            float cb = (float)(xb[k] - eb[k] * 0.875);
            if (fabs(ca - xa[k]) > ea[k])
                ca = (float)xa[k];
            if (fabs(cb - xb[k]) > eb[k])
                cb = (float)xb[k];
            chain = fmaf(ca, cb, chain);
            apart = apart + ca * cb;
        }
        struct op_walk w;
        struct ev c;
        op_walk_begin(&w, f->g);
        op_walk_bind(&w, a, filled(f, a, xa), NULL);
        op_walk_bind(&w, b, filled(f, b, xb), NULL);
        op_walk_frame(&w, y, &c);
        op_eval(&c);
        struct sum_record rec = { 1, { { .block = 1, .chain = k_len } } };
        const double *errors[2] = { ea, eb };
        double e;
        struct bd bound = { .v = c, .e_in = errors, .e_out = &e, .u = 0x1p-24, .sum = &rec, .kernel = true };
        op_bound(&bound);
        double error = fmax(fabs(chain - c.out.v[0].d), fabs(apart - c.out.v[0].d));
        assert_true(error <= e);
        if (error / e > worst)
            worst = error / e;
    }
    assert_true(worst > 0.05);
}

static double bound_of_product(struct fixture *f, double a0, double ea, double b0, double eb,
                               const struct matrix_unit *u)
{
    f->g = graph_new(f->s, "trial");
    struct node *a = input(f, TYPE(f, DT_FLOAT, 1, 2), -9, 9);
    struct node *b = input(f, TYPE(f, DT_FLOAT, 2, 1), -9, 9);
    struct node *y = OP_OF(f, "matmul", NULL, a, b);
    if (u)
        y->compute = DT_F16;
    struct op_walk w;
    struct ev c;
    op_walk_begin(&w, f->g);
    op_walk_bind(&w, a, filled(f, a, (double[]){ a0, 1 }), NULL);
    op_walk_bind(&w, b, filled(f, b, (double[]){ b0, 1 }), NULL);
    op_walk_frame(&w, y, &c);
    op_eval(&c);
    struct sum_record rec = {
        1, { { .block = u ? u->model.group : 1, .chain = 2, .unit = u ? &u->model : NULL, .unit_k = u ? u->k : 1 } }
    };
    const double errors_a[2] = { ea, 0 };
    const double errors_b[2] = { eb, 0 };
    const double *errors[2] = { errors_a, errors_b };
    double e = -1;
    struct bd bound = { .v = c, .e_in = errors, .e_out = &e, .u = 0x1p-24, .sum = &rec, .kernel = true };
    op_bound(&bound);
    return e;
}

/* What cannot be bounded is said to be, and a NaN or infinity that every computation has is certain. */
static void special_operands(void **state)
{
    struct fixture *f = *state;
    const struct matrix_unit *sm = target_find("sm_90")->matrix;
    const struct matrix_unit *gfx = target_find("gfx90a")->matrix;
    assert_true(bound_of_product(f, 1, INFINITY, 1, 0, NULL) == INFINITY);
    assert_true(bound_of_product(f, 3e38, 0, 3e38, 0, NULL) == INFINITY);
    assert_true(bound_of_product(f, 70000, 0, 1, 0, NULL) < 1);
    assert_true(bound_of_product(f, 70000, 0, 1, 0, sm) == INFINITY);
    assert_true(bound_of_product(f, NAN, 0, 1, 0, sm) == 0);
    assert_true(bound_of_product(f, INFINITY, 0, 1, 0.5, sm) == 0);
    assert_true(bound_of_product(f, INFINITY, 0, 1, 1, sm) == INFINITY);
    /* gfx90a takes a subnormal operand for 0, sm_90 does not */
    assert_true(bound_of_product(f, 0x1p-15, 0, 1, 0, gfx) >= 0x1p-15);
    assert_true(bound_of_product(f, 0x1p-15, 0, 1, 0, sm) < 0x1p-17);
}

/* ---- adjoints ---- */
/* Σ gy·(A'·B) for A' = A with one element moved grows by gA's element, exactly over the field: matmul is bilinear. */
static void matmul_adjoints(void **state)
{
    struct fixture *f = *state;
    int seen = 0;
    for (int trial = 0; trial < 200; trial++) {
        struct sample d;
        f->g = graph_new(f->s, "trial");
        struct node *n = drawn(f, op_find("matmul"), &d);
        struct node *gy = input(f, n->type, -1, 1);
        int operand = trial % 2;
        struct builder b = build_at(f->g, n);
        struct node *gx = n->op->gradient(&b, n, gy, operand);
        assert_true(type_same_shape(&gx->type, &n->in[operand]->type));
        struct view v[2], gv = random_view(f, gy, NUM_FIELD, 0, 0);
        for (int i = 0; i < 2; i++)
            v[i] = random_view(f, n->in[i], NUM_FIELD, 0, 0);
        if (!v[operand].count)
            continue;
        int64_t moved = rnd_range(&f->rnd, 0, v[operand].count - 1);
        uint64_t total[2];
        uint64_t by = 12345;
        uint64_t want = 0;
        for (int pass = 0; pass < 2; pass++) {
            struct op_walk w;
            op_walk_begin(&w, f->g);
            w.kind = NUM_FIELD;
            for (int i = 0; i < 2; i++)
                op_walk_bind(&w, n->in[i], v[i], NULL);
            op_walk_bind(&w, gy, gv, NULL);
            op_walk_run(&w);
            total[pass] = 0;
            for (int64_t i = 0; i < gv.count; i++)
                total[pass] = field_add(total[pass], field_mul(gv.v[i].u, w.value[n->id].v[i].u));
            if (!pass)
                want = field_mul(by, w.value[gx->id].v[moved].u);
            v[operand].v[moved].u = field_add(v[operand].v[moved].u, by);
        }
        assert_int_equal(field_sub(total[1], total[0]), want);
        seen++;
    }
    assert_true(seen > 100);
}

/* ---- wrong calls ---- */
static const char *said(struct fixture *f) { return f->s->n_diags ? f->s->diags[0].text : ""; }

static bool refused(struct fixture *f, const char *name, const struct attr *attrs, int n_in, struct node **in,
                    const char *x, const char *y)
{
    f->s->n_diags = 0;
    return !graph_add(f->g, op_find(name), in, n_in, attrs, NOWHERE) && strstr(said(f), x) && strstr(said(f), y);
}

static void errors_show_both_sides(void **state)
{
    struct fixture *f = *state;
    struct node *x = input(f, TYPE(f, DT_F32, 4, 8), 0, 1);
    struct node *w = input(f, TYPE(f, DT_F32, 3, 8), 0, 1);
    struct node *b = input(f, TYPE(f, DT_F32, 3), 0, 1);
    struct node *i = input(f, TYPE(f, DT_I64, 4, 8), 0, 1);
    struct node *batch = input(f, TYPE(f, DT_F32, 2, 8, 8), 0, 1);
    assert_true(refused(f, "matmul", NULL, 2, (struct node *[]){ x, w }, "f32[4, 8]", "f32[3, 8]"));
    assert_true(refused(f, "matmul", NULL, 2, (struct node *[]){ x, i }, "float", "i64[4, 8]"));
    assert_true(refused(f, "matmul", NULL, 2, (struct node *[]){ x, batch }, "f32[4, 8]", "f32[2, 8, 8]"));
    assert_true(refused(f, "linear", &(struct attr){ .i = 5 }, 3, (struct node *[]){ x, w, b }, "5 rows", "f32[3, 8]"));
    assert_true(refused(f, "linear", NULL, 3, (struct node *[]){ x, w, x }, "f32[3, 8]", "f32[4, 8]"));
    assert_true(refused(f, "layernorm", NULL, 3, (struct node *[]){ x, b, b }, "f32[4, 8]", "f32[3]"));
    assert_true(refused(f, "mse", NULL, 2, (struct node *[]){ x, w }, "f32[4, 8]", "f32[3, 8]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(facts_go_from_operands_to_results),
        T(facts_hold_of_values),
        T(obligations_end),
        T(textbook_values),
        T(a_nan_spoils_its_row_alone),
        T(composites_equal_their_expansions),
        T(runs_are_all_that_is_written),
        T(matmul_is_the_sum_of_products),
        T(needs_name_what_is_read),
        T(unit_errors_stay_within_the_bound),
        T(plain_sums_stay_within_the_bound),
        T(special_operands),
        T(matmul_adjoints),
        T(errors_show_both_sides),
    };
    return cmocka_run_group_tests_name("contract", tests, NULL, NULL);
}
