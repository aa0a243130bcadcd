#ifndef TOKIC_IR_KERNEL_KSTMT_H
#define TOKIC_IR_KERNEL_KSTMT_H
#include "ir/kernel/kir.h"

enum { KUSE_READ = 1, KUSE_WRITE = 2 };

/* The threads that must reach a statement together. */
enum kteam {
    KTEAM_THREAD,
    KTEAM_WAVE,
    KTEAM_BLOCK,
    KTEAM_SCOPE, /* stmt->scope decides */
};

enum kplace { KPLACE_ANY, KPLACE_IN_EACH, KPLACE_NO_EACH };

/* Role in an asynchronous copy. The copy may write mem at any time between its ISSUE and the barrier (WAIT) that waits
   for its group. */
enum kcopy { KCOPY_NONE, KCOPY_ISSUE, KCOPY_LAND, KCOPY_COMMIT, KCOPY_WAIT };

enum {
    KBODY = 1,
    KBODY_ELSE = 2,
    KBODY_REPEAT = 4,
    KBODY_APART = 8, /* each thread runs body on its own: no collective statements inside */
};

struct kstmt_info {
    const char *name;
    const char *word; /* first word in the kernel text; NULL if a memory comes first: `m[i] = x` */
    int mem, mem2;    /* KUSE_* flags; 0: the statement's field is NULL */
    int frag, frag_a, frag_b;
    bool value;
    bool collective; /* threads exchange values or wait for each other */
    enum kteam team;
    enum kplace place;
    enum kcopy copy;
    int body;
    bool binds; /* its variable is visible to the end of the statement list; otherwise only in its body */
};
extern const struct kstmt_info kstmt_table[KSTMT_COUNT];

/* ---- walks ---- */
/* A walk over a kernel's values. `seen`, by value id, holds the values already visited. */
struct kwalk {
    struct arena *arena;
    bool *seen;
    struct kwalk_step *stack;
    size_t cap;
};
struct kwalk kwalk_new(struct arena *a, const struct kernel *k);
/* Visits x and all values that it is computed from, except those already seen. Operands come first. Not recursive,
   since chains of values may be long. */
void kwalk_value(struct kwalk *w, const struct kexpr *x, void (*visit)(void *ctx, const struct kexpr *x), void *ctx);

/* Assigns every shared buffer its offset. Buffers that are never live at the same time may overlap. Returns the bytes
   that a block needs. */
int kshared_place(struct kernel *k);

/* Visit the index expressions of a statement, without its value and bodies, or of a value, without its operands. */
void kstmt_indices(const struct kstmt *stmt, void (*visit)(void *ctx, const struct index *e), void *ctx);
void kexpr_indices(const struct kexpr *x, void (*visit)(void *ctx, const struct index *e), void *ctx);
#endif
