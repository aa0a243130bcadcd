#ifndef TOKIC_IR_GRAPH_FUSION_H
#define TOKIC_IR_GRAPH_FUSION_H
/* Decides which nodes may share a kernel. The fuse pass builds groups node by node with these functions.
   The decision depends on which elements a node reads. If the index expressions leave this open, the answer is no. */
#include "ir/graph/group.h"

struct fusion;
struct fusion *fusion_begin(struct graph *g, const struct target *t, struct arena *a);
/* A view computes the index of an operand element from the index of a result element. Returns the most occurrences of
   one result variable in an operand index. Example: a reshape [3, 4] -> [12] reads x[i / 4, i % 4], so 2.
   Returns 1 if n is not a view. Nested views multiply these numbers, and the kernel text grows with the product. */
int fusion_index_copies(struct fusion *f, const struct node *n);
/* Do readers of the reduction n broadcast its result over the operand's shape again? */
bool fusion_reduces_by_rows(const struct fusion *f, const struct node *n);
struct group *fusion_open(struct fusion *f, struct node *n);
/* True if n may join the group. Call only if an operand of n is computed in the group. */
bool fusion_admits(struct fusion *f, struct group *gr, struct node *n);
/* The last group that reads a value which the reduction n reads too, if n may join it, so that both share the loads:
   mean(g) and mean(g * x). The group must come after `after`, the last group that computes an operand of n (NULL: none
   does). NULL: there is no such group. */
struct group *fusion_sibling(struct fusion *f, struct node *n, const struct group *after);
/* Merges group a into the later group b and empties a, so that the pointwise node n, which reads both, can join b.
   If the groups cannot merge, changes nothing and returns false. At least one group must have only pointwise nodes, or
   both must be rows kernels over the same rows. */
bool fusion_merge(struct fusion *f, struct group *a, struct group *b, struct node *n);
/* Adds n to the group. Requires that fusion_admits returned true for n. */
void fusion_join(struct fusion *f, struct group *gr, struct node *n);
#endif
