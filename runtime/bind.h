#ifndef TOKIC_RUNTIME_BIND_H
#define TOKIC_RUNTIME_BIND_H
/* What a graph is run on: values of its symbolic dims, and a tensor for each source, from files or drawn. */
#include "ir/graph/graph.h"
#include "runtime/format/tensor.h"

enum init_mode { INIT_TRAIN, INIT_JUDGE }; /* biases 0, gammas 1; or drawn, so that a dropped one shows */

struct bind_options {
    const char *weights; /* a safetensors file; NULL: drawn */
    const char *const *inputs;
    size_t n_inputs; /* "NAME=FILE.npy" */
    int64_t batch;   /* -1: from the files, else 128 */
    uint64_t seed;
    enum init_mode init;
    bool check; /* guards of the contracts: ranges and finiteness of inputs and weights */
};

struct bound_source {
    const struct node *node;
    const char *name;
    const struct tensor *tensor;
    bool drawn;
};
struct binding {
    struct arena *arena;
    struct dim_values dims;
    struct bound_source *sources;
    size_t n; /* sources that the outputs depend on, in node order */
};

/* Binds every input, label and parameter of the graph as parsed that an output (g->outs) depends on. NULL and
   diagnostics: missing, extra or wrongly shaped tensors (all of them at once), dims that disagree, values outside
   `where`. Parameters' tensors keep the file's dtype; draws are f32. */
struct binding *bind_sources(struct session *s, const struct graph *g, const struct bind_options *o);
const struct tensor *binding_find(const struct binding *b, const char *name);
/* The parameters of the graph drawn or loaded, as a list in the graph's order: for --save-weights. */
struct tensor_list *binding_weights(struct session *s, const struct graph *g, const struct binding *b);
#endif
