#ifndef TOKIC_CODEGEN_GEMM_H
#define TOKIC_CODEGEN_GEMM_H
/* What the files of the gemm template share: gemm.c (shape, ring, loop), gemm_lanes.c (products without a matrix unit),
   gemm_sinks.c (what is written), gemm_margins.c (reductions of the results). */
#include "codegen/lower.h"
#include "ir/tile.h"

struct side { /* A or B */
    const struct node *n;
    struct kmem *src; /* the buffer that is copied asynchronously; NULL: lowered element by element */
    struct kmem *ring;
    int rows, cols;                     /* of a ring slot, as stored */
    bool depth_first;                   /* stored [k][outer]: the matrix has k as its row */
    int piece;                          /* elements per copy */
    const struct index *outer0, *outer; /* this block's first row (A) or column (B); how many the matrix has */
};

/* The `n` rows (columns) of a thread's register tile; used only without a matrix unit. `lanes` lanes of the wave share
   the wave's rows (columns): each takes `run` neighbours in turn. */
struct reg_side {
    int n, lanes, run;
    const struct index *first; /* the wave's first row (column) in the block's tile */
    const struct index *lane;
    struct kmem *value; /* the operand's values: [n] if depth_first, else [n][RUN_DEPTH] */
};

struct gemm {
    struct lower *l;
    struct contraction c;
    struct tile tile;
    const struct matrix_unit *unit; /* NULL: f32 operands, one chain of fma per result */
    enum dtype in;                  /* dtype of the ring's elements */
    int threads, stages;
    const struct index *block[3];             /* row of tiles and part of K as one number; column of tiles; matrix */
    const struct index *tile_m, *tile_n;      /* the tile's number along m and along n */
    const struct index *m0, *n0;              /* the tile's first row and column */
    const struct index *wave_m, *wave_n;      /* this wave's first row and column in the tile */
    const struct index *part;                 /* which part of K this block sums; NULL: K is not split */
    const struct index *start, *end;          /* where the part begins and ends in K */
    const struct index *slices, *most_slices; /* slices of this part; the most that a part has */
    const struct index *batch;                /* which matrix of the batch; NULL: no batch */
    struct side a, b;
    struct kfrag *fa, *fb, *fc; /* with a unit: fragments of A, of B and of results */
    struct reg_side rm, rn;     /* without a unit: the rows and columns of a thread */
    struct kmem *acc;           /* without a unit: the thread's results, [rm.n][rn.n] */
    struct margin *margins;     /* reductions of the results */
    size_t n_margins;
};

/* Products without a matrix unit. lanes_begin zeroes the accumulators. lanes_multiply adds the products of one slice.
   lanes_at gives the thread's i-th row (column), counted in the block's tile. */
void lanes_begin(struct gemm *g);
void lanes_multiply(struct gemm *g, const struct index *slot);
const struct index *lanes_at(const struct gemm *g, const struct reg_side *s, const struct index *i);

/* Reductions that the launch's sinks ask for. margins_begin is called before the results are visited. margins_take
   accumulates one result inside the matrix, given the thread's slots of its row and column, and its index. margins_end
   stores the tile's totals. */
void margins_begin(struct gemm *g);
bool margins_of_columns(const struct gemm *g);
void margins_take(struct gemm *g, const struct index *row_slot, const struct index *col_slot,
                  const struct index *const *index);
void margins_end(struct gemm *g);

/* Writes the launch's sinks from the accumulators. */
void gemm_sinks(struct gemm *g);
#endif
