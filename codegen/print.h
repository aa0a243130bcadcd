#ifndef TOKIC_CODEGEN_PRINT_H
#define TOKIC_CODEGEN_PRINT_H
/* Kernels as text in the language of codegen/spell.h: one text per target, the same bytes for every compiler that
   serves it. */
#include "ir/kernel/kir.h"

/* The text of a kernel after kernel_finish, from the session's arena. Source locations are printed only if the kernel
   has a comment; without one, kernels that differ only in their origin print alike. */
const char *print_kernel(const struct kernel *k);
#endif
