/* Measures tokic's math functions (codegen/prelude/math.h) on this machine: the worst error in f32 ulp over all 2^32
   inputs, or every N-th.

       ulp [--stride N] [exp|exp2|log|log2|tanh|erf|rsqrt|sigmoid|sin|cos|log1p ...]

   The bits are those of every device, so the numbers are too. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/support/math_host.h"

enum { THREADS = 2, CHUNK = 4096 };

/* One function: many values at once, so that the compiler can vectorise, and the reference of one. */
struct fn {
    const char *name;
    void (*many)(const float *x, float *y);
    double (*ref)(double x);
};
#define MANY(f)                                                                                                        \
    static void f##_many(const float *restrict x, float *restrict y)                                                   \
    {                                                                                                                  \
        for (int i = 0; i < CHUNK; i++)                                                                                \
            y[i] = tk_##f##_f32(x[i]);                                                                                 \
    }
MATH_HOST_NAMES(MANY)
#define ROW(f) { #f, f##_many, f##_ref },
static const struct fn fns[] = { MATH_HOST_NAMES(ROW) };
enum { N_FNS = sizeof fns / sizeof *fns };

/* The chunks first, first + THREADS, ... of the inputs 0, stride, 2·stride, ... and what was found in them. */
struct share {
    const struct fn *fn;
    uint64_t first, stride;
    double worst;
    uint32_t at;
    uint64_t special, above_one;
    uint32_t special_at;
};

static void share_chunk(struct share *w, const uint32_t *bits, const float *x, const float *y, int n)
{
    for (int i = 0; i < n; i++) {
        double ref = w->fn->ref((double)x[i]);
        double err = math_ulp_error(y[i], ref);
        if (err > w->worst) {
            w->worst = err;
            w->at = bits[i];
        }
        if (err > 1)
            w->above_one++;
        if (math_special_differs(y[i], ref)) {
            w->special++;
            w->special_at = bits[i];
        }
    }
}

static void *share_run(void *arg)
{
    struct share *w = arg;
    uint32_t bits[CHUNK];
    float x[CHUNK] = { 0 }, y[CHUNK];
    uint64_t total = (0xFFFFFFFFu / w->stride) + 1;
    for (uint64_t c = w->first; c * CHUNK < total; c += THREADS) {
        int n = total - c * CHUNK < CHUNK ? (int)(total - c * CHUNK) : CHUNK;
        for (int i = 0; i < n; i++) {
            bits[i] = (uint32_t)((c * CHUNK + (uint64_t)i) * w->stride);
            x[i] = tk_bits_f32(bits[i]);
        }
        w->fn->many(x, y);
        share_chunk(w, bits, x, y, n);
    }
    return NULL;
}

/* Prints one line; false if anything but a rounding error was found. */
static bool fn_measure(const struct fn *fn, uint64_t stride)
{
    struct share w[THREADS];
    pthread_t thread[THREADS];
    struct timespec t0, t1;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    for (int i = 0; i < THREADS; i++) {
        w[i] = (struct share){ .fn = fn, .first = (uint64_t)i, .stride = stride };
        if (pthread_create(&thread[i], NULL, share_run, &w[i]) != 0) {
            fprintf(stderr, "ulp: cannot start a thread\n");
            exit(1);
        }
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    struct share all = w[0];
    for (int i = 1; i < THREADS; i++) {
        if (w[i].worst > all.worst) {
            all.worst = w[i].worst;
            all.at = w[i].at;
        }
        if (w[i].special)
            all.special_at = w[i].special_at;
        all.special += w[i].special;
        all.above_one += w[i].above_one;
    }
    double x = (double)tk_bits_f32(all.at);
    printf("%-8s %8.4f  %08x %16.9g  %10llu  %7llu", fn->name, all.worst, all.at, x, (unsigned long long)all.above_one,
           (unsigned long long)all.special);
    if (all.special)
        printf(" (%08x)", all.special_at);
    printf("  %5.1f s\n", (double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec));
    fflush(stdout);
    return all.special == 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: ulp [--stride N] [function ...]\n");
    return 2;
}

int main(int argc, char **argv)
{
    uint64_t stride = 1;
    bool chosen[N_FNS] = { false };
    bool any = false;
    bool good = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--stride") == 0 && i + 1 < argc) {
            stride = strtoull(argv[++i], NULL, 10);
            if (stride < 1 || stride > 0xFFFFFFFFu)
                return usage();
            continue;
        }
        int f = 0;
        while (f < N_FNS && strcmp(argv[i], fns[f].name) != 0)
            f++;
        if (f == N_FNS)
            return usage();
        chosen[f] = any = true;
    }
    printf("%-8s %8s  %8s %16s  %10s  %7s\n", "function", "ulp", "input", "", "above 1", "special");
    for (int f = 0; f < N_FNS; f++) {
        if (!any || chosen[f])
            good &= fn_measure(&fns[f], stride);
    }
    return good ? 0 : 1;
}
