#ifndef TOKIC_IR_KERNEL_KSPELL_H
#define TOKIC_IR_KERNEL_KSPELL_H
/* Building blocks of every text of a kernel: lines, and index expressions with their terms in a fixed order. */
#include <stdarg.h>

#include "ir/arena.h"
#include "ir/index.h"

/* ---- growing text ---- */
struct kout {
    struct arena *arena;
    char *buf;
    size_t n, cap;
    int depth;
    int step; /* spaces per level */
};
__attribute__((format(printf, 2, 3))) void kout_add(struct kout *o, const char *fmt, ...);
/* A line at the current depth, newline included. */
__attribute__((format(printf, 2, 3))) void kout_line(struct kout *o, const char *fmt, ...);
const char *kout_text(struct kout *o);

/* ---- index expressions ---- */
/* How a language spells index expressions. If div, min or max is NULL, the kernel text's spelling is used. */
struct kspell {
    struct arena *arena;
    /* Spells an INDEX_SYM or INDEX_VAR; a NULL result means the atom's own name. */
    const char *(*atom)(void *ctx, const struct index *atom);
    void *ctx;
    /* Spells an INDEX_DIV or INDEX_MOD whose operands are spelled x and y; a NULL result means `x/y` or `x%y`. */
    const char *(*div)(struct arena *a, const struct index *e, const char *x, const char *y);
    const char *min, *max; /* names of functions of two operands */
};
/* The text of e. nested: e is an operand, so a sum or quotient is put in parentheses. */
const char *kspell_index(const struct kspell *s, const struct index *e, bool nested);
#endif
