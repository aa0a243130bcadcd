#ifndef TOKIC_RUNTIME_COMPILE_CODEOBJ_H
#define TOKIC_RUNTIME_COMPILE_CODEOBJ_H
#include "runtime/device/device.h"

/* Reads the kernels of an ELF code object and their use of registers and memory. For AMD, a note in the object has
   these numbers. For NVIDIA, they come from `log`, the output of ptxas -v; without a log they are -1. The object is not
   trusted: false with a diagnostic (FAIL_DEVICE) if it is malformed. */
bool codeobj_read(struct session *s, const void *object, size_t size, const char *log, struct kernel_info **kernels,
                  size_t *n_kernels);
#endif
