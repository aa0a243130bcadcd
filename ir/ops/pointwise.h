#ifndef TOKIC_IR_OPS_POINTWISE_H
#define TOKIC_IR_OPS_POINTWISE_H
/* What the records of pointwise ops on floats share. In a bound function, operand i has value x[i] and error e[i]. The
   interval x[i] ± e[i] holds the exact and the computed value, so a property of the whole interval holds for both. */
#include "ir/ops/integer.h"

/* Sets *out to the error of a result with NaNs, infinities or unbounded errors; returns false if there are none. A
   certain NaN gives a certain NaN. An operand of unbounded error gives an unbounded error. An infinite result has error
   0 only if all operands are exact. */
static inline bool settled(int n, const NUM *x, const double *e, NUM y, double *out)
{
    bool exact = true;
    bool unbounded = false;
    for (int i = 0; i < n; i++) {
        if (isnan(x[i].d) && e[i] < INFINITY) {
            *out = 0;
            return true;
        }
        exact &= e[i] == 0;
        unbounded |= e[i] == INFINITY;
    }
    if (!unbounded && isfinite(y.d))
        return false;
    *out = exact ? 0 : INFINITY;
    return true;
}

/* An infinite value with a finite error is certainly that infinity. */
static inline bool is_infinite(const NUM *x, const double *e, int i) { return isinf(x[i].d) && e[i] < INFINITY; }
static inline bool is_zero(const NUM *x, const double *e, int i) { return x[i].d == 0 && e[i] == 0; }

static inline double of_function(const struct bd *b, enum num_fn f, NUM y, double propagated)
{
    return bd_done(b, y.d, propagated, bd_fn(b, f, (fabs(y.d) + propagated) * (1 + 0x1p-50)));
}

static inline const struct kexpr *at1(struct at *c, enum kop op) { return kexpr_op1(c->k, op, at_number(c, 0)); }
static inline void sample_any1(struct sample *d) { sample_same(d, 1, -4, 4); }
#endif
