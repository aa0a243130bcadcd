#include "ir/session.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/index.h"
#include "ir/memory.h"

enum { MAX_ERRORS = 100 };

struct session *session_begin(void)
{
    struct arena *run = arena_new();
    struct session *s = arena_new_of(run, struct session);
    s->run = run;
    s->indices = index_table_new(run);
    return s;
}

void session_end(struct session *s)
{
    if (s)
        arena_free(s->run);
}

static void add(struct session *s, enum diag_level level, enum fail why, struct loc loc, const char *text)
{
    struct diag *d = arena_push(s->run, s->diags, s->n_diags, s->cap_diags);
    *d = (struct diag){ level, why, loc, text };
}

bool diag_error(struct session *s, enum fail why, struct loc loc, const char *fmt, ...)
{
    if (!s->n_errors)
        s->fail = why;
    s->errors_full = s->n_errors++ >= MAX_ERRORS;
    if (s->errors_full)
        return false;
    va_list ap;
    va_start(ap, fmt);
    add(s, DIAG_ERROR, why, loc, arena_vprintf(s->run, fmt, ap));
    va_end(ap);
    return false;
}

void diag_warning(struct session *s, struct loc loc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(s, DIAG_WARNING, FAIL_NONE, loc, arena_vprintf(s->run, fmt, ap));
    va_end(ap);
}

void diag_note(struct session *s, struct loc loc, const char *fmt, ...)
{
    if (s->errors_full)
        return;
    va_list ap;
    va_start(ap, fmt);
    add(s, DIAG_NOTE, FAIL_NONE, loc, arena_vprintf(s->run, fmt, ap));
    va_end(ap);
}

/* True for the first byte of a UTF-8 character. */
static bool begins(char byte) { return ((unsigned char)byte & 0xC0) != 0x80; }

/* Prints the source line and, on the next line, a caret under the location.
   The line with the caret repeats tabs and has one space for each other character, so that the caret aligns. */
static void print_caret(const struct loc *loc, FILE *to, const char *on, const char *off)
{
    const char *p = loc->src->text;
    for (int line = 1; line < loc->line; line++) {
        const char *nl = strchr(p, '\n');
        if (!nl)
            return;
        p = nl + 1;
    }
    size_t n = strcspn(p, "\r\n");
    if (n > 400)
        for (n = 400; n && !begins(p[n]); n--)
            continue;
    fprintf(to, "%7d | %.*s\n        | ", loc->line, (int)n, p);
    size_t at = (size_t)(loc->col > 0 ? loc->col - 1 : 0);
    size_t end = at + (size_t)(loc->len > 0 ? loc->len : 0);
    for (size_t i = 0; i < at && i < n; i++)
        if (begins(p[i]))
            fputc(p[i] == '\t' ? '\t' : ' ', to);
    fprintf(to, "%s^", on);
    for (size_t i = at + 1; i < end && i < n; i++)
        if (begins(p[i]))
            fputc('~', to);
    fprintf(to, "%s\n", off);
}

void diags_print(const struct session *s, size_t from, FILE *to, bool colour)
{
    static const char *const names[] = { "error", "warning", "note" };
    static const char *const colours[] = { "\033[1;31m", "\033[1;35m", "\033[1;36m" };
    const char *off = colour ? "\033[0m" : "";
    for (size_t i = from; i < s->n_diags; i++) {
        const struct diag *d = &s->diags[i];
        const char *on = colour ? colours[d->level] : "";
        if (d->loc.line)
            fprintf(to, "%s:%d:%d: ", d->loc.src->name, d->loc.line, d->loc.col);
        fprintf(to, "%s%s:%s %s\n", on, names[d->level], off, d->text);
        if (d->loc.line)
            print_caret(&d->loc, to, on, off);
    }
    if (s->n_errors > MAX_ERRORS)
        fprintf(to, "… and %d more errors\n", s->n_errors - MAX_ERRORS);
}

void log_line(struct session *s, enum log_topic topic, const char *fmt, ...)
{
    if (!(s->log & topic) || !s->log_to)
        return;
    va_list ap;
    va_start(ap, fmt);
    vfprintf(s->log_to, fmt, ap);
    fputc('\n', s->log_to);
    va_end(ap);
}

const struct source *source_of_string(struct session *s, const char *name, const char *text)
{
    struct source *src = arena_new_of(s->run, struct source);
    *src = (struct source){ arena_strdup(s->run, name), arena_strdup(s->run, text), strlen(text) };
    return src;
}

static struct loc loc_of(const struct source *src, size_t at)
{
    struct loc loc = { .src = src, .line = 1, .col = 1, .len = 1 };
    for (size_t i = 0; i < at; i++) {
        loc.col = src->text[i] == '\n' ? 1 : loc.col < INT32_MAX ? loc.col + 1 : loc.col;
        loc.line += src->text[i] == '\n';
    }
    return loc;
}

bool session_affords(struct session *s, struct loc loc, double bytes, const char *what)
{
    double left = bytes < MEMORY_LARGE ? INFINITY : (double)memory_left();
    return bytes <= left || diag_error(s, FAIL_INPUT, loc, "%s takes %.1f GiB of memory, and %.1f are left", what,
                                       bytes / 0x1p30, left / 0x1p30);
}

const struct source *source_read(struct session *s, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        diag_error(s, FAIL_INPUT, NOWHERE, "cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    size_t cap = 1 << 16;
    size_t n = 0;
    char *buf = memory_must(malloc(cap + 1), cap + 1);
    bool ok = true;
    while (ok) {
        size_t got = fread(buf + n, 1, cap - n, f);
        n += got;
        if (n < cap)
            break;
        if (cap >= (size_t)1 << 30) {
            ok = diag_error(s, FAIL_INPUT, NOWHERE, "%s is larger than 1 GiB", path);
            break;
        }
        cap *= 2;
        buf = memory_must(realloc(buf, cap + 1), cap + 1);
    }
    if (ok && ferror(f))
        ok = diag_error(s, FAIL_INPUT, NOWHERE, "cannot read %s: %s", path, strerror(errno));
    fclose(f);
    struct source *src = NULL;
    if (ok) {
        src = arena_new_of(s->run, struct source);
        *src = (struct source){ arena_strdup(s->run, path), arena_strndup(s->run, buf, n), n };
        const char *zero = memchr(buf, 0, n);
        if (zero) {
            diag_error(s, FAIL_INPUT, loc_of(src, (size_t)(zero - buf)), "a zero byte: this is not a text file");
            src = NULL;
        }
    }
    free(buf);
    return src;
}
