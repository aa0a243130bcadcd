/* Gives every materialised value a place in one allocation: its offset, a function of the symbolic dims. Requires fuse;
   keeps everything. Walks the groups in launch order; the place of a value that nobody reads any more is given to the
   next one of the very same size. Outputs are never reused. Every place is a multiple of 256 bytes. */
#include "passes/pass.h"

static const struct index *bytes_of(struct session *s, const struct node *n)
{
    const struct index *bytes = index_mulk(s->indices, type_count(s, &n->type), dtype_size(n->storage));
    return index_mulk(s->indices, index_ceil_div(s->indices, bytes, index_const(s->indices, 256)), 256);
}

/* node->mark: the last group that reads it; outputs last for ever. */
static void mark_last_reads(struct graph *g)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->mark = -1;
    for (size_t i = 0; i < g->n_groups; i++)
        for (size_t k = 0; k < g->groups[i]->n_ins; k++)
            g->groups[i]->ins[k]->mark = g->groups[i]->id;
    for (size_t i = 0; i < g->n_outs; i++)
        g->outs[i].node->mark = (int)g->n_groups;
}

static void place_scratch(struct graph *g, const struct group *gr)
{
    struct index_table *t = g->s->indices;
    for (size_t i = 0; i < gr->n_scratch; i++) {
        const struct index *bytes = index_mulk(t, gr->scratch[i].count, dtype_size(gr->scratch[i].dtype));
        bytes = index_mulk(t, index_ceil_div(t, bytes, index_const(t, 256)), 256);
        *arena_push(g->arena, g->slots, g->n_slots, g->cap_slots) =
            (struct slot){ .group = gr, .scratch = (int)i, .offset = g->memory, .bytes = bytes };
        g->memory = index_add(t, g->memory, bytes);
    }
}

bool pass_memplan(struct graph *g, struct pass_ctx *c)
{
    struct session *s = c->s;
    struct {
        const struct index *offset, *bytes;
        int free_after;
    } *slots = arena_alloc(g->arena, sizeof *slots * (g->n_nodes + 1));
    size_t n_slots = 0;
    g->n_slots = 0;
    g->memory = index_const(s->indices, 0);
    mark_last_reads(g);
    for (size_t i = 0; i < g->n_groups; i++) {
        struct group *gr = g->groups[i];
        for (size_t k = 0; k < gr->n_outs; k++) {
            struct node *n = gr->outs[k];
            const struct index *bytes = bytes_of(s, n);
            size_t at = 0;
            while (at < n_slots && !(slots[at].bytes == bytes && slots[at].free_after < gr->id))
                at++;
            if (at == n_slots) {
                slots[n_slots].offset = g->memory;
                slots[n_slots++].bytes = bytes;
                g->memory = index_add(s->indices, g->memory, bytes);
            }
            slots[at].free_after = n->mark > gr->id ? n->mark : gr->id;
            *arena_push(g->arena, g->slots, g->n_slots, g->cap_slots) =
                (struct slot){ .node = n, .scratch = -1, .offset = slots[at].offset, .bytes = bytes };
        }
    }
    for (size_t i = 0; i < g->n_groups; i++)
        place_scratch(g, g->groups[i]);
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->mark = -1;
    return true;
}
