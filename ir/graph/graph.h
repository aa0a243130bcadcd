#ifndef TOKIC_IR_GRAPH_GRAPH_H
#define TOKIC_IR_GRAPH_GRAPH_H
/* The graph IR: what a .graph file says, and what every pass reads and writes. A node has one result. Nodes are in
   topological order: operands precede their users. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/dtype.h"
#include "ir/index.h"
#include "ir/session.h"
#include "ir/tile.h"

enum { MAX_RANK = 6 };

/* Shape and dtype of a value. Dims are index expressions over the graph's symbolic dims. */
struct type {
    enum dtype dtype;
    int rank;
    const struct index *dim[MAX_RANK];
};

/* What is known of every element of a value. The contracts pass propagates facts from operands to results. lo <= hi; an
   unknown range is -inf..inf. The least i64 stands for a missing value, as a NaN does among floats. */
struct facts {
    double lo, hi;    /* every element that is neither NaN nor missing lies in lo..hi */
    bool finite;      /* no NaN, infinity or missing value; only then may an index rely on lo..hi */
    bool integral;    /* every element is an integer */
    bool sums_to_one; /* each row (last dimension) sums to 1 */
    int max_nonzero;  /* no row has more nonzero elements than this; -1: unknown */
    bool exact;       /* computed without rounding */
};

enum attr_kind { ATTR_INT, ATTR_FLOAT, ATTR_BOOL, ATTR_DTYPE, ATTR_INTS, ATTR_DIMS };
struct attr {  /* one attribute's value */
    int64_t i; /* ATTR_INT, ATTR_BOOL, ATTR_DTYPE */
    double f;  /* ATTR_FLOAT */
    int n;     /* length of ints or dims */
    const int64_t *ints;
    const struct index *const *dims;
};

struct op_def;
struct group;

struct node {
    const struct op_def *op;
    int id; /* unique in its graph; a clone keeps it */
    struct type type;
    int n_in;
    struct node **in;
    const struct attr *attrs; /* op->call.n_attrs of them, in the order of op->call.attrs */
    const char *name;         /* as --output takes it: "z", "expert0.h.2"; NULL: no name */
    const char *origin;       /* the composite whose expansion made the node: "layernorm"; NULL: none */
    const char *instance;     /* the block instance whose inlining made the node: "expert0"; NULL: top level */
    struct loc loc;           /* a pass gives a new node the location of the node that it is made from */
    const struct loc *in_loc; /* source location of each operand; NULL: unknown, use loc */
    struct facts facts;
    /* Set by precision: the type that the node is computed in. A contraction: DT_F16 (on the matrix unit) or DT_F32;
       any other node: DT_F32 or its integer type. */
    enum dtype compute;
    enum dtype storage; /* dtype in memory when materialised */
    bool keep_f32;      /* must stay f32 (routing, statistics, losses): set by op records and expansions */
    /* Set by fuse: the one group that computes the node; NULL for sources, and for nodes that each reader recomputes
       (node_is_rematerialised). */
    struct group *group;
    bool materialised; /* the value is written to memory */
    bool recomputed;   /* a pointwise node that every reader recomputes, since that moves fewer bytes */
    int mark;          /* for use within one pass; -1 when unused */
    struct node *by;   /* until graph_settle: the node that replaces this one (node_replace); NULL: none */
};

/* A declared symbolic dim of the graph. */
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
struct obligation {
    struct node *node; /* the node whose op requires it */
    int operand;       /* the operand that must satisfy it; -1: it concerns an attribute */
    const char *text;  /* "0 <= x <= 1", "finite" */
    enum obligation_status status;
    struct facts need; /* what a run-time guard checks: range and finiteness */
};

/* Which template lowers a group. */
enum group_kind { GROUP_ROWS, GROUP_REDUCE, GROUP_GEMM };

/* Memory that passes data between the launches of one group. It lives as long as its group and is never judged. */
struct scratch {
    const char *name; /* "parts": for messages */
    enum dtype dtype;
    const struct index *count; /* number of elements, a function of the symbolic dims */
    bool zeroed;               /* filled with zero bytes before the group's first launch */
};

/* What a launch writes: a full value, or partial results of a reduction into scratch. */
enum sink_kind {
    SINK_FULL,           /* the node's value, to the node's memory */
    SINK_PARTIAL,        /* partial results of the launch's anchor: scratch[part, result element] */
    SINK_ROW_PARTIAL,    /* partial results of a reduction of a gemm's rows: scratch[row, column tile] */
    SINK_COLUMN_PARTIAL, /* partial results of a reduction of a gemm's columns: scratch[row tile, column] */
};
struct sink {
    enum sink_kind kind;
    struct node *node;
    int scratch; /* index in group->scratch; -1 for SINK_FULL */
};

/* One launch of a group. A group's launches run in order. */
enum launch_kind {
    LAUNCH_ROWS,
    LAUNCH_COLUMNS, /* a reduction: neighbouring threads compute neighbouring results */
    LAUNCH_CHUNKS,  /* a reduction: a block computes one part of one result */
    LAUNCH_GEMM,
};
struct group_launch {
    enum launch_kind kind;
    struct node *anchor; /* the contraction or reduction that sets the loops; NULL for LAUNCH_ROWS */
    int from;            /* index of the scratch with partial results that the launch reduces; -1: it reads operands */
    const struct index *parts; /* number of parts that the anchor's sum is split into; NULL: 1 */
    const struct index *part;  /* number of terms of one part; NULL if parts is NULL */
    struct sink *sinks;
    size_t n_sinks;
};

struct group {
    int id; /* launch order */
    enum group_kind kind;
    const char *name;    /* "expert.lin0 gelu": for messages */
    struct node **nodes; /* all nodes that the group evaluates, recomputed ones included; operands first */
    size_t n_nodes;
    struct node **ins; /* materialised values and sources that the group reads */
    size_t n_ins;
    struct node **outs; /* values that the group materialises, in node order */
    size_t n_outs;
    struct node *anchor; /* GROUP_GEMM: the contraction; GROUP_REDUCE: the first reduction; GROUP_ROWS: NULL */
    /* Set by group_plan: */
    struct group_launch *launches;
    size_t n_launches;
    struct scratch *scratch;
    size_t n_scratch;
    struct tile tile; /* GROUP_GEMM */
    /* Groups that must complete before this one begins: those whose results it reads and, added by memplan, those that
       still use memory that it overwrites. */
    struct group **after;
    size_t n_after, cap_after;
};

/* Where memplan puts a materialised value or a group's scratch in the activations' allocation. */
struct slot {
    const struct node *node;   /* the value; NULL: scratch */
    const struct group *group; /* if node is NULL: the scratch is group->scratch[scratch] */
    int scratch;
    const struct index *offset; /* in bytes; like `bytes` a function of the symbolic dims */
    const struct index *bytes;
};

struct graph {
    struct session *s;
    struct arena *arena; /* shared with clones of the graph, their programs and kernels */
    const char *name;    /* "moe_sheaf" */
    const char *size;    /* "nano"; "" if the file has no sizes */
    const struct source *src;
    struct node **nodes; /* operands precede their users */
    size_t n_nodes, cap_nodes;
    int next_id;
    bool unsettled;         /* a node_replace is pending until graph_settle */
    struct graph_dim *dims; /* symbolic dims, in order of declaration */
    size_t n_dims, cap_dims;
    struct graph_out *outs; /* declared outputs, then those added by --output */
    size_t n_outs, cap_outs;
    struct graph_size *sizes;
    size_t n_sizes, cap_sizes;
    struct graph_out *aliases; /* further names of named nodes; an alias keeps no node alive */
    size_t n_aliases, cap_aliases;
    struct node *loss; /* declared by `loss`; NULL if none */
    struct obligation *obligations;
    size_t n_obligations, cap_obligations;
    /* For each node id of the parsed graph: the node that now holds its value; NULL if none does. Clones, replacements
       and expansions maintain it. */
    struct node **value_of;
    size_t n_values;
    /* Set by fuse and memplan: */
    struct group **groups;
    size_t n_groups, cap_groups;
    struct slot *slots;
    size_t n_slots, cap_slots;
    const struct index *memory; /* bytes of the activations' allocation */
};

struct graph *graph_new(struct session *s, const char *name);
/* Frees the graph with its clones, their programs and kernels; NULL is allowed. Freeing the last graph of a session
   also drops all index variables, so kernels made without a graph must not be used afterwards. */
void graph_free(struct graph *g);
/* A deep copy in the same session. It keeps ids, names, locations and facts; value_of refers to the copy's nodes. */
struct graph *graph_clone(const struct graph *g);

/* Resets value_of: every node holds its own value, so later passes are judged against the graph as it is now. Parsing a
   source file does this; a flat text printed after a pass carries the value_of of its original graph. */
void graph_own_values(struct graph *g);

/* Appends a node. The op's infer checks operands and attributes; NULL and a diagnostic if they do not fit. attrs NULL:
   all defaults. */
struct node *graph_add(struct graph *g, const struct op_def *op, struct node *const *in, int n_in,
                       const struct attr *attrs, struct loc loc);
/* graph_add with the operands' source locations (n_in of them, or NULL) for infer's errors. */
struct node *graph_add_at(struct graph *g, const struct op_def *op, struct node *const *in, int n_in,
                          const struct attr *attrs, struct loc loc, const struct loc *in_loc);
/* Redirects every use of `old` (operands, outputs, loss, value_of) to `by`, except by's own operands. The name moves if
   `by` has none; otherwise it becomes an alias of `by`. graph_settle applies all replacements at once, so that a pass
   may replace every node in linear time. Until then node_now gives a node's replacement, and node_settle updates one
   node's operands. `old` itself stays until graph_sweep. */
void node_replace(struct graph *g, struct node *old, struct node *by);
struct node *node_now(struct node *n);
void node_settle(struct node *n);
void graph_settle(struct graph *g); /* graph_sort and graph_sweep begin with it */
/* Restores the topological order (stable) after a pass has appended nodes. False: a cycle, a mistake of the pass. */
bool graph_sort(struct graph *g);
/* Removes nodes that no output, loss or effect depends on. Sources with a name stay. Returns the number of removed
   nodes. */
size_t graph_sweep(struct graph *g);
/* Sets each node's mark to its number of uses. */
void graph_count_uses(struct graph *g);
/* Finds a node by its name, an alias, or an output's name; NULL if there is none. */
struct node *graph_find(const struct graph *g, const char *name);
bool graph_add_output(struct graph *g, const char *name, struct node *n);

/* Checks the invariants between passes: shapes, dtypes, order, attributes, ids, value_of. False: a diagnostic names the
   node. */
bool graph_verify(const struct graph *g);

const struct index *type_count(struct session *s, const struct type *t); /* the product of the dims */
const struct index *type_last(struct session *s, const struct type *t);  /* the last dim; 1 for rank 0 */
const struct index *type_rows(struct session *s, const struct type *t);  /* the product of all but the last */
/* Why a shape is not supported; NULL if it is. The limits: MAX_RANK dims, none of which may be negative; 2^40 elements
   if every symbolic dim is 1; products of dims that index arithmetic can represent. graph_add checks this. Code that
   builds dims from a user's numbers must check them before it uses them. */
const char *type_misfit(struct session *s, const struct type *t);
/* A bound on the coefficients that arithmetic on e can produce. It is the value of e after these changes: every
   coefficient becomes its magnitude, every dim and variable 1, a / b and a % b become a·b, min and max become a + b. */
int64_t index_weight(const struct index *e);
bool type_same_shape(const struct type *a, const struct type *b);
const char *type_text(struct arena *a, const struct type *t); /* "f32[B, 96]" */

/* Values of the symbolic dims for one run, by name. */
struct dim_values {
    const char **names;
    int64_t *values;
    size_t n;
};
int64_t dims_eval(const struct dim_values *v, const struct index *e);
int64_t type_count_at(const struct type *t, const struct dim_values *v);

/* The flat text of a graph, without blocks and repeats. graph_parse reads it back to an equal graph. */
const char *graph_text(const struct graph *g);
/* The graph in Graphviz's language. */
const char *graph_dot(const struct graph *g);
/* How graph_parse reads a file. */
struct graph_options {
    const char *size;        /* NULL: the file's first size */
    const char *const *sets; /* --set overrides: "H=64" */
    size_t n_sets;
    size_t max_nodes; /* 0: 1,000,000 */
};
/* Parses a .graph file or a flat text. On errors returns NULL and reports as many of them as it can find. */
struct graph *graph_parse(struct session *s, const struct source *src, const struct graph_options *o);
#endif
