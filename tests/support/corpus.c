#include "tests/support/corpus.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random_graph.h"
#include "tests/support/support.h"

enum { RANDOM_GRAPHS = 60, MOST_TOKENS = 1 << 14, MOST_MUTATIONS = 4, MOST_BYTES = 1 << 18, SMALL_NODES = 5000 };

/* ---- the graphs ---- */
static void add(struct corpus *c, const char *name, const char *text)
{
    *arena_push(c->arena, c->text, c->n, c->cap) = text;
    size_t n = c->n - 1;
    *arena_push(c->arena, c->name, n, c->cap_names) = arena_strdup(c->arena, name);
}

static char *file_text(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    char *text = arena_alloc(a, MOST_BYTES + 1);
    size_t n = fread(text, 1, MOST_BYTES, f);
    fclose(f);
    text[n] = 0;
    return text;
}

static int not_hidden(const struct dirent *e) { return e->d_name[0] != '.'; }

/* Calls `take` for each file of a directory whose name ends so, in the order of names. */
static void each_file(struct corpus *c, const char *root, const char *dir, const char *end,
                      void (*take)(struct corpus *c, const char *name, const char *text))
{
    char *path = arena_printf(c->arena, "%s/%s", root, dir);
    struct dirent **list;
    int n = scandir(path, &list, not_hidden, alphasort);
    for (int i = 0; i < n; i++) {
        const char *name = arena_printf(c->arena, "%s/%s", path, list[i]->d_name);
        size_t length = strlen(name);
        const char *text = NULL;
        if (length > strlen(end) && !strcmp(name + length - strlen(end), end))
            text = file_text(c->arena, name);
        if (text)
            take(c, name + strlen(root) + 1, text);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

/* A C string literal from its first quote on, into `to`; returns what follows it. */
static const char *literal(const char *at, char *to, size_t *n)
{
    for (at++; *at && *at != '"'; at++) {
        char ch = *at;
        if (ch == '\\') {
            at++;
            ch = *at == 'n' ? '\n' : *at == 't' ? '\t' : *at;
        }
        to[(*n)++] = ch;
    }
    return *at ? at + 1 : at;
}

/* The graphs that a C source quotes: neighbouring literals, of which the first begins with "graph ". */
static void add_quoted(struct corpus *c, const char *name, const char *text)
{
    char *graph = arena_alloc(c->arena, strlen(text) + 1);
    for (const char *at = text; (at = strstr(at, "\"graph ")) != NULL;) {
        size_t n = 0;
        while (*at == '"') {
            at = literal(at, graph, &n);
            at += strspn(at, " \t\r\n");
        }
        graph[n] = 0;
        if (strchr(graph, '\n'))
            add(c, name, arena_strdup(c->arena, graph));
    }
}

static void add_random(struct corpus *c)
{
    for (uint64_t seed = 0; seed < RANDOM_GRAPHS; seed++)
        add(c, arena_printf(c->arena, "random %llu", (unsigned long long)seed), random_graph_text(c->arena, seed));
    struct session *s = session_begin();
    for (int i = 0; op_at(i); i++) {
        const char *text = random_op_text(s, op_at(i), 1);
        if (text)
            add(c, arena_printf(c->arena, "op %s", op_at(i)->call.name), arena_strdup(c->arena, text));
    }
    session_end(s);
}

static bool is_valid(const char *text)
{
    struct session *s = session_begin();
    struct graph *g =
        graph_parse(s, source_of_string(s, "corpus.graph", text), &(struct graph_options){ .max_nodes = SMALL_NODES });
    session_end(s);
    return g != NULL;
}

/* Moves the valid graphs to the front. */
static void sort_valid(struct corpus *c)
{
    const char **text = arena_array(c->arena, const char *, c->n);
    const char **name = arena_array(c->arena, const char *, c->n);
    size_t k = 0;
    for (int valid = 1; valid >= 0; valid--)
        for (size_t i = 0; i < c->n; i++)
            if (is_valid(c->text[i]) == valid) {
                text[k] = c->text[i];
                name[k++] = c->name[i];
                c->n_valid += (size_t)valid;
            }
    c->text = text;
    c->name = name;
}

struct corpus *corpus_new(const char *root)
{
    struct arena *a = arena_new();
    struct corpus *c = arena_new_of(a, struct corpus);
    c->arena = a;
    each_file(c, root, "models", ".graph", add);
    each_file(c, root, "tests/graphs", ".graph", add);
    each_file(c, root, "tests/graphs/bad", ".graph", add);
    each_file(c, root, "tests/fuzz/corpus/graph", ".graph", add);
    each_file(c, root, "tests", ".c", add_quoted);
    each_file(c, root, "tests/support", ".c", add_quoted);
    add_random(c);
    sort_valid(c);
    return c;
}

void corpus_free(struct corpus *c) { arena_free(c->arena); }

/* ---- mutations ---- */
struct piece {
    size_t at, n;
};

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '.'; }

/* The tokens of a text: words, numbers, single characters; no blanks. */
static size_t tokens(const char *text, struct piece *out)
{
    size_t n = 0;
    for (size_t i = 0; text[i] && n < MOST_TOKENS;) {
        size_t from = i;
        while (is_word(text[i]))
            i++;
        if (i == from)
            i++;
        if (text[from] != ' ')
            out[n++] = (struct piece){ from, i - from };
    }
    return n;
}

static size_t lines(const char *text, struct piece *out)
{
    size_t n = 0;
    for (size_t i = 0; text[i] && n < MOST_TOKENS;) {
        const char *end = strchr(text + i, '\n');
        size_t length = end ? (size_t)(end - text) - i + 1 : strlen(text + i);
        out[n++] = (struct piece){ i, length };
        i += length;
    }
    return n;
}

/* `with` in place of the piece. */
static char *replaced(struct arena *a, const char *text, struct piece p, const char *with, size_t n)
{
    size_t length = strlen(text);
    char *out = arena_alloc(a, length + n + 1);
    memcpy(out, text, p.at);
    memcpy(out + p.at, with, n);
    strcpy(out + p.at + n, text + p.at + p.n);
    return out;
}

/* Exchanges two pieces, of which p is the first. */
static char *exchanged(struct arena *a, const char *text, struct piece p, struct piece q)
{
    if (p.at > q.at) {
        struct piece r = p;
        p = q;
        q = r;
    }
    if (p.at + p.n > q.at)
        return arena_strdup(a, text);
    char *half = replaced(a, text, q, text + p.at, p.n);
    return replaced(a, half, p, text + q.at, q.n);
}

static const char *const odd_numbers[] = { "0",
                                           "1",
                                           "2",
                                           "3",
                                           "4",
                                           "7",
                                           "8",
                                           "16",
                                           "17",
                                           "31",
                                           "32",
                                           "33",
                                           "64",
                                           "127",
                                           "255",
                                           "256",
                                           "1000",
                                           "1024",
                                           "4096",
                                           "65535",
                                           "65536",
                                           "70000",
                                           "1000000",
                                           "16777216",
                                           "2147483647",
                                           "1e300",
                                           "-1",
                                           "-2",
                                           "2147483648",
                                           "4294967296",
                                           "1099511627776",
                                           "0.5",
                                           "1e-30",
                                           "65504",
                                           "3.5e38",
                                           "9223372036854775807",
                                           "9223372036854775808",
                                           "-9223372036854775808",
                                           "1e400",
                                           "inf",
                                           "nan",
                                           "0x10" };
static const char *const odd_words[] = { "float",
                                         "f16",
                                         "f32",
                                         "f64",
                                         "bf16",
                                         "i32",
                                         "i64",
                                         "bool",
                                         "true",
                                         "false",
                                         "axis",
                                         "keepdim",
                                         "k",
                                         "B",
                                         "x",
                                         "y",
                                         "h",
                                         "input",
                                         "output",
                                         "label",
                                         "param",
                                         "dim",
                                         "int",
                                         "const",
                                         "repeat",
                                         "block",
                                         "loss",
                                         "where",
                                         "graph",
                                         "[B]",
                                         "[1]",
                                         "[]",
                                         "axis=0",
                                         "axis=-1",
                                         "axis=[0, 1]",
                                         "[B, 1]",
                                         "B*B",
                                         "B/2",
                                         "B-1",
                                         "(B+1)",
                                         "transpose_b=true",
                                         "2 - B",
                                         "1e-8",
                                         "B*B*B*B*B" };

static const char *one_of(uint64_t *r, const char *const *list, size_t n)
{
    return list[rnd_range(r, 0, (int64_t)n - 1)];
}
#define ONE_OF(r, list) one_of(r, list, sizeof list / sizeof *list)

static const char *some_op(uint64_t *r)
{
    int n = 0;
    while (op_at(n))
        n++;
    return op_at((int)rnd_range(r, 0, n - 1))->call.name;
}

static struct piece pick(uint64_t *r, const struct piece *p, size_t n)
{
    return n ? p[rnd_range(r, 0, (int64_t)n - 1)] : (struct piece){ 0, 0 };
}

/* A token of a kind: 'n' a number, 'w' a word; none: any token. */
static struct piece pick_kind(uint64_t *r, const char *text, const struct piece *p, size_t n, char kind)
{
    struct piece got = pick(r, p, n);
    for (int i = 0; i < 40; i++, got = pick(r, p, n))
        if (got.n && (kind == 'n' ? isdigit((unsigned char)text[got.at]) : isalpha((unsigned char)text[got.at])))
            return got;
    return got;
}

static char *mutate_bytes(struct arena *a, const char *text, uint64_t *r)
{
    size_t length = strlen(text);
    char *out = arena_strdup(a, text);
    if (!length)
        return out;
    size_t at = (size_t)rnd_range(r, 0, (int64_t)length - 1);
    switch (rnd_range(r, 0, 3)) {
    case 0: out[at] ^= (char)(1 << rnd_range(r, 0, 6)); break;
    case 1: out[at] = (char)rnd_range(r, 1, 255); break;
    case 2: return replaced(a, text, (struct piece){ at, 1 }, "", 0);
    default: return replaced(a, text, (struct piece){ at, 0 }, text + at, 1);
    }
    return out;
}

/* Drops, doubles or exchanges a piece of the text, or takes one of another text: in place of its own, or before it. */
static char *mutate_pieces(struct arena *a, const char *text, const char *other, uint64_t *r,
                           size_t (*cut)(const char *text, struct piece *out), bool in_place)
{
    struct piece *mine = arena_array(a, struct piece, MOST_TOKENS);
    struct piece *its = arena_array(a, struct piece, MOST_TOKENS);
    size_t n = cut(text, mine);
    struct piece p = pick(r, mine, n);
    switch (rnd_range(r, 0, 3)) {
    case 0: return replaced(a, text, p, "", 0);
    case 1: return replaced(a, text, (struct piece){ p.at, 0 }, text + p.at, p.n);
    case 2: return exchanged(a, text, p, pick(r, mine, n));
    default: {
        struct piece q = pick(r, its, cut(other, its));
        return replaced(a, text, (struct piece){ p.at, in_place ? p.n : 0 }, other + q.at, q.n);
    }
    }
}

static char *mutate_number(struct arena *a, const char *text, uint64_t *r)
{
    struct piece *mine = arena_array(a, struct piece, MOST_TOKENS);
    struct piece p = pick_kind(r, text, mine, tokens(text, mine), 'n');
    const char *with = ONE_OF(r, odd_numbers);
    if (rnd_range(r, 0, 2) == 0) /* a neighbour of the number that stands there */
        with = arena_printf(a, "%lld", strtoll(text + p.at, NULL, 10) + (long long)rnd_range(r, -1, 1));
    return replaced(a, text, p, with, strlen(with));
}

/* A word becomes another word of the text, an operation, or a word of the language. */
static char *mutate_name(struct arena *a, const char *text, uint64_t *r)
{
    struct piece *mine = arena_array(a, struct piece, MOST_TOKENS);
    size_t n = tokens(text, mine);
    struct piece p = pick_kind(r, text, mine, n, 'w');
    struct piece q = pick_kind(r, text, mine, n, 'w');
    int64_t which = rnd_range(r, 0, 3);
    if (which < 2)
        return replaced(a, text, p, text + q.at, q.n);
    const char *with = which == 2 ? some_op(r) : ONE_OF(r, odd_words);
    return replaced(a, text, p, with, strlen(with));
}

static char *mutated(struct arena *a, const char *text, const char *other, uint64_t *r)
{
    switch (rnd_range(r, 0, 9)) {
    case 0: return mutate_bytes(a, text, r);
    case 1:
    case 2: return mutate_pieces(a, text, other, r, tokens, true);
    case 3:
    case 4: return mutate_pieces(a, text, other, r, lines, false);
    case 5:
    case 6:
    case 7: return mutate_number(a, text, r);
    default: return mutate_name(a, text, r);
    }
}

size_t corpus_origin(const struct corpus *c, uint64_t number)
{
    return (size_t)(number < c->n ? number : number % c->n_valid);
}

char *corpus_text(const struct corpus *c, struct arena *a, uint64_t seed, uint64_t number)
{
    char *text = arena_strdup(a, c->text[corpus_origin(c, number)]);
    if (number < c->n)
        return text;
    uint64_t r = seed * 1000003 + number;
    int64_t few = rnd_range(&r, 1, MOST_MUTATIONS);
    for (int64_t i = rnd_range(&r, 1, few); i > 0; i--)
        text = mutated(a, text, c->text[rnd_range(&r, 0, (int64_t)c->n - 1)], &r);
    return text;
}
