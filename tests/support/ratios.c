#include "tests/support/ratios.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/op.h"
#include "tests/support/random_graph.h"

enum { MOST_KERNELS = 4000 };

static bool is_gradient(const struct graph *g, const struct node *n)
{
    for (size_t i = 0; i < g->n_outs; i++)
        if (g->outs[i].node == n && !strncmp(g->outs[i].name, "grad:", 5))
            return true;
    return false;
}

static bool stores_gradient(const struct graph *g, const struct group *gr)
{
    for (size_t i = 0; i < gr->n_outs; i++)
        if (is_gradient(g, gr->outs[i]))
            return true;
    return false;
}

/* Is the op's result a float? If it is an integer that a cast makes a float, then the error is the cast's. */
static bool is_of_floats(const struct graph *g, const struct op_def *op)
{
    bool is = true;
    for (size_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->op == op)
            is = dtype_is_float(g->nodes[i]->type.dtype);
    return is;
}

static void add(struct op_ratios *r, const struct chain *c, const struct kernel_verdict *v, bool backward)
{
    if (!v->pass)
        r->wrong = c->src->text;
    if (backward && !stores_gradient(c->after, v->group))
        return;
    r->elements += v->elements;
    r->range += v->range;
    if (!v->worst || !is_of_floats(c->parsed, r->op))
        return;
    r->exact += v->bound == 0;
    if (v->bound == 0 || !dtype_is_float(v->worst->type.dtype))
        return;
    bool narrow = dtype_table[v->worst->storage].mantissa < dtype_table[DT_F32].mantissa;
    enum ratio_kind kind = narrow ? RATIO_F16 : RATIO_F32;
    BUG_IF(r->n[kind] == MOST_KERNELS, "too many kernels");
    r->v[kind][r->n[kind]++] = v->ratio;
}

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x;
    double b = *(const double *)y;
    return (a > b) - (a < b);
}

bool ratios_of(struct session *s, const struct op_def *op, struct device *d, const struct ratio_options *o,
               struct op_ratios *out)
{
    struct chain **chains = arena_array(s->run, struct chain *, o->cases);
    size_t n = 0;
    *out = (struct op_ratios){ .op = op };
    for (int kind = 0; kind < RATIO_KINDS; kind++)
        out->v[kind] = arena_array(s->run, double, MOST_KERNELS);
    for (int i = 0; i < o->cases; i++) {
        const char *text = random_op_text_long(s, op, o->seed + (uint64_t)i, o->longest, i % 2, o->backward);
        struct chain_options how = { .gradients = o->backward, .seed = o->seed + (uint64_t)i };
        struct chain *c = text ? chain_new(s, d->target, source_of_string(s, "ratio.graph", text), &how) : NULL;
        out->refused += text && !c;
        if (c && c->after->n_groups)
            chains[n++] = c;
    }
    if (n && !chain_compile(chains, n, false))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct verify_report r;
        if (!chain_judge(chains[i], d, -1, o->threads, &r))
            return false;
        for (size_t k = 0; k < r.n_kernels; k++)
            add(out, chains[i], &r.kernels[k], o->backward);
    }
    for (int kind = 0; kind < RATIO_KINDS; kind++)
        qsort(out->v[kind], (size_t)out->n[kind], sizeof(double), by_size);
    return true;
}

double ratios_median(const struct op_ratios *r, enum ratio_kind kind)
{
    const double *v = r->v[kind];
    int n = r->n[kind];
    return n ? (v[(n - 1) / 2] + v[n / 2]) / 2 : NAN;
}

double ratios_largest(const struct op_ratios *r, enum ratio_kind kind)
{
    return r->n[kind] ? r->v[kind][r->n[kind] - 1] : NAN;
}

bool ratios_are_low(const struct op_ratios *r, enum ratio_kind kind)
{
    return ratios_median(r, kind) < (kind == RATIO_F16 ? 0.1 : 1e-3);
}

double ratios_range(const struct op_ratios *r)
{
    double all = (double)(r->elements + r->range);
    return all > 0 ? (double)r->range / all : 0;
}
