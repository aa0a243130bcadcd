/* hiprtc and NVRTC have the same functions under different names. Nothing is freed, since the child process soon
   ends. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/compile/compile_child.h"

struct rtc {
    int (*version)(int *major, int *minor);
    int (*create)(void **program, const char *text, const char *name, int n_headers, const char *const *headers,
                  const char *const *names);
    int (*compile)(void *program, int n_flags, const char *const *flags);
    int (*log_size)(void *program, size_t *size);
    int (*log)(void *program, char *to);
    int (*code_size)(void *program, size_t *size);
    int (*code)(void *program, char *to);
    const char *(*error_string)(int code);
};

/* Both interfaces report a failed compilation with this code. */
enum { RTC_COMPILATION = 6 };

struct rtc_name {
    size_t field;
    const char *hip, *cuda;
};
static const struct rtc_name rtc_names[] = {
    { offsetof(struct rtc, version), "hiprtcVersion", "nvrtcVersion" },
    { offsetof(struct rtc, create), "hiprtcCreateProgram", "nvrtcCreateProgram" },
    { offsetof(struct rtc, compile), "hiprtcCompileProgram", "nvrtcCompileProgram" },
    { offsetof(struct rtc, log_size), "hiprtcGetProgramLogSize", "nvrtcGetProgramLogSize" },
    { offsetof(struct rtc, log), "hiprtcGetProgramLog", "nvrtcGetProgramLog" },
    { offsetof(struct rtc, code_size), "hiprtcGetCodeSize", "nvrtcGetCUBINSize" },
    { offsetof(struct rtc, code), "hiprtcGetCode", "nvrtcGetCUBIN" },
    { offsetof(struct rtc, error_string), "hiprtcGetErrorString", "nvrtcGetErrorString" },
};

/* memcpy, since ISO C has no cast from void * to a function pointer. */
static bool symbol(void *lib, const char *name, void *function)
{
    void *p = dlsym(lib, name);
    memcpy(function, &p, sizeof p);
    return p != NULL;
}

static int rtc_open(const struct compile_job *job, bool hip, struct rtc *r, void **lib)
{
    *lib = dlopen(job->path, RTLD_NOW | RTLD_LOCAL);
    if (!*lib)
        return child_say(job, CHILD_ABSENT, "cannot open %s: %s", job->path, dlerror());
    for (size_t i = 0; i < sizeof rtc_names / sizeof *rtc_names; i++) {
        const char *name = hip ? rtc_names[i].hip : rtc_names[i].cuda;
        if (!symbol(*lib, name, (char *)r + rtc_names[i].field))
            return child_say(job, CHILD_ABSENT, "%s has no %s", job->path, name);
    }
    return CHILD_GOOD;
}

/* hiprtcVersion of release 5.2 returns 9.0, so HIP's runtime is asked first. HIP's runtime encodes its version as
   major·10⁷ + minor·10⁵ + patch. */
static int version_put(const struct compile_job *job, const struct rtc *r, void *lib)
{
    char words[64] = "";
    int major = 0;
    int minor = 0;
    int (*runtime_version)(int *);
    if (symbol(lib, "hipRuntimeGetVersion", &runtime_version) && runtime_version(&major) == 0)
        snprintf(words, sizeof words, "%d.%d.%d", major / 10000000, major / 100000 % 100, major % 100000);
    else if (r->version(&major, &minor) == 0)
        snprintf(words, sizeof words, "%d.%d", major, minor);
    return child_put(job, CHILD_VERSION, words, strlen(words), CHILD_GOOD);
}

static int log_put(const struct compile_job *job, const struct rtc *r, void *program, int code)
{
    size_t n = 0;
    if (r->log_size(program, &n) || n > (size_t)1 << 28)
        return code;
    char *log = calloc(n + 1, 1); /* HIP's size leaves out the NUL */
    if (!log || r->log(program, log))
        return code;
    return child_put(job, CHILD_LOG, log, strlen(log), code);
}

static int rtc_compile(const struct compile_job *job, const struct rtc *r, int n_flags, const char *const *flags)
{
    void *program;
    int rc = r->create(&program, job->text, "module", 0, NULL, NULL);
    if (rc)
        return child_say(job, CHILD_FAILED, "creating the program: %s", r->error_string(rc));
    rc = r->compile(program, n_flags, flags);
    int put = log_put(job, r, program, CHILD_GOOD);
    if (rc)
        fprintf(stderr, "%s\n", r->error_string(rc));
    if (rc || put)
        return rc == RTC_COMPILATION ? CHILD_REFUSED : CHILD_FAILED;
    size_t n = 0;
    rc = r->code_size(program, &n);
    char *object = !rc && n ? malloc(n) : NULL;
    if (!object)
        return child_say(job, CHILD_FAILED, "no code came out: %s", r->error_string(rc));
    rc = r->code(program, object);
    return rc ? child_say(job, CHILD_FAILED, "fetching the code: %s", r->error_string(rc))
              : child_put(job, CHILD_OBJECT, object, n, CHILD_GOOD);
}

static bool same_arch(const char *isa, const char *arch)
{
    const char *last = strrchr(isa, '-');
    return strcmp(last ? last + 1 : isa, arch) == 0;
}

/* hiprtc 5.2 aborts on a target that libamd_comgr does not list. The list has names like
   "amdgcn-amd-amdhsa--gfx90a". */
static int arch_check(const struct compile_job *job)
{
    static const char *const names[] = { "libamd_comgr.so.2", "libamd_comgr.so.3", "libamd_comgr.so" };
    void *lib = NULL;
    for (size_t i = 0; !lib && i < sizeof names / sizeof *names; i++)
        lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    int (*isa_count)(size_t *);
    int (*isa_name)(size_t, const char **);
    if (!lib || !symbol(lib, "amd_comgr_get_isa_count", &isa_count) ||
        !symbol(lib, "amd_comgr_get_isa_name", &isa_name))
        return child_say(job, CHILD_ABSENT,
                         "libamd_comgr, which hiprtc works with, cannot be opened: apt-get install libamd-comgr-dev");
    size_t n = 0;
    char known[1024] = "";
    isa_count(&n);
    for (size_t i = 0; i < n; i++) {
        const char *isa = NULL;
        if (isa_name(i, &isa) || !isa)
            continue;
        if (same_arch(isa, job->target->name))
            return CHILD_GOOD;
        size_t used = strlen(known);
        const char *last = strrchr(isa, '-');
        snprintf(known + used, sizeof known - used, " %s", last ? last + 1 : isa);
    }
    return child_say(job, CHILD_REFUSED, "this hiprtc does not know the architecture %s. It knows:%s",
                     job->target->name, known);
}

int child_hiprtc(const struct compile_job *job)
{
    struct rtc r;
    void *lib;
    int code = arch_check(job);
    if (code == CHILD_GOOD)
        code = rtc_open(job, true, &r, &lib);
    if (code == CHILD_GOOD)
        code = version_put(job, &r, lib);
    return code == CHILD_GOOD ? rtc_compile(job, &r, job->n_flags, job->flags) : code;
}

/* These undocumented options turn off loop strength reduction. In NVRTC 12.0 to 13.0, this pass drops a constant from
   the address of a store after a loop. For example, two argmax in one kernel write 1,024 bytes beyond their shared
   memory (tests/graphs/two_argmax.graph). NVRTC 13.1 to 13.5 are correct. Without the pass, the models take at most 1.5
   % longer on an H200. */
static const char *const faulty_pass_off[] = { "-Xnvvm=-Xllc", "-Xnvvm=-disable-lsr" };

static bool has_faulty_pass(const struct rtc *r)
{
    int major = 0;
    int minor = 0;
    return r->version(&major, &minor) == 0 && (major < 13 || (major == 13 && minor < 1));
}

static int compile_nvrtc(const struct compile_job *job, const struct rtc *r)
{
    int n_more = has_faulty_pass(r) ? 2 : 0;
    const char **flags = calloc((size_t)job->n_flags + 2, sizeof *flags);
    if (!flags)
        return child_say(job, CHILD_FAILED, "out of memory");
    memcpy(flags, job->flags, sizeof *flags * (size_t)job->n_flags);
    memcpy(flags + job->n_flags, faulty_pass_off, sizeof *flags * (size_t)n_more);
    return rtc_compile(job, r, job->n_flags + n_more, flags);
}

/* The cache that NVRTC has since 12.9 gives no ptxas log, but registers and spills are read from the log. */
int child_nvrtc(const struct compile_job *job)
{
    struct rtc r;
    void *lib;
    setenv("CUDA_CACHE_DISABLE", "1", 1);
    int code = rtc_open(job, false, &r, &lib);
    if (code == CHILD_GOOD)
        code = version_put(job, &r, lib);
    return code == CHILD_GOOD ? compile_nvrtc(job, &r) : code;
}
