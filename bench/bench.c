/* Where tokic stands beside its goals, on this machine: `sh bench/run.sh`. A figure is the median of several runs, with
   the least and the greatest. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "codegen/program.h"
#include "codegen/spell.h"
#include "passes/pass.h"
#include "runtime/compile/compile.h"
#include "runtime/device/exec.h"

extern char **environ;

enum { MAX_RUNS = 64 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the table ---- */

struct figure {
    double v[MAX_RUNS];
    int n;
};

/* How a figure is shown, and what is wanted of it: at most `goal`; 0: none. */
struct row {
    const char *what, *unit;
    double scale, goal;
    int digits;
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_head(void) { printf("%-58s %12s %23s %5s %12s\n", "", "median", "least..greatest", "runs", "goal"); }

static void print_row(const struct row *r, struct figure *f)
{
    char middle[40];
    char range[60];
    char runs[12] = "";
    char goal[60] = "";
    qsort(f->v, (size_t)f->n, sizeof *f->v, ascending);
    snprintf(middle, sizeof middle, "%.*f %s", r->digits, f->v[f->n / 2] * r->scale, r->unit);
    snprintf(range, sizeof range, "%.*f..%.*f", r->digits, f->v[0] * r->scale, r->digits, f->v[f->n - 1] * r->scale);
    if (f->n > 1)
        snprintf(runs, sizeof runs, "%d", f->n);
    if (r->goal > 0)
        snprintf(goal, sizeof goal, "<= %g %s  %s", r->goal * r->scale, r->unit,
                 f->v[f->n / 2] <= r->goal ? "met" : "MISSED");
    printf("%-58s %12s %23s %5s %s\n", r->what, middle, f->n > 1 ? range : "", runs, goal);
}

static void print_skipped(const char *what, const char *why) { printf("%-58s skipped: %s\n", what, why); }

static bool said(const struct session *s, const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    diags_print(s, 0, stderr, false);
    return false;
}

/* ---- the program ---- */

/* A command of tokic, its output dropped; seconds, or -1. */
static double timed_command(const char *const *args)
{
    char *argv[16] = { (char[]){ TOKIC_BINARY } };
    for (int i = 0; args[i]; i++)
        argv[i + 1] = (char *)args[i];
    posix_spawn_file_actions_t null;
    posix_spawn_file_actions_init(&null);
    posix_spawn_file_actions_addopen(&null, 1, "/dev/null", O_WRONLY, 0);
    pid_t child;
    int status = -1;
    double start = now();
    if (!posix_spawn(&child, argv[0], &null, NULL, argv, environ))
        waitpid(child, &status, 0);
    double seconds = now() - start;
    posix_spawn_file_actions_destroy(&null);
    return status ? -1 : seconds;
}

static bool bench_command(const struct row *r, int runs, const char *const *args)
{
    struct figure f = { .n = 0 };
    for (; f.n < runs; f.n++) {
        f.v[f.n] = timed_command(args);
        if (f.v[f.n] < 0) {
            fprintf(stderr, "bench: tokic %s failed\n", args[0]);
            return false;
        }
    }
    print_row(r, &f);
    return true;
}

static bool bench_start(void)
{
    return bench_command(&(struct row){ "start: tokic --version", "ms", 1e3, 0.020, 2 }, 31,
                         (const char *[]){ "--version", NULL });
}

/* A build into a fresh directory; there is no cache that could help it. */
static bool bench_build(const char *dir)
{
    const struct row r = { "cold build of moe_sheaf nano for gfx90a", "s", 1, 3, 2 };
    struct session *s = session_begin();
    const char *why = "";
    const char *out = arena_printf(s->run, "%s/build", dir);
    bool good = true;
    if (!compile_available(s, target_find("gfx90a"), &why))
        print_skipped(r.what, why);
    else
        good = bench_command(
            &r, 5,
            (const char *[]){ "build", SOURCE_DIR "/models/moe_sheaf.graph", "--target", "gfx90a", "-o", out, NULL });
    session_end(s);
    return good;
}

static bool bench_verify(void)
{
    static const char *const targets[] = { "emu:gfx90a", "emu:sm_90" };
    bool good = true;
    for (int i = 0; i < 2; i++) {
        char what[80];
        snprintf(what, sizeof what, "verify moe_sheaf nano, end to end, %s", targets[i]);
        good &= bench_command(&(struct row){ what, "s", 1, 0, 2 }, 3,
                              (const char *[]){ "verify", SOURCE_DIR "/models/moe_sheaf.graph", "--against", "cpu",
                                                "--device", targets[i], NULL });
    }
    return good;
}

static bool bench_size(const char *dir)
{
    struct stat st;
    char stripped[600], command[1500];
    snprintf(stripped, sizeof stripped, "%s/tokic", dir);
    snprintf(command, sizeof command, "strip -o '%s' '%s'", stripped, TOKIC_BINARY);
    if (stat(TOKIC_BINARY, &st)) {
        perror(TOKIC_BINARY);
        return false;
    }
    struct figure built = { { (double)st.st_size }, 1 };
    print_row(&(struct row){ "size of the binary, as built", "MB", 1e-6, 2e6, 2 }, &built);
    if (system(command) || stat(stripped, &st)) {
        fprintf(stderr, "bench: %s failed\n", command);
        return false;
    }
    struct figure small = { { (double)st.st_size }, 1 };
    print_row(&(struct row){ "size of the binary, stripped", "MB", 1e-6, 2e6, 2 }, &small);
    return true;
}

/* ---- the emulator: y = a·b in f16, all launches of it and nothing else ---- */

struct matmul {
    struct session *s;
    struct graph *parsed, *after;
    struct program *program;
    struct binding *binding;
    struct code code;
    struct device *device;
    struct exec *exec;
};

static bool matmul_open(struct matmul *m, int n, const struct target *t, bool checking, int threads)
{
    *m = (struct matmul){ .s = session_begin() };
    struct session *s = m->s;
    const char *text = arena_printf(
        s->run, "graph bench\ninput a: f16[%d, %d]\ninput b: f16[%d, %d]\noutput y = matmul(a, b)\n", n, n, n, n);
    struct pass_ctx c = pass_ctx_for(s, t);
    m->parsed = graph_parse(s, source_of_string(s, "bench.graph", text), &(struct graph_options){ 0 });
    if (!m->parsed || !passes_run(m->parsed, &c, pipeline_all, NULL))
        return said(s, "parse");
    m->after = graph_clone(m->parsed);
    if (!passes_run(m->after, &c, pipeline_target, NULL))
        return said(s, "passes");
    m->program = codegen_program(s, m->after, t, c.hint);
    if (!m->program)
        return said(s, "lowering");
    const char *module =
        arena_printf(s->run, "%s%s", spell_prelude(s, t, checking ? SPELL_EMU_CHECKED : SPELL_EMU), m->program->text);
    m->binding = bind_sources(s, m->parsed, &(struct bind_options){ .batch = -1, .seed = 42 });
    if (!m->binding || !compile_host(s, t, module, checking, &m->code))
        return said(s, "compile");
    m->device = emu_open(s, t, checking, threads);
    m->exec = m->device ? exec_open(s, m->program, m->device, &m->code, m->binding) : NULL;
    return m->exec || said(s, "open");
}

static void matmul_close(struct matmul *m)
{
    exec_close(m->exec);
    if (m->device)
        m->device->ops->close(m->device);
    session_end(m->s);
}

/* Seconds of each run; the first run, which touches fresh memory, counts as any other. */
static bool matmul_time(int n, const struct target *t, bool checking, int threads, int runs, struct figure *f)
{
    struct matmul m;
    bool good = matmul_open(&m, n, t, checking, threads);
    for (f->n = 0; good && f->n < runs; f->n++) {
        double start = now();
        good = exec_run(m.exec) || said(m.s, "run");
        f->v[f->n] = now() - start;
    }
    matmul_close(&m);
    return good;
}

static bool bench_matmul(void)
{
    bool good = true;
    for (int i = 0; target_at(i); i++)
        for (int checking = 0; checking < 2; checking++) {
            struct figure f;
            char what[80];
            snprintf(what, sizeof what, "emulated fp16 matmul N=64, %s%s", target_at(i)->name,
                     checking ? ", every check on" : "");
            if ((good &= matmul_time(64, target_at(i), checking, 0, 11, &f)))
                print_row(&(struct row){ what, "ms", 1e3, checking ? 1 : 0.1, 1 }, &f);
        }
    return good;
}

static bool bench_gemm(void)
{
    const int n = 128;
    bool good = true;
    for (int i = 0; target_at(i); i++)
        for (int threads = 1; threads >= 0; threads--) {
            struct figure f;
            char what[80];
            snprintf(what, sizeof what, "emulated GEMM %dx%dx%d, %s, %s", n, n, n, target_at(i)->name,
                     threads ? "1 thread" : "all cores");
            if (!(good &= matmul_time(n, target_at(i), false, threads, 11, &f)))
                continue;
            for (int k = 0; k < f.n; k++)
                f.v[k] = 2.0 * n * n * n / f.v[k];
            print_row(&(struct row){ what, "GFLOP/s", 1e-9, 0, 3 }, &f);
        }
    return good;
}

/* ---- all ---- */

static void print_machine(void)
{
    char line[300] = "";
    char model[300] = "unknown processor";
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
            snprintf(model, sizeof model, "%s", strchr(line, ':') + 2);
            model[strcspn(model, "\n")] = 0;
            break;
        }
    if (f)
        fclose(f);
    printf("tokic %s on %s, %ld cores\n\n", TOKIC_VERSION, model, sysconf(_SC_NPROCESSORS_ONLN));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *base = getenv("TMPDIR");
    char dir[500], command[600];
    snprintf(dir, sizeof dir, "%s/tokic-bench-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(dir)) {
        perror(dir);
        return 1;
    }
    print_machine();
    print_head();
    bool good = bench_start();
    good &= bench_size(dir);
    good &= bench_build(dir);
    good &= bench_verify();
    good &= bench_matmul();
    good &= bench_gemm();
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command))
        perror(dir);
    return !good;
}
