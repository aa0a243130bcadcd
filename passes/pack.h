#ifndef TOKIC_PASSES_PACK_H
#define TOKIC_PASSES_PACK_H
/* Free memory in one allocation whose sizes and offsets are functions of the symbolic dims. What is handed out twice is
   never needed twice, whatever the dims are. */
#include "ir/graph/graph.h"

/* A part of the allocation. It is written once all of `users`, numbers of groups, are done. */
struct extent {
    const struct index *offset, *bytes; /* bytes: a multiple of 256 */
    const int *users;
    size_t n_users;
};

enum pack_policy {
    PACK_EQUAL, /* only a free extent of the very same size is used again */
    PACK_FIT,   /* one that is provably large enough too: the rest stays free, neighbours become one, the last one grows
                 */
    PACK_POLICIES
};

struct packer;
/* Sizes are compared for a choice at `hint` for every symbolic dim, and proved for all. */
struct packer *packer_new(struct session *s, struct arena *a, enum pack_policy policy, int64_t hint);
/* Room for `bytes` and a little more: a multiple of 256. */
struct extent packer_take(struct packer *p, const struct index *bytes);
/* The extent is free as soon as `users` are done, which must live as long as the packer. */
void packer_give(struct packer *p, struct extent x, const int *users, size_t n_users);
/* Bytes of the allocation, and the same at the hint. NULL, and INT64_MAX, if their sum has too many different terms to
   be held. */
const struct index *packer_memory(const struct packer *p);
int64_t packer_peak(const struct packer *p);
#endif
