#ifndef TOKIC_CODEGEN_SPELL_H
#define TOKIC_CODEGEN_SPELL_H
/* The language that kernel texts are written in, and the preludes that make it C for each compiler.

   A module is PRELUDE + KERNELS. Every compiler of the target gets the same kernels, and so does the host's C compiler
   (emulation). The prelude defines the functions that kernels call: those of a table in codegen/spell.c, the target's
   matrix instruction and tokic's math functions (codegen/prelude/math.h).

   Types      tk_f32 tk_f64 tk_i32 tk_u32 tk_i64 tk_u64 tk_u8
              tk_f16 tk_bf16: storage only (16 bits), no operator is ever applied to them
              tk_v16: 16 bytes, aligned; the staging register of a copy
   A kernel   struct NAME_args { TK_PTR(const tk_f16) x; ...; tk_i32 B; };
                  one argument struct, passed by value: pointers first, then scalars
              TK_KERNEL(NAME, BLOCK)
                  the head; the body reads arguments as `a.x`, `a.B`
              { TK_SHARED(BYTES);  tk_f16 *const sA = (tk_f16 *)(tk_smem + 0);  ... }
                  at most one TK_SHARED, which comes first
   Ids        tk_tid() tk_lane() tk_wave() tk_bid_x() tk_bid_y() tk_bid_z()     TK_WAVE: lanes per wave
   Loops      TK_UNROLL before a `for` with a constant trip count unrolls the loop, which keeps private arrays in
              registers
   Memory     Every access of an array in global or shared memory is one of these, so that a checking prelude sees it
              with its line. f16 and bf16 load to tk_f32, and round once (nearest even) at the store.
              tk_ld_T(p, i) -> value, tk_st_T(p, i, v)      T in f16 bf16 f32 f64 i32 i64 u8
              tk_ldw_T_N(v, p, i), tk_stw_T_N(p, i, v)      N neighbours (2, 4, 8) to and from private values v[0..N-1];
                                                            p + i aligned to N elements; not for u8
              tk_ld2_f16(p, i) -> tk_u32                    two neighbouring f16 as one fragment register;
                                                            p + i aligned to 4 bytes
              tk_pack_f16(lo, hi) -> tk_u32                 from two f32, each rounded
              tk_lo_f16(u), tk_hi_f16(u) -> tk_f32
   Copies     tk_issue_N(stage, dst, di, src, si, on)       N bytes (4, 8, 16) from global src+si to shared dst+di,
                                                            zeros if !on; `stage`: a tk_v16 lvalue
              tk_land_N(stage, dst, di)                     the second half of a copy
              tk_commit()  tk_wait(n)                       close a group of issues; wait until at most n groups are in
                                                            flight
              NVIDIA: issue is cp.async, land does nothing. AMD: issue loads into `stage`, land stores to LDS, commit
              and wait do nothing. di and si count elements, since the pointers are typed. dst must not be touched
              between the issue and the wait (and barrier) for its group.
   Launches   tk_await()                                    until the launches before this one are done
   Barriers   tk_sync_block()  tk_sync_wave()               barrier; publishes memory within its scope
   Wave ops   tk_shfl_xor_T(v, mask)  tk_shfl_T(v, lane)    T in f32 f64 i32 i64
              tk_ballot(p) -> tk_u64
   Matrix     tk_mma(c, a, b)                               c += a·b; c: tk_f32[TK_MMA_C], a: tk_u32[TK_MMA_A],
                                                            b: tk_u32[TK_MMA_B], two f16 per register, the lower
                                                            element in the low bits
   Floats     + - * / as in C (IEEE, round to nearest even, never fused to fma)
              tk_fma_f32(a, b, c) tk_sqrt_f32 tk_abs_f32 tk_rint_f32 tk_floor_f32
              tk_max_f32 tk_min_f32: a NaN wins, on a tie the first; the same for f64
              tk_round_f16(x) tk_round_bf16(x) -> tk_f32    to that type and back
              tk_bits_f32(u) tk_f32_bits(x) tk_bits_f64 tk_f64_bits
              tk_i32_f32(x) tk_i32_f64 tk_i64_f32 tk_i64_f64
                                                            truncate, saturate, NaN is 0; other conversions are C casts
              tk_exp_f32 tk_exp2_f32 tk_log_f32 tk_log2_f32 tk_tanh_f32 tk_erf_f32 tk_rsqrt_f32 tk_sigmoid_f32
              tk_sin_f32 tk_cos_f32 tk_log1p_f32
                  prelude/math.h, at most 2 ulp
              TK_INF TK_NAN
   Integers   tk_add_i32(a, b) tk_sub_i32 tk_mul_i32 tk_neg_i32 tk_abs_i32
                                                            wrap; the same for i64
              tk_div_i32(a, b) tk_rem_i32                   truncating; by 0: 0
              tk_floor_div_i32 tk_mod_i32                   rounding down; by 0: 0
              tk_max_i32 tk_min_i32
              Indices are C operators on tk_i32, which never overflow. */
#include "ir/target.h"
#include "ir/session.h"

/* The dialect of a prelude. SPELL_EMU_CHECKED: for the emulator, with every memory access checked. */
enum spelling { SPELL_CUDA, SPELL_HIP, SPELL_EMU, SPELL_EMU_CHECKED };

/* Ends every prelude: the lines after it are numbered from 1, so messages name lines of the kernels. */
#define SPELL_KERNELS "#line 1 \"KERNELS\"\n"

enum spelling spell_device(const struct target *t);
/* Allocated in the run arena. */
const char *spell_prelude(struct session *s, const struct target *t, enum spelling how);
/* The prelude of payload texts: integer types and functions, and conversions to integers. */
const char *spell_integers(struct session *s);
#endif
