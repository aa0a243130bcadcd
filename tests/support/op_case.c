#include "tests/support/op_case.h"

#include <string.h>

#include "tests/support/support.h"

bool op_is_bound_by_walkers(const struct op_def *op) { return op->class == CLS_SOURCE && !op->reference.eval; }

void op_case_sample(struct op_case *c, struct session *s, const struct op_def *op, uint64_t *rnd)
{
    *c = (struct op_case){ .s = s, .op = op, .g = graph_new(s, "case") };
    c->sample = (struct sample){ .rnd = rnd, .s = s };
    for (int i = 0; i < op->call.n_attrs; i++)
        c->sample.attrs[i] = op->call.attrs[i].value;
    op->sample(&c->sample);
}

void op_case_node(struct op_case *c)
{
    const struct op_def *input = op_find("input");
    const struct source *src = source_of_string(c->s, "case", "op(x, y, z)");
    struct loc loc = { src, 1, 1, 2 };
    for (int k = 0; k < c->sample.n_in; k++) {
        const struct type *t = &c->sample.in[k];
        struct attr a[] = {
            { .n = t->rank, .dims = t->dim }, { .i = t->dtype }, { .f = c->sample.lo[k] }, { .f = c->sample.hi[k] }
        };
        c->in[k] = graph_add(c->g, input, NULL, 0, a, loc);
        assert_non_null(c->in[k]);
        c->in[k]->facts.lo = c->sample.lo[k];
        c->in[k]->facts.hi = c->sample.hi[k];
    }
    c->node = graph_add(c->g, c->op, c->in, c->sample.n_in, c->sample.attrs, loc);
}

/* Uniform, or a half integer (ties), or shrunk by a power of two where the range reaches 0. */
NUM op_case_number(const struct op_case *c, int k, uint64_t *rnd)
{
    double lo = c->sample.lo[k];
    double hi = c->sample.hi[k];
    enum dtype t = c->sample.in[k].dtype;
    if (!dtype_is_float(t))
        return (NUM){ .i = rnd_range(rnd, (int64_t)lo, (int64_t)hi) };
    double x = lo + (hi - lo) * rnd_unit(rnd);
    int64_t how = rnd_range(rnd, 0, 9);
    if (how < 3)
        x = fmin(fmax(rint(2 * x) / 2, lo), hi);
    if (how == 3 && lo <= 0 && hi >= 0)
        x = ldexp(x, -(int)rnd_range(rnd, 0, 140));
    double r = dtype_round(t == DT_FLOAT || t == DT_F64 ? DT_F32 : t, x);
    return (NUM){ .d = r < lo || r > hi ? lo + (hi - lo) / 2 : r };
}

/* Integers, in rising order along each row. */
static void sort_rows(struct view *v)
{
    for (int64_t i = 0; i < v->count; i++)
        for (int64_t j = i; j % v->last && v->v[j - 1].i > v->v[j].i; j--) {
            NUM x = v->v[j];
            v->v[j] = v->v[j - 1];
            v->v[j - 1] = x;
        }
}

void op_case_values(struct op_case *c, uint64_t *rnd)
{
    for (int k = 0; k < c->sample.n_in; k++) {
        struct view *v = &c->value[k];
        *v = op_walk_view(c->g->arena, &c->sample.in[k]);
        for (int64_t i = 0; i < v->count; i++)
            v->v[i] = op_case_number(c, k, rnd);
        if (c->sample.rising[k])
            sort_rows(v);
        if (!c->sample.scores[k])
            continue;
        for (int64_t i = 0; i < v->count; i++) { /* distinct along each row: a shuffled grid */
            int64_t at = i % v->last;
            int64_t j = rnd_range(rnd, 0, at);
            v->v[i] = v->v[i - at + j];
            double step = (c->sample.hi[k] - c->sample.lo[k]) / (double)(v->last + 1);
            double x = c->sample.lo[k] + step * (double)(at + 1);
            v->v[i - at + j] =
                dtype_is_float(v->dtype) ? (NUM){ .d = dtype_round(DT_F32, x) } : (NUM){ .i = (int64_t)x };
        }
    }
}

void op_case_make(struct op_case *c, struct session *s, const struct op_def *op, uint64_t *rnd)
{
    op_case_sample(c, s, op, rnd);
    op_case_node(c);
    if (c->node)
        op_case_values(c, rnd);
}

void op_case_begin(const struct op_case *c, struct op_walk *w)
{
    op_walk_begin(w, c->g);
    for (int k = 0; k < c->sample.n_in; k++)
        op_walk_bind(w, c->in[k], c->value[k], NULL);
}

void op_case_frame(const struct op_case *c, struct op_walk *w, struct ev *e)
{
    op_case_begin(c, w);
    op_walk_frame(w, c->node, e);
}

bool num_same(enum dtype t, enum num_kind kind, NUM a, NUM b)
{
    if (dtype_is_float(t) && kind == NUM_DOUBLE && isnan(a.d) && isnan(b.d))
        return true;
    return memcmp(&a, &b, sizeof a) == 0;
}

const char *op_case_expansion_differs(struct op_case *c, struct op_case_seen *seen)
{
    struct op_walk w;
    struct ev own;
    op_case_frame(c, &w, &own);
    op_eval(&own);
    struct node *by = op_walk_expand(c->g, c->node);
    if (!type_same_shape(&by->type, &c->node->type))
        return arena_printf(c->s->run, "%s expands to another shape", c->op->call.name);
    op_case_begin(c, &w);
    w.bounds = true;
    op_walk_run(&w);
    for (int64_t i = 0; i < own.out.count; i++) {
        if (!dtype_is_float(own.out.dtype)) {
            if (own.out.v[i].i != w.value[by->id].v[i].i)
                return arena_printf(c->s->run, "%s: its expansion gives another integer", c->op->call.name);
            seen->judged++;
            continue;
        }
        double a = own.out.v[i].d;
        double b = w.value[by->id].v[i].d;
        double e = w.err[by->id][i];
        if ((isnan(a) && isnan(b)) || e == INFINITY)
            continue;
        seen->judged++;
        if (a == b)
            continue;
        seen->worst = fmax(seen->worst, fabs(a - b) / e);
        if (!(fabs(a - b) <= 2 * e))
            return arena_printf(c->s->run, "%s: %.17g, and its expansion %.17g, bound %g", c->op->call.name, a, b, e);
    }
    return NULL;
}
