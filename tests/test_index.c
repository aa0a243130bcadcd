/* Index expressions: whatever form they are brought into, they have the value that they were written with, lie in the
   range that they claim, and equal ones are one. */
#include "tests/support/support.h"

#include <string.h>

#include "ir/arena.h"
#include "ir/index.h"

enum { SYMS = 2, VARS = 4, ATOMS = SYMS + VARS, POINTS = 12 };

/* An expression as written, node by node, with its values at POINTS assignments of the atoms. */
struct bench {
    struct arena *a;
    struct index_table *t;
    const struct index *atom[ATOMS];
    int64_t at[POINTS][ATOMS];
};
struct written {
    const struct index *index;
    const char *text;
    int64_t value[POINTS];
};

static int64_t draw_atom(const struct index *atom, uint64_t *rnd)
{
    int64_t lo = atom->lo;
    int64_t hi = atom->kind == INDEX_SYM ? 300 : atom->hi;
    switch (rnd_range(rnd, 0, 4)) {
    case 0: return lo;
    case 1: return hi;
    default: return rnd_range(rnd, lo, hi);
    }
}

/* Symbolic dims here are at least 1: they may be divided by. */
static struct bench bench_new(uint64_t *rnd)
{
    struct bench b = { .a = arena_new() };
    b.t = index_table_new(b.a);
    static const char *const names[] = { "B", "N", "i", "j", "k", "l" };
    static const int64_t lo[] = { 0, 0, 0, 0, -5, 3 };
    static const int64_t hi[] = { 0, 0, 7, 31, 5, 9 };
    for (int i = 0; i < ATOMS; i++)
        b.atom[i] = i < SYMS ? index_sym(b.t, names[i]) : index_var(b.t, names[i], lo[i], hi[i], UNIFORM_THREAD);
    for (int p = 0; p < POINTS; p++)
        for (int i = 0; i < ATOMS; i++) {
            b.at[p][i] = draw_atom(b.atom[i], rnd);
            if (i < SYMS && b.at[p][i] == 0)
                b.at[p][i] = 1;
        }
    return b;
}

struct point {
    const struct bench *b;
    int p;
};

static int64_t value_of(void *ctx, const struct index *atom)
{
    const struct point *q = ctx;
    for (int i = 0; i < ATOMS; i++)
        if (q->b->atom[i] == atom)
            return q->b->at[q->p][i];
    fail_msg("an atom that is not there: %s", atom->name);
    return 0;
}

static int64_t value_at(const struct bench *b, const struct index *e, int p)
{
    return index_eval(e, value_of, &(struct point){ b, p });
}

static int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

static struct written leaf(const struct bench *b, uint64_t *rnd)
{
    struct written w;
    int64_t k = rnd_range(rnd, -9, 9);
    int64_t i = rnd_range(rnd, 0, ATOMS + 1);
    w.index = i < ATOMS ? b->atom[i] : index_const(b->t, k);
    w.text = index_text(b->a, w.index);
    for (int p = 0; p < POINTS; p++)
        w.value[p] = i < ATOMS ? b->at[p][i] : k;
    return w;
}

/* A divisor above 0: a constant, mostly a power of two as tiles are, or a symbolic dim. */
static struct written divisor(const struct bench *b, uint64_t *rnd)
{
    struct written w;
    int64_t d = rnd_range(rnd, 0, 2) ? INT64_C(1) << rnd_range(rnd, 0, 6) : rnd_range(rnd, 1, 20);
    int64_t s = rnd_range(rnd, 0, SYMS - 1);
    bool sym = rnd_range(rnd, 0, 4) == 0;
    w.index = sym ? b->atom[s] : index_const(b->t, d);
    w.text = index_text(b->a, w.index);
    for (int p = 0; p < POINTS; p++)
        w.value[p] = sym ? b->at[p][s] : d;
    return w;
}

/* Products are of a leaf and a small expression, to stay below the largest degree. */
static struct written draw_expr(const struct bench *b, int depth, uint64_t *rnd)
{
    if (depth == 0)
        return leaf(b, rnd);
    static const char *const names[] = { "add", "sub", "mul", "mul16", "div", "mod", "max20min", "add", "ceil" };
    int how = (int)rnd_range(rnd, 0, 8);
    struct written x = draw_expr(b, how == 2 ? depth > 1 : depth - 1, rnd);
    struct written y;
    struct written r = { 0 };
    y = how == 2 ? leaf(b, rnd) : how == 4 || how == 5 || how == 8 ? divisor(b, rnd) : draw_expr(b, depth - 1, rnd);
    r.text = arena_printf(b->a, "%s(%s, %s)", names[how], x.text, y.text);
    switch (how) {
    case 0:
    case 7: r.index = index_add(b->t, x.index, y.index); break;
    case 1: r.index = index_sub(b->t, x.index, y.index); break;
    case 2: r.index = index_mul(b->t, x.index, y.index); break;
    case 3:
        r.index = index_mulk(b->t, x.index, 16);
        y.index = NULL;
        break;
    case 4: r.index = index_div(b->t, x.index, y.index); break;
    case 5: r.index = index_mod(b->t, x.index, y.index); break;
    case 6: r.index = index_min(b->t, index_max(b->t, x.index, index_const(b->t, -20)), y.index); break;
    default: r.index = index_ceil_div(b->t, x.index, y.index); break;
    }
    for (int p = 0; p < POINTS; p++) {
        int64_t u = x.value[p];
        int64_t v = y.value[p];
        switch (how) {
        case 0:
        case 7: r.value[p] = u + v; break;
        case 1: r.value[p] = u - v; break;
        case 2: r.value[p] = u * v; break;
        case 3: r.value[p] = u * 16; break;
        case 4: r.value[p] = floor_div(u, v); break;
        case 5: r.value[p] = u - floor_div(u, v) * v; break;
        case 6:
            u = u > -20 ? u : -20;
            r.value[p] = u < v ? u : v;
            break;
        default: r.value[p] = floor_div(u + v - 1, v); break;
        }
    }
    return r;
}

static void check_one(const struct bench *b, const struct written *w, uint64_t *rnd)
{
    static const int64_t moduli[] = { 2, 4, 8, 16, 3, 5, 64 };
    int64_t k, m = moduli[rnd_range(rnd, 0, 6)];
    bool multiple = index_multiple_of(w->index, m);
    bool nonnegative = index_nonnegative(b->t, w->index);
    for (int p = 0; p < POINTS; p++) {
        int64_t v = value_at(b, w->index, p);
        if (v != w->value[p])
            fail_msg("%s is %lld, and as written, %s, %lld", index_text(b->a, w->index), (long long)v, w->text,
                     (long long)w->value[p]);
        if (v < w->index->lo || v > w->index->hi)
            fail_msg("%s is %lld, outside its range", index_text(b->a, w->index), (long long)v);
        if (nonnegative && v < 0)
            fail_msg("%s is %lld, and is proved not to be negative", index_text(b->a, w->index), (long long)v);
        if (multiple && v % m)
            fail_msg("%s is %lld, no multiple of %lld", index_text(b->a, w->index), (long long)v, (long long)m);
        if (index_const_value(w->index, &k))
            assert_int_equal(k, v);
    }
}

static void check_two(const struct bench *b, const struct written *x, const struct written *y)
{
    bool less = index_less(b->t, x->index, y->index);
    bool less_eq = index_less_eq(b->t, x->index, y->index);
    for (int p = 0; p < POINTS; p++) {
        if (less)
            assert_true(x->value[p] < y->value[p]);
        if (less_eq)
            assert_true(x->value[p] <= y->value[p]);
    }
}

/* e with an atom replaced is e where the atom has the other's value. */
static void check_subst(struct bench *b, const struct written *w, uint64_t *rnd)
{
    int what = (int)rnd_range(rnd, SYMS, ATOMS - 1);
    struct written with = leaf(b, rnd);
    const struct index *e = index_subst(b->t, w->index, b->atom[what], with.index);
    if (!index_mentions(w->index, b->atom[what]))
        assert_ptr_equal(e, w->index);
    for (int p = 0; p < POINTS; p++) {
        int64_t got = value_at(b, e, p);
        int64_t kept = b->at[p][what];
        b->at[p][what] = with.value[p];
        int64_t want = value_at(b, w->index, p);
        b->at[p][what] = kept;
        if (got != want)
            fail_msg("%s with %s replaced is %s", index_text(b->a, w->index), b->atom[what]->name, index_text(b->a, e));
    }
}

static void test_expressions_keep_their_values(void **state)
{
    (void)state;
    uint64_t rnd = 1;
    for (int round = 0; round < 40; round++) {
        struct bench b = bench_new(&rnd);
        struct written last = leaf(&b, &rnd);
        for (int i = 0; i < 100; i++) {
            struct written w = draw_expr(&b, (int)rnd_range(&rnd, 0, 3), &rnd);
            check_one(&b, &w, &rnd);
            check_two(&b, &w, &last);
            check_two(&b, &last, &w);
            last = w;
        }
        arena_free(b.a);
    }
}

static void test_substitution(void **state)
{
    (void)state;
    uint64_t rnd = 2;
    for (int round = 0; round < 20; round++) {
        struct bench b = bench_new(&rnd);
        for (int i = 0; i < 100; i++) {
            struct written w = draw_expr(&b, (int)rnd_range(&rnd, 0, 2), &rnd);
            check_subst(&b, &w, &rnd);
        }
        arena_free(b.a);
    }
}

/* Sums and products are one form: any order and bracketing gives the same pointer. */
static void test_equal_expressions_are_one(void **state)
{
    (void)state;
    uint64_t rnd = 3;
    for (int round = 0; round < 20; round++) {
        struct bench b = bench_new(&rnd);
        for (int i = 0; i < 100; i++) {
            struct written x = draw_expr(&b, 1, &rnd);
            struct written y = draw_expr(&b, 1, &rnd);
            struct written z = leaf(&b, &rnd);
            assert_ptr_equal(index_add(b.t, x.index, y.index), index_add(b.t, y.index, x.index));
            assert_ptr_equal(index_add(b.t, index_add(b.t, x.index, y.index), z.index),
                             index_add(b.t, x.index, index_add(b.t, y.index, z.index)));
            assert_ptr_equal(index_mul(b.t, x.index, z.index), index_mul(b.t, z.index, x.index));
            assert_ptr_equal(index_mul(b.t, index_add(b.t, x.index, y.index), z.index),
                             index_add(b.t, index_mul(b.t, x.index, z.index), index_mul(b.t, y.index, z.index)));
            assert_ptr_equal(index_sub(b.t, index_add(b.t, x.index, y.index), y.index), x.index);
            assert_ptr_equal(index_sub(b.t, x.index, x.index), index_const(b.t, 0));
            bool forms = index_less_eq(b.t, x.index, y.index) &&
                         index_less_eq(b.t, y.index, x.index); /* two forms of one number: min takes the first */
            if (!forms)
                assert_ptr_equal(index_min(b.t, x.index, y.index), index_min(b.t, y.index, x.index));
        }
        arena_free(b.a);
    }
}

/* What templates rely on: the terms that a tile's size divides come out of divisions and remainders. */
static void test_tiles_come_apart(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct index_table *t = index_table_new(a);
    const struct index *block = index_var(t, "b", 0, 1 << 20, UNIFORM_BLOCK);
    const struct index *lane = index_var(t, "l", 0, 63, UNIFORM_THREAD);
    const struct index *n = index_sym(t, "N");
    const struct index *flat = index_add(t, index_mulk(t, block, 64), lane);
    assert_ptr_equal(index_div(t, flat, index_const(t, 64)), block);
    assert_ptr_equal(index_mod(t, flat, index_const(t, 64)), lane);
    /* N·(b mod 4) + 4·N·(b / 4) = N·b */
    const struct index *four = index_const(t, 4);
    assert_ptr_equal(index_add(t, index_mul(t, n, index_mod(t, block, four)),
                               index_mulk(t, index_mul(t, n, index_div(t, block, four)), 4)),
                     index_mul(t, n, block));
    assert_ptr_equal(index_div(t, index_div(t, n, index_const(t, 4)), index_const(t, 8)),
                     index_div(t, n, index_const(t, 32)));
    assert_true(index_multiple_of(index_mulk(t, n, 8), 4));
    assert_false(index_multiple_of(index_addk(t, index_mulk(t, n, 8), 2), 4));
    assert_false(index_multiple_of(n, 2));
    assert_true(index_less(t, lane, index_const(t, 64)));
    assert_false(index_less(t, lane, index_const(t, 63)));
    assert_true(index_less_eq(t, n, index_addk(t, n, 0)) && index_less(t, n, index_addk(t, n, 1)));
    assert_int_equal(block->uniform, UNIFORM_BLOCK);
    assert_int_equal(flat->uniform, UNIFORM_THREAD);
    assert_int_equal(index_mulk(t, block, 4)->uniform, UNIFORM_BLOCK);
    assert_ptr_not_equal(index_var(t, "l", 0, 63, UNIFORM_THREAD), lane);
    assert_ptr_equal(index_sym(t, "N"), n);
    arena_free(a);
}

/* What slices and pads of symbolic dims rely on. */
static void test_quotients_and_extrema_are_compared(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct index_table *t = index_table_new(a);
    const struct index *n = index_sym(t, "N");
    const struct index *zero = index_const(t, 0);
    const struct index *half = index_ceil_div(t, n, index_const(t, 2));
    const struct index *tail = index_max(t, index_addk(t, n, -3), zero);
    const struct index *gaps = index_max(t, index_addk(t, half, -1), zero);
    const struct index *rest = index_sub(t, index_sub(t, n, half), gaps);
    assert_true(rest->lo < 0 && index_nonnegative(t, rest));
    assert_true(index_nonnegative(t, index_addk(t, index_sub(t, n, index_mulk(t, half, 2)), 1)));
    assert_false(index_nonnegative(t, index_sub(t, n, index_mulk(t, half, 2)))); /* -1 at N = 1 */
    assert_true(index_nonnegative(t, index_sub(t, n, tail)));
    assert_false(index_nonnegative(t, index_addk(t, index_sub(t, n, tail), -1))); /* -1 at N = 0 */
    assert_false(index_nonnegative(t, index_sub(t, tail, n)));
    assert_true(index_nonnegative(t, index_sub(t, index_const(t, 3), index_min(t, n, index_const(t, 3)))));
    assert_false(index_nonnegative(t, index_addk(t, index_min(t, n, index_const(t, 3)), -1)));
    arena_free(a);
}

static void test_text(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct index_table *t = index_table_new(a);
    const struct index *n = index_sym(t, "N");
    const struct index *i = index_var(t, "i", 0, 100, UNIFORM_THREAD);
    const struct index *e =
        index_addk(t, index_sub(t, index_mul(t, n, i), index_mulk(t, index_div(t, i, index_const(t, 8)), 2)), -3);
    const char *text = index_text(a, e);
    assert_non_null(strstr(text, "N*i"));
    assert_non_null(strstr(text, "- 2*(i/8)"));
    assert_non_null(strstr(text, "- 3"));
    assert_string_equal(index_text(a, index_const(t, -4)), "-4");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expressions_keep_their_values),      cmocka_unit_test(test_substitution),
        cmocka_unit_test(test_equal_expressions_are_one),          cmocka_unit_test(test_tiles_come_apart),
        cmocka_unit_test(test_quotients_and_extrema_are_compared), cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
