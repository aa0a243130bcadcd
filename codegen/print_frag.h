#ifndef TOKIC_CODEGEN_PRINT_FRAG_H
#define TOKIC_CODEGEN_PRINT_FRAG_H
/* Items of fragments in the GPU text, for codegen/print.c. */
#include "codegen/print_value.h"

void print_frag_stmt(struct kprint *p, const struct kstmt *it);
/* Is it a cast whose elements change lanes? */
bool print_cast_turns(const struct kernel *k, const struct kstmt *it);
/* codegen/print.c's, for the body of an each. */
void print_stmts(struct kprint *p, struct kstmt *const *list, size_t n);
#endif
