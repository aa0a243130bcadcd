#include "runtime/emu/emu_fiber.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ir/session.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#endif

/* AddressSanitizer must be told of every switch of stacks (sanitizer/common_interface_defs.h). */
#if defined(HAS_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
static void leave(struct fiber *from, struct fiber *to, bool ends)
{
    __sanitizer_start_switch_fiber(ends ? NULL : &from->fake, to->bottom, to->size);
}
static void arrive(struct fiber *me) { __sanitizer_finish_switch_fiber(me->fake, &me->from->bottom, &me->from->size); }
static void forget(unsigned char *stack) { __asan_unpoison_memory_region(stack, FIBER_STACK); }
#else
static void leave(struct fiber *from, struct fiber *to, bool ends)
{
    (void)from;
    (void)to;
    (void)ends;
}
static void arrive(struct fiber *me) { (void)me; }
static void forget(unsigned char *stack) { (void)stack; }
#endif

/* The lowest words of a stack. A stack overflow overwrites them. Guard pages would need too many memory mappings. */
enum { CANARY_WORDS = 8 };
static const uint64_t canary = 0x746f6b6963206573u;

unsigned char *fiber_stacks_new(int n)
{
    void *p =
        mmap(NULL, (size_t)n * FIBER_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void fiber_stacks_free(unsigned char *stacks, int n)
{
    if (!stacks)
        return;
    for (int i = 0; i < n; i++)
        forget(stacks + (size_t)i * FIBER_STACK);
    munmap(stacks, (size_t)n * FIBER_STACK);
}

bool fiber_intact(const struct fiber *f)
{
    uint64_t words[CANARY_WORDS];
    memcpy(words, f->stack, sizeof words);
    for (int i = 0; i < CANARY_WORDS; i++)
        if (words[i] != canary)
            return false;
    return true;
}

static void first_step(struct fiber *me)
{
    arrive(me);
    me->run(me);
    BUG("a fiber came to the end of its stack");
}

#if defined(__x86_64__)

void fiber_swap(void **save, void *to);
void fiber_begin(void);

static void prepare(struct fiber *f)
{
    uint64_t *top = (uint64_t *)(void *)(f->stack + FIBER_STACK);
    uint64_t *sp = top - 9; /* six registers, the return address, and two words to keep the stack aligned to 16 */
    memset(sp, 0, 9 * sizeof *sp);
    sp[3] = (uint64_t)(uintptr_t)first_step; /* r12 */
    sp[4] = (uint64_t)(uintptr_t)f;          /* rbx */
    sp[6] = (uint64_t)(uintptr_t)fiber_begin;
    f->sp = sp;
}

static void swap(struct fiber *from, struct fiber *to) { fiber_swap(&from->sp, to->sp); }

#else

/* Other processors use ucontext: twenty times slower, since each switch saves the signal mask. */
#include <ucontext.h>

static void first_step_of(unsigned low, unsigned high)
{
    first_step((struct fiber *)(uintptr_t)((uint64_t)high << 32 | low));
}

static void prepare(struct fiber *f)
{
    ucontext_t *u = (ucontext_t *)(void *)(f->stack + FIBER_STACK - (sizeof *u + 15) / 16 * 16);
    uint64_t bits = (uint64_t)(uintptr_t)f;
    getcontext(u);
    u->uc_stack.ss_sp = f->stack;
    u->uc_stack.ss_size = (size_t)((unsigned char *)u - f->stack);
    u->uc_link = NULL;
    makecontext(u, (void (*)(void))first_step_of, 2, (unsigned)bits, (unsigned)(bits >> 32));
    f->sp = u;
}

static void swap(struct fiber *from, struct fiber *to)
{
    ucontext_t here; /* keeps a thread's context while a fiber runs */
    if (!from->stack)
        from->sp = &here;
    swapcontext(from->sp, to->sp);
}

#endif

void fiber_start(struct fiber *f, unsigned char *stack, void (*run)(struct fiber *))
{
    forget(stack);
    for (int i = 0; i < CANARY_WORDS; i++)
        memcpy(stack + (size_t)i * sizeof canary, &canary, sizeof canary);
    *f = (struct fiber){ .run = run, .stack = stack, .bottom = stack, .size = FIBER_STACK };
    prepare(f);
}

void fiber_switch(struct fiber *from, struct fiber *to, bool from_ends)
{
    to->from = from;
    leave(from, to, from_ends);
    swap(from, to);
    arrive(from);
}
