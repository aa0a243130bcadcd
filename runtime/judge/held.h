#ifndef TOKIC_RUNTIME_JUDGE_HELD_H
#define TOKIC_RUNTIME_JUDGE_HELD_H
/* Checks what the judgement of kernels relies on. A source on the device must be the bound tensor, rounded once. A
   value that a group reads, or an output that is read again at the end, must still be the value that was judged. A copy
   of each value lives until its last reader. */
#include "runtime/judge/verify.h"

struct held;
struct held *held_begin(struct exec *e, const struct binding *b);
void held_end(struct held *h);
/* Keeps a copy of a value that its group left and that was judged. */
void held_keep(struct held *h, const struct node *n, const struct tensor *t);
/* Compares `t`, as it was read for `reader` ("kernel softmax"; NULL: at the end), with what n should be. The first
   difference goes to the report: memory_ok, memory_why, memory_loc. */
void held_compare(struct held *h, const struct node *n, const struct tensor *t, const char *reader,
                  struct verify_report *out);
/* Reads every output and source again and compares each. false with diagnostics if one cannot be read. */
bool held_at_end(struct held *h, struct verify_report *out);
#endif
