#ifndef TOKIC_RUNTIME_JUDGE_EXACT_DEVICE_H
#define TOKIC_RUNTIME_JUDGE_EXACT_DEVICE_H
/* The other half of verify --exact: runs kernels on the device with the inputs −1, 0 and 1, and compares the results
   bit for bit.
   Ops that can give fractions are replaced by stand-ins that give integers (op_stands_in). So every value is a small
   integer, and no operation rounds. */
#include "runtime/device/device.h"
#include "runtime/judge/exact.h"

struct exact_device_verdict {
    const struct group *group;
    /* NULL: the group was judged. Else it was not: with every input that was tried, node why_not may get a value
       that its dtype does not hold exactly. */
    const struct node *why_not;
    int64_t elements, unequal; /* `unequal` of the `elements` differ */
    const struct node *first;  /* element first_at of `first` is the first that differs; NULL: none */
    int64_t first_at;
    double got, want;
};

struct exact_device_report {
    struct exact_device_verdict *kernels; /* one for each group */
    size_t n_kernels, n_judged;
    bool pass;
};

/* Runs each group of p on device d, on inputs of its own. p must come from codegen_stand_ins. `checked`: d is the
   checking emulator. `threads`: number of threads of the reference. Returns false with diagnostics if p does not
   compile or run. */
bool exact_device(struct session *s, const struct program *p, struct device *d, const struct binding *b, bool checked,
                  int threads, struct exact_device_report *out);
#endif
