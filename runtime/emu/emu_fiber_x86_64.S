/* void fiber_swap(void **save, void *to): pushes what the System V ABI asks a callee to keep, leaves the stack pointer
   in *save, takes up `to`. A new fiber's stack holds the same seven words, the last of them fiber_begin's address. */
#if defined(__x86_64__)
    .text
    .globl  fiber_swap
    .type   fiber_swap, @function
fiber_swap:
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    ret
    .size   fiber_swap, . - fiber_swap

/* A fiber's first step: its struct was left in rbx, its function in r12. The stack is aligned as after a call. */
    .globl  fiber_begin
    .type   fiber_begin, @function
fiber_begin:
    movq    %rbx, %rdi
    xorl    %ebp, %ebp
    call    *%r12
    ud2
    .size   fiber_begin, . - fiber_begin
#endif
#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
