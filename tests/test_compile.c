/* The GPU compilers: what comes back, good and bad. Whatever a compiler does, this process lives and gets a diagnostic.
   */
#include "tests/support/needs.h"

#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/compile/compile.h"
#include "runtime/compile/compile_child.h"

#define AMD_TYPES                                                                                                      \
    "typedef _Float16 h4 __attribute__((ext_vector_type(4)));\ntypedef float f4 "                                      \
    "__attribute__((ext_vector_type(4)));\n"
/* One matrix product, 256 bytes of LDS; and a kernel without either. */
static const char amd_text[] =
    AMD_TYPES "extern \"C\" __global__ void product(h4 *a, f4 *c)\n"
              "{ __shared__ f4 t[16]; t[threadIdx.x & 15] = __builtin_amdgcn_mfma_f32_16x16x16f16(a[threadIdx.x], "
              "a[threadIdx.x + 64], c[threadIdx.x], 0, 0, 0);\n"
              "  __syncthreads(); c[threadIdx.x] = t[(threadIdx.x + 1) & 15]; }\n"
              "extern \"C\" __global__ void twice(float *x) { x[threadIdx.x] *= 2.0f; }\n";

static const char cuda_text[] =
    "extern \"C\" __global__ void product(unsigned *a, float *x)\n"
    "{ __shared__ float t[64]; float c0 = x[0], c1 = x[1], c2 = x[2], c3 = x[3];\n"
    "  asm volatile(\"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
    "{%0,%1,%2,%3};\"\n"
    "      : \"+f\"(c0), \"+f\"(c1), \"+f\"(c2), \"+f\"(c3) : \"r\"(a[0]), \"r\"(a[1]), \"r\"(a[2]), \"r\"(a[3]), "
    "\"r\"(a[4]), \"r\"(a[5]));\n"
    "  t[threadIdx.x] = c0 + c1; __syncthreads(); x[threadIdx.x] = t[threadIdx.x ^ 1] + c2 + c3; }\n"
    "extern \"C\" __global__ void twice(float *x) { x[threadIdx.x] *= 2.0f; }\n";

static const char rdna_text[] = "#define DEVICE __attribute__((device))\n#define KERNEL __attribute__((global))\n"
                                "typedef _Float16 h16 __attribute__((ext_vector_type(16)));\ntypedef float f8 "
                                "__attribute__((ext_vector_type(8)));\n"
                                "extern \"C\" KERNEL void product(h16 *a, f8 *c) { c[0] = "
                                "__builtin_amdgcn_wmma_f32_16x16x16_f16_w32(a[0], a[1], c[0]); }\n"
                                "extern \"C\" KERNEL void twice(float *x) { x[0] *= 2.0f; }\n";

static const struct target gfx90a = { .name = "gfx90a", .compiler = COMPILER_HIPRTC, .wave = 64 };
static const struct target gfx1030 = { .name = "gfx1030", .compiler = COMPILER_HIPRTC, .wave = 32 };
static const struct target gfx1100 = { .name = "gfx1100", .compiler = COMPILER_CLANG, .wave = 32 };
static const struct target sm_90 = { .name = "sm_90", .dialect = DIALECT_CUDA, .compiler = COMPILER_NVRTC, .wave = 32 };

/* The last diagnostic is an error of the device kind that says `words`. */
static void expect_error(struct session *s, const char *words)
{
    assert_true(s->n_diags > 0);
    const struct diag *d = &s->diags[s->n_diags - 1];
    if (!strstr(d->text, words))
        fail_msg("\"%s\" is not in: %s", words, d->text);
    assert_int_equal(d->level, DIAG_ERROR);
    assert_int_equal(d->fail, FAIL_DEVICE);
}

static const struct kernel_info *kernel_of(const struct code *c, const char *name)
{
    for (size_t i = 0; i < c->n_kernels; i++)
        if (strcmp(c->kernels[i].name, name) == 0)
            return &c->kernels[i];
    fail_msg("no kernel %s", name);
    return NULL;
}

static void good(const struct target *t, const char *text, int shared)
{
    struct session *s = session_begin();
    struct code c;
    const char *const names[] = { "twice", "product" };
    if (!compile_gpu(s, t, text, names, 2, &c))
        fail_msg("%s", s->diags[0].text);
    assert_int_equal(s->n_diags, 0);
    assert_ptr_equal(c.target, t);
    assert_memory_equal(c.object, "\177ELF", 4);
    assert_int_equal(c.n_kernels, 2);
    const struct kernel_info *product = kernel_of(&c, "product");
    const struct kernel_info *twice = kernel_of(&c, "twice");
    assert_true(product->regs > 0 && twice->regs > 0 && product->regs > twice->regs);
    assert_int_equal(product->spills, 0);
    assert_int_equal(product->stack, 0);
    assert_int_equal(product->matrix, 1);
    assert_int_equal(twice->matrix, 0);
    assert_int_equal(product->shared, shared);
    assert_int_equal(twice->shared, 0);
    assert_true(c.seconds > 0 && strchr(c.compiler, ' ') && strstr(c.flags, t->name));
    int major = 0;
    int minor = -1;
    assert_int_equal(sscanf(strchr(c.compiler, ' '), "%d.%d", &major, &minor), 2);
    assert_true(major > 0 && major < 100 && minor >= 0 && minor < 20);
    struct code again; /* a compiler's own cache must not hide what it reports */
    assert_true(compile_gpu(s, t, text, names, 2, &again));
    assert_int_equal(kernel_of(&again, "product")->regs, product->regs);
    assert_int_equal(kernel_of(&again, "product")->spills, 0);
    const char *path, *flags;
    assert_true(compile_identity(s, t, &path, &flags));
    assert_string_equal(flags, c.flags);
    assert_int_equal(access(path, R_OK), 0);
    printf("%s: %s, flags %s, product has %d registers\n", t->name, c.compiler, c.flags, product->regs);
    session_end(s);
}

/* The version by the library's own number, asked in a child: the library is never closed. */
static void ask_version(const char *path, char out[static 64])
{
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (!pid) {
        int n = 0;
        int (*version)(int *) = NULL;
        void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        void *found = lib ? dlsym(lib, "hipRuntimeGetVersion") : NULL;
        memcpy(&version, &found, sizeof found);
        if (found && !version(&n))
            dprintf(fd[1], "hiprtc %d.%d.%d", n / 10000000, n % 10000000 / 100000, n % 100000);
        _exit(0);
    }
    close(fd[1]);
    ssize_t got = read(fd[0], out, 63);
    out[got > 0 ? got : 0] = 0;
    close(fd[0]);
    waitpid(pid, NULL, 0);
}

static void good_hiprtc(void **state)
{
    (void)state;
    good(&gfx90a, amd_text, 256);
    struct session *s = session_begin();
    struct code c;
    const char *path, *flags;
    char want[64];
    assert_true(compile_identity(s, &gfx90a, &path, &flags));
    ask_version(path, want);
    assert_true(compile_gpu(s, &gfx90a, amd_text, (const char *const[]){ "twice" }, 1, &c));
    if (*want) /* libhiprtc of ROCm 6 and 7 has no such number */
        assert_string_equal(c.compiler, want);
    session_end(s);
}
static void good_nvrtc(void **state)
{
    (void)state;
    good(&sm_90, cuda_text, 256);
}
static void good_clang(void **state)
{
    (void)state;
    good(&gfx1100, rdna_text, 0);
}

static void refused(const struct target *t, const char *text, const char *words)
{
    struct session *s = session_begin();
    struct code c;
    assert_false(compile_gpu(s, t, text, NULL, 0, &c));
    assert_int_equal(s->n_diags, 1);
    expect_error(s, words);
    session_end(s);
}

/* An error in the text carries the name and line that the text gives itself. */
static const char error_text[] =
    "#line 7 \"kernels.txt\"\nextern \"C\" __global__ void k(float *x) { x[0] = nothing; }\n";

static void hiprtc_error_has_our_name(void **state)
{
    (void)state;
    refused(&gfx90a, error_text, "kernels.txt:7");
    refused(&gfx90a, error_text, "hiprtc refused the kernels for gfx90a");
}
static void nvrtc_error_has_our_name(void **state)
{
    (void)state;
    refused(&sm_90, error_text, "kernels.txt(7)");
}
static void clang_error_has_our_name(void **state)
{
    (void)state;
    refused(&gfx1100,
            "#line 7 \"kernels.txt\"\nextern \"C\" __attribute__((global)) void k(float *x) { x[0] = nothing; }\n",
            "kernels.txt:7");
}

/* More errors than a person reads: the first lines, and how many are left out. */
static void long_log(const struct target *t)
{
    char text[8192] = "";
    for (int i = 0; i < 60; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "int f%d(void) { return missing%d; }\n", i, i);
    refused(t, text, "more lines");
}

static void hiprtc_log_is_cut(void **state)
{
    (void)state;
    long_log(&gfx90a);
}
static void nvrtc_log_is_cut(void **state)
{
    (void)state;
    long_log(&sm_90);
}

static void unknown_arch(const struct target *like, const char *name, const char *text, const char *words)
{
    struct target t = *like;
    t.name = name;
    refused(&t, text, words);
}

/* hiprtc 5.2 aborts on names that it does not know; it never gets to see them. */
static void hiprtc_unknown_arch(void **state)
{
    (void)state;
    unknown_arch(&gfx90a, "gfx9999", amd_text, "does not know the architecture gfx9999. It knows: ");
    unknown_arch(&gfx90a, "gfx90", amd_text, "does not know the architecture gfx90.");
}
static void nvrtc_unknown_arch(void **state)
{
    (void)state;
    unknown_arch(&sm_90, "sm_77", cuda_text, "NVRTC");
}
static void clang_unknown_arch(void **state)
{
    (void)state;
    unknown_arch(&gfx1100, "gfx9999", rdna_text, "gfx9999");
}

/* A matrix instruction that the target lacks kills the compiler ("Cannot select", in LLVM's own words); this process
   gets them as words. */
static void dying_compiler(void **state)
{
    (void)state;
    static const char text[] =
        AMD_TYPES "extern \"C\" __attribute__((device)) f4 mfma(h4, h4, f4, int, int, int) "
                  "__asm(\"llvm.amdgcn.mfma.f32.16x16x16f16\");\n"
                  "extern \"C\" __global__ void k(h4 *a, f4 *c) { c[0] = mfma(a[0], a[1], c[0], 0, 0, 0); }\n";
    refused(&gfx1030, text, "Cannot select");
}

static void missing_kernel(const struct target *t, const char *text)
{
    struct session *s = session_begin();
    struct code c;
    const char *const names[] = { "product", "thrice" };
    assert_false(compile_gpu(s, t, text, names, 2, &c));
    expect_error(s, "without the kernel thrice");
    session_end(s);
}

static void hiprtc_missing_kernel(void **state)
{
    (void)state;
    missing_kernel(&gfx90a, amd_text);
}
static void nvrtc_missing_kernel(void **state)
{
    (void)state;
    missing_kernel(&sm_90, cuda_text);
}

/* A switched-off compiler is reported missing, with the reason, by every door. */
static void switched_off(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct code c;
    const char *why = NULL, *path, *flags;
    setenv("TOKIC_CUDA", "none", 1);
    setenv("TOKIC_HIP", "none", 1);
    assert_false(compile_available(s, &sm_90, &why));
    assert_non_null(strstr(why, "TOKIC_CUDA=none"));
    assert_false(compile_available(s, &gfx90a, &why));
    assert_non_null(strstr(why, "TOKIC_HIP=none"));
    assert_false(compile_available(s, &gfx1100, &why));
    assert_int_equal(s->n_diags, 0);
    assert_false(compile_gpu(s, &sm_90, cuda_text, NULL, 0, &c));
    expect_error(s, "no compiler for sm_90: ");
    assert_false(compile_identity(s, &gfx90a, &path, &flags));
    expect_error(s, "no compiler for gfx90a: ");
    unsetenv("TOKIC_CUDA");
    unsetenv("TOKIC_HIP");
    session_end(s);
}

/* Nothing installed at all: a command that is not there, and words that say what to install. */
static void command_absent(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const char *why = NULL;
    setenv("TOKIC_CLANG", "/nowhere/clang", 1);
    assert_false(compile_available(s, &gfx1100, &why));
    assert_non_null(strstr(why, "apt-get install clang-19 lld-19"));
    unsetenv("TOKIC_CLANG");
    session_end(s);
}

/* ---- the child itself, with stand-ins for compilers ---- */

static int does_well(const struct compile_job *job)
{
    printf("a warning\n");
    fflush(stdout);
    int code = child_put(job, CHILD_OBJECT, job->text, strlen(job->text), CHILD_GOOD);
    return code ? code : child_say(job, CHILD_GOOD, "log of %s\033[31m", job->target->name);
}

static int dies(const struct compile_job *job)
{
    (void)job;
    fprintf(stderr, "LLVM ERROR: out of luck\n");
    abort();
}

static int hangs(const struct compile_job *job)
{
    fprintf(stderr, "thinking about %s\n", job->text);
    while (pause() == -1) {
    }
    return CHILD_GOOD;
}

static int leaves(const struct compile_job *job)
{
    (void)job;
    exit(3);
}

static struct child_result child_of(struct session *s, int (*work)(const struct compile_job *), double limit)
{
    struct compile_job job = { .target = &sm_90, .text = "the text" };
    struct child_result r;
    assert_true(child_run(s, work, &job, limit, &r));
    assert_int_equal(s->n_diags, 0);
    return r;
}

static int entries(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2; /* . and .. */
}

static void children(void **state)
{
    (void)state;
    struct session *s = session_begin();
    char *dir = tmp_make();
    char *old = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
    setenv("TMPDIR", dir, 1);

    struct child_result r = child_of(s, does_well, 60);
    assert_int_equal(r.code, CHILD_GOOD);
    assert_int_equal(r.size, 8);
    assert_memory_equal(r.object, "the text", 8);
    assert_string_equal(r.log, "log of sm_90[31m"); /* the escape byte is gone */
    assert_string_equal(r.errors, "a warning\n");

    r = child_of(s, dies, 60);
    assert_int_equal(r.code, -1);
    assert_int_equal(r.signal, SIGABRT);
    assert_false(r.late);
    assert_null(r.object);
    assert_string_equal(r.errors, "LLVM ERROR: out of luck\n");

    r = child_of(s, hangs, 0.2);
    assert_true(r.late);
    assert_string_equal(r.errors, "thinking about the text\n");

    r = child_of(s, leaves, 60);
    assert_int_equal(r.code, 3);
    assert_null(r.object);
    assert_int_equal(entries(dir), 0); /* nothing is left behind by any of them */

    char nowhere[600];
    snprintf(nowhere, sizeof nowhere, "%s/missing", dir);
    setenv("TMPDIR", nowhere, 1);
    struct compile_job job = { .target = &sm_90, .text = "" };
    assert_false(child_run(s, does_well, &job, 60, &r));
    expect_error(s, "Set TMPDIR");

    if (old)
        setenv("TMPDIR", old, 1);
    else
        unsetenv("TMPDIR");
    free(old);
    tmp_remove(dir);
    session_end(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        needs("hiprtc", good_hiprtc),
        needs("hiprtc", hiprtc_error_has_our_name),
        needs("hiprtc", hiprtc_log_is_cut),
        needs("hiprtc", hiprtc_unknown_arch),
        needs("hiprtc", hiprtc_missing_kernel),
        needs("hiprtc", dying_compiler),
        needs("nvrtc", good_nvrtc),
        needs("nvrtc", nvrtc_error_has_our_name),
        needs("nvrtc", nvrtc_log_is_cut),
        needs("nvrtc", nvrtc_unknown_arch),
        needs("nvrtc", nvrtc_missing_kernel),
        needs("clang", good_clang),
        needs("clang", clang_error_has_our_name),
        needs("clang", clang_unknown_arch),
        cmocka_unit_test(switched_off),
        cmocka_unit_test(command_absent),
        cmocka_unit_test(children),
    };
    return tests_main(argc, argv, tests, NULL, NULL);
}
