#ifndef TOKIC_RUNTIME_JUDGE_HELD_H
#define TOKIC_RUNTIME_JUDGE_HELD_H
/* Checks that memory holds the right values when kernels read it. A source must be its bound tensor, rounded once. Any
   other value must still be the value that was judged. A copy of each judged value is kept until its last reader. */
#include "runtime/judge/verify.h"

struct held;
struct held *held_begin(struct exec *e, const struct binding *b);
void held_end(struct held *h);
void held_keep(struct held *h, const struct node *n, const struct tensor *t);
/* Compares t with the value that n should have. `reader` is the kernel that reads t ("kernel softmax"; NULL: read at
   the end). Reports the first difference in out->memory_ok, memory_why and memory_loc. */
void held_compare(struct held *h, const struct node *n, const struct tensor *t, const char *reader,
                  struct verify_report *out);
/* Reads every output and source again and compares it. false with diagnostics if one cannot be read. */
bool held_at_end(struct held *h, struct verify_report *out);
#endif
