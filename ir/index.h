#ifndef TOKIC_IR_INDEX_H
#define TOKIC_IR_INDEX_H
/* Index expressions: integer expressions over symbolic dims, loop variables, thread and block ids, and loaded integers.
   Shapes, subscripts, grids and masks consist of index expressions.
   The canonical form is a sum of products of atoms. An atom is any expression but a sum: B, i0, i0 / 4, min(a, b).
   A session stores each canonical form once, so equal expressions have equal pointers.
   Each expression carries bounds of its value. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct arena;
struct index_table;

enum index_kind {
    INDEX_SUM, /* k + terms; a constant has no terms */
    INDEX_SYM,
    INDEX_VAR, /* a loop variable, an id or a loaded integer; each call of index_var makes a new variable */
    INDEX_DIV, /* floor(a / b), b > 0 */
    INDEX_MOD, /* a - b·floor(a / b), b > 0 */
    INDEX_MIN,
    INDEX_MAX,
};

/* Which threads have the same value: all threads of the grid, of a block, of a wave, or only one thread. */
enum uniform { UNIFORM_GRID, UNIFORM_BLOCK, UNIFORM_WAVE, UNIFORM_THREAD };

struct index;
enum { INDEX_DEGREE = 4 };
/* coef · atom[0] · … · atom[n - 1], with 1 <= n <= INDEX_DEGREE. Atoms are sorted by id. */
struct index_term {
    int64_t coef;
    int n;
    const struct index *atom[INDEX_DEGREE];
};

struct index {
    enum index_kind kind;
    unsigned id;
    int64_t lo, hi; /* bounds of the value, inclusive; ±INDEX_INF: unbounded */
    enum uniform uniform;
    int64_t k;
    int n_terms;
    const struct index_term *terms;
    const char *name;
    const struct index *a, *b; /* operands of INDEX_DIV, INDEX_MOD, INDEX_MIN, INDEX_MAX */
};

#define INDEX_INF ((int64_t)1 << 62)
#define INDEX_DIM_MAX (((int64_t)1 << 31) - 1)

struct index_table *index_table_new(struct arena *a);
/* Frees all variables and all expressions that contain a variable. Requires that no kernel uses them.
   Constants and expressions of symbolic dims stay. */
void index_forget_vars(struct index_table *t);

const struct index *index_const(struct index_table *t, int64_t k);
const struct index *index_sym(struct index_table *t, const char *name); /* 0 <= value <= INDEX_DIM_MAX */
const struct index *index_var(struct index_table *t, const char *name, int64_t lo, int64_t hi, enum uniform u);
const struct index *index_add(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_sub(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_mul(struct index_table *t, const struct index *a, const struct index *b);
/* Floor division and its remainder. b must be positive.
   These functions check a constant b; index_eval checks any other. */
const struct index *index_div(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_mod(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_min(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_max(struct index_table *t, const struct index *a, const struct index *b);
const struct index *index_ceil_div(struct index_table *t, const struct index *a, const struct index *b);
#define index_addk(t, a, k) index_add((t), (a), index_const((t), (k)))
#define index_mulk(t, a, k) index_mul((t), (a), index_const((t), (k)))

static inline bool index_is_const(const struct index *e) { return e->kind == INDEX_SUM && e->n_terms == 0; }
bool index_const_value(const struct index *e, int64_t *out);
/* True if e is provably a multiple of m. */
bool index_multiple_of(const struct index *e, int64_t m);
/* True if the bounds of b - a prove a < b, or a <= b. */
bool index_less(struct index_table *t, const struct index *a, const struct index *b);
bool index_less_eq(struct index_table *t, const struct index *a, const struct index *b);
/* True if e >= 0 is proved; false if not known. Looks into quotients by constants, minima and maxima, where ranges
   alone do not suffice: B - 2*((B + 1)/2) + 1, B - max(B - 3, 0). */
bool index_nonnegative(struct index_table *t, const struct index *e);
const struct index *index_subst(struct index_table *t, const struct index *e, const struct index *what,
                                const struct index *with);
bool index_mentions(const struct index *e, const struct index *atom);
/* True if e has a value whatever its symbolic dims and variables are: no divisor can be 0. */
bool index_always_defined(const struct index *e);

/* Evaluates e. `value` returns the value of an INDEX_SYM or INDEX_VAR. */
int64_t index_eval(const struct index *e, int64_t (*value)(void *ctx, const struct index *atom), void *ctx);
/* Evaluates e as if every symbolic dim and variable were equal to `hint`. */
int64_t index_eval_hint(const struct index *e, int64_t hint);
/* Returns a text such as "64*i0 + ((B/2)%4)". */
const char *index_text(struct arena *a, const struct index *e);
#endif
