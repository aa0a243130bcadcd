#ifndef TOKIC_IR_MAP_H
#define TOKIC_IR_MAP_H
/* A hash map from strings or addresses to pointers. Entries stay in insertion order and are never removed. */
#include "ir/arena.h"

struct map_entry {
    const char *key;
    size_t hash;
    void *value;
};
struct map {
    struct arena *arena;
    struct map_entry *entry;
    size_t n, cap;
    unsigned *slot; /* 1 + index into `entry`; 0: free */
    size_t n_slots;
};

struct map *map_new(struct arena *a);
/* Returns the address of a key's value, valid until the next map_at; NULL if the key is missing. */
void **map_find(const struct map *m, const char *key);
/* Like map_find, but inserts a missing key with the value NULL. Copies the key. */
void **map_at(struct map *m, const char *key);
/* Variants of map_find and map_at for keys that are addresses. A map holds either strings or addresses, never both. */
void **map_find_address(const struct map *m, const void *key);
void **map_at_address(struct map *m, const void *key);

/* Returns the key of `m` that is most similar to `name`; NULL if no key is similar enough to suggest. */
const char *map_near(const struct map *m, const char *name);
/* Returns the one of `best` and `candidate` that is more similar to `name`; NULL if neither is similar enough to
   suggest. `best` may be NULL. */
const char *name_nearer(const char *name, const char *best, const char *candidate);
#endif
