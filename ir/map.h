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
    struct map_entry *entry; /* in order of insertion */
    size_t n, cap;
    unsigned *slot; /* 1 + index of the entry; 0: free */
    size_t n_slots;
};

struct map *map_new(struct arena *a);
/* The address of a key's value, valid until the next map_at; NULL if there is no such key. */
void **map_find(const struct map *m, const char *key);
/* The same as map_find for a key that is there. For a new key, inserts a copy of it with the value NULL. */
void **map_at(struct map *m, const char *key);
/* map_find and map_at for a map whose keys are all addresses. Addresses differ from run to run; the order of insertion
   does not. */
void **map_find_address(const struct map *m, const void *key);
void **map_at_address(struct map *m, const void *key);

/* The key of `m` nearest to `name`; NULL if none is near enough to suggest. */
const char *map_near(const struct map *m, const char *name);
/* The one of `best` (may be NULL) and `candidate` that is nearer to `name`; NULL if neither is near enough. */
const char *name_nearer(const char *name, const char *best, const char *candidate);
#endif
