/* Adds the gradients of the loss as nodes. The outputs become "grad:NAME" for each name that is asked for, and the
   loss. Requires types. Runs before contracts, which gives the new nodes their facts.

   Reverse mode: visits the nodes that depend on a wanted source, from the loss back. A node's adjoint is the gradient
   of the loss with respect to the node's value. Each reader of the node contributes a term, and the adjoint is their
   sum. The op record's `gradient` turns a node's adjoint into terms for its operands.

   A composite without `gradient` is differentiated through a private copy of its expansion. The composite itself stays.
   After the expand pass, cse merges the copy's nodes with those of the composite.

   The adjoints are those of loss · scale, so that small ones do not underflow in f16. The outputs are divided by
   scale again. Gradients of sources are summed in f32. The adjoint of a value that must stay f32 stays f32. */
#include <string.h>

#include "ir/graph/cone.h"
#include "ir/map.h"
#include "passes/pass.h"

struct step {
    struct node *n;
    /* The result of n's private expansion. NULL: n's op record has a gradient, or n is a source. */
    struct node *by;
};

struct reverse {
    struct graph *g;
    struct pass_ctx *c;
    const bool *keep_f32; /* by id, for nodes of the original graph: true if the node must stay f32 */
    int n_ids;
    struct node **wanted; /* sources whose gradients are asked for, in the order of the outputs */
    size_t n_wanted, cap_wanted;
    struct step *steps; /* operands precede their readers */
    size_t n_steps, cap_steps;
    struct node **adjoint; /* by node id; NULL: none yet */
};

/* ---- what is wanted ---- */
static bool is_bound_float(const struct node *n)
{
    return n->op->class == CLS_SOURCE && !n->op->kernel.at && dtype_is_float(n->type.dtype);
}

static void want(struct reverse *r, struct node *n)
{
    for (size_t i = 0; i < r->n_wanted; i++)
        if (r->wanted[i] == n)
            return;
    *arena_push(r->c->step, r->wanted, r->n_wanted, r->cap_wanted) = n;
}

static bool want_named(struct reverse *r, const char *name)
{
    struct node *n = graph_find(r->g, name);
    const char *near = NULL;
    if (n && is_bound_float(n)) {
        want(r, n);
        return true;
    }
    if (n)
        return diag_error(r->g->s, FAIL_USAGE, n->loc,
                          "grad:%s: gradients are given for parameters and float inputs, and %s is neither", name,
                          name);
    for (size_t i = 0; i < r->g->n_nodes; i++)
        if (r->g->nodes[i]->name && is_bound_float(r->g->nodes[i]))
            near = name_nearer(name, near, r->g->nodes[i]->name);
    return diag_error(r->g->s, FAIL_USAGE, NOWHERE, "grad:%s: graph %s has no parameter or input of this name%s%s%s",
                      name, r->g->name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static bool find_wanted(struct reverse *r)
{
    const struct gradients *o = &r->c->gradients;
    for (size_t i = 0; i < r->g->n_nodes; i++) {
        struct node *n = r->g->nodes[i];
        if (n->name && is_bound_float(n) && (node_is_param(n) ? o->of_params : o->of_inputs))
            want(r, n);
    }
    for (size_t i = 0; i < o->n_names; i++)
        if (!want_named(r, o->names[i]))
            return false;
    return true;
}

static bool has_loss(const struct graph *g)
{
    return g->loss ||
           diag_error(g->s, FAIL_INPUT, NOWHERE,
                      "graph %s has no loss, and a gradient is that of a loss: write loss = mse(…)", g->name);
}

/* ---- the nodes on the way ---- */
static struct builder builder_for(struct reverse *r, const struct node *n)
{
    struct builder b = build_at(r->g, n);
    b.keep_f32 = n->keep_f32 || (n->id < r->n_ids && r->keep_f32[n->id]);
    return b;
}

static void name_origin(struct graph *g, size_t first, const char *origin)
{
    for (size_t i = first; i < g->n_nodes; i++)
        if (!g->nodes[i]->origin)
            g->nodes[i]->origin = origin;
}

/* Adds n to the steps and marks it 1 if it depends on a wanted source. Recurses only into expansions. */
static bool add_step(struct reverse *r, struct node *n)
{
    bool active = n->mark == 1;
    for (int i = 0; i < n->n_in; i++)
        active |= n->in[i]->mark == 1;
    n->mark = active;
    if (!active)
        return true;
    struct step s = { .n = n };
    if (op_is_composite(n->op) && !n->op->gradient) {
        struct builder b = builder_for(r, n);
        size_t first = r->g->n_nodes;
        s.by = n->op->kernel.expand(&b, n);
        size_t last = r->g->n_nodes;
        name_origin(r->g, first, n->op->call.name);
        for (size_t i = first; i < last; i++)
            if (!s.by || !add_step(r, r->g->nodes[i]))
                return false;
    }
    *arena_push(r->c->step, r->steps, r->n_steps, r->cap_steps) = s;
    return true;
}

static bool add_steps(struct reverse *r)
{
    size_t n = r->g->n_nodes;
    for (size_t i = 0; i < n; i++)
        r->g->nodes[i]->mark = 0;
    for (size_t i = 0; i < r->n_wanted; i++)
        r->wanted[i]->mark = 1;
    for (size_t i = 0; i < n; i++)
        if (!add_step(r, r->g->nodes[i]))
            return false;
    return true;
}

/* ---- adjoints ---- */
static bool add_adjoint(struct reverse *r, struct node *x, struct node *gx)
{
    BUG_IF(!type_same_shape(&x->type, &gx->type), "a gradient of %s has the shape %s, not %s", x->op->call.name,
           type_text(r->g->arena, &gx->type), type_text(r->g->arena, &x->type));
    struct builder b = builder_for(r, gx);
    b.keep_f32 = gx->keep_f32;
    if (x->op->class == CLS_SOURCE)
        gx = build_cast(&b, gx, DT_F32);
    struct node *sum = r->adjoint[x->id] && gx ? build2(&b, "add", r->adjoint[x->id], gx) : gx;
    r->adjoint[x->id] = sum;
    return sum != NULL;
}

static bool contribute(struct reverse *r, struct node *n, struct node *gy)
{
    struct builder b = builder_for(r, n);
    const char *origin = arena_printf(r->g->arena, "%s'", n->origin ? n->origin : n->op->call.name);
    size_t first = r->g->n_nodes;
    int errors = r->g->s->n_errors;
    for (int i = 0; i < n->n_in && n->op->gradient; i++) {
        if (n->in[i]->mark != 1)
            continue;
        struct node *gx = n->op->gradient(&b, n, gy, i);
        if (r->g->s->n_errors > errors || (gx && !add_adjoint(r, n->in[i], gx)))
            return false;
    }
    name_origin(r->g, first, origin);
    return true;
}

static bool sweep_back(struct reverse *r)
{
    struct builder b = build_at(r->g, r->g->loss);
    b.keep_f32 = true;
    r->adjoint = arena_array(r->c->step, struct node *, r->g->next_id + 1);
    r->adjoint[r->g->loss->id] = build_scalar(&b, r->c->gradients.scale);
    for (size_t i = r->n_steps; i-- > 0;) {
        const struct step *s = &r->steps[i];
        struct node *gy = r->adjoint[s->n->id];
        if (!gy || s->n->op->class == CLS_SOURCE)
            continue;
        if (!(s->by ? add_adjoint(r, s->by, gy) : contribute(r, s->n, gy)))
            return false;
    }
    return true;
}

/* ---- outputs ---- */
/* Reports why no gradient reaches w: the first op on the way from w to the loss that passes none on. */
static bool say_unreached(struct reverse *r, const struct node *w)
{
    struct graph *g = r->g;
    bool *from_w = arena_array(r->c->step, bool, g->next_id + 1);
    from_w[w->id] = true;
    for (size_t i = 0; i < r->n_steps; i++) {
        const struct node *n = r->steps[i].n;
        for (int k = 0; k < n->n_in; k++)
            from_w[n->id] |= from_w[n->in[k]->id];
    }
    diag_error(g->s, FAIL_INPUT, w->loc, "grad:%s: no gradient of the loss reaches %s", w->name, w->name);
    if (!from_w[g->loss->id])
        return diag_note(g->s, g->loss->loc, "the loss does not depend on it"), false;
    for (size_t i = 0; i < r->n_steps; i++) {
        const struct node *n = r->steps[i].n;
        if (from_w[n->id] && n != w && !n->op->gradient && !r->steps[i].by)
            return diag_note(g->s, n->loc, "%s passes no gradient to its operands", n->op->call.name), false;
    }
    for (size_t i = 0; i < r->n_steps; i++) {
        const struct node *n = r->steps[i].n;
        if (from_w[n->id] && n != w && !dtype_is_float(n->type.dtype))
            return diag_note(g->s, n->loc, "this %s is %s, and integers and booleans have no gradient",
                             n->op->call.name, type_text(g->arena, &n->type)),
                   false;
    }
    return false;
}

static bool add_output(struct reverse *r, struct node *w)
{
    struct graph *g = r->g;
    struct builder b = build_at(g, w);
    struct node *gw = r->adjoint[w->id];
    const char *name = arena_printf(g->arena, "grad:%s", w->name);
    if (!gw)
        return r->c->gradients.where_they_reach || say_unreached(r, w);
    b.keep_f32 = gw->keep_f32;
    size_t first = g->n_nodes;
    if (r->c->gradients.scale != 1)
        gw = build_cast(&b, build2(&b, "mul", gw, build_scalar(&b, 1 / r->c->gradients.scale)), DT_F32);
    name_origin(g, first, arena_printf(g->arena, "%s'", w->op->call.name));
    return gw && graph_add_output(g, name, gw);
}

/* Drops new nodes that nothing reads. In a private expansion, some nodes serve only the composite's value. */
static void drop_unread(struct graph *g, size_t first, struct arena *step)
{
    bool *read = arena_array(step, bool, g->next_id + 1);
    for (size_t i = 0; i < g->n_outs; i++)
        read[g->outs[i].node->id] = true;
    for (size_t i = g->n_nodes; i-- > 0;) {
        const struct node *n = g->nodes[i];
        for (int k = 0; k < n->n_in && (i < first || read[n->id]); k++)
            read[n->in[k]->id] = true;
    }
    size_t kept = first;
    for (size_t i = first; i < g->n_nodes; i++)
        if (read[g->nodes[i]->id])
            g->nodes[kept++] = g->nodes[i];
    g->n_nodes = kept;
}

bool pass_autodiff(struct graph *g, struct pass_ctx *c)
{
    struct reverse r = { .g = g, .c = c, .n_ids = g->next_id };
    size_t first = g->n_nodes;
    if (!c->gradients.of_params && !c->gradients.of_inputs && !c->gradients.n_names)
        return false;
    r.keep_f32 = graph_keep_f32_cones(g, c->step);
    bool ok = has_loss(g) && find_wanted(&r) && add_steps(&r) && sweep_back(&r);
    bool said = false;
    for (size_t i = 0; i < g->n_outs; i++)
        said |= g->outs[i].node == g->loss;
    if (ok && !said)
        ok = graph_add_output(g, g->loss->name ? g->loss->name : "loss", g->loss);
    for (size_t i = 0; i < r.n_wanted && ok; i++)
        add_output(&r, r.wanted[i]);
    for (size_t i = 0; i < g->n_nodes; i++)
        g->nodes[i]->mark = -1;
    drop_unread(g, first, c->step);
    graph_own_values(g);
    return true;
}
