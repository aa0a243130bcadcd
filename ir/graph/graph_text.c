/* Writes a graph as flat text, one node per line. graph_flat.c reads the text and has its grammar.
   The text omits facts and obligations, which the contracts pass recomputes. It also omits the locations of operands,
   the text of the source file, and marks. */
#include <stdlib.h>
#include <string.h>

#include "ir/graph/lex.h"
#include "ir/ops/op.h"
#include "ir/text.h"
#include "ir/memory.h"

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
    fprintf(to, "%s(", n->op->call.name);
    for (int i = 0; i < n->n_in; i++, sep = ", ")
        fprintf(to, "%s%%%d", sep, n->in[i]->id);
    for (int i = 0; i < n->op->call.n_attrs; i++) {
        const struct attr_def *a = &n->op->call.attrs[i];
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
    if (n->recomputed)
        fputs(" recomputed", to);
    if (n->by_rows)
        fputs(" by_rows", to);
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
    static const char *const kinds[] = { [GROUP_ROWS] = "rows", [GROUP_REDUCE] = "reduce", [GROUP_GEMM] = "gemm" };
    fprintf(to, "group %d %s ", p->id, kinds[p->kind]);
    put_quoted(to, a, p->name ? p->name : "");
    put_list(to, "nodes", p->nodes, p->n_nodes);
    put_list(to, "ins", p->ins, p->n_ins);
    put_list(to, "outs", p->outs, p->n_outs);
    if (p->anchor)
        fprintf(to, " anchor %%%d", p->anchor->id);
    if (p->kind == GROUP_GEMM)
        fprintf(to, " tile %d %d %d %d %d", p->tile.m, p->tile.n, p->tile.k, p->tile.waves_m, p->tile.waves_n);
    if (p->n_after)
        fputs(" after", to);
    for (size_t i = 0; i < p->n_after; i++)
        fprintf(to, " %d", p->after[i]->id);
    fputc('\n', to);
}

static const char *const launch_words[] = {
    [LAUNCH_ROWS] = "rows", [LAUNCH_COLUMNS] = "columns", [LAUNCH_CHUNKS] = "chunks", [LAUNCH_GEMM] = "gemm"
};
static const char *const sink_words[] = { [SINK_FULL] = "full",
                                          [SINK_PARTIAL] = "partial",
                                          [SINK_ROW_PARTIAL] = "row_partial",
                                          [SINK_COLUMN_PARTIAL] = "column_partial",
                                          [SINK_OPERAND] = "operand" };

static void put_launch(FILE *to, const struct graph *g, const struct group_launch *l)
{
    fprintf(to, "launch %s", launch_words[l->kind]);
    if (l->anchor)
        fprintf(to, " anchor %%%d", l->anchor->id);
    if (l->from >= 0)
        fprintf(to, " from %d", l->from);
    if (l->parts)
        fprintf(to, " parts %s of %s", index_text(g->arena, l->parts), index_text(g->arena, l->part));
    for (size_t i = 0; i < l->n_sinks; i++) {
        fprintf(to, " %s %%%d", sink_words[l->sinks[i].kind], l->sinks[i].node->id);
        if (l->sinks[i].scratch >= 0)
            fprintf(to, " scratch %d", l->sinks[i].scratch);
    }
    fputc('\n', to);
}

static void put_scratch(FILE *to, const struct graph *g, const struct scratch *s)
{
    fputs("scratch ", to);
    put_quoted(to, g->arena, s->name);
    fprintf(to, " %s count %s%s\n", dtype_name(s->dtype), index_text(g->arena, s->count), s->zeroed ? " zeroed" : "");
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

/* By default, node i has value i. Writes a line for each exception. */
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
    for (size_t i = 0; i < g->n_groups; i++) {
        const struct group *p = g->groups[i];
        put_group(to, g->arena, p);
        for (size_t k = 0; k < p->n_scratch; k++)
            put_scratch(to, g, &p->scratch[k]);
        for (size_t k = 0; k < p->n_launches; k++)
            put_launch(to, g, &p->launches[k]);
    }
    for (size_t i = 0; i < g->n_slots; i++) {
        const struct slot *s = &g->slots[i];
        if (s->node)
            fprintf(to, "slot %%%d", s->node->id);
        else
            fprintf(to, "slot group %d scratch %d", s->group->id, s->scratch);
        fprintf(to, " offset %s bytes %s\n", index_text(g->arena, s->offset), index_text(g->arena, s->bytes));
    }
    if (g->memory)
        fprintf(to, "memory %s\n", index_text(g->arena, g->memory));
}

const char *graph_text(const struct graph *graph)
{
    struct graph copy = *graph; /* the copy has a temporary arena for printing */
    const struct graph *g = &copy;
    copy.arena = arena_new();
    char *buf = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&buf, &size);
    memory_must(to, 0);
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
    if (fclose(to))
        out_of_memory(0);
    arena_free(copy.arena);
    const char *text = arena_strndup(graph->arena, buf, size);
    free(buf);
    return text;
}
