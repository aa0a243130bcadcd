#ifndef TOKIC_PASSES_PACK_H
#define TOKIC_PASSES_PACK_H
/* Plans one allocation. An extent is a part of the allocation; the packer hands out and takes back extents.
   Sizes and offsets are functions of the symbolic dims. For all values of the dims, extents in use never overlap. */
#include "ir/graph/graph.h"

struct extent {
    const struct index *offset;
    const struct index *bytes; /* a multiple of 256 */
    const int *users;          /* ids of groups that have used this memory; a writer must wait for them */
    size_t n_users;
};

enum pack_policy {
    /* Reuses only free extents of exactly the same size. */
    PACK_EQUAL,
    /* Also reuses larger free extents. Splits them, joins free neighbours, and grows the last extent if it is free. */
    PACK_FIT,
    PACK_POLICIES
};

struct packer;
/* Free extents are ordered by size, with every symbolic dim equal to `hint`.
   An extent is reused only if it is provably large enough for all values of the dims. */
struct packer *packer_new(struct session *s, struct arena *a, enum pack_policy policy, int64_t hint);
struct extent packer_take(struct packer *p, const struct index *bytes);
/* Frees extent x. The next writer of its memory must wait for the groups `users`. `users` must outlive the packer. */
void packer_give(struct packer *p, struct extent x, const int *users, size_t n_users);
/* The size of the allocation in bytes, as a function of the dims. NULL if that expression is too long. */
const struct index *packer_memory(const struct packer *p);
/* The size in bytes with every symbolic dim equal to the hint. INT64_MAX if packer_memory returns NULL. */
int64_t packer_peak(const struct packer *p);
#endif
