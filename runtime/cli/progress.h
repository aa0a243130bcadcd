#ifndef TOKIC_RUNTIME_CLI_PROGRESS_H
#define TOKIC_RUNTIME_CLI_PROGRESS_H
/* A line on a terminal that says how far a long command is: "kernel 5 of 37   about 2 min to go". It stands in the
   terminal's current line and is gone when the command ends. To a stream that is no terminal nothing is printed. */
#include <stdbool.h>
#include <stdio.h>

struct progress {
    FILE *to;         /* NULL: not a terminal */
    double begun;     /* when the command began, in seconds of a clock */
    double done, all; /* work, in any unit */
};

bool is_terminal(FILE *f);
/* `to`: NULL, or a stream that is used if it is a terminal. */
void progress_begin(struct progress *p, FILE *to, double all);
/* Shows what is being done, and the time to go once it can be told. */
void progress_show(const struct progress *p, const char *what);
/* Removes the line, so that something else can be printed. */
void progress_clear(const struct progress *p);
/* "about 40 s to go" after `spent` seconds for the share `done` of all; "" if too little is known. */
const char *time_to_go(char out[40], double spent, double done);
#endif
