/* Derives the facts of a node (value range, finiteness, …) from the facts of its operands. Adds the op's requirements
   to the graph as obligations.
   lo..hi bounds every element in real arithmetic, except NaN and the least i64, which stands for a missing value.
   `finite`: no element is NaN, infinite or missing. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "ir/ops/op.h"

static const struct facts unknown = { .lo = -INFINITY, .hi = INFINITY, .max_nonzero = -1 };

static struct facts facts_of_dtype(enum dtype t)
{
    struct facts f = unknown;
    switch (t) {
    case DT_BOOL:
        f.lo = 0;
        f.hi = 1;
        break;
    case DT_I32:
        f.lo = -0x1p31;
        f.hi = 0x1p31 - 1;
        break;
    case DT_I64:
        f.lo = -0x1p63;
        f.hi = 0x1p63;
        break;
    default: return f;
    }
    f.integral = true;
    f.finite = t != DT_I64;
    return f;
}

/* A view or gather copies elements, so its facts are those that hold for all operands.
   A float result counts only float operands. An integer or boolean result counts only the others. */
static struct facts facts_of_moved(const struct node *n)
{
    struct facts out = facts_of_dtype(n->type.dtype);
    bool first = true;
    bool is_float = dtype_is_float(n->type.dtype);
    for (int i = 0; i < n->n_in; i++) {
        const struct facts *f = &n->in[i]->facts;
        if (is_float != dtype_is_float(n->in[i]->type.dtype))
            continue;
        if (first)
            out = (struct facts){ .lo = f->lo,
                                  .hi = f->hi,
                                  .finite = f->finite,
                                  .integral = f->integral,
                                  .max_nonzero = -1,
                                  .exact = f->exact };
        else {
            out.lo = fmin(out.lo, f->lo);
            out.hi = fmax(out.hi, f->hi);
            out.finite &= f->finite;
            out.integral &= f->integral;
            out.exact &= f->exact;
        }
        first = false;
    }
    return out;
}

static bool operands_exact(const struct node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (!n->in[i]->facts.exact)
            return false;
    return true;
}

static struct facts facts_by_class(const struct node *n)
{
    struct facts f = facts_of_dtype(n->type.dtype);
    switch (n->op->class) {
    case CLS_VIEW:
    case CLS_INDEX: return facts_of_moved(n);
    case CLS_POINTWISE:
    case CLS_SELECT:
    case CLS_REDUCE:
    case CLS_SCAN: f.exact = n->op->exact && operands_exact(n); break;
    case CLS_SOURCE:
    case CLS_CONTRACT:
    case CLS_EFFECT: break;
    }
    return f;
}

/* Values beyond the dtype's largest number overflow. A `float` may become any float dtype: only DBL_MAX limits it. */
static void settle(const struct node *n, struct facts *f)
{
    if (isnan(f->lo))
        f->lo = -INFINITY;
    if (isnan(f->hi))
        f->hi = INFINITY;
    BUG_IF(f->lo > f->hi, "%s promises values in %g..%g", n->op->call.name, f->lo, f->hi);
    double max = n->type.dtype == DT_FLOAT       ? DBL_MAX
                 : dtype_is_float(n->type.dtype) ? dtype_table[n->type.dtype].max
                                                 : INFINITY;
    if (f->lo < -max || f->hi > max)
        f->finite = false;
}

void op_contract(struct graph *g, struct node *n)
{
    struct facts out = facts_by_class(n);
    struct contract c = { .g = g, .n = n, .out = &out };
    if (n->op->type.contract)
        n->op->type.contract(&c);
    settle(n, &out);
    n->facts = out;
}

/* ---- obligations ---- */

static void append(struct contract *c, struct obligation o)
{
    struct graph *g = c->g;
    o.node = c->n;
    o.text = arena_strdup(g->arena, o.text);
    *arena_push(g->arena, g->obligations, g->n_obligations, g->cap_obligations) = o;
}

/* True if `known` implies the facts in `need` other than range and finiteness. A run-time guard checks those two. */
static bool rest_implied(const struct facts *known, const struct facts *need)
{
    return (need->max_nonzero < 0 || (known->max_nonzero >= 0 && known->max_nonzero <= need->max_nonzero)) &&
           (!need->integral || known->integral) && (!need->sums_to_one || known->sums_to_one) &&
           (!need->exact || known->exact);
}

static bool implies(const struct facts *known, const struct facts *need)
{
    return known->lo >= need->lo && known->hi <= need->hi && (!need->finite || known->finite) &&
           rest_implied(known, need);
}

static bool excludes(const struct facts *known, const struct facts *need)
{
    return known->hi < need->lo || known->lo > need->hi;
}

static enum obligation_status status_of(const struct facts *known, const struct facts *need)
{
    if (excludes(known, need))
        return OBLIGATION_CONTRADICTED;
    if (implies(known, need))
        return OBLIGATION_PROVED;
    return rest_implied(known, need) ? OBLIGATION_CHECKED : OBLIGATION_OPEN;
}

void contract_need(struct contract *c, int operand, const char *text, struct facts need)
{
    append(c,
           (struct obligation){
               .operand = operand, .text = text, .status = status_of(&c->n->in[operand]->facts, &need), .need = need });
}

void contract_state(struct contract *c, const char *text, enum obligation_status status)
{
    append(c, (struct obligation){ .operand = -1, .text = text, .status = status, .need = unknown });
}

void contract_need_attr(struct contract *c, bool holds, const char *text)
{
    contract_state(c, text, holds ? OBLIGATION_PROVED : OBLIGATION_CONTRADICTED);
}
