#include "ir/graph/graph.h"

#include <string.h>

#include "ir/ops/op.h"

struct graph *graph_new(struct session *s, const char *name)
{
    struct arena *build = arena_child(s->run);
    struct graph *g = arena_new_of(build, struct graph);
    g->s = s;
    g->arena = build;
    g->name = arena_strdup(build, name);
    g->size = "";
    s->n_builds++;
    return g;
}

void graph_free(struct graph *g)
{
    if (!g)
        return;
    struct session *s = g->s;
    arena_free(g->arena);
    if (!--s->n_builds)
        index_forget_vars(s->indices);
}

/* `of` maps a node id to the copy of the node. */
static struct node *copied(struct node *const *of, const struct node *n) { return n ? of[n->id] : NULL; }

static struct node **copy_list(struct graph *c, struct node *const *of, struct node *const *list, size_t n)
{
    struct node **out = arena_array(c->arena, struct node *, n);
    for (size_t i = 0; i < n; i++)
        out[i] = copied(of, list[i]);
    return out;
}

static void *copy_bytes(struct arena *a, const void *from, size_t bytes)
{
    void *to = arena_alloc(a, bytes);
    return bytes ? memcpy(to, from, bytes) : to;
}
#define copy_array(a, from, n) copy_bytes((a), (from), (n) * sizeof *(from))

static void clone_nodes(const struct graph *g, struct graph *c, struct node **of)
{
    c->nodes = arena_array(c->arena, struct node *, g->n_nodes);
    c->n_nodes = c->cap_nodes = g->n_nodes;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = g->nodes[i];
        struct node *m = c->nodes[i] = of[n->id] = arena_new_of(c->arena, struct node);
        *m = *n;
        m->in = copy_list(c, of, n->in, (size_t)n->n_in);
        m->group = NULL;
        m->mark = -1;
    }
}

static void clone_plan(struct graph *c, struct node *const *of, const struct group *from, struct group *to)
{
    to->scratch = copy_array(c->arena, from->scratch, from->n_scratch);
    to->launches = copy_array(c->arena, from->launches, from->n_launches);
    for (size_t i = 0; i < from->n_launches; i++) {
        struct group_launch *l = &to->launches[i];
        l->anchor = copied(of, l->anchor);
        l->sinks = copy_array(c->arena, from->launches[i].sinks, l->n_sinks);
        for (size_t k = 0; k < l->n_sinks; k++)
            l->sinks[k].node = copied(of, l->sinks[k].node);
    }
}

static void clone_groups(const struct graph *g, struct graph *c, struct node *const *of)
{
    c->groups = arena_array(c->arena, struct group *, g->n_groups);
    c->n_groups = c->cap_groups = g->n_groups;
    for (size_t i = 0; i < g->n_groups; i++) {
        const struct group *from = g->groups[i];
        struct group *to = c->groups[i] = arena_new_of(c->arena, struct group);
        *to = *from;
        to->nodes = copy_list(c, of, from->nodes, from->n_nodes);
        to->ins = copy_list(c, of, from->ins, from->n_ins);
        to->outs = copy_list(c, of, from->outs, from->n_outs);
        to->anchor = copied(of, from->anchor);
        clone_plan(c, of, from, to);
        for (size_t j = 0; j < from->n_nodes; j++)
            if (from->nodes[j]->group == from)
                to->nodes[j]->group = to;
    }
    for (size_t i = 0; i < g->n_groups; i++) {
        const struct group *from = g->groups[i];
        struct group *to = c->groups[i];
        to->after = arena_array(c->arena, struct group *, from->n_after);
        to->cap_after = from->n_after;
        for (size_t k = 0; k < from->n_after; k++)
            to->after[k] = c->groups[from->after[k]->id];
    }
    c->slots = copy_array(c->arena, g->slots, g->n_slots);
    c->cap_slots = g->n_slots;
    for (size_t i = 0; i < c->n_slots; i++) {
        c->slots[i].node = copied(of, g->slots[i].node);
        if (g->slots[i].group)
            c->slots[i].group = c->groups[g->slots[i].group->id];
    }
}

struct graph *graph_clone(const struct graph *g)
{
    BUG_IF(g->unsettled, "a clone of a graph that waits for graph_settle");
    struct graph *c = arena_new_of(g->arena, struct graph);
    *c = *g;
    struct arena *step = arena_new();
    struct node **of = arena_array(step, struct node *, g->next_id);
    clone_nodes(g, c, of);
    c->dims = copy_array(c->arena, g->dims, g->n_dims);
    c->cap_dims = g->n_dims;
    c->sizes = copy_array(c->arena, g->sizes, g->n_sizes);
    c->cap_sizes = g->n_sizes;
    c->outs = copy_array(c->arena, g->outs, g->n_outs);
    c->cap_outs = g->n_outs;
    for (size_t i = 0; i < c->n_outs; i++)
        c->outs[i].node = copied(of, g->outs[i].node);
    c->aliases = copy_array(c->arena, g->aliases, g->n_aliases);
    c->cap_aliases = g->n_aliases;
    for (size_t i = 0; i < c->n_aliases; i++)
        c->aliases[i].node = copied(of, g->aliases[i].node);
    c->obligations = copy_array(c->arena, g->obligations, g->n_obligations);
    c->cap_obligations = g->n_obligations;
    for (size_t i = 0; i < c->n_obligations; i++)
        c->obligations[i].node = copied(of, g->obligations[i].node);
    c->value_of = copy_list(c, of, g->value_of, g->n_values);
    c->loss = copied(of, g->loss);
    clone_groups(g, c, of);
    arena_free(step);
    return c;
}

static const struct attr *copy_attrs(struct graph *g, const struct op_def *op, const struct attr *attrs)
{
    struct attr defaults[MAX_ATTRS];
    if (!attrs)
        op_defaults(op, defaults);
    struct attr *a = copy_array(g->arena, attrs ? attrs : defaults, (size_t)op->call.n_attrs);
    for (int i = 0; i < op->call.n_attrs && attrs; i++) {
        if (attrs[i].ints)
            a[i].ints = copy_array(g->arena, attrs[i].ints, (size_t)attrs[i].n);
        if (attrs[i].dims)
            a[i].dims = copy_array(g->arena, attrs[i].dims, (size_t)attrs[i].n);
    }
    return a;
}

struct node *graph_add_at(struct graph *g, const struct op_def *op, struct node *const *in, int n_in,
                          const struct attr *attrs, struct loc loc, const struct loc *in_loc)
{
    bool variadic;
    int arity = op_arity(op, &variadic);
    BUG_IF(variadic ? n_in < arity - 1 : n_in != arity, "%s with %d operands", op->call.name, n_in);
    struct node *n = arena_new_of(g->arena, struct node);
    *n = (struct node){ .op = op, .n_in = n_in, .loc = loc, .keep_f32 = op->keep_f32, .mark = -1 };
    n->facts = (struct facts){ .lo = -INFINITY, .hi = INFINITY, .max_nonzero = -1 };
    n->in = copy_bytes(g->arena, in, (size_t)n_in * sizeof *in);
    if (in_loc)
        n->in_loc = copy_bytes(g->arena, in_loc, (size_t)n_in * sizeof *in_loc);
    n->attrs = copy_attrs(g, op, attrs);
    if (!op->type.infer(g, n))
        return NULL;
    const char *why = type_misfit(g->s, &n->type);
    if (why) {
        diag_error(g->s, FAIL_INPUT, loc, "%s gives %s: %s", op->call.name, type_text(g->arena, &n->type), why);
        return NULL;
    }
    n->id = g->next_id++;
    *arena_push(g->arena, g->nodes, g->n_nodes, g->cap_nodes) = n;
    return n;
}

struct node *graph_add(struct graph *g, const struct op_def *op, struct node *const *in, int n_in,
                       const struct attr *attrs, struct loc loc)
{
    return graph_add_at(g, op, in, n_in, attrs, loc, NULL);
}

struct node *node_now(struct node *n)
{
    struct node *now = n;
    while (now->by)
        now = now->by;
    while (n != now) { /* path compression, as in union-find */
        struct node *next = n->by;
        n->by = now;
        n = next;
    }
    return now;
}

void node_replace(struct graph *g, struct node *old, struct node *by)
{
    by = node_now(by);
    BUG_IF(old->by, "%s is replaced twice", old->op->call.name);
    if (old == by)
        return;
    old->by = by;
    g->unsettled = true;
    if (!old->name)
        return;
    if (by->name)
        *arena_push(g->arena, g->aliases, g->n_aliases, g->cap_aliases) = (struct graph_out){ old->name, by, old->loc };
    else
        by->name = old->name;
    old->name = NULL;
}

void node_settle(struct node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        struct node *now = node_now(n->in[i]);
        if (now != n)
            n->in[i] = now;
    }
}

static void settle_list(struct graph_out *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        list[i].node = node_now(list[i].node);
}

void graph_settle(struct graph *g)
{
    if (!g->unsettled)
        return;
    for (size_t i = 0; i < g->n_nodes; i++)
        node_settle(g->nodes[i]);
    settle_list(g->outs, g->n_outs);
    settle_list(g->aliases, g->n_aliases);
    for (size_t i = 0; i < g->n_values; i++)
        if (g->value_of[i])
            g->value_of[i] = node_now(g->value_of[i]);
    if (g->loss)
        g->loss = node_now(g->loss);
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->by = NULL;
    g->unsettled = false;
}

enum { UNSEEN = -1, OPEN = 0, DONE = 1 };

/* Appends n and all nodes from which n is computed to `out`, operands first. Returns false if there is a cycle.
   The walk is not recursive, since a chain of operands may have a million nodes. */
static bool visit(struct node *n, struct node **stack, int *next, struct node **out, size_t *n_out)
{
    size_t top = 0;
    if (n->mark == DONE)
        return true;
    n->mark = OPEN;
    stack[0] = n;
    next[0] = 0;
    for (;;) {
        struct node *m = stack[top];
        if (next[top] < m->n_in) {
            struct node *x = m->in[next[top]++];
            if (x->mark == OPEN)
                return false;
            if (x->mark == DONE)
                continue;
            x->mark = OPEN;
            stack[++top] = x;
            next[top] = 0;
            continue;
        }
        m->mark = DONE;
        out[(*n_out)++] = m;
        if (!top--)
            return true;
    }
}

bool graph_sort(struct graph *g)
{
    struct arena *step = arena_new();
    struct node **out = arena_array(step, struct node *, g->n_nodes);
    struct node **stack = arena_array(step, struct node *, g->n_nodes + 1);
    int *next = arena_array(step, int, g->n_nodes + 1);
    size_t n = 0;
    graph_settle(g);
    bool ok = true;
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->mark = UNSEEN;
    for (size_t i = 0; ok && i < g->n_nodes; i++)
        ok = visit(g->nodes[i], stack, next, out, &n);
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->mark = -1;
    BUG_IF(ok && n != g->n_nodes, "an operand is not in the graph's list");
    if (ok && n)
        memcpy(g->nodes, out, n * sizeof *out);
    arena_free(step);
    return ok;
}

/* True if graph_sweep must keep n: an effect, or a source with a name. */
static bool is_root(const struct node *n)
{
    return n->op->class == CLS_EFFECT || (n->op->class == CLS_SOURCE && n->name);
}

static size_t keep_live(struct graph *g)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->mark == 1)
            g->nodes[kept++] = g->nodes[i];
    size_t gone = g->n_nodes - kept;
    g->n_nodes = kept;
    return gone;
}

size_t graph_sweep(struct graph *g)
{
    struct arena *step = arena_new();
    struct node **todo = arena_array(step, struct node *, g->n_nodes + g->n_outs + 1);
    size_t n = 0;
    graph_settle(g);
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->mark = is_root(g->nodes[i]) ? (todo[n++] = g->nodes[i], 1) : -1;
    for (size_t i = 0; i < g->n_outs; i++)
        if (g->outs[i].node->mark < 0) {
            g->outs[i].node->mark = 1;
            todo[n++] = g->outs[i].node;
        }
    if (g->loss && g->loss->mark < 0) {
        g->loss->mark = 1;
        todo[n++] = g->loss;
    }
    while (n) {
        struct node *m = todo[--n];
        for (int j = 0; j < m->n_in; j++)
            if (m->in[j]->mark < 0) {
                m->in[j]->mark = 1;
                todo[n++] = m->in[j];
            }
    }
    arena_free(step);
    for (size_t i = 0; i < g->n_values; i++)
        if (g->value_of[i] && g->value_of[i]->mark != 1)
            g->value_of[i] = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < g->n_aliases; i++)
        if (g->aliases[i].node->mark == 1)
            g->aliases[kept++] = g->aliases[i];
    g->n_aliases = kept;
    size_t gone = keep_live(g);
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->mark = -1;
    return gone;
}

void graph_count_uses(struct graph *g)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->mark = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        for (int j = 0; j < g->nodes[i]->n_in; j++)
            g->nodes[i]->in[j]->mark++;
    for (size_t i = 0; i < g->n_outs; i++)
        g->outs[i].node->mark++;
    if (g->loss)
        g->loss->mark++;
}

struct node *graph_find(const struct graph *g, const char *name)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->name && !strcmp(g->nodes[i]->name, name))
            return g->nodes[i];
    for (size_t i = 0; i < g->n_aliases; i++)
        if (!strcmp(g->aliases[i].name, name))
            return g->aliases[i].node;
    for (size_t i = 0; i < g->n_outs; i++)
        if (!strcmp(g->outs[i].name, name))
            return g->outs[i].node;
    return NULL;
}

bool graph_add_output(struct graph *g, const char *name, struct node *n)
{
    for (size_t i = 0; i < g->n_outs; i++) {
        if (strcmp(g->outs[i].name, name))
            continue;
        if (g->outs[i].node == n)
            return true;
        diag_error(g->s, FAIL_INPUT, n->loc, "there is already an output %s", name);
        diag_note(g->s, g->outs[i].loc, "the first one is here");
        return false;
    }
    *arena_push(g->arena, g->outs, g->n_outs, g->cap_outs) =
        (struct graph_out){ arena_strdup(g->arena, name), n, n->loc };
    return true;
}

void graph_own_values(struct graph *g)
{
    g->n_values = (size_t)g->next_id;
    g->value_of = arena_array(g->arena, struct node *, g->n_values + 1);
    for (size_t i = 0; i < g->n_nodes; i++)
        g->value_of[g->nodes[i]->id] = g->nodes[i];
}
