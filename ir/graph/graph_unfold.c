/* Unfolds the statements of a file in order: unrolls each repeat, and inlines each block. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ir/graph/graph_unfold.h"

static const struct value poison;
enum { MAX_LISTED = 40 };

static const char *kept(struct unfold *u, const char *name) { return arena_strdup(u->g->arena, name); }

/* Returns the text after `name`= in the last --set of this name; NULL if there is none. */
static const char *set_for(struct unfold *u, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < u->o->n_sets; i++) {
        const char *eq = strchr(u->o->sets[i], '=');
        if (eq && (size_t)(eq - u->o->sets[i]) == strlen(name) && !strncmp(u->o->sets[i], name, strlen(name)))
            value = eq + 1;
    }
    *map_at(u->settable, name) = (void *)1;
    return value;
}

static void unfold_let(struct unfold *u, const struct stmt *st)
{
    struct value v = value_eval(u, u->file, st->value);
    int64_t k;
    if (v.kind != VAL_POISON && !value_int(u, v, st->name, &k))
        v = poison;
    const char *set = set_for(u, st->name);
    if (set) {
        char *end;
        errno = 0;
        v = (struct value){ .kind = VAL_INT, .loc = st->loc, .i = strtoll(set, &end, 10) };
        if (!*set || *end || errno)
            diag_error(u->s, FAIL_USAGE, NOWHERE, "--set %s=%s: this is not an integer", st->name, set);
    }
    scope_define(u, u->file, st->name, v, st->loc);
}

static struct map *names_of(struct unfold *u, const struct stmt *size)
{
    struct map *names = map_new(u->step);
    for (size_t i = 0; i < size->n_body; i++)
        map_at(names, size->body[i]->name);
    return names;
}

/* Checks that size `st` defines the same names as `first`. Otherwise the file may be valid for only one of them. */
static void check_size(struct unfold *u, const struct stmt *st, const struct stmt *first)
{
    const struct map *here = names_of(u, st);
    const struct map *there = names_of(u, first);
    for (size_t i = 0; i < first->n_body; i++) {
        if (map_find(here, first->body[i]->name))
            continue;
        diag_error(u->s, FAIL_INPUT, st->loc, "size %s does not give %s, which size %s does", st->name,
                   first->body[i]->name, first->name);
        diag_note(u->s, first->body[i]->loc, "%s of size %s is here", first->body[i]->name, first->name);
    }
    for (size_t i = 0; i < st->n_body; i++) {
        if (map_find(there, st->body[i]->name))
            continue;
        diag_error(u->s, FAIL_INPUT, st->body[i]->loc, "size %s gives %s, which size %s does not", st->name,
                   st->body[i]->name, first->name);
        diag_note(u->s, first->loc, "size %s is here", first->name);
    }
}

/* Unfolds the chosen size before all other statements, which may use its names. */
static void unfold_sizes(struct unfold *u, const struct file_ast *file)
{
    const struct stmt *first = NULL;
    const struct stmt *chosen = NULL;
    struct map *sizes = map_new(u->step);
    for (size_t i = 0; i < file->n_body; i++) {
        const struct stmt *st = file->body[i];
        if (st->kind != ST_SIZE)
            continue;
        void **at = map_at(sizes, st->name);
        if (*at) {
            diag_error(u->s, FAIL_INPUT, st->loc, "there are two sizes %s", st->name);
            diag_note(u->s, ((const struct stmt *)*at)->loc, "the first one is here");
            continue;
        }
        *at = (void *)(uintptr_t)st;
        if (!first)
            first = st;
        else
            check_size(u, st, first);
        *arena_push(u->g->arena, u->g->sizes, u->g->n_sizes, u->g->cap_sizes) =
            (struct graph_size){ kept(u, st->name), st->loc };
        if (u->o->size ? !strcmp(st->name, u->o->size) : !chosen)
            chosen = st;
    }
    if (u->o->size && !chosen) {
        const char *list = "";
        const char *near = map_near(sizes, u->o->size);
        for (size_t i = 0; i < sizes->n && i < MAX_LISTED; i++)
            list = arena_printf(u->step, "%s%s%s", list, i ? ", " : "", sizes->entry[i].key);
        diag_error(u->s, FAIL_USAGE, file->name_loc, "graph %s has no size %s (%s%s)%s", file->name, u->o->size,
                   *list ? "sizes: " : "it has no sizes", list,
                   near ? arena_printf(u->step, "; did you mean %s?", near) : "");
        chosen = first;
    }
    if (!chosen)
        return;
    u->g->size = kept(u, chosen->name);
    for (size_t i = 0; i < chosen->n_body; i++)
        unfold_let(u, chosen->body[i]);
}

static void unfold_dim(struct unfold *u, const struct stmt *st)
{
    struct value v = { .kind = VAL_DIM, .loc = st->loc, .index = index_sym(u->s->indices, st->name) };
    if (scope_define(u, u->file, st->name, v, st->loc))
        *arena_push(u->g->arena, u->g->dims, u->g->n_dims, u->g->cap_dims) =
            (struct graph_dim){ kept(u, st->name), v.index, st->loc };
}

static bool range_attr(struct unfold *u, struct scope *sc, const struct expr *e, const char *what, struct attr *out)
{
    if (!e)
        return true;
    struct value v = value_eval(u, sc, e);
    return v.kind != VAL_POISON && value_float(u, v, what, &out->f);
}

static struct value source_node(struct unfold *u, struct scope *sc, const struct stmt *st, const char *op_name)
{
    const struct op_def *op = op_find(op_name);
    BUG_IF(!op, "no op named %s", op_name);
    struct type t;
    if (!type_eval(u, sc, st->type, &t))
        return poison;
    struct attr attrs[MAX_ATTRS];
    op_defaults_of_type(op, &t, attrs);
    int lo = op_attr(op, "lo");
    int hi = op_attr(op, "hi");
    if (st->lo && !range_attr(u, sc, st->lo, "the lower end of a range", &attrs[lo]))
        return poison;
    if (st->hi && !range_attr(u, sc, st->hi, "the upper end of a range", &attrs[hi]))
        return poison;
    if (st->lo && st->hi && !(attrs[lo].f <= attrs[hi].f)) {
        diag_error(u->s, FAIL_INPUT, st->hi->loc, "the range of %s is empty: %g <= %s <= %g", st->name, attrs[lo].f,
                   st->name, attrs[hi].f);
        return poison;
    }
    if (st->kind == ST_WEIGHT) {
        static const char *const inits[] = { [INIT_FAN_IN] = "fan_in", [INIT_ZERO] = "zero", [INIT_ONE] = "one" };
        const char *near = NULL;
        int which = INIT_FAN_IN;
        for (int i = 0; st->init && i < 3; i++)
            near = name_nearer(st->init, near, inits[i]);
        while (st->init && which < 3 && strcmp(st->init, inits[which]))
            which++;
        if (which == 3) {
            diag_error(u->s, FAIL_INPUT, st->init_loc, "%s is not an initial value (fan_in, zero, one)%s", st->init,
                       near ? arena_printf(u->step, "; did you mean %s?", near) : "");
            return poison;
        }
        attrs[op_attr(op, "init")].i = which;
    }
    struct node *n = graph_add(u->g, op, NULL, 0, attrs, st->loc);
    if (!n)
        return poison;
    n->instance = sc->instance;
    return (struct value){ .kind = VAL_NODE, .loc = st->loc, .node = n };
}

static bool unfold_input(struct unfold *u, const struct stmt *st)
{
    struct value v = source_node(u, u->file, st, st->kind == ST_INPUT ? "input" : "label");
    if (!scope_define(u, u->file, st->name, v, st->loc))
        return false;
    if (v.kind != VAL_NODE || !name_take(u, st->name, st->loc, st->kind == ST_INPUT ? "input" : "label"))
        return false;
    v.node->name = kept(u, st->name);
    return true;
}

static bool unfold_weight(struct unfold *u, struct scope *sc, const struct stmt *st)
{
    struct value v = source_node(u, sc, st, "param");
    const char *full = scope_path(u, sc, st->name);
    if (!scope_define(u, sc, st->name, v, st->loc))
        return false;
    struct taken *t = name_take(u, full, st->loc, "weight");
    if (!t)
        return false;
    t->declared = true;
    if (v.kind != VAL_NODE)
        return false;
    t->weight = v.node;
    v.node->name = kept(u, full);
    return true;
}

static struct value stmt_value(struct unfold *u, struct scope *sc, const struct stmt *st)
{
    struct value v = value_eval(u, sc, st->value);
    struct type t;
    if (st->type && !type_eval(u, sc, st->type, &t))
        return poison;
    if (v.kind == VAL_POISON)
        return poison;
    if (st->type)
        return value_as_type(u, sc, &v, &t, st->name, st->type->loc) ? v : poison;
    if (v.kind == VAL_NODE)
        return v;
    const char *hint = v.kind == VAL_INT ? arena_printf(u->step, "; for an integer write `let %s = …`", st->name) : "";
    diag_error(u->s, FAIL_INPUT, v.loc, "%s must be a tensor, but this is %s%s", st->name, value_text(u, &v), hint);
    return poison;
}

static bool unfold_assign(struct unfold *u, struct scope *sc, const struct stmt *st)
{
    struct value v = stmt_value(u, sc, st);
    return scope_bind(u, sc, st->name, v, st->loc) && v.kind != VAL_POISON;
}

static bool unfold_output(struct unfold *u, const struct stmt *st)
{
    struct value v = poison;
    if (st->value) {
        v = stmt_value(u, u->file, st);
        if (!scope_bind(u, u->file, st->name, v, st->loc))
            return false;
    } else {
        const struct binding *b = scope_find(u, u->file, st->name, st->loc);
        if (b)
            v = b->v;
        if (v.kind != VAL_POISON && v.kind != VAL_NODE)
            return diag_error(u->s, FAIL_INPUT, st->loc, "an output is a tensor, but %s is %s", st->name,
                              value_text(u, &v));
    }
    const struct loc **first = (const struct loc **)map_find(u->outs, st->name);
    if (first) {
        diag_error(u->s, FAIL_INPUT, st->loc, "there is already an output %s", st->name);
        diag_note(u->s, **first, "the first one is here");
        return false;
    }
    if (v.kind != VAL_NODE)
        return false;
    *map_at(u->outs, st->name) = (void *)(uintptr_t)&st->loc;
    *arena_push(u->g->arena, u->g->outs, u->g->n_outs, u->g->cap_outs) =
        (struct graph_out){ kept(u, st->name), v.node, st->loc };
    return true;
}

static bool unfold_loss(struct unfold *u, const struct stmt *st)
{
    struct value v = stmt_value(u, u->file, st);
    void **at = map_find(u->file->names, "loss");
    if (at) {
        diag_error(u->s, FAIL_INPUT, st->loc, "the loss is already defined");
        diag_note(u->s, ((const struct binding *)*at)->defined, "the first one is here");
        return false;
    }
    if (v.kind == VAL_NODE && (v.node->type.rank || !dtype_is_float(v.node->type.dtype))) {
        diag_error(u->s, FAIL_INPUT, v.loc, "the loss is one float, but this is %s", type_text(u->step, &v.node->type));
        v = poison;
    }
    if (!scope_bind(u, u->file, "loss", v, st->loc) || v.kind != VAL_NODE)
        return false;
    u->g->loss = v.node;
    return true;
}

static bool unfold_body(struct unfold *u, struct scope *sc, struct stmt *st, struct value *result);

static bool unfold_repeat(struct unfold *u, struct scope *sc, struct stmt *st, struct value *result)
{
    struct value v = value_eval(u, sc, st->value);
    int64_t turns;
    if (v.kind == VAL_POISON || !value_int(u, v, "the repeat count", &turns))
        return false;
    if (turns < 0)
        return diag_error(u->s, FAIL_INPUT, v.loc, "the repeat count must not be negative, but this is %lld",
                          (long long)turns);
    if (!unfold_enter(u, st->loc))
        return false;
    struct turn turn;
    bool all = true;
    bool good = !st->name || scope_enter_turn(u, sc, &turn, st->name, st->name_loc);
    bool numbered = st->name && good;
    for (int64_t i = 0; i < turns && good && !u->fatal; i++) {
        turn.binding.v.i = i;
        if (unfold_step(u, st->loc))
            all &= unfold_body(u, sc, st, result);
    }
    if (numbered)
        scope_leave_turn(sc);
    u->depth--;
    return good && all && !u->fatal;
}

/* Unfolds the statements that the condition chooses: those after else if it is 0. */
static bool unfold_if(struct unfold *u, struct scope *sc, struct stmt *st, struct value *result)
{
    struct value v = value_eval(u, sc, st->value);
    int64_t condition;
    if (v.kind == VAL_POISON || !value_int(u, v, "the condition", &condition))
        return false;
    struct stmt *chosen = condition ? st : st->orelse;
    if (!chosen)
        return true;
    if (!unfold_enter(u, st->loc))
        return false;
    bool good = unfold_body(u, sc, chosen, result);
    u->depth--;
    return good && !u->fatal;
}

static void note_instance(struct unfold *u, const struct scope *sc)
{
    if (sc->instance && !u->s->errors_full && !u->fatal) {
        void **at = map_find(u->taken, sc->instance);
        if (at)
            diag_note(u->s, ((const struct taken *)*at)->loc, "this is block instance %s, made here", sc->instance);
    }
}

static bool unfold_stmt(struct unfold *u, struct scope *sc, struct stmt *st, struct value *result)
{
    switch (st->kind) {
    case ST_SIZE:
    case ST_BLOCK: return true;
    case ST_DIM: unfold_dim(u, st); return true;
    case ST_LET: unfold_let(u, st); return true;
    case ST_INPUT:
    case ST_LABEL: return unfold_input(u, st);
    case ST_WEIGHT: return unfold_weight(u, sc, st);
    case ST_ASSIGN: return unfold_assign(u, sc, st);
    case ST_OUTPUT: return unfold_output(u, st);
    case ST_LOSS: return unfold_loss(u, st);
    case ST_REPEAT: return unfold_repeat(u, sc, st, result);
    case ST_IF: return unfold_if(u, sc, st, result);
    case ST_RETURN: *result = value_eval(u, sc, st->value); return result->kind != VAL_POISON;
    }
    BUG("statement kind %d", st->kind);
}

/* Unfolds the statements of a body. Skips a statement that has reported an error, and binds its name to poison. */
static bool unfold_body(struct unfold *u, struct scope *sc, struct stmt *body, struct value *result)
{
    bool good = true;
    for (size_t i = 0; i < body->n_body && !u->fatal; i++) {
        struct stmt *st = body->body[i];
        int errors = u->s->n_errors;
        if (!unfold_step(u, st->loc))
            return false;
        if (st->failed) {
            if (st->kind == ST_ASSIGN)
                scope_bind(u, sc, st->name, poison, st->loc);
            good = false;
            continue;
        }
        if (unfold_stmt(u, sc, st, result))
            continue;
        good = false;
        st->failed = u->s->n_errors > errors;
        if (st->failed && st->kind != ST_REPEAT && st->kind != ST_IF)
            note_instance(u, sc);
    }
    return good;
}

static bool bind_params(struct unfold *u, struct scope *sc, struct stmt *block, const struct value *args, size_t n,
                        struct loc call)
{
    if (n != block->n_params) {
        diag_error(u->s, FAIL_INPUT, call, "block %s takes %zu arguments, not %zu", block->name, block->n_params, n);
        diag_note(u->s, block->loc, "block %s is defined here", block->name);
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        struct value v = args[i];
        struct type t;
        const struct param *p = &block->params[i];
        bool typed = type_eval(u, u->file, p->type, &t);
        if (!typed)
            block->failed = true;
        bool fits = typed && value_as_type(u, sc, &v, &t, p->name, p->type->loc);
        good &= scope_bind(u, sc, p->name, fits ? v : poison, p->loc) && fits;
    }
    return good;
}

struct value block_unfold(struct unfold *u, struct stmt *block, const struct value *args, size_t n,
                          const char *instance, struct loc call)
{
    if (block->open) {
        diag_error(u->s, FAIL_INPUT, call, "block %s calls itself", block->name);
        diag_note(u->s, block->loc, "block %s is defined here", block->name);
    }
    if (block->open || block->failed || !unfold_enter(u, call))
        return poison;
    block->open = true;
    struct scope *sc = scope_new(u, u->file, instance);
    struct value result = poison;
    int errors = u->s->n_errors;
    if (bind_params(u, sc, block, args, n, call)) {
        struct type t;
        const char *what = arena_printf(u->step, "the result of block %s", block->name);
        block->used = true;
        unfold_body(u, sc, block, &result);
        if (!type_eval(u, u->file, block->type, &t) || !value_as_type(u, sc, &result, &t, what, block->type->loc))
            result = poison;
        block->failed = u->s->n_errors > errors;
    }
    block->open = false;
    u->depth--;
    result.loc = call;
    return result;
}

/* Unfolds an unused block into a temporary graph, to report the errors in the block. */
static void check_unused(struct unfold *u, struct stmt *block)
{
    struct graph *keep = u->g;
    struct map *taken = u->taken;
    u->g = graph_new(u->s, keep->name);
    u->taken = map_new(u->step);
    struct value *args = arena_array(u->step, struct value, block->n_params);
    bool good = true;
    for (size_t i = 0; i < block->n_params && good; i++) {
        struct stmt input = {
            .kind = ST_INPUT, .loc = block->params[i].loc, .name = block->params[i].name, .type = block->params[i].type
        };
        args[i] = source_node(u, u->file, &input, "input");
        good = args[i].kind == VAL_NODE;
    }
    if (good)
        block_unfold(u, block, args, block->n_params, block->name, block->loc);
    graph_free(u->g);
    u->g = keep;
    u->taken = taken;
}

/* Defines all blocks before other statements, so that a call may precede the definition. */
static void define_blocks(struct unfold *u, const struct file_ast *file)
{
    for (size_t i = 0; i < file->n_body; i++) {
        struct stmt *st = file->body[i];
        if (st->kind != ST_BLOCK)
            continue;
        bool whole = st->type && st->n_body && st->body[st->n_body - 1]->kind == ST_RETURN;
        scope_define(u, u->file, st->name,
                     whole ? (struct value){ .kind = VAL_BLOCK, .loc = st->loc, .block = st } : poison, st->loc);
        st->failed = !whole;
    }
}

static void check_sets(struct unfold *u)
{
    for (size_t i = 0; i < u->o->n_sets; i++) {
        const char *set = u->o->sets[i];
        size_t n = strcspn(set, "=");
        const char *name = arena_strndup(u->step, set, n);
        const char *near = map_near(u->settable, name);
        const char *list = "";
        for (size_t k = 0; k < u->settable->n && k < MAX_LISTED; k++)
            list = arena_printf(u->step, "%s%s%s", list, k ? ", " : "", u->settable->entry[k].key);
        if (u->settable->n > MAX_LISTED)
            list = arena_printf(u->step, "%s, …", list);
        if (!set[n])
            diag_error(u->s, FAIL_USAGE, NOWHERE, "--set %s: write it as NAME=VALUE", set);
        else if (!map_find(u->settable, name))
            diag_error(u->s, FAIL_USAGE, NOWHERE, "--set %s: graph %s has no size or let of this name (%s%s)%s", set,
                       u->g->name, *list ? "there are: " : "it has none", list,
                       near ? arena_printf(u->step, "; did you mean %s?", near) : "");
    }
}

static void unfold_file(struct unfold *u, const struct file_ast *file)
{
    struct stmt all = { .body = file->body, .n_body = file->n_body };
    struct value result;
    unfold_sizes(u, file);
    define_blocks(u, file);
    unfold_body(u, u->file, &all, &result);
    for (size_t i = 0; i < file->n_body && !u->fatal; i++)
        if (file->body[i]->kind == ST_BLOCK && !file->body[i]->used && !file->body[i]->failed)
            check_unused(u, file->body[i]);
    check_sets(u);
}

static void number_values(struct graph *g)
{
    g->n_values = (size_t)g->next_id;
    g->value_of = arena_array(g->arena, struct node *, g->n_values);
    for (size_t i = 0; i < g->n_nodes; i++)
        g->value_of[g->nodes[i]->id] = g->nodes[i];
}

static bool is_flat(const char *p)
{
    if (!strncmp(p, "\xEF\xBB\xBF", 3))
        p += 3;
    for (;;) {
        p += strspn(p, " \t\r\n");
        if (*p != '#')
            break;
        p += strcspn(p, "\n");
    }
    return !strncmp(p, "flat", 4) && p[4] && strchr(" \t\r\n", p[4]);
}

static struct graph *parse_file(struct session *s, struct arena *step, const struct source *src,
                                const struct graph_options *o)
{
    enum { MAX_NODES = 1000000 };
    int errors = s->n_errors;
    const struct file_ast *file = ast_parse(s, step, src);
    if (!file)
        return NULL;
    struct unfold u = { .s = s,
                        .step = step,
                        .o = o,
                        .g = graph_new(s, file->name ? file->name : ""),
                        .taken = map_new(step),
                        .settable = map_new(step),
                        .outs = map_new(step) };
    u.max_nodes = o->max_nodes ? o->max_nodes : MAX_NODES;
    u.g->src = src;
    u.file = scope_new(&u, NULL, NULL);
    unfold_file(&u, file);
    if (s->n_errors == errors && !u.g->n_outs && !u.g->loss)
        diag_error(s, FAIL_INPUT, file->name_loc, "graph %s has neither an output nor a loss", file->name);
    number_values(u.g);
    return u.g;
}

struct graph *graph_parse(struct session *s, const struct source *src, const struct graph_options *o)
{
    static const struct graph_options none;
    int errors = s->n_errors;
    if (src->size > (size_t)1 << 28) {
        diag_error(s, FAIL_INPUT, NOWHERE, "%s is larger than 256 MiB", src->name);
        return NULL;
    }
    struct arena *step = arena_new();
    struct graph *g = (is_flat(src->text) ? graph_flat_parse : parse_file)(s, step, src, o ? o : &none);
    arena_free(step);
    if (s->n_errors == errors)
        return g;
    graph_free(g);
    return NULL;
}
