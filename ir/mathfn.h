#ifndef TOKIC_IR_MATHFN_H
#define TOKIC_IR_MATHFN_H
/* Error bounds of the math functions in codegen/prelude/math.h. */

struct mathfn {
    const char *name; /* "exp" for tk_exp_f32 */
    double ulp;       /* bound on |computed - exact| over all inputs, in f32 ulp at the exact value */
    double measured;  /* largest error that bench/ulp.c measures over all 2^32 inputs, in the same unit */
};

enum { MATHFN_COUNT = 11 };
extern const struct mathfn mathfn_table[MATHFN_COUNT];

const struct mathfn *mathfn_find(const char *name);
/* The field `ulp` of a function. The function must exist. */
double mathfn_ulp(const char *name);
#endif
