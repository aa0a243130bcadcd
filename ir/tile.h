#ifndef TOKIC_IR_TILE_H
#define TOKIC_IR_TILE_H
/* Which tile a gemm takes: a pure function of the target's row and the shapes. */
#include "ir/target.h"

struct tile {
    int m, n, k;          /* of the block: result rows and columns, depth of one ring slot */
    int waves_m, waves_n; /* how the block's waves split it */
};
/* m, n, k: the shape, symbolic dims at their hint. For the target's matrix unit. */
struct tile tile_for(const struct target *t, int64_t m, int64_t n, int64_t k);

/* Without a matrix unit each lane of a wave holds results of its own: the lanes stand TILE_LANES_N wide. */
enum { TILE_LANES_N = 8 };
struct tile tile_for_lanes(const struct target *t, int64_t m, int64_t n, int64_t k);
#endif
