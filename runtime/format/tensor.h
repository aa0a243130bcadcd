#ifndef TOKIC_RUNTIME_FORMAT_TENSOR_H
#define TOKIC_RUNTIME_FORMAT_TENSOR_H
/* Tensors in the host's memory: dense, C order, little-endian, one element type. What files are read into and executors
   are bound to. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/dtype.h"
#include "ir/session.h"

enum { TENSOR_RANK = 8 }; /* most dims */

struct tensor {
    enum dtype dtype; /* never DT_FLOAT */
    int rank;         /* 0: a scalar, one element */
    int64_t dim[TENSOR_RANK];
    void *data; /* aligned to 16 bytes; a valid pointer also where there are no elements */
    size_t bytes;
};

/* Tensors by name: the content of a weights file. */
struct named_tensor {
    const char *name;
    struct tensor tensor;
};
struct tensor_list {
    struct named_tensor *items;
    size_t n;
};
const struct tensor *tensor_list_find(const struct tensor_list *list, const char *name); /* NULL: none */

/* Bytes of a shape. false: a negative dim, rank over TENSOR_RANK, or sizes (the dims that are 0 left out of the
   product) beyond 2^62 bytes. */
bool tensor_size(enum dtype dtype, int rank, const int64_t *dim, size_t *bytes);
/* Zeroed. The shape must pass tensor_size: check what comes from outside. */
struct tensor *tensor_new(struct arena *a, enum dtype dtype, int rank, const int64_t *dim);
static inline int64_t tensor_count(const struct tensor *t)
{
    return (int64_t)(t->bytes / (size_t)dtype_size(t->dtype));
}
bool tensor_same_shape(const struct tensor *a, const struct tensor *b);

/* Element i in memory order. tensor_get: exact but for i64 beyond 2^53, which round once. tensor_get_i64: i32, i64 and
   bool only. */
double tensor_get(const struct tensor *t, int64_t i);
int64_t tensor_get_i64(const struct tensor *t, int64_t i);
/* Rounds once, to nearest even; overflow to infinity. Into i32, i64 and bool the value must be one of theirs (else
   BUG). */
void tensor_set(struct tensor *t, int64_t i, double x);
void tensor_set_i64(struct tensor *t, int64_t i, int64_t x);

/* The same values in another dtype, each rounded once to nearest even; a new tensor, also where the dtype is the same.
   NaN and infinities stay. NULL and one diagnostic (FAIL_INPUT) naming the tensor, the first element at fault, its
   value, and how many there are, where a finite value would become infinite, leave an integer's range, be a fraction or
   not finite as an integer, or be other than 0 and 1 as a bool. */
struct tensor *tensor_convert(struct session *s, struct arena *a, const char *name, const struct tensor *t,
                              enum dtype dtype);

/* Index of the first byte of a bool tensor that is neither 0 nor 1; -1: none (or another dtype). */
int64_t tensor_bad_bool(const struct tensor *t);

/* "f32[3, 4]", and for element i "[2, 1]" ("" for a scalar): as a graph writes them. */
const char *tensor_text(struct arena *a, enum dtype dtype, int rank, const int64_t *dim);
const char *tensor_index_text(struct arena *a, const struct tensor *t, int64_t i);
#endif
