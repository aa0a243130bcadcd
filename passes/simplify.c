/* Rewrites by rule until none fits. Requires primitives; keeps values: over the reals each rule's sides are equal, and
   an `exact` one gives the same bits too. Stands between expand, which leaves identities behind, and cse.

   pattern = "?" LETTER | NUMBER | OP "(" pattern { "," pattern } ")" ?x matches any value, the same one at each place;
   a number matches a constant tensor that holds it everywhere, broadcast or not. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "passes/pass.h"

const struct rule simplify_rules[] = {
    { "mul(?x, 1)", "?x", true, "x·1 is x" },
    { "mul(1, ?x)", "?x", true, "1·x is x" },
    { "div(?x, 1)", "?x", true, "x/1 is x" },
    { "sub(?x, 0)", "?x", true, "x − 0 is x, −0 included" },
    { "neg(neg(?x))", "?x", true, "two signs" },
    { "mul(?x, -1)", "neg(?x)", true, "the sign alone" },
    { "add(?x, neg(?y))", "sub(?x, ?y)", true, "x + (−y) is x − y" },
    { "sub(?x, neg(?y))", "add(?x, ?y)", true, "x − (−y) is x + y" },
    { "div(?x, 2)", "mul(?x, 0.5)", true, "a power of two" },
    { "maximum(?x, ?x)", "?x", true, "idempotent" },
    { "select(?c, ?x, ?x)", "?x", true, "either way" },
    { "add(mul(?x, ?y), ?z)", "fma(?x, ?y, ?z)", false, "one rounding less" },
    { "add(?z, mul(?x, ?y))", "fma(?x, ?y, ?z)", false, "one rounding less" },
};
const size_t simplify_n_rules = sizeof simplify_rules / sizeof *simplify_rules;

struct binding {
    struct node *of[26];
};

static const char *skip(const char *p) { return p + strspn(p, " "); }

/* The value of a constant, also behind views; false if n is none. */
static bool constant_value(const struct node *n, double *v)
{
    while (n->op->class == CLS_VIEW && n->n_in == 1)
        n = n->in[0];
    int a = n->op->class == CLS_SOURCE ? op_attr(n->op, "value") : -1;
    if (a < 0)
        return false;
    *v = n->attrs[a].f;
    return true;
}

/* Matches the pattern at p against n; returns what follows it, or NULL. */
static const char *match(const char *p, struct node *n, struct binding *b)
{
    p = skip(p);
    if (*p == '?') {
        struct node **slot = &b->of[p[1] - 'a'];
        if (*slot && *slot != n)
            return NULL;
        *slot = n;
        return p + 2;
    }
    if (isdigit((unsigned char)*p) || *p == '-') {
        char *end;
        double want = strtod(p, &end), v;
        return constant_value(n, &v) && v == want ? end : NULL;
    }
    size_t len = strcspn(p, "(");
    if (strlen(n->op->call.name) != len || memcmp(n->op->call.name, p, len))
        return NULL;
    p += len + 1;
    for (int i = 0; i < n->n_in && p; i++) {
        p = match(p, n->in[i], b);
        if (p)
            p = skip(p);
        if (p && i + 1 < n->n_in)
            p = *p == ',' ? p + 1 : NULL;
    }
    return p && *p == ')' ? p + 1 : NULL;
}

/* Builds the pattern at *p; `like` gives a number its shape. */
static struct node *make(const char **p, struct builder *b, const struct binding *bind, const struct node *like)
{
    *p = skip(*p);
    if (**p == '?') {
        struct node *n = bind->of[(*p)[1] - 'a'];
        *p += 2;
        return n;
    }
    if (isdigit((unsigned char)**p) || **p == '-') {
        char *end;
        double v = strtod(*p, &end);
        *p = end;
        return build_const(b, &like->type, v);
    }
    char name[32];
    size_t len = strcspn(*p, "(");
    BUG_IF(len >= sizeof name, "rule with op %.*s", (int)len, *p);
    memcpy(name, *p, len);
    name[len] = 0;
    *p += len + 1;
    struct node *in[4];
    int n = 0;
    while (**p != ')') {
        in[n++] = make(p, b, bind, like);
        *p = skip(*p);
        if (**p == ',')
            ++*p;
    }
    ++*p;
    return build(b, name, in, n, NULL);
}

static struct node *rewrite(struct graph *g, struct node *n, const struct rule *r)
{
    struct binding bind = { 0 };
    const char *end = match(r->from, n, &bind);
    if (!end)
        return NULL;
    struct builder b = build_at(g, n);
    b.keep_f32 = n->keep_f32;
    const char *p = r->to;
    int first = g->next_id;
    struct node *by = make(&p, &b, &bind, n);
    if (!by || !type_same_shape(&by->type, &n->type) || by->type.dtype != n->type.dtype)
        return NULL;
    if (by->id >= first)
        by->origin = n->origin ? n->origin : n->op->call.name;
    return by;
}

bool pass_simplify(struct graph *g, struct pass_ctx *c)
{
    bool changed = false;
    bool again = true;
    for (int round = 0; again && round < 16; round++) {
        again = false;
        size_t n_nodes = g->n_nodes; /* what a rule makes waits for the next round */
        for (size_t i = 0; i < n_nodes; i++) {
            struct node *n = g->nodes[i];
            struct node *by = NULL;
            for (size_t r = 0; r < c->n_rules && !by; r++)
                by = rewrite(g, n, &c->rules[r]);
            if (!by)
                continue;
            node_replace(g, n, by);
            again = changed = true;
        }
        if (again) {
            graph_sweep(g);
            BUG_IF(!graph_sort(g), "simplify made a cycle");
        }
    }
    return changed;
}
