#ifndef TOKIC_IR_KERNEL_KIR_PLAN_H
#define TOKIC_IR_KERNEL_KIR_PLAN_H
/* Decides for all printers of kernels: the name of each variable, and which values become temporaries.
   A value (struct kexpr) is evaluated once in each scope that uses it, at its first use there. The result is visible in
   that scope and in the scopes inside it. The bodies of regions, loops, ifs and eaches are scopes. Outside regions each
   statement is a scope of its own. A write to private memory ends the values that read that memory: their next use
   evaluates them again.
   A value that is used more than once, or is long, becomes a temporary. Constants, indices, lets, loads of private
   memory and fragment elements never do. */
#include "ir/kernel/kir.h"

struct kref {
    const struct kexpr *x;
    int temp;
    bool def; /* define the temporary just before this statement */
};
struct kplan;
struct kplan *kplan_new(struct arena *a, const struct kernel *k);
/* The name of an index variable: of a loop, let or each, or an id such as tid. */
const char *kplan_var(const struct kplan *p, const struct index *var);
const char *kplan_read(const struct kplan *p, const struct kexpr *read);
/* The number of the temporary that holds x in this statement; -1: x has none and is printed in full. */
int kplan_temp(struct kplan *p, const struct kstmt *stmt, const struct kexpr *x);
/* The temporaries that the statement uses, in the order in which to define those with `def`. */
const struct kref *kplan_refs(const struct kplan *p, const struct kstmt *stmt, size_t *n);
#endif
