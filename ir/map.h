#ifndef TOKIC_IR_MAP_H
#define TOKIC_IR_MAP_H
/* A hash map from strings, or from addresses, to pointers, in an arena. Entries keep the order of insertion and are
   never removed. */
#include "ir/arena.h"

struct map_entry {
    const char *key;
    size_t hash;
    void *value;
};
struct map {
    struct arena *arena;
    struct map_entry *entry;
    size_t n, cap; /* in order of insertion */
    unsigned *slot;
    size_t n_slots; /* 1 + index of the entry; 0: free */
};

struct map *map_new(struct arena *a);
/* The value's place; NULL if the key is not there. Valid until the next map_at. */
void **map_find(const struct map *m, const char *key);
/* The same, made (with a NULL value and a copy of the key) if it is not there. */
void **map_at(struct map *m, const char *key);
/* The same for a map whose keys are addresses, all of them: compared as such, and what stands there is not looked at.
   Order of insertion alone is the same from run to run. */
void **map_find_address(const struct map *m, const void *key);
void **map_at_address(struct map *m, const void *key);

/* The key of `m` nearest to `name`, if it is near enough to have been meant; NULL if none is. */
const char *map_near(const struct map *m, const char *name);
/* Of two candidates the nearer to `name`: `best` may be NULL, and the result is NULL if neither is near enough. */
const char *name_nearer(const char *name, const char *best, const char *candidate);
#endif
