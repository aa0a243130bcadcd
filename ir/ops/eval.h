#ifndef TOKIC_IR_OPS_EVAL_H
#define TOKIC_IR_OPS_EVAL_H
/* The numbers that ops are evaluated on (NUM), and the contexts of an op's `eval` and `bound`. An `eval` is plain loops
   over NUMs. The caller decides whether NUMs are doubles or elements of a finite field, and how results are rounded. */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/dtype.h"
#include "ir/graph/graph.h"

/* A float is stored in d (NUM_DOUBLE); or as an element of the field of integers modulo 2^61 − 1, in u (NUM_FIELD);
   or as a degree, in u (NUM_DEGREE, see below); or as a mass, in d (NUM_MASS). A mass bounds the magnitude of the value
   and of all that is added up on the way to it, in any order; a quotient has its dividend's. An integer or boolean is
   stored in i. */
typedef union num {
    double d;
    int64_t i;
    uint64_t u;
} NUM;
enum num_kind { NUM_DOUBLE, NUM_FIELD, NUM_DEGREE, NUM_MASS };

/* A dense row-major tensor of numbers. */
struct view {
    NUM *v;
    enum dtype dtype;
    int rank;
    int64_t dim[MAX_RANK];
    int64_t count;
    int64_t last; /* length of the last dimension; 1 for rank 0 */
};

/* Elements lo..hi-1 of a row-major result. All lie in one row, along the last dimension. */
struct run {
    int64_t lo, hi;
};

/* The degree of a number as a polynomial in the operands, where each call of a hash and each inverse counts as one more
   variable; plus nest·2^32, where an inverse of what has no inverses has nest 1, and so on. A constant is 0. */
enum { DEGREE_NEST = 32 };
uint64_t degree_max(uint64_t a, uint64_t b);
uint64_t degree_product(uint64_t a, uint64_t b);
uint64_t degree_quotient(uint64_t a, uint64_t b);

/* What an evaluation over the field or over degrees counts. */
struct ev_tally {
    int64_t calls;    /* of hashes */
    int64_t inverses; /* of what is no constant, if NUM_DEGREE */
    uint64_t divisor; /* NUM_DEGREE: the largest degree of a divisor */
};

struct ev {
    enum num_kind kind;
    struct session *s;
    const struct node *n;
    int n_in;
    const struct view *in;
    struct view out;
    const struct run *runs; /* the elements of `out` to compute; concurrent calls get disjoint runs */
    size_t n_runs;
    const struct dim_values *dims; /* values of the symbolic dims; NULL: no dim is symbolic */
    enum dtype acc;                /* sums are rounded to this dtype after each addition; DT_F64: no rounding */
    enum dtype store;              /* n_store rounds to this dtype; DT_F64: no rounding */
    uint64_t key;                  /* NUM_FIELD: key of the hashes that replace exp, log, … */
    struct ev_tally *tally;        /* NULL: nothing is counted */
};

/* Over the field, a keyed hash of the argument replaces each function. */
enum num_fn { FN_EXP, FN_LOG, FN_LOG1P, FN_SQRT, FN_RSQRT, FN_TANH, FN_ERF, FN_SIGMOID, FN_SIN, FN_COS, FN_COUNT };
/* More operations that field_mix replaces by hashes. */
enum field_op {
    FIELD_MAX = FN_COUNT,
    FIELD_MIN,
    FIELD_ABS,
    FIELD_ROW_MAX,
    FIELD_ROW_MIN,
    FIELD_CAST,
    FIELD_RINT,
    FIELD_FLOOR,
    FIELD_ORDER,
    FIELD_OP_COUNT
};
#define FIELD_P ((UINT64_C(1) << 61) - 1)
uint64_t field_add(uint64_t a, uint64_t b);
uint64_t field_sub(uint64_t a, uint64_t b);
uint64_t field_mul(uint64_t a, uint64_t b);
uint64_t field_inv(uint64_t a); /* field_inv(0) = 0 */
/* x = m·2^e as an element of the field. NaN, +∞ and −∞ each give one fixed element. */
uint64_t field_of_double(double x);
uint64_t field_of_int(int64_t x);
uint64_t field_mix(uint64_t key, unsigned op, uint64_t a, uint64_t b);

/* Of degrees and masses. */
NUM n_sum_bound(const struct ev *c, NUM a, NUM b);
NUM n_product_bound(const struct ev *c, NUM a, NUM b);
NUM n_quotient_bound(const struct ev *c, NUM a, NUM b);
NUM n_const_bound(const struct ev *c, double x);
/* Over the field, where nothing else rounds, a constant is the f32 that kernels have; n_of_int is exact. */
static inline NUM n_const(const struct ev *c, double x)
{
    if (c->kind == NUM_DOUBLE)
        return (NUM){ .d = x };
    return c->kind == NUM_FIELD ? (NUM){ .u = field_of_double(dtype_round(DT_F32, x)) } : n_const_bound(c, x);
}
static inline NUM n_ratio(const struct ev *c, int64_t p, int64_t q)
{
    if (c->kind == NUM_DOUBLE)
        return (NUM){ .d = (double)p / (double)q };
    if (c->kind != NUM_FIELD)
        return n_const_bound(c, (double)p / (double)q);
    return (NUM){ .u = field_mul(field_of_double((double)p), field_inv(field_of_double((double)q))) };
}
static inline NUM n_add(const struct ev *c, NUM a, NUM b)
{
    if (c->kind == NUM_DOUBLE)
        return (NUM){ .d = a.d + b.d };
    return c->kind == NUM_FIELD ? (NUM){ .u = field_add(a.u, b.u) } : n_sum_bound(c, a, b);
}
static inline NUM n_sub(const struct ev *c, NUM a, NUM b)
{
    if (c->kind == NUM_DOUBLE)
        return (NUM){ .d = a.d - b.d };
    return c->kind == NUM_FIELD ? (NUM){ .u = field_sub(a.u, b.u) } : n_sum_bound(c, a, b);
}
static inline NUM n_mul(const struct ev *c, NUM a, NUM b)
{
    if (c->kind == NUM_DOUBLE)
        return (NUM){ .d = a.d * b.d };
    return c->kind == NUM_FIELD ? (NUM){ .u = field_mul(a.u, b.u) } : n_product_bound(c, a, b);
}
static inline NUM n_div(const struct ev *c, NUM a, NUM b)
{
    if (c->kind == NUM_DOUBLE)
        return (NUM){ .d = a.d / b.d };
    return c->kind == NUM_FIELD ? (NUM){ .u = field_mul(a.u, field_inv(b.u)) } : n_quotient_bound(c, a, b);
}
static inline NUM n_neg(const struct ev *c, NUM a)
{
    if (c->kind == NUM_DOUBLE)
        return (NUM){ .d = -a.d };
    return (NUM){ .u = c->kind == NUM_FIELD ? field_sub(0, a.u) : a.u };
}
NUM n_of_int(const struct ev *c, int64_t x);
NUM n_fn(const struct ev *c, enum num_fn f, NUM x);
const char *num_fn_name(enum num_fn f); /* as in ir/kernel/kop.def */
/* A NaN if a or b is one; a if they are equal. Over the field: a hash that is symmetric in a and b. */
NUM n_max(const struct ev *c, NUM a, NUM b);
NUM n_min(const struct ev *c, NUM a, NUM b);
NUM n_abs(const struct ev *c, NUM a);
NUM n_rint(const struct ev *c, NUM a);
NUM n_floor(const struct ev *c, NUM a);
/* A float as an i32 or i64, truncated. Over the field: a hash in 0..2^31 − 1. */
int64_t n_to_int(const struct ev *c, enum dtype to, NUM a);
/* A running maximum: begins with −∞, then takes term after term. Over the field it is a fixed element for −∞, plus a
   hash of each term; so it depends on every term, but not on their order. A term of −∞ changes nothing there either. A
   minimum begins with +∞. */
NUM n_max_begin(const struct ev *c);
NUM n_max_take(const struct ev *c, NUM total, NUM x);
NUM n_min_begin(const struct ev *c);
NUM n_min_take(const struct ev *c, NUM total, NUM x);
/* The place of an element of the field in their order: 31 bits of a hash, which an i32 can hold (K_ORDER in
   ir/kernel/kop.def), with 0 in the middle. Elements with equal places count as equal. */
int64_t field_order(uint64_t key, uint64_t x);
static inline bool n_less(const struct ev *c, NUM a, NUM b)
{
    return c->kind == NUM_FIELD ? field_order(c->key, a.u) < field_order(c->key, b.u) : a.d < b.d;
}
static inline bool n_is_zero(const struct ev *c, NUM a)
{
    return c->kind == NUM_FIELD ? field_order(c->key, a.u) == field_order(c->key, 0) : a.d == 0;
}
static inline bool n_is_nan(const struct ev *c, NUM a) { return c->kind == NUM_DOUBLE && a.d != a.d; }

/* Stores element i of a float result, rounded to c->store. n_store_i: of an integer or boolean result. */
static inline void n_store(struct ev *c, int64_t i, NUM x)
{
    c->out.v[i] = c->kind == NUM_DOUBLE ? (NUM){ .d = c->store == DT_F64 ? x.d : dtype_round(c->store, x.d) } : x;
}
static inline void n_store_i(struct ev *c, int64_t i, int64_t x) { c->out.v[i].i = x; }

/* A running sum. Over doubles: compensated (Neumaier 1974) if c->acc is DT_F64, else rounded to c->acc after each
   addition. */
struct n_sum {
    const struct ev *c;
    double s, e;
    uint64_t u;
};
struct n_sum n_sum_begin(const struct ev *c);
void n_sum_add(struct n_sum *t, NUM x);
NUM n_sum_end(const struct n_sum *t);
/* Σ x[k·sx]·w[k·sw] for k < n, added as by n_sum; over doubles in blocks, for speed. */
NUM n_dot(const struct ev *c, const NUM *x, int64_t sx, const NUM *w, int64_t sw, int64_t n);

/* One level of the tree of additions in a kernel's sum; a launch computes one level. A running sum adds `chain` blocks
   of `block` terms, one block after the other. Then `depth` rounds of pairwise additions join 2^depth running sums. The
   results are the terms of the next level. */
struct sum_level {
    int64_t block, chain;
    int depth;
    /* The matrix unit that adds a block; the terms of a running sum are then consecutive. NULL: f32 additions or fmas
       of single terms (block is 1). */
    const struct matrix_model *unit;
    int unit_k;                   /* products that one matrix instruction sums */
    const struct index *chain_of; /* if `chain` depends on symbolic dims, its expression; else NULL */
};
enum { MAX_SUM_LEVELS = 4 };
struct sum_record {
    int n;
    struct sum_level level[MAX_SUM_LEVELS]; /* level[0] adds the terms; only level[0] may have a unit */
};

/* The context of an op's `bound`, which sets e_out after `eval` has filled v.out. Errors are absolute, one for each
   element; INFINITY: unbounded. */
struct bd {
    struct ev v;
    const double *const *e_in; /* errors of each operand; NULL: the operand is exact */
    double *e_out;
    double u;                     /* unit roundoff: 2^-24 for f32 kernels, 2^-53 for evaluation in doubles */
    const struct sum_record *sum; /* how the kernel sums; NULL: pairwise over all terms */
    bool kernel; /* true: exp, log, … have the errors in ir/mathfn.h; false: those of the C library */
};
static inline double bd_err(const struct bd *b, int operand, int64_t i)
{
    return b->e_in[operand] ? b->e_in[operand][i] : 0;
}
/* Bounds the error of a sum of n terms t_i, added as b->sum says. mass = Σ|t_i|, err = Σ (error of t_i). Not for sums
   on a matrix unit. */
double bd_sum(const struct bd *b, double mass, double err, int64_t n);
/* The largest number of additions that one of n terms passes through in levels `from` and up. */
double bd_sum_steps(const struct sum_record *r, int from, int64_t n);
/* γ_n = n·u / (1 − n·u); INFINITY where n·u ≥ 1 (Higham, Accuracy and Stability, section 3.1). */
double bd_gamma(double n, double u);
/* Bounds the error of one correctly rounded operation with |result| ≤ mag: half an ulp of mag. If the kernel computes
   in f32, half an ulp of the reference's double is added. */
double bd_round(const struct bd *b, double mag);
/* As bd_round, for function f: the documented error of f's implementation replaces half an ulp. */
double bd_fn(const struct bd *b, enum num_fn f, double mag);
double bd_max(const struct bd *b);

/* The elements with lo[d] ≤ index[d] ≤ hi[d] in each dimension d. */
struct box {
    int rank;
    int64_t lo[MAX_RANK], hi[MAX_RANK];
};
#endif
