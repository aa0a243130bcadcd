#ifndef TOKIC_IR_OPS_ROW_H
#define TOKIC_IR_OPS_ROW_H
#include "ir/ops/op.h"

#define N_ATTRS(a) (int)(sizeof(a) / sizeof *(a))

/* ---- infer ---- */
/* Each reports an error and returns false if its requirement does not hold. */
bool need_float(struct graph *g, const struct node *n, int operand);
bool need_shape_of_first(struct graph *g, const struct node *n, int operand);
/* Sets *out to the dimension that `axis` names. A negative axis counts from the end. */
bool need_axis(struct graph *g, const struct node *n, int64_t axis, int rank, int *out);
void set_type(struct node *n, enum dtype dtype, int rank, const struct index *const *dims);

/* True if dtype t can hold the constant x. A float dtype can hold every number. */
bool constant_fits(enum dtype t, double x);

/* ---- contract ---- */
static inline const struct facts *fact(const struct contract *c, int operand) { return &c->n->in[operand]->facts; }
void facts_set(struct contract *c, double lo, double hi, bool finite, bool integral);
/* The next double below, or above, x. Integers and infinities stay as they are. */
double facts_down(double x);
double facts_up(double x);

/* ---- bounds ---- */
/* a·b for error terms, with 0·∞ = 0. */
static inline double times(double a, double b) { return a == 0 || b == 0 ? 0 : a * b; }
/* Returns the error of element i of an operand. A certain infinity has error 0.
   In a kernel, the error includes the rounding of an f64 operand to f32. */
double bd_operand(const struct bd *b, int operand, int64_t i);
/* Returns the error of result y: `propagated` from operands, plus its `own` rounding. INFINITY if y may overflow. */
double bd_done(const struct bd *b, double y, double propagated, double own);
/* True if facts say that the operand's value x is nonnegative. The computed value is then nonnegative too. */
bool known_nonnegative(const struct bd *b, int operand, double x);

/* ---- at ---- */
/* Returns constant x as a kernel computes it: rounded to dtype t, where DT_FLOAT counts as f32. */
double constant_in_kernel(enum dtype t, double x);
/* Returns constant x in the result's dtype. Over the field, too, x is rounded as in a kernel. */
NUM eval_constant(const struct ev *c, double x);
/* The operand's value at the result's index. at_float: as f32. at_plain: in its own type.
   at_number: as f32 if it is a float, else in its own type. */
const struct kexpr *at_float(struct at *c, int operand);
const struct kexpr *at_number(struct at *c, int operand);
static inline const struct kexpr *at_plain(struct at *c, int operand) { return c->value(c, operand, c->index); }
static inline struct index_table *at_index(const struct at *c) { return c->k->indices; }

/* Returns an index variable with the value of x, clamped to -1..INDEX_DIM_MAX. */
const struct index *at_loaded(struct at *c, const char *name, const struct kexpr *x);
/* x clamped to 0..n-1; 0 if n is 0. */
const struct index *clamped_index(struct index_table *t, const struct index *x, const struct index *n);
/* Builds the comparison `x op y`. */
const struct kexpr *at_compare(struct at *c, enum kop op, const struct index *x, const struct index *y);

/* ---- samples ---- */
uint64_t sample_bits(struct sample *d);
int64_t sample_range(struct sample *d, int64_t lo, int64_t hi);
/* Returns a dimension in lo..hi, or a long one if d->longest is set. */
int64_t sample_width(struct sample *d, int64_t lo, int64_t hi);
/* Returns 0..7, rarely up to 70, or a long dimension if d->longest is set. */
int64_t sample_dim(struct sample *d);
struct type sample_type(struct sample *d, enum dtype dtype, int rank_lo, int rank_hi);
void sample_operand(struct sample *d, int i, const struct type *t, double lo, double hi);
void sample_same(struct sample *d, int n, double lo, double hi);
/* Draws n operands of one shape, all i32 or all i64. Their values are all small, or arbitrary. */
void sample_ints(struct sample *d, int n);
struct attr sample_attr_int(int64_t i);
struct attr sample_attr_float(double f);
struct attr sample_attr_ints(struct sample *d, int n, const int64_t *ints);
struct attr sample_attr_dims(const struct sample *d, int n, const struct index *const *dims);
struct attr sample_attr_dims_of(const struct sample *d, const struct type *t);
const struct index *draw_index(const struct sample *d, int64_t k);
int64_t sample_dim_of(const struct type *t, int i);
#endif
