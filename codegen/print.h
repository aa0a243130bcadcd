#ifndef TOKIC_CODEGEN_PRINT_H
#define TOKIC_CODEGEN_PRINT_H
/* Prints kernels in the language of codegen/spell.h. All compilers of a target get the same text. */
#include "ir/kernel/kir.h"

/* Returns the text of kernel k, allocated in k's arena. Requires kernel_finish. Source locations are printed only if
   k->comment is set. Texts without locations are equal for equal kernels from different lines of a graph. */
const char *print_kernel(const struct kernel *k);
#endif
