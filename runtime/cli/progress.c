#include "runtime/cli/progress.h"

#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool is_terminal(FILE *f) { return f && fileno(f) >= 0 && isatty(fileno(f)); }

void progress_begin(struct progress *p, FILE *to, double all)
{
    *p = (struct progress){ .to = is_terminal(to) ? to : NULL, .begun = now(), .all = all };
}

const char *time_to_go(char out[40], double spent, double done)
{
    double left = done > 0 && done < 1 ? spent / done * (1 - done) : 0;
    *out = 0;
    if (spent < 1 || done < 0.02 || left < 1)
        return out;
    if (left < 90)
        snprintf(out, 40, "about %.0f s to go", left);
    else if (left < 5400)
        snprintf(out, 40, "about %.0f min to go", left / 60);
    else
        snprintf(out, 40, "about %.1f hours to go", left / 3600);
    return out;
}

void progress_show(const struct progress *p, const char *what)
{
    char left[40];
    if (!p->to)
        return;
    time_to_go(left, now() - p->begun, p->all > 0 ? p->done / p->all : 0);
    fprintf(p->to, "\r\033[K%s%s%s", what, *left ? "   " : "", left);
    fflush(p->to);
}

void progress_clear(const struct progress *p)
{
    if (!p->to)
        return;
    fprintf(p->to, "\r\033[K");
    fflush(p->to);
}
