#ifndef TOKIC_IR_OPS_EVAL_H
#define TOKIC_IR_OPS_EVAL_H
/* The abstract number that ops are evaluated over, and the context of one evaluation. An op's `eval` is plain loops.
   The walker (runtime/judge/walk.c) decides what a number is and how it rounds; `eval` never does. */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/dtype.h"
#include "ir/graph/graph.h"

/* A float is `d` (or, over the field of 2^61 − 1, `u`); an integer or boolean is `i`. */
typedef union num {
    double d;
    int64_t i;
    uint64_t u;
} NUM;
enum num_kind { NUM_DOUBLE, NUM_FIELD };

/* A dense row-major tensor of numbers. */
struct view {
    NUM *v;
    enum dtype dtype;
    int rank;
    int64_t dim[MAX_RANK];
    int64_t count; /* elements */
    int64_t last;  /* length of the last dimension; 1 for rank 0 */
};

/* Requested elements lo..hi-1 of the result, in row-major order. A run stays within one row (the last dimension). */
struct run {
    int64_t lo, hi;
};

struct ev {
    enum num_kind kind;
    struct session *s;
    const struct node *n;
    int n_in;
    const struct view *in;
    struct view out;
    const struct run *runs; /* the requested elements; concurrent calls for one result get disjoint runs */
    size_t n_runs;
    const struct dim_values *dims; /* values of the symbolic dims; NULL: there are none */
    enum dtype acc;                /* format to which sums are rounded after each addition; DT_F64: they are not */
    enum dtype store;              /* format to which n_store rounds float results; DT_F64: it does not */
    uint64_t key;                  /* over the field: key of the uninterpreted functions */
};

/* Operations on numbers: C's over doubles, the field's over the field. Over the field the functions (exp, log, …) are
   uninterpreted: keyed hashes of their arguments. */
enum num_fn { FN_EXP, FN_LOG, FN_SQRT, FN_TANH, FN_ERF, FN_COUNT };
/* Further uninterpreted functions of the field, for field_mix. A max or min reduction is the sum of FIELD_ROW_MAX or
   FIELD_ROW_MIN over its terms. */
enum field_op {
    FIELD_MAX = FN_COUNT,
    FIELD_MIN,
    FIELD_ABS,
    FIELD_ROW_MAX,
    FIELD_ROW_MIN,
    FIELD_CAST,
    FIELD_RINT,
    FIELD_OP_COUNT
};
#define FIELD_P ((UINT64_C(1) << 61) - 1)
uint64_t field_add(uint64_t a, uint64_t b);
uint64_t field_sub(uint64_t a, uint64_t b);
uint64_t field_mul(uint64_t a, uint64_t b);
uint64_t field_inv(uint64_t a); /* field_inv(0) = 0 */
/* The element of the field that equals x, since a finite double is a rational m·2^e. NaN and the infinities map to one
   fixed element each. */
uint64_t field_of_double(double x);
uint64_t field_of_int(int64_t x);
uint64_t field_mix(uint64_t key, unsigned op, uint64_t a, uint64_t b);

static inline NUM n_const(const struct ev *c, double x)
{
    return c->kind == NUM_DOUBLE ? (NUM){ .d = x } : (NUM){ .u = field_of_double(x) };
}
/* p/q: exact over the field, rounded once over doubles. */
static inline NUM n_ratio(const struct ev *c, int64_t p, int64_t q)
{
    if (c->kind == NUM_DOUBLE)
        return (NUM){ .d = (double)p / (double)q };
    return (NUM){ .u = field_mul(field_of_double((double)p), field_inv(field_of_double((double)q))) };
}
static inline NUM n_add(const struct ev *c, NUM a, NUM b)
{
    return c->kind == NUM_DOUBLE ? (NUM){ .d = a.d + b.d } : (NUM){ .u = field_add(a.u, b.u) };
}
static inline NUM n_sub(const struct ev *c, NUM a, NUM b)
{
    return c->kind == NUM_DOUBLE ? (NUM){ .d = a.d - b.d } : (NUM){ .u = field_sub(a.u, b.u) };
}
static inline NUM n_mul(const struct ev *c, NUM a, NUM b)
{
    return c->kind == NUM_DOUBLE ? (NUM){ .d = a.d * b.d } : (NUM){ .u = field_mul(a.u, b.u) };
}
static inline NUM n_div(const struct ev *c, NUM a, NUM b)
{
    return c->kind == NUM_DOUBLE ? (NUM){ .d = a.d / b.d } : (NUM){ .u = field_mul(a.u, field_inv(b.u)) };
}
static inline NUM n_neg(const struct ev *c, NUM a)
{
    return c->kind == NUM_DOUBLE ? (NUM){ .d = -a.d } : (NUM){ .u = field_sub(0, a.u) };
}
NUM n_fn(const struct ev *c, enum num_fn f, NUM x);
/* A NaN if either operand is one; a if they are equal. Over the field: a symmetric keyed hash. */
NUM n_max(const struct ev *c, NUM a, NUM b);
NUM n_min(const struct ev *c, NUM a, NUM b);
NUM n_abs(const struct ev *c, NUM a);
/* Is a < b? Over the field, the representatives in 0..FIELD_P−1 are compared. */
static inline bool n_less(const struct ev *c, NUM a, NUM b) { return c->kind == NUM_DOUBLE ? a.d < b.d : a.u < b.u; }
static inline bool n_is_nan(const struct ev *c, NUM a) { return c->kind == NUM_DOUBLE && a.d != a.d; }

/* Writes element i of the result, rounded to c->store. Integers and booleans: n_store_i. */
static inline void n_store(struct ev *c, int64_t i, NUM x)
{
    c->out.v[i] = c->kind == NUM_DOUBLE ? (NUM){ .d = c->store == DT_F64 ? x.d : dtype_round(c->store, x.d) } : x;
}
static inline void n_store_i(struct ev *c, int64_t i, int64_t x) { c->out.v[i].i = x; }

/* A sum. Over doubles it is compensated (Neumaier 1974) or, if acc is f32, rounded to f32 after each addition. */
struct n_sum {
    const struct ev *c;
    double s, e;
    uint64_t u;
};
struct n_sum n_sum_begin(const struct ev *c);
void n_sum_add(struct n_sum *t, NUM x);
NUM n_sum_end(const struct n_sum *t);
/* Σ_k x[k·sx]·w[k·sw] over k < n, summed like struct n_sum. Over doubles only the sums of blocks are compensated. */
NUM n_dot(const struct ev *c, const NUM *x, int64_t sx, const NUM *w, int64_t sw, int64_t n);

/* A level of a sum's tree of additions, which lowering records and a test derives again from the kernels. Each launch
   is one level: the unit adds blocks of `block` terms to a running sum, `chain` blocks in sequence; then `depth` levels
   of pairwise additions join the running sums. The results are the terms of the next level. */
struct sum_level {
    int64_t block, chain;
    int depth;
    const struct matrix_model *unit; /* how a block is added; NULL: f32 additions or fma of single terms (block 1) */
    int unit_k;                      /* products summed by one instruction */
    const struct index *chain_of;    /* a symbolic chain, whose value is put in `chain` before bounds; NULL: constant */
};
enum { MAX_SUM_LEVELS = 4 };
struct sum_record {
    int n;
    struct sum_level level[MAX_SUM_LEVELS]; /* from the terms up; only level 0 may have a unit */
};

/* The context in which an op's `bound` is evaluated, after `eval` has filled v.out. Errors are absolute and per
   element; INFINITY: unbounded. */
struct bd {
    struct ev v;
    const double *const *e_in; /* operand errors, one array per operand; NULL: exact */
    double *e_out;
    double u;                     /* unit roundoff of the arithmetic: 2^-24 in kernels, 2^-53 in walks over doubles */
    const struct sum_record *sum; /* how the kernel sums; NULL: pairwise over the whole length */
    bool kernel;                  /* function errors are those of ir/mathfn.h; else those of the C library */
};
static inline double bd_err(const struct bd *b, int operand, int64_t i)
{
    return b->e_in[operand] ? b->e_in[operand][i] : 0;
}
/* Error of a sum of n terms t_i that are added as b->sum says, with mass = Σ|t_i| and err = Σ error of t_i. Not for
   sums on a matrix unit. */
double bd_sum(const struct bd *b, double mass, double err, int64_t n);
/* The largest number of additions that one of n terms takes part in, in levels `from` and up. */
double bd_sum_steps(const struct sum_record *r, int from, int64_t n);
/* γ_n = n·u / (1 − n·u); INFINITY where n·u ≥ 1 (Higham, Accuracy and Stability, section 3.1). */
double bd_gamma(double n, double u);
/* Error of one correctly rounded operation whose exact result is at most mag in magnitude: half an ulp at mag in b's
   arithmetic, plus the reference's own rounding. */
double bd_round(const struct bd *b, double mag);
/* bd_round for function f, with the error of its implementation instead of half an ulp. */
double bd_fn(const struct bd *b, enum num_fn f, double mag);
/* The largest finite number of b's arithmetic. */
double bd_max(const struct bd *b);

/* A box of indices, both ends inclusive. */
struct box {
    int rank;
    int64_t lo[MAX_RANK], hi[MAX_RANK];
};
#endif
