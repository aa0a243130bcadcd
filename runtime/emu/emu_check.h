#ifndef TOKIC_RUNTIME_EMU_EMU_CHECK_H
#define TOKIC_RUNTIME_EMU_EMU_CHECK_H
/* Checks the memory accesses of a launch. Each value that launches compute has a number (launch_buffer.value). For each
   byte of memory, `held` has the number of the value stored there. */
#include "runtime/device/device.h"

enum { FRESH_BYTE = 0xff }; /* fills unwritten memory: NaN in every float dtype, -1 in integers */
/* Entries of `held` that are not the number of a value. */
#define HOLDS_NOTHING 0u
#define HOLDS_ANY UINT32_MAX /* written by the host, or unknown: any launch may read it */

struct checker;
/* held[i][k]: number of the value in byte k of buffer i. held[i] NULL: unknown. Returns NULL if out of memory. */
struct checker *checker_new(const struct target *t, const struct launch *l, uint32_t *const *held, unsigned char *smem);
void checker_free(struct checker *c);
/* Updates `held` for the bytes that the launch has written. */
void checker_keep(struct checker *c);
void checker_block_begin(struct checker *c, unsigned block);
void checker_block_barrier(struct checker *c);
void checker_wave_barrier(struct checker *c, int wave);
bool checker_touch(struct checker *c, int tid, int line, const void *at, int bytes, bool write);
void checker_issue(struct checker *c, int tid, int line, void *dst, const void *src, int bytes, bool on);
void checker_commit(struct checker *c, int tid);
void checker_wait(struct checker *c, int tid, int in_flight);
/* Completes the block's asynchronous copies. */
void checker_block_end(struct checker *c);
/* Reports all faults at their lines in `text`, the source of the kernels. Returns true if there are none. */
bool checker_report(struct checker *c, struct session *s, const struct source *text);
#endif
