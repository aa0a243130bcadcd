#ifndef TOKIC_IR_OPS_REDUCTION_H
#define TOKIC_IR_OPS_REDUCTION_H
/* Ops that reduce along one or more dimensions, with the attributes reduce_attrs.
   A reduced dimension is removed ([3, 4] -> [3]), or becomes 1 with keepdim ([3, 4] -> [3, 1]). */
#include "ir/ops/row.h"

struct reduction {
    bool reduced[MAX_RANK];
    bool keepdim;
};
struct reduction reduction_of(const struct node *n);
/* The number of terms of one result: the product of the reduced dimensions. */
const struct index *reduction_length(struct session *s, const struct node *n);
/* The result has outer·inner elements, each of `length` terms. inner: the dimensions after the last reduced one.
   Example: [2, 3, 4, 5] reduced along its third dimension has outer 6, length 4, inner 5. */
struct reduce_shape {
    const struct index *outer, *inner, *length;
};
struct reduce_shape reduction_shape(struct session *s, const struct node *n);
bool reduction_is_of_rows(const struct node *n);

/* ---- what the records share ---- */
enum { N_REDUCE_ATTRS = 2 };
extern const struct attr_def reduce_attrs[N_REDUCE_ATTRS]; /* axis, keepdim */
/* Sets n->type to dtype `to` and the shape that axis and keepdim give. */
bool reduce_shape_infer(struct graph *g, struct node *n, enum dtype to);
/* Calls reduce_shape_infer. Floats give a `float`, integers keep their dtype. */
bool reduce_infer(struct graph *g, struct node *n);
void reduce_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                  struct box *in);
void reduce_work(struct session *s, const struct node *n, struct work *w);
/* Draws an operand of this dtype, the axes and keepdim. reduce_sample also draws the dtype. */
void sample_reduction(struct sample *d, enum dtype dtype);
void reduce_sample(struct sample *d);

/* Visits the n elements of the operand that one result reduces, in row-major order. `at`: the current flat index. */
struct terms {
    int rank;
    int64_t dim[MAX_RANK], stride[MAX_RANK], index[MAX_RANK];
    int64_t n, at;
};

struct terms terms_of(const struct ev *c, int64_t i);
void terms_next(struct terms *t);
/* ---- sums ---- */
/* The terms x ± e of a sum of floats, as its error bound reads them. */
struct summands {
    double mass, err; /* sums of |x|, without infinities, and of e */
    int64_t n;
    bool nan, infinite; /* a term certainly is */
};
void summands_add(struct summands *t, double x, double e);
/* The error of the terms' sum. A certain NaN or infinity decides the sum: error 0, unless other terms may overflow. */
double summands_error(const struct bd *b, const struct summands *t);
/* The error of `sum`, an integer result, whose terms are off by err in all. Infinite errors stay. */
double int_sum_error(const struct bd *b, int64_t sum, double err);
/* Sets the facts of a sum of least..most elements of operand 0. */
void sum_facts(struct contract *c, double least, double most);

/* Broadcasts `value`, one element for each result, over the terms: [3] -> [3, 4] for a sum [3, 4] -> [3]. */
struct node *over_terms(struct builder *b, struct node *n, struct node *value);
#endif
