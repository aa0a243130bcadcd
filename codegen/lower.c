#include "codegen/lower.h"

#include <string.h>

const struct ix *flat_index(struct ix_table *t, const struct type *type, const struct ix *const *index)
{
    const struct ix *flat = ix_const(t, 0);
    for (int i = 0; i < type->rank; i++)
        flat = ix_add(t, ix_mul(t, flat, type->dim[i]), index[i]);
    return flat;
}

void split_index(struct ix_table *t, const struct ix *const *dims, int rank, const struct ix *flat,
                 const struct ix **index)
{
    for (int i = rank - 1; i >= 0; i--) {
        bool one = ix_is_const(dims[i]) && dims[i]->k <= 1; /* its only index is 0, if it has any */
        index[i] = one ? ix_const(t, 0) : i ? ix_mod(t, flat, dims[i]) : flat;
        if (i && !one)
            flat = ix_div(t, flat, dims[i]);
    }
}

struct kmask mask_of(const struct ix *e, const struct ix *bound)
{
    return (struct kmask){ .n = 1, .g = { { e, bound } } };
}

bool mask_never_holds(struct ix_table *t, const struct kmask *m)
{
    for (int i = 0; i < m->n; i++)
        if (m->g[i].e->hi < 0 || ix_less_eq(t, m->g[i].bound, m->g[i].e))
            return true;
    return false;
}

int log2_ceil(int64_t n)
{
    int l = 0;
    while (((int64_t)1 << l) < n)
        l++;
    return l;
}

static int64_t hint_value(void *ctx, const struct ix *atom)
{
    (void)atom;
    return *(const int64_t *)ctx;
}
int64_t hint_of(const struct lower *l, const struct ix *e)
{
    int64_t h = l->hint;
    return ix_eval(e, hint_value, &h);
}

void lower_place(struct lower *l, struct where w)
{
    for (size_t i = 0; i < l->n_where; i++)
        if (l->where[i].node == w.node && l->where[i].kind != WHERE_ARG) {
            l->where[i] = w;
            return;
        }
    *arena_push(l->k->arena, l->where, l->n_where, l->cap_where) = w;
}

struct kmem *arg_of(const struct lower *l, const struct node *n)
{
    for (size_t i = 0; i < l->n_where; i++)
        if (l->where[i].node == n && l->where[i].kind == WHERE_ARG)
            return l->where[i].mem;
    return NULL;
}

struct spot lower_enter(struct lower *l, struct kitem *item)
{
    struct spot p = { l->b, l->n_memo };
    l->b = kb_in(&l->b, item);
    return p;
}

void lower_leave(struct lower *l, struct spot p)
{
    l->b = p.b;
    l->n_memo = p.n_memo;
}
void lower_forget(struct lower *l) { l->n_memo = 0; }

static const struct where *where_of(const struct lower *l, const struct node *n)
{
    const struct where *found = NULL;
    for (size_t i = 0; i < l->n_where; i++) {
        const struct where *w = &l->where[i];
        if (w->node != n)
            continue;
        if (w->kind != WHERE_ARG)
            return w; /* nearer than memory, and not rounded */
        if (n->group != l->gr)
            found = w; /* the group's own results are made, not read back */
    }
    return found;
}

enum { HELD = 64 }; /* private elements that rows may stay in: registers of a thread */

void lower_forget_turn(struct lower *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_wides; i++)
        if (l->wides[i].stays)
            l->wides[n++] = l->wides[i];
    l->n_wides = n;
}

/* Puts the load in front of the loop over e, which ends the list. */
static struct wide load_wide(struct lower *l, const struct kmem *m, const struct ix *place, const struct ix *named)
{
    const struct vector *v = &l->vec;
    int all = v->turns * v->width;
    struct wide w = { .from = m, .place = named, .stays = all && l->n_held + all <= HELD };
    w.held = kernel_private(l->k, arena_printf(l->k->arena, "row%zu", l->k->n_priv), DT_F32, w.stays ? all : v->width);
    if (w.stays)
        l->n_held += all;
    struct kbuild b = v->outer;
    const struct ix *at = w.stays && v->turn ? ix_mulk(l->ix, v->turn, v->width) : ix_const(l->ix, 0);
    ki_load_wide(&b, w.held, at, m, NULL, place, v->width, NULL, 0);
    struct kitem **list = *b.list;
    struct kitem *load = list[*b.n - 1];
    size_t i = *b.n - 1;
    do {
        list[i] = list[i - 1];
        list[i - 1] = load;
    } while (list[i--] != v->loop);
    *arena_push(l->k->arena, l->wides, l->n_wides, l->cap_wides) = w;
    return w;
}

/* Element `flat` of an argument as one of a wide load's; NULL: it is none. */
static const struct kx *take_wide(struct lower *l, const struct kmem *m, const struct ix *flat)
{
    const struct vector *v = &l->vec;
    if (v->width < 2 || (m->dtype != DT_F16 && m->dtype != DT_F32))
        return NULL;
    const struct ix *place = ix_sub(l->ix, flat, v->e);
    if (ix_mentions(place, v->e) || !ix_mentions(place, v->thread) || !ix_multiple_of(place, v->width))
        return NULL;
    const struct ix *named = v->turn ? ix_subst(l->ix, place, v->turn, v->same_turn) : place;
    const struct wide *w = NULL;
    for (size_t i = 0; i < l->n_wides; i++)
        if (l->wides[i].from == m && l->wides[i].place == named)
            w = &l->wides[i];
    struct wide made;
    if (!w) {
        made = load_wide(l, m, place, named);
        w = &made;
    }
    const struct ix *at = w->stays && v->turn ? ix_add(l->ix, ix_mulk(l->ix, v->turn, v->width), v->e) : v->e;
    return kx_load(&l->b, w->held, NULL, at, NULL, 0);
}

static const struct kx *take_arg(struct lower *l, const struct where *w, const struct ix *const *index)
{
    const struct ix *flat = flat_index(l->ix, &w->node->type, index);
    const struct kx *wide = take_wide(l, w->mem, flat);
    return wide ? wide : kx_load(&l->b, w->mem, NULL, flat, NULL, 0);
}

static const struct kx *take(struct lower *l, const struct where *w, const struct ix *const *index)
{
    const struct node *n = w->node;
    switch (w->kind) {
    case WHERE_ARG: return take_arg(l, w, index);
    case WHERE_SHARED: return kx_load(&l->b, w->mem, NULL, ix_add(l->ix, w->base, index[n->type.rank - 1]), NULL, 0);
    case WHERE_FRAG:
    case WHERE_VALUE:
        for (int i = 0; i < n->type.rank; i++)
            BUG_IF(index[i] != w->index[i], "%s %s is asked for at an index where its kernel does not have it",
                   n->op->name, n->name ? n->name : "");
        return w->kind == WHERE_FRAG ? kx_frag(&l->b) : w->value;
    }
    BUG("where %d", w->kind);
}

static const struct kx *pull_operand(struct at *c, int operand, const struct ix *const *index)
{
    return pull(c->lower, c->n->in[operand], index);
}

const struct kx *pull(struct lower *l, const struct node *n, const struct ix *const *index)
{
    size_t bytes = sizeof *index * (size_t)n->type.rank;
    for (size_t i = 0; i < l->n_memo; i++)
        if (l->memo[i].node == n && !memcmp(l->memo[i].index, index, bytes))
            return l->memo[i].value;
    const struct where *w = where_of(l, n);
    const struct kx *v;
    if (w) {
        v = take(l, w, index);
    } else {
        BUG_IF(!n->op->at, "no kernel value for %s", n->op->name);
        struct at c = { .k = &l->b, .n = n, .index = index, .value = pull_operand, .lower = l };
        v = n->op->at(&c);
    }
    struct memo m = { .node = n, .value = v };
    memcpy(m.index, index, bytes);
    *arena_push(l->k->arena, l->memo, l->n_memo, l->cap_memo) = m;
    return v;
}
