#ifndef TOKIC_CODEGEN_PRINT_H
#define TOKIC_CODEGEN_PRINT_H
/* Kernels as text in the language of codegen/spell.h: one text a target, the same bytes for every compiler that serves
   it. */
#include "ir/kernel/kir.h"

/* The text of one finished kernel, from the session's arena. Where it comes from is said in comments only if the kernel
   has a comment of its own, so that kernels which differ in origin alone print alike without one. */
const char *print_kernel(const struct kernel *k);
#endif
