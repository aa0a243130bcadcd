/* The judge's own rules, each with the fault that it is there for: what a kernel may have computed, told as tensors,
   and what the judgement stands on (memory, uploads). */
#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "tests/support/chain.h"
#include "tests/support/small_run.h"

/* ---- results told by hand ---- */
/* A graph of one group, lowered but not run. */
static const struct group *one_group(struct small_run *r, const char *text)
{
    small_begin(r, text, "gfx90a");
    if (!small_steps(r, 0, SMALL_LOWERED))
        fail_msg("%s", chain_why(r->s, 0));
    assert_int_equal(r->program->g->n_groups, 1);
    return r->program->launches[r->program->n_launches - 1].group;
}

static struct tensor *row(struct small_run *r, enum dtype t, int n, const double *v)
{
    struct tensor *x = tensor_new(r->s->run, t, 1, (const int64_t[]){ n });
    for (int i = 0; i < n; i++) {
        if (t == DT_BOOL)
            ((uint8_t *)x->data)[i] = (uint8_t)v[i];
        else
            tensor_set(x, i, v[i]);
    }
    return x;
}

static struct kernel_verdict judged(struct small_run *r, const struct tensor *const *ins,
                                    const struct tensor *const *outs)
{
    const struct dim_values dims = { 0 };
    struct kernel_verdict v;
    assert_true(judge_group(r->s, r->program, r->program->n_launches - 1, &dims, ins, outs,
                            &(struct judge_how){ .threads = 1 }, NULL, &v));
    return v;
}

static struct kernel_verdict judge_one(const char *text, enum dtype to, double x, double y)
{
    struct small_run r;
    one_group(&r, text);
    struct kernel_verdict v = judged(&r, (const struct tensor *[]){ row(&r, DT_F32, 1, &x) },
                                     (const struct tensor *[]){ row(&r, to, 1, &y) });
    small_end(&r);
    return v;
}

/* A store rounds by half a unit in the last place: a whole one beside an exact value is wrong, and so is one beyond the
   nearest beside an inexact one. */
static void stores_round_once(void **state)
{
    (void)state;
    static const char *const f16 = "graph g\ninput x: f32[1]\noutput y = x * 1.0009765625\n";
    static const char *const f32 = "graph g\ninput x: f32[1]\noutput y: f32[1] = x * 1.0009765625\n";
    static const struct {
        double got;
        bool right;
    } cases[] = { { 0, true }, { 0x1p-10, false }, { -0x1p-10, false }, { 0x1.8p-10, false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(judge_one(f16, DT_F16, 1, 1.0009765625 + cases[i].got).pass, cases[i].right);
    /* 1 + 3·2⁻¹² lies between two numbers of f16, three quarters from the one and a quarter from the other. */
    double x = (1 + 0x3p-12) / 1.0009765625;
    x = (double)(float)x;
    assert_true(judge_one(f16, DT_F16, x, 1 + 0x1p-10).pass);
    assert_false(judge_one(f16, DT_F16, x, 1).pass);
    assert_true(judge_one(f32, DT_F32, 1, 1.0009765625).pass);
    assert_false(judge_one(f32, DT_F32, 1, 1.0009765625 + 0x1p-23).pass);
}

/* A NaN on one side only is never within a bound, and an infinity is no NaN. */
static void nan_on_both_sides(void **state)
{
    (void)state;
    static const char *const text = "graph g\ninput x: f32[1]\noutput y: f32[1] = sqrt(x)\n";
    static const struct {
        double x, got;
        bool right;
    } cases[] = { { -1, NAN, true },        { -1, 0, false },
                  { -1, INFINITY, false },  { -1, 1, false },
                  { 4, 2, true },           { 4, NAN, false },
                  { 4, INFINITY, false },   { INFINITY, INFINITY, true },
                  { INFINITY, NAN, false }, { INFINITY, 1, false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kernel_verdict v = judge_one(text, DT_F32, cases[i].x, cases[i].got);
        if (v.pass != cases[i].right || v.elements != 1)
            fail_msg("sqrt of %g as %g: pass %d", cases[i].x, cases[i].got, v.pass);
    }
}

/* Chosen sets: as many members as asked for, each 0 or 1, and only such as the scores' errors allow. */
static void sets_have_their_size_and_members(void **state)
{
    (void)state;
    static const char *const exact = "graph g\ninput x: f32[5]\noutput s = topk_mask(x, 2)\n";
    static const double scores[] = { 3, 1, 2, 2, 0 };
    static const struct {
        double set[5];
        bool right;
    } cases[] = {
        { { 1, 0, 1, 0, 0 }, true },  { { 1, 0, 0, 1, 0 }, false }, { { 0, 0, 1, 1, 0 }, false },
        { { 1, 0, 0, 0, 0 }, false }, { { 1, 0, 1, 1, 0 }, false }, { { 0, 0, 0, 0, 0 }, false },
        { { 1, 1, 1, 1, 1 }, false }, { { 1, 0, 0, 0, 1 }, false }, { { 2, 0, 0, 0, 0 }, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct small_run r;
        one_group(&r, exact);
        struct kernel_verdict v = judged(&r, (const struct tensor *[]){ row(&r, DT_F32, 5, scores) },
                                         (const struct tensor *[]){ row(&r, DT_BOOL, 5, cases[i].set) });
        if (v.pass != cases[i].right || v.uncertain_rows)
            fail_msg("set %zu: pass %d, uncertain %lld", i, v.pass, (long long)v.uncertain_rows);
        small_end(&r);
    }
}

/* The scores of elements 0 and 1 differ by less than their errors: either may be chosen, and what follows in the group
   is judged by what the kernel chose. */
static void the_choice_is_carried_on(void **state)
{
    (void)state;
    static const char *const text = "graph g\n"
                                    "input x: f32[3]\n"
                                    "input v: f32[3]\n"
                                    "output s = topk_mask(exp(x), 1)\n"
                                    "output y: f32[3] = cast(s, f32) * v\n";
    const double x[] = { 1, nextafterf(1, 2), 0 };
    const double v[] = { 10, 20, 30 };
    static const struct {
        double set[3], y[3];
        bool right;
        int64_t uncertain;
    } cases[] = {
        { { 0, 1, 0 }, { 0, 20, 0 }, true, 0 },  { { 1, 0, 0 }, { 10, 0, 0 }, true, 1 },
        { { 1, 0, 0 }, { 0, 20, 0 }, false, 1 }, { { 0, 1, 0 }, { 10, 0, 0 }, false, 0 },
        { { 0, 0, 1 }, { 0, 0, 30 }, false, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct small_run r;
        const struct group *gr = one_group(&r, text);
        const struct tensor *ins[2], *outs[2];
        assert_true(gr->n_ins == 2 && gr->n_outs == 2);
        for (int k = 0; k < 2; k++) {
            bool is_x = !strcmp(gr->ins[k]->name, "x");
            ins[k] = row(&r, DT_F32, 3, is_x ? x : v);
            outs[k] =
                gr->outs[k]->type.dtype == DT_BOOL ? row(&r, DT_BOOL, 3, cases[i].set) : row(&r, DT_F32, 3, cases[i].y);
        }
        struct kernel_verdict got = judged(&r, ins, outs);
        if (got.pass != cases[i].right || got.uncertain_rows != cases[i].uncertain)
            fail_msg("choice %zu: pass %d, uncertain %lld", i, got.pass, (long long)got.uncertain_rows);
        small_end(&r);
    }
}

/* ---- what is not judged ---- */
/* An -inf that is exact is exact after a mask, a softmax, a sum: each element is judged. */
static void masks_are_judged(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "graph causal\ndim B\ninput s: f32[B, 15, 15] where -3 <= s <= 3\n"
        "q = iota([B, 15, 15], dtype=i64, axis=1)\nk = iota([B, 15, 15], dtype=i64, axis=2)\n"
        "output p: f32[B, 15, 15] = softmax(select(less_equal(k, q), s * 0.3, -inf))\n",
        "graph none_allowed\ndim B\ninput s: f32[B, 15] where -3 <= s <= 3\n"
        "output p: f32[B, 15] = softmax(select(greater(s, 10.0), s * 0.3, -inf))\n",
        "graph ops\ndim B\ninput s: f32[B, 15] where 1 <= s <= 3\n"
        "h = exp(s)\nm = select(greater(s, 2.0), s * 0.3, -inf)\n"
        "output y: f32[B, 15] = maximum(m + h, h - m) + exp(m) * h\n"
        "output z: f32[B] = sum(m * h)\noutput w: f32[B, 15] = h / m + tanh(m)\n"
        "output t: f32[B, 15] = select(equal(tanh(m), -1.0), s, m)\n",
        "graph at_the_ends\ndim B\ninput s: f32[B, 15] where 0.5 <= s <= 1.5\n"
        "x = cast(iota([B, 15], dtype=i64, axis=1), f32) * s - s\nd = maximum(x, 0.0)\n"
        "output y: f32[B, 15] = sqrt(d)\noutput z: f32[B, 15] = sqrt(minimum(d, 0.0))\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int t = 0; t < 2; t++) {
            struct session *s = session_begin();
            struct verify_report r;
            if (!chain_run(s, target_find(t ? "gfx90a" : "sm_90"), source_of_string(s, "masks", texts[i]), NULL, false,
                           4, &r))
                fail_msg("%s", chain_why(s, 0));
            if (verify_verdict(&r) != VERDICT_PASS)
                fail_msg("%s%s", texts[i], chain_wrong(s, &r));
            for (size_t k = 0; k < r.n_kernels; k++)
                if (r.kernels[k].range)
                    fail_msg("%s: %lld elements of %s are not judged", texts[i], (long long)r.kernels[k].range,
                             r.kernels[k].group->name);
            session_end(s);
        }
}

/* Row r of a has an infinity in column r, column c of b a subnormal in row c. Where the unit takes that for 0, their
   product is a NaN, and y[r, r] is not judged. The other infinities are certain, whatever is flushed beside them. */
static void an_infinity_by_a_subnormal(void **state)
{
    (void)state;
    static const char *const text =
        "graph flushed\ninput x: f16[4, 16] where 1 <= x <= 2\ninput w: f16[16, 8] where 1 <= w <= 2\n"
        "r = iota([4, 16], dtype=i64, axis=0)\nc = iota([4, 16], dtype=i64, axis=1)\n"
        "p = iota([16, 8], dtype=i64, axis=0)\nq = iota([16, 8], dtype=i64, axis=1)\n"
        "output a: f16[4, 16] = select(equal(r, c), inf, x)\n"
        "output b: f16[16, 8] = select(equal(p, q), 9.5367431640625e-7, w)\n"
        "output y: f32[4, 8] = matmul(a, b)\n";
    for (int t = 0; t < 2; t++) {
        struct session *s = session_begin();
        struct verify_report r;
        const struct target *target = target_find(t ? "gfx90a" : "sm_90");
        if (!chain_run(s, target, source_of_string(s, "flushed", text), NULL, false, 4, &r))
            fail_msg("%s", chain_why(s, 0));
        if (!r.pass)
            fail_msg("%s: %s", target->name, chain_wrong(s, &r));
        int64_t judged = 0;
        int64_t left = 0;
        for (size_t k = 0; k < r.n_kernels; k++) {
            judged += r.kernels[k].elements;
            left += r.kernels[k].range;
        }
        assert_int_equal(left, target->matrix->model.flush ? 4 : 0);
        assert_int_equal(judged + left, 4 * 16 + 16 * 8 + 4 * 8);
        session_end(s);
    }
    assert_true(target_find("gfx90a")->matrix->model.flush && !target_find("sm_90")->matrix->model.flush);
}

/* ---- memory ---- */
static const char *const steps = "graph steps\n"
                                 "dim B\n"
                                 "input x: f32[B, 40] where -1 <= x <= 1\n"
                                 "output a: f32[B] = max(x)\n"
                                 "h = linear(x, 40)\n"
                                 "output b: f32[B, 24] = linear(h, 24)\n"
                                 "output c: f32[B, 40] = linear(b, 40) + h\n";

static struct slot *slot_of(struct graph *g, const struct node *n)
{
    for (size_t i = 0; i < g->n_slots; i++)
        if (g->slots[i].node == n)
            return &g->slots[i];
    fail_msg("no slot");
    return NULL;
}

/* The last value that is written lies where an earlier one is still needed. */
static void overlap(struct graph *g, const char *name)
{
    struct node *n = graph_find(g, name);
    const struct group *last = g->groups[g->n_groups - 1];
    assert_non_null(n);
    slot_of(g, last->outs[0])->offset = slot_of(g, n)->offset;
}

static bool memplan_over_a(struct graph *g, struct pass_ctx *c)
{
    bool ok = pass_memplan(g, c);
    overlap(g, "a");
    return ok;
}

/* A group's result lies over a value that a later group reads. */
static bool memplan_over_h(struct graph *g, struct pass_ctx *c)
{
    bool ok = pass_memplan(g, c);
    slot_of(g, graph_find(g, "b"))->offset = slot_of(g, graph_find(g, "h"))->offset;
    return ok;
}

/* The same, but only the last 144 of h's 400 bytes. */
static bool memplan_over_end_of_h(struct graph *g, struct pass_ctx *c)
{
    bool ok = memplan_over_h(g, c);
    const struct slot *h = slot_of(g, graph_find(g, "h"));
    assert_int_equal(graph_find(g, "h")->storage, DT_F16);
    slot_of(g, graph_find(g, "b"))->offset = index_addk(c->s->indices, h->offset, 256);
    return ok;
}

static struct verify_report of_plan(struct session *s, bool (*run)(struct graph *, struct pass_ctx *))
{
    struct pass p = *pass_find("memplan");
    struct verify_report r;
    if (run)
        p.run = run;
    const struct chain_options o = { .instead = &p, .n_instead = 1 };
    if (!chain_run(s, target_find("sm_90"), source_of_string(s, "steps", steps), &o, false, 5, &r))
        fail_msg("%s", chain_why(s, 0));
    return r;
}

static void memory_reused_too_early(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct verify_report r = of_plan(s, NULL);
    assert_true(r.pass && r.memory_ok && !r.memory_why && verify_verdict(&r) == VERDICT_PASS);
    assert_int_equal(r.n_outputs, 3);
    r = of_plan(s, memplan_over_a);
    assert_true(!r.pass && !r.memory_ok && verify_verdict(&r) == VERDICT_FAIL);
    assert_non_null(strstr(r.memory_why, "a, read again at the end, is not what kernel "));
    assert_int_equal(r.memory_loc.line, 4);
    r = of_plan(s, memplan_over_h);
    assert_true(!r.pass && !r.memory_ok);
    assert_non_null(strstr(r.memory_why, "h, as kernel "));
    assert_non_null(strstr(r.memory_why, " reads it, is not what kernel "));
    r = of_plan(s, memplan_over_end_of_h);
    assert_true(!r.pass && !r.memory_ok);
    assert_non_null(strstr(r.memory_why, "element [3, 8] is "));
    session_end(s);
    struct place at = enter_place();
    struct pass p = *pass_find("memplan");
    p.run = memplan_over_a;
    struct cli_env env = { .passes_instead = &p, .n_instead = 1 };
    write_text("steps.graph", steps);
    struct command c = command_run(&env, "verify steps.graph --device emu:sm_90 --batch 5");
    assert_int_equal(c.code, 1);
    assert_non_null(strstr(c.out, "FAIL   memory: a, read again at the end, is not what kernel "));
    command_free(&c);
    c = command_run(&env, "verify steps.graph --device emu:sm_90 --batch 5 --json");
    assert_non_null(strstr(c.out, "\"memory_ok\":false,\"memory_why\":\"a, read again"));
    command_free(&c);
    leave_place(&at);
}

/* ---- uploads ---- */
enum half { WHOLE, FIRST, SECOND };
/* What the device's copy_in does now; a table of operations has no place for it. */
static struct {
    const struct device_ops *real;
    enum half half;
    int skip; /* uploads before the one that is cut */
} cut;

static bool copy_part(struct device *d, struct stream *st, dptr dst, const void *src, size_t bytes)
{
    size_t middle = bytes / 2;
    if (cut.half == WHOLE || cut.skip-- != 0)
        return cut.real->copy_in(d, st, dst, src, bytes);
    return cut.half == FIRST ? cut.real->copy_in(d, st, dst, src, middle)
                             : cut.real->copy_in(d, st, dst + middle, (const char *)src + middle, bytes - middle);
}

static void half_an_upload(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const struct target *t = target_find("gfx90a");
    struct chain *c = chain_new(s, t, source_of_string(s, "steps", steps), NULL);
    assert_true(c && chain_compile(&c, 1, false));
    struct device *d = emu_open(s, t, false, 1);
    cut.real = d->ops;
    struct device_ops ops = *d->ops;
    ops.copy_in = copy_part;
    d->ops = &ops;
    enum { SOURCES = 7 }; /* x, three weights, three biases */
    for (enum half half = WHOLE; half <= SECOND; half++)
        for (int i = 0; i < SOURCES; i++) {
            struct verify_report r;
            cut.half = half;
            cut.skip = i;
            assert_true(chain_judge(c, d, 5, 1, &r));
            if (r.memory_ok != (half == WHOLE) || r.pass != r.memory_ok)
                fail_msg("half %d of upload %d: memory_ok %d, pass %d", half, i, r.memory_ok, r.pass);
            if (half != WHOLE && !strstr(r.memory_why, "is not the tensor that it is bound to: element "))
                fail_msg("%s", r.memory_why);
        }
    d->ops = cut.real;
    d->ops->close(d);
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_round_once),
        cmocka_unit_test(nan_on_both_sides),
        cmocka_unit_test(sets_have_their_size_and_members),
        cmocka_unit_test(the_choice_is_carried_on),
        cmocka_unit_test(masks_are_judged),
        cmocka_unit_test(an_infinity_by_a_subnormal),
        cmocka_unit_test(memory_reused_too_early),
        cmocka_unit_test(half_an_upload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
