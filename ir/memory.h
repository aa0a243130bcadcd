#ifndef TOKIC_IR_MEMORY_H
#define TOKIC_IR_MEMORY_H
/* What happens when memory runs out.
   session_affords checks allocations whose size depends on the input, and reports an error if the size is too large.
   If any other allocation fails, the process prints a message and exits with code 3 (bad input). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns how many bytes this process can still allocate; SIZE_MAX if unknown.
   This is the available memory of the machine, or less under a process limit (RLIMIT_AS). */
size_t memory_left(void);

/* 64 MiB. Allocations of at least this size are first compared with memory_left, since malloc may grant too much. */
enum { MEMORY_LARGE = 1 << 26 };

/* Returns p. If p is NULL, ends the process with a message that `bytes` bytes are missing; 0: unknown number. */
void *memory_must(void *p, size_t bytes);
_Noreturn void out_of_memory(size_t bytes);
#endif
