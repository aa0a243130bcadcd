/* Random graphs through the whole line on both emulated targets: passes print and read back, every kernel stays within
   its bound, passes keep values, and the checking emulator has nothing to say. A failure shows its graph. */
#include "tests/support/support.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/chain.h"
#include "tests/support/random_graph.h"

enum { GRAPHS = 100, CHUNK = 25, OP_SEEDS = 3, MAX_CHAINS = 512, CLEAN_KERNELS = 200, CHECKED = 30 };

/* This run does every graph whose number, from 0, is `at` modulo `of`: the runs of all shards do all graphs once. */
struct shard {
    uint64_t at, of;
};

struct tally {
    int graphs, kernels;
    int64_t elements, range;
    double worst;
};

/* ---- what was being done when the program broke off ---- */
static const char *volatile at_work = "";

static void show_and_die(int sig)
{
    static const char head[] = "\nthe graph at work:\n";
    ssize_t n = write(STDERR_FILENO, head, sizeof head - 1);
    n = write(STDERR_FILENO, at_work, strlen(at_work));
    (void)n;
    signal(sig, SIG_DFL);
    raise(sig);
}

__attribute__((noreturn)) static void fail_graph(struct session *s, const struct target *t, const char *text,
                                                 int64_t batch, const char *what)
{
    fprintf(stderr, "\n%s, batch %lld:\n%s\n%s%s", t->name, (long long)batch, text, what, chain_why(s, 0));
    fail_msg("a random graph on %s", t->name);
    __builtin_unreachable();
}

/* ---- many graphs, one module ---- */
struct chunk {
    struct session *s;
    const struct target *t;
    struct chain *chains[MAX_CHAINS];
    size_t n;
    struct device *d;
};

static void chunk_begin(struct chunk *c, const char *target)
{
    *c = (struct chunk){ .s = session_begin(), .t = target_find(target) };
    assert_non_null(c->t);
}

static void chunk_add(struct chunk *c, const char *text)
{
    at_work = text;
    struct chain_options o = { .gradients = strstr(text, "\nloss = ") };
    struct chain *l = chain_new(c->s, c->t, source_of_string(c->s, "random", text), &o);
    if (!l)
        fail_graph(c->s, c->t, text, -1, "");
    assert_true(c->n < MAX_CHAINS);
    c->chains[c->n++] = l;
}

static void chunk_compile(struct chunk *c, bool checked)
{
    if (!chain_compile(c->chains, c->n, checked))
        fail_msg("%s", chain_why(c->s, 0));
    c->d = emu_open(c->s, c->t, checked, 1);
    assert_non_null(c->d);
}

static void chunk_end(struct chunk *c)
{
    c->d->ops->close(c->d);
    session_end(c->s);
}

static void judge_one(struct chunk *c, struct chain *l, int64_t batch, struct tally *sum)
{
    struct verify_report r;
    at_work = l->src->text;
    if (!chain_judge(l, c->d, batch, 1, &r))
        fail_graph(c->s, c->t, l->src->text, batch, "");
    if (!r.pass || !r.passes_ok || chain_culprit(&r))
        fail_graph(c->s, c->t, l->src->text, batch, chain_wrong(c->s, &r));
    for (size_t k = 0; k < r.n_kernels; k++) {
        sum->elements += r.kernels[k].elements;
        sum->range += r.kernels[k].range;
    }
    if (r.worst > sum->worst)
        sum->worst = r.worst;
}

static int64_t odd_batch(uint64_t seed) { return 5 + 2 * (int64_t)(seed % 12); }

static void judge_random(const struct shard *shard, const char *target, uint64_t first)
{
    struct tally sum = { 0 };
    for (uint64_t number = shard->at; number < GRAPHS;) {
        struct chunk c;
        uint64_t seeds[CHUNK];
        chunk_begin(&c, target);
        for (; number < GRAPHS && c.n < CHUNK; number += shard->of) {
            seeds[c.n] = first + number;
            chunk_add(&c, seeds[c.n] % 2 ? random_loss_text(c.s->run, seeds[c.n])
                                         : random_graph_text(c.s->run, seeds[c.n]));
        }
        chunk_compile(&c, false);
        for (size_t i = 0; i < c.n; i++) {
            for (int64_t batch = 0; batch < 2; batch++)
                judge_one(&c, c.chains[i], batch, &sum);
            judge_one(&c, c.chains[i], odd_batch(seeds[i]), &sum);
            sum.graphs++;
            sum.kernels += (int)c.chains[i]->program->n_launches;
        }
        chunk_end(&c);
    }
    print_message("%s: %d random graphs, %d kernels, each judged at three batch sizes: %lld elements, %lld out of "
                  "range, observed/bound at most %.3f\n",
                  target, sum.graphs, sum.kernels, (long long)sum.elements, (long long)sum.range, sum.worst);
    assert_int_equal(sum.graphs, (GRAPHS - shard->at + shard->of - 1) / shard->of);
    assert_true(sum.kernels >= sum.graphs);
    assert_true(sum.elements > 100 * sum.range);
    assert_true(sum.worst <= 1);
}

static void test_random_graphs_gfx90a(void **state) { judge_random(*state, "gfx90a", 1000); }
static void test_random_graphs_sm_90(void **state) { judge_random(*state, "sm_90", 2000); }

/* Every op by itself, as its row draws it. */
static void judge_ops(const struct shard *shard, const char *target, uint64_t first)
{
    struct tally sum = { 0 };
    struct chunk c;
    chunk_begin(&c, target);
    for (int i = (int)shard->at; op_at(i); i += (int)shard->of)
        for (uint64_t seed = first; seed < first + OP_SEEDS; seed++) {
            const char *text = random_op_text(c.s, op_at(i), seed);
            if (text)
                chunk_add(&c, text);
        }
    chunk_compile(&c, false);
    for (size_t i = 0; i < c.n; i++) {
        judge_one(&c, c.chains[i], -1, &sum);
        sum.kernels += (int)c.chains[i]->program->n_launches;
    }
    print_message(
        "%s: %zu graphs of one op, %d kernels, %lld elements, %lld out of range, observed/bound at most %.3f\n", target,
        c.n, sum.kernels, (long long)sum.elements, (long long)sum.range, sum.worst);
    assert_true(c.n > 100 / (shard->of + 1) && sum.elements > 100 * sum.range && sum.worst <= 1);
    chunk_end(&c);
}

static void test_ops_gfx90a(void **state) { judge_ops(*state, "gfx90a", 10); }
static void test_ops_sm_90(void **state) { judge_ops(*state, "sm_90", 20); }

/* The checking emulator raises no false alarm: a race, a stray or unwritten access, a touch in flight would fail the
   launch. */
static void test_no_alarm(void **state)
{
    const struct shard *shard = *state;
    static const char *const targets[] = { "gfx90a", "sm_90" };
    int clean = 0;
    int runs = 0;
    for (int i = 0; i < 2; i++) {
        struct chunk c;
        chunk_begin(&c, targets[i]);
        for (uint64_t seed = shard->at; seed < CHECKED; seed += shard->of)
            chunk_add(&c, random_loss_text(c.s->run, 3000 + seed));
        chunk_compile(&c, true);
        for (size_t k = 0; k < c.n; k++) {
            at_work = c.chains[k]->src->text;
            int64_t batches[] = { 1, odd_batch(shard->at + k * shard->of) };
            for (int b = 0; b < 2; b++, runs++)
                if (!chain_launch(c.chains[k], c.d, batches[b]))
                    fail_graph(c.s, c.t, c.chains[k]->src->text, batches[b], "an alarm:\n");
            clean += (int)c.chains[k]->program->n_launches;
        }
        chunk_end(&c);
    }
    print_message("checking emulator: %d clean random kernels without alarm, in %d runs\n", clean, runs);
    assert_true(clean >= CLEAN_KERNELS / (int)(shard->of + 1));
}

/* test_random [SHARD SHARDS]: shard 1 up to SHARDS; without, all graphs. */
int main(int argc, char **argv)
{
    struct shard shard = { 0, 1 };
    if (argc == 3)
        shard = (struct shard){ strtoull(argv[1], NULL, 10) - 1, strtoull(argv[2], NULL, 10) };
    if (shard.at >= shard.of) {
        fprintf(stderr, "usage: test_random [SHARD SHARDS]\n");
        return 2;
    }
    signal(SIGABRT, show_and_die);
    signal(SIGSEGV, show_and_die);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_random_graphs_gfx90a, &shard),
        cmocka_unit_test_prestate(test_random_graphs_sm_90, &shard),
        cmocka_unit_test_prestate(test_ops_gfx90a, &shard),
        cmocka_unit_test_prestate(test_ops_sm_90, &shard),
        cmocka_unit_test_prestate(test_no_alarm, &shard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
