/* Where the operands of a gemm are, and how they reach shared memory. An operand may be a view: a transposed, sliced or
   reshaped matrix is copied from the matrix in memory, if its elements have neighbours there. */
#include "codegen/gemm.h"

/* Sets `index` to the tensor index of an element of A (row `outer`, k = `depth`) or of B (column `outer`). */
static void operand_index(const struct gemm *g, const struct side *s, const struct index *outer,
                          const struct index *depth, const struct index **index)
{
    struct index_table *t = g->l->indices;
    const struct type *type = &s->n->type;
    int lead = type->rank - 2;
    const struct index *first = s->k_first ? depth : outer;
    const struct index *second = s->k_first ? outer : depth;
    if (g->batch)
        split_index(t, type->dim, lead, g->batch, index);
    else if (lead) {
        split_index(t, type->dim, lead + 1, first, index);
        index[lead + 1] = second;
        return;
    }
    index[lead] = first;
    index[lead + 1] = second;
}

const struct kexpr *side_value(const struct gemm *g, const struct side *s, const struct index *outer,
                               const struct index *depth)
{
    const struct index *index[MAX_RANK];
    operand_index(g, s, outer, depth, index);
    return lower_value(g->l, s->n, index);
}

/* ---- views ---- */
/* What a view's `at` asks for: one element of its operand. */
struct asked {
    int times;
    const struct kexpr *answer;
    const struct index *index[MAX_RANK];
};

static const struct kexpr *ask(struct at *c, int operand, const struct index *const *index)
{
    struct asked *to = c->lower;
    const struct node *x = c->n->in[operand];
    for (int i = 0; i < x->type.rank; i++)
        to->index[i] = index[i];
    to->times++;
    to->answer = kexpr_const(c->k, kexpr_value_type(x->storage), 0);
    return to->answer;
}

/* Replaces `index`, an index of the view n, by the index of the same element of the view's operand. Returns false if
   some elements of the view are not elements of the operand, as in a padded matrix. */
static bool look_through(const struct gemm *g, const struct node *n, const struct index **index)
{
    struct lower *l = g->l;
    if (n->op->class != CLS_VIEW || n->n_in != 1 || (l->stand_ins && op_stands_in(n)))
        return false;
    struct asked to = { .times = 0 };
    struct kbuild probe = kb_at(g->probe);
    struct at c = { .k = &probe, .n = n, .index = index, .value = ask, .lower = &to };
    const struct kexpr *value = n->op->kernel.at(&c);
    if (to.times != 1 || value != to.answer)
        return false;
    for (int i = 0; i < n->in[0]->type.rank; i++)
        index[i] = to.index[i];
    return true;
}

/* Returns the argument that holds element (outer, depth) of an operand, unchanged, and sets *at to the element's
   position. NULL if the element is computed, or stored in another type than the gemm's. */
static struct kmem *find_source(const struct gemm *g, const struct side *s, const struct index *outer,
                                const struct index *depth, const struct index **at)
{
    const struct index *index[MAX_RANK];
    const struct node *n = s->n;
    operand_index(g, s, outer, depth, index);
    for (;; n = n->in[0]) {
        struct kmem *m = n->group == g->l->gr ? NULL : arg_of(g->l, n);
        if (m) {
            *at = flat_index(g->l->indices, &n->type, index);
            return m->dtype == g->in ? m : NULL;
        }
        if (!look_through(g, n, index))
            return NULL;
    }
}

const struct index *side_source_index(const struct gemm *g, const struct side *s, const struct index *outer,
                                      const struct index *depth)
{
    struct index_table *t = g->l->indices;
    return index_subst(t, index_subst(t, s->src_at, s->src_outer, outer), s->src_depth, depth);
}

/* ---- copies ---- */
/* A variable over the indices of a dimension. */
static const struct index *over(struct index_table *t, const char *name, const struct index *dim)
{
    return index_var(t, name, 0, dim->hi > 0 ? dim->hi - 1 : 0, UNIFORM_THREAD);
}

static bool is_next(struct index_table *t, const struct index *at, const struct index *var)
{
    const struct index *gap = index_sub(t, index_subst(t, at, var, index_addk(t, var, 1)), at);
    return index_is_const(gap) && gap->k == 1;
}

/* Returns the number of elements in one asynchronous copy. A copy is 16, 8 or 4 bytes long: the longest length of which
   `extent` and `cols`, the lengths of the rows of the matrix and of the slice, are multiples. Each row of the matrix
   must begin at a multiple too. Buffers start at multiples of 256 bytes. Returns 0 if no length will do.
   at: position of element `var` of a row of the matrix. size: bytes per element. */
static int piece_of(struct index_table *t, const struct index *at, const struct index *var, const struct index *extent,
                    int cols, int size)
{
    const struct index *start = index_subst(t, at, var, index_const(t, 0));
    for (int piece = 16 / size; piece * size >= 4; piece /= 2)
        if (cols % piece == 0 && index_multiple_of(extent, piece) && index_multiple_of(start, piece))
            return piece;
    return 0;
}

/* Sets s->src, s->piece and s->depth_first if the operand can be copied. The slices of a copied operand have the order
   of the matrix in memory, whatever the order of the operand's dimensions is. */
static void find_copies(struct gemm *g, struct side *s, int outer_tile)
{
    struct index_table *t = g->l->indices;
    const struct index *outer = over(t, "outer", s->outer);
    const struct index *depth = over(t, "depth", g->c.k);
    const struct index *at = NULL;
    struct kmem *src = find_source(g, s, outer, depth, &at);
    int size = dtype_size(g->in);
    /* The threads without an element compute a position too. */
    bool copies = src && index_always_defined(at);
    for (int way = 0; copies && way < 2 && !s->piece; way++) {
        bool depth_first = s->k_first == !way;
        const struct index *var = depth_first ? outer : depth;
        if (!is_next(t, at, var))
            continue;
        s->piece = piece_of(t, at, var, depth_first ? s->outer : g->c.k, depth_first ? outer_tile : g->tile.k, size);
        s->depth_first = depth_first;
    }
    if (!s->piece) {
        s->depth_first = s->k_first;
        return;
    }
    s->src = src;
    s->src_at = at;
    s->src_outer = outer;
    s->src_depth = depth;
}

struct side make_side(struct gemm *g, const char *name, const struct node *n, bool k_first, const struct index *outer0,
                      const struct index *outer, int outer_tile)
{
    struct side s = { .n = n, .k_first = k_first, .outer0 = outer0, .outer = outer };
    find_copies(g, &s, outer_tile);
    s.rows = s.depth_first ? g->tile.k : outer_tile;
    s.cols = s.depth_first ? outer_tile : g->tile.k;
    s.ring = kernel_shared(g->l->k, name, g->in, g->stages, g->unit ? KL_PAD8 : KL_PAD4, s.rows, s.cols);
    return s;
}
