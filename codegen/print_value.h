#ifndef TOKIC_CODEGEN_PRINT_VALUE_H
#define TOKIC_CODEGEN_PRINT_VALUE_H
/* Values, conditions and memory accesses as C. A kernel is printed in one of two languages, both of them C: for devices
   (codegen/print.c) or for payloads (codegen/payload.c). They differ in how floats and memory are spelled: struct
   klang. */
#include "ir/kernel/kir_plan.h"
#include "ir/kernel/kspell.h"

struct kprint;

struct klang {
    const char *real; /* the type of every float; NULL: tk_f32, tk_f64 and so on */
    const char *own;  /* text between the name of private memory and its subscript */
    /* Loads element `at` of an argument or of shared memory. */
    const char *(*load)(struct kprint *p, const struct kmem *m, const struct index *at);
    /* Stores `value` at element `at` of memory that is not private. NULL: an assignment. */
    const char *(*store)(struct kprint *p, const struct kmem *m, const struct index *at, const char *value);
    /* `value`, rounded as an element of type t holds it. */
    const char *(*stored)(struct kprint *p, enum kspace space, enum dtype t, const char *value);
    const char *(*let)(struct kprint *p, const struct kexpr *read); /* the name of the let that `read` reads */
    /* Element e of fragment number `frag` of f. */
    const char *(*elem)(struct kprint *p, const struct kfrag *f, const char *frag, const char *e);
    /* ---- floats ---- */
    const char *(*constant)(struct arena *a, enum dtype t, double v);
    /* op, cast and acc may be NULL: C's own operator. */
    const char *(*op)(struct kprint *p, const struct kexpr *x);                     /* on float operands */
    const char *(*cast)(struct kprint *p, const struct kexpr *x, const char *from); /* to or from a float */
    const char *(*acc)(struct kprint *p, const char *how, const char *name, const char *a, const char *b);
    const char *(*fma)(struct kprint *p, enum dtype t, const char *acc, const char *x, const char *y); /* acc + x·y */
};

struct kform;
struct kprint {
    struct kout o;
    const struct klang *lang;
    const struct kform *form; /* how statements are printed (codegen/print_stmt.h) */
    const struct kernel *k;
    struct kplan *plan;
    struct kspell sp;         /* spells index expressions */
    const struct kstmt *stmt; /* the current statement; it decides which values have a name */
    const char *elem;         /* text of KEXPR_FRAG inside an `each` */
};

/* Index expressions as C, on tk_i32. */
struct kspell print_indices(struct arena *a, const char *(*atom)(void *ctx, const struct index *atom), void *ctx);
const char *print_index(struct kprint *p, const struct index *e, bool nested);
/* The conditions of a mask that the ranges of its indices do not prove, joined by &&; "1" if none is left. */
const char *print_guards(struct kprint *p, const struct kmask *m);
/* `defining`: the line defines x itself, so x is printed by its operands and not by its name. */
const char *print_value(struct kprint *p, const struct kexpr *x, bool nested, bool defining);
/* The element number within the whole ring, from slot and index in the slot. */
const struct index *print_ring_index(const struct kprint *p, const struct kmem *m, const struct index *slot,
                                     const struct index *index);
/* C type of a value ("tk_f32", or "P"), and of an element in memory. */
const char *print_type(const struct kprint *p, enum dtype t);
const char *print_cell(const struct kprint *p, const struct kmem *m);
/* "f16", "u8": a type in the names of functions. */
const char *print_suffix(enum dtype t);
/* a ⊕ b on accumulators of type t. `how`: "combine" or "accumulate", a payload's two meanings of ⊕. */
const char *print_acc(struct kprint *p, enum kacc op, enum dtype t, const char *how, const char *a, const char *b);
/* An array element in the spelling of its memory space: "acc[3]", "sA[5]". */
const char *print_cell_at(struct kprint *p, const struct kmem *m, const struct index *slot, const struct index *index);

/* One coordinate of a fragment's element as an index expression of the lane and `elem` (NULL: element 0). */
const struct index *print_map(const struct kprint *p, const struct map_term *terms, const struct index *elem);
/* The slot of the row in which element `elem` of fragment row `row` lies, in memory with one slot for each row. */
const struct index *print_row_slot(const struct kprint *p, const struct kfrag *c, const struct index *row,
                                   const struct index *elem);
/* The index, in the ring it->mem, of element `elem` of fragment number `frag`. */
const struct index *print_frag_index(const struct kprint *p, const struct kstmt *it, const struct index *frag,
                                     const struct index *elem);
#endif
