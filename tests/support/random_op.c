#include <stdlib.h>
#include <string.h>

#include "tests/support/random_graph.h"

static void put_type(FILE *to, const struct type *t, enum dtype as)
{
    fprintf(to, "%s[", dtype_name(as));
    for (int i = 0; i < t->rank; i++) {
        int64_t k = 0;
        BUG_IF(!index_const_value(t->dim[i], &k), "a drawn dimension is not constant");
        fprintf(to, "%s%lld", i ? ", " : "", (long long)k);
    }
    fputc(']', to);
}

/* Operand i under the name x{i}: an input; integers by a cast of an f32, booleans by a comparison. */
static void put_operand(FILE *to, const struct sample *d, int i)
{
    enum dtype t = d->in[i].dtype;
    bool plain = dtype_is_float(t) && t != DT_F64;
    double hi = t == DT_I32 || t == DT_I64 ? d->hi[i] + 0.99 : d->hi[i];
    fprintf(to, "input %c%d: ", plain ? 'x' : 'u', i);
    put_type(to, &d->in[i], plain ? t : DT_F32);
    fprintf(to, " where %.9g <= %c%d <= %.9g\n", d->lo[i], plain ? 'x' : 'u', i, hi);
    if (t == DT_BOOL)
        fprintf(to, "x%d = greater(u%d, 0.5)\n", i, i);
    else if (!plain)
        fprintf(to, "x%d = cast(u%d, %s)\n", i, i, dtype_name(t));
}

static void put_attr(FILE *to, struct arena *a, const struct attr_def *def, const struct attr *v)
{
    fprintf(to, "%s=", def->name);
    switch (def->kind) {
    case ATTR_INT: fprintf(to, "%lld", (long long)v->i); return;
    case ATTR_FLOAT: fprintf(to, "%#.9g", v->f); return;
    case ATTR_BOOL: fputs(v->i ? "true" : "false", to); return;
    case ATTR_DTYPE: fputs(dtype_name((enum dtype)v->i), to); return;
    case ATTR_INTS:
    case ATTR_DIMS:
        for (int i = 0; i < v->n; i++) {
            fputs(i ? ", " : "[", to);
            if (def->kind == ATTR_INTS)
                fprintf(to, "%lld", (long long)v->ints[i]);
            else
                fputs(index_text(a, v->dims[i]), to);
        }
        fputs(v->n ? "]" : "[]", to);
        return;
    }
}

struct one_op {
    uint64_t seed;
    const enum dtype *as;
    int n_as;
    int64_t longest;
    bool wide, loss;
};

/* With limits of many bits, drawn numbers have all bits of an f32, and their sums round. */
static void cut_ranges(struct sample *d)
{
    for (int i = 0; i < d->n_in; i++)
        if (dtype_is_float(d->in[i].dtype)) {
            double range = d->hi[i] - d->lo[i];
            d->lo[i] += 0.013 * range;
            d->hi[i] -= 0.017 * range;
        }
}

static const char *text_of(struct session *s, const struct op_def *op, const struct one_op *how)
{
    bool bound_source = op->class == CLS_SOURCE && !op->kernel.at;
    if (!op->sample || op->class == CLS_EFFECT || bound_source)
        return NULL;
    char *text = NULL;
    size_t size = 0;
    uint64_t rnd = how->seed * UINT64_C(0x2545f4914f6cdd1d) + 3;
    struct sample d = { .rnd = &rnd, .s = s, .longest = how->longest };
    for (int i = 0; i < op->call.n_attrs; i++)
        d.attrs[i] = op->call.attrs[i].value;
    op->sample(&d);
    for (int i = 0; i < d.n_in && how->n_as; i++)
        d.in[i].dtype = how->as[i % how->n_as];
    if (how->longest)
        cut_ranges(&d);
    for (int i = 0; i < d.n_in && how->wide && op->class != CLS_CONTRACT; i++)
        if (dtype_is_float(d.in[i].dtype))
            d.in[i].dtype = DT_F32;
    FILE *to = open_memstream(&text, &size);
    BUG_IF(!to, "out of memory");
    fprintf(to, "graph one_%s_%llu\n", op->call.name, (unsigned long long)how->seed);
    for (int i = 0; i < d.n_in; i++)
        put_operand(to, &d, i);
    fprintf(to, "output y = %s%s(", how->wide ? "cast(" : "", op->call.name);
    for (int i = 0; i < d.n_in; i++)
        fprintf(to, "%sx%d", i ? ", " : "", i);
    for (int i = 0; i < op->call.n_attrs; i++) {
        if (i || d.n_in)
            fputs(", ", to);
        put_attr(to, s->run, &op->call.attrs[i], &d.attrs[i]);
    }
    fputs(how->wide ? "), f32)\n" : ")\n", to);
    if (how->loss)
        fputs("flat = reshape(y, [-1])\nloss = sum(flat * flat)\n", to);
    BUG_IF(fclose(to), "out of memory");
    const char *kept = arena_strndup(s->run, text, size);
    free(text);
    return kept;
}

const char *random_op_text(struct session *s, const struct op_def *op, uint64_t seed)
{
    return text_of(s, op, &(struct one_op){ .seed = seed });
}

const char *random_op_text_of(struct session *s, const struct op_def *op, uint64_t seed, const enum dtype *as, int n_as)
{
    return text_of(s, op, &(struct one_op){ .seed = seed, .as = as, .n_as = n_as });
}

const char *random_op_text_long(struct session *s, const struct op_def *op, uint64_t seed, int64_t longest, bool wide,
                                bool loss)
{
    return text_of(s, op, &(struct one_op){ .seed = seed, .longest = longest, .wide = wide, .loss = loss });
}
