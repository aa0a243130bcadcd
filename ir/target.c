#include "ir/target.h"

#include <string.h>

#define LANE(div, mod, mul)                                                                                            \
    {                                                                                                                  \
        BY_LANE, div, mod, mul                                                                                         \
    }
#define ELEM(div, mod, mul)                                                                                            \
    {                                                                                                                  \
        BY_ELEM, div, mod, mul                                                                                         \
    }

static int map_sum(const struct map_term *t, int lane, int elem)
{
    int sum = 0;
    for (int i = 0; i < MAP_TERMS && t[i].mul; i++)
        sum += t[i].mul * (((t[i].of == BY_LANE ? lane : elem) / t[i].div) % t[i].mod);
    return sum;
}

int map_row(const struct coord_map *m, int lane, int elem) { return map_sum(m->row, lane, elem); }
int map_col(const struct coord_map *m, int lane, int elem) { return map_sum(m->col, lane, elem); }

/* Layout from AMD's matrix instruction calculator. Element e of a lane is A[lane % 16, 4·(lane / 16) + e].
   In B, C and D, row and column are swapped: [4·(lane / 16) + e, lane % 16]. */
#define MFMA_16X16X16_F16(FLUSH)                                                                                       \
    &(const struct matrix_unit)                                                                                        \
    {                                                                                                                  \
        .name = "v_mfma_f32_16x16x16f16", .m = 16, .n = 16, .k = 16, .in = DT_F16, .acc = DT_F32, .a_elems = 4,        \
        .b_elems = 4, .c_elems = 4, .a = { .row = { LANE(1, 16, 1) }, .col = { LANE(16, 4, 4), ELEM(1, 4, 1) } },      \
        .b = { .row = { LANE(16, 4, 4), ELEM(1, 4, 1) }, .col = { LANE(1, 16, 1) } },                                  \
        .c = { .row = { LANE(16, 4, 4), ELEM(1, 4, 1) }, .col = { LANE(1, 16, 1) } }, .maps_known = DOCUMENTED,        \
        .model = {                                                                                                     \
            .kind = MODEL_TREE4,                                                                                       \
            .group = 4,                                                                                                \
            .flush = FLUSH,                                                                                            \
            .known = PUBLISHED                                                                                         \
        }                                                                                                              \
    }

/* Layout from the PTX ISA, "Matrix fragments for mma.m16n8k16". Let q = lane / 4.
   A lane holds elements of rows q and q + 8 of A and C, and of column q of B. */
#define MMA_M16N8K16_F16(GROUP, FBITS, KNOWN)                                                                          \
    &(const struct matrix_unit)                                                                                        \
    {                                                                                                                  \
        .name = "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", .m = 16, .n = 8, .k = 16, .in = DT_F16,           \
        .acc = DT_F32, .a_elems = 8, .b_elems = 4, .c_elems = 4,                                                       \
        .a = { .row = { LANE(4, 8, 1), ELEM(2, 2, 8) }, .col = { LANE(1, 4, 2), ELEM(1, 2, 1), ELEM(4, 2, 8) } },      \
        .b = { .row = { LANE(1, 4, 2), ELEM(1, 2, 1), ELEM(2, 2, 8) }, .col = { LANE(4, 8, 1) } },                     \
        .c = { .row = { LANE(4, 8, 1), ELEM(2, 2, 8) }, .col = { LANE(1, 4, 2), ELEM(1, 2, 1) } },                     \
        .maps_known = MEASURED, .model = {                                                                             \
            .kind = MODEL_ALIGNED_SUM,                                                                                 \
            .group = GROUP,                                                                                            \
            .fbits = FBITS,                                                                                            \
            .known = KNOWN                                                                                             \
        }                                                                                                              \
    }

/* A macro holds the fields of each target, so that another target can reuse them and override some:
   { .name = "x", .base = "sm_90", SM_90, .units = 78 }. The last initialiser of a field counts (C17 6.7.9p19).
   The pragma disables the warning about overridden initialisers. */
#pragma GCC diagnostic ignored "-Woverride-init"

/* Reference card: one of the two dies of an MI250X. */
#define GFX90A                                                                                                         \
    .dialect = DIALECT_HIP, .compiler = COMPILER_HIPRTC, .wave = 64, .max_block = 1024,                                \
    .max_grid = { INT32_MAX, 65535, 65535 }, .max_items = UINT32_MAX, .shared_bytes = 64 << 10,                        \
    .static_shared = 64 << 10, .copy_stages = 2, .units = 110, .mem_gbs = 1638, .fp16_tflops = 191,                    \
    .matrix = MFMA_16X16X16_F16(true), .simd_regs = 512, .reg_granule = 8, .simd_waves = 8, .known = DOCUMENTED

/* Reference card: H200. mem_gbs and fp16_tflops are measured.
   A kernel must opt in to more than 48 KiB of shared memory, and allocate it dynamically. */
#define SM_90                                                                                                          \
    .dialect = DIALECT_CUDA, .compiler = COMPILER_NVRTC, .wave = 32, .max_block = 1024,                                \
    .max_grid = { INT32_MAX, 65535, 65535 }, .max_items = (uint64_t)INT32_MAX * 1024, .shared_bytes = 227 << 10,       \
    .static_shared = 48 << 10, .copy_stages = 3, .async_copy = true, .early_launch = true, .units = 132,               \
    .mem_gbs = 4270, .fp16_tflops = 761, .matrix = MMA_M16N8K16_F16(16, 25, MEASURED), .simd_regs = 512,               \
    .reg_granule = 8, .simd_waves = 16, .known = MEASURED

static const struct target targets[] = {
    { .name = "gfx90a", GFX90A },
    { .name = "sm_90", SM_90 },
};

const struct target *target_find(const char *name)
{
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (!strcmp(targets[i].name, name))
            return &targets[i];
    return NULL;
}

const struct target *target_at(int i)
{
    return i >= 0 && (size_t)i < sizeof targets / sizeof *targets ? &targets[i] : NULL;
}
