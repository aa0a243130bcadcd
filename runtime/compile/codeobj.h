#ifndef TOKIC_RUNTIME_COMPILE_CODEOBJ_H
#define TOKIC_RUNTIME_COMPILE_CODEOBJ_H
#include "runtime/device/device.h"

/* Lists the kernels of an ELF code object and the registers and memory that each kernel uses. For AMD, a note in the
   object has these numbers. For NVIDIA, they come from `log`, the output of ptxas -v; `log` NULL leaves them -1.
   Returns false with a diagnostic (FAIL_DEVICE) for a malformed object. */
bool codeobj_read(struct session *s, const void *object, size_t size, const char *log, struct kernel_info **kernels,
                  size_t *n_kernels);
#endif
