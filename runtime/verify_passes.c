/* Judgement 2: are the passes right? The graph after them is walked in real numbers beside the graph as parsed. A value that both still have is
   computed from the parsed walk's own operands, compared, and then replaced by the parsed walk's value, so that nothing accumulates. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/op.h"
#include "runtime/verify.h"

struct errors { double **e; };          /* by parsed id: error bound of each element; NULL: exact */

struct beside {
    struct session *s;
    const struct graph *parsed, *after;
    struct walk *wp, *wa;               /* of parsed, all values kept; of after */
    const struct errors *own;           /* the parsed walk's own bounds; NULL: being gathered */
    struct errors *gather;
    const struct graph *met;            /* gathering: the graph whose values will meet the parsed ones */
    const struct node **parsed_of;      /* by id of after's nodes: the first parsed node whose value it holds */
    size_t compared;
    const char *value; struct loc loc;  /* the first value that differs */
};

/* The node that holds the parsed value in g; NULL: gone. */
static const struct node *value_in(const struct graph *g, const struct node *pn) { return (size_t)pn->id < g->n_values ? g->value_of[pn->id] : NULL; }

static bool differs(struct beside *x, const struct node *pn, const struct node *an)
{
    const struct wval *p = walk_value(x->wp, pn), *a = walk_value(x->wa, an);
    bool is_float = dtype_is_float(pn->type.dtype);
    const double *own = x->own ? x->own->e[pn->id] : NULL;
    for (int64_t i = 0; i < p->count; i++) {
        double bound = (a->e ? a->e[i] : 0) + (own ? own[i] : 0), got = is_float ? a->v[i].d : (double)a->v[i].i;
        double want = is_float ? p->v[i].d : (double)p->v[i].i;
        if (!(bound < INFINITY)) continue;
        bool same = got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= bound;
        if (same) continue;
        x->value = arena_printf(x->s->run, "%s, element %lld: is %.17g, should be %.17g ± %.3g", pn->name ? pn->name : pn->op->name, (long long)i,
                                got, want, bound);
        x->loc = pn->loc;
        return true;
    }
    return false;
}

/* After a node of `after` was evaluated: compares it with the parsed value that it holds, or keeps its bound, and puts the parsed value in its place. */
static bool meet(void *ctx, struct walk *w, const struct node *an)
{
    struct beside *x = ctx;
    const struct node *pn = x->parsed_of[an->id];
    if (!pn || pn->op->class == CLS_SOURCE || !x->wp->val[pn->id].set) return true;
    struct wval *a = &w->val[an->id];
    const struct wval *p = walk_value(x->wp, pn);
    if (a->count != p->count) {
        x->value = arena_printf(x->s->run, "%s has %lld elements, should have %lld", pn->name ? pn->name : pn->op->name, (long long)a->count,
                                (long long)p->count);
        x->loc = pn->loc;
        return false;
    }
    if (x->gather) {
        size_t bytes = sizeof(double) * (size_t)(a->count + 1);
        if (a->e) x->gather->e[pn->id] = memcpy(arena_alloc(x->wp->arena, bytes), a->e, sizeof(double) * (size_t)a->count);
    } else {
        x->compared++;
        if (differs(x, pn, an)) return false;
    }
    if (x->met && !value_in(x->met, pn)) return true;       /* nobody puts it right there: its error goes on */
    memcpy(a->v, p->v, sizeof *a->v * (size_t)a->count);
    if (a->e) memset(a->e, 0, sizeof *a->e * (size_t)a->count);
    return true;
}

/* Walks `after` beside the parsed walk. A composite that is still there is evaluated by the same textbook: no bound of its own. */
static bool walk_beside(struct beside *x, const struct binding *b, int threads)
{
    const struct graph *g = x->after;
    x->wa = walk_begin(x->s, g, &x->wp->dims, NUMERICS_REAL, threads);
    walk_bind(x->wa, b);
    x->parsed_of = arena_array(x->wa->arena, const struct node *, g->next_id + 1);
    for (size_t i = x->parsed->n_nodes; i-- > 0; ) {
        const struct node *pn = x->parsed->nodes[i], *an = value_in(g, pn);
        if (an) x->parsed_of[an->id] = pn;
    }
    bool ok = true;
    for (size_t i = 0; i < g->n_nodes && ok; i++) {
        const struct node *n = g->nodes[i];
        bool ready = true;
        for (int k = 0; k < n->n_in; k++) ready &= x->wa->val[n->in[k]->id].set;
        if (!ready || (n->op->class == CLS_SOURCE && !n->op->at)) continue;       /* an unbound source and what hangs on it: no output needs it */
        x->wa->bounds = !op_is_composite(n->op);
        if (!x->wa->val[n->id].set) walk_node(x->wa, n);
        ok = meet(x, x->wa, n);
    }
    walk_end(x->wa);
    return ok;
}

/* The bounds of the parsed walk's own values since those that `met` still has: of its composites' expansions, as the rows give them. */
static bool own_bounds(struct beside *x, const struct graph *met, const struct binding *b, int threads, struct errors *own)
{
    struct graph *g = graph_clone(x->parsed);
    struct pass_ctx c = { .s = x->s };
    pass_expand(g, &c);
    struct beside y = *x;
    y.after = g, y.gather = own, y.own = NULL, y.met = met;
    return walk_beside(&y, b, threads);
}

/* Is this graph the parsed one, value by value? */
static bool holds(struct beside *x, const struct graph *after, const struct binding *b, int threads)
{
    struct errors own = { arena_array(x->wp->arena, double *, x->parsed->next_id + 1) };
    own_bounds(x, after, b, threads, &own);
    x->after = after, x->own = &own;
    x->compared = 0;
    for (size_t i = 0; i < x->parsed->n_outs; i++) {
        const struct node *pn = x->parsed->outs[i].node;
        const struct node *an = value_in(after, pn);
        if (an && i < after->n_outs && after->outs[i].node == an) continue;
        x->value = arena_printf(x->s->run, "output %s is no longer the value that it was", x->parsed->outs[i].name);
        x->loc = pn->loc;
        x->own = NULL;
        return false;
    }
    bool good = walk_beside(x, b, threads);
    x->own = NULL;
    return good;
}

/* The first pass after which the graph no longer is the parsed one. */
static const char *blame(struct beside *x, const struct binding *b, const struct pass_ctx *c, const struct pass_options *o, int threads)
{
    for (size_t i = 0; pipeline_target[i]; i++) {
        struct graph *g = graph_clone(x->parsed);
        const char *upto[32];
        memcpy(upto, pipeline_target, sizeof *upto * (i + 1));
        upto[i + 1] = NULL;
        struct pass_options quiet = { .instead = o ? o->instead : NULL, .n_instead = o ? o->n_instead : 0 };
        struct pass_ctx ctx = *c;
        if (!passes_run(g, &ctx, upto, &quiet)) return pipeline_target[i];
        if (!holds(x, g, b, threads)) return pipeline_target[i];
    }
    return NULL;
}

bool verify_passes(struct session *s, const struct graph *parsed, const struct graph *after, const struct binding *b, struct pass_ctx *c,
                   struct pass_options *o, int threads, struct verify_report *out)
{
    struct beside x = { .s = s, .parsed = parsed };
    x.wp = walk_begin(s, parsed, &b->dims, NUMERICS_REAL, threads);
    walk_bind(x.wp, b);
    struct node **outs = arena_array(s->run, struct node *, parsed->n_outs + 1);
    for (size_t i = 0; i < parsed->n_outs; i++) outs[i] = parsed->outs[i].node;
    walk_run(x.wp, outs, parsed->n_outs, true, NULL, NULL);
    out->passes_ok = holds(&x, after, b, threads);
    out->pass_values = x.compared;
    if (!out->passes_ok) {
        out->pass_value = x.value, out->pass_loc = x.loc;
        out->pass_failed = blame(&x, b, c, o, threads);
        out->pass = false;
    }
    walk_end(x.wp);
    return true;
}
