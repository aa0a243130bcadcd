#ifndef TOKIC_IR_GRAPH_GRAPH_UNFOLD_H
#define TOKIC_IR_GRAPH_GRAPH_UNFOLD_H
/* From the syntax tree to the graph: blocks are inlined, repeats unrolled, names resolved. Only the graph_*.c files of
   this folder use it. */
#include "ir/graph/graph_ast.h"
#include "ir/map.h"
#include "ir/ops/op.h"

enum value_kind {
    VAL_POISON, /* the result of an error; using it reports no further error */
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
    bool inexact; /* VAL_INT: a division that it was computed by had a remainder */
    const struct index *index;
    int ops; /* VAL_DIM: number of operations in the expression */
    struct value *list;
    size_t n;
    struct stmt *block;
};

struct binding {
    struct value v;
    struct loc defined;
    int64_t times; /* the number of the next tensor that is bound to this name */
};

struct scope {
    struct scope *parent; /* the file's scope, of which a block sees only numbers and blocks; NULL: this is it */
    struct map *names;    /* struct binding, by name */
    struct map *counts;   /* intptr_t, by the stem of names: the number in the next name with this stem */
    const char *instance; /* name of the block instance; NULL: top level */
};

/* Who uses a tensor's name. */
struct taken {
    struct loc loc;
    struct node *weight;
    bool declared; /* by a weight statement */
};

struct unfold {
    struct session *s;
    struct arena *step; /* holds the tree, scopes and values; what the graph keeps is copied */
    struct graph *g;
    const struct graph_options *o;
    struct scope *file;
    struct map *taken;    /* struct taken, by the name of a tensor or instance */
    struct map *settable; /* the names that --set may override; the values mean nothing */
    struct map *outs;     /* struct loc, by the name of an output */
    size_t max_nodes, steps;
    int depth;
    bool fatal; /* a limit was exceeded */
    bool flat;  /* a flat text is parsed: its expressions are numbers and dims, and call only min and max */
};

/* --- graph_scope.c --- */
struct scope *scope_new(struct unfold *u, struct scope *parent, const char *instance);
/* The binding that a name resolves to in a scope; NULL and an error (with a suggestion) if there is none. */
const struct binding *scope_find(struct unfold *u, const struct scope *sc, const char *name, struct loc loc);
/* Defines a name that may be defined only once. If it is already defined: false and an error, with a note at the first
   definition. */
bool scope_define(struct unfold *u, struct scope *sc, const char *name, struct value v, struct loc loc);
/* Binds a variable, which may be rebound, and names its tensor SCOPE.NAME, SCOPE.NAME.1, … */
bool scope_bind(struct unfold *u, struct scope *sc, const char *name, struct value v, struct loc loc);
/* The full name of `name` in a scope: "expert0.h". */
const char *scope_path(struct unfold *u, const struct scope *sc, const char *name);
/* Reserves a tensor's name; NULL and an error if it is in use. */
struct taken *name_take(struct unfold *u, const char *name, struct loc loc, const char *what);
/* Reserves the first unused name of `wanted`, wanted.1, wanted.2 … */
const char *instance_take(struct unfold *u, const char *wanted, struct loc loc);
/* unfold_step counts a step, unfold_enter a level of nesting. They return false beyond the limit; only the first
   time is reported as an error. */
bool unfold_step(struct unfold *u, struct loc loc);
bool unfold_enter(struct unfold *u, struct loc loc);

/* --- graph_value.c --- */
struct value value_eval(struct unfold *u, struct scope *sc, const struct expr *e);
bool value_int(struct unfold *u, struct value v, const char *what, int64_t *out);
bool value_float(struct unfold *u, struct value v, const char *what, double *out);
bool value_dim(struct unfold *u, struct value v, const char *what, const struct index **out);
/* A value in messages: "f32[B, 96]", "the number 3", "block expert". */
const char *value_text(struct unfold *u, const struct value *v);
/* A type with its dims resolved; false and errors if it is invalid. */
bool type_eval(struct unfold *u, struct scope *sc, const struct type_expr *t, struct type *out);
/* Converts a value to an attribute's kind. `what` names it in errors: "attribute k of topk_mask". */
bool attr_of_value(struct unfold *u, enum attr_kind kind, const struct value *v, const char *what, struct attr *out);

/* --- graph_call.c --- */
struct value call_eval(struct unfold *u, struct scope *sc, const struct expr *e);
/* x op y, where x or y is a tensor. */
struct value infix_eval(struct unfold *u, struct scope *sc, struct value x, struct value y, char op, struct loc loc);
struct value negate_node(struct unfold *u, struct scope *sc, struct value x, struct loc loc);
/* Replaces a number by a constant tensor with the dtype and shape of `like`. */
bool scalar_node(struct unfold *u, struct scope *sc, struct value *v, const struct type *like);
/* Makes v fit its declared type: checks the shape and casts to the dtype. `float` accepts any float dtype. `what` names
   v in errors: "h". */
bool value_as_type(struct unfold *u, struct scope *sc, struct value *v, const struct type *t, const char *what,
                   struct loc declared);

/* --- graph_unfold.c --- */
struct value block_unfold(struct unfold *u, struct stmt *block, const struct value *args, size_t n,
                          const char *instance, struct loc call);

/* --- graph_flat.c --- */
struct graph *graph_flat_parse(struct session *s, struct arena *step, const struct source *src,
                               const struct graph_options *o);
#endif
