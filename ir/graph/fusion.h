#ifndef TOKIC_IR_GRAPH_FUSION_H
#define TOKIC_IR_GRAPH_FUSION_H
/* What may share a kernel: fuse asks node by node while it builds groups. To see which elements a node reads, indices
   are followed symbolically through the ops' `at`. If that does not decide a question, the node is not fused. */
#include "ir/graph/group.h"

struct fusion;
struct fusion *fusion_begin(struct graph *g, const struct target *t, struct arena *a);
/* For a view n: how often a variable of n's index occurs in the index at which n reads an operand, at most. 1 for any
   other node. A reshape that splits a dimension uses its variable twice, in a quotient and in a remainder. For nested
   views these numbers multiply, and the kernel's text grows with their product. */
int fusion_index_copies(struct fusion *f, const struct node *n);
/* A new group whose first node is n. */
struct group *fusion_open(struct fusion *f, struct node *n);
/* May n join the group, which holds some of its operands? */
bool fusion_admits(struct fusion *f, struct group *gr, struct node *n);
/* Merges group a into b, a later group, so that the pointwise node n, which reads both, can join them in one kernel. At
   least one of the groups must be pointwise. a is empty afterwards. False: both groups stay as they are. */
bool fusion_merge(struct fusion *f, struct group *a, struct group *b, struct node *n);
/* Adds n, which fusion_admits has accepted. */
void fusion_join(struct fusion *f, struct group *gr, struct node *n);
#endif
