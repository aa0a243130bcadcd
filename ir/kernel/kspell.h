#ifndef TOKIC_IR_KERNEL_KSPELL_H
#define TOKIC_IR_KERNEL_KSPELL_H
/* Helpers to print kernels: growing text, and index expressions with their terms in a fixed order. */
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
/* Adds a line with a newline, indented by depth · step spaces. */
__attribute__((format(printf, 2, 3))) void kout_line(struct kout *o, const char *fmt, ...);
const char *kout_text(struct kout *o);

/* ---- index expressions ---- */
/* How a language writes index expressions. NULL fields mean the defaults: atom->name, `x/y` and `x%y`, `min`, `max`. */
struct kspell {
    struct arena *arena;
    /* Returns the name of an INDEX_SYM or INDEX_VAR. */
    const char *(*atom)(void *ctx, const struct index *atom);
    void *ctx;
    /* Returns the text of an INDEX_DIV or INDEX_MOD with operands x and y. */
    const char *(*div)(struct arena *a, const struct index *e, const char *x, const char *y);
    const char *min, *max;
};
/* Returns the text of e. `nested`: e is an operand, so a sum or quotient gets parentheses. */
const char *kspell_index(const struct kspell *s, const struct index *e, bool nested);
#endif
