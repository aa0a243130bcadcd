#ifndef TOKIC_IR_GRAPH_GRAPH_UNFOLD_H
#define TOKIC_IR_GRAPH_GRAPH_UNFOLD_H
/* From the syntax tree to the graph: inlines blocks, unrolls repeats, resolves names. */
#include "ir/graph/graph_ast.h"
#include "ir/map.h"
#include "ir/ops/op.h"

enum value_kind {
    VAL_POISON, /* the result of an error; its use reports no further error */
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
    bool inexact; /* VAL_INT: computed with a division that had a remainder */
    const struct index *index;
    int ops; /* VAL_DIM: number of operations in the expression */
    struct value *list;
    size_t n;
    struct stmt *block;
};

struct binding {
    struct value v;
    struct loc defined;
    int64_t times; /* next number for tensors of this name: x, x.1, x.2 */
};

/* The variable of a repeat: the number of the current turn, from 0. */
struct turn {
    const char *name;
    struct binding binding;
    struct turn *outer;
};

struct scope {
    struct scope *parent; /* the file's scope; NULL for the file's own */
    struct map *names;
    struct map *counts;   /* stem of parameter names -> next number: lin0, lin1 */
    struct turn *turns;   /* of the open repeats, the innermost first */
    const char *instance; /* block instance of this scope: "expert0"; NULL: top level */
};

struct taken {
    struct loc loc;
    struct node *weight;
    bool declared; /* a weight statement declares it */
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
    bool fatal; /* a limit was exceeded; unfolding stops */
    bool flat;  /* parsing a flat text; expressions then contain only numbers, dims, min and max */
};

struct scope *scope_new(struct unfold *u, struct scope *parent, const char *instance);
/* The binding of a name. A block sees its own names, and the numbers and blocks of the file. NULL with an error if
   there is none. */
const struct binding *scope_find(struct unfold *u, const struct scope *sc, const char *name, struct loc loc);
/* Defines a name. False with an error if it is already defined in the scope. */
bool scope_define(struct unfold *u, struct scope *sc, const char *name, struct value v, struct loc loc);
/* Binds a name to a tensor, which is then called expert0.h. The name may be bound again: the next tensor is
   expert0.h.1. */
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
/* Reserves a tensor name. NULL with an error if it is in use. `what` begins the message: "weight". */
struct taken *name_take(struct unfold *u, const char *name, struct loc loc, const char *what);
/* Reserves the first unused name among wanted, wanted.1, wanted.2, … */
const char *instance_take(struct unfold *u, const char *wanted, struct loc loc);
/* unfold_step counts a step, unfold_enter a level of nesting. Both return false beyond the limit. Only the first
   failure reports an error. */
bool unfold_step(struct unfold *u, struct loc loc);
bool unfold_enter(struct unfold *u, struct loc loc);

struct value value_eval(struct unfold *u, struct scope *sc, const struct expr *e);
bool value_int(struct unfold *u, struct value v, const char *what, int64_t *out);
bool value_float(struct unfold *u, struct value v, const char *what, double *out);
bool value_dim(struct unfold *u, struct value v, const char *what, const struct index **out);
/* Describes a value for messages: "f32[B, 96]", "the number 3", "block expert". */
const char *value_text(struct unfold *u, const struct value *v);
bool type_eval(struct unfold *u, struct scope *sc, const struct type_expr *t, struct type *out);
/* Converts a value to an attribute. `what` names the attribute in errors: "attribute k of topk_mask". */
bool attr_of_value(struct unfold *u, enum attr_kind kind, const struct value *v, const char *what, struct attr *out);

struct value call_eval(struct unfold *u, struct scope *sc, const struct expr *e);
struct value infix_eval(struct unfold *u, struct scope *sc, struct value x, struct value y, char op, struct loc loc);
/* x[items]: e is an EX_INDEX. */
struct value index_value(struct unfold *u, struct scope *sc, const struct expr *e);
struct value negate_node(struct unfold *u, struct scope *sc, struct value x, struct loc loc);
/* Replaces a number by a constant tensor with the dtype and shape of `like`. Leaves a tensor as it is. */
bool scalar_node(struct unfold *u, struct scope *sc, struct value *v, const struct type *like);
/* Checks that v has the shape of its declared type, and casts it to the dtype. `float` accepts any float dtype. `what`
   names v in errors: "h". */
bool value_as_type(struct unfold *u, struct scope *sc, struct value *v, const struct type *t, const char *what,
                   struct loc declared);

struct value block_unfold(struct unfold *u, struct stmt *block, const struct value *args, size_t n,
                          const char *instance, struct loc call);

struct graph *graph_flat_parse(struct session *s, struct arena *step, const struct source *src,
                               const struct graph_options *o);
#endif
