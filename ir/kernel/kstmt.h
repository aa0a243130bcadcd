#ifndef TOKIC_IR_KERNEL_KSTMT_H
#define TOKIC_IR_KERNEL_KSTMT_H
#include "ir/kernel/kir.h"

enum { KUSE_READ = 1, KUSE_WRITE = 2 };

/* The threads that must reach a statement together: none, those of a wave, or those of a block. */
enum kteam {
    KTEAM_THREAD,
    KTEAM_WAVE,
    KTEAM_BLOCK,
    KTEAM_SCOPE, /* wave or block, by stmt->scope */
};

enum kplace { KPLACE_ANY, KPLACE_IN_EACH, KPLACE_NO_EACH };

/* Role of a statement in an asynchronous copy. WAIT is a barrier. The copy may write at any time from its ISSUE to the
   barrier that waits for its group. */
enum kcopy { KCOPY_NONE, KCOPY_ISSUE, KCOPY_LAND, KCOPY_COMMIT, KCOPY_WAIT };

enum {
    KBODY = 1,
    KBODY_ELSE = 2,
    KBODY_REPEAT = 4,
    KBODY_APART = 8, /* each thread runs the body on its own, without collective statements */
};

struct kstmt_info {
    const char *name;
    const char *word; /* the first word in the kernel text; NULL if the text begins with a memory: `m[i] = x` */
    int mem, mem2;    /* KUSE_* flags; 0: the kind does not use this field */
    int frag, frag_a, frag_b;
    bool value;
    bool collective; /* threads exchange values or wait for each other */
    enum kteam team;
    enum kplace place;
    enum kcopy copy;
    int body;
    bool binds; /* its variable is visible to the end of the statement list; if false, only in its body */
};
extern const struct kstmt_info kstmt_table[KSTMT_COUNT];

/* ---- walks ---- */
/* A walk over the values of a kernel. `seen` is indexed by value id, and marks the values already visited. */
struct kwalk {
    struct arena *arena;
    bool *seen;
    struct kwalk_step *stack;
    size_t cap;
};
struct kwalk kwalk_new(struct arena *a, const struct kernel *k);
/* Visits x and all its operands, direct and indirect, operands first. Skips values already seen.
   Not recursive, since chains of values may be long. */
void kwalk_value(struct kwalk *w, const struct kexpr *x, void (*visit)(void *ctx, const struct kexpr *x), void *ctx);

/* Assigns an offset to each shared buffer. Two buffers overlap only if they are never live at the same time.
   Returns how many bytes a block needs. */
int kshared_place(struct kernel *k);

/* kstmt_indices visits the index expressions of a statement, but not those of its value and bodies.
   kexpr_indices visits the index expressions of a value, but not those of its operands. */
void kstmt_indices(const struct kstmt *stmt, void (*visit)(void *ctx, const struct index *e), void *ctx);
void kexpr_indices(const struct kexpr *x, void (*visit)(void *ctx, const struct index *e), void *ctx);
#endif
