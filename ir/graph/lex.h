#ifndef TOKIC_IR_GRAPH_LEX_H
#define TOKIC_IR_GRAPH_LEX_H
/* Tokens of the .graph language, and a cursor over them with one token of lookahead and panic-mode error recovery. */
#include "ir/session.h"

enum tok_kind { TOK_END, TOK_NAME, TOK_INT, TOK_FLOAT, TOK_STRING, TOK_PUNCT };
enum { PUNCT_ARROW = 256, PUNCT_LESS_EQ }; /* -> and <=. Any other punctuation is its own character code */

struct tok {
    enum tok_kind kind;
    struct loc loc;
    bool line_start; /* the first of its line */
    int punct;
    int64_t i;        /* TOK_INT */
    double f;         /* TOK_FLOAT */
    const char *text; /* TOK_NAME (may have dots), TOK_STRING: in the step arena */
};

struct cursor {
    struct session *s;
    struct arena *step; /* holds token texts and the syntax tree */
    const struct source *src;
    const char *at, *line_begin;
    int line;
    bool fresh; /* no token of this line has been read */
    struct tok cur, next;
    struct loc before; /* just after the token before `cur` */
    bool panic;        /* an error was reported: no more are until cursor_recover */
    bool fatal;        /* the rest of the file is not read */
    bool foreign;      /* a non-ASCII letter was reported: further ones are not */
    int depth;         /* of nesting; see cursor_enter */
    int parens;        /* open parentheses and brackets: inside them a line end is white space */
};

enum { NEST_MAX = 200 };

void cursor_begin(struct cursor *c, struct session *s, struct arena *step, const struct source *src);
void cursor_next(struct cursor *c);
bool cursor_is(const struct cursor *c, int punct);
bool cursor_is_word(const struct cursor *c, const char *word);
bool cursor_take(struct cursor *c, int punct);
/* Consumes the punctuation, or reports that it is missing after `where` ("the size's name"). */
bool cursor_expect(struct cursor *c, int punct, const char *where);
/* Consumes a name, which may contain dots only if with_dots; NULL and an error "expected WHAT" if there is none. */
const char *cursor_name(struct cursor *c, const char *what, bool with_dots);
/* True where a statement may end: at a new line outside parentheses, before a closing brace, at the end of the file. */
bool cursor_at_end(const struct cursor *c);
/* Reports an error at the current token or, if that token begins a new line, just after the previous one. Silent during
   panic. Returns false. */
__attribute__((format(printf, 2, 3))) bool cursor_error(struct cursor *c, const char *fmt, ...);
/* Skips to the next line or to the closing brace of the enclosing body; skips nested braces with their contents. Ends
   the panic. */
void cursor_recover(struct cursor *c);
/* Enters a level of nesting. Beyond NEST_MAX: false and a fatal error. */
bool cursor_enter(struct cursor *c);
void cursor_leave(struct cursor *c);
/* The current token for messages: "'linear'", "a number", "the end of the line". */
const char *cursor_what(const struct cursor *c);
/* Does `name` consist of letters, digits and _, with single dots between them, and not begin with a digit? */
bool name_is_plain(const char *name);
#endif
