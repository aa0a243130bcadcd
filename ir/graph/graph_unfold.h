#ifndef TOKIC_IR_GRAPH_GRAPH_UNFOLD_H
#define TOKIC_IR_GRAPH_GRAPH_UNFOLD_H
/* Turns the syntax tree into a graph: inlines blocks, unrolls repeats, resolves names. */
#include "ir/graph/graph_ast.h"
#include "ir/map.h"
#include "ir/ops/op.h"

enum value_kind {
    VAL_POISON, /* an error was reported; using the value reports no further error */
    VAL_NODE,
    VAL_INT,
    VAL_FLOAT,
    VAL_DIM,
    VAL_DTYPE,
    VAL_BOOL,
    VAL_LIST,
    VAL_BLOCK,
};

struct value {
    enum value_kind kind;
    struct loc loc;
    struct node *node;
    int64_t i;
    double f;
    bool inexact; /* VAL_INT: a division left a remainder */
    const struct index *index;
    int ops; /* VAL_DIM: number of operations in its expression */
    struct value *list;
    size_t n;
    struct stmt *block;
};

struct binding {
    struct value v;
    struct loc defined;
    int64_t times; /* number for the next tensor of this name: x, x.1, x.2 */
};

/* The variable of a repeat: the number of the current turn, from 0. */
struct turn {
    const char *name;
    struct binding binding;
    struct turn *outer;
};

struct scope {
    struct scope *parent; /* in a block: the scope of the file; else NULL */
    struct map *names;
    struct map *counts;   /* stem of parameter names -> next number: lin0, lin1 */
    struct turn *turns;   /* of the open repeats, the innermost first */
    const char *instance; /* block instance of this scope: "expert0"; NULL: top level */
};

struct taken {
    struct loc loc;
    struct node *weight;
    bool declared; /* by a weight statement */
};

struct unfold {
    struct session *s;
    struct arena *step;
    struct graph *g;
    const struct graph_options *o;
    struct scope *file;
    struct map *taken; /* name of a tensor or instance -> struct taken */
    struct map *settable;
    struct map *outs;
    size_t max_nodes, steps;
    int depth;
    bool fatal; /* a limit was exceeded, so unfolding stops */
    bool flat;  /* parsing a flat text, whose expressions contain only numbers, dims, min and max */
};

struct scope *scope_new(struct unfold *u, struct scope *parent, const char *instance);
/* Returns the binding of a name; if there is none, reports an error and returns NULL.
   A block sees its own names, and the numbers and blocks of the file, but not the tensors of the file. */
const struct binding *scope_find(struct unfold *u, const struct scope *sc, const char *name, struct loc loc);
/* Defines a name. If the scope already defines it, reports an error and returns false. */
bool scope_define(struct unfold *u, struct scope *sc, const char *name, struct value v, struct loc loc);
/* Binds a name to a value. A tensor also gets a full name: expert0.h. The name may be bound again.
   The full name of the second tensor is expert0.h.1. */
bool scope_bind(struct unfold *u, struct scope *sc, const char *name, struct value v, struct loc loc);
/* Opens a repeat whose turns are numbered. False with an error if the name is already defined. scope_leave_turn closes
   it. */
bool scope_enter_turn(struct unfold *u, struct scope *sc, struct turn *t, const char *name, struct loc loc);
void scope_leave_turn(struct scope *sc);
/* A name after `named`, each variable in braces replaced by its integer: "block{b}.lin0" -> "block3.lin0". NULL with an
   error. */
const char *scope_numbered(struct unfold *u, const struct scope *sc, const char *name, struct loc loc);
/* The name with the block instance in front: "expert0.h". */
const char *scope_path(struct unfold *u, const struct scope *sc, const char *name);
/* Reserves a tensor name. If it is in use, reports an error that begins with `what` ("weight"), and returns NULL. */
struct taken *name_take(struct unfold *u, const char *name, struct loc loc, const char *what);
/* Reserves the first free name of `wanted`, `wanted`.1, `wanted`.2, …, and returns it. */
const char *instance_take(struct unfold *u, const char *wanted, struct loc loc);
/* unfold_step counts a step. unfold_enter counts a level of nesting.
   Beyond the limit both return false. Only the first such failure reports an error. */
bool unfold_step(struct unfold *u, struct loc loc);
bool unfold_enter(struct unfold *u, struct loc loc);

struct value value_eval(struct unfold *u, struct scope *sc, const struct expr *e);
bool value_int(struct unfold *u, struct value v, const char *what, int64_t *out);
bool value_float(struct unfold *u, struct value v, const char *what, double *out);
bool value_dim(struct unfold *u, struct value v, const char *what, const struct index **out);
/* Describes a value for messages: "f32[B, 96]", "the number 3", "block expert". */
const char *value_text(struct unfold *u, const struct value *v);
bool type_eval(struct unfold *u, struct scope *sc, const struct type_expr *t, struct type *out);
/* Converts a value to an attribute. In errors, `what` names the attribute: "attribute k of topk_mask". */
bool attr_of_value(struct unfold *u, enum attr_kind kind, const struct value *v, const char *what, struct attr *out);

struct value call_eval(struct unfold *u, struct scope *sc, const struct expr *e);
struct value infix_eval(struct unfold *u, struct scope *sc, struct value x, struct value y, char op, struct loc loc);
/* x[items]: e is an EX_INDEX. */
struct value index_value(struct unfold *u, struct scope *sc, const struct expr *e);
struct value negate_node(struct unfold *u, struct scope *sc, struct value x, struct loc loc);
/* Replaces a number by a constant tensor with the dtype and shape of `like`. Does not change a tensor. */
bool scalar_node(struct unfold *u, struct scope *sc, struct value *v, const struct type *like);
/* Checks that v has the shape of the declared type t, and casts v to the dtype of t. `float` accepts any float dtype.
   In errors, `what` names the value: "h". */
bool value_as_type(struct unfold *u, struct scope *sc, struct value *v, const struct type *t, const char *what,
                   struct loc declared);

struct value block_unfold(struct unfold *u, struct stmt *block, const struct value *args, size_t n,
                          const char *instance, struct loc call);

struct graph *graph_flat_parse(struct session *s, struct arena *step, const struct source *src,
                               const struct graph_options *o);
#endif
