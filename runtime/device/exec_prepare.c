/* Prepares each launch: looks up its function, packs its arguments, and evaluates its grid and buffers. */
#include <string.h>

#include "runtime/device/exec_place.h"
#include "runtime/device/launch.h"

static dptr address_of(const struct exec *e, const struct program_launch *l, const struct launch_arg *a)
{
    dptr base = a->node ? e->at[a->node->id] : e->scratch[l->group->id][a->scratch];
    return base + (a->offset ? (dptr)dims_eval(&e->dims, a->offset) : 0);
}

/* Numbers the values: node id + 1; higher numbers for scratch. `first`: number of the group's first scratch buffer. */
static struct launch_buffer buffer_of(const struct exec *e, const struct program_launch *l, size_t i, uint32_t first)
{
    const struct launch_arg *arg = &l->args[i];
    const struct kmem *m = l->k->args[i];
    const struct node *n = arg->node;
    size_t whole = n ? exec_node_bytes(e, n) : exec_scratch_bytes(e, l->group, arg->scratch);
    size_t offset = arg->offset ? (size_t)dims_eval(&e->dims, arg->offset) : 0;
    return (struct launch_buffer){ .name = n && n->name ? n->name : m->name,
                                   .at = address_of(e, l, arg),
                                   .bytes = whole - offset,
                                   .written = m->written,
                                   .read = m->read,
                                   .elem = dtype_size(m->dtype),
                                   .value = n ? (uint32_t)n->id + 1 : first + (uint32_t)arg->scratch };
}

static void prepare_zeroings(struct exec *e, const struct group *gr, struct prepared *to)
{
    to->zero = arena_array(e->arena, struct zeroing, gr->n_scratch + 1);
    for (size_t i = 0; i < gr->n_scratch; i++)
        if (gr->scratch[i].zeroed)
            to->zero[to->n_zero++] = (struct zeroing){ e->scratch[gr->id][i], exec_scratch_bytes(e, gr, (int)i) };
}

static void prepare_launch(struct exec *e, const struct program_launch *l, uint32_t first, struct prepared *to)
{
    const struct kernel *k = l->k;
    struct launch_buffer *buffers = arena_array(e->arena, struct launch_buffer, k->n_args + 1);
    dptr *at = arena_array(e->arena, dptr, k->n_args + 1);
    for (size_t i = 0; i < k->n_args; i++) {
        buffers[i] = buffer_of(e, l, i, first);
        at[i] = buffers[i].at;
    }
    to->launch = launch_of(e->arena, k, at, &e->dims);
    to->launch.kernel = e->p->kernels[l->kernel].k->name;
    to->launch.buffers = buffers;
    to->launch.shared = to->launch.smem > (unsigned)e->p->target->static_shared ? to->launch.smem : 0;
    if (l->first)
        prepare_zeroings(e, l->group, to);
}

bool exec_prepare(struct exec *e)
{
    const struct program *p = e->p;
    struct function **functions = arena_array(e->arena, struct function *, p->n_kernels + 1);
    e->launches = arena_array(e->arena, struct prepared, p->n_launches + 1);
    e->first_launch = arena_array(e->arena, size_t, p->g->n_groups + 1);
    uint32_t values = (uint32_t)e->n_at + 1;
    for (size_t i = 0; i < p->n_launches; i++) {
        const struct program_launch *l = &p->launches[i];
        struct prepared *to = &e->launches[i];
        struct function **f = &functions[l->kernel];
        if (l->first)
            e->first_launch[l->group->id] = i;
        e->first_launch[l->group->id + 1] = i + 1;
        prepare_launch(e, l, values, to);
        if (l->last)
            values += (uint32_t)l->group->n_scratch;
        if (launch_is_empty(&to->launch))
            continue;
        if (!*f && !(*f = e->d->ops->find(e->d, e->m, to->launch.kernel)))
            return false;
        to->launch.function = *f;
        if (!e->d->ops->prepare(e->d, &to->launch))
            return false;
    }
    return true;
}
