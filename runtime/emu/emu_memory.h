#ifndef TOKIC_RUNTIME_EMU_EMU_MEMORY_H
#define TOKIC_RUNTIME_EMU_EMU_MEMORY_H
/* The emulator's memory. The checking emulator also keeps, for each byte, the number of the value in it
   (emu_check.h). */
#include "runtime/emu/emu_device.h"

bool emu_alloc(struct device *d, size_t bytes, dptr *out);
/* Frees the allocation at `p`. Requires that no recording uses the allocation. */
void memory_drop(struct emu *e, dptr p);
size_t memory_size(struct emu *e, dptr p);
/* Returns the bytes [p, p + bytes). A range that is not within one allocation is a BUG. */
unsigned char *memory_at(struct emu *e, dptr p, size_t bytes);
/* Returns an array with the number of the value in each byte of [p, p + bytes). NULL if not checking, or if the range
   is not within one allocation. */
uint32_t *memory_held(struct emu *e, dptr p, size_t bytes);
void memory_hold(struct emu *e, dptr p, size_t bytes, uint32_t value);
void memory_free(struct emu *e);
/* Returns false with a diagnostic if a kernel wrote beyond the ends of an allocation. */
bool memory_intact(struct emu *e);
#endif
