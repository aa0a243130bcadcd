/* void fiber_swap(void **save, void *to)
   Pushes the registers that a callee must keep (System V ABI), stores the stack pointer in *save, and continues on
   stack `to`. The stack of a new fiber has words for six registers, then the address of fiber_begin. */
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

/* The first step of a fiber. fiber_start has put a pointer to the fiber into rbx and the function to call into r12. The
   stack pointer is a multiple of 16, as the ABI requires before a call. */
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
