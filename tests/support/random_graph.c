#include "tests/support/random_graph.h"
#include "tests/support/random_gen.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const double top_mag = 200; /* no value is meant to be larger */

/* ---- numbers: splitmix64 (Steele, Lea, Flood 2014) ---- */
static uint64_t bits(struct gen *g)
{
    uint64_t z = g->rnd += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
int gen_range(struct gen *g, int lo, int hi) { return lo + (int)(bits(g) % (uint64_t)(hi - lo + 1)); }
bool gen_chance(struct gen *g, int percent) { return gen_range(g, 1, 100) <= percent; }

static const int lengths[] = { 1, 2, 3, 4, 5, 7, 8, 16, 17, 20, 31, 33, 64, 65, 70, 96, 100, 130 };
static struct dim any_length(struct gen *g)
{
    if (gen_chance(g, 2))
        return (struct dim){ 0, false };
    return (struct dim){ lengths[gen_range(g, 0, (int)(sizeof lengths / sizeof *lengths) - 1)], false };
}

/* ---- values ---- */
static int64_t elements(const struct value *v)
{
    int64_t n = 1;
    for (int i = 0; i < v->rank; i++)
        n *= (int64_t)v->dim[i].k * (v->dim[i].b ? USUAL_B : 1);
    return n;
}
static bool same_dim(struct dim a, struct dim b) { return a.k == b.k && a.b == b.b; }
bool gen_same_shape(const struct value *a, const struct value *b)
{
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++)
        same = same_dim(a->dim[i], b->dim[i]);
    return same;
}
static bool is_float(const struct value *v) { return dtype_is_float(v->dtype); }
static struct dim last_of(const struct value *v) { return v->dim[v->rank - 1]; }

void gen_put_shape(FILE *to, const struct value *v)
{
    fputc('[', to);
    for (int i = 0; i < v->rank; i++) {
        if (i)
            fputs(", ", to);
        if (!v->dim[i].b)
            fprintf(to, "%d", v->dim[i].k);
        else if (v->dim[i].k == 1)
            fputc('B', to);
        else
            fprintf(to, "%d*B", v->dim[i].k);
    }
    fputc(']', to);
}

struct value *gen_new(struct gen *g, const struct value *like, double mag)
{
    struct value *v = &g->v[g->n];
    *v = *like;
    snprintf(v->name, sizeof v->name, "v%d", g->n++);
    v->dtype = DT_FLOAT;
    v->mag = mag;
    v->used = false;
    return v;
}

struct value *gen_assign(struct gen *g, const struct value *like, double mag, const char *fmt, ...)
{
    struct value *v = gen_new(g, like, mag);
    va_list ap;
    va_start(ap, fmt);
    fprintf(g->to, "%s = ", v->name);
    vfprintf(g->to, fmt, ap);
    fputc('\n', g->to);
    va_end(ap);
    return v;
}

static struct value *input(struct gen *g, const struct value *shape, double lo, double hi)
{
    static const enum dtype dtypes[] = { DT_FLOAT, DT_FLOAT, DT_F32, DT_F16 };
    struct value *v = gen_new(g, shape, fmax(fabs(lo), fabs(hi)));
    v->dtype = dtypes[gen_range(g, 0, 3)];
    fprintf(g->to, "input %s: %s", v->name, dtype_name(v->dtype));
    gen_put_shape(g->to, v);
    fprintf(g->to, " where %g <= %s <= %g\n", lo, v->name, hi);
    return v;
}

static struct value *weight(struct gen *g, struct dim rows, struct dim cols)
{
    struct value shape = { .rank = 2, .dim = { rows, cols } };
    struct value *v = gen_new(g, &shape, 1 / sqrt(cols.k ? cols.k : 1));
    fprintf(g->to, "weight %s: float[%d, %d]\n", v->name, rows.k, cols.k);
    return v;
}

/* A float value for which `fits` holds, the younger the likelier; else a new input of a fitting shape is the caller's
   to make. */
static struct value *pick(struct gen *g, bool (*fits)(const struct value *v))
{
    for (int turn = 0; turn < 12 && g->n; turn++) {
        struct value *v =
            &g->v[gen_chance(g, 60) ? g->n - 1 - gen_range(g, 0, g->n > 3 ? 3 : g->n - 1) : gen_range(g, 0, g->n - 1)];
        if (is_float(v) && fits(v)) {
            v->used = true;
            return v;
        }
    }
    return NULL;
}
/* The same, or an integer: what only moves elements takes both. */
static struct value *pick_moved(struct gen *g, bool (*fits)(const struct value *v))
{
    struct value *v = &g->v[gen_range(g, 0, g->n - 1)];
    if ((v->dtype != DT_I32 && v->dtype != DT_I64) || !fits(v))
        return pick(g, fits);
    v->used = true;
    return v;
}
static bool any(const struct value *v)
{
    (void)v;
    return true;
}
struct value *gen_float(struct gen *g) { return pick(g, any); }
static bool has_row(const struct value *v) { return v->rank >= 1; }
static bool has_fixed_row(const struct value *v) { return v->rank >= 1 && !last_of(v).b; }
static bool has_some_row(const struct value *v) { return has_fixed_row(v) && last_of(v).k > 0; }
static bool is_matrix(const struct value *v) { return v->rank >= 2 && !last_of(v).b; }
static bool has_two(const struct value *v) { return v->rank >= 2; }
static bool is_small(const struct value *v) { return v->mag <= 8; }

/* Another value of that very shape, or a new input of it. */
static struct value *twin(struct gen *g, const struct value *v)
{
    for (int i = g->n - 1; i >= 0 && gen_chance(g, 80); i--)
        if (&g->v[i] != v && is_float(&g->v[i]) && gen_same_shape(&g->v[i], v)) {
            g->v[i].used = true;
            return &g->v[i];
        }
    struct value *x = input(g, v, -2, 2);
    x->used = true;
    return x;
}

/* An input that broadcasts to v's shape: leading dims left out, some dims 1. */
static struct value *narrower(struct gen *g, const struct value *v)
{
    struct value shape = { .rank = gen_range(g, 0, v->rank) };
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = gen_chance(g, 30) ? (struct dim){ 1, false } : v->dim[v->rank - shape.rank + i];
    struct value *x = input(g, &shape, -1.5, 2);
    x->used = true;
    return x;
}
struct value *gen_partner(struct gen *g, const struct value *v)
{
    return gen_chance(g, 60) ? twin(g, v) : narrower(g, v);
}

/* ---- steps: each adds a value or says that it cannot ---- */
static bool step_input(struct gen *g)
{
    struct value shape = { .rank = gen_range(g, 0, 9) ? gen_range(g, 1, 3) : 0 };
    int at = gen_range(g, 0, shape.rank > 1 ? shape.rank - 2 : 0);
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = any_length(g);
    for (int i = 0; i + 1 < shape.rank; i++)
        if (shape.dim[i].k > 20)
            shape.dim[i].k = shape.dim[i].k % 5 + 2;
    bool equal = shape.rank > 1 && gen_chance(g, 35);
    for (int i = 1; equal && i < shape.rank; i++)
        shape.dim[i] = shape.dim[0];
    if (shape.rank > 1 && gen_chance(g, equal ? 30 : 70))
        shape.dim[at] = (struct dim){ 1, true };
    if (elements(&shape) > MAX_ELEMENTS)
        return false;
    input(g, &shape, gen_chance(g, 30) ? 0 : -2, 2);
    return true;
}

static bool step_linear(struct gen *g)
{
    struct value *x = pick(g, has_fixed_row);
    if (!x)
        return false;
    struct value out = *x;
    int k = last_of(x).k;
    out.dim[out.rank - 1] = any_length(g);
    if (last_of(&out).k == 0)
        return false; /* that asks for the features of w */
    double mag = x->mag * sqrt(k) + 0.5;
    if (mag > top_mag || elements(&out) > MAX_ELEMENTS)
        return false;
    gen_assign(g, &out, mag, "linear(%s, %d)", x->name, last_of(&out).k);
    return true;
}

/* By a matrix, stored either way. */
static bool step_matmul(struct gen *g)
{
    struct value *x = pick(g, is_matrix);
    if (!x)
        return false;
    struct value out = *x;
    struct dim k = last_of(x);
    struct dim n = any_length(g);
    out.dim[out.rank - 1] = n;
    double mag = x->mag * k.k / sqrt(k.k ? k.k : 1);
    if (mag > top_mag || elements(&out) > MAX_ELEMENTS)
        return false;
    bool turned = gen_chance(g, 50);
    struct value *w = turned ? weight(g, n, k) : weight(g, k, n);
    w->used = true;
    gen_assign(g, &out, turned ? mag : mag * sqrt(k.k + 1), "matmul(%s, %s%s)", x->name, w->name,
               turned ? ", transpose_b=true" : "");
    return true;
}

/* Aᵀ·B over the first dim, which may be B. */
static bool step_matmul_turned(struct gen *g)
{
    struct value *x = pick(g, has_two);
    if (!x || x->rank != 2 || x->mag > 4)
        return false;
    struct value shape = { .rank = 2, .dim = { x->dim[0], any_length(g) } };
    struct value out = { .rank = 2, .dim = { x->dim[1], shape.dim[1] } };
    if (elements(&shape) > MAX_ELEMENTS || elements(&out) > MAX_ELEMENTS)
        return false;
    struct value *y = input(g, &shape, -1, 1);
    y->used = true;
    gen_assign(g, &out, x->mag * 130, "matmul(%s, %s, transpose_a=true)", x->name, y->name);
    return true;
}

static bool step_matmul_batched(struct gen *g)
{
    struct value *x = pick(g, is_matrix);
    if (!x || x->rank < 3 || x->mag > 4)
        return false;
    struct value shape = *x;
    struct value out = *x;
    struct dim n = any_length(g);
    bool turned = gen_chance(g, 50);
    shape.dim[x->rank - 2] = turned ? n : last_of(x);
    shape.dim[x->rank - 1] = turned ? last_of(x) : n;
    out.dim[x->rank - 1] = n;
    if (elements(&shape) > MAX_ELEMENTS || elements(&out) > MAX_ELEMENTS)
        return false;
    struct value *y = input(g, &shape, -1, 1);
    y->used = true;
    gen_assign(g, &out, x->mag * last_of(x).k, "matmul(%s, %s%s)", x->name, y->name,
               turned ? ", transpose_b=true" : "");
    return true;
}

/* A few results of long sums: the depth of such a product is cut into parts. */
static bool step_long(struct gen *g)
{
    static const int depths[] = { 1024, 1031, 1300 };
    struct dim k = { depths[gen_range(g, 0, 2)], false };
    struct dim rows = gen_chance(g, 70) ? (struct dim){ 1, true } : (struct dim){ gen_range(g, 1, 9), false };
    struct value shape = { .rank = 2, .dim = { rows, k } };
    struct value out = { .rank = 2, .dim = { rows, { gen_range(g, 1, 28), false } } };
    struct value *x = input(g, &shape, -1, 1);
    struct value *w = weight(g, out.dim[1], k);
    x->used = w->used = true;
    gen_assign(g, &out, sqrt(k.k), "matmul(%s, %s, transpose_b=true)", x->name, w->name);
    return true;
}

static bool step_layernorm(struct gen *g)
{
    struct value *x = pick(g, has_fixed_row);
    if (!x)
        return false;
    gen_assign(g, x, sqrt(last_of(x).k) * 1.5 + 0.5, "layernorm(%s%s)", x->name, gen_chance(g, 20) ? ", eps=0.01" : "");
    return true;
}

static bool step_softmax(struct gen *g)
{
    struct value *x = pick(g, has_row);
    if (!x)
        return false;
    gen_assign(g, x, 1, "softmax(%s)", x->name);
    return true;
}

static bool step_function(struct gen *g)
{
    struct value *x = pick(g, is_small);
    if (!x)
        return false;
    switch (gen_range(g, 0, 7)) {
    case 0: gen_assign(g, x, 1, "tanh(%s)", x->name); break;
    case 1:
        if (x->mag > 4)
            return false;
        gen_assign(g, x, exp(x->mag), "exp(%s)", x->name);
        break;
    case 2: gen_assign(g, x, 5, "log(%s * %s + 1.0)", x->name, x->name); break;
    case 3: gen_assign(g, x, x->mag + 1, "sqrt(%s * %s + 0.5)", x->name, x->name); break;
    case 4: gen_assign(g, x, x->mag, "abs(%s)", x->name); break;
    case 5: gen_assign(g, x, x->mag, "-%s", x->name); break;
    default: gen_assign(g, x, x->mag, "gelu(%s)", x->name); break;
    }
    return true;
}

static bool step_binary(struct gen *g)
{
    static const struct {
        const char *form;
        bool grows, scales;
    } forms[] = {
        { "%s + %s", true, false },          { "%s - %s", true, false },
        { "%s * %s", false, true },          { "maximum(%s, %s)", false, false },
        { "minimum(%s, %s)", false, false }, { "%s / (abs(%s) + 1.0)", false, false },
        { "%s * 2 - %s", true, false },
    };
    struct value *x = pick(g, any);
    if (!x || x->mag > top_mag / 2)
        return false;
    const struct value *y = gen_partner(g, x);
    int i = gen_range(g, 0, (int)(sizeof forms / sizeof *forms) - 1);
    double mag = forms[i].scales ? x->mag * y->mag : forms[i].grows ? 2 * x->mag + y->mag : fmax(x->mag, y->mag);
    if (mag > top_mag)
        return false;
    struct value *v = gen_new(g, x, mag);
    char text[64];
    const char *gap = strstr(forms[i].form, "%s");
    const char *gap2 = strstr(gap + 2, "%s");
    snprintf(text, sizeof text, "%.*s%s%.*s%s%s", (int)(gap - forms[i].form), forms[i].form, x->name,
             (int)(gap2 - gap - 2), gap + 2, y->name, gap2 + 2);
    fprintf(g->to, "%s = %s\n", v->name, text);
    return true;
}

static bool step_fma(struct gen *g)
{
    struct value *x = pick(g, is_small);
    if (!x)
        return false;
    const struct value *y = gen_partner(g, x);
    const struct value *z = gen_partner(g, x);
    if (x->mag * y->mag + z->mag > top_mag)
        return false;
    gen_assign(g, x, x->mag * y->mag + z->mag, "%s * %s + %s", x->name, y->name, z->name);
    return true;
}

static bool step_select(struct gen *g)
{
    static const char *const orders[] = { "less", "less_equal", "greater", "greater_equal", "equal", "not_equal" };
    struct value *x = pick(g, any);
    if (!x)
        return false;
    const struct value *y = gen_partner(g, x);
    const struct value *z = twin(g, x);
    const char *order = orders[gen_range(g, 0, 5)];
    double mag = fmax(x->mag, z->mag);
    switch (gen_range(g, 0, 2)) {
    case 0: gen_assign(g, x, mag, "select(%s(%s, %s), %s, %s)", order, x->name, y->name, x->name, z->name); break;
    case 1:
        gen_assign(g, x, mag, "select(logical_or(%s(%s, %s), logical_not(less(%s, 0.25))), %s, %s)", order, x->name,
                   y->name, z->name, z->name, x->name);
        break;
    default:
        gen_assign(g, x, 1, "cast(logical_and(%s(%s, %s), greater(%s, 0.0)), f32)", order, x->name, y->name, x->name)
            ->dtype = DT_F32;
        break;
    }
    return true;
}

static bool step_reduce(struct gen *g)
{
    static const char *const names[] = { "sum", "mean", "max" };
    struct value *x = pick(g, has_row);
    int which = gen_range(g, 0, 2);
    if (!x || (which && (last_of(x).k == 0 || last_of(x).b)))
        return false; /* the mean and the largest of nothing are no finite numbers */
    struct value out = *x;
    out.rank--;
    double mag = which ? x->mag : x->mag * last_of(x).k * (last_of(x).b ? USUAL_B : 1);
    if (mag > 50 * top_mag)
        return false;
    gen_assign(g, &out, mag, "%s(%s)", names[which], x->name);
    return true;
}

/* Over some dimensions: of a matrix over the first, its columns' sums. */
static bool step_axis_sum(struct gen *g)
{
    struct value *x = pick(g, has_two);
    char axes[40] = "";
    if (!x)
        return false;
    struct value out = *x;
    double mag = x->mag;
    bool keep = gen_chance(g, 30);
    out.rank = 0;
    for (int i = 0; i < x->rank; i++) {
        bool reduced = gen_chance(g, i ? 40 : 70);
        if (reduced) {
            snprintf(axes + strlen(axes), sizeof axes - strlen(axes), "%s%d", *axes ? ", " : "", i);
            mag *= x->dim[i].k * (x->dim[i].b ? USUAL_B : 1);
        }
        if (!reduced || keep)
            out.dim[out.rank++] = reduced ? (struct dim){ 1, false } : x->dim[i];
    }
    if (mag > 50 * top_mag || !*axes)
        return false;
    gen_assign(g, &out, mag, "sum(%s, axis=[%s]%s)", x->name, axes, keep ? ", keepdim=true" : "");
    return true;
}

static bool step_argmax(struct gen *g)
{
    struct value *x = pick(g, has_some_row);
    if (!x)
        return false;
    struct value out = *x;
    out.rank--;
    struct value *q = gen_assign(g, &out, last_of(x).k, "argmax(%s)", x->name);
    q->dtype = DT_I64;
    if (!gen_chance(g, 60))
        return true;
    q->used = true;
    struct value *f = gen_assign(g, &out, last_of(x).k, "cast(%s, f32)", q->name);
    f->dtype = DT_F32;
    return true;
}

/* Two neighbouring dims joined, or one split. */
static bool step_reshape(struct gen *g)
{
    struct value *x = pick_moved(g, has_row);
    if (!x)
        return false;
    struct value out = *x;
    int at = gen_range(g, 0, x->rank - 1);
    if (at + 1 < x->rank && !(x->dim[at].b && x->dim[at + 1].b) && x->dim[at].k && x->dim[at + 1].k) {
        out.dim[at] = (struct dim){ x->dim[at].k * x->dim[at + 1].k, x->dim[at].b || x->dim[at + 1].b };
        out.rank--;
        for (int i = at + 1; i < out.rank; i++)
            out.dim[i] = x->dim[i + 1];
    } else {
        int by = x->dim[at].k % 3 == 0 ? 3 : x->dim[at].k % 2 == 0 ? 2 : 1;
        if (x->rank == MAX_DIMS || x->dim[at].k == 0)
            return false;
        for (int i = out.rank++; i > at + 1; i--)
            out.dim[i] = out.dim[i - 1];
        out.dim[at].k /= by;
        out.dim[at + 1] = (struct dim){ by, false };
    }
    struct value *v = gen_new(g, &out, x->mag);
    fprintf(g->to, "%s = reshape(%s, ", v->name, x->name);
    gen_put_shape(g->to, v);
    fputs(")\n", g->to);
    v->dtype = x->dtype;
    return true;
}

static bool has_equal_dims(const struct value *v)
{
    for (int i = 0; i < v->rank; i++)
        for (int j = 0; j < i; j++)
            if (same_dim(v->dim[i], v->dim[j]))
                return true;
    return false;
}

/* x transposed. */
static struct value *transposed(struct gen *g, const struct value *x, const int *perm)
{
    struct value out = *x;
    for (int i = 0; i < x->rank; i++)
        out.dim[i] = x->dim[perm[i]];
    struct value *v = gen_new(g, &out, x->mag);
    fprintf(g->to, "%s = transpose(%s, [", v->name, x->name);
    for (int i = 0; i < x->rank; i++)
        fprintf(g->to, "%s%d", i ? ", " : "", perm[i]);
    fputs("])\n", g->to);
    v->dtype = x->dtype;
    return v;
}

static bool step_transpose(struct gen *g)
{
    struct value *x = pick_moved(g, has_two);
    if (!x)
        return false;
    int perm[MAX_DIMS];
    for (int i = 0; i < x->rank; i++) {
        int j = gen_range(g, 0, i);
        perm[i] = perm[j];
        perm[j] = i;
    }
    transposed(g, x, perm);
    return true;
}

/* A value and its transpose over two equal dims, which have one shape: together in what reads rows or elements. */
static bool step_turned(struct gen *g)
{
    static const char *const forms[] = { "%s + %s", "softmax(%s) + softmax(%s)", "softmax(softmax(%s) - %s)",
                                         "layernorm(%s + softmax(%s))", "select(topk_mask(%s, 1), %s, 0.0)" };
    struct value *x = pick(g, has_equal_dims);
    int perm[MAX_DIMS], i = 1, j = 0;
    if (!x || x->mag > 20 || !last_of(x).k || last_of(x).b)
        return false;
    while (!same_dim(x->dim[i], x->dim[j]))
        if (++j == i) {
            i++;
            j = 0;
        }
    for (int k = 0; k < x->rank; k++)
        perm[k] = k == i ? j : k == j ? i : k;
    const struct value *y = transposed(g, x, perm);
    bool swapped = gen_chance(g, 50);
    const char *form = forms[gen_range(g, 0, 4)];
    struct value *v = gen_new(g, x, 2 * x->mag + sqrt(last_of(x).k) * 2 + 1);
    fprintf(g->to, "%s = ", v->name);
    fprintf(g->to, form, swapped ? y->name : x->name, swapped ? x->name : y->name); /* NOLINT: a form of this file */
    fputc('\n', g->to);
    return true;
}

static bool step_slice(struct gen *g)
{
    struct value *x = pick_moved(g, has_row);
    if (!x)
        return false;
    struct value out = *x;
    int start[MAX_DIMS] = { 0 };
    for (int i = 0; i < x->rank; i++) {
        if (x->dim[i].b || x->dim[i].k < 2 || gen_chance(g, 40))
            continue;
        start[i] = gen_range(g, 0, x->dim[i].k - 1);
        out.dim[i].k = gen_range(g, 1, x->dim[i].k - start[i]);
    }
    struct value *v = gen_new(g, &out, x->mag);
    fprintf(g->to, "%s = slice(%s, [", v->name, x->name);
    for (int i = 0; i < x->rank; i++)
        fprintf(g->to, "%s%d", i ? ", " : "", start[i]);
    fputs("], ", g->to);
    gen_put_shape(g->to, v);
    fputs(")\n", g->to);
    v->dtype = x->dtype;
    return true;
}

static bool step_concat(struct gen *g)
{
    struct value *x = pick(g, has_row);
    if (!x || x->dtype != DT_FLOAT)
        return false;
    struct value other = *x;
    struct value out = *x;
    int axis = gen_range(g, 0, x->rank - 1);
    if (!x->dim[axis].b)
        other.dim[axis] = (struct dim){ gen_range(g, 1, 5), false };
    struct value *y = gen_new(g, &other, 2);
    fprintf(g->to, "input %s: float", y->name);
    gen_put_shape(g->to, y);
    fprintf(g->to, " where -2 <= %s <= 2\n", y->name);
    y->used = true;
    out.dim[axis].k += other.dim[axis].k;
    if (elements(&out) > MAX_ELEMENTS)
        return false;
    gen_assign(g, &out, fmax(x->mag, 2), "concat(%s, %s, axis=%d)", x->name, y->name, axis);
    return true;
}

static bool step_cast(struct gen *g)
{
    struct value *x = pick(g, any);
    if (!x)
        return false;
    enum dtype to = gen_chance(g, 50) ? DT_F32 : DT_F16;
    gen_assign(g, x, x->mag, "cast(%s, %s)", x->name, dtype_name(to))->dtype = to;
    return true;
}

static bool step_topk(struct gen *g)
{
    struct value *x = pick(g, has_some_row);
    if (!x)
        return false;
    int n = last_of(x).k;
    int k = gen_range(g, 1, n < 4 ? n : 4);
    if (gen_chance(g, 50)) {
        struct value *m = gen_assign(g, x, 1, "topk_mask(%s, %d)", x->name, k);
        m->dtype = DT_BOOL;
        m->used = gen_chance(g, 50);
        gen_assign(g, x, x->mag, "select(%s, %s, 0.0)", m->name, x->name);
        return true;
    }
    struct value *q = gen_assign(g, x, 0, "padic_encode(%s)", x->name);
    q->dtype = DT_I64;
    q->used = true;
    gen_assign(g, x, x->mag, "padic_decode(%s) * cast(topk_mask(%s, %d), f32)", q->name, q->name, k);
    return true;
}

static bool step_padic(struct gen *g)
{
    static const char *const rings[] = { "", ", p=3, n=7, s=16", ", p=2, n=40, s=4096", ", p=7, n=2, s=1" };
    struct value *x = pick(g, any);
    if (!x)
        return false;
    const char *ring = rings[gen_range(g, 0, 3)];
    struct value *q = gen_assign(g, x, 0, "padic_encode(%s%s)", x->name, ring);
    q->dtype = DT_I64;
    q->used = gen_chance(g, 60);
    gen_assign(g, x, fmax(x->mag, 1), "padic_decode(%s%s)", q->name, ring);
    return true;
}

static bool step_combine(struct gen *g)
{
    struct value *x = pick(g, has_row);
    if (!x)
        return false;
    int experts = gen_range(g, 1, 4);
    int k = gen_range(g, 1, experts);
    struct value shape = *x;
    shape.dim[shape.rank - 1] = (struct dim){ experts, false };
    struct value *z = input(g, &shape, -1, 1);
    z->used = true;
    struct value *w = gen_assign(g, &shape, 1, "select(topk_mask(%s, %d), softmax(%s), 0.0)", z->name, k, z->name);
    w->used = true;
    const struct value *y[3];
    for (int e = 1; e < experts; e++)
        y[e - 1] = twin(g, x);
    struct value *v = gen_new(g, x, x->mag + 2 * experts);
    fprintf(g->to, "%s = combine(%s, %s", v->name, w->name, x->name);
    for (int e = 1; e < experts; e++)
        fprintf(g->to, ", %s", y[e - 1]->name);
    fputs(")\n", g->to);
    return true;
}

static bool step_mse(struct gen *g)
{
    struct value *x = pick(g, has_row);
    struct value scalar = { .rank = 0 };
    if (!x || x->mag > 20 || elements(x) == 0)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (x->dim[i].b)
            return false; /* the mean of no rows is a NaN */
    const struct value *y = twin(g, x);
    gen_assign(g, &scalar, x->mag * x->mag + y->mag * y->mag, "mse(%s, %s)", x->name, y->name);
    return true;
}

static const struct {
    bool (*step)(struct gen *g);
    int weight;
} steps[] = {
    { step_linear, 14 },   { step_matmul, 6 },    { step_matmul_turned, 3 }, { step_matmul_batched, 5 },
    { step_layernorm, 8 }, { step_softmax, 5 },   { step_function, 12 },     { step_binary, 14 },
    { step_fma, 4 },       { step_select, 6 },    { step_reduce, 7 },        { step_argmax, 3 },
    { step_reshape, 6 },   { step_transpose, 6 }, { step_slice, 5 },         { step_concat, 5 },
    { step_cast, 3 },      { step_topk, 4 },      { step_padic, 3 },         { step_combine, 4 },
    { step_mse, 2 },       { step_turned, 6 },    { step_axis_sum, 4 },      { step_input, 2 },
    { step_long, 2 },      { random_ints, 14 },   { random_masked, 5 },      { random_siblings, 5 },
    { random_moved, 5 },
};

static bool random_step(struct gen *g)
{
    int total = 0;
    int n = (int)(sizeof steps / sizeof *steps);
    for (int i = 0; i < n; i++)
        total += steps[i].weight;
    int at = gen_range(g, 0, total - 1);
    int i = 0;
    while (at >= steps[i].weight)
        at -= steps[i++].weight;
    bool used[MAX_VALUES];
    int before = g->n;
    for (int k = 0; k < before; k++)
        used[k] = g->v[k].used;
    if (steps[i].step(g))
        return true;
    for (int k = 0; k < before; k++)
        g->v[k].used = used[k]; /* it was looked at and left */
    return false;
}

/* A view as an output of its own, at times with its type declared. */
static void put_viewed(struct gen *g, const struct value *x)
{
    struct value out = *x;
    bool turned = x->rank >= 2 && gen_chance(g, 50);
    for (int i = 0; turned && i < x->rank; i++)
        out.dim[i] = x->dim[x->rank - 1 - i];
    if (!turned)
        out.dim[out.rank++] = (struct dim){ 1, false };
    fputs("output ", g->to);
    fprintf(g->to, "%s_seen", x->name);
    if (gen_chance(g, 40)) {
        fprintf(g->to, ": %s", x->dtype == DT_FLOAT && gen_chance(g, 50) ? "f32" : dtype_name(x->dtype));
        gen_put_shape(g->to, &out);
    }
    fprintf(g->to, turned ? " = transpose(%s, [" : " = reshape(%s, ", x->name);
    if (!turned)
        gen_put_shape(g->to, &out);
    for (int i = x->rank - 1; turned && i >= 0; i--)
        fprintf(g->to, "%d%s", i, i ? ", " : "]");
    fputs(")\n", g->to);
}

/* What nobody uses is an output, as it is or through a view, and so is, at times, what somebody does. */
static void put_outputs(struct gen *g)
{
    for (int i = 0; i < g->n; i++) {
        const struct value *x = &g->v[i];
        bool asked = !x->used || (i > 1 && gen_chance(g, 8));
        if (asked && x->rank < MAX_DIMS && gen_chance(g, 25))
            put_viewed(g, x);
        else if (asked)
            fprintf(g->to, "output %s\n", x->name);
    }
}

/* loss = the sum of a weighted sum of each float that nobody uses. */
static void put_loss(struct gen *g)
{
    char *loss = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&loss, &size);
    int n = g->n;
    const char *plus = "";
    BUG_IF(!to, "out of memory");
    for (int i = 0; i < n && g->n < MAX_VALUES; i++) {
        const struct value *x = &g->v[i];
        if (x->used || !is_float(x))
            continue;
        const struct value *r = input(g, x, -1, 1);
        fprintf(to, "%s%s%s * %s", plus, x->rank ? "sum(" : "", x->name, r->name);
        for (int k = 0; k < x->rank; k++)
            fprintf(to, "%s%d", k ? ", " : ", axis=[", k);
        fputs(x->rank ? "])" : "", to);
        plus = " + ";
    }
    BUG_IF(fclose(to), "out of memory");
    if (*loss)
        fprintf(g->to, "loss = %s\n", loss);
    free(loss);
}

static const char *drawn(struct arena *a, uint64_t seed, bool loss)
{
    char *text = NULL;
    size_t size = 0;
    struct gen *g = calloc(1, sizeof *g);
    BUG_IF(!g || !(g->to = open_memstream(&text, &size)), "out of memory");
    g->rnd = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    fprintf(g->to, "graph random%llu\ndim B\n", (unsigned long long)seed);
    while (!step_input(g)) {
    }
    int length = gen_range(g, 3, 9);
    for (int made = 0, tries = 0; made < length && tries < 200 && g->n < MAX_VALUES - 8; tries++)
        made += random_step(g);
    put_outputs(g);
    if (loss)
        put_loss(g);
    BUG_IF(fclose(g->to), "out of memory");
    const char *kept = arena_strndup(a, text, size);
    free(text);
    free(g);
    return kept;
}

const char *random_graph_text(struct arena *a, uint64_t seed) { return drawn(a, seed, false); }
const char *random_loss_text(struct arena *a, uint64_t seed) { return drawn(a, seed, true); }
