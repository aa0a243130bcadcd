#ifndef TOKIC_IR_GRAPH_LEX_H
#define TOKIC_IR_GRAPH_LEX_H
/* Tokens of the .graph language, and a cursor over the tokens. The cursor looks one token ahead.
   After an error the cursor is in panic: it reports no further errors until cursor_recover. */
#include "ir/session.h"

enum tok_kind { TOK_END, TOK_NAME, TOK_INT, TOK_FLOAT, TOK_STRING, TOK_PUNCT };
enum { PUNCT_ARROW = 256, PUNCT_LESS_EQ, PUNCT_ELLIPSIS }; /* -> <= ...; other punctuation is its character code */

struct tok {
    enum tok_kind kind;
    struct loc loc;
    bool line_start; /* the first token of its line */
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
    bool fresh; /* no token of this line has been read */
    struct tok cur, next;
    struct loc before;
    bool panic;   /* no errors are reported until cursor_recover */
    bool fatal;   /* the rest of the file is skipped */
    bool foreign; /* a non-ASCII letter was reported; do not report another one */
    int depth;
    int parens; /* open parentheses and brackets; inside them, a line end is white space */
};

enum { NEST_MAX = 200 };

void cursor_begin(struct cursor *c, struct session *s, struct arena *step, const struct source *src);
void cursor_next(struct cursor *c);
bool cursor_is(const struct cursor *c, int punct);
bool cursor_is_word(const struct cursor *c, const char *word);
bool cursor_take(struct cursor *c, int punct);
/* Consumes the punctuation. If it is not there, reports "expected ')' after `where`" and returns false. */
bool cursor_expect(struct cursor *c, int punct, const char *where);
/* Consumes a name, in which with_dots allows dots. If there is none, reports "expected `what`" and returns NULL. */
const char *cursor_name(struct cursor *c, const char *what, bool with_dots);
/* Is the current token a name with variables in braces, such as block{b}.lin0? cursor_name rejects such a name. */
bool cursor_is_numbered(const struct cursor *c);
/* May a statement end here? True at a new line outside parentheses, before a closing brace, and at the end of the
   file. */
bool cursor_at_end(const struct cursor *c);
/* Reports an error at the current token. If this token begins a line, the location is the end of the previous token.
   Reports nothing during panic. Returns false. */
__attribute__((format(printf, 2, 3))) bool cursor_error(struct cursor *c, const char *fmt, ...);
/* Ends the panic. Skips to the next line or to the closing brace of the enclosing body, and over nested bodies. */
void cursor_recover(struct cursor *c);
/* Enters a level of nesting. If there are more than NEST_MAX, reports an error, ends the parse and returns false. */
bool cursor_enter(struct cursor *c);
void cursor_leave(struct cursor *c);
/* Describes the current token for messages: "'linear'", "a number", "the end of the line". */
const char *cursor_what(const struct cursor *c);
/* True if the name has only letters, digits, _ and single dots between these, and does not begin with a digit. */
bool name_is_plain(const char *name);
#endif
