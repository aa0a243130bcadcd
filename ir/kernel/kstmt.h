#ifndef TOKIC_IR_KERNEL_KSTMT_H
#define TOKIC_IR_KERNEL_KSTMT_H
/* The properties of each kind of statement, in one table, and walks over the values and indices of statements. */
#include "ir/kernel/kir.h"

/* How a statement uses a memory or fragment: bits. */
enum { KUSE_READ = 1, KUSE_WRITE = 2 };

/* The threads that must reach a statement together, in uniform control. */
enum kteam {
    KTEAM_THREAD,
    KTEAM_WAVE,
    KTEAM_BLOCK,
    KTEAM_SCOPE, /* the threads of the statement's `scope` */
};

enum kplace { KPLACE_ANY, KPLACE_IN_EACH, KPLACE_NO_EACH };

/* A statement's role in an asynchronous copy. The copy reads mem2 and writes mem from its issue until the barrier that
   waits for its group. */
enum kcopy { KCOPY_NONE, KCOPY_ISSUE, KCOPY_LAND, KCOPY_COMMIT, KCOPY_WAIT };

enum {
    KBODY = 1,
    KBODY_ELSE = 2,   /* there is a second body */
    KBODY_REPEAT = 4, /* the body runs any number of times */
    KBODY_APART = 8,  /* threads run the body independently: no collectives, and values last to the end of a list */
};

struct kstmt_info {
    const char *name;         /* in messages */
    const char *word;         /* first word in the kernel text; NULL: it begins with the memory that it writes */
    int mem, mem2;            /* KUSE_*; 0: the field is NULL */
    int frag, frag_a, frag_b; /* KUSE_*; EACH reads the elements that its body uses */
    bool value;               /* the statement has a `value` */
    bool collective;          /* the threads of its team exchange values or wait for each other */
    enum kteam team;
    enum kplace place;
    enum kcopy copy;
    int body;   /* KBODY_*; 0: none */
    bool binds; /* a variable that it binds is visible to the end of the list; otherwise only in the body */
};
extern const struct kstmt_info kstmt_table[KSTMT_COUNT];

/* ---- walks ---- */
/* A walk over a kernel's values. A value is visited once, until its entry in `seen` (by value id) is cleared. */
struct kwalk {
    struct arena *arena;
    bool *seen;
    struct kwalk_step *stack;
    size_t cap;
};
struct kwalk kwalk_new(struct arena *a, const struct kernel *k);
/* Visits the unvisited values that x is computed from, operands first, then x. Chains of values may be long, so the
   walk is iterative. */
void kwalk_value(struct kwalk *w, const struct kexpr *x, void (*visit)(void *ctx, const struct kexpr *x), void *ctx);

/* Assigns every shared buffer its offset; buffers that are never live together may overlap. Returns the bytes that a
   block needs. */
int kshared_place(struct kernel *k);

/* kstmt_indices visits a statement's own index expressions, not those of its value and bodies. kexpr_indices visits a
   value's own, not those of its operands. */
void kstmt_indices(const struct kstmt *stmt, void (*visit)(void *ctx, const struct index *e), void *ctx);
void kexpr_indices(const struct kexpr *x, void (*visit)(void *ctx, const struct index *e), void *ctx);
#endif
