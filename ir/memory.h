#ifndef TOKIC_IR_MEMORY_H
#define TOKIC_IR_MEMORY_H
/* Memory that does not suffice. What a user's sizes ask for is checked before it is allocated, and refused with a
   diagnostic (session_affords); whatever else fails ends the process with a message and the exit code of bad input. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that this process can still allocate and touch: what the machine has available, or what is left of the
   process's limit. SIZE_MAX: not known. */
size_t memory_left(void);

/* From here on an allocation is compared with memory_left: an overcommitted machine gives what it does not have. */
enum { MEMORY_LARGE = 1 << 26 };

/* p, which an allocation of so many bytes gave; NULL ends the process. bytes 0: not known. */
void *memory_must(void *p, size_t bytes);
_Noreturn void out_of_memory(size_t bytes);
#endif
