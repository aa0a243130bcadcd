/* --memory-limit: the plan of activations and scratch fits it, by values that readers compute again, and kernels stay
   right; a limit that no plan fits is an error with both figures. */
#include "tests/support/cli_command.h" /* before cmocka, which makes fail() a macro */
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/chain.h"

enum { HINT = 512 };

static const char deep[] = "graph deep\ndim B\ninput x: float[B, 24] where -1 <= x <= 1\nlabel t: f32[B, 8]\n"
                           "h = gelu(layernorm(linear(x, 32)))\n"
                           "repeat 3 { h = gelu(layernorm(linear(h, 32))) }\n"
                           "output y = linear(h, 8)\nloss = mse(y, t)\n";
/* Selections, scans and a gather read what is computed; a value has many readers; a residual lives long. */
static const char wide[] =
    "graph wide\ndim B\ninput x: float[B, 24] where -1 <= x <= 1\nlabel t: f32[B, 16]\n"
    "a = gelu(linear(x, 16))\nm = topk_mask(a, 3)\nc = cumsum(sigmoid(a))\n"
    "g = gather(tanh(a), iota([4], dtype=i64), axis=1)\n"
    "b = a + gelu(linear(select(m, a, 0.0) + c, 16))\nd = b + gelu(linear(b, 16)) + max(g, keepdim=true)\n"
    "e = gelu(layernorm(b))\noutput y = d + a * b + cumsum(e, axis=0) * e\nloss = mse(y, t)\n";
/* A bias's gradient, which dW's kernel sums from its operand: that operand stays in memory. */
static const char summed[] = "graph summed\ndim B\ninput x: float[B, 24] where -1 <= x <= 1\nlabel t: f32[B, 8]\n"
                             "h = tanh(linear(gelu(linear(x, 40)), 40))\noutput y = linear(h, 8)\nloss = mse(y, t)\n";

static struct chain *planned(struct session *s, const char *target, const char *text, int64_t limit)
{
    return chain_new(s, target_find(target), source_of_string(s, "limit.graph", text),
                     &(struct chain_options){ .gradients = true, .hint = HINT, .memory_limit = limit });
}

static int64_t memory_of(const struct chain *c) { return index_eval_hint(c->after->memory, HINT); }

static void must_be_right(struct chain *c, int64_t batch)
{
    struct verify_report r;
    struct device *d = NULL;
    bool ok = chain_compile(&c, 1, true) && (d = emu_open(c->s, c->target, true, 1)) && chain_judge(c, d, batch, 1, &r);
    if (!ok || !r.pass || !r.passes_ok || chain_culprit(&r))
        fail_msg("%s\n%s", chain_why(c->s, 0), ok ? chain_wrong(c->s, &r) : "");
    d->ops->close(d);
}

/* Selections, scans and gathers read values of other groups from memory: computed again, values could tie otherwise. */
static void selections_must_read_memory(const struct chain *c)
{
    for (size_t i = 0; i < c->after->n_nodes; i++) {
        const struct node *n = c->after->nodes[i];
        if (n->op->class != CLS_SELECT && n->op->class != CLS_SCAN && n->op->class != CLS_INDEX)
            continue;
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k]->group && n->in[k]->group != n->group && !n->in[k]->materialised)
                fail_msg("%s reads %%%d, which is computed again", n->op->call.name, n->in[k]->id);
    }
}

/* Tighter and tighter limits, down to the first that nothing fits. The tightest plan is judged. Returns its share of
   the memory without a limit. */
static double tighten(const char *target, const char *text)
{
    struct session *s = session_begin();
    struct chain *free_plan = planned(s, target, text, 0);
    if (!free_plan)
        fail_msg("%s", chain_why(s, 0));
    int64_t all = memory_of(free_plan);
    struct chain *tightest = NULL;
    for (int64_t limit = all;; limit -= all / 40) {
        struct chain *c = planned(s, target, text, limit);
        if (!c)
            break;
        assert_true(memory_of(c) <= limit);
        tightest = c;
    }
    assert_non_null(tightest);
    double share = (double)memory_of(tightest) / (double)all;
    print_message("%s: %lld bytes, at least %.3f of them\n", target, (long long)all, share);
    selections_must_read_memory(tightest);
    must_be_right(tightest, 0);
    must_be_right(tightest, 37);
    session_end(s);
    return share;
}

static void plans_fit_their_limit(void **state)
{
    (void)state;
    assert_true(tighten("gfx90a", deep) < 0.75);
    assert_true(tighten("sm_90", deep) < 0.75);
    assert_true(tighten("gfx90a", wide) < 0.95);
    assert_true(tighten("sm_90", wide) < 0.95);
    assert_true(tighten("sm_90", summed) < 0.95);
}

static size_t again(const struct chain *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->after->n_nodes; i++)
        n += c->after->nodes[i]->recomputed;
    return n;
}

/* A limit with room changes nothing, and a little tighter one recomputes less than a tight one. */
static void no_more_than_needed(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct chain *free = planned(s, "sm_90", deep, 0);
    int64_t all = memory_of(free);
    assert_string_equal(graph_text(planned(s, "sm_90", deep, all)->after), graph_text(free->after));
    struct chain *some = planned(s, "sm_90", deep, all - all / 20);
    struct chain *most = planned(s, "sm_90", deep, all - all / 4);
    assert_true(some && most);
    assert_true(again(free) < again(some));
    assert_true(again(some) < again(most));
    for (size_t i = 0; i < most->after->n_nodes; i++) {
        const struct node *n = most->after->nodes[i];
        assert_false(n->recomputed && n->op->class != CLS_POINTWISE);
    }
    session_end(s);
}

static void what_cannot_fit_is_an_error(void **state)
{
    (void)state;
    struct session *s = session_begin();
    assert_null(planned(s, "sm_90", deep, 30000));
    assert_int_equal(s->diags[0].fail, FAIL_INPUT);
    assert_non_null(strstr(s->diags[0].text, "--memory-limit is 29.3 KiB (30000 bytes)"));
    assert_non_null(strstr(s->diags[0].text, "deep needs "));
    const char *why = chain_why(s, 0);
    assert_non_null(strstr(why, "holds 32.0 KiB until "));
    session_end(s);
}

static void the_command_line(void **state)
{
    (void)state;
    struct place place = enter_place();
    write_text("deep.graph", deep);
    command_expect("build deep.graph --memory-limit 12X", 2, NULL, "a number of bytes is needed");
    command_expect("build deep.graph --memory-limit 0", 2, NULL, "a number of bytes is needed");
    command_expect("build deep.graph --memory-limit -4K", 2, NULL, "a number of bytes is needed");
    command_expect("build deep.graph --memory-limit 9223372036854775807K", 2, NULL, "a number of bytes is needed");
    command_expect("build deep.graph --memory-limit KK", 2, NULL, "a number of bytes is needed");
    command_expect("build deep.graph --grad --batch 512 --memory-limit 8K", 3, NULL, "--memory-limit is 8.0 KiB");
    command_expect("verify deep.graph --grad --memory-limit 2G --device emu:sm_90 --batch 3", 0, "PASS", NULL);
    command_expect("build deep.graph --grad --batch 512 --memory-limit 340K", 0, "wrote", NULL);
    char *manifest = read_text("tokic-out/deep/manifest.json");
    assert_non_null(strstr(manifest, "\"memory_limit\":\t348160"));
    free(manifest);
    /* the build's limit holds for what is run from it: its kernels are the ones that it would generate */
    struct command c = command_run(NULL, "verify --device emu --batch 4");
    assert_int_equal(c.code, 0);
    assert_null(strstr(c.err, "differ from what this tokic generates"));
    command_free(&c);
    c = command_run(NULL, "verify --device emu --batch 4 --memory-limit 1G");
    assert_int_equal(c.code, 0);
    assert_non_null(strstr(c.err, "another --memory-limit"));
    command_free(&c);
    leave_place(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_fit_their_limit),
        cmocka_unit_test(no_more_than_needed),
        cmocka_unit_test(what_cannot_fit_is_an_error),
        cmocka_unit_test(the_command_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
