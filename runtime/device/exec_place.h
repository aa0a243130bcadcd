#ifndef TOKIC_RUNTIME_DEVICE_EXEC_PLACE_H
#define TOKIC_RUNTIME_DEVICE_EXEC_PLACE_H
/* The steps of exec_open. */
#include "runtime/device/exec.h"

/* Bytes of a node, and of a group's scratch, for these dims. */
size_t exec_node_bytes(const struct exec *e, const struct node *n);
size_t exec_scratch_bytes(const struct exec *e, const struct group *gr, int scratch);
/* Allocates the memory that the launches read and write, and uploads the bound sources. */
bool exec_place(struct exec *e, const struct binding *b);
/* Prepares the launches: functions, arguments, grids, zeroings. */
bool exec_prepare(struct exec *e);
#endif
