#ifndef TOKIC_CODEGEN_PAYLOAD_H
#define TOKIC_CODEGEN_PAYLOAD_H
/* Prints a kernel as plain C that one host thread runs. Every float is a payload of type P, and every operation on
   floats is a call.

   The text is one function
       void NAME_run(void *const *args, const tk_i64 *dims, const tk_i64 *grid)
   args: the buffers in argument order, P[] for any float type, else tk_i32[], tk_i64[], tk_u8[]; dims: the scalar
   arguments in order; grid: blocks along x, y, z.

   A region runs for one thread after the other, each time as a whole. A statement outside of regions is done for all
   threads of the block before the next statement begins. Threads of a region are independent and all else is
   collective, so no fibers are needed. A region that reads another thread's work in the same region gives a different
   result here than on a device. A copy is done at its issue. Uninitialised cells hold p_unset().

   The C text before the function must define tk_f64 tk_i32 tk_u32 tk_i64 tk_u8, tk_max_T and tk_min_T (T i32, i64), P,
   and on P:
       p_order(P) -> tk_i32: a key; keys compare as the payloads do
       p_const(double)   p_unset()   p_of_int(tk_i64)   p_int(P) -> tk_i64, toward zero
       p_to_T(P), T in f16 bf16 f32 f64: the value as a store or a cast to T rounds it
       p_NAME for each operation of ir/kernel/kop.def that takes floats; the comparisons give an int
       p_accumulate_OP(acc, x), p_combine_OP(acc, acc), OP in sum max min; p_accumulate_fma(acc, x, y): acc + x·y
       p_mma(c, a, b, n): c + Σ a[i]·b[i], i < n: one instruction of the matrix unit */
#include "ir/kernel/kir.h"

const char *print_payload(struct session *s, const struct kernel *k);
#endif
