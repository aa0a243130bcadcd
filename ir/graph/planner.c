#include "ir/graph/plan.h"

int64_t plan_hint(const struct planner *p, const struct index *e) { return index_eval_hint(e, p->hint); }

struct group_launch *plan_launch(struct planner *p, enum launch_kind kind, struct node *anchor)
{
    struct group *gr = p->gr;
    struct group_launch *l = arena_push(p->g->arena, gr->launches, gr->n_launches, p->cap_launches);
    *l = (struct group_launch){ .kind = kind, .anchor = anchor, .from = -1 };
    return l;
}

void plan_sink(struct planner *p, struct group_launch *l, enum sink_kind kind, struct node *n, int scratch)
{
    size_t cap = l->n_sinks;
    *arena_push(p->g->arena, l->sinks, l->n_sinks, cap) = (struct sink){ kind, n, scratch };
}

int plan_scratch(struct planner *p, const char *name, const struct index *count, bool zeroed)
{
    struct group *gr = p->gr;
    *arena_push(p->g->arena, gr->scratch, gr->n_scratch, p->cap_scratch) =
        (struct scratch){ .name = name, .dtype = DT_F32, .count = count, .zeroed = zeroed };
    return (int)gr->n_scratch - 1;
}

void plan_finish(struct planner *p, struct node *anchor, int from, const struct index *parts, const struct index *part)
{
    enum { FEW_RESULTS = 64 }; /* with fewer results, most threads of a LAUNCH_COLUMNS would be idle */
    bool few = plan_hint(p, type_count(p->g->s, &anchor->type)) < FEW_RESULTS;
    struct group_launch *l = plan_launch(p, few ? LAUNCH_CHUNKS : LAUNCH_COLUMNS, anchor);
    l->from = from;
    l->parts = parts;
    l->part = part;
}
