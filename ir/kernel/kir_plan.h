#ifndef TOKIC_IR_KERNEL_KIR_PLAN_H
#define TOKIC_IR_KERNEL_KIR_PLAN_H
/* Shared by all printers of kernels: the name of each variable, and which values become temporaries and where. This
   depends only on the kernel's structure, so a kernel and its text read back print alike.

   A value (struct kexpr) is evaluated once in each scope that uses it, at its first use there. It is then visible in
   that scope and the scopes inside it. Scopes are the bodies of regions, loops, ifs and eaches; outside regions each
   statement is a scope of its own. Loads of private memory, reads of lets, constants, indices and the fragment element
   are evaluated at each use. So is a value computed from private memory that has been written since. */
#include "ir/kernel/kir.h"

struct kref {
    const struct kexpr *x;
    int temp;
    bool def; /* the temporary is defined just before this statement */
};
struct kplan;
struct kplan *kplan_new(struct arena *a, const struct kernel *k);
/* The name of an id, or of a variable that a loop, let or each binds. */
const char *kplan_var(const struct kplan *p, const struct index *var);
/* The name of the let that a K_READ value reads. */
const char *kplan_read(const struct kplan *p, const struct kexpr *read);
/* The temporary that holds x in this statement; -1: x is written out. */
int kplan_temp(struct kplan *p, const struct kstmt *stmt, const struct kexpr *x);
/* The temporaries that the statement's values use. Those with `def` come in the order in which to define them. */
const struct kref *kplan_refs(const struct kplan *p, const struct kstmt *stmt, size_t *n);
#endif
