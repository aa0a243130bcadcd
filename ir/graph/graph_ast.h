#ifndef TOKIC_IR_GRAPH_GRAPH_AST_H
#define TOKIC_IR_GRAPH_GRAPH_AST_H
/* The syntax tree of a .graph file, before names are resolved. */
#include "ir/dtype.h"
#include "ir/graph/lex.h"

enum expr_kind {
    EX_BAD, /* a syntax error that was reported */
    EX_INT,
    EX_FLOAT,
    EX_NAME,
    EX_LIST,  /* [a, b] */
    EX_CALL,  /* linear(x, 16) named lin */
    EX_CHAIN, /* a + b - c: operators of equal precedence, from left to right */
    EX_NEG,
    EX_INDEX,    /* x[a:b:s, ...]: args[0] is x, the others are the items */
    EX_RANGE,    /* a:b:s, an item of EX_INDEX: three args, of value NULL where left out */
    EX_ELLIPSIS, /* ..., an item of EX_INDEX */
};

struct expr;
struct arg {
    const char *name; /* NULL if positional */
    struct loc name_loc;
    struct expr *value;
};

struct expr {
    enum expr_kind kind;
    struct loc loc; /* EX_CHAIN: of the first operator */
    int64_t i;
    double f;
    const char *name;
    const char *named; /* the label after `named` in a call, such as block{b}.lin0; NULL: none */
    struct loc named_loc;
    struct arg *args;
    size_t n, cap;
    const struct tok_op {
        char op;
        struct loc loc;
    } * ops; /* EX_CHAIN: the n - 1 operators */
};

struct type_expr {
    const char *dtype;
    struct loc loc;
    struct expr *dims;
};

enum stmt_kind {
    ST_DIM,   /* dim B */
    ST_LET,   /* let H = 64 */
    ST_SIZE,  /* size nano { H = 8 } */
    ST_BLOCK, /* block expert(x: float[B, H]) -> float[B, H] { … } */
    ST_INPUT,
    ST_LABEL,  /* label y: i32[B] where 0 <= y <= 9 */
    ST_WEIGHT, /* weight w: float[H] init zero */
    ST_ASSIGN, /* h: float[B, H] = linear(x, H) */
    ST_OUTPUT, /* output y = exp(h), or output h */
    ST_LOSS,   /* loss = mse(y, t) */
    ST_REPEAT, /* repeat 3 as b { … } */
    ST_IF,     /* if N { … } else { … } */
    ST_RETURN, /* return h */
};

struct param {
    const char *name;
    struct loc loc;
    struct type_expr *type;
};

struct stmt {
    enum stmt_kind kind;
    struct loc loc;
    const char *name;
    struct type_expr *type;
    struct expr *value, *lo, *hi;
    struct loc name_loc; /* ST_REPEAT: of its variable, which is `name` */
    const char *init;
    struct loc init_loc;
    struct param *params;
    size_t n_params, cap_params;
    struct stmt **body;
    size_t n_body, cap_body;
    struct stmt *orelse; /* ST_IF: holds the statements after else; NULL: none */
    bool failed;         /* an error was reported here, so later instances of the statement report none */
    bool used;           /* blocks: inlined at least once */
    bool open;           /* blocks: being inlined now; a call then is a recursion */
};

struct file_ast {
    const char *name;
    struct loc name_loc;
    struct stmt **body;
    size_t n_body, cap_body;
};

/* Parses a file into a tree in the arena `step`. After syntax errors the tree lacks the bad parts.
   Returns NULL if the file does not begin with `graph NAME`. */
struct file_ast *ast_parse(struct session *s, struct arena *step, const struct source *src);

/* Parsers for an expression and a type. Flat texts have the same syntax for both. */
struct expr *ast_expr(struct cursor *c);
struct type_expr *ast_type(struct cursor *c);
#endif
