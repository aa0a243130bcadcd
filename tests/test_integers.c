/* Integer arithmetic wraps, quotients by 0 are 0 and casts of floats saturate: alike in the reference, in emulated
   kernels of both targets, in payloads, and by hand. Emulated kernels are compiled so that C's undefined behaviour ends
   the test. */
#include "tests/support/needs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "codegen/spell.h"
#include "ir/ops/integer.h"
#include "runtime/compile/compile.h"
#include "runtime/judge/walk.h"
#include "tests/support/chain.h"
#include "tests/support/kir_run.h"

__extension__ typedef __int128 i128;

/* ---- what is expected ---- */
enum arithmetic { ADD, SUB, MUL, NEG, ABS, MAX, MIN, TRUNC_DIV, FLOOR_DIV, REM, MOD, LESS, EQUAL, N_ARITHMETIC };
static const struct {
    const char *form;
    enum kop op;
    bool truth;
} arithmetic[N_ARITHMETIC] = {
    [ADD] = { "%s + %s", K_ADD, false },
    [SUB] = { "%s - %s", K_SUB, false },
    [MUL] = { "%s * %s", K_MUL, false },
    [NEG] = { "-%s", K_NEG, false },
    [ABS] = { "abs(%s)", K_ABS, false },
    [MAX] = { "maximum(%s, %s)", K_MAX, false },
    [MIN] = { "minimum(%s, %s)", K_MIN, false },
    [TRUNC_DIV] = { "trunc_div(%s, %s)", K_DIV, false },
    [FLOOR_DIV] = { "floor_div(%s, %s)", K_FLOORDIV, false },
    [REM] = { "rem(%s, %s)", K_REM, false },
    [MOD] = { "%s %% %s", K_MOD, false },
    [LESS] = { "less(%s, %s)", K_LT, true },
    [EQUAL] = { "equal(%s, %s)", K_EQ, true },
};

static i128 exact(enum arithmetic op, i128 x, i128 y)
{
    switch (op) {
    case ADD: return x + y;
    case SUB: return x - y;
    case MUL: return x * y;
    case NEG: return -x;
    case ABS: return x < 0 ? -x : x;
    case MAX: return x > y ? x : y;
    case MIN: return x < y ? x : y;
    case TRUNC_DIV: return y ? x / y : 0;
    case REM: return y ? x - x / y * y : 0;
    case FLOOR_DIV: /* the largest q with q·|y| <= ±x */
    case MOD: {
        i128 n = y < 0 ? -x : x;
        i128 d = y < 0 ? -y : y;
        i128 q = d ? n / d : 0;
        while (d && q * d > n)
            q--;
        return op == FLOOR_DIV ? q : y ? x - q * y : 0;
    }
    case LESS: return x < y;
    case EQUAL: return x == y;
    case N_ARITHMETIC: break;
    }
    fail_msg("no arithmetic %d", (int)op);
    return 0;
}

/* Into 32 or 64 bits, by subtraction of what does not fit. */
static int64_t wrapped(enum dtype t, i128 x)
{
    i128 whole = (i128)1 << (t == DT_I32 ? 32 : 64);
    i128 half = whole / 2;
    x %= whole;
    return (int64_t)(x >= half ? x - whole : x < -half ? x + whole : x);
}

static int64_t expected(enum arithmetic op, enum dtype t, int64_t x, int64_t y)
{
    return arithmetic[op].truth ? (int64_t)exact(op, x, y) : wrapped(t, exact(op, x, y));
}

static const int64_t ends64[] = {
    INT64_MIN, INT64_MIN + 1, -(1ll << 53) - 1, -3037000500ll, -7,       -2, -1, 0, 1, 2, 3,
    7,         1ll << 31,     (1ll << 53) + 1,  INT64_MAX - 1, INT64_MAX
};
static const int64_t ends32[] = { INT32_MIN, INT32_MIN + 1, -65536, -46341,        -7,       -2, -1, 0, 1, 2, 3,
                                  7,         46341,         65536,  INT32_MAX - 1, INT32_MAX };
enum { ENDS = sizeof ends64 / sizeof *ends64, PAIRS = ENDS * ENDS };
_Static_assert(sizeof ends32 == sizeof ends64, "as many of both");

static int64_t end_of(enum dtype t, int i) { return t == DT_I32 ? ends32[i] : ends64[i]; }
static int64_t first_of(enum dtype t, int pair) { return end_of(t, pair / ENDS); }
static int64_t second_of(enum dtype t, int pair) { return end_of(t, pair % ENDS); }

static int64_t int_at(const void *p, enum dtype t, int i)
{
    return t == DT_I32 ? ((const int32_t *)p)[i] : t == DT_I64 ? ((const int64_t *)p)[i] : ((const uint8_t *)p)[i];
}

static void int_set(void *p, enum dtype t, int i, int64_t v)
{
    if (t == DT_I32)
        ((int32_t *)p)[i] = (int32_t)v;
    else if (t == DT_I64)
        ((int64_t *)p)[i] = v;
    else
        ((uint8_t *)p)[i] = v != 0;
}

/* By hand: x, y, then every operation. */
static const struct by_hand {
    enum dtype t;
    int64_t x, y, want[N_ARITHMETIC];
} by_hand[] = {
    { DT_I64, 7, 2, { 9, 5, 14, -7, 7, 7, 2, 3, 3, 1, 1, 0, 0 } },
    { DT_I64, -7, 2, { -5, -9, -14, 7, 7, 2, -7, -3, -4, -1, 1, 1, 0 } },
    { DT_I64, 7, -2, { 5, 9, -14, -7, 7, 7, -2, -3, -4, 1, -1, 0, 0 } },
    { DT_I64, -7, -2, { -9, -5, 14, 7, 7, -2, -7, 3, 3, -1, -1, 1, 0 } },
    { DT_I64, 3, 0, { 3, 3, 0, -3, 3, 3, 0, 0, 0, 0, 0, 0, 0 } },
    { DT_I64,
      INT64_MIN,
      -1,
      { INT64_MAX, INT64_MIN + 1, INT64_MIN, INT64_MIN, INT64_MIN, -1, INT64_MIN, INT64_MIN, INT64_MIN, 0, 0, 1, 0 } },
    { DT_I64,
      INT64_MAX,
      1,
      { INT64_MIN, INT64_MAX - 1, INT64_MAX, -INT64_MAX, INT64_MAX, INT64_MAX, 1, INT64_MAX, INT64_MAX, 0, 0, 0, 0 } },
    { DT_I64, INT64_MAX, INT64_MAX, { -2, 0, 1, -INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, 1, 1, 0, 0, 0, 1 } },
    { DT_I32,
      INT32_MIN,
      -1,
      { INT32_MAX, INT32_MIN + 1, INT32_MIN, INT32_MIN, INT32_MIN, -1, INT32_MIN, INT32_MIN, INT32_MIN, 0, 0, 1, 0 } },
    { DT_I32, 65536, 65536, { 131072, 0, 0, -65536, 65536, 65536, 65536, 1, 1, 0, 0, 0, 1 } },
    { DT_I32, 46341, 46341, { 92682, 0, -2147479015, -46341, 46341, 46341, 46341, 1, 1, 0, 0, 0, 1 } },
    { DT_I32,
      INT32_MIN,
      7,
      { -2147483641, 2147483641, INT32_MIN, INT32_MIN, INT32_MIN, 7, INT32_MIN, -306783378, -306783379, -2, 5, 1, 0 } },
};

static void the_expectation_is_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof by_hand / sizeof *by_hand; i++)
        for (int op = 0; op < N_ARITHMETIC; op++)
            assert_int_equal(expected((enum arithmetic)op, by_hand[i].t, by_hand[i].x, by_hand[i].y),
                             by_hand[i].want[op]);
}

/* Floats and what they are as integers; numbers of f64 alone come last. */
static const struct as_integer {
    double x;
    int64_t i32, i64;
} as_integer[] = {
    { 0, 0, 0 },
    { -0.0, 0, 0 },
    { 0.5, 0, 0 },
    { -0.5, 0, 0 },
    { 0.99999994, 0, 0 },
    { -0.99999994, 0, 0 },
    { 1.5, 1, 1 },
    { -1.5, -1, -1 },
    { 0x1p-149, 0, 0 },
    { 2147483520, 2147483520, 2147483520 },
    { 0x1p31, INT32_MAX, 2147483648 },
    { -0x1p31, INT32_MIN, -2147483648 },
    { -2147483904, INT32_MIN, -2147483904 },
    { 4e9, INT32_MAX, 4000000000 },
    { -4e9, INT32_MIN, -4000000000 },
    { 0x1.fffffep62, INT32_MAX, 9223371487098961920 },
    { 0x1p63, INT32_MAX, INT64_MAX },
    { -0x1p63, INT32_MIN, INT64_MIN },
    { -0x1.000002p63, INT32_MIN, INT64_MIN },
    { 0x1p100, INT32_MAX, INT64_MAX },
    { -0x1p100, INT32_MIN, INT64_MIN },
    { INFINITY, INT32_MAX, INT64_MAX },
    { -INFINITY, INT32_MIN, INT64_MIN },
    { NAN, 0, 0 },
    { 2147483647.75, INT32_MAX, 2147483647 },
    { -2147483648.75, INT32_MIN, -2147483648 },
    { 9007199254740993.0 * 4, INT32_MAX, 36028797018963968 },
    { 0x1.fffffffffffffp62, INT32_MAX, 9223372036854774784 },
    { 1e300, INT32_MAX, INT64_MAX },
};
enum { FLOATS = sizeof as_integer / sizeof *as_integer, OF_F32 = 24 };

static int64_t cast_expected(enum dtype to, int i)
{
    return to == DT_I32 ? as_integer[i].i32 : to == DT_I64 ? as_integer[i].i64 : as_integer[i].x != 0;
}

/* ---- kernels: emulator and payload ---- */
#define THREADS 256
_Static_assert(THREADS - PAIRS >= 0, "a thread for each pair");

struct case_kernel {
    struct kernel *k;
    enum dtype from, to;
    int op; /* arithmetic; -1: a cast */
};

static struct case_kernel make_kernel(struct session *s, int op, enum dtype from, enum dtype to)
{
    const char *name = arena_printf(s->run, "k%d_%s_%s", op + 1, dtype_name(from), dtype_name(to));
    struct case_kernel c = { kernel_new(s, s->run, name, target_find("sm_90"), THREADS), from, to, op };
    const struct index *count = index_const(s->indices, THREADS);
    const struct kmem *x = kernel_arg(c.k, "x", from, count, NULL);
    const struct kmem *y = kernel_arg(c.k, "y", from, count, NULL);
    const struct kmem *out = kernel_arg(c.k, "out", to, count, NULL);
    struct kbuild top = kb_at(c.k);
    struct kbuild b = kb_in(&top, kstmt_region(&top));
    const struct kexpr *a[2] = { kexpr_load(&b, x, NULL, c.k->tid, NULL, 0),
                                 kexpr_load(&b, y, NULL, c.k->tid, NULL, 0) };
    const struct kexpr *v =
        op < 0 ? kexpr_cast(&b, to, a[0])
               : kexpr_op(&b, arithmetic[op].op, a[0], kop_table[arithmetic[op].op].arity > 1 ? a[1] : NULL, NULL);
    kstmt_store(&b, out, NULL, c.k->tid, v, NULL);
    kernel_finish(c.k);
    return c;
}

static int64_t case_expected(const struct case_kernel *c, int i)
{
    if (c->op >= 0)
        return expected((enum arithmetic)c->op, c->from, first_of(c->from, i), second_of(c->from, i));
    if (dtype_is_float(c->from))
        return cast_expected(c->to, i);
    return c->to == DT_BOOL ? first_of(c->from, i) != 0 : wrapped(c->to, first_of(c->from, i));
}

static int case_count(const struct case_kernel *c)
{
    return !dtype_is_float(c->from) ? PAIRS : c->from == DT_F32 ? OF_F32 : FLOATS;
}

/* as_doubles: as a payload text has them. */
static void fill(const struct case_kernel *c, void *x, void *y, bool as_doubles)
{
    for (int i = 0; i < case_count(c); i++) {
        if (!dtype_is_float(c->from)) {
            int_set(x, c->from, i, first_of(c->from, i));
            int_set(y, c->from, i, second_of(c->from, i));
        } else if (c->from == DT_F32 && !as_doubles)
            ((float *)x)[i] = (float)as_integer[i].x;
        else
            ((double *)x)[i] = as_integer[i].x;
    }
}

static void check_case(const struct case_kernel *c, const void *out, const char *by)
{
    for (int i = 0; i < case_count(c); i++)
        if (int_at(out, c->to, i) != case_expected(c, i))
            fail_msg("%s: %s, case %d: %lld, should be %lld", by, c->k->name, i, (long long)int_at(out, c->to, i),
                     (long long)case_expected(c, i));
}

static void kernels_and_payloads(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct case_kernel cases[64];
    struct kernel *kernels[64];
    size_t n = 0;
    static const enum dtype ints[] = { DT_I32, DT_I64 };
    static const enum dtype floats[] = { DT_F32, DT_F64 };
    static const enum dtype to[] = { DT_I32, DT_I64, DT_BOOL };
    for (int t = 0; t < 2; t++) {
        for (int op = 0; op < N_ARITHMETIC; op++)
            cases[n++] = make_kernel(s, op, ints[t], arithmetic[op].truth ? DT_BOOL : ints[t]);
        for (int i = 0; i < 3; i++) {
            cases[n++] = make_kernel(s, -1, floats[t], to[i]);
            cases[n++] = make_kernel(s, -1, ints[t], to[i]);
        }
    }
    for (size_t i = 0; i < n; i++)
        kernels[i] = cases[i].k;
    struct kir_code code = kir_compile(s, kernels, n, kir_doubles);
    for (size_t i = 0; i < n; i++) {
        double x[THREADS] = { 0 }, y[THREADS] = { 0 }, out[THREADS] = { 0 };
        struct kbuf bufs[] = { { x, sizeof x / 8 * (size_t)dtype_size(cases[i].from) },
                               { y, sizeof y / 8 * (size_t)dtype_size(cases[i].from) },
                               { out, sizeof out / 8 * (size_t)dtype_size(cases[i].to) } };
        fill(&cases[i], x, y, false);
        assert_true(kir_code_launch(&code, cases[i].k, bufs, NULL));
        check_case(&cases[i], out, "emulator");
        memset(out, 0, sizeof out);
        fill(&cases[i], x, y, true);
        kir_code_payload(&code, cases[i].k, (void *[]){ x, y, out }, NULL);
        check_case(&cases[i], out, "payload");
    }
    kir_code_free(&code);
    session_end(s);
}

/* ---- graphs: the reference and kernels of both targets ---- */
/* Every operation on i64 and i32, by tensors and by literals, and every cast. */
static const char *all_ops_text(struct session *s)
{
    static const char *const literals[] = { "0", "-1", "3", "-7" };
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    fprintf(to, "graph integers\ninput x: i64[%d]\ninput y: i64[%d]\ninput a: i32[%d]\ninput b: i32[%d]\n", PAIRS,
            PAIRS, PAIRS, PAIRS);
    fprintf(to, "input f: f32[%d]\ninput g: f64[%d]\ninput h: f16[%d]\ninput k: bf16[%d]\n", OF_F32, FLOATS, OF_F32,
            OF_F32);
    for (int op = 0; op < N_ARITHMETIC; op++)
        for (int t = 0; t < 2; t++) {
            fprintf(to, "output %s%d = ", t ? "i" : "l", op);
            fprintf(to, arithmetic[op].form, t ? "a" : "x", t ? "b" : "y"); /* NOLINT: a form of this file */
            fputc('\n', to);
            for (int i = 0; i < 4 && op != NEG && op != ABS; i++) {
                fprintf(to, "output %s%d_%d = ", t ? "i" : "l", op, i);
                fprintf(to, arithmetic[op].form, t ? "a" : "x", literals[i]); /* NOLINT */
                fputc('\n', to);
            }
        }
    static const char *const casts[] = { "i32", "i64", "bool" };
    for (int i = 0; i < 3; i++)
        for (const char *from = "fghkxa"; *from; from++)
            fprintf(to, "output %c_%s = cast(%c, %s)\n", *from, casts[i], *from, casts[i]);
    fprintf(to, "output sum_x = sum(x)\noutput sum_a = sum(a)\noutput max_x = max(x)\noutput max_a = max(a)\n");
    fprintf(to, "output zero_f = cast(-f, f32)\noutput flip_f = cast(f * -1, f32)\noutput folded = cast(0 * x + 7, "
                "i32) %% -3\n");
    fprintf(to, "output huge = cast(constant(dims=[%d], dtype=f32, value=1e20), i32)\n", PAIRS);
    assert_int_equal(fclose(to), 0);
    const char *kept = arena_strdup(s->run, text);
    free(text);
    return kept;
}

static struct tensor *source(const struct binding *b, const char *name)
{
    struct tensor *t = (struct tensor *)binding_find(b, name);
    assert_non_null(t);
    return t;
}

static void set_sources(struct session *s, const struct binding *b)
{
    for (int i = 0; i < PAIRS; i++) {
        int_set(source(b, "x")->data, DT_I64, i, first_of(DT_I64, i));
        int_set(source(b, "y")->data, DT_I64, i, second_of(DT_I64, i));
        int_set(source(b, "a")->data, DT_I32, i, first_of(DT_I32, i));
        int_set(source(b, "b")->data, DT_I32, i, second_of(DT_I32, i));
    }
    int64_t n = FLOATS;
    *source(b, "g") = *tensor_new(s->run, DT_F64, 1, &n);
    for (int i = 0; i < FLOATS; i++)
        tensor_set(source(b, "g"), i, as_integer[i].x);
    for (int i = 0; i < OF_F32; i++) {
        double x = as_integer[i].x;
        tensor_set(source(b, "f"), i, x);
        tensor_set(source(b, "h"), i, fabs(x) > 65504 && isfinite(x) ? copysign(65504, x) : dtype_round(DT_F16, x));
        tensor_set(source(b, "k"), i, dtype_round(DT_BF16, x));
    }
}

/* Element i of an output by its name, from the operands by hand. */
static int64_t want_of(const struct binding *b, const char *name, int i)
{
    static const int64_t literals[] = { 0, -1, 3, -7 };
    enum dtype t = *name == 'i' ? DT_I32 : DT_I64;
    int op, which;
    switch (sscanf(name + 1, "%d_%d", &op, &which)) {
    case 1: return expected((enum arithmetic)op, t, first_of(t, i), second_of(t, i));
    case 2: return expected((enum arithmetic)op, t, first_of(t, i), literals[which]);
    default: break;
    }
    enum dtype to;
    char from[2] = { *name, 0 };
    if (name[1] == '_' && dtype_parse(name + 2, &to)) {
        const struct tensor *x = source(b, from);
        if (!dtype_is_float(x->dtype))
            return to == DT_BOOL ? tensor_get_i64(x, i) != 0 : wrapped(to, tensor_get_i64(x, i));
        if (*from == 'f' || *from == 'g')
            return cast_expected(to, i);
        double v = tensor_get(x, i);
        double end = to == DT_I32 ? 0x1p31 : 0x1p63;
        return to == DT_BOOL ? v != 0
               : isnan(v)    ? 0
               : v >= end    ? (to == DT_I32 ? INT32_MAX : INT64_MAX)
               : v < -end    ? (to == DT_I32 ? INT32_MIN : INT64_MIN)
                             : (int64_t)v;
    }
    if (!strncmp(name, "sum_", 4) || !strncmp(name, "max_", 4)) {
        t = name[4] == 'a' ? DT_I32 : DT_I64;
        i128 sum = 0;
        for (int k = 0; k < PAIRS; k++)
            sum += first_of(t, k);
        return *name == 's' ? wrapped(t, sum) : end_of(t, ENDS - 1);
    }
    return !strcmp(name, "folded") ? -2 : INT32_MAX;
}

static void check_output(const struct binding *b, const char *name, const struct tensor *t, const char *by)
{
    for (int64_t i = 0; i < tensor_count(t); i++) {
        if (!dtype_is_float(t->dtype)) {
            int64_t want = want_of(b, name, (int)i);
            if (tensor_get_i64(t, i) != want)
                fail_msg("%s: %s[%lld] is %lld, should be %lld", by, name, (long long)i,
                         (long long)tensor_get_i64(t, i), (long long)want);
            continue;
        }
        double x = tensor_get(source(b, "f"), i);
        if (!isnan(x) && signbit(tensor_get(t, i)) == signbit(x))
            fail_msg("%s: %s[%lld]: the sign of %g is not flipped", by, name, (long long)i, x);
    }
}

static void check_graph(const char *target)
{
    struct session *s = session_begin();
    const struct target *t = target_find(target);
    struct chain *c = chain_new(s, t, source_of_string(s, "integers", all_ops_text(s)), NULL);
    if (!c || !chain_compile(&c, 1, false))
        fail_msg("%s", chain_why(s, 0));
    struct binding *b = chain_bind(c, -1, 1);
    set_sources(s, b);
    struct device *d = emu_open(s, t, false, 1);
    struct exec *e = exec_open(s, c->program, d, &c->code, b);
    struct verify_report r = { 0 };
    assert_non_null(e);
    assert_true(exec_run(e));
    struct walk *w = walk_begin(s, c->parsed, &b->dims, NUMERICS_REAL, 1);
    walk_bind(w, b);
    for (size_t i = 0; i < c->parsed->n_outs; i++) {
        const struct graph_out *out = &c->parsed->outs[i];
        assert_true(walk_run(w, &out->node, 1, true, NULL, NULL));
        check_output(b, out->name, walk_tensor(w, out->node, s->run), "reference");
        check_output(b, out->name, exec_read(e, c->after->outs[i].node, s->run), target);
    }
    assert_true(c->parsed->n_outs > 100);
    walk_end(w);
    struct reference *ref = reference_begin(s, c->parsed, b, &(struct judge_how){ .threads = 1 });
    if (!verify_kernels(e, ref, NULL, &r) || !r.pass)
        fail_msg("%s", chain_wrong(s, &r));
    reference_end(ref);
    for (size_t i = 0; i < r.n_kernels; i++)
        if (r.kernels[i].bound != 0 || r.kernels[i].range)
            fail_msg("kernel %s: bound %g, %lld out of range", r.kernels[i].group->name, r.kernels[i].bound,
                     (long long)r.kernels[i].range);
    exec_close(e);
    d->ops->close(d);
    session_end(s);
}

static void graphs_gfx90a(void **state)
{
    (void)state;
    check_graph("gfx90a");
}
static void graphs_sm_90(void **state)
{
    (void)state;
    check_graph("sm_90");
}

static void compiled_for(const char *target)
{
    struct session *s = session_begin();
    const struct target *t = target_find(target);
    struct chain *c = chain_new(s, t, source_of_string(s, "integers", all_ops_text(s)), NULL);
    assert_non_null(c);
    const char **names = arena_array(s->run, const char *, c->program->n_kernels);
    for (size_t i = 0; i < c->program->n_kernels; i++)
        names[i] = c->program->kernels[i].k->name;
    struct code code = { 0 };
    enum spelling how = spell_device(t);
    const char *text = arena_printf(s->run, "%s%s", spell_prelude(s, t, how), c->text);
    if (!compile_gpu(s, t, text, names, c->program->n_kernels, &code))
        fail_msg("%s", chain_why(s, 0));
    session_end(s);
}

static void compiled_by_hiprtc(void **state)
{
    (void)state;
    compiled_for("gfx90a");
}
static void compiled_by_nvrtc(void **state)
{
    (void)state;
    compiled_for("sm_90");
}

/* ---- what the judge sees ---- */
/* Replaces the first of two texts by the second, everywhere. */
struct replacement {
    const char *of, *by, *before; /* before: put before the whole text */
};

static const char *replaced(void *ctx, struct session *s, const char *text)
{
    const struct replacement *r = ctx;
    const char *out = r->before;
    for (const char *at; (at = strstr(text, r->of)); text = at + strlen(r->of))
        out = arena_printf(s->run, "%s%.*s%s", out, (int)(at - text), text, r->by);
    assert_true(*out);
    return arena_printf(s->run, "%s%s", out, text);
}

/* The verdict on a graph's only kernel after a replacement in its text. x holds the given elements. */
static struct kernel_verdict verdict_on(struct session *s, const char *graph, const int64_t *x, int n,
                                        struct replacement *r)
{
    const struct target *t = target_find("sm_90");
    struct chain_options o = { .change_text = r ? replaced : NULL, .ctx = r };
    struct chain *c = chain_new(s, t, source_of_string(s, "judged", graph), &o);
    if (!c || !chain_compile(&c, 1, false))
        fail_msg("%s", chain_why(s, 0));
    struct binding *b = chain_bind(c, -1, 1);
    for (int i = 0; i < n; i++) {
        if (dtype_is_float(source(b, "x")->dtype))
            tensor_set(source(b, "x"), i, (double)x[i]);
        else
            tensor_set_i64(source(b, "x"), i, x[i]);
    }
    struct device *d = emu_open(s, t, false, 1);
    struct exec *e = exec_open(s, c->program, d, &c->code, b);
    struct verify_report v = { 0 };
    struct reference *ref = reference_begin(s, c->parsed, b, &(struct judge_how){ .threads = 1 });
    assert_true(e && verify_kernels(e, ref, NULL, &v));
    reference_end(ref);
    assert_int_equal(v.n_kernels, 1);
    struct kernel_verdict out = v.kernels[0];
    exec_close(e);
    d->ops->close(d);
    return out;
}

static void large_integers_are_compared_exactly(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const char *graph = "graph judged\ninput x: i64[4]\noutput y = x + 1\n";
    const int64_t x[] = { (1ll << 62) + 3, -(1ll << 62) - 3, (1ll << 53) + 1, INT64_MAX };
    struct kernel_verdict good = verdict_on(s, graph, x, 4, NULL);
    struct kernel_verdict off =
        verdict_on(s, graph, x, 4, &(struct replacement){ .of = "1ll", .by = "2ll", .before = "\n" });
    assert_true(good.pass && good.elements == 4);
    assert_int_equal(off.wrong, 4);
    session_end(s);
}

/* Of equal elements argmax takes the first: the reference, and the kernel, of which any other is wrong. */
static void the_first_of_ties(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const char *graph = "graph judged\ninput x: f32[2, 5]\noutput y = argmax(x)\n";
    const int64_t x[] = { 1, 1, 1, 1, 1, 0, 4, 4, -1, 4 };
    struct kernel_verdict good = verdict_on(s, graph, x, 10, NULL);
    assert_true(good.pass && good.elements == 2 && good.bound == 0);
    struct replacement last = { .of = "tk_st_i64(a.out0, ",
                                .by = "last_of_ties(a.out0, ",
                                .before =
                                    "#define last_of_ties(p, i, v) tk_st_i64(p, i, v == 0 ? 4 : v == 1 ? 4 : v)\n" };
    struct kernel_verdict wrong = verdict_on(s, graph, x, 10, &last);
    assert_int_equal(wrong.wrong, 2);
    session_end(s);
}

/* ---- how graphs are read and fused ---- */
static struct graph *parsed(struct session *s, const char *text)
{
    struct graph *g = graph_parse(s, source_of_string(s, "types", text), NULL);
    if (!g)
        fail_msg("%s", chain_why(s, 0));
    return g;
}

/* A literal beside a condition has the dtype of the other branch; beside a condition alone it is a float. */
static void literals_take_the_branch(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const struct graph *g =
        parsed(s, "graph types\ninput x: i64[3]\ninput n: i32[3]\ninput f: f32[3]\ninput c: bool[3]\n"
                  "output o0 = select(c, x, 0)\noutput o1 = select(c, -1, n)\n"
                  "output o2 = select(c, f, -inf)\noutput o3 = select(c, 0, -inf)\n"
                  "output o4 = select(c, 1, 0)\noutput o5 = select(greater(x, 2), x, 2)\n");
    static const enum dtype want[] = { DT_I64, DT_I32, DT_FLOAT, DT_FLOAT, DT_FLOAT, DT_I64 };
    for (int i = 0; i < 6; i++)
        assert_int_equal(g->outs[i].node->type.dtype, want[i]);
    session_end(s);
}

static void chains_of_integers_are_one_kernel(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const char *text = "graph chain\ninput f: f32[64] where -1e12 <= f <= 1e12\ninput n: i64[64]\n"
                       "q = cast(f, i64) + n * 3\nr = rem(abs(q), 1000) - minimum(q, n) % 7\n"
                       "output y = select(less(r, 500), r, -r)\n";
    struct chain *c = chain_new(s, target_find("gfx90a"), source_of_string(s, "chain", text), NULL);
    assert_non_null(c);
    assert_int_equal(c->program->n_launches, 1);
    for (size_t i = 0; i < c->after->n_nodes; i++)
        assert_true(!c->after->nodes[i]->materialised || c->after->nodes[i] == c->after->outs[0].node);
    session_end(s);
}

/* ---- bounds of operands in wide ranges ---- */
/* Any outcome lies within the bound, and the farthest corner within a unit of it, whichever side that is on. */
static void wide_ranges_have_bounds(void **state)
{
    (void)state;
    static const enum int_op ops[] = { INT_ADD, INT_SUB, INT_MUL, INT_MAX_OF, INT_MIN_OF };
    uint64_t r = 5;
    for (int i = 0; i < 20000; i++) {
        enum dtype t = rnd_range(&r, 0, 1) ? DT_I64 : DT_I32;
        enum int_op op = ops[rnd_range(&r, 0, 4)];
        int64_t most = op == INT_MUL ? 40000 : 900000000;
        int64_t x[2] = { rnd_range(&r, -most, most), rnd_range(&r, -most, most) };
        double e[2] = { (double)rnd_range(&r, 0, 2000), (double)rnd_range(&r, 20, 5000) };
        struct bd b = { .v = { .out = { .dtype = t }, .n_in = 2 } };
        int64_t y = int_value(op, t, x[0], x[1]);
        double bound = int_bound1(&b, op, (NUM[]){ { .i = x[0] }, { .i = x[1] } }, e, (NUM){ .i = y });
        double farthest = 0;
        for (int corner = 0; corner < 4; corner++)
            farthest = fmax(farthest, int_gap(y, int_value(op, t, x[0] + (int64_t)(corner & 1 ? e[0] : -e[0]),
                                                           x[1] + (int64_t)(corner & 2 ? e[1] : -e[1]))));
        bool wraps = op == INT_MUL && t == DT_I32 && fabs((double)x[0] * (double)x[1]) > 0x1p30;
        if (farthest > bound || (!wraps && bound > farthest + 1))
            fail_msg("op %d on %s: %lld ± %g, %lld ± %g: bound %g, farthest %g", op, dtype_name(t), (long long)x[0],
                     e[0], (long long)x[1], e[1], bound, farthest);
    }
}

/* ---- facts ---- */
static const struct facts *facts_of(struct session *s, struct graph *g, size_t out)
{
    static const char *const only[] = { "contracts", NULL };
    struct pass_ctx c = pass_ctx_for(s, target_find("sm_90"));
    if (!out && !passes_run(g, &c, only, NULL))
        fail_msg("%s", chain_why(s, 0));
    return &g->outs[out].node->facts;
}

/* Doubles around x. */
static double below(int64_t x)
{
    return fabs((double)x) < 0x1p53 ? (double)x : fmax(nextafter((double)x, -INFINITY), -0x1p63);
}
static double above(int64_t x)
{
    return fabs((double)x) < 0x1p53 ? (double)x : fmin(nextafter((double)x, INFINITY), 0x1p63);
}

static bool holds(const struct facts *f, enum dtype t, int64_t y)
{
    return ((double)y >= f->lo && (double)y <= f->hi) || (t == DT_I64 && y == INT64_MIN && !f->finite);
}

/* Operands in ranges whose ends are extreme numbers: every result lies in the range that the graph promises. */
static void facts_cover_what_wraps(void **state)
{
    (void)state;
    uint64_t rnd = 5;
    int narrow = 0;
    for (int turn = 0; turn < 600; turn++) {
        struct session *s = session_begin();
        enum dtype t = turn % 2 ? DT_I64 : DT_I32;
        int op = (int)rnd_range(&rnd, 0, MOD);
        int x0 = (int)rnd_range(&rnd, 0, ENDS - 1);
        int x1 = (int)rnd_range(&rnd, x0, ENDS - 1);
        int y0 = (int)rnd_range(&rnd, 0, ENDS - 1);
        int y1 = (int)rnd_range(&rnd, y0, ENDS - 1);
        const char *form = arena_printf(s->run, arithmetic[op].form, "x", "y"); /* NOLINT: a form of this file */
        struct graph *g =
            parsed(s, arena_printf(s->run,
                                   "graph facts\ninput x: %s[1] where %.17g <= x <= %.17g\n"
                                   "input y: %s[1] where %.17g <= y <= %.17g\noutput z = %s\noutput also = y\n",
                                   dtype_name(t), below(end_of(t, x0)), above(end_of(t, x1)), dtype_name(t),
                                   below(end_of(t, y0)), above(end_of(t, y1)), form));
        const struct facts *f = facts_of(s, g, 0);
        narrow += f->hi - f->lo < 0x1p31;
        for (int i = x0; i <= x1; i++)
            for (int k = y0; k <= y1; k++) {
                int64_t z = expected((enum arithmetic)op, t, end_of(t, i), end_of(t, k));
                if (!holds(f, t, z))
                    fail_msg("%s of %s: %lld, %lld give %lld, outside of %.17g..%.17g", form, dtype_name(t),
                             (long long)end_of(t, i), (long long)end_of(t, k), (long long)z, f->lo, f->hi);
            }
        session_end(s);
    }
    assert_true(narrow > 100); /* not by promising nothing */
}

static void facts_cover_casts(void **state)
{
    (void)state;
    static const char *const ranges[] = { "", " where -0.75 <= f <= 1e12", " where 1e30 <= f <= 1e31",
                                          " where -3e38 <= f <= -5e9", " where 2.5 <= f" };
    static const double ends[][2] = {
        { -INFINITY, INFINITY }, { -0.75, 1e12 }, { 1e30, 1e31 }, { -3e38, -5e9 }, { 2.5, INFINITY }
    };
    for (int r = 0; r < 5; r++) {
        struct session *s = session_begin();
        struct graph *g = parsed(s, arena_printf(s->run,
                                                 "graph facts\ninput f: f32[1]%s\noutput a = cast(f, i32)\n"
                                                 "output b = cast(f, i64)\noutput c = cast(cast(f, i64), i32)\n",
                                                 ranges[r]));
        for (size_t o = 0; o < 3; o++) {
            const struct facts *f = facts_of(s, g, o);
            for (int i = 0; i < OF_F32; i++) {
                bool nan = isnan(as_integer[i].x);
                if (!(as_integer[i].x >= ends[r][0] && as_integer[i].x <= ends[r][1]) && !(nan && (r == 0 || r == 4)))
                    continue;
                int64_t y = o == 0   ? as_integer[i].i32
                            : o == 1 ? as_integer[i].i64
                                     : wrapped(DT_I32, as_integer[i].i64);
                if (!holds(f, o == 1 ? DT_I64 : DT_I32, y))
                    fail_msg("range %d, output %zu: %g gives %lld, outside of %.17g..%.17g", r, o, as_integer[i].x,
                             (long long)y, f->lo, f->hi);
            }
        }
        session_end(s);
    }
}

/* A result is exact if all of its operands are. */
static void exact_by_all_operands(void **state)
{
    (void)state;
    struct session *s = session_begin();
    struct graph *g = parsed(s, "graph facts\ninput x: f32[4] where -4 <= x <= 4\ninput r: i32[4]\n"
                                "q = cast(exp(x), i32)\noutput a = q + r\noutput b = r + q\noutput c = r + 1\n");
    for (size_t o = 0; o < 3; o++)
        assert_int_equal(facts_of(s, g, o)->exact, o == 2);
    session_end(s);
}

/* Sums of integers need twice the shared memory of floats: no more of them share a kernel than fit. */
static void many_sums_fit(void **state)
{
    (void)state;
    struct session *s = session_begin();
    const char *text = "graph many\ndim B\ninput x: i64[B, 640]\ny = x * x\n";
    for (int i = 0; i < 24; i++)
        text = arena_printf(s->run, "%soutput s%d = sum(y * %d, axis=0)\n", text, i, i + 2);
    struct chain *c = chain_new(s, target_find("gfx90a"), source_of_string(s, "many", text), NULL);
    if (!c)
        fail_msg("%s", chain_why(s, 0));
    session_end(s);
}

/* A compiler for emulated kernels that makes C's undefined behaviour on integers a trap. */
static char *trap_dir;
static int with_traps(void **state)
{
    (void)state;
    char path[600];
    trap_dir = tmp_make();
    snprintf(path, sizeof path, "%s/cc", trap_dir);
    FILE *f = fopen(path, "w");
    if (!f)
        return -1;
    fputs("#!/bin/sh\nexec cc -fsanitize=signed-integer-overflow,float-cast-overflow,integer-divide-by-zero,shift "
          "-fsanitize-undefined-trap-on-error \"$@\"\n",
          f);
    return fclose(f) || chmod(path, 0700) || setenv("TOKIC_CC", path, 1) ? -1 : 0;
}

static int without_traps(void **state)
{
    (void)state;
    unsetenv("TOKIC_CC");
    tmp_remove(trap_dir);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_expectation_is_right),
        cmocka_unit_test(kernels_and_payloads),
        cmocka_unit_test(graphs_gfx90a),
        cmocka_unit_test(graphs_sm_90),
        cmocka_unit_test(large_integers_are_compared_exactly),
        cmocka_unit_test(the_first_of_ties),
        cmocka_unit_test(literals_take_the_branch),
        cmocka_unit_test(chains_of_integers_are_one_kernel),
        cmocka_unit_test(many_sums_fit),
        cmocka_unit_test(wide_ranges_have_bounds),
        cmocka_unit_test(facts_cover_what_wraps),
        cmocka_unit_test(facts_cover_casts),
        cmocka_unit_test(exact_by_all_operands),
        needs("hiprtc", compiled_by_hiprtc),
        needs("nvrtc", compiled_by_nvrtc),
    };
    return tests_main(argc, argv, tests, with_traps, without_traps);
}
