#ifndef TOKIC_CODEGEN_PROGRAM_H
#define TOKIC_CODEGEN_PROGRAM_H
/* A graph compiled for one target: launches in order, over kernels of which equal ones share a text. */
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"
#include "ir/target.h"

struct program_kernel {
    struct kernel *k; /* the first of those that share the text */
    const char *text; /* without prelude */
    size_t n_uses;
};

struct program_launch {
    const struct group *group; /* what it is part of; a group is judged when its last launch is done */
    bool last;
    const struct kernel *k;   /* its own kernel: sums belong to its own nodes */
    size_t kernel;            /* index of its text in program->kernels */
    const struct node **args; /* what is bound to each buffer argument, k->n_args of them */
};

struct program {
    struct session *s;
    struct arena *arena;
    const struct graph *g; /* after the target's passes */
    const struct target *target;
    struct program_kernel *kernels;
    size_t n_kernels, cap_kernels;
    struct program_launch *launches;
    size_t n_launches, cap_launches;
    const char *text; /* all kernels' texts: the same bytes for every compiler */
};

/* Lowers every group. NULL with a diagnostic: a kernel that the verifier refuses, or an op that no template takes. */
struct program *codegen_program(struct session *s, const struct graph *g, const struct target *t, int64_t hint);
/* Prints the kernels again into texts and module (after a test has changed a kernel). */
void program_print(struct program *p);
#endif
