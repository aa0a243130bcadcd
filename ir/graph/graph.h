#ifndef TOKIC_IR_GRAPH_GRAPH_H
#define TOKIC_IR_GRAPH_GRAPH_H
/* The graph IR: what a .graph file says, and what every pass reads and writes. Nodes have one result each and stand in
   an order in which operands come first. */
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

/* What is known of every element of a value (carried forward by the contracts pass). lo > hi never; unknown is
   -inf..inf. */
struct facts {
    double lo, hi;    /* every element that is not NaN (of i64: not the least, which stands for one) lies in lo..hi */
    bool finite;      /* no NaN, no infinity; of i64: no missing value, so that an index may rely on lo..hi */
    bool integral;    /* every element is an integer */
    bool sums_to_one; /* each row (last dimension) sums to 1 */
    int max_nonzero;  /* of a row; -1: not known */
    bool exact;       /* computed without rounding */
};

enum attr_kind { ATTR_INT, ATTR_FLOAT, ATTR_BOOL, ATTR_DTYPE, ATTR_INTS, ATTR_DIMS };
struct attr {  /* one attribute's value */
    int64_t i; /* ATTR_INT, ATTR_BOOL, ATTR_DTYPE */
    double f;  /* ATTR_FLOAT */
    int n;     /* ATTR_INTS, ATTR_DIMS */
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
    const struct attr *attrs; /* op->call.n_attrs of them, in the row's order */
    const char *name;         /* as --output takes it: "z", "expert0.h.2"; NULL: no name */
    const char *
        origin; /* the op of the user's graph that it came from, when an expansion made it: "layernorm"; NULL: itself */
    const char *instance;     /* the block instance it was inlined from: "expert0"; NULL: top level */
    struct loc loc;           /* a node made by a pass keeps that of the node it came from */
    const struct loc *in_loc; /* where each operand was written; NULL: unknown, use loc */
    struct facts facts;
    /* written by precision */
    enum dtype
        /* what a contraction multiplies in: DT_F16 on the matrix unit, or DT_F32; others DT_F32 (or their integer type)
           */
        compute;
    enum dtype storage; /* what it has when materialised */
    bool keep_f32;      /* must stay f32 (routing, statistics, losses): set by rows and expansions */
    /* written by fuse and memplan */
    struct group *
        /* the group that materialises or owns it; NULL for sources; a recomputed node may be in several groups' lists
           */
        group;
    bool materialised; /* its value is written to memory */
    /* scratch of the pass that runs; -1 when unused */
    int mark;
    struct node *by; /* what node_replace put in its place, until graph_settle; NULL: nothing */
};

/* A declared symbolic dim or named constant of the graph. */
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

/* What one obligation came to. */
enum obligation_status { OBLIGATION_PROVED, OBLIGATION_CHECKED, OBLIGATION_OPEN, OBLIGATION_CONTRADICTED };
struct obligation {
    struct node *node; /* the op that needs it */
    int operand;       /* of which operand; -1: of the result or an attribute */
    const char *text;  /* "0 <= x <= 1", "finite" */
    enum obligation_status status;
    struct facts need; /* the part that a run-time guard checks: range and finiteness */
};

/* How a kernel's template sees a group. */
enum group_kind { GROUP_ROWS, GROUP_REDUCE, GROUP_GEMM };

/* Memory that the launches of one group hand to each other. It lives as long as its group and is never judged. */
struct scratch {
    const char *name; /* "partials": for people */
    enum dtype dtype;
    const struct index *count; /* elements, a function of the symbolic dims */
    bool zeroed;               /* zero bytes when the group's first launch begins */
};

/* What a launch writes: a value in full, or partial sums of a reduction into scratch. */
enum sink_kind {
    SINK_FULL,           /* the node's value, to the node's memory */
    SINK_PARTIAL,        /* parts of the launch's own anchor: scratch[part, result element] */
    SINK_ROW_PARTIAL,    /* a gemm's row-reduced epilogue: scratch[row, column tile] */
    SINK_COLUMN_PARTIAL, /* a gemm's column-reduced epilogue: scratch[row tile, column] */
};
struct sink {
    enum sink_kind kind;
    struct node *node;
    int scratch; /* SINK_FULL: -1 */
};

/* One launch of a group; they run in order. */
enum launch_kind {
    LAUNCH_ROWS,
    LAUNCH_COLUMNS, /* a reduction, neighbouring threads on neighbouring results */
    LAUNCH_CHUNKS,  /* a reduction, a block on a part of one result */
    LAUNCH_GEMM,
};
struct group_launch {
    enum launch_kind kind;
    struct node *anchor; /* the contraction or reduction whose loops these are; NULL: element by element */
    int from;            /* scratch that holds the anchor's parts, which this launch adds up; -1: it reads operands */
    const struct index *parts; /* into how many the anchor's sum is cut, here or in the launch it reads from; NULL: 1 */
    const struct index *part;  /* terms of one part; NULL where parts is */
    struct sink *sinks;
    size_t n_sinks;
};

struct group {
    int id; /* launch order */
    enum group_kind kind;
    const char *name; /* "expert.lin0 gelu": for people */
    struct node **nodes;
    size_t n_nodes; /* all nodes that it evaluates, operands first (recomputed ones too) */
    struct node **ins;
    size_t n_ins; /* materialised values and sources that it reads */
    struct node **outs;
    size_t n_outs;       /* values that it materialises, in node order */
    struct node *anchor; /* GROUP_GEMM: the contraction; GROUP_REDUCE: the first reduction */
    /* Fixed by group_plan: */
    struct group_launch *launches;
    size_t n_launches;
    struct scratch *scratch;
    size_t n_scratch;
    struct tile tile; /* GROUP_GEMM */
    /* Groups that must be complete before this one begins: those that it reads from, and (memplan) those that use
       memory which it takes over. */
    struct group **after;
    size_t n_after, cap_after;
};

/* Where a materialised value or a group's scratch lives (memplan): offset in the activations' allocation, in bytes, a
   function of the symbolic dims. */
struct slot {
    const struct node *node; /* NULL: */
    const struct group *group;
    int scratch; /* group->scratch[scratch] */
    const struct index *offset, *bytes;
};

struct graph {
    struct session *s;
    struct arena *arena;     /* of the build: the graph, its clones, their programs and kernels */
    const char *name, *size; /* "moe_sheaf", "nano" ("" if the file has no sizes) */
    const struct source *src;
    struct node **nodes;
    size_t n_nodes, cap_nodes; /* in order: operands first */
    int next_id;
    bool unsettled; /* a node_replace waits for graph_settle */
    struct graph_dim *dims;
    size_t n_dims, cap_dims; /* symbolic dims, in order of declaration */
    struct graph_out *outs;
    size_t n_outs, cap_outs; /* declared outputs, then what --output asked for */
    struct graph_size *sizes;
    size_t n_sizes, cap_sizes;
    struct graph_out *aliases;
    size_t n_aliases, cap_aliases; /* further names of nodes that have one; they keep nothing alive */
    struct node *loss;             /* declared by `loss`; NULL if none */
    struct obligation *obligations;
    size_t n_obligations, cap_obligations;
    /* For each node id of the graph as parsed: the node that now holds its value; NULL once it is gone. Clones,
       replacements and expansions keep it. */
    struct node **value_of;
    size_t n_values;
    /* written by fuse and memplan */
    struct group **groups;
    size_t n_groups, cap_groups;
    struct slot *slots;
    size_t n_slots, cap_slots;
    const struct index *memory; /* bytes of the activations' allocation */
};

struct graph *graph_new(struct session *s, const char *name);
/* Frees the graph with its clones, their programs and kernels. The last graph of a session takes the variables of index
   expressions with it, so kernels made without a graph must not be used after. NULL is no graph. */
void graph_free(struct graph *g);
/* A deep copy in the same session: ids, names, locs, facts are kept, value_of maps the parsed ids onto the copy. */
struct graph *graph_clone(const struct graph *g);

/* Makes the graph as it stands the one that passes are measured against: every node holds its own value. Parsing does
   this, but a text that was printed after a pass brings the values of the graph that it once was. */
void graph_own_values(struct graph *g);

/* Appends a node. Operands, attributes and type are checked by the op's row (infer): NULL and a diagnostic if they
   don't fit. attrs may be NULL (all defaults). */
struct node *graph_add(struct graph *g, const struct op_def *op, struct node *const *in, int n_in,
                       const struct attr *attrs, struct loc loc);
/* The same with the places where the operands were written (n_in of them, or NULL), for infer's errors. */
struct node *graph_add_at(struct graph *g, const struct op_def *op, struct node *const *in, int n_in,
                          const struct attr *attrs, struct loc loc, const struct loc *in_loc);
/* Makes every use of `old` a use of `by`, except by's own: operands, outputs, loss, value_of; the name moves if `by`
   has none. Uses change all together in graph_settle, so that a pass may replace every node in linear time; until then
   node_now says what stands for a node, and node_settle brings one node's operands up to date. `old` itself stays
   until graph_sweep. */
void node_replace(struct graph *g, struct node *old, struct node *by);
struct node *node_now(struct node *n);
void node_settle(struct node *n);
void graph_settle(struct graph *g); /* graph_sort and graph_sweep begin with it */
/* Puts nodes in an order with operands first again (stable), after a pass has added nodes at the end. false: a cycle
   (BUG in a pass). */
bool graph_sort(struct graph *g);
/* Drops nodes that no output, loss, named value asked for, or effect depends on. Inputs, labels and parameters stay.
   Returns how many went. */
size_t graph_sweep(struct graph *g);
/* Number of users of each node, by index in g->nodes, into node->mark. */
void graph_count_uses(struct graph *g);
/* By its name, an alias, or an output's name. */
struct node *graph_find(const struct graph *g, const char *name);
bool graph_add_output(struct graph *g, const char *name, struct node *n);

/* Shapes, dtypes, order, attributes, ids, value_of: what must hold between any two passes. false: a BUG-level
   diagnostic names the node. */
bool graph_verify(const struct graph *g);

/* Product of the dims; the last dim (1 for rank 0); the product of all but the last. */
const struct index *type_count(struct session *s, const struct type *t);
const struct index *type_last(struct session *s, const struct type *t);
const struct index *type_rows(struct session *s, const struct type *t);
/* Why a shape cannot be held: more than MAX_RANK dims, a dim that may be negative, over 2^40 elements with every
   symbolic dim 1, or dims whose products the index arithmetic could not carry; NULL if it can. graph_add asks; whoever
   makes dims from a user's numbers asks before using them. */
const char *type_misfit(struct session *s, const struct type *t);
/* Bound on the coefficients that arithmetic on e can meet, every atom taken as 1. */
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

/* The text of a graph in the .graph language (flat: blocks and repeats are gone), which graph_parse reads back to an
   equal graph. */
const char *graph_text(const struct graph *g);
/* Graphviz. */
const char *graph_dot(const struct graph *g);
/* Reads a .graph file's text for one size (NULL: the first) and with --set overrides; NULL and diagnostics on errors:
   all it can find. */
struct graph_options {
    const char *size;
    const char *const *sets;
    size_t n_sets;    /* "H=64" */
    size_t max_nodes; /* 0: 1,000,000 */
};
struct graph *graph_parse(struct session *s, const struct source *src, const struct graph_options *o);
#endif
