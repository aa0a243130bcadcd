#ifndef TOKIC_IR_MATHFN_H
#define TOKIC_IR_MATHFN_H
/* Error bounds of the math functions in codegen/prelude/math.h. */

struct mathfn {
    const char *name; /* "exp" stands for tk_exp_f32 */
    double ulp;       /* bound on |computed - exact| over all inputs, in ulp of an f32 at the exact value */
    double measured;  /* largest error that bench/ulp.c finds over all 2^32 inputs, in the same unit as `ulp` */
};

enum { MATHFN_COUNT = 11 };
extern const struct mathfn mathfn_table[MATHFN_COUNT];

const struct mathfn *mathfn_find(const char *name);
/* Returns the field `ulp` of the function `name`, which must be in mathfn_table. */
double mathfn_ulp(const char *name);
#endif
