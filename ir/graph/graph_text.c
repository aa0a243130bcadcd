/* A graph as flat text, one node a line; graph_flat.c reads it and has the grammar. Kept: order, ids, names, aliases,
   ops, attributes, types, instances, places of nodes and names, dims, sizes, outputs, loss, value_of, and what
   precision, fuse and memplan wrote. Not kept: facts and obligations (the contracts pass makes them again), the places
   of single operands, the text of the source file (a place then shows its file and line, without the line's words), the
   next free id (it is one above the highest in use), scratch marks. */
#include <stdlib.h>
#include <string.h>

#include "ir/graph/lex.h"
#include "ir/ops/op.h"
#include "ir/text.h"

static void put_quoted(FILE *to, struct arena *a, const char *text) { fputs(text_quoted(a, text), to); }

static void put_name(FILE *to, struct arena *a, const char *name)
{
    if (name_is_plain(name))
        fputs(name, to);
    else
        put_quoted(to, a, name);
}

static void put_loc(FILE *to, const struct loc *loc)
{
    if (!loc->line)
        return;
    fprintf(to, " @%d:%d", loc->line, loc->col);
    if (loc->len > 1)
        fprintf(to, "+%d", loc->len);
}

static void put_float(FILE *to, double x)
{
    char text[TEXT_DOUBLE];
    fputs(text_float(text, x), to);
}

static void put_int(FILE *to, int64_t i)
{
    if (i == INT64_MIN)
        fprintf(to, "%lld - 1", (long long)(i + 1));
    else
        fprintf(to, "%lld", (long long)i);
}

static void put_attr(FILE *to, struct arena *a, enum attr_kind kind, const struct attr *v)
{
    switch (kind) {
    case ATTR_INT: put_int(to, v->i); return;
    case ATTR_FLOAT: put_float(to, v->f); return;
    case ATTR_BOOL: fputs(v->i ? "true" : "false", to); return;
    case ATTR_DTYPE: fputs(dtype_name((enum dtype)v->i), to); return;
    case ATTR_INTS:
    case ATTR_DIMS: break;
    }
    fputc('[', to);
    for (int i = 0; i < v->n; i++) {
        if (i)
            fputs(", ", to);
        if (kind == ATTR_DIMS)
            fputs(index_text(a, v->dims[i]), to);
        else
            put_int(to, v->ints[i]);
    }
    fputc(']', to);
}

static bool same_attr(enum attr_kind kind, const struct attr *x, const struct attr *y)
{
    if (kind == ATTR_FLOAT)
        return !memcmp(&x->f, &y->f, sizeof x->f);
    if (kind != ATTR_INTS && kind != ATTR_DIMS)
        return x->i == y->i;
    if (x->n != y->n)
        return false;
    for (int i = 0; i < x->n; i++)
        if (kind == ATTR_INTS ? x->ints[i] != y->ints[i] : x->dims[i] != y->dims[i])
            return false;
    return true;
}

static void put_call(FILE *to, const struct graph *g, const struct node *n)
{
    const char *sep = "";
    fprintf(to, "%s(", n->op->name);
    for (int i = 0; i < n->n_in; i++, sep = ", ")
        fprintf(to, "%s%%%d", sep, n->in[i]->id);
    for (int i = 0; i < n->op->n_attrs; i++) {
        const struct attr_def *a = &n->op->attrs[i];
        if (!a->required && same_attr(a->kind, &n->attrs[i], &a->value))
            continue;
        fprintf(to, "%s%s=", sep, a->name);
        put_attr(to, g->arena, a->kind, &n->attrs[i]);
        sep = ", ";
    }
    fputc(')', to);
}

static void put_node(FILE *to, const struct graph *g, const struct node *n)
{
    fprintf(to, "%%%d", n->id);
    if (n->name) {
        fputc(' ', to);
        put_name(to, g->arena, n->name);
    }
    fprintf(to, ": %s = ", type_text(g->arena, &n->type));
    put_call(to, g, n);
    if (n->instance) {
        fputs(" in ", to);
        put_name(to, g->arena, n->instance);
    }
    if (n->compute != DT_FLOAT)
        fprintf(to, " compute %s", dtype_name(n->compute));
    if (n->storage != DT_FLOAT)
        fprintf(to, " storage %s", dtype_name(n->storage));
    if (n->keep_f32)
        fputs(" keep_f32", to);
    if (n->materialised)
        fputs(" materialised", to);
    if (n->group)
        fprintf(to, " group %d", n->group->id);
    put_loc(to, &n->loc);
    fputc('\n', to);
}

static void put_list(FILE *to, const char *what, struct node *const *list, size_t n)
{
    fprintf(to, " %s(", what);
    for (size_t i = 0; i < n; i++)
        fprintf(to, "%s%%%d", i ? " " : "", list[i]->id);
    fputc(')', to);
}

static void put_group(FILE *to, struct arena *a, const struct group *p)
{
    fprintf(to, "group %d %s ", p->id, p->kind == GROUP_GEMM ? "gemm" : "rows");
    put_quoted(to, a, p->name ? p->name : "");
    put_list(to, "nodes", p->nodes, p->n_nodes);
    put_list(to, "ins", p->ins, p->n_ins);
    put_list(to, "outs", p->outs, p->n_outs);
    if (p->anchor)
        fprintf(to, " anchor %%%d", p->anchor->id);
    fputc('\n', to);
}

static void put_named(FILE *to, struct arena *a, const char *word, const struct graph_out *o)
{
    fprintf(to, "%s ", word);
    put_name(to, a, o->name);
    fprintf(to, " = %%%d", o->node->id);
    put_loc(to, &o->loc);
    fputc('\n', to);
}

static void put_head(FILE *to, const struct graph *g)
{
    fputs("flat graph ", to);
    put_name(to, g->arena, g->name);
    if (*g->size) {
        fputs(" size ", to);
        put_name(to, g->arena, g->size);
    }
    fputc('\n', to);
    if (g->src) {
        fputs("source ", to);
        put_quoted(to, g->arena, g->src->name);
        fputc('\n', to);
    }
    for (size_t i = 0; i < g->n_sizes; i++) {
        fputs("size ", to);
        put_name(to, g->arena, g->sizes[i].name);
        put_loc(to, &g->sizes[i].loc);
        fputc('\n', to);
    }
    for (size_t i = 0; i < g->n_dims; i++) {
        fprintf(to, "dim %s", g->dims[i].name);
        put_loc(to, &g->dims[i].loc);
        fputc('\n', to);
    }
}

/* Only what is not its own holder. */
static void put_values(FILE *to, const struct graph *g)
{
    if (g->n_values)
        fprintf(to, "values %zu\n", g->n_values);
    for (size_t i = 0; i < g->n_values; i++) {
        const struct node *v = g->value_of[i];
        if (!v)
            fprintf(to, "value %zu = none\n", i);
        else if ((size_t)v->id != i)
            fprintf(to, "value %zu = %%%d\n", i, v->id);
    }
}

static void put_plan(FILE *to, const struct graph *g)
{
    for (size_t i = 0; i < g->n_groups; i++)
        put_group(to, g->arena, g->groups[i]);
    for (size_t i = 0; i < g->n_slots; i++)
        fprintf(to, "slot %%%d offset %s bytes %s\n", g->slots[i].node->id, index_text(g->arena, g->slots[i].offset),
                index_text(g->arena, g->slots[i].bytes));
    if (g->memory)
        fprintf(to, "memory %s\n", index_text(g->arena, g->memory));
}

const char *graph_text(const struct graph *g)
{
    char *buf = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&buf, &size);
    BUG_IF(!to, "out of memory");
    put_head(to, g);
    for (size_t i = 0; i < g->n_nodes; i++)
        put_node(to, g, g->nodes[i]);
    for (size_t i = 0; i < g->n_outs; i++)
        put_named(to, g->arena, "output", &g->outs[i]);
    for (size_t i = 0; i < g->n_aliases; i++)
        put_named(to, g->arena, "alias", &g->aliases[i]);
    if (g->loss)
        fprintf(to, "loss = %%%d\n", g->loss->id);
    put_values(to, g);
    put_plan(to, g);
    BUG_IF(fclose(to), "out of memory");
    const char *text = arena_strndup(g->arena, buf, size);
    free(buf);
    return text;
}
