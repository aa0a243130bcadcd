#ifndef TOKIC_IR_GRAPH_PLAN_H
#define TOKIC_IR_GRAPH_PLAN_H
/* What plans of groups are written with. Partial sums always stand as scratch[part, result], results in row-major
   order. */
#include "ir/graph/group.h"

struct planner {
    struct graph *g;
    struct group *gr;
    const struct target *t;
    int64_t hint; /* expected value of symbolic dims */
    size_t cap_launches, cap_scratch;
};

int64_t plan_hint(const struct planner *p, const struct index *e);
struct group_launch *plan_launch(struct planner *p, enum launch_kind kind, struct node *anchor);
void plan_sink(struct planner *p, struct group_launch *l, enum sink_kind kind, struct node *n, int scratch);
/* f32 elements; returns the scratch's number. */
int plan_scratch(struct planner *p, const char *name, const struct index *count, bool zeroed);
/* The launch that adds up `parts` partial sums of the anchor, and of every node whose parts have as many elements. */
void plan_finish(struct planner *p, struct node *anchor, int from, const struct index *parts, const struct index *part);
/* The plan of a GROUP_GEMM. */
void plan_gemm(struct planner *p);
#endif
