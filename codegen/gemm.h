#ifndef TOKIC_CODEGEN_GEMM_H
#define TOKIC_CODEGEN_GEMM_H
/* Shared by the files of the gemm template: gemm.c (main loop), gemm_lanes.c (multiplication without a matrix unit),
   gemm_sinks.c (stores), gemm_margins.c (row and column reductions of the results). */
#include "codegen/lower.h"
#include "ir/tile.h"

struct side {
    const struct node *n;
    struct kmem *src; /* source of asynchronous copies; NULL: elements are computed one by one */
    struct kmem *ring;
    int rows, cols;   /* of a ring slot */
    bool depth_first; /* ring slots are [k][m] for A or [k][n] for B; else [m][k] or [n][k] */
    int piece;
    const struct index *outer0, *outer; /* the tile's first row (A) or column (B); their number in the matrix */
};

/* The rows (columns) of results that a thread keeps in registers, if there is no matrix unit. `lanes` lanes take the
   wave's rows (columns) in turns, `run` neighbours at a time, until each lane has `n`. */
struct reg_side {
    int n, lanes, run;
    const struct index *first;
    const struct index *lane;
    struct kmem *value; /* operand values: [n] if depth_first, else [n][RUN_DEPTH] */
};

struct gemm {
    struct lower *l;
    struct contraction c;
    struct tile tile;
    const struct matrix_unit *unit; /* NULL: each thread multiplies by f32 fma */
    enum dtype in;
    int threads, stages;
    const struct index *block[3]; /* row of tiles (if K is split: that row · parts + part), column of tiles, matrix */
    const struct index *tile_m, *tile_n;
    const struct index *m0, *n0;              /* the tile's first row and column */
    const struct index *wave_m, *wave_n;      /* the wave's first row and column in the tile */
    const struct index *part;                 /* the part of K that this block sums; NULL: K is not split */
    const struct index *start, *end;          /* this block's range of k */
    const struct index *slices, *most_slices; /* number of slices of tile.k in this part; in the longest part */
    const struct index *batch;                /* this block's matrix; NULL: no batch */
    struct side a, b;
    struct kfrag *fa, *fb, *fc; /* with a matrix unit */
    struct reg_side rm, rn;     /* without a matrix unit */
    struct kmem *acc;           /* without a matrix unit: the thread's results, [rm.n][rn.n] */
    struct margin *margins;
    size_t n_margins;
};

/* Multiplication without a matrix unit. lanes_begin zeroes the accumulators. lanes_multiply adds the products of the
   slice in ring slot `slot`. lanes_at returns the thread's i-th row (column) in the tile. */
void lanes_begin(struct gemm *g);
void lanes_multiply(struct gemm *g, const struct index *slot);
const struct index *lanes_at(const struct gemm *g, const struct reg_side *s, const struct index *i);

/* Row and column reductions of the results, for SINK_ROW_PARTIAL and SINK_COLUMN_PARTIAL. margins_begin initialises the
   accumulators. margins_take accumulates the result at `index`; row_slot and col_slot select the thread's accumulators
   for that row and column. margins_end stores the tile's totals. */
void margins_begin(struct gemm *g);
bool margins_of_columns(const struct gemm *g);
void margins_take(struct gemm *g, const struct index *row_slot, const struct index *col_slot,
                  const struct index *const *index);
void margins_end(struct gemm *g);

void gemm_sinks(struct gemm *g);
#endif
