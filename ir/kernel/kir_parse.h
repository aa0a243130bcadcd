#ifndef TOKIC_IR_KERNEL_KIR_PARSE_H
#define TOKIC_IR_KERNEL_KIR_PARSE_H
/* The parser of kernel texts: declarations and statements in ir/kernel/kir_parse.c, values and index expressions in
   ir/kernel/kir_parse_value.c. */
#include "ir/kernel/kir.h"
#include "ir/kernel/kir_lex.h"

/* A visible name: of an index variable or dim (`index`), or of a let or temporary (its value `x`). */
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
    size_t n_bound, cap_bound; /* inner scopes last */
    int depth;                 /* of nested parentheses and braces */
};
enum { KPARSE_DEPTH = 200 };

void kparse_bind(struct kparse *p, const char *name, const struct index *ix, const struct kexpr *x);
/* Even after an error, kparse_index and kparse_value return a valid expression, so callers need not check. */
const struct index *kparse_index(struct kparse *p);
const struct kexpr *kparse_value(struct kparse *p);
struct kmask kparse_guards(struct kparse *p);
struct kmem *kparse_mem(struct kparse *p, const char *name, struct loc loc);
/* Parses the subscript after a memory's name; *slot is NULL if there is only one index. */
void kparse_subscript(struct kparse *p, const struct kmem *m, const struct index **slot, const struct index **index);
#endif
