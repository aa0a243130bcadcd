/* What must hold of a kernel before it is printed. One walk in the order of the text, a loop's body once, both branches
   of an if one after the other. */
#include <string.h>

#include "ir/kernel/fragment.h"
#include "ir/kernel/kir_plan.h"

/* A copy that was issued. waited: its group has landed, by a count of the commits as they stand; seam: some seam that
   waits comes after it. */
struct flight {
    const struct kitem *item;
    int group;
    bool waited, seam;
};

struct verify {
    const struct kernel *k;
    struct arena *a;
    bool good;
    enum uniform control; /* how uniform the way here is */
    int regions, eaches;
    const struct ix **vars;
    size_t n_vars, cap_vars; /* that can be seen here */
    const struct kx **reads;
    size_t n_reads, cap_reads;
    struct flight *flights;
    size_t n_flights, cap_flights;
    int stage_owner[256]; /* index + 1 of the flight that holds the staging register */
    int group;            /* groups closed so far */
    const struct kitem *item;
    unsigned *seen, stamp; /* by value: the item that it was looked at for, from 1 */
};

static const char *const item_names[] = {
    [KI_REGION] = "region",
    [KI_LET] = "let",
    [KI_STORE] = "store",
    [KI_LOAD_WIDE] = "wide load",
    [KI_STORE_WIDE] = "wide store",
    [KI_ACCUMULATE] = "accumulation",
    [KI_COMBINE] = "combine",
    [KI_FOR] = "loop",
    [KI_IF] = "if",
    [KI_ISSUE] = "issue",
    [KI_LAND] = "land",
    [KI_COMMIT] = "commit",
    [KI_SEAM] = "seam",
    [KI_FRAG_FILL] = "fragment fill",
    [KI_FRAG_LOAD] = "fragment load",
    [KI_MMA] = "mma",
    [KI_EACH] = "each",
    [KI_FRAG_SET] = "element",
    [KI_FRAG_REDUCE] = "reduction of rows",
    [KI_FRAG_CAST] = "fragment cast",
};

__attribute__((format(printf, 2, 3))) static void wrong(struct verify *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *what = arena_vprintf(v->a, fmt, ap);
    va_end(ap);
    v->good = diag_error(v->k->s, FAIL_INPUT, v->item ? v->item->loc : v->k->loc, "kernel %s: %s%s%s", v->k->name,
                         v->item ? item_names[v->item->kind] : "", v->item ? ": " : "", what);
}

/* ---- what may be named ---- */
static void check_atom(struct verify *v, const struct ix *atom)
{
    if (atom->kind != IX_VAR)
        return;
    for (size_t i = 0; i < v->n_vars; i++)
        if (v->vars[i] == atom)
            return;
    wrong(v, "the index variable %s is not to be seen here", atom->name);
}

static void check_ix(void *ctx, const struct ix *e)
{
    struct verify *v = ctx;
    if (e->kind == IX_VAR)
        check_atom(v, e);
    if (e->a) {
        check_ix(v, e->a);
        check_ix(v, e->b);
    }
    if ((e->kind == IX_DIV || e->kind == IX_MOD) && e->b->hi <= 0)
        wrong(v, "an index is divided by what is never above 0");
    for (int i = 0; i < e->n_terms; i++)
        for (int j = 0; j < e->terms[i].n; j++)
            check_ix(v, e->terms[i].atom[j]);
}

static void see(struct verify *v, const struct ix *var) { *arena_push(v->a, v->vars, v->n_vars, v->cap_vars) = var; }

/* ---- accesses ---- */

/* An index that is out of the memory for all values of its variables; private memory must be sure to hold it. */
static void check_access(struct verify *v, const struct kmem *m, const struct ix *slot, const struct ix *index)
{
    if (m->space == KS_PRIVATE && (index->lo < 0 || index->hi >= m->count->k))
        wrong(v, "%s[%s] has %lld elements, and the index is in %lld..%lld", m->name, ix_text(v->a, index),
              (long long)m->count->k, (long long)index->lo, (long long)index->hi);
    else if (m->count->hi > 0 && (index->hi < 0 || index->lo >= m->count->hi))
        wrong(v, "%s[%s] is outside of its %s elements", m->name, ix_text(v->a, index), ix_text(v->a, m->count));
    if (slot && m->space != KS_SHARED)
        wrong(v, "%s has no slots", m->name);
    if (slot && (slot->lo < 0 || slot->hi >= m->slots))
        wrong(v, "%s has %d slots, and the slot is in %lld..%lld", m->name, m->slots, (long long)slot->lo,
              (long long)slot->hi);
}

static bool same_slot(const struct ix *a, const struct ix *b)
{
    return a == b || (!a && ix_is_const(b) && !b->k) || (!b && ix_is_const(a) && !a->k);
}

/* A touch of memory that a copy may still be writing. */
static void check_flights(struct verify *v, const struct kmem *m, const struct ix *slot)
{
    for (size_t i = 0; m->space == KS_SHARED && i < v->n_flights; i++) {
        const struct flight *f = &v->flights[i];
        if (f->waited || f->item->mem != m || !same_slot(f->item->slot, slot))
            continue;
        wrong(v, "%s is touched while a copy into it is in flight: no seam has waited for it", m->name);
        return;
    }
}

static void check_mask(struct verify *v, const struct kmask *m)
{
    if (m->n < 0 || m->n > 4)
        wrong(v, "a mask of %d conditions", m->n);
    for (int i = 0; i < m->n; i++)
        if (m->g[i].bound->hi <= 0)
            wrong(v, "the condition 0 <= %s < %s never holds", ix_text(v->a, m->g[i].e), ix_text(v->a, m->g[i].bound));
}

/* ---- values ---- */
static void check_value(struct verify *v, const struct kx *x)
{
    if (v->seen[x->id] == v->stamp)
        return;
    v->seen[x->id] = v->stamp;
    if (x->kind == KX_LOAD) {
        check_access(v, x->mem, x->slot, x->index);
        check_flights(v, x->mem, x->slot);
        check_mask(v, &x->mask);
        if (x->type != kx_value_type(x->mem->dtype))
            wrong(v, "%s holds %s, and is read as %s", x->mem->name, dtype_name(x->mem->dtype), dtype_name(x->type));
    }
    if (x->kind == KX_FRAG && !v->eaches)
        wrong(v, "the element of a fragment is known inside an each alone");
    if (x->kind != KX_OP)
        return;
    if (x->op == K_READ) {
        for (size_t i = 0; i < v->n_reads; i++)
            if (v->reads[i] == x)
                return;
        wrong(v, "the value of a let is read where the let is not to be seen");
        return;
    }
    enum dtype t[3] = { DT_F32, DT_F32, DT_F32 };
    for (int i = 0; i < kop_table[x->op].arity; i++) {
        check_value(v, x->arg[i]);
        t[i] = x->arg[i]->type;
    }
    const char *why = kx_op_wrong(x->op, t, x->type);
    if (why)
        wrong(v, "%s: %s", kop_table[x->op].name, why);
}

static void check_type(struct verify *v, const struct kmem *m, enum dtype t)
{
    if (t != kx_value_type(m->dtype))
        wrong(v, "a value of type %s into %s, which is %s", dtype_name(t), m->name, dtype_name(m->dtype));
}

/* ---- copies ---- */
static void check_copy(struct verify *v, const struct kitem *it)
{
    int bytes = it->elems * dtype_size(it->mem->dtype);
    if (it->mem->space != KS_SHARED) {
        wrong(v, "%s is not shared memory", it->mem->name);
        return;
    }
    check_access(v, it->mem, it->slot, it->index);
    if (bytes != 4 && bytes != 8 && bytes != 16)
        wrong(v, "copies are of 4, 8 or 16 bytes, not %d", bytes);
    if (!ix_multiple_of(it->index, it->elems) || (it->slot && it->mem->count->k % it->elems))
        wrong(v, "%s[%s] is not known to be a multiple of %d elements", it->mem->name, ix_text(v->a, it->index),
              it->elems);
    if (it->stage < 0 || it->stage > 255)
        wrong(v, "staging register %d", it->stage);
}

static void issue(struct verify *v, const struct kitem *it)
{
    check_copy(v, it);
    if (it->mem2->space != KS_ARG)
        wrong(v, "%s is not an argument", it->mem2->name);
    else if (it->mem2->dtype != it->mem->dtype)
        wrong(v, "%s is %s, and %s is %s", it->mem2->name, dtype_name(it->mem2->dtype), it->mem->name,
              dtype_name(it->mem->dtype));
    check_access(v, it->mem2, NULL, it->index2);
    check_mask(v, &it->mask);
    if (!ix_multiple_of(it->index2, it->elems))
        wrong(v, "%s[%s] is not known to be a multiple of %d elements", it->mem2->name, ix_text(v->a, it->index2),
              it->elems);
    if (it->stage < 0 || it->stage > 255)
        return;
    if (v->stage_owner[it->stage])
        wrong(v, "staging register %d is issued again before it has landed", it->stage);
    *arena_push(v->a, v->flights, v->n_flights, v->cap_flights) = (struct flight){ .item = it, .group = v->group };
    v->stage_owner[it->stage] = (int)v->n_flights;
}

static void land(struct verify *v, const struct kitem *it)
{
    check_copy(v, it);
    if (it->stage < 0 || it->stage > 255)
        return;
    int owner = v->stage_owner[it->stage];
    v->stage_owner[it->stage] = 0;
    if (!owner) {
        wrong(v, "nothing was issued into staging register %d", it->stage);
        return;
    }
    const struct kitem *from = v->flights[owner - 1].item;
    if (from->mem != it->mem || !same_slot(from->slot, it->slot) || from->index != it->index ||
        from->elems != it->elems)
        wrong(v, "staging register %d was issued for another place of shared memory", it->stage);
}

static void seam(struct verify *v, const struct kitem *it)
{
    if (it->scope == KSCOPE_BLOCK && v->control > UNIFORM_BLOCK)
        wrong(v, "a seam of the block in control that is not the same for all of its threads");
    if (it->scope == KSCOPE_WAVE && v->control > UNIFORM_WAVE)
        wrong(v, "a seam of the wave in control that is not the same for all of its lanes");
    for (size_t i = 0; it->pending >= 0 && i < v->n_flights; i++) {
        v->flights[i].seam = true;
        if (v->flights[i].group + it->pending < v->group)
            v->flights[i].waited = true;
    }
}

/* ---- fragments ---- */
static void check_unit(struct verify *v, const struct kfrag *f, enum kfrag_role role)
{
    static const char *const roles[] = { [KF_A] = "A", [KF_B] = "B", [KF_C] = "C" };
    if (f->unit != v->k->target->matrix)
        wrong(v, "fragment %s is not of the target's matrix unit", f->name);
    if (f->role != role)
        wrong(v, "fragment %s is of %s, not of %s", f->name, roles[f->role], roles[role]);
}

static void frag_load(struct verify *v, const struct kitem *it)
{
    if (it->frag->role == KF_C) {
        wrong(v, "fragment %s is of C, which is not loaded", it->frag->name);
        return;
    }
    check_unit(v, it->frag, it->frag->role);
    if (it->mem->space != KS_SHARED || it->mem->dtype != it->frag->unit->in) {
        wrong(v, "%s is not shared memory of %s", it->mem->name, dtype_name(it->frag->unit->in));
        return;
    }
    if (it->row->uniform > UNIFORM_WAVE || it->col->uniform > UNIFORM_WAVE)
        wrong(v, "the tile's origin is not the same for all lanes of a wave");
    check_access(v, it->mem, it->slot, ix_const(v->k->s->ix, 0));
    check_flights(v, it->mem, it->slot);
    const struct matrix_unit *u = it->frag->unit;
    int n = it->frag->rows * it->frag->cols;
    int rows = it->frag->role == KF_A ? u->m * n : u->k;
    int cols = it->frag->role == KF_A ? u->k : u->n * n;
    int64_t last_row = it->row->hi + rows - 1;
    int64_t last_col = it->col->hi + cols - 1;
    if (it->transposed) {
        int64_t s = last_row;
        last_row = last_col;
        last_col = s;
    }
    if (it->row->lo < 0 || it->col->lo < 0 || last_row >= it->mem->rows || last_col >= it->mem->cols)
        wrong(v, "the fragments reach row %lld and column %lld of %s, which has %d x %d", (long long)last_row,
              (long long)last_col, it->mem->name, it->mem->rows, it->mem->cols);
}

static void mma(struct verify *v, const struct kitem *it)
{
    const struct kfrag *c = it->frag;
    const struct kfrag *a = it->frag_a;
    const struct kfrag *b = it->frag_b;
    check_unit(v, c, KF_C);
    check_unit(v, a, KF_A);
    check_unit(v, b, KF_B);
    if (a->rows * a->cols != c->rows || b->rows * b->cols != c->cols)
        wrong(v, "%s is %d x %d fragments, %s %d and %s %d", c->name, c->rows, c->cols, a->name, a->rows * a->cols,
              b->name, b->rows * b->cols);
}

static void frag_set(struct verify *v, const struct kitem *it)
{
    if (!v->eaches)
        wrong(v, "the element of a fragment is known inside an each alone");
    if (it->value->type != DT_F32)
        wrong(v, "a value of type %s into a fragment's element, which is f32", dtype_name(it->value->type));
}

static void frag_reduce(struct verify *v, const struct kitem *it)
{
    const struct kfrag *c = it->frag;
    check_unit(v, c, KF_C);
    if (it->mem->space != KS_PRIVATE || it->mem->dtype != DT_F32 || it->mem->count->k != frag_rows(c))
        wrong(v, "%s is not private memory of f32[%d], one element for each row of %s in a lane", it->mem->name,
              frag_rows(c), c->name);
    if (!frag_rows_whole(v->k->s->ix, c->unit, v->k->target->wave))
        wrong(v, "the lanes of %s do not share whole rows", c->unit->name);
}

static void frag_cast(struct verify *v, const struct kitem *it)
{
    const struct kfrag *a = it->frag;
    const struct kfrag *c = it->frag_a;
    check_unit(v, a, KF_A);
    check_unit(v, c, KF_C);
    if (a->rows * a->cols != c->rows)
        wrong(v, "%s is %d fragments, and %s has %d rows of them", a->name, a->rows * a->cols, c->name, c->rows);
    if (it->index->lo < 0 || (it->index->hi + 1) * a->unit->k > (int64_t)c->cols * c->unit->n)
        wrong(v, "%s has %d columns, %d a step, and the step is in %lld..%lld", c->name, c->cols * c->unit->n,
              a->unit->k, (long long)it->index->lo, (long long)it->index->hi);
    if (it->index->uniform > UNIFORM_WAVE)
        wrong(v, "the step is not the same for all lanes of a wave");
    if (frag_way_of(v->k->s->ix, a->unit, v->k->target->wave) == FRAG_NO_WAY)
        wrong(v, "%s has no way from its results to its operands", a->unit->name);
}

/* ---- items ---- */
static void collective(struct verify *v)
{
    if (v->control > UNIFORM_WAVE)
        wrong(v, "a collective in control that is not the same for all lanes of a wave");
    if (v->regions)
        wrong(v, "a collective inside of a region: its threads are independent");
    if (v->k->block % v->k->target->wave)
        wrong(v, "a block of %d threads is no whole number of waves", v->k->block);
}

static void combine(struct verify *v, const struct kitem *it)
{
    if (it->mem->space != KS_PRIVATE) {
        wrong(v, "%s is not private memory", it->mem->name);
        return;
    }
    check_access(v, it->mem, NULL, it->index);
    if (it->index->uniform > UNIFORM_WAVE)
        wrong(v, "the lanes of a wave would combine different elements");
    if (it->span < 1 || it->span & (it->span - 1) || it->span > v->k->target->wave)
        wrong(v, "%d lanes: it must be a power of two up to the wave's %d", it->span, v->k->target->wave);
    if (it->mem->dtype == DT_BOOL)
        wrong(v, "%s is bool", it->mem->name);
}

static void accumulate(struct verify *v, const struct kitem *it)
{
    if (it->mem->space != KS_PRIVATE) {
        wrong(v, "%s is not private memory", it->mem->name);
        return;
    }
    check_access(v, it->mem, NULL, it->index);
    check_type(v, it->mem, it->value->type);
    if (it->mem->dtype == DT_BOOL || it->mem->dtype == DT_F16 || it->mem->dtype == DT_BF16)
        wrong(v, "%s is %s, which is no accumulator", it->mem->name, dtype_name(it->mem->dtype));
    if (it->fma &&
        (it->acc != KACC_SUM || it->value->kind != KX_OP || it->value->op != K_MUL || !dtype_is_float(it->value->type)))
        wrong(v, "an fma of what is no product of floats");
}

static void store(struct verify *v, const struct kitem *it)
{
    check_access(v, it->mem, it->slot, it->index);
    check_flights(v, it->mem, it->slot);
    check_type(v, it->mem, it->value->type);
    check_mask(v, &it->mask);
}

/* `m` is argument or shared memory, `own` the private memory at the other end. */
static void wide(struct verify *v, const struct kitem *it, const struct kmem *m, const struct ix *index,
                 const struct kmem *own, const struct ix *at)
{
    struct ix_table *t = v->k->s->ix;
    bool typed = m->dtype == DT_F16 || m->dtype == DT_BF16 || m->dtype == DT_F32 || m->dtype == DT_F64 ||
                 m->dtype == DT_I32 || m->dtype == DT_I64;
    if (it->elems != 2 && it->elems != 4 && it->elems != 8)
        wrong(v, "%d elements: they are 2, 4 or 8", it->elems);
    if (own->space != KS_PRIVATE || m->space == KS_PRIVATE)
        wrong(v, "%s is not private memory, or %s is: a wide access is between the two", own->name, m->name);
    if (!typed || own->dtype != kx_value_type(m->dtype))
        wrong(v, "%s is %s, and %s is %s", m->name, dtype_name(m->dtype), own->name, dtype_name(own->dtype));
    if (!ix_multiple_of(index, it->elems) || (it->slot && m->count->k % it->elems))
        wrong(v, "%s[%s] is not known to be a multiple of %d elements", m->name, ix_text(v->a, index), it->elems);
    check_access(v, m, it->slot, index);
    check_access(v, m, it->slot, ix_addk(t, index, it->elems - 1));
    check_access(v, own, NULL, at);
    check_access(v, own, NULL, ix_addk(t, at, it->elems - 1));
    check_flights(v, m, it->slot);
    check_mask(v, &it->mask);
}

static void let(struct verify *v, const struct kitem *it)
{
    if (it->var && it->value->type != DT_I32 && it->value->type != DT_I64)
        wrong(v, "the index variable %s has a value of type %s", it->var->name, dtype_name(it->value->type));
    if (it->var)
        see(v, it->var);
    if (it->read)
        *arena_push(v->a, v->reads, v->n_reads, v->cap_reads) = it->read;
}

static enum uniform guard_uniform(const struct kmask *m)
{
    enum uniform u = UNIFORM_GRID;
    for (int i = 0; i < m->n; i++) {
        if (m->g[i].e->uniform > u)
            u = m->g[i].e->uniform;
        if (m->g[i].bound->uniform > u)
            u = m->g[i].bound->uniform;
    }
    return u;
}

static void items(struct verify *v, struct kitem *const *list, size_t n);

static void nested(struct verify *v, const struct kitem *it, enum uniform control)
{
    enum uniform before = v->control;
    size_t n_vars = v->n_vars;
    size_t n_reads = v->n_reads;
    if (control > v->control)
        v->control = control;
    if (it->var)
        see(v, it->var);
    if (it->var2)
        see(v, it->var2);
    if (it->var3)
        see(v, it->var3);
    items(v, it->body, it->n_body);
    v->n_vars = n_vars;
    v->n_reads = n_reads;
    items(v, it->orelse, it->n_orelse);
    v->n_vars = n_vars;
    v->n_reads = n_reads;
    v->control = before;
    v->item = it;
}

/* A seam in a loop's body waits, in the next turn, for what an earlier place of the body issued. */
static bool has_wait(struct kitem *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct kitem *it = list[i];
        if ((it->kind == KI_SEAM && it->pending >= 0) || has_wait(it->body, it->n_body) ||
            has_wait(it->orelse, it->n_orelse))
            return true;
    }
    return false;
}

static void loop(struct verify *v, const struct kitem *it)
{
    int before[256];
    size_t first = v->n_flights;
    memcpy(before, v->stage_owner, sizeof before);
    nested(v, it, it->lo->uniform > it->hi->uniform ? it->lo->uniform : it->hi->uniform);
    for (int i = 0; i < 256; i++)
        if (v->stage_owner[i] && !before[i]) {
            wrong(v, "staging register %d is issued in a turn and has not landed at its end", i);
            v->stage_owner[i] = 0;
        }
    bool waits = has_wait(it->body, it->n_body);
    for (size_t i = first; waits && i < v->n_flights; i++)
        v->flights[i].seam = true;
}

static void item(struct verify *v, const struct kitem *it)
{
    switch (it->kind) {
    case KI_REGION:
        v->regions++;
        nested(v, it, UNIFORM_GRID);
        v->regions--;
        break;
    case KI_LET: let(v, it); break;
    case KI_STORE: store(v, it); break;
    case KI_LOAD_WIDE: wide(v, it, it->mem2, it->index2, it->mem, it->index); break;
    case KI_STORE_WIDE: wide(v, it, it->mem, it->index, it->mem2, it->index2); break;
    case KI_ACCUMULATE: accumulate(v, it); break;
    case KI_COMBINE:
        collective(v);
        combine(v, it);
        break;
    case KI_FOR: loop(v, it); break;
    case KI_IF:
        check_mask(v, &it->mask);
        nested(v, it, guard_uniform(&it->mask));
        break;
    case KI_ISSUE: issue(v, it); break;
    case KI_LAND: land(v, it); break;
    case KI_COMMIT:
        if (v->control > UNIFORM_BLOCK)
            wrong(v, "a group is closed in control that is not the same for all threads of the block");
        v->group++;
        break;
    case KI_SEAM:
        if (v->regions)
            wrong(v, "a seam inside of a region: its threads are independent");
        seam(v, it);
        break;
    case KI_FRAG_FILL: check_unit(v, it->frag, KF_C); break;
    case KI_FRAG_LOAD:
        collective(v);
        frag_load(v, it);
        break;
    case KI_MMA:
        collective(v);
        mma(v, it);
        break;
    case KI_FRAG_SET: frag_set(v, it); break;
    case KI_FRAG_REDUCE:
        collective(v);
        frag_reduce(v, it);
        break;
    case KI_FRAG_CAST:
        collective(v);
        frag_cast(v, it);
        break;
    case KI_EACH:
        check_unit(v, it->frag, KF_C);
        if (v->eaches)
            wrong(v, "an each inside of an each");
        if (it->row->uniform > UNIFORM_WAVE || it->col->uniform > UNIFORM_WAVE)
            wrong(v, "the origin is not the same for all lanes of a wave");
        v->eaches++;
        v->regions++;
        nested(v, it, UNIFORM_GRID);
        v->eaches--;
        v->regions--;
        break;
    }
}

static void items(struct verify *v, struct kitem *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        v->item = list[i];
        kitem_each_ix(v->k, list[i], check_ix, v);
        v->stamp++;
        if (list[i]->value)
            check_value(v, list[i]->value);
        item(v, list[i]);
    }
}

/* ---- the whole ---- */
static void check_head(struct verify *v)
{
    const struct kernel *k = v->k;
    if (strcmp(kname_clean(v->a, k->name), k->name))
        wrong(v, "the name is no identifier of its own");
    if (k->block > k->target->max_block)
        wrong(v, "a block of %d threads; %s takes %d", k->block, k->target->name, k->target->max_block);
    if (k->shared_bytes > k->target->shared_bytes)
        wrong(v, "%d bytes of shared memory; %s has %d", k->shared_bytes, k->target->name, k->target->shared_bytes);
    for (int i = 0; i < 3; i++)
        if (k->grid[i]->uniform != UNIFORM_GRID)
            wrong(v, "the grid is not a function of the dims alone");
    const struct ix *ids[] = { k->tid, k->lane, k->wave_id, k->bid[0], k->bid[1], k->bid[2] };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        see(v, ids[i]);
}

static void check_end(struct verify *v)
{
    for (int i = 0; i < 256; i++)
        if (v->stage_owner[i]) {
            v->item = v->flights[v->stage_owner[i] - 1].item;
            wrong(v, "staging register %d never lands", i);
        }
    for (size_t i = 0; i < v->n_flights; i++) {
        const struct flight *f = &v->flights[i];
        v->item = f->item;
        if (f->group >= v->group)
            wrong(v, "no commit follows: no seam can wait for this copy");
        else if (!f->seam)
            wrong(v, "no seam waits for this copy");
    }
}

bool kernel_verify(const struct kernel *k)
{
    struct verify v = { .k = k, .a = k->arena, .good = true };
    v.seen = arena_array(v.a, unsigned, k->n_values + 1);
    check_head(&v);
    items(&v, k->body, k->n_body);
    check_end(&v);
    return v.good;
}
