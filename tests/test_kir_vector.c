/* Vector accesses: tests/kir/vector.kir against a C function, every type and width as a copy, what the checking
   emulator says of wrong ones, and the targets' own compilers. */
#include "tests/support/needs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "codegen/print.h"
#include "codegen/spell.h"
#include "runtime/compile/compile.h"
#include "tests/support/kir_run.h"

static const char *const targets[] = { "gfx90a", "sm_90" };

/* ---- the hand-written kernel ---- */
enum { B = 301, GROUP = 64 };

/* What row `row` of x is after the kernel's first half. */
static float worked(const uint16_t *x, const float *b, int row, int e)
{
    return ((row < B ? f16_to_float(x[8 * row + e]) : 1.5f) + b[e]) * 1.1f;
}

static void rows_turned_round(void **state)
{
    (void)state;
    for (int t = 0; t < 2; t++) {
        struct session *s = session_begin();
        struct kernel *k = kir_read_for(s, "vector", targets[t]);
        uint16_t x[8 * B], y[8 * B];
        float b[8], z[8 * B];
        double px[8 * B], pb[8], py[8 * B], pz[8 * B];
        uint64_t r = 1;
        for (int i = 0; i < 8 * B; i++) {
            x[i] = f16_from_float((float)rnd_range(&r, -999, 999) / 64);
            px[i] = f16_to_float(x[i]);
        }
        for (int i = 0; i < 8; i++)
            b[i] = (float)(pb[i] = (double)rnd_range(&r, -9, 9) / 8);
        const struct kdim dims[] = { { "B", B }, { NULL, 0 } };
        kir_emulate(s, k, (struct kbuf[]){ { x, sizeof x }, { b, sizeof b }, { y, sizeof y }, { z, sizeof z } }, dims);
        kir_payload(s, k, kir_doubles, (void *[]){ px, pb, py, pz }, dims);
        for (int i = 0; i < 8 * B; i++) {
            int row = i / 8;
            int from = row / GROUP * GROUP + GROUP - 1 - row % GROUP;
            float want = f16_to_float(f16_from_float(worked(x, b, from, i % 8)));
            if (f16_to_float(y[i]) != want || z[i] != want)
                fail_msg("element %d: %g and %g, should be %g", i, f16_to_float(y[i]), z[i], want);
            double exact = ((from < B ? px[8 * from + i % 8] : 1.5) + pb[i % 8]) * (double)1.1;
            if (py[i] != exact || pz[i] != exact)
                fail_msg("payload: element %d: %g and %g, should be %g", i, py[i], pz[i], exact);
        }
        session_end(s);
    }
}

/* ---- every type and width ---- */
static const enum dtype types[] = { DT_F16, DT_BF16, DT_F32, DT_F64, DT_I32, DT_I64 };
enum { TYPES = sizeof types / sizeof *types, WIDTHS = 3, ITEMS = 64 };

/* out[n·tid ..] := in[n·tid ..], the last thread's element left as it is. */
static struct kernel *copy_kernel(struct session *s, const char *target, enum dtype t, int n)
{
    struct kernel *k =
        kernel_new(s, s->run, arena_printf(s->run, "copy_%s_%d", dtype_name(t), n), target_find(target), ITEMS);
    const struct index *count = index_const(s->indices, ITEMS * n);
    const struct index *at = index_mulk(s->indices, k->tid, n);
    const struct index *zero = index_const(s->indices, 0);
    struct kmem *in = kernel_arg(k, "in", t, count, NULL);
    struct kmem *out = kernel_arg(k, "out", t, count, NULL);
    struct kmem *own = kernel_private(k, "own", kexpr_value_type(t), n);
    struct kmask mask = { 1, { { k->tid, index_const(s->indices, ITEMS - 1) } } };
    struct kbuild top = kb_at(k);
    struct kbuild b = kb_in(&top, kstmt_region(&top));
    kstmt_load_vector(&b, own, zero, in, NULL, at, n, NULL, 0);
    kstmt_store_vector(&b, out, NULL, at, own, zero, n, &mask);
    kernel_finish(k);
    return k;
}

static size_t copy_kernels(struct session *s, const char *target, struct kernel **k)
{
    size_t n = 0;
    for (int t = 0; t < TYPES; t++)
        for (int width = 2; width <= 8; width *= 2) {
            k[n] = copy_kernel(s, target, types[t], width);
            if (!kernel_verify(k[n++])) {
                diags_print(s, 0, stderr, false);
                fail();
            }
        }
    return n;
}

static void copies(void **state)
{
    (void)state;
    for (int t = 0; t < 4; t++) { /* each target checked and not */
        struct session *s = session_begin();
        struct kernel *k[TYPES * WIDTHS];
        size_t n = copy_kernels(s, targets[t % 2], k);
        struct kir_code code = t < 2 ? kir_compile(s, k, n, NULL) : kir_compile_unchecked(s, k, n);
        uint64_t r = 2;
        for (size_t i = 0; i < n; i++) {
            unsigned char in[ITEMS * 8 * 8], out[ITEMS * 8 * 8];
            size_t size = (size_t)dtype_size(k[i]->args[0]->dtype);
            size_t bytes = (size_t)k[i]->args[0]->count->k * size;
            size_t kept = bytes - bytes / ITEMS;
            for (size_t j = 0; j < bytes; j++) {
                in[j] = (unsigned char)(rnd_u64(&r) & 0x77);
                out[j] = 0xa5;
            } /* 0x77: no NaN in any format */
            assert_true(kir_code_launch(&code, k[i], (struct kbuf[]){ { in, bytes }, { out, bytes } }, NULL));
            if (memcmp(in, out, kept))
                fail_msg("%s for %s: not a copy", k[i]->name, targets[t % 2]);
            for (size_t j = kept; j < bytes; j++)
                assert_int_equal(out[j], 0xa5);
        }
        kir_code_free(&code);
        session_end(s);
    }
}

/* ---- wrong ones, which the verifier would not let through ---- */
struct wrong {
    const char *what;
    int64_t stride, offset;
    const char *says;
};

static void checker_sees(void **state)
{
    (void)state;
    static const struct wrong wrong[] = {
        { "off by two", 4, 2, "at an address that is not aligned to its size" },
        { "beyond the end", 4, 4, "read outside every buffer of the launch" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct session *s = session_begin();
        struct kernel *k = copy_kernel(s, "gfx90a", DT_F32, 4);
        k->body[0]->body[0]->index2 =
            index_addk(s->indices, index_mulk(s->indices, k->tid, wrong[i].stride), wrong[i].offset);
        float in[4 * ITEMS] = { 0 }, out[4 * ITEMS];
        assert_false(kir_launch(s, k, (struct kbuf[]){ { in, sizeof in }, { out, sizeof out } }, NULL));
        const struct diag *d = &s->diags[0];
        if (!strstr(d->text, wrong[i].says) || d->loc.line != 10)
            fail_msg("%s: says '%s' at line %d", wrong[i].what, d->text, d->loc.line);
        session_end(s);
    }
}

/* Every element of a vector store is a write: of two that overlap, in shared memory, the second is a race at the cell
   that both touch. */
static void overlap_is_a_race(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct kernel *k = kernel_new(s, s->run, "overlap", target_find("sm_90"), 2);
    struct index_table *t = s->indices;
    struct kmem *m = kernel_shared(k, "m", DT_F32, 1, KL_ROWS, 1, 8);
    struct kmem *own = kernel_private(k, "own", DT_F32, 4);
    struct kmem *y = kernel_arg(k, "y", DT_F32, index_const(t, 8), NULL);
    struct kbuild top = kb_at(k);
    struct kbuild b = kb_in(&top, kstmt_region(&top));
    for (int e = 0; e < 4; e++)
        kstmt_store(&b, own, NULL, index_const(t, e), kexpr_f32(&b, e), NULL);
    kstmt_store_vector(&b, m, NULL, index_mulk(t, k->tid, 2), own, index_const(t, 0), 2, NULL);
    kstmt_store_vector(&b, m, NULL, index_const(t, 0), own, index_const(t, 0), 4,
                       &(struct kmask){ 1, { { index_addk(t, k->tid, -1), index_const(t, 2) } } });
    kstmt_store_vector(&b, y, NULL, index_mulk(t, k->tid, 4), own, index_const(t, 0), 4, NULL);
    kernel_finish(k);
    float out[8];
    assert_false(kir_launch(s, k, (struct kbuf[]){ { out, sizeof out } }, NULL));
    assert_non_null(strstr(s->diags[0].text, "shared memory, byte 0: race"));
    session_end(s);
}

/* ---- the targets' own compilers ---- */
static void compile_copies(const char *target, enum compiler compiler)
{
    struct session *s = session_begin();
    struct kernel *k[TYPES * WIDTHS + 1];
    size_t n = copy_kernels(s, target, k);
    k[n++] = kir_read_for(s, "vector", target);
    assert_int_equal(k[0]->target->compiler, compiler);
    kir_compile_gpu(s, k, n);
    session_end(s);
}

static void copies_with_hiprtc(void **state)
{
    (void)state;
    compile_copies("gfx90a", COMPILER_HIPRTC);
}

static void copies_with_nvrtc(void **state)
{
    (void)state;
    compile_copies("sm_90", COMPILER_NVRTC);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_turned_round), cmocka_unit_test(copies),
        cmocka_unit_test(checker_sees),      cmocka_unit_test(overlap_is_a_race),
        needs("hiprtc", copies_with_hiprtc), needs("nvrtc", copies_with_nvrtc),
    };
    return tests_main(argc, argv, tests, NULL, NULL);
}
