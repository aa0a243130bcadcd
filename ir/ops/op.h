#ifndef TOKIC_IR_OPS_OP_H
#define TOKIC_IR_OPS_OP_H
/* The record of an op, a struct op_def, is all that tokic knows about the op. The records are in ir/ops/FAMILY.c, and
   ir/ops.def lists their names.
   Passes and codegen read the record or switch on its class. They do not test for an op by name.
   A row of a tensor runs along its last dimension, or along the one that the attribute axis names. */
#include "ir/ops/eval.h"
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"

enum op_class {
    CLS_POINTWISE, /* element i of the result depends on element i of each operand; all shapes are equal */
    CLS_VIEW,      /* copies operand elements to other indices: transpose, slice */
    CLS_REDUCE,
    CLS_SCAN,
    CLS_SELECT,   /* top-K, argmax: the result depends on the order of a row's elements */
    CLS_CONTRACT, /* sums of products: matmul, linear */
    CLS_INDEX,    /* reads operands at other indices and computes: combine */
    CLS_SOURCE,   /* input, label, param, constant, iota */
    CLS_EFFECT,   /* a check: kept even if no other node reads its result */
};

struct attr_def {
    const char *name;
    enum attr_kind kind;
    bool required;
    struct attr value;
    const char *doc;
};

/* Adds nodes to g with this loc, instance and keep_f32; build_at takes all three from `like`.
   build() broadcasts the operands of a pointwise op to one shape. */
struct builder {
    struct graph *g;
    struct loc loc;
    const char *instance;
    bool keep_f32;
};
struct builder build_at(struct graph *g, const struct node *like);
struct node *build(struct builder *b, const char *op, struct node *const *in, int n_in, const struct attr *attrs);
struct node *build1(struct builder *b, const char *op, struct node *x);
struct node *build2(struct builder *b, const char *op, struct node *x, struct node *y);
struct node *build3(struct builder *b, const char *op, struct node *x, struct node *y, struct node *z);
struct node *build_const(struct builder *b, const struct type *like, double value);
/* Broadcasts x to the shape of `to`: [4] or [3, 1] -> [3, 4]. Returns x itself if it has that shape. */
struct node *build_broadcast(struct builder *b, struct node *x, const struct type *to);
/* Broadcasts the operands in place to their common shape: [4], [3, 1] -> [3, 4], [3, 4].
   An operand that does not fit stays as it is; `infer` reports it. Returns false if a broadcast could not be built. */
bool build_align(struct builder *b, struct node **in, int n_in);
struct node *build_reshape(struct builder *b, struct node *x, const struct type *to);
/* The gradient of build_broadcast: sums x over the dims that a broadcast from `to` adds or grows: [3, 4] -> [4]. */
struct node *build_reduce_to(struct builder *b, struct node *x, const struct type *to);
/* Sums x over n axes. Returns x itself if n is 0. */
struct node *build_sum(struct builder *b, struct node *x, const int64_t *axes, int n, bool keepdim);
struct node *build_transpose(struct builder *b, struct node *x, const int64_t *perm);
struct node *build_cast(struct builder *b, struct node *x, enum dtype to);
/* Returns the number of elements of shape t as a float scalar. */
struct node *build_extent(struct builder *b, const struct type *t);
struct node *build_scalar(struct builder *b, double value);

/* The context of an op's `contract`, which writes the facts of node n (value range, finiteness, …) to *out.
   On entry, *out holds the default facts of the op's class. Obligations (requirements such as x > 0) are added to g. */
struct contract {
    struct graph *g;
    struct node *n;
    struct facts *out;
};
/* Requires that an operand has the facts `need`. If the known facts imply `need`, the obligation is proved.
   If they exclude `need`, it is contradicted. Otherwise it is checked if a run-time guard can test it, else open. */
void contract_need(struct contract *c, int operand, const char *text, struct facts need);
/* Adds an obligation on an attribute: proved if `holds`, else contradicted.
   If it is contradicted, `text` must say why: "eps > 0, but eps is -1". */
void contract_need_attr(struct contract *c, bool holds, const char *text);
void contract_state(struct contract *c, const char *text, enum obligation_status status);

/* Random legal operands and attributes of an op, for tests. */
enum { MAX_SAMPLE = 12, MAX_ATTRS = 8 };
struct sample {
    uint64_t *rnd;
    struct session *s;
    int n_in;
    struct type in[MAX_SAMPLE];
    double lo[MAX_SAMPLE], hi[MAX_SAMPLE]; /* range of the values, ends included */
    bool scores[MAX_SAMPLE];               /* the values of a row must be distinct and well separated */
    bool rising[MAX_SAMPLE];               /* the integers of a row never fall */
    struct attr attrs[MAX_ATTRS];
    int64_t longest; /* if not 0: dimensions that may be long are drawn from 16..longest */
};

struct work {
    const struct index *macs;
    const struct index *bytes; /* result and operands, each counted once */
    const struct index *sum_length;
};

/* The context of an op's `at`, which builds kernel IR for one element of node n's result. */
struct at {
    struct kbuild *k;
    const struct node *n;
    const struct index *const *index; /* the element's index, one entry for each dimension */
    const struct kexpr *(*value)(struct at *c, int operand, const struct index *const *index);
    void *lower;
    size_t *n_memo; /* number of values that were built here and are reused; NULL: values are not reused */
};
/* at_enter moves c->k into a statement's body. at_leave moves it back, and forgets the values built there. */
struct at_scope {
    struct kbuild k;
    size_t n_memo;
};
struct at_scope at_enter(struct at *c, struct kstmt *stmt);
void at_leave(struct at *c, struct at_scope s);

/* Initial values of a parameter. For comparisons of kernels with the reference, random values replace constants. */
enum init {
    INIT_FAN_IN, /* uniform in ±1/√(last dimension) */
    INIT_ZERO,   /* 0; for comparisons uniform in ±½ */
    INIT_ONE,    /* 1; for comparisons uniform in ½..3/2 */
};
/* A parameter that the parser creates if a call omits the operand: linear(x, 128) creates a weight and a bias. */
struct param_def {
    const char *operand, *suffix;
    enum init init;
};

enum { MAX_OPERANDS = 12 };
struct op_operand {
    const char *name;
    bool variadic; /* zero or more operands; only the last can be variadic */
    bool keep_f32; /* the values that it is computed from stay f32, back to and including the nearest contraction */
    bool decides;  /* a condition, such as c in select(c, x, 0): the scalar 0 does not take its dtype */
};

/* What `tokic ops NAME` prints about an op besides its doc. NULL: nothing. */
struct op_about {
    const char *shapes;   /* "x [.., n] -> [.., n]" */
    const char *formula;  /* "p_i = exp(x_i - m) / sum_j exp(x_j - m), m = max_j x_j" */
    const char *source;   /* "Ba, Kiros, Hinton, arXiv 1607.06450" */
    const char *gradient; /* "gy * sign(x); 0 at 0"; includes kinks, ties and NaNs */
};

struct op_call {
    const char *name, *doc;
    const char *alias; /* a second name in .graph files: "where" for select; NULL: none */
    struct op_about about;
    struct op_operand operands[MAX_OPERANDS]; /* ends at the first entry without a name */
    const char *stem;                         /* prefix of the names of created parameters: "lin", "ln" */
    const struct param_def *params;
    int n_params;
    /* Sets *out to the type of an omitted operand, or reports an error and returns false.
       Omitted operands are NULL in `call`. attr_loc[i].line is 0 if attribute i is omitted. */
    bool (*param_type)(struct graph *g, const struct node *call, const struct loc *attr_loc, int operand,
                       struct type *out);
    const struct attr_def *attrs;
    int n_attrs;
};

struct op_type {
    bool (*infer)(struct graph *g, struct node *n); /* sets n->type, or reports an error and returns false */
    void (*contract)(struct contract *c);
};

struct op_reference {
    NUM(*eval1)
    (const struct ev *c, const NUM *x); /* CLS_POINTWISE: one element of the result; x[k] is the element of operand k */
    void (*eval)(struct ev *c);
    /* CLS_POINTWISE: bounds the absolute error of result y, with its own rounding. x[k], e[k]: operand k, its error. */
    double (*bound1)(const struct bd *b, const NUM *x, const double *e, NUM y);
    void (*bound)(struct bd *b);
    /* Sets *in to the elements of `operand` from which the elements *out of the result are computed. */
    void (*needs)(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                  struct box *in);
    void (*work)(struct session *s, const struct node *n, struct work *w);
    const struct op_def *total; /* CLS_REDUCE with `finish`: the op that gives the total, as sum for mean */
};

struct scan_form {
    bool exclusive, reverse;
};

struct op_kernel {
    const struct kexpr *(*at)(struct at *c);
    bool loops; /* CLS_INDEX: `at` is a loop, too costly to repeat in each sweep over a row */
    struct node *(*expand)(struct builder *b,
                           struct node *n); /* a composite: builds the same function from simpler ops */
    /* CLS_REDUCE: `acc` accumulates the n terms of one result.
       `finish` turns the total into the result: a mean divides by n. NULL: the total is the result. */
    enum kacc acc;
    const struct kexpr *(*finish)(struct at *c, const struct kexpr *total, const struct index *n);
    /* CLS_SELECT: builds "element j of a row, with score sj, precedes element i, with score si".
       The rank of i is the number of elements that precede i. */
    const struct kexpr *(*precedes)(struct at *c, const struct kexpr *sj, const struct kexpr *j, const struct kexpr *si,
                                    const struct kexpr *i);
    /* Builds the result at i from the rank of i (an i32). NULL: each row has one result, as in argmax.
       That result is the index of the element of rank 0, or -1 if the row is empty. */
    const struct kexpr *(*from_rank)(struct at *c, const struct kexpr *rank);
    /* CLS_SCAN: exclusive sums leave out the element itself. Reversed sums run from the last element to the first. */
    struct scan_form (*scan)(const struct node *n);
    /* CLS_SELECT that lists indices: result j of a row is the index of the element of rank j; -1: there is none. */
    bool lists;
    /* CLS_SELECT of the largest scores of a row: returns the number of chosen elements.
       Float scores are ordered by K_ORDER (ir/kernel/kop.def). Of equal scores, the lower index comes first.
       In a long row, kernels find the last chosen element by bisection, in linear time. */
    int64_t (*chosen)(const struct node *n);
};

/* The record of one op. ir/ops/README.md lists the members that each class fills, and the defaults of the others. */
struct op_def {
    struct op_call call;
    enum op_class class;
    bool commutes;    /* op(x, y) = op(y, x) bit for bit */
    bool associative; /* of a variadic op: op(op(a, b), c) = op(a, b, c) */
    bool exact;       /* never rounds */
    bool whole;       /* pointwise sums and products: integers give integers */
    bool cheap;       /* recomputed in each reader instead of stored, if all operands are sources */
    bool keep_f32;
    struct op_type type;
    struct op_reference reference;
    struct op_kernel kernel;
    /* Builds the gradient of one operand from the result's gradient gy. NULL: the operands get no gradient. */
    struct node *(*gradient)(struct builder *b, struct node *n, struct node *gy, int operand);
    void (*sample)(struct sample *d);
};

const struct op_def *op_find(const char *name); /* NULL if there is none */
const struct op_def *op_at(int i);              /* in ops.def's order; NULL past the last */
/* The index of an operand or attribute by name; -1 if there is none. */
int op_operand(const struct op_def *op, const char *name);
int op_attr(const struct op_def *op, const char *name);
/* The dimension of the first operand along which the op works: the attribute axis, or else the last dimension. */
int op_axis(const struct node *n);
/* Both write the attributes' defaults to `out`, which needs room for MAX_ATTRS.
   op_defaults_of_type also sets the attributes dims and dtype from t. The dims point into t. */
void op_defaults(const struct op_def *op, struct attr *out);
void op_defaults_of_type(const struct op_def *op, const struct type *t, struct attr *out);
static inline const struct attr *node_attr(const struct node *n, int i) { return &n->attrs[i]; }
/* The number of operands in the record. Sets *variadic if the last one is variadic. */
int op_arity(const struct op_def *op, bool *variadic);
/* The record of operand i of a call. In a variadic op, surplus operands share the last record. */
const struct op_operand *op_operand_at(const struct op_def *op, int i);
/* The operands' names for messages: "x, w, b" or "w, y...". */
const char *op_operands_text(struct arena *a, const struct op_def *op);
/* verify --exact runs kernels on small integers. There, a stand-in replaces an op that can give other numbers:
   the first operand for a pointwise op (1/x, exp), the sum for a mean, the next integer away from 0 for a constant. */
bool op_stands_in(const struct node *n);
double op_stand_in_constant(double x);
bool op_is(const struct node *n, const char *name); /* only for tests and the parser */
static inline bool node_is_param(const struct node *n)
{
    return n->op->class == CLS_SOURCE && op_attr(n->op, "init") >= 0;
}
/* True if a gradient flows to some operand. A composite without `gradient` has the gradient of its expansion. */
bool op_is_differentiable(const struct op_def *op);
static inline bool op_is_composite(const struct op_def *op) { return op->kernel.expand != NULL; }

/* Each calls the record's function, or the default of the op's class. */
void op_eval(struct ev *c);
void op_bound(struct bd *b); /* BUG for a composite without `bound`: bound its expansion instead */
void op_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out, struct box *in);
void op_work(struct session *s, const struct node *n, struct work *w);
void op_contract(struct graph *g, struct node *n);

/* For `infer`: reports an error and returns false.
   operand >= 0: the text begins with "must". The message is "the second operand (y) of add must be …, but it is
   i32[B]", at the operand's location.
   operand -1: the message is "add: TEXT", at the call's location. */
__attribute__((format(printf, 4, 5))) bool infer_error(struct graph *g, const struct node *n, int operand,
                                                       const char *fmt, ...);
/* Requires float operands of one shape; the result is a `float` of that shape. */
bool infer_same(struct graph *g, struct node *n);
/* Like infer_same, but also accepts integer operands. They must have one dtype, and the result keeps it. */
bool infer_numbers(struct graph *g, struct node *n);
#endif
