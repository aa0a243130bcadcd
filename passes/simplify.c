/* Applies rewrite rules until none matches. Requires primitives. The two sides of a rule are equal over the reals. The
   two sides of an `exact` rule are equal bit for bit. Runs after expand, which leaves terms such as x·1.
   Syntax of a pattern:
       pattern = "?" LETTER | NUMBER | OP "(" pattern { "," pattern } ")"
   ?x matches any value. Where ?x occurs again, it matches only the same value. A number matches a constant tensor with
   this number in every element. */
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

/* ---- patterns ---- */
enum pattern_kind { PATTERN_ANY, PATTERN_NUMBER, PATTERN_OP };
struct pattern {
    enum pattern_kind kind;
    int letter;
    double value;
    const struct op_def *op;
    int n_in;
    struct pattern *in[4];
};

struct compiled_rule {
    struct pattern *from, *to;
    bool exact;
};

static const char *skip(const char *p) { return p + strspn(p, " "); }

static struct pattern *pattern_parse(struct arena *a, const char **text)
{
    struct pattern *p = arena_new_of(a, struct pattern);
    const char *at = skip(*text);
    if (*at == '?') {
        *p = (struct pattern){ .kind = PATTERN_ANY, .letter = at[1] - 'a' };
        *text = at + 2;
        return p;
    }
    if (isdigit((unsigned char)*at) || *at == '-') {
        char *end;
        *p = (struct pattern){ .kind = PATTERN_NUMBER, .value = strtod(at, &end) };
        *text = end;
        return p;
    }
    size_t len = strcspn(at, "(");
    p->kind = PATTERN_OP;
    p->op = op_find(arena_strndup(a, at, len));
    BUG_IF(!p->op, "a rule with the op %.*s", (int)len, at);
    at += len;
    while (*at != ')') {
        BUG_IF(p->n_in == 4 || !*at, "a rule that does not end: %s", *text);
        at++;
        p->in[p->n_in++] = pattern_parse(a, &at);
        at = skip(at);
    }
    bool variadic;
    BUG_IF(p->n_in != op_arity(p->op, &variadic), "a rule with %d operands of %s", p->n_in, p->op->call.name);
    *text = at + 1;
    return p;
}

struct binding {
    struct node *of[26];
};

struct simplify {
    struct graph *g;
    struct arena *step;
    struct compiled_rule *rules;
    size_t n_rules;
    const double **constant; /* by id of a constant or a view of one: the number in all its elements; else NULL */
    size_t n_seen, cap;
    size_t applied;
};

static void note_constant(struct simplify *s, const struct node *n)
{
    while (s->n_seen <= (size_t)n->id)
        *arena_push(s->step, s->constant, s->n_seen, s->cap) = NULL;
    int value = op_attr(n->op, "value");
    const double *own = value >= 0 ? &n->attrs[value].f : NULL;
    if (n->op->class == CLS_SOURCE)
        s->constant[n->id] = own;
    else if (n->op->class == CLS_VIEW && n->n_in == 1)
        s->constant[n->id] = s->constant[n->in[0]->id];
    if (own && s->constant[n->id] && memcmp(own, s->constant[n->id], sizeof *own))
        s->constant[n->id] = NULL; /* a view that adds elements of another value */
}

static bool match(const struct simplify *s, const struct pattern *p, struct node *n, struct binding *b)
{
    if (p->kind == PATTERN_ANY) {
        struct node **slot = &b->of[p->letter];
        if (*slot && *slot != n)
            return false;
        *slot = n;
        return true;
    }
    if (p->kind == PATTERN_NUMBER)
        return s->constant[n->id] && *s->constant[n->id] == p->value;
    if (n->op != p->op)
        return false;
    for (int i = 0; i < n->n_in; i++)
        if (!match(s, p->in[i], n->in[i], b))
            return false;
    return true;
}

/* Builds the right side of a rule. A number becomes a constant with the type of `like`. */
static struct node *make(const struct pattern *p, struct builder *b, const struct binding *bind,
                         const struct node *like)
{
    struct node *in[4];
    if (p->kind == PATTERN_ANY)
        return bind->of[p->letter];
    if (p->kind == PATTERN_NUMBER)
        return build_const(b, &like->type, p->value);
    for (int i = 0; i < p->n_in; i++)
        in[i] = make(p->in[i], b, bind, like);
    return build(b, p->op->call.name, in, p->n_in, NULL);
}

/* ---- the driver ---- */
static struct node *rewrite(struct simplify *s, struct node *n, const struct compiled_rule *r)
{
    struct binding bind = { 0 };
    if (!r->exact && !dtype_is_float(n->type.dtype))
        return NULL; /* inexact rules change the rounding, so they apply only to floats */
    if (!match(s, r->from, n, &bind))
        return NULL;
    struct builder b = build_at(s->g, n);
    b.keep_f32 = n->keep_f32;
    int first = s->g->next_id;
    struct node *by = make(r->to, &b, &bind, n);
    if (!by || !type_same_shape(&by->type, &n->type) || by->type.dtype != n->type.dtype)
        return NULL;
    if (by->id >= first)
        by->origin = n->origin ? n->origin : n->op->call.name;
    return by;
}

static void visit(struct simplify *s, struct node *n)
{
    node_settle(n);
    note_constant(s, n);
    for (size_t r = 0; r < s->n_rules; r++) {
        struct node *by = rewrite(s, n, &s->rules[r]);
        if (!by)
            continue;
        node_replace(s->g, n, by);
        s->applied++;
        return;
    }
}

static struct simplify compile_rules(struct graph *g, const struct pass_ctx *c)
{
    struct simplify s = { .g = g, .step = c->step, .n_rules = c->n_rules };
    s.rules = arena_array(c->step, struct compiled_rule, c->n_rules);
    for (size_t r = 0; r < c->n_rules; r++) {
        const char *from = c->rules[r].from;
        const char *to = c->rules[r].to;
        s.rules[r].from = pattern_parse(c->step, &from);
        s.rules[r].to = pattern_parse(c->step, &to);
        s.rules[r].exact = c->rules[r].exact;
    }
    return s;
}

/* Visits the nodes in order. If a visit makes new nodes, these are visited next. Operands are final before their
   readers are visited, so one sweep suffices. The rewrites end, since each rule removes a node or makes a node cheaper.
   `limit` stops rules that form a cycle. */
bool pass_simplify(struct graph *g, struct pass_ctx *c)
{
    struct simplify s = compile_rules(g, c);
    size_t n_nodes = g->n_nodes;
    size_t made = n_nodes;
    size_t limit = 16 * (n_nodes + 64);
    for (size_t i = 0; i < n_nodes; i++) {
        visit(&s, g->nodes[i]);
        while (made < g->n_nodes && s.applied <= limit)
            visit(&s, g->nodes[made++]);
        if (s.applied > limit)
            return diag_error(c->s, FAIL_INPUT, g->nodes[i]->loc,
                              "internal: the rules of simplify were applied %zu times to %zu nodes: they do not end",
                              s.applied, n_nodes);
    }
    if (s.applied) {
        graph_sweep(g);
        BUG_IF(!graph_sort(g), "simplify made a cycle");
    }
    return s.applied > 0;
}
