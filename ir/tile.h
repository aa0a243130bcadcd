#ifndef TOKIC_IR_TILE_H
#define TOKIC_IR_TILE_H
/* How a gemm is cut into tiles: each block of threads computes an m x n tile of the result. The tile depends only on
   the target and the shapes. */
#include "ir/target.h"

struct tile {
    int m, n;
    int k;                /* extent along K of one slice in shared memory */
    int waves_m, waves_n; /* the waves of a block form a waves_m x waves_n grid */
};
/* The tile on the matrix unit for an m x n result, each element a sum of k terms. For a symbolic dim, pass an
   estimate. */
struct tile tile_for(const struct target *t, int64_t m, int64_t n, int64_t k);

/* The tile without a matrix unit: each lane computes results of its own. The lanes of a wave form a grid with
   TILE_LANES_N columns. */
enum { TILE_LANES_N = 8 };
struct tile tile_for_lanes(const struct target *t, int64_t m, int64_t n, int64_t k);
#endif
