#ifndef TOKIC_IR_KERNEL_KNAME_H
#define TOKIC_IR_KERNEL_KNAME_H
/* Names in kernels. A thing has the same name in all texts of its kernel, so no name may be a keyword of the kernel
   text or of a language that kernels are printed in. */
#include <stdbool.h>

struct arena;

/* Is the name a keyword of C, C++ or the kernel text, or a name that the printers generate? */
bool kname_reserved(const char *name);
/* `name` as an unreserved C identifier. Characters other than ASCII letters and digits become `_`, and a reserved name
   gets `_x` appended. */
const char *kname_clean(struct arena *a, const char *name);
#endif
