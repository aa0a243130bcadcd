#include "ir/kernel/kir_plan.h"

#include <string.h>

#include "ir/kernel/kname.h"
#include "ir/kernel/kstmt.h"
#include "ir/map.h"

struct entry {
    const struct kexpr *x;
    int uses;
    int temp;
    bool dead; /* memory that x reads was written after x was evaluated */
};
struct stmt_plan {
    struct kref *refs;
    size_t n, cap;
};
struct visit {
    const struct kexpr *x;
    int arg;
    int size; /* operations in the text of x, as far as counted */
};

struct kplan {
    struct arena *arena;
    const struct kernel *k;
    struct map *vars;
    const char **reads; /* value id of a K_READ -> name of its let */
    struct map *taken;  /* name -> not NULL while the name is in use */
    const char **used;
    size_t n_used, cap_used;
    int n_lets;
    struct stmt_plan *stmts;
    struct entry *entries;
    size_t n_entries, cap_entries;
    size_t *live; /* positions in `entries` of the entries in scope, outer scopes first */
    size_t n_live, cap_live;
    int *current; /* value id -> position in `entries` of its valid entry; -1: none */
    struct visit *stack;
    size_t cap_stack;
    struct kwalk known;
    uint64_t *deps; /* value id -> set of the private memories that the value reads (see mem_bit) */
    const struct kstmt *shown;
    int *temp;         /* value id -> temporary of the value in the statement `shown` */
    unsigned *temp_of; /* value id -> 1 + id of the statement for which temp[value id] is valid */
};

enum { LONG_VALUE = 12 }; /* most operations in one printed expression; a longer value becomes a temporary */

/* ---- names ---- */
static bool is_taken(const struct kplan *p, const char *name)
{
    void **at = map_find(p->taken, name);
    return at && *at;
}

static void take_name(struct kplan *p, const char *name)
{
    *map_at(p->taken, name) = p;
    *arena_push(p->arena, p->used, p->n_used, p->cap_used) = name;
}

static void free_names(struct kplan *p, size_t since)
{
    while (p->n_used > since)
        *map_at(p->taken, p->used[--p->n_used]) = NULL;
}

static const char *new_name(struct kplan *p, const char *wanted)
{
    const char *base = kname_clean(p->arena, wanted);
    const char *name = base;
    for (int i = 2; is_taken(p, name); i++)
        name = arena_printf(p->arena, "%s_%d", base, i);
    take_name(p, name);
    return name;
}

static void name_var(struct kplan *p, const struct index *var)
{
    if (var)
        *map_at_address(p->vars, var) = (void *)new_name(p, var->name);
}

static void name_read(struct kplan *p, const struct kstmt *let)
{
    const char *wanted = let->name ? let->name : arena_printf(p->arena, "v%d", p->n_lets);
    p->reads[let->read->id] = new_name(p, wanted);
    p->n_lets++;
}

static void name_stmts(struct kplan *p, struct kstmt *const *stmts, size_t n)
{
    size_t outer = p->n_used;
    for (size_t i = 0; i < n; i++) {
        const struct kstmt *it = stmts[i];
        size_t before = p->n_used;
        name_var(p, it->var);
        name_var(p, it->var2);
        name_var(p, it->var3);
        name_var(p, it->var4);
        if (it->read)
            name_read(p, it);
        name_stmts(p, it->body, it->n_body);
        name_stmts(p, it->orelse, it->n_orelse);
        if (!kstmt_table[it->kind].binds)
            free_names(p, before);
    }
    free_names(p, outer);
}

static void name_all(struct kplan *p)
{
    const struct kernel *k = p->k;
    for (size_t i = 0; i < k->n_args; i++)
        take_name(p, k->args[i]->name);
    for (size_t i = 0; i < k->n_shared; i++)
        take_name(p, k->shared[i]->name);
    for (size_t i = 0; i < k->n_priv; i++)
        take_name(p, k->priv[i]->name);
    for (size_t i = 0; i < k->n_frags; i++)
        take_name(p, k->frags[i]->name);
    for (size_t i = 0; i < k->n_dims; i++) {
        take_name(p, k->dims[i].sym->name);
        take_name(p, k->dims[i].name);
    }
    const struct index *ids[] = { k->tid, k->lane, k->wave_id, k->bid[0], k->bid[1], k->bid[2] };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        name_var(p, ids[i]);
    name_stmts(p, k->body, k->n_body);
}

/* ---- values that are evaluated again ---- */
/* A set of private memories has 64 bits, one for each memory. With more than 64 memories, some share a bit.
   Then values are evaluated again more often than necessary. Other memory has no bit. */
static uint64_t mem_bit(const struct kplan *p, const struct kmem *m)
{
    for (size_t i = 0; m && m->space == KS_PRIVATE && i < p->k->n_priv; i++)
        if (p->k->priv[i] == m)
            return (uint64_t)1 << i % 64;
    return 0;
}

/* The bit for all fragments in a set of memories. */
static const uint64_t FRAGMENTS = (uint64_t)1 << 63;
static uint64_t writes_of(const struct kplan *p, const struct kstmt *it)
{
    const struct kstmt_info *info = &kstmt_table[it->kind];
    return (info->mem & KUSE_WRITE ? mem_bit(p, it->mem) : 0) | (info->mem2 & KUSE_WRITE ? mem_bit(p, it->mem2) : 0) |
           (info->frag & KUSE_WRITE ? FRAGMENTS : 0);
}

static void find_deps(void *ctx, const struct kexpr *x)
{
    struct kplan *p = ctx;
    uint64_t d = x->kind == KEXPR_LOAD ? mem_bit(p, x->mem) : x->kind == KEXPR_FRAG ? FRAGMENTS : 0;
    for (int i = 0; x->kind == KEXPR_OP && i < kop_table[x->op].arity; i++)
        d |= p->deps[x->arg[i]->id];
    p->deps[x->id] = d;
}

static uint64_t deps_of(struct kplan *p, const struct kexpr *x)
{
    kwalk_value(&p->known, x, find_deps, p);
    return p->deps[x->id];
}

/* ---- temporaries ---- */
static bool always_written_out(const struct kexpr *x)
{
    return x->kind == KEXPR_CONST || x->kind == KEXPR_INDEX || x->kind == KEXPR_FRAG ||
           (x->kind == KEXPR_LOAD && x->mem->space == KS_PRIVATE) || (x->kind == KEXPR_OP && x->op == K_READ);
}

static void add_ref(struct kplan *p, const struct kstmt *it, const struct kexpr *x, int entry, bool def)
{
    struct stmt_plan *ip = &p->stmts[it->id];
    *arena_push(p->arena, ip->refs, ip->n, ip->cap) = (struct kref){ x, entry, def };
}

/* Records a use of x and returns true, if x has a valid entry or is never a temporary.
   Returns false if x must be visited first. Until number_temps, kref.temp is a position in `entries`. */
static bool is_use(struct kplan *p, const struct kstmt *it, const struct kexpr *x)
{
    if (always_written_out(x))
        return true;
    int e = p->current[x->id];
    if (e < 0)
        return false;
    p->entries[e].uses++;
    add_ref(p, it, x, e, false);
    return true;
}

/* Records the first use of x. Call after its operands are recorded.
   Returns how many operations x adds to the text of its user. A long x becomes a temporary, and adds 0. */
static int define(struct kplan *p, const struct kstmt *it, const struct kexpr *x, int size)
{
    bool named = size > LONG_VALUE;
    int e = (int)p->n_entries;
    *arena_push(p->arena, p->entries, p->n_entries, p->cap_entries) = (struct entry){ .x = x, .uses = named ? 2 : 1 };
    *arena_push(p->arena, p->live, p->n_live, p->cap_live) = (size_t)e;
    p->current[x->id] = e;
    add_ref(p, it, x, e, true);
    return named ? 0 : size;
}

static void visit(struct kplan *p, const struct kstmt *it, const struct kexpr *x)
{
    size_t n = 0;
    if (!is_use(p, it, x))
        *arena_push(p->arena, p->stack, n, p->cap_stack) = (struct visit){ x, 0, 1 };
    while (n) {
        struct visit *top = &p->stack[n - 1];
        int arity = top->x->kind == KEXPR_OP ? kop_table[top->x->op].arity : 0;
        if (top->arg < arity) {
            const struct kexpr *next = top->x->arg[top->arg++];
            if (!is_use(p, it, next))
                *arena_push(p->arena, p->stack, n, p->cap_stack) = (struct visit){ next, 0, 1 };
            continue;
        }
        int size = define(p, it, top->x, top->size);
        if (--n)
            p->stack[n - 1].size += size;
    }
}

static void leave_scope(struct kplan *p, size_t outer)
{
    while (p->n_live > outer) {
        const struct entry *e = &p->entries[p->live[--p->n_live]];
        if (!e->dead)
            p->current[e->x->id] = -1;
    }
}

/* Marks as dead the entries of all values that read a memory in the set `written`. */
static void forget(struct kplan *p, uint64_t written)
{
    for (size_t i = 0; written && i < p->n_live; i++) {
        struct entry *e = &p->entries[p->live[i]];
        if (e->dead || !(deps_of(p, e->x) & written))
            continue;
        e->dead = true;
        p->current[e->x->id] = -1;
    }
}

static uint64_t written_in(const struct kplan *p, struct kstmt *const *stmts, size_t n)
{
    uint64_t w = 0;
    for (size_t i = 0; i < n; i++) {
        const struct kstmt *it = stmts[i];
        w |= writes_of(p, it) | written_in(p, it->body, it->n_body) | written_in(p, it->orelse, it->n_orelse);
    }
    return w;
}

static void plan_stmts(struct kplan *p, struct kstmt *const *stmts, size_t n, bool in_region)
{
    for (size_t i = 0; i < n; i++) {
        const struct kstmt *it = stmts[i];
        size_t outer = p->n_live;
        if (it->value) {
            if (it->fma && it->value->kind == KEXPR_OP && it->value->op == K_MUL) {
                visit(p, it, it->value->arg[0]);
                visit(p, it, it->value->arg[1]);
            } else
                visit(p, it, it->value);
        }
        forget(p, writes_of(p, it));
        bool inside = in_region || kstmt_table[it->kind].body & KBODY_APART;
        size_t here = p->n_live;
        if (kstmt_table[it->kind].body & KBODY_REPEAT)
            forget(p, written_in(p, it->body, it->n_body));
        plan_stmts(p, it->body, it->n_body, inside);
        leave_scope(p, here);
        plan_stmts(p, it->orelse, it->n_orelse, inside);
        leave_scope(p, in_region ? here : outer);
    }
}

/* Makes each value with more than one use a temporary, and numbers these. Drops the references to other values. */
static void number_temps(struct kplan *p)
{
    int next = 0;
    for (size_t i = 0; i < p->n_entries; i++)
        p->entries[i].temp = p->entries[i].uses > 1 ? next++ : -1;
    for (size_t i = 0; i < p->k->n_stmts; i++) {
        struct stmt_plan *ip = &p->stmts[i];
        size_t kept = 0;
        for (size_t j = 0; j < ip->n; j++) {
            int temp = p->entries[ip->refs[j].temp].temp;
            if (temp >= 0)
                ip->refs[kept++] = (struct kref){ ip->refs[j].x, temp, ip->refs[j].def };
        }
        ip->n = kept;
    }
}

struct kplan *kplan_new(struct arena *a, const struct kernel *k)
{
    struct kplan *p = arena_new_of(a, struct kplan);
    p->arena = a;
    p->k = k;
    p->stmts = arena_array(a, struct stmt_plan, k->n_stmts + 1);
    p->current = arena_array(a, int, k->n_values + 1);
    p->deps = arena_array(a, uint64_t, k->n_values + 1);
    p->known = kwalk_new(a, k);
    p->temp = arena_array(a, int, k->n_values + 1);
    p->temp_of = arena_array(a, unsigned, k->n_values + 1);
    p->reads = arena_array(a, const char *, k->n_values + 1);
    p->vars = map_new(a);
    p->taken = map_new(a);
    for (unsigned i = 0; i < k->n_values; i++)
        p->current[i] = -1;
    name_all(p);
    plan_stmts(p, k->body, k->n_body, false);
    number_temps(p);
    return p;
}

const char *kplan_var(const struct kplan *p, const struct index *var)
{
    void **name = map_find_address(p->vars, var);
    return name ? *name : var->name;
}

const char *kplan_read(const struct kplan *p, const struct kexpr *read)
{
    return p->reads[read->id] ? p->reads[read->id] : "unbound";
}

const struct kref *kplan_refs(const struct kplan *p, const struct kstmt *stmt, size_t *n)
{
    *n = p->stmts[stmt->id].n;
    return p->stmts[stmt->id].refs;
}

static void show(struct kplan *p, const struct kstmt *stmt)
{
    const struct stmt_plan *ip = &p->stmts[stmt->id];
    for (size_t i = 0; i < ip->n; i++) {
        p->temp[ip->refs[i].x->id] = ip->refs[i].temp;
        p->temp_of[ip->refs[i].x->id] = stmt->id + 1;
    }
    p->shown = stmt;
}

int kplan_temp(struct kplan *p, const struct kstmt *stmt, const struct kexpr *x)
{
    if (p->shown != stmt)
        show(p, stmt);
    return p->temp_of[x->id] == stmt->id + 1 ? p->temp[x->id] : -1;
}
