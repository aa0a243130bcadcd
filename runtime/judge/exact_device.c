#include "runtime/judge/exact_device.h"

#include <math.h>
#include <string.h>

#include "ir/ops/op.h"
#include "runtime/compiled.h"
#include "runtime/device/exec.h"
#include "runtime/judge/walk.h"

/* f32 holds every integer up to this magnitude. The mass of a value (NUM_MASS) bounds all its partial sums. */
static const double most_f32 = 0x1p24;

struct trial {
    struct session *s;
    struct exec *e;
    const struct group *gr;
    struct walk *value, *mass;
};

static bool is_float(const struct node *n) { return dtype_is_float(n->type.dtype); }

/* ---- inputs ---- */
/* Returns element i of input n. A float is −1 or 1 with probability density/2 each, else 0.
   An integer is drawn from its range (n->facts), since it may be an index. */
static int64_t draw(const struct node *n, int64_t i, double density)
{
    uint64_t x = field_mix(7, FIELD_OP_COUNT + 17, (uint64_t)n->id, (uint64_t)i);
    double u = (double)(x >> 8) / (double)(FIELD_P >> 8);
    const struct facts *f = &n->facts;
    if (n->type.dtype == DT_BOOL)
        return (int64_t)(x >> 40 & 1);
    if (!is_float(n) && f->hi - f->lo < 0x1p31)
        return (int64_t)(f->lo + floor(u * (f->hi - f->lo + 1)));
    return u < density / 2 ? -1 : u < density ? 1 : 0;
}

static void fill(struct trial *t, const struct node *n, double density)
{
    int64_t count = type_count_at(&n->type, &t->value->dims);
    NUM *v = walk_room(t->value, n);
    NUM *m = walk_room(t->mass, n);
    for (int64_t i = 0; i < count; i++) {
        int64_t x = draw(n, i, density);
        v[i] = is_float(n) ? (NUM){ .d = (double)x } : (NUM){ .i = x };
        m[i] = is_float(n) ? (NUM){ .d = fabs((double)x) } : (NUM){ .i = x };
    }
}

/* ---- the reference ---- */
static void stand_in(struct walk *w, const struct node *n)
{
    if (n->op->class == CLS_REDUCE) {
        struct node total = *n;
        total.op = n->op->reference.total;
        walk_node(w, &total);
        return;
    }
    int64_t count = type_count_at(&n->type, &w->dims);
    NUM *v = walk_room(w, n);
    for (int64_t i = 0; i < count; i++) {
        double x = n->op->class == CLS_SOURCE ? op_stand_in_constant(n->attrs[op_attr(n->op, "value")].f)
                   : is_float(n->in[0])       ? walk_value(w, n->in[0])->v[i].d
                                              : (double)walk_value(w, n->in[0])->v[i].i;
        v[i].d = w->kind == NUM_MASS ? fabs(x) : x;
    }
}

static void evaluate(struct trial *t, const struct node *n)
{
    if (op_stands_in(n)) {
        stand_in(t->value, n);
        stand_in(t->mass, n);
        return;
    }
    walk_node(t->value, n);
    if (is_float(n)) {
        walk_node(t->mass, n);
        return;
    }
    const struct wval *v = walk_value(t->value, n);
    memcpy(walk_room(t->mass, n), v->v, sizeof *v->v * (size_t)v->count);
}

/* ---- is every value an exact integer? ---- */
static bool fits(enum dtype t, double x) { return t == DT_FLOAT || dtype_round(t, x) == x; }

/* True if n's dtype, dtype `as` and f32 all hold n's elements exactly. */
static bool is_held(const struct trial *t, const struct node *n, enum dtype as)
{
    const struct wval *v = walk_value(t->value, n);
    const struct wval *m = walk_value(t->mass, n);
    for (int64_t i = 0; i < v->count && is_float(n); i++) {
        double x = v->v[i].d;
        if (!(m->v[i].d <= most_f32) || x != rint(x) || !fits(n->type.dtype, x) || !fits(as, x))
            return false;
    }
    return true;
}

static const struct node *first_inexact(struct trial *t)
{
    for (size_t i = 0; i < t->gr->n_nodes; i++) {
        const struct node *n = t->gr->nodes[i];
        if (n->op->class == CLS_REDUCE && op_stands_in(n) && !n->op->reference.total)
            return n;
        evaluate(t, n);
        bool unit = n->op->class == CLS_CONTRACT && n->compute == DT_F16;
        for (int k = 0; k < n->n_in && unit; k++)
            if (!is_held(t, n->in[k], DT_F16))
                return n->in[k];
        if (!is_held(t, n, n->materialised && n->group == t->gr ? n->storage : DT_FLOAT))
            return n;
    }
    return NULL;
}

/* ---- the device ---- */
static struct tensor *tensor_of(const struct walk *w, const struct node *n, struct arena *a)
{
    const struct wval *v = walk_value(w, n);
    int64_t dim[MAX_RANK];
    for (int i = 0; i < n->type.rank; i++)
        dim[i] = dims_eval(&w->dims, n->type.dim[i]);
    struct tensor *t = tensor_new(a, n->storage, n->type.rank, dim);
    for (int64_t i = 0; i < v->count; i++) {
        if (is_float(n))
            tensor_set(t, i, v->v[i].d);
        else
            tensor_set_i64(t, i, v->v[i].i);
    }
    return t;
}

static bool run(struct trial *t)
{
    struct exec *e = t->e;
    struct arena *a = t->value->arena;
    bool ok = e->d->ops->use(e->d) && exec_forget(e, t->gr);
    for (size_t i = 0; i < t->gr->n_ins && ok; i++) {
        const struct tensor *x = tensor_of(t->value, t->gr->ins[i], a);
        ok = !x->bytes || e->d->ops->copy_in(e->d, NULL, e->at[t->gr->ins[i]->id], x->data, x->bytes);
    }
    return ok && exec_group(e, t->gr) && exec_sync(e);
}

static bool compare(struct trial *t, const struct node *n, struct exact_device_verdict *v)
{
    const struct wval *want = walk_value(t->value, n);
    const struct tensor *got = want->count ? exec_read(t->e, n, t->value->arena) : NULL;
    for (int64_t i = 0; i < want->count && got; i++) {
        double y = is_float(n) ? tensor_get(got, i) : (double)tensor_get_i64(got, i);
        bool equal = is_float(n) ? y == want->v[i].d : tensor_get_i64(got, i) == want->v[i].i;
        v->elements++;
        if (equal || v->unequal++)
            continue;
        v->first = n;
        v->first_at = i;
        v->got = y;
        v->want = is_float(n) ? want->v[i].d : (double)want->v[i].i;
    }
    return got || !want->count;
}

/* Judges the group on inputs with more and more zeros, until every value is exact. */
static bool judge(struct exec *e, const struct group *gr, int threads, struct exact_device_verdict *v)
{
    static const double densities[] = { 1, 0.25, 0x1p-4, 0x1p-6 };
    bool ok = true;
    *v = (struct exact_device_verdict){ .group = gr };
    for (int i = 0; i < 4; i++) {
        struct trial t = { .s = e->s, .e = e, .gr = gr };
        t.value = walk_begin(e->s, e->p->g, &e->dims, NUMERICS_REAL, threads);
        t.mass = walk_begin(e->s, e->p->g, &e->dims, NUMERICS_REAL, threads);
        t.mass->kind = NUM_MASS;
        for (size_t k = 0; k < gr->n_ins; k++)
            fill(&t, gr->ins[k], densities[i]);
        v->why_not = first_inexact(&t);
        bool judged = !v->why_not;
        ok = !judged || run(&t);
        for (size_t k = 0; k < gr->n_outs && judged && ok; k++)
            ok = compare(&t, gr->outs[k], v);
        walk_end(t.value);
        walk_end(t.mass);
        if (judged || !ok)
            break;
    }
    return ok;
}

bool exact_device(struct session *s, const struct program *p, struct device *d, const struct binding *b, bool checked,
                  int threads, struct exact_device_report *out)
{
    struct compiled k = { .target = d->target, .program = (struct program *)p };
    const struct graph *g = p->g;
    *out = (struct exact_device_report){ .pass = true };
    k.text = compiled_text(s, k.target, d->ops->kind, checked, p->text);
    if (!compiled_code(s, d->ops->kind, checked, &k))
        return false;
    struct exec *e = exec_open(s, p, d, &k.code, b);
    bool ok = e != NULL;
    out->kernels = arena_array(s->run, struct exact_device_verdict, g->n_groups + 1);
    for (size_t i = 0; i < g->n_groups && ok; i++) {
        struct exact_device_verdict *v = &out->kernels[out->n_kernels++];
        ok = judge(e, g->groups[i], threads, v);
        out->n_judged += !v->why_not;
        out->pass &= !v->unequal;
    }
    exec_close(e);
    return ok;
}
