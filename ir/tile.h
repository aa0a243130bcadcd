#ifndef TOKIC_IR_TILE_H
#define TOKIC_IR_TILE_H
/* How a gemm is cut into tiles: each block of threads computes an m x n tile of the result.
   The choice depends only on the target and the shapes. */
#include "ir/target.h"

struct tile {
    int m, n;
    int k;                /* each step along K loads `k` columns of A and `k` rows of B */
    int waves_m, waves_n; /* a block has waves_m x waves_n waves */
};
/* Chooses the tile for a product [m, k]·[k, n] on the matrix unit. For a symbolic dim, pass an estimate. */
struct tile tile_for(const struct target *t, int64_t m, int64_t n, int64_t k);

/* Chooses the tile for a product computed without a matrix unit. Each lane computes results of its own.
   The lanes of a wave form a grid with TILE_LANES_N columns. */
enum { TILE_LANES_N = 8 };
struct tile tile_for_lanes(const struct target *t, int64_t m, int64_t n, int64_t k);
#endif
