#ifndef TOKIC_CODEGEN_PRINT_VALUE_H
#define TOKIC_CODEGEN_PRINT_VALUE_H
/* Prints values, conditions and memory accesses as C. A kernel is printed in one of two languages: for devices
   (codegen/print.c) or for payloads (codegen/payload.c). struct klang holds the differences. */
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
    /* Stores `value` at element `at` of memory that is not private. NULL: an assignment. */
    const char *(*store)(struct kprint *p, const struct kmem *m, const struct index *at, const char *value);
    /* `value`, rounded as a store to an element of type t rounds it. */
    const char *(*stored)(struct kprint *p, enum kspace space, enum dtype t, const char *value);
    /* The name of the variable that `read` reads. */
    const char *(*let)(struct kprint *p, const struct kexpr *read);
    const char *(*elem)(struct kprint *p, const struct kfrag *f, const char *frag, const char *e);
    const char *(*constant)(struct arena *a, enum dtype t, double v);
    /* NULL for op, cast and acc: C's own operators. */
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
    const char *elem; /* inside an `each`: the text of the current element */
};

struct kspell print_indices(struct arena *a, const char *(*atom)(void *ctx, const struct index *atom), void *ctx);
const char *print_index(struct kprint *p, const struct index *e, bool nested);
/* A mask's conditions joined by &&, without those that always hold; "1" if none is left. */
const char *print_guards(struct kprint *p, const struct kmask *m);
/* Prints x by its name if it has one, else as an expression. `nested`: in parentheses where needed. `defining`: as an
   expression in any case. */
const char *print_value(struct kprint *p, const struct kexpr *x, bool nested, bool defining);
/* The index in the whole ring of element `index` of slot `slot`. */
const struct index *print_ring_index(const struct kprint *p, const struct kmem *m, const struct index *slot,
                                     const struct index *index);
/* The C type of a value of type t, and of m's elements. */
const char *print_type(const struct kprint *p, enum dtype t);
const char *print_cell(const struct kprint *p, const struct kmem *m);
/* The suffix of function names for a type: "f16" as in tk_ld_f16. */
const char *print_suffix(enum dtype t);
/* Prints a ⊕ b, where ⊕ is `op`. A payload has three functions for each ⊕; `how` names one of them: "accumulate" adds a
   term to an accumulator, "join" a total of terms, "combine" adds the accumulators of two lanes. */
const char *print_acc(struct kprint *p, enum kacc op, enum dtype t, const char *how, const char *a, const char *b);
/* An array element as C: "acc[3]", "sA[5]". */
const char *print_cell_at(struct kprint *p, const struct kmem *m, const struct index *slot, const struct index *index);

/* One coordinate of a fragment's element as an index expression of the lane and `elem` (NULL: element 0). */
const struct index *print_map(const struct kprint *p, const struct map_term *terms, const struct index *elem);
/* The slot (ir/kernel/fragment.h) of the row of element `elem` in fragment row `row`. */
const struct index *print_row_slot(const struct kprint *p, const struct kfrag *c, const struct index *row,
                                   const struct index *elem);
/* The index, in the ring it->mem, of element `elem` of fragment number `frag`. */
const struct index *print_frag_index(const struct kprint *p, const struct kstmt *it, const struct index *frag,
                                     const struct index *elem);
#endif
