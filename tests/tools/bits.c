/* By hand, on a machine with a GPU: do a device and its emulation give the same bits? Each graph's program runs launch
   by launch on emu and on the device, from one text; every result of every kernel is compared bit for bit, and each
   kernel is judged on the device, and the passes against the parsed graph.

   usage: bits [--device nvidia:N | amd:N | emu:TARGET] [--random N] [--seed S] [--wild] [--grad] [--exact]
               [--check N] [--threads T]
               [GRAPH[:SIZE[:BATCH]]]...
   --exact: the kernels also run over the field of 2^61 - 1 and must equal the reference there.
   --check N: every N-th random graph also runs in the checking emulator, which must raise no alarm.
   --grad: also the gradients of the graph's loss by all that it reaches.
   --wild: inputs with subnormals, huge values, ties, NaN, infinities, integers' extremes; batches of 0 to 1,000.
   Prints a line a graph, with what was not judged and why; exit 1 on any difference, wrong kernel or pass, element
   unjudged without a reason, or failure. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/chain.h"
#include "tests/support/random_graph.h"
#include "tests/support/wild.h"

struct job {
    const char *spec;
    long random, seed;
    int threads;
    bool wild, grad, exact;
    long check;
};
struct total {
    int graphs, bad;
    int64_t kernels, values, differing, judged, unjudged;
    double worst;
};

/* Counts what was judged; false if an element was not and nothing says why. */
static bool count_judged(const struct verify_report *r, struct total *sum)
{
    bool reasons = true;
    for (size_t i = 0; i < r->n_kernels; i++) {
        const struct kernel_verdict *v = &r->kernels[i];
        sum->judged += v->elements;
        sum->unjudged += v->range;
        reasons &= !v->range || (v->blind_of && v->blind_why);
        if (v->range)
            printf("    not judged: %lld of %lld of kernel %s: %s %s\n", (long long)v->range,
                   (long long)(v->elements + v->range), v->blind->op->call.name,
                   v->blind_of ? v->blind_of->op->call.name : "?", v->blind_why ? v->blind_why : "?");
    }
    return reasons;
}

static struct device *device_open(struct session *s, const char *spec)
{
    if (!strncmp(spec, "nvidia:", 7))
        return nvidia_open(s, atoi(spec + 7));
    if (!strncmp(spec, "amd:", 4))
        return amd_open(s, atoi(spec + 4));
    const struct target *t = !strncmp(spec, "emu:", 4) ? target_find(spec + 4) : NULL;
    return t ? emu_open(s, t, false, 3) : NULL;
}

/* The same kernels for the device: prelude of its dialect before the same bytes. */
static bool compile_for(struct chain *c, const struct device *d, struct code *out)
{
    struct compiled k = { .target = c->target, .program = c->program };
    k.text = compiled_text(c->s, c->target, d->ops->kind, false, c->text);
    bool good = compiled_code(c->s, d->ops->kind, false, &k);
    *out = k.code;
    return good;
}

static bool compare(struct chain *c, struct device *emu, struct device *dev, int64_t batch, const struct job *j,
                    struct same_bits *bits, struct verify_report *r)
{
    struct code code;
    struct binding *b = chain_bind(c, batch, 42);
    if (!b || !chain_compile(&c, 1, false) || !compile_for(c, dev, &code))
        return false;
    if (j->wild)
        wild_fill(b, (uint64_t)j->seed * 1000003 + (uint64_t)batch + strlen(c->src->text));
    struct exec *x = exec_open(c->s, c->program, emu, &c->code, b);
    struct exec *y = x ? exec_open(c->s, c->program, dev, &code, b) : NULL;
    struct reference *ref = reference_begin(c->s, c->parsed, b, &(struct judge_how){ .threads = j->threads });
    bool ok = y && chain_same_bits(x, y, bits) && verify_kernels(y, ref, NULL, r) &&
              verify_passes(ref, c->after, &c->ctx, &c->passes, r);
    reference_end(ref);
    exec_close(x);
    exec_close(y);
    return ok;
}

static bool is_exact(struct chain *c, int64_t batch, const struct job *j)
{
    struct exact_report r = { 0 };
    struct binding *b = chain_bind(c, batch, 42);
    if (!b || !exact_field(c->s, c->program, b, j->threads, &r))
        return false;
    for (size_t i = 0; i < r.n_kernels; i++)
        if (!exact_is_equal(&r.kernels[i]))
            printf("    over the field: kernel %s: %lld of %lld elements unequal, %lld accesses outside\n",
                   r.kernels[i].group->name, (long long)r.kernels[i].unequal, (long long)r.kernels[i].elements,
                   (long long)r.kernels[i].outside);
    return r.pass;
}

static bool raises_no_alarm(struct chain *c, int64_t batch)
{
    if (!chain_compile(&c, 1, true))
        return false;
    struct device *d = emu_open(c->s, c->target, true, 1);
    bool ok = d && chain_launch(c, d, batch);
    if (d)
        d->ops->close(d);
    if (!ok)
        printf("    an alarm of the checking emulator\n");
    return ok;
}

static void run_one(const struct job *j, const char *name, const char *size, int64_t batch, long random,
                    struct total *sum)
{
    struct session *s = session_begin();
    struct same_bits bits = { 0 };
    struct verify_report r = { 0 };
    struct device *dev = device_open(s, j->spec);
    struct device *emu = dev ? emu_open(s, dev->target, false, j->threads) : NULL;
    const struct source *src = NULL;
    const char *text = emu && !name ? j->grad ? random_loss_text(s->run, (uint64_t)random)
                                              : random_graph_text(s->run, (uint64_t)random)
                                    : NULL;
    if (emu)
        src = name ? source_read(s, name) : source_of_string(s, "random", j->wild ? wild_text(s->run, text) : text);
    struct chain *c =
        src ? chain_new(s, emu->target, src,
                        &(struct chain_options){ .size = size, .gradients = j->grad && strstr(src->text, "loss =") })
            : NULL;
    bool ok = c && compare(c, emu, dev, batch, j, &bits, &r) && (!j->exact || is_exact(c, batch, j)) &&
              (!j->check || random % j->check || raises_no_alarm(c, batch));
    bool good = ok && !bits.differing && r.pass && r.passes_ok && !chain_culprit(&r);
    const char *title =
        name ? arena_printf(s->run, "%s:%s", name, size ? size : "") : arena_printf(s->run, "random %ld", random);
    printf("%-40s %6lld %8lld %10lld %10lld %10.3f  %s\n", title, (long long)batch, (long long)bits.kernels,
           (long long)bits.values, (long long)bits.differing, r.worst,
           good ? "ok"
           : ok ? "WRONG"
                : "FAILED");
    if (!count_judged(&r, sum)) {
        printf("    an element is not judged, and nothing says why\n");
        good = false;
    }
    if (bits.first)
        printf("    %s\n", bits.first);
    if (chain_culprit(&r))
        printf("    %s\n", chain_wrong(s, &r));
    if (!good && !name && src)
        printf("%s\n", src->text);
    if (!ok)
        diags_print(s, 0, stdout, false);
    fflush(stdout);
    sum->graphs++;
    sum->bad += !good;
    sum->kernels += bits.kernels;
    sum->values += bits.values;
    sum->differing += bits.differing;
    if (r.worst > sum->worst)
        sum->worst = r.worst;
    if (emu)
        emu->ops->close(emu);
    if (dev)
        dev->ops->close(dev);
    session_end(s);
}

/* GRAPH[:SIZE[:BATCH]] */
static void run_named(const struct job *j, char *arg, struct total *sum)
{
    char *size = strchr(arg, ':');
    char *batch = size ? strchr(size + 1, ':') : NULL;
    if (size)
        *size++ = 0;
    if (batch)
        *batch++ = 0;
    run_one(j, arg, size && *size ? size : NULL, batch ? atoll(batch) : 128, 0, sum);
}

int main(int argc, char **argv)
{
    struct job j = { .spec = "nvidia:0", .seed = 1, .threads = 2 };
    struct total sum = { 0 };
    char **names = calloc((size_t)argc, sizeof *names);
    int n = 0;
    BUG_IF(!names, "out of memory");
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--device")) {
            j.spec = value;
            i++;
        } else if (!strcmp(argv[i], "--random")) {
            j.random = atol(value);
            i++;
        } else if (!strcmp(argv[i], "--seed")) {
            j.seed = atol(value);
            i++;
        } else if (!strcmp(argv[i], "--threads")) {
            j.threads = atoi(value);
            i++;
        } else if (!strcmp(argv[i], "--exact")) {
            j.exact = true;
        } else if (!strcmp(argv[i], "--check")) {
            j.check = atol(value);
            i++;
        } else if (!strcmp(argv[i], "--grad")) {
            j.grad = true;
        } else if (!strcmp(argv[i], "--wild")) {
            j.wild = true;
        } else
            names[n++] = argv[i];
    }
    printf("%-40s %6s %8s %10s %10s %10s\n", "graph", "batch", "kernels", "values", "differing", "obs/bound");
    for (int i = 0; i < n; i++)
        run_named(&j, names[i], &sum);
    static const int64_t batches[] = { 1, 7, 33, 128, 0, 65, 1000, 2, 257 };
    for (long i = 0; i < j.random; i++)
        run_one(&j, NULL, NULL, batches[i % (j.wild ? 9 : 6)], j.seed + i, &sum);
    printf("%d graphs on %s: %lld kernels, %lld values, %lld differing, %lld judged, %lld not, observed/bound at most "
           "%.3f, "
           "%d bad\n",
           sum.graphs, j.spec, (long long)sum.kernels, (long long)sum.values, (long long)sum.differing,
           (long long)sum.judged, (long long)sum.unjudged, sum.worst, sum.bad);
    free(names);
    return sum.bad || !sum.graphs;
}
