#ifndef TOKIC_IR_OPS_EVAL_H
#define TOKIC_IR_OPS_EVAL_H
/* The abstract number that op rows are evaluated over, and the frames of one evaluation. A row's `eval` is plain loops;
   what a number is and how it rounds is decided by the walker (runtime/judge/walk.c), never by the row. */
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
    int64_t count, last; /* elements; length of the last dimension (1 for rank 0) */
};

/* Wanted elements lo..hi-1 of the result, in row-major order; never across the end of a row (the last dimension). */
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
    const struct run *runs;
    size_t n_runs;    /* the wanted outputs; each call owns its runs, so threads may share a result */
    enum dtype acc;   /* sums round to this after each addition: DT_F64 (none) or DT_F32 */
    enum dtype store; /* n_store rounds float results to this: DT_F64 (none), DT_F32, DT_F16, DT_BF16 */
    uint64_t key;     /* of the uninterpreted functions over the field */
};

/* Numbers. Over doubles these are the C operators; over the field, its operations; n_fn is exp, log, … or a keyed mix.
   */
enum num_fn { FN_EXP, FN_LOG, FN_SQRT, FN_TANH, FN_ERF, FN_COUNT };
/* Further uninterpreted functions of the field, for field_mix. A reduction by max or min is the sum of FIELD_ROW_MAX or
   _MIN of its terms (0 for none). */
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
uint64_t field_inv(uint64_t a); /* 0 of 0 */
uint64_t field_of_double(
    double x); /* a finite double is a dyadic rational: its value in the field; others: a fixed element each */
uint64_t field_of_int(int64_t x);
uint64_t field_mix(uint64_t key, unsigned op, uint64_t a, uint64_t b);

static inline NUM n_const(const struct ev *c, double x)
{
    return c->kind == NUM_DOUBLE ? (NUM){ .d = x } : (NUM){ .u = field_of_double(x) };
}
/* p/q exactly over the field; rounded once over doubles. */
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
/* A NaN wins; on a tie the first. Over the field: a symmetric keyed mix. */
NUM n_max(const struct ev *c, NUM a, NUM b);
NUM n_min(const struct ev *c, NUM a, NUM b);
NUM n_abs(const struct ev *c, NUM a);
/* Order of two payloads: over doubles a < b; over the field their representatives'. */
static inline bool n_less(const struct ev *c, NUM a, NUM b) { return c->kind == NUM_DOUBLE ? a.d < b.d : a.u < b.u; }
static inline bool n_is_nan(const struct ev *c, NUM a) { return c->kind == NUM_DOUBLE && a.d != a.d; }

/* Writes element i of the result, rounded as the walker asks. Integers and booleans: n_store_i. */
static inline void n_store(struct ev *c, int64_t i, NUM x)
{
    c->out.v[i] = c->kind == NUM_DOUBLE ? (NUM){ .d = c->store == DT_F64 ? x.d : dtype_round(c->store, x.d) } : x;
}
static inline void n_store_i(struct ev *c, int64_t i, int64_t x) { c->out.v[i].i = x; }

/* A sum: compensated over doubles (Neumaier 1974), rounded to f32 after each addition when acc is f32, plain over the
   field. */
struct n_sum {
    const struct ev *c;
    double s, e;
    uint64_t u;
};
struct n_sum n_sum_begin(const struct ev *c);
void n_sum_add(struct n_sum *t, NUM x);
NUM n_sum_end(const struct n_sum *t);
/* Σ_k x[k·sx]·w[k·sw], k < n, by the same rule (over doubles: blocks of plain sums, compensated between blocks). */
NUM n_dot(const struct ev *c, const NUM *x, int64_t sx, const NUM *w, int64_t sw, int64_t n);

/* The tree that a sum was computed by, as the lowering recorded it and a test derives it again from the kernels. One
   level a launch: blocks of `block` terms that the unit adds at once to a running sum, `chain` blocks in sequence, then
   `depth` levels of pairwise additions of such running sums. The next level's terms are these sums. */
struct sum_level {
    int64_t block, chain;
    int depth;
    const struct matrix_model *unit; /* how a block is added; NULL: by f32 additions or fma, one at a time (block 1) */
    int unit_k;                      /* products that one instruction takes */
    /* A chain of symbolic length: evaluated into `chain` before a bound reads it; NULL: chain is it. */
    const struct index *chain_of;
};
enum { MAX_SUM_LEVELS = 4 };
struct sum_record {
    int n;
    struct sum_level level[MAX_SUM_LEVELS]; /* of the terms first; only this one may have a unit */
};

/* One bound evaluation, after `eval` gave v.out. Errors are absolute and per element; INFINITY says: not bounded
   (range). */
struct bd {
    struct ev v;
    const double *const *e_in; /* operand errors, one array per operand; NULL: exact */
    double *e_out;
    double u;                     /* unit roundoff of the arithmetic: 2^-24 in kernels, 2^-53 in walks over doubles */
    const struct sum_record *sum; /* NULL: pairwise over the whole length */
    bool kernel;                  /* functions err as ir/mathfn.h says; else as the C library's (1 ulp at u) */
};
static inline double bd_err(const struct bd *b, int operand, int64_t i)
{
    return b->e_in[operand] ? b->e_in[operand][i] : 0;
}
/* Error of a sum of terms t_i with Σ|t_i| = mass, Σ error of the terms = err, n terms, by the record. For sums that no
   matrix unit makes. */
double bd_sum(const struct bd *b, double mass, double err, int64_t n);
/* Additions that a term of a sum of n passes in the levels from `from` on. */
double bd_sum_steps(const struct sum_record *r, int from, int64_t n);
/* γ_n = n·u / (1 − n·u); INFINITY where n·u ≥ 1 (Higham, Accuracy and Stability, section 3.1). */
double bd_gamma(double n, double u);
/* Error of one correctly rounded operation whose exact result is at most mag: half a unit in the last place there, in
   the arithmetic of b, and the reference's own rounding. bd_fn: the same of a function. bd_max: the largest finite
   number of the arithmetic. */
double bd_round(const struct bd *b, double mag);
double bd_fn(const struct bd *b, enum num_fn f, double mag);
double bd_max(const struct bd *b);

/* A box of indices, both ends in: what of an operand an output box needs. */
struct box {
    int rank;
    int64_t lo[MAX_RANK], hi[MAX_RANK];
};
#endif
