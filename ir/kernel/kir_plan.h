#ifndef TOKIC_IR_KERNEL_KIR_PLAN_H
#define TOKIC_IR_KERNEL_KIR_PLAN_H
/* What every printer of kernels shares: one name for each variable, and the decision which values become temporaries
   and where. All of it is a function of the kernel's structure alone, so a kernel and its text read back print alike.

   A value (struct kexpr) is evaluated once in each scope that uses it: at its first use there, and seen from then on in
   that scope and the scopes inside it. Scopes are the bodies of regions, loops, ifs and eaches; outside of regions each
   statement is a scope of its own. Loads of private memory, reads of lets, constants, indices and the fragment element
   are looked at anew at each use, and so is what is computed from private memory once that memory has been written. */
#include "ir/kernel/kir.h"

struct kref {
    const struct kexpr *x;
    int temp;
    bool def; /* the statement is where the temporary is made */
};
struct kplan;
struct kplan *kplan_new(struct arena *a, const struct kernel *k);
/* Names: of an id, a loop's, let's or each's variable, and of the value that stands for a let. */
const char *kplan_var(const struct kplan *p, const struct index *var);
const char *kplan_read(const struct kplan *p, const struct kexpr *read);
/* The number of the temporary that stands for x in this statement; -1: x is written out. */
int kplan_temp(struct kplan *p, const struct kstmt *stmt, const struct kexpr *x);
/* Everything the statement's values refer to, temporaries to be made before it in the order in which they need each
   other. */
const struct kref *kplan_refs(const struct kplan *p, const struct kstmt *stmt, size_t *n);
#endif
