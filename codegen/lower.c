#include "codegen/lower.h"

#include <string.h>

const struct ix *flat_index(struct ix_table *t, const struct type *type, const struct ix *const *index)
{
    const struct ix *flat = ix_const(t, 0);
    for (int i = 0; i < type->rank; i++) flat = ix_add(t, ix_mul(t, flat, type->dim[i]), index[i]);
    return flat;
}

void split_index(struct ix_table *t, const struct ix *const *dims, int rank, const struct ix *flat, const struct ix **index)
{
    for (int i = rank - 1; i >= 0; i--) {
        bool one = ix_is_const(dims[i]) && dims[i]->k <= 1;         /* its only index is 0, if it has any */
        index[i] = one ? ix_const(t, 0) : i ? ix_mod(t, flat, dims[i]) : flat;
        if (i && !one) flat = ix_div(t, flat, dims[i]);
    }
}

struct kmask mask_of(const struct ix *e, const struct ix *bound) { return (struct kmask){ .n = 1, .g = { { e, bound } } }; }

bool mask_never_holds(struct ix_table *t, const struct kmask *m)
{
    for (int i = 0; i < m->n; i++) if (m->g[i].e->hi < 0 || ix_less_eq(t, m->g[i].bound, m->g[i].e)) return true;
    return false;
}

int log2_ceil(int64_t n)
{
    int l = 0;
    while (((int64_t)1 << l) < n) l++;
    return l;
}

static int64_t hint_value(void *ctx, const struct ix *atom) { (void)atom; return *(const int64_t *)ctx; }
int64_t hint_of(const struct lower *l, const struct ix *e) { int64_t h = l->hint; return ix_eval(e, hint_value, &h); }

void lower_place(struct lower *l, struct where w)
{
    for (size_t i = 0; i < l->n_where; i++) if (l->where[i].node == w.node && l->where[i].kind != WHERE_ARG) { l->where[i] = w; return; }
    *arena_push(l->k->arena, l->where, l->n_where, l->cap_where) = w;
}

struct kmem *arg_of(const struct lower *l, const struct node *n)
{
    for (size_t i = 0; i < l->n_where; i++) if (l->where[i].node == n && l->where[i].kind == WHERE_ARG) return l->where[i].mem;
    return NULL;
}

struct spot lower_enter(struct lower *l, struct kitem *item)
{
    struct spot p = { l->b, l->n_memo };
    l->b = kb_in(&l->b, item);
    return p;
}

void lower_leave(struct lower *l, struct spot p) { l->b = p.b; l->n_memo = p.n_memo; }
void lower_forget(struct lower *l) { l->n_memo = 0; }

static const struct where *where_of(const struct lower *l, const struct node *n)
{
    const struct where *found = NULL;
    for (size_t i = 0; i < l->n_where; i++) {
        const struct where *w = &l->where[i];
        if (w->node != n) continue;
        if (w->kind != WHERE_ARG) return w;             /* nearer than memory, and not rounded */
        if (n->group != l->gr) found = w;               /* the group's own results are made, not read back */
    }
    return found;
}

static const struct kx *take(struct lower *l, const struct where *w, const struct ix *const *index)
{
    const struct node *n = w->node;
    switch (w->kind) {
    case WHERE_ARG: return kx_load(&l->b, w->mem, NULL, flat_index(l->ix, &n->type, index), NULL, 0);
    case WHERE_SHARED: return kx_load(&l->b, w->mem, NULL, ix_add(l->ix, w->base, index[n->type.rank - 1]), NULL, 0);
    case WHERE_FRAG: case WHERE_VALUE:
        for (int i = 0; i < n->type.rank; i++)
            BUG_IF(index[i] != w->index[i], "%s %s is asked for at an index where its kernel does not have it", n->op->name, n->name ? n->name : "");
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
        if (l->memo[i].node == n && !memcmp(l->memo[i].index, index, bytes)) return l->memo[i].value;
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
