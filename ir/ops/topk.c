/* The k largest elements of each row: topk_mask marks them, topk_indices and topk_values list them.
   Comparisons are exact, so equal scores give equal results on every target. */
#include <math.h>

#include "ir/route/certify.h"
#include "ir/ops/line.h"
#include "ir/rank.h"

static const struct attr_def topk_attrs[] = {
    { "k", ATTR_INT, true, { .i = 0 }, "how many to choose in each row" },
    { "axis", ATTR_INT, false, { .i = -1 }, "the dimension along which rows lie; the last one if not given" },
};
static int64_t k_of(const struct node *n) { return node_attr(n, 0)->i; }

static const struct index *length_of(const struct node *n) { return n->in[0]->type.dim[op_axis(n)]; }

static bool scores_infer(struct graph *g, struct node *n, enum dtype to)
{
    const struct type *t = &n->in[0]->type;
    if (!dtype_is_float(t->dtype) && t->dtype != DT_I64)
        return infer_error(g, n, 0, "must hold floats or i64");
    if (!need_axis_attr(g, n))
        return false;
    n->type = *t;
    n->type.dtype = to;
    return true;
}

static bool topk_mask_infer(struct graph *g, struct node *n) { return scores_infer(g, n, DT_BOOL); }

static void need_k(struct contract *c)
{
    const struct index *len = length_of(c->n);
    int64_t k = k_of(c->n);
    bool never = k < 1 || k > len->hi;
    bool always = k >= 1 && k <= len->lo;
    const char *text = "1 <= k <= the length of a row";
    if (never)
        text = arena_printf(c->g->arena, "%s, but k is %lld and a row has %s", text, (long long)k,
                            index_text(c->g->arena, len));
    contract_state(c, text, never ? OBLIGATION_CONTRADICTED : always ? OBLIGATION_PROVED : OBLIGATION_OPEN);
}

static void topk_mask_contract(struct contract *c)
{
    int64_t k = k_of(c->n);
    bool last = op_axis(c->n) == c->n->type.rank - 1;
    need_k(c);
    facts_set(c, 0, 1, true, true);
    c->out->max_nonzero = !last || k < 0 || k > INT32_MAX ? -1 : (int)k;
}

/* ---- the order of a row ---- */
/* True if score x of element i precedes score y of element j.
   Larger scores come first, NaNs last. Of equal scores, the lower index comes first. */
static bool stands_before(const struct ev *c, NUM x, int64_t i, NUM y, int64_t j)
{
    if (!dtype_is_float(c->in[0].dtype))
        return x.i > y.i || (x.i == y.i && i < j);
    if (n_is_nan(c, x) || n_is_nan(c, y))
        return n_is_nan(c, x) == n_is_nan(c, y) ? i < j : n_is_nan(c, y);
    return n_less(c, y, x) || (!n_less(c, x, y) && i < j);
}

/* A row of scores. Evaluations set c, bounds set b. */
struct row {
    const struct ev *c;
    const struct bd *b;
    struct line l;
};

static int64_t place(const struct row *r, int64_t i) { return r->l.first + i * r->l.stride; }

static uint64_t score_key(const void *row, int64_t i)
{
    const struct row *r = row;
    NUM x = r->c->in[0].v[place(r, i)];
    return !dtype_is_float(r->c->in[0].dtype) ? rank_of_int(x.i)
           : r->c->kind == NUM_FIELD          ? rank_of_int(field_order(r->c->key, x.u))
                                              : rank_of_double(x.d);
}

/* In rows of at most this length, an element's rank is found by counting the elements that precede it. */
enum { FEW = 64 };

static int64_t rank_of(const struct row *r, int64_t i)
{
    int64_t rank = 0;
    const NUM *x = r->c->in[0].v;
    for (int64_t j = 0; j < r->l.n; j++)
        rank += j != i && stands_before(r->c, x[place(r, j)], j, x[place(r, i)], i);
    return rank;
}

/* Sets `shared` to the key and index of the last chosen element, if the row is long. */
static void mask_row(void *ctx, const struct line *l, NUM *shared)
{
    struct row r = { .c = ctx, .l = *l };
    int64_t k = k_of(r.c->n);
    if (k < 1 || k >= l->n || l->n <= FEW)
        return;
    struct ranked last = rank_kth(score_key, &r, l->n, k);
    shared[0].u = last.key;
    shared[1].i = last.i;
}

static void mask_result(void *ctx, const struct line *l, int64_t at, int64_t i, const NUM *shared)
{
    struct row r = { .c = ctx, .l = *l };
    int64_t k = k_of(r.c->n);
    if (k < 1 || k >= l->n)
        n_store_i(ctx, at, k >= l->n);
    else if (l->n <= FEW)
        n_store_i(ctx, at, rank_of(&r, i) < k);
    else
        n_store_i(ctx, at,
                  !rank_precedes((struct ranked){ shared[0].u, shared[1].i }, (struct ranked){ score_key(&r, i), i }));
}

static void topk_mask_eval(struct ev *c) { each_line(c, &(struct line_fns){ mask_row, mask_result }, c); }

/* ---- what errors of the scores may change ---- */
struct span {
    double lo, hi;
};

static struct span span_of(const struct bd *b, int64_t i)
{
    NUM x = b->v.in[0].v[i];
    double e = bd_err(b, 0, i);
    if (!dtype_is_float(b->v.in[0].dtype))
        return (struct span){ round_down((double)x.i, e), round_up((double)x.i, e) };
    return (struct span){ round_down(x.d, e), round_up(x.d, e) };
}

struct outcome {
    bool may, must;
};

static struct outcome compare(const struct row *r, int64_t i, int64_t j)
{
    const struct bd *b = r->b;
    NUM x = b->v.in[0].v[place(r, i)];
    NUM y = b->v.in[0].v[place(r, j)];
    double ei = bd_err(b, 0, place(r, i));
    double ej = bd_err(b, 0, place(r, j));
    if (ei == INFINITY || ej == INFINITY)
        return (struct outcome){ true, false };
    /* Certain scores are compared directly: as doubles, unequal i64 may be equal. A certain NaN comes last. */
    bool whole = !dtype_is_float(b->v.in[0].dtype);
    if ((ei == 0 && ej == 0) || (!whole && (isnan(x.d) || isnan(y.d)))) {
        bool is = stands_before(&b->v, x, i, y, j);
        return (struct outcome){ is, is };
    }
    struct span xs = span_of(b, place(r, i));
    struct span ys = span_of(b, place(r, j));
    /* A double rounds an i64 above 2⁵³, so equal ends need not be equal integers. */
    bool sure_ties =
        !whole || (fabs(xs.lo) < 0x1p52 && fabs(xs.hi) < 0x1p52 && fabs(ys.lo) < 0x1p52 && fabs(ys.hi) < 0x1p52);
    return (struct outcome){ xs.hi > ys.lo || (xs.hi == ys.lo && (i < j || !sure_ties)),
                             xs.lo > ys.hi || (xs.lo == ys.hi && i < j && sure_ties) };
}

/* Numbers of elements that may precede element i, and that must. */
struct ahead {
    int64_t may, must;
};

static struct ahead ahead_of(const struct row *r, int64_t i)
{
    struct ahead a = { 0 };
    for (int64_t j = 0; j < r->l.n; j++) {
        if (j == i)
            continue;
        struct outcome o = compare(r, j, i);
        a.may += o.may;
        a.must += o.must;
    }
    return a;
}

/* True if end_key orders the ends of all intervals x ± e as `compare` does.
   The ends of an inexact integer must be below 2⁵², so that a double holds them exactly.
   The two largest i64 are excluded, since an unbounded end has the same key. */
static bool has_keys(const struct row *r)
{
    bool is_float = dtype_is_float(r->b->v.in[0].dtype);
    for (int64_t i = 0; i < r->l.n; i++) {
        double e = bd_err(r->b, 0, place(r, i));
        if (!(e >= 0))
            return false;
        if (is_float || e == INFINITY)
            continue;
        int64_t x = r->b->v.in[0].v[place(r, i)].i;
        if (e == 0 ? x > INT64_MAX - 2 : e != rint(e) || fabs((double)x) + e >= 0x1p52)
            return false;
    }
    return true;
}

static uint64_t end_key(const struct row *r, int64_t i, bool high)
{
    NUM x = r->b->v.in[0].v[place(r, i)];
    double e = bd_err(r->b, 0, place(r, i));
    if (e == INFINITY)
        return high ? RANK_MOST : RANK_LEAST;
    if (!dtype_is_float(r->b->v.in[0].dtype))
        return rank_of_int(high ? x.i + (int64_t)e : x.i - (int64_t)e) + 1;
    return rank_of_double(high ? round_up(x.d, e) : round_down(x.d, e));
}

static uint64_t low_key(const void *row, int64_t i) { return end_key(row, i, false); }
static uint64_t high_key(const void *row, int64_t i) { return end_key(row, i, true); }

static bool is_exact(const struct row *r)
{
    if (!r->b->e_in[0])
        return true;
    for (int64_t i = 0; i < r->l.n; i++)
        if (r->b->e_in[0][place(r, i)] != 0)
            return false;
    return true;
}

/* How a row's errors are found; stored in shared[0]. SETTLED: there are none.
   BY_PAIRS: elements are compared in pairs. BY_KEYS: the ends of the intervals x ± e are ranked by key. */
enum how { SETTLED, BY_PAIRS, BY_KEYS };
static enum how how_of(const struct row *r)
{
    return is_exact(r) ? SETTLED : r->l.n <= FEW || !has_keys(r) ? BY_PAIRS : BY_KEYS;
}

static void put_ranked(NUM *shared, struct ranked x)
{
    shared[0].u = x.key;
    shared[1].i = x.i;
}
static struct ranked get_ranked(const NUM *shared) { return (struct ranked){ shared[0].u, shared[1].i }; }

/* If BY_KEYS, also stores in `shared` the k-th largest low end, and the k-th and (k + 1)-th largest high ends. */
static void mask_bound_row(void *ctx, const struct line *l, NUM *shared)
{
    struct row r = { .b = ctx, .l = *l };
    int64_t k = k_of(r.b->v.n);
    shared[0].i = k < 1 || k >= l->n ? SETTLED : how_of(&r);
    if (shared[0].i != BY_KEYS)
        return;
    put_ranked(shared + 1, rank_kth(low_key, &r, l->n, k));
    put_ranked(shared + 3, rank_kth(high_key, &r, l->n, k));
    put_ranked(shared + 5, rank_kth(high_key, &r, l->n, k + 1));
}

/* Element i may be left out if at least k others may precede i, and must be if at least k others must.
   The choice is uncertain if i may, but need not, be left out.
   BY_KEYS: i may be left out if the k-th largest high end of the others precedes i's low end; it must be left out if
   the k-th largest low end of the others precedes i's high end. */
static void mask_error(void *ctx, const struct line *l, int64_t at, int64_t i, const NUM *shared)
{
    struct bd *b = ctx;
    struct row r = { .b = b, .l = *l };
    int64_t k = k_of(b->v.n);
    b->e_out[at] = 0;
    if (shared[0].i == BY_PAIRS) {
        struct ahead a = ahead_of(&r, i);
        b->e_out[at] = a.must < k && a.may >= k;
    } else if (shared[0].i == BY_KEYS) {
        struct ranked low = { low_key(&r, i), i };
        struct ranked high = { high_key(&r, i), i };
        struct ranked may = get_ranked(shared + (high.key > low.key ? 5 : 3));
        b->e_out[at] = !rank_precedes(get_ranked(shared + 1), high) && rank_precedes(may, low);
    }
}

static void topk_mask_bound(struct bd *b) { each_line(&b->v, &(struct line_fns){ mask_bound_row, mask_error }, b); }

static void topk_work(struct session *s, const struct node *n, struct work *w)
{
    w->macs = index_mul(s->indices, type_count(s, &n->in[0]->type), length_of(n));
}

static const struct kexpr *topk_precedes(struct at *c, const struct kexpr *sj, const struct kexpr *j,
                                         const struct kexpr *si, const struct kexpr *i)
{
    struct kbuild *k = c->k;
    const struct kexpr *more = kexpr_op2(k, K_GT, sj, si);
    const struct kexpr *same = kexpr_op2(k, K_EQ, sj, si);
    const struct kexpr *first = kexpr_op2(k, K_LT, j, i);
    if (!dtype_is_float(sj->type))
        return kexpr_op2(k, K_OR, more, kexpr_op2(k, K_AND, same, first));
    const struct kexpr *nan_j = kexpr_op2(k, K_NE, sj, sj);
    const struct kexpr *nan_i = kexpr_op2(k, K_NE, si, si);
    same = kexpr_op2(k, K_OR, same, kexpr_op2(k, K_AND, nan_j, nan_i));
    more = kexpr_op2(k, K_OR, more, kexpr_op2(k, K_AND, nan_i, kexpr_op1(k, K_NOT, nan_j)));
    return kexpr_op2(k, K_OR, more, kexpr_op2(k, K_AND, same, first));
}

static const struct kexpr *topk_mask_from_rank(struct at *c, const struct kexpr *rank)
{
    int64_t k = k_of(c->n) < INT32_MAX ? k_of(c->n) : INT32_MAX;
    return kexpr_op2(c->k, K_LT, rank, kexpr_i32(c->k, k));
}

static void topk_sample(struct sample *d)
{
    struct type t = sample_type(d, sample_range(d, 0, 1) ? DT_I64 : DT_FLOAT, 1, 3);
    int64_t n = sample_range(d, 0, 9) ? sample_range(d, 1, 9) : sample_range(d, 65, 90);
    int axis = sample_range(d, 0, 1) ? t.rank - 1 : (int)sample_range(d, 0, t.rank - 1);
    t.dim[axis] = draw_index(d, n);
    sample_operand(d, 0, &t, t.dtype == DT_I64 ? -3 : -4, t.dtype == DT_I64 ? 3 : 4);
    d->scores[0] = t.dtype != DT_I64 && axis == t.rank - 1;
    d->attrs[0] = sample_attr_int(sample_range(d, 1, n));
    d->attrs[1] = sample_attr_int(sample_range(d, 0, 1) ? axis : axis - t.rank);
}

const struct op_def op_topk_mask = {
    .call = {
        .name = "topk_mask",
        .doc = "true at the k largest of each row; ties go to the lower index, NaN and the least i64 come last",
        .about = {
            .shapes = "scores [.., n, ..] -> bool [.., n, ..]",
            .formula = "y_i = fewer than k elements precede i. Element j precedes i if its score is larger, "
                       "or equal with j < i",
            .gradient = "none: a bool",
        },
        .operands = { { .name = "scores", .keep_f32 = true } },
        .attrs = topk_attrs,
        .n_attrs = N_ATTRS(topk_attrs),
    },
    .class = CLS_SELECT,
    .exact = true,
    .type = { .infer = topk_mask_infer, .contract = topk_mask_contract },
    .reference = { .work = topk_work, .eval = topk_mask_eval, .bound = topk_mask_bound },
    .kernel = { .precedes = topk_precedes, .from_rank = topk_mask_from_rank, .chosen = k_of },
    .sample = topk_sample,
};

/* ---- topk_indices ---- */
static bool topk_indices_infer(struct graph *g, struct node *n)
{
    if (!scores_infer(g, n, DT_I64))
        return false;
    if (k_of(n) < 0)
        return infer_error(g, n, -1, "k is %lld", (long long)k_of(n));
    n->type.dim[op_axis(n)] = index_const(g->s->indices, k_of(n));
    return true;
}

static void topk_indices_contract(struct contract *c)
{
    const struct index *len = length_of(c->n);
    need_k(c);
    double lo = k_of(c->n) <= len->lo ? 0 : -1;
    facts_set(c, lo, fmax((double)len->hi - 1, lo), true, true);
}

static void indices_row(void *ctx, const struct line *l, NUM *shared)
{
    (void)ctx;
    (void)l;
    (void)shared;
}

static void indices_result(void *ctx, const struct line *l, int64_t at, int64_t k, const NUM *shared)
{
    struct row r = { .c = ctx, .l = *l };
    (void)shared;
    n_store_i(ctx, at, k < l->n ? rank_kth(score_key, &r, l->n, k + 1).i : -1);
}

static void topk_indices_eval(struct ev *c) { each_line(c, &(struct line_fns){ indices_row, indices_result }, c); }

static void indices_bound_row(void *ctx, const struct line *l, NUM *shared)
{
    struct row r = { .b = ctx, .l = *l };
    shared[0].i = how_of(&r);
}

/* Stores the distance to the farthest index that may have rank k: at most k elements must precede it, at least k
   may. */
static void indices_error(void *ctx, const struct line *l, int64_t at, int64_t k, const NUM *shared)
{
    struct bd *b = ctx;
    struct row r = { .b = b, .l = *l };
    struct ranked must = { 0 };
    struct ranked may = { 0 };
    struct ranked may_not_i = { 0 };
    bool keys = shared[0].i == BY_KEYS;
    double out = 0;
    b->e_out[at] = 0;
    if (k >= l->n || shared[0].i == SETTLED)
        return;
    if (keys) {
        must = rank_kth(low_key, &r, l->n, k + 1);
        may_not_i = rank_kth(high_key, &r, l->n, k + 1);
        may = k ? rank_kth(high_key, &r, l->n, k) : may_not_i;
    }
    for (int64_t i = 0; i < l->n; i++) {
        bool candidate;
        if (keys) {
            struct ranked low = { low_key(&r, i), i };
            struct ranked high = { high_key(&r, i), i };
            bool behind = k == 0 || rank_precedes(high.key > low.key ? may_not_i : may, low);
            candidate = !rank_precedes(must, high) && behind;
        } else {
            struct ahead a = ahead_of(&r, i);
            candidate = a.must <= k && a.may >= k;
        }
        if (candidate)
            out = fmax(out, fabs((double)(i - b->v.out.v[at].i)));
    }
    b->e_out[at] = out;
}

static void topk_indices_bound(struct bd *b)
{
    each_line(&b->v, &(struct line_fns){ indices_bound_row, indices_error }, b);
}

const struct op_def op_topk_indices = {
    .call = {
        .name = "topk_indices",
        .doc = "indices of the k largest of each row, in descending order; ties go to the lower index, NaN comes last",
        .about = {
            .shapes = "scores [.., n, ..] -> [.., k, ..]",
            .formula = "y_j = the index of the element that exactly j others precede; -1 for j >= n",
            .gradient = "none: the result is an integer",
        },
        .operands = { { .name = "scores", .keep_f32 = true } },
        .attrs = topk_attrs,
        .n_attrs = N_ATTRS(topk_attrs),
    },
    .class = CLS_SELECT,
    .exact = true,
    .type = { .infer = topk_indices_infer, .contract = topk_indices_contract },
    .reference = { .work = topk_work, .eval = topk_indices_eval, .bound = topk_indices_bound },
    .kernel = { .precedes = topk_precedes, .lists = true },
    .sample = topk_sample,
};

/* ---- topk_values ---- */
static bool topk_values_infer(struct graph *g, struct node *n)
{
    enum dtype to = n->in[0]->type.dtype;
    if (!topk_indices_infer(g, n))
        return false;
    n->type.dtype = to;
    return true;
}

static void topk_values_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    bool all = k_of(c->n) <= length_of(c->n)->lo;
    bool is_float = dtype_is_float(c->n->type.dtype);
    need_k(c);
    facts_set(c, all || is_float ? x->lo : fmin(x->lo, 0), all || is_float ? x->hi : fmax(x->hi, 0),
              x->finite && (all || !is_float), x->integral);
}

static void values_result(void *ctx, const struct line *l, int64_t at, int64_t k, const NUM *shared)
{
    struct ev *c = ctx;
    struct row r = { .c = c, .l = *l };
    bool is_float = dtype_is_float(c->out.dtype);
    NUM y = is_float ? n_const(c, NAN) : (NUM){ .i = 0 };
    (void)shared;
    if (k < l->n)
        y = c->in[0].v[place(&r, rank_kth(score_key, &r, l->n, k + 1).i)];
    if (is_float)
        n_store(c, at, y);
    else
        n_store_i(c, at, y.i);
}

static void topk_values_eval(struct ev *c) { each_line(c, &(struct line_fns){ indices_row, values_result }, c); }

static struct node *indices_for(struct builder *b, struct node *n)
{
    return build(b, "topk_indices", n->in, 1, n->attrs);
}

static struct node *topk_values_expand(struct builder *b, struct node *n)
{
    struct node *in[] = { n->in[0], indices_for(b, n) };
    return build(b, "take_along_axis", in, 2, (struct attr[]){ { .i = op_axis(n) } });
}

const struct op_def op_topk_values = {
    .call = {
        .name = "topk_values",
        .doc = "the k largest of each row, in descending order: the elements at topk_indices",
        .about = {
            .shapes = "scores [.., n, ..] -> [.., k, ..]",
            .formula = "y_j = scores_i, i = topk_indices(scores)_j; for j >= n a NaN, or 0 if scores are integers",
            .gradient = "gy_j at index i, 0 at elements that are not chosen",
        },
        .operands = { { .name = "scores", .keep_f32 = true } },
        .attrs = topk_attrs,
        .n_attrs = N_ATTRS(topk_attrs),
    },
    .class = CLS_SELECT,
    .exact = true,
    .type = { .infer = topk_values_infer, .contract = topk_values_contract },
    .reference = { .work = topk_work, .eval = topk_values_eval },
    .kernel = { .expand = topk_values_expand },
    .sample = topk_sample,
};
