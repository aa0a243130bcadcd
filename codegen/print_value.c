#include "codegen/print_value.h"

#include <math.h>
#include <string.h>

#include "ir/kernel/fragment.h"

static const char *const suffix[DT_COUNT] = { [DT_F16] = "f16", [DT_BF16] = "bf16", [DT_F32] = "f32", [DT_F64] = "f64",
                                              [DT_I32] = "i32", [DT_I64] = "i64",   [DT_BOOL] = "u8" };

/* Prints the / or % of an index expression. In index expressions / and % round down, in C toward zero. The two agree if
   the dividend is never negative: then returns NULL. */
static const char *floor_div(struct arena *a, const struct index *e, const char *x, const char *y)
{
    if (e->a->lo >= 0)
        return NULL;
    if (e->kind == INDEX_MOD)
        return arena_printf(a, "((%s%%%s + %s)%%%s)", x, y, y, y);
    return arena_printf(a, "((%s < 0 ? %s - %s + 1 : %s)/%s)", x, x, y, x, y);
}

struct kspell print_indices(struct arena *a, const char *(*atom)(void *ctx, const struct index *atom), void *ctx)
{
    return (struct kspell){
        .arena = a, .atom = atom, .ctx = ctx, .div = floor_div, .min = "tk_min_i32", .max = "tk_max_i32"
    };
}

const char *print_index(struct kprint *p, const struct index *e, bool nested)
{
    return kspell_index(&p->sp, e, nested);
}

const char *print_guards(struct kprint *p, const struct kmask *m)
{
    struct arena *a = p->o.arena;
    const char *out = "";
    for (int i = 0; i < m->n; i++) {
        bool lower, upper;
        kguard_open(p->k->s->indices, &m->g[i], &lower, &upper);
        const char *e = print_index(p, m->g[i].e, false);
        if (lower)
            out = arena_printf(a, "%s%s0 <= %s", out, *out ? " && " : "", e);
        if (upper)
            out = arena_printf(a, "%s%s%s < %s", out, *out ? " && " : "", e, print_index(p, m->g[i].bound, false));
    }
    return *out ? out : "1";
}

const struct index *print_ring_index(const struct kprint *p, const struct kmem *m, const struct index *slot,
                                     const struct index *index)
{
    struct index_table *t = p->k->s->indices;
    return slot ? index_add(t, index_mul(t, slot, m->count), index) : index;
}

const struct index *print_map(const struct kprint *p, const struct map_term *terms, const struct index *elem)
{
    return frag_coord(p->k->s->indices, terms, p->k->lane, elem);
}

const struct index *print_row_slot(const struct kprint *p, const struct kfrag *c, const struct index *row,
                                   const struct index *elem)
{
    struct index_table *t = p->k->s->indices;
    return index_add(t, index_mulk(t, row, frag_row_slots(c->unit)), frag_row_slot(t, c->unit, elem));
}

const struct index *print_frag_index(const struct kprint *p, const struct kstmt *it, const struct index *frag,
                                     const struct index *elem)
{
    struct index_table *t = p->k->s->indices;
    const struct matrix_unit *u = it->frag->unit;
    bool is_a = it->frag->role == KF_A;
    const struct coord_map *map = is_a ? &u->a : &u->b;
    const struct index *row = index_add(t, it->row, print_map(p, map->row, elem));
    const struct index *col = index_add(t, it->col, print_map(p, map->col, elem));
    if (is_a)
        row = index_add(t, row, index_mulk(t, frag, u->m));
    else
        col = index_add(t, col, index_mulk(t, frag, u->n));
    const struct index *at = it->transposed ? kl_index(t, it->mem->layout, it->mem->cols, col, row)
                                            : kl_index(t, it->mem->layout, it->mem->cols, row, col);
    return print_ring_index(p, it->mem, it->slot, at);
}

const char *print_suffix(enum dtype t) { return suffix[t]; }

const char *print_type(const struct kprint *p, enum dtype t)
{
    if (p->lang->real && dtype_is_float(t))
        return p->lang->real;
    return t == DT_BOOL ? "tk_i32" : arena_printf(p->o.arena, "tk_%s", suffix[t]);
}

/* Private memory holds f16 and bf16 values as rounded f32, since kernels do no arithmetic on 16-bit floats. */
const char *print_cell(const struct kprint *p, const struct kmem *m)
{
    enum dtype t = m->space == KS_PRIVATE ? kexpr_value_type(m->dtype) : m->dtype;
    return p->lang->real && dtype_is_float(t) ? p->lang->real : arena_printf(p->o.arena, "tk_%s", suffix[t]);
}

const char *print_cell_at(struct kprint *p, const struct kmem *m, const struct index *slot, const struct index *index)
{
    const struct index *at = print_ring_index(p, m, slot, index);
    const char *i = print_index(p, at, false);
    if (p->lang->subscript)
        i = p->lang->subscript(p, m, at, i);
    return arena_printf(p->o.arena, "%s%s[%s]", m->name, m->space == KS_PRIVATE ? p->lang->own : "", i);
}

static const char *load(struct kprint *p, const struct kexpr *x)
{
    const char *not_zero = x->type == DT_BOOL ? " != 0" : "";
    const char *cell = x->mem->space == KS_PRIVATE
                           ? print_cell_at(p, x->mem, NULL, x->index)
                           : p->lang->load(p, x->mem, print_ring_index(p, x->mem, x->slot, x->index));
    return arena_printf(p->o.arena, "%s%s", cell, not_zero);
}

static const char *constant(struct kprint *p, enum dtype t, double f, int64_t i)
{
    struct arena *a = p->o.arena;
    if (dtype_is_float(t))
        return p->lang->constant(a, t, f);
    switch (t) {
    case DT_I64: return i == INT64_MIN ? "-9223372036854775807ll - 1" : arena_printf(a, "%lldll", (long long)i);
    case DT_I32: return i == INT32_MIN ? "-2147483647 - 1" : arena_printf(a, "%lld", (long long)i);
    case DT_BOOL: return i ? "1" : "0";
    default: BUG("constant of type %s", dtype_name(t));
    }
}

static bool negative(const struct kexpr *x)
{
    return dtype_is_float(x->type) ? signbit(x->f) != 0 && !isnan(x->f) : x->i < 0;
}

static const char *cast(struct kprint *p, const struct kexpr *x)
{
    struct arena *a = p->o.arena;
    enum dtype from = x->arg[0]->type;
    enum dtype to = x->type;
    const char *v = print_value(p, x->arg[0], true, false);
    if (p->lang->cast && (dtype_is_float(from) || dtype_is_float(to)))
        return p->lang->cast(p, x, v);
    if (to == DT_BOOL)
        return arena_printf(a, "(%s != 0)", v);
    if (dtype_is_float(from) && !dtype_is_float(to))
        return arena_printf(a, "tk_%s_%s(%s)", suffix[to], suffix[from], print_value(p, x->arg[0], false, false));
    return arena_printf(a, "(tk_%s)%s", suffix[to], v);
}

static const char *op(struct kprint *p, const struct kexpr *x, bool nested)
{
    struct arena *a = p->o.arena;
    const struct kop_info *info = &kop_table[x->op];
    const char *open = nested ? "(" : "";
    const char *close = nested ? ")" : "";
    if (x->op == K_CAST)
        return cast(p, x);
    if (p->lang->op && x->op != K_SELECT && dtype_is_float(x->arg[0]->type))
        return p->lang->op(p, x);
    bool infix = info->infix && (!info->call || dtype_is_float(x->arg[0]->type));
    const char *v[3] = { NULL };
    for (int i = 0; i < info->arity; i++)
        v[i] = print_value(p, x->arg[i], infix || x->op == K_SELECT, false);
    if (x->op == K_SELECT)
        return arena_printf(a, "%s%s ? %s : %s%s", open, v[0], v[1], v[2], close);
    if (infix)
        return info->arity == 1 ? arena_printf(a, "%s%s%s%s", open, info->infix, v[0], close)
                                : arena_printf(a, "%s%s %s %s%s", open, v[0], info->infix, v[1], close);
    const char *out = x->op == K_ROUND16 || x->op == K_ROUNDB16
                          ? arena_printf(a, "tk_%s(", info->call)
                          : arena_printf(a, "tk_%s_%s(", info->call, suffix[x->arg[0]->type]);
    for (int i = 0; i < info->arity; i++)
        out = arena_printf(a, "%s%s%s", out, i ? ", " : "", v[i]);
    return arena_printf(a, "%s)", out);
}

const char *print_value(struct kprint *p, const struct kexpr *x, bool nested, bool defining)
{
    struct arena *a = p->o.arena;
    int temp = defining ? -1 : kplan_temp(p->plan, p->stmt, x);
    if (temp >= 0)
        return arena_printf(a, "t%d", temp);
    switch (x->kind) {
    case KEXPR_CONST: {
        const char *c = constant(p, x->type, x->f, x->i);
        return nested && negative(x) ? arena_printf(a, "(%s)", c) : c;
    }
    case KEXPR_INDEX:
        return x->type == DT_I64 ? arena_printf(a, "(tk_i64)%s", print_index(p, x->index, true))
                                 : print_index(p, x->index, nested);
    case KEXPR_FRAG: return p->elem ? p->elem : "elem";
    case KEXPR_LOAD: {
        if (!x->mask.n)
            return nested && x->type == DT_BOOL ? arena_printf(a, "(%s)", load(p, x)) : load(p, x);
        const char *fill = constant(p, x->type, x->f, (int64_t)x->f);
        return arena_printf(a, nested ? "(%s ? %s : %s)" : "%s ? %s : %s", print_guards(p, &x->mask), load(p, x), fill);
    }
    case KEXPR_OP: return x->op == K_READ ? p->lang->let(p, x) : op(p, x, nested);
    }
    BUG("value of kind %d", x->kind);
}

const char *print_acc(struct kprint *p, enum kacc acc, enum dtype t, const char *how, const char *a, const char *b)
{
    const struct kacc_info *info = &kacc_table[acc];
    if (p->lang->acc && dtype_is_float(t))
        return p->lang->acc(p, how, info->name, a, b);
    if (kop_table[info->op].infix && dtype_is_float(t))
        return arena_printf(p->o.arena, "%s %s %s", a, kop_table[info->op].infix, b);
    return arena_printf(p->o.arena, "tk_%s_%s(%s, %s)", kop_table[info->op].call, suffix[t], a, b);
}
