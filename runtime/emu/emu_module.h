#ifndef TOKIC_RUNTIME_EMU_EMU_MODULE_H
#define TOKIC_RUNTIME_EMU_EMU_MODULE_H
#include "runtime/emu/emu_device.h"

struct module *emu_load(struct device *d, const struct code *code);
struct function *emu_find(struct device *d, struct module *m, const char *kernel);
bool emu_prepare(struct device *d, const struct launch *l);
bool emu_run(struct emu *e, const struct launch *l);
void modules_free(struct emu *e);
#endif
