/* The payload (codegen/payload.h) of the integers modulo 2^61 - 1. Sums, products and quotients are the field's. Any
   other function is a hash of its operands. Nothing rounds.
   ir/ops/num.c does the same arithmetic for the reference. The two share only the hashes: equal operands give equal
   hashes.
   The text before this one defines the hashes' numbers MIX_MAX, MIX_ABS, ..., and the hashes p_exp, p_log, ... */
typedef tk_u64 P;
__extension__ typedef unsigned __int128 p_wide;
#define P_MOD ((1ull << 61) - 1)
#define P_CALL __attribute__((noinline, unused)) /* noinline, since the function is long: kernels compile faster */

tk_u64 p_key;

static inline P p_once(tk_u64 x) { return x >= P_MOD ? x - P_MOD : x; }
/* Returns x modulo 2^61 - 1, for x < 2^127. Since 2^61 = 1, the bits above the low 61 are added to those, twice. */
static inline P p_reduce(p_wide x)
{
    x = (x & P_MOD) + (x >> 61);
    return p_once((tk_u64)(x & P_MOD) + (tk_u64)(x >> 61));
}
static inline P p_add(P a, P b) { return p_once(a + b); }
static inline P p_neg(P a) { return a ? P_MOD - a : 0; }
static inline P p_sub(P a, P b) { return p_add(a, p_neg(b)); }
static inline P p_mul(P a, P b)
{
    p_wide x = (p_wide)a * b;
    return p_once(((tk_u64)x & P_MOD) + (tk_u64)(x >> 61));
}
static inline P p_fma(P a, P b, P c) { return p_add(p_mul(a, b), c); }

static P p_power(P a, int squarings)
{
    while (squarings--)
        a = p_mul(a, a);
    return a;
}
/* 1/a = a^(2^61 - 3) (Fermat). The exponent in binary is 59 ones, then 01. aN is a^(2^N - 1). */
static P_CALL P p_inv(P a)
{
    P a2 = p_mul(p_power(a, 1), a);
    P a4 = p_mul(p_power(a2, 2), a2);
    P a8 = p_mul(p_power(a4, 4), a4);
    P a16 = p_mul(p_power(a8, 8), a8);
    P a32 = p_mul(p_power(a16, 16), a16);
    P a48 = p_mul(p_power(a32, 16), a16);
    P a56 = p_mul(p_power(a48, 8), a8);
    P a58 = p_mul(p_power(a56, 2), a2);
    P a59 = p_mul(p_power(a58, 1), a);
    return p_mul(p_power(a59, 2), a);
}
static inline P p_div(P a, P b) { return p_mul(a, p_inv(b)); }

static inline tk_u64 p_scramble(tk_u64 z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}
static P_CALL P p_mix_by(tk_u64 key, tk_u64 op, P a, P b)
{
    tk_u64 h = p_scramble(key + 0x9e3779b97f4a7c15ull * (op + 1));
    h = p_scramble(h ^ p_scramble(a + 0x9e3779b97f4a7c15ull));
    h = p_scramble(h + p_scramble(b ^ 0xd1b54a32d192ed03ull));
    return p_reduce(h);
}
static inline P p_mix(tk_u64 op, P a) { return p_mix_by(p_key, op, a, 0); }
static P_CALL P p_symmetric(tk_u64 op, P a, P b)
{
    return a < b ? p_mix_by(p_key, op, a, b) : p_mix_by(p_key, op, b, a);
}

static P_CALL P p_of_int(tk_i64 i)
{
    P m = p_reduce(i < 0 ? -(p_wide)i : (p_wide)i);
    return i < 0 ? p_neg(m) : m;
}
/* A finite f32 is an integer times a power of two, so the field has it. Infinities and NaN are fixed elements. */
static inline P p_const(double constant)
{
    double x = (float)constant;
    tk_u64 bits;
    __builtin_memcpy(&bits, &x, 8);
    tk_u64 m = bits & ((1ull << 52) - 1);
    int e = (int)(bits >> 52 & 2047);
    if (e == 2047)
        return p_mix_by(0, MIX_NOT_FINITE, m ? 0 : bits >> 63 ? 2 : 1, 0);
    m |= e ? 1ull << 52 : 0;
    P y = p_mul(m, 1ull << ((e ? e : 1) + 18 * 61 - 1075) % 61);
    return bits >> 63 ? p_neg(y) : y;
}
static inline P p_unset(void) { return 0x0bad0bad0badull; }

#define p_to_f16(x) (x)
#define p_to_bf16(x) (x)
#define p_to_f32(x) (x)
#define p_to_f64(x) (x)
#define p_round_f16(x) (x)
#define p_round_bf16(x) (x)

/* A hash of 31 bits, moved so that 0 is in the middle. */
static P_CALL tk_i32 p_order(P x)
{
    tk_u64 away = p_mix(MIX_ORDER, x) - p_mix(MIX_ORDER, 0) + (1ull << 60);
    return (tk_i32)((away & P_MOD) >> 30);
}
static inline tk_i32 p_to_i32(P x) { return (tk_i32)(p_mix(MIX_CAST, x) >> 30); }
static inline tk_i64 p_to_i64(P x) { return p_to_i32(x); }
#define p_eq(a, b) (p_order(a) == p_order(b))
#define p_ne(a, b) (p_order(a) != p_order(b))
#define p_lt(a, b) (p_order(a) < p_order(b))
#define p_le(a, b) (p_order(a) <= p_order(b))
#define p_gt(a, b) (p_order(a) > p_order(b))
#define p_ge(a, b) (p_order(a) >= p_order(b))

#define p_max(a, b) p_symmetric(MIX_MAX, a, b)
#define p_min(a, b) p_symmetric(MIX_MIN, a, b)
#define p_abs(a) p_mix(MIX_ABS, a)
#define p_rint(a) p_mix(MIX_RINT, a)
#define p_floor(a) p_mix(MIX_FLOOR, a)

#define p_accumulate_sum p_add
#define p_join_sum p_add
#define p_combine_sum p_add
#define p_accumulate_prod p_mul
#define p_join_prod p_mul
#define p_combine_prod p_mul
#define p_accumulate_fma(c, a, b) p_fma(a, b, c)
/* Replaces a maximum by a sum of hashes of the terms; -inf (`fill`) adds nothing. A minimum likewise, with inf. */
static inline P p_take(P total, tk_u64 op, P fill, P x) { return x == fill ? total : p_add(total, p_mix(op, x)); }
static inline P p_both(P a, P b, P fill) { return p_add(a, p_sub(b, fill)); }
#define p_accumulate_max(a, x) p_take(a, MIX_ROW_MAX, p_const(-__builtin_inf()), x)
#define p_accumulate_min(a, x) p_take(a, MIX_ROW_MIN, p_const(__builtin_inf()), x)
#define p_join_max(a, b) p_both(a, b, p_const(-__builtin_inf()))
#define p_join_min(a, b) p_both(a, b, p_const(__builtin_inf()))
#define p_combine_max p_join_max
#define p_combine_min p_join_min

/* A product is below 2^122, so c plus 16 products is below 2^127. */
static P_CALL P p_mma(P c, const P *a, const P *b, int n)
{
    for (int k = 0; k < n; k += 16) {
        p_wide sum = c;
        for (int i = k; i < n && i < k + 16; i++)
            sum += (p_wide)a[i] * b[i];
        c = p_reduce(sum);
    }
    return c;
}
