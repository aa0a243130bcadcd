#ifndef TOKIC_CODEGEN_PRINT_FRAG_H
#define TOKIC_CODEGEN_PRINT_FRAG_H
#include "codegen/print_stmt.h"

void print_frag_load(struct kprint *p, const struct kstmt *it);
void print_mma(struct kprint *p, const struct kstmt *it);
void print_frag_reduce(struct kprint *p, const struct kstmt *it);
void print_frag_cast(struct kprint *p, const struct kstmt *it);
#endif
