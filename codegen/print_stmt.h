#ifndef TOKIC_CODEGEN_PRINT_STMT_H
#define TOKIC_CODEGEN_PRINT_STMT_H
/* Prints the statements of a kernel, in either language of codegen/print_value.h. Variables that exist only in the
   printed text end in `_`, such as i_. Names in a kernel never end in `_`. */
#include "codegen/print_value.h"

struct kform {
    bool temporaries; /* print declarations of a statement's temporaries before the statement */
    void (*stmt[KSTMT_COUNT])(struct kprint *p, const struct kstmt *it);
};

void print_stmts(struct kprint *p, struct kstmt *const *list, size_t n);
void print_stmt(struct kprint *p, const struct kstmt *it);
void print_temporaries(struct kprint *p);

void print_region(struct kprint *p, const struct kstmt *it);
void print_let(struct kprint *p, const struct kstmt *it);
void print_store(struct kprint *p, const struct kstmt *it);
void print_accumulate(struct kprint *p, const struct kstmt *it);
void print_for(struct kprint *p, const struct kstmt *it);
void print_if(struct kprint *p, const struct kstmt *it);
void print_frag_fill(struct kprint *p, const struct kstmt *it);
void print_each(struct kprint *p, const struct kstmt *it);
void print_frag_set(struct kprint *p, const struct kstmt *it);
/* Prints loops in which each lane reduces its own elements of fragment row i_. */
void print_lane_reduce(struct kprint *p, const struct kstmt *it);

/* Prints TK_UNROLL and "for (VAR = 0; VAR < COUNT; VAR++) {". Indents the following lines. */
void print_loop(struct kprint *p, const char *var, const char *count);
void print_loop_of(struct kprint *p, const char *var, int count);
void print_close(struct kprint *p);
/* Prints the number of the fragment in row i_ and column j_: "2*i_ + j_" if f has 2 columns. */
const char *print_frag_number(struct kprint *p, const struct kfrag *f);
/* Returns a copy of `text` for use in a C comment: spaces replace "*", newlines and backslashes. */
const char *print_remark(struct arena *a, const char *text);
#endif
