#ifndef TOKIC_IR_MEMORY_H
#define TOKIC_IR_MEMORY_H
/* What happens if memory runs out. An allocation whose size follows from the user's input is checked beforehand, and
   refused with a diagnostic if it is too large (session_affords). Any other allocation that fails ends the process with
   a message and the exit code of bad input. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that this process can still allocate and touch: what the machine has available, or what is left of the
   process's limit. SIZE_MAX: not known. */
size_t memory_left(void);

/* Allocations of at least so many bytes are compared with memory_left beforehand, since a machine that overcommits
   grants memory that it does not have. */
enum { MEMORY_LARGE = 1 << 26 };

/* Returns p, the result of an allocation of `bytes` bytes (0: size not known). Ends the process if p is NULL. */
void *memory_must(void *p, size_t bytes);
_Noreturn void out_of_memory(size_t bytes);
#endif
