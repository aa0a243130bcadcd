#ifndef TOKIC_IR_ROUTE_CERTIFY_H
#define TOKIC_IR_ROUTE_CERTIFY_H
/* The integers that routing decides by, and which rows' choices no rounding can change (certified routing).

   A score z becomes q = round-half-even(s·z), clamped to ±L: the balanced representative of a residue of Z/pⁿ. This is
   fixed-point arithmetic, by which equal q choose equal sets on every backend. It does not make choices flip less
   often, and p-adic valuations play no part. */
#include <stdbool.h>
#include <stdint.h>

struct padic {
    int64_t p, n, s;
    int64_t top;   /* pⁿ − 1; pⁿ itself may be 2⁶³ */
    int64_t limit; /* L = ⌊(pⁿ − 1)/2⌋, below 2⁶² */
};

#define PADIC_NONE INT64_MIN /* the q of a NaN; it stands for no residue, and every other q precedes it */

/* Sets *out if p is prime, n ≥ 1, pⁿ ≤ 2⁶³ and s is a power of two. False: *why is the condition that fails. */
bool padic_make(int64_t p, int64_t n, int64_t s, struct padic *out, const char **why);
/* The q of z, which is nondecreasing in z. s·z is exact in double, unless it overflows. Even ±inf is clamped to ±2⁶²
   before the conversion to an integer, and then to ±L. */
int64_t padic_encode(const struct padic *a, double z);
/* Does padic_encode clamp z: is |round(s·z)| > L? False for a NaN. */
bool padic_clamps(const struct padic *a, double z);
/* q mod pⁿ, in 0..pⁿ−1. */
int64_t padic_residue(const struct padic *a, int64_t q);
/* The representative of q's residue in −⌊pⁿ/2⌋..L. For p = 2, the representative of pⁿ/2 is −pⁿ/2. */
int64_t padic_balanced(const struct padic *a, int64_t q);

/* z − e rounded down, z + e rounded up; exact results stay as they are. e ≥ 0; an infinite e gives ∓inf. */
double round_down(double z, double e);
double round_up(double z, double e);

/* Finds the certified rows of z [rows, experts]. β [rows, experts] must bound |z − exact z|, where the rounding of
   weights and x counts too. The p-adic router (a not NULL): let q_lo, q_hi = encode(z ∓ β), and let S be the K largest
   of encode(z), ties to the lower index. A row is certified if (q_lo[i], −i) > (q_hi[j], −j) lexicographically for
   every i in S and j not in S. The softmax router (a NULL): the same with z ∓ β instead of q. A row with a NaN in z or
   with a β that is not finite is never certified. Returns the number of certified rows; `certified` [rows] may be NULL.
   */
int64_t certify_rows(const struct padic *a, const double *z, const double *beta, int64_t rows, int experts, int k,
                     bool *certified);
#endif
