/* Two sides are compared: the graph and the kernel. Each side is a polynomial of degree at most D in the inputs, the
   results of hashes, and the inverses of divisors.

   Two different polynomials of degree d agree at a random point of a field of P elements with probability at most d/P
   (Schwartz 1980).

   Hashes: each side has at most m. If the operands of two hashes are different polynomials, their values must differ
   too. There are (2m)²/2 pairs of hashes, and each fails with probability at most d/P. Together with the two sides: d(1
   + (2m)²/2)/P.

   Inverses: they are not independent variables. Each side has at most Q divisors, each of degree at most e.
   Multiplying both sides by all divisors, D times, removes the inverses. Then d = D(1 + Q·e). A divisor that
   contains inverses needs one more such step. */
#include "runtime/judge/exact_error.h"

#include <math.h>
#include <string.h>

#include "ir/ops/op.h"

/* The largest degree (NUM_DEGREE) of any value of one side, and of any divisor. */
struct side {
    uint64_t most, divisor;
};

/* ---- the graph ---- */
struct cone {
    struct arena *a;
    const struct group *gr;
    const struct dim_values *dims;
    struct ev_tally *tally; /* by node id: hashes and inverses of one element */
    struct box *box;        /* by node id: the needed elements; rank -1: none */
};

static bool computes(const struct group *gr, const struct node *n)
{
    for (size_t i = 0; i < gr->n_nodes; i++)
        if (gr->nodes[i] == n)
            return true;
    return false;
}

static void widen(struct box *b, const struct box *by)
{
    if (b->rank < 0) {
        *b = *by;
        return;
    }
    for (int d = 0; d < b->rank; d++) {
        b->lo[d] = by->lo[d] < b->lo[d] ? by->lo[d] : b->lo[d];
        b->hi[d] = by->hi[d] > b->hi[d] ? by->hi[d] : b->hi[d];
    }
}

static double box_count(const struct box *b)
{
    double n = 1;
    for (int d = 0; d < b->rank; d++)
        n *= b->hi[d] < b->lo[d] ? 0 : (double)(b->hi[d] - b->lo[d] + 1);
    return b->rank < 0 ? 0 : n;
}

/* Counts the hashes and inverses from which element `at` of result `out` is computed. */
static void count_cone(struct cone *c, const struct node *out, int64_t at, double *calls, double *inverses)
{
    const struct group *gr = c->gr;
    for (size_t i = 0; i < gr->n_nodes; i++)
        c->box[gr->nodes[i]->id].rank = -1;
    struct box one = { .rank = out->type.rank };
    for (int d = one.rank - 1; d >= 0; d--) {
        int64_t n = dims_eval(c->dims, out->type.dim[d]);
        one.lo[d] = one.hi[d] = at % n;
        at /= n;
    }
    c->box[out->id] = one;
    *calls = 0;
    *inverses = 0;
    for (size_t i = gr->n_nodes; i-- > 0;) {
        const struct node *n = gr->nodes[i];
        const struct box *b = &c->box[n->id];
        if (!(box_count(b) > 0))
            continue;
        *calls += box_count(b) * (double)c->tally[n->id].calls;
        *inverses += box_count(b) * (double)c->tally[n->id].inverses;
        for (int k = 0; k < n->n_in; k++) {
            struct box in;
            if (!computes(gr, n->in[k]))
                continue;
            op_needs(n, k, c->dims, b, &in);
            widen(&c->box[n->in[k]->id], &in);
        }
    }
}

static void fill_degree(struct walk *w, const struct node *n, const struct walk *values)
{
    int64_t count = type_count_at(&n->type, &w->dims);
    NUM *v = walk_room(w, n);
    if (dtype_is_float(n->type.dtype))
        for (int64_t i = 0; i < count; i++)
            v[i].u = 1;
    else
        memcpy(v, walk_value(values, n)->v, sizeof *v * (size_t)count);
}

static struct side side_of_graph(struct walk *w, const struct group *gr, const struct walk *values,
                                 struct ev_tally *tally)
{
    struct side out = { 0 };
    for (size_t i = 0; i < gr->n_ins; i++)
        fill_degree(w, gr->ins[i], values);
    for (size_t i = 0; i < gr->n_nodes; i++) {
        const struct node *n = gr->nodes[i];
        struct ev_tally *t = &tally[n->id];
        walk_node_degree(w, n, t);
        out.divisor = degree_max(out.divisor, t->divisor);
        if (!dtype_is_float(n->type.dtype))
            fill_degree(w, n, values);
        else if (walk_value(w, n)->count)
            out.most = degree_max(out.most, walk_value(w, n)->v[0].u);
    }
    return out;
}

/* ---- the kernel ---- */
/* The degrees of a kernel's values. An array has one degree: the largest of its elements. */
struct flow {
    const struct kernel *k;
    const struct program_launch *l;
    uint64_t *value; /* by kexpr id: the degree plus 1; 0: not computed in this round */
    uint64_t *arg, *shared, *priv, *frag;
    uint64_t *elem; /* inside an EACH statement: the degree of its fragment */
    struct side side;
    bool grew;
};

static uint64_t *memory(struct flow *f, const struct kmem *m)
{
    struct kmem *const *of = m->space == KS_ARG ? f->k->args : m->space == KS_SHARED ? f->k->shared : f->k->priv;
    size_t n = m->space == KS_ARG ? f->k->n_args : m->space == KS_SHARED ? f->k->n_shared : f->k->n_priv;
    for (size_t i = 0; i < n; i++)
        if (of[i] == m)
            return (m->space == KS_ARG ? f->arg : m->space == KS_SHARED ? f->shared : f->priv) + i;
    BUG("kernel %s: %s is none of its memory", f->k->name, m->name);
}

static uint64_t *fragment(struct flow *f, const struct kfrag *g)
{
    size_t i = 0;
    while (f->k->frags[i] != g)
        i++;
    return &f->frag[i];
}

static void put(struct flow *f, uint64_t *to, uint64_t degree)
{
    uint64_t d = degree_max(*to, degree);
    f->grew |= d != *to;
    *to = d;
    f->side.most = degree_max(f->side.most, d);
}

static uint64_t degree(struct flow *f, const struct kexpr *x);

static uint64_t degree_of_op(struct flow *f, const struct kexpr *x)
{
    uint64_t d[3] = { 0 };
    for (int i = 0; i < kop_table[x->op].arity; i++)
        d[i] = degree(f, x->arg[i]);
    if (!dtype_is_float(x->type) || !kop_table[x->op].arity)
        return 0;
    switch (x->op) {
    case K_ADD:
    case K_SUB: return degree_max(d[0], d[1]);
    case K_MUL: return degree_product(d[0], d[1]);
    case K_FMA: return degree_max(degree_product(d[0], d[1]), d[2]);
    case K_SELECT: return degree_max(d[1], d[2]);
    case K_NEG:
    case K_CAST:
    case K_ROUND16:
    case K_ROUNDB16: return dtype_is_float(x->arg[0]->type) ? d[0] : 0;
    case K_DIV: f->side.divisor = degree_max(f->side.divisor, d[1]); return degree_quotient(d[0], d[1]);
    default: return 1; /* a hash counts as a variable */
    }
}

static uint64_t degree(struct flow *f, const struct kexpr *x)
{
    uint64_t *known = &f->value[x->id];
    if (!*known) {
        uint64_t d = x->kind == KEXPR_LOAD   ? *memory(f, x->mem)
                     : x->kind == KEXPR_FRAG ? *f->elem
                     : x->kind == KEXPR_OP   ? degree_of_op(f, x)
                                             : 0;
        *known = d + 1;
    }
    return *known - 1;
}

static void flow_stmts(struct flow *f, struct kstmt *const *list, size_t n);

static void flow_stmt(struct flow *f, const struct kstmt *it)
{
    uint64_t d = it->value && dtype_is_float(it->value->type) ? degree(f, it->value) : 0;
    switch (it->kind) {
    case KSTMT_LET:
        if (it->read)
            f->value[it->read->id] = d + 1;
        break;
    case KSTMT_STORE: put(f, memory(f, it->mem), d); break;
    case KSTMT_ACCUMULATE: put(f, memory(f, it->mem), it->acc == KACC_SUM || it->join ? d : 1); break;
    case KSTMT_LOAD_VECTOR:
    case KSTMT_STORE_VECTOR:
    case KSTMT_ISSUE: put(f, memory(f, it->mem), *memory(f, it->mem2)); break;
    case KSTMT_FRAG_LOAD: put(f, fragment(f, it->frag), *memory(f, it->mem)); break;
    case KSTMT_FRAG_FILL: put(f, fragment(f, it->frag), d); break;
    case KSTMT_FRAG_SET: put(f, f->elem, d); break;
    case KSTMT_FRAG_CAST: put(f, fragment(f, it->frag), *fragment(f, it->frag_a)); break;
    case KSTMT_FRAG_REDUCE: put(f, memory(f, it->mem), it->acc == KACC_SUM ? *fragment(f, it->frag) : 1); break;
    case KSTMT_MMA:
        put(f, fragment(f, it->frag), degree_product(*fragment(f, it->frag_a), *fragment(f, it->frag_b)));
        break;
    case KSTMT_EACH: f->elem = fragment(f, it->frag); break;
    default: break;
    }
    flow_stmts(f, it->body, it->n_body);
    flow_stmts(f, it->orelse, it->n_orelse);
}

static void flow_stmts(struct flow *f, struct kstmt *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        flow_stmt(f, list[i]);
}

/* Raises `scratch`, the degrees in the group's scratch, to those after launch l. Sets *out.
   Returns false if a degree grows with every turn of a loop. */
static bool side_of_launch(struct arena *a, const struct program_launch *l, uint64_t *scratch, struct side *out)
{
    enum { MOST_ROUNDS = 64 };
    const struct kernel *k = l->k;
    struct flow f = { .k = k, .l = l };
    f.value = arena_array(a, uint64_t, k->n_values + 1);
    f.arg = arena_array(a, uint64_t, k->n_args + 1);
    f.shared = arena_array(a, uint64_t, k->n_shared + 1);
    f.priv = arena_array(a, uint64_t, k->n_priv + 1);
    f.frag = arena_array(a, uint64_t, k->n_frags + 1);
    for (size_t i = 0; i < k->n_args; i++)
        f.arg[i] = l->args[i].scratch >= 0 ? scratch[l->args[i].scratch] : dtype_is_float(k->args[i]->dtype);
    f.grew = true;
    for (int round = 0; f.grew; round++) {
        if (round == MOST_ROUNDS)
            return false;
        f.grew = false;
        memset(f.value, 0, sizeof *f.value * (k->n_values + 1));
        flow_stmts(&f, k->body, k->n_body);
    }
    for (size_t i = 0; i < k->n_args; i++)
        if (l->args[i].scratch >= 0)
            scratch[l->args[i].scratch] = degree_max(scratch[l->args[i].scratch], f.arg[i]);
    out->most = degree_max(out->most, f.side.most);
    out->divisor = degree_max(out->divisor, f.side.divisor);
    return true;
}

/* ---- both ---- */
static double low(uint64_t degree) { return (double)(degree & ((UINT64_C(1) << DEGREE_NEST) - 1)); }

double exact_error(const struct program *p, size_t first, size_t last, const struct walk *values)
{
    const struct group *gr = p->launches[first].group;
    struct walk *w = walk_begin(p->s, p->g, &values->dims, NUMERICS_REAL, 1);
    struct cone c = { .a = w->arena, .gr = gr, .dims = &values->dims };
    c.tally = arena_array(w->arena, struct ev_tally, p->g->next_id + 1);
    c.box = arena_array(w->arena, struct box, p->g->next_id + 1);
    struct side side = side_of_graph(w, gr, values, c.tally);
    uint64_t *scratch = arena_array(w->arena, uint64_t, gr->n_scratch + 1);
    bool bounded = true;
    for (size_t i = first; i <= last && bounded; i++)
        bounded = side_of_launch(w->arena, &p->launches[i], scratch, &side);
    double worst = 0;
    for (size_t i = 0; i < gr->n_outs; i++) {
        int64_t count = walk_value(w, gr->outs[i])->count;
        for (int k = 0; k < 3 && count; k++) {
            double m, q;
            count_cone(&c, gr->outs[i], k * (count - 1) / 2, &m, &q);
            double nest = (double)(side.most >> DEGREE_NEST);
            double d = low(side.most) * pow(1 + 2 * q * low(side.divisor), nest);
            worst = fmax(worst, d * (1 + 2 * m * 2 * m / 2) / (double)FIELD_P);
        }
    }
    walk_end(w);
    return bounded ? worst : INFINITY;
}
