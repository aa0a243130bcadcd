#ifndef TOKIC_RUNTIME_DEVICE_DEVICE_H
#define TOKIC_RUNTIME_DEVICE_DEVICE_H
/* The interface of a device. The emulator, the CUDA driver and the HIP driver implement it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/session.h"
#include "ir/target.h"

typedef uint64_t dptr; /* device address; 0: none */

/* The resources of a kernel, as the compiler reports them. -1: unknown. */
struct kernel_info {
    const char *name;
    int regs;         /* NVIDIA: registers; AMD: VGPRs (since gfx90a with AGPRs) */
    int agprs, sgprs; /* AMD only */
    int spills;       /* in registers (AMD) or bytes (NVIDIA) */
    int stack;        /* bytes per work-item */
    int shared;       /* static, in bytes */
    int matrix;
};

struct code {
    const struct target *target;
    const void *object; /* AMD code object, cubin, or shared library for the emulator */
    size_t size;
    const char *compiler; /* "hiprtc 5.2.3" */
    const char *flags;
    double seconds;
    struct kernel_info *kernels;
    size_t n_kernels;
};

/* A buffer that a launch may access. The checking emulator reports every other access. GPUs ignore this record. */
struct launch_buffer {
    const char *name;
    dptr at;
    size_t bytes;
    bool written;
    bool read;
    int elem;
    uint32_t value; /* number of the graph's value that the launch reads or writes here; 0: unknown */
};

/* Handles. Each belongs to one device. */
struct module;
struct function; /* a kernel of a module; lives as long as the device */
struct stream;   /* runs work in the order of submission; NULL: the default stream */
struct event;
struct captured; /* recorded work, submitted as a whole */

/* One run of a kernel. `args`: the kernel's argument struct in C layout, with pointers as dptr. */
struct launch {
    struct function *function;
    const char *kernel;
    struct loc loc; /* the kernel's source, for messages */
    uint64_t grid[3];
    unsigned block;
    unsigned shared; /* dynamic shared memory in bytes */
    unsigned smem;   /* static and dynamic shared memory in bytes, for the emulator */
    bool collective; /* has barriers, shuffles or matrix instructions */
    bool early;      /* may start before earlier launches end; the kernel itself waits for them */
    const void *args;
    size_t args_size;
    const struct launch_buffer *buffers;
    size_t n_buffers;
};

struct device;

/* The default stream waits for all other streams, and they wait for it. Copies in the default stream are synchronous.
   Copies in other streams are asynchronous: the caller keeps the host memory unchanged until the copy is done. For a
   recorded copy, the caller keeps the host memory until the recording is freed. */
struct device_ops {
    const char *kind; /* "emu", "nvidia", "amd" */
    void (*close)(struct device *d);
    bool (*alloc)(struct device *d, size_t bytes, dptr *out); /* 0 bytes give a valid, distinct pointer */
    void (*free)(struct device *d, dptr p);                   /* no pending or recorded work may use p */
    bool (*copy_in)(struct device *d, struct stream *st, dptr dst, const void *src, size_t bytes);
    bool (*copy_out)(struct device *d, struct stream *st, void *dst, dptr src, size_t bytes);
    bool (*copy)(struct device *d, struct stream *st, dptr dst, dptr src, size_t bytes);
    bool (*fill)(struct device *d, struct stream *st, dptr dst, int byte, size_t bytes);
    /* Sets every bit to 1. The checking emulator then reports reads of these bytes until a launch or copy writes
       them. */
    bool (*forget)(struct device *d, struct stream *st, dptr dst, size_t bytes);
    struct module *(*load)(struct device *d, const struct code *code); /* freed with the device */
    struct function *(*find)(struct device *d, struct module *m, const char *kernel);
    /* Must be called once for each launch, before its first run. Returns false with a diagnostic if the device cannot
       run the launch. */
    bool (*prepare)(struct device *d, const struct launch *l);
    /* Makes the device current for this thread, as `launch` requires. Call once before a series of launches. */
    bool (*use)(struct device *d);
    bool (*launch)(struct device *d, struct stream *st, const struct launch *l); /* an empty grid does nothing */
    bool (*sync)(struct device *d);                                              /* waits for all streams */

    struct stream *(*stream_new)(struct device *d);
    /* stream_free, event_free and captured_free ignore NULL. */
    void (*stream_free)(struct device *d, struct stream *st);
    bool (*stream_sync)(struct device *d, struct stream *st);

    struct event *(*event_new)(struct device *d);
    void (*event_free)(struct device *d, struct event *ev);
    bool (*event_record)(struct device *d, struct event *ev, struct stream *st);
    bool (*event_wait)(struct device *d, struct event *ev, struct stream *st);
    /* Waits for both events and returns the seconds between them. Negative on failure. */
    double (*event_seconds)(struct device *d, struct event *from, struct event *to);

    /* Between capture_begin and capture_end, work in the stream is recorded and not run. A stream that waits for an
       event of a recorded stream is recorded too. Work in the default stream is an error during a recording. */
    bool (*capture_begin)(struct device *d, struct stream *st);
    struct captured *(*capture_end)(struct device *d, struct stream *st);
    /* Ends a recording after a failure. No diagnostic. */
    void (*capture_drop)(struct device *d, struct stream *st);
    bool (*captured_submit)(struct device *d, struct captured *c, struct stream *st);
    void (*captured_free)(struct device *d, struct captured *c);
};

struct device {
    const struct device_ops *ops;
    struct session *s;
    const struct target *target;
    const char *name; /* "NVIDIA H200", "emu:gfx90a" */
    const char *spec; /* "nvidia:0", "emu:gfx90a": for --device */
    bool checking;    /* true for the emulator that reports races and bad reads */
};

/* True if the grid, block and shared memory of `l` are within the target's limits. Else false with a diagnostic
   (FAIL_INPUT) at l->loc. */
bool launch_fits(struct device *d, const struct launch *l);
static inline bool launch_is_empty(const struct launch *l) { return !l->grid[0] || !l->grid[1] || !l->grid[2]; }

/* Open a device. NULL with a diagnostic (FAIL_DEVICE) on failure. */
struct device *emu_open(struct session *s, const struct target *t, bool checking, int threads);
struct device *nvidia_open(struct session *s, int ordinal);
struct device *amd_open(struct session *s, int ordinal);
/* Return the number of GPUs. Without a driver: 0, and no diagnostic. */
int nvidia_count(struct session *s);
int amd_count(struct session *s);
#endif
