#ifndef TOKIC_IR_KERNEL_KIR_PARSE_H
#define TOKIC_IR_KERNEL_KIR_PARSE_H
#include "ir/kernel/kir.h"
#include "ir/kernel/kir_lex.h"

/* A visible name. An index variable or dim has `index`, a let or temporary has `x`; the other is NULL. */
struct kbound {
    const char *name;
    const struct index *index;
    const struct kexpr *x;
};

struct kparse {
    struct klex l;
    struct kernel *k;
    struct kbuild b;
    struct kbound *bound;
    size_t n_bound, cap_bound;
    int depth;
};
enum { KPARSE_DEPTH = 200 };

void kparse_bind(struct kparse *p, const char *name, const struct index *ix, const struct kexpr *x);
/* kparse_index and kparse_value never return NULL, even after an error. */
const struct index *kparse_index(struct kparse *p);
const struct kexpr *kparse_value(struct kparse *p);
struct kmask kparse_guards(struct kparse *p);
struct kmem *kparse_mem(struct kparse *p, const char *name, struct loc loc);
/* Parses `[slot][index]` or `[index]` after a memory's name; then *slot is NULL. */
void kparse_subscript(struct kparse *p, const struct kmem *m, const struct index **slot, const struct index **index);
#endif
