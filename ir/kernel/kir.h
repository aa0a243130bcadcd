#ifndef TOKIC_IR_KERNEL_KIR_H
#define TOKIC_IR_KERNEL_KIR_H
/* The kernel IR, which alone decides a kernel's meaning. A kernel is a tree of statements run by a grid of blocks of
   work-items ("threads"): regions, in which each thread runs on its own, loops, ifs, collectives, copies and barriers.
   It has a text form that reads back (ir/kernel/kir_text.c), a verifier (ir/kernel/kir_verify.c) and printers
   (codegen/print.c). Memory is typed and addressed by element. Indices are index expressions (ir/index.h). Float
   arithmetic is IEEE, rounded to nearest even. f16 and bf16 are storage types only. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/ops/eval.h"
#include "ir/graph/graph.h"
#include "ir/target.h"

/* ---- scalar values: pure expressions over loads, ids and private memory ----
   A value is one struct kexpr, identified by its address. It is evaluated once in each scope that uses it, at its first
   use there. A load from an argument or shared memory therefore keeps its value, even after a store to that memory in
   the same region. Loads of private memory are evaluated at each use, as are values computed from private memory that
   has been written since. A let keeps a value across such writes. ir/kernel/kir_plan.h defines scopes and which values
   get a name in the texts. */
enum kexpr_kind {
    KEXPR_CONST, /* `f` if the type is a float, else `i` */
    KEXPR_INDEX, /* an index expression as an i32 or i64 value */
    KEXPR_LOAD,  /* mem[slot, index], or `f` where the mask does not hold */
    KEXPR_OP,    /* op(arg…) */
    KEXPR_FRAG,  /* the current element inside an `each` over a fragment */
};

/* Operations: ir/kernel/kop.def, one per line. Values have type f32, f64, i32, i64 or bool. */
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
        KRES_SAME, /* the first operand's type */
        KRES_BOOL,
        KRES_I32,
        KRES_ATTR, /* kexpr->type */
    } result;
    const char *infix; /* C operator; NULL: printed as `call`. If both are given, integers are printed as `call` */
    const char *call;  /* stem of the tk_ function: "max" prints tk_max_f32 */
    bool is_fn;        /* one of tokic's math functions: ir/mathfn.h has its error */
};
extern const struct kop_info kop_table[K_COUNT];

struct kmem;
/* The condition 0 <= e < bound. A mask holds if all its n conditions do. Where it does not hold, a load gives its fill
   and a store does nothing. */
struct kguard {
    const struct index *e, *bound;
};
struct kmask {
    int n;
    struct kguard g[4];
};

/* Sets *lower if ranges do not prove 0 <= e, and *upper if they do not prove e < bound. */
void kguard_open(struct index_table *t, const struct kguard *g, bool *lower, bool *upper);

struct kexpr {
    enum kexpr_kind kind;
    enum dtype type; /* DT_F32 DT_F64 DT_I32 DT_I64 DT_BOOL */
    enum kop op;
    const struct kexpr *arg[3];
    const struct index *index; /* KEXPR_INDEX, KEXPR_LOAD */
    const struct kmem *mem;    /* KEXPR_LOAD */
    struct kmask mask;
    const struct index *slot; /* KEXPR_LOAD from shared memory: the ring slot; NULL: slot 0 */
    double f;                 /* KEXPR_CONST of a float; KEXPR_LOAD: the value where the mask does not hold */
    int64_t i;                /* KEXPR_CONST of an integer or bool */
    enum uniform uniform;
    unsigned id;
};

/* ---- memory ---- */
enum kspace { KS_ARG, KS_SHARED, KS_PRIVATE };
/* Layouts of a tile in shared memory: the position of its element (r, c). The tile has `cols` columns. */
enum klayout {
    KL_ROWS, /* r·cols + c */
    KL_PAD8, /* r·(cols + 8) + c: 16 bytes of padding put neighbouring rows of 16-bit elements in other banks */
    KL_PAD4, /* r·(cols + 4) + c: the same padding for 32-bit elements */
};
struct kmem {
    enum kspace space;
    const char *name;
    enum dtype dtype;          /* of the stored elements: DT_F16 … DT_BOOL */
    const struct index *count; /* number of elements; KS_SHARED: of one ring slot */
    int slots;                 /* KS_SHARED: number of ring slots; 1: a plain buffer */
    enum klayout layout;
    int rows, cols;          /* KS_SHARED: of the tile; count = kl_size(layout, rows, cols) */
    bool read, written;      /* KS_ARG: by this kernel */
    const struct node *node; /* KS_ARG: the node whose value the buffer holds; NULL: none */
    int offset;              /* KS_SHARED: byte offset in the block's shared memory, set by kernel_finish */
};
int64_t kl_size(enum klayout l, int rows, int cols);
const struct index *kl_index(struct index_table *t, enum klayout l, int cols, const struct index *r,
                             const struct index *c);

/* A grid of rows × cols fragments of one role. A fragment is what a wave gives a matrix instruction as A, B or C. */
enum kfrag_role { KF_A, KF_B, KF_C };
struct kfrag {
    const char *name;
    enum kfrag_role role;
    const struct matrix_unit *unit;
    int rows, cols;
};

/* ---- statements ---- */
enum kstmt_kind {
    /* Runs body in each thread independently of the others. body holds no collectives. */
    KSTMT_REGION,
    /* Gives value a name that is visible to the end of the list. An integer value may become an index variable with a
       range. */
    KSTMT_LET,
    /* mem[index] := value where the mask holds. */
    KSTMT_STORE,
    /* For all e < elems: mem[index + e] := mem2[slot, index2 + e], or `value` where the mask does not hold. mem is
       private. */
    KSTMT_LOAD_VECTOR,
    /* mem[slot, index + e] := mem2[index2 + e] for all e < elems where the mask holds. mem2 is private; each element is
       rounded once. */
    KSTMT_STORE_VECTOR,
    /* mem[index] := mem[index] ⊕ value. ⊕ is `acc`, and mem is private. */
    KSTMT_ACCUMULATE,
    /* mem[index] := the ⊕ (`acc`) of mem[index] over the lanes whose numbers differ only in the bits first, 2·first, …
       span/2. A butterfly of log2(span/first) levels gives each of these lanes the total. */
    KSTMT_COMBINE,
    /* Runs body for var = lo, lo + step, … below hi. The bounds may differ between threads only if no statement of body
       must be reached by these threads together (ir/kernel/kstmt.h: team). */
    KSTMT_FOR,
    /* Runs body where the mask holds, else orelse. The mask may differ between threads as the bounds of a for may. */
    KSTMT_IF,
    /* Asynchronous copy of elems elements: shared mem[slot, index] ← mem2[index2], zeros where the mask fails. */
    KSTMT_ISSUE,
    /* The second half of a copy: the store to shared memory on targets that stage copies through registers. */
    KSTMT_LAND,
    /* Closes a group of the copies that this thread has issued since the last commit, possibly none. Barriers count
       groups and never commit. */
    KSTMT_COMMIT,
    /* Synchronises the threads of `scope`, which then see each other's writes to shared memory. At most `pending`
       groups of copies stay in flight. */
    KSTMT_BARRIER,
    /* Waits until every launch before this one in its stream is done and its writes are visible. A launch whose kernel
       begins with an await may start while those launches still run (kernel_may_start_early). */
    KSTMT_AWAIT,
    /* Every element of frag := value. */
    KSTMT_FRAG_FILL,
    /* Loads the fragments of frag from the tile mem, the first at (row, col). transposed: mem has the element (r, c) at
       (c, r). */
    KSTMT_FRAG_LOAD,
    /* frag[i, j] += frag_a[i] · frag_b[j] for all i and j. */
    KSTMT_MMA,
    /* Runs body once for each element of frag. In body, var and var2 are the element's row and column, and KEXPR_FRAG
       is its value. */
    KSTMT_EACH,
    /* In an each: the element := value. */
    KSTMT_FRAG_SET,
    /* For every row of frag that the lane holds part of: mem[the row's slot] := the ⊕ (`acc`) of the whole row. A lane
       accumulates its own elements in the order of the fragments' columns, then lanes combine by a butterfly. mem is
       private f32 with frag_rows(frag) elements. ir/kernel/fragment.h defines slots. */
    KSTMT_FRAG_REDUCE,
    /* frag[i] := columns k·index … k·index + k - 1 of row i of the fragments of frag_a, where k is the unit's. Each
       element is rounded once to the unit's operand type. */
    KSTMT_FRAG_CAST,
    KSTMT_COUNT
}; /* ir/kernel/kstmt.h says what each kind reads and writes, and where it may occur. */
enum kscope { KSCOPE_WAVE, KSCOPE_BLOCK };
enum kacc { KACC_SUM, KACC_MAX, KACC_MIN }; /* max and min of a NaN and anything are a NaN */

struct kstmt {
    enum kstmt_kind kind;
    unsigned id;      /* in order of creation, from 0 */
    const char *name; /* LET: the variable's name in the text; NULL: the printers choose one */
    struct loc loc;   /* the .graph line that the statement implements */
    struct kstmt **body;
    size_t n_body, cap_body;
    struct kstmt **orelse;
    size_t n_orelse, cap_orelse;
    const struct index *var;  /* FOR: loop variable; LET of an integer: index variable; EACH: the element's row */
    const struct index *var2; /* EACH: the element's column */
    const struct index *var3; /* EACH: the slot (ir/kernel/fragment.h) of the element's row, or NULL */
    const struct index *var4; /* EACH: the slot of the element's column, or NULL */
    /* LET, STORE, ACCUMULATE, FRAG_FILL, FRAG_SET; LOAD_VECTOR: the fill; FRAG_REDUCE: the initial value of ⊕ */
    const struct kexpr *value;
    const struct kexpr *read;           /* LET: the K_READ value of its variable; NULL: `var` is the variable */
    const struct index *lo, *hi, *step; /* FOR */
    bool unroll;                        /* FOR: unrolled, which keeps private arrays in registers */
    const struct kmem *mem;             /* the memory that is accessed; of a copy or vector access, the destination */
    const struct kmem *mem2;            /* ISSUE, vector accesses: the source */
    const struct index *index;          /* element of mem, within the ring slot; FRAG_CAST: the step along k */
    const struct index *index2;         /* element of mem2 */
    const struct index *slot;           /* ring slot of shared memory; NULL: 0 */
    struct kmask mask;
    int elems;                     /* contiguous elements. ISSUE, LAND: of 4, 8 or 16 bytes; vectors: 2, 4 or 8 */
    int stage;                     /* ISSUE, LAND: staging register, unique among copies in flight */
    enum kacc acc;                 /* ACCUMULATE, COMBINE, FRAG_REDUCE */
    enum dtype acc_type;           /* ACCUMULATE, COMBINE, FRAG_REDUCE */
    bool fma;                      /* ACCUMULATE by KACC_SUM: value is a product (KEXPR_OP mul), added by one fma */
    int first, span;               /* COMBINE: powers of two, first <= span <= the wave's lanes */
    enum kscope scope;             /* BARRIER */
    int pending;                   /* BARRIER: -1 waits for no copies */
    struct kfrag *frag;            /* FRAG_*, MMA, EACH; FRAG_SET: the fragments of the enclosing each */
    struct kfrag *frag_a, *frag_b; /* MMA: the operands A and B; FRAG_CAST: frag_a is the C that is converted */
    /* FRAG_LOAD: origin of fragment 0; each next fragment is the unit's m rows (A) or n columns (B) further. EACH: row
       and column of the first element. */
    const struct index *row, *col;
    bool transposed; /* FRAG_LOAD */
};

/* A scalar argument: a symbolic dim. */
struct karg {
    const char *name;
    const struct index *sym;
};
/* A level of a node's summation tree: lowering writes it, bounds read it, a test checks it. */
struct ksum {
    const struct node *node;
    struct sum_level level;
};

/* The kernel of one launch. */
struct kernel {
    struct session *s;
    struct arena *arena;
    const char *name; /* kernels with equal texts share a name */
    const struct target *target;
    struct kmem **args; /* buffers, in argument order */
    size_t n_args, cap_args;
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
    const struct index *tid, *lane, *wave_id, *bid[3]; /* variables: ids of thread, lane, wave and block */
    struct kstmt **body;
    size_t n_body, cap_body;
    struct ksum *sums;
    size_t n_sums, cap_sums;
    int shared_bytes;           /* set by kernel_finish */
    unsigned n_stmts, n_values; /* the ids of the next statement and value */
    const struct source *src;   /* the kernel text that the kernel was parsed from; NULL: built by code */
    struct loc loc;
    const char *comment; /* what the kernel computes, for the head of its text */
};

/* ---- building ---- */
struct kernel *kernel_new(struct session *s, struct arena *a, const char *name, const struct target *t, int block);
struct kmem *kernel_arg(struct kernel *k, const char *name, enum dtype t, const struct index *count,
                        const struct node *node);
struct kmem *kernel_shared(struct kernel *k, const char *name, enum dtype t, int slots, enum klayout l, int rows,
                           int cols);
struct kmem *kernel_private(struct kernel *k, const char *name, enum dtype t, int count);
/* A fragment of the target's matrix unit. */
struct kfrag *kernel_frag(struct kernel *k, const char *name, enum kfrag_role role, int rows, int cols);
/* Assigns offsets in shared memory, collects the symbolic dims that become scalar arguments, and marks which arguments
   are read and written. */
void kernel_finish(struct kernel *k);

/* Where statements are appended and values are created. */
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
/* x as f32, f64, i32, i64 or bool; x itself if it has that type (ir/kernel/kop.def: CAST). */
const struct kexpr *kexpr_cast(struct kbuild *b, enum dtype to, const struct kexpr *x);
/* An f32 value rounded to f16 or bf16, still of type f32; to f32: x itself. */
const struct kexpr *kexpr_round(struct kbuild *b, enum dtype to, const struct kexpr *x);
const struct kexpr *kexpr_frag(struct kbuild *b);
/* In an each: the slot of the element's row (column), an index into memory with one element for each row (column) of
   the lane. */
const struct index *kb_row_slot(struct kbuild *b);
const struct index *kb_col_slot(struct kbuild *b);
/* In an each: private memory m at the slot of the element's row. */
const struct kexpr *kexpr_row_of(struct kbuild *b, const struct kmem *m);
/* The type of a value loaded from a storage type: f16, bf16 → f32; others keep theirs. */
enum dtype kexpr_value_type(enum dtype storage);
/* Why the operation does not accept operands of these types; NULL if it does. `to`: the result's type where operands do
   not determine it. */
const char *kexpr_op_wrong(enum kop op, const enum dtype *type, enum dtype to);

const struct kexpr *kstmt_let(struct kbuild *b, const struct kexpr *value); /* returns the K_READ of the variable */
const struct index *kstmt_let_index(struct kbuild *b, const char *name, const struct kexpr *value, int64_t lo,
                                    int64_t hi);
struct kstmt *kstmt_region(struct kbuild *b);
void kstmt_store(struct kbuild *b, const struct kmem *m, const struct index *slot, const struct index *index,
                 const struct kexpr *value, const struct kmask *mask);
/* Vector accesses of 2, 4 or 8 contiguous elements (f16 bf16 f32 f64 i32 i64) of argument or shared memory, in pieces
   of at most 16 bytes. `index` must be provably a multiple of elems. The other side is private memory of the value type
   (kexpr_value_type), from element `at` on. The mask applies to all elements; a masked-off load gives `fill`. */
void kstmt_load_vector(struct kbuild *b, const struct kmem *dst, const struct index *at, const struct kmem *src,
                       const struct index *slot, const struct index *index, int elems, const struct kmask *mask,
                       double fill);
void kstmt_store_vector(struct kbuild *b, const struct kmem *dst, const struct index *slot, const struct index *index,
                        const struct kmem *src, const struct index *at, int elems, const struct kmask *mask);
void kstmt_accumulate(struct kbuild *b, const struct kmem *m, const struct index *index, enum kacc op,
                      const struct kexpr *value, bool fma);
/* kstmt_combine combines all lanes of each group of `span`; kstmt_combine_from only those of its lanes whose numbers
   are equal modulo `first`. */
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
void kstmt_await(struct kbuild *b);
void kstmt_frag_fill(struct kbuild *b, struct kfrag *f, double value);
void kstmt_frag_load(struct kbuild *b, struct kfrag *f, const struct kmem *m, const struct index *slot,
                     const struct index *row, const struct index *col, bool transposed);
void kstmt_mma(struct kbuild *b, struct kfrag *c, struct kfrag *a_, struct kfrag *b_);
struct kstmt *kstmt_each(struct kbuild *b, struct kfrag *c, const struct index *row0, const struct index *col0);
void kstmt_frag_set(struct kbuild *b, const struct kexpr *value);
/* The number of rows (columns) of c that a lane holds elements of: rows (columns) of fragments times slots in each. */
int frag_rows(const struct kfrag *c);
int frag_cols(const struct kfrag *c);
void kstmt_frag_reduce(struct kbuild *b, const struct kmem *dst, enum kacc op, struct kfrag *c);
void kstmt_frag_cast(struct kbuild *b, struct kfrag *a_, struct kfrag *c, const struct index *step);
/* Records a level of n's summation tree; a sum of integers has none, since it does not round. */
void kernel_sum(struct kernel *k, const struct node *n, struct sum_level level);

/* Does k contain a collective statement (barrier, combine, mma, …), so that a block's threads must run together? */
bool kernel_is_collective(const struct kernel *k);
/* Is k's first statement an await, so that nothing is read or written before the launches that it follows are done? */
bool kernel_may_start_early(const struct kernel *k);

/* ---- text, verifier ---- */
const char *kernel_text(struct arena *a, const struct kernel *k);
/* Parses a kernel text; args' nodes are NULL. NULL and diagnostics on errors. */
struct kernel *kernel_parse(struct session *s, const struct source *src);
/* Checks types, index ranges, masks, fragments' units, and that collectives are in uniform control. Each issue must
   have its land and a barrier that waits for it, with no access to the same slot in between, as far as indices tell.
   False: diagnostics name the statement. */
bool kernel_verify(const struct kernel *k);
#endif
