#ifndef TOKIC_IR_KERNEL_KNAME_H
#define TOKIC_IR_KERNEL_KNAME_H
/* Names of things in kernels. A thing has one name in all texts of its kernel, so that a reader finds it again: no name
   may be a word in any of them, the kernel text or the languages that kernels are printed in. */
#include <stdbool.h>

struct arena;

/* Not to be used as it stands: a keyword of C, C++ or the kernel text, or a name that the printers make up. */
bool kname_reserved(const char *name);
/* `name` as a C identifier that is not reserved: others' characters become `_`, `_x` is added where needed. */
const char *kname_clean(struct arena *a, const char *name);
#endif
