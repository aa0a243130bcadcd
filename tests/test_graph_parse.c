/* The .graph language and the graph's core: models' parameters, what each construct means, text that reads back, clone,
   replace, sort, sweep, verify. */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/op.h"

static struct graph *parse_or_fail(struct session *s, const struct source *src, const struct graph_options *o)
{
    assert_non_null(src);
    struct graph *g = graph_parse(s, src, o);
    diags_print(s, 0, stderr, false);
    assert_non_null(g);
    assert_true(graph_verify(g));
    return g;
}

static struct graph *parse_text(struct session *s, const char *text)
{
    return parse_or_fail(s, source_of_string(s, "test.graph", text), NULL);
}

static struct graph *parse_model(struct session *s, const char *model, const char *size)
{
    struct graph_options o = { .size = size };
    return parse_or_fail(s, source_read(s, arena_printf(s->run, SOURCE_DIR "/models/%s.graph", model)), &o);
}

static const char *op_of(const struct graph *g, const char *name)
{
    const struct node *n = graph_find(g, name);
    if (!n)
        fail_msg("no tensor %s", name);
    return n->op->call.name;
}

static const char *type_of(const struct graph *g, const char *name)
{
    const struct node *n = graph_find(g, name);
    if (!n)
        fail_msg("no tensor %s", name);
    return type_text(g->arena, &n->type);
}

/* --- models --- */
struct expected {
    const char *name[700];
    int64_t rows[700], cols[700];
    int n;
}; /* cols 0: a vector */

static void expect(struct expected *e, struct session *s, const char *scope, const char *suffix, int i,
                   const char *part, int64_t rows, int64_t cols)
{
    const char *number = i < 0 ? "" : arena_printf(s->run, "%d", i);
    e->name[e->n] = arena_printf(s->run, "%s%s%s.%s", scope, suffix, number, part);
    e->rows[e->n] = rows;
    e->cols[e->n] = cols;
    e->n++;
}

/* Linear(96,h) LN, d × (Linear(h,h) LN), Linear(h,20): the order of parameters in files. */
static void expect_expert(struct expected *e, struct session *s, const char *scope, int64_t h, int d)
{
    for (int i = 0; i <= d; i++) {
        expect(e, s, scope, "lin", i, "weight", h, i ? h : 96);
        expect(e, s, scope, "lin", i, "bias", h, 0);
        expect(e, s, scope, "ln", i, "gamma", h, 0);
        expect(e, s, scope, "ln", i, "beta", h, 0);
    }
    expect(e, s, scope, "lin", d + 1, "weight", 20, h);
    expect(e, s, scope, "lin", d + 1, "bias", 20, 0);
}

/* Names, order, shapes; returns the number of parameters. */
static int64_t check_params(const struct graph *g, const struct expected *e)
{
    int64_t count = 0;
    int k = 0;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = g->nodes[i];
        if (!op_is(n, "param"))
            continue;
        assert_true(k < e->n);
        assert_string_equal(n->name, e->name[k]);
        assert_int_equal(n->type.rank, e->cols[k] ? 2 : 1);
        assert_int_equal(n->type.dim[0]->k, e->rows[k]);
        if (e->cols[k])
            assert_int_equal(n->type.dim[1]->k, e->cols[k]);
        int init = strstr(n->name, "weight") ? INIT_FAN_IN : strstr(n->name, "gamma") ? INIT_ONE : INIT_ZERO;
        assert_int_equal(n->attrs[op_attr(n->op, "init")].i, init);
        count += type_count_at(&n->type, &(struct dim_values){ 0 });
        k++;
    }
    assert_int_equal(k, e->n);
    return count;
}

static void models_have_their_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *size;
        int64_t h;
        int d;
        int64_t moe, dense_h, dense;
    } sizes[] = {
        { "nano", 128, 2, 195540, 284, 196832 },
        { "tiny", 2048, 5, 84984276, 4112, 85093748 },
        { "medium", 3072, 8, 303747540, 6152, 303656588 },
        { "full", 4096, 10, 673530324, 8200, 673621820 },
    };
    static const char *const moes[] = { "moe_sheaf", "moe_softmax" };
    for (size_t i = 0; i < 4; i++) {
        for (size_t m = 0; m < 2; m++) {
            struct session *s = session_begin();
            struct expected e = {
                .name = { "router.weight", "router.bias" }, .rows = { 4, 4 }, .cols = { 96, 0 }, .n = 2
            };
            for (int x = 0; x < 4; x++)
                expect_expert(&e, s, arena_printf(s->run, "expert%d.", x), sizes[i].h, sizes[i].d);
            assert_int_equal(check_params(parse_model(s, moes[m], sizes[i].size), &e), sizes[i].moe);
            session_end(s);
        }
        struct session *s = session_begin();
        struct expected e = { .n = 0 };
        expect_expert(&e, s, "", sizes[i].dense_h, sizes[i].d);
        assert_int_equal(check_params(parse_model(s, "dense", sizes[i].size), &e), sizes[i].dense);
        session_end(s);
    }
}

/* stem, 84 × (lin0 1024 → 4096, ln0, lin1 4096 → 1024, ln1), head */
static void dense84_has_its_parameters(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct expected *e = arena_new_of(s->run, struct expected);
    expect(e, s, "", "stem", -1, "weight", 1024, 96);
    expect(e, s, "", "stem", -1, "bias", 1024, 0);
    for (int b = 0; b < 84; b++)
        for (int i = 0; i < 2; i++) {
            const char *scope = arena_printf(s->run, "block%d.", b);
            int wide = i ? 1024 : 4096;
            expect(e, s, scope, "lin", i, "weight", wide, i ? 4096 : 1024);
            expect(e, s, scope, "lin", i, "bias", wide, 0);
            expect(e, s, scope, "ln", i, "gamma", wide, 0);
            expect(e, s, scope, "ln", i, "beta", wide, 0);
        }
    expect(e, s, "", "head", -1, "weight", 20, 1024);
    expect(e, s, "", "head", -1, "bias", 20, 0);
    assert_int_equal(check_params(parse_model(s, "dense", "dense84"), e), 706053140);
    session_end(s);
}

static void moe_sheaf_is_wired_right(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parse_model(s, "moe_sheaf", NULL);
    assert_string_equal(g->size, "nano");
    assert_int_equal(g->n_sizes, 4);
    assert_int_equal(g->n_outs, 1);
    assert_string_equal(type_of(g, "q"), "i64[B, 4]");
    assert_string_equal(type_of(g, "logits"), "float[B, 20]");
    const struct node *q = graph_find(g, "q");
    const struct node *chosen = graph_find(g, "chosen");
    const struct node *w = graph_find(g, "w");
    const struct node *y = graph_find(g, "logits");
    assert_ptr_equal(chosen->in[0], q);
    assert_ptr_equal(w->in[0], graph_find(g, "p"));
    assert_true(op_is(w->in[1], "cast") && w->in[1]->in[0] == chosen);
    assert_int_equal(y->n_in, 5);
    assert_ptr_equal(y->in[0], w);
    for (int i = 0; i < 4; i++)
        assert_string_equal(y->in[i + 1]->instance, arena_printf(s->run, "expert%d", i));
    assert_null(y->instance);
    assert_ptr_equal(g->loss->in[0], y);
    assert_string_equal(op_of(g, "expert0.h.2"), "gelu");
    assert_ptr_equal(graph_find(g, "expert3.x"), graph_find(g, "x"));
    assert_int_equal(g->n_values, g->n_nodes);
    session_end(s);
}

/* --- text --- */
static void check_round_trip(struct session *s, const struct graph *g)
{
    const char *text = graph_text(g);
    struct graph *back = parse_or_fail(s, source_of_string(s, "flat", text), NULL);
    assert_string_equal(graph_text(back), text);
    assert_int_equal(back->n_nodes, g->n_nodes);
    assert_int_equal(back->n_values, g->n_values);
}

static void texts_read_back(void **state)
{
    (void)state;
    static const char *const models[] = { "moe_sheaf", "moe_softmax", "dense", "router" };
    static const char *const sizes[] = { "nano", "tiny" };
    for (size_t m = 0; m < 4; m++) {
        for (size_t i = 0; i < 2; i++) {
            struct session *s = session_begin();
            struct session *other = session_begin();
            struct graph *g = parse_model(s, models[m], m == 3 ? NULL : sizes[i]);
            check_round_trip(s, g);
            check_round_trip(other, g); /* also in a session that has not seen its dims */
            session_end(s);
            session_end(other);
        }
    }
}

/* What the passes write is in the text too. */
static void decorated_graph_reads_back(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parse_text(
        s, "graph g\ndim B, T\ninput x: f16[B, T, 8] where -0.0 <= x <= 1e-300\nh = gelu(x)\noutput y = h * 0.1\n");
    struct node *h = graph_find(g, "h");
    struct node *y = graph_find(g, "y");
    struct node *x = graph_find(g, "x");
    h->storage = DT_F16;
    h->compute = DT_F32;
    h->keep_f32 = true;
    h->materialised = true;
    h->name = "grad:\"odd\\ name";
    g->value_of[x->id] = NULL;
    g->value_of[h->id] = y;
    struct group rows = {
        .id = 0, .name = "a \"b\"", .nodes = &h, .n_nodes = 1, .ins = &x, .n_ins = 1, .outs = &h, .n_outs = 1
    };
    struct group gemm = { .id = 1, .kind = GROUP_GEMM, .name = "c", .nodes = &y, .n_nodes = 1, .anchor = y };
    struct group *groups[] = { &rows, &gemm };
    g->groups = groups;
    g->n_groups = 2;
    h->group = &rows;
    y->group = &gemm;
    const struct index *count = type_count(s, &x->type);
    const struct index *pages =
        index_mulk(s->indices, index_ceil_div(s->indices, count, index_const(s->indices, 256)), 256);
    struct scratch partials[] = { { "partials", DT_F32, index_mulk(s->indices, count, 3), false },
                                  { "counts", DT_I32, pages, true } };
    struct sink first_sinks[] = { { SINK_PARTIAL, y, 0 }, { SINK_COLUMN_PARTIAL, h, 1 } };
    struct sink last_sink = { SINK_FULL, y, -1 };
    struct group_launch launches[] = {
        { LAUNCH_GEMM, y, -1, index_const(s->indices, 4), pages, first_sinks, 2 },
        { LAUNCH_ROWS, y, 0, index_const(s->indices, 4), pages, &last_sink, 1 },
    };
    gemm.launches = launches;
    gemm.n_launches = 2;
    gemm.scratch = partials;
    gemm.n_scratch = 2;
    gemm.tile = (struct tile){ 16, 32, 64, 1, 2 };
    gemm.after = (struct group *[]){ &rows };
    gemm.n_after = 1;
    struct slot slots[] = {
        { .node = h, .scratch = -1, .offset = index_const(s->indices, 0), .bytes = index_mulk(s->indices, count, 2) },
        { .node = y, .scratch = -1, .offset = pages, .bytes = index_max(s->indices, pages, g->dims[0].index) },
        { .group = &gemm, .scratch = 1, .offset = pages, .bytes = pages },
    };
    g->slots = slots;
    g->n_slots = 3;
    g->memory = index_add(s->indices, pages, index_mulk(s->indices, pages, 3));
    const char *text = graph_text(g);
    struct graph *back = parse_or_fail(s, source_of_string(s, "flat", text), NULL);
    assert_string_equal(graph_text(back), text);
    const struct node *h2 = graph_find(back, h->name);
    assert_non_null(h2);
    assert_true(h2->storage == DT_F16 && h2->compute == DT_F32 && h2->keep_f32 && h2->materialised);
    assert_ptr_equal(h2->group, back->groups[0]);
    assert_ptr_equal(back->memory, g->memory);
    assert_ptr_equal(back->slots[1].bytes, slots[1].bytes);
    assert_null(back->value_of[x->id]);
    assert_int_equal(back->value_of[h->id]->id, y->id);
    assert_true(signbit(graph_find(back, "x")->attrs[op_attr(x->op, "lo")].f));
    assert_int_equal(h2->loc.line, h->loc.line);
    assert_string_equal(h2->loc.src->name, "test.graph");
    struct graph *copy = graph_clone(g);
    assert_string_equal(graph_text(copy), text);
    assert_true(graph_verify(copy));
    assert_ptr_not_equal(copy->groups[1]->anchor, y);
    session_end(s);
}

static void dot_has_clusters(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const char *dot = graph_dot(parse_model(s, "moe_sheaf", NULL));
    assert_non_null(strstr(dot, "label=\"expert3\""));
    assert_non_null(strstr(dot, "-> out0"));
    session_end(s);
}

/* --- language --- */
static void numbers_are_computed(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const char *text = "graph g\nsize nano { H = 4, D = H - 1 }\nsize tiny { H = 8, D = 3 }\ndim B\n"
                       "let A = (H + 2) * 3 - 1,\n    C = -7 / 2, M = -7 % 2, N = min(A, 5)\n"
                       "input x: f32[B, A, 2 * B + N]\nlet R = C + 10\ninput u: f32[R, M]\noutput y = gelu(x)\n";
    struct graph *g = parse_text(s, text);
    assert_string_equal(type_of(g, "x"), "f32[B, 17, 2*B + 5]");
    assert_string_equal(type_of(g, "u"), "f32[6, 1]");
    const char *const sets[] = { "H=5", "C=-9", "H=6" };
    g = parse_or_fail(s, source_of_string(s, "t", text),
                      &(struct graph_options){ .size = "tiny", .sets = sets, .n_sets = 3 });
    assert_string_equal(type_of(g, "x"), "f32[B, 23, 2*B + 5]");
    assert_string_equal(type_of(g, "u"), "f32[1, 1]");
    session_end(s);
}

static void values_are_built(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parse_text(s, "graph g\ndim B\ninput x: f32[B, 4]\ninput b: f32[4]\n"
                                    "a = x + b * 2 - 0.5 / x    # infix, broadcasting, scalars on both sides\n"
                                    "r = maximum(-a, 0)\n"
                                    "c: f16[B, 4] = r\n"
                                    "f: float[B, 4] = c\n"
                                    "k: f32[4] = 3\n"
                                    "i = cast(x, i32)\n"
                                    "h = x\nrepeat 3 { h = h + k }\nrepeat 0 { never = nix }\n"
                                    "t = transpose(x, [1, 0])\n"
                                    "v = reshape(x, [2 * B, 2])\n"
                                    "output x\noutput out = t\noutput a, r\n");
    const struct node *a = graph_find(g, "a");
    const struct node *r = graph_find(g, "r");
    assert_true(op_is(a, "sub") && op_is(a->in[0], "add") && op_is(a->in[1], "div"));
    assert_true(op_is(a->in[0]->in[1], "broadcast") && op_is(a->in[0]->in[1]->in[0], "mul"));
    assert_true(op_is(r, "maximum") && op_is(r->in[0], "neg") && op_is(r->in[1], "constant"));
    assert_true(op_is(graph_find(g, "c"), "cast"));
    assert_ptr_equal(graph_find(g, "f"), graph_find(g, "c")); /* float takes any float as it is */
    assert_string_equal(type_of(g, "k"), "f32[4]");
    assert_string_equal(type_of(g, "i"), "i32[B, 4]");
    assert_string_equal(op_of(g, "h.3"), "add");
    assert_ptr_equal(graph_find(g, "h"), graph_find(g, "x"));
    assert_string_equal(type_of(g, "t"), "f32[4, B]");
    assert_string_equal(type_of(g, "v"), "f32[2*B, 2]");
    assert_int_equal(g->n_outs, 4);
    assert_ptr_equal(graph_find(g, "out"), graph_find(g, "t"));
    check_round_trip(s, g);
    session_end(s);
}

static void blocks_and_parameters_are_named(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parse_text(
        s,
        "graph g\ndim B\ninput x: f32[B, 4]\n"
        "weight shared.weight: f32[8, 4] init one\nweight shared.bias: f32[8]\n"
        "block inner(\n a: float[B, 4]\n) -> float[B, 4] {\n weight scale: f32[4] init zero\n return linear(a, 4) * "
        "scale\n}\n"
        "block outer(a: float[B, 4]) -> float[B, 4] {\n h = inner(a)\n h = inner(h)\n return inner(h) named last\n}\n"
        "p = linear(x, 8) named shared\nq = linear(x, 8) named shared\n"
        "u = linear(x, shared.weight, shared.bias)\n"
        "y = outer(x)\nz = outer(y)\nout = linear(linear(z, 3), 2) named head\noutput out\n");
    static const char *const names[] = {
        "shared.weight",
        "shared.bias",
        "outer.inner.scale",
        "outer.inner.lin0.weight",
        "outer.inner.lin0.bias",
        "outer.inner.1.lin0.weight",
        "outer.last.lin0.bias",
        "outer.last.scale",
        "outer.1.inner.lin0.weight",
        "outer.1.last.lin0.weight",
        "lin0.weight",
        "head.weight",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(op_of(g, names[i]), "param");
    assert_null(graph_find(g, "lin1.weight"));
    assert_ptr_equal(graph_find(g, "p")->in[1], graph_find(g, "q")->in[1]);
    assert_ptr_equal(graph_find(g, "p")->in[1], graph_find(g, "u")->in[1]);
    assert_string_equal(graph_find(g, "outer.last.scale")->instance, "outer.last");
    assert_ptr_equal(graph_find(g, "outer.inner.a"), graph_find(g, "x"));
    check_round_trip(s, g);
    session_end(s);
}

static void sources_have_their_ranges(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parse_text(s, "graph g\ninput x: f32[4] where -1 <= x <= 2\ninput any: f32[4]\n"
                                    "input q: i32[4]\noutput y = x + any\noutput z = q\n");
    for (size_t i = 0; i < g->n_nodes; i++)
        op_contract(g, g->nodes[i]);
    const struct facts *x = &graph_find(g, "x")->facts;
    const struct facts *q = &graph_find(g, "q")->facts;
    assert_true(x->finite && x->lo == -1 && x->hi == 2 && !x->integral);
    assert_false(graph_find(g, "any")->facts.finite);
    assert_true(q->integral && q->finite);
    session_end(s);
}

/* A megabyte of statements, each a new name that the next one uses. */
static void large_files_are_read(void **state)
{
    (void)state;
    enum { N = 40000 };
    struct session *s = session_begin();
    char *text = malloc(64 + N * 40);
    char *at = text + sprintf(text, "graph g\ninput v0: f32[4]\n");
    for (int i = 1; i <= N; i++)
        at += sprintf(at, "v%d = gelu(v%d)  # line %d\n", i, i - 1, i);
    sprintf(at, "output y = v%d\n", N);
    struct graph *g = parse_text(s, text);
    assert_int_equal(g->n_nodes, N + 1);
    check_round_trip(s, g);
    assert_true(graph_sort(g));
    free(text);
    session_end(s);
}

/* A dump begins with a comment that names its pass. */
static void flat_texts_may_begin_with_comments(void **state)
{
    (void)state;
    static const char *const heads[] = { "# after fuse\n", "\n  \n\t# flat\n#\n\n",
                                         "\xEF\xBB\xBF# after expand\r\n\r\n" };
    struct session *s = session_begin();
    const char *flat = graph_text(parse_text(s, "graph g\ninput x: f32[4]\noutput y = gelu(x)\n"));
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        assert_string_equal(graph_text(parse_text(s, arena_printf(s->run, "%s%s", heads[i], flat))), flat);
    parse_text(s, "# flat graph g\ngraph flat\ninput x: f32[4]\noutput y = gelu(x)\n");
    session_end(s);
}

/* --- core --- */
static struct graph *chain(struct session *s)
{
    return parse_text(s, "graph g\ninput x: f32[4]\na = gelu(x)\nb = tanh(a)\noutput c = b + a\n");
}

static void clones_are_apart(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = chain(s);
    struct graph *c = graph_clone(g);
    const char *before = graph_text(g);
    assert_string_equal(graph_text(c), before);
    for (size_t i = 0; i < g->n_nodes; i++)
        assert_ptr_not_equal(g->nodes[i], c->nodes[i]);
    node_replace(c, graph_find(c, "b"), graph_find(c, "a"));
    assert_int_equal(graph_sweep(c), 1);
    assert_true(graph_verify(c));
    assert_string_equal(graph_text(g), before);
    check_round_trip(s, c);
    session_end(s);
}

static void replace_moves_every_use(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = chain(s);
    struct node *a = graph_find(g, "a");
    struct node *x = graph_find(g, "x");
    struct node *c = graph_find(g, "c");
    int id = a->id;
    struct builder b = build_at(g, a);
    struct node *e = build1(&b, "exp", x);
    node_replace(g, a, e);
    size_t before = (size_t)s->n_errors;
    assert_false(graph_verify(g)); /* a still stands where it stood */
    assert_true((size_t)s->n_errors > before);
    assert_ptr_equal(node_now(a), e);
    graph_settle(g);
    assert_ptr_equal(c->in[1], e);
    assert_ptr_equal(graph_find(g, "a"), e);
    assert_ptr_equal(g->value_of[id], e);
    size_t errors = (size_t)s->n_errors;
    assert_false(graph_verify(g)); /* e stands behind its users */
    assert_true((size_t)s->n_errors > errors);
    assert_true(graph_sort(g));
    assert_true(graph_verify(g));
    assert_int_equal(graph_sweep(g), 1);
    assert_true(graph_verify(g));
    graph_count_uses(g);
    assert_int_equal(e->mark, 2);
    assert_int_equal(c->mark, 1);
    e->in[0] = c;
    assert_false(graph_sort(g)); /* a cycle */
    session_end(s);
}

static void sweep_keeps_what_counts(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parse_text(s, "graph g\ninput x: f32[4]\ninput unused: f32[4]\nlabel t: f32[4]\ndead = "
                                    "gelu(x)\ndead2 = dead * 2\noutput y = tanh(x)\nloss = mse(y, t)\n");
    int dead = graph_find(g, "dead")->id;
    assert_int_equal(graph_sweep(g), 3); /* dead, dead2 and its constant */
    assert_non_null(graph_find(g, "unused"));
    assert_null(graph_find(g, "dead"));
    assert_null(g->value_of[dead]);
    assert_true(graph_verify(g));
    check_round_trip(s, g);
    session_end(s);
}

static void verify_sees_what_is_broken(void **state)
{
    (void)state;
    for (int what = 0; what < 7; what++) {
        struct session *s = session_begin();
        struct graph *g = chain(s);
        struct node *a = graph_find(g, "a");
        struct node *b = graph_find(g, "b");
        struct node *c = graph_find(g, "c");
        assert_true(graph_verify(g));
        if (what == 0)
            a->id = b->id;
        if (what == 1)
            b->name = "a";
        if (what == 2)
            a->type.dim[0] = index_const(s->indices, 5);
        if (what == 3)
            b->n_in = 0;
        if (what == 4)
            g->n_nodes--;
        if (what == 5)
            g->value_of[0] = graph_clone(g)->nodes[0];
        if (what == 6) {
            g->nodes[1] = c;
            g->nodes[3] = a;
        }
        assert_false(graph_verify(g));
        session_end(s);
    }
}

static void shapes_have_limits(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const struct index *b = index_sym(s->indices, "B");
    const struct index *four = index_const(s->indices, 4);
    struct type t = { .dtype = DT_F32, .rank = 3, .dim = { b, four, index_addk(s->indices, b, 1) } };
    assert_null(type_misfit(s, &t));
    struct dim_values v = { .names = (const char *[]){ "B" }, .values = (int64_t[]){ 7 }, .n = 1 };
    assert_int_equal(type_count_at(&t, &v), 7 * 4 * 8);
    assert_int_equal(dims_eval(&v, type_count(s, &t)), 7 * 4 * 8);
    assert_int_equal(dims_eval(&v, type_rows(s, &t)), 28);
    assert_int_equal(dims_eval(&v, type_last(s, &t)), 8);
    assert_string_equal(type_text(s->run, &t), "f32[B, 4, B + 1]");
    t = (struct type){ .rank = 4, .dim = { b, b, b, b } };
    assert_non_null(type_misfit(s, &t));
    t = (struct type){ .rank = 2, .dim = { index_const(s->indices, 1 << 20), index_const(s->indices, (1 << 20) + 1) } };
    assert_non_null(type_misfit(s, &t));
    t.dim[1] = index_const(s->indices, 1 << 20);
    assert_null(type_misfit(s, &t));
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_have_their_parameters),
        cmocka_unit_test(dense84_has_its_parameters),
        cmocka_unit_test(moe_sheaf_is_wired_right),
        cmocka_unit_test(texts_read_back),
        cmocka_unit_test(decorated_graph_reads_back),
        cmocka_unit_test(dot_has_clusters),
        cmocka_unit_test(numbers_are_computed),
        cmocka_unit_test(values_are_built),
        cmocka_unit_test(blocks_and_parameters_are_named),
        cmocka_unit_test(sources_have_their_ranges),
        cmocka_unit_test(large_files_are_read),
        cmocka_unit_test(flat_texts_may_begin_with_comments),
        cmocka_unit_test(clones_are_apart),
        cmocka_unit_test(replace_moves_every_use),
        cmocka_unit_test(sweep_keeps_what_counts),
        cmocka_unit_test(verify_sees_what_is_broken),
        cmocka_unit_test(shapes_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
