#ifndef TOKIC_RUNTIME_JUDGE_WALK_H
#define TOKIC_RUNTIME_JUDGE_WALK_H
/* The reference: one walker over a graph that calls each op's eval. What differs between real, f32, f16 and bounds are
   two hooks: how a result is stored, and how a sum accumulates. */
#include "ir/ops/eval.h"
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"
#include "runtime/bind.h"

enum numerics { NUMERICS_REAL, NUMERICS_F32, NUMERICS_F16 };

/* One node's value: numbers, and, in a walk with bounds, the absolute error that each may have. */
struct wval {
    NUM *v;
    double *e;
    int64_t count;
    bool set;
};

/* The tree of one node's sum, over all launches that make it. */
struct walk_sum {
    const struct node *node;
    struct sum_record record;
};

struct walk {
    struct session *s;
    const struct graph *g;
    struct arena *arena; /* of the values' tables */
    struct dim_values dims;
    enum numerics numerics; /* F16: results round to node->storage, which precision must have set */
    int threads;
    struct wval *val; /* by node id */
    int n_val;
    /* with bounds: */
    bool bounds;
    double u; /* unit roundoff: 2^-24 (kernels) or 2^-53 */
    bool kernel;
    bool
        /* a value that its group materialises in a narrower dtype carries that rounding too: bounds end to end */
        stores;
    struct walk_sum *sums;
    size_t n_sums, cap_sums; /* trees that the lowering recorded; others are taken as the walker's own */
};

struct walk *walk_begin(struct session *s, const struct graph *g, const struct dim_values *dims, enum numerics numerics,
                        int threads);
/* Adds the levels that a launch's lowering recorded, symbolic lengths filled in for these dims. The launches of a group
   come in order. */
void walk_take_sums(struct walk *w, const struct kernel *k);
void walk_end(struct walk *w); /* frees every value */
/* The value of a node from outside (copied): sources from a tensor, rounded as the numerics ask; inputs of a kernel as
   they are. */
void walk_set_tensor(struct walk *w, const struct node *n, const struct tensor *t);
void walk_bind(struct walk *w, const struct binding *b); /* every source of the graph that is bound, by name */
void walk_bind_for(struct walk *w, const struct binding *b, const struct node *n); /* those alone that n depends on */
/* Evaluates one node from its operands' values. */
void walk_node(struct walk *w, const struct node *n);
/* Evaluates all that `outs` need, in order, dropping values when nobody needs them any more unless keep is set.
   tap, if any, is called after each node. false: stopped by the tap. */
bool walk_run(struct walk *w, struct node *const *outs, size_t n_outs, bool keep,
              bool (*tap)(void *ctx, struct walk *w, const struct node *n), void *ctx);
const struct wval *walk_value(const struct walk *w, const struct node *n);
void walk_drop(struct walk *w, const struct node *n);
/* A value as a tensor: real: f64; else the node's storage (f32 numerics: f32); integers and booleans their own. From
   the arena. */
struct tensor *walk_tensor(const struct walk *w, const struct node *n, struct arena *a);
#endif
