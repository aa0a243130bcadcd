#include "ir/tile.h"

/* The tiles, from small to large. Each must be a multiple of the fragment shapes of every matrix unit (16 rows, 16
   columns, 16 deep). With waves of 32 or 64 lanes, a tile must give each thread at least one 16-byte piece of A's slice
   and of B's. */
static const struct tile tiles[] = {
    { 16, 32, 64, 1, 2 }, /* for few rows: narrow, so that there are many blocks */
    { 32, 64, 64, 2, 2 },
    { 64, 64, 32, 2, 2 },
    { 128, 128, 32, 2, 2 },
};

static int64_t blocks(const struct tile *t, int64_t m, int64_t n)
{
    return ((m + t->m - 1) / t->m) * ((n + t->n - 1) / t->n);
}

/* The largest tile that is not mostly padding and still gives every unit of the card two blocks. If no tile does: the
   tile of 32 rows if m is above 16 and n above 32, else the tile of 16 rows. */
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

/* Without a matrix unit: 16 x 16 threads with 1 x 4 to 8 x 8 results each. */
enum { THREADS_SIDE = 16 };
static const struct tile lane_tiles[] = {
    { .m = 16, .n = 64, .k = 64 },
    { .m = 32, .n = 64, .k = 32 },
    { .m = 64, .n = 64, .k = 16 },
    { .m = 128, .n = 128, .k = 16 },
};

/* The largest tile that is not mostly padding and gives every unit of the card a block. The more results a thread has,
   the more often it uses each load. */
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
