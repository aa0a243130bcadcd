#ifndef TOKIC_RUNTIME_JUDGE_SUBSET_H
#define TOKIC_RUNTIME_JUDGE_SUBSET_H
/* Sets of elements of a graph's values: chosen elements, and all elements that they are computed from. */
#include "ir/graph/graph.h"
#include "ir/ops/eval.h"
#include "ir/ops/op.h"

/* A set of elements of one value. bits: one bit for each element; NULL: all elements or none. */
struct subset {
    uint64_t *bits;
    int64_t count; /* number of elements of the value */
    int64_t n;     /* number of elements in the set */
    bool all;
};
struct subsets {
    struct session *s;
    const struct graph *g;
    const struct dim_values *dims;
    struct subset *of;
    int n;
};

/* True if n is a chosen set: a bool for each element of a row, true if selected. It is judged in whole rows. */
static inline bool is_chosen_set(const struct node *n)
{
    return n->op->class == CLS_SELECT && n->type.dtype == DT_BOOL;
}

/* Returns an empty set for each value of g. g and dims must outlive the sets. */
struct subsets *subsets_new(struct session *s, const struct graph *g, const struct dim_values *dims);
struct subsets *subsets_copy(const struct subsets *p);
void subsets_free(struct subsets *p);

void subsets_add_all(struct subsets *p, const struct node *n);
/* Adds to n's set the elements that node `other` has in q. If the two values differ in size, adds all elements of n. */
void subsets_add_same(struct subsets *p, const struct node *n, const struct subsets *q, const struct node *other);
/* Adds about `elements` elements of n: at least min_rows rows, and the same columns in each.
   Rows and columns are spread evenly, each at a random place within its stretch.
   They include the first, the last, and the edges of the last tile of 16, 32, 64, 128 and 256. */
void subsets_draw(struct subsets *p, const struct node *n, int64_t elements, int64_t min_rows, uint64_t seed);
/* Adds the elements of operands that the chosen elements of `nodes` are computed from. `nodes`: in graph order. */
void subsets_spread(struct subsets *p, struct node *const *nodes, size_t n_nodes);

static inline bool subset_is_empty(const struct subset *x) { return !x->all && !x->bits; }
int64_t subsets_count(const struct subsets *p, const struct node *n);
bool subsets_has(const struct subsets *p, const struct node *n, int64_t i);
/* Returns the number of multiply-adds that the chosen elements of `nodes` take. */
double subsets_work(const struct subsets *p, struct node *const *nodes, size_t n_nodes);
/* Returns the chosen elements as runs, in order. A run is part of one row. The caller frees the array. */
struct run *subsets_runs(const struct subsets *p, const struct node *n, size_t *n_runs);
#endif
