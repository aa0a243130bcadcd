#ifndef TOKIC_RUNTIME_FORMAT_TENSOR_H
#define TOKIC_RUNTIME_FORMAT_TENSOR_H
/* Tensors in host memory: dense, C order, little-endian. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/dtype.h"
#include "ir/session.h"

enum { TENSOR_RANK = 8 };

struct tensor {
    enum dtype dtype; /* not DT_FLOAT, which means "not decided yet" */
    int rank;         /* 0: a scalar */
    int64_t dim[TENSOR_RANK];
    void *data; /* aligned to 16 bytes; not NULL, even without elements */
    size_t bytes;
};

struct named_tensor {
    const char *name;
    struct tensor tensor;
};
struct tensor_list {
    struct named_tensor *items;
    size_t n;
};
const struct tensor *tensor_list_find(const struct tensor_list *list, const char *name);

/* Computes the bytes of a tensor. Returns false for a negative dim, a rank over TENSOR_RANK, or over 2^62 bytes. */
bool tensor_size(enum dtype dtype, int rank, const int64_t *dim, size_t *bytes);
/* A zeroed tensor. A shape that tensor_size refuses is a BUG. */
struct tensor *tensor_new(struct arena *a, enum dtype dtype, int rank, const int64_t *dim);
static inline int64_t tensor_count(const struct tensor *t)
{
    return (int64_t)(t->bytes / (size_t)dtype_size(t->dtype));
}
bool tensor_same_shape(const struct tensor *a, const struct tensor *b);

/* Return element i in memory order. tensor_get rounds an i64 beyond 2^53. tensor_get_i64 requires i32, i64 or bool. */
double tensor_get(const struct tensor *t, int64_t i);
int64_t tensor_get_i64(const struct tensor *t, int64_t i);
/* Set element i. A float tensor rounds x to nearest even; overflow gives infinity. For an integer or bool tensor, a
   value that does not fit the dtype is a BUG. */
void tensor_set(struct tensor *t, int64_t i, double x);
void tensor_set_i64(struct tensor *t, int64_t i, int64_t x);

/* Converts to another dtype, rounding to nearest even. NaN and infinities stay. Errors:
       to a float: a finite value becomes infinite
       to an integer: a value is not an integer, or too large
       to bool: a value is neither 0 nor 1
   On error, returns NULL with one diagnostic (FAIL_INPUT) that names the first bad element and the number of bad
   elements. */
struct tensor *tensor_convert(struct session *s, struct arena *a, const char *name, const struct tensor *t,
                              enum dtype dtype);

/* Returns the first element of a bool tensor that is neither 0 nor 1. -1: there is none, or the dtype is not bool. */
int64_t tensor_bad_bool(const struct tensor *t);

/* tensor_text returns "f32[3, 4]". tensor_index_text returns the index of element i, "[2, 1]", or "" for a scalar. */
const char *tensor_text(struct arena *a, enum dtype dtype, int rank, const int64_t *dim);
const char *tensor_index_text(struct arena *a, const struct tensor *t, int64_t i);
#endif
