/* Questions about a finished kernel. */
#include "ir/kernel/kir.h"

static bool any_collective(struct kitem *const *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct kitem *it = items[i];
        bool collective = it->kind == KI_SEAM || it->kind == KI_COMBINE || it->kind == KI_MMA ||
                          it->kind == KI_FRAG_REDUCE || it->kind == KI_FRAG_CAST;
        if (collective || any_collective(it->body, it->n_body) || any_collective(it->orelse, it->n_orelse))
            return true;
    }
    return false;
}

bool kernel_is_collective(const struct kernel *k) { return any_collective(k->body, k->n_body); }
