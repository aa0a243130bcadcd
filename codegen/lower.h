#ifndef TOKIC_CODEGEN_LOWER_H
#define TOKIC_CODEGEN_LOWER_H
/* From a group to a kernel. The templates (rows.c, reduce.c, gemm.c) build the loops. Inside the loops, lower_value
   computes "the value of node n at index i". */
#include "codegen/program.h"
#include "ir/graph/group.h"

/* Where lower_value reads a node's value, instead of computing it from the operands. */
enum value_loc_kind {
    LOC_ARG,    /* kernel argument `mem`, at the index's row-major position */
    LOC_SHARED, /* shared memory `mem`, at base + last index */
    LOC_STORED, /* the node's own memory `mem`, written earlier in this launch, at base + last index */
    LOC_VALUE,  /* `value`, the same for the whole row */
    LOC_FRAG    /* the fragment element that the enclosing `each` statement visits */
};
struct value_loc {
    const struct node *node;
    enum value_loc_kind kind;
    struct kmem *mem;
    const struct index *base;
    const struct kexpr *value;
    const struct index *index[MAX_RANK]; /* LOC_FRAG, LOC_VALUE: the value exists at this index only */
};

struct memo {
    const struct node *node;
    const struct index *index[MAX_RANK];
    const struct kexpr *value;
};

/* The vectoriser. A sweep is a loop over a row. Each turn of the sweep takes `width` neighbouring elements, in an inner
   loop over e = 0 .. width - 1. The inner loop's loads of x[first + e] become one vector load before the inner loop. If
   a thread's elements of the row fit in registers, later sweeps use the same loads. */
struct vector_load {
    const struct kmem *from, *held;
    const struct index *first;
    bool stays;
};
struct vector {
    int width; /* 1: no vector loads */
    const struct index *e;
    const struct index *turn;      /* variable of the sweep; NULL: the sweep has one turn */
    const struct index *same_turn; /* replaces `turn` in vector_load.first; the same in all sweeps */
    const struct index *thread;    /* lane or thread number; loads that do not depend on it stay scalar */
    int turns;                     /* number of turns; 0: a thread's elements do not fit in registers */
    struct kbuild outer;
    struct kstmt *loop;
};

struct lower {
    struct session *s;
    struct index_table *indices;
    const struct graph *g;
    const struct group *gr;
    const struct group_launch *launch;
    struct kmem **scratch;
    const struct target *t;
    struct kernel *k;
    struct kbuild b;
    struct value_loc *locs;
    size_t n_locs, cap_locs;
    struct memo *memo;
    size_t n_memo, cap_memo;
    struct vector vec;
    struct vector_load *loads;
    size_t n_loads, cap_loads;
    /* The row or element that a thread of a rows kernel computes. The thread reads values of its own group at this
       index only; fusion guarantees that. */
    const struct index *own[MAX_RANK];
    int own_rank; /* number of indices in `own`; 0: no rows kernel */
    int n_held;
    int64_t hint; /* expected value of symbolic dims */
};

/* Value of n at `index`, an array of n->type.rank indices, as f32, f64, i32, i64 or bool. */
const struct kexpr *lower_value(struct lower *l, const struct node *n, const struct index *const *index);
/* From now on, lower_value reads w.node at this location. */
void value_loc_set(struct lower *l, struct value_loc w);
/* lower_enter moves l->b into a statement's body. lower_leave moves l->b back and forgets the values lowered in the
   body. */
struct insert_point {
    struct kbuild b;
    size_t n_memo;
};
struct insert_point lower_enter(struct lower *l, struct kstmt *stmt);
void lower_leave(struct lower *l, struct insert_point p);
/* At the end of a turn: forgets the vector loads that later sweeps cannot use. */
void lower_forget_turn(struct lower *l);
/* Forgets all lowered values. Needed when memory has changed or a new region begins. */
void lower_forget(struct lower *l);

/* Converts an index to its row-major position, and back: (1, 2) in shape [3, 4] <-> 6. */
const struct index *flat_index(struct index_table *t, const struct type *type, const struct index *const *index);
void split_index(struct index_table *t, const struct index *const *dims, int rank, const struct index *flat,
                 const struct index **index);
struct kmask mask_of(const struct index *e, const struct index *bound);
/* Reduces each of acc[0..n-1] over a wave's lanes, or over the block's threads. Every thread gets the totals. */
void combine_wave(struct lower *l, struct kmem *acc, int n, enum kacc op);
void combine_block(struct lower *l, struct kmem *acc, int n, enum kacc op);
void fill_accumulators(struct lower *l, struct kmem *acc, int n, enum kacc op);
double accumulator_neutral(enum kacc op, enum dtype t);
const struct kexpr *finish_reduction(struct lower *l, const struct node *n, const struct kexpr *total,
                                     const struct index *length);
/* Loads element `flat` of an argument, as part of a vector load where possible. */
const struct kexpr *load_arg(struct lower *l, const struct kmem *m, const struct index *flat);
/* Is the mask false for all values of its variables? False if that cannot be proved. */
bool mask_never_holds(struct index_table *t, const struct kmask *m);
/* The kernel argument that holds n's value; NULL: none. */
struct kmem *arg_of(const struct lower *l, const struct node *n);
/* Launches count[0] x count[1] x count[2] blocks and sets `at` to the block's coordinates. A y or z count that may
   exceed the target's limit is folded into x. x stays below 2^31, since each block computes at least one element of a
   result. */
void lower_grid(struct lower *l, const struct index *const *count, const struct index **at);
int log2_ceil(int64_t n);

void lower_rows(struct lower *l);
void lower_reduce(struct lower *l);
void lower_gemm(struct lower *l);
#endif
