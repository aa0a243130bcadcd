#ifndef TOKIC_RUNTIME_BIND_H
#define TOKIC_RUNTIME_BIND_H
/* Binds a graph to what it runs on: values of its symbolic dims, and a tensor for each source, from files or drawn. */
#include "ir/graph/graph.h"
#include "runtime/format/tensor.h"

/* Values of biases and gammas that no file gives. TRAIN: 0 and 1. JUDGE: drawn at random, so that a kernel which drops
   one of them is seen. */
enum init_mode { INIT_TRAIN, INIT_JUDGE };

struct bind_options {
    const char *weights;       /* a safetensors file; NULL: drawn */
    const char *const *inputs; /* each "NAME=FILE.npy" */
    size_t n_inputs;
    const char *const *dims; /* each "NAME=VALUE", a symbolic dim: --dim */
    size_t n_dims;
    int64_t batch; /* value of the first dim that the graph declares; -1: from the files, else 128 */
    uint64_t seed;
    enum init_mode init;
    bool check; /* check the ranges and finiteness that contracts ask of inputs and weights */
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
    struct bound_source *sources; /* all parameters, and what else outputs depend on; in node order */
    size_t n;
};

/* Binds every parameter of the parsed graph, and every input and label that an output (g->outs) depends on. Floats from
   a file keep the file's dtype, drawn floats are f32, and integers have the source's dtype. NULL with diagnostics for
   missing, extra or wrongly shaped tensors (all at once), dims that disagree, and values outside the source's range. */
struct binding *bind_sources(struct session *s, const struct graph *g, const struct bind_options *o);
const struct tensor *binding_find(const struct binding *b, const char *name);
/* The graph's parameters, drawn or loaded, in the graph's order: for --save-weights. */
struct tensor_list *binding_weights(struct session *s, const struct graph *g, const struct binding *b);
#endif
