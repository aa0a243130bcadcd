#include <string.h>

#include "ir/graph/graph.h"

/* A user of a shape may multiply by one more symbolic factor, so DEGREE_MAX is INDEX_DEGREE - 1. */
enum { DEGREE_MAX = 3, TERMS_MAX = 24 };
#define COUNT_MAX ((int64_t)1 << 40)

__extension__ typedef __int128 i128;
static int64_t capped(i128 v) { return v > INDEX_INF ? INDEX_INF : (int64_t)v; }

int64_t index_weight(const struct index *e)
{
    switch (e->kind) {
    case INDEX_SYM:
    case INDEX_VAR: return 1;
    case INDEX_DIV:
    case INDEX_MOD: return capped((i128)index_weight(e->a) * index_weight(e->b));
    case INDEX_MIN:
    case INDEX_MAX: return capped((i128)index_weight(e->a) + index_weight(e->b));
    case INDEX_SUM: break;
    }
    i128 w = e->k < 0 ? -(i128)e->k : e->k;
    for (int i = 0; i < e->n_terms; i++) {
        i128 t = e->terms[i].coef < 0 ? -(i128)e->terms[i].coef : e->terms[i].coef;
        for (int j = 0; j < e->terms[i].n; j++)
            t = capped(t * index_weight(e->terms[i].atom[j]));
        w = capped(w + t);
    }
    return capped(w);
}

static int degree(const struct index *e)
{
    int d = e->kind != INDEX_SUM;
    for (int i = 0; e->kind == INDEX_SUM && i < e->n_terms; i++)
        if (e->terms[i].n > d)
            d = e->terms[i].n;
    return d;
}

const char *type_misfit(struct session *s, const struct type *t)
{
    if (t->rank > MAX_RANK)
        return arena_printf(s->run, "it has %d dimensions, and the maximum is %d", t->rank, MAX_RANK);
    i128 count = 1;
    int deg = 0;
    int terms = 1;
    bool zero = false;
    for (int i = 0; i < t->rank; i++) {
        const struct index *d = t->dim[i];
        if (!index_nonnegative(s->indices, d))
            return arena_printf(s->run, "its dimension %d, %s, %s", i, index_text(s->run, d),
                                index_is_const(d) ? "is negative" : "may be negative");
        if (index_is_const(d) && d->k > INDEX_DIM_MAX)
            return arena_printf(s->run, "its dimension %d is above %lld", i, (long long)INDEX_DIM_MAX);
        zero |= index_is_const(d) && d->k == 0;
        count = capped(count * (index_weight(d) ? index_weight(d) : 1));
        deg += degree(d);
        terms *= d->kind == INDEX_SUM && d->n_terms ? d->n_terms + (d->k != 0) : 1;
        if (terms > TERMS_MAX)
            return "its dimensions are too long as expressions";
    }
    if (count > COUNT_MAX && !zero)
        return "it has over 2^40 elements";
    if (count > COUNT_MAX)
        return "its dimensions multiply to over 2^40";
    if (deg > DEGREE_MAX)
        return arena_printf(s->run, "its symbolic dimensions multiply to degree %d, and the maximum is %d", deg,
                            DEGREE_MAX);
    return NULL;
}

static const struct index *product(struct session *s, const struct type *t, int n)
{
    const struct index *p = index_const(s->indices, 1);
    for (int i = 0; i < n; i++)
        p = index_mul(s->indices, p, t->dim[i]);
    return p;
}

const struct index *type_count(struct session *s, const struct type *t) { return product(s, t, t->rank); }
const struct index *type_last(struct session *s, const struct type *t)
{
    return t->rank ? t->dim[t->rank - 1] : index_const(s->indices, 1);
}
const struct index *type_rows(struct session *s, const struct type *t) { return product(s, t, t->rank - 1); }

bool type_same_shape(const struct type *a, const struct type *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

const char *type_text(struct arena *a, const struct type *t)
{
    const char *text = arena_printf(a, "%s[", dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        text = arena_printf(a, "%s%s%s", text, i ? ", " : "", index_text(a, t->dim[i]));
    return arena_printf(a, "%s]", text);
}

static int64_t dim_value(void *ctx, const struct index *atom)
{
    const struct dim_values *v = ctx;
    for (size_t i = 0; i < v->n; i++)
        if (!strcmp(v->names[i], atom->name))
            return v->values[i];
    BUG("no value for the symbolic dim %s", atom->name);
}

int64_t dims_eval(const struct dim_values *v, const struct index *e)
{
    return index_eval(e, dim_value, (void *)(uintptr_t)v);
}

int64_t type_count_at(const struct type *t, const struct dim_values *v)
{
    int64_t count = 1;
    for (int i = 0; i < t->rank; i++)
        count *= dims_eval(v, t->dim[i]);
    return count;
}
