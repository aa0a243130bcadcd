#include "runtime/judge/walk.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ir/kernel/kir.h"
#include "ir/ops/op.h"
#include "ir/memory.h"

enum { MAX_THREADS = 64 };
#define THREAD_WORK 1e6 /* for fewer multiply-adds, a second thread costs more than it saves */

struct walk *walk_begin(struct session *s, const struct graph *g, const struct dim_values *dims, enum numerics numerics,
                        int threads)
{
    struct arena *a = arena_new();
    struct walk *w = arena_new_of(a, struct walk);
    *w = (struct walk){ .s = s,
                        .g = g,
                        .arena = a,
                        .dims = *dims,
                        .numerics = numerics,
                        .u = 0x1p-53,
                        .threads = threads < 1             ? 1
                                   : threads > MAX_THREADS ? MAX_THREADS
                                                           : threads };
    w->n_val = g->next_id;
    w->val = arena_array(a, struct wval, g->next_id + 1);
    return w;
}

static const struct sum_record *record_of(const struct walk *w, const struct node *n)
{
    for (size_t i = 0; i < w->n_sums; i++)
        if (w->sums[i].node == n)
            return &w->sums[i].record;
    return NULL;
}

void walk_take_sums(struct walk *w, const struct kernel *k)
{
    for (size_t i = 0; i < k->n_sums; i++) {
        struct sum_record *r = (struct sum_record *)record_of(w, k->sums[i].node);
        if (!r) {
            struct walk_sum *sum = arena_push(w->arena, w->sums, w->n_sums, w->cap_sums);
            *sum = (struct walk_sum){ .node = k->sums[i].node };
            r = &sum->record;
        }
        BUG_IF(r->n == MAX_SUM_LEVELS, "a sum of more than %d launches", MAX_SUM_LEVELS);
        struct sum_level *level = &r->level[r->n++];
        *level = k->sums[i].level;
        if (level->chain_of)
            level->chain = dims_eval(&w->dims, level->chain_of);
    }
}

void walk_drop(struct walk *w, const struct node *n)
{
    struct wval *v = &w->val[n->id];
    free(v->v);
    free(v->e);
    *v = (struct wval){ 0 };
}

void walk_end(struct walk *w)
{
    for (int i = 0; i < w->n_val; i++) {
        free(w->val[i].v);
        free(w->val[i].e);
    }
    arena_free(w->arena);
}

const struct wval *walk_value(const struct walk *w, const struct node *n)
{
    BUG_IF(!w->val[n->id].set, "the walk has no value of %s %s", n->op->call.name, n->name ? n->name : "");
    return &w->val[n->id];
}

static size_t value_bytes(const struct walk *w, int64_t count)
{
    return (size_t)(count + !count) * (sizeof(NUM) + (w->bounds ? sizeof(double) : 0));
}

/* Allocates n's value. A lack of memory is fatal here, but walk_run checks for it earlier and reports it. */
static struct wval *make_room(struct walk *w, const struct node *n, int64_t count)
{
    walk_drop(w, n);
    struct wval *v = &w->val[n->id];
    size_t bytes = value_bytes(w, count);
    if (bytes >= MEMORY_LARGE && bytes > memory_left())
        out_of_memory(bytes);
    size_t room = (size_t)(count + !count);
    v->v = w->subsets ? calloc(room, sizeof *v->v) : malloc(sizeof *v->v * room);
    v->e = w->bounds ? calloc(room, sizeof *v->e) : NULL;
    if (!v->v || (w->bounds && !v->e))
        out_of_memory(bytes);
    v->count = count;
    v->set = true;
    return v;
}

static enum dtype store_dtype(const struct walk *w, const struct node *n)
{
    if (w->numerics == NUMERICS_REAL)
        return DT_F64;
    if (w->numerics == NUMERICS_F32)
        return DT_F32;
    return n->storage == DT_FLOAT ? DT_F32 : n->storage;
}

NUM *walk_room(struct walk *w, const struct node *n) { return make_room(w, n, type_count_at(&n->type, &w->dims))->v; }
/* Returns all elements of n, one run for each row. With fewer rows than threads, rows are cut into several runs. */
static struct run *all_runs(const struct walk *w, const struct node *n, size_t *n_runs)
{
    int64_t count = type_count_at(&n->type, &w->dims);
    int64_t length = n->type.rank ? dims_eval(&w->dims, n->type.dim[n->type.rank - 1]) : 1;
    int64_t rows = count ? count / length : 0;
    int64_t piece = rows >= w->threads ? length : (length + w->threads - 1) / w->threads;
    int64_t per_row = count ? (length + piece - 1) / piece : 0;
    *n_runs = (size_t)(rows * per_row);
    struct run *runs = memory_must(malloc(sizeof *runs * (*n_runs + 1)), sizeof *runs * (*n_runs + 1));
    for (int64_t r = 0; r < rows * per_row; r++) {
        int64_t row = r / per_row;
        int64_t lo = row * length + r % per_row * piece;
        int64_t end = (row + 1) * length;
        runs[r] = (struct run){ lo, lo + piece < end ? lo + piece : end };
    }
    return runs;
}

struct run *walk_runs(const struct walk *w, const struct node *n, size_t *n_runs)
{
    return !w->subsets || w->subsets->of[n->id].all ? all_runs(w, n, n_runs) : subsets_runs(w->subsets, n, n_runs);
}

void walk_set_tensor(struct walk *w, const struct node *n, const struct tensor *t)
{
    int64_t count = tensor_count(t);
    struct wval *v = make_room(w, n, count);
    enum dtype to = store_dtype(w, n);
    bool whole = !dtype_is_float(t->dtype);
    size_t n_runs;
    struct run *runs = walk_runs(w, n, &n_runs);
    for (size_t r = 0; r < n_runs; r++)
        for (int64_t i = runs[r].lo; i < runs[r].hi; i++) {
            if (whole)
                v->v[i].i = tensor_get_i64(t, i);
            else
                v->v[i].d = to == DT_F64 ? tensor_get(t, i) : dtype_round(to, tensor_get(t, i));
        }
    free(runs);
}

static void bind_source(struct walk *w, const struct binding *b, const struct node *n)
{
    const struct tensor *t = n->op->class == CLS_SOURCE && n->name ? binding_find(b, n->name) : NULL;
    if (t && !w->val[n->id].set)
        walk_set_tensor(w, n, t);
}

void walk_bind(struct walk *w, const struct binding *b)
{
    for (size_t i = 0; i < w->g->n_nodes; i++)
        bind_source(w, b, w->g->nodes[i]);
}

static void view_of(const struct walk *w, const struct node *n, NUM *v, struct view *out)
{
    *out = (struct view){ .v = v, .dtype = n->type.dtype, .rank = n->type.rank, .count = 1, .last = 1 };
    for (int i = 0; i < n->type.rank; i++) {
        out->dim[i] = dims_eval(&w->dims, n->type.dim[i]);
        out->count *= out->dim[i];
        out->last = out->dim[i];
    }
}

static void add_store_error(struct walk *w, const struct node *n)
{
    struct wval *v = &w->val[n->id];
    if (!w->stores || !v->e || !n->materialised || !dtype_is_float(n->type.dtype) ||
        dtype_table[n->storage].mantissa >= dtype_table[DT_F32].mantissa)
        return;
    for (int64_t i = 0; i < v->count; i++) {
        double reach = fabs(v->v[i].d) + v->e[i];
        v->e[i] = reach <= dtype_table[n->storage].max ? v->e[i] + dtype_half_ulp(n->storage, reach) : INFINITY;
    }
}

struct share {
    struct bd b;
    bool bounds;
    pthread_t thread;
};

static void *run_share(void *arg)
{
    struct share *sh = arg;
    if (!sh->b.v.n_runs)
        return NULL;
    op_eval(&sh->b.v);
    if (sh->bounds)
        op_bound(&sh->b);
    return NULL;
}

static int threads_for(struct walk *w, const struct node *n, size_t n_runs)
{
    struct work work = { 0 };
    op_work(w->s, n, &work);
    double macs = work.macs ? (double)dims_eval(&w->dims, work.macs) : 0;
    int threads = macs < THREAD_WORK ? 1 : w->threads;
    return n_runs < (size_t)threads ? (int)(n_runs ? n_runs : 1) : threads;
}

void walk_node(struct walk *w, const struct node *n)
{
    struct view in[64], *views = n->n_in <= 64 ? in : arena_array(w->arena, struct view, n->n_in);
    const double *errs[64], **e_in = n->n_in <= 64 ? errs : arena_array(w->arena, const double *, n->n_in);
    for (int i = 0; i < n->n_in; i++) {
        const struct wval *x = walk_value(w, n->in[i]);
        view_of(w, n->in[i], x->v, &views[i]);
        e_in[i] = x->e;
    }
    struct view out;
    view_of(w, n, NULL, &out);
    struct wval *v = make_room(w, n, out.count);
    out.v = v->v;
    if (!out.count)
        return;
    size_t n_runs;
    struct run *runs = walk_runs(w, n, &n_runs);
    int threads = threads_for(w, n, n_runs);
    struct share shares[MAX_THREADS];
    for (int t = 0; t < threads; t++) {
        size_t first = n_runs * (size_t)t / (size_t)threads;
        size_t last = n_runs * (size_t)(t + 1) / (size_t)threads;
        shares[t] = (struct share){ .bounds = w->bounds,
                                    .b = { .v = { .kind = w->kind,
                                                  .key = w->key,
                                                  .s = w->s,
                                                  .n = n,
                                                  .n_in = n->n_in,
                                                  .in = views,
                                                  .out = out,
                                                  .runs = runs + first,
                                                  .n_runs = last - first,
                                                  .dims = &w->dims,
                                                  .acc = w->numerics == NUMERICS_REAL ? DT_F64 : DT_F32,
                                                  .store = store_dtype(w, n) },
                                           .e_in = e_in,
                                           .e_out = v->e,
                                           .u = w->u,
                                           .sum = record_of(w, n),
                                           .kernel = w->kernel } };
        if (t && pthread_create(&shares[t].thread, NULL, run_share, &shares[t])) {
            run_share(&shares[t]);
            shares[t].bounds = false;
            shares[t].b.v.n = NULL;
        }
    }
    run_share(&shares[0]);
    for (int t = 1; t < threads; t++)
        if (shares[t].b.v.n)
            pthread_join(shares[t].thread, NULL);
    free(runs);
    add_store_error(w, n);
}

void walk_node_degree(struct walk *w, const struct node *n, struct ev_tally *most)
{
    struct view *in = arena_array(w->arena, struct view, n->n_in + 1);
    struct view out;
    for (int i = 0; i < n->n_in; i++)
        view_of(w, n->in[i], walk_value(w, n->in[i])->v, &in[i]);
    view_of(w, n, NULL, &out);
    out.v = make_room(w, n, out.count)->v;
    *most = (struct ev_tally){ 0 };
    NUM value = { 0 };
    for (int i = 0; i < 3 && out.count; i++) {
        int64_t at = i * (out.count - 1) / 2;
        struct run run = { at, at + 1 };
        struct ev_tally tally = { 0 };
        struct ev c = { .kind = NUM_DEGREE,
                        .s = w->s,
                        .n = n,
                        .n_in = n->n_in,
                        .in = in,
                        .out = out,
                        .runs = &run,
                        .n_runs = 1,
                        .dims = &w->dims,
                        .acc = DT_F64,
                        .store = DT_F64,
                        .tally = &tally };
        op_eval(&c);
        value.u = degree_max(value.u, out.v[at].u);
        most->calls = tally.calls > most->calls ? tally.calls : most->calls;
        most->inverses = tally.inverses > most->inverses ? tally.inverses : most->inverses;
        most->divisor = degree_max(most->divisor, tally.divisor);
    }
    for (int64_t i = 0; i < out.count; i++)
        out.v[i] = value;
}

/* On entry, needs[id] counts a node's uses as an output. Adds its uses by nodes on which an output depends. */
static void count_needs(const struct graph *g, int *needs)
{
    for (size_t i = g->n_nodes; i-- > 0;) {
        const struct node *n = g->nodes[i];
        for (int k = 0; k < n->n_in && needs[n->id]; k++)
            needs[n->in[k]->id]++;
    }
}

void walk_bind_for(struct walk *w, const struct binding *b, const struct node *n)
{
    int *needs = arena_array(w->arena, int, w->n_val + 1);
    needs[n->id] = 1;
    count_needs(w->g, needs);
    for (size_t i = 0; i < w->g->n_nodes; i++)
        if (needs[w->g->nodes[i]->id])
            bind_source(w, b, w->g->nodes[i]);
}

static bool affords(struct walk *w, const struct node *n)
{
    double bytes = (double)value_bytes(w, type_count_at(&n->type, &w->dims));
    return bytes < MEMORY_LARGE || session_affords(w->s, n->loc, bytes, n->name ? n->name : n->op->call.name);
}

/* Outputs are never dropped: needs[] counts their use as an output too. */
bool walk_run(struct walk *w, struct node *const *outs, size_t n_outs, bool keep,
              bool (*tap)(void *ctx, struct walk *w, const struct node *n), void *ctx)
{
    int *needs = arena_array(w->arena, int, w->n_val + 1);
    for (size_t i = 0; i < n_outs; i++)
        needs[outs[i]->id]++;
    count_needs(w->g, needs);
    for (size_t i = 0; i < w->g->n_nodes; i++) {
        const struct node *n = w->g->nodes[i];
        if (!needs[n->id])
            continue;
        if (!w->val[n->id].set && !affords(w, n))
            return false;
        if (!w->val[n->id].set)
            walk_node(w, n);
        if (tap && !tap(ctx, w, n))
            return false;
        for (int k = 0; k < n->n_in && !keep; k++)
            if (--needs[n->in[k]->id] == 0)
                walk_drop(w, n->in[k]);
    }
    return true;
}

struct tensor *walk_tensor(const struct walk *w, const struct node *n, struct arena *a)
{
    const struct wval *v = walk_value(w, n);
    bool is_float = dtype_is_float(n->type.dtype);
    enum dtype t = !is_float ? n->type.dtype : w->numerics == NUMERICS_REAL ? DT_F64 : store_dtype(w, n);
    int64_t dim[MAX_RANK];
    for (int i = 0; i < n->type.rank; i++)
        dim[i] = dims_eval(&w->dims, n->type.dim[i]);
    struct tensor *out = tensor_new(a, t, n->type.rank, dim);
    for (int64_t i = 0; i < v->count; i++) {
        if (is_float)
            tensor_set(out, i, v->v[i].d);
        else
            tensor_set_i64(out, i, v->v[i].i);
    }
    return out;
}
