#include "tests/support/wild_graph.h"

#include <stdio.h>
#include <string.h>

#include "ir/graph/graph.h"
#include "ir/ops/op.h"
#include "tests/support/support.h"

enum {
    INPUTS = 4,
    MOST_STATEMENTS = 9,
    TRIES = 250,
    MOST_VALUES = 16,
    MOST_NODES = 3000,
    LOOP_NODES = 9000,
    LOOPS = 60
};

struct wild {
    struct arena *a; /* of this text */
    uint64_t r;
    const char *text;            /* what has been accepted */
    struct type of[MOST_VALUES]; /* the values v0, v1, … */
    int n;
    struct session *s; /* of the accepted text: the types' indices live there */
    char *at_work;
    size_t size;
};

static int64_t range(struct wild *w, int64_t lo, int64_t hi) { return rnd_range(&w->r, lo, hi); }
static bool rarely(struct wild *w, int one_in) { return range(w, 0, one_in - 1) == 0; }

static const char *number(struct wild *w, int64_t lo, int64_t hi)
{
    return arena_printf(w->a, "%lld", (long long)range(w, lo, hi));
}

static const char *some_dim(struct wild *w)
{
    static const char *const odd[] = {
        "0",     "1",     "1",     "B*C",      "B*B",        "B + 1",   "2*B",   "B + C",
        "65536", "70000", "70001", "16777216", "2147483647", "B*C + B", "B*B*C", "4096"
    };
    static const char *const sym[] = { "B", "B", "C", "D" };
    switch (range(w, 0, 5)) {
    case 0: return odd[range(w, 0, (int64_t)(sizeof odd / sizeof *odd) - 1)];
    case 1:
    case 2: return sym[range(w, 0, 3)];
    default: return number(w, 1, 40);
    }
}

static const char *dim_text(struct wild *w, const struct type *t, int i)
{
    return t && i < t->rank ? index_text(w->a, t->dim[i]) : some_dim(w);
}

static const char *list(struct wild *w, const char **item, int n)
{
    const char *text = "[";
    for (int i = 0; i < n; i++)
        text = arena_printf(w->a, "%s%s%s", text, i ? ", " : "", item[i]);
    return arena_printf(w->a, "%s]", text);
}

static void shuffle(struct wild *w, const char **item, int n)
{
    for (int i = n - 1; i > 0; i--) {
        int k = (int)range(w, 0, i);
        const char *x = item[i];
        item[i] = item[k];
        item[k] = x;
    }
}

/* Dims: those of a value, shuffled, joined, split by 1s or replaced. */
static const char *some_dims(struct wild *w, const struct type *t)
{
    const char *item[2 * MAX_RANK + 2];
    int n = 0;
    for (int i = 0; t && i < t->rank; i++) {
        const char *dim = dim_text(w, t, i);
        if (rarely(w, 8))
            item[n++] = "1";
        if (n && rarely(w, 4))
            item[n - 1] = arena_printf(w->a, "(%s)*(%s)", item[n - 1], dim);
        else
            item[n++] = rarely(w, 8) ? some_dim(w) : dim;
    }
    if (rarely(w, 3))
        shuffle(w, item, n);
    if (rarely(w, 4))
        item[n++] = some_dim(w);
    return list(w, item, n);
}

/* Integers: a permutation, or any. */
static const char *some_ints(struct wild *w, const struct type *t)
{
    const char *item[MAX_RANK + 1];
    int n = t ? t->rank : 2;
    bool places = !rarely(w, 3);
    for (int i = 0; i < n; i++)
        item[i] = places ? arena_printf(w->a, "%d", i) : number(w, -3, 3);
    shuffle(w, item, n);
    return list(w, item, places && rarely(w, 2) ? n : (int)range(w, 0, n));
}

static const char *some_attr(struct wild *w, enum attr_kind kind, const struct type *t)
{
    static const char *const floats[] = { "0.0", "1.0", "-1.0", "0.5", "1e-30", "3e38", "1e-8", "65504.0", "2.0" };
    static const char *const odd[] = { "0", "1", "64", "1000", "2147483647", "-7", "3", "1048576" };
    static const char *const dtypes[] = { "f16", "bf16", "f32", "f64", "i32", "i64", "bool", "float" };
    switch (kind) {
    case ATTR_INT: return rarely(w, 3) ? odd[range(w, 0, 7)] : number(w, -2, 5);
    case ATTR_FLOAT: return floats[range(w, 0, 8)];
    case ATTR_BOOL: return rarely(w, 2) ? "true" : "false";
    case ATTR_DTYPE: return dtypes[range(w, 0, 7)];
    case ATTR_INTS: return some_ints(w, t);
    case ATTR_DIMS: return some_dims(w, t);
    }
    return "";
}

static const struct op_def *some_op(struct wild *w)
{
    int n = 0;
    while (op_at(n))
        n++;
    return op_at((int)range(w, 0, n - 1));
}

static const char *operand(struct wild *w, const struct type **t)
{
    int i = w->n - 1 - (int)range(w, 0, rarely(w, 2) && w->n > 3 ? 2 : w->n - 1);
    *t = &w->of[i];
    return arena_printf(w->a, "v%d", i);
}

/* Any call, or an operator, on value v{of} and others; of -1: on any. Operands are often of one value, so that shapes
   fit. */
static const char *call(struct wild *w, int of)
{
    static const char *const infix[] = { "+", "-", "*", "/" };
    const struct type *t;
    const char *first = operand(w, &t);
    if (of >= 0) {
        first = arena_printf(w->a, "v%d", of);
        t = &w->of[of];
    }
    if (rarely(w, 8)) {
        const struct type *u;
        return arena_printf(w->a, "%s %s %s", first, infix[range(w, 0, 3)], operand(w, &u));
    }
    const struct op_def *op = some_op(w);
    bool variadic;
    int n = op_arity(op, &variadic);
    if (variadic)
        n += (int)range(w, 0, 4);
    const char *text = arena_printf(w->a, "%s(", op->call.name);
    const char *sep = "";
    for (int i = 0; i < n; i++, sep = ", ") {
        const struct type *u = t;
        const char *name = i == 0 || rarely(w, 3) ? first : operand(w, &u);
        if (op->call.stem && i && rarely(w, 2))
            name = number(w, 1, 40); /* a layer that makes its parameters takes a width */
        text = arena_printf(w->a, "%s%s%s", text, sep, name);
        if (op->call.stem && i)
            break;
    }
    for (int i = 0; i < op->call.n_attrs; i++) {
        const struct attr_def *d = &op->call.attrs[i];
        if (!d->required && !rarely(w, 2))
            continue;
        text = arena_printf(w->a, "%s%s%s=%s", text, sep, d->name, some_attr(w, d->kind, t));
        sep = ", ";
    }
    return arena_printf(w->a, "%s)", text);
}

/* Nodes of the text as a graph that puts out `name`; 0: it does not parse. Keeps the session with the graph in *g. */
static size_t parse(struct wild *w, const char *text, const char *name, struct session **s, struct graph **g)
{
    *s = session_begin();
    snprintf(w->at_work, w->size, "%soutput o = %s\n", text, name);
    *g = graph_parse(*s, source_of_string(*s, "wild.graph", w->at_work),
                     &(struct graph_options){ .max_nodes = MOST_NODES });
    return *g && graph_find(*g, name) ? (*g)->n_nodes : 0;
}

/* Takes the text if it parses; the last statement makes v{n}. */
static bool accept(struct wild *w, const char *text)
{
    struct session *s;
    struct graph *g;
    if (!parse(w, text, arena_printf(w->a, "v%d", w->n), &s, &g)) {
        session_end(s);
        return false;
    }
    w->text = text;
    if (w->s)
        session_end(w->s);
    w->s = s;
    for (int i = 0; i <= w->n; i++)
        w->of[i] = graph_find(g, arena_printf(w->a, "v%d", i))->type;
    w->n++;
    return true;
}

static size_t nodes_of(struct wild *w, const char *body, int turns)
{
    struct session *s;
    struct graph *g;
    size_t n = parse(w, arena_printf(w->a, "%srepeat %d {\n%s}\n", w->text, turns, body), "v0", &s, &g);
    session_end(s);
    return n;
}

/* A loop that computes some values again and again, as often as makes LOOP_NODES nodes. */
static void add_loop(struct wild *w)
{
    const char *body = "";
    int64_t more = range(w, 1, 3);
    for (int i = 0; more && i < TRIES; i++) {
        int of = (int)range(w, 0, w->n - 1);
        const char *next = arena_printf(w->a, "%s  v%d = %s\n", body, of, call(w, rarely(w, 4) ? -1 : of));
        if (!nodes_of(w, next, 2))
            continue;
        body = next;
        more--;
    }
    size_t few = nodes_of(w, body, 2);
    size_t each = nodes_of(w, body, 3) - few;
    if (few && each && each < LOOP_NODES)
        w->text = arena_printf(w->a, "%srepeat %zu {\n%s}\n", w->text, LOOP_NODES / each, body);
}

static void add_input(struct wild *w)
{
    static const char *const dtypes[] = { "f32", "f32", "f16", "float", "i32", "i64", "bool", "bf16", "f64" };
    const char *item[MAX_RANK];
    int rank = (int)(rarely(w, 6) ? range(w, 0, MAX_RANK) : range(w, 1, 3));
    const struct type *like = w->n && rarely(w, 2) ? &w->of[w->n - 1] : NULL;
    for (int i = 0; i < rank; i++)
        item[i] = dim_text(w, like, i);
    if (rarely(w, 3))
        shuffle(w, item, rank);
    const char *dtype = dtypes[range(w, 0, 8)];
    accept(w, arena_printf(w->a, "%sinput v%d: %s%s\n", w->text, w->n, dtype, list(w, item, rank)));
}

const char *wild_graph_text(struct arena *a, uint64_t seed, char *at_work, size_t size)
{
    struct wild w = { .a = a, .r = seed * 977 + 5, .at_work = at_work, .size = size };
    w.text = "graph wild\ndim B\ndim C\ndim D\n";
    for (int i = 0; w.n < INPUTS && i < TRIES; i++)
        add_input(&w);
    int64_t more = w.n ? range(&w, 1, MOST_STATEMENTS) : 0;
    for (int i = 0; more && i < TRIES && w.n < MOST_VALUES; i++)
        more -= accept(&w, arena_printf(a, "%sv%d = %s\n", w.text, w.n, call(&w, -1)));
    bool loops = w.n && rarely(&w, LOOPS);
    if (loops)
        add_loop(&w);
    for (int i = 0; i < w.n; i++)
        if (loops || i + 1 == w.n || rarely(&w, 4))
            w.text = arena_printf(a, "%soutput o%d = v%d\n", w.text, i, i);
    if (w.s)
        session_end(w.s);
    snprintf(at_work, size, "%s", w.text);
    return w.text;
}
