#include "runtime/judge/reference.h"

/* Numbers of chosen rows and elements of an output. Each row of a batch costs a pass over all weights. */
enum { REFERENCE_ROWS = 16, REFERENCE_ELEMENTS = 4096 };

struct reference *reference_begin(struct session *s, const struct graph *parsed, const struct binding *b,
                                  const struct judge_how *how)
{
    struct reference *r = arena_new_of(s->run, struct reference);
    *r = (struct reference){
        .s = s, .g = parsed, .b = b, .how = *how, .left_out = arena_array(s->run, double, parsed->n_outs + 1)
    };
    return r;
}

void reference_end(struct reference *r)
{
    if (r->w)
        walk_end(r->w);
    subsets_free(r->subsets);
    r->w = NULL;
    r->subsets = NULL;
}

static double work_of(const struct subsets *p) { return subsets_work(p, p->g->nodes, p->g->n_nodes); }

/* Draws REFERENCE_ELEMENTS elements of n, but no more than REFERENCE_ROWS rows have. */
static void draw_output(struct subsets *p, const struct node *n, uint64_t seed)
{
    int64_t length = n->type.rank ? dims_eval(p->dims, n->type.dim[n->type.rank - 1]) : 1;
    int64_t most = REFERENCE_ROWS * length;
    subsets_draw(p, n, most < REFERENCE_ELEMENTS ? most : REFERENCE_ELEMENTS, REFERENCE_ROWS, seed);
}

static struct subsets *with_output(const struct subsets *p, const struct node *n, uint64_t seed)
{
    struct subsets *q = subsets_copy(p);
    draw_output(q, n, seed);
    subsets_spread(q, q->g->nodes, q->g->n_nodes);
    return q;
}

/* Returns p, or p with all rows of its chosen sets if they add at most REFERENCE_WHOLE multiply-adds. */
static struct subsets *with_sets(struct subsets *p)
{
    struct subsets *q = subsets_copy(p);
    for (size_t i = 0; i < p->g->n_nodes; i++)
        if (is_chosen_set(p->g->nodes[i]) && !subset_is_empty(&p->of[p->g->nodes[i]->id]))
            subsets_add_all(q, p->g->nodes[i]);
    subsets_spread(q, q->g->nodes, q->g->n_nodes);
    bool good = work_of(q) <= work_of(p) + REFERENCE_WHOLE;
    subsets_free(good ? p : q);
    return good ? q : p;
}

/* Chooses elements of the outputs. Leaves out outputs with which the work would exceed REFERENCE_LIMIT. */
static struct subsets *choose(struct reference *r)
{
    const struct graph *g = r->g;
    struct subsets *none = subsets_new(r->s, g, &r->b->dims);
    struct subsets *p = subsets_copy(none);
    for (size_t i = 0; i < g->n_outs; i++)
        draw_output(p, g->outs[i].node, r->how.seed);
    subsets_spread(p, g->nodes, g->n_nodes);
    if (work_of(p) <= REFERENCE_LIMIT) {
        subsets_free(none);
        return p;
    }
    subsets_free(p);
    p = none;
    for (size_t i = 0; i < g->n_outs; i++) {
        struct subsets *more = with_output(p, g->outs[i].node, r->how.seed);
        double work = work_of(more);
        bool good = work <= REFERENCE_LIMIT;
        r->left_out[i] = good ? 0 : work - work_of(p);
        subsets_free(good ? p : more);
        p = good ? more : p;
    }
    return p;
}

static struct subsets *everything(struct reference *r)
{
    struct subsets *p = subsets_new(r->s, r->g, &r->b->dims);
    for (size_t i = 0; i < r->g->n_outs; i++)
        subsets_add_all(p, r->g->outs[i].node);
    subsets_spread(p, r->g->nodes, r->g->n_nodes);
    return p;
}

static bool is_small(struct reference *r)
{
    struct subsets *p = everything(r);
    double work = work_of(p);
    subsets_free(p);
    return work <= REFERENCE_WHOLE;
}

bool reference_run(struct reference *r)
{
    if (r->w)
        return true;
    struct node **outs = arena_array(r->s->run, struct node *, r->g->n_outs + 1);
    size_t n = 0;
    if (!r->how.full && !is_small(r))
        r->subsets = with_sets(choose(r));
    for (size_t i = 0; i < r->g->n_outs; i++)
        if (r->left_out[i] == 0)
            outs[n++] = r->g->outs[i].node;
    r->w = walk_begin(r->s, r->g, &r->b->dims, NUMERICS_REAL, r->how.threads);
    r->w->subsets = r->subsets;
    walk_bind(r->w, r->b);
    return walk_run(r->w, outs, n, true, NULL, NULL);
}
