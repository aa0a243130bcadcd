#ifndef TOKIC_CODEGEN_PRINT_STMT_H
#define TOKIC_CODEGEN_PRINT_STMT_H
/* The one walk over a kernel's statements, and the statements that both languages print alike but for what
   struct klang spells. Names that a printer makes up end in `_`, as no kernel's do. */
#include "codegen/print_value.h"

/* How the statements of a list are printed. */
struct kform {
    bool temporaries; /* the walk makes those of a statement before it */
    void (*stmt[KSTMT_COUNT])(struct kprint *p, const struct kstmt *it);
};

/* In p->form. */
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
/* Of a row reduction: what a lane does with its own elements of fragment row i_. */
void print_lane_reduce(struct kprint *p, const struct kstmt *it);

/* A loop over the parts of a fragment: head with its braces open, one level deeper. */
void print_loop(struct kprint *p, const char *var, const char *count);
void print_loop_of(struct kprint *p, const char *var, int count);
/* Back a level, and a closing brace. */
void print_close(struct kprint *p);
/* "2*i_ + j_": the number of the fragment in row i_ and column j_. */
const char *print_frag_number(struct kprint *p, const struct kfrag *f);
/* Text for a comment: nothing in it ends the comment or goes on to the next line. */
const char *print_remark(struct arena *a, const char *text);
#endif
