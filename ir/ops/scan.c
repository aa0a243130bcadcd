/* cumsum: running sums along one dimension. */
#include "ir/ops/integer.h"
#include "ir/ops/line.h"
#include "ir/ops/reduction.h"

static const struct attr_def cumsum_attrs[] = {
    { "axis", ATTR_INT, false, { .i = -1 }, "the dimension along which sums run; the last one if not given" },
    { .name = "exclusive", .kind = ATTR_BOOL, .doc = "y_k leaves x_k out: the sum of the elements before it" },
    { .name = "reverse", .kind = ATTR_BOOL, .doc = "sums run from the last element to the first" },
};

static struct scan_form form_of(const struct node *n)
{
    return (struct scan_form){ node_attr(n, 1)->i, node_attr(n, 2)->i };
}

static bool cumsum_infer(struct graph *g, struct node *n)
{
    enum dtype t = n->in[0]->type.dtype;
    if ((!dtype_is_int(t) && !need_float(g, n, 0)) || !need_axis_attr(g, n))
        return false;
    n->type = n->in[0]->type;
    n->type.dtype = dtype_is_int(t) ? t : DT_FLOAT;
    return true;
}

/* The terms of result k, in order of addition: the row's first n elements, or its last n if sums are reversed. */
struct prefix {
    int64_t n, first, step;
};

static struct prefix prefix_of(const struct node *n, const struct line *l, int64_t k)
{
    bool reverse = form_of(n).reverse;
    struct prefix p = { .first = l->first, .step = l->stride };
    p.n = (reverse ? l->n - k : k + 1) - form_of(n).exclusive;
    if (reverse) {
        p.first += (l->n - 1) * l->stride;
        p.step = -p.step;
    }
    return p;
}

static void no_row(void *ctx, const struct line *l, NUM *shared)
{
    (void)ctx;
    (void)l;
    (void)shared;
}

/* ---- eval ---- */
static void cumsum_result(void *ctx, const struct line *l, int64_t i, int64_t k, const NUM *shared)
{
    struct ev *c = ctx;
    struct prefix p = prefix_of(c->n, l, k);
    const NUM *x = c->in[0].v + p.first;
    (void)shared;
    if (dtype_is_int(c->out.dtype)) {
        uint64_t sum = 0;
        for (int64_t j = 0; j < p.n; j++)
            sum += (uint64_t)x[j * p.step].i;
        n_store_i(c, i, int_wrapped(c->out.dtype, sum));
        return;
    }
    struct n_sum sum = n_sum_begin(c);
    for (int64_t j = 0; j < p.n; j++)
        n_sum_add(&sum, x[j * p.step]);
    n_store(c, i, n_sum_end(&sum));
}

static void cumsum_eval(struct ev *c) { each_line(c, &(struct line_fns){ no_row, cumsum_result }, c); }

/* ---- bound ---- */
static double float_error(const struct bd *b, const struct prefix *p)
{
    struct summands sum = { 0 };
    for (int64_t j = 0; j < p->n; j++) {
        int64_t at = p->first + j * p->step;
        summands_add(&sum, b->v.in[0].v[at].d, bd_operand(b, 0, at));
    }
    return summands_error(b, &sum);
}

static double int_error(const struct bd *b, const struct prefix *p, int64_t sum)
{
    double err = 0;
    for (int64_t j = 0; j < p->n; j++)
        err += bd_operand(b, 0, p->first + j * p->step);
    return int_sum_error(b, sum, err);
}

static void cumsum_error(void *ctx, const struct line *l, int64_t i, int64_t k, const NUM *shared)
{
    struct bd *b = ctx;
    struct prefix p = prefix_of(b->v.n, l, k);
    (void)shared;
    b->e_out[i] = dtype_is_int(b->v.out.dtype) ? int_error(b, &p, b->v.out.v[i].i) : float_error(b, &p);
}

static void cumsum_bound(struct bd *b) { each_line(&b->v, &(struct line_fns){ no_row, cumsum_error }, b); }

static void cumsum_contract(struct contract *c)
{
    sum_facts(c, form_of(c->n).exclusive ? 0 : 1, (double)c->n->in[0]->type.dim[op_axis(c->n)]->hi);
}

static void cumsum_work(struct session *s, const struct node *n, struct work *w)
{
    (void)s;
    w->sum_length = n->in[0]->type.dim[op_axis(n)];
}

/* An element is a term of all later sums, so its gradient is a sum that runs the other way. */
static struct node *cumsum_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    (void)operand;
    return build(b, "cumsum", &gy, 1, (struct attr[]){ n->attrs[0], n->attrs[1], { .i = !form_of(n).reverse } });
}

static void cumsum_sample(struct sample *d)
{
    static const enum dtype dtypes[] = { DT_FLOAT, DT_FLOAT, DT_F32, DT_F16, DT_I32, DT_I64 };
    struct type t = sample_type(d, dtypes[sample_range(d, 0, 5)], 1, 3);
    double reach = t.dtype == DT_I32 ? 0x1p31 - 1 : t.dtype == DT_I64 ? 0x1.fffffffffffffp62 : 4;
    sample_operand(d, 0, &t, -reach, reach);
    d->attrs[0] = sample_attr_int(sample_range(d, 0, 1) ? -1 : sample_range(d, -t.rank, t.rank - 1));
    d->attrs[1] = sample_attr_int(sample_range(d, 0, 1));
    d->attrs[2] = sample_attr_int(sample_range(d, 0, 1));
}

const struct op_def op_cumsum = {
    .call = {
        .name = "cumsum",
        .doc = "running sums along one dimension; integers wrap",
        .about = {
            .shapes = "x [.., n, ..] -> [.., n, ..]",
            .formula = "y_i = x_0 + ... + x_i; exclusive: without x_i; reverse: y_i = x_i + ... + x_(n-1)",
            .source = "NumPy, cumsum",
            .gradient = "the cumsum of gy in the other direction",
        },
        .operands = { { .name = "x" } },
        .attrs = cumsum_attrs,
        .n_attrs = N_ATTRS(cumsum_attrs),
    },
    .class = CLS_SCAN,
    .keep_f32 = true,
    .type = { .infer = cumsum_infer, .contract = cumsum_contract },
    .reference = { .work = cumsum_work, .eval = cumsum_eval, .bound = cumsum_bound },
    .kernel = { .scan = form_of },
    .gradient = cumsum_grad,
    .sample = cumsum_sample,
};
