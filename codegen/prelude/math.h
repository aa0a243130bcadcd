/* tokic's own math functions, in the language of kernel texts (codegen/spell.h). The source is the same for every
   device and for the host.

   They use only IEEE f32 + - * /, fma, sqrt, bit casts, comparisons and unsigned arithmetic: no table, no wider type.
   So a compiler that neither fuses nor reorders gives the same bits everywhere. The exceptions are sin and cos of
   arguments above 131072, which also use 64-bit integers and f64.

   Subnormal arguments and results are correct. exp, exp2 and sigmoid underflow gradually with one rounding. A NaN gives
   a NaN; so do log and rsqrt of negative numbers, log1p below -1, and sin and cos of infinities. log 0 = -inf, log1p -1
   = -inf, rsqrt 0 = inf.

   The table has the worst error over all 2^32 inputs, against libm's double functions, in f32 units in the last place
   at the exact value. `above 1`: number of inputs that err by more than one unit. No NaN, infinity or sign of zero
   differs.
   Measured with bench/ulp.c (build target ulp) on an x86-64 with FMA, gcc 12, -O3 -ffp-contract=off -mfma. An H200
   (nvcc 13.0, --fmad=false) gave the same bits for every input of the first eight functions.

       function      ulp  at input (bits)            above 1
       exp        0.8913  c0bb2813   -5.84864187           0
       exp2       0.8784  c2fcfe35   -126.496498           0
       log        0.9338  3f22ba71    0.63565737           0
       log2       0.9756  3fb352cd    1.40096438           0
       tanh       1.4058  3f1b41b0   0.606471062      104840
       erf        1.1579  3f59ace3   0.850294292        1244
       rsqrt      1.4903  0080cab3   1.18276583e-38 36261346
       sigmoid    1.4797  c09b1629    -4.8464551      205962
       sin        0.8443  5226931f   1.78858213e+11        0
       cos        0.8468  60b36b07   1.03427479e+20        0
       log1p      1.5422  3eab4c3b   0.334565967      580536

   Kernels are judged by the bounds in ir/mathfn.c. After a change here, measure again and update those bounds.
   Coefficients are minimax on the stated interval (weighted least squares, reweighted to equal ripple). They are
   rounded to f32 one by one; after each, the others are fitted again. */

/* exp(x) = 2^n · p with n = rint(x · log2 e), p = exp(r), r = x - n·ln 2 in [-0.3466, 0.3466].
   ln 2 has two parts, so that each product is exact inside its fma.
   exp(r) = 1 + r + r²·q(r), q minimax of degree 4, relative error 2^-28.2.
   Returns p. *t gets the bits of the float 1.5·2^23 + n, so n is in its low bits.
   Requires |x| <= 105 or x NaN. */
TK_FN tk_f32 tk_exp_part(tk_f32 x, tk_u32 *t)
{
    tk_f32 big = tk_fma_f32(x, 1.44269502f, 12582912.0f);
    tk_f32 n = big - 12582912.0f;
    tk_f32 r = tk_fma_f32(n, -0.693147182f, x);
    tk_f32 q = 1.38210563e-03f;
    r = tk_fma_f32(n, 1.90465421e-09f, r);
    q = tk_fma_f32(q, r, 8.36867467e-03f);
    q = tk_fma_f32(q, r, 4.16682623e-02f);
    q = tk_fma_f32(q, r, 1.66665211e-01f);
    q = tk_fma_f32(q, r, 4.99999940e-01f);
    q = tk_fma_f32(q, r, 1.0f);
    *t = tk_f32_bits(big);
    return tk_fma_f32(q, r, 1.0f);
}

/* Returns p · 2^n for p and t of tk_exp_part. Requires -151 <= n <= 129.
   2^n is two factors, each a normal number. Only the last product rounds, so results that are subnormal or overflow are
   rounded once.
   0x4B400000 is the bits of 1.5·2^23. 254 = 2·127 is the exponent bias of both factors. */
TK_FN tk_f32 tk_exp_scale(tk_f32 p, tk_u32 t)
{
    tk_u32 k = t - (0x4B400000u - 254u);
    tk_u32 h = k >> 1;
    return p * tk_bits_f32(h << 23) * tk_bits_f32((k - h) << 23);
}

/* x is clamped to where the result is 0 or infinite anyway. Both comparisons keep a NaN. Worst error: 0.892 ulp. */
TK_FN tk_f32 tk_exp_f32(tk_f32 x)
{
    tk_u32 t;
    tk_f32 p;
    x = x > 89.0f ? 89.0f : x;
    x = x < -105.0f ? -105.0f : x;
    p = tk_exp_part(x, &t);
    return tk_exp_scale(p, t);
}

/* exp(x) for |x| <= 80: one factor 2^n is enough. The shift drops 1.5·2^23 and leaves n at the exponent. */
TK_FN tk_f32 tk_exp_mid(tk_f32 x)
{
    tk_u32 t;
    tk_f32 p = tk_exp_part(x, &t);
    return p * tk_bits_f32((t << 23) + 0x3F800000u);
}

/* 2^x = 2^n · 2^r with n = rint(x). r = x - n is exact and in [-0.5, 0.5].
   2^r = 1 + r·q(r), q of degree 5, relative error 2^-28.3. Worst error: 0.879 ulp. */
TK_FN tk_f32 tk_exp2_f32(tk_f32 x)
{
    tk_f32 big, r, q;
    x = x > 129.0f ? 129.0f : x;
    x = x < -151.0f ? -151.0f : x;
    big = x + 12582912.0f;
    r = x - (big - 12582912.0f);
    q = 1.53264627e-04f;
    q = tk_fma_f32(q, r, 1.33908063e-03f);
    q = tk_fma_f32(q, r, 9.61850584e-03f);
    q = tk_fma_f32(q, r, 5.55035993e-02f);
    q = tk_fma_f32(q, r, 2.40226477e-01f);
    q = tk_fma_f32(q, r, 6.93147182e-01f);
    return tk_exp_scale(tk_fma_f32(q, r, 1.0f), tk_f32_bits(big));
}

/* Returns e·ln 2 + log(1 + f) for 1 + f in [2/3, 4/3). In this range, e·ln 2 does not cancel against log(1 + f).
   log(1 + f) = f + f²·(-1/2 + f·q(f)), q of degree 7, relative error 2^-27.7. */
TK_FN tk_f32 tk_log_part(tk_f32 f, tk_f32 e)
{
    tk_f32 q = -1.28792912e-01f;
    q = tk_fma_f32(q, f, 1.39855936e-01f);
    q = tk_fma_f32(q, f, -1.21874534e-01f);
    q = tk_fma_f32(q, f, 1.40055433e-01f);
    q = tk_fma_f32(q, f, -1.66802213e-01f);
    q = tk_fma_f32(q, f, 2.00104356e-01f);
    q = tk_fma_f32(q, f, -2.49998048e-01f);
    q = tk_fma_f32(q, f, 3.33332151e-01f);
    q = tk_fma_f32(q, f, -0.5f);
    q = tk_fma_f32(q, f * f, f);
    return tk_fma_f32(e, 0.693147182f, q);
}

/* x = 2^e·(1 + f) with 1 + f in [2/3, 4/3). Subnormals are scaled by 2^23 first.
   0x00D55555 is 128·2^23 minus the bits of 2/3. Adding it carries into the exponent exactly from 2/3 on.
   Worst error: 0.934 ulp. */
TK_FN tk_f32 tk_log_f32(tk_f32 x)
{
    tk_f32 y = x < 1.17549435e-38f ? x * 8388608.0f : x;
    tk_f32 bias = x < 1.17549435e-38f ? 151.0f : 128.0f;
    tk_u32 u = tk_f32_bits(y);
    tk_u32 k = (u + 0x00D55555u) >> 23;
    tk_f32 f = tk_bits_f32(u - (k << 23) + 0x40000000u) - 1.0f;
    tk_f32 e = (tk_f32)(tk_i32)k - bias;
    tk_f32 q = tk_log_part(f, e);
    return x > 0.0f ? (x < TK_INF ? q : x) : (x == 0.0f ? -TK_INF : TK_NAN);
}

/* 1 + x = 2^e·(1 + f) with 1 + f in [2/3, 4/3). f = 2^-e·x + (2^-e - 1) is computed with one rounding.
   2^-e is subnormal for the largest x, so the code uses 2^(2-e) and x/4 in place of 2^-e and x.
   Below 2^-25, log1p x = x. Worst error: 1.543 ulp. */
TK_FN tk_f32 tk_log1p_f32(tk_f32 x)
{
    tk_u32 k = (tk_f32_bits(1.0f + x) + 0x00D55555u) >> 23;
    tk_f32 scale = tk_bits_f32((257u - k) << 23);
    tk_f32 f = tk_fma_f32(0.25f * x, scale, tk_fma_f32(0.25f, scale, -1.0f));
    tk_f32 r = tk_log_part(f, (tk_f32)(tk_i32)k - 128.0f);
    tk_u32 a = tk_f32_bits(x) & 0x7FFFFFFFu;
    r = a < 0x33000000u ? x : r;
    return x > -1.0f ? (x < TK_INF ? r : x) : (x == -1.0f ? -TK_INF : TK_NAN);
}

/* log2 x = e + log2(1 + f) with 1 + f in [sqrt(1/2), sqrt 2). So powers of two are exact.
   log2(1 + f) = f/ln 2 + f²·q(f), 1/ln 2 in two parts, q of degree 8, relative error 2^-27.7.
   0x00CAFB0D is 128·2^23 minus the bits of sqrt(1/2). Worst error: 0.976 ulp. */
TK_FN tk_f32 tk_log2_f32(tk_f32 x)
{
    tk_f32 y = x < 1.17549435e-38f ? x * 8388608.0f : x;
    tk_f32 bias = x < 1.17549435e-38f ? 151.0f : 128.0f;
    tk_u32 u = tk_f32_bits(y);
    tk_u32 k = (u + 0x00CAFB0Du) >> 23;
    tk_f32 f = tk_bits_f32(u - (k << 23) + 0x40000000u) - 1.0f;
    tk_f32 e = (tk_f32)(tk_i32)k - bias;
    tk_f32 q = -1.10255979e-01f;
    q = tk_fma_f32(q, f, 1.87088192e-01f);
    q = tk_fma_f32(q, f, -1.91390812e-01f);
    q = tk_fma_f32(q, f, 2.04486579e-01f);
    q = tk_fma_f32(q, f, -2.39567354e-01f);
    q = tk_fma_f32(q, f, 2.88571417e-01f);
    q = tk_fma_f32(q, f, -3.60698670e-01f);
    q = tk_fma_f32(q, f, 4.80898201e-01f);
    q = tk_fma_f32(q, f, -7.21347332e-01f);
    q = tk_fma_f32(q, f * f, 1.92596303e-08f * f);
    q = tk_fma_f32(1.44269502f, f, q);
    q = e + q;
    return x > 0.0f ? (x < TK_INF ? q : x) : (x == 0.0f ? -TK_INF : TK_NAN);
}

/* With a = |x|:
   a < 0.6: a + a³·q(a²), q of degree 4, relative error 2^-28.4.
   a >= 0.6: 1 - 2/(exp(2a) + 1), which is 1 from 9.02 on.
   Worst error: 1.406 ulp, just above 0.6. */
TK_FN tk_f32 tk_tanh_f32(tk_f32 x)
{
    tk_f32 a = tk_bits_f32(tk_f32_bits(x) & 0x7FFFFFFFu);
    tk_f32 r;
    if (a < 0.6f) {
        tk_f32 s = a * a;
        tk_f32 q = -5.89796668e-03f;
        q = tk_fma_f32(q, s, 2.07986254e-02f);
        q = tk_fma_f32(q, s, -5.37847169e-02f);
        q = tk_fma_f32(q, s, 1.33319363e-01f);
        q = tk_fma_f32(q, s, -3.33332986e-01f);
        r = tk_fma_f32(q, s * a, a);
    } else {
        a = a > 10.0f ? 10.0f : a;
        r = 1.0f - 2.0f / (tk_exp_mid(a + a) + 1.0f);
    }
    return tk_bits_f32(tk_f32_bits(r) | (tk_f32_bits(x) & 0x80000000u));
}

/* With a = |x|:
   a < 0.85: a + a·q(a²), q of degree 5, relative error 2^-27.1.
   0.85 <= a <= 3.93: 1 - exp(-q(a)), q of degree 6 for -log(erfc a), error 2^-28.8 of the result. Beyond 3.93 the
   result is 1.
   Worst error: 1.158 ulp, just above 0.85. */
TK_FN tk_f32 tk_erf_f32(tk_f32 x)
{
    tk_f32 a = tk_bits_f32(tk_f32_bits(x) & 0x7FFFFFFFu);
    tk_f32 q, r;
    if (a < 0.85f) {
        tk_f32 s = a * a;
        q = -6.34851865e-04f;
        q = tk_fma_f32(q, s, 5.05770370e-03f);
        q = tk_fma_f32(q, s, -2.68072877e-02f);
        q = tk_fma_f32(q, s, 1.12828650e-01f);
        q = tk_fma_f32(q, s, -3.76125902e-01f);
        q = tk_fma_f32(q, s, 1.28379166e-01f);
        r = tk_fma_f32(q, a, a);
    } else {
        a = a > 4.0f ? 4.0f : a;
        q = 2.03676886e-04f;
        q = tk_fma_f32(q, a, -3.11787170e-03f);
        q = tk_fma_f32(q, a, 2.25191489e-02f);
        q = tk_fma_f32(q, a, -1.04526117e-01f);
        q = tk_fma_f32(q, a, -6.36518776e-01f);
        q = tk_fma_f32(q, a, -1.12806106e+00f);
        q = tk_fma_f32(q, a, -1.04523198e-04f);
        r = 1.0f - tk_exp_mid(q);
    }
    return tk_bits_f32(tk_f32_bits(r) | (tk_f32_bits(x) & 0x80000000u));
}

/* Two correctly rounded operations: at most 1 ulp from the root, and half an ulp from the quotient.
   -0 gives -infinity, as in IEEE 754. Worst error: 1.491 ulp. */
TK_FN tk_f32 tk_rsqrt_f32(tk_f32 x) { return 1.0f / tk_sqrt_f32(x); }

/* With e = exp(-|x|), the result is n/(1 + e); n is e for x < 0, else 1.
   1 + e = d + c exactly (Dekker's sum). q is a first quotient n/d. One Newton step on n - q·(d + c) removes the
   rounding errors of d and q, so little but the error of e is left.
   Worst error: 1.480 ulp. */
TK_FN tk_f32 tk_sigmoid_f32(tk_f32 x)
{
    tk_f32 e = tk_exp_f32(-tk_bits_f32(tk_f32_bits(x) & 0x7FFFFFFFu));
    tk_f32 n = x < 0.0f ? e : 1.0f;
    tk_f32 d = 1.0f + e;
    tk_f32 c = e - (d - 1.0f);
    tk_f32 y = 1.0f / d;
    tk_f32 q = n * y;
    return tk_fma_f32(tk_fma_f32(-q, c, tk_fma_f32(-q, d, n)), y, q);
}

/* Reduces the argument of sin and cos: a = q·π/2 + r, up to multiples of 2π, with r in [-π/4, π/4]. q is in the low
   bits of *q. r is the sum of the returned float and *lo, since a may be as close as 2^-30 to a multiple of π/2.

   tk_quarter_near is for a <= 131072. π/2 has three parts (Cody and Waite). n·1.57079637 is exact inside its fma.
   The difference is exact too: a multiple of 2^-24 below 1. n times the second part is exactly p + d. r + p is
   exactly h + e (Knuth's sum). */
TK_FN tk_f32 tk_quarter_near(tk_f32 a, tk_f32 *lo, tk_u32 *q)
{
    tk_f32 big = tk_fma_f32(a, 0.636619772f, 12582912.0f);
    tk_f32 n = big - 12582912.0f;
    tk_f32 r = tk_fma_f32(n, -1.57079637f, a);
    tk_f32 p = n * 4.37113883e-08f;
    tk_f32 d = tk_fma_f32(n, 4.37113883e-08f, -p);
    tk_f32 h = r + p;
    tk_f32 b = h - r;
    tk_f32 e = (r - (h - b)) + (p - b);
    *lo = tk_fma_f32(n, 1.71512451e-15f, e + d);
    *q = tk_f32_bits(big);
    return h;
}

/* Returns word i of a bit string: 32 zero bits, then the first 224 bits of 2/π. */
TK_FN tk_u32 tk_two_over_pi(tk_u32 i)
{
    tk_u32 low = i == 0u ? 0u : i == 1u ? 0xA2F9836Eu : i == 2u ? 0x4E441529u : 0xFC2757D1u;
    tk_u32 high = i == 4u ? 0xF534DDC0u : i == 5u ? 0xDB629599u : i == 6u ? 0x3C439041u : 0xFE5163ABu;
    return i < 4u ? low : high;
}

/* tk_quarter_far is for a >= 2^17 (Payne and Hanek 1983). a = m·2^(e-23) with m < 2^24.
   Bits of 2/π of weight 2^(25-e) or more add multiples of 4 to a·2/π, so they are skipped. The next 96 bits are w0, w1,
   w2.
   m·w modulo 2^96 is a·2/π modulo 4, in units of 2^-94. p is its upper 64 bits. The top two bits of p are the
   quarter turns. */
TK_FN tk_f32 tk_quarter_far(tk_f32 a, tk_f32 *lo, tk_u32 *q)
{
    tk_u32 bits = tk_f32_bits(a);
    tk_u32 m = (bits & 0x007FFFFFu) | 0x00800000u;
    tk_u32 at = (bits >> 23) - 120u; /* position of the first of the 96 bits: 32 + e - 25 */
    tk_u32 i = at >> 5;
    tk_u32 c1 = tk_two_over_pi(i + 1u);
    tk_u32 c2 = tk_two_over_pi(i + 2u);
    tk_u32 w0 = (tk_u32)((((tk_u64)tk_two_over_pi(i) << 32) | c1) << (at & 31u) >> 32);
    tk_u32 w1 = (tk_u32)((((tk_u64)c1 << 32) | c2) << (at & 31u) >> 32);
    tk_u32 w2 = (tk_u32)((((tk_u64)c2 << 32) | tk_two_over_pi(i + 3u)) << (at & 31u) >> 32);
    tk_u64 p = ((tk_u64)(m * w0) << 32) + (tk_u64)m * w1 + ((tk_u64)m * w2 >> 32);
    tk_f64 r = (tk_f64)(tk_i64)(p << 2) * 0x1.921fb54442d18p-64; /* signed, so r is in [-π/4, π/4] */
    tk_f32 h = (tk_f32)r;
    *lo = (tk_f32)(r - (tk_f64)h);
    *q = (tk_u32)((p + ((tk_u64)1 << 61)) >> 62);
    return h;
}

/* sin(r + lo) = r + (r³·q(r²) + lo), q of degree 3, relative error 2^-32.5. */
TK_FN tk_f32 tk_sin_part(tk_f32 r, tk_f32 lo)
{
    tk_f32 s = r * r;
    tk_f32 q = 2.83268014e-06f;
    q = tk_fma_f32(q, s, -1.98530717e-04f);
    q = tk_fma_f32(q, s, 8.3333794e-03f);
    q = tk_fma_f32(q, s, -1.66666672e-01f);
    return r + tk_fma_f32(q, s * r, lo);
}

/* cos(r + lo) = 1 - s/2 + s²·q(s) - r·lo with s = r², q of degree 2, relative error 2^-33.
   w + (1 - w - s/2) is exactly 1 - s/2. */
TK_FN tk_f32 tk_cos_part(tk_f32 r, tk_f32 lo)
{
    tk_f32 s = r * r;
    tk_f32 w = tk_fma_f32(s, -0.5f, 1.0f);
    tk_f32 q = 2.44323364e-05f;
    q = tk_fma_f32(q, s, -1.38873095e-03f);
    q = tk_fma_f32(q, s, 4.16666456e-02f);
    return w + tk_fma_f32(q, s * s, tk_fma_f32(-r, lo, tk_fma_f32(s, -0.5f, 1.0f - w)));
}

/* Returns sin(a + k·π/2). Requires a >= 0. */
TK_FN tk_f32 tk_sin_turned(tk_f32 a, tk_u32 k)
{
    tk_f32 lo, r;
    tk_u32 q;
    if (a <= 131072.0f)
        r = tk_quarter_near(a, &lo, &q);
    else
        r = tk_quarter_far(a, &lo, &q);
    q += k;
    r = (q & 1u) ? tk_cos_part(r, lo) : tk_sin_part(r, lo);
    r = (q & 2u) ? -r : r;
    return a < TK_INF ? r : TK_NAN;
}

/* Worst error: 0.845 ulp. */
TK_FN tk_f32 tk_sin_f32(tk_f32 x)
{
    tk_f32 r = tk_sin_turned(tk_bits_f32(tk_f32_bits(x) & 0x7FFFFFFFu), 0u);
    return tk_bits_f32(tk_f32_bits(r) ^ (tk_f32_bits(x) & 0x80000000u));
}

/* Worst error: 0.847 ulp. */
TK_FN tk_f32 tk_cos_f32(tk_f32 x) { return tk_sin_turned(tk_bits_f32(tk_f32_bits(x) & 0x7FFFFFFFu), 1u); }
