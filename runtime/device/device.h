#ifndef TOKIC_RUNTIME_DEVICE_DEVICE_H
#define TOKIC_RUNTIME_DEVICE_DEVICE_H
/* A device: memory, code, launches. The emulator and the two GPU drivers implement one interface. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/session.h"
#include "ir/target.h"

typedef uint64_t dptr; /* an address in a device's memory; 0: none */

/* What a compiler reports of one kernel. -1: not known. */
struct kernel_info {
    const char *name;
    int regs;         /* NVIDIA: registers; AMD: vgprs; since gfx90a they include agprs */
    int agprs, sgprs; /* AMD only */
    int spills;       /* spilled registers (AMD vgpr + sgpr) or bytes (NVIDIA) */
    int stack;        /* bytes of private segment or stack frame per work-item */
    int shared;       /* bytes of static shared memory */
    int matrix;       /* matrix instructions in the object */
};

/* Compiled code of one module. */
struct code {
    const struct target *target;
    const void *object; /* code object, cubin, or (emulator) shared library */
    size_t size;
    const char *compiler; /* "hiprtc 5.2.3" */
    const char *flags;
    double seconds; /* spent in the compiler */
    struct kernel_info *kernels;
    size_t n_kernels;
};

/* A buffer that a launch may access. Only the emulator and reproducers read this record; GPUs do not. */
struct launch_buffer {
    const char *name;
    dptr at;
    size_t bytes;
    bool written;
    bool read;
    int elem;       /* bytes per element */
    uint32_t value; /* a number that identifies the value in it; 0: unknown */
};

/* Handles. Each belongs to the device that made it. */
struct module;
struct function; /* one kernel of a module, looked up; lives as long as the device */
struct stream;   /* work in order of submission; a NULL argument is the default stream */
struct event;    /* a point in a stream's work */
struct captured; /* work recorded from a stream, submitted as a whole */

/* One launch. `args` is the kernel's argument struct, laid out as C does; pointers in it are dptr. */
struct launch {
    struct function *function;
    const char *kernel; /* its name, for messages */
    struct loc loc;     /* where the kernel comes from, for messages */
    uint64_t grid[3];
    unsigned block;
    unsigned shared; /* bytes of dynamic shared memory; 0 when the text declares it statically */
    unsigned smem;   /* all bytes of shared memory that the text uses; the emulator allocates them */
    bool collective; /* has barriers, shuffles or matrix statements: work-items must run together */
    bool early;      /* may start before the launches before it are done: its kernel waits for them */
    const void *args;
    size_t args_size;
    const struct launch_buffer *buffers;
    size_t n_buffers;
};

struct device;

/* Work in a stream is done in order. The default stream waits for all others, and they wait for it. Its copies between
   host and device are synchronous. The host memory of a copy in another stream must stay unchanged until the copy is
   done, and if the copy is captured, as long as the recording lives. */
struct device_ops {
    const char *kind; /* "emu", "nvidia", "amd" */
    void (*close)(struct device *d);
    bool (*alloc)(struct device *d, size_t bytes, dptr *out); /* bytes 0: a valid, distinct pointer */
    void (*free)(struct device *d, dptr p);                   /* no pending or recorded work may use it */
    bool (*copy_in)(struct device *d, struct stream *st, dptr dst, const void *src, size_t bytes);
    bool (*copy_out)(struct device *d, struct stream *st, void *dst, dptr src, size_t bytes);
    bool (*copy)(struct device *d, struct stream *st, dptr dst, dptr src, size_t bytes);
    bool (*fill)(struct device *d, struct stream *st, dptr dst, int byte, size_t bytes);
    /* Discards the content: sets every bit to one, and the checking emulator reports reads before the next write. */
    bool (*forget)(struct device *d, struct stream *st, dptr dst, size_t bytes);
    struct module *(*load)(struct device *d, const struct code *code); /* freed with the device */
    /* A kernel of the module by name; each is looked up once. */
    struct function *(*find)(struct device *d, struct module *m, const char *kernel);
    /* Called once before the first launch of a record. Refuses what the device cannot launch (launch_fits), and opts in
       to the shared memory that the launch needs. */
    bool (*prepare)(struct device *d, const struct launch *l);
    /* Makes the device current for this thread, before its launches. One call serves many launches, since each call
       costs time. */
    bool (*use)(struct device *d);
    bool (*launch)(struct device *d, struct stream *st, const struct launch *l); /* an empty grid is not launched */
    bool (*sync)(struct device *d);                                              /* waits for all streams */

    struct stream *(*stream_new)(struct device *d);
    void (*stream_free)(struct device *d, struct stream *st); /* all three `_free` of handles accept NULL */
    bool (*stream_sync)(struct device *d, struct stream *st);

    struct event *(*event_new)(struct device *d);
    void (*event_free)(struct device *d, struct event *ev);
    bool (*event_record)(struct device *d, struct event *ev, struct stream *st);
    bool (*event_wait)(struct device *d, struct event *ev, struct stream *st); /* later work in st waits for it */
    /* Seconds between two recorded events; waits for both. Negative on failure. */
    double (*event_seconds)(struct device *d, struct event *from, struct event *to);

    /* From begin to end, work in the stream is recorded instead of done. A stream that waits for an event of a
       recorded stream is recorded too. Until the end, work in the default stream is an error. */
    bool (*capture_begin)(struct device *d, struct stream *st);
    struct captured *(*capture_end)(struct device *d, struct stream *st);
    void (*capture_drop)(struct device *d, struct stream *st); /* ends one after a failure, without a diagnostic */
    bool (*captured_submit)(struct device *d, struct captured *c, struct stream *st);
    void (*captured_free)(struct device *d, struct captured *c);
};

struct device {
    const struct device_ops *ops;
    struct session *s;
    const struct target *target; /* the target that its code is compiled for */
    const char *name;            /* "NVIDIA H200", "emu:gfx90a" */
    const char *spec;            /* "nvidia:0", "emu:gfx90a": as --device takes it */
    bool checking;               /* the checking emulator: runs launches in any order that the program's edges allow */
};

/* Does the launch keep within the limits of the device's target (grid, block, shared memory)? false with a diagnostic
   (FAIL_INPUT) at its loc. */
bool launch_fits(struct device *d, const struct launch *l);
static inline bool launch_is_empty(const struct launch *l) { return !l->grid[0] || !l->grid[1] || !l->grid[2]; }

/* emu_open, nvidia_open and amd_open return NULL with a diagnostic (FAIL_DEVICE) on failure. */
struct device *emu_open(struct session *s, const struct target *t, bool checking, int threads);
struct device *nvidia_open(struct session *s, int ordinal);
struct device *amd_open(struct session *s, int ordinal);
/* Number of GPUs; 0, without a diagnostic, if the driver is absent. */
int nvidia_count(struct session *s);
int amd_count(struct session *s);
#endif
