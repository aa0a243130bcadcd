/* Questions about a finished kernel. */
#include "ir/kernel/kir.h"

static bool any_collective(struct kstmt *const *stmts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct kstmt *it = stmts[i];
        bool collective = it->kind == KSTMT_BARRIER || it->kind == KSTMT_COMBINE || it->kind == KSTMT_MMA ||
                          it->kind == KSTMT_FRAG_REDUCE || it->kind == KSTMT_FRAG_CAST;
        if (collective || any_collective(it->body, it->n_body) || any_collective(it->orelse, it->n_orelse))
            return true;
    }
    return false;
}

bool kernel_is_collective(const struct kernel *k) { return any_collective(k->body, k->n_body); }
