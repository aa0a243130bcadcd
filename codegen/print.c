#include "codegen/print.h"

#include <string.h>

#include "codegen/print_frag.h"
#include "codegen/print_value.h"
#include "ir/kernel/kstmt.h"

/* ---- the head: arguments, ids, memory ---- */
struct used {
    const struct kernel *k;
    struct kwalk walk;
    const struct index *id[6];
    bool on[6];
    int stages;
};

static void mark_ids(void *ctx, const struct index *e)
{
    struct used *u = ctx;
    for (int i = 0; i < 6; i++)
        u->on[i] |= index_mentions(e, u->id[i]);
}

static void mark_value(void *ctx, const struct kexpr *x) { kexpr_indices(x, mark_ids, ctx); }

static void mark_stmts(struct used *u, struct kstmt *const *stmts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct kstmt *it = stmts[i];
        kstmt_indices(it, mark_ids, u);
        if (it->value)
            kwalk_value(&u->walk, it->value, mark_value, u);
        if (it->kind == KSTMT_FRAG_LOAD || it->kind == KSTMT_EACH || print_cast_turns(u->k, it))
            u->on[1] = true; /* the coordinate maps ask for the lane */
        if (it->kind == KSTMT_ISSUE && it->stage >= u->stages)
            u->stages = it->stage + 1;
        mark_stmts(u, it->body, it->n_body);
        mark_stmts(u, it->orelse, it->n_orelse);
    }
}

static void arguments(struct kprint *p)
{
    const struct kernel *k = p->k;
    kout_line(&p->o, "struct %s_args {", k->name);
    p->o.depth++;
    for (size_t i = 0; i < k->n_args; i++) {
        const struct kmem *m = k->args[i];
        kout_line(&p->o, "TK_PTR(%s%s) %s;", m->written ? "" : "const ", print_cell(p, m), m->name);
    }
    for (size_t i = 0; i < k->n_dims; i++)
        kout_line(&p->o, "tk_i32 %s;", k->dims[i].name);
    p->o.depth--;
    kout_line(&p->o, "};");
}

static void memory(struct kprint *p, const struct used *u)
{
    static const char *const calls[6] = {
        "tk_tid()", "tk_lane()", "tk_wave()", "tk_bid_x()", "tk_bid_y()", "tk_bid_z()"
    };
    static const char *const sizes[] = { [KF_A] = "TK_MMA_A", [KF_B] = "TK_MMA_B", [KF_C] = "TK_MMA_C" };
    const struct kernel *k = p->k;
    if (k->shared_bytes)
        kout_line(&p->o, "TK_SHARED(%d);", k->shared_bytes);
    for (size_t i = 0; i < k->n_shared; i++) {
        const struct kmem *m = k->shared[i];
        kout_line(&p->o, "%s *const %s = (%s *)(tk_smem + %d);", print_cell(p, m), m->name, print_cell(p, m),
                  m->offset);
    }
    for (int i = 0; i < 6; i++)
        if (u->on[i])
            kout_line(&p->o, "const tk_i32 %s = %s;", kplan_var(p->plan, u->id[i]), calls[i]);
    for (size_t i = 0; i < k->n_priv; i++)
        kout_line(&p->o, "%s %s[%lld];", print_cell(p, k->priv[i]), k->priv[i]->name, (long long)k->priv[i]->count->k);
    for (size_t i = 0; i < k->n_frags; i++) {
        const struct kfrag *f = k->frags[i];
        kout_line(&p->o, "%s %s[%d][%s];", f->role == KF_C ? "tk_f32" : "tk_u32", f->name, f->rows * f->cols,
                  sizes[f->role]);
    }
    for (int i = 0; i < u->stages; i++)
        kout_line(&p->o, "tk_v16 st%d;", i);
}

/* Text for a comment: nothing in it ends the comment or goes on to the next line. */
static const char *remark(struct arena *a, const char *text)
{
    char *out = arena_strdup(a, text);
    for (char *c = out; *c; c++)
        if (*c == '*' || *c == '\n' || *c == '\\')
            *c = ' ';
    return out;
}

/* ---- statements ---- */
static void inside(struct kprint *p, struct kstmt *const *list, size_t n)
{
    p->o.depth++;
    print_stmts(p, list, n);
    p->o.depth--;
}

/* The file without its folder: the same graph elsewhere gives the same text. */
static void region(struct kprint *p, const struct kstmt *it)
{
    if (p->k->comment && it->loc.line && it->loc.src != p->k->src) {
        const char *path = it->loc.src->name;
        const char *slash = strrchr(path, '/');
        kout_line(&p->o, "{   /* %s:%d */", remark(p->o.arena, slash ? slash + 1 : path), it->loc.line);
    } else {
        kout_line(&p->o, "{");
    }
    inside(p, it->body, it->n_body);
    kout_line(&p->o, "}");
}

static void let(struct kprint *p, const struct kstmt *it)
{
    const char *v = print_value(p, it->value, false, false);
    if (it->var)
        kout_line(&p->o, "const tk_i32 %s = %s%s;", kplan_var(p->plan, it->var),
                  it->value->type == DT_I64 ? "(tk_i32)" : "",
                  it->value->type == DT_I64 ? print_value(p, it->value, true, false) : v);
    else
        kout_line(&p->o, "const %s %s = %s;", print_type(p, it->value->type), kplan_read(p->plan, it->read), v);
}

static const char *stored(struct kprint *p, const struct kmem *m, const struct kexpr *value)
{
    struct arena *a = p->o.arena;
    const char *v = print_value(p, value, false, false);
    if (m->space == KS_PRIVATE && m->dtype == DT_F16)
        return arena_printf(a, "tk_round_f16(%s)", v);
    if (m->space == KS_PRIVATE && m->dtype == DT_BF16)
        return arena_printf(a, "tk_round_bf16(%s)", v);
    return m->dtype == DT_BOOL ? arena_printf(a, "(tk_u8)(%s)", v) : v;
}

static void store(struct kprint *p, const struct kstmt *it)
{
    const struct kmem *m = it->mem;
    const char *v = stored(p, m, it->value), *line;
    const char *i = print_index(p, print_ring_index(p, m, it->slot, it->index), false);
    if (m->space == KS_PRIVATE)
        line = arena_printf(p->o.arena, "%s[%s] = %s;", m->name, i, v);
    else
        line = arena_printf(p->o.arena, "tk_st_%s(%s%s, %s, %s);", m->dtype == DT_BOOL ? "u8" : dtype_name(m->dtype),
                            m->space == KS_ARG ? "a." : "", m->name, i, v);
    const char *on = print_guards(p, &it->mask);
    if (strcmp(on, "1"))
        kout_line(&p->o, "if (%s) %s", on, line);
    else
        kout_line(&p->o, "%s", line);
}

/* "p + 4*u" */
static const char *from_element(struct kprint *p, const struct kmem *m, const struct index *at)
{
    return index_is_const(at) && !at->k ? m->name
                                        : arena_printf(p->o.arena, "%s + %s", m->name, print_index(p, at, false));
}

/* A load under a mask overwrites the fill. */
static void vector(struct kprint *p, const struct kstmt *it)
{
    bool load = it->kind == KSTMT_LOAD_VECTOR;
    const struct kmem *m = load ? it->mem2 : it->mem;
    const struct kmem *own = load ? it->mem : it->mem2;
    const struct index *index = print_ring_index(p, m, it->slot, load ? it->index2 : it->index);
    const struct index *at = load ? it->index : it->index2;
    const char *on = print_guards(p, &it->mask);
    const char *guard = strcmp(on, "1") ? arena_printf(p->o.arena, "if (%s) ", on) : "";
    const char *i = print_index(p, index, false);
    const char *memory = arena_printf(p->o.arena, "%s%s", m->space == KS_ARG ? "a." : "", m->name);
    if (load && *guard) {
        print_loop(p, "e_", arena_printf(p->o.arena, "%d", it->elems));
        kout_line(&p->o, "%s[%s + e_] = %s;", own->name, print_index(p, at, false),
                  print_value(p, it->value, false, false));
        print_close(p);
    }
    if (load)
        kout_line(&p->o, "%stk_ldw_%s_%d(%s, %s, %s);", guard, dtype_name(m->dtype), it->elems,
                  from_element(p, own, at), memory, i);
    else
        kout_line(&p->o, "%stk_stw_%s_%d(%s, %s, %s);", guard, dtype_name(m->dtype), it->elems, memory, i,
                  from_element(p, own, at));
}

static void accumulate(struct kprint *p, const struct kstmt *it)
{
    const char *cell = print_cell_at(p, it->mem, NULL, it->index);
    if (it->fma) {
        const char *x = print_value(p, it->value->arg[0], false, false);
        const char *y = print_value(p, it->value->arg[1], false, false);
        kout_line(&p->o, "%s = tk_fma_%s(%s, %s, %s);", cell, dtype_name(it->acc_type), x, y, cell);
        return;
    }
    const char *v = print_value(p, it->value, it->acc == KACC_SUM, false);
    kout_line(&p->o, "%s = %s;", cell, print_acc(p, it->acc, it->acc_type, "accumulate", cell, v));
}

static void combine(struct kprint *p, const struct kstmt *it)
{
    const char *cell = print_cell_at(p, it->mem, NULL, it->index);
    const char *other = arena_printf(p->o.arena, "tk_shfl_xor_%s(%s, d_)", dtype_name(it->acc_type), cell);
    kout_line(&p->o, "TK_UNROLL");
    kout_line(&p->o, "for (tk_i32 d_ = 1; d_ < %d; d_ *= 2) %s = %s;", it->span, cell,
              print_acc(p, it->acc, it->acc_type, "combine", cell, other));
}

static void loop(struct kprint *p, const struct kstmt *it)
{
    const char *v = kplan_var(p->plan, it->var);
    const char *step = print_index(p, it->step, false);
    if (it->unroll)
        kout_line(&p->o, "TK_UNROLL");
    kout_line(&p->o, "for (tk_i32 %s = %s; %s < %s; %s) {", v, print_index(p, it->lo, false), v,
              print_index(p, it->hi, false),
              strcmp(step, "1") ? arena_printf(p->o.arena, "%s += %s", v, step) : arena_printf(p->o.arena, "%s++", v));
    inside(p, it->body, it->n_body);
    kout_line(&p->o, "}");
}

static void branch(struct kprint *p, const struct kstmt *it)
{
    kout_line(&p->o, "if (%s) {", print_guards(p, &it->mask));
    inside(p, it->body, it->n_body);
    if (it->n_orelse) {
        kout_line(&p->o, "} else {");
        inside(p, it->orelse, it->n_orelse);
    }
    kout_line(&p->o, "}");
}

static void copy(struct kprint *p, const struct kstmt *it)
{
    int bytes = it->elems * dtype_size(it->mem->dtype);
    const char *at = print_index(p, print_ring_index(p, it->mem, it->slot, it->index), false);
    if (it->kind == KSTMT_LAND) {
        kout_line(&p->o, "tk_land_%d(st%d, %s, %s);", bytes, it->stage, it->mem->name, at);
        return;
    }
    kout_line(&p->o, "tk_issue_%d(st%d, %s, %s, a.%s, %s, %s);", bytes, it->stage, it->mem->name, at, it->mem2->name,
              print_index(p, it->index2, false), print_guards(p, &it->mask));
}

static void barrier(struct kprint *p, const struct kstmt *it)
{
    if (it->pending >= 0)
        kout_line(&p->o, "tk_wait(%d);", it->pending);
    kout_line(&p->o, it->scope == KSCOPE_BLOCK ? "tk_sync_block();" : "tk_sync_wave();");
}

static void stmt(struct kprint *p, const struct kstmt *it)
{
    switch (it->kind) {
    case KSTMT_REGION: region(p, it); break;
    case KSTMT_LET: let(p, it); break;
    case KSTMT_STORE: store(p, it); break;
    case KSTMT_LOAD_VECTOR:
    case KSTMT_STORE_VECTOR: vector(p, it); break;
    case KSTMT_ACCUMULATE: accumulate(p, it); break;
    case KSTMT_COMBINE: combine(p, it); break;
    case KSTMT_FOR: loop(p, it); break;
    case KSTMT_IF: branch(p, it); break;
    case KSTMT_ISSUE:
    case KSTMT_LAND: copy(p, it); break;
    case KSTMT_COMMIT: kout_line(&p->o, "tk_commit();"); break;
    case KSTMT_BARRIER: barrier(p, it); break;
    case KSTMT_FRAG_FILL:
    case KSTMT_FRAG_LOAD:
    case KSTMT_MMA:
    case KSTMT_EACH:
    case KSTMT_FRAG_SET:
    case KSTMT_FRAG_REDUCE:
    case KSTMT_FRAG_CAST: print_frag_stmt(p, it); break;
    case KSTMT_COUNT: break;
    }
}

void print_stmts(struct kprint *p, struct kstmt *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p->stmt = list[i];
        size_t n_refs;
        const struct kref *r = kplan_refs(p->plan, p->stmt, &n_refs);
        for (size_t j = 0; j < n_refs; j++)
            if (r[j].def)
                kout_line(&p->o, "const %s t%d = %s;", print_type(p, r[j].x->type), r[j].temp,
                          print_value(p, r[j].x, false, true));
        stmt(p, list[i]);
    }
}

static const char *spell_dim(void *ctx, const struct index *atom)
{
    const struct kprint *p = ctx;
    if (atom->kind == INDEX_VAR)
        return kplan_var(p->plan, atom);
    for (size_t i = 0; i < p->k->n_dims; i++)
        if (p->k->dims[i].sym == atom)
            return arena_printf(p->o.arena, "a.%s", p->k->dims[i].name);
    BUG("kernel %s: dim %s is not among its arguments", p->k->name, atom->name);
}

const char *print_kernel(struct session *s, const struct kernel *k)
{
    struct kprint p = { .o = { .arena = s->run, .step = 4 }, .k = k };
    p.plan = kplan_new(s->run, k);
    p.sp = print_indices(s->run, spell_dim, &p);
    struct used u = { .k = k,
                      .walk = kwalk_new(s->run, k),
                      .id = { k->tid, k->lane, k->wave_id, k->bid[0], k->bid[1], k->bid[2] } };
    mark_stmts(&u, k->body, k->n_body);
    if (k->comment)
        kout_line(&p.o, "/* %s */", remark(s->run, k->comment));
    arguments(&p);
    kout_line(&p.o, "TK_KERNEL(%s, %d)", k->name, k->block);
    kout_line(&p.o, "{");
    p.o.depth++;
    memory(&p, &u);
    print_stmts(&p, k->body, k->n_body);
    p.o.depth--;
    kout_line(&p.o, "}");
    return kout_text(&p.o);
}
