#include "ir/tile.h"

/* Tiles from small to large. All extents are multiples of 16, so every matrix unit can compute the tiles.
   For each step along K, each thread loads at least 16 bytes of A and 16 bytes of B. */
static const struct tile tiles[] = {
    { 16, 32, 64, 1, 2 }, /* for few rows; a narrow tile gives more blocks */
    { 32, 64, 64, 2, 2 },
    { 64, 64, 32, 2, 2 },
    { 128, 128, 32, 2, 2 },
};

static int64_t blocks(const struct tile *t, int64_t m, int64_t n)
{
    return ((m + t->m - 1) / t->m) * ((n + t->n - 1) / t->n);
}

/* Picks the largest tile that is at most half padding and gives at least two blocks for each multiprocessor.
   A tile of at most 32 rows needs only m > 16, however few the blocks. If no tile qualifies, picks the first one. */
struct tile tile_for(const struct target *t, int64_t m, int64_t n, int64_t k)
{
    (void)k;
    const struct tile *best = &tiles[0];
    for (unsigned i = 1; i < sizeof tiles / sizeof *tiles; i++) {
        const struct tile *c = &tiles[i];
        if (m > c->m / 2 && n > c->n / 2 && (blocks(c, m, n) >= 2 * t->units || (c->m <= 32 && m > 16)))
            best = c;
    }
    return *best;
}

/* A block has 16 x 16 threads. Each thread computes 1 x 4 to 8 x 8 results. */
enum { THREADS_SIDE = 16 };
static const struct tile lane_tiles[] = {
    { .m = 16, .n = 64, .k = 64 },
    { .m = 32, .n = 64, .k = 32 },
    { .m = 64, .n = 64, .k = 16 },
    { .m = 128, .n = 128, .k = 16 },
};

/* Picks the largest tile that is at most half padding and gives at least one block for each multiprocessor.
   In a larger tile, each thread has more results and uses each loaded value more often. */
struct tile tile_for_lanes(const struct target *t, int64_t m, int64_t n, int64_t k)
{
    (void)k;
    struct tile best = lane_tiles[0];
    for (unsigned i = 1; i < sizeof lane_tiles / sizeof *lane_tiles; i++) {
        const struct tile *c = &lane_tiles[i];
        if (m > c->m / 2 && n > c->n / 2 && blocks(c, m, n) >= t->units)
            best = *c;
    }
    best.waves_n = THREADS_SIDE / TILE_LANES_N;
    best.waves_m = THREADS_SIDE / (t->wave / TILE_LANES_N);
    return best;
}
