#include "ir/kernel/kir_plan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */
static const char *const reserved[] = {
    /* the kernel text's, where they could be taken for a name */
    "a",
    "at",
    "block",
    "combine",
    "commit",
    "each",
    "elem",
    "else",
    "false",
    "fill",
    "for",
    "frag",
    "from",
    "if",
    "in",
    "inf",
    "issue",
    "land",
    "let",
    "mask",
    "max",
    "min",
    "mma",
    "nan",
    "reduce",
    "region",
    "barrier",
    "step",
    "transposed",
    "true",
    "unroll",
    "where",
    "vector",
    /* C's and C++'s */
    "alignas",
    "alignof",
    "and",
    "asm",
    "auto",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "constexpr",
    "continue",
    "default",
    "delete",
    "do",
    "double",
    "enum",
    "explicit",
    "export",
    "extern",
    "float",
    "friend",
    "goto",
    "half",
    "inline",
    "int",
    "long",
    "mutable",
    "namespace",
    "new",
    "not",
    "operator",
    "or",
    "protected",
    "public",
    "register",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "template",
    "this",
    "throw",
    "try",
    "typedef",
    "typename",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "while",
    "xor",
    "linux",
    "unix",
};

static bool is_made_up(const char *n, const char *stem)
{
    size_t len = strlen(stem);
    if (strncmp(n, stem, len) || !n[len])
        return false;
    return n[len + strspn(n + len, "0123456789")] == 0;
}

bool kname_reserved(const char *name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (!strcmp(reserved[i], name))
            return true;
    size_t n = strlen(name);
    return !strncmp(name, "tk_", 3) || !strncmp(name, "TK_", 3) || !strncmp(name, "p_", 2) || strstr(name, "__") ||
           (n && name[n - 1] == '_') || is_made_up(name, "t") || is_made_up(name, "st");
}

const char *kname_clean(struct arena *a, const char *name)
{
    char *out = arena_printf(a, "%s%s", isdigit((unsigned char)name[0]) || !name[0] ? "n" : "", name);
    char *to = out;
    for (const char *p = out; *p; p++) { /* runs of other characters, and of underscores, become one underscore */
        if (isalnum((unsigned char)*p) && !((unsigned char)*p & 0x80))
            *to++ = *p;
        else if (to > out && to[-1] != '_')
            *to++ = '_';
    }
    while (to > out && to[-1] == '_')
        to--;
    *to = 0;
    return to == out ? "n" : kname_reserved(out) ? arena_printf(a, "%s_x", out) : out;
}

/* ---- growing text ---- */
static void room(struct kout *o, size_t more)
{
    if (o->cap - o->n > more)
        return;
    size_t cap = (o->cap + more) * 2 + 256;
    char *buf = arena_alloc(o->arena, cap);
    if (o->n)
        memcpy(buf, o->buf, o->n);
    o->buf = buf;
    o->cap = cap;
}

static void add_text(struct kout *o, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    BUG_IF(n < 0, "bad format %s", fmt);
    room(o, (size_t)n);
    o->n += (size_t)vsnprintf(o->buf + o->n, (size_t)n + 1, fmt, ap);
}

void kout_add(struct kout *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_text(o, fmt, ap);
    va_end(ap);
}

void kout_line(struct kout *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    kout_add(o, "%*s", o->depth * o->step, "");
    add_text(o, fmt, ap);
    kout_add(o, "\n");
    va_end(ap);
}

const char *kout_text(struct kout *o)
{
    room(o, 1);
    o->buf[o->n] = 0;
    return o->buf;
}

/* ---- walking an statement's index expressions ---- */
struct index_walk {
    void (*f)(void *, const struct index *);
    void *ctx;
};

static void walk_one(const struct index_walk *w, const struct index *e)
{
    if (e)
        w->f(w->ctx, e);
}

static void walk_mask(const struct index_walk *w, const struct kmask *m)
{
    for (int i = 0; i < m->n; i++) {
        walk_one(w, m->g[i].e);
        walk_one(w, m->g[i].bound);
    }
}

/* Values share their operands: each is visited once an statement. */
static void walk_value(const struct index_walk *w, const struct kexpr *x, unsigned char *seen)
{
    if (seen[x->id])
        return;
    seen[x->id] = 1;
    walk_one(w, x->index);
    walk_one(w, x->slot);
    walk_mask(w, &x->mask);
    if (x->kind == KEXPR_OP)
        for (int i = 0; i < kop_table[x->op].arity; i++)
            walk_value(w, x->arg[i], seen);
}

void kstmt_each_index(const struct kernel *k, const struct kstmt *it, void (*f)(void *ctx, const struct index *e),
                      void *ctx)
{
    const struct index_walk w = { f, ctx };
    walk_one(&w, it->lo);
    walk_one(&w, it->hi);
    walk_one(&w, it->step);
    walk_one(&w, it->row);
    walk_one(&w, it->col);
    walk_one(&w, it->index);
    walk_one(&w, it->index2);
    walk_one(&w, it->slot);
    walk_mask(&w, &it->mask);
    if (!it->value)
        return;
    unsigned char *seen = calloc(k->n_values + 1, 1);
    BUG_IF(!seen, "out of memory");
    walk_value(&w, it->value, seen);
    free(seen);
}

/* ---- a map from pointers ---- */
struct pair {
    const void *key;
    const char *name;
};
struct map {
    struct pair *at;
    size_t n, cap;
};

static struct pair *map_slot(const struct map *m, const void *key)
{
    size_t i = (size_t)((uintptr_t)key >> 4) * 0x9e3779b97f4a7c15u >> 20;
    while (m->at[i & (m->cap - 1)].key && m->at[i & (m->cap - 1)].key != key)
        i++;
    return &m->at[i & (m->cap - 1)];
}

static void map_put(struct arena *a, struct map *m, const void *key, const char *name)
{
    if (m->n * 2 >= m->cap) {
        struct map bigger = { arena_array(a, struct pair, m->cap ? m->cap * 2 : 64), m->n, m->cap ? m->cap * 2 : 64 };
        for (size_t i = 0; i < m->cap; i++)
            if (m->at[i].key)
                *map_slot(&bigger, m->at[i].key) = m->at[i];
        *m = bigger;
    }
    struct pair *p = map_slot(m, key);
    if (!p->key)
        m->n++;
    *p = (struct pair){ key, name };
}

static const char *map_get(const struct map *m, const void *key) { return m->cap ? map_slot(m, key)->name : NULL; }

/* ---- plan ---- */
struct entry {
    const struct kexpr *x;
    int uses, size, temp;
    bool dead;
}; /* one evaluation of a value; size: operations if written out */
struct stmt_plan {
    struct kref *refs;
    size_t n, cap;
};

struct kplan {
    struct arena *arena;
    const struct kernel *k;
    struct map names;
    const char **used;
    size_t n_used, cap_used;
    int n_lets;
    struct stmt_plan *stmts;
    struct entry *entries;
    size_t n_entries, cap_entries;
    size_t *live, n_live, cap_live; /* entries that can be seen, outer scopes first */
    int *current;                   /* by value: its entry that can be seen; -1 */
    uint64_t *deps;
    bool *deps_known; /* by value: private memories that it reads, as bits (number mod 64) */
};

enum { LONG_VALUE = 12 }; /* operations in one expression, beyond which part of it gets a name for the reader's sake */

static bool name_used(const struct kplan *p, const char *name)
{
    for (size_t i = 0; i < p->n_used; i++)
        if (!strcmp(p->used[i], name))
            return true;
    return false;
}

static void give_name(struct kplan *p, const void *key, const char *wanted)
{
    const char *base = kname_clean(p->arena, wanted);
    const char *name = base;
    for (int i = 2; name_used(p, name); i++)
        name = arena_printf(p->arena, "%s_%d", base, i);
    *arena_push(p->arena, p->used, p->n_used, p->cap_used) = name;
    map_put(p->arena, &p->names, key, name);
}

/* A name is free again where its variable is no longer seen. */
static void name_stmts(struct kplan *p, struct kstmt *const *stmts, size_t n)
{
    size_t outer = p->n_used;
    for (size_t i = 0; i < n; i++) {
        const struct kstmt *it = stmts[i];
        size_t before = p->n_used;
        if (it->var)
            give_name(p, it->var, it->var->name);
        if (it->var2)
            give_name(p, it->var2, it->var2->name);
        if (it->var3)
            give_name(p, it->var3, it->var3->name);
        if (it->read) {
            give_name(p, it->read, it->name ? it->name : arena_printf(p->arena, "v%d", p->n_lets));
            p->n_lets++;
        }
        name_stmts(p, it->body, it->n_body);
        name_stmts(p, it->orelse, it->n_orelse);
        if (it->kind != KSTMT_LET)
            p->n_used = before;
    }
    p->n_used = outer;
}

static void reserve(struct kplan *p, const char *name)
{
    *arena_push(p->arena, p->used, p->n_used, p->cap_used) = name;
}

static void name_all(struct kplan *p)
{
    const struct kernel *k = p->k;
    for (size_t i = 0; i < k->n_args; i++)
        reserve(p, k->args[i]->name);
    for (size_t i = 0; i < k->n_shared; i++)
        reserve(p, k->shared[i]->name);
    for (size_t i = 0; i < k->n_priv; i++)
        reserve(p, k->priv[i]->name);
    for (size_t i = 0; i < k->n_frags; i++)
        reserve(p, k->frags[i]->name);
    for (size_t i = 0; i < k->n_dims; i++) {
        reserve(p, k->dims[i].sym->name);
        reserve(p, k->dims[i].name);
    }
    const struct index *ids[] = { k->tid, k->lane, k->wave_id, k->bid[0], k->bid[1], k->bid[2] };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        give_name(p, ids[i], ids[i]->name);
    name_stmts(p, k->body, k->n_body);
}

/* Of private memory; 0 for any other. What an statement calls `mem` it writes, where it is private. */
static uint64_t mem_bit(const struct kplan *p, const struct kmem *m)
{
    for (size_t i = 0; i < p->k->n_priv; i++)
        if (p->k->priv[i] == m)
            return (uint64_t)1 << i % 64;
    return 0;
}

/* What an statement writes of what values are computed from anew: private memory, or the fragments' elements, which
   share a bit. */
static const uint64_t FRAGMENTS = (uint64_t)1 << 63;
static uint64_t writes_of(const struct kplan *p, const struct kstmt *it)
{
    return it->kind == KSTMT_FRAG_SET ? FRAGMENTS : mem_bit(p, it->mem);
}

static uint64_t deps_of(struct kplan *p, const struct kexpr *x)
{
    if (p->deps_known[x->id])
        return p->deps[x->id];
    uint64_t d = x->kind == KEXPR_LOAD ? mem_bit(p, x->mem) : x->kind == KEXPR_FRAG ? FRAGMENTS : 0;
    if (x->kind == KEXPR_OP)
        for (int i = 0; i < kop_table[x->op].arity; i++)
            d |= deps_of(p, x->arg[i]);
    p->deps_known[x->id] = true;
    return p->deps[x->id] = d;
}

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

/* A use of x by the statement; temp holds the entry's number until all uses are counted. Returns the operations that
   writing x out takes here. */
static int visit(struct kplan *p, const struct kstmt *it, const struct kexpr *x)
{
    if (always_written_out(x))
        return 0;
    int e = p->current[x->id];
    if (e >= 0) {
        p->entries[e].uses++;
        add_ref(p, it, x, e, false);
        return 0;
    }
    int size = 1;
    if (x->kind == KEXPR_OP)
        for (int i = 0; i < kop_table[x->op].arity; i++)
            size += visit(p, it, x->arg[i]);
    bool named = size > LONG_VALUE;
    e = (int)p->n_entries;
    *arena_push(p->arena, p->entries, p->n_entries, p->cap_entries) =
        (struct entry){ .x = x, .uses = named ? 2 : 1, .size = size };
    *arena_push(p->arena, p->live, p->n_live, p->cap_live) = (size_t)e;
    p->current[x->id] = e;
    add_ref(p, it, x, e, true);
    return named ? 0 : size;
}

static void leave_scope(struct kplan *p, size_t outer)
{
    while (p->n_live > outer) {
        const struct entry *e = &p->entries[p->live[--p->n_live]];
        if (!e->dead)
            p->current[e->x->id] = -1;
    }
}

/* Values that read these private memories are computed anew after this. */
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
        bool inside = in_region || it->kind == KSTMT_REGION || it->kind == KSTMT_EACH;
        size_t here = p->n_live;
        if (it->kind == KSTMT_FOR || it->kind == KSTMT_EACH)
            forget(p, written_in(p, it->body, it->n_body));
        plan_stmts(p, it->body, it->n_body, inside);
        leave_scope(p, here);
        plan_stmts(p, it->orelse, it->n_orelse, inside);
        leave_scope(p, in_region ? here : outer);
    }
}

/* Numbers the values that are worth a name and drops the references to the others. */
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
    p->deps_known = arena_array(a, bool, k->n_values + 1);
    for (unsigned i = 0; i < k->n_values; i++)
        p->current[i] = -1;
    name_all(p);
    plan_stmts(p, k->body, k->n_body, false);
    number_temps(p);
    return p;
}

const char *kplan_var(const struct kplan *p, const struct index *var)
{
    const char *name = map_get(&p->names, var);
    return name ? name : var->name;
}

const char *kplan_read(const struct kplan *p, const struct kexpr *read)
{
    const char *name = map_get(&p->names, read);
    return name ? name : "unbound";
}

const struct kref *kplan_refs(const struct kplan *p, const struct kstmt *stmt, size_t *n)
{
    *n = p->stmts[stmt->id].n;
    return p->stmts[stmt->id].refs;
}

int kplan_temp(const struct kplan *p, const struct kstmt *stmt, const struct kexpr *x)
{
    const struct stmt_plan *ip = &p->stmts[stmt->id];
    for (size_t i = 0; i < ip->n; i++)
        if (ip->refs[i].x == x)
            return ip->refs[i].temp;
    return -1;
}

void kguard_open(struct index_table *t, const struct kguard *g, bool *lower, bool *upper)
{
    *lower = g->e->lo < 0;
    *upper = !index_less(t, g->e, g->bound);
}

/* ---- index expressions ---- */
struct piece {
    int64_t coef;
    int degree;
    const char *text;
};

/* The order in which the terms of a sum are written: by degree, what is added before what is taken away, by
   coefficient, by name. */
static int by_order(const void *x, const void *y)
{
    const struct piece *a = x;
    const struct piece *b = y;
    if ((a->coef < 0) != (b->coef < 0))
        return (a->coef < 0) - (b->coef < 0);
    if (a->degree != b->degree)
        return b->degree - a->degree;
    int64_t ca = a->coef < 0 ? -a->coef : a->coef;
    int64_t cb = b->coef < 0 ? -b->coef : b->coef;
    if (ca != cb)
        return ca < cb ? 1 : -1;
    return strcmp(a->text, b->text);
}

static int by_text(const void *x, const void *y) { return strcmp(*(const char *const *)x, *(const char *const *)y); }

static struct piece piece_of(const struct kspell *s, const struct index_term *t)
{
    struct arena *a = s->plan->arena;
    const char *atom[INDEX_DEGREE], *out = "";
    for (int i = 0; i < t->n; i++)
        atom[i] = kspell_index(s, t->atom[i], true);
    qsort(atom, (size_t)t->n, sizeof *atom, by_text);
    for (int i = 0; i < t->n; i++)
        out = arena_printf(a, "%s%s%s", out, i ? "*" : "", atom[i]);
    return (struct piece){ t->coef, t->n, out };
}

static const char *sum_text(const struct kspell *s, const struct index *e, bool nested)
{
    struct arena *a = s->plan->arena;
    if (!e->n_terms)
        return arena_printf(a, e->k < 0 && nested ? "(%lld)" : "%lld", (long long)e->k);
    struct piece *p = arena_array(a, struct piece, e->n_terms);
    for (int i = 0; i < e->n_terms; i++)
        p[i] = piece_of(s, &e->terms[i]);
    qsort(p, (size_t)e->n_terms, sizeof *p, by_order);
    const char *out = "";
    for (int i = 0; i < e->n_terms; i++) {
        int64_t c = p[i].coef < 0 ? -p[i].coef : p[i].coef;
        const char *sign = p[i].coef < 0 ? (i ? " - " : "-") : i ? " + " : "";
        out = c == 1 ? arena_printf(a, "%s%s%s", out, sign, p[i].text)
                     : arena_printf(a, "%s%s%lld*%s", out, sign, (long long)c, p[i].text);
    }
    if (e->k)
        out = arena_printf(a, "%s %c %lld", out, e->k < 0 ? '-' : '+', (long long)(e->k < 0 ? -e->k : e->k));
    return nested ? arena_printf(a, "(%s)", out) : out;
}

/* In C, `/` and `%` are floor division and modulus where the dividend is not negative; elsewhere they are made so. */
static const char *div_text(const struct kspell *s, const struct index *e, bool nested)
{
    struct arena *a = s->plan->arena;
    const char *x = kspell_index(s, e->a, true);
    const char *y = kspell_index(s, e->b, true);
    if (!s->c || e->a->lo >= 0)
        return arena_printf(a, "%s%s%c%s%s", nested ? "(" : "", x, e->kind == INDEX_DIV ? '/' : '%', y,
                            nested ? ")" : "");
    if (e->kind == INDEX_MOD)
        return arena_printf(a, "((%s%%%s + %s)%%%s)", x, y, y, y);
    return arena_printf(a, "((%s < 0 ? %s - %s + 1 : %s)/%s)", x, x, y, x, y);
}

const char *kspell_index(const struct kspell *s, const struct index *e, bool nested)
{
    struct arena *a = s->plan->arena;
    switch (e->kind) {
    case INDEX_SYM:
    case INDEX_VAR: {
        const char *name = s->atom ? s->atom(s->ctx, e) : NULL;
        return name ? name : e->kind == INDEX_SYM ? e->name : kplan_var(s->plan, e);
    }
    case INDEX_SUM: return sum_text(s, e, nested);
    case INDEX_DIV:
    case INDEX_MOD: return div_text(s, e, nested);
    case INDEX_MIN:
    case INDEX_MAX: break;
    }
    const char *xy[2] = { kspell_index(s, e->a, false), kspell_index(s, e->b, false) };
    qsort(xy, 2, sizeof *xy, by_text);
    return arena_printf(a, "%s%s%s(%s, %s)", s->c ? "tk_" : "", e->kind == INDEX_MIN ? "min" : "max",
                        s->c ? "_i32" : "", xy[0], xy[1]);
}
