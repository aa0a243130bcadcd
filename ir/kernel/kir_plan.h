#ifndef TOKIC_IR_KERNEL_KIR_PLAN_H
#define TOKIC_IR_KERNEL_KIR_PLAN_H
/* What every printer of kernels shares: one name for each variable, one order of an index expression's terms, and the
   decision which values become temporaries and where. All of it is a function of the kernel's structure alone, so a
   kernel and its text read back print alike.

   A value (struct kexpr) is evaluated once in each scope that uses it: at its first use there, and seen from then on in
   that scope and the scopes inside it. Scopes are the bodies of regions, loops, ifs and eaches; outside of regions each
   statement is a scope of its own. Loads of private memory, reads of lets, constants, indices and the fragment element
   are looked at anew at each use, and so is what is computed from private memory once that memory has been written. */
#include "ir/kernel/kir.h"

/* ---- names ---- */
/* Not to be used as it stands: a keyword of C, C++ or the kernel text, or a name that the printers make up. */
bool kname_reserved(const char *name);
/* `name` as a C identifier that is not reserved: others' characters become `_`, one is added at the end where needed.
   */
const char *kname_clean(struct arena *a, const char *name);

/* ---- growing text ---- */
struct kout {
    struct arena *arena;
    char *buf;
    size_t n, cap;
    int depth;
    int step;
}; /* step: spaces a level */
__attribute__((format(printf, 2, 3))) void kout_add(struct kout *o, const char *fmt, ...);
/* A line at the present depth, with its newline. */
__attribute__((format(printf, 2, 3))) void kout_line(struct kout *o, const char *fmt, ...);
const char *kout_text(struct kout *o);

/* ---- plan ---- */
struct kref {
    const struct kexpr *x;
    int temp;
    bool def;
}; /* def: the statement is where the temporary is made */
struct kplan;
struct kplan *kplan_new(struct arena *a, const struct kernel *k);
const char *kplan_var(const struct kplan *p,
                      const struct index *var); /* of an id, a loop's, let's or each's variable */
const char *kplan_read(const struct kplan *p, const struct kexpr *read); /* of a let */
/* The number of the temporary that stands for x in this statement; -1: x is written out. */
int kplan_temp(const struct kplan *p, const struct kstmt *stmt, const struct kexpr *x);
/* Everything the statement's values refer to, temporaries to be made before it in the order in which they need each
   other. */
const struct kref *kplan_refs(const struct kplan *p, const struct kstmt *stmt, size_t *n);
/* A condition of a mask that ranges do not settle: `lower` 0 <= e, `upper` e < bound. */
void kguard_open(struct index_table *t, const struct kguard *g, bool *lower, bool *upper);

/* How a printer spells index expressions. */
struct kspell {
    const struct kplan *plan;
    bool c; /* C: floor division of what may be negative is written out, min and max are calls */
    const char *(*atom)(void *ctx,
                        const struct index *atom); /* of a symbol or variable; NULL result: its name in the plan */
    void *ctx;
};
/* From the plan's arena. `nested`: parenthesised unless an atom. */
const char *kspell_index(const struct kspell *s, const struct index *e, bool nested);

/* Calls f for each index expression that the statement itself holds (not its body), and for those of its values. */
void kstmt_each_index(const struct kernel *k, const struct kstmt *stmt, void (*f)(void *ctx, const struct index *e),
                      void *ctx);
#endif
