#ifndef TOKIC_RUNTIME_CLI_PROGRESS_H
#define TOKIC_RUNTIME_CLI_PROGRESS_H
/* The progress line of a long command: "kernel 5 of 37 about 2 min to go". Call progress_clear before other output.
   Nothing is printed if the stream is not a terminal. */
#include <stdbool.h>
#include <stdio.h>

struct progress {
    FILE *to;
    double begun;
    double done, all;
};

bool is_terminal(FILE *f);
/* `to` NULL: no progress line. */
void progress_begin(struct progress *p, FILE *to, double all);
/* Prints `what`, such as "kernel 5 of 37", and the remaining time once it can be estimated. */
void progress_show(const struct progress *p, const char *what);
void progress_clear(const struct progress *p);
/* Returns "about 40 s to go", or "" if it is too early to tell. `spent`: seconds so far. `done`: share of the work, 0
   to 1. */
const char *time_to_go(char out[40], double spent, double done);
#endif
