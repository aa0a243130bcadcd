/* Where the time goes from text to kernel texts: stages FILE [TARGET [LAST]], CPU seconds a stage; LAST: the pass to
   stop after. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "codegen/program.h"
#include "passes/pass.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double say(const char *what, double since)
{
    double t = now();
    printf("%-10s %8.3f s\n", what, t - since);
    fflush(stdout);
    return t;
}

static bool run(struct session *s, const char *path, const struct target *t, const char *last)
{
    double start = now();
    const struct source *src = source_read(s, path);
    struct graph *g = src ? graph_parse(s, src, NULL) : NULL;
    double at = say("parse", start);
    if (!g)
        return false;
    printf("%zu nodes\n", g->n_nodes);
    struct pass_ctx c = pass_ctx_for(s, t);
    s->log = LOG_PASS;
    s->log_to = stdout;
    if (!passes_run(g, &c, pipeline_all, NULL))
        return false;
    say("all", at);
    at = now();
    struct graph *after = graph_clone(g);
    at = say("clone", at);
    if (!passes_run(after, &c, pipeline_target, &(struct pass_options){ .stop_after = last }))
        return false;
    at = say("target", at);
    struct program *p = last ? NULL : codegen_program(s, after, t, c.hint);
    if (p)
        say("codegen", at);
    if (p)
        printf("%zu groups, %zu kernels, %zu bytes of text\n", after->n_groups, p->n_kernels, strlen(p->text));
    say("in all", start);
    return last || p;
}

int main(int argc, char **argv)
{
    const struct target *t = target_find(argc > 2 ? argv[2] : "sm_90");
    if (argc < 2 || !t) {
        fputs("usage: stages FILE [TARGET [LAST]]\n", stderr);
        return 2;
    }
    struct session *s = session_begin();
    bool ok = run(s, argv[1], t, argc > 3 ? argv[3] : NULL);
    diags_print(s, 0, stderr, false);
    session_end(s);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("peak memory %ld MiB\n", use.ru_maxrss / 1024);
    return ok ? 0 : 1;
}
