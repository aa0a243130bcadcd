#ifndef TOKIC_IR_MEMORY_H
#define TOKIC_IR_MEMORY_H
/* Running out of memory. An allocation whose size depends on the input is checked first, and refused with a diagnostic
   if it is too large (session_affords). If any other allocation fails, the process ends with a message and exit code 3
   (bad input). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that this process can still allocate: the memory that the machine has available, or less if the process has a
   limit (RLIMIT_AS). SIZE_MAX: not known. */
size_t memory_left(void);

/* 64 MiB. Allocations of at least this size are compared with memory_left first, since malloc may grant more memory
   than the machine has (overcommit). */
enum { MEMORY_LARGE = 1 << 26 };

/* Returns p. If p is NULL, reports that `bytes` bytes are missing (0: size not known) and ends the process. */
void *memory_must(void *p, size_t bytes);
_Noreturn void out_of_memory(size_t bytes);
#endif
