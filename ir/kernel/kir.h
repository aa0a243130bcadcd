#ifndef TOKIC_IR_KERNEL_KIR_H
#define TOKIC_IR_KERNEL_KIR_H
/* The kernel IR. A kernel is a tree of statements that a grid of thread blocks runs. Memory is typed, and an index
   counts elements. Indices are index expressions (ir/index.h). Float arithmetic is IEEE, rounded to nearest even. No
   value is f16 or bf16: a load converts to f32, a store rounds. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/ops/eval.h"
#include "ir/graph/graph.h"
#include "ir/target.h"

/* ---- scalar values ---- */
/* A value (kexpr) is evaluated at its first use in a scope. Later uses in the scope see the same result.
   ir/kernel/kir_plan.h defines scopes. So a load of argument or shared memory does not see later stores in its scope.
   After a write to private memory, the next use of a value that reads this memory evaluates the value again.
   A let keeps its old value. */
enum kexpr_kind {
    KEXPR_CONST, /* a constant: `f` for a float type, else `i` */
    KEXPR_INDEX,
    KEXPR_LOAD, /* mem[slot, index]; `f` if the mask is false */
    KEXPR_OP,
    KEXPR_FRAG, /* the current element of the fragment, in the body of an EACH */
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
    const char *infix; /* a C operator: "+"; if `call` is set too, only floats use the operator */
    const char *call;  /* the middle of a function's name: "max" for tk_max_f32 */
    bool is_fn;        /* true for an approximation such as exp; ir/mathfn.h has its error */
};
extern const struct kop_info kop_table[K_COUNT];

struct kmem;
/* The condition 0 <= e < bound. */
struct kguard {
    const struct index *e, *bound;
};
/* A mask is true if all its n conditions are true. If the mask of a load is false, the load gives its fill value.
   If the mask of a store is false, the store does nothing. */
struct kmask {
    int n;
    struct kguard g[4];
};

/* Sets *lower if 0 <= e needs a test at run time, and *upper if e < bound needs one. */
void kguard_open(struct index_table *t, const struct kguard *g, bool *lower, bool *upper);

struct kexpr {
    enum kexpr_kind kind;
    enum dtype type;
    enum kop op;
    const struct kexpr *arg[3];
    const struct index *index;
    const struct kmem *mem;
    struct kmask mask;
    const struct index *slot; /* KEXPR_LOAD of shared memory: slot of the ring; NULL: 0 */
    double f;
    int64_t i;
    enum uniform uniform;
    unsigned id;
};

/* ---- memory ---- */
enum kspace { KS_ARG, KS_SHARED, KS_PRIVATE };
/* The position of element (r, c) of a tile in shared memory. The tile has `cols` columns. */
enum klayout {
    KL_ROWS, /* r·cols + c */
    KL_PAD8, /* r·(cols + 8) + c: padded against bank conflicts, for 16-bit elements */
    KL_PAD4, /* r·(cols + 4) + c: padded against bank conflicts, for 32-bit elements */
};
struct kmem {
    enum kspace space;
    const char *name;
    enum dtype dtype;
    const struct index *count; /* number of elements; KS_SHARED: of one slot */
    int slots;                 /* KS_SHARED: a ring of this many equal tiles (slots); 1: no ring */
    enum klayout layout;
    int rows, cols;
    bool read, written;
    const struct node *node; /* KS_ARG: the graph node whose value is in this memory, or NULL */
    int offset;
};
int64_t kl_size(enum klayout l, int rows, int cols);
const struct index *kl_index(struct index_table *t, enum klayout l, int cols, const struct index *r,
                             const struct index *c);

/* A grid of rows × cols fragments. A fragment is an operand A, B or C of one matrix instruction.
   The lanes of a wave hold its elements. */
enum kfrag_role { KF_A, KF_B, KF_C };
struct kfrag {
    const char *name;
    enum kfrag_role role;
    const struct matrix_unit *unit;
    int rows, cols;
};

/* ---- statements ---- */
enum kstmt_kind {
    /* Runs `body` in each thread on its own, so `body` has no collective statement (barrier, mma, …). */
    KSTMT_REGION,
    /* Gives `value` a name for the rest of the statement list. A named integer may be an index variable (var). */
    KSTMT_LET,
    /* mem[slot, index] := value. Does nothing if the mask is false. */
    KSTMT_STORE,
    /* mem[index + e] := mem2[slot, index2 + e], for 0 <= e < elems. `mem` is private.
       If the mask is false, each element is `value`. */
    KSTMT_LOAD_VECTOR,
    /* mem[slot, index + e] := mem2[index2 + e], for 0 <= e < elems. `mem2` is private. Rounds each element once.
       Does nothing if the mask is false. */
    KSTMT_STORE_VECTOR,
    /* mem[index] := mem[index] ⊕ value, where ⊕ is `acc`. mem is private. With `join`, the value is itself a total of
       terms, else it is a term. */
    KSTMT_ACCUMULATE,
    /* Reduces the private mem[index] over groups of lanes by ⊕ (`acc`). Each lane gets the result of its group.
       Lanes are in one group if their numbers differ only in the bits `first`, 2·`first`, …, `span`/2.
       Example: `first` 1, `span` 4 combines lanes 0..3, lanes 4..7, …. `first` and `span` are powers of two.
       The order of the sum is a butterfly with log2(span/first) levels. */
    KSTMT_COMBINE,
    /* Runs `body` for var = lo, lo + step, … below hi.
       Threads that must reach a statement inside together (enum kteam in ir/kernel/kstmt.h) must have equal bounds. */
    KSTMT_FOR,
    /* Runs `body` if the mask is true, else `orelse`.
       Threads that must reach a statement inside together (enum kteam) must have equal masks. */
    KSTMT_IF,
    /* Starts an asynchronous copy of `elems` elements from argument mem2[index2] to shared mem[slot, index].
       If the mask is false, the copy writes zeros. */
    KSTMT_ISSUE,
    /* Finishes an ISSUE. Without asynchronous copies, ISSUE loads to registers, and LAND stores the registers. */
    KSTMT_LAND,
    /* Makes a group of all copies that this thread has issued since its last COMMIT. The group may be empty. */
    KSTMT_COMMIT,
    /* Waits until at most `pending` groups of copies are unfinished; -1: does not wait for copies.
       Then synchronises the threads of `scope`. These threads then see each other's writes to shared memory. */
    KSTMT_BARRIER,
    /* Waits until all earlier launches of the stream are done and their writes are visible (CUDA: griddepcontrol.wait).
       A kernel that begins with AWAIT may start while earlier launches still run. */
    KSTMT_AWAIT,
    KSTMT_FRAG_FILL,
    /* Loads the fragments of `frag` from the tile `mem`, beginning at element (row, col).
       If `transposed` is set, `mem` stores element (r, c) at (c, r). */
    KSTMT_FRAG_LOAD,
    /* frag[i, j] += frag_a[i] · frag_b[j] for all i and j. */
    KSTMT_MMA,
    /* Runs `body` for each element of `frag`. var and var2 are its row and column, and KEXPR_FRAG is its value. */
    KSTMT_EACH,
    /* Sets the current element of an EACH to `value`. */
    KSTMT_FRAG_SET,
    /* Reduces each row of `frag` by ⊕ (`acc`). A lane gets the results of all rows of which it holds elements.
       mem[s] is the result for slot s, where a slot numbers these rows (ir/kernel/fragment.h).
       Each lane first accumulates its own elements in column order. Then a butterfly combines the lanes.
       `mem` is private f32[frag_rows(frag)]. */
    KSTMT_FRAG_REDUCE,
    /* Converts results frag_a (role C) to operands `frag` (role A). Let k be the k of the matrix unit.
       frag[i] becomes columns k·index … k·index + k - 1 of row i of fragments of frag_a. Rounds each element once. */
    KSTMT_FRAG_CAST,
    KSTMT_COUNT
};
enum kscope { KSCOPE_WAVE, KSCOPE_BLOCK };
enum kacc { KACC_SUM, KACC_MAX, KACC_MIN, KACC_PROD, KACC_COUNT }; /* max and min give NaN if an operand is NaN */
/* Accumulating x is acc = op(acc, x); a float accumulator begins with `neutral`. */
struct kacc_info {
    const char *name;
    enum kop op;
    double neutral;
};
extern const struct kacc_info kacc_table[KACC_COUNT];

struct kstmt {
    enum kstmt_kind kind;
    unsigned id;
    const char *name;
    struct loc loc;
    struct kstmt **body;
    size_t n_body, cap_body;
    struct kstmt **orelse;
    size_t n_orelse, cap_orelse;
    const struct index *var;  /* FOR, LET of an integer: the variable; EACH: row of the element */
    const struct index *var2; /* EACH: column of the element */
    const struct index *var3; /* EACH: slot of the element's row (ir/kernel/fragment.h), or NULL */
    const struct index *var4; /* EACH: slot of the element's column, or NULL */
    /* LOAD_VECTOR: the elements if the mask is false. FRAG_REDUCE: the initial value of the reduction. */
    const struct kexpr *value;
    const struct kexpr *read; /* LET: the value that reads the named value; NULL if `var` is set */
    const struct index *lo, *hi, *step;
    bool unroll;
    const struct kmem *mem;
    const struct kmem *mem2;
    const struct index *index; /* index into mem; FRAG_CAST: number of the step along k */
    const struct index *index2;
    const struct index *slot;
    struct kmask mask;
    int elems; /* vector access: 2, 4 or 8 elements; ISSUE, LAND: elements of 4, 8 or 16 bytes in all */
    int stage; /* ISSUE, LAND: staging register; two unfinished copies have different ones */
    enum kacc acc;
    enum dtype acc_type;
    bool fma; /* ACCUMULATE by KACC_SUM: value is a K_MUL; multiply and add by one fma */
    bool join;
    int first, span;
    enum kscope scope;
    int pending;
    struct kfrag *frag;
    struct kfrag *frag_a, *frag_b; /* MMA: the operands; FRAG_CAST: frag_a is the source */
    /* FRAG_LOAD: row and column of the first fragment. Each next fragment of A is m rows further, and each next one of
       B n columns further, with m and n of the matrix unit. EACH: row and column of the first element. */
    const struct index *row, *col;
    bool transposed;
};

/* A scalar argument: a symbolic dim. */
struct karg {
    const char *name;
    const struct index *sym;
};
/* One level of the tree in which the kernel adds up the terms of `node`. The levels give error bounds. */
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
/* Call after the last statement. Assigns offsets in shared memory, collects the symbolic dims that become scalar
   arguments, and marks arguments as read or written. */
void kernel_finish(struct kernel *k);

/* An insertion point: new statements go to the end of *list.
   kb_at gives the end of the kernel's body, kb_in the end of stmt->body, and kb_else the end of stmt->orelse. */
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
/* Converts x to f32, f64, i32, i64 or bool by the rules of ir/kernel/kop.def. Returns x if it has that type. */
const struct kexpr *kexpr_cast(struct kbuild *b, enum dtype to, const struct kexpr *x);
/* Rounds the f32 value x to f16 or bf16 precision; the result has type f32. If `to` is f32, returns x. */
const struct kexpr *kexpr_round(struct kbuild *b, enum dtype to, const struct kexpr *x);
const struct kexpr *kexpr_frag(struct kbuild *b);
/* In an EACH: the slot of the row, or column, of the current element.
   A lane numbers the rows (columns) of its elements; the number of a row (column) is its slot.
   A slot indexes private memory with frag_rows (frag_cols) elements. */
const struct index *kb_row_slot(struct kbuild *b);
const struct index *kb_col_slot(struct kbuild *b);
/* In an EACH: m[kb_row_slot(b)]. `m` is private. */
const struct kexpr *kexpr_row_of(struct kbuild *b, const struct kmem *m);
/* The type of a value loaded from memory with elements of type `storage`: f32 for f16 and bf16, else `storage`. */
enum dtype kexpr_value_type(enum dtype storage);
/* Returns why `op` cannot have operands of these types; NULL if it can. `to` is the result type of K_CAST. */
const char *kexpr_op_wrong(enum kop op, const enum dtype *type, enum dtype to);

/* Adds a LET. Returns a value (K_READ) that reads the let. */
const struct kexpr *kstmt_let(struct kbuild *b, const struct kexpr *value);
const struct index *kstmt_let_index(struct kbuild *b, const char *name, const struct kexpr *value, int64_t lo,
                                    int64_t hi);
struct kstmt *kstmt_region(struct kbuild *b);
void kstmt_store(struct kbuild *b, const struct kmem *m, const struct index *slot, const struct index *index,
                 const struct kexpr *value, const struct kmask *mask);
/* kstmt_load_vector and kstmt_store_vector copy 2, 4 or 8 contiguous elements of f16, bf16, f32, f64, i32 or i64.
   One side is argument or shared memory at `index`, which must be provably a multiple of `elems`.
   The other side is private memory at `at`, with the value type (kexpr_value_type).
   One mask covers all elements. If the mask is false, a load gives `fill`. */
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
/* The number of rows (columns) of c of which one lane holds elements. */
int frag_rows(const struct kfrag *c);
int frag_cols(const struct kfrag *c);
void kstmt_frag_reduce(struct kbuild *b, const struct kmem *dst, enum kacc op, struct kfrag *c);
void kstmt_frag_cast(struct kbuild *b, struct kfrag *a_, struct kfrag *c, const struct index *step);
/* Records a level of the summation tree of n, for error bounds. Ignores integers, whose sums do not round. */
void kernel_sum(struct kernel *k, const struct node *n, struct sum_level level);

bool kernel_is_collective(const struct kernel *k);
/* True if k begins with AWAIT. Then k may be launched before earlier launches are done. */
bool kernel_may_start_early(const struct kernel *k);

/* ---- text, verifier ---- */
const char *kernel_text(struct arena *a, const struct kernel *k);
/* On errors, reports them and returns NULL. In the result, the field `node` of each argument is NULL. */
struct kernel *kernel_parse(struct session *s, const struct source *src);
/* Checks types, index ranges, masks and matrix units. Requires uniform control flow around collective statements.
   After each ISSUE there must be a LAND, a COMMIT and a BARRIER that waits for the copy. Before this barrier no
   statement may access the memory of the copy at the same slot.
   On errors, reports them with the name of the statement and returns false. */
bool kernel_verify(const struct kernel *k);
#endif
