#include "passes/pack.h"

#include <string.h>

enum {
    ALIGN = 256,
    BUCKETS = 256,
    MOST_TRIES = 64,   /* sizes that find_fit looks at */
    MOST_PROOFS = 6,   /* proofs that find_fit tries */
    MOST_USERS = 64,   /* a block with more users is neither split nor joined */
    MOST_ROUNDED = 20, /* symbolic sizes that `rounded` rounds up exactly */
    MOST_TERMS = 60,
};

struct size;
struct block {
    struct extent x;
    const struct index *end;
    struct size *size;
    struct block *prev, *next;
};

/* All free blocks of one size. */
struct size {
    const struct index *least; /* the size before rounding */
    const struct index *bytes; /* a multiple of 256, at least `least` */
    bool exact;                /* for all dims, `bytes` is the smallest multiple of 256 that is >= `least` */
    int64_t hint;              /* value of `bytes` with every dim equal to packer.hint */
    int64_t one;               /* value of `bytes` with every dim equal to 1 */
    struct block *free;
    struct size *prev, *next;
};

/* A hash map from expressions to pointers. Equal expressions have the same address, so the address is the key. */
struct slots {
    const struct index **key;
    void **value;
    size_t n, cap;
};

struct packer {
    struct session *s;
    struct arena *arena;
    enum pack_policy policy;
    int64_t hint;
    const struct index *memory;
    int n_rounded;
    bool failed;
    struct slots sizes;        /* each struct size, by its `bytes` */
    struct slots starts, ends; /* each free block, by its offset and by its end */
    struct size *buckets[BUCKETS];
};

/* ---- maps ---- */

static size_t slot_of(const struct slots *m, const struct index *key)
{
    size_t i = ((uintptr_t)key >> 4) * 0x9e3779b97f4a7c15u >> 20 & (m->cap - 1);
    while (m->key[i] && m->key[i] != key)
        i = (i + 1) & (m->cap - 1);
    return i;
}

static void **slots_at(struct arena *a, struct slots *m, const struct index *key)
{
    if (2 * (m->n + 1) > m->cap) {
        struct slots old = *m;
        m->cap = old.cap ? 2 * old.cap : 64;
        m->key = arena_array(a, const struct index *, m->cap);
        m->value = arena_array(a, void *, m->cap);
        for (size_t i = 0; i < old.cap; i++)
            if (old.key[i]) {
                size_t to = slot_of(m, old.key[i]);
                m->key[to] = old.key[i];
                m->value[to] = old.value[i];
            }
    }
    size_t i = slot_of(m, key);
    if (!m->key[i]) {
        m->key[i] = key;
        m->n++;
    }
    return &m->value[i];
}

/* ---- sizes ---- */

/* Each power of two has four buckets. The buckets hold the sizes 4, 5, 6, 7, 8..9, 10..11, 12..13, 14..15, 16..19, … */
static int bucket_of(int64_t bytes)
{
    uint64_t n = bytes < 4 ? 4 : (uint64_t)bytes;
    int top = 63 - __builtin_clzll(n);
    return 4 * top + (int)(n >> (top - 2) & 3);
}

static int terms(const struct index *e) { return e->kind == INDEX_SUM ? e->n_terms : 1; }

static bool sum_fits(const struct index *a, const struct index *b) { return terms(a) + terms(b) <= MOST_TERMS; }

static bool is_at_most(struct packer *p, const struct index *a, const struct index *b)
{
    if (index_is_const(a) && index_is_const(b))
        return a->k <= b->k;
    return sum_fits(a, b) && index_less_eq(p->s->indices, a, b);
}

/* True if a->bytes <= b->bytes is proved for all dims. Often a->least <= b->least is easier to prove. If a is exact,
   that proof suffices: b->bytes is a multiple of 256 and >= b->least >= a->least, and a->bytes is the smallest multiple
   of 256 that is >= a->least. */
static bool size_at_most(struct packer *p, const struct size *a, const struct size *b)
{
    return (a->exact && is_at_most(p, a->least, b->least)) || is_at_most(p, a->bytes, b->bytes);
}

static struct size *size_of(struct packer *p, const struct index *least, const struct index *bytes, bool exact)
{
    void **at = slots_at(p->arena, &p->sizes, bytes);
    if (*at)
        return *at;
    struct size *size = arena_new_of(p->arena, struct size);
    *size = (struct size){ .bytes = bytes,
                           .least = least,
                           .exact = exact,
                           .hint = index_eval_hint(bytes, p->hint),
                           .one = index_eval_hint(bytes, 1) };
    return *at = size;
}

/* ---- free blocks ---- */

static void block_add(struct packer *p, struct block *b)
{
    struct size *size = b->size;
    struct size **bucket = &p->buckets[bucket_of(size->hint)];
    if (!size->free) {
        size->prev = NULL;
        size->next = *bucket;
        if (*bucket)
            (*bucket)->prev = size;
        *bucket = size;
    }
    b->prev = NULL;
    b->next = size->free;
    if (size->free)
        size->free->prev = b;
    size->free = b;
    *slots_at(p->arena, &p->starts, b->x.offset) = b;
    *slots_at(p->arena, &p->ends, b->end) = b;
}

static void block_remove(struct packer *p, struct block *b)
{
    struct size *size = b->size;
    *slots_at(p->arena, &p->starts, b->x.offset) = NULL;
    *slots_at(p->arena, &p->ends, b->end) = NULL;
    if (b->prev)
        b->prev->next = b->next;
    else
        size->free = b->next;
    if (b->next)
        b->next->prev = b->prev;
    if (size->free)
        return;
    if (size->prev)
        size->prev->next = size->next;
    else
        p->buckets[bucket_of(size->hint)] = size->next;
    if (size->next)
        size->next->prev = size->prev;
}

static struct block *block_new(struct packer *p, struct extent x)
{
    struct block *b = arena_new_of(p->arena, struct block);
    *b = (struct block){ .x = x, .end = index_add(p->s->indices, x.offset, x.bytes) };
    b->size = size_of(p, x.bytes, x.bytes, true);
    return b;
}

/* Joins b with the free block `with` next to b, and returns the joined block. Returns b if `with` is NULL, or if the
   joined block would have too many users or terms. */
static struct block *join(struct packer *p, struct block *b, struct block *with)
{
    if (!with || b->x.n_users + with->x.n_users > MOST_USERS || !sum_fits(b->x.bytes, with->x.bytes) ||
        !sum_fits(b->x.offset, with->x.offset))
        return b;
    const struct block *low = with->end == b->x.offset ? with : b;
    int *users = arena_array(p->arena, int, b->x.n_users + with->x.n_users + 1);
    size_t n = 0;
    for (size_t i = 0; i < b->x.n_users; i++)
        users[n++] = b->x.users[i];
    for (size_t i = 0; i < with->x.n_users; i++) {
        size_t k = 0;
        while (k < b->x.n_users && users[k] != with->x.users[i])
            k++;
        if (k == b->x.n_users)
            users[n++] = with->x.users[i];
    }
    block_remove(p, with);
    const struct index *bytes = index_add(p->s->indices, b->x.bytes, with->x.bytes);
    return block_new(p, (struct extent){ low->x.offset, bytes, users, n });
}

void packer_give(struct packer *p, struct extent x, const int *users, size_t n_users)
{
    int64_t bytes;
    if (index_const_value(x.bytes, &bytes) && !bytes)
        return;
    x.users = users;
    x.n_users = n_users;
    struct block *b = block_new(p, x);
    if (p->policy == PACK_FIT) {
        b = join(p, b, *slots_at(p->arena, &p->ends, b->x.offset));
        b = join(p, b, *slots_at(p->arena, &p->starts, b->end));
    }
    block_add(p, b);
}

/* ---- taking ---- */

/* Finds a free block that is provably large enough. Tries small blocks first. Returns NULL if none is found. */
static struct block *find_fit(struct packer *p, const struct size *want)
{
    int tries = 0;
    int proofs = 0;
    for (int i = bucket_of(want->hint); i < BUCKETS; i++)
        for (const struct size *size = p->buckets[i]; size; size = size->next) {
            if (tries++ == MOST_TRIES)
                return NULL;
            struct block *b = size->free;
            if (size->hint < want->hint || size->one < want->one || b->x.n_users > MOST_USERS)
                continue;
            if (proofs++ == MOST_PROOFS)
                return NULL;
            if (sum_fits(b->x.offset, size->bytes) && sum_fits(b->x.offset, want->bytes) && size_at_most(p, want, size))
                return b;
        }
    return NULL;
}

static int64_t round_up(int64_t k) { return (k + ALIGN - 1) / ALIGN * ALIGN; }

/* Rounds every coefficient up to a multiple of 256: 300·n + 10 -> 512·n + 256. Returns NULL if a variable may be
   negative. */
static const struct index *round_terms(struct packer *p, const struct index *e)
{
    struct index_table *t = p->s->indices;
    if (e->kind != INDEX_SUM)
        return e->lo >= 0 ? index_mulk(t, e, ALIGN) : NULL;
    const struct index *sum = index_const(t, round_up(e->k > 0 ? e->k : 0));
    for (int i = 0; i < e->n_terms; i++) {
        const struct index_term *term = &e->terms[i];
        const struct index *product = index_const(t, term->coef > 0 ? round_up(term->coef) : 0);
        for (int k = 0; k < term->n; k++) {
            if (term->atom[k]->lo < 0)
                return NULL;
            product = index_mul(t, product, term->atom[k]);
        }
        sum = index_add(t, sum, product);
    }
    return sum;
}

/* Takes the beginning of block b. The rest of b stays free. Uses the size given by round_terms if b is large enough:
   that size has no ceil, so the size of the rest is easier to compare. */
static struct extent take_part(struct packer *p, struct block *b, const struct size *want)
{
    struct index_table *t = p->s->indices;
    const struct index *plain = round_terms(p, want->least);
    const struct index *bytes = plain && is_at_most(p, plain, b->x.bytes) ? plain : want->bytes;
    block_remove(p, b);
    struct extent rest = b->x;
    rest.offset = index_add(t, b->x.offset, bytes);
    rest.bytes = index_sub(t, b->x.bytes, bytes);
    packer_give(p, rest, rest.users, rest.n_users);
    b->x.bytes = bytes;
    return b->x;
}

/* Extends the allocation by `want`. With PACK_FIT, a free block at the end of the allocation is grown to `want`
   instead, unless the block is larger than `want`. */
static struct extent append(struct packer *p, const struct size *want)
{
    struct extent x = { .offset = p->memory, .bytes = want->bytes };
    struct block *last = p->policy == PACK_FIT ? *slots_at(p->arena, &p->ends, p->memory) : NULL;
    if (last && last->size->one <= want->one && last->size->hint <= want->hint && size_at_most(p, last->size, want)) {
        block_remove(p, last);
        x.offset = last->x.offset;
        x.users = last->x.users;
        x.n_users = last->x.n_users;
    }
    if (!sum_fits(x.offset, x.bytes)) {
        p->failed = true;
        return (struct extent){ .offset = p->memory, .bytes = index_const(p->s->indices, 0) };
    }
    p->memory = index_add(p->s->indices, x.offset, x.bytes);
    return x;
}

/* Rounds the size `least` up to a multiple of 256. Sets *exact if the result is the smallest multiple,
   256·ceil(least / 256). A ceil makes all later offsets longer by a term, so only the first MOST_ROUNDED symbolic sizes
   use a ceil. round_terms rounds the others. */
static const struct index *rounded(struct packer *p, const struct index *least, bool *exact)
{
    struct index_table *t = p->s->indices;
    *exact = true;
    if (index_multiple_of(least, ALIGN))
        return least;
    const struct index *bytes = index_mulk(t, index_ceil_div(t, least, index_const(t, ALIGN)), ALIGN);
    if (index_is_const(bytes) || *slots_at(p->arena, &p->sizes, bytes))
        return bytes;
    const struct index *coarse = p->n_rounded < MOST_ROUNDED ? NULL : round_terms(p, least);
    p->n_rounded += !coarse;
    *exact = !coarse;
    return coarse ? coarse : bytes;
}

struct extent packer_take(struct packer *p, const struct index *least)
{
    bool exact;
    const struct index *bytes = rounded(p, least, &exact);
    int64_t none;
    if (index_const_value(bytes, &none) && !none)
        return (struct extent){ .offset = bytes, .bytes = bytes };
    struct size *want = size_of(p, least, bytes, exact);
    struct block *b = want->free;
    if (b) {
        block_remove(p, b);
        return b->x;
    }
    if (p->policy == PACK_FIT && (b = find_fit(p, want)))
        return take_part(p, b, want);
    return append(p, want);
}

struct packer *packer_new(struct session *s, struct arena *a, enum pack_policy policy, int64_t hint)
{
    struct packer *p = arena_new_of(a, struct packer);
    *p = (struct packer){ .s = s, .arena = a, .policy = policy, .hint = hint };
    p->memory = index_const(s->indices, 0);
    return p;
}

const struct index *packer_memory(const struct packer *p) { return p->failed ? NULL : p->memory; }
int64_t packer_peak(const struct packer *p) { return p->failed ? INT64_MAX : index_eval_hint(p->memory, p->hint); }
