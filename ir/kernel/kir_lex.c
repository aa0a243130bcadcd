/* token  = name | integer | float | string | punctuation
   name   = letter { letter | digit }                 letter includes "_"
   float  = as C's, decimal or hexadecimal, with a point or an exponent
   string = '"' { any but '"', "\" and line end | "\" ( '"' | "\" ) } '"'
   A "#" begins a comment that ends with its line. */
#include "ir/kernel/kir_lex.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/text.h"

static struct loc here(const struct klex *l, const char *from)
{
    return (struct loc){ l->src, l->line, (int)(from - l->line_begin) + 1, (int)(l->at - from) };
}

bool klex_error(struct klex *l, struct loc loc, const char *fmt, ...)
{
    if (l->failed)
        return false;
    l->failed = true;
    l->cur.kind = KTOK_END;
    va_list ap;
    va_start(ap, fmt);
    diag_error(l->s, FAIL_INPUT, loc, "%s", arena_vprintf(l->s->run, fmt, ap));
    va_end(ap);
    return false;
}

static void skip_blank(struct klex *l)
{
    for (;; l->at++) {
        if (*l->at == '#')
            l->at += strcspn(l->at, "\n");
        if (*l->at == '\n') {
            l->line++;
            l->line_begin = l->at + 1;
        } else if (*l->at != ' ' && *l->at != '\t' && *l->at != '\r')
            return;
    }
}

/* Returns the end of the number at p. The number in `0..3` is `0`. */
static const char *number_end(const char *p, bool *is_float)
{
    bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
    if (hex)
        p += 2;
    while (hex ? isxdigit((unsigned char)*p) : isdigit((unsigned char)*p))
        p++;
    if (*p == '.' && p[1] != '.') {
        *is_float = true;
        for (p++; hex ? isxdigit((unsigned char)*p) : isdigit((unsigned char)*p);)
            p++;
    }
    if (hex ? *p == 'p' || *p == 'P' : *p == 'e' || *p == 'E') {
        *is_float = true;
        p++;
        if (*p == '+' || *p == '-')
            p++;
        while (isdigit((unsigned char)*p))
            p++;
    }
    return p;
}

static void number(struct klex *l)
{
    const char *from = l->at;
    bool is_float = false;
    l->at = number_end(from, &is_float);
    l->cur = (struct ktok){ .kind = is_float ? KTOK_FLOAT : KTOK_INT, .loc = here(l, from) };
    char *end;
    errno = 0;
    if (is_float) {
        l->cur.f = strtod(from, &end);
    } else {
        unsigned long long v = strtoull(from, &end, from[0] == '0' && (from[1] == 'x' || from[1] == 'X') ? 16 : 10);
        l->cur.f = (double)v;
        l->cur.minus_only = v == (uint64_t)1 << 63;
        l->cur.i = l->cur.minus_only ? INT64_MIN : (int64_t)v;
        if (v > (uint64_t)1 << 63)
            errno = ERANGE;
    }
    if (end != l->at || isalnum((unsigned char)*l->at) || *l->at == '_')
        klex_error(l, l->cur.loc, "this is not a number");
    else if (!is_float && errno == ERANGE)
        klex_error(l, l->cur.loc, "this number is too large");
}

static void string(struct klex *l)
{
    const char *from = l->at;
    const char *text = text_unquoted(l->s->run, &l->at);
    l->cur = (struct ktok){ .kind = KTOK_STRING, .loc = here(l, from), .text = text ? text : "" };
    if (!text)
        klex_error(l, l->cur.loc, "this text has no closing quote on its line");
}

static void punctuation(struct klex *l)
{
    static const struct {
        char text[3];
        int punct;
    } pairs[] = { { "..", KPUNCT_DOTS }, { ":=", KPUNCT_DEFINE }, { "+=", KPUNCT_ADD_TO }, { "<=", KPUNCT_LESS_EQ } };
    const char *from = l->at;
    int punct = (unsigned char)*from;
    l->at++;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (!strncmp(from, pairs[i].text, 2)) {
            punct = pairs[i].punct;
            l->at = from + 2;
        }
    l->cur = (struct ktok){ .kind = KTOK_PUNCT, .loc = here(l, from), .punct = punct };
    if (punct < 256 && !strchr("()[]{},:=+-*/%<", punct))
        klex_error(l, l->cur.loc, "the byte 0x%02x has no meaning here", punct);
}

void klex_next(struct klex *l)
{
    if (l->failed)
        return;
    skip_blank(l);
    const char *from = l->at;
    if (!*from) {
        l->cur = (struct ktok){ .kind = KTOK_END, .loc = here(l, from) };
    } else if (isalpha((unsigned char)*from) || *from == '_') {
        while (isalnum((unsigned char)*l->at) || *l->at == '_')
            l->at++;
        l->cur = (struct ktok){ .kind = KTOK_NAME,
                                .loc = here(l, from),
                                .text = arena_strndup(l->s->run, from, (size_t)(l->at - from)) };
    } else if (isdigit((unsigned char)*from)) {
        number(l);
    } else if (*from == '"') {
        string(l);
    } else {
        punctuation(l);
    }
}

void klex_begin(struct klex *l, struct session *s, const struct source *src)
{
    *l = (struct klex){ .s = s, .src = src, .at = src->text, .line_begin = src->text, .line = 1 };
    klex_next(l);
}

static const char *shown(const struct klex *l)
{
    switch (l->cur.kind) {
    case KTOK_END: return "the end";
    case KTOK_NAME: return arena_printf(l->s->run, "'%s'", l->cur.text);
    case KTOK_INT:
    case KTOK_FLOAT: return "a number";
    case KTOK_STRING: return "a text";
    case KTOK_PUNCT: break;
    }
    static const char *const pairs[] = { "'..'", "':='", "'+='", "'<='" };
    return l->cur.punct >= 256 ? pairs[l->cur.punct - 256] : arena_printf(l->s->run, "'%c'", l->cur.punct);
}

bool klex_is(const struct klex *l, int punct) { return l->cur.kind == KTOK_PUNCT && l->cur.punct == punct; }
bool klex_is_word(const struct klex *l, const char *word)
{
    return l->cur.kind == KTOK_NAME && !strcmp(l->cur.text, word);
}

bool klex_take(struct klex *l, int punct)
{
    if (!klex_is(l, punct))
        return false;
    klex_next(l);
    return true;
}

bool klex_take_word(struct klex *l, const char *word)
{
    if (!klex_is_word(l, word))
        return false;
    klex_next(l);
    return true;
}

bool klex_expect(struct klex *l, int punct)
{
    static const char *const pairs[] = { "..", ":=", "+=", "<=" };
    if (klex_take(l, punct))
        return true;
    if (punct >= 256)
        return klex_error(l, l->cur.loc, "expected '%s', found %s", pairs[punct - 256], shown(l));
    return klex_error(l, l->cur.loc, "expected '%c', found %s", punct, shown(l));
}

bool klex_expect_word(struct klex *l, const char *word)
{
    return klex_take_word(l, word) || klex_error(l, l->cur.loc, "expected '%s', found %s", word, shown(l));
}

const char *klex_name(struct klex *l, const char *what)
{
    if (l->cur.kind != KTOK_NAME) {
        klex_error(l, l->cur.loc, "expected %s, found %s", what, shown(l));
        return "";
    }
    const char *name = l->cur.text;
    klex_next(l);
    return name;
}

int64_t klex_int(struct klex *l, const char *what, int64_t lo, int64_t hi)
{
    struct loc loc = l->cur.loc;
    bool minus = klex_take(l, '-');
    if (l->cur.kind != KTOK_INT) {
        klex_error(l, l->cur.loc, "expected %s, found %s", what, shown(l));
        return lo;
    }
    int64_t v = minus && !l->cur.minus_only ? -l->cur.i : l->cur.i;
    if (v < lo || v > hi || (l->cur.minus_only && !minus)) {
        klex_error(l, loc, "%s must be %lld to %lld, not %lld", what, (long long)lo, (long long)hi, (long long)v);
        return lo;
    }
    klex_next(l);
    return v;
}

double klex_number(struct klex *l)
{
    bool minus = klex_take(l, '-');
    double v = 0;
    if (l->cur.kind == KTOK_INT || l->cur.kind == KTOK_FLOAT)
        v = l->cur.f;
    else if (klex_is_word(l, "inf"))
        v = INFINITY;
    else if (klex_is_word(l, "nan"))
        v = NAN;
    else
        klex_error(l, l->cur.loc, "expected a number, found %s", shown(l));
    klex_next(l);
    return minus ? -v : v;
}

const char *klex_string(struct klex *l, const char *what)
{
    if (l->cur.kind != KTOK_STRING) {
        klex_error(l, l->cur.loc, "expected %s in quotes, found %s", what, shown(l));
        return "";
    }
    const char *text = l->cur.text;
    klex_next(l);
    return text;
}
