#ifndef TOKIC_CODEGEN_ROWS_H
#define TOKIC_CODEGEN_ROWS_H
/* Declarations for the files of the rows template. In this template, a team of threads computes each row. */
#include "codegen/lower.h"

struct rows {
    struct lower *l;
    struct row_space space;
    int team, teams; /* threads per row, rows per block */
    bool by_block;   /* a team is the whole block; otherwise a wave */
    const struct index *row;
    const struct index *member;
    const struct index *lead[MAX_RANK]; /* the row number `row`, split into indices of the dims of `space` */
    int width; /* neighbours that a thread takes per turn, in rows of length vector_length; else 1 */
    const struct index *vector_length;
    const struct index *same_turn;
    size_t n_spilled;
    bool keep; /* a thread's part of a row of length vector_length fits in registers */
};

/* The index of element i of the team's row of a value of this type. i is not used if the type lacks the rows'
   dimension. */
void full_index(const struct rows *r, const struct type *t, const struct index *i, const struct index **index);

/* A loop over a thread's elements of a row. sweep_begin enters the loop. `i` is the index of the current element in the
   row. If rows.width > 1, an inner loop over e = 0 .. width - 1 visits neighbours. `outer` is the statement list that
   contains the inner loop. */
struct sweep {
    struct insert_point start;
    const struct index *i;
    const struct index *e, *first;
    struct kbuild outer;
};

struct sweep sweep_begin(struct rows *r, const struct index *n);
void sweep_end(struct rows *r, struct sweep s);

void team_barrier(struct rows *r);
/* Reduces each of acc[0..n-1] over the team. Every thread gets the totals. */
void team_combine(struct rows *r, struct kmem *acc, int n, enum kacc op);
/* Allocates shared memory for one row of n per team. Returns the place of this team's row. */
struct value_loc row_buffer(struct rows *r, const struct node *n, enum dtype t, const char *stem);
const char *numbered(struct lower *l, const char *stem, size_t i);

void stage_select(struct rows *r, const struct node *n);
void stage_scan(struct rows *r, const struct node *n);
#endif
