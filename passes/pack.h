#ifndef TOKIC_PASSES_PACK_H
#define TOKIC_PASSES_PACK_H
/* Allocates and frees parts (extents) of one allocation. Sizes and offsets are functions of the symbolic dims. Extents
   in use do not overlap for any values of the dims. */
#include "ir/graph/graph.h"

struct extent {
    const struct index *offset;
    const struct index *bytes; /* a multiple of 256 */
    const int *users;          /* ids of the groups that used this memory before: wait for them before writing */
    size_t n_users;
};

enum pack_policy {
    /* Reuses only free extents of exactly the same size. */
    PACK_EQUAL,
    /* Also splits larger free extents, joins free neighbours, and grows a free extent at the end of the allocation. */
    PACK_FIT,
    PACK_POLICIES
};

struct packer;
/* Free extents are compared by their size with every symbolic dim equal to `hint`. A chosen one is proved to be large
   enough for all dims. */
struct packer *packer_new(struct session *s, struct arena *a, enum pack_policy policy, int64_t hint);
/* Allocates at least `bytes`. */
struct extent packer_take(struct packer *p, const struct index *bytes);
/* Frees an extent. `users`: the groups to wait for before the memory is written again; the array must outlive the
   packer. */
void packer_give(struct packer *p, struct extent x, const int *users, size_t n_users);
/* The size of the allocation in bytes, as an expression and at the hint. NULL and INT64_MAX if the expression became
   too long. */
const struct index *packer_memory(const struct packer *p);
int64_t packer_peak(const struct packer *p);
#endif
