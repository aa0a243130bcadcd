#ifndef TOKIC_IR_GRAPH_PLAN_H
#define TOKIC_IR_GRAPH_PLAN_H
/* Helpers of group_plan. Partial results are in scratch[part, result], where the results are in row-major order. */
#include "ir/graph/group.h"

struct planner {
    struct graph *g;
    struct group *gr;
    const struct target *t;
    int64_t hint;
    size_t cap_launches, cap_scratch;
};

int64_t plan_hint(const struct planner *p, const struct index *e);
struct group_launch *plan_launch(struct planner *p, enum launch_kind kind, struct node *anchor);
void plan_sink(struct planner *p, struct group_launch *l, enum sink_kind kind, struct node *n, int scratch);
/* Adds scratch of `count` f32 elements to the group. Returns its number in gr->scratch. */
int plan_scratch(struct planner *p, const char *name, const struct index *count, bool zeroed);
/* Adds a launch that reduces the partial results in scratch `from` to the results of `anchor`.
   Each result has `parts` partial results, and each partial result has `part` terms.
   The launch also reduces the other nodes of the group with equal `parts` and `part`. */
void plan_finish(struct planner *p, struct node *anchor, int from, const struct index *parts, const struct index *part);
void plan_gemm(struct planner *p);
#endif
