#ifndef TOKIC_RUNTIME_EMU_EMU_MEMORY_H
#define TOKIC_RUNTIME_EMU_EMU_MEMORY_H
/* The emulator's memory. The checking emulator also records which value each byte holds. */
#include "runtime/emu/emu_device.h"

bool emu_alloc(struct device *d, size_t bytes, dptr *out);
/* No recording may use the allocation. */
void memory_drop(struct emu *e, dptr p);
size_t memory_size(struct emu *e, dptr p);
/* The bytes at [p, p + bytes), which must lie in one allocation. */
unsigned char *memory_at(struct emu *e, dptr p, size_t bytes);
/* Returns an array: the value in each byte of [p, p + bytes). NULL: not checking, or outside of all allocations. */
uint32_t *memory_held(struct emu *e, dptr p, size_t bytes);
void memory_hold(struct emu *e, dptr p, size_t bytes, uint32_t value);
void memory_free(struct emu *e);
/* false if something was written beyond the ends of an allocation. */
bool memory_intact(struct emu *e);
#endif
