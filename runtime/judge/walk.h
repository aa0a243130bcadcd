#ifndef TOKIC_RUNTIME_JUDGE_WALK_H
#define TOKIC_RUNTIME_JUDGE_WALK_H
/* The reference: one walker over a graph that calls each op's eval. Real, f32, f16 and bounds differ in two hooks only:
   how a result is stored, and how a sum accumulates. */
#include "ir/ops/eval.h"
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"
#include "runtime/bind.h"

enum numerics { NUMERICS_REAL, NUMERICS_F32, NUMERICS_F16 };

/* One node's value: its numbers and, in a walk with bounds, a bound on the absolute error of each. */
struct wval {
    NUM *v;
    double *e;
    int64_t count;
    bool set;
};

/* The tree of one node's sum, over all launches that compute it. */
struct walk_sum {
    const struct node *node;
    struct sum_record record;
};

struct walk {
    struct session *s;
    const struct graph *g;
    struct arena *arena; /* holds the tables of values */
    struct dim_values dims;
    enum numerics numerics; /* F16: results are rounded to node->storage, which precision must have set */
    int threads;
    struct wval *val; /* by node id */
    int n_val;
    bool bounds; /* carry error bounds; the fields below serve only these */
    double u;    /* unit roundoff: 2^-24 (kernels) or 2^-53 */
    bool kernel;
    bool stores;           /* bounds end to end: include the rounding of values materialised in a narrower dtype */
    struct walk_sum *sums; /* trees that the lowering recorded; for other sums the walker's own tree is assumed */
    size_t n_sums, cap_sums;
};

struct walk *walk_begin(struct session *s, const struct graph *g, const struct dim_values *dims, enum numerics numerics,
                        int threads);
/* Adds the levels that a launch's lowering recorded, with symbolic lengths evaluated for these dims. The launches of a
   group must come in order. */
void walk_take_sums(struct walk *w, const struct kernel *k);
void walk_end(struct walk *w); /* frees every value */
/* Sets the value of a node from outside; the tensor is copied. Sources are rounded as the numerics ask; inputs of a
   kernel are not rounded. */
void walk_set_tensor(struct walk *w, const struct node *n, const struct tensor *t);
void walk_bind(struct walk *w, const struct binding *b); /* sets every bound source of the graph, by name */
void walk_bind_for(struct walk *w, const struct binding *b, const struct node *n); /* only those that n depends on */
/* Evaluates one node from its operands' values. */
void walk_node(struct walk *w, const struct node *n);
/* Evaluates all that `outs` need, in order. Unless `keep` is set, a value is dropped after its last use. `tap`, if not
   NULL, is called after each node. false: the tap stopped the walk, or memory is short (with a diagnostic). */
bool walk_run(struct walk *w, struct node *const *outs, size_t n_outs, bool keep,
              bool (*tap)(void *ctx, struct walk *w, const struct node *n), void *ctx);
const struct wval *walk_value(const struct walk *w, const struct node *n);
void walk_drop(struct walk *w, const struct node *n);
/* A value as a tensor from the arena. A float's dtype is f64 in real numerics, f32 in f32, and the node's storage in
   f16. Integers and booleans keep theirs. */
struct tensor *walk_tensor(const struct walk *w, const struct node *n, struct arena *a);
#endif
