#ifndef TOKIC_RUNTIME_EMU_EMU_DEVICE_H
#define TOKIC_RUNTIME_EMU_EMU_DEVICE_H
#include "runtime/emu/emu_block.h"

struct emu {
    struct device d;
    struct matrix_coords coords;
    int n_workers;
    struct worker *workers;
    struct memory *memory;
    struct module *modules;
    struct stream *streams;
    struct event *events;
    struct captured *captured;
    struct captured *recording;
};

static inline struct emu *emu_of(struct device *d) { return (struct emu *)d; }
/* Returns false with a diagnostic if a test makes this call fail. `call`: name of the call, for the message. */
bool emu_allows(struct device *d, const char *call);
#endif
