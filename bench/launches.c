/* What launching costs the host, on any device: thirty prepared launches on a stream, and the same recorded and
   submitted as a whole. `launches [--device nvidia:0|amd:0|emu:sm_90]`; it needs the device's compiler and no other
   file. Goals are an H200's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "passes/pass.h"
#include "runtime/compiled.h"
#include "runtime/device/exec.h"

enum { LAUNCHES = 30, WARM_UP = 20, RUNS = 201 };

static const char text[] = "graph launches\n"
                           "dim B\n"
                           "block layer(x: f32[B, 64]) -> float[B, 64] {\n"
                           "    return gelu(layernorm(linear(x, 64)))\n"
                           "}\n"
                           "input x: f32[B, 64] where -1 <= x <= 1\n"
                           "h = layer(x)\n"
                           "repeat 14 { h = layer(h) }\n"
                           "output y = h\n";

struct bench {
    struct session *s;
    struct device *d;
    struct graph *parsed, *after;
    struct program *program;
    struct binding *binding;
    struct code code;
    struct exec *exec;
};

static bool failed(const struct bench *b, const char *what)
{
    fprintf(stderr, "launches: %s\n", what);
    diags_print(b->s, 0, stderr, false);
    return false;
}

static bool open_device(struct bench *b, const char *spec)
{
    int number = strchr(spec, ':') ? atoi(strchr(spec, ':') + 1) : 0;
    if (!strncmp(spec, "nvidia", 6))
        b->d = nvidia_open(b->s, number);
    else if (!strncmp(spec, "amd", 3))
        b->d = amd_open(b->s, number);
    else if (!strncmp(spec, "emu:", 4) && target_find(spec + 4))
        b->d = emu_open(b->s, target_find(spec + 4), false, 1);
    return b->d || failed(b, "no such device; there are nvidia:N, amd:N, emu:TARGET");
}

static bool lower(struct bench *b)
{
    struct pass_ctx c = pass_ctx_for(b->s, b->d->target);
    b->parsed = graph_parse(b->s, source_of_string(b->s, "launches", text), &(struct graph_options){ 0 });
    if (!b->parsed || !passes_run(b->parsed, &c, pipeline_all, NULL))
        return failed(b, "parse");
    b->after = graph_clone(b->parsed);
    if (!passes_run(b->after, &c, pipeline_target, NULL))
        return failed(b, "passes");
    b->program = codegen_program(b->s, b->after, b->d->target, c.hint);
    b->binding = bind_sources(b->s, b->parsed, &(struct bind_options){ .batch = 32, .seed = 1 });
    return (b->program && b->binding) || failed(b, "lowering");
}

static bool compile(struct bench *b)
{
    struct compiled c = { .target = b->d->target, .program = b->program };
    c.text = compiled_text(b->s, b->d->target, b->d->ops->kind, false, b->program->text);
    bool good = compiled_code(b->s, b->d->ops->kind, false, &c);
    b->code = c.code;
    return good || failed(b, "compile");
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_figure(const char *what, double *v, double goal)
{
    qsort(v, RUNS, sizeof *v, ascending);
    printf("%-52s %8.2f us  (%.2f..%.2f)", what, v[RUNS / 2] * 1e6, v[0] * 1e6, v[RUNS - 1] * 1e6);
    if (goal > 0)
        printf("  goal <= %g us  %s", goal * 1e6, v[RUNS / 2] <= goal ? "met" : "MISSED");
    putchar('\n');
}

/* Time until `submit` returns, and until all of it is done. */
static bool measure(struct bench *b, const char *what, bool (*submit)(struct exec *), double goal)
{
    static const char whole[] = "until it is done";
    double host[RUNS];
    double all[RUNS];
    for (int i = -WARM_UP; i < RUNS; i++) {
        double start = now();
        bool good = submit(b->exec);
        double submitted = now();
        if (!good || !exec_sync(b->exec))
            return failed(b, what);
        if (i < 0)
            continue;
        host[i] = submitted - start;
        all[i] = now() - start;
    }
    print_figure(what, host, goal);
    print_figure(whole, all, 0);
    return true;
}

static bool run(struct bench *b, const char *spec)
{
    if (!open_device(b, spec) || !lower(b) || !compile(b))
        return false;
    b->exec = exec_open(b->s, b->program, b->d, &b->code, b->binding);
    if (!b->exec)
        return failed(b, "open");
    printf("%s (%s), %zu launches, median of %d\n", b->d->name, b->d->spec, b->program->n_launches, RUNS);
    if (b->program->n_launches != LAUNCHES)
        printf("not the %d launches that the goals are for\n", LAUNCHES);
    bool gpu = strcmp(b->d->ops->kind, "emu");
    return measure(b, "prepared launches on a stream", exec_start, gpu ? 100e-6 : 0) &&
           (exec_capture(b->exec) || failed(b, "capture")) &&
           measure(b, "the same, recorded, submitted as a whole", exec_submit, gpu ? 5e-6 : 0);
}

int main(int argc, char **argv)
{
    const char *spec = argc == 3 && !strcmp(argv[1], "--device") ? argv[2] : argc == 1 ? "nvidia:0" : NULL;
    if (!spec) {
        fprintf(stderr, "usage: launches [--device nvidia:0|amd:0|emu:sm_90]\n");
        return 2;
    }
    struct bench b = { .s = session_begin() };
    bool good = run(&b, spec);
    exec_close(b.exec);
    if (b.d)
        b.d->ops->close(b.d);
    session_end(b.s);
    return !good;
}
