/* A stable sort of integers by destination. Of M integers, those that equal d are bucket d, and those outside 0..n-1
   are the last bucket:
       order [M]         the positions of bucket 0 in their order, of bucket 1, …
       offsets [n + 1]   where bucket d begins, and bucket n - 1 ends
   The sort takes digits from the lowest on, each with a stable counting sort (bucket.c): about M·log n steps, no
   atomics, and equal bits in every run. */
#include "ir/ops/bucket.h"

enum { DIGIT_BITS = 6 }; /* a pass has a loop over the values of a digit, and three launches */

static const struct attr_def n_attr[] = {
    { .name = "n", .kind = ATTR_DIMS, .required = true, .doc = "number of destinations" },
};

static const struct index *n_of(const struct node *n) { return node_attr(n, 0)->dims[0]; }

static const struct index *elements(struct graph *g, const struct node *n) { return type_count(g->s, &n->in[0]->type); }

static void bucket_sample(struct sample *d)
{
    struct type indices = sample_type(d, sample_range(d, 0, 1) ? DT_I64 : DT_I32, 0, 2);
    const struct index *n = draw_index(d, sample_range(d, 0, 4) ? sample_dim(d) : sample_range(d, 60, 5000));
    if (sample_range(d, 0, 3) == 0)
        indices = (struct type){ indices.dtype, 1, { draw_index(d, sample_range(d, 60, 300)) } };
    sample_operand(d, 0, &indices, -2, (double)n->k + 1);
    d->attrs[0] = sample_attr_dims(d, 1, &n);
}

static struct node *iota_like(struct builder *b, const struct type *t)
{
    struct attr attrs[MAX_ATTRS];
    op_defaults_of_type(op_find("iota"), t, attrs);
    return build(b, "iota", NULL, 0, attrs);
}

/* x as one dimension of i32, in which n stands for all that is outside 0..n-1. */
static struct node *build_keys(struct builder *b, struct node *x, const struct index *n)
{
    struct type flat = { .dtype = x->type.dtype, .rank = 1, .dim = { type_count(b->g->s, &x->type) } };
    x = build_reshape(b, x, &flat);
    struct node *keys = build3(b, "select", build_inside(b, x, n), x, build_dim(b, n, x->type.dtype));
    return build_cast(b, keys, DT_I32);
}

/* ---- sort_by_bucket ---- */
static bool sort_by_bucket_infer(struct graph *g, struct node *n)
{
    if (!need_indices(g, n, 0) || !need_one_dim(g, n))
        return false;
    n->type = (struct type){ .dtype = DT_I32, .rank = 1, .dim = { elements(g, n) } };
    return true;
}

static void sort_by_bucket_contract(struct contract *c) { count_facts(c, 0, (double)c->n->type.dim[0]->hi - 1); }

static int64_t bucket_of(int64_t key, int64_t n) { return key >= 0 && key < n ? key : n; }

/* Counts, where each bucket begins, then every position to the next slot of its bucket. */
static void sort_by_bucket_eval(struct ev *c)
{
    struct arena *a = arena_new();
    int64_t n = dims_eval(c->dims, n_of(c->n));
    int64_t m = c->in[0].count;
    int64_t *next = arena_array(a, int64_t, n + 2);
    int64_t *order = arena_array(a, int64_t, m + 1);
    for (int64_t i = 0; i < m; i++)
        next[bucket_of(c->in[0].v[i].i, n) + 1]++;
    for (int64_t d = 0; d <= n; d++)
        next[d + 1] += next[d];
    for (int64_t i = 0; i < m; i++)
        order[next[bucket_of(c->in[0].v[i].i, n)]++] = i;
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t k = c->runs[r].lo; k < c->runs[r].hi; k++)
            n_store_i(c, k, order[k]);
    arena_free(a);
}

/* The positions of x in stable order, if its values are in 0..n-1. */
static struct node *counting_sort(struct builder *b, struct node *x, int64_t n)
{
    const struct index **dims = arena_array(b->g->arena, const struct index *, 1);
    dims[0] = index_const(b->g->s->indices, n);
    struct node *counts = build(b, "bucket_counts", &x, 1, (struct attr[]){ { .n = 1, .dims = dims } });
    struct node *running = build(b, "cumsum", &counts, 1, (struct attr[]){ { .i = 1 }, { .i = 0 }, { .i = 0 } });
    return build2(b, "bucket_fill", x, running);
}

/* The digit of `bits` bits above the lowest `shift` ones, of x >= 0. */
static struct node *digit(struct builder *b, struct node *x, int shift, int bits)
{
    x = build2(b, "floor_div", x, build_const(b, &x->type, (double)((int64_t)1 << shift)));
    return build2(b, "mod", x, build_const(b, &x->type, (double)((int64_t)1 << bits)));
}

static int bits_of(int64_t most)
{
    int bits = 0;
    for (; most > 0; most /= 2)
        bits++;
    return bits;
}

static struct node *sort_by_bucket_expand(struct builder *b, struct node *n)
{
    struct node *keys = build_keys(b, n->in[0], n_of(n));
    struct type as_i32 = n->type;
    int bits = bits_of(n_of(n)->hi < INDEX_DIM_MAX ? n_of(n)->hi : INDEX_DIM_MAX);
    int passes = (bits + DIGIT_BITS - 1) / DIGIT_BITS;
    struct node *order = NULL;
    for (int shift = 0, some; bits > 0; shift += some, bits -= some, passes--) {
        some = (bits + passes - 1) / passes;
        struct node *sorted = order ? build2(b, "gather", keys, order) : keys;
        struct node *pass = counting_sort(b, digit(b, sorted, shift, some), (int64_t)1 << some);
        order = order ? build2(b, "gather", order, pass) : pass;
    }
    return order ? order : iota_like(b, &as_i32);
}

const struct op_def op_sort_by_bucket = {
    .call = {
        .name = "sort_by_bucket",
        .doc = "the positions of indices, sorted by destination; equal ones keep their order",
        .about = { .shapes = "indices [I..] -> i32[M], M the number of indices",
                   .formula = "y = the permutation of 0..M-1 that sorts indices stably; those outside 0..n-1 are last",
                   .source = "Knuth, The Art of Computer Programming 3, section 5.2.5, radix sorting",
                   .gradient = "none: the indices are integers" },
        .operands = { { .name = "indices" } },
        .attrs = n_attr,
        .n_attrs = N_ATTRS(n_attr),
    },
    .class = CLS_INDEX,
    .exact = true,
    .type = { .infer = sort_by_bucket_infer, .contract = sort_by_bucket_contract },
    .reference = { .eval = sort_by_bucket_eval, .bound = bound_of_integers },
    .kernel = { .expand = sort_by_bucket_expand },
    .sample = bucket_sample,
};

/* ---- search_sorted ---- */
enum { SORTED, SOUGHT };

static bool search_sorted_infer(struct graph *g, struct node *n)
{
    if (!need_indices(g, n, SORTED) || !need_vector(g, n, SORTED) || !need_indices(g, n, SOUGHT))
        return false;
    n->type = n->in[SOUGHT]->type;
    n->type.dtype = DT_I32;
    return true;
}

static void search_sorted_contract(struct contract *c) { count_facts(c, 0, (double)c->n->in[SORTED]->type.dim[0]->hi); }

/* By bisection, so that it is a function of any row: verify --exact draws rows at random. */
static void search_sorted_eval(struct ev *c)
{
    const struct view *sorted = &c->in[SORTED];
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t k = c->runs[r].lo; k < c->runs[r].hi; k++) {
            int64_t lo = 0;
            int64_t hi = sorted->count;
            while (lo < hi) {
                int64_t middle = lo + (hi - lo) / 2;
                if (sorted->v[middle].i < c->in[SOUGHT].v[k].i)
                    lo = middle + 1;
                else
                    hi = middle;
            }
            n_store_i(c, k, lo);
        }
}

static void search_sorted_needs(const struct node *n, int operand, const struct dim_values *dims, const struct box *out,
                                struct box *in)
{
    if (operand == SOUGHT)
        *in = *out;
    else
        needs_all(n, operand, dims, out, in);
}

static const struct kexpr *search_sorted_at(struct at *c)
{
    const struct index *index[1];
    const struct kexpr *x = kstmt_let(c->k, kexpr_cast(c->k, DT_I64, c->value(c, SOUGHT, c->index)));
    const struct index *below = at_below(c, SORTED, index, c->n->in[SORTED]->type.dim[0], x);
    return kexpr_index(c->k, DT_I32, below);
}

static void search_sorted_sample(struct sample *d)
{
    struct type sorted = sample_type(d, sample_range(d, 0, 1) ? DT_I64 : DT_I32, 1, 1);
    struct type sought = sample_type(d, sample_range(d, 0, 1) ? DT_I64 : DT_I32, 0, 2);
    sample_operand(d, SORTED, &sorted, -4, 9);
    sample_operand(d, SOUGHT, &sought, -5, 10);
    d->rising[SORTED] = true;
}

const struct op_def op_search_sorted = {
    .call = {
        .name = "search_sorted",
        .doc = "how many elements of a sorted row of integers are below x",
        .about = { .shapes = "sorted [M], x [..] -> i32[..]",
                   .formula = "y = the number of j with sorted[j] < x; sorted never falls",
                   .source = "NumPy, searchsorted",
                   .gradient = "none: the operands are integers" },
        .operands = { { .name = "sorted" }, { .name = "x" } },
    },
    .class = CLS_INDEX,
    .exact = true,
    .type = { .infer = search_sorted_infer, .contract = search_sorted_contract },
    .reference = { .needs = search_sorted_needs, .eval = search_sorted_eval, .bound = bound_of_integers },
    .kernel = { .at = search_sorted_at, .loops = true },
    .sample = search_sorted_sample,
};

/* ---- bucket_offsets ---- */
static bool bucket_offsets_infer(struct graph *g, struct node *n)
{
    if (!need_indices(g, n, 0) || !need_one_dim(g, n))
        return false;
    n->type = (struct type){ .dtype = DT_I32, .rank = 1, .dim = { index_addk(g->s->indices, n_of(n), 1) } };
    struct type flat = { .dtype = DT_I32, .rank = 1, .dim = { elements(g, n) } };
    const char *why = type_misfit(g->s, &flat);
    return !why || infer_error(g, n, 0, "must be countable in one dimension: %s", why);
}

static void bucket_offsets_contract(struct contract *c) { count_facts(c, 0, (double)elements(c->g, c->n)->hi); }

static void bucket_offsets_eval(struct ev *c)
{
    struct arena *a = arena_new();
    int64_t n = c->out.count - 1;
    int64_t *below = arena_array(a, int64_t, n + 1);
    for (int64_t i = 0; i < c->in[0].count; i++)
        if (c->in[0].v[i].i >= 0 && c->in[0].v[i].i < n)
            below[c->in[0].v[i].i + 1]++;
    for (int64_t d = 0; d < n; d++)
        below[d + 1] += below[d];
    for (size_t r = 0; r < c->n_runs; r++)
        for (int64_t d = c->runs[r].lo; d < c->runs[r].hi; d++)
            n_store_i(c, d, below[d]);
    arena_free(a);
}

static struct node *bucket_offsets_expand(struct builder *b, struct node *n)
{
    struct node *order = build(b, "sort_by_bucket", n->in, 1, n->attrs);
    struct node *sorted = build2(b, "gather", build_keys(b, n->in[0], n_of(n)), order);
    return build2(b, "search_sorted", sorted, iota_like(b, &n->type));
}

const struct op_def op_bucket_offsets = {
    .call = {
        .name = "bucket_offsets",
        .doc = "where each bucket begins, of indices sorted by destination",
        .about = { .shapes = "indices [I..] -> i32[n + 1]",
                   .formula = "y[d] = the number of i with 0 <= indices[i] < d",
                   .source = "Knuth, The Art of Computer Programming 3, section 5.2, distribution counting",
                   .gradient = "none: the indices are integers" },
        .operands = { { .name = "indices" } },
        .attrs = n_attr,
        .n_attrs = N_ATTRS(n_attr),
    },
    .class = CLS_INDEX,
    .exact = true,
    .type = { .infer = bucket_offsets_infer, .contract = bucket_offsets_contract },
    .reference = { .eval = bucket_offsets_eval, .bound = bound_of_integers },
    .kernel = { .expand = bucket_offsets_expand },
    .sample = bucket_sample,
};
