#include <string.h>

#include "ir/graph/graph_unfold.h"

struct scope *scope_new(struct unfold *u, struct scope *parent, const char *instance)
{
    struct scope *sc = arena_new_of(u->step, struct scope);
    const char *kept = instance ? arena_strdup(u->g->arena, instance) : NULL;
    *sc = (struct scope){ .parent = parent, .names = map_new(u->step), .counts = map_new(u->step), .instance = kept };
    return sc;
}

static struct binding *find(const struct scope *sc, const char *name)
{
    for (struct turn *t = sc->turns; t; t = t->outer)
        if (!strcmp(t->name, name))
            return &t->binding;
    void **at = map_find(sc->names, name);
    return at ? *at : NULL;
}

/* Returns the visible name that is most similar to `name`; NULL if there is none.
   The search reads all names, so it is skipped if the session no longer keeps errors. */
static const char *near_name(struct unfold *u, const struct scope *sc, const char *name)
{
    if (u->s->errors_full)
        return NULL;
    const char *best = map_near(sc->names, name);
    for (size_t i = 0; sc->parent && i < sc->parent->names->n; i++) {
        const struct binding *b = sc->parent->names->entry[i].value;
        if (b->v.kind != VAL_NODE)
            best = name_nearer(name, best, sc->parent->names->entry[i].key);
    }
    return best;
}

const struct binding *scope_find(struct unfold *u, const struct scope *sc, const char *name, struct loc loc)
{
    const struct binding *b = find(sc, name);
    if (b)
        return b;
    b = sc->parent ? find(sc->parent, name) : NULL;
    if (b && b->v.kind != VAL_NODE)
        return b;
    if (b) {
        diag_error(u->s, FAIL_INPUT, loc, "%s is a tensor outside of this block: give it to the block as an argument",
                   name);
        diag_note(u->s, b->defined, "%s is defined here, as %s", name, value_text(u, &b->v));
        return NULL;
    }
    const char *near = near_name(u, sc, name);
    diag_error(u->s, FAIL_INPUT, loc, "nothing is called %s here%s", name,
               near ? arena_printf(u->step, "; did you mean %s?", near) : "");
    if (!near)
        return NULL;
    b = find(sc, near);
    if (!b)
        b = find(sc->parent, near);
    diag_note(u->s, b->defined, "%s is defined here", near);
    return NULL;
}

static struct binding *put(struct unfold *u, struct scope *sc, const char *name)
{
    void **at = map_at(sc->names, name);
    if (!*at)
        *at = arena_new_of(u->step, struct binding);
    return *at;
}

bool scope_define(struct unfold *u, struct scope *sc, const char *name, struct value v, struct loc loc)
{
    struct binding *b = find(sc, name);
    if (b) {
        if (b->v.kind == VAL_POISON || v.kind == VAL_POISON)
            return false;
        diag_error(u->s, FAIL_INPUT, loc, "%s is already defined", name);
        diag_note(u->s, b->defined, "the first %s is here, as %s", name, value_text(u, &b->v));
        return false;
    }
    *put(u, sc, name) = (struct binding){ v, loc, 1 };
    return true;
}

bool scope_enter_turn(struct unfold *u, struct scope *sc, struct turn *t, const char *name, struct loc loc)
{
    const struct binding *b = find(sc, name);
    if (!b && sc->parent)
        b = find(sc->parent, name);
    if (b && b->v.kind == VAL_POISON)
        return false;
    if (b) {
        diag_error(u->s, FAIL_INPUT, loc, "%s is already defined, and cannot number the turns of a repeat", name);
        diag_note(u->s, b->defined, "the first %s is here, as %s", name, value_text(u, &b->v));
        return false;
    }
    *t = (struct turn){ name, { .v = { .kind = VAL_INT, .loc = loc }, .defined = loc }, sc->turns };
    sc->turns = t;
    return true;
}

void scope_leave_turn(struct scope *sc) { sc->turns = sc->turns->outer; }

const char *scope_numbered(struct unfold *u, const struct scope *sc, const char *name, struct loc loc)
{
    const char *out = "";
    for (const char *open; (open = strchr(name, '{')); name = strchr(open, '}') + 1) {
        const char *variable = arena_strndup(u->step, open + 1, strcspn(open + 1, "}"));
        const struct binding *b = scope_find(u, sc, variable, loc);
        if (!b || b->v.kind == VAL_POISON)
            return NULL;
        if (b->v.kind != VAL_INT || b->v.i < 0) {
            diag_error(u->s, FAIL_INPUT, loc, "a number in a name is an integer of at least 0, but %s is %s", variable,
                       value_text(u, &b->v));
            return NULL;
        }
        out = arena_printf(u->step, "%s%.*s%lld", out, (int)(open - name), name, (long long)b->v.i);
    }
    return arena_printf(u->step, "%s%s", out, name);
}

const char *scope_path(struct unfold *u, const struct scope *sc, const char *name)
{
    return sc->instance ? arena_printf(u->step, "%s.%s", sc->instance, name) : name;
}

struct taken *name_take(struct unfold *u, const char *name, struct loc loc, const char *what)
{
    void **at = map_at(u->taken, name);
    struct taken *t = *at;
    if (t) {
        diag_error(u->s, FAIL_INPUT, loc, "%s %s: this name is in use", what, name);
        diag_note(u->s, t->loc, "%s is made here", name);
        return NULL;
    }
    t = *at = arena_new_of(u->step, struct taken);
    t->loc = loc;
    return t;
}

/* Reserves and returns the first free name base.N with N >= *times. Sets *times to N + 1. Writes base.0 as `base`. */
static const char *unused_name(struct unfold *u, const char *base, int64_t *times, struct loc loc)
{
    for (;;) {
        int64_t k = (*times)++;
        const char *name = k ? arena_printf(u->step, "%s.%lld", base, (long long)k) : base;
        if (!map_find(u->taken, name)) {
            name_take(u, name, loc, "");
            return name;
        }
    }
}

const char *instance_take(struct unfold *u, const char *wanted, struct loc loc)
{
    /* u->file->counts also has stems of parameter names as keys; they contain no space */
    const char *key = arena_printf(u->step, "%s ", wanted);
    void **count = map_at(u->file->counts, key);
    int64_t times = (intptr_t)*count;
    const char *name = unused_name(u, wanted, &times, loc);
    *count = (void *)(intptr_t)times;
    return name;
}

bool scope_bind(struct unfold *u, struct scope *sc, const char *name, struct value v, struct loc loc)
{
    struct binding *b = find(sc, name);
    enum value_kind k = b ? b->v.kind : VAL_POISON;
    if (k != VAL_POISON && k != VAL_NODE && v.kind == VAL_POISON)
        return false;
    if (k != VAL_POISON && k != VAL_NODE) {
        diag_error(u->s, FAIL_INPUT, loc, "%s is %s and cannot be bound to a tensor", name, value_text(u, &b->v));
        diag_note(u->s, b->defined, "it is defined here");
        return false;
    }
    if (!b)
        b = put(u, sc, name);
    b->v = v;
    b->defined = loc;
    if (v.kind != VAL_NODE)
        return true;
    const char *full = arena_strdup(u->g->arena, unused_name(u, scope_path(u, sc, name), &b->times, loc));
    if (!v.node->name)
        v.node->name = full;
    else
        *arena_push(u->g->arena, u->g->aliases, u->g->n_aliases, u->g->cap_aliases) =
            (struct graph_out){ full, v.node, loc };
    return true;
}

bool unfold_step(struct unfold *u, struct loc loc)
{
    if (u->fatal)
        return false;
    u->steps++;
    if (u->g->n_nodes <= u->max_nodes && u->steps <= 4 * u->max_nodes)
        return true;
    if (u->g->n_nodes > u->max_nodes)
        diag_error(u->s, FAIL_INPUT, loc, "the graph has over %zu nodes", u->max_nodes);
    else
        diag_error(u->s, FAIL_INPUT, loc, "unfolding the graph takes over %zu steps", 4 * u->max_nodes);
    u->fatal = true;
    return false;
}

bool unfold_enter(struct unfold *u, struct loc loc)
{
    if (u->fatal)
        return false;
    if (u->depth++ < NEST_MAX)
        return true;
    diag_error(u->s, FAIL_INPUT, loc, "blocks, repeats and expressions are nested more than %d deep", NEST_MAX);
    u->fatal = true;
    return false;
}
