#include "ir/route/certify.h"

#include <math.h>
#include <stddef.h>

#include "ir/rank.h"

__extension__ typedef unsigned __int128 u128;

/* True if x is a strong probable prime to base b. Requires an odd x, with x − 1 = odd·2^twos. */
static bool passes_base(uint64_t x, uint64_t b, uint64_t odd, int twos)
{
    uint64_t y = 1;
    for (uint64_t e = odd, f = b % x; e; e >>= 1, f = (uint64_t)((u128)f * f % x))
        if (e & 1)
            y = (uint64_t)((u128)y * f % x);
    if (y == 1)
        return true;
    for (int i = 0; i < twos; i++, y = (uint64_t)((u128)y * y % x))
        if (y == x - 1)
            return true;
    return false;
}

/* The Miller–Rabin test. These bases make the test exact for all x < 2⁶⁴.
   Source: Sorenson and Webster, Strong pseudoprimes to twelve prime bases, 2015. */
static bool is_prime(uint64_t x)
{
    static const uint64_t bases[] = { 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37 };
    if (x < 2)
        return false;
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (x % bases[i] == 0)
            return x == bases[i];
    uint64_t odd = x - 1;
    int twos = 0;
    for (; !(odd & 1); odd >>= 1)
        twos++;
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (!passes_base(x, bases[i], odd, twos))
            return false;
    return true;
}

bool padic_make(int64_t p, int64_t n, int64_t s, struct padic *out, const char **why)
{
    if (n < 1) {
        *why = "n >= 1";
        return false;
    }
    if (s < 1 || (s & (s - 1))) {
        *why = "s a power of two";
        return false;
    }
    uint64_t power = 1;
    for (int64_t i = 0; i < n; i++) {
        if (p < 2) {
            *why = "p prime";
            return false;
        }
        if (power > (UINT64_C(1) << 63) / (uint64_t)p) {
            *why = "p^n <= 2^63";
            return false;
        }
        power *= (uint64_t)p;
    }
    if (!is_prime((uint64_t)p)) {
        *why = "p prime";
        return false;
    }
    *out = (struct padic){ .p = p, .n = n, .s = s, .top = (int64_t)(power - 1), .limit = (int64_t)((power - 1) / 2) };
    return true;
}

/* The product is exact unless it overflows, since s is a power of two. */
static double scaled(const struct padic *a, double z) { return rint((double)a->s * z); }

int64_t padic_encode(const struct padic *a, double z)
{
    if (isnan(z))
        return PADIC_NONE;
    double t = fmin(fmax(scaled(a, z), -0x1p62), 0x1p62);
    int64_t q = (int64_t)t;
    return q > a->limit ? a->limit : q < -a->limit ? -a->limit : q;
}

bool padic_clamps(const struct padic *a, double z)
{
    double t = fabs(scaled(a, z));
    return t >= 0x1p62 || (!isnan(t) && (int64_t)t > a->limit);
}

int64_t padic_residue(const struct padic *a, int64_t q)
{
    /* pⁿ = 2⁶³: the residue is the low 63 bits */
    if (a->top == INT64_MAX)
        return (int64_t)((uint64_t)q & INT64_MAX);
    int64_t r = q % (a->top + 1);
    return r < 0 ? r + a->top + 1 : r;
}

int64_t padic_balanced(const struct padic *a, int64_t q)
{
    int64_t r = padic_residue(a, q);
    return r > a->limit ? r - a->top - 1 : r;
}

/* Returns the exact value of x + y - sum, where `sum` is x + y rounded.
   Source: Knuth, The Art of Computer Programming 2, section 4.2.2, theorem B. */
static double sum_error(double x, double y, double sum)
{
    double yy = sum - x;
    double xx = sum - yy;
    return (x - xx) + (y - yy);
}

double round_up(double z, double e)
{
    double sum = z + e;
    double err = sum_error(z, e, sum);
    /* if finite z and e overflow to −inf, the exact sum rounds up to −DBL_MAX */
    return isinf(sum) ? (sum < 0 && !isinf(z) && !isinf(e) ? -0x1.fffffffffffffp1023 : sum)
           : err > 0  ? nextafter(sum, INFINITY)
                      : sum;
}

double round_down(double z, double e) { return -round_up(-z, e); }

struct row {
    const struct padic *a;
    const double *z, *beta;
    int experts;
};

static bool row_is_sound(const struct row *r)
{
    for (int e = 0; e < r->experts; e++)
        if (isnan(r->z[e]) || !isfinite(r->beta[e]))
            return false;
    return true;
}

static uint64_t key_of(const struct row *r, double z)
{
    return r->a ? rank_of_int(padic_encode(r->a, z)) : rank_of_double(z);
}

static uint64_t score_key(const void *row, int64_t i)
{
    const struct row *r = row;
    return key_of(r, r->z[i]);
}

/* Compares the lowest possible score of each chosen expert with the highest possible score of each other expert.
   It suffices to compare the last-ranked chosen expert with the first-ranked other one. */
static bool row_is_certified(const struct row *r, int k)
{
    if (!row_is_sound(r))
        return false;
    if (k < 1 || k >= r->experts)
        return true;
    struct ranked kth = rank_kth(score_key, r, r->experts, k);
    struct ranked last = { RANK_MOST, -1 };
    struct ranked first = { RANK_LEAST, INT64_MAX };
    for (int i = 0; i < r->experts; i++) {
        struct ranked at = { score_key(r, i), i };
        struct ranked low = { key_of(r, round_down(r->z[i], r->beta[i])), i };
        struct ranked high = { key_of(r, round_up(r->z[i], r->beta[i])), i };
        bool chosen = !rank_precedes(kth, at);
        if (chosen && rank_precedes(last, low))
            last = low;
        if (!chosen && rank_precedes(high, first))
            first = high;
    }
    return rank_precedes(last, first);
}

int64_t certify_rows(const struct padic *a, const double *z, const double *beta, int64_t rows, int experts, int k,
                     bool *certified)
{
    int64_t count = 0;
    for (int64_t i = 0; i < rows; i++) {
        struct row r = { a, z + i * experts, beta + i * experts, experts };
        bool yes = row_is_certified(&r, k);
        if (certified)
            certified[i] = yes;
        count += yes;
    }
    return count;
}
