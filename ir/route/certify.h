#ifndef TOKIC_IR_ROUTE_CERTIFY_H
#define TOKIC_IR_ROUTE_CERTIFY_H
/* Integer scores for routing, and certified routing: in which rows can no rounding change the chosen experts?

   A score z becomes the integer q = round-half-even(s·z), clamped to ±L. q represents a residue of Z/pⁿ. Equal q give
   equal choices on every backend. p-adic valuations are not used. */
#include <stdbool.h>
#include <stdint.h>

struct padic {
    int64_t p, n, s;
    int64_t top;   /* pⁿ − 1; pⁿ itself may be 2⁶³, which is no int64_t */
    int64_t limit; /* L = ⌊(pⁿ − 1)/2⌋, below 2⁶² */
};

#define PADIC_NONE INT64_MIN /* the q of a NaN: below every other q */

/* Requires p prime, n ≥ 1, pⁿ ≤ 2⁶³ and s a power of two. If one of these fails, returns false and sets *why to it. */
bool padic_make(int64_t p, int64_t n, int64_t s, struct padic *out, const char **why);
/* The q of z, nondecreasing in z. ±inf gives ±L, a NaN PADIC_NONE. */
int64_t padic_encode(const struct padic *a, double z);
/* Is |round(s·z)| > L, so that padic_encode clamps it? False for a NaN. */
bool padic_clamps(const struct padic *a, double z);
/* q mod pⁿ, in 0..pⁿ−1. */
int64_t padic_residue(const struct padic *a, int64_t q);
/* The number in −⌊pⁿ/2⌋..L that is equal to q modulo pⁿ. */
int64_t padic_balanced(const struct padic *a, int64_t q);

/* z − e rounded down, and z + e rounded up, to a double. e ≥ 0; an infinite e gives −inf or +inf. */
double round_down(double z, double e);
double round_up(double z, double e);

/* Finds the certified rows of z [rows, experts]: any scores within z ± β choose the same experts. β [rows, experts]
   bounds |z − exact z|, where the exact z is computed from unrounded weights and x.
   The p-adic router (a not NULL) chooses the k experts with the largest encode(z), ties to the lower index. A row is
   certified if encode(z_i − β_i) of each chosen i precedes encode(z_j + β_j) of each other j. The softmax router (a
   NULL) compares z − β and z + β themselves. A row with a NaN, or with a β that is not finite, is never certified.
   Returns the number of certified rows, and sets certified [rows] unless it is NULL. */
int64_t certify_rows(const struct padic *a, const double *z, const double *beta, int64_t rows, int experts, int k,
                     bool *certified);
#endif
