/* The gemm template's shapes: every combination of small M, N and K, transposes, batches and symbolic dims, on the
   matrix unit and on a target without one, each judged on both emulated targets. */
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/chain.h"
#include "tests/support/kir_run.h"

enum { MAX_GRAPHS = 80 };

/* Which of the cards a run is for: those whose number is `at` modulo `of`. */
struct shard {
    int at, of;
};

/* Cards by number: both emulated targets, then the same without their matrix unit. */
enum { CARDS = 4, WITHOUT_UNIT = 2 };
static struct target card(int i)
{
    static const char *const names[] = { "gfx90a", "sm_90" };
    struct target t = *target_find(names[i % 2]);
    if (i >= WITHOUT_UNIT)
        t.matrix = NULL;
    return t;
}
#define EACH_CARD(i, state)                                                                                            \
    int i = ((struct shard *)*(state))->at;                                                                            \
    i < CARDS;                                                                                                         \
    i += ((struct shard *)*(state))->of

struct many {
    struct session *s;
    struct target t;
    struct chain *chain[MAX_GRAPHS];
    size_t n;
    struct device *d;
    double worst;
    int64_t elements;
};

static struct many *many_begin(int number)
{
    struct session *s = session_begin();
    struct many *m = arena_new_of(s->run, struct many);
    m->s = s;
    m->t = card(number);
    return m;
}

__attribute__((format(printf, 2, 3))) static void many_add(struct many *m, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_printf(m->s->run, "graph small\ndim B\n%s\n", arena_vprintf(m->s->run, fmt, ap));
    va_end(ap);
    assert_true(m->n < MAX_GRAPHS);
    struct chain *c = chain_new(m->s, &m->t, source_of_string(m->s, "small.graph", text), NULL);
    if (!c)
        fail_msg("%s\n%s", text, chain_why(m->s, 0));
    m->chain[m->n++] = c;
}

static void many_compile(struct many *m, bool checked)
{
    if (!chain_compile(m->chain, m->n, checked))
        fail_msg("%s", chain_why(m->s, 0));
    m->d = emu_open(m->s, &m->t, checked, 1);
    assert_non_null(m->d);
}

/* Judges every graph at a batch. */
static void many_judge(struct many *m, int64_t batch)
{
    for (size_t i = 0; i < m->n; i++) {
        struct chain *c = m->chain[i];
        struct verify_report r;
        if (!chain_judge(c, m->d, batch, 1, &r) || !r.pass || !r.passes_ok || chain_culprit(&r))
            fail_msg("%s%s, batch %lld:\n%s\n%s%s", m->t.name, m->t.matrix ? "" : " without a matrix unit",
                     (long long)batch, c->src->text, chain_wrong(m->s, &r), chain_why(m->s, 0));
        for (size_t k = 0; k < r.n_kernels; k++)
            m->elements += r.kernels[k].elements;
        m->worst = r.worst > m->worst ? r.worst : m->worst;
    }
}

/* Runs every graph at a batch; the checking emulator has nothing to say. */
static void many_launch(struct many *m, int64_t batch)
{
    for (size_t i = 0; i < m->n; i++)
        if (!chain_launch(m->chain[i], m->d, batch))
            fail_msg("%s, batch %lld:\n%s\n%s", m->t.name, (long long)batch, m->chain[i]->src->text,
                     chain_why(m->s, 0));
}

static void many_end(struct many *m)
{
    m->d->ops->close(m->d);
    session_end(m->s);
}

static size_t gemms(const struct chain *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->after->n_groups; i++)
        n += c->after->groups[i]->kind == GROUP_GEMM;
    return n;
}

/* ---- shapes ---- */
static const int sizes[] = { 0, 1, 7, 33, 97 };
enum { SIZES = sizeof sizes / sizeof *sizes };

/* B rows, each of sizes x sizes columns and depths, operands stored in every order. */
static void add_shapes(struct many *m)
{
    for (int i = 0; i < SIZES; i++)
        for (int j = 0; j < SIZES; j++) {
            int n = sizes[i];
            int k = sizes[j];
            bool tb = (i + j) % 2;
            many_add(m,
                     "input a: f32[B, %d] where -1 <= a <= 1\ninput b: f32[%d, %d] where -1 <= b <= 1\n"
                     "output y = matmul(a, b, transpose_b=%s)",
                     k, tb ? n : k, tb ? k : n, tb ? "true" : "false");
            many_add(m,
                     "input a: f32[%d, B] where -1 <= a <= 1\ninput b: f32[%d, %d] where -1 <= b <= 1\n"
                     "output y = gelu(matmul(a, b, transpose_a=true, transpose_b=%s))",
                     k, tb ? k : n, tb ? n : k, tb ? "false" : "true");
        }
}

static void shapes(void **state)
{
    for (EACH_CARD(i, state)) {
        struct many *m = many_begin(i);
        add_shapes(m);
        many_compile(m, false);
        for (size_t k = 0; k < SIZES; k++)
            many_judge(m, sizes[k]);
        print_message("%s%s: %zu graphs at %d batches, %lld elements, observed/bound at most %.3f\n", m->t.name,
                      m->t.matrix ? "" : " without a matrix unit", m->n, SIZES, (long long)m->elements, m->worst);
        assert_true(m->worst > 0.001 && m->worst <= 1);
        many_end(m);
    }
}

/* Batches of matrices, leading dims, operands that are views or computed, symbolic widths and depths, a fused epilogue
   with several results. */
static void add_forms(struct many *m)
{
    many_add(m, "input a: f32[B, 2, 9, 37] where -1 <= a <= 1\ninput b: f32[B, 2, 37, 19] where -1 <= b <= 1\n"
                "output y = matmul(a, b)");
    many_add(m, "input a: f32[3, 9, B] where -1 <= a <= 1\ninput b: f32[3, 20, B] where -1 <= b <= 1\n"
                "output y = matmul(a, b, transpose_b=true)");
    many_add(m, "input a: f32[B, 3, 5, 40] where -1 <= a <= 1\ninput w: f32[24, 40] where -1 <= w <= 1\n"
                "output y = matmul(a, w, transpose_b=true) * 0.5");
    many_add(m, "input a: f32[11, B] where -1 <= a <= 1\ninput b: f32[B, 13] where -1 <= b <= 1\n"
                "output y = matmul(a, b)");
    many_add(m, "input a: f32[B, 12] where -1 <= a <= 1\ninput b: f32[B, 12] where -1 <= b <= 1\n"
                "output y = matmul(a, b, transpose_b=true)");
    many_add(m, "input a: f32[B, 64] where -1 <= a <= 1\ninput b: f16[64, 40] where -1 <= b <= 1\n"
                "input c: f32[40] where -1 <= c <= 1\n"
                "z = matmul(slice(a, [0, 8], [B, 32]), slice(b, [32, 0], [32, 40])) + c\n"
                "output y = gelu(z)\noutput x = z * z");
    many_add(m, "input a: f16[B, 32] where -1 <= a <= 1\ninput b: f16[1, 48] where -1 <= b <= 1\n"
                "output y: f32[B + 3, 48] = matmul(pad(a, [3, 0], [0, 0]), broadcast(b, [32, 48]))");
    many_add(m, "input a: f16[B, 48] where -1 <= a <= 1\ninput w: f16[72, 48] where -1 <= w <= 1\n"
                "output y: f32[B, 72] = matmul(a, w, transpose_b=true)");
    many_add(m, "input a: f16[B, 20] where -1 <= a <= 1\ninput w: f16[20, 24] where -1 <= w <= 1\n"
                "output y: f32[B, 24] = matmul(slice(a, [0, 0], [B, 20]), w)");
    many_add(m, "input a: f16[2, B, 40] where -1 <= a <= 1\ninput d: f16[B, 24] where -1 <= d <= 1\n"
                "e = reshape(broadcast(d, [2, B, 24]), [2 * B, 24])\n"
                "output w: f32[40, 24] = matmul(reshape(a, [2 * B, 40]), e, transpose_a=true)");
}

static void forms(void **state)
{
    static const int64_t batches[] = { 0, 1, 2, 41 };
    for (EACH_CARD(i, state)) {
        struct many *m = many_begin(i);
        add_forms(m);
        many_compile(m, false);
        for (size_t k = 0; k < sizeof batches / sizeof *batches; k++)
            many_judge(m, batches[k]);
        many_end(m);
    }
}

/* ---- 16-bit operands ---- */
/* Operands of f16 in memory, transposed or seen through views. `way`: how both reach shared memory. */
static const struct {
    const char *way, *text;
} of_f16[] = {
    { "tk_issue_16(", "input a: f16[B, 40] where -1 <= a <= 1\ninput b: f16[B, 24] where -1 <= b <= 1\n"
                      "output y: f32[40, 24] = matmul(a, b, transpose_a=true)" },
    { "tk_issue_8(", "input a: f16[B, 20] where -1 <= a <= 1\ninput b: f16[20, 36] where -1 <= b <= 1\n"
                     "output y = gelu(matmul(a, b))" },
    { "tk_issue_4(", "input a: f16[6 * B, 22] where -1 <= a <= 1\ninput b: f16[18, 6 * B] where -1 <= b <= 1\n"
                     "output y: f32[22, 18] = matmul(transpose(a, perm=[1, 0]), transpose(b, perm=[1, 0]))" },
    { "tk_put_f16(", "input a: f16[B, 23] where -1 <= a <= 1\ninput b: f16[B, 19] where -1 <= b <= 1\n"
                     "output y: f32[23, 19] = matmul(a, b, transpose_a=true)" },
    { "tk_issue_16(", "input a: f16[B, 4, 33, 40] where -1 <= a <= 1\ninput b: f16[B, 4, 33, 24] where -1 <= b <= 1\n"
                      "output y = matmul(transpose(a, perm=[0, 1, 3, 2]), b)" },
    { "tk_issue_16(", "input a: f16[B, 40, 9] where -1 <= a <= 1\ninput b: f16[64, 96] where -1 <= b <= 1\n"
                      "c = reshape(transpose(a, perm=[2, 0, 1]), [9*B, 40])\n"
                      "output y = matmul(slice(reshape(c, [B, 360]), [0, 8], [B, 40]), slice(b, [24, 32], [40, 48]))" },
    { "tk_issue_8(", "input a: f16[3, B, 28] where -1 <= a <= 1\ninput b: f16[3, 28, 50] where -1 <= b <= 1\n"
                     "output y = matmul(reverse(a, axis=[0, 1]), slice(b, [0, 0, 2], [3, 28, 48]))" },
    { "tk_put_f16(", "input a: f16[3, B, 32] where -1 <= a <= 1\ninput b: f16[3, 32, 64] where -1 <= b <= 1\n"
                     "output y = matmul(reverse(a, axis=[2]), slice(b, [0, 0, 0], [3, 32, 32], step=[1, 1, 2]))" },
};

static const char *gemm_text(const struct chain *c)
{
    for (size_t i = 0; i < c->program->n_launches; i++)
        for (size_t k = 0; k < c->after->n_groups; k++)
            if (c->program->launches[i].group == c->after->groups[k] && c->after->groups[k]->kind == GROUP_GEMM)
                return c->program->kernels[c->program->launches[i].kernel].text;
    fail_msg("no gemm:\n%s", c->src->text);
    return NULL;
}

/* No element of an operand is converted: it is copied, and the fragments' registers are joined from its bits. */
static void sixteen_bits(void **state)
{
    for (EACH_CARD(i, state)) {
        struct many *m = many_begin(i);
        for (size_t k = 0; k < sizeof of_f16 / sizeof *of_f16; k++) {
            many_add(m, "%s", of_f16[k].text);
            const char *text = gemm_text(m->chain[k]);
            if (!m->t.matrix)
                continue;
            if (!strstr(text, of_f16[k].way) || strstr(text, "tk_pack_f16(") || strstr(text, "tk_ld_f16("))
                fail_msg("%s: no %s, or a conversion, in\n%s", m->t.name, of_f16[k].way, text);
        }
        many_compile(m, false);
        many_judge(m, 0);
        many_judge(m, 1);
        many_judge(m, 37);
        many_end(m);
        m = many_begin(i);
        for (size_t k = 0; k < sizeof of_f16 / sizeof *of_f16; k++)
            many_add(m, "%s", of_f16[k].text);
        many_compile(m, true);
        many_launch(m, 1);
        many_launch(m, 37);
        many_end(m);
    }
}

/* ---- each tile ---- */
/* The width decides the tile, at the hint's number of rows; the run has a few rows more than one tile. */
static void tiles(void **state)
{
    static const struct {
        int columns, m, n;
    } want[] = { { 40, 16, 64 }, { 2200, 32, 64 }, { 4300, 64, 64 }, { 16998, 128, 128 } };
    for (EACH_CARD(i, state)) {
        if (i < WITHOUT_UNIT)
            continue;
        struct many *m = many_begin(i);
        for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
            bool tb = k % 2;
            many_add(m,
                     "input a: f32[B, 21] where -1 <= a <= 1\ninput b: f32[%d, %d] where -1 <= b <= 1\n"
                     "output y = matmul(a, b, transpose_b=%s)",
                     tb ? want[k].columns : 21, tb ? 21 : want[k].columns, tb ? "true" : "false");
            many_add(m,
                     "input a: f32[20, B] where -1 <= a <= 1\ninput b: f32[%d, %d] where -1 <= b <= 1\n"
                     "output y = matmul(a, b, transpose_a=true, transpose_b=%s)",
                     tb ? 20 : want[k].columns, tb ? want[k].columns : 20, tb ? "false" : "true");
            for (int way = 0; way < 2; way++) {
                const struct group *gr = m->chain[2 * k + (size_t)way]->after->groups[0];
                assert_int_equal(gr->tile.m, want[k].m);
                assert_int_equal(gr->tile.n, want[k].n);
            }
        }
        many_compile(m, false);
        many_judge(m, 1);
        many_judge(m, 131);
        many_end(m);
    }
}

/* ---- parts of the depth ---- */
/* Few tiles and long sums: two launches, on the matrix unit and without, whatever the depth is when run. */
static void add_parts(struct many *m)
{
    many_add(m, "input x: f16[B, 1100] where -1 <= x <= 1\ninput w: f16[20, 1100] where -1 <= w <= 1\n"
                "input b: f32[20] where -1 <= b <= 1\ny = matmul(x, w, transpose_b=true) + b\n"
                "output z = gelu(y)\noutput v: f32[B, 20] = y");
    many_add(m, "input a: f32[5, 64*B] where -1 <= a <= 1\ninput b: f32[64*B, 3] where -1 <= b <= 1\n"
                "output y: f32[5, 3] = matmul(a, b)");
    many_add(m, "input a: f16[2, 3, 1030] where -1 <= a <= 1\ninput b: f16[2, 1030, 20] where -1 <= b <= 1\n"
                "output y: f32[2, 3, 20] = matmul(a, b)");
    for (size_t i = 0; i < m->n; i++)
        assert_int_equal(m->chain[i]->after->groups[0]->n_launches, 2);
}

static void parts(void **state)
{
    static const int64_t batches[] = { 0, 1, 7, 130 };
    for (EACH_CARD(i, state)) {
        struct many *m = many_begin(i);
        add_parts(m);
        many_compile(m, false);
        for (size_t k = 0; k < sizeof batches / sizeof *batches; k++)
            many_judge(m, batches[k]);
        many_end(m);
        m = many_begin(i);
        add_parts(m);
        many_compile(m, true);
        many_launch(m, 1);
        many_launch(m, 17);
        many_end(m);
    }
}

/* Enough tiles, or a short depth: one launch. */
static void whole(void **state)
{
    for (EACH_CARD(i, state)) {
        struct many *m = many_begin(i);
        many_add(m, "input x: f16[B, 900] where -1 <= x <= 1\noutput y = linear(x, 20)");
        many_add(m, "input x: f16[B, 4096] where -1 <= x <= 1\noutput y = linear(x, 2048)");
        for (size_t k = 0; k < m->n; k++)
            assert_int_equal(m->chain[k]->after->groups[0]->n_launches, 1);
        session_end(m->s);
    }
}

/* ---- margins ---- */
static const char margins_of_linear[] = "input x: f16[B, 40] where -1 <= x <= 1\n"
                                        "output y = linear(x, 83)\n"
                                        "output s = sum(y, axis=0)\n"
                                        "output m = mean(y, axis=0) * 2.0 + 1.0\n"
                                        "output r = mean(y)\n"
                                        "output t = max(gelu(y), keepdim=true)\n";

/* Reductions of a product's rows and columns share its launch; each way and shape has one that finishes them. */
static void add_margins(struct many *m)
{
    static const struct {
        const char *text;
        size_t launches, groups;
    } of[] = {
        { margins_of_linear, 4, 1 },
        { "input a: f32[B, 3, 40] where -1 <= a <= 1\ninput w: f32[40, 24] where -1 <= w <= 1\n"
          "y = matmul(a, w)\noutput s: f32[24] = sum(y + 1.0, axis=[0, 1])\noutput r: f32[B, 3] = max(y)",
          3, 1 },
        { "input a: f32[B, 2, 9, 37] where -1 <= a <= 1\ninput b: f32[B, 2, 37, 200] where -1 <= b <= 1\n"
          "output r: f32[B, 2, 9] = max(matmul(a, b))",
          2, 1 },
        { "input a: f32[64, 64] where -1 <= a <= 1\ninput b: f32[64, 64] where -1 <= b <= 1\n"
          "y = matmul(a, b)\nr = sum(y)\nc = sum(y, axis=0)\noutput y, r, c\noutput d: f32[64] = r - c",
          3, 2 },
        { "input a: f32[17, B] where -1 <= a <= 1\ninput b: f32[B, 5] where -1 <= b <= 1\n"
          "y = matmul(a, b)\noutput s: f32[5] = mean(y, axis=0)\noutput r: f32[17] = mean(y)",
          3, 1 },
        /* a mean that is spread over its row again belongs to the rows kernel */
        { "input x: f16[B, 40] where -1 <= x <= 1\noutput y = layernorm(linear(x, 24))", 1, 2 },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        many_add(m, "%s", of[i].text);
        assert_int_equal(m->chain[m->n - 1]->after->groups[0]->n_launches, of[i].launches);
        assert_int_equal(m->chain[m->n - 1]->after->n_groups, of[i].groups);
    }
}

static void margins(void **state)
{
    static const int64_t batches[] = { 0, 1, 7, 131 };
    for (EACH_CARD(i, state)) {
        struct many *m = many_begin(i);
        add_margins(m);
        many_compile(m, false);
        for (size_t k = 0; k < sizeof batches / sizeof *batches; k++)
            many_judge(m, batches[k]);
        many_end(m);
        m = many_begin(i);
        add_margins(m);
        many_compile(m, true);
        many_launch(m, 0);
        many_launch(m, 67);
        many_end(m);
    }
}

/* ---- sums of an operand ---- */
/* A sum along k of an operand that is in memory joins the product: without a launch of its own, or with one that adds
   the parts if K is split. */
static void add_operand_sums(struct many *m)
{
    static const struct {
        const char *text;
        size_t launches, groups;
    } of[] = {
        { "input d: f16[B, 83] where -1 <= d <= 1\ninput x: f16[B, 150] where -1 <= x <= 1\n"
          "output w: f32[83, 150] = matmul(d, x, transpose_a=true)\n"
          "s = sum(d, axis=0)\noutput b: f32[83] = s * 2.0 + mean(d, axis=0)\noutput c: f32[83] = s",
          1, 1 },
        { "input d: f16[4096, 21] where -1 <= d <= 1\ninput x: f16[4096, 24] where -1 <= x <= 1\n"
          "output w: f32[21, 24] = matmul(d, x, transpose_a=true)\noutput b: f32[21] = sum(d, axis=0) * 2.0\n"
          "output v: f32[21] = mean(d, axis=0)",
          3, 1 },
        { "input x: f16[40, B] where -1 <= x <= 1\ninput d: f16[B, 130] where -1 <= d <= 1\n"
          "output w: f32[40, 130] = gelu(matmul(x, d))\noutput b: f32[130] = abs(sum(d, axis=0))",
          1, 1 },
        { "input x: f16[4096, 20] where -1 <= x <= 1\ninput d: f16[4096, 40] where -1 <= d <= 1\n"
          "output w: f32[20, 40] = matmul(x, d, transpose_a=true)\noutput b: f32[40] = sum(d, axis=0)",
          3, 1 },
        /* a view of what is in memory, and reductions of the product too */
        { "input d: f16[B, 3, 40] where -1 <= d <= 1\ninput x: f16[3 * B, 24] where -1 <= x <= 1\n"
          "r = reshape(d, [3 * B, 40])\ny = matmul(r, x, transpose_a=true)\noutput b: f32[40] = sum(r, axis=0)\n"
          "output w: f32[40, 24] = y\noutput v: f32[24] = max(y, axis=0)",
          2, 1 },
        /* one operand only */
        { "input d: f16[B, 40] where -1 <= d <= 1\ninput x: f16[B, 40] where -1 <= x <= 1\n"
          "output w: f32[40, 40] = matmul(d, x, transpose_a=true)\noutput b: f32[40] = sum(d, axis=0)\n"
          "output c: f32[40] = sum(x, axis=0)",
          1, 2 },
        /* no columns, so no block of the first ones */
        { "input d: f16[33, 40] where -1 <= d <= 1\ninput x: f16[33, B] where -1 <= x <= 1\n"
          "output w: f32[40, B] = matmul(d, x, transpose_a=true)\noutput b: f32[40] = sum(d, axis=0)",
          1, 2 },
        /* padding is not in memory */
        { "input d: f16[B, 40] where -1 <= d <= 1\ninput x: f16[B + 2, 24] where -1 <= x <= 1\n"
          "r = pad(d, [2, 0], [0, 0], value=0.3)\noutput w: f32[40, 24] = matmul(r, x, transpose_a=true)\n"
          "output b: f32[40] = sum(r, axis=0)",
          1, 2 },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        many_add(m, "%s", of[i].text);
        const struct graph *g = m->chain[m->n - 1]->after;
        if (g->n_groups != of[i].groups || g->groups[0]->n_launches != of[i].launches)
            fail_msg("%zu groups, %zu launches:\n%s", g->n_groups, g->groups[0]->n_launches, of[i].text);
    }
}

static void operand_sums(void **state)
{
    static const int64_t batches[] = { 0, 1, 7, 131 };
    for (EACH_CARD(i, state)) {
        struct many *m = many_begin(i);
        add_operand_sums(m);
        many_compile(m, false);
        for (size_t k = 0; k < sizeof batches / sizeof *batches; k++)
            many_judge(m, batches[k]);
        many_end(m);
        m = many_begin(i);
        add_operand_sums(m);
        many_compile(m, true);
        many_launch(m, 0);
        many_launch(m, 67);
        many_end(m);
    }
}

/* ---- trees of several launches ---- */
struct count {
    int chain, depth;
};

/* Runs the program's kernels, scratch included, over numbers that count the tree of a sum. Returns what an output's
   elements hold. */
static struct count *counted(struct session *s, const struct chain *c, int64_t batch, const char *out)
{
    const struct graph *g = c->after;
    const struct kdim dims[] = { { "B", batch }, { NULL, 0 } };
    const char *name = "B";
    struct dim_values v = { &name, &batch, 1 };
    struct count **of_node = arena_array(s->run, struct count *, g->next_id);
    struct count *scratch[8] = { NULL };
    for (size_t i = 0; i < g->n_nodes; i++)
        of_node[g->nodes[i]->id] = arena_array(s->run, struct count, type_count_at(&g->nodes[i]->type, &v) + 1);
    for (size_t i = 0; i < g->groups[0]->n_scratch; i++)
        scratch[i] = arena_array(s->run, struct count, dims_eval(&v, g->groups[0]->scratch[i].count) + 1);
    for (size_t i = 0; i < c->program->n_launches; i++) {
        const struct program_launch *l = &c->program->launches[i];
        void *bufs[16];
        assert_true(l->group == g->groups[0] && l->k->n_args <= 16);
        for (size_t k = 0; k < l->k->n_args; k++)
            bufs[k] = l->args[k].node ? of_node[l->args[k].node->id] : scratch[l->args[k].scratch];
        kir_payload(s, l->k, kir_counting, bufs, dims);
    }
    return of_node[graph_find(g, out)->id];
}

/* What the launches record of a node's sum: its chain at the first level, and the most additions that a term can pass
   after the chain. */
static struct count recorded(const struct chain *c, const struct dim_values *v, const struct node *n, bool chains_count)
{
    struct count r = { -1, 0 };
    for (size_t i = 0; i < c->program->n_launches; i++)
        for (size_t k = 0; k < c->program->launches[i].k->n_sums; k++) {
            const struct ksum *sum = &c->program->launches[i].k->sums[k];
            if (sum->node != n)
                continue;
            int chain = (int)(sum->level.chain_of ? dims_eval(v, sum->level.chain_of) : sum->level.chain);
            r.depth += sum->level.depth + (r.chain >= 0 || chains_count ? chain : 0);
            r.chain = r.chain < 0 ? chain : r.chain;
        }
    return r;
}

static void must_be_tree(const struct count *got, int64_t n, int chain, int least, int most, const char *what)
{
    for (int64_t i = 0; i < n; i++)
        if (got[i].chain != chain || got[i].depth < least || got[i].depth > most)
            fail_msg("%s: element %lld is a chain of %d, depth %d; recorded %d, %d to %d", what, (long long)i,
                     got[i].chain, got[i].depth, chain, least, most);
}

/* The reduction that an output is, or is a cast of. */
static const struct node *reduced(const struct chain *c, const char *out)
{
    const struct node *n = graph_find(c->after, out);
    return n->op->class == CLS_REDUCE ? n : n->in[0];
}

/* Parts: a chain a part, as recorded, in a tree no taller than the second launch's record. Margins: their terms are
   such chains already, so that all their additions are depth. */
static void trees(void **state)
{
    static const char product[] = "graph tree\ndim B\ninput x: f16[B, %d] where -1 <= x <= 1\n"
                                  "input w: f16[%d, 20] where -1 <= w <= 1\nz = matmul(x, w)\n%s\n";
    for (EACH_CARD(i, state)) {
        struct session *s = session_begin();
        struct target t = card(i);
        struct dim_values v = { (const char *[]){ "B" }, (int64_t[]){ 33 }, 1 };
        const char *text = arena_printf(s->run, product, 2048, 2048, "output y: f32[B, 20] = z");
        struct chain *c = chain_new(s, &t, source_of_string(s, "tree", text), NULL);
        assert_true(c && c->program->n_launches == 2);
        struct count r = recorded(c, &v, c->after->groups[0]->anchor, false);
        must_be_tree(counted(s, c, 33, "y"), 33 * 20, r.chain, 1, r.depth, "parts");
        text = arena_printf(s->run, product, 48, 48, "output r: f32[B] = sum(z)\noutput c: f32[20] = sum(z, axis=0)");
        c = chain_new(s, &t, source_of_string(s, "tree", text), NULL);
        assert_true(c && c->program->n_launches == 3);
        r = recorded(c, &v, c->after->groups[0]->anchor, false);
        int rows = recorded(c, &v, reduced(c, "r"), true).depth;
        int columns = recorded(c, &v, reduced(c, "c"), true).depth;
        must_be_tree(counted(s, c, 33, "r"), 33, r.chain, rows / 2, rows, "rows");
        must_be_tree(counted(s, c, 33, "c"), 20, r.chain, columns / 2, columns, "columns");
        for (int parts = 0; parts < 2; parts++) {
            text = arena_printf(s->run,
                                "graph tree\ndim B\ninput d: f16[%s, 20] where -1 <= d <= 1\n"
                                "input x: f16[%s, 24] where -1 <= x <= 1\n"
                                "output y: f32[20, 24] = matmul(d, x, transpose_a=true)\n"
                                "output b: f32[20] = sum(d, axis=0)\n",
                                parts ? "4096" : "B", parts ? "4096" : "B");
            c = chain_new(s, &t, source_of_string(s, "tree", text), NULL);
            assert_true(c && c->program->n_launches == (parts ? 3 : 1));
            r = recorded(c, &v, reduced(c, "b"), false);
            must_be_tree(counted(s, c, 33, "b"), 20, r.chain, parts ? r.depth / 2 : r.depth, r.depth, "an operand");
        }
        session_end(s);
    }
}

/* No race, no stray or unwritten access, no touch in flight. */
static void no_alarm(void **state)
{
    for (EACH_CARD(i, state)) {
        if (i < WITHOUT_UNIT)
            continue;
        struct many *m = many_begin(i);
        add_forms(m);
        many_add(m, "input a: f32[B, 113] where -1 <= a <= 1\ninput b: f32[113, 83] where -1 <= b <= 1\n"
                    "output y = matmul(a, b)");
        many_compile(m, true);
        many_launch(m, 1);
        many_launch(m, 97);
        many_end(m);
    }
}

/* ---- grids ---- */
/* A target whose y, z, or both are limited to one block: the template folds them into x. */
static void folded_grids(void **state)
{
    static const uint64_t limits[CARDS][2] = { { 1, 65535 }, { 65535, 1 }, { 1, 1 }, { 1, 1 } };
    for (EACH_CARD(i, state)) {
        struct many *m = many_begin(i);
        m->t.max_grid[1] = limits[i][0];
        m->t.max_grid[2] = limits[i][1];
        many_add(m, "input a: f32[3, 5, 20, 18] where -1 <= a <= 1\ninput b: f32[3, 5, 18, 150] where -1 <= b <= 1\n"
                    "y = gelu(matmul(a, b))\noutput y\noutput r = max(y)");
        many_add(m, "input a: f32[B, 7, 18] where -1 <= a <= 1\ninput b: f32[B, 18, B] where -1 <= b <= 1\n"
                    "y = matmul(a, b)\noutput y\noutput r = sum(y)");
        many_add(m, "input a: f32[5, 2048] where -1 <= a <= 1\ninput b: f32[2048, 150] where -1 <= b <= 1\n"
                    "output y = matmul(a, b)");
        many_add(m, "input a: f32[200, 40] where -1 <= a <= 1\ninput b: f32[40, 150] where -1 <= b <= 1\n"
                    "y = matmul(a, b)\noutput r = sum(y)\noutput c = max(y, axis=0)");
        for (size_t k = 0; k < m->n; k++)
            assert_int_equal(gemms(m->chain[k]), 1);
        many_compile(m, true);
        many_judge(m, 0);
        many_judge(m, 3);
        many_judge(m, 70);
        many_end(m);
    }
}

/* ---- which contractions ---- */
/* What feeds a selection multiplies in f32: a few columns within the rows kernel that selects, more on the gemm
   template. */
static void who_is_a_gemm(void **state)
{
    static const struct {
        const char *text;
        size_t gemms, groups;
    } of[] = {
        { "input x: f32[B, 96] where -1 <= x <= 1\noutput m = topk_mask(linear(x, 4), 2)", 0, 1 },
        { "input x: f32[B, 96] where -1 <= x <= 1\noutput m = topk_mask(linear(x, 17), 2)", 1, 2 },
        { "input x: f32[B, 4096] where -1 <= x <= 1\noutput m = topk_mask(linear(x, 4), 2)", 1, 2 },
        { "input x: f32[4, 512] where -1 <= x <= 1\noutput m = argmax(linear(x, 4096))", 1, 2 },
        { "input x: f32[B, 24] where -1 <= x <= 1\ninput w: f32[24, B] where -1 <= w <= 1\n"
          "output m = argmax(matmul(x, w))",
          1, 2 },
    };
    for (EACH_CARD(i, state)) {
        if (i >= WITHOUT_UNIT)
            continue;
        struct many *m = many_begin(i);
        for (size_t k = 0; k < sizeof of / sizeof *of; k++) {
            many_add(m, "%s", of[k].text);
            assert_int_equal(gemms(m->chain[k]), of[k].gemms);
            assert_int_equal(m->chain[k]->after->n_groups, of[k].groups);
        }
        many_compile(m, false);
        many_judge(m, 5);
        many_end(m);
    }
}

/* test_gemm [SHARD SHARDS]: shard 1 up to SHARDS; without, all cards. */
int main(int argc, char **argv)
{
    struct shard shard = { 0, 1 };
    if (argc == 3)
        shard = (struct shard){ atoi(argv[1]) - 1, atoi(argv[2]) };
    if (shard.at < 0 || shard.at >= shard.of) {
        fprintf(stderr, "usage: test_gemm [SHARD SHARDS]\n");
        return 2;
    }
#define CASE(test) cmocka_unit_test_prestate(test, &shard)
    const struct CMUnitTest tests[] = { CASE(shapes), CASE(forms),    CASE(sixteen_bits),  CASE(tiles),
                                        CASE(parts),  CASE(whole),    CASE(margins),       CASE(operand_sums),
                                        CASE(trees),  CASE(no_alarm), CASE(who_is_a_gemm), CASE(folded_grids) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
