#ifndef TOKIC_RUNTIME_DEVICE_EXEC_PLACE_H
#define TOKIC_RUNTIME_DEVICE_EXEC_PLACE_H
#include "runtime/device/exec.h"

size_t exec_node_bytes(const struct exec *e, const struct node *n);
size_t exec_scratch_bytes(const struct exec *e, const struct group *gr, int scratch);
bool exec_place(struct exec *e, const struct binding *b);
bool exec_prepare(struct exec *e);
#endif
