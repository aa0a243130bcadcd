#ifndef TOKIC_CODEGEN_PRINT_H
#define TOKIC_CODEGEN_PRINT_H
/* Prints kernels in the language of codegen/spell.h. All compilers of a target get the same text. */
#include "ir/kernel/kir.h"

/* Returns the text of kernel k, allocated in k's arena. Requires that kernel_finish has run. Source locations are
   printed only if k->comment is set. Without locations, equal kernels from different lines have equal texts. */
const char *print_kernel(const struct kernel *k);
#endif
