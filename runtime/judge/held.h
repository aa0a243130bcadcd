#ifndef TOKIC_RUNTIME_JUDGE_HELD_H
#define TOKIC_RUNTIME_JUDGE_HELD_H
/* Checks that memory holds the right values when kernels read them.
   A source must equal its bound tensor, rounded once. Any other value must equal a copy from when it was judged. */
#include "runtime/judge/verify.h"

struct held;
struct held *held_begin(struct exec *e, const struct binding *b);
void held_end(struct held *h);
void held_keep(struct held *h, const struct node *n, const struct tensor *t);
/* Compares t, which was read from memory, with the value that n should have. Reports the first difference in *out.
   `reader`: the kernel that reads t ("kernel softmax"); NULL: read at the end. */
void held_compare(struct held *h, const struct node *n, const struct tensor *t, const char *reader,
                  struct verify_report *out);
/* Reads all outputs and sources again and compares them. Returns false with diagnostics if one cannot be read. */
bool held_at_end(struct held *h, struct verify_report *out);
#endif
