#ifndef TOKIC_RUNTIME_JUDGE_WALK_H
#define TOKIC_RUNTIME_JUDGE_WALK_H
/* Evaluates a graph node by node, with each op's eval function. */
#include "ir/ops/eval.h"
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"
#include "runtime/bind.h"
#include "runtime/judge/subset.h"

enum numerics { NUMERICS_REAL, NUMERICS_F32, NUMERICS_F16 };

/* A node's value. e: bounds on the absolute errors of the elements; NULL unless walk.bounds. */
struct wval {
    NUM *v;
    double *e;
    int64_t count;
    bool set;
};

/* The summation tree of one node, over all launches that compute the node. */
struct walk_sum {
    const struct node *node;
    struct sum_record record;
};

struct walk {
    struct session *s;
    const struct graph *g;
    struct arena *arena;
    struct dim_values dims;
    enum numerics numerics; /* NUMERICS_F16 rounds to node->storage */
    enum num_kind kind;     /* NUM_FIELD: nothing is rounded, and `numerics` is ignored */
    uint64_t key;           /* NUM_FIELD: the key of the hashes */
    int threads;
    struct wval *val;
    int n_val;
    /* The elements to evaluate; NULL: all. Other elements are 0. To be set before any value is. */
    const struct subsets *subsets;
    bool bounds; /* compute error bounds; only then are the fields below used */
    double u;    /* unit roundoff: 2^-24 (kernels) or 2^-53 */
    bool kernel;
    bool stores;           /* bounds include the rounding of stores to narrower dtypes */
    struct walk_sum *sums; /* summation trees of kernels; sums that are not listed have the reference's tree */
    size_t n_sums, cap_sums;
};

struct walk *walk_begin(struct session *s, const struct graph *g, const struct dim_values *dims, enum numerics numerics,
                        int threads);
/* Adds the summation trees that kernel k records. The launches of a group must come in order. */
void walk_take_sums(struct walk *w, const struct kernel *k);
void walk_end(struct walk *w);
/* Sets n's value to a copy of t, rounded as w->numerics says. */
void walk_set_tensor(struct walk *w, const struct node *n, const struct tensor *t);
/* walk_bind sets the values of all bound sources. walk_bind_for sets only those on which n depends. */
void walk_bind(struct walk *w, const struct binding *b);
void walk_bind_for(struct walk *w, const struct binding *b, const struct node *n);
/* Allocates n's value and returns its elements for the caller to fill. */
NUM *walk_room(struct walk *w, const struct node *n);
void walk_node(struct walk *w, const struct node *n);
/* Computes degrees (NUM_DEGREE) of the first, the middle and the last element of n. All elements get the largest.
   `most`: the largest counts of the three. */
void walk_node_degree(struct walk *w, const struct node *n, struct ev_tally *most);
/* Evaluates `outs` and the nodes that they depend on. Calls `tap`, if not NULL, after each node.
   Unless `keep` is set, drops each value after its last use.
   Returns false if `tap` did, or with a diagnostic if memory is short. */
bool walk_run(struct walk *w, struct node *const *outs, size_t n_outs, bool keep,
              bool (*tap)(void *ctx, struct walk *w, const struct node *n), void *ctx);
const struct wval *walk_value(const struct walk *w, const struct node *n);
void walk_drop(struct walk *w, const struct node *n);
/* Returns the elements of n that the walk evaluates, as runs in order. The caller frees the array. */
struct run *walk_runs(const struct walk *w, const struct node *n, size_t *n_runs);
/* Copies n's value into a tensor in arena a. Integers and booleans keep their dtype.
   Floats become f64 in NUMERICS_REAL, f32 in NUMERICS_F32, and the storage dtype in NUMERICS_F16. */
struct tensor *walk_tensor(const struct walk *w, const struct node *n, struct arena *a);
#endif
