#ifndef TOKIC_CODEGEN_PRINT_VALUE_H
#define TOKIC_CODEGEN_PRINT_VALUE_H
/* Values and conditions as C, for the GPU text (codegen/print.c) and the payload text (codegen/payload.c). They differ
   in two ways: floats of a payload text are of type P and every operation on them is a call, and its memory is plain
   arrays. */
#include "ir/kernel/kir_plan.h"
#include "ir/kernel/kspell.h"

struct kprint {
    struct kout o;
    struct kplan *plan;
    struct kspell sp; /* of index expressions */
    const struct kernel *k;
    const struct kstmt *stmt; /* the one at hand: says which values have a name */
    bool payload;
    const char *elem; /* what stands for KEXPR_FRAG inside an each */
    const struct index **outer;
    size_t n_outer, cap_outer; /* payload: variables that are arrays over the block's threads */
    const struct kexpr **outer_read;
    size_t n_outer_read, cap_outer_read;
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
/* A loop over a fragment's parts: head with its braces open, one level deeper. Names end in `_`, as no kernel's do. */
void print_loop(struct kprint *p, const char *var, const char *count);
void print_close(struct kprint *p);
#endif
