/* The kernel text and the verifier: every kernel of tests/kir reads back to itself, wrong ones are refused with the
   message that says why. */
#include "tests/support/support.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "codegen/payload.h"
#include "codegen/print.h"
#include "tests/support/kir_run.h"

static const char *const all[] = { "pointwise",   "rowsum",         "ring",         "segments",     "types",
                                   "gemm_gfx90a", "gemm_sm_90",     "vector",       "chain_gfx90a", "chain_sm_90",
                                   "gemm_f32",    "margins_gfx90a", "margins_sm_90" };
enum { ALL = sizeof all / sizeof *all };

static void texts_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < ALL; i++) {
        struct session *s = session_begin();
        struct kernel *k = kir_read(s, all[i]);
        const char *text = kernel_text(s->run, k);
        struct kernel *again = kernel_parse(s, source_of_string(s, "again", text));
        if (!again)
            diags_print(s, 0, stderr, false);
        assert_non_null(again);
        assert_true(kernel_verify(again));
        assert_string_equal(kernel_text(s->run, again), text);
        assert_string_equal(print_kernel(again), print_kernel(k));
        session_end(s);
    }
}

/* A built kernel reads back too: names that clash or are reserved, values shared within a scope and between scopes,
   private memory that changes. */
static void built_reads_back(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct kernel *k = kernel_new(s, s->run, "built", target_find("sm_90"), 64);
    struct index_table *t = s->indices;
    const struct index *n = index_sym(t, "x");
    const struct index *zero = index_const(t, 0);
    struct kmem *x = kernel_arg(k, "x", DT_F32, n, NULL);
    struct kmem *y = kernel_arg(k, "expert0.h.2", DT_F32, n, NULL);
    struct kmem *acc = kernel_private(k, "for", DT_F32, 1);
    assert_string_equal(y->name, "expert0_h_2");
    struct kbuild top = kb_at(k);
    const struct kexpr *first = kstmt_let(&top, kexpr_load(&top, x, NULL, zero, NULL, 0));
    struct kbuild b = kb_in(&top, kstmt_region(&top));
    const struct kexpr *v =
        kexpr_op2(&b, K_MUL, kexpr_load(&b, x, NULL, k->tid, &(struct kmask){ 1, { { k->tid, n } } }, 1.5), first);
    const struct kexpr *sum = kexpr_op2(&b, K_ADD, v, kexpr_load(&b, acc, NULL, zero, NULL, 0));
    kstmt_store(&b, acc, NULL, zero, kexpr_f32(&b, -0.1), NULL);
    kstmt_accumulate(&b, acc, zero, KACC_MAX, sum, false);
    kstmt_accumulate(&b, acc, zero, KACC_PROD, sum, false);
    for (int i = 0; i < 2; i++) {
        struct kstmt *loop = kstmt_for(&b, "tid", zero, n, 3, i);
        struct kbuild in = kb_in(&b, loop);
        kstmt_accumulate(
            &in, acc, zero, KACC_SUM,
            kexpr_op2(&in, K_MUL, sum,
                      kexpr_cast(&in, DT_F32, kexpr_index(&in, DT_I64, index_addk(t, index_mul(t, loop->var, n), -4)))),
            false);
        kstmt_store(&in, y, NULL, loop->var, kexpr_op2(&in, K_ADD, sum, v), NULL);
    }
    kernel_finish(k);
    bool good = kernel_verify(k);
    if (!good)
        diags_print(s, 0, stderr, false);
    assert_true(good);
    const char *text = kernel_text(s->run, k);
    const char *print = print_kernel(k);
    struct kernel *again = kernel_parse(s, source_of_string(s, "again", text));
    if (!again)
        diags_print(s, 0, stderr, false);
    assert_non_null(again);
    assert_string_equal(kernel_text(s->run, again), text);
    assert_string_equal(print_kernel(again), print);
    /* `sum` reads private memory that each accumulation changes: it has no name that outlives one. v is worked out
       once. */
    assert_non_null(strstr(print, "const tk_f32 t0 ="));
    assert_null(strstr(print, "const tk_f32 t1 = t0 +"));
    assert_non_null(strstr(
        print,
        "for (tk_i32 tid_2 = 0; tid_2 < a.x_2; tid_2 += 3) {")); /* beside the id, and the dim beside the buffer */
    session_end(s);
}

/* No prefix of a text, and no text with a byte changed, does worse than an error. */
static void broken_texts(void **state)
{
    (void)state;
    uint64_t r = 1;
    for (int i = 0; i < ALL; i++) {
        struct session *s = session_begin();
        const char *text = kernel_text(s->run, kir_read(s, all[i]));
        size_t n = strlen(text);
        for (size_t cut = 0; cut < n - 2; cut += 7) {
            size_t before = s->n_diags;
            assert_null(kernel_parse(s, source_of_string(s, "cut", arena_strndup(s->run, text, cut))));
            assert_true(s->n_diags > before || s->errors_full);
        }
        for (int turn = 0; turn < 200; turn++) {
            char *changed = arena_strdup(s->run, text);
            changed[rnd_range(&r, 0, (int64_t)n - 1)] = (char)rnd_range(&r, 1, 126);
            struct kernel *k = kernel_parse(s, source_of_string(s, "changed", changed));
            if (k && kernel_verify(k))
                print_kernel(k);
        }
        session_end(s);
    }
}

/* ---- long chains and shared values ---- */
enum { CHAIN = 20000, SQUARES = 40, STORES = 3000 };

static struct kernel *chain_begin(struct session *s, struct kmem **x, struct kmem **y, struct kbuild *b)
{
    struct kernel *k = kernel_new(s, s->run, "deep", target_find("sm_90"), 32);
    *x = kernel_arg(k, "x", DT_F32, index_const(s->indices, 32), NULL);
    *y = kernel_arg(k, "y", DT_F32, index_const(s->indices, 32), NULL);
    struct kbuild top = kb_at(k);
    *b = kb_in(&top, kstmt_region(&top));
    return k;
}

/* Through everything that looks at values. Returns the device's text. */
static const char *pass_through(struct session *s, struct kernel *k)
{
    kernel_finish(k);
    bool good = kernel_verify(k);
    if (!good)
        diags_print(s, 0, stderr, false);
    assert_true(good);
    const char *text = kernel_text(s->run, k);
    struct kernel *again = kernel_parse(s, source_of_string(s, "again", text));
    assert_non_null(again);
    assert_string_equal(kernel_text(s->run, again), text);
    assert_non_null(print_payload(s, k));
    return print_kernel(k);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    size_t len = strlen(what);
    for (const char *p = text; *p; p++)
        n += *p == *what && !strncmp(p, what, len);
    return n;
}

static void *deep_values(void *arg)
{
    struct session *s = arg;
    struct kmem *x, *y;
    struct kbuild b;
    /* A chain of 20,000 additions; every value but the loads is used once. */
    struct kernel *k = chain_begin(s, &x, &y, &b);
    const struct kexpr *v = kexpr_load(&b, x, NULL, k->tid, NULL, 0);
    for (int i = 0; i < CHAIN; i++)
        v = kexpr_op2(&b, K_ADD, v, kexpr_f32(&b, 1));
    kstmt_store(&b, y, NULL, k->tid, v, NULL);
    assert_int_equal(count(pass_through(s, k), " + 1.0f"), CHAIN);
    /* x = x·x, 40 times: written out, it would be 2^40 factors. */
    k = chain_begin(s, &x, &y, &b);
    v = kexpr_load(&b, x, NULL, k->tid, NULL, 0);
    for (int i = 0; i < SQUARES; i++)
        v = kexpr_op2(&b, K_MUL, v, v);
    kstmt_store(&b, y, NULL, k->tid, v, NULL);
    assert_int_equal(count(pass_through(s, k), " * "), SQUARES);
    /* The same 20,000 times, and from private memory, which is written in between: all of it is computed anew. */
    k = chain_begin(s, &x, &y, &b);
    struct kmem *p = kernel_private(k, "p", DT_F32, 1);
    const struct index *zero = index_const(s->indices, 0);
    kstmt_store(&b, p, NULL, zero, kexpr_f32(&b, 2), NULL);
    v = kexpr_load(&b, p, NULL, zero, NULL, 0);
    for (int i = 0; i < CHAIN; i++)
        v = kexpr_op2(&b, K_MUL, v, v);
    for (int i = 0; i < 2; i++)
        kstmt_store(&b, p, NULL, zero, v, NULL);
    assert_int_equal(count(pass_through(s, k), " * "), 2 * CHAIN);
    /* 3,000 statements over one value of 3,000 operations, which is looked at once. */
    k = chain_begin(s, &x, &y, &b);
    v = kexpr_load(&b, x, NULL, k->tid, NULL, 0);
    for (int i = 0; i < STORES; i++)
        v = kexpr_op2(&b, K_ADD, v, kexpr_load(&b, x, NULL, zero, NULL, 0));
    for (int i = 0; i < STORES; i++)
        kstmt_store(&b, y, NULL, k->tid, kexpr_op2(&b, K_MUL, v, kexpr_f32(&b, i)), NULL);
    assert_int_equal(count(pass_through(s, k), " + "), STORES);
    return s;
}

/* On a stack that 20,000 calls would overflow, and in a time that a second look at each value would exceed. */
static void values_are_deep_and_shared(void **state)
{
    (void)state;
    struct session *s = session_begin();
    pthread_attr_t attr;
    pthread_t thread;
    void *done = NULL;
    clock_t begin = clock();
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, 256 << 10), 0);
    assert_int_equal(pthread_create(&thread, &attr, deep_values, s), 0);
    assert_int_equal(pthread_join(thread, &done), 0);
    assert_ptr_equal(done, s);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    print_message("deep and shared values: %.2f s\n", seconds);
    assert_true(seconds < 20);
    pthread_attr_destroy(&attr);
    session_end(s);
}

/* ---- wrong kernels ---- */
#define HEAD                                                                                                           \
    "kernel k for gfx90a block 64\n arg x: f32[64]\n arg h: f16[4096]\n arg y: f32[64]\n shared s: f32[2][1, 64] "     \
    "rows\n "                                                                                                          \
    "shared g: f16[1][32, 32] pad8\n private p: f32[2]\n frag fa: A[1, 1]\n frag fb: B[1, 1]\n frag fc: C[1, 1]\n{\n"

static const struct {
    const char *text, *message;
    int line;
} wrong[] = {
    { "kernel k for gfx90a block 64 { y[0] = 1 }", "'y' is not a memory of this kernel", 1 },
    { "kernel k for gfx91 block 64 { }", "there is no target 'gfx91'", 1 },
    { "kernel for for gfx90a block 64 { }", "'for' is reserved", 1 },
    { "kernel k for gfx90a block 64 arg x: f32[1] arg x: f32[2] { }", "there are two 'x'", 1 },
    { "kernel k for gfx90a block 64 arg x: f32[1] in { x[0] = 1 }", "argument x is said to be 'in', but it is 'out'",
      1 },
    { "kernel k for gfx90a block 64 shared s: f32[1][4, 4] pad2 { }", "there is no layout 'pad2'", 1 },
    { HEAD "combine sum p[lane/32] over 8\n}", "the lanes of a wave would combine different elements", 12 },
    { HEAD "combine sum p[0] over 8 from 3\n}", "must be a power of two up to the 8 lanes", 12 },
    { HEAD "combine sum p[0] over 8 from 16\n}", "must be a power of two up to the 8 lanes", 12 },
    { HEAD "y[tid] = x[tid\n}", "expected ']', found '}'", 13 },
    { HEAD "y[tid] = add(x[tid])\n}", "expected ',', found ')'", 12 },
    { HEAD "y[tid] = add(x[tid], f64(1))\n}", "add(f32, f64): operands of different types", 12 },
    { HEAD "y[tid] = exp(f64(1))\n}", "exp(f64): takes f32", 12 },
    { HEAD "y[tid] = frobnicate(x[tid])\n}", "'frobnicate' is not an operation of kernels", 12 },
    { HEAD "y[i] = 1\n}", "'i' is neither a dim nor an index variable", 12 },
    { HEAD "y[tid/0] = 1\n}", "divided by something that is not above 0", 12 },
    { HEAD "y[tid*tid*tid*tid*tid] = 1\n}", "too many terms", 12 },
    { HEAD "y[tid] = i64(3)\n}", "a value of type i64 into y, which is f32", 12 },
    { HEAD "y[64] = 1\n}", "y[64] is outside of its 64 elements", 12 },
    { HEAD "y[tid] = x[tid - 100]\n}", "x[tid - 100] is outside of its 64 elements", 12 },
    { HEAD "p[tid] = 1\n}", "p[tid] has 2 elements, and the index is in 0..63", 12 },
    { HEAD "s[tid][0] = 1\n}", "s has 2 slots, and the slot is in 0..63", 12 },
    { HEAD "x[tid] += 1\n}", "x is not private memory", 12 },
    { HEAD "p[0] fma= add(x[0], x[1])\n}", "fma= takes a product", 12 },
    { HEAD "if (0 <= tid < 3) {\n barrier block\n}\n}",
      "barrier: stands in control that is not the same for all threads of the block", 13 },
    { HEAD "for i in 0..tid {\n barrier wave\n}\n}",
      "barrier: stands in control that is not the same for all lanes of a wave", 13 },
    { HEAD "region { barrier block }\n}", "barrier: stands inside of a region, whose threads are independent", 12 },
    { HEAD "region { combine sum p[0] over 64 }\n}", "combine: stands inside of a region", 12 },
    { HEAD "if (0 <= lane < 3) { combine sum p[0] over 64 }\n}",
      "combine: stands in control that is not the same for all lanes of a wave", 12 },
    { HEAD "combine sum p[0] over 48\n}", "48 lanes: it must be a power of two up to the wave's 64", 12 },
    { HEAD "issue 0: s[0][4*tid] from x[4*tid] by 4\ncommit\nbarrier block wait 0\n}", "staging register 0 never lands",
      12 },
    { HEAD "issue 0: s[0][4*tid] from x[4*tid] by 4\nissue 0: s[0][4*tid] from x[4*tid] by 4\n"
           "land 0: s[0][4*tid] by 4\ncommit\nbarrier block wait 0\n}",
      "staging register 0 is issued again before it has landed", 13 },
    { HEAD "land 0: s[0][4*tid] by 4\n}", "nothing was issued into staging register 0", 12 },
    { HEAD "issue 0: s[0][4*tid] from x[4*tid] by 4\nland 0: s[1][4*tid] by 4\ncommit\nbarrier block wait 0\n}",
      "was issued for another place", 13 },
    { HEAD "issue 0: s[0][4*tid] from x[4*tid] by 4\nland 0: s[0][4*tid] by 4\nbarrier block wait 0\n}",
      "no commit follows", 12 },
    { HEAD "issue 0: s[0][4*tid] from x[4*tid] by 4\nland 0: s[0][4*tid] by 4\ncommit\nbarrier block\n}",
      "no barrier waits for this copy", 12 },
    { HEAD
      "issue 0: s[0][4*tid] from x[4*tid] by 4\nland 0: s[0][4*tid] by 4\ncommit\ny[tid] = s[0][tid]\nbarrier block "
      "wait 0\n}",
      "s is touched while a copy into it is in flight", 15 },
    { HEAD "t0 := s[0][tid]\ny[tid] = t0\nissue 0: s[0][4*tid] from x[4*tid] by 4\nland 0: s[0][4*tid] by 4\ncommit\n"
           "y[tid] = t0\nbarrier block wait 0\n}", /* outside of regions each statement loads anew */
      "s is touched while a copy into it is in flight", 17 },
    { HEAD
      "for i in 0..2 {\nissue 0: s[i][4*tid] from x[4*tid] by 4\n}\nland 0: s[0][4*tid] by 4\ncommit\nbarrier block "
      "wait 0\n}",
      "has not landed at its end", 12 },
    { HEAD "issue 0: s[0][tid] from x[tid] by 4\nland 0: s[0][tid] by 4\ncommit\nbarrier block wait 0\n}",
      "is not known to be a multiple of 4 elements", 12 },
    { HEAD "issue 0: s[0][8*tid] from x[8*tid] by 8\nland 0: s[0][8*tid] by 8\ncommit\nbarrier block wait 0\n}",
      "copies are of 4, 8 or 16 bytes, not 32", 12 },
    { HEAD "issue 0: s[0][4*tid] from h[4*tid] by 4\nland 0: s[0][4*tid] by 4\ncommit\nbarrier block wait 0\n}",
      "h is f16, and s is f32", 12 },
    { HEAD "mma fc += fb * fa\n}", "fragment fb is of B, not of A", 12 },
    { HEAD "frag fa = s[0](0, 0)\n}", "s is not shared memory of f16", 12 },
    { HEAD "frag fa = g(lane, 0)\n}", "the tile's origin is not the same for all lanes of a wave", 12 },
    { HEAD "frag fa = g(32, 0)\n}", "the fragments reach row 47 and column 15 of g, which has 32 x 32", 12 },
    { HEAD "y[0] = elem\n}", "known inside an each alone", 12 },
    { HEAD "region { let v = x[0] }\ny[0] = v\n}", "'v' is not known here", 13 },
    { HEAD "vector p[0] = x[tid] by 2\n}", "x[tid] is not known to be a multiple of 2 elements", 12 },
    { HEAD "vector p[0] = x[4*tid] by 4\n}", "p[3] has 2 elements, and the index is in 3..3", 12 },
    { HEAD "vector p[0] = x[128*tid + 64] by 2\n}", "x[128*tid + 64] is outside of its 64 elements", 12 },
    { HEAD "vector p[0] = x[6*tid] by 6\n}", "6 elements: they are 2, 4 or 8", 12 },
    { HEAD "vector p[0] = p[0] by 2\n}", "a vector access is between private memory and other memory: p and p are not",
      12 },
    { HEAD "vector y[2*tid] = x[2*tid] by 2\n}",
      "a vector access is between private memory and other memory: y and x are not", 12 },
    { HEAD "vector p[0] = x[2*tid] by 2 mask (0 <= tid < 3)\n}", "'mask' begins no statement", 12 },
    { "kernel k for gfx90a block 64 arg b: bool[64] private q: bool[2] { vector q[0] = b[2*tid] by 2 }",
      "b is bool, and q is bool", 1 },
    { "kernel k for gfx90a block 64 arg h: f16[128] private q: f16[2] { vector q[0] = h[2*tid] by 2 }",
      "h is f16, and q is f16", 1 },
    { "kernel k for gfx90a block 64 shared s: f32[2][1, 63] rows private q: f32[2] { vector q[0] = s[1][0] by 2 }",
      "not known to be a multiple of 2", 1 },
    { HEAD
      "issue 0: s[0][4*tid] from x[4*tid] by 4\nland 0: s[0][4*tid] by 4\ncommit\nvector s[0][0] = p[0] by 2\nbarrier "
      "block wait 0\n}",
      "s is touched while a copy into it is in flight", 15 },
    { HEAD "reduce sum p = fc\n}", "p is not private memory of f32[4], one element for each row of fc in a lane", 12 },
    { HEAD "reduce sum p = fa\n}", "fragment fa is of A, not of C", 12 },
    { HEAD "region { reduce sum p = fc }\n}", "row reduction: stands inside of a region", 12 },
    { HEAD "if (0 <= lane < 3) { frag fa = fc[0] }\n}",
      "fragment cast: stands in control that is not the same for all lanes of a wave", 12 },
    { HEAD "frag fa = fc[1]\n}", "fc has 16 columns, 16 per step, and the step is in 1..1", 12 },
    { HEAD "frag fb = fc[0]\n}", "fragment fb is of B, not of A", 12 },
    { "kernel k for gfx90a block 64\n frag fa: A[2, 2]\n frag fc: C[1, 1]\n{\nfrag fa = fc[0]\n}",
      "fa is 4 fragments, and fc has 1 rows of them", 5 },
    { HEAD "elem = 1\n}", "known inside an each alone", 12 },
    { HEAD "each fc (row, col, at) from (0, 0) { y[tid] = p[at] }\n}", "p[at] has 2 elements, and the index is in 0..3",
      12 },
    { HEAD "each fc (row, col) from (0, 0) { elem = i32(tid) }\n}",
      "a value of type i32 into a fragment's element, which is f32", 12 },
    { "kernel k for gfx90a block 64 shared s: f32[1][128, 256] rows { s[0] = 1 }",
      "131072 bytes of shared memory; gfx90a has 65536", 1 },
    { "kernel k for gfx90a block 64 grid bx, 1, 1 { }", "the grid is not a function of the dims alone", 1 },
    { "kernel k for gfx90a block 64 dims B grid 1, B, 1 { }", "the grid's y may be over the 65535 blocks", 1 },
    { "kernel k for gfx90a block 64 grid 1, 65535, 65536 { }", "the grid's z may be over the 65535 blocks", 1 },
};

static void wrong_kernels(void **state)
{
    (void)state;
    int bad = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct session *s = session_begin();
        struct kernel *k = kernel_parse(s, source_of_string(s, "wrong", wrong[i].text));
        bool refused = !k || !kernel_verify(k);
        const struct diag *d = s->n_diags ? &s->diags[0] : NULL;
        if (!refused || !d || !strstr(d->text, wrong[i].message) || d->loc.line != wrong[i].line) {
            print_error("%s\nsays '%s' at line %d, should say '%s' at line %d\n", wrong[i].text,
                        d ? d->text : "nothing", d ? d->loc.line : 0, wrong[i].message, wrong[i].line);
            bad++;
        }
        session_end(s);
    }
    assert_int_equal(bad, 0);
}

/* A value ends with its scope: what was loaded in a branch is loaded again after it, here while a copy is in flight. In
   the region itself it is kept. */
static void values_end_with_their_scope(void **state)
{
    (void)state;
    for (int kept = 0; kept < 2; kept++) {
        struct session *s = session_begin();
        struct kernel *k = kernel_new(s, s->run, "scopes", target_find("sm_90"), 32);
        const struct index *zero = index_const(s->indices, 0);
        const struct index *four = index_mulk(s->indices, k->tid, 4);
        struct kmem *x = kernel_arg(k, "x", DT_F32, index_const(s->indices, 128), NULL);
        struct kmem *y = kernel_arg(k, "y", DT_F32, index_const(s->indices, 32), NULL);
        struct kmem *m = kernel_shared(k, "m", DT_F32, 1, KL_ROWS, 1, 128);
        struct kbuild top = kb_at(k);
        struct kbuild b = kb_in(&top, kstmt_region(&top));
        const struct kexpr *v = kexpr_load(&b, m, NULL, k->tid, NULL, 0);
        struct kmask some = { 1, { { k->tid, index_const(s->indices, 7) } } };
        struct kbuild in = kept ? b : kb_in(&b, kstmt_if(&b, &some));
        kstmt_store(&in, y, NULL, k->tid, v, NULL);
        kstmt_issue(&b, m, NULL, four, x, four, 4, 0, NULL);
        kstmt_land(&b, m, NULL, four, 4, 0);
        kstmt_store(&b, y, NULL, zero, v, NULL);
        kstmt_commit(&top);
        kstmt_barrier(&top, KSCOPE_BLOCK, 0);
        kernel_finish(k);
        assert_int_equal(kernel_verify(k), kept);
        session_end(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_read_back),
        cmocka_unit_test(built_reads_back),
        cmocka_unit_test(broken_texts),
        cmocka_unit_test(values_are_deep_and_shared),
        cmocka_unit_test(values_end_with_their_scope),
        cmocka_unit_test(wrong_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
