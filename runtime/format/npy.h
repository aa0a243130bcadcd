#ifndef TOKIC_RUNTIME_FORMAT_NPY_H
#define TOKIC_RUNTIME_FORMAT_NPY_H
/* NumPy's .npy files: one array each (numpy.lib.format).
   Reading accepts versions 1.0, 2.0, 3.0; dtypes <f2 <f4 <f8 <i4 <i8 |b1; C order; at most TENSOR_RANK dims. Anything
   else, also a wrong file size, is an error (FAIL_INPUT).
   Writing gives version 1.0 with the same bytes as numpy.save. NumPy has no bf16, so bf16 is written as <f4. The file
   is replaced atomically. */
#include "runtime/format/tensor.h"

/* npy_read and npy_parse return a tensor in s->run, or NULL with a diagnostic. */
struct tensor *npy_read(struct session *s, const char *path);
struct tensor *npy_parse(struct session *s, const char *name, const void *bytes, size_t size);
bool npy_write(struct session *s, const char *path, const struct tensor *t);
#endif
