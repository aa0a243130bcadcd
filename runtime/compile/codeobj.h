#ifndef TOKIC_RUNTIME_COMPILE_CODEOBJ_H
#define TOKIC_RUNTIME_COMPILE_CODEOBJ_H
/* What a compiler made, read from the code object itself. */
#include "runtime/device/device.h"

/* Reads the kernels of an ELF code object: AMD's (a msgpack note) or a cubin (sections, and the `log` of ptxas -v for
   the counts; NULL or "" leaves those -1). Kernels are in the object's order. Any bytes are safe to give: false with a
   diagnostic (FAIL_DEVICE) if they are no such object. */
bool codeobj_read(struct session *s, const void *object, size_t size, const char *log, struct kernel_info **kernels,
                  size_t *n_kernels);
#endif
