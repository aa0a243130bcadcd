#include "runtime/device/gpu_driver.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct gpu_vendor gpu_nvidia = {
    .kind = "nvidia",
    .brand = "NVIDIA",
    .switch_env = "TOKIC_CUDA",
    .library_env = "TOKIC_CUDA_LIB",
    .libraries = (const char *const[]){ "libcuda.so.1", "libcuda.so", NULL },
    .remedy = "install the NVIDIA driver, or use --device emu",
    .param_end = (void *)0, /* CU_LAUNCH_PARAM_END */
    .cuda = true,
};
const struct gpu_vendor gpu_amd = {
    .kind = "amd",
    .brand = "AMD",
    .switch_env = "TOKIC_HIP",
    .library_env = "TOKIC_HIP_LIB",
    .libraries =
        (const char *const[]){ "libamdhip64.so.5", "libamdhip64.so.6", "libamdhip64.so.7", "libamdhip64.so", NULL },
    /* These files are checked first, since loading HIP takes tens of milliseconds. /dev/dxg exists under WSL. */
    .nodes = (const char *const[]){ "/dev/kfd", "/dev/dxg", NULL },
    .remedy = "install the amdgpu driver and libamdhip64 (apt-get install libamdhip64-5), or use --device emu",
    .param_end = (void *)3, /* HIP_LAUNCH_PARAM_END */
};

/* A function of the two drivers. A name is NULL if tokic does not use the function in that driver. `maybe`: some
   versions of the driver lack the function. */
struct function_name {
    size_t field;
    const char *hip, *cuda;
    bool maybe;
};
#define FIELD(name) offsetof(struct gpu_driver, name)
static const struct function_name functions[] = {
    { FIELD(init), "hipInit", "cuInit", false },
    { FIELD(device_count), "hipGetDeviceCount", "cuDeviceGetCount", false },
    { FIELD(device_get), "hipDeviceGet", "cuDeviceGet", false },
    { FIELD(device_name), "hipDeviceGetName", "cuDeviceGetName", false },
    { FIELD(mem_alloc), "hipMalloc", "cuMemAlloc_v2", false },
    { FIELD(mem_free), "hipFree", "cuMemFree_v2", false },
    { FIELD(mem_info), "hipMemGetInfo", "cuMemGetInfo_v2", false },
    { FIELD(copy_in), "hipMemcpyHtoD", "cuMemcpyHtoD_v2", false },
    { FIELD(copy_out), "hipMemcpyDtoH", "cuMemcpyDtoH_v2", false },
    { FIELD(copy_in_async), "hipMemcpyHtoDAsync", "cuMemcpyHtoDAsync_v2", false },
    { FIELD(copy_out_async), "hipMemcpyDtoHAsync", "cuMemcpyDtoHAsync_v2", false },
    { FIELD(copy), "hipMemcpyDtoDAsync", "cuMemcpyDtoDAsync_v2", false },
    { FIELD(fill), "hipMemsetD8Async", "cuMemsetD8Async", false },
    { FIELD(module_load), "hipModuleLoadData", "cuModuleLoadData", false },
    { FIELD(module_unload), "hipModuleUnload", "cuModuleUnload", false },
    { FIELD(module_function), "hipModuleGetFunction", "cuModuleGetFunction", false },
    { FIELD(launch), "hipModuleLaunchKernel", "cuLaunchKernel", false },
    { FIELD(synchronize), "hipDeviceSynchronize", "cuCtxSynchronize", false },
    { FIELD(stream_create), "hipStreamCreateWithFlags", "cuStreamCreate", false },
    { FIELD(stream_destroy), "hipStreamDestroy", "cuStreamDestroy_v2", false },
    { FIELD(stream_synchronize), "hipStreamSynchronize", "cuStreamSynchronize", false },
    { FIELD(stream_wait_event), "hipStreamWaitEvent", "cuStreamWaitEvent", false },
    { FIELD(capture_begin), "hipStreamBeginCapture", "cuStreamBeginCapture_v2", false },
    { FIELD(capture_end), "hipStreamEndCapture", "cuStreamEndCapture", false },
    { FIELD(graph_instantiate), "hipGraphInstantiateWithFlags", "cuGraphInstantiateWithFlags", false },
    { FIELD(graph_destroy), "hipGraphDestroy", "cuGraphDestroy", false },
    { FIELD(graph_launch), "hipGraphLaunch", "cuGraphLaunch", false },
    { FIELD(graph_exec_destroy), "hipGraphExecDestroy", "cuGraphExecDestroy", false },
    { FIELD(event_create), "hipEventCreateWithFlags", "cuEventCreate", false },
    { FIELD(event_record), "hipEventRecord", "cuEventRecord", false },
    { FIELD(event_synchronize), "hipEventSynchronize", "cuEventSynchronize", false },
    { FIELD(event_elapsed), "hipEventElapsedTime", "cuEventElapsedTime", false },
    { FIELD(event_destroy), "hipEventDestroy", "cuEventDestroy_v2", false },
    { FIELD(error_name), NULL, "cuGetErrorName", false },
    { FIELD(error_text), NULL, "cuGetErrorString", false },
    { FIELD(device_attribute), NULL, "cuDeviceGetAttribute", false },
    { FIELD(context_retain), NULL, "cuDevicePrimaryCtxRetain", false },
    { FIELD(context_release), NULL, "cuDevicePrimaryCtxRelease_v2", false },
    { FIELD(context_use), NULL, "cuCtxSetCurrent", false },
    { FIELD(function_attribute), NULL, "cuFuncSetAttribute", false },
    { FIELD(launch_config), NULL, "cuLaunchKernelEx", true },
    { FIELD(hip_error_name), "hipGetErrorName", NULL, false },
    { FIELD(hip_error_text), "hipGetErrorString", NULL, false },
    { FIELD(device_use), "hipSetDevice", NULL, false },
    { FIELD(properties), "hipGetDeviceProperties", NULL, true },
    { FIELD(properties_6), "hipGetDevicePropertiesR0600", NULL, true },
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

const char *gpu_function_name(const struct gpu_vendor *v, size_t field)
{
    for (int i = 0; i < FUNCTIONS; i++)
        if (functions[i].field == field)
            return v->cuda ? functions[i].cuda : functions[i].hip;
    BUG("no driver function in field %zu", field);
}

void gpu_error_words(const struct gpu_driver *g, int code, const char **name, const char **text)
{
    *name = *text = NULL;
    if (g->vendor->cuda) {
        if (g->error_name(code, name))
            *name = NULL;
        if (g->error_text(code, text))
            *text = NULL;
    } else {
        *name = g->hip_error_name(code);
        *text = g->hip_error_text(code);
    }
    if (!*name)
        *name = "unknown error";
    if (!*text)
        *text = "the driver has no text for it";
}

static bool node_there(const struct gpu_vendor *v)
{
    for (const char *const *p = v->nodes; p && *p; p++)
        if (access(*p, F_OK) == 0)
            return true;
    return !v->nodes;
}

static bool fill_in(struct session *s, struct gpu_driver *g, void *lib, const char *path, const char **why)
{
    for (int i = 0; i < FUNCTIONS; i++) {
        const char *name = g->vendor->cuda ? functions[i].cuda : functions[i].hip;
        if (!name)
            continue;
        void *p = dlsym(lib, name);
        if (!p && !functions[i].maybe) {
            *why = arena_printf(s->run, "%s has no %s", path, name);
            return false;
        }
        /* memcpy, since ISO C has no cast from void * to a function pointer */
        memcpy((char *)g + functions[i].field, &p, sizeof p);
    }
    return true;
}

bool gpu_driver_open(struct session *s, const struct gpu_vendor *v, struct gpu_driver *out, const char **why)
{
    const char *hidden = getenv(v->switch_env);
    const char *named = getenv(v->library_env);
    const char *const one[] = { named, NULL };
    *out = (struct gpu_driver){ .vendor = v };
    if (hidden && strcmp(hidden, "none") == 0) {
        *why = arena_printf(s->run, "the environment has %s=none", v->switch_env);
        return false;
    }
    if (named && !*named)
        named = NULL;
    if (!named && !node_there(v)) {
        *why = arena_printf(s->run, "there is no %s: %s", v->nodes[0], v->remedy);
        return false;
    }
    for (const char *const *p = named ? one : v->libraries; *p; p++) {
        void *lib = dlopen(*p, RTLD_NOW | RTLD_LOCAL);
        if (lib)
            return fill_in(s, out, lib, *p, why);
    }
    *why = arena_printf(s->run, "%s not found: %s", named ? named : v->libraries[0], v->remedy);
    return false;
}
