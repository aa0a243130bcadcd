/* mse: the mean of (x − y)² over all elements. */
#include <math.h>

#include "ir/ops/row.h"

static bool mse_infer(struct graph *g, struct node *n)
{
    if (!need_float(g, n, 0) || !need_float(g, n, 1) || !need_shape_of_first(g, n, 1))
        return false;
    n->type = (struct type){ .dtype = DT_FLOAT };
    return true;
}

static void mse_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct facts *y = fact(c, 1);
    double far = facts_up(fmax(x->hi - y->lo, y->hi - x->lo));
    double hi = facts_up(far * far);
    facts_set(c, 0, hi, false, false);
    /* The mean of no elements is a NaN. A sum of squares beyond f32's range is an infinity. */
    int64_t n;
    bool some = index_const_value(type_count(c->g->s, &c->n->in[0]->type), &n) && n > 0;
    c->out->finite = some && x->finite && y->finite && hi * (double)n < dtype_table[DT_F32].max;
}

static void mse_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                      struct box *in)
{
    (void)out;
    const struct type *t = &n->in[operand]->type;
    *in = (struct box){ .rank = t->rank };
    for (int i = 0; i < t->rank; i++)
        in->hi[i] = dims_eval(dims, t->dim[i]) - 1;
}

static void mse_work(struct session *s, const struct node *n, struct work *w)
{
    w->macs = w->sum_length = type_count(s, &n->in[0]->type);
}

static void mse_eval(struct ev *c)
{
    int64_t n = c->in[0].count;
    for (size_t r = 0; r < c->n_runs; r++) {
        if (c->runs[r].lo >= c->runs[r].hi)
            continue;
        struct n_sum t = n_sum_begin(c);
        for (int64_t i = 0; i < n; i++) {
            NUM d = n_sub(c, c->in[0].v[i], c->in[1].v[i]);
            n_sum_add(&t, n_mul(c, d, d));
        }
        n_store(c, 0, n_div(c, n_sum_end(&t), n_of_int(c, n)));
    }
}

static struct node *mse_expand(struct builder *b, struct node *n)
{
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *d = build2(b, "sub", n->in[0], n->in[1]);
    struct node *squares = build2(b, "mul", d, d);
    struct type flat = { .dtype = DT_FLOAT, .rank = 1, .dim = { type_count(b->g->s, &n->in[0]->type) } };
    struct node *mean = build1(b, "mean", build_reshape(b, squares, &flat));
    b->keep_f32 = keep;
    return mean;
}

static void mse_sample(struct sample *d) { sample_same(d, 2, -2, 2); }

/* dx = gy·2·(x − y)/n and dy = −dx, where n is the number of elements. */
static struct node *mse_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[operand];
    struct node *y = n->in[1 - operand];
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *each = build2(b, "div", build2(b, "mul", gy, build_scalar(b, 2)), build_extent(b, &x->type));
    b->keep_f32 = keep;
    return build2(b, "mul", build2(b, "sub", x, y), each);
}

const struct op_def op_mse = {
    .call = {
        .name = "mse",
        .doc = "mean of the squared differences of all elements",
        .operands = { { .name = "x" }, { .name = "y" } },
    },
    .class = CLS_REDUCE,
    .keep_f32 = true,
    .type = { .infer = mse_infer, .contract = mse_contract },
    .reference = { .needs = mse_needs, .work = mse_work, .eval = mse_eval },
    .kernel = { .expand = mse_expand },
    .gradient = mse_grad,
    .sample = mse_sample,
};
