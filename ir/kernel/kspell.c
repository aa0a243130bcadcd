#include "ir/kernel/kspell.h"

#include <stdlib.h>
#include <string.h>

/* ---- growing text ---- */
static void room(struct kout *o, size_t more)
{
    if (o->cap - o->n > more)
        return;
    size_t cap = (o->cap + more) * 2 + 256;
    char *buf = arena_alloc(o->arena, cap);
    if (o->n)
        memcpy(buf, o->buf, o->n);
    o->buf = buf;
    o->cap = cap;
}

static void add_text(struct kout *o, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    BUG_IF(n < 0, "bad format %s", fmt);
    room(o, (size_t)n);
    o->n += (size_t)vsnprintf(o->buf + o->n, (size_t)n + 1, fmt, ap);
}

void kout_add(struct kout *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_text(o, fmt, ap);
    va_end(ap);
}

void kout_line(struct kout *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    kout_add(o, "%*s", o->depth * o->step, "");
    add_text(o, fmt, ap);
    kout_add(o, "\n");
    va_end(ap);
}

const char *kout_text(struct kout *o)
{
    room(o, 1);
    o->buf[o->n] = 0;
    return o->buf;
}

/* ---- index expressions ---- */
struct piece {
    int64_t coef;
    int degree;
    const char *text;
};

/* Orders the terms of a sum: first positive ones, then by degree and |coefficient| (both falling), then by text. */
static int by_order(const void *x, const void *y)
{
    const struct piece *a = x;
    const struct piece *b = y;
    if ((a->coef < 0) != (b->coef < 0))
        return (a->coef < 0) - (b->coef < 0);
    if (a->degree != b->degree)
        return b->degree - a->degree;
    int64_t ca = a->coef < 0 ? -a->coef : a->coef;
    int64_t cb = b->coef < 0 ? -b->coef : b->coef;
    if (ca != cb)
        return ca < cb ? 1 : -1;
    return strcmp(a->text, b->text);
}

static int by_text(const void *x, const void *y) { return strcmp(*(const char *const *)x, *(const char *const *)y); }

static struct piece piece_of(const struct kspell *s, const struct index_term *t)
{
    struct arena *a = s->arena;
    const char *atom[INDEX_DEGREE], *out = "";
    for (int i = 0; i < t->n; i++)
        atom[i] = kspell_index(s, t->atom[i], true);
    qsort(atom, (size_t)t->n, sizeof *atom, by_text);
    for (int i = 0; i < t->n; i++)
        out = arena_printf(a, "%s%s%s", out, i ? "*" : "", atom[i]);
    return (struct piece){ t->coef, t->n, out };
}

static const char *sum_text(const struct kspell *s, const struct index *e, bool nested)
{
    struct arena *a = s->arena;
    if (!e->n_terms)
        return arena_printf(a, e->k < 0 && nested ? "(%lld)" : "%lld", (long long)e->k);
    struct piece *p = arena_array(a, struct piece, e->n_terms);
    for (int i = 0; i < e->n_terms; i++)
        p[i] = piece_of(s, &e->terms[i]);
    qsort(p, (size_t)e->n_terms, sizeof *p, by_order);
    const char *out = "";
    for (int i = 0; i < e->n_terms; i++) {
        int64_t c = p[i].coef < 0 ? -p[i].coef : p[i].coef;
        const char *sign = p[i].coef < 0 ? (i ? " - " : "-") : i ? " + " : "";
        out = c == 1 ? arena_printf(a, "%s%s%s", out, sign, p[i].text)
                     : arena_printf(a, "%s%s%lld*%s", out, sign, (long long)c, p[i].text);
    }
    if (e->k)
        out = arena_printf(a, "%s %c %lld", out, e->k < 0 ? '-' : '+', (long long)(e->k < 0 ? -e->k : e->k));
    return nested ? arena_printf(a, "(%s)", out) : out;
}

static const char *div_text(const struct kspell *s, const struct index *e, bool nested)
{
    const char *x = kspell_index(s, e->a, true);
    const char *y = kspell_index(s, e->b, true);
    const char *own = s->div ? s->div(s->arena, e, x, y) : NULL;
    if (own)
        return own;
    return arena_printf(s->arena, nested ? "(%s%c%s)" : "%s%c%s", x, e->kind == INDEX_DIV ? '/' : '%', y);
}

const char *kspell_index(const struct kspell *s, const struct index *e, bool nested)
{
    switch (e->kind) {
    case INDEX_SYM:
    case INDEX_VAR: {
        const char *name = s->atom(s->ctx, e);
        return name ? name : e->name;
    }
    case INDEX_SUM: return sum_text(s, e, nested);
    case INDEX_DIV:
    case INDEX_MOD: return div_text(s, e, nested);
    case INDEX_MIN:
    case INDEX_MAX: break;
    }
    const char *xy[2] = { kspell_index(s, e->a, false), kspell_index(s, e->b, false) };
    qsort(xy, 2, sizeof *xy, by_text);
    const char *call = e->kind == INDEX_MIN ? (s->min ? s->min : "min") : s->max ? s->max : "max";
    return arena_printf(s->arena, "%s(%s, %s)", call, xy[0], xy[1]);
}
