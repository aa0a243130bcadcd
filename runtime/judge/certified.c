#include "runtime/judge/certified.h"

#include <math.h>

#include "ir/route/certify.h"
#include "ir/ops/op.h"
#include "runtime/judge/walk.h"

static void set_load_errors(struct walk *w, const struct graph *g)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = g->nodes[i];
        struct wval *v = &w->val[n->id];
        if (n->op->class != CLS_SOURCE || !v->set || !v->e || !dtype_is_float(n->type.dtype))
            continue;
        for (int64_t k = 0; k < v->count; k++)
            v->e[k] = isfinite(v->v[k].d) ? fabs(v->v[k].d - dtype_round(n->storage, v->v[k].d)) : 0;
    }
}

/* Returns the float scores behind `set`. If an op with attributes p, n and s encodes them, sets *encoded and *ring. */
static const struct node *scores_of(const struct node *set, struct padic *ring, bool *encoded)
{
    const struct node *x = set->in[0];
    int p = op_attr(x->op, "p");
    int n = op_attr(x->op, "n");
    int s = op_attr(x->op, "s");
    const char *why;
    *encoded = p >= 0 && n >= 0 && s >= 0 && padic_make(x->attrs[p].i, x->attrs[n].i, x->attrs[s].i, ring, &why);
    return *encoded ? x->in[0] : x;
}

static void certify(struct walk *w, const struct binding *b, const struct node *set, int64_t *rows, int64_t *certified)
{
    struct padic ring;
    bool encoded;
    int k_attr = op_attr(set->op, "k");
    const struct node *z = scores_of(set, &ring, &encoded);
    if (k_attr < 0 || !dtype_is_float(z->type.dtype))
        return;
    walk_bind_for(w, b, z);
    set_load_errors(w, w->g);
    if (!walk_run(w, (struct node *[]){ (struct node *)z }, 1, true, NULL, NULL))
        return;
    const struct wval *v = walk_value(w, z);
    int64_t experts = dims_eval(&w->dims, z->type.dim[z->type.rank - 1]);
    int64_t n = experts ? v->count / experts : 0;
    double *scores = arena_array(w->arena, double, v->count + 1);
    double *beta = arena_array(w->arena, double, v->count + 1);
    for (int64_t i = 0; i < v->count; i++) {
        scores[i] = v->v[i].d;
        beta[i] = v->e[i];
    }
    *rows += n;
    *certified += certify_rows(encoded ? &ring : NULL, scores, beta, n, (int)experts, (int)set->attrs[k_attr].i, NULL);
}

void certified_rows(struct session *s, const struct program *p, const struct binding *b, int threads, int64_t *rows,
                    int64_t *certified)
{
    struct walk *w = walk_begin(s, p->g, &b->dims, NUMERICS_REAL, threads);
    w->bounds = w->kernel = w->stores = true;
    w->u = 0x1p-24;
    for (size_t i = 0; i < p->n_launches; i++)
        walk_take_sums(w, p->launches[i].k);
    for (size_t i = 0; i < p->g->n_nodes; i++) {
        const struct node *n = p->g->nodes[i];
        if (n->op->class == CLS_SELECT && n->type.dtype == DT_BOOL)
            certify(w, b, n, rows, certified);
    }
    walk_end(w);
}
