#ifndef TOKIC_IR_KERNEL_KIR_PLAN_H
#define TOKIC_IR_KERNEL_KIR_PLAN_H
/* Decides for all printers of kernels: the name of each variable, and which values become temporaries.
   A value (struct kexpr) is evaluated at its first use in a scope. The result is visible in the scope and inside it.
   The bodies of regions, loops, ifs and eaches are scopes. Outside regions, each statement is a scope.
   After a write to private memory, the next use of a value that reads this memory evaluates the value again.
   A value becomes a temporary if it is long or used more than once. Constants, indices, lets, loads of private memory
   and fragment elements never do. */
#include "ir/kernel/kir.h"

struct kref {
    const struct kexpr *x;
    int temp;
    bool def; /* the temporary is defined just before this statement */
};
struct kplan;
struct kplan *kplan_new(struct arena *a, const struct kernel *k);
/* Returns the name of an index variable: of a loop, a let, an each, or an id such as tid. */
const char *kplan_var(const struct kplan *p, const struct index *var);
const char *kplan_read(const struct kplan *p, const struct kexpr *read);
/* Returns the number of the temporary that holds x in this statement; -1: none, so x is printed in full. */
int kplan_temp(struct kplan *p, const struct kstmt *stmt, const struct kexpr *x);
/* Returns the *n temporaries that the statement uses. Those with `def` must be defined in this order. */
const struct kref *kplan_refs(const struct kplan *p, const struct kstmt *stmt, size_t *n);
#endif
