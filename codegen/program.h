#ifndef TOKIC_CODEGEN_PROGRAM_H
#define TOKIC_CODEGEN_PROGRAM_H
/* A graph compiled for one target: launches in order. Launches with equal kernels share a text. */
#include "ir/graph/graph.h"
#include "ir/kernel/kir.h"
#include "ir/target.h"

struct program_kernel {
    struct kernel *k; /* the first kernel with this text */
    const char *text; /* without prelude */
    size_t n_uses;
};

/* The memory bound to a buffer argument: a node's, or scratch of the launch's group, from `offset` on. */
struct launch_arg {
    const struct node *node;    /* NULL: scratch */
    int scratch;                /* index in group->scratch */
    const struct index *offset; /* bytes; NULL: 0 */
};

struct program_launch {
    const struct group *group; /* the group that the launch is a part of */
    bool first;                /* first launch of its group: the group's scratch is zeroed before it */
    bool last;                 /* last launch of its group: the group is judged after it */
    const struct kernel *k;    /* never shared, though its text may be: k->sums names the nodes of this launch */
    size_t kernel;             /* index in program->kernels of k's text */
    struct launch_arg *args;   /* k->n_args of them */
    size_t *after;             /* launches that must complete before it begins, ascending: the program's DAG */
    size_t n_after;
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

/* Lowers every group. NULL with a diagnostic if the verifier refuses a kernel or no template takes an op. */
struct program *codegen_program(struct session *s, const struct graph *g, const struct target *t, int64_t hint);
/* Prints the kernels and the module's text again, after a test has changed a kernel. */
void program_print(struct program *p);
#endif
