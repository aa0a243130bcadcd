#ifndef TOKIC_CODEGEN_GEMM_H
#define TOKIC_CODEGEN_GEMM_H
/* Declarations for the files of the gemm template: gemm.c (main loop), gemm_operand.c (where operands come from),
   gemm_lanes.c (multiplication without a matrix unit), gemm_sinks.c (stores), gemm_margins.c (row and column reductions
   of the results), gemm_sums.c (sums of an operand). */
#include "codegen/lower.h"
#include "ir/tile.h"

/* One operand of the product A·B. */
struct side {
    const struct node *n;
    struct kmem *src; /* source of asynchronous copies; NULL: elements are computed one by one */
    const struct index *src_at, *src_outer, *src_depth; /* position in src of element (src_outer, src_depth) */
    struct kmem *ring;
    int rows, cols;   /* shape of a ring slot */
    bool k_first;     /* the last two dims of the operand are [k, m] (A) or [k, n] (B); otherwise [m, k] or [n, k] */
    bool depth_first; /* a ring slot is [k][m] (A) or [k][n] (B); otherwise [m][k] or [n][k] */
    int piece;
    /* outer0: first row (A) or column (B) of the tile. outer: number of rows (columns) of the matrix. */
    const struct index *outer0, *outer;
};

/* The rows (columns) of results that a lane computes without a matrix unit. The rows of a wave are dealt out to `lanes`
   lanes, `run` neighbouring rows at a time, until each lane has `n` rows. Example: with lanes = 4, run = 2 and n = 4,
   lane 0 has rows 0, 1, 8, 9. */
struct reg_side {
    int n, lanes, run;
    const struct index *first;
    const struct index *lane;
    struct kmem *value; /* operand values: [n] if side.depth_first, else [n][RUN_DEPTH] */
};

struct gemm {
    struct lower *l;
    struct contraction c;
    struct tile tile;
    const struct matrix_unit *unit; /* NULL: threads multiply by f32 fma */
    enum dtype in;
    int threads, stages;
    const struct index *block[3]; /* row of tiles (row · parts + part if K is split), column of tiles, matrix */
    const struct index *tile_m, *tile_n;
    const struct index *m0, *n0;              /* the tile's first row and column */
    const struct index *wave_m, *wave_n;      /* the wave's first row and column in the tile */
    const struct index *part;                 /* the part of K that this block sums; NULL: K is not split */
    const struct index *start, *end;          /* this block's range of k */
    const struct index *slices, *most_slices; /* number of slices in this part of K, and in the longest part */
    const struct index *batch;                /* number of this block's matrix; NULL: no batch */
    struct side a, b;
    struct kernel *probe;       /* a dummy kernel, to which the `at` functions of views append code */
    struct kfrag *fa, *fb, *fc; /* with a matrix unit */
    struct reg_side rm, rn;     /* without a matrix unit */
    struct kmem *acc;           /* without a matrix unit: the thread's results, [rm.n][rn.n] */
    struct margin *margins;
    size_t n_margins;
    struct operand_sum *sums;
    size_t n_sums;
    /* With n_sums > 0: the operand that is summed; the number of a block's tile along the result's other dimension;
       the operand's rows (columns) in a tile; the teams of so many threads. */
    const struct side *summed;
    const struct index *sum_tile;
    int sum_extent, sum_teams;
};

/* ---- operands ---- */
/* Decides how the operand n is brought to shared memory, and allocates its ring `name`. */
struct side make_side(struct gemm *g, const char *name, const struct node *n, bool k_first, const struct index *outer0,
                      const struct index *outer, int outer_tile);
/* The value of an element of an operand: of A at row `outer` and k = `depth`, of B at column `outer`. */
const struct kexpr *side_value(const struct gemm *g, const struct side *s, const struct index *outer,
                               const struct index *depth);
/* The position of an element in s->src. */
const struct index *side_source_index(const struct gemm *g, const struct side *s, const struct index *outer,
                                      const struct index *depth);

/* ---- multiplication without a matrix unit ---- */
void lanes_begin(struct gemm *g);
/* Adds the products of the slice in ring slot `slot` to the accumulators. */
void lanes_multiply(struct gemm *g, const struct index *slot);
/* Returns the number, in the tile, of the thread's i-th row (column), 0 <= i < s->n. */
const struct index *lanes_at(const struct gemm *g, const struct reg_side *s, const struct index *i);

/* ---- reductions of the results along rows and columns (SINK_ROW_PARTIAL, SINK_COLUMN_PARTIAL) ---- */
void margins_begin(struct gemm *g);
/* True if the launch has a SINK_COLUMN_PARTIAL. */
bool margins_of_columns(const struct gemm *g);
/* Accumulates the result at `index`. row_slot, col_slot: index of the accumulator of the result's row, column. */
void margins_take(struct gemm *g, const struct index *row_slot, const struct index *col_slot,
                  const struct index *const *index);
/* Combines the accumulators of all threads, and stores the tile's totals in scratch. */
void margins_end(struct gemm *g);

/* ---- sums of an operand along k (SINK_OPERAND) ---- */
void sums_begin(struct gemm *g);
/* Accumulates the slice in ring slot `slot`. */
void sums_take(struct gemm *g, const struct index *slot);
/* Adds the totals of all threads, and stores the results that follow from the sums. */
void sums_end(struct gemm *g);

void gemm_sinks(struct gemm *g);
#endif
