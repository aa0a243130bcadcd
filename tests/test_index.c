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
    struct ix_table *t;
    const struct ix *atom[ATOMS];
    int64_t at[POINTS][ATOMS];
};
struct written {
    const struct ix *ix;
    const char *text;
    int64_t value[POINTS];
};

static int64_t draw_atom(const struct ix *atom, uint64_t *rnd)
{
    int64_t lo = atom->lo;
    int64_t hi = atom->kind == IX_SYM ? 300 : atom->hi;
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
    b.t = ix_table_new(b.a);
    static const char *const names[] = { "B", "N", "i", "j", "k", "l" };
    static const int64_t lo[] = { 0, 0, 0, 0, -5, 3 };
    static const int64_t hi[] = { 0, 0, 7, 31, 5, 9 };
    for (int i = 0; i < ATOMS; i++)
        b.atom[i] = i < SYMS ? ix_sym(b.t, names[i]) : ix_var(b.t, names[i], lo[i], hi[i], UNIFORM_THREAD);
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

static int64_t value_of(void *ctx, const struct ix *atom)
{
    const struct point *q = ctx;
    for (int i = 0; i < ATOMS; i++)
        if (q->b->atom[i] == atom)
            return q->b->at[q->p][i];
    fail_msg("an atom that is not there: %s", atom->name);
    return 0;
}

static int64_t value_at(const struct bench *b, const struct ix *e, int p)
{
    return ix_eval(e, value_of, &(struct point){ b, p });
}

static int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

static struct written leaf(const struct bench *b, uint64_t *rnd)
{
    struct written w;
    int64_t k = rnd_range(rnd, -9, 9);
    int64_t i = rnd_range(rnd, 0, ATOMS + 1);
    w.ix = i < ATOMS ? b->atom[i] : ix_const(b->t, k);
    w.text = ix_text(b->a, w.ix);
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
    w.ix = sym ? b->atom[s] : ix_const(b->t, d);
    w.text = ix_text(b->a, w.ix);
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
    case 7: r.ix = ix_add(b->t, x.ix, y.ix); break;
    case 1: r.ix = ix_sub(b->t, x.ix, y.ix); break;
    case 2: r.ix = ix_mul(b->t, x.ix, y.ix); break;
    case 3:
        r.ix = ix_mulk(b->t, x.ix, 16);
        y.ix = NULL;
        break;
    case 4: r.ix = ix_div(b->t, x.ix, y.ix); break;
    case 5: r.ix = ix_mod(b->t, x.ix, y.ix); break;
    case 6: r.ix = ix_min(b->t, ix_max(b->t, x.ix, ix_const(b->t, -20)), y.ix); break;
    default: r.ix = ix_ceil_div(b->t, x.ix, y.ix); break;
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
    bool multiple = ix_multiple_of(w->ix, m);
    for (int p = 0; p < POINTS; p++) {
        int64_t v = value_at(b, w->ix, p);
        if (v != w->value[p])
            fail_msg("%s is %lld, and as written, %s, %lld", ix_text(b->a, w->ix), (long long)v, w->text,
                     (long long)w->value[p]);
        if (v < w->ix->lo || v > w->ix->hi)
            fail_msg("%s is %lld, outside its range", ix_text(b->a, w->ix), (long long)v);
        if (multiple && v % m)
            fail_msg("%s is %lld, no multiple of %lld", ix_text(b->a, w->ix), (long long)v, (long long)m);
        if (ix_const_value(w->ix, &k))
            assert_int_equal(k, v);
    }
}

static void check_two(const struct bench *b, const struct written *x, const struct written *y)
{
    bool less = ix_less(b->t, x->ix, y->ix);
    bool less_eq = ix_less_eq(b->t, x->ix, y->ix);
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
    const struct ix *e = ix_subst(b->t, w->ix, b->atom[what], with.ix);
    if (!ix_mentions(w->ix, b->atom[what]))
        assert_ptr_equal(e, w->ix);
    for (int p = 0; p < POINTS; p++) {
        int64_t got = value_at(b, e, p);
        int64_t kept = b->at[p][what];
        b->at[p][what] = with.value[p];
        int64_t want = value_at(b, w->ix, p);
        b->at[p][what] = kept;
        if (got != want)
            fail_msg("%s with %s replaced is %s", ix_text(b->a, w->ix), b->atom[what]->name, ix_text(b->a, e));
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
            assert_ptr_equal(ix_add(b.t, x.ix, y.ix), ix_add(b.t, y.ix, x.ix));
            assert_ptr_equal(ix_add(b.t, ix_add(b.t, x.ix, y.ix), z.ix), ix_add(b.t, x.ix, ix_add(b.t, y.ix, z.ix)));
            assert_ptr_equal(ix_mul(b.t, x.ix, z.ix), ix_mul(b.t, z.ix, x.ix));
            assert_ptr_equal(ix_mul(b.t, ix_add(b.t, x.ix, y.ix), z.ix),
                             ix_add(b.t, ix_mul(b.t, x.ix, z.ix), ix_mul(b.t, y.ix, z.ix)));
            assert_ptr_equal(ix_sub(b.t, ix_add(b.t, x.ix, y.ix), y.ix), x.ix);
            assert_ptr_equal(ix_sub(b.t, x.ix, x.ix), ix_const(b.t, 0));
            bool forms = ix_less_eq(b.t, x.ix, y.ix) &&
                         ix_less_eq(b.t, y.ix, x.ix); /* two forms of one number: min takes the first */
            if (!forms)
                assert_ptr_equal(ix_min(b.t, x.ix, y.ix), ix_min(b.t, y.ix, x.ix));
        }
        arena_free(b.a);
    }
}

/* What templates rely on: the terms that a tile's size divides come out of divisions and remainders. */
static void test_tiles_come_apart(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct ix_table *t = ix_table_new(a);
    const struct ix *block = ix_var(t, "b", 0, 1 << 20, UNIFORM_BLOCK);
    const struct ix *lane = ix_var(t, "l", 0, 63, UNIFORM_THREAD);
    const struct ix *n = ix_sym(t, "N");
    const struct ix *flat = ix_add(t, ix_mulk(t, block, 64), lane);
    assert_ptr_equal(ix_div(t, flat, ix_const(t, 64)), block);
    assert_ptr_equal(ix_mod(t, flat, ix_const(t, 64)), lane);
    assert_ptr_equal(ix_div(t, ix_div(t, n, ix_const(t, 4)), ix_const(t, 8)), ix_div(t, n, ix_const(t, 32)));
    assert_true(ix_multiple_of(ix_mulk(t, n, 8), 4));
    assert_false(ix_multiple_of(ix_addk(t, ix_mulk(t, n, 8), 2), 4));
    assert_false(ix_multiple_of(n, 2));
    assert_true(ix_less(t, lane, ix_const(t, 64)));
    assert_false(ix_less(t, lane, ix_const(t, 63)));
    assert_true(ix_less_eq(t, n, ix_addk(t, n, 0)) && ix_less(t, n, ix_addk(t, n, 1)));
    assert_int_equal(block->uniform, UNIFORM_BLOCK);
    assert_int_equal(flat->uniform, UNIFORM_THREAD);
    assert_int_equal(ix_mulk(t, block, 4)->uniform, UNIFORM_BLOCK);
    assert_ptr_not_equal(ix_var(t, "l", 0, 63, UNIFORM_THREAD), lane);
    assert_ptr_equal(ix_sym(t, "N"), n);
    arena_free(a);
}

static const char *spell(void *ctx, const struct ix *atom)
{
    (void)ctx;
    return atom->kind == IX_SYM ? "dim_N" : NULL;
}

static void test_text(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct ix_table *t = ix_table_new(a);
    const struct ix *n = ix_sym(t, "N");
    const struct ix *i = ix_var(t, "i", 0, 100, UNIFORM_THREAD);
    const struct ix *e = ix_addk(t, ix_sub(t, ix_mul(t, n, i), ix_mulk(t, ix_div(t, i, ix_const(t, 8)), 2)), -3);
    const char *text = ix_text(a, e);
    assert_non_null(strstr(text, "N*i"));
    assert_non_null(strstr(text, "- 2*(i/8)"));
    assert_non_null(strstr(text, "- 3"));
    assert_non_null(strstr(ix_text_as(a, e, spell, NULL), "dim_N*i"));
    assert_string_equal(ix_text(a, ix_const(t, -4)), "-4");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expressions_keep_their_values),
        cmocka_unit_test(test_substitution),
        cmocka_unit_test(test_equal_expressions_are_one),
        cmocka_unit_test(test_tiles_come_apart),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
