#ifndef TOKIC_IR_MATHFN_H
#define TOKIC_IR_MATHFN_H
/* What tokic's own math functions (codegen/prelude/math.h) promise. The bound rules read it; the kernels' bits come
   from the texts there. */

struct mathfn {
    const char *name; /* as in tk_NAME_f32 */
    double ulp; /* bound on |computed - exact| in f32 units in the last place at the exact value, for every input */
    double measured; /* the worst that bench/ulp found over all 2^32 inputs */
};

enum { MATHFN_COUNT = 8 };
extern const struct mathfn mathfn_table[MATHFN_COUNT];

/* The row of that name, or NULL. */
const struct mathfn *mathfn_find(const char *name);
/* Its bound in ulp. A name that is not in the table is a mistake of ours. */
double mathfn_ulp(const char *name);
#endif
