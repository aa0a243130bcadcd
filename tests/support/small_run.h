#ifndef TOKIC_TESTS_SMALL_RUN_H
#define TOKIC_TESTS_SMALL_RUN_H
/* A small graph's way from text to judged results on the emulator, one step at a time: for tests that look between the
   steps. Fails no test itself. */
#include "runtime/compiled.h"
#include "runtime/device/exec.h"

struct small_run {
    struct session *s;
    const char *text; /* the .graph */
    const struct target *target;
    int64_t batch;
    const struct code *code;      /* compiled from `module`, by another run of the same graph */
    struct graph *parsed, *after; /* after, program: those of k */
    struct compiled k;
    struct program *program;
    const char *module; /* prelude and kernels for the emulator */
    struct binding *binding;
    struct device *device;
    struct exec *exec;
    const char *
        /* graph after the passes, module, every output's bits, the judge's figures: what two runs must agree in */
        result;
};

/* Two graphs that together have contractions, rows, integers and several launches. */
extern const char small_rows[], small_route[];

void small_begin(struct small_run *r, const char *text, const char *target);
/* The steps, up to SMALL_STEPS: parse and check, passes, lower, bind, (here `code` is needed) open, run, read, judge.
   false with diagnostics in the session. */
enum { SMALL_LOWERED = 3, SMALL_STEPS = 8 };
bool small_step(struct small_run *r, int step);
bool small_steps(struct small_run *r, int from, int to);
void small_end(struct small_run *r);

/* Steps up to SMALL_LOWERED, and the module compiled into memory of a session that outlives r. */
bool small_compile(struct session *keep, const char *text, const char *target, struct code *out);
#endif
