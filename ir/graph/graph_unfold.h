#ifndef TOKIC_IR_GRAPH_GRAPH_UNFOLD_H
#define TOKIC_IR_GRAPH_GRAPH_UNFOLD_H
/* From the tree to the graph: blocks are inlined, repeats unrolled, names resolved. Inside of ir/graph_*.c only. */
#include "ir/graph/graph_ast.h"
#include "ir/map.h"
#include "ir/ops/op.h"

enum value_kind {
    VAL_POISON, /* what failed; using it is no new error */
    VAL_NODE,
    VAL_INT,
    VAL_FLOAT,
    VAL_DIM, /* an expression over symbolic dims */
    VAL_DTYPE,
    VAL_BOOL,
    VAL_LIST,
    VAL_BLOCK,
};

struct value {
    enum value_kind kind;
    struct loc loc; /* of the expression */
    struct node *node;
    int64_t i; /* VAL_INT, VAL_DTYPE, VAL_BOOL */
    double f;
    bool inexact; /* VAL_INT: a division in it had a remainder */
    const struct index *index;
    int ops; /* VAL_DIM, and how many operations it took */
    struct value *list;
    size_t n;
    struct stmt *block;
};

struct binding {
    struct value v;
    struct loc defined;
    int64_t times;
}; /* times: how often this name was bound to a tensor */

struct scope {
    struct scope *parent; /* of a block instance: the file's scope; only its numbers and blocks are seen */
    struct map *names;    /* struct binding */
    struct map *counts;   /* of automatic parameters, by stem: intptr_t */
    const char *instance; /* NULL: top level */
};

struct taken {
    struct loc loc;
    struct node *weight;
    bool declared;
}; /* a tensor's name that is in use; declared: by a weight statement */

struct unfold {
    struct session *s;
    struct arena *step; /* of the tree, scopes and values; what the graph keeps is copied */
    struct graph *g;
    const struct graph_options *o;
    struct scope *file;
    struct map *taken;    /* struct taken: names of tensors and instances */
    struct map *settable; /* names that --set may give: const char * of the set that does, or NULL */
    struct map *outs;     /* struct loc: names of outputs */
    size_t max_nodes, steps;
    int depth;
    bool fatal; /* a limit was hit */
    bool flat;  /* reading a flat text: expressions are numbers and dims, never calls */
};

/* --- graph_scope.c --- */
struct scope *scope_new(struct unfold *u, struct scope *parent, const char *instance);
/* The binding of a name as seen from a scope; NULL and an error (with a near name) if there is none. */
const struct binding *scope_find(struct unfold *u, const struct scope *sc, const char *name, struct loc loc);
/* Defines a name that may be defined once; an error with a note to the first if it is there. */
bool scope_define(struct unfold *u, struct scope *sc, const char *name, struct value v, struct loc loc);
/* Binds a variable, which may be bound again, and names its tensor SCOPE.NAME, SCOPE.NAME.1, … */
bool scope_bind(struct unfold *u, struct scope *sc, const char *name, struct value v, struct loc loc);
/* "expert0.h": a name within a scope. */
const char *scope_path(struct unfold *u, const struct scope *sc, const char *name);
/* Takes a tensor's name: NULL and an error if it is in use. */
struct taken *name_take(struct unfold *u, const char *name, struct loc loc, const char *what);
/* `wanted`, or wanted.1, .2 …: the first that is free. */
const char *instance_take(struct unfold *u, const char *wanted, struct loc loc);
/* A step of the unfolding; false, once with an error, when there were too many or the nesting is too deep. */
bool unfold_step(struct unfold *u, struct loc loc);
bool unfold_enter(struct unfold *u, struct loc loc);

/* --- graph_value.c --- */
struct value value_eval(struct unfold *u, struct scope *sc, const struct expr *e);
bool value_int(struct unfold *u, struct value v, const char *what, int64_t *out);
bool value_float(struct unfold *u, struct value v, const char *what, double *out);
bool value_dim(struct unfold *u, struct value v, const char *what, const struct index **out);
/* "f32[B, 96]", "the number 3", "block expert". */
const char *value_text(struct unfold *u, const struct value *v);
/* A type with its dims resolved; false and errors if it is none. */
bool type_eval(struct unfold *u, struct scope *sc, const struct type_expr *t, struct type *out);
/* An attribute's value from an expression's. `what`: "attribute k of topk_mask". */
bool attr_of_value(struct unfold *u, enum attr_kind kind, const struct value *v, const char *what, struct attr *out);

/* --- graph_call.c --- */
struct value call_eval(struct unfold *u, struct scope *sc, const struct expr *e);
/* x op y with at least one tensor. */
struct value infix_eval(struct unfold *u, struct scope *sc, struct value x, struct value y, char op, struct loc loc);
struct value negate_node(struct unfold *u, struct scope *sc, struct value x, struct loc loc);
/* A number as a tensor like another one. */
bool scalar_node(struct unfold *u, struct scope *sc, struct value *v, const struct type *like);
/* v as declared: the shape is checked, a dtype that differs is cast; `float` takes any float as it is. `what`: "h". */
bool value_as_type(struct unfold *u, struct scope *sc, struct value *v, const struct type *t, const char *what,
                   struct loc declared);

/* --- graph_unfold.c --- */
struct value block_unfold(struct unfold *u, struct stmt *block, const struct value *args, size_t n,
                          const char *instance, struct loc call);

/* --- graph_flat.c --- */
struct graph *graph_flat_parse(struct session *s, struct arena *step, const struct source *src,
                               const struct graph_options *o);
#endif
