#ifndef TOKIC_CODEGEN_PRINT_STMT_H
#define TOKIC_CODEGEN_PRINT_STMT_H
/* Prints a kernel's statements. The functions here serve both languages of codegen/print_value.h. Names that a printer
   invents end in `_`; a kernel's own names never do. */
#include "codegen/print_value.h"

struct kform {
    bool temporaries; /* declare each statement's temporaries before the statement */
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
/* Prints a row reduction within one lane: over the lane's own elements of fragment row i_. */
void print_lane_reduce(struct kprint *p, const struct kstmt *it);

/* Prints "for (VAR = 0; VAR < COUNT; VAR++) {", unrolled, and indents the lines that follow. */
void print_loop(struct kprint *p, const char *var, const char *count);
void print_loop_of(struct kprint *p, const char *var, int count);
void print_close(struct kprint *p);
/* The number of the fragment in row i_ and column j_, as C: "2*i_ + j_". */
const char *print_frag_number(struct kprint *p, const struct kfrag *f);
/* The text as it may stand in a comment: without "*", newlines and backslashes. */
const char *print_remark(struct arena *a, const char *text);
#endif
