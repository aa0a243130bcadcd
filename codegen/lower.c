#include "codegen/lower.h"

#include <string.h>

const struct index *flat_index(struct index_table *t, const struct type *type, const struct index *const *index)
{
    const struct index *flat = index_const(t, 0);
    for (int i = 0; i < type->rank; i++)
        flat = index_add(t, index_mul(t, flat, type->dim[i]), index[i]);
    return flat;
}

void split_index(struct index_table *t, const struct index *const *dims, int rank, const struct index *flat,
                 const struct index **index)
{
    for (int i = rank - 1; i >= 0; i--) {
        bool one = index_is_const(dims[i]) && dims[i]->k <= 1;
        index[i] = one ? index_const(t, 0) : i ? index_mod(t, flat, dims[i]) : flat;
        if (i && !one)
            flat = index_div(t, flat, dims[i]);
    }
}

struct kmask mask_of(const struct index *e, const struct index *bound)
{
    return (struct kmask){ .n = 1, .g = { { e, bound } } };
}

bool mask_never_holds(struct index_table *t, const struct kmask *m)
{
    for (int i = 0; i < m->n; i++)
        if (m->g[i].e->hi < 0 || index_less_eq(t, m->g[i].bound, m->g[i].e))
            return true;
    return false;
}

void lower_grid(struct lower *l, const struct index *const *count, const struct index **at)
{
    struct index_table *t = l->indices;
    const struct index **grid = l->k->grid;
    const struct index *const *bid = l->k->bid;
    const struct index *rest = bid[0];
    int inner = 0; /* the axis that was last multiplied into x; 0: none */
    for (int i = 0; i < 3; i++) {
        grid[i] = count[i];
        at[i] = bid[i];
    }
    for (int i = 1; i < 3; i++) {
        if ((uint64_t)count[i]->hi <= l->t->max_grid[i])
            continue;
        at[inner] = index_mod(t, rest, count[inner]);
        at[i] = rest = index_div(t, rest, count[inner]);
        inner = i;
        grid[0] = index_mul(t, grid[0], count[i]);
        grid[i] = index_const(t, 1);
    }
}

int log2_ceil(int64_t n)
{
    int l = 0;
    while (((int64_t)1 << l) < n)
        l++;
    return l;
}

/* Normalises an index of n, so that two indices of one element compare equal. The index along a dimension of size 1
   becomes 0. If n belongs to the kernel's group, the indices of the row become l->own, since two views may write the
   index of one row differently. */
static void canonical(const struct lower *l, const struct node *n, const struct index *const *index,
                      const struct index **out)
{
    for (int i = 0; i < n->type.rank; i++) {
        const struct index *dim = n->type.dim[i];
        int own = n->group == l->gr ? row_space_dim(&l->own_space, n->type.rank, i) : -1;
        if (index_is_const(dim) && dim->k == 1)
            out[i] = index_const(l->indices, 0);
        else
            out[i] = own >= 0 ? l->own[own] : index[i];
    }
}

void value_loc_set(struct lower *l, struct value_loc w)
{
    if (w.kind == LOC_FRAG || w.kind == LOC_VALUE)
        canonical(l, w.node, w.index, w.index);
    for (size_t i = 0; i < l->n_locs; i++)
        if (l->locs[i].node == w.node && l->locs[i].kind != LOC_ARG) {
            l->locs[i] = w;
            return;
        }
    *arena_push(l->k->arena, l->locs, l->n_locs, l->cap_locs) = w;
}

struct kmem *arg_of(const struct lower *l, const struct node *n)
{
    for (size_t i = 0; i < l->n_locs; i++)
        if (l->locs[i].node == n && l->locs[i].kind == LOC_ARG)
            return l->locs[i].mem;
    return NULL;
}

struct insert_point lower_enter(struct lower *l, struct kstmt *stmt)
{
    struct insert_point p = { l->b, l->n_memo };
    l->b = kb_in(&l->b, stmt);
    return p;
}

void lower_leave(struct lower *l, struct insert_point p)
{
    l->b = p.b;
    l->n_memo = p.n_memo;
}
void lower_forget(struct lower *l) { l->n_memo = 0; }

static const struct value_loc *value_loc_of(const struct lower *l, const struct node *n)
{
    const struct value_loc *found = NULL;
    for (size_t i = 0; i < l->n_locs; i++) {
        const struct value_loc *w = &l->locs[i];
        if (w->node != n)
            continue;
        if (w->kind != LOC_ARG)
            return w; /* preferred to LOC_ARG, whose values are rounded to the storage type */
        if (n->group != l->gr)
            found = w; /* values of the own group are computed again, not read from memory */
    }
    return found;
}

enum { HELD = 64 }; /* a thread keeps at most this many elements in registers for later sweeps */

void lower_forget_turn(struct lower *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_loads; i++)
        if (l->loads[i].stays)
            l->loads[n++] = l->loads[i];
    l->n_loads = n;
}

/* Inserts a vector load before the inner loop: appends the load to the statement list, then moves the load up. */
static struct vector_load load_vector(struct lower *l, const struct kmem *m, const struct index *first,
                                      const struct index *named)
{
    const struct vector *v = &l->vec;
    int all = v->turns * v->width;
    struct vector_load w = { .from = m, .first = named, .stays = all && l->n_held + all <= HELD };
    w.held = kernel_private(l->k, arena_printf(l->k->arena, "row%zu", l->k->n_priv), DT_F32, w.stays ? all : v->width);
    if (w.stays)
        l->n_held += all;
    struct kbuild b = v->outer;
    const struct index *at =
        w.stays && v->turn ? index_mulk(l->indices, v->turn, v->width) : index_const(l->indices, 0);
    kstmt_load_vector(&b, w.held, at, m, NULL, first, v->width, NULL, 0);
    struct kstmt **list = *b.list;
    struct kstmt *load = list[*b.n - 1];
    size_t i = *b.n - 1;
    do {
        list[i] = list[i - 1];
        list[i - 1] = load;
    } while (list[i--] != v->loop);
    *arena_push(l->k->arena, l->loads, l->n_loads, l->cap_loads) = w;
    return w;
}

/* Does e mention a variable that a statement in the loop's body gives its value? */
static bool mentions_loaded(const struct index *e, const struct kstmt *loop)
{
    for (size_t i = 0; i < loop->n_body; i++) {
        const struct kstmt *s = loop->body[i];
        if ((s->var && index_mentions(e, s->var)) || mentions_loaded(e, s))
            return true;
    }
    return false;
}

/* Returns element `flat` of the argument m, read from a vector load. NULL if no vector load can contain the element. */
static const struct kexpr *read_vector(struct lower *l, const struct kmem *m, const struct index *flat)
{
    const struct vector *v = &l->vec;
    if (v->width < 2 || (m->dtype != DT_F16 && m->dtype != DT_F32))
        return NULL;
    const struct index *first = index_sub(l->indices, flat, v->e);
    if (mentions_loaded(first, v->loop))
        return NULL; /* the vector load stands before the loop, and the variable gets its value in it */
    if (index_mentions(first, v->e) || !index_mentions(first, v->thread) || !index_multiple_of(first, v->width))
        return NULL;
    const struct index *named = v->turn ? index_subst(l->indices, first, v->turn, v->same_turn) : first;
    const struct vector_load *w = NULL;
    for (size_t i = 0; i < l->n_loads; i++)
        if (l->loads[i].from == m && l->loads[i].first == named)
            w = &l->loads[i];
    struct vector_load made;
    if (!w) {
        made = load_vector(l, m, first, named);
        w = &made;
    }
    const struct index *at =
        w->stays && v->turn ? index_add(l->indices, index_mulk(l->indices, v->turn, v->width), v->e) : v->e;
    return kexpr_load(&l->b, w->held, NULL, at, NULL, 0);
}

const struct kexpr *load_arg(struct lower *l, const struct kmem *m, const struct index *flat)
{
    const struct kexpr *vector = read_vector(l, m, flat);
    return vector ? vector : kexpr_load(&l->b, m, NULL, flat, NULL, 0);
}

static const struct kexpr *read_loc(struct lower *l, const struct value_loc *w, const struct index *const *index)
{
    const struct node *n = w->node;
    switch (w->kind) {
    case LOC_ARG: return load_arg(l, w->mem, flat_index(l->indices, &n->type, index));
    case LOC_STORED: return kexpr_load(&l->b, w->mem, NULL, flat_index(l->indices, &n->type, index), NULL, 0);
    case LOC_SHARED:
        return kexpr_load(&l->b, w->mem, NULL, index_add(l->indices, w->base, index[l->own_space.axis]), NULL, 0);
    case LOC_FRAG:
    case LOC_VALUE:
        for (int i = 0; i < n->type.rank; i++)
            BUG_IF(index[i] != w->index[i], "%s %s is asked for at an index where its kernel does not have it",
                   n->op->call.name, n->name ? n->name : "");
        return w->kind == LOC_FRAG ? kexpr_frag(&l->b) : w->value;
    }
    BUG("where %d", w->kind);
}

static const struct kexpr *lower_operand(struct at *c, int operand, const struct index *const *index)
{
    return lower_value(c->lower, c->n->in[operand], index);
}

static const struct kexpr *stand_in(struct lower *l, const struct node *n, const struct index *const *index)
{
    enum dtype t = kexpr_value_type(n->type.dtype == DT_FLOAT ? DT_F32 : n->type.dtype);
    if (n->op->class == CLS_SOURCE)
        return kexpr_const(&l->b, t, op_stand_in_constant(n->attrs[op_attr(n->op, "value")].f));
    return kexpr_cast(&l->b, t, lower_value(l, n->in[0], index));
}

const struct kexpr *lower_value(struct lower *l, const struct node *n, const struct index *const *any)
{
    const struct index *index[MAX_RANK];
    canonical(l, n, any, index);
    size_t bytes = sizeof *index * (size_t)n->type.rank;
    for (size_t i = 0; i < l->n_memo; i++)
        if (l->memo[i].node == n && !memcmp(l->memo[i].index, index, bytes))
            return l->memo[i].value;
    const struct value_loc *w = value_loc_of(l, n);
    const struct kexpr *v;
    if (w) {
        v = read_loc(l, w, index);
    } else if (l->stand_ins && op_stands_in(n)) {
        v = stand_in(l, n, index);
    } else {
        BUG_IF(!n->op->kernel.at, "no kernel value for %s", n->op->call.name);
        struct at c = { .k = &l->b, .n = n, .index = index, .value = lower_operand, .lower = l, .n_memo = &l->n_memo };
        v = n->op->kernel.at(&c);
    }
    struct memo m = { .node = n, .value = v };
    memcpy(m.index, index, bytes);
    *arena_push(l->k->arena, l->memo, l->n_memo, l->cap_memo) = m;
    return v;
}
