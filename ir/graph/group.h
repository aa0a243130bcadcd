#ifndef TOKIC_IR_GRAPH_GROUP_H
#define TOKIC_IR_GRAPH_GROUP_H
/* What may be one kernel: the predicate that fuse asks while it gathers, and that lowering relies on. */
#include "ir/graph/graph.h"
#include "ir/ops/op.h"

/* A contraction's reading: result [batch…, M, N] = Σ_K a·b. Not batched: b is one matrix, and all leading dims of a
   join M. */
struct contraction {
    const struct node *n;
    bool transpose_a, transpose_b, batched;
    const struct index *m, *nn, *k;
};
struct contraction contraction_of(struct session *s, const struct node *n);

/* Values that cost nothing to make again wherever they are read: views, and what a row calls cheap (a cast) of sources.
   They belong to no group. */
bool node_is_rematerialised(const struct node *n);
/* Does a contraction go to the gemm template? All do but those that multiply in f32 and have a few columns and a short
   depth, both static: these are stages of rows kernels. */
bool node_is_gemm(const struct node *n);

/* The row space of a GROUP_ROWS group: leading dims that all its stages and results share. */
struct row_space {
    int rank;
    const struct index *dim[MAX_RANK];
    bool flat; /* no stage: any one shape, element by element */
};
/* Template stages of rows kernels, which cannot be pulled by `at`. */
bool node_is_stage(const struct node *n);
/* A reduction that is no stage: across rows, or of few long ones. It has a template of its own. */
bool node_is_reduce(const struct node *n);
/* The row space of a group that begins with n. */
struct row_space row_space_of(const struct node *n);
/* Does x stand in memory for the group, views followed: a bound source, or what another group keeps? */
bool group_finds_in_memory(const struct group *gr, const struct node *x);
/* A selection that gives every element of its row a result, and the type that its scores are compared in. */
bool node_is_row_selection(const struct node *n);
enum dtype node_score_type(const struct node *n);
/* Shared memory that the stages of one row take, in bytes; -1 where a length is symbolic. */
int64_t group_row_bytes(struct session *s, const struct group *gr);
/* Do the stages of one row fit in shared memory? Else its selections keep scores in scratch and results in memory. */
bool group_rows_fit(struct session *s, const struct group *gr, const struct target *t);
/* Blocks of LAUNCH_COLUMNS and LAUNCH_CHUNKS: threads, neighbours that a thread takes at once, turns whose loads are in
   flight together. Plans cut parts in whole rounds of these. */
enum { REDUCE_BLOCK = 256, REDUCE_WIDTH = 4, REDUCE_UNROLL = 4 };
/* Does the rematerialised value x read one that the group computes? */
bool node_reads_group(const struct node *x, const struct group *gr);
/* May n join the epilogue of a GROUP_GEMM? */
bool group_gemm_admits(const struct group *gr, const struct node *n);
/* How a reduction goes over the matrix that is its operand, the result or an epilogue value of a GROUP_GEMM: a result a
   row, or a column; NONE: neither. */
enum gemm_margin { MARGIN_NONE, MARGIN_ROWS, MARGIN_COLUMNS };
enum gemm_margin group_gemm_margin(const struct group *gr, const struct node *n);
/* Fixes the launches, scratch and tile of a group whose nodes and results are known: a function of the target's row and
   the shapes, symbolic dims at `hint`. */
void group_plan(struct graph *g, struct group *gr, const struct target *t, int64_t hint);
#endif
