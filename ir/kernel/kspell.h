#ifndef TOKIC_IR_KERNEL_KSPELL_H
#define TOKIC_IR_KERNEL_KSPELL_H
/* What every text of a kernel is made with: lines, and index expressions in one order of their terms. */
#include <stdarg.h>

#include "ir/arena.h"
#include "ir/index.h"

/* ---- growing text ---- */
struct kout {
    struct arena *arena;
    char *buf;
    size_t n, cap;
    int depth;
    int step; /* spaces a level */
};
__attribute__((format(printf, 2, 3))) void kout_add(struct kout *o, const char *fmt, ...);
/* A line at the present depth, with its newline. */
__attribute__((format(printf, 2, 3))) void kout_line(struct kout *o, const char *fmt, ...);
const char *kout_text(struct kout *o);

/* ---- index expressions ---- */
/* How a language spells them. What is NULL is as in the kernel text. */
struct kspell {
    struct arena *arena;
    /* of a symbol or variable; NULL result: its own name */
    const char *(*atom)(void *ctx, const struct index *atom);
    void *ctx;
    /* x / y or x % y of an INDEX_DIV or INDEX_MOD, whose operands are spelled; NULL result: by the operator */
    const char *(*div)(struct arena *a, const struct index *e, const char *x, const char *y);
    const char *min, *max; /* functions of two */
};
/* `nested`: parenthesised unless an atom. */
const char *kspell_index(const struct kspell *s, const struct index *e, bool nested);
#endif
