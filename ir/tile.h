#ifndef TOKIC_IR_TILE_H
#define TOKIC_IR_TILE_H
/* The tile of a gemm: a pure function of the target's record and the shapes. */
#include "ir/target.h"

struct tile {
    int m, n;             /* result rows and columns of a block */
    int k;                /* depth of one ring slot */
    int waves_m, waves_n; /* the grid of waves in a block */
};
/* The tile on the target's matrix unit for a gemm of M = m, N = n, K = k. A symbolic dim is given as its hint. */
struct tile tile_for(const struct target *t, int64_t m, int64_t n, int64_t k);

/* The tile of a gemm that uses no matrix unit. Each lane computes results of its own. The lanes of a wave form a grid
   of TILE_LANES_N columns. */
enum { TILE_LANES_N = 8 };
struct tile tile_for_lanes(const struct target *t, int64_t m, int64_t n, int64_t k);
#endif
