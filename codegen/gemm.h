#ifndef TOKIC_CODEGEN_GEMM_H
#define TOKIC_CODEGEN_GEMM_H
/* The gemm template between its files: gemm.c (shape, ring, loop), gemm_lanes.c (products without a matrix unit),
   gemm_sinks.c (what is written), gemm_margins.c (reductions of the results). */
#include "codegen/lower.h"
#include "ir/tile.h"

struct side { /* A or B */
    const struct node *n;
    struct kmem *src; /* the buffer of an asynchronous copy; NULL: pulled */
    struct kmem *ring;
    int rows, cols;                     /* of a slot, as stored */
    bool depth_first;                   /* stored [k][outer]: the matrix has k as its row */
    int piece;                          /* elements a copy */
    const struct index *outer0, *outer; /* this block's first row or column; their number */
};

/* A side of the register tile of a thread, without a matrix unit. Its rows (or columns) are `run` neighbours, then the
   other lanes' neighbours, and so on. */
struct reg_side {
    int n, lanes, run;
    const struct index *first; /* of the wave, in the block's tile */
    const struct index *lane;
    struct kmem *value; /* of the operand: [n][RUN_DEPTH] if the slot has outer rows, [n] if it has rows of k */
};

struct gemm {
    struct lower *l;
    struct contraction c;
    struct tile tile;
    const struct matrix_unit *unit; /* NULL: f32 operands, each thread an fma chain a result */
    enum dtype in;                  /* of the ring */
    int threads, stages;
    const struct index *m0, *n0;              /* the tile's first row and column */
    const struct index *wave_m, *wave_n;      /* this wave's, in the tile */
    const struct index *part;                 /* which part of the depth this block multiplies; NULL: there is one */
    const struct index *start, *end;          /* of the part */
    const struct index *slices, *most_slices; /* of this part; of any */
    const struct index *batch;                /* which matrix of a batch; NULL */
    struct side a, b;
    struct kfrag *fa, *fb, *fc; /* with a unit */
    struct reg_side rm, rn;     /* without: rows and columns of a thread */
    struct kmem *acc;           /* [rm.n][rn.n] */
    struct margin *margins;     /* reductions of the results */
    size_t n_margins;
};

/* Without a matrix unit: the accumulators, zeroed; one slice's products; the element (i, j) of the thread: its place in
   the block's tile. */
void lanes_begin(struct gemm *g);
void lanes_multiply(struct gemm *g, const struct index *slot);
const struct index *lanes_at(const struct gemm *g, const struct reg_side *s, const struct index *i);

/* Reductions that the launch's sinks ask for. begin: before the results are gone over; take: one result inside of the
   matrix, by the slots of its row and column in the thread and its index; end: what the tile gives, to scratch. */
void margins_begin(struct gemm *g);
bool margins_of_columns(const struct gemm *g);
void margins_take(struct gemm *g, const struct index *row_slot, const struct index *col_slot,
                  const struct index *const *index);
void margins_end(struct gemm *g);

/* Writes what the launch's sinks say, from the accumulators. */
void gemm_sinks(struct gemm *g);
#endif
