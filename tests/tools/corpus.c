/* No graph text may end in a signal, an internal error, or after more than 10 s at 10,000 nodes. Takes texts of a
   fuzzed corpus to kernel texts for both targets, and some of those that are accepted through the compilers. Every
   second text is a mutation; the others hold whatever the parser accepts (tests/support/wild_graph.h).

   usage: corpus [--seed S] [--from N] [--count N] [--compile EVERY] [--keep DIR]
          corpus [--seed S] --only N           the text itself

   Texts run in a child process; its death is noted with the text's number, and the next child goes on after it.
   --compile: every EVERY-th accepted text also goes through the host's C compiler and the GPU compilers that are here.
   --keep: texts that end badly are written there. Prints a line for each of these; exit 1 if there is any. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/compile/compile.h"
#include "runtime/compiled.h"
#include "tests/support/corpus.h"
#include "tests/support/wild_graph.h"

enum { SECONDS = 10, MOST_NODES = 10000, COMPILE_SECONDS = 120, SAID_BYTES = 600, TEXT_BYTES = 1 << 18 };

struct options {
    uint64_t seed, from, count, compile;
    const char *keep;
};

/* Shared with the child. */
struct progress {
    uint64_t now;
    uint64_t done, accepted, compiled, refused_without_reason;
    char stage[40];
    double slowest;
    uint64_t slowest_number;
    char text[TEXT_BYTES]; /* at work */
};

static const char *const target_names[] = { "gfx90a", "sm_90" };

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* CPU time, since other programs may run here; SIGPROF ends the child. */
static void limit(int seconds)
{
    setitimer(ITIMER_PROF, &(struct itimerval){ .it_value = { .tv_sec = seconds } }, NULL);
}

static void stage(struct progress *p, const char *what, const char *target)
{
    snprintf(p->stage, sizeof p->stage, "%s %s", what, target);
}

/* An accepted text must compile. */
static void compile(struct session *s, struct progress *p, struct compiled *k)
{
    const char *kinds[] = { "emu", "gpu" };
    const char *why;
    limit(COMPILE_SECONDS);
    for (int i = 0; i < 2; i++) {
        if (i && !compile_available(s, k->target, &why))
            continue;
        stage(p, i ? "compiling for" : "compiling for emu of", k->target->name);
        k->text = compiled_text(s, k->target, kinds[i], false, k->program->text);
        if (!compiled_code(s, kinds[i], false, k)) {
            diags_print(s, 0, stderr, false);
            abort();
        }
    }
    limit(0);
}

/* False: refused, with a diagnostic. */
static bool take(const char *text, const char *target, struct progress *p, bool compiles)
{
    struct session *s = session_begin();
    const struct target *t = target_find(target);
    struct pass_ctx c = pass_ctx_for(s, t);
    struct compiled k;
    stage(p, "the graph for", target);
    struct graph *g = compiled_parse(source_of_string(s, "corpus.graph", text),
                                     &(struct graph_options){ .max_nodes = MOST_NODES }, &c, NULL);
    bool ok = g != NULL;
    stage(p, "passes for", target);
    ok = ok && compiled_passes(g, &c, NULL, &k);
    stage(p, "kernels for", target);
    ok = ok && compiled_program(&c, &k);
    limit(0);
    if (ok && compiles)
        compile(s, p, &k);
    if (!ok && !s->n_errors)
        BUG("refused without a diagnostic");
    session_end(s);
    return ok;
}

/* Text `number` of a seed, also in p->text. */
static const char *text_of(const struct corpus *c, const struct options *o, struct arena *a, struct progress *p,
                           uint64_t number)
{
    stage(p, "the making of the text", "");
    if (number % 2)
        return wild_graph_text(a, o->seed * 1000003 + number, p->text, TEXT_BYTES);
    const char *text = corpus_text(c, a, o->seed, number / 2);
    snprintf(p->text, TEXT_BYTES, "%s", text);
    return text;
}

static void run_text(const struct corpus *c, const struct options *o, struct progress *p)
{
    struct arena *a = arena_new();
    limit(SECONDS);
    const char *text = text_of(c, o, a, p, p->now);
    double start = cpu_now();
    bool compiles = o->compile && p->accepted % o->compile == 0;
    double compiling = 0;
    for (int i = 0; i < 2; i++) {
        limit(SECONDS);
        if (!take(text, target_names[i], p, false))
            break;
        if (i == 0)
            continue;
        p->accepted++;
        double before = cpu_now();
        for (int k = 0; k < 2 && compiles; k++)
            take(text, target_names[k], p, true);
        p->compiled += compiles;
        compiling = cpu_now() - before;
    }
    double seconds = (cpu_now() - start - compiling) / 2;
    if (seconds > p->slowest) {
        p->slowest = seconds;
        p->slowest_number = p->now;
    }
    p->done++;
    arena_free(a);
}

__attribute__((noreturn)) static void child(const struct corpus *c, const struct options *o, struct progress *p,
                                            int said)
{
    dup2(said, STDERR_FILENO);
    for (; p->now < o->from + o->count; p->now++) {
        if (ftruncate(said, 0) || lseek(said, 0, SEEK_SET))
            _exit(2);
        run_text(c, o, p);
    }
    _exit(0);
}

static void keep(const struct options *o, const struct progress *p)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%llu_%llu.graph", o->keep, (unsigned long long)o->seed, (unsigned long long)p->now);
    FILE *f = o->keep ? fopen(path, "w") : NULL;
    if (!f)
        return;
    fputs(p->text, f);
    fclose(f);
}

static void tell(const struct corpus *c, const struct progress *p, int status, int said)
{
    char text[SAID_BYTES + 1] = "";
    ssize_t n = pread(said, text, SAID_BYTES, 0);
    text[n > 0 ? n : 0] = 0;
    bool slow = WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF;
    printf("text %llu (from %s), %s: %s\n%s\n", (unsigned long long)p->now,
           p->now % 2 ? "wild" : c->name[corpus_origin(c, p->now / 2)], p->stage,
           slow                  ? "over the time limit"
           : WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
                                 : "an exit",
           text);
    fflush(stdout);
}

static uint64_t run_all(const struct corpus *c, const struct options *o, struct progress *p)
{
    uint64_t bad = 0;
    int said = memfd_create("said", 0);
    for (p->now = o->from; p->now < o->from + o->count; p->now++) {
        fflush(NULL);
        pid_t pid = fork();
        if (!pid)
            child(c, o, p, said);
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            return bad + 1;
        if (!status)
            break;
        bad++;
        tell(c, p, status, said);
        keep(o, p);
    }
    close(said);
    return bad;
}

static bool read_options(int argc, char **argv, struct options *o, bool *only)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t number = strtoull(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--seed"))
            o->seed = number;
        else if (!strcmp(argv[i], "--from"))
            o->from = number;
        else if (!strcmp(argv[i], "--count"))
            o->count = number;
        else if (!strcmp(argv[i], "--compile"))
            o->compile = number;
        else if (!strcmp(argv[i], "--keep"))
            o->keep = argv[i + 1];
        else if (!strcmp(argv[i], "--only")) {
            o->from = number;
            *only = true;
        } else
            return false;
    }
    return argc % 2 == 1;
}

int main(int argc, char **argv)
{
    struct options o = { .seed = 1, .count = 1000 };
    bool only = false;
    if (!read_options(argc, argv, &o, &only)) {
        fprintf(stderr, "usage: corpus [--seed S] [--from N] [--count N] [--compile EVERY] [--keep DIR] [--only N]\n");
        return 2;
    }
    struct corpus *c = corpus_new(SOURCE_DIR);
    struct progress *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return 1;
    if (only) {
        puts(text_of(c, &o, c->arena, p, o.from));
        corpus_free(c);
        return 0;
    }
    uint64_t bad = run_all(c, &o, p);
    printf("%llu texts of seed %llu from %zu graphs and %zu that are refused: %llu accepted for both targets, %llu "
           "compiled, %llu ended badly; "
           "slowest %llu with %.2f s a target\n",
           (unsigned long long)o.count, (unsigned long long)o.seed, c->n_valid, c->n - c->n_valid,
           (unsigned long long)p->accepted, (unsigned long long)p->compiled, (unsigned long long)bad,
           (unsigned long long)p->slowest_number, p->slowest);
    corpus_free(c);
    return bad != 0;
}
