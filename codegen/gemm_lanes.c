/* Gemm without a matrix unit. Each thread keeps a small tile of results in registers. The thread reads operands from
   shared memory in vectors of four. The lanes of a wave form a grid with TILE_LANES_N columns. Lanes in one row of the
   grid read the same elements of A. Lanes in one column of the grid read the same elements of B. Rows in shared memory
   are padded against bank conflicts. Each result is one chain of fma, in ascending order of k. */
#include "codegen/gemm.h"

enum { RUN_DEPTH = 4 }; /* 16 bytes of f32: one vector access */
/* A loop over the depth with more turns than this is not unrolled: pending loads would fill the registers. */
enum { MOST_UNROLLED = 4 };

static const struct index *number(const struct gemm *g, int64_t v) { return index_const(g->l->indices, v); }

static struct reg_side make_reg_side(struct gemm *g, const struct side *s, const char *name, int lanes, int width,
                                     const struct index *first, const struct index *lane)
{
    struct reg_side r = { .n = width / lanes, .lanes = lanes, .first = first, .lane = lane };
    r.run = !s->depth_first ? 1 : r.n < RUN_DEPTH ? r.n : RUN_DEPTH;
    r.value = kernel_private(g->l->k, name, DT_F32, s->depth_first ? r.n : r.n * RUN_DEPTH);
    return r;
}

static void zero(struct gemm *g)
{
    struct lower *l = g->l;
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    struct kstmt *loop = kstmt_for(&l->b, "i", number(g, 0), number(g, g->rm.n * g->rn.n), 1, true);
    l->b = kb_in(&l->b, loop);
    kstmt_store(&l->b, g->acc, NULL, loop->var, kexpr_f32(&l->b, 0), NULL);
    lower_leave(l, p);
}

void lanes_begin(struct gemm *g)
{
    struct kernel *k = g->l->k;
    struct index_table *t = g->l->indices;
    const struct tile *tile = &g->tile;
    int lanes_m = g->l->t->wave / TILE_LANES_N;
    BUG_IF(tile->m % (tile->waves_m * lanes_m) || tile->n % (tile->waves_n * TILE_LANES_N) || tile->k % RUN_DEPTH,
           "tile %dx%dx%d for lanes %dx%d", tile->m, tile->n, tile->k, lanes_m, TILE_LANES_N);
    g->rm = make_reg_side(g, &g->a, "ra", lanes_m, tile->m / tile->waves_m, g->wave_m,
                          index_div(t, k->lane, number(g, TILE_LANES_N)));
    g->rn = make_reg_side(g, &g->b, "rb", TILE_LANES_N, tile->n / tile->waves_n, g->wave_n,
                          index_mod(t, k->lane, number(g, TILE_LANES_N)));
    g->acc = kernel_private(k, "acc", DT_F32, g->rm.n * g->rn.n);
    zero(g);
}

const struct index *lanes_at(const struct gemm *g, const struct reg_side *s, const struct index *i)
{
    struct index_table *t = g->l->indices;
    const struct index *run = index_mulk(t, index_div(t, i, number(g, s->run)), (int64_t)s->lanes * s->run);
    const struct index *mine = index_add(t, index_mulk(t, s->lane, s->run), index_mod(t, i, number(g, s->run)));
    return index_add(t, s->first, index_add(t, run, mine));
}

/* Loads the thread's values of operand s into r->value. If s->depth_first, loads the values at depth k. Otherwise loads
   the values at depths k .. k + RUN_DEPTH - 1. */
static void read_side(struct gemm *g, const struct side *s, const struct reg_side *r, const struct index *slot,
                      const struct index *k)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    int elems = s->depth_first ? r->run : RUN_DEPTH;
    struct kstmt *loop = kstmt_for(&l->b, "u", number(g, 0), number(g, r->n / r->run), 1, true);
    struct insert_point p = lower_enter(l, loop);
    const struct index *outer = lanes_at(g, r, index_mulk(t, loop->var, r->run));
    const struct index *from =
        kl_index(t, s->ring->layout, s->cols, s->depth_first ? k : outer, s->depth_first ? outer : k);
    const struct index *to = index_mulk(t, loop->var, elems);
    if (elems > 1)
        kstmt_load_vector(&l->b, r->value, to, s->ring, slot, from, elems, NULL, 0);
    else
        kstmt_store(&l->b, r->value, NULL, to, kexpr_load(&l->b, s->ring, slot, from, NULL, 0), NULL);
    lower_leave(l, p);
}

/* For all i and j: acc[i][j] += a[i]·b[j]. a and b are the operand values at depth q, 0 <= q < RUN_DEPTH. */
static void multiply_depth(struct gemm *g, const struct index *q)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    struct kstmt *rows = kstmt_for(&l->b, "i", number(g, 0), number(g, g->rm.n), 1, true);
    struct insert_point p = lower_enter(l, rows);
    struct kstmt *cols = kstmt_for(&l->b, "j", number(g, 0), number(g, g->rn.n), 1, true);
    l->b = kb_in(&l->b, cols);
    const struct index *i = rows->var;
    const struct index *j = cols->var;
    const struct index *a = g->a.depth_first ? i : index_add(t, index_mulk(t, i, RUN_DEPTH), q);
    const struct index *b = g->b.depth_first ? j : index_add(t, index_mulk(t, j, RUN_DEPTH), q);
    const struct kexpr *product = kexpr_op2(&l->b, K_MUL, kexpr_load(&l->b, g->rm.value, NULL, a, NULL, 0),
                                            kexpr_load(&l->b, g->rn.value, NULL, b, NULL, 0));
    kstmt_accumulate(&l->b, g->acc, index_add(t, index_mulk(t, i, g->rn.n), j), KACC_SUM, product, true);
    lower_leave(l, p);
}

void lanes_multiply(struct gemm *g, const struct index *slot)
{
    struct lower *l = g->l;
    struct insert_point p = lower_enter(l, kstmt_region(&l->b));
    int runs = g->tile.k / RUN_DEPTH;
    struct kstmt *deep = kstmt_for(&l->b, "d", number(g, 0), number(g, runs), 1, runs <= MOST_UNROLLED);
    l->b = kb_in(&l->b, deep);
    const struct index *first = index_mulk(l->indices, deep->var, RUN_DEPTH);
    if (!g->a.depth_first)
        read_side(g, &g->a, &g->rm, slot, first);
    if (!g->b.depth_first)
        read_side(g, &g->b, &g->rn, slot, first);
    struct kstmt *each = kstmt_for(&l->b, "q", number(g, 0), number(g, RUN_DEPTH), 1, true);
    l->b = kb_in(&l->b, each);
    const struct index *k = index_add(l->indices, first, each->var);
    if (g->a.depth_first)
        read_side(g, &g->a, &g->rm, slot, k);
    if (g->b.depth_first)
        read_side(g, &g->b, &g->rn, slot, k);
    multiply_depth(g, each->var);
    lower_leave(l, p);
}
