#include "runtime/emu/emu_matrix.h"

#include <float.h>
#include <string.h>

#include "ir/session.h"

enum { SIDE = MATRIX_SIDE };

/* The functions below map element i of a lane's registers to a row and a column, as in the vendors' documents.
   The target's record has formulas of its own, and a test compares the two. */

struct coord {
    int row, col;
};

/* Source: PTX ISA 8.x, "Matrix Fragments for mma.m16n8k16 with floating point type". i: the lane's i-th element. */
static struct coord ptx_a(int laneid, int i)
{
    int group = laneid >> 2;
    int thread_in_group = laneid % 4;
    int row = (i >= 0 && i < 2) || (i >= 4 && i < 6) ? group : group + 8;
    int col = i < 4 ? thread_in_group * 2 + (i & 1) : thread_in_group * 2 + (i & 1) + 8;
    return (struct coord){ row, col };
}

static struct coord ptx_b(int laneid, int i)
{
    int group = laneid >> 2;
    int thread_in_group = laneid % 4;
    int row = i < 2 ? thread_in_group * 2 + (i & 1) : thread_in_group * 2 + (i & 1) + 8;
    return (struct coord){ row, group };
}

static struct coord ptx_c(int laneid, int i)
{
    int group = laneid >> 2;
    int thread_in_group = laneid % 4;
    int row = i < 2 ? group : group + 8;
    return (struct coord){ row, thread_in_group * 2 + (i & 1) };
}

/* Source: AMD Instinct MI200 ISA, which gives the place of each element:
       A[i][k]: element k % 4 of lane i + 16·(k / 4)
       B[k][j]: element k % 4 of lane j + 16·(k / 4)
       D[i][j]: element i % 4 of lane j + 16·(i / 4)
   The functions search for the indices. A formula for them would repeat the target's record. */
static struct coord mfma_a(int lane, int e)
{
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 16; k++)
            if (lane == i + 16 * (k / 4) && e == k % 4)
                return (struct coord){ i, k };
    return (struct coord){ -1, -1 };
}

static struct coord mfma_b(int lane, int e)
{
    struct coord p = mfma_a(lane, e); /* B has the layout of A transposed */
    return (struct coord){ p.col, p.row };
}

static struct coord mfma_d(int lane, int e)
{
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++)
            if (lane == j + 16 * (i / 4) && e == i % 4)
                return (struct coord){ i, j };
    return (struct coord){ -1, -1 };
}

struct unit_maps {
    const char *name;
    int m, n, k, wave;
    struct coord (*a)(int, int), (*b)(int, int), (*c)(int, int);
};

static const struct unit_maps units[] = {
    { "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 16, 8, 16, 32, ptx_a, ptx_b, ptx_c },
    { "v_mfma_f32_16x16x16f16", 16, 16, 16, 64, mfma_a, mfma_b, mfma_d },
};

bool matrix_coords_of(const struct matrix_unit *u, int wave, struct matrix_coords *out)
{
    for (size_t r = 0; r < sizeof units / sizeof *units; r++) {
        const struct unit_maps *w = &units[r];
        if (strcmp(w->name, u->name) || w->wave != wave || w->m != u->m || w->n != u->n || w->k != u->k)
            continue;
        for (int lane = 0; lane < wave; lane++)
            for (int e = 0; e < MATRIX_ELEMS; e++) {
                struct coord a = e < w->m * w->k / wave ? w->a(lane, e) : (struct coord){ 0, 0 };
                struct coord b = e < w->k * w->n / wave ? w->b(lane, e) : (struct coord){ 0, 0 };
                struct coord c = e < w->m * w->n / wave ? w->c(lane, e) : (struct coord){ 0, 0 };
                out->a[lane][e] = (uint8_t)(a.row * w->k + a.col);
                out->b[lane][e] = (uint8_t)(b.row * w->n + b.col);
                out->c[lane][e] = (uint8_t)(c.row * w->n + c.col);
            }
        return true;
    }
    return false;
}

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    return u;
}
static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, 4);
    return x;
}

/* Converts f16 bits to f32. An f16's exponent and fraction, moved to those of an f32, give the value times 2^-112. */
static float widen(uint16_t h)
{
    uint32_t m = (uint32_t)(h & 0x7fff) << 13;
    uint32_t s = (uint32_t)(h & 0x8000) << 16;
    return (h & 0x7c00) == 0x7c00 ? float_of(s | m | 0x7f800000u) : float_of(s | bits_of(float_of(m) * 0x1p112f));
}

static bool is_special(float x) { return (bits_of(x) & 0x7f800000u) == 0x7f800000u; }

/* Returns the IEEE result of a·b plus c if an operand is infinite or NaN. `step`: stride of b. `nan`: a NaN's bits. */
static float special_sum(const uint16_t *a, const uint16_t *b, int step, int k, float c, uint32_t nan)
{
    bool bad = c != c;
    bool plus = is_special(c) && c > 0;
    bool minus = is_special(c) && c < 0;
    for (int i = 0; i < k; i++) {
        float x = widen(a[i]);
        float y = widen(b[i * step]);
        if (!is_special(x) && !is_special(y))
            continue;
        bad |= x != x || y != y || x == 0 || y == 0;
        if ((bits_of(x) ^ bits_of(y)) >> 31)
            minus = true;
        else
            plus = true;
    }
    return bad || (plus && minus) ? float_of(nan) : float_of(minus ? 0xff800000u : 0x7f800000u);
}

static bool any_special(const uint16_t *h, int n, int step)
{
    bool any = false;
    for (int i = 0; i < n; i++)
        any |= (h[i * step] & 0x7c00) == 0x7c00;
    return any;
}

/* MODEL_ALIGNED_SUM, as measured on an H200, adds a group of products and c in four steps:
       1. E is the largest exponent of c and the products. A product's exponent is the sum of its factors' exponents.
       2. Each product, and c, is truncated to a multiple of 2^(E-F). F is the model's fbits, at most 25.
       3. The truncated numbers are added exactly.
       4. The sum is truncated to f32.
   A product with a zero factor has no exponent: 0·2^15 does not count for E.
   Range: a factor of exponent e is below 2^(e+1), so a product is below 2^(E+2). That is 2^(F+2) <= 2^27 units of
   2^(E-F). So a sum of eight products fits in an int32. */

enum { NO_EXPONENT = -1000 };

enum {
    LANES = 4,
    LEAST_EXPONENT = -28 /* the exponent of the smallest nonzero product, of two subnormals */
};
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef float floats __attribute__((vector_size(4 * LANES)));

/* Operands of a matrix instruction, with 0 in place of infinities and NaNs. */
struct operands {
    float value[SIDE * SIDE];
    int32_t exponent[SIDE * SIDE];
};

/* Fills n operands from f16. n must be a multiple of LANES. */
static void finite_operands(const uint16_t *from, int n, struct operands *out)
{
    for (int i = 0; i < n; i += LANES) {
        ints h = { from[i], from[i + 1], from[i + 2], from[i + 3] };
        ints field = h >> 10 & 31;
        ints zero = (h & 0x7fff) == 0;
        floats magnitude = (floats)((h & 0x7fff & (field != 31)) << 13) * 0x1p112f;
        ints value = (ints)magnitude | (h & 0x8000) << 16;
        ints exponent = ((field - 15 - (field == 0)) & ~zero) | (NO_EXPONENT & zero);
        memcpy(out->value + i, &value, sizeof value);
        memcpy(out->exponent + i, &exponent, sizeof exponent);
    }
}

static ints largest(ints a, ints b)
{
    ints m = a > b;
    return (a & m) | (b & ~m);
}

static floats power_of_two(ints e) { return (floats)((e + 127) << 23); }

/* Returns sum·scale truncated to f32. The result must not be subnormal. */
static float truncate_to_f32(int64_t sum, float scale)
{
    double x = (double)sum;
    uint64_t u;
    memcpy(&u, &x, 8);
    u &= ~(uint64_t)0x1fffffff; /* the bits that f32 lacks */
    memcpy(&x, &u, 8);
    x *= (double)scale;
    x = x < FLT_MAX ? x : FLT_MAX;
    return (float)(x > -FLT_MAX ? x : -FLT_MAX);
}

/* Adds products to LANES elements of C, at `out`. The factors are u->model.group operands: from a0 on in A's row, from
   b0 on in B's columns.
   f32 is exact here: a product has 22 bits. If f32 rounds a scaled number, the number is below 1 and becomes 0.
   If E is below LEAST_EXPONENT, every product is 0 and C stays. */
static void aligned_sum(const struct matrix_unit *u, const struct operands *a, int a0, const struct operands *b, int b0,
                        float *out)
{
    int group = u->model.group;
    ints c, e;
    floats values;
    int64_t sum[LANES];
    memcpy(&c, out, sizeof c);
    ints top = largest(c >> 23 & 255, (ints){ 1, 1, 1, 1 }) - 127;
    for (int k = 0; k < group; k++) {
        memcpy(&e, b->exponent + b0 + k * u->n, sizeof e);
        top = largest(top, a->exponent[a0 + k] + e);
    }
    floats scale = power_of_two(u->model.fbits - largest(top, (ints){ 0 } + LEAST_EXPONENT));
    ints part = __builtin_convertvector((floats)c * scale, ints);
    for (int j = 0; j < LANES; j++)
        sum[j] = part[j];
    for (int k8 = 0; k8 < group; k8 += 8) {
        part = (ints){ 0 };
        for (int k = k8; k < k8 + 8 && k < group; k++) {
            memcpy(&values, b->value + b0 + k * u->n, sizeof values);
            part += __builtin_convertvector(a->value[a0 + k] * values * scale, ints);
        }
        for (int j = 0; j < LANES; j++)
            sum[j] += part[j];
    }
    floats unit = power_of_two(top - u->model.fbits);
    for (int j = 0; j < LANES; j++)
        if (top[j] >= LEAST_EXPONENT)
            out[j] = truncate_to_f32(sum[j], unit[j]);
}

static void multiply_finite(const struct matrix_unit *u, const uint16_t *a, const uint16_t *b, float *c)
{
    struct operands va, vb;
    finite_operands(a, u->m * u->k, &va);
    finite_operands(b, u->k * u->n, &vb);
    for (int k = 0; k < u->k; k += u->model.group)
        for (int i = 0; i < u->m; i++)
            for (int j = 0; j < u->n; j += LANES)
                aligned_sum(u, &va, i * u->k + k, &vb, k * u->n + j, c + i * u->n + j);
}

static void multiply_aligned(const struct matrix_unit *u, const uint16_t *a, const uint16_t *b, float *c)
{
    float special[SIDE * SIDE];
    bool is[SIDE * SIDE] = { false };
    bool any = any_special(a, u->m * u->k, 1) || any_special(b, u->k * u->n, 1);
    BUG_IF(u->model.fbits > 25 || u->model.fbits < 23, "%s: terms of %d bits", u->name, u->model.fbits + 2);
    for (int at = 0; at < u->m * u->n; at++)
        any |= is_special(c[at]);
    for (int i = 0; any && i < u->m; i++)
        for (int j = 0; j < u->n; j++) {
            int at = i * u->n + j;
            const uint16_t *row = a + i * u->k;
            is[at] = any_special(row, u->k, 1) || any_special(b + j, u->k, u->n) || is_special(c[at]);
            if (is[at]) {
                special[at] = special_sum(row, b + j, u->n, u->k, c[at], 0x7fffffffu);
                c[at] = 0;
            }
        }
    multiply_finite(u, a, b, c);
    for (int at = 0; any && at < u->m * u->n; at++)
        if (is[at])
            c[at] = special[at];
}

/* If `flush` is set, replaces a subnormal by a zero of the same sign. */
static float flushed(float x, bool flush)
{
    uint32_t u = bits_of(x);
    return flush && !(u & 0x7f800000u) ? float_of(u & 0x80000000u) : x;
}

/* MODEL_TREE4 adds four products p at a time: c + ((p0 + p1) + (p2 + p3)). Each sum is rounded to nearest even.
   A product of two f16 is exact in f32. */
static void tree4_row(const float *a, const float (*b)[SIDE], int k, int n, bool flush, float *c)
{
    for (int j = 0; j < n; j++)
        c[j] = flushed(c[j], flush);
    for (int k0 = 0; k0 < k; k0 += 4)
        for (int j = 0; j < n; j++) {
            float lo = flushed(a[k0] * b[k0][j] + a[k0 + 1] * b[k0 + 1][j], flush);
            float hi = flushed(a[k0 + 2] * b[k0 + 2][j] + a[k0 + 3] * b[k0 + 3][j], flush);
            c[j] = flushed(c[j] + flushed(lo + hi, flush), flush);
        }
    for (int j = 0; j < n; j++)
        if (c[j] != c[j])
            c[j] = float_of(0x7fc00000u);
}

static void multiply_tree4(const struct matrix_unit *u, const uint16_t *a, const uint16_t *b, float *c)
{
    float row[SIDE], fb[SIDE][SIDE];
    bool flush = u->model.flush;
    for (int k = 0; k < u->k; k++)
        for (int j = 0; j < u->n; j++) {
            uint16_t h = b[k * u->n + j];
            fb[k][j] = flush && !(h & 0x7c00) ? widen(h & 0x8000) : widen(h);
        }
    for (int i = 0; i < u->m; i++) {
        for (int k = 0; k < u->k; k++) {
            uint16_t h = a[i * u->k + k];
            row[k] = flush && !(h & 0x7c00) ? widen(h & 0x8000) : widen(h);
        }
        tree4_row(row, (const float(*)[SIDE])fb, u->k, u->n, flush, c + i * u->n);
    }
}

void matrix_multiply(const struct matrix_unit *u, const uint16_t *a, const uint16_t *b, float *c)
{
    BUG_IF(u->m > SIDE || u->n > SIDE || u->k > SIDE, "%s is larger than the emulator's matrices", u->name);
    switch (u->model.kind) {
    case MODEL_ALIGNED_SUM: multiply_aligned(u, a, b, c); return;
    case MODEL_TREE4: multiply_tree4(u, a, b, c); return;
    }
    BUG("%s: unknown model", u->name);
}

void matrix_mma(const struct matrix_unit *u, const struct matrix_coords *at, int wave, const struct matrix_regs *lanes)
{
    uint16_t a[SIDE * SIDE] = { 0 };
    uint16_t b[SIDE * SIDE] = { 0 };
    float c[SIDE * SIDE] = { 0 };
    for (int lane = 0; lane < wave; lane++) {
        const struct matrix_regs *r = &lanes[lane];
        for (int e = 0; e < u->a_elems; e++)
            a[at->a[lane][e]] = (uint16_t)(r->a[e / 2] >> (e % 2 * 16));
        for (int e = 0; e < u->b_elems; e++)
            b[at->b[lane][e]] = (uint16_t)(r->b[e / 2] >> (e % 2 * 16));
        for (int e = 0; e < u->c_elems; e++)
            c[at->c[lane][e]] = r->c[e];
    }
    matrix_multiply(u, a, b, c);
    for (int lane = 0; lane < wave; lane++)
        for (int e = 0; e < u->c_elems; e++)
            lanes[lane].c[e] = c[at->c[lane][e]];
}
