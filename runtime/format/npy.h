#ifndef TOKIC_RUNTIME_FORMAT_NPY_H
#define TOKIC_RUNTIME_FORMAT_NPY_H
/* NumPy's .npy: one array per file (numpy.lib.format).
   Read: versions 1.0, 2.0, 3.0; <f2 <f4 <f8 <i4 <i8 and |b1; C order, little-endian, up to TENSOR_RANK dims; header and
   data must make up the whole file. Anything else is an error (FAIL_INPUT) that names the file and what was found.
   Memory for the data is allocated only once its length agrees with the file's.
   Written: version 1.0, the bytes that numpy.save writes. bf16, which NumPy lacks, is written as <f4, exactly. The file
   is replaced atomically. */
#include "runtime/format/tensor.h"

/* The tensor is in the run arena; NULL with a diagnostic. */
struct tensor *npy_read(struct session *s, const char *path);
struct tensor *npy_parse(struct session *s, const char *name, const void *bytes, size_t size);
bool npy_write(struct session *s, const char *path, const struct tensor *t);
#endif
