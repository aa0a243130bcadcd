#ifndef TOKIC_IR_RANK_H
#define TOKIC_IR_RANK_H
/* Finds the k-th element of a row without sorting. Elements are ordered by key, larger keys first. Of equal keys, the
   one with the lower index comes first. */
#include <stdbool.h>
#include <stdint.h>

struct ranked {
    uint64_t key;
    int64_t i;
};
typedef uint64_t rank_key(const void *row, int64_t i);

static inline bool rank_precedes(struct ranked x, struct ranked y)
{
    return x.key > y.key || (x.key == y.key && x.i < y.i);
}

/* rank_of_double and rank_of_int map numbers to keys of the same order. -0 and 0 have the same key, and a NaN lies
   below -∞. No double has the key RANK_LEAST or RANK_MOST. */
#define RANK_LEAST UINT64_C(0)
#define RANK_MOST UINT64_MAX
uint64_t rank_of_double(double x);
static inline uint64_t rank_of_int(int64_t x) { return (uint64_t)x ^ UINT64_C(1) << 63; }

/* The k-th of n elements, 1 <= k <= n. Takes at most 67 passes over the row and allocates nothing. */
struct ranked rank_kth(rank_key *key, const void *row, int64_t n, int64_t k);
#endif
