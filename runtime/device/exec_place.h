#ifndef TOKIC_RUNTIME_DEVICE_EXEC_PLACE_H
#define TOKIC_RUNTIME_DEVICE_EXEC_PLACE_H
/* The steps of exec_open. */
#include "runtime/device/exec.h"

/* Bytes of a node, and of a group's scratch, for these dims. */
size_t exec_node_bytes(const struct exec *e, const struct node *n);
size_t exec_scratch_bytes(const struct exec *e, const struct group *gr, int scratch);
/* Memory for what the launches read and write, the bound sources in it. */
bool exec_place(struct exec *e, const struct binding *b);
/* Functions, arguments, grids, zeroings. */
bool exec_prepare(struct exec *e);
#endif
