#include "runtime/judge/subset.h"

#include <stdlib.h>
#include <string.h>

#include "ir/memory.h"

enum { WORD = 64 };

static size_t words_of(int64_t count) { return (size_t)((count + WORD - 1) / WORD); }
static bool has_bit(const uint64_t *bits, int64_t i) { return bits[i / WORD] >> (i % WORD) & 1; }

/* ---- sets ---- */
struct subsets *subsets_new(struct session *s, const struct graph *g, const struct dim_values *dims)
{
    struct subsets *p = memory_must(malloc(sizeof *p), sizeof *p);
    size_t n = (size_t)g->next_id + 1;
    *p = (struct subsets){ .s = s, .g = g, .dims = dims, .n = g->next_id };
    p->of = memory_must(calloc(n, sizeof *p->of), n * sizeof *p->of);
    for (size_t i = 0; i < g->n_nodes; i++)
        p->of[g->nodes[i]->id].count = type_count_at(&g->nodes[i]->type, dims);
    return p;
}

static uint64_t *new_bits(int64_t count)
{
    size_t bytes = words_of(count) * sizeof(uint64_t);
    return memory_must(calloc(1, bytes), bytes);
}

struct subsets *subsets_copy(const struct subsets *p)
{
    struct subsets *q = subsets_new(p->s, p->g, p->dims);
    for (int i = 0; i < p->n; i++) {
        q->of[i] = p->of[i];
        if (!p->of[i].bits)
            continue;
        q->of[i].bits = new_bits(p->of[i].count);
        memcpy(q->of[i].bits, p->of[i].bits, words_of(p->of[i].count) * sizeof(uint64_t));
    }
    return q;
}

void subsets_free(struct subsets *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n; i++)
        free(p->of[i].bits);
    free(p->of);
    free(p);
}

static void add_everything(struct subset *x)
{
    free(x->bits);
    x->bits = NULL;
    x->n = x->count;
    x->all = x->count > 0;
}

void subsets_add_all(struct subsets *p, const struct node *n) { add_everything(&p->of[n->id]); }

static void add_word(struct subset *x, int64_t word, uint64_t bits)
{
    uint64_t added = bits & ~x->bits[word];
    if (!added)
        return;
    x->n += added & (added - 1) ? __builtin_popcountll(added) : 1;
    x->bits[word] |= bits;
}

static void begin(struct subset *x)
{
    if (!x->bits)
        x->bits = new_bits(x->count);
}

static void end(struct subset *x)
{
    if (x->n == x->count)
        add_everything(x);
}

/* Adds elements lo..hi-1. */
static void add_range(struct subset *x, int64_t lo, int64_t hi)
{
    if (x->all || lo >= hi)
        return;
    begin(x);
    int64_t first = lo / WORD;
    int64_t last = (hi - 1) / WORD;
    uint64_t head = ~UINT64_C(0) << (lo % WORD);
    uint64_t tail = ~UINT64_C(0) >> (WORD - 1 - (hi - 1) % WORD);
    if (first == last) {
        add_word(x, first, head & tail);
    } else {
        add_word(x, first, head);
        for (int64_t i = first + 1; i < last; i++)
            add_word(x, i, ~UINT64_C(0));
        add_word(x, last, tail);
    }
    end(x);
}

static void add_subset(struct subset *x, const struct subset *y)
{
    if (subset_is_empty(y) || x->all)
        return;
    if (y->all || y->count != x->count) {
        add_everything(x);
        return;
    }
    begin(x);
    for (size_t i = 0; i < words_of(x->count); i++)
        add_word(x, (int64_t)i, y->bits[i]);
    end(x);
}

void subsets_add_same(struct subsets *p, const struct node *n, const struct subsets *q, const struct node *other)
{
    add_subset(&p->of[n->id], &q->of[other->id]);
}

bool subsets_has(const struct subsets *p, const struct node *n, int64_t i)
{
    const struct subset *x = &p->of[n->id];
    return x->all || (x->bits && has_bit(x->bits, i));
}

int64_t subsets_count(const struct subsets *p, const struct node *n) { return p->of[n->id].n; }

static int64_t last_dim(const struct subsets *p, const struct node *n)
{
    return n->type.rank ? dims_eval(p->dims, n->type.dim[n->type.rank - 1]) : 1;
}

/* Returns the first i' with i <= i' < end whose bit is `want`; `end` if there is none. */
static int64_t find_bit(const uint64_t *bits, int64_t i, int64_t end, bool want)
{
    while (i < end) {
        uint64_t word = (want ? bits[i / WORD] : ~bits[i / WORD]) >> (i % WORD);
        if (word) {
            i += __builtin_ctzll(word);
            return i < end ? i : end;
        }
        i += WORD - i % WORD;
    }
    return end;
}

struct run *subsets_runs(const struct subsets *p, const struct node *n, size_t *n_runs)
{
    const struct subset *x = &p->of[n->id];
    int64_t row = last_dim(p, n);
    struct run *runs = NULL;
    size_t cap = 0;
    *n_runs = 0;
    for (int64_t i = 0; !subset_is_empty(x) && i < x->count;) {
        int64_t lo = x->all ? i : find_bit(x->bits, i, x->count, true);
        if (lo == x->count)
            break;
        int64_t end = (lo / row + 1) * row;
        int64_t hi = x->all ? end : find_bit(x->bits, lo, end, false);
        if (*n_runs == cap) {
            cap = cap ? 2 * cap : 64;
            runs = memory_must(realloc(runs, cap * sizeof *runs), cap * sizeof *runs);
        }
        runs[(*n_runs)++] = (struct run){ lo, hi };
        i = hi;
    }
    return runs;
}

/* ---- choice ---- */
/* The output function of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

struct choice {
    struct subset at; /* the chosen positions */
    int64_t k;        /* number of positions to choose */
};

static void choose(struct choice *c, int64_t i)
{
    if (c->at.n >= c->k || i < 0 || i >= c->at.count || (c->at.bits && has_bit(c->at.bits, i)))
        return;
    add_range(&c->at, i, i + 1);
}

/* Chooses the ends of the positions from..from+n-1, and the edges of their last tile of each size. */
static void choose_tails(struct choice *c, int64_t from, int64_t n)
{
    choose(c, from);
    choose(c, from + n - 1);
    for (int64_t tile = 16; tile <= 256 && tile < n; tile *= 2) {
        int64_t last = (n - 1) / tile * tile;
        choose(c, from + last);
        choose(c, from + last - 1);
    }
}

static void choose_rest(struct choice *c, uint64_t *rnd)
{
    int64_t strata = c->k - c->at.n;
    for (int64_t i = 0; i < strata; i++) {
        int64_t lo = (int64_t)((double)c->at.count / (double)strata * (double)i);
        int64_t hi = (int64_t)((double)c->at.count / (double)strata * (double)(i + 1));
        choose(c, lo + (hi > lo ? (int64_t)(draw(rnd) % (uint64_t)(hi - lo)) : 0));
    }
    while (c->at.n < c->k)
        choose(c, (int64_t)(draw(rnd) % (uint64_t)c->at.count));
}

/* Chooses k of the positions 0..count-1, among them edges of the first and the last stretch of length `dim`. */
static struct choice choose_positions(int64_t count, int64_t dim, int64_t k, uint64_t *rnd)
{
    struct choice c = { .at = { .count = count }, .k = k };
    if (k >= count) {
        add_everything(&c.at);
        return c;
    }
    choose_tails(&c, 0, dim);
    if (count > dim)
        choose_tails(&c, count - dim, dim);
    choose_rest(&c, rnd);
    return c;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t quotient_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

static void add_columns(struct subset *x, int64_t row, int64_t length, const struct subset *columns)
{
    if (columns->all) {
        add_range(x, row * length, (row + 1) * length);
        return;
    }
    for (int64_t j = find_bit(columns->bits, 0, length, true); j < length;) {
        int64_t end = find_bit(columns->bits, j, length, false);
        add_range(x, row * length + j, row * length + end);
        j = find_bit(columns->bits, end, length, true);
    }
}

void subsets_draw(struct subsets *p, const struct node *n, int64_t elements, int64_t min_rows, uint64_t seed)
{
    struct subset *x = &p->of[n->id];
    int64_t length = last_dim(p, n);
    /* Values with rows of equal length get the same choice. */
    uint64_t rnd = seed + UINT64_C(0x632be59bd9b4e019) * (uint64_t)(length + 1);
    if (x->count == 0)
        return;
    int64_t rows = x->count / length;
    int64_t k = least(rows, most(min_rows, quotient_up(elements, length)));
    int64_t columns = is_chosen_set(n) ? length : least(length, quotient_up(elements, k));
    int64_t stretch = n->type.rank > 1 ? dims_eval(p->dims, n->type.dim[n->type.rank - 2]) : rows;
    struct choice r = choose_positions(rows, stretch, k, &rnd);
    struct choice c = choose_positions(length, length, columns, &rnd);
    for (int64_t row = 0; row < rows; row++)
        if (r.at.all || has_bit(r.at.bits, row))
            add_columns(x, row, length, &c.at);
    free(r.at.bits);
    free(c.at.bits);
}

/* ---- what is needed ---- */
static void box_of_run(const struct subsets *p, const struct type *t, const struct run *r, struct box *out)
{
    int64_t at = r->lo;
    *out = (struct box){ .rank = t->rank };
    for (int d = t->rank - 1; d >= 0; d--) {
        int64_t n = dims_eval(p->dims, t->dim[d]);
        out->lo[d] = out->hi[d] = at % n;
        at /= n;
    }
    if (t->rank)
        out->hi[t->rank - 1] += r->hi - r->lo - 1;
}

static void box_of_all(const struct subsets *p, const struct type *t, struct box *out)
{
    *out = (struct box){ .rank = t->rank };
    for (int d = 0; d < t->rank; d++)
        out->hi[d] = dims_eval(p->dims, t->dim[d]) - 1;
}

/* Adds the elements of box b. Within the box, dimensions from `inner` on are contiguous in memory. */
static void add_box(const struct subsets *p, struct subset *x, const struct type *t, const struct box *b)
{
    int64_t dim[MAX_RANK];
    int64_t size = 1;
    int inner = t->rank;
    bool whole = true;
    for (int d = 0; d < t->rank; d++) {
        dim[d] = dims_eval(p->dims, t->dim[d]);
        if (b->lo[d] > b->hi[d])
            return;
    }
    while (inner > 0 && whole) {
        inner--;
        size *= b->hi[inner] - b->lo[inner] + 1;
        whole = b->hi[inner] - b->lo[inner] + 1 == dim[inner];
    }
    int64_t at[MAX_RANK];
    memcpy(at, b->lo, sizeof at);
    for (int d = 0; d >= 0;) {
        int64_t lo = 0;
        for (int i = 0; i < t->rank; i++)
            lo = lo * dim[i] + at[i];
        add_range(x, lo, lo + size);
        for (d = inner - 1; d >= 0 && ++at[d] > b->hi[d]; d--)
            at[d] = b->lo[d];
    }
}

/* The boxes added last, by operand and by the run's number in its row. Rows of a product often need equal boxes. */
enum { SEEN_OPERANDS = 3, SEEN_RUNS = 512 };
struct seen {
    struct box box[SEEN_OPERANDS][SEEN_RUNS];
    bool is[SEEN_OPERANDS][SEEN_RUNS];
};

static bool is_seen(struct seen *seen, int operand, int64_t run, const struct box *in)
{
    if (!seen || operand >= SEEN_OPERANDS)
        return false;
    bool *is = &seen->is[operand][run % SEEN_RUNS];
    struct box *last = &seen->box[operand][run % SEEN_RUNS];
    if (*is && !memcmp(last, in, sizeof *in))
        return true;
    *is = true;
    *last = *in;
    return false;
}

static void add_needed(struct subsets *p, const struct node *n, const struct box *out, int64_t run, struct seen *seen)
{
    for (int k = 0; k < n->n_in; k++) {
        struct subset *x = &p->of[n->in[k]->id];
        struct box in;
        if (x->all)
            continue;
        op_needs(n, k, p->dims, out, &in);
        if (!is_seen(seen, k, run, &in))
            add_box(p, x, &n->in[k]->type, &in);
    }
}

static void fill_rows(struct subsets *p, const struct node *n)
{
    struct subset *x = &p->of[n->id];
    int64_t length = last_dim(p, n);
    for (int64_t i = 0; x->bits && i < x->count; i += length)
        if (find_bit(x->bits, i, i + length, true) < i + length)
            add_range(x, i, i + length);
}

static void spread_runs(struct subsets *p, const struct node *n)
{
    struct seen *seen = memory_must(calloc(1, sizeof *seen), sizeof *seen);
    int64_t length = last_dim(p, n);
    int64_t run = 0;
    size_t n_runs;
    struct run *runs = subsets_runs(p, n, &n_runs);
    for (size_t r = 0; r < n_runs; r++) {
        struct box out;
        run = r && runs[r].lo / length == runs[r - 1].lo / length ? run + 1 : 0;
        box_of_run(p, &n->type, &runs[r], &out);
        add_needed(p, n, &out, run, seen);
    }
    free(runs);
    free(seen);
}

static void spread_node(struct subsets *p, const struct node *n)
{
    const struct subset *x = &p->of[n->id];
    struct box all;
    if (is_chosen_set(n))
        fill_rows(p, n);
    if (n->op->class == CLS_POINTWISE) {
        for (int k = 0; k < n->n_in; k++)
            add_subset(&p->of[n->in[k]->id], x);
    } else if (x->all) {
        box_of_all(p, &n->type, &all);
        add_needed(p, n, &all, 0, NULL);
    } else {
        spread_runs(p, n);
    }
}

void subsets_spread(struct subsets *p, struct node *const *nodes, size_t n_nodes)
{
    for (size_t i = n_nodes; i-- > 0;)
        if (!subset_is_empty(&p->of[nodes[i]->id]))
            spread_node(p, nodes[i]);
}

double subsets_work(const struct subsets *p, struct node *const *nodes, size_t n_nodes)
{
    double sum = 0;
    for (size_t i = 0; i < n_nodes; i++) {
        const struct subset *x = &p->of[nodes[i]->id];
        struct work w = { 0 };
        if (subset_is_empty(x))
            continue;
        op_work(p->s, nodes[i], &w);
        double macs = w.macs ? (double)dims_eval(p->dims, w.macs) : 0;
        sum += macs * (double)subsets_count(p, nodes[i]) / (double)x->count;
    }
    return sum;
}
