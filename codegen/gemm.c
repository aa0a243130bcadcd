/* The gemm template: Y[m, n] = Σ_k A[m, k]·B[k, n], then the group's pointwise epilogue. A matrix unit multiplies f16
   operands. If the target has no matrix unit, or if the contraction must stay f32, threads multiply by f32 fma
   (gemm_lanes.c).

   A block computes one tile of Y. A and B are cut along k into slices of depth `tile.k`. Slices pass through a ring of
   `stages` slots in shared memory. Iteration i of the loop over slices has four steps:
       barrier     wait until slice i has arrived and no thread reads slice i − 1
       issue       start the copy of slice i + stages − 1 into the slot of slice i − 1
       multiply    multiply slice i
       land        store slice i + stages − 1, on a target that stages copies through registers
   An operand in memory, or a view of one, is copied asynchronously, 4, 8 or 16 bytes at a time, if its rows are a
   multiple of 4 bytes. Any other operand (a cast, rows of odd length) is computed element by element in the issue step.
   Elements outside the matrix are zeros. */
#include "codegen/gemm.h"

static const struct index *slice_depth(const struct gemm *g, const struct index *slice)
{
    return index_add(g->l->indices, index_mulk(g->l->indices, slice, g->tile.k), g->start);
}

/* Sets `outer` and `depth` to the matrix coordinates of element (r, c) of `slice`. The returned mask is true if the
   element lies inside the matrix and inside this block's range of k. */
static struct kmask slice_mask(const struct gemm *g, const struct side *s, const struct index *slice,
                               const struct index *r, const struct index *c, const struct index **outer,
                               const struct index **depth)
{
    struct index_table *t = g->l->indices;
    *outer = index_add(t, s->outer0, s->depth_first ? c : r);
    *depth = index_add(t, slice_depth(g, slice), s->depth_first ? r : c);
    return (struct kmask){ .n = 2, .g = { { *outer, s->outer }, { *depth, g->end } } };
}

/* Brings `slice` of one operand into ring slot `slot`. Call fetch twice. With land = false, fetch issues copies, or
   computes and stores the elements. With land = true, fetch lands the copies. The copies use staging registers from
   number `stage0` on. Returns the number of staging registers used. */
static int fetch(struct gemm *g, const struct side *s, const struct index *slice, const struct index *slot, int stage0,
                 bool land)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    int piece = s->piece ? s->piece : 1;
    int pieces = s->rows * s->cols / piece;
    int per_row = s->cols / piece;
    int each = (pieces + g->threads - 1) / g->threads;
    BUG_IF(pieces % g->threads, "a tile of %d pieces for %d threads", pieces, g->threads);
    if (!s->src && land)
        return 0;
    if (index_less_eq(t, g->end, slice_depth(g, slice)))
        return 0; /* for all values of the dims, the slice lies past the end of K */
    if (index_is_const(s->outer) && s->outer->k == 0)
        return 0; /* an operand without elements, and so a result without elements: no block runs */
    const struct index *outer, *depth;
    struct insert_point p = { 0 };
    const struct index *turn = NULL;
    if (!s->src) {
        p = lower_enter(l, kstmt_region(&l->b));
        struct kstmt *loop = kstmt_for(&l->b, "p", index_const(t, 0), index_const(t, each), 1, false);
        l->b = kb_in(&l->b, loop);
        turn = loop->var;
        each = 1;
    }
    for (int i = 0; i < each; i++) {
        const struct index *id =
            index_add(t, l->k->tid, turn ? index_mulk(t, turn, g->threads) : index_const(t, (int64_t)i * g->threads));
        const struct index *r = index_div(t, id, index_const(t, per_row));
        const struct index *c = index_mulk(t, index_mod(t, id, index_const(t, per_row)), piece);
        const struct index *at = kl_index(t, s->ring->layout, s->cols, r, c);
        if (land) {
            kstmt_land(&l->b, s->ring, slot, at, piece, stage0 + i);
            continue;
        }
        struct kmask m = slice_mask(g, s, slice, r, c, &outer, &depth);
        if (s->src) {
            /* If `never`, the copy is outside the matrix in all blocks, and reads nothing. Any index will do. */
            bool never = mask_never_holds(t, &m);
            kstmt_issue(&l->b, s->ring, slot, at, s->src,
                        never ? index_const(t, 0) : side_source_index(g, s, outer, depth), piece, stage0 + i, &m);
            continue;
        }
        struct kstmt *inside = kstmt_if(&l->b, &m);
        struct insert_point q = lower_enter(l, inside);
        kstmt_store(&l->b, s->ring, slot, at, side_value(g, s, outer, depth), NULL);
        lower_leave(l, q);
        struct kbuild outside = kb_else(&l->b, inside);
        kstmt_store(&outside, s->ring, slot, at, kexpr_f32(&outside, 0), NULL);
    }
    if (!s->src)
        lower_leave(l, p);
    return s->src ? each : 0;
}

static void fetch_both(struct gemm *g, const struct index *slice, const struct index *slot, bool land)
{
    int used = fetch(g, &g->a, slice, slot, 0, land);
    fetch(g, &g->b, slice, slot, used, land);
}

/* Fetches the first `stages` − 1 slices. Each slice lands before the next is issued, since all slices use the same
   staging registers. */
static void prologue(struct gemm *g)
{
    struct index_table *t = g->l->indices;
    for (int i = 0; i + 1 < g->stages; i++) {
        fetch_both(g, index_const(t, i), index_const(t, i), false);
        fetch_both(g, index_const(t, i), index_const(t, i), true);
        kstmt_commit(&g->l->b);
    }
}

static void frags_multiply(struct gemm *g, const struct index *slot)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    for (int k = 0; k < g->tile.k; k += g->unit->k) {
        kstmt_frag_load(&l->b, g->fa, g->a.ring, slot, g->wave_m, index_const(t, k), g->a.depth_first);
        kstmt_frag_load(&l->b, g->fb, g->b.ring, slot, index_const(t, k), g->wave_n, !g->b.depth_first);
        kstmt_mma(&l->b, g->fc, g->fa, g->fb);
    }
}

static void record_sum(struct gemm *g)
{
    struct index_table *t = g->l->indices;
    const struct matrix_unit *unit = g->unit;
    int block = unit ? unit->k : 1;
    const struct index *chain = index_mulk(t, g->most_slices, g->tile.k / block);
    struct sum_level level = { .block = block };
    if (unit) {
        level.unit = &unit->model;
        level.unit_k = unit->k;
    }
    if (!index_const_value(chain, &level.chain))
        level.chain_of = chain;
    kernel_sum(g->l->k, g->c.n, level);
}

/* Sets this block's range of k: all k, or one of launch->parts parts. */
static void set_depth(struct gemm *g)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    const struct index *part = l->launch->part;
    g->start = index_const(t, 0);
    g->end = g->c.k;
    g->slices = g->most_slices = index_ceil_div(t, g->c.k, index_const(t, g->tile.k));
    if (!l->launch->parts)
        return;
    g->part = index_mod(t, g->block[0], l->launch->parts);
    g->start = index_mul(t, g->part, part);
    g->end = index_min(t, g->c.k, index_add(t, g->start, part));
    g->most_slices = index_div(t, part, index_const(t, g->tile.k));
    const struct index *left = index_sub(t, g->slices, index_mul(t, g->part, g->most_slices));
    g->slices = index_min(t, g->most_slices, left);
}

static void set_shape(struct gemm *g)
{
    struct lower *l = g->l;
    struct index_table *t = l->indices;
    const struct index *parts = l->launch->parts;
    const struct index *tiles_m = index_ceil_div(t, g->c.m, index_const(t, g->tile.m));
    const struct index *count[] = { parts ? index_mul(t, tiles_m, parts) : tiles_m,
                                    index_ceil_div(t, g->c.nn, index_const(t, g->tile.n)), g->c.matrices };
    lower_grid(l, count, g->block);
    g->tile_m = parts ? index_div(t, g->block[0], parts) : g->block[0];
    g->tile_n = g->block[1];
    g->batch = g->c.batched ? g->block[2] : NULL;
    g->m0 = index_mulk(t, g->tile_m, g->tile.m);
    g->n0 = index_mulk(t, g->tile_n, g->tile.n);
    const struct index *waves_n = index_const(t, g->tile.waves_n);
    g->wave_m = index_mulk(t, index_div(t, l->k->wave_id, waves_n), g->tile.m / g->tile.waves_m);
    g->wave_n = index_mulk(t, index_mod(t, l->k->wave_id, waves_n), g->tile.n / g->tile.waves_n);
    set_depth(g);
}

static void frags_begin(struct gemm *g)
{
    const struct matrix_unit *u = g->unit;
    int wm = g->tile.m / g->tile.waves_m;
    int wn = g->tile.n / g->tile.waves_n;
    BUG_IF(wm % u->m || wn % u->n || g->tile.k % u->k, "tile %dx%dx%d does not fit %s", g->tile.m, g->tile.n, g->tile.k,
           u->name);
    g->fa = kernel_frag(g->l->k, "fa", KF_A, wm / u->m, 1);
    g->fb = kernel_frag(g->l->k, "fb", KF_B, 1, wn / u->n);
    g->fc = kernel_frag(g->l->k, "fc", KF_C, wm / u->m, wn / u->n);
    kstmt_frag_fill(&g->l->b, g->fc, 0);
}

void lower_gemm(struct lower *l)
{
    struct index_table *t = l->indices;
    struct gemm g = { .l = l,
                      .c = contraction_of(l->s, l->gr->anchor),
                      .tile = l->gr->tile,
                      .unit = l->gr->anchor->compute == DT_F16 ? l->t->matrix : NULL,
                      .threads = l->k->block,
                      .stages = l->t->copy_stages,
                      .probe = kernel_new(l->s, l->k->arena, "probe", l->t, 1) };
    g.in = g.unit ? g.unit->in : DT_F32;
    set_shape(&g);
    g.a = make_side(&g, "sa", l->gr->anchor->in[0], g.c.transpose_a, g.m0, g.c.m, g.tile.m);
    g.b = make_side(&g, "sb", l->gr->anchor->in[1], !g.c.transpose_b, g.n0, g.c.nn, g.tile.n);
    if (g.unit)
        frags_begin(&g);
    else
        lanes_begin(&g);
    sums_begin(&g);
    prologue(&g);
    struct kstmt *loop = kstmt_for(&l->b, "slice", index_const(t, 0), g.slices, 1, false);
    struct insert_point p = lower_enter(l, loop);
    const struct index *slot = index_mod(t, loop->var, index_const(t, g.stages));
    const struct index *next = index_addk(t, loop->var, g.stages - 1);
    const struct index *next_slot = index_mod(t, next, index_const(t, g.stages));
    kstmt_barrier(&l->b, KSCOPE_BLOCK, g.stages - 2);
    lower_forget(l);
    fetch_both(&g, next, next_slot, false);
    kstmt_commit(&l->b);
    if (g.unit)
        frags_multiply(&g, slot);
    else
        lanes_multiply(&g, slot);
    sums_take(&g, slot);
    lower_forget(l);
    fetch_both(&g, next, next_slot, true);
    lower_leave(l, p);
    /* The last copies lie past the end of K and write zeros. The block waits for these copies before it ends. */
    kstmt_barrier(&l->b, KSCOPE_WAVE, 0);
    gemm_sinks(&g);
    sums_end(&g);
    record_sum(&g);
}
