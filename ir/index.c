#include "ir/index.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ir/arena.h"

enum { FIRST_SLOTS = 1024, MAX_TERMS = 64, SMALL = 256 };

struct entry {
    bool of_vars; /* `index` contains an INDEX_VAR; the entry then lives in the arena index_table.vars */
    struct index index;
};
struct slot {
    uint64_t hash;
    struct entry *entry; /* NULL: free */
};
struct index_table {
    struct arena *arena;
    struct arena *vars;
    struct arena *room;
    unsigned next_id;
    size_t n, n_slots;
    struct slot *slot;
    const struct index *small[SMALL];
};

/* Searches from slot number `from` on, and wraps. Returns the first slot that is free or has this hash. */
static struct slot *probe(const struct index_table *t, uint64_t hash, size_t from)
{
    for (;; from++) {
        struct slot *at = &t->slot[from & (t->n_slots - 1)];
        if (!at->entry || at->hash == hash)
            return at;
    }
}

static void put(struct index_table *t, uint64_t hash, struct entry *e)
{
    size_t at = hash;
    while (t->slot[at & (t->n_slots - 1)].entry)
        at++;
    t->slot[at & (t->n_slots - 1)] = (struct slot){ hash, e };
    t->n++;
}

/* Moves the entries to a new array of n slots. If vars_too is false, drops entries that contain variables. */
static void rehash(struct index_table *t, size_t n, bool vars_too)
{
    struct arena *old_room = t->room;
    const struct slot *old = t->slot;
    size_t n_old = t->n_slots;
    t->room = arena_child(t->arena);
    t->slot = arena_array(t->room, struct slot, n);
    t->n_slots = n;
    t->n = 0;
    for (size_t i = 0; i < n_old; i++)
        if (old[i].entry && (vars_too || !old[i].entry->of_vars))
            put(t, old[i].hash, old[i].entry);
    arena_free(old_room);
}

struct index_table *index_table_new(struct arena *a)
{
    struct index_table *t = arena_new_of(a, struct index_table);
    t->arena = a;
    t->vars = arena_child(a);
    rehash(t, FIRST_SLOTS, true);
    return t;
}

/* The first rehash drops the entries with variables. The second one shrinks the array to fit the other entries. */
void index_forget_vars(struct index_table *t)
{
    rehash(t, t->n_slots, false);
    size_t n = FIRST_SLOTS;
    while (n < 4 * t->n)
        n *= 2;
    rehash(t, n, false);
    arena_free(t->vars);
    t->vars = arena_child(t->arena);
}

__extension__ typedef __int128 i128;

static int64_t clamp(i128 v) { return v > INDEX_INF ? INDEX_INF : v < -INDEX_INF ? -INDEX_INF : (int64_t)v; }
static int64_t sat_add(int64_t a, int64_t b)
{
    return a <= -INDEX_INF || b <= -INDEX_INF ? -INDEX_INF
           : a >= INDEX_INF || b >= INDEX_INF ? INDEX_INF
                                              : clamp((i128)a + b);
}
static int64_t sat_mul(int64_t a, int64_t b) { return clamp((i128)a * b); }
static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

static bool same(const struct index *x, const struct index *y)
{
    if (x->kind != y->kind || x->k != y->k || x->n_terms != y->n_terms || x->a != y->a || x->b != y->b)
        return false;
    if (x->kind == INDEX_SYM)
        return strcmp(x->name, y->name) == 0;
    for (int i = 0; i < x->n_terms; i++) {
        if (x->terms[i].coef != y->terms[i].coef || x->terms[i].n != y->terms[i].n)
            return false;
        if (memcmp(x->terms[i].atom, y->terms[i].atom, sizeof x->terms[i].atom))
            return false;
    }
    return true;
}

static uint64_t hash_of(const struct index *e)
{
    uint64_t h = 1469598103934665603u ^ (uint64_t)e->kind;
#define MIX(v) (h = (h ^ (uint64_t)(v)) * 1099511628211u, h ^= h >> 29)
    MIX(e->k);
    MIX(e->a ? e->a->id + 1 : 0);
    MIX(e->b ? e->b->id + 1 : 0);
    if (e->kind == INDEX_SYM)
        for (const char *p = e->name; *p; p++)
            MIX(*p);
    for (int i = 0; i < e->n_terms; i++) {
        MIX(e->terms[i].coef);
        for (int j = 0; j < e->terms[i].n; j++)
            MIX(e->terms[i].atom[j]->id + 1);
    }
#undef MIX
    return h ^ h >> 32;
}

static struct entry *entry_of(const struct index *e)
{
    return (struct entry *)((char *)(uintptr_t)e - offsetof(struct entry, index));
}

static bool mentions_vars(const struct index *e)
{
    if (e->kind == INDEX_VAR || (e->a && entry_of(e->a)->of_vars) || (e->b && entry_of(e->b)->of_vars))
        return true;
    for (int i = 0; i < e->n_terms; i++)
        for (int j = 0; j < e->terms[i].n; j++)
            if (entry_of(e->terms[i].atom[j])->of_vars)
                return true;
    return false;
}

/* Returns the stored copy of e. If there is none, stores e first. `e` and its terms may be on the stack.
   A variable is always new, so variables are not in the table. */
static const struct index *intern(struct index_table *t, const struct index *e)
{
    uint64_t hash = e->kind == INDEX_VAR ? 0 : hash_of(e);
    if (e->kind != INDEX_VAR) {
        const struct slot *at = probe(t, hash, hash);
        while (at->entry && !same(&at->entry->index, e))
            at = probe(t, hash, (size_t)(at - t->slot) + 1);
        if (at->entry)
            return &at->entry->index;
    }
    bool vars = mentions_vars(e);
    struct arena *a = vars ? t->vars : t->arena;
    struct entry *p = arena_new_of(a, struct entry);
    *p = (struct entry){ .of_vars = vars, .index = *e };
    p->index.id = t->next_id++;
    if (e->n_terms) {
        struct index_term *terms = arena_array(a, struct index_term, e->n_terms);
        memcpy(terms, e->terms, sizeof *terms * (size_t)e->n_terms);
        p->index.terms = terms;
    }
    if (e->name)
        p->index.name = arena_strdup(a, e->name);
    if (e->kind == INDEX_VAR)
        return &p->index;
    if (t->n * 2 >= t->n_slots)
        rehash(t, t->n_slots * 2, true);
    put(t, hash, p);
    return &p->index;
}

static void range_mul(int64_t *lo, int64_t *hi, int64_t lo2, int64_t hi2)
{
    int64_t c[4] = { sat_mul(*lo, lo2), sat_mul(*lo, hi2), sat_mul(*hi, lo2), sat_mul(*hi, hi2) };
    *lo = *hi = c[0];
    for (int i = 1; i < 4; i++) {
        if (c[i] < *lo)
            *lo = c[i];
        if (c[i] > *hi)
            *hi = c[i];
    }
}

/* Writes the terms of e to `out` and the constant to *k. Returns the number of terms. An atom a is the term 1·a. */
static int terms_of(const struct index *e, struct index_term *out, int64_t *k)
{
    if (e->kind == INDEX_SUM) {
        *k = e->k;
        memcpy(out, e->terms, sizeof *out * (size_t)e->n_terms);
        return e->n_terms;
    }
    *k = 0;
    out[0] = (struct index_term){ .coef = 1, .n = 1, .atom = { e } };
    return 1;
}

static const struct index *make_sum(struct index_table *t, int64_t k, struct index_term *terms, int n);

static bool same_atoms(const struct index_term *a, const struct index_term *b)
{
    return a->n == b->n && !memcmp(a->atom, b->atom, sizeof a->atom);
}

/* Replaces two terms p·(x % d) and p·d·(x / d) by p·x, where p is any product.
   Returns the new sum, or NULL if there are no two such terms. */
static const struct index *rejoin(struct index_table *t, int64_t k, const struct index_term *terms, int n)
{
    for (int i = 0; i < n; i++)
        for (int m = 0; m < terms[i].n; m++) {
            const struct index *mod = terms[i].atom[m];
            if (mod->kind != INDEX_MOD)
                continue;
            const struct index *rest = index_const(t, terms[i].coef);
            for (int q = 0; q < terms[i].n; q++)
                if (q != m)
                    rest = index_mul(t, rest, terms[i].atom[q]);
            const struct index *partner = index_mul(t, index_mul(t, rest, mod->b), index_div(t, mod->a, mod->b));
            struct index_term want[MAX_TERMS];
            int64_t wk;
            int wn = terms_of(partner, want, &wk);
            int at = -1;
            if (wn != 1 || wk)
                continue;
            for (int j = 0; j < n; j++)
                if (j != i && terms[j].coef == want[0].coef && same_atoms(&terms[j], &want[0]))
                    at = j;
            if (at < 0)
                continue;
            const struct index *sum = index_add(t, index_mul(t, rest, mod->a), index_const(t, k));
            for (int j = 0; j < n; j++)
                if (j != i && j != at)
                    sum = index_add(t, sum, make_sum(t, 0, (struct index_term[]){ terms[j] }, 1));
            return sum;
        }
    return NULL;
}

/* Returns the sum k + terms in canonical form.
   Sorts the terms, merges terms with the same atoms, and drops terms with coefficient 0. */
static const struct index *make_sum(struct index_table *t, int64_t k, struct index_term *terms, int n)
{
    struct index_term out[MAX_TERMS];
    int m = 0;
    for (int i = 0; i < n; i++) {
        int j = 0;
        while (j < m && !(out[j].n == terms[i].n && !memcmp(out[j].atom, terms[i].atom, sizeof out[j].atom)))
            j++;
        if (j < m) {
            out[j].coef += terms[i].coef;
            continue;
        }
        int at = m++;
        BUG_IF(m > MAX_TERMS, "index expression with over %d terms", MAX_TERMS);
        while (at > 0) { /* sort by degree, then by atom ids */
            const struct index_term *p = &out[at - 1];
            int c = terms[i].n - p->n;
            for (int q = 0; !c && q < p->n; q++)
                c = (terms[i].atom[q]->id < p->atom[q]->id) ? 1 : (terms[i].atom[q]->id > p->atom[q]->id) ? -1 : 0;
            if (c <= 0)
                break;
            out[at] = out[at - 1];
            at--;
        }
        out[at] = terms[i];
    }
    int kept = 0;
    for (int i = 0; i < m; i++)
        if (out[i].coef)
            out[kept++] = out[i];
    const struct index *joined = kept > 1 ? rejoin(t, k, out, kept) : NULL;
    if (joined)
        return joined;
    if (kept == 1 && k == 0 && out[0].coef == 1 && out[0].n == 1)
        return out[0].atom[0];
    struct index e = {
        .kind = INDEX_SUM, .lo = k, .hi = k, .k = k, .n_terms = kept, .terms = out, .uniform = UNIFORM_GRID
    };
    for (int i = 0; i < kept; i++) {
        int64_t lo = out[i].coef;
        int64_t hi = out[i].coef;
        for (int j = 0; j < out[i].n; j++) {
            range_mul(&lo, &hi, out[i].atom[j]->lo, out[i].atom[j]->hi);
            if (out[i].atom[j]->uniform > e.uniform)
                e.uniform = out[i].atom[j]->uniform;
        }
        e.lo = sat_add(e.lo, lo);
        e.hi = sat_add(e.hi, hi);
    }
    return intern(t, &e);
}

const struct index *index_const(struct index_table *t, int64_t k)
{
    const struct index **known = k >= 0 && k < SMALL ? &t->small[k] : NULL;
    if (known && *known)
        return *known;
    const struct index *e = make_sum(t, k, NULL, 0);
    if (known)
        *known = e;
    return e;
}

static bool is_number(const struct index *e, int64_t k) { return index_is_const(e) && e->k == k; }

const struct index *index_sym(struct index_table *t, const char *name)
{
    return intern(
        t, &(struct index){ .kind = INDEX_SYM, .name = name, .lo = 0, .hi = INDEX_DIM_MAX, .uniform = UNIFORM_GRID });
}

const struct index *index_var(struct index_table *t, const char *name, int64_t lo, int64_t hi, enum uniform u)
{
    return intern(t, &(struct index){ .kind = INDEX_VAR, .name = name, .lo = lo, .hi = hi, .uniform = u });
}

const struct index *index_add(struct index_table *t, const struct index *a, const struct index *b)
{
    struct index_term terms[2 * MAX_TERMS];
    int64_t ka, kb;
    if (is_number(a, 0))
        return b;
    if (is_number(b, 0))
        return a;
    int n = terms_of(a, terms, &ka);
    n += terms_of(b, terms + n, &kb);
    return make_sum(t, ka + kb, terms, n);
}

const struct index *index_mul(struct index_table *t, const struct index *a, const struct index *b)
{
    struct index_term ta[MAX_TERMS], tb[MAX_TERMS], out[MAX_TERMS * 2];
    int64_t ka, kb;
    if (is_number(a, 1) || is_number(b, 0))
        return b;
    if (is_number(b, 1) || is_number(a, 0))
        return a;
    int na = terms_of(a, ta, &ka);
    int nb = terms_of(b, tb, &kb);
    int n = 0;
    BUG_IF((na + 1) * (nb + 1) > MAX_TERMS * 2, "index product with too many terms");
    for (int i = 0; i < na; i++) {
        for (int j = 0; j < nb; j++) {
            struct index_term p = { .coef = ta[i].coef * tb[j].coef, .n = ta[i].n + tb[j].n };
            BUG_IF(p.n > INDEX_DEGREE, "index product of degree over %d", INDEX_DEGREE);
            for (int q = 0, x = 0, y = 0; q < p.n; q++)
                p.atom[q] = y >= tb[j].n || (x < ta[i].n && ta[i].atom[x]->id <= tb[j].atom[y]->id) ? ta[i].atom[x++]
                                                                                                    : tb[j].atom[y++];
            out[n++] = p;
        }
        if (kb) {
            out[n] = ta[i];
            out[n++].coef *= kb;
        }
    }
    for (int j = 0; ka && j < nb; j++) {
        out[n] = tb[j];
        out[n++].coef *= ka;
    }
    return make_sum(t, ka * kb, out, n);
}

const struct index *index_sub(struct index_table *t, const struct index *a, const struct index *b)
{
    return index_add(t, a, index_mulk(t, b, -1));
}

static const struct index *make_pair(struct index_table *t, enum index_kind kind, const struct index *a,
                                     const struct index *b, int64_t lo, int64_t hi)
{
    enum uniform u = a->uniform > b->uniform ? a->uniform : b->uniform;
    return intern(t, &(struct index){ .kind = kind, .a = a, .b = b, .lo = lo, .hi = hi, .uniform = u });
}

/* Splits a into d·whole + rest, so that a / d = whole + rest / d and a % d = rest % d.
   Example for d = 4: 8·i + j + 6 gives whole = 2·i + 1 and rest = j + 2. */
static void split(struct index_table *t, const struct index *a, int64_t d, const struct index **whole,
                  const struct index **rest)
{
    struct index_term terms[MAX_TERMS], w[MAX_TERMS], r[MAX_TERMS];
    int64_t k;
    int n = terms_of(a, terms, &k);
    int nw = 0;
    int nr = 0;
    for (int i = 0; i < n; i++) {
        if (terms[i].coef % d == 0) {
            w[nw] = terms[i];
            w[nw++].coef /= d;
        } else
            r[nr++] = terms[i];
    }
    int64_t kw = floor_div(k, d);
    *whole = make_sum(t, kw, w, nw);
    *rest = make_sum(t, k - kw * d, r, nr);
}

const struct index *index_div(struct index_table *t, const struct index *a, const struct index *b)
{
    BUG_IF(b->lo <= 0 && index_is_const(b), "index division by %lld", (long long)b->lo);
    int64_t d;
    if (a == b)
        return index_const(t, 1);
    if (index_const_value(b, &d)) {
        if (d == 1)
            return a;
        const struct index *whole, *rest;
        split(t, a, d, &whole, &rest);
        if (rest->lo >= 0 && rest->hi < d)
            return whole;
        if (index_is_const(whole) && whole->k == 0)
            return rest->kind == INDEX_DIV && index_is_const(rest->b)
                       ? index_div(t, rest->a, index_const(t, rest->b->k * d))
                       : make_pair(t, INDEX_DIV, rest, b, floor_div(rest->lo, d), floor_div(rest->hi, d));
        return index_add(t, whole, index_div(t, rest, b));
    }
    if (a->lo >= 0 && index_less(t, a, b))
        return index_const(t, 0);
    return make_pair(t, INDEX_DIV, a, b, a->lo < 0 ? a->lo : 0, a->hi < 0 ? -1 : a->hi);
}

const struct index *index_mod(struct index_table *t, const struct index *a, const struct index *b)
{
    BUG_IF(b->lo <= 0 && index_is_const(b), "index modulus by %lld", (long long)b->lo);
    int64_t d;
    if (a == b)
        return index_const(t, 0);
    if (index_const_value(b, &d)) {
        const struct index *whole, *rest;
        split(t, a, d, &whole, &rest);
        if (rest->lo >= 0 && rest->hi < d)
            return rest;
        return make_pair(t, INDEX_MOD, rest, b, 0, d - 1);
    }
    if (a->lo >= 0 && index_less(t, a, b))
        return a;
    return make_pair(t, INDEX_MOD, a, b, 0, b->hi - 1);
}

const struct index *index_min(struct index_table *t, const struct index *a, const struct index *b)
{
    if (index_less_eq(t, a, b))
        return a;
    if (index_less_eq(t, b, a))
        return b;
    if (a->id > b->id) {
        const struct index *s = a;
        a = b;
        b = s;
    }
    return make_pair(t, INDEX_MIN, a, b, a->lo < b->lo ? a->lo : b->lo, a->hi < b->hi ? a->hi : b->hi);
}

const struct index *index_max(struct index_table *t, const struct index *a, const struct index *b)
{
    if (index_less_eq(t, a, b))
        return b;
    if (index_less_eq(t, b, a))
        return a;
    if (a->id > b->id) {
        const struct index *s = a;
        a = b;
        b = s;
    }
    return make_pair(t, INDEX_MAX, a, b, a->lo > b->lo ? a->lo : b->lo, a->hi > b->hi ? a->hi : b->hi);
}

const struct index *index_ceil_div(struct index_table *t, const struct index *a, const struct index *b)
{
    return index_div(t, index_add(t, a, index_addk(t, b, -1)), b);
}

bool index_const_value(const struct index *e, int64_t *out)
{
    if (!index_is_const(e))
        return false;
    *out = e->k;
    return true;
}

static int64_t common_divisor(int64_t a, int64_t b) { return b ? common_divisor(b, a % b) : a < 0 ? -a : a; }

bool index_multiple_of(const struct index *e, int64_t m)
{
    if (m == 1)
        return true;
    if (e->kind == INDEX_MOD || e->kind == INDEX_MIN || e->kind == INDEX_MAX)
        return index_multiple_of(e->a, m) && index_multiple_of(e->b, m);
    if (e->kind != INDEX_SUM || e->k % m)
        return false;
    for (int i = 0; i < e->n_terms; i++) {
        const struct index_term *t = &e->terms[i];
        /* it suffices that one atom is a multiple of m / gcd(coef, m) */
        int64_t left = m / common_divisor(t->coef, m);
        bool good = left == 1;
        for (int j = 0; j < t->n && !good; j++)
            good = index_multiple_of(t->atom[j], left);
        if (!good)
            return false;
    }
    return true;
}

bool index_less_eq(struct index_table *t, const struct index *a, const struct index *b)
{
    return a == b || index_sub(t, b, a)->lo >= 0;
}
bool index_less(struct index_table *t, const struct index *a, const struct index *b)
{
    return a != b && index_sub(t, b, a)->lo > 0;
}

/* Is every coefficient of e small enough to be scaled by `by`? */
static bool may_scale(const struct index *e, int64_t by)
{
    const int64_t most = (int64_t)1 << 60;
    struct index_term terms[MAX_TERMS];
    int64_t k, scaled;
    int n = terms_of(e, terms, &k);
    bool fits = !__builtin_mul_overflow(k, by, &scaled) && scaled < most && scaled > -most;
    for (int i = 0; i < n && fits; i++)
        fits = !__builtin_mul_overflow(terms[i].coef, by, &scaled) && scaled < most && scaled > -most;
    return fits;
}

/* May by·x be added to e? */
static bool may_join(const struct index *e, const struct index *x, int64_t by)
{
    return may_scale(x, by) && e->n_terms + x->n_terms + 4 < MAX_TERMS;
}

/* e + coef·(by − atom), where e has the term coef·atom. */
static const struct index *with_term(struct index_table *t, const struct index *e, int64_t coef,
                                     const struct index *atom, const struct index *by)
{
    return index_add(t, e, index_mulk(t, index_sub(t, by, atom), coef));
}

/* A bound on e·d from below, where e has the term coef·(a / d): d·(a / d) lies in a - d + 1 .. a. */
static const struct index *least_of_quotient(struct index_table *t, const struct index *e, int64_t coef,
                                             const struct index *atom)
{
    int64_t d = atom->b->k;
    const struct index *scaled = index_mulk(t, with_term(t, e, coef, atom, index_const(t, 0)), d);
    const struct index *a = coef < 0 ? atom->a : index_addk(t, atom->a, 1 - d);
    return index_add(t, scaled, index_mulk(t, a, coef));
}

/* Is e > -scale proved, that is e / scale > -1? Each level of the recursion removes one quotient, minimum or
   maximum. */
static bool above(struct index_table *t, const struct index *e, int64_t scale, int depth)
{
    struct index_term terms[MAX_TERMS];
    int64_t k;
    if (e->lo > -scale)
        return true;
    int n = depth ? terms_of(e, terms, &k) : 0;
    for (int i = 0; i < n; i++) {
        const struct index *atom = terms[i].atom[0];
        int64_t coef = terms[i].coef;
        if (terms[i].n > 1 || !atom->a || !may_join(e, atom->a, coef) || !may_join(e, atom->b, coef))
            continue;
        if (atom->kind == INDEX_MIN || atom->kind == INDEX_MAX) {
            bool one_suffices = (atom->kind == INDEX_MAX) == (coef > 0);
            bool a = above(t, with_term(t, e, coef, atom, atom->a), scale, depth - 1);
            bool done = a == one_suffices;
            if (done ? a : above(t, with_term(t, e, coef, atom, atom->b), scale, depth - 1))
                return true;
        }
        if (atom->kind == INDEX_DIV && index_is_const(atom->b) && may_scale(e, atom->b->k) &&
            !__builtin_mul_overflow(scale, atom->b->k, &k) &&
            above(t, least_of_quotient(t, e, coef, atom), k, depth - 1))
            return true;
    }
    return false;
}

bool index_nonnegative(struct index_table *t, const struct index *e) { return above(t, e, 1, 5); }

const struct index *index_subst(struct index_table *t, const struct index *e, const struct index *what,
                                const struct index *with)
{
    if (e == what)
        return with;
    switch (e->kind) {
    case INDEX_SYM:
    case INDEX_VAR: return e;
    case INDEX_DIV: return index_div(t, index_subst(t, e->a, what, with), index_subst(t, e->b, what, with));
    case INDEX_MOD: return index_mod(t, index_subst(t, e->a, what, with), index_subst(t, e->b, what, with));
    case INDEX_MIN: return index_min(t, index_subst(t, e->a, what, with), index_subst(t, e->b, what, with));
    case INDEX_MAX: return index_max(t, index_subst(t, e->a, what, with), index_subst(t, e->b, what, with));
    case INDEX_SUM: break;
    }
    const struct index *sum = index_const(t, e->k);
    for (int i = 0; i < e->n_terms; i++) {
        const struct index *p = index_const(t, e->terms[i].coef);
        for (int j = 0; j < e->terms[i].n; j++)
            p = index_mul(t, p, index_subst(t, e->terms[i].atom[j], what, with));
        sum = index_add(t, sum, p);
    }
    return sum;
}

bool index_mentions(const struct index *e, const struct index *atom)
{
    if (e == atom)
        return true;
    if (e->a && (index_mentions(e->a, atom) || index_mentions(e->b, atom)))
        return true;
    for (int i = 0; i < e->n_terms; i++)
        for (int j = 0; j < e->terms[i].n; j++)
            if (index_mentions(e->terms[i].atom[j], atom))
                return true;
    return false;
}

bool index_always_defined(const struct index *e)
{
    bool divides = e->kind == INDEX_DIV || e->kind == INDEX_MOD;
    if ((divides && e->b->lo <= 0) || (e->a && !(index_always_defined(e->a) && index_always_defined(e->b))))
        return false;
    for (int i = 0; i < e->n_terms; i++)
        for (int j = 0; j < e->terms[i].n; j++)
            if (!index_always_defined(e->terms[i].atom[j]))
                return false;
    return true;
}

int64_t index_eval(const struct index *e, int64_t (*value)(void *ctx, const struct index *atom), void *ctx)
{
    if (e->kind == INDEX_SYM || e->kind == INDEX_VAR)
        return value(ctx, e);
    if (e->kind == INDEX_SUM) {
        int64_t sum = e->k;
        for (int i = 0; i < e->n_terms; i++) {
            int64_t p = e->terms[i].coef;
            for (int j = 0; j < e->terms[i].n; j++)
                p *= index_eval(e->terms[i].atom[j], value, ctx);
            sum += p;
        }
        return sum;
    }
    int64_t a = index_eval(e->a, value, ctx);
    int64_t b = index_eval(e->b, value, ctx);
    switch (e->kind) {
    case INDEX_DIV: BUG_IF(b <= 0, "index division by %lld", (long long)b); return floor_div(a, b);
    case INDEX_MOD: BUG_IF(b <= 0, "index modulus by %lld", (long long)b); return a - floor_div(a, b) * b;
    case INDEX_MIN: return a < b ? a : b;
    case INDEX_MAX: return a > b ? a : b;
    default: BUG("ix kind %d", e->kind);
    }
}

static int64_t hint_value(void *ctx, const struct index *atom)
{
    (void)atom;
    return *(const int64_t *)ctx;
}

int64_t index_eval_hint(const struct index *e, int64_t hint) { return index_eval(e, hint_value, &hint); }

static const char *text_of(struct arena *a, const struct index *e, bool atom);

static const char *text_term(struct arena *a, const struct index_term *term, int64_t coef)
{
    const char *out = coef == 1 ? "" : arena_printf(a, "%lld*", (long long)coef);
    for (int i = 0; i < term->n; i++)
        out = arena_printf(a, "%s%s%s", out, i ? "*" : "", text_of(a, term->atom[i], true));
    return out;
}

static const char *text_of(struct arena *a, const struct index *e, bool atom)
{
    switch (e->kind) {
    case INDEX_SYM:
    case INDEX_VAR: return e->name;
    case INDEX_DIV: return arena_printf(a, "(%s/%s)", text_of(a, e->a, true), text_of(a, e->b, true));
    case INDEX_MOD: return arena_printf(a, "(%s%%%s)", text_of(a, e->a, true), text_of(a, e->b, true));
    case INDEX_MIN: return arena_printf(a, "min(%s, %s)", text_of(a, e->a, false), text_of(a, e->b, false));
    case INDEX_MAX: return arena_printf(a, "max(%s, %s)", text_of(a, e->a, false), text_of(a, e->b, false));
    case INDEX_SUM: break;
    }
    if (!e->n_terms)
        return arena_printf(a, e->k < 0 && atom ? "(%lld)" : "%lld", (long long)e->k);
    const char *out = "";
    for (int i = 0; i < e->n_terms; i++) {
        int64_t c = e->terms[i].coef;
        out = i == 0 ? text_term(a, &e->terms[0], c)
                     : arena_printf(a, "%s %c %s", out, c < 0 ? '-' : '+', text_term(a, &e->terms[i], c < 0 ? -c : c));
    }
    if (e->k)
        out = arena_printf(a, "%s %c %lld", out, e->k < 0 ? '-' : '+', (long long)(e->k < 0 ? -e->k : e->k));
    return atom ? arena_printf(a, "(%s)", out) : out;
}

const char *index_text(struct arena *a, const struct index *e) { return text_of(a, e, false); }
