/* Writes a kernel as text. ir/kernel/kir_parse.c has the grammar. */
#include <string.h>

#include "ir/kernel/kir_plan.h"
#include "ir/kernel/kspell.h"
#include "ir/kernel/kstmt.h"
#include "ir/text.h"

struct ktext {
    struct kout o;
    struct kspell sp;
    struct kplan *plan;
    const struct kernel *k;
    const struct kstmt *stmt;
};

static const char *var_name(void *ctx, const struct index *atom)
{
    return atom->kind == INDEX_VAR ? kplan_var(ctx, atom) : NULL;
}

static const char *index_str(struct ktext *t, const struct index *e) { return kspell_index(&t->sp, e, false); }

static const char *number(struct ktext *t, double v)
{
    char text[TEXT_DOUBLE];
    return arena_strdup(t->o.arena, text_float(text, v));
}

/* Returns a text such as "0 <= e < bound, 0 <= e2 < bound2". */
static const char *guards(struct ktext *t, const struct kmask *m)
{
    const char *out = "";
    for (int i = 0; i < m->n; i++)
        out = arena_printf(t->o.arena, "%s%s0 <= %s < %s", out, i ? ", " : "", index_str(t, m->g[i].e),
                           index_str(t, m->g[i].bound));
    return out;
}

static const char *mask_suffix(struct ktext *t, const struct kmask *m)
{
    return m->n ? arena_printf(t->o.arena, " mask (%s)", guards(t, m)) : "";
}

static const char *mem_ref(struct ktext *t, const struct kmem *m, const struct index *slot, const struct index *index)
{
    const char *ring = slot ? arena_printf(t->o.arena, "[%s]", index_str(t, slot)) : "";
    return arena_printf(t->o.arena, "%s%s[%s]", m->name, ring, index_str(t, index));
}

static const char *constant(struct ktext *t, const struct kexpr *x)
{
    struct arena *a = t->o.arena;
    switch (x->type) {
    case DT_F32: return number(t, x->f);
    case DT_F64: return arena_printf(a, "f64(%s)", number(t, x->f));
    case DT_BOOL: return x->i ? "true" : "false";
    default: return arena_printf(a, "%s(%lld)", dtype_name(x->type), (long long)x->i);
    }
}

/* Returns the text of x: the name of its temporary, if there is one and `defining` is false, else the full
   expression. */
static const char *value(struct ktext *t, const struct kexpr *x, bool defining)
{
    struct arena *a = t->o.arena;
    int temp = defining ? -1 : kplan_temp(t->plan, t->stmt, x);
    if (temp >= 0)
        return arena_printf(a, "t%d", temp);
    switch (x->kind) {
    case KEXPR_CONST: return constant(t, x);
    case KEXPR_INDEX: return arena_printf(a, "%s(%s)", dtype_name(x->type), index_str(t, x->index));
    case KEXPR_FRAG: return "elem";
    case KEXPR_LOAD:
        if (!x->mask.n)
            return mem_ref(t, x->mem, x->slot, x->index);
        return arena_printf(a, "%s where (%s) else %s", mem_ref(t, x->mem, x->slot, x->index), guards(t, &x->mask),
                            number(t, x->f));
    case KEXPR_OP: break;
    }
    if (x->op == K_READ)
        return kplan_read(t->plan, x);
    const char *out = x->op == K_CAST ? arena_printf(a, "cast(%s, ", dtype_name(x->type))
                                      : arena_printf(a, "%s(", kop_table[x->op].name);
    for (int i = 0; i < kop_table[x->op].arity; i++)
        out = arena_printf(a, "%s%s%s", out, i ? ", " : "", value(t, x->arg[i], false));
    return arena_printf(a, "%s)", out);
}

/* Returns a text such as ` at "m.graph":7`. */
static const char *origin(struct ktext *t, struct loc loc)
{
    return loc.line && loc.src != t->k->src
               ? arena_printf(t->o.arena, " at %s:%d", text_quoted(t->o.arena, loc.src->name), loc.line)
               : "";
}

static const char *word(const struct kstmt *it) { return kstmt_table[it->kind].word; }

static void accumulate(struct ktext *t, const struct kstmt *it)
{
    const char *to = mem_ref(t, it->mem, NULL, it->index);
    if (it->fma) /* the product is part of the fma, so the product has no temporary */
        kout_line(&t->o, "%s fma= %s", to, value(t, it->value, true));
    else
        kout_line(&t->o, "%s %s%s= %s", to, it->join ? "join " : "",
                  it->acc == KACC_SUM ? "+" : kacc_table[it->acc].name, value(t, it->value, false));
}

static void let(struct ktext *t, const struct kstmt *it)
{
    const char *v = value(t, it->value, false);
    if (it->var)
        kout_line(&t->o, "%s %s in %lld..%lld = %s", word(it), kplan_var(t->plan, it->var), (long long)it->var->lo,
                  (long long)it->var->hi, v);
    else
        kout_line(&t->o, "%s %s = %s", word(it), kplan_read(t->plan, it->read), v);
}

static void load_vector(struct ktext *t, const struct kstmt *it)
{
    const char *from = mem_ref(t, it->mem2, it->slot, it->index2);
    const char *otherwise = "";
    if (it->mask.n) {
        double fill = dtype_is_float(it->value->type) ? it->value->f : (double)it->value->i;
        otherwise = arena_printf(t->o.arena, " where (%s) else %s", guards(t, &it->mask), number(t, fill));
    }
    kout_line(&t->o, "%s %s = %s by %d%s", word(it), mem_ref(t, it->mem, NULL, it->index), from, it->elems, otherwise);
}

static void stmts(struct ktext *t, struct kstmt *const *list, size_t n);

static void body(struct ktext *t, const struct kstmt *it)
{
    t->o.depth++;
    stmts(t, it->body, it->n_body);
    t->o.depth--;
}

static void loop(struct ktext *t, const struct kstmt *it)
{
    const char *step = index_is_const(it->step) && it->step->k == 1
                           ? ""
                           : arena_printf(t->o.arena, " step %s", index_str(t, it->step));
    kout_line(&t->o, "%s %s in %s..%s%s%s {", word(it), kplan_var(t->plan, it->var), index_str(t, it->lo),
              index_str(t, it->hi), step, it->unroll ? " unroll" : "");
    body(t, it);
    kout_line(&t->o, "}");
}

static void branch(struct ktext *t, const struct kstmt *it)
{
    kout_line(&t->o, "%s (%s) {", word(it), guards(t, &it->mask));
    body(t, it);
    if (it->n_orelse) {
        kout_line(&t->o, "} else {");
        t->o.depth++;
        stmts(t, it->orelse, it->n_orelse);
        t->o.depth--;
    }
    kout_line(&t->o, "}");
}

static void frag_load(struct ktext *t, const struct kstmt *it)
{
    const char *slot = it->slot ? arena_printf(t->o.arena, "[%s]", index_str(t, it->slot)) : "";
    kout_line(&t->o, "%s %s = %s%s(%s, %s)%s", word(it), it->frag->name, it->mem->name, slot, index_str(t, it->row),
              index_str(t, it->col), it->transposed ? " transposed" : "");
}

static void each(struct ktext *t, const struct kstmt *it)
{
    const char *slot = it->var3 ? arena_printf(t->o.arena, ", %s", kplan_var(t->plan, it->var3)) : "";
    const char *col_slot = it->var4 ? arena_printf(t->o.arena, ", %s", kplan_var(t->plan, it->var4)) : "";
    kout_line(&t->o, "%s %s (%s, %s%s%s) from (%s, %s) {", word(it), it->frag->name, kplan_var(t->plan, it->var),
              kplan_var(t->plan, it->var2), slot, col_slot, index_str(t, it->row), index_str(t, it->col));
    body(t, it);
    kout_line(&t->o, "}");
}

static void region(struct ktext *t, const struct kstmt *it)
{
    kout_line(&t->o, "%s%s {", word(it), origin(t, it->loc));
    body(t, it);
    kout_line(&t->o, "}");
}

static void store(struct ktext *t, const struct kstmt *it)
{
    kout_line(&t->o, "%s = %s%s", mem_ref(t, it->mem, it->slot, it->index), value(t, it->value, false),
              mask_suffix(t, &it->mask));
}

static void store_vector(struct ktext *t, const struct kstmt *it)
{
    kout_line(&t->o, "%s %s = %s by %d%s", word(it), mem_ref(t, it->mem, it->slot, it->index),
              mem_ref(t, it->mem2, NULL, it->index2), it->elems, mask_suffix(t, &it->mask));
}

static void combine(struct ktext *t, const struct kstmt *it)
{
    const char *from = it->first > 1 ? arena_printf(t->o.arena, " from %d", it->first) : "";
    kout_line(&t->o, "%s %s %s over %d%s", word(it), kacc_table[it->acc].name, mem_ref(t, it->mem, NULL, it->index),
              it->span, from);
}

static void issue(struct ktext *t, const struct kstmt *it)
{
    kout_line(&t->o, "%s %d: %s from %s by %d%s", word(it), it->stage, mem_ref(t, it->mem, it->slot, it->index),
              mem_ref(t, it->mem2, NULL, it->index2), it->elems, mask_suffix(t, &it->mask));
}

static void land(struct ktext *t, const struct kstmt *it)
{
    kout_line(&t->o, "%s %d: %s by %d", word(it), it->stage, mem_ref(t, it->mem, it->slot, it->index), it->elems);
}

static void word_alone(struct ktext *t, const struct kstmt *it) { kout_line(&t->o, "%s", word(it)); }

static void barrier(struct ktext *t, const struct kstmt *it)
{
    kout_line(&t->o, "%s %s%s", word(it), it->scope == KSCOPE_BLOCK ? "block" : "wave",
              it->pending < 0 ? "" : arena_printf(t->o.arena, " wait %d", it->pending));
}

static void frag_fill(struct ktext *t, const struct kstmt *it)
{
    kout_line(&t->o, "%s %s = %s", word(it), it->frag->name, value(t, it->value, false));
}

static void mma(struct ktext *t, const struct kstmt *it)
{
    kout_line(&t->o, "%s %s += %s * %s", word(it), it->frag->name, it->frag_a->name, it->frag_b->name);
}

static void frag_set(struct ktext *t, const struct kstmt *it)
{
    kout_line(&t->o, "%s = %s", word(it), value(t, it->value, false));
}

static void frag_reduce(struct ktext *t, const struct kstmt *it)
{
    kout_line(&t->o, "%s %s %s = %s", word(it), kacc_table[it->acc].name, it->mem->name, it->frag->name);
}

static void frag_cast(struct ktext *t, const struct kstmt *it)
{
    kout_line(&t->o, "%s %s = %s[%s]", word(it), it->frag->name, it->frag_a->name, index_str(t, it->index));
}

static void (*const write[KSTMT_COUNT])(struct ktext *, const struct kstmt *) = {
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
    [KSTMT_COMMIT] = word_alone,
    [KSTMT_AWAIT] = word_alone,
    [KSTMT_BARRIER] = barrier,
    [KSTMT_FRAG_FILL] = frag_fill,
    [KSTMT_FRAG_LOAD] = frag_load,
    [KSTMT_MMA] = mma,
    [KSTMT_EACH] = each,
    [KSTMT_FRAG_SET] = frag_set,
    [KSTMT_FRAG_REDUCE] = frag_reduce,
    [KSTMT_FRAG_CAST] = frag_cast,
};

static void stmts(struct ktext *t, struct kstmt *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        t->stmt = list[i];
        size_t n_refs;
        const struct kref *r = kplan_refs(t->plan, t->stmt, &n_refs);
        for (size_t j = 0; j < n_refs; j++)
            if (r[j].def)
                kout_line(&t->o, "t%d := %s", r[j].temp, value(t, r[j].x, true));
        write[list[i]->kind](t, list[i]);
    }
}

/* ---- the head ---- */
struct dim_names {
    struct arena *a;
    const char **at;
    size_t n, cap;
};

static void collect(void *ctx, const struct index *e)
{
    struct dim_names *d = ctx;
    if (e->kind == INDEX_SYM) {
        size_t i = 0;
        while (i < d->n && strcmp(d->at[i], e->name) < 0)
            i++;
        if (i < d->n && !strcmp(d->at[i], e->name))
            return;
        (void)*arena_push(d->a, d->at, d->n, d->cap);
        memmove(&d->at[i + 1], &d->at[i], (d->n - 1 - i) * sizeof *d->at);
        d->at[i] = e->name;
    }
    if (e->a) {
        collect(d, e->a);
        collect(d, e->b);
    }
    for (int i = 0; i < e->n_terms; i++)
        for (int j = 0; j < e->terms[i].n; j++)
            collect(d, e->terms[i].atom[j]);
}

/* Declares each symbolic dim that occurs in the text. */
static void dims(struct ktext *t)
{
    const struct kernel *k = t->k;
    struct dim_names d = { .a = t->o.arena };
    for (size_t i = 0; i < k->n_dims; i++)
        collect(&d, k->dims[i].sym);
    for (size_t i = 0; i < k->n_args; i++)
        collect(&d, k->args[i]->count);
    for (size_t i = 0; i < k->n_sums; i++)
        if (k->sums[i].level.chain_of)
            collect(&d, k->sums[i].level.chain_of);
    for (int i = 0; i < 3; i++)
        collect(&d, k->grid[i]);
    if (!d.n)
        return;
    const char *out = d.at[0];
    for (size_t i = 1; i < d.n; i++)
        out = arena_printf(d.a, "%s, %s", out, d.at[i]);
    kout_line(&t->o, "dims %s", out);
}

static void declarations(struct ktext *t)
{
    static const char *const layouts[] = { [KL_ROWS] = "rows", [KL_PAD8] = "pad8", [KL_PAD4] = "pad4" };
    static const char *const roles[] = { [KF_A] = "A", [KF_B] = "B", [KF_C] = "C" };
    const struct kernel *k = t->k;
    for (size_t i = 0; i < k->n_args; i++) {
        const struct kmem *m = k->args[i];
        const char *use = m->read && m->written ? " inout" : m->written ? " out" : m->read ? " in" : "";
        kout_line(&t->o, "arg %s: %s[%s]%s", m->name, dtype_name(m->dtype), index_str(t, m->count), use);
    }
    kout_line(&t->o, "grid %s, %s, %s", index_str(t, k->grid[0]), index_str(t, k->grid[1]), index_str(t, k->grid[2]));
    for (size_t i = 0; i < k->n_shared; i++) {
        const struct kmem *m = k->shared[i];
        kout_line(&t->o, "shared %s: %s[%d][%d, %d] %s", m->name, dtype_name(m->dtype), m->slots, m->rows, m->cols,
                  layouts[m->layout]);
    }
    for (size_t i = 0; i < k->n_priv; i++)
        kout_line(&t->o, "private %s: %s[%s]", k->priv[i]->name, dtype_name(k->priv[i]->dtype),
                  index_str(t, k->priv[i]->count));
    for (size_t i = 0; i < k->n_frags; i++)
        kout_line(&t->o, "frag %s: %s[%d, %d]", k->frags[i]->name, roles[k->frags[i]->role], k->frags[i]->rows,
                  k->frags[i]->cols);
    for (size_t i = 0; i < k->n_sums; i++) {
        const struct sum_level *r = &k->sums[i].level;
        const char *unit = r->unit ? arena_printf(t->o.arena, " unit %d", r->unit_k) : "";
        const char *chain =
            r->chain_of ? index_str(t, r->chain_of) : arena_printf(t->o.arena, "%lld", (long long)r->chain);
        kout_line(&t->o, "sum block %lld chain %s depth %d%s", (long long)r->block, chain, r->depth, unit);
    }
}

const char *kernel_text(struct arena *a, const struct kernel *k)
{
    struct ktext t = { .o = { .arena = a, .step = 2 }, .plan = kplan_new(a, k), .k = k };
    t.sp = (struct kspell){ .arena = a, .atom = var_name, .ctx = t.plan };
    kout_line(&t.o, "kernel %s for %s block %d%s", k->name, k->target->name, k->block, origin(&t, k->loc));
    t.o.depth++;
    if (k->comment)
        kout_line(&t.o, "about %s", text_quoted(a, k->comment));
    dims(&t);
    declarations(&t);
    t.o.depth--;
    kout_line(&t.o, "{");
    t.o.depth++;
    stmts(&t, k->body, k->n_body);
    t.o.depth--;
    kout_line(&t.o, "}");
    return kout_text(&t.o);
}
