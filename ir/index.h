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
struct ix_table;

enum ix_kind {
    IX_SUM, /* sum of terms; a constant is a sum with no terms */
    IX_SYM, /* a symbolic dim, by name: one for the whole launch */
    IX_VAR, /* a loop variable, an id or a loaded integer: each call of ix_var makes a new one */
    IX_DIV,
    IX_MOD, /* floor(a / b), a mod b, b > 0 */
    IX_MIN,
    IX_MAX,
};

/* Over which threads a value is the same. Larger is less uniform. */
enum uniform { UNIFORM_GRID, UNIFORM_BLOCK, UNIFORM_WAVE, UNIFORM_THREAD };

struct ix;
enum { IX_DEGREE = 4 };
struct ix_term {
    int64_t coef;
    int n;
    const struct ix *atom[IX_DEGREE];
}; /* coef · product of n ≥ 1 atoms, atoms in id order */

struct ix {
    enum ix_kind kind;
    unsigned id;    /* order of creation in the table */
    int64_t lo, hi; /* it stays in lo..hi; saturates at ±IX_INF */
    enum uniform uniform;
    /* IX_SUM */ int64_t k;
    int n_terms;
    const struct ix_term *terms;
    /* IX_SYM, IX_VAR */ const char *name;
    /* IX_DIV.. */ const struct ix *a, *b;
};

#define IX_INF ((int64_t)1 << 62)
#define IX_DIM_MAX (((int64_t)1 << 31) - 1) /* the largest value of a symbolic dim */

struct ix_table *ix_table_new(struct arena *a);

const struct ix *ix_const(struct ix_table *t, int64_t k);
const struct ix *ix_sym(struct ix_table *t, const char *name); /* range 0..IX_DIM_MAX */
const struct ix *ix_var(struct ix_table *t, const char *name, int64_t lo, int64_t hi, enum uniform u);
const struct ix *ix_add(struct ix_table *t, const struct ix *a, const struct ix *b);
const struct ix *ix_sub(struct ix_table *t, const struct ix *a, const struct ix *b);
const struct ix *ix_mul(struct ix_table *t, const struct ix *a, const struct ix *b);
const struct ix *ix_div(struct ix_table *t, const struct ix *a,
                        const struct ix *b); /* b's range must exclude 0 and below */
const struct ix *ix_mod(struct ix_table *t, const struct ix *a, const struct ix *b);
const struct ix *ix_min(struct ix_table *t, const struct ix *a, const struct ix *b);
const struct ix *ix_max(struct ix_table *t, const struct ix *a, const struct ix *b);
/* ⌈a / b⌉ */
const struct ix *ix_ceil_div(struct ix_table *t, const struct ix *a, const struct ix *b);
#define ix_addk(t, a, k) ix_add((t), (a), ix_const((t), (k)))
#define ix_mulk(t, a, k) ix_mul((t), (a), ix_const((t), (k)))

static inline bool ix_is_const(const struct ix *e) { return e->kind == IX_SUM && e->n_terms == 0; }
bool ix_const_value(const struct ix *e, int64_t *out);
/* True if the value is a multiple of m whatever its atoms are. */
bool ix_multiple_of(const struct ix *e, int64_t m);
/* Sure to hold for all values: a < b, a <= b (from the range of b − a). */
bool ix_less(struct ix_table *t, const struct ix *a, const struct ix *b);
bool ix_less_eq(struct ix_table *t, const struct ix *a, const struct ix *b);
/* e with every occurrence of the atom `what` replaced by `with`. */
const struct ix *ix_subst(struct ix_table *t, const struct ix *e, const struct ix *what, const struct ix *with);
bool ix_mentions(const struct ix *e, const struct ix *atom);

/* Its value, with the atoms' from `value` (called for IX_SYM and IX_VAR). */
int64_t ix_eval(const struct ix *e, int64_t (*value)(void *ctx, const struct ix *atom), void *ctx);
/* As C-like text: `64*i0 + B/2 % 4`; names as they are. From the arena. */
const char *ix_text(struct arena *a, const struct ix *e);
/* The same with the atoms' names from `spell` (NULL result: the atom's own name). */
const char *ix_text_as(struct arena *a, const struct ix *e, const char *(*spell)(void *ctx, const struct ix *atom),
                       void *ctx);
#endif
