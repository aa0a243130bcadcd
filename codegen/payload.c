#include "codegen/payload.h"

#include <string.h>

#include "codegen/print_value.h"
#include "ir/kernel/fragment.h"

/* Which array says whether a thread takes part at this depth of control: live0, live1, … */
struct payload {
    struct kprint p;
    int live;
};

static void line_stmts(struct payload *y, struct kstmt *const *list, size_t n);

/* ---- names: outside of regions every variable is an array over the block's threads ---- */
static const char *spell(void *ctx, const struct index *atom)
{
    const struct payload *y = ctx;
    const struct kernel *k = y->p.k;
    if (atom == k->tid)
        return "tid";
    if (atom == k->lane)
        return "(tid % W_)";
    if (atom == k->wave_id)
        return "(tid / W_)";
    if (atom->kind == INDEX_SYM) {
        for (size_t i = 0; i < k->n_dims; i++)
            if (k->dims[i].sym == atom)
                return arena_printf(y->p.o.arena, "d_%zu", i);
        BUG("kernel %s: dim %s is not among its arguments", k->name, atom->name);
    }
    for (size_t i = 0; i < y->p.n_outer; i++)
        if (y->p.outer[i] == atom)
            return arena_printf(y->p.o.arena, "%s[tid]", kplan_var(y->p.plan, atom));
    return kplan_var(y->p.plan, atom);
}

static void make_outer(struct payload *y, const struct index *var)
{
    *arena_push(y->p.o.arena, y->p.outer, y->p.n_outer, y->p.cap_outer) = var;
}

/* ---- threads ---- */
static void open(struct payload *y)
{
    kout_line(&y->p.o, "THREADS_(live%d_) {", y->live);
    y->p.o.depth++;
}
static void shut(struct payload *y) { print_close(&y->p); }

static void temporaries(struct payload *y)
{
    size_t n;
    const struct kref *r = kplan_refs(y->p.plan, y->p.stmt, &n);
    for (size_t j = 0; j < n; j++)
        if (r[j].def)
            kout_line(&y->p.o, "const %s t%d = %s;", print_type(&y->p, r[j].x->type), r[j].temp,
                      print_value(&y->p, r[j].x, false, true));
}

/* ---- statements of a thread ---- */
static const char *stored(struct payload *y, const struct kmem *m, const struct kexpr *value)
{
    const char *v = print_value(&y->p, value, false, false);
    return dtype_is_float(m->dtype) ? arena_printf(y->p.o.arena, "p_to_%s(%s)", dtype_name(m->dtype), v) : v;
}

static void store(struct payload *y, const struct kstmt *it)
{
    kout_line(&y->p.o, "if (%s) %s = %s;", print_guards(&y->p, &it->mask),
              print_cell_at(&y->p, it->mem, it->slot, it->index), stored(y, it->mem, it->value));
}

static void load_vector(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    const char *to = print_index(p, it->index, true);
    const char *from = print_index(p, print_ring_index(p, it->mem2, it->slot, it->index2), true);
    kout_line(&p->o, "for (tk_i32 e_ = 0; e_ < %d; e_++) %s[tid][%s + e_] = %s ? %s[%s + e_] : %s;", it->elems,
              it->mem->name, to, arena_printf(p->o.arena, "(%s)", print_guards(p, &it->mask)), it->mem2->name, from,
              print_value(p, it->value, false, false));
}

static void store_vector(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    const char *to = print_index(p, print_ring_index(p, it->mem, it->slot, it->index), true);
    const char *value = arena_printf(p->o.arena, "%s[tid][%s + e_]", it->mem2->name, print_index(p, it->index2, true));
    if (dtype_is_float(it->mem->dtype))
        value = arena_printf(p->o.arena, "p_to_%s(%s)", dtype_name(it->mem->dtype), value);
    kout_line(&p->o, "if (%s) for (tk_i32 e_ = 0; e_ < %d; e_++) %s[%s + e_] = %s;", print_guards(p, &it->mask),
              it->elems, it->mem->name, to, value);
}

static void accumulate(struct payload *y, const struct kstmt *it)
{
    const char *cell = print_cell_at(&y->p, it->mem, NULL, it->index);
    if (it->fma)
        kout_line(&y->p.o, "%s = p_accumulate_fma(%s, %s, %s);", cell, cell,
                  print_value(&y->p, it->value->arg[0], false, false),
                  print_value(&y->p, it->value->arg[1], false, false));
    else
        kout_line(
            &y->p.o, "%s = %s;", cell,
            print_acc(&y->p, it->acc, it->acc_type, "accumulate", cell, print_value(&y->p, it->value, true, false)));
}

static void let(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    const char *v = print_value(p, it->value, false, false);
    if (it->var)
        kout_line(&p->o, "const tk_i32 %s = (tk_i32)(%s);", kplan_var(p->plan, it->var), v);
    else
        kout_line(&p->o, "const %s %s = %s;", print_type(p, it->value->type), kplan_read(p->plan, it->read), v);
}

static void let_outside(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    const char *name = it->var ? kplan_var(p->plan, it->var) : kplan_read(p->plan, it->read);
    kout_line(&p->o, "%s %s[N_];", it->var ? "tk_i32" : print_type(p, it->value->type), name);
    open(y);
    temporaries(y);
    kout_line(&p->o, "%s[tid] = %s%s%s;", name, it->var ? "(tk_i32)(" : "", print_value(p, it->value, false, false),
              it->var ? ")" : "");
    shut(y);
    if (it->var)
        make_outer(y, it->var);
    else
        *arena_push(p->o.arena, p->outer_read, p->n_outer_read, p->cap_outer_read) = it->read;
}

static void loop(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    const char *v = kplan_var(p->plan, it->var);
    kout_line(&p->o, "for (tk_i32 %s = %s; %s < %s; %s += %s) {", v, print_index(p, it->lo, false), v,
              print_index(p, it->hi, false), v, print_index(p, it->step, false));
    p->o.depth++;
    line_stmts(y, it->body, it->n_body);
    print_close(p);
}

static void branch(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    kout_line(&p->o, "if (%s) {", print_guards(p, &it->mask));
    p->o.depth++;
    line_stmts(y, it->body, it->n_body);
    p->o.depth--;
    kout_line(&p->o, "} else {");
    p->o.depth++;
    line_stmts(y, it->orelse, it->n_orelse);
    print_close(p);
}

static void issue(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    bool f = dtype_is_float(it->mem->dtype);
    const char *to = print_index(p, print_ring_index(p, it->mem, it->slot, it->index), true);
    const char *from = print_index(p, it->index2, true);
    kout_line(&p->o, "for (tk_i32 e_ = 0; e_ < %d; e_++) %s[%s + e_] = %s ? %s[%s + e_] : %s;", it->elems,
              it->mem->name, to, arena_printf(p->o.arena, "(%s)", print_guards(p, &it->mask)), it->mem2->name, from,
              f ? "p_const(0)" : "0");
}

static int elems_of(const struct kfrag *f)
{
    return f->role == KF_A ? f->unit->a_elems : f->role == KF_B ? f->unit->b_elems : f->unit->c_elems;
}

static void frag_fill(struct payload *y, const struct kstmt *it)
{
    kout_line(&y->p.o, "for (tk_i32 e_ = 0; e_ < %d; e_++) %s[tid][e_] = %s;",
              it->frag->rows * it->frag->cols * elems_of(it->frag), it->frag->name,
              print_value(&y->p, it->value, false, false));
}

static void frag_load(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    struct index_table *t = p->k->s->indices;
    const struct kfrag *f = it->frag;
    int n = f->rows * f->cols;
    int elems = elems_of(f);
    const struct index *i = index_var(t, "i_", 0, n - 1, UNIFORM_GRID);
    const struct index *e = index_var(t, "e_", 0, elems - 1, UNIFORM_GRID);
    print_loop(p, "i_", arena_printf(p->o.arena, "%d", n));
    print_loop(p, "e_", arena_printf(p->o.arena, "%d", elems));
    kout_line(&p->o, "%s[tid][%d*i_ + e_] = %s[%s];", f->name, elems, it->mem->name,
              print_index(p, print_frag_index(p, it, i, e), false));
    print_close(p);
    print_close(p);
}

static void each(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    struct index_table *t = p->k->s->indices;
    const struct kfrag *f = it->frag;
    const struct matrix_unit *u = f->unit;
    const struct index *i = index_var(t, "i_", 0, f->rows - 1, UNIFORM_GRID);
    const struct index *j = index_var(t, "j_", 0, f->cols - 1, UNIFORM_GRID);
    const struct index *e = index_var(t, "e_", 0, u->c_elems - 1, UNIFORM_GRID);
    print_loop(p, "i_", arena_printf(p->o.arena, "%d", f->rows));
    print_loop(p, "j_", arena_printf(p->o.arena, "%d", f->cols));
    print_loop(p, "e_", arena_printf(p->o.arena, "%d", u->c_elems));
    const struct index *row = index_add(t, index_add(t, it->row, index_mulk(t, i, u->m)), print_map(p, u->c.row, e));
    const struct index *col = index_add(t, index_add(t, it->col, index_mulk(t, j, u->n)), print_map(p, u->c.col, e));
    kout_line(&p->o, "const tk_i32 %s = %s;", kplan_var(p->plan, it->var), print_index(p, row, false));
    kout_line(&p->o, "const tk_i32 %s = %s;", kplan_var(p->plan, it->var2), print_index(p, col, false));
    if (it->var3)
        kout_line(&p->o, "const tk_i32 %s = %s;", kplan_var(p->plan, it->var3),
                  print_index(p, print_row_slot(p, f, i, e), false));
    p->elem = arena_printf(p->o.arena, "%s[tid][%d*(%d*i_ + j_) + e_]", f->name, u->c_elems, f->cols);
    line_stmts(y, it->body, it->n_body);
    p->elem = NULL;
    print_close(p);
    print_close(p);
    print_close(p);
}

static void line_stmt(struct payload *y, const struct kstmt *it)
{
    switch (it->kind) {
    case KSTMT_REGION: line_stmts(y, it->body, it->n_body); break;
    case KSTMT_LET: let(y, it); break;
    case KSTMT_STORE: store(y, it); break;
    case KSTMT_LOAD_VECTOR: load_vector(y, it); break;
    case KSTMT_STORE_VECTOR: store_vector(y, it); break;
    case KSTMT_ACCUMULATE: accumulate(y, it); break;
    case KSTMT_FOR: loop(y, it); break;
    case KSTMT_IF: branch(y, it); break;
    case KSTMT_ISSUE: issue(y, it); break;
    case KSTMT_LAND:
    case KSTMT_COMMIT: break;
    case KSTMT_FRAG_FILL: frag_fill(y, it); break;
    case KSTMT_FRAG_LOAD: frag_load(y, it); break;
    case KSTMT_EACH: each(y, it); break;
    case KSTMT_FRAG_SET:
        kout_line(&y->p.o, "%s = p_to_f32(%s);", y->p.elem, print_value(&y->p, it->value, false, false));
        break;
    case KSTMT_COMBINE:
    case KSTMT_BARRIER:
    case KSTMT_MMA:
    case KSTMT_FRAG_REDUCE:
    case KSTMT_FRAG_CAST:
    case KSTMT_COUNT: BUG("a collective inside of a region");
    }
}

static void line_stmts(struct payload *y, struct kstmt *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y->p.stmt = list[i];
        temporaries(y);
        line_stmt(y, list[i]);
    }
}

/* ---- statements of the block ---- */
static void block_stmts(struct payload *y, struct kstmt *const *list, size_t n);

/* Each lane's element and that of the lane at distance d_, as they were before this level. */
static void level(struct payload *y, const struct kstmt *it, const char *cell)
{
    struct kprint *p = &y->p;
    kout_line(&p->o, "%s was_[N_];", print_type(p, it->acc_type));
    kout_line(&p->o, "THREADS_(live%d_) was_[tid] = %s;", y->live, cell);
    kout_line(&p->o, "THREADS_(live%d_) %s = %s;", y->live, cell,
              print_acc(p, it->acc, it->acc_type, "combine", "was_[tid]", "was_[tid ^ d_]"));
}

static void combine(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    kout_line(&p->o, "for (tk_i32 d_ = 1; d_ < %d; d_ *= 2) {", it->span);
    p->o.depth++;
    level(y, it, print_cell_at(p, it->mem, NULL, it->index));
    print_close(p);
}

static void frag_reduce(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    struct index_table *t = p->k->s->indices;
    const struct kfrag *f = it->frag;
    const struct index *i = index_var(t, "i_", 0, f->rows - 1, UNIFORM_GRID);
    const struct index *e = index_var(t, "e_", 0, f->unit->c_elems - 1, UNIFORM_GRID);
    const struct index *k = index_var(t, "k_", 0, frag_rows(f) - 1, UNIFORM_GRID);
    const char *own = print_cell_at(p, it->mem, NULL, k);
    const char *to = print_cell_at(p, it->mem, NULL, print_row_slot(p, f, i, e));
    const char *elem = arena_printf(p->o.arena, "%s[tid][%d*(%d*i_ + j_) + e_]", f->name, f->unit->c_elems, f->cols);
    open(y);
    kout_line(&p->o, "for (tk_i32 k_ = 0; k_ < %d; k_++) %s = %s;", frag_rows(f), own,
              print_value(p, it->value, false, false));
    print_loop(p, "i_", arena_printf(p->o.arena, "%d", f->rows));
    print_loop(p, "j_", arena_printf(p->o.arena, "%d", f->cols));
    kout_line(&p->o, "for (tk_i32 e_ = 0; e_ < %d; e_++) %s = %s;", f->unit->c_elems, to,
              print_acc(p, it->acc, it->acc_type, "accumulate", to, elem));
    print_close(p);
    print_close(p);
    shut(y);
    kout_line(&p->o, "for (tk_i32 k_ = 0; k_ < %d; k_++) for (tk_i32 d_ = 1; d_ < W_; d_ *= 2) if (d_ & %u) {",
              frag_rows(f), frag_row_lanes(f->unit, p->k->target->wave));
    p->o.depth++;
    level(y, it, own);
    print_close(p);
}

/* Every element straight from the lane that holds it. */
static void frag_cast(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    struct index_table *t = p->k->s->indices;
    const struct kfrag *a = it->frag;
    const struct kfrag *c = it->frag_a;
    const struct matrix_unit *u = a->unit;
    const struct index *i = index_var(t, "i_", 0, c->rows - 1, UNIFORM_GRID);
    const struct index *e = index_var(t, "e_", 0, u->a_elems - 1, UNIFORM_GRID);
    struct frag_source s = frag_source_of(t, u, p->k->lane, e);
    const struct index *frag =
        index_add(t, index_add(t, index_mulk(t, i, c->cols), index_mulk(t, it->index, u->k / u->n)), s.frag);
    open(y);
    print_loop(p, "i_", arena_printf(p->o.arena, "%d", c->rows));
    print_loop(p, "e_", arena_printf(p->o.arena, "%d", u->a_elems));
    kout_line(&p->o, "%s[tid][%d*i_ + e_] = p_to_%s(%s[tid/W_*W_ + %s][%s]);", a->name, u->a_elems, dtype_name(u->in),
              c->name, print_index(p, s.lane, true),
              print_index(p, index_add(t, index_mulk(t, frag, u->c_elems), s.elem), false));
    print_close(p);
    print_close(p);
    shut(y);
}

/* Gathers a wave's operands by the coordinate maps, and computes each of its results. */
static void mma(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    struct index_table *t = p->k->s->indices;
    const struct kfrag *c = it->frag;
    const struct kfrag *a = it->frag_a;
    const struct kfrag *b = it->frag_b;
    const struct matrix_unit *u = c->unit;
    const struct index *e = index_var(t, "e_", 0, 1 << 20, UNIFORM_GRID);
    print_loop(p, "i_", arena_printf(p->o.arena, "%d", c->rows));
    print_loop(p, "j_", arena_printf(p->o.arena, "%d", c->cols));
    kout_line(&p->o, "P a_[N_ / W_][%d][%d], b_[N_ / W_][%d][%d];", u->m, u->k, u->n, u->k);
    kout_line(&p->o, "THREADS_(live%d_) for (tk_i32 e_ = 0; e_ < %d; e_++) a_[tid / W_][%s][%s] = %s[tid][%d*i_ + e_];",
              y->live, u->a_elems, print_index(p, print_map(p, u->a.row, e), false),
              print_index(p, print_map(p, u->a.col, e), false), a->name, u->a_elems);
    kout_line(&p->o, "THREADS_(live%d_) for (tk_i32 e_ = 0; e_ < %d; e_++) b_[tid / W_][%s][%s] = %s[tid][%d*j_ + e_];",
              y->live, u->b_elems, print_index(p, print_map(p, u->b.col, e), false),
              print_index(p, print_map(p, u->b.row, e), false), b->name, u->b_elems);
    kout_line(&p->o, "THREADS_(live%d_) for (tk_i32 e_ = 0; e_ < %d; e_++) {", y->live, u->c_elems);
    p->o.depth++;
    kout_line(&p->o, "P *const c_ = &%s[tid][%d*(%d*i_ + j_) + e_];", c->name, u->c_elems, c->cols);
    kout_line(&p->o, "*c_ = p_mma(*c_, a_[tid / W_][%s], b_[tid / W_][%s], %d);",
              print_index(p, print_map(p, u->c.row, e), false), print_index(p, print_map(p, u->c.col, e), false), u->k);
    print_close(p);
    print_close(p);
    print_close(p);
}

static void loop_outside(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    const char *v = kplan_var(p->plan, it->var);
    int outer = y->live;
    kout_line(&p->o, "{");
    p->o.depth++;
    kout_line(&p->o, "unsigned char live%d_[N_];", outer + 1);
    kout_line(&p->o, "tk_i32 %s[N_];", v);
    kout_line(&p->o, "THREADS_(live%d_) %s[tid] = %s;", outer, v, print_index(p, it->lo, false));
    make_outer(y, it->var);
    kout_line(&p->o, "for (;;) {");
    p->o.depth++;
    kout_line(&p->o, "int any_ = 0;");
    kout_line(&p->o, "for (tk_i32 tid = 0; tid < N_; tid++) any_ |= live%d_[tid] = live%d_[tid] && %s[tid] < %s;",
              outer + 1, outer, v, print_index(p, it->hi, false));
    kout_line(&p->o, "if (!any_) break;");
    y->live = outer + 1;
    block_stmts(y, it->body, it->n_body);
    kout_line(&p->o, "THREADS_(live%d_) %s[tid] += %s;", y->live, v, print_index(p, it->step, false));
    y->live = outer;
    print_close(p);
    print_close(p);
}

static void branch_outside(struct payload *y, const struct kstmt *it)
{
    struct kprint *p = &y->p;
    int outer = y->live;
    kout_line(&p->o, "{");
    p->o.depth++;
    kout_line(&p->o, "unsigned char live%d_[N_];", outer + 1);
    const char *on = print_guards(p, &it->mask);
    kout_line(&p->o, "for (tk_i32 tid = 0; tid < N_; tid++) live%d_[tid] = live%d_[tid] && (%s);", outer + 1, outer,
              on);
    y->live = outer + 1;
    block_stmts(y, it->body, it->n_body);
    y->live = outer;
    print_close(p);
    if (!it->n_orelse)
        return;
    kout_line(&p->o, "{");
    p->o.depth++;
    kout_line(&p->o, "unsigned char live%d_[N_];", outer + 1);
    kout_line(&p->o, "for (tk_i32 tid = 0; tid < N_; tid++) live%d_[tid] = live%d_[tid] && !(%s);", outer + 1, outer,
              on);
    y->live = outer + 1;
    block_stmts(y, it->orelse, it->n_orelse);
    y->live = outer;
    print_close(p);
}

static void block_stmts(struct payload *y, struct kstmt *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct kstmt *it = y->p.stmt = list[i];
        switch (it->kind) {
        case KSTMT_LET: let_outside(y, it); break;
        case KSTMT_COMBINE: combine(y, it); break;
        case KSTMT_FOR: loop_outside(y, it); break;
        case KSTMT_IF: branch_outside(y, it); break;
        case KSTMT_MMA: mma(y, it); break;
        case KSTMT_FRAG_REDUCE: frag_reduce(y, it); break;
        case KSTMT_FRAG_CAST: frag_cast(y, it); break;
        case KSTMT_LAND:
        case KSTMT_COMMIT: break;
        case KSTMT_BARRIER: kout_line(&y->p.o, "/* barrier */"); break;
        default:
            open(y);
            line_stmts(y, &list[i], 1);
            shut(y);
        }
    }
}

/* ---- the block and the grid ---- */
static void declare(struct kprint *p)
{
    const struct kernel *k = p->k;
    for (size_t i = 0; i < k->n_args; i++)
        kout_line(&p->o, "%s *const %s = args_[%zu];", print_cell(p, k->args[i]), k->args[i]->name, i);
    for (size_t i = 0; i < k->n_dims; i++)
        kout_line(&p->o, "const tk_i32 d_%zu = (tk_i32)dims_[%zu];", i, i);
    kout_line(&p->o, "unsigned char live0_[N_];");
    kout_line(&p->o, "for (tk_i32 tid = 0; tid < N_; tid++) live0_[tid] = 1;");
    for (size_t i = 0; i < k->n_shared; i++) {
        const struct kmem *m = k->shared[i];
        long long n = (long long)m->count->k * m->slots;
        kout_line(&p->o, "%s %s[%lld];", print_cell(p, m), m->name, n);
        if (dtype_is_float(m->dtype))
            kout_line(&p->o, "for (tk_i32 i_ = 0; i_ < %lld; i_++) %s[i_] = p_unset();", n, m->name);
    }
    for (size_t i = 0; i < k->n_priv; i++) {
        const struct kmem *m = k->priv[i];
        kout_line(&p->o, "%s %s[N_][%lld];", print_cell(p, m), m->name, (long long)m->count->k);
        if (dtype_is_float(m->dtype))
            kout_line(&p->o, "THREADS_(live0_) for (tk_i32 i_ = 0; i_ < %lld; i_++) %s[tid][i_] = p_unset();",
                      (long long)m->count->k, m->name);
    }
    for (size_t i = 0; i < k->n_frags; i++) {
        const struct kfrag *f = k->frags[i];
        int n = f->rows * f->cols * elems_of(f);
        kout_line(&p->o, "P %s[N_][%d];", f->name, n);
        kout_line(&p->o, "THREADS_(live0_) for (tk_i32 i_ = 0; i_ < %d; i_++) %s[tid][i_] = p_unset();", n, f->name);
    }
}

const char *print_payload(struct session *s, const struct kernel *k)
{
    struct payload y = { .p = { .o = { .arena = s->run, .step = 4 }, .k = k, .payload = true } };
    struct kprint *p = &y.p;
    p->plan = kplan_new(s->run, k);
    p->sp = print_indices(s->run, spell, &y);
    kout_line(&p->o, "#define THREADS_(LIVE) for (tk_i32 tid = 0; tid < N_; tid++) if (LIVE[tid])");
    kout_line(&p->o, "static void %s_block(void *const *args_, const tk_i64 *dims_, tk_i32 bx, tk_i32 by, tk_i32 bz)",
              k->name);
    kout_line(&p->o, "{");
    p->o.depth++;
    kout_line(&p->o, "enum { N_ = %d, W_ = %d };", k->block, k->target->wave);
    declare(p);
    block_stmts(&y, k->body, k->n_body);
    p->o.depth--;
    kout_line(&p->o, "}");
    kout_line(&p->o, "#undef THREADS_");
    kout_line(&p->o, "void %s_run(void *const *args, const tk_i64 *dims, const tk_i64 *grid)", k->name);
    kout_line(&p->o, "{");
    p->o.depth++;
    kout_line(&p->o, "for (tk_i32 z = 0; z < grid[2]; z++)");
    kout_line(&p->o, "    for (tk_i32 y = 0; y < grid[1]; y++)");
    kout_line(&p->o, "        for (tk_i32 x = 0; x < grid[0]; x++) %s_block(args, dims, x, y, z);", k->name);
    p->o.depth--;
    kout_line(&p->o, "}");
    return kout_text(&p->o);
}
