#include "tests/support/wild.h"

#include <math.h>
#include <string.h>

#include "tests/support/support.h"

const char *wild_text(struct arena *a, const char *text)
{
    const char *out = "";
    while (*text) {
        size_t line = strcspn(text, "\n");
        const char *where = strncmp(text, "input ", 6) ? NULL : memmem(text, line, " where ", 7);
        out = arena_printf(a, "%s%.*s\n", out, (int)(where ? (size_t)(where - text) : line), text);
        text += line + (text[line] != 0);
    }
    return out;
}

enum style { SPECIAL, RARE, TIES, SUBNORMAL, HUGE_ONES, ZEROS, ORDINARY, STYLES };

static double ordinary(uint64_t *r) { return 4 * rnd_unit(r) - 2; }

static double special(uint64_t *r, bool half)
{
    const double all[] = { 0.0,     -0.0,     NAN,      INFINITY, -INFINITY, 0x1p-24, -0x1p-24, 0x1p-14,
                           65504.0, -65504.0, 0x1p-149, 0x1p-126, 0x1p127,   -1e38,   1e-30,    0x1.fffffep127 };
    return all[rnd_range(r, 0, half ? 9 : 15)];
}

static double wild_float(uint64_t *r, enum style style, bool half)
{
    switch (style) {
    case SPECIAL: return special(r, half);
    case RARE: return rnd_range(r, 0, 19) ? ordinary(r) : special(r, half);
    case TIES: return (double)rnd_range(r, -1, 1);
    case SUBNORMAL: return ldexp((double)rnd_range(r, -15, 15), half ? -24 : -149);
    case HUGE_ONES: return ldexp(ordinary(r), half ? 14 : (int)rnd_range(r, 100, 126));
    case ZEROS: return rnd_range(r, 0, 1) ? 0.0 : -0.0;
    default: return ordinary(r);
    }
}

static int64_t wild_integer(uint64_t *r, enum style style, enum dtype t)
{
    int64_t most = t == DT_BOOL ? 1 : t == DT_I32 ? INT32_MAX : INT64_MAX;
    int64_t least = t == DT_BOOL ? 0 : -most - 1;
    if (t == DT_BOOL || style == TIES || style == ZEROS)
        return rnd_range(r, least < -1 ? -1 : least, 1);
    if (style == ORDINARY || (style == RARE && rnd_range(r, 0, 19)))
        return rnd_range(r, -1000, 1000);
    const int64_t all[] = { most, least, most - 1, least + 1, 0, -1, 1, most / 2 + 1 };
    return all[rnd_range(r, 0, 7)];
}

void wild_fill(struct binding *b, uint64_t seed)
{
    for (size_t i = 0; i < b->n; i++) {
        uint64_t r = seed * 1000 + i;
        struct tensor *t = (struct tensor *)b->sources[i].tensor;
        enum style style = (enum style)rnd_range(&r, 0, STYLES - 1);
        bool half = b->sources[i].node->storage == DT_F16 || b->sources[i].node->type.dtype == DT_F16 ||
                    b->sources[i].node->type.dtype == DT_FLOAT;
        for (int64_t k = 0; k < tensor_count(t); k++)
            if (dtype_is_float(t->dtype))
                tensor_set(t, k, wild_float(&r, style, half));
            else
                tensor_set_i64(t, k, wild_integer(&r, style, t->dtype));
    }
}
