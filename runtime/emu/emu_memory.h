#ifndef TOKIC_RUNTIME_EMU_EMU_MEMORY_H
#define TOKIC_RUNTIME_EMU_EMU_MEMORY_H
/* Guarded allocations; in checking mode the value that each byte holds. */
#include "runtime/emu/emu_device.h"

bool emu_alloc(struct device *d, size_t bytes, dptr *out);
/* Frees an allocation that no recording uses. */
void memory_drop(struct emu *e, dptr p);
/* The bytes of the allocation that begins at p. */
size_t memory_size(struct emu *e, dptr p);
/* The bytes at [p, p + bytes), which must lie in one allocation. */
unsigned char *memory_at(struct emu *e, dptr p, size_t bytes);
/* The value that each byte of [p, p + bytes) holds; NULL: not checking, or in no allocation. */
uint32_t *memory_held(struct emu *e, dptr p, size_t bytes);
void memory_hold(struct emu *e, dptr p, size_t bytes, uint32_t value);
void memory_free(struct emu *e); /* frees all allocations */
/* True if no allocation was written beyond its ends. */
bool memory_intact(struct emu *e);
#endif
