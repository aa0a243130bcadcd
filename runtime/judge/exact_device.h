#ifndef TOKIC_RUNTIME_JUDGE_EXACT_DEVICE_H
#define TOKIC_RUNTIME_JUDGE_EXACT_DEVICE_H
/* The other half of verify --exact: runs kernels on the device with the inputs −1, 0 and 1.
   Stand-ins replace the ops that can give fractions (op_stands_in), so that no operation rounds.
   Results must be equal bit for bit. */
#include "runtime/device/device.h"
#include "runtime/judge/exact.h"

struct exact_device_verdict {
    const struct group *group;
    /* NULL: the group was judged. Else no tried input kept this node's values to integers that its dtype holds. */
    const struct node *why_not;
    int64_t elements, unequal; /* `unequal` of the `elements` differ */
    const struct node *first;  /* element first_at of `first` is the first that differs; NULL: none */
    int64_t first_at;
    double got, want;
};

struct exact_device_report {
    struct exact_device_verdict *kernels;
    size_t n_kernels, n_judged;
    bool pass;
};

/* Runs each group of p on device d, on inputs of its own. p must come from codegen_stand_ins.
   `checked`: d is the checking emulator. `threads`: number of threads of the reference.
   Returns false with diagnostics if p does not compile or run. */
bool exact_device(struct session *s, const struct program *p, struct device *d, const struct binding *b, bool checked,
                  int threads, struct exact_device_report *out);
#endif
