#ifndef TOKIC_RUNTIME_BIND_H
#define TOKIC_RUNTIME_BIND_H
/* Gives a graph values for its symbolic dims, and a tensor for each input, label and parameter: from a file, or drawn
   at random. */
#include "ir/graph/graph.h"
#include "runtime/format/tensor.h"

/* How biases and norm scales are set when no file gives them. INIT_TRAIN: to 0 and 1, as before training. INIT_JUDGE:
   to random values, so that verify notices a kernel that drops one of them. */
enum init_mode { INIT_TRAIN, INIT_JUDGE };

struct bind_options {
    const char *weights;       /* a safetensors file; NULL: parameters are drawn */
    const char *const *inputs; /* each "NAME=FILE.npy" */
    size_t n_inputs;
    const char *const *dims; /* each "T=64" */
    size_t n_dims;
    int64_t batch; /* value of the first symbolic dim; -1: not given */
    uint64_t seed;
    enum init_mode init;
    bool check; /* also refuse NaN and infinities in files */
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
    size_t n;
};

/* Binds every parameter, and every input and label that an output depends on. Floats from a file keep the file's dtype;
   drawn floats are f32; integers get the dtype that the graph declares. NULL with diagnostics if tensors are missing,
   unknown or wrongly shaped, if dims disagree, or if values lie outside the range that the graph declares. */
struct binding *bind_sources(struct session *s, const struct graph *g, const struct bind_options *o);
const struct tensor *binding_find(const struct binding *b, const char *name);
/* The values of all parameters, in the graph's order: for --save-weights. */
struct tensor_list *binding_weights(struct session *s, const struct graph *g, const struct binding *b);
#endif
