#ifndef TOKIC_IR_INDEX_H
#define TOKIC_IR_INDEX_H
/* Index expressions: integers over symbolic dims, loop variables, ids and loaded values. They are the dimensions of
   shapes, the subscripts of kernels, grids and masks. Interned in the session's table and kept in one canonical form (a
   sum of products of atoms), so that equal expressions of this form are the same pointer. Every expression knows a
   range that it stays in. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct arena;
struct index_table;

enum index_kind {
    INDEX_SUM, /* sum of terms; a constant is a sum with no terms */
    INDEX_SYM, /* a symbolic dim, by name: one for the whole launch */
    INDEX_VAR, /* a loop variable, an id or a loaded integer: each call of index_var makes a new one */
    INDEX_DIV,
    INDEX_MOD, /* floor(a / b), a mod b, b > 0 */
    INDEX_MIN,
    INDEX_MAX,
};

/* Over which threads a value is the same. Larger is less uniform. */
enum uniform { UNIFORM_GRID, UNIFORM_BLOCK, UNIFORM_WAVE, UNIFORM_THREAD };

struct index;
enum { INDEX_DEGREE = 4 };
struct index_term {
    int64_t coef;
    int n;
    const struct index *atom[INDEX_DEGREE];
}; /* coef · product of n ≥ 1 atoms, atoms in id order */

struct index {
    enum index_kind kind;
    unsigned id;    /* order of creation in the table */
    int64_t lo, hi; /* it stays in lo..hi; saturates at ±INDEX_INF */
    enum uniform uniform;
    /* INDEX_SUM */ int64_t k;
    int n_terms;
    const struct index_term *terms;
    /* INDEX_SYM, INDEX_VAR */ const char *name;
    /* INDEX_DIV.. */ const struct index *a, *b;
};

#define INDEX_INF ((int64_t)1 << 62)
#define INDEX_DIM_MAX (((int64_t)1 << 31) - 1) /* the largest value of a symbolic dim */

struct index_table *index_table_new(struct arena *a);
/* Drops every variable and what mentions one: they belong to kernels, and the last of them is gone. Constants and
   expressions of symbolic dims stay. */
void index_forget_vars(struct index_table *t);

const struct index *index_const(struct index_table *t, int64_t k);
const struct index *index_sym(struct index_table *t, const char *name); /* range 0..INDEX_DIM_MAX */
const struct index *index_var(struct index_table *t, const char *name, int64_t lo, int64_t hi, enum uniform u);
const struct index *index_add(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_sub(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_mul(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_div(struct index_table *t, const struct index *a,
                              const struct index *b); /* b's range must exclude 0 and below */
const struct index *index_mod(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_min(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_max(struct index_table *t, const struct index *a, const struct index *b);
/* ⌈a / b⌉ */
const struct index *index_ceil_div(struct index_table *t, const struct index *a, const struct index *b);
#define index_addk(t, a, k) index_add((t), (a), index_const((t), (k)))
#define index_mulk(t, a, k) index_mul((t), (a), index_const((t), (k)))

static inline bool index_is_const(const struct index *e) { return e->kind == INDEX_SUM && e->n_terms == 0; }
bool index_const_value(const struct index *e, int64_t *out);
/* True if the value is a multiple of m whatever its atoms are. */
bool index_multiple_of(const struct index *e, int64_t m);
/* Sure to hold for all values: a < b, a <= b (from the range of b − a). */
bool index_less(struct index_table *t, const struct index *a, const struct index *b);
bool index_less_eq(struct index_table *t, const struct index *a, const struct index *b);
/* e with every occurrence of the atom `what` replaced by `with`. */
const struct index *index_subst(struct index_table *t, const struct index *e, const struct index *what,
                                const struct index *with);
bool index_mentions(const struct index *e, const struct index *atom);

/* Its value, with the atoms' from `value` (called for INDEX_SYM and INDEX_VAR). */
int64_t index_eval(const struct index *e, int64_t (*value)(void *ctx, const struct index *atom), void *ctx);
/* Its value with every atom at `hint`: what is expected where symbolic dims are not known. */
int64_t index_eval_hint(const struct index *e, int64_t hint);
/* As C-like text: `64*i0 + B/2 % 4`; names as they are. From the arena. */
const char *index_text(struct arena *a, const struct index *e);
#endif
