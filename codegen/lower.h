#ifndef TOKIC_CODEGEN_LOWER_H
#define TOKIC_CODEGEN_LOWER_H
/* From a group to a kernel. Templates (rows.c, reduce.c, gemm.c) decide the loops. The values inside are lowered on
   demand: "the value of node n at index i". */
#include "codegen/program.h"
#include "ir/graph/group.h"

/* Where a value of the group is read from, if it is not computed from its operands. */
enum value_loc_kind {
    LOC_ARG,    /* from mem, an argument, at the index's row-major position */
    LOC_SHARED, /* from mem, shared memory, at element base + last index */
    LOC_STORED, /* from mem, the node's own memory, written earlier in this launch, at element base + last index */
    LOC_VALUE,  /* it is `value`, the same for the whole row */
    LOC_FRAG    /* it is the fragment element that the enclosing `each` visits (KEXPR_FRAG) */
};
struct value_loc {
    const struct node *node;
    enum value_loc_kind kind;
    struct kmem *mem;
    const struct index *base;
    const struct kexpr *value;
    const struct index *index[MAX_RANK]; /* LOC_FRAG, LOC_VALUE: the only index at which it may be read */
};

struct memo {
    const struct node *node;
    const struct index *index[MAX_RANK];
    const struct kexpr *value;
};

/* The vectoriser. A sweep is a loop of turns. Each turn takes `width` neighbouring elements, in an inner loop over e. A
   load at (a multiple of width) + e becomes one vector load into private memory before that loop. Rows that fit in
   registers are loaded once and stay there for later sweeps. */
struct vector_load {
    const struct kmem *from, *held;
    const struct index *first;
    bool stays;
};
struct vector {
    int width;                     /* 1: off */
    const struct index *e;         /* variable of the loop over neighbours */
    const struct index *turn;      /* variable of the loop over turns; NULL: one turn */
    const struct index *same_turn; /* stands for `turn` in remembered indices, since each sweep has its own variable */
    const struct index *thread;    /* lane or thread number; loads that do not depend on it stay scalar */
    int turns;                     /* turns of a sweep; 0: too many to keep loaded values for other sweeps */
    struct kbuild outer;           /* the list that contains the loop over e */
    struct kstmt *loop;
};

struct lower {
    struct session *s;
    struct index_table *indices;
    const struct graph *g;
    const struct group *gr;
    const struct group_launch *launch; /* the group's launch that is being lowered */
    struct kmem **scratch;             /* the group's scratch buffers, in the order of group->scratch */
    const struct target *t;
    struct kernel *k;
    struct kbuild b; /* where statements are added */
    struct value_loc *locs;
    size_t n_locs, cap_locs;
    struct memo *memo;
    size_t n_memo, cap_memo;
    struct vector vec;
    struct vector_load *loads; /* vector loads that can be read again */
    size_t n_loads, cap_loads;
    /* The row, or the element, that a thread of a rows kernel computes. Fusion has proved that the thread reads values
       of the kernel's own group at no other index. */
    const struct index *own[MAX_RANK];
    int own_rank; /* how many indices `own` has; 0: not in a row */
    int n_held;   /* private elements of the loads that stay for later sweeps */
    int64_t hint; /* expected value of symbolic dims */
};

/* Value of n at `index`, an array of n->type.rank indices, as f32, f64, i32, i64 or bool. */
const struct kexpr *lower_value(struct lower *l, const struct node *n, const struct index *const *index);
/* Sets where later reads find a value. */
void value_loc_set(struct lower *l, struct value_loc w);
/* Enters a statement's body and leaves it again. Leaving forgets the values lowered inside. */
struct insert_point {
    struct kbuild b;
    size_t n_memo;
};
struct insert_point lower_enter(struct lower *l, struct kstmt *stmt);
void lower_leave(struct lower *l, struct insert_point p);
/* Forgets the vector loads that do not stay, at the end of a turn. */
void lower_forget_turn(struct lower *l);
/* Forgets all lowered values, since memory has changed or a new region begins. */
void lower_forget(struct lower *l);

/* Converts an index in a shape to its row-major position, and back. */
const struct index *flat_index(struct index_table *t, const struct type *type, const struct index *const *index);
void split_index(struct index_table *t, const struct index *const *dims, int rank, const struct index *flat,
                 const struct index **index);
/* A guard with one condition 0 <= e < bound. */
struct kmask mask_of(const struct index *e, const struct index *bound);
/* Reduces acc[0..n-1] over each wave, or over the block. Every thread gets the totals. */
void combine_wave(struct lower *l, struct kmem *acc, int n, enum kacc op);
void combine_block(struct lower *l, struct kmem *acc, int n, enum kacc op);
/* acc[0..n-1] := the neutral element of ⊕, in a region of its own. */
void fill_accumulators(struct lower *l, struct kmem *acc, int n, enum kacc op);
double accumulator_neutral(enum kacc op, enum dtype t);
/* The result of a reduction from its total of `length` terms. */
const struct kexpr *finish_reduction(struct lower *l, const struct node *n, const struct kexpr *total,
                                     const struct index *length);
/* Loads an element of an argument, as part of a vector load where the vectoriser allows it. */
const struct kexpr *load_arg(struct lower *l, const struct kmem *m, const struct index *flat);
/* True if the mask provably fails for all values of its variables. */
bool mask_never_holds(struct index_table *t, const struct kmask *m);
/* The argument buffer of a materialised value or source; NULL if the kernel has none for it. */
struct kmem *arg_of(const struct lower *l, const struct node *n);
/* Makes the grid one of count[0] x count[1] x count[2] blocks. `at` receives the block's coordinates among these. If y
   or z may exceed what the target launches, for some value of the dims, it is folded into x. Since each block makes at
   least one element of a result, x stays below 2^31. */
void lower_grid(struct lower *l, const struct index *const *count, const struct index **at);
/* ⌈log2 n⌉. */
int log2_ceil(int64_t n);

/* The templates: fill l->k. */
void lower_rows(struct lower *l);
void lower_reduce(struct lower *l);
void lower_gemm(struct lower *l);
#endif
