/* token   = name | number | string | punctuation
   name    = letter { letter | digit } { "." ( letter | digit ) { letter | digit } }      letter includes "_"
   numbered = a name with "{" letter { letter | digit } "}" at one or more places after its first letter
   number  = digit { digit } [ "." digit { digit } ] [ ( "e" | "E" ) [ "+" | "-" ] digit { digit } ]
   string  = '"' { any but '"', "\" and line end | "\" ( '"' | "\" ) } '"'                (flat texts only)
   A "#" begins a comment that ends with its line. */
#include "ir/graph/lex.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/graph/hint.h"
#include "ir/text.h"

static bool is_letter(char ch) { return isalpha((unsigned char)ch) || ch == '_'; }
static bool is_digit(char ch) { return ch >= '0' && ch <= '9'; }
static bool is_word(char ch) { return is_letter(ch) || is_digit(ch); }

bool name_is_plain(const char *name)
{
    if (!is_letter(*name))
        return false;
    for (const char *p = name; *p; p++)
        if (!is_word(*p) && !(*p == '.' && is_word(p[1])))
            return false;
    return true;
}

static void skip_blank(struct cursor *c)
{
    for (;; c->at++) {
        if (*c->at == '#')
            while (*c->at && *c->at != '\n')
                c->at++;
        if (*c->at == '\n') {
            c->line++;
            c->line_begin = c->at + 1;
            c->fresh = true;
        } else if (*c->at != ' ' && *c->at != '\t' && *c->at != '\r') {
            return;
        }
    }
}

static struct loc loc_at(const struct cursor *c, const char *from)
{
    ptrdiff_t col = from - c->line_begin + 1;
    ptrdiff_t len = c->at - from;
    return (struct loc){ c->src, c->line, col > INT32_MAX ? INT32_MAX : (int)col,
                         len > INT32_MAX ? INT32_MAX : (int)len };
}

static void lex_number(struct cursor *c, struct tok *t)
{
    const char *from = c->at;
    bool is_float = false;
    while (is_digit(*c->at))
        c->at++;
    if (*c->at == '.' && is_digit(c->at[1])) {
        is_float = true;
        c->at++;
        while (is_digit(*c->at))
            c->at++;
    }
    if (*c->at == 'e' || *c->at == 'E') {
        const char *p = c->at + 1;
        if (*p == '+' || *p == '-')
            p++;
        if (is_digit(*p)) {
            is_float = true;
            while (is_digit(*p))
                p++;
            c->at = p;
        }
    }
    bool junk = is_word(*c->at) || *c->at == '.';
    while (is_word(*c->at) || *c->at == '.')
        c->at++;
    t->loc = loc_at(c, from);
    t->kind = is_float ? TOK_FLOAT : TOK_INT;
    errno = 0;
    if (is_float)
        t->f = strtod(from, NULL);
    else
        t->i = strtoll(from, NULL, 10);
    if (junk)
        diag_error(c->s, FAIL_INPUT, t->loc, "this is neither a number nor a name");
    else if (is_float && isinf(t->f))
        diag_error(c->s, FAIL_INPUT, t->loc, "this number is too large for a double");
    else if (!is_float && errno == ERANGE)
        diag_error(c->s, FAIL_INPUT, t->loc, "this number is too large: the largest is %lld", (long long)INT64_MAX);
}

static void lex_string(struct cursor *c, struct tok *t)
{
    const char *from = c->at;
    const char *text = text_unquoted(c->step, &c->at);
    t->kind = TOK_STRING;
    t->text = text ? text : "";
    t->loc = loc_at(c, from);
    if (!text)
        diag_error(c->s, FAIL_INPUT, t->loc, "this text has no closing quote on its line");
}

/* Returns the length in bytes of the non-ASCII letter (UTF-8) at p, or 0 if there is no such letter.
   The blocks of punctuation and symbols in Unicode are not letters. */
static int foreign_letter(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    if (b[0] < 0xC3 || b[0] >= 0xF0 || (b[1] & 0xC0) != 0x80)
        return 0;
    if (b[0] < 0xE0)
        return b[0] == 0xC3 && (b[1] == 0x97 || b[1] == 0xB7) ? 0 : 2; /* 0xD7 is ×, 0xF7 is ÷ */
    if ((b[2] & 0xC0) != 0x80)
        return 0;
    int point = (b[0] & 0xF) << 12 | (b[1] & 0x3F) << 6 | (b[2] & 0x3F);
    return (point >= 0x800 && point < 0x2000) || (point >= 0x2C00 && point < 0x2E00) ||
                   (point >= 0x3040 && point < 0xD800)
               ? 3
               : 0;
}

/* Returns a hint for an operator of another language: "; write less(x, y)". */
static const char *meant(struct cursor *c, const char *from, int n)
{
    const char *call = hint_operator(arena_strndup(c->step, from, (size_t)n));
    return call ? arena_printf(c->step, "; write %s", call) : "";
}

/* Skips a run of bytes that begin no token, and reports one error for all of them. */
static void lex_junk(struct cursor *c)
{
    const char *from = c->at;
    int n = 1;
    while (((unsigned char)from[n] & 0xC0) == 0x80 && n < 4)
        n++;
    if (((unsigned char)*from & 0xC0) == 0x80 || ((unsigned char)*from >= 0x80 && n == 1))
        n = 0;
    do
        c->at++;
    while (*c->at && !is_word(*c->at) && !strchr(" \t\r\n#\"()[]{},:=+-*/%@", *c->at));
    if (n && isprint((unsigned char)*from) + ((unsigned char)*from >= 0xC0))
        diag_error(c->s, FAIL_INPUT, loc_at(c, from), "'%.*s' has no meaning here%s", n, from, meant(c, from, n));
    else
        diag_error(c->s, FAIL_INPUT, loc_at(c, from), "the byte 0x%02x has no meaning here", (unsigned char)*from);
}

/* The length of "{b}" at p; 0 if it is not there. */
static int braced_name(const char *p)
{
    int n = 1;
    if (*p != '{' || !is_letter(p[1]))
        return 0;
    while (is_word(p[n]))
        n++;
    return p[n] == '}' ? n + 1 : 0;
}

static void lex_name(struct cursor *c, struct tok *t)
{
    const char *from = c->at;
    bool foreign = false;
    for (int n = 0;; foreign |= n > 0) {
        int braced = braced_name(c->at);
        n = foreign_letter(c->at);
        if (!is_word(*c->at) && !n && !braced && !(*c->at == '.' && (is_word(c->at[1]) || braced_name(c->at + 1))))
            break;
        c->at += braced ? braced : n ? n : 1;
    }
    t->kind = TOK_NAME;
    t->loc = loc_at(c, from);
    t->text = arena_strndup(c->step, from, (size_t)(c->at - from));
    if (foreign && !c->foreign)
        diag_error(c->s, FAIL_INPUT, t->loc, "names are made of the letters a-z and A-Z, digits and _");
    c->foreign |= foreign;
}

static struct tok lex(struct cursor *c)
{
    for (;;) {
        skip_blank(c);
        struct tok t = { .kind = TOK_PUNCT, .line_start = c->fresh };
        const char *from = c->at;
        if (!*from) {
            t.kind = TOK_END;
            t.line_start = true;
            t.loc = loc_at(c, from);
            return t;
        }
        if (is_letter(*from) || foreign_letter(from))
            lex_name(c, &t);
        else if (is_digit(*from))
            lex_number(c, &t);
        else if (*from == '"')
            lex_string(c, &t);
        else if ((from[0] == '-' && from[1] == '>') || (from[0] == '<' && from[1] == '=')) {
            t.punct = from[0] == '-' ? PUNCT_ARROW : PUNCT_LESS_EQ;
            c->at += 2;
            t.loc = loc_at(c, from);
        } else if (!strncmp(from, "...", 3)) {
            t.punct = PUNCT_ELLIPSIS;
            c->at += 3;
            t.loc = loc_at(c, from);
        } else if (strchr("()[]{},:=+-*/%@", *from)) {
            t.punct = *from;
            c->at++;
            t.loc = loc_at(c, from);
        } else {
            lex_junk(c);
            continue;
        }
        c->fresh = false;
        return t;
    }
}

void cursor_begin(struct cursor *c, struct session *s, struct arena *step, const struct source *src)
{
    *c = (struct cursor){
        .s = s, .step = step, .src = src, .at = src->text, .line_begin = src->text, .line = 1, .fresh = true
    };
    if (!strncmp(c->at, "\xEF\xBB\xBF", 3))
        c->at += 3;
    c->cur = lex(c);
    c->next = lex(c);
    c->before = c->cur.loc;
}

void cursor_next(struct cursor *c)
{
    c->before = c->cur.loc;
    c->before.col += c->before.len;
    c->before.len = 1;
    c->cur = c->next;
    if (c->next.kind != TOK_END)
        c->next = lex(c);
}

bool cursor_is(const struct cursor *c, int punct) { return c->cur.kind == TOK_PUNCT && c->cur.punct == punct; }
bool cursor_is_word(const struct cursor *c, const char *word)
{
    return c->cur.kind == TOK_NAME && !strcmp(c->cur.text, word);
}

bool cursor_take(struct cursor *c, int punct)
{
    if (!cursor_is(c, punct))
        return false;
    cursor_next(c);
    return true;
}

bool cursor_expect(struct cursor *c, int punct, const char *where)
{
    if (cursor_take(c, punct))
        return true;
    const char one[2] = { (char)punct, 0 };
    return cursor_error(c, "expected '%s' after %s, not %s",
                        punct == PUNCT_ARROW     ? "->"
                        : punct == PUNCT_LESS_EQ ? "<="
                                                 : one,
                        where, cursor_what(c));
}

bool cursor_is_numbered(const struct cursor *c) { return c->cur.kind == TOK_NAME && strchr(c->cur.text, '{'); }

const char *cursor_name(struct cursor *c, const char *what, bool with_dots)
{
    if (c->cur.kind != TOK_NAME || cursor_at_end(c)) {
        cursor_error(c, "expected %s, not %s", what, cursor_what(c));
        return NULL;
    }
    const char *name = c->cur.text;
    if (cursor_is_numbered(c)) {
        cursor_error(c, "only a name after `named` has braces, but this is '%s'", name);
        return NULL;
    }
    if (!with_dots && strchr(name, '.')) {
        cursor_error(c, "%s has no dots, but this is '%s'", what, name);
        return NULL;
    }
    cursor_next(c);
    return name;
}

bool cursor_at_end(const struct cursor *c)
{
    return c->cur.kind == TOK_END || (c->cur.line_start && !c->parens) || cursor_is(c, '}');
}

const char *cursor_what(const struct cursor *c)
{
    if (c->cur.kind == TOK_END)
        return "the end of the file";
    if (c->cur.line_start)
        return "the end of the line";
    if (c->cur.loc.len > 60)
        return "a very long word";
    switch (c->cur.kind) {
    case TOK_NAME: return arena_printf(c->step, "'%s'", c->cur.text);
    case TOK_INT:
    case TOK_FLOAT: return "a number";
    case TOK_STRING: return "a quoted text";
    default: break;
    }
    if (c->cur.punct == PUNCT_ARROW)
        return "'->'";
    if (c->cur.punct == PUNCT_LESS_EQ)
        return "'<='";
    if (c->cur.punct == PUNCT_ELLIPSIS)
        return "'...'";
    return arena_printf(c->step, "'%c'", c->cur.punct);
}

bool cursor_error(struct cursor *c, const char *fmt, ...)
{
    if (c->panic)
        return false;
    c->panic = true;
    va_list ap;
    va_start(ap, fmt);
    diag_error(c->s, FAIL_INPUT, c->cur.line_start ? c->before : c->cur.loc, "%s", arena_vprintf(c->step, fmt, ap));
    va_end(ap);
    return false;
}

void cursor_recover(struct cursor *c)
{
    c->panic = false;
    c->parens = 0;
    for (int open = 0; c->cur.kind != TOK_END; cursor_next(c)) {
        if (!open && (c->cur.line_start || cursor_is(c, '}')))
            return;
        open += cursor_is(c, '{') - cursor_is(c, '}');
    }
}

bool cursor_enter(struct cursor *c)
{
    if (c->depth++ < NEST_MAX)
        return true;
    if (!c->fatal) {
        cursor_error(c, "nested more than %d deep", NEST_MAX);
        c->fatal = true;
    }
    c->cur.kind = TOK_END;
    c->cur.line_start = true;
    c->next = c->cur;
    c->at += strlen(c->at);
    return false;
}

void cursor_leave(struct cursor *c) { c->depth--; }
