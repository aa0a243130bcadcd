#include "runtime/compile/codeobj.h"
#include "runtime/compile/compile.h"
#include "runtime/compile/compile_child.h"
#include "runtime/compile/compile_find.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_FLAGS = 24, LOG_LINES = 40 };
static const double time_limit = 120;

struct gpu_compiler {
    const char *name;
    const char *switch_env;       /* an environment variable; "none" disables the compiler */
    const char *command_env;      /* an environment variable that names another command */
    const char *const *libraries; /* NULL: the compiler is a command */
    const char *const *commands;
    const struct find_dir *dirs;
    int (*work)(const struct compile_job *);
    const char *const *flags;
    const char *narrow_flag; /* only for targets with 32 work-items a wave (RDNA) */
    const char *arch_flag;
    const char *missing;
};

static const struct find_dir rocm_dirs[] = { { "ROCM_PATH", "/lib" }, { NULL, "/opt/rocm/lib" }, { NULL, NULL } };
static const struct find_dir cuda_dirs[] = {
    { "CUDA_HOME", "/lib64" }, { "CUDA_PATH", "/lib64" }, { NULL, "/usr/local/cuda/lib64" }, { NULL, NULL }
};

static const char *const hiprtc_libraries[] = { "libamdhip64.so.5", "libhiprtc.so.7",
                                                "libhiprtc.so.6",   "libhiprtc.so",
                                                "libamdhip64.so",   "libamdhip64.so.6",
                                                "libamdhip64.so.7", NULL };
static const char *const nvrtc_libraries[] = { "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", NULL };
static const char *const clang_commands[] = {
    "clang-19", "clang-20", "clang-21", "clang-22", "/opt/rocm/llvm/bin/clang", NULL
};

/* Each float operation must be rounded separately: no fused multiply-add. Division and square root must be correctly
   rounded, and subnormals kept. Where no flag says so, the compiler's default is right, as its machine code shows. */
static const char *const hiprtc_flags[] = { "-O3", "-ffp-contract=off", NULL };
static const char *const clang_flags[] = { "-x",
                                           "hip",
                                           "--offload-device-only",
                                           "--no-gpu-bundle-output",
                                           "-nogpuinc",
                                           "-nogpulib",
                                           "-O3",
                                           "-ffp-contract=off",
                                           NULL };
static const char *const nvrtc_flags[] = {
    "--fmad=false", "--prec-div=true", "--prec-sqrt=true", "--ftz=false", "-default-device", "-Xptxas", "-v", NULL
};

static const struct gpu_compiler compilers[] = {
    [COMPILER_HIPRTC] = {
        .name = "hiprtc",
        .switch_env = "TOKIC_HIP",
        .libraries = hiprtc_libraries,
        .dirs = rocm_dirs,
        .work = child_hiprtc,
        .flags = hiprtc_flags,
        .arch_flag = "--offload-arch=",
        .missing = "hiprtc (libamdhip64) not found: apt-get install libamdhip64-dev libamd-comgr-dev",
    },
    [COMPILER_CLANG] = {
        .name = "clang",
        .switch_env = "TOKIC_HIP",
        .command_env = "TOKIC_CLANG",
        .commands = clang_commands,
        .work = child_clang,
        .flags = clang_flags,
        .narrow_flag = "-mcumode",
        .arch_flag = "--offload-arch=",
        .missing = "clang 19 or later not found: apt-get install clang-19 lld-19, or name one in TOKIC_CLANG",
    },
    [COMPILER_NVRTC] = {
        .name = "NVRTC",
        .switch_env = "TOKIC_CUDA",
        .libraries = nvrtc_libraries,
        .dirs = cuda_dirs,
        .work = child_nvrtc,
        .flags = nvrtc_flags,
        .arch_flag = "-arch=",
        .missing = "NVRTC (libnvrtc) not found: install the CUDA toolkit 12 or 13 (apt-get install cuda-nvrtc-13-0, "
                   "or pip's nvidia-cuda-nvrtc) and set CUDA_HOME or LD_LIBRARY_PATH if it is not in /usr/local/cuda",
    },
};

/* clang needs ld.lld. Debian has lld in a package of its own. */
static bool linker_beside(struct session *s, const char *command)
{
    char *real = realpath(command, NULL);
    char *slash = real ? strrchr(real, '/') : NULL;
    const char *names[3] = { "ld.lld", NULL, NULL };
    if (slash)
        names[1] = arena_printf(s->run, "%.*s/ld.lld", (int)(slash - real), real);
    free(real);
    return find_command(s->run, names) != NULL;
}

/* Returns the compiler's file, or NULL with the reason in *why. */
static const char *compiler_path(struct session *s, const struct gpu_compiler *c, const char **why)
{
    const char *hidden = getenv(c->switch_env);
    const char *named = c->command_env ? getenv(c->command_env) : NULL;
    *why = c->missing;
    if (hidden && strcmp(hidden, "none") == 0) {
        *why = arena_printf(s->run, "%s is not looked for: the environment has %s=none", c->name, c->switch_env);
        return NULL;
    }
    if (c->libraries)
        return find_library(s->run, c->libraries, c->dirs);
    const char *path = find_command(s->run, named && *named ? (const char *const[]){ named, NULL } : c->commands);
    if (!path || linker_beside(s, path))
        return path;
    *why = arena_printf(s->run, "%s has no ld.lld beside it: apt-get install lld-19", path);
    return NULL;
}

static int flags_of(struct session *s, const struct gpu_compiler *c, const struct target *t,
                    const char *flags[MAX_FLAGS])
{
    int n = 0;
    while (c->flags[n]) {
        flags[n] = c->flags[n];
        n++;
    }
    if (c->narrow_flag && t->wave == 32)
        flags[n++] = c->narrow_flag;
    flags[n++] = arena_printf(s->run, "%s%s", c->arch_flag, t->name);
    BUG_IF(n > MAX_FLAGS, "%d flags for %s", n, c->name);
    return n;
}

static const char *flags_joined(struct session *s, const char *const *flags, int n)
{
    const char *all = "";
    for (int i = 0; i < n; i++)
        all = arena_printf(s->run, "%s%s%s", all, i ? " " : "", flags[i]);
    return all;
}

bool compile_available(struct session *s, const struct target *t, const char **why)
{
    const char *reason;
    bool there = compiler_path(s, &compilers[t->compiler], &reason) != NULL;
    if (why)
        *why = there ? NULL : reason;
    return there;
}

bool compile_identity(struct session *s, const struct target *t, const char **path, const char **flags)
{
    const struct gpu_compiler *c = &compilers[t->compiler];
    const char *list[MAX_FLAGS], *why;
    *path = compiler_path(s, c, &why);
    *flags = flags_joined(s, list, flags_of(s, c, t, list));
    return *path || diag_error(s, FAIL_DEVICE, NOWHERE, "no compiler for %s: %s", t->name, why);
}

static const char *log_head(struct session *s, const char *log)
{
    const char *p = log;
    for (int i = 0; i < LOG_LINES && *p; i++) {
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    int more = 0;
    for (const char *q = p; *q; more++) {
        q += strcspn(q, "\n");
        q += *q == '\n';
    }
    const char *head = arena_strndup(s->run, log, (size_t)(p - log));
    return more ? arena_printf(s->run, "%s… and %d more lines", head, more) : head;
}

static bool explain(struct session *s, const struct target *t, const struct gpu_compiler *c,
                    const struct child_result *r)
{
    const char *words = *r->log && *r->errors ? arena_printf(s->run, "%s\n%s", r->log, r->errors)
                        : *r->log             ? r->log
                                              : r->errors;
    const char *silent = r->full ? child_remedy(s, r) : "(it said nothing)";
    const char *said = *words ? log_head(s, words) : silent;
    if (*words && r->full)
        said = arena_printf(s->run, "%s\n%s", said, child_remedy(s, r));
    if (r->late)
        return diag_error(s, FAIL_DEVICE, NOWHERE, "%s took over %.0f s for %s and was stopped:\n%s", c->name,
                          time_limit, t->name, said);
    if (r->signal)
        return diag_error(s, FAIL_DEVICE, NOWHERE, "%s died compiling for %s: signal %d (%s):\n%s", c->name, t->name,
                          r->signal, strsignal(r->signal), said);
    switch (r->code) {
    case CHILD_GOOD: return diag_error(s, FAIL_DEVICE, NOWHERE, "%s made no code for %s:\n%s", c->name, t->name, said);
    case CHILD_REFUSED:
        return diag_error(s, FAIL_DEVICE, NOWHERE, "%s refused the kernels for %s:\n%s", c->name, t->name, said);
    case CHILD_ABSENT: return diag_error(s, FAIL_DEVICE, NOWHERE, "%s cannot be used: %s", c->name, said);
    case CHILD_FAILED:
        return diag_error(s, FAIL_DEVICE, NOWHERE, "%s failed compiling for %s:\n%s", c->name, t->name, said);
    default:
        return diag_error(s, FAIL_DEVICE, NOWHERE, "%s exited with code %d compiling for %s:\n%s", c->name, r->code,
                          t->name, said);
    }
}

static bool names_there(struct session *s, const char *compiler, const char *const *names, size_t n_names,
                        const struct code *code)
{
    for (size_t i = 0; i < n_names; i++) {
        bool found = false;
        for (size_t k = 0; k < code->n_kernels && !found; k++)
            found = strcmp(names[i], code->kernels[k].name) == 0;
        if (!found)
            return diag_error(s, FAIL_DEVICE, NOWHERE, "%s made code for %s without the kernel %s", compiler,
                              code->target->name, names[i]);
    }
    return true;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool compile_gpu(struct session *s, const struct target *t, const char *text, const char *const *names, size_t n_names,
                 struct code *out)
{
    const struct gpu_compiler *c = &compilers[t->compiler];
    const char *why, *flags[MAX_FLAGS], *path = compiler_path(s, c, &why);
    if (!path)
        return diag_error(s, FAIL_DEVICE, NOWHERE, "no compiler for %s: %s", t->name, why);
    struct compile_job job = {
        .target = t, .text = text, .path = path, .flags = flags, .n_flags = flags_of(s, c, t, flags)
    };
    struct child_result r;
    double start = now();
    if (!child_run(s, c->work, &job, time_limit, &r))
        return false;
    if (r.code != CHILD_GOOD || !r.object || !r.size)
        return explain(s, t, c, &r);
    *out = (struct code){
        .target = t,
        .object = r.object,
        .size = r.size,
        .seconds = now() - start,
        .compiler = *r.version ? arena_printf(s->run, "%s %s", c->name, r.version) : c->name,
        .flags = flags_joined(s, flags, job.n_flags),
    };
    log_line(s, LOG_COMPILE, "%s: %zu bytes for %s in %.3f s (%s)", out->compiler, out->size, t->name, out->seconds,
             out->flags);
    return codeobj_read(s, out->object, out->size, r.log, &out->kernels, &out->n_kernels) &&
           names_there(s, c->name, names, n_names, out);
}
