#ifndef TOKIC_TESTS_SCALE_RUN_H
#define TOKIC_TESTS_SCALE_RUN_H
/* One large graph from text to kernel texts, in a process of its own: a crash or a hang is a report. No test framework
   here: bench uses it too. */
#include <stdbool.h>
#include <stddef.h>

struct scale_report {
    bool kernels;           /* all of them, with grids that a launch can have */
    bool crashed;           /* a signal, the time limit's too, or an exit code */
    double seconds;         /* all of it, the making of the text too */
    size_t megabytes;       /* the process at its largest */
    size_t nodes, launches; /* nodes: as parsed */
    size_t bytes;           /* of kernel text */
    char why[400];          /* if there are no kernels: the diagnostic, or how the process ended */
};

/* text(n) for sm_90 with symbolic dims at 128. After `limit` seconds the process is ended. */
struct scale_report scale_run(char *(*text)(int n), int n, unsigned limit);
#endif
