/* The targets' rows: found by name, whole, and with lane maps that cover each matrix exactly once. */
#include "tests/support/support.h"

#include <string.h>

#include "ir/target.h"

static void rows_are_found(void **state)
{
    (void)state;
    assert_non_null(target_find("gfx90a"));
    assert_non_null(target_find("sm_90"));
    assert_null(target_find("emu"));
    assert_null(target_find("gfx90"));
    assert_null(target_find(""));
    assert_null(target_at(-1));
    int n = 0;
    for (const struct target *t; (t = target_at(n)); n++)
        assert_ptr_equal(target_find(t->name), t);
    assert_true(n >= 2);
}

static void rows_are_whole(void **state)
{
    (void)state;
    const struct target *t;
    for (int i = 0; (t = target_at(i)); i++) {
        assert_true(t->wave == 32 || t->wave == 64);
        assert_true(t->max_block % t->wave == 0);
        assert_true(t->shared_bytes >= 48 << 10 && t->copy_stages >= 2);
        assert_true(t->units > 0 && t->mem_gbs > 0 && t->fp16_tflops > 0);
        assert_true(t->simd_regs > 0 && t->reg_granule > 0 && t->simd_waves > 0);
        assert_true(t->compiler == COMPILER_NVRTC ? t->dialect == DIALECT_CUDA : t->dialect == DIALECT_HIP);
        if (t->base) {
            const struct target *b = target_find(t->base);
            assert_non_null(b);
            assert_int_equal(t->dialect, b->dialect);
        }
    }
}

/* Each entry of a rows x cols matrix lies in exactly one (lane, element). */
static void assert_covers(const struct coord_map *m, int wave, int elems, int rows, int cols)
{
    int seen[16][16] = { { 0 } };
    assert_int_equal(wave * elems, rows * cols);
    for (int lane = 0; lane < wave; lane++)
        for (int e = 0; e < elems; e++) {
            int r = map_row(m, lane, e);
            int c = map_col(m, lane, e);
            assert_in_range(r, 0, rows - 1);
            assert_in_range(c, 0, cols - 1);
            assert_int_equal(seen[r][c]++, 0);
        }
}

static void maps_cover_each_entry_once(void **state)
{
    (void)state;
    const struct target *t;
    for (int i = 0; (t = target_at(i)); i++) {
        const struct matrix_unit *u = t->matrix;
        if (!u)
            continue;
        assert_covers(&u->a, t->wave, u->a_elems, u->m, u->k);
        assert_covers(&u->b, t->wave, u->b_elems, u->k, u->n);
        assert_covers(&u->c, t->wave, u->c_elems, u->m, u->n);
    }
}

/* Fragment registers hold two halves: elements 2r and 2r + 1 are neighbours in k, in A and in B, so that one 4-byte
   load fills a register. */
static void pairs_are_neighbours_in_k(void **state)
{
    (void)state;
    const struct target *t;
    for (int i = 0; (t = target_at(i)); i++) {
        const struct matrix_unit *u = t->matrix;
        if (!u)
            continue;
        for (int lane = 0; lane < t->wave; lane++) {
            for (int e = 0; e < u->a_elems; e += 2) {
                assert_int_equal(map_row(&u->a, lane, e), map_row(&u->a, lane, e + 1));
                assert_int_equal(map_col(&u->a, lane, e) + 1, map_col(&u->a, lane, e + 1));
            }
            for (int e = 0; e < u->b_elems; e += 2) {
                assert_int_equal(map_col(&u->b, lane, e), map_col(&u->b, lane, e + 1));
                assert_int_equal(map_row(&u->b, lane, e) + 1, map_row(&u->b, lane, e + 1));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found),
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(maps_cover_each_entry_once),
        cmocka_unit_test(pairs_are_neighbours_in_k),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
