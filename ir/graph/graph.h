#ifndef TOKIC_IR_GRAPH_GRAPH_H
#define TOKIC_IR_GRAPH_GRAPH_H
/* The graph IR. Each node has one result. In the list of nodes, operands precede their users. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/dtype.h"
#include "ir/index.h"
#include "ir/session.h"
#include "ir/tile.h"

enum { MAX_RANK = 6 };

/* Shape and dtype of a value. Dims may be symbolic. */
struct type {
    enum dtype dtype;
    int rank;
    const struct index *dim[MAX_RANK];
};

/* Properties that hold for every element of a value. The contracts pass computes the facts of results from those of
   operands. Among integers INT64_MIN marks a missing element, as NaN does among floats. */
struct facts {
    double lo, hi; /* bounds of all elements except NaN and missing ones; -inf and inf: unknown */
    bool finite;   /* no NaN, infinity or missing element */
    bool integral;
    bool sums_to_one; /* the sum of each row (along the last dimension) is 1 */
    int max_nonzero;  /* the most nonzero elements of any row; -1: unknown */
    bool exact;       /* computed without rounding */
};

enum attr_kind { ATTR_INT, ATTR_FLOAT, ATTR_BOOL, ATTR_DTYPE, ATTR_INTS, ATTR_DIMS };
struct attr {
    int64_t i; /* value of an ATTR_INT, ATTR_BOOL or ATTR_DTYPE */
    double f;
    int n;
    const int64_t *ints;
    const struct index *const *dims;
};

struct op_def;
struct group;

struct node {
    const struct op_def *op;
    int id; /* unique in the graph; graph_clone keeps ids */
    struct type type;
    int n_in;
    struct node **in;
    const struct attr *attrs; /* op->call.n_attrs values, in the order of op->call.attrs */
    const char *name;         /* "z", "expert0.h.2"; NULL: no name */
    const char *origin;       /* the composite op whose expansion made this node: "layernorm"; NULL: none */
    const char *instance;     /* the block instance of this node: "expert0"; NULL: none */
    struct loc loc;
    const struct loc *in_loc; /* location of each operand; NULL: use loc */
    struct facts facts;
    /* Set by the precision pass: the dtype of the computation. A contraction has DT_F16 (on the matrix unit) or DT_F32.
       Any other node has DT_F32, or its integer type. */
    enum dtype compute;
    enum dtype storage; /* dtype in memory */
    bool keep_f32;      /* must not become f16 or bf16: routing, statistics, losses */
    /* Set by the fuse pass: the group that computes the node.
       NULL for a source, and for a node that its readers recompute (node_is_rematerialised). */
    struct group *group;
    bool materialised;
    bool recomputed; /* a pointwise node that each reader computes again, which is cheaper than storing it */
    /* A reduction along one dimension, not the last, that a rows kernel computes: its readers need the result along
       that dimension again, as a softmax does. */
    bool by_rows;
    int mark;        /* free for use within one pass; -1 otherwise */
    struct node *by; /* the node that replaces this node, until graph_settle; NULL: none */
};

struct graph_dim {
    const char *name;
    const struct index *index;
    struct loc loc;
};
struct graph_out {
    const char *name;
    struct node *node;
    struct loc loc;
};
struct graph_size {
    const char *name;
    struct loc loc;
};

enum obligation_status { OBLIGATION_PROVED, OBLIGATION_CHECKED, OBLIGATION_OPEN, OBLIGATION_CONTRADICTED };
/* A requirement of an op on an operand or an attribute. The contracts pass tries to prove it. */
struct obligation {
    struct node *node;
    int operand;      /* number of the operand; -1: the requirement is on an attribute */
    const char *text; /* "0 <= x <= 1", "finite" */
    enum obligation_status status;
    struct facts need;
};

/* The kernel template of a group. */
enum group_kind { GROUP_ROWS, GROUP_REDUCE, GROUP_GEMM };

/* Memory that passes data between the launches of one group. */
struct scratch {
    const char *name;
    enum dtype dtype;
    const struct index *count;
    bool zeroed; /* filled with zeros before the first launch of the group */
};

/* What a launch writes of a node's value. */
enum sink_kind {
    SINK_FULL,           /* the whole value, to its slot */
    SINK_PARTIAL,        /* partial results of a reduction: scratch[part, result element] */
    SINK_ROW_PARTIAL,    /* each tile of a gemm reduces its part of each row: scratch[row, column tile] */
    SINK_COLUMN_PARTIAL, /* each tile of a gemm reduces its part of each column: scratch[row tile, column] */
    SINK_OPERAND,        /* a gemm sums an operand along k: scratch[part, result element]; without parts, no scratch */
};
struct sink {
    enum sink_kind kind;
    struct node *node;
    int scratch; /* index in group->scratch; -1: none */
};

enum launch_kind {
    LAUNCH_ROWS,
    LAUNCH_COLUMNS, /* a reduction in which neighbouring threads compute neighbouring results */
    LAUNCH_CHUNKS,  /* a reduction in which a block computes one part of one result */
    LAUNCH_GEMM,
};
struct group_launch {
    enum launch_kind kind;
    struct node *anchor; /* the contraction or reduction of the launch; NULL for LAUNCH_ROWS */
    int from; /* number of the scratch from which the launch reads partial results; -1: it reads the operands */
    const struct index *parts; /* into how many parts each sum is split; NULL: 1 */
    const struct index *part;  /* terms of each part; NULL if parts is NULL */
    struct sink *sinks;
    size_t n_sinks;
};

struct group {
    int id; /* groups run in the order of their ids */
    enum group_kind kind;
    const char *name;    /* for messages: "expert.lin0 gelu" */
    struct node **nodes; /* all nodes of the group, with recomputed ones; operands first */
    size_t n_nodes;
    struct node **ins; /* values that the group reads from memory */
    size_t n_ins;
    struct node **outs; /* values that the group writes to memory, in node order */
    size_t n_outs;
    struct node *anchor; /* the contraction of a GROUP_GEMM, or the first reduction of a GROUP_REDUCE; else NULL */
    /* Set by group_plan: */
    struct group_launch *launches;
    size_t n_launches;
    struct scratch *scratch;
    size_t n_scratch;
    struct tile tile;
    /* Groups that must finish before this group starts, because this group reads their results.
       The memplan pass adds the groups that use memory which this group overwrites. */
    struct group **after;
    size_t n_after, cap_after;
};

/* The place of a value or of scratch in the one allocation for all activations. Set by the memplan pass. */
struct slot {
    const struct node *node;   /* the value; NULL: the slot holds scratch */
    const struct group *group; /* if the slot holds scratch: the group whose scratch[scratch] it is; else NULL */
    int scratch;
    const struct index *offset;
    const struct index *bytes;
};

struct graph {
    struct session *s;
    struct arena *arena; /* also holds clones of the graph, their programs and kernels */
    const char *name;
    const char *size; /* the chosen size: "nano"; "" if the file has no sizes */
    const struct source *src;
    struct node **nodes;
    size_t n_nodes, cap_nodes;
    int next_id;
    bool unsettled; /* node_replace was called after the last graph_settle */
    struct graph_dim *dims;
    size_t n_dims, cap_dims;
    struct graph_out *outs; /* first the declared outputs, then those of --output */
    size_t n_outs, cap_outs;
    struct graph_size *sizes;
    size_t n_sizes, cap_sizes;
    struct graph_out *aliases; /* additional names of nodes; an alias alone does not keep its node in the graph */
    size_t n_aliases, cap_aliases;
    struct node *loss;
    struct obligation *obligations;
    size_t n_obligations, cap_obligations;
    /* Node id in the original graph -> the node that now has this value; NULL: none has. Each pass updates the array,
       so that results can be compared with the original graph. */
    struct node **value_of;
    size_t n_values;
    /* Set by fuse and memplan: */
    struct group **groups;
    size_t n_groups, cap_groups;
    struct slot *slots;
    size_t n_slots, cap_slots;
    const struct index *memory; /* bytes of memory for activations */
};

struct graph *graph_new(struct session *s, const char *name);
/* Frees the graph, its clones, and their programs and kernels. g may be NULL.
   With the last graph of a session, also frees all index variables. */
void graph_free(struct graph *g);
/* Makes a deep copy with the same ids, names, locations and facts. */
struct graph *graph_clone(const struct graph *g);

/* Makes this graph the original graph: each node has its own value, and value_of[id] is the node with this id. */
void graph_own_values(struct graph *g);

/* Appends a node. attrs NULL: all defaults.
   If the operands or attributes do not fit the op, reports an error and returns NULL. */
struct node *graph_add(struct graph *g, const struct op_def *op, struct node *const *in, int n_in,
                       const struct attr *attrs, struct loc loc);
/* Like graph_add. `in_loc` holds the source locations of the n_in operands, for error messages. */
struct node *graph_add_at(struct graph *g, const struct op_def *op, struct node *const *in, int n_in,
                          const struct attr *attrs, struct loc loc, const struct loc *in_loc);
/* Replaces `old` by `by` as operand, output and loss, and in value_of. The operands of `by` itself stay.
   The name of `old` moves to `by`, or becomes an alias if `by` has a name.
   The change happens at the next graph_settle, so that a pass can replace all nodes in linear time.
   Until then node_now(n) returns the replacement of n, and node_settle(n) updates the operands of n. */
void node_replace(struct graph *g, struct node *old, struct node *by);
struct node *node_now(struct node *n);
void node_settle(struct node *n);
void graph_settle(struct graph *g); /* graph_sort and graph_sweep call this first */
/* Sorts the nodes so that operands precede users; otherwise keeps the order. Returns false if there is a cycle. */
bool graph_sort(struct graph *g);
/* Removes every node on which no output, loss or effect depends, except named sources. Returns how many. */
size_t graph_sweep(struct graph *g);
/* Counts how often each node is used as operand, output or loss. Stores the count in the node's `mark`. */
void graph_count_uses(struct graph *g);
struct node *graph_find(const struct graph *g, const char *name);
bool graph_add_output(struct graph *g, const char *name, struct node *n);

/* Checks the invariants between passes: shapes, dtypes, order, attributes, ids, value_of.
   On failure reports an error that names the node, and returns false. */
bool graph_verify(const struct graph *g);

const struct index *type_count(struct session *s, const struct type *t);
const struct index *type_last(struct session *s, const struct type *t); /* the last dim; 1 for rank 0 */
const struct index *type_rows(struct session *s, const struct type *t); /* the product of all dims but the last */
/* Returns NULL if the shape is supported, else the reason.
   A shape has at most MAX_RANK dims, none negative, and at most 2^40 elements when every symbolic dim is 1.
   graph_add calls this function. Call it before computing with dims from the input. */
const char *type_misfit(struct session *s, const struct type *t);
/* Returns a bound on all coefficients that arithmetic on e can produce.
   This is the value of e with 1 for each dim and variable, and |c| for each coefficient c.
   For this value, a / b and a % b count as a·b, and min and max as a + b. */
int64_t index_weight(const struct index *e);
bool type_same_shape(const struct type *a, const struct type *b);
const char *type_text(struct arena *a, const struct type *t); /* "f32[B, 96]" */

struct dim_values {
    const char **names;
    int64_t *values;
    size_t n;
};
int64_t dims_eval(const struct dim_values *v, const struct index *e);
int64_t type_count_at(const struct type *t, const struct dim_values *v);

/* Returns the graph as flat text, without blocks and repeats. graph_parse reads the text back to an equal graph. */
const char *graph_text(const struct graph *g);
const char *graph_dot(const struct graph *g);
struct graph_options {
    const char *size;        /* NULL: the file's first size */
    const char *const *sets; /* arguments of --set: "H=64" */
    size_t n_sets;
    size_t max_nodes; /* 0: the default, 1,000,000 */
};
/* Parses a .graph file or a flat text. On errors returns NULL and reports as many errors as possible. */
struct graph *graph_parse(struct session *s, const struct source *src, const struct graph_options *o);
#endif
