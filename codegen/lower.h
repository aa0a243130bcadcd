#ifndef TOKIC_CODEGEN_LOWER_H
#define TOKIC_CODEGEN_LOWER_H
/* From a group to a kernel. Templates (rows.c, gemm.c) decide the loops; the values inside come by pulling: "the value
   of node n at index i". */
#include "codegen/program.h"
#include "ir/graph/group.h"

/* Where a value of the group is to be had, when not from its operands. */
enum where_kind { WHERE_ARG, WHERE_SHARED, WHERE_VALUE, WHERE_FRAG };
struct where {
    const struct node *node;
    enum where_kind kind;
    struct kmem *mem;                 /* ARG: element number is the row-major position; SHARED: base + last index */
    const struct ix *base;            /* SHARED */
    const struct kx *value;           /* VALUE: the same for the whole row */
    const struct ix *index[MAX_RANK]; /* FRAG, VALUE: the only index at which it may be asked for */
};

struct memo {
    const struct node *node;
    const struct ix *index[MAX_RANK];
    const struct kx *value;
};

/* The vectoriser: while a sweep goes over `width` neighbours at a time (its variable e), a load whose place is (a
   multiple of width) + e becomes one wide load in front of the loop over e, into private memory. Rows that fit in
   registers are loaded once and stay there for the sweeps to come. */
struct wide {
    const struct kmem *from, *held;
    const struct ix *place;
    bool stays;
};
struct vector {
    int width;                 /* 1: off */
    const struct ix *e, *turn; /* the variables of the loops over neighbours and over turns (NULL: one turn) */
    const struct ix
        *same_turn; /* what turns are called in the places that are remembered: every sweep has a variable of its own */
    const struct ix *thread; /* loads that do not depend on it are not worth it */
    int turns;               /* 0: too many to keep what is loaded for other sweeps */
    struct kbuild outer;     /* the list that the loop over e stands in */
    struct kitem *loop;
};

struct lower {
    struct session *s;
    struct ix_table *ix;
    const struct graph *g;
    const struct group *gr;
    const struct target *t;
    struct kernel *k;
    struct kbuild b; /* where items go now */
    struct where *where;
    size_t n_where, cap_where;
    struct memo *memo;
    size_t n_memo, cap_memo;
    struct vector vec;
    struct wide *wides;
    size_t n_wides, cap_wides;
    int n_held;   /* what was loaded wide; private elements that stay */
    int64_t hint; /* expected value of symbolic dims */
};

/* Value of n at index (n->type.rank of them), as f32, f64, i32, i64 or bool. */
const struct kx *pull(struct lower *l, const struct node *n, const struct ix *const *index);
/* Says where a value is from now on. */
void lower_place(struct lower *l, struct where w);
/* Goes into an item's body and comes back out; what was pulled inside is forgotten outside. */
struct spot {
    struct kbuild b;
    size_t n_memo;
};
struct spot lower_enter(struct lower *l, struct kitem *item);
void lower_leave(struct lower *l, struct spot p);
/* Forgets wide loads that do not stay: the turn that made them is over. */
void lower_forget_turn(struct lower *l);
/* Forgets what was pulled so far: memory has changed, or a new region begins. */
void lower_forget(struct lower *l);

/* Row-major position of an index in a shape, and back. */
const struct ix *flat_index(struct ix_table *t, const struct type *type, const struct ix *const *index);
void split_index(struct ix_table *t, const struct ix *const *dims, int rank, const struct ix *flat,
                 const struct ix **index);
/* A guard with one condition 0 <= e < bound. */
struct kmask mask_of(const struct ix *e, const struct ix *bound);
/* Sure to fail for all values of its variables. */
bool mask_never_holds(struct ix_table *t, const struct kmask *m);
/* The argument buffer of a materialised value or source; NULL if the kernel has none for it. */
struct kmem *arg_of(const struct lower *l, const struct node *n);
/* ⌈log2 n⌉. */
int log2_ceil(int64_t n);
int64_t hint_of(const struct lower *l, const struct ix *e);

/* The templates: fill l->k. */
void lower_rows(struct lower *l);
void lower_gemm(struct lower *l);
/* The tile that lower_gemm takes: its block size must be known before the kernel is made. */
struct tile;
struct tile gemm_tile(const struct lower *l);
#endif
