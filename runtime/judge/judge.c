/* Judges a group: evaluates it in double on the inputs that its kernels have read, and compares the results. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/integer.h"
#include "ir/ops/op.h"
#include "runtime/format/npy.h"
#include "runtime/judge/verify.h"

/* A group of SAMPLE_WHOLE multiply-adds or more is judged only on some elements of each result. */
#define SAMPLE_WHOLE 1e8
enum { SAMPLE_ELEMENTS = 4096, SAMPLE_ROWS = 64 };

struct judge {
    struct session *s;
    struct walk *w;
    const struct group *gr;
    struct kernel_verdict *v;
    struct coverage *of;
    struct run *runs; /* judged elements of the current result */
    size_t n_runs;
    struct tensor *want, *bound; /* reference and bounds of the current result; NULL: no dump */
};

static void index_of(const struct walk *w, const struct type *t, int64_t at, struct box *out)
{
    *out = (struct box){ .rank = t->rank };
    for (int d = t->rank - 1; d >= 0; d--) {
        int64_t n = dims_eval(&w->dims, t->dim[d]);
        out->lo[d] = out->hi[d] = at % n;
        at /= n;
    }
}

/* Returns the first element of n in `box` whose error bound is infinite; -1: none. */
static int64_t first_unbounded(const struct walk *w, const struct node *n, const struct box *box)
{
    const struct wval *x = walk_value(w, n);
    for (int64_t i = 0; i < x->count; i++) {
        struct box at;
        if (!x->e || x->e[i] < INFINITY)
            continue;
        index_of(w, &n->type, i, &at);
        bool in = true;
        for (int d = 0; d < box->rank; d++)
            in &= at.lo[d] >= box->lo[d] && at.lo[d] <= box->hi[d];
        if (in)
            return i;
    }
    return -1;
}

/* Finds out why element i of n has no error bound. Follows operands back to the first value that lost its bound. */
static void blame_range(struct judge *j, const struct node *n, int64_t i)
{
    j->v->blind = n;
    j->v->blind_at = i;
    for (int k = 0; k < n->n_in;) {
        struct box out, in;
        index_of(j->w, &n->type, i, &out);
        op_needs(n, k, &j->w->dims, &out, &in);
        int64_t at = first_unbounded(j->w, n->in[k], &in);
        k++;
        if (at < 0)
            continue;
        n = n->in[k - 1];
        i = at;
        k = 0;
    }
    double y = dtype_is_float(n->type.dtype) ? walk_value(j->w, n)->v[i].d : 0;
    bool grows = n->op->class != CLS_POINTWISE || n->op->exact || !(fabs(y) < 0x1p100);
    j->v->blind_of = n;
    j->v->blind_why = grows ? "may overflow" : "may leave its domain";
}

static void note_range(struct judge *j, const struct node *n, int64_t i, bool beyond)
{
    if (!j->v->range++)
        blame_range(j, n, i);
    j->of->range++;
    j->of->beyond += beyond;
}

static void note(struct judge *j, const struct node *n, int64_t i, double got, double want, double err, double bound)
{
    double ratio = err == 0 ? 0 : err / bound;
    bool wrong = !(err <= bound);
    j->v->elements++;
    j->of->elements++;
    j->v->wrong += wrong;
    bool worse = ratio > j->v->ratio || (isnan(ratio) && !isnan(j->v->ratio));
    bool looser = ratio == 0 && j->v->ratio == 0 && bound > j->v->bound;
    if (j->v->worst && !worse && !looser)
        return;
    j->v->worst = n;
    j->v->worst_at = i;
    j->v->got = got;
    j->v->want = want;
    j->v->observed = err;
    j->v->bound = bound;
    j->v->ratio = ratio;
}

/* Bounds the rounding error of a store of n, for magnitudes up to `reach`. 0 if the store does not narrow f32.
   A value that rounds to a finite number is at most half an ulp above the dtype's largest, so `reach` is cut there. */
static double store_error(const struct node *n, double reach)
{
    const struct dtype_info *t = &dtype_table[n->storage];
    return t->mantissa < dtype_table[DT_F32].mantissa ? dtype_half_ulp(n->storage, fmin(reach, t->max)) : 0;
}

/* Judges element i of n. `e` bounds the error of the kernel's arithmetic, without the rounding of the store. */
static void judge_float(struct judge *j, const struct node *n, int64_t i, double got, double want, double e)
{
    const struct dtype_info *t = &dtype_table[n->storage];
    bool exact = e == 0 && dtype_round(n->storage, want) == want;
    double bound = exact ? 0 : e < INFINITY ? e + store_error(n, fabs(want) + e) : INFINITY;
    if (j->want) {
        tensor_set(j->want, i, want);
        tensor_set(j->bound, i, bound);
    }
    if (isnan(want)) {
        j->v->not_finite += isnan(got);
        note(j, n, i, got, want, isnan(got) ? 0 : INFINITY, 0);
        return;
    }
    if (!(e < INFINITY)) {
        note_range(j, n, i, !(fabs(want) <= t->max));
        return;
    }
    if (isinf(got) || isinf(want)) {
        bool same = isinf(got) && isinf(want) && (got > 0) == (want > 0);
        bool overflow = isinf(got) && (got > 0 ? want + e : e - want) >= t->max + store_error(n, t->max);
        bool held = isinf(want) && !isinf(got) && fabs(got) >= t->max && (got > 0) == (want > 0);
        j->v->not_finite += isinf(got) && (same || overflow);
        note(j, n, i, got, want, same || overflow || held ? 0 : INFINITY, bound);
        return;
    }
    note(j, n, i, got, want, isnan(got) ? INFINITY : fabs(got - want), bound);
}

static bool judge_floats(struct judge *j, const struct node *n, const struct tensor *out, const char *save)
{
    const struct wval *x = walk_value(j->w, n);
    if (save) {
        j->want = tensor_new(j->w->arena, DT_F64, out->rank, out->dim);
        j->bound = tensor_new(j->w->arena, DT_F64, out->rank, out->dim);
    }
    for (int64_t i = 0; save && i < x->count; i++)
        tensor_set(j->bound, i, INFINITY);
    for (size_t r = 0; r < j->n_runs; r++)
        for (int64_t i = j->runs[r].lo; i < j->runs[r].hi; i++)
            judge_float(j, n, i, tensor_get(out, i), x->v[i].d, x->e[i]);
    bool ok = !save || (npy_write(j->s, arena_printf(j->w->arena, "%s.want.npy", save), j->want) &&
                        npy_write(j->s, arena_printf(j->w->arena, "%s.bound.npy", save), j->bound));
    j->want = j->bound = NULL;
    return ok;
}

/* Judges integers and booleans. Later values of the group are then judged on the kernel's choice. */
static void judge_integers(struct judge *j, const struct node *n, const struct tensor *out)
{
    struct wval *x = &j->w->val[n->id];
    for (size_t r = 0; r < j->n_runs; r++)
        for (int64_t i = j->runs[r].lo; i < j->runs[r].hi; i++) {
            int64_t got = tensor_get_i64(out, i);
            int64_t want = x->v[i].i;
            if (!(x->e[i] < INFINITY))
                note_range(j, n, i, false);
            else
                note(j, n, i, (double)got, (double)want, int_gap(got, want), x->e[i]);
            x->v[i].i = got;
            x->e[i] = 0;
        }
}

/* True if element a may precede element b in the order of the scores, given the scores' errors.
   Higher scores come first, NaNs last. Of equal scores, the lower index comes first. */
static bool may_precede(const struct wval *x, bool is_float, int64_t a, int64_t b, int64_t row)
{
    double ea = x->e[row + a];
    double eb = x->e[row + b];
    if (!(ea < INFINITY) || !(eb < INFINITY))
        return true;
    if (!is_float) {
        if (ea == 0 && eb == 0)
            return x->v[row + a].i != x->v[row + b].i ? x->v[row + a].i > x->v[row + b].i : a < b;
        return x->v[row + a].i >= x->v[row + b].i ||
               int_gap(x->v[row + b].i, x->v[row + a].i) * (1 - 0x1p-50) <= ea + eb;
    }
    double sa = x->v[row + a].d;
    double sb = x->v[row + b].d;
    if (isnan(sa) || isnan(sb))
        return isnan(sa) && isnan(sb) ? a < b : isnan(sb);
    return sa + ea > sb - eb || (sa + ea == sb - eb && (a < b || ea + eb > 0));
}

/* A chosen set is right if it has as many members as the reference's, and each member may precede each non-member. */
static void judge_set(struct judge *j, const struct node *n, const struct tensor *out, int64_t row, int64_t length)
{
    const struct wval *scores = walk_value(j->w, n->in[0]);
    bool is_float = dtype_is_float(n->in[0]->type.dtype);
    struct wval *x = &j->w->val[n->id];
    int64_t want = 0;
    int64_t got = 0;
    int64_t bad = -1;
    bool differs = false;
    for (int64_t i = 0; i < length; i++) {
        int64_t g = tensor_get_i64(out, row + i);
        if (g != 0 && g != 1)
            bad = i;
        want += x->v[row + i].i;
        got += g;
        differs |= g != x->v[row + i].i;
    }
    if (got != want)
        bad = 0;
    for (int64_t a = 0; a < length && differs && bad < 0; a++)
        for (int64_t b = 0; b < length && bad < 0; b++)
            if (tensor_get_i64(out, row + a) && !tensor_get_i64(out, row + b) &&
                !may_precede(scores, is_float, a, b, row))
                bad = a;
    j->v->uncertain_rows += differs && bad < 0;
    for (int64_t i = 0; i < length; i++) {
        int64_t g = tensor_get_i64(out, row + i);
        bool wrong = bad == i || (bad >= 0 && g != x->v[row + i].i);
        note(j, n, row + i, (double)g, (double)x->v[row + i].i, wrong ? INFINITY : 0, 0);
        x->v[row + i].i = g;
        x->e[row + i] = 0;
    }
}

static void judge_sets(struct judge *j, const struct node *n, const struct tensor *out)
{
    int64_t length = dims_eval(&j->w->dims, n->type.dim[n->type.rank - 1]);
    for (int64_t row = 0; length && row < walk_value(j->w, n)->count; row += length)
        if (!j->w->subsets || subsets_has(j->w->subsets, n, row))
            judge_set(j, n, out, row, length);
}

/* ---- groups ---- */
static bool is_large(const struct walk *w, const struct group *gr)
{
    double sum = 0;
    for (size_t i = 0; i < gr->n_nodes; i++) {
        struct work work = { 0 };
        op_work(w->s, gr->nodes[i], &work);
        sum += work.macs ? (double)dims_eval(&w->dims, work.macs) : 0;
    }
    return sum >= SAMPLE_WHOLE;
}

/* Chooses the elements of a large group to judge. Chooses fewer while they take over SAMPLE_WHOLE multiply-adds. */
static struct subsets *choose_elements(const struct walk *w, const struct group *gr, uint64_t seed)
{
    for (int64_t elements = SAMPLE_ELEMENTS, rows = SAMPLE_ROWS;; elements /= 4, rows /= 2) {
        struct subsets *p = subsets_new(w->s, w->g, &w->dims);
        for (size_t i = 0; i < gr->n_outs; i++)
            subsets_draw(p, gr->outs[i], elements, rows, seed);
        subsets_spread(p, gr->nodes, gr->n_nodes);
        if (rows <= 4 || subsets_work(p, gr->nodes, gr->n_nodes) <= SAMPLE_WHOLE)
            return p;
        subsets_free(p);
    }
}

static bool judge_result(struct judge *j, const struct node *n, const struct tensor *out, const char *save)
{
    bool ok = true;
    j->runs = walk_runs(j->w, n, &j->n_runs);
    j->v->all += tensor_count(out);
    if (is_chosen_set(n))
        judge_sets(j, n, out);
    else if (dtype_is_float(n->type.dtype))
        ok = judge_floats(j, n, out, save);
    else
        judge_integers(j, n, out);
    free(j->runs);
    return ok;
}

bool judge_group(struct session *s, const struct program *p, size_t launch, const struct dim_values *dims,
                 const struct tensor *const *ins, const struct tensor *const *outs, const struct judge_how *how,
                 const char *dump, struct kernel_verdict *v)
{
    const struct program_launch *l = &p->launches[launch];
    const struct group *gr = l->group;
    struct judge j = { .s = s, .w = walk_begin(s, p->g, dims, NUMERICS_REAL, how->threads), .gr = gr, .v = v };
    bool ok = true;
    *v = (struct kernel_verdict){ .group = gr, .kernel = l->kernel };
    v->outs = arena_array(s->run, struct coverage, gr->n_outs + 1);
    j.w->bounds = true;
    j.w->kernel = true;
    j.w->u = 0x1p-24;
    size_t first = launch;
    while (!p->launches[first].first)
        first--;
    for (size_t i = first; i <= launch; i++)
        walk_take_sums(j.w, p->launches[i].k);
    struct subsets *subsets = !how->full && is_large(j.w, gr) ? choose_elements(j.w, gr, how->seed) : NULL;
    j.w->subsets = subsets;
    for (size_t i = 0; i < gr->n_ins; i++)
        walk_set_tensor(j.w, gr->ins[i], ins[i]);
    for (size_t i = 0; i < gr->n_nodes; i++) {
        const struct node *n = gr->nodes[i];
        walk_node(j.w, n);
        size_t out = 0;
        while (out < gr->n_outs && gr->outs[out] != n)
            out++;
        if (out == gr->n_outs)
            continue;
        j.of = &v->outs[out];
        ok = judge_result(&j, n, outs[out], dump ? arena_printf(j.w->arena, "%s/out%zu", dump, out) : NULL) && ok;
    }
    v->pass = v->wrong == 0;
    walk_end(j.w);
    subsets_free(subsets);
    return ok;
}
