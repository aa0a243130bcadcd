#ifndef TOKIC_IR_GRAPH_LEX_H
#define TOKIC_IR_GRAPH_LEX_H
/* Tokens of the .graph language, and a cursor over them with two tokens of sight and panic-mode errors. */
#include "ir/session.h"

enum tok_kind { TOK_END, TOK_NAME, TOK_INT, TOK_FLOAT, TOK_STRING, TOK_PUNCT };
enum { PUNCT_ARROW = 256, PUNCT_LESS_EQ }; /* -> <=; the others are their character */

struct tok {
    enum tok_kind kind;
    struct loc loc;
    bool line_start; /* the first of its line */
    int punct;
    int64_t i;        /* TOK_INT */
    double f;         /* TOK_FLOAT */
    const char *text; /* TOK_NAME, TOK_STRING: NUL-terminated, in the step arena. A name may have dots */
};

struct cursor {
    struct session *s;
    struct arena *step; /* of token texts and of what is read from them */
    const struct source *src;
    const char *at, *line_begin;
    int line;
    bool fresh; /* no token of this line yet */
    struct tok cur, next;
    struct loc before; /* just behind the token before `cur` */
    bool panic;        /* an error was said; nothing more until cursor_recover */
    bool fatal;        /* the rest is not read */
    bool foreign;      /* it was said that names have no letters but a to z; further ones are read in silence */
    int depth;         /* of nesting; see cursor_enter */
    int parens;        /* open parentheses and brackets: inside them a line end is a blank */
};

enum { NEST_MAX = 200 };

void cursor_begin(struct cursor *c, struct session *s, struct arena *step, const struct source *src);
void cursor_next(struct cursor *c);
bool cursor_is(const struct cursor *c, int punct);
bool cursor_is_word(const struct cursor *c, const char *word);
bool cursor_take(struct cursor *c, int punct);
/* Takes the punctuation, or says that it is missing after `where` ("the size's name"). */
bool cursor_expect(struct cursor *c, int punct, const char *where);
/* A name without dots (with_dots: also one with); NULL and an error "expected WHAT". */
const char *cursor_name(struct cursor *c, const char *what, bool with_dots);
/* True where a statement may end: at a new line outside of parentheses, before a closing brace, at the end. */
bool cursor_at_end(const struct cursor *c);
/* An error at the current token, or behind the one before if that stands at the end of its line. Says nothing while in
   panic. Returns false. */
__attribute__((format(printf, 2, 3))) bool cursor_error(struct cursor *c, const char *fmt, ...);
/* Skips to the next line, or a closing brace of an open one; braces that open on the way are skipped whole. Ends the
   panic. */
void cursor_recover(struct cursor *c);
/* One level deeper; false, an error, and the end of reading beyond NEST_MAX. */
bool cursor_enter(struct cursor *c);
void cursor_leave(struct cursor *c);
/* "'linear'", "a number", "the end of the line": the current token for people. */
const char *cursor_what(const struct cursor *c);
/* Letters, digits and _, with dots between; does not begin with a digit. */
bool name_is_plain(const char *name);
#endif
