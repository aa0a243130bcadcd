/* tokic print, graph, ops: show a graph, or the ops that a graph may use. */
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

static const char *const class_words[] = {
    [CLS_POINTWISE] = "pointwise", [CLS_VIEW] = "view",     [CLS_REDUCE] = "reduce",
    [CLS_SCAN] = "scan",           [CLS_SELECT] = "select", [CLS_CONTRACT] = "contract",
    [CLS_INDEX] = "index",         [CLS_SOURCE] = "source", [CLS_EFFECT] = "effect",
};

static const char *const kinds[] = { [ATTR_INT] = "int",     [ATTR_FLOAT] = "float", [ATTR_BOOL] = "bool",
                                     [ATTR_DTYPE] = "dtype", [ATTR_INTS] = "ints",   [ATTR_DIMS] = "dims" };

static const char *ints_text(struct arena *a, const struct attr *v)
{
    const char *text = "[";
    for (int i = 0; i < v->n; i++)
        text = arena_printf(a, "%s%s%" PRId64, text, i ? ", " : "", v->ints[i]);
    return arena_printf(a, "%s]", text);
}

static const char *value_text(struct arena *a, const struct attr_def *d)
{
    if (d->required)
        return "required";
    switch (d->kind) {
    case ATTR_INT: return arena_printf(a, "%" PRId64, d->value.i);
    case ATTR_FLOAT: return arena_printf(a, "%g", d->value.f);
    case ATTR_BOOL: return d->value.i ? "true" : "false";
    case ATTR_DTYPE: return dtype_name((enum dtype)d->value.i);
    case ATTR_INTS: return ints_text(a, &d->value);
    case ATTR_DIMS: return "[]";
    }
    BUG("attribute kind %d", (int)d->kind);
}

static const char *attrs_text(struct arena *a, const struct op_def *op)
{
    const char *text = "";
    for (int i = 0; i < op->call.n_attrs; i++) {
        const struct attr_def *d = &op->call.attrs[i];
        text = arena_printf(a, "%s%s%s%s%s", text, i ? ", " : "", d->name, d->required ? "" : "=",
                            d->required ? "" : value_text(a, d));
    }
    return text;
}

static void print_op(struct arena *a, const struct op_def *op, FILE *out)
{
    fprintf(out, "%s(%s): %s\n", op->call.name, op_operands_text(a, op), op->call.doc);
    fprintf(out, "  class      %s, %s\n", class_words[op->class],
            op_is_composite(op) ? "a composite of primitives" : "a primitive");
    if (op->exact)
        fprintf(out, "  rounding   none: its result is exact\n");
    if (op->keep_f32)
        fprintf(out, "  precision  its result stays f32 under every policy\n");
    for (int i = 0; i < MAX_OPERANDS; i++)
        if (op->call.operands[i].keep_f32)
            fprintf(out, "  precision  everything that %s is computed from stays f32\n", op->call.operands[i].name);
    fprintf(out, "  gradient   %s\n",
            op->gradient          ? "its own"
            : op_is_composite(op) ? "that of its expansion"
                                  : "none");
    for (int i = 0; i < op->call.n_params; i++) {
        static const char *const inits[] = {
            [INIT_FAN_IN] = "uniform by fan-in", [INIT_ZERO] = "zeros", [INIT_ONE] = "ones"
        };
        fprintf(out, "  parameter  %s, if left out, becomes %sN.%s: %s\n", op->call.params[i].operand,
                op->call.stem ? op->call.stem : op->call.name, op->call.params[i].suffix,
                inits[op->call.params[i].init]);
    }
    struct table *t = table_new(a, "llll");
    for (int i = 0; i < op->call.n_attrs; i++) {
        const struct attr_def *d = &op->call.attrs[i];
        table_row(t, (const char *[]){ d->name, kinds[d->kind],
                                       d->required ? "required" : arena_printf(a, "%s if not given", value_text(a, d)),
                                       d->doc });
    }
    if (op->call.n_attrs)
        fprintf(out, "  attributes\n");
    table_print(t, 4, out);
}

static bool op_json(struct cli *c, const struct op_def *op)
{
    struct cJSON *o = report_json("op");
    json_text(o, "op", op->call.name);
    json_text(o, "operands", op_operands_text(c->s->run, op));
    struct cJSON *attrs = json_array(o, "attributes");
    for (int i = 0; i < op->call.n_attrs; i++) {
        const struct attr_def *d = &op->call.attrs[i];
        struct cJSON *one = json_object(attrs, NULL);
        json_text(one, "name", d->name);
        json_text(one, "type", kinds[d->kind]);
        json_bool(one, "required", d->required);
        json_text(one, "default", d->required ? NULL : value_text(c->s->run, d));
        json_text(one, "doc", d->doc);
    }
    json_text(o, "class", class_words[op->class]);
    json_bool(o, "composite", op_is_composite(op));
    json_text(o, "doc", op->call.doc);
    return json_line(c->s, o, c->out);
}

static bool unknown_op(struct session *s, const char *name)
{
    const char *near = NULL;
    for (int i = 0; op_at(i); i++)
        near = name_nearer(name, near, op_at(i)->call.name);
    return diag_error(s, FAIL_USAGE, NOWHERE, "there is no op %s%s", name, cli_meant(s, near));
}

enum fail cli_ops(struct cli *c)
{
    const struct op_def *one = c->o.what ? op_find(c->o.what) : NULL;
    if (c->o.what && !one) {
        unknown_op(c->s, c->o.what);
        return FAIL_USAGE;
    }
    if (one && !c->o.json) {
        print_op(c->s->run, one, c->out);
        return FAIL_NONE;
    }
    struct table *t = table_new(c->s->run, "lll");
    for (int i = 0; op_at(i); i++) {
        const struct op_def *op = op_at(i);
        if (one && op != one)
            continue;
        if (c->o.json && !op_json(c, op))
            return FAIL_INPUT;
        const char *attrs = attrs_text(c->s->run, op);
        const char *operands = op_operands_text(c->s->run, op);
        const char *sep = *operands && *attrs ? "; " : "";
        table_row(t, (const char *[]){ arena_printf(c->s->run, "%s(%s%s%s)", op->call.name, operands, sep, attrs),
                                       class_words[op->class], op->call.doc });
    }
    if (!c->o.json)
        table_print(t, 0, c->out);
    return FAIL_NONE;
}
