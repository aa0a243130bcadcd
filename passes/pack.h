#ifndef TOKIC_PASSES_PACK_H
#define TOKIC_PASSES_PACK_H
/* Packs extents into one allocation; their sizes and offsets are functions of the symbolic dims. Extents in use never
   overlap, whatever the dims are. */
#include "ir/graph/graph.h"

/* A part of the allocation. It may be written once all its users are done. */
struct extent {
    const struct index *offset;
    const struct index *bytes; /* a multiple of 256 */
    const int *users;          /* the groups that used this memory before, by number */
    size_t n_users;
};

enum pack_policy {
    /* Reuses a free extent only if it has exactly the size asked for. */
    PACK_EQUAL,
    /* Also reuses extents that are provably larger, and splits off the rest. Joins free neighbours. Grows the last
       extent of the allocation. */
    PACK_FIT,
    PACK_POLICIES
};

struct packer;
/* A packer chooses among free extents by their size with every symbolic dim at `hint`, but proves for all dims that the
   chosen one fits. */
struct packer *packer_new(struct session *s, struct arena *a, enum pack_policy policy, int64_t hint);
/* Takes an extent of at least `bytes`, rounded up to a multiple of 256. */
struct extent packer_take(struct packer *p, const struct index *bytes);
/* Frees an extent. Whoever writes there next must wait for `users`, an array that must outlive the packer. */
void packer_give(struct packer *p, struct extent x, const int *users, size_t n_users);
/* Bytes of the allocation as an expression, and its value at the hint. NULL and INT64_MAX if the expression would have
   too many terms. */
const struct index *packer_memory(const struct packer *p);
int64_t packer_peak(const struct packer *p);
#endif
