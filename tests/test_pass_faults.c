/* Faults planted in passes: judgement 2 fails and names the very pass, as a function and on the command line; and one
   planted in a composite's own evaluation fails the comparison of the op table's test. The kernels are right each time:
   they compute what the passes left. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/support.h"

#include "tests/support/chain.h"
#include "tests/support/op_case.h"

static const char *const planted = "graph planted\n"
                                   "dim B\n"
                                   "input x: f32[B, 24] where 0.5 <= x <= 2\n"
                                   "input c: f32[B, 16] where 0.5 <= c <= 2\n"
                                   "h = layernorm(linear(x, 16))\n"
                                   "d = (gelu(h) - c) / (c + 3.0)\n"
                                   "output y = softmax(linear(d, 8) * 2.0)\n";

/* ---- faults ---- */
static struct node *view_root(struct node *n)
{
    while (n->op->class == CLS_VIEW && n->n_in == 1)
        n = n->in[0];
    return n;
}

static bool is_bias(struct node *n)
{
    const char *name = view_root(n)->name;
    return name && strlen(name) > 5 && !strcmp(name + strlen(name) - 5, ".bias");
}

/* x·Wᵀ + b becomes x·Wᵀ. */
static void drop_bias(struct graph *g)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *n = g->nodes[i];
        if (!op_is(n, "add") || !is_bias(n->in[1]))
            continue;
        node_replace(g, n, n->in[0]);
        break;
    }
    graph_sweep(g);
}

static void swap_first(struct graph *g, const char *op)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *n = g->nodes[i];
        struct node *x = n->in ? n->in[0] : NULL;
        if (!op_is(n, op))
            continue;
        n->in[0] = n->in[1];
        n->in[1] = x;
        return;
    }
}
static void swap_sub(struct graph *g) { swap_first(g, "sub"); }
static void swap_div(struct graph *g) { swap_first(g, "div"); }

/* Layernorm's 1e-5 becomes 2e-5. */
static void double_epsilon(struct graph *g)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *n = g->nodes[i];
        int value = op_attr(n->op, "value");
        if (value < 0 || n->attrs[value].f != 1e-5)
            continue;
        struct attr *attrs = arena_array(g->arena, struct attr, n->op->call.n_attrs);
        memcpy(attrs, n->attrs, sizeof *attrs * (size_t)n->op->call.n_attrs);
        attrs[value].f = 2e-5;
        n->attrs = attrs;
    }
}

/* Has precision run? cse stands on both sides of it, and plants its fault once. */
static bool is_decided(const struct graph *g)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->storage != DT_FLOAT && g->nodes[i]->op->class != CLS_SOURCE)
            return true;
    return false;
}

/* The real pass, with the fault after it (expand: before it there are composites) or before it. */
#define AFTER(PASS, FAULT)                                                                                             \
    static bool PASS##_##FAULT(struct graph *g, struct pass_ctx *c)                                                    \
    {                                                                                                                  \
        bool changed = pass_##PASS(g, c);                                                                              \
        FAULT(g);                                                                                                      \
        return changed;                                                                                                \
    }
#define BEFORE(PASS, FAULT)                                                                                            \
    static bool PASS##_##FAULT(struct graph *g, struct pass_ctx *c)                                                    \
    {                                                                                                                  \
        FAULT(g);                                                                                                      \
        return pass_##PASS(g, c);                                                                                      \
    }
#define ONCE(PASS, FAULT)                                                                                              \
    static bool PASS##_##FAULT(struct graph *g, struct pass_ctx *c)                                                    \
    {                                                                                                                  \
        if (!is_decided(g))                                                                                            \
            FAULT(g);                                                                                                  \
        return pass_##PASS(g, c);                                                                                      \
    }
/* clang-format off */
AFTER(expand, double_epsilon)
AFTER(expand, drop_bias)
AFTER(expand, swap_sub)
AFTER(expand, swap_div)
BEFORE(simplify, drop_bias)
BEFORE(simplify, swap_sub)
BEFORE(simplify, swap_div)
ONCE(cse, drop_bias)
ONCE(cse, swap_sub)
ONCE(cse, swap_div)
BEFORE(precision, drop_bias)
BEFORE(precision, swap_sub)
BEFORE(precision, swap_div)
BEFORE(fuse, drop_bias)
BEFORE(fuse, swap_sub)
BEFORE(fuse, swap_div)
BEFORE(prune, swap_sub)
BEFORE(prune, swap_div)
/* clang-format on */

/* clang-format off */
#define PLANT(PASS, FAULT) { #PASS, #FAULT, PASS##_##FAULT }
/* clang-format on */
static const struct {
    const char *pass, *fault;
    bool (*run)(struct graph *g, struct pass_ctx *c);
} plants[] = {
    PLANT(expand, double_epsilon), PLANT(expand, drop_bias),  PLANT(expand, swap_sub),     PLANT(expand, swap_div),
    PLANT(simplify, drop_bias),    PLANT(simplify, swap_sub), PLANT(simplify, swap_div),   PLANT(cse, drop_bias),
    PLANT(cse, swap_sub),          PLANT(cse, swap_div),      PLANT(precision, drop_bias), PLANT(precision, swap_sub),
    PLANT(precision, swap_div),    PLANT(fuse, drop_bias),    PLANT(fuse, swap_sub),       PLANT(fuse, swap_div),
    PLANT(prune, swap_sub),        PLANT(prune, swap_div),
};
enum { N_PLANTS = sizeof plants / sizeof *plants };

static struct pass planted_pass(int i)
{
    const struct pass *real = pass_find(plants[i].pass);
    assert_non_null(real);
    struct pass p = *real;
    p.run = plants[i].run;
    return p;
}

static const struct rule wrong_rules[] = {
    { "sub(?x, ?y)", "add(?x, ?y)", true, "a wrong sign" },      { "mul(?x, 2)", "?x", true, "a factor lost" },
    { "div(?x, ?y)", "mul(?x, ?y)", true, "another operation" }, { "add(?x, ?y)", "?x", true, "a term lost" },
    { "fma(?x, ?y, ?z)", "mul(?x, ?y)", true, "a term lost" },   { "exp(?x)", "?x", true, "a function lost" },
};

/* Judgement 2 alone: no compiler is needed. */
static struct verify_report judge_passes(struct session *s, const char *target, const char *text,
                                         const struct chain_options *o)
{
    struct verify_report r = { 0 };
    struct chain *c = chain_new(s, target_find(target), source_of_string(s, "planted.graph", text), o);
    if (!c)
        fail_msg("%s", chain_why(s, 0));
    struct binding *b = chain_bind(c, 5, 42);
    assert_non_null(b);
    struct reference *ref = reference_begin(s, c->parsed, b, &(struct judge_how){ .threads = 1 });
    assert_true(verify_passes(ref, c->after, &c->ctx, &c->passes, &r));
    reference_end(ref);
    return r;
}

static void must_name(const struct verify_report *r, const char *pass, const char *fault)
{
    if (r->passes_ok)
        fail_msg("%s in %s was not seen", fault, pass);
    assert_non_null(r->pass_failed);
    if (strcmp(r->pass_failed, pass))
        fail_msg("%s in %s: %s is blamed (%s)", fault, pass, r->pass_failed, r->pass_value);
    assert_false(r->pass);
    assert_non_null(strstr(r->pass_value, "should be "));
    assert_true(r->pass_loc.line >= 5 && r->pass_loc.line <= 7);
}

/* ---- tests ---- */
static void test_right_passes_pass(void **state)
{
    (void)state;
    static const char *const targets[] = { "gfx90a", "sm_90" };
    for (int i = 0; i < 2; i++) {
        struct session *s = session_begin();
        struct verify_report r = judge_passes(s, targets[i], planted, NULL);
        if (!r.passes_ok)
            fail_msg("%s: %s", r.pass_failed, r.pass_value);
        assert_null(r.pass_failed);
        assert_true(r.pass_values >= 6);
        session_end(s);
    }
}

static void test_planted_faults_name_their_pass(void **state)
{
    (void)state;
    for (int i = 0; i < N_PLANTS; i++) {
        struct session *s = session_begin();
        struct pass p = planted_pass(i);
        struct verify_report r = judge_passes(s, i % 2 ? "gfx90a" : "sm_90", planted,
                                              &(struct chain_options){ .instead = &p, .n_instead = 1 });
        must_name(&r, plants[i].pass, plants[i].fault);
        session_end(s);
    }
}

/* Rule by rule, behind simplify's own rules and before them. */
static void test_wrong_rules_name_simplify(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_rules / sizeof *wrong_rules; i++)
        for (int before = 0; before < 2; before++) {
            struct session *s = session_begin();
            struct rule *rules = arena_array(s->run, struct rule, simplify_n_rules + 1);
            memcpy(rules + before, simplify_rules, sizeof *rules * simplify_n_rules);
            rules[before ? 0 : simplify_n_rules] = wrong_rules[i];
            struct verify_report r = judge_passes(
                s, "gfx90a", planted, &(struct chain_options){ .rules = rules, .n_rules = simplify_n_rules + 1 });
            must_name(&r, "simplify", wrong_rules[i].from);
            session_end(s);
        }
}

/* Rules that undo each other are a diagnostic and no endless loop. */
/* A pass that runs before one that it needs ends tokic at once. */
static void test_passes_have_an_order(void **state)
{
    (void)state;
    static const char *const right[] = { "expand", "split", NULL };
    for (int skipped = 0; skipped < 2; skipped++) {
        fflush(NULL);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (!pid) {
            struct session *s = session_begin();
            struct graph *g = graph_parse(s, source_of_string(s, "order.graph", planted), NULL);
            struct pass_ctx c = pass_ctx_for(s, NULL);
            if (!freopen("/dev/null", "w", stderr))
                _exit(3);
            _exit(g && passes_run(g, &c, right + skipped, NULL) ? 0 : 2);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WIFEXITED(status) && !WEXITSTATUS(status), !skipped);
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 2);
    }
}

static void test_rules_in_a_circle(void **state)
{
    (void)state;
    static const struct rule circle[] = { { "add(?x, ?y)", "sub(?x, neg(?y))", true, "there" },
                                          { "sub(?x, neg(?y))", "add(?x, ?y)", true, "and back" } };
    struct session *s = session_begin();
    struct chain_options o = { .rules = circle, .n_rules = 2 };
    assert_null(chain_new(s, target_find("sm_90"), source_of_string(s, "planted.graph", planted), &o));
    assert_non_null(strstr(chain_why(s, 0), "they do not end"));
    session_end(s);
}

/* The kernels compute the graph that the passes left: judgement 1 finds nothing, judgement 2 fails the whole. */
static void test_kernels_of_a_wrong_graph_are_right(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct pass p = planted_pass(1);
    struct verify_report r;
    const struct chain_options o = { .instead = &p, .n_instead = 1 };
    if (!chain_run(s, target_find("gfx90a"), source_of_string(s, "planted.graph", planted), &o, false, 5, &r))
        fail_msg("%s", chain_why(s, 0));
    assert_null(chain_culprit(&r));
    must_name(&r, "expand", "drop_bias");
    assert_true(r.n_drifts == 1 && r.drifts[0].relative > 1e-3);
    session_end(s);
}

/* ---- formats: what must stay wide, however the passes store it ---- */
/* Statistics, a routing, a declared f32, parameters: one line each. */
static const char *const formats = "graph formats\n"
                                   "dim B\n"
                                   "input x: float[B, 24] where 0.5 <= x <= 2\n"
                                   "h = layernorm(linear(x, 16))\n"
                                   "z = linear(x, 4) named router\n"
                                   "w = softmax(z) * cast(topk_mask(z, 2), float)\n"
                                   "output c = combine(w, gelu(h), h, h * 0.5, h + 1.0)\n"
                                   "output s: f32[B, 16] = h * h\n"
                                   "output t: f32[16, B] = transpose(h + c, [1, 0])\n"
                                   "output u = w * 2.0\n";

/* A node is narrowed if it is of these, or its name is. */
enum narrowed { STATISTICS, CONE, DECLARED, BEFORE_VIEW, ROUTED, INPUT, BETA, ALL, MATRIX };
static const struct {
    const char *what, *says;
    int line;
} narrowings[] = {
    [STATISTICS] = { "layernorm's mean in f16", ": statistics and losses stay f32", 4 },
    [CONE] = { "the router's scores in f16", ": a selection or a weight of the routing is computed from it", 5 },
    [DECLARED] = { "a declared f32 in f16", "it is declared as f32", 8 },
    [BEFORE_VIEW] = { "what a declared f32 shows in f16", ": it is declared as f32", 9 },
    [ROUTED] = { "a weight that no op consumes in f16", ": it belongs to the routing", 10 },
    [INPUT] = { "an input in f16", "x is stored as f16: only what matrix units alone read is", 3 },
    [BETA] = { "a beta in f16", "ln0.beta is stored as f16: only what matrix units alone read is", 4 },
    [ALL] = { "everything in f16", " is stored as f16", 0 },
    [MATRIX] = { "the router on the matrix unit", " multiplies rounded operands: ", 5 },
};

static bool is_named(const struct node *n, const char *name) { return n->name && !strcmp(n->name, name); }

static bool is_narrowed(enum narrowed what, const struct node *n)
{
    bool source = n->op->class == CLS_SOURCE;
    switch (what) {
    case STATISTICS: return op_is(n, "mean") && n->origin && !strcmp(n->origin, "layernorm");
    case CONE: return n->op->class == CLS_CONTRACT && n->keep_f32;
    case DECLARED: return n->type.dtype == DT_F32 && !source && n->loc.line == 8;
    case BEFORE_VIEW: return op_is(n, "add") && n->loc.line == 9;
    case ROUTED: return op_is(n, "mul") && n->loc.line == 10;
    case INPUT: return source && is_named(n, "x");
    case BETA: return source && is_named(n, "ln0.beta");
    case ALL: return true;
    case MATRIX: return false;
    }
    return false;
}

/* The router multiplies in f16. `cast`: its operands are cast, as those of any other contraction. */
static void on_the_matrix_unit(struct graph *g, bool cast)
{
    for (size_t i = 0, n = g->n_nodes; i < n; i++) {
        struct node *m = g->nodes[i];
        if (m->op->class != CLS_CONTRACT || !m->keep_f32)
            continue;
        m->compute = DT_F16;
        for (int k = 0; k < m->n_in && cast; k++) {
            m->in[k] = graph_add(g, op_find("cast"), &m->in[k], 1, &(struct attr){ .i = DT_F16 }, m->loc);
            m->in[k]->compute = DT_F32;
            m->in[k]->storage = DT_F16;
        }
    }
    assert_true(graph_sort(g));
}

static void narrow(struct graph *g, enum narrowed what)
{
    int changed = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->storage == DT_F32 && is_narrowed(what, g->nodes[i])) {
            g->nodes[i]->storage = DT_F16;
            changed++;
        }
    if (what == MATRIX)
        on_the_matrix_unit(g, true);
    assert_true(changed > 0 || what == MATRIX);
}

/* clang-format off */
#define NARROW(PASS, WHAT)                                                                                             \
    static bool PASS##_##WHAT(struct graph *g, struct pass_ctx *c)                                                     \
    {                                                                                                                  \
        bool changed = pass_##PASS(g, c);                                                                              \
        narrow(g, WHAT);                                                                                               \
        return changed;                                                                                                \
    }
NARROW(precision, STATISTICS)
NARROW(precision, CONE)
NARROW(precision, DECLARED)
NARROW(precision, BEFORE_VIEW)
NARROW(precision, ROUTED)
NARROW(precision, INPUT)
NARROW(precision, BETA)
NARROW(precision, ALL)
NARROW(precision, MATRIX)
NARROW(fuse, CONE)
NARROW(fuse, STATISTICS)
/* clang-format on */

/* keep_f32 means nothing, and the flags of expansions and records are gone. */
static void forget_keep_f32(struct graph *g)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->keep_f32 = false;
}

static bool precision_deaf(struct graph *g, struct pass_ctx *c)
{
    bool changed = precision_STATISTICS(g, c);
    forget_keep_f32(g);
    return changed;
}

static const struct {
    const char *pass;
    enum narrowed what;
    bool (*run)(struct graph *g, struct pass_ctx *c);
} narrow_plants[] = {
    { "precision", STATISTICS, precision_STATISTICS },
    { "precision", CONE, precision_CONE },
    { "precision", DECLARED, precision_DECLARED },
    { "precision", BEFORE_VIEW, precision_BEFORE_VIEW },
    { "precision", ROUTED, precision_ROUTED },
    { "precision", INPUT, precision_INPUT },
    { "precision", BETA, precision_BETA },
    { "precision", ALL, precision_ALL },
    { "precision", MATRIX, precision_MATRIX },
    { "fuse", CONE, fuse_CONE },
    { "fuse", STATISTICS, fuse_STATISTICS },
    { "precision", STATISTICS, precision_deaf },
};

static struct verify_report judge_formats(struct session *s, const struct pass *p)
{
    const struct chain_options o = { .instead = p, .n_instead = p != NULL };
    return judge_passes(s, "sm_90", formats, &o);
}

static void test_what_must_stay_wide(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct verify_report r = judge_formats(s, NULL);
    if (!r.passes_ok)
        fail_msg("%s", r.pass_value);
    for (size_t i = 0; i < sizeof narrow_plants / sizeof *narrow_plants; i++) {
        struct pass p = *pass_find(narrow_plants[i].pass);
        p.run = narrow_plants[i].run;
        r = judge_formats(s, &p);
        const char *what = narrowings[narrow_plants[i].what].what;
        int line = narrowings[narrow_plants[i].what].line;
        if (r.passes_ok)
            fail_msg("%s by %s was not seen", what, narrow_plants[i].pass);
        if (!strstr(r.pass_value, narrowings[narrow_plants[i].what].says) || (line && r.pass_loc.line != line))
            fail_msg("%s by %s: line %d, %s", what, narrow_plants[i].pass, r.pass_loc.line, r.pass_value);
        if (!r.pass_failed || strcmp(r.pass_failed, narrow_plants[i].pass))
            fail_msg("%s by %s: %s is blamed", what, narrow_plants[i].pass, r.pass_failed);
    }
    session_end(s);
}

/* Operands that are f16 anyway lose nothing on the matrix unit. */
static void test_a_router_of_f16(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct pass p = *pass_find("precision");
    struct verify_report r = { 0 };
    static const char *const text = "graph half\ndim B\ninput x: f16[B, 16]\ninput w: f16[4, 16]\n"
                                    "output s = topk_mask(matmul(x, w, transpose_b=true), 2)\n";
    p.run = precision_MATRIX;
    const struct chain_options o = { .instead = &p, .n_instead = 1 };
    if (!chain_run(s, target_find("sm_90"), source_of_string(s, "f16", text), &o, false, 5, &r))
        fail_msg("%s", chain_why(s, 0));
    if (!r.pass)
        fail_msg("%s", chain_wrong(s, &r));
    session_end(s);
}

static bool precision_unit(struct graph *g, struct pass_ctx *c)
{
    bool changed = pass_precision(g, c);
    on_the_matrix_unit(g, false);
    return changed;
}

/* Lowering takes the matrix unit for a contraction that the graph has in f32, and records its sum: the graph decides
   how operands may be rounded, so the kernel is wrong. */
static void test_a_unit_against_the_graph(void **state)
{
    (void)state;
    static const char *const text = "graph unit\ndim B\ninput x: f32[B, 64] where -1 <= x <= 1\n"
                                    "output z: f32[B, 8] = linear(x, 8)\noutput s = topk_mask(z, 2)\n";
    static const char *const targets[] = { "gfx90a", "sm_90" };
    for (int i = 0; i < 4; i++) {
        struct session *s = session_begin();
        const struct target *t = target_find(targets[i % 2]);
        struct pass p = *pass_find("precision");
        if (i < 2)
            p.run = precision_unit;
        const struct chain_options o = { .instead = &p, .n_instead = 1 };
        struct chain *c = chain_new(s, t, source_of_string(s, "unit.graph", text), &o);
        if (!c || !chain_compile(&c, 1, false))
            fail_msg("%s", chain_why(s, 0));
        for (size_t k = 0; k < c->after->n_nodes; k++)
            if (c->after->nodes[k]->op->class == CLS_CONTRACT)
                c->after->nodes[k]->compute = DT_F32;
        struct device *d = emu_open(s, t, false, 1);
        struct verify_report r;
        assert_true(chain_judge(c, d, 70, 1, &r));
        if (r.pass != (i >= 2) || (i < 2 && (!chain_culprit(&r) || !r.passes_ok)))
            fail_msg("%s, %s: pass %d, worst ratio %g", t->name, i < 2 ? "unit" : "lanes", r.pass, r.worst);
        d->ops->close(d);
        session_end(s);
    }
}

/* ---- outputs ---- */
static void drop_output(struct graph *g) { g->n_outs--; }
static void swap_outputs(struct graph *g)
{
    struct node *n = g->outs[0].node;
    g->outs[0].node = g->outs[1].node;
    g->outs[1].node = n;
}
/* clang-format off */
AFTER(expand, drop_output)
ONCE(cse, swap_outputs)
/* clang-format on */

static void test_outputs_stay(void **state)
{
    (void)state;
    static const struct {
        const char *pass, *output;
        bool (*run)(struct graph *g, struct pass_ctx *c);
    } cases[] = { { "expand", "u", expand_drop_output }, { "cse", "c", cse_swap_outputs } };
    for (int i = 0; i < 2; i++) {
        struct session *s = session_begin();
        struct pass p = *pass_find(cases[i].pass);
        p.run = cases[i].run;
        struct verify_report r = judge_formats(s, &p);
        if (r.passes_ok || !r.pass_failed || strcmp(r.pass_failed, cases[i].pass))
            fail_msg("%s: passes_ok %d, %s is blamed", cases[i].pass, r.passes_ok, r.pass_failed);
        const char *says = arena_printf(s->run, "output %s is no longer the value that it was", cases[i].output);
        assert_string_equal(r.pass_value, says);
        session_end(s);
    }
}

/* ---- the command line ---- */
static void test_command_line_says_which_pass(void **state)
{
    (void)state;
    struct place at = enter_place();
    write_text("planted.graph", planted);
    static const int some[] = { 0, 1, 5, 8, 12, 13 };
    struct command good = command_run(NULL, "verify planted.graph --device emu:sm_90 --batch 3");
    if (good.code)
        fail_msg("exit code %d:\n%s%s", good.code, good.out, good.err);
    command_free(&good);
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        struct pass p = planted_pass(some[i]);
        struct cli_env env = { .passes_instead = &p, .n_instead = 1 };
        struct command c = command_run(&env, i % 2 ? "verify planted.graph --device emu:sm_90"
                                                   : "verify planted.graph --device emu:gfx90a");
        const char *name = plants[some[i]].pass;
        if (c.code != 1 || !strstr(c.out, name))
            fail_msg("%s in %s: exit code %d, and it says\n%s%s", plants[some[i]].fault, name, c.code, c.out, c.err);
        command_free(&c);
    }
    write_text("formats.graph", formats);
    struct pass narrow_all = *pass_find("precision");
    narrow_all.run = precision_ALL;
    struct cli_env narrowing = { .passes_instead = &narrow_all, .n_instead = 1 };
    struct command narrowed = command_run(&narrowing, "verify formats.graph --device emu:sm_90 --batch 3");
    assert_int_equal(narrowed.code, 1);
    assert_non_null(strstr(narrowed.out, "FAIL   pass precision: "));
    command_free(&narrowed);
    struct cli_env env = { .rules = wrong_rules, .n_rules = 1 };
    struct command c = command_run(&env, "verify planted.graph --device emu:gfx90a --batch 3");
    assert_int_equal(c.code, 1);
    assert_non_null(strstr(c.out, "simplify"));
    command_free(&c);
    leave_place(&at);
}

/* ---- a composite's own evaluation ---- */
static void layernorm_with_another_epsilon(struct ev *c)
{
    struct node n = *c->n;
    struct attr attrs[] = { n.attrs[0], n.attrs[1] };
    attrs[0].f *= 1.001;
    n.attrs = attrs;
    const struct node *was = c->n;
    c->n = &n;
    op_find("layernorm")->reference.eval(c);
    c->n = was;
}

static int expansions_that_differ(const struct op_def *op, int cases)
{
    int differ = 0;
    uint64_t rnd = 5;
    struct session *s = session_begin();
    for (int i = 0; i < cases; i++) {
        struct op_case c;
        struct op_case_seen seen = { 0 };
        op_case_make(&c, s, op, &rnd);
        assert_non_null(c.node);
        differ += op_case_expansion_differs(&c, &seen) != NULL;
    }
    session_end(s);
    return differ;
}

static void test_wrong_epsilon_in_eval(void **state)
{
    (void)state;
    struct op_def wrong = *op_find("layernorm");
    assert_int_equal(expansions_that_differ(&wrong, 60), 0);
    assert_true(wrong.reference.eval != NULL);
    wrong.reference.eval = layernorm_with_another_epsilon;
    assert_true(expansions_that_differ(&wrong, 60) >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_passes_pass),
        cmocka_unit_test(test_planted_faults_name_their_pass),
        cmocka_unit_test(test_wrong_rules_name_simplify),
        cmocka_unit_test(test_passes_have_an_order),
        cmocka_unit_test(test_rules_in_a_circle),
        cmocka_unit_test(test_kernels_of_a_wrong_graph_are_right),
        cmocka_unit_test(test_command_line_says_which_pass),
        cmocka_unit_test(test_what_must_stay_wide),
        cmocka_unit_test(test_a_router_of_f16),
        cmocka_unit_test(test_a_unit_against_the_graph),
        cmocka_unit_test(test_outputs_stay),
        cmocka_unit_test(test_wrong_epsilon_in_eval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
