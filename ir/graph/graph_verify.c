/* Checks the invariants between passes. A failure means a bug in the last pass, or an error in a flat text. */
#include <stdarg.h>
#include <string.h>

#include "ir/map.h"
#include "ir/ops/op.h"

struct check {
    const struct graph *g;
    struct arena *step;
    const struct node **at;
    size_t *position; /* node id -> index in g->nodes */
    bool good;
};

__attribute__((format(printf, 3, 4))) static void wrong(struct check *c, const struct node *n, const char *fmt, ...)
{
    struct session *s = c->g->s;
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(c->step, fmt, ap);
    va_end(ap);
    c->good = false;
    if (!n)
        diag_error(s, FAIL_INPUT, NOWHERE, "the graph %s is broken: %s", c->g->name, text);
    else
        diag_error(s, FAIL_INPUT, n->loc, "the graph %s is broken at %%%d%s%s (%s): %s", c->g->name, n->id,
                   n->name ? " " : "", n->name ? n->name : "", n->op->call.name, text);
}

static bool here(const struct check *c, const struct node *n)
{
    return n && n->id >= 0 && n->id < c->g->next_id && c->at[n->id] == n;
}

static void check_ids(struct check *c)
{
    for (size_t i = 0; i < c->g->n_nodes; i++) {
        const struct node *n = c->g->nodes[i];
        if (n->by)
            wrong(c, n, "it was replaced, and the graph was not settled");
        if (n->id < 0 || n->id >= c->g->next_id)
            wrong(c, n, "its id is not below the next one, %d", c->g->next_id);
        else if (c->at[n->id])
            wrong(c, n, "another node has its id");
        else {
            c->at[n->id] = n;
            c->position[n->id] = i;
        }
    }
}

static void check_operands(struct check *c, const struct node *n, size_t i)
{
    bool variadic;
    int arity = op_arity(n->op, &variadic);
    if (variadic ? n->n_in < arity - 1 : n->n_in != arity)
        wrong(c, n, "it has %d operands, and the op takes (%s)", n->n_in, op_operands_text(c->step, n->op));
    for (int j = 0; j < n->n_in; j++) {
        if (!here(c, n->in[j]))
            wrong(c, n, "operand %d is not in the graph", j);
        else if (c->position[n->in[j]->id] >= i)
            wrong(c, n, "operand %d, %%%d, does not come before it", j, n->in[j]->id);
    }
    if (n->op->call.n_attrs && !n->attrs)
        wrong(c, n, "it has no attributes");
}

static void check_type(struct check *c, const struct node *n)
{
    struct node copy = *n;
    struct session *s = c->g->s;
    const char *why = type_misfit(s, &n->type);
    if (why)
        wrong(c, n, "its type %s cannot be held: %s", type_text(c->step, &n->type), why);
    else if (!n->op->type.infer((struct graph *)(uintptr_t)c->g, &copy))
        wrong(c, n, "its operands do not fit (the error above)");
    else if (copy.type.dtype != n->type.dtype || !type_same_shape(&copy.type, &n->type))
        wrong(c, n, "it says %s, but its op gives %s", type_text(c->step, &n->type), type_text(c->step, &copy.type));
}

static void check_name(struct check *c, struct map *names, const char *name, const struct node *n)
{
    void **at = map_at(names, name);
    if (*at && *at != (void *)(uintptr_t)n)
        wrong(c, n, "%%%d has the name %s too", ((const struct node *)*at)->id, name);
    *at = (void *)(uintptr_t)n;
}

static void check_names(struct check *c)
{
    const struct graph *g = c->g;
    struct map *names = map_new(c->step);
    struct map *outs = map_new(c->step);
    for (size_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->name)
            check_name(c, names, g->nodes[i]->name, g->nodes[i]);
    for (size_t i = 0; i < g->n_aliases; i++) {
        if (!here(c, g->aliases[i].node))
            wrong(c, NULL, "the alias %s is of a node that is gone", g->aliases[i].name);
        else
            check_name(c, names, g->aliases[i].name, g->aliases[i].node);
    }
    for (size_t i = 0; i < g->n_outs; i++) {
        if (!here(c, g->outs[i].node))
            wrong(c, NULL, "the output %s is a node that is gone", g->outs[i].name);
        else
            check_name(c, outs, g->outs[i].name, g->outs[i].node);
    }
}

static void check_list(struct check *c, const struct group *p, const char *what, struct node *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!here(c, list[i]))
            wrong(c, NULL, "group %d, %s %zu: a node that is gone", p->id, what, i);
}

static void check_launch(struct check *c, const struct group *p, const struct group_launch *l)
{
    if (l->anchor && !here(c, l->anchor))
        wrong(c, NULL, "group %d: a launch's anchor is gone", p->id);
    if (l->from >= (int)p->n_scratch)
        wrong(c, NULL, "group %d: a launch reads scratch %d of %zu", p->id, l->from, p->n_scratch);
    for (size_t i = 0; i < l->n_sinks; i++) {
        const struct sink *s = &l->sinks[i];
        if (!here(c, s->node))
            wrong(c, NULL, "group %d: a sink's node is gone", p->id);
        bool fits = s->kind == SINK_OPERAND || (s->kind == SINK_FULL) == (s->scratch < 0);
        if (!fits || s->scratch >= (int)p->n_scratch)
            wrong(c, NULL, "group %d: a sink writes scratch %d of %zu", p->id, s->scratch, p->n_scratch);
    }
}

static void check_groups(struct check *c)
{
    const struct graph *g = c->g;
    for (size_t i = 0; i < g->n_groups; i++) {
        const struct group *p = g->groups[i];
        if (p->id != (int)i)
            wrong(c, NULL, "group %d is at position %zu", p->id, i);
        check_list(c, p, "node", p->nodes, p->n_nodes);
        check_list(c, p, "in", p->ins, p->n_ins);
        check_list(c, p, "out", p->outs, p->n_outs);
        if (p->anchor && !here(c, p->anchor))
            wrong(c, NULL, "group %d: its anchor is gone", p->id);
        for (size_t k = 0; k < p->n_launches; k++)
            check_launch(c, p, &p->launches[k]);
        for (size_t k = 0; k < p->n_after; k++)
            if (p->after[k]->id < 0 || p->after[k]->id >= p->id || g->groups[p->after[k]->id] != p->after[k])
                wrong(c, NULL, "group %d comes after group %d, which is not before it", p->id, p->after[k]->id);
    }
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct group *p = g->nodes[i]->group;
        if (p && (p->id < 0 || (size_t)p->id >= g->n_groups || g->groups[p->id] != p))
            wrong(c, g->nodes[i], "its group is not one of the graph's");
    }
    for (size_t i = 0; i < g->n_slots; i++) {
        const struct slot *s = &g->slots[i];
        if (s->node ? !here(c, s->node) : !s->group || s->scratch < 0 || s->scratch >= (int)s->group->n_scratch)
            wrong(c, NULL, "slot %zu is of a value that is gone", i);
    }
}

bool graph_verify(const struct graph *g)
{
    struct check c = { .g = g, .step = arena_new(), .good = true };
    c.at = arena_array(c.step, const struct node *, g->next_id);
    c.position = arena_array(c.step, size_t, g->next_id);
    check_ids(&c);
    for (size_t i = 0; i < g->n_nodes; i++) {
        bool before = c.good;
        check_operands(&c, g->nodes[i], i);
        if (c.good == before)
            check_type(&c, g->nodes[i]);
    }
    check_names(&c);
    if (g->loss && !here(&c, g->loss))
        wrong(&c, NULL, "the loss is a node that is gone");
    for (size_t i = 0; i < g->n_values; i++)
        if (g->value_of[i] && !here(&c, g->value_of[i]))
            wrong(&c, NULL, "value %zu is a node that is gone", i);
    check_groups(&c);
    arena_free(c.step);
    return c.good;
}
