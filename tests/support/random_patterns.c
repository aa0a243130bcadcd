/* What models are full of and chains of random ops are not: masked rows, and branches of one value. */
#include <math.h>

#include "tests/support/random_gen.h"

/* Scores with some at -inf, as a mask leaves them, in what reads whole rows. */
bool random_masked(struct gen *g)
{
    const struct value *x = gen_float(g);
    if (!x || x->mag > 8 || !x->rank || x->dim[x->rank - 1].b || !x->dim[x->rank - 1].k)
        return false;
    const struct value *m = gen_partner(g, x);
    struct value row = *x;
    row.dim[row.rank - 1] = (struct dim){ 1, false };
    int k = x->dim[x->rank - 1].k;
    switch (gen_range(g, 0, 4)) {
    case 0: gen_assign(g, x, 1, "softmax(select(less(%s, 1.0), %s, -inf))", m->name, x->name); break;
    case 1: gen_assign(g, x, 1, "softmax(%s + select(less(%s, 1.0), 0.0, -inf))", x->name, m->name); break;
    case 2: gen_assign(g, x, 1, "softmax(select(topk_mask(%s, %d), %s, -inf))", x->name, (k + 1) / 2, x->name); break;
    case 3:
        gen_assign(g, &row, 10, "maximum(max(select(less(%s, 1.0), %s, -inf), keepdim=true), -10.0)", m->name, x->name);
        break;
    default:
        if (x->mag > 3)
            return false;
        gen_assign(g, &row, 5 * k, "sum(exp(select(less(%s, 1.0), %s, -inf)) * 0.25, keepdim=true)", m->name, x->name);
        break;
    }
    return true;
}

/* Functions of the same values, side by side, that meet again: large times small, or a sum. */
bool random_siblings(struct gen *g)
{
    static const char *const pairs[][2] = { { "exp(%s)", "exp(-%s)" },
                                            { "gelu(%s)", "tanh(%s)" },
                                            { "exp(%s * 3)", "exp(%s * -3 - 3.0)" },
                                            { "%s * %s", "abs(%s)" } };
    const struct value *x = gen_float(g);
    if (!x || x->mag > 3)
        return false;
    const struct value *y = gen_chance(g, 60) ? x : gen_partner(g, x);
    int which = gen_range(g, 0, 3);
    struct value *a = gen_new(g, x, 0);
    fprintf(g->to, "%s = ", a->name);
    fprintf(g->to, pairs[which][0], x->name, x->name); /* NOLINT: a form of this file */
    struct value *b = gen_new(g, y, 0);
    fprintf(g->to, "\n%s = ", b->name);
    fprintf(g->to, pairs[which][1], y->name); /* NOLINT: a form of this file */
    fputc('\n', g->to);
    a->used = b->used = true;
    bool product = which == 0 || which == 2 || gen_chance(g, 50);
    double mag = which == 0 ? exp(x->mag + y->mag) : which == 2 ? exp(3 * (x->mag + y->mag) - 3) : 16;
    a->mag = which == 2 ? exp(3 * x->mag) : exp(x->mag) + x->mag * x->mag;
    b->mag = which == 2 ? exp(3 * y->mag - 3) : exp(y->mag);
    if (mag > 200)
        gen_assign(g, x, 1, "tanh(%s * %s)", a->name, b->name);
    else
        gen_assign(g, x, mag, product ? "%s * %s" : "%s + %s", a->name, b->name);
    return true;
}
