#ifndef TOKIC_IR_INDEX_H
#define TOKIC_IR_INDEX_H
/* Index expressions: integers over symbolic dims, loop variables, ids and loaded values. Shapes, subscripts, grids and
   masks consist of them. They are interned in the session's table in a canonical form, a sum of products of atoms, so
   equal forms are the same pointer. Every expression carries a range. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct arena;
struct index_table;

enum index_kind {
    INDEX_SUM, /* sum of terms; a constant is a sum with no terms */
    INDEX_SYM, /* a symbolic dim, identified by name */
    INDEX_VAR, /* a loop variable, an id or a loaded integer: each call of index_var makes a new one */
    INDEX_DIV, /* floor(a / b), b > 0 */
    INDEX_MOD, /* a - b·floor(a / b), b > 0 */
    INDEX_MIN,
    INDEX_MAX,
};

/* The threads over which a value is the same. A larger constant is less uniform. */
enum uniform { UNIFORM_GRID, UNIFORM_BLOCK, UNIFORM_WAVE, UNIFORM_THREAD };

struct index;
enum { INDEX_DEGREE = 4 };
/* coef · product of n ≥ 1 atoms, in id order. */
struct index_term {
    int64_t coef;
    int n;
    const struct index *atom[INDEX_DEGREE];
};

struct index {
    enum index_kind kind;
    unsigned id;    /* order of creation in the table */
    int64_t lo, hi; /* range, inclusive; saturates at ±INDEX_INF */
    enum uniform uniform;
    int64_t k;                      /* INDEX_SUM: the constant term */
    int n_terms;                    /* INDEX_SUM */
    const struct index_term *terms; /* INDEX_SUM */
    const char *name;               /* INDEX_SYM, INDEX_VAR */
    const struct index *a, *b;      /* INDEX_DIV and on: the operands */
};

#define INDEX_INF ((int64_t)1 << 62)
#define INDEX_DIM_MAX (((int64_t)1 << 31) - 1) /* the largest value of a symbolic dim */

struct index_table *index_table_new(struct arena *a);
/* Drops all variables and the expressions that mention one. No kernel that uses them may be left. Constants and
   expressions of symbolic dims stay. */
void index_forget_vars(struct index_table *t);

const struct index *index_const(struct index_table *t, int64_t k);
const struct index *index_sym(struct index_table *t, const char *name); /* range 0..INDEX_DIM_MAX */
const struct index *index_var(struct index_table *t, const char *name, int64_t lo, int64_t hi, enum uniform u);
const struct index *index_add(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_sub(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_mul(struct index_table *t, const struct index *a, const struct index *b);
/* b must be positive wherever the result is evaluated. Only a constant b is checked here. */
const struct index *index_div(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_mod(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_min(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_max(struct index_table *t, const struct index *a, const struct index *b);
/* ⌈a / b⌉ */
const struct index *index_ceil_div(struct index_table *t, const struct index *a, const struct index *b);
#define index_addk(t, a, k) index_add((t), (a), index_const((t), (k)))
#define index_mulk(t, a, k) index_mul((t), (a), index_const((t), (k)))

static inline bool index_is_const(const struct index *e) { return e->kind == INDEX_SUM && e->n_terms == 0; }
bool index_const_value(const struct index *e, int64_t *out);
/* Is e provably a multiple of m for all values of its atoms? */
bool index_multiple_of(const struct index *e, int64_t m);
/* Does the range of b − a prove that a < b (a <= b) for all values of their atoms? */
bool index_less(struct index_table *t, const struct index *a, const struct index *b);
bool index_less_eq(struct index_table *t, const struct index *a, const struct index *b);
/* e with every occurrence of the atom `what` replaced by `with`. */
const struct index *index_subst(struct index_table *t, const struct index *e, const struct index *what,
                                const struct index *with);
bool index_mentions(const struct index *e, const struct index *atom);

/* The value of e. The function `value` gives the value of each INDEX_SYM and INDEX_VAR. */
int64_t index_eval(const struct index *e, int64_t (*value)(void *ctx, const struct index *atom), void *ctx);
/* The value of e with `hint` for every INDEX_SYM and INDEX_VAR: an estimate where symbolic dims are unknown. */
int64_t index_eval_hint(const struct index *e, int64_t hint);
/* C-like text: `64*i0 + B/2 % 4`. */
const char *index_text(struct arena *a, const struct index *e);
#endif
