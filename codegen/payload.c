#include "codegen/payload.h"

#include <math.h>
#include <string.h>

#include "codegen/print_stmt.h"
#include "ir/kernel/fragment.h"

struct payload {
    struct kprint p; /* must be first: a pointer to p is cast back to the payload */
    /* Depth of nested ifs and loops outside regions. live<N>_[tid] is true if the thread runs at depth N. */
    int live;
    const struct index **outer; /* index variables declared outside regions */
    size_t n_outer, cap_outer;
    /* Other variables declared outside regions, each as the K_READ value that reads it. */
    const struct kexpr **outer_read;
    size_t n_outer_read, cap_outer_read;
};

static struct payload *of(struct kprint *p) { return (struct payload *)p; }

/* Returns an index variable in C. Outside regions, a variable has one element for each thread: "x[tid]". */
static const char *atom(void *ctx, const struct index *atom)
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
    for (size_t i = 0; i < y->n_outer; i++)
        if (y->outer[i] == atom)
            return arena_printf(y->p.o.arena, "%s[tid]", kplan_var(y->p.plan, atom));
    return kplan_var(y->p.plan, atom);
}

static const char *let_name(struct kprint *p, const struct kexpr *x)
{
    const struct payload *y = of(p);
    for (size_t i = 0; i < y->n_outer_read; i++)
        if (y->outer_read[i] == x)
            return arena_printf(p->o.arena, "%s[tid]", kplan_read(p->plan, x));
    return kplan_read(p->plan, x);
}

static void make_outer(struct payload *y, const struct index *var)
{
    *arena_push(y->p.o.arena, y->outer, y->n_outer, y->cap_outer) = var;
}

static const char *inside(struct kprint *p, const struct kmem *m, const struct index *at, int elems, const char *text)
{
    struct arena *a = p->o.arena;
    int64_t n = -1;
    if (m->space == KS_ARG) {
        for (size_t i = 0; i < p->k->n_args; i++)
            if (p->k->args[i] == m)
                return arena_printf(a, "TK_IN_ARG(%s, %zu)", text, i);
        BUG("kernel %s: %s is not among its arguments", p->k->name, m->name);
    }
    BUG_IF(!index_const_value(m->count, &n), "kernel %s: %s of symbolic size", p->k->name, m->name);
    n *= m->space == KS_SHARED ? m->slots : 1;
    bool proved = at && at->lo >= 0 && at->hi + elems <= n;
    return proved ? text : arena_printf(a, "TK_IN(%s, %lld)", text, (long long)n);
}

static const char *subscript(struct kprint *p, const struct kmem *m, const struct index *at, const char *text)
{
    return inside(p, m, at, 1, text);
}

static const char *load(struct kprint *p, const struct kmem *m, const struct index *at)
{
    return print_cell_at(p, m, NULL, at);
}

static const char *stored(struct kprint *p, enum kspace space, enum dtype t, const char *value)
{
    (void)space;
    return dtype_is_float(t) ? arena_printf(p->o.arena, "p_to_%s(%s)", dtype_name(t), value) : value;
}

static int elems_of(const struct kfrag *f)
{
    return f->role == KF_A ? f->unit->a_elems : f->role == KF_B ? f->unit->b_elems : f->unit->c_elems;
}

static const char *elem(struct kprint *p, const struct kfrag *f, const char *frag, const char *e)
{
    return arena_printf(p->o.arena, "%s[tid][%d*(%s) + %s]", f->name, elems_of(f), frag, e);
}

static const char *constant(struct arena *a, enum dtype t, double v)
{
    (void)t;
    return arena_printf(a, "p_const(%s)",
                        isnan(v)   ? "__builtin_nan(\"\")"
                        : isinf(v) ? (v < 0 ? "-__builtin_inf()" : "__builtin_inf()")
                                   : arena_printf(a, "%a", v));
}

static const char *op(struct kprint *p, const struct kexpr *x)
{
    struct arena *a = p->o.arena;
    const char *out = arena_printf(a, "p_%s(", kop_table[x->op].name);
    for (int i = 0; i < kop_table[x->op].arity; i++)
        out = arena_printf(a, "%s%s%s", out, i ? ", " : "", print_value(p, x->arg[i], false, false));
    return arena_printf(a, "%s)", out);
}

static const char *cast(struct kprint *p, const struct kexpr *x, const char *from)
{
    struct arena *a = p->o.arena;
    if (!dtype_is_float(x->arg[0]->type))
        return arena_printf(a, "p_of_int(%s)", from);
    if (x->type == DT_BOOL)
        return arena_printf(a, "p_ne(%s, p_const(0))", from);
    return arena_printf(a, "p_to_%s(%s)", print_suffix(x->type), from);
}

static const char *acc(struct kprint *p, const char *how, const char *name, const char *a, const char *b)
{
    return arena_printf(p->o.arena, "p_%s_%s(%s, %s)", how, name, a, b);
}

static const char *fma_of(struct kprint *p, enum dtype t, const char *acc, const char *x, const char *y)
{
    (void)t;
    return arena_printf(p->o.arena, "p_accumulate_fma(%s, %s, %s)", acc, x, y);
}

static const struct klang language = {
    .real = "P",
    .own = "[tid]",
    .subscript = subscript,
    .load = load,
    .stored = stored,
    .let = let_name,
    .elem = elem,
    .constant = constant,
    .op = op,
    .cast = cast,
    .acc = acc,
    .fma = fma_of,
};

static void move(struct kprint *p, const struct kstmt *it, const char *to, const char *from)
{
    kout_line(&p->o, "for (tk_i32 e_ = 0; e_ < %d; e_++) %s = %s;", it->elems, to, from);
}

/* Returns element index + e_ of m in C: "sA[4*tid + e_]". */
static const char *from_on(struct kprint *p, const struct kmem *m, const struct index *slot, const struct index *index,
                           int elems)
{
    const struct index *at = print_ring_index(p, m, slot, index);
    return arena_printf(p->o.arena, "%s%s[%s]", m->name, m->space == KS_PRIVATE ? "[tid]" : "",
                        inside(p, m, at, elems, arena_printf(p->o.arena, "%s + e_", print_index(p, at, true))));
}

static const char *masked(struct kprint *p, const struct kmask *m, const char *value, const char *otherwise)
{
    return arena_printf(p->o.arena, "(%s) ? %s : %s", print_guards(p, m), value, otherwise);
}

static void load_vector(struct kprint *p, const struct kstmt *it)
{
    move(p, it, from_on(p, it->mem, NULL, it->index, it->elems),
         masked(p, &it->mask, from_on(p, it->mem2, it->slot, it->index2, it->elems),
                print_value(p, it->value, false, false)));
}

static void store_vector(struct kprint *p, const struct kstmt *it)
{
    kout_line(&p->o, "if (%s)", print_guards(p, &it->mask));
    p->o.depth++;
    move(p, it, from_on(p, it->mem, it->slot, it->index, it->elems),
         stored(p, it->mem->space, it->mem->dtype, from_on(p, it->mem2, NULL, it->index2, it->elems)));
    p->o.depth--;
}

static void issue(struct kprint *p, const struct kstmt *it)
{
    const char *zero = dtype_is_float(it->mem->dtype) ? "p_const(0)" : "0";
    move(p, it, from_on(p, it->mem, it->slot, it->index, it->elems),
         masked(p, &it->mask, from_on(p, it->mem2, NULL, it->index2, it->elems), zero));
}

/* Copies are done at their issue, and a launch runs alone. So land, commit and await print nothing. */
static void nothing(struct kprint *p, const struct kstmt *it)
{
    (void)p;
    (void)it;
}

static void frag_load(struct kprint *p, const struct kstmt *it)
{
    struct index_table *t = p->k->s->indices;
    const struct kfrag *f = it->frag;
    int n = f->rows * f->cols;
    int elems = elems_of(f);
    const struct index *i = index_var(t, "i_", 0, n - 1, UNIFORM_GRID);
    const struct index *e = index_var(t, "e_", 0, elems - 1, UNIFORM_GRID);
    print_loop_of(p, "i_", n);
    print_loop_of(p, "e_", elems);
    const struct index *at = print_frag_index(p, it, i, e);
    kout_line(&p->o, "%s = %s[%s];", elem(p, f, "i_", "e_"), it->mem->name,
              subscript(p, it->mem, at, print_index(p, at, false)));
    print_close(p);
    print_close(p);
}

static const struct kform form_of_a_thread = {
    .temporaries = true,
    .stmt = {
        [KSTMT_REGION] = print_region,
        [KSTMT_LET] = print_let,
        [KSTMT_STORE] = print_store,
        [KSTMT_LOAD_VECTOR] = load_vector,
        [KSTMT_STORE_VECTOR] = store_vector,
        [KSTMT_ACCUMULATE] = print_accumulate,
        [KSTMT_FOR] = print_for,
        [KSTMT_IF] = print_if,
        [KSTMT_ISSUE] = issue,
        [KSTMT_LAND] = nothing,
        [KSTMT_COMMIT] = nothing,
        [KSTMT_AWAIT] = nothing,
        [KSTMT_FRAG_FILL] = print_frag_fill,
        [KSTMT_FRAG_LOAD] = frag_load,
        [KSTMT_EACH] = print_each,
        [KSTMT_FRAG_SET] = print_frag_set,
    },
};

static const char *threads(struct kprint *p) { return arena_printf(p->o.arena, "THREADS_(live%d_)", of(p)->live); }

static void open(struct kprint *p, const char *head)
{
    kout_line(&p->o, "%s%s{", head, *head ? " " : "");
    p->o.depth++;
}

static void by_threads(struct kprint *p, const struct kstmt *it)
{
    const struct kform *outer = p->form;
    open(p, threads(p));
    p->form = &form_of_a_thread;
    print_stmt(p, it);
    p->form = outer;
    print_close(p);
}

static void let_of_block(struct kprint *p, const struct kstmt *it)
{
    struct payload *y = of(p);
    const char *name = it->var ? kplan_var(p->plan, it->var) : kplan_read(p->plan, it->read);
    kout_line(&p->o, "%s %s[N_];", it->var ? "tk_i32" : print_type(p, it->value->type), name);
    open(p, threads(p));
    print_temporaries(p);
    kout_line(&p->o, "%s[tid] = %s%s;", name, it->var ? "(tk_i32)" : "", print_value(p, it->value, it->var, false));
    print_close(p);
    if (it->var)
        make_outer(y, it->var);
    else
        *arena_push(p->o.arena, y->outer_read, y->n_outer_read, y->cap_outer_read) = it->read;
}

/* Prints one level of a butterfly: a lane combines its element with that of lane ^ d_, both from before the level. */
static void level(struct kprint *p, const struct kstmt *it, const char *cell)
{
    kout_line(&p->o, "%s was_[N_];", print_type(p, it->acc_type));
    kout_line(&p->o, "%s was_[tid] = %s;", threads(p), cell);
    kout_line(&p->o, "%s %s = %s;", threads(p), cell,
              print_acc(p, it->acc, it->acc_type, "combine", "was_[tid]", "was_[tid ^ d_]"));
}

static void combine(struct kprint *p, const struct kstmt *it)
{
    open(p, arena_printf(p->o.arena, "for (tk_i32 d_ = %d; d_ < %d; d_ *= 2)", it->first, it->span));
    level(p, it, print_cell_at(p, it->mem, NULL, it->index));
    print_close(p);
}

static void frag_reduce(struct kprint *p, const struct kstmt *it)
{
    const struct kfrag *f = it->frag;
    const struct index *k = index_var(p->k->s->indices, "k_", 0, frag_rows(f) - 1, UNIFORM_GRID);
    open(p, threads(p));
    print_loop_of(p, "i_", f->rows);
    print_lane_reduce(p, it);
    print_close(p);
    print_close(p);
    print_loop_of(p, "k_", frag_rows(f));
    open(p, arena_printf(p->o.arena, "for (tk_i32 d_ = 1; d_ < W_; d_ *= 2) if (d_ & %u)",
                         frag_row_lanes(f->unit, p->k->target->wave)));
    level(p, it, print_cell_at(p, it->mem, NULL, k));
    print_close(p);
    print_close(p);
}

static void frag_cast(struct kprint *p, const struct kstmt *it)
{
    struct index_table *t = p->k->s->indices;
    const struct kfrag *a = it->frag;
    const struct kfrag *c = it->frag_a;
    const struct matrix_unit *u = a->unit;
    const struct index *i = index_var(t, "i_", 0, c->rows - 1, UNIFORM_GRID);
    const struct index *e = index_var(t, "e_", 0, u->a_elems - 1, UNIFORM_GRID);
    struct frag_source s = frag_source_of(t, u, p->k->lane, e);
    const struct index *frag =
        index_add(t, index_add(t, index_mulk(t, i, c->cols), index_mulk(t, it->index, u->k / u->n)), s.frag);
    const char *from = arena_printf(p->o.arena, "%s[tid/W_*W_ + %s][%s]", c->name, print_index(p, s.lane, true),
                                    print_index(p, index_add(t, index_mulk(t, frag, u->c_elems), s.elem), false));
    open(p, threads(p));
    print_loop_of(p, "i_", c->rows);
    print_loop_of(p, "e_", u->a_elems);
    kout_line(&p->o, "%s = %s;", elem(p, a, "i_", "e_"), stored(p, KS_PRIVATE, u->in, from));
    print_close(p);
    print_close(p);
    print_close(p);
}

/* Prints a copy of fragment `frag` of all lanes to matrix[wave][line][k]. `line` and `k` map a lane to coordinates. */
static void gather(struct kprint *p, const struct kfrag *f, const char *matrix, const char *frag,
                   const struct map_term *line, const struct map_term *k)
{
    const struct index *e = index_var(p->k->s->indices, "e_", 0, elems_of(f) - 1, UNIFORM_GRID);
    kout_line(&p->o, "%s for (tk_i32 e_ = 0; e_ < %d; e_++) %s[tid / W_][%s][%s] = %s;", threads(p), elems_of(f),
              matrix, print_index(p, print_map(p, line, e), false), print_index(p, print_map(p, k, e), false),
              elem(p, f, frag, "e_"));
}

static void mma(struct kprint *p, const struct kstmt *it)
{
    const struct kfrag *c = it->frag;
    const struct matrix_unit *u = c->unit;
    const struct index *e = index_var(p->k->s->indices, "e_", 0, u->c_elems - 1, UNIFORM_GRID);
    print_loop_of(p, "i_", c->rows);
    print_loop_of(p, "j_", c->cols);
    kout_line(&p->o, "P a_[N_ / W_][%d][%d], b_[N_ / W_][%d][%d];", u->m, u->k, u->n, u->k);
    gather(p, it->frag_a, "a_", "i_", u->a.row, u->a.col);
    gather(p, it->frag_b, "b_", "j_", u->b.col, u->b.row);
    open(p, arena_printf(p->o.arena, "%s for (tk_i32 e_ = 0; e_ < %d; e_++)", threads(p), u->c_elems));
    kout_line(&p->o, "P *const c_ = &%s;", elem(p, c, print_frag_number(p, c), "e_"));
    kout_line(&p->o, "*c_ = p_mma(*c_, a_[tid / W_][%s], b_[tid / W_][%s], %d);",
              print_index(p, print_map(p, u->c.row, e), false), print_index(p, print_map(p, u->c.col, e), false), u->k);
    print_close(p);
    print_close(p);
    print_close(p);
}

static void barrier(struct kprint *p, const struct kstmt *it)
{
    (void)it;
    kout_line(&p->o, "/* barrier */");
}

/* Prints statements for the live threads for which `on` is true. The next depth's live array marks them. */
static void some(struct kprint *p, const char *on, struct kstmt *const *list, size_t n)
{
    struct payload *y = of(p);
    kout_line(&p->o, "for (tk_i32 tid = 0; tid < N_; tid++) live%d_[tid] = live%d_[tid] && (%s);", y->live + 1, y->live,
              on);
    y->live++;
    print_stmts(p, list, n);
    y->live--;
}

static void for_of_block(struct kprint *p, const struct kstmt *it)
{
    struct payload *y = of(p);
    const char *v = kplan_var(p->plan, it->var);
    open(p, "");
    kout_line(&p->o, "unsigned char live%d_[N_];", y->live + 1);
    kout_line(&p->o, "tk_i32 %s[N_];", v);
    kout_line(&p->o, "%s %s[tid] = %s;", threads(p), v, print_index(p, it->lo, false));
    make_outer(y, it->var);
    open(p, "for (;;)");
    kout_line(&p->o, "int any_ = 0;");
    kout_line(&p->o, "%s any_ |= %s[tid] < %s;", threads(p), v, print_index(p, it->hi, false));
    kout_line(&p->o, "if (!any_) break;");
    some(p, arena_printf(p->o.arena, "%s[tid] < %s", v, print_index(p, it->hi, false)), it->body, it->n_body);
    kout_line(&p->o, "THREADS_(live%d_) %s[tid] += %s;", y->live + 1, v, print_index(p, it->step, false));
    print_close(p);
    print_close(p);
}

static void if_of_block(struct kprint *p, const struct kstmt *it)
{
    const char *on = print_guards(p, &it->mask);
    open(p, "");
    kout_line(&p->o, "unsigned char live%d_[N_];", of(p)->live + 1);
    some(p, on, it->body, it->n_body);
    print_close(p);
    if (!it->n_orelse)
        return;
    open(p, "");
    kout_line(&p->o, "unsigned char live%d_[N_];", of(p)->live + 1);
    some(p, arena_printf(p->o.arena, "!(%s)", on), it->orelse, it->n_orelse);
    print_close(p);
}

static const struct kform form_of_the_block = {
    .stmt = {
        [KSTMT_REGION] = by_threads,
        [KSTMT_LET] = let_of_block,
        [KSTMT_STORE] = by_threads,
        [KSTMT_LOAD_VECTOR] = by_threads,
        [KSTMT_STORE_VECTOR] = by_threads,
        [KSTMT_ACCUMULATE] = by_threads,
        [KSTMT_COMBINE] = combine,
        [KSTMT_FOR] = for_of_block,
        [KSTMT_IF] = if_of_block,
        [KSTMT_ISSUE] = by_threads,
        [KSTMT_LAND] = nothing,
        [KSTMT_COMMIT] = nothing,
        [KSTMT_AWAIT] = nothing,
        [KSTMT_BARRIER] = barrier,
        [KSTMT_FRAG_FILL] = by_threads,
        [KSTMT_FRAG_LOAD] = by_threads,
        [KSTMT_MMA] = mma,
        [KSTMT_EACH] = by_threads,
        [KSTMT_FRAG_REDUCE] = frag_reduce,
        [KSTMT_FRAG_CAST] = frag_cast,
    },
};

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
    struct payload y = { .live = 0 };
    struct kprint *p = &y.p;
    const struct matrix_unit *u = k->target->matrix;
    *p = (struct kprint){ .o = { .arena = s->run, .step = 4 }, .lang = &language, .form = &form_of_the_block, .k = k };
    p->plan = kplan_new(s->run, k);
    p->sp = print_indices(s->run, atom, &y);
    kout_line(&p->o, "#define THREADS_(LIVE) for (tk_i32 tid = 0; tid < N_; tid++) if (LIVE[tid])");
    kout_line(&p->o, "#define TK_UNROLL");
    kout_line(&p->o, "#ifndef TK_IN");
    kout_line(&p->o, "#define TK_IN(I, N) I");
    kout_line(&p->o, "#define TK_IN_ARG(I, K) I");
    kout_line(&p->o, "#endif");
    kout_line(&p->o, "static void %s_block(void *const *args_, const tk_i64 *dims_, tk_i32 bx, tk_i32 by, tk_i32 bz)",
              k->name);
    open(p, "");
    kout_line(&p->o, "enum { N_ = %d, W_ = %d, TK_MMA_C = %d };", k->block, k->target->wave, u ? u->c_elems : 0);
    declare(p);
    print_stmts(p, k->body, k->n_body);
    print_close(p);
    kout_line(&p->o, "#undef TK_UNROLL");
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
