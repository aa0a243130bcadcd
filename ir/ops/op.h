#ifndef TOKIC_IR_OPS_OP_H
#define TOKIC_IR_OPS_OP_H
/* One op, one record. Everything that tokic knows about an op is its record in ir/ops/FAMILY.c; ir/ops.def lists the
   names. Passes and codegen ask the record or switch on its class, never on the op. A row is always a row of a tensor,
   along its last dimension. */
#include "ir/ops/eval.h"
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"

enum op_class {
    CLS_POINTWISE, /* element i of the result from element i of each operand; all shapes are equal */
    CLS_VIEW,      /* the result's elements are operand elements at other indices */
    CLS_REDUCE,    /* sum, max and their kin along one or several dimensions */
    CLS_SCAN,
    CLS_SELECT,   /* top-K and its kin: a result depends on the order of the whole row */
    CLS_CONTRACT, /* sums of products */
    CLS_INDEX,    /* gather and scatter by data */
    CLS_SOURCE,   /* input, label, param, constant, iota */
    CLS_EFFECT,   /* a check: its result is reported and never dead code */
};

struct attr_def {
    const char *name;
    enum attr_kind kind;
    bool required;
    struct attr value; /* the default */
    const char *doc;
};

/* Builds graph nodes for ops and passes; each node gets this location, instance and keep_f32. Operands of pointwise ops
   are broadcast. */
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
/* A constant of the shape and dtype of `like`. */
struct node *build_const(struct builder *b, const struct type *like, double value);
/* x broadcast to the shape of `to`, trailing dims aligned; x itself if it has that shape. */
struct node *build_broadcast(struct builder *b, struct node *x, const struct type *to);
/* Broadcasts operands to their common shape in place; an operand that does not fit stays as it is. */
bool build_align(struct builder *b, struct node **in, int n_in);
/* x reshaped to the shape of `to`; x itself if it has that shape. */
struct node *build_reshape(struct builder *b, struct node *x, const struct type *to);
/* The adjoint of build_broadcast from the shape `to`: x summed over the dims that the broadcast added or grew. */
struct node *build_reduce_to(struct builder *b, struct node *x, const struct type *to);
/* x summed over the axes (0 or more); reduced dims stay as 1 if keepdim is set. */
struct node *build_sum(struct builder *b, struct node *x, const int64_t *axes, int n, bool keepdim);
struct node *build_transpose(struct builder *b, struct node *x, const int64_t *perm);
struct node *build_cast(struct builder *b, struct node *x, enum dtype to);
/* The number of elements of a shape, as a float scalar. */
struct node *build_extent(struct builder *b, const struct type *t);
/* A float constant of rank 0, which broadcasts to any shape. */
struct node *build_scalar(struct builder *b, double value);

/* What an op's `contract` works on: it refines the facts *out of node n and may add obligations to g. At first *out
   holds the class's default, made from the operands' facts (ir/ops/contract.c). */
struct contract {
    struct graph *g;
    struct node *n;
    struct facts *out;
};
/* Adds an obligation on an operand: proved if known facts imply `need`, contradicted if they exclude it, checked if a
   run-time guard can decide it, else open. */
void contract_need(struct contract *c, int operand, const char *text, struct facts need);
/* Adds an obligation on an attribute. If it does not hold, the text says why: "eps > 0, but eps is -1". */
void contract_need_attr(struct contract *c, bool holds, const char *text);
/* Adds an obligation whose status the op has decided. An obligation on symbolic dims may be left open. */
void contract_state(struct contract *c, const char *text, enum obligation_status status);

/* Random legal operands and attributes, for the tests that the table generates. */
enum { MAX_SAMPLE = 12, MAX_ATTRS = 8 };
struct sample {
    uint64_t *rnd;
    struct session *s;
    int n_in;
    struct type in[MAX_SAMPLE];
    double lo[MAX_SAMPLE], hi[MAX_SAMPLE]; /* values are uniform in lo..hi, inclusive for integers */
    bool scores[MAX_SAMPLE];               /* distinct, well-separated values (for selections) */
    struct attr attrs[MAX_ATTRS];
};

/* Cost of a node over its whole result. */
struct work {
    const struct index *macs;       /* multiply-adds */
    const struct index *bytes;      /* operands and result, each counted once */
    const struct index *sum_length; /* terms of the longest sum */
};

/* The context in which an op's `at` builds its value at an index as kernel IR. */
struct at {
    struct kbuild *k; /* where kernel IR values are built (ir/kernel/kir.h) */
    const struct node *n;
    const struct index *const *index; /* n->type.rank of them */
    /* The value of an operand at an index. */
    const struct kexpr *(*value)(struct at *c, int operand, const struct index *const *index);
    void *lower; /* codegen's own */
};

/* Initial values of a parameter that a call leaves out: linear(x, H) makes a weight and a bias. */
enum init {
    INIT_FAN_IN, /* U(±1/√fan_in) */
    INIT_ZERO,   /* train: 0; judge: U(±½) */
    INIT_ONE,    /* train: 1; judge: U(½, 3/2) */
};
struct param_def {
    const char *operand, *suffix;
    enum init init;
};

enum { MAX_OPERANDS = 12 };
struct op_operand {
    const char *name;
    bool variadic; /* only the last operand: zero or more operands */
    bool keep_f32; /* all that it is computed from, back to and including a contraction, stays f32 */
    bool decides;  /* a condition: its dtype says nothing of the other operands' dtypes */
};

/* How a call is written. */
struct op_call {
    const char *name, *doc;
    struct op_operand operands[MAX_OPERANDS]; /* ends at the first without a name */
    const char *stem;                         /* of automatic parameter names: "lin", "ln" */
    const struct param_def *params;
    int n_params;
    /* The type of an omitted operand. `call` is not yet in the graph: its omitted operands are NULL, and
       attr_loc[i].line is 0 for an omitted attribute. */
    bool (*param_type)(struct graph *g, const struct node *call, const struct loc *attr_loc, int operand,
                       struct type *out);
    const struct attr_def *attrs;
    int n_attrs;
};

/* Shape, dtype and facts of the result. */
struct op_type {
    bool (*infer)(struct graph *g, struct node *n); /* sets n->type, or says why not */
    void (*contract)(struct contract *c);
};

/* The op's meaning, and bounds on its rounding error. */
struct op_reference {
    NUM (*eval1)(const struct ev *c, const NUM *x); /* pointwise: one element from one element of each operand */
    void (*eval)(struct ev *c);
    /* Pointwise: the absolute error of one element, its own rounding included. */
    double (*bound1)(const struct bd *b, const NUM *x, const double *e, NUM y);
    void (*bound)(struct bd *b);
    /* Sets *in to the box of `operand` from which the box *out of the result is computed. */
    void (*needs)(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                  struct box *in);
    void (*work)(struct session *s, const struct node *n, struct work *w);
};

/* How kernels compute an op. */
struct op_kernel {
    const struct kexpr *(*at)(struct at *c);                   /* builds the value at an index */
    struct node *(*expand)(struct builder *b, struct node *n); /* builds a composite from simpler ops */
    /* CLS_REDUCE: `acc` accumulates the terms; finish gives the result from the total of n terms (NULL: the total). */
    enum kacc acc;
    const struct kexpr *(*finish)(struct at *c, const struct kexpr *total, const struct index *n);
    /* CLS_SELECT by rank: does element j, of score sj, precede element i of the row, of score si? The rank of i is the
       number of elements that precede it (an i32), and from_rank gives i's result. A selection whose result lacks the
       last dimension (argmax) has no from_rank: its result is the index of the element of rank 0, or -1 if the row is
       empty. */
    const struct kexpr *(*precedes)(struct at *c, const struct kexpr *sj, const struct kexpr *j, const struct kexpr *si,
                                    const struct kexpr *i);
    const struct kexpr *(*from_rank)(struct at *c, const struct kexpr *rank);
    /* CLS_SELECT that chooses the largest scores: how many elements of a row it chooses. Floats are compared by their
       K_ORDER keys; of equal scores that of the lower index comes first. In long rows, kernels find the last chosen
       element by bisection, in linear time. */
    int64_t (*chosen)(const struct node *n);
};

/* One op. Which class fills which slot, and what it inherits: ir/ops/README.md. */
struct op_def {
    struct op_call call;
    enum op_class class;
    bool commutes;    /* op(x, y) = op(y, x) bit for bit */
    bool associative; /* variadic: f(f(a, b), c) = f(a, b, c), with the same attributes */
    bool exact;       /* never rounds */
    bool cheap;       /* if its operands are sources, each reader recomputes it for less than a store costs */
    bool keep_f32;    /* the precision pass leaves its result f32 */
    struct op_type type;
    struct op_reference reference;
    struct op_kernel kernel;
    /* Builds the gradient of one operand from the result's gradient gy; NULL: no gradient flows to the operands. */
    struct node *(*gradient)(struct builder *b, struct node *n, struct node *gy, int operand);
    void (*sample)(struct sample *d); /* random legal operands and attributes, for the generated tests */
};

const struct op_def *op_find(const char *name); /* NULL if there is none */
const struct op_def *op_at(int i);              /* in ops.def's order; NULL past the last */
/* Index of an operand or attribute by name, -1 if there is none. */
int op_operand(const struct op_def *op, const char *name);
int op_attr(const struct op_def *op, const char *name);
/* The attributes' defaults, in the record's order; out has room for MAX_ATTRS. op_defaults_of_type takes dims and dtype
   from t instead, and its dims point into t. */
void op_defaults(const struct op_def *op, struct attr *out);
void op_defaults_of_type(const struct op_def *op, const struct type *t, struct attr *out);
static inline const struct attr *node_attr(const struct node *n, int i) { return &n->attrs[i]; }
/* The number of operands in the record; *variadic: the last one may occur zero or more times. */
int op_arity(const struct op_def *op, bool *variadic);
/* The record of operand i; beyond the last, the variadic one. */
const struct op_operand *op_operand_at(const struct op_def *op, int i);
/* "x, w, b" or "x, ...": for messages. */
const char *op_operands_text(struct arena *a, const struct op_def *op);
bool op_is(const struct node *n, const char *name); /* only for tests and the parser's sugar */
/* Is n a trained tensor? */
static inline bool node_is_param(const struct node *n)
{
    return n->op->class == CLS_SOURCE && op_attr(n->op, "init") >= 0;
}
static inline bool op_is_composite(const struct op_def *op) { return op->kernel.expand != NULL; }

/* Call the record's functions or, where it has none, the defaults of its class. */
void op_eval(struct ev *c);
void op_bound(struct bd *b); /* BUG for a composite without `bound`: bound its expansion instead */
void op_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out, struct box *in);
void op_work(struct session *s, const struct node *n, struct work *w);
void op_contract(struct graph *g, struct node *n);

/* For `infer`: an error at the operand's location that reads "the second operand (y) of add TEXT, but it is i32[B]",
   where TEXT begins with "must". Operand -1: an error at the call's location, "add: TEXT". Returns false. */
__attribute__((format(printf, 4, 5))) bool infer_error(struct graph *g, const struct node *n, int operand,
                                                       const char *fmt, ...);
/* infer_same requires float operands of one shape, and gives a float result of that shape. */
bool infer_same(struct graph *g, struct node *n);
/* infer_numbers also accepts operands that are integers of one dtype, which the result keeps. */
bool infer_numbers(struct graph *g, struct node *n);
#endif
