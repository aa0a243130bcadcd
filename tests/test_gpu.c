/* The GPU devices, over stand-in drivers that write down every call (tests/gpu/fake_driver.c), and over real ones where
   there are any. */
#include "tests/support/needs.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/compile/compile.h"
#include "tests/support/chain.h"

/* What differs between the two stand-ins, and handles on one that is built. */
struct fake {
    const char *kind, *define, *lib_env, *switch_env;
    struct device *(*open)(struct session *s, int ordinal);
    int (*count)(struct session *s);
    const char *arch, *other_arch, *other_name, *opt_in, *out_of_memory;
    const char *const *functions; /* all that the flow below calls */
    void *lib;
    char *dir, *log, *failing, *fake_arch;
    int *devices, *code;
    void (*reset)(void);
    long *live;
};

static struct fake fakes[2] = {
    { .kind = "nvidia",
      .define = "FAKE_CUDA",
      .lib_env = "TOKIC_CUDA_LIB",
      .switch_env = "TOKIC_CUDA",
      .open = nvidia_open,
      .count = nvidia_count,
      .arch = "9.0",
      .other_arch = "1.2",
      .other_name = "sm_12",
      .opt_in = "attribute 8 65536\n",
      .out_of_memory = "CUDA_ERROR_OUT_OF_MEMORY (2), out of memory",
      .functions = (const char *const[]){ "cuDeviceGet",
                                          "cuDeviceGetName",
                                          "cuDeviceGetAttribute",
                                          "cuDevicePrimaryCtxRetain",
                                          "cuCtxSetCurrent",
                                          "cuMemAlloc_v2",
                                          "cuMemcpyHtoD_v2",
                                          "cuModuleLoadData",
                                          "cuModuleGetFunction",
                                          "cuFuncSetAttribute",
                                          "cuLaunchKernel",
                                          "cuLaunchKernelEx",
                                          "cuEventCreate",
                                          "cuEventRecord",
                                          "cuEventSynchronize",
                                          "cuEventElapsedTime",
                                          "cuCtxSynchronize",
                                          "cuMemcpyDtoDAsync_v2",
                                          "cuMemsetD8Async",
                                          "cuStreamCreate",
                                          "cuMemcpyHtoDAsync_v2",
                                          "cuMemcpyDtoHAsync_v2",
                                          "cuStreamWaitEvent",
                                          "cuStreamSynchronize",
                                          "cuStreamBeginCapture_v2",
                                          "cuStreamEndCapture",
                                          "cuGraphInstantiateWithFlags",
                                          "cuGraphLaunch",
                                          "cuGraphDestroy",
                                          "cuGraphExecDestroy",
                                          "cuStreamDestroy_v2",
                                          "cuMemcpyDtoH_v2",
                                          "cuMemFree_v2",
                                          "cuModuleUnload",
                                          "cuEventDestroy_v2",
                                          "cuDevicePrimaryCtxRelease_v2",
                                          NULL } },
    { .kind = "amd",
      .define = "FAKE_HIP",
      .lib_env = "TOKIC_HIP_LIB",
      .switch_env = "TOKIC_HIP",
      .open = amd_open,
      .count = amd_count,
      .arch = "gfx90a:sramecc+:xnack-",
      .other_arch = "gfx777",
      .other_name = "gfx777",
      .opt_in = "",
      .out_of_memory = "hipErrorOutOfMemory (2), out of memory",
      .functions = (const char *const[]){ "hipDeviceGet",
                                          "hipDeviceGetName",
                                          "hipGetDeviceProperties",
                                          "hipSetDevice",
                                          "hipMalloc",
                                          "hipMemcpyHtoD",
                                          "hipModuleLoadData",
                                          "hipModuleGetFunction",
                                          "hipModuleLaunchKernel",
                                          "hipEventCreateWithFlags",
                                          "hipEventRecord",
                                          "hipEventSynchronize",
                                          "hipEventElapsedTime",
                                          "hipDeviceSynchronize",
                                          "hipMemcpyDtoDAsync",
                                          "hipMemsetD8Async",
                                          "hipStreamCreateWithFlags",
                                          "hipMemcpyHtoDAsync",
                                          "hipMemcpyDtoHAsync",
                                          "hipStreamWaitEvent",
                                          "hipStreamSynchronize",
                                          "hipStreamBeginCapture",
                                          "hipStreamEndCapture",
                                          "hipGraphInstantiateWithFlags",
                                          "hipGraphLaunch",
                                          "hipGraphDestroy",
                                          "hipGraphExecDestroy",
                                          "hipStreamDestroy",
                                          "hipMemcpyDtoH",
                                          "hipFree",
                                          "hipModuleUnload",
                                          "hipEventDestroy",
                                          NULL } },
};

static void *need(void *lib, const char *name)
{
    void *p = dlsym(lib, name);
    if (!p)
        fail_msg("the stand-in has no %s", name);
    return p;
}

/* No switch of the environment keeps the stand-ins away; whether a real device is here was asked before. */
static int fakes_build(void **state)
{
    (void)state;
    unsetenv("TOKIC_CUDA");
    unsetenv("TOKIC_HIP");
    for (int i = 0; i < 2; i++) {
        struct fake *f = &fakes[i];
        char command[2048], path[600];
        f->dir = tmp_make();
        snprintf(path, sizeof path, "%s/fake.so", f->dir);
        snprintf(command, sizeof command, "%s -shared -fPIC -O1 -D%s '%s/tests/gpu/fake_driver.c' -o '%s'",
                 getenv("TOKIC_CC") ? getenv("TOKIC_CC") : "cc", f->define, SOURCE_DIR, path);
        if (system(command)) {
            fprintf(stderr, "cannot build the stand-in: %s\n", command);
            return -1;
        }
        void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!lib) {
            fprintf(stderr, "%s\n", dlerror());
            return -1;
        }
        f->lib = lib;
        f->log = need(lib, "fake_log");
        f->failing = need(lib, "fake_failing");
        f->fake_arch = need(lib, "fake_arch");
        void *reset = need(lib, "fake_reset");
        memcpy(&f->reset, &reset, sizeof reset);
        f->devices = need(lib, "fake_devices");
        f->code = need(lib, "fake_code");
        f->live = need(lib, "fake_live");
    }
    return 0;
}

static int fakes_remove(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        tmp_remove(fakes[i].dir);
    return 0;
}

/* The stand-in is what the device finds, in its first state. */
static struct session *fake_begin(const struct fake *f)
{
    char path[600];
    snprintf(path, sizeof path, "%s/fake.so", f->dir);
    setenv(f->lib_env, path, 1);
    f->reset();
    *f->devices = 1;
    *f->code = 2;
    strcpy(f->fake_arch, f->arch);
    return session_begin();
}

static void fake_end(const struct fake *f, struct session *s)
{
    session_end(s);
    f->reset();
    unsetenv(f->lib_env);
}

static bool said(const struct session *s, const char *words)
{
    for (size_t i = 0; i < s->n_diags; i++)
        if (strstr(s->diags[i].text, words))
            return true;
    return false;
}

static void expect_said(const struct session *s, const char *words)
{
    if (!said(s, words))
        fail_msg("\"%s\" is not in: %s", words, s->n_diags ? s->diags[s->n_diags - 1].text : "(no diagnostic)");
}

/* ---- one use of everything a device does ---- */

enum { N = 1000 };
struct twice_args {
    dptr x;
    int32_t n;
};

/* A record of `twice` over x, ready to launch; args must live as long. false: the device refuses. Launches in streams
   may start early. */
static bool make_twice(struct device *d, struct function *f, struct stream *st, dptr x, unsigned blocks,
                       unsigned shared, struct twice_args *args, struct launch *l)
{
    *args = (struct twice_args){ x, N };
    *l = (struct launch){ .function = f,
                          .kernel = "twice",
                          .grid = { blocks, 1, 1 },
                          .block = 128,
                          .shared = shared,
                          .early = st != NULL,
                          .args = args,
                          .args_size = sizeof *args };
    return d->ops->prepare(d, l);
}

static bool launch_twice(struct device *d, struct function *f, struct stream *st, dptr x, unsigned blocks,
                         unsigned shared)
{
    struct twice_args args;
    struct launch l;
    return make_twice(d, f, st, x, blocks, shared, &args, &l) && d->ops->launch(d, st, &l);
}

static void expect_scaled(const float *host, float factor)
{
    for (int i = 0; i < N; i++)
        if (host[i] != factor * (float)i)
            fail_msg("element %d is %g", i, (double)host[i]);
}

/* x doubled twice, copied to y; all bytes of x then 7. */
static bool use_memory(struct device *d, struct function *f, dptr x, dptr y, float *host)
{
    const struct device_ops *ops = d->ops;
    for (int i = 0; i < N; i++)
        host[i] = (float)i;
    bool good = ops->copy_in(d, NULL, x, host, N * sizeof *host) && launch_twice(d, f, NULL, x, 8, 0) &&
                launch_twice(d, f, NULL, x, 0, 0) && launch_twice(d, f, NULL, x, 8, 64 << 10) && ops->sync(d) &&
                ops->copy(d, NULL, y, x, N * sizeof *host) && ops->copy(d, NULL, y, x, 0) &&
                ops->fill(d, NULL, x, 7, N * sizeof *host) && ops->copy_out(d, NULL, host, y, N * sizeof *host);
    if (!good)
        return false;
    expect_scaled(host, 4);
    if (!ops->copy_out(d, NULL, host, x, N * sizeof *host))
        return false;
    for (int i = 0; i < N; i++)
        assert_memory_equal(&host[i], "\7\7\7\7", 4);
    return true;
}

/* x on one stream, doubled and copied to y on another that waits for it; the time between two events. */
static bool use_streams(struct device *d, struct function *f, dptr x, dptr y, float *host)
{
    const struct device_ops *ops = d->ops;
    for (int i = 0; i < N; i++)
        host[i] = (float)i;
    struct stream *a = ops->stream_new(d);
    struct stream *b = a ? ops->stream_new(d) : NULL;
    struct event *begin = b ? ops->event_new(d) : NULL;
    struct event *end = begin ? ops->event_new(d) : NULL;
    bool good = end && ops->event_record(d, begin, a) && ops->copy_in(d, a, x, host, N * sizeof *host) &&
                ops->event_record(d, end, a) && ops->event_wait(d, end, b) && launch_twice(d, f, b, x, 8, 0) &&
                ops->copy(d, b, y, x, N * sizeof *host) && ops->copy_out(d, b, host, y, N * sizeof *host) &&
                ops->stream_sync(d, b) && ops->event_seconds(d, begin, end) >= 0;
    ops->event_free(d, begin);
    ops->event_free(d, end);
    ops->stream_free(d, a);
    ops->stream_free(d, b);
    if (good)
        expect_scaled(host, 2);
    return good;
}

/* Recorded: x cleared by a fill, filled from the host, doubled twice, once in a second stream; submitted three times,
   each from the same start. The arguments are gone by then. */
static bool record_work(struct device *d, struct function *f, struct stream *st, struct stream *other,
                        struct event **ev, dptr x, const float *host)
{
    const struct device_ops *ops = d->ops;
    return ops->fill(d, st, x, 0, N * sizeof *host) && ops->copy_in(d, st, x, host, N * sizeof *host) &&
           launch_twice(d, f, st, x, 8, 0) && ops->event_record(d, ev[0], st) && ops->event_wait(d, ev[0], other) &&
           launch_twice(d, f, other, x, 8, 0) && ops->event_record(d, ev[1], other) && ops->event_wait(d, ev[1], st);
}

static bool use_recording(struct device *d, struct function *f, dptr x, float *host)
{
    static float start[N];
    const struct device_ops *ops = d->ops;
    for (int i = 0; i < N; i++)
        host[i] = start[i] = (float)i;
    struct stream *st = ops->stream_new(d);
    struct stream *other = st ? ops->stream_new(d) : NULL;
    struct event *ev[2] = { NULL, NULL };
    bool good = other && (ev[0] = ops->event_new(d)) && (ev[1] = ops->event_new(d)) && ops->capture_begin(d, st);
    struct captured *c = NULL;
    if (good) {
        good = record_work(d, f, st, other, ev, x, start);
        if (good)
            c = ops->capture_end(d, st);
        else
            ops->capture_drop(d, st);
        good = c != NULL;
    }
    for (int i = 0; i < 3 && good; i++)
        good = ops->captured_submit(d, c, st);
    good = good && ops->stream_sync(d, st) && ops->copy_out(d, NULL, host, x, N * sizeof *host);
    ops->captured_free(d, c);
    ops->event_free(d, ev[0]);
    ops->event_free(d, ev[1]);
    ops->stream_free(d, other);
    ops->stream_free(d, st);
    if (good)
        expect_scaled(host, 4);
    return good;
}

static bool flow(struct device *d, const struct code *code)
{
    static float host[N];
    dptr x = 0;
    dptr y = 0;
    dptr empty = 0;
    dptr empty2 = 0;
    const struct device_ops *ops = d->ops;
    bool good = ops->alloc(d, sizeof host, &x) && ops->alloc(d, sizeof host, &y) && ops->alloc(d, 0, &empty) &&
                ops->alloc(d, 0, &empty2);
    assert_true(!good || (empty && empty2 && empty != empty2));
    struct module *m = good ? ops->load(d, code) : NULL;
    struct function *f = m ? ops->find(d, m, "twice") : NULL;
    good = f && use_memory(d, f, x, y, host) && use_streams(d, f, x, y, host) && use_recording(d, f, x, host);
    ops->free(d, x);
    ops->free(d, y);
    ops->free(d, empty);
    ops->free(d, empty2);
    ops->free(d, 0);
    return good;
}

static const struct code fake_object = { .object = "\177ELF object", .size = 12, .compiler = "a compiler" };

static bool fake_flow(const struct fake *f, struct session *s)
{
    struct device *d = f->open(s, 0);
    if (!d)
        return false;
    bool good = flow(d, &fake_object);
    d->ops->close(d);
    return good;
}

/* What the log says; "~" stands for " early" where the driver lets a launch start early. */
#define IN_STREAM "launch twice 8 1 1 block 128 shared 0~\n"
#define GRAPH "graph of 4\nfill 0 4000\nin 4000\n" IN_STREAM IN_STREAM

static const char *with_early(struct session *s, const char *log, bool early)
{
    const char *out = "";
    for (const char *p = log; *p;) {
        size_t n = strcspn(p, "~");
        out = arena_printf(s->run, "%s%.*s%s", out, (int)n, p, p[n] && early ? " early" : "");
        p += n + (p[n] != 0);
    }
    return out;
}

static void call_sequence(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct fake *f = &fakes[i];
        struct session *s = fake_begin(f);
        assert_int_equal(f->count(s), 1);
        if (!fake_flow(f, s))
            fail_msg("%s", s->diags[0].text);
        assert_int_equal(s->n_diags, 0);
        assert_int_equal(*f->live, 0);
        const char *want = arena_printf(
            s->run, "%s%s%s%s%s", i ? "" : "retain 0\n",
            "alloc 4000\nalloc 4000\nalloc 1\nalloc 1\nload ELF \nfunction twice\nin 4000\n"
            "launch twice 8 1 1 block 128 shared 0\n",
            f->opt_in,
            "launch twice 8 1 1 block 128 shared 65536\nsync\ncopy 4000\nfill 7 4000\nout 4000\nout 4000\n"
            "stream\nstream\nevent 0\nevent 0\nrecord\nin 4000\nrecord\nwait\n" IN_STREAM
            "copy 4000\nout 4000\nsync stream\n"
            "stream ends\nstream ends\n"
            "stream\nstream\nevent 0\nevent 0\ncapture\nrecord\nwait\nrecord\nwait\ncaptured 4\n" GRAPH GRAPH GRAPH
            "sync stream\nout 4000\ngraph ends\nstream ends\nstream ends\n"
            "free\nfree\nfree\nfree\nunload\n",
            i ? "" : "release 0\n");
        assert_string_equal(f->log, with_early(s, want, i == 0));
        fake_end(f, s);
    }
}

static void description(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct fake *f = &fakes[i];
        struct session *s = fake_begin(f);
        *f->devices = 3;
        struct device *d = f->open(s, i ? 2 : 0);
        if (!d)
            fail_msg("%s", s->diags[0].text);
        assert_string_equal(d->ops->kind, f->kind);
        assert_string_equal(d->name, i ? "Stand-in 2" : "Stand-in 0");
        assert_string_equal(d->spec, i ? "amd:2" : "nvidia:0");
        assert_string_equal(d->target->name, i ? "gfx90a" : "sm_90");
        d->ops->close(d);
        assert_int_equal(f->count(s), 3);
        assert_null(f->open(s, 3));
        expect_said(s, "this machine has 3");
        assert_null(f->open(s, -1));
        fake_end(f, s);
    }
}

/* Whatever call fails: the flow says so, with the function's name, the driver's name for the error and its text;
   nothing is said twice. */
static void each_call_fails(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        for (const char *const *name = fakes[i].functions; *name; name++) {
            const struct fake *f = &fakes[i];
            struct session *s = fake_begin(f);
            strcpy(f->failing, *name);
            bool good = fake_flow(f, s);
            char words[128];
            snprintf(words, sizeof words, "%s:0: %s failed: ", f->kind, *name);
            expect_said(s, words);
            expect_said(s, f->out_of_memory);
            bool at_end = strstr(*name, "Free") || strstr(*name, "Unload") || strstr(*name, "Destroy") ||
                          strstr(*name, "Release");
            if (good != at_end)
                fail_msg("%s failed and the flow %s", *name, good ? "went on" : "stopped");
            assert_int_equal(s->fail, FAIL_DEVICE);
            if (!at_end)
                assert_int_equal(s->n_errors, 1);
            fake_end(f, s);
        }
}

/* The same by the session's own fault injection: the n-th call, for every n until the flow needs no more. */
static void nth_call_fails(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct fake *f = &fakes[i];
        int n = 1;
        for (bool left = true; left; n++) {
            struct session *s = fake_begin(f);
            s->faults.device_at = n;
            fake_flow(f, s);
            left = s->faults.device_at == 0;
            assert_int_equal(s->n_errors, left ? 1 : 0);
            if (left)
                expect_said(s, "failed: ");
            assert_int_equal(*f->live >= 0, 1);
            fake_end(f, s);
        }
        assert_true(n > 100);
    }
}

/* ---- what a driver leaves undefined, the stand-in refuses ---- */

/* A function of the driver, by CUDA's and HIP's name. */
static void driver_function(const struct fake *f, void *to, const char *cuda, const char *hip)
{
    void *p = need(f->lib, f == &fakes[0] ? cuda : hip);
    memcpy(to, &p, sizeof p);
}

static void dead_handles_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct fake *f = &fakes[i];
        struct session *s = fake_begin(f);
        struct device *d = f->open(s, 0);
        assert_non_null(d);
        int (*make)(void **, unsigned);
        int (*destroy)(void *);
        int (*synchronize)(void *);
        int (*event)(void **, unsigned);
        int (*record)(void *, void *);
        int (*wait)(void *, void *, unsigned);
        int (*forget)(void *);
        int (*fill)(uint64_t, unsigned char, size_t, void *);
        int (*begin)(void *, int);
        int (*end)(void *, void **);
        int (*graph_launch)(void *, void *);
        driver_function(f, &make, "cuStreamCreate", "hipStreamCreateWithFlags");
        driver_function(f, &destroy, "cuStreamDestroy_v2", "hipStreamDestroy");
        driver_function(f, &synchronize, "cuStreamSynchronize", "hipStreamSynchronize");
        driver_function(f, &event, "cuEventCreate", "hipEventCreateWithFlags");
        driver_function(f, &record, "cuEventRecord", "hipEventRecord");
        driver_function(f, &forget, "cuEventDestroy_v2", "hipEventDestroy");
        driver_function(f, &wait, "cuStreamWaitEvent", "hipStreamWaitEvent");
        driver_function(f, &fill, "cuMemsetD8Async", "hipMemsetD8Async");
        driver_function(f, &begin, "cuStreamBeginCapture_v2", "hipStreamBeginCapture");
        driver_function(f, &end, "cuStreamEndCapture", "hipStreamEndCapture");
        driver_function(f, &graph_launch, "cuGraphLaunch", "hipGraphLaunch");
        void *st = NULL;
        void *ev = NULL;
        void *graph = NULL;
        dptr x;
        assert_true(d->ops->alloc(d, 64, &x));
        assert_true(!make(&st, 0) && !event(&ev, 0) && !fill(x, 0, 64, st));
        assert_int_not_equal(wait(st, ev, 0), 0); /* never recorded */
        assert_int_not_equal(end(st, &graph), 0); /* never begun */
        assert_true(!begin(st, 0) && !fill(x, 0, 64, st));
        assert_int_not_equal(fill(x, 0, 64, NULL), 0); /* while a stream is captured */
        assert_int_not_equal(synchronize(st), 0);
        assert_int_not_equal(destroy(st), 0);
        assert_int_equal(end(st, &graph), 0);
        assert_int_not_equal(graph_launch(graph, st), 0); /* not instantiated */
        assert_true(!record(ev, st) && !wait(st, ev, 0) && !forget(ev) && !destroy(st));
        assert_int_not_equal(destroy(st), 0);
        assert_int_not_equal(forget(ev), 0);
        assert_int_not_equal(fill(x, 0, 64, st), 0);
        assert_int_not_equal(synchronize(st), 0);
        assert_int_equal(s->n_errors, 0);
        fake_end(f, s);
    }
}

static void memory_of_a_recording_is_kept(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct fake *f = &fakes[i];
        struct session *s = fake_begin(f);
        struct device *d = f->open(s, 0);
        const struct device_ops *ops = d->ops;
        dptr x = 0;
        dptr y = 0;
        assert_true(ops->alloc(d, N * 4, &x) && ops->alloc(d, N * 4, &y));
        struct module *m = ops->load(d, &fake_object);
        struct function *twice = ops->find(d, m, "twice");
        struct stream *st = ops->stream_new(d);
        assert_true(ops->fill(d, NULL, x, 0, N * 4) && ops->capture_begin(d, st));
        assert_true(launch_twice(d, twice, st, x, 8, 0));
        struct captured *c = ops->capture_end(d, st);
        assert_non_null(c);
        ops->free(d, y); /* which it does not use */
        assert_int_equal(s->n_errors, 0);
        ops->free(d, x);
        assert_int_equal(s->n_errors, 1);
        expect_said(s, "Free");
        ops->captured_free(d, c);
        ops->free(d, x);
        ops->close(d);
        assert_int_equal(*f->live, 0);
        fake_end(f, s);
    }
}

/* ---- a program over the stand-in, whose kernels do nothing ---- */

static const char small_program[] = "graph small\ndim B\ninput x: f32[B, 40] where -1 <= x <= 1\n"
                                    "h = gelu(layernorm(linear(x, 64)))\noutput y = softmax(linear(h, 8))\n"
                                    "output w = softmax(linear(gelu(layernorm(linear(x, 64))), 8))\n"
                                    "output z = sum(x * 2.0, axis=[0, 1])\n";

static bool program_flow(const struct fake *f, struct session *s)
{
    struct device *d = f->open(s, 0);
    struct chain *c = d ? chain_new(s, d->target, source_of_string(s, "small", small_program), NULL) : NULL;
    struct binding *b = c ? chain_bind(c, 5, 42) : NULL;
    struct exec *e = b ? exec_open(s, c->program, d, &fake_object, b) : NULL;
    bool good = e && exec_run(e) && exec_capture(e) && exec_submit(e) && exec_submit(e) && exec_sync(e);
    for (size_t i = 0; good && i < c->after->n_groups; i++)
        good = exec_forget(e, c->after->groups[i]) && exec_group(e, c->after->groups[i]);
    exec_close(e);
    if (d)
        d->ops->close(d);
    return good;
}

static int times_said(const struct fake *f, const char *words)
{
    int n = 0;
    for (const char *p = f->log; (p = strstr(p, words)); p++)
        n++;
    return n;
}

static void a_program_is_prepared_once(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct fake *f = &fakes[i];
        struct session *s = fake_begin(f);
        if (!program_flow(f, s))
            fail_msg("%s", s->diags[0].text);
        assert_int_equal(s->n_errors, 0);
        assert_int_equal(*f->live, 0);
        int launches = times_said(f, "\nlaunch tk");
        assert_true(launches >= 4 * 4 && launches % 4 == 0);
        assert_int_equal(times_said(f, " early\n"), i ? 0 : launches);
        assert_true(times_said(f, "function tk") <= launches / 4 - 2); /* two layers share their kernels */
        assert_int_equal(times_said(f, "\ngraph of "), 2);
        fake_end(f, s);
    }
}

/* One diagnostic, and everything that can be given back is. */
static void nth_call_of_a_program_fails(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct fake *f = &fakes[i];
        int n = 1;
        for (bool left = true; left; n++) {
            struct session *s = fake_begin(f);
            s->faults.device_at = n;
            bool good = program_flow(f, s);
            left = s->faults.device_at == 0;
            assert_int_equal(s->n_errors, left ? 1 : 0);
            assert_true(good || left);
            fake_end(f, s);
        }
        assert_true(n > 80);
    }
}

static void words_of_failures(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct fake *f = &fakes[i];
        struct session *s = fake_begin(f);
        struct device *d = f->open(s, 0);
        dptr x = 1;
        assert_non_null(d);
        strcpy(f->failing, i ? "hipMalloc" : "cuMemAlloc_v2");
        assert_false(d->ops->alloc(d, 123456, &x));
        assert_int_equal(x, 0);
        expect_said(s, "123456 bytes were asked for; 1000 of 5000 bytes are free");
        f->failing[0] = 0;
        assert_true(d->ops->alloc(d, N * 4, &x));
        struct module *m = d->ops->load(d, &fake_object);
        assert_non_null(m);
        assert_null(d->ops->find(d, m, "thrice"));
        expect_said(s, "the kernel asked for is thrice");
        struct function *twice = d->ops->find(d, m, "twice");
        assert_true(launch_twice(d, twice, NULL, x, 0, 0));
        assert_true(launch_twice(d, twice, NULL, x, 8, 0));
        strcpy(f->failing, i ? "hipDeviceSynchronize" : "cuCtxSynchronize"); /* where a kernel's failure surfaces */
        *f->code = 12345;
        assert_false(d->ops->sync(d));
        expect_said(s, i ? "hipErrorOther (12345)" : "unknown error (12345), the driver has no text for it");
        expect_said(s, "the last kernel launched before it was twice");
        d->ops->free(d, x);
        d->ops->close(d);
        fake_end(f, s);
    }
}

static void no_target(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct fake *f = &fakes[i];
        struct session *s = fake_begin(f);
        strcpy(f->fake_arch, f->other_arch);
        assert_null(f->open(s, 0));
        expect_said(s, f->other_name);
        expect_said(s, "no target for. It has: ");
        expect_said(s, i ? "gfx90a" : "sm_90");
        assert_int_equal(*f->live, 0);
        fake_end(f, s);
    }
}

/* No driver, a library that is none, a driver without a device, a driver that will not start: counts are 0 and silent,
   opening says what to do. */
static void no_gpu(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct fake *f = &fakes[i];
        struct session *s = fake_begin(f);
        char words[64];
        snprintf(words, sizeof words, "no %s GPU: ", i ? "AMD" : "NVIDIA");
        *f->devices = 0;
        assert_int_equal(f->count(s), 0);
        assert_null(f->open(s, 0));
        expect_said(s, "sees none");
        expect_said(s, "--device emu");
        strcpy(f->failing, i ? "hipInit" : "cuInit");
        assert_int_equal(f->count(s), 0);
        assert_null(f->open(s, 0));
        expect_said(s, i ? "its driver says hipErrorOutOfMemory (2), out of memory"
                         : "its driver says CUDA_ERROR_OUT_OF_MEMORY (2), out of memory");
        setenv(f->lib_env, fakes[!i].dir, 1);
        assert_int_equal(f->count(s), 0);
        assert_null(f->open(s, 0));
        expect_said(s, "not found");
        char path[600];
        snprintf(path, sizeof path, "%s/fake.so", fakes[!i].dir); /* the other vendor's */
        setenv(f->lib_env, path, 1);
        assert_int_equal(f->count(s), 0);
        assert_null(f->open(s, 0));
        expect_said(s, i ? "has no hipInit" : "has no cuInit");
        setenv(f->switch_env, "none", 1);
        assert_int_equal(f->count(s), 0);
        assert_null(f->open(s, 0));
        expect_said(s, "=none");
        unsetenv(f->switch_env);
        assert_int_equal(s->n_errors, 5);
        for (size_t k = 0; k < s->n_diags; k++)
            assert_true(strstr(s->diags[k].text, words) && s->diags[k].fail == FAIL_DEVICE);
        fake_end(f, s);
    }
}

/* ---- real ones ---- */

static const char real_text[] =
    "#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900\n"
    "#define AWAIT asm volatile(\"griddepcontrol.wait;\" ::: \"memory\");\n"
    "#else\n#define AWAIT\n#endif\n"
    "struct twice_args { float *x; int n; };\n"
    "extern \"C\" __global__ void twice(struct twice_args a)\n"
    "{ AWAIT int i = (int)(blockIdx.x * blockDim.x + threadIdx.x); if (i < a.n) a.x[i] *= 2.0f; }\n";

static void real_gpu(struct device *(*open)(struct session *, int))
{
    struct session *s = session_begin();
    struct device *d = open(s, 0);
    if (!d)
        fail_msg("%s", s->diags[0].text);
    struct code code;
    const char *const names[] = { "twice" };
    if (!compile_gpu(s, d->target, real_text, names, 1, &code) || !flow(d, &code))
        fail_msg("%s", s->diags[0].text);
    printf("%s: %s ran code of %s\n", d->spec, d->name, code.compiler);
    struct code broken = {
        .target = d->target, .object = "no code at all, only words", .size = 26, .compiler = "nobody"
    };
    assert_null(d->ops->load(d, &broken));
    dptr x;
    assert_false(d->ops->alloc(d, (size_t)1 << 50, &x));
    expect_said(s, "bytes were asked for");
    d->ops->close(d);
    session_end(s);
}

static void real_nvidia(void **state)
{
    (void)state;
    real_gpu(nvidia_open);
}
static void real_amd(void **state)
{
    (void)state;
    real_gpu(amd_open);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        needs("nvidia", real_nvidia),
        needs("amd", real_amd),
        cmocka_unit_test(call_sequence),
        cmocka_unit_test(description),
        cmocka_unit_test(each_call_fails),
        cmocka_unit_test(nth_call_fails),
        cmocka_unit_test(words_of_failures),
        cmocka_unit_test(no_target),
        cmocka_unit_test(no_gpu),
        cmocka_unit_test(dead_handles_are_refused),
        cmocka_unit_test(memory_of_a_recording_is_kept),
        cmocka_unit_test(a_program_is_prepared_once),
        cmocka_unit_test(nth_call_of_a_program_fails),
    };
    return tests_main(argc, argv, tests, fakes_build, fakes_remove);
}
