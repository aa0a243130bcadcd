#ifndef TOKIC_IR_KERNEL_KIR_H
#define TOKIC_IR_KERNEL_KIR_H
/* The kernel IR. A kernel is a tree of statements that a grid of thread blocks runs. Memory is typed and addressed by
   element. Indices are index expressions (ir/index.h). Float arithmetic is IEEE, rounded to nearest even. Values are
   never f16 or bf16: a load converts them to f32, and a store rounds. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/ops/eval.h"
#include "ir/graph/graph.h"
#include "ir/target.h"

/* ---- scalar values ---- */
/* A kexpr is evaluated once in each scope that uses it, at its first use there (scopes: ir/kernel/kir_plan.h). So a
   load of argument or shared memory keeps its value even after a store to that memory. A value that reads private
   memory is evaluated again after a write to that memory; a let keeps the old value. */
enum kexpr_kind {
    KEXPR_CONST, /* the constant `f`, or `i` if the type is not a float */
    KEXPR_INDEX,
    KEXPR_LOAD, /* mem[slot, index], or `f` if the mask does not hold */
    KEXPR_OP,
    KEXPR_FRAG, /* in the body of an EACH: the current element of the fragment */
};

enum kop {
#define KOP(id, ...) K_##id,
#include "ir/kernel/kop.def"
#undef KOP
    K_COUNT
};
struct kop_info {
    const char *name;
    int arity;
    enum {
        KRES_SAME,
        KRES_BOOL,
        KRES_I32,
        KRES_ATTR,
    } result;
    const char *infix; /* C operator, such as "+". If `call` is given too, integers use that */
    const char *call;  /* a function's stem: "max" prints tk_max_f32 */
    bool is_fn;        /* an approximation such as exp; its error is in ir/mathfn.h */
};
extern const struct kop_info kop_table[K_COUNT];

struct kmem;
/* The condition 0 <= e < bound. A mask holds if all its n conditions hold. Otherwise a load gives its fill value, and a
   store does nothing. */
struct kguard {
    const struct index *e, *bound;
};
struct kmask {
    int n;
    struct kguard g[4];
};

/* Sets *lower if 0 <= e must be tested at run time, and *upper if e < bound must be. Ranges may prove either. */
void kguard_open(struct index_table *t, const struct kguard *g, bool *lower, bool *upper);

struct kexpr {
    enum kexpr_kind kind;
    enum dtype type;
    enum kop op;
    const struct kexpr *arg[3];
    const struct index *index;
    const struct kmem *mem;
    struct kmask mask;
    const struct index *slot; /* KEXPR_LOAD of shared memory: ring slot; NULL: 0 */
    double f;
    int64_t i;
    enum uniform uniform;
    unsigned id;
};

/* ---- memory ---- */
enum kspace { KS_ARG, KS_SHARED, KS_PRIVATE };
/* The position in shared memory of element (r, c) of a tile with `cols` columns. */
enum klayout {
    KL_ROWS, /* r·cols + c */
    KL_PAD8, /* r·(cols + 8) + c: padded against bank conflicts, for 16-bit elements */
    KL_PAD4, /* r·(cols + 4) + c: padded against bank conflicts, for 32-bit elements */
};
struct kmem {
    enum kspace space;
    const char *name;
    enum dtype dtype;
    const struct index *count; /* number of elements; KS_SHARED: of one ring slot */
    int slots;                 /* KS_SHARED: a ring of this many equal tiles; 1: a plain buffer */
    enum klayout layout;
    int rows, cols;
    bool read, written;
    const struct node *node; /* KS_ARG: the graph node whose value the buffer holds, or NULL */
    int offset;
};
int64_t kl_size(enum klayout l, int rows, int cols);
const struct index *kl_index(struct index_table *t, enum klayout l, int cols, const struct index *r,
                             const struct index *c);

/* rows × cols fragments. A fragment is one operand (A, B or C) of a matrix instruction, spread over a wave's lanes. */
enum kfrag_role { KF_A, KF_B, KF_C };
struct kfrag {
    const char *name;
    enum kfrag_role role;
    const struct matrix_unit *unit;
    int rows, cols;
};

/* ---- statements ---- */
enum kstmt_kind {
    /* Runs body in each thread on its own: body has no collective statement (barrier, mma, …). */
    KSTMT_REGION,
    /* Gives value a name that is visible to the end of the statement list. An integer may become an index variable,
which subscripts can use. */
    KSTMT_LET,
    /* mem[slot, index] := value, if the mask holds. */
    KSTMT_STORE,
    /* For 0 <= e < elems: mem[index + e] := mem2[slot, index2 + e], or `value` if the mask does not hold. mem is
       private. */
    KSTMT_LOAD_VECTOR,
    /* For 0 <= e < elems: mem[slot, index + e] := mem2[index2 + e], if the mask holds. mem2 is private. Each element is
       rounded once. */
    KSTMT_STORE_VECTOR,
    /* mem[index] := mem[index] ⊕ value, where ⊕ is `acc`. mem is private. With `join`, the value is itself a total of
       terms, else it is a term. */
    KSTMT_ACCUMULATE,
    /* Reduces the private mem[index] by ⊕ (`acc`) over lanes, and gives each lane the result. Lanes belong together if
       their numbers differ only in the bits first, 2·first, …, span/2. Example: first 1, span 4 combines lanes 0..3,
       lanes 4..7, …. first and span are powers of two. The order is a butterfly of log2(span/first) levels. */
    KSTMT_COMBINE,
    /* Runs body for var = lo, lo + step, … below hi. If body has a statement that threads must reach together (enum
       kteam in ir/kernel/kstmt.h), these threads must have equal bounds. */
    KSTMT_FOR,
    /* Runs body if the mask holds, else orelse. Threads that must reach a statement in body or orelse together must
       have equal masks. */
    KSTMT_IF,
    /* Starts an asynchronous copy of elems elements from argument mem2[index2] to shared mem[slot, index]. If the mask
       does not hold, zeros are written. */
    KSTMT_ISSUE,
    /* Second half of a copy. On targets without asynchronous copies, ISSUE loads to registers, and LAND stores these to
       shared memory. */
    KSTMT_LAND,
    /* Closes a group: the copies, possibly none, that this thread has issued since its last commit. */
    KSTMT_COMMIT,
    /* Waits until at most `pending` groups of copies are unfinished (-1: waits for no copies), then synchronises the
       threads of `scope`. These threads then see each other's writes to shared memory. */
    KSTMT_BARRIER,
    /* Waits until all earlier launches of the stream are done and their writes are visible (CUDA: griddepcontrol.wait).
       A kernel that begins with an AWAIT may start while earlier launches still run. */
    KSTMT_AWAIT,
    KSTMT_FRAG_FILL,
    /* Loads the fragments of frag from the tile mem, from (row, col) on. transposed: (r, c) is stored at (c, r). */
    KSTMT_FRAG_LOAD,
    /* frag[i, j] += frag_a[i] · frag_b[j] for all fragments i, j. */
    KSTMT_MMA,
    /* Runs body for each element of frag. In body, var and var2 are the element's row and column, and KEXPR_FRAG is its
       value. */
    KSTMT_EACH,
    /* In an EACH: the current element := value. */
    KSTMT_FRAG_SET,
    /* Reduces every row of frag by ⊕ (`acc`). Each lane gets the results of the rows that it holds a part of: mem[s]
       for the row of slot s (ir/kernel/fragment.h). Lanes first accumulate their own elements in column order, then
       combine by a butterfly. mem is private f32[frag_rows(frag)]. */
    KSTMT_FRAG_REDUCE,
    /* Converts results (frag_a, role C) to operands (frag, role A): frag[i] := columns k·index … k·index + k - 1 of
       fragment row i of frag_a, with the matrix unit's k. Each element is rounded once. */
    KSTMT_FRAG_CAST,
    KSTMT_COUNT
};
enum kscope { KSCOPE_WAVE, KSCOPE_BLOCK };
enum kacc { KACC_SUM, KACC_MAX, KACC_MIN }; /* max and min are NaN if any operand is */

struct kstmt {
    enum kstmt_kind kind;
    unsigned id;
    const char *name;
    struct loc loc;
    struct kstmt **body;
    size_t n_body, cap_body;
    struct kstmt **orelse;
    size_t n_orelse, cap_orelse;
    const struct index *var;  /* FOR, LET of an integer: the variable; EACH: the element's row */
    const struct index *var2; /* EACH: the element's column */
    const struct index *var3; /* EACH: slot (ir/kernel/fragment.h) of the element's row, or NULL */
    const struct index *var4; /* EACH: slot of the element's column, or NULL */
    /* LOAD_VECTOR: the value if the mask does not hold; FRAG_REDUCE: the initial value of ⊕ */
    const struct kexpr *value;
    const struct kexpr *read; /* LET: the K_READ of its variable; NULL if `var` is the variable */
    const struct index *lo, *hi, *step;
    bool unroll;
    const struct kmem *mem;
    const struct kmem *mem2;
    const struct index *index; /* an element of mem; FRAG_CAST: the step along k */
    const struct index *index2;
    const struct index *slot;
    struct kmask mask;
    int elems; /* number of elements. Vector accesses: 2, 4 or 8; ISSUE, LAND: 4, 8 or 16 bytes of them */
    int stage; /* ISSUE, LAND: staging register; unfinished copies have different ones */
    enum kacc acc;
    enum dtype acc_type;
    bool fma; /* ACCUMULATE by KACC_SUM: value is a K_MUL; multiply and add by one fma */
    bool join;
    int first, span;
    enum kscope scope;
    int pending;
    struct kfrag *frag;
    struct kfrag *frag_a, *frag_b; /* MMA: the operands; FRAG_CAST: frag_a is the source */
    /* FRAG_LOAD: where fragment 0 begins; each next one begins m rows (A) or n columns (B) further, with the unit's m
       and n. EACH: row and column of the first element. */
    const struct index *row, *col;
    bool transposed;
};

/* A scalar argument: a symbolic dim. */
struct karg {
    const char *name;
    const struct index *sym;
};
/* One level of the tree by which the kernel adds up the terms of `node`. Error bounds are computed from such levels. */
struct ksum {
    const struct node *node;
    struct sum_level level;
};

struct kernel {
    struct session *s;
    struct arena *arena;
    const char *name;
    const struct target *target;
    struct kmem **args;
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
    const struct index *tid, *lane, *wave_id, *bid[3];
    struct kstmt **body;
    size_t n_body, cap_body;
    struct ksum *sums;
    size_t n_sums, cap_sums;
    int shared_bytes;
    unsigned n_stmts, n_values;
    const struct source *src;
    struct loc loc;
    const char *comment;
};

/* ---- building ---- */
struct kernel *kernel_new(struct session *s, struct arena *a, const char *name, const struct target *t, int block);
struct kmem *kernel_arg(struct kernel *k, const char *name, enum dtype t, const struct index *count,
                        const struct node *node);
struct kmem *kernel_shared(struct kernel *k, const char *name, enum dtype t, int slots, enum klayout l, int rows,
                           int cols);
struct kmem *kernel_private(struct kernel *k, const char *name, enum dtype t, int count);
struct kfrag *kernel_frag(struct kernel *k, const char *name, enum kfrag_role role, int rows, int cols);
/* To be called after the last statement. Lays out shared memory, collects the symbolic dims that become scalar
   arguments, and marks which arguments are read and written. */
void kernel_finish(struct kernel *k);

/* An insertion point: new statements are appended to *list. kb_at is the end of the kernel's body, kb_in of stmt->body,
   kb_else of stmt->orelse. */
struct kbuild {
    struct kernel *k;
    struct arena *arena;
    struct index_table *indices;
    struct kstmt ***list;
    size_t *n, *cap;
    struct loc loc;
    struct kstmt *each;
};
struct kbuild kb_at(struct kernel *k);
struct kbuild kb_in(const struct kbuild *b, struct kstmt *stmt);
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
/* x converted to f32, f64, i32, i64 or bool by the rules of ir/kernel/kop.def. x itself if it has that type. */
const struct kexpr *kexpr_cast(struct kbuild *b, enum dtype to, const struct kexpr *x);
/* An f32 value rounded to f16 or bf16 precision; its type stays f32. x itself if `to` is f32. */
const struct kexpr *kexpr_round(struct kbuild *b, enum dtype to, const struct kexpr *x);
const struct kexpr *kexpr_frag(struct kbuild *b);
/* In an EACH: the slot of the current element's row (column). It indexes private memory with frag_rows (frag_cols)
   elements, one for each row (column) that the lane holds a part of. */
const struct index *kb_row_slot(struct kbuild *b);
const struct index *kb_col_slot(struct kbuild *b);
/* In an EACH: m[kb_row_slot(b)]. m is private. */
const struct kexpr *kexpr_row_of(struct kbuild *b, const struct kmem *m);
/* The type of a value loaded from memory of type `storage`: f32 for f16 and bf16, else `storage`. */
enum dtype kexpr_value_type(enum dtype storage);
/* Why op does not accept operands of these types; NULL if it does. `to`: the result type of K_CAST. */
const char *kexpr_op_wrong(enum kop op, const enum dtype *type, enum dtype to);

/* Returns a value (K_READ) that reads the variable. */
const struct kexpr *kstmt_let(struct kbuild *b, const struct kexpr *value);
const struct index *kstmt_let_index(struct kbuild *b, const char *name, const struct kexpr *value, int64_t lo,
                                    int64_t hi);
struct kstmt *kstmt_region(struct kbuild *b);
void kstmt_store(struct kbuild *b, const struct kmem *m, const struct index *slot, const struct index *index,
                 const struct kexpr *value, const struct kmask *mask);
/* Copies 2, 4 or 8 contiguous elements (f16, bf16, f32, f64, i32 or i64) between argument or shared memory, from
   `index` on, and private memory, from `at` on. `index` must be provably a multiple of elems. The private memory has
   the value type (kexpr_value_type). One mask covers all elements; a load whose mask does not hold gives `fill`. */
void kstmt_load_vector(struct kbuild *b, const struct kmem *dst, const struct index *at, const struct kmem *src,
                       const struct index *slot, const struct index *index, int elems, const struct kmask *mask,
                       double fill);
void kstmt_store_vector(struct kbuild *b, const struct kmem *dst, const struct index *slot, const struct index *index,
                        const struct kmem *src, const struct index *at, int elems, const struct kmask *mask);
void kstmt_accumulate(struct kbuild *b, const struct kmem *m, const struct index *index, enum kacc op,
                      const struct kexpr *value, bool fma);
/* Accumulates a value that is itself a total of terms: of another thread, wave, block or launch. */
void kstmt_join(struct kbuild *b, const struct kmem *m, const struct index *index, enum kacc op,
                const struct kexpr *total);
/* Combines the lanes of each aligned group of `span` lanes. kstmt_combine_from combines only lanes with equal numbers
   modulo `first`: first 2, span 4 combines lanes 0 and 2, and lanes 1 and 3. */
void kstmt_combine(struct kbuild *b, const struct kmem *m, const struct index *index, enum kacc op, int span);
void kstmt_combine_from(struct kbuild *b, const struct kmem *m, const struct index *index, enum kacc op, int first,
                        int span);
struct kstmt *kstmt_for(struct kbuild *b, const char *name, const struct index *lo, const struct index *hi,
                        int64_t step, bool unroll);
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
/* How many rows (columns) of c one lane holds elements of. */
int frag_rows(const struct kfrag *c);
int frag_cols(const struct kfrag *c);
void kstmt_frag_reduce(struct kbuild *b, const struct kmem *dst, enum kacc op, struct kfrag *c);
void kstmt_frag_cast(struct kbuild *b, struct kfrag *a_, struct kfrag *c, const struct index *step);
/* Records a level of n's summation tree, for error bounds. Ignored for integers, whose sums do not round. */
void kernel_sum(struct kernel *k, const struct node *n, struct sum_level level);

bool kernel_is_collective(const struct kernel *k);
/* Is k's first statement an AWAIT? Then k may be launched before earlier launches are done. */
bool kernel_may_start_early(const struct kernel *k);

/* ---- text, verifier ---- */
const char *kernel_text(struct arena *a, const struct kernel *k);
/* NULL and diagnostics on errors. The arguments' nodes are NULL. */
struct kernel *kernel_parse(struct session *s, const struct source *src);
/* Checks types, index ranges, masks and matrix units. Collective statements must be in uniform control flow. Each
   issued copy needs a land, a commit and a barrier that waits for it; until then no statement may access
   the same slot expression of that memory. False on errors, with diagnostics that name the statement. */
bool kernel_verify(const struct kernel *k);
#endif
