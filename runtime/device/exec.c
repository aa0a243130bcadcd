#include "runtime/device/exec.h"

#include <string.h>

#include "ir/ops/op.h"

enum { ALIGN = 256 };

static size_t round_up(size_t n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }

static size_t bytes_of(const struct exec *e, const struct node *n)
{
    return (size_t)type_count_at(&n->type, &e->dims) * (size_t)dtype_size(n->storage);
}

/* A source that some group reads, even if none of its launches has an element to read. */
static bool is_read(const struct exec *e, const struct node *n)
{
    if (n->materialised)
        return false;
    for (size_t i = 0; i < e->p->g->n_groups; i++)
        for (size_t k = 0; k < e->p->g->groups[i]->n_ins; k++)
            if (e->p->g->groups[i]->ins[k] == n)
                return true;
    return false;
}

/* Parameters in one allocation and inputs in another, in node order, each tensor at a multiple of 256 bytes. */
static bool alloc_sources(struct exec *e, bool params, dptr *base)
{
    const struct graph *g = e->p->g;
    size_t total = 0;
    for (int pass = 0; pass < 2; pass++) {
        if (pass && !e->d->ops->alloc(e->d, total, base))
            return false;
        size_t at = 0;
        for (size_t i = 0; i < g->n_nodes; i++) {
            const struct node *n = g->nodes[i];
            if (n->op->class != CLS_SOURCE || node_is_param(n) != params || !is_read(e, n))
                continue;
            if (pass)
                e->at[n->id] = *base + at;
            at += round_up(bytes_of(e, n));
        }
        total = at;
    }
    return true;
}

/* The gaps between tensors are zero and stay zero. */
static bool upload(struct exec *e, const struct binding *b)
{
    const struct graph *g = e->p->g;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = g->nodes[i];
        if (!e->at[n->id] || n->op->class != CLS_SOURCE || n->materialised)
            continue;
        const struct tensor *t = binding_find(b, n->name);
        BUG_IF(!t, "no tensor is bound to %s", n->name);
        struct arena *a = arena_new();
        const struct tensor *as = t->dtype == n->storage ? t : tensor_convert(e->s, a, n->name, t, n->storage);
        size_t bytes = as ? as->bytes : 0;
        bool ok = as && e->d->ops->fill(e->d, e->at[n->id], 0, round_up(bytes)) &&
                  e->d->ops->copy_in(e->d, e->at[n->id], as->data, bytes);
        arena_free(a);
        if (!ok)
            return false;
    }
    return true;
}

static bool alloc_activations(struct exec *e)
{
    const struct graph *g = e->p->g;
    if (!e->d->ops->alloc(e->d, (size_t)dims_eval(&e->dims, g->memory), &e->activations))
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

/* Kernels number elements in 32 bits. */
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

struct exec *exec_open(struct session *s, const struct program *p, struct device *d, const struct code *code,
                       const struct binding *b)
{
    struct arena *a = arena_new();
    struct exec *e = arena_new_of(a, struct exec);
    *e = (struct exec){
        .s = s, .p = p, .d = d, .arena = a, .dims = b->dims, .code = code, .n_at = (size_t)p->g->next_id
    };
    e->at = arena_array(a, dptr, e->n_at + 1);
    bool ok = sizes_fit(e) && (!p->n_kernels || (e->m = d->ops->load(d, code)) != NULL) &&
              alloc_sources(e, true, &e->weights) && alloc_sources(e, false, &e->inputs) && alloc_activations(e) &&
              upload(e, b);
    if (ok)
        return e;
    exec_close(e);
    return NULL;
}

void exec_close(struct exec *e)
{
    if (!e)
        return;
    dptr all[] = { e->weights, e->inputs, e->activations };
    for (int i = 0; i < 3; i++)
        if (all[i])
            e->d->ops->free(e->d, all[i]);
    arena_free(e->arena);
}

struct at_launch {
    const struct exec *e;
};
static int64_t dim_of(void *ctx, const struct index *atom)
{
    return dims_eval(&((struct at_launch *)ctx)->e->dims, atom);
}

size_t exec_scratch_bytes(const struct exec *e, const struct group *gr, int scratch)
{
    const struct scratch *s = &gr->scratch[scratch];
    return (size_t)dims_eval(&e->dims, s->count) * (size_t)dtype_size(s->dtype);
}

static dptr address_of(const struct exec *e, const struct program_launch *l, const struct launch_arg *a)
{
    dptr base = a->node ? e->at[a->node->id] : e->scratch[l->group->id][a->scratch];
    return base + (a->offset ? (dptr)dims_eval(&e->dims, a->offset) : 0);
}

/* The argument struct as C lays it out: pointers, then one i32 a symbolic dim. */
static size_t pack_args(struct exec *e, const struct program_launch *l, unsigned char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < l->k->n_args; i++, n += sizeof(dptr)) {
        dptr at = address_of(e, l, &l->args[i]);
        memcpy(out + n, &at, sizeof at);
    }
    for (size_t i = 0; i < l->k->n_dims; i++, n += sizeof(int32_t)) {
        int32_t v = (int32_t)dims_eval(&e->dims, l->k->dims[i].sym);
        memcpy(out + n, &v, sizeof v);
    }
    return n ? (n + 7) / 8 * 8 : 8;
}

static bool zero_scratch(struct exec *e, const struct group *gr)
{
    for (size_t i = 0; i < gr->n_scratch; i++)
        if (gr->scratch[i].zeroed &&
            !e->d->ops->fill(e->d, e->scratch[gr->id][i], 0, exec_scratch_bytes(e, gr, (int)i)))
            return false;
    return true;
}

bool exec_launch(struct exec *e, size_t number)
{
    const struct program_launch *l = &e->p->launches[number];
    const struct kernel *k = l->k;
    struct arena *a = arena_new();
    unsigned char *args = arena_alloc(a, (k->n_args + k->n_dims) * 8 + 16);
    struct launch_buffer *buffers = arena_array(a, struct launch_buffer, k->n_args + 1);
    struct at_launch at = { e };
    struct launch launch = { .kernel = e->p->kernels[l->kernel].k->name,
                             .block = (unsigned)k->block,
                             .smem = (unsigned)k->shared_bytes,
                             .collective = kernel_is_collective(k),
                             .args = args,
                             .args_size = pack_args(e, l, args),
                             .buffers = buffers,
                             .n_buffers = k->n_args };
    for (int i = 0; i < 3; i++)
        launch.grid[i] = k->grid[i] ? (unsigned)index_eval(k->grid[i], dim_of, &at) : 1;
    launch.shared = launch.smem > (unsigned)e->p->target->static_shared ? launch.smem : 0;
    for (size_t i = 0; i < k->n_args; i++) {
        const struct launch_arg *arg = &l->args[i];
        const struct node *n = arg->node;
        buffers[i] = (struct launch_buffer){
            .name = n && n->name ? n->name : k->args[i]->name,
            .at = address_of(e, l, arg),
            .bytes = n ? bytes_of(e, n) : exec_scratch_bytes(e, l->group, arg->scratch),
            .written = k->args[i]->written,
            .read = k->args[i]->read,
            .elem = dtype_size(k->args[i]->dtype),
        };
    }
    bool empty = !launch.grid[0] || !launch.grid[1] || !launch.grid[2];
    bool ok = !l->first || zero_scratch(e, l->group);
    ok = ok && (empty || ((!e->before || e->before(e, number, &launch)) && e->d->ops->launch(e->d, e->m, &launch) &&
                          (!e->after || e->after(e, number))));
    arena_free(a);
    return ok;
}

bool exec_run(struct exec *e)
{
    for (size_t i = 0; i < e->p->n_launches; i++)
        if (!exec_launch(e, i))
            return false;
    return e->d->ops->sync(e->d);
}

struct tensor *exec_read(struct exec *e, const struct node *n, struct arena *a)
{
    BUG_IF(!e->at[n->id], "%s is nowhere on the device", n->name ? n->name : n->op->call.name);
    int64_t dim[MAX_RANK];
    for (int i = 0; i < n->type.rank; i++)
        dim[i] = dims_eval(&e->dims, n->type.dim[i]);
    struct tensor *t = tensor_new(a, n->storage, n->type.rank, dim);
    return e->d->ops->copy_out(e->d, t->data, e->at[n->id], t->bytes) ? t : NULL;
}

bool exec_fill(struct exec *e, const struct node *n, int byte)
{
    return e->d->ops->fill(e->d, e->at[n->id], byte, bytes_of(e, n));
}
