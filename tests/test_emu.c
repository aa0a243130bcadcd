/* The emulator and the preludes: hand-written kernel texts against plain C, faults seeded in them, and the same texts
   through the GPU compilers. */
#include "tests/support/needs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/spell.h"
#include "runtime/compile/compile.h"

/* ---- texts ---- */

/* A row of N a block of 128: the maximum and the sum through the waves, then through shared memory. */
static const char softmax_text[] =
    "struct softmax_args { TK_PTR(const tk_f32) x; TK_PTR(tk_f32) y; tk_i32 N; };\n"
    "TK_KERNEL(softmax, 128)\n"
    "{\n"
    "    TK_SHARED(64);\n"
    "    tk_f32 *const part = (tk_f32 *)(tk_smem + 0);\n"
    "    tk_i64 row = (tk_i64)tk_bid_x() * a.N;\n"
    "    tk_f32 m = -TK_INF, s = 0.0f;\n"
    "    for (tk_i32 i = tk_tid(); i < a.N; i += 128) m = tk_max_f32(m, tk_ld_f32(a.x, row + i));\n"
    "    for (tk_i32 d = TK_WAVE / 2; d > 0; d /= 2) m = tk_max_f32(m, tk_shfl_xor_f32(m, d));\n"
    "    if (tk_lane() == 0) tk_st_f32(part, tk_wave(), m);   // partial maximum\n"
    "    tk_sync_block();   // barrier 1\n"
    "    for (tk_i32 w = 0; w < 128 / TK_WAVE; w++) m = tk_max_f32(m, tk_ld_f32(part, w));\n"
    "    for (tk_i32 i = tk_tid(); i < a.N; i += 128) s = s + tk_exp_f32(tk_ld_f32(a.x, row + i) - m);\n"
    "    for (tk_i32 d = TK_WAVE / 2; d > 0; d /= 2) s = s + tk_shfl_xor_f32(s, d);\n"
    "    tk_sync_block();   // barrier 2\n"
    "    if (tk_lane() == 0) tk_st_f32(part, tk_wave(), s);   // partial sum\n"
    "    tk_sync_block();   // barrier 3\n"
    "    s = 0.0f;\n"
    "    for (tk_i32 w = 0; w < 128 / TK_WAVE; w++) s = s + tk_ld_f32(part, w);\n"
    "    for (tk_i32 i = tk_tid(); i < a.N; i += 128) tk_st_f32(a.y, row + i, tk_exp_f32(tk_ld_f32(a.x, row + i) - m) "
    "/ s);\n"
    "}\n";

/* What a GEMM text says of its target: fragments as its row's maps place them, written out. */
struct gemm_kind {
    const char *target;
    int lanes, tile_n, stages;
    const char *a_row, *a_k, *b_col, *b_k, *c_row, *c_col; /* of register r, and of element e */
};

static const struct gemm_kind gemm_kinds[] = {
    { "sm_90", 32, 8, 3, "tk_lane() / 4 + 8 * (r % 2)", "2 * (tk_lane() % 4) + 8 * (r / 2)", "tk_lane() / 4",
      "2 * (tk_lane() % 4) + 8 * r", "tk_lane() / 4 + 8 * (e / 2)", "2 * (tk_lane() % 4) + e % 2" },
    { "gfx90a", 64, 16, 2, "tk_lane() % 16", "4 * (tk_lane() / 16) + 2 * r", "tk_lane() % 16",
      "4 * (tk_lane() / 16) + 2 * r", "4 * (tk_lane() / 16) + e", "tk_lane() % 16" },
};

/* y[M][N] = x[M][K]·w[N][K]^T, K a multiple of 8: two waves of 16 rows each a block, 16 values of K a step, a ring of
   `stages` slots. */
static const char *gemm_text(struct session *s, const struct gemm_kind *g)
{
    const char *head = arena_printf(s->run, "enum { BLOCK = %d, TN = %d, STAGES = %d, SLOT = (32 + TN) * 16 };\n",
                                    2 * g->lanes, g->tile_n, g->stages);
    const char *body =
        "struct gemm_args { TK_PTR(const tk_f16) x; TK_PTR(const tk_f16) w; TK_PTR(tk_f32) y; tk_i32 M; tk_i32 N; "
        "tk_i32 K; };\n"
        "TK_KERNEL(gemm, BLOCK)\n"
        "{\n"
        "    TK_SHARED(STAGES * SLOT * 2);\n"
        "    tk_f16 *const ring = (tk_f16 *)(tk_smem + 0);\n"
        "    tk_v16 xs, ws;\n"
        "    tk_f32 c[TK_MMA_C] = { 0.0f, 0.0f, 0.0f, 0.0f };\n"
        "    tk_u32 fa[TK_MMA_A], fb[TK_MMA_B];\n"
        "    tk_i32 i = tk_tid() / 2, k8 = tk_tid() % 2 * 8, row0 = tk_bid_y() * 32, col0 = tk_bid_x() * TN, steps = "
        "(a.K + 15) / 16;\n"
        "    for (tk_i32 t = 0; t < STAGES - 1; t++) {\n"
        "        if (i < 32) tk_issue_16(xs, ring, t * SLOT + i * 16 + k8, a.x, (row0 + i) * a.K + t * 16 + k8, row0 + "
        "i < a.M && t * 16 + k8 < a.K);\n"
        "        if (i < TN) tk_issue_16(ws, ring, t * SLOT + 512 + i * 16 + k8, a.w, (col0 + i) * a.K + t * 16 + k8, "
        "col0 + i < a.N && t * 16 + k8 < a.K);\n"
        "        if (i < 32) tk_land_16(xs, ring, t * SLOT + i * 16 + k8);\n"
        "        if (i < TN) tk_land_16(ws, ring, t * SLOT + 512 + i * 16 + k8);\n"
        "        tk_commit();\n"
        "    }\n"
        "    for (tk_i32 t = 0; t < steps; t++) {\n"
        "        tk_i32 now = t % STAGES * SLOT, k = (t + STAGES - 1) * 16 + k8, next = (t + STAGES - 1) % STAGES * "
        "SLOT;\n"
        "        tk_wait(STAGES - 2);   // wait\n"
        "        tk_sync_block();   // barrier\n"
        "        if (i < 32) tk_issue_16(xs, ring, next + i * 16 + k8, a.x, (row0 + i) * a.K + k, row0 + i < a.M && k "
        "< a.K);   // refill x\n"
        "        if (i < TN) tk_issue_16(ws, ring, next + 512 + i * 16 + k8, a.w, (col0 + i) * a.K + k, col0 + i < a.N "
        "&& k < a.K);   // refill w\n"
        "        tk_commit();\n"
        "        for (tk_i32 r = 0; r < TK_MMA_A; r++) fa[r] = tk_ld2_f16(ring, now + (tk_wave() * 16 + A_ROW) * 16 + "
        "A_K);\n"
        "        for (tk_i32 r = 0; r < TK_MMA_B; r++) fb[r] = tk_ld2_f16(ring, now + 512 + (B_COL) * 16 + B_K);\n"
        "        tk_mma(c, fa, fb);\n"
        "        if (i < 32) tk_land_16(xs, ring, next + i * 16 + k8);   // land x\n"
        "        if (i < TN) tk_land_16(ws, ring, next + 512 + i * 16 + k8);   // land w\n"
        "    }\n"
        "    for (tk_i32 e = 0; e < TK_MMA_C; e++) {\n"
        "        tk_i32 row = row0 + tk_wave() * 16 + C_ROW, col = col0 + C_COL;\n"
        "        if (row < a.M && col < a.N) tk_st_f32(a.y, row * a.N + col, c[e]);\n"
        "    }\n"
        "}\n";
    return arena_printf(
        s->run,
        "%s#define A_ROW (%s)\n#define A_K (%s)\n#define B_COL (%s)\n#define B_K (%s)\n#define C_ROW (%s)\n"
        "#define C_COL (%s)\n%s",
        head, g->a_row, g->a_k, g->b_col, g->b_k, g->c_row, g->c_col, body);
}

/* Every function of the prelude that has no memory or copies of its own, two f32, an f64 and an i64 in, one line of
   results out. */
enum { SPOTS_F = 32, SPOTS_D = 12, SPOTS_L = 12 };
static const char spots_text[] =
    "struct spots_args { TK_PTR(const tk_f32) x; TK_PTR(const tk_f64) z; TK_PTR(tk_f32) f; TK_PTR(tk_f64) d; "
    "TK_PTR(tk_i64) l;\n"
    "                    TK_PTR(tk_f16) h; TK_PTR(tk_bf16) q; TK_PTR(tk_u8) u; TK_PTR(tk_i32) n; };\n"
    "TK_KERNEL(spots, 64)\n"
    "{\n"
    "    tk_i32 t = tk_bid_x() * 64 + tk_tid(), f = t * 32, g = t * 12;\n"
    "    tk_f32 x = tk_ld_f32(a.x, 2 * t), y = tk_ld_f32(a.x, 2 * t + 1);\n"
    "    tk_f64 z = tk_ld_f64(a.z, t);\n"
    "    tk_i32 xi = (tk_i32)x, yi = (tk_i32)y;\n"
    "    tk_u32 p = tk_pack_f16(x, y);\n"
    "    tk_st_f32(a.f, f + 0, tk_fma_f32(x, y, x)); tk_st_f32(a.f, f + 1, tk_sqrt_f32(x)); tk_st_f32(a.f, f + 2, "
    "tk_abs_f32(y));\n"
    "    tk_st_f32(a.f, f + 3, tk_rint_f32(x)); tk_st_f32(a.f, f + 4, tk_floor_f32(y)); tk_st_f32(a.f, f + 5, "
    "tk_max_f32(x, y));\n"
    "    tk_st_f32(a.f, f + 6, tk_min_f32(x, y)); tk_st_f32(a.f, f + 7, tk_round_f16(x)); tk_st_f32(a.f, f + 8, "
    "tk_round_bf16(x));\n"
    "    tk_st_f32(a.f, f + 9, tk_lo_f16(p)); tk_st_f32(a.f, f + 10, tk_hi_f16(p)); tk_st_f32(a.f, f + 11, x / y);\n"
    "    tk_st_f32(a.f, f + 12, x * y + x); tk_st_f32(a.f, f + 13, tk_bits_f32(tk_f32_bits(x) ^ 1u)); tk_st_f32(a.f, f "
    "+ 14, TK_INF);\n"
    "    tk_st_f32(a.f, f + 15, TK_NAN); tk_st_f32(a.f, f + 16, tk_shfl_xor_f32(x, 5)); tk_st_f32(a.f, f + 17, "
    "tk_shfl_f32(x, 7));\n"
    "    tk_st_f32(a.f, f + 18, (tk_f32)tk_shfl_i32(t, 3)); tk_st_f32(a.f, f + 19, (tk_f32)tk_shfl_xor_i32(t, 3)); "
    "tk_st_f32(a.f, f + 20, tk_max_f32(y, x));\n"
    "    tk_st_f32(a.f, f + 21, (tk_f32)(tk_lane() + 1000 * tk_wave())); tk_st_f32(a.f, f + 22, (tk_f32)(tk_bid_x() + "
    "10 * tk_bid_y() + 100 * tk_bid_z()));\n"
    "    tk_st_f32(a.f, f + 23, (tk_f32)tk_max_i32(xi, yi)); tk_st_f32(a.f, f + 24, (tk_f32)tk_min_i32(xi, yi));\n"
    "    tk_st_f64(a.d, g + 0, tk_fma_f64(z, z, z)); tk_st_f64(a.d, g + 1, tk_sqrt_f64(z)); tk_st_f64(a.d, g + 2, "
    "tk_abs_f64(z));\n"
    "    tk_st_f64(a.d, g + 3, tk_rint_f64(z));\n"
    "    tk_st_f64(a.d, g + 4, tk_floor_f64(z)); tk_st_f64(a.d, g + 5, tk_max_f64(z, 1.0)); tk_st_f64(a.d, g + 6, "
    "tk_min_f64(1.0, z));\n"
    "    tk_st_f64(a.d, g + 7, tk_shfl_xor_f64(z, 1)); tk_st_f64(a.d, g + 8, tk_shfl_f64(z, 2)); tk_st_f64(a.d, g + 9, "
    "tk_bits_f64(tk_f64_bits(z) ^ 1u));\n"
    "    tk_st_i64(a.l, g + 0, tk_i64_f64(z)); tk_st_i64(a.l, g + 1, (tk_i64)tk_ballot(x > 0.0f)); tk_st_i64(a.l, g + "
    "2, tk_max_i64(t, 9));\n"
    "    tk_st_i64(a.l, g + 3, tk_min_i64(t, 9)); tk_st_i64(a.l, g + 4, tk_shfl_xor_i64((tk_i64)t << 33, 2));\n"
    "    tk_st_i64(a.l, g + 5, tk_shfl_i64((tk_i64)t << 33, 4));\n"
    "    tk_st_f16(a.h, t, x); tk_st_bf16(a.q, t, x); tk_st_u8(a.u, t, (tk_u8)t); tk_st_i32(a.n, t, xi);\n"
    "    tk_sync_wave();\n"
    "    tk_st_f32(a.f, f + 25, tk_ld_f16(a.h, t)); tk_st_f32(a.f, f + 26, tk_ld_bf16(a.q, t)); tk_st_f32(a.f, f + 27, "
    "(tk_f32)tk_ld_u8(a.u, t));\n"
    "    tk_st_f32(a.f, f + 28, (tk_f32)tk_ld_i32(a.n, t)); tk_st_f32(a.f, f + 29, (tk_f32)tk_ld_i64(a.l, g + 2));\n"
    "}\n";

/* ---- a device with a text ---- */

struct rig {
    struct session *s;
    struct device *d;
    struct module *m;
};

static struct rig rig_open(const char *target, const char *text, bool checking, int threads)
{
    struct rig r = { .s = session_begin() };
    const struct target *t = target_find(target);
    struct code code;
    const char *all =
        arena_printf(r.s->run, "%s%s", spell_prelude(r.s, t, checking ? SPELL_EMU_CHECKED : SPELL_EMU), text);
    bool ok = compile_host(r.s, t, all, checking, &code);
    if (!ok)
        diags_print(r.s, 0, stderr, false);
    assert_true(ok);
    r.d = emu_open(r.s, t, checking, threads);
    assert_non_null(r.d);
    r.m = r.d->ops->load(r.d, &code);
    assert_non_null(r.m);
    return r;
}

static void rig_close(struct rig *r)
{
    r->d->ops->close(r->d);
    session_end(r->s);
}

static dptr put(struct rig *r, const void *data, size_t bytes)
{
    dptr p;
    assert_true(r->d->ops->alloc(r->d, bytes, &p));
    if (data)
        assert_true(r->d->ops->copy_in(r->d, NULL, p, data, bytes));
    return p;
}

static void get(struct rig *r, void *to, dptr p, size_t bytes)
{
    assert_true(r->d->ops->copy_out(r->d, NULL, to, p, bytes));
}

/* ---- softmax ---- */

enum { ROWS = 5, COLS = 300 };

static bool softmax_run(struct rig *r, const float *x, float *y)
{
    struct {
        dptr x, y;
        int32_t n;
    } args = { put(r, x, ROWS * COLS * 4), put(r, NULL, ROWS * COLS * 4), COLS };
    struct launch_buffer buffers[] = { { "x", args.x, ROWS * COLS * 4, false, true, 4, 0 },
                                       { "y", args.y, ROWS * COLS * 4, true, false, 4, 0 } };
    struct launch l = { .kernel = "softmax",
                        .grid = { ROWS, 1, 1 },
                        .block = 128,
                        .smem = 64,
                        .collective = true,
                        .args = &args,
                        .args_size = sizeof args,
                        .buffers = buffers,
                        .n_buffers = 2 };
    bool ok = launch_now(r->d, r->m, &l) && r->d->ops->sync(r->d);
    get(r, y, args.y, ROWS * COLS * 4);
    r->d->ops->free(r->d, args.x);
    r->d->ops->free(r->d, args.y);
    return ok;
}

static void draw_floats(float *x, size_t n, double scale)
{
    uint64_t seed = 3;
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((rnd_unit(&seed) * 2 - 1) * scale);
}

/* exp: 2 ulp of 2^-23 each and the rounded difference below 8, 8·2^-24 twice; the sum 10 levels deep; the division: (8
   + 16 + 10 + 1)·2^-24. */
static void softmax_is_right(void **state)
{
    (void)state;
    float x[ROWS * COLS], y[ROWS * COLS];
    draw_floats(x, ROWS * COLS, 4);
    for (int i = 0; i < 4; i++) {
        struct rig r = rig_open(i % 2 ? "sm_90" : "gfx90a", softmax_text, i >= 2, 2);
        bool ok = softmax_run(&r, x, y);
        if (!ok)
            diags_print(r.s, 0, stderr, false);
        assert_true(ok);
        for (int row = 0; row < ROWS; row++) {
            double sum = 0;
            for (int c = 0; c < COLS; c++)
                sum += exp((double)x[row * COLS + c]);
            for (int c = 0; c < COLS; c++) {
                double want = exp((double)x[row * COLS + c]) / sum;
                assert_true(fabs(y[row * COLS + c] - want) <= 35 * 0x1p-24 * want);
            }
        }
        rig_close(&r);
    }
}

/* ---- gemm ---- */

enum { M = 50, N = 29, K = 72 };

static bool gemm_run(struct rig *r, const struct gemm_kind *g, const uint16_t *x, const uint16_t *w, float *y)
{
    struct {
        dptr x, w, y;
        int32_t m, n, k;
    } args = { put(r, x, M * K * 2), put(r, w, N * K * 2), put(r, NULL, M * N * 4), M, N, K };
    struct launch_buffer buffers[] = { { "x", args.x, M * K * 2, false, true, 2, 0 },
                                       { "w", args.w, N * K * 2, false, true, 2, 0 },
                                       { "y", args.y, M * N * 4, true, false, 4, 0 } };
    struct launch l = { .kernel = "gemm",
                        .grid = { (unsigned)((N + g->tile_n - 1) / g->tile_n), 2, 1 },
                        .block = (unsigned)(2 * g->lanes),
                        .smem = (unsigned)(g->stages * (32 + g->tile_n) * 32),
                        .collective = true,
                        .args = &args,
                        .args_size = sizeof args,
                        .buffers = buffers,
                        .n_buffers = 3 };
    bool ok = launch_now(r->d, r->m, &l);
    get(r, y, args.y, M * N * 4);
    return ok;
}

static void draw_halves(uint16_t *h, size_t n, bool whole)
{
    uint64_t seed = 11;
    for (size_t i = 0; i < n; i++)
        h[i] = f16_from_double(whole ? (double)rnd_range(&seed, -8, 8) : rnd_unit(&seed) * 2 - 1);
}

/* Small whole numbers: every order of summation gives the exact result. */
static void gemm_is_right(void **state)
{
    (void)state;
    uint16_t x[M * K], w[N * K];
    float y[M * N];
    draw_halves(x, M * K, true);
    draw_halves(w, N * K, true);
    for (int i = 0; i < 4; i++) {
        const struct gemm_kind *g = &gemm_kinds[i % 2];
        struct session *s = session_begin();
        struct rig r = rig_open(g->target, gemm_text(s, g), i >= 2, 2);
        bool ok = gemm_run(&r, g, x, w, y);
        if (!ok)
            diags_print(r.s, 0, stderr, false);
        assert_true(ok);
        for (int m = 0; m < M; m++)
            for (int n = 0; n < N; n++) {
                float want = 0;
                for (int k = 0; k < K; k++)
                    want += f16_to_float(x[m * K + k]) * f16_to_float(w[n * K + k]);
                assert_true(y[m * N + n] == want);
            }
        rig_close(&r);
        session_end(s);
    }
}

/* Two runs, 1 and 3 threads, the checking and the plain emulator, two devices open at once: the same bits. */
static void bits_do_not_hang_on_the_run(void **state)
{
    (void)state;
    uint16_t x[M * K], w[N * K];
    float y[M * N], again[M * N];
    draw_halves(x, M * K, false);
    draw_halves(w, N * K, false);
    for (int i = 0; i < 2; i++) {
        const struct gemm_kind *g = &gemm_kinds[i];
        struct session *s = session_begin();
        const char *text = gemm_text(s, g);
        struct rig one = rig_open(g->target, text, false, 1);
        struct rig three = rig_open(g->target, text, false, 3);
        struct rig checked = rig_open(g->target, text, true, 3);
        assert_true(gemm_run(&one, g, x, w, y));
        assert_true(gemm_run(&one, g, x, w, again));
        assert_memory_equal(y, again, sizeof y);
        assert_true(gemm_run(&three, g, x, w, again));
        assert_memory_equal(y, again, sizeof y);
        assert_true(gemm_run(&checked, g, x, w, again));
        assert_memory_equal(y, again, sizeof y);
        rig_close(&one);
        rig_close(&three);
        rig_close(&checked);
        session_end(s);
    }
}

/* ---- seeded faults ---- */

static char *replaced(struct session *s, const char *text, const char *old, const char *new)
{
    const char *at = strstr(text, old);
    assert_non_null(at);
    return arena_printf(s->run, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
}

/* Some error of the session stands at a line of its source that holds `line` and says `says`. */
static bool found_at(const struct session *s, const char *line, const char *says)
{
    for (size_t i = 0; i < s->n_diags; i++) {
        const struct diag *d = &s->diags[i];
        if (d->level != DIAG_ERROR || !d->loc.line || !strstr(d->text, says))
            continue;
        const char *p = d->loc.src->text;
        for (int n = 1; n < d->loc.line; n++)
            p = strchr(p, '\n') + 1;
        const char *hit = strstr(p, line);
        if (hit && hit < p + strcspn(p, "\n"))
            return true;
    }
    return false;
}

struct fault_case {
    const char *old, *new, *line, *says;
};

static void expect_found(struct rig *r, bool ok, const struct fault_case *f)
{
    bool good = !ok && r->s->fail == FAIL_JUDGED && found_at(r->s, f->line, f->says);
    if (!good) {
        fprintf(stderr, "seeded: \"%s\" -> \"%s\"; expected \"%s\" at \"%s\", got:\n", f->old, f->new, f->says,
                f->line);
        diags_print(r->s, 0, stderr, false);
    }
    assert_true(good);
}

static void softmax_faults_are_found(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        { "tk_sync_block();   // barrier 1", "", "tk_max_f32(m, tk_ld_f32(part, w))", "before anything was written" },
        { "tk_sync_block();   // barrier 2", "", "// partial sum", "race: written, and touched by thread" },
        { "tk_sync_block();   // barrier 3", "", "s = s + tk_ld_f32(part, w)", "race: read" },
        { "if (tk_lane() == 0) tk_st_f32(part, tk_wave(), m);", "", "tk_max_f32(m, tk_ld_f32(part, w))",
          "shared memory, byte 0: read before" },
        { "i < a.N; i += 128) tk_st_f32", "i < a.N + 1; i += 128) tk_st_f32", "tk_st_f32(a.y, row + i",
          "race: written, and touched by thread 44 of block 0" },
        { "tk_st_f32(a.y, row + i", "tk_st_f32(a.y, row + i + 1500", "tk_st_f32(a.y", "written outside every buffer" },
        { "tk_st_f32(a.y, row", "tk_st_f32((tk_f32 *)a.x, row", "tk_st_f32((tk_f32 *)a.x",
          "x[0]: written, but the launch only reads it" },
        { "tk_ld_f32(a.x, row + i) - m) / s", "tk_ld_f32(a.y, row + i) - m) / s", "tk_ld_f32(a.y, row + i)",
          "y[0]: read before anything" },
        { "    tk_sync_block();   // barrier 1", "    if (tk_tid() == 70) return;\n    tk_sync_block();   // barrier 1",
          "// barrier 1", "divergent control" },
        { "    tk_sync_block();   // barrier 2", "    if (tk_tid() < 64) tk_sync_block();   // half", "// half",
          "divergent control" },
        { "    tk_sync_block();   // barrier 2",
          "    if (tk_lane() < 8) tk_sync_wave(); else tk_sync_block();   // kinds", "// kinds", "divergent control" },
    };
    float x[ROWS * COLS], y[ROWS * COLS];
    draw_floats(x, ROWS * COLS, 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct session *s = session_begin();
        struct rig r =
            rig_open(i % 2 ? "gfx90a" : "sm_90", replaced(s, softmax_text, cases[i].old, cases[i].new), true, 1);
        expect_found(&r, softmax_run(&r, x, y), &cases[i]);
        rig_close(&r);
        session_end(s);
    }
}

static void gemm_faults_are_found(void **state)
{
    (void)state;
    static const struct {
        int kind;
        struct fault_case f;
    } cases[] = {
        { 0, { "tk_sync_block();   // barrier", "", "fa[r] = tk_ld2_f16", "while a copy into it is in flight" } },
        { 0, { "tk_wait(STAGES - 2);   // wait", "", "fa[r] = tk_ld2_f16", "while a copy into it is in flight" } },
        { 0,
          { "tk_wait(STAGES - 2);   // wait", "tk_wait(STAGES - 1);", "fa[r] = tk_ld2_f16",
            "while a copy into it is in flight" } },
        /* the slot is refilled before the barrier that says all waves have read it */
        { 0, { "        tk_sync_block();   // barrier\n", "", "// refill", "race: written, and touched by thread" } },
        { 0,
          { "next = (t + STAGES - 1) % STAGES", "next = t % STAGES", "fa[r] = tk_ld2_f16",
            "while a copy into it is in flight" } },
        { 0, { "if (row < a.M && col < a.N) ", "", "tk_st_f32(a.y, row * a.N + col", "outside every buffer" } },
        { 0,
          { "row0 + i < a.M && k < a.K);   // refill x", "1);   // refill x", "// refill x",
            "read outside every buffer" } },
        { 1, { "tk_sync_block();   // barrier", "", "fa[r] = tk_ld2_f16", "read before anything was written" } },
        { 1,
          { "next = (t + STAGES - 1) % STAGES", "next = t % STAGES", "// land",
            "race: written, and touched by thread" } },
        { 1, { "if (row < a.M && col < a.N) ", "", "tk_st_f32(a.y, row * a.N + col", "outside every buffer" } },
        { 1,
          { "row0 + i < a.M && k < a.K);   // refill x", "1);   // refill x", "// refill x",
            "read outside every buffer" } },
    };
    uint16_t x[M * K], w[N * K];
    float y[M * N];
    draw_halves(x, M * K, true);
    draw_halves(w, N * K, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct gemm_kind *g = &gemm_kinds[cases[i].kind];
        struct session *s = session_begin();
        struct rig r = rig_open(g->target, replaced(s, gemm_text(s, g), cases[i].f.old, cases[i].f.new), true, 1);
        expect_found(&r, gemm_run(&r, g, x, w, y), &cases[i].f);
        rig_close(&r);
        session_end(s);
    }
}

/* ---- small kernels ---- */

static const char small_text[] = "struct twice_args { TK_PTR(const tk_f16) x; TK_PTR(tk_f16) y; tk_i32 n; };\n"
                                 "TK_KERNEL(twice, 64)\n"
                                 "{\n"
                                 "    tk_i32 i = tk_bid_x() * 64 + tk_tid();\n"
                                 "    if (i >= a.n) return;\n"
                                 "    tk_st_f16(a.y, i, tk_ld_f16(a.x, i) * 2.0f);\n"
                                 "}\n"
                                 "struct swap_args { TK_PTR(const tk_u8) x; TK_PTR(tk_u8) y; };\n"
                                 "TK_KERNEL(swap, 64)\n"
                                 "{\n"
                                 "    TK_SHARED(64);\n"
                                 "    tk_st_u8(tk_smem, tk_tid(), tk_ld_u8(a.x, tk_tid()));\n"
                                 "    tk_sync_wave();   // wave barrier\n"
                                 "    tk_st_u8(a.y, tk_tid(), tk_ld_u8(tk_smem, tk_tid() ^ 1));   // the neighbour's\n"
                                 "    tk_sync_wave();   // wave barrier again\n"
                                 "    tk_st_u8(tk_smem, tk_tid(), (tk_u8)0);   // overwritten\n"
                                 "}\n";

static bool swap_run(struct rig *r, uint8_t *y)
{
    uint8_t x[64];
    for (int i = 0; i < 64; i++)
        x[i] = (uint8_t)(i * 3);
    struct {
        dptr x, y;
    } args = { put(r, x, 64), put(r, NULL, 64) };
    struct launch_buffer buffers[] = { { "x", args.x, 64, false, true, 1, 0 }, { "y", args.y, 64, true, false, 1, 0 } };
    struct launch l = { .kernel = "swap",
                        .grid = { 1, 1, 1 },
                        .block = 64,
                        .smem = 64,
                        .collective = true,
                        .args = &args,
                        .args_size = sizeof args,
                        .buffers = buffers,
                        .n_buffers = 2 };
    bool ok = launch_now(r->d, r->m, &l);
    get(r, y, args.y, 64);
    return ok;
}

/* Without fibers, in place (two buffers of one address), more than one block, a tail. */
static void a_plain_kernel_runs_in_place(void **state)
{
    (void)state;
    enum { COUNT = 150 };
    for (int checking = 0; checking < 2; checking++) {
        struct rig r = rig_open("gfx90a", small_text, checking, 2);
        uint16_t h[COUNT];
        for (int i = 0; i < COUNT; i++)
            h[i] = f16_from_float((float)i);
        dptr p = put(&r, h, sizeof h);
        struct {
            dptr x, y;
            int32_t n;
        } args = { p, p, COUNT };
        struct launch_buffer buffers[] = { { "x", p, sizeof h, false, true, 2, 0 },
                                           { "y", p, sizeof h, true, false, 2, 0 } };
        struct launch l = { .kernel = "twice",
                            .grid = { 3, 1, 1 },
                            .block = 64,
                            .args = &args,
                            .args_size = sizeof args,
                            .buffers = buffers,
                            .n_buffers = 2 };
        bool ok = launch_now(r.d, r.m, &l);
        if (!ok)
            diags_print(r.s, 0, stderr, false);
        assert_true(ok && r.d->ops->sync(r.d));
        get(&r, h, p, sizeof h);
        for (int i = 0; i < COUNT; i++)
            assert_true(f16_to_float(h[i]) == (float)(2 * i));
        rig_close(&r);
    }
}

/* A wave's barrier orders its own lanes, bytes that lie side by side are no race, and each of the two barriers is
   needed. */
static void wave_barriers_order_a_wave(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        { "    tk_sync_wave();   // wave barrier\n", "", "// the neighbour's", "before anything was written" },
        { "    tk_sync_wave();   // wave barrier again\n", "", "// overwritten",
          "race: written, and touched by thread" },
    };
    uint8_t y[64];
    struct rig r = rig_open("sm_90", small_text, true, 1);
    bool ok = swap_run(&r, y);
    if (!ok)
        diags_print(r.s, 0, stderr, false);
    assert_true(ok);
    for (int i = 0; i < 64; i++)
        assert_int_equal(y[i], (uint8_t)((i ^ 1) * 3));
    rig_close(&r);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct session *s = session_begin();
        r = rig_open("sm_90", replaced(s, small_text, cases[i].old, cases[i].new), true, 1);
        expect_found(&r, swap_run(&r, y), &cases[i]);
        rig_close(&r);
        session_end(s);
    }
}

/* Without the shadow: no hang, no crash, the same failure whatever the number of threads. */
static void plain_emulator_finds_divergence(void **state)
{
    (void)state;
    float x[ROWS * COLS], y[ROWS * COLS];
    draw_floats(x, ROWS * COLS, 4);
    for (int threads = 1; threads <= 3; threads += 2) {
        struct session *s = session_begin();
        static const struct fault_case f = {
            "    tk_sync_block();   // barrier 1",
            "    if (tk_bid_x() > 1 && tk_tid() == 70) return;\n    tk_sync_block();   // barrier 1", "// barrier 1",
            "kernel softmax, block 2: divergent control: thread 64 waits for the block at line 12, thread 70 has ended"
        };
        struct rig r = rig_open("gfx90a", replaced(s, softmax_text, f.old, f.new), false, threads);
        expect_found(&r, softmax_run(&r, x, y), &f);
        assert_int_equal(r.s->n_errors, 1);
        rig_close(&r);
        session_end(s);
    }
    struct session *s = session_begin();
    static const struct fault_case f = { "tk_st_f32(a.y, row + i", "tk_st_f32(a.y, row + i + 20", "", "" };
    struct rig r = rig_open("sm_90", replaced(s, softmax_text, f.old, f.new), false, 2);
    assert_false(softmax_run(&r, x, y));
    assert_non_null(strstr(r.s->diags[0].text, "beyond the ends of an allocation"));
    rig_close(&r);
    session_end(s);
}

static void launches_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct rig r = rig_open("sm_90", softmax_text, false, 1);
    struct {
        dptr x, y;
        int32_t n;
    } args = { put(&r, NULL, 16), put(&r, NULL, 16), 4 };
    struct launch l = { .kernel = "softmax",
                        .grid = { 0, 1, 1 },
                        .block = 128,
                        .smem = 64,
                        .collective = true,
                        .args = &args,
                        .args_size = sizeof args };
    assert_true(launch_now(r.d, r.m, &l));
    l.grid[0] = 1;
    l.smem = 32;
    assert_false(launch_now(r.d, r.m, &l));
    assert_non_null(strstr(r.s->diags[0].text, "uses 64 bytes of shared memory, the launch gives 32"));
    l.smem = 64;
    l.collective = false;
    assert_false(launch_now(r.d, r.m, &l));
    assert_non_null(strstr(r.s->diags[1].text, "not marked collective"));
    l.collective = true;
    l.kernel = "softmin";
    assert_false(launch_now(r.d, r.m, &l));
    l.kernel = "softmax";
    l.smem = 1 << 20;
    assert_false(launch_now(r.d, r.m, &l));
    l.smem = 64;
    l.grid[1] = 65536;
    assert_false(launch_now(r.d, r.m, &l));
    assert_non_null(strstr(r.s->diags[r.s->n_diags - 1].text, "takes 2147483647 x 65535 x 65535"));
    l.grid[1] = 1;
    r.s->faults.device_at = 1;
    assert_false(launch_now(r.d, r.m, &l));
    assert_true(launch_now(r.d, r.m, &l));
    rig_close(&r);
}

/* ---- the functions of the prelude ---- */

static bool same_f32(float a, float b) { return (a != a && b != b) || memcmp(&a, &b, 4) == 0; }
static bool same_f64(double a, double b) { return (a != a && b != b) || memcmp(&a, &b, 8) == 0; }
static float max_f32(float a, float b) { return a != a ? a : b != b ? b : a >= b ? a : b; }
static float min_f32(float a, float b) { return a != a ? a : b != b ? b : a <= b ? a : b; }
static float flip_f32(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    u ^= 1;
    memcpy(&x, &u, 4);
    return x;
}
static double flip_f64(double x)
{
    uint64_t u;
    memcpy(&u, &x, 8);
    u ^= 1;
    memcpy(&x, &u, 8);
    return x;
}

enum { SPOT_THREADS = 192 };

static void spot_operands(float *x, double *z)
{
    static const float hard[] = { 0.0f,      -0.0f,        1.0f,     -1.0f,      65504.0f,   65519.99f,
                                  65520.0f,  0x1p-24f,     0x1p-25f, 0x1.8p-25f, 0x1.002p0f, 0x1.006p0f,
                                  0x1p-14f,  0x1.ffep-15f, 2.5f,     3.5f,       -2.5f,      0x1p-130f,
                                  0x1.01p0f, 0x1.03p0f,    INFINITY, -INFINITY,  NAN };
    enum { HARD = sizeof hard / sizeof *hard };
    uint64_t seed = 5;
    for (int i = 0; i < 2 * SPOT_THREADS; i++)
        x[i] = i < 2 * HARD ? hard[i % 2 ? i * 7 / 2 % HARD : i / 2]
                            : (float)((rnd_unit(&seed) * 2 - 1) * ldexp(1, (int)rnd_range(&seed, -18, 18)));
    for (int i = 0; i < SPOT_THREADS; i++)
        z[i] = (rnd_unit(&seed) * 2 - 1) * ldexp(1, (int)rnd_range(&seed, -20, 20));
}

static void spots_compare(const struct target *t, const float *x, const double *z, const float *f, const double *d,
                          const int64_t *l)
{
    for (int i = 0; i < SPOT_THREADS; i++) {
        int base = i / 64 * 64;
        int lane = i % 64 % t->wave;
        int wave0 = i - lane;
        float a = x[2 * i];
        float b = x[2 * i + 1];
        double c = z[i];
        bool small = fabsf(a) < 0x1p31f && fabsf(b) < 0x1p31f;
        int32_t ai = small ? (int32_t)a : 0;
        int32_t bi = small ? (int32_t)b : 0;
        float prod = a * b;
        uint64_t votes = 0;
        for (int v = 0; v < t->wave; v++)
            votes |= (uint64_t)(x[2 * (wave0 + v)] > 0) << v;
        float want[30] = { fmaf(a, b, a),
                           sqrtf(a),
                           fabsf(b),
                           rintf(a),
                           floorf(b),
                           max_f32(a, b),
                           min_f32(a, b),
                           f16_to_float(f16_from_float(a)),
                           bf16_to_float(bf16_from_float(a)),
                           f16_to_float(f16_from_float(a)),
                           f16_to_float(f16_from_float(b)),
                           a / b,
                           prod + a,
                           flip_f32(a),
                           INFINITY,
                           NAN,
                           x[2 * (wave0 + (lane ^ 5))],
                           x[2 * (wave0 + 7)],
                           (float)(wave0 + 3),
                           (float)(wave0 + (lane ^ 3)),
                           max_f32(b, a),
                           (float)(lane + 1000 * (i % 64 / t->wave)),
                           (float)(base / 64),
                           (float)(ai > bi ? ai : bi),
                           (float)(ai < bi ? ai : bi),
                           f16_to_float(f16_from_float(a)),
                           bf16_to_float(bf16_from_float(a)),
                           (float)(uint8_t)i,
                           (float)ai,
                           (float)(i > 9 ? i : 9) };
        double want_d[10] = { fma(c, c, c), sqrt(c),        fabs(c),        rint(c),
                              floor(c),     c >= 1 ? c : 1, 1 <= c ? 1 : c, z[wave0 + (lane ^ 1)],
                              z[wave0 + 2], flip_f64(c) };
        int64_t want_l[6] = { (int64_t)c,
                              (int64_t)votes,
                              i > 9 ? i : 9,
                              i < 9 ? i : 9,
                              (int64_t)(wave0 + (lane ^ 2)) << 33,
                              (int64_t)(wave0 + 4) << 33 };
        for (int k = 0; k < 30; k++) {
            if (!small && (k == 23 || k == 24 || k == 28))
                continue; /* no integer has that value */
            if (!same_f32(f[i * SPOTS_F + k], want[k]))
                fail_msg("f32 %d of thread %d: %a, expected %a (of %a, %a)", k, i, f[i * SPOTS_F + k], want[k], a, b);
        }
        for (int k = 0; k < 10; k++)
            if (!same_f64(d[i * SPOTS_D + k], want_d[k]))
                fail_msg("f64 %d of thread %d: %a, expected %a (of %a)", k, i, d[i * SPOTS_D + k], want_d[k], c);
        for (int k = 0; k < 6; k++)
            assert_int_equal(l[i * SPOTS_L + k], want_l[k]);
    }
}

static void functions_are_as_in_c(void **state)
{
    (void)state;
    float x[2 * SPOT_THREADS], f[SPOT_THREADS * SPOTS_F];
    double z[SPOT_THREADS], d[SPOT_THREADS * SPOTS_D];
    int64_t l[SPOT_THREADS * SPOTS_L];
    spot_operands(x, z);
    for (int i = 0; i < 4; i++) {
        struct rig r = rig_open(i % 2 ? "sm_90" : "gfx90a", spots_text, i >= 2, 2);
        struct {
            dptr x, z, f, d, l, h, q, u, n;
        } args = { put(&r, x, sizeof x),
                   put(&r, z, sizeof z),
                   put(&r, NULL, sizeof f),
                   put(&r, NULL, sizeof d),
                   put(&r, NULL, sizeof l),
                   put(&r, NULL, 2 * SPOT_THREADS),
                   put(&r, NULL, 2 * SPOT_THREADS),
                   put(&r, NULL, SPOT_THREADS),
                   put(&r, NULL, 4 * SPOT_THREADS) };
        struct launch_buffer buffers[] = {
            { "x", args.x, sizeof x, false, true, 4, 0 },         { "z", args.z, sizeof z, false, true, 8, 0 },
            { "f", args.f, sizeof f, true, false, 4, 0 },         { "d", args.d, sizeof d, true, false, 8, 0 },
            { "l", args.l, sizeof l, true, false, 8, 0 },         { "h", args.h, 2 * SPOT_THREADS, true, false, 2, 0 },
            { "q", args.q, 2 * SPOT_THREADS, true, false, 2, 0 }, { "u", args.u, SPOT_THREADS, true, false, 1, 0 },
            { "n", args.n, 4 * SPOT_THREADS, true, false, 4, 0 },
        };
        struct launch spots = { .kernel = "spots",
                                .grid = { SPOT_THREADS / 64, 1, 1 },
                                .block = 64,
                                .collective = true,
                                .args = &args,
                                .args_size = sizeof args,
                                .buffers = buffers,
                                .n_buffers = sizeof buffers / sizeof *buffers };
        bool ok = launch_now(r.d, r.m, &spots);
        if (!ok)
            diags_print(r.s, 0, stderr, false);
        assert_true(ok);
        get(&r, f, args.f, sizeof f);
        get(&r, d, args.d, sizeof d);
        get(&r, l, args.l, sizeof l);
        spots_compare(r.d->target, x, z, f, d, l);
        rig_close(&r);
    }
}

/* ---- compilers ---- */

static void a_wrong_text_shows_the_compilers_words(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const struct target *t = target_find("sm_90");
    struct code code;
    const char *text = arena_printf(s->run, "%s\nint broken = nothing;\n", spell_prelude(s, t, SPELL_EMU));
    assert_false(compile_host(s, t, text, false, &code));
    assert_int_equal(s->fail, FAIL_DEVICE);
    assert_non_null(strstr(s->diags[0].text, "KERNELS:2"));
    session_end(s);
}

static void an_absent_compiler_is_named(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const struct target *t = target_find("sm_90");
    struct code code;
    setenv("TOKIC_CC", "/nowhere/cc", 1);
    assert_false(compile_host(s, t, spell_prelude(s, t, SPELL_EMU), false, &code));
    unsetenv("TOKIC_CC");
    assert_int_equal(s->fail, FAIL_DEVICE);
    assert_non_null(strstr(s->diags[0].text, "/nowhere/cc"));
    session_end(s);
}

/* The very texts that ran above, through the target's own compiler where it is: each GEMM holds matrix instructions. */
static void compiler_takes_the_texts(const struct gemm_kind *g, enum compiler compiler)
{
    struct session *s = session_begin();
    const struct target *t = target_find(g->target);
    const char *names[] = { "gemm", "softmax", "spots" };
    struct code code;
    assert_int_equal(t->compiler, compiler);
    const char *text = arena_printf(s->run, "%s%s%s%s%s", spell_prelude(s, t, spell_device(t)), gemm_text(s, g),
                                    softmax_text, spots_text, small_text);
    bool ok = compile_gpu(s, t, text, names, 3, &code);
    if (!ok)
        diags_print(s, 0, stderr, false);
    assert_true(ok);
    for (size_t k = 0; k < code.n_kernels; k++)
        if (!strcmp(code.kernels[k].name, "gemm"))
            assert_true(code.kernels[k].matrix > 0);
    session_end(s);
}

static void hiprtc_takes_the_texts(void **state)
{
    (void)state;
    compiler_takes_the_texts(&gemm_kinds[1], COMPILER_HIPRTC);
}

static void nvrtc_takes_the_texts(void **state)
{
    (void)state;
    compiler_takes_the_texts(&gemm_kinds[0], COMPILER_NVRTC);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_is_right),
        cmocka_unit_test(gemm_is_right),
        cmocka_unit_test(bits_do_not_hang_on_the_run),
        cmocka_unit_test(functions_are_as_in_c),
        cmocka_unit_test(softmax_faults_are_found),
        cmocka_unit_test(gemm_faults_are_found),
        cmocka_unit_test(a_plain_kernel_runs_in_place),
        cmocka_unit_test(wave_barriers_order_a_wave),
        cmocka_unit_test(plain_emulator_finds_divergence),
        cmocka_unit_test(launches_that_cannot_be_are_refused),
        cmocka_unit_test(a_wrong_text_shows_the_compilers_words),
        cmocka_unit_test(an_absent_compiler_is_named),
        needs("hiprtc", hiprtc_takes_the_texts),
        needs("nvrtc", nvrtc_takes_the_texts),
    };
    return tests_main(argc, argv, tests, NULL, NULL);
}
