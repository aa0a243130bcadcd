#ifndef TOKIC_RUNTIME_EMU_EMU_DEVICE_H
#define TOKIC_RUNTIME_EMU_EMU_DEVICE_H
/* The emulator as a device: what its parts share. */
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
    struct captured *captured;  /* finished recordings */
    struct captured *recording; /* the one in progress */
};

static inline struct emu *emu_of(struct device *d) { return (struct emu *)d; }
/* false with a diagnostic for the one call that a test makes fail. */
bool emu_allows(struct device *d, const char *call);
#endif
