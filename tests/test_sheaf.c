/* The sheaf check: clean dispatches of random routings agree, and each clause, broken by a planted fault, is found and
   named. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "ir/route/sheaf.h"
#include "tests/support/walk_ops.h"

enum { MAX_ROWS = 24, MAX_EXPERTS = 5, CAP = MAX_ROWS + 1, MAX_WIDTH = 4 };

/* A router's tables and a dispatch of them, in formats that a device may have: f16 activations, f32 weights, i64
   residues, i32 rows. */
struct dispatch {
    int64_t rows, experts, k, width;
    uint16_t x[MAX_ROWS * MAX_WIDTH];
    uint8_t chosen[MAX_ROWS * MAX_EXPERTS];
    float w[MAX_ROWS * MAX_EXPERTS];
    int64_t q[MAX_ROWS * MAX_EXPERTS];
    int32_t count[MAX_EXPERTS], row[MAX_EXPERTS * CAP], read_row[MAX_EXPERTS * CAP];
    uint8_t b_chosen[MAX_EXPERTS * CAP * MAX_EXPERTS];
    float b_w[MAX_EXPERTS * CAP * MAX_EXPERTS], read_w[MAX_EXPERTS * CAP];
    int64_t b_q[MAX_EXPERTS * CAP * MAX_EXPERTS];
    uint16_t b_x[MAX_EXPERTS * CAP * MAX_WIDTH];
    bool softmax;
};

/* Record of `row` into slot `at` (e·CAP + i), as the gather makes it. */
static void put(struct dispatch *d, int64_t e, int64_t i, int64_t row)
{
    int64_t at = e * CAP + i;
    d->row[at] = d->read_row[at] = (int32_t)row;
    d->read_w[at] = d->w[row * d->experts + e];
    for (int64_t j = 0; j < d->experts; j++) {
        d->b_chosen[at * d->experts + j] = d->chosen[row * d->experts + j];
        d->b_w[at * d->experts + j] = d->w[row * d->experts + j];
        d->b_q[at * d->experts + j] = d->q[row * d->experts + j];
    }
    for (int64_t j = 0; j < d->width; j++)
        d->b_x[at * d->width + j] = d->x[row * d->width + j];
}

/* A random routing: some experts are shunned, so that they get no row; a row may be all NaN. */
static void route(struct dispatch *d, uint64_t *rnd)
{
    memset(d, 0, sizeof *d);
    d->rows = rnd_range(rnd, 0, 12);
    d->experts = rnd_range(rnd, 2, MAX_EXPERTS);
    d->k = rnd_range(rnd, 1, d->experts - 1);
    d->width = rnd_range(rnd, 1, MAX_WIDTH);
    d->softmax = rnd_range(rnd, 0, 3) == 0;
    int64_t shunned = rnd_range(rnd, -1, d->experts - 1);
    for (int64_t r = 0; r < d->rows; r++) {
        for (int64_t got = 0; got < d->k;) {
            int64_t e = rnd_range(rnd, 0, d->experts - 1);
            if (e == shunned || d->chosen[r * d->experts + e])
                continue;
            d->chosen[r * d->experts + e] = 1;
            got++;
        }
        bool nan = rnd_range(rnd, 0, 9) == 0;
        for (int64_t e = 0; e < d->experts; e++) {
            d->w[r * d->experts + e] = nan ? NAN : d->chosen[r * d->experts + e] ? (float)rnd_unit(rnd) : 0;
            d->q[r * d->experts + e] = nan ? INT64_MIN : rnd_range(rnd, -32767, 32767);
        }
        for (int64_t i = 0; i < d->width; i++)
            d->x[r * d->width + i] = (uint16_t)rnd_u64(rnd);
    }
    for (int64_t e = 0; e < d->experts; e++)
        for (int64_t r = 0; r < d->rows; r++)
            if (d->chosen[r * d->experts + e])
                put(d, e, d->count[e]++, r);
}

static struct sheaf_obstruction check(const struct dispatch *d)
{
    struct sheaf_site s = { d->rows,     d->experts,       d->k,        d->width,
                            { d->x, 2 }, { d->chosen, 1 }, { d->w, 4 }, { d->softmax ? NULL : d->q, 8 } };
    struct sheaf_buckets b = { CAP,
                               { d->count, 4 },
                               { d->row, 4 },
                               { d->b_chosen, 1 },
                               { d->b_w, 4 },
                               { d->softmax ? NULL : d->b_q, 8 },
                               { d->b_x, 2 },
                               { d->read_row, 4 },
                               { d->read_w, 4 } };
    return sheaf_check(&s, &b);
}

/* A random record that is there: false if no bucket has one. */
static bool some_record(const struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *i)
{
    for (int tries = 0; tries < 200; tries++) {
        *e = rnd_range(rnd, 0, d->experts - 1);
        if (d->count[*e] == 0)
            continue;
        *i = rnd_range(rnd, 0, d->count[*e] - 1);
        return true;
    }
    return false;
}

static void clean_dispatches_agree(void **state)
{
    (void)state;
    uint64_t rnd = 1;
    int empty = 0;
    int shunned = 0;
    struct dispatch d;
    for (int trial = 0; trial < 500; trial++) {
        route(&d, &rnd);
        struct sheaf_obstruction o = check(&d);
        assert_int_equal(o.clause, SHEAF_AGREES);
        assert_true(o.a == -1 && o.row == -1 && o.column == -1);
        empty += d.rows == 0;
        for (int64_t e = 0; d.rows && e < d.experts; e++)
            shunned += d.count[e] == 0;
    }
    assert_true(empty > 10 && shunned > 100);
}

/* The order of records in a bucket is not the sheaf's affair. */
static void permuted_buckets_agree(void **state)
{
    (void)state;
    uint64_t rnd = 2;
    struct dispatch d;
    for (int trial = 0; trial < 300; trial++) {
        route(&d, &rnd);
        for (int64_t e = 0; e < d.experts; e++)
            for (int64_t i = d.count[e] - 1; i > 0; i--) {
                int64_t j = rnd_range(&rnd, 0, i);
                int64_t r = d.row[e * CAP + i];
                put(&d, e, i, d.row[e * CAP + j]);
                put(&d, e, j, r);
            }
        assert_int_equal(check(&d).clause, SHEAF_AGREES);
    }
}

/* Plants one fault; false if this dispatch has no place for it. Expected: the clause, and expert and row where the
   fault alone decides them (else −1). */
struct fault {
    const char *name;
    enum sheaf_clause clause;
    bool (*plant)(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row);
};

static bool twice(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    int64_t i;
    if (!some_record(d, rnd, e, &i))
        return false;
    *row = d->row[*e * CAP + i];
    put(d, *e, d->count[*e]++, *row);
    return true;
}

static bool no_row(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    int64_t i;
    if (!some_record(d, rnd, e, &i))
        return false;
    d->row[*e * CAP + i] = (int32_t)(*row = rnd_u64(rnd) & 1 ? d->rows : -1);
    return true;
}

static bool over_full(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    *e = rnd_range(rnd, 0, d->experts - 1);
    *row = -1;
    d->count[*e] = rnd_u64(rnd) & 1 ? CAP + 1 : -1;
    return true;
}

/* A row put into the bucket of an expert that it did not choose. */
static bool stranger(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    if (d->rows == 0)
        return false;
    *row = rnd_range(rnd, 0, d->rows - 1);
    for (*e = 0; d->chosen[*row * d->experts + *e];)
        ++*e;
    put(d, *e, d->count[*e]++, *row);
    return true;
}

static bool dropped(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    int64_t i;
    if (!some_record(d, rnd, e, &i))
        return false;
    *row = d->row[*e * CAP + i];
    for (; i + 1 < d->count[*e]; i++)
        put(d, *e, i, d->row[*e * CAP + i + 1]);
    d->count[*e]--;
    *e = -1;
    return true;
}

/* Sections that claim another expert, consistent with the router's table that was changed after the dispatch. */
static bool too_many(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    if (d->rows == 0)
        return false;
    *row = rnd_range(rnd, 0, d->rows - 1);
    for (*e = 0; d->chosen[*row * d->experts + *e];)
        ++*e;
    d->chosen[*row * d->experts + *e] = 1;
    for (int64_t x = 0; x < d->experts; x++)
        for (int64_t i = 0; i < d->count[x]; i++)
            if (d->row[x * CAP + i] == *row)
                put(d, x, i, *row);
    put(d, *e, d->count[*e]++, *row);
    *e = -1;
    return true;
}

/* Another bit in what one bucket of several carries for a row: weights (an unchosen one, so that only the section shows
   it), residues, the set. */
static bool section(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row, int part)
{
    int64_t i;
    if (d->k < 2 || (part == 1 && d->softmax) || !some_record(d, rnd, e, &i))
        return false;
    int64_t at = *e * CAP + i;
    int64_t other = (*e + 1) % d->experts;
    *row = d->row[at];
    if (part == 0)
        d->b_w[at * d->experts + other] = d->b_w[at * d->experts + other] == 0 ? -0.0f : 77;
    if (part == 1)
        d->b_q[at * d->experts + other]++;
    if (part == 2)
        d->b_chosen[at * d->experts + other] ^= 1;
    *e = -1;
    return true;
}
static bool section_w(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    return section(d, rnd, e, row, 0);
}
static bool section_q(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    return section(d, rnd, e, row, 1);
}
static bool section_set(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    return section(d, rnd, e, row, 2);
}

/* The same in all buckets of the row: they agree with each other, not with the router. */
static bool glue(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    int64_t i;
    if (!some_record(d, rnd, e, &i))
        return false;
    *row = d->row[*e * CAP + i];
    int64_t column = rnd_range(rnd, 0, d->experts - 1);
    for (int64_t x = 0; x < d->experts; x++)
        for (int64_t at = x * CAP; at < x * CAP + d->count[x]; at++)
            if (d->row[at] == *row) {
                d->b_w[at * d->experts + column] = -0.25f;
                d->read_w[at] = d->b_w[at * d->experts + x];
            }
    *e = -1;
    return true;
}

/* The router's table moved on after the dispatch: by one residue. */
static bool stale(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    if (d->rows == 0 || d->softmax)
        return false;
    *row = rnd_range(rnd, 0, d->rows - 1);
    d->q[*row * d->experts + rnd_range(rnd, 0, d->experts - 1)] ^= 1;
    *e = -1;
    return true;
}

static bool gathered(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    int64_t i;
    if (!some_record(d, rnd, e, &i))
        return false;
    *row = d->row[*e * CAP + i];
    d->b_x[(*e * CAP + i) * d->width + rnd_range(rnd, 0, d->width - 1)] ^= (uint16_t)(1u << rnd_range(rnd, 0, 15));
    return true;
}

static bool read_other_row(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    int64_t i;
    if (!some_record(d, rnd, e, &i))
        return false;
    *row = d->row[*e * CAP + i];
    d->read_row[*e * CAP + i]++;
    return true;
}

static bool read_other_weight(struct dispatch *d, uint64_t *rnd, int64_t *e, int64_t *row)
{
    int64_t i;
    if (!some_record(d, rnd, e, &i))
        return false;
    *row = d->row[*e * CAP + i];
    d->read_w[*e * CAP + i] = 3;
    return true;
}

static const struct fault faults[] = {
    { "a row listed twice", SHEAF_LISTED_TWICE, twice },
    { "no row of the batch", SHEAF_LISTED_TWICE, no_row },
    { "a count that is none", SHEAF_LISTED_TWICE, over_full },
    { "a row that did not choose", SHEAF_NOT_CHOSEN, stranger },
    { "a row dropped", SHEAF_COVER, dropped },
    { "a row in K + 1 buckets", SHEAF_COVER, too_many },
    { "a weight in one section", SHEAF_OVERLAP, section_w },
    { "a residue in one section", SHEAF_OVERLAP, section_q },
    { "a set in one section", SHEAF_OVERLAP, section_set },
    { "a weight in all sections", SHEAF_GLUE, glue },
    { "a stale residue", SHEAF_GLUE, stale },
    { "a gathered bit", SHEAF_GATHER, gathered },
    { "combine's row", SHEAF_GATHER, read_other_row },
    { "combine's weight", SHEAF_GATHER, read_other_weight },
};

static void planted_faults_are_named(void **state)
{
    (void)state;
    uint64_t rnd = 3;
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++) {
        int planted = 0;
        for (int trial = 0; trial < 400; trial++) {
            struct dispatch d;
            int64_t e = -1;
            int64_t row = -1;
            route(&d, &rnd);
            if (!faults[f].plant(&d, &rnd, &e, &row))
                continue;
            struct sheaf_obstruction o = check(&d);
            if (o.clause == SHEAF_NOT_CHOSEN && faults[f].plant == section_set) {
                /* the bit that was cleared was the bucket's own */
                assert_int_equal(o.row, row);
                continue;
            }
            if (o.clause != faults[f].clause)
                fail_msg("%s: found %s", faults[f].name, sheaf_clause_text(o.clause));
            assert_int_equal(o.row, row);
            if (e >= 0)
                assert_int_equal(o.a, e);
            assert_true(o.left != o.right || o.clause == SHEAF_LISTED_TWICE);
            planted++;
        }
        if (planted < 50)
            fail_msg("%s: planted %d times", faults[f].name, planted);
    }
}

/* Column and bits of the obstruction say what differs. */
static void an_obstruction_shows_both_values(void **state)
{
    (void)state;
    uint64_t rnd = 4;
    struct dispatch d;
    do
        route(&d, &rnd);
    while (d.rows < 3 || d.k < 2 || d.softmax);
    int64_t e = 0;
    while (!d.count[e])
        e++;
    int64_t row = d.row[e * CAP];
    int64_t column = (e + 1) % d.experts;
    d.b_q[(e * CAP) * d.experts + column] = 123456;
    struct sheaf_obstruction o = check(&d);
    assert_int_equal(o.clause, SHEAF_OVERLAP);
    assert_int_equal(o.row, row);
    assert_int_equal(o.column, 2 * d.experts + column);
    assert_true(o.left == 123456 || o.right == 123456);
    assert_true((int64_t)(o.left == 123456 ? o.right : o.left) == d.q[row * d.experts + column]);
}

/* −0 is not 0; equal NaN bits agree, and other NaN bits do not. */
static void gluing_is_bitwise(void **state)
{
    (void)state;
    uint64_t rnd = 5;
    struct dispatch d;
    do
        route(&d, &rnd);
    while (d.rows == 0);
    for (int64_t e = 0; e < d.experts; e++)
        d.w[e] = e % 2 ? NAN : 0.0f;
    for (int64_t e = 0; e < d.experts; e++)
        for (int64_t i = 0; i < d.count[e]; i++)
            put(&d, e, i, d.row[e * CAP + i]);
    assert_int_equal(check(&d).clause, SHEAF_AGREES);
    struct dispatch zero = d;
    struct dispatch nan = d;
    zero.w[0] = -0.0f;
    assert_int_equal(check(&zero).clause, SHEAF_GLUE);
    uint32_t bits;
    memcpy(&bits, &nan.w[1], 4);
    bits ^= 1;
    memcpy(&nan.w[1], &bits, 4);
    assert_int_equal(check(&nan).clause, SHEAF_GLUE);
}

/* ---- the op row ---- */
static struct node *source(struct graph *g, enum dtype dtype, int rank, const int64_t *dim)
{
    const struct index **dims = arena_array(g->arena, const struct index *, rank);
    for (int i = 0; i < rank; i++)
        dims[i] = index_const(g->s->indices, dim[i]);
    const struct attr attrs[] = { { .n = rank, .dims = dims }, { .i = dtype }, { .f = -INFINITY }, { .f = INFINITY } };
    struct node *n = graph_add(g, op_find("input"), NULL, 0, attrs, NOWHERE);
    assert_non_null(n);
    return n;
}

/* Operand tables as numbers. */
static void fill(struct view *v, const struct dispatch *d, int operand)
{
    for (int64_t i = 0; i < v->count; i++) {
        switch (operand) {
        case 0: v->v[i].d = d->x[i]; break;
        case 1: v->v[i].i = d->q[i]; break;
        case 2: v->v[i].i = d->chosen[i]; break;
        case 3: v->v[i].d = d->w[i]; break;
        case 4: v->v[i].i = d->count[i]; break;
        case 5: v->v[i].i = d->row[i]; break;
        case 6: v->v[i].i = d->b_chosen[i]; break;
        case 7: v->v[i].d = d->b_w[i]; break;
        case 8: v->v[i].i = d->b_q[i]; break;
        case 9: v->v[i].d = d->b_x[i]; break;
        case 10: v->v[i].i = d->read_row[i]; break;
        case 11: v->v[i].d = d->read_w[i]; break;
        }
    }
}

static void the_row_says_what_the_function_says(void **state)
{
    (void)state;
    uint64_t rnd = 6;
    struct session *s = session_begin();
    int wrong = 0;
    for (int trial = 0; trial < 100; trial++) {
        struct dispatch d;
        int64_t e, row;
        route(&d, &rnd);
        d.softmax = false;
        if (trial % 2)
            faults[(size_t)trial / 2 % (sizeof faults / sizeof *faults)].plant(&d, &rnd, &e, &row);
        struct graph *g = graph_new(s, "sheaf");
        const int64_t B = d.rows;
        const int64_t E = d.experts;
        const struct {
            enum dtype t;
            int rank;
            int64_t dim[3];
        } in[12] = {
            { DT_F16, 2, { B, d.width } }, { DT_I64, 2, { B, E } },
            { DT_BOOL, 2, { B, E } },      { DT_F32, 2, { B, E } },
            { DT_I32, 1, { E } },          { DT_I32, 2, { E, CAP } },
            { DT_BOOL, 3, { E, CAP, E } }, { DT_F32, 3, { E, CAP, E } },
            { DT_I64, 3, { E, CAP, E } },  { DT_F16, 3, { E, CAP, d.width } },
            { DT_I32, 2, { E, CAP } },     { DT_F32, 2, { E, CAP } },
        };
        struct node *operands[12];
        for (int i = 0; i < 12; i++)
            operands[i] = source(g, in[i].t, in[i].rank, in[i].dim);
        struct node *n = graph_add(g, op_find("sheaf_check"), operands, 12, &(struct attr){ .i = d.k }, NOWHERE);
        assert_non_null(n);
        struct op_walk w;
        op_walk_begin(&w, g);
        for (int i = 0; i < 12; i++) {
            struct view v = op_walk_view(g->arena, &operands[i]->type);
            fill(&v, &d, i);
            op_walk_bind(&w, operands[i], v, NULL);
        }
        op_walk_run(&w);
        struct sheaf_obstruction o = check(&d);
        const NUM *got = w.value[n->id].v;
        assert_true(got[0].i == (int64_t)o.clause && got[1].i == o.a && got[2].i == o.b && got[3].i == o.row &&
                    got[4].i == o.column);
        if (o.clause != SHEAF_AGREES && o.column < 0)
            assert_true((uint64_t)got[5].i == o.left && (uint64_t)got[6].i == o.right);
        wrong += o.clause != SHEAF_AGREES;
    }
    assert_true(wrong > 20);
    session_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_dispatches_agree),   cmocka_unit_test(permuted_buckets_agree),
        cmocka_unit_test(planted_faults_are_named), cmocka_unit_test(an_obstruction_shows_both_values),
        cmocka_unit_test(gluing_is_bitwise),        cmocka_unit_test(the_row_says_what_the_function_says),
    };
    return cmocka_run_group_tests_name("sheaf", tests, NULL, NULL);
}
