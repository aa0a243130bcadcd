#ifndef TOKIC_IR_OPS_BUCKET_H
#define TOKIC_IR_OPS_BUCKET_H
/* What the ops of a sort by destination share. */
#include "ir/ops/gather.h"

bool need_vector(struct graph *g, const struct node *n, int operand);
/* The facts of integers between lo and hi. */
void count_facts(struct contract *c, double lo, double hi);
/* No error if every integer operand is exact, else no bound. */
void bound_of_integers(struct bd *b);
/* Needs all of every operand. */
void needs_all(const struct node *n, int operand, const struct dim_values *dims, const struct box *out, struct box *in);

/* An i64 variable of the kernel, with its first value. */
struct kmem *counter_new(struct at *c, const char *name, const struct kexpr *value);
const struct kexpr *counter_read(struct at *c, const struct kmem *m);
void counter_set(struct at *c, struct kmem *m, const struct kexpr *value);
/* Adds x, an integer or a bool. */
void counter_add(struct at *c, struct kmem *m, const struct kexpr *x);
/* How many elements of a rising row of n elements are below x, by bisection. The row lies along the last dimension of
   the operand, and `index` has room for that dimension. 0 <= result <= n. */
const struct index *at_below(struct at *c, int operand, const struct index **index, const struct index *n,
                             const struct kexpr *x);
#endif
