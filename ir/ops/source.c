/* Ops without operands. Inputs, labels and parameters get their data at run time; the others compute theirs. */
#include "ir/ops/row.h"

enum { DIMS, DTYPE, THIRD, FOURTH }; /* attribute numbers; most ops here begin with dims and dtype */
#define DIMS_DTYPE                                                                                                     \
    { .name = "dims", .kind = ATTR_DIMS, .required = true, .doc = "its shape" },                                       \
    {                                                                                                                  \
        .name = "dtype", .kind = ATTR_DTYPE, .required = true, .doc = "dtype of its elements"                          \
    }

static bool source_infer(struct graph *g, struct node *n)
{
    const struct attr *dims = node_attr(n, DIMS);
    int64_t dtype = node_attr(n, DTYPE)->i;
    if (dtype < 0 || dtype >= DT_COUNT)
        return infer_error(g, n, -1, "no dtype has the number %lld", (long long)dtype);
    set_type(n, (enum dtype)dtype, dims->n, dims->dims);
    return true;
}

static enum dtype sample_dims_dtype(struct sample *d, int rank_lo)
{
    static const enum dtype dtypes[] = { DT_FLOAT, DT_F32, DT_F16, DT_I64 };
    enum dtype dtype = dtypes[sample_range(d, 0, 3)];
    struct type t = sample_type(d, dtype, rank_lo, 3);
    d->attrs[DIMS] = sample_attr_dims_of(d, &t);
    d->attrs[DTYPE] = sample_attr_int(dtype);
    return dtype;
}

/* ---- input, label ---- */
static const struct attr_def input_attrs[] = {
    DIMS_DTYPE,
    { .name = "lo", .kind = ATTR_FLOAT, .value = { .f = -INFINITY }, .doc = "no element is below" },
    { .name = "hi", .kind = ATTR_FLOAT, .value = { .f = INFINITY }, .doc = "no element is above" },
};

static bool input_infer(struct graph *g, struct node *n)
{
    double lo = node_attr(n, THIRD)->f;
    double hi = node_attr(n, FOURTH)->f;
    if (!(lo <= hi))
        return infer_error(g, n, -1, "its range is empty: no number is at least %g and at most %g", lo, hi);
    return source_infer(g, n);
}

/* Data outside lo..hi is rejected, so elements are finite if the range is. */
static void input_contract(struct contract *c)
{
    double lo = node_attr(c->n, THIRD)->f;
    double hi = node_attr(c->n, FOURTH)->f;
    bool integer = !dtype_is_float(c->n->type.dtype);
    if (c->n->type.dtype == DT_BOOL) {
        lo = 0;
        hi = 1;
    }
    facts_set(c, lo, hi, integer || (isfinite(lo) && isfinite(hi)), integer);
    c->out->exact = true;
}

static void input_sample(struct sample *d)
{
    sample_dims_dtype(d, 0);
    d->attrs[THIRD] = sample_attr_float(-1);
    d->attrs[FOURTH] = sample_attr_float(1);
}

const struct op_def op_input = {
    .call = {
        .name = "input",
        .doc = "data given to a run",
        .about = { .shapes = "-> dims",
                   .formula = "elements of a file, or uniform in lo..hi (0..1 if unbounded)",
                   .source = "counter-based draws: Salmon et al., SC 2011, Philox4x32-10",
                   .gradient = "an input may be asked for: grad:NAME" },
        .attrs = input_attrs,
        .n_attrs = N_ATTRS(input_attrs),
    },
    .class = CLS_SOURCE,
    .exact = true,
    .type = { .infer = input_infer, .contract = input_contract },
    .sample = input_sample,
};

const struct op_def op_label = {
    .call = {
        .name = "label",
        .doc = "data that only losses use",
        .about = { .shapes = "-> dims",
                   .formula = "as input",
                   .gradient = "as input" },
        .attrs = input_attrs,
        .n_attrs = N_ATTRS(input_attrs),
    },
    .class = CLS_SOURCE,
    .exact = true,
    .type = { .infer = input_infer, .contract = input_contract },
    .sample = input_sample,
};

/* ---- param ---- */
static const struct attr_def param_attrs[] = {
    DIMS_DTYPE,
    { .name = "init",
      .kind = ATTR_INT,
      .value = { .i = INIT_FAN_IN },
      .doc = "first values: 0 uniform by fan-in, 1 zeros, 2 ones" },
};

static bool param_infer(struct graph *g, struct node *n)
{
    int64_t init = node_attr(n, THIRD)->i;
    if (init < INIT_FAN_IN || init > INIT_ONE)
        return infer_error(g, n, -1, "init is 0, 1 or 2, not %lld", (long long)init);
    return source_infer(g, n);
}

static void param_contract(struct contract *c)
{
    facts_set(c, -INFINITY, INFINITY, false, !dtype_is_float(c->n->type.dtype));
    c->out->exact = true;
}

static void param_sample(struct sample *d)
{
    sample_dims_dtype(d, 0);
    d->attrs[DTYPE] = sample_attr_int(DT_FLOAT);
    d->attrs[THIRD] = sample_attr_int(sample_range(d, INIT_FAN_IN, INIT_ONE));
}

const struct op_def op_param = {
    .call = {
        .name = "param",
        .doc = "a trained tensor",
        .about = { .shapes = "-> dims",
                   .formula = "first values: uniform in +-1/sqrt(last dimension), 0 or 1",
                   .source = "LeCun et al., Efficient BackProp, 1998, section 4.6",
                   .gradient = "what training moves it along" },
        .attrs = param_attrs,
        .n_attrs = N_ATTRS(param_attrs),
    },
    .class = CLS_SOURCE,
    .exact = true,
    .type = { .infer = param_infer, .contract = param_contract },
    .sample = param_sample,
};

/* ---- constant, iota ---- */
typedef double value_fn(const struct ev *c, int64_t i);

/* `whole`: the values are integers, and kernels convert them to floats. */
static void eval_values(struct ev *c, value_fn *value, bool whole)
{
    for (size_t r = 0; r < c->n_runs; r++) {
        for (int64_t i = c->runs[r].lo; i < c->runs[r].hi; i++) {
            double x = value(c, i);
            if (dtype_is_float(c->out.dtype))
                n_store(c, i, whole ? n_of_int(c, (int64_t)x) : eval_constant(c, x));
            else
                n_store_i(c, i, (int64_t)x);
        }
    }
}

static void bound_values(struct bd *b, value_fn *value)
{
    for (size_t r = 0; r < b->v.n_runs; r++) {
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++) {
            double x = value(&b->v, i);
            double k = constant_in_kernel(b->v.n->type.dtype, x);
            b->e_out[i] = !b->kernel || isnan(x) || k == x ? 0 : fabs(k - x);
        }
    }
}

static const struct attr_def constant_attrs[] = {
    DIMS_DTYPE,
    { .name = "value", .kind = ATTR_FLOAT, .required = true, .doc = "the number" },
};

static bool constant_infer(struct graph *g, struct node *n)
{
    double x = node_attr(n, THIRD)->f;
    if (!source_infer(g, n))
        return false;
    return constant_fits(n->type.dtype, x) || infer_error(g, n, -1, "%g is no %s", x, dtype_name(n->type.dtype));
}

static double constant_value(const struct ev *c, int64_t i)
{
    (void)i;
    return node_attr(c->n, THIRD)->f;
}
static void constant_eval(struct ev *c) { eval_values(c, constant_value, false); }
static void constant_bound(struct bd *b) { bound_values(b, constant_value); }

static void constant_contract(struct contract *c)
{
    double x = node_attr(c->n, THIRD)->f;
    facts_set(c, x, x, isfinite(x), x == rint(x));
    c->out->exact = isnan(x) || constant_in_kernel(c->n->type.dtype, x) == x;
    if (x == 0)
        c->out->max_nonzero = 0;
}

static const struct kexpr *constant_at(struct at *c)
{
    enum dtype t = c->n->type.dtype;
    return kexpr_const(c->k, t == DT_FLOAT ? DT_F32 : kexpr_value_type(t),
                       constant_in_kernel(t, node_attr(c->n, THIRD)->f));
}

static void constant_sample(struct sample *d)
{
    enum dtype t = sample_dims_dtype(d, 0);
    double x = (double)sample_range(d, -40, 40);
    d->attrs[THIRD] = sample_attr_float(dtype_is_float(t) ? x / 10 : x);
}

const struct op_def op_constant = {
    .call = {
        .name = "constant",
        .doc = "the same number in every element",
        .about = { .shapes = "-> dims",
                   .formula = "y[i, ..] = value, rounded once to dtype",
                   .gradient = "no operands" },
        .attrs = constant_attrs,
        .n_attrs = N_ATTRS(constant_attrs),
    },
    .class = CLS_SOURCE,
    .type = { .infer = constant_infer, .contract = constant_contract },
    .reference = { .eval = constant_eval, .bound = constant_bound },
    .kernel = { .at = constant_at },
    .sample = constant_sample,
};

/* ---- extent ---- */
static const struct attr_def extent_attrs[] = {
    { .name = "of", .kind = ATTR_DIMS, .required = true, .doc = "the dims whose product it is" },
};

static const struct index *extent_index(struct index_table *t, const struct node *n)
{
    const struct attr *of = node_attr(n, DIMS);
    const struct index *product = index_const(t, 1);
    for (int i = 0; i < of->n; i++)
        product = index_mul(t, product, of->dims[i]);
    return product;
}

static bool extent_infer(struct graph *g, struct node *n)
{
    const struct attr *of = node_attr(n, DIMS);
    struct type t = { .dtype = DT_FLOAT, .rank = of->n };
    for (int i = 0; i < of->n && i < MAX_RANK; i++)
        t.dim[i] = of->dims[i];
    const char *why = type_misfit(g->s, &t);
    n->type = (struct type){ .dtype = DT_I64 };
    return !why || infer_error(g, n, -1, "%s", why);
}

static double extent_value(const struct ev *c, int64_t i)
{
    (void)i;
    const struct attr *of = node_attr(c->n, DIMS);
    int64_t product = 1;
    for (int k = 0; k < of->n; k++)
        product *= dims_eval(c->dims, of->dims[k]);
    return (double)product;
}

static void extent_eval(struct ev *c) { eval_values(c, extent_value, true); }
static void extent_bound(struct bd *b) { bound_values(b, extent_value); }

static void extent_contract(struct contract *c)
{
    const struct index *e = extent_index(c->g->s->indices, c->n);
    facts_set(c, (double)e->lo, (double)e->hi, true, true);
    c->out->exact = true;
}

static const struct kexpr *extent_at(struct at *c)
{
    return kexpr_index(c->k, DT_I64, extent_index(at_index(c), c->n));
}

static void extent_sample(struct sample *d)
{
    struct type t = sample_type(d, DT_FLOAT, 0, 3);
    d->attrs[DIMS] = sample_attr_dims_of(d, &t);
}

const struct op_def op_extent = {
    .call = {
        .name = "extent",
        .doc = "the number of elements of a shape",
        .about = { .shapes = "-> []",
                   .formula = "y = of0 * of1 * ..",
                   .gradient = "no operands; an integer" },
        .attrs = extent_attrs,
        .n_attrs = N_ATTRS(extent_attrs),
    },
    .class = CLS_SOURCE,
    .exact = true,
    .type = { .infer = extent_infer, .contract = extent_contract },
    .reference = { .eval = extent_eval, .bound = extent_bound },
    .kernel = { .at = extent_at },
    .sample = extent_sample,
};

static const struct attr_def iota_attrs[] = {
    DIMS_DTYPE,
    { .name = "axis",
      .kind = ATTR_INT,
      .value = { .i = -1 },
      .doc = "the dimension that is counted; negative: from the last" },
};

static int iota_axis(const struct node *n)
{
    int64_t axis = node_attr(n, THIRD)->i;
    return (int)(axis < 0 ? axis + n->type.rank : axis);
}

static bool iota_infer(struct graph *g, struct node *n)
{
    int axis;
    if (!source_infer(g, n) || !need_axis(g, n, node_attr(n, THIRD)->i, n->type.rank, &axis))
        return false;
    return n->type.dtype != DT_BOOL || infer_error(g, n, -1, "a bool cannot hold its values");
}

static double iota_value(const struct ev *c, int64_t i)
{
    int axis = iota_axis(c->n);
    for (int d = c->out.rank - 1; d > axis; d--)
        i /= c->out.dim[d];
    return (double)(i % c->out.dim[axis]);
}

static void iota_eval(struct ev *c) { eval_values(c, iota_value, true); }
static void iota_bound(struct bd *b) { bound_values(b, iota_value); }

static void iota_contract(struct contract *c)
{
    const struct index *n = c->n->type.dim[iota_axis(c->n)];
    double hi = n->hi > 0 ? (double)n->hi - 1 : 0;
    facts_set(c, 0, hi, hi <= dtype_table[c->n->type.dtype].max, true);
    c->out->exact = !dtype_is_float(c->n->type.dtype) || constant_in_kernel(c->n->type.dtype, hi) == hi;
}

static const struct kexpr *iota_at(struct at *c)
{
    enum dtype t = c->n->type.dtype;
    const struct index *i = c->index[iota_axis(c->n)];
    if (t == DT_I32 || t == DT_I64)
        return kexpr_index(c->k, t, i);
    const struct kexpr *x = kexpr_cast(c->k, t == DT_F64 ? DT_F64 : DT_F32, kexpr_index(c->k, DT_I64, i));
    return t == DT_F16 || t == DT_BF16 ? kexpr_round(c->k, t, x) : x;
}

static void iota_sample(struct sample *d)
{
    sample_dims_dtype(d, 1);
    int rank = d->attrs[DIMS].n;
    d->attrs[THIRD] = sample_attr_int(sample_range(d, -rank, rank - 1));
}

const struct op_def op_iota = {
    .call = {
        .name = "iota",
        .doc = "0, 1, 2 … along a dimension",
        .about = { .shapes = "-> dims",
                   .formula = "y[.., i, ..] = i",
                   .source = "APL, index generator",
                   .gradient = "no operands" },
        .attrs = iota_attrs,
        .n_attrs = N_ATTRS(iota_attrs),
    },
    .class = CLS_SOURCE,
    .type = { .infer = iota_infer, .contract = iota_contract },
    .reference = { .eval = iota_eval, .bound = iota_bound },
    .kernel = { .at = iota_at },
    .sample = iota_sample,
};
