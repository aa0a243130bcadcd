#ifndef TOKIC_RUNTIME_FORMAT_TENSOR_H
#define TOKIC_RUNTIME_FORMAT_TENSOR_H
/* Tensors in host memory: dense, C order, little-endian. Files are read into them, and executors are bound to them. */
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
    void *data; /* aligned to 16 bytes; a valid pointer even without elements */
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

/* Bytes of a shape. false: a negative dim, a rank over TENSOR_RANK, or a product of the non-zero dims beyond 2^62
   bytes. */
bool tensor_size(enum dtype dtype, int rank, const int64_t *dim, size_t *bytes);
/* A zeroed tensor. The shape must pass tensor_size (else BUG): the caller checks shapes from outside. */
struct tensor *tensor_new(struct arena *a, enum dtype dtype, int rank, const int64_t *dim);
static inline int64_t tensor_count(const struct tensor *t)
{
    return (int64_t)(t->bytes / (size_t)dtype_size(t->dtype));
}
bool tensor_same_shape(const struct tensor *a, const struct tensor *b);

/* Element i in memory order. tensor_get is exact, except that an i64 beyond 2^53 is rounded once. tensor_get_i64 takes
   i32, i64 and bool only. */
double tensor_get(const struct tensor *t, int64_t i);
int64_t tensor_get_i64(const struct tensor *t, int64_t i);
/* Rounds once, to nearest even; overflow gives infinity. A value for i32, i64 or bool must be representable (else BUG).
   */
void tensor_set(struct tensor *t, int64_t i, double x);
void tensor_set_i64(struct tensor *t, int64_t i, int64_t x);

/* A new tensor with the same values in another dtype, each rounded once to nearest even; NaN and infinities stay.
   Elements at fault: a finite value that would become infinite; a fraction, a non-finite value or one out of range for
   an integer; anything but 0 and 1 for a bool. For these NULL with one diagnostic (FAIL_INPUT) that names the tensor,
   the first element at fault, its value, and the number of them. */
struct tensor *tensor_convert(struct session *s, struct arena *a, const char *name, const struct tensor *t,
                              enum dtype dtype);

/* Index of the first byte of a bool tensor that is neither 0 nor 1; -1: none (or another dtype). */
int64_t tensor_bad_bool(const struct tensor *t);

/* "f32[3, 4]", and for element i "[2, 1]" ("" for a scalar): as a graph writes them. */
const char *tensor_text(struct arena *a, enum dtype dtype, int rank, const int64_t *dim);
const char *tensor_index_text(struct arena *a, const struct tensor *t, int64_t i);
#endif
