#include "runtime/device/exec.h"

#include "ir/ops/op.h"
#include "runtime/device/exec_place.h"

struct exec *exec_open(struct session *s, const struct program *p, struct device *d, const struct code *code,
                       const struct binding *b)
{
    struct arena *a = arena_new();
    struct exec *e = arena_new_of(a, struct exec);
    *e = (struct exec){
        .s = s, .p = p, .d = d, .arena = a, .dims = b->dims, .code = code, .n_at = (size_t)p->g->next_id, .seed = 1
    };
    e->at = arena_array(a, dptr, e->n_at + 1);
    e->order = arena_array(a, size_t, p->n_launches + 1);
    bool ok = (!p->n_kernels || (e->m = d->ops->load(d, code)) != NULL) && exec_place(e, b) && exec_prepare(e) &&
              (e->stream = d->ops->stream_new(d)) != NULL;
    if (ok)
        return e;
    exec_close(e);
    return NULL;
}

void exec_close(struct exec *e)
{
    if (!e)
        return;
    const struct device_ops *ops = e->d->ops;
    ops->captured_free(e->d, e->captured);
    ops->stream_free(e->d, e->stream);
    dptr all[] = { e->weights, e->inputs, e->activations };
    for (int i = 0; i < 3; i++)
        if (all[i])
            ops->free(e->d, all[i]);
    arena_free(e->arena);
}

static bool zero(struct exec *e, const struct prepared *l)
{
    for (size_t i = 0; i < l->n_zero; i++)
        if (!e->d->ops->fill(e->d, e->stream, l->zero[i].at, 0, l->zero[i].bytes))
            return false;
    return true;
}

/* The device must be current for this thread. */
static bool launch_one(struct exec *e, size_t number)
{
    const struct prepared *l = &e->launches[number];
    if (!zero(e, l))
        return false;
    if (launch_is_empty(&l->launch))
        return true;
    return (!e->before || e->before(e, number, &l->launch)) && e->d->ops->launch(e->d, e->stream, &l->launch) &&
           (!e->after || e->after(e, number));
}

bool exec_launch(struct exec *e, size_t number) { return e->d->ops->use(e->d) && launch_one(e, number); }

bool exec_group(struct exec *e, const struct group *gr)
{
    for (size_t i = e->first_launch[gr->id]; i < e->first_launch[gr->id + 1]; i++)
        if (!exec_launch(e, i))
            return false;
    return true;
}

static bool forget_scratch(struct exec *e, const struct group *gr)
{
    for (size_t i = 0; i < gr->n_scratch; i++)
        if (!e->d->ops->forget(e->d, e->stream, e->scratch[gr->id][i], exec_scratch_bytes(e, gr, (int)i)))
            return false;
    return true;
}

static bool start_in_order(struct exec *e)
{
    if (!e->d->ops->use(e->d))
        return false;
    for (size_t i = 0; i < e->p->n_launches; i++)
        if (!launch_one(e, i))
            return false;
    return true;
}

/* Runs the launches in a random order, to find missing dependences. A launch that runs too early reads discarded memory
   or another value. The checking emulator reports both. */
static bool start_in_random_order(struct exec *e)
{
    exec_order(e->p, e->seed++, e->order);
    if (!e->d->ops->forget(e->d, e->stream, e->activations, e->activation_bytes))
        return false;
    for (size_t i = 0; i < e->p->n_launches; i++) {
        const struct program_launch *l = &e->p->launches[e->order[i]];
        if (!exec_launch(e, e->order[i]) || (l->last && !forget_scratch(e, l->group)))
            return false;
    }
    return true;
}

bool exec_start(struct exec *e) { return e->d->checking ? start_in_random_order(e) : start_in_order(e); }
bool exec_run(struct exec *e) { return exec_start(e) && exec_sync(e); }
bool exec_sync(struct exec *e) { return e->d->ops->stream_sync(e->d, e->stream); }

struct tensor *exec_read(struct exec *e, const struct node *n, struct arena *a)
{
    BUG_IF(!e->at[n->id], "%s is nowhere on the device", n->name ? n->name : n->op->call.name);
    int64_t dim[MAX_RANK];
    for (int i = 0; i < n->type.rank; i++)
        dim[i] = dims_eval(&e->dims, n->type.dim[i]);
    struct tensor *t = tensor_new(a, n->storage, n->type.rank, dim);
    return e->d->ops->copy_out(e->d, NULL, t->data, e->at[n->id], t->bytes) ? t : NULL;
}

struct tensor *exec_read_scratch(struct exec *e, const struct group *gr, int scratch, struct arena *a)
{
    int64_t count = dims_eval(&e->dims, gr->scratch[scratch].count);
    struct tensor *t = tensor_new(a, gr->scratch[scratch].dtype, 1, &count);
    return e->d->ops->copy_out(e->d, NULL, t->data, e->scratch[gr->id][scratch], t->bytes) ? t : NULL;
}

bool exec_forget(struct exec *e, const struct group *gr)
{
    for (size_t i = 0; i < gr->n_outs; i++)
        if (!e->d->ops->forget(e->d, e->stream, e->at[gr->outs[i]->id], exec_node_bytes(e, gr->outs[i])))
            return false;
    return forget_scratch(e, gr);
}

static bool record(struct exec *e)
{
    if (!e->d->ops->use(e->d))
        return false;
    for (size_t i = 0; i < e->p->n_launches; i++) {
        const struct prepared *l = &e->launches[i];
        if (!zero(e, l) || !e->d->ops->launch(e->d, e->stream, &l->launch))
            return false;
    }
    return true;
}

bool exec_capture(struct exec *e)
{
    const struct device_ops *ops = e->d->ops;
    BUG_IF(e->captured, "a program is captured twice");
    if (!ops->capture_begin(e->d, e->stream))
        return false;
    if (record(e))
        e->captured = ops->capture_end(e->d, e->stream);
    else
        ops->capture_drop(e->d, e->stream);
    return e->captured != NULL;
}

bool exec_submit(struct exec *e)
{
    BUG_IF(!e->captured, "a program is submitted that was not captured");
    return e->d->ops->captured_submit(e->d, e->captured, e->stream);
}
