#include "ir/text.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/arena.h"

/* 17 digits suffice for every double. */
const char *text_double(char out[TEXT_DOUBLE], double x, int digits)
{
    if (isnan(x))
        return strcpy(out, "nan");
    do
        snprintf(out, TEXT_DOUBLE, "%.*g", digits, x);
    while (digits++ < 17 && strtod(out, NULL) != x);
    return out;
}

const char *text_float(char out[TEXT_DOUBLE], double x)
{
    text_double(out, x, 1);
    return isfinite(x) && !strpbrk(out, ".e") ? strcat(out, ".0") : out;
}

static bool is_special(char c) { return c == '"' || c == '\\'; }

static char *escape(char *to, const char *text)
{
    for (; *text; text++) {
        if (is_special(*text))
            *to++ = '\\';
        *to++ = *text == '\n' ? ' ' : *text;
    }
    return to;
}

const char *text_escaped(struct arena *a, const char *text)
{
    char *out = arena_alloc(a, 2 * strlen(text) + 1);
    *escape(out, text) = 0;
    return out;
}

const char *text_quoted(struct arena *a, const char *text)
{
    char *out = arena_alloc(a, 2 * strlen(text) + 3);
    *out = '"';
    strcpy(escape(out + 1, text), "\"");
    return out;
}

const char *text_unquoted(struct arena *a, const char **at)
{
    const char *from = *at + 1;
    const char *end = from;
    while (*end && *end != '"' && *end != '\n')
        end += end[0] == '\\' && is_special(end[1]) ? 2 : 1;
    *at = *end == '"' ? end + 1 : end;
    if (*end != '"')
        return NULL;
    char *out = arena_alloc(a, (size_t)(end - from) + 1);
    char *to = out;
    for (const char *c = from; c < end; c++) {
        c += c[0] == '\\' && is_special(c[1]);
        *to++ = *c;
    }
    return out;
}
