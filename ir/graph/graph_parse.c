/* The .graph language: text to syntax tree. graph_unfold.c resolves names. One statement per line; inside "(" and "["
   line ends are white space; "#" begins a comment.

   file      = "graph" name { statement }
   statement = size | dim | let | block | input | weight | repeat | if | output | loss | assign | return
   size      = "size" name "{" [ binding { "," binding } ] "}"                   at top level; the first is the default
   dim       = "dim" name { "," name }                                           at top level
   let       = "let" binding { "," binding }                                     at top level
   binding   = name "=" expr
   block     = "block" name "(" param { "," param } ")" "->" type body           at top level
   param     = name ":" type
   body      = "{" { statement } "}"
   input     = ( "input" | "label" ) name ":" type [ where ]                     at top level
   where     = "where" ( expr "<=" name [ "<=" expr ] | name "<=" expr )
   weight    = "weight" dotted ":" type [ "init" ( "fan_in" | "zero" | "one" ) ]
   repeat    = "repeat" expr [ "as" name ] body
   if        = "if" expr body [ "else" body ]                                    at top level, may hold output and loss
   output    = "output" ( name [ ":" type ] "=" expr | name { "," name } )       at top level
   loss      = "loss" "=" expr                                                   at top level
   assign    = name [ ":" type ] "=" expr
   return    = "return" expr                                                     last in a block
   type      = dtype [ "[" [ expr { "," expr } ] "]" ]
   dtype     = "float" | "f16" | "bf16" | "f32" | "f64" | "i32" | "i64" | "bool"
   expr      = term { ( "+" | "-" ) term }
   term      = factor { ( "*" | "/" | "%" | "@" ) factor }
   factor    = "-" factor | number | list | primary { "[" item { "," item } "]" }
   primary   = dotted | call | "(" expr ")"
   item      = "..." | expr | [ expr ] ":" [ expr ] [ ":" [ expr ] ]
   call      = name "(" [ argument { "," argument } ] ")" [ "named" ( dotted | numbered ) ]
   argument  = [ name "=" ] expr
   list      = "[" [ expr { "," expr } ] "]"
   dotted    = a name that may have dots; name, numbered, number: ir/graph/lex.c */
#include "ir/graph/graph_ast.h"

#include <string.h>

#include "ir/graph/hint.h"
#include "ir/map.h"

static const char *const words[] = {
    "graph",  "size",   "dim",  "let",    "block", "input", "label", "weight",
    "repeat", "output", "loss", "return", "named", "where", "if",    "else",
};
enum { N_WORDS = sizeof words / sizeof *words };

static bool is_reserved(const char *name)
{
    for (int i = 0; i < N_WORDS; i++)
        if (!strcmp(name, words[i]))
            return true;
    enum dtype t;
    return dtype_parse(name, &t);
}

/* Consumes a name that the file defines here. Reports an error if the name is a keyword. */
static const char *new_name(struct cursor *c, const char *what, bool with_dots)
{
    if (c->cur.kind == TOK_NAME && !cursor_at_end(c) && is_reserved(c->cur.text)) {
        cursor_error(c, "'%s' is a keyword and cannot name %s", c->cur.text, what);
        return NULL;
    }
    return cursor_name(c, arena_printf(c->step, "a name for %s", what), with_dots);
}

static struct expr *expr_new(struct cursor *c, enum expr_kind kind)
{
    struct expr *e = arena_new_of(c->step, struct expr);
    e->kind = kind;
    e->loc = c->cur.loc;
    return e;
}

/* Describes the current, unexpected token for a message. For an operator of another language, adds a hint:
   "'@'; write matmul(x, y)". */
static const char *stray(struct cursor *c)
{
    const char *what = cursor_what(c);
    char text[3] = { c->cur.kind == TOK_PUNCT && c->cur.punct < 256 ? (char)c->cur.punct : 0 };
    if (cursor_is(c, PUNCT_LESS_EQ))
        strcpy(text, "<=");
    else if (*text && c->next.kind == TOK_PUNCT && c->next.punct == *text && !c->next.line_start && *text != '[')
        text[1] = *text;
    const char *meant = c->cur.line_start ? NULL : hint_operator(text);
    return meant ? arena_printf(c->step, "%s; write %s", what, meant) : what;
}

static struct expr *parse_expr(struct cursor *c);

static void parse_elements(struct cursor *c, struct expr *e, bool named, char close)
{
    struct loc open = c->before;
    open.col--;
    c->parens++;
    while (!c->panic && !cursor_is(c, close)) {
        struct arg *a = arena_push(c->step, e->args, e->n, e->cap);
        *a = (struct arg){ .name_loc = c->cur.loc };
        if (named && c->cur.kind == TOK_NAME && c->next.kind == TOK_PUNCT && c->next.punct == '=') {
            a->name = cursor_name(c, "an attribute", false);
            cursor_next(c);
        }
        a->value = parse_expr(c);
        if (c->panic || cursor_take(c, ',') || cursor_is(c, close))
            continue;
        cursor_error(c, "expected ',' or '%c', not %s", close, stray(c));
        diag_note(c->s, open, "the '%c' is here", close == ')' ? '(' : '[');
    }
    c->parens -= c->parens > 0;
    cursor_take(c, close);
}

static struct expr *parse_call(struct cursor *c)
{
    struct expr *e = expr_new(c, EX_CALL);
    const char *dot = strrchr(c->cur.text, '.');
    if (dot)
        cursor_error(c, "tensors have no methods; write %s(%.*s)", dot + 1, (int)(dot - c->cur.text), c->cur.text);
    e->name = cursor_name(c, "an operation", false);
    cursor_next(c);
    parse_elements(c, e, true, ')');
    if (!c->panic && cursor_is_word(c, "named") && !cursor_at_end(c)) {
        cursor_next(c);
        e->named_loc = c->cur.loc;
        e->named = cursor_is_numbered(c) ? c->cur.text : new_name(c, "a call", true);
        if (cursor_is_numbered(c))
            cursor_next(c);
    }
    return e;
}

/* item = "..." | expr | [ expr ] ":" [ expr ] [ ":" [ expr ] ] */
static struct expr *parse_item(struct cursor *c)
{
    if (cursor_is(c, PUNCT_ELLIPSIS)) {
        struct expr *all = expr_new(c, EX_ELLIPSIS);
        cursor_next(c);
        return all;
    }
    struct expr *range = expr_new(c, EX_RANGE);
    struct expr *first = cursor_is(c, ':') ? NULL : parse_expr(c);
    if (c->panic || !cursor_is(c, ':'))
        return first;
    range->n = 3;
    range->args = arena_array(c->step, struct arg, 3);
    range->args[0].value = first;
    for (int i = 1; i < 3 && !c->panic && cursor_take(c, ':'); i++)
        if (!cursor_is(c, ':') && !cursor_is(c, ',') && !cursor_is(c, ']'))
            range->args[i].value = parse_expr(c);
    return range;
}

/* "[" item { "," item } "]" after the tensor x */
static struct expr *parse_index(struct cursor *c, struct expr *x)
{
    struct expr *e = expr_new(c, EX_INDEX);
    *arena_push(c->step, e->args, e->n, e->cap) = (struct arg){ .value = x };
    cursor_next(c);
    c->parens++;
    do {
        struct expr *item = cursor_is(c, ']') && e->n > 1 ? NULL : parse_item(c);
        if (item)
            *arena_push(c->step, e->args, e->n, e->cap) = (struct arg){ .value = item };
    } while (!c->panic && cursor_take(c, ','));
    if (!c->panic && !cursor_is(c, ']')) {
        cursor_error(c, "expected ',' or ']', not %s", stray(c));
        diag_note(c->s, e->loc, "the '[' is here");
    }
    c->parens -= c->parens > 0;
    cursor_take(c, ']');
    return e;
}

static struct expr *parse_parenthesised(struct cursor *c)
{
    struct loc open = c->cur.loc;
    cursor_next(c);
    c->parens++;
    struct expr *e = parse_expr(c);
    c->parens -= c->parens > 0;
    if (!c->panic && !cursor_take(c, ')')) {
        cursor_error(c, "expected ')', not %s", stray(c));
        diag_note(c->s, open, "the '(' is here");
    }
    return e;
}

/* primary { "[" item { "," item } "]" } */
static struct expr *parse_indexed(struct cursor *c)
{
    struct expr *e;
    if (cursor_is(c, '(')) {
        e = parse_parenthesised(c);
    } else if (c->next.kind == TOK_PUNCT && c->next.punct == '(' && !c->next.line_start) {
        e = parse_call(c);
    } else {
        e = expr_new(c, EX_NAME);
        e->name = cursor_name(c, "a value", true);
    }
    while (!c->panic && !cursor_at_end(c) && cursor_is(c, '['))
        e = parse_index(c, e);
    return e;
}

static struct expr *parse_factor(struct cursor *c)
{
    if (c->panic || !cursor_enter(c))
        return expr_new(c, EX_BAD);
    struct expr *e = NULL;
    if (cursor_at_end(c)) {
        cursor_error(c, "expected a value, not %s", cursor_what(c));
    } else if (c->cur.kind == TOK_INT || c->cur.kind == TOK_FLOAT) {
        e = expr_new(c, c->cur.kind == TOK_INT ? EX_INT : EX_FLOAT);
        e->i = c->cur.i;
        e->f = c->cur.f;
        cursor_next(c);
    } else if (c->cur.kind == TOK_NAME || cursor_is(c, '(')) {
        e = parse_indexed(c);
    } else if (cursor_is(c, '[')) {
        e = expr_new(c, EX_LIST);
        cursor_next(c);
        parse_elements(c, e, false, ']');
    } else if (cursor_is(c, '-')) {
        e = expr_new(c, EX_NEG);
        cursor_next(c);
        struct expr *of = parse_factor(c);
        *arena_push(c->step, e->args, e->n, e->cap) = (struct arg){ .value = of };
    } else {
        cursor_error(c, "expected a value, not %s%s", cursor_what(c), cursor_is(c, '=') ? "; write equal(x, y)" : "");
    }
    cursor_leave(c);
    return e && !c->panic ? e : expr_new(c, EX_BAD);
}

/* Parses part { op part }. `which` is a string of the characters allowed as op. */
static struct expr *parse_chain(struct cursor *c, const char *which, struct expr *(*part)(struct cursor *))
{
    struct expr *first = part(c);
    struct expr *chain = NULL;
    struct tok_op *ops = NULL;
    size_t n_ops = 0;
    size_t cap_ops = 0;
    while (!c->panic && !cursor_at_end(c) && c->cur.kind == TOK_PUNCT && c->cur.punct < 256 &&
           strchr(which, c->cur.punct)) {
        if (!chain) {
            chain = expr_new(c, EX_CHAIN);
            *arena_push(c->step, chain->args, chain->n, chain->cap) = (struct arg){ .value = first };
        }
        *arena_push(c->step, ops, n_ops, cap_ops) = (struct tok_op){ (char)c->cur.punct, c->cur.loc };
        cursor_next(c);
        if (cursor_is(c, ops[n_ops - 1].op) && hint_operator((char[]){ ops[n_ops - 1].op, ops[n_ops - 1].op, 0 }))
            cursor_error(c, "'%c%c' is no operator; write %s", c->cur.punct, c->cur.punct,
                         hint_operator((char[]){ ops[n_ops - 1].op, ops[n_ops - 1].op, 0 }));
        struct expr *next = part(c);
        *arena_push(c->step, chain->args, chain->n, chain->cap) = (struct arg){ .value = next };
    }
    if (!chain)
        return first;
    chain->ops = ops;
    return chain;
}

static struct expr *parse_term(struct cursor *c) { return parse_chain(c, "*/%@", parse_factor); }

static struct expr *parse_expr(struct cursor *c) { return parse_chain(c, "+-", parse_term); }

struct expr *ast_expr(struct cursor *c) { return parse_expr(c); }

/* Accepts any name as dtype. type_eval reports an unknown one. */
struct type_expr *ast_type(struct cursor *c)
{
    struct type_expr *t = arena_new_of(c->step, struct type_expr);
    t->loc = c->cur.loc;
    t->dtype = cursor_name(c, "a type", false);
    if (!c->panic && !cursor_at_end(c) && cursor_is(c, '[')) {
        t->dims = expr_new(c, EX_LIST);
        cursor_next(c);
        parse_elements(c, t->dims, false, ']');
    }
    return t;
}

struct list {
    struct stmt **v;
    size_t n, cap;
};
/* Where a statement stands: in the file itself; in an if of the file, where outputs and a loss may stand too;
   elsewhere. */
enum place { PLACE_FILE, PLACE_IF, PLACE_BODY };
static void parse_statement(struct cursor *c, struct list *to, struct stmt *block, enum place place);

static struct stmt *stmt_new(struct cursor *c, enum stmt_kind kind)
{
    struct stmt *st = arena_new_of(c->step, struct stmt);
    st->kind = kind;
    st->loc = c->cur.loc;
    return st;
}

static void push(struct cursor *c, struct list *to, struct stmt *st)
{
    *arena_push(c->step, to->v, to->n, to->cap) = st;
}

static struct stmt *parse_binding(struct cursor *c)
{
    struct stmt *st = stmt_new(c, ST_LET);
    st->name = new_name(c, "an integer", false);
    if (!c->panic)
        cursor_expect(c, '=', "the integer's name");
    st->value = parse_expr(c);
    return st;
}

static void parse_size(struct cursor *c, struct list *to)
{
    struct stmt *st = stmt_new(c, ST_SIZE);
    st->name = new_name(c, "a size", false);
    if (c->panic || !cursor_expect(c, '{', "the size's name"))
        return;
    c->parens++;
    struct list body = { 0 };
    while (!c->panic && !cursor_is(c, '}')) {
        struct stmt *b = parse_binding(c);
        if (b->name)
            push(c, &body, b);
        if (!cursor_take(c, ',') && !cursor_is(c, '}'))
            cursor_error(c, "expected ',' or '}', not %s", cursor_what(c));
    }
    c->parens = 0;
    cursor_take(c, '}');
    st->body = body.v;
    st->n_body = body.n;
    push(c, to, st);
}

/* A binding may follow on the next line after a comma. */
static void parse_let(struct cursor *c, struct list *to)
{
    for (bool more = true; more;) {
        struct stmt *st = parse_binding(c);
        if (c->panic)
            st->value = expr_new(c, EX_BAD);
        if (st->name)
            push(c, to, st);
        more = !c->panic && !cursor_at_end(c) && cursor_take(c, ',');
        if (more)
            c->cur.line_start = false;
    }
}

static void parse_dim(struct cursor *c, struct list *to)
{
    do {
        struct stmt *st = stmt_new(c, ST_DIM);
        st->name = new_name(c, "a dimension", false);
        if (st->name)
            push(c, to, st);
    } while (!c->panic && !cursor_at_end(c) && cursor_take(c, ','));
}

static void parse_body(struct cursor *c, struct stmt *st, struct stmt *block, enum place place)
{
    const char *after = st->kind == ST_BLOCK ? "the block's type"
                        : st->kind == ST_IF  ? "the condition"
                                             : "the repeat count";
    struct loc open = c->cur.loc;
    struct list body = { 0 };
    if (!cursor_expect(c, '{', after))
        return;
    while (!cursor_is(c, '}') && c->cur.kind != TOK_END)
        parse_statement(c, &body, block, place);
    if (c->fatal)
        c->panic = true;
    if (!c->panic && !cursor_take(c, '}')) {
        diag_error(c->s, FAIL_INPUT, c->before, "expected '}' before the end of the file");
        diag_note(c->s, open, "the '{' is here");
    }
    st->body = body.v;
    st->n_body = body.n;
}

static void parse_block(struct cursor *c, struct list *to)
{
    struct stmt *st = stmt_new(c, ST_BLOCK);
    st->name = new_name(c, "a block", false);
    if (!st->name)
        return;
    push(c, to, st);
    if (!cursor_expect(c, '(', "the block's name"))
        return;
    c->parens++;
    while (!c->panic && !cursor_is(c, ')')) {
        struct param p = { .loc = c->cur.loc };
        p.name = new_name(c, "a parameter", false);
        if (!c->panic)
            cursor_expect(c, ':', "the parameter's name");
        if (!c->panic)
            p.type = ast_type(c);
        if (!c->panic)
            *arena_push(c->step, st->params, st->n_params, st->cap_params) = p;
        if (!cursor_take(c, ',') && !cursor_is(c, ')'))
            cursor_error(c, "expected ',' or ')', not %s", cursor_what(c));
    }
    c->parens = 0;
    cursor_take(c, ')');
    if (!c->panic)
        cursor_expect(c, PUNCT_ARROW, "the parameters");
    if (!c->panic)
        st->type = ast_type(c);
    if (!c->panic)
        parse_body(c, st, st, PLACE_BODY);
    if (c->panic || (st->n_body && st->body[st->n_body - 1]->kind == ST_RETURN))
        return;
    diag_error(c->s, FAIL_INPUT, st->loc, "block %s returns nothing: its last statement must be `return VALUE`",
               st->name);
}

static void parse_where(struct cursor *c, struct stmt *st)
{
    if (!cursor_is_word(c, st->name)) {
        st->lo = parse_expr(c);
        if (!c->panic)
            cursor_expect(c, PUNCT_LESS_EQ, "the lower end");
    }
    if (c->panic)
        return;
    if (!cursor_is_word(c, st->name)) {
        cursor_error(c, "expected '%s', the name that this range is of, not %s", st->name, cursor_what(c));
        return;
    }
    cursor_next(c);
    if (st->lo && !cursor_is(c, PUNCT_LESS_EQ))
        return;
    if (cursor_expect(c, PUNCT_LESS_EQ, "the name"))
        st->hi = parse_expr(c);
}

static void parse_input(struct cursor *c, struct list *to, enum stmt_kind kind)
{
    struct stmt *st = stmt_new(c, kind);
    st->name = new_name(c, kind == ST_INPUT ? "an input" : "a label", false);
    if (!st->name)
        return;
    push(c, to, st);
    if (cursor_expect(c, ':', "the name"))
        st->type = ast_type(c);
    if (c->panic || cursor_at_end(c) || !cursor_is_word(c, "where"))
        return;
    cursor_next(c);
    parse_where(c, st);
}

static void parse_weight(struct cursor *c, struct list *to)
{
    struct stmt *st = stmt_new(c, ST_WEIGHT);
    st->name = new_name(c, "a weight", true);
    if (!st->name)
        return;
    push(c, to, st);
    if (cursor_expect(c, ':', "the weight's name"))
        st->type = ast_type(c);
    if (c->panic || cursor_at_end(c) || !cursor_is_word(c, "init"))
        return;
    cursor_next(c);
    st->init_loc = c->cur.loc;
    st->init = cursor_name(c, "fan_in, zero or one", false);
}

static void parse_repeat(struct cursor *c, struct list *to, struct stmt *block)
{
    struct stmt *st = stmt_new(c, ST_REPEAT);
    if (!cursor_enter(c))
        return;
    st->value = parse_expr(c);
    if (!c->panic && cursor_is_word(c, "as")) {
        cursor_next(c);
        st->name_loc = c->cur.loc;
        st->name = new_name(c, "the number of a turn", false);
    }
    if (!c->panic)
        parse_body(c, st, block, PLACE_BODY);
    if (!c->panic)
        push(c, to, st);
    cursor_leave(c);
}

static void parse_if(struct cursor *c, struct list *to, struct stmt *block, enum place place)
{
    struct stmt *st = stmt_new(c, ST_IF);
    if (!cursor_enter(c))
        return;
    place = place == PLACE_FILE ? PLACE_IF : place;
    st->value = parse_expr(c);
    if (!c->panic)
        parse_body(c, st, block, place);
    if (!c->panic && cursor_is_word(c, "else")) {
        cursor_next(c);
        st->orelse = stmt_new(c, ST_IF);
        parse_body(c, st->orelse, block, place);
    }
    if (!c->panic)
        push(c, to, st);
    cursor_leave(c);
}

/* Parses an assignment. Also parses the rest of `output` and `loss` statements after their first word. */
static void parse_assign(struct cursor *c, struct list *to, enum stmt_kind kind)
{
    struct stmt *st = stmt_new(c, kind);
    st->name = kind == ST_LOSS ? "loss" : new_name(c, "a value", false);
    if (!st->name)
        return;
    if (kind == ST_LOSS) {
        st->loc = c->before;
        st->loc.col -= 4;
        st->loc.len = 4;
    }
    push(c, to, st);
    if (kind != ST_LOSS && !cursor_at_end(c) && cursor_take(c, ':'))
        st->type = ast_type(c);
    if (!c->panic)
        cursor_expect(c, '=', st->type ? "the type" : "the name");
    st->value = parse_expr(c);
}

static void parse_output(struct cursor *c, struct list *to)
{
    if (c->cur.kind == TOK_NAME && c->next.kind == TOK_PUNCT && (c->next.punct == '=' || c->next.punct == ':') &&
        !c->next.line_start) {
        parse_assign(c, to, ST_OUTPUT);
        return;
    }
    do {
        struct stmt *st = stmt_new(c, ST_OUTPUT);
        st->name = cursor_name(c, "an output's name", false);
        if (st->name)
            push(c, to, st);
    } while (!c->panic && !cursor_at_end(c) && cursor_take(c, ','));
}

static void parse_return(struct cursor *c, struct list *to)
{
    struct stmt *st = stmt_new(c, ST_RETURN);
    push(c, to, st);
    st->value = parse_expr(c);
}

static void unknown_statement(struct cursor *c)
{
    const char *near = NULL;
    const char *what = cursor_what(c);
    for (int i = 1; i < N_WORDS && c->cur.kind == TOK_NAME; i++)
        near = name_nearer(c->cur.text, near, words[i]);
    if (!c->panic) {
        if (c->cur.kind == TOK_NAME)
            what = arena_printf(c->step, "'%.60s'", c->cur.text);
        else if (c->cur.kind == TOK_PUNCT && c->cur.punct < 256)
            what = arena_printf(c->step, "'%c'", c->cur.punct);
        const char *hint = near ? arena_printf(c->step, "; did you mean '%s'?", near) : "";
        diag_error(c->s, FAIL_INPUT, c->cur.loc, "no statement begins with %s%s", what, hint);
    }
    c->panic = true;
    cursor_next(c);
}

static bool parse_top(struct cursor *c, struct list *to, const char *word)
{
    if (!strcmp(word, "size"))
        parse_size(c, to);
    else if (!strcmp(word, "dim"))
        parse_dim(c, to);
    else if (!strcmp(word, "let"))
        parse_let(c, to);
    else if (!strcmp(word, "block"))
        parse_block(c, to);
    else if (!strcmp(word, "input"))
        parse_input(c, to, ST_INPUT);
    else if (!strcmp(word, "label"))
        parse_input(c, to, ST_LABEL);
    else if (!strcmp(word, "output"))
        parse_output(c, to);
    else if (!strcmp(word, "loss"))
        parse_assign(c, to, ST_LOSS);
    else
        return false;
    return true;
}

static bool is_top_word(const char *w)
{
    static const char *const top[] = { "size", "dim", "let", "block", "input", "label", "output", "loss" };
    for (size_t i = 0; i < sizeof top / sizeof *top; i++)
        if (!strcmp(w, top[i]))
            return true;
    return false;
}

static bool may_stand(const char *top_word, enum place place)
{
    return place == PLACE_FILE || (place == PLACE_IF && (!strcmp(top_word, "output") || !strcmp(top_word, "loss")));
}

static bool is_inner_word(const char *w)
{
    return !strcmp(w, "weight") || !strcmp(w, "repeat") || !strcmp(w, "if") || !strcmp(w, "return");
}

/* A statement that begins with such a word. */
static void parse_inner(struct cursor *c, struct list *to, const char *word, struct stmt *block, enum place place)
{
    if (!strcmp(word, "return") && !block)
        diag_error(c->s, FAIL_INPUT, c->cur.loc, "return outside of a block");
    cursor_next(c);
    if (!strcmp(word, "weight"))
        parse_weight(c, to);
    else if (!strcmp(word, "repeat"))
        parse_repeat(c, to, block);
    else if (!strcmp(word, "if"))
        parse_if(c, to, block, place);
    else
        parse_return(c, to);
}

static void parse_statement(struct cursor *c, struct list *to, struct stmt *block, enum place place)
{
    const char *word = c->cur.kind == TOK_NAME ? c->cur.text : "";
    bool assigns = c->next.kind == TOK_PUNCT && !c->next.line_start && (c->next.punct == '=' || c->next.punct == ':');
    struct loc at = c->cur.loc;
    c->cur.line_start = false; /* errors at this word belong to this line, not to the line above */
    if (*word && assigns && !is_top_word(word) && !is_inner_word(word)) {
        parse_assign(c, to, ST_ASSIGN);
    } else if (is_top_word(word) && !may_stand(word, place)) {
        diag_error(c->s, FAIL_INPUT, at, "'%s' is allowed at top level only", word);
        c->panic = true;
        cursor_next(c);
    } else if (is_top_word(word)) {
        cursor_next(c);
        parse_top(c, to, word);
    } else if (is_inner_word(word)) {
        parse_inner(c, to, word, block, place);
    } else {
        unknown_statement(c);
    }
    if (!c->panic && !cursor_at_end(c))
        cursor_error(c, "expected the end of the line, not %s", stray(c));
    if (!c->panic)
        return;
    cursor_recover(c);
    if (place == PLACE_FILE)
        cursor_take(c, '}');
}

static void check_returns(struct cursor *c, const struct stmt *st, bool in_block)
{
    for (size_t i = 0; i < st->n_body; i++) {
        const struct stmt *b = st->body[i];
        if (b->kind == ST_RETURN && in_block && (st->kind != ST_BLOCK || i + 1 < st->n_body))
            diag_error(c->s, FAIL_INPUT, b->loc, "return must be the last statement of a block, outside of any %s",
                       st->kind == ST_IF ? "if" : "repeat");
        if (b->kind == ST_REPEAT || b->kind == ST_IF)
            check_returns(c, b, in_block);
        if (b->orelse)
            check_returns(c, b->orelse, in_block);
    }
}

struct file_ast *ast_parse(struct session *s, struct arena *step, const struct source *src)
{
    struct cursor c;
    cursor_begin(&c, s, step, src);
    struct file_ast *file = arena_new_of(step, struct file_ast);
    if (!cursor_is_word(&c, "graph")) {
        diag_error(s, FAIL_INPUT, c.cur.loc, "a graph file begins with `graph NAME`");
        return NULL;
    }
    cursor_next(&c);
    file->name_loc = c.cur.loc;
    file->name = new_name(&c, "a graph", false);
    if (!c.panic && !cursor_at_end(&c))
        cursor_error(&c, "expected the end of the line, not %s", cursor_what(&c));
    if (c.panic)
        cursor_recover(&c);
    struct list body = { 0 };
    while (c.cur.kind != TOK_END)
        parse_statement(&c, &body, NULL, PLACE_FILE);
    for (size_t i = 0; i < body.n; i++)
        if (body.v[i]->kind == ST_BLOCK)
            check_returns(&c, body.v[i], true);
    file->body = body.v;
    file->n_body = body.n;
    return file;
}
