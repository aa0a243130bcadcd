#ifndef TOKIC_IR_GRAPH_LEX_H
#define TOKIC_IR_GRAPH_LEX_H
/* Tokens of the .graph language, and a cursor over them with one token of lookahead and panic-mode error recovery. */
#include "ir/session.h"

enum tok_kind { TOK_END, TOK_NAME, TOK_INT, TOK_FLOAT, TOK_STRING, TOK_PUNCT };
enum { PUNCT_ARROW = 256, PUNCT_LESS_EQ, PUNCT_ELLIPSIS }; /* -> <= ...; other punctuation is its character code */

struct tok {
    enum tok_kind kind;
    struct loc loc;
    bool line_start; /* first token of its line */
    int punct;
    int64_t i;
    double f;
    const char *text;
};

struct cursor {
    struct session *s;
    struct arena *step;
    const struct source *src;
    const char *at, *line_begin;
    int line;
    bool fresh; /* no token of this line was read yet */
    struct tok cur, next;
    struct loc before;
    bool panic;   /* an error was reported; further ones are not, until cursor_recover */
    bool fatal;   /* the rest of the file is not read */
    bool foreign; /* a non-ASCII letter was reported; further ones are not */
    int depth;
    int parens; /* open parentheses and brackets; line ends inside them are white space */
};

enum { NEST_MAX = 200 };

void cursor_begin(struct cursor *c, struct session *s, struct arena *step, const struct source *src);
void cursor_next(struct cursor *c);
bool cursor_is(const struct cursor *c, int punct);
bool cursor_is_word(const struct cursor *c, const char *word);
bool cursor_take(struct cursor *c, int punct);
/* Consumes the punctuation, or reports "expected ')' after WHERE". */
bool cursor_expect(struct cursor *c, int punct, const char *where);
/* Consumes a name, which may contain dots if with_dots. If there is none, returns NULL and reports "expected WHAT". */
const char *cursor_name(struct cursor *c, const char *what, bool with_dots);
/* Is the current token a name with variables in braces, such as block{b}.lin0? cursor_name rejects such a name. */
bool cursor_is_numbered(const struct cursor *c);
/* May a statement end here? True at a new line outside parentheses, before a closing brace, and at the end of the
   file. */
bool cursor_at_end(const struct cursor *c);
/* Reports an error at the current token or, if that token begins a new line, just after the previous one. Reports
   nothing during panic. Returns false. */
__attribute__((format(printf, 2, 3))) bool cursor_error(struct cursor *c, const char *fmt, ...);
/* Ends the panic. Skips to the next line, or to the closing brace of the enclosing body. Skips nested braces with their
   contents. */
void cursor_recover(struct cursor *c);
/* Enters a level of nesting. Beyond NEST_MAX: false, with an error that stops the parser. */
bool cursor_enter(struct cursor *c);
void cursor_leave(struct cursor *c);
/* Describes the current token for messages: "'linear'", "a number", "the end of the line". */
const char *cursor_what(const struct cursor *c);
/* Is the name made of letters, digits, _ and single dots between them, with no digit in front? */
bool name_is_plain(const char *name);
#endif
