#include "ir/map.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t hash_of(const char *s)
{
    uint64_t h = 14695981039346656037u;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

/* The low bits of a hash select a slot. Aligned addresses have equal low bits, so the hash mixes in the high bits. */
static size_t hash_of_address(const void *p)
{
    uint64_t h = (uint64_t)(uintptr_t)p * 0x9e3779b97f4a7c15u;
    return (size_t)(h ^ h >> 32);
}

struct map *map_new(struct arena *a)
{
    struct map *m = arena_new_of(a, struct map);
    m->arena = a;
    return m;
}

/* Returns the slot that holds the key; if the key is missing, the free slot where the key belongs. */
static size_t slot_of(const struct map *m, const char *key, size_t hash, bool address)
{
    size_t i = hash & (m->n_slots - 1);
    for (; m->slot[i]; i = (i + 1) & (m->n_slots - 1)) {
        const struct map_entry *e = &m->entry[m->slot[i] - 1];
        if (e->hash == hash && (address ? e->key == key : !strcmp(e->key, key)))
            break;
    }
    return i;
}

static void grow(struct map *m)
{
    m->n_slots = m->n_slots ? m->n_slots * 2 : 16;
    m->slot = arena_array(m->arena, unsigned, m->n_slots);
    for (size_t e = 0; e < m->n; e++) {
        size_t i = m->entry[e].hash & (m->n_slots - 1);
        while (m->slot[i])
            i = (i + 1) & (m->n_slots - 1);
        m->slot[i] = (unsigned)e + 1;
    }
}

static void **value_find(const struct map *m, const char *key, size_t hash, bool address)
{
    if (!m->n)
        return NULL;
    size_t i = slot_of(m, key, hash, address);
    return m->slot[i] ? &m->entry[m->slot[i] - 1].value : NULL;
}

static void **value_at(struct map *m, const char *key, size_t hash, bool address)
{
    if ((m->n + 1) * 2 > m->n_slots)
        grow(m);
    size_t i = slot_of(m, key, hash, address);
    if (!m->slot[i]) {
        struct map_entry *e = arena_push(m->arena, m->entry, m->n, m->cap);
        *e = (struct map_entry){ .key = address ? key : arena_strdup(m->arena, key), .hash = hash };
        m->slot[i] = (unsigned)m->n;
    }
    return &m->entry[m->slot[i] - 1].value;
}

void **map_find(const struct map *m, const char *key) { return value_find(m, key, hash_of(key), false); }
void **map_at(struct map *m, const char *key) { return value_at(m, key, hash_of(key), false); }
void **map_find_address(const struct map *m, const void *key) { return value_find(m, key, hash_of_address(key), true); }
void **map_at_address(struct map *m, const void *key) { return value_at(m, key, hash_of_address(key), true); }

enum { NEAR_MAX = 40 }; /* longer names get no suggestion */

/* Optimal string alignment distance: how many letters to insert, delete, change, or swap with a neighbour.
   Returns 99 if the lengths differ by more than 2. */
static int distance(const char *a, const char *b)
{
    int la = (int)strlen(a);
    int lb = (int)strlen(b);
    int d[NEAR_MAX + 1][NEAR_MAX + 1];
    if (la > NEAR_MAX || lb > NEAR_MAX || abs(la - lb) > 2)
        return 99;
    for (int i = 0; i <= la; i++)
        d[i][0] = i;
    for (int j = 0; j <= lb; j++)
        d[0][j] = j;
    for (int i = 1; i <= la; i++) {
        for (int j = 1; j <= lb; j++) {
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[la][lb];
}

const char *name_nearer(const char *name, const char *best, const char *candidate)
{
    if (strlen(name) > NEAR_MAX)
        return NULL;
    int allowed = strlen(name) < 5 ? 1 : 2;
    if (strlen(name) < 2)
        return best;
    if (best)
        allowed = distance(name, best) - 1;
    return distance(name, candidate) <= allowed ? candidate : best;
}

const char *map_near(const struct map *m, const char *name)
{
    const char *best = NULL;
    for (size_t i = 0; i < m->n; i++)
        best = name_nearer(name, best, m->entry[i].key);
    return best;
}
