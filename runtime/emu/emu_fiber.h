#ifndef TOKIC_RUNTIME_EMU_EMU_FIBER_H
#define TOKIC_RUNTIME_EMU_EMU_FIBER_H
/* Fibers: functions with a stack of their own. A thread switches between them. */
#include <stdbool.h>
#include <stddef.h>

struct fiber {
    void *sp;                      /* x86-64: the saved stack pointer; elsewhere: a ucontext_t */
    void (*run)(struct fiber *me); /* ends with fiber_switch(me, to, true) and must not return */
    unsigned char *stack;          /* lowest address; NULL for a thread's own stack */
    const void *bottom;            /* bottom, size, fake: for AddressSanitizer */
    size_t size;
    void *fake;
    struct fiber *from; /* the fiber that last switched to this one */
};
enum { FIBER_STACK = 64 << 10 };

/* n stacks of FIBER_STACK bytes each; NULL if out of memory. */
unsigned char *fiber_stacks_new(int n);
void fiber_stacks_free(unsigned char *stacks, int n);
/* The first switch to f will call run(f). The stack's old content is lost. */
void fiber_start(struct fiber *f, unsigned char *stack, void (*run)(struct fiber *));
void fiber_switch(struct fiber *from, struct fiber *to, bool from_ends);
/* false if the fiber has overflowed its stack. */
bool fiber_intact(const struct fiber *f);
#endif
