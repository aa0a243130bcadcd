/* Random uses of every op, for comparison with another program: a JSON object a line, with operands, attributes, a
   weight r for each element of the result, the result y in real numbers, and the gradients of Σ r·y by the operands.
   Numbers are C99 hexadecimal, or nan, inf, -inf.

   usage: op_cases [CASES] [OP...]       CASES of each op (50 if not given); of every second one, some elements are
                                         zeros, infinities, NaN, subnormals, huge numbers or ties */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/row.h"
#include "passes/pass.h"
#include "tests/support/op_case.h"
#include "tests/support/support.h"

enum { MOST_ELEMENTS = 2000 };

static void put_number(double x)
{
    if (isnan(x))
        fputs("\"nan\"", stdout);
    else if (isinf(x))
        fputs(x > 0 ? "\"inf\"" : "\"-inf\"", stdout);
    else
        printf("\"%a\"", x);
}

static void put_tensor(const char *key, const struct view *v)
{
    printf("\"%s\":{\"dtype\":\"%s\",\"shape\":[", key, dtype_name(v->dtype));
    for (int i = 0; i < v->rank; i++)
        printf("%s%lld", i ? "," : "", (long long)v->dim[i]);
    fputs("],\"data\":[", stdout);
    for (int64_t i = 0; i < v->count; i++) {
        if (i)
            putchar(',');
        if (dtype_is_float(v->dtype))
            put_number(v->v[i].d);
        else
            printf("%lld", (long long)v->v[i].i);
    }
    fputs("]}", stdout);
}

static void put_attr(const struct op_case *c, int i)
{
    const struct attr_def *d = &c->op->call.attrs[i];
    const struct attr *a = node_attr(c->node, i);
    printf("%s\"%s\":", i ? "," : "", d->name);
    switch (d->kind) {
    case ATTR_INT: printf("%lld", (long long)a->i); return;
    case ATTR_BOOL: fputs(a->i ? "true" : "false", stdout); return;
    case ATTR_DTYPE: printf("\"%s\"", dtype_name((enum dtype)a->i)); return;
    case ATTR_FLOAT: put_number(a->f); return;
    case ATTR_INTS:
    case ATTR_DIMS:
        putchar('[');
        for (int k = 0; k < a->n; k++) {
            int64_t value = d->kind == ATTR_INTS ? a->ints[k] : 0;
            if (d->kind == ATTR_DIMS)
                index_const_value(a->dims[k], &value);
            printf("%s%lld", k ? "," : "", (long long)value);
        }
        putchar(']');
        return;
    }
}

/* Puts special numbers among the operands, and equal ones next to each other. */
static void spoil(struct op_case *c, uint64_t *rnd)
{
    static const double special[] = { 0, -0.0, INFINITY, -INFINITY, NAN, 1, -1, 0.5, 0x1p-1060, 1e150, -1e150 };
    for (int k = 0; k < c->sample.n_in; k++) {
        struct view *v = &c->value[k];
        for (int64_t i = 0; i < v->count && dtype_is_float(v->dtype); i++) {
            int64_t how = rnd_range(rnd, 0, 9);
            if (how == 0)
                v->v[i].d = special[rnd_range(rnd, 0, (int64_t)(sizeof special / sizeof *special) - 1)];
            else if (how == 1 && i)
                v->v[i].d = v->v[i - 1].d;
        }
    }
}

static struct view weights(struct op_case *c, uint64_t *rnd, struct node **r)
{
    struct type t = c->node->type;
    t.dtype = DT_FLOAT;
    struct attr a[] = { { .n = t.rank, .dims = t.dim }, { .i = DT_FLOAT }, { .f = -INFINITY }, { .f = INFINITY } };
    *r = graph_add(c->g, op_find("input"), NULL, 0, a, NOWHERE);
    struct view v = op_walk_view(c->s->run, &t);
    for (int64_t i = 0; i < v.count; i++)
        v.v[i].d = 0.25 + rnd_unit(rnd);
    return v;
}

/* Adds the gradients of Σ r·y as outputs "grad:x0", …; false if y is no float. */
static bool differentiate(struct op_case *c, struct node *r)
{
    static const char *const pipeline[] = { "infer", "autodiff", "contracts", NULL };
    struct pass_ctx ctx = pass_ctx_for(c->s, target_find("gfx90a"));
    struct builder b = build_at(c->g, c->node);
    int64_t axes[MAX_RANK];
    if (!dtype_is_float(c->node->type.dtype))
        return false;
    for (int i = 0; i < c->node->type.rank; i++)
        axes[i] = i;
    for (int k = 0; k < c->sample.n_in; k++)
        c->in[k]->name = arena_printf(c->s->run, "x%d", k);
    c->g->loss = build_sum(&b, build2(&b, "mul", c->node, r), axes, c->node->type.rank, false);
    ctx.gradients = (struct gradients){ .of_inputs = true, .where_they_reach = true, .scale = 1 };
    return passes_run(c->g, &ctx, pipeline, NULL);
}

static void put_case(struct op_case *c, uint64_t *rnd)
{
    struct node *r;
    struct op_walk w;
    struct view of_r = weights(c, rnd, &r);
    bool grads = differentiate(c, r);
    op_case_begin(c, &w);
    op_walk_bind(&w, r, of_r, NULL);
    op_walk_run(&w);
    printf("{\"op\":\"%s\",\"attrs\":{", c->op->call.name);
    for (int i = 0; i < c->op->call.n_attrs; i++)
        put_attr(c, i);
    fputs("},\"in\":[", stdout);
    for (int k = 0; k < c->sample.n_in; k++) {
        fputs(k ? ",{" : "{", stdout);
        put_tensor("x", &c->value[k]);
        putchar('}');
    }
    fputs("],", stdout);
    put_tensor("r", &of_r);
    putchar(',');
    put_tensor("y", &w.value[c->node->id]);
    fputs(",\"grads\":{", stdout);
    const char *sep = "";
    for (size_t i = 0; grads && i < c->g->n_outs; i++) {
        if (strncmp(c->g->outs[i].name, "grad:x", 6))
            continue;
        fputs(sep, stdout);
        put_tensor(c->g->outs[i].name + 6, &w.value[c->g->outs[i].node->id]);
        sep = ",";
    }
    fputs("}}\n", stdout);
}

static int64_t elements(const struct op_case *c)
{
    int64_t most = 0;
    for (int k = 0; k < c->sample.n_in; k++)
        most = c->value[k].count > most ? c->value[k].count : most;
    return most;
}

static void put_op(const struct op_def *op, int cases)
{
    uint64_t rnd = 17;
    struct session *s = session_begin();
    for (const char *p = op->call.name; *p; p++)
        rnd = rnd * 31 + (uint64_t)*p;
    for (int i = 0; i < cases;) {
        struct op_case c;
        op_case_make(&c, s, op, &rnd);
        BUG_IF(!c.node, "%s refuses its own sample", op->call.name);
        if (i % 2)
            spoil(&c, &rnd);
        if (elements(&c) <= MOST_ELEMENTS) {
            put_case(&c, &rnd);
            i++;
        }
        graph_free(c.g);
    }
    session_end(s);
}

int main(int argc, char **argv)
{
    int cases = argc > 1 ? atoi(argv[1]) : 50;
    for (int i = 0; op_at(i); i++) {
        const struct op_def *op = op_at(i);
        bool wanted = argc < 3;
        for (int k = 2; k < argc; k++)
            wanted |= !strcmp(argv[k], op->call.name);
        if (wanted && op->class != CLS_SOURCE && op->class != CLS_EFFECT)
            put_op(op, cases);
    }
    return 0;
}
