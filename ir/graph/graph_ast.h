#ifndef TOKIC_IR_GRAPH_GRAPH_AST_H
#define TOKIC_IR_GRAPH_GRAPH_AST_H
/* The syntax tree of a .graph file, before names are resolved. Only the graph_*.c files of this folder use it. */
#include "ir/dtype.h"
#include "ir/graph/lex.h"

enum expr_kind {
    EX_BAD, /* already reported */
    EX_INT,
    EX_FLOAT,
    EX_NAME,
    EX_LIST,  /* [a, b] */
    EX_CALL,  /* name(args) named label */
    EX_CHAIN, /* args[0] op args[1] op …, left to right, one level of precedence */
    EX_NEG,
};

struct expr;
struct arg {
    const char *name; /* of attr=value; NULL: positional */
    struct loc name_loc;
    struct expr *value;
};

struct expr {
    enum expr_kind kind;
    struct loc loc; /* of the expression; EX_CHAIN: of its first operator */
    int64_t i;
    double f;
    const char *name;  /* EX_NAME, EX_CALL */
    const char *named; /* EX_CALL; NULL: none */
    struct loc named_loc;
    struct arg *args;
    size_t n, cap;
    const struct tok_op {
        char op;
        struct loc loc;
    } * ops; /* EX_CHAIN: n - 1 of them */
};

struct type_expr {
    const char *dtype;
    struct loc loc;
    struct expr *dims; /* an EX_LIST; NULL for rank 0 */
};

enum stmt_kind {
    ST_DIM,   /* name */
    ST_LET,   /* name = value */
    ST_SIZE,  /* name { body of ST_LET } */
    ST_BLOCK, /* name(params) -> type { body } */
    ST_INPUT,
    ST_LABEL,  /* name: type where lo <= name <= hi */
    ST_WEIGHT, /* name: type init word */
    ST_ASSIGN, /* name [: type] = value */
    ST_OUTPUT, /* as ST_ASSIGN; without value: the name of an existing tensor */
    ST_LOSS,   /* loss = value */
    ST_REPEAT, /* value { body } */
    ST_RETURN, /* value */
};

struct param {
    const char *name;
    struct loc loc;
    struct type_expr *type;
};

struct stmt {
    enum stmt_kind kind;
    struct loc loc; /* of the name, or of the statement's first word */
    const char *name;
    struct type_expr *type;
    struct expr *value, *lo, *hi;
    const char *init;
    struct loc init_loc;
    struct param *params;
    size_t n_params, cap_params;
    struct stmt **body;
    size_t n_body, cap_body;
    bool failed; /* its unfolding has reported an error, so later unfoldings report none */
    bool used;   /* ST_BLOCK: has been unfolded */
    bool open;   /* ST_BLOCK: is being unfolded */
};

struct file_ast {
    const char *name;
    struct loc name_loc;
    struct stmt **body;
    size_t n_body, cap_body;
};

/* Parses a whole file into the step arena. After errors the tree holds what could be read; NULL if the file does not
   begin with `graph NAME`. */
struct file_ast *ast_parse(struct session *s, struct arena *step, const struct source *src);

/* For the parser of flat texts, whose types and expressions are written in the same way. */
struct expr *ast_expr(struct cursor *c);
struct type_expr *ast_type(struct cursor *c);
#endif
