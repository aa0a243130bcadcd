#ifndef TOKIC_IR_KERNEL_KSTMT_H
#define TOKIC_IR_KERNEL_KSTMT_H
/* What is true of each kind of statement, in one table, and walks over what a statement mentions. */
#include "ir/kernel/kir.h"

/* What a statement does to a memory or a fragment that it names: bits. */
enum { KUSE_READ = 1, KUSE_WRITE = 2 };

/* The threads that come to a statement together: control there is the same for all of them. */
enum kteam {
    KTEAM_THREAD,
    KTEAM_WAVE,
    KTEAM_BLOCK,
    KTEAM_SCOPE, /* those of the statement's own scope */
};

enum kplace { KPLACE_ANY, KPLACE_IN_EACH, KPLACE_NO_EACH };

/* Its part in an asynchronous copy, which reads mem2 and writes mem from the issue until the barrier that waits for its
   group. */
enum kcopy { KCOPY_NONE, KCOPY_ISSUE, KCOPY_LAND, KCOPY_COMMIT, KCOPY_WAIT };

enum {
    KBODY = 1,
    KBODY_ELSE = 2,   /* a second one */
    KBODY_REPEAT = 4, /* it runs any number of times */
    KBODY_APART = 8,  /* threads run it independently: nothing collective stands in it, and a value lasts until the end
                         of its list */
};

struct kstmt_info {
    const char *name;         /* in messages */
    const char *word;         /* that it begins with in the kernel text; NULL: the memory that it writes */
    int mem, mem2;            /* KUSE_*; 0: the field is NULL */
    int frag, frag_a, frag_b; /* EACH reads what its body asks for */
    bool value;               /* has one */
    bool collective;          /* its team's threads exchange values or wait for each other */
    enum kteam team;
    enum kplace place;
    enum kcopy copy;
    int body;   /* KBODY_*; 0: none */
    bool binds; /* what it binds is seen to the end of its list; without, in its body */
};
extern const struct kstmt_info kstmt_table[KSTMT_COUNT];

/* ---- walks ---- */
/* Which values a walk has visited, by value id. One of the kernel's values is visited once, until its mark is taken
   away. */
struct kwalk {
    struct arena *arena;
    bool *seen;
    struct kwalk_step *stack;
    size_t cap;
};
struct kwalk kwalk_new(struct arena *a, const struct kernel *k);
/* Visits what x is computed from, operands first, and x last; what has been visited is passed over with all below it.
   Chains of values may be long: nothing here recurses over them. */
void kwalk_value(struct kwalk *w, const struct kexpr *x, void (*visit)(void *ctx, const struct kexpr *x), void *ctx);

/* Gives every shared buffer its offset: buffers that are never live together may share bytes. Returns the bytes that
   the block takes in all. */
int kshared_place(struct kernel *k);

/* The index expressions that a statement itself holds (not its body), and that a value itself holds. */
void kstmt_indices(const struct kstmt *stmt, void (*visit)(void *ctx, const struct index *e), void *ctx);
void kexpr_indices(const struct kexpr *x, void (*visit)(void *ctx, const struct index *e), void *ctx);
#endif
