#ifndef TOKIC_RUNTIME_EMU_EMU_CHECK_H
#define TOKIC_RUNTIME_EMU_EMU_CHECK_H
/* The shadow of a launch: who touched which byte, and which value it holds. */
#include "runtime/device/device.h"

enum { FRESH_BYTE = 0xff }; /* fills unwritten memory: NaN in every float format, -1 in integers */
/* What a byte may hold instead of a numbered value. */
#define HOLDS_NOTHING 0u
#define HOLDS_ANY UINT32_MAX /* written by the host, or as an unknown value: any launch may read it */

struct checker;
/* The shadow of a launch. held[i]: the value that each byte of the i-th buffer holds; NULL: unknown. Returns NULL if
   out of memory. */
struct checker *checker_new(const struct target *t, const struct launch *l, uint32_t *const *held, unsigned char *smem);
void checker_free(struct checker *c);
/* Records in `held` which bytes now hold the launch's values. */
void checker_keep(struct checker *c);
void checker_block_begin(struct checker *c, unsigned block);
void checker_block_barrier(struct checker *c);
void checker_wave_barrier(struct checker *c, int wave);
bool checker_touch(struct checker *c, int tid, int line, const void *at, int bytes, bool write);
void checker_issue(struct checker *c, int tid, int line, void *dst, const void *src, int bytes, bool on);
void checker_commit(struct checker *c, int tid);
void checker_wait(struct checker *c, int tid, int in_flight);
/* The block's work-items have ended: what is still in flight lands. */
void checker_block_end(struct checker *c);
/* Reports the findings, with the lines of `text`; true if there are none. */
bool checker_report(struct checker *c, struct session *s, const struct source *text);
#endif
