#ifndef TOKIC_IR_GRAPH_FUSION_H
#define TOKIC_IR_GRAPH_FUSION_H
/* What may share a kernel: fuse asks node by node while it builds groups. Indices are followed symbolically through the
   ops' `at`. What cannot be decided is not fused. */
#include "ir/graph/group.h"

struct fusion;
struct fusion *fusion_begin(struct graph *g, const struct target *t, struct arena *a);
/* How often a variable of n's index stands in the indices of a read that n makes, at most: a reshape that splits a
   dimension has quotient and remainder. Nested views multiply their copies, and so the text of a kernel. */
int fusion_index_copies(struct fusion *f, const struct node *n);
/* A new group whose first node is n. */
struct group *fusion_open(struct fusion *f, struct node *n);
/* May n join the group, which holds some of its operands? */
bool fusion_admits(struct fusion *f, struct group *gr, struct node *n);
/* Merges group a into b, a later one, so that the pointwise n can join them in one kernel. At least one of the two must
   be pointwise. a is empty afterwards. false: both stay as they are. */
bool fusion_merge(struct fusion *f, struct group *a, struct group *b, struct node *n);
/* Adds n, which fusion_admits has accepted. */
void fusion_join(struct fusion *f, struct group *gr, struct node *n);
#endif
