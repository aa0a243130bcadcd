/* Merges nodes with equal op, operands, attributes and type. For an op that commutes, (a, b) equals (b, a). Requires
   typed nodes. Changes no value. Runs again after precision, which can add several equal casts. */
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

/* True if equal nodes may be merged. Effects may not. Inputs may not: two inputs of equal type hold different data. */
static bool is_shareable(const struct node *n)
{
    return n->op->class != CLS_EFFECT && (n->op->class != CLS_SOURCE || n->op->kernel.at);
}

static bool equal(const struct node *a, const struct node *b)
{
    return a->op == b->op && a->type.dtype == b->type.dtype && type_same_shape(&a->type, &b->type) &&
           a->storage == b->storage && a->compute == b->compute && a->keep_f32 == b->keep_f32 && operands_equal(a, b) &&
           attrs_equal(a, b);
}

static uint64_t mixed(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0xbf58476d1ce4e5b9u;
    return h ^ h >> 29;
}

/* Equal nodes have equal hashes. The hash covers attributes and shapes, since constants differ in nothing else. */
static uint64_t hash_of(const struct node *n)
{
    uint64_t h = (uint64_t)(uintptr_t)n->op;
    uint64_t ins = 0;
    for (int i = 0; i < n->n_in; i++) {
        uint64_t id = (uint64_t)(n->in[i]->id + 1) * 0x9e3779b97f4a7c15u;
        if (n->op->commutes)
            ins += id; /* a sum does not depend on the order of the operands */
        else
            ins = mixed(ins, id);
    }
    h = mixed(h, ins);
    for (int i = 0; i < n->type.rank; i++)
        h = mixed(h, n->type.dim[i]->id);
    for (int i = 0; i < n->op->call.n_attrs; i++) {
        const struct attr *a = &n->attrs[i];
        uint64_t bits;
        memcpy(&bits, &a->f, sizeof bits);
        h = mixed(mixed(h, (uint64_t)a->i), bits);
        for (int j = 0; j < a->n; j++)
            h = mixed(h, a->ints ? (uint64_t)a->ints[j] : a->dims[j]->id);
    }
    return h;
}

bool pass_cse(struct graph *g, struct pass_ctx *c)
{
    size_t buckets = 16;
    while (buckets < g->n_nodes)
        buckets *= 2;
    struct chain {
        struct chain *next;
        uint64_t hash;
        struct node *n;
    } **table = arena_alloc(c->step, buckets * sizeof *table);
    bool changed = false;
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *n = g->nodes[i];
        node_settle(n);
        if (!is_shareable(n))
            continue;
        uint64_t hash = hash_of(n);
        struct chain **at = &table[hash & (buckets - 1)];
        struct chain *p = *at;
        while (p && !(p->hash == hash && equal(p->n, n)))
            p = p->next;
        if (p) {
            node_replace(g, n, p->n);
            changed = true;
            continue;
        }
        p = arena_new_of(c->step, struct chain);
        *p = (struct chain){ *at, hash, n };
        *at = p;
    }
    if (changed)
        graph_sweep(g);
    return changed;
}
