#ifndef TOKIC_RUNTIME_EMU_EMU_H
#define TOKIC_RUNTIME_EMU_EMU_H
/* The parts of the emulator. Workers, one OS thread each, share a launch's blocks. Within a worker the work-items of a
   block are fibers that run one after the other, wave by wave, and meet at barriers and wave operations. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "codegen/prelude/emu_abi.h"
#include "runtime/device/device.h"

/* ---- runtime/emu/emu_fiber.c: stacks to switch between ---- */

struct fiber {
    void *sp;                      /* x86-64: its saved stack pointer; elsewhere a ucontext_t */
    void (*run)(struct fiber *me); /* must not return: it ends by fiber_switch(me, to, true) */
    unsigned char *stack;          /* lowest address; NULL: an OS thread's own stack */
    const void *bottom;            /* for AddressSanitizer: the stack, its size, its fake stack */
    size_t size;
    void *fake;
    struct fiber *from; /* who switched to it last */
};
enum { FIBER_STACK = 64 << 10 };

/* Memory for `n` stacks of FIBER_STACK bytes; NULL if there is none. */
unsigned char *fiber_stacks_new(int n);
void fiber_stacks_free(unsigned char *stacks, int n);
/* Makes f start at run(f) when it is switched to. The stack's old content is discarded. */
void fiber_start(struct fiber *f, unsigned char *stack, void (*run)(struct fiber *));
void fiber_switch(struct fiber *from, struct fiber *to, bool from_ends);
/* False if the fiber has written beyond its stack. */
bool fiber_intact(const struct fiber *f);

/* ---- runtime/emu/emu_matrix.c: matrix units, bit for bit ---- */

enum { MATRIX_SIDE = 16, MATRIX_LANES = 64, MATRIX_ELEMS = 8 }; /* the largest m, n and k, wave, elements a lane */

/* The index in A [m][k], B [k][n], C [m][n] of each (lane, element). */
struct matrix_coords {
    uint8_t a[MATRIX_LANES][MATRIX_ELEMS], b[MATRIX_LANES][MATRIX_ELEMS], c[MATRIX_LANES][MATRIX_ELEMS];
};
/* False if the emulator does not know the unit. */
bool matrix_coords_of(const struct matrix_unit *u, int wave, struct matrix_coords *out);

/* The registers that one lane passes to tk_mma. */
struct matrix_regs {
    float *c;
    const unsigned *a, *b;
};
/* c += a·b for one wave, on the fragments in its lanes. */
void matrix_mma(const struct matrix_unit *u, const struct matrix_coords *at, int wave, const struct matrix_regs *lanes);
/* C := A·B + C by the unit's bit model. A and B hold the bits of f16. */
void matrix_multiply(const struct matrix_unit *u, const uint16_t *a, const uint16_t *b, float *c);

/* ---- runtime/emu/emu_check.c: the shadow of a launch ---- */

struct checker;
/* held[i]: for each byte of the i-th buffer, the value that it holds; NULL: unknown. Returns NULL if out of memory. */
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

/* ---- runtime/emu/emu_block.c: running a launch's blocks ---- */

/* A launch being run. */
struct job {
    const struct target *target;
    const struct matrix_coords *coords;
    const struct launch *l;
    tk_entry *entry;
    uint64_t blocks;
    struct checker *checker; /* NULL: not checking */
    atomic_ullong next;      /* the next block to run */
    atomic_ullong failed;    /* the first block that failed */
};

/* The state of one OS thread. Its memory is kept from launch to launch. */
struct worker;
struct worker *workers_new(int n);
void workers_free(struct worker *w, int n);
/* The first worker's shared memory, of the target's size. */
unsigned char *workers_shared(struct worker *w);
/* Allocates the memory for a launch's blocks on n threads. false with a diagnostic. */
bool workers_prepare(struct worker *w, int n, struct session *s, struct job *job);
/* Runs the launch on n threads. false with a diagnostic at a line of `text`. */
bool workers_run(struct worker *w, int n, struct session *s, struct job *job, const struct source *text);

/* ---- runtime/emu/emu.c: the device ---- */

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
/* Tests make the n-th call of a device fail. */
bool emu_allows(struct device *d, const char *call);
/* Runs a launch to its end. */
bool emu_run(struct emu *e, const struct launch *l);

/* ---- runtime/emu/emu_memory.c: guarded allocations; in checking mode the value that each byte holds ---- */

enum { FRESH_BYTE = 0xff }; /* fills unwritten memory: NaN in every float format, -1 in integers */
#define HOLDS_NOTHING 0u
#define HOLDS_ANY UINT32_MAX /* written by the host: any launch may read it */

bool emu_alloc(struct device *d, size_t bytes, dptr *out);
void emu_free(struct device *d, dptr p);
/* The bytes at [p, p + bytes), which must lie in one allocation. */
unsigned char *memory_at(struct emu *e, dptr p, size_t bytes);
/* The value that each of them holds; NULL: not checking, or in no allocation. */
uint32_t *memory_held(struct emu *e, dptr p, size_t bytes);
void memory_hold(struct emu *e, dptr p, size_t bytes, uint32_t value);
void memory_free(struct emu *e); /* all of it */
/* True if no allocation was written beyond its ends. */
bool memory_intact(struct emu *e);

/* ---- runtime/emu/emu_stream.c: streams, whose work is done at once or recorded ---- */

/* One piece of work for a stream. */
struct task {
    enum { TASK_IN, TASK_OUT, TASK_COPY, TASK_FILL, TASK_FORGET, TASK_LAUNCH } kind;
    dptr dst, src;
    const void *from; /* TASK_IN: host memory */
    void *to;         /* TASK_OUT: host memory */
    size_t bytes;
    int byte;
    struct launch launch;
};
bool emu_submit(struct device *d, struct stream *st, const struct task *w);
/* Does recorded work use an address of [at, at + bytes)? */
bool captured_uses(const struct emu *e, dptr at, size_t bytes);
void streams_free(struct emu *e);

struct stream *emu_stream_new(struct device *d);
void emu_stream_free(struct device *d, struct stream *st);
bool emu_stream_sync(struct device *d, struct stream *st);
struct event *emu_event_new(struct device *d);
void emu_event_free(struct device *d, struct event *ev);
bool emu_event_record(struct device *d, struct event *ev, struct stream *st);
bool emu_event_wait(struct device *d, struct event *ev, struct stream *st);
double emu_event_seconds(struct device *d, struct event *from, struct event *to);
bool emu_capture_begin(struct device *d, struct stream *st);
struct captured *emu_capture_end(struct device *d, struct stream *st);
void emu_capture_drop(struct device *d, struct stream *st);
bool emu_captured_submit(struct device *d, struct captured *c, struct stream *st);
void emu_captured_free(struct device *d, struct captured *c);
#endif
