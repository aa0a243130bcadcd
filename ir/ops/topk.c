/* topk_mask marks the k largest elements of each row. Comparisons are exact, so equal scores give equal masks on every
   backend. */
#include <math.h>

#include "ir/route/certify.h"
#include "ir/ops/row.h"
#include "ir/rank.h"

static const struct attr_def topk_attrs[] = { { "k", ATTR_INT, true, { .i = 0 }, "how many to choose in each row" } };
static int64_t k_of(const struct node *n) { return node_attr(n, 0)->i; }

static bool topk_mask_infer(struct graph *g, struct node *n)
{
    const struct type *t = &n->in[0]->type;
    if (!dtype_is_float(t->dtype) && t->dtype != DT_I64)
        return infer_error(g, n, 0, "must hold floats or i64");
    if (t->rank < 1)
        return infer_error(g, n, 0, "must have at least 1 dimension");
    n->type = *t;
    n->type.dtype = DT_BOOL;
    return true;
}

static void topk_mask_contract(struct contract *c)
{
    const struct index *len = type_last(c->g->s, &c->n->in[0]->type);
    int64_t k = k_of(c->n);
    bool never = k < 1 || k > len->hi;
    bool always = k >= 1 && k <= len->lo;
    const char *text = "1 <= k <= the length of a row";
    if (never)
        text = arena_printf(c->g->arena, "%s, but k is %lld and a row has %s", text, (long long)k,
                            index_text(c->g->arena, len));
    contract_state(c, text, never ? OBLIGATION_CONTRADICTED : always ? OBLIGATION_PROVED : OBLIGATION_OPEN);
    facts_set(c, 0, 1, true, true);
    c->out->max_nonzero = k < 0 || k > INT32_MAX ? -1 : (int)k;
}

/* Does score x of element i precede score y of element j? The larger first, ties by index, NaN last. */
static bool stands_before(const struct ev *c, NUM x, int64_t i, NUM y, int64_t j)
{
    if (!dtype_is_float(c->in[0].dtype))
        return x.i > y.i || (x.i == y.i && i < j);
    if (n_is_nan(c, x) || n_is_nan(c, y))
        return n_is_nan(c, x) == n_is_nan(c, y) ? i < j : n_is_nan(c, y);
    return n_less(c, y, x) || (!n_less(c, x, y) && i < j);
}

/* A row of n scores, which begins at flat index `at`. An evaluation sets c, a bound sets b. */
struct row {
    const struct ev *c;
    const struct bd *b;
    int64_t at, n;
};

static uint64_t score_key(const void *row, int64_t i)
{
    const struct row *r = row;
    NUM x = r->c->in[0].v[r->at + i];
    return !dtype_is_float(r->c->in[0].dtype) ? rank_of_int(x.i)
           : r->c->kind == NUM_FIELD          ? rank_of_int(field_order(r->c->key, x.u))
                                              : rank_of_double(x.d);
}

/* If at most this many elements of a row are requested, each is ranked by counting its predecessors. */
enum { FEW = 64 };

static int64_t rank_of(const struct ev *c, const NUM *row, int64_t n, int64_t i)
{
    int64_t rank = 0;
    for (int64_t j = 0; j < n; j++)
        rank += j != i && stands_before(c, row[j], j, row[i], i);
    return rank;
}

static void eval_run(struct ev *c, struct run run)
{
    int64_t n = c->out.last;
    int64_t k = k_of(c->n);
    int64_t row = run.lo / n * n;
    bool few = run.hi - run.lo <= FEW || k < 1 || k >= n;
    struct row r = { .c = c, .at = row, .n = n };
    struct ranked last = few ? (struct ranked){ 0 } : rank_kth(score_key, &r, n, k);
    for (int64_t at = run.lo; at < run.hi; at++) {
        int64_t i = at - row;
        if (k < 1 || k >= n)
            n_store_i(c, at, k >= n);
        else if (few)
            n_store_i(c, at, rank_of(c, c->in[0].v + row, n, i) < k);
        else
            n_store_i(c, at, !rank_precedes(last, (struct ranked){ score_key(&r, i), i }));
    }
}

static void topk_mask_eval(struct ev *c)
{
    for (size_t r = 0; r < c->n_runs; r++)
        if (c->runs[r].lo < c->runs[r].hi)
            eval_run(c, c->runs[r]);
}

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

static struct outcome compare(const struct bd *b, int64_t row, int64_t i, int64_t j)
{
    const NUM *v = b->v.in[0].v + row;
    double ei = bd_err(b, 0, row + i);
    double ej = bd_err(b, 0, row + j);
    if (ei == INFINITY || ej == INFINITY)
        return (struct outcome){ true, false };
    /* Certain scores are compared directly, since unequal large integers may be equal as doubles. A certain NaN comes
       last, whatever the other score is. */
    bool whole = !dtype_is_float(b->v.in[0].dtype);
    if ((ei == 0 && ej == 0) || (!whole && (isnan(v[i].d) || isnan(v[j].d)))) {
        bool is = stands_before(&b->v, v[i], i, v[j], j);
        return (struct outcome){ is, is };
    }
    struct span x = span_of(b, row + i);
    struct span y = span_of(b, row + j);
    /* Doubles above 2⁵³ round an i64, so equal ends need not be equal integers. */
    bool sure_ties =
        !whole || (fabs(x.lo) < 0x1p52 && fabs(x.hi) < 0x1p52 && fabs(y.lo) < 0x1p52 && fabs(y.hi) < 0x1p52);
    return (struct outcome){ x.hi > y.lo || (x.hi == y.lo && (i < j || !sure_ties)),
                             x.lo > y.hi || (x.lo == y.hi && i < j && sure_ties) };
}

/* The choice of element i is uncertain if fewer than k elements must precede it, but at least k may. */
static bool is_uncertain(const struct bd *b, int64_t row, int64_t i)
{
    int64_t n = b->v.out.last;
    int64_t k = k_of(b->v.n);
    int64_t may = 0;
    int64_t must = 0;
    for (int64_t j = 0; j < n; j++) {
        if (j == i)
            continue;
        struct outcome o = compare(b, row, j, i);
        may += o.may;
        must += o.must;
    }
    return must < k && may >= k;
}

/* Does end_key order the ends of all intervals x ± e as `compare` does? The ends of an integer with an error must be
   integers below 2⁵², which are exact in double. The two largest i64 are excluded, since the key of an unbounded end
   equals theirs. */
static bool has_keys(const struct row *r)
{
    bool is_float = dtype_is_float(r->b->v.in[0].dtype);
    for (int64_t i = 0; i < r->n; i++) {
        double e = bd_err(r->b, 0, r->at + i);
        if (!(e >= 0))
            return false;
        if (is_float || e == INFINITY)
            continue;
        int64_t x = r->b->v.in[0].v[r->at + i].i;
        if (e == 0 ? x > INT64_MAX - 2 : e != rint(e) || fabs((double)x) + e >= 0x1p52)
            return false;
    }
    return true;
}

static uint64_t end_key(const struct row *r, int64_t i, bool high)
{
    NUM x = r->b->v.in[0].v[r->at + i];
    double e = bd_err(r->b, 0, r->at + i);
    if (e == INFINITY)
        return high ? RANK_MOST : RANK_LEAST;
    if (!dtype_is_float(r->b->v.in[0].dtype))
        return rank_of_int(high ? x.i + (int64_t)e : x.i - (int64_t)e) + 1;
    return rank_of_double(high ? round_up(x.d, e) : round_down(x.d, e));
}

static uint64_t low_key(const void *row, int64_t i) { return end_key(row, i, false); }
static uint64_t high_key(const void *row, int64_t i) { return end_key(row, i, true); }

static bool is_exact(const struct bd *b, int64_t row)
{
    if (!b->e_in[0])
        return true;
    for (int64_t i = 0; i < b->v.out.last; i++)
        if (b->e_in[0][row + i] != 0)
            return false;
    return true;
}

/* Element i may be left out if the k-th largest high end of the others precedes i's low end. It must be left out if the
   k-th largest low end of the others precedes i's high end. The choice is uncertain if i may, but need not, be left
   out. */
static void bound_run(struct bd *b, struct run run)
{
    int64_t n = b->v.out.last;
    int64_t k = k_of(b->v.n);
    int64_t row = run.lo / n * n;
    struct row r = { .b = b, .at = row, .n = n };
    bool settled = k < 1 || k >= n || is_exact(b, row);
    bool few = settled || run.hi - run.lo <= FEW || !has_keys(&r);
    struct ranked must = { 0 };
    struct ranked may = { 0 };
    struct ranked may_not_i = { 0 };
    if (!few) {
        must = rank_kth(low_key, &r, n, k);
        may = rank_kth(high_key, &r, n, k);
        may_not_i = rank_kth(high_key, &r, n, k + 1);
    }
    for (int64_t at = run.lo; at < run.hi; at++) {
        int64_t i = at - row;
        if (settled)
            b->e_out[at] = 0;
        else if (few)
            b->e_out[at] = is_uncertain(b, row, i);
        else {
            struct ranked low = { low_key(&r, i), i };
            struct ranked high = { high_key(&r, i), i };
            b->e_out[at] = !rank_precedes(must, high) && rank_precedes(high.key > low.key ? may_not_i : may, low);
        }
    }
}

static void topk_mask_bound(struct bd *b)
{
    for (size_t r = 0; r < b->v.n_runs; r++)
        if (b->v.runs[r].lo < b->v.runs[r].hi)
            bound_run(b, b->v.runs[r]);
}

static void topk_mask_work(struct session *s, const struct node *n, struct work *w)
{
    w->macs = index_mul(s->indices, type_count(s, &n->type), type_last(s, &n->type));
}

static const struct kexpr *topk_mask_precedes(struct at *c, const struct kexpr *sj, const struct kexpr *j,
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

static void topk_mask_sample(struct sample *d)
{
    struct type t = sample_type(d, sample_range(d, 0, 1) ? DT_I64 : DT_FLOAT, 1, 3);
    int64_t n = sample_range(d, 1, 9);
    t.dim[t.rank - 1] = draw_index(d, n);
    sample_operand(d, 0, &t, t.dtype == DT_I64 ? -3 : -4, t.dtype == DT_I64 ? 3 : 4);
    d->scores[0] = t.dtype != DT_I64;
    d->attrs[0] = sample_attr_int(sample_range(d, 1, n));
}

const struct op_def op_topk_mask = {
    .call = {
        .name = "topk_mask",
        .doc = "true at the k largest of each row; ties go to the lower index, NaN and the least i64 come last",
        .about = {
            .shapes = "scores [.., n] -> bool [.., n]",
            .formula = "y_i = (fewer than k elements precede i); j precedes i if its score is larger, or equal "
                       "with j < i",
            .gradient = "none: a bool",
        },
        .operands = { { .name = "scores", .keep_f32 = true } },
        .attrs = topk_attrs,
        .n_attrs = N_ATTRS(topk_attrs),
    },
    .class = CLS_SELECT,
    .exact = true,
    .type = { .infer = topk_mask_infer, .contract = topk_mask_contract },
    .reference = { .work = topk_mask_work, .eval = topk_mask_eval, .bound = topk_mask_bound },
    .kernel = { .precedes = topk_mask_precedes, .from_rank = topk_mask_from_rank, .chosen = k_of },
    .sample = topk_mask_sample,
};
