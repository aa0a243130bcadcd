/* A stand-in for libcuda.so.1 or, with FAKE_HIP, libamdhip64.so: host memory, one kernel that computes (twice) and any
   number that do nothing (tk*), every call written down, any call made to fail. Work is done at once, or recorded while
   a stream is captured. What a driver may only answer with undefined behaviour is refused here: handles that were
   destroyed, events that were never recorded, memory given back under a graph that uses it.
   tests/test_gpu.c builds it as a shared library; it is written from the drivers' documentation and includes nothing of
   tokic. */
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

enum { BLOCKS = 16, STREAMS = 8, EVENTS = 8, GRAPHS = 8, WORKS = 64, FUNCTIONS = 64, ARGS = 1024 };
enum { INVALID_VALUE = 1, INVALID_CONTEXT = 201, INVALID_HANDLE = 400, NOT_FOUND = 500, CAPTURE_UNSUPPORTED = 900 };

static struct block {
    unsigned char *at;
    size_t bytes;
} blocks[BLOCKS]; /* allocations that live */
static struct stream {
    int lives, captures;
} streams[STREAMS];
static struct event {
    int lives, recorded, captured;
} events[EVENTS];

/* What a stream is asked to do. */
struct function {
    char name[64];
};
struct work {
    enum { IN, OUT, COPY, FILL, LAUNCH } kind;
    unsigned char *dst;
    const unsigned char *src;
    size_t bytes;
    int byte;
    struct function *function;
    unsigned grid[3], block, shared;
    int early; /* it may start before the work before it is done */
    unsigned char args[ARGS];
};
static struct graph {
    int lives, instantiated;
    struct work work[WORKS];
    int n;
} graphs[GRAPHS], *recording;
static struct function functions[FUNCTIONS];
static int current;

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
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i].at);
    memset(blocks, 0, sizeof blocks);
    memset(streams, 0, sizeof streams);
    memset(events, 0, sizeof events);
    memset(graphs, 0, sizeof graphs);
    memset(functions, 0, sizeof functions);
    recording = NULL;
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
            return INVALID_CONTEXT;                                                                                    \
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
    while (free_block < BLOCKS && blocks[free_block].at)
        free_block++;
    if (!bytes || free_block == BLOCKS)
        return INVALID_VALUE;
    blocks[free_block] = (struct block){ malloc(bytes), bytes };
    *at = (uint64_t)(uintptr_t)blocks[free_block].at;
    fake_live++;
    say("alloc %zu\n", bytes);
    return 0;
}

static int within(const struct block *b, const unsigned char *p) { return p >= b->at && p < b->at + b->bytes; }

/* Every pointer that recorded work holds, those among a kernel's arguments too. */
static int work_uses(const struct work *w, const struct block *b)
{
    if (w->kind != LAUNCH)
        return within(b, w->dst) || within(b, w->src);
    for (size_t i = 0; i + 8 <= w->bytes; i += 8) {
        unsigned char *p;
        memcpy(&p, w->args + i, sizeof p);
        if (within(b, p))
            return 1;
    }
    return 0;
}

int NAME(cuMemFree_v2, hipFree)(uint64_t at)
{
    CALL_CURRENT(NAME(cuMemFree_v2, hipFree));
    int block = 0;
    while (block < BLOCKS && blocks[block].at != (void *)(uintptr_t)at)
        block++;
    if (!at || block == BLOCKS)
        return INVALID_VALUE;
    for (int i = 0; i < GRAPHS; i++)
        for (int k = 0; graphs[i].lives && k < graphs[i].n; k++)
            if (work_uses(&graphs[i].work[k], &blocks[block]))
                return INVALID_VALUE;
    free(blocks[block].at);
    blocks[block] = (struct block){ 0 };
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

/* twice: struct { float *x; int n; }: x[i] *= 2 */
static void launch_twice(const struct work *w)
{
    struct {
        float *x;
        int n;
    } args;
    memcpy(&args, w->args, sizeof args);
    for (int i = 0; i < args.n && (unsigned)i < w->grid[0] * w->block; i++)
        args.x[i] *= 2;
}

static void work_do(const struct work *w)
{
    switch (w->kind) {
    case IN:
        memcpy(w->dst, w->src, w->bytes);
        say("in %zu\n", w->bytes);
        break;
    case OUT:
        memcpy(w->dst, w->src, w->bytes);
        say("out %zu\n", w->bytes);
        break;
    case COPY:
        memcpy(w->dst, w->src, w->bytes);
        say("copy %zu\n", w->bytes);
        break;
    case FILL:
        memset(w->dst, w->byte, w->bytes);
        say("fill %d %zu\n", w->byte, w->bytes);
        break;
    case LAUNCH:
        if (!strcmp(w->function->name, "twice"))
            launch_twice(w);
        say("launch %s %u %u %u block %u shared %u%s\n", w->function->name, w->grid[0], w->grid[1], w->grid[2],
            w->block, w->shared, w->early ? " early" : "");
        break;
    }
}

static int stream_lives(const void *stream)
{
    const struct stream *st = stream;
    return !st || (st >= streams && st < streams + STREAMS && st->lives);
}

/* Done at once, or recorded; nothing may be done in the default stream meanwhile. */
static int submit(void *stream, struct work w)
{
    const struct stream *st = stream;
    if (!stream_lives(st))
        return INVALID_HANDLE;
    if (!st && recording)
        return CAPTURE_UNSUPPORTED;
    if (!st || !st->captures) {
        work_do(&w);
        return 0;
    }
    if (recording->n == WORKS)
        return INVALID_VALUE;
    recording->work[recording->n++] = w;
    return 0;
}

static void *pointer(uint64_t at) { return (void *)(uintptr_t)at; }

int NAME(cuMemcpyHtoD_v2, hipMemcpyHtoD)(uint64_t dst, const void *src, size_t bytes)
{
    CALL_CURRENT(NAME(cuMemcpyHtoD_v2, hipMemcpyHtoD));
    return submit(NULL, (struct work){ .kind = IN, .dst = pointer(dst), .src = src, .bytes = bytes });
}
int NAME(cuMemcpyHtoDAsync_v2, hipMemcpyHtoDAsync)(uint64_t dst, const void *src, size_t bytes, void *stream)
{
    CALL_CURRENT(NAME(cuMemcpyHtoDAsync_v2, hipMemcpyHtoDAsync));
    return submit(stream, (struct work){ .kind = IN, .dst = pointer(dst), .src = src, .bytes = bytes });
}

int NAME(cuMemcpyDtoH_v2, hipMemcpyDtoH)(void *dst, uint64_t src, size_t bytes)
{
    CALL_CURRENT(NAME(cuMemcpyDtoH_v2, hipMemcpyDtoH));
    return submit(NULL, (struct work){ .kind = OUT, .dst = dst, .src = pointer(src), .bytes = bytes });
}
int NAME(cuMemcpyDtoHAsync_v2, hipMemcpyDtoHAsync)(void *dst, uint64_t src, size_t bytes, void *stream)
{
    CALL_CURRENT(NAME(cuMemcpyDtoHAsync_v2, hipMemcpyDtoHAsync));
    return submit(stream, (struct work){ .kind = OUT, .dst = dst, .src = pointer(src), .bytes = bytes });
}

int NAME(cuMemcpyDtoDAsync_v2, hipMemcpyDtoDAsync)(uint64_t dst, uint64_t src, size_t bytes, void *stream)
{
    CALL_CURRENT(NAME(cuMemcpyDtoDAsync_v2, hipMemcpyDtoDAsync));
    return submit(stream, (struct work){ .kind = COPY, .dst = pointer(dst), .src = pointer(src), .bytes = bytes });
}

int NAME(cuMemsetD8Async, hipMemsetD8Async)(uint64_t dst, unsigned char byte, size_t bytes, void *stream)
{
    CALL_CURRENT(NAME(cuMemsetD8Async, hipMemsetD8Async));
    return submit(stream, (struct work){ .kind = FILL, .dst = pointer(dst), .byte = byte, .bytes = bytes });
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
    int i = 0;
    while (i < FUNCTIONS && functions[i].name[0])
        i++;
    if (!module || i == FUNCTIONS || (strcmp(name, "twice") && strncmp(name, "tk", 2)))
        return NOT_FOUND;
    snprintf(functions[i].name, sizeof functions[i].name, "%s", name);
    *function = &functions[i];
    say("function %s\n", name);
    return 0;
}

static int launch(struct function *f, const unsigned *grid, const unsigned *block, unsigned shared, void *stream,
                  void **params, void **config, int early)
{
    if (f < functions || f >= functions + FUNCTIONS || !f->name[0])
        return INVALID_HANDLE;
    if (params || !config || !grid[0] || !grid[1] || !grid[2] || !block[0] || block[1] != 1 || block[2] != 1 ||
        grid[1] > 65535 || grid[2] > 65535 || block[0] > 1024)
        return INVALID_VALUE;
    size_t bytes = *(size_t *)config[3];
    if (config[0] != (void *)1 || config[2] != (void *)2 || config[4] != PARAM_END || bytes > ARGS)
        return INVALID_VALUE;
    if (!strcmp(f->name, "twice") && bytes != 16)
        return INVALID_VALUE;
    struct work w = { .kind = LAUNCH,
                      .function = f,
                      .grid = { grid[0], grid[1], grid[2] },
                      .block = block[0],
                      .shared = shared,
                      .bytes = bytes,
                      .early = early };
    memcpy(w.args, config[1], bytes);
    return submit(stream, w);
}

int NAME(cuLaunchKernel, hipModuleLaunchKernel)(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                                                unsigned by, unsigned bz, unsigned shared, void *stream, void **params,
                                                void **config)
{
    CALL_CURRENT(NAME(cuLaunchKernel, hipModuleLaunchKernel));
    return launch(function, (unsigned[]){ gx, gy, gz }, (unsigned[]){ bx, by, bz }, shared, stream, params, config, 0);
}

#ifndef FAKE_HIP
/* Attribute 6 lets a launch start early; a value's first four bytes are its flag. */
struct attribute {
    int id, pad;
    union {
        int flag;
        void *room[8];
    } value;
};
struct config {
    unsigned grid[3], block[3], shared;
    void *stream;
    struct attribute *attributes;
    unsigned n;
};

int cuLaunchKernelEx(const struct config *c, void *function, void **params, void **config)
{
    CALL_CURRENT(cuLaunchKernelEx);
    if (c->n != 1 || c->attributes[0].id != 6)
        return INVALID_VALUE;
    return launch(function, c->grid, c->block, c->shared, c->stream, params, config, c->attributes[0].value.flag);
}
#endif

int NAME(cuCtxSynchronize, hipDeviceSynchronize)(void)
{
    CALL_CURRENT(NAME(cuCtxSynchronize, hipDeviceSynchronize));
    say("sync\n");
    return 0;
}

/* ---- streams ---- */

int NAME(cuStreamCreate, hipStreamCreateWithFlags)(void **stream, unsigned flags)
{
    CALL_CURRENT(NAME(cuStreamCreate, hipStreamCreateWithFlags));
    int i = 0;
    while (i < STREAMS && streams[i].lives)
        i++;
    if (i == STREAMS || flags)
        return INVALID_VALUE;
    streams[i] = (struct stream){ .lives = 1 };
    *stream = &streams[i];
    fake_live++;
    say("stream\n");
    return 0;
}

int NAME(cuStreamDestroy_v2, hipStreamDestroy)(void *stream)
{
    CALL_CURRENT(NAME(cuStreamDestroy_v2, hipStreamDestroy));
    struct stream *st = stream;
    if (!st || !stream_lives(st) || st->captures)
        return INVALID_HANDLE;
    st->lives = 0;
    fake_live--;
    say("stream ends\n");
    return 0;
}

int NAME(cuStreamSynchronize, hipStreamSynchronize)(void *stream)
{
    CALL_CURRENT(NAME(cuStreamSynchronize, hipStreamSynchronize));
    const struct stream *st = stream;
    if (!stream_lives(st))
        return INVALID_HANDLE;
    if (st ? st->captures : recording != NULL)
        return CAPTURE_UNSUPPORTED;
    say("sync stream\n");
    return 0;
}

/* ---- events ---- */

static int event_lives(const void *event)
{
    const struct event *ev = event;
    return ev >= events && ev < events + EVENTS && ev->lives;
}

int NAME(cuEventCreate, hipEventCreateWithFlags)(void **event, unsigned flags)
{
    CALL_CURRENT(NAME(cuEventCreate, hipEventCreateWithFlags));
    int i = 0;
    while (i < EVENTS && events[i].lives)
        i++;
    if (i == EVENTS)
        return INVALID_VALUE;
    events[i] = (struct event){ .lives = 1 };
    *event = &events[i];
    fake_live++;
    say("event %u\n", flags);
    return 0;
}

int NAME(cuEventRecord, hipEventRecord)(void *event, void *stream)
{
    CALL_CURRENT(NAME(cuEventRecord, hipEventRecord));
    struct event *ev = event;
    const struct stream *st = stream;
    if (!event_lives(ev) || !stream_lives(st))
        return INVALID_HANDLE;
    ev->recorded = 1;
    ev->captured = st && st->captures;
    say("record\n");
    return 0;
}

/* A stream that waits for an event of a captured one is captured from then on. */
int NAME(cuStreamWaitEvent, hipStreamWaitEvent)(void *stream, void *event, unsigned flags)
{
    CALL_CURRENT(NAME(cuStreamWaitEvent, hipStreamWaitEvent));
    struct stream *st = stream;
    const struct event *ev = event;
    if (!event_lives(ev) || !stream_lives(st))
        return INVALID_HANDLE;
    if (!ev->recorded || flags)
        return INVALID_VALUE;
    if (ev->captured && (!st || !recording))
        return CAPTURE_UNSUPPORTED;
    if (ev->captured && !st->captures)
        st->captures = 1;
    say("wait\n");
    return 0;
}

int NAME(cuEventSynchronize, hipEventSynchronize)(void *event)
{
    CALL_CURRENT(NAME(cuEventSynchronize, hipEventSynchronize));
    const struct event *ev = event;
    return !event_lives(ev) ? INVALID_HANDLE : !ev->recorded || ev->captured ? INVALID_VALUE : 0;
}

int NAME(cuEventElapsedTime, hipEventElapsedTime)(float *ms, void *from, void *to)
{
    CALL_CURRENT(NAME(cuEventElapsedTime, hipEventElapsedTime));
    *ms = 250;
    return from == to || !event_lives(from) || !event_lives(to);
}

int NAME(cuEventDestroy_v2, hipEventDestroy)(void *event)
{
    CALL_CURRENT(NAME(cuEventDestroy_v2, hipEventDestroy));
    if (!event_lives(event))
        return INVALID_HANDLE;
    ((struct event *)event)->lives = 0;
    fake_live--;
    return 0;
}

/* ---- graphs ---- */

int NAME(cuStreamBeginCapture_v2, hipStreamBeginCapture)(void *stream, int mode)
{
    CALL_CURRENT(NAME(cuStreamBeginCapture_v2, hipStreamBeginCapture));
    struct stream *st = stream;
    int i = 0;
    while (i < GRAPHS && graphs[i].lives)
        i++;
    if (!st || !stream_lives(st) || recording || i == GRAPHS || mode < 0 || mode > 2)
        return CAPTURE_UNSUPPORTED;
    graphs[i] = (struct graph){ .lives = 1 };
    recording = &graphs[i];
    st->captures = 2; /* where it began */
    say("capture\n");
    return 0;
}

int NAME(cuStreamEndCapture, hipStreamEndCapture)(void *stream, void **graph)
{
    CALL_CURRENT(NAME(cuStreamEndCapture, hipStreamEndCapture));
    const struct stream *st = stream;
    if (!st || !stream_lives(st) || !recording || st->captures != 2)
        return CAPTURE_UNSUPPORTED;
    for (int i = 0; i < STREAMS; i++)
        streams[i].captures = 0;
    *graph = recording;
    fake_live++;
    say("captured %d\n", recording->n);
    recording = NULL;
    return 0;
}

static int graph_lives(const struct graph *g) { return g >= graphs && g < graphs + GRAPHS && g->lives; }

int NAME(cuGraphInstantiateWithFlags, hipGraphInstantiateWithFlags)(void **out, void *graph, unsigned long long flags)
{
    CALL_CURRENT(NAME(cuGraphInstantiateWithFlags, hipGraphInstantiateWithFlags));
    int i = 0;
    while (i < GRAPHS && graphs[i].lives)
        i++;
    if (!graph_lives(graph) || i == GRAPHS || flags)
        return INVALID_VALUE;
    graphs[i] = *(struct graph *)graph;
    graphs[i].instantiated = 1;
    *out = &graphs[i];
    fake_live++;
    return 0;
}

int NAME(cuGraphDestroy, hipGraphDestroy)(void *graph)
{
    CALL_CURRENT(NAME(cuGraphDestroy, hipGraphDestroy));
    struct graph *g = graph;
    if (!graph_lives(g) || g->instantiated)
        return INVALID_HANDLE;
    g->lives = 0;
    fake_live--;
    return 0;
}

int NAME(cuGraphLaunch, hipGraphLaunch)(void *graph, void *stream)
{
    CALL_CURRENT(NAME(cuGraphLaunch, hipGraphLaunch));
    const struct graph *g = graph;
    if (!graph_lives(g) || !g->instantiated || !stream_lives(stream))
        return INVALID_HANDLE;
    if (recording)
        return CAPTURE_UNSUPPORTED;
    say("graph of %d\n", g->n);
    for (int i = 0; i < g->n; i++)
        work_do(&g->work[i]);
    return 0;
}

int NAME(cuGraphExecDestroy, hipGraphExecDestroy)(void *graph)
{
    CALL_CURRENT(NAME(cuGraphExecDestroy, hipGraphExecDestroy));
    struct graph *g = graph;
    if (!graph_lives(g) || !g->instantiated)
        return INVALID_HANDLE;
    g->lives = 0;
    fake_live--;
    say("graph ends\n");
    return 0;
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
