#ifndef TOKIC_RUNTIME_JUDGE_WALK_H
#define TOKIC_RUNTIME_JUDGE_WALK_H
/* The reference: evaluates a graph node by node, with each op's eval function. The numerics decide only how results are
   rounded and how sums are accumulated. */
#include "ir/ops/eval.h"
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"
#include "runtime/bind.h"
#include "runtime/judge/subset.h"

enum numerics { NUMERICS_REAL, NUMERICS_F32, NUMERICS_F16 };

/* One node's value. e: a bound on each element's absolute error; NULL in a walk without bounds. */
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
    enum numerics numerics; /* NUMERICS_F16 rounds to node->storage, which the precision pass has set */
    enum num_kind kind;     /* NUM_FIELD: nothing is rounded, and `numerics` does not matter */
    uint64_t key;           /* NUM_FIELD: of the hashes */
    int threads;
    struct wval *val;
    int n_val;
    /* The elements to evaluate; NULL: all. The others are 0. Set before the first value is. */
    const struct subsets *subsets;
    bool bounds; /* compute error bounds; the fields below matter only then */
    double u;    /* unit roundoff: 2^-24 (kernels) or 2^-53 */
    bool kernel;
    bool stores;           /* bounds include the rounding of values that are stored in a narrower dtype */
    struct walk_sum *sums; /* summation trees that kernels record; for other sums the reference's own is assumed */
    size_t n_sums, cap_sums;
};

struct walk *walk_begin(struct session *s, const struct graph *g, const struct dim_values *dims, enum numerics numerics,
                        int threads);
/* Adds the levels of summation trees that kernel k records. The launches of a group must come in order. */
void walk_take_sums(struct walk *w, const struct kernel *k);
void walk_end(struct walk *w);
/* Sets n's value to a copy of t, rounded as the numerics ask. */
void walk_set_tensor(struct walk *w, const struct node *n, const struct tensor *t);
/* walk_bind sets the values of all bound sources; walk_bind_for only of those that n depends on. */
void walk_bind(struct walk *w, const struct binding *b);
void walk_bind_for(struct walk *w, const struct binding *b, const struct node *n);
/* Makes room for n's value, which the caller fills: type_count_at elements. */
NUM *walk_room(struct walk *w, const struct node *n);
void walk_node(struct walk *w, const struct node *n);
/* Evaluates the first, the middle and the last element of n over degrees (NUM_DEGREE). All elements of n then get the
   largest of the three. `most`: the largest counts of one element. */
void walk_node_degree(struct walk *w, const struct node *n, struct ev_tally *most);
/* Evaluates `outs` and the nodes that they depend on. Unless `keep` is set, a value is dropped after its last use.
   `tap`, if not NULL, is called after each node. false: `tap` returned false, or memory is short (with a
   diagnostic). */
bool walk_run(struct walk *w, struct node *const *outs, size_t n_outs, bool keep,
              bool (*tap)(void *ctx, struct walk *w, const struct node *n), void *ctx);
const struct wval *walk_value(const struct walk *w, const struct node *n);
void walk_drop(struct walk *w, const struct node *n);
/* The elements of n that the walk evaluates, as runs in order. The caller frees the array. */
struct run *walk_runs(const struct walk *w, const struct node *n, size_t *n_runs);
/* n's value as a tensor in arena a. Floats have dtype f64 in NUMERICS_REAL, f32 in NUMERICS_F32, and the node's storage
   in NUMERICS_F16. Other values keep their dtype. */
struct tensor *walk_tensor(const struct walk *w, const struct node *n, struct arena *a);
#endif
