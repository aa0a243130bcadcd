#include "ir/ops/row.h"

#include <float.h>
#include <stdarg.h>
#include <string.h>

/* ---- infer ---- */
static bool same_loc(const struct loc *x, const struct loc *y)
{
    return x->line == y->line && x->col == y->col && x->src == y->src;
}

/* Returns a text such as "the second operand (y) of add". A bare "y" could be taken for a name in the user's file. */
static const char *operand_text(struct arena *a, const struct node *n, int operand)
{
    static const char *const ordinals[] = { "first ", "second ",  "third ",  "fourth ", "fifth ",
                                            "sixth ", "seventh ", "eighth ", "ninth " };
    enum { ORDINALS = sizeof ordinals / sizeof *ordinals };
    const char *ordinal = n->n_in == 1         ? ""
                          : operand < ORDINALS ? ordinals[operand]
                                               : arena_printf(a, "%dth ", operand + 1);
    return arena_printf(a, "the %soperand (%s) of %s", ordinal, op_operand_at(n->op, operand)->name, n->op->call.name);
}

bool infer_error(struct graph *g, const struct node *n, int operand, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(g->arena, fmt, ap);
    va_end(ap);
    if (operand < 0 || operand >= n->n_in)
        return diag_error(g->s, FAIL_INPUT, n->loc, "%s: %s", n->op->call.name, text);
    const struct node *x = n->in[operand];
    struct loc loc = n->in_loc && n->in_loc[operand].line ? n->in_loc[operand] : n->loc;
    const char *type = type_text(g->arena, &x->type);
    diag_error(g->s, FAIL_INPUT, loc, "%s %s, but it is %s", operand_text(g->arena, n, operand), text, type);
    if (x->loc.line && !same_loc(&x->loc, &loc) && !same_loc(&x->loc, &n->loc))
        diag_note(g->s, x->loc, "%s %s is made here", x->name ? x->name : x->op->call.name, type);
    return false;
}

bool need_float(struct graph *g, const struct node *n, int operand)
{
    return dtype_is_float(n->in[operand]->type.dtype) || infer_error(g, n, operand, "must be a float (cast makes one)");
}

/* Returns the operand as the user wrote it, without the broadcast that the call has inserted. */
static const struct node *as_written(const struct node *n, int operand)
{
    const struct node *x = n->in[operand];
    return !strcmp(x->op->call.name, "broadcast") && same_loc(&x->loc, &n->loc) ? x->in[0] : x;
}

static const char *name_of(const struct node *x) { return x->name ? x->name : x->op->call.name; }

static bool is_one(const struct index *dim)
{
    int64_t k;
    return index_const_value(dim, &k) && k == 1;
}

/* Suggests keepdim=true if x is a reduction, else a reshape to [B, 1] if x is [B] and `whole` is [B, 74]. */
static void note_leading_dims(struct graph *g, const struct node *x, const struct node *whole)
{
    int keepdim = op_attr(x->op, "keepdim");
    const char *dims = "";
    bool leading = x->type.rank > 0 && x->type.rank < whole->type.rank;
    for (int i = 0; i < whole->type.rank && leading; i++) {
        leading = i >= x->type.rank || x->type.dim[i] == whole->type.dim[i];
        dims = arena_printf(g->arena, "%s%s%s", dims, i ? ", " : "",
                            i < x->type.rank ? index_text(g->arena, x->type.dim[i]) : "1");
    }
    if (keepdim >= 0 && !node_attr(x, keepdim)->i)
        diag_note(g->s, NOWHERE, "%s drops the dimension that it reduces; %s(…, keepdim=true) keeps it, as 1",
                  x->op->call.name, x->op->call.name);
    else if (leading && x->name)
        diag_note(g->s, NOWHERE, "reshape(%s, [%s]) would align its dimensions with the first ones", name_of(x), dims);
}

/* Returns a text such as "u f32[B, 74]" or "sum(…) float[B]". */
static const char *typed_name(struct arena *a, const struct node *x)
{
    return arena_printf(a, "%s%s %s", name_of(x), x->name ? "" : "(…)", type_text(a, &x->type));
}

static bool dims_align(struct graph *g, const struct node *n, int operand)
{
    const struct node *x = as_written(n, 0);
    const struct node *y = as_written(n, operand);
    for (int i = 1; i <= x->type.rank && i <= y->type.rank; i++) {
        const struct index *dx = x->type.dim[x->type.rank - i];
        const struct index *dy = y->type.dim[y->type.rank - i];
        if (dx == dy || is_one(dx) || is_one(dy))
            continue;
        struct loc loc = n->in_loc && n->in_loc[operand].line ? n->in_loc[operand] : n->loc;
        diag_error(g->s, FAIL_INPUT, loc, "%s of %s and %s: dimensions align from the last one back, and %s is not %s",
                   n->op->call.name, typed_name(g->arena, x), typed_name(g->arena, y), index_text(g->arena, dx),
                   index_text(g->arena, dy));
        if (y->loc.line && !same_loc(&y->loc, &loc) && !same_loc(&y->loc, &n->loc))
            diag_note(g->s, y->loc, "%s is made here", typed_name(g->arena, y));
        bool x_is_less = x->type.rank < y->type.rank;
        note_leading_dims(g, x_is_less ? x : y, x_is_less ? y : x);
        return false;
    }
    return true;
}

bool need_shape_of_first(struct graph *g, const struct node *n, int operand)
{
    if (type_same_shape(&n->in[operand]->type, &n->in[0]->type))
        return true;
    if (n->op->class == CLS_POINTWISE && !dims_align(g, n, operand))
        return false;
    return infer_error(g, n, operand, "must have the shape of the first, which is %s",
                       type_text(g->arena, &n->in[0]->type));
}

bool need_axis(struct graph *g, const struct node *n, int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank)
        return infer_error(g, n, -1, "axis %lld is outside a shape of %d dimensions", (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

void set_type(struct node *n, enum dtype dtype, int rank, const struct index *const *dims)
{
    n->type = (struct type){ .dtype = dtype, .rank = rank };
    for (int i = 0; i < rank && i < MAX_RANK; i++)
        n->type.dim[i] = dims[i];
}

bool constant_fits(enum dtype t, double x)
{
    const struct dtype_info *d = &dtype_table[t];
    double least = t == DT_BOOL ? 0 : -d->max - (t == DT_I32);
    return d->is_float || (x == rint(x) && x >= least && x <= d->max && x < 0x1p63);
}

/* ---- facts ---- */
/* Integers stay, so a range that begins at 0 does not reach below 0. */
double facts_down(double x) { return isfinite(x) && x != rint(x) ? nextafter(x, -INFINITY) : x; }
double facts_up(double x) { return isfinite(x) && x != rint(x) ? nextafter(x, INFINITY) : x; }

void facts_set(struct contract *c, double lo, double hi, bool finite, bool integral)
{
    bool exact = c->n->op->exact;
    for (int i = 0; i < c->n->n_in; i++)
        exact &= fact(c, i)->exact;
    if (isnan(lo))
        lo = -INFINITY;
    if (isnan(hi))
        hi = INFINITY;
    *c->out =
        (struct facts){ .lo = lo, .hi = hi, .finite = finite, .integral = integral, .max_nonzero = -1, .exact = exact };
}

/* ---- bounds ---- */
double bd_operand(const struct bd *b, int operand, int64_t i)
{
    double e = bd_err(b, operand, i);
    enum dtype from = b->v.n->in[operand]->type.dtype;
    enum dtype to = b->v.n->type.dtype;
    if (!dtype_is_float(from))
        return e;
    double x = b->v.in[operand].v[i].d;
    if (isinf(x) && e < INFINITY)
        return 0;
    if (isnan(x))
        return e;
    if (b->kernel && from == DT_F64 && dtype_is_float(to) && to != DT_F64 && dtype_round(DT_F32, x) != x)
        e += dtype_half_ulp(DT_F32, fabs(x) + e);
    return e;
}

/* The factor 1 + 2^-40 covers the rounding of this computation. */
double bd_done(const struct bd *b, double y, double propagated, double own)
{
    double e = (propagated + own) * (1 + 0x1p-40);
    if (isnan(e) || e == INFINITY)
        return INFINITY;
    return isfinite(y) && fabs(y) + e > bd_max(b) ? INFINITY : e;
}

/* Facts hold for computed values too: sums, products and roundings of nonnegative values are nonnegative. */
bool known_nonnegative(const struct bd *b, int operand, double x)
{
    const struct facts *f = &b->v.n->in[operand]->facts;
    return f->lo >= 0 && f->lo <= x && x <= f->hi;
}

/* ---- at ---- */
double constant_in_kernel(enum dtype t, double x)
{
    return !dtype_is_float(t) || t == DT_F64 ? x : dtype_round(t == DT_FLOAT ? DT_F32 : t, x);
}

NUM eval_constant(const struct ev *c, double x)
{
    return n_const(c, c->kind == NUM_DOUBLE ? x : constant_in_kernel(c->out.dtype, x));
}

const struct kexpr *at_float(struct at *c, int operand) { return kexpr_cast(c->k, DT_F32, at_plain(c, operand)); }
const struct kexpr *at_number(struct at *c, int operand)
{
    return dtype_is_float(c->n->in[operand]->type.dtype) ? at_float(c, operand) : at_plain(c, operand);
}

struct at_scope at_enter(struct at *c, struct kstmt *stmt)
{
    struct at_scope s = { *c->k, c->n_memo ? *c->n_memo : 0 };
    *c->k = kb_in(&s.k, stmt);
    return s;
}

void at_leave(struct at *c, struct at_scope s)
{
    *c->k = s.k;
    if (c->n_memo)
        *c->n_memo = s.n_memo;
}

const struct index *at_loaded(struct at *c, const char *name, const struct kexpr *x)
{
    bool is_i32 = x->type == DT_I32;
    const struct kexpr *low = is_i32 ? kexpr_i32(c->k, -1) : kexpr_i64(c->k, -1);
    const struct kexpr *high = is_i32 ? kexpr_i32(c->k, INDEX_DIM_MAX) : kexpr_i64(c->k, INDEX_DIM_MAX);
    const struct kexpr *in = kexpr_op2(c->k, K_MIN, kexpr_op2(c->k, K_MAX, x, low), high);
    return kstmt_let_index(c->k, name, in, -1, INDEX_DIM_MAX);
}

const struct index *clamped_index(struct index_table *t, const struct index *x, const struct index *n)
{
    return index_max(t, index_const(t, 0), index_min(t, x, index_addk(t, n, -1)));
}

const struct kexpr *at_compare(struct at *c, enum kop op, const struct index *x, const struct index *y)
{
    return kexpr_op2(c->k, op, kexpr_index(c->k, DT_I64, x), kexpr_index(c->k, DT_I64, y));
}

/* ---- samples ---- */
/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t sample_bits(struct sample *d)
{
    uint64_t z = *d->rnd += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

int64_t sample_range(struct sample *d, int64_t lo, int64_t hi)
{
    uint64_t n = (uint64_t)hi - (uint64_t)lo + 1; /* 0 if lo..hi is all of int64_t */
    uint64_t bits = sample_bits(d);
    return (int64_t)((uint64_t)lo + (n ? bits % n : bits));
}
/* Draws a dimension from 16..d->longest, uniform in its logarithm. */
static int64_t long_dim(struct sample *d)
{
    double u = (double)sample_range(d, 0, 1000) / 1000;
    return (int64_t)(16 * exp2(u * log2((double)d->longest / 16)));
}

int64_t sample_width(struct sample *d, int64_t lo, int64_t hi)
{
    return d->longest ? long_dim(d) : sample_range(d, lo, hi);
}

int64_t sample_dim(struct sample *d)
{
    if (d->longest)
        return long_dim(d);
    return sample_range(d, 0, 7) ? sample_range(d, 1, 7) : sample_range(d, 0, 3) ? sample_range(d, 8, 70) : 0;
}
const struct index *draw_index(const struct sample *d, int64_t k) { return index_const(d->s->indices, k); }

/* At most one dimension is above 7, so that tests are fast. */
struct type sample_type(struct sample *d, enum dtype dtype, int rank_lo, int rank_hi)
{
    struct type t = { .dtype = dtype, .rank = (int)sample_range(d, rank_lo, rank_hi) };
    bool is_long = false;
    for (int i = t.rank - 1; i >= 0; i--) {
        int64_t k = sample_dim(d);
        if (k > 7 && is_long)
            k = 3;
        is_long |= k > 7;
        t.dim[i] = draw_index(d, k);
    }
    return t;
}

void sample_operand(struct sample *d, int i, const struct type *t, double lo, double hi)
{
    if (i >= d->n_in)
        d->n_in = i + 1;
    d->in[i] = *t;
    d->lo[i] = lo;
    d->hi[i] = hi;
}

void sample_same(struct sample *d, int n, double lo, double hi)
{
    static const enum dtype floats[] = { DT_FLOAT, DT_FLOAT, DT_F32, DT_F16, DT_BF16 };
    struct type t = sample_type(d, DT_FLOAT, 0, 3);
    for (int i = 0; i < n; i++) {
        t.dtype = floats[sample_range(d, 0, 4)];
        sample_operand(d, i, &t, lo, hi);
    }
}

void sample_ints(struct sample *d, int n)
{
    enum dtype dtype = sample_range(d, 0, 1) ? DT_I64 : DT_I32;
    struct type t = sample_type(d, dtype, 0, 3);
    for (int i = 0; i < n; i++) {
        bool small = sample_range(d, 0, 2);
        double lo = small ? -9 : dtype == DT_I32 ? INT32_MIN : -0x1p63;
        double hi = small ? 9 : dtype == DT_I32 ? INT32_MAX : 0x1.fffffffffffffp62;
        sample_operand(d, i, &t, lo, hi);
    }
}

struct attr sample_attr_int(int64_t i) { return (struct attr){ .i = i }; }
struct attr sample_attr_float(double f) { return (struct attr){ .f = f }; }

struct attr sample_attr_ints(struct sample *d, int n, const int64_t *ints)
{
    int64_t *copy = arena_array(d->s->run, int64_t, n);
    for (int i = 0; i < n; i++)
        copy[i] = ints[i];
    return (struct attr){ .n = n, .ints = copy };
}

struct attr sample_attr_dims(const struct sample *d, int n, const struct index *const *dims)
{
    const struct index **copy = arena_array(d->s->run, const struct index *, n);
    for (int i = 0; i < n; i++)
        copy[i] = dims[i];
    return (struct attr){ .n = n, .dims = copy };
}

struct attr sample_attr_dims_of(const struct sample *d, const struct type *t)
{
    return sample_attr_dims(d, t->rank, t->dim);
}

int64_t sample_dim_of(const struct type *t, int i)
{
    int64_t k;
    BUG_IF(!index_const_value(t->dim[i], &k), "a drawn dimension is not constant");
    return k;
}
