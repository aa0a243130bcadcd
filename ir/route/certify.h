#ifndef TOKIC_IR_ROUTE_CERTIFY_H
#define TOKIC_IR_ROUTE_CERTIFY_H
/* Integer scores for routing, and certified routing: finding the rows in which no rounding can change the chosen
   experts. The integer of a score z is q = round-half-even(s·z), clamped to [-L, L]. q stands for a residue of Z/pⁿ.
   The choice of experts depends only on q, so backends with equal q choose equally. p-adic valuations are not used. */
#include <stdbool.h>
#include <stdint.h>

struct padic {
    int64_t p, n, s;
    int64_t top;   /* pⁿ − 1, since pⁿ may be 2⁶³, which does not fit */
    int64_t limit; /* L = ⌊(pⁿ − 1)/2⌋ */
};

#define PADIC_NONE INT64_MIN /* the q of a NaN; less than every other q */

/* Requires a prime p, n ≥ 1, pⁿ ≤ 2⁶³, and a power of two s. Otherwise returns false and sets *why to the reason. */
bool padic_make(int64_t p, int64_t n, int64_t s, struct padic *out, const char **why);
/* Returns the q of z. ±inf gives ±L; a NaN gives PADIC_NONE. A larger z never gives a smaller q. */
int64_t padic_encode(const struct padic *a, double z);
/* True if padic_encode clamps z: |round(s·z)| > L. False for a NaN. */
bool padic_clamps(const struct padic *a, double z);
/* Returns q mod pⁿ, in 0..pⁿ−1. */
int64_t padic_residue(const struct padic *a, int64_t q);
/* Returns the number in −⌊pⁿ/2⌋..L that is congruent to q modulo pⁿ. */
int64_t padic_balanced(const struct padic *a, int64_t q);

/* round_down returns z − e rounded down to a double; round_up returns z + e rounded up. Requires e ≥ 0.
   If e is infinite, the results are −inf and +inf. */
double round_down(double z, double e);
double round_up(double z, double e);

/* Finds the certified rows of the scores z [rows, experts]. A row is certified only if all scores z' with |z' − z| ≤ β
   lead to the same choice of k experts. β [rows, experts] bounds |z − exact z|. The exact z has no rounding error,
   neither in its computation nor in the weights and x.
   If a is not NULL (p-adic router), experts are ranked by padic_encode(z), else by z (softmax router).
   Among equal ranks, the lower index comes first. A row with a NaN, or with a β that is not finite, is not certified.
   Sets certified [rows] unless it is NULL. Returns the number of certified rows. */
int64_t certify_rows(const struct padic *a, const double *z, const double *beta, int64_t rows, int experts, int k,
                     bool *certified);
#endif
