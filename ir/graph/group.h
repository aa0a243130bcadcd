#ifndef TOKIC_IR_GRAPH_GROUP_H
#define TOKIC_IR_GRAPH_GROUP_H
/* Properties of nodes and groups by which fuse decides and on which lowering relies. */
#include "ir/graph/graph.h"
#include "ir/ops/op.h"

/* The shape of a contraction: result [batch…, M, N] = Σ_K a·b. If not batched, b is one matrix and all leading dims of
   a are part of M. */
struct contraction {
    const struct node *n;
    bool transpose_a, transpose_b, batched;
    const struct index *m, *nn, *k; /* M, N and K */
    const struct index *matrices;   /* number of matrices of a batch; 1 if not batched */
};
struct contraction contraction_of(struct session *s, const struct node *n);

/* Is n recomputed by each reader rather than stored? True of views, of cheap ops (a cast) over sources, and of what
   fuse finds cheaper to recompute. Such nodes belong to no group. */
bool node_is_rematerialised(const struct node *n);
/* Is n a contraction that the gemm template lowers? The others are stages of rows kernels: f32 contractions with few
   columns and a short K, both known at compile time. */
bool node_is_gemm(const struct node *n);

/* The row space of a GROUP_ROWS group: the leading dims that all its stages and results share. */
struct row_space {
    int rank;
    const struct index *dim[MAX_RANK];
    bool flat; /* the group has no stage: its nodes are of one shape and are computed element by element */
};
/* Is n a stage of a rows kernel? A stage computes a whole row at once, so its op has no `at` for a single index. */
bool node_is_stage(const struct node *n);
/* Is n a reduction across rows, or of a few long rows? Such a reduction is not a stage: it has its own template. */
bool node_is_reduce(const struct node *n);
/* The row space of a group that begins with n. */
struct row_space row_space_of(const struct node *n);
/* Does the group read x from memory, directly or through views? It does if x is a source that a run binds, or a value
   that another group materialises. */
bool group_finds_in_memory(const struct group *gr, const struct node *x);
/* Is n a selection with a result for every element of its row? node_score_type: the type in which n compares scores. */
bool node_is_row_selection(const struct node *n);
enum dtype node_score_type(const struct node *n);
/* The type in which a reduction accumulates: f32, or its own integer. */
enum dtype node_accumulator_type(const struct node *n);
/* Shared memory for the stages of one row, in bytes; -1 if a length is symbolic. */
int64_t group_row_bytes(struct session *s, const struct group *gr);
/* Do the stages of one row fit in shared memory? If not, selections keep scores in scratch and results in memory. */
bool group_rows_fit(struct session *s, const struct group *gr, const struct target *t);
/* The work of a block of LAUNCH_COLUMNS or LAUNCH_CHUNKS in one round. group_plan makes parts of whole rounds. */
enum {
    REDUCE_BLOCK = 256, /* threads */
    REDUCE_WIDTH = 4,   /* neighbouring elements that a thread loads at once */
    REDUCE_UNROLL = 4,  /* iterations whose loads are in flight together */
};
/* Does the rematerialised value x read a value that the group computes? */
bool node_reads_group(const struct node *x, const struct group *gr);
/* May n join the epilogue of a GROUP_GEMM? */
bool group_gemm_admits(const struct group *gr, const struct node *n);
/* The direction in which n reduces the result or an epilogue value of a GROUP_GEMM: one result for each row, or for
   each column. */
enum gemm_margin { MARGIN_NONE, MARGIN_ROWS, MARGIN_COLUMNS };
enum gemm_margin group_gemm_margin(const struct group *gr, const struct node *n);
/* Decides the launches, scratch and tile of a group whose nodes and outputs are known. The result depends only on the
   target's record and the shapes, with symbolic dims taken as `hint`. */
void group_plan(struct graph *g, struct group *gr, const struct target *t, int64_t hint);
#endif
