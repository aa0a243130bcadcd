/* Fragments: rows reduced, elements set in place, results that become operands. tests/kir/chain_*.kir against a C
   function, and what the maps say of moving elements against the maps themselves. */
#include "tests/support/needs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "codegen/print.h"
#include "ir/kernel/fragment.h"
#include "tests/support/kir_run.h"

static const char *const targets[] = { "gfx90a", "sm_90" };

/* ---- maps ---- */
static int number(const struct index *e)
{
    int64_t v;
    assert_true(index_const_value(e, &v));
    return (int)v;
}

/* Of every element of every lane, the source names the place where C's map has the same row and column. */
static void sources_hold_what_operands_want(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct session *s = session_begin();
        const struct target *t = target_find(targets[i]);
        const struct matrix_unit *u = t->matrix;
        for (int lane = 0; lane < t->wave; lane++)
            for (int e = 0; e < u->a_elems; e++) {
                struct frag_source from =
                    frag_source_of(s->indices, u, index_const(s->indices, lane), index_const(s->indices, e));
                int l = number(from.lane);
                int at = number(from.elem);
                int frag = number(from.frag);
                assert_in_range(l, 0, t->wave - 1);
                assert_in_range(at, 0, u->c_elems - 1);
                assert_int_equal(map_row(&u->c, l, at), map_row(&u->a, lane, e));
                assert_int_equal(map_col(&u->c, l, at) + u->n * frag, map_col(&u->a, lane, e));
            }
        session_end(s);
    }
}

static void ways_and_rows(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const struct matrix_unit *mfma = target_find("gfx90a")->matrix;
    const struct matrix_unit *mma = target_find("sm_90")->matrix;
    assert_int_equal(frag_way_of(s->indices, mma, 32), FRAG_STAYS);
    assert_int_equal(frag_way_of(s->indices, mfma, 64), FRAG_TURNS);
    assert_int_equal(frag_row_slots(mma), 2);
    assert_int_equal(frag_row_slots(mfma), 4);
    assert_int_equal(frag_row_lanes(mma, 32), 3);
    assert_int_equal(frag_row_lanes(mfma, 64), 15);
    assert_int_equal(frag_col_slots(mma), 2);
    assert_int_equal(frag_col_slots(mfma), 1);
    assert_int_equal(frag_col_lanes(mma, 32), 28);
    assert_int_equal(frag_col_lanes(mfma, 64), 48);
    assert_true(frag_rows_whole(s->indices, mma, 32) && frag_rows_whole(s->indices, mfma, 64));
    struct matrix_unit other = *mfma;
    other.c =
        /* not square in its elements any more: a row of C would be spread over lanes and elements of A's shape */
        mfma->b;
    other.c.col[0].mod = 8;
    assert_int_equal(frag_way_of(s->indices, &other, 64), FRAG_NO_WAY);
    assert_false(frag_rows_whole(s->indices, &other, 64));
    session_end(s);
}

/* A slot's row and column are those of every element that has the slot. */
static void slots_say_where(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct session *s = session_begin();
        struct index_table *t = s->indices;
        const struct target *target = target_find(targets[i]);
        const struct matrix_unit *u = target->matrix;
        for (int lane = 0; lane < target->wave; lane++)
            for (int e = 0; e < u->c_elems; e++) {
                const struct index *l = index_const(t, lane);
                const struct index *row = frag_row_slot(t, u, index_const(t, e));
                const struct index *col = frag_col_slot(t, u, index_const(t, e));
                assert_in_range(number(row), 0, frag_row_slots(u) - 1);
                assert_in_range(number(col), 0, frag_col_slots(u) - 1);
                assert_int_equal(number(frag_row_at(t, u, l, row)), map_row(&u->c, lane, e));
                assert_int_equal(number(frag_col_at(t, u, l, col)), map_col(&u->c, lane, e));
            }
        session_end(s);
    }
}

/* ---- margins ---- */
static void halves(uint64_t *r, double *d, uint16_t *h, int n)
{
    for (int i = 0; i < n; i++) {
        d[i] = (double)rnd_range(r, -8, 8) / 4;
        h[i] = f16_from_double(d[i]);
    }
}

static void expect(const char *what, const double *want, const float *got, const double *payload,
                   const double *payload_wants, int n)
{
    for (int i = 0; i < n; i++) {
        if (got[i] != want[i])
            fail_msg("emulator: %s %d is %.9g, should be %.9g", what, i, got[i], want[i]);
        if (payload[i] != payload_wants[i])
            fail_msg("payload: %s %d is %.17g, should be %.17g", what, i, payload[i], payload_wants[i]);
    }
}

static void margins(void **state)
{
    (void)state;
    enum { SIDE = 32, DEPTH = 16 };
    static const char *const names[] = { "margins_gfx90a", "margins_sm_90" };
    for (int i = 0; i < 2; i++) {
        struct session *s = session_begin();
        struct kernel *k = kir_read(s, names[i]);
        double a[SIDE * DEPTH];
        double b[DEPTH * SIDE];
        double total[SIDE] = { 0 };
        double top[SIDE];
        double own_total[SIDE];
        double own_top[SIDE];
        uint16_t ha[SIDE * DEPTH], hb[DEPTH * SIDE];
        float got_total[SIDE], got_top[SIDE];
        uint64_t r = 7 + (uint64_t)i;
        halves(&r, a, ha, SIDE * DEPTH);
        halves(&r, b, hb, DEPTH * SIDE);
        for (int row = 0; row < SIDE; row++) {
            top[row] = -INFINITY;
            for (int col = 0; col < SIDE; col++) {
                double c = 0;
                for (int d = 0; d < DEPTH; d++)
                    c += a[row * DEPTH + d] * b[d * SIDE + col];
                total[col] += c;
                top[row] = fmax(top[row], c);
            }
        }
        kir_emulate(
            s, k,
            (struct kbuf[]){
                { ha, sizeof ha }, { hb, sizeof hb }, { got_total, sizeof got_total }, { got_top, sizeof got_top } },
            NULL);
        kir_payload(s, k, kir_doubles, (void *[]){ a, b, own_total, own_top }, NULL);
        expect("total", total, got_total, own_total, total, SIDE);
        expect("top", top, got_top, own_top, top, SIDE);
        session_end(s);
    }
}

/* ---- the chain ---- */
enum { G = 3, ROWS = 64 * G, N = 32, K = 32, P = 16 };
struct chain {
    double a[ROWS * K], b[K * N], e[N * P], y[ROWS * P], top[ROWS], total[ROWS];
};

/* Every sum here is exact in f32: what is rounded is p alone, to multiples of 2^-10. */
static void chain_reference(struct chain *c, bool rounded)
{
    for (int r = 0; r < ROWS; r++) {
        double p[N];
        double top = -INFINITY;
        double total = 0;
        for (int j = 0; j < N; j++) {
            p[j] = 0;
            for (int k = 0; k < K; k++)
                p[j] += c->a[r * K + k] * c->b[k * N + j];
            top = fmax(top, p[j]);
        }
        for (int j = 0; j < N; j++)
            total += p[j] = 1.5 + (p[j] - top) / 1024;
        for (int i = 0; i < P; i++) {
            double sum = total;
            for (int j = 0; j < N; j++)
                sum += (rounded ? dtype_round(DT_F16, p[j]) : p[j]) * c->e[j * P + i];
            c->y[r * P + i] = sum;
        }
        c->top[r] = top;
        c->total[r] = total;
    }
}

static void chain(void **state)
{
    (void)state;
    static const char *const names[] = { "chain_gfx90a", "chain_sm_90" };
    for (int i = 0; i < 2; i++) {
        struct session *s = session_begin();
        struct kernel *k = kir_read(s, names[i]);
        struct chain *c = arena_new_of(s->run, struct chain);
        struct chain *exact = arena_new_of(s->run, struct chain);
        struct chain *own = arena_new_of(s->run, struct chain);
        uint16_t a[ROWS * K], b[K * N], e[N * P];
        float y[ROWS * P], top[ROWS], total[ROWS];
        uint64_t r = 1 + (uint64_t)i;
        halves(&r, c->a, a, ROWS * K);
        halves(&r, c->b, b, K * N);
        halves(&r, c->e, e, N * P);
        *exact = *own = *c;
        chain_reference(c, true);
        chain_reference(exact, false);
        assert_true(memcmp(c->y, exact->y, sizeof c->y) != 0); /* the rounding to f16 is seen */
        const struct kdim dims[] = { { "G", G }, { NULL, 0 } };
        struct kbuf bufs[] = { { a, sizeof a }, { b, sizeof b },     { e, sizeof e },
                               { y, sizeof y }, { top, sizeof top }, { total, sizeof total } };
        kir_emulate(s, k, bufs, dims);
        kir_payload(s, k, kir_doubles, (void *[]){ own->a, own->b, own->e, own->y, own->top, own->total }, dims);
        expect("y", c->y, y, own->y, exact->y, ROWS * P);
        expect("top", c->top, top, own->top, exact->top, ROWS);
        expect("total", c->total, total, own->total, exact->total, ROWS);
        session_end(s);
    }
}

static void compiles(const char *name, enum compiler compiler)
{
    struct session *s = session_begin();
    struct kernel *k = kir_read(s, name);
    assert_int_equal(k->target->compiler, compiler);
    kir_compile_gpu(s, &k, 1);
    session_end(s);
}

static void compiles_with_hiprtc(void **state)
{
    (void)state;
    compiles("margins_gfx90a", COMPILER_HIPRTC);
    compiles("chain_gfx90a", COMPILER_HIPRTC);
}

static void compiles_with_nvrtc(void **state)
{
    (void)state;
    compiles("margins_sm_90", COMPILER_NVRTC);
    compiles("chain_sm_90", COMPILER_NVRTC);
}

/* ---- the builder: the slot of a row is made when first asked for, also from inside of what stands in the each; a set
   element is read anew ---- */
static void built_reads_back(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct kernel *k = kernel_new(s, s->run, "built", target_find("sm_90"), 32);
    struct index_table *t = s->indices;
    const struct index *zero = index_const(t, 0);
    struct kfrag *c = kernel_frag(k, "c", KF_C, 1, 2);
    struct kfrag *a = kernel_frag(k, "a0", KF_A, 1, 1);
    struct kmem *y = kernel_arg(k, "y", DT_F32, index_const(t, 256), NULL);
    struct kmem *least = kernel_private(k, "least", DT_F32, frag_rows(c));
    assert_int_equal(least->count->k, 2);
    struct kbuild top = kb_at(k);
    kstmt_frag_fill(&top, c, 3);
    kstmt_frag_reduce(&top, least, KACC_MIN, c);
    struct kstmt *each = kstmt_each(&top, c, zero, zero);
    struct kbuild b = kb_in(&top, each);
    assert_null(each->var3);
    const struct kexpr *twice = kexpr_op2(&b, K_MUL, kexpr_frag(&b), kexpr_f32(&b, 2));
    kstmt_frag_set(&b, twice);
    struct kbuild inner = kb_in(&b, kstmt_if(&b, &(struct kmask){ 1, { { each->var2, index_const(t, 8) } } }));
    kstmt_store(&inner, y, NULL, index_add(t, index_mulk(t, each->var, 16), each->var2),
                kexpr_op2(&inner, K_ADD, twice, kexpr_row_of(&inner, least)), NULL);
    assert_ptr_equal(each->var3, kb_row_slot(&b));
    kstmt_frag_cast(&top, a, c, zero);
    kernel_finish(k);
    assert_true(kernel_verify(k) && kernel_is_collective(k));
    const char *text = kernel_text(s->run, k);
    struct kernel *again = kernel_parse(s, source_of_string(s, "again", text));
    if (!again)
        diags_print(s, 0, stderr, false);
    assert_non_null(again);
    assert_string_equal(kernel_text(s->run, again), text);
    assert_string_equal(print_kernel(again), print_kernel(k));
    assert_non_null(
        strstr(text, "y[16*row + col] = add(mul(elem, 2.0), least[slot])")); /* of the element as it was set */
    session_end(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sources_hold_what_operands_want),
                                        cmocka_unit_test(ways_and_rows),
                                        cmocka_unit_test(slots_say_where),
                                        cmocka_unit_test(margins),
                                        cmocka_unit_test(chain),
                                        needs("hiprtc", compiles_with_hiprtc),
                                        needs("nvrtc", compiles_with_nvrtc),
                                        cmocka_unit_test(built_reads_back) };
    return tests_main(argc, argv, tests, NULL, NULL);
}
