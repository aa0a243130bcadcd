/* Losses, each a scalar. mse, huber and bce are means over elements. cross_entropy is a mean over rows. */
#include <math.h>

#include "ir/ops/gather.h"
#include "ir/ops/integer.h"

/* ---- what the means share ---- */
static void loss_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                       struct box *in)
{
    (void)out;
    const struct type *t = &n->in[operand]->type;
    *in = (struct box){ .rank = t->rank };
    for (int i = 0; i < t->rank; i++)
        in->hi[i] = dims_eval(dims, t->dim[i]) - 1;
}

static void loss_work(struct session *s, const struct node *n, struct work *w)
{
    w->macs = w->sum_length = type_count(s, &n->in[0]->type);
}

static bool loss_infer(struct graph *g, struct node *n)
{
    if (!need_float(g, n, 0) || !need_float(g, n, 1) || !need_shape_of_first(g, n, 1))
        return false;
    n->type = (struct type){ .dtype = DT_FLOAT };
    return true;
}

/* Sets the facts of a mean of n terms in lo..hi. It is finite if n > 0 and no f32 sum of the terms overflows. */
static void loss_facts(struct contract *c, double lo, double hi, const struct index *n, bool finite)
{
    int64_t k;
    bool some = index_const_value(n, &k) && k > 0;
    facts_set(c, lo, hi, false, false);
    c->out->finite = finite && some && fmax(-lo, hi) * (double)k < dtype_table[DT_F32].max;
}

static struct node *mean_of_all(struct builder *b, struct node *x)
{
    if (!x)
        return NULL;
    struct type flat = { .dtype = DT_FLOAT, .rank = 1, .dim = { type_count(b->g->s, &x->type) } };
    return build1(b, "mean", build_reshape(b, x, &flat));
}

/* Returns gy / n, where n is the number of elements of shape t. This is the gradient of each term of a mean. */
static struct node *each_term(struct builder *b, struct node *gy, const struct type *t)
{
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *each = build2(b, "div", gy, build_extent(b, t));
    b->keep_f32 = keep;
    return each;
}

typedef NUM term_fn(const struct ev *c, int64_t i);

/* Stores the mean of term(c, 0), …, term(c, n − 1). */
static void eval_mean(struct ev *c, int64_t n, term_fn *term)
{
    for (size_t r = 0; r < c->n_runs; r++) {
        if (c->runs[r].lo >= c->runs[r].hi)
            continue;
        struct n_sum t = n_sum_begin(c);
        for (int64_t i = 0; i < n; i++)
            n_sum_add(&t, term(c, i));
        n_store(c, 0, n_div(c, n_sum_end(&t), n_of_int(c, n)));
    }
}

/* ---- mse ---- */
static void mse_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct facts *y = fact(c, 1);
    double far = facts_up(fmax(x->hi - y->lo, y->hi - x->lo));
    loss_facts(c, 0, facts_up(far * far), type_count(c->g->s, &c->n->in[0]->type), x->finite && y->finite);
}

static NUM mse_term(const struct ev *c, int64_t i)
{
    NUM d = n_sub(c, c->in[0].v[i], c->in[1].v[i]);
    return n_mul(c, d, d);
}

static void mse_eval(struct ev *c) { eval_mean(c, c->in[0].count, mse_term); }

static struct node *mse_expand(struct builder *b, struct node *n)
{
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *d = build2(b, "sub", n->in[0], n->in[1]);
    struct node *mean = mean_of_all(b, build2(b, "mul", d, d));
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
    struct node *twice = build2(b, "mul", gy, build_scalar(b, 2));
    b->keep_f32 = keep;
    return build2(b, "mul", build2(b, "sub", x, y), each_term(b, twice, &x->type));
}

const struct op_def op_mse = {
    .call = {
        .name = "mse",
        .doc = "mean of the squared differences of all elements",
        .about = {
            .shapes = "x [..], y [..] -> []",
            .formula = "mean over i of (x_i - y_i)^2; a NaN if there are no elements",
            .source = "as PyTorch's mse_loss",
            .gradient = "gy * 2 (x - y) / n to x, its negative to y, for n elements",
        },
        .operands = { { .name = "x" }, { .name = "y" } },
    },
    .class = CLS_REDUCE,
    .keep_f32 = true,
    .type = { .infer = loss_infer, .contract = mse_contract },
    .reference = { .needs = loss_needs, .work = loss_work, .eval = mse_eval },
    .kernel = { .expand = mse_expand },
    .gradient = mse_grad,
    .sample = mse_sample,
};

/* ---- huber ---- */
static const struct attr_def huber_attrs[] = {
    { "delta", ATTR_FLOAT, false, { .f = 1 }, "the difference at which the loss becomes linear" }
};
static double delta_of(const struct node *n) { return node_attr(n, 0)->f; }

static void huber_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct facts *y = fact(c, 1);
    double delta = delta_of(c->n);
    bool holds = delta > 0 && isfinite(delta);
    contract_need_attr(c, holds, holds ? "delta > 0" : arena_printf(c->g->arena, "delta > 0, but delta is %g", delta));
    double far = facts_up(fmax(x->hi - y->lo, y->hi - x->lo));
    double bend = fmin(far, fabs(delta));
    loss_facts(c, 0, facts_up(facts_up(bend * far)), type_count(c->g->s, &c->n->in[0]->type), x->finite && y->finite);
}

/* With d = |x − y|: ½d² up to delta; beyond, ½delta² + delta·(d − delta). */
static NUM huber_term(const struct ev *c, int64_t i)
{
    NUM delta = n_const(c, delta_of(c->n));
    NUM d = n_abs(c, n_sub(c, c->in[0].v[i], c->in[1].v[i]));
    NUM bend = n_min(c, d, delta);
    return n_add(c, n_mul(c, n_const(c, 0.5), n_mul(c, bend, bend)), n_mul(c, delta, n_sub(c, d, bend)));
}

static void huber_eval(struct ev *c) { eval_mean(c, c->in[0].count, huber_term); }

/* With a = min(|d|, delta), a·(|d| − a/2) is ½d² up to delta and delta·(|d| − delta/2) beyond. */
static struct node *huber_expand(struct builder *b, struct node *n)
{
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *d = build1(b, "abs", build2(b, "sub", n->in[0], n->in[1]));
    struct node *a = build2(b, "minimum", d, build_scalar(b, delta_of(n)));
    struct node *term = build2(b, "mul", a, build2(b, "sub", d, build2(b, "mul", a, build_scalar(b, 0.5))));
    struct node *mean = mean_of_all(b, term);
    b->keep_f32 = keep;
    return mean;
}

static void huber_sample(struct sample *d)
{
    static const double deltas[] = { 1, 0.5, 2.5 };
    sample_same(d, 2, -2, 2);
    d->attrs[0] = sample_attr_float(deltas[sample_range(d, 0, 2)]);
}

/* dx = gy·clamp(x − y, −delta, delta)/n and dy = −dx. */
static struct node *huber_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[operand];
    double delta = delta_of(n);
    struct node *below = build2(b, "minimum", build2(b, "sub", x, n->in[1 - operand]), build_scalar(b, delta));
    struct node *slope = build2(b, "maximum", below, build_scalar(b, -delta));
    return build2(b, "mul", slope, each_term(b, gy, &x->type));
}

const struct op_def op_huber = {
    .call = {
        .name = "huber",
        .doc = "mean over all elements of a loss that is quadratic near 0 and linear beyond delta",
        .about = {
            .shapes = "x [..], y [..] -> []",
            .formula = "mean over i of (d^2 / 2 if d <= delta, else delta (d - delta / 2)), d = |x_i - y_i|; a NaN if "
                       "there are no elements",
            .source = "Huber, Robust Estimation of a Location Parameter, 1964; as PyTorch's huber_loss",
            .gradient = "gy * min(max(x - y, -delta), delta) / n to x, its negative to y, for n elements",
        },
        .operands = { { .name = "x" }, { .name = "y" } },
        .attrs = huber_attrs,
        .n_attrs = N_ATTRS(huber_attrs),
    },
    .class = CLS_REDUCE,
    .keep_f32 = true,
    .type = { .infer = loss_infer, .contract = huber_contract },
    .reference = { .needs = loss_needs, .work = loss_work, .eval = huber_eval },
    .kernel = { .expand = huber_expand },
    .gradient = huber_grad,
    .sample = huber_sample,
};

/* ---- bce ---- */
static double bce_corner(double x, double t) { return fmax(x, 0) - x * t + log1p(exp(-fabs(x))); }

/* A term is convex in the logit and linear in the target, so its maximum is at a corner of their ranges.
   If 0 <= target <= 1, no term is negative. If target > 1, a term falls as the logit grows; if target < 0, it rises.
   So a negative minimum is at a corner too. */
static void bce_contract(struct contract *c)
{
    const struct facts *x = fact(c, 0);
    const struct facts *t = fact(c, 1);
    bool known = isfinite(x->lo) && isfinite(x->hi) && isfinite(t->lo) && isfinite(t->hi);
    bool fraction = t->lo >= 0 && t->hi <= 1;
    double lo = 0;
    double hi = 0;
    for (int i = 0; i < 4; i++) {
        double y = bce_corner(i & 1 ? x->hi : x->lo, i & 2 ? t->hi : t->lo);
        lo = fmin(lo, y);
        hi = fmax(hi, y);
    }
    double far = fmax(fabs(x->lo), fabs(x->hi)) * (1 + fmax(fabs(t->lo), fabs(t->hi))) + 1;
    double slack = far * 0x1p-46; /* for the rounding of the corners */
    const struct index *n = type_count(c->g->s, &c->n->in[0]->type);
    if (known)
        loss_facts(c, fraction ? 0 : lo - slack, hi + slack, n,
                   x->finite && t->finite && far < dtype_table[DT_F32].max);
    else
        loss_facts(c, fraction ? 0 : -INFINITY, INFINITY, n, false);
}

static NUM bce_term(const struct ev *c, int64_t i)
{
    NUM x = c->in[0].v[i];
    NUM e = n_fn(c, FN_EXP, n_neg(c, n_abs(c, x)));
    NUM linear = n_sub(c, n_max(c, x, n_const(c, 0)), n_mul(c, x, c->in[1].v[i]));
    return n_add(c, linear, n_fn(c, FN_LOG1P, e));
}

static void bce_eval(struct ev *c) { eval_mean(c, c->in[0].count, bce_term); }

static struct node *bce_expand(struct builder *b, struct node *n)
{
    struct node *x = n->in[0];
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *e = build1(b, "exp", build1(b, "neg", build1(b, "abs", x)));
    struct node *bend = build1(b, "log1p", e);
    struct node *linear = build2(b, "sub", build2(b, "maximum", x, build_scalar(b, 0)), build2(b, "mul", x, n->in[1]));
    struct node *mean = mean_of_all(b, build2(b, "add", linear, bend));
    b->keep_f32 = keep;
    return mean;
}

static void bce_sample(struct sample *d)
{
    struct type t = sample_type(d, DT_FLOAT, 0, 3);
    sample_operand(d, 0, &t, -6, 6);
    sample_operand(d, 1, &t, 0, 1);
}

/* dlogits = gy·(sigmoid(logits) − target)/n and dtarget = −gy·logits/n. */
static struct node *bce_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    struct node *x = n->in[0];
    struct node *each = each_term(b, gy, &x->type);
    if (operand == 1)
        return build2(b, "mul", build1(b, "neg", x), each);
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *off = build2(b, "sub", build1(b, "sigmoid", x), n->in[1]);
    b->keep_f32 = keep;
    return build2(b, "mul", off, each);
}

const struct op_def op_bce = {
    .call = {
        .name = "bce",
        .doc = "binary cross-entropy of logits and targets in 0..1, mean over all elements",
        .about = {
            .shapes = "logits [..], target [..] -> []",
            .formula = "mean over i of max(x, 0) - x t + log1p(exp(-|x|)), x = logits_i, t = target_i: "
                       "-t log(p) - (1 - t) log(1 - p) with p = 1 / (1 + exp(-x)); a NaN if there are no elements or "
                       "a logit is infinite",
            .source = "as PyTorch's binary_cross_entropy_with_logits",
            .gradient = "gy * (sigmoid(x) - t) / n to logits, -gy * x / n to target, for n elements",
        },
        .operands = { { .name = "logits" }, { .name = "target" } },
    },
    .class = CLS_REDUCE,
    .keep_f32 = true,
    .type = { .infer = loss_infer, .contract = bce_contract },
    .reference = { .needs = loss_needs, .work = loss_work, .eval = bce_eval },
    .kernel = { .expand = bce_expand },
    .gradient = bce_grad,
    .sample = bce_sample,
};

/* ---- cross_entropy ---- */
static bool has_classes(const struct node *n) { return !dtype_is_float(n->in[1]->type.dtype); }

/* [.., C] -> [..] */
static struct type rows_of(const struct type *logits)
{
    struct type t = *logits;
    t.rank--;
    return t;
}

/* [..] -> [.., 1] */
static struct node *column(struct builder *b, struct node *x)
{
    if (!x)
        return NULL;
    struct type t = x->type;
    t.dim[t.rank++] = index_const(b->g->s->indices, 1);
    return build_reshape(b, x, &t);
}

static bool cross_entropy_infer(struct graph *g, struct node *n)
{
    const struct type *target = &n->in[1]->type;
    if (!need_float(g, n, 0))
        return false;
    if (n->in[0]->type.rank < 1)
        return infer_error(g, n, 0, "must have at least 1 dimension");
    struct type rows = rows_of(&n->in[0]->type);
    n->type = (struct type){ .dtype = DT_FLOAT };
    bool classes = dtype_is_int(target->dtype);
    if (type_same_shape(target, classes ? &rows : &n->in[0]->type) && (classes || dtype_is_float(target->dtype)))
        return true;
    rows.dtype = DT_I64;
    return infer_error(g, n, 1, "must be class indices, %s, or probabilities, %s", type_text(g->arena, &rows),
                       type_text(g->arena, &n->in[0]->type));
}

/* Each log p_j lies in −most..0, where most = max x − min x + log C. */
static void cross_entropy_contract(struct contract *c)
{
    const struct type *logits = &c->n->in[0]->type;
    const struct facts *x = fact(c, 0);
    const struct facts *t = fact(c, 1);
    const struct index *classes = type_last(c->g->s, logits);
    struct type rows = rows_of(logits);
    const struct index *n = type_count(c->g->s, &rows);
    double most = (x->hi - x->lo + log(fmax((double)classes->hi, 1))) * (1 + 0x1p-46);
    if (has_classes(c->n)) {
        need_in_range(c, 1, classes);
        bool named = t->finite && t->lo >= 0 && t->hi < (double)classes->lo;
        loss_facts(c, 0, most, n, named && x->finite);
        return;
    }
    double count = t->sums_to_one && t->lo >= 0 ? 1 : (double)classes->hi;
    double hi = t->hi <= 0 ? 0 : count * t->hi * most * (1 + 0x1p-46);
    double lo = t->lo >= 0 ? 0 : count * t->lo * most * (1 + 0x1p-46);
    loss_facts(c, lo, hi, n, x->finite && t->finite);
}

/* Returns Σ_j t_j·(log Σ_k exp(x_k − m) − (x_j − m)) with m = max_k x_k.
   For a class index, t is 1 at that class, else 0. An index that is no class gives a NaN. */
static NUM cross_entropy_term(const struct ev *c, int64_t row)
{
    int64_t n = c->in[0].last;
    const NUM *x = c->in[0].v + row * n;
    NUM m = n_max_begin(c);
    for (int64_t j = 0; j < n; j++)
        m = n_max_take(c, m, x[j]);
    struct n_sum total = n_sum_begin(c);
    for (int64_t j = 0; j < n; j++)
        n_sum_add(&total, n_fn(c, FN_EXP, n_sub(c, x[j], m)));
    NUM log_total = n_fn(c, FN_LOG, n_sum_end(&total));
    if (has_classes(c->n)) {
        int64_t t = c->in[1].v[row].i;
        return t < 0 || t >= n ? n_const(c, NAN) : n_sub(c, log_total, n_sub(c, x[t], m));
    }
    struct n_sum loss = n_sum_begin(c);
    for (int64_t j = 0; j < n; j++)
        n_sum_add(&loss, n_mul(c, c->in[1].v[row * n + j], n_sub(c, log_total, n_sub(c, x[j], m))));
    return n_sum_end(&loss);
}

static void cross_entropy_eval(struct ev *c)
{
    int64_t rows = 1;
    for (int d = 0; d + 1 < c->in[0].rank; d++)
        rows *= c->in[0].dim[d];
    eval_mean(c, rows, cross_entropy_term);
}

/* x: the logits minus their row's largest [.., C]. log_total: log Σ exp(x) of each row [.., 1]. */
struct shifted {
    struct node *x, *log_total;
};

static struct shifted shifted_of(struct builder *b, struct node *logits)
{
    struct node *x = build2(b, "sub", logits, column(b, build1(b, "max", logits)));
    return (struct shifted){ x, build1(b, "log", column(b, build1(b, "sum", build1(b, "exp", x)))) };
}

/* Builds a bool [.., C]: true at the class that the row's index gives. */
static struct node *is_target(struct builder *b, struct node *n)
{
    struct attr attrs[MAX_ATTRS];
    struct type numbers = n->in[0]->type;
    numbers.dtype = DT_I64;
    op_defaults_of_type(op_find("iota"), &numbers, attrs);
    struct node *index = column(b, build_cast(b, n->in[1], DT_I64));
    return build2(b, "equal", build(b, "iota", NULL, 0, attrs), index);
}

/* Builds x [.., 1] or [.., C] with NaNs in the rows whose index is no class. */
static struct node *where_class(struct builder *b, struct node *n, struct node *x)
{
    const struct type *logits = &n->in[0]->type;
    struct type none = { .dtype = DT_I64 };
    struct node *index = column(b, build_cast(b, n->in[1], DT_I64));
    struct node *classes =
        build(b, "extent", NULL, 0, (struct attr[]){ { .n = 1, .dims = &logits->dim[logits->rank - 1] } });
    struct node *named = build2(b, "logical_and", build2(b, "greater_equal", index, build_const(b, &none, 0)),
                                build2(b, "less", index, classes));
    return build3(b, "select", named, x, build_scalar(b, NAN));
}

static struct node *cross_entropy_expand(struct builder *b, struct node *n)
{
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct shifted s = shifted_of(b, n->in[0]);
    struct node *terms;
    if (has_classes(n)) {
        struct node *chosen = build3(b, "select", is_target(b, n), s.x, build_scalar(b, 0));
        terms = where_class(b, n, build2(b, "sub", s.log_total, column(b, build1(b, "sum", chosen))));
    } else
        terms = build1(b, "sum", build2(b, "mul", n->in[1], build2(b, "sub", s.log_total, s.x)));
    struct node *mean = mean_of_all(b, terms);
    b->keep_f32 = keep;
    return mean;
}

/* For class indices: dlogits = gy·(p − onehot)/rows, with the softmax p. If the index is no class, the row gets NaNs.
   For probabilities t: dlogits = gy·(p·Σ_j t_j − t)/rows, and dtarget = −gy·log p/rows. */
static struct node *cross_entropy_grad(struct builder *b, struct node *n, struct node *gy, int operand)
{
    if (operand == 1 && has_classes(n))
        return NULL;
    struct type rows = rows_of(&n->in[0]->type);
    struct node *each = each_term(b, gy, &rows);
    bool keep = b->keep_f32;
    b->keep_f32 = true;
    struct node *off;
    if (operand == 1) {
        struct shifted s = shifted_of(b, n->in[0]);
        off = build2(b, "sub", s.log_total, s.x);
    } else if (has_classes(n)) {
        struct node *one = build3(b, "select", is_target(b, n), build_scalar(b, 1), build_scalar(b, 0));
        struct node *p = build1(b, "softmax", n->in[0]);
        off = build2(b, "sub", p, where_class(b, n, one));
    } else {
        struct node *mass = column(b, build1(b, "sum", n->in[1]));
        off = build2(b, "sub", build2(b, "mul", build1(b, "softmax", n->in[0]), mass), n->in[1]);
    }
    b->keep_f32 = keep;
    return build2(b, "mul", off, each);
}

static void cross_entropy_sample(struct sample *d)
{
    static const enum dtype dtypes[] = { DT_I32, DT_I64, DT_FLOAT };
    struct type x = sample_type(d, DT_FLOAT, 1, 2);
    enum dtype dtype = dtypes[sample_range(d, 0, 2)];
    bool classes = dtype != DT_FLOAT;
    int64_t n = sample_dim_of(&x, x.rank - 1);
    if (n == 0)
        x.dim[x.rank - 1] = draw_index(d, n = 1);
    struct type t = classes ? rows_of(&x) : x;
    t.dtype = dtype;
    sample_operand(d, 0, &x, -1, 1);
    sample_operand(d, 1, &t, 0, !classes ? 1 : (double)n - 1);
}

const struct op_def op_cross_entropy = {
    .call = {
        .name = "cross_entropy",
        .doc = "cross-entropy of the softmax of logits and a target: an integer target holds class "
               "indices, a float one probabilities; mean over rows",
        .about = {
            .shapes = "logits [.., C], target [..] of class indices or [.., C] of probabilities -> []",
            .formula = "mean over rows of sum_j t_j (log sum_k exp(x_k - m) - (x_j - m)), m = max_k x_k; for class "
                       "index c: log sum_k exp(x_k - m) - (x_c - m). An index outside 0..C-1, or no rows: a NaN",
            .source = "as PyTorch's cross_entropy, without ignore_index and weights",
            .gradient = "for n rows and p = softmax(logits), logits: gy * (p sum_j t_j - t) / n, where an index c "
                        "stands for its one-hot row t, which is NaN if c is out of range; target: -gy * log(p) / n "
                        "for probabilities, none for indices",
        },
        .operands = { { .name = "logits" }, { .name = "target" } },
    },
    .class = CLS_REDUCE,
    .keep_f32 = true,
    .type = { .infer = cross_entropy_infer, .contract = cross_entropy_contract },
    .reference = { .needs = loss_needs, .work = loss_work, .eval = cross_entropy_eval },
    .kernel = { .expand = cross_entropy_expand },
    .gradient = cross_entropy_grad,
    .sample = cross_entropy_sample,
};
