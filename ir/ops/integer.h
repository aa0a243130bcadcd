#ifndef TOKIC_IR_OPS_INTEGER_H
#define TOKIC_IR_OPS_INTEGER_H
/* Arithmetic on i32 and i64 that ops share: values, errors, facts. It wraps at the dtype's width and is defined for all
   operands: a quotient or remainder by 0 is 0, and the least integer divided by −1 wraps to itself. Kernels have the
   same operations (ir/kernel/kop.def), written independently. */
#include "ir/ops/row.h"

enum int_op {
    INT_ADD,
    INT_SUB,
    INT_MUL,
    INT_NEG, /* INT_NEG and INT_ABS are of x alone */
    INT_ABS,
    INT_MAX_OF,
    INT_MIN_OF,
    INT_TRUNC_DIV, /* rounds towards 0 */
    INT_FLOOR_DIV, /* rounds down */
    INT_REM,       /* x − y·trunc_div(x, y): has the sign of x */
    INT_MOD,       /* x − y·floor_div(x, y): has the sign of y */
};

static inline bool dtype_is_int(enum dtype t) { return t == DT_I32 || t == DT_I64; }
int64_t int_least(enum dtype t);
int64_t int_most(enum dtype t);
/* The value of dtype t that is equal to x modulo 2^32 or 2^64. */
int64_t int_wrapped(enum dtype t, uint64_t x);
int64_t int_value(enum int_op op, enum dtype t, int64_t x, int64_t y);
/* x truncated towards 0 and clamped to t's range; 0 for a NaN. */
int64_t int_of_double(enum dtype t, double x);
/* |x − y|, rounded up; exact below 2^53. */
double int_gap(int64_t x, int64_t y);

/* The distance from x to the farther end of the dtype: the error of a result that may or may not have wrapped. */
double int_farthest(enum dtype t, int64_t x);

/* What fills eval1, bound1 and contract of a pointwise record where the result is an integer. An error bounds the
   distance from the value to any other value that a computation may give. */
NUM int_eval1(const struct ev *c, enum int_op op, const NUM *x);
double int_bound1(const struct bd *b, enum int_op op, const NUM *x, const double *e, NUM y);
void int_contract(struct contract *c, enum int_op op);
/* Facts of an integer result whose exact value lies in lo..hi, before it wraps. */
void int_facts(struct contract *c, double lo, double hi);
#endif
