#include "ir/route/sheaf.h"

#include <string.h>

#include "ir/arena.h"

static uint64_t bits_of(const struct sheaf_table *t, int64_t i)
{
    const unsigned char *p = (const unsigned char *)t->data + i * t->size;
    uint8_t b1;
    uint16_t b2;
    uint32_t b4;
    uint64_t b8;
    switch (t->size) {
    case 1: memcpy(&b1, p, 1); return b1;
    case 2: memcpy(&b2, p, 2); return b2;
    case 4: memcpy(&b4, p, 4); return b4;
    case 8: memcpy(&b8, p, 8); return b8;
    default: BUG("a sheaf table with elements of %d bytes", t->size);
    }
}

static int64_t int_of(const struct sheaf_table *t, int64_t i)
{
    uint64_t v = bits_of(t, i);
    BUG_IF(t->size != 4 && t->size != 8, "an index of %d bytes", t->size);
    return t->size == 4 ? (int32_t)(uint32_t)v : (int64_t)v;
}

struct check {
    const struct sheaf_site *s;
    const struct sheaf_buckets *b;
    struct sheaf_obstruction found;
    int64_t *first; /* [rows]: position e·cap + i of the first record of the row; −1: none yet */
    int64_t *opens; /* [rows]: the number of buckets that hold the row */
};

static bool fail(struct check *c, enum sheaf_clause clause, int64_t a, int64_t b, int64_t row, int64_t column,
                 uint64_t left, uint64_t right)
{
    c->found = (struct sheaf_obstruction){ clause, a, b, row, column, left, right };
    return false;
}

/* Calls `visit` for all records, expert by expert, until a call returns false. `at` is the position e·cap + i. */
static bool each_record(struct check *c, bool (*visit)(struct check *c, int64_t e, int64_t at, int64_t row))
{
    for (int64_t e = 0; e < c->s->experts; e++)
        for (int64_t i = 0, n = int_of(&c->b->count, e); i < n; i++) {
            int64_t at = e * c->b->cap + i;
            if (!visit(c, e, at, int_of(&c->b->row, at)))
                return false;
        }
    return true;
}

/* Checks clause (a). Later checks rely on this to index by rows and counts. During this check, first[row] is the latest
   position that lists the row. If that position is in the current bucket, the row is listed twice. */
static bool check_listed_once(struct check *c)
{
    for (int64_t e = 0; e < c->s->experts; e++) {
        int64_t n = int_of(&c->b->count, e);
        if (n < 0 || n > c->b->cap)
            return fail(c, SHEAF_LISTED_TWICE, e, e, -1, -1, (uint64_t)n, (uint64_t)c->b->cap);
        for (int64_t i = 0; i < n; i++) {
            int64_t at = e * c->b->cap + i;
            int64_t row = int_of(&c->b->row, at);
            if (row < 0 || row >= c->s->rows)
                return fail(c, SHEAF_LISTED_TWICE, e, e, row, -1, (uint64_t)row, (uint64_t)c->s->rows);
            int64_t before = c->first[row];
            if (before >= e * c->b->cap)
                return fail(c, SHEAF_LISTED_TWICE, e, e, row, -1, (uint64_t)(before - e * c->b->cap), (uint64_t)i);
            c->first[row] = at;
        }
    }
    return true;
}

static bool check_chosen(struct check *c, int64_t e, int64_t at, int64_t row)
{
    return bits_of(&c->b->chosen, at * c->s->experts + e) ? true : fail(c, SHEAF_NOT_CHOSEN, e, e, row, e, 0, 1);
}

static bool count_opens(struct check *c, int64_t e, int64_t at, int64_t row)
{
    (void)e;
    if (c->opens[row]++ == 0)
        c->first[row] = at;
    return true;
}

static bool check_cover(struct check *c)
{
    for (int64_t row = 0; row < c->s->rows; row++) {
        if (c->opens[row] == c->s->k)
            continue;
        int64_t e = c->opens[row] ? c->first[row] / c->b->cap : -1;
        return fail(c, SHEAF_COVER, e, -1, row, -1, (uint64_t)c->opens[row], (uint64_t)c->s->k);
    }
    return true;
}

struct parts {
    const struct sheaf_table *chosen, *w, *q;
};

static int64_t record_differs(int64_t experts, struct parts x, int64_t i, struct parts y, int64_t j, uint64_t *left,
                              uint64_t *right)
{
    const struct sheaf_table *t[3][2] = { { x.chosen, y.chosen }, { x.w, y.w }, { x.q, y.q } };
    for (int part = 0; part < 3; part++)
        for (int64_t col = 0; t[part][0]->data && t[part][1]->data && col < experts; col++) {
            *left = bits_of(t[part][0], i * experts + col);
            *right = bits_of(t[part][1], j * experts + col);
            if (*left != *right)
                return part * experts + col;
        }
    return -1;
}

static struct parts of_buckets(const struct sheaf_buckets *b) { return (struct parts){ &b->chosen, &b->w, &b->q }; }
static struct parts of_router(const struct sheaf_site *s) { return (struct parts){ &s->chosen, &s->w, &s->q }; }

/* It suffices to compare each record with the first record of the same row. */
static bool check_overlap(struct check *c, int64_t e, int64_t at, int64_t row)
{
    uint64_t left, right;
    int64_t first = c->first[row];
    int64_t col = record_differs(c->s->experts, of_buckets(c->b), first, of_buckets(c->b), at, &left, &right);
    return col < 0 ? true : fail(c, SHEAF_OVERLAP, first / c->b->cap, e, row, col, left, right);
}

static bool check_glue(struct check *c, int64_t e, int64_t at, int64_t row)
{
    uint64_t left, right;
    int64_t col = record_differs(c->s->experts, of_buckets(c->b), at, of_router(c->s), row, &left, &right);
    return col < 0 ? true : fail(c, SHEAF_GLUE, e, -1, row, col, left, right);
}

static bool check_gather(struct check *c, int64_t e, int64_t at, int64_t row)
{
    const struct sheaf_site *s = c->s;
    for (int64_t i = 0; i < s->width; i++) {
        uint64_t left = bits_of(&c->b->x, at * s->width + i);
        uint64_t right = bits_of(&s->x, row * s->width + i);
        if (left != right)
            return fail(c, SHEAF_GATHER, e, e, row, 3 * s->experts + i, left, right);
    }
    int64_t read = int_of(&c->b->read_row, at);
    if (read != row)
        return fail(c, SHEAF_GATHER, e, e, row, -1, (uint64_t)read, (uint64_t)row);
    uint64_t left = bits_of(&c->b->read_w, at);
    uint64_t right = bits_of(&c->b->w, at * s->experts + e);
    return left == right ? true : fail(c, SHEAF_GATHER, e, e, row, s->experts + e, left, right);
}

static void forget(struct check *c)
{
    for (int64_t row = 0; row < c->s->rows; row++) {
        c->first[row] = -1;
        c->opens[row] = 0;
    }
}

struct sheaf_obstruction sheaf_check(const struct sheaf_site *s, const struct sheaf_buckets *b)
{
    struct arena *arena = arena_new();
    struct check c = { s,
                       b,
                       { SHEAF_AGREES, -1, -1, -1, -1, 0, 0 },
                       arena_array(arena, int64_t, s->rows + 1),
                       arena_array(arena, int64_t, s->rows + 1) };
    forget(&c);
    bool right = check_listed_once(&c) && each_record(&c, check_chosen);
    if (right) {
        forget(&c);
        right = each_record(&c, count_opens) && check_cover(&c) && each_record(&c, check_overlap) &&
                each_record(&c, check_glue) && each_record(&c, check_gather);
    }
    BUG_IF(right != (c.found.clause == SHEAF_AGREES), "a sheaf check that failed without a clause");
    arena_free(arena);
    return c.found;
}

const char *sheaf_clause_text(enum sheaf_clause c)
{
    static const char *const text[] = {
        [SHEAF_AGREES] = "the sections agree",
        [SHEAF_LISTED_TWICE] = "(a) a bucket lists a row twice, or what is no row",
        [SHEAF_NOT_CHOSEN] = "(b) a row is in the bucket of an expert that it did not choose",
        [SHEAF_COVER] = "(c) a row does not lie in exactly K buckets",
        [SHEAF_OVERLAP] = "(d) the sections of two buckets disagree on a row that both hold",
        [SHEAF_GLUE] = "(e) the table glued from the buckets is not the router's",
        [SHEAF_GATHER] = "(f) a bucket's activations are not the row's, or combine reads another record",
    };
    return text[c];
}
