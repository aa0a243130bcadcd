#ifndef TOKIC_RUNTIME_EMU_EMU_FIBER_H
#define TOKIC_RUNTIME_EMU_EMU_FIBER_H
/* Stacks to switch between. */
#include <stdbool.h>
#include <stddef.h>

struct fiber {
    void *sp;                      /* x86-64: its saved stack pointer; elsewhere a ucontext_t */
    void (*run)(struct fiber *me); /* must not return: it ends by fiber_switch(me, to, true) */
    unsigned char *stack;          /* lowest address; NULL: an OS thread's own stack */
    const void *bottom;            /* for AddressSanitizer: the stack, its size, its fake stack */
    size_t size;
    void *fake;
    struct fiber *from; /* who switched to it last */
};
enum { FIBER_STACK = 64 << 10 };

/* Memory for `n` stacks of FIBER_STACK bytes; NULL if there is none. */
unsigned char *fiber_stacks_new(int n);
void fiber_stacks_free(unsigned char *stacks, int n);
/* Makes f start at run(f) when it is switched to. The stack's old content is discarded. */
void fiber_start(struct fiber *f, unsigned char *stack, void (*run)(struct fiber *));
void fiber_switch(struct fiber *from, struct fiber *to, bool from_ends);
/* False if the fiber has written beyond its stack. */
bool fiber_intact(const struct fiber *f);
#endif
