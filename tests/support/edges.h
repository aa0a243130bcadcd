#ifndef TOKIC_TESTS_EDGES_H
#define TOKIC_TESTS_EDGES_H
/* A program's dependencies derived again, from the bytes that its launches touch: two launches that share a byte which
   one of them writes must be ordered by the program's edges. */
#include "runtime/device/exec.h"

struct conflict {
    size_t from, to; /* launches; `from` is first in program order */
    const char *what;
    bool matters; /* false: both write values that no other launch reads and no output holds, so any order will do */
};
/* Conflicts that no path of edges orders: how many, and the first `max` of them. `what` is in the session's arena. */
size_t edges_missing(const struct exec *e, struct conflict *out, size_t max);

/* A device with addresses and nothing behind them: a program opened on it can be asked where everything is, for dims of
   any size. It cannot be run. */
struct device *paper_open(struct session *s, const struct target *t);
#endif
