#ifndef TOKIC_CODEGEN_LOWER_H
#define TOKIC_CODEGEN_LOWER_H
/* Lowers a launch of a group to a kernel. The templates (rows.c, reduce.c, gemm.c) build the loops. Inside the loops,
   lower_value builds the expression for the value of node n at an index. */
#include "codegen/program.h"
#include "ir/graph/group.h"

/* A place where lower_value reads a node's value. A node without a place is computed from its operands. */
enum value_loc_kind {
    LOC_ARG,    /* in the kernel argument `mem`, at the row-major position of the index */
    LOC_SHARED, /* in shared memory `mem`, at base + the index along the row */
    LOC_STORED, /* in the node's output buffer `mem`, written earlier in this launch, at its row-major position */
    LOC_VALUE,  /* the expression `value` */
    LOC_FRAG    /* the fragment element that the enclosing KSTMT_EACH visits */
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

/* Vector loads. A sweep is a loop over a row. Each turn of a sweep has an inner loop over `width` neighbouring
   elements, e = 0 .. width - 1. One vector load before the inner loop replaces the loads of x[first + e] in the inner
   loop. If a thread's elements of the row fit in registers, later sweeps use the same vector loads. */
struct vector_load {
    const struct kmem *from, *held;
    const struct index *first;
    bool stays;
};
struct vector {
    int width; /* 1: no vector loads */
    const struct index *e;
    const struct index *turn;      /* loop variable of the sweep; NULL: the sweep has one turn */
    const struct index *same_turn; /* replaces `turn` in vector_load.first; one variable for all sweeps */
    const struct index *thread;    /* lane or thread number; a load that all threads share stays scalar */
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
    bool stand_ins; /* what does not keep integers is replaced (op_stands_in) */
    struct kernel *k;
    struct kbuild b;
    struct value_loc *locs;
    size_t n_locs, cap_locs;
    struct memo *memo;
    size_t n_memo, cap_memo;
    struct vector vec;
    struct vector_load *loads;
    size_t n_loads, cap_loads;
    /* LAUNCH_ROWS: index of the row or element that a thread computes. Fusion guarantees that the thread reads values
       of its own group at this index only. */
    const struct index *own[MAX_RANK];
    struct row_space own_space; /* the dims of `own`; rank 0 in other launches */
    int n_held;
    int64_t hint; /* expected value of symbolic dims */
};

/* Returns the value of n at `index`, an array of n->type.rank indices. The value is f32, f64, i32, i64 or bool. */
const struct kexpr *lower_value(struct lower *l, const struct node *n, const struct index *const *index);
/* Makes lower_value read w.node at the place w from now on. */
void value_loc_set(struct lower *l, struct value_loc w);
struct insert_point {
    struct kbuild b;
    size_t n_memo;
};
/* Moves the insertion point l->b into the body of `stmt`. Returns the old insertion point, for lower_leave. */
struct insert_point lower_enter(struct lower *l, struct kstmt *stmt);
/* Moves the insertion point back to p. Forgets the values that were lowered in the body. */
void lower_leave(struct lower *l, struct insert_point p);
/* Forgets the vector loads that later sweeps cannot use. Call at the end of a turn. */
void lower_forget_turn(struct lower *l);
/* Forgets all lowered values. Call when memory has changed or a new region begins. */
void lower_forget(struct lower *l);

/* Converts an index to its row-major position, and back: (1, 2) in shape [3, 4] <-> 6. */
const struct index *flat_index(struct index_table *t, const struct type *type, const struct index *const *index);
void split_index(struct index_table *t, const struct index *const *dims, int rank, const struct index *flat,
                 const struct index **index);
struct kmask mask_of(const struct index *e, const struct index *bound);
/* Reduce each of acc[0..n-1] over the wave's lanes, or over the block's threads. Every thread gets the totals. */
void combine_wave(struct lower *l, struct kmem *acc, int n, enum kacc op);
void combine_block(struct lower *l, struct kmem *acc, int n, enum kacc op);
void fill_accumulators(struct lower *l, struct kmem *acc, int n, enum kacc op);
const struct kexpr *finish_reduction(struct lower *l, const struct node *n, const struct kexpr *total,
                                     const struct index *length);
/* Loads element `flat` of the argument m, as part of a vector load where possible. */
const struct kexpr *load_arg(struct lower *l, const struct kmem *m, const struct index *flat);
/* True if the mask is provably false for all values of its variables. */
bool mask_never_holds(struct index_table *t, const struct kmask *m);
/* Returns the kernel argument that holds the value of n. NULL if there is none. */
struct kmem *arg_of(const struct lower *l, const struct node *n);
/* Launches count[0] x count[1] x count[2] blocks. Sets at[0..2] to the block's coordinates. If count[1] or count[2] may
   exceed the target's limit, that count is multiplied into the x dimension of the grid. The x dimension needs no limit:
   each block computes at least one element of a result, and a result has fewer than 2^31 elements. */
void lower_grid(struct lower *l, const struct index *const *count, const struct index **at);
int log2_ceil(int64_t n);

void lower_rows(struct lower *l);
void lower_reduce(struct lower *l);
void lower_gemm(struct lower *l);
#endif
