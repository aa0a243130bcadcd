/* A stand-in for libcuda.so.1 or, with FAKE_HIP, libamdhip64.so: host memory, one kernel (`twice`), every call written
   down, any call made to fail. tests/test_gpu.c builds it as a shared library; it is written from the drivers'
   documentation and includes nothing of tokic. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef FAKE_HIP
#define NAME(cuda, hip) hip
#define PARAM_END ((void *)3)
#else
#define NAME(cuda, hip) cuda
#define PARAM_END ((void *)0)
#endif
#define STRING_(x) #x
#define STRING(x) STRING_(x)

/* The test's side: what it reads and sets through dlsym. */
char fake_log[1 << 16];
char fake_failing[64]; /* the name of the function that fails */
int fake_code = 2;     /* with this */
int fake_devices = 1;
char fake_arch[64] = NAME("9.0", "gfx90a:sramecc+:xnack-");
long fake_live; /* allocations, modules, events, contexts that were not given back */

static void *blocks[16]; /* allocations that live */
static char event_room[8];
static int ticks, current;

static void say(const char *fmt, ...)
{
    size_t n = strlen(fake_log);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(fake_log + n, sizeof fake_log - n, fmt, ap);
    va_end(ap);
}

/* Takes back what a failing flow could not free. */
void fake_reset(void)
{
    for (int i = 0; i < 16; i++) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
    fake_log[0] = fake_failing[0] = 0;
    fake_live = 0;
    current = 0;
}

/* Each function begins with CALL: it fails if told to. */
#define CALL(name)                                                                                                     \
    do {                                                                                                               \
        if (strcmp(fake_failing, STRING(name)) == 0)                                                                   \
            return fake_code;                                                                                          \
    } while (0)
/* And those that need a current device or context. */
#define CALL_CURRENT(name)                                                                                             \
    do {                                                                                                               \
        CALL(name);                                                                                                    \
        if (!current)                                                                                                  \
            return 201;                                                                                                \
    } while (0)

int NAME(cuInit, hipInit)(unsigned flags)
{
    CALL(NAME(cuInit, hipInit));
    return flags ? 1 : 0;
}
int NAME(cuDeviceGetCount, hipGetDeviceCount)(int *n)
{
    CALL(NAME(cuDeviceGetCount, hipGetDeviceCount));
    *n = fake_devices;
    return 0;
}
int NAME(cuDeviceGet, hipDeviceGet)(int *device, int ordinal)
{
    CALL(NAME(cuDeviceGet, hipDeviceGet));
    *device = ordinal;
    return ordinal < fake_devices ? 0 : 101;
}

int NAME(cuDeviceGetName, hipDeviceGetName)(char *name, int size, int device)
{
    CALL(NAME(cuDeviceGetName, hipDeviceGetName));
    snprintf(name, (size_t)size, "Stand-in %d", device);
    return 0;
}

int NAME(cuMemAlloc_v2, hipMalloc)(uint64_t *at, size_t bytes)
{
    CALL_CURRENT(NAME(cuMemAlloc_v2, hipMalloc));
    int free_block = 0;
    while (free_block < 16 && blocks[free_block])
        free_block++;
    if (!bytes || free_block == 16)
        return 1;
    *at = (uint64_t)(uintptr_t)(blocks[free_block] = malloc(bytes));
    fake_live++;
    say("alloc %zu\n", bytes);
    return 0;
}

int NAME(cuMemFree_v2, hipFree)(uint64_t at)
{
    CALL_CURRENT(NAME(cuMemFree_v2, hipFree));
    int block = 0;
    while (block < 16 && blocks[block] != (void *)(uintptr_t)at)
        block++;
    if (!at || block == 16)
        return 1;
    free(blocks[block]);
    blocks[block] = NULL;
    fake_live--;
    say("free\n");
    return 0;
}

int NAME(cuMemGetInfo_v2, hipMemGetInfo)(size_t *left, size_t *total)
{
    CALL(NAME(cuMemGetInfo_v2, hipMemGetInfo));
    *left = 1000;
    *total = 5000;
    return 0;
}

int NAME(cuMemcpyHtoD_v2, hipMemcpyHtoD)(uint64_t dst, const void *src, size_t bytes)
{
    CALL_CURRENT(NAME(cuMemcpyHtoD_v2, hipMemcpyHtoD));
    memcpy((void *)(uintptr_t)dst, src, bytes);
    say("in %zu\n", bytes);
    return 0;
}

int NAME(cuMemcpyDtoH_v2, hipMemcpyDtoH)(void *dst, uint64_t src, size_t bytes)
{
    CALL_CURRENT(NAME(cuMemcpyDtoH_v2, hipMemcpyDtoH));
    memcpy(dst, (void *)(uintptr_t)src, bytes);
    say("out %zu\n", bytes);
    return 0;
}

int NAME(cuMemcpyDtoD_v2, hipMemcpyDtoD)(uint64_t dst, uint64_t src, size_t bytes)
{
    CALL_CURRENT(NAME(cuMemcpyDtoD_v2, hipMemcpyDtoD));
    memcpy((void *)(uintptr_t)dst, (void *)(uintptr_t)src, bytes);
    say("copy %zu\n", bytes);
    return 0;
}

int NAME(cuMemsetD8_v2, hipMemsetD8)(uint64_t dst, unsigned char byte, size_t bytes)
{
    CALL_CURRENT(NAME(cuMemsetD8_v2, hipMemsetD8));
    memset((void *)(uintptr_t)dst, byte, bytes);
    say("fill %d %zu\n", byte, bytes);
    return 0;
}

int NAME(cuModuleLoadData, hipModuleLoadData)(void **module, const void *object)
{
    CALL_CURRENT(NAME(cuModuleLoadData, hipModuleLoadData));
    *module = (void *)(uintptr_t)object;
    fake_live++;
    say("load %.4s\n", (const char *)object + 1);
    return 0;
}

int NAME(cuModuleUnload, hipModuleUnload)(void *module)
{
    CALL_CURRENT(NAME(cuModuleUnload, hipModuleUnload));
    fake_live--;
    say("unload%s\n", module ? "" : " nothing");
    return 0;
}

int NAME(cuModuleGetFunction, hipModuleGetFunction)(void **function, void *module, const char *name)
{
    CALL_CURRENT(NAME(cuModuleGetFunction, hipModuleGetFunction));
    if (!module || strcmp(name, "twice"))
        return 500;
    *function = fake_log;
    say("function %s\n", name);
    return 0;
}

/* twice: struct { float *x; int n; }: x[i] *= 2 */
int NAME(cuLaunchKernel, hipModuleLaunchKernel)(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                                                unsigned by, unsigned bz, unsigned shared, void *stream, void **params,
                                                void **config)
{
    struct {
        float *x;
        int n;
    } args;
    CALL_CURRENT(NAME(cuLaunchKernel, hipModuleLaunchKernel));
    if (function != fake_log || stream || params || !config || !gx || !gy || !gz || !bx || by != 1 || bz != 1)
        return 1;
    if (config[0] != (void *)1 || config[2] != (void *)2 || config[4] != PARAM_END ||
        *(size_t *)config[3] != sizeof args)
        return 1;
    memcpy(&args, config[1], sizeof args);
    for (int i = 0; i < args.n && (unsigned)i < gx * bx; i++)
        args.x[i] *= 2;
    say("launch %u %u %u block %u shared %u n %d\n", gx, gy, gz, bx, shared, args.n);
    return 0;
}

int NAME(cuCtxSynchronize, hipDeviceSynchronize)(void)
{
    CALL_CURRENT(NAME(cuCtxSynchronize, hipDeviceSynchronize));
    say("sync\n");
    return 0;
}

int NAME(cuEventCreate, hipEventCreateWithFlags)(void **event, unsigned flags)
{
    CALL_CURRENT(NAME(cuEventCreate, hipEventCreateWithFlags));
    *event = &event_room[ticks % 8];
    ticks++;
    fake_live++;
    say("event %u\n", flags);
    return 0;
}

int NAME(cuEventRecord, hipEventRecord)(void *event, void *stream)
{
    CALL_CURRENT(NAME(cuEventRecord, hipEventRecord));
    say("record\n");
    return !event || stream;
}

int NAME(cuEventSynchronize, hipEventSynchronize)(void *event)
{
    CALL_CURRENT(NAME(cuEventSynchronize, hipEventSynchronize));
    return !event;
}

int NAME(cuEventElapsedTime, hipEventElapsedTime)(float *ms, void *from, void *to)
{
    CALL_CURRENT(NAME(cuEventElapsedTime, hipEventElapsedTime));
    *ms = 250;
    return from == to;
}

int NAME(cuEventDestroy_v2, hipEventDestroy)(void *event)
{
    CALL_CURRENT(NAME(cuEventDestroy_v2, hipEventDestroy));
    fake_live--;
    return !event;
}

#ifdef FAKE_HIP
const char *hipGetErrorName(int code) { return code == 2 ? "hipErrorOutOfMemory" : "hipErrorOther"; }
const char *hipGetErrorString(int code) { return code == 2 ? "out of memory" : "some other error"; }
int hipSetDevice(int device)
{
    CALL(hipSetDevice);
    current = 1;
    return device < fake_devices ? 0 : 101;
}

/* The name takes 256 bytes; a name that holds "gfx" is no architecture. */
int hipGetDeviceProperties(void *properties, int device)
{
    CALL(hipGetDeviceProperties);
    memset(properties, 0, 792);
    snprintf(properties, 256, "Stand-in gfx1234 %d", device);
    strcpy((char *)properties + 396, fake_arch);
    return 0;
}
#else
int cuGetErrorName(int code, const char **name)
{
    *name = code == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_OTHER";
    return code == 12345;
}
int cuGetErrorString(int code, const char **text)
{
    *text = code == 2 ? "out of memory" : "some other error";
    return code == 12345;
}

int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    CALL(cuDeviceGetAttribute);
    if (attribute != 75 && attribute != 76)
        return 1;
    *value = fake_arch[attribute == 75 ? 0 : 2] - '0';
    return device;
}

int cuDevicePrimaryCtxRetain(void **out, int device)
{
    CALL(cuDevicePrimaryCtxRetain);
    *out = &current;
    fake_live++;
    say("retain %d\n", device);
    return 0;
}
int cuDevicePrimaryCtxRelease_v2(int device)
{
    CALL(cuDevicePrimaryCtxRelease_v2);
    current = 0;
    fake_live--;
    say("release %d\n", device);
    return 0;
}
int cuCtxSetCurrent(void *c)
{
    CALL(cuCtxSetCurrent);
    current = c == &current;
    return !current;
}

int cuFuncSetAttribute(void *function, int attribute, int value)
{
    CALL_CURRENT(cuFuncSetAttribute);
    say("attribute %d %d\n", attribute, value);
    return !function;
}
#endif
