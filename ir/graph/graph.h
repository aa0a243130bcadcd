#ifndef TOKIC_IR_GRAPH_GRAPH_H
#define TOKIC_IR_GRAPH_GRAPH_H
/* The graph IR. Each node has one result. Nodes are in topological order: operands precede their users. */
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

/* Facts about every element of a value. The contracts pass derives them from operands to results. Among integers,
   INT64_MIN marks a missing element, as NaN does among floats. */
struct facts {
    double lo, hi; /* bounds of the elements that are neither NaN nor missing; -inf and inf: unknown */
    bool finite;   /* no NaN, infinity or missing element */
    bool integral;
    bool sums_to_one; /* each row (last dimension) sums to 1 */
    int max_nonzero;  /* most nonzero elements in a row; -1: unknown */
    bool exact;       /* computed without rounding */
};

enum attr_kind { ATTR_INT, ATTR_FLOAT, ATTR_BOOL, ATTR_DTYPE, ATTR_INTS, ATTR_DIMS };
struct attr {
    int64_t i; /* value of ATTR_INT, ATTR_BOOL or ATTR_DTYPE */
    double f;
    int n;
    const int64_t *ints;
    const struct index *const *dims;
};

struct op_def;
struct group;

struct node {
    const struct op_def *op;
    int id; /* unique within the graph; graph_clone keeps ids */
    struct type type;
    int n_in;
    struct node **in;
    const struct attr *attrs; /* op->call.n_attrs values, in the order of op->call.attrs */
    const char *name;         /* "z", "expert0.h.2"; NULL: no name */
    const char *origin;       /* the composite op that was expanded into this node: "layernorm"; NULL: none */
    const char *instance;     /* the block instance that contained this node: "expert0"; NULL: none */
    struct loc loc;
    const struct loc *in_loc; /* location of each operand; NULL: use loc */
    struct facts facts;
    /* Set by the precision pass: the dtype in which the node is computed. A contraction: DT_F16 (on the matrix unit) or
       DT_F32. Any other node: DT_F32 or its integer type. */
    enum dtype compute;
    enum dtype storage; /* dtype in memory */
    bool keep_f32;      /* must stay f32: routing, statistics, losses */
    /* Set by the fuse pass: the group that computes the node. NULL for sources, and for nodes that every reader
       recomputes (node_is_rematerialised). */
    struct group *group;
    bool materialised;
    bool recomputed; /* pointwise: every reader recomputes it, which is cheaper than storing it */
    int mark;        /* for use within one pass; -1 when unused */
    struct node *by; /* the node that replaces this one, until graph_settle; NULL: none */
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
/* A requirement of an op on an operand or attribute. The contracts pass tries to prove it. */
struct obligation {
    struct node *node;
    int operand;      /* the operand that must satisfy the requirement; -1: an attribute must */
    const char *text; /* "0 <= x <= 1", "finite" */
    enum obligation_status status;
    struct facts need;
};

/* The kernel template for a group. */
enum group_kind { GROUP_ROWS, GROUP_REDUCE, GROUP_GEMM };

/* Memory that passes data between the launches of one group. */
struct scratch {
    const char *name;
    enum dtype dtype;
    const struct index *count;
    bool zeroed; /* set to zero before the group's first launch */
};

/* What a launch writes for a node. */
enum sink_kind {
    SINK_FULL,           /* the whole value, to the node's memory */
    SINK_PARTIAL,        /* partial results of a reduction: scratch[part, result element] */
    SINK_ROW_PARTIAL,    /* a tile of a gemm reduces its part of a row: scratch[row, column tile] */
    SINK_COLUMN_PARTIAL, /* a tile of a gemm reduces its part of a column: scratch[row tile, column] */
};
struct sink {
    enum sink_kind kind;
    struct node *node;
    int scratch; /* index in group->scratch; -1 for SINK_FULL */
};

enum launch_kind {
    LAUNCH_ROWS,
    LAUNCH_COLUMNS, /* a reduction: neighbouring threads compute neighbouring results */
    LAUNCH_CHUNKS,  /* a reduction: a block computes one part of one result */
    LAUNCH_GEMM,
};
struct group_launch {
    enum launch_kind kind;
    struct node *anchor; /* the contraction or reduction that the launch computes; NULL for LAUNCH_ROWS */
    int from;            /* index of the scratch whose partial results are reduced; -1: the launch reads operands */
    const struct index *parts; /* number of parts of the sum; NULL: 1 */
    const struct index *part;  /* number of terms in a part; NULL if parts is NULL */
    struct sink *sinks;
    size_t n_sinks;
};

struct group {
    int id; /* groups are launched in the order of their ids */
    enum group_kind kind;
    const char *name;    /* for messages: "expert.lin0 gelu" */
    struct node **nodes; /* all nodes that the group computes, including recomputed ones; operands first */
    size_t n_nodes;
    struct node **ins; /* values that the group reads from memory */
    size_t n_ins;
    struct node **outs; /* values that the group writes to memory, in node order */
    size_t n_outs;
    struct node *anchor; /* GROUP_GEMM: the contraction; GROUP_REDUCE: the first reduction; GROUP_ROWS: NULL */
    /* Set by group_plan: */
    struct group_launch *launches;
    size_t n_launches;
    struct scratch *scratch;
    size_t n_scratch;
    struct tile tile;
    /* Groups that must finish before this one starts. It reads their results, or it overwrites memory that they use
       (added by the memplan pass). */
    struct group **after;
    size_t n_after, cap_after;
};

/* The place of a value, or of scratch, in the one allocation for all activations. Set by the memplan pass. */
struct slot {
    const struct node *node;   /* NULL: the slot holds scratch */
    const struct group *group; /* NULL for a value; else the slot holds group->scratch[scratch] */
    int scratch;
    const struct index *offset;
    const struct index *bytes;
};

struct graph {
    struct session *s;
    struct arena *arena; /* shared with clones of the graph, their programs and kernels */
    const char *name;
    const char *size; /* the chosen size: "nano"; "" if the file has no sizes */
    const struct source *src;
    struct node **nodes;
    size_t n_nodes, cap_nodes;
    int next_id;
    bool unsettled; /* node_replace was called, and graph_settle was not yet */
    struct graph_dim *dims;
    size_t n_dims, cap_dims;
    struct graph_out *outs; /* declared outputs, then those added by --output */
    size_t n_outs, cap_outs;
    struct graph_size *sizes;
    size_t n_sizes, cap_sizes;
    struct graph_out *aliases; /* further names of nodes; an alias does not keep its node alive */
    size_t n_aliases, cap_aliases;
    struct node *loss;
    struct obligation *obligations;
    size_t n_obligations, cap_obligations;
    /* For each node id of the parsed graph: the node that now holds its value; NULL if none does. Passes keep this up
       to date, so that results can be compared with the original graph. */
    struct node **value_of;
    size_t n_values;
    /* Set by fuse and memplan: */
    struct group **groups;
    size_t n_groups, cap_groups;
    struct slot *slots;
    size_t n_slots, cap_slots;
    const struct index *memory; /* size of the allocation for activations, in bytes */
};

struct graph *graph_new(struct session *s, const char *name);
/* Frees the graph with its clones, their programs and kernels. NULL is allowed. Freeing the last graph of a session
   also frees all index variables. */
void graph_free(struct graph *g);
/* A deep copy with the same ids, names, locations and facts. */
struct graph *graph_clone(const struct graph *g);

/* Sets value_of[id] to the node with that id. Later passes are then compared with the graph as it is now, not as it was
   parsed. */
void graph_own_values(struct graph *g);

/* Appends a node. attrs NULL: all defaults. Returns NULL with a diagnostic if the operands or attributes do not fit the
   op. */
struct node *graph_add(struct graph *g, const struct op_def *op, struct node *const *in, int n_in,
                       const struct attr *attrs, struct loc loc);
/* graph_add with the source locations of the n_in operands, for error messages. */
struct node *graph_add_at(struct graph *g, const struct op_def *op, struct node *const *in, int n_in,
                          const struct attr *attrs, struct loc loc, const struct loc *in_loc);
/* Redirects every use of `old` (operands, outputs, loss, value_of) to `by`, except by's own operands. The name of `old`
   moves to `by`, or becomes an alias if `by` has a name.
   Uses change only at the next graph_settle, so that a pass can replace every node in linear time. Until then,
   node_now(n) gives the replacement of n, and node_settle(n) updates the operands of n. */
void node_replace(struct graph *g, struct node *old, struct node *by);
struct node *node_now(struct node *n);
void node_settle(struct node *n);
void graph_settle(struct graph *g); /* graph_sort and graph_sweep call this first */
/* Restores the topological order after a pass has appended nodes; stable. False if there is a cycle. */
bool graph_sort(struct graph *g);
/* Removes nodes that no output, loss or effect depends on, except named sources. Returns their number. */
size_t graph_sweep(struct graph *g);
/* Sets the mark of each node to its number of uses as an operand, as an output or as the loss. */
void graph_count_uses(struct graph *g);
struct node *graph_find(const struct graph *g, const char *name);
bool graph_add_output(struct graph *g, const char *name, struct node *n);

/* Checks the invariants that hold between passes: shapes, dtypes, order, attributes, ids, value_of. Returns false after
   a diagnostic that names the node. */
bool graph_verify(const struct graph *g);

const struct index *type_count(struct session *s, const struct type *t);
const struct index *type_last(struct session *s, const struct type *t); /* the last dim; 1 for rank 0 */
const struct index *type_rows(struct session *s, const struct type *t); /* the product of all dims but the last */
/* Returns NULL if the shape is supported, else the reason why not. Limits: MAX_RANK dims, none negative; 2^40 elements
   if every symbolic dim is 1. graph_add checks this. Code that computes with dims from the input must check first. */
const char *type_misfit(struct session *s, const struct type *t);
/* A bound on the coefficients that arithmetic on e can produce. Evaluates e with the magnitude of each coefficient, and
   1 for each dim and variable. a / b and a % b count as a·b; min and max count as a + b. */
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

/* The graph as flat text, without blocks and repeats. graph_parse reads it back to an equal graph. */
const char *graph_text(const struct graph *g);
const char *graph_dot(const struct graph *g);
struct graph_options {
    const char *size;        /* NULL: the file's first size */
    const char *const *sets; /* --set overrides: "H=64" */
    size_t n_sets;
    size_t max_nodes; /* 0: the default, 1,000,000 */
};
/* Parses a .graph file or a flat text. On errors returns NULL and reports as many of them as it can find. */
struct graph *graph_parse(struct session *s, const struct source *src, const struct graph_options *o);
#endif
