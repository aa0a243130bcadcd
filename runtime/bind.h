#ifndef TOKIC_RUNTIME_BIND_H
#define TOKIC_RUNTIME_BIND_H
/* Binds a graph to data: a value for each symbolic dim, and a tensor for each input, label and parameter. A tensor
   comes from a file or is drawn at random. */
#include "ir/graph/graph.h"
#include "runtime/format/tensor.h"

/* How biases and norm scales are drawn. INIT_TRAIN: as 0 and 1, as before training. INIT_JUDGE: at random, so that
   verify notices a kernel that drops a bias or a scale. */
enum init_mode { INIT_TRAIN, INIT_JUDGE };

struct bind_options {
    const char *weights;       /* a safetensors file; NULL: parameters are drawn */
    const char *const *inputs; /* each "NAME=FILE.npy" */
    size_t n_inputs;
    const char *const *dims; /* each "T=64" */
    size_t n_dims;
    int64_t batch; /* first symbolic dim; -1: not given */
    uint64_t seed;
    enum init_mode init;
    bool check; /* refuses NaN and infinities in files */
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

/* Binds every parameter, and each input and label that an output depends on. Floats read from a file keep the file's
   dtype. Drawn floats are f32. Integers get the dtype that the graph declares. Returns NULL with diagnostics for a
   missing, unknown or wrongly shaped tensor, for contradicting dims, or for a value outside its declared range. */
struct binding *bind_sources(struct session *s, const struct graph *g, const struct bind_options *o);
const struct tensor *binding_find(const struct binding *b, const char *name);
/* Returns all parameters, in the graph's order, for --save-weights. */
struct tensor_list *binding_weights(struct session *s, const struct graph *g, const struct binding *b);
#endif
