#ifndef TOKIC_IR_OPS_ROW_H
#define TOKIC_IR_OPS_ROW_H
/* What op rows share: operands and results in `infer`, facts, pulled operands, random draws. */
#include "ir/ops/op.h"

#define N_ATTRS(a) (int)(sizeof(a) / sizeof *(a))

/* ---- infer ---- */
/* A float operand; an operand of operand 0's shape. Errors name both types. */
bool need_float(struct graph *g, const struct node *n, int operand);
bool need_shape_of_first(struct graph *g, const struct node *n, int operand);
/* An axis attribute, counted from the end if negative. */
bool need_axis(struct graph *g, const struct node *n, int64_t axis, int rank, int *out);
void set_type(struct node *n, enum dtype dtype, int rank, const struct index *const *dims);

/* ---- facts: of one value, and of the interval lo..hi widened to the neighbours where rounding may have moved an end
   ---- */
static inline const struct facts *fact(const struct contract *c, int operand) { return &c->n->in[operand]->facts; }
void facts_set(struct contract *c, double lo, double hi, bool finite, bool integral);
double facts_down(double x);
double facts_up(double x);

/* ---- bounds ---- */
/* a·b, 0 where a factor is 0 (also times infinity): contributions of errors. */
static inline double times(double a, double b) { return a == 0 || b == 0 ? 0 : a * b; }
/* An operand's error as the op meets it: kernels make an f32 of an f64, and what is within a finite distance of an
   infinity is that infinity. */
double bd_operand(const struct bd *b, int operand, int64_t i);
/* The whole error of a result y, given what operands' errors do to it and its own rounding; INFINITY where the
   arithmetic may overflow. */
double bd_done(const struct bd *b, double y, double propagated, double own);
/* The value is known not to be negative, whatever its rounding: by its facts. */
bool known_nonnegative(const struct bd *b, int operand, double x);

/* ---- at ---- */
/* Operand's element at the result's index, as f32 (floats) or as it is. */
const struct kexpr *at_float(struct at *c, int operand);
static inline const struct kexpr *at_plain(struct at *c, int operand) { return c->value(c, operand, c->index); }
static inline struct index_table *at_index(const struct at *c) { return c->k->indices; }

/* ---- draws ---- */
uint64_t sample_bits(struct sample *d);
int64_t sample_range(struct sample *d, int64_t lo, int64_t hi); /* lo..hi, both in */
int64_t sample_dim(struct sample *d);                           /* 0..7, at times up to 70 */
struct type sample_type(struct sample *d, enum dtype dtype, int rank_lo, int rank_hi);
void sample_operand(struct sample *d, int i, const struct type *t, double lo, double hi);
/* n float operands of one shape, values in lo..hi. */
void sample_same(struct sample *d, int n, double lo, double hi);
struct attr sample_attr_int(int64_t i);
struct attr sample_attr_float(double f);
struct attr sample_attr_ints(struct sample *d, int n, const int64_t *ints);
struct attr sample_attr_dims(const struct sample *d, int n, const struct index *const *dims);
struct attr sample_attr_dims_of(const struct sample *d, const struct type *t);
const struct index *draw_index(const struct sample *d, int64_t k);
int64_t sample_dim_of(const struct type *t, int i); /* its constant value */
#endif
