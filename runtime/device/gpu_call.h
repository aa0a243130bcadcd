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

/* The error code of a failure that a test injects. Both drivers describe this code as "unknown error". */
enum { GPU_FAULT_CODE = 999 };
/* Counts driver calls for fault injection. True for the call that a test makes fail. */
bool gpu_fault(struct gpu *g);
/* Returns true if `code` is 0. Else reports the failed call with the driver's error text. `field`: offset of the
   function in struct gpu_driver. */
bool gpu_call_done(struct gpu *g, size_t field, int code);
/* Like gpu_call_done, for a call that frees a resource. Reports nothing after an earlier failure, the likely cause. */
void gpu_release_done(struct gpu *g, size_t field, int code);

/* CALL(g, copy, (dst, src, bytes, stream)) calls the driver's copy function. On failure: false with a diagnostic. */
#define CALL(g, field, args)                                                                                           \
    gpu_call_done((g), offsetof(struct gpu_driver, field), gpu_fault(g) ? GPU_FAULT_CODE : (g)->api.field args)
#define RELEASE(g, field, args)                                                                                        \
    gpu_release_done((g), offsetof(struct gpu_driver, field),                                                          \
                     !(g)->failed && gpu_fault(g) ? GPU_FAULT_CODE : (g)->api.field args)

bool gpu_use(struct gpu *g);
/* Like gpu_use; call before freeing a resource. Reports nothing after an earlier failure. */
bool gpu_use_release(struct gpu *g);
#endif
