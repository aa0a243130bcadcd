#include "runtime/judge/held.h"

#include <math.h>
#include <string.h>

#include "ir/ops/op.h"

/* A copy of a judged value. `readers`: number of groups that must still read it, plus its uses as an output. */
struct value {
    struct arena *a;
    struct tensor *t;
    size_t readers;
};

struct held {
    struct exec *e;
    const struct binding *b;
    struct value *value;
};

static bool is_source(const struct node *n) { return n->op->class == CLS_SOURCE && !n->materialised; }

struct held *held_begin(struct exec *e, const struct binding *b)
{
    const struct graph *g = e->p->g;
    struct held *h = arena_new_of(e->s->run, struct held);
    *h = (struct held){ .e = e, .b = b, .value = arena_array(e->s->run, struct value, g->next_id + 1) };
    for (size_t i = 0; i < g->n_groups; i++)
        for (size_t k = 0; k < g->groups[i]->n_ins; k++)
            h->value[g->groups[i]->ins[k]->id].readers++;
    for (size_t i = 0; i < g->n_outs; i++)
        h->value[g->outs[i].node->id].readers++;
    return h;
}

static void drop(struct value *v)
{
    if (v->a)
        arena_free(v->a);
    v->a = NULL;
    v->t = NULL;
}

void held_end(struct held *h)
{
    for (int i = 0; i < h->e->p->g->next_id; i++)
        drop(&h->value[i]);
}

void held_keep(struct held *h, const struct node *n, const struct tensor *t)
{
    struct value *v = &h->value[n->id];
    if (!v->readers)
        return;
    drop(v);
    v->a = arena_new();
    v->t = tensor_new(v->a, t->dtype, t->rank, t->dim);
    memcpy(v->t->data, t->data, t->bytes);
}

/* True if element i of t is that of `bound`, rounded once to t's dtype.
   Zeros must have the same sign. All NaNs are equal. */
static bool is_rounded(const struct tensor *bound, const struct tensor *t, int64_t i)
{
    if (!dtype_is_float(t->dtype) && !dtype_is_float(bound->dtype))
        return tensor_get_i64(bound, i) == tensor_get_i64(t, i);
    double want = tensor_get(bound, i);
    if (dtype_is_float(t->dtype))
        want = dtype_round(t->dtype, want);
    double got = tensor_get(t, i);
    return isnan(want) ? isnan(got) : want == got && signbit(want) == signbit(got);
}

/* Returns the first wrong element of `got`, or -1. Sources may be rounded; other values must be bit-equal. */
static int64_t first_other(const struct tensor *want, const struct tensor *got, bool source)
{
    size_t size = (size_t)dtype_size(got->dtype);
    if (!source && !memcmp(want->data, got->data, got->bytes))
        return -1;
    for (int64_t i = 0; i < tensor_count(got); i++)
        if (source ? !is_rounded(want, got, i)
                   : memcmp((const char *)want->data + (size_t)i * size, (const char *)got->data + (size_t)i * size,
                            size) != 0)
            return i;
    return -1;
}

static const char *number(struct arena *a, const struct tensor *t, int64_t i)
{
    return dtype_is_float(t->dtype) ? arena_printf(a, "%.9g", tensor_get(t, i))
                                    : arena_printf(a, "%lld", (long long)tensor_get_i64(t, i));
}

void held_compare(struct held *h, const struct node *n, const struct tensor *t, const char *reader,
                  struct verify_report *out)
{
    struct arena *a = h->e->s->run;
    struct value *v = &h->value[n->id];
    bool source = is_source(n);
    const char *name = n->name ? n->name : n->op->call.name;
    const struct tensor *want = source ? binding_find(h->b, n->name) : v->t;
    int64_t i = want ? first_other(want, t, source) : 0;
    if (!want && out->memory_ok) {
        out->memory_ok = false;
        out->memory_why = arena_printf(a, "%s is read before the kernel that makes it has run", name);
        out->memory_loc = n->loc;
    } else if (i >= 0 && out->memory_ok) {
        const char *when = reader ? arena_printf(a, "as %s reads it", reader) : "read again at the end";
        const char *owner =
            source ? "the tensor that it is bound to" : arena_printf(a, "what kernel %s left there", n->group->name);
        out->memory_ok = false;
        out->memory_why = arena_printf(a, "%s, %s, is not %s: element %s is %s, should be %s", name, when, owner,
                                       tensor_index_text(a, t, i), number(a, t, i), number(a, want, i));
        out->memory_loc = n->loc;
    }
    if (!source && reader && --v->readers == 0)
        drop(v);
}

static bool read_again(struct held *h, const struct node *n, struct verify_report *out)
{
    struct arena *a = arena_new();
    const struct tensor *t = exec_read(h->e, n, a);
    if (t)
        held_compare(h, n, t, NULL, out);
    arena_free(a);
    return t != NULL;
}

bool held_at_end(struct held *h, struct verify_report *out)
{
    const struct graph *g = h->e->p->g;
    bool ok = true;
    for (size_t i = 0; i < g->n_outs && ok; i++)
        if (!is_source(g->outs[i].node))
            ok = read_again(h, g->outs[i].node, out);
    for (size_t i = 0; i < g->n_nodes && ok; i++)
        if (is_source(g->nodes[i]) && h->e->at[g->nodes[i]->id])
            ok = read_again(h, g->nodes[i], out);
    return ok;
}
