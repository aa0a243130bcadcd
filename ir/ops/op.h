#ifndef TOKIC_IR_OPS_OP_H
#define TOKIC_IR_OPS_OP_H
/* One op, one record. Everything that tokic knows of an op is its row in ir/ops/FAMILY.c; ir/ops.def lists the names.
   Passes and codegen ask the row and switch on its class, never on the op. */
#include "ir/ops/eval.h"
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"

enum op_class {
    CLS_POINTWISE, /* element i of the result from element i of each operand (shapes are equal) */
    CLS_VIEW,      /* the result's elements are operand elements at other indices */
    CLS_REDUCE,    /* along the last dimension */
    CLS_SCAN,
    CLS_SELECT,   /* top-K and its kin: a row's outcome depends on the whole row's order */
    CLS_CONTRACT, /* sums of products */
    CLS_INDEX,    /* gather and scatter by data */
    CLS_SOURCE,   /* input, label, param, constant, iota */
    CLS_EFFECT,   /* judged for what it says, not for a value that flows on */
};

struct attr_def {
    const char *name;
    enum attr_kind kind;
    bool required;
    struct attr value; /* the default */
    const char *doc;
};

/* Makes graph nodes inside rows and passes: all of them get this place and instance. Binary pointwise ops broadcast
   their operands. */
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
struct node *build_const(struct builder *b, const struct type *like,
                         double value); /* a constant of that shape and dtype */
struct node *build_broadcast(struct builder *b, struct node *x,
                             const struct type *to); /* trailing dims align; x itself if equal */
bool build_align(struct builder *b, struct node **in,
                 int n_in); /* broadcasts operands to their common shape in place; those that don't fit stay */
struct node *build_reshape(struct builder *b, struct node *x,
                           const struct type *to); /* the same elements in that shape; x itself if equal */

/* Facts and obligations of one node. The default of a class fills `out` from operands' facts; see ir/contract.c. */
struct contract {
    struct graph *g;
    struct node *n;
    struct facts *out;
};
/* States what operand (or, -1, an attribute) must fulfil: proved when known facts imply it, contradicted when they
   exclude it, else checked/open. */
void contract_need(struct contract *c, int operand, const char *text, struct facts need);
/* Where it does not hold, the text says why: "eps > 0, but eps is -1". */
void contract_need_attr(struct contract *c, bool holds, const char *text);
/* The same where the row knows more than whether it holds: an obligation on symbolic dims may stay open. */
void contract_state(struct contract *c, const char *text, enum obligation_status status);

/* Random legal operands and attributes, for the tests that the table generates. */
enum { MAX_SAMPLE = 12, MAX_ATTRS = 8 };
struct sample {
    uint64_t *rnd;
    struct session *s;
    int n_in;
    struct type in[MAX_SAMPLE];
    double lo[MAX_SAMPLE], hi[MAX_SAMPLE]; /* values are uniform in lo..hi; integers in lo..hi, both in */
    bool scores[MAX_SAMPLE];               /* distinct, well separated values (for selections) */
    struct attr attrs[MAX_ATTRS];
};

/* Cost of a node over its whole result. */
struct work {
    const struct index *macs;       /* multiply-adds */
    const struct index *bytes;      /* read and written, each once */
    const struct index *sum_length; /* terms of the longest sum */
};

/* Pulling a value into a kernel: `value` gives an operand's element at an index as a kernel IR scalar. */
struct at {
    struct kbuild *k; /* makes kernel IR values (ir/kernel/kir.h) */
    const struct node *n;
    const struct index *const *index; /* n->type.rank of them */
    const struct kexpr *(*value)(struct at *c, int operand, const struct index *const *index);
    void *lower; /* codegen's own */
};

/* Parameters that a call may leave out and tokic makes: linear(x, H) makes weight and bias. */
enum init { INIT_FAN_IN, INIT_ZERO, INIT_ONE }; /* train: U(±1/√fan_in), 0, 1; judge: the same, U(±½), U(½, 3/2) */
struct param_def {
    const char *operand, *suffix;
    enum init init;
};

enum { MAX_OPERANDS = 12 };
struct op_operand {
    const char *name;
    bool variadic; /* the last one: it stands for any number of further operands, also none */
    bool keep_f32; /* its whole float cone, back to a contraction, stays f32 */
};

/* How a call is written. */
struct op_call {
    const char *name, *doc;
    struct op_operand operands[MAX_OPERANDS]; /* up to the first without a name */
    const char *stem;                         /* of automatic parameter names: "lin", "ln" */
    const struct param_def *params;
    int n_params;
    /* The type of a left-out operand. The call is not yet a node of the graph: what it lacks is NULL in `in`;
       attr_loc[i].line is 0 where attribute i was not written. */
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

/* What the op means, and how far rounding may move it. */
struct op_reference {
    NUM (*eval1)(const struct ev *c, const NUM *x); /* pointwise: one element from the operands' */
    void (*eval)(struct ev *c);
    /* Pointwise: the absolute error of one element, its own rounding included. */
    double (*bound1)(const struct bd *b, const NUM *x, const double *e, NUM y);
    void (*bound)(struct bd *b);
    /* The box of `operand` that the box `out` of the result reads. */
    void (*needs)(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                  struct box *in);
    void (*work)(struct session *s, const struct node *n, struct work *w);
};

/* How kernels compute it. */
struct op_kernel {
    const struct kexpr *(*at)(struct at *c);                   /* the value at an index */
    struct node *(*expand)(struct builder *b, struct node *n); /* a composite as a graph of primitives */
    /* CLS_REDUCE: the accumulator, and the result from the total of n terms (NULL: the total). */
    enum kacc acc;
    const struct kexpr *(*finish)(struct at *c, const struct kexpr *total, const struct index *n);
    /* CLS_SELECT by rank: does element j of the row precede element i, and the result of element i from the number of
       those that do (an i32). A selection without the last dimension is the index of the element that nothing
       precedes, -1 of an empty row: from_rank is not asked. */
    const struct kexpr *(*precedes)(struct at *c, const struct kexpr *sj, const struct kexpr *j, const struct kexpr *si,
                                    const struct kexpr *i);
    const struct kexpr *(*from_rank)(struct at *c, const struct kexpr *rank);
    /* CLS_SELECT whose order is that of K_ORDER (of integers: their own), equal ones by index: how many of a row are
       chosen. A long row then finds its last one by bisection, in time linear in its length. */
    int64_t (*chosen)(const struct node *n);
};

/* One op. Which class fills which slot, and what it inherits: ir/ops/README.md. */
struct op_def {
    struct op_call call;
    enum op_class class;
    bool commutes;    /* op(x, y) = op(y, x) bit for bit */
    bool associative; /* variadic: f(f(a, b), c) = f(a, b, c), with the same attributes */
    bool exact;       /* never rounds */
    bool cheap;       /* each reader recomputes it where its operands are sources: it costs less than memory */
    bool keep_f32;    /* its result stays f32 under every precision policy */
    struct op_type type;
    struct op_reference reference;
    struct op_kernel kernel;
    /* Builds the gradient for one operand from the result's, gy; NULL: none flows. */
    struct node *(*gradient)(struct builder *b, struct node *n, struct node *gy, int operand);
    void (*sample)(struct sample *d); /* random legal operands and attributes, for the generated tests */
};

/* The row by name, NULL if there is none; rows in ops.def's order, NULL past the last. */
const struct op_def *op_find(const char *name);
const struct op_def *op_at(int i);
/* Index of an operand or attribute by name, -1 if there is none. */
int op_operand(const struct op_def *op, const char *name);
int op_attr(const struct op_def *op, const char *name);
/* The attributes' defaults, in the row's order; out has room for MAX_ATTRS. The second: with dims, and a dtype if the
   row has one, of a type, whose dims they point to. */
void op_defaults(const struct op_def *op, struct attr *out);
void op_defaults_of_type(const struct op_def *op, const struct type *t, struct attr *out);
static inline const struct attr *node_attr(const struct node *n, int i) { return &n->attrs[i]; }
/* Number of named operands; *variadic: the last may repeat (also zero times). */
int op_arity(const struct op_def *op, bool *variadic);
/* The record of operand i of a node; the variadic one for all further operands. */
const struct op_operand *op_operand_at(const struct op_def *op, int i);
/* "x, w, b" or "x, ...": for messages. */
const char *op_operands_text(struct arena *a, const struct op_def *op);
bool op_is(const struct node *n, const char *name); /* for tests and the parser's sugar alone */
/* A trained tensor. */
static inline bool node_is_param(const struct node *n)
{
    return n->op->class == CLS_SOURCE && op_attr(n->op, "init") >= 0;
}
static inline bool op_is_composite(const struct op_def *op) { return op->kernel.expand != NULL; }

/* Runs a row's slots with the defaults of its class. */
void op_eval(struct ev *c);
void op_bound(struct bd *b); /* a composite without `bound`: BUG (walk its expansion) */
void op_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out, struct box *in);
void op_work(struct session *s, const struct node *n, struct work *w);
void op_contract(struct graph *g, struct node *n);

/* For `infer`: an error at operand i's place that reads "the second operand (y) of add TEXT, but it is i32[B]": TEXT
   begins with "must". Operand -1: an error at the call's place, "add: TEXT". Returns false. */
__attribute__((format(printf, 4, 5))) bool infer_error(struct graph *g, const struct node *n, int operand,
                                                       const char *fmt, ...);
bool infer_same(struct graph *g, struct node *n); /* all float operands of one shape; the result is like the first */
#endif
