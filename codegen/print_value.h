#ifndef TOKIC_CODEGEN_PRINT_VALUE_H
#define TOKIC_CODEGEN_PRINT_VALUE_H
/* Prints values, conditions and memory accesses as C. There are two languages: one for devices (codegen/print.c) and
   one for payloads (codegen/payload.c). struct klang holds the differences. */
#include "ir/kernel/kir_plan.h"
#include "ir/kernel/kspell.h"

struct kprint;

struct klang {
    const char *real; /* C type of every float; NULL: tk_f32, tk_f64, ... */
    const char *own;  /* the thread's subscript in private memory: "[tid]" or "" */
    /* The subscript of element `at` of m, which is printed as `text`. NULL: `text`. */
    const char *(*subscript)(struct kprint *p, const struct kmem *m, const struct index *at, const char *text);
    /* Loads element `at` of an argument or of shared memory. */
    const char *(*load)(struct kprint *p, const struct kmem *m, const struct index *at);
    /* Stores `value` at element `at` of memory that is not private. NULL: prints an assignment. */
    const char *(*store)(struct kprint *p, const struct kmem *m, const struct index *at, const char *value);
    /* Stores element `from` of m2 at element `at` of m. Both have f16 elements, or both bf16. NULL: the value is loaded
       and stored. */
    const char *(*copy)(struct kprint *p, const struct kmem *m, const struct index *at, const struct kmem *m2,
                        const struct index *from);
    /* Returns `value`, rounded to t if the store itself does not round. */
    const char *(*stored)(struct kprint *p, enum kspace space, enum dtype t, const char *value);
    /* Returns the name of the variable that `read` reads. */
    const char *(*let)(struct kprint *p, const struct kexpr *read);
    const char *(*elem)(struct kprint *p, const struct kfrag *f, const char *frag, const char *e);
    const char *(*constant)(struct arena *a, enum dtype t, double v);
    /* op, cast and acc may be NULL; then C's own operators are printed. */
    const char *(*op)(struct kprint *p, const struct kexpr *x);
    const char *(*cast)(struct kprint *p, const struct kexpr *x, const char *from);
    const char *(*acc)(struct kprint *p, const char *how, const char *name, const char *a, const char *b);
    const char *(*fma)(struct kprint *p, enum dtype t, const char *acc, const char *x, const char *y);
};

struct kform;
struct kprint {
    struct kout o;
    const struct klang *lang;
    const struct kform *form;
    const struct kernel *k;
    struct kplan *plan;
    struct kspell sp;
    const struct kstmt *stmt;
    const char *elem; /* in a KSTMT_EACH: the text of the current element */
};

struct kspell print_indices(struct arena *a, const char *(*atom)(void *ctx, const struct index *atom), void *ctx);
const char *print_index(struct kprint *p, const struct index *e, bool nested);
/* Prints the conditions of a mask, joined by &&. Leaves out conditions that always hold. Prints "1" if none is left. */
const char *print_guards(struct kprint *p, const struct kmask *m);
/* Prints the name of x's temporary, or, if x has no temporary, an expression. `nested`: adds parentheses where needed.
   `defining`: prints the expression in any case. */
const char *print_value(struct kprint *p, const struct kexpr *x, bool nested, bool defining);
/* Returns the position in the whole ring m of element `index` of slot `slot`. */
const struct index *print_ring_index(const struct kprint *p, const struct kmem *m, const struct index *slot,
                                     const struct index *index);
/* The C type of a value of type t. */
const char *print_type(const struct kprint *p, enum dtype t);
/* The C type of an element of m. */
const char *print_cell(const struct kprint *p, const struct kmem *m);
/* The suffix for type t in function names: "f16" as in tk_ld_f16. */
const char *print_suffix(enum dtype t);
/* Prints a ⊕ b, where ⊕ is `op`. A payload has three functions for each ⊕; `how` names one of them: "accumulate" adds a
   term to an accumulator, "join" a total of terms, "combine" adds the accumulators of two lanes. */
const char *print_acc(struct kprint *p, enum kacc op, enum dtype t, const char *how, const char *a, const char *b);
/* Prints an array element, such as "acc[3]". */
const char *print_cell_at(struct kprint *p, const struct kmem *m, const struct index *slot, const struct index *index);

/* Returns the row or column of a fragment's element `elem` as a function of the lane. `elem` NULL: element 0. */
const struct index *print_map(const struct kprint *p, const struct map_term *terms, const struct index *elem);
/* A lane holds elements of only some rows. The lane numbers these rows from 0; such a number is a slot. Returns the
   slot of the row that contains element `elem` of fragment row `row`. */
const struct index *print_row_slot(const struct kprint *p, const struct kfrag *c, const struct index *row,
                                   const struct index *elem);
/* Returns the position in the ring it->mem of element `elem` of fragment number `frag`. */
const struct index *print_frag_index(const struct kprint *p, const struct kstmt *it, const struct index *frag,
                                     const struct index *elem);
#endif
