/* Reads the flat text that graph_text.c writes. A hand-written flat text is checked like any other input.

   flat    = "flat" "graph" name [ "size" name ] { line }
   line    = "source" string | "size" name [ at ] | "dim" name [ at ] | node
           | ( "output" | "alias" ) name "=" ref [ at ] | "loss" "=" ref
           | "values" int | "value" int "=" ( ref | "none" )
           | "group" int ( "rows" | "reduce" | "gemm" ) string list list list            nodes(…) ins(…) outs(…)
                   [ "anchor" ref ] [ "tile" int int int int int ] [ "after" { int } ]
           | "scratch" string dtype "count" expr [ "zeroed" ]                            of the group above
           | "launch" ( "rows" | "columns" | "chunks" | "gemm" )
                   [ "anchor" ref ] [ "from" int ] [ "parts" expr "of" expr ] { sink }
           | "slot" ( ref | "group" int "scratch" int ) "offset" expr "bytes" expr | "memory" expr
   sink    = ( "full" | "partial" | "row_partial" | "column_partial" | "operand" ) ref [ "scratch" int ]
   node    = ref [ name ] ":" type "=" name "(" [ argument { "," argument } ] ")" { mark } [ at ]
   argument = ref | name "=" expr
   mark    = "in" name | "compute" dtype | "storage" dtype | "keep_f32" | "materialised" | "recomputed" | "by_rows" |
             "group" int
   list    = name "(" { ref } ")"
   ref     = "%" int
   at      = "@" int ":" int [ "+" int ]
   name    = a plain name or a quoted text; type, expr: graph_parse.c */
#include <string.h>

#include "ir/graph/graph_unfold.h"

struct flat {
    struct cursor c;
    struct unfold u;
    struct graph *g;
    struct node **by_id; /* NULL: not defined; &lost: the line that defines the node had an error */
    size_t n_ids;
    struct node lost;
    const struct source *origin;
};

static bool is_word(const struct flat *f, const char *word)
{
    return cursor_is_word(&f->c, word) && !cursor_at_end(&f->c);
}

static bool take_word(struct flat *f, const char *word)
{
    if (!is_word(f, word))
        return false;
    cursor_next(&f->c);
    return true;
}

static const char *flat_name(struct flat *f, const char *what)
{
    const char *name = f->c.cur.text;
    if (f->c.cur.kind == TOK_STRING)
        cursor_next(&f->c);
    else
        name = cursor_name(&f->c, what, true);
    return name ? arena_strdup(f->g->arena, name) : NULL;
}

static bool flat_int(struct flat *f, const char *what, int64_t limit, int64_t *out)
{
    *out = f->c.cur.i;
    if (f->c.cur.kind != TOK_INT || f->c.panic)
        return cursor_error(&f->c, "expected %s, not %s", what, cursor_what(&f->c));
    if (*out > limit)
        return cursor_error(&f->c, "%s is %lld, and the maximum is %lld", what, (long long)*out, (long long)limit);
    cursor_next(&f->c);
    return true;
}

static int64_t max_id(const struct flat *f) { return 4 * (int64_t)f->u.max_nodes; }

static struct node **slot(struct flat *f, int64_t id)
{
    if ((size_t)id >= f->n_ids) {
        size_t n = ((size_t)id + 16) * 2;
        struct node **more = arena_array(f->u.step, struct node *, n);
        if (f->n_ids)
            memcpy(more, f->by_id, f->n_ids * sizeof *more);
        f->by_id = more;
        f->n_ids = n;
    }
    return &f->by_id[id];
}

/* Parses a reference to a node. Returns NULL if this line, or the line that defines the node, has an error. */
static struct node *flat_ref(struct flat *f)
{
    struct loc loc = f->c.cur.loc;
    int64_t id;
    if (!cursor_take(&f->c, '%')) {
        cursor_error(&f->c, "expected a node (%%1), not %s", cursor_what(&f->c));
        return NULL;
    }
    if (!flat_int(f, "a node's id", max_id(f), &id))
        return NULL;
    struct node *n = *slot(f, id);
    if (!n && !f->c.panic) {
        diag_error(f->u.s, FAIL_INPUT, loc, "there is no node %%%lld above this line", (long long)id);
        f->c.panic = true;
    }
    if (n == &f->lost)
        f->c.panic = true;
    return f->c.panic ? NULL : n;
}

static struct loc flat_at(struct flat *f)
{
    struct loc loc = { .src = f->origin, .len = 1 };
    int64_t line, col, len = 1;
    if (cursor_at_end(&f->c) || !cursor_take(&f->c, '@'))
        return NOWHERE;
    if (!flat_int(f, "a line", INT32_MAX, &line) || !cursor_expect(&f->c, ':', "the line") ||
        !flat_int(f, "a column", INT32_MAX, &col))
        return NOWHERE;
    if (!cursor_at_end(&f->c) && cursor_take(&f->c, '+') && !flat_int(f, "a length", INT32_MAX, &len))
        return NOWHERE;
    loc.line = (int)line;
    loc.col = (int)col;
    loc.len = (int)len;
    return loc;
}

static const struct index *flat_index_expr(struct flat *f, const char *what)
{
    const struct index *e = NULL;
    struct expr *x = ast_expr(&f->c);
    if (f->c.panic || !value_dim(&f->u, value_eval(&f->u, f->u.file, x), what, &e))
        f->c.panic = true;
    return e;
}

static bool flat_dtype(struct flat *f, enum dtype *out)
{
    const char *name = cursor_name(&f->c, "a dtype", false);
    return name && (dtype_parse(name, out) || cursor_error(&f->c, "%s is not a dtype", name));
}

struct line {
    const struct op_def *op;
    struct node **in;
    size_t n_in, cap_in;
    struct attr *attrs;
    bool *given;
};

static bool flat_argument(struct flat *f, struct line *l)
{
    if (cursor_is(&f->c, '%')) {
        struct node *x = flat_ref(f);
        if (x)
            *arena_push(f->u.step, l->in, l->n_in, l->cap_in) = x;
        return x != NULL;
    }
    struct loc loc = f->c.cur.loc;
    const char *name = cursor_name(&f->c, "an attribute", false);
    if (!name || !cursor_expect(&f->c, '=', "the attribute's name"))
        return false;
    struct expr *e = ast_expr(&f->c);
    if (f->c.panic)
        return false;
    int i = op_attr(l->op, name);
    if (i < 0)
        return diag_error(f->u.s, FAIL_INPUT, loc, "%s has no attribute %s", l->op->call.name, name);
    if (l->given[i])
        return diag_error(f->u.s, FAIL_INPUT, loc, "%s: attribute %s is given twice", l->op->call.name, name);
    l->given[i] = true;
    struct value v = value_eval(&f->u, f->u.file, e);
    return v.kind != VAL_POISON && attr_of_value(&f->u, l->op->call.attrs[i].kind, &v, name, &l->attrs[i]);
}

static bool flat_call(struct flat *f, struct line *l)
{
    struct loc loc = f->c.cur.loc;
    const char *name = cursor_name(&f->c, "an operation", false);
    if (!name || !cursor_expect(&f->c, '(', "the operation"))
        return false;
    l->op = op_find(name);
    if (!l->op)
        return diag_error(f->u.s, FAIL_INPUT, loc, "there is no operation %s", name);
    l->attrs = arena_array(f->u.step, struct attr, MAX_ATTRS);
    op_defaults(l->op, l->attrs);
    l->given = arena_array(f->u.step, bool, l->op->call.n_attrs);
    while (!cursor_is(&f->c, ')')) {
        if (cursor_at_end(&f->c) || !flat_argument(f, l))
            return cursor_error(&f->c, "expected ')', not %s", cursor_what(&f->c));
        if (!cursor_take(&f->c, ',') && !cursor_is(&f->c, ')'))
            return cursor_error(&f->c, "expected ',' or ')', not %s", cursor_what(&f->c));
    }
    cursor_next(&f->c);
    bool variadic;
    int arity = op_arity(l->op, &variadic);
    if (variadic ? (int)l->n_in < arity - 1 : (int)l->n_in != arity)
        return diag_error(f->u.s, FAIL_INPUT, loc, "%s takes (%s), not %zu operands", name,
                          op_operands_text(f->u.step, l->op), l->n_in);
    for (int i = 0; i < l->op->call.n_attrs; i++)
        if (l->op->call.attrs[i].required && !l->given[i])
            return diag_error(f->u.s, FAIL_INPUT, loc, "%s lacks its attribute %s", name, l->op->call.attrs[i].name);
    return true;
}

/* Parses the marks of a node. Stores the group id in n->mark; join_groups turns the id into a pointer. */
static void flat_marks(struct flat *f, struct node *n)
{
    int64_t group;
    while (!f->c.panic && !cursor_at_end(&f->c) && !cursor_is(&f->c, '@')) {
        if (take_word(f, "in"))
            n->instance = flat_name(f, "an instance");
        else if (take_word(f, "compute"))
            flat_dtype(f, &n->compute);
        else if (take_word(f, "storage"))
            flat_dtype(f, &n->storage);
        else if (take_word(f, "keep_f32"))
            n->keep_f32 = true;
        else if (take_word(f, "materialised"))
            n->materialised = true;
        else if (take_word(f, "recomputed"))
            n->recomputed = true;
        else if (take_word(f, "by_rows"))
            n->by_rows = true;
        else if (take_word(f, "group"))
            n->mark = flat_int(f, "a group's id", max_id(f), &group) ? (int)group : -1;
        else
            cursor_error(&f->c, "expected a fact about this node, not %s", cursor_what(&f->c));
    }
}

static struct node *flat_node_at(struct flat *f, int64_t id, struct loc id_loc)
{
    const char *name = cursor_is(&f->c, ':') ? NULL : flat_name(f, "the node's name or ':'");
    struct loc loc = f->c.before;
    if (!cursor_expect(&f->c, ':', "the node"))
        return NULL;
    struct type t;
    struct type_expr *te = ast_type(&f->c);
    struct line l = { 0 };
    if (f->c.panic || !type_eval(&f->u, f->u.file, te, &t) || !cursor_expect(&f->c, '=', "the type") ||
        !flat_call(f, &l))
        return NULL;
    if (name && map_find(f->u.taken, name)) {
        diag_error(f->u.s, FAIL_INPUT, loc, "there are two nodes named %s", name);
        return NULL;
    }
    struct node *n = graph_add(f->g, l.op, l.in, (int)l.n_in, l.attrs, id_loc);
    if (!n)
        return NULL;
    if (n->type.dtype != t.dtype || !type_same_shape(&n->type, &t)) {
        diag_error(f->u.s, FAIL_INPUT, te->loc, "%s gives %s, not %s", l.op->call.name, type_text(f->u.step, &n->type),
                   type_text(f->u.step, &t));
        return NULL;
    }
    n->id = (int)id;
    n->name = name;
    n->keep_f32 = false;
    if (name)
        *map_at(f->u.taken, name) = n;
    flat_marks(f, n);
    n->loc = flat_at(f);
    return f->c.panic ? NULL : n;
}

static void flat_node(struct flat *f)
{
    int64_t id;
    struct loc loc = f->c.cur.loc;
    cursor_next(&f->c);
    if (!flat_int(f, "a node's id", max_id(f), &id))
        return;
    if (*slot(f, id)) {
        diag_error(f->u.s, FAIL_INPUT, loc, "there are two nodes %%%lld", (long long)id);
        f->c.panic = true;
        return;
    }
    struct node *n = f->g->n_nodes < f->u.max_nodes
                         ? flat_node_at(f, id, loc)
                         : (cursor_error(&f->c, "the graph has over %zu nodes", f->u.max_nodes), NULL);
    *slot(f, id) = n ? n : &f->lost;
    if (!n)
        f->c.panic = true;
    if (id >= f->g->next_id)
        f->g->next_id = (int)id + 1;
}

static void flat_named(struct flat *f, bool output)
{
    const char *name = flat_name(f, "a name");
    if (!name || !cursor_expect(&f->c, '=', "the name"))
        return;
    struct node *n = flat_ref(f);
    struct loc loc = flat_at(f);
    struct graph_out o = { name, n, loc };
    if (f->c.panic)
        return;
    if (output)
        *arena_push(f->g->arena, f->g->outs, f->g->n_outs, f->g->cap_outs) = o;
    else
        *arena_push(f->g->arena, f->g->aliases, f->g->n_aliases, f->g->cap_aliases) = o;
}

static void flat_dim(struct flat *f)
{
    const char *name = cursor_name(&f->c, "a dimension", false);
    struct loc loc = flat_at(f);
    if (f->c.panic)
        return;
    struct value v = { .kind = VAL_DIM, .loc = f->c.before, .index = index_sym(f->u.s->indices, name) };
    if (scope_define(&f->u, f->u.file, name, v, f->c.before))
        *arena_push(f->g->arena, f->g->dims, f->g->n_dims, f->g->cap_dims) =
            (struct graph_dim){ arena_strdup(f->g->arena, name), v.index, loc };
}

static void flat_size(struct flat *f)
{
    const char *name = flat_name(f, "a size");
    struct loc loc = flat_at(f);
    if (!f->c.panic)
        *arena_push(f->g->arena, f->g->sizes, f->g->n_sizes, f->g->cap_sizes) = (struct graph_size){ name, loc };
}

/* Parses the line `values`, which comes after all nodes. Each node has its own value at first.
   Lines `value` may change this later. */
static void flat_values(struct flat *f)
{
    int64_t n;
    if (!flat_int(f, "the number of values", max_id(f), &n))
        return;
    f->g->n_values = (size_t)n;
    f->g->value_of = arena_array(f->g->arena, struct node *, n);
    for (size_t i = 0; i < f->g->n_nodes; i++)
        if (f->g->nodes[i]->id < n)
            f->g->value_of[f->g->nodes[i]->id] = f->g->nodes[i];
}

static void flat_value(struct flat *f)
{
    int64_t i;
    if (!flat_int(f, "a value's id", (int64_t)f->g->n_values - 1, &i) || !cursor_expect(&f->c, '=', "the value"))
        return;
    f->g->value_of[i] = take_word(f, "none") ? NULL : flat_ref(f);
}

static struct node **flat_list(struct flat *f, const char *word, size_t *n)
{
    struct node **list = NULL;
    size_t cap = 0;
    *n = 0;
    if (!take_word(f, word)) {
        cursor_error(&f->c, "expected %s(…), not %s", word, cursor_what(&f->c));
        return NULL;
    }
    cursor_expect(&f->c, '(', word);
    while (!f->c.panic && cursor_is(&f->c, '%')) {
        struct node *x = flat_ref(f);
        if (x)
            *arena_push(f->g->arena, list, *n, cap) = x;
    }
    if (!f->c.panic)
        cursor_expect(&f->c, ')', word);
    return list;
}

static void flat_tile(struct flat *f, struct tile *t)
{
    int *field[] = { &t->m, &t->n, &t->k, &t->waves_m, &t->waves_n };
    enum { LARGEST_TILE = 4096 };
    for (int i = 0; i < 5 && !f->c.panic; i++) {
        int64_t v;
        if (flat_int(f, "a tile's size", LARGEST_TILE, &v))
            *field[i] = (int)v;
    }
}

static void flat_after(struct flat *f, struct group *p)
{
    while (!f->c.panic && !cursor_at_end(&f->c)) {
        int64_t id;
        if (flat_int(f, "a group above", (int64_t)f->g->n_groups - 1, &id))
            *arena_push(f->g->arena, p->after, p->n_after, p->cap_after) = f->g->groups[id];
    }
}

static void flat_group(struct flat *f)
{
    int64_t id;
    struct group *p = arena_new_of(f->g->arena, struct group);
    if (!flat_int(f, "a group's id", max_id(f), &id))
        return;
    p->id = (int)id;
    if (take_word(f, "gemm"))
        p->kind = GROUP_GEMM;
    else if (take_word(f, "reduce"))
        p->kind = GROUP_REDUCE;
    else if (!take_word(f, "rows"))
        cursor_error(&f->c, "expected rows, reduce or gemm, not %s", cursor_what(&f->c));
    if (!f->c.panic)
        p->name = flat_name(f, "the group's name");
    if (!f->c.panic)
        p->nodes = flat_list(f, "nodes", &p->n_nodes);
    if (!f->c.panic)
        p->ins = flat_list(f, "ins", &p->n_ins);
    if (!f->c.panic)
        p->outs = flat_list(f, "outs", &p->n_outs);
    if (!f->c.panic && take_word(f, "anchor"))
        p->anchor = flat_ref(f);
    if (!f->c.panic && take_word(f, "tile"))
        flat_tile(f, &p->tile);
    if (!f->c.panic && take_word(f, "after"))
        flat_after(f, p);
    *arena_push(f->g->arena, f->g->groups, f->g->n_groups, f->g->cap_groups) = p;
}

static struct group *last_group(struct flat *f)
{
    if (f->g->n_groups)
        return f->g->groups[f->g->n_groups - 1];
    cursor_error(&f->c, "there is no group above this line");
    return NULL;
}

static void flat_scratch(struct flat *f)
{
    struct group *p = last_group(f);
    struct scratch s = { 0 };
    if (p)
        s.name = flat_name(f, "the scratch's name");
    if (f->c.panic || !flat_dtype(f, &s.dtype))
        return;
    if (!take_word(f, "count"))
        cursor_error(&f->c, "expected 'count', not %s", cursor_what(&f->c));
    if (!f->c.panic)
        s.count = flat_index_expr(f, "a number of elements");
    s.zeroed = !f->c.panic && take_word(f, "zeroed");
    size_t cap = p->n_scratch;
    if (!f->c.panic)
        *arena_push(f->g->arena, p->scratch, p->n_scratch, cap) = s;
}

static bool flat_sink(struct flat *f, const struct group *p, struct sink *out)
{
    static const char *const words[] = { "full", "partial", "row_partial", "column_partial", "operand" };
    for (int i = 0; i < (int)(sizeof words / sizeof *words); i++) {
        if (!take_word(f, words[i]))
            continue;
        int64_t at = -1;
        *out = (struct sink){ .kind = (enum sink_kind)i, .node = flat_ref(f), .scratch = -1 };
        if (!f->c.panic && take_word(f, "scratch") && flat_int(f, "scratch", (int64_t)p->n_scratch - 1, &at))
            out->scratch = (int)at;
        return !f->c.panic;
    }
    return cursor_error(&f->c, "expected a sink, not %s", cursor_what(&f->c));
}

static void flat_launch(struct flat *f)
{
    struct group *p = last_group(f);
    struct group_launch l = { .from = -1 };
    if (!p)
        return;
    if (take_word(f, "gemm"))
        l.kind = LAUNCH_GEMM;
    else if (take_word(f, "columns"))
        l.kind = LAUNCH_COLUMNS;
    else if (take_word(f, "chunks"))
        l.kind = LAUNCH_CHUNKS;
    else if (!take_word(f, "rows"))
        cursor_error(&f->c, "expected rows, columns, chunks or gemm, not %s", cursor_what(&f->c));
    if (!f->c.panic && take_word(f, "anchor"))
        l.anchor = flat_ref(f);
    int64_t from;
    if (!f->c.panic && take_word(f, "from") && flat_int(f, "scratch", (int64_t)p->n_scratch - 1, &from))
        l.from = (int)from;
    if (!f->c.panic && take_word(f, "parts")) {
        l.parts = flat_index_expr(f, "a number of parts");
        if (!f->c.panic && !take_word(f, "of"))
            cursor_error(&f->c, "expected 'of', not %s", cursor_what(&f->c));
        if (!f->c.panic)
            l.part = flat_index_expr(f, "a part's length");
    }
    size_t cap_sinks = 0;
    struct sink s;
    while (!f->c.panic && !cursor_at_end(&f->c) && flat_sink(f, p, &s))
        *arena_push(f->g->arena, l.sinks, l.n_sinks, cap_sinks) = s;
    size_t cap = p->n_launches;
    if (!f->c.panic)
        *arena_push(f->g->arena, p->launches, p->n_launches, cap) = l;
}

static void flat_slot_of(struct flat *f, struct slot *p)
{
    int64_t id;
    int64_t at;
    if (!take_word(f, "group")) {
        p->node = flat_ref(f);
        return;
    }
    if (!flat_int(f, "a group above", (int64_t)f->g->n_groups - 1, &id))
        return;
    p->group = f->g->groups[id];
    if (!take_word(f, "scratch"))
        cursor_error(&f->c, "expected 'scratch', not %s", cursor_what(&f->c));
    if (!f->c.panic && flat_int(f, "scratch", (int64_t)p->group->n_scratch - 1, &at))
        p->scratch = (int)at;
}

static void flat_slot(struct flat *f)
{
    struct slot p = { 0 };
    flat_slot_of(f, &p);
    if (!f->c.panic && !take_word(f, "offset"))
        cursor_error(&f->c, "expected 'offset', not %s", cursor_what(&f->c));
    if (!f->c.panic)
        p.offset = flat_index_expr(f, "an offset");
    if (!f->c.panic && !take_word(f, "bytes"))
        cursor_error(&f->c, "expected 'bytes', not %s", cursor_what(&f->c));
    if (!f->c.panic)
        p.bytes = flat_index_expr(f, "a size in bytes");
    if (!f->c.panic)
        *arena_push(f->g->arena, f->g->slots, f->g->n_slots, f->g->cap_slots) = p;
}

static void flat_source(struct flat *f)
{
    const char *name = flat_name(f, "the source's name");
    if (name)
        f->origin = f->g->src = source_of_string(f->u.s, name, "");
}

static bool first_word(struct flat *f, const char *word)
{
    if (!cursor_is_word(&f->c, word))
        return false;
    cursor_next(&f->c);
    return true;
}

static void flat_line(struct flat *f)
{
    f->c.cur.line_start = false;
    if (cursor_is(&f->c, '%'))
        flat_node(f);
    else if (first_word(f, "output"))
        flat_named(f, true);
    else if (first_word(f, "alias"))
        flat_named(f, false);
    else if (first_word(f, "loss")) {
        if (cursor_expect(&f->c, '=', "loss"))
            f->g->loss = flat_ref(f);
    } else if (first_word(f, "source"))
        flat_source(f);
    else if (first_word(f, "size"))
        flat_size(f);
    else if (first_word(f, "dim"))
        flat_dim(f);
    else if (first_word(f, "values"))
        flat_values(f);
    else if (first_word(f, "value"))
        flat_value(f);
    else if (first_word(f, "group"))
        flat_group(f);
    else if (first_word(f, "scratch"))
        flat_scratch(f);
    else if (first_word(f, "launch"))
        flat_launch(f);
    else if (first_word(f, "slot"))
        flat_slot(f);
    else if (first_word(f, "memory"))
        f->g->memory = flat_index_expr(f, "the memory");
    else {
        diag_error(f->u.s, FAIL_INPUT, f->c.cur.loc, "no line of a flat graph begins with this");
        f->c.panic = true;
        cursor_next(&f->c);
    }
    if (!f->c.panic && !cursor_at_end(&f->c))
        cursor_error(&f->c, "expected the end of the line, not %s", cursor_what(&f->c));
    if (f->c.panic)
        cursor_recover(&f->c);
    else if (cursor_is(&f->c, '}'))
        cursor_next(&f->c);
}

/* Sets the group of each node from the group id in n->mark. */
static void join_groups(struct flat *f)
{
    for (size_t i = 0; i < f->g->n_groups; i++)
        if ((size_t)f->g->groups[i]->id != i)
            diag_error(f->u.s, FAIL_INPUT, NOWHERE, "group %d is at position %zu", f->g->groups[i]->id, i);
    for (size_t i = 0; i < f->g->n_nodes; i++) {
        struct node *n = f->g->nodes[i];
        if (n->mark >= (int64_t)f->g->n_groups)
            diag_error(f->u.s, FAIL_INPUT, NOWHERE, "node %%%d is of group %d, which is not there", n->id, n->mark);
        else if (n->mark >= 0)
            n->group = f->g->groups[n->mark];
        n->mark = -1;
    }
}

static void flat_head(struct flat *f)
{
    cursor_next(&f->c);
    if (!take_word(f, "graph"))
        cursor_error(&f->c, "expected 'graph', not %s", cursor_what(&f->c));
    if (f->c.panic)
        return;
    const char *name = flat_name(f, "the graph's name");
    if (name)
        f->g->name = name;
    if (name && take_word(f, "size")) {
        const char *size = flat_name(f, "the size");
        if (size)
            f->g->size = size;
    }
    if (!f->c.panic && !cursor_at_end(&f->c))
        cursor_error(&f->c, "expected the end of the line, not %s", cursor_what(&f->c));
}

struct graph *graph_flat_parse(struct session *s, struct arena *step, const struct source *src,
                               const struct graph_options *o)
{
    struct flat *f = arena_new_of(step, struct flat);
    int errors = s->n_errors;
    f->g = graph_new(s, "");
    f->u = (struct unfold){
        .s = s, .step = step, .g = f->g, .o = o, .taken = map_new(step), .settable = map_new(step), .flat = true
    };
    f->u.max_nodes = o->max_nodes ? o->max_nodes : 1000000;
    f->u.file = scope_new(&f->u, NULL, NULL);
    f->origin = source_of_string(s, "(unknown source)", "");
    cursor_begin(&f->c, s, step, src);
    flat_head(f);
    if (f->c.panic)
        cursor_recover(&f->c);
    if (o->n_sets)
        diag_error(s, FAIL_USAGE, NOWHERE, "--set changes nothing in a flat graph: its integers are unfolded");
    if (o->size && strcmp(o->size, f->g->size))
        diag_error(s, FAIL_USAGE, NOWHERE, "this flat graph is of size %s, not %s", f->g->size, o->size);
    while (f->c.cur.kind != TOK_END)
        flat_line(f);
    join_groups(f);
    if (s->n_errors == errors)
        graph_verify(f->g);
    return f->g;
}
