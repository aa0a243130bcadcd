/* What the precision pass stores: the routing in f32, everything else that is not declared in f16. */
#include "tests/support/support.h"

#include <string.h>

#include "tests/support/chain.h"

static const char *const targets[] = { "gfx90a", "sm_90" };

static const struct {
    const char *text;
    const char *f32, *f16; /* values stored in each, separated by spaces */
} cases[] = {
    { "graph padic\ndim B\ninput x: f32[B, 96] where 0 <= x <= 1\noutput z = linear(x, 4)\n"
      "output q = padic_encode(z)\noutput p = softmax(padic_decode(q))\noutput chosen = topk_mask(q, k=2)\n"
      "output w = p * cast(chosen, float)\noutput y = linear(gelu(linear(x, 32)), 8)\n",
      "z p w", "y" },
    { "graph softmax\ndim B\ninput x: f32[B, 96] where 0 <= x <= 1\noutput z = linear(x, 4)\noutput p = softmax(z)\n"
      "chosen = topk_mask(z, k=2)\noutput w = select(chosen, p, 0.0)\noutput r = w / sum(w, keepdim=true)\n"
      "output y = linear(x, 4) * w\n",
      "z p w r", "y" },
    { "graph shown\ninput a: f32[4, 4] where 0 <= a <= 1000\ninput b: f32[4, 4] where 0 <= b <= 1000\n"
      "output h = a * b\noutput z: f32[16] = reshape(h, [16])\noutput y = a * b + 1.0\n",
      "h z", "y" },
    { "graph shown_product\ninput a: f32[8, 8] where 0 <= a <= 1\noutput h = matmul(a, a)\n"
      "output z: f32[64] = reshape(transpose(h, [1, 0]), [64])\n",
      "h z", "" },
};

static void expect_stored(const struct graph *g, const char *names, enum dtype as, const char *text)
{
    char list[64];
    snprintf(list, sizeof list, "%s", names);
    for (char *name = strtok(list, " "); name; name = strtok(NULL, " ")) {
        const struct node *n = NULL;
        for (size_t i = 0; i < g->n_outs; i++)
            if (!strcmp(g->outs[i].name, name))
                n = g->outs[i].node;
        if (!n || n->storage != as)
            fail_msg("%s is stored as %s\n%s", name, n ? dtype_name(n->storage) : "nothing", text);
    }
}

static void storage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int t = 0; t < 2; t++) {
            struct session *s = session_begin();
            const struct source *src = source_of_string(s, "test.graph", cases[i].text);
            struct chain *c = chain_new(s, target_find(targets[t]), src, NULL);
            if (!c)
                fail_msg("%s\n%s", chain_why(s, 0), cases[i].text);
            expect_stored(c->after, cases[i].f32, DT_F32, cases[i].text);
            expect_stored(c->after, cases[i].f16, DT_F16, cases[i].text);
            session_end(s);
        }
}

/* exp(12) · exp(−12): neither is rounded to f16 in between, where exp(12) is inf. */
static void values_between_siblings_stay_f32(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct verify_report r;
    const struct source *src = source_of_string(
        s, "test.graph", "graph g\ninput x: f32[64] where 12 <= x <= 12\noutput y = exp(x) * exp(-x)\n");
    assert_true(chain_run(s, target_find("sm_90"), src, NULL, false, 1, &r));
    assert_true(r.pass);
    assert_int_equal(r.drifts[0].one_sided, 0);
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storage),
        cmocka_unit_test(values_between_siblings_stay_f32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
