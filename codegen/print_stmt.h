#ifndef TOKIC_CODEGEN_PRINT_STMT_H
#define TOKIC_CODEGEN_PRINT_STMT_H
/* The walk over a kernel's statements, and the statements that differ between the two languages (codegen/print_value.h)
   only in what struct klang spells. Names that a printer invents end in `_`; a kernel's own names never do. */
#include "codegen/print_value.h"

/* How the statements of a list are printed. */
struct kform {
    bool temporaries; /* declare a statement's temporaries before it */
    void (*stmt[KSTMT_COUNT])(struct kprint *p, const struct kstmt *it);
};

/* Print statements in the form p->form. */
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
/* Prints the part of a row reduction that each lane does alone, over its own elements of fragment row i_. */
void print_lane_reduce(struct kprint *p, const struct kstmt *it);

/* Opens a loop over the parts of a fragment: the head with its brace, and one more level of indentation. */
void print_loop(struct kprint *p, const char *var, const char *count);
void print_loop_of(struct kprint *p, const char *var, int count);
/* Closes what print_loop opened: one level of indentation back, and the brace. */
void print_close(struct kprint *p);
/* "2*i_ + j_": the number of the fragment in row i_ and column j_. */
const char *print_frag_number(struct kprint *p, const struct kfrag *f);
/* A text made safe for a comment: nothing in it ends the comment or the line. */
const char *print_remark(struct arena *a, const char *text);
#endif
