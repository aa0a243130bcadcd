/* Checks that the passes keep the graph's values. Evaluates the parsed graph and the graph after the passes in real
   numbers, and compares the values that both have.
   After a comparison, the parsed graph's value replaces the other, so that differences do not accumulate.
   Real numbers do not show that a dtype is too narrow; width.h checks that. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/memory.h"
#include "ir/ops/integer.h"
#include "runtime/judge/verify.h"
#include "runtime/judge/width.h"

struct beside {
    struct session *s;
    struct reference *ref;
    const struct graph *parsed, *after;
    struct walk *wp, *wa;          /* wp walks `parsed` (the reference), wa walks `after` */
    const struct node **parsed_of; /* by node id in `after`: the parsed node with the same value */
    struct graph *expanded;        /* `parsed` with composite ops expanded; NULL: not needed yet */
    const struct width *width;
    size_t compared, left_out; /* numbers of values */
    double elements, all;      /* numbers of elements of these values: compared, and in total */
    const char *value;
    struct loc loc;
};

/* Returns the node of g that holds the value of parsed node pn; NULL: none. */
static const struct node *value_in(const struct graph *g, const struct node *pn)
{
    return (size_t)pn->id < g->n_values ? g->value_of[pn->id] : NULL;
}

/* Returns an array by node id in g: the first parsed node with the same value, or NULL. */
static const struct node **parsed_of(struct arena *a, const struct graph *parsed, const struct graph *g)
{
    const struct node **of = arena_array(a, const struct node *, g->next_id + 1);
    for (size_t i = parsed->n_nodes; i-- > 0;) {
        const struct node *n = value_in(g, parsed->nodes[i]);
        if (n)
            of[n->id] = parsed->nodes[i];
    }
    return of;
}

/* Marks in `cut` the parsed values from which `after` computes `an`: the first one on each path back. */
static void mark_cut(const struct beside *x, struct arena *a, const struct node *an, bool *cut)
{
    const struct graph *g = x->after;
    bool *met = arena_array(a, bool, g->next_id + 1);
    met[an->id] = true;
    for (size_t i = g->n_nodes; i-- > 0;) {
        const struct node *n = g->nodes[i];
        const struct node *pn = n == an ? NULL : x->parsed_of[n->id];
        if (met[n->id] && pn)
            cut[pn->id] = true;
        for (int k = 0; k < n->n_in && met[n->id] && !pn; k++)
            met[n->in[k]->id] = true;
    }
}

/* Marks in `need` all nodes that the marked nodes depend on. Stops at nodes in `cut`. */
static void mark_cone(const struct graph *g, const bool *cut, bool *need)
{
    for (size_t i = g->n_nodes; i-- > 0;) {
        const struct node *n = g->nodes[i];
        for (int k = 0; k < n->n_in && need[n->id] && !cut[n->id]; k++)
            need[n->in[k]->id] = true;
    }
}

/* Sets n's value to pn's, for the elements that the parsed walk has. n's error bounds stay. */
static void take_value(const struct beside *x, struct walk *w, const struct node *n, const struct node *pn)
{
    struct wval *v = &w->val[n->id];
    const struct wval *from = walk_value(x->wp, pn);
    if (!v->set) {
        size_t count = (size_t)(from->count + !from->count);
        *v = (struct wval){
            .v = calloc(count, sizeof *v->v), .e = calloc(count, sizeof *v->e), .count = from->count, .set = true
        };
        if (!v->v || !v->e)
            out_of_memory(count * (sizeof *v->v + sizeof *v->e));
    }
    size_t n_runs;
    struct run *runs = walk_runs(x->wp, pn, &n_runs);
    for (size_t r = 0; r < n_runs; r++)
        memcpy(v->v + runs[r].lo, from->v + runs[r].lo, sizeof *v->v * (size_t)(runs[r].hi - runs[r].lo));
    free(runs);
}

/* Sets n's error bounds to 0, for the elements that the parsed walk has of pn. */
static void forget_errors(const struct beside *x, const struct node *n, const struct node *pn)
{
    double *e = x->wa->val[n->id].e;
    size_t n_runs;
    struct run *runs = walk_runs(x->wp, pn, &n_runs);
    for (size_t r = 0; r < n_runs && e; r++)
        memset(e + runs[r].lo, 0, sizeof *e * (size_t)(runs[r].hi - runs[r].lo));
    free(runs);
}

/* Returns the elements to evaluate in g; NULL: all. of[id]: the parsed node with the same value.
   These are the parsed walk's elements of `target` (NULL: of all nodes), and all elements on which those depend. */
static struct subsets *subsets_beside(const struct beside *x, const struct graph *g, const struct node **of,
                                      const struct node *target)
{
    if (!x->wp->subsets)
        return NULL;
    struct subsets *p = subsets_new(x->s, g, &x->wp->dims);
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *pn = of[g->nodes[i]->id];
        if (pn && (!target || g->nodes[i] == target))
            subsets_add_same(p, g->nodes[i], x->wp->subsets, pn);
    }
    subsets_spread(p, g->nodes, g->n_nodes);
    return p;
}

/* Bounds the rounding errors of parsed node pn's value, which `an` holds in `after`. The caller frees the array.
   The values from which `after` computes `an` (mark_cut) count as exact. Each operation from these values to pn in
   the expanded parsed graph adds its error. */
static double *own_error(struct beside *x, const struct node *pn, const struct node *an)
{
    if (!x->expanded) {
        static const char *const expand[] = { "expand", NULL };
        struct pass_ctx c = { .s = x->s };
        x->expanded = graph_clone(x->parsed);
        passes_run(x->expanded, &c, expand, NULL);
    }
    const struct graph *g = x->expanded;
    struct walk *w = walk_begin(x->s, g, &x->wp->dims, NUMERICS_REAL, x->wp->threads);
    const struct node **of = parsed_of(w->arena, x->parsed, g);
    const struct node *target = value_in(g, pn);
    struct subsets *subsets = subsets_beside(x, g, of, target);
    bool *cut = arena_array(w->arena, bool, x->parsed->next_id + 1);
    bool *cut_here = arena_array(w->arena, bool, g->next_id + 1);
    bool *need = arena_array(w->arena, bool, g->next_id + 1);
    mark_cut(x, w->arena, an, cut);
    for (size_t i = 0; i < x->parsed->n_nodes; i++) {
        const struct node *n = cut[x->parsed->nodes[i]->id] ? value_in(g, x->parsed->nodes[i]) : NULL;
        if (n && n != target)
            cut_here[n->id] = true;
    }
    need[target->id] = true;
    mark_cone(g, cut_here, need);
    w->bounds = true;
    w->subsets = subsets;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = g->nodes[i];
        const struct node *same = of[n->id] && x->wp->val[of[n->id]->id].set ? of[n->id] : NULL;
        if (!need[n->id])
            continue;
        if (!same || !(cut_here[n->id] || n->op->class == CLS_SOURCE))
            walk_node(w, n);
        if (same)
            take_value(x, w, n, same);
    }
    double *e = w->val[target->id].e;
    w->val[target->id].e = NULL;
    walk_end(w);
    subsets_free(subsets);
    return e;
}

/* Returns the first element of run r at which p and a differ by more than a->e plus `own` (NULL: 0); -1: none. */
static int64_t first_apart(const struct wval *p, const struct wval *a, const double *own, bool is_float,
                           const struct run *r)
{
    for (int64_t i = r->lo; i < r->hi; i++) {
        double bound = (a->e ? a->e[i] : 0) + (own ? own[i] : 0);
        double got = a->v[i].d;
        double want = p->v[i].d;
        bool good = is_float ? got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= bound
                             : int_gap(a->v[i].i, p->v[i].i) <= bound;
        if (bound < INFINITY && !good)
            return i;
    }
    return -1;
}

static int64_t first_apart_in(const struct beside *x, const struct node *pn, const struct node *an, const double *own)
{
    const struct wval *p = walk_value(x->wp, pn);
    const struct wval *a = walk_value(x->wa, an);
    bool is_float = dtype_is_float(pn->type.dtype);
    int64_t at = -1;
    size_t n_runs;
    struct run *runs = walk_runs(x->wp, pn, &n_runs);
    for (size_t r = 0; r < n_runs && at < 0; r++)
        at = first_apart(p, a, own, is_float, &runs[r]);
    free(runs);
    return at;
}

/* True if the two values differ by more than their errors. The slow own_error is called only if needed. */
static bool differs(struct beside *x, const struct node *pn, const struct node *an)
{
    const struct wval *p = walk_value(x->wp, pn);
    const struct wval *a = walk_value(x->wa, an);
    bool is_float = dtype_is_float(pn->type.dtype);
    if (first_apart_in(x, pn, an, NULL) < 0)
        return false;
    double *own = own_error(x, pn, an);
    int64_t i = first_apart_in(x, pn, an, own);
    if (i >= 0) {
        x->value = arena_printf(x->s->run, "%s, element %lld: is %.17g, should be %.17g ± %.3g",
                                pn->name ? pn->name : pn->op->call.name, (long long)i,
                                is_float ? a->v[i].d : (double)a->v[i].i, is_float ? p->v[i].d : (double)p->v[i].i,
                                (a->e ? a->e[i] : 0) + own[i]);
        x->loc = pn->loc;
    }
    free(own);
    return i >= 0;
}

static void count_compared(struct beside *x, const struct node *pn)
{
    double all = (double)walk_value(x->wp, pn)->count;
    double n = x->wp->subsets ? (double)subsets_count(x->wp->subsets, pn) : all;
    x->compared += n > 0 || all == 0;
    x->all += all;
    x->elements += n;
}

/* Compares the value of `an` with the parsed one, if any, then replaces it. Returns false if they differ. */
static bool meet(struct beside *x, const struct node *an)
{
    const struct node *pn = x->parsed_of[an->id];
    if (!pn || pn->op->class == CLS_SOURCE)
        return true;
    if (!x->wp->val[pn->id].set) {
        x->left_out++;
        return true;
    }
    struct wval *a = &x->wa->val[an->id];
    const struct wval *p = walk_value(x->wp, pn);
    if (a->count != p->count) {
        x->value = arena_printf(x->s->run, "%s has %lld elements, should have %lld",
                                pn->name ? pn->name : pn->op->call.name, (long long)a->count, (long long)p->count);
        x->loc = pn->loc;
        return false;
    }
    count_compared(x, pn);
    if (differs(x, pn, an))
        return false;
    take_value(x, x->wa, an, pn);
    forget_errors(x, an, pn);
    return true;
}

/* Evaluates `after` and compares its values. Composites get no error bounds: both walks evaluate them alike. */
static bool walk_beside(struct beside *x)
{
    const struct graph *g = x->after;
    x->wa = walk_begin(x->s, g, &x->wp->dims, NUMERICS_REAL, x->wp->threads);
    x->parsed_of = parsed_of(x->wa->arena, x->parsed, g);
    struct subsets *subsets = subsets_beside(x, g, x->parsed_of, NULL);
    x->wa->subsets = subsets;
    walk_bind(x->wa, x->ref->b);
    bool ok = true;
    for (size_t i = 0; i < g->n_nodes && ok; i++) {
        const struct node *n = g->nodes[i];
        bool ready = true;
        for (int k = 0; k < n->n_in; k++)
            ready &= x->wa->val[n->in[k]->id].set;
        if (!ready || (n->op->class == CLS_SOURCE && !n->op->kernel.at))
            continue; /* an unbound source, or a node that depends on one; no output needs it */
        x->wa->bounds = !op_is_composite(n->op);
        if (!x->wa->val[n->id].set)
            walk_node(x->wa, n);
        ok = meet(x, n);
    }
    walk_end(x->wa);
    subsets_free(subsets);
    return ok;
}

/* True if `after` has the parsed graph's values. `decided`: also checks the dtypes in memory (width.h). */
static bool holds(struct beside *x, const struct graph *after, bool decided)
{
    x->after = after;
    x->compared = x->left_out = 0;
    x->elements = x->all = 0;
    for (size_t i = 0; i < x->parsed->n_outs; i++) {
        const struct node *pn = x->parsed->outs[i].node;
        const struct node *an = value_in(after, pn);
        if (an && i < after->n_outs && after->outs[i].node == an)
            continue;
        x->value = arena_printf(x->s->run, "output %s is no longer the value that it was", x->parsed->outs[i].name);
        x->loc = pn->loc;
        return false;
    }
    const struct node *narrow = decided ? width_lost(x->width, after, &x->value) : NULL;
    if (narrow) {
        x->loc = narrow->loc;
        return false;
    }
    return walk_beside(x);
}

/* Returns the name of the first pass after which the graph lacks the parsed graph's values. */
static const char *blame(struct beside *x, const struct pass_ctx *c, const struct pass_options *o)
{
    bool decided = false;
    for (size_t i = 0; pipeline_target[i]; i++) {
        decided |= !strcmp(pipeline_target[i], "precision");
        struct graph *g = graph_clone(x->parsed);
        const char *upto[32];
        memcpy(upto, pipeline_target, sizeof *upto * (i + 1));
        upto[i + 1] = NULL;
        struct pass_options quiet = { .instead = o ? o->instead : NULL, .n_instead = o ? o->n_instead : 0 };
        struct pass_ctx ctx = *c;
        if (!passes_run(g, &ctx, upto, &quiet))
            return pipeline_target[i];
        if (!holds(x, g, decided))
            return pipeline_target[i];
    }
    return NULL;
}

bool verify_passes(struct reference *ref, const struct graph *after, struct pass_ctx *c, struct pass_options *o,
                   struct verify_report *out)
{
    struct beside x = { .s = ref->s, .ref = ref, .parsed = ref->g };
    if (!reference_run(ref))
        return false;
    x.wp = ref->w;
    x.width = width_of(x.s, x.parsed, c);
    out->passes_ok = holds(&x, after, true);
    out->pass_values = x.compared;
    out->pass_left_out = x.left_out;
    out->pass_elements = x.elements;
    out->pass_all = x.all;
    if (!out->passes_ok) {
        out->pass_value = x.value;
        out->pass_loc = x.loc;
        out->pass_failed = blame(&x, c, o);
        out->pass = false;
    }
    return true;
}
