#ifndef TOKIC_RUNTIME_JUDGE_EXACT_DEVICE_H
#define TOKIC_RUNTIME_JUDGE_EXACT_DEVICE_H
/* The other half of verify --exact: kernels on the device itself, on inputs in {−1, 0, 1}, bit for bit. Ops that do not
   keep integers have stand-ins (op_stands_in), so that every value is a small integer and no operation rounds. */
#include "runtime/device/device.h"
#include "runtime/judge/exact.h"

struct exact_device_verdict {
    const struct group *group;
    /* NULL: judged. Else some value of node why_not may leave the integers that its dtype holds, for any inputs that
       were tried. */
    const struct node *why_not;
    int64_t elements, unequal; /* unequal: of `elements` */
    const struct node *first;  /* element first_at of this value is the first that is unequal; NULL: none is */
    int64_t first_at;
    double got, want;
};

struct exact_device_report {
    struct exact_device_verdict *kernels; /* one for each group */
    size_t n_kernels, n_judged;
    bool pass;
};

/* Compiles p, a program of codegen_stand_ins, for d, and runs each group on inputs of its own. `checked`: d is the
   checking emulator. `threads`: of the reference. false with diagnostics if it does not compile or run. */
bool exact_device(struct session *s, const struct program *p, struct device *d, const struct binding *b, bool checked,
                  int threads, struct exact_device_report *out);
#endif
