#ifndef TOKIC_TESTS_RATIOS_H
#define TOKIC_TESTS_RATIOS_H
/* How much of their bounds an op's kernels use: random one-op graphs with long dimensions, judged on a device. The
   ratio of a kernel is the largest error / bound of its elements. Kernels whose bounds are all 0 are exact and have no
   ratio. */
#include "tests/support/chain.h"

enum ratio_kind { RATIO_F16, RATIO_F32, RATIO_KINDS }; /* F16: any float of 16 bits */
struct op_ratios {
    const struct op_def *op;
    double *v[RATIO_KINDS]; /* by the storage of the worst element's value; sorted */
    int n[RATIO_KINDS];
    int exact;               /* kernels of floats without a ratio */
    int refused;             /* graphs that do not compile, such as those without a gradient */
    int64_t elements, range; /* judged, and not judged: those in `range` */
    const char *wrong;       /* a graph with a kernel beyond its bound; NULL: none */
};
struct ratio_options {
    int cases;
    int64_t longest;
    uint64_t seed;
    bool backward; /* the kernels that store a gradient, instead of the op's own */
    int threads;
};
/* false with diagnostics if the kernels do not compile or run. */
bool ratios_of(struct session *s, const struct op_def *op, struct device *d, const struct ratio_options *o,
               struct op_ratios *out);
double ratios_median(const struct op_ratios *r, enum ratio_kind kind); /* NaN: no kernel */
double ratios_largest(const struct op_ratios *r, enum ratio_kind kind);
/* Is the median below 0.1 for f16, or 1e-3 for f32? */
bool ratios_are_low(const struct op_ratios *r, enum ratio_kind kind);
/* The share of elements in `range`. */
double ratios_range(const struct op_ratios *r);
#define RATIO_MOST_RANGE 0.05
#endif
