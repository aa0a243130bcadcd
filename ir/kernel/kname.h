#ifndef TOKIC_IR_KERNEL_KNAME_H
#define TOKIC_IR_KERNEL_KNAME_H
/* Names in kernels. A name is the same in the kernel text and in the printed C++, so it may be a keyword of neither. */
#include <stdbool.h>

struct arena;

/* Is the name a keyword of C, C++ or the kernel text, or one that the printers generate (tk_exp, t3)? */
bool kname_reserved(const char *name);
/* `name` as an unreserved C identifier: "lin.weight" -> "lin_weight", "float" -> "float_x". */
const char *kname_clean(struct arena *a, const char *name);
#endif
