#ifndef TOKIC_IR_KERNEL_KIR_PARSE_H
#define TOKIC_IR_KERNEL_KIR_PARSE_H
#include "ir/kernel/kir.h"
#include "ir/kernel/kir_lex.h"

/* A visible name. For an index variable or dim, `index` is set; for a let or temporary, `x` is set. */
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
/* Neither kparse_index nor kparse_value returns NULL, even after an error. */
const struct index *kparse_index(struct kparse *p);
const struct kexpr *kparse_value(struct kparse *p);
struct kmask kparse_guards(struct kparse *p);
struct kmem *kparse_mem(struct kparse *p, const char *name, struct loc loc);
/* Parses `[slot][index]` or `[index]` after the name of a memory. Without a slot, sets *slot to NULL. */
void kparse_subscript(struct kparse *p, const struct kmem *m, const struct index **slot, const struct index **index);
#endif
