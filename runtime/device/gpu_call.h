#ifndef TOKIC_RUNTIME_DEVICE_GPU_CALL_H
#define TOKIC_RUNTIME_DEVICE_GPU_CALL_H
/* A GPU device, and driver calls that report their failures. */
#include "runtime/device/gpu_driver.h"

struct gpu {
    struct device d;
    struct gpu_driver api;
    int ordinal, device;
    void *context; /* CUDA: the retained primary context */
    struct module *modules;
    struct stream *streams;
    struct event *events;
    struct captured *captured;
    const char *last;
    bool failed;
};

static inline struct gpu *gpu_of(struct device *d) { return (struct gpu *)d; }

/* The code of a failure that a test injects: both drivers call it "unknown error". */
enum { GPU_FAULT_CODE = 999 };
/* Is this the driver call that a test wants to fail? */
bool gpu_fault(struct gpu *g);
/* Reports a failed call (code not 0) with the driver's error text. `field` is the call's offset in struct
   gpu_driver. */
bool gpu_call_done(struct gpu *g, size_t field, int code);
/* Like gpu_call_done, for a call that frees a resource. Silent after a reported failure, which is the likely cause. */
void gpu_release_done(struct gpu *g, size_t field, int code);

/* CALL(g, copy, (dst, src, bytes, stream)) calls the driver. false with a diagnostic. */
#define CALL(g, field, args)                                                                                           \
    gpu_call_done((g), offsetof(struct gpu_driver, field), gpu_fault(g) ? GPU_FAULT_CODE : (g)->api.field args)
#define RELEASE(g, field, args)                                                                                        \
    gpu_release_done((g), offsetof(struct gpu_driver, field),                                                          \
                     !(g)->failed && gpu_fault(g) ? GPU_FAULT_CODE : (g)->api.field args)

bool gpu_use(struct gpu *g);
/* Like gpu_use, before a resource is freed. Silent after a reported failure. */
bool gpu_use_release(struct gpu *g);
#endif
