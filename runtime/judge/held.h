#ifndef TOKIC_RUNTIME_JUDGE_HELD_H
#define TOKIC_RUNTIME_JUDGE_HELD_H
/* Checks that memory holds the right values when kernels read them. A source must equal its bound tensor, rounded
   once. Any other value must equal a copy, taken when the value was judged and kept until its last reader has run. */
#include "runtime/judge/verify.h"

struct held;
struct held *held_begin(struct exec *e, const struct binding *b);
void held_end(struct held *h);
void held_keep(struct held *h, const struct node *n, const struct tensor *t);
/* Compares t, read from memory, with the value that node n should have. `reader` names the kernel that reads t
   ("kernel softmax"); NULL: read at the end. The first difference is reported in out->memory_ok, memory_why and
   memory_loc. */
void held_compare(struct held *h, const struct node *n, const struct tensor *t, const char *reader,
                  struct verify_report *out);
/* Reads all outputs and sources again and compares them. Returns false with diagnostics if one cannot be read. */
bool held_at_end(struct held *h, struct verify_report *out);
#endif
