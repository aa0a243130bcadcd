#ifndef TOKIC_IR_GRAPH_FUSION_H
#define TOKIC_IR_GRAPH_FUSION_H
/* What may share a kernel: fuse asks node by node while it builds groups. Indices are followed symbolically through the
   ops' `at`. What cannot be decided is not fused. */
#include "ir/graph/group.h"

struct fusion;
struct fusion *fusion_begin(struct graph *g, const struct target *t, struct arena *a);
/* For a view n: the most often that one variable of n's index occurs in the index at which n reads an operand; else 1.
   A reshape that splits a dimension uses its variable twice, in a quotient and in a remainder. For nested views these
   numbers multiply, and so does the length of the kernel's text. */
int fusion_index_copies(struct fusion *f, const struct node *n);
/* A new group whose first node is n. */
struct group *fusion_open(struct fusion *f, struct node *n);
/* May n join the group, which holds some of its operands? */
bool fusion_admits(struct fusion *f, struct group *gr, struct node *n);
/* Merges group a into b, a later group, so that the pointwise node n can join both in one kernel. At least one of the
   two must be pointwise. a is empty afterwards. false: both stay as they are. */
bool fusion_merge(struct fusion *f, struct group *a, struct group *b, struct node *n);
/* Adds n, which fusion_admits has accepted. */
void fusion_join(struct fusion *f, struct group *gr, struct node *n);
#endif
