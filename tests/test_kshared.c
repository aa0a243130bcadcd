/* Shared buffers lie over each other only where barriers of the block part their use. */
#include "tests/support/support.h"

#include <string.h>

#include "ir/kernel/kir.h"
#include "tests/support/chain.h"

#define HEAD                                                                                                           \
    "kernel k for sm_90 block 64\n arg x: f32[64]\n arg y: f32[64]\n shared sa: f32[1][1, 64] rows\n "                 \
    "shared sb: f32[1][1, 64] rows\n shared sc: f32[1][1, 64] rows\n{\n"
#define WRITE(m) "region {\n" m "[tid] = x[tid]\n}\n"
#define READ(m) "region {\ny[tid] = " m "[63 - tid]\n}\n"
#define MEET "barrier block\n"

static const struct {
    const char *text;
    int bytes, a, b, c;
} cases[] = {
    /* one after the other: a, then b where a was, then c where b was */
    { HEAD WRITE("sa") MEET READ("sa") MEET WRITE("sb") MEET READ("sb") MEET WRITE("sc") MEET READ("sc") "}", 256, 0, 0,
      0 },
    /* b is written in the span in which a is still read */
    { HEAD WRITE("sa") MEET READ("sa") WRITE("sb") MEET READ("sb") MEET WRITE("sc") MEET READ("sc") "}", 512, 0, 256,
      0 },
    /* a is read again at the end */
    { HEAD WRITE("sa") MEET READ("sa") MEET WRITE("sb") MEET READ("sb") MEET WRITE("sc") MEET READ("sc") READ("sa") "}",
      512, 0, 256, 256 },
    /* a wave's barrier does not part a and b; the block's does part a and c */
    { HEAD WRITE("sa") MEET READ("sa") "barrier wave\n" WRITE("sb") MEET READ("sb") WRITE("sc") MEET READ("sc") "}",
      512, 0, 256, 0 },
    /* a barrier inside a loop is met again and again: what the loop touches is live all through it */
    { HEAD "for i in 0..2 {\n" WRITE("sa") MEET READ("sa") MEET WRITE("sb") MEET READ("sb") MEET "}\n" WRITE("sc")
          MEET READ("sc") "}",
      768, 0, 256, 512 },
    /* a copy in flight */
    { HEAD "issue 0: sa[0][4*tid] from x[4*tid] by 4 mask (0 <= tid < 16)\nland 0: sa[0][4*tid] by 4\ncommit\n"
           "barrier block wait 0\n" READ("sa") MEET WRITE("sb") MEET READ("sb") MEET WRITE("sc") MEET READ("sc") "}",
      512, 0, 256, 256 },
};

static void buffers_share_bytes_only_when_they_may(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct session *s = session_begin();
        struct kernel *k = kernel_parse(s, source_of_string(s, "k.kir", cases[i].text));
        if (!k)
            fail_msg("case %zu: %s", i, chain_why(s, 0));
        if (k->shared_bytes != cases[i].bytes || k->shared[0]->offset != cases[i].a ||
            k->shared[1]->offset != cases[i].b || k->shared[2]->offset != cases[i].c)
            fail_msg("case %zu: %d bytes at %d, %d, %d", i, k->shared_bytes, k->shared[0]->offset, k->shared[1]->offset,
                     k->shared[2]->offset);
        session_end(s);
    }
}

/* A user: the reductions of a row that a block makes, one after the other. */
static void reductions_of_a_block_share_their_totals(void **state)
{
    (void)state;
    static const char text[] = "graph one\ninput x: f32[1, 5000] where -1 <= x <= 1\n"
                               "output y = softmax(layernorm(x))\n";
    for (int checked = 0; checked < 2; checked++) {
        struct session *s = session_begin();
        struct verify_report r;
        const struct target *t = target_find("sm_90");
        bool ran = chain_run(s, t, source_of_string(s, "test.graph", text), NULL, checked, 1, &r);
        if (!ran || !r.pass)
            fail_msg("%s%s", ran ? chain_wrong(s, &r) : "", chain_why(s, 0));
        struct chain *c = chain_new(s, t, source_of_string(s, "test.graph", text), NULL);
        assert_non_null(c);
        const struct kernel *k = c->program->kernels[0].k;
        assert_true(k->n_shared >= 4);
        assert_int_equal(k->shared_bytes, 32); /* eight waves' totals */
        session_end(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_share_bytes_only_when_they_may),
        cmocka_unit_test(reductions_of_a_block_share_their_totals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
