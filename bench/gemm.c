/* Matrix products on a device: the f32 gemm beside a loop of fma in registers alone, which is the most that its units
   give, the f16 gemm with its operands in each order, and a product of few tiles and a long sum.

   usage: gemm [--device nvidia:N | emu:TARGET] [--size N]
   It needs the device's compiler and no other file. Each figure is the median of several runs between two events; peer
   and product take turns, so that both have the clock that the card then runs at. Goals are an H200's at 2048. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/spell.h"
#include "passes/pass.h"
#include "runtime/compile/compile.h"
#include "runtime/device/exec.h"

enum { RUNS = 11, CHAINS = 32, PEER_BLOCK = 256, PEER_WAVES = 8 };

struct bench {
    struct session *s;
    struct device *d;
    bool emulated;
};

static bool failed(const struct bench *b, const char *what)
{
    fprintf(stderr, "gemm: %s\n", what);
    diags_print(b->s, 0, stderr, false);
    return false;
}

static bool compile(struct bench *b, const struct target *t, const char *text, const char *const *names, size_t n,
                    struct code *out)
{
    enum spelling how = b->emulated ? SPELL_EMU : spell_device(t);
    const char *module = arena_printf(b->s->run, "%s%s", spell_prelude(b->s, t, how), text);
    return b->emulated ? compile_host(b->s, t, module, false, out) : compile_gpu(b->s, t, module, names, n, out);
}

/* ---- a product: a program of one group ---- */
/* The target without its matrix unit multiplies in f32. */
static struct exec *open_product(struct bench *b, const char *text, const struct target *t)
{
    struct pass_ctx c = pass_ctx_for(b->s, t);
    struct graph *g = graph_parse(b->s, source_of_string(b->s, "bench", text), &(struct graph_options){ 0 });
    if (!g || !passes_run(g, &c, pipeline_all, NULL))
        return NULL;
    struct graph *after = graph_clone(g);
    struct program *p = passes_run(after, &c, pipeline_target, NULL) ? codegen_program(b->s, after, t, c.hint) : NULL;
    struct binding *bound = p ? bind_sources(b->s, g, &(struct bind_options){ .batch = -1, .seed = 42 }) : NULL;
    if (!bound)
        return NULL;
    const char **names = arena_array(b->s->run, const char *, p->n_kernels + 1);
    for (size_t i = 0; i < p->n_kernels; i++)
        names[i] = p->kernels[i].k->name;
    struct code *code = arena_new_of(b->s->run, struct code);
    return compile(b, t, p->text, names, p->n_kernels, code) ? exec_open(b->s, p, b->d, code, bound) : NULL;
}

/* ---- the peer: CHAINS chains of fma a thread ---- */
struct peer_args {
    dptr out;
    int32_t turns;
};

struct peer {
    struct launch launch;
    struct peer_args args;
    double flops;
};

static const char *peer_text(struct session *s)
{
    const char *text = "struct peer_args { TK_PTR(tk_f32) out; tk_i32 turns; };\n"
                       "TK_KERNEL(peer, 256)\n{\n"
                       "    const tk_f32 x = 0.5f + (tk_f32)tk_tid();\n"
                       "    const tk_f32 y = (tk_f32)tk_bid_x();\n";
    for (int i = 0; i < CHAINS; i++)
        text = arena_printf(s->run, "%s    tk_f32 c%d = %d.0f;\n", text, i, i);
    text = arena_printf(s->run, "%s    for (tk_i32 i = 0; i < a.turns; i++) {\n", text);
    for (int i = 0; i < CHAINS; i++)
        text = arena_printf(s->run, "%s        c%d = tk_fma_f32(c%d, x, y);\n", text, i, i);
    text = arena_printf(s->run, "%s    }\n    tk_f32 sum = 0.0f;\n", text);
    for (int i = 0; i < CHAINS; i++)
        text = arena_printf(s->run, "%s    sum = sum + c%d;\n", text, i);
    return arena_printf(s->run, "%s    if (sum == 0.25f) tk_st_f32(a.out, 0, sum);\n}\n", text);
}

static bool open_peer(struct bench *b, struct peer *p, int turns)
{
    static const char *const names[] = { "peer" };
    struct code *code = arena_new_of(b->s->run, struct code);
    const struct target *t = b->d->target;
    *p = (struct peer){ .args = { .turns = turns } };
    if (!compile(b, t, peer_text(b->s), names, 1, code) || !b->d->ops->alloc(b->d, sizeof(float), &p->args.out))
        return false;
    struct module *m = b->d->ops->load(b->d, code);
    unsigned blocks = (unsigned)(b->emulated ? 2 : t->units * PEER_WAVES);
    p->launch = (struct launch){ .function = m ? b->d->ops->find(b->d, m, "peer") : NULL,
                                 .kernel = "peer",
                                 .grid = { blocks, 1, 1 },
                                 .block = PEER_BLOCK,
                                 .args = &p->args,
                                 .args_size = sizeof p->args };
    p->flops = 2.0 * CHAINS * turns * PEER_BLOCK * blocks;
    return p->launch.function && b->d->ops->prepare(b->d, &p->launch);
}

/* ---- timing ---- */
static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, RUNS, sizeof *v, ascending);
    return v[RUNS / 2];
}

struct clock {
    struct event *from, *to;
};

static bool clock_start(struct bench *b, const struct clock *c, struct stream *st)
{
    return b->d->ops->event_record(b->d, c->from, st);
}

static double clock_stop(struct bench *b, const struct clock *c, struct stream *st)
{
    return b->d->ops->event_record(b->d, c->to, st) ? b->d->ops->event_seconds(b->d, c->from, c->to) : -1;
}

static double time_peer(struct bench *b, const struct clock *c, struct peer *p, struct stream *st)
{
    bool ok = clock_start(b, c, st) && b->d->ops->launch(b->d, st, &p->launch);
    return ok ? clock_stop(b, c, st) : -1;
}

static double time_exec(struct bench *b, const struct clock *c, struct exec *e, int times, bool (*once)(struct exec *e))
{
    bool ok = clock_start(b, c, e->stream);
    for (int i = 0; i < times && ok; i++)
        ok = once(e);
    return ok ? clock_stop(b, c, e->stream) / times : -1;
}

/* ---- figures ---- */
static bool bench_f32(struct bench *b, const struct clock *c, int n)
{
    static const char *const forms[] = { "matmul(a, b)", "matmul(a, b, transpose_b=true)",
                                         "matmul(a, b, transpose_a=true)" };
    struct target lanes = *b->d->target;
    struct peer peer;
    lanes.matrix = NULL;
    if (!open_peer(b, &peer, b->emulated ? 100 : 20000))
        return failed(b, "the fma loop");
    for (int f = 0; f < 3; f++) {
        const char *text = arena_printf(b->s->run,
                                        "graph bench\ninput a: f32[%d, %d] where -1 <= a <= 1\n"
                                        "input b: f32[%d, %d] where -1 <= b <= 1\noutput y: f32[%d, %d] = %s\n",
                                        n, n, n, n, n, n, forms[f]);
        struct exec *e = open_product(b, text, &lanes);
        double of_peer[RUNS], of_gemm[RUNS];
        bool ok = e && time_peer(b, c, &peer, e->stream) > 0 && exec_run(e);
        for (int r = 0; r < RUNS && ok; r++) {
            of_peer[r] = peer.flops / time_peer(b, c, &peer, e->stream);
            of_gemm[r] = 2.0 * n * n * n / time_exec(b, c, e, b->emulated ? 1 : 5, exec_start);
            ok = of_peer[r] > 0 && of_gemm[r] > 0;
        }
        if (!ok)
            return failed(b, forms[f]);
        double most = median(of_peer);
        double share = median(of_gemm) / most;
        printf("f32 %dx%dx%d %-32s %8.2f TFLOP/s, fma loop %8.2f: %.3f of it  goal >= 0.4  %s\n", n, n, n, forms[f],
               median(of_gemm) * 1e-12, most * 1e-12, share,
               b->emulated    ? ""
               : share >= 0.4 ? "met"
                              : "MISSED");
        exec_close(e);
    }
    return true;
}

/* Products of f16 operands on the matrix unit: forward (x·Wᵀ), and backward (dy·W, dyᵀ·x), whose fragments are joined
   from elements that are apart in shared memory. */
static bool bench_f16(struct bench *b, const struct clock *c, int n)
{
    static const char *const forms[] = { "matmul(a, b, transpose_b=true)", "matmul(a, b)",
                                         "matmul(a, b, transpose_a=true)" };
    double forward = 0;
    for (int f = 0; f < 3; f++) {
        const char *text = arena_printf(b->s->run,
                                        "graph bench\ninput a: f16[%d, %d] where -1 <= a <= 1\n"
                                        "input b: f16[%d, %d] where -1 <= b <= 1\noutput y: f16[%d, %d] = %s\n",
                                        n, n, n, n, n, n, forms[f]);
        struct exec *e = open_product(b, text, b->d->target);
        double rate[RUNS];
        bool ok = e && exec_run(e);
        for (int r = 0; r < RUNS && ok; r++) {
            rate[r] = 2.0 * n * n * n / time_exec(b, c, e, b->emulated ? 1 : 20, exec_start);
            ok = rate[r] > 0;
        }
        if (!ok)
            return failed(b, forms[f]);
        double of_form = median(rate);
        forward = f ? forward : of_form;
        printf("f16 %dx%dx%d %-32s %8.2f TFLOP/s: %.3f of the first\n", n, n, n, forms[f], of_form * 1e-12,
               of_form / forward);
        exec_close(e);
    }
    return true;
}

/* Parts of the depth, recorded and submitted as a whole, beside the same product in one launch of 8 blocks: what a card
   of one unit would plan. */
static bool bench_long(struct bench *b, const struct clock *c)
{
    const char *text = "graph bench\ninput x: f16[128, 4096] where -1 <= x <= 1\n"
                       "input w: f16[20, 4096] where -1 <= w <= 1\n"
                       "output y: f16[128, 20] = matmul(x, w, transpose_b=true)\n";
    struct target few = *b->d->target;
    few.units = 8;
    struct exec *parts = open_product(b, text, b->d->target);
    struct exec *whole = open_product(b, text, &few);
    double of_parts[RUNS], of_whole[RUNS];
    bool ok = parts && whole && exec_capture(parts) && exec_capture(whole) && exec_submit(parts) && exec_submit(whole);
    for (int r = 0; r < RUNS && ok; r++) {
        of_parts[r] = time_exec(b, c, parts, b->emulated ? 1 : 100, exec_submit);
        of_whole[r] = time_exec(b, c, whole, b->emulated ? 1 : 100, exec_submit);
        ok = of_parts[r] > 0 && of_whole[r] > 0;
    }
    if (!ok)
        return failed(b, "128x20x4096");
    double faster = median(of_whole) / median(of_parts);
    printf("f16 128x20x4096 in %zu launches %8.2f us, in %zu %8.2f: %.2f times as fast  goal >= 2  %s\n",
           parts->p->n_launches, median(of_parts) * 1e6, whole->p->n_launches, median(of_whole) * 1e6, faster,
           b->emulated   ? ""
           : faster >= 2 ? "met"
                         : "MISSED");
    exec_close(parts);
    exec_close(whole);
    return true;
}

static bool open_device(struct bench *b, const char *spec)
{
    if (!strncmp(spec, "nvidia:", 7))
        b->d = nvidia_open(b->s, atoi(spec + 7));
    else if (!strncmp(spec, "emu:", 4) && target_find(spec + 4))
        b->d = emu_open(b->s, target_find(spec + 4), false, 1);
    b->emulated = b->d && !strcmp(b->d->ops->kind, "emu");
    return b->d || failed(b, "no such device; there are nvidia:N and emu:TARGET");
}

int main(int argc, char **argv)
{
    const char *spec = "nvidia:0";
    int n = 2048;
    int i = 1;
    for (; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--device"))
            spec = argv[i + 1];
        else if (!strcmp(argv[i], "--size"))
            n = atoi(argv[i + 1]);
        else
            break;
    }
    if (i < argc || n < 1) {
        fprintf(stderr, "usage: gemm [--device nvidia:N | emu:TARGET] [--size N]\n");
        return 2;
    }
    struct bench b = { .s = session_begin() };
    bool good = open_device(&b, spec);
    struct clock c = { good ? b.d->ops->event_new(b.d) : NULL, good ? b.d->ops->event_new(b.d) : NULL };
    good = good && c.from && c.to && bench_f32(&b, &c, n) && bench_f16(&b, &c, n) && bench_long(&b, &c);
    if (b.d)
        b.d->ops->close(b.d);
    session_end(b.s);
    return !good;
}
