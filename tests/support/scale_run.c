#include "tests/support/scale_run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/small_run.h"

enum { HINT = 128 };

/* y and z for every value of the dims. */
static bool grids_fit(const struct program *p, struct scale_report *r)
{
    for (size_t i = 0; i < p->n_launches; i++)
        for (int axis = 0; axis < 3; axis++) {
            const struct index *e = p->launches[i].k->grid[axis];
            int64_t size = axis ? e->hi : index_eval_hint(e, HINT);
            if (size > (int64_t)p->target->max_grid[axis]) {
                snprintf(r->why, sizeof r->why, "a grid of %lld along its axis %d", (long long)size, axis);
                return false;
            }
        }
    return true;
}

static void lower_text(const char *text, struct scale_report *r)
{
    struct small_run run;
    small_begin(&run, text, "sm_90");
    bool lowered = small_steps(&run, 0, SMALL_LOWERED);
    r->nodes = run.parsed ? run.parsed->n_nodes : 0;
    if (!lowered)
        snprintf(r->why, sizeof r->why, "%s", run.s->n_diags ? run.s->diags[0].text : "failed without a diagnostic");
    else if (grids_fit(run.program, r)) {
        r->kernels = true;
        r->launches = run.program->n_launches;
        r->bytes = strlen(run.program->text);
    }
    small_end(&run);
}

__attribute__((noreturn)) static void child(char *(*text)(int n), int n, unsigned limit, struct scale_report *r)
{
    static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL); /* a test framework has its own */
    alarm(limit);
    char *t = text(n);
    lower_text(t, r);
    free(t);
    _exit(0);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void note_end(struct scale_report *r, int status, unsigned limit)
{
    r->crashed = status != 0;
    if (r->crashed)
        r->kernels = false;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        snprintf(r->why, sizeof r->why, "not done in %u s", limit);
    else if (WIFSIGNALED(status))
        snprintf(r->why, sizeof r->why, "ended by: %s", strsignal(WTERMSIG(status)));
    else if (r->crashed)
        snprintf(r->why, sizeof r->why, "exit code %d", WEXITSTATUS(status));
}

struct scale_report scale_run(char *(*text)(int n), int n, unsigned limit)
{
    struct scale_report got = { .crashed = true, .why = "no process" };
    struct scale_report *r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r == MAP_FAILED)
        return got;
    fflush(NULL);
    double begin = now();
    pid_t pid = fork();
    if (!pid)
        child(text, n, limit, r);
    int status;
    struct rusage use;
    if (pid > 0 && wait4(pid, &status, 0, &use) == pid) {
        r->seconds = now() - begin;
        r->megabytes = (size_t)use.ru_maxrss / 1024;
        note_end(r, status, limit);
        got = *r;
    }
    munmap(r, sizeof *r);
    return got;
}
