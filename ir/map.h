#ifndef TOKIC_IR_MAP_H
#define TOKIC_IR_MAP_H
/* A hash map in an arena, from strings or addresses to pointers. Entries keep their order of insertion and are never
   removed. */
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
    unsigned *slot; /* 1 + index of the entry; 0 if free */
    size_t n_slots;
};

struct map *map_new(struct arena *a);
/* The address of a key's value, valid until the next map_at; NULL if there is no such key. */
void **map_find(const struct map *m, const char *key);
/* Like map_find, but a missing key is copied and inserted with the value NULL. */
void **map_at(struct map *m, const char *key);
/* The same with addresses as keys. A map must not hold both kinds of key. */
void **map_find_address(const struct map *m, const void *key);
void **map_at_address(struct map *m, const void *key);

/* The key of `m` that is most similar to `name`; NULL if none is similar enough to suggest. */
const char *map_near(const struct map *m, const char *name);
/* Returns whichever of `best` and `candidate` is more similar to `name`. `best` may be NULL. The result is NULL if
   neither is similar enough to suggest. */
const char *name_nearer(const char *name, const char *best, const char *candidate);
#endif
