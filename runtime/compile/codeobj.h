#ifndef TOKIC_RUNTIME_COMPILE_CODEOBJ_H
#define TOKIC_RUNTIME_COMPILE_CODEOBJ_H
/* Facts about compiled kernels, read from the code object itself. */
#include "runtime/device/device.h"

/* Reads the kernels of an ELF code object, in the object's order. An AMD object describes its kernels in a msgpack
   note. A cubin lists them among its symbols; their counts come from `log`, the output of ptxas -v (-1 without a log).
   The object is not trusted: false with a diagnostic (FAIL_DEVICE) if it is malformed or of another kind. */
bool codeobj_read(struct session *s, const void *object, size_t size, const char *log, struct kernel_info **kernels,
                  size_t *n_kernels);
#endif
