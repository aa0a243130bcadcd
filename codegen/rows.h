#ifndef TOKIC_CODEGEN_ROWS_H
#define TOKIC_CODEGEN_ROWS_H
/* What the files of the rows template share: a team of threads on a row, and its sweeps. */
#include "codegen/lower.h"

struct rows {
    struct lower *l;
    struct row_space space;
    int team, teams;                    /* threads per row, rows per block */
    bool by_block;                      /* the team is the block */
    const struct index *row;            /* this team's row */
    const struct index *member;         /* this thread's number in the team */
    const struct index *lead[MAX_RANK]; /* the row as indices of the leading dims */
    int width;                          /* neighbours that a thread takes at a time in rows of vector_length */
    const struct index *vector_length;
    const struct index *same_turn; /* see struct vector (codegen/lower.h) */
    size_t n_spilled;              /* selections whose scores are in scratch */
    bool keep;                     /* a thread's part of a row of vector_length fits in registers */
};

void full_index(const struct rows *r, const struct index *last, const struct index **index);

/* Loops over this thread's elements of a row of length n: sweep_begin enters the loops and the guard, and sets i, the
   element's number. If a row is swept `width` neighbours at a time, the innermost loop is over these (variable e), and
   `outer` is the insert point around it. */
struct sweep {
    struct insert_point start;
    const struct index *i;
    const struct index *e, *first;
    struct kbuild outer;
};

struct sweep sweep_begin(struct rows *r, const struct index *n);
void sweep_end(struct rows *r, struct sweep s);

void team_barrier(struct rows *r);
/* Reduces acc[0..n-1] over the team. Every thread gets the totals. */
void team_combine(struct rows *r, struct kmem *acc, int n, enum kacc op);
/* The team's part of a shared buffer that has room for one row of n's elements for each team. */
struct value_loc row_buffer(struct rows *r, const struct node *n, enum dtype t, const char *stem);
/* "acc3" */
const char *numbered(struct lower *l, const char *stem, size_t i);

void stage_select(struct rows *r, const struct node *n);
#endif
