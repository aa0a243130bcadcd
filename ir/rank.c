#include "ir/rank.h"

#include <math.h>
#include <string.h>

/* Reads the bits of x as an integer. For a negative x inverts all bits, otherwise sets the sign bit.
   The resulting unsigned integers have the order of the doubles. */
uint64_t rank_of_double(double x)
{
    uint64_t bits;
    x = x == 0 ? 0 : x;
    memcpy(&bits, &x, sizeof bits);
    return isnan(x) ? RANK_LEAST + 1 : bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static int64_t count_from(rank_key *key, const void *row, int64_t n, uint64_t from, uint64_t *least)
{
    int64_t count = 0;
    *least = RANK_MOST;
    for (int64_t i = 0; i < n; i++) {
        uint64_t k = key(row, i);
        if (k < from)
            continue;
        count++;
        if (k < *least)
            *least = k;
    }
    return count;
}

struct ranked rank_kth(rank_key *key, const void *row, int64_t n, int64_t k)
{
    uint64_t lo, hi = RANK_MOST, least;
    count_from(key, row, n, 0, &lo);
    while (lo < hi) { /* invariant: at least k keys are >= lo, and fewer than k keys are > hi */
        uint64_t mid = hi - (hi - lo) / 2;
        int64_t count = count_from(key, row, n, mid, &least);
        if (count < k)
            hi = mid - 1;
        else
            lo = least;
        if (count == k)
            break;
    }
    int64_t left = k - (lo == RANK_MOST ? 0 : count_from(key, row, n, lo + 1, &least));
    int64_t i = -1;
    while (left > 0)
        left -= key(row, ++i) == lo;
    return (struct ranked){ lo, i };
}
