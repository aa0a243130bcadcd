/* Equal nodes become one: same op, operands (in either order where the op commutes), attributes and type. Requires
   types; keeps values. Runs after simplify, and once more after precision, which gives every matrix operand a cast of
   its own. */
#include <string.h>

#include "passes/pass.h"

static bool attrs_equal(const struct node *a, const struct node *b)
{
    for (int i = 0; i < a->op->call.n_attrs; i++) {
        const struct attr *x = &a->attrs[i];
        const struct attr *y = &b->attrs[i];
        if (x->i != y->i || memcmp(&x->f, &y->f, sizeof x->f) || x->n != y->n)
            return false;
        for (int j = 0; j < x->n; j++) {
            if ((x->ints && y->ints && x->ints[j] != y->ints[j]) || (x->dims && y->dims && x->dims[j] != y->dims[j]))
                return false;
        }
    }
    return true;
}

static bool operands_equal(const struct node *a, const struct node *b)
{
    if (a->n_in != b->n_in)
        return false;
    bool straight = true;
    for (int i = 0; i < a->n_in; i++)
        straight &= a->in[i] == b->in[i];
    return straight || (a->op->commutes && a->n_in == 2 && a->in[0] == b->in[1] && a->in[1] == b->in[0]);
}

/* A source that stands for outside data, and an effect, is itself alone. */
static bool is_shareable(const struct node *n)
{
    return n->op->class != CLS_EFFECT &&
           (n->op->class != CLS_SOURCE || op_attr(n->op, "value") >= 0 || op_attr(n->op, "axis") >= 0);
}

static bool equal(const struct node *a, const struct node *b)
{
    return a->op == b->op && a->type.dtype == b->type.dtype && type_same_shape(&a->type, &b->type) &&
           a->storage == b->storage && a->compute == b->compute && a->keep_f32 == b->keep_f32 && operands_equal(a, b) &&
           attrs_equal(a, b);
}

static size_t hash_of(const struct node *n, size_t buckets)
{
    uint64_t h = (uint64_t)(uintptr_t)n->op;
    uint64_t ins = 0;
    for (int i = 0; i < n->n_in; i++)
        ins += (uint64_t)(n->in[i]->id + 1) * 0x9e3779b97f4a7c15u; /* a sum: blind to the order */
    h ^= ins * 0xbf58476d1ce4e5b9u;
    return (h >> 17) % buckets;
}

bool pass_cse(struct graph *g, struct pass_ctx *c)
{
    struct arena *scratch = arena_new();
    size_t buckets = g->n_nodes * 2 + 1;
    struct chain {
        struct chain *next;
        struct node *n;
    } **table = arena_alloc(scratch, buckets * sizeof *table);
    bool changed = false;
    (void)c;
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *n = g->nodes[i];
        if (!is_shareable(n))
            continue;
        size_t h = hash_of(n, buckets);
        struct chain *p = table[h];
        while (p && !equal(p->n, n))
            p = p->next;
        if (p) {
            node_replace(g, n, p->n);
            changed = true;
            continue;
        }
        p = arena_new_of(scratch, struct chain);
        *p = (struct chain){ table[h], n };
        table[h] = p;
    }
    arena_free(scratch);
    if (changed)
        graph_sweep(g);
    return changed;
}
