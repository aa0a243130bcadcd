#ifndef TOKIC_IR_OPS_INTEGER_H
#define TOKIC_IR_OPS_INTEGER_H
/* Arithmetic on i32 and i64: values, errors and facts. Results wrap at the dtype's width.
   A quotient or remainder by 0 is 0. The least integer divided by −1 is the least integer.
   Kernels have the same operations (ir/kernel/kop.def), written independently. */
#include "ir/ops/row.h"

enum int_op {
    INT_ADD,
    INT_SUB,
    INT_MUL,
    INT_NEG,
    INT_ABS,
    INT_MAX_OF,
    INT_MIN_OF,
    INT_TRUNC_DIV,
    INT_FLOOR_DIV,
    INT_REM, /* x − y·trunc_div(x, y): has the sign of x */
    INT_MOD, /* x − y·floor_div(x, y): has the sign of y */
};

static inline bool dtype_is_int(enum dtype t) { return t == DT_I32 || t == DT_I64; }
int64_t int_least(enum dtype t);
int64_t int_most(enum dtype t);
/* Returns x modulo 2^32 (i32) or 2^64 (i64), as a signed number. */
int64_t int_wrapped(enum dtype t, uint64_t x);
int64_t int_value(enum int_op op, enum dtype t, int64_t x, int64_t y);
/* x truncated towards 0 and clamped to t's range; 0 for a NaN. */
int64_t int_of_double(enum dtype t, double x);
/* |x − y|, rounded up; exact below 2^53. */
double int_gap(int64_t x, int64_t y);

/* Returns the distance from x to the farther end of t's range. This is the error of a result that may have wrapped. */
double int_farthest(enum dtype t, int64_t x);

/* eval1, bound1 and contract of pointwise ops with integer results.
   The error of an integer bounds its distance to any other value that a computation may give. */
NUM int_eval1(const struct ev *c, enum int_op op, const NUM *x);
double int_bound1(const struct bd *b, enum int_op op, const NUM *x, const double *e, NUM y);
void int_contract(struct contract *c, enum int_op op);
/* Sets the facts of an integer result that lies in lo..hi before it wraps. */
void int_facts(struct contract *c, double lo, double hi);
#endif
