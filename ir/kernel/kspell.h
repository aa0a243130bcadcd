#ifndef TOKIC_IR_KERNEL_KSPELL_H
#define TOKIC_IR_KERNEL_KSPELL_H
/* Helpers for printing kernels: lines, and index expressions with their terms in a fixed order. */
#include <stdarg.h>

#include "ir/arena.h"
#include "ir/index.h"

/* ---- growing text ---- */
struct kout {
    struct arena *arena;
    char *buf;
    size_t n, cap;
    int depth;
    int step;
};
__attribute__((format(printf, 2, 3))) void kout_add(struct kout *o, const char *fmt, ...);
/* Adds a line, indented by depth · step spaces, and a newline. */
__attribute__((format(printf, 2, 3))) void kout_line(struct kout *o, const char *fmt, ...);
const char *kout_text(struct kout *o);

/* ---- index expressions ---- */
/* How a language spells index expressions. div, min and max may be NULL: then `x/y`, `x%y`, `min` and `max`. */
struct kspell {
    struct arena *arena;
    /* The name of an INDEX_SYM or INDEX_VAR; NULL: atom->name. */
    const char *(*atom)(void *ctx, const struct index *atom);
    void *ctx;
    /* Spells an INDEX_DIV or INDEX_MOD with operands x and y; NULL: `x/y` or `x%y`. */
    const char *(*div)(struct arena *a, const struct index *e, const char *x, const char *y);
    const char *min, *max;
};
/* nested: e is an operand, so a sum or quotient gets parentheses. */
const char *kspell_index(const struct kspell *s, const struct index *e, bool nested);
#endif
