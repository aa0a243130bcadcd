/* Checks a kernel before it is printed, in one walk in text order.
   The walk visits the body of a loop once, and both branches of an if one after the other. */
#include <string.h>

#include "ir/kernel/fragment.h"
#include "ir/kernel/kname.h"
#include "ir/kernel/kstmt.h"

struct flight {
    const struct kstmt *stmt;
    int group;
    bool waited;  /* a barrier has waited for the group of this copy */
    bool barrier; /* a later barrier waits for copies */
};

struct verify {
    const struct kernel *k;
    struct arena *a;
    bool good;
    enum uniform control;
    int regions, eaches;
    const struct index **vars;
    size_t n_vars, cap_vars;
    struct flight *flights;
    size_t n_flights, cap_flights;
    int stage_owner[256]; /* staging register -> 1 + index into `flights` of its copy; 0: free */
    int group;
    const struct kstmt *stmt;
    const struct kexpr **reads;
    size_t n_reads, cap_reads;
    bool *bound;
    struct kwalk walk;
    const struct kexpr **checked;
    size_t n_checked, cap_checked;
};

__attribute__((format(printf, 2, 3))) static void wrong(struct verify *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *what = arena_vprintf(v->a, fmt, ap);
    va_end(ap);
    v->good = diag_error(v->k->s, FAIL_INPUT, v->stmt ? v->stmt->loc : v->k->loc, "kernel %s: %s%s%s", v->k->name,
                         v->stmt ? kstmt_table[v->stmt->kind].name : "", v->stmt ? ": " : "", what);
}

/* ---- what may be named ---- */
static void check_atom(struct verify *v, const struct index *atom)
{
    if (atom->kind != INDEX_VAR)
        return;
    for (size_t i = 0; i < v->n_vars; i++)
        if (v->vars[i] == atom)
            return;
    wrong(v, "the index variable %s is not to be seen here", atom->name);
}

static void check_index(void *ctx, const struct index *e)
{
    struct verify *v = ctx;
    if (e->kind == INDEX_VAR)
        check_atom(v, e);
    if (e->a) {
        check_index(v, e->a);
        check_index(v, e->b);
    }
    if ((e->kind == INDEX_DIV || e->kind == INDEX_MOD) && e->b->hi <= 0)
        wrong(v, "an index is divided by what is never above 0");
    for (int i = 0; i < e->n_terms; i++)
        for (int j = 0; j < e->terms[i].n; j++)
            check_index(v, e->terms[i].atom[j]);
}

static void see(struct verify *v, const struct index *var) { *arena_push(v->a, v->vars, v->n_vars, v->cap_vars) = var; }

/* ---- accesses ---- */

/* Reports an error if the index is out of range for all values of its variables.
   For private memory, reports an error if the index is out of range for any of these values. */
static void check_access(struct verify *v, const struct kmem *m, const struct index *slot, const struct index *index)
{
    if (m->space == KS_PRIVATE && (index->lo < 0 || index->hi >= m->count->k))
        wrong(v, "%s[%s] has %lld elements, and the index is in %lld..%lld", m->name, index_text(v->a, index),
              (long long)m->count->k, (long long)index->lo, (long long)index->hi);
    else if (m->count->hi > 0 && (index->hi < 0 || index->lo >= m->count->hi))
        wrong(v, "%s[%s] is outside of its %s elements", m->name, index_text(v->a, index), index_text(v->a, m->count));
    if (slot && m->space != KS_SHARED)
        wrong(v, "%s has no slots", m->name);
    if (slot && (slot->lo < 0 || slot->hi >= m->slots))
        wrong(v, "%s has %d slots, and the slot is in %lld..%lld", m->name, m->slots, (long long)slot->lo,
              (long long)slot->hi);
}

static bool same_slot(const struct index *a, const struct index *b)
{
    return a == b || (!a && index_is_const(b) && !b->k) || (!b && index_is_const(a) && !a->k);
}

static void check_flights(struct verify *v, const struct kmem *m, const struct index *slot)
{
    for (size_t i = 0; m->space == KS_SHARED && i < v->n_flights; i++) {
        const struct flight *f = &v->flights[i];
        if (f->waited || f->stmt->mem != m || !same_slot(f->stmt->slot, slot))
            continue;
        wrong(v, "%s is touched while a copy into it is in flight: no barrier has waited for it", m->name);
        return;
    }
}

static void check_mask(struct verify *v, const struct kmask *m)
{
    if (m->n < 0 || m->n > 4)
        wrong(v, "a mask of %d conditions", m->n);
    for (int i = 0; i < m->n; i++)
        if (m->g[i].bound->hi <= 0)
            wrong(v, "the condition 0 <= %s < %s never holds", index_text(v->a, m->g[i].e),
                  index_text(v->a, m->g[i].bound));
}

/* ---- values ---- */
static void check_load(struct verify *v, const struct kexpr *x)
{
    check_access(v, x->mem, x->slot, x->index);
    check_flights(v, x->mem, x->slot);
    check_mask(v, &x->mask);
    if (x->type != kexpr_value_type(x->mem->dtype))
        wrong(v, "%s holds %s, and is read as %s", x->mem->name, dtype_name(x->mem->dtype), dtype_name(x->type));
}

static void check_op(struct verify *v, const struct kexpr *x)
{
    enum dtype t[3] = { DT_F32, DT_F32, DT_F32 };
    for (int i = 0; i < kop_table[x->op].arity; i++)
        t[i] = x->arg[i]->type;
    const char *why = kexpr_op_wrong(x->op, t, x->type);
    if (why)
        wrong(v, "%s: %s", kop_table[x->op].name, why);
}

static void check_value(void *ctx, const struct kexpr *x)
{
    struct verify *v = ctx;
    *arena_push(v->a, v->checked, v->n_checked, v->cap_checked) = x;
    kexpr_indices(x, check_index, v);
    if (x->kind == KEXPR_LOAD)
        check_load(v, x);
    if (x->kind == KEXPR_FRAG && !v->eaches)
        wrong(v, "the element of a fragment is known inside an each alone");
    if (x->kind == KEXPR_OP && x->op == K_READ && !v->bound[x->id])
        wrong(v, "the value of a let is read where the let is not to be seen");
    if (x->kind == KEXPR_OP)
        check_op(v, x);
}

static void check_type(struct verify *v, const struct kmem *m, enum dtype t)
{
    if (t != kexpr_value_type(m->dtype))
        wrong(v, "a value of type %s into %s, which is %s", dtype_name(t), m->name, dtype_name(m->dtype));
}

/* ---- copies ---- */
static void check_copy(struct verify *v, const struct kstmt *it)
{
    int bytes = it->elems * dtype_size(it->mem->dtype);
    if (it->mem->space != KS_SHARED) {
        wrong(v, "%s is not shared memory", it->mem->name);
        return;
    }
    check_access(v, it->mem, it->slot, it->index);
    if (bytes != 4 && bytes != 8 && bytes != 16)
        wrong(v, "copies are of 4, 8 or 16 bytes, not %d", bytes);
    if (!index_multiple_of(it->index, it->elems) || (it->slot && it->mem->count->k % it->elems))
        wrong(v, "%s[%s] is not known to be a multiple of %d elements", it->mem->name, index_text(v->a, it->index),
              it->elems);
    if (it->stage < 0 || it->stage > 255)
        wrong(v, "staging register %d", it->stage);
}

static void issue(struct verify *v, const struct kstmt *it)
{
    check_copy(v, it);
    if (it->mem2->space != KS_ARG)
        wrong(v, "%s is not an argument", it->mem2->name);
    else if (it->mem2->dtype != it->mem->dtype)
        wrong(v, "%s is %s, and %s is %s", it->mem2->name, dtype_name(it->mem2->dtype), it->mem->name,
              dtype_name(it->mem->dtype));
    check_access(v, it->mem2, NULL, it->index2);
    check_mask(v, &it->mask);
    if (!index_multiple_of(it->index2, it->elems))
        wrong(v, "%s[%s] is not known to be a multiple of %d elements", it->mem2->name, index_text(v->a, it->index2),
              it->elems);
    if (it->stage < 0 || it->stage > 255)
        return;
    if (v->stage_owner[it->stage])
        wrong(v, "staging register %d is issued again before it has landed", it->stage);
    *arena_push(v->a, v->flights, v->n_flights, v->cap_flights) = (struct flight){ .stmt = it, .group = v->group };
    v->stage_owner[it->stage] = (int)v->n_flights;
}

static void land(struct verify *v, const struct kstmt *it)
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
    const struct kstmt *from = v->flights[owner - 1].stmt;
    if (from->mem != it->mem || !same_slot(from->slot, it->slot) || from->index != it->index ||
        from->elems != it->elems)
        wrong(v, "staging register %d was issued for another place of shared memory", it->stage);
}

static void commit(struct verify *v, const struct kstmt *it)
{
    (void)it;
    v->group++;
}

static void await(struct verify *v, const struct kstmt *it)
{
    (void)v;
    (void)it;
}

static void barrier(struct verify *v, const struct kstmt *it)
{
    for (size_t i = 0; it->pending >= 0 && i < v->n_flights; i++) {
        v->flights[i].barrier = true;
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

static void frag_fill(struct verify *v, const struct kstmt *it) { check_unit(v, it->frag, KF_C); }

static void frag_load(struct verify *v, const struct kstmt *it)
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
    check_access(v, it->mem, it->slot, index_const(v->k->s->indices, 0));
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

static void mma(struct verify *v, const struct kstmt *it)
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

static void frag_set(struct verify *v, const struct kstmt *it)
{
    if (it->value->type != DT_F32)
        wrong(v, "a value of type %s into a fragment's element, which is f32", dtype_name(it->value->type));
}

static void frag_reduce(struct verify *v, const struct kstmt *it)
{
    const struct kfrag *c = it->frag;
    check_unit(v, c, KF_C);
    if (it->mem->space != KS_PRIVATE || it->mem->dtype != DT_F32 || it->mem->count->k != frag_rows(c))
        wrong(v, "%s is not private memory of f32[%d], one element for each row of %s in a lane", it->mem->name,
              frag_rows(c), c->name);
    if (!frag_rows_whole(v->k->s->indices, c->unit, v->k->target->wave))
        wrong(v, "the lanes of %s do not share whole rows", c->unit->name);
}

static void frag_cast(struct verify *v, const struct kstmt *it)
{
    const struct kfrag *a = it->frag;
    const struct kfrag *c = it->frag_a;
    check_unit(v, a, KF_A);
    check_unit(v, c, KF_C);
    if (a->rows * a->cols != c->rows)
        wrong(v, "%s is %d fragments, and %s has %d rows of them", a->name, a->rows * a->cols, c->name, c->rows);
    if (it->index->lo < 0 || (it->index->hi + 1) * a->unit->k > (int64_t)c->cols * c->unit->n)
        wrong(v, "%s has %d columns, %d per step, and the step is in %lld..%lld", c->name, c->cols * c->unit->n,
              a->unit->k, (long long)it->index->lo, (long long)it->index->hi);
    if (it->index->uniform > UNIFORM_WAVE)
        wrong(v, "the step is not the same for all lanes of a wave");
    if (frag_way_of(v->k->s->indices, a->unit, v->k->target->wave) == FRAG_NO_WAY)
        wrong(v, "%s has no way from its results to its operands", a->unit->name);
}

/* ---- statements ---- */
static void combine(struct verify *v, const struct kstmt *it)
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
    if (it->first < 1 || it->first & (it->first - 1) || it->first > it->span)
        wrong(v, "the nearest lane at distance %d: it must be a power of two up to the %d lanes", it->first, it->span);
    if (it->mem->dtype == DT_BOOL)
        wrong(v, "%s is bool", it->mem->name);
}

static void accumulate(struct verify *v, const struct kstmt *it)
{
    if (it->mem->space != KS_PRIVATE) {
        wrong(v, "%s is not private memory", it->mem->name);
        return;
    }
    check_access(v, it->mem, NULL, it->index);
    check_type(v, it->mem, it->value->type);
    if (it->mem->dtype == DT_BOOL || it->mem->dtype == DT_F16 || it->mem->dtype == DT_BF16)
        wrong(v, "%s is %s, which is no accumulator", it->mem->name, dtype_name(it->mem->dtype));
    if (it->fma && (it->acc != KACC_SUM || it->value->kind != KEXPR_OP || it->value->op != K_MUL ||
                    !dtype_is_float(it->value->type)))
        wrong(v, "an fma of what is no product of floats");
}

static void store(struct verify *v, const struct kstmt *it)
{
    check_access(v, it->mem, it->slot, it->index);
    check_type(v, it->mem, it->value->type);
    check_mask(v, &it->mask);
}

/* `m` is the argument or shared memory, `own` the private memory. */
static void check_vector(struct verify *v, const struct kstmt *it, const struct kmem *m, const struct index *index,
                         const struct kmem *own, const struct index *at)
{
    struct index_table *t = v->k->s->indices;
    bool typed = m->dtype == DT_F16 || m->dtype == DT_BF16 || m->dtype == DT_F32 || m->dtype == DT_F64 ||
                 m->dtype == DT_I32 || m->dtype == DT_I64;
    if (it->elems != 2 && it->elems != 4 && it->elems != 8)
        wrong(v, "%d elements: they are 2, 4 or 8", it->elems);
    if (own->space != KS_PRIVATE || m->space == KS_PRIVATE)
        wrong(v, "%s is not private memory, or %s is: a vector access is between the two", own->name, m->name);
    if (!typed || own->dtype != kexpr_value_type(m->dtype))
        wrong(v, "%s is %s, and %s is %s", m->name, dtype_name(m->dtype), own->name, dtype_name(own->dtype));
    if (!index_multiple_of(index, it->elems) || (it->slot && m->count->k % it->elems))
        wrong(v, "%s[%s] is not known to be a multiple of %d elements", m->name, index_text(v->a, index), it->elems);
    check_access(v, m, it->slot, index);
    check_access(v, m, it->slot, index_addk(t, index, it->elems - 1));
    check_access(v, own, NULL, at);
    check_access(v, own, NULL, index_addk(t, at, it->elems - 1));
    check_mask(v, &it->mask);
}

static void load_vector(struct verify *v, const struct kstmt *it)
{
    check_vector(v, it, it->mem2, it->index2, it->mem, it->index);
}

static void store_vector(struct verify *v, const struct kstmt *it)
{
    check_vector(v, it, it->mem, it->index, it->mem2, it->index2);
}

static void let(struct verify *v, const struct kstmt *it)
{
    if (it->var && it->value->type != DT_I32 && it->value->type != DT_I64)
        wrong(v, "the index variable %s has a value of type %s", it->var->name, dtype_name(it->value->type));
    if (it->var)
        see(v, it->var);
    if (it->read) {
        *arena_push(v->a, v->reads, v->n_reads, v->cap_reads) = it->read;
        v->bound[it->read->id] = true;
    }
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

/* ---- scopes ---- */
static void stmts(struct verify *v, struct kstmt *const *list, size_t n);

/* The lengths of the lists vars, reads and checked when a scope begins. `leave` restores these lengths. */
struct scope {
    size_t n_vars, n_reads, n_checked;
};

static struct scope enter(const struct verify *v) { return (struct scope){ v->n_vars, v->n_reads, v->n_checked }; }

static void leave_values(struct verify *v, const struct scope *s)
{
    while (v->n_checked > s->n_checked)
        v->walk.seen[v->checked[--v->n_checked]->id] = false;
}

static void leave(struct verify *v, const struct scope *s)
{
    leave_values(v, s);
    v->n_vars = s->n_vars;
    while (v->n_reads > s->n_reads)
        v->bound[v->reads[--v->n_reads]->id] = false;
}

static void nested(struct verify *v, const struct kstmt *it, enum uniform control)
{
    const struct index *const vars[] = { it->var, it->var2, it->var3, it->var4 };
    struct scope outer = enter(v);
    enum uniform before = v->control;
    bool apart = kstmt_table[it->kind].body & KBODY_APART;
    if (control > v->control)
        v->control = control;
    v->regions += apart;
    for (int i = 0; i < 4; i++)
        if (vars[i])
            see(v, vars[i]);
    stmts(v, it->body, it->n_body);
    leave(v, &outer);
    stmts(v, it->orelse, it->n_orelse);
    leave(v, &outer);
    v->regions -= apart;
    v->control = before;
    v->stmt = it;
}

static void region(struct verify *v, const struct kstmt *it) { nested(v, it, UNIFORM_GRID); }

static void branch(struct verify *v, const struct kstmt *it)
{
    check_mask(v, &it->mask);
    nested(v, it, guard_uniform(&it->mask));
}

static void each(struct verify *v, const struct kstmt *it)
{
    check_unit(v, it->frag, KF_C);
    if (it->row->uniform > UNIFORM_WAVE || it->col->uniform > UNIFORM_WAVE)
        wrong(v, "the origin is not the same for all lanes of a wave");
    v->eaches++;
    nested(v, it, UNIFORM_GRID);
    v->eaches--;
}

/* True if a barrier in the list waits for copies. In a loop, a barrier also waits for the previous iteration's
   copies. */
static bool has_wait(struct kstmt *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct kstmt *it = list[i];
        if ((kstmt_table[it->kind].copy == KCOPY_WAIT && it->pending >= 0) || has_wait(it->body, it->n_body) ||
            has_wait(it->orelse, it->n_orelse))
            return true;
    }
    return false;
}

static void loop(struct verify *v, const struct kstmt *it)
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
        v->flights[i].barrier = true;
}

/* ---- rules from the table of kinds ---- */
static bool has_fields(struct verify *v, const struct kstmt *it)
{
    const struct kstmt_info *info = &kstmt_table[it->kind];
    bool fields = !info->mem == !it->mem && !info->mem2 == !it->mem2 && !info->frag == !it->frag &&
                  !info->frag_a == !it->frag_a && !info->frag_b == !it->frag_b && info->value == (it->value != NULL);
    bool bodies = (info->body & KBODY || !it->n_body) && (info->body & KBODY_ELSE || !it->n_orelse);
    if (!fields || !bodies)
        wrong(v, "it names what its kind has not, or lacks what its kind has");
    return fields && bodies;
}

static bool check_place(struct verify *v, const struct kstmt *it)
{
    const struct kstmt_info *info = &kstmt_table[it->kind];
    if (info->collective && v->regions)
        wrong(v, "stands inside of a region, whose threads are independent");
    if (info->place == KPLACE_NO_EACH && v->eaches)
        wrong(v, "stands inside of an each");
    if (info->place == KPLACE_IN_EACH && !v->eaches)
        wrong(v, "the element of a fragment is known inside an each alone");
    return info->place != KPLACE_IN_EACH || v->eaches;
}

static void check_team(struct verify *v, const struct kstmt *it)
{
    const struct kstmt_info *info = &kstmt_table[it->kind];
    enum kteam team = info->team != KTEAM_SCOPE ? info->team : it->scope == KSCOPE_BLOCK ? KTEAM_BLOCK : KTEAM_WAVE;
    if (team == KTEAM_BLOCK && v->control > UNIFORM_BLOCK)
        wrong(v, "stands in control that is not the same for all threads of the block");
    if (team == KTEAM_WAVE && v->control > UNIFORM_WAVE)
        wrong(v, "stands in control that is not the same for all lanes of a wave");
    if (info->collective && info->team == KTEAM_WAVE && v->k->block % v->k->target->wave)
        wrong(v, "a block of %d threads is no whole number of waves", v->k->block);
}

/* Only the statements of a copy itself (issue, land) may access memory that a copy is still writing. */
static void check_touches(struct verify *v, const struct kstmt *it)
{
    if (kstmt_table[it->kind].copy)
        return;
    if (it->mem)
        check_flights(v, it->mem, it->slot);
    if (it->mem2)
        check_flights(v, it->mem2, it->slot);
}

static void (*const check[KSTMT_COUNT])(struct verify *, const struct kstmt *) = {
    [KSTMT_REGION] = region,
    [KSTMT_LET] = let,
    [KSTMT_STORE] = store,
    [KSTMT_LOAD_VECTOR] = load_vector,
    [KSTMT_STORE_VECTOR] = store_vector,
    [KSTMT_ACCUMULATE] = accumulate,
    [KSTMT_COMBINE] = combine,
    [KSTMT_FOR] = loop,
    [KSTMT_IF] = branch,
    [KSTMT_ISSUE] = issue,
    [KSTMT_LAND] = land,
    [KSTMT_COMMIT] = commit,
    [KSTMT_BARRIER] = barrier,
    [KSTMT_AWAIT] = await,
    [KSTMT_FRAG_FILL] = frag_fill,
    [KSTMT_FRAG_LOAD] = frag_load,
    [KSTMT_MMA] = mma,
    [KSTMT_EACH] = each,
    [KSTMT_FRAG_SET] = frag_set,
    [KSTMT_FRAG_REDUCE] = frag_reduce,
    [KSTMT_FRAG_CAST] = frag_cast,
};

static void stmt(struct verify *v, const struct kstmt *it)
{
    v->stmt = it;
    if (!check_place(v, it) || !has_fields(v, it))
        return;
    check_team(v, it);
    kstmt_indices(it, check_index, v);
    if (it->value)
        kwalk_value(&v->walk, it->value, check_value, v);
    check_touches(v, it);
    check[it->kind](v, it);
}

/* Outside regions, each statement is a scope (ir/kernel/kir_plan.h). */
static void stmts(struct verify *v, struct kstmt *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct scope outer = enter(v);
        stmt(v, list[i]);
        if (!v->regions)
            leave_values(v, &outer);
    }
}

/* ---- the kernel ---- */
static void check_head(struct verify *v)
{
    const struct kernel *k = v->k;
    if (strcmp(kname_clean(v->a, k->name), k->name))
        wrong(v, "the name is no identifier of its own");
    if (k->block > k->target->max_block)
        wrong(v, "a block of %d threads; %s takes %d", k->block, k->target->name, k->target->max_block);
    if (k->shared_bytes > k->target->shared_bytes)
        wrong(v, "%d bytes of shared memory; %s has %d", k->shared_bytes, k->target->name, k->target->shared_bytes);
    for (int i = 0; i < 3; i++) {
        if (k->grid[i]->uniform != UNIFORM_GRID)
            wrong(v, "the grid is not a function of the dims alone");
        if (i && k->grid[i]->hi > (int64_t)k->target->max_grid[i])
            wrong(v, "the grid's %c may be over the %lld blocks that %s takes", "xyz"[i],
                  (long long)k -> target -> max_grid[i], k -> target -> name);
    }
    const struct index *ids[] = { k->tid, k->lane, k->wave_id, k->bid[0], k->bid[1], k->bid[2] };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        see(v, ids[i]);
}

static void check_end(struct verify *v)
{
    for (int i = 0; i < 256; i++)
        if (v->stage_owner[i]) {
            v->stmt = v->flights[v->stage_owner[i] - 1].stmt;
            wrong(v, "staging register %d never lands", i);
        }
    for (size_t i = 0; i < v->n_flights; i++) {
        const struct flight *f = &v->flights[i];
        v->stmt = f->stmt;
        if (f->group >= v->group)
            wrong(v, "no commit follows: no barrier can wait for this copy");
        else if (!f->barrier)
            wrong(v, "no barrier waits for this copy");
    }
}

bool kernel_verify(const struct kernel *k)
{
    struct verify v = { .k = k, .a = k->arena, .good = true };
    v.bound = arena_array(v.a, bool, k->n_values + 1);
    v.walk = kwalk_new(v.a, k);
    check_head(&v);
    stmts(&v, k->body, k->n_body);
    check_end(&v);
    return v.good;
}
