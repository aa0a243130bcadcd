/* Assigns offsets to shared buffers. Two buffers may overlap if a block barrier separates their uses. */
#include <stdlib.h>
#include <string.h>

#include "ir/kernel/kstmt.h"

/* Block barriers at the top level of the kernel's body divide the body into numbered spans.
   A buffer is live from the first to the last span that uses it.
   If an asynchronous copy writes the buffer, it is live to the end of the kernel. */
struct live {
    int first, last;
};

struct lives {
    const struct kernel *k;
    struct live *of;
    int now;
    struct kwalk walk;
};

static void touch(struct lives *v, const struct kmem *m, bool for_ever)
{
    for (size_t i = 0; m && i < v->k->n_shared; i++) {
        if (v->k->shared[i] != m)
            continue;
        struct live *l = &v->of[i];
        if (l->first < 0)
            l->first = v->now;
        l->last = for_ever ? INT32_MAX : l->last > v->now ? l->last : v->now;
    }
}

static void touch_value(void *ctx, const struct kexpr *x)
{
    if (x->kind == KEXPR_LOAD)
        touch(ctx, x->mem, false);
}

static void touch_stmts(struct lives *v, struct kstmt *const *stmts, size_t n, bool top)
{
    for (size_t i = 0; i < n; i++) {
        const struct kstmt *it = stmts[i];
        bool copies = kstmt_table[it->kind].copy != KCOPY_NONE;
        touch(v, it->mem, copies);
        touch(v, it->mem2, copies);
        if (it->value)
            kwalk_value(&v->walk, it->value, touch_value, v);
        touch_stmts(v, it->body, it->n_body, false);
        touch_stmts(v, it->orelse, it->n_orelse, false);
        if (!top || it->kind != KSTMT_BARRIER || it->scope != KSCOPE_BLOCK)
            continue;
        v->now++;
        v->walk = kwalk_new(v->k->arena, v->k); /* forget seen values, since a use after the barrier is in a new span */
    }
}

static int bytes_of(const struct kmem *m)
{
    return (int)((m->count->k * m->slots * dtype_size(m->dtype) + 15) / 16 * 16);
}

static bool meet(const struct live *a, const struct live *b)
{
    return a->first >= 0 && b->first >= 0 && a->first <= b->last && b->first <= a->last;
}

int kshared_place(struct kernel *k)
{
    struct lives v = { .k = k, .of = arena_array(k->arena, struct live, k->n_shared + 1) };
    int end = 0;
    v.walk = kwalk_new(k->arena, k);
    for (size_t i = 0; i < k->n_shared; i++)
        v.of[i] = (struct live){ -1, -1 };
    touch_stmts(&v, k->body, k->n_body, true);
    for (size_t i = 0; i < k->n_shared; i++) {
        struct kmem *m = k->shared[i];
        m->offset = 0;
        for (size_t j = 0; j < i;) { /* first fit: move behind each overlapping buffer that is live at the same time */
            const struct kmem *other = k->shared[j++];
            bool apart = m->offset + bytes_of(m) <= other->offset || other->offset + bytes_of(other) <= m->offset;
            if (apart || !meet(&v.of[i], &v.of[j - 1]))
                continue;
            m->offset = other->offset + bytes_of(other);
            j = 0;
        }
        if (m->offset + bytes_of(m) > end)
            end = m->offset + bytes_of(m);
    }
    return end;
}
