/* Writes a graph in Graphviz's language. Each node is a box, and each group is a cluster of boxes.
   Before the fuse pass, each block instance is a cluster instead. */
#include <stdlib.h>
#include <string.h>

#include "ir/map.h"
#include "ir/ops/op.h"
#include "ir/text.h"
#include "ir/memory.h"

static void put_text(FILE *to, const struct graph *g, const char *text) { fputs(text_escaped(g->arena, text), to); }

static void put_node(FILE *to, const struct graph *g, const struct node *n, const char *indent)
{
    fprintf(to, "%sn%d [label=\"", indent, n->id);
    put_text(to, g, n->op->call.name);
    if (n->name) {
        fputs("\\n", to);
        put_text(to, g, n->name);
    }
    fputs("\\n", to);
    put_text(to, g, type_text(g->arena, &n->type));
    fprintf(to, "\"%s%s];\n", n->op->class == CLS_SOURCE ? ", shape=ellipse" : "",
            n->materialised ? ", penwidth=2" : "");
}

static const char *cluster_of(const struct graph *g, const struct node *n)
{
    if (!g->n_groups)
        return n->instance;
    return n->group ? arena_printf(g->arena, "%d %s", n->group->id, n->group->name ? n->group->name : "") : NULL;
}

struct cluster {
    struct node **nodes;
    size_t n, cap;
};

static void put_nodes(FILE *to, const struct graph *g)
{
    struct map *clusters = map_new(g->arena);
    for (size_t i = 0; i < g->n_nodes; i++) {
        const char *in = cluster_of(g, g->nodes[i]);
        if (!in) {
            put_node(to, g, g->nodes[i], "  ");
            continue;
        }
        void **at = map_at(clusters, in);
        struct cluster *c = *at ? *at : (*at = arena_new_of(g->arena, struct cluster));
        *arena_push(g->arena, c->nodes, c->n, c->cap) = g->nodes[i];
    }
    for (size_t i = 0; i < clusters->n; i++) {
        const struct cluster *c = clusters->entry[i].value;
        fprintf(to, "  subgraph cluster%zu {\n    label=\"", i);
        put_text(to, g, clusters->entry[i].key);
        fputs("\";\n", to);
        for (size_t j = 0; j < c->n; j++)
            put_node(to, g, c->nodes[j], "    ");
        fputs("  }\n", to);
    }
}

const char *graph_dot(const struct graph *g)
{
    char *buf = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&buf, &size);
    memory_must(to, 0);
    fputs("digraph \"", to);
    put_text(to, g, g->name);
    fputs("\" {\n  node [shape=box, fontname=\"monospace\"];\n", to);
    put_nodes(to, g);
    for (size_t i = 0; i < g->n_nodes; i++)
        for (int j = 0; j < g->nodes[i]->n_in; j++)
            fprintf(to, "  n%d -> n%d;\n", g->nodes[i]->in[j]->id, g->nodes[i]->id);
    for (size_t i = 0; i < g->n_outs; i++) {
        fprintf(to, "  out%zu [shape=plaintext, label=\"", i);
        put_text(to, g, g->outs[i].name);
        fprintf(to, "\"];\n  n%d -> out%zu;\n", g->outs[i].node->id, i);
    }
    fputs("}\n", to);
    if (fclose(to))
        out_of_memory(0);
    const char *text = arena_strndup(g->arena, buf, size);
    free(buf);
    return text;
}
