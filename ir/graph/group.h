#ifndef TOKIC_IR_GRAPH_GROUP_H
#define TOKIC_IR_GRAPH_GROUP_H
/* Properties of nodes and groups. The fuse pass decides by them, and lowering asks them again. */
#include "ir/graph/graph.h"
#include "ir/ops/op.h"

/* The shape of a contraction: result[batch…, M, N] = Σ_K a·b. If not batched, b is one matrix, and M is the product of
   a's leading dims: [2, 3, K]·[K, N] has M = 6. */
struct contraction {
    const struct node *n;
    bool transpose_a, transpose_b, batched;
    const struct index *m, *nn, *k;
    const struct index *matrices;
};
struct contraction contraction_of(struct session *s, const struct node *n);

/* Does every reader recompute n, so that n is not stored? True for views, for cheap ops (a cast) on sources, and for
   nodes with `recomputed` set. Such nodes belong to no group. */
bool node_is_rematerialised(const struct node *n);
/* Does n become a gemm? Otherwise it is computed in a rows kernel: an f32 contraction with few columns and a short K,
   both constant. */
bool node_is_gemm(const struct node *n);

/* The row space of a GROUP_ROWS group: the leading dims that number its rows. */
struct row_space {
    int rank;
    const struct index *dim[MAX_RANK];
    bool flat; /* no stages: all nodes have the same shape, and each element counts as a row */
};
/* Is n a stage: an op in a rows kernel that needs a whole row at once, such as its sum? */
bool node_is_stage(const struct node *n);
/* Is n a reduction with a kernel of its own (GROUP_REDUCE)? It reduces across rows, or reduces a few long rows. */
bool node_is_reduce(const struct node *n);
struct row_space row_space_of(const struct node *n);
/* Is x in memory when the group starts? True for an input or weight, for a value that another group stores, and for a
   view of either. */
bool group_finds_in_memory(const struct group *gr, const struct node *x);
/* node_is_row_selection: is n a selection, such as topk_mask, with one result for each element of the row?
   node_score_type: the dtype in which n compares elements. */
bool node_is_row_selection(const struct node *n);
enum dtype node_score_type(const struct node *n);
/* The dtype in which a reduction accumulates: f32, or its own integer type. */
enum dtype node_accumulator_type(const struct node *n);
/* Shared memory for the stages of one row, in bytes; -1 if the length of a row is symbolic. */
int64_t group_row_bytes(struct session *s, const struct group *gr);
/* Do the stages of one row fit in shared memory? If not, selections keep their scores in scratch. */
bool group_rows_fit(struct session *s, const struct group *gr, const struct target *t);
/* A block of LAUNCH_COLUMNS or LAUNCH_CHUNKS works in rounds. In a round each thread loads REDUCE_UNROLL times
   REDUCE_WIDTH elements. */
enum {
    REDUCE_BLOCK = 256,
    REDUCE_WIDTH = 4,
    REDUCE_UNROLL = 4,
};
/* Does x read a value of the group, directly or through nodes that are recomputed? */
bool node_reads_group(const struct node *x, const struct group *gr);
/* May n join the epilogue of a GROUP_GEMM? */
bool group_gemm_admits(const struct group *gr, const struct node *n);
/* Does n reduce a gemm's result, or an epilogue value? MARGIN_ROWS: to one result for each row. MARGIN_COLUMNS: to one
   result for each column. */
enum gemm_margin { MARGIN_NONE, MARGIN_ROWS, MARGIN_COLUMNS };
enum gemm_margin group_gemm_margin(const struct group *gr, const struct node *n);
/* Plans the launches, scratch and tile of a group. The plan depends only on the target and the shapes; a symbolic dim
   counts as `hint`. */
void group_plan(struct graph *g, struct group *gr, const struct target *t, int64_t hint);
#endif
