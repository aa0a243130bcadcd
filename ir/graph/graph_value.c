#include <math.h>
#include <string.h>

#include "ir/graph/graph_unfold.h"
#include "ir/graph/hint.h"

enum { DIM_OPS_MAX = 64, FLAT_OPS_MAX = 4096 }; /* most operations in a dim; dims in flat texts are longer */
#define WEIGHT_MAX ((int64_t)1 << 60)

static const struct value poison;

const char *value_text(struct unfold *u, const struct value *v)
{
    struct arena *a = u->step;
    switch (v->kind) {
    case VAL_POISON: return "an error";
    case VAL_NODE: return type_text(a, &v->node->type);
    case VAL_INT: return arena_printf(a, "the number %lld", (long long)v->i);
    case VAL_FLOAT: return arena_printf(a, "the number %g", v->f);
    case VAL_DIM: return arena_printf(a, "the symbolic dimension %s", index_text(a, v->index));
    case VAL_DTYPE: return arena_printf(a, "the dtype %s", dtype_name((enum dtype)v->i));
    case VAL_BOOL: return v->i ? "true" : "false";
    case VAL_LIST: return "a list";
    case VAL_BLOCK: return arena_printf(a, "block %s", v->block->name);
    }
    BUG("value kind %d", v->kind);
}

static struct value failed(struct unfold *u, const struct value *v, const char *needs, const char *what)
{
    if (v->kind != VAL_POISON)
        diag_error(u->s, FAIL_INPUT, v->loc, "%s is %s, but this is %s", what, needs, value_text(u, v));
    return poison;
}

bool value_int(struct unfold *u, struct value v, const char *what, int64_t *out)
{
    if (v.kind != VAL_INT) {
        failed(u, &v, "an integer", what);
        return false;
    }
    *out = v.i;
    return true;
}

/* Rejects an integer that comes from a division with a remainder: the author of x * (1/2) hardly means x * 0. */
bool value_float(struct unfold *u, struct value v, const char *what, double *out)
{
    if (v.kind == VAL_INT && v.inexact)
        return diag_error(u->s, FAIL_INPUT, v.loc,
                          "%s: this is a division of integers and gives %lld; write one of them with a point, as 1.0",
                          what, (long long)v.i);
    if (v.kind != VAL_INT && v.kind != VAL_FLOAT) {
        failed(u, &v, "a number", what);
        return false;
    }
    *out = v.kind == VAL_INT ? (double)v.i : v.f;
    return true;
}

bool value_dim(struct unfold *u, struct value v, const char *what, const struct index **out)
{
    if (v.kind == VAL_INT && v.i <= WEIGHT_MAX && v.i >= -WEIGHT_MAX)
        *out = index_const(u->s->indices, v.i);
    else if (v.kind == VAL_INT)
        return diag_error(u->s, FAIL_INPUT, v.loc, "%s: %lld is beyond 2^60", what, (long long)v.i);
    else if (v.kind == VAL_DIM)
        *out = v.index;
    else {
        failed(u, &v, "a dimension", what);
        return false;
    }
    return true;
}

static struct value int_op(struct unfold *u, struct value x, struct value y, char op, struct loc loc)
{
    struct value r = { .kind = VAL_INT, .loc = x.loc, .inexact = x.inexact || y.inexact };
    bool over = false;
    if ((op == '/' || op == '%') && y.i == 0) {
        diag_error(u->s, FAIL_INPUT, loc, "division of %lld by zero", (long long)x.i);
        return poison;
    }
    switch (op) {
    case '+': over = __builtin_add_overflow(x.i, y.i, &r.i); break;
    case '-': over = __builtin_sub_overflow(x.i, y.i, &r.i); break;
    case '*': over = __builtin_mul_overflow(x.i, y.i, &r.i); break;
    case '/':
    case '%':
        over = x.i == INT64_MIN && y.i == -1;
        if (over)
            break;
        bool down = x.i % y.i != 0 && (x.i < 0) != (y.i < 0); /* rounds down, like index_div */
        r.i = op == '/' ? x.i / y.i - down : x.i % y.i + (down ? y.i : 0);
        r.inexact |= op == '/' && x.i % y.i != 0;
        break;
    default: BUG("operator %c", op);
    }
    if (over) {
        diag_error(u->s, FAIL_INPUT, loc, "%lld %c %lld does not fit in 64 bits", (long long)x.i, op, (long long)y.i);
        return poison;
    }
    return r;
}

static struct value float_op(struct unfold *u, struct value x, struct value y, char op, struct loc loc)
{
    double a, b;
    if (!value_float(u, x, "an operand", &a) || !value_float(u, y, "an operand", &b))
        return poison;
    if (op == '%') {
        diag_error(u->s, FAIL_INPUT, loc, "%% takes integers, but these are %s and %s", value_text(u, &x),
                   value_text(u, &y));
        return poison;
    }
    return (struct value){ .kind = VAL_FLOAT,
                           .loc = x.loc,
                           .f = op == '+'   ? a + b
                                : op == '-' ? a - b
                                : op == '*' ? a * b
                                            : a / b };
}

static int terms(const struct index *e) { return e->kind == INDEX_SUM ? e->n_terms + 1 : 2; }
static int degree(const struct index *e)
{
    int d = e->kind != INDEX_SUM;
    for (int i = 0; e->kind == INDEX_SUM && i < e->n_terms; i++)
        if (e->terms[i].n > d)
            d = e->terms[i].n;
    return d;
}

/* Returns why `a op b` is not supported, or not defined for some values of the dims; NULL if neither. */
static const char *dim_op_misfit(const struct index *a, const struct index *b, char op)
{
    int64_t w;
    int64_t wa = index_weight(a);
    int64_t wb = index_weight(b);
    bool product = op != '+' && op != '-' && op != '<' && op != '>';
    if ((op == '/' || op == '%') && b->lo <= 0)
        return "the divisor may be zero or negative";
    if (product ? __builtin_mul_overflow(wa, wb, &w) : __builtin_add_overflow(wa, wb, &w))
        w = WEIGHT_MAX + 1;
    if (w > WEIGHT_MAX)
        return "its coefficients exceed 2^60";
    if (op == '*' ? terms(a) * terms(b) > 60 : terms(a) + terms(b) > 60)
        return "the expression is too long";
    if (op == '*' && degree(a) + degree(b) > 3)
        return "at most 3 symbolic dimensions may be multiplied";
    return NULL;
}

/* Evaluates x op y for dims. `op` is one of + - * / %, < for min, or > for max. */
static struct value dim_op(struct unfold *u, struct value x, struct value y, char op, struct loc loc)
{
    const struct index *a, *b, *r = NULL;
    if (!value_dim(u, x, "an operand of a dimension's expression", &a) ||
        !value_dim(u, y, "an operand of a dimension's expression", &b))
        return poison;
    const char *why = x.ops + y.ops >= (u->flat ? FLAT_OPS_MAX : DIM_OPS_MAX) ? "the expression is too long"
                                                                              : dim_op_misfit(a, b, op);
    if (why) {
        diag_error(u->s, FAIL_INPUT, loc, "a dimension cannot be computed like this: %s", why);
        return poison;
    }
    struct index_table *t = u->s->indices;
    switch (op) {
    case '+': r = index_add(t, a, b); break;
    case '-': r = index_sub(t, a, b); break;
    case '*': r = index_mul(t, a, b); break;
    case '/': r = index_div(t, a, b); break;
    case '%': r = index_mod(t, a, b); break;
    case '<': r = index_min(t, a, b); break;
    case '>': r = index_max(t, a, b); break;
    default: BUG("operator %c", op);
    }
    int64_t k;
    if (index_const_value(r, &k))
        return (struct value){ .kind = VAL_INT, .loc = x.loc, .i = k };
    return (struct value){ .kind = VAL_DIM, .loc = x.loc, .index = r, .ops = x.ops + y.ops + 1 };
}

static bool is_number(const struct value *v)
{
    return v->kind == VAL_INT || v->kind == VAL_FLOAT || v->kind == VAL_DIM;
}

static struct value binary(struct unfold *u, struct scope *sc, struct value x, struct value y, char op, struct loc loc)
{
    if (x.kind == VAL_POISON || y.kind == VAL_POISON)
        return poison;
    if (op == '@' && (x.kind != VAL_NODE || y.kind != VAL_NODE)) {
        diag_error(u->s, FAIL_INPUT, loc, "@ takes two tensors, but these are %s and %s", value_text(u, &x),
                   value_text(u, &y));
        return poison;
    }
    if ((x.kind != VAL_NODE && !is_number(&x)) || (y.kind != VAL_NODE && !is_number(&y))) {
        diag_error(u->s, FAIL_INPUT, loc, "%c takes tensors and numbers, but these are %s and %s", op,
                   value_text(u, &x), value_text(u, &y));
        return poison;
    }
    if (x.kind == VAL_NODE || y.kind == VAL_NODE)
        return infix_eval(u, sc, x, y, op, loc);
    if (x.kind == VAL_FLOAT || y.kind == VAL_FLOAT)
        return float_op(u, x, y, op, loc);
    return x.kind == VAL_INT && y.kind == VAL_INT ? int_op(u, x, y, op, loc) : dim_op(u, x, y, op, loc);
}

static struct value negate(struct unfold *u, struct scope *sc, struct value x, struct loc loc)
{
    struct value zero = { .kind = VAL_INT, .loc = loc };
    if (x.kind == VAL_NODE)
        return negate_node(u, sc, x, loc);
    if (x.kind != VAL_FLOAT)
        return binary(u, sc, zero, x, '-', loc);
    x.f = -x.f;
    x.loc = loc;
    return x;
}

static struct value name_eval(struct unfold *u, struct scope *sc, const struct expr *e)
{
    struct value v = { .kind = VAL_DTYPE, .loc = e->loc };
    enum dtype t;
    if (dtype_parse(e->name, &t)) {
        v.i = t;
        return v;
    }
    if (!map_find(sc->names, e->name)) {
        if (!strcmp(e->name, "true") || !strcmp(e->name, "false")) {
            v.kind = VAL_BOOL;
            v.i = *e->name == 't';
            return v;
        }
        if (!strcmp(e->name, "inf")) {
            v.kind = VAL_FLOAT;
            v.f = INFINITY;
            return v;
        }
        if (!strcmp(e->name, "nan")) {
            v.kind = VAL_FLOAT;
            v.f = NAN;
            return v;
        }
    }
    const struct binding *b = scope_find(u, sc, e->name, e->loc);
    if (!b)
        return poison;
    v = b->v;
    v.loc = e->loc;
    return v;
}

static struct value list_eval(struct unfold *u, struct scope *sc, const struct expr *e)
{
    struct value v = { .kind = VAL_LIST, .loc = e->loc, .n = e->n, .list = arena_array(u->step, struct value, e->n) };
    for (size_t i = 0; i < e->n; i++) {
        v.list[i] = value_eval(u, sc, e->args[i].value);
        if (v.list[i].kind == VAL_POISON)
            v.kind = VAL_POISON;
    }
    return v;
}

/* Evaluates min(a, b) and max(a, b) of integers and dims. Passes any other call to call_eval. */
static struct value call_or_extremum(struct unfold *u, struct scope *sc, const struct expr *e)
{
    bool is_min = !strcmp(e->name, "min");
    if (u->flat && !is_min && strcmp(e->name, "max")) {
        diag_error(u->s, FAIL_INPUT, e->loc, "expected a number, not a call of %s", e->name);
        return poison;
    }
    if ((!is_min && strcmp(e->name, "max")) || e->n != 2 || e->args[0].name || e->args[1].name)
        return u->flat ? (diag_error(u->s, FAIL_INPUT, e->loc, "%s takes two numbers", e->name), poison)
                       : call_eval(u, sc, e);
    struct value x = value_eval(u, sc, e->args[0].value);
    struct value y = value_eval(u, sc, e->args[1].value);
    if (x.kind == VAL_POISON || y.kind == VAL_POISON)
        return poison;
    if (x.kind == VAL_NODE || y.kind == VAL_NODE) {
        diag_error(u->s, FAIL_INPUT, e->loc, "%s takes two numbers or one tensor; of two tensors: %simum", e->name,
                   is_min ? "min" : "max");
        return poison;
    }
    struct value r = dim_op(u, x, y, is_min ? '<' : '>', e->loc);
    r.loc = e->loc;
    return r;
}

struct value value_eval(struct unfold *u, struct scope *sc, const struct expr *e)
{
    struct value v = poison;
    if (!unfold_enter(u, e->loc))
        return poison;
    switch (e->kind) {
    case EX_BAD: break;
    case EX_INT: v = (struct value){ .kind = VAL_INT, .loc = e->loc, .i = e->i }; break;
    case EX_FLOAT: v = (struct value){ .kind = VAL_FLOAT, .loc = e->loc, .f = e->f }; break;
    case EX_NAME: v = name_eval(u, sc, e); break;
    case EX_LIST: v = list_eval(u, sc, e); break;
    case EX_CALL: v = call_or_extremum(u, sc, e); break;
    case EX_INDEX: v = index_value(u, sc, e); break;
    case EX_RANGE:
    case EX_ELLIPSIS: BUG("an index outside of brackets");
    case EX_NEG: v = negate(u, sc, value_eval(u, sc, e->args[0].value), e->loc); break;
    case EX_CHAIN:
        v = value_eval(u, sc, e->args[0].value);
        for (size_t i = 1; i < e->n; i++)
            v = binary(u, sc, v, value_eval(u, sc, e->args[i].value), e->ops[i - 1].op, e->ops[i - 1].loc);
        break;
    }
    u->depth--;
    return v;
}

bool type_eval(struct unfold *u, struct scope *sc, const struct type_expr *t, struct type *out)
{
    *out = (struct type){ 0 };
    if (!t || !t->dtype)
        return false;
    if (!dtype_parse(t->dtype, &out->dtype)) {
        const char *near = hint_dtype(t->dtype);
        for (int i = 0; i < DT_COUNT && !near; i++)
            near = name_nearer(t->dtype, near, dtype_name((enum dtype)i));
        const char *hint = near ? arena_printf(u->step, "; did you mean %s?", near) : "";
        return diag_error(u->s, FAIL_INPUT, t->loc, "%s is not a dtype (float f16 bf16 f32 f64 i32 i64 bool)%s",
                          t->dtype, hint);
    }
    if (!t->dims)
        return true;
    if (t->dims->n > MAX_RANK)
        return diag_error(u->s, FAIL_INPUT, t->loc, "this type has %zu dimensions, and the maximum is %d", t->dims->n,
                          MAX_RANK);
    bool good = true;
    out->rank = (int)t->dims->n;
    for (int i = 0; i < out->rank; i++)
        good &= value_dim(u, value_eval(u, sc, t->dims->args[i].value), "a dimension of a type", &out->dim[i]);
    const char *why = good ? type_misfit(u->s, out) : NULL;
    return why ? diag_error(u->s, FAIL_INPUT, t->loc, "this type cannot be held: %s", why) : good;
}

static bool ints_of(struct unfold *u, const struct value *v, const char *what, struct attr *out)
{
    int64_t *ints = arena_array(u->step, int64_t, v->n);
    bool good = true;
    for (size_t i = 0; i < v->n; i++)
        good &= value_int(u, v->list[i], what, &ints[i]);
    out->n = (int)v->n;
    out->ints = ints;
    return good;
}

/* A -1 is left to the op: reshape takes one. */
static bool dims_of(struct unfold *u, const struct value *v, const char *what, struct attr *out)
{
    struct type t = { .rank = (int)v->n };
    const struct index **dims = arena_array(u->step, const struct index *, v->n);
    const struct index *rest = index_const(u->s->indices, -1);
    bool good = v->n <= MAX_RANK || diag_error(u->s, FAIL_INPUT, v->loc, "%s has %zu dimensions, and the maximum is %d",
                                               what, v->n, MAX_RANK);
    for (size_t i = 0; good && i < v->n; i++) {
        good &= value_dim(u, v->list[i], what, &dims[i]);
        t.dim[i] = good && dims[i] == rest ? index_const(u->s->indices, 1) : dims[i];
    }
    const char *why = good ? type_misfit(u->s, &t) : NULL;
    if (why)
        return diag_error(u->s, FAIL_INPUT, v->loc, "%s cannot be the shape of a tensor: %s", what, why);
    out->n = t.rank;
    out->dims = dims;
    return good;
}

bool attr_of_value(struct unfold *u, enum attr_kind kind, const struct value *v, const char *what, struct attr *out)
{
    *out = (struct attr){ 0 };
    switch (kind) {
    case ATTR_INT: return value_int(u, *v, what, &out->i);
    case ATTR_FLOAT: return value_float(u, *v, what, &out->f);
    case ATTR_BOOL:
        if (v->kind != VAL_BOOL) {
            failed(u, v, "true or false", what);
            return false;
        }
        out->i = v->i;
        return true;
    case ATTR_DTYPE:
        if (v->kind != VAL_DTYPE) {
            failed(u, v, "a dtype", what);
            return false;
        }
        out->i = v->i;
        return true;
    case ATTR_INTS:
        if (v->kind == VAL_INT) { /* axis=0 means axis=[0] */
            out->n = 1;
            out->ints = arena_array(u->step, int64_t, 1);
            *(int64_t *)out->ints = v->i;
            return true;
        }
        if (v->kind != VAL_LIST) {
            failed(u, v, "a list of integers", what);
            return false;
        }
        return ints_of(u, v, what, out);
    case ATTR_DIMS:
        if (v->kind == VAL_INT || v->kind == VAL_DIM) /* n=B is n=[B] */
            return dims_of(u, &(struct value){ .kind = VAL_LIST, .loc = v->loc, .list = (struct value *)v, .n = 1 },
                           what, out);
        if (v->kind != VAL_LIST) {
            failed(u, v, "a list of dimensions", what);
            return false;
        }
        return dims_of(u, v, what, out);
    }
    BUG("attribute kind %d", kind);
}
