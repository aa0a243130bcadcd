#ifndef TOKIC_RUNTIME_JUDGE_HELD_H
#define TOKIC_RUNTIME_JUDGE_HELD_H
/* What the judgement of kernels stands on: a source on the device is the bound tensor, rounded once; what a launch
   reads is what its producer left, and was judged; a declared output, read again at the end, is that too. A copy of
   each value lives until its last reader. */
#include "runtime/judge/verify.h"

struct held;
struct held *held_begin(struct exec *e, const struct binding *b);
void held_end(struct held *h);
/* Keeps a copy of a value that its group left and that was judged. */
void held_keep(struct held *h, const struct node *n, const struct tensor *t);
/* Compares a value that was read with what it should be, for a reader ("kernel softmax") or, NULL, at the end. The
   first difference goes to the report: memory_ok, memory_why, memory_loc. */
void held_compare(struct held *h, const struct node *n, const struct tensor *t, const char *reader,
                  struct verify_report *out);
/* Reads every output and source again and compares. false with diagnostics: it cannot be read. */
bool held_at_end(struct held *h, struct verify_report *out);
#endif
