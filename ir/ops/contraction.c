/* matmul, which kernels compute on matrix units, and linear, which is x·Wᵀ + b. */
#include <math.h>
#include <string.h>

#include "ir/ops/contraction.h"
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

struct dot dot_of(const struct ev *c, int64_t at)
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

struct run run_within(const struct run *r, int64_t length, int64_t first, int64_t last)
{
    int64_t start = r->lo / length * length;
    return (struct run){ r->lo > start + first ? r->lo : start + first, r->hi < start + last ? r->hi : start + last };
}

bool columns_wanted(const struct ev *c, int64_t first, int64_t last, bool *wanted)
{
    int64_t length = c->out.last;
    bool any = false;
    memset(wanted, 0, (size_t)(last - first) * sizeof *wanted);
    for (size_t r = 0; r < c->n_runs; r++) {
        struct run part = run_within(&c->runs[r], length, first, last);
        for (int64_t i = part.lo; i < part.hi; i++)
            any = wanted[i % length - first] = true;
    }
    return any;
}

static int64_t matrix_size(const struct ev *c)
{
    return c->in[1].rank == 2 ? c->out.count : c->out.dim[c->out.rank - 2] * c->out.last;
}

int64_t matrix_begin(const struct ev *c) { return c->runs[0].lo / matrix_size(c) * matrix_size(c); }

void each_matrix(const struct ev *c, void (*each)(void *ctx, const struct ev *c), void *ctx)
{
    struct ev one = *c;
    for (size_t r = 0; r < c->n_runs; r += one.n_runs) {
        one.runs = c->runs + r;
        one.n_runs = 1;
        int64_t begin = matrix_begin(&one);
        while (r + one.n_runs < c->n_runs && one.runs[one.n_runs].lo >= begin &&
               one.runs[one.n_runs].lo < begin + matrix_size(c))
            one.n_runs++;
        each(ctx, &one);
    }
}

enum { EVAL_COLUMNS = 32 }; /* of b, at a time: so that they stay in the cache for all rows of a */

/* Copies the wanted columns of b; column j to out[(j - first)·k]. */
static void gather_columns(const struct ev *c, int64_t first, int64_t last, const bool *wanted, NUM *out)
{
    int64_t base = matrix_begin(c);
    struct dot d = dot_of(c, base + first);
    int64_t step = dot_of(c, base + last - 1).b - d.b;
    step = last - first > 1 ? step / (last - first - 1) : 0;
    for (int64_t i = 0; i < d.k; i++)
        for (int64_t j = 0; j < last - first; j++)
            if (wanted[j])
                out[j * d.k + i] = c->in[1].v[d.b + j * step + i * d.sb];
}

static const NUM *gather_row(const struct ev *c, const struct dot *d, NUM *out)
{
    if (d->sa == 1)
        return c->in[0].v + d->a;
    for (int64_t i = 0; i < d->k; i++)
        out[i] = c->in[0].v[d->a + i * d->sa];
    return out;
}

static void eval_matrix(void *ctx, const struct ev *c)
{
    int64_t length = c->out.last;
    int64_t k = dot_of(c, c->runs[0].lo).k;
    struct arena *a = arena_new();
    NUM *columns = arena_array(a, NUM, EVAL_COLUMNS * k + 1);
    NUM *row = arena_array(a, NUM, k + 1);
    for (int64_t first = 0; first < length; first += EVAL_COLUMNS) {
        bool wanted[EVAL_COLUMNS];
        int64_t last = first + EVAL_COLUMNS < length ? first + EVAL_COLUMNS : length;
        if (!columns_wanted(c, first, last, wanted))
            continue;
        gather_columns(c, first, last, wanted, columns);
        for (size_t r = 0; r < c->n_runs; r++) {
            struct run part = run_within(&c->runs[r], length, first, last);
            if (part.lo >= part.hi)
                continue;
            struct dot d = dot_of(c, part.lo);
            const NUM *x = gather_row(c, &d, row);
            for (int64_t i = part.lo; i < part.hi; i++)
                n_store(ctx, i, n_dot(c, x, 1, columns + (i % length - first) * k, 1, k));
        }
    }
    arena_free(a);
}

static void matmul_eval(struct ev *c) { each_matrix(c, eval_matrix, c); }

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
    const struct index *cols = draw_index(d, sample_width(d, 0, 9));
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
        .about = {
            .shapes = "a [.., M, K], b [K, N] -> [.., M, N]; a [.., M, K], b [.., K, N] -> [.., M, N] batch by batch",
            .formula = "y[.., m, n] = sum_k a[.., m, k] * b[.., k, n]; over no k it is 0",
            .source = "BLAS level 3, gemm: Dongarra et al., 1990",
            .gradient = "gy b^T to a; a^T gy to b, summed over the dimensions that b lacks",
        },
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
    int64_t length = c->out.last;
    for (int64_t first = 0; first < length; first += EVAL_COLUMNS)
        for (size_t r = 0; r < c->n_runs; r++) {
            struct run part = run_within(&c->runs[r], length, first, first + EVAL_COLUMNS);
            for (int64_t i = part.lo; i < part.hi; i++) {
                int64_t j = i % length;
                NUM xw = n_dot(c, c->in[0].v + i / length * k, 1, c->in[1].v + j * k, 1, k);
                n_store(c, i, n_add(c, xw, c->in[2].v[j]));
            }
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
    int64_t features = sample_width(d, 1, 12);
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
        return build_reduce_to(b, gy->type.rank > 2 ? joined(b, gy) : gy, &n->in[2]->type);
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
        .about = {
            .shapes = "x [.., in], w [features, in], b [features] -> [.., features]",
            .formula = "y[.., o] = sum_i x[.., i] * w[o, i] + b[o]",
            .source = "as PyTorch's Linear",
            .gradient = "gy w to x; gy^T x to w and gy to b, both summed over the rows",
        },
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
