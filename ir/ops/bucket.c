/* One pass of a stable counting sort, without atomics. The keys are cut into tiles of 64. With the number of each key
   in each tile, and the running sums of these numbers over the tiles, a thread finds the key that belongs in its slot:
   first its value, then its tile, then its place in the tile. ir/ops/sort.c composes passes. */
#include "ir/ops/bucket.h"

enum { TILE = 64 };
enum { KEYS, RUNNING };

/* ---- shared ---- */
bool need_vector(struct graph *g, const struct node *n, int operand)
{
    return n->in[operand]->type.rank == 1 || infer_error(g, n, operand, "must have 1 dimension");
}

void count_facts(struct contract *c, double lo, double hi)
{
    facts_set(c, lo, fmax(lo, hi), true, true);
    c->out->exact = true;
}

void needs_all(const struct node *n, int operand, const struct dim_values *dims, const struct box *out, struct box *in)
{
    const struct type *x = &n->in[operand]->type;
    (void)out;
    *in = (struct box){ .rank = x->rank };
    for (int d = 0; d < x->rank; d++)
        in->hi[d] = dims_eval(dims, x->dim[d]) - 1;
}

void bound_of_integers(struct bd *b)
{
    double e = 0;
    for (int k = 0; k < b->v.n_in; k++)
        for (int64_t i = 0; !dtype_is_float(b->v.in[k].dtype) && i < b->v.in[k].count && e == 0; i++)
            e = bd_err(b, k, i) != 0 ? INFINITY : 0;
    for (size_t r = 0; r < b->v.n_runs; r++)
        for (int64_t i = b->v.runs[r].lo; i < b->v.runs[r].hi; i++)
            b->e_out[i] = e;
}

static const struct index *zero(struct at *c) { return index_const(at_index(c), 0); }

struct kmem *counter_new(struct at *c, const char *name, const struct kexpr *value)
{
    struct kmem *m = kernel_private(c->k->k, arena_printf(c->k->arena, "%s%zu", name, c->k->k->n_priv), DT_I64, 1);
    counter_set(c, m, value);
    return m;
}

const struct kexpr *counter_read(struct at *c, const struct kmem *m)
{
    return kexpr_load(c->k, m, NULL, zero(c), NULL, 0);
}

void counter_set(struct at *c, struct kmem *m, const struct kexpr *value)
{
    kstmt_store(c->k, m, NULL, zero(c), kexpr_cast(c->k, DT_I64, value), NULL);
}

void counter_add(struct at *c, struct kmem *m, const struct kexpr *x)
{
    counter_set(c, m, kexpr_op2(c->k, K_ADD, counter_read(c, m), kexpr_cast(c->k, DT_I64, x)));
}

/* The steps that halve n down to 0. */
static int64_t halvings(int64_t n)
{
    int64_t steps = 0;
    for (; n > 0; n /= 2)
        steps++;
    return steps;
}

const struct index *at_below(struct at *c, int operand, const struct index **index, const struct index *n,
                             const struct kexpr *x)
{
    struct index_table *t = at_index(c);
    int last = c->n->in[operand]->type.rank - 1;
    struct kmem *lo = counter_new(c, "lo", kexpr_i64(c->k, 0));
    struct kmem *hi = counter_new(c, "hi", kexpr_index(c->k, DT_I64, n));
    const struct index *steps =
        index_min(t, index_const(t, halvings(n->hi)), n); /* an empty row has no element to read */
    struct kstmt *loop = kstmt_for(c->k, "step", zero(c), steps, 1, false);
    struct at_scope s = at_enter(c, loop);
    const struct index *from = at_loaded(c, "from", counter_read(c, lo));
    const struct index *to = at_loaded(c, "to", counter_read(c, hi));
    const struct index *middle = index_div(t, index_add(t, from, to), index_const(t, 2));
    index[last] = clamped_index(t, middle, n);
    const struct kexpr *v = kexpr_cast(c->k, DT_I64, c->value(c, operand, index));
    const struct kexpr *open = at_compare(c, K_LT, from, to);
    const struct kexpr *below = kexpr_op2(c->k, K_LT, v, x);
    const struct kexpr *right = kstmt_let(c->k, kexpr_op2(c->k, K_AND, open, below));
    const struct kexpr *left = kstmt_let(c->k, kexpr_op2(c->k, K_AND, open, kexpr_op1(c->k, K_NOT, below)));
    counter_set(
        c, lo,
        kexpr_op(c->k, K_SELECT, right, kexpr_index(c->k, DT_I64, index_addk(t, middle, 1)), counter_read(c, lo)));
    counter_set(c, hi, kexpr_op(c->k, K_SELECT, left, kexpr_index(c->k, DT_I64, middle), counter_read(c, hi)));
    at_leave(c, s);
    return at_loaded(c, "below", counter_read(c, lo));
}

/* Enters a loop over the positions of a tile. *key: the key there. */
static struct at_scope enter_tile(struct at *c, const struct index *tile, const struct index **at,
                                  const struct kexpr **key)
{
    struct index_table *t = at_index(c);
    const struct index *first = index_mulk(t, tile, TILE);
    const struct index *end = index_min(t, index_addk(t, first, TILE), c->n->in[KEYS]->type.dim[0]);
    struct kstmt *loop = kstmt_for(c->k, "i", first, end, 1, false);
    struct at_scope s = at_enter(c, loop);
    *at = loop->var;
    *key = kexpr_cast(c->k, DT_I64, c->value(c, KEYS, &loop->var));
    return s;
}

static const struct index *tiles_of(struct session *s, const struct node *n)
{
    return index_ceil_div(s->indices, n->in[KEYS]->type.dim[0], index_const(s->indices, TILE));
}

/* ---- bucket_counts ---- */
static const struct attr_def counts_attrs[] = {
    { .name = "n", .kind = ATTR_DIMS, .required = true, .doc = "number of keys that are counted" },
};

static bool bucket_counts_infer(struct graph *g, struct node *n)
{
    if (!need_indices(g, n, KEYS) || !need_vector(g, n, KEYS) || !need_one_dim(g, n))
        return false;
    n->type = (struct type){ .dtype = DT_I32, .rank = 2, .dim = { node_attr(n, 0)->dims[0], tiles_of(g->s, n) } };
    return true;
}

static void bucket_counts_contract(struct contract *c) { count_facts(c, 0, TILE); }

static void bucket_counts_eval(struct ev *c)
{
    int64_t m = c->in[KEYS].count;
    int64_t tiles = c->out.last;
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t k = c->runs[r].lo; k < c->runs[r].hi; k++) {
            int64_t first = k % tiles * TILE;
            int64_t count = 0;
            for (int64_t i = first; i < first + TILE && i < m; i++)
                count += c->in[KEYS].v[i].i == k / tiles;
            n_store_i(c, k, count);
        }
}

static void bucket_counts_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                                struct box *in)
{
    int64_t m = dims_eval(dims, n->in[operand]->type.dim[0]);
    int64_t last = out->hi[1] * TILE + TILE - 1;
    *in = (struct box){ .rank = 1, .lo = { out->lo[1] * TILE }, .hi = { last < m ? last : m - 1 } };
}

static const struct kexpr *bucket_counts_at(struct at *c)
{
    const struct index *i;
    const struct kexpr *key;
    struct kmem *count = counter_new(c, "count", kexpr_i64(c->k, 0));
    struct at_scope s = enter_tile(c, c->index[1], &i, &key);
    counter_add(c, count, kexpr_op2(c->k, K_EQ, key, kexpr_index(c->k, DT_I64, c->index[0])));
    at_leave(c, s);
    return kexpr_cast(c->k, DT_I32, counter_read(c, count));
}

static void bucket_counts_sample(struct sample *d)
{
    struct type keys = sample_type(d, sample_range(d, 0, 1) ? DT_I64 : DT_I32, 1, 1);
    const struct index *n = draw_index(d, sample_dim(d));
    if (sample_range(d, 0, 1))
        keys.dim[0] = draw_index(d, sample_range(d, 60, 200));
    sample_operand(d, KEYS, &keys, -1, (double)n->k);
    d->attrs[0] = sample_attr_dims(d, 1, &n);
}

const struct op_def op_bucket_counts = {
    .call = {
        .name = "bucket_counts",
        .doc = "how often each key occurs in each tile of 64 keys",
        .about = { .shapes = "keys [M] -> i32[n, ceil(M / 64)]",
                   .formula = "y[d, t] = the number of i with keys[i] = d and 64 t <= i < 64 t + 64",
                   .source = "Knuth, The Art of Computer Programming 3, section 5.2, distribution counting",
                   .gradient = "none: the keys are integers" },
        .operands = { { .name = "keys" } },
        .attrs = counts_attrs,
        .n_attrs = N_ATTRS(counts_attrs),
    },
    .class = CLS_INDEX,
    .exact = true,
    .type = { .infer = bucket_counts_infer, .contract = bucket_counts_contract },
    .reference = { .needs = bucket_counts_needs, .eval = bucket_counts_eval, .bound = bound_of_integers },
    .kernel = { .at = bucket_counts_at, .loops = true },
    .sample = bucket_counts_sample,
};

/* ---- bucket_fill ---- */
static bool bucket_fill_infer(struct graph *g, struct node *n)
{
    if (!need_indices(g, n, KEYS) || !need_vector(g, n, KEYS) || !need_indices(g, n, RUNNING))
        return false;
    const struct type *running = &n->in[RUNNING]->type;
    if (running->rank != 2 || running->dim[1] != tiles_of(g->s, n))
        return infer_error(g, n, RUNNING, "must have 2 dimensions, the last %s, one element for each %d keys",
                           index_text(g->arena, tiles_of(g->s, n)), TILE);
    n->type = n->in[KEYS]->type;
    n->type.dtype = DT_I32;
    return true;
}

static void bucket_fill_contract(struct contract *c) { count_facts(c, -1, (double)c->n->type.dim[0]->hi - 1); }

/* The first tile whose element of a row is above `left`, by bisection: the row rises, except where verify --exact draws
   it at random. */
static int64_t first_above(const NUM *row, int64_t tiles, int64_t left)
{
    int64_t lo = 0;
    int64_t hi = tiles;
    while (lo < hi) {
        int64_t middle = (lo + hi) / 2;
        if (row[middle].i > left)
            hi = middle;
        else
            lo = middle + 1;
    }
    return lo;
}

/* The position of the key in slot `left`; -1 if there is none. */
static int64_t key_in_slot(const struct ev *c, int64_t left)
{
    const struct view *running = &c->in[RUNNING];
    const NUM *row = running->v;
    int64_t tiles = running->last;
    int64_t d = 0;
    for (; d < running->dim[0] && left >= row[tiles - 1].i; d++, row += tiles)
        left -= row[tiles - 1].i;
    if (d == running->dim[0])
        return -1;
    int64_t tile = first_above(row, tiles, left);
    left -= tile > 0 ? row[tile - 1].i : 0;
    for (int64_t i = tile * TILE; i < (tile + 1) * TILE && i < c->in[KEYS].count; i++)
        if (c->in[KEYS].v[i].i == d && left-- == 0)
            return i;
    return -1;
}

static void bucket_fill_eval(struct ev *c)
{
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t k = c->runs[r].lo; k < c->runs[r].hi; k++)
            n_store_i(c, k, key_in_slot(c, k));
}

/* The key of the slot. *left: the slot, less the number of smaller keys. */
static const struct index *key_of_slot(struct at *c, struct kmem *left)
{
    struct index_table *t = at_index(c);
    const struct type *running = &c->n->in[RUNNING]->type;
    const struct index *index[2];
    struct kmem *key = counter_new(c, "key", kexpr_i64(c->k, 0));
    struct kstmt *loop = kstmt_for(c->k, "d", zero(c), running->dim[0], 1, false);
    struct at_scope s = at_enter(c, loop);
    index[0] = loop->var;
    index[1] = clamped_index(t, index_addk(t, running->dim[1], -1), running->dim[1]);
    const struct kexpr *all = kstmt_let(c->k, kexpr_cast(c->k, DT_I64, c->value(c, RUNNING, index)));
    const struct kexpr *here = kexpr_op2(c->k, K_EQ, counter_read(c, key), kexpr_index(c->k, DT_I64, loop->var));
    const struct kexpr *beyond = kexpr_op2(c->k, K_GE, counter_read(c, left), all);
    const struct kexpr *passed = kstmt_let(c->k, kexpr_op2(c->k, K_AND, here, beyond));
    counter_add(c, key, passed);
    counter_set(
        c, left,
        kexpr_op2(c->k, K_SUB, counter_read(c, left), kexpr_op(c->k, K_SELECT, passed, all, kexpr_i64(c->k, 0))));
    at_leave(c, s);
    return at_loaded(c, "key", counter_read(c, key));
}

/* The tile of the slot, in the row index[0] of running. Takes the keys of earlier tiles from *left. */
static const struct index *tile_of_slot(struct at *c, const struct index **index, struct kmem *left)
{
    struct index_table *t = at_index(c);
    const struct index *tiles = c->n->in[RUNNING]->type.dim[1];
    const struct kexpr *above = kexpr_op2(c->k, K_ADD, counter_read(c, left), kexpr_i64(c->k, 1));
    const struct index *tile = at_below(c, RUNNING, index, tiles, kstmt_let(c->k, above));
    index[1] = clamped_index(t, index_addk(t, tile, -1), tiles);
    const struct kexpr *before = kexpr_cast(c->k, DT_I64, c->value(c, RUNNING, index));
    counter_set(c, left,
                kexpr_op2(c->k, K_SUB, counter_read(c, left),
                          kexpr_op(c->k, K_SELECT, at_compare(c, K_GT, tile, zero(c)), before, kexpr_i64(c->k, 0))));
    return tile;
}

static const struct kexpr *bucket_fill_at(struct at *c)
{
    struct index_table *t = at_index(c);
    const struct type *running = &c->n->in[RUNNING]->type;
    const struct index *index[2];
    const struct index *i;
    const struct kexpr *key;
    if (dim_is(running->dim[0], 0) || dim_is(running->dim[1], 0))
        return kexpr_i32(c->k, -1);
    struct kmem *left = counter_new(c, "left", kexpr_index(c->k, DT_I64, c->index[0]));
    struct kmem *found = counter_new(c, "found", kexpr_i64(c->k, -1));
    const struct index *d = key_of_slot(c, left);
    index[0] = clamped_index(t, d, running->dim[0]);
    const struct index *tile = tile_of_slot(c, index, left);
    struct at_scope s = enter_tile(c, clamped_index(t, tile, running->dim[1]), &i, &key);
    const struct kexpr *equal = kstmt_let(c->k, kexpr_op2(c->k, K_EQ, key, kexpr_index(c->k, DT_I64, d)));
    const struct kexpr *first = kexpr_op2(c->k, K_EQ, counter_read(c, left), kexpr_i64(c->k, 0));
    counter_set(c, found,
                kexpr_op(c->k, K_SELECT, kexpr_op2(c->k, K_AND, equal, first), kexpr_index(c->k, DT_I64, i),
                         counter_read(c, found)));
    counter_set(c, left, kexpr_op2(c->k, K_SUB, counter_read(c, left), kexpr_cast(c->k, DT_I64, equal)));
    at_leave(c, s);
    const struct kexpr *none = kexpr_i64(c->k, -1);
    return kexpr_cast(c->k, DT_I32,
                      kexpr_op(c->k, K_SELECT, at_compare(c, K_LT, d, running->dim[0]), counter_read(c, found), none));
}

static void bucket_fill_sample(struct sample *d)
{
    struct index_table *t = d->s->indices;
    struct type keys = sample_type(d, sample_range(d, 0, 1) ? DT_I64 : DT_I32, 1, 1);
    if (sample_range(d, 0, 1))
        keys.dim[0] = draw_index(d, sample_range(d, 60, 200));
    struct type running = { .dtype = DT_I32, .rank = 2, .dim = { draw_index(d, sample_range(d, 0, 5)) } };
    running.dim[1] = index_ceil_div(t, keys.dim[0], index_const(t, TILE));
    sample_operand(d, KEYS, &keys, -1, (double)sample_dim_of(&running, 0));
    sample_operand(d, RUNNING, &running, 0, (double)sample_dim_of(&keys, 0));
    d->rising[RUNNING] = sample_range(d, 0, 3) > 0;
}

const struct op_def op_bucket_fill = {
    .call = {
        .name = "bucket_fill",
        .doc = "the positions of keys in stable order, from the running sums of bucket_counts over the tiles",
        .about = { .shapes = "keys [M], running [n, ceil(M / 64)] -> i32[M]",
                   .formula = "y[k] = the s-th i with keys[i] = d and 64 t <= i < 64 t + 64, -1 if there is none; with "
                              "r = k - (running[0, last] + .. + running[d - 1, last]), d is the first with r < "
                              "running[d, last], t by bisection the first with r < running[d, t], and s = r - "
                              "running[d, t - 1]",
                   .source = "Knuth, The Art of Computer Programming 3, section 5.2, distribution counting",
                   .gradient = "none: the operands are integers" },
        .operands = { { .name = "keys" }, { .name = "running" } },
    },
    .class = CLS_INDEX,
    .exact = true,
    .type = { .infer = bucket_fill_infer, .contract = bucket_fill_contract },
    .reference = { .needs = needs_all, .eval = bucket_fill_eval, .bound = bound_of_integers },
    .kernel = { .at = bucket_fill_at, .loops = true },
    .sample = bucket_fill_sample,
};
