#ifndef TOKIC_CODEGEN_PROGRAM_H
#define TOKIC_CODEGEN_PROGRAM_H
/* A graph compiled for one target. Launches whose kernels print the same text share that text. */
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"
#include "ir/target.h"

struct program_kernel {
    struct kernel *k;
    const char *text;
    size_t n_uses;
};

/* The memory that a launch passes as a kernel argument. */
struct launch_arg {
    const struct node *node;    /* the value in this memory; NULL: scratch */
    int scratch;                /* index in group->scratch; -1: none */
    const struct index *offset; /* start of the argument in that memory, in bytes; NULL: 0 */
};

struct program_launch {
    const struct group *group;
    bool first;             /* first launch of its group; the group's scratch is zeroed before this launch */
    bool last;              /* last launch of its group; the group's results are complete after this launch */
    const struct kernel *k; /* this launch's own kernel, even if its text is shared */
    size_t kernel;
    struct launch_arg *args;
    size_t *after; /* indices of the launches that must end before this one begins, ascending */
    size_t n_after;
};

struct program {
    struct session *s;
    struct arena *arena;
    const struct graph *g; /* after the target's passes */
    const struct target *target;
    bool stand_ins;
    struct program_kernel *kernels;
    size_t n_kernels, cap_kernels;
    struct program_launch *launches;
    size_t n_launches, cap_launches;
    const char *text;
};

/* Lowers every group of g and prints the kernels. `hint`: expected value of symbolic dims. Returns a program in
   g->arena, or NULL, with a diagnostic, if the kernel verifier rejects a kernel. */
struct program *codegen_program(struct session *s, const struct graph *g, const struct target *t, int64_t hint);
/* The same with stand-ins (op_stands_in), for verify --exact. */
struct program *codegen_stand_ins(struct session *s, const struct graph *g, const struct target *t, int64_t hint);
/* Prints all kernels again. Tests call this function after they change a kernel. */
void program_print(struct program *p);
#endif
