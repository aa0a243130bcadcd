/* Reduces accumulators over the threads of a wave or a block, in a fixed order. */
#include <math.h>

#include "codegen/lower.h"

/* kacc_table's neutral value in type t. Integers have no infinity. */
static const struct kexpr *neutral(struct kbuild *b, enum kacc op, enum dtype t)
{
    if (dtype_is_float(t) || isfinite(kacc_table[op].neutral))
        return kexpr_const(b, t, kacc_table[op].neutral);
    if (t == DT_I32)
        return kexpr_i32(b, op == KACC_MAX ? INT32_MIN : INT32_MAX);
    return kexpr_i64(b, op == KACC_MAX ? INT64_MIN : INT64_MAX);
}

void fill_accumulators(struct lower *l, struct kmem *acc, int n, enum kacc op)
{
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    for (int i = 0; i < n; i++)
        kstmt_store(&l->b, acc, NULL, index_const(l->indices, i), neutral(&l->b, op, acc->dtype), NULL);
    lower_leave(l, p);
}

void combine_wave(struct lower *l, struct kmem *acc, int n, enum kacc op)
{
    for (int i = 0; i < n; i++)
        kstmt_combine(&l->b, acc, index_const(l->indices, i), op, l->t->wave);
}

/* Each wave stores its total in shared memory. Then every thread combines the totals in wave order. */
void combine_block(struct lower *l, struct kmem *acc, int n, enum kacc op)
{
    struct index_table *t = l->indices;
    int waves = l->k->block / l->t->wave;
    combine_wave(l, acc, n, op);
    struct kmem *part = kernel_shared(l->k, "part", acc->dtype, 1, KL_ROWS, n, waves);
    kstmt_barrier(&l->b, KSCOPE_BLOCK, -1); /* before it, threads may still read the previous reduction's totals */
    struct kmask first = mask_of(l->k->lane, index_const(t, 1));
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    l->b = kb_in(&l->b, kstmt_if(&l->b, &first));
    for (int i = 0; i < n; i++)
        kstmt_store(&l->b, part, NULL, index_addk(t, l->k->wave_id, i * waves),
                    kexpr_load(&l->b, acc, NULL, index_const(t, i), NULL, 0), NULL);
    lower_leave(l, p);
    kstmt_barrier(&l->b, KSCOPE_BLOCK, -1);
    p = lower_enter(l, kstmt_region(&l->b));
    for (int i = 0; i < n; i++) {
        kstmt_store(&l->b, acc, NULL, index_const(t, i),
                    kexpr_load(&l->b, part, NULL, index_const(t, i * waves), NULL, 0), NULL);
        for (int w = 1; w < waves; w++)
            kstmt_join(&l->b, acc, index_const(t, i), op,
                       kexpr_load(&l->b, part, NULL, index_const(t, i * waves + w), NULL, 0));
    }
    lower_leave(l, p);
}

const struct kexpr *finish_reduction(struct lower *l, const struct node *n, const struct kexpr *total,
                                     const struct index *length)
{
    if (!n->op->kernel.finish || l->stand_ins)
        return total;
    struct at c = { .k = &l->b, .n = n, .lower = l };
    return n->op->kernel.finish(&c, total, length);
}
