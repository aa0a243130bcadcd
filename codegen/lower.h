#ifndef TOKIC_CODEGEN_LOWER_H
#define TOKIC_CODEGEN_LOWER_H
/* From a group to a kernel. Templates (rows.c, gemm.c) decide the loops; the values inside come by pulling: "the value
   of node n at index i". */
#include "codegen/program.h"
#include "ir/graph/group.h"

/* Where a value of the group is to be had, when not from its operands. */
enum value_loc_kind { LOC_ARG, LOC_SHARED, LOC_STORED, LOC_VALUE, LOC_FRAG };
struct value_loc {
    const struct node *node;
    enum value_loc_kind kind;
    struct kmem *
        /* ARG: element number is the row-major position; SHARED, STORED (in its own memory already): base + last index
           */
        mem;
    const struct index *base;            /* SHARED */
    const struct kexpr *value;           /* VALUE: the same for the whole row */
    const struct index *index[MAX_RANK]; /* FRAG, VALUE: the only index at which it may be asked for */
};

struct memo {
    const struct node *node;
    const struct index *index[MAX_RANK];
    const struct kexpr *value;
};

/* The vectoriser: while a sweep goes over `width` neighbours at a time (its variable e), a load whose place is (a
   multiple of width) + e becomes one vector load in front of the loop over e, into private memory. Rows that fit in
   registers are loaded once and stay there for the sweeps to come. */
struct vector_load {
    const struct kmem *from, *held;
    const struct index *first;
    bool stays;
};
struct vector {
    int width;                    /* 1: off */
    const struct index *e, *turn; /* the variables of the loops over neighbours and over turns (NULL: one turn) */
    const struct index
        *same_turn; /* what turns are called in the places that are remembered: every sweep has a variable of its own */
    const struct index *thread; /* loads that do not depend on it are not worth it */
    int turns;                  /* 0: too many to keep what is loaded for other sweeps */
    struct kbuild outer;        /* the list that the loop over e stands in */
    struct kstmt *loop;
};

struct lower {
    struct session *s;
    struct index_table *indices;
    const struct graph *g;
    const struct group *gr;
    const struct group_launch *launch; /* of the group: the one at hand */
    struct kmem **scratch;             /* the group's, by number */
    const struct target *t;
    struct kernel *k;
    struct kbuild b; /* where statements go now */
    struct value_loc *locs;
    size_t n_locs, cap_locs;
    struct memo *memo;
    size_t n_memo, cap_memo;
    struct vector vec;
    struct vector_load *loads;
    size_t n_loads, cap_loads;
    int n_held;   /* what was loaded wide; private elements that stay */
    int64_t hint; /* expected value of symbolic dims */
};

/* Value of n at index (n->type.rank of them), as f32, f64, i32, i64 or bool. */
const struct kexpr *lower_value(struct lower *l, const struct node *n, const struct index *const *index);
/* Says where a value is from now on. */
void value_loc_set(struct lower *l, struct value_loc w);
/* Goes into a statement's body and comes back out; what was pulled inside is forgotten outside. */
struct insert_point {
    struct kbuild b;
    size_t n_memo;
};
struct insert_point lower_enter(struct lower *l, struct kstmt *stmt);
void lower_leave(struct lower *l, struct insert_point p);
/* Forgets vector loads that do not stay: the turn that made them is over. */
void lower_forget_turn(struct lower *l);
/* Forgets what was pulled so far: memory has changed, or a new region begins. */
void lower_forget(struct lower *l);

/* Row-major position of an index in a shape, and back. */
const struct index *flat_index(struct index_table *t, const struct type *type, const struct index *const *index);
void split_index(struct index_table *t, const struct index *const *dims, int rank, const struct index *flat,
                 const struct index **index);
/* A guard with one condition 0 <= e < bound. */
struct kmask mask_of(const struct index *e, const struct index *bound);
/* acc[0..n-1] of every thread become the totals of its wave, or of the whole block, the same in all of them. */
void combine_wave(struct lower *l, struct kmem *acc, int n, enum kacc op);
void combine_block(struct lower *l, struct kmem *acc, int n, enum kacc op);
/* acc[0..n-1] := what ⊕ begins with, in a region of its own. */
void fill_accumulators(struct lower *l, struct kmem *acc, int n, enum kacc op);
double accumulator_neutral(enum kacc op);
/* The result of a reduction from its total of `length` terms. */
const struct kexpr *finish_reduction(struct lower *l, const struct node *n, const struct kexpr *total,
                                     const struct index *length);
/* An element of an argument as one of a vector load's where the vectoriser allows it. */
const struct kexpr *load_arg(struct lower *l, const struct kmem *m, const struct index *flat);
/* Sure to fail for all values of its variables. */
bool mask_never_holds(struct index_table *t, const struct kmask *m);
/* The argument buffer of a materialised value or source; NULL if the kernel has none for it. */
struct kmem *arg_of(const struct lower *l, const struct node *n);
/* ⌈log2 n⌉. */
int log2_ceil(int64_t n);

/* The templates: fill l->k. */
void lower_rows(struct lower *l);
void lower_reduce(struct lower *l);
void lower_gemm(struct lower *l);
#endif
