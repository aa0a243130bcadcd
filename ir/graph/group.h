#ifndef TOKIC_IR_GRAPH_GROUP_H
#define TOKIC_IR_GRAPH_GROUP_H
/* Properties of nodes and groups. The fuse pass and the lowering of a group use the same ones. */
#include "ir/graph/graph.h"
#include "ir/ops/op.h"

/* The shape of a contraction: result[batch…, M, N] = Σ_K a·b.
   If not batched, b is one matrix, and M is the product of the leading dims of a: for [2, 3, K]·[K, N], M is 6. */
struct contraction {
    const struct node *n;
    bool transpose_a, transpose_b, batched;
    const struct index *m, *nn, *k;
    const struct index *matrices;
};
struct contraction contraction_of(struct session *s, const struct node *n);

/* True if each reader computes n again, so that n is not stored and belongs to no group.
   Such nodes are views, cheap ops on sources (a cast of a weight), and nodes with `recomputed` set. */
bool node_is_rematerialised(const struct node *n);
/* True if gr computes x again where it reads x: x is rematerialised, or `recomputed` and a value of another group. */
bool group_computes_again(const struct group *gr, const struct node *x);
/* True if n is a contraction with a gemm kernel. False for an f32 contraction with few columns and a short K, both
   constant: a rows kernel computes it. */
bool node_is_gemm(const struct node *n);

/* The row space of a GROUP_ROWS group: the dims that number its rows. A row lies along dimension `axis` of a value; the
   value's other dims are those of the space. A value with one element a row has dimension `axis` as 1, or lacks it. */
struct row_space {
    int rank;
    int axis; /* rows along the last dimension: axis = rank */
    const struct index *dim[MAX_RANK];
    bool flat; /* true without stages: all nodes have the same shape, and each element is a row */
};
/* The dim of the space that is dimension i of a value of this rank; -1 for the dimension along the rows. */
static inline int row_space_dim(const struct row_space *r, int rank, int i)
{
    if (rank <= r->rank)
        return i;
    int at = i - (i > r->axis);
    return i == r->axis || at >= r->rank ? -1 : at;
}
/* The length of a value's rows; 1 if it has one element a row. */
const struct index *row_space_length(struct session *s, const struct row_space *r, const struct type *t);
/* True if n is a stage: in a rows kernel, n needs a whole row at once, as a sum does. */
bool node_is_stage(const struct node *n);
/* True if n is a reduction that needs a GROUP_REDUCE kernel: it reduces across rows, or reduces a few long rows. */
bool node_is_reduce(const struct node *n);
/* May the fuse pass set n->by_rows? */
bool node_may_reduce_by_rows(const struct node *n);
struct row_space row_space_of(const struct node *n);
/* True if x is in memory when the group starts: an input, a weight, a value of another group, or a view of these. */
bool group_finds_in_memory(const struct group *gr, const struct node *x);
/* True if n is a selection, such as topk_mask, with one result for each element of the row. */
bool node_is_row_selection(const struct node *n);
/* The dtype in which the selection n compares elements. */
enum dtype node_score_type(const struct node *n);
/* The dtype in which the reduction n accumulates: f32, its own integer type, or i32 for booleans. */
enum dtype node_accumulator_type(const struct node *n);
/* Bytes of shared memory for the stages of one row; -1 if the length of a row is symbolic. */
int64_t group_row_bytes(const struct group *gr);
/* True if the stages of one row fit in shared memory. Otherwise, selections keep their scores in scratch. */
bool group_rows_fit(const struct group *gr, const struct target *t);
/* In LAUNCH_COLUMNS and LAUNCH_CHUNKS, a block works in rounds.
   In each round, each thread loads REDUCE_UNROLL times REDUCE_WIDTH elements. */
enum {
    REDUCE_BLOCK = 256,
    REDUCE_WIDTH = 4,
    REDUCE_UNROLL = 4,
};
/* True if an operand of x is a value of the group, or is recomputed from one. */
bool node_reads_group(const struct node *x, const struct group *gr);
/* True if n may join the epilogue of a GROUP_GEMM. */
bool group_gemm_admits(const struct group *gr, const struct node *n);
/* What n reduces in a gemm; the values are bits. MARGIN_ROWS, MARGIN_COLUMNS: each row (column) of the result, or of a
   value of the epilogue. MARGIN_A, MARGIN_B: an operand in memory, which n sums along k. Example: dW = dyᵀ·x reads dy
   as A, and the bias's gradient is the sum of dy over the same rows. */
enum gemm_margin {
    MARGIN_NONE = 0,
    MARGIN_ROWS = 1,
    MARGIN_COLUMNS = 2,
    MARGIN_A = 4,
    MARGIN_B = 8,
    MARGIN_OF_RESULT = MARGIN_ROWS | MARGIN_COLUMNS,
    MARGIN_OF_OPERAND = MARGIN_A | MARGIN_B,
};
enum gemm_margin group_gemm_margin(struct session *s, const struct group *gr, const struct node *n);
/* Plans the launches, scratch and tile of a group from the target and the shapes alone.
   Estimates each symbolic dim as `hint`. */
void group_plan(struct graph *g, struct group *gr, const struct target *t, int64_t hint);
#endif
