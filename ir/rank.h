#ifndef TOKIC_IR_RANK_H
#define TOKIC_IR_RANK_H
/* Finds the k-th element of a row without sorting.
   Elements with larger keys come first. Among equal keys, the lower index comes first. */
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

/* rank_of_double and rank_of_int map numbers to keys in the same order. -0 and 0 have equal keys.
   A NaN comes below -∞. No double has the key RANK_LEAST or RANK_MOST. */
#define RANK_LEAST UINT64_C(0)
#define RANK_MOST UINT64_MAX
uint64_t rank_of_double(double x);
static inline uint64_t rank_of_int(int64_t x) { return (uint64_t)x ^ UINT64_C(1) << 63; }

/* Returns the k-th of n elements. Requires 1 <= k <= n. Reads the row at most 67 times and allocates nothing. */
struct ranked rank_kth(rank_key *key, const void *row, int64_t n, int64_t k);
#endif
