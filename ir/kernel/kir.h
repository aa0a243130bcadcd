#ifndef TOKIC_IR_KERNEL_KIR_H
#define TOKIC_IR_KERNEL_KIR_H
/* The kernel IR: where a kernel's meaning is decided. A kernel is a tree of statements run by a grid of blocks of
   work-items ("threads"): regions of straight code, uniform loops and ifs, collectives, copies and barriers. It has a
   text form (ir/kernel/kir_text.c) that reads back, a verifier (ir/kernel/kir_verify.c) and printers (codegen/print.c).
   Memory is typed and addressed by element; indices are index expressions (ir/index.h); floats are IEEE operations
   rounded to nearest even, f16 is a storage type. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/ops/eval.h"
#include "ir/graph/graph.h"
#include "ir/target.h"

/* ---- scalar values: pure expressions over loads, ids and private memory ---- A value (one struct kexpr, by its
   address) is evaluated once in each scope that uses it, at its first use there: a load of an argument or of shared
   memory keeps what it saw then, also after a store to it in the same region. Loads of private memory, and what is
   computed from private memory once that has been written, are evaluated anew at each use; a let holds a value. Scopes,
   and what is given a name in the texts: ir/kernel/kir_plan.h. */
enum kexpr_kind {
    KEXPR_CONST, /* f or i by type */
    KEXPR_INDEX, /* an index expression as an i32 or i64 value */
    KEXPR_LOAD,  /* mem[index], or `fill` where the mask does not hold */
    KEXPR_OP,    /* op(arg…) */
    KEXPR_FRAG,  /* the element at hand inside an `each` over a fragment */
};

/* Operations: ir/kernel/kop.def, one a line (enum, text name, operands, result, how it prints). Types of values: f32
   f64 i32 i64 bool. */
enum kop {
#define KOP(id, ...) K_##id,
#include "ir/kernel/kop.def"
#undef KOP
    K_COUNT
};
struct kop_info {
    const char *name; /* in the text form */
    int arity;
    enum {
        KRES_SAME,
        KRES_BOOL,
        KRES_I32,
        KRES_ATTR
    } result;          /* type of the first operand (of the last for select), bool, or kexpr->type */
    const char *infix; /* C operator, or NULL: */
    const char *call;  /* tk_ function's stem: "max" prints tk_max_f32 */
    bool is_fn;        /* one of tokic's math functions: ir/mathfn.h has its error */
};
extern const struct kop_info kop_table[K_COUNT];

struct kmem;
/* A guard: every one of n conditions 0 <= e < bound. Evaluated before the access; a guarded-off load gives `fill`, a
   store does nothing. */
struct kguard {
    const struct index *e, *bound;
};
struct kmask {
    int n;
    struct kguard g[4];
};

/* A condition of a mask that ranges do not settle: `lower` 0 <= e, `upper` e < bound. */
void kguard_open(struct index_table *t, const struct kguard *g, bool *lower, bool *upper);

struct kexpr {
    enum kexpr_kind kind;
    enum dtype type; /* DT_F32 DT_F64 DT_I32 DT_I64 DT_BOOL */
    enum kop op;
    const struct kexpr *arg[3];
    const struct index *index; /* KEXPR_INDEX, KEXPR_LOAD */
    const struct kmem *mem;    /* KEXPR_LOAD */
    struct kmask mask;
    const struct index *slot; /* KEXPR_LOAD from a ring: its slot; NULL: 0 */
    double f;
    int64_t i; /* KEXPR_CONST; f is also a masked load's fill */
    enum uniform uniform;
    unsigned id;
};

/* ---- memory ---- */
enum kspace { KS_ARG, KS_SHARED, KS_PRIVATE };
/* Shared layouts by name: element (r, c) of a tile with `cols` columns. */
enum klayout {
    KL_ROWS, /* r·cols + c */
    KL_PAD8, /* r·(cols + 8) + c: rows of 16-bit elements start 16 bytes further round the banks */
    KL_PAD4, /* r·(cols + 4) + c: rows of 32-bit elements do */
};
struct kmem {
    enum kspace space;
    const char *name;
    enum dtype dtype;          /* storage: DT_F16 … DT_BOOL */
    const struct index *count; /* elements (of one ring slot, for shared) */
    int slots;                 /* KS_SHARED: ring slots (1: a plain buffer) */
    enum klayout layout;
    int rows, cols;          /* KS_SHARED tiles; count = kl_size(layout, rows, cols) */
    bool read, written;      /* KS_ARG: by this kernel */
    const struct node *node; /* KS_ARG: the value; for messages */
    int offset;              /* KS_SHARED: byte offset in the block's shared memory, set by kernel_finish */
};
int64_t kl_size(enum klayout l, int rows, int cols);
const struct index *kl_index(struct index_table *t, enum klayout l, int cols, const struct index *r,
                             const struct index *c);

/* Fragments: rows × cols of them, each one wave's part of a matrix instruction's operand. */
enum kfrag_role { KF_A, KF_B, KF_C };
struct kfrag {
    const char *name;
    enum kfrag_role role;
    const struct matrix_unit *unit;
    int rows, cols;
};

/* ---- statements ---- */
enum kstmt_kind {
    KSTMT_REGION, /* body: straight code, threads independent: let, store, accumulate, for, if, each */
    /* var := value, once; an integer value may become an index variable with the range that its facts give. Seen to the
       end of its list */
    KSTMT_LET,
    KSTMT_STORE, /* mem[index] := value where mask */
    /* mem[index + e] := mem2[slot, index2 + e], e < elems, where mask; else value. mem: private. All of them or none */
    KSTMT_LOAD_VECTOR,
    /* mem[slot, index + e] := mem2[index2 + e], e < elems, where mask. mem2: private; each element is rounded once */
    KSTMT_STORE_VECTOR,
    KSTMT_ACCUMULATE, /* mem[index] := mem[index] ⊕ value: one element into an accumulator (private) */
    /* mem[index] := mem[index] ⊕ its value in the lanes at distance first, 2·first, … span/2 (a butterfly of
       log2(span/first) levels): accumulator into accumulator */
    KSTMT_COMBINE,
    KSTMT_FOR, /* var in lo .. hi-1 by step: uniform over the block unless inside a region with no collective */
    KSTMT_IF,  /* a uniform condition: mask holds */
    /* asynchronous copy of `elems` elements: shared dst[slot, index] ← src[index2], zeros where the mask fails */
    KSTMT_ISSUE,
    KSTMT_LAND, /* its other half: where a target stages through registers, the store */
    /* closes a group: the copies issued by this thread since the last commit (perhaps none). Barriers count such
       groups; they never commit */
    KSTMT_COMMIT,
    /* synchronisation: scope; at most `pending` groups of issued copies stay in flight; publishes shared memory */
    KSTMT_BARRIER,
    KSTMT_FRAG_FILL, /* frag[*] := value */
    KSTMT_FRAG_LOAD, /* frag[i] := tile of shared memory at (row, col); transposed: the tile holds it as (col, row) */
    KSTMT_MMA,       /* c[i, j] += a[i] · b[j], all i and j */
    KSTMT_EACH,      /* body once for each element of c: row and col variables set, KEXPR_FRAG is the element */
    KSTMT_FRAG_SET,  /* inside an each: the element := value */
    /* mem[slot] := ⊕ over all columns of a row of c, in every lane that holds part of it: a lane's own elements
       accumulate in the order of the fragments' columns, then the lanes combine by a butterfly. mem: private f32,
       frag_rows(c) elements (slots: ir/kernel/fragment.h) */
    KSTMT_FRAG_REDUCE,
    /* a[i] := columns k·index … k·index + k - 1 of c's row i of fragments, each element rounded once to the unit's
       operand type */
    KSTMT_FRAG_CAST,
    KSTMT_COUNT
}; /* ir/kernel/kstmt.h: what each of them reads and writes, and where it may stand */
enum kscope { KSCOPE_WAVE, KSCOPE_BLOCK };
enum kacc { KACC_SUM, KACC_MAX, KACC_MIN }; /* max, min: a NaN wins */

struct kstmt {
    enum kstmt_kind kind;
    unsigned id;      /* in order of making, from 0 */
    const char *name; /* LET: as the text calls it; NULL: the printers make one up */
    struct loc loc;   /* the .graph line it stands for */
    struct kstmt **body;
    size_t n_body, cap_body;
    struct kstmt **orelse;
    size_t n_orelse, cap_orelse;
    /* LET, FOR, EACH */
    const struct index *var, *var2, *var3,
        *var4; /* FOR: var; EACH: row and col var, and slot vars or NULL; LET of an integer: its index variable */
    const struct kexpr *
        value; /* LET, STORE, ACCUMULATE, FRAG_FILL, FRAG_SET; LOAD_WIDE: a constant; FRAG_REDUCE: what ⊕ begins with */
    const struct kexpr *read;           /* LET of a float: the K_READ value that stands for it */
    const struct index *lo, *hi, *step; /* FOR */
    bool unroll;                        /* FOR: the compiler is told to (private arrays stay in registers) */
    const struct kmem *mem,
        *mem2; /* STORE, ACCUMULATE, COMBINE, ISSUE/LAND and wide (dst, src), FRAG_LOAD, FRAG_REDUCE */
    const struct index *index,
        *index2; /* element numbers; dst in a ring: within the slot. FRAG_CAST: the step along the product's k */
    const struct index *slot; /* ring slot (shared memory); NULL: 0 */
    struct kmask mask;
    int elems; /* ISSUE, LAND: contiguous elements, 4, 8 or 16 bytes; wide: 2, 4 or 8 of them */
    int stage; /* ISSUE, LAND: number of the staging register, unique among copies in flight */
    enum kacc acc;
    enum dtype acc_type; /* ACCUMULATE, COMBINE, FRAG_REDUCE */
    bool fma;            /* ACCUMULATE KACC_SUM of a product: one fma; value is then KEXPR_OP mul */
    int first, span;     /* COMBINE: lanes, powers of two up to the wave */
    enum kscope scope;
    int pending;                          /* BARRIER; pending -1: waits for no copies */
    struct kfrag *frag, *frag_a, *frag_b; /* FRAG_*, MMA, EACH: frag; FRAG_CAST: frag_a is the C that it is made from;
                                             FRAG_SET: its each's */
    const struct index *row, *col; /* FRAG_LOAD: tile origin of fragment 0; fragments step by the unit's m (A), n (B) */
    bool transposed;
};

/* One launch's kernel. */
struct karg {
    const char *name;
    const struct index *sym;
}; /* scalar arguments: symbolic dims, in order */
struct ksum {
    const struct node *node;
    struct sum_level level;
}; /* written by lowering, read by bounds, checked by a test */

struct kernel {
    struct session *s;
    struct arena *arena;
    const char *name; /* of its text; equal texts share one */
    const struct target *target;
    struct kmem **args;
    size_t n_args, cap_args; /* buffers, in argument order */
    struct karg *dims;
    size_t n_dims, cap_dims;
    struct kmem **shared;
    size_t n_shared, cap_shared;
    struct kmem **priv;
    size_t n_priv, cap_priv;
    struct kfrag **frags;
    size_t n_frags, cap_frags;
    const struct index *grid[3];
    int block;
    const struct index *tid, *lane, *wave_id, *bid[3]; /* id variables */
    struct kstmt **body;
    size_t n_body, cap_body;
    struct ksum *sums;
    size_t n_sums, cap_sums;
    int shared_bytes;           /* by kernel_finish */
    unsigned n_stmts, n_values; /* made so far: the next ids */
    const struct source
        *src; /* the text that it was read from; NULL: built. A place in it is no origin that a text mentions */
    struct loc loc;
    const char *comment; /* head line of the text: what it computes, from where */
};

/* ---- building ---- */
struct kernel *kernel_new(struct session *s, struct arena *a, const char *name, const struct target *t, int block);
struct kmem *kernel_arg(struct kernel *k, const char *name, enum dtype t, const struct index *count,
                        const struct node *node);
struct kmem *kernel_shared(struct kernel *k, const char *name, enum dtype t, int slots, enum klayout l, int rows,
                           int cols);
struct kmem *kernel_private(struct kernel *k, const char *name, enum dtype t, int count);
struct kfrag *kernel_frag(struct kernel *k, const char *name, enum kfrag_role role, int rows,
                          int cols); /* of the target's matrix unit */
/* Places shared memory, collects the symbolic dims that the kernel mentions as scalar arguments, marks args read and
   written. */
void kernel_finish(struct kernel *k);

/* A place that statements are appended to, and where values are made. */
struct kbuild {
    struct kernel *k;
    struct arena *arena;
    struct index_table *indices;
    struct kstmt ***list;
    size_t *n, *cap;
    struct loc loc;
    struct kstmt *each;
};
struct kbuild kb_at(struct kernel *k);                           /* the end of the kernel's body */
struct kbuild kb_in(const struct kbuild *b, struct kstmt *stmt); /* the end of a statement's body */
struct kbuild kb_else(const struct kbuild *b, struct kstmt *stmt);

const struct kexpr *kexpr_f32(struct kbuild *b, double v);
const struct kexpr *kexpr_f64(struct kbuild *b, double v);
const struct kexpr *kexpr_i64(struct kbuild *b, int64_t v);
const struct kexpr *kexpr_i32(struct kbuild *b, int64_t v);
const struct kexpr *kexpr_bool(struct kbuild *b, bool v);
const struct kexpr *kexpr_const(struct kbuild *b, enum dtype t, double v);
const struct kexpr *kexpr_index(struct kbuild *b, enum dtype t, const struct index *e);
const struct kexpr *kexpr_load(struct kbuild *b, const struct kmem *m, const struct index *slot_or_null,
                               const struct index *index, const struct kmask *mask_or_null, double fill);
const struct kexpr *kexpr_op(struct kbuild *b, enum kop op, const struct kexpr *x, const struct kexpr *y,
                             const struct kexpr *z);
static inline const struct kexpr *kexpr_op1(struct kbuild *b, enum kop op, const struct kexpr *x)
{
    return kexpr_op(b, op, x, NULL, NULL);
}
static inline const struct kexpr *kexpr_op2(struct kbuild *b, enum kop op, const struct kexpr *x, const struct kexpr *y)
{
    return kexpr_op(b, op, x, y, NULL);
}
/* f32 f64 i32 i64 bool; x itself if equal. float→int truncates, operand known in range */
const struct kexpr *kexpr_cast(struct kbuild *b, enum dtype to, const struct kexpr *x);
const struct kexpr *
kexpr_round(struct kbuild *b, enum dtype to,
            const struct kexpr *x); /* an f32 value rounded to f16 or bf16 (f32 type); f32: x itself */
const struct kexpr *kexpr_frag(struct kbuild *b);
/* Inside an each: the slot of the element's row (column), an index into memory that holds one element a row (column) of
   the lane; and the element of private memory at the row's. */
const struct index *kb_row_slot(struct kbuild *b);
const struct index *kb_col_slot(struct kbuild *b);
const struct kexpr *kexpr_row_of(struct kbuild *b, const struct kmem *m);
/* The value type that elements of a storage type load to: f16, bf16 → f32; bool → bool. */
enum dtype kexpr_value_type(enum dtype storage);
/* Why the operation does not take operands of these types (`to`: the type asked for, where the result's is not the
   operands'); NULL: it does. */
const char *kexpr_op_wrong(enum kop op, const enum dtype *type, enum dtype to);

const struct kexpr *kstmt_let(struct kbuild *b, const struct kexpr *value); /* a value that reads the variable */
const struct index *kstmt_let_index(struct kbuild *b, const char *name, const struct kexpr *value, int64_t lo,
                                    int64_t hi);
struct kstmt *kstmt_region(struct kbuild *b);
void kstmt_store(struct kbuild *b, const struct kmem *m, const struct index *slot, const struct index *index,
                 const struct kexpr *value, const struct kmask *mask);
/* Vector accesses: `elems` (2, 4, 8) neighbours of argument or shared memory, f16 bf16 f32 f64 i32 i64, in accesses of
   up to 16 bytes; `index` is sure to be a multiple of elems. The other end is private memory of the value type from
   `at` on: dst := src where the mask holds, all or none, else `fill`. */
void kstmt_load_vector(struct kbuild *b, const struct kmem *dst, const struct index *at, const struct kmem *src,
                       const struct index *slot, const struct index *index, int elems, const struct kmask *mask,
                       double fill);
void kstmt_store_vector(struct kbuild *b, const struct kmem *dst, const struct index *slot, const struct index *index,
                        const struct kmem *src, const struct index *at, int elems, const struct kmask *mask);
void kstmt_accumulate(struct kbuild *b, const struct kmem *m, const struct index *index, enum kacc op,
                      const struct kexpr *value, bool fma);
/* Over all lanes of groups of `span`, or over those of them that are equal below `first`. */
void kstmt_combine(struct kbuild *b, const struct kmem *m, const struct index *index, enum kacc op, int span);
void kstmt_combine_from(struct kbuild *b, const struct kmem *m, const struct index *index, enum kacc op, int first,
                        int span);
struct kstmt *kstmt_for(struct kbuild *b, const char *name, const struct index *lo, const struct index *hi,
                        int64_t step, bool unroll); /* stmt->var is the variable */
struct kstmt *kstmt_if(struct kbuild *b, const struct kmask *mask);
void kstmt_issue(struct kbuild *b, const struct kmem *dst, const struct index *slot, const struct index *index,
                 const struct kmem *src, const struct index *src_index, int elems, int stage, const struct kmask *mask);
void kstmt_land(struct kbuild *b, const struct kmem *dst, const struct index *slot, const struct index *index,
                int elems, int stage);
void kstmt_commit(struct kbuild *b);
void kstmt_barrier(struct kbuild *b, enum kscope scope, int pending);
void kstmt_frag_fill(struct kbuild *b, struct kfrag *f, double value);
void kstmt_frag_load(struct kbuild *b, struct kfrag *f, const struct kmem *m, const struct index *slot,
                     const struct index *row, const struct index *col, bool transposed);
void kstmt_mma(struct kbuild *b, struct kfrag *c, struct kfrag *a_, struct kfrag *b_);
struct kstmt *kstmt_each(struct kbuild *b, struct kfrag *c, const struct index *row0, const struct index *col0);
void kstmt_frag_set(struct kbuild *b, const struct kexpr *value);
/* Elements of memory that holds one a row (column) of c: rows of fragments times rows of a lane in each. */
int frag_rows(const struct kfrag *c);
int frag_cols(const struct kfrag *c);
void kstmt_frag_reduce(struct kbuild *b, const struct kmem *dst, enum kacc op, struct kfrag *c);
void kstmt_frag_cast(struct kbuild *b, struct kfrag *a_, struct kfrag *c, const struct index *step);
void kernel_sum(struct kernel *k, const struct node *n, struct sum_level level);

/* Has it barriers, combines or matrix statements: must a block's threads run together? */
bool kernel_is_collective(const struct kernel *k);

/* ---- text, verifier ---- */
const char *kernel_text(struct arena *a, const struct kernel *k);
/* Reads what kernel_text wrote (or a person did); args' nodes are NULL. NULL and diagnostics with line and column on
   errors. */
struct kernel *kernel_parse(struct session *s, const struct source *src);
/* Types, ranges of indices that are constant, uniformity (collectives and barriers only in block-uniform control,
   combine in wave-uniform control), copies: each issue has its land and a barrier that waits for it, no touch in
   between of the same slot as far as indices tell; masks; fragments' units. false: diagnostics say which statement. */
bool kernel_verify(const struct kernel *k);
#endif
