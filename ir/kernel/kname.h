#ifndef TOKIC_IR_KERNEL_KNAME_H
#define TOKIC_IR_KERNEL_KNAME_H
/* Names in kernels. The kernel text and the printed C++ use the same names, so a name must be a keyword of neither. */
#include <stdbool.h>

struct arena;

/* True if the name is a keyword of C, C++ or the kernel text, or a name that the printers generate (tk_exp, t3). */
bool kname_reserved(const char *name);
/* Turns `name` into a C identifier that is not reserved: "lin.weight" -> "lin_weight", "float" -> "float_x". */
const char *kname_clean(struct arena *a, const char *name);
#endif
