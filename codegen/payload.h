#ifndef TOKIC_CODEGEN_PAYLOAD_H
#define TOKIC_CODEGEN_PAYLOAD_H
/* Prints a kernel as plain C for one host thread. All floats have the type P, the payload: a double, a count or a field
   element. Every operation on floats is a call.

   The text is one function
       void NAME_run(void *const *args, const tk_i64 *dims, const tk_i64 *grid)
   args: the buffers in argument order, each a P[] (any float dtype), tk_i32[], tk_i64[] or tk_u8[].
   dims: the scalar arguments in order.
   grid: number of blocks along x, y and z.

   A region runs for one thread after the other. Outside regions, a statement runs for all threads of the block before
   the next statement begins. If a region reads what another thread writes in the same region, the result differs from a
   device's. Asynchronous copies are done at their issue. Uninitialised elements hold p_unset().

   A subscript that is not provably inside its array is TK_IN(subscript, elements), or TK_IN_ARG(subscript, K) if the
   array is argument K. The text before the function may define both. If not, they check nothing.

   The text before the function must define tk_f64 tk_i32 tk_u32 tk_i64 tk_u8, tk_max_T and tk_min_T (T: i32, i64), P,
   and on P:
       p_order(P) -> tk_i32: a key; keys compare as the payloads do
       p_const(double)   p_unset()   p_of_int(tk_i64)   p_int(P) -> tk_i64, toward zero
       p_to_T(P), T in f16 bf16 f32 f64: the value as a store or a cast to T rounds it
       p_NAME for each operation of ir/kernel/kop.def that takes floats; comparisons give an int
       p_accumulate_OP(acc, x), p_join_OP(acc, total), p_combine_OP(acc, acc), OP in sum max min prod
       p_accumulate_fma(acc, x, y): acc + x·y
       p_mma(c, a, b, n): c + Σ a[i]·b[i] for i < n, which is one instruction of the matrix unit */
#include "ir/kernel/kir.h"

const char *print_payload(struct session *s, const struct kernel *k);
/* Returns the text that every prelude of payloads begins with: integer types and functions, and TK_IN. */
const char *payload_guards(struct session *s);
/* Returns the prelude of payloads over the integers modulo 2^61 - 1 (codegen/prelude/field.h). */
const char *payload_field(struct session *s);
#endif
