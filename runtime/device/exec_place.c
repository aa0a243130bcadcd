/* Allocates one block for parameters, one for inputs, one for activations and scratch. The pass memplan has chosen the
   offsets in the third block. */
#include "runtime/device/exec_place.h"

#include "ir/ops/op.h"

enum { ALIGN = 256 };

static size_t round_up(size_t n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }

size_t exec_node_bytes(const struct exec *e, const struct node *n)
{
    return (size_t)type_count_at(&n->type, &e->dims) * (size_t)dtype_size(n->storage);
}

size_t exec_scratch_bytes(const struct exec *e, const struct group *gr, int scratch)
{
    const struct scratch *s = &gr->scratch[scratch];
    return (size_t)dims_eval(&e->dims, s->count) * (size_t)dtype_size(s->dtype);
}

static bool sizes_fit(struct exec *e)
{
    for (size_t i = 0; i < e->p->g->n_nodes; i++) {
        const struct node *n = e->p->g->nodes[i];
        if (type_count_at(&n->type, &e->dims) >= (int64_t)1 << 31)
            return diag_error(e->s, FAIL_INPUT, n->loc,
                              "%s has 2^31 elements or more at this batch: kernels number elements in 32 bits",
                              n->name ? n->name : n->op->call.name);
    }
    return true;
}

/* [node id]: true if the node is a source that some group reads. */
static const bool *sources_read(const struct exec *e)
{
    bool *read = arena_array(e->arena, bool, e->n_at + 1);
    for (size_t i = 0; i < e->p->g->n_groups; i++)
        for (size_t k = 0; k < e->p->g->groups[i]->n_ins; k++) {
            const struct node *n = e->p->g->groups[i]->ins[k];
            read[n->id] = n->op->class == CLS_SOURCE && !n->materialised;
        }
    return read;
}

/* `params`: parameters, else all other sources. They form one block, each at a multiple of ALIGN bytes. */
static bool alloc_sources(struct exec *e, const bool *read, bool params, dptr *base)
{
    const struct graph *g = e->p->g;
    size_t total = 0;
    for (int pass = 0; pass < 2; pass++) {
        if (pass && !e->d->ops->alloc(e->d, total, base))
            return false;
        size_t at = 0;
        for (size_t i = 0; i < g->n_nodes; i++) {
            const struct node *n = g->nodes[i];
            if (!read[n->id] || node_is_param(n) != params)
                continue;
            if (pass)
                e->at[n->id] = *base + at;
            at += round_up(exec_node_bytes(e, n));
        }
        total = at;
    }
    return true;
}

/* Uploads the sources in their storage dtypes. Zeros fill the gaps between tensors. */
static bool upload(struct exec *e, const bool *read, const struct binding *b)
{
    const struct graph *g = e->p->g;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = g->nodes[i];
        if (!read[n->id])
            continue;
        const struct tensor *t = binding_find(b, n->name);
        BUG_IF(!t, "no tensor is bound to %s", n->name);
        struct arena *a = arena_new();
        const struct tensor *as = t->dtype == n->storage ? t : tensor_convert(e->s, a, n->name, t, n->storage);
        size_t bytes = as ? as->bytes : 0;
        bool ok = as && e->d->ops->fill(e->d, NULL, e->at[n->id], 0, round_up(bytes)) &&
                  e->d->ops->copy_in(e->d, NULL, e->at[n->id], as->data, bytes);
        arena_free(a);
        if (!as && dtype_is_float(n->storage))
            diag_note(e->s, n->loc, "%s is stored as %s: declare it f32", n->name, dtype_name(n->storage));
        if (!ok)
            return false;
    }
    return true;
}

static bool alloc_activations(struct exec *e)
{
    const struct graph *g = e->p->g;
    e->activation_bytes = (size_t)dims_eval(&e->dims, g->memory);
    if (!e->d->ops->alloc(e->d, e->activation_bytes, &e->activations))
        return false;
    e->scratch = arena_array(e->arena, dptr *, g->n_groups + 1);
    for (size_t i = 0; i < g->n_groups; i++)
        e->scratch[i] = arena_array(e->arena, dptr, g->groups[i]->n_scratch + 1);
    for (size_t i = 0; i < g->n_slots; i++) {
        const struct slot *s = &g->slots[i];
        dptr at = e->activations + (dptr)dims_eval(&e->dims, s->offset);
        if (s->node)
            e->at[s->node->id] = at;
        else
            e->scratch[s->group->id][s->scratch] = at;
    }
    return true;
}

bool exec_place(struct exec *e, const struct binding *b)
{
    const bool *read = sources_read(e);
    return sizes_fit(e) && alloc_sources(e, read, true, &e->weights) && alloc_sources(e, read, false, &e->inputs) &&
           alloc_activations(e) && upload(e, read, b);
}
