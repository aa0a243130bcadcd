#include "codegen/print.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/print_frag.h"
#include "ir/text.h"

enum { IDS = 6 };
struct device {
    struct kprint p; /* first, so that a pointer to p can be cast to a pointer to the device */
    const struct index *id[IDS];
    bool used[IDS];
    int stages;
};

static const char *atom(void *ctx, const struct index *atom)
{
    struct device *d = ctx;
    const struct kernel *k = d->p.k;
    for (int i = 0; i < IDS; i++)
        d->used[i] |= d->id[i] == atom;
    if (atom->kind == INDEX_VAR)
        return kplan_var(d->p.plan, atom);
    for (size_t i = 0; i < k->n_dims; i++)
        if (k->dims[i].sym == atom)
            return arena_printf(d->p.o.arena, "a.%s", k->dims[i].name);
    BUG("kernel %s: dim %s is not among its arguments", k->name, atom->name);
}

static const char *memory_of(struct kprint *p, const struct kmem *m)
{
    return m->space == KS_ARG ? arena_printf(p->o.arena, "a.%s", m->name) : m->name;
}

static const char *load(struct kprint *p, const struct kmem *m, const struct index *at)
{
    return arena_printf(p->o.arena, "tk_ld_%s(%s, %s)", print_suffix(m->dtype), memory_of(p, m),
                        print_index(p, at, false));
}

static const char *store(struct kprint *p, const struct kmem *m, const struct index *at, const char *value)
{
    return arena_printf(p->o.arena, "tk_st_%s(%s, %s, %s);", print_suffix(m->dtype), memory_of(p, m),
                        print_index(p, at, false), value);
}

static const char *copy(struct kprint *p, const struct kmem *m, const struct index *at, const struct kmem *m2,
                        const struct index *from)
{
    const char *suffix = print_suffix(m->dtype);
    return arena_printf(p->o.arena, "tk_put_%s(%s, %s, tk_raw_%s(%s, %s));", suffix, memory_of(p, m),
                        print_index(p, at, false), suffix, memory_of(p, m2), print_index(p, from, false));
}

/* Returns `value` as memory of type t stores it. tk_st_T itself rounds to T. Private memory is written by `=`, so
   values for private memory are rounded here. */
static const char *stored(struct kprint *p, enum kspace space, enum dtype t, const char *value)
{
    struct arena *a = p->o.arena;
    if (space == KS_PRIVATE && (t == DT_F16 || t == DT_BF16))
        return arena_printf(a, "tk_round_%s(%s)", print_suffix(t), value);
    return t == DT_BOOL ? arena_printf(a, "(tk_u8)(%s)", value) : value;
}

static const char *let(struct kprint *p, const struct kexpr *read) { return kplan_read(p->plan, read); }

static const char *elem(struct kprint *p, const struct kfrag *f, const char *frag, const char *e)
{
    return arena_printf(p->o.arena, "%s[%s][%s]", f->name, frag, e);
}

/* Returns a C literal whose value is exactly v: a decimal if a short one is exact, else a hexadecimal literal, with
   `written` in a comment. A decimal with d digits after the point can equal v only if v is a multiple of 2^-d. */
static const char *literal(struct arena *a, double v, const char *suffix, double written)
{
    for (int digits = 1; digits <= 8; digits++) {
        const char *t = arena_printf(a, "%.*g", digits, v);
        const char *dot = strchr(t, '.');
        double scaled = ldexp(v, dot ? (int)strlen(dot + 1) : 0);
        if (strtod(t, NULL) == v && !strchr(t, 'e') && scaled == rint(scaled))
            return arena_printf(a, "%s%s%s", t, dot ? "" : ".0", suffix);
    }
    char shortest[TEXT_DOUBLE];
    return arena_printf(a, "%a%s /* %s */", v, suffix, text_float(shortest, written));
}

static const char *constant(struct arena *a, enum dtype t, double v)
{
    bool f32 = t == DT_F32;
    double x = f32 ? (float)v : v;
    const char *to = f32 ? "" : "(tk_f64)";
    if (isnan(x))
        return arena_printf(a, "%sTK_NAN", to);
    if (isinf(x))
        return arena_printf(a, "%s%sTK_INF", x < 0 ? "-" : "", to);
    return literal(a, x, f32 ? "f" : "", v);
}

static const char *fma_of(struct kprint *p, enum dtype t, const char *acc, const char *x, const char *y)
{
    return arena_printf(p->o.arena, "tk_fma_%s(%s, %s, %s)", dtype_name(t), x, y, acc);
}

static const struct klang language = {
    .own = "",
    .load = load,
    .store = store,
    .copy = copy,
    .stored = stored,
    .let = let,
    .elem = elem,
    .constant = constant,
    .fma = fma_of,
};

static const char *from_element(struct kprint *p, const struct kmem *m, const struct index *at)
{
    return index_is_const(at) && !at->k ? m->name
                                        : arena_printf(p->o.arena, "%s + %s", m->name, print_index(p, at, false));
}

static const char *guard(struct kprint *p, const struct kmask *m)
{
    const char *on = print_guards(p, m);
    return strcmp(on, "1") ? arena_printf(p->o.arena, "if (%s) ", on) : "";
}

/* If the mask may be false, prints a loop that stores the fill value, and after it the load under the mask. */
static void load_vector(struct kprint *p, const struct kstmt *it)
{
    const char *on = guard(p, &it->mask);
    if (*on) {
        print_loop_of(p, "e_", it->elems);
        kout_line(&p->o, "%s[%s + e_] = %s;", it->mem->name, print_index(p, it->index, false),
                  print_value(p, it->value, false, false));
        print_close(p);
    }
    kout_line(&p->o, "%stk_ldw_%s_%d(%s, %s, %s);", on, dtype_name(it->mem2->dtype), it->elems,
              from_element(p, it->mem, it->index), memory_of(p, it->mem2),
              print_index(p, print_ring_index(p, it->mem2, it->slot, it->index2), false));
}

static void store_vector(struct kprint *p, const struct kstmt *it)
{
    kout_line(&p->o, "%stk_stw_%s_%d(%s, %s, %s);", guard(p, &it->mask), dtype_name(it->mem->dtype), it->elems,
              memory_of(p, it->mem), print_index(p, print_ring_index(p, it->mem, it->slot, it->index), false),
              from_element(p, it->mem2, it->index2));
}

static void combine(struct kprint *p, const struct kstmt *it)
{
    const char *cell = print_cell_at(p, it->mem, NULL, it->index);
    const char *other = arena_printf(p->o.arena, "tk_shfl_xor_%s(%s, d_)", dtype_name(it->acc_type), cell);
    kout_line(&p->o, "TK_UNROLL");
    kout_line(&p->o, "for (tk_i32 d_ = %d; d_ < %d; d_ *= 2) %s = %s;", it->first, it->span, cell,
              print_acc(p, it->acc, it->acc_type, "combine", cell, other));
}

/* Prints the first three arguments of tk_issue_N and tk_land_N: staging register, destination, element number. */
static const char *staged(struct kprint *p, const struct kstmt *it)
{
    return arena_printf(p->o.arena, "st%d, %s, %s", it->stage, it->mem->name,
                        print_index(p, print_ring_index(p, it->mem, it->slot, it->index), false));
}

static void issue(struct kprint *p, const struct kstmt *it)
{
    struct device *d = (struct device *)p;
    if (it->stage >= d->stages)
        d->stages = it->stage + 1;
    kout_line(&p->o, "tk_issue_%d(%s, %s, %s, %s);", it->elems * dtype_size(it->mem->dtype), staged(p, it),
              memory_of(p, it->mem2), print_index(p, it->index2, false), print_guards(p, &it->mask));
}

static void land(struct kprint *p, const struct kstmt *it)
{
    kout_line(&p->o, "tk_land_%d(%s);", it->elems * dtype_size(it->mem->dtype), staged(p, it));
}

static void commit(struct kprint *p, const struct kstmt *it)
{
    (void)it;
    kout_line(&p->o, "tk_commit();");
}

static void barrier(struct kprint *p, const struct kstmt *it)
{
    if (it->pending >= 0)
        kout_line(&p->o, "tk_wait(%d);", it->pending);
    kout_line(&p->o, it->scope == KSCOPE_BLOCK ? "tk_sync_block();" : "tk_sync_wave();");
}

static void await(struct kprint *p, const struct kstmt *it)
{
    (void)it;
    kout_line(&p->o, "tk_await();");
}

static const struct kform form = {
    .temporaries = true,
    .stmt = {
        [KSTMT_REGION] = print_region,
        [KSTMT_LET] = print_let,
        [KSTMT_STORE] = print_store,
        [KSTMT_LOAD_VECTOR] = load_vector,
        [KSTMT_STORE_VECTOR] = store_vector,
        [KSTMT_ACCUMULATE] = print_accumulate,
        [KSTMT_COMBINE] = combine,
        [KSTMT_FOR] = print_for,
        [KSTMT_IF] = print_if,
        [KSTMT_ISSUE] = issue,
        [KSTMT_LAND] = land,
        [KSTMT_COMMIT] = commit,
        [KSTMT_BARRIER] = barrier,
        [KSTMT_AWAIT] = await,
        [KSTMT_FRAG_FILL] = print_frag_fill,
        [KSTMT_FRAG_LOAD] = print_frag_load,
        [KSTMT_MMA] = print_mma,
        [KSTMT_EACH] = print_each,
        [KSTMT_FRAG_SET] = print_frag_set,
        [KSTMT_FRAG_REDUCE] = print_frag_reduce,
        [KSTMT_FRAG_CAST] = print_frag_cast,
    },
};

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

static void memory(struct device *d)
{
    static const char *const calls[IDS] = { "tk_tid()",   "tk_lane()",  "tk_wave()",
                                            "tk_bid_x()", "tk_bid_y()", "tk_bid_z()" };
    static const char *const sizes[] = { [KF_A] = "TK_MMA_A", [KF_B] = "TK_MMA_B", [KF_C] = "TK_MMA_C" };
    struct kprint *p = &d->p;
    const struct kernel *k = p->k;
    if (k->shared_bytes)
        kout_line(&p->o, "TK_SHARED(%d);", k->shared_bytes);
    for (size_t i = 0; i < k->n_shared; i++) {
        const struct kmem *m = k->shared[i];
        kout_line(&p->o, "%s *const %s = (%s *)(tk_smem + %d);", print_cell(p, m), m->name, print_cell(p, m),
                  m->offset);
    }
    for (int i = 0; i < IDS; i++)
        if (d->used[i])
            kout_line(&p->o, "const tk_i32 %s = %s;", kplan_var(p->plan, d->id[i]), calls[i]);
    for (size_t i = 0; i < k->n_priv; i++)
        kout_line(&p->o, "%s %s[%lld];", print_cell(p, k->priv[i]), k->priv[i]->name, (long long)k->priv[i]->count->k);
    for (size_t i = 0; i < k->n_frags; i++) {
        const struct kfrag *f = k->frags[i];
        kout_line(&p->o, "%s %s[%d][%s];", f->role == KF_C ? "tk_f32" : "tk_u32", f->name, f->rows * f->cols,
                  sizes[f->role]);
    }
    for (int i = 0; i < d->stages; i++)
        kout_line(&p->o, "tk_v16 st%d;", i);
}

/* Prints the body. The head is printed later: it declares only the ids and staging registers that the body uses. */
static const char *body_text(struct device *d)
{
    struct kout *o = &d->p.o;
    o->depth = 1;
    print_stmts(&d->p, d->p.k->body, d->p.k->n_body);
    const char *text = kout_text(o);
    *o = (struct kout){ .arena = o->arena, .step = o->step };
    return text;
}

const char *print_kernel(const struct kernel *k)
{
    struct arena *step = arena_new();
    struct device d = { .id = { k->tid, k->lane, k->wave_id, k->bid[0], k->bid[1], k->bid[2] } };
    struct kprint *p = &d.p;
    *p = (struct kprint){ .o = { .arena = step, .step = 4 }, .lang = &language, .form = &form, .k = k };
    p->plan = kplan_new(step, k);
    p->sp = print_indices(step, atom, &d);
    const char *body = body_text(&d);
    if (k->comment)
        kout_line(&p->o, "/* %s */", print_remark(step, k->comment));
    arguments(p);
    kout_line(&p->o, "TK_KERNEL(%s, %d)", k->name, k->block);
    kout_line(&p->o, "{");
    p->o.depth++;
    memory(&d);
    p->o.depth--;
    kout_add(&p->o, "%s}\n", body);
    const char *text = arena_strdup(k->arena, kout_text(&p->o));
    arena_free(step);
    return text;
}
