#ifndef TOKIC_RUNTIME_JUDGE_SUBSET_H
#define TOKIC_RUNTIME_JUDGE_SUBSET_H
/* Which elements of a graph's values are evaluated: chosen ones, and all that they are computed from. */
#include "ir/graph/graph.h"
#include "ir/ops/eval.h"
#include "ir/ops/op.h"

/* The elements of one value. bits: one for each element; NULL: all elements or none. */
struct subset {
    uint64_t *bits;
    int64_t count; /* of the whole value */
    int64_t n;     /* of the set */
    bool all;
};
struct subsets {
    struct session *s;
    const struct graph *g;
    const struct dim_values *dims;
    struct subset *of; /* by node id */
    int n;
};

/* A chosen set: for each element of a row, whether it is chosen. Judged and taken by whole rows. */
static inline bool is_chosen_set(const struct node *n)
{
    return n->op->class == CLS_SELECT && n->type.dtype == DT_BOOL;
}

/* No element of any value. g and dims must outlive the subsets. */
struct subsets *subsets_new(struct session *s, const struct graph *g, const struct dim_values *dims);
struct subsets *subsets_copy(const struct subsets *p);
void subsets_free(struct subsets *p);

void subsets_add_all(struct subsets *p, const struct node *n);
/* Adds element i of node `other` in q as element i of n, or all elements of n if their numbers differ. */
void subsets_add_same(struct subsets *p, const struct node *n, const struct subsets *q, const struct node *other);
/* Adds about `elements` elements of n: the same columns of each chosen row, of which there are at least min_rows. Rows
   and columns are spread evenly, at random within their stretch. The first and last are among them, and those at the
   edges of the last tile of 16, 32, 64, 128 and 256. */
void subsets_draw(struct subsets *p, const struct node *n, int64_t elements, int64_t min_rows, uint64_t seed);
/* Adds the operands' elements from which the chosen elements of `nodes` are computed. `nodes`: in graph order. */
void subsets_spread(struct subsets *p, struct node *const *nodes, size_t n_nodes);

static inline bool subset_is_empty(const struct subset *x) { return !x->all && !x->bits; }
int64_t subsets_count(const struct subsets *p, const struct node *n);
bool subsets_has(const struct subsets *p, const struct node *n, int64_t i);
/* The multiply-adds to evaluate the chosen elements of `nodes`. */
double subsets_work(const struct subsets *p, struct node *const *nodes, size_t n_nodes);
/* The chosen elements as runs, in order. The caller frees the array. */
struct run *subsets_runs(const struct subsets *p, const struct node *n, size_t *n_runs);
#endif
