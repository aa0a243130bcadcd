#ifndef TOKIC_IR_ROUTE_CERTIFY_H
#define TOKIC_IR_ROUTE_CERTIFY_H
/* The integers that routing goes by, and which rows' choice no rounding can change (certified routing).

   A score z becomes q = round-half-even(s·z), clamped to ±L, the balanced representative of a residue of Z/pⁿ:
   fixed-point arithmetic. Equal q choose equal sets on every backend. Choices do not flip less often for it, and
   valuations play no part in them. */
#include <stdbool.h>
#include <stdint.h>

struct padic {
    int64_t p, n, s;
    int64_t top;   /* pⁿ − 1; pⁿ itself may be 2⁶³ */
    int64_t limit; /* L = ⌊(pⁿ − 1)/2⌋, below 2⁶² */
};

#define PADIC_NONE INT64_MIN /* q of a NaN: no residue; stands last in every order */

/* p prime, n ≥ 1, pⁿ ≤ 2⁶³, s a power of two; else false, and *why says which of these fails. */
bool padic_make(int64_t p, int64_t n, int64_t s, struct padic *out, const char **why);
/* q of z. s·z is exact in double; values beyond ±2⁶² are clamped before they become integers, then all to ±L; ±inf
   clamps. Never decreasing in z. */
int64_t padic_encode(const struct padic *a, double z);
/* |round(s·z)| > L: equality is not clamped. False for a NaN. */
bool padic_clamps(const struct padic *a, double z);
/* q mod pⁿ, in 0..pⁿ−1; and the representative of its class in −⌊pⁿ/2⌋..L: for p = 2 the class pⁿ/2 is −pⁿ/2. */
int64_t padic_residue(const struct padic *a, int64_t q);
int64_t padic_balanced(const struct padic *a, int64_t q);

/* z − e rounded down and z + e rounded up: exact where the difference is. e ≥ 0; with e infinite ∓inf. */
double round_down(double z, double e);
double round_up(double z, double e);

/* Which rows of z [rows, experts] are certified, β ≥ |z − exact z| element by element (it includes the rounding of
   weights and of x). The sheaf + p-adic router (a not NULL): with q_lo, q_hi = encode(z ∓ β) and the chosen set S of
   encode(z), K largest, ties to the lower index: for every a in S and b not in S, (q_lo[a], −a) > (q_hi[b], −b)
   lexicographically. The softmax router (a NULL): the same on z ∓ β. A row with a NaN in z, or whose β is a NaN or
   infinite, is never certified. Returns the number of certified rows; `certified` [rows] may be NULL. */
int64_t certify_rows(const struct padic *a, const double *z, const double *beta, int64_t rows, int experts, int k,
                     bool *certified);
#endif
