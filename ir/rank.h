#ifndef TOKIC_IR_RANK_H
#define TOKIC_IR_RANK_H
/* The k-th element of a row without sorting: elements are ordered by key, larger first, ties to the lower index. */
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

/* Keys in the order of the numbers. −0 equals 0, and a NaN lies below −∞. RANK_LEAST and RANK_MOST are keys of no
   double. */
#define RANK_LEAST UINT64_C(0)
#define RANK_MOST UINT64_MAX
uint64_t rank_of_double(double x);
static inline uint64_t rank_of_int(int64_t x) { return (uint64_t)x ^ UINT64_C(1) << 63; }

/* The k-th of n elements, 1 <= k <= n, in at most 67 passes over the row and without allocating. */
struct ranked rank_kth(rank_key *key, const void *row, int64_t n, int64_t k);
#endif
