#include "runtime/judge/exact.h"

#include <time.h>

#include "codegen/payload.h"
#include "ir/ops/op.h"
#include "runtime/judge/exact_error.h"
#include "runtime/judge/exact_run.h"

struct exact {
    struct session *s;
    const struct program *p;
    const struct binding *b;
    struct walk *w; /* holds every value that a later group reads */
    const struct payloads *lib;
    payload_run **run; /* by number of a kernel of the program */
    size_t next;
    size_t *last_reader; /* by node id: the last group that reads the node, plus 1 */
};

/* ---- inputs ---- */
static bool is_float(const struct node *n) { return dtype_is_float(n->type.dtype); }

/* Returns element i of node number `of`: uniform in the field, and the same in every run. */
static uint64_t draw(const struct exact *x, uint64_t of, int64_t i)
{
    enum { DRAWN = FIELD_OP_COUNT + 16 };
    return field_mix(x->w->key, DRAWN, of, (uint64_t)i);
}

static void bind_source(struct exact *x, const struct node *n)
{
    int64_t count = type_count_at(&n->type, &x->w->dims);
    const struct tensor *t = n->name ? binding_find(x->b, n->name) : NULL;
    BUG_IF(!t, "%s has no tensor", n->name ? n->name : n->op->call.name);
    NUM *v = walk_room(x->w, n);
    for (int64_t i = 0; i < count; i++)
        v[i] = is_float(n) ? (NUM){ .u = draw(x, (uint64_t)n->id, i) } : (NUM){ .i = tensor_get_i64(t, i) };
}

/* Draws the elements of a judged float value anew for its readers. Zeros stay. */
static void renew(struct exact *x, const struct node *n)
{
    struct wval *v = &x->w->val[n->id];
    for (int64_t i = 0; i < v->count && is_float(n); i++)
        if (v->v[i].u)
            v->v[i].u = draw(x, (uint64_t)n->id, i);
}

static void compare(struct exact *x, const struct node *n, const struct cells *got, struct exact_verdict *v)
{
    const struct wval *want = walk_value(x->w, n);
    for (int64_t i = 0; i < want->count; i++) {
        v->elements++;
        if (cells_get(got, i).i == want->v[i].i)
            continue;
        if (!v->unequal++) {
            v->first = n;
            v->first_at = i;
        }
    }
}

static void fill_inputs(struct exact *x, const struct group_cells *m)
{
    for (size_t i = 0; i < m->gr->n_ins; i++) {
        const struct wval *v = walk_value(x->w, m->gr->ins[i]);
        for (int64_t k = 0; k < v->count; k++)
            cells_set(&m->in[i], k, v->v[k]);
    }
}

static size_t last_launch(const struct exact *x)
{
    size_t i = x->next;
    while (!x->p->launches[i].last)
        i++;
    return i;
}

/* Evaluates the next group in the reference. Binds the sources that the group reads first. */
static const struct group *evaluate(struct exact *x)
{
    const struct group *gr = x->p->launches[x->next].group;
    for (size_t i = 0; i < gr->n_ins; i++)
        if (!x->w->val[gr->ins[i]->id].set)
            bind_source(x, gr->ins[i]);
    for (size_t i = 0; i < gr->n_nodes; i++)
        walk_node(x->w, gr->nodes[i]);
    return gr;
}

void exact_judge(struct exact *x, struct exact_verdict *v)
{
    const struct group *gr = evaluate(x);
    size_t last = last_launch(x);
    *v = (struct exact_verdict){ .group = gr, .kernel = x->p->launches[last].kernel };
    struct group_cells m = group_cells_begin(x->w->arena, gr, &x->w->dims);
    fill_inputs(x, &m);
    group_cells_forget(&m);
    for (size_t i = x->next; i <= last; i++)
        v->outside += payload_launch(x->lib, x->run[x->p->launches[i].kernel], &x->p->launches[i], &m);
    for (size_t i = 0; i < gr->n_outs; i++)
        compare(x, gr->outs[i], &m.out[i], v);
    group_cells_end(&m);
    v->error = exact_error(x->p, x->next, last, x->w);
}

/* Moves on to the next group: frees values without further readers, and draws the group's results anew. */
void exact_pass_on(struct exact *x)
{
    const struct group *gr = x->p->launches[x->next].group;
    for (size_t i = 0; i < gr->n_nodes; i++)
        if (!gr->nodes[i]->materialised || gr->nodes[i]->group != gr)
            walk_drop(x->w, gr->nodes[i]);
    for (size_t i = 0; i < gr->n_outs; i++)
        renew(x, gr->outs[i]);
    for (size_t i = 0; i < gr->n_ins; i++)
        if (x->last_reader[gr->ins[i]->id] == (size_t)gr->id + 1)
            walk_drop(x->w, gr->ins[i]);
    x->next = last_launch(x) + 1;
}

static void find_readers(struct exact *x)
{
    const struct graph *g = x->p->g;
    x->last_reader = arena_array(x->w->arena, size_t, g->next_id + 1);
    for (size_t i = 0; i < g->n_groups; i++)
        for (size_t k = 0; k < g->groups[i]->n_ins; k++)
            x->last_reader[g->groups[i]->ins[k]->id] = i + 1;
}

/* ---- values that only selections read ---- */
enum { REACHES = 1, SEEN = 2 };

/* Marks nodes of gr. REACHES: a result depends on the node. SEEN: one does so without a selection in between. */
static void mark_seen(const struct group *gr, char *mark)
{
    for (size_t i = 0; i < gr->n_outs; i++)
        mark[gr->outs[i]->id] = REACHES | SEEN;
    for (size_t i = gr->n_nodes; i-- > 0;) {
        const struct node *n = gr->nodes[i];
        for (int k = 0; k < n->n_in; k++)
            mark[n->in[k]->id] |= is_float(n) >= is_float(n->in[k]) ? mark[n->id] : mark[n->id] & REACHES;
    }
}

static void find_selected(struct exact *x, struct exact_report *out)
{
    const struct graph *g = x->p->g;
    out->selected = arena_array(x->s->run, const struct node *, g->n_nodes + 1);
    for (size_t i = 0; i < g->n_groups; i++) {
        const struct group *gr = g->groups[i];
        char *mark = arena_array(x->w->arena, char, g->next_id + 1);
        mark_seen(gr, mark);
        for (size_t k = 0; k < gr->n_nodes; k++) {
            const struct node *n = gr->nodes[k];
            if (is_float(n) && mark[n->id] == REACHES && n->op->class != CLS_SOURCE)
                out->selected[out->n_selected++] = n;
        }
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct exact *exact_begin(struct session *s, const struct program *p, const struct binding *b, int threads,
                          const struct payloads *lib, size_t first)
{
    struct walk *w = walk_begin(s, p->g, &b->dims, NUMERICS_REAL, threads);
    struct exact *x = arena_new_of(w->arena, struct exact);
    *x = (struct exact){ .s = s, .p = p, .b = b, .w = w, .lib = lib };
    w->kind = NUM_FIELD;
    w->key = *lib->key = UINT64_C(0x746f6b6963);
    x->run = arena_array(w->arena, payload_run *, p->n_kernels + 1);
    for (size_t i = 0; i < p->n_kernels; i++)
        x->run[i] = lib->run[first + i];
    find_readers(x);
    return x;
}

void exact_end(struct exact *x) { walk_end(x->w); }
bool exact_is_done(const struct exact *x) { return x->next == x->p->n_launches; }
const struct program_launch *exact_launch(const struct exact *x) { return &x->p->launches[x->next]; }
const struct walk *exact_values(const struct exact *x) { return x->w; }
payload_run **exact_code(struct exact *x, size_t kernel) { return &x->run[kernel]; }

void exact_all(struct session *s, const struct program *p, const struct binding *b, int threads,
               const struct payloads *lib, size_t first, struct exact_report *out)
{
    double start = now();
    struct exact *x = exact_begin(s, p, b, threads, lib, first);
    *out = (struct exact_report){ .pass = true };
    out->kernels = arena_array(s->run, struct exact_verdict, p->g->n_groups + 1);
    find_selected(x, out);
    while (!exact_is_done(x)) {
        struct exact_verdict *v = &out->kernels[out->n_kernels++];
        exact_judge(x, v);
        exact_pass_on(x);
        out->pass &= exact_is_equal(v);
        out->error += v->error;
    }
    exact_end(x);
    out->seconds = now() - start;
}

bool exact_field(struct session *s, const struct program *p, const struct binding *b, int threads,
                 struct exact_report *out)
{
    struct kernel **k = arena_array(s->run, struct kernel *, p->n_kernels + 1);
    struct payloads lib;
    for (size_t i = 0; i < p->n_kernels; i++)
        k[i] = p->kernels[i].k;
    bool ok = payloads_compile(s, p->target, payload_field(s), k, p->n_kernels, &lib);
    if (ok)
        exact_all(s, p, b, threads, &lib, 0, out);
    payloads_close(&lib);
    return ok;
}
