#ifndef TOKIC_CODEGEN_SPELL_H
#define TOKIC_CODEGEN_SPELL_H
/* Defines the language of kernel texts, and the preludes that turn kernel texts into C for each compiler.

   The text given to a compiler is a prelude, followed by the kernels. All compilers of a target get the same kernels,
   and so does the host's C compiler, for emulation. The prelude defines the functions that kernels call: the functions
   of a table in codegen/spell.c, the target's matrix instruction, and tokic's math functions (codegen/prelude/math.h).

   Types      tk_f32 tk_f64 tk_i32 tk_u32 tk_i64 tk_u64 tk_u8
              tk_f16 tk_bf16: storage only (16 bits), no operator is ever applied to them
              tk_v16: 16 bytes, aligned; the staging register of a copy
   A kernel   struct NAME_args { TK_PTR(const tk_f16) x; ...; tk_i32 B; };
                  the argument struct, passed by value: pointers first, then scalars
              TK_KERNEL(NAME, BLOCK)
                  the head; the body reads arguments as `a.x`, `a.B`
              { TK_SHARED(BYTES);  tk_f16 *const sA = (tk_f16 *)(tk_smem + 0);  ... }
                  at most one TK_SHARED, which comes first
   Ids        tk_tid() tk_lane() tk_wave() tk_bid_x() tk_bid_y() tk_bid_z()     TK_WAVE: lanes per wave
   Loops      TK_UNROLL before a `for` with a constant trip count unrolls the loop, which keeps private arrays in
              registers
   Memory     Kernels access arrays in global and shared memory only by these functions, so that a checking prelude
              can test every access and report its line. f16 and bf16 are loaded as tk_f32. Stores round once, to
              nearest even.
              tk_ld_T(p, i) -> value, tk_st_T(p, i, v)      T in f16 bf16 f32 f64 i32 i64 u8
              tk_ldw_T_N(v, p, i), tk_stw_T_N(p, i, v)      N neighbours (2, 4, 8) to and from private values v[0..N-1];
                                                            p + i aligned to N elements; not for u8
              tk_ld2_f16(p, i) -> tk_u32                    two neighbouring f16 as one fragment register;
                                                            p + i aligned to 4 bytes
              tk_raw_T(p, i) -> tk_T, tk_put_T(p, i, v)     T in f16 bf16: the 16 bits of an element, not converted
              tk_join_f16(lo, hi) -> tk_u32                 two such elements as one fragment register
              tk_pack_f16(lo, hi) -> tk_u32                 from two f32, each rounded
              tk_lo_f16(u), tk_hi_f16(u) -> tk_f32
   Copies     tk_issue_N(stage, dst, di, src, si, on)       N bytes (4, 8, 16) from global src+si to shared dst+di,
                                                            zeros if !on; `stage`: a tk_v16 lvalue
              tk_land_N(stage, dst, di)                     the second half of a copy
              tk_commit()  tk_wait(n)                       close a group of issues; wait until at most n groups are in
                                                            flight
              NVIDIA: issue is cp.async, land does nothing. AMD: issue loads into `stage`, land stores to LDS, commit
              and wait do nothing. di and si count elements, since the pointers are typed. A kernel must not touch
              dst between tk_issue_N and the tk_wait (and barrier) for its group.
   Launches   tk_await()                                    waits until the launches before this one are done
   Barriers   tk_sync_block()  tk_sync_wave()               barrier; publishes memory within its scope
   Wave ops   tk_shfl_xor_T(v, mask)  tk_shfl_T(v, lane)    T in f32 f64 i32 i64
              tk_ballot(p) -> tk_u64
   Matrix     tk_mma(c, a, b)                               c += a·b; c: tk_f32[TK_MMA_C], a: tk_u32[TK_MMA_A],
                                                            b: tk_u32[TK_MMA_B], two f16 per register, the lower
                                                            element in the low bits
   Floats     + - * / as in C (IEEE, round to nearest even, never fused to fma)
              tk_fma_f32(a, b, c) tk_sqrt_f32 tk_abs_f32 tk_rint_f32 tk_floor_f32
              tk_max_f32 tk_min_f32                         NaN if an operand is NaN; the first of two equal
                                                            operands; the same for f64
              tk_round_f16(x) tk_round_bf16(x) -> tk_f32    rounds to f16 or bf16 and converts back
              tk_bits_f32(u) tk_f32_bits(x) tk_bits_f64 tk_f64_bits
              tk_i32_f32(x) tk_i32_f64 tk_i64_f32 tk_i64_f64
                                                            truncate, saturate, turn NaN into 0; other conversions
                                                            are C casts
              tk_exp_f32 tk_exp2_f32 tk_log_f32 tk_log2_f32 tk_tanh_f32 tk_erf_f32 tk_rsqrt_f32 tk_sigmoid_f32
              tk_sin_f32 tk_cos_f32 tk_log1p_f32
                  prelude/math.h, at most 2 ulp
              TK_INF TK_NAN
   Integers   tk_add_i32(a, b) tk_sub_i32 tk_mul_i32 tk_neg_i32 tk_abs_i32
                                                            wrap; all integer functions exist for i64 too
              tk_div_i32(a, b) tk_rem_i32                   round toward zero; 0 if b is 0
              tk_floor_div_i32 tk_mod_i32                   round down; 0 if b is 0
              tk_max_i32 tk_min_i32
              Index expressions use C operators on tk_i32, and never overflow. */
#include "ir/target.h"
#include "ir/session.h"

/* The dialect of a prelude. SPELL_EMU_CHECKED is for the emulator, and checks every memory access. */
enum spelling { SPELL_CUDA, SPELL_HIP, SPELL_EMU, SPELL_EMU_CHECKED };

/* The last line of every prelude. Lines after it are numbered from 1, so compiler messages name lines of the
   kernels. */
#define SPELL_KERNELS "#line 1 \"KERNELS\"\n"

enum spelling spell_device(const struct target *t);
/* Returns the prelude for t in dialect `how`, allocated in s->run. */
const char *spell_prelude(struct session *s, const struct target *t, enum spelling how);
/* Returns the prelude of payload texts: integer types, integer functions, and conversions to integers. */
const char *spell_integers(struct session *s);
#endif
