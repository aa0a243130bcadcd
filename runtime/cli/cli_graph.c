/* tokic print, graph: show a graph. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ir/map.h"
#include "ir/ops/op.h"
#include "runtime/cli/cli_line.h"
#include "runtime/format/json_out.h"
#include "runtime/cli/report.h"

struct shown {
    const char *status, *op, *operand, *text;
    struct loc loc;
};

static struct shown show(const struct obligation *o)
{
    static const char *const words[] = { "proved", "checked", "open", "contradicted" };
    struct shown shown = { words[o->status], o->node->op->call.name, "", o->text, o->node->loc };
    if (o->operand < 0)
        return shown;
    const struct node *x = o->node->in[o->operand];
    shown.operand = x->name ? x->name : x->op->call.name;
    if (o->node->in_loc)
        shown.loc = o->node->in_loc[o->operand];
    return shown;
}

static void print_contracts(const struct line *l)
{
    const struct graph *g = l->parsed;
    struct arena *a = l->s->run;
    struct table *t = table_new(a, "lllll");
    for (size_t i = 0; i < g->n_obligations; i++) {
        struct shown o = show(&g->obligations[i]);
        table_row(t, (const char *[]){ o.status, o.op, o.operand, o.text, loc_text(a, o.loc) });
    }
    table_print(t, 0, l->c->out);
    struct obligation_counts c = obligations_count(g);
    fprintf(l->c->out, "%zu proved   %zu checked with --check   %zu open\n", c.of[OBLIGATION_PROVED],
            c.of[OBLIGATION_CHECKED], c.of[OBLIGATION_OPEN]);
}

static bool contracts_json(const struct line *l)
{
    const struct graph *g = l->parsed;
    struct obligation_counts c = obligations_count(g);
    struct cJSON *head = line_json(l, "contracts", NULL, INIT_TRAIN);
    json_int(head, "proved", (int64_t)c.of[OBLIGATION_PROVED]);
    json_int(head, "checked", (int64_t)c.of[OBLIGATION_CHECKED]);
    json_int(head, "open", (int64_t)c.of[OBLIGATION_OPEN]);
    bool ok = json_line(l->s, head, l->c->out);
    for (size_t i = 0; i < g->n_obligations && ok; i++) {
        struct shown o = show(&g->obligations[i]);
        struct cJSON *one = report_json("obligation");
        json_text(one, "status", o.status);
        json_text(one, "op", o.op);
        json_text(one, "operand", *o.operand ? o.operand : NULL);
        json_text(one, "needs", o.text);
        json_text(one, "at", o.loc.line ? loc_text(l->s->run, o.loc) : NULL);
        ok = json_line(l->s, one, l->c->out);
    }
    return ok;
}

static bool text_json(const struct line *l, const char *kind, const char *text)
{
    struct cJSON *o = line_json(l, kind, NULL, INIT_TRAIN);
    json_text(o, "target", l->c->o.target);
    json_text(o, "text", text);
    return json_line(l->s, o, l->c->out);
}

static bool needs_file(struct cli *c)
{
    if (c->o.what)
        return true;
    return diag_error(c->s, FAIL_USAGE, NOWHERE,
                      "tokic %s needs a .graph file or a build: tokic %s models/moe_sheaf.graph", c->verb->name,
                      c->verb->name);
}

/* True if the command names a target, or a pass that runs only for a target. */
static bool wants_target(const struct cli_options *o)
{
    const char *pass = o->stop ? o->stop : o->dump;
    bool of_all = false;
    for (int i = 0; pass && pipeline_all[i]; i++)
        of_all |= !strcmp(pipeline_all[i], pass);
    return o->target || (pass && !of_all);
}

enum fail cli_print(struct cli *c)
{
    struct line l;
    if (!needs_file(c))
        return FAIL_USAGE;
    if (!line_open(c, &l))
        return FAIL_INPUT;
    if (c->o.contracts && (c->o.target || c->o.dump || c->o.stop)) {
        diag_error(c->s, FAIL_USAGE, NOWHERE,
                   "--contracts lists the graph's obligations as checked; it takes no --target, --dump or --stop");
        return FAIL_USAGE;
    }
    if (c->o.contracts && c->o.json)
        return contracts_json(&l) ? FAIL_NONE : FAIL_INPUT;
    if (c->o.contracts) {
        print_contracts(&l);
        return FAIL_NONE;
    }
    struct compiled k = { .after = l.parsed };
    if (wants_target(&c->o) && !line_passes(&l, line_target(&l), NULL, &k))
        return FAIL_INPUT;
    if (c->o.json)
        return text_json(&l, "graph_text", graph_text(k.after)) ? FAIL_NONE : FAIL_INPUT;
    if (!c->o.dump)
        fputs(graph_text(k.after), c->out);
    return FAIL_NONE;
}

struct port {
    const char *word, *name;
    const struct type *type;
    double lo, hi; /* declared range; infinite: no bound */
};

static struct port *ports_of(const struct graph *g, struct arena *a, size_t *n)
{
    struct port *ports = arena_array(a, struct port, g->n_nodes + g->n_outs + 1);
    *n = 0;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *x = g->nodes[i];
        int lo = x->op->class == CLS_SOURCE ? op_attr(x->op, "lo") : -1;
        if (lo >= 0)
            ports[(*n)++] = (struct port){ x->op->call.name, x->name, &x->type, x->attrs[lo].f,
                                           node_attr(x, op_attr(x->op, "hi"))->f };
    }
    for (size_t i = 0; i < g->n_nodes; i++)
        if (node_is_param(g->nodes[i]))
            ports[(*n)++] = (struct port){ "weight", g->nodes[i]->name, &g->nodes[i]->type, -INFINITY, INFINITY };
    for (size_t i = 0; i < g->n_outs; i++)
        ports[(*n)++] = (struct port){ "output", g->outs[i].name, &g->outs[i].node->type, -INFINITY, INFINITY };
    if (g->loss)
        ports[(*n)++] = (struct port){ "loss", "loss", &g->loss->type, -INFINITY, INFINITY };
    return ports;
}

static size_t computed_nodes(const struct graph *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        n += g->nodes[i]->op->class != CLS_SOURCE;
    return n;
}

static void print_summary(const struct line *l)
{
    const struct graph *g = l->parsed;
    struct arena *a = l->s->run;
    FILE *out = l->c->out;
    size_t tensors, n;
    int64_t parameters = graph_parameters(g, &tensors);
    const char *sizes = "";
    const char *dims = "";
    for (size_t i = 0; i < g->n_sizes; i++)
        sizes = arena_printf(a, "%s%s%s", sizes, i ? ", " : "", g->sizes[i].name);
    for (size_t i = 0; i < g->n_dims; i++)
        dims = arena_printf(a, "%s%s%s", dims, i ? ", " : "", g->dims[i].name);
    fprintf(out, "%s   %s parameters in %s   %s\n", graph_title(a, g), number_text(a, parameters),
            count_text(a, tensors, "tensor"), count_text(a, computed_nodes(g), "node"));
    if (*sizes)
        fprintf(out, "  sizes    %s\n", sizes);
    if (*dims)
        fprintf(out, "  dims     %s\n", dims);
    const struct port *ports = ports_of(g, a, &n);
    struct table *t = table_new(a, "lll");
    for (size_t i = 0; i < n; i++) {
        const struct port *p = &ports[i];
        bool ranged = isfinite(p->lo) || isfinite(p->hi);
        table_row(t,
                  (const char *[]){ arena_printf(a, "%-7s", p->word),
                                    strcmp(p->word, "loss") ? arena_printf(a, "%s: %s", p->name, type_text(a, p->type))
                                                            : type_text(a, p->type),
                                    ranged ? arena_printf(a, "%g .. %g", p->lo, p->hi) : "" });
    }
    table_print(t, 2, out);
}

/* Prints a JSON line for the graph, then one for each port. A symbolic dim is a string. */
static bool summary_json(const struct line *l)
{
    const struct graph *g = l->parsed;
    size_t tensors, n;
    struct cJSON *head = line_json(l, "graph", NULL, INIT_TRAIN);
    json_int(head, "parameters", graph_parameters(g, &tensors));
    json_int(head, "tensors", (int64_t)tensors);
    json_int(head, "nodes", (int64_t)computed_nodes(g));
    struct cJSON *sizes = json_array(head, "sizes");
    for (size_t i = 0; i < g->n_sizes; i++)
        json_text(sizes, NULL, g->sizes[i].name);
    bool ok = json_line(l->s, head, l->c->out);
    const struct port *ports = ports_of(g, l->s->run, &n);
    for (size_t i = 0; i < n && ok; i++) {
        const struct port *p = &ports[i];
        struct cJSON *o = report_json("tensor");
        json_text(o, "is", p->word);
        json_text(o, "name", p->name);
        json_text(o, "dtype", dtype_name(p->type->dtype));
        struct cJSON *shape = json_array(o, "shape");
        for (int k = 0; k < p->type->rank; k++) {
            int64_t dim;
            if (index_const_value(p->type->dim[k], &dim))
                json_int(shape, NULL, dim);
            else
                json_text(shape, NULL, index_text(l->s->run, p->type->dim[k]));
        }
        json_real(o, "lo", p->lo);
        json_real(o, "hi", p->hi);
        ok = json_line(l->s, o, l->c->out);
    }
    return ok;
}

enum fail cli_graph(struct cli *c)
{
    struct line l;
    if (!needs_file(c))
        return FAIL_USAGE;
    if (!line_open(c, &l))
        return FAIL_INPUT;
    if (c->o.target && !c->o.dot) {
        diag_error(c->s, FAIL_USAGE, NOWHERE, "--target %s: tokic graph takes a target only with --dot", c->o.target);
        return FAIL_USAGE;
    }
    struct compiled k = { .after = l.parsed };
    if (c->o.target && !line_passes(&l, line_target(&l), NULL, &k))
        return FAIL_INPUT;
    if (c->o.dot && c->o.json)
        return text_json(&l, "dot", graph_dot(k.after)) ? FAIL_NONE : FAIL_INPUT;
    if (c->o.json)
        return summary_json(&l) ? FAIL_NONE : FAIL_INPUT;
    if (c->o.dot)
        fputs(graph_dot(k.after), c->out);
    else
        print_summary(&l);
    return FAIL_NONE;
}
