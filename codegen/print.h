#ifndef TOKIC_CODEGEN_PRINT_H
#define TOKIC_CODEGEN_PRINT_H
/* Prints kernels in the language of codegen/spell.h. All compilers of a target get the same text. */
#include "ir/kernel/kir.h"

/* The text of a kernel after kernel_finish, allocated in the kernel's arena. Source locations are printed only if the
   kernel has a comment. Without them, equal kernels from different lines of a graph print alike. */
const char *print_kernel(const struct kernel *k);
#endif
