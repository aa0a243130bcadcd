#ifndef TOKIC_IR_GRAPH_FUSION_H
#define TOKIC_IR_GRAPH_FUSION_H
/* Decides which nodes may share a kernel. The fuse pass asks for one node after the other while it builds groups. The
   answer depends on which elements a node reads. If these are not clear from the index expressions, the node is not
   fused. */
#include "ir/graph/group.h"

struct fusion;
struct fusion *fusion_begin(struct graph *g, const struct target *t, struct arena *a);
/* A view computes the index of an operand element from the index of a result element. This function counts how often
   one result variable occurs in the operand index, at most. A reshape [3, 4] -> [12] reads x[i / 4, i % 4]: 2. A node
   that is no view: 1. The counts of nested views multiply, and the kernel text grows with the product. */
int fusion_index_copies(struct fusion *f, const struct node *n);
struct group *fusion_open(struct fusion *f, struct node *n);
/* May n join the group? The group computes at least one operand of n. */
bool fusion_admits(struct fusion *f, struct group *gr, struct node *n);
/* Merges group a into the later group b, so that the pointwise node n, which reads both, can join. At least one of the
   groups must be pointwise. a is empty afterwards. Returns false, without a change, if they cannot merge. */
bool fusion_merge(struct fusion *f, struct group *a, struct group *b, struct node *n);
/* Adds n to the group. fusion_admits must have accepted n. */
void fusion_join(struct fusion *f, struct group *gr, struct node *n);
#endif
