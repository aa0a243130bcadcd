#ifndef TOKIC_RUNTIME_DEVICE_GPU_CALL_H
#define TOKIC_RUNTIME_DEVICE_GPU_CALL_H
/* A GPU device, and calls of its driver that report their failures. */
#include "runtime/device/gpu_driver.h"

struct gpu {
    struct device d;
    struct gpu_driver api;
    int ordinal, device;
    void *context; /* CUDA's primary context, retained */
    struct module *modules;
    struct stream *streams;
    struct event *events;
    struct captured *captured;
    const char *last; /* the last kernel launched since the last sync */
    bool failed;      /* a call failed and was reported */
};

static inline struct gpu *gpu_of(struct device *d) { return (struct gpu *)d; }

/* The code of an injected failure: "unknown error" in both drivers. */
enum { GPU_FAULT_CODE = 999 };
/* Is this the call that a test makes fail? */
bool gpu_fault(struct gpu *g);
/* Reports a failed call with the driver's own error text. true if code is 0. */
bool gpu_call_done(struct gpu *g, size_t field, int code);
/* gpu_call_done for a call that frees a resource. Silent once a failure was reported, since that failure is the likely
   cause. */
void gpu_release_done(struct gpu *g, size_t field, int code);

/* One call of the driver: CALL(g, copy, (dst, src, bytes)). false with a diagnostic. */
#define CALL(g, field, args)                                                                                           \
    gpu_call_done((g), offsetof(struct gpu_driver, field), gpu_fault(g) ? GPU_FAULT_CODE : (g)->api.field args)
#define RELEASE(g, field, args)                                                                                        \
    gpu_release_done((g), offsetof(struct gpu_driver, field),                                                          \
                     !(g)->failed && gpu_fault(g) ? GPU_FAULT_CODE : (g)->api.field args)

/* Makes the device current for this thread. */
bool gpu_use(struct gpu *g);
/* gpu_use before a resource is freed. Silent once a failure was reported. */
bool gpu_use_release(struct gpu *g);
#endif
