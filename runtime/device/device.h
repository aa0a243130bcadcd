#ifndef TOKIC_RUNTIME_DEVICE_DEVICE_H
#define TOKIC_RUNTIME_DEVICE_DEVICE_H
/* A device: memory, code, launches. The emulator and the two GPU drivers differ below this line only. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/session.h"
#include "ir/target.h"

typedef uint64_t dptr; /* an address in a device's memory; 0: none */

/* What a compiler said of one kernel. -1: not known. */
struct kernel_info {
    const char *name;
    int regs, agprs, sgprs; /* NVIDIA: regs alone; AMD: vgprs (on gfx90a and later the unified total), agprs, sgprs */
    int spills;             /* spilled registers (AMD vgpr + sgpr) or bytes (NVIDIA) */
    int stack;              /* bytes of private segment or stack frame a work-item */
    int shared;             /* bytes of static shared memory */
    int matrix;             /* matrix instructions in the object */
};

/* Compiled code of one module. */
struct code {
    const struct target *target;
    const void *object;
    size_t size;          /* code object, cubin, or (emulator) shared library */
    const char *compiler; /* "hiprtc 5.2.3" */
    const char *flags;
    double seconds; /* spent in the compiler */
    struct kernel_info *kernels;
    size_t n_kernels;
};

/* One launch. `args` is the kernel's argument struct, laid out as C does; pointers in it are dptr. */
struct launch_buffer {
    const char *name;
    dptr at;
    size_t bytes;
    bool written;
    bool read;
    int elem;
}; /* elem: bytes an element */
struct launch {
    const char *kernel;
    unsigned grid[3], block;
    unsigned shared; /* bytes of dynamic shared memory; 0 when the text declares it statically */
    unsigned smem;   /* bytes of shared memory that the text uses in all (the emulator allocates them) */
    bool collective; /* has barriers, shuffles or matrix items: work-items must run together */
    const void *args;
    size_t args_size;
    const struct launch_buffer *buffers;
    size_t n_buffers; /* for checking and reproducers */
};

struct module;
struct device;

struct device_ops {
    const char *kind; /* "emu", "nvidia", "amd" */
    void (*close)(struct device *d);
    bool (*alloc)(struct device *d, size_t bytes, dptr *out); /* bytes 0: a valid, distinct pointer */
    void (*free)(struct device *d, dptr p);
    bool (*copy_in)(struct device *d, dptr dst, const void *src, size_t bytes);
    bool (*copy_out)(struct device *d, void *dst, dptr src, size_t bytes);
    bool (*copy)(struct device *d, dptr dst, dptr src, size_t bytes);
    bool (*fill)(struct device *d, dptr dst, int byte, size_t bytes);
    struct module *(*load)(struct device *d, const struct code *code); /* freed with the device */
    bool (*launch)(struct device *d, struct module *m,
                   const struct launch *l); /* an empty grid is not launched: true */
    bool (*sync)(struct device *d);
    /* Wall or device time in seconds between two marks; for bench. */
    bool (*mark)(struct device *d, int which);
    double (*elapsed)(struct device *d);
};

struct device {
    const struct device_ops *ops;
    struct session *s;
    const struct target *target; /* the row that its code is made for */
    const char *name;            /* "NVIDIA H200", "emu:gfx90a" */
    const char *spec;            /* "nvidia:0", "emu:gfx90a": as --device takes it */
};

/* All return false, or NULL, with a diagnostic (FAIL_DEVICE) on failure. */
struct device *emu_open(struct session *s, const struct target *t, bool checking, int threads);
struct device *nvidia_open(struct session *s, int ordinal);
struct device *amd_open(struct session *s, int ordinal);
/* GPUs present, without a diagnostic if the driver is absent: 0. */
int nvidia_count(struct session *s);
int amd_count(struct session *s);
#endif
