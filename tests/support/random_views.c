/* A view that steps, flips, pads or repeats, over the constant dims of a value. */
#include "tests/support/random_gen.h"

enum { MAX_MOVED = 4000 };

static void put_ints(struct gen *g, const int *v, int n)
{
    for (int i = 0; i < n; i++)
        fprintf(g->to, "%s%d", i ? ", " : "[", v[i]);
    fputs(n ? "]" : "[]", g->to);
}

static int64_t size_of(const struct value *v)
{
    int64_t count = 1;
    for (int i = 0; i < v->rank; i++)
        count *= v->dim[i].b ? (int64_t)v->dim[i].k * USUAL_B : v->dim[i].k;
    return count;
}

static bool stepped(struct gen *g, const struct value *x)
{
    struct value out = *x;
    int start[MAX_DIMS] = { 0 };
    int step[MAX_DIMS];
    for (int i = 0; i < x->rank; i++) {
        step[i] = 1;
        if (x->dim[i].b || x->dim[i].k < 2)
            continue;
        step[i] = gen_range(g, 1, 3);
        start[i] = gen_range(g, 0, x->dim[i].k - 1);
        out.dim[i].k = gen_range(g, 1, (x->dim[i].k - start[i] + step[i] - 1) / step[i]);
    }
    struct value *v = gen_new(g, &out, x->mag);
    v->dtype = x->dtype;
    fprintf(g->to, "%s = slice(%s, ", v->name, x->name);
    put_ints(g, start, x->rank);
    fputs(", ", g->to);
    gen_put_shape(g->to, v);
    fputs(", ", g->to);
    put_ints(g, step, x->rank);
    fputs(")\n", g->to);
    return true;
}

static bool padded(struct gen *g, const struct value *x)
{
    struct value out = *x;
    int by[3][MAX_DIMS] = { { 0 } };
    for (int i = 0; i < x->rank; i++) {
        if (x->dim[i].b || gen_chance(g, 50))
            continue;
        for (int k = 0; k < 3; k++)
            by[k][i] = gen_range(g, 0, 2);
        out.dim[i].k += by[0][i] + by[1][i] + (x->dim[i].k ? x->dim[i].k - 1 : 0) * by[2][i];
    }
    if (size_of(&out) > MAX_MOVED)
        return false;
    struct value *v = gen_new(g, &out, x->mag > 1 ? x->mag : 1);
    v->dtype = x->dtype;
    fprintf(g->to, "%s = pad(%s", v->name, x->name);
    for (int k = 0; k < 3; k++) {
        fputs(", ", g->to);
        put_ints(g, by[k], x->rank);
    }
    fputs(gen_chance(g, 50) ? ", 0.5)\n" : ")\n", g->to);
    return true;
}

static bool tiled(struct gen *g, const struct value *x)
{
    struct value out = *x;
    int by[MAX_DIMS];
    for (int i = 0; i < x->rank; i++) {
        by[i] = gen_chance(g, 50) ? 1 : gen_range(g, 2, 3);
        out.dim[i].k *= by[i];
    }
    if (size_of(&out) > MAX_MOVED)
        return false;
    struct value *v = gen_new(g, &out, x->mag);
    v->dtype = x->dtype;
    fprintf(g->to, "%s = tile(%s, ", v->name, x->name);
    put_ints(g, by, x->rank);
    fputs(")\n", g->to);
    return true;
}

bool random_moved(struct gen *g)
{
    const struct value *x = gen_float(g);
    if (!x || !x->rank || x->rank > MAX_DIMS)
        return false;
    switch (gen_range(g, 0, 3)) {
    case 0: return stepped(g, x);
    case 1: return padded(g, x);
    case 2: return tiled(g, x);
    default:
        gen_assign(g, x, x->mag, "reverse(%s, %d)", x->name, gen_range(g, -x->rank, x->rank - 1))->dtype = x->dtype;
        return true;
    }
}
