#include "ir/graph/fusion.h"

#include <limits.h>
#include <string.h>

#include "ir/ops/reduction.h"

/* Limits on a kernel, so that it compiles in a second or two. A recomputed value counts once for each use. */
enum { MOST_VALUES = 256, MOST_BUFFERS = 96 };
/* Most reductions of one gemm's result. For each reduction, a thread needs a register per row or column. */
enum { MOST_MARGINS = 4 };

struct growth {
    struct row_space space;
    const struct index *row[MAX_RANK]; /* an index variable for each dim of `space` */
    int values, buffers, margins;
    int margin_kinds; /* enum gemm_margin, or'ed */
    int totals;
    bool pointwise;
    int first_reader; /* least id of all groups that read this group; NOBODY: none */
    size_t cap;
};
enum { NOBODY = INT_MAX };

struct fusion {
    struct graph *g;
    struct arena *a;
    struct kbuild probe; /* a dummy kernel, to which the `at` functions of ops append code */
    struct growth *of;
    size_t cap;
    int *order;
    int *reader; /* by node id: the greatest id of a group that reads the node, plus 1; 0: none does */
    /* By node id: nonzero if the node is a reduction of its group, or is computed from one. In a GROUP_GEMM, the bits
       tell the kinds of these reductions (enum gemm_margin). */
    unsigned char *follows;
    const struct group *merging; /* during fusion_merge: the group that is being added to another; else NULL */
    bool *spread;                /* by node id: true if a reader changes the size of the value, as a broadcast does */
    /* By node id: the type to which a reader extends the value along a dimension, as a broadcast does; NULL: none. */
    const struct type **grown;
};

/* True if n is a view or pointwise op that changes the size of its operand x, or has a reader that does. */
static bool is_spread_by(const struct fusion *f, const struct node *n, const struct node *x)
{
    struct session *s = f->g->s;
    if (n->op->class != CLS_VIEW && n->op->class != CLS_POINTWISE)
        return false;
    return f->spread[n->id] || type_count(s, &n->type) != type_count(s, &x->type);
}

static bool is_one(const struct index *dim) { return index_is_const(dim) && dim->k == 1; }

static int extents(const struct type *t)
{
    int n = 0;
    for (int i = 0; i < t->rank; i++)
        n += !is_one(t->dim[i]);
    return n;
}

/* The type to which n, a view or pointwise op, or a reader of n extends its operand x along a dimension. */
static const struct type *grown_by(const struct fusion *f, const struct node *n, const struct node *x)
{
    if (n->op->class != CLS_VIEW && n->op->class != CLS_POINTWISE)
        return NULL;
    return extents(&n->type) > extents(&x->type) ? &n->type : f->grown[n->id];
}

bool fusion_reduces_by_rows(const struct fusion *f, const struct node *n)
{
    const struct type *t = f->grown[n->id];
    return t && node_may_reduce_by_rows(n) && type_same_shape(t, &n->in[0]->type);
}

struct fusion *fusion_begin(struct graph *g, const struct target *t, struct arena *a)
{
    struct fusion *f = arena_new_of(a, struct fusion);
    *f = (struct fusion){ .g = g, .a = a };
    f->probe = kb_at(kernel_new(g->s, a, "probe", t, 1));
    f->follows = arena_array(a, unsigned char, g->next_id + 1);
    f->spread = arena_array(a, bool, g->next_id + 1);
    f->grown = arena_array(a, const struct type *, g->next_id + 1);
    f->order = arena_array(a, int, g->next_id + 1);
    f->reader = arena_array(a, int, g->next_id + 1);
    for (size_t i = 0; i < g->n_nodes; i++)
        f->order[g->nodes[i]->id] = (int)i;
    for (size_t i = g->n_nodes; i-- > 0;)
        for (int k = 0; k < g->nodes[i]->n_in; k++) {
            const struct node *x = g->nodes[i]->in[k];
            const struct type *to = grown_by(f, g->nodes[i], x);
            f->spread[x->id] |= is_spread_by(f, g->nodes[i], x);
            if (to)
                f->grown[x->id] = to;
        }
    return f;
}

/* Returns a new index variable for a dimension; for a dimension of 1, the constant 0. */
static const struct index *over(struct fusion *f, const struct index *dim)
{
    struct index_table *t = f->g->s->indices;
    return is_one(dim) ? index_const(t, 0) : index_var(t, "i", 0, dim->hi > 0 ? dim->hi - 1 : 0, UNIFORM_THREAD);
}

static void set_space(struct fusion *f, struct growth *w, struct row_space space)
{
    for (int i = 0; i < space.rank; i++)
        w->row[i] = over(f, space.dim[i]);
    w->space = space;
}

static bool same_dims(const struct type *t, const struct row_space *r)
{
    for (int i = 0; i < t->rank; i++) {
        int at = row_space_dim(r, t->rank, i);
        if (at >= 0 && t->dim[i] != r->dim[at])
            return false;
    }
    return true;
}

/* True if t has one value, or one row of values, for each row of the row space r. */
static bool stands_in(const struct type *t, const struct row_space *r)
{
    return t->rank >= r->rank && t->rank <= r->rank + !r->flat && same_dims(t, r);
}

struct reading {
    struct fusion *f;
    const struct group *gr, *other; /* other: a group that may be merged with gr, or NULL */
    const struct growth *w;
    bool same_row;
};

static void follow(struct reading *r, const struct node *x, const struct index *const *index);

static const struct kexpr *probed(struct at *c, int operand, const struct index *const *index)
{
    const struct node *x = c->n->in[operand];
    follow(c->lower, x, index);
    return kexpr_const(c->k, kexpr_value_type(x->storage), 0);
}

/* Sets r->same_row to false if x[index] depends on a value of the group in another row. */
static void follow(struct reading *r, const struct node *x, const struct index *const *index)
{
    if (!r->same_row || x->op->class == CLS_SOURCE)
        return;
    if (node_is_rematerialised(x)) {
        struct at c = { .k = &r->f->probe, .n = x, .index = index, .value = probed, .lower = r };
        x->op->kernel.at(&c);
        return;
    }
    if (!x->group || (x->group != r->gr && x->group != r->other))
        return;
    r->same_row = stands_in(&x->type, &r->w->space);
    for (int i = 0; i < x->type.rank && r->same_row; i++) {
        int at = row_space_dim(&r->w->space, x->type.rank, i);
        r->same_row = at < 0 || index[i] == r->w->row[at];
    }
}

/* Sets `index` to the index of a value of type t: the variables of the row, and new variables for other dims. */
static void own_index(const struct reading *r, const struct type *t, const struct index **index)
{
    for (int i = 0; i < t->rank; i++) {
        int at = row_space_dim(&r->w->space, t->rank, i);
        index[i] = at < 0 ? over(r->f, t->dim[i]) : r->w->row[at];
    }
}

static void follow_contraction(struct reading *r, const struct node *n)
{
    const struct index *a[MAX_RANK], *b[MAX_RANK];
    struct contraction c = contraction_of(r->f->g->s, n);
    own_index(r, &n->in[0]->type, a);
    if (c.transpose_a) {
        a[1] = a[0];
        a[0] = over(r->f, n->in[0]->type.dim[0]);
    }
    own_index(r, &n->in[1]->type, b);
    for (int i = n->in[1]->type.rank - 2; i < n->in[1]->type.rank; i++)
        b[i] = over(r->f, n->in[1]->type.dim[i]);
    follow(r, n->in[0], a);
    follow(r, n->in[1], b);
}

/* True if row i of n depends only on row i of the group's values. */
static bool reads_its_row(struct fusion *f, const struct group *gr, const struct growth *w, const struct node *n)
{
    struct reading r = { f, gr, f->merging, w, true };
    const struct index *index[MAX_RANK];
    if (n->op->class == CLS_CONTRACT) {
        follow_contraction(&r, n);
        return r.same_row;
    }
    if (n->op->class == CLS_VIEW || n->op->class == CLS_INDEX) {
        struct at c = { .k = &f->probe, .n = n, .index = index, .value = probed, .lower = &r };
        own_index(&r, &n->type, index);
        n->op->kernel.at(&c);
        return r.same_row;
    }
    for (int i = 0; i < n->n_in; i++) {
        own_index(&r, &n->in[i]->type, index);
        follow(&r, n->in[i], index);
    }
    return r.same_row;
}

struct copies {
    const struct node *n;
    const struct index *var[MAX_RANK];
    int most;
};

static int mentions(const struct index *e, const struct index *var)
{
    int n = e == var;
    if (e->a)
        n += mentions(e->a, var) + mentions(e->b, var);
    for (int i = 0; i < e->n_terms; i++)
        for (int j = 0; j < e->terms[i].n; j++)
            n += mentions(e->terms[i].atom[j], var);
    return n;
}

static const struct kexpr *counted(struct at *c, int operand, const struct index *const *index)
{
    struct copies *to = c->lower;
    const struct node *x = c->n->in[operand];
    for (int v = 0; v < c->n->type.rank; v++) {
        int n = 0;
        for (int i = 0; i < x->type.rank; i++)
            n += mentions(index[i], to->var[v]);
        to->most = n > to->most ? n : to->most;
    }
    return kexpr_const(c->k, kexpr_value_type(x->storage), 0);
}

int fusion_index_copies(struct fusion *f, const struct node *n)
{
    struct copies to = { .n = n, .most = 1 };
    if (n->op->class != CLS_VIEW)
        return 1;
    for (int i = 0; i < n->type.rank; i++)
        to.var[i] = over(f, n->type.dim[i]);
    struct at c = { .k = &f->probe, .n = n, .index = to.var, .value = counted, .lower = &to };
    n->op->kernel.at(&c);
    return to.most;
}

/* A stage computes each value of its group again in each of its sweeps. */
static bool has_loops(const struct group *gr)
{
    for (size_t i = 0; i < gr->n_nodes; i++)
        if (gr->nodes[i]->op->kernel.loops)
            return true;
    return false;
}

static bool rows_admit(struct fusion *f, struct group *gr, struct growth *w, const struct node *n)
{
    if (node_is_stage(n) && has_loops(gr))
        return false;
    if (node_is_gemm(n) || node_is_reduce(n) || (!n->op->kernel.at && !node_is_stage(n)))
        return false;
    if (!node_is_stage(n))
        return stands_in(&n->type, &w->space) && reads_its_row(f, gr, w, n);
    struct row_space want = row_space_of(n);
    if (!w->space.flat)
        return want.rank == w->space.rank && want.axis == w->space.axis && stands_in(&n->type, &w->space) &&
               reads_its_row(f, gr, w, n);
    /* n is the first stage: an element was a row of the space, and now a row of n is */
    if (want.rank + 1 != w->space.rank || !same_dims(&gr->nodes[0]->type, &want))
        return false;
    struct growth rows = *w;
    set_space(f, &rows, want);
    return reads_its_row(f, gr, &rows, n);
}

/* True if the reduction n needs only element e of the group's values when it adds element e of its operand. */
static bool reads_its_element(struct fusion *f, struct group *gr, const struct growth *w, const struct node *n)
{
    if (type_same_shape(&n->type, &n->in[0]->type))
        return false; /* same shape: later checks could not tell results from elements */
    return same_dims(&n->in[0]->type, &w->space) && n->in[0]->type.rank == w->space.rank && reads_its_row(f, gr, w, n);
}

static bool same_reduction(const struct node *a, const struct node *b)
{
    struct reduction x = reduction_of(a);
    struct reduction y = reduction_of(b);
    return type_same_shape(&a->in[0]->type, &b->in[0]->type) && type_same_shape(&a->type, &b->type) &&
           !memcmp(x.reduced, y.reduced, sizeof x.reduced);
}

/* Returns f->follows of all operands of n in the group, or'ed. 0: no operand depends on a reduction of the group. */
static unsigned char follows_of(const struct fusion *f, const struct group *gr, const struct node *n)
{
    unsigned char all = 0;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i]->group == gr)
            all |= f->follows[n->in[i]->id];
    return all;
}

/* True if n is a pointwise op that may follow the group's reductions. All operands of n in the group must depend on the
   same reductions. n must not read a value of the group via a view. */
static bool is_epilogue(const struct fusion *f, const struct group *gr, const struct node *n)
{
    unsigned char all = follows_of(f, gr, n);
    for (int i = 0; i < n->n_in; i++) {
        const struct node *x = n->in[i];
        if (node_is_rematerialised(x) ? node_reads_group(x, gr) : x->group == gr && f->follows[x->id] != all)
            return false;
        if (x->group == gr && !type_same_shape(&n->type, &x->type))
            return false;
    }
    return n->op->class == CLS_POINTWISE;
}

/* Bytes of shared memory for the totals of the reduction n. A block has a total for each wave and each column. */
static int total_bytes(const struct node *n)
{
    return node_is_reduce(n) ? REDUCE_BLOCK * REDUCE_WIDTH * dtype_size(node_accumulator_type(n)) : 0;
}

static bool reduce_admits(struct fusion *f, struct group *gr, struct growth *w, const struct node *n)
{
    if (type_same_shape(&gr->anchor->type, &gr->anchor->in[0]->type))
        return false;
    if (follows_of(f, gr, n))
        return is_epilogue(f, gr, n);
    if (node_is_reduce(n))
        return w->totals + total_bytes(n) <= f->probe.k->target->shared_bytes && same_reduction(gr->anchor, n) &&
               reads_its_element(f, gr, w, n);
    return n->op->class == CLS_POINTWISE && stands_in(&n->type, &w->space) && reads_its_row(f, gr, w, n);
}

/* Refuses a reduction by rows whose result is broadcast over the rows again, as in softmax. A rows kernel after the
   gemm then computes the reduction and its reader. */
static bool gemm_admits(const struct fusion *f, const struct group *gr, const struct growth *w, const struct node *n)
{
    if (follows_of(f, gr, n))
        return is_epilogue(f, gr, n);
    enum gemm_margin margin = group_gemm_margin(f->g->s, gr, n);
    if (margin == MARGIN_NONE)
        return group_gemm_admits(gr, n);
    if (margin & MARGIN_OF_OPERAND && w->margin_kinds & MARGIN_OF_OPERAND & ~margin)
        return false; /* sums of A and of B can have the same shape, which would not tell their epilogues apart */
    return w->margins < MOST_MARGINS && !n->by_rows && !(margin == MARGIN_ROWS && f->spread[n->id]);
}

static int values_of(const struct node *n)
{
    int values = 1;
    for (int i = 0; i < n->n_in; i++)
        if (node_is_rematerialised(n->in[i]))
            values += n->in[i]->mark;
    return values;
}

bool fusion_admits(struct fusion *f, struct group *gr, struct node *n)
{
    struct growth *w = &f->of[gr->id];
    if (n->op->class == CLS_EFFECT || w->values + values_of(n) > MOST_VALUES || w->buffers + n->n_in > MOST_BUFFERS)
        return false;
    if (gr->kind == GROUP_GEMM)
        return gemm_admits(f, gr, w, n);
    if (gr->kind == GROUP_REDUCE)
        return reduce_admits(f, gr, w, n);
    if (w->space.flat && node_is_reduce(n))
        return reads_its_element(f, gr, w, n);
    return rows_admit(f, gr, w, n);
}

static void note_reads(struct fusion *f, const struct group *gr, const struct node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        const struct node *x = n->in[i];
        if (node_is_rematerialised(x)) {
            note_reads(f, gr, x);
            continue;
        }
        if (x->group != gr && f->reader[x->id] <= gr->id)
            f->reader[x->id] = gr->id + 1;
        if (x->group && x->group != gr && f->of[x->group->id].first_reader > gr->id)
            f->of[x->group->id].first_reader = gr->id;
    }
}

/* The greatest f->reader of what n reads, directly or through rematerialised nodes. */
static int last_reader(const struct fusion *f, const struct node *n)
{
    int last = 0;
    for (int i = 0; i < n->n_in; i++) {
        const struct node *x = n->in[i];
        int r = node_is_rematerialised(x) ? last_reader(f, x) : f->reader[x->id];
        last = r > last ? r : last;
    }
    return last;
}

struct group *fusion_sibling(struct fusion *f, struct node *n, const struct group *after)
{
    int last = node_is_stage(n) || node_is_reduce(n) ? last_reader(f, n) : 0;
    struct group *gr = last ? f->g->groups[last - 1] : NULL;
    if (!gr || !gr->n_nodes || (after && gr->id <= after->id))
        return NULL;
    if (gr->kind == GROUP_GEMM)
        return group_gemm_margin(f->g->s, gr, n) & MARGIN_OF_OPERAND && fusion_admits(f, gr, n) ? gr : NULL;
    bool has_stage = gr->kind == GROUP_REDUCE || !f->of[gr->id].space.flat;
    return has_stage && fusion_admits(f, gr, n) ? gr : NULL;
}

void fusion_join(struct fusion *f, struct group *gr, struct node *n)
{
    struct growth *w = &f->of[gr->id];
    if (node_is_reduce(n) && gr->kind == GROUP_ROWS) {
        gr->kind = GROUP_REDUCE;
        gr->anchor = n;
    } else if (gr->kind == GROUP_ROWS && w->space.flat && node_is_stage(n) && gr->n_nodes) {
        set_space(f, w, row_space_of(n));
    }
    enum gemm_margin margin = gr->kind == GROUP_GEMM ? group_gemm_margin(f->g->s, gr, n) : MARGIN_NONE;
    if (gr->kind != GROUP_ROWS)
        f->follows[n->id] = follows_of(f, gr, n) | (gr->kind == GROUP_REDUCE && node_is_reduce(n)) | margin;
    w->margins += margin != MARGIN_NONE;
    w->margin_kinds |= margin;
    w->totals += total_bytes(n);
    w->values += values_of(n);
    w->buffers += n->n_in;
    w->pointwise &= n->op->class == CLS_POINTWISE;
    note_reads(f, gr, n);
    *arena_push(f->g->arena, gr->nodes, gr->n_nodes, w->cap) = n;
    n->group = gr;
}

struct group *fusion_open(struct fusion *f, struct node *n)
{
    struct graph *g = f->g;
    struct group *gr = arena_new_of(g->arena, struct group);
    gr->id = (int)g->n_groups;
    gr->kind = node_is_gemm(n) ? GROUP_GEMM : GROUP_ROWS;
    gr->anchor = node_is_gemm(n) ? n : NULL;
    *arena_push(g->arena, g->groups, g->n_groups, g->cap_groups) = gr;
    size_t at = (size_t)gr->id;
    struct growth w = { .space = { .rank = 0 }, .pointwise = true, .first_reader = NOBODY };
    *arena_push(f->a, f->of, at, f->cap) = w;
    /* a reduction has elements as row space: those of its operand */
    struct row_space elements = { .rank = n->n_in ? n->in[0]->type.rank : 0, .flat = true };
    elements.axis = elements.rank;
    if (node_is_reduce(n))
        memcpy(elements.dim, n->in[0]->type.dim, sizeof elements.dim);
    set_space(f, &f->of[gr->id], node_is_reduce(n) ? elements : row_space_of(n));
    fusion_join(f, gr, n);
    return gr;
}

static bool reads_by_view(const struct node *n, const struct group *p)
{
    for (int i = 0; i < n->n_in; i++)
        if (node_is_rematerialised(n->in[i]) && node_reads_group(n->in[i], p))
            return true;
    return false;
}

/* True if n may join gr when the nodes of p are in the same kernel.
   In the epilogue of a gemm, a thread has one element of each value of p. So n must not read p through a view. */
static bool admits_beside(struct fusion *f, struct group *gr, const struct group *p, struct node *n)
{
    return fusion_admits(f, gr, n) && !(gr->kind == GROUP_GEMM && reads_by_view(n, p));
}

static bool admits_all(struct fusion *f, struct group *gr, const struct group *p)
{
    for (size_t i = 0; i < p->n_nodes; i++)
        if (!admits_beside(f, gr, p, p->nodes[i]))
            return false;
    return true;
}

/* Moves the nodes of a into b. `into` is the one of a and b whose kind and row space b gets. */
static void merge_into(struct fusion *f, struct group *a, struct group *b, const struct group *into)
{
    struct growth *wa = &f->of[a->id];
    struct growth *wb = &f->of[b->id];
    struct growth both = into == a ? *wa : *wb;
    size_t n = a->n_nodes + b->n_nodes;
    struct node **nodes = arena_array(f->g->arena, struct node *, n);
    for (size_t i = 0, j = 0, k = 0; k < n; k++) {
        bool first = j == b->n_nodes || (i < a->n_nodes && f->order[a->nodes[i]->id] < f->order[b->nodes[j]->id]);
        nodes[k] = first ? a->nodes[i++] : b->nodes[j++];
        nodes[k]->group = b;
    }
    both.values = wa->values + wb->values;
    both.buffers = wa->buffers + wb->buffers;
    both.pointwise = wa->pointwise && wb->pointwise;
    both.first_reader = wa->first_reader < wb->first_reader ? wa->first_reader : wb->first_reader;
    both.cap = n;
    b->kind = into->kind;
    b->anchor = into->anchor;
    b->nodes = nodes;
    b->n_nodes = n;
    a->n_nodes = 0;
    *wb = both;
}

/* True if gr, which has the growth w, has stages and the rows of r. */
static bool is_rows_of(const struct group *gr, const struct growth *w, const struct row_space *r)
{
    return gr->kind == GROUP_ROWS && !w->space.flat && w->space.rank == r->rank &&
           !memcmp(w->space.dim, r->dim, sizeof *r->dim * (size_t)r->rank);
}

bool fusion_merge(struct fusion *f, struct group *a, struct group *b, struct node *n)
{
    struct growth *wa = &f->of[a->id];
    struct growth *wb = &f->of[b->id];
    bool same_rows = is_rows_of(a, wa, &wb->space) && is_rows_of(b, wb, &wa->space);
    struct group *into = wa->pointwise || same_rows ? b : a;
    struct group *p = wa->pointwise || same_rows ? a : b;
    if (n->op->class != CLS_POINTWISE || !(wa->pointwise || wb->pointwise || same_rows) || into->kind == GROUP_REDUCE ||
        wa->first_reader <= b->id || wa->values + wb->values > MOST_VALUES || wa->buffers + wb->buffers > MOST_BUFFERS)
        return false;
    f->merging = p;
    bool fits = admits_beside(f, into, p, n) && admits_all(f, into, p);
    f->merging = NULL;
    if (!fits)
        return false;
    merge_into(f, a, b, into);
    return true;
}
