/* Integer arithmetic for random graphs: both widths, the whole range, casts of floats that no integer holds, quotients
   by anything. */
#include <string.h>

#include "tests/support/random_gen.h"

static bool is_int(const struct value *v) { return v->dtype == DT_I32 || v->dtype == DT_I64; }

static struct value *int_input(struct gen *g, const struct value *shape, enum dtype t)
{
    static const char *const wide[] = { "-2147483648 <= %s <= 2147483647",
                                        "-9007199254740992 <= %s <= 9007199254740992" };
    struct value *v = gen_new(g, shape, 0);
    v->dtype = t;
    fprintf(g->to, "input %s: %s", v->name, dtype_name(t));
    gen_put_shape(g->to, v);
    fputs(" where ", g->to);
    fprintf(g->to, gen_chance(g, 50) ? "-9 <= %s <= 9" : wide[t == DT_I64], v->name); /* NOLINT: forms of this file */
    fputc('\n', g->to);
    return v;
}

/* An integer, the younger the likelier; where there is none, a new input in the shape of a float. */
static struct value *pick_int(struct gen *g)
{
    for (int i = g->n - 1; i >= 0; i--)
        if (is_int(&g->v[i]) && gen_chance(g, 60)) {
            g->v[i].used = true;
            return &g->v[i];
        }
    const struct value *like = gen_float(g);
    struct value *v = like ? int_input(g, like, gen_chance(g, 50) ? DT_I64 : DT_I32) : NULL;
    if (v)
        v->used = true;
    return v;
}

/* Another integer of that shape and dtype, or a new input of it. */
static struct value *twin(struct gen *g, const struct value *v)
{
    for (int i = g->n - 1; i >= 0 && gen_chance(g, 80); i--)
        if (&g->v[i] != v && g->v[i].dtype == v->dtype && gen_same_shape(&g->v[i], v)) {
            g->v[i].used = true;
            return &g->v[i];
        }
    struct value *x = int_input(g, v, v->dtype);
    x->used = true;
    return x;
}

static const char *literal(struct gen *g, enum dtype t)
{
    static const char *const small[] = { "0", "1", "-1", "2", "3", "-7", "10", "1000" };
    static const char *const ends[][3] = {
        { "-2147483648", "2147483647", "46341" },
        { "(-4611686018427387904 - 4611686018427387904)", "9223372036854774784", "3037000500" },
    };
    return gen_chance(g, 70) ? small[gen_range(g, 0, 7)] : ends[t == DT_I64][gen_range(g, 0, 2)];
}

static bool step_binary(struct gen *g)
{
    static const char *const forms[] = { "%s + %s",         "%s - %s",           "%s * %s",
                                         "maximum(%s, %s)", "minimum(%s, %s)",   "%s %% %s",
                                         "rem(%s, %s)",     "floor_div(%s, %s)", "trunc_div(%s, %s)" };
    const struct value *x = pick_int(g);
    if (!x)
        return false;
    const char *y = gen_chance(g, 40) ? literal(g, x->dtype) : twin(g, x)->name;
    bool turned = gen_chance(g, 30);
    const char *form = forms[gen_range(g, 0, 8)];
    struct value *v = gen_new(g, x, 0);
    v->dtype = x->dtype;
    fprintf(g->to, "%s = ", v->name);
    fprintf(g->to, form, turned ? y : x->name, turned ? x->name : y); /* NOLINT: a form of this file */
    fputc('\n', g->to);
    return true;
}

static bool step_unary(struct gen *g)
{
    const struct value *x = pick_int(g);
    if (!x)
        return false;
    enum dtype other = x->dtype == DT_I32 ? DT_I64 : DT_I32;
    int which = gen_range(g, 0, 2);
    if (which == 2)
        gen_assign(g, x, 0, "cast(%s, %s)", x->name, dtype_name(other))->dtype = other;
    else
        gen_assign(g, x, 0, which ? "-%s" : "abs(%s)", x->name)->dtype = x->dtype;
    return true;
}

/* From a float: as it is, far out of range, infinite or a NaN. */
static bool step_from_float(struct gen *g)
{
    static const char *const forms[] = { "cast(%s, %s)", "cast(cast(%s, f32) * 1e9, %s)",
                                         "cast(cast(%s, f32) * 3e18, %s)", "cast(select(less(%s, 0.25), nan, inf), %s)",
                                         "cast(log(abs(%s)), %s)" };
    const struct value *x = gen_float(g);
    if (!x)
        return false;
    enum dtype t = gen_chance(g, 50) ? DT_I32 : DT_I64;
    const char *form = forms[gen_range(g, 0, 4)];
    struct value *v = gen_new(g, x, 0);
    v->dtype = t;
    fprintf(g->to, "%s = ", v->name);
    fprintf(g->to, form, x->name, dtype_name(t)); /* NOLINT: a form of this file */
    fputc('\n', g->to);
    return true;
}

static bool step_select(struct gen *g)
{
    static const char *const orders[] = { "less", "less_equal", "greater", "greater_equal", "equal", "not_equal" };
    const struct value *x = pick_int(g);
    if (!x)
        return false;
    const char *order = orders[gen_range(g, 0, 5)];
    const char *y = gen_chance(g, 50) ? literal(g, x->dtype) : twin(g, x)->name;
    const char *z = gen_chance(g, 50) ? literal(g, x->dtype) : twin(g, x)->name;
    gen_assign(g, x, 0, "select(%s(%s, %s), %s, %s)", order, x->name, y, x->name, z)->dtype = x->dtype;
    return true;
}

static bool step_reduce(struct gen *g)
{
    const struct value *x = pick_int(g);
    if (!x || x->rank < 1)
        return false;
    struct value out = *x;
    int axis = gen_range(g, 0, x->rank - 1);
    out.rank--;
    for (int i = axis; i < out.rank; i++)
        out.dim[i] = x->dim[i + 1];
    gen_assign(g, &out, 0, "%s(%s, axis=%d)", gen_chance(g, 75) ? "sum" : "max", x->name, axis)->dtype = x->dtype;
    return true;
}

/* Back to floats, small enough to be computed with. */
static bool step_to_float(struct gen *g)
{
    const struct value *x = pick_int(g);
    if (!x)
        return false;
    int by = gen_range(g, 2, 40);
    gen_assign(g, x, by, "cast(%s %% %d, f32)", x->name, by)->dtype = DT_F32;
    return true;
}

bool random_ints(struct gen *g)
{
    switch (gen_range(g, 0, 11)) {
    case 0:
    case 1: return step_from_float(g);
    case 2: return step_unary(g);
    case 3: return step_select(g);
    case 4: return step_reduce(g);
    case 5:
    case 6: return step_to_float(g);
    default: return step_binary(g);
    }
}
