#ifndef TOKIC_RUNTIME_DEVICE_GPU_DRIVER_H
#define TOKIC_RUNTIME_DEVICE_GPU_DRIVER_H
/* The CUDA or HIP driver, loaded at run time. One struct of function pointers serves both. */
#include "runtime/device/device.h"

/* The differences between the vendors, apart from function names. */
struct gpu_vendor {
    const char *kind, *brand; /* "nvidia", "NVIDIA" */
    const char *switch_env;   /* an environment variable; "none" disables the driver */
    const char *library_env;  /* an environment variable that names another library */
    const char *const *libraries;
    const char *const *nodes; /* device files; if none exists, there is no GPU; NULL: not checked */
    const char *remedy;
    void *param_end; /* the driver's CU_LAUNCH_PARAM_END */
    bool cuda;
};
extern const struct gpu_vendor gpu_nvidia, gpu_amd;

/* Copies of CUlaunchAttribute and CUlaunchConfig in cuda.h. */
struct cuda_launch_attribute {
    int id;
    int pad;
    union {
        int flag;
        char room[64];
    } value;
};
struct cuda_launch {
    unsigned grid[3], block[3], shared;
    void *stream;
    const struct cuda_launch_attribute *attributes;
    unsigned n_attributes;
};

/* Functions that a driver lacks are NULL. */
struct gpu_driver {
    const struct gpu_vendor *vendor;
    int (*init)(unsigned flags);
    int (*device_count)(int *count);
    int (*device_get)(int *device, int ordinal);
    int (*device_name)(char *name, int size, int device);
    int (*mem_alloc)(dptr *at, size_t bytes);
    int (*mem_free)(dptr at);
    int (*mem_info)(size_t *free, size_t *total);
    int (*copy_in)(dptr dst, const void *src, size_t bytes);
    int (*copy_out)(void *dst, dptr src, size_t bytes);
    int (*copy_in_async)(dptr dst, const void *src, size_t bytes, void *stream);
    int (*copy_out_async)(void *dst, dptr src, size_t bytes, void *stream);
    int (*copy)(dptr dst, dptr src, size_t bytes, void *stream);
    int (*fill)(dptr dst, unsigned char byte, size_t bytes, void *stream);
    int (*module_load)(void **module, const void *object);
    int (*module_unload)(void *module);
    int (*module_function)(void **function, void *module, const char *name);
    int (*launch)(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                  unsigned shared, void *stream, void **params, void **config);
    int (*synchronize)(void);
    int (*stream_create)(void **stream, unsigned flags);
    int (*stream_destroy)(void *stream);
    int (*stream_synchronize)(void *stream);
    int (*stream_wait_event)(void *stream, void *event, unsigned flags);
    int (*capture_begin)(void *stream, int mode);
    int (*capture_end)(void *stream, void **graph);
    int (*graph_instantiate)(void **executable, void *graph, unsigned long long flags);
    int (*graph_destroy)(void *graph);
    int (*graph_launch)(void *executable, void *stream);
    int (*graph_exec_destroy)(void *executable);
    int (*event_create)(void **event, unsigned flags);
    int (*event_record)(void *event, void *stream);
    int (*event_synchronize)(void *event);
    int (*event_elapsed)(float *ms, void *from, void *to);
    int (*event_destroy)(void *event);
    /* CUDA only */
    int (*error_name)(int code, const char **name);
    int (*error_text)(int code, const char **text);
    int (*device_attribute)(int *value, int attribute, int device);
    int (*context_retain)(void **context, int device);
    int (*context_release)(int device);
    int (*context_use)(void *context);
    int (*function_attribute)(void *function, int attribute, int value);
    int (*launch_config)(const struct cuda_launch *how, void *function, void **params, void **config); /* since 11.8 */
    /* HIP only */
    const char *(*hip_error_name)(int code);
    const char *(*hip_error_text)(int code);
    int (*device_use)(int device);
    int (*properties)(void *properties, int device); /* HIP has this function or the next one */
    int (*properties_6)(void *properties, int device);
};

/* Loads a driver and looks up its functions. The driver's library stays loaded, since its threads and exit handlers
   stay too. On failure: false with the reason in *why. */
bool gpu_driver_open(struct session *s, const struct gpu_vendor *v, struct gpu_driver *out, const char **why);
/* Returns the driver's own name of a function, such as "cuInit". `field`: offset of the function in struct
   gpu_driver. */
const char *gpu_function_name(const struct gpu_vendor *v, size_t field);
void gpu_error_words(const struct gpu_driver *g, int code, const char **name, const char **text);
#endif
