#ifndef TOKIC_CODEGEN_PRINT_VALUE_H
#define TOKIC_CODEGEN_PRINT_VALUE_H
/* Values, conditions and places in memory as C. A kernel is printed in two languages, both of them C: that of devices
   (codegen/print.c) and that of payloads (codegen/payload.c). What differs is how floats and memory are spelled, and
   that is what a language is made of. */
#include "ir/kernel/kir_plan.h"
#include "ir/kernel/kspell.h"

struct kprint;

struct klang {
    const char *real; /* type of a float; NULL: its own, tk_f32 */
    const char *own;  /* between private memory and its subscript */
    const char *(*load)(struct kprint *p, const struct kmem *m, const struct index *at); /* of other memory */
    /* `value` into an element at `at`, which is not private; NULL: an assignment */
    const char *(*store)(struct kprint *p, const struct kmem *m, const struct index *at, const char *value);
    /* A value as an element of type t holds it. */
    const char *(*stored)(struct kprint *p, enum kspace space, enum dtype t, const char *value);
    const char *(*let)(struct kprint *p, const struct kexpr *read); /* the name of a let where it is read */
    /* Element e of fragment number `frag` of f. */
    const char *(*elem)(struct kprint *p, const struct kfrag *f, const char *frag, const char *e);
    /* ---- floats ---- */
    const char *(*constant)(struct arena *a, enum dtype t, double v);
    /* NULL: as C has it */
    const char *(*op)(struct kprint *p, const struct kexpr *x);                     /* of a float operand */
    const char *(*cast)(struct kprint *p, const struct kexpr *x, const char *from); /* to or from a float */
    const char *(*acc)(struct kprint *p, const char *how, const char *name, const char *a, const char *b);
    const char *(*fma)(struct kprint *p, enum dtype t, const char *acc, const char *x, const char *y); /* acc + x·y */
};

struct kform;
struct kprint {
    struct kout o;
    const struct klang *lang;
    const struct kform *form; /* codegen/print_stmt.h: of statements */
    const struct kernel *k;
    struct kplan *plan;
    struct kspell sp;         /* of index expressions */
    const struct kstmt *stmt; /* the one at hand: says which values have a name */
    const char *elem;         /* what stands for KEXPR_FRAG inside an each */
};

/* Index expressions as C, on tk_i32. */
struct kspell print_indices(struct arena *a, const char *(*atom)(void *ctx, const struct index *atom), void *ctx);
const char *print_index(struct kprint *p, const struct index *e, bool nested);
/* The conditions of a mask that ranges do not settle, joined by &&; "1" if none is left. */
const char *print_guards(struct kprint *p, const struct kmask *m);
/* `defining`: x itself is what the line defines. */
const char *print_value(struct kprint *p, const struct kexpr *x, bool nested, bool defining);
/* The element number in the whole ring. */
const struct index *print_ring_index(const struct kprint *p, const struct kmem *m, const struct index *slot,
                                     const struct index *index);
/* C type of a value ("tk_f32", or "P"), and of an element in memory. */
const char *print_type(const struct kprint *p, enum dtype t);
const char *print_cell(const struct kprint *p, const struct kmem *m);
/* "f16", "u8": a type in the names of functions. */
const char *print_suffix(enum dtype t);
/* a ⊕ b on accumulators of type t. `how`: "combine" or "accumulate", a payload's two meanings of ⊕. */
const char *print_acc(struct kprint *p, enum kacc op, enum dtype t, const char *how, const char *a, const char *b);
/* An array element, written as memory of that kind is: "acc[3]", "sA[5]". */
const char *print_cell_at(struct kprint *p, const struct kmem *m, const struct index *slot, const struct index *index);

/* One coordinate of a fragment's element as an index expression: lane and element from the variables given (elem NULL:
   the constant). */
const struct index *print_map(const struct kprint *p, const struct map_term *terms, const struct index *elem);
/* The slot of an element's row in memory that holds one a row: element `elem` of fragment row `row`. */
const struct index *print_row_slot(const struct kprint *p, const struct kfrag *c, const struct index *row,
                                   const struct index *elem);
/* Element number in the tile of a fragment's element: fragment `frag` of the statement's, element `elem`. */
const struct index *print_frag_index(const struct kprint *p, const struct kstmt *it, const struct index *frag,
                                     const struct index *elem);
#endif
