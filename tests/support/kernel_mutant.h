#ifndef TOKIC_TESTS_KERNEL_MUTANT_H
#define TOKIC_TESTS_KERNEL_MUTANT_H
/* Random faults in kernel IR, one at a time, in place. */
#include "ir/kernel/kir.h"

enum mutant_class {
    MUTANT_STRIDE,    /* another coefficient in a subscript */
    MUTANT_OFFSET,    /* a subscript that is off by a constant */
    MUTANT_TAIL,      /* another bound in a condition */
    MUTANT_TRANSPOSE, /* two variables of a subscript exchanged, or a fragment transposed */
    MUTANT_AXIS,      /* a reduction over other lanes, or of other elements */
    MUTANT_SWAP,      /* exchanged operands */
    MUTANT_DROP,      /* a term, a product or a total that is left out */
    MUTANT_DOUBLE,    /* one that is taken twice */
    MUTANT_FUNCTION,  /* max, min, abs, exp, ... left out */
    MUTANT_CLASSES
};
extern const char *const mutant_names[MUTANT_CLASSES];

/* Changes k by a fault of class c. Returns what it is, or NULL if k has no place for one. mutant_undo restores k. */
struct mutant {
    void *at;
    size_t size;
    char saved[sizeof(struct kstmt)];
    struct kstmt **list;
    size_t n;
};
const char *mutant_make(struct kernel *k, enum mutant_class c, uint64_t *rnd, struct mutant *m);
void mutant_undo(struct mutant *m);
#endif
