#ifndef TOKIC_IR_MATHFN_H
#define TOKIC_IR_MATHFN_H
/* Error bounds of tokic's own math functions (codegen/prelude/math.h), for the bound rules. */

struct mathfn {
    const char *name; /* the function is tk_NAME_f32 */
    double ulp;       /* bound on |computed - exact| for every input, in f32 ulp at the exact value */
    double measured;  /* the largest error that bench/ulp found over all 2^32 inputs, in the same ulp */
};

enum { MATHFN_COUNT = 8 };
extern const struct mathfn mathfn_table[MATHFN_COUNT];

/* The record of a function; NULL if there is none. */
const struct mathfn *mathfn_find(const char *name);
/* The bound of a function, in ulp; BUG if there is no such function. */
double mathfn_ulp(const char *name);
#endif
