/* Runs a program group by group, judges each group, and measures the drift of the outputs. */
#include "runtime/judge/verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/op.h"
#include "runtime/judge/certified.h"
#include "runtime/judge/dump.h"
#include "runtime/judge/held.h"

/* Copies values from the device: later launches may overwrite them. */
static bool read_values(struct exec *e, struct node *const *nodes, size_t n, const struct tensor **out, struct arena *a)
{
    for (size_t i = 0; i < n; i++)
        if (!(out[i] = exec_read(e, nodes[i], a)))
            return false;
    return true;
}

static void compare_reads(struct exec *e, struct held *h, const struct group *gr, const struct tensor *const *ins,
                          struct verify_report *r)
{
    const char *reader = arena_printf(e->s->run, "kernel %s", gr->name);
    for (size_t i = 0; i < gr->n_ins; i++)
        held_compare(h, gr->ins[i], ins[i], reader, r);
}

/* Runs a group's launches and judges the results. First fills results and scratch with NaNs, to show missing stores. */
static bool judge_launches(struct exec *e, struct held *h, const struct group *gr, const struct judge_how *how,
                           struct kernel_verdict *v, struct verify_report *r)
{
    size_t last = e->first_launch[gr->id + 1] - 1;
    struct arena *a = arena_new();
    const struct tensor **ins = arena_array(a, const struct tensor *, gr->n_ins + 1);
    const struct tensor **outs = arena_array(a, const struct tensor *, gr->n_outs + 1);
    bool ok = read_values(e, gr->ins, gr->n_ins, ins, a) && exec_forget(e, gr) && exec_group(e, gr) && exec_sync(e) &&
              read_values(e, gr->outs, gr->n_outs, outs, a) &&
              judge_group(e->s, e->p, last, &e->dims, ins, outs, how, e->dump_dir ? dump_launch_dir(e, last) : NULL, v);
    if (ok) {
        compare_reads(e, h, gr, ins, r);
        for (size_t i = 0; i < gr->n_outs; i++)
            held_keep(h, gr->outs[i], outs[i]);
    }
    arena_free(a);
    return ok;
}

static void drift_add(struct drift *d, double x, double y, double *worst, double *size)
{
    bool fx = isfinite(x);
    bool fy = isfinite(y);
    d->elements++;
    if (fx && fy) {
        d->finite++;
        *worst = fmax(*worst, fabs(x - y));
        *size = fmax(*size, fabs(y));
    } else if (fx != fy)
        d->one_sided++;
    else if (isnan(x) && isnan(y))
        d->nans++;
    else if (x == y)
        d->infinite++;
    else
        d->unlike++;
}

/* Compares output a with n's value in w. drift.relative is 0 if they are equal, and infinite if only a is nonzero. */
static struct drift drift_of(const char *name, const struct tensor *a, const struct walk *w, const struct node *n)
{
    struct drift d = { .name = name, .all = tensor_count(a) };
    const struct wval *v = walk_value(w, n);
    bool is_float = dtype_is_float(n->type.dtype);
    double worst = 0;
    double size = 0;
    size_t n_runs;
    struct run *runs = walk_runs(w, n, &n_runs);
    for (size_t r = 0; r < n_runs; r++)
        for (int64_t i = runs[r].lo; i < runs[r].hi; i++)
            drift_add(&d, tensor_get(a, i), is_float ? v->v[i].d : (double)v->v[i].i, &worst, &size);
    free(runs);
    d.relative = worst == 0 ? 0 : size == 0 ? INFINITY : worst / size;
    return d;
}

static const struct tensor *output_of(struct exec *e, const struct node *n, const struct binding *b, struct arena *a)
{
    return n->op->class == CLS_SOURCE && !n->materialised ? binding_find(b, n->name) : exec_read(e, n, a);
}

struct chosen {
    const struct node *parsed;
    const struct tensor *got;
};

static void compare_sets(struct verify_report *r, const struct walk *w, const struct chosen *c)
{
    int64_t length = c->got->dim[c->got->rank - 1];
    if (!w->val[c->parsed->id].set)
        return;
    const struct wval *real = walk_value(w, c->parsed);
    for (int64_t row = 0; length && row < real->count; row += length) {
        bool equal = true;
        if (w->subsets && !subsets_has(w->subsets, c->parsed, row))
            continue;
        for (int64_t i = 0; i < length; i++)
            equal &= tensor_get_i64(c->got, row + i) == real->v[row + i].i;
        r->rows++;
        r->rows_equal += equal;
    }
}

static bool drift(struct exec *e, struct reference *ref, const struct chosen *sets, size_t n_sets,
                  struct verify_report *r)
{
    const struct graph *g = e->p->g;
    bool ok = reference_run(ref);
    r->drifts = arena_array(e->s->run, struct drift, ref->g->n_outs + 1);
    for (size_t i = 0; i < ref->g->n_outs && ok; i++) {
        const char *name = ref->g->outs[i].name;
        struct arena *t = arena_new();
        const struct tensor *got = output_of(e, g->outs[i].node, ref->b, t);
        ok = got != NULL;
        if (ok)
            r->drifts[r->n_drifts++] =
                ref->left_out[i] > 0
                    ? (struct drift){ .name = name, .left_out = ref->left_out[i], .all = tensor_count(got) }
                    : drift_of(name, got, ref->w, ref->g->outs[i].node);
        arena_free(t);
    }
    for (size_t i = 0; i < n_sets && ok; i++)
        compare_sets(r, ref->w, &sets[i]);
    return ok;
}

/* Copies a group's chosen sets right after its launches: later launches reuse the memory. */
static bool keep_sets(struct exec *e, const struct graph *parsed, const struct group *gr, struct chosen *sets,
                      size_t *n_sets)
{
    for (size_t i = 0; i < parsed->n_nodes; i++) {
        const struct node *n = parsed->nodes[i];
        const struct node *now = (size_t)n->id < e->p->g->n_values ? e->p->g->value_of[n->id] : NULL;
        if (!is_chosen_set(n) || !now || now->group != gr || !now->materialised)
            continue;
        sets[*n_sets].parsed = n;
        if (!(sets[(*n_sets)++].got = exec_read(e, now, e->s->run)))
            return false;
    }
    return true;
}

static const struct coverage *coverage_of(const struct verify_report *r, const struct node *n)
{
    for (size_t i = 0; n->group && i < r->n_kernels; i++)
        for (size_t k = 0; r->kernels[i].group == n->group && k < n->group->n_outs; k++)
            if (n->group->outs[k] == n)
                return &r->kernels[i].outs[k];
    return NULL;
}

static void cover_outputs(struct session *s, const struct graph *g, struct verify_report *r)
{
    r->outputs = arena_array(s->run, struct output_verdict, g->n_outs + 1);
    for (size_t i = 0; i < g->n_outs; i++) {
        const struct coverage *c = coverage_of(r, g->outs[i].node);
        if (c)
            r->outputs[r->n_outputs++] = (struct output_verdict){ g->outs[i].name, *c };
    }
}

/* An output with a larger unjudged share gives VERDICT_PARTLY. Elements in coverage.beyond do not count. */
static const double most_unjudged = 0.01;

enum verdict verify_verdict(const struct verify_report *r)
{
    enum verdict v = VERDICT_PASS;
    if (!r->pass || (r->exact && !r->exact->pass))
        return VERDICT_FAIL;
    for (size_t i = 0; i < r->n_kernels; i++)
        if (!r->kernels[i].elements && r->kernels[i].range)
            return VERDICT_NOT_JUDGED;
    for (size_t i = 0; i < r->n_outputs; i++) {
        const struct coverage *c = &r->outputs[i].of;
        if (coverage_is_blind(c))
            return VERDICT_NOT_JUDGED;
        if ((double)(c->range - c->beyond) > most_unjudged * (double)(c->elements + c->range))
            v = VERDICT_PARTLY;
    }
    return v;
}

bool verify_kernels(struct exec *e, struct reference *ref, const struct verify_watch *watch, struct verify_report *out)
{
    const struct graph *parsed = ref->g;
    struct arena *a = e->s->run;
    out->kernels = arena_array(a, struct kernel_verdict, e->p->g->n_groups + 1);
    struct chosen *sets = arena_array(a, struct chosen, parsed->n_nodes + 1);
    size_t n_sets = 0;
    out->pass = true;
    out->memory_ok = true;
    out->worst = 0;
    struct held *held = held_begin(e, ref->b);
    bool ok = true;
    for (size_t i = 0; i < e->p->g->n_groups && ok; i++) {
        const struct group *gr = e->p->g->groups[i];
        struct kernel_verdict *v = &out->kernels[out->n_kernels++];
        if (watch)
            watch->begins(watch->ctx, i);
        ok = judge_launches(e, held, gr, &ref->how, v, out) && keep_sets(e, parsed, gr, sets, &n_sets);
        out->pass &= v->pass;
        if (v->ratio > out->worst)
            out->worst = v->ratio;
        if (watch && ok)
            watch->judged(watch->ctx, v);
    }
    ok = ok && held_at_end(held, out);
    held_end(held);
    if (!ok)
        return false;
    out->pass &= out->memory_ok;
    cover_outputs(e->s, e->p->g, out);
    if (watch)
        watch->begins(watch->ctx, e->p->g->n_groups);
    int64_t rows = 0;
    certified_rows(e->s, e->p, ref->b, ref->how.threads, &rows, &out->rows_certified);
    return drift(e, ref, sets, n_sets, out);
}
