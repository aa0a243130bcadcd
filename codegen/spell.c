#include "codegen/spell.h"

#include <stdlib.h>
#include <string.h>

#include "codegen/prelude/emu_abi.h"
#include "ir/memory.h"

extern const char prelude_math[];
extern const char prelude_emu_abi[];

enum row_kind {
    PURE,
    ITEM, /* uses the work-item, so the emulator passes tk_me and tk_line */
    READ, /* reads `width` elements from p + i on */
    WRITE
};

/* One function of the language. `c`, `cuda` and `hip` are its bodies. If `cuda` or `hip` is NULL, `c` is used. */
struct row {
    const char *name, *result, *params;
    enum row_kind kind;
    int width;
    const char *c, *cuda, *hip;
};

#define LOAD(T, R, GET)                                                                                                \
    {                                                                                                                  \
        "tk_ld_" #T, R, "const tk_" #T " *p, tk_i64 i", READ, 1, "return " GET ";", NULL, NULL                         \
    }
#define STORE(T, V, PUT)                                                                                               \
    {                                                                                                                  \
        "tk_st_" #T, "void", "tk_" #T " *p, tk_i64 i, " V " v", WRITE, 1, "p[i] = " PUT ";", NULL, NULL                \
    }

#define RAW(T)                                                                                                         \
    { "tk_raw_" #T, "tk_" #T, "const tk_" #T " *p, tk_i64 i", READ, 1, "return p[i];", NULL, NULL },                   \
    {                                                                                                                  \
        "tk_put_" #T, "void", "tk_" #T " *p, tk_i64 i, tk_" #T " v", WRITE, 1, "p[i] = v;", NULL, NULL                 \
    }

/* Arithmetic on the integer type T. The unsigned type U makes results wrap. The least integer divided by -1 wraps too;
   C's own division would trap on a CPU. */
#define INT1(NAME, T, BODY)                                                                                            \
    {                                                                                                                  \
        "tk_" #NAME "_" #T, "tk_" #T, "tk_" #T " a", PURE, 0, BODY, NULL, NULL                                         \
    }
#define INT2(NAME, T, BODY)                                                                                            \
    {                                                                                                                  \
        "tk_" #NAME "_" #T, "tk_" #T, "tk_" #T " a, tk_" #T " b", PURE, 0, BODY, NULL, NULL                            \
    }
#define INTEGER(T, U)                                                                                                  \
    INT2(max, T, "return a > b ? a : b;"), INT2(min, T, "return a < b ? a : b;"),                                      \
        INT2(add, T, "return (tk_" #T ")((tk_" #U ")a + (tk_" #U ")b);"),                                              \
        INT2(sub, T, "return (tk_" #T ")((tk_" #U ")a - (tk_" #U ")b);"),                                              \
        INT2(mul, T, "return (tk_" #T ")((tk_" #U ")a * (tk_" #U ")b);"),                                              \
        INT1(neg, T, "return (tk_" #T ")(0 - (tk_" #U ")a);"), INT1(abs, T, "return a < 0 ? tk_neg_" #T "(a) : a;"),   \
        INT2(div, T, "return b == 0 ? 0 : b == -1 ? tk_neg_" #T "(a) : a / b;"),                                       \
        INT2(rem, T, "return b == 0 || b == -1 ? 0 : a % b;"),                                                         \
        INT2(floor_div, T,                                                                                             \
             "tk_" #T " q = tk_div_" #T "(a, b), r = tk_rem_" #T "(a, b); "                                            \
             "return r != 0 && (r < 0) != (b < 0) ? q - 1 : q;"),                                                      \
        INT2(mod, T, "tk_" #T " r = tk_rem_" #T "(a, b); return r != 0 && (r < 0) != (b < 0) ? r + b : r;")

/* Converts float type F to integer type T, whose values are -2^BITS .. 2^BITS - 1. A NaN becomes 0. Values out of range
   saturate. F represents -2^BITS and 2^BITS exactly, so the comparisons are exact. */
#define TO_INT(T, F, BITS, LEAST)                                                                                      \
    {                                                                                                                  \
        "tk_" #T "_" #F, "tk_" #T, "tk_" #F " x", PURE, 0,                                                             \
            "return x != x ? 0 : x < (tk_" #F ")-0x1p" #BITS " ? " LEAST " : x >= (tk_" #F ")0x1p" #BITS               \
            " ? -1 - (" LEAST ") : (tk_" #T ")x;",                                                                     \
            NULL, NULL                                                                                                 \
    }
#define LEAST_I32 "-2147483647 - 1"
#define LEAST_I64 "-9223372036854775807ll - 1"

/* Vector accesses move 32-bit words. tk_get_N copies N bytes from memory p to the words w, and tk_set_N from w to p.
   tk_in_T returns element k of the words w. tk_word_T returns word j of the elements v. */
#define WORDS(N, GET, PUT)                                                                                             \
    { "tk_get_" #N, "void", "tk_u32 *w, const void *p", PURE, 0, GET, NULL, NULL },                                    \
    {                                                                                                                  \
        "tk_set_" #N, "void", "void *p, const tk_u32 *w", PURE, 0, PUT, NULL, NULL                                     \
    }
#define IN_WORDS(T, V, GET, PUT)                                                                                       \
    { "tk_in_" #T, V, "const tk_u32 *w, tk_i32 k", PURE, 0, "return " GET ";", NULL, NULL },                           \
    {                                                                                                                  \
        "tk_word_" #T, "tk_u32", "const " V " *v, tk_i32 j", PURE, 0, "return " PUT ";", NULL, NULL                    \
    }

/* Shuffles of type T. A shuffle moves the bits of a value: 32 bits at a time on AMD, 64 in the emulator. */
#define SHUFFLE(T, TO_U64, FROM_U64, HIP_BODY)                                                                         \
    { "tk_shfl_" #T,                                                                                                   \
      "tk_" #T,                                                                                                        \
      "tk_" #T " v, tk_i32 lane",                                                                                      \
      ITEM,                                                                                                            \
      0,                                                                                                               \
      "tk_u64 b = tk_me->host->shuffle(tk_me, tk_line, " TO_U64 ", lane & (TK_WAVE - 1)); return " FROM_U64 ";",       \
      "return __shfl_sync(0xffffffffu, v, lane);",                                                                     \
      HIP_BODY },                                                                                                      \
    {                                                                                                                  \
        "tk_shfl_xor_" #T, "tk_" #T, "tk_" #T " v, tk_i32 mask", ITEM, 0,                                              \
            "tk_u64 b = tk_me->host->shuffle(tk_me, tk_line, " TO_U64                                                  \
            ", (tk_me->lane ^ mask) & (TK_WAVE - 1)); return " FROM_U64 ";",                                           \
            "return __shfl_xor_sync(0xffffffffu, v, mask);", "return tk_shfl_" #T "(v, tk_lane() ^ mask);"             \
    }

static const struct row integer_rows[] = {
    INTEGER(i32, u32),
    INTEGER(i64, u64),
    TO_INT(i32, f32, 31, LEAST_I32),
    TO_INT(i32, f64, 31, LEAST_I32),
    TO_INT(i64, f32, 63, LEAST_I64),
    TO_INT(i64, f64, 63, LEAST_I64),
};

static const struct row rows[] = {
    { "tk_tid", "tk_i32", "void", ITEM, 0, "return tk_me->tid;", "return (tk_i32)threadIdx.x;",
      "return (tk_i32)__builtin_amdgcn_workitem_id_x();" },
    { "tk_lane", "tk_i32", "void", ITEM, 0, "return tk_me->lane;", "return tk_tid() & (TK_WAVE - 1);",
      "return tk_tid() & (TK_WAVE - 1);" },
    /* AMD: readfirstlane tells the compiler that all lanes have the same value, so a scalar register can hold it. */
    { "tk_wave", "tk_i32", "void", ITEM, 0, "return tk_me->wave;", "return tk_tid() / TK_WAVE;",
      "return __builtin_amdgcn_readfirstlane(tk_tid() / TK_WAVE);" },
    { "tk_bid_x", "tk_i32", "void", ITEM, 0, "return tk_me->bid[0];", "return (tk_i32)blockIdx.x;",
      "return (tk_i32)__builtin_amdgcn_workgroup_id_x();" },
    { "tk_bid_y", "tk_i32", "void", ITEM, 0, "return tk_me->bid[1];", "return (tk_i32)blockIdx.y;",
      "return (tk_i32)__builtin_amdgcn_workgroup_id_y();" },
    { "tk_bid_z", "tk_i32", "void", ITEM, 0, "return tk_me->bid[2];", "return (tk_i32)blockIdx.z;",
      "return (tk_i32)__builtin_amdgcn_workgroup_id_z();" },

    { "tk_f32_bits", "tk_u32", "tk_f32 x", PURE, 0, "tk_u32 u; __builtin_memcpy(&u, &x, 4); return u;",
      "return __float_as_uint(x);", NULL },
    { "tk_bits_f32", "tk_f32", "tk_u32 u", PURE, 0, "tk_f32 x; __builtin_memcpy(&x, &u, 4); return x;",
      "return __uint_as_float(u);", NULL },
    { "tk_f64_bits", "tk_u64", "tk_f64 x", PURE, 0, "tk_u64 u; __builtin_memcpy(&u, &x, 8); return u;",
      "return (tk_u64)__double_as_longlong(x);", NULL },
    { "tk_bits_f64", "tk_f64", "tk_u64 u", PURE, 0, "tk_f64 x; __builtin_memcpy(&x, &u, 8); return x;",
      "return __longlong_as_double((tk_i64)u);", NULL },
    /* tk_from_f16 is exact. tk_to_f16 rounds once, to nearest even, and keeps subnormals. */
    { "tk_from_f16", "tk_f32", "tk_f16 h", PURE, 0,
      "\n#if defined(__F16C__)\n"
      "    tk_x8 v = { (short)h, 0, 0, 0, 0, 0, 0, 0 };\n    return __builtin_ia32_vcvtph2ps(v)[0];\n"
      "#else\n"
      "    tk_u32 m = (tk_u32)(h & 0x7fff) << 13, s = (tk_u32)(h & 0x8000) << 16;\n"
      "    if ((h & 0x7c00) == 0x7c00) return tk_bits_f32(s | m | 0x7f800000u);\n"
      "    return tk_bits_f32(s | tk_f32_bits(tk_bits_f32(m) * 0x1p112f));\n"
      "#endif\n",
      "tk_f32 x; asm(\"cvt.f32.f16 %0, %1;\" : \"=f\"(x) : \"h\"(h)); return x;",
      "_Float16 x; __builtin_memcpy(&x, &h, 2); return (tk_f32)x;" },
    { "tk_to_f16", "tk_f16", "tk_f32 x", PURE, 0,
      "\n#if defined(__F16C__)\n"
      "    tk_x4 v = { x, 0, 0, 0 };\n    return (tk_f16)__builtin_ia32_vcvtps2ph(v, 0)[0];\n"
      "#else\n"
      "    tk_u32 u = tk_f32_bits(x), s = (u >> 16) & 0x8000, a = u & 0x7fffffff;\n"
      "    if (a > 0x7f800000u) return (tk_f16)(s | 0x7e00 | ((a >> 13) & 0x1ff));\n"
      "    if (a >= 0x477ff000u) return (tk_f16)(s | 0x7c00);              /* 65520: half way beyond the largest */\n"
      "    if (a < 0x38800000u) return (tk_f16)(s | (tk_f32_bits(tk_bits_f32(a) + 0.5f) - 0x3f000000u));   /* "
      "subnormal: 0.5 has their ulp */\n"
      "    return (tk_f16)(s | ((a - 0x38000000u + 0xfff + ((a >> 13) & 1)) >> 13));\n"
      "#endif\n",
      "tk_f16 h; asm(\"cvt.rn.f16.f32 %0, %1;\" : \"=h\"(h) : \"f\"(x)); return h;",
      "_Float16 y = (_Float16)x; tk_f16 h; __builtin_memcpy(&h, &y, 2); return h;" },
    { "tk_from_bf16", "tk_f32", "tk_bf16 h", PURE, 0, "return tk_bits_f32((tk_u32)h << 16);", NULL, NULL },
    { "tk_to_bf16", "tk_bf16", "tk_f32 x", PURE, 0,
      "tk_u32 u = tk_f32_bits(x); return (tk_bf16)(x != x ? (u >> 16) | 0x40 : (u + 0x7fff + ((u >> 16) & 1)) >> 16);",
      NULL, NULL },
    { "tk_round_f16", "tk_f32", "tk_f32 x", PURE, 0, "return tk_from_f16(tk_to_f16(x));", NULL, NULL },
    { "tk_round_bf16", "tk_f32", "tk_f32 x", PURE, 0, "return tk_from_bf16(tk_to_bf16(x));", NULL, NULL },
    { "tk_pack_f16", "tk_u32", "tk_f32 lo, tk_f32 hi", PURE, 0,
      "return (tk_u32)tk_to_f16(lo) | (tk_u32)tk_to_f16(hi) << 16;",
      "tk_u32 u; asm(\"cvt.rn.f16x2.f32 %0, %1, %2;\" : \"=r\"(u) : \"f\"(hi), \"f\"(lo)); return u;", NULL },
    { "tk_lo_f16", "tk_f32", "tk_u32 u", PURE, 0, "return tk_from_f16((tk_f16)u);", NULL, NULL },
    { "tk_hi_f16", "tk_f32", "tk_u32 u", PURE, 0, "return tk_from_f16((tk_f16)(u >> 16));", NULL, NULL },

    { "tk_fma_f32", "tk_f32", "tk_f32 a, tk_f32 b, tk_f32 c", PURE, 0, "return __builtin_fmaf(a, b, c);",
      "return __fmaf_rn(a, b, c);", NULL },
    { "tk_fma_f64", "tk_f64", "tk_f64 a, tk_f64 b, tk_f64 c", PURE, 0, "return __builtin_fma(a, b, c);",
      "return __fma_rn(a, b, c);", NULL },
    /* AMD: before LLVM 17, __builtin_sqrtf is an instruction with an error of up to 1 ulp. So the correctly rounded
       root is the instruction's result s, or a neighbour of s: `down` or `up`. The signs of y - s·down and y - s·up
       select the root. Small x are scaled, so that no term is subnormal. */
    { "tk_sqrt_f32", "tk_f32", "tk_f32 x", PURE, 0, "return __builtin_sqrtf(x);", "return __fsqrt_rn(x);",
      "\n    tk_f32 y = x < 0x1p-96f ? x * 0x1p32f : x, s = __builtin_amdgcn_sqrtf(y);\n"
      "    tk_f32 down = tk_bits_f32(tk_f32_bits(s) - 1), up = tk_bits_f32(tk_f32_bits(s) + 1);\n"
      "    tk_f32 r = __builtin_fmaf(-down, s, y) <= 0 ? down : s;\n"
      "    r = __builtin_fmaf(-up, s, y) > 0 ? up : r;\n"
      "    r = x < 0x1p-96f ? r * 0x1p-16f : r;\n"
      "    return y == 0 || y == tk_bits_f32(0x7f800000u) ? y : r;\n" },
    /* AMD: Goldschmidt's iteration. It starts from the rsq instruction, which gives 28 correct bits. The last two steps
       correct the root g by the residual z - g·g, computed by fma (Markstein, IA-64 and Elementary Functions). */
    { "tk_sqrt_f64", "tk_f64", "tk_f64 x", PURE, 0, "return __builtin_sqrt(x);", "return __dsqrt_rn(x);",
      "\n    tk_f64 z = x < 0x1p-767 ? x * 0x1p256 : x, y = __builtin_amdgcn_rsq(z), g = z * y, h = 0.5 * y;\n"
      "    tk_f64 r = __builtin_fma(-h, g, 0.5);\n"
      "    g = __builtin_fma(g, r, g), h = __builtin_fma(h, r, h);\n"
      "    g = __builtin_fma(__builtin_fma(-g, g, z), h, g);\n"
      "    g = __builtin_fma(__builtin_fma(-g, g, z), h, g);\n"
      "    g = x < 0x1p-767 ? g * 0x1p-128 : g;\n"
      "    return z == 0 || z == tk_bits_f64(0x7ff0000000000000u) ? z : g;\n" },
    { "tk_abs_f32", "tk_f32", "tk_f32 x", PURE, 0, "return __builtin_fabsf(x);", "return fabsf(x);", NULL },
    { "tk_abs_f64", "tk_f64", "tk_f64 x", PURE, 0, "return __builtin_fabs(x);", "return fabs(x);", NULL },
    { "tk_order_f32", "tk_i32", "tk_f32 x", PURE, 0,
      "tk_i32 i = (tk_i32)tk_f32_bits(x); return x != x ? -2147483647 - 1 : i < 0 ? -2147483647 - 1 - i : i;", NULL,
      NULL },
    { "tk_rint_f32", "tk_f32", "tk_f32 x", PURE, 0, "return __builtin_rintf(x);", "return rintf(x);", NULL },
    { "tk_rint_f64", "tk_f64", "tk_f64 x", PURE, 0, "return __builtin_rint(x);", "return rint(x);", NULL },
    { "tk_floor_f32", "tk_f32", "tk_f32 x", PURE, 0, "return __builtin_floorf(x);", "return floorf(x);", NULL },
    { "tk_floor_f64", "tk_f64", "tk_f64 x", PURE, 0, "return __builtin_floor(x);", "return floor(x);", NULL },
    { "tk_max_f32", "tk_f32", "tk_f32 a, tk_f32 b", PURE, 0, "return a >= b || a != a ? a : b;", NULL, NULL },
    { "tk_min_f32", "tk_f32", "tk_f32 a, tk_f32 b", PURE, 0, "return a <= b || a != a ? a : b;", NULL, NULL },
    { "tk_max_f64", "tk_f64", "tk_f64 a, tk_f64 b", PURE, 0, "return a >= b || a != a ? a : b;", NULL, NULL },
    { "tk_min_f64", "tk_f64", "tk_f64 a, tk_f64 b", PURE, 0, "return a <= b || a != a ? a : b;", NULL, NULL },

    LOAD(f16, "tk_f32", "tk_from_f16(p[i])"),
    LOAD(bf16, "tk_f32", "tk_from_bf16(p[i])"),
    LOAD(f32, "tk_f32", "p[i]"),
    LOAD(f64, "tk_f64", "p[i]"),
    LOAD(i32, "tk_i32", "p[i]"),
    LOAD(i64, "tk_i64", "p[i]"),
    LOAD(u8, "tk_u8", "p[i]"),
    STORE(f16, "tk_f32", "tk_to_f16(v)"),
    STORE(bf16, "tk_f32", "tk_to_bf16(v)"),
    STORE(f32, "tk_f32", "v"),
    STORE(f64, "tk_f64", "v"),
    STORE(i32, "tk_i32", "v"),
    STORE(i64, "tk_i64", "v"),
    STORE(u8, "tk_u8", "v"),
    WORDS(4, "w[0] = *(const tk_word *)p;", "*(tk_word *)p = w[0];"),
    WORDS(8, "tk_v8 v = *(const tk_v8 *)p; w[0] = v.w[0]; w[1] = v.w[1];",
          "tk_v8 v = { { w[0], w[1] } }; *(tk_v8 *)p = v;"),
    WORDS(16, "tk_v16 v = *(const tk_v16 *)p; w[0] = v.w[0]; w[1] = v.w[1]; w[2] = v.w[2]; w[3] = v.w[3];",
          "tk_v16 v = { { w[0], w[1], w[2], w[3] } }; *(tk_v16 *)p = v;"),
    IN_WORDS(f16, "tk_f32", "k % 2 ? tk_hi_f16(w[k / 2]) : tk_lo_f16(w[k / 2])", "tk_pack_f16(v[2 * j], v[2 * j + 1])"),
    IN_WORDS(bf16, "tk_f32", "tk_bits_f32(k % 2 ? w[k / 2] & 0xffff0000u : w[k / 2] << 16)",
             "(tk_u32)tk_to_bf16(v[2 * j]) | (tk_u32)tk_to_bf16(v[2 * j + 1]) << 16"),
    IN_WORDS(f32, "tk_f32", "tk_bits_f32(w[k])", "tk_f32_bits(v[j])"),
    IN_WORDS(f64, "tk_f64", "tk_bits_f64((tk_u64)w[2 * k + 1] << 32 | w[2 * k])",
             "(tk_u32)(tk_f64_bits(v[j / 2]) >> j % 2 * 32)"),
    IN_WORDS(i32, "tk_i32", "(tk_i32)w[k]", "(tk_u32)v[j]"),
    IN_WORDS(i64, "tk_i64", "(tk_i64)((tk_u64)w[2 * k + 1] << 32 | w[2 * k])",
             "(tk_u32)((tk_u64)v[j / 2] >> j % 2 * 32)"),
    { "tk_ld2_f16", "tk_u32", "const tk_f16 *p, tk_i64 i", READ, 2, "return *(const tk_word *)(p + i);", NULL, NULL },
    RAW(f16),
    RAW(bf16),
    { "tk_join_f16", "tk_u32", "tk_f16 lo, tk_f16 hi", PURE, 0, "return (tk_u32)lo | (tk_u32)hi << 16;",
      "tk_u32 u; asm(\"mov.b32 %0, {%1, %2};\" : \"=r\"(u) : \"h\"(lo), \"h\"(hi)); return u;", NULL },

    { "tk_sync_block", "void", "void", ITEM, 0, "tk_me->host->sync_block(tk_me, tk_line);", "__syncthreads();",
      "__builtin_amdgcn_fence(__ATOMIC_RELEASE, \"workgroup\"); __builtin_amdgcn_s_barrier(); "
      "__builtin_amdgcn_fence(__ATOMIC_ACQUIRE, \"workgroup\");" },
    /* AMD: the lanes of a wave run in lockstep, so tk_sync_wave only orders memory accesses. */
    { "tk_sync_wave", "void", "void", ITEM, 0, "tk_me->host->sync_wave(tk_me, tk_line);", "__syncwarp();",
      "__builtin_amdgcn_fence(__ATOMIC_RELEASE, \"wavefront\"); __builtin_amdgcn_wave_barrier(); "
      "__builtin_amdgcn_fence(__ATOMIC_ACQUIRE, \"wavefront\");" },

    SHUFFLE(i32, "(tk_u32)v", "(tk_i32)b", "return __builtin_amdgcn_ds_bpermute(lane << 2, v);"),
    SHUFFLE(f32, "tk_f32_bits(v)", "tk_bits_f32((tk_u32)b)",
            "return tk_bits_f32((tk_u32)tk_shfl_i32((tk_i32)tk_f32_bits(v), lane));"),
    SHUFFLE(i64, "(tk_u64)v", "(tk_i64)b",
            "tk_u32 lo = (tk_u32)tk_shfl_i32((tk_i32)v, lane), hi = (tk_u32)tk_shfl_i32((tk_i32)(v >> 32), lane); "
            "return (tk_i64)((tk_u64)hi << 32 | lo);"),
    SHUFFLE(f64, "tk_f64_bits(v)", "tk_bits_f64(b)",
            "return tk_bits_f64((tk_u64)tk_shfl_i64((tk_i64)tk_f64_bits(v), lane));"),
    /* AMD: hiprtc 5.2 has no ballot builtin, but has uicmp. 33 is LLVM's code for "not equal". */
    { "tk_ballot", "tk_u64", "tk_i32 p", ITEM, 0, "return tk_me->host->ballot(tk_me, tk_line, p != 0);",
      "return __ballot_sync(0xffffffffu, p);", "return __builtin_amdgcn_uicmp((tk_u32)(p != 0), 0u, 33);" },
};

/* The types T of tk_ldw_T_N and tk_stw_T_N. `load` and `store` are the C expressions for element k. */
static const struct vector_type {
    const char *name, *value;
    int size;
    const char *load, *store;
} vector_types[] = {
    { "f16", "tk_f32", 2, "tk_from_f16(p[i + k])", "tk_to_f16(v[k])" },
    { "bf16", "tk_f32", 2, "tk_from_bf16(p[i + k])", "tk_to_bf16(v[k])" },
    { "f32", "tk_f32", 4, "p[i + k]", "v[k]" },
    { "f64", "tk_f64", 8, "p[i + k]", "v[k]" },
    { "i32", "tk_i32", 4, "p[i + k]", "v[k]" },
    { "i64", "tk_i64", 8, "p[i + k]", "v[k]" },
};

/* The body of tk_mma on a device, by the name of the matrix unit. The emulator calls its host instead. */
struct matrix_row {
    const char *unit, *body;
};

static const struct matrix_row matrix_rows[] = {
    { "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32",
      "    asm(\"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};\"\n"
      "        : \"+f\"(c[0]), \"+f\"(c[1]), \"+f\"(c[2]), \"+f\"(c[3])\n"
      "        : \"r\"(a[0]), \"r\"(a[1]), \"r\"(a[2]), \"r\"(a[3]), \"r\"(b[0]), \"r\"(b[1]));\n" },
    { "v_mfma_f32_16x16x16f16", "    typedef _Float16 h4 __attribute__((ext_vector_type(4)));\n"
                                "    typedef float f4 __attribute__((ext_vector_type(4)));\n"
                                "    h4 x, y;\n    f4 z = { c[0], c[1], c[2], c[3] };\n"
                                "    __builtin_memcpy(&x, a, 8);\n    __builtin_memcpy(&y, b, 8);\n"
                                "    z = __builtin_amdgcn_mfma_f32_16x16x16f16(x, y, z, 0, 0, 0);\n"
                                "    c[0] = z[0], c[1] = z[1], c[2] = z[2], c[3] = z[3];\n" },
};

static const char scalar_types[] =
    "typedef float tk_f32;\ntypedef double tk_f64;\ntypedef int tk_i32;\ntypedef unsigned tk_u32;\ntypedef long long "
    "tk_i64;\n"
    "typedef unsigned long long tk_u64;\ntypedef unsigned char tk_u8;\ntypedef unsigned short tk_f16;\ntypedef "
    "unsigned short tk_bf16;\n";

static const char memory_types[] =
    "typedef tk_u32 TK_ALIAS tk_word;\n"
    "typedef struct TK_ALIAS TK_ALIGN(8) tk_v8 { tk_u32 w[2]; } tk_v8;\n"
    "typedef struct TK_ALIAS TK_ALIGN(16) tk_v16 { tk_u32 w[4]; } tk_v16;\n"
    "#define TK_PTR(T) T *\n#define TK_INF tk_bits_f32(0x7f800000u)\n#define TK_NAN tk_bits_f32(0x7fc00000u)\n";

/* A kernel with more than TK_STATIC_SHARED bytes of shared memory uses tk_dynamic, whose size the launch sets. Other
   kernels use tk_static. An unused array takes no space. */
static const char head_cuda[] =
    "#pragma nv_diag_suppress 177\n#define TK_UNROLL _Pragma(\"unroll\")\n#define TK_FN static __device__ "
    "__forceinline__\n"
    "#define TK_ALIAS\n#define TK_ALIGN(N) __align__(N)\n"
    "#define TK_KERNEL(NAME, BLOCK) extern \"C\" __global__ void __launch_bounds__(BLOCK) NAME(const struct "
    "NAME##_args a)\n"
    "#define TK_SHARED(BYTES) \\\n"
    "    __shared__ __align__(16) unsigned char tk_static[(BYTES) <= TK_STATIC_SHARED ? (BYTES) : 16]; \\\n"
    "    extern __shared__ __align__(16) unsigned char tk_dynamic[]; \\\n"
    "    unsigned char *const tk_smem = (BYTES) <= TK_STATIC_SHARED ? tk_static : tk_dynamic\n";

static const char head_hip[] = "#define TK_UNROLL _Pragma(\"unroll\")\n#define TK_FN static inline "
                               "__attribute__((device, always_inline))\n#define TK_ALIAS __attribute__((may_alias))\n"
                               "#define TK_ALIGN(N) __attribute__((aligned(N)))\n"
                               "#define TK_KERNEL(NAME, BLOCK) extern \"C\" __attribute__((global, "
                               "amdgpu_flat_work_group_size(BLOCK, BLOCK))) void NAME(const struct NAME##_args a)\n"
                               "#define TK_SHARED(BYTES) \\\n"
                               "    static __attribute__((shared, aligned(16))) unsigned char tk_static[BYTES]; \\\n"
                               "    unsigned char *const tk_smem = tk_static\n";

static const char head_emu[] =
    "#define TK_UNROLL\n#define TK_FN static inline __attribute__((always_inline, unused))\n#define TK_ALIAS "
    "__attribute__((may_alias))\n"
    "#define TK_ALIGN(N) __attribute__((aligned(N)))\n"
    "#define TK_KERNEL(NAME, BLOCK) \\\n"
    "    static inline void NAME##_item(const struct NAME##_args a, struct tk_item *tk_me); \\\n"
    "    const int NAME##_block = (BLOCK), NAME##_args_bytes = sizeof(struct NAME##_args); \\\n"
    "    void NAME(const void *tk_args, struct tk_item *tk_me, int tk_items) \\\n"
    "    { \\\n"
    "        for (int tk_i = 0; tk_i < tk_items; tk_i++) { \\\n"
    "            NAME##_item(*(const struct NAME##_args *)tk_args, tk_me); \\\n"
    "            tk_me->tid++, tk_me->lane = tk_me->tid % TK_WAVE, tk_me->wave = tk_me->tid / TK_WAVE; \\\n"
    "        } \\\n"
    "    } \\\n"
    "    static inline void NAME##_item(const struct NAME##_args a, struct tk_item *tk_me)\n"
    "#define TK_SHARED(BYTES) \\\n"
    "    unsigned char *const tk_smem = tk_me->smem; \\\n"
    "    if (tk_me->smem_bytes < (BYTES)) tk_me->host->shared(tk_me, __LINE__, (BYTES))\n"
    "#if defined(__F16C__)\n"
    "typedef float tk_x4 __attribute__((vector_size(16)));\ntypedef short tk_x8 __attribute__((vector_size(16)));\n"
    "#endif\n";

/* cp.async takes two sizes. It writes N bytes, but reads only `on ? N : 0` bytes; the other bytes are written as zeros.
   Copies of 16 bytes bypass the L1 cache (.cg). */
static const char copies_cuda[] =
    "#define TK_COPY(N, CACHE) \\\n"
    "    TK_FN void tk_copy_##N(void *dst, const void *src, tk_i32 on) \\\n"
    "    { \\\n"
    "        asm volatile(\"cp.async.\" CACHE \".shared.global [%0], [%1], \" #N \", %2;\" \\\n"
    "                     :: \"r\"((tk_u32)__cvta_generic_to_shared(dst)), \"l\"(src), \"r\"(on ? N : 0) : "
    "\"memory\"); \\\n"
    "    }\n"
    "TK_COPY(4, \"ca\")\nTK_COPY(8, \"ca\")\nTK_COPY(16, \"cg\")\n"
    "#define tk_issue_4(stage, dst, di, src, si, on) ((void)sizeof(stage), tk_copy_4((dst) + (di), (src) + (si), "
    "(on)))\n"
    "#define tk_issue_8(stage, dst, di, src, si, on) ((void)sizeof(stage), tk_copy_8((dst) + (di), (src) + (si), "
    "(on)))\n"
    "#define tk_issue_16(stage, dst, di, src, si, on) ((void)sizeof(stage), tk_copy_16((dst) + (di), (src) + (si), "
    "(on)))\n"
    "#define tk_land_4(stage, dst, di) ((void)0)\n#define tk_land_8(stage, dst, di) ((void)0)\n#define "
    "tk_land_16(stage, dst, di) ((void)0)\n"
    "#define tk_commit() asm volatile(\"cp.async.commit_group;\" ::: \"memory\")\n"
    "#define tk_wait(n) asm volatile(\"cp.async.wait_group %0;\" :: \"n\"(n) : \"memory\")\n";

/* Copies through registers: tk_issue_N loads, and tk_land_N stores. TK_MAY(p, n, w) asks the checking emulator whether
   the kernel may read (w = 0) or write (w = 1) n bytes at p. Elsewhere TK_MAY is 1. */
static const char copies_staged[] =
    "TK_FN tk_v16 tk_stage_4(TK_ME const void *src, tk_i32 on)\n"
    "{ tk_v16 v = { { 0, 0, 0, 0 } }; if (on && TK_MAY(src, 4, 0)) v.w[0] = *(const tk_word *)src; return v; }\n"
    "TK_FN tk_v16 tk_stage_8(TK_ME const void *src, tk_i32 on)\n"
    "{ tk_v16 v = { { 0, 0, 0, 0 } }; if (on && TK_MAY(src, 8, 0)) { tk_v8 h = *(const tk_v8 *)src; v.w[0] = h.w[0]; "
    "v.w[1] = h.w[1]; } return v; }\n"
    "TK_FN tk_v16 tk_stage_16(TK_ME const void *src, tk_i32 on)\n"
    "{ tk_v16 v = { { 0, 0, 0, 0 } }; if (on && TK_MAY(src, 16, 0)) v = *(const tk_v16 *)src; return v; }\n"
    "TK_FN void tk_put_4(TK_ME tk_v16 v, void *dst) { if (TK_MAY(dst, 4, 1)) *(tk_word *)dst = v.w[0]; }\n"
    "TK_FN void tk_put_8(TK_ME tk_v16 v, void *dst) { if (TK_MAY(dst, 8, 1)) { tk_v8 h = { { v.w[0], v.w[1] } }; "
    "*(tk_v8 *)dst = h; } }\n"
    "TK_FN void tk_put_16(TK_ME tk_v16 v, void *dst) { if (TK_MAY(dst, 16, 1)) *(tk_v16 *)dst = v; }\n"
    "#define tk_issue_4(stage, dst, di, src, si, on) ((void)(dst), (stage) = tk_stage_4(TK_AT (src) + (si), (on)))\n"
    "#define tk_issue_8(stage, dst, di, src, si, on) ((void)(dst), (stage) = tk_stage_8(TK_AT (src) + (si), (on)))\n"
    "#define tk_issue_16(stage, dst, di, src, si, on) ((void)(dst), (stage) = tk_stage_16(TK_AT (src) + (si), (on)))\n"
    "#define tk_land_4(stage, dst, di) tk_put_4(TK_AT (stage), (dst) + (di))\n"
    "#define tk_land_8(stage, dst, di) tk_put_8(TK_AT (stage), (dst) + (di))\n"
    "#define tk_land_16(stage, dst, di) tk_put_16(TK_AT (stage), (dst) + (di))\n"
    "#define tk_commit() ((void)0)\n#define tk_wait(n) ((void)(n))\n";

/* The emulator does an asynchronous copy at once. The checking emulator does the copy at the wait. */
static const char copies_emu[] =
    "TK_FN void tk_copy(struct tk_item *tk_me, int tk_line, void *dst, const void *src, int bytes, tk_i32 on)\n"
    "{\n"
    "    if (tk_checked) { tk_me->host->issue(tk_me, tk_line, dst, src, bytes, on != 0); return; }\n"
    "    if (on) __builtin_memcpy(dst, src, bytes);\n"
    "    else __builtin_memset(dst, 0, bytes);\n"
    "}\n"
    "#define tk_issue_4(stage, dst, di, src, si, on) ((void)sizeof(stage), tk_copy(tk_me, __LINE__, (dst) + (di), "
    "(src) + (si), 4, (on)))\n"
    "#define tk_issue_8(stage, dst, di, src, si, on) ((void)sizeof(stage), tk_copy(tk_me, __LINE__, (dst) + (di), "
    "(src) + (si), 8, (on)))\n"
    "#define tk_issue_16(stage, dst, di, src, si, on) ((void)sizeof(stage), tk_copy(tk_me, __LINE__, (dst) + (di), "
    "(src) + (si), 16, (on)))\n"
    "#define tk_land_4(stage, dst, di) ((void)0)\n#define tk_land_8(stage, dst, di) ((void)0)\n#define "
    "tk_land_16(stage, dst, di) ((void)0)\n"
    "#define tk_commit() (tk_checked ? tk_me->host->commit(tk_me) : (void)0)\n"
    "#define tk_wait(n) (tk_checked ? tk_me->host->wait(tk_me, (n)) : (void)0)\n";

/* On a CUDA target with early_launch, a kernel may start before earlier launches have ended, so tk_await() waits for
   those launches. On other targets tk_await() does nothing. */
static const char await_cuda[] = "#define tk_await() asm volatile(\"griddepcontrol.wait;\" ::: \"memory\")\n";
static const char await_nothing[] = "#define tk_await() ((void)0)\n";

/* In the checking emulator, the functions for staged copies have two more parameters: the work-item and the line of the
   call. TK_ME declares these parameters, and TK_AT passes them. */
static const char staged_plain[] = "#define TK_ME\n#define TK_AT\n#define TK_MAY(p, n, w) 1\n";
static const char staged_checked[] =
    "#define TK_ME struct tk_item *tk_me, int tk_line,\n#define TK_AT tk_me, __LINE__,\n"
    "#define TK_MAY(p, n, w) tk_me->host->touch(tk_me, tk_line, (p), (n), (w))\n";

static bool is_emu(enum spelling how) { return how == SPELL_EMU || how == SPELL_EMU_CHECKED; }

static const char *row_body(const struct row *r, enum spelling how)
{
    const char *own = how == SPELL_CUDA ? r->cuda : how == SPELL_HIP ? r->hip : NULL;
    return own ? own : r->c;
}

/* Prints the parameters' names, each between the strings `before` and `after`. For "const tk_f16 *p, tk_i64 i" and
   parentheses, prints "(p), (i)". */
static void print_names(FILE *to, const char *params, const char *before, const char *after)
{
    for (const char *p = params; p; p = strchr(p, ',')) {
        if (*p == ',') {
            fputs(", ", to);
            p++;
        }
        const char *end = p + strcspn(p, ",");
        const char *word = end;
        while (word > p && !strchr(" *", word[-1]))
            word--;
        fprintf(to, "%s%.*s%s", before, (int)(end - word), word, after);
    }
}

/* Prints one function. In the emulator, a function that needs the work-item or the line of the call is named NAME_at
   and has both as first parameters. A macro NAME calls NAME_at and passes both. */
static void print_row(FILE *to, const struct row *r, enum spelling how)
{
    bool touch = how == SPELL_EMU_CHECKED && (r->kind == READ || r->kind == WRITE);
    if (!touch && !(is_emu(how) && r->kind == ITEM)) {
        fprintf(to, "TK_FN %s %s(%s) { %s }\n", r->result, r->name, r->params, row_body(r, how));
        return;
    }
    const char *params = strcmp(r->params, "void") ? r->params : NULL;
    const char *comma = params ? ", " : "";
    fprintf(to, "TK_FN %s %s_at(struct tk_item *tk_me, int tk_line%s%s)\n{ ", r->result, r->name, comma,
            params ? params : "");
    if (touch)
        fprintf(to, "if (!tk_me->host->touch(tk_me, tk_line, p + i, %d * (int)sizeof *p, %d)) return%s; ", r->width,
                r->kind == WRITE, r->kind == WRITE ? "" : " 0");
    fprintf(to, "%s }\n#define %s(", row_body(r, how), r->name);
    print_names(to, params, "", "");
    fprintf(to, ") %s_at(tk_me, __LINE__%s", r->name, comma);
    print_names(to, params, "(", ")");
    fputs(")\n", to);
}

struct vector {
    const struct vector_type *type;
    int elems, bytes;
    int piece;
};

static void print_vector_words(FILE *to, const struct vector *w, bool store)
{
    fprintf(to, "    tk_u32 w[%d];\n", w->bytes / 4);
    if (store)
        fprintf(to, "    TK_UNROLL\n    for (tk_i32 j = 0; j < %d; j++) w[j] = tk_word_%s(v, j);\n", w->bytes / 4,
                w->type->name);
    for (int at = 0; at < w->bytes; at += w->piece) {
        if (store)
            fprintf(to, "    tk_set_%d(p + i + %d, w + %d);\n", w->piece, at / w->type->size, at / 4);
        else
            fprintf(to, "    tk_get_%d(w + %d, p + i + %d);\n", w->piece, at / 4, at / w->type->size);
    }
    if (!store)
        fprintf(to, "    TK_UNROLL\n    for (tk_i32 k = 0; k < %d; k++) v[k] = tk_in_%s(w, k);\n", w->elems,
                w->type->name);
}

static void print_vector_body(FILE *to, const struct vector *w, bool store, enum spelling how)
{
    if (!is_emu(how)) {
        print_vector_words(to, w, store);
        return;
    }
    for (int at = 0; how == SPELL_EMU_CHECKED && at < w->bytes; at += w->piece) {
        fprintf(to, "    if (!tk_me->host->touch(tk_me, tk_line, p + i + %d, %d, %d)) ", at / w->type->size, w->piece,
                store);
        if (store)
            fputs("return;\n", to);
        else
            fprintf(to, "{ __builtin_memset(v, 0, %d * sizeof *v); return; }\n", w->elems);
    }
    fprintf(to, "    for (tk_i32 k = 0; k < %d; k++) %s = %s;\n", w->elems, store ? "p[i + k]" : "v[k]",
            store ? w->type->store : w->type->load);
}

static void print_vector(FILE *to, const struct vector *w, bool store, enum spelling how)
{
    const char *type = w->type->name;
    const char *value = w->type->value;
    const char *names = store ? "p, i, v" : "v, p, i";
    const char *name = store ? "tk_stw" : "tk_ldw";
    const char *params = how == SPELL_EMU_CHECKED ? "_at(struct tk_item *tk_me, int tk_line, " : "(";
    fprintf(to, "TK_FN void %s_%s_%d%s", name, type, w->elems, params);
    if (store)
        fprintf(to, "tk_%s *p, tk_i64 i, const %s *v)\n{\n", type, value);
    else
        fprintf(to, "%s *v, const tk_%s *p, tk_i64 i)\n{\n", value, type);
    print_vector_body(to, w, store, how);
    fputs("}\n", to);
    if (how != SPELL_EMU_CHECKED)
        return;
    fprintf(to, "#define %s_%s_%d(%s) %s_%s_%d_at(tk_me, __LINE__, ", name, type, w->elems, names, name, type,
            w->elems);
    print_names(to, names, "(", ")");
    fputs(")\n", to);
}

static void print_vectors(FILE *to, enum spelling how)
{
    for (size_t i = 0; i < sizeof vector_types / sizeof *vector_types; i++)
        for (int elems = 2; elems <= 8; elems *= 2) {
            int bytes = elems * vector_types[i].size;
            struct vector w = { &vector_types[i], elems, bytes, bytes < 16 ? bytes : 16 };
            print_vector(to, &w, false, how);
            print_vector(to, &w, true, how);
        }
}

static void print_matrix(FILE *to, const struct matrix_unit *u, enum spelling how)
{
    if (!u)
        return;
    fprintf(to, "enum { TK_MMA_A = %d, TK_MMA_B = %d, TK_MMA_C = %d };\n", u->a_elems / 2, u->b_elems / 2, u->c_elems);
    if (is_emu(how)) {
        fputs("#define tk_mma(c, a, b) tk_me->host->mma(tk_me, __LINE__, (c), (a), (b))\n", to);
        return;
    }
    for (size_t i = 0; i < sizeof matrix_rows / sizeof *matrix_rows; i++)
        if (!strcmp(matrix_rows[i].unit, u->name)) {
            fprintf(to, "TK_FN void tk_mma(tk_f32 *c, const tk_u32 *a, const tk_u32 *b)\n{\n%s}\n",
                    matrix_rows[i].body);
            return;
        }
    BUG("no spelling of the matrix instruction %s", u->name);
}

static void print_copies(FILE *to, const struct target *t, enum spelling how)
{
    if (t->async_copy) {
        fputs(how == SPELL_CUDA ? copies_cuda : copies_emu, to);
        return;
    }
    fputs(how == SPELL_EMU_CHECKED ? staged_checked : staged_plain, to);
    fputs(copies_staged, to);
}

static const char *finish_text(struct session *s, FILE *to, char **text, const size_t *size)
{
    if (fclose(to))
        out_of_memory(0);
    const char *kept = arena_strndup(s->run, *text, *size);
    free(*text);
    return kept;
}

const char *spell_integers(struct session *s)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    memory_must(to, 0);
    fputs(scalar_types, to);
    fputs("#define TK_FN static inline __attribute__((unused))\n", to);
    for (size_t i = 0; i < sizeof integer_rows / sizeof *integer_rows; i++)
        print_row(to, &integer_rows[i], SPELL_CUDA);
    return finish_text(s, to, &text, &size);
}

enum spelling spell_device(const struct target *t)
{
    static const enum spelling of[DIALECT_COUNT] = { [DIALECT_HIP] = SPELL_HIP, [DIALECT_CUDA] = SPELL_CUDA };
    return of[t->dialect];
}

const char *spell_prelude(struct session *s, const struct target *t, enum spelling how)
{
    BUG_IF(!is_emu(how) && how != spell_device(t), "%s is not written in that dialect", t->name);
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    memory_must(to, 0);
    fprintf(to, "#define TK_WAVE %d\n#define TK_STATIC_SHARED %d\n", t->wave, t->static_shared);
    if (is_emu(how))
        fprintf(to, "%sconst int tk_abi = TK_EMU_ABI, tk_is_checked = %d;\nenum { tk_checked = %d };\n",
                prelude_emu_abi, how == SPELL_EMU_CHECKED, how == SPELL_EMU_CHECKED);
    fputs(how == SPELL_CUDA ? head_cuda : how == SPELL_HIP ? head_hip : head_emu, to);
    fputs(scalar_types, to);
    fputs(memory_types, to);
    for (size_t i = 0; i < sizeof integer_rows / sizeof *integer_rows; i++)
        print_row(to, &integer_rows[i], how);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        print_row(to, &rows[i], how);
    print_vectors(to, how);
    print_matrix(to, t->matrix, how);
    print_copies(to, t, how);
    fputs(how == SPELL_CUDA && t->early_launch ? await_cuda : await_nothing, to);
    fputs(prelude_math, to);
    fputs("\n" SPELL_KERNELS, to);
    return finish_text(s, to, &text, &size);
}
